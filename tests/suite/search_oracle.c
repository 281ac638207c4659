/* search_oracle — extraction against the FHIRPath engine. The engine evaluates the text of each
 * search parameter's expression on each resource; it shares nothing with gen/fhir_search_gen.c and
 * its tries but the tables of types. For every resource of tests/suite/data and, where present, of
 * the official examples and the Synthea bundles under NHIP_SHARED: each parameter (composites
 * apart) must give values exactly when the expression finds items of a type that can give one, and
 * one value for each date, number and quantity. Prints TAP and `search-oracle-… passed/total` (a
 * resource passes when all its parameters agree). */
#include <dirent.h>

#include "core/io.h"
#include "core/limits.h"
#include "fhir/fhir_extract.h"
#include "fpath/fpath.h"

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

/* ---- expressions, compiled once -----------------------------------------------------------------
 */

enum { COMPILED_MAX = 4096 };

typedef struct Compiled {
    const FhirSearchParam *param;
    const FpathExpr *expr;
} Compiled;

static Compiled compiled[COMPILED_MAX]; /* open hash table */
static Arena *compiled_arena;

/* a | b as (a).combine(b): a union drops equal values, the index may hold them twice. */
static Str combined(Arena *arena, Str expression) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_BYTES);
    for (size_t bar; (bar = str_find(expression, STR(" | "))) != SIZE_MAX;) {
        buf_printf(&out, "%s(" STR_FMT ")", out.len > 0 ? ".combine" : "",
                   STR_ARG(str_sub(expression, 0, bar)));
        expression = str_sub(expression, bar + 3, expression.len);
    }
    buf_printf(&out, "%s(" STR_FMT ")", out.len > 0 ? ".combine" : "", STR_ARG(expression));
    return arena_str(arena, buf_str(&out));
}

static const FpathExpr *expression_of(const FhirSearchParam *p) {
    size_t at = ((uintptr_t)p / sizeof(*p)) * 31 % COMPILED_MAX;
    while (compiled[at].param != NULL && compiled[at].param != p) {
        at = (at + 1) % COMPILED_MAX;
    }
    if (compiled[at].param == NULL) {
        static const FpathOptions options = {.as_filters = true};
        ErrInfo info = {0};
        compiled[at].param = p;
        Str text = combined(compiled_arena, p->expression);
        if (fpath_compile(compiled_arena, text, &options, &compiled[at].expr, &info) != ERR_OK) {
            printf("# " STR_FMT ": %s\n", STR_ARG(p->expression), info.what_en);
            report(false, "the expression compiles");
        }
    }
    return compiled[at].expr;
}

/* ---- can an item give a value? ------------------------------------------------------------------
 */

static bool has_text(const JsonNode *object, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const JsonNode *v = json_get(object, str_from(names[i]));
        v = json_is(v, JSON_ARRAY) ? json_first(v) : v;
        while (json_is(v, JSON_NULL)) {
            v++; /* [null,"x"]: nulls are one node each */
        }
        if (json_raw_str(v).len > 0) {
            return true;
        }
    }
    return false;
}

static bool is_plain(const FpathItem *i) {
    return i->kind != FPATH_NODE || (fhir_shape(i->shape)->kind == FHIR_KIND_PRIMITIVE &&
                                     i->node != NULL && json_raw(i->node).len > 0);
}

static bool is_token(const FpathItem *i) {
    static const char *const NAMES[] = {"code", "value", "system", "display", "text"};
    if (i->shape == FHIR_T_CODEABLE_CONCEPT) {
        const JsonNode *list = json_get_lit(i->node, "coding");
        for (const JsonNode *c = list == NULL ? NULL : json_first(list); c != NULL;
             c = json_next(list, c)) {
            if (has_text(c, NAMES, ARRAY_LEN(NAMES))) {
                return true;
            }
        }
    }
    return is_plain(i) || (i->node != NULL && has_text(i->node, NAMES, ARRAY_LEN(NAMES)));
}

static bool is_string(const FpathItem *i) {
    static const char *const NAMES[] = {"text",  "line",       "city",    "district",
                                        "state", "postalCode", "country", "family",
                                        "given", "prefix",     "suffix"};
    return is_plain(i) || (i->node != NULL && has_text(i->node, NAMES, ARRAY_LEN(NAMES)));
}

static bool is_time(const JsonNode *n) {
    TimeMs lo;
    TimeMs hi;
    n = json_is(n, JSON_ARRAY) ? json_first(n) : n;
    return json_is(n, JSON_STRING) && time_parse_fhir(json_raw_str(n), &lo, &hi) == ERR_OK;
}

static bool is_date(const FpathItem *i) {
    const JsonNode *period = i->node;
    switch ((int)i->shape) {
    case FHIR_T_DATE:
    case FHIR_T_DATE_TIME:
    case FHIR_T_INSTANT:
        return is_time(i->node);
    case FHIR_T_TIMING:
        if (is_time(json_path(i->node, "event"))) {
            return true;
        }
        period = json_path(i->node, "repeat.boundsPeriod");
        return is_time(json_get_lit(period, "start")) || is_time(json_get_lit(period, "end"));
    case FHIR_T_PERIOD:
        return is_time(json_get_lit(period, "start")) || is_time(json_get_lit(period, "end"));
    default:
        return false; /* a string that looks like a date is none */
    }
}

static bool is_amount(const FpathItem *i) {
    const JsonNode *n = i->node;
    return json_is(n, JSON_NUMBER) || json_is(json_path(n, "value"), JSON_NUMBER) ||
           json_is(json_path(n, "low.value"), JSON_NUMBER) ||
           json_is(json_path(n, "high.value"), JSON_NUMBER);
}

static bool is_reference(const FhirSearchParam *p, const FpathItem *i) {
    FhirIndexReference r;
    if (fhir_shape(i->shape)->kind == FHIR_KIND_RESOURCE) {
        return json_get_lit(i->node, "id") != NULL &&
               fhir_search_param_targets(p, (FhirType)i->shape);
    }
    return is_plain(i) ||
           fhir_index_reference(json_raw_str(json_get_lit(i->node, "reference")), &r);
}

static bool gives_value(const FhirSearchParam *p, const FpathItem *i) {
    switch (p->type) {
    case FHIR_PARAM_TOKEN:
        return is_token(i);
    case FHIR_PARAM_STRING:
        return is_string(i);
    case FHIR_PARAM_DATE:
        return is_date(i);
    case FHIR_PARAM_NUMBER:
    case FHIR_PARAM_QUANTITY:
        return is_amount(i);
    case FHIR_PARAM_URI:
        return is_plain(i);
    case FHIR_PARAM_REFERENCE:
        return is_reference(p, i);
    default:
        return false;
    }
}

/* ---- comparison ---------------------------------------------------------------------------------
 */

typedef struct CountSink {
    FhirIndexSink sink;
    unsigned n[FHIR_P_COUNT];
} CountSink;

static void count_put(FhirIndexSink *sink, const FhirIndexValue *value) {
    ((CountSink *)sink)->n[value->param]++;
}

typedef struct Score {
    unsigned passed, total, params;
} Score;

/* Ids and the time of the last change come from the store; words have no expression. */
static bool is_compared(const FhirSearchParam *p) {
    return p->type <= FHIR_PARAM_REFERENCE && p->id != FHIR_P__ID && p->id != FHIR_P__LAST_UPDATED;
}

/* The same node by another part of the expression. */
static bool came_before(FpathSeq seq, size_t at) {
    const FpathItem *item = &seq.items[at];
    for (size_t i = 0; i < at && item->kind == FPATH_NODE; i++) {
        if (seq.items[i].kind == FPATH_NODE && seq.items[i].node == item->node) {
            return true;
        }
    }
    return false;
}

static bool agrees(Arena *scratch, const FhirSearchParam *p, const JsonNode *root, unsigned got) {
    FpathEnv env = fpath_env(root);
    FpathSeq seq = {NULL, 0};
    unsigned want = 0;
    ErrInfo info = {0};
    const FpathExpr *e = expression_of(p);
    env.resolve_types = true;
    arena_reset(scratch);
    if (e == NULL || fpath_eval(scratch, e, &env, &seq, &info) != ERR_OK) {
        printf("# " STR_FMT ": %s\n", STR_ARG(p->expression), info.what_en);
        return false;
    }
    for (size_t i = 0; i < seq.n; i++) {
        want += !came_before(seq, i) && gives_value(p, &seq.items[i]);
    }
    bool counted = p->type == FHIR_PARAM_DATE || p->type == FHIR_PARAM_NUMBER ||
                   p->type == FHIR_PARAM_QUANTITY;
    bool ok = counted ? got == want : (got > 0) == (want > 0);
    if (!ok) {
        printf("# " STR_FMT " of %.*s: %u values, FHIRPath finds %u\n", STR_ARG(p->code), 60,
               json_raw(root).ptr, got, want);
    }
    return ok;
}

typedef struct Params {
    const FhirSearchParam *items;
    size_t n;
} Params;

static bool all_agree(Arena *scratch, Params params, const JsonNode *root, const CountSink *sink) {
    bool ok = true;
    for (size_t i = 0; i < params.n; i++) {
        const FhirSearchParam *p = &params.items[i];
        if (is_compared(p) && !agrees(scratch, p, root, sink->n[p->id])) {
            ok = false;
        }
    }
    return ok;
}

static void one_resource(Arena *arena, const JsonNode *root, Score *score) {
    FhirType type = fhir_resource_by_name(json_raw_str(json_get_lit(root, "resourceType")));
    CountSink sink = {.sink = {count_put}};
    if (type == FHIR_T_NONE || fhir_extract(arena, type, root, &sink.sink) != ERR_OK) {
        score->total++;
        return;
    }
    static Arena *scratch;
    if (scratch == NULL) {
        scratch = arena_new(64 * LIMIT_MIB);
    }
    Params own;
    Params common;
    own.items = fhir_search_params(type, &own.n);
    common.items = fhir_search_params_common(&common.n);
    bool ok = all_agree(scratch, own, root, &sink);
    ok = all_agree(scratch, common, root, &sink) && ok;
    score->passed += ok;
    score->total++;
    score->params += (unsigned)(own.n + common.n);
}

/* A line or file: one resource, or with `split` each entry of a Bundle. */
static void one_text(Arena *arena, Str text, bool split, Score *score) {
    const JsonNode *root = NULL;
    if (json_parse(arena, text, &root, NULL) != ERR_OK) {
        score->total++;
        return;
    }
    const JsonNode *list = split ? json_get_lit(root, "entry") : NULL;
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        one_resource(arena, json_get_lit(e, "resource"), score);
    }
    if (list == NULL) {
        one_resource(arena, root, score);
    }
}

static void finish(const char *name, const Score *score) {
    char text[160];
    (void)snprintf(text, sizeof text, "%s: %u of %u resources agree (%u parameters looked at)",
                   name, score->passed, score->total, score->params);
    report(score->total > 0 && score->passed == score->total, text);
    printf("search-oracle-%s %u/%u\n", name, score->passed, score->total);
}

/* At most `max_lines` lines of DIR/data/file.xz. */
static void run_packed(const char *name, const char *file, bool split, unsigned max_lines) {
    const char *shared = getenv("NHIP_SHARED");
    char command[1100];
    (void)snprintf(command, sizeof command, "xz -dc '%s/data/%s' 2>/dev/null | head -n %u",
                   shared == NULL || shared[0] == '\0' ? "../shared" : shared, file, max_lines);
    FILE *f = popen(command, "r");
    CLEANUP_ARENA Arena *arena = arena_new(1024 * LIMIT_MIB);
    Score score = {0};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while (f != NULL && (len = getline(&line, &capacity, f)) > 0) {
        one_text(arena, (Str){line, (size_t)len}, split, &score);
        arena_reset(arena);
    }
    free(line);
    if (f != NULL) {
        (void)pclose(f);
    }
    if (score.total == 0) {
        printf("# %s skipped: not present\n", name);
    } else {
        finish(name, &score);
    }
}

static void run_own(void) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf text;
    Score score = {0};
    struct dirent **list = NULL;
    buf_init(&text, LIMIT_MIB);
    int n = scandir("tests/suite/data", &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[400];
        (void)snprintf(path, sizeof path, "tests/suite/data/%s", list[i]->d_name);
        buf_clear(&text);
        if (str_ends(str_from(path), STR(".json")) &&
            io_read_file(path, LIMIT_MIB, &text) == ERR_OK) {
            one_text(arena, buf_str(&text), false, &score);
        }
        free(list[i]);
    }
    free(list);
    finish("own", &score);
}

int main(void) {
    compiled_arena = arena_new(64 * LIMIT_MIB);
    run_own();
    run_packed("r4-examples", "fhir-r4-examples/examples.ndjson.xz", false, 1000);
    run_packed("synthea", "synthea/bundles.ndjson.xz", true, 1000);
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
