/* Newborns and their mothers over HTTP: the list, side by side, linked, rejected, taken back. All
 * data invented. */
#include "unit/api/api_help.h"

#include "interop/claim_identity.h"
#include "mpi/mpi_birth.h"

#define CARD "TE1460000000123"

static int act(World *w, const char *target, const char *body) {
    return ask(w, &(Ask){"POST", target, "Content-Type: application/json\r\n", body}).status;
}

static void put_all(World *w) {
    MpiBirthReport report;
    MpiRunOptions o = {.store = w->store, .clock = clock_real()};
    world_put(w, "Patient", "me",
              ",\"identifier\":[{\"system\":\"" CLAIM_SYSTEM_CCCD
              "\",\"value\":\"999195000777\"}],\"name\":[{\"text\":\"Lê Thị Mẫu\"}],"
              "\"gender\":\"female\",\"birthDate\":\"1995-03-04\"");
    world_put(w, "Patient", "con",
              ",\"identifier\":[{\"system\":\"" CLAIM_SYSTEM_CARD "\",\"value\":\"" CARD
              "\"},{\"system\":\"" CLAIM_SYSTEM_RELATIVE
              "\",\"value\":\"999195000777\"}],\"name\":[{\"text\":\"Con bà Mẫu\"}],"
              "\"gender\":\"male\",\"birthDate\":\"2026-09-11\"");
    world_put(w, "RelatedPerson", "giay",
              ",\"identifier\":[{\"system\":\"" CLAIM_SYSTEM_CARD "\",\"value\":\"" CARD
              "\"}],\"patient\":{\"reference\":\"Patient/me\"},\"relationship\":[{\"coding\":[{"
              "\"system\":\"http://terminology.hl7.org/CodeSystem/v3-RoleCode\",\"code\":"
              "\"CHILD\"}]}],\"gender\":\"male\",\"birthDate\":\"2026-09-10\"");
    assert_ok(mpi_births(&o, &report, NULL));
    assert_int_equal(report.proposed, 1);
}

static void assert_status(World *w, const char *status, bool by_person, const char *linked) {
    const JsonNode *seen = get(w, "/api/mpi/newborns/giay", NULL, 200);
    assert_str(json_raw_str(json_get_lit(seen, "status")), str_from(status));
    assert_true(json_is(json_get_lit(seen, "by_person"), by_person ? JSON_TRUE : JSON_FALSE));
    assert_str(json_raw_str(json_get_lit(seen, "linked")), str_from(linked));
}

static void a_person_decides(void **state) {
    World *w = *state;
    put_all(w);
    const JsonNode *list = get(w, "/api/mpi?kind=newborns", NULL, 200);
    assert_int_equal(json_count(json_get_lit(list, "cases")), 1);
    assert_str(json_raw_str(json_path(list, "cases.certificate")), STR("giay"));
    assert_str(json_raw_str(json_path(list, "cases.evidence.birth-and-sex")), STR("differ"));
    assert_int_equal(json_count(json_get_lit(get(w, "/api/mpi", NULL, 200), "cases")), 0);
    const JsonNode *seen = get(w, "/api/mpi/newborns/giay", NULL, 200);
    const JsonNode *child = json_first(json_get_lit(seen, "children"));
    static const char *const levels[] = {"missing", "other", "same", "same", "same", "missing"};
    assert_str(json_raw_str(json_path(seen, "mother.name")), STR("Lê Thị Mẫu"));
    assert_int_equal(json_count(json_get_lit(seen, "doubts")), 1);
    assert_str(json_raw_str(json_first(json_get_lit(seen, "doubts"))), STR("birth-and-sex"));
    assert_str(json_raw_str(json_get_lit(child, "id")), STR("con"));
    const JsonNode *fields = json_get_lit(child, "fields");
    const JsonNode *f = json_first(fields);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++, f = json_next(fields, f)) {
        assert_str(json_raw_str(json_get_lit(f, "level")), str_from(levels[i]));
    }

#define BODY "{\"who\":\"bs. Lan\",\"why\":\"đã hỏi\",\"child\":\"con\"}"
    assert_int_equal(act(w, "/api/mpi/newborns/giay/link", "{\"who\":\"\"}"), 400);
    assert_int_equal(act(w, "/api/mpi/newborns/nobody/link", BODY), 404);
    assert_int_equal(act(w, "/api/mpi/newborns/giay/nothing", BODY), 404);
    assert_int_equal(act(w, "/api/mpi/newborns/giay/reopen", BODY), 412);
    assert_int_equal(act(w, "/api/mpi/newborns/giay/link", BODY), 200);
    assert_status(w, "completed", true, "con");
    assert_int_equal(act(w, "/api/mpi/newborns/giay/link", BODY), 412);
    assert_int_equal(act(w, "/api/mpi/newborns/giay/reopen", BODY), 200);
    assert_status(w, "requested", false, "");
    assert_int_equal(act(w, "/api/mpi/newborns/giay/reject", BODY), 200);
    assert_status(w, "rejected", false, "");
    assert_int_equal(act(w, "/api/mpi/newborns/giay/reopen", BODY), 200);
    assert_status(w, "requested", false, "");
    (void)get(w, "/api/mpi/newborns/nobody", NULL, 404);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_person_decides, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
