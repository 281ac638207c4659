/* Signed claims on their way to the fund, and copies beside it: destinations, what waits, what was
 * put aside or refused, attempts; pausing, resuming, releasing. */
#include "api/api_int.h"
#include "gateway/gateway.h"

enum { ROWS_DEFAULT = 50, ROWS_MAX = 200, ATTEMPTS_MAX = 100, RELEASE_MAX = 1000 };

static void put_flag(JsonWriter *w, const char *name, bool value) {
    json_put_name(w, str_from(name));
    json_put_bool(w, value);
}

static void put_text(JsonWriter *w, const char *name, Str value) {
    json_put_name(w, str_from(name));
    json_put_str(w, value);
}

/* ---- a page and its cursor: "snapshot.after" ---- */

typedef struct Page {
    RecordNo snapshot;
    Slot after;
    uint64_t count;
} Page;

static ErrCode read_page(RestCall *call, Page *ret, ErrInfo *info) {
    Str after = rest_query(call, "after");
    Str count = rest_query(call, "count");
    Str first;
    Page p = {.count = ROWS_DEFAULT};
    bool good = true;
    if (after.len > 0) {
        good = str_cut(&after, '.', &first) && str_to_u64(first, &p.snapshot) == ERR_OK &&
               str_to_u64(after, &p.after) == ERR_OK;
    }
    if (count.len > 0) {
        good = good && str_to_u64(count, &p.count) == ERR_OK && p.count > 0 && p.count <= ROWS_MAX;
    }
    *ret = p;
    return good ? ERR_OK
                : err_set(info, ERR_PARAM, "page", "after is `next` of a page, count 1 to 200",
                          "after là `next` của trang trước, count từ 1 đến 200");
}

static void put_next(JsonWriter *w, RecordNo snapshot, Slot next) {
    char text[64] = "";
    if (next != 0) {
        (void)snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)snapshot,
                       (unsigned long long)next);
    }
    put_text(w, "next", str_from(text));
}

/* ---- counts ---- */

static ErrCode count_visits(RestCall *call, const char *state, uint64_t *ret) {
    GatewayNotePage page;
    TRY(gateway_visit_list(api_of(call)->store, call->arena,
                           &(GatewayVisitAsk){.state = state, .max = 1, .want_total = true},
                           &page));
    *ret = page.total;
    return ERR_OK;
}

static ErrCode count_notes(RestCall *call, GatewayNoteAsk ask, uint64_t *ret) {
    GatewayNotePage page;
    ask.max = 1;
    TRY(gateway_note_list(api_of(call)->store, call->arena, &ask, &page));
    *ret = page.total;
    return ERR_OK;
}

/* Of one destination, or (target empty) of all. */
typedef struct NoteCounts {
    uint64_t held, refused, copies; /* copies: that have to go */
} NoteCounts;

static ErrCode count_all(RestCall *call, Str target, bool copies, NoteCounts *ret) {
    ret->copies = 0;
    TRY(count_notes(call, (GatewayNoteAsk){.state = GATEWAY_NOTE_HELD, .target = target},
                    &ret->held));
    TRY(count_notes(call, (GatewayNoteAsk){.state = GATEWAY_NOTE_REFUSED, .target = target},
                    &ret->refused));
    return copies
               ? count_notes(call,
                             (GatewayNoteAsk){
                                 .state = GATEWAY_NOTE_WAITING, .target = target, .copies = true},
                             &ret->copies)
               : ERR_OK;
}

/* ---- GET /api/outgoing ---- */

static void put_state(JsonWriter *w, const GatewayTargetState *s) {
    put_flag(w, "down", s->down);
    api_put_number(w, "retryS", (uint64_t)(s->retry_ms + 999) / 1000);
    api_put_number(w, "inARow", s->in_a_row);
    put_text(w, "problem", str_from(s->problem));
    api_put_time(w, "lastAnswer", s->last_answer);
    api_put_number(w, "sentSinceStart", s->n_sent);
    api_put_number(w, "refusedSinceStart", s->n_refused);
    api_put_number(w, "failedSinceStart", s->n_failed);
}

static ErrCode put_target(RestCall *call, JsonWriter *w, size_t i) {
    Gateway *g = api_of(call)->o.gateway;
    const GatewayTarget *t = &gateway_targets(g)->targets[i];
    GatewayTargetState s = gateway_queue_target(gateway_queue(g), i);
    GatewayDoor door;
    NoteCounts n;
    TRY(gateway_door_get(api_of(call)->store, call->arena, t->name, &door));
    TRY(count_all(call, t->name, t->copy, &n));
    json_open_object(w);
    put_text(w, "name", t->name);
    put_text(w, "url", t->url);
    put_flag(w, "copy", t->copy);
    put_flag(w, "paused", door.paused);
    put_text(w, "who", door.who);
    put_text(w, "why", door.why);
    api_put_time(w, "since", door.time);
    put_state(w, &s);
    api_put_number(w, "held", n.held);
    api_put_number(w, "refused", n.refused);
    api_put_number(w, "copies", n.copies);
    json_close_object(w);
    return ERR_OK;
}

static ErrCode put_outgoing(RestCall *call, Buf *out, ErrInfo *info) {
    Gateway *g = api_of(call)->o.gateway;
    uint64_t counts[2];
    NoteCounts n;
    (void)info;
    TRY(count_visits(call, "signed", &counts[0]));
    TRY(count_visits(call, "sent", &counts[1]));
    TRY(count_all(call, STR_EMPTY, true, &n));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    api_put_number(&w, "signed", counts[0]);
    api_put_number(&w, "sent", counts[1]);
    api_put_number(&w, "held", n.held);
    api_put_number(&w, "refused", n.refused);
    api_put_number(&w, "copies", n.copies);
    json_name(&w, "targets");
    json_open_array(&w);
    for (size_t i = 0; g != NULL && i < gateway_targets(g)->n_targets; i++) {
        TRY(put_target(call, &w, i));
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

static void get_outgoing(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_outgoing);
}

/* ---- GET /api/outgoing/list ---- */

static void put_note(JsonWriter *w, const GatewayNote *n) {
    static const char *const names[] = {"waiting", "held", "refused", "dropped", "done"};
    put_text(w, "delivery", str_from(names[n->state]));
    put_text(w, "what", n->is_checkin ? STR("check-in") : STR("claim"));
    put_text(w, "target", n->target);
    put_flag(w, "copy", n->is_copy);
    api_put_number(w, "failures", n->failures);
    put_text(w, "code", n->code);
    put_text(w, "why", n->why);
    put_text(w, "who", n->who);
    put_text(w, "transaction", n->transaction);
    api_put_time(w, "time", n->time);
    api_put_time(w, "notBefore", n->not_before);
}

static void put_visit(RestCall *call, JsonWriter *w, Str facility, Str ma_lk) {
    put_text(w, "facility", facility);
    put_text(w, "facilityName", api_facility_name(api_of(call), call->arena, facility));
    put_text(w, "maLk", ma_lk);
}

static void begin_row(RestCall *call, JsonWriter *w, const GatewayNote *n) {
    json_open_object(w);
    put_visit(call, w, n->facility, n->ma_lk);
    put_text(w, "patient", n->patient);
    put_text(w, "visit", n->visit);
}

static void begin_rows(JsonWriter *w, const GatewayNotePage *found) {
    api_put_number(w, "total", found->total);
    put_next(w, found->snapshot, found->next);
    json_name(w, "rows");
    json_open_array(w);
}

static ErrCode put_visits(RestCall *call, const char *state, const Page *page, JsonWriter *w) {
    GatewayNotePage found;
    TRY(gateway_visit_list(api_of(call)->store, call->arena,
                           &(GatewayVisitAsk){.state = state,
                                              .snapshot = page->snapshot,
                                              .after = page->after,
                                              .max = page->count,
                                              .want_total = true},
                           &found));
    begin_rows(w, &found);
    for (size_t i = 0; i < found.n; i++) {
        const GatewayNote *v = &found.notes[i];
        GatewayNote n;
        ErrCode err = gateway_note_get(api_of(call)->store, call->arena, v->facility, v->ma_lk, &n);
        TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
        begin_row(call, w, v);
        api_put_time(w, "since", v->time);
        if (err == ERR_OK) {
            put_note(w, &n);
        }
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_notes(RestCall *call, GatewayNoteState state, const Page *page, JsonWriter *w) {
    GatewayNotePage found;
    TRY(gateway_note_list(api_of(call)->store, call->arena,
                          &(GatewayNoteAsk){.state = state,
                                            .target = rest_query(call, "target"),
                                            .copies = state == GATEWAY_NOTE_WAITING,
                                            .snapshot = page->snapshot,
                                            .after = page->after,
                                            .max = page->count},
                          &found));
    begin_rows(w, &found);
    for (size_t i = 0; i < found.n; i++) {
        begin_row(call, w, &found.notes[i]);
        put_note(w, &found.notes[i]);
        json_close_object(w);
    }
    json_close_array(w);
    return ERR_OK;
}

static ErrCode put_list(RestCall *call, Buf *out, ErrInfo *info) {
    Page page;
    Str state = rest_query(call, "state");
    bool is_signed = str_eq(state, STR("signed"));
    bool is_sent = str_eq(state, STR("sent"));
    GatewayNoteState of = str_eq(state, STR("held"))      ? GATEWAY_NOTE_HELD
                          : str_eq(state, STR("refused")) ? GATEWAY_NOTE_REFUSED
                          : str_eq(state, STR("copies"))  ? GATEWAY_NOTE_WAITING
                                                          : GATEWAY_NOTE_STATES;
    if (!is_signed && !is_sent && of == GATEWAY_NOTE_STATES) {
        return err_set(info, ERR_PARAM, "state", "state is signed, sent, held, refused or copies",
                       "state là signed, sent, held, refused hoặc copies");
    }
    TRY(read_page(call, &page, info));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    if (is_signed || is_sent) {
        TRY(put_visits(call, is_signed ? "signed" : "sent", &page, &w));
    } else {
        TRY(put_notes(call, of, &page, &w));
    }
    json_close_object(&w);
    return buf_ok(out);
}

static void get_list(RestCall *call) {
    static const char *const names[] = {"state", "target", "after", "count", NULL};
    rest_answer(call, names, put_list);
}

/* ---- GET /api/outgoing/visits/FACILITY/MA_LK ---- */

static void put_attempt(JsonWriter *w, const GatewayNote *n) {
    json_open_object(w);
    put_note(w, n);
    json_close_object(w);
}

/* The claim's attempts, then its copies, then the check-ins with which something went wrong, each
 * as it stands. */
static ErrCode put_attempts(RestCall *call, Buf *out, ErrInfo *info) {
    GatewayNote n;
    GatewayNotePage page = {0};
    GatewayNotePage copies = {0};
    GatewayNotePage checkins = {0};
    Store *store = api_of(call)->store;
    (void)info;
    ErrCode err = gateway_note_get(store, call->arena, call->parts[3], call->parts[4], &n);
    if (err == ERR_OK) {
        err = gateway_note_history(store, call->arena, &n, ATTEMPTS_MAX, &page);
    }
    TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
    TRY(gateway_copies(store, call->arena, call->parts[3], call->parts[4], &copies));
    TRY(gateway_checkins(store, call->arena, call->parts[3], call->parts[4], &checkins));
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_visit(call, &w, call->parts[3], call->parts[4]);
    json_name(&w, "attempts");
    json_open_array(&w);
    for (size_t i = 0; i < page.n; i++) {
        put_attempt(&w, &page.notes[i]);
    }
    for (size_t i = 0; i < copies.n; i++) {
        put_attempt(&w, &copies.notes[i]);
    }
    for (size_t i = 0; i < checkins.n; i++) {
        const GatewayNote *c = &checkins.notes[i];
        if (c->state != GATEWAY_NOTE_WAITING || c->failures > 0) {
            put_attempt(&w, c);
        }
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

static void get_attempts(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, put_attempts);
}

/* ---- what people do: the body is {"who":"…","why":"…"}, of a visit's release also "target" ----
 */

static ErrCode read_act(RestCall *call, GatewayAct *ret, ErrInfo *info) {
    const JsonNode *body = NULL;
    TRY(json_parse(call->arena, http_body(call->request), &body, info));
    *ret = (GatewayAct){.who = json_str(call->arena, json_get_lit(body, "who")),
                        .why = json_str(call->arena, json_get_lit(body, "why")),
                        .target = json_str(call->arena, json_get_lit(body, "target")),
                        .now = clock_now_ms(api_of(call)->clock)};
    return ERR_OK;
}

static void wake(RestCall *call) {
    if (api_of(call)->o.gateway != NULL) {
        gateway_queue_wake(gateway_queue(api_of(call)->o.gateway));
    }
}

static ErrCode release_visit(RestCall *call, Buf *out, ErrInfo *info) {
    GatewayAct act;
    TRY(read_act(call, &act, info));
    TRY(gateway_note_release(api_of(call)->store, call->parts[3], call->parts[4], &act, info));
    wake(call);
    return put_attempts(call, out, info);
}

static void post_release(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, release_visit);
}

/* All that was put aside there; what was refused is looked at one by one. */
static ErrCode release_all(RestCall *call, const GatewayAct *by, ErrInfo *info) {
    GatewayNotePage page;
    GatewayAct act = *by;
    act.target = call->parts[3];
    TRY(gateway_note_list(
        api_of(call)->store, call->arena,
        &(GatewayNoteAsk){.state = GATEWAY_NOTE_HELD, .target = call->parts[3], .max = RELEASE_MAX},
        &page));
    for (size_t i = 0; i < page.n; i++) {
        ErrCode err = gateway_note_release(api_of(call)->store, page.notes[i].facility,
                                           page.notes[i].ma_lk, &act, info);
        TRY(err == ERR_PRECONDITION ? ERR_OK : err); /* somebody was faster */
    }
    wake(call);
    return ERR_OK;
}

static ErrCode act_on_target(RestCall *call, Buf *out, ErrInfo *info) {
    Gateway *g = api_of(call)->o.gateway;
    bool pause = str_eq(call->parts[4], STR("pause"));
    GatewayAct act;
    TRY(read_act(call, &act, info));
    if (g == NULL) {
        return err_set(info, ERR_NOT_FOUND, "gateway-destination",
                       "no gateway is set up here (setting gateway_targets)",
                       "chưa thiết lập cổng giám định (cài đặt gateway_targets)");
    }
    if (str_eq(call->parts[4], STR("release"))) {
        TRY(release_all(call, &act, info));
    } else if (pause || str_eq(call->parts[4], STR("resume"))) {
        TRY(gateway_queue_pause(gateway_queue(g), call->parts[3], pause, &act, info));
    } else {
        return ERR_NOT_FOUND;
    }
    return put_outgoing(call, out, info);
}

static void post_target(RestCall *call) {
    static const char *const names[] = {NULL};
    rest_answer(call, names, act_on_target);
}

/* ---- metrics ---- */

ApiOutgoing api_outgoing(Api *api) {
    ApiOutgoing sum = {0};
    Gateway *g = api->o.gateway;
    if (g == NULL) {
        return sum;
    }
    for (size_t i = 0; i < gateway_targets(g)->n_targets; i++) {
        GatewayTargetState s = gateway_queue_target(gateway_queue(g), i);
        ApiSent *to = gateway_targets(g)->targets[i].copy ? &sum.copies : &sum.fund;
        to->sent += s.n_sent;
        to->refused += s.n_refused;
        to->failed += s.n_failed;
        to->resting += s.down || s.paused;
    }
    sum.cards = gateway_card_counters(gateway_cards(g));
    return sum;
}

ROUTES(api_outgoing_routes,
       {"GET", "/api/outgoing", get_outgoing, false,
        "claims on their way to the fund and others: counts"},
       {"GET", "/api/outgoing/list", get_list, false,
        "signed, sent, held or refused visits; copies that have to go"},
       {"GET", "/api/outgoing/visits/:facility/:ma_lk", get_attempts, false,
        "what went wrong with one visit, newest first"},
       {"POST", "/api/outgoing/visits/:facility/:ma_lk/release", post_release, true,
        "tried again: {\"who\", \"why\", \"target\"?}"},
       {"POST", "/api/outgoing/targets/:name/:act", post_target, true,
        "pause, resume, release (all that was put aside): {\"who\", \"why\"}"});
