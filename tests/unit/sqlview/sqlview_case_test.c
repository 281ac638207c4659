/* Runs tests/case/sqlview.case (its head says how a case is written); one TAP line a case. Then
 * limits and CSV. */
#include "unit/test.h"

#include "core/io.h"
#include "core/limits.h"
#include "sqlview/sqlview.h"

typedef struct Case {
    Str title;
    Buf view, resources, wanted; /* texts, one line each */
} Case;

static unsigned n_cases, n_failed;

typedef struct Got {
    const SqlView *view;
    Buf *out;
} Got;

static ErrCode put_row(void *ctx, const SqlCell *cells) {
    Got *got = ctx;
    sqlview_put_object(got->out, got->view, cells);
    buf_put_char(got->out, '\n');
    return buf_ok(got->out);
}

static ErrCode run(Arena *arena, const Case *c, Buf *out, ErrInfo *info) {
    const JsonNode *root = NULL;
    Got got = {.out = out};
    Str rest = buf_str(&c->resources);
    Str line;
    TRY(json_parse(arena, buf_str(&c->view), &root, info));
    TRY(sqlview_compile(arena, root, &got.view, info));
    while (str_cut(&rest, '\n', &line)) {
        if (line.len > 0) {
            TRY(json_parse(arena, line, &root, info));
            TRY(sqlview_rows(arena, got.view, root, &(SqlSink){put_row, &got}, info));
        }
    }
    return ERR_OK;
}

static void run_case(const Case *c) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    ErrCode err = run(arena, c, &out, &info);
    if (err != ERR_OK) {
        buf_clear(&out);
        buf_printf(&out, "error %s\n", info.where);
    } else if (out.len == 0) {
        buf_put_lit(&out, "nothing\n");
    }
    bool ok = str_eq(buf_str(&out), buf_str(&c->wanted));
    n_failed += !ok;
    printf("%s %u - " STR_FMT "\n", ok ? "ok" : "not ok", ++n_cases, STR_ARG(c->title));
    if (!ok) {
        printf("# got  " STR_FMT "# want " STR_FMT "# %s\n", STR_ARG(buf_str(&out)),
               STR_ARG(buf_str(&c->wanted)), info.what_en);
    }
}

static void take_line(Case *c, Str line) {
    if (str_starts(line, STR("== "))) {
        if (c->title.len > 0) {
            run_case(c);
        }
        c->title = str_sub(line, 3, line.len);
        buf_clear(&c->view);
        buf_clear(&c->resources);
        buf_clear(&c->wanted);
        return;
    }
    bool resource = str_starts(line, STR("-- "));
    bool wanted = str_starts(line, STR("-> "));
    Buf *to = resource ? &c->resources : wanted ? &c->wanted : &c->view;
    buf_put_str(to, resource || wanted ? str_sub(line, 3, line.len) : line);
    buf_put_char(to, '\n');
}

static void run_cases(void) {
    CLEANUP_BUF Buf file;
    Case c = {0};
    buf_init(&file, LIMIT_MIB);
    buf_init(&c.view, LIMIT_MIB);
    buf_init(&c.resources, LIMIT_MIB);
    buf_init(&c.wanted, LIMIT_MIB);
    assert(io_read_file("tests/case/sqlview.case", LIMIT_MIB, &file) == ERR_OK);
    Str rest = buf_str(&file);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        if (line.len > 0 && line.ptr[0] != '#') {
            take_line(&c, line);
        }
    }
    run_case(&c);
    buf_release(&c.view);
    buf_release(&c.resources);
    buf_release(&c.wanted);
}

/* ---- what is too much, and CSV ---- */

static ErrCode compile(Arena *arena, Str text, const SqlView **ret, ErrInfo *info) {
    const JsonNode *root = NULL;
    assert(json_parse(arena, text, &root, NULL) == ERR_OK);
    return sqlview_compile(arena, root, ret, info);
}

static ErrCode count_row(void *ctx, const SqlCell *cells) {
    (void)cells;
    (*(size_t *)ctx)++;
    return ERR_OK;
}

static void check(bool ok, const char *name) {
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", ++n_cases, name);
}

static void rows_have_a_limit(void) {
    CLEANUP_ARENA Arena *arena = arena_new(1024 * LIMIT_MIB);
    CLEANUP_BUF Buf patient;
    const SqlView *view = NULL;
    const JsonNode *root = NULL;
    ErrInfo info = {0};
    size_t n = 0;
    buf_init(&patient, LIMIT_MIB);
    buf_put_lit(&patient, "{\"resourceType\":\"Patient\",\"id\":\"a\",\"name\":[");
    for (int i = 0; i < 400; i++) {
        buf_put_str(&patient, i > 0 ? STR(",{\"text\":\"x\"}") : STR("{\"text\":\"x\"}"));
    }
    buf_put_lit(&patient, "]}");
    assert(json_parse(arena, buf_str(&patient), &root, NULL) == ERR_OK);
    assert(compile(arena,
                   STR("{\"resource\":\"Patient\",\"select\":[{\"forEach\":\"name\",\"column\":[{"
                       "\"name\":\"a\",\"path\":\"text\"}]},{\"forEach\":\"name\",\"column\":[{"
                       "\"name\":\"b\",\"path\":\"text\"}]}]}"),
                   &view, &info) == ERR_OK);
    ErrCode err = sqlview_rows(arena, view, root, &(SqlSink){count_row, &n}, &info);
    check(err == ERR_LIMIT && n == SQLVIEW_ROWS_MAX && strcmp(info.rule, "view-rows") == 0,
          "400 x 400 rows of one resource are too many");
}

static void depth_has_a_limit(void) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf text;
    const SqlView *view = NULL;
    ErrInfo info = {0};
    buf_init(&text, LIMIT_MIB);
    buf_put_lit(&text, "{\"resource\":\"Patient\"");
    for (int i = 0; i < 20; i++) {
        buf_put_lit(&text, ",\"select\":[{\"column\":[]");
    }
    for (int i = 0; i < 20; i++) {
        buf_put_lit(&text, "}]");
    }
    buf_put_char(&text, '}');
    check(compile(arena, buf_str(&text), &view, &info) == ERR_LIMIT, "20 selects deep: refused");
}

static void csv_quotes(void) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    const SqlView *view = NULL;
    ErrInfo info = {0};
    buf_init(&out, LIMIT_MIB);
    assert(compile(arena,
                   STR("{\"resource\":\"Patient\",\"select\":[{\"column\":[{\"name\":\"a\",\"path\""
                       ":\"id\"},{\"name\":\"b\",\"path\":\"id\"}]}]}"),
                   &view, &info) == ERR_OK);
    sqlview_put_csv_head(&out, view);
    assert(sqlview_kept_csv(&out, arena,
                            STR("[\"a \\\"b\\\", c\",null,1.50,[\"x\",\"y\"],\"hai\\ndòng\"]")) ==
           ERR_OK);
    check(
        str_eq(buf_str(&out),
               STR("a,b\r\n\"a \"\"b\"\", c\",,1.50,\"[\"\"x\"\",\"\"y\"\"]\",\"hai\ndòng\"\r\n")),
        "CSV quotes commas, quotes and lines");
    buf_clear(&out);
    assert(sqlview_kept_object(&out, arena, view, STR("[\"x\",[1]]")) == ERR_OK);
    check(str_eq(buf_str(&out), STR("{\"a\":\"x\",\"b\":[1]}")), "a kept row as an object");
}

int main(void) {
    run_cases();
    rows_have_a_limit();
    depth_has_a_limit();
    csv_quotes();
    printf("1..%u\n", n_cases);
    return n_failed == 0 ? 0 : 1;
}
