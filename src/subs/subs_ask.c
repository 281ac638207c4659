/* What is asked about subscriptions: the status, events that were, a handshake. */
#include "subs/subs_int.h"

enum { ASK_ARENA_MAX = 32 << 20 };

/* Of one that is not served: as its resource says. */
static ErrCode put_unserved(Subs *subs, Str id, const char **ret_status, Buf *out) {
    static const char *const known[] = {"requested", "active", "error", "off"};
    CLEANUP_ARENA Arena *arena = arena_new(ASK_ARENA_MAX);
    StoreVersion v;
    const JsonNode *root = NULL;
    JsonWriter w = json_writer(out);
    SubWish wish = {.id = id, .topic = STR_EMPTY};
    SubsNotice notice = {.type = "query-status", .status = "off"};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(store_get(subs->o.store, arena, FHIR_T_SUBSCRIPTION, id, &v));
    TRY(json_parse(arena, v.json, &root, NULL));
    Str criteria = json_str(arena, json_get_lit(root, "criteria"));
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        bool is = json_str_is(json_get_lit(root, "status"), str_from(known[i]));
        notice.status = is ? known[i] : notice.status;
    }
    notice.error = json_str(arena, json_get_lit(root, "error"));
    wish.topic = str_starts(criteria, STR(SUBS_TOPIC)) ? criteria : STR_EMPTY;
    *ret_status = notice.status;
    notice_put_status(&wish, subs->o.base_url, &notice, &w);
    return buf_ok(out);
}

ErrCode subs_put_status(Subs *subs, Str id, const char **ret_status, Buf *out) {
    mutex_lock(&subs->lock);
    const Sub *sub = subs_find(subs, id);
    if (sub == NULL) {
        mutex_unlock(&subs->lock);
        return put_unserved(subs, id, ret_status, out);
    }
    JsonWriter w = json_writer(out);
    bool fails = sub->failures > 0;
    SubsNotice notice = {.type = "query-status",
                         .total = sub->events,
                         .status = fails ? "error" : sub_status_name(sub->wish->status),
                         .error = fails ? str_from(sub->problem) : STR_EMPTY};
    *ret_status = notice.status;
    notice_put_status(sub->wish, subs->o.base_url, &notice, &w);
    mutex_unlock(&subs->lock);
    return buf_ok(out);
}

static ErrCode read_content(Str text, SubContent *ret) {
    static const char *const names[] = {
        [SUB_EMPTY] = "empty", [SUB_ID_ONLY] = "id-only", [SUB_FULL] = "full-resource"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(text, str_from(names[i]))) {
            *ret = (SubContent)i;
            return ERR_OK;
        }
    }
    return ERR_PARAM;
}

/* Behind the lock; wish (NULL: no such subscription) is dropped. */
static ErrCode put_for(Subs *subs, SubWish *wish, const SubsNotice *notice, Buf *out) {
    if (wish == NULL) {
        return ERR_NOT_FOUND;
    }
    ErrCode err = notice_put(subs, wish, notice, out);
    wish_drop(wish);
    return err;
}

ErrCode subs_put_events(Subs *subs, Str id, const SubsRange *range, Buf *out) {
    SubEvent events[SUBS_RECENT];
    SubWish *wish = NULL;
    SubContent content = SUB_EMPTY;
    SubsNotice notice = {
        .type = "query-event", .events = events, .status = "active", .error = STR_EMPTY};
    if (range->content.len > 0) {
        TRY(read_content(range->content, &content));
        notice.content = &content;
    }
    mutex_lock(&subs->lock);
    const Sub *sub = subs_find(subs, id);
    if (sub != NULL) {
        uint64_t oldest = MAX(sub->known, sub->events - MIN(sub->events, (uint64_t)SUBS_RECENT));
        notice.first = MAX(range->first == 0 ? 0 : range->first - 1, oldest);
        notice.total = sub->events;
        for (uint64_t n = notice.first; n < MIN(range->last, sub->events); n++) {
            events[notice.n_events++] = *sub_event(sub, n);
        }
        wish = wish_keep(sub->wish);
    }
    mutex_unlock(&subs->lock);
    return put_for(subs, wish, &notice, out);
}

ErrCode subs_put_handshake(Subs *subs, Str id, Buf *out) {
    SubsNotice notice = {.type = "handshake", .status = "active"};
    mutex_lock(&subs->lock);
    const Sub *sub = subs_find(subs, id);
    SubWish *wish = sub == NULL ? NULL : wish_keep(sub->wish);
    notice.total = sub == NULL ? 0 : sub->events;
    mutex_unlock(&subs->lock);
    return put_for(subs, wish, &notice, out);
}

bool subs_is_pushed(Subs *subs, Str id) {
    MUTEX_GUARD(&subs->lock);
    const Sub *sub = subs_find(subs, id);
    return sub != NULL && !sub->wish->is_hook;
}
