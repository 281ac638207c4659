#include "book/book_try.h"

#include "book/book_int.h"

enum { SIDES = 2 }; /* in force, changed */

typedef struct Trial {
    const BookTry *what;
    Arena *arena;   /* of the answer */
    Arena *scratch; /* of a visit */
    RulesRun *runs[SIDES];
    bool kept; /* rows have all that the changed rules read */
    BookTryCount *counts;
    size_t n, capacity;
    uint32_t *places; /* count + 1, by hash */
    size_t mask;
    uint64_t visits, failed;
} Trial;

/* ---- counts ---- */

static uint64_t hash_of(Str rule, Str facility, Str department) {
    return hash64_mix(hash64_mix(hash64(rule), hash64(facility)), hash64(department));
}

static bool is_count(const BookTryCount *c, Str rule, const BookData *d) {
    return str_eq(c->rule, rule) && str_eq(c->facility, d->facility) &&
           str_eq(c->department, d->department);
}

static ErrCode grow(Trial *t) {
    size_t capacity = MAX((size_t)256, 2 * t->capacity);
    t->counts = arena_resize(t->arena, t->counts, t->capacity * sizeof(*t->counts),
                             capacity * sizeof(*t->counts));
    free(t->places);
    t->places = calloc(2 * capacity, sizeof(*t->places));
    if (t->counts == NULL || t->places == NULL) {
        return ERR_NOMEM;
    }
    t->mask = 2 * capacity - 1;
    t->capacity = capacity;
    for (size_t i = 0; i < t->n; i++) {
        const BookTryCount *c = &t->counts[i];
        size_t at = (size_t)hash_of(c->rule, c->facility, c->department) & t->mask;
        while (t->places[at] != 0) {
            at = (at + 1) & t->mask;
        }
        t->places[at] = (uint32_t)i + 1;
    }
    return ERR_OK;
}

static ErrCode count_of(Trial *t, Str rule, const BookData *d, BookTryCount **ret) {
    if (t->n == t->capacity) {
        TRY(grow(t));
    }
    size_t at = (size_t)hash_of(rule, d->facility, d->department) & t->mask;
    while (t->places[at] != 0 && !is_count(&t->counts[t->places[at] - 1], rule, d)) {
        at = (at + 1) & t->mask;
    }
    if (t->places[at] == 0) {
        t->counts[t->n++] = (BookTryCount){.rule = arena_str(t->arena, rule),
                                           .facility = arena_str(t->arena, d->facility),
                                           .department = arena_str(t->arena, d->department)};
        t->places[at] = (uint32_t)t->n;
    }
    *ret = &t->counts[t->places[at] - 1];
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- a visit ---- */

/* Ids of the rules that found something, each once. */
static ErrCode rules_of(Arena *arena, const RulesReport *r, Str **ret, size_t *ret_n) {
    Str *ids = arena_new_array(arena, Str, r->n_findings + 1);
    size_t n = 0;
    if (ids == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n_findings; i++) {
        Str id = r->findings[i].rule->id;
        bool known = false;
        for (size_t k = 0; k < n && !known; k++) {
            known = str_eq(ids[k], id);
        }
        if (!known) {
            ids[n++] = id;
        }
    }
    *ret = ids;
    *ret_n = n;
    return ERR_OK;
}

static bool has(const Str *ids, size_t n, Str id) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(ids[i], id)) {
            return true;
        }
    }
    return false;
}

static ErrCode check(Trial *t, int side, const RulesVisit *visit, Str **ret_ids, size_t *ret_n) {
    RulesReport report;
    RulesVisit seen = *visit;
    if (side == 1 && !t->kept) {
        seen.history_loaded = seen.work_loaded = false;
        seen.n_records[RULES_HISTORY] = seen.n_records[RULES_WORK] = 0;
    }
    TRY(rules_check(t->runs[side], &seen, &t->what->book->o.world, RULES_AT_EXPORT, &report));
    return rules_of(t->scratch, &report, ret_ids, ret_n);
}

static ErrCode compare(Trial *t, const BookVisit *v) {
    Str *ids[SIDES];
    size_t n[SIDES];
    BookTryCount *c = NULL;
    for (int side = 0; side < SIDES; side++) {
        TRY(check(t, side, &v->rules, &ids[side], &n[side]));
    }
    for (size_t i = 0; i < n[1]; i++) {
        if (!has(ids[0], n[0], ids[1][i])) {
            TRY(count_of(t, ids[1][i], &v->data, &c));
            c->n_newly++;
            c->asked_newly += v->data.asked;
        }
    }
    for (size_t i = 0; i < n[0]; i++) {
        if (!has(ids[1], n[1], ids[0][i])) {
            TRY(count_of(t, ids[0][i], &v->data, &c));
            c->n_no_longer++;
            c->asked_no_longer += v->data.asked;
        }
    }
    return ERR_OK;
}

static ErrCode try_visit(Trial *t, Slot visit) {
    Book *b = t->what->book;
    BookVisit v;
    arena_reset(t->scratch);
    ErrCode err = book_visit_read(b, t->scratch, visit, &v);
    if (err == ERR_NOT_FOUND) { /* gone since the page was read */
        return ERR_OK;
    }
    TRY(err);
    BookAround around = {b, t->scratch, TABLE_AS_READ, book_work_since(b)};
    TRY(tables_read_begin(b->tables));
    err = book_person(&around, v.data.patient, &v.data.person);
    err = err == ERR_OK ? book_around(&around, &v.data, &v.rules) : err;
    tables_read_end(b->tables);
    t->visits++;
    return err == ERR_OK ? compare(t, &v) : err;
}

/* ---- the month ---- */

static ErrCode count_visits(const BookTry *what, Arena *arena, const BookFilter *filter,
                            uint64_t *ret) {
    BookCounts counts;
    TRY(book_counts(what->book, arena, filter, &counts));
    *ret = 0;
    for (size_t i = 0; i < counts.n_groups; i++) {
        *ret += counts.groups[i].n;
    }
    return ERR_OK;
}

static ErrCode try_month(Trial *t) {
    const BookTry *what = t->what;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_BUF Buf after;
    BookAsk ask = {
        .filter = {.facility = what->facility, .month_from = what->month, .month_to = what->month},
        .max = LIMIT_PAGE_COUNT};
    BookPage page = {.next = STR_EMPTY};
    uint64_t total = 0;
    buf_init(&after, LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(count_visits(what, arena, &ask.filter, &total));
    do {
        arena_reset(arena);
        ask.after = buf_str(&after);
        TRY(book_list(what->book, arena, &ask, &page));
        for (size_t i = 0; i < page.n_rows; i++) {
            if (what->stop != NULL && stop_asked(what->stop)) {
                return ERR_STOPPED;
            }
            ErrCode err = try_visit(t, page.rows[i].first);
            t->failed += err == ERR_LIMIT;
            TRY(err == ERR_LIMIT ? ERR_OK : err);
        }
        if (what->step != NULL) {
            what->step(what->ctx, t->visits, total);
        }
        buf_clear(&after);
        buf_put_str(&after, page.next);
        TRY(buf_ok(&after));
    } while (after.len > 0);
    return ERR_OK;
}

static int by_rule(const void *a, const void *b) {
    const BookTryCount *x = a;
    const BookTryCount *y = b;
    int cmp = str_cmp(x->rule, y->rule);
    cmp = cmp != 0 ? cmp : str_cmp(x->facility, y->facility);
    return cmp != 0 ? cmp : str_cmp(x->department, y->department);
}

/* Do rows keep every field that the changed rules read of other visits? */
static bool is_kept(const BookTry *what) {
    const Book *b = what->book;
    bool kept = true;
    for (int f = 0; f < XML1_FIELD_COUNT; f++) {
        bool always = f == XML1_MA_LK || f == XML1_MA_CSKCB;
        kept = kept && (always || b->kept[f] || !rules_reads(what->changed, RULES_HISTORY, f));
    }
    for (int f = 0; f < XML3_FIELD_COUNT; f++) {
        kept = kept &&
               (f == XML3_MA_LK || b->work_kept[f] || !rules_reads(what->changed, RULES_WORK, f));
    }
    return kept;
}

static ErrCode run(Trial *t) {
    TRY(rules_run_new(t->what->book->o.rules, &t->runs[0]));
    TRY(rules_run_new(t->what->changed, &t->runs[1]));
    return try_month(t);
}

ErrCode book_try(const BookTry *what, Arena *arena, BookTryReport *ret_report) {
    Trial t = {.what = what, .arena = arena, .kept = is_kept(what)};
    t.scratch = arena_new(BOOK_VISIT_BYTES);
    ErrCode err = t.scratch == NULL ? ERR_NOMEM : run(&t);
    if (err == ERR_OK && t.n > 0) {
        qsort(t.counts, t.n, sizeof(*t.counts), by_rule);
    }
    *ret_report = (BookTryReport){.counts = t.counts,
                                  .n_counts = t.n,
                                  .n_visits = t.visits,
                                  .n_failed = t.failed,
                                  .history_left = !t.kept};
    rules_run_free(t.runs[0]);
    rules_run_free(t.runs[1]);
    arena_free(t.scratch);
    free(t.places);
    return err;
}
