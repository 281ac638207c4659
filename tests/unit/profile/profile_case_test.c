/* Runs tests/case/profile.case (its head says how a case is written); one TAP line a case. */
#include "core/limits.h"
#include "profile/profile.h"


typedef struct Case {
    Str title, resource;
    Str wanted[40];
    unsigned n_wanted;
    Str profiles[8];
    unsigned n_profiles;
    ProfileOptions options;
    unsigned line;
} Case;

typedef struct CaseSet {
    Str url, codes; /* "system|code system|code" */
} CaseSet;

static struct {
    unsigned n_test, n_failed;
    Profiles *profiles;
    CaseSet sets[64];
    unsigned n_sets;
} run;

/* ---- hooks */

static bool has_code(const CaseSet *set, Arena *arena, Str system, Str code) {
    Str rest = set->codes;
    Str pair;
    while (str_cut(&rest, ' ', &pair)) {
        Str whole = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(system), STR_ARG(code));
        if (str_eq(pair, whole) || (system.len == 0 && str_ends(pair, whole))) {
            return true;
        }
    }
    return false;
}

static ProfileVerdict case_member(void *ctx, Arena *arena, Str url, const JsonNode *value) {
    (void)ctx;
    const CaseSet *set = NULL;
    url = str_sub(url, 0, MIN(str_find_char(url, '|', 0), url.len));
    for (unsigned i = 0; i < run.n_sets; i++) {
        set = str_eq(run.sets[i].url, url) ? &run.sets[i] : set;
    }
    if (set == NULL) {
        return PROFILE_UNKNOWN;
    }
    if (!json_is(value, JSON_OBJECT)) {
        return has_code(set, arena, STR_EMPTY, json_str(arena, value)) ? PROFILE_YES : PROFILE_NO;
    }
    const JsonNode *list = json_get_lit(value, "coding");
    if (list == NULL) {
        return has_code(set, arena, json_str(arena, json_get_lit(value, "system")),
                        json_str(arena, json_get_lit(value, "code")))
                   ? PROFILE_YES
                   : PROFILE_NO;
    }
    for (const JsonNode *c = json_first(list); c != NULL; c = json_next(list, c)) {
        if (case_member(ctx, arena, url, c) == PROFILE_YES) {
            return PROFILE_YES;
        }
    }
    return PROFILE_NO;
}

static ProfileVerdict case_exists(void *ctx, FhirType type, Str id) {
    (void)ctx;
    (void)type;
    return str_starts(id, STR("missing")) ? PROFILE_NO : PROFILE_YES;
}

static const JsonNode *case_resolve(void *ctx, Arena *arena, Str reference) {
    (void)ctx;
    const JsonNode *root = NULL;
    Str type;
    Str id = reference;
    (void)str_cut(&id, '/', &type);
    Str text = arena_printf(arena, "{\"resourceType\":\"" STR_FMT "\",\"id\":\"" STR_FMT "\"}",
                            STR_ARG(type), STR_ARG(id));
    return str_starts(id, STR("outside")) && json_parse(arena, text, &root, NULL) == ERR_OK ? root
                                                                                            : NULL;
}

/* ---- one case */

static void one_line(Buf *out, const FhirIssue *issue) {
    buf_printf(out, "%s %s %s", fhir_severity_code(issue->severity), issue->id,
               issue->where.len == 0 ? "-" : issue->where.ptr);
}

static bool same_words(Str a, Str b) {
    Str wa;
    Str wb;
    a = str_trim(a);
    b = str_trim(b);
    while (a.len > 0 && b.len > 0) {
        (void)str_cut(&a, ' ', &wa);
        (void)str_cut(&b, ' ', &wb);
        if (!str_eq(wa, wb)) {
            return false;
        }
        a = str_trim(a);
        b = str_trim(b);
    }
    return a.len == 0 && b.len == 0;
}

/* Every issue has both texts, and arguments were put in. */
static bool has_texts(const FhirIssues *issues) {
    for (unsigned i = 0; i < issues->n; i++) {
        const FhirIssue *it = &issues->items[i];
        if (it->en.len == 0 || it->vi.len == 0 || str_find(it->en, STR("{0}")) != SIZE_MAX) {
            return false;
        }
    }
    return true;
}

static void check(Case *c, Arena *arena) {
    static const ProfileHooks hooks = {
        .member_of = case_member, .exists = case_exists, .resolve = case_resolve};
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    ErrCode err = fhir_parse(arena, c->resource, &r, &issues);
    const ProfileSet *set = profiles_hold(run.profiles);
    if (err == ERR_OK) {
        c->options.hooks = &hooks;
        c->options.profiles = c->profiles;
        c->options.n_profiles = c->n_profiles;
        err = profile_validate(set, &r, &c->options, &issues);
    }
    profiles_drop(set);
    bool want_ok = c->n_wanted == 1 && str_eq(c->wanted[0], STR("ok"));
    bool fits = want_ok ? err == ERR_OK && issues.n == 0 : issues.n == c->n_wanted;
    fits = fits && (err == ERR_INVALID) == (issues.n_errors > 0) && has_texts(&issues);
    Buf line;
    buf_init(&line, LIMIT_MIB);
    for (unsigned i = 0; fits && i < issues.n; i++) {
        buf_clear(&line);
        one_line(&line, &issues.items[i]);
        fits = same_words(buf_str(&line), c->wanted[i]);
    }
    run.n_test++;
    run.n_failed += !fits;
    printf("%s %u - " STR_FMT "\n", fits ? "ok" : "not ok", run.n_test, STR_ARG(c->title));
    for (unsigned i = 0; !fits && i < issues.n; i++) {
        buf_clear(&line);
        one_line(&line, &issues.items[i]);
        printf("# line %u found: " STR_FMT ": " STR_FMT "\n", c->line, STR_ARG(buf_str(&line)),
               STR_ARG(issues.items[i].en));
    }
    buf_release(&line);
}

/* ---- reading the file */

static void begin(Case *c) {
    *c = (Case){.options = profile_options()};
}

static void finish(Case *c, Arena *arena) {
    if (c->title.len > 0) {
        check(c, arena);
    }
    arena_reset(arena);
    begin(c);
}

/* "@@ URL TYPE [BASE]": the lines behind it are its elements. */
static void define(Str head, Str elements, Arena *arena) {
    Str url;
    Str type;
    Str base = head;
    (void)str_cut(&base, ' ', &url);
    (void)str_cut(&base, ' ', &type);
    Str text = arena_printf(
        arena,
        "{\"resourceType\":\"StructureDefinition\",\"url\":\"" STR_FMT "\",\"type\":\"" STR_FMT
        "\",\"derivation\":\"constraint\",\"baseDefinition\":\"%s" STR_FMT "\"," STR_FMT "}",
        STR_ARG(url), STR_ARG(type),
        base.len == 0 ? "http://hl7.org/fhir/StructureDefinition/" : "",
        STR_ARG(base.len == 0 ? type : base), STR_ARG(elements));
    ErrInfo info = {0};
    ProfileText given = {url, text};
    size_t refused = 0;
    if (profiles_put(run.profiles, &given, 1, &refused, &info) != ERR_OK || refused > 0) {
        printf("not ok - definition " STR_FMT ": %s at %zu\n", STR_ARG(url), info.what_en,
               info.offset);
        run.n_failed++;
    }
    arena_reset(arena);
}

static void set_option(Case *c, Str words) {
    Str name;
    (void)str_cut(&words, ' ', &name);
    if (str_eq(name, STR("profile"))) {
        c->profiles[c->n_profiles++] = words;
    } else if (str_eq(name, STR("base"))) {
        c->options.level = PROFILE_BASE;
    } else if (str_eq(name, STR("structure"))) {
        c->options.level = PROFILE_STRUCTURE;
    } else if (str_eq(name, STR("errors"))) {
        c->options.errors_only = true;
    } else if (str_eq(name, STR("existing"))) {
        c->options.missing_reference = PROFILE_REFUSE;
    } else if (str_eq(name, STR("known"))) {
        c->options.unknown_extension = PROFILE_REFUSE;
        c->options.unknown_profile = PROFILE_REFUSE;
    }
}

static void add_line(Case *c, Str line) {
    if (str_starts(line, STR("-> "))) {
        if (c->n_wanted < ARRAY_LEN(c->wanted)) {
            c->wanted[c->n_wanted++] = str_trim(str_sub(line, 3, SIZE_MAX));
        }
    } else if (str_starts(line, STR("with "))) {
        set_option(c, str_sub(line, 5, SIZE_MAX));
    } else if (line.len > 0 && line.ptr[0] != '#') {
        const char *from = c->resource.len == 0 ? line.ptr : c->resource.ptr;
        c->resource = (Str){from, (size_t)(line.ptr + line.len - from)};
    }
}

int main(void) {
    CLEANUP_FILE FILE *f = fopen("tests/case/profile.case", "r");
    static char text[1024 * 1024];
    size_t len = f == NULL ? 0 : fread(text, 1, sizeof(text), f);
    assert(len < sizeof(text));
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * LIMIT_MIB);
    if (profiles_new(&run.profiles) != ERR_OK) {
        puts("not ok - profiles_new");
        return 1;
    }
    Str rest = {text, len};
    Str line;
    Str head = STR_EMPTY;
    Str elements = STR_EMPTY;
    Case c;
    begin(&c);
    for (unsigned n = 1; str_cut(&rest, '\n', &line); n++) {
        bool is_case = str_starts(line, STR("== "));
        bool is_head = str_starts(line, STR("@@ "));
        if (is_case || is_head || str_starts(line, STR("!! "))) {
            finish(&c, arena);
            if (head.len > 0) {
                define(head, elements, arena);
            }
            head = is_head ? str_sub(line, 3, SIZE_MAX) : STR_EMPTY;
            elements = STR_EMPTY;
        }
        if (is_case) {
            c.title = str_sub(line, 3, SIZE_MAX);
            c.line = n;
        } else if (str_starts(line, STR("!! "))) {
            Str codes = str_sub(line, 3, SIZE_MAX);
            Str url;
            (void)str_cut(&codes, ' ', &url);
            run.sets[run.n_sets++] = (CaseSet){url, codes};
        } else if (head.len > 0 && !is_head && line.len > 0 && line.ptr[0] != '#') {
            const char *from = elements.len == 0 ? line.ptr : elements.ptr;
            elements = (Str){from, (size_t)(line.ptr + line.len - from)};
        } else if (c.title.len > 0) {
            add_line(&c, line);
        }
    }
    finish(&c, arena);
    profiles_free(run.profiles);
    printf("1..%u\n", run.n_test);
    return run.n_test > 0 && run.n_failed == 0 ? 0 : 1;
}
