/* Notification Bundles of the backport (R4 form: the status as Parameters). */
#include "subs/subs_int.h"

#define BACKPORT "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"

enum { ARENA_MAX = 128 << 20 };

typedef struct Notice {
    Subs *subs;
    const SubWish *wish;
    const SubsNotice *what;
    StoreVersion *versions; /* of the events; NULL: not wanted */
    JsonWriter *w;
} Notice;

static void put_meta(JsonWriter *w, const char *profile) {
    json_name(w, "meta");
    json_open_object(w);
    json_name(w, "profile");
    json_open_array(w);
    json_put_str(w, str_from(profile));
    json_close_array(w);
    json_close_object(w);
}

static void put_part(JsonWriter *w, const char *name, const char *member, Str value) {
    json_open_object(w);
    json_member(w, "name", str_from(name));
    json_put_name(w, str_from(member));
    json_put_str(w, value);
    json_close_object(w);
}

static void put_reference(JsonWriter *w, const char *name, Str reference) {
    json_open_object(w);
    json_member(w, "name", str_from(name));
    json_name(w, "valueReference");
    json_open_object(w);
    json_member(w, "reference", reference);
    json_close_object(w);
    json_close_object(w);
}

static Str number_text(char text[24], uint64_t n) {
    int len = snprintf(text, 24, "%llu", (unsigned long long)n);
    return (Str){text, (size_t)len};
}

static SubContent content_of(const Notice *n) {
    return n->what->content != NULL ? *n->what->content : n->wish->content;
}

static void put_error(JsonWriter *w, Str text) {
    json_open_object(w);
    json_member(w, "name", STR("error"));
    json_name(w, "valueCodeableConcept");
    json_open_object(w);
    json_member(w, "text", text);
    json_close_object(w);
    json_close_object(w);
}

static void put_event(const Notice *n, size_t i) {
    char number[24];
    CLEANUP_BUF Buf b;
    buf_init(&b, 1024);
    json_open_object(n->w);
    json_member(n->w, "name", STR("notification-event"));
    json_name(n->w, "part");
    json_open_array(n->w);
    put_part(n->w, "event-number", "valueString", number_text(number, n->what->first + i + 1));
    time_put_instant(&b, n->what->events[i].time);
    put_part(n->w, "timestamp", "valueInstant", buf_str(&b));
    if (n->versions != NULL && content_of(n) != SUB_EMPTY) {
        const StoreVersion *v = &n->versions[i];
        buf_clear(&b);
        buf_printf(&b, "%s/" STR_FMT, fhir_type_name(v->type), STR_ARG(v->id));
        put_reference(n->w, "focus", buf_str(&b));
    }
    json_close_array(n->w);
    json_close_object(n->w);
}

static void put_parameters(const Notice *n, Str base_url) {
    char number[24];
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    json_open_object(n->w);
    json_member(n->w, "resourceType", STR("Parameters"));
    put_meta(n->w, BACKPORT "backport-subscription-status-r4");
    json_name(n->w, "parameter");
    json_open_array(n->w);
    buf_printf(&b, STR_FMT "/Subscription/" STR_FMT, STR_ARG(base_url), STR_ARG(n->wish->id));
    put_reference(n->w, "subscription", buf_str(&b));
    if (n->wish->topic.len > 0) {
        put_part(n->w, "topic", "valueCanonical", n->wish->topic);
    }
    put_part(n->w, "status", "valueCode", str_from(n->what->status));
    put_part(n->w, "type", "valueCode", str_from(n->what->type));
    put_part(n->w, "events-since-subscription-start", "valueString",
             number_text(number, n->what->total));
    for (size_t i = 0; i < n->what->n_events; i++) {
        put_event(n, i);
    }
    if (n->what->error.len > 0) {
        put_error(n->w, n->what->error);
    }
    json_close_array(n->w);
    json_close_object(n->w);
}

void notice_put_status(const SubWish *wish, Str base_url, const SubsNotice *notice, JsonWriter *w) {
    Notice n = {.wish = wish, .what = notice, .w = w};
    put_parameters(&n, base_url);
}

static void put_exchange(JsonWriter *w, const char *method, Str url, const char *status) {
    json_name(w, "request");
    json_open_object(w);
    json_member(w, "method", str_from(method));
    json_member(w, "url", url);
    json_close_object(w);
    json_name(w, "response");
    json_open_object(w);
    json_member(w, "status", str_from(status));
    json_close_object(w);
}

static void put_status_entry(const Notice *n) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    json_open_object(n->w);
    json_name(n->w, "resource");
    put_parameters(n, n->subs->o.base_url);
    buf_printf(&b, "Subscription/" STR_FMT "/$status", STR_ARG(n->wish->id));
    put_exchange(n->w, "GET", buf_str(&b), "200");
    json_close_object(n->w);
}

static void put_resource_entry(const Notice *n, const StoreVersion *v) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 4096);
    buf_printf(&b, STR_FMT "/%s/" STR_FMT, STR_ARG(n->subs->o.base_url), fhir_type_name(v->type),
               STR_ARG(v->id));
    json_open_object(n->w);
    json_member(n->w, "fullUrl", buf_str(&b));
    if (content_of(n) == SUB_FULL && !v->deleted) {
        json_name(n->w, "resource");
        json_put_raw(n->w, v->json);
    }
    Str url = str_sub(buf_str(&b), n->subs->o.base_url.len + 1, b.len);
    put_exchange(n->w, v->deleted ? "DELETE" : "PUT", url,
                 v->deleted        ? "204"
                 : v->version == 1 ? "201"
                                   : "200");
    json_close_object(n->w);
}

static ErrCode load_versions(Subs *subs, Arena *arena, const SubsNotice *what, StoreVersion **ret) {
    *ret = arena_new_array(arena, StoreVersion, what->n_events + 1);
    if (*ret == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < what->n_events; i++) {
        ErrCode err = store_get_slot(subs->o.store, arena, what->events[i].slot, &(*ret)[i]);
        TRY(err == ERR_GONE ? ERR_OK : err);
    }
    return ERR_OK;
}

ErrCode notice_put(Subs *subs, const SubWish *wish, const SubsNotice *notice, Buf *out) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    CLEANUP_BUF Buf time;
    JsonWriter w = json_writer(out);
    Notice n = {.subs = subs, .wish = wish, .what = notice, .w = &w};
    buf_init(&time, 64);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(load_versions(subs, arena, notice, &n.versions));
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Bundle"));
    put_meta(&w, BACKPORT "backport-subscription-notification-r4");
    json_member(&w, "type", STR("history"));
    time_put_instant(&time, clock_now_ms(subs->clock));
    json_member(&w, "timestamp", buf_str(&time));
    json_name(&w, "entry");
    json_open_array(&w);
    put_status_entry(&n);
    for (size_t i = 0; content_of(&n) != SUB_EMPTY && i < notice->n_events; i++) {
        put_resource_entry(&n, &n.versions[i]);
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}
