/* Merging and parting of Patients through the store: nothing is lost, everything is written down.
 * All data invented. */
#include "unit/store/store_help.h"

#include "core/json.h"
#include "core/random.h"
#include "mpi/mpi_case.h"

static StoreVersion read_patient(Home *h, Str id) {
    StoreVersion v;
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
    return v;
}

/* Without the version's own data. */
static Str content(Home *h, Str id) {
    const JsonNode *root = NULL;
    Buf out;
    buf_init(&out, 1 << 20);
    assert_ok(json_parse(h->arena, read_patient(h, id).json, &root, NULL));
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        if (!json_str_is(m, STR("meta"))) {
            json_put_name(&w, json_raw_str(m));
            json_put_node(&w, json_value(m));
        }
    }
    json_close_object(&w);
    Str text = arena_str(h->arena, buf_str(&out));
    buf_release(&out);
    return text;
}

static StoreVersion read_case(Home *h, Str a, Str b) {
    bool swap = str_cmp(a, b) > 0;
    StoreExpect token = {.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(MPI_CASE_SYSTEM),
                         .value = arena_printf(h->arena, STR_FMT "|" STR_FMT, STR_ARG(swap ? b : a),
                                               STR_ARG(swap ? a : b))};
    StoreVersion *found = NULL;
    size_t n = 0;
    assert_ok(store_find(h->store, h->arena, &token, 2, &found, &n));
    assert_int_equal(n, 1);
    return found[0];
}

static void expect_case(Home *h, Str a, Str b, const char *status, uint32_t version) {
    StoreVersion v = read_case(h, a, b);
    const JsonNode *root = NULL;
    assert_ok(json_parse(h->arena, v.json, &root, NULL));
    assert_str(json_raw_str(json_get_lit(root, "status")), str_from(status));
    assert_int_equal(v.version, version);
    assert_str(json_raw_str(json_path(root, "owner.display")), STR("bs. Lan"));
    assert_str(json_raw_str(json_path(root, "statusReason.text")), STR("cùng một người"));
    assert_int_equal(json_count(json_get_lit(root, "input")), 2 + MPI_FIELDS);
}

#define ACT(a, b)                                                                                  \
    (&(MpiAct){                                                                                    \
        .keep = (a), .other = (b), .who = STR("bs. Lan"), .why = STR("cùng một người"), .now = 1})

static void a_merge_links_both_and_is_undone(void **state) {
    Home *h = *state;
    Str a =
        home_add_patient(h, STR("{\"resourceType\":\"Patient\",\"active\":true,\"name\":[{\"text\":"
                                "\"Nguyễn Văn Thử\"}],\"gender\":\"male\"}"));
    Str b =
        home_add_patient(h, STR("{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"NGUYEN VAN "
                                "THU\"}],\"birthDate\":\"1990\"}"));
    Str before[2] = {content(h, a), content(h, b)};
    assert_ok(mpi_propose(h->store, ACT(a, b), &h->info));
    assert_int_equal(mpi_propose(h->store, ACT(b, a), &h->info), ERR_EXISTS);
    expect_case(h, a, b, "requested", 1);
    assert_str(content(h, a), before[0]);

    assert_ok(mpi_merge(h->store, ACT(a, b), &h->info));
    expect_case(h, a, b, "completed", 2);
    const JsonNode *roots[2];
    assert_ok(json_parse(h->arena, read_patient(h, a).json, &roots[0], NULL));
    assert_ok(json_parse(h->arena, read_patient(h, b).json, &roots[1], NULL));
    assert_str(mpi_patient_link(h->arena, roots[0], STR(MPI_REPLACES), 0), b);
    assert_str(mpi_patient_link(h->arena, roots[1], STR(MPI_REPLACED_BY), 0), a);
    assert_str(mpi_patient_active(roots[0]), STR("true"));
    assert_str(mpi_patient_active(roots[1]), STR("false"));
    assert_int_equal(mpi_merge(h->store, ACT(a, b), &h->info), ERR_PRECONDITION);
    assert_int_equal(mpi_merge(h->store, ACT(b, a), &h->info), ERR_PRECONDITION);
    assert_int_equal(mpi_differ(h->store, ACT(a, b), &h->info), ERR_PRECONDITION);

    assert_ok(mpi_unmerge(h->store, ACT(b, a), &h->info)); /* in either order */
    expect_case(h, a, b, "cancelled", 3);
    assert_str(content(h, a), before[0]);
    assert_str(content(h, b), before[1]);
    assert_int_equal(mpi_unmerge(h->store, ACT(a, b), &h->info), ERR_PRECONDITION);
    assert_ok(mpi_differ(h->store, ACT(a, b), &h->info));
    expect_case(h, a, b, "rejected", 4);
}

static void what_is_wrong_is_refused(void **state) {
    Home *h = *state;
    Str a = home_add_patient(h, STR("{\"resourceType\":\"Patient\"}"));
    Str b = home_add_patient(h, STR("{\"resourceType\":\"Patient\"}"));
    MpiAct nobody = *ACT(a, b);
    nobody.who = STR_EMPTY;
    assert_int_equal(mpi_merge(h->store, ACT(a, a), &h->info), ERR_PARAM);
    assert_int_equal(mpi_merge(h->store, ACT(a, STR("absent")), &h->info), ERR_NOT_FOUND);
    assert_int_equal(mpi_merge(h->store, &nobody, &h->info), ERR_PARAM);
    assert_int_equal(mpi_unmerge(h->store, ACT(a, b), &h->info), ERR_PRECONDITION);
}

/* Any few merges, undone in any order: everybody as before. */
static void undoing_restores_exactly(void **state) {
    Home *h = *state;
    enum { PATIENTS = 6, ROUNDS = 30 };
    static const char *const texts[] = {
        "{\"resourceType\":\"Patient\",\"gender\":\"male\"}",
        "{\"resourceType\":\"Patient\",\"active\":true,\"gender\":\"female\"}",
        "{\"resourceType\":\"Patient\",\"active\":false}",
        ("{\"resourceType\":\"Patient\",\"link\":[{\"other\":{\"reference\":\"Patient/"
         "x\"},\"type\":"
         "\"seealso\"}],\"gender\":\"male\"}"),
    };
    Str ids[PATIENTS];
    Str before[PATIENTS];
    Random r;
    random_init(&r, 11);
    for (int i = 0; i < PATIENTS; i++) {
        ids[i] = home_add_patient(h, str_from(texts[i % (int)ARRAY_LEN(texts)]));
        before[i] = content(h, ids[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t merged[PATIENTS][2];
        uint32_t n = 0;
        for (int k = 0; k < 4; k++) {
            uint32_t a = (uint32_t)random_below(&r, PATIENTS);
            uint32_t b = (uint32_t)random_below(&r, PATIENTS);
            if (a != b && mpi_merge(h->store, ACT(ids[a], ids[b]), &h->info) == ERR_OK) {
                merged[n][0] = a;
                merged[n++][1] = b;
            }
        }
        uint32_t order[PATIENTS] = {0, 1, 2, 3, 4, 5};
        random_shuffle(&r, order, n);
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t *m = merged[order[k]];
            assert_ok(mpi_unmerge(h->store, ACT(ids[m[0]], ids[m[1]]), &h->info));
        }
        for (int i = 0; i < PATIENTS; i++) {
            assert_str(content(h, ids[i]), before[i]);
        }
    }
}

static void side_by_side_names_the_evidence(void **state) {
    Home *h = *state;
    Str a = home_add_patient(
        h, STR("{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"https://nhip.vn/fhir/"
               "sid/cccd\",\"value\":\"999090000123\"}],\"name\":[{\"text\":\"Nguyễn Văn Thử\"}],"
               "\"telecom\":[{\"system\":\"phone\",\"value\":\"0000123456\"}],\"gender\":\"male\","
               "\"birthDate\":\"1990-03-05\"}"));
    Str b = home_add_patient(
        h, STR("{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"https://nhip.vn/fhir/"
               "sid/cccd\",\"value\":\"999090000123\"}],\"name\":[{\"family\":\"Nguyễn\",\"given\":"
               "[\"Văn\",\"Thử\"]}],\"gender\":\"male\",\"birthDate\":\"1990-05-03\"}"));
    MpiSideBySide s;
    assert_ok(mpi_side_by_side(h->store, h->arena, ACT(a, b), &s, &h->info));
    assert_int_equal(mpi_level(s.vector, MPI_NAME), MPI_NAME_SAME);
    assert_int_equal(mpi_level(s.vector, MPI_BIRTH), MPI_BIRTH_SWAPPED);
    assert_int_equal(mpi_level(s.vector, MPI_CCCD), MPI_NUMBER_SAME);
    assert_int_equal(mpi_level(s.vector, MPI_PHONE), MPI_MISSING);
    assert_int_equal(s.verdict.decision, MPI_LINK);
    assert_str(mpi_field_text(&s.fields[0], MPI_PHONE), STR("0000123456"));
    assert_int_equal(s.status.len, 0);
}

#define AT_HOME(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_HOME(a_merge_links_both_and_is_undone),
        AT_HOME(what_is_wrong_is_refused),
        AT_HOME(undoing_restores_exactly),
        AT_HOME(side_by_side_names_the_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
