#include "interop/claim_draft.h"

#include "core/limits.h"

typedef struct DraftRecord {
    const Str *values;
    Str *own;              /* its own copy of them, once it is changed */
    const ClaimPart *part; /* it came with; NULL: new */
    bool gone;
} DraftRecord;

typedef struct DraftTable {
    DraftRecord *records;
    size_t n, capacity;
} DraftTable;

struct ClaimDraft {
    Arena *arena;
    Claim claim;
    DraftTable tables[CLAIM_TABLES];
};

static ErrCode append(ClaimDraft *d, DraftTable *t, DraftRecord record) {
    if (t->n >= LIMIT_CLAIM_RECORDS) {
        return ERR_LIMIT;
    }
    if (t->n == t->capacity) {
        size_t capacity = MAX((size_t)8, 2 * t->capacity);
        DraftRecord *grown = arena_new_array(d->arena, DraftRecord, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (t->n > 0) {
            memcpy(grown, t->records, t->n * sizeof(*grown));
        }
        t->records = grown;
        t->capacity = capacity;
    }
    t->records[t->n++] = record;
    return ERR_OK;
}

ErrCode claim_draft_new(Arena *arena, const Claim *claim, ClaimDraft **ret_draft) {
    ClaimDraft *d = arena_new_array(arena, ClaimDraft, 1);
    if (d == NULL) {
        return ERR_NOMEM;
    }
    d->arena = arena;
    d->claim = *claim;
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        for (int r = 0; r < p->n_records; r++) {
            TRY(append(d, &d->tables[p->table->number],
                       (DraftRecord){.values = p->records[r].values, .part = p}));
        }
    }
    *ret_draft = d;
    return ERR_OK;
}

static ErrCode need_table(const ClaimEdit *edit, const ClaimTable **ret_table, ErrInfo *info) {
    *ret_table = claim_table_by_name(edit->table);
    return *ret_table != NULL
               ? ERR_OK
               : err_set(info, ERR_PARAM, "draft-table", "there is no table '%.*s'",
                         "không có bảng '%.*s'", (int)MIN(edit->table.len, 20u), edit->table.ptr);
}

static ErrCode need_field(const ClaimTable *t, const ClaimEdit *edit, int *ret_field,
                          ErrInfo *info) {
    *ret_field = claim_field_find(t, edit->field);
    return *ret_field >= 0 ? ERR_OK
                           : err_set(info, ERR_PARAM, "draft-field", "%.*s has no field '%.*s'",
                                     "%.*s không có trường '%.*s'", (int)t->name.len, t->name.ptr,
                                     (int)MIN(edit->field.len, 40u), edit->field.ptr);
}

static ErrCode need_record(const ClaimEdit *edit, size_t n, ErrInfo *info) {
    return edit->record >= 1 && edit->record <= n
               ? ERR_OK
               : err_set(info, ERR_PARAM, "draft-record", "%.*s has no record %zu",
                         "%.*s không có dòng %zu", (int)MIN(edit->table.len, 20u), edit->table.ptr,
                         edit->record);
}

static ErrCode keeps_unknown(const DraftRecord *r, ErrInfo *info) {
    return r->part == NULL || !r->part->has_unknown
               ? ERR_OK
               : err_set(info, ERR_UNSUPPORTED, "draft-kept",
                         "%.*s came with elements that no field carries: repair the file it came "
                         "in and send it again",
                         "%.*s có phần tử ngoài các trường chuẩn: hãy sửa tệp gốc rồi gửi lại",
                         (int)r->part->table->name.len, r->part->table->name.ptr);
}

static ErrCode copy_values(ClaimDraft *d, const ClaimTable *t, DraftRecord *r) {
    if (r->own != NULL) {
        return ERR_OK;
    }
    r->own = arena_new_array(d->arena, Str, (size_t)t->n_fields);
    if (r->own == NULL) {
        return ERR_NOMEM;
    }
    if (r->values != NULL) {
        memcpy(r->own, r->values, (size_t)t->n_fields * sizeof(*r->own));
    } else {
        r->own[claim_field_find(t, STR("MA_LK"))] = d->claim.ma_lk; /* every table has it */
    }
    r->values = r->own;
    return ERR_OK;
}

static ErrCode check_key(const ClaimDraft *d, const ClaimEdit *edit, ErrInfo *info) {
    return !str_eq(edit->field, STR("MA_LK")) || str_eq(edit->value, d->claim.ma_lk)
               ? ERR_OK
               : err_set(info, ERR_PARAM, "draft-key",
                         "MA_LK says which visit this is: it cannot be changed here",
                         "MA_LK xác định lượt khám: không sửa được tại đây");
}

ErrCode claim_draft_edit(ClaimDraft *d, const ClaimEdit *edit, ErrInfo *info) {
    const ClaimTable *t = NULL;
    int field = -1;
    TRY(need_table(edit, &t, info));
    DraftTable *table = &d->tables[t->number];
    TRY(need_record(edit, table->n + !edit->remove, info));
    if (!edit->remove) {
        TRY(need_field(t, edit, &field, info));
        TRY(check_key(d, edit, info));
    }
    if (edit->record > table->n) {
        TRY(append(d, table, (DraftRecord){.part = NULL}));
    }
    DraftRecord *r = &table->records[edit->record - 1];
    TRY(keeps_unknown(r, info));
    r->gone = r->gone || edit->remove;
    if (edit->remove) {
        return ERR_OK;
    }
    TRY(copy_values(d, t, r));
    r->own[field] = edit->value;
    return ERR_OK;
}

/* Is the document as it came: same records, none changed? */
static bool is_untouched(const DraftTable *table, const ClaimPart *part) {
    int n = 0;
    for (size_t i = 0; i < table->n; i++) {
        const DraftRecord *r = &table->records[i];
        if (r->part == part) {
            n++;
            if (r->own != NULL || r->gone) {
                return false;
            }
        }
    }
    return n == part->n_records;
}

/* Does the record go into the document that begins with that of `from`? Those that came in one
 * document stay in one; new ones go into the document of a list before them, or each into its own.
 */
static bool is_same_document(const ClaimTable *t, const DraftTable *table, size_t from, size_t i) {
    const DraftRecord *r = &table->records[i];
    bool list = t->list.len > 0;
    return i == from || r->gone ||
           (list && (r->part == NULL || r->part == table->records[from].part));
}

/* The document that begins with record `from`; returns behind its last one. */
static size_t put_part(ClaimDraft *d, const ClaimTable *t, size_t from, ClaimPart *ret_part) {
    const DraftTable *table = &d->tables[t->number];
    const ClaimPart *part = table->records[from].part;
    size_t end = from;
    int n = 0;
    while (end < table->n && is_same_document(t, table, from, end)) {
        end++;
    }
    ClaimRecord *records = arena_new_array(d->arena, ClaimRecord, end - from);
    for (size_t i = from; i < end && records != NULL; i++) {
        if (!table->records[i].gone) {
            records[n] = (ClaimRecord){.values = table->records[i].values, .line = n + 1};
            n++;
        }
    }
    *ret_part = (ClaimPart){.table = t, .records = records, .n_records = n};
    if (part != NULL && n == part->n_records && is_untouched(table, part)) {
        ret_part->xml = part->xml;
        ret_part->has_unknown = part->has_unknown;
    }
    return end;
}

ErrCode claim_draft_claim(ClaimDraft *d, Claim *ret_claim) {
    size_t most = 0;
    int n = 0;
    for (int t = 0; t < CLAIM_TABLES; t++) {
        most += d->tables[t].n;
    }
    ClaimPart *parts = arena_new_array(d->arena, ClaimPart, most + 1);
    if (parts == NULL) {
        return ERR_NOMEM;
    }
    for (int number = 0; number < CLAIM_TABLES; number++) {
        const ClaimTable *t = claim_table(number);
        for (size_t at = 0; t != NULL && at < d->tables[number].n;) {
            if (d->tables[number].records[at].gone) {
                at++;
                continue;
            }
            ClaimPart *p = &parts[n];
            at = put_part(d, t, at, p);
            n += p->n_records > 0;
        }
    }
    *ret_claim = d->claim;
    ret_claim->parts = parts;
    ret_claim->n_parts = n;
    return arena_failed(d->arena) ? ERR_NOMEM : ERR_OK;
}
