/* Runs tests/case/validate.case (its head says how a case is written); one TAP line a case. */
#include "fhir/fhir_validate.h"

#include "core/limits.h"

typedef struct Case {
    Str title, resource;
    Str wanted[40];
    unsigned n_wanted;
    bool local;
    unsigned line;
} Case;

static unsigned n_test, n_failed;

static void one_line(Buf *out, const FhirIssue *issue) {
    buf_printf(out, "%s %s", issue->id, issue->where.len == 0 ? "-" : issue->where.ptr);
}

/* Runs of white space to one blank: the columns of "-> rule  where" are free. */
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

static void check(const Case *c, Arena *arena) {
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    ErrCode err = fhir_parse(arena, c->resource, &r, &issues);
    if (err == ERR_OK) {
        FhirValidateOptions options = {.local_references = c->local};
        err = fhir_validate(&r, &options, &issues);
    }
    bool want_ok = c->n_wanted == 1 && str_eq(c->wanted[0], STR("ok"));
    bool fits = want_ok ? err == ERR_OK && issues.n == 0 : err != ERR_OK && issues.n == c->n_wanted;
    Buf line;
    buf_init(&line, LIMIT_MIB);
    for (unsigned i = 0; fits && i < issues.n; i++) {
        buf_clear(&line);
        one_line(&line, &issues.items[i]);
        fits = same_words(buf_str(&line), c->wanted[i]);
    }
    n_test++;
    n_failed += !fits;
    printf("%s %u - " STR_FMT "\n", fits ? "ok" : "not ok", n_test, STR_ARG(c->title));
    for (unsigned i = 0; !fits && i < issues.n; i++) {
        buf_clear(&line);
        one_line(&line, &issues.items[i]);
        printf("# line %u found: " STR_FMT ": " STR_FMT "\n", c->line, STR_ARG(buf_str(&line)),
               STR_ARG(issues.items[i].en));
    }
    buf_release(&line);
}

static void finish(Case *c, Arena *arena) {
    if (c->title.len > 0) {
        check(c, arena);
    }
    arena_reset(arena);
    *c = (Case){0};
}

/* Adds one line of the file to the case; lines of a resource follow each other in the text. */
static void add_line(Case *c, Str line) {
    if (str_starts(line, STR("-> "))) {
        if (c->n_wanted < ARRAY_LEN(c->wanted)) {
            c->wanted[c->n_wanted++] = str_trim(str_sub(line, 3, SIZE_MAX));
        }
    } else if (str_eq(line, STR("with local references"))) {
        c->local = true;
    } else if (line.len > 0 && line.ptr[0] != '#') {
        const char *from = c->resource.len == 0 ? line.ptr : c->resource.ptr;
        c->resource = (Str){from, (size_t)(line.ptr + line.len - from)};
    }
}

int main(void) {
    CLEANUP_FILE FILE *f = fopen("tests/case/validate.case", "r");
    static char text[256 * 1024];
    size_t len = f == NULL ? 0 : fread(text, 1, sizeof(text), f);
    assert(len < sizeof(text));
    CLEANUP(arena_cleanup) Arena *arena = arena_new(64 * LIMIT_MIB);
    Str rest = {text, len};
    Str line;
    Case c = {0};
    for (unsigned n = 1; str_cut(&rest, '\n', &line); n++) {
        if (str_starts(line, STR("== "))) {
            finish(&c, arena);
            c.title = str_sub(line, 3, SIZE_MAX);
            c.line = n;
        } else if (c.title.len > 0) {
            add_line(&c, line);
        }
    }
    finish(&c, arena);
    printf("1..%u\n", n_test);
    return n_test > 0 && n_failed == 0 ? 0 : 1;
}
