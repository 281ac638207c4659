#include "flow/flow_table.h"

#include "core/log.h"
#include "core/thread.h"
#include "flow/flow_view.h"
#include "sqlview/sqlview.h"
#include "store/store_scan.h"

#include <stdatomic.h>

enum {
    BATCH_RECORDS = 256, /* in one transaction */
    WAIT_MS = 200,
    FAILED_MS = 2000, /* before another try: the disk may be full */
    ENTRIES_MAX = 256,
    PAGE = 200,
};
#define LIST_BYTES (256 * LIMIT_MIB)
#define SCRATCH_BYTES (512 * LIMIT_MIB)

typedef struct Entry { /* one table */
    uint64_t id;
    Str name;
    const SqlView *view;
    RecordNo position;
    bool in_batch;
    /* of the batch */
    int64_t rows;
    uint64_t errors;
    ErrInfo last_error;
} Entry;

struct FlowTables {
    Store *store;
    Tables *tables;
    Thread thread;
    StopFlag stop;
    atomic_bool refresh;
    Mutex lock; /* the following: what settle asks */
    Cond moved;
    uint64_t n_refreshed; /* lists made */
    RecordNo position;    /* of the table that is furthest behind; the snapshot without any */
    /* the follower's own */
    Arena *arena; /* of the list */
    Arena *scratch;
    Buf body;
    Entry *entries;
    size_t n_entries;
};

/* ---- which tables there are ---- */

static ErrCode put_library(FlowTables *f, const StoreVersion *library, Str *ret_name) {
    FlowView view;
    const SqlView *compiled = NULL;
    ErrInfo info = {0};
    *ret_name = STR_EMPTY;
    ErrCode err = flow_view_parse(f->scratch, library, &view);
    err = err == ERR_OK ? sqlview_compile(f->scratch, view.root, &compiled, &info) : err;
    if (err != ERR_OK) { /* tagged by hand, or of a later version */
        log_warn("table_view_refused", "err", err_name(err));
        return err == ERR_NOMEM ? err : ERR_OK;
    }
    TRY(tables_put(f->tables, view.id, view.text));
    *ret_name = arena_str(f->arena, view.id);
    return ERR_OK;
}

/* Names of all views that are to be kept; their tables are there afterwards. */
static ErrCode list_wanted(FlowTables *f, Str *names, size_t *ret_n) {
    FhirQuery query;
    FhirQueryScope scope = {.type = FHIR_T_LIBRARY, .base_url = STR_EMPTY};
    StorePage page = {0};
    size_t n = 0;
    StoreSearch search = {.query = &query, .snapshot = store_snapshot(f->store), .count = PAGE};
    CLEANUP_ARENA Arena *arena = arena_new(LIST_BYTES);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(fhir_query_parse(arena, &scope, STR("_tag=" FLOW_VIEW_TAG_SYSTEM "%7C" FLOW_VIEW_TAG),
                         &query));
    do {
        TRY(store_search(f->store, arena, &search, &page, NULL));
        for (size_t i = 0; i < page.n_matches && n < ENTRIES_MAX; i++) {
            arena_reset(f->scratch);
            TRY(put_library(f, &page.matches[i], &names[n]));
            n += names[n].len > 0;
        }
        search.after = page.next;
    } while (page.next != 0 && n < ENTRIES_MAX);
    *ret_n = n;
    return ERR_OK;
}

static bool is_among(const Str *names, size_t n, Str name) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static ErrCode add_entry(FlowTables *f, const TableRow *row) {
    const JsonNode *root = NULL;
    ErrInfo info = {0};
    Entry *e = &f->entries[f->n_entries];
    *e = (Entry){.id = row->id, .name = row->name, .position = row->position};
    TRY(json_parse(f->arena, row->definition, &root, &info));
    TRY(sqlview_compile(f->arena, root, &e->view, &info));
    f->n_entries++;
    return ERR_OK;
}

static ErrCode make_list(FlowTables *f) {
    Str names[ENTRIES_MAX + 1];
    size_t n = 0;
    TableRow *rows = NULL;
    size_t n_rows = 0;
    arena_reset(f->arena);
    f->n_entries = 0;
    f->entries = arena_new_array(f->arena, Entry, ENTRIES_MAX);
    if (f->entries == NULL) {
        return ERR_NOMEM;
    }
    TRY(list_wanted(f, names, &n));
    TRY(tables_list(f->tables, f->arena, &rows, &n_rows));
    for (size_t i = 0; i < n_rows; i++) {
        if (is_among(names, n, rows[i].name) && f->n_entries < ENTRIES_MAX) {
            TRY(add_entry(f, &rows[i]));
        } else {
            TRY(tables_drop(f->tables, rows[i].name));
        }
    }
    return ERR_OK;
}

/* ---- one batch ---- */

typedef struct RowPut {
    FlowTables *f;
    const Entry *entry;
    Slot first;
    uint64_t n;
} RowPut;

static ErrCode put_row(void *ctx, const SqlCell *cells) {
    RowPut *p = ctx;
    Buf *body = &p->f->body;
    buf_clear(body);
    sqlview_put_array(body, p->entry->view, cells);
    TRY(buf_ok(body));
    return tables_add(
        p->f->tables,
        &(TableCell){.id = p->entry->id, .first = p->first, .at = p->n++, .body = buf_str(body)});
}

static ErrCode clear_rows(FlowTables *f, Entry *e, Slot first) {
    uint64_t removed = 0;
    TRY(tables_clear(f->tables, e->id, first, &removed));
    e->rows -= (int64_t)removed;
    return ERR_OK;
}

static ErrCode put_rows(FlowTables *f, Entry *e, const StoreVersion *v, const JsonNode *root) {
    RowPut put = {.f = f, .entry = e, .first = v->first};
    ErrInfo info = {0};
    ErrCode err = sqlview_rows(f->scratch, e->view, root, &(SqlSink){put_row, &put}, &info);
    e->rows += (int64_t)put.n;
    if (err == ERR_INVALID || err == ERR_LIMIT) { /* of this resource only */
        e->errors++;
        e->last_error = info;
        return clear_rows(f, e, v->first);
    }
    return err;
}

static ErrCode take_version(void *ctx, const StoreVersion *v) {
    FlowTables *f = ctx;
    const JsonNode *root = NULL;
    arena_reset(f->scratch);
    for (size_t i = 0; i < f->n_entries; i++) {
        Entry *e = &f->entries[i];
        if (!e->in_batch || sqlview_resource(e->view) != v->type) {
            continue;
        }
        if (v->version > 1) {
            TRY(clear_rows(f, e, v->first));
        }
        if (!v->deleted) {
            if (root == NULL) {
                TRY(json_parse(f->scratch, v->json, &root, NULL));
            }
            TRY(put_rows(f, e, v, root));
        }
    }
    return ERR_OK;
}

static bool want_version(void *ctx, const StoreVersion *v) {
    FlowTables *f = ctx;
    if (v->type == FHIR_T_LIBRARY) { /* by another way than the API's: an import, a transaction */
        atomic_store(&f->refresh, true);
    }
    for (size_t i = 0; i < f->n_entries; i++) {
        if (f->entries[i].in_batch && sqlview_resource(f->entries[i].view) == v->type) {
            return true;
        }
    }
    return false;
}

static ErrCode move_all(FlowTables *f, RecordNo to) {
    for (size_t i = 0; i < f->n_entries; i++) {
        const Entry *e = &f->entries[i];
        if (e->in_batch) {
            TRY(tables_move(f->tables,
                            &(TableMove){.id = e->id,
                                         .position = to,
                                         .rows = e->rows,
                                         .errors = e->errors,
                                         .last_error = str_from(e->last_error.what_en)}));
        }
    }
    return ERR_OK;
}

static ErrCode follow(FlowTables *f, RecordNo from, RecordNo to) {
    ErrCode err = tables_begin(f->tables);
    err = err == ERR_OK ? store_scan(f->store, &(StoreScan){.first = from + 1,
                                                            .last = to,
                                                            .snapshot = to,
                                                            .deletes = true,
                                                            .want = want_version,
                                                            .each = take_version,
                                                            .ctx = f})
                        : err;
    err = err == ERR_OK ? move_all(f, to) : err;
    return tables_end(f->tables, err);
}

/* The tables that are furthest behind, up to where the next one stands. */
static ErrCode run_batch(FlowTables *f, RecordNo snapshot) {
    RecordNo from = snapshot;
    for (size_t i = 0; i < f->n_entries; i++) {
        from = MIN(from, f->entries[i].position);
    }
    RecordNo to = MIN(snapshot, from + BATCH_RECORDS);
    for (size_t i = 0; i < f->n_entries; i++) {
        Entry *e = &f->entries[i];
        e->in_batch = e->position == from;
        e->rows = 0;
        e->errors = 0;
        to = e->in_batch ? to : MIN(to, e->position);
    }
    if (from == snapshot) {
        return ERR_OK;
    }
    TRY(follow(f, from, to));
    for (size_t i = 0; i < f->n_entries; i++) {
        f->entries[i].position = f->entries[i].in_batch ? to : f->entries[i].position;
    }
    return ERR_OK;
}

/* ---- the thread ---- */

static void tell(FlowTables *f, RecordNo position, bool refreshed) {
    MUTEX_GUARD(&f->lock);
    f->position = position;
    f->n_refreshed += refreshed;
    cond_broadcast(&f->moved);
}

static RecordNo furthest_behind(const FlowTables *f, RecordNo snapshot) {
    RecordNo position = snapshot;
    for (size_t i = 0; i < f->n_entries; i++) {
        position = MIN(position, f->entries[i].position);
    }
    return position;
}

static ErrCode turn(FlowTables *f) {
    RecordNo snapshot = store_snapshot(f->store);
    bool refresh = atomic_exchange(&f->refresh, false);
    if (refresh) {
        ErrCode err = make_list(f);
        if (err != ERR_OK) {
            atomic_store(&f->refresh, true);
            return err;
        }
    }
    TRY(run_batch(f, snapshot));
    RecordNo position = furthest_behind(f, snapshot);
    tell(f, position, refresh);
    if (position == snapshot && !atomic_load(&f->refresh)) {
        (void)store_wait(f->store, snapshot, WAIT_MS);
    }
    return ERR_OK;
}

static void follow_main(void *arg) {
    FlowTables *f = arg;
    thread_step_back(5);
    while (!stop_asked(&f->stop)) {
        ErrCode err = turn(f);
        if (err != ERR_OK) {
            log_error("table_follow", "err", err_name(err));
            /* What memory holds of positions may be ahead of what was kept. */
            atomic_store(&f->refresh, true);
            for (int waited = 0; waited < FAILED_MS && !stop_asked(&f->stop); waited += 50) {
                clock_sleep_ms(clock_real(), 50);
            }
        }
    }
}

ErrCode flow_tables_start(Store *store, FlowTables **ret_tables, ErrInfo *info) {
    FlowTables *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->store = store;
    mutex_init(&f->lock);
    cond_init(&f->moved);
    buf_init(&f->body, 64 * LIMIT_MIB);
    f->arena = arena_new(LIST_BYTES);
    f->scratch = arena_new(SCRATCH_BYTES);
    atomic_store(&f->refresh, true);
    ErrCode err =
        f->arena == NULL || f->scratch == NULL
            ? ERR_NOMEM
            : tables_open(&(TablesOpen){.store = store, .file = "tables.db"}, &f->tables, info);
    err = err == ERR_OK ? thread_start(&f->thread, "nhip-tables", follow_main, f) : err;
    if (err != ERR_OK) {
        flow_tables_stop(f);
        return err;
    }
    *ret_tables = f;
    return ERR_OK;
}

void flow_tables_stop(FlowTables *f) {
    if (f == NULL) {
        return;
    }
    stop_ask(&f->stop);
    thread_join(&f->thread);
    tables_close(f->tables);
    arena_free(f->arena);
    arena_free(f->scratch);
    buf_release(&f->body);
    mutex_release(&f->lock);
    cond_release(&f->moved);
    free(f);
}

void flow_tables_refresh(FlowTables *f) {
    if (f != NULL) {
        atomic_store(&f->refresh, true);
    }
}

Tables *flow_tables(FlowTables *f) {
    return f->tables;
}

bool flow_tables_settle(FlowTables *f, int64_t timeout_ms) {
    RecordNo snapshot = store_snapshot(f->store);
    int64_t until = clock_monotonic_ns(clock_real()) + timeout_ms * 1000000;
    MUTEX_GUARD(&f->lock);
    /* The list that is being made may have been asked before the call: the one after it counts. */
    uint64_t wanted = f->n_refreshed + 2;
    atomic_store(&f->refresh, true);
    while (f->n_refreshed < wanted || f->position < snapshot) {
        int64_t left = (until - clock_monotonic_ns(clock_real())) / 1000000;
        if (left <= 0) {
            return false;
        }
        if (f->n_refreshed < wanted) {
            atomic_store(&f->refresh, true);
        }
        (void)cond_wait_ms(&f->moved, &f->lock, MIN(left, INT64_C(50)));
    }
    return true;
}
