/* GET /api/visits/ID/claim.xml: a visit that a FHIR client wrote comes out as a claim file. */
#include "unit/api/api_help.h"

#include "interop/claim_read.h"

static void put(World *w, const char *target, const char *body) {
    Reply r = ask(w, &(Ask){"PUT", target, NULL, body});
    assert_true(r.status == 200 || r.status == 201);
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    int *n = ctx;
    (*n)++;
    assert_str(claim->facility, STR("46001"));
    assert_str(claim_value(claim, 1, XML1_MA_LK), STR("LK-1"));
    assert_str(claim_value(claim, 1, XML1_LY_DO_VV), STR("Ho & sốt"));
    assert_str(claim_value(claim, 1, XML1_NGAY_VAO), STR("202611200800"));
    return ERR_OK;
}

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    /* what the client did not say is missing: the file is whole all the same */
    int *n = ctx;
    assert_str(refused->facility, STR("46001"));
    assert_str(refused->ma_lk, STR("LK-1"));
    *n += refused->issues[0].rule == CLAIM_RULE_FIELD_REQUIRED;
    return ERR_OK;
}

static void a_visit_is_a_claim_file(void **state) {
    World *w = *state;
    put(w, "/fhir/Patient/tho", "{\"resourceType\":\"Patient\",\"id\":\"tho\"}");
    put(w, "/fhir/Encounter/kham",
        "{\"resourceType\":\"Encounter\",\"id\":\"kham\",\"status\":\"finished\","
        "\"identifier\":[{\"system\":\"https://nhip.vn/fhir/sid/ma-lk\",\"value\":\"46001|LK-1\"}],"
        "\"class\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\","
        "\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/tho\"},"
        "\"period\":{\"start\":\"2026-11-20T01:00:00Z\"},"
        "\"reasonCode\":[{\"text\":\"Ho & sốt\"}]}");
    Reply r = ask(w, &(Ask){"GET", "/api/visits/kham/claim.xml", NULL, NULL});
    assert_int_equal(r.status, 200);
    int n = 0;
    ClaimReadOptions o = {.ctx = &n, .on_claim = on_claim, .on_refused = on_refused};
    assert_ok(claim_read(r.body, &o, NULL));
    assert_int_equal(n, 1);
    put(w, "/fhir/Encounter/khac",
        "{\"resourceType\":\"Encounter\",\"id\":\"khac\",\"status\":\"finished\","
        "\"class\":{\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/tho\"}}");
    assert_int_equal(ask(w, &(Ask){"GET", "/api/visits/khac/claim.xml", NULL, NULL}).status, 404);
    assert_int_equal(ask(w, &(Ask){"GET", "/api/visits/none/claim.xml", NULL, NULL}).status, 404);
    assert_int_equal(ask(w, &(Ask){"GET", "/api/visits/kham/claim.xml?a=b", NULL, NULL}).status,
                     400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_visit_is_a_claim_file, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("api/claim", tests, NULL, NULL);
}
