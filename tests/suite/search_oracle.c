/* search_oracle — extraction against a slow interpreter of the parameters' FHIRPath expressions.
 * The interpreter below reads the text of each expression for each resource; it shares nothing with
 * gen/fhir_search_gen.c and its tries, and guesses data types from the shape of the JSON. For every
 * resource of tests/suite/data and, where present, of the official examples and the Synthea bundles
 * under NHIP_SHARED: each parameter (composites apart) must give values exactly when the
 * interpreter finds nodes that can give one, and one value for each date, number and quantity.
 * Prints TAP and `search-oracle passed/total` (a resource passes when all its parameters agree). */
#include <ctype.h>
#include <dirent.h>

#include "core/io.h"
#include "core/limits.h"
#include "fhir/fhir_extract.h"

enum { NODES_MAX = 20000 };

typedef struct Nodes {
    const JsonNode *at[NODES_MAX];
    size_t n;
} Nodes;

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

static void add(Nodes *set, const JsonNode *value) {
    if (json_is(value, JSON_ARRAY)) {
        for (const JsonNode *e = json_first(value); e != NULL; e = json_next(value, e)) {
            add(set, e);
        }
    } else if (!json_is(value, JSON_NULL) && set->n < NODES_MAX) {
        for (size_t i = 0; i < set->n; i++) {
            if (set->at[i] == value) {
                return; /* a union holds each node once */
            }
        }
        set->at[set->n++] = value;
    }
}

/* ---- one step -----------------------------------------------------------------------------------
 */

/* Is `member` the choice `step` of some type, or of the type `only`? */
static bool is_choice(Str member, Str step, Str only) {
    if (member.len <= step.len || !str_starts(member, step)) {
        return false;
    }
    Str type = str_sub(member, step.len, member.len);
    if (only.len > 0) {
        return str_eq_nocase(type, only);
    }
    char lower[64] = "";
    (void)snprintf(lower, sizeof lower, STR_FMT, STR_ARG(type));
    lower[0] = (char)tolower((unsigned char)lower[0]);
    return isupper((unsigned char)type.ptr[0]) != 0 &&
           (fhir_type_by_name(type) != FHIR_T_NONE ||
            fhir_type_by_name(str_from(lower)) != FHIR_T_NONE);
}

static void step_into(Nodes *out, const JsonNode *object, Str step, Str only) {
    if (!json_is(object, JSON_OBJECT)) {
        return;
    }
    const JsonNode *exact = json_get(object, step);
    if (exact != NULL) {
        add(out, exact);
        return;
    }
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        if (is_choice(json_raw_str(m), step, only)) {
            add(out, json_value(m));
        }
    }
}

/* Keeps the nodes for which where(condition) holds. */
static void filter(Nodes *set, Str condition) {
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        const JsonNode *n = set->at[i];
        bool holds = false;
        if (str_starts(condition, STR("resolve() is "))) {
            FhirIndexReference r;
            Str type = str_sub(condition, 13, condition.len);
            Str text = json_raw_str(json_get_lit(n, "reference"));
            holds = json_str_is(json_get_lit(n, "type"), type);
            if (fhir_index_reference(text, &r) && r.type != FHIR_T_NONE) {
                holds = str_eq(type, str_from(fhir_type_name(r.type)));
            }
        } else {
            size_t equals = str_find_char(condition, '=', 0);
            Str value = str_sub(condition, equals + 2, condition.len - equals - 3);
            holds = json_str_is(json_get(n, str_sub(condition, 0, equals)), value);
        }
        if (holds) {
            set->at[kept++] = n;
        }
    }
    set->n = kept;
}

/* ---- one expression -----------------------------------------------------------------------------
 */

static bool is_call(Str text, Str name, Str *ret_rest, Str *ret_argument) {
    if (!str_starts(text, name)) {
        return false;
    }
    size_t depth = 1;
    size_t i = name.len;
    while (i < text.len && depth > 0) {
        depth += text.ptr[i] == '(' ? 1 : 0;
        depth -= text.ptr[i] == ')' ? 1 : 0;
        i++;
    }
    *ret_argument = str_sub(text, name.len, i - name.len - 1);
    *ret_rest = str_sub(text, i, text.len);
    return true;
}

static size_t word_len(Str text) {
    size_t n = 0;
    while (n < text.len && isalpha((unsigned char)text.ptr[n]) != 0) {
        n++;
    }
    return n;
}

/* Follows "a.b.where(c).ofType(T)" from the nodes in *set; brackets around the start are dropped.
 */
static void evaluate(Nodes *set, Nodes *scratch, Str text) {
    while (text.len > 0) {
        Str argument;
        Str rest;
        if (strchr("().", text.ptr[0]) != NULL) {
            text = str_sub(text, 1, text.len);
        } else if (is_call(text, STR("where("), &rest, &argument)) {
            filter(set, argument);
            text = rest;
        } else if (str_starts(text, STR("[0]"))) {
            set->n = MIN(set->n, (size_t)1);
            text = str_sub(text, 3, text.len);
        } else {
            Str step = str_sub(text, 0, word_len(text));
            Str only = STR_EMPTY;
            text = str_sub(text, MAX(step.len, (size_t)1), text.len);
            if (is_call(text, STR(".ofType("), &rest, &argument)) {
                only = argument;
                text = rest;
            }
            bool is_start = step.len > 0 && isupper((unsigned char)step.ptr[0]) != 0;
            if (!is_start) {
                scratch->n = 0;
                for (size_t i = 0; i < set->n; i++) {
                    step_into(scratch, set->at[i], step, only);
                }
                memcpy(set->at, scratch->at, scratch->n * sizeof set->at[0]);
                set->n = scratch->n;
            }
        }
    }
}

static void evaluate_union(Nodes *all, const JsonNode *root, Str expression) {
    static Nodes set, scratch;
    all->n = 0;
    while (expression.len > 0) {
        size_t bar = str_find(expression, STR(" | "));
        Str one = str_sub(expression, 0, MIN(bar, expression.len));
        expression = bar == SIZE_MAX ? STR_EMPTY : str_sub(expression, bar + 3, expression.len);
        set.at[0] = root;
        set.n = 1;
        evaluate(&set, &scratch, one);
        for (size_t i = 0; i < set.n; i++) {
            add(all, set.at[i]);
        }
    }
}

/* ---- can a node give a value? -------------------------------------------------------------------
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

static bool is_token(const JsonNode *n) {
    static const char *const names[] = {"code", "value", "system", "display", "text"};
    if (json_is(n, JSON_OBJECT) && json_is(json_get_lit(n, "coding"), JSON_ARRAY)) {
        const JsonNode *list = json_get_lit(n, "coding");
        for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
            if (has_text(c, names, ARRAY_LEN(names))) {
                return true;
            }
        }
    }
    bool plain = json_is(n, JSON_TRUE) || json_is(n, JSON_FALSE) || json_raw_str(n).len > 0;
    return plain || (json_is(n, JSON_OBJECT) && has_text(n, names, ARRAY_LEN(names)));
}

static bool is_string(const JsonNode *n) {
    static const char *const names[] = {"text",  "line",       "city",    "district",
                                        "state", "postalCode", "country", "family",
                                        "given", "prefix",     "suffix"};
    return json_raw_str(n).len > 0 ||
           (json_is(n, JSON_OBJECT) && has_text(n, names, ARRAY_LEN(names)));
}

static bool is_date(const JsonNode *n) {
    TimeMs lo;
    TimeMs hi;
    if (json_is(n, JSON_OBJECT)) {
        const JsonNode *bounds = json_path(n, "repeat.boundsPeriod");
        const JsonNode *period = bounds != NULL ? bounds : n;
        return is_date(json_path(n, "event")) || is_date(json_get_lit(period, "start")) ||
               is_date(json_get_lit(period, "end"));
    }
    n = json_is(n, JSON_ARRAY) ? json_first(n) : n;
    return json_is(n, JSON_STRING) && time_parse_fhir(json_raw_str(n), &lo, &hi) == ERR_OK;
}

static bool is_amount(const JsonNode *n) {
    return json_is(n, JSON_NUMBER) || json_is(json_path(n, "value"), JSON_NUMBER) ||
           json_is(json_path(n, "low.value"), JSON_NUMBER) ||
           json_is(json_path(n, "high.value"), JSON_NUMBER);
}

static bool is_reference(const FhirSearchParam *p, const JsonNode *n) {
    FhirIndexReference r;
    if (json_is(json_get_lit(n, "resourceType"), JSON_STRING)) {
        Str type = json_raw_str(json_get_lit(n, "resourceType"));
        return json_get_lit(n, "id") != NULL &&
               fhir_search_param_targets(p, fhir_resource_by_name(type));
    }
    return json_raw_str(n).len > 0 ||
           fhir_index_reference(json_raw_str(json_get_lit(n, "reference")), &r);
}

static bool gives_value(const FhirSearchParam *p, const JsonNode *n) {
    switch ((FhirParamType)p->type) {
    case FHIR_PARAM_TOKEN:
        return is_token(n);
    case FHIR_PARAM_STRING:
        return is_string(n);
    case FHIR_PARAM_DATE:
        return is_date(n);
    case FHIR_PARAM_NUMBER:
    case FHIR_PARAM_QUANTITY:
        return is_amount(n);
    case FHIR_PARAM_URI:
        return json_raw_str(n).len > 0;
    case FHIR_PARAM_REFERENCE:
        return is_reference(p, n);
    case FHIR_PARAM_COMPOSITE:
    case FHIR_PARAM_SPECIAL:
        break;
    }
    return false;
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

/* Patient.deceased always has a value, Location.near none; ids come from the store. */
static bool is_compared(const FhirSearchParam *p) {
    return p->type != FHIR_PARAM_COMPOSITE && p->type != FHIR_PARAM_SPECIAL &&
           p->id != FHIR_P_DECEASED && p->id != FHIR_P__ID && p->id != FHIR_P__LAST_UPDATED;
}

/* CarePlan.activity.detail.scheduledString of the examples f001 to f003 holds a date: by its shape
 * a date, by its type none. */
static bool is_known(const FhirSearchParam *p, const JsonNode *root) {
    return p->id == FHIR_P_ACTIVITY_DATE &&
           json_path(root, "activity.detail.scheduledString") != NULL;
}

static bool agrees(const FhirSearchParam *p, const JsonNode *root, unsigned got) {
    static Nodes nodes;
    unsigned want = 0;
    evaluate_union(&nodes, root, p->expression);
    for (size_t i = 0; i < nodes.n; i++) {
        want += gives_value(p, nodes.at[i]);
    }
    bool counted = p->type == FHIR_PARAM_DATE || p->type == FHIR_PARAM_NUMBER ||
                   p->type == FHIR_PARAM_QUANTITY;
    bool ok = counted ? got == want : (got > 0) == (want > 0);
    if (!ok) {
        printf("# " STR_FMT " of %.*s: %u values, the interpreter finds %u\n", STR_ARG(p->code), 60,
               json_raw(root).ptr, got, want);
    }
    return ok;
}

static bool all_agree(const FhirSearchParam *params, size_t n, const JsonNode *root,
                      const CountSink *sink) {
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (is_compared(&params[i]) && !is_known(&params[i], root) &&
            !agrees(&params[i], root, sink->n[params[i].id])) {
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
    size_t n;
    size_t n_common;
    const FhirSearchParam *own = fhir_search_params(type, &n);
    const FhirSearchParam *common = fhir_search_params_common(&n_common);
    bool ok = all_agree(own, n, root, &sink);
    ok = all_agree(common, n_common, root, &sink) && ok;
    score->passed += ok;
    score->total++;
    score->params += (unsigned)(n + n_common);
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
    run_own();
    run_packed("r4-examples", "fhir-r4-examples/examples.ndjson.xz", false, 1000);
    run_packed("synthea", "synthea/bundles.ndjson.xz", true, 20);
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
