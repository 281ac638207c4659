#include "core/limits.h"
#include "fhir/fhir_task.h"
#include "intake/intake_checkin.h"
#include "intake/intake_int.h"

typedef struct Resolution {
    Intake *intake;
    Plan *plan;
    Work *work;
    StoreVersion visit;   /* the newest version under its key; first = 0: not sent before */
    StoreVersion patient; /* first = 0: new */
    bool newer;           /* the claim's facts are newer than the known patient's */
    bool over;            /* a check-in whose claim is there already: nothing to say */
    KnownPart *known;     /* the visit's resources, when it was sent before */
    size_t n_known;
    Str *ids;        /* per mapped resource: id when the store has it already, else empty */
    Slot *slots;     /* newest version of that resource, or 0 */
    int64_t *change; /* per mapped resource: its flattened change index */
    Str *merged;     /* text to write; empty: nothing to write */
    bool has_receipt;
    IntakeReceipt receipt; /* to write */
    bool forwards;         /* a check-in that goes on */
} Resolution;

/* Cards outlive a visit; who pays by himself does so for this visit only. */
static bool is_card(const ClaimResource *r) {
    return r->type == FHIR_T_COVERAGE && !str_eq(r->role, STR("coverage/self"));
}

static bool is_visit(const ClaimResource *r) {
    return r->type != FHIR_T_PATIENT && !is_card(r);
}

/* The patient's newer facts come from the visit that ended later. */
static bool claim_is_newer(Arena *arena, Str known_json, const Work *work) {
    const JsonNode *root = NULL;
    if (json_parse(arena, known_json, &root, NULL) != ERR_OK) {
        return true;
    }
    TimeMs lo = 0;
    TimeMs hi = 0;
    Str as_of = claim_map_as_of(arena, root);
    return as_of.len == 0 || time_parse_fhir(as_of, &lo, &hi) != ERR_OK || work->as_of >= lo;
}

/* A visit that says the same as before makes no new Patient, so its date is not written there: is
 * there a later visit than this claim's among the citizen's? Asked only when they disagree. */
static ErrCode later_visit(Resolution *r, bool *ret_later) {
    VisitsAsk ask = {.visits = r->intake->visits,
                     .store = r->intake->store,
                     .arena = r->plan->arena,
                     .patient = r->patient.first,
                     .as_of = r->work->as_of};
    return visits_later(&ask, ret_later);
}

static ErrCode find_visit(Resolution *r) {
    IntakeLook look = {.token = {.type = r->work->map.key_type,
                                 .param = FHIR_P_IDENTIFIER,
                                 .system = STR(CLAIM_SYSTEM_VISIT),
                                 .value = r->work->doc_key}};
    TRY(intake_look_up(r->intake, r->plan, &look, &r->visit));
    if (r->visit.first != 0) {
        return ERR_OK;
    }
    /* Its Encounter may have been deleted by other ways: the rest of the visit is still there. */
    ErrCode err = store_find_past(r->intake->store, r->plan->arena, &look.token, &r->visit);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* A claim without any number that tells its citizen: a visit that was sent before has one. */
static ErrCode find_citizen_of_visit(Resolution *r) {
    Store *store = r->intake->store;
    StoreVersion first;
    StoreVersion now;
    TRY(store_get_slot(store, r->plan->arena, r->visit.patient, &first));
    ErrCode err = store_get(store, r->plan->arena, FHIR_T_PATIENT, first.id, &now);
    if (err == ERR_OK && intake_same_person(r->plan->arena, now.json, r->work)) {
        r->patient = now;
    }
    return err == ERR_GONE ? ERR_OK : err;
}

static ErrCode resolve_patient(Resolution *r) {
    const ClaimResource *mapped = &r->work->map.resources[0];
    assert(mapped->type == FHIR_T_PATIENT);
    TRY(intake_find_patient(r->intake, r->plan, r->work, &r->patient));
    if (r->patient.first == 0 && r->visit.patient != 0) {
        TRY(find_citizen_of_visit(r));
    }
    Arena *arena = r->plan->arena;
    Str claimed = intake_as_relatives(r->work, arena, mapped->json);
    if (r->patient.first == 0) {
        r->merged[0] = claimed;
        return ERR_OK;
    }
    r->ids[0] = r->patient.id;
    r->slots[0] = r->patient.slot;
    r->newer = claim_is_newer(arena, r->patient.json, r->work);
    TRY(intake_merge_patient(arena, r->patient.json, claimed, r->newer, &r->merged[0]));
    bool later = false;
    if (r->newer && r->merged[0].len > 0) {
        TRY(later_visit(r, &later));
    }
    r->newer = r->newer && !later;
    return later ? intake_merge_patient(arena, r->patient.json, claimed, false, &r->merged[0])
                 : ERR_OK;
}

/* A card is one Coverage; a claim with other facts on it makes a new version. */
static ErrCode resolve_coverage(Resolution *r, size_t i) {
    Arena *arena = r->plan->arena;
    const ClaimResource *c = &r->work->map.resources[i];
    const JsonNode *root = NULL;
    TRY(json_parse(arena, c->json, &root, NULL));
    const JsonNode *identifier = json_path(root, "identifier");
    identifier = json_is(identifier, JSON_ARRAY) ? json_first(identifier) : identifier;
    IntakeLook look = {
        .token = {.type = FHIR_T_COVERAGE,
                  .param = FHIR_P_IDENTIFIER,
                  .system = json_str(arena, json_get_lit(identifier, "system")),
                  .value = json_str(arena, json_get_lit(identifier, "value"))},
        .patient = r->patient.first,
    };
    StoreVersion found = {0};
    r->merged[i] = c->json;
    if (look.token.value.len > 0 && look.patient != 0) {
        TRY(intake_look_up(r->intake, r->plan, &look, &found));
    }
    if (found.first == 0) {
        return ERR_OK;
    }
    r->ids[i] = found.id;
    r->slots[i] = found.slot;
    RefMap map = {.known = r->ids, .n = r->work->map.n_resources, .patient = r->patient.id};
    Str claimed = intake_rewrite(arena, c->json, &map);
    if (!r->newer || str_eq(claimed, intake_strip(arena, found.json))) {
        r->merged[i] = STR_EMPTY;
    }
    return ERR_OK;
}

static ErrCode resolve_visit(Resolution *r) {
    r->work->outcome = r->visit.first == 0 ? WORK_NEW : WORK_CHANGED;
    if (r->visit.first == 0) {
        return ERR_OK;
    }
    r->over = r->work->map.check_in && !r->visit.deleted &&
              !intake_has_begun(r->plan->arena, r->visit.json);
    Str known_made = intake_made(r->plan->arena, r->visit.json);
    r->work->stale = r->work->made.len > 0 && str_cmp(r->work->made, known_made) < 0;
    KnownVisit before = {.store = r->intake->store, .arena = r->plan->arena};
    TRY(intake_known(&before, &r->visit));
    r->known = before.items;
    r->n_known = before.n;
    const ClaimGroup *g = &r->work->map;
    for (size_t i = 0; i < g->n_resources; i++) {
        for (size_t k = 0; is_visit(&g->resources[i]) && k < r->n_known; k++) {
            KnownPart *known = &r->known[k];
            if (!known->matched && known->version.type == g->resources[i].type &&
                str_eq(known->role, g->resources[i].role)) {
                known->matched = true;
                r->ids[i] = known->version.id;
                r->slots[i] = known->version.slot;
                break;
            }
        }
    }
    return ERR_OK;
}

/* Is every resource of the visit what the store has already? A check-in only adds. */
static bool visit_is_same(Resolution *r) {
    const ClaimGroup *g = &r->work->map;
    RefMap map = {.known = r->ids, .n = g->n_resources, .patient = r->patient.id};
    for (size_t k = 0; !g->check_in && k < r->n_known; k++) {
        if (!r->known[k].matched) {
            return false;
        }
    }
    for (size_t i = 0; i < g->n_resources; i++) {
        if (!is_visit(&g->resources[i])) {
            continue;
        }
        if (r->slots[i] == 0) {
            return false;
        }
        for (size_t k = 0; k < r->n_known; k++) {
            if (r->known[k].version.slot == r->slots[i] &&
                !str_eq(intake_rewrite(r->plan->arena, g->resources[i].json, &map),
                        intake_strip(r->plan->arena, r->known[k].version.json))) {
                return false;
            }
        }
    }
    return true;
}

/* ---- by which bytes its facility signed it ---- */

static size_t first_of(const ClaimGroup *g, FhirType type) {
    size_t i = 0;
    while (i < g->n_resources && g->resources[i].type != type) {
        i++;
    }
    return i;
}

/* Of the bill, once this commit is done. */
static uint32_t claim_version(const Resolution *r, bool written) {
    size_t i = first_of(&r->work->map, FHIR_T_CLAIM);
    for (size_t k = 0; i < r->work->map.n_resources && k < r->n_known; k++) {
        if (r->known[k].version.slot == r->slots[i] && r->slots[i] != 0) {
            return r->known[k].version.version + written;
        }
    }
    return 1;
}

static Str hex_of(Arena *arena, const Sha256 *hash) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 2 * sizeof(hash->b) + 8);
    hex_put(&text, hash->b, sizeof(hash->b));
    return arena_str(arena, buf_str(&text));
}

/* What the Task says; nothing when it says that already. */
static ErrCode make_receipt(Resolution *r, bool written) {
    Arena *arena = r->plan->arena;
    const SignedFile *as = &r->work->as_signed;
    IntakeLook look = {.token = {.type = FHIR_T_TASK,
                                 .param = FHIR_P_IDENTIFIER,
                                 .system = STR(INTAKE_RECEIPT_SYSTEM),
                                 .value = r->work->doc_key}};
    StoreVersion known = {0};
    IntakeReceipt before = {.file = STR_EMPTY};
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_instant(&time, as->at);
    TRY(intake_look_up(r->intake, r->plan, &look, &known));
    if (known.first != 0) {
        TRY(intake_receipt_read(arena, &known, &before));
    }
    r->receipt = (IntakeReceipt){
        .version = known,
        .before = before.before,
        .state = as->take ? INTAKE_RECEIPT_ASKED : INTAKE_RECEIPT_READY,
        .key = r->work->doc_key,
        .patient = STR("Patient/~0"),
        .visit = arena_printf(arena, "Encounter/~%zu", first_of(&r->work->map, FHIR_T_ENCOUNTER)),
        .file = hex_of(arena, &as->file),
        .certificate = hex_of(arena, &as->certificate),
        .signed_at = arena_str(arena, buf_str(&time)),
        .claim_version = claim_version(r, written),
        .time = clock_now_ms(clock_real())};
    r->has_receipt =
        !str_eq(before.file, r->receipt.file) || before.claim_version != r->receipt.claim_version;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode receipt_change(Resolution *r, const RefMap *map, StoreChange *ret) {
    const StoreVersion *known = &r->receipt.version;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    TRY(intake_receipt_put(&out, &r->receipt));
    Str json = arena_str(r->plan->arena, buf_str(&out));
    *ret = (StoreChange){.op = known->first == 0 ? STORE_CREATE : STORE_UPDATE,
                         .type = FHIR_T_TASK,
                         .id = known->id,
                         .prev = known->slot,
                         .json = intake_rewrite(r->plan->arena, json, map)};
    return ERR_OK;
}

/* A check-in on its way to a destination: the first version of its Task there. */
static ErrCode forward_change(Resolution *r, const RefMap *map, const IntakeForward *to,
                              StoreChange *ret) {
    Arena *arena = r->plan->arena;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    FhirTask task = {.system = INTAKE_CHECKIN_SYSTEM,
                     .key = r->work->doc_key,
                     .group_system = INTAKE_CHECKIN_TARGET,
                     .group = to->target,
                     .status = INTAKE_CHECKIN_STATUS,
                     .intent = "order",
                     .codes = INTAKE_CHECKIN_CODES,
                     .code = to->is_copy ? INTAKE_CHECKIN_COPY : INTAKE_CHECKIN_CODE,
                     .now = clock_now_ms(clock_real())};
    fhir_task_put_what(&w, &task);
    fhir_put_part(&w, "for", "reference", STR("Patient/~0"));
    fhir_put_part(&w, "encounter", "reference",
                  arena_printf(arena, "Encounter/~%zu", first_of(&r->work->map, FHIR_T_ENCOUNTER)));
    fhir_task_put_when(&w, &task);
    json_name(&w, "input");
    json_open_array(&w);
    fhir_task_put_fact(&w, STR("file"), hex_of(arena, &r->work->forward_file));
    json_close_array(&w);
    json_close_object(&w);
    TRY(buf_ok(&out));
    Str json = arena_str(arena, buf_str(&out));
    *ret = (StoreChange){
        .op = STORE_CREATE, .type = FHIR_T_TASK, .json = intake_rewrite(arena, json, map)};
    return ERR_OK;
}

/* Numbers the changes of this claim behind those of the commit so far. */
static size_t number_changes(Resolution *r, bool visit_too) {
    const ClaimGroup *g = &r->work->map;
    size_t n = 0;
    for (size_t i = 0; i < g->n_resources; i++) {
        bool write = is_visit(&g->resources[i]) ? visit_too : r->merged[i].len > 0;
        r->change[i] = write ? (int64_t)(r->plan->n_changes + n) : -1;
        n += write;
    }
    return n;
}

/* The change that writes resource i. Mapped texts are canonical; merged ones may refer to the
 * patient by id, which the store shortens. */
static StoreChange write_change(Resolution *r, size_t i, const RefMap *map, Buf *text) {
    const ClaimResource *mapped = &r->work->map.resources[i];
    bool visit = is_visit(mapped);
    VisitMeta meta = {.role = mapped->role,
                      .made = mapped->type == r->work->map.key_type ? r->work->made : STR_EMPTY,
                      .restricted = mapped->restricted};
    buf_clear(text);
    if (visit) {
        intake_put_visit(text, mapped->json, &meta, map);
    }
    return (StoreChange){
        .op = r->slots[i] == 0 ? STORE_CREATE : STORE_UPDATE,
        .type = mapped->type,
        .id = r->ids[i],
        .prev = r->slots[i],
        .json = visit ? arena_str(r->plan->arena, buf_str(text))
                      : intake_rewrite(r->plan->arena, r->merged[i], map),
        .canonical = visit || r->slots[i] == 0,
    };
}

static ErrCode write_changes(Resolution *r, size_t n, size_t n_deletes) {
    Arena *arena = r->plan->arena;
    const ClaimGroup *g = &r->work->map;
    StoreChange *changes =
        arena_new_array(arena, StoreChange, n + n_deletes + 2 + INTAKE_FORWARDS_MAX);
    Str *known = arena_new_array(arena, Str, g->n_resources);
    if (changes == NULL || known == NULL) {
        return ERR_NOMEM;
    }
    /* What is written in this commit is referred to by its place, all else by its id. */
    for (size_t i = 0; i < g->n_resources; i++) {
        known[i] = r->change[i] >= 0 ? STR_EMPTY : r->ids[i];
    }
    RefMap map = {.known = known, .change = r->change, .n = g->n_resources};
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_RESOURCE_BYTES);
    size_t at = 0;
    for (size_t i = 0; i < g->n_resources; i++) {
        if (r->change[i] >= 0) {
            changes[at++] = write_change(r, i, &map, &text);
            TRY(buf_ok(&text));
        }
    }
    for (size_t k = 0; n_deletes > 0 && k < r->n_known; k++) {
        const StoreVersion *v = &r->known[k].version;
        if (!r->known[k].matched) {
            changes[at++] =
                (StoreChange){.op = STORE_DELETE, .type = v->type, .id = v->id, .prev = v->slot};
        }
    }
    assert(at == n + n_deletes);
    if (r->has_receipt) {
        TRY(receipt_change(r, &map, &changes[at++]));
        r->work->noted = true;
    }
    for (size_t i = 0; r->forwards && i < r->work->n_forwards; i++) {
        TRY(forward_change(r, &map, &r->work->forwards[i], &changes[at++]));
    }
    r->work->group = (StoreGroup){
        .changes = changes,
        .n_changes = at,
        .patient_change = r->patient.first == 0 ? 0 : -1,
        .patient = r->patient.first,
    };
    r->plan->n_changes += at;
    return ERR_OK;
}

ErrCode intake_resolve(Intake *intake, Plan *plan, Work *work) {
    size_t n = work->map.n_resources;
    Resolution r = {
        .intake = intake,
        .plan = plan,
        .work = work,
        .ids = arena_new_array(plan->arena, Str, n),
        .slots = arena_new_array(plan->arena, Slot, n),
        .change = arena_new_array(plan->arena, int64_t, n),
        .merged = arena_new_array(plan->arena, Str, n),
    };
    if (arena_failed(plan->arena)) {
        return ERR_NOMEM;
    }
    work->group = (StoreGroup){.patient_change = -1};
    work->stale = false;
    work->noted = false;
    TRY(find_visit(&r));
    if (work->expect != 0 && r.visit.slot != work->expect) {
        return ERR_PRECONDITION;
    }
    TRY(resolve_patient(&r));
    work->patient = r.patient.first;
    for (size_t i = 1; i < n; i++) {
        if (is_card(&work->map.resources[i])) {
            TRY(resolve_coverage(&r, i));
        }
    }
    TRY(resolve_visit(&r));
    bool write_visit = work->outcome == WORK_NEW || (!work->stale && !r.over && !visit_is_same(&r));
    if (!write_visit) {
        work->outcome = WORK_SAME;
    }
    if (work->receipt_only && (write_visit || r.patient.first == 0)) {
        work->outcome = WORK_SAME;
        return ERR_OK; /* it was changed since that file came */
    }
    for (size_t i = 0; work->receipt_only && i < n; i++) {
        r.merged[i] = STR_EMPTY;
    }
    if (work->is_signed && !work->stale) {
        TRY(make_receipt(&r, write_visit));
    }
    r.forwards = write_visit;
    size_t n_deletes = 0;
    for (size_t k = 0; write_visit && !work->map.check_in && k < r.n_known; k++) {
        n_deletes += !r.known[k].matched;
    }
    size_t n_writes = number_changes(&r, write_visit);
    bool nothing = n_writes + n_deletes == 0 && !r.has_receipt;
    return nothing ? ERR_OK : write_changes(&r, n_writes, n_deletes);
}

ErrCode intake_resolve_actors(Intake *intake, Plan *plan, const Work *work) {
    for (size_t i = 0; !work->receipt_only && i < work->map.n_actors; i++) {
        const ClaimActor *a = &work->map.actors[i];
        uint64_t hash = hash64_seed(a->id, (uint64_t)a->type);
        StoreVersion v;
        if (!hash_set_add(intake->actors, hash)) {
            continue;
        }
        ErrCode err = store_get(intake->store, plan->arena, a->type, a->id, &v);
        if (err == ERR_OK || err == ERR_GONE) {
            continue;
        }
        if (err != ERR_NOT_FOUND) {
            hash_set_remove(intake->actors, hash);
            return err;
        }
        if (plan->n_actors == plan->cap_actors) {
            size_t cap = plan->cap_actors == 0 ? 32 : plan->cap_actors * 2;
            StoreChange *grown = arena_new_array(plan->arena, StoreChange, cap);
            if (grown == NULL) {
                return ERR_NOMEM;
            }
            if (plan->n_actors > 0) {
                memcpy(grown, plan->actors, plan->n_actors * sizeof(*grown));
            }
            plan->actors = grown;
            plan->cap_actors = cap;
        }
        plan->actors[plan->n_actors++] =
            (StoreChange){.op = STORE_CREATE, .type = a->type, .id = a->id, .json = a->json};
    }
    return ERR_OK;
}
