/* fpath — FHIRPath: expressions/s over a parsed patient; and, over the Synthea bundles under
 * NHIP_SHARED (default ../shared; without them the resources of tests/suite/data) resource by
 * resource: all invariants of R4, structural validation, both together. The limit in the same run
 * is json_parse of the same texts. Best of five rounds, one thread. */
#include "bench.h"

#include "core/limits.h"
#include "fhir/fhir_validate.h"
#include "fpath/fpath_invariant.h"

enum { ROUNDS = 5, EVALUATIONS = 200000 };

typedef struct Set {
    Str *texts;
    size_t n, capacity, bytes;
} Set;

static void keep(Set *set, Str text) {
    if (set->n == set->capacity) {
        set->capacity = set->capacity == 0 ? 1024 : set->capacity * 2;
        set->texts = realloc(set->texts, set->capacity * sizeof(Str));
    }
    char *copy = malloc(text.len + 1);
    if (set->texts == NULL || copy == NULL) {
        exit(1);
    }
    memcpy(copy, text.ptr, text.len);
    set->texts[set->n++] = (Str){copy, text.len};
    set->bytes += text.len;
}

/* Every resource of the text, a Bundle's entries one by one. */
static void load(Set *set, Str text) {
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    const JsonNode *root = NULL;
    while (text.len > 0 && json_parse_next(arena, &text, &root, NULL) == ERR_OK) {
        const JsonNode *list = json_get_lit(root, "entry");
        for (const JsonNode *e = list == NULL ? NULL : json_first(list); e != NULL;
             e = json_next(list, e)) {
            const JsonNode *resource = json_get_lit(e, "resource");
            if (resource != NULL) {
                keep(set, json_raw(resource));
            }
        }
        if (list == NULL) {
            keep(set, json_raw(root));
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

/* ---- single expressions */

static const char PATIENT[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{\"system\":\"http://example.vn/"
    "a\","
    "\"value\":\"1\"},{\"system\":\"http://example.vn/b\",\"value\":\"2\"}],\"active\":true,"
    "\"name\":[{\"use\":\"official\",\"family\":\"Thử\",\"given\":[\"Văn\",\"An\"]},"
    "{\"use\":\"nickname\",\"given\":[\"Tí\"]}],\"gender\":\"male\",\"birthDate\":\"1990-02-28\"}";

static const char *const EXPRESSIONS[] = {
    "Patient.birthDate",
    "name.given.first()",
    "name.where(use = 'official').family",
    "identifier.where(system = 'http://example.vn/b').value",
    "name.exists() and gender.exists()",
    "birthDate <= today()",
    "name.given.count() + 1",
    "name.given.join(' ').upper()",
    "descendants().count()",
    "id.matches('^[a-z]+$')",
    "(1 'g') = (1000 'mg')",
};

static void bench_expression(Arena *arena, const JsonNode *root, const char *text) {
    const FpathExpr *e = NULL;
    FpathEnv env = fpath_env(root);
    FpathSeq seq = {NULL, 0};
    Arena *scratch = arena_new(LIMIT_MIB);
    bool ok = fpath_compile(arena, str_from(text), NULL, &e, NULL) == ERR_OK;
    double best = 1e9;
    for (int round = 0; ok && round < ROUNDS; round++) {
        double t0 = bench_now();
        for (int i = 0; ok && i < EVALUATIONS / ROUNDS; i++) {
            ok = fpath_eval(scratch, e, &env, &seq, NULL) == ERR_OK;
            arena_reset(scratch);
        }
        best = MIN(best, bench_now() - t0);
    }
    arena_free(scratch);
    printf("%-60s %10.0f /s%s\n", text, EVALUATIONS / ROUNDS / best, ok ? "" : " (FAILED)");
}

/* ---- resources */

typedef bool (*WorkFn)(Arena *arena, Arena *scratch, Str text);

static bool work_json(Arena *arena, Arena *scratch, Str text) {
    (void)scratch;
    const JsonNode *root = NULL;
    return json_parse(arena, text, &root, NULL) == ERR_OK;
}

static void on_breach(void *ctx, const FpathBreach *b) {
    size_t *n_errors = ctx;
    *n_errors += b->invariant->is_warning ? 0 : 1;
}
static bool invariants(Arena *scratch, const JsonNode *root) {
    size_t n_errors = 0;
    FpathEnv env = fpath_env(root);
    FpathBreaches breaches = {.ctx = &n_errors, .report = on_breach};
    return fpath_invariants_check(scratch, root, &env, &breaches) == ERR_OK && n_errors == 0;
}
static bool work_invariants(Arena *arena, Arena *scratch, Str text) {
    const JsonNode *root = NULL;
    return json_parse(arena, text, &root, NULL) == ERR_OK && invariants(scratch, root);
}
static bool work_validate(Arena *arena, Arena *scratch, Str text) {
    (void)scratch;
    FhirResource r;
    FhirIssues issues = fhir_issues(arena);
    FhirValidateOptions options = {.conditional_references = true};
    return fhir_parse(arena, text, &r, &issues) == ERR_OK &&
           fhir_validate(&r, &options, &issues) == ERR_OK;
}
static bool work_both(Arena *arena, Arena *scratch, Str text) {
    FhirResource r;
    FhirIssues issues = fhir_issues(arena);
    FhirValidateOptions options = {.conditional_references = true};
    return fhir_parse(arena, text, &r, &issues) == ERR_OK &&
           fhir_validate(&r, &options, &issues) == ERR_OK && invariants(scratch, r.root);
}

static double measure(const char *name, const Set *set, WorkFn work, double json_seconds) {
    Arena *arena = arena_new(256 * LIMIT_MIB);
    Arena *scratch = arena_new(32 * LIMIT_MIB);
    double best = 1e9;
    size_t failed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = bench_now();
        for (size_t i = 0; i < set->n; i++) {
            failed += !work(arena, scratch, set->texts[i]);
            arena_reset(arena);
        }
        best = MIN(best, bench_now() - t0);
    }
    arena_free(arena);
    arena_free(scratch);
    printf("%-34s %9.0f resources/s %8.1f MB/s %6.2f x json_parse%s\n", name, (double)set->n / best,
           (double)set->bytes / best / 1e6, json_seconds > 0 ? best / json_seconds : 1.0,
           failed > 0 ? " (FAILED)" : "");
    return best;
}

int main(void) {
    bench_machine();
    Arena *arena = arena_new(16 * LIMIT_MIB);
    const JsonNode *root = NULL;
    if (json_parse(arena, str_from(PATIENT), &root, NULL) != ERR_OK) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(EXPRESSIONS); i++) {
        bench_expression(arena, root, EXPRESSIONS[i]);
    }
    arena_free(arena);
    double t0 = bench_now();
    unsigned n = fpath_invariant_count();
    printf("# %u invariants of R4 compiled in %.1f ms\n", n, (bench_now() - t0) * 1e3);

    Set set = {0};
    Buf text;
    char command[1200];
    (void)snprintf(command, sizeof(command),
                   "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null", bench_shared());
    if (bench_read_command(command, 1024 * LIMIT_MIB, &text)) {
        load(&set, buf_str(&text));
    }
    buf_release(&text);
    if (set.n == 0 && bench_read_command("cat tests/suite/data/*.json", LIMIT_MIB, &text)) {
        puts("# no Synthea bundles: own examples, 2,000 times");
        for (int i = 0; i < 2000; i++) {
            load(&set, buf_str(&text));
        }
        buf_release(&text);
    }
    printf("# %zu resources, %.1f MB\n", set.n, (double)set.bytes / 1e6);
    double json = measure("json_parse", &set, work_json, 0);
    (void)measure("parse + invariants", &set, work_invariants, json);
    (void)measure("parse + structure", &set, work_validate, json);
    (void)measure("parse + structure + invariants", &set, work_both, json);
    return 0;
}
