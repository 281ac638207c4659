#include "flow/flow_rows.h"

#include "core/limits.h"

enum { CHUNK_RECORDS = 64 };
#define SCRATCH_BYTES (512 * LIMIT_MIB)

ErrCode flow_put_row(Buf *out, Arena *arena, const SqlView *view, FlowFormat format,
                     const SqlCell *cells) {
    if (format == FLOW_CSV) {
        CLEANUP_BUF Buf kept;
        buf_init(&kept, 64 * LIMIT_MIB);
        sqlview_put_array(&kept, view, cells);
        TRY(buf_ok(&kept));
        return sqlview_kept_csv(out, arena, arena_str(arena, buf_str(&kept)));
    }
    if (format == FLOW_JSON) {
        buf_put_lit(out, ",\n");
    }
    sqlview_put_object(out, view, cells);
    if (format == FLOW_NDJSON) {
        buf_put_char(out, '\n');
    }
    return buf_ok(out);
}

typedef struct Rows {
    const FlowRows *what;
    FlowRange range;
    FlowFiles *files;
    Mutex lock; /* info */
    ErrInfo *info;
} Rows;

typedef struct Worker {
    Rows *rows;
    FlowWriter *writer;
    Arena *scratch;
    uint64_t n; /* rows of the resource */
    ErrInfo info;
} Worker;

static ErrCode put_row(void *ctx, const SqlCell *cells) {
    Worker *w = ctx;
    const FlowRows *what = w->rows->what;
    w->n++;
    return flow_put_row(flow_buf(w->writer, 0), w->scratch, what->view, what->format, cells);
}

static bool want_version(void *ctx, const StoreVersion *v) {
    const Rows *r = ((Worker *)ctx)->rows;
    return v->type == sqlview_resource(r->what->view) && flow_range_has(&r->range, v);
}

static ErrCode put_version(void *ctx, const StoreVersion *v) {
    Worker *w = ctx;
    const FlowRows *what = w->rows->what;
    const JsonNode *root = NULL;
    arena_reset(w->scratch);
    w->n = 0;
    TRY(json_parse(w->scratch, v->json, &root, NULL));
    TRY(sqlview_rows(w->scratch, what->view, root, &(SqlSink){put_row, w}, &w->info));
    atomic_fetch_add_explicit(&what->progress->resources, 1, memory_order_relaxed);
    return w->n == 0 ? ERR_OK : flow_wrote(w->writer, 0, w->n);
}

static ErrCode run_chunk(void *own, uint64_t from, uint64_t n) {
    Worker *w = own;
    return flow_range_scan(&w->rows->range, from, n,
                           &(StoreScan){.want = want_version, .each = put_version, .ctx = w});
}

static ErrCode end_worker(void *own, ErrCode err) {
    Worker *w = own;
    err = err == ERR_OK ? flow_writer_flush(w->writer) : err;
    if (err != ERR_OK && w->info.code == err) {
        MUTEX_GUARD(&w->rows->lock);
        *w->rows->info = w->info;
    }
    flow_writer_free(w->writer);
    arena_free(w->scratch);
    free(w);
    return err;
}

static ErrCode begin_worker(void *ctx, void **ret_own) {
    Worker *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return ERR_NOMEM;
    }
    *ret_own = w;
    w->rows = ctx;
    w->scratch = arena_new(SCRATCH_BYTES);
    return w->scratch == NULL ? ERR_NOMEM : flow_writer_new(w->rows->files, &w->writer);
}

static ErrCode run(Rows *r, Arena *arena) {
    const FlowRows *what = r->what;
    TRY(flow_range_make(what->store, &what->which, arena, &r->range));
    atomic_store(&what->progress->total, r->range.n);
    return flow_work(&(FlowWork){.n = r->range.n,
                                 .chunk = CHUNK_RECORDS,
                                 .threads = what->threads,
                                 .progress = what->progress,
                                 .begin = begin_worker,
                                 .run = run_chunk,
                                 .end = end_worker,
                                 .ctx = r});
}

ErrCode flow_rows(const FlowRows *what, FlowRowsDone *ret, ErrInfo *info) {
    static const char *const endings[] = {
        [FLOW_CSV] = "csv", [FLOW_NDJSON] = "jsonl", [FLOW_JSON] = "json"};
    CLEANUP_ARENA Arena *arena = arena_new(SCRATCH_BYTES);
    CLEANUP_BUF Buf head;
    Rows r = {.what = what, .info = info};
    bool json = what->format == FLOW_JSON;
    buf_init(&head, LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (what->format == FLOW_CSV && what->header) {
        sqlview_put_csv_head(&head, what->view);
    }
    FlowForm form = {.name = what->name,
                     .ending = endings[what->format],
                     .head = json ? STR("[") : buf_str(&head),
                     .foot = json ? STR("\n]\n") : STR_EMPTY,
                     .drops_first = json,
                     .one_file = json,
                     .always = true};
    mutex_init(&r.lock);
    ErrCode err = buf_ok(&head);
    err = err == ERR_OK ? flow_files_new(what->dir, &form, 1, &r.files) : err;
    err = err == ERR_OK ? run(&r, arena) : err;
    FlowRowsDone done = {.files = r.files, .snapshot = r.range.snapshot};
    err = err == ERR_OK ? flow_files_end(r.files, &done.list, &done.n) : err;
    mutex_release(&r.lock);
    if (err != ERR_OK) {
        flow_files_free(r.files);
        return err;
    }
    *ret = done;
    return ERR_OK;
}
