/* The visits of a month: those that were signed, as they were signed. */
#include "intake/intake_claim.h"
#include "settle/settle_gather.h"
#include "settle/settle_int.h"
#include "store/store_scan.h"

#include "fhir/fhir_query.h"

/* The Encounter's version that came with that version of the bill: they are written together. */
static ErrCode visit_then(const SettleCase *c, StoreVersion *ret) {
    StoreVersion bill;
    Slot before = 0;
    TRY(store_get_version(c->settle->o.store, c->arena, FHIR_T_CLAIM, c->claim.id,
                          c->now_is.signed_version, &bill));
    do {
        StoreVersion *versions = NULL;
        size_t n = 0;
        StoreHistory h = {
            .type = FHIR_T_ENCOUNTER, .id = c->visit.id, .before = before, .count = 64};
        TRY(store_history(c->settle->o.store, c->arena, &h, &versions, &n, &before));
        for (size_t i = 0; i < n; i++) {
            if (!versions[i].deleted && versions[i].time <= bill.time) {
                *ret = versions[i];
                return ERR_OK;
            }
        }
    } while (before != 0);
    return ERR_NOT_FOUND;
}

ErrCode settle_claim_signed(const SettleCase *c, Claim *ret_claim) {
    StoreVersion then;
    if (c->now_is.signed_version == c->claim.version) {
        return intake_claim(c->settle->o.store, c->arena, &c->visit, ret_claim, c->info);
    }
    TRY(visit_then(c, &then));
    return intake_claim_written(c->settle->o.store, c->arena, &then, ret_claim, c->info);
}

static Str escaped_key(Arena *arena, Str facility, Str month) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    buf_put_lit(&b, "group-identifier=");
    CLEANUP_BUF Buf value;
    buf_init(&value, LIMIT_KIB);
    buf_put_lit(&value, SETTLE_MONTH_SYSTEM "|");
    for (size_t i = 0; i < facility.len; i++) {
        if (strchr("\\|,$", facility.ptr[i]) != NULL) {
            buf_put_char(&value, '\\');
        }
        buf_put_char(&value, facility.ptr[i]);
    }
    buf_put_lit(&value, "\\|");
    buf_put_str(&value, month);
    fhir_query_put_encoded(&b, buf_str(&value));
    return buf_ok(&b) == ERR_OK ? arena_str(arena, buf_str(&b)) : STR_EMPTY;
}

static Str ma_lk_of(Arena *arena, const JsonNode *task) {
    Str key = json_str(arena, json_path(task, "identifier.value"));
    size_t bar = str_find_char(key, '|', 0);
    return bar == SIZE_MAX ? STR_EMPTY : str_sub(key, bar + 1, key.len);
}

typedef struct Gather {
    const SettleGather *of;
    Arena *scratch; /* of one visit */
} Gather;

static ErrCode give(void *ctx, const StoreVersion *v) {
    const Gather *one = ctx;
    const SettleGather *g = one->of;
    const JsonNode *root = NULL;
    arena_reset(one->scratch);
    TRY(json_parse(one->scratch, v->json, &root, g->info));
    SettleAct act = {.facility = g->facility, .ma_lk = ma_lk_of(one->scratch, root)};
    SettleCase c = {.settle = g->settle, .arena = one->scratch, .act = &act, .info = g->info};
    ErrCode err = settle_case_load(&c);
    if (err == ERR_NOT_FOUND) { /* deleted since */
        return ERR_OK;
    }
    TRY(err);
    return c.now_is.task == BOOK_ENTERED ? ERR_OK : g->each(g->ctx, &c);
}

ErrCode settle_gather(const SettleGather *g) {
    CLEANUP_ARENA Arena *scratch = arena_new(SETTLE_ARENA_MAX);
    CLEANUP_ARENA Arena *asked = arena_new(LIMIT_MIB);
    Gather one = {g, scratch};
    if (scratch == NULL || asked == NULL) {
        return ERR_NOMEM;
    }
    FhirQueryScope scope = {
        .type = FHIR_T_TASK, .now = clock_now_ms(g->settle->o.clock), .info = g->info};
    return store_scan_found(g->settle->o.store,
                            &(StoreFound){.scope = &scope,
                                          .text = escaped_key(asked, g->facility, g->month),
                                          .snapshot = g->snapshot,
                                          .stop = g->stop,
                                          .each = give,
                                          .ctx = &one});
}
