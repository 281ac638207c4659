#include "core/clock.h"
#include "fpath/fpath_fn_int.h"

/* ---- sets over a run of the stack */

/* The items from `from` on, n of them; with more than a few of them a hash table of their places.
 */
typedef struct Set {
    size_t from, n;
    uint32_t *slots; /* place - from + 1; 0: free */
    size_t mask;
} Set;

enum { LINEAR_MAX = 8 };

static void set_slot(FpathRun *r, Set *set, size_t i) {
    size_t at = (size_t)fpath_hash(r->arena, &r->items[set->from + i]);
    while (set->slots[at & set->mask] != 0) {
        at++;
    }
    set->slots[at & set->mask] = (uint32_t)i + 1;
}

/* The item behind the last of the set joins it. */
static ErrCode set_add(FpathRun *r, Set *set) {
    set->n++;
    if (set->n <= LINEAR_MAX) {
        return ERR_OK;
    }
    if (set->slots != NULL && set->n * 2 <= set->mask + 1) {
        set_slot(r, set, set->n - 1);
        return ERR_OK;
    }
    size_t size = set->slots == NULL ? (size_t)64 : (set->mask + 1) * 4;
    while (size < set->n * 2) {
        size *= 2;
    }
    set->slots = arena_calloc(r->arena, size, sizeof(uint32_t));
    if (set->slots == NULL) {
        return fpath_fail(&r->source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
    }
    set->mask = size - 1;
    for (size_t i = 0; i < set->n; i++) {
        set_slot(r, set, i);
    }
    return ERR_OK;
}

static ErrCode set_has(FpathRun *r, const Set *set, const FpathItem *item, bool *ret_has) {
    *ret_has = false;
    if (set->slots == NULL) {
        TRY(fpath_charge(r, set->n * fpath_cost(item)));
        for (size_t i = 0; i < set->n && !*ret_has; i++) {
            *ret_has = fpath_equal(r->arena, &r->items[set->from + i], item) == FPATH_TRUE;
        }
        return ERR_OK;
    }
    TRY(fpath_charge(r, fpath_cost(item)));
    for (size_t at = (size_t)fpath_hash(r->arena, item);; at++) {
        uint32_t slot = set->slots[at & set->mask];
        if (slot == 0) {
            return ERR_OK;
        }
        TRY(fpath_charge(r, fpath_cost(item)));
        if (fpath_equal(r->arena, &r->items[set->from + slot - 1], item) == FPATH_TRUE) {
            *ret_has = true;
            return ERR_OK;
        }
    }
}

static ErrCode set_of(FpathRun *r, size_t from, size_t to, Set *ret_set) {
    Set set = {.from = from};
    while (set.n < to - from) {
        TRY(set_add(r, &set));
    }
    *ret_set = set;
    return ERR_OK;
}

/* Keeps of the items from `at` on those that are new; they stand behind the set's. */
static ErrCode keep_new(FpathRun *r, Set *set, size_t at) {
    size_t end = r->top;
    for (; at < end; at++) {
        bool has = false;
        TRY(set_has(r, set, &r->items[at], &has));
        if (!has) {
            r->items[set->from + set->n] = r->items[at];
            TRY(set_add(r, set));
        }
    }
    r->top = set->from + set->n;
    return ERR_OK;
}

ErrCode fpath_distinct(FpathRun *r, size_t base) {
    Set set = {.from = base};
    return keep_new(r, &set, base);
}

/* ---- existence */

ErrCode fpath_fn_empty(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    return fpath_give_bool(r, base, r->top == base);
}

/* where(condition): filters in place. */
ErrCode fpath_fn_where(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t end = r->top;
    size_t to = base;
    for (size_t i = base; i < end; i++) {
        FpathEach each;
        fpath_each(&each, r, s, i);
        each.scope.index = (int64_t)(i - base);
        FpathTruth truth = FPATH_UNKNOWN;
        TRY(fpath_run(r, n->args[0], &each.scope));
        TRY(fpath_truth(r, n, end, &truth));
        r->top = end;
        if (truth == FPATH_TRUE) {
            r->items[to++] = r->items[i];
        }
    }
    r->top = to;
    return ERR_OK;
}

ErrCode fpath_fn_exists(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    if (n->n_args > 0) {
        TRY(fpath_fn_where(r, n, s, base));
    }
    return fpath_give_bool(r, base, r->top > base);
}

ErrCode fpath_fn_all(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t before = r->top - base;
    TRY(fpath_fn_where(r, n, s, base));
    return fpath_give_bool(r, base, r->top - base == before);
}

/* Are all (any) of the booleans of that value? */
static ErrCode booleans(FpathRun *r, const FpathNode *n, size_t base, const bool want[2]) {
    bool wanted = want[0];
    bool all = want[1];
    bool result = all;
    for (size_t i = base; i < r->top; i++) {
        FpathItem v;
        if (!fpath_system(r->arena, &r->items[i], &v) || v.kind != FPATH_BOOLEAN) {
            return fpath_stop(r, n, FPATH_MSG_INPUT);
        }
        if ((v.boolean == wanted) != all) {
            result = !all;
        }
    }
    return fpath_give_bool(r, base, result);
}
ErrCode fpath_fn_all_true(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return booleans(r, n, base, (const bool[2]){true, true});
}
ErrCode fpath_fn_any_true(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return booleans(r, n, base, (const bool[2]){true, false});
}
ErrCode fpath_fn_all_false(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return booleans(r, n, base, (const bool[2]){false, true});
}
ErrCode fpath_fn_any_false(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return booleans(r, n, base, (const bool[2]){false, false});
}

ErrCode fpath_fn_not(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    FpathTruth truth = FPATH_UNKNOWN;
    TRY(fpath_truth(r, n, base, &truth));
    if (truth == FPATH_UNKNOWN) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give_bool(r, base, truth == FPATH_FALSE);
}

/* Are all items of [from, to) in the set? */
static ErrCode all_in(FpathRun *r, const Set *set, const size_t range[2], bool *ret_all) {
    *ret_all = true;
    for (size_t i = range[0]; i < range[1] && *ret_all; i++) {
        TRY(set_has(r, set, &r->items[i], ret_all));
    }
    return ERR_OK;
}

ErrCode fpath_fn_subset(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t mid = r->top;
    TRY(fpath_run(r, n->args[0], s));
    Set set;
    TRY(set_of(r, mid, r->top, &set));
    bool all = false;
    TRY(all_in(r, &set, (const size_t[2]){base, mid}, &all));
    return fpath_give_bool(r, base, all);
}
ErrCode fpath_fn_superset(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t mid = r->top;
    TRY(fpath_run(r, n->args[0], s));
    Set set;
    TRY(set_of(r, base, mid, &set));
    bool all = false;
    TRY(all_in(r, &set, (const size_t[2]){mid, r->top}, &all));
    return fpath_give_bool(r, base, all);
}

ErrCode fpath_fn_count(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    FpathItem item = fpath_item_integer((int64_t)(r->top - base));
    return fpath_give(r, base, &item);
}
ErrCode fpath_fn_distinct(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    return fpath_distinct(r, base);
}
ErrCode fpath_fn_is_distinct(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    size_t before = r->top - base;
    TRY(fpath_distinct(r, base));
    return fpath_give_bool(r, base, r->top - base == before);
}

/* ---- projection */

ErrCode fpath_fn_select(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t mid = r->top;
    for (size_t i = base; i < mid; i++) {
        FpathEach each;
        fpath_each(&each, r, s, i);
        each.scope.index = (int64_t)(i - base);
        TRY(fpath_run(r, n->args[0], &each.scope));
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}

/* The stack behind the input is the queue: what is new is appended and looked at in turn. */
ErrCode fpath_fn_repeat(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t mid = r->top;
    Set found = {.from = mid};
    for (size_t i = base; i < r->top; i++) {
        FpathEach each;
        fpath_each(&each, r, s, i);
        each.scope.index = (int64_t)(i - base);
        size_t from = r->top;
        TRY(fpath_run(r, n->args[0], &each.scope));
        TRY(keep_new(r, &found, from));
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}

ErrCode fpath_fn_of_type(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    size_t to = base;
    for (size_t i = base; i < r->top; i++) {
        if (fpath_item_is(&r->items[i], n->type, false)) {
            r->items[to++] = r->items[i];
        }
    }
    r->top = to;
    return ERR_OK;
}

ErrCode fpath_fn_is(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    return r->top == base ? ERR_OK
                          : fpath_give_bool(r, base, fpath_item_is(&r->items[base], n->type, true));
}
ErrCode fpath_fn_as(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    if (r->top - base > 1 && !r->expr->as_filters) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    return fpath_fn_of_type(r, n, s, base);
}

/* ---- parts of a sequence */

ErrCode fpath_fn_single(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return r->top - base > 1 ? fpath_stop(r, n, FPATH_MSG_SINGLE) : ERR_OK;
}
ErrCode fpath_fn_first(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    r->top = MIN(r->top, base + 1);
    return ERR_OK;
}
ErrCode fpath_fn_last(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    if (r->top > base) {
        fpath_slide(r, base, r->top - 1);
    }
    return ERR_OK;
}
ErrCode fpath_fn_tail(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    if (r->top > base) {
        fpath_slide(r, base, base + 1);
    }
    return ERR_OK;
}

/* The argument, at least 0 and at most the number of items. */
static ErrCode some(FpathRun *r, FPATH_FN_ARGS, size_t base, size_t *ret_count) {
    int64_t count = 0;
    bool found = false;
    size_t all = r->top - base;
    TRY(fpath_arg_int(r, n, 0, s, &count, &found));
    *ret_count = !found || count < 0 ? 0 : MIN((size_t)count, all);
    return ERR_OK;
}
ErrCode fpath_fn_skip(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t count = 0;
    TRY(some(r, n, s, base, &count));
    fpath_slide(r, base, base + count);
    return ERR_OK;
}
ErrCode fpath_fn_take(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t count = 0;
    TRY(some(r, n, s, base, &count));
    r->top = base + count;
    return ERR_OK;
}

/* ---- two sequences */

/* Keeps the input's items that are (or are not) in the argument. */
static ErrCode filter_by(FpathRun *r, FPATH_FN_ARGS, size_t base, bool wanted) {
    size_t mid = r->top;
    TRY(fpath_run(r, n->args[0], s));
    Set set;
    TRY(set_of(r, mid, r->top, &set));
    size_t to = base;
    for (size_t i = base; i < mid; i++) {
        bool has = false;
        TRY(set_has(r, &set, &r->items[i], &has));
        if (has == wanted) {
            r->items[to++] = r->items[i];
        }
    }
    r->top = to;
    return ERR_OK;
}
ErrCode fpath_fn_intersect(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    TRY(filter_by(r, n, s, base, true));
    return fpath_distinct(r, base);
}
ErrCode fpath_fn_exclude(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return filter_by(r, n, s, base, false);
}
ErrCode fpath_fn_combine(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)base;
    return fpath_run(r, n->args[0], s);
}
ErrCode fpath_fn_union(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    TRY(fpath_run(r, n->args[0], s));
    return fpath_distinct(r, base);
}

/* ---- the tree */

ErrCode fpath_fn_children(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    size_t mid = r->top;
    for (size_t i = base; i < mid; i++) {
        TRY(fpath_children(r, &r->items[i], NULL));
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}
ErrCode fpath_fn_descendants(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    size_t mid = r->top;
    for (size_t i = base; i < r->top; i++) {
        TRY(fpath_children(r, &r->items[i], NULL));
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}

/* ---- control */

/* iif(condition, then, else): only the branch taken is evaluated. */
ErrCode fpath_fn_iif(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t count = r->top - base;
    FpathEach each = {.scope = *s};
    if (n->input != FPATH_NONE) {
        if (count > 1) {
            return fpath_stop(r, n, FPATH_MSG_SINGLE);
        }
        if (count == 1) {
            fpath_each(&each, r, s, base);
        } else {
            each.scope.n_focus = 0;
        }
    }
    r->top = base;
    FpathTruth truth = FPATH_UNKNOWN;
    TRY(fpath_run(r, n->args[0], &each.scope));
    TRY(fpath_truth(r, n, base, &truth));
    r->top = base;
    if (truth == FPATH_TRUE) {
        return fpath_run(r, n->args[1], &each.scope);
    }
    return n->n_args > 2 ? fpath_run(r, n->args[2], &each.scope) : ERR_OK;
}

ErrCode fpath_fn_trace(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str label = STR_EMPTY;
    bool found = false;
    size_t mid = r->top;
    TRY(fpath_arg_str(r, n, 0, s, &label, &found));
    const FpathCallbacks *calls = r->env->callbacks;
    if (calls == NULL || calls->trace == NULL) {
        return ERR_OK;
    }
    size_t from = base;
    for (size_t i = base; n->n_args > 1 && i < mid; i++) {
        FpathEach each;
        fpath_each(&each, r, s, i);
        TRY(fpath_run(r, n->args[1], &each.scope));
        from = mid;
    }
    calls->trace(r->env->ctx, label, (FpathSeq){r->items + from, r->top - from});
    r->top = mid;
    return ERR_OK;
}

/* The running total: one item by itself, more in memory that is used again. */
typedef struct Total {
    FpathItem one;
    FpathItem *many;
    size_t capacity;
    FpathSeq seq;
} Total;

static ErrCode set_total(FpathRun *r, Total *t, size_t from) {
    size_t count = r->top - from;
    FpathItem *to = &t->one;
    if (count > 1) {
        if (count > t->capacity) {
            t->capacity = count * 2;
            t->many = arena_calloc(r->arena, t->capacity, sizeof(FpathItem));
            if (t->many == NULL) {
                return fpath_fail(&r->source, 0, FPATH_MSG_NOMEM, STR_EMPTY);
            }
        }
        to = t->many;
    }
    memcpy(to, r->items + from, count * sizeof(FpathItem));
    t->seq = (FpathSeq){to, count};
    r->top = from;
    return fpath_charge(r, count);
}

ErrCode fpath_fn_aggregate(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Total total = {.seq = {NULL, 0}};
    size_t end = r->top;
    if (n->n_args > 1) {
        TRY(fpath_run(r, n->args[1], s));
        TRY(set_total(r, &total, end));
    }
    for (size_t i = base; i < end; i++) {
        FpathEach each;
        fpath_each(&each, r, s, i);
        each.scope.index = (int64_t)(i - base);
        each.scope.total = &total.seq;
        TRY(fpath_run(r, n->args[0], &each.scope));
        TRY(set_total(r, &total, end));
    }
    r->top = base;
    for (size_t i = 0; i < total.seq.n; i++) {
        TRY(fpath_push(r, &total.seq.items[i]));
    }
    return ERR_OK;
}

/* ---- sorting */

typedef struct Row {
    FpathItem item;
    size_t place; /* keeps equal rows in order */
    const FpathItem *keys;
    uint8_t has; /* bit per key */
} Row;
typedef struct Sorting {
    Arena *arena;
    const FpathNode *n;
    unsigned n_keys;
    bool wrong; /* keys that have no order */
} Sorting;

/* Rows without a key come first, whatever the direction. */
static int compare_rows(const void *a, const void *b, void *ctx) {
    const Row *x = a;
    const Row *y = b;
    Sorting *sorting = ctx;
    for (unsigned k = 0; k < sorting->n_keys; k++) {
        int has_x = x->has >> k & 1;
        int has_y = y->has >> k & 1;
        if (has_x != has_y) {
            return has_x - has_y;
        }
        FpathOrder order = {.known = true};
        if (has_x != 0 && !fpath_order(sorting->arena, &x->keys[k], &y->keys[k], &order)) {
            sorting->wrong = true;
        }
        if (order.known && order.cmp != 0) {
            return (sorting->n->descending >> k & 1) != 0 ? -order.cmp : order.cmp;
        }
    }
    return (x->place > y->place) - (x->place < y->place);
}

static ErrCode row_keys(FpathRun *r, FPATH_FN_ARGS, size_t at, Row *row) {
    unsigned n_keys = MAX(n->n_args, 1);
    FpathItem *keys = arena_calloc(r->arena, n_keys, sizeof(FpathItem));
    if (keys == NULL) {
        return fpath_stop(r, n, FPATH_MSG_NOMEM);
    }
    *row = (Row){.item = r->items[at], .place = at, .keys = keys};
    for (unsigned k = 0; k < n_keys; k++) {
        bool found = false;
        if (n->n_args == 0) {
            found = fpath_system(r->arena, &row->item, &keys[k]);
        } else {
            FpathEach each;
            fpath_each(&each, r, s, at);
            TRY(fpath_arg(r, n, k, &each.scope, &keys[k], &found));
        }
        row->has |= (uint8_t)((found ? 1U : 0U) << k);
    }
    return ERR_OK;
}

ErrCode fpath_fn_sort(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    size_t count = r->top - base;
    Row *rows = arena_calloc(r->arena, count + 1, sizeof(Row));
    if (rows == NULL) {
        return fpath_stop(r, n, FPATH_MSG_NOMEM);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(row_keys(r, n, s, base + i, &rows[i]));
    }
    TRY(fpath_charge(r, count * 8));
    Sorting sorting = {r->arena, n, MAX(n->n_args, 1), false};
    qsort_r(rows, count, sizeof(Row), compare_rows, &sorting);
    if (sorting.wrong) {
        return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
    }
    for (size_t i = 0; i < count; i++) {
        r->items[base + i] = rows[i].item;
    }
    return ERR_OK;
}

/* ---- the clock and types */

static TimeMs wall_now(FpathRun *r) {
    if (r->now == 0) {
        r->now = clock_now_ms(clock_real());
    }
    return r->now + r->env->offset_min * TIME_MINUTE_MS;
}
static ErrCode give_time(FpathRun *r, size_t base, FpathKind kind, FpathTime t) {
    FpathItem item = {.kind = (uint8_t)kind};
    item.time = t;
    return fpath_give(r, base, &item);
}
ErrCode fpath_fn_now(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    return give_time(r, base, FPATH_DATE_TIME,
                     (FpathTime){.wall = wall_now(r),
                                 .offset_min = (int16_t)r->env->offset_min,
                                 .precision = FPATH_MS,
                                 .has_zone = true});
}
static TimeMs in_day(TimeMs wall) {
    TimeMs rest = wall % TIME_DAY_MS;
    return rest < 0 ? rest + TIME_DAY_MS : rest;
}
ErrCode fpath_fn_today(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    TimeMs wall = wall_now(r);
    return give_time(r, base, FPATH_DATE,
                     (FpathTime){.wall = wall - in_day(wall), .precision = FPATH_DAY});
}
ErrCode fpath_fn_time_of_day(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    return give_time(r, base, FPATH_TIME,
                     (FpathTime){.wall = in_day(wall_now(r)), .precision = FPATH_MS});
}

ErrCode fpath_fn_type(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    for (size_t i = base; i < r->top; i++) {
        Str name = fpath_item_type(r->arena, &r->items[i]);
        r->items[i] = fpath_item_str(name);
        r->items[i].kind = FPATH_TYPE;
    }
    return ERR_OK;
}
