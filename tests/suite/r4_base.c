/* r4_base — all official examples validated as the server does by default: structure, invariants,
 * required bindings, extensions of R4. Examples that break R4 themselves are listed by name in
 * r4_base_known.inc with the reason; of those exactly the listed rules may be broken. Prints
 * "r4-base-validation passed/total". */
#include "core/limits.h"
#include "profile/profile.h"
#include "term/term.h"

typedef struct Known {
    const char *type, *id;
    const char *rule;
    const char *why;
} Known;

static const Known KNOWN[] = {
#include "suite/r4_base_known.inc"
};

static bool seen[ARRAY_LEN(KNOWN)];
static Profiles *profiles;
static Term *term;
static unsigned n_total, n_passed, n_known;

static ProfileVerdict member_of(void *ctx, Arena *arena, Str value_set, const JsonNode *value) {
    const TermSet *set = term_set(ctx, value_set);
    TermVerdict verdict = set == NULL ? TERM_UNKNOWN : term_set_has_node(set, arena, value);
    return verdict == TERM_YES  ? PROFILE_YES
           : verdict == TERM_NO ? PROFILE_NO
                                : PROFILE_UNKNOWN;
}

static bool is_known(Str type, Str id, const FhirIssue *issue) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (str_eq(type, str_from(KNOWN[i].type)) && str_eq(id, str_from(KNOWN[i].id)) &&
            strcmp(issue->id, KNOWN[i].rule) == 0) {
            seen[i] = found = true;
        }
    }
    return found;
}

/* Every error is a known one. */
static bool as_known(const FhirIssues *issues, Str type, Str id, bool *ret_any) {
    bool all = true;
    *ret_any = false;
    for (unsigned i = 0; i < issues->n; i++) {
        const FhirIssue *it = &issues->items[i];
        if (it->severity != FHIR_ERROR) {
            continue;
        }
        *ret_any = true;
        if (!is_known(type, id, it)) {
            all = false;
            printf("# %s/" STR_FMT " %s %s: " STR_FMT "\n", type.ptr, STR_ARG(id), it->id,
                   it->where.len > 0 ? it->where.ptr : "-", STR_ARG(it->en));
        }
    }
    return all;
}

static void one(Arena *arena, Str text, const TermView *view) {
    const ProfileHooks hooks = {.ctx = (void *)(uintptr_t)view, .member_of = member_of};
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    n_total++;
    if (fhir_parse(arena, text, &r, &issues) != ERR_OK) {
        printf("# line %u cannot be read\n", n_total);
        return;
    }
    ProfileOptions o = profile_options();
    o.hooks = &hooks;
    o.level = getenv("R4_PROFILES") != NULL ? PROFILE_PROFILES : PROFILE_BASE;
    const ProfileSet *set = profiles_hold(profiles);
    ErrCode err = profile_validate(set, &r, &o, &issues);
    profiles_drop(set);
    Str type = str_from(fhir_type_name(r.type));
    Str id = json_raw_str(json_get_lit(r.root, "id"));
    bool any = false;
    bool fits = as_known(&issues, type, id, &any) && (err == ERR_INVALID) == any;
    n_passed += fits;
    n_known += fits && any;
}

static bool each_line(const char *command, const TermView *view) {
    FILE *f = popen(command, "r");
    if (f == NULL) {
        return false;
    }
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while ((len = getline(&line, &size, f)) > 0) {
        one(arena, str_trim((Str){line, (size_t)len}), view);
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    return pclose(f) == 0;
}

int main(void) {
    const char *shared = getenv("NHIP_SHARED");
    char path[1024];
    char command[1100];
    (void)snprintf(path, sizeof(path), "%s/data/fhir-r4-examples/examples.ndjson.xz",
                   shared == NULL ? "../shared" : shared);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        printf("# r4-base-validation skipped: not present\n1..0\n");
        return 0;
    }
    (void)fclose(f);
    (void)snprintf(command, sizeof(command), "xz -dc '%s'", path);
    if (profiles_new(&profiles) != ERR_OK || term_new(&term) != ERR_OK) {
        return 1;
    }
    const TermView *view = term_view(term);
    bool read = each_line(command, view);
    bool used = true;
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (!seen[i] && KNOWN[i].type[0] != '\0') {
            used = false;
            printf("# listed, but does not fail: %s/%s %s\n", KNOWN[i].type, KNOWN[i].id,
                   KNOWN[i].rule);
        }
    }
    term_view_end(view);
    term_free(term);
    profiles_free(profiles);
    bool ok = read && n_total > 0 && n_passed == n_total;
    printf("%s 1 - r4-base-validation: %u of %u valid or known by name (%u known)\n",
           ok ? "ok" : "not ok", n_passed, n_total, n_known);
    printf("%s 2 - r4-base-validation: every listed failure fails\n", used ? "ok" : "not ok");
    printf("r4-base-validation %u/%u\n1..2\n", n_passed, n_total);
    return ok && used ? 0 : 1;
}
