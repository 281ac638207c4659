/* fpath_invariants — every invariant of R4 compiles, and the official R4 examples and the Synthea
 * bundles under NHIP_SHARED (default ../shared) keep them (warnings apart). Prints TAP and
 * `fpath-invariants-r4 passed/total`, `fpath-invariants-synthea …`. */
#include "core/limits.h"
#include "fhir/fhir_parse.h"
#include "fpath/fpath_invariant.h"

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

typedef struct Now {
    Str type, id;
    bool is_broken;
} Now;

static void on_breach(void *ctx, const FpathBreach *b) {
    Now *now = ctx;
    if (b->invariant->is_warning && b->failure == NULL) {
        return;
    }
    now->is_broken = true;
    CLEANUP_BUF Buf where;
    buf_init(&where, LIMIT_KIB);
    fpath_item_location(&where, b->item);
    printf("# " STR_FMT "/" STR_FMT " %s at %s: %s\n", STR_ARG(now->type), STR_ARG(now->id),
           b->invariant->key, buf_cstr(&where),
           b->failure != NULL ? b->failure->what_en : b->invariant->en);
}

typedef struct Count {
    unsigned n_passed, n_total;
} Count;

static void one(Arena *scratch, const JsonNode *resource, Count *count) {
    Now now = {.type = json_raw_str(json_get_lit(resource, "resourceType")),
               .id = json_raw_str(json_get_lit(resource, "id"))};
    FpathEnv env = fpath_env(resource);
    env.resolve_types = true;
    FpathBreaches breaches = {.ctx = &now, .report = on_breach, .structural = false};
    bool ok = fpath_invariants_check(scratch, resource, &env, &breaches) == ERR_OK;
    count->n_total++;
    count->n_passed += ok && !now.is_broken;
}

static void run(const char *name, const char *file) {
    const char *shared = getenv("NHIP_SHARED");
    char path[900];
    char command[1000];
    (void)snprintf(path, sizeof(path), "%s/data/%s", shared == NULL ? "../shared" : shared, file);
    FILE *probe = fopen(path, "r");
    if (probe == NULL) {
        printf("# %s skipped: not present\n", name);
        return;
    }
    (void)fclose(probe);
    (void)snprintf(command, sizeof(command), "xz -dc '%s'", path);
    FILE *f = popen(command, "r");
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    Arena *scratch = arena_new(64 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    Count count = {0};
    while (f != NULL && (len = getline(&line, &size, f)) > 0) {
        const JsonNode *root = NULL;
        if (json_parse(arena, (Str){line, (size_t)len}, &root, NULL) == ERR_OK) {
            one(scratch, root, &count);
        }
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    arena_free(scratch);
    report(f != NULL && pclose(f) == 0 && count.n_total > 0, "the file is read to its end");
    char text[120];
    (void)snprintf(text, sizeof(text), "%s: %u of %u keep their invariants", name, count.n_passed,
                   count.n_total);
    report(count.n_passed == count.n_total, text);
    printf("%s %u/%u\n", name, count.n_passed, count.n_total);
}

int main(void) {
    report(fpath_invariant_count() == 239, "all 239 invariants of R4 compile");
    run("fpath-invariants-r4", "fhir-r4-examples/examples.ndjson.xz");
    run("fpath-invariants-synthea", "synthea/bundles.ndjson.xz");
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
