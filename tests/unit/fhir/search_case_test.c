/* Runs tests/case/search.case: every line there is one check; the file itself says how to read it.
 */
#include "unit/test.h"

#include "core/io.h"
#include "core/limits.h"
#include "fhir/fhir_match.h"

static const Str base_url = {"https://nhip.example/fhir", 25};

typedef struct Cases {
    Arena *arena;       /* the resource at hand */
    Arena *query_arena; /* one search */
    const JsonNode *root;
    FhirType type;
    FhirMatchContext context;
    Buf json;
    size_t line, checks, failures;
} Cases;

static TimeMs instant(Str text) {
    TimeMs lo;
    TimeMs hi;
    assert_ok(time_parse_fhir(text, &lo, &hi));
    return lo;
}

static void begin_resource(Cases *c, Str line) {
    Str rest = line;
    Str word;
    Str id = STR_EMPTY;
    arena_reset(c->arena);
    buf_clear(&c->json);
    assert_true(str_cut(&rest, ' ', &word) && str_cut(&rest, ' ', &id) &&
                str_cut(&rest, ' ', &word) && str_eq(word, STR("updated")));
    c->context = (FhirMatchContext){
        .id = arena_str(c->arena, id), .last_updated = instant(rest), .base_url = base_url};
    c->root = NULL;
}

static void end_resource(Cases *c) {
    ErrInfo info = {0};
    if (json_parse(c->arena, buf_str(&c->json), &c->root, &info) != ERR_OK) {
        print_error("line %zu: %s\n", c->line, info.what_en);
        fail();
    }
    c->type = fhir_resource_by_name(json_str(c->arena, json_get_lit(c->root, "resourceType")));
    assert_int_not_equal(c->type, FHIR_T_NONE);
}

/* "yes", "no" or "refused CODE"; the printed query must mean the same again. */
static Str outcome(Cases *c, Str text, bool again) {
    ErrInfo info = {0};
    FhirQueryScope scope = {.type = c->type, .base_url = base_url, .info = &info};
    FhirQuery query;
    bool matches = false;
    scope.now = instant(STR("2026-11-21T09:00:00+07:00"));
    if (fhir_query_parse(c->query_arena, &scope, text, &query) != ERR_OK) {
        assert_true(info.what_en[0] != '\0' && info.what_vi[0] != '\0' && info.where[0] != '\0');
        return STR("refused");
    }
    assert_ok(fhir_match(c->query_arena, &query, c->root, &c->context, &matches));
    Str answer = matches ? STR("yes") : STR("no");
    if (again) {
        CLEANUP_BUF Buf printed;
        CLEANUP_BUF Buf twice;
        buf_init(&printed, LIMIT_MIB);
        buf_init(&twice, LIMIT_MIB);
        fhir_query_print(&printed, &query);
        assert_str(outcome(c, buf_str(&printed), false), answer);
        assert_ok(fhir_query_parse(c->query_arena, &scope, buf_str(&printed), &query));
        fhir_query_print(&twice, &query);
        assert_str(buf_str(&twice), buf_str(&printed));
    }
    return answer;
}

static void check(Cases *c, Str line) {
    Str rest = line;
    Str wanted;
    assert_true(str_cut(&rest, ' ', &wanted));
    assert_non_null(c->root);
    arena_reset(c->query_arena);
    Str got = outcome(c, rest, true);
    c->checks++;
    if (!str_eq(got, wanted)) {
        print_error("search.case line %zu: got " STR_FMT " for " STR_FMT "\n", c->line,
                    STR_ARG(got), STR_ARG(line));
        c->failures++;
    }
}

static void take_line(Cases *c, Str line) {
    c->line++;
    bool in_json = c->root == NULL && c->json.max > 0 && c->context.id.len > 0;
    if (str_starts(line, STR("resource "))) {
        begin_resource(c, line);
    } else if (in_json && str_starts(line, STR("---"))) {
        end_resource(c);
    } else if (in_json) {
        buf_put_str(&c->json, line);
        buf_put_char(&c->json, '\n');
    } else if (line.len > 0 && line.ptr[0] != '#') {
        check(c, line);
    }
}

static void every_case_holds(void **state) {
    (void)state;
    CLEANUP_BUF Buf file;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_ARENA Arena *query_arena = arena_new(LIMIT_MIB);
    Cases c = {.arena = arena, .query_arena = query_arena};
    buf_init(&c.json, LIMIT_MIB);
    buf_init(&file, LIMIT_MIB);
    assert_ok(io_read_file("tests/case/search.case", LIMIT_MIB, &file));
    Str rest = buf_str(&file);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        take_line(&c, line);
    }
    buf_release(&c.json);
    print_message("# search.case: %zu checks, %zu wrong\n", c.checks, c.failures);
    assert_int_equal(c.failures, 0);
    assert_true(c.checks >= 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
