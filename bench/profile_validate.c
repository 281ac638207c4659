/* profile_validate — resources/s of validation over the Synthea resources under NHIP_SHARED (default
 * ../shared), else over tests/suite/data, one thread, each resource by itself: structure alone; what
 * R4 itself says (invariants, bindings, extensions); the profiles in meta.profile too; errors only, as
 * when writing. Best of five rounds. The target is 2,000 resources/s with what R4 says. */
#include "core/limits.h"
#include "profile/profile.h"
#include "term/term.h"

#include <time.h>

enum { ROUNDS = 5, TARGET = 2000 };

typedef struct Set {
    Str *texts;
    size_t n, capacity, bytes;
} Set;

static Profiles *profiles;
static const TermView *view;

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
        }
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    if (f != NULL) {
        (void)pclose(f);
    }
}

static ProfileVerdict member_of(void *ctx, Arena *arena, Str value_set, const JsonNode *value) {
    const TermSet *set = term_set(ctx, value_set);
    TermVerdict verdict = set == NULL ? TERM_UNKNOWN : term_set_has_node(set, arena, value);
    return verdict == TERM_YES  ? PROFILE_YES
           : verdict == TERM_NO ? PROFILE_NO
                                : PROFILE_UNKNOWN;
}

static double measure(const char *name, const Set *set, ProfileOptions o) {
    const ProfileHooks hooks = {.ctx = (void *)(uintptr_t)view, .member_of = member_of};
    const ProfileSet *definitions = profiles_hold(profiles);
    Arena *arena = arena_new(256 * LIMIT_MIB);
    double best = 1e9;
    size_t errors = 0;
    size_t warnings = 0;
    o.hooks = &hooks;
    o.structure.conditional_references = true;
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = now();
        errors = warnings = 0;
        for (size_t i = 0; i < set->n; i++) {
            FhirResource r;
            FhirIssues issues = fhir_issues(arena);
            if (fhir_parse(arena, set->texts[i], &r, &issues) == ERR_OK) {
                ErrCode err = profile_validate(definitions, &r, &o, &issues);
                errors += err != ERR_OK;
                warnings += issues.n_warnings > 0;
            }
            arena_reset(arena);
        }
        best = MIN(best, now() - t0);
    }
    profiles_drop(definitions);
    arena_free(arena);
    double rate = (double)set->n / best;
    printf("%-36s %9.0f resources/s %7.1f MB/s %6.1f x target (%zu refused, %zu with warnings)\n",
           name, rate, (double)set->bytes / best / 1e6, rate / TARGET, errors, warnings);
    return best;
}

int main(void) {
    const char *shared = getenv("NHIP_SHARED");
    char command[1200];
    Set set = {0};
    Term *term = NULL;
    (void)snprintf(command, sizeof(command),
                   "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null",
                   shared == NULL ? "../shared" : shared);
    load(&set, command);
    if (set.n == 0) {
        puts("# no Synthea bundles: own examples, 200 times");
        for (int i = 0; i < 200; i++) {
            load(&set, "for f in tests/suite/data/*.json; do tr -d '\\n' <$f; echo; done");
        }
    }
    if (profiles_new(&profiles) != ERR_OK || term_new(&term) != ERR_OK) {
        return 1;
    }
    view = term_view(term);
    printf("# %zu resources, %.1f MB; parsing included\n", set.n, (double)set.bytes / 1e6);
    ProfileOptions o = profile_options();
    o.level = PROFILE_STRUCTURE;
    (void)measure("structure", &set, o);
    o.level = PROFILE_BASE;
    (void)measure("R4: invariants, bindings, extensions", &set, o);
    o.errors_only = true;
    (void)measure("R4, errors only", &set, o);
    o.errors_only = false;
    o.level = PROFILE_PROFILES;
    (void)measure("R4 and profiles", &set, o);
    term_view_end(view);
    term_free(term);
    profiles_free(profiles);
    return 0;
}
