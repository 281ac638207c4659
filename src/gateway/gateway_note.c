#include "gateway/gateway_note.h"

#include "core/json.h"
#include "core/limits.h"
#include "fhir/fhir_query.h"
#include "fhir/fhir_task.h"
#include "intake/intake_checkin.h"
#include "settle/settle.h"

enum { ARENA_MAX = 64 << 20, ATTEMPTS = 5, OF_A_VISIT = 256 };
#define SOURCE "gateway"

static const char *const statuses[] = {
#define X(name, status) [GATEWAY_NOTE_##name] = (status),
    GATEWAY_NOTE_LIST(X)
#undef X
};

/* ---- writing ---- */

typedef struct TaskText {
    const char *code, *system;
    Str value; /* identifier, of that system */
    const GatewayNote *note;
} TaskText;

static void put_inputs(JsonWriter *w, Arena *arena, const GatewayNote *n) {
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    if (n->file.len == 0) {
        return;
    }
    if (n->not_before > 0) {
        time_put_instant(&time, n->not_before);
    }
    json_name(w, "input");
    json_open_array(w);
    fhir_task_put_fact(w, STR("file"), n->file);
    fhir_task_put_fact(w, STR("failures"), arena_printf(arena, "%u", n->failures));
    fhir_task_put_fact(w, STR("not-before"), buf_str(&time));
    fhir_task_put_fact(w, STR("code"), n->code);
    fhir_task_put_fact(w, STR("transaction"), n->transaction);
    json_close_array(w);
}

static void put_reference(JsonWriter *w, Arena *arena, const char *member, const char *type,
                          Str id) {
    if (id.len > 0) {
        fhir_put_part(w, member, "reference",
                      arena_printf(arena, "%s/" STR_FMT, type, STR_ARG(id)));
    }
}

static ErrCode make_text(Arena *arena, const TaskText *t, const StoreVersion *before, Str *ret) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    const GatewayNote *n = t->note;
    const JsonNode *known = NULL;
    if (before->slot != 0) {
        TRY(json_parse(arena, before->json, &known, NULL));
    }
    JsonWriter w = json_writer(&out);
    FhirTask task = {.system = t->system,
                     .key = t->value,
                     .group_system = GATEWAY_TARGET_SYSTEM,
                     .group = n->target,
                     .status = statuses[n->state],
                     .intent = "order",
                     .codes = GATEWAY_CODE_SYSTEM,
                     .code = t->code,
                     .who = n->who,
                     .why = n->why,
                     .now = n->time,
                     .before = known};
    fhir_task_put_what(&w, &task);
    put_reference(&w, arena, "for", "Patient", n->patient);
    put_reference(&w, arena, "encounter", "Encounter", n->visit);
    fhir_task_put_when(&w, &task);
    put_inputs(&w, arena, n);
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* The newest version: by its id where a visit may have several. slot 0: none. */
static ErrCode find_before(Store *store, Arena *arena, const StoreExpect *token,
                           const GatewayNote *note, StoreVersion *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    if (gateway_note_is_own(note)) {
        return note->slot == 0 ? ERR_OK : store_get(store, arena, FHIR_T_TASK, note->id, ret);
    }
    TRY(store_find(store, arena, token, 1, &found, &n));
    if (n > 0) {
        *ret = found[0];
    }
    return ERR_OK;
}

/* A first version is refused when there is one by now, a next one when it is not the newest. */
static ErrCode write_task(Store *store, const TaskText *t, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    StoreVersion before = {0};
    StoreVersion patient = {0};
    StoreExpect expect = {.type = FHIR_T_TASK,
                          .param = FHIR_P_IDENTIFIER,
                          .system = str_from(t->system),
                          .value = t->value};
    StoreChange change = {.type = FHIR_T_TASK};
    StoreCommitted committed;
    RecordNo snapshot = t->note->snapshot > 0 ? t->note->snapshot : store_snapshot(store);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(find_before(store, arena, &expect, t->note, &before));
    if (before.slot != t->note->slot) {
        return ERR_CONFLICT;
    }
    TRY(make_text(arena, t, &before, &change.json));
    change.op = before.slot == 0 ? STORE_CREATE : STORE_UPDATE;
    change.id = before.id;
    change.prev = before.slot;
    bool about = t->note->patient.len > 0 &&
                 store_get(store, arena, FHIR_T_PATIENT, t->note->patient, &patient) == ERR_OK;
    StoreGroup group = {.changes = &change,
                        .n_changes = 1,
                        .patient_change = -1,
                        .patient = about ? patient.first : 0};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .expects = &expect,
                          .n_expects = before.slot == 0 ? 1 : 0,
                          .snapshot = snapshot,
                          .actor = t->note->who,
                          .source = STR(SOURCE)};
    return store_commit(store, &commit, &committed, NULL, info);
}

ErrCode gateway_note_put(Store *store, const GatewayNote *note, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    return write_task(
        store,
        &(TaskText){.code = note->is_copy      ? INTAKE_CHECKIN_COPY
                            : note->is_checkin ? INTAKE_CHECKIN_CODE
                                               : "delivery",
                    .system = note->is_checkin ? INTAKE_CHECKIN_SYSTEM
                              : note->is_copy  ? GATEWAY_COPY_SYSTEM
                                               : GATEWAY_DELIVERY_SYSTEM,
                    .value = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(note->facility),
                                          STR_ARG(note->ma_lk)),
                    .note = note},
        info);
}

/* ---- reading ---- */

static TimeMs time_of(Str text) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    return time_parse_fhir(text, &lo, &hi) == ERR_OK ? lo : 0;
}

static Str id_of(Arena *arena, const JsonNode *task, const char *path) {
    Str reference = json_str(arena, json_path(task, path));
    size_t slash = str_find_char(reference, '/', 0);
    return slash == SIZE_MAX ? STR_EMPTY : str_sub(reference, slash + 1, reference.len);
}

static GatewayNoteState state_of(Str status) {
    GatewayNoteState s = GATEWAY_NOTE_WAITING;
    while (s < GATEWAY_NOTE_DONE && !str_eq(status, str_from(statuses[s]))) {
        s++;
    }
    return s;
}

static ErrCode read_task(Arena *arena, const StoreVersion *v, GatewayNote *ret) {
    const JsonNode *t = NULL;
    uint64_t failures = 0;
    TRY(json_parse(arena, v->json, &t, NULL));
    Str key = json_str(arena, json_path(t, "identifier.value"));
    GatewayNote n = {.id = v->id, .slot = v->slot, .first = v->first, .version = v->version};
    n.is_checkin = json_str_is(json_path(t, "identifier.system"), STR(INTAKE_CHECKIN_SYSTEM));
    n.is_copy = json_str_is(json_path(t, "code.coding.code"), STR(INTAKE_CHECKIN_COPY));
    n.ma_lk = key;
    (void)str_cut(&n.ma_lk, '|', &n.facility);
    n.target = json_str(arena, json_path(t, "groupIdentifier.value"));
    n.state = state_of(json_str(arena, json_get_lit(t, "status")));
    n.patient = id_of(arena, t, "for.reference");
    n.visit = id_of(arena, t, "encounter.reference");
    n.file = fhir_task_input(arena, t, "file");
    n.code = fhir_task_input(arena, t, "code");
    n.transaction = fhir_task_input(arena, t, "transaction");
    n.not_before = time_of(fhir_task_input(arena, t, "not-before"));
    n.time = time_of(json_str(arena, json_get_lit(t, "lastModified")));
    n.who = json_str(arena, json_path(t, "owner.display"));
    n.why = json_str(arena, json_path(t, "statusReason.text"));
    if (str_to_u64(fhir_task_input(arena, t, "failures"), &failures) == ERR_OK) {
        n.failures = (unsigned)MIN(failures, (uint64_t)UINT32_MAX);
    }
    *ret = n;
    return ERR_OK;
}

static ErrCode find_task(Store *store, Arena *arena, Str system, Str value, GatewayNote *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {
        .type = FHIR_T_TASK, .param = FHIR_P_IDENTIFIER, .system = system, .value = value};
    TRY(store_find(store, arena, &token, 1, &found, &n));
    return n == 0 ? ERR_NOT_FOUND : read_task(arena, &found[0], ret);
}

ErrCode gateway_note_get(Store *store, Arena *arena, Str facility, Str ma_lk, GatewayNote *ret) {
    Str key = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(facility), STR_ARG(ma_lk));
    return find_task(store, arena, STR(GATEWAY_DELIVERY_SYSTEM), key, ret);
}

static ErrCode read_all(Arena *arena, const StoreVersion *versions, size_t n,
                        GatewayNotePage *ret) {
    GatewayNote *notes = arena_new_array(arena, GatewayNote, n + 1);
    if (notes == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(read_task(arena, &versions[i], &notes[i]));
    }
    ret->notes = notes;
    ret->n = n;
    return ERR_OK;
}

static ErrCode search(Store *store, Arena *arena, Str text, StoreSearch *how,
                      GatewayNotePage *ret) {
    FhirQuery query;
    StorePage page;
    FhirQueryScope scope = {.type = FHIR_T_TASK, .base_url = STR_EMPTY};
    TRY(fhir_query_parse(arena, &scope, text, &query));
    how->query = &query;
    TRY(store_search(store, arena, how, &page, NULL));
    *ret = (GatewayNotePage){.total = page.total, .snapshot = page.snapshot, .next = page.next};
    return read_all(arena, page.matches, page.n_matches, ret);
}

ErrCode gateway_note_list(Store *store, Arena *arena, const GatewayNoteAsk *ask,
                          GatewayNotePage *ret) {
    Str text = arena_printf(
        arena, "code=%s" GATEWAY_CODE_SYSTEM "|" INTAKE_CHECKIN_COPY "&status=%s%s" STR_FMT,
        ask->copies ? ""
                    : GATEWAY_CODE_SYSTEM "|delivery," INTAKE_CHECKIN_CODES "|" INTAKE_CHECKIN_CODE
                                          ",",
        statuses[ask->state],
        ask->target.len == 0 ? "" : "&group-identifier=" GATEWAY_TARGET_SYSTEM "|",
        STR_ARG(ask->target));
    StoreSearch how = {
        .snapshot = ask->snapshot, .after = ask->after, .count = ask->max, .want_total = true};
    return search(store, arena, text, &how, ret);
}

ErrCode gateway_visit_list(Store *store, Arena *arena, const GatewayVisitAsk *ask,
                           GatewayNotePage *ret) {
    Str text = arena_printf(arena,
                            "code=" BOOK_SYSTEM_STATE "|" SETTLE_CODE "&business-status=" //
                            BOOK_SYSTEM_STATE "|%s&_sort=_lastUpdated",
                            ask->state);
    StoreSearch how = {.snapshot = ask->snapshot,
                       .after = ask->after,
                       .count = ask->max,
                       .want_total = ask->want_total};
    return search(store, arena, text, &how, ret);
}

/* Newest first where a record is named: the search then takes no order. */
ErrCode gateway_visit_news(Store *store, Arena *arena, const GatewayVisitAsk *ask, RecordNo since,
                           GatewayNotePage *ret) {
    Str text = arena_printf(arena,
                            "code=" BOOK_SYSTEM_STATE "|" SETTLE_CODE "&business-status=" //
                            BOOK_SYSTEM_STATE "|signed," BOOK_SYSTEM_STATE "|sent%s",
                            since == 0 ? "&_sort=_lastUpdated" : "," BOOK_SYSTEM_STATE "|received");
    StoreSearch how = {
        .snapshot = ask->snapshot, .after = ask->after, .count = ask->max, .since = since};
    return search(store, arena, text, &how, ret);
}

ErrCode gateway_note_history(Store *store, Arena *arena, const GatewayNote *note, size_t max,
                             GatewayNotePage *ret) {
    StoreVersion *versions = NULL;
    size_t n = 0;
    Slot next = 0;
    StoreHistory what = {.type = FHIR_T_TASK, .id = note->id, .count = max};
    TRY(store_history(store, arena, &what, &versions, &n, &next));
    *ret = (GatewayNotePage){.total = n, .next = next};
    return read_all(arena, versions, n, ret);
}

/* ---- check-ins, copies ---- */

ErrCode gateway_own_get(Store *store, Arena *arena, Str id, GatewayNote *ret) {
    StoreVersion v;
    TRY(store_get(store, arena, FHIR_T_TASK, id, &v));
    TRY(read_task(arena, &v, ret));
    return gateway_note_is_own(ret) ? ERR_OK : ERR_NOT_FOUND;
}

/* At most OF_A_VISIT of them: more are no visit's. */
static ErrCode find_all(Store *store, Arena *arena, StoreExpect token, GatewayNotePage *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    token.type = FHIR_T_TASK;
    token.param = FHIR_P_IDENTIFIER;
    TRY(store_find(store, arena, &token, OF_A_VISIT, &found, &n));
    return read_all(arena, found, n, ret);
}

ErrCode gateway_checkins(Store *store, Arena *arena, Str facility, Str ma_lk,
                         GatewayNotePage *ret) {
    Str key = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(facility), STR_ARG(ma_lk));
    return find_all(store, arena, (StoreExpect){.system = STR(INTAKE_CHECKIN_SYSTEM), .value = key},
                    ret);
}

ErrCode gateway_copies(Store *store, Arena *arena, Str facility, Str ma_lk, GatewayNotePage *ret) {
    Str key = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(facility), STR_ARG(ma_lk));
    return find_all(store, arena, (StoreExpect){.system = STR(GATEWAY_COPY_SYSTEM), .value = key},
                    ret);
}

ErrCode gateway_own_list(Store *store, Arena *arena, const GatewayNoteAsk *ask,
                         GatewayNotePage *ret) {
    bool copy = ask->target.len > 0;
    Str text = arena_printf(
        arena, "code=" INTAKE_CHECKIN_CODES "|%s&status=%s%s" STR_FMT "&_sort=_lastUpdated",
        copy ? INTAKE_CHECKIN_COPY : INTAKE_CHECKIN_CODE, statuses[GATEWAY_NOTE_WAITING],
        copy ? "&group-identifier=" GATEWAY_TARGET_SYSTEM "|" : "", STR_ARG(ask->target));
    StoreSearch how = {.snapshot = ask->snapshot, .after = ask->after, .count = ask->max};
    return search(store, arena, text, &how, ret);
}

/* ---- what people do ---- */

static ErrCode check_act(const GatewayAct *act, ErrInfo *info) {
    return str_trim(act->who).len > 0 && str_trim(act->why).len > 0
               ? ERR_OK
               : err_set(info, ERR_PARAM, "gateway-act", "say who does it and why",
                         "hãy nêu người thực hiện và lý do");
}

static bool is_put_aside(const GatewayNote *n) {
    return n->state == GATEWAY_NOTE_HELD || n->state == GATEWAY_NOTE_REFUSED;
}

static ErrCode let_go(Store *store, GatewayNote n, const GatewayAct *act, ErrInfo *info) {
    n.state = GATEWAY_NOTE_WAITING;
    n.failures = 0;
    n.not_before = 0;
    n.who = act->who;
    n.why = act->why;
    n.time = act->now;
    return gateway_note_put(store, &n, info);
}

static bool is_meant(const GatewayNote *n, const GatewayAct *act) {
    return act->target.len == 0 || str_eq(act->target, n->target);
}

/* *ret_seen: how many there are, *ret_n: how many were let go. */
static ErrCode release_own(Store *store, const GatewayNotePage *page, const GatewayAct *act,
                           size_t *ret_seen, size_t *ret_n) {
    ErrInfo info = {0};
    for (size_t i = 0; i < page->n; i++) {
        bool meant = is_meant(&page->notes[i], act);
        *ret_seen += meant;
        if (meant && is_put_aside(&page->notes[i])) {
            TRY(let_go(store, page->notes[i], act, &info));
            ++*ret_n;
        }
    }
    return ERR_OK;
}

static ErrCode release_once(Store *store, Arena *arena, const GatewayNote *visit,
                            const GatewayAct *act, ErrInfo *info) {
    GatewayNote n = {.state = GATEWAY_NOTE_DONE};
    GatewayNotePage page = {.n = 0};
    size_t seen = 0;
    size_t released = 0;
    TRY(gateway_checkins(store, arena, visit->facility, visit->ma_lk, &page));
    TRY(release_own(store, &page, act, &seen, &released));
    TRY(gateway_copies(store, arena, visit->facility, visit->ma_lk, &page));
    TRY(release_own(store, &page, act, &seen, &released));
    ErrCode err = gateway_note_get(store, arena, visit->facility, visit->ma_lk, &n);
    if (err == ERR_OK && is_meant(&n, act) && is_put_aside(&n)) {
        return let_go(store, n, act, info);
    }
    if (released > 0 || (err != ERR_OK && err != ERR_NOT_FOUND)) {
        return released > 0 ? ERR_OK : err;
    }
    if ((err == ERR_NOT_FOUND || !is_meant(&n, act)) && seen == 0) {
        return ERR_NOT_FOUND;
    }
    return err_set(info, ERR_PRECONDITION, "gateway-release",
                   "visit " STR_FMT "|" STR_FMT " is neither put aside nor refused",
                   "hồ sơ " STR_FMT "|" STR_FMT " không bị giữ lại cũng không bị từ chối",
                   STR_ARG(visit->facility), STR_ARG(visit->ma_lk));
}

ErrCode gateway_note_release(Store *store, Str facility, Str ma_lk, const GatewayAct *act,
                             ErrInfo *info) {
    ErrCode err = check_act(act, info);
    for (int i = 0; i < ATTEMPTS && (i == 0 ? err == ERR_OK : err == ERR_CONFLICT); i++) {
        CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
        GatewayNote n = {.facility = facility, .ma_lk = ma_lk};
        err = arena == NULL ? ERR_NOMEM : release_once(store, arena, &n, act, info);
    }
    return err;
}

ErrCode gateway_door_get(Store *store, Arena *arena, Str target, GatewayDoor *ret) {
    GatewayNote n;
    ErrCode err = find_task(store, arena, STR(GATEWAY_TARGET_SYSTEM), target, &n);
    if (err == ERR_NOT_FOUND) {
        *ret = (GatewayDoor){0};
        return ERR_OK;
    }
    TRY(err);
    *ret = (GatewayDoor){
        .paused = n.state == GATEWAY_NOTE_HELD, .who = n.who, .why = n.why, .time = n.time};
    return ERR_OK;
}

static ErrCode set_once(Store *store, Arena *arena, GatewayNote *to, ErrInfo *info) {
    GatewayNote n = {0};
    ErrCode err = find_task(store, arena, STR(GATEWAY_TARGET_SYSTEM), to->target, &n);
    bool paused = err == ERR_OK && n.state == GATEWAY_NOTE_HELD;
    TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
    if (paused == (to->state == GATEWAY_NOTE_HELD)) {
        return err_set(info, ERR_PRECONDITION, "gateway-door",
                       paused ? "it is paused already" : "it is not paused",
                       paused ? "nơi nhận này đang tạm dừng rồi"
                              : "nơi nhận này không bị tạm dừng");
    }
    to->slot = n.slot;
    return write_task(store,
                      &(TaskText){.code = "destination",
                                  .system = GATEWAY_TARGET_SYSTEM,
                                  .value = to->target,
                                  .note = to},
                      info);
}

ErrCode gateway_door_set(Store *store, Str target, bool paused, const GatewayAct *act,
                         ErrInfo *info) {
    ErrCode err = check_act(act, info);
    for (int i = 0; i < ATTEMPTS && (i == 0 ? err == ERR_OK : err == ERR_CONFLICT); i++) {
        CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
        GatewayNote n = {.target = target,
                         .state = paused ? GATEWAY_NOTE_HELD : GATEWAY_NOTE_WAITING,
                         .time = act->now,
                         .who = act->who,
                         .why = act->why};
        err = arena == NULL ? ERR_NOMEM : set_once(store, arena, &n, info);
    }
    return err;
}
