/* What other people's pages and files may do to us: nothing. */
#include "unit/api/api_help.h"

/* ---- what others sent ---- */

static void refused_pieces_cannot_act_in_a_browser(void **state) {
    World *w = *state;
    const char *page = "<html xmlns=\"http://www.w3.org/1999/xhtml\"><script/></html>";
    Reply r = ask(w, &(Ask){"POST", "/import/claims", "X-File-Name: %E1%BB%87.xml\r\n", page});
    assert_int_equal(r.status, 200);
    const JsonNode *list = get(w, "/api/rejects", NULL, 200);
    assert_str(raw(list, "rejects.file"), STR("ệ.xml"));
    int64_t id = 0;
    assert_ok(json_to_i64(json_path(list, "rejects.id"), &id));
    Str target = arena_printf(w->arena, "/api/rejects/%lld", (long long)id);
    r = ask(w, &(Ask){"GET", target.ptr, NULL, NULL});
    assert_int_equal(r.status, 200);
    assert_str(r.body, str_from(page));
    assert_str(header_of(r, "content-security-policy"), STR("default-src 'none'; sandbox"));
    assert_str(header_of(r, "x-content-type-options"), STR("nosniff"));
}

/* ---- strangers' pages ---- */

static int asked_by(World *w, const char *method, const char *headers) {
    Str all = arena_printf(w->arena, "%s\r\n", headers);
    return ask(w, &(Ask){method, "/fhir/Patient", all.ptr, NULL}).status;
}

static void other_sites_are_kept_out(void **state) {
    World *w = *state;
    assert_int_equal(asked_by(w, "GET", "Host: LOCALHOST:99"), 200);
    assert_int_equal(asked_by(w, "GET", "Host: 127.0.0.2:1"), 200);
    assert_int_equal(asked_by(w, "GET", "Host: [::1]:1"), 200);
    assert_int_equal(asked_by(w, "GET", "Host: evil.example"), 403);
    assert_int_equal(asked_by(w, "GET", "Host: localhost.evil.example"), 403);
    assert_int_equal(asked_by(w, "GET", "Host: 127.0.0.1.evil.example:80"), 403);
    /* Reading is harmless: the browser does not show the answer to the other page. */
    assert_int_equal(asked_by(w, "GET", "Origin: http://evil.example"), 200);
    assert_int_equal(asked_by(w, "POST", "Origin: http://localhost"), 415);
    assert_int_equal(asked_by(w, "POST", "Origin: http://localhost:3000"), 403);
    assert_int_equal(asked_by(w, "POST", "Origin: http://evil.example"), 403);
    assert_int_equal(asked_by(w, "POST", "Origin: null"), 403);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(refused_pieces_cannot_act_in_a_browser),
        IN_WORLD(other_sites_are_kept_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
