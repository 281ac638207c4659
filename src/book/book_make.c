/* Rows are made: first those of the visits that have changed, then those of the visits around them,
 * whose HISTORY or WORK is another one now. What asks the store and the rules is done for several
 * visits side by side; book.db is read and changed by one thread, in the order of what is to do. */
#include "book/book_int.h"

#include "core/log.h"

enum {
    NEED_TASK = 1,
    NEED_ROW = 2,
    NEED_CHECK = 4,
    DONE = 8,
    IN_HAND = 16, /* of a group; has not looked around yet */
    AT_ONCE = 32, /* visits of a group */
    THREADS_MAX = 4,
};
#define AT_ONCE_BYTES (16 * LIMIT_MIB) /* a visit that needs more is made alone */

typedef struct Todo { /* visits, each once */
    struct TodoItem {
        Slot visit;
        unsigned need;
    } * items;
    size_t n, capacity;
    uint32_t *places; /* item + 1, by hash */
    size_t mask;
} Todo;

/* One of a group of visits. */
typedef struct Member {
    BookMake *make;
    size_t item; /* of what is to do */
    Arena *arena;
    BookVisit visit;
    BookData old;
    bool had;   /* a row */
    bool gone;  /* has no row any more */
    bool alone; /* to be made again, alone: too large, or an error that is told there */
} Member;

struct BookMake {
    Book *book;
    Arena *arena; /* of the visit at hand: large's, or a member's */
    Arena *large;
    Pool *pool;
    Member group[AT_ONCE];
    size_t n_group;
    Todo todo;
    struct MakeLink {
        Slot from, to;
    } * links; /* in the order of the log */
    size_t n_links, cap_links;
    Buf body, work;
    int64_t work_since;
    int64_t rows;
};

/* ---- what is to do ---- */

static size_t place_of(const Todo *t, Slot visit) {
    size_t at = (size_t)(visit * UINT64_C(0x9E3779B97F4A7C15) >> 20) & t->mask;
    while (t->places[at] != 0 && t->items[t->places[at] - 1].visit != visit) {
        at = (at + 1) & t->mask;
    }
    return at;
}

static ErrCode grow(Todo *t) {
    size_t capacity = MAX((size_t)1024, 2 * t->capacity);
    struct TodoItem *items = realloc(t->items, capacity * sizeof(*items));
    if (items == NULL) {
        return ERR_NOMEM;
    }
    t->items = items;
    uint32_t *places = calloc(2 * capacity, sizeof(*places));
    if (places == NULL) {
        return ERR_NOMEM;
    }
    free(t->places);
    t->places = places;
    t->mask = 2 * capacity - 1;
    t->capacity = capacity;
    for (size_t i = 0; i < t->n; i++) {
        t->places[place_of(t, t->items[i].visit)] = (uint32_t)i + 1;
    }
    return ERR_OK;
}

static ErrCode need(Todo *t, Slot visit, unsigned what) {
    if (t->n == t->capacity) {
        TRY(grow(t));
    }
    size_t at = place_of(t, visit);
    if (t->places[at] == 0) {
        t->items[t->n++] = (struct TodoItem){.visit = visit};
        t->places[at] = (uint32_t)t->n;
    }
    struct TodoItem *item = &t->items[t->places[at] - 1];
    item->need = (item->need & ~(unsigned)DONE) | what;
    return ERR_OK;
}

static void forget(Todo *t) {
    t->n = 0;
    if (t->places != NULL) {
        memset(t->places, 0, (t->mask + 1) * sizeof(*t->places));
    }
}

void book_make_begin(BookMake *m) {
    forget(&m->todo);
    m->n_links = 0;
    m->rows = 0;
    m->work_since = book_work_since(m->book);
}

ErrCode book_make_note(BookMake *m, Slot visit, bool task_only) {
    return need(&m->todo, visit, task_only ? NEED_TASK : NEED_ROW);
}

ErrCode book_make_link(BookMake *m, Slot patient, Slot to) {
    if (m->n_links == m->cap_links) {
        size_t capacity = MAX((size_t)64, 2 * m->cap_links);
        struct MakeLink *links = realloc(m->links, capacity * sizeof(*links));
        if (links == NULL) {
            return ERR_NOMEM;
        }
        m->links = links;
        m->cap_links = capacity;
    }
    m->links[m->n_links++] = (struct MakeLink){patient, to};
    return ERR_OK;
}

int64_t book_make_rows(const BookMake *m) {
    return m->rows;
}

ErrCode book_make_new(Book *book, BookMake **ret_make) {
    BookMake *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return ERR_NOMEM;
    }
    m->book = book;
    buf_init(&m->body, 16 * LIMIT_MIB);
    buf_init(&m->work, 256 * LIMIT_MIB);
    m->large = arena_new(BOOK_VISIT_BYTES);
    m->arena = m->large;
    m->pool = pool_new(MIN(thread_cores(), (unsigned)THREADS_MAX), "nhip-book-row");
    bool made = m->large != NULL && m->pool != NULL;
    for (size_t i = 0; i < AT_ONCE; i++) {
        m->group[i] = (Member){.make = m, .arena = arena_new(AT_ONCE_BYTES)};
        made = made && m->group[i].arena != NULL;
    }
    if (!made) {
        book_make_free(m);
        return ERR_NOMEM;
    }
    *ret_make = m;
    return ERR_OK;
}

void book_make_free(BookMake *m) {
    if (m != NULL) {
        pool_free(m->pool);
        arena_free(m->large);
        for (size_t i = 0; i < AT_ONCE; i++) {
            arena_free(m->group[i].arena);
        }
        buf_release(&m->body);
        buf_release(&m->work);
        free(m->links);
        free(m->todo.items);
        free(m->todo.places);
        free(m);
    }
}

/* ---- one row ---- */

static ErrCode touch(void *ctx, Slot visit) {
    BookMake *m = ctx;
    size_t at = place_of(&m->todo, visit);
    uint32_t place = m->todo.places[at];
    unsigned needs = place == 0 ? DONE : m->todo.items[place - 1].need;
    /* What is still to be made will see the change. */
    bool waits = (needs & DONE) == 0 && (needs & (NEED_ROW | IN_HAND)) != 0;
    return waits ? ERR_OK : need(&m->todo, visit, NEED_CHECK);
}

static BookAround around_of(BookMake *m) {
    return (BookAround){m->book, m->arena, TABLE_IN_TURN, m->work_since};
}

static ErrCode touch_history(BookMake *m, const BookData *old, const BookData *now) {
    BookAround around = around_of(m);
    BookTouch t = {m, touch};
    if (old != NULL && now != NULL && book_data_same_history(old, now)) {
        return ERR_OK;
    }
    if (old != NULL) {
        TRY(book_touched(&around, old, &t));
    }
    return now == NULL ? ERR_OK : book_touched(&around, now, &t);
}

/* Puts the visit's lines for others to see; empty: none. Those that see them are checked again. */
static ErrCode put_work(BookMake *m, Slot visit, Str body) {
    Book *b = m->book;
    BookAround around = around_of(m);
    BookTouch t = {m, touch};
    TableCell cell = {.id = b->work.id, .first = visit};
    Str old = STR_EMPTY;
    bool had = false;
    ErrCode err = tables_get(b->tables, TABLE_IN_TURN, m->arena, &cell, &old);
    if (err != ERR_NOT_FOUND) {
        TRY(err);
    }
    if (str_eq(old, body)) {
        return ERR_OK;
    }
    TRY(book_work_touched(&around, visit, old, &t));
    TRY(book_work_touched(&around, visit, body, &t));
    cell.body = body;
    return body.len > 0 ? tables_set(b->tables, &b->work.shape, &cell)
                        : tables_unset(b->tables, &b->work.shape, &cell, &had);
}

static ErrCode old_row(BookMake *m, Slot visit, BookData *ret, bool *ret_had) {
    Book *b = m->book;
    Str body;
    ErrCode err = tables_get(b->tables, TABLE_IN_TURN, m->arena,
                             &(TableCell){.id = b->visits.id, .first = visit}, &body);
    *ret_had = err == ERR_OK;
    ret->first = visit;
    return err == ERR_OK ? book_data_get(m->arena, body, ret) : err == ERR_NOT_FOUND ? ERR_OK : err;
}

static ErrCode set_row(BookMake *m, const BookData *d, bool had) {
    Book *b = m->book;
    buf_clear(&m->body);
    book_data_put(&m->body, d, b->kept);
    TRY(buf_ok(&m->body));
    m->rows += !had;
    return tables_set(
        b->tables, &b->visits.shape,
        &(TableCell){.id = b->visits.id, .first = d->first, .body = buf_str(&m->body)});
}

static ErrCode drop_row(BookMake *m, Slot visit, const BookData *old) {
    Book *b = m->book;
    bool had = false;
    TRY(touch_history(m, old, NULL));
    TRY(put_work(m, visit, STR_EMPTY));
    m->rows--;
    return tables_unset(b->tables, &b->visits.shape,
                        &(TableCell){.id = b->visits.id, .first = visit}, &had);
}

/* Any thread. */
static ErrCode ask_rules(Book *b, Arena *arena, BookVisit *v) {
    RulesRun *run = NULL;
    RulesReport report;
    TRY(book_run_take(b, &run));
    ErrCode err = rules_check(run, &v->rules, &b->o.world, RULES_AT_EXPORT, &report);
    err = err == ERR_OK ? book_found_of(arena, &report, &v->data) : err;
    book_run_give(b, run);
    return err;
}

/* A visit that is too large or whose rules fail is held, not passed. */
static ErrCode check(BookMake *m, BookVisit *v) {
    BookAround around = around_of(m);
    ErrCode err = book_around(&around, &v->data, &v->rules);
    err = err == ERR_OK ? ask_rules(m->book, m->arena, v) : err;
    if (err == ERR_LIMIT || err == ERR_NOMEM) {
        log_warn("book_not_checked", "err", err_name(err));
        v->data.unchecked = true;
        v->data.n_found = 0;
        return ERR_OK;
    }
    return err;
}

/* Is the visit one that no claim can tell, rather than an error of the store? */
static bool is_no_claim(ErrCode err) {
    return err == ERR_NOT_FOUND || err == ERR_SYNTAX || err == ERR_INVALID || err == ERR_LIMIT;
}

static ErrCode name_person(BookMake *m, BookData *d) {
    BookAround around = around_of(m);
    return book_person(&around, d->patient, &d->person);
}

static bool gives_work(const BookMake *m, const BookData *d) {
    int64_t day = d->day_out != BOOK_NO_DAY ? d->day_out : d->day_in;
    return m->book->o.work_days > 0 && day != BOOK_NO_DAY && day >= m->work_since;
}

static ErrCode give_work(BookMake *m, const BookVisit *v) {
    buf_clear(&m->work);
    if (gives_work(m, &v->data)) {
        book_work_put(m->book, &v->data, &v->rules, &m->work);
        TRY(buf_ok(&m->work));
    }
    return put_work(m, v->data.first, buf_str(&m->work));
}

static ErrCode make_row(BookMake *m, Slot visit) {
    BookData old;
    BookVisit v;
    bool had = false;
    TRY(old_row(m, visit, &old, &had));
    ErrCode err = book_visit_read(m->book, m->arena, visit, &v);
    if (is_no_claim(err)) {
        return had ? drop_row(m, visit, &old) : ERR_OK;
    }
    TRY(err);
    TRY(name_person(m, &v.data));
    TRY(check(m, &v));
    TRY(set_row(m, &v.data, had));
    TRY(touch_history(m, had ? &old : NULL, &v.data));
    return give_work(m, &v);
}

/* The Task alone is another one: neither claim nor rules are asked. */
static ErrCode renew_task(BookMake *m, Slot visit) {
    BookData d;
    bool had = false;
    TRY(old_row(m, visit, &d, &had));
    if (!had) {
        return need(&m->todo, visit, NEED_ROW);
    }
    Str bill_id;
    TRY(book_data_id(m->book, m->arena, &d, BOOK_ID_BILL, &bill_id));
    BookTask before = d.task;
    TRY(book_task_read(m->book, m->arena, &d, bill_id));
    if (before.state != BOOK_ENTERED && d.task.state == BOOK_ENTERED) {
        /* taken back: since when it stands is the visit's own time */
        return need(&m->todo, visit, NEED_ROW);
    }
    return set_row(m, &d, true);
}

/* ---- a group of visits ---- */

static Slot slot_of(const BookMake *m, const Member *of) {
    return m->todo.items[of->item].visit;
}

/* Side by side: each member touches what is its own; the list of what is to do stands still. */
static void read_member(void *ctx, size_t i) {
    BookMake *m = ctx;
    Member *of = &m->group[i];
    arena_reset(of->arena);
    ErrCode err = book_visit_read(m->book, of->arena, slot_of(m, of), &of->visit);
    of->gone = err == ERR_NOT_FOUND;
    of->alone = err != ERR_OK && !of->gone;
}

static void check_member(void *ctx, size_t i) {
    BookMake *m = ctx;
    Member *of = &m->group[i];
    if (!of->gone && !of->alone) {
        of->alone = ask_rules(m->book, of->arena, &of->visit) != ERR_OK;
    }
}

/* Does another one of the group look at this one's row, as it was or as it is? */
static bool is_seen_within(const BookMake *m, const Member *of) {
    Slot now = of->visit.data.person;
    Slot before = of->had ? of->old.person : 0;
    for (size_t i = 0; i < m->n_group; i++) {
        const Member *other = &m->group[i];
        Slot person = other->visit.data.person;
        if (other != of && !other->gone && !other->alone && person != 0 &&
            (person == now || person == before)) {
            return true;
        }
    }
    return false;
}

static ErrCode name_member(BookMake *m, Member *of) {
    return of->gone ? ERR_OK : name_person(m, &of->visit.data);
}

/* What others see of the visit; its findings follow. */
static ErrCode show_member(BookMake *m, Member *of) {
    BookData *now = &of->visit.data;
    Slot visit = slot_of(m, of);
    TRY(old_row(m, visit, &of->old, &of->had));
    if (of->gone) {
        return of->had ? drop_row(m, visit, &of->old) : ERR_OK;
    }
    if (!(of->had && book_data_same_history(&of->old, now))) {
        TRY(touch_history(m, of->had ? &of->old : NULL, now));
        if (is_seen_within(m, of)) {
            TRY(set_row(m, now, of->had));
            of->had = true;
        }
    }
    return give_work(m, &of->visit);
}

static ErrCode look_around(BookMake *m, Member *of) {
    BookAround around = around_of(m);
    m->todo.items[of->item].need = DONE;
    return of->gone ? ERR_OK : book_around(&around, &of->visit.data, &of->visit.rules);
}

static ErrCode keep_member(BookMake *m, Member *of) {
    return of->gone ? ERR_OK : set_row(m, &of->visit.data, of->had);
}

/* One whose arena is full is made alone: what was done of it until then is found again there. */
static ErrCode each_member(BookMake *m, ErrCode (*fn)(BookMake *m, Member *of)) {
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < m->n_group && err == ERR_OK; i++) {
        Member *of = &m->group[i];
        m->arena = of->arena;
        err = of->alone ? ERR_OK : fn(m, of);
        if (err == ERR_LIMIT || (err != ERR_OK && arena_failed(of->arena))) {
            of->alone = true;
            err = ERR_OK;
        }
    }
    m->arena = m->large;
    return err;
}

/* Each member sees the others as they are now, whatever their order. */
static ErrCode make_group(BookMake *m) {
    pool_run(m->pool, read_member, m, m->n_group);
    TRY(each_member(m, name_member));
    TRY(each_member(m, show_member));
    TRY(each_member(m, look_around));
    pool_run(m->pool, check_member, m, m->n_group);
    TRY(each_member(m, keep_member));
    for (size_t i = 0; i < m->n_group; i++) {
        if (m->group[i].alone) {
            m->todo.items[m->group[i].item].need = DONE;
            arena_reset(m->arena);
            TRY(make_row(m, slot_of(m, &m->group[i])));
        }
    }
    m->n_group = 0;
    return ERR_OK;
}

/* ---- all of them ---- */

static ErrCode run_item(BookMake *m, size_t i) {
    struct TodoItem *item = &m->todo.items[i];
    if (item->need == NEED_TASK) {
        item->need = DONE;
        arena_reset(m->arena);
        return renew_task(m, item->visit);
    }
    item->need = IN_HAND;
    m->group[m->n_group++].item = i;
    return m->n_group < AT_ONCE ? ERR_OK : make_group(m);
}

/* Those that wait for one of these needs, in their order. */
static ErrCode run_pass(BookMake *m, unsigned needs) {
    m->n_group = 0;
    for (size_t i = 0; i < m->todo.n; i++) {
        if ((m->todo.items[i].need & needs) != 0) {
            TRY(run_item(m, i));
        }
    }
    return m->n_group == 0 ? ERR_OK : make_group(m);
}

static bool is_left(const Todo *t) {
    for (size_t i = 0; i < t->n; i++) {
        if (t->items[i].need != DONE) {
            return true;
        }
    }
    return false;
}

static ErrCode need_hit(void *ctx, const TableHit *hit) {
    BookMake *m = ctx;
    return need(&m->todo, hit->first, NEED_ROW);
}

/* All visits of the person as the rows have it. */
static ErrCode need_person(BookMake *m, Slot person) {
    CLEANUP_BUF Buf key;
    buf_init(&key, LIMIT_MIB);
    book_person_key(&key, BOOK_KEY_PERSON, person, BOOK_NO_DAY);
    TRY(buf_ok(&key));
    TableScan scan = {.side = TABLE_IN_TURN,
                      .id = m->book->visits.id,
                      .from = buf_str(&key),
                      .until = tables_behind(m->arena, buf_str(&key)),
                      .max = INT64_MAX,
                      .each = need_hit,
                      .ctx = m};
    return arena_failed(m->arena) ? ERR_NOMEM : tables_scan(m->book->tables, &scan);
}

/* A row whose person changes by several links has, until the first of them, the person that its row
 * names: so none is missed. */
static ErrCode take_links(BookMake *m) {
    for (size_t i = 0; i < m->n_links; i++) {
        BookAround around = around_of(m);
        Slot person = 0;
        bool changed = false;
        arena_reset(m->arena);
        TRY(book_person(&around, m->links[i].from, &person));
        TRY(book_link_set(&around, m->links[i].from, m->links[i].to, &changed));
        TRY(changed ? need_person(m, person) : ERR_OK);
    }
    return ERR_OK;
}

ErrCode book_make_run(BookMake *m) {
    TRY(take_links(m));
    TRY(run_pass(m, NEED_ROW | NEED_TASK));
    while (is_left(&m->todo)) {
        TRY(run_pass(m, NEED_ROW | NEED_TASK | NEED_CHECK));
    }
    return ERR_OK;
}

/* ---- what is too old for WORK ---- */

enum { PRUNE_MAX = 512 }; /* keys looked at in one turn */

typedef struct Old {
    Slot visits[PRUNE_MAX];
    size_t n;
} Old;

static ErrCode take_old(void *ctx, const TableHit *hit) {
    Old *old = ctx;
    if (old->n == 0 || old->visits[old->n - 1] != hit->first) {
        old->visits[old->n++] = hit->first;
    }
    return ERR_OK;
}

/* Does every line stand before the day? Of a long stay some may not. */
static ErrCode is_old(BookMake *m, const TableCell *cell, bool *ret) {
    BookWork work;
    Str body;
    arena_reset(m->arena);
    *ret = false;
    ErrCode err = tables_get(m->book->tables, TABLE_IN_TURN, m->arena, cell, &body);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    TRY(book_work_get(m->arena, body, &work));
    *ret = true;
    for (size_t i = 0; i < work.n && *ret; i++) {
        BookWho who[BOOK_WHO_MAX];
        *ret = book_who(work.lines[i].values, who) == 0 || who[0].day < m->work_since;
    }
    return ERR_OK;
}

ErrCode book_make_prune(BookMake *m, bool *ret_more) {
    Book *b = m->book;
    Old old = {.n = 0};
    bool dropped = false;
    CLEANUP_BUF Buf until;
    buf_init(&until, LIMIT_MIB);
    m->work_since = book_work_since(b);
    book_work_key(&until, &(BookWho){.day = m->work_since, .kind = '\0', .code = STR_EMPTY});
    TRY(buf_ok(&until));
    TRY(tables_scan(b->tables, &(TableScan){.side = TABLE_IN_TURN,
                                            .id = b->work.id,
                                            .from = STR("W"),
                                            .until = buf_str(&until),
                                            .max = PRUNE_MAX,
                                            .each = take_old,
                                            .ctx = &old}));
    for (size_t i = 0; i < old.n; i++) {
        TableCell cell = {.id = b->work.id, .first = old.visits[i]};
        bool drop = false;
        bool had = false;
        TRY(is_old(m, &cell, &drop));
        if (drop) {
            TRY(tables_unset(b->tables, &b->work.shape, &cell, &had));
            dropped = dropped || had;
        }
    }
    *ret_more = dropped;
    return ERR_OK;
}
