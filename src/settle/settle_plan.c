/* A commit in the making: what several visits' steps put into it. */
#include "settle/settle_int.h"

ErrCode settle_grow(Arena *arena, void *list, size_t n, size_t *cap, size_t size) {
    void **items = list;
    if (n < *cap) {
        return ERR_OK;
    }
    size_t more = MAX((size_t)16, 2 * *cap);
    void *grown = arena_calloc(arena, more, size);
    if (grown == NULL) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(grown, *items, n * size);
    }
    *items = grown;
    *cap = more;
    return ERR_OK;
}
#define GROW(p, list, n, cap)                                                                      \
    settle_grow((p)->arena, &(p)->list, (p)->n, &(p)->cap, sizeof(*(p)->list))

ErrCode settle_plan_expect(SettlePlan *p, const StoreExpect *expect) {
    TRY(GROW(p, expects, n_expects, cap_expects));
    p->expects[p->n_expects++] = *expect;
    return ERR_OK;
}

ErrCode settle_plan_next(SettlePlan *p, const StoreExpect *token, const StoreVersion *known,
                         Slot patient, Buf *json) {
    bool is_new = known->slot == 0;
    StoreChange *change = arena_new_array(p->arena, StoreChange, 1);
    TRY(buf_ok(json));
    if (change == NULL) {
        return ERR_NOMEM;
    }
    *change = (StoreChange){.op = is_new ? STORE_CREATE : STORE_UPDATE,
                            .type = token->type,
                            .id = is_new ? STR_EMPTY : known->id,
                            .prev = known->slot,
                            .json = arena_str(p->arena, buf_str(json))};
    if (is_new) {
        TRY(settle_plan_expect(p, token));
    }
    TRY(GROW(p, groups, n_groups, cap_groups));
    p->groups[p->n_groups++] = (StoreGroup){.changes = change,
                                            .n_changes = 1,
                                            .patient_change = -1,
                                            .patient = is_new ? patient : known->patient};
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode settle_plan_still(SettlePlan *p, const StoreVersion *version) {
    TRY(GROW(p, still, n_still, cap_still));
    p->still[p->n_still++] = (StoreStill){version->first, version->slot};
    return ERR_OK;
}

ErrCode settle_plan_file(SettlePlan *p, const StoreReceived *file) {
    TRY(GROW(p, received, n_received, cap_received));
    TRY(GROW(p, files, n_files, cap_files));
    p->received[p->n_received++] = *file;
    p->files[p->n_files++] = file->hash;
    return ERR_OK;
}

ErrCode settle_plan_commit(SettlePlan *p, Store *store, Str actor, ErrInfo *info) {
    StoreCommit all = {.groups = p->groups,
                       .n_groups = p->n_groups,
                       .expects = p->expects,
                       .n_expects = p->n_expects,
                       .still = p->still,
                       .n_still = p->n_still,
                       .snapshot = p->snapshot,
                       .actor = actor,
                       .source = STR("settle"),
                       .received = p->received,
                       .n_received = p->n_received,
                       .files_done = p->files,
                       .n_files_done = p->n_files};
    StoreCommitted done;
    return store_commit(store, &all, &done, NULL, info);
}
