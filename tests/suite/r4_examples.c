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
static bool validates(const FhirResource *r, Arena *arena) {
    FhirIssues issues = fhir_issues(arena);
    ErrCode err = fhir_validate(r, NULL, &issues);
    Str type = str_from(fhir_type_name(r->type));
    Str id = json_raw_str(json_get_lit(r->root, "id"));
    bool on_list = false;
    bool as_known = fails_as_known(&issues, type, id, &on_list);
    if (on_list ? as_known && err == ERR_INVALID : err == ERR_OK) {
        return true;
    }
    print_issues(&issues, type, id);
    return false;
}

typedef struct Count {
    unsigned total, printed, valid;
} Count;

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
    count->valid += validates(&r, arena);
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
