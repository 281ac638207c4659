#include "flow/flow_export.h"

#include "core/limits.h"
#include "fhir/fhir_print.h"

enum { CHUNK_RECORDS = 64, PAGE = 500, SEEN_FIRST = 1024 };
#define TAPE_BYTES (512 * LIMIT_MIB)

typedef struct Export {
    const FlowExport *what;
    FlowProgress *progress;
    FlowFiles *files;
    FlowForm forms[FLOW_OUTPUTS];
    bool scanned[FHIR_RESOURCE_COUNT + 1];  /* types that come from the log */
    bool filtered[FHIR_RESOURCE_COUNT + 1]; /* types that are searched */
    FlowRange range;
    uint64_t n_records; /* of the range; 0: none need be read */
    _Atomic uint64_t next_type;
} Export;

typedef struct Worker {
    Export *e;
    FlowWriter *writer;
    Arena *tape; /* of one resource; NULL: none is parsed */
} Worker;

/* ---- what goes out ---- */

static bool is_wanted(void *ctx, const StoreVersion *v) {
    const Export *e = ((Worker *)ctx)->e;
    return (e->scanned[v->type] || (v->deleted && e->filtered[v->type])) &&
           flow_range_has(&e->range, v);
}

static ErrCode put_deleted(Worker *w, const StoreVersion *v) {
    Buf *b = flow_buf(w->writer, FLOW_DELETED);
    buf_printf(b,
               "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{"
               "\"method\":\"DELETE\",\"url\":\"%s/" STR_FMT "\"}}]}\n",
               fhir_type_name(v->type), STR_ARG(v->id));
    return flow_wrote(w->writer, FLOW_DELETED, 1);
}

static ErrCode put_some(Worker *w, const StoreVersion *v, Buf *b) {
    const FlowExport *what = w->e->what;
    FhirPrintOptions print = {.elements = what->elements, .n_elements = (unsigned)what->n_elements};
    FhirResource resource;
    arena_reset(w->tape);
    TRY(fhir_parse(w->tape, v->json, &resource, NULL));
    fhir_print(b, &resource, &print);
    return ERR_OK;
}

static ErrCode put_version(void *ctx, const StoreVersion *v) {
    Worker *w = ctx;
    if (v->deleted) {
        return put_deleted(w, v);
    }
    Buf *b = flow_buf(w->writer, v->type);
    if (w->e->what->n_elements > 0) {
        TRY(put_some(w, v, b));
    } else {
        buf_put_str(b, v->json);
    }
    buf_put_char(b, '\n');
    atomic_fetch_add_explicit(&w->e->progress->resources, 1, memory_order_relaxed);
    return flow_wrote(w->writer, v->type, 1);
}

/* ---- the log ---- */

static ErrCode scan_chunk(void *own, uint64_t from, uint64_t n) {
    Worker *w = own;
    return flow_range_scan(&w->e->range, from, n,
                           &(StoreScan){.deletes = w->e->range.which.has_since,
                                        .want = is_wanted,
                                        .each = put_version,
                                        .ctx = w});
}

/* ---- filters ---- */

/* Slots that an earlier filter of the type found: open addressing, 0 is empty. */
typedef struct Seen {
    Slot *slots;
    size_t n, capacity;
} Seen;

static bool seen_insert(Slot *slots, size_t capacity, Slot slot) {
    size_t at = (slot * UINT64_C(0x9E3779B97F4A7C15)) >> 20 & (capacity - 1);
    while (slots[at] != 0 && slots[at] != slot) {
        at = (at + 1) & (capacity - 1);
    }
    bool is_new = slots[at] == 0;
    slots[at] = slot;
    return is_new;
}

static ErrCode seen_add(Seen *s, Slot slot, bool *ret_new) {
    if (s->n * 2 >= s->capacity) {
        size_t capacity = s->capacity == 0 ? SEEN_FIRST : s->capacity * 2;
        Slot *slots = calloc(capacity, sizeof(*slots));
        if (slots == NULL) {
            return ERR_NOMEM;
        }
        for (size_t i = 0; i < s->capacity; i++) {
            if (s->slots[i] != 0) {
                (void)seen_insert(slots, capacity, s->slots[i]);
            }
        }
        free(s->slots);
        s->slots = slots;
        s->capacity = capacity;
    }
    *ret_new = seen_insert(s->slots, s->capacity, slot);
    s->n += *ret_new;
    return ERR_OK;
}

static ErrCode put_page(Worker *w, const StorePage *page, Seen *seen) {
    for (size_t i = 0; i < page->n_matches; i++) {
        const StoreVersion *v = &page->matches[i];
        bool is_new = true;
        if (!flow_range_has(&w->e->range, v)) {
            continue;
        }
        if (seen != NULL) {
            TRY(seen_add(seen, v->slot, &is_new));
        }
        if (is_new) {
            TRY(put_version(w, v));
        }
    }
    return ERR_OK;
}

/* The sender's question was too hard or wrong: the export says so and goes on. */
static ErrCode put_refusal(Worker *w, const ErrInfo *info) {
    Buf *b = flow_buf(w->writer, FLOW_ERRORS);
    fhir_print_outcome_err(b, info, FHIR_LANG_EN);
    buf_put_char(b, '\n');
    return flow_wrote(w->writer, FLOW_ERRORS, 1);
}

static ErrCode run_filter(Worker *w, const FhirQuery *query, Seen *seen) {
    Export *e = w->e;
    CLEANUP_ARENA Arena *arena = arena_new(TAPE_BYTES);
    StoreSearch search = {.query = query, .snapshot = e->range.snapshot, .count = PAGE};
    StorePage page = {0};
    do {
        ErrInfo why = {0};
        if (arena == NULL || stop_asked(&e->progress->stop)) {
            return arena == NULL ? ERR_NOMEM : ERR_STOPPED;
        }
        arena_reset(arena);
        ErrCode err = store_search(e->what->store, arena, &search, &page, &why);
        if (err == ERR_LIMIT || err == ERR_UNSUPPORTED || err == ERR_PARAM) {
            return put_refusal(w, &why);
        }
        TRY(err);
        TRY(put_page(w, &page, seen));
        search.after = page.next;
    } while (page.next != 0);
    return ERR_OK;
}

static ErrCode search_type(Worker *w, FhirType type) {
    const FlowExport *what = w->e->what;
    Seen seen = {0};
    size_t n = 0;
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < what->n_filters; i++) {
        n += what->filters[i].type == type;
    }
    for (size_t i = 0; i < what->n_filters && err == ERR_OK; i++) {
        if (what->filters[i].type == type) {
            err = run_filter(w, &what->filters[i], n > 1 ? &seen : NULL);
        }
    }
    free(seen.slots);
    atomic_fetch_add_explicit(&w->e->progress->done, 1, memory_order_relaxed);
    return err;
}

static ErrCode search_all(Worker *w) {
    Export *e = w->e;
    while (true) {
        uint64_t type = atomic_fetch_add(&e->next_type, 1) + 1;
        if (type > FHIR_RESOURCE_COUNT) {
            return ERR_OK;
        }
        if (e->filtered[type]) {
            TRY(search_type(w, (FhirType)type));
        }
    }
}

/* ---- running ---- */

static ErrCode end_worker(void *own, ErrCode err) {
    Worker *w = own;
    err = err == ERR_OK ? flow_writer_flush(w->writer) : err;
    flow_writer_free(w->writer);
    arena_free(w->tape);
    free(w);
    return err;
}

static ErrCode begin_worker(void *ctx, void **ret_own) {
    Export *e = ctx;
    Worker *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return ERR_NOMEM;
    }
    *ret_own = w;
    w->e = e;
    if (e->what->n_elements > 0) {
        w->tape = arena_new(TAPE_BYTES);
        if (w->tape == NULL) {
            return ERR_NOMEM;
        }
    }
    TRY(flow_writer_new(e->files, &w->writer));
    return search_all(w);
}

static ErrCode plan(Export *e, Arena *arena) {
    const FlowExport *what = e->what;
    TRY(flow_range_make(what->store, &what->which, arena, &e->range));
    for (size_t i = 0; i < what->n_filters; i++) {
        FhirType type = what->filters[i].type;
        e->filtered[type] = what->types == NULL || what->types[type];
    }
    uint64_t n_filtered = 0;
    bool scans = what->which.has_since;
    for (FhirType type = 1; (int)type <= FHIR_RESOURCE_COUNT; type++) {
        e->scanned[type] = !e->filtered[type] && (what->types == NULL || what->types[type]);
        scans = scans || e->scanned[type];
        n_filtered += e->filtered[type];
        e->forms[type] = (FlowForm){.name = fhir_type_name(type), .ending = "ndjson"};
    }
    e->forms[FLOW_DELETED] = (FlowForm){.name = "deleted", .ending = "ndjson"};
    e->forms[FLOW_ERRORS] = (FlowForm){.name = "error", .ending = "ndjson"};
    e->n_records = scans ? e->range.n : 0;
    atomic_store(&e->progress->total, e->n_records + n_filtered);
    return ERR_OK;
}

static ErrCode run(Export *e) {
    CLEANUP_ARENA Arena *arena = arena_new(TAPE_BYTES);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(plan(e, arena));
    return flow_work(&(FlowWork){.n = e->n_records,
                                 .chunk = CHUNK_RECORDS,
                                 .threads = e->what->threads,
                                 .progress = e->progress,
                                 .begin = begin_worker,
                                 .run = scan_chunk,
                                 .end = end_worker,
                                 .ctx = e});
}

ErrCode flow_export(const FlowExport *what, FlowExported *ret) {
    CLEANUP_FREE Export *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return ERR_NOMEM;
    }
    e->what = what;
    e->progress = what->progress;
    ErrCode err = flow_files_new(what->dir, e->forms, FLOW_OUTPUTS, &e->files);
    err = err == ERR_OK ? run(e) : err;
    const FlowFile *list = NULL;
    size_t n = 0;
    err = err == ERR_OK ? flow_files_end(e->files, &list, &n) : err;
    if (err != ERR_OK) {
        flow_files_free(e->files);
        return err;
    }
    *ret = (FlowExported){e->files, list, n, e->range.snapshot};
    return ERR_OK;
}
