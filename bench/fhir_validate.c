/* fhir_validate — resources/s and MB/s of json_parse alone, of fhir_parse + fhir_validate, and of
 * printing, over the Synthea bundles under NHIP_SHARED (default ../shared), else over
 * tests/suite/data. Each resource by itself, as it arrives by HTTP. Best of five rounds, one
 * thread. The ratio to json_parse in the same run is the figure to compare. */
#include "core/limits.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_validate.h"

#include <time.h>

enum { ROUNDS = 5 };

typedef struct Set {
    Str *texts;
    size_t n, capacity, bytes;
} Set;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

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

/* Every resource of each line: a Bundle's entries one by one. */
static void load(Set *set, const char *command) {
    FILE *f = popen(command, "r");
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while (f != NULL && (len = getline(&line, &size, f)) > 0) {
        const JsonNode *root = NULL;
        if (json_parse(arena, (Str){line, (size_t)len}, &root, NULL) == ERR_OK) {
            const JsonNode *list = json_get_lit(root, "entry");
            for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
                const JsonNode *resource = json_get_lit(e, "resource");
                if (resource != NULL) {
                    keep(set, json_raw(resource));
                }
            }
            if (list == NULL) {
                keep(set, json_raw(root));
            }
        }
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    if (f != NULL) {
        (void)pclose(f);
    }
}

typedef bool (*WorkFn)(Arena *, Str, Buf *);

static bool work_json(Arena *arena, Str text, Buf *out) {
    (void)out;
    const JsonNode *root = NULL;
    return json_parse(arena, text, &root, NULL) == ERR_OK;
}

static bool work_validate(Arena *arena, Str text, Buf *out) {
    (void)out;
    FhirResource r;
    FhirIssues issues = fhir_issues(arena);
    FhirValidateOptions options = {.conditional_references = true};
    return fhir_parse(arena, text, &r, &issues) == ERR_OK &&
           fhir_validate(&r, &options, &issues) == ERR_OK;
}

static bool work_print(Arena *arena, Str text, Buf *out) {
    FhirResource r;
    if (fhir_parse(arena, text, &r, NULL) != ERR_OK) {
        return false;
    }
    buf_clear(out);
    fhir_print(out, &r, NULL);
    return buf_ok(out) == ERR_OK;
}

static double measure(const char *name, const Set *set, WorkFn work, double json_seconds) {
    Arena *arena = arena_new(256 * LIMIT_MIB);
    Buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    double best = 1e9;
    size_t failed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = now();
        for (size_t i = 0; i < set->n; i++) {
            failed += !work(arena, set->texts[i], &out);
            arena_reset(arena);
        }
        best = MIN(best, now() - t0);
    }
    buf_release(&out);
    arena_free(arena);
    printf("%-24s %9.0f resources/s %8.1f MB/s %6.2f x json_parse%s\n", name, (double)set->n / best,
           (double)set->bytes / best / 1e6, json_seconds > 0 ? best / json_seconds : 1.0,
           failed > 0 ? " (FAILED)" : "");
    return best;
}

int main(void) {
    const char *shared = getenv("NHIP_SHARED");
    char command[1200];
    Set set = {0};
    (void)snprintf(command, sizeof(command),
                   "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null",
                   shared == NULL ? "../shared" : shared);
    load(&set, command);
    if (set.n == 0) {
        puts("# no Synthea bundles: own examples, 2,000 times");
        for (int i = 0; i < 2000; i++) {
            load(&set, "for f in tests/suite/data/*.json; do tr -d '\\n' <$f; echo; done");
        }
    }
    printf("# %zu resources, %.1f MB, mean %.0f bytes\n", set.n, (double)set.bytes / 1e6,
           (double)set.bytes / (double)MAX(set.n, (size_t)1));
    double json = measure("json_parse", &set, work_json, 0);
    (void)measure("parse + validate", &set, work_validate, json);
    (void)measure("parse + print", &set, work_print, json);
    return 0;
}
