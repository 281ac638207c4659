/* What is around a visit: HISTORY out of the rows of the same person, WORK out of the lines of
 * those that came before. */
#include "book/book_int.h"

#include "core/time.h"

/* ---- HISTORY ---- */

typedef struct Span { /* days of a stay */
    int64_t from, to;
    bool known;
} Span;

static Span span_of(const BookData *d) {
    Span s = {d->day_in, d->day_out, true};
    if (s.from == BOOK_NO_DAY || s.to == BOOK_NO_DAY) {
        s.from = s.to = d->day_in != BOOK_NO_DAY ? d->day_in : d->day_out;
    }
    s.known = s.to != BOOK_NO_DAY;
    return s;
}

static bool is_death(const BookData *d) {
    return str_eq(d->xml1[XML1_KET_QUA_DTRI], STR("5"));
}

typedef struct Seen {
    const BookAround *around;
    const BookData *of;
    Span wide;     /* the stay and the days around it */
    bool everyone; /* all visits of the person */
    ErrCode (*each)(void *ctx, const BookData *other);
    void *ctx;
} Seen;

static bool is_near(const Seen *s, const BookData *other) {
    Span o = span_of(other);
    return s->wide.known && o.known && o.from <= s->wide.to && o.to >= s->wide.from;
}

static ErrCode see_near(void *ctx, const TableHit *hit) {
    Seen *s = ctx;
    BookData other = {.first = hit->first};
    if (hit->first == s->of->first) {
        return ERR_OK;
    }
    TRY(book_data_get(s->around->arena, hit->body, &other));
    return s->everyone || is_near(s, &other) ? s->each(s->ctx, &other) : ERR_OK;
}

/* Those that ended in death are seen from however far. */
static ErrCode see_death(void *ctx, const TableHit *hit) {
    Seen *s = ctx;
    BookData other = {.first = hit->first};
    if (hit->first == s->of->first) {
        return ERR_OK;
    }
    TRY(book_data_get(s->around->arena, hit->body, &other));
    return is_near(s, &other) ? ERR_OK : s->each(s->ctx, &other);
}

static ErrCode scan(Seen *s, BookKeyClass class, int64_t from_day,
                    ErrCode (*each)(void *ctx, const TableHit *hit)) {
    Book *book = s->around->book;
    CLEANUP_BUF Buf from;
    CLEANUP_BUF Buf whole;
    buf_init(&from, LIMIT_MIB);
    buf_init(&whole, LIMIT_MIB);
    book_person_key(&from, class, s->of->person, from_day);
    book_person_key(&whole, class, s->of->person, BOOK_NO_DAY);
    TRY(buf_ok(&from));
    TRY(buf_ok(&whole));
    TableScan scan = {.side = s->around->side,
                      .id = book->visits.id,
                      .from = buf_str(&from),
                      .until = tables_behind(s->around->arena, buf_str(&whole)),
                      .max = BOOK_HISTORY_MAX,
                      .each = each,
                      .ctx = s};
    return arena_failed(s->around->arena) ? ERR_NOMEM : tables_scan(book->tables, &scan);
}

/* The person's other visits that this one sees, or all of them. */
static ErrCode see(Seen *s) {
    int64_t days = s->around->book->o.history_days;
    s->wide = span_of(s->of);
    s->wide.from -= s->wide.known ? days : 0;
    s->wide.to += s->wide.known ? days : 0;
    if (s->of->person == 0) {
        return ERR_OK;
    }
    if (s->everyone || s->wide.known) {
        TRY(scan(s, BOOK_KEY_PERSON, s->everyone ? BOOK_NO_DAY : s->wide.from, see_near));
    }
    return s->everyone ? ERR_OK : scan(s, BOOK_KEY_DEATH, BOOK_NO_DAY, see_death);
}

typedef struct History {
    Arena *arena;
    ClaimRecord *records;
    size_t n;
} History;

static ErrCode add_history(void *ctx, const BookData *other) {
    History *h = ctx;
    if (h->n < BOOK_HISTORY_MAX) {
        h->records[h->n++] = (ClaimRecord){.values = other->xml1};
    }
    return ERR_OK;
}

static ErrCode load_history(const BookAround *around, const BookData *data, RulesVisit *visit) {
    History h = {.arena = around->arena};
    h.records = arena_alloc(around->arena, BOOK_HISTORY_MAX * sizeof(*h.records));
    if (h.records == NULL) {
        return ERR_NOMEM;
    }
    TRY(see(&(Seen){.around = around, .of = data, .each = add_history, .ctx = &h}));
    h.records = arena_resize(around->arena, h.records, BOOK_HISTORY_MAX * sizeof(*h.records),
                             h.n * sizeof(*h.records));
    visit->records[RULES_HISTORY] = h.records;
    visit->n_records[RULES_HISTORY] = h.n;
    visit->history_loaded = true;
    return ERR_OK;
}

static ErrCode touch_one(void *ctx, const BookData *other) {
    const BookTouch *t = ctx;
    return t->each(t->ctx, other->first);
}

ErrCode book_touched(const BookAround *around, const BookData *data, const BookTouch *touch) {
    BookTouch t = *touch;
    return see(&(Seen){
        .around = around, .of = data, .everyone = is_death(data), .each = touch_one, .ctx = &t});
}

/* ---- WORK ---- */

int64_t book_work_since(const Book *book) {
    return time_vn_day(clock_now_ms(book->o.clock)) - (int64_t)book->o.work_days;
}

typedef struct WorkSeen {
    const BookAround *around;
    Slot first;
    const BookWho *whos;
    size_t at; /* the one whose lines are read */
    ClaimRecord *lines;
    size_t n, capacity;
} WorkSeen;

static bool same_who(const BookWho *a, const BookWho *b) {
    return a->day == b->day && a->kind == b->kind && str_eq(a->code, b->code);
}

/* A line of this one that none of those before has brought. */
static bool is_wanted(const WorkSeen *s, const Str *line) {
    BookWho who[BOOK_WHO_MAX];
    size_t n = book_who(line, who);
    for (size_t at = 0; at <= s->at; at++) {
        for (size_t i = 0; i < n; i++) {
            if (same_who(&who[i], &s->whos[at])) {
                return at == s->at;
            }
        }
    }
    return false;
}

static ErrCode see_work(void *ctx, const TableHit *hit) {
    WorkSeen *s = ctx;
    BookWork work;
    if (hit->first >= s->first) {
        return ERR_STOPPED; /* they come in the order of their arrival */
    }
    TRY(book_work_get(s->around->arena, hit->body, &work));
    for (size_t i = 0; i < work.n && s->n < BOOK_WORK_MAX; i++) {
        if (!is_wanted(s, work.lines[i].values)) {
            continue;
        }
        if (s->n == s->capacity) {
            ClaimRecord *grown =
                arena_grow(s->around->arena, s->lines, &s->capacity, sizeof *grown);
            if (grown == NULL) {
                return ERR_NOMEM;
            }
            s->lines = grown;
        }
        s->lines[s->n++] = work.lines[i];
    }
    return ERR_OK;
}

/* after: behind this visit; 0: from the first on. */
static ErrCode scan_work(const BookAround *around, const BookWho *who, Slot after,
                         ErrCode (*each)(void *ctx, const TableHit *hit), void *ctx) {
    CLEANUP_BUF Buf key;
    buf_init(&key, LIMIT_MIB);
    book_work_key(&key, who);
    TRY(buf_ok(&key));
    TableHit place = {.key = buf_str(&key), .first = after, .at = UINT64_MAX >> 1};
    TableScan scan = {.side = around->side,
                      .id = around->book->work.id,
                      .from = buf_str(&key),
                      .until = tables_behind(around->arena, buf_str(&key)),
                      .after = after == 0 ? NULL : &place,
                      .max = BOOK_WORK_MAX,
                      .each = each,
                      .ctx = ctx};
    ErrCode err =
        arena_failed(around->arena) ? ERR_NOMEM : tables_scan(around->book->tables, &scan);
    return err == ERR_STOPPED ? ERR_OK : err;
}

/* Who is at work in the lines, each once. */
static ErrCode whos_of(Arena *arena, const ClaimRecord *lines, size_t n_lines, BookWho **ret,
                       size_t *ret_n) {
    BookWho *all = arena_new_array(arena, BookWho, n_lines * BOOK_WHO_MAX + 1);
    size_t n = 0;
    if (all == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n_lines && n < BOOK_FOUND_MAX; i++) {
        BookWho who[BOOK_WHO_MAX];
        size_t n_who = book_who(lines[i].values, who);
        for (size_t k = 0; k < n_who; k++) {
            bool known = false;
            for (size_t j = 0; j < n && !known; j++) {
                known = same_who(&all[j], &who[k]);
            }
            if (!known) {
                all[n++] = who[k];
            }
        }
    }
    *ret = all;
    *ret_n = n;
    return ERR_OK;
}

static ErrCode load_work(const BookAround *around, const BookData *data, RulesVisit *visit) {
    BookWho *whos = NULL;
    size_t n = 0;
    WorkSeen seen = {.around = around, .first = data->first};
    TRY(whos_of(around->arena, visit->records[3], visit->n_records[3], &whos, &n));
    seen.whos = whos;
    for (size_t i = 0; i < n; i++) {
        if (whos[i].day < around->work_since) {
            continue; /* those of before may be gone */
        }
        seen.at = i;
        TRY(scan_work(around, &whos[i], 0, see_work, &seen));
    }
    visit->records[RULES_WORK] = seen.lines;
    visit->n_records[RULES_WORK] = seen.n;
    visit->work_loaded = true;
    return ERR_OK;
}

static ErrCode touch_work(void *ctx, const TableHit *hit) {
    const BookTouch *t = ctx;
    return t->each(t->ctx, hit->first);
}

ErrCode book_work_touched(const BookAround *around, Slot first, Str body, const BookTouch *touch) {
    BookWork work;
    BookWho *whos = NULL;
    size_t n = 0;
    BookTouch t = *touch;
    if (body.len == 0) {
        return ERR_OK;
    }
    TRY(book_work_get(around->arena, body, &work));
    TRY(whos_of(around->arena, work.lines, work.n, &whos, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(scan_work(around, &whos[i], first, touch_work, &t));
    }
    return ERR_OK;
}

ErrCode book_around(const BookAround *around, const BookData *data, RulesVisit *visit) {
    Span span = span_of(data);
    TRY(load_history(around, data, visit));
    return around->book->o.work_days > 0 && span.known && span.to >= around->work_since
               ? load_work(around, data, visit)
               : ERR_OK;
}
