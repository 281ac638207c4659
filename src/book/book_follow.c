/* The follower: reads the log behind the book's position, finds which visits have changed, has
 * their rows made; and between two batches makes rows again that stand by other rules. Rows, lists,
 * sums and the position change in one transaction. */
#include "book/book_int.h"

#include "core/json.h"
#include "core/log.h"
#include "store/store_scan.h"

enum {
    BATCH_RECORDS = 256, /* in one transaction */
    RENEW_ROWS = 128,    /* the same */
    WAIT_MS = 200,
    FAILED_MS = 2000, /* before another try: the disk may be full */
    ID_MAX = 64,
};
#define FOLLOW_BYTES (64 * LIMIT_MIB)

typedef struct Follow {
    Book *book;
    BookMake *make;
    Arena *arena;
    char last[ID_MAX + 1]; /* the Encounter that was noted last */
    bool last_task;
    RecordNo from;  /* the batch begins behind this record */
    int64_t pruned; /* day before which WORK has nothing left to drop */
} Follow;

/* ---- what has changed ---- */

static bool is_id_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.';
}

static void remember(Follow *f, Str id, bool task_only) {
    size_t len = id.len <= ID_MAX ? id.len : 0;
    memcpy(f->last, id.ptr, len);
    f->last[len] = '\0';
    f->last_task = task_only;
}

static ErrCode note_encounter(Follow *f, Str id, bool task_only) {
    if (id.len == 0 || id.len > ID_MAX ||
        (str_eq(id, str_from(f->last)) && f->last_task == task_only)) {
        return ERR_OK;
    }
    remember(f, id, task_only);
    Slot first = store_first(f->book->o.store, FHIR_T_ENCOUNTER, id);
    return first == 0 ? ERR_OK : book_make_note(f->make, first, task_only);
}

/* Every Encounter that the text names, wherever it stands: what only mentions a visit has its row
 * made once too often, what belongs to it is never missed. */
static ErrCode note_named(Follow *f, Str json, bool task_only) {
    static const Str name = {"Encounter/", 10};
    for (Str rest = json;;) {
        size_t at = str_find(rest, name);
        if (at == SIZE_MAX) {
            return ERR_OK;
        }
        size_t from = at + name.len;
        size_t to = from;
        while (to < rest.len && is_id_char(rest.ptr[to])) {
            to++;
        }
        TRY(note_encounter(f, str_sub(rest, from, to - from), task_only));
        rest = str_sub(rest, to, rest.len - to);
    }
}

static bool is_settlement(const StoreVersion *v) {
    return v->type == FHIR_T_TASK &&
           str_find(v->json, STR("\"" BOOK_SYSTEM_SETTLEMENT "\"")) != SIZE_MAX;
}

/* The visits that it named and names no more: in every version since the last batch, and in the
 * one that stood then. */
static ErrCode note_before(Follow *f, const StoreVersion *v) {
    StoreVersion before = {.slot = v->slot};
    for (uint32_t version = v->version; version > 1 && SLOT_RECORD(before.slot) > f->from;) {
        ErrCode err =
            store_get_version(f->book->o.store, f->arena, v->type, v->id, --version, &before);
        if (err == ERR_NOT_FOUND) {
            return ERR_OK;
        }
        TRY(err == ERR_GONE ? ERR_OK : err);
        TRY(note_named(f, before.json, is_settlement(&before)));
    }
    return ERR_OK;
}

static ErrCode take_version(void *ctx, const StoreVersion *v) {
    Follow *f = ctx;
    arena_reset(f->arena);
    if (v->type == FHIR_T_ENCOUNTER) {
        remember(f, v->id, false); /* what follows it names it */
        return book_make_note(f->make, v->first, false);
    }
    if (v->type == FHIR_T_PATIENT) {
        Slot to = 0;
        TRY(book_link_of(f->book, f->arena, v, &to));
        TRY(to == 0 && v->version == 1 ? ERR_OK : book_make_link(f->make, v->first, to));
    }
    bool is_task = !v->deleted && is_settlement(v); /* a step changes no reference */
    TRY(is_task ? ERR_OK : note_before(f, v));
    return v->deleted ? ERR_OK : note_named(f, v->json, is_task);
}

/* ---- the note ---- */

static ErrCode note_put(Follow *f, const BookNote *note) {
    return tables_note(f->book->tables, f->book->visits.id,
                       (Str){(const char *)note, sizeof(*note)});
}

static ErrCode table_now(Follow *f, TableRow *ret) {
    TRY(tables_read_begin(f->book->tables));
    ErrCode err = tables_find(f->book->tables, TABLE_AS_READ, f->arena, STR("visits"), ret);
    tables_read_end(f->book->tables);
    return err;
}

static void tell(Book *b, RecordNo position) {
    MUTEX_GUARD(&b->lock);
    b->position = position;
    cond_broadcast(&b->moved);
}

/* ---- batches ---- */

static ErrCode follow(Follow *f, RecordNo from, RecordNo to) {
    Book *b = f->book;
    book_make_begin(f->make);
    f->last[0] = '\0';
    f->from = from;
    TRY(store_scan(b->o.store, &(StoreScan){.first = from + 1,
                                            .last = to,
                                            .snapshot = to,
                                            .deletes = true,
                                            .each = take_version,
                                            .ctx = f}));
    ErrCode err = tables_begin(b->tables);
    err = err == ERR_OK ? book_make_run(f->make) : err;
    err = err == ERR_OK ? tables_move(b->tables, &(TableMove){.id = b->visits.id,
                                                              .position = to,
                                                              .rows = book_make_rows(f->make)})
                        : err;
    return tables_end(b->tables, err);
}

typedef struct Rows {
    BookMake *make;
    Slot last;
    uint64_t n;
} Rows;

static ErrCode note_row(void *ctx, Slot first, uint64_t at, Str body) {
    Rows *r = ctx;
    (void)at;
    (void)body;
    r->last = first;
    r->n++;
    return book_make_note(r->make, first, false);
}

/* A few rows more by the rules in force. */
static ErrCode renew(Follow *f, RecordNo position, BookNote *note) {
    Book *b = f->book;
    TableRow table;
    Rows rows = {.make = f->make};
    book_make_begin(f->make);
    TRY(tables_read(b->tables, f->arena,
                    &(TableRead){.name = STR("visits"),
                                 .after_first = note->behind,
                                 .after_at = UINT32_MAX,
                                 .max = RENEW_ROWS,
                                 .each = note_row,
                                 .ctx = &rows},
                    &table));
    note->behind = rows.n < RENEW_ROWS ? UINT64_MAX : rows.last;
    note->done += rows.n;
    ErrCode err = tables_begin(b->tables);
    err = err == ERR_OK ? book_make_run(f->make) : err;
    err = err == ERR_OK ? tables_move(b->tables, &(TableMove){.id = b->visits.id,
                                                              .position = position,
                                                              .rows = book_make_rows(f->make)})
                        : err;
    err = err == ERR_OK ? note_put(f, note) : err;
    return tables_end(b->tables, err);
}

/* By what the rows stand; begins anew when it is not what is in force. An empty table has no rows
 * that could be old. */
static ErrCode current_note(Follow *f, const TableRow *table, BookNote *ret) {
    Sha256 digest;
    {
        MUTEX_GUARD(&f->book->lock);
        digest = f->book->digest;
    }
    if (book_note_get(table->note, ret) && sha256_eq(&ret->digest, &digest)) {
        return ERR_OK;
    }
    memset(ret, 0, sizeof(*ret)); /* its padding is written, too */
    ret->digest = digest;
    ret->behind = table->n_rows == 0 ? UINT64_MAX : 0;
    ErrCode err = tables_begin(f->book->tables);
    err = err == ERR_OK ? note_put(f, ret) : err;
    return tables_end(f->book->tables, err);
}

/* Once a day, when there is nothing else to do. */
static ErrCode prune(Follow *f) {
    int64_t since = book_work_since(f->book);
    bool more = false;
    if (f->pruned == since) {
        return ERR_OK;
    }
    ErrCode err = tables_begin(f->book->tables);
    err = err == ERR_OK ? book_make_prune(f->make, &more) : err;
    TRY(tables_end(f->book->tables, err));
    f->pruned = more ? f->pruned : since;
    return ERR_OK;
}

static ErrCode turn(Follow *f) {
    Book *b = f->book;
    TableRow table;
    BookNote note;
    RecordNo snapshot = store_snapshot(b->o.store);
    arena_reset(f->arena);
    TRY(table_now(f, &table));
    TRY(current_note(f, &table, &note));
    if (table.position < snapshot) {
        RecordNo to = MIN(snapshot, table.position + BATCH_RECORDS);
        TRY(follow(f, table.position, to));
        table.position = to;
    }
    if (note.behind != UINT64_MAX) {
        TRY(renew(f, table.position, &note));
    }
    tell(b, table.position);
    if (table.position == snapshot && note.behind == UINT64_MAX) {
        TRY(prune(f));
        (void)store_wait(b->o.store, snapshot, WAIT_MS);
    }
    return ERR_OK;
}

static void run(Follow *f) {
    while (!stop_asked(&f->book->stop)) {
        ErrCode err = turn(f);
        if (err == ERR_OK) {
            continue;
        }
        log_error("book_follow", "err", err_name(err));
        for (int waited = 0; waited < FAILED_MS && !stop_asked(&f->book->stop); waited += 50) {
            clock_sleep_ms(clock_real(), 50);
        }
    }
}

void book_follow_main(void *arg) {
    Follow f = {.book = arg, .pruned = INT64_MIN};
    thread_step_back(15);
    f.arena = arena_new(FOLLOW_BYTES);
    ErrCode err = f.arena == NULL ? ERR_NOMEM : book_make_new(f.book, &f.make);
    if (err == ERR_OK) {
        run(&f);
    } else {
        log_error("book_follow", "err", err_name(err));
    }
    book_make_free(f.make);
    arena_free(f.arena);
}
