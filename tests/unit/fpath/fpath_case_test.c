/* Runs tests/case/fhirpath.case: every line there is one check; the file says how to read it. */
#include "unit/test.h"

#include "core/limits.h"
#include "fhir/fhir_parse.h"
#include "fpath/fpath.h"

typedef struct Cases {
    Arena *arena;   /* the resource */
    Arena *scratch; /* one check */
    const JsonNode *root;
    size_t line, checks, failures;
} Cases;

static void put_item(Buf *out, Arena *arena, const FpathItem *item) {
    if (item->kind == FPATH_NODE && json_is(item->node, JSON_OBJECT)) {
        JsonWriter w = json_writer(out);
        assert_true(fpath_item_put_json(&w, item));
    } else {
        buf_put_str(out, fpath_item_string(arena, item));
    }
}

static void outcome(Cases *c, Str text, bool strict, Buf *out) {
    FpathOptions options = {.context = (FhirShape)fhir_type_of(c->root), .strict = strict};
    FpathEnv env = fpath_env(c->root);
    const FpathExpr *e = NULL;
    FpathSeq seq = {NULL, 0};
    ErrInfo info = {0};
    assert_ok(time_parse_fhir(STR("2026-11-22T09:00:00+07:00"), &env.now, &(TimeMs){0}));
    ErrCode err = fpath_compile(c->scratch, text, &options, &e, &info);
    if (err == ERR_OK) {
        assert_str(fpath_text(e), text);
        err = fpath_eval(c->scratch, e, &env, &seq, &info);
    }
    if (err != ERR_OK) {
        assert_int_equal(err, info.code);
        assert_true(info.what_vi[0] != '\0' && info.offset <= text.len);
        buf_printf(out, "! %s", info.rule);
        return;
    }
    buf_put_str(out, seq.n == 0 ? STR("(nothing)") : STR_EMPTY);
    for (size_t i = 0; i < seq.n; i++) {
        buf_put_str(out, i > 0 ? STR(" | ") : STR_EMPTY);
        put_item(out, c->scratch, &seq.items[i]);
    }
}

static void check(Cases *c, Str line) {
    size_t at = line.len;
    while (at > 0 && !str_starts(str_sub(line, at, line.len), STR(" => "))) {
        at--;
    }
    assert_true(at > 0);
    Str text = str_sub(line, 0, at);
    Str wanted = str_sub(line, at + 4, line.len);
    bool strict = str_starts(text, STR("strictly "));
    CLEANUP_BUF Buf got;
    buf_init(&got, LIMIT_MIB);
    outcome(c, strict ? str_sub(text, 9, text.len) : text, strict, &got);
    c->checks++;
    if (!str_eq(buf_str(&got), wanted)) {
        c->failures++;
        print_error("line %zu: " STR_FMT "\n  got  <" STR_FMT ">\n  want <" STR_FMT ">\n", c->line,
                    STR_ARG(text), STR_ARG(buf_str(&got)), STR_ARG(wanted));
    }
    arena_reset(c->scratch);
}

static void cases(void **state) {
    (void)state;
    CLEANUP_FILE FILE *f = fopen("tests/case/fhirpath.case", "r");
    assert_non_null(f);
    Cases c = {.arena = arena_new(LIMIT_MIB), .scratch = arena_new(32 * LIMIT_MIB)};
    char *text = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&text, &size, f)) > 0;) {
        c.line++;
        Str line = {text, (size_t)len - (text[len - 1] == '\n')};
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        bool is_check = str_find(line, STR(" => ")) != SIZE_MAX;
        if (line.ptr[0] == '{' && !is_check) {
            arena_reset(c.arena);
            assert_ok(json_parse(c.arena, arena_str(c.arena, line), &c.root, NULL));
        } else {
            check(&c, line);
        }
    }
    free(text);
    arena_free(c.arena);
    arena_free(c.scratch);
    assert_true(c.checks > 200);
    assert_int_equal(c.failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
