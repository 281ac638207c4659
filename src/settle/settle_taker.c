#include "settle/settle_taker.h"

#include "core/log.h"
#include "fhir/fhir_query.h"
#include "intake/intake_receipt.h"
#include "settle/settle_int.h"

enum { TAKER_PAGE = 16, TAKER_POLL_MS = 500, TAKER_AGAIN_MS = 2000, TAKER_BOOK_MS = 1000 };
#define TAKER_WHO "receipt"

struct SettleTaker {
    SettleTakerOptions o;
    StopFlag stop;
    Mutex lock;
    Cond wake;
    Thread thread;
};

typedef struct Sweep {
    SettleTaker *t;
    Arena *arena;
    RecordNo snapshot;
    Slot after;
    size_t n_left; /* to be tried again */
} Sweep;

/* ---- what could not be taken ---- */

/* It only has to wait: the rules have not seen it, or its last version is on its way. */
static bool must_wait(const Sweep *s, const SettleRefusal *r) {
    SettleVisit v;
    ErrInfo info = {0};
    if (str_eq(r->rule, STR("settle-not-checked"))) {
        return true;
    }
    return str_eq(r->rule, STR("settle-state")) &&
           settle_visit(s->t->o.settle, s->arena, r->facility, r->ma_lk, &v, &info) == ERR_OK &&
           v.task == BOOK_SENT;
}

/* Unless a newer one has come meanwhile. */
static ErrCode hold(Sweep *s, IntakeReceipt *of, const SettleRefusal *r) {
    ErrInfo info = {0};
    StoreCommitted committed;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    StoreChange change = {
        .op = STORE_UPDATE, .type = FHIR_T_TASK, .id = of->version.id, .prev = of->version.slot};
    of->state = INTAKE_RECEIPT_HELD;
    of->why = arena_printf(s->arena, STR_FMT ": " STR_FMT, STR_ARG(r->rule), STR_ARG(r->vi));
    of->time = clock_now_ms(s->t->o.clock);
    TRY(intake_receipt_put(&out, of));
    change.json = buf_str(&out);
    StoreGroup group = {
        .changes = &change, .n_changes = 1, .patient_change = -1, .patient = of->version.patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = s->snapshot,
                          .actor = STR(TAKER_WHO),
                          .source = STR("settle")};
    ErrCode err = store_commit(s->t->o.store, &commit, &committed, NULL, &info);
    return err == ERR_CONFLICT ? ERR_OK : err;
}

/* ---- one page ---- */

static ErrCode find_page(Sweep *s, StorePage *ret) {
    FhirQuery query;
    FhirQueryScope scope = {.type = FHIR_T_TASK, .base_url = STR_EMPTY};
    Str text = arena_printf(s->arena,
                            "code=" INTAKE_RECEIPT_CODES "|" INTAKE_RECEIPT_CODE "&status=" STR_FMT,
                            STR_ARG(intake_receipt_status(INTAKE_RECEIPT_ASKED)));
    TRY(fhir_query_parse(s->arena, &scope, text, &query));
    StoreSearch search = {
        .query = &query, .snapshot = s->snapshot, .after = s->after, .count = TAKER_PAGE};
    return store_search(s->t->o.store, s->arena, &search, ret, NULL);
}

static ErrCode after_refusal(Sweep *s, IntakeReceipt *receipts, size_t n, const SettleRefusal *r) {
    if (must_wait(s, r)) {
        s->n_left++;
        return ERR_OK;
    }
    Str key = arena_printf(s->arena, STR_FMT "|" STR_FMT, STR_ARG(r->facility), STR_ARG(r->ma_lk));
    for (size_t i = 0; i < n; i++) {
        if (str_eq(receipts[i].key, key)) {
            return hold(s, &receipts[i], r);
        }
    }
    return ERR_INTERNAL;
}

static ErrCode take_page(Sweep *s, bool *ret_ended) {
    StorePage page;
    ErrInfo info = {0};
    SettleDone done;
    IntakeReceipt receipts[TAKER_PAGE];
    SettleAct acts[TAKER_PAGE];
    arena_reset(s->arena);
    TRY(find_page(s, &page));
    for (size_t i = 0; i < page.n_matches; i++) {
        TRY(intake_receipt_read(s->arena, &page.matches[i], &receipts[i]));
        acts[i] = (SettleAct){.ma_lk = receipts[i].key, .who = STR(TAKER_WHO)};
        (void)str_cut(&acts[i].ma_lk, '|', &acts[i].facility);
    }
    SettleMany many = {.step = SETTLE_TAKE, .acts = acts, .n = page.n_matches, .stop = &s->t->stop};
    TRY(settle_many(s->t->o.settle, s->arena, &many, &done, &info));
    for (size_t i = 0; i < done.n_refused; i++) {
        TRY(after_refusal(s, receipts, page.n_matches, &done.refused[i]));
    }
    s->snapshot = page.snapshot;
    s->after = page.next;
    *ret_ended = page.next == 0;
    return ERR_OK;
}

/* ---- the thread ---- */

/* Behind the rules: what they have not seen cannot be taken. */
static ErrCode sweep(SettleTaker *t, Arena *arena, RecordNo *ret_snapshot, size_t *ret_left) {
    bool ended = false;
    Sweep s = {.t = t, .arena = arena, .snapshot = store_snapshot(t->o.store)};
    if (t->o.book != NULL && !book_wait(t->o.book, s.snapshot, TAKER_BOOK_MS)) {
        *ret_left = 1;
        return ERR_OK;
    }
    *ret_snapshot = s.snapshot;
    while (!ended && !stop_asked(&t->stop)) {
        TRY(take_page(&s, &ended));
    }
    *ret_left = s.n_left;
    return ERR_OK;
}

static void rest(SettleTaker *t, size_t left) {
    MUTEX_GUARD(&t->lock);
    if (!stop_asked(&t->stop)) {
        (void)cond_wait_ms(&t->wake, &t->lock, left > 0 ? TAKER_AGAIN_MS : TAKER_POLL_MS);
    }
}

static void taker_main(void *ctx) {
    SettleTaker *t = ctx;
    Arena *arena = arena_new(SETTLE_ARENA_MAX);
    RecordNo seen = UINT64_MAX;
    size_t left = 0;
    thread_step_back(5);
    while (arena != NULL && !stop_asked(&t->stop)) {
        if (left > 0 || seen != store_snapshot(t->o.store)) {
            ErrCode err = sweep(t, arena, &seen, &left);
            if (err != ERR_OK && err != ERR_STOPPED) {
                log_error("settle_taker", "err", err_name(err));
                left = 1;
            }
        }
        rest(t, left);
    }
    arena_free(arena);
}

ErrCode settle_taker_start(const SettleTakerOptions *options, SettleTaker **ret) {
    SettleTaker *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->o = *options;
    t->o.clock = options->clock == NULL ? clock_real() : options->clock;
    mutex_init(&t->lock);
    cond_init(&t->wake);
    ErrCode err = thread_start(&t->thread, "settle-take", taker_main, t);
    if (err != ERR_OK) {
        settle_taker_stop(t);
        return err;
    }
    *ret = t;
    return ERR_OK;
}

void settle_taker_stop(SettleTaker *taker) {
    if (taker == NULL) {
        return;
    }
    mutex_lock(&taker->lock);
    stop_ask(&taker->stop);
    cond_broadcast(&taker->wake);
    mutex_unlock(&taker->lock);
    thread_join(&taker->thread);
    cond_release(&taker->wake);
    mutex_release(&taker->lock);
    free(taker);
}
