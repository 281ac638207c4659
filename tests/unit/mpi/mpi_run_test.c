/* The master index over a store: merges, proposals, and what people decided stays decided. All data
 * invented. */
#include "unit/store/store_help.h"

#include "core/json.h"
#include "mpi/mpi_case.h"
#include "mpi/mpi_run.h"

typedef struct Who {
    const char *name, *birth, *cccd, *phone;
} Who;

static Str add(Home *h, const Who *who) {
    Str json = home_text(
        h,
        "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"https://nhip.vn/fhir/sid/"
        "cccd\",\"value\":\"%s\"}],\"name\":[{\"text\":\"%s\"}],\"telecom\":[{\"system\":\"phone\","
        "\"value\":\"%s\"}],\"gender\":\"male\",\"birthDate\":\"%s\"}",
        who->cccd, who->name, who->phone, who->birth);
    return home_add_patient(h, json);
}

static MpiRunReport run(Home *h, bool dry) {
    MpiRunReport report;
    MpiRunOptions o = {.store = h->store, .dry = dry, .clock = clock_real()};
    ErrInfo info = {0};
    assert_ok(mpi_run(&o, &report, &info));
    return report;
}

static Str replaced_by(Home *h, Str id) {
    StoreVersion v;
    const JsonNode *root = NULL;
    assert_ok(store_get(h->store, h->arena, FHIR_T_PATIENT, id, &v));
    assert_ok(json_parse(h->arena, v.json, &root, NULL));
    return mpi_patient_link(h->arena, root, STR(MPI_REPLACED_BY), 0);
}

static void expect(const MpiRunReport *r, uint64_t merged, uint64_t proposed) {
    if (r->merged != merged || r->proposed != proposed) {
        fail_msg("merged %lu proposed %lu", (unsigned long)r->merged, (unsigned long)r->proposed);
    }
}

static void merges_proposes_and_obeys_people(void **state) {
    Home *h = *state;
    Str a = add(h, &(Who){"Tôn Thất Thử", "1970-03-05", "999070000123", "0000111222"});
    Str b = add(h, &(Who){"TON THAT THU", "1970-05-03", "999070000123", ""});
    Str c = add(h, &(Who){"Tôn Thất Thử", "1970", "999070000123", "0000111222"});
    Str mother = add(h, &(Who){"Hồ Thị Mẫu", "1990-01-20", "999190000777", "0000333444"});
    Str child = add(h, &(Who){"Lê Gia Mẫu", "2019-08-09", "999190000777", "0000333444"});
    (void)add(h, &(Who){"Phan Văn Lạ", "1955-11-30", "999055000999", ""});
    MpiRunReport dry = run(h, true);
    assert_int_equal(dry.patients, 6);
    assert_int_equal(replaced_by(h, b).len, 0);
    MpiRunReport r = run(h, false);
    expect(&r, 2, 1); /* b and c into a; mother and child for review */
    expect(&dry, r.merged, r.proposed);
    assert_str(replaced_by(h, b), a);
    assert_str(replaced_by(h, c), a);
    assert_int_equal(replaced_by(h, mother).len, 0);
    r = run(h, false);
    expect(&r, 0, 0);
    assert_int_equal(r.known, 1);

    /* A person parts c, and says that mother and child are two: it stays so. */
    MpiAct act = {.keep = a, .other = c, .who = STR("thu"), .why = STR("hai người"), .now = 1};
    assert_ok(mpi_unmerge(h->store, &act, &h->info));
    act.keep = mother;
    act.other = child;
    assert_ok(mpi_differ(h->store, &act, &h->info));
    r = run(h, false);
    expect(&r, 0, 0);
    assert_int_equal(replaced_by(h, c).len, 0);
    assert_str(replaced_by(h, b), a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merges_proposes_and_obeys_people, home_setup,
                                        home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
