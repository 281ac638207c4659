/* Routing: the most special path owns the address, whatever the order of the tables. */
#include "unit/test.h"

#include "core/limits.h"
#include "rest/rest_route.h"

static void handler(RestCall *call) {
    (void)call;
}

static const RestRoutes no_routes = {NULL, 0};

/* The path that owns an address; "" none; methods that it has go to allow. */
static const char *owner(const RestRoutes *const *tables, size_t n, const char *method,
                         const char *target, char allow[REST_ALLOW_MAX]) {
    static char path[64];
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const RestRouter *router = NULL;
    ErrInfo info = {0};
    Str parts[REST_PARTS_MAX];
    RestAddress address = {str_from(method), parts, 0};
    assert_non_null(arena);
    assert_int_equal(rest_router_new(arena, &(RestRouteTables){tables, n}, &router, &info), ERR_OK);
    assert_true(rest_cut_path(arena, str_from(target), parts, &address.n_parts));
    const RestRoute *route = rest_router_find(router, &address, allow);
    (void)snprintf(path, sizeof(path), "%s", route == NULL ? "" : route->path);
    return path;
}

ROUTES(general, {"GET", "/*", handler, false, "all"}, {"GET", "/x/:a/:b", handler, false, "two"},
       {"PUT", "/x/:name", handler, false, "one"}, {"GET", "/x/:a", handler, false, "one"});
ROUTES(special, {"GET", "/x/fixed", handler, false, "literal"},
       {"GET", "/x/fixed/:b", handler, false, "literal first"},
       {"GET", "/x/:a/$do", handler, false, "operation"}, {"", "/y/*", NULL, false, "closed"},
       {"GET", "/y/open", handler, false, "open"});

static void check_orders(const char *method, const char *target, const char *path,
                         const char *allowed) {
    char allow[REST_ALLOW_MAX];
    assert_string_equal(
        owner((const RestRoutes *const[]){&general, &special}, 2, method, target, allow), path);
    assert_string_equal(allow, allowed);
    assert_string_equal(
        owner((const RestRoutes *const[]){&special, &general}, 2, method, target, allow), path);
    assert_string_equal(allow, allowed);
}

static void literal_parts_win(void **state) {
    (void)state;
    check_orders("GET", "/x/fixed", "/x/fixed", "");
    check_orders("GET", "/x/other", "/x/:a", "");
    check_orders("GET", "/x/fixed/b", "/x/fixed/:b", "");
    check_orders("GET", "/x/other/b", "/x/:a/:b", "");
    check_orders("GET", "/x/fixed/$do", "/x/:a/$do", "");
    check_orders("HEAD", "/x/other", "/x/:a", "");
}

static void the_owner_says_its_methods(void **state) {
    (void)state;
    check_orders("PUT", "/x/fixed", "", "GET, HEAD");
    check_orders("POST", "/x/other", "", "GET, HEAD, PUT");
    check_orders("PUT", "/x/other", "/x/:name", "");
}

static void tails_take_what_is_left(void **state) {
    (void)state;
    check_orders("GET", "/", "/*", "");
    check_orders("GET", "/a/b/c/d", "/*", "");
    check_orders("GET", "/x/_reserved", "/*", "");
    check_orders("GET", "/y/open", "/y/open", "");
    check_orders("GET", "/y/else", "", "");
    check_orders("GET", "/y", "", "");
}

static ErrCode build(const RestRoutes *table, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const RestRouter *router = NULL;
    assert_non_null(arena);
    return rest_router_new(arena, &(RestRouteTables){&table, 1}, &router, info);
}

ROUTES(crossing, {"GET", "/x/:a/do", handler, false, "first"},
       {"GET", "/x/fixed/:b", handler, false, "second"});
ROUTES(apart, {"GET", "/x/:a/$do", handler, false, "first"},
       {"GET", "/x/fixed/:b", handler, false, "second"});
ROUTES(twice, {"GET", "/x/:a", handler, false, "first"}, {"PUT", "/x/:a", handler, false, "put"},
       {"GET", "/x/:b", handler, false, "second"});

static void ambiguous_pairs_are_refused(void **state) {
    ErrInfo info = {0};
    (void)state;
    assert_int_equal(build(&crossing, &info), ERR_INTERNAL);
    assert_string_equal(info.rule, "route-ambiguous");
    assert_int_equal(build(&twice, &info), ERR_INTERNAL);
    assert_string_equal(info.rule, "route-twice");
    assert_int_equal(build(&apart, &info), ERR_OK);
    assert_int_equal(build(&no_routes, &info), ERR_OK); /* the server's own */
}

static void addresses_have_limits(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    Str parts[REST_PARTS_MAX];
    size_t n = 0;
    assert_true(rest_cut_path(arena, STR("//a/%41b/"), parts, &n));
    assert_int_equal(n, 2);
    assert_true(str_eq(parts[1], STR("Ab")));
    assert_false(rest_cut_path(arena, STR("/1/2/3/4/5/6/7/8/9"), parts, &n));
    assert_false(rest_cut_path(arena, STR("/%zz"), parts, &n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_parts_win),       cmocka_unit_test(the_owner_says_its_methods),
        cmocka_unit_test(tails_take_what_is_left), cmocka_unit_test(ambiguous_pairs_are_refused),
        cmocka_unit_test(addresses_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
