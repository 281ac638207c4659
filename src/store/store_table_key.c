/* Rows with keys and sums: what follows from a row is made of its body, of the old one and of the
 * new one, and only the difference is written. */
#include "store/store_table_int.h"

/* ---- writing ---- */

static ErrCode key_run(Tables *t, const char *statement, const TableCell *row, Str key) {
    sqlite3_stmt *st = db_stmt(&t->writer, statement);
    if (st == NULL) {
        return db_fail(&t->writer, "table-key", NULL);
    }
    db_bind_u64(st, 1, row->id);
    db_bind_blob(st, 2, key);
    db_bind_u64(st, 3, row->first);
    db_bind_u64(st, 4, row->at);
    return db_do(st);
}

static bool has_key(const TableFacts *facts, Str key) {
    for (size_t i = 0; i < facts->n_keys; i++) {
        if (str_eq(facts->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static ErrCode change_keys(Tables *t, const TableCell *row, const TableFacts *old,
                           const TableFacts *now) {
    for (size_t i = 0; i < old->n_keys; i++) {
        if (!has_key(now, old->keys[i])) {
            TRY(key_run(t, "derived_key_take", row, old->keys[i]));
        }
    }
    for (size_t i = 0; i < now->n_keys; i++) {
        if (!has_key(old, now->keys[i])) {
            TRY(key_run(t, "derived_key_put", row, now->keys[i]));
        }
    }
    return ERR_OK;
}

static const TableSum *find_sum(const TableFacts *facts, Str group) {
    for (size_t i = 0; i < facts->n_sums; i++) {
        if (str_eq(facts->sums[i].group, group)) {
            return &facts->sums[i];
        }
    }
    return NULL;
}

/* n: 1, -1, or 0 when only the values move. */
static ErrCode sum_add(Tables *t, uint64_t id, const TableSum *sum, int64_t n) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_sum_put");
    if (st == NULL) {
        return db_fail(&t->writer, "table-sum", NULL);
    }
    db_bind_u64(st, 1, id);
    db_bind_blob(st, 2, sum->group);
    (void)sqlite3_bind_int64(st, 3, n);
    for (int i = 0; i < TABLE_SUMS; i++) {
        (void)sqlite3_bind_int64(st, 4 + i, sum->values[i]);
    }
    return db_do(st);
}

static ErrCode sum_sweep(Tables *t, uint64_t id, Str group) {
    sqlite3_stmt *st = db_stmt(&t->writer, "derived_sum_sweep");
    if (st == NULL) {
        return db_fail(&t->writer, "table-sum", NULL);
    }
    db_bind_u64(st, 1, id);
    db_bind_blob(st, 2, group);
    return db_do(st);
}

static ErrCode take_sum(Tables *t, uint64_t id, const TableSum *sum) {
    TableSum less = {.group = sum->group};
    for (int i = 0; i < TABLE_SUMS; i++) {
        less.values[i] = -sum->values[i];
    }
    TRY(sum_add(t, id, &less, -1));
    return sum_sweep(t, id, sum->group);
}

static ErrCode put_sum(Tables *t, uint64_t id, const TableSum *old, const TableSum *now) {
    TableSum more = *now;
    bool same = old != NULL;
    for (int i = 0; old != NULL && i < TABLE_SUMS; i++) {
        more.values[i] -= old->values[i];
        same = same && more.values[i] == 0;
    }
    return same ? ERR_OK : sum_add(t, id, &more, old == NULL);
}

static ErrCode change_sums(Tables *t, uint64_t id, const TableFacts *old, const TableFacts *now) {
    for (size_t i = 0; i < old->n_sums; i++) {
        if (find_sum(now, old->sums[i].group) == NULL) {
            TRY(take_sum(t, id, &old->sums[i]));
        }
    }
    for (size_t i = 0; i < now->n_sums; i++) {
        TRY(put_sum(t, id, find_sum(old, now->sums[i].group), &now->sums[i]));
    }
    return ERR_OK;
}

/* The facts of the row as it is; none when there is no such row. */
static ErrCode old_facts(Tables *t, const TableShape *shape, const TableCell *row,
                         TableFacts *ret_facts, bool *ret_had) {
    TableCell old = *row;
    *ret_facts = (TableFacts){0};
    ErrCode err = tables_get(t, TABLE_IN_TURN, shape->scratch, row, &old.body);
    *ret_had = err == ERR_OK;
    if (err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(err);
    return shape->facts(shape->scratch, &old, ret_facts);
}

static ErrCode row_run(Tables *t, const char *statement, const TableCell *row, bool with_body) {
    sqlite3_stmt *st = db_stmt(&t->writer, statement);
    if (st == NULL) {
        return db_fail(&t->writer, "table-row", NULL);
    }
    db_bind_u64(st, 1, row->id);
    db_bind_u64(st, 2, row->first);
    db_bind_u64(st, 3, row->at);
    if (with_body) {
        db_bind_blob(st, 4, row->body);
    }
    return db_do(st);
}

ErrCode tables_set(Tables *t, const TableShape *shape, const TableCell *row) {
    TableFacts old;
    TableFacts now = {0};
    bool had = false;
    arena_reset(shape->scratch);
    TRY(old_facts(t, shape, row, &old, &had));
    TRY(shape->facts(shape->scratch, row, &now));
    TRY(row_run(t, "derived_row_set", row, true));
    TRY(change_keys(t, row, &old, &now));
    return change_sums(t, row->id, &old, &now);
}

ErrCode tables_unset(Tables *t, const TableShape *shape, const TableCell *row, bool *ret_had) {
    TableFacts old;
    TableFacts none = {0};
    arena_reset(shape->scratch);
    TRY(old_facts(t, shape, row, &old, ret_had));
    if (!*ret_had) {
        return ERR_OK;
    }
    TRY(row_run(t, "derived_row_unset", row, false));
    TRY(change_keys(t, row, &old, &none));
    return change_sums(t, row->id, &old, &none);
}

/* ---- reading ---- */

ErrCode tables_get(Tables *t, TableSide side, Arena *arena, const TableCell *row, Str *ret_body) {
    Db *db = tables_db(t, side);
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_row_get");
    bool found = false;
    if (st == NULL) {
        return db_fail(db, "table-get", NULL);
    }
    db_bind_u64(st, 1, row->id);
    db_bind_u64(st, 2, row->first);
    db_bind_u64(st, 3, row->at);
    TRY(db_step(st, &found));
    if (!found) {
        return ERR_NOT_FOUND;
    }
    *ret_body = arena_str(arena, db_blob(st, 0));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static void bind_place(sqlite3_stmt *st, const TableScan *scan) {
    static const uint64_t before_all = UINT64_MAX; /* -1 to SQLite */
    Str edge = scan->backwards ? scan->until : scan->from;
    db_bind_u64(st, 1, scan->id);
    db_bind_blob(st, 2, scan->after != NULL ? scan->after->key : edge);
    db_bind_u64(st, 3, scan->after != NULL ? scan->after->first : before_all);
    db_bind_u64(st, 4, scan->after != NULL ? scan->after->at : before_all);
    db_bind_blob(st, 5, scan->backwards ? scan->from : scan->until);
    db_bind_u64(st, 6, scan->max);
}

ErrCode tables_scan(Tables *t, const TableScan *scan) {
    Db *db = tables_db(t, scan->side);
    CLEANUP_RESET sqlite3_stmt *st =
        db_stmt(db, scan->backwards ? "derived_key_down" : "derived_key_up");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-scan", NULL);
    }
    bind_place(st, scan);
    TRY(db_step(st, &row));
    while (row) {
        TableHit hit = {db_blob(st, 0), db_u64(st, 1), db_u64(st, 2), db_blob(st, 3)};
        TRY(scan->each(scan->ctx, &hit));
        TRY(db_step(st, &row));
    }
    return ERR_OK;
}

ErrCode tables_groups(Tables *t, const TableGroups *groups) {
    Db *db = tables_db(t, groups->side);
    CLEANUP_RESET sqlite3_stmt *st = db_stmt(db, "derived_sum_from");
    bool row = false;
    if (st == NULL) {
        return db_fail(db, "table-groups", NULL);
    }
    db_bind_u64(st, 1, groups->id);
    db_bind_blob(st, 2, groups->from);
    db_bind_blob(st, 3, groups->until);
    TRY(db_step(st, &row));
    while (row) {
        TableSum sum = {.group = db_blob(st, 0), .n = db_u64(st, 1)};
        for (int i = 0; i < TABLE_SUMS; i++) {
            sum.values[i] = sqlite3_column_int64(st, 2 + i);
        }
        TRY(groups->each(groups->ctx, &sum));
        TRY(db_step(st, &row));
    }
    return ERR_OK;
}

Str tables_behind(Arena *arena, Str prefix) {
    char *copy = arena_alloc(arena, prefix.len);
    size_t n = prefix.len;
    while (n > 0 && (unsigned char)prefix.ptr[n - 1] == 0xFF) {
        n--;
    }
    if (copy == NULL || n == 0) {
        return STR_EMPTY; /* arena_failed, or the prefix has no end */
    }
    memcpy(copy, prefix.ptr, n);
    copy[n - 1] = (char)((unsigned char)copy[n - 1] + 1);
    return (Str){copy, n};
}
