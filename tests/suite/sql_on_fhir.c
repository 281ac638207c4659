/* sql_on_fhir — the official tests of SQL-on-FHIR v2 (HL7, sql-on-fhir.js) from
 * NHIP_SHARED/data/sql-on-fhir-tests: each view on the file's resources gives exactly the expected
 * rows, in any order, or fails where an error is expected. Prints TAP and
 * `sql-on-fhir passed/total`. */
#include <dirent.h>

#include "core/io.h"
#include "core/limits.h"
#include "sqlview/sqlview.h"

enum { FILES_MAX = 64, ROWS_MAX = 4096 };

static unsigned n_passed, n_total;

/* ---- comparing ---- */

static double number_of(const JsonNode *n) {
    char text[64];
    Str raw = json_raw(n);
    (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(str_sub(raw, 0, sizeof(text) - 1)));
    return strtod(text, NULL);
}

static bool same(Arena *arena, const JsonNode *a, const JsonNode *b);

static bool same_list(Arena *arena, const JsonNode *a, const JsonNode *b) {
    const JsonNode *x = json_first(a);
    const JsonNode *y = json_first(b);
    while (x != NULL && y != NULL && same(arena, x, y)) {
        x = json_next(a, x);
        y = json_next(b, y);
    }
    return x == NULL && y == NULL;
}

/* Every member of a is in b; a member that is not there is null. */
static bool covers(Arena *arena, const JsonNode *a, const JsonNode *b) {
    for (const JsonNode *m = json_first(a); m != NULL; m = json_next(a, m)) {
        const JsonNode *other = json_get(b, json_raw_str(m));
        bool null = json_is(json_value(m), JSON_NULL);
        if (other == NULL ? !null : !same(arena, json_value(m), other)) {
            return false;
        }
    }
    return true;
}

static bool same(Arena *arena, const JsonNode *a, const JsonNode *b) {
    if (a->type != b->type) {
        return false;
    }
    switch ((JsonType)a->type) {
    case JSON_NUMBER:
        return number_of(a) == number_of(b);
    case JSON_STRING:
        return str_eq(json_str(arena, a), json_str(arena, b));
    case JSON_ARRAY:
        return same_list(arena, a, b);
    case JSON_OBJECT:
        return covers(arena, a, b) && covers(arena, b, a);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
    return true;
}

/* ---- one test ---- */

typedef struct Rows {
    Arena *arena;
    const SqlView *view;
    const JsonNode *at[ROWS_MAX];
    size_t n;
} Rows;

static ErrCode take_row(void *ctx, const SqlCell *cells) {
    Rows *rows = ctx;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    sqlview_put_object(&b, rows->view, cells);
    TRY(buf_ok(&b));
    return rows->n == ROWS_MAX ? ERR_LIMIT
                               : json_parse(rows->arena, arena_str(rows->arena, buf_str(&b)),
                                            &rows->at[rows->n++], NULL);
}

static ErrCode run_view(Rows *rows, const JsonNode *view, const JsonNode *resources,
                        ErrInfo *info) {
    SqlSink sink = {take_row, rows};
    TRY(sqlview_compile(rows->arena, view, &rows->view, info));
    Str type = str_from(fhir_type_name(sqlview_resource(rows->view)));
    for (const JsonNode *r = json_first(resources); r != NULL; r = json_next(resources, r)) {
        if (json_str_is(json_get_lit(r, "resourceType"), type)) {
            TRY(sqlview_rows(rows->arena, rows->view, r, &sink, info));
        }
    }
    return ERR_OK;
}

static bool same_columns(const SqlView *view, const JsonNode *expected) {
    size_t n = 0;
    size_t i = 0;
    const SqlColumn *columns = sqlview_columns(view, &n);
    const JsonNode *at = json_first(expected);
    for (; at != NULL && i < n && json_str_is(at, columns[i].name); i++) {
        at = json_next(expected, at);
    }
    return at == NULL && i == n;
}

static bool same_rows(Rows *rows, const JsonNode *expected) {
    static bool used[ROWS_MAX];
    size_t n = 0;
    memset(used, 0, sizeof(used));
    for (const JsonNode *e = json_first(expected); e != NULL; e = json_next(expected, e), n++) {
        size_t i = 0;
        while (i < rows->n && (used[i] || !same(rows->arena, rows->at[i], e))) {
            i++;
        }
        if (i == rows->n) {
            return false;
        }
        used[i] = true;
    }
    return n == rows->n;
}

static bool run_test(Arena *arena, const JsonNode *test, const JsonNode *resources) {
    static Rows rows;
    ErrInfo info = {0};
    rows = (Rows){.arena = arena};
    ErrCode err = run_view(&rows, json_get_lit(test, "view"), resources, &info);
    bool wants_error = json_is(json_get_lit(test, "expectError"), JSON_TRUE);
    const JsonNode *columns = json_get_lit(test, "expectColumns");
    if (err != ERR_OK || wants_error) {
        if ((err == ERR_OK) == wants_error || (err != ERR_OK && err != ERR_INVALID)) {
            printf("# %s %s: %s\n", err_name(err), info.where, info.what_en);
            return false;
        }
        return true;
    }
    const JsonNode *expect = json_get_lit(test, "expect");
    bool ok = (columns == NULL || same_columns(rows.view, columns)) &&
              (expect == NULL || same_rows(&rows, expect));
    for (size_t i = 0; !ok && i < rows.n; i++) {
        printf("# got " STR_FMT "\n", STR_ARG(json_raw(rows.at[i])));
    }
    return ok;
}

static void run_file(const char *dir, const char *name) {
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    CLEANUP_BUF Buf text;
    char path[512];
    const JsonNode *root = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_init(&text, 16 * LIMIT_MIB);
    if (arena == NULL || io_read_file(path, 16 * LIMIT_MIB, &text) != ERR_OK ||
        json_parse(arena, buf_str(&text), &root, NULL) != ERR_OK) {
        printf("not ok %u - %s cannot be read\n", ++n_total, name);
        return;
    }
    const JsonNode *tests = json_get_lit(root, "tests");
    for (const JsonNode *t = json_first(tests); t != NULL; t = json_next(tests, t)) {
        bool ok = run_test(arena, t, json_get_lit(root, "resources"));
        n_total++;
        n_passed += ok;
        printf("%s %u - %s: " STR_FMT "\n", ok ? "ok" : "not ok", n_total, name,
               STR_ARG(json_raw_str(json_get_lit(t, "title"))));
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(void) {
    const char *shared = getenv("NHIP_SHARED");
    char dir[400];
    char *names[FILES_MAX];
    size_t n = 0;
    (void)snprintf(dir, sizeof(dir), "%s/data/sql-on-fhir-tests",
                   shared == NULL ? "../shared" : shared);
    DIR *d = opendir(dir);
    if (d == NULL) {
        printf("1..0\n# sql-on-fhir skipped: %s is not there\n", dir);
        return 0;
    }
    for (struct dirent *e = readdir(d); e != NULL && n < FILES_MAX; e = readdir(d)) {
        if (str_ends(str_from(e->d_name), STR(".json"))) {
            names[n++] = strdup(e->d_name);
        }
    }
    (void)closedir(d);
    qsort(names, n, sizeof(names[0]), by_name);
    for (size_t i = 0; i < n; i++) {
        run_file(dir, names[i]);
        free(names[i]);
    }
    printf("1..%u\nsql-on-fhir %u/%u\n", n_total, n_passed, n_total);
    return n_passed == n_total ? 0 : 1;
}
