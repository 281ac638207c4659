/* Counts are sums, lists are keys: what a page holds is what its groups count. */
#include "book/book_int.h"

#include "core/fold.h"

#define SCRATCH_BYTES (64 * LIMIT_MIB)

static unsigned states_of(const BookFilter *f) {
    return f->states == 0 ? BOOK_ALL_STATES : f->states;
}

/* As a key has it. */
static Str code_of(Str code) {
    return code.len > BOOK_CODE_MAX ? str_sub(code, 0, BOOK_CODE_MAX) : code;
}

static bool is_in(const BookFilter *f, const BookPlace *p) {
    return (f->facility.len == 0 || str_eq(code_of(f->facility), p->facility)) &&
           (f->month_from == 0 || p->month >= f->month_from) &&
           (f->month_to == 0 || p->month <= f->month_to) &&
           (states_of(f) & BOOK_BIT(p->state)) != 0 &&
           (p->class != BOOK_SUM_DEPARTMENT || str_eq(code_of(f->department), p->department));
}

/* ---- groups ---- */

typedef struct Group {
    BookPlace place;
    TableSum sum;
} Group;

typedef struct Groups {
    Arena *arena;
    const BookFilter *filter;
    Group *items;
    size_t n, capacity;
} Groups;

static ErrCode take_group(void *ctx, const TableSum *sum) {
    Groups *g = ctx;
    BookPlace place;
    if (!book_place_get(sum->group, &place)) {
        return ERR_CORRUPT;
    }
    if (!is_in(g->filter, &place)) {
        return ERR_OK;
    }
    if (g->n == g->capacity) {
        size_t grown = MAX((size_t)256, 2 * g->capacity);
        g->items = arena_resize(g->arena, g->items, g->capacity * sizeof(*g->items),
                                grown * sizeof(*g->items));
        g->capacity = grown;
    }
    if (g->items == NULL) {
        return ERR_NOMEM;
    }
    place.facility = arena_str(g->arena, place.facility);
    place.department = arena_str(g->arena, place.department);
    g->items[g->n++] = (Group){place, *sum};
    return ERR_OK;
}

/* Between read_begin and read_end. start: its class, rule and facility bound what is read. */
static ErrCode read_groups(Book *b, const BookPlace *start, Groups *g) {
    CLEANUP_BUF Buf from;
    buf_init(&from, LIMIT_MIB);
    book_place_put_facility(&from, start);
    TRY(buf_ok(&from));
    Str prefix = buf_str(&from);
    if (start->class == BOOK_KEY_RULE && g->filter->rule.len == 0) {
        prefix = str_sub(prefix, 0, 1); /* of every rule */
    }
    Str until = tables_behind(g->arena, prefix);
    if (arena_failed(g->arena)) {
        return ERR_NOMEM;
    }
    return tables_groups(b->tables, &(TableGroups){.side = TABLE_AS_READ,
                                                   .id = b->visits.id,
                                                   .from = prefix,
                                                   .until = until,
                                                   .each = take_group,
                                                   .ctx = g});
}

static ErrCode position_now(Book *b, Arena *arena, RecordNo *ret) {
    TableRow table;
    TRY(tables_find(b->tables, TABLE_AS_READ, arena, STR("visits"), &table));
    *ret = table.position;
    return ERR_OK;
}

static ErrCode groups_at(Book *b, const BookPlace *start, Groups *g, RecordNo *ret_position) {
    TRY(tables_read_begin(b->tables));
    ErrCode err = position_now(b, g->arena, ret_position);
    err = err == ERR_OK ? read_groups(b, start, g) : err;
    tables_read_end(b->tables);
    return err;
}

ErrCode book_counts(Book *b, Arena *arena, const BookFilter *filter, BookCounts *ret) {
    Groups g = {.arena = arena, .filter = filter};
    BookPlace start = {.class =
                           filter->department.len > 0 ? BOOK_SUM_DEPARTMENT : BOOK_SUM_FACILITY,
                       .facility = filter->facility};
    RecordNo position = 0;
    TRY(groups_at(b, &start, &g, &position));
    BookCount *counts = arena_new_array(arena, BookCount, g.n + 1);
    if (counts == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g.n; i++) {
        const BookPlace *p = &g.items[i].place;
        const int64_t *v = g.items[i].sum.values;
        counts[i] = (BookCount){.facility = p->facility,
                                .department = p->department,
                                .month = p->month,
                                .state = p->state,
                                .n = g.items[i].sum.n,
                                .n_held = (uint64_t)v[BOOK_HELD],
                                .n_warned = (uint64_t)v[BOOK_WARNED],
                                .money = {.total = v[BOOK_TOTAL],
                                          .asked = v[BOOK_ASKED],
                                          .accepted = v[BOOK_ACCEPTED_SUM],
                                          .paid = v[BOOK_PAID_SUM]}};
    }
    *ret = (BookCounts){counts, g.n, position};
    return ERR_OK;
}

static int by_rule(const void *a, const void *b) {
    const BookRuleCount *x = a;
    const BookRuleCount *y = b;
    int cmp = str_cmp(x->rule, y->rule);
    cmp = cmp != 0 ? cmp : str_cmp(x->facility, y->facility);
    cmp = cmp != 0 ? cmp : (x->month > y->month) - (x->month < y->month);
    return cmp != 0 ? cmp : (x->state > y->state) - (x->state < y->state);
}

ErrCode book_rules(Book *b, Arena *arena, const BookFilter *filter, BookRuleCounts *ret) {
    Groups g = {.arena = arena, .filter = filter};
    BookPlace start = {.class = BOOK_KEY_RULE,
                       .rule = book_rule_hash(filter->rule),
                       .facility = filter->rule.len > 0 ? filter->facility : STR_EMPTY};
    RecordNo position = 0;
    TRY(groups_at(b, &start, &g, &position));
    BookRuleCount *counts = arena_new_array(arena, BookRuleCount, g.n + 1);
    if (counts == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g.n; i++) {
        const BookPlace *p = &g.items[i].place;
        const RulesRule *rule = book_rule_by_hash(b, p->rule);
        counts[i] = (BookRuleCount){.rule = rule == NULL ? STR_EMPTY : rule->id,
                                    .weight = rule == NULL ? RULES_INFORMS : rule->weight,
                                    .facility = p->facility,
                                    .month = p->month,
                                    .state = p->state,
                                    .n = g.items[i].sum.n,
                                    .n_found = (uint64_t)g.items[i].sum.values[0],
                                    .asked = g.items[i].sum.values[1]};
    }
    if (g.n > 0) {
        qsort(counts, g.n, sizeof(*counts), by_rule);
    }
    *ret = (BookRuleCounts){counts, g.n, position};
    return ERR_OK;
}

/* ---- rows ---- */

static BookRow shown(const BookData *d) {
    BookRow row = {.first = d->first,
                   .patient = d->patient,
                   .facility = d->facility,
                   .ma_lk = d->ma_lk,
                   .department = d->department,
                   .name = d->xml1[XML1_HO_TEN],
                   .card = d->xml1[XML1_MA_THE_BHYT],
                   .kind = d->xml1[XML1_MA_LOAI_KCB],
                   .month = d->month,
                   .day_in = d->day_in,
                   .day_out = d->day_out,
                   .state = book_data_state(d),
                   .task_state = d->task.state,
                   .task_version = d->task.version,
                   .state_since = d->since,
                   .claim_version = d->bill_version,
                   .money = {d->total, d->asked, d->task.accepted, d->task.paid},
                   .n_not_checked = d->n_not_checked};
    for (int w = 0; w < RULES_WEIGHTS; w++) {
        row.n_by_weight[w] = book_data_weight(d, (RulesWeight)w);
    }
    return row;
}

static ErrCode name_row(Book *b, Arena *arena, const BookData *d, BookRow *row) {
    TRY(book_data_id(b, arena, d, BOOK_ID_VISIT, &row->visit_id));
    TRY(book_data_id(b, arena, d, BOOK_ID_PATIENT, &row->patient_id));
    return book_data_id(b, arena, d, BOOK_ID_BILL, &row->claim_id);
}

ErrCode book_row(Book *b, Arena *arena, Slot visit, BookRow *ret_row) {
    Str body;
    BookData d = {.first = visit};
    TRY(tables_read_begin(b->tables));
    ErrCode err = tables_get(b->tables, TABLE_AS_READ, arena,
                             &(TableCell){.id = b->visits.id, .first = visit}, &body);
    tables_read_end(b->tables);
    TRY(err);
    TRY(book_data_get(arena, body, &d));
    *ret_row = shown(&d);
    return name_row(b, arena, &d, ret_row);
}

ErrCode book_visit(Book *b, Arena *arena, Str key, Slot *ret_visit) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {FHIR_T_ENCOUNTER, FHIR_P_IDENTIFIER, STR(CLAIM_SYSTEM_VISIT), key};
    TRY(store_find(b->o.store, arena, &token, 1, &found, &n));
    if (n == 0) {
        return ERR_NOT_FOUND;
    }
    *ret_visit = found[0].first;
    return ERR_OK;
}

static bool is_held(const BookRow *row) {
    return row->state == BOOK_ENTERED || row->n_by_weight[RULES_BLOCKS] > 0;
}

ErrCode book_standing(Book *b, const Str *keys, size_t n, BookStanding *ret) {
    CLEANUP_ARENA Arena *arena = arena_new(SCRATCH_BYTES);
    BookStanding s = {0};
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        Slot visit = 0;
        BookRow row;
        arena_reset(arena);
        ErrCode err = book_visit(b, arena, keys[i], &visit);
        err = err == ERR_OK ? book_row(b, arena, visit, &row) : err;
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return err;
        }
        s.n_unknown += err != ERR_OK;
        s.n_clean += err == ERR_OK && !is_held(&row);
        s.n_held += err == ERR_OK && is_held(&row);
    }
    *ret = s;
    return ERR_OK;
}

/* ---- lists ---- */

typedef struct Page {
    Book *book;
    Arena *arena; /* of the answer */
    Arena *scratch;
    const BookAsk *ask;
    Str text; /* folded */
    BookRow *rows;
    BookData *data;
    size_t n, max, looked;
    bool more;
    TableHit last; /* looked at, and not to be looked at again */
} Page;

static bool has_text(const Page *p, const BookData *d) {
    const Str in[] = {d->ma_lk, d->xml1[XML1_HO_TEN], d->xml1[XML1_MA_THE_BHYT]};
    bool found = p->text.len == 0;
    for (size_t i = 0; i < ARRAY_LEN(in) && !found; i++) {
        found = str_find(fold(p->scratch, in[i]), p->text) != SIZE_MAX;
    }
    return found;
}

static bool has_weight(const BookFilter *f, const BookData *d) {
    bool found = f->weights == 0;
    for (int w = 0; w < RULES_WEIGHTS && !found; w++) {
        found = (f->weights & 1U << w) != 0 && book_data_weight(d, (RulesWeight)w) > 0;
    }
    return found;
}

static bool has_rule(const BookFilter *f, const BookData *d) {
    bool found = f->rule.len == 0;
    for (size_t i = 0; i < d->n_found && !found; i++) {
        found = d->found[i].rule == book_rule_hash(f->rule);
    }
    return found;
}

static bool is_wanted(const Page *p, const BookData *d) {
    const BookFilter *f = &p->ask->filter;
    return (f->department.len == 0 || str_eq(code_of(f->department), d->department)) &&
           has_rule(f, d) && has_weight(f, d) && has_text(p, d);
}

static ErrCode take_hit(void *ctx, const TableHit *hit) {
    Page *p = ctx;
    BookData d = {.first = hit->first};
    if (p->n == p->max || p->looked == BOOK_LOOK_MAX) {
        p->more = true;
        return ERR_STOPPED;
    }
    arena_reset(p->scratch);
    TRY(book_data_get(p->scratch, hit->body, &d));
    p->looked++;
    p->last = (TableHit){arena_str(p->arena, hit->key), hit->first, hit->at, STR_EMPTY};
    if (!is_wanted(p, &d)) {
        return ERR_OK;
    }
    TRY(book_data_get(p->arena, hit->body, &d)); /* once more, to stay */
    p->data[p->n] = d;
    p->rows[p->n++] = shown(&d);
    return ERR_OK;
}

static int place_cmp(const BookPlace *x, const BookPlace *y) {
    int cmp = str_cmp(x->facility, y->facility);
    cmp = cmp != 0 ? cmp : (x->month < y->month) - (x->month > y->month);
    return cmp != 0 ? cmp : (x->state > y->state) - (x->state < y->state);
}

static int by_place(const void *a, const void *b) {
    return place_cmp(&((const Group *)a)->place, &((const Group *)b)->place);
}

/* The list of one group, behind `after` when it stands in it. */
static ErrCode scan_group(Page *p, const Group *g, const TableHit *after) {
    Book *b = p->book;
    BookPlace place = g->place;
    CLEANUP_BUF Buf from;
    buf_init(&from, LIMIT_MIB);
    if (place.class == BOOK_SUM_DEPARTMENT || place.class == BOOK_SUM_FACILITY) {
        place.class = BOOK_KEY_LIST;
    }
    book_place_put(&from, &place);
    TRY(buf_ok(&from));
    Str prefix = buf_str(&from);
    if (g->place.class == BOOK_SUM_FACILITY) {
        prefix = str_sub(prefix, 0, prefix.len - 1); /* every department */
    }
    TableScan scan = {.side = TABLE_AS_READ,
                      .id = b->visits.id,
                      .from = prefix,
                      .until = tables_behind(p->arena, prefix),
                      .after = after,
                      .max = SIZE_MAX >> 1,
                      .each = take_hit,
                      .ctx = p};
    return arena_failed(p->arena) ? ERR_NOMEM : tables_scan(b->tables, &scan);
}

static ErrCode scan_groups(Page *p, Groups *g, const TableHit *after) {
    BookPlace at;
    ErrCode err = ERR_OK;
    if (after != NULL && !book_place_get(after->key, &at)) {
        return ERR_PARAM;
    }
    if (g->n > 0) {
        qsort(g->items, g->n, sizeof(*g->items), by_place);
    }
    for (size_t i = 0; i < g->n && err == ERR_OK; i++) {
        int cmp = after == NULL ? 1 : place_cmp(&g->items[i].place, &at);
        err = cmp < 0 ? ERR_OK : scan_group(p, &g->items[i], cmp == 0 ? after : NULL);
    }
    return err == ERR_STOPPED ? ERR_OK : err;
}

/* Slot, then the key, in hexadecimal. */
static Str cursor_of(Arena *arena, const TableHit *hit) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    buf_printf(&b, "%016llx", (unsigned long long)hit->first);
    hex_put(&b, (const uint8_t *)hit->key.ptr, hit->key.len);
    return arena_str(arena, buf_str(&b));
}

static ErrCode cursor_read(Arena *arena, Str text, TableHit *ret) {
    uint8_t *bytes = arena_alloc(arena, text.len / 2 + 1);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    if (text.len < 18 || text.len % 2 != 0 || text.len > 1024 ||
        hex_parse(text, bytes, text.len / 2) != ERR_OK) {
        return ERR_PARAM;
    }
    *ret = (TableHit){.key = {(const char *)bytes + 8, text.len / 2 - 8}};
    for (int i = 0; i < 8; i++) {
        ret->first = ret->first << 8 | bytes[i];
    }
    return ERR_OK;
}

static ErrCode read_page(Page *p, const TableHit *after, RecordNo *ret_position) {
    const BookFilter *f = &p->ask->filter;
    Groups g = {.arena = p->arena, .filter = f};
    BookPlace start = {.class = f->rule.len > 0         ? BOOK_KEY_RULE
                                : f->department.len > 0 ? BOOK_SUM_DEPARTMENT
                                                        : BOOK_SUM_FACILITY,
                       .rule = book_rule_hash(f->rule),
                       .facility = f->facility};
    TRY(tables_read_begin(p->book->tables));
    ErrCode err = position_now(p->book, p->arena, ret_position);
    err = err == ERR_OK ? read_groups(p->book, &start, &g) : err;
    err = err == ERR_OK ? scan_groups(p, &g, after) : err;
    tables_read_end(p->book->tables);
    return err;
}

ErrCode book_list(Book *b, Arena *arena, const BookAsk *ask, BookPage *ret_page) {
    TableHit after;
    CLEANUP_ARENA Arena *scratch = arena_new(SCRATCH_BYTES);
    Page p = {.book = b,
              .arena = arena,
              .scratch = scratch,
              .ask = ask,
              .max = MIN(ask->max, (size_t)LIMIT_PAGE_COUNT)};
    p.rows = arena_new_array(arena, BookRow, p.max + 1);
    p.data = arena_new_array(arena, BookData, p.max + 1);
    if (scratch == NULL || p.rows == NULL || p.data == NULL) {
        return ERR_NOMEM;
    }
    p.text = fold(arena, ask->filter.text);
    if (ask->after.len > 0) {
        TRY(cursor_read(arena, ask->after, &after));
    }
    RecordNo position = 0;
    TRY(read_page(&p, ask->after.len > 0 ? &after : NULL, &position));
    for (size_t i = 0; i < p.n; i++) {
        TRY(name_row(b, arena, &p.data[i], &p.rows[i]));
    }
    *ret_page = (BookPage){.rows = p.rows,
                           .n_rows = p.n,
                           .next = p.more && p.looked > 0 ? cursor_of(arena, &p.last) : STR_EMPTY,
                           .position = position};
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}
