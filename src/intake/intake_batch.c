#include "core/clock.h"
#include "core/limits.h"
#include "core/log.h"
#include "intake/intake_int.h"
#include "interop/claim_write.h"

typedef struct Batch {
    Arena *arena; /* mapped claims, files, rejects: everything that survives an attempt */
    Arena *tries; /* one attempt's resolution; reset before each */
    Work *works;
    size_t n_works;
    size_t from, to; /* the works of the commit under way; those before are durable */
    StoreReceived *received;
    size_t n_received;
    Sha256 *done; /* files that this batch finishes */
    size_t n_done;
    StoreReject *rejects;
    size_t n_rejects;
    uint64_t settles; /* reject that this batch settles, or 0 */
    uint64_t *keys;   /* hashes of identities and documents in this batch */
    size_t n_keys;
    Plan plan;
    RecordNo snapshot;
    RecordNo first; /* record of the commit */
    bool under_way;
    bool finished;
    ErrCode err;
    ErrInfo info; /* of err */
    Feeder *feeder;
} Batch;

enum {
    BATCH_SLOTS = BATCH_UNDER_WAY + 1,
    BATCH_REJECTS = 256,
    WORK_KEYS = 1 + CLAIM_TOKENS_MAX,
    BATCH_KEYS = BATCH_CLAIMS * WORK_KEYS,
    BATCH_KEPT = BATCH_FILES + BATCH_CLAIMS, /* files, and what is signed in their packages */
};

struct Feeder {
    FeederOptions o;
    Batch batches[BATCH_SLOTS];
    unsigned at; /* the one being filled */
    Mutex lock;
    Cond changed;
    ErrCode fatal;
    ErrInfo info;
    /* the file being fed */
    Sha256 hash;
    const IntakeFile *file;
    bool file_stored;       /* its received row is in a batch already */
    RejectCount *file_seen; /* its rejects so far, or NULL */
    unsigned file_batches;  /* batches that hold a part of it */
    unsigned file_rejects;
    bool has_document; /* the one that is fed: */
    FeederDocument document;
    char facility[CLAIM_FACILITY_MAX]; /* of document */
};

Feeder *feeder_new(const FeederOptions *options) {
    Feeder *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return NULL;
    }
    f->o = *options;
    mutex_init(&f->lock);
    cond_init(&f->changed);
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        Batch *b = &f->batches[i];
        b->feeder = f;
        b->arena = arena_new(BATCH_ARENA_MAX);
        b->tries = arena_new(BATCH_ARENA_MAX);
        b->works = calloc(BATCH_CLAIMS, sizeof(*b->works));
        b->received = calloc(BATCH_KEPT, sizeof(*b->received));
        b->done = calloc(BATCH_KEPT, sizeof(*b->done));
        b->rejects = calloc(BATCH_REJECTS, sizeof(*b->rejects));
        b->keys = calloc(BATCH_KEYS, sizeof(*b->keys));
        if (b->arena == NULL || b->tries == NULL || b->works == NULL || b->received == NULL ||
            b->done == NULL || b->rejects == NULL || b->keys == NULL) {
            feeder_free(f);
            return NULL;
        }
    }
    return f;
}

void feeder_free(Feeder *f) {
    if (f == NULL) {
        return;
    }
    for (unsigned i = 0; i < BATCH_SLOTS; i++) {
        Batch *b = &f->batches[i];
        assert(!b->under_way);
        arena_free(b->arena);
        arena_free(b->tries);
        free(b->works);
        free(b->received);
        free(b->done);
        free(b->rejects);
        free(b->keys);
    }
    reject_count_free(f->file_seen);
    mutex_release(&f->lock);
    cond_release(&f->changed);
    free(f);
}

const IntakeOptions *feeder_intake_options(const Feeder *f) {
    return &f->o.intake->options;
}

bool feeder_forwards(const Feeder *f) {
    return f->o.intake->forwards != NULL;
}

Store *feeder_store(const Feeder *f) {
    return f->o.intake->store;
}

static bool batch_empty(const Batch *b) {
    return b->n_works + b->n_received + b->n_done + b->n_rejects == 0 && b->settles == 0;
}

static void batch_reset(Batch *b) {
    arena_reset(b->arena);
    b->n_works = b->n_received = b->n_done = b->n_rejects = b->n_keys = 0;
    b->from = b->to = 0;
    b->settles = 0;
    b->finished = false;
    b->err = ERR_OK;
}

/* ---- one attempt ---- */

/* Can this work, just resolved, not stand in one commit with those before? Its citizen may turn out
 * to be theirs although no number of it says so: it must see what they wrote. */
static bool must_wait(const Batch *b, const Work *w) {
    bool waits = b->plan.n_changes + b->plan.n_actors + w->map.n_actors > BATCH_CHANGES;
    for (const Work *other = b->works + b->from; other < w && !waits; other++) {
        waits = w->patient != 0 && other->patient == w->patient;
    }
    return waits;
}

/* Resolves works from b->from on, as many as go into one commit. */
static ErrCode resolve_works(Batch *b) {
    Intake *intake = b->feeder->o.intake;
    for (b->to = b->from; b->to < b->n_works; b->to++) {
        Work *w = &b->works[b->to];
        Plan before = b->plan;
        TRY(intake_resolve(intake, &b->plan, w));
        if (b->to > b->from && must_wait(b, w)) {
            b->plan = before;
            break;
        }
        TRY(intake_resolve_actors(intake, &b->plan, w));
        if (w->group.n_changes > 0) {
            b->plan.groups[b->plan.n_groups++] = w->group;
        }
    }
    return ERR_OK;
}

/* Files and rejects go with the first works, what is done with the last. */
static StoreCommit commit_of(Batch *b) {
    bool is_first = b->from == 0;
    bool is_last = b->to == b->n_works;
    return (StoreCommit){
        .groups = b->plan.groups,
        .n_groups = b->plan.n_groups,
        .expects = b->plan.expects,
        .n_expects = b->plan.n_expects,
        .snapshot = b->snapshot,
        .actor = b->feeder->o.actor,
        .source = STR("claims"),
        .received = b->received,
        .n_received = is_first ? b->n_received : 0,
        .rejects = b->rejects,
        .n_rejects = is_first ? b->n_rejects : 0,
        .rejects_done = &b->settles,
        .n_rejects_done = is_last && b->settles != 0,
        .files_done = b->done,
        .n_files_done = is_last ? b->n_done : 0,
    };
}

static ErrCode build(Batch *b, StoreCommit *ret) {
    arena_reset(b->tries);
    b->plan = (Plan){.arena = b->tries};
    b->snapshot = store_snapshot(b->feeder->o.intake->store);
    b->plan.groups = arena_new_array(b->tries, StoreGroup, b->n_works + 1);
    if (b->plan.groups == NULL || arena_failed(b->arena)) {
        return ERR_NOMEM;
    }
    TRY(resolve_works(b));
    if (b->plan.n_actors > 0) {
        /* Last: no "Type/~N" points to actors, so the claims' numbering stays. */
        b->plan.groups[b->plan.n_groups++] = (StoreGroup){
            .changes = b->plan.actors, .n_changes = b->plan.n_actors, .patient_change = -1};
    }
    *ret = commit_of(b);
    return ERR_OK;
}

static void forget_actors(Batch *b) {
    for (size_t i = 0; i < b->plan.n_actors; i++) {
        const StoreChange *a = &b->plan.actors[i];
        hash_set_remove(b->feeder->o.intake->actors, hash64_seed(a->id, (uint64_t)a->type));
    }
}

/* On the store's writer thread. */
static void on_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                    const StorePrepared *prepared) {
    Batch *b = ctx;
    Feeder *f = b->feeder;
    mutex_lock(&f->lock);
    b->first = committed->first;
    b->err = err;
    if (err != ERR_OK) {
        b->info = *store_prepared_info(prepared);
    }
    b->finished = true;
    cond_broadcast(&f->changed);
    mutex_unlock(&f->lock);
}

/* ---- turns: what many change at once is changed by one after the other ---- */

/* Waits while another batch has the turn; then it is this one's when `take`. Whoever has it waits
 * for nobody but the writer. */
static void turn_wait(Batch *b, bool take) {
    Intake *intake = b->feeder->o.intake;
    MUTEX_GUARD(&intake->busy_lock);
    while (intake->turn != NULL && intake->turn != b) {
        cond_wait(&intake->busy_changed, &intake->busy_lock);
    }
    intake->turn = take ? b : intake->turn;
}

static void turn_give(Batch *b) {
    Intake *intake = b->feeder->o.intake;
    MUTEX_GUARD(&intake->busy_lock);
    if (intake->turn == b) {
        intake->turn = NULL;
        cond_broadcast(&intake->busy_changed);
    }
}

/* Either the batch is under way and on_done will say how it ended, or b->err says why not. Nothing
 * of b may be touched behind store_submit but under the lock: on_done may have run already. */
static void submit(Batch *b) {
    StoreCommit commit;
    StorePrepared *prepared = NULL;
    b->info = (ErrInfo){0};
    turn_wait(b, false);
    ErrCode err = build(b, &commit);
    if (err == ERR_OK) {
        err = store_prepare(b->feeder->o.intake->store, &commit, &prepared, &b->info);
    }
    b->err = err;
    b->finished = false;
    b->under_way = err == ERR_OK;
    if (err == ERR_OK) {
        store_submit(b->feeder->o.intake->store, prepared, on_done, b);
    }
}

/* What the sender should know beyond the claim's own faults. */
typedef struct Notice {
    const char *rule, *en, *vi;
} Notice;

static const Notice OLDER = {
    "claim-older", "A later sending of this visit (by NGAYLAP) is known; this one changed nothing.",
    "Đã có lần gửi sau của lượt khám này (theo NGAYLAP); lần gửi này không thay đổi gì."};
static const Notice TORN = {
    "identity-torn",
    "The claim's numbers (CCCD, card, patient number) belong to different citizens; the strongest "
    "one took the visit. Check them.",
    "Các số trong hồ sơ (CCCD, thẻ, mã bệnh nhân) thuộc về những người khác nhau; lượt khám được "
    "ghi theo số mạnh nhất. Hãy kiểm tra."};

static const Notice RELATIVE = {
    "cccd-relative",
    "SO_CCCD is not the patient's own but a relative's (as a rule a parent's on a child): the "
    "visit stands in the patient's own record, the number is kept as a relative's.",
    "SO_CCCD không phải của người bệnh mà của người thân (thường là cha mẹ của trẻ): lượt khám "
    "được ghi vào hồ sơ riêng của người bệnh, số này được giữ là số của người thân."};

static void warn(Batch *b, const Work *w, const Notice *notice) {
    size_t bar = str_find_char(w->doc_key, '|', 0);
    ClaimIssue issue = {
        .severity = CLAIM_WARNING,
        .rule_id = str_from(notice->rule),
        .ma_lk = bar == SIZE_MAX ? w->doc_key : str_sub(w->doc_key, bar + 1, w->doc_key.len),
        .en = str_from(notice->en),
        .vi = str_from(notice->vi),
    };
    feeder_issue(b->feeder, w->file, &issue);
}

static void report_works(Batch *b) {
    for (size_t i = b->from; i < b->to; i++) {
        const Work *w = &b->works[i];
        if (w->stale) {
            warn(b, w, &OLDER);
        }
        if (w->torn) {
            warn(b, w, &TORN);
        }
        if (w->relatives) {
            warn(b, w, &RELATIVE);
        }
    }
}

static void count_outcome(Batch *b) {
    report_works(b);
    uint64_t outcomes[3] = {0};
    uint64_t resources = b->plan.n_actors;
    uint64_t rejects = b->from == 0 ? b->n_rejects : 0;
    uint64_t receipts = 0;
    for (size_t i = b->from; i < b->to; i++) {
        outcomes[b->works[i].outcome]++;
        resources += b->works[i].group.n_changes;
        receipts += b->works[i].noted;
    }
    FeederOptions *o = &b->feeder->o;
    mutex_lock(o->report_lock);
    o->report->claims_new += outcomes[WORK_NEW];
    o->report->claims_changed += outcomes[WORK_CHANGED];
    o->report->claims_same += outcomes[WORK_SAME];
    o->report->claims_rejected += rejects;
    o->report->resources += resources;
    o->report->receipts += receipts;
    for (size_t i = b->from; i < b->to; i++) {
        if (!b->works[i].map.check_in) {
            intake_report_visit(o->report, b->works[i].doc_key);
        }
    }
    mutex_unlock(o->report_lock);
    if (o->progress != NULL) {
        progress_add(o->progress, 0, b->to - b->from);
        progress_add(o->progress, 1, resources);
        progress_add(o->progress, 2, rejects);
    }
}

static void remember_visits(Batch *b) {
    RecordNo next = b->first;
    for (size_t g = 0; g < b->plan.n_groups && next != 0; g++) {
        const StoreGroup *group = &b->plan.groups[g];
        visits_wrote(b->feeder->o.intake->visits, b->tries, group, next);
        next += (group->n_changes + STORE_RECORD_SLOTS - 1) / STORE_RECORD_SLOTS;
    }
}

static void wait_finished(Batch *b) {
    mutex_lock(&b->feeder->lock);
    while (!b->finished) {
        cond_wait(&b->feeder->changed, &b->feeder->lock);
    }
    mutex_unlock(&b->feeder->lock);
    b->under_way = false;
}

static void fail(Batch *b) {
    Feeder *f = b->feeder;
    if (f->fatal != ERR_OK) {
        return;
    }
    f->fatal = b->err;
    f->info = b->info;
    if (f->info.code != b->err) {
        (void)err_set(&f->info, b->err, "intake-commit", "the visits could not be written",
                      "không ghi được các lượt khám");
    }
}

/* One commit of the batch: waits, and when another one was faster tries again. */
static ErrCode settle_commit(Batch *b) {
    for (int attempt = 0;; attempt++) {
        if (b->under_way) {
            wait_finished(b);
        }
        bool lost = b->err == ERR_CONFLICT || b->err == ERR_EXISTS;
        if (b->err != ERR_OK) {
            forget_actors(b);
        }
        if (!lost || attempt == BATCH_ATTEMPTS) {
            turn_give(b);
            return b->err;
        }
        if (attempt == BATCH_PATIENCE) {
            turn_wait(b, true);
        }
        submit(b);
    }
}

/* Sees a batch through to its end, which takes more commits than one now and then. */
static void settle(Batch *b) {
    while (settle_commit(b) == ERR_OK) {
        remember_visits(b);
        count_outcome(b);
        if (b->to == b->n_works) {
            batch_reset(b);
            return;
        }
        b->from = b->to;
        submit(b);
    }
    fail(b);
    batch_reset(b);
}

static ErrCode flush(Feeder *f) {
    Batch *b = &f->batches[f->at];
    if (batch_empty(b)) {
        return f->fatal;
    }
    if (f->fatal != ERR_OK) {
        batch_reset(b);
        return f->fatal;
    }
    submit(b);
    if (!b->under_way) {
        settle(b);
        return f->fatal;
    }
    f->at = (f->at + 1) % BATCH_SLOTS;
    if (f->batches[f->at].under_way) {
        settle(&f->batches[f->at]);
    }
    return f->fatal;
}

static void drain(Feeder *f) {
    for (unsigned i = 1; i <= BATCH_SLOTS; i++) {
        Batch *b = &f->batches[(f->at + i) % BATCH_SLOTS];
        if (b->under_way) {
            settle(b);
        }
    }
}

ErrCode feeder_finish(Feeder *f, ErrInfo *info) {
    (void)flush(f);
    drain(f);
    if (f->fatal != ERR_OK && info != NULL) {
        *info = f->info;
    }
    return f->fatal;
}

/* ---- feeding ---- */

ErrCode feeder_file_begin(Feeder *f, const Sha256 *hash, const IntakeFile *file) {
    f->hash = *hash;
    f->file = file;
    f->file_stored = false;
    reject_count_free(TAKE(f->file_seen));
    f->file_batches = 0;
    f->file_rejects = 0;
    if (f->batches[f->at].n_received >= BATCH_FILES || f->batches[f->at].n_done >= BATCH_FILES) {
        return flush(f);
    }
    return f->fatal;
}

/* ---- bytes that go out later ---- */

/* Is the facility's signed claim taken in as signed by itself? */
static bool takes_signed(const Feeder *f, Str facility) {
    Str rest = f->o.intake->options.signed_take;
    Str one;
    while (str_cut(&rest, ',', &one)) {
        if (str_eq(str_trim(one), STR("*")) || str_eq(str_trim(one), facility)) {
            return true;
        }
    }
    return false;
}

/* Without its bytes a signature is worth nothing here: where files are not kept, only documents
 * that are taken in by themselves are, and only these are noted. */
void feeder_document(Feeder *f, const FeederDocument *document) {
    FeederDocument *d = &f->document;
    f->has_document = document != NULL;
    if (document == NULL) {
        return;
    }
    *d = *document;
    (void)snprintf(f->facility, sizeof(f->facility), STR_FMT, STR_ARG(document->facility));
    d->facility = str_from(f->facility);
    d->as.take = d->is_signed && takes_signed(f, d->facility);
    d->is_signed = d->is_signed && (f->o.intake->options.received_keep || d->as.take);
}

static size_t forwards(const Feeder *f, Str facility, IntakeForward ret[INTAKE_FORWARDS_MAX]) {
    const Intake *i = f->o.intake;
    bool asked = i->forwards != NULL && f->file->retry_of == 0 && !f->file->by_hand;
    return asked ? i->forwards(i->forwards_ctx, facility, ret) : 0;
}

/* Is the file itself what goes out later? Then it is kept whatever the policy says. */
static bool goes_out(const Feeder *f) {
    const FeederDocument *d = &f->document;
    IntakeForward to[INTAKE_FORWARDS_MAX];
    return f->has_document && d->is_single && sha256_eq(&d->hash, &f->hash) &&
           (d->is_signed || forwards(f, d->facility, to) > 0);
}

/* Bytes that go out later are kept by themselves, unless they are the file. */
static void keep_document(Feeder *f, Batch *b, const Sha256 *hash, Str bytes) {
    if (sha256_eq(hash, &f->hash)) {
        return;
    }
    b->received[b->n_received++] = (StoreReceived){.hash = *hash,
                                                   .name = arena_str(b->arena, f->document.name),
                                                   .bytes = arena_str(b->arena, bytes),
                                                   .size = bytes.len,
                                                   .hashed = true};
    b->done[b->n_done++] = *hash;
}

/* Of a document with several visits each goes out in one of its own. */
static ErrCode forward_check_in(Feeder *f, Batch *b, const Claim *claim, Work *w) {
    CLEANUP_BUF Buf own;
    buf_init(&own, LIMIT_CLAIM_FILE_BYTES);
    w->n_forwards = f->has_document ? forwards(f, claim->facility, w->forwards) : 0;
    if (w->n_forwards == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < w->n_forwards; i++) {
        w->forwards[i].target = arena_str(b->arena, w->forwards[i].target);
    }
    Str bytes = f->document.xml;
    w->forward_file = f->document.hash;
    if (!f->document.is_single) {
        claim_wrap_hoso(&own, claim->facility, claim->made, claim->bytes);
        TRY(buf_ok(&own));
        bytes = buf_str(&own);
        sha256(bytes, &w->forward_file);
    }
    keep_document(f, b, &w->forward_file, bytes);
    return ERR_OK;
}

/* The batch that takes the file's next piece; the first one takes the file itself too. */
static Batch *enter(Feeder *f) {
    Batch *b = &f->batches[f->at];
    if (!f->file_stored) {
        bool keep = f->o.intake->options.received_keep || goes_out(f);
        f->file_stored = true;
        b->received[b->n_received++] = (StoreReceived){
            .hash = f->hash,
            .name = arena_str(b->arena, f->file->name),
            .bytes = keep ? arena_str(b->arena, f->file->bytes) : STR_EMPTY,
            .dropped = keep ? STORE_KEPT : STORE_NOT_KEPT,
            .size = f->file->bytes.len,
            .hashed = true,
        };
    }
    f->file_batches = MAX(f->file_batches, 1u);
    return b;
}

/* Counts a new batch for the file when the current one was flushed while it is being read. */
static ErrCode flush_in_file(Feeder *f) {
    TRY(flush(f));
    f->file_batches++;
    return ERR_OK;
}

static bool key_clash(const Batch *b, const uint64_t *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < b->n_keys; k++) {
            if (b->keys[k] == keys[i]) {
                return true;
            }
        }
    }
    return false;
}

static size_t work_keys(const Work *w, uint64_t *ret_keys) {
    size_t n = 0;
    ret_keys[n++] = hash64_seed(w->doc_key, 1);
    for (size_t i = 0; i < w->map.identity.n_tokens; i++) {
        ret_keys[n++] = hash64_seed(w->map.identity.tokens[i].value, 2);
    }
    return n;
}

/* Batches under way hold the same citizen or visit now and then: wait for them first, it is cheaper
 * than a conflict. */
static void wait_for_clashes(Feeder *f, const uint64_t *keys, size_t n) {
    for (unsigned i = 1; i < BATCH_SLOTS; i++) {
        Batch *b = &f->batches[(f->at + i) % BATCH_SLOTS];
        if (b->under_way && key_clash(b, keys, n)) {
            settle(b);
        }
    }
}

/* NGAYLAP where it can be believed: a date that is not in the future. */
static Str made_of(Arena *arena, Str made) {
    Civil c;
    if (made.len != 8 || time_parse_claim(made, &c) != ERR_OK || c.day == 0 ||
        time_from_claim(&c) > clock_now_ms(clock_real())) {
        return STR_EMPTY;
    }
    return arena_str(arena, made);
}

/* Is it more than one commit can hold? */
static bool is_large(const ClaimGroup *g) {
    size_t bytes = 0;
    size_t most = 0;
    for (size_t i = 0; i < g->n_resources; i++) {
        size_t len = g->resources[i].json.len + 6 * g->resources[i].role.len; /* escaped */
        bytes += len;
        most = MAX(most, len);
    }
    return g->n_resources + g->n_actors > CLAIM_CHANGES || most > CLAIM_RESOURCE_BYTES ||
           bytes > CLAIM_TEXT_BYTES;
}

/* ERR_LIMIT: the claim is too large. */
static ErrCode map_work(Feeder *f, Batch *b, const Claim *claim, Work *w) {
    *w = (Work){0};
    TRY(claim_map(b->arena, claim, &w->map));
    if (is_large(&w->map)) {
        return ERR_LIMIT;
    }
    w->doc_key = w->map.visit_key;
    w->as_of = w->map.as_of;
    w->made = made_of(b->arena, claim->made);
    w->file = arena_str(b->arena, f->file->name);
    w->expect = f->file->expect;
    w->receipt_only = f->file->receipts_only;
    w->is_signed = f->has_document && f->document.is_signed && !w->map.check_in;
    if (w->is_signed) {
        w->as_signed = f->document.as;
    }
    return ERR_OK;
}

/* Commits the batch when it is full, in the middle of a file. */
static ErrCode flush_full(Feeder *f, const Batch *b) {
    bool full = b->n_works == BATCH_CLAIMS || b->n_rejects == BATCH_REJECTS ||
                arena_used(b->arena) > BATCH_BYTES_MAX;
    return full ? flush_in_file(f) : f->fatal;
}

ErrCode feeder_claim(Feeder *f, const Claim *claim, bool *ret_large) {
    TRY(f->fatal);
    Batch *b = enter(f);
    Work *w = &b->works[b->n_works];
    ErrCode err = map_work(f, b, claim, w);
    *ret_large = err == ERR_LIMIT;
    if (err != ERR_OK) {
        return *ret_large ? ERR_OK : err;
    }
    uint64_t keys[WORK_KEYS];
    size_t n = work_keys(w, keys);
    if (key_clash(b, keys, n)) {
        /* The same citizen or visit twice: the second must see what the first wrote. */
        TRY(flush_in_file(f));
        b = enter(f);
        w = &b->works[0];
        TRY(map_work(f, b, claim, w));
        n = work_keys(w, keys);
    }
    wait_for_clashes(f, keys, n);
    memcpy(b->keys + b->n_keys, keys, n * sizeof(*keys));
    b->n_keys += n;
    if (w->is_signed) {
        keep_document(f, b, &w->as_signed.file, f->document.xml);
    }
    if (w->map.check_in) {
        TRY(forward_check_in(f, b, claim, w));
    }
    b->n_works++;
    return flush_full(f, b);
}

static Str copy(Batch *b, Str s) {
    return arena_str(b->arena, s);
}

ErrCode feeder_reject(Feeder *f, const StoreReject *reject) {
    TRY(f->fatal);
    if (f->file->receipts_only) {
        return ERR_OK; /* it came before, and was listed then */
    }
    f->file_rejects++;
    if (f->file->retry_of != 0) {
        return ERR_OK; /* stands in the work list already */
    }
    f->file_seen = f->file_seen == NULL ? reject_count_new() : f->file_seen;
    unsigned nth = 0;
    TRY(f->file_seen == NULL ? ERR_NOMEM : reject_nth(f->file_seen, reject, &nth));
    Batch *b = enter(f);
    StoreReject *r = &b->rejects[b->n_rejects++];
    *r = *reject;
    r->file = f->hash;
    r->nth = nth;
    r->file_name = copy(b, reject->file_name);
    r->ma_lk = copy(b, reject->ma_lk);
    r->table = copy(b, reject->table);
    r->field = copy(b, reject->field);
    r->rule = copy(b, reject->rule);
    r->en = copy(b, reject->en);
    r->vi = copy(b, reject->vi);
    r->bytes = copy(b, reject->bytes);
    return flush_full(f, b);
}

ErrCode feeder_file_end(Feeder *f) {
    TRY(f->fatal);
    if (f->file_batches > 1) {
        /* Done may only be said when every earlier batch of the file is durable. */
        drain(f);
        TRY(f->fatal);
    }
    Batch *b = enter(f);
    b->done[b->n_done++] = f->hash;
    if (f->file->retry_of != 0 && f->file_rejects == 0) {
        b->settles = f->file->retry_of;
    }
    bool full = b->n_received >= BATCH_FILES || b->n_done >= BATCH_FILES ||
                arena_used(b->arena) > BATCH_BYTES;
    return full ? flush(f) : f->fatal;
}

void feeder_more(Feeder *f, ClaimMore more) {
    if (more.errors + more.warnings > 0) {
        MUTEX_GUARD(f->o.report_lock);
        f->o.report->errors += (uint64_t)more.errors;
        f->o.report->warnings += (uint64_t)more.warnings;
    }
}

void feeder_issue(Feeder *f, Str file, const ClaimIssue *issue) {
    intake_report_issue(f->o.report, f->o.report_lock,
                        &(IntakeIssue){.is_error = issue->severity == CLAIM_ERROR,
                                       .file = file,
                                       .ma_lk = issue->ma_lk,
                                       .table = issue->table,
                                       .field = issue->field,
                                       .rule = issue->rule_id,
                                       .en = issue->en,
                                       .vi = issue->vi,
                                       .hoso = issue->hoso,
                                       .record = issue->record,
                                       .line = issue->line});
}
