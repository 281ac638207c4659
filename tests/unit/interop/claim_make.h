/* claim_make.h — makes valid claims for the tests of the reader and the mapping: every field of a
 * table with a value of its kind, envelopes of them, and a sink that keeps what was read. */
#ifndef NHIP_TESTS_UNIT_INTEROP_CLAIM_MAKE_H
#define NHIP_TESTS_UNIT_INTEROP_CLAIM_MAKE_H

#include "core/arena.h"
#include "interop/claim_read.h"
#include "interop/claim_write.h"
#include "unit/interop/claim_values.h"

/* Appends one FILEHOSO of `records` rows. */
static UNUSED void make_file(Buf *out, const ClaimTable *t, const Str *values, size_t records) {
    CLEANUP_BUF Buf xml;
    buf_init(&xml, 64 << 20);
    claim_write_table(&xml, t, values, records);
    claim_write_hoso_file(out, t, buf_str(&xml));
}

/* What the reader said, copied. */
typedef struct Sink {
    Arena *arena;
    Buf log; /* one line a call: "claim 1 MALK", "refused 2 ...", "  rule table record field line"
              */
    int n_claims, n_refused, n_issues;
    void (*see)(struct Sink *, const Claim *);
    Str refused_bytes, refused_facility, refused_made;
    Str en, vi; /* of the last refused one's first issue */
    void *more;
} Sink;

static UNUSED void sink_log(Sink *s, const ClaimIssue *issues, int n) {
    for (int i = 0; i < n; i++) {
        const ClaimIssue *e = &issues[i];
        buf_printf(&s->log,
                   "  %s " STR_FMT " table=" STR_FMT " field=" STR_FMT " record=%d line=%d\n",
                   e->severity == CLAIM_ERROR ? "error" : "warning", STR_ARG(e->rule_id),
                   STR_ARG(e->table), STR_ARG(e->field), e->record, e->line);
    }
}

static UNUSED ErrCode sink_claim(void *ctx, const Claim *c) {
    Sink *s = ctx;
    s->n_claims++;
    s->n_issues += c->n_issues;
    buf_printf(&s->log, "claim %d " STR_FMT "\n", c->hoso, STR_ARG(c->ma_lk));
    sink_log(s, c->issues, c->n_issues);
    if (s->see != NULL) {
        s->see(s, c);
    }
    return ERR_OK;
}

static UNUSED ErrCode sink_refused(void *ctx, const ClaimRefused *r) {
    Sink *s = ctx;
    s->n_refused++;
    s->n_issues += r->n_issues;
    s->refused_bytes = r->bytes;
    s->refused_facility = arena_str(s->arena, r->facility);
    s->refused_made = arena_str(s->arena, r->made);
    s->en = arena_str(s->arena, r->issues[0].en);
    s->vi = arena_str(s->arena, r->issues[0].vi);
    buf_printf(&s->log, "refused %d " STR_FMT "\n", r->hoso, STR_ARG(r->ma_lk));
    sink_log(s, r->issues, r->n_issues);
    return ERR_OK;
}

static UNUSED ErrCode sink_issue(void *ctx, const ClaimIssue *issue) {
    Sink *s = ctx;
    s->n_issues++;
    buf_printf(&s->log, "file\n");
    sink_log(s, issue, 1);
    return ERR_OK;
}

static UNUSED Sink sink_new(void) {
    Sink s = {.arena = arena_new(256 << 20)};
    buf_init(&s.log, 64 << 20);
    return s;
}

static UNUSED void sink_release(Sink *s) {
    arena_free(s->arena);
    buf_release(&s->log);
}

static UNUSED ClaimReadSummary sink_read(Sink *s, Str bytes) {
    ClaimReadOptions o = {.file = STR("test.xml"),
                          .ctx = s,
                          .on_claim = sink_claim,
                          .on_refused = sink_refused,
                          .on_issue = sink_issue};
    ClaimReadSummary summary;
    s->n_claims = s->n_refused = s->n_issues = 0;
    buf_clear(&s->log);
    assert_int_equal(claim_read(bytes, &o, &summary), ERR_OK);
    return summary;
}

/* A whole file of the project, from the repository's root. */
static UNUSED Str read_file(Arena *a, const char *path) {
    CLEANUP_FILE FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *p = arena_alloc(a, 1 << 20);
    size_t n = fread(p, 1, 1 << 20, f);
    return (Str){p, n};
}

#endif
