#include "gateway/gateway_copy.h"

#include "core/limits.h"

enum { ATTEMPTS = 5 };

bool gateway_copy_wanted(const SettleVisit *visit) {
    bool stands =
        visit->task == BOOK_SIGNED ? visit->state == BOOK_SIGNED : book_state_is_fact(visit->task);
    return stands && visit->file.len > 0;
}

ErrCode gateway_copy_get(Store *store, Arena *arena, const GatewayNote *of, GatewayNote *ret) {
    GatewayNotePage page = {.n = 0};
    TRY(gateway_copies(store, arena, of->facility, of->ma_lk, &page));
    for (size_t i = 0; i < page.n; i++) {
        if (str_eq(page.notes[i].target, of->target)) {
            *ret = page.notes[i];
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static ErrCode order_once(Store *store, Arena *arena, const GatewayNote *order) {
    GatewayNote known = {.slot = 0};
    GatewayNote next = *order;
    ErrInfo info = {0};
    next.snapshot = store_snapshot(store);
    ErrCode err = gateway_copy_get(store, arena, order, &known);
    TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
    if (err == ERR_OK && str_eq(known.file, order->file) && known.state != GATEWAY_NOTE_DROPPED) {
        return ERR_OK;
    }
    next.id = known.id;
    next.slot = known.slot;
    next.is_copy = true;
    next.state = GATEWAY_NOTE_WAITING;
    return gateway_note_put(store, &next, &info);
}

ErrCode gateway_copy_order(Store *store, const GatewayNote *order) {
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < ATTEMPTS && err == ERR_CONFLICT; i++) {
        CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
        err = arena == NULL ? ERR_NOMEM : order_once(store, arena, order);
    }
    return err;
}
