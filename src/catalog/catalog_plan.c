/* What a table would change: its rows against those of the edition that is in use. */
#include "catalog/catalog_int.h"
#include "core/limits.h"

#define PLAN_BYTES (1024 * LIMIT_MIB)

typedef struct Planner {
    const CatalogPlanOf *of;
    CatalogPending *p;
    Arena *arena;
    const CatalogSpec *spec;
    CatalogRead read;
    const CatalogRows *base; /* rows of before; those that change are replaced in p->next */
    CatalogDiff *diffs;
} Planner;

/* ---- differences ---- */

static Str name_of(const CatalogSpec *spec, const CatalogRow *row) {
    int column = catalog_spec_column(spec, STR("name"));
    return column < 0 ? STR_EMPTY : row->values[column];
}

/* What differs in the columns from `from` on; NULL before: nothing is listed. */
static const CatalogChange *changes_of(Planner *l, const CatalogRow *before,
                                       const CatalogRow *after, size_t *ret_n) {
    size_t n = 0;
    CatalogChange *list = arena_new_array(l->arena, CatalogChange, l->spec->n_columns);
    for (size_t c = CATALOG_COL_SINCE; before != NULL && list != NULL && c < l->spec->n_columns;
         c++) {
        if (!str_eq(before->values[c], after->values[c])) {
            list[n++] =
                (CatalogChange){l->spec->columns[c].name, before->values[c], after->values[c]};
        }
    }
    *ret_n = n;
    return list;
}

static void add_diff(Planner *l, CatalogDiffKind kind, const CatalogRow *before,
                     const CatalogRow *after) {
    CatalogPlan *plan = &l->p->plan;
    plan->n_by_kind[kind]++;
    if (plan->n_diffs == CATALOG_KEPT) {
        return;
    }
    CatalogDiff *d = &l->diffs[plan->n_diffs++];
    *d = (CatalogDiff){.kind = kind,
                       .code = after->code,
                       .facility = after->facility,
                       .name = name_of(l->spec, after),
                       .since = after->since,
                       .until = after->until};
    d->changes = changes_of(l, before, after, &d->n_changes);
}

static void warn(Planner *l, size_t i, const char *rule, const char *const text[2]) {
    CatalogRead *r = &l->read;
    r->n_issues_all++;
    if (r->n_issues < CATALOG_KEPT) {
        r->issues[r->n_issues++] = (CatalogIssue){.is_error = true,
                                                  .row = r->at[i],
                                                  .value = r->rows.rows[i].code,
                                                  .rule = str_from(rule),
                                                  .vi = str_from(text[0]),
                                                  .en = str_from(text[1])};
    }
}

/* ---- one row of the table ---- */

static CatalogRow *add_row(Planner *l, const CatalogRow *row) {
    CatalogRow *put = catalog_rows_add(l->arena, &l->p->next);
    if (put != NULL) {
        *put = *row;
    }
    return put;
}

/* The known row of the same code and facility that the table's row speaks of: with its first day;
 * without one the newest. *ret_same: it is the same row (else the one that holds at its first day,
 * or the nearest before; NULL: the code is new). */
static const CatalogRow *known_row(const Planner *l, const CatalogRow *row, bool *ret_same) {
    size_t n;
    size_t at = catalog_rows_find(l->base, row->code, row->facility, &n);
    const CatalogRow *found = NULL;
    *ret_same = false;
    for (size_t i = at; i < at + n; i++) {
        const CatalogRow *b = &l->base->rows[i];
        if (row->since == INT64_MIN || b->since == row->since) {
            found = b;
            *ret_same = true;
        } else if (b->since <= row->since && !*ret_same) {
            found = b;
        }
    }
    return found == NULL && n > 0 ? &l->base->rows[at] : found;
}

/* Columns that the table has not are taken from the known row. */
static void complete(const Planner *l, CatalogRow *row, const CatalogRow *known, bool same) {
    for (size_t c = CATALOG_COL_UNTIL; c < l->spec->n_columns; c++) {
        bool given = (l->read.given >> c & 1) != 0;
        if (!given && (c != CATALOG_COL_UNTIL || same)) {
            row->values[c] = known->values[c];
        }
    }
    if (same) {
        row->since = known->since;
        row->values[CATALOG_COL_SINCE] = known->values[CATALOG_COL_SINCE];
    }
    (void)catalog_day(row->values[CATALOG_COL_UNTIL], INT64_MAX, &row->until);
}

static bool same_values(const Planner *l, const CatalogRow *a, const CatalogRow *b, size_t from) {
    for (size_t c = from; c < l->spec->n_columns; c++) {
        if (!str_eq(a->values[c], b->values[c])) {
            return false;
        }
    }
    return true;
}

/* A column that must be given and that neither the table nor the known row has. */
static bool lacks_needed(Planner *l, size_t i, const CatalogRow *row) {
    static const char *const text[2] = {
        "Mã này mới: bảng phải có đủ các cột bắt buộc (xem mẫu).",
        "This code is new: the table must have all required columns (see the template)."};
    for (size_t c = 0; c < l->spec->n_columns; c++) {
        if (l->spec->columns[c].needed && row->values[c].len == 0) {
            warn(l, i, "catalogue-needed", text);
            return true;
        }
    }
    return false;
}

/* Has an earlier row of the table replaced the known row already? */
static bool is_taken(Planner *l, size_t i, uint8_t mark) {
    static const char *const text[2] = {
        "Hai dòng cùng nói về một mã: hãy ghi ngày bắt đầu cho từng dòng.",
        "Two rows speak of one code: write the first day of each."};
    if (mark != 0) {
        warn(l, i, "catalogue-twice", text);
    }
    return mark != 0;
}

/* marks: of the base's rows, those that are replaced. */
static ErrCode plan_row(Planner *l, size_t i, uint8_t *marks) {
    CatalogRow row = l->read.rows.rows[i];
    CatalogPlan *plan = &l->p->plan;
    bool same;
    const CatalogRow *known = known_row(l, &row, &same);
    if (known != NULL) {
        complete(l, &row, known, same);
    }
    if (lacks_needed(l, i, &row) || (same && is_taken(l, i, marks[known - l->base->rows]))) {
        plan->n_bad++;
        return ERR_OK;
    }
    bool holds_on = known != NULL && !same && known->since < row.since && row.until == known->until;
    if (known != NULL && (same || holds_on) && same_values(l, known, &row, CATALOG_COL_UNTIL)) {
        plan->n_same++;
        return ERR_OK;
    }
    if (known == NULL || !same) {
        add_diff(l, known == NULL ? CATALOG_NEW : CATALOG_NEXT, known, &row);
    } else {
        bool ends = row.until < known->until && same_values(l, known, &row, CATALOG_COL_UNTIL + 1);
        add_diff(l, ends ? CATALOG_ENDED : CATALOG_CHANGED, known, &row);
        marks[known - l->base->rows] = 1;
    }
    return add_row(l, &row) == NULL ? ERR_LIMIT : ERR_OK;
}

/* ---- what a whole table leaves out ---- */

static int cmp_facility(const void *a, const void *b) {
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* The facilities that the table speaks of, sorted: those in it, and the one that it is said to be
 * of. */
static const Str *scope_of(Planner *l, size_t *ret_n) {
    Str *list = arena_new_array(l->arena, Str, l->read.rows.n + 1);
    size_t n = 0;
    if (list == NULL) {
        return NULL;
    }
    list[n++] = l->of->table->facility;
    for (size_t i = 0; i < l->read.rows.n; i++) {
        if (!str_eq(list[n - 1], l->read.rows.rows[i].facility)) {
            list[n++] = l->read.rows.rows[i].facility;
        }
    }
    qsort(list, n, sizeof(*list), cmp_facility);
    *ret_n = n;
    return list;
}

static ErrCode end_row(Planner *l, const CatalogRow *b, int64_t last, uint8_t *mark) {
    CatalogRow row = *b;
    *mark = 1;
    if (b->since > last) { /* it would only have begun: it goes */
        add_diff(l, CATALOG_ENDED, NULL, b);
        return ERR_OK;
    }
    row.values = arena_new_array(l->arena, Str, l->spec->n_columns);
    if (row.values == NULL) {
        return ERR_LIMIT;
    }
    memcpy(row.values, b->values, l->spec->n_columns * sizeof(Str));
    row.until = last;
    row.values[CATALOG_COL_UNTIL] = catalog_day_text(l->arena, last);
    add_diff(l, CATALOG_ENDED, b, &row);
    return add_row(l, &row) == NULL ? ERR_LIMIT : ERR_OK;
}

static ErrCode end_missing(Planner *l, uint8_t *marks) {
    const CatalogTable *t = l->of->table;
    int64_t last = (t->since == INT64_MIN ? l->of->today : t->since) - 1;
    size_t n_scope = 0;
    const Str *scope = scope_of(l, &n_scope);
    if (scope == NULL) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < l->base->n; i++) {
        const CatalogRow *b = &l->base->rows[i];
        size_t n;
        (void)catalog_rows_find(&l->read.rows, b->code, b->facility, &n);
        if (n == 0 && b->until > last &&
            bsearch(&b->facility, scope, n_scope, sizeof(Str), cmp_facility) != NULL) {
            TRY(end_row(l, b, last, &marks[i]));
        }
    }
    return ERR_OK;
}

/* ---- the whole ---- */

/* The rows that stay as they are, beside those that were added. */
static ErrCode keep_rest(Planner *l, const uint8_t *marks) {
    for (size_t i = 0; i < l->base->n; i++) {
        if (marks[i] == 0 && add_row(l, &l->base->rows[i]) == NULL) {
            return ERR_LIMIT;
        }
    }
    if (l->p->next.n > 0) {
        qsort(l->p->next.rows, l->p->next.n, sizeof(CatalogRow), catalog_row_cmp);
    }
    return ERR_OK;
}

static Str id_of(Planner *l) {
    const CatalogTable *t = l->of->table;
    Sha256 table;
    Sha256 all;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    sha256(t->bytes, &table);
    hex_put(&b, table.b, sizeof(table.b));
    buf_printf(&b, "\n" STR_FMT "\n%u\n" STR_FMT "\n%lld\n%d\n%lld\n" STR_FMT,
               STR_ARG(l->spec->name), l->p->plan.base, STR_ARG(t->facility), (long long)t->since,
               t->whole, t->whole ? (long long)l->of->today : 0, STR_ARG(t->sheet));
    sha256(buf_str(&b), &all);
    buf_clear(&b);
    hex_put(&b, all.b, 16);
    return arena_str(l->arena, buf_str(&b));
}

static void fill_plan(Planner *l) {
    CatalogPlan *plan = &l->p->plan;
    const CatalogRead *r = &l->read;
    plan->id = id_of(l);
    plan->rows = r->n_table;
    plan->n_bad += r->n_bad;
    plan->n_after = l->p->next.n;
    plan->diffs = l->diffs;
    plan->issues = r->issues;
    plan->n_issues = r->n_issues;
    plan->n_issues_all = r->n_issues_all;
    plan->taken = r->taken;
    plan->n_taken = r->n_taken;
    plan->left = r->left;
    plan->n_left = r->n_left;
}

static ErrCode make(Planner *l, ErrInfo *info) {
    static const CatalogRows none;
    CatalogPart *base = l->of->base;
    l->base = base == NULL ? &none : &base->rows;
    l->p->plan.spec = l->spec;
    l->p->plan.base = base == NULL ? 0 : base->edition.number;
    TRY(catalog_read(l->arena, l->spec, l->of->table, &l->read, info));
    l->diffs = arena_new_array(l->arena, CatalogDiff, CATALOG_KEPT);
    uint8_t *marks = arena_new_array(l->arena, uint8_t, l->base->n + 1);
    if (l->diffs == NULL || marks == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < l->read.rows.n; i++) {
        TRY(plan_row(l, i, marks));
    }
    if (l->of->table->whole) {
        TRY(end_missing(l, marks));
    }
    TRY(keep_rest(l, marks));
    fill_plan(l);
    l->p->file = arena_str(l->arena, l->of->table->file);
    return arena_failed(l->arena) ? ERR_LIMIT : ERR_OK;
}

void catalog_pending_end(CatalogPending *p) {
    if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1) {
        catalog_part_end(p->base);
        arena_free(p->arena);
        free(p);
    }
}

ErrCode catalog_plan_make(const CatalogPlanOf *of, CatalogPending **ret, ErrInfo *info) {
    CatalogPending *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    atomic_init(&p->refs, 1);
    p->base = catalog_part_hold(of->base);
    p->arena = arena_new(PLAN_BYTES);
    Planner l = {.of = of, .p = p, .arena = p->arena, .spec = of->spec};
    ErrCode err = p->arena == NULL ? ERR_NOMEM : make(&l, info);
    if (err != ERR_OK) {
        catalog_pending_end(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}
