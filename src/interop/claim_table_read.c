#include "interop/claim_int.h"

#include "core/limits.h"
#include "core/utf8.h"
#include "core/xml.h"

enum { RECORDS_FIRST = 4 };

typedef struct TableReader {
    ClaimBuild *b;
    ClaimPart *part;
    const ClaimTable *t;
    XmlPlace place;
    unsigned record_depth; /* of the record element; fields stand one deeper */
    unsigned skip_depth;   /* the unknown element that is passed over; 0: none */
    bool record_only;
    bool wrong_root;
    ClaimText text;
    int next; /* the field that is expected: files keep the order of the annex */
    int field;
    Str *values; /* of the open record, NULL outside */
    ClaimRecord *records;
    int capacity;
    char *pool; /* texts of all fields: decoded they are never longer than the document */
    size_t pool_left;
} TableReader;

ErrCode claim_text(Str bytes, ClaimText *ret_text) {
    ClaimText text = {.xml = bytes};
    if (str_starts(bytes, STR("\xFF\xFE")) || str_starts(bytes, STR("\xFE\xFF"))) {
        return ERR_SYNTAX;
    }
    if (str_starts(bytes, STR("\xEF\xBB\xBF"))) {
        text.skipped = 3;
    }
    Str rest = str_sub(bytes, text.skipped, bytes.len);
    size_t end = str_starts(rest, STR("<?xml")) ? str_find_char(rest, '>', 0) : SIZE_MAX;
    if (end != SIZE_MAX && end > 0 && rest.ptr[end - 1] == '?') {
        for (size_t i = 0; i <= end; i++) {
            text.lines += rest.ptr[i] == '\n';
        }
        text.skipped += end + 1;
    }
    text.xml = str_sub(bytes, text.skipped, bytes.len);
    *ret_text = text;
    return ERR_OK;
}

int claim_text_line(ClaimText *text, size_t offset) {
    size_t to = MIN(offset, text->xml.len);
    if (to < text->seen) {
        text->seen = 0;
        text->seen_lines = 0;
    }
    Str rest = str_sub(text->xml, 0, to);
    size_t at = text->seen;
    while ((at = str_find_char(rest, '\n', at)) != SIZE_MAX) {
        at++;
        text->seen_lines++;
    }
    text->seen = to;
    return text->lines + text->seen_lines + 1;
}

/* Characters from the beginning of the line on, from 1; the declaration may stand on it, too. */
static int column_of(const ClaimText *text, size_t offset) {
    const char *bytes = text->xml.ptr - text->skipped;
    int column = 1;
    for (size_t at = text->skipped + MIN(offset, text->xml.len); at > 0 && bytes[at - 1] != '\n';
         at--) {
        column += ((unsigned char)bytes[at - 1] & 0xC0) != 0x80;
    }
    return column;
}

ClaimDetail claim_text_place(Arena *arena, ClaimText *text, const ErrInfo *info) {
    int line = claim_text_line(text, info->offset);
    int column = column_of(text, info->offset);
    return (ClaimDetail){arena_printf(arena, "line %d, column %d", line, column),
                         arena_printf(arena, "dòng %d, cột %d", line, column)};
}

ClaimDetail claim_text_fault(Arena *arena, ClaimText *text, const ErrInfo *info) {
    ClaimDetail place = claim_text_place(arena, text, info);
    return (ClaimDetail){arena_printf(arena, "%s, " STR_FMT, info->what_en, STR_ARG(place.en)),
                         arena_printf(arena, "%s, " STR_FMT, info->what_vi, STR_ARG(place.vi))};
}

static int line_of(TableReader *r) {
    return claim_text_line(&r->text, r->place.offset);
}

static ClaimAt here(TableReader *r) {
    ClaimAt at = {.table = r->t, .line = line_of(r)};
    if (r->values != NULL) {
        at.record = r->part->n_records + 1;
        at.field = r->field >= 0 ? &r->t->fields[r->field] : NULL;
    }
    return at;
}

static ErrCode skip(TableReader *r, ClaimRule rule, Str name) {
    r->skip_depth = r->place.depth;
    r->part->has_unknown = true;
    if (!str_eq(name, STR("CHUKYDONVI"))) { /* a signature inside the table is kept raw, quietly */
        claim_issue_add(r->b, rule, here(r), name);
    }
    return ERR_OK;
}

static ErrCode open_record(TableReader *r) {
    if (r->part->n_records >= LIMIT_CLAIM_RECORDS) {
        claim_issue_add(r->b, CLAIM_RULE_CLAIM_LARGE, here(r), STR("100000 records"));
        return ERR_LIMIT;
    }
    r->values = arena_new_array(r->b->arena, Str, (size_t)r->t->n_fields);
    if (r->values == NULL) {
        return ERR_NOMEM;
    }
    if (r->part->n_records == r->capacity) {
        int capacity = r->capacity == 0 ? RECORDS_FIRST : 2 * r->capacity;
        ClaimRecord *records = arena_new_array(r->b->arena, ClaimRecord, (size_t)capacity);
        if (records == NULL) {
            return ERR_NOMEM;
        }
        if (r->capacity > 0) {
            memcpy(records, r->records, (size_t)r->capacity * sizeof(*records));
        }
        r->records = records;
        r->capacity = capacity;
    }
    r->records[r->part->n_records] = (ClaimRecord){.values = r->values, .line = line_of(r)};
    r->next = 0;
    r->field = -1;
    return ERR_OK;
}

static ErrCode open_field(TableReader *r, Str name) {
    int at = r->next;
    if (at >= r->t->n_fields || !str_eq(r->t->fields[at].name, name)) {
        at = claim_field_find(r->t, name);
    }
    if (at < 0) {
        return skip(r, CLAIM_RULE_FIELD_UNKNOWN, name);
    }
    r->field = at;
    r->next = at + 1;
    if (r->values[at].ptr != NULL) {
        claim_issue_add(r->b, CLAIM_RULE_FIELD_TWICE, here(r), name);
    }
    r->values[at] = STR_EMPTY;
    return ERR_OK;
}

/* The element that is due at this depth above the fields. */
static Str due(const TableReader *r, unsigned depth) {
    if (depth == r->record_depth) {
        return r->t->record;
    }
    return depth == 1 ? r->t->root : r->t->list;
}

static ErrCode on_open(void *ctx, Str name) {
    TableReader *r = ctx;
    unsigned depth = r->place.depth;
    if (r->skip_depth > 0) {
        return ERR_OK;
    }
    if (depth > r->record_depth) {
        return depth == r->record_depth + 1 ? open_field(r, name)
                                            : skip(r, CLAIM_RULE_FIELD_UNKNOWN, name);
    }
    if (!str_eq(name, due(r, depth))) {
        if (depth == 1) {
            r->wrong_root = true;
            claim_issue_add(r->b, CLAIM_RULE_TABLE_ROOT, here(r), name);
            return ERR_INVALID;
        }
        return skip(r, CLAIM_RULE_TABLE_ELEMENT, name);
    }
    return depth == r->record_depth ? open_record(r) : ERR_OK;
}

static bool is_blank(Str s) {
    return str_trim(s).len == 0;
}

static ErrCode on_text(void *ctx, Str text) {
    TableReader *r = ctx;
    if (r->skip_depth > 0) {
        return ERR_OK;
    }
    if (r->values == NULL || r->field < 0 || r->place.depth != r->record_depth + 1) {
        r->part->has_unknown = r->part->has_unknown || !is_blank(text);
        return ERR_OK;
    }
    Str *value = &r->values[r->field];
    if (value->len > 0) { /* text goes on behind a foreign element inside the field */
        r->part->has_unknown = true;
        return ERR_OK;
    }
    if (text.len > r->pool_left) {
        return ERR_INTERNAL;
    }
    memcpy(r->pool, text.ptr, text.len);
    *value = (Str){r->pool, text.len};
    r->pool += text.len;
    r->pool_left -= text.len;
    return ERR_OK;
}

/* The line is looked for only when there is something to say. */
static void close_field(TableReader *r) {
    ClaimBuild *b = r->b;
    int before = b->n_issues;
    ClaimAt at = {
        .table = r->t, .field = &r->t->fields[r->field], .record = r->part->n_records + 1};
    claim_check_value(b, at, r->values[r->field]);
    for (int i = before; i < b->n_issues; i++) {
        b->issues[i].line = line_of(r);
    }
    r->field = -1;
}

/* Each issue names the key: one of megabytes would come back with each. */
static void take_key(TableReader *r, ClaimAt at) {
    Str key = r->values[0];
    if (key.len < CLAIM_KEY_MAX) {
        r->b->ma_lk = key;
        return;
    }
    char bytes[32];
    (void)snprintf(bytes, sizeof(bytes), "%zu", key.len);
    at.field = &r->t->fields[0];
    claim_issue_add(r->b, CLAIM_RULE_CLAIM_KEY_LONG, at, str_from(bytes));
    r->values[0] = STR_EMPTY;
}

static void close_record(TableReader *r) {
    r->field = -1;
    ClaimAt at = here(r);
    at.line = r->records[r->part->n_records].line;
    for (int i = 0; i < r->t->n_fields; i++) {
        if (r->values[i].ptr == NULL) {
            r->values[i] = STR_EMPTY;
        }
    }
    claim_check_record(r->b, at, r->values);
    if (r->t->number <= 1 && r->b->ma_lk.len == 0) {
        take_key(r, at);
    }
    r->part->n_records++;
    r->values = NULL;
}

static ErrCode on_close(void *ctx, Str name) {
    TableReader *r = ctx;
    (void)name;
    unsigned depth = r->place.depth;
    if (r->skip_depth > 0) {
        r->skip_depth = depth == r->skip_depth ? 0 : r->skip_depth;
    } else if (depth == r->record_depth + 1 && r->field >= 0) {
        close_field(r);
    } else if (depth == r->record_depth && r->values != NULL) {
        close_record(r);
    }
    return ERR_OK;
}

/* Says what was wrong with the text itself, unless a callback has said it already. */
static ErrCode report(TableReader *r, ErrCode err, const ErrInfo *info) {
    if (err == ERR_OK || err == ERR_NOMEM) {
        return err;
    }
    ClaimAt at = {.table = r->t,
                  .field = r->field < 0 ? NULL : &r->t->fields[r->field],
                  .record = r->values == NULL ? 0 : r->part->n_records + 1,
                  .line = claim_text_line(&r->text, info->offset)};
    if (r->wrong_root || (err == ERR_LIMIT && r->part->n_records >= LIMIT_CLAIM_RECORDS)) {
        return ERR_OK;
    }
    if (strstr(info->rule, "doctype") != NULL) {
        claim_issue_add(r->b, CLAIM_RULE_TABLE_DOCTYPE, at, STR_EMPTY);
    } else if (!utf8_valid(r->part->xml)) {
        claim_issue_say(r->b, CLAIM_RULE_TABLE_ENCODING, at,
                        claim_text_place(r->b->arena, &r->text, info));
    } else {
        claim_issue_say(r->b, CLAIM_RULE_TABLE_XML, at,
                        claim_text_fault(r->b->arena, &r->text, info));
    }
    return ERR_OK;
}

static unsigned record_depth(const ClaimTable *t, bool record_only) {
    bool bare = record_only || str_eq(t->root, t->record);
    return bare ? 1 : t->list.len > 0 ? 3 : 2;
}

ErrCode claim_table_read(ClaimBuild *b, ClaimPart *part, bool record_only) {
    ClaimText text;
    if (claim_text(part->xml, &text) != ERR_OK) {
        claim_issue_add(b, CLAIM_RULE_TABLE_ENCODING, (ClaimAt){.table = part->table},
                        STR("UTF-16"));
        return ERR_OK;
    }
    TableReader r = {.b = b,
                     .part = part,
                     .t = part->table,
                     .record_depth = record_depth(part->table, record_only),
                     .record_only = record_only,
                     .text = text,
                     .field = -1,
                     .pool = arena_alloc(b->arena, text.xml.len + 1),
                     .pool_left = text.xml.len};
    if (r.pool == NULL) {
        return ERR_NOMEM;
    }
    XmlHandler handler = {.ctx = &r,
                          .open = on_open,
                          .text = on_text,
                          .close = on_close,
                          .place = &r.place,
                          .offset_only = true};
    ErrInfo info = {0};
    ErrCode err = report(&r, xml_parse(text.xml, &handler, &info), &info);
    part->records = r.records;
    if (err == ERR_OK && part->n_records == 0 && b->n_errors == 0) {
        claim_issue_add(b, CLAIM_RULE_TABLE_NO_RECORD, (ClaimAt){.table = part->table}, STR_EMPTY);
    }
    return err;
}
