/* FHIR interactions as commits: references, patients, conditions, races, files. All data invented.
 */
#include "unit/store/store_help.h"

#include "core/thread.h"
#include "fhir/fhir_validate.h"
#include "intake/intake_fhir.h"

#include <zlib.h>

typedef struct World {
    Home *home;
    Intake *intake;
} World;

static int setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    void *home = NULL;
    assert_non_null(w);
    assert_int_equal(home_setup(&home), 0);
    w->home = home;
    assert_ok(
        intake_new(&(IntakeOptions){.store = w->home->store, .received_keep = true}, &w->intake));
    *state = w;
    return 0;
}

static int teardown(void **state) {
    World *w = *state;
    void *home = w->home;
    intake_free(w->intake);
    assert_int_equal(home_teardown(&home), 0);
    free(w);
    return 0;
}

/* ---- short ways ---- */

static IntakeTx *begin(World *w) {
    IntakeTx *tx = NULL;
    IntakeTxOptions o = {.intake = w->intake,
                         .arena = w->home->arena,
                         .base_url = STR("http://own/fhir"),
                         .actor = STR("test"),
                         .source = STR("fhir")};
    assert_ok(intake_tx_new(&o, &tx));
    return tx;
}

static const JsonNode *parse(World *w, const char *json) {
    FhirResource r;
    assert_ok(fhir_parse(w->home->arena, str_from(json), &r, NULL));
    return r.root;
}

static IntakeAsk to_create(World *w, FhirType type, const char *json) {
    return (IntakeAsk){.verb = INTAKE_CREATE,
                       .type = type,
                       .id = STR_EMPTY,
                       .condition = STR_EMPTY,
                       .full_url = STR_EMPTY,
                       .url = STR_EMPTY,
                       .root = parse(w, json)};
}

static IntakeAsk to_update(World *w, FhirType type, const char *id, const char *json) {
    IntakeAsk ask = to_create(w, type, json);
    ask.verb = INTAKE_UPDATE;
    ask.id = str_from(id);
    return ask;
}

static IntakeAnswer run_one(World *w, const IntakeAsk *ask, ErrCode expected) {
    IntakeTx *tx = begin(w);
    ErrInfo info = {0};
    assert_ok(intake_tx_add(tx, ask));
    ErrCode err = intake_tx_run(tx, &info);
    if (err != expected) {
        print_error("%s: %s\n", err_name(err), info.what_en);
    }
    assert_int_equal(err, expected);
    return *intake_tx_answer(tx, 0);
}

/* Carries out a transaction Bundle given as text. */
static IntakeTx *run_bundle(World *w, const char *json, ErrCode expected, const char *rule) {
    IntakeTx *tx = begin(w);
    ErrInfo info = {0};
    ErrCode err = ERR_OK;
    const JsonNode *list = json_get_lit(parse(w, json), "entry");
    size_t i = 0;
    for (const JsonNode *e = json_first(list); e != NULL && err == ERR_OK;
         e = json_next(list, e), i++) {
        IntakeAsk ask;
        err =
            intake_bundle_ask(w->home->arena, &(IntakeEntry){.node = e, .number = i}, &ask, &info);
        err = err == ERR_OK ? intake_tx_add(tx, &ask) : err;
    }
    err = err == ERR_OK ? intake_tx_run(tx, &info) : err;
    if (err != expected) {
        print_error("%s: %s (%s)\n", err_name(err), info.what_en, info.where);
    }
    assert_int_equal(err, expected);
    if (rule != NULL) {
        assert_string_equal(info.rule, rule);
    }
    return tx;
}

static StoreVersion now_of(World *w, const IntakeAnswer *a) {
    StoreVersion v;
    assert_ok(store_get(w->home->store, w->home->arena, a->type, a->id, &v));
    return v;
}

static bool has(Str text, const char *part) {
    return str_find(text, str_from(part)) != SIZE_MAX;
}

#define PATIENT_JSON(value)                                                                        \
    "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:t\",\"value\":\"" value "\"}" \
    "]}"
#define URN(n) "urn:uuid:00000000-0000-4000-8000-00000000000" n
#define ENTRY(url, resource, method, target)                                                       \
    "{\"fullUrl\":\"" url "\",\"resource\":" resource ",\"request\":{\"method\":\"" method         \
    "\",\"url\":\"" target "\"}}"
#define BUNDLE(entries)                                                                            \
    "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[" entries "]}"
#define OBSERVATION(subject, more)                                                                 \
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"            \
    "\"subject\":{\"reference\":\"" subject "\"}" more "}"

/* ---- one at a time ---- */

static void creates_updates_deletes(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_PATIENT, PATIENT_JSON("1"));
    IntakeAnswer a = run_one(w, &ask, ERR_OK);
    assert_int_equal(a.status, 201);
    assert_int_equal(a.version, 1);
    assert_true(has(now_of(w, &a).json, "urn:t"));
    char id[32];
    (void)snprintf(id, sizeof(id), STR_FMT, STR_ARG(a.id));
    ask = to_update(w, FHIR_T_PATIENT, id, "{\"resourceType\":\"Patient\",\"active\":true}");
    IntakeAnswer b = run_one(w, &ask, ERR_OK);
    assert_int_equal(b.status, 200);
    assert_int_equal(b.version, 2);
    ask.if_match = STR("W/\"1\"");
    (void)run_one(w, &ask, ERR_PRECONDITION);
    ask.if_match = STR("W/\"2\"");
    assert_int_equal(run_one(w, &ask, ERR_OK).version, 3);
    ask = (IntakeAsk){.verb = INTAKE_DELETE, .type = FHIR_T_PATIENT, .id = a.id};
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 204);
    RecordNo last = store_snapshot(w->home->store);
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 204);
    assert_int_equal(store_snapshot(w->home->store), last); /* nothing was written */
}

static void client_ids(void **state) {
    World *w = *state;
    IntakeAsk ask = to_update(w, FHIR_T_PATIENT, "mine", PATIENT_JSON("1"));
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 201);
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 200);
    ask.if_match = STR("W/\"9\"");
    (void)run_one(w, &ask, ERR_PRECONDITION);
    IntakeAsk gone = {.verb = INTAKE_DELETE, .type = FHIR_T_PATIENT, .id = STR("mine")};
    (void)run_one(w, &gone, ERR_OK);
    ask.if_match = STR_EMPTY;
    IntakeAnswer back = run_one(w, &ask, ERR_OK);
    assert_int_equal(back.status, 201);
    assert_int_equal(back.version, 4);
    ask = to_update(w, FHIR_T_PATIENT, "no good", PATIENT_JSON("1"));
    (void)run_one(w, &ask, ERR_INVALID);
}

static void conditions(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_PATIENT, PATIENT_JSON("7"));
    ask.condition = STR("identifier=urn:t|7");
    IntakeAnswer first = run_one(w, &ask, ERR_OK);
    IntakeAnswer second = run_one(w, &ask, ERR_OK);
    assert_int_equal(first.status, 201);
    assert_int_equal(second.status, 200);
    assert_str(first.id, second.id);
    ask.verb = INTAKE_UPDATE;
    assert_int_equal(run_one(w, &ask, ERR_OK).version, 2);
    ask.condition = STR("gender=http://hl7.org/fhir/administrative-gender|other");
    IntakeAsk other =
        to_create(w, FHIR_T_PATIENT, "{\"resourceType\":\"Patient\",\"gender\":\"other\"}");
    other.condition = ask.condition; /* the definition's system, which the data do not say */
    IntakeAnswer made = run_one(w, &other, ERR_OK);
    assert_int_equal(made.status, 201);
    assert_int_equal(run_one(w, &other, ERR_OK).status, 200);
    ask.condition = STR("identifier=7"); /* of any system */
    assert_int_equal(run_one(w, &ask, ERR_OK).version, 3);
    ask.condition = STR("colour=7");
    (void)run_one(w, &ask, ERR_PARAM);
    ask.condition = STR("_count=1");
    (void)run_one(w, &ask, ERR_PARAM);
    IntakeAsk twin = to_create(w, FHIR_T_PATIENT, PATIENT_JSON("7"));
    (void)run_one(w, &twin, ERR_OK);
    ask.condition = STR("identifier=urn:t|7");
    (void)run_one(w, &ask, ERR_MULTIPLE);
}

#define NAMED(id, family)                                                                          \
    "{\"resourceType\":\"Patient\"" id ",\"name\":[{\"family\":\"" family "\"}]}"

static void conditions_may_be_any_search(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_PATIENT, NAMED("", "Lan"));
    ask.condition = STR("family:exact=Lan&telecom:missing=true");
    IntakeAnswer first = run_one(w, &ask, ERR_OK);
    assert_int_equal(first.status, 201);
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 200);
    ask.verb = INTAKE_UPDATE;
    ask.root = parse(w, NAMED("", "Mai"));
    assert_int_equal(run_one(w, &ask, ERR_OK).version, 2);
    /* Nothing is called Lan any more: the update makes one, under the id that it names. */
    ask.root = parse(w, NAMED(",\"id\":\"lan\"", "Lan"));
    IntakeAnswer lan = run_one(w, &ask, ERR_OK);
    assert_int_equal(lan.status, 201);
    assert_str(lan.id, STR("lan"));
    /* Under an id that another has it would overwrite what the condition does not mean. */
    ask.condition = STR("family=Hoa");
    (void)run_one(w, &ask, ERR_EXISTS);
    ask.if_match = STR("W/\"7\"");
    ask.condition = STR("family:exact=Lan");
    (void)run_one(w, &ask, ERR_PRECONDITION);
    ask.if_match = STR("W/\"1\"");
    assert_int_equal(run_one(w, &ask, ERR_OK).version, 2);
}

static void only_where_nothing_is(void **state) {
    World *w = *state;
    IntakeAsk ask = to_update(w, FHIR_T_PATIENT, "lan", NAMED(",\"id\":\"lan\"", "Lan"));
    ask.if_absent = true;
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 201);
    (void)run_one(w, &ask, ERR_PRECONDITION);
    IntakeAsk gone = {.verb = INTAKE_DELETE, .type = FHIR_T_PATIENT, .id = STR("lan")};
    (void)run_one(w, &gone, ERR_OK);
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 201);
}

static void a_condition_may_delete_several(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_PATIENT, NAMED("", "Lan"));
    for (int i = 0; i < 3; i++) {
        (void)run_one(w, &ask, ERR_OK);
    }
    IntakeAsk gone = {.verb = INTAKE_DELETE,
                      .type = FHIR_T_PATIENT,
                      .id = STR_EMPTY,
                      .condition = STR("family=Lan")};
    (void)run_one(w, &gone, ERR_MULTIPLE);
    IntakeTxOptions o = {.intake = w->intake,
                         .arena = w->home->arena,
                         .base_url = STR_EMPTY,
                         .actor = STR("test"),
                         .source = STR("fhir"),
                         .delete_max = 2};
    IntakeTx *tx = NULL;
    ErrInfo info = {0};
    assert_ok(intake_tx_new(&o, &tx));
    assert_ok(intake_tx_add(tx, &gone));
    assert_int_equal(intake_tx_run(tx, &info), ERR_MULTIPLE);
    o.delete_max = 3;
    assert_ok(intake_tx_new(&o, &tx));
    assert_ok(intake_tx_add(tx, &gone));
    assert_ok(intake_tx_run(tx, &info));
    assert_int_equal(intake_tx_answer(tx, 0)->status, 204);
    assert_int_equal(intake_tx_answer(tx, 0)->n_deleted, 3);
    assert_int_equal(intake_tx_written(tx), 3);
    assert_int_equal(run_one(w, &gone, ERR_OK).n_deleted, 0);
}

static void patients_must_be_there(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_OBSERVATION, OBSERVATION("Patient/none", ""));
    (void)run_one(w, &ask, ERR_INVALID);
    ask = to_create(w, FHIR_T_OBSERVATION, OBSERVATION("http://elsewhere/fhir/Patient/none", ""));
    assert_int_equal(run_one(w, &ask, ERR_OK).status, 201);
}

static void own_addresses_are_cut(void **state) {
    World *w = *state;
    IntakeAsk p = to_update(w, FHIR_T_PATIENT, "p", PATIENT_JSON("1"));
    IntakeAnswer patient = run_one(w, &p, ERR_OK);
    IntakeAsk ask = to_create(w, FHIR_T_OBSERVATION, OBSERVATION("http://own/fhir/Patient/p", ""));
    IntakeAnswer a = run_one(w, &ask, ERR_OK);
    StoreVersion v = now_of(w, &a);
    assert_true(has(v.json, "\"reference\":\"Patient/p\""));
    assert_int_equal(v.patient, now_of(w, &patient).first);
}

/* ---- transactions ---- */

static void references_between_entries(void **state) {
    World *w = *state;
    /* The second patient comes last, behind what refers to him. */
    IntakeTx *tx = run_bundle(
        w,
        BUNDLE(ENTRY(URN("1"), OBSERVATION(URN("2"), ""), "POST", "Observation") "," ENTRY(
            URN("2"), PATIENT_JSON("a"), "POST",
            "Patient") "," ENTRY(URN("3"),
                                 OBSERVATION(URN("4"),
                                             ",\"hasMember\":[{\"reference\":\"" URN("1") "\"}]"),
                                 "POST", "Observation") "," ENTRY(URN("4"), PATIENT_JSON("b"),
                                                                  "POST", "Patient")),
        ERR_OK, NULL);
    StoreVersion v[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(intake_tx_answer(tx, i)->status, 201);
        v[i] = now_of(w, intake_tx_answer(tx, i));
        assert_false(has(v[i].json, "urn:uuid"));
        assert_false(has(v[i].json, "~"));
    }
    assert_int_equal(v[0].patient, v[1].first);
    assert_int_equal(v[2].patient, v[3].first);
    Str wanted = arena_printf(w->home->arena, "\"subject\":{\"reference\":\"Patient/" STR_FMT "\"}",
                              STR_ARG(v[1].id));
    assert_true(str_find(v[0].json, wanted) != SIZE_MAX);
    wanted = arena_printf(w->home->arena, "\"hasMember\":[{\"reference\":\"Observation/" STR_FMT,
                          STR_ARG(v[0].id));
    assert_true(str_find(v[2].json, wanted) != SIZE_MAX);
}

static void full_urls_of_other_servers(void **state) {
    World *w = *state;
    IntakeTx *tx = run_bundle(
        w,
        BUNDLE(ENTRY("http://old/fhir/Patient/9", PATIENT_JSON("a"), "POST", "Patient") "," ENTRY(
            "http://old/fhir/Observation/1", OBSERVATION("Patient/9", ""), "POST",
            "Observation") "," ENTRY("http://old/fhir/Observation/2",
                                     OBSERVATION("http://old/fhir/Patient/9", ""), "POST",
                                     "Observation")),
        ERR_OK, NULL);
    Slot patient = now_of(w, intake_tx_answer(tx, 0)).first;
    assert_int_equal(now_of(w, intake_tx_answer(tx, 1)).patient, patient);
    assert_int_equal(now_of(w, intake_tx_answer(tx, 2)).patient, patient);
}

static void uri_members_and_narratives(void **state) {
    World *w = *state;
    IntakeTx *tx =
        run_bundle(w,
                   BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patient") "," ENTRY(
                       URN("2"),
                       "{\"resourceType\":\"Basic\",\"text\":{\"status\":\"generated\",\"div\":\"<"
                       "div "
                       "xmlns=\\\"http://www.w3.org/1999/xhtml\\\"><a href=\\\"" URN(
                           "1") "\\\">a</a></div>\"},\"extension\":[{\"url\":\"http://"
                                "x\",\"valueUri\":\"" URN("1") "\"}],\"identifier\":[{\"system\":"
                                                               "\"urn:ietf:rfc:3986\",\"value\":"
                                                               "\"" URN("1") "\"}],\"code\":{"
                                                                             "\"text\":\"x\"},"
                                                                             "\"subject\":{"
                                                                             "\"reference\":"
                                                                             "\"" URN("1") "\"}}",
                       "POST", "Basic")),
                   ERR_OK, NULL);
    StoreVersion patient = now_of(w, intake_tx_answer(tx, 0));
    StoreVersion v = now_of(w, intake_tx_answer(tx, 1));
    Arena *a = w->home->arena;
    Str uri = arena_printf(a, "\"valueUri\":\"Patient/" STR_FMT "\"", STR_ARG(patient.id));
    Str link = arena_printf(a, "href=\\\"Patient/" STR_FMT "\\\"", STR_ARG(patient.id));
    Str reference = arena_printf(a, "\"reference\":\"Patient/" STR_FMT "\"", STR_ARG(patient.id));
    assert_true(str_find(v.json, uri) != SIZE_MAX);
    assert_true(str_find(v.json, link) != SIZE_MAX);
    assert_true(str_find(v.json, reference) != SIZE_MAX);
    /* An identifier's value is a string, no uri: it stays. */
    assert_true(has(v.json, "\"value\":\"" URN("1") "\""));
}

static void conditional_entries(void **state) {
    World *w = *state;
    IntakeAsk ask = to_create(w, FHIR_T_PATIENT, PATIENT_JSON("known"));
    IntakeAnswer known = run_one(w, &ask, ERR_OK);
    IntakeTx *tx = run_bundle(
        w,
        BUNDLE("{\"fullUrl\":\"" URN("1") "\",\"resource\":" PATIENT_JSON(
            "known") ",\"request\":{\"method\":\"POST\",\"url\":\"Patient\",\"ifNoneExist\":"
                     "\"identifier=urn:t|known\"}}," ENTRY(
                         URN("2"), OBSERVATION(URN("1"), ""), "POST",
                         "Observation") "," ENTRY(URN("3"),
                                                  OBSERVATION("Patient?identifier=urn:t|known", ""),
                                                  "POST", "Observation")),
        ERR_OK, NULL);
    assert_int_equal(intake_tx_answer(tx, 0)->status, 200);
    assert_str(intake_tx_answer(tx, 0)->id, known.id);
    Slot patient = now_of(w, &known).first;
    assert_int_equal(now_of(w, intake_tx_answer(tx, 1)).patient, patient);
    assert_int_equal(now_of(w, intake_tx_answer(tx, 2)).patient, patient);
    (void)run_bundle(
        w,
        BUNDLE(ENTRY(URN("1"), OBSERVATION("Patient?identifier=urn:t|none", ""), "POST",
                     "Observation") "," ENTRY(URN("2"), PATIENT_JSON("z"), "POST", "Patient")),
        ERR_PRECONDITION, "reference-unmatched");
}

#define IF_NONE_EXIST(url, resource, condition)                                                    \
    "{\"fullUrl\":\"" url "\",\"resource\":" resource                                              \
    ",\"request\":{\"method\":\"POST\",\"url\":\"Patient\",\"ifNoneExist\":\"" condition "\"}}"
#define DELETE_ENTRY(url) "{\"request\":{\"method\":\"DELETE\",\"url\":\"" url "\"}}"

/* DELETE, POST, PUT, and conditional references behind them all. */
static void entries_take_effect_in_order(void **state) {
    World *w = *state;
    IntakeAsk ask = to_update(w, FHIR_T_PATIENT, "old", NAMED(",\"id\":\"old\"", "Lan"));
    (void)run_one(w, &ask, ERR_OK);
    IntakeTx *tx = run_bundle(
        w,
        BUNDLE(
            ENTRY(URN("1"), OBSERVATION("Patient?family=Lan", ""), "POST",
                  "Observation") "," IF_NONE_EXIST(URN("2"), NAMED("", "Lan"),
                                                   "family=Lan") "," DELETE_ENTRY("Patient/old")),
        ERR_OK, NULL);
    assert_int_equal(intake_tx_answer(tx, 1)->status, 201);
    assert_int_equal(intake_tx_answer(tx, 2)->status, 204);
    assert_int_equal(now_of(w, intake_tx_answer(tx, 0)).patient,
                     now_of(w, intake_tx_answer(tx, 1)).first);
    /* Renamed by the transaction: the reference finds what it is called afterwards. */
    Str id = intake_tx_answer(tx, 1)->id;
    Str bundle = arena_printf(
        w->home->arena,
        BUNDLE(
            "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"" STR_FMT "\",\"name\":[{"
            "\"family\":\"Mai\"}]},\"request\":{\"method\":\"PUT\",\"url\":\"Patient/" STR_FMT
            "\"}}," ENTRY(URN("1"), OBSERVATION("Patient?family=Mai", ""), "POST", "Observation")),
        STR_ARG(id), STR_ARG(id));
    tx = run_bundle(w, bundle.ptr, ERR_OK, NULL);
    assert_int_equal(now_of(w, intake_tx_answer(tx, 1)).patient,
                     now_of(w, intake_tx_answer(tx, 0)).first);
    (void)run_bundle(w,
                     BUNDLE(ENTRY(URN("1"), NAMED("", "Mai"), "POST", "Patient") "," ENTRY(
                         URN("2"), OBSERVATION("Patient?family=Mai", ""), "POST", "Observation")),
                     ERR_MULTIPLE, "condition-multiple");
}

static void entries_that_overlap_are_refused(void **state) {
    World *w = *state;
    IntakeAsk ask = to_update(w, FHIR_T_PATIENT, "a", NAMED(",\"id\":\"a\"", "Lan"));
    (void)run_one(w, &ask, ERR_OK);
    (void)run_bundle(
        w,
        BUNDLE(ENTRY(URN("1"), NAMED("", "Lan"), "PUT", "Patient?family=Lan") "," ENTRY(
            URN("2"), NAMED(",\"id\":\"a\"", "Mai"), "PUT", "Patient/a")),
        ERR_INVALID, "bundle-overlap");
    (void)run_bundle(w,
                     BUNDLE(DELETE_ENTRY("Patient?family=Lan") "," ENTRY(
                         URN("2"), NAMED(",\"id\":\"a\"", "Mai"), "PUT", "Patient/a")),
                     ERR_INVALID, "bundle-overlap");
}

static void one_fails_all_fail(void **state) {
    World *w = *state;
    RecordNo before = store_snapshot(w->home->store);
    (void)run_bundle(w,
                     BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patient") "," ENTRY(
                         URN("2"), OBSERVATION("Patient/none", ""), "POST", "Observation")),
                     ERR_INVALID, "patient-unknown");
    assert_int_equal(store_snapshot(w->home->store), before);
}

static void contradictions_are_refused(void **state) {
    World *w = *state;
    (void)run_bundle(
        w,
        BUNDLE(ENTRY(URN("1"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}", "PUT",
                     "Patient/a") "," ENTRY(URN("2"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}",
                                            "PUT", "Patient/a")),
        ERR_INVALID, "bundle-twice");
    (void)run_bundle(w,
                     BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patient") "," ENTRY(
                         URN("1"), PATIENT_JSON("b"), "POST", "Patient")),
                     ERR_INVALID, "bundle-twice");
    (void)run_bundle(w, BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Group")), ERR_INVALID,
                     "bundle-entry");
    (void)run_bundle(w, BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patient/x")),
                     ERR_INVALID, "bundle-entry");
    (void)run_bundle(w, BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "PUT", "Patient/x")), ERR_INVALID,
                     "bundle-entry");
    (void)run_bundle(w, BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patent")), ERR_INVALID,
                     "bundle-url");
}

static void delete_and_update_in_one(void **state) {
    World *w = *state;
    IntakeAsk p = to_update(w, FHIR_T_PATIENT, "p", PATIENT_JSON("1"));
    (void)run_one(w, &p, ERR_OK);
    IntakeAsk o = to_update(w, FHIR_T_OBSERVATION, "o", OBSERVATION("Patient/p", ""));
    (void)run_one(w, &o, ERR_OK);
    IntakeTx *tx = run_bundle(
        w,
        BUNDLE("{\"request\":{\"method\":\"DELETE\",\"url\":\"Observation/o\"}}," ENTRY(
            "http://own/fhir/Patient/p", "{\"resourceType\":\"Patient\",\"id\":\"p\"}", "PUT",
            "Patient/p") "," ENTRY(URN("1"), OBSERVATION("Patient/p", ""), "POST", "Observation")),
        ERR_OK, NULL);
    assert_int_equal(intake_tx_answer(tx, 0)->status, 204);
    assert_int_equal(intake_tx_answer(tx, 1)->version, 2);
    StoreVersion v = now_of(w, intake_tx_answer(tx, 2));
    assert_true(has(v.json, "\"reference\":\"Patient/p\""));
    assert_int_equal(v.patient, now_of(w, intake_tx_answer(tx, 1)).first);
}

/* ---- races ---- */

enum { RACERS = 8, ROUNDS = 20 };

typedef struct Racer {
    World *w;
    Thread thread;
    int created, found;
    ErrCode err; /* asserts belong to the main thread */
    ErrInfo info;
} Racer;

static ErrCode race_ask(Racer *r, const IntakeAsk *ask, Arena *arena, int *ret_status) {
    IntakeTx *tx = NULL;
    IntakeTxOptions o = {.intake = r->w->intake,
                         .arena = arena,
                         .base_url = STR_EMPTY,
                         .actor = STR("t"),
                         .source = STR("t")};
    TRY(intake_tx_new(&o, &tx));
    TRY(intake_tx_add(tx, ask));
    TRY(intake_tx_run(tx, &r->info));
    *ret_status = intake_tx_answer(tx, 0)->status;
    return ERR_OK;
}

static ErrCode race_once(Racer *r, int round, Arena *arena) {
    /* By one key; by one of several; by what only the resource itself says. */
    static const char *const forms[] = {"identifier=urn:r|%d", "telecom=home|09%d",
                                        "identifier=%d&telecom:missing=false", "phone=09%d"};
    FhirResource p;
    int status = 0;
    Str json = arena_printf(arena,
                            "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:r\","
                            "\"value\":\"%d\"}],\"telecom\":[{\"system\":\"phone\",\"value\":"
                            "\"09%d\",\"use\":\"home\"}]}",
                            round, round);
    TRY(fhir_parse(arena, json, &p, NULL));
    IntakeAsk ask = {.verb = INTAKE_CREATE,
                     .type = FHIR_T_PATIENT,
                     .id = STR_EMPTY,
                     .condition = arena_printf(arena, forms[round % (int)ARRAY_LEN(forms)], round),
                     .full_url = STR_EMPTY,
                     .root = p.root};
    TRY(race_ask(r, &ask, arena, &status));
    r->created += status == 201;
    r->found += status == 200;
    /* And all write the same resource. */
    p = (FhirResource){0};
    TRY(fhir_parse(arena, STR("{\"resourceType\":\"Patient\"}"), &p, NULL));
    ask.root = p.root;
    ask.condition = STR_EMPTY;
    ask.verb = INTAKE_UPDATE;
    ask.id = STR("shared");
    return race_ask(r, &ask, arena, &status);
}

static void race(void *arg) {
    Racer *r = arg;
    CLEANUP_ARENA Arena *arena = arena_new(1 << 28);
    for (int round = 0; round < ROUNDS && r->err == ERR_OK; round++) {
        r->err = race_once(r, round, arena);
        arena_reset(arena);
    }
}

static void races_end_well(void **state) {
    World *w = *state;
    Racer racers[RACERS] = {{0}};
    int created = 0;
    int found = 0;
    for (int i = 0; i < RACERS; i++) {
        racers[i].w = w;
        assert_ok(thread_start(&racers[i].thread, "racer", race, &racers[i]));
    }
    for (int i = 0; i < RACERS; i++) {
        thread_join(&racers[i].thread);
        if (racers[i].err != ERR_OK) {
            print_error("%s: %s\n", err_name(racers[i].err), racers[i].info.what_en);
        }
        assert_ok(racers[i].err);
        created += racers[i].created;
        found += racers[i].found;
    }
    assert_int_equal(created, ROUNDS);
    assert_int_equal(found, ROUNDS * (RACERS - 1));
    StoreVersion v;
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_PATIENT, STR("shared"), &v));
    assert_int_equal(v.version, ROUNDS * RACERS); /* no update was lost */
}

/* ---- patches ---- */

/* Counts its calls in patch_ctx; the new version says which one it came from. */
static ErrCode count_up(const IntakeAsk *ask, Arena *arena, const StoreVersion *found,
                        const JsonNode **ret_root, ErrInfo *info) {
    unsigned *calls = ask->patch_ctx;
    (*calls)++;
    if (found->version == 3) {
        return err_set(info, ERR_INVALID, "patch-test", "enough", "đủ");
    }
    Str text = arena_printf(arena,
                            "{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{"
                            "\"system\":\"urn:t\",\"value\":\"p\"}],\"language\":\"v%u\"}",
                            (unsigned)found->version);
    return json_parse(arena, text, ret_root, info);
}

static void a_patch_is_made_of_what_is_there(void **state) {
    World *w = *state;
    unsigned calls = 0;
    IntakeAsk put = to_update(w, FHIR_T_PATIENT, "p",
                              "{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{"
                              "\"system\":\"urn:t\",\"value\":\"p\"}]}");
    IntakeAsk patch = put;
    patch.root = NULL;
    patch.patch = count_up;
    patch.patch_ctx = &calls;
    (void)run_one(w, &patch, ERR_NOT_FOUND);
    assert_int_equal(calls, 0);
    (void)run_one(w, &put, ERR_OK);
    IntakeAnswer a = run_one(w, &patch, ERR_OK);
    assert_int_equal(a.status, 200);
    assert_true(has(now_of(w, &a).json, "\"language\":\"v1\""));
    patch.if_match = STR("W/\"1\"");
    (void)run_one(w, &patch, ERR_PRECONDITION);
    patch.if_match = STR_EMPTY;
    patch.id = STR_EMPTY;
    patch.condition = STR("identifier=urn:t|p");
    a = run_one(w, &patch, ERR_OK);
    assert_true(has(now_of(w, &a).json, "\"language\":\"v2\""));
    RecordNo before = store_snapshot(w->home->store);
    (void)run_one(w, &patch, ERR_INVALID);
    patch.condition = STR("identifier=urn:t|none");
    (void)run_one(w, &patch, ERR_NOT_FOUND);
    assert_int_equal(store_snapshot(w->home->store), before);
    assert_int_equal(calls, 3);
}

/* ---- files ---- */

static IntakeReport load(World *w, const char *name, const char *text, uint64_t retry_of) {
    IntakeReport report = {.arena = w->home->arena};
    ErrInfo info = {0};
    IntakeFile file = {.name = str_from(name),
                       .bytes = str_from(text),
                       .actor = STR("test"),
                       .retry_of = retry_of};
    assert_true(intake_is_fhir_file(file.name));
    assert_ok(intake_file(w->intake, &file, &report, &info));
    return report;
}

static void lines_are_units(void **state) {
    World *w = *state;
    const char *text =
        "{\"resourceType\":\"Patient\",\"id\":\"p1\"}\n\n"
        "{\"resourceType\":\"Patient\",\"colour\":1}\n"
        "no json\n" OBSERVATION("Patient/none", "") "\n" OBSERVATION("Patient/p1", "") "\n" BUNDLE(
            ENTRY(URN("1"), PATIENT_JSON("b"), "POST",
                  "Patient")) "\n" BUNDLE(ENTRY(URN("1"), OBSERVATION("Patient/none", ""), "POST",
                                                "Observation")) "\n";
    IntakeReport r = load(w, "mixed.ndjson", text, 0);
    assert_int_equal(r.resources, 3);
    assert_int_equal(r.claims_rejected, 4);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 100, &rows, &n));
    assert_int_equal(n, 4);
    static const struct {
        unsigned line;
        const char *table, *rule;
    } wanted[] = {{3, "Patient", "fhir-member-unknown"},
                  {4, "", "json-value"},
                  {5, "Observation", "patient-unknown"},
                  {8, "Bundle", "patient-unknown"}};
    for (size_t i = 0; i < 4; i++) {
        bool found = false;
        for (size_t k = 0; k < 4; k++) {
            found = found || (rows[k].reject.line == wanted[i].line &&
                              str_eq(rows[k].reject.table, str_from(wanted[i].table)) &&
                              str_eq(rows[k].reject.rule, str_from(wanted[i].rule)));
        }
        assert_true(found);
    }
    /* The same file again changes nothing. */
    r = load(w, "mixed.ndjson", text, 0);
    assert_int_equal(r.files_same, 1);
    assert_int_equal(r.resources, 0);
}

static uint64_t open_rejects(World *w) {
    uint64_t open = 0;
    uint64_t settled = 0;
    assert_ok(store_reject_count(w->home->store, &open, &settled));
    return open;
}

static void put_observation(Buf *b, const char *id, const char *patient) {
    buf_printf(b,
               "{\"resourceType\":\"Observation\",\"id\":\"%s\",\"status\":\"final\",\"code\":{"
               "\"text\":\"x\"},\"subject\":{\"reference\":\"Patient/%s\"}}\n",
               id, patient);
}

/* Several pieces of lines whose Patients come last; one Patient never comes. */
static void lines_in_any_order(void **state) {
    World *w = *state;
    char id[32];
    char patient[32];
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 24);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof(id), "o%d", i);
        (void)snprintf(patient, sizeof(patient), "p%d", i % 300);
        put_observation(&b, id, patient);
    }
    put_observation(&b, "lost", "nobody");
    for (int i = 299; i >= 0; i--) {
        buf_printf(&b, " {\"active\":true, \"id\":\"p%d\",\"resourceType\": \"Patient\"}\r\n", i);
    }
    /* The order of one Patient's versions stays. */
    buf_printf(&b, "{\"resourceType\":\"Patient\",\"id\":\"p7\",\"active\":false}\n");
    IntakeReport r = load(w, "last.ndjson", buf_cstr(&b), 0);
    assert_int_equal(r.resources, 1301);
    assert_int_equal(r.claims_rejected, 1);
    StoreVersion p;
    StoreVersion o;
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_PATIENT, STR("p7"), &p));
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_OBSERVATION, STR("o907"), &o));
    assert_int_equal(o.patient, p.first);
    assert_int_equal(p.version, 2);
    assert_true(str_find(p.json, STR("\"active\":false")) != SIZE_MAX);
    r = load(w, "last.ndjson", buf_cstr(&b), 0);
    assert_int_equal(r.files_same, 1);
}

static void pack(Str text, Buf *out) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_true(buf_reserve(out, deflateBound(&z, text.len)));
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out->ptr;
    z.avail_out = (uInt)out->capacity;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len = z.total_out;
    (void)deflateEnd(&z);
}

static void need_reject(World *w, const StoreRejectRow *listed, unsigned line, const char *bytes) {
    StoreRejectRow row;
    assert_ok(store_reject_get(w->home->store, w->home->arena, listed->id, &row));
    assert_int_equal(row.reject.line, line);
    assert_str(row.reject.bytes, str_from(bytes));
}

/* Lines of a packed file live shorter than a piece: what is refused must still be told whole. */
static void packed_lines(void **state) {
    enum { LINES = 20000, EVERY = 5000 };
    World *w = *state;
    CLEANUP_BUF Buf b;
    CLEANUP_BUF Buf packed;
    buf_init(&b, 1 << 26);
    buf_init(&packed, 1 << 26);
    put_observation(&b, "o", "late");
    for (int i = 0; i < LINES; i++) {
        buf_printf(&b, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"%d\"}%s}\n", i * 7919,
                   i % EVERY == 77 ? ",\"bad\":1" : "");
        if (i % EVERY == EVERY / 2) {
            buf_printf(&b, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{"
                           "\"resource\":{\"resourceType\":\"Basic\",\"code\":{\"text\":\"b\"}}}"
                           "]}\n");
        }
    }
    buf_printf(&b, "{\"resourceType\":\"Patient\",\"id\":\"late\"}\n");
    pack(buf_str(&b), &packed);
    IntakeReport r = {.arena = w->home->arena};
    Mutex lock = MUTEX_INIT;
    IntakeFeed feed = {.report = &r, .lock = &lock};
    IntakeFile file = {
        .name = STR("many.ndjson.gz"), .bytes = buf_str(&packed), .actor = STR("test")};
    assert_ok(intake_fhir_file(w->intake, &file, &feed, NULL));
    assert_int_equal(r.resources, LINES + 2);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 100, &rows, &n));
    assert_int_equal(n, LINES / EVERY);
    for (unsigned i = 0; i < n; i++) {
        unsigned at = i * EVERY + 77;
        Str text = arena_printf(w->home->arena,
                                "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"%u\"},"
                                "\"bad\":1}",
                                at * 7919);
        need_reject(w, &rows[i], at + 2 + i, text.ptr);
    }
}

/* Lines that belong to nobody; one in wrong_of is wrong (0: none). */
static void put_basics(Buf *b, int n, int wrong_of) {
    for (int i = 0; i < n; i++) {
        bool wrong = wrong_of > 0 && i % wrong_of == 7;
        buf_printf(b, "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"%d\"}%s}\n", i,
                   wrong ? ",\"bad\":1" : "");
    }
}

/* Asked to stop at the first line, then run again: nothing is missed, nothing doubled. */
static void a_cut_of_late_patients(void **state) {
    World *w = *state;
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 24);
    put_basics(&b, 600, 0);
    put_observation(&b, "o", "late");
    buf_printf(&b, "{\"resourceType\":\"Patient\",\"id\":\"late\"}\n");
    StopFlag stop = {0};
    Mutex lock;
    mutex_init(&lock);
    stop_ask(&stop);
    uint64_t resources = 0;
    for (int round = 0; round < 2; round++) {
        IntakeReport r = {0};
        IntakeFeed feed = {.report = &r, .lock = &lock, .stop = round == 0 ? &stop : NULL};
        IntakeFile file = {.name = STR("cut.ndjson"), .bytes = buf_str(&b), .actor = STR("test")};
        assert_int_equal(intake_fhir_file(w->intake, &file, &feed, NULL),
                         round == 0 ? ERR_STOPPED : ERR_OK);
        resources += r.resources;
    }
    mutex_release(&lock);
    assert_int_equal(resources, 602);
    assert_int_equal(open_rejects(w), 0);
}

static void write_file(const World *w, const char *name, const char *text, char path[256]) {
    (void)snprintf(path, 256, "%s/%s", w->home->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static IntakeReport run_paths(World *w, const char *const *paths, size_t n) {
    IntakeReport r = {.arena = w->home->arena};
    ErrInfo info = {0};
    assert_ok(
        intake_run(w->intake, &(IntakeRun){.paths = paths, .n_paths = n, .threads = 2}, &r, &info));
    return r;
}

/* Files of one type each, as bulk export writes them; and a Patient that comes a run later. */
static void files_in_any_order(void **state) {
    World *w = *state;
    char paths[4][256];
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 20);
    put_observation(&b, "a", "x");
    put_observation(&b, "b", "y");
    put_observation(&b, "c", "z");
    write_file(w, "1.Observation.ndjson", buf_cstr(&b), paths[0]);
    write_file(w, "2.Patient.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"x\"}\n", paths[1]);
    write_file(w, "3.json", "{\"resourceType\":\"Patient\",\"id\":\"y\"}", paths[2]);
    write_file(w, "4.json", "{\"resourceType\":\"Patient\",\"id\":\"z\"}", paths[3]);
    const char *const first[] = {paths[0], paths[1], paths[2]};
    IntakeReport r = run_paths(w, first, 3);
    assert_int_equal(r.resources, 4);
    assert_int_equal(open_rejects(w), 1);
    r = run_paths(w, (const char *const[]){paths[3]}, 1);
    assert_int_equal(r.files, 1);
    assert_int_equal(r.resources, 2);
    assert_int_equal(r.rejects_settled, 1);
    assert_int_equal(open_rejects(w), 0);
}

static void a_reject_can_be_repaired(void **state) {
    World *w = *state;
    uint64_t open = 0;
    uint64_t settled = 0;
    (void)load(w, "one.json", "{\"resourceType\":\"Patient\",\"id\":\"r\",\"colour\":1}", 0);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 100, &rows, &n));
    assert_int_equal(n, 1);
    IntakeReport r =
        load(w, "one.json", "{\"resourceType\":\"Patient\",\"id\":\"r\",\"x\":1}", rows[0].id);
    assert_int_equal(r.errors, 1);
    assert_ok(store_reject_count(w->home->store, &open, &settled));
    assert_int_equal(open, 1); /* still wrong: it stays, and no second one comes */
    r = load(w, "one.json", "{\"resourceType\":\"Patient\",\"id\":\"r\"}", rows[0].id);
    assert_int_equal(r.resources, 1);
    assert_ok(store_reject_count(w->home->store, &open, &settled));
    assert_int_equal(open, 0);
    assert_int_equal(settled, 1);
}

/* A retry that was cut off behind its resource and before the reject was settled: the next one only
 * settles it. The cut is made by opening the reject again. */
static void a_retry_makes_its_resource_once(void **state) {
    World *w = *state;
    static const char wanting[] =
        "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
        "\"subject\":{\"reference\":\"Patient/late\"}}";
    (void)load(w, "lone.json", wanting, 0);
    assert_int_equal(open_rejects(w), 1);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 100, &rows, &n));
    IntakeReport r = load(w, "lone.json", wanting, rows[0].id);
    assert_int_equal(r.resources, 0);
    assert_int_equal(open_rejects(w), 1); /* a refused retry leaves no mark: */
    (void)load(w, "patient.json", "{\"resourceType\":\"Patient\",\"id\":\"late\"}", 0);
    for (int i = 0; i < 2; i++) {
        r = load(w, "lone.json", wanting, rows[0].id);
        assert_int_equal(r.resources, i == 0);
        assert_int_equal(r.errors, 0);
        assert_int_equal(open_rejects(w), 0);
    }
}

typedef struct Twin {
    World *w;
    Str bytes;
    IntakeReport report;
    ErrCode err;
} Twin;

static void send_twin(void *arg) {
    Twin *t = arg;
    IntakeFile file = {.name = STR("twin.ndjson"), .bytes = t->bytes, .actor = STR("test")};
    ErrInfo info = {0};
    t->err = intake_file(t->w->intake, &file, &t->report, &info);
}

/* The same bytes from several sides at once: lines without an id are made once. */
static void the_same_file_from_many_threads_is_taken_once(void **state) {
    enum { TWINS = 4, LINES = 700 };
    World *w = *state;
    Twin twins[TWINS];
    Thread threads[TWINS];
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 24);
    put_basics(&b, LINES, 0);
    uint64_t resources = 0;
    uint64_t same = 0;
    for (size_t i = 0; i < TWINS; i++) {
        twins[i] = (Twin){.w = w, .bytes = buf_str(&b)};
        assert_ok(thread_start(&threads[i], "twin", send_twin, &twins[i]));
    }
    for (size_t i = 0; i < TWINS; i++) {
        thread_join(&threads[i]);
        assert_ok(twins[i].err);
        resources += twins[i].report.resources;
        same += twins[i].report.files_same;
    }
    assert_int_equal(resources, LINES);
    assert_int_equal(same, TWINS - 1);
}

/* The whole folder of `nhip synth` may be taken in: its truth is neither refused nor stored. */
static void what_stands_beside_a_synthetic_province_is_left_out(void **state) {
    World *w = *state;
    char path[256];
    static const char truth[] =
        "{\"what\":\"synthetic province; every name and number is invented\","
        "\"options\":{\"seed\":1}}";
    write_file(w, "truth.json", truth, path);
    IntakeReport r = run_paths(w, (const char *const[]){path}, 1);
    assert_int_equal(r.files, 1);
    assert_int_equal(r.files_left_out, 1);
    assert_int_equal(r.warnings, 1);
    assert_int_equal(r.errors + r.claims_rejected + r.resources, 0);
    assert_str(r.issues[0].rule, STR("file-truth"));
    assert_int_equal(open_rejects(w), 0);
    write_file(w, "dich-vu.tsv", "MA_DVKT\tTEN_DVKT\n1\tx\n", path);
    r = run_paths(w, (const char *const[]){path}, 1);
    assert_int_equal(r.files_left_out, 1);
    assert_str(r.issues[0].rule, STR("file-table"));
    assert_int_equal(open_rejects(w), 0);
    /* anything else of that name is a file like others */
    r = load(w, "truth.json", "{\"what\":\"is truth?\"}", 0);
    assert_int_equal(r.claims_rejected, 1);
}

static void batches_and_collections(void **state) {
    World *w = *state;
    IntakeReport r =
        load(w, "batch.json",
             "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[" ENTRY(
                 URN("1"), PATIENT_JSON("a"), "POST",
                 "Patient") "," ENTRY(URN("2"), OBSERVATION("Patient/none", ""), "POST",
                                      "Observation") "," ENTRY(URN("3"), PATIENT_JSON("c"), "POST",
                                                               "Patient") "]}",
             0);
    assert_int_equal(r.resources, 2);
    assert_int_equal(r.claims_rejected, 1);
    r = load(w, "collection.json",
             "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"fullUrl\":"
             "\"http://old/Patient/c1\",\"resource\":{\"resourceType\":\"Patient\",\"id\":"
             "\"c1\"}},{\"fullUrl\":\"http://old/Observation/o1\",\"resource\":{\"resourceType\":"
             "\"Observation\",\"id\":\"o1\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
             "\"subject\":{\"reference\":\"Patient/c1\"}}}]}",
             0);
    assert_int_equal(r.resources, 2);
    StoreVersion p;
    StoreVersion o;
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_PATIENT, STR("c1"), &p));
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_OBSERVATION, STR("o1"), &o));
    assert_int_equal(o.patient, p.first);
    r = load(w, "document.json", "{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}", 0);
    assert_int_equal(r.claims_rejected, 1);
}

/* A file brings what it says, not changes to what is there. */
static void a_file_does_not_patch(void **state) {
    World *w = *state;
    IntakeReport r = load(w, "patch.json",
                          BUNDLE(ENTRY(URN("1"), PATIENT_JSON("a"), "POST", "Patient") "," ENTRY(
                              URN("2"), "{\"resourceType\":\"Parameters\"}", "PATCH", "Patient/a")),
                          0);
    assert_int_equal(r.resources, 0);
    assert_int_equal(r.claims_rejected, 1);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 9, &rows, &n));
    assert_int_equal(n, 1);
    assert_str(rows[0].reject.rule, STR("bundle-patch"));
}

/* A Bundle of more values than can be read is refused; the file goes on. */
static void bundles_beyond_limits_are_refused(void **state) {
    World *w = *state;
    enum { VALUES = 45 << 20 };
    static const char head[] = "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[";
    static const char tail[] = "]}\n{\"resourceType\":\"Patient\",\"id\":\"after\"}\n";
    char *text = malloc(sizeof(head) + sizeof(tail) + 2 * VALUES);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (int i = 0; i < VALUES; i++) {
        *at++ = '1';
        *at++ = ',';
    }
    (void)stpcpy(at - 1, tail);
    IntakeReport report = load(w, "large.ndjson", text, 0);
    free(text);
    assert_int_equal(report.claims_rejected, 1);
    assert_int_equal(report.resources, 1);
    StoreRejectRow *rows = NULL;
    size_t n = 0;
    assert_ok(store_reject_list(w->home->store, w->home->arena, false, 0, 9, &rows, &n));
    assert_int_equal(n, 1);
    assert_str(rows[0].reject.rule, STR("json-items")); /* the first limit that it meets */
    StoreVersion v;
    assert_ok(store_get(w->home->store, w->home->arena, FHIR_T_PATIENT, STR("after"), &v));
}

static void many_lines(void **state) {
    World *w = *state;
    CLEANUP_BUF Buf b;
    buf_init(&b, 1 << 24);
    put_basics(&b, 3000, 500);
    IntakeReport r = load(w, "many.ndjson", buf_cstr(&b), 0);
    assert_int_equal(r.resources, 2994);
    assert_int_equal(r.claims_rejected, 6);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(creates_updates_deletes),
        IN_WORLD(client_ids),
        IN_WORLD(conditions),
        IN_WORLD(conditions_may_be_any_search),
        IN_WORLD(only_where_nothing_is),
        IN_WORLD(a_condition_may_delete_several),
        IN_WORLD(entries_take_effect_in_order),
        IN_WORLD(entries_that_overlap_are_refused),
        IN_WORLD(patients_must_be_there),
        IN_WORLD(own_addresses_are_cut),
        IN_WORLD(references_between_entries),
        IN_WORLD(full_urls_of_other_servers),
        IN_WORLD(uri_members_and_narratives),
        IN_WORLD(conditional_entries),
        IN_WORLD(one_fails_all_fail),
        IN_WORLD(contradictions_are_refused),
        IN_WORLD(delete_and_update_in_one),
        IN_WORLD(races_end_well),
        IN_WORLD(lines_are_units),
        IN_WORLD(a_reject_can_be_repaired),
        IN_WORLD(a_retry_makes_its_resource_once),
        IN_WORLD(the_same_file_from_many_threads_is_taken_once),
        IN_WORLD(what_stands_beside_a_synthetic_province_is_left_out),
        IN_WORLD(batches_and_collections),
        IN_WORLD(a_file_does_not_patch),
        IN_WORLD(a_patch_is_made_of_what_is_there),
        IN_WORLD(many_lines),
        IN_WORLD(bundles_beyond_limits_are_refused),
        IN_WORLD(lines_in_any_order),
        IN_WORLD(packed_lines),
        IN_WORLD(a_cut_of_late_patients),
        IN_WORLD(files_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
