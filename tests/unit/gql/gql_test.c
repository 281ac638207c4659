/* GraphQL over a small world of invented resources: what comes back, and what is refused. */
#include "unit/test.h"

#include "gql/gql.h"

typedef struct World {
    Arena *arena;
    const JsonNode *patient, *doctor, *visit;
    Str asked; /* the last search: "Type?query" */
    unsigned reads;
} World;

static const char PATIENT[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"contained\":[{\"resourceType\":\"Organization\","
    "\"id\":\"tram\",\"name\":\"Trạm y tế giả\"}],\"active\":true,\"birthDate\":\"1950-02-03\","
    "\"_birthDate\":{\"extension\":[{\"url\":\"http://example.org/gio\",\"valueTime\":\"10:00:00\"}"
    "]},\"name\":[{\"use\":\"official\",\"family\":\"Nguyễn\",\"given\":[\"Văn\",\"Thử\"]},"
    "{\"use\":\"usual\",\"given\":[\"Tí\"]}],\"gender\":\"male\",\"generalPractitioner\":[{"
    "\"reference\":\"Practitioner/d1\"}],\"managingOrganization\":{\"reference\":\"#tram\"}}";
static const char DOCTOR[] = "{\"resourceType\":\"Practitioner\",\"id\":\"d1\",\"name\":[{\"text\":"
                             "\"Bác sĩ Thử\"}]}";
static const char VISIT[] =
    "{\"resourceType\":\"Encounter\",\"id\":\"e1\",\"status\":\"finished\",\"class\":{\"code\":"
    "\"AMB\"},\"subject\":{\"reference\":\"Patient/p1\"},\"participant\":[{\"individual\":{"
    "\"reference\":\"Practitioner/gone\"}}]}";

static ErrCode host_read(void *ctx, FhirType type, Str id, const JsonNode **ret) {
    World *w = ctx;
    w->reads++;
    if (type == FHIR_T_PATIENT && str_eq(id, STR("p1"))) {
        *ret = w->patient;
        return ERR_OK;
    }
    if (type == FHIR_T_PRACTITIONER && str_eq(id, STR("d1"))) {
        *ret = w->doctor;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static ErrCode host_search(void *ctx, FhirType type, Str query, GqlPage *ret, ErrInfo *info) {
    World *w = ctx;
    w->asked = arena_printf(w->arena, "%s?" STR_FMT, fhir_type_name(type), STR_ARG(query));
    if (str_find(query, STR("nonsense")) != SIZE_MAX) {
        return err_set(info, ERR_PARAM, "search-param", "no such parameter",
                       "không có tham số này");
    }
    ret->matches = arena_new_array(w->arena, const JsonNode *, 1);
    if (type == FHIR_T_ENCOUNTER || type == FHIR_T_PATIENT) {
        ret->matches[ret->n_matches++] = type == FHIR_T_PATIENT ? w->patient : w->visit;
    }
    ret->has_total = true;
    ret->total = 41;
    ret->next = STR("abc-1");
    return ERR_OK;
}

static int setup(void **state) {
    static World w;
    w = (World){.arena = arena_new((size_t)64 << 20)};
    assert_ok(json_parse(w.arena, str_from(PATIENT), &w.patient, NULL));
    assert_ok(json_parse(w.arena, str_from(DOCTOR), &w.doctor, NULL));
    assert_ok(json_parse(w.arena, str_from(VISIT), &w.visit, NULL));
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    arena_free(((World *)*state)->arena);
    return 0;
}

static ErrCode ask(World *w, const JsonNode *resource, const char *text, const char *variables,
                   Str *ret, ErrInfo *info) {
    CLEANUP_BUF Buf out;
    GqlHost host = {w, host_read, host_search};
    GqlRequest q = {.resource = resource, .host = &host, .base_url = STR("http://x/fhir")};
    buf_init(&out, (size_t)16 << 20);
    if (variables != NULL) {
        assert_ok(json_parse(w->arena, str_from(variables), &q.variables, NULL));
    }
    TRY(gql_parse(w->arena, str_from(text), &q.document, info));
    TRY(gql_run(w->arena, &q, &out, info));
    *ret = arena_str(w->arena, buf_str(&out));
    return ERR_OK;
}

/* Answers to questions on the patient. */
static const char *const ON_PATIENT[][2] = {
    {"{id active gender}", "{\"id\":\"p1\",\"active\":true,\"gender\":\"male\"}"},
    {"{__typename resourceType x: birthDate}",
     "{\"__typename\":\"Patient\",\"resourceType\":\"Patient\",\"x\":\"1950-02-03\"}"},
    {"{name{family given}}", "{\"name\":[{\"family\":\"Nguyễn\",\"given\":[\"Văn\",\"Thử\"]},"
                             "{\"family\":null,\"given\":[\"Tí\"]}]}"},
    {"{name(use: usual){given}}", "{\"name\":[{\"given\":[\"Tí\"]}]}"},
    {"{name(use: \"official\"){given(_offset: 1)}}", "{\"name\":[{\"given\":[\"Thử\"]}]}"},
    {"{name(_count: 1){given(_count: 1)}}", "{\"name\":[{\"given\":[\"Văn\"]}]}"},
    {"{name @first{use}}", "{\"name\":[{\"use\":\"official\"}]}"},
    {"{name @first @singleton{use}}", "{\"name\":{\"use\":\"official\"}}"},
    {"{name @flatten{given}}", "{\"given\":[\"Văn\",\"Thử\",\"Tí\"]}"},
    {"{name @flatten{family @singleton}}", "{\"family\":\"Nguyễn\"}"},
    {"{name @flatten @slice(path: \"use\"){given}}",
     "{\"given.official\":[\"Văn\",\"Thử\"],\"given.usual\":[\"Tí\"]}"},
    {"{name @flatten @slice(path: \"$index\"){use @singleton}}",
     "{\"use.0\":\"official\",\"use.1\":\"usual\"}"},
    {"{name(fhirpath: \"given.count() > 1\"){use}}", "{\"name\":[{\"use\":\"official\"}]}"},
    {"{name @flatten @slice(path: \"use.substring(0, 3)\"){use @singleton}}",
     "{\"use.off\":\"official\",\"use.usu\":\"usual\"}"},
    {"{telecom{value} deceasedBoolean maritalStatus{text}}",
     "{\"telecom\":null,\"deceasedBoolean\":null,\"maritalStatus\":null}"},
    {"{_birthDate{extension{url valueTime}}}",
     "{\"_birthDate\":{\"extension\":[{\"url\":\"http://example.org/gio\",\"valueTime\":"
     "\"10:00:00\"}]}}"},
    {"{name{family} name{use}}", "{\"name\":[{\"family\":\"Nguyễn\",\"use\":\"official\"},"
                                 "{\"family\":null,\"use\":\"usual\"}]}"},
    {"{...N ... on Patient{id} ... on Resource{x:id} ...{y:id}} fragment N on Patient{gender}",
     "{\"gender\":\"male\",\"id\":\"p1\",\"x\":\"p1\",\"y\":\"p1\"}"},
    {"{id @skip(if: true) gender @include(if: false) active @include(if: true)}",
     "{\"active\":true}"},
    {"{generalPractitioner{reference resource{__typename ... on Practitioner{name{text}}}}}",
     "{\"generalPractitioner\":[{\"reference\":\"Practitioner/d1\",\"resource\":{\"__typename\":"
     "\"Practitioner\",\"name\":[{\"text\":\"Bác sĩ Thử\"}]}}]}"},
    {"{generalPractitioner{resource(type: Practitioner){name{text}}}}",
     "{\"generalPractitioner\":[{\"resource\":{\"name\":[{\"text\":\"Bác sĩ Thử\"}]}}]}"},
    {"{generalPractitioner{resource(type: Organization){name}}}",
     "{\"generalPractitioner\":[{\"resource\":null}]}"},
    {"{managingOrganization{resource{... on Organization{name}}}}",
     "{\"managingOrganization\":{\"resource\":{\"name\":\"Trạm y tế giả\"}}}"},
    {"{contained{resourceType id}}",
     "{\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"tram\"}]}"},
};

static void answers_on_one_resource(void **state) {
    World *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(ON_PATIENT); i++) {
        ErrInfo info = {0};
        Str got = STR_EMPTY;
        ErrCode err = ask(w, w->patient, ON_PATIENT[i][0], NULL, &got, &info);
        if (err != ERR_OK) {
            print_error("%s: %s %s\n", ON_PATIENT[i][0], info.where, info.what_en);
        }
        assert_ok(err);
        assert_str(got, arena_printf(w->arena, "{\"data\":%s}", ON_PATIENT[i][1]));
    }
}

/* Answers of the whole server, and the search that it was asked for. */
static const char *const ON_SERVER[][3] = {
    {"{Patient(id: \"p1\"){gender}}", "{\"Patient\":{\"gender\":\"male\"}}", ""},
    {"{PatientList(name: \"Thử, Văn\"){id}}", "{\"PatientList\":[{\"id\":\"p1\"}]}",
     "Patient?name=Th%E1%BB%AD,%20V%C4%83n"},
    {"{PatientList(general_practitioner: \"d1\", _count: 5, _sort: \"-birthdate\"){id}}",
     "{\"PatientList\":[{\"id\":\"p1\"}]}",
     "Patient?general-practitioner=d1&_count=5&_sort=-birthdate"},
    {"{PatientList(gender: [male, other]){id}}", "{\"PatientList\":[{\"id\":\"p1\"}]}",
     "Patient?gender=male,other"},
    {"{ListList(status: current){id}}", "{\"ListList\":[]}", "List?status=current"},
    {"{PatientConnection(gender: male, _cursor: \"czz\"){count pagesize next previous "
     "edges{mode resource{id}}}}",
     "{\"PatientConnection\":{\"count\":41,\"pagesize\":1,\"next\":\"cabc-1\",\"previous\":null,"
     "\"edges\":[{\"mode\":\"match\",\"resource\":{\"id\":\"p1\"}}]}}",
     "Patient?gender=male&_page=zz&_total=accurate"},
    {"{Patient(id: p1){EncounterList(_reference: patient, status: finished){status "
     "subject{resource{... on Patient{gender}}}}}}",
     "{\"Patient\":{\"EncounterList\":[{\"status\":\"finished\",\"subject\":{\"resource\":{"
     "\"gender\":\"male\"}}}]}}",
     "Encounter?patient=Patient/p1&status=finished"},
    {"query q($g: code!, $n: integer = 3, $x: string){PatientList(gender: $g, _count: $n, name: $x)"
     "{id}}",
     "{\"PatientList\":[{\"id\":\"p1\"}]}", "Patient?gender=female&_count=3"},
    {"{EncounterList @flatten{subject @flatten{resource @flatten{... on Patient{gender}}}}}",
     "{\"gender\":[\"male\"]}", "Encounter?"},
};

static void answers_of_the_server(void **state) {
    World *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(ON_SERVER); i++) {
        ErrInfo info = {0};
        Str got = STR_EMPTY;
        w->asked = STR_EMPTY;
        ErrCode err = ask(w, NULL, ON_SERVER[i][0], "{\"g\":\"female\"}", &got, &info);
        if (err != ERR_OK) {
            print_error("%s: %s %s\n", ON_SERVER[i][0], info.where, info.what_en);
        }
        assert_ok(err);
        assert_str(got, arena_printf(w->arena, "{\"data\":%s}", ON_SERVER[i][1]));
        Str path = w->asked;
        Str end;
        (void)str_cut(&path, '\0', &end);
        assert_str(end, str_from(ON_SERVER[i][2]));
    }
}

static void what_is_not_there_is_named(void **state) {
    World *w = *state;
    ErrInfo info = {0};
    Str got;
    assert_ok(ask(w, NULL,
                  "{EncounterList{id participant{individual{resource{... on Practitioner{id}}}}}}",
                  NULL, &got, &info));
    assert_str(got, STR("{\"data\":{\"EncounterList\":[{\"id\":\"e1\",\"participant\":[{"
                        "\"individual\":{\"resource\":null}}]}]},\"errors\":[{\"message\":"
                        "\"'Practitioner/gone' is not there\",\"path\":[\"EncounterList\",0,"
                        "\"participant\",0,\"individual\",\"resource\"],\"extensions\":{\"code\":"
                        "\"not-found\",\"vi\":\"không có 'Practitioner/gone'\"}}]}"));
    assert_ok(ask(w, NULL, "{EncounterList{participant{individual{resource(optional: true){id}}}}}",
                  NULL, &got, &info));
    assert_true(str_find(got, STR("errors")) == SIZE_MAX);
}

/* Rule, place, question (on the server). */
static const char *const REFUSED[][3] = {
    {"graphql-syntax", "line 1, column 1", ""},
    {"graphql-syntax", "line 1, column 2", "{"},
    {"graphql-syntax", "line 2, column 3", "{\n  ? }"},
    {"graphql-syntax", "line 1, column 14", "{Patient(id: \"p1){id}}\n"},
    {"graphql-syntax", "line 1, column 14", "{Patient(id: 01){id}}"},
    {"graphql-operation", "line 1, column 1", "mutation{PatientCreate{id}}"},
    {"graphql-field", "line 1, column 18", "{Patient(id: p1){nme{text}}}"},
    {"graphql-field", "line 1, column 2", "{Pateint(id: p1){id}}"},
    {"graphql-field", "line 1, column 18", "{Patient(id: p1){_nme{id}}}"},
    {"graphql-argument", "line 1, column 2", "{Patient{id}}"},
    {"graphql-argument", "line 1, column 2", "{Patient(id: p1, name: x){id}}"},
    {"graphql-argument", "line 1, column 18", "{Patient(id: p1){name(color: red){text}}}"},
    {"graphql-argument", "line 1, column 18", "{Patient(id: p1){EncounterList{id}}}"},
    {"graphql-selection", "line 1, column 18", "{Patient(id: p1){name}}"},
    {"graphql-selection", "line 1, column 18", "{Patient(id: p1){id{x}}}"},
    {"graphql-fragment", "line 1, column 18", "{Patient(id: p1){... on Encounter{id}}}"},
    {"graphql-fragment", "line 1, column 18", "{Patient(id: p1){...F}}"},
    {"graphql-directive", "line 1, column 18", "{Patient(id: p1){id @upper}}"},
    {"graphql-directive", "line 1, column 18", "{Patient(id: p1){id @skip}}"},
    {"graphql-variable", "line 1, column 2", "{Patient(id: $x){id}}"},
    {"graphql-variable", "line 1, column 9", "query q($x: id!){Patient(id: $x){id}}"},
    {"graphql-conflict", "line 1, column 21", "{Patient(id: p1){id id:gender}}"},
    {"graphql-singleton", "line 1, column 18", "{Patient(id: p1){name @singleton{use}}}"},
    {"graphql-operation", "", "query a{PatientList{id}} query b{PatientList{id}}"},
    {"graphql-depth", "line 1, column 47",
     "{Patient(id: p1){...A}} fragment A on Patient{...B} fragment B on Patient{...A}"},
    {"fpath-syntax", "line 1, column 18", "{Patient(id: p1){name(fhirpath: \"use = \"){use}}}"},
    {"search-param", "", "{PatientList(nonsense: 1){id}}"},
};

static void refuses_with_the_place(void **state) {
    World *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        ErrInfo info = {0};
        Str got;
        ErrCode err = ask(w, NULL, REFUSED[i][2], NULL, &got, &info);
        if (err == ERR_OK || strcmp(info.rule, REFUSED[i][0]) != 0 ||
            strcmp(info.where, REFUSED[i][1]) != 0) {
            print_error("%s: %s at '%s': %s\n", REFUSED[i][2], info.rule, info.where, info.what_en);
        }
        assert_int_not_equal(err, ERR_OK);
        assert_string_equal(info.rule, REFUSED[i][0]);
        assert_string_equal(info.where, REFUSED[i][1]);
        assert_true(info.what_vi[0] != '\0');
    }
}

/* Fragments that double at each step: refused by count, long before they are run. */
static void refuses_a_bomb(void **state) {
    World *w = *state;
    CLEANUP_BUF Buf b;
    ErrInfo info = {0};
    Str got;
    buf_init(&b, 1 << 16);
    buf_put_lit(&b, "{Patient(id: p1){...F0}}");
    for (int i = 0; i < 20; i++) {
        buf_printf(&b, " fragment F%d on Patient{...F%d ...F%d}", i, i + 1, i + 1);
    }
    buf_put_lit(&b, " fragment F20 on Patient{id}");
    assert_int_equal(ask(w, NULL, buf_cstr(&b), NULL, &got, &info), ERR_LIMIT);
    assert_string_equal(info.rule, "graphql-limit");
    buf_clear(&b);
    for (int i = 0; i < 5000; i++) {
        buf_put_lit(&b, "[");
    }
    assert_int_equal(
        ask(w, NULL, arena_printf(w->arena, "{PatientList(x: " STR_FMT, STR_ARG(buf_str(&b))).ptr,
            NULL, &got, &info),
        ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_on_one_resource, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_of_the_server, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_with_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_bomb, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
