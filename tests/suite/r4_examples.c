/* r4_examples — parses, prints and validates the official R4 examples and the Synthea bundles under
 * NHIP_SHARED (default ../shared). For each: print(parse(x)) equals x without its white space, and
 * structural validation finds nothing, but for the known failures below, which must go on failing
 * with their rule. Without the files it runs over tests/suite/data. Prints TAP and
 * `r4-examples passed/total`, `synthea passed/total`. */
#include "core/limits.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_validate.h"

#include <dirent.h>

/* Official examples that break the specification themselves. Shrinks only. */
typedef struct Known {
    const char *type, *id;
    const char *rule;
    const char *why;
} Known;

static const Known KNOWN[] = {
#include "suite/r4_known.inc"
};

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

/* x without white space outside its strings: the independent idea of canonical spacing. */
static void squeeze(Buf *out, Str x) {
    bool inside = false;
    for (size_t i = 0; i < x.len; i++) {
        char c = x.ptr[i];
        if (inside && c == '\\') {
            buf_put_char(out, c);
            c = x.ptr[++i];
        } else if (c == '"') {
            inside = !inside;
        } else if (!inside && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            continue;
        }
        buf_put_char(out, c);
    }
}

static bool prints_back(const FhirResource *r, Str text, Buf *a, Buf *b) {
    buf_clear(a);
    buf_clear(b);
    squeeze(a, text);
    fhir_print(b, r, NULL);
    return buf_ok(a) == ERR_OK && buf_ok(b) == ERR_OK && str_eq(buf_str(a), buf_str(b));
}

static bool is_known(const Known *k, Str type, Str id) {
    return str_eq(type, str_from(k->type)) && str_eq(id, str_from(k->id));
}

/* The known failures of this resource and no others: every issue's rule is listed for it, and every
 * listed rule was broken. ret_any: it is on the list. */
static bool fails_as_known(const FhirIssues *issues, Str type, Str id, bool *ret_any) {
    bool found[LIMIT_FHIR_ISSUES] = {false};
    bool all = true;
    *ret_any = false;
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (!is_known(&KNOWN[i], type, id)) {
            continue;
        }
        *ret_any = true;
        bool broken = false;
        for (unsigned k = 0; k < issues->n; k++) {
            if (strcmp(issues->items[k].id, KNOWN[i].rule) == 0) {
                found[k] = broken = true;
            }
        }
        all &= broken;
        printf("# known: " STR_FMT "/" STR_FMT " %s: %s\n", STR_ARG(type), STR_ARG(id),
               KNOWN[i].rule, KNOWN[i].why);
    }
    for (unsigned k = 0; k < issues->n; k++) {
        all &= found[k];
    }
    return all;
}

static void print_issues(const FhirIssues *issues, Str type, Str id) {
    for (unsigned i = 0; i < issues->n && i < 20; i++) {
        const FhirIssue *it = &issues->items[i];
        printf("# " STR_FMT "/" STR_FMT " %s %s: " STR_FMT "\n", STR_ARG(type), STR_ARG(id), it->id,
               it->where.len > 0 ? it->where.ptr : "-", STR_ARG(it->en));
    }
}

/* No issue; or, for a known failure, exactly its rules. */
static bool validates(const FhirResource *r, Arena *arena, bool *ret_known) {
    FhirIssues issues = fhir_issues(arena);
    ErrCode err = fhir_validate(r, NULL, &issues);
    Str type = str_from(fhir_type_name(r->type));
    Str id = json_raw_str(json_get_lit(r->root, "id"));
    bool on_list = false;
    bool as_known = fails_as_known(&issues, type, id, &on_list);
    *ret_known = on_list;
    if (on_list ? as_known && err == ERR_INVALID : err == ERR_OK) {
        return true;
    }
    print_issues(&issues, type, id);
    return false;
}

typedef struct Count {
    unsigned total, printed, valid;
    unsigned mutants, refused;
} Count;

/* ---- mutants: proof that "valid" says something. Each breaks one member of a valid resource in a
 * way that no resource may have: renamed; brackets added or taken away; an empty text as value. */

enum { MEMBERS_MAX = 100000, SAMPLES = 12, MUTATIONS = 3, MUTANTS_MAX = 40000 };

static size_t collect(const JsonNode *n, const JsonNode **members, size_t count) {
    bool is_object = json_is(n, JSON_OBJECT);
    if (!is_object && !json_is(n, JSON_ARRAY)) {
        return count;
    }
    for (const JsonNode *m = json_first(n); m != NULL && count < MEMBERS_MAX; m = json_next(n, m)) {
        if (is_object) {
            members[count++] = m;
        }
        count = collect(is_object ? json_value(m) : m, members, count);
    }
    return count;
}

static void mutate(Buf *out, Str text, const JsonNode *member, int how) {
    Str value = json_raw(json_value(member));
    const char *end = text.ptr + text.len;
    const char *name_end = member->text + member->len;
    buf_clear(out);
    if (how == 0) {
        buf_put(out, text.ptr, (size_t)(name_end - text.ptr));
        buf_put_char(out, 'Q');
        buf_put(out, name_end, (size_t)(end - name_end));
        return;
    }
    buf_put(out, text.ptr, (size_t)(value.ptr - text.ptr));
    if (how == 1 && json_is(json_value(member), JSON_ARRAY)) {
        buf_put_str(out, json_raw(json_first(json_value(member))));
    } else if (how == 1) {
        buf_put_char(out, '[');
        buf_put_str(out, value);
        buf_put_char(out, ']');
    } else {
        buf_put_lit(out, "\"\"");
    }
    buf_put(out, value.ptr + value.len, (size_t)(end - value.ptr - (ptrdiff_t)value.len));
}

static void check_mutants(Arena *arena, Str text, const FhirResource *r, Count *count) {
    static Buf out;
    out.max = LIMIT_JSON_BYTES;
    const JsonNode **members = arena_alloc(arena, MEMBERS_MAX * sizeof(*members));
    size_t n = members == NULL ? 0 : collect(r->root, members, 0);
    for (size_t i = 0; i < n; i += MAX(n / SAMPLES, (size_t)1)) {
        for (int how = 0; how < MUTATIONS; how++) {
            mutate(&out, text, members[i], how);
            FhirIssues issues = fhir_issues(arena);
            FhirResource mutant;
            bool refused = fhir_parse(arena, buf_str(&out), &mutant, &issues) != ERR_OK ||
                           fhir_validate(&mutant, NULL, &issues) != ERR_OK;
            count->mutants++;
            count->refused += refused;
            if (!refused) {
                printf("# mutant %d of '" STR_FMT "' in %s passed\n", how,
                       STR_ARG(json_raw_str(members[i])), fhir_type_name(r->type));
            }
        }
    }
}

static void one_resource(Arena *arena, Str text, Count *count) {
    static Buf a, b;
    a.max = b.max = LIMIT_JSON_BYTES;
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    count->total++;
    if (fhir_parse(arena, text, &r, &issues) != ERR_OK) {
        print_issues(&issues, STR("?"), STR("?"));
        return;
    }
    bool same = prints_back(&r, text, &a, &b);
    if (!same) {
        printf("# prints differently: %s/" STR_FMT "\n", fhir_type_name(r.type),
               STR_ARG(json_raw_str(json_get_lit(r.root, "id"))));
    }
    count->printed += same;
    bool known = false;
    bool valid = validates(&r, arena, &known);
    count->valid += valid;
    if (valid && !known && count->mutants < MUTANTS_MAX) {
        check_mutants(arena, text, &r, count);
    }
}

/* Each entry's resource by itself, and the whole Bundle. */
static void one_bundle(Arena *arena, Str text, Count *count) {
    FhirResource bundle;
    FhirIssues issues = fhir_issues(arena);
    if (fhir_parse(arena, text, &bundle, &issues) != ERR_OK ||
        fhir_validate(&bundle, NULL, &issues) != ERR_OK) {
        print_issues(&issues, STR("Bundle"), STR("?"));
        count->total++;
        return;
    }
    const JsonNode *list = json_get_lit(bundle.root, "entry");
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        const JsonNode *resource = json_get_lit(e, "resource");
        if (resource != NULL) {
            one_resource(arena, json_raw(resource), count);
        }
    }
}

typedef void (*EachFn)(Arena *, Str, Count *);

/* Calls each(line) for each line of a command's output. */
static bool each_line(const char *command, EachFn each, Count *count) {
    FILE *f = popen(command, "r");
    if (f == NULL) {
        return false;
    }
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while ((len = getline(&line, &size, f)) > 0) {
        each(arena, str_trim((Str){line, (size_t)len}), count);
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    return pclose(f) == 0;
}

static void finish(const char *name, const Count *count) {
    char text[160];
    (void)snprintf(text, sizeof(text), "%s: print(parse(x)) = x for %u of %u", name, count->printed,
                   count->total);
    report(count->total > 0 && count->printed == count->total, text);
    (void)snprintf(text, sizeof(text), "%s: %u of %u valid or known by name", name, count->valid,
                   count->total);
    report(count->total > 0 && count->valid == count->total, text);
    (void)snprintf(text, sizeof(text), "%s: %u of %u mutants refused", name, count->refused,
                   count->mutants);
    report(count->mutants > 0 && count->refused == count->mutants, text);
    printf("%s %u/%u\n", name, MIN(count->printed, count->valid), count->total);
}

static void run_packed(const char *name, const char *file, EachFn each) {
    const char *shared = getenv("NHIP_SHARED");
    char path[1024];
    char command[1100];
    (void)snprintf(path, sizeof(path), "%s/data/%s", shared == NULL ? "../shared" : shared, file);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        printf("# %s skipped: not present\n", name);
        return;
    }
    (void)fclose(f);
    (void)snprintf(command, sizeof(command), "xz -dc '%s'", path);
    Count count = {0};
    bool ok = each_line(command, each, &count);
    finish(name, &count);
    if (!ok) {
        report(false, "xz read the file to its end");
    }
}

/* Reads one file whole; false when it cannot. */
static bool read_file(const char *path, Buf *out) {
    CLEANUP_FILE FILE *f = fopen(path, "r");
    char block[4096];
    size_t n = 0;
    buf_clear(out);
    while (f != NULL && (n = fread(block, 1, sizeof(block), f)) > 0) {
        buf_put(out, block, n);
    }
    return f != NULL && buf_ok(out) == ERR_OK;
}

static void run_own(void) {
    Count count = {0};
    Arena *arena = arena_new(64 * LIMIT_MIB);
    Buf text;
    buf_init(&text, LIMIT_MIB);
    struct dirent **list = NULL;
    int n = scandir("tests/suite/data", &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[400];
        (void)snprintf(path, sizeof(path), "tests/suite/data/%s", list[i]->d_name);
        if (str_ends(str_from(path), STR(".json")) && read_file(path, &text)) {
            one_resource(arena, buf_str(&text), &count);
        }
        free(list[i]);
    }
    free(list);
    buf_release(&text);
    arena_free(arena);
    finish("own-examples", &count);
}

int main(void) {
    run_packed("r4-examples", "fhir-r4-examples/examples.ndjson.xz", one_resource);
    run_packed("synthea", "synthea/bundles.ndjson.xz", one_bundle);
    run_own();
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
