#include "core/hash.h"
#include "core/limits.h"
#include "core/time.h"
#include "interop/claim_identity.h"
#include "mpi/mpi_birth_int.h"
#include "mpi/mpi_case.h"

#define V3_ROLE "http://terminology.hl7.org/CodeSystem/v3-RoleCode"

enum { CHANGES_MAX = 4 };

/* Changes of several records, together or not at all. */
typedef struct Step {
    StoreChange changes[CHANGES_MAX];
    StoreGroup groups[CHANGES_MAX];
    size_t n;
} Step;

static void add(Step *s, const StoreChange *change, Slot patient) {
    s->changes[s->n] = *change;
    s->groups[s->n] = (StoreGroup){&s->changes[s->n], 1, -1, patient};
    s->n++;
}

static StoreExpect case_of(const BirthCase *c) {
    return (StoreExpect){.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(MPI_BIRTH_SYSTEM),
                         .value = c->birth->id};
}

static Str patient_of(const BirthCase *c, const char *path) {
    Str text = json_str(c->arena, json_path(c->root, path));
    Str head = STR("Patient/");
    return str_starts(text, head) ? str_sub(text, head.len, text.len) : STR_EMPTY;
}

static bool is_by_person(const BirthCase *c) {
    const JsonNode *list = json_get_lit(c->root, "input");
    bool is = false;
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        is = is || json_str_is(json_path(i, "type.text"), STR(MPI_BIRTH_BY_PERSON));
    }
    return is;
}

ErrCode birth_case_load(BirthCase *c) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = case_of(c);
    c->snapshot = store_snapshot(c->store);
    c->task = (StoreVersion){0};
    c->root = NULL;
    c->status = c->child = c->mother = STR_EMPTY;
    c->by_person = false;
    TRY(store_find(c->store, c->arena, &token, 1, &found, &n));
    if (n == 0) {
        return ERR_OK;
    }
    c->task = found[0];
    TRY(json_parse(c->arena, c->task.json, &c->root, NULL));
    c->status = json_str(c->arena, json_get_lit(c->root, "status"));
    c->child = patient_of(c, "focus.reference");
    c->mother = patient_of(c, "for.reference");
    c->by_person = is_by_person(c);
    return ERR_OK;
}

/* ---- the Task ---- */

static void put_reference(JsonWriter *w, Str reference) {
    json_open_object(w);
    json_member(w, "reference", reference);
    json_close_object(w);
}

static Str local(const BirthCase *c, const char *type, Str id) {
    return arena_printf(c->arena, "%s/" STR_FMT, type, STR_ARG(id));
}

static void put_input(JsonWriter *w, const char *what, Str text, bool reference) {
    json_open_object(w);
    json_name(w, "type");
    json_open_object(w);
    json_member(w, "text", str_from(what));
    json_close_object(w);
    if (reference) {
        json_name(w, "valueReference");
        put_reference(w, text);
    } else {
        json_member(w, "valueString", text);
    }
    json_close_object(w);
}

/* What agrees, and who it may be. */
static void put_evidence(const BirthCase *c, JsonWriter *w) {
    const BirthVerdict *v = c->verdict;
    const JsonNode *known = json_get_lit(c->root, "input");
    if (v == NULL && known == NULL) {
        return;
    }
    json_name(w, "input");
    if (v == NULL) {
        json_put_node(w, known);
        return;
    }
    json_open_array(w);
    put_input(w, "card", v->by_mother ? STR("mother") : STR("same"), false);
    put_input(w, "certificates", c->birth->shared ? STR("several") : STR("one"), false);
    put_input(w, "persons", v->persons == 1 ? STR("one") : STR("several"), false);
    put_input(w, "birth-and-sex", v->n_agree > 0 ? STR("same") : STR("differ"), false);
    put_input(w, "mother", v->mother ? STR("same") : STR("differs"), false);
    if (c->by_person) {
        put_input(w, MPI_BIRTH_BY_PERSON, c->who, false);
    }
    for (size_t i = 0; i < v->n; i++) {
        put_input(w, "child", local(c, "Patient", v->children[i]), true);
    }
    json_close_array(w);
}

static void put_head(const BirthCase *c, JsonWriter *w, const char *status) {
    json_open_object(w);
    json_member(w, "resourceType", STR("Task"));
    json_name(w, "identifier");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "system", STR(MPI_BIRTH_SYSTEM));
    json_member(w, "value", c->birth->id);
    json_close_object(w);
    json_close_array(w);
    json_member(w, "status", str_from(status));
    json_name(w, "statusReason");
    json_open_object(w);
    json_member_str(w, STR("text"), c->why);
    json_close_object(w);
    json_member(w, "intent", STR("proposal"));
    json_name(w, "code");
    json_open_object(w);
    json_name(w, "coding");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "system", STR(MPI_CODE_SYSTEM));
    json_member(w, "code", STR(MPI_BIRTH_CODE));
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

static ErrCode make_task(const BirthCase *c, const char *status, Str *ret_json) {
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf time;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    buf_init(&time, 64);
    time_put_vn(&time, c->now);
    Str authored = json_str(c->arena, json_get_lit(c->root, "authoredOn"));
    JsonWriter w = json_writer(&out);
    put_head(c, &w, status);
    json_name(&w, "focus");
    put_reference(&w, local(c, "Patient", c->verdict == NULL ? c->child : c->verdict->children[0]));
    json_name(&w, "for");
    put_reference(&w, local(c, "Patient", c->verdict == NULL ? c->mother : c->birth->mother));
    json_member(&w, "authoredOn", authored.len > 0 ? authored : buf_str(&time));
    json_member(&w, "lastModified", buf_str(&time));
    json_name(&w, "owner");
    json_open_object(&w);
    json_member_str(&w, STR("display"), c->who);
    json_close_object(&w);
    json_name(&w, "reasonReference");
    put_reference(&w, local(c, "RelatedPerson", c->birth->id));
    put_evidence(c, &w);
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_json = arena_str(c->arena, buf_str(&out));
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode add_task(const BirthCase *c, Step *s, const char *status) {
    bool known = c->task.slot != 0;
    StoreChange change = {.op = known ? STORE_UPDATE : STORE_CREATE,
                          .type = FHIR_T_TASK,
                          .id = known ? c->task.id : STR_EMPTY,
                          .prev = c->task.slot};
    TRY(make_task(c, status, &change.json));
    add(s, &change, 0);
    return ERR_OK;
}

/* ---- Patients and the mother as a RelatedPerson ---- */

/* Of the child; one a certificate. */
static Str mother_id(const BirthCase *c) {
    return arena_printf(c->arena, BIRTH_MOTHER_ID "%016llx",
                        (unsigned long long)hash64(c->birth->id));
}

/* A Patient that is gone has no links to take away. */
static ErrCode add_patient(const BirthCase *c, Step *s, Str id, const MpiLink *link) {
    StoreVersion v;
    const JsonNode *root = NULL;
    bool joins = c->verdict != NULL;
    ErrCode err = store_get(c->store, c->arena, FHIR_T_PATIENT, id, &v);
    if (!joins && (err == ERR_GONE || err == ERR_NOT_FOUND)) {
        return ERR_OK;
    }
    TRY(err);
    TRY(json_parse(c->arena, v.json, &root, NULL));
    StoreChange change = {.op = STORE_UPDATE, .type = FHIR_T_PATIENT, .id = v.id, .prev = v.slot};
    TRY(joins ? mpi_patient_join(c->arena, root, link, &change.json)
              : mpi_patient_part(c->arena, root, link, &change.json));
    add(s, &change, v.first);
    return ERR_OK;
}

static ErrCode add_patients(const BirthCase *c, Step *s) {
    Str child = c->verdict != NULL ? c->verdict->children[0] : c->child;
    Str mother = c->verdict != NULL ? c->birth->mother : c->mother;
    MpiLink to_birth = {.other = local(c, "RelatedPerson", c->birth->id),
                        .type = STR(MPI_SEE_ALSO)};
    MpiLink to_mother = {.other = local(c, "RelatedPerson", mother_id(c)),
                         .type = STR(MPI_SEE_ALSO)};
    TRY(add_patient(c, s, child, &to_birth));
    return add_patient(c, s, mother, &to_mother);
}

/* What the mother's Patient says of her. */
static void put_her(JsonWriter *w, const JsonNode *her) {
    static const char *const members[] = {"name", "telecom", "gender", "birthDate", "address"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const JsonNode *value = json_get(her, str_from(members[i]));
        if (value != NULL) {
            json_put_name(w, str_from(members[i]));
            json_put_node(w, value);
        }
    }
}

static ErrCode make_mother(const BirthCase *c, const JsonNode *her, Str *ret_json) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("RelatedPerson"));
    json_name(&w, "identifier");
    json_open_array(&w);
    json_open_object(&w);
    json_member(&w, "system", STR(MPI_BIRTH_SYSTEM));
    json_member(&w, "value", c->birth->id);
    json_close_object(&w);
    json_close_array(&w);
    json_name(&w, "patient");
    put_reference(&w, local(c, "Patient", c->verdict->children[0]));
    json_name(&w, "relationship");
    json_put_raw(&w, STR("[{\"coding\":[{\"system\":\"" V3_ROLE "\",\"code\":\"MTH\"}]}]"));
    put_her(&w, her);
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_json = arena_str(c->arena, buf_str(&out));
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

/* Made, made again after it was taken away, or taken away. */
static ErrCode add_mother(const BirthCase *c, Step *s) {
    StoreVersion v = {.slot = 0};
    StoreVersion her;
    const JsonNode *root = NULL;
    ErrCode err = store_get(c->store, c->arena, FHIR_T_RELATED_PERSON, mother_id(c), &v);
    bool there = err == ERR_OK;
    TRY(err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_OK : err);
    StoreChange change = {
        .op = STORE_DELETE, .type = FHIR_T_RELATED_PERSON, .id = mother_id(c), .prev = v.slot};
    if (c->verdict != NULL) {
        TRY(store_get(c->store, c->arena, FHIR_T_PATIENT, c->birth->mother, &her));
        TRY(json_parse(c->arena, her.json, &root, NULL));
        TRY(make_mother(c, root, &change.json));
        change.op = v.slot == 0 ? STORE_CREATE : STORE_UPDATE;
    } else if (!there) {
        return ERR_OK;
    }
    add(s, &change, c->verdict != NULL ? s->groups[0].patient : v.patient); /* the child's */
    return ERR_OK;
}

/* ---- steps ---- */

/* What was decided by is still so: the certificate and, for a link, who has its card. */
static ErrCode commit(const BirthCase *c, const Step *s) {
    StoreExpect expects[2];
    size_t n_expects = 0;
    StoreStill still = {c->birth->first, c->birth->slot};
    if (c->task.slot == 0) {
        expects[n_expects++] = case_of(c);
    }
    if (c->verdict != NULL) {
        expects[n_expects++] = (StoreExpect){.type = FHIR_T_PATIENT,
                                             .param = FHIR_P_IDENTIFIER,
                                             .system = STR(CLAIM_SYSTEM_CARD),
                                             .value = c->birth->card};
    }
    StoreCommit all = {.groups = s->groups,
                       .n_groups = s->n,
                       .expects = expects,
                       .n_expects = n_expects,
                       .still = &still,
                       .n_still = c->verdict != NULL,
                       .snapshot = c->snapshot,
                       .actor = c->who,
                       .source = STR("mpi")};
    StoreCommitted done;
    return store_commit(c->store, &all, &done, NULL, c->info);
}

ErrCode birth_case_propose(BirthCase *c) {
    Step s = {.n = 0};
    TRY(add_task(c, &s, "requested"));
    return commit(c, &s);
}

ErrCode birth_case_link(BirthCase *c) {
    Step s = {.n = 0};
    TRY(add_patients(c, &s));
    TRY(add_mother(c, &s));
    TRY(add_task(c, &s, "completed"));
    return commit(c, &s);
}

ErrCode birth_case_part(BirthCase *c, const char *status) {
    Step s = {.n = 0};
    c->verdict = NULL;
    if (str_eq(c->status, STR("completed"))) {
        TRY(add_patients(c, &s));
        TRY(add_mother(c, &s));
    }
    TRY(add_task(c, &s, status));
    return commit(c, &s);
}
