#include "book/book_int.h"

#include "core/hash.h"

#define SHAPE_BYTES (256 * LIMIT_MIB)

/* ---- rules by hash ---- */

static int by_hash(const void *a, const void *b) {
    const struct BookRule *x = a;
    const struct BookRule *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Rows name rules by four bytes: two rules of one name cannot be told apart there. */
static ErrCode index_rules(Book *b, ErrInfo *info) {
    b->n_rules = rules_count(b->o.rules);
    b->rules = calloc(b->n_rules + 1, sizeof(*b->rules));
    if (b->rules == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < b->n_rules; i++) {
        const RulesRule *r = rules_get(b->o.rules, i);
        b->rules[i] = (struct BookRule){book_rule_hash(r->id), r};
    }
    qsort(b->rules, b->n_rules, sizeof(*b->rules), by_hash);
    for (size_t i = 1; i < b->n_rules; i++) {
        if (b->rules[i].hash == b->rules[i - 1].hash) {
            return err_set(info, ERR_INVALID, "rule-name", "rename one of the rules %.*s and %.*s",
                           "hãy đổi tên một trong hai quy tắc %.*s và %.*s",
                           STR_ARG(b->rules[i - 1].rule->id), STR_ARG(b->rules[i].rule->id));
        }
    }
    return ERR_OK;
}

const RulesRule *book_rule_by_hash(const Book *b, uint32_t hash) {
    struct BookRule key = {.hash = hash};
    const struct BookRule *found = bsearch(&key, b->rules, b->n_rules, sizeof(*b->rules), by_hash);
    return found == NULL ? NULL : found->rule;
}

/* Fields of a row: what rows are listed by, and what rules read of other visits. */
static void choose_fields(Book *b) {
    static const int always[] = {XML1_NAM_QT,   XML1_THANG_QT,    XML1_T_BHTT,
                                 XML1_HO_TEN,   XML1_MA_THE_BHYT, XML1_MA_LOAI_KCB,
                                 XML1_NGAY_VAO, XML1_NGAY_RA,     XML1_KET_QUA_DTRI};
    static const int who[] = {XML3_NGUOI_THUC_HIEN, XML3_MA_MAY, XML3_NGAY_TH_YL};
    for (int f = 0; f < XML1_FIELD_COUNT; f++) {
        b->kept[f] = rules_reads(b->o.rules, RULES_HISTORY, f);
    }
    for (int f = 0; f < XML3_FIELD_COUNT; f++) {
        b->work_kept[f] = f != XML3_MA_LK && rules_reads(b->o.rules, RULES_WORK, f);
    }
    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        b->kept[always[i]] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(who); i++) {
        b->work_kept[who[i]] = true;
    }
}

/* ---- opening ---- */

static void digest_of(const Book *b, Str world_digest, Sha256 *ret) {
    Sha256 parts[2];
    unsigned days[] = {b->o.history_days, b->o.work_days};
    rules_digest(b->o.rules, &parts[0]);
    sha256(world_digest, &parts[1]);
    sha256_pair((Str){(const char *)parts, sizeof(parts)}, (Str){(const char *)days, sizeof(days)},
                ret);
}

static ErrCode open_table(Book *b, Arena *arena, Str name, BookTable *ret) {
    TableRow row;
    Str definition = arena_printf(arena, "%d", BOOK_FORMAT);
    if (!b->o.read_only) {
        TRY(tables_put(b->tables, name, definition));
    }
    TRY(tables_read(b->tables, arena, &(TableRead){.name = name}, &row));
    if (!str_eq(row.definition, definition)) {
        return ERR_NOT_FOUND;
    }
    ret->id = row.id;
    ret->shape.scratch = b->shape_arena;
    return ERR_OK;
}

/* What the rows see of other visits in WORK, and whose visits they are, belongs to them: the tables
 * are of one age. */
static ErrCode open_tables(Book *b, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    TableRow row;
    TablesOpen how = {
        .store = b->o.store, .file = "book.db", .large = true, .read_only = b->o.read_only};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(tables_open(&how, &b->tables, info));
    TRY(open_table(b, arena, STR("visits"), &b->visits));
    TRY(open_table(b, arena, STR("work"), &b->work));
    TRY(open_table(b, arena, STR("links"), &b->links));
    b->visits.shape.facts = book_facts;
    b->work.shape.facts = book_work_facts;
    TRY(tables_read(b->tables, arena, &(TableRead){.name = STR("visits")}, &row));
    b->position = row.position;
    return ERR_OK;
}

ErrCode book_open(const BookOptions *options, Book **ret_book, ErrInfo *info) {
    Book *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return ERR_NOMEM;
    }
    b->o = *options;
    b->o.clock = options->clock == NULL ? clock_real() : options->clock;
    mutex_init(&b->lock);
    mutex_init(&b->runs_lock);
    cond_init(&b->moved);
    b->shape_arena = arena_new(SHAPE_BYTES);
    choose_fields(b);
    digest_of(b, options->world_digest, &b->digest);
    ErrCode err = b->shape_arena == NULL ? ERR_NOMEM : index_rules(b, info);
    err = err == ERR_OK ? open_tables(b, info) : err;
    if (err != ERR_OK) {
        book_close(b);
        return err;
    }
    *ret_book = b;
    return ERR_OK;
}

ErrCode book_start(Book *b) {
    return thread_start(&b->thread, "nhip-book", book_follow_main, b);
}

void book_close(Book *b) {
    if (b == NULL) {
        return;
    }
    stop_ask(&b->stop);
    thread_join(&b->thread);
    for (size_t i = 0; i < b->n_runs; i++) {
        rules_run_free(b->runs[i]);
    }
    tables_close(b->tables);
    arena_free(b->shape_arena);
    free(b->rules);
    mutex_release(&b->lock);
    mutex_release(&b->runs_lock);
    cond_release(&b->moved);
    free(b);
}

void book_renew(Book *b, Str world_digest) {
    MUTEX_GUARD(&b->lock);
    digest_of(b, world_digest, &b->digest);
}

/* ---- how far ---- */

bool book_wait(Book *b, RecordNo record, int64_t timeout_ms) {
    int64_t until = clock_monotonic_ns(clock_real()) + timeout_ms * 1000000;
    MUTEX_GUARD(&b->lock);
    while (b->position < record) {
        int64_t left = (until - clock_monotonic_ns(clock_real())) / 1000000;
        if (left <= 0) {
            return false;
        }
        (void)cond_wait_ms(&b->moved, &b->lock, left);
    }
    return true;
}

bool book_note_get(Str bytes, BookNote *ret) {
    if (bytes.len != sizeof(*ret)) {
        return false;
    }
    memcpy(ret, bytes.ptr, sizeof(*ret));
    return true;
}

ErrCode book_progress(Book *b, BookProgress *ret) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    TableRow row;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(tables_read(b->tables, arena, &(TableRead){.name = STR("visits")}, &row));
    BookNote note = {.behind = 0};
    MUTEX_GUARD(&b->lock);
    bool same = book_note_get(row.note, &note) && sha256_eq(&note.digest, &b->digest);
    bool all = row.n_rows == 0 || (same && note.behind == UINT64_MAX);
    *ret = (BookProgress){.position = row.position,
                          .snapshot = store_snapshot(b->o.store),
                          .visits = row.n_rows,
                          .renewed = all || !same ? 0 : MIN(note.done, row.n_rows),
                          .to_renew = all ? 0 : row.n_rows};
    return ERR_OK;
}

/* ---- runs of callers ---- */

ErrCode book_run_take(Book *b, RulesRun **ret_run) {
    {
        MUTEX_GUARD(&b->runs_lock);
        if (b->n_runs > 0) {
            *ret_run = b->runs[--b->n_runs];
            return ERR_OK;
        }
    }
    return rules_run_new(b->o.rules, ret_run);
}

void book_run_give(Book *b, RulesRun *run) {
    MUTEX_GUARD(&b->runs_lock);
    if (run != NULL && b->n_runs < ARRAY_LEN(b->runs)) {
        b->runs[b->n_runs++] = run;
        return;
    }
    rules_run_free(run);
}
