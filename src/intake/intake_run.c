#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "intake/intake_fhir_int.h"

typedef struct Run {
    Intake *intake;
    const IntakeRun *o;
    IntakeReport *report;
    Mutex lock; /* report, err, paths */
    char **paths;
    size_t n_paths, cap_paths;
    atomic_size_t next;
    size_t end;         /* files behind it wait for those before */
    size_t n_first;     /* files of Patients stand in front */
    atomic_bool fhir;   /* a FHIR file was among them */
    atomic_bool broken; /* a fatal error somewhere: everybody stops */
    ErrCode err;
    ErrInfo info;
} Run;

enum { NICE_IMPORT = 5 };

static ErrCode add_path(void *ctx, const char *path, uint64_t bytes) {
    (void)bytes;
    Run *r = ctx;
    if (r->n_paths == r->cap_paths) {
        size_t cap = r->cap_paths == 0 ? 256 : r->cap_paths * 2;
        char **grown = realloc(r->paths, cap * sizeof(*grown));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        r->paths = grown;
        r->cap_paths = cap;
    }
    r->paths[r->n_paths] = strdup(path);
    if (r->paths[r->n_paths] == NULL) {
        return ERR_NOMEM;
    }
    r->n_paths++;
    return ERR_OK;
}

/* A file that cannot be read is reported and passed over. */
static void report_unreadable(Run *r, const char *path, ErrCode err) {
    intake_report_issue(r->report, &r->lock,
                        &(IntakeIssue){.is_error = true,
                                       .file = str_from(path),
                                       .rule = STR("file-unreadable"),
                                       .en = str_from(err_text(err, 0)),
                                       .vi = str_from(err_text(err, 1))});
    log_error("intake-unreadable", "error", err_name(err));
    MUTEX_GUARD(&r->lock);
    r->report->files_failed++;
}

/* A fatal error: everybody stops. */
static void note_error(Run *r, ErrCode err, const ErrInfo *info) {
    atomic_store(&r->broken, true);
    MUTEX_GUARD(&r->lock);
    if (r->err == ERR_OK) {
        r->err = err;
        r->info = *info;
    }
}

static Str base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return str_from(slash == NULL ? path : slash + 1);
}

static void feed_fhir(Run *r, const IntakeFile *file) {
    ErrInfo info = {0};
    atomic_store(&r->fhir, true);
    IntakeFeed feed = {
        .report = r->report, .lock = &r->lock, .progress = r->o->progress, .stop = r->o->stop};
    ErrCode err = intake_fhir_file(r->intake, file, &feed, &info);
    bool asked = r->o->stop != NULL && stop_asked(r->o->stop);
    if (err != ERR_OK && !(err == ERR_STOPPED && asked)) {
        note_error(r, err, &info);
    }
}

/* ERR_OK also when a FHIR file failed: that is noted already. */
static ErrCode feed_path(Run *r, Feeder *f, const char *path, Buf *bytes) {
    buf_clear(bytes);
    ErrCode err = io_read_file(path, LIMIT_CLAIM_FILE_BYTES, bytes);
    if (err != ERR_OK) {
        report_unreadable(r, path, err);
        return ERR_OK;
    }
    IntakeFile file = {.name = base_name(path), .bytes = buf_str(bytes), .actor = STR("import")};
    if (intake_is_fhir_file(file.name)) {
        feed_fhir(r, &file);
        return ERR_OK;
    }
    if (intake_leave_out(&file, &(IntakeFeed){.report = r->report, .lock = &r->lock})) {
        return ERR_OK;
    }
    return intake_feed(f, &file, r->report, &r->lock);
}

static void work(void *ctx, size_t thread) {
    (void)thread;
    Run *r = ctx;
    thread_step_back(NICE_IMPORT); /* the writer and whoever sits at a desk go first */
    Feeder *f = feeder_new(&(FeederOptions){
        .intake = r->intake,
        .report = r->report,
        .report_lock = &r->lock,
        .progress = r->o->progress,
        .actor = STR("import"),
    });
    CLEANUP_BUF Buf bytes;
    buf_init(&bytes, LIMIT_CLAIM_FILE_BYTES);
    ErrCode fed = ERR_OK;
    while (f != NULL && fed == ERR_OK && !atomic_load(&r->broken) &&
           !(r->o->stop != NULL && stop_asked(r->o->stop))) {
        size_t i = atomic_fetch_add(&r->next, 1);
        if (i >= r->end) {
            break;
        }
        fed = feed_path(r, f, r->paths[i], &bytes);
        if (r->o->progress != NULL) {
            progress_done(r->o->progress, 1);
        }
    }
    ErrInfo info = {0};
    ErrCode err = f == NULL ? ERR_NOMEM : feeder_finish(f, &info);
    if (err == ERR_OK && fed != ERR_OK) { /* not a commit: a file could not be gone through */
        err = err_plain(&info, fed, "intake-file");
    }
    if (err != ERR_OK) {
        note_error(r, err, &info);
    }
    feeder_free(f);
}

static ErrCode gather(Run *r, ErrInfo *info) {
    for (size_t i = 0; i < r->o->n_paths; i++) {
        ErrCode err = io_walk(r->o->paths[i], add_path, r);
        if (err != ERR_OK) {
            return err_set(info, err, "import-path", "cannot read %s: %s", "không đọc được %s: %s",
                           r->o->paths[i], err_text(err, 0));
        }
    }
    return ERR_OK;
}

/* Files of Patients to the front, otherwise in their order. */
static ErrCode put_patients_first(Run *r) {
    char **sorted = calloc(r->n_paths + 1, sizeof(*sorted));
    size_t at = 0;
    if (sorted == NULL) {
        return ERR_NOMEM;
    }
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < r->n_paths; i++) {
            if (intake_is_patient_file(base_name(r->paths[i])) == (first == 1)) {
                sorted[at++] = r->paths[i];
            }
        }
        r->n_first = first == 1 ? at : r->n_first;
    }
    free(r->paths);
    r->paths = sorted;
    return ERR_OK;
}

/* Files [next, end) on all threads. */
static void run_files(Run *r, Pool *pool, unsigned threads, size_t end) {
    r->end = end;
    if (atomic_load(&r->next) < end && !atomic_load(&r->broken)) {
        pool_run(pool, work, r, threads);
        atomic_store(&r->next, end); /* every thread took one number too many */
    }
}

static void run_all(Run *r, Pool *pool, unsigned threads) {
    run_files(r, pool, threads, r->n_first);
    run_files(r, pool, threads, r->n_paths);
    if (atomic_load(&r->fhir) && !atomic_load(&r->broken)) {
        ErrInfo info = {0};
        IntakeFeed feed = {.report = r->report, .lock = &r->lock, .stop = r->o->stop};
        ErrCode err = intake_retry_waiting(r->intake, &feed, &info);
        if (err != ERR_OK && err != ERR_STOPPED) {
            note_error(r, err, &info);
        }
    }
}

ErrCode intake_run(Intake *intake, const IntakeRun *run, IntakeReport *report, ErrInfo *info) {
    Run r = {.intake = intake, .o = run, .report = report};
    mutex_init(&r.lock);
    ErrCode err = gather(&r, info);
    err = err == ERR_OK ? put_patients_first(&r) : err;
    unsigned threads = run->threads == 0 ? thread_cores() : run->threads;
    Pool *pool = err == ERR_OK ? pool_new(threads, "nhip-import") : NULL;
    if (err == ERR_OK && pool == NULL) {
        err = ERR_NOMEM;
    }
    if (err == ERR_OK) {
        if (run->progress != NULL) {
            progress_set_total(run->progress, r.n_paths);
        }
        run_all(&r, pool, threads);
        err = r.err;
        if (err != ERR_OK && info != NULL) {
            *info = r.info;
        }
    }
    pool_free(pool);
    for (size_t i = 0; i < r.n_paths; i++) {
        free(r.paths[i]);
    }
    free(r.paths);
    mutex_release(&r.lock);
    return err;
}
