/* fhir_xml — the official R4 examples and the Synthea bundles under NHIP_SHARED (default ../shared)
 * as XML and back: JSON → XML → JSON gives the same resource (members in any order, strings by
 * their value, numbers by their text), compact and pretty; what comes back is canonical and
 * validates as before. Without the files it runs over tests/suite/data. Prints TAP and `NAME
 * passed/total`. */
#include "core/limits.h"
#include "fhir/fhir_validate.h"
#include "fhir/fhir_xml.h"

#include <dirent.h>

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

static bool same(Arena *arena, const JsonNode *a, const JsonNode *b);

static bool same_members(Arena *arena, const JsonNode *a, const JsonNode *b) {
    for (const JsonNode *m = json_first(a); m != NULL; m = json_next(a, m)) {
        const JsonNode *other = json_get(b, json_raw_str(m));
        if (other == NULL || !same(arena, json_value(m), other)) {
            printf("# differs: " STR_FMT "\n", STR_ARG(json_raw_str(m)));
            return false;
        }
    }
    return json_count(a) == json_count(b);
}

static bool same(Arena *arena, const JsonNode *a, const JsonNode *b) {
    if (a->type != b->type) {
        return false;
    }
    if (json_is(a, JSON_OBJECT)) {
        return same_members(arena, a, b);
    }
    if (json_is(a, JSON_STRING)) {
        return str_eq(json_str(arena, a), json_str(arena, b));
    }
    if (!json_is(a, JSON_ARRAY)) {
        return str_eq(json_raw(a), json_raw(b));
    }
    const JsonNode *x = json_first(a);
    const JsonNode *y = json_first(b);
    while (x != NULL && y != NULL && same(arena, x, y)) {
        x = json_next(a, x);
        y = json_next(b, y);
    }
    return x == NULL && y == NULL;
}

typedef struct Count {
    unsigned total, passed;
} Count;

static bool fails(const char *what, const ErrInfo *info, const FhirResource *r) {
    printf("# %s %s/" STR_FMT ": %s: %s\n", what, fhir_type_name(r->type),
           STR_ARG(json_raw_str(json_get_lit(r->root, "id"))), info->where, info->what_en);
    return false;
}

static bool comes_back(Arena *arena, const FhirResource *r, bool pretty) {
    static Buf xml, json;
    ErrInfo info = {0};
    FhirResource back;
    FhirIssues issues = fhir_issues(arena);
    xml.max = json.max = LIMIT_JSON_BYTES;
    buf_clear(&xml);
    buf_clear(&json);
    FhirXmlOptions options = {.arena = arena, .pretty = pretty};
    if (fhir_xml_write(r, &options, &xml, &info) != ERR_OK) {
        return fails("write", &info, r);
    }
    if (fhir_xml_read(buf_str(&xml), &json, &info) != ERR_OK) {
        return fails("read", &info, r);
    }
    if (fhir_parse(arena, buf_str(&json), &back, &issues) != ERR_OK ||
        !json_is_canonical(back.root) || !same(arena, r->root, back.root)) {
        return fails("comes back differently", &info, r);
    }
    FhirIssues before = fhir_issues(arena);
    FhirIssues after = fhir_issues(arena);
    bool valid = fhir_validate(r, NULL, &before) == fhir_validate(&back, NULL, &after);
    return (valid && before.n == after.n) || fails("validates differently", &info, r);
}

static void one_resource(Arena *arena, Str text, Count *count) {
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    count->total++;
    if (fhir_parse(arena, text, &r, &issues) == ERR_OK) {
        count->passed += comes_back(arena, &r, false) && comes_back(arena, &r, true);
    }
}

static void each_line(FILE *f, Count *count) {
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while ((len = getline(&line, &size, f)) > 0) {
        one_resource(arena, str_trim((Str){line, (size_t)len}), count);
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
}

static void finish(const char *name, const Count *count) {
    report(count->total > 0 && count->passed == count->total, name);
    printf("%s %u/%u\n", name, count->passed, count->total);
}

static void run_packed(const char *name, const char *file) {
    const char *shared = getenv("NHIP_SHARED");
    char path[1024];
    char command[1100];
    (void)snprintf(path, sizeof(path), "%s/data/%s", shared == NULL ? "../shared" : shared, file);
    (void)snprintf(command, sizeof(command), "xz -dc '%s'", path);
    FILE *there = fopen(path, "r");
    FILE *f = there == NULL ? NULL : popen(command, "r");
    if (there != NULL) {
        (void)fclose(there);
    }
    if (f == NULL) {
        printf("# %s skipped: not present\n", name);
        return;
    }
    Count count = {0};
    each_line(f, &count);
    finish(name, &count);
    if (pclose(f) != 0) {
        report(false, "xz read the file to its end");
    }
}

static void run_own(void) {
    Count count = {0};
    Arena *arena = arena_new(64 * LIMIT_MIB);
    struct dirent **list = NULL;
    int n = scandir("tests/suite/data", &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        static char text[1 << 20];
        char path[400];
        (void)snprintf(path, sizeof(path), "tests/suite/data/%s", list[i]->d_name);
        CLEANUP_FILE FILE *f = str_ends(str_from(path), STR(".json")) ? fopen(path, "r") : NULL;
        if (f != NULL) {
            one_resource(arena, (Str){text, fread(text, 1, sizeof(text), f)}, &count);
        }
        free(list[i]);
    }
    free(list);
    arena_free(arena);
    finish("own-xml", &count);
}

int main(void) {
    run_packed("fhir-xml", "fhir-r4-examples/examples.ndjson.xz");
    run_packed("synthea-xml", "synthea/bundles.ndjson.xz");
    run_own();
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
