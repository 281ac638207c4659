#include "api/api_draft.h"

#include "intake/intake_claim.h"
#include "interop/claim_write.h"

enum { DRAFT_XML_MAX = 128 << 20, DRAFT_ISSUES_MAX = LIMIT_CLAIM_ISSUES };

/* ---- reading ---- */

static void put_hoso(Buf *out, const Claim *claim) {
    claim_write_hoso(out, claim, &(ClaimWriteHow){claim_release_of(claim), true});
}

void draft_mark(const Claim *claim, char ret_mark[DRAFT_MARK_LEN + 1]) {
    Sha256 digest;
    CLEANUP_BUF Buf text;
    CLEANUP_BUF Buf hex;
    buf_init(&text, DRAFT_XML_MAX);
    buf_init(&hex, 2 * sizeof(digest.b));
    put_hoso(&text, claim);
    sha256(buf_str(&text), &digest);
    hex_put(&hex, digest.b, DRAFT_MARK_LEN / 2);
    memcpy(ret_mark, hex.ptr, DRAFT_MARK_LEN);
    ret_mark[DRAFT_MARK_LEN] = '\0';
}

ErrCode draft_visit(RestCall *call, Str encounter, DraftVisit *ret, ErrInfo *info) {
    Store *store = api_of(call)->store;
    TRY(store_get(store, call->arena, FHIR_T_ENCOUNTER, encounter, &ret->version));
    TRY(intake_claim(store, call->arena, &ret->version, &ret->claim, info));
    draft_mark(&ret->claim, ret->mark);
    return ERR_OK;
}

/* ---- edits ---- */

static ErrCode bad_edit(ErrInfo *info) {
    return err_set(info, ERR_PARAM, "draft-edit",
                   "an edit names table, record (from 1), field and value, or remove",
                   "mỗi sửa đổi gồm table, record (từ 1), field và value, hoặc remove");
}

static ErrCode apply_edit(Arena *arena, ClaimDraft *draft, const JsonNode *node, ErrInfo *info) {
    int64_t record = 0;
    const JsonNode *value = json_get_lit(node, "value");
    ClaimEdit edit = {.table = json_str(arena, json_get_lit(node, "table")),
                      .field = json_str(arena, json_get_lit(node, "field")),
                      .value = json_str(arena, value),
                      .remove = json_is(json_get_lit(node, "remove"), JSON_TRUE)};
    if (json_to_i64(json_get_lit(node, "record"), &record) != ERR_OK || record < 1 ||
        (!edit.remove && !json_is(value, JSON_STRING))) {
        return bad_edit(info);
    }
    edit.record = (size_t)record;
    return claim_draft_edit(draft, &edit, info);
}

static ErrCode apply_record(Arena *arena, ClaimDraft *draft, ClaimEdit *edit,
                            const JsonNode *record, ErrInfo *info) {
    if (!json_is(record, JSON_OBJECT)) {
        return bad_edit(info);
    }
    for (const JsonNode *m = json_first(record); m != NULL; m = json_next(record, m)) {
        edit->field = json_str(arena, m);
        edit->value = json_str(arena, json_value(m));
        if (!json_is(json_value(m), JSON_STRING)) {
            return bad_edit(info);
        }
        TRY(claim_draft_edit(draft, edit, info));
    }
    return ERR_OK;
}

static ErrCode apply_tables(Arena *arena, ClaimDraft *draft, const JsonNode *tables,
                            ErrInfo *info) {
    for (const JsonNode *t = json_first(tables); t != NULL; t = json_next(tables, t)) {
        const JsonNode *list = json_value(t);
        ClaimEdit edit = {.table = json_str(arena, t)};
        if (!json_is(list, JSON_ARRAY)) {
            return bad_edit(info);
        }
        for (const JsonNode *r = json_first(list); r != NULL; r = json_next(list, r)) {
            edit.record++;
            TRY(apply_record(arena, draft, &edit, r, info));
        }
    }
    return ERR_OK;
}

ErrCode draft_apply(RestCall *call, const JsonNode *body, const Claim *base, Claim *ret_claim,
                    ErrInfo *info) {
    ClaimDraft *draft = NULL;
    Claim from = *base;
    const JsonNode *tables = json_get_lit(body, "tables");
    const JsonNode *edits = json_get_lit(body, "edits");
    if (json_is(tables, JSON_OBJECT)) {
        from.parts = NULL;
        from.n_parts = 0;
    } else if (!json_is(edits, JSON_ARRAY)) {
        return bad_edit(info);
    }
    TRY(claim_draft_new(call->arena, &from, &draft));
    if (json_is(tables, JSON_OBJECT)) {
        TRY(apply_tables(call->arena, draft, tables, info));
    }
    for (const JsonNode *e = json_is(edits, JSON_ARRAY) ? json_first(edits) : NULL; e != NULL;
         e = json_next(edits, e)) {
        TRY(apply_edit(call->arena, draft, e, info));
    }
    return claim_draft_claim(draft, ret_claim);
}

/* ---- writing ---- */

ErrCode draft_file(Arena *arena, const Claim *claim, Str made, Str note, Str *ret_xml) {
    CLEANUP_BUF Buf out;
    buf_init(&out, DRAFT_XML_MAX);
    claim_write_envelope_open(&out, claim->facility, made, 1);
    put_hoso(&out, claim);
    claim_write_envelope_close(&out);
    if (note.len > 0) {
        buf_printf(&out, "<!-- " STR_FMT " -->\n", STR_ARG(note));
    }
    TRY(buf_ok(&out));
    *ret_xml = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static void keep_issues(DraftIssues *d, const ClaimIssue *issues, int n) {
    for (int i = 0; i < n && d->n < DRAFT_ISSUES_MAX; i++) {
        ClaimIssue *kept = &d->items[d->n++];
        *kept = issues[i];
        kept->rule_id = arena_str(d->arena, issues[i].rule_id);
        kept->table = arena_str(d->arena, issues[i].table);
        kept->field = arena_str(d->arena, issues[i].field);
        kept->en = arena_str(d->arena, issues[i].en);
        kept->vi = arena_str(d->arena, issues[i].vi);
    }
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    keep_issues(ctx, claim->issues, claim->n_issues);
    return ERR_OK;
}

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    DraftIssues *d = ctx;
    d->refused = true;
    keep_issues(d, refused->issues, refused->n_issues);
    return ERR_OK;
}

ErrCode draft_read(Arena *arena, Str xml, DraftIssues *ret) {
    DraftIssues d = {.arena = arena};
    d.items = arena_new_array(arena, ClaimIssue, DRAFT_ISSUES_MAX);
    if (d.items == NULL) {
        return ERR_NOMEM;
    }
    ClaimReadOptions o = {
        .file = STR("draft"), .ctx = &d, .on_claim = on_claim, .on_refused = on_refused};
    TRY(claim_read(xml, &o, NULL));
    *ret = d;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode draft_check(RestCall *call, const BookDraft *draft, DraftCheck *ret, ErrInfo *info) {
    Str xml;
    Book *book = NULL;
    TRY(api_book(call, &book, info));
    TRY(draft_file(call->arena, draft->claim, draft->claim->made, STR_EMPTY, &xml));
    TRY(draft_read(call->arena, xml, &ret->issues));
    return book_check_claim(book, call->arena, draft, &ret->report);
}

/* ---- printing ---- */

static void put_records(JsonWriter *w, const ClaimPart *part) {
    for (int r = 0; r < part->n_records; r++) {
        json_open_array(w);
        for (int f = 0; f < part->table->n_fields; f++) {
            json_put_str(w, part->records[r].values[f]);
        }
        json_close_array(w);
    }
}

void draft_put_tables(JsonWriter *w, const Claim *claim) {
    json_open_object(w);
    for (int t = 0; t < CLAIM_TABLES; t++) {
        bool open = false;
        for (int i = 0; i < claim->n_parts; i++) {
            const ClaimPart *p = &claim->parts[i];
            if (p->table->number != t) {
                continue;
            }
            if (!open) {
                json_put_name(w, p->table->name);
                json_open_array(w);
                open = true;
            }
            put_records(w, p);
        }
        if (open) {
            json_close_array(w);
        }
    }
    json_close_object(w);
}

static void put_issue(JsonWriter *w, const ClaimIssue *i) {
    json_open_object(w);
    json_member(w, "rule", i->rule_id);
    json_member(w, "weight", i->severity == CLAIM_ERROR ? STR("refuses") : STR("warns"));
    json_member(w, "table", i->table);
    api_put_number(w, "record", (uint64_t)MAX(i->record, 0));
    json_member(w, "field", i->field);
    json_member(w, "vi", i->vi);
    json_member(w, "en", i->en);
    json_close_object(w);
}

static void put_finding(JsonWriter *w, const BookFinding *f) {
    json_open_object(w);
    json_member(w, "rule", f->rule);
    json_member(w, "weight", rules_weight_name(f->weight));
    json_member(w, "table", f->table);
    api_put_number(w, "record", f->record);
    json_member(w, "field", f->field);
    json_member(w, "value", f->value);
    json_member(w, "vi", f->vi);
    json_member(w, "en", f->en);
    json_member(w, "fix_vi", f->fix_vi);
    json_member(w, "fix_en", f->fix_en);
    json_member(w, "law", f->law);
    json_close_object(w);
}

static void put_counts(JsonWriter *w, const DraftIssues *issues, const BookReport *r) {
    uint64_t refuses = 0;
    for (size_t i = 0; i < issues->n; i++) {
        refuses += issues->items[i].severity == CLAIM_ERROR;
    }
    api_put_day(w, "day", r->day);
    api_put_number(w, "refuses", refuses);
    api_put_number(w, "blocks", r->n_by_weight[RULES_BLOCKS]);
    api_put_number(w, "warns", r->n_by_weight[RULES_WARNS] + issues->n - refuses);
    api_put_number(w, "informs", r->n_by_weight[RULES_INFORMS]);
    api_put_number(w, "more", r->n_more);
}

ErrCode draft_put_check(RestCall *call, JsonWriter *w, const BookDraft *draft, ErrInfo *info) {
    DraftCheck c;
    TRY(draft_check(call, draft, &c, info));
    put_counts(w, &c.issues, &c.report);
    json_name(w, "findings");
    json_open_array(w);
    for (size_t i = 0; i < c.issues.n; i++) {
        put_issue(w, &c.issues.items[i]);
    }
    for (size_t i = 0; i < c.report.n_findings; i++) {
        put_finding(w, &c.report.findings[i]);
    }
    json_close_array(w);
    json_name(w, "not_checked");
    json_open_array(w);
    for (size_t i = 0; i < c.report.n_not_checked; i++) {
        json_put_str(w, c.report.not_checked[i]);
    }
    json_close_array(w);
    return ERR_OK;
}
