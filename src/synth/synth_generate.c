#include "core/limits.h"
#include "interop/claim_write.h"
#include "synth/synth_visit_int.h"

#include <zlib.h>

/* One run: threads take the files in order, make each in a buffer and hand it to the sink. */
typedef struct Run {
    World w;
    SynthFileFn on_file;
    void *ctx;
    Mutex lock; /* next, emitted, err, report */
    Cond turn;
    size_t next, emitted;
    uint64_t claims_done;
    ErrCode err;
    SynthReport report;
} Run;

typedef struct Worker {
    Run *run;
    ClaimWriter *writer;
    Visit *visit;
    Buf xml, packed;
    SynthReport sums;
} Worker;

void synth_options_init(SynthOptions *ret_options, int64_t end_day) {
    *ret_options = (SynthOptions){.seed = 1,
                                  .citizens = 50000,
                                  .visits = 200000,
                                  .facilities = 60,
                                  .years = 3,
                                  .end_day = end_day,
                                  .claims_per_file = 500,
                                  .errors_per_mille = 1,
                                  .resends_per_mille = 10};
}

static uint32_t shares(const SynthOptions *o) {
    uint32_t sum = 0;
    for (size_t i = 0; i < SYNTH_MISTAKES; i++) {
        sum += o->mistakes[i];
    }
    return sum;
}

static ErrCode check_options(const SynthOptions *o) {
    enum { DAY_2020 = 18262, DAY_2035 = 23741 };
    bool fine = o->citizens >= 1 && o->citizens <= SYNTH_CITIZENS_MAX && o->visits >= 1 &&
                o->visits <= SYNTH_VISITS_MAX &&
                o->visits <= (uint64_t)o->citizens * o->years * SYNTH_VISITS_A_YEAR_MAX &&
                o->facilities >= 1 && o->facilities <= SYNTH_FACILITIES_MAX && o->years >= 1 &&
                o->years <= SYNTH_YEARS_MAX && o->end_day >= DAY_2020 && o->end_day < DAY_2035 &&
                o->claims_per_file >= 1 && o->days_per_file <= 366 &&
                o->errors_per_mille + o->resends_per_mille <= 1000 && shares(o) <= 1000 &&
                o->desks_percent <= 1000 && o->threads <= SYNTH_THREADS_MAX;
    return fine ? ERR_OK : ERR_PARAM;
}

static ErrCode gzip(Str bytes, Buf *out) {
    z_stream z = {0};
    if (bytes.len > UINT32_MAX / 2 ||
        deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return ERR_NOMEM;
    }
    buf_clear(out);
    size_t room = deflateBound(&z, bytes.len) + 32;
    ErrCode err = buf_reserve(out, room) ? ERR_OK : ERR_NOMEM;
    if (err == ERR_OK) {
        z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
        z.avail_in = (uInt)bytes.len;
        z.next_out = (Bytef *)out->ptr;
        z.avail_out = (uInt)room;
        err = deflate(&z, Z_FINISH) == Z_STREAM_END ? ERR_OK : ERR_INTERNAL;
        out->len = z.total_out;
    }
    (void)deflateEnd(&z);
    return err;
}

static void count(SynthReport *sums, const Visit *v, const PlanClaim *c) {
    sums->resources +=
        2 + (uint64_t)(1 + v->n_others + v->n_drugs + v->n_services + v->n_results + v->n_notes);
    if (c->current != 0 && c->defect == DEFECT_NONE) {
        sums->bhtt_xu += (uint64_t)v->total.bhtt;
    }
}

static void make_file(Worker *k, const PlanFile *f) {
    const World *w = &k->run->w;
    char made[16];
    char name[64];
    (void)file_name(w, f, name); /* yyyy/mm/yyyymmdd-… */
    memcpy(made, name + 8, 8);
    Str facility = str_from(w->facilities[w->claims[f->first].facility].code);
    buf_clear(&k->xml);
    claim_write_envelope_open(&k->xml, facility, (Str){made, 8}, f->count);
    for (uint32_t i = 0; i < f->count; i++) {
        const PlanClaim *c = &w->claims[f->first + i];
        visit_make(w, &w->visits[c->visit], k->visit);
        visit_correct(k->visit, (Correction)c->correction);
        writer_hoso(k->writer, &k->xml, k->visit, c);
        k->sums.mistakes += c->mistake != 0 && mistake_fits(c->mistake, k->visit);
        count(&k->sums, k->visit, c);
    }
    claim_write_envelope_close(&k->xml);
}

/* Hands a file over: at once, or when all before it are through. */
static ErrCode emit(Worker *k, size_t at, Str bytes) {
    Run *run = k->run;
    const PlanFile *f = &run->w.files[at];
    char name[64];
    Str path = {name, file_name(&run->w, f, name)};
    if (run->w.o.any_order) {
        TRY(run->on_file(run->ctx, path, bytes));
    } else {
        MUTEX_GUARD(&run->lock);
        while (run->emitted != at && run->err == ERR_OK) {
            cond_wait(&run->turn, &run->lock);
        }
        TRY(run->err);
        TRY(run->on_file(run->ctx, path, bytes));
        run->emitted = at + 1;
        cond_broadcast(&run->turn);
    }
    return ERR_OK;
}

static ErrCode do_file(Worker *k, size_t at) {
    Run *run = k->run;
    const PlanFile *f = &run->w.files[at];
    make_file(k, f);
    TRY(buf_ok(&k->xml));
    Str bytes = buf_str(&k->xml);
    if (run->w.o.format == SYNTH_GZIP) {
        TRY(gzip(bytes, &k->packed));
        bytes = buf_str(&k->packed);
    }
    k->sums.bytes += bytes.len;
    TRY(emit(k, at, bytes));
    if (run->w.o.progress != NULL) {
        mutex_lock(&run->lock);
        run->claims_done += f->count;
        uint64_t done = run->claims_done;
        mutex_unlock(&run->lock);
        run->w.o.progress(run->w.o.progress_ctx, done, run->w.n_claims);
    }
    return ERR_OK;
}

static bool take(Run *run, size_t *ret_at) {
    MUTEX_GUARD(&run->lock);
    if (run->w.o.stop != NULL && stop_asked(run->w.o.stop) && run->err == ERR_OK) {
        run->err = ERR_STOPPED;
    }
    if (run->err != ERR_OK || run->next == run->w.n_files) {
        return false;
    }
    *ret_at = run->next++;
    return true;
}

static void work(void *arg) {
    Worker *k = arg;
    Run *run = k->run;
    size_t at;
    while (take(run, &at)) {
        ErrCode err = do_file(k, at);
        if (err != ERR_OK) {
            MUTEX_GUARD(&run->lock);
            run->err = run->err == ERR_OK ? err : run->err;
            cond_broadcast(&run->turn);
        }
    }
    MUTEX_GUARD(&run->lock);
    run->report.bytes += k->sums.bytes;
    run->report.bhtt_xu += k->sums.bhtt_xu;
    run->report.resources += k->sums.resources;
    run->report.mistakes += k->sums.mistakes;
    cond_broadcast(&run->turn);
}

static ErrCode worker_init(Worker *k, Run *run) {
    *k = (Worker){.run = run, .writer = writer_new(&run->w), .visit = malloc(sizeof *k->visit)};
    buf_init(&k->xml, LIMIT_CLAIM_FILE_BYTES);
    buf_init(&k->packed, LIMIT_CLAIM_FILE_BYTES);
    return k->writer == NULL || k->visit == NULL ? ERR_NOMEM : ERR_OK;
}

static void worker_release(Worker *k) {
    writer_free(k->writer);
    free(k->visit);
    buf_release(&k->xml);
    buf_release(&k->packed);
}

static ErrCode run_workers(Run *run) {
    unsigned n = run->w.o.threads != 0 ? run->w.o.threads : MIN(thread_cores(), 8u);
    CLEANUP_FREE Worker *workers = calloc(n, sizeof *workers);
    CLEANUP_FREE Thread *threads = calloc(n, sizeof *threads);
    if (workers == NULL || threads == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = ERR_OK;
    for (unsigned i = 0; i < n && err == ERR_OK; i++) {
        err = worker_init(&workers[i], run);
    }
    for (unsigned i = 1; i < n && err == ERR_OK; i++) {
        if (thread_start(&threads[i], "synth", work, &workers[i]) != ERR_OK) {
            break; /* fewer threads do the same work */
        }
    }
    if (err == ERR_OK) {
        work(&workers[0]);
    }
    for (unsigned i = 0; i < n; i++) {
        thread_join(&threads[i]);
        worker_release(&workers[i]);
    }
    return err != ERR_OK ? err : run->err;
}

static ErrCode prepare(World *w) {
    TRY(content_get(&w->content));
    w->arena = arena_new(16 * LIMIT_MIB);
    if (w->arena == NULL) {
        return ERR_NOMEM;
    }
    w->to = (int32_t)w->o.end_day;
    w->from = w->to - (int32_t)(w->o.years * 36525 / 100) + 1;
    TRY(world_facilities(w));
    TRY(world_people(w));
    if (w->o.desks_percent > 0) { /* births of the period are each a visit of its own */
        TRY(world_twins(w, w->from));
    }
    TRY(world_plan(w));
    return world_claims(w);
}

static void count_plan(const World *w, SynthReport *r) {
    r->citizens = w->o.citizens;
    r->facilities = w->n_facilities;
    r->visits = w->n_visits;
    r->claims = w->n_claims;
    r->files = w->n_files;
    for (size_t i = 0; i < w->n_claims; i++) {
        r->resends += w->claims[i].correction != CORRECTION_NONE;
        r->defects += w->claims[i].defect != DEFECT_NONE;
    }
}

static ErrCode emit_truth(Run *run) {
    Buf text;
    buf_init(&text, 256 * LIMIT_MIB);
    facilities_write(&run->w, &text);
    ErrCode err = buf_ok(&text);
    if (err == ERR_OK) {
        err = run->on_file(run->ctx, STR("facilities.json"), buf_str(&text));
    }
    if (err == ERR_OK && run->w.o.catalogues) {
        err = catalogues_write(&run->w, run->on_file, run->ctx);
    }
    buf_clear(&text);
    if (err == ERR_OK) {
        err = truth_write(&run->w, &run->report, &text);
    }
    if (err == ERR_OK) {
        err = run->on_file(run->ctx, STR("truth.json"), buf_str(&text));
    }
    buf_release(&text);
    return err;
}

ErrCode synth_generate(const SynthOptions *options, SynthFileFn on_file, void *ctx,
                       SynthReport *ret_report) {
    TRY(check_options(options));
    Run run = {.w = {.o = *options}, .on_file = on_file, .ctx = ctx};
    mutex_init(&run.lock);
    cond_init(&run.turn);
    ErrCode err = prepare(&run.w);
    if (err == ERR_OK) {
        count_plan(&run.w, &run.report);
        err = run_workers(&run);
    }
    if (err == ERR_OK) {
        err = emit_truth(&run);
    }
    if (err == ERR_OK) {
        *ret_report = run.report;
    }
    world_release(&run.w);
    cond_release(&run.turn);
    mutex_release(&run.lock);
    return err;
}
