#include "catalog/catalog_int.h"
#include "core/fold.h"
#include "core/limits.h"
#include "core/utf8.h"

enum { PENDING_MAX = 8, PENDING_MS = 3600 * 1000, EDITIONS_LOOKED_AT = 200 };

struct Catalog {
    CatalogOptions o;
    const Clock *clock;
    const CatalogSpec *specs;
    size_t n_specs;
    Mutex view_lock; /* view */
    CatalogView *view;
    atomic_uint_fast64_t view_id; /* of view: readers see a change without the lock */
    Mutex change_lock;            /* previews, one change at a time */
    CatalogPending *pending[PENDING_MAX];
};

/* ---- the view that a thread holds ---- */

typedef struct Hold {
    uint64_t id; /* of view; 0: none */
    CatalogView *view;
} Hold;

static _Thread_local Hold hold;
static pthread_key_t hold_key; /* lets go when a thread ends */
static pthread_once_t hold_once = PTHREAD_ONCE_INIT;

static void let_go(void *unused) {
    (void)unused;
    catalog_view_end(hold.view);
    hold = (Hold){0};
}

static void make_key(void) {
    (void)pthread_key_create(&hold_key, let_go);
}

static CatalogView *view_of(Catalog *c) {
    MUTEX_GUARD(&c->view_lock);
    atomic_fetch_add(&c->view->refs, 1);
    return c->view;
}

/* The view in use, held by this thread until it looks again after a change. */
static const CatalogView *held_view(Catalog *c) {
    uint64_t id = atomic_load_explicit(&c->view_id, memory_order_acquire);
    if (UNLIKELY(hold.id != id)) {
        let_go(NULL);
        hold.view = view_of(c);
        hold.id = hold.view->id;
        (void)pthread_setspecific(hold_key, &hold);
    }
    return hold.view;
}

/* Takes the part over. */
static ErrCode publish(Catalog *c, size_t at, CatalogPart *part) {
    mutex_lock(&c->view_lock);
    CatalogView *before = c->view;
    CatalogView *view = catalog_view_new(before, at, part);
    if (view != NULL) {
        c->view = view;
        atomic_store_explicit(&c->view_id, view->id, memory_order_release);
    }
    mutex_unlock(&c->view_lock);
    if (view == NULL) {
        catalog_part_end(part);
        return ERR_NOMEM;
    }
    catalog_view_end(before);
    return ERR_OK;
}

/* ---- opening ---- */

static ErrCode load(Catalog *c, size_t at, ErrInfo *info) {
    CatalogPart *part = NULL;
    TRY(catalog_store_load(c->o.store, &c->specs[at], &part, info));
    return part == NULL ? ERR_OK : publish(c, at, part);
}

ErrCode catalog_open(const CatalogOptions *options, Catalog **ret_catalog, ErrInfo *info) {
    Catalog *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return ERR_NOMEM;
    }
    (void)pthread_once(&hold_once, make_key);
    c->o = *options;
    c->clock = options->clock == NULL ? clock_real() : options->clock;
    mutex_init(&c->view_lock);
    mutex_init(&c->change_lock);
    ErrCode err = catalog_specs(&c->specs, &c->n_specs);
    c->view = catalog_view_new(NULL, SIZE_MAX, NULL);
    err = err == ERR_OK && c->view == NULL ? ERR_NOMEM : err;
    if (err == ERR_OK) {
        atomic_init(&c->view_id, c->view->id);
    }
    for (size_t i = 0; err == ERR_OK && c->o.store != NULL && i < c->n_specs; i++) {
        err = load(c, i, info);
    }
    if (err != ERR_OK) {
        catalog_close(c);
        return err;
    }
    *ret_catalog = c;
    return ERR_OK;
}

void catalog_close(Catalog *c) {
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < PENDING_MAX; i++) {
        catalog_pending_end(c->pending[i]);
    }
    if (c->view != NULL && hold.id == c->view->id) {
        let_go(NULL);
    }
    catalog_view_end(c->view);
    mutex_release(&c->view_lock);
    mutex_release(&c->change_lock);
    free(c);
}

static ErrCode find_spec(const Catalog *c, Str name, size_t *ret_at, ErrInfo *info) {
    for (size_t i = 0; i < c->n_specs; i++) {
        if (str_eq(c->specs[i].name, name)) {
            *ret_at = i;
            return ERR_OK;
        }
    }
    return err_set(info, ERR_NOT_FOUND, "catalogue-name", "there is no catalogue '%.*s'",
                   "không có danh mục '%.*s'", (int)MIN(name.len, (size_t)60), name.ptr);
}

/* ---- look-ups ---- */

RulesFound catalog_look(Catalog *c, const RulesAsk *ask, Str *ret_value) {
    for (size_t i = 0; i < c->n_specs; i++) {
        if (str_eq(c->specs[i].name, ask->catalogue)) {
            const CatalogPart *part = held_view(c)->parts[i];
            return part == NULL ? RULES_NOT_LOADED : catalog_part_look(part, ask, ret_value);
        }
    }
    return RULES_NOT_LOADED;
}

static RulesFound look(void *ctx, const RulesAsk *ask, Str *ret_value) {
    return catalog_look(ctx, ask, ret_value);
}

RulesWorld catalog_world(Catalog *c) {
    return (RulesWorld){.ctx = c, .look = look};
}

Str catalog_digest(Catalog *c, Arena *arena) {
    CatalogView *view = view_of(c);
    Sha256 all;
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    for (size_t i = 0; i < c->n_specs; i++) {
        if (view->parts[i] != NULL) {
            buf_put_str(&b, c->specs[i].name);
            hex_put(&b, view->parts[i]->digest.b, sizeof(all.b));
        }
    }
    catalog_view_end(view);
    sha256(buf_str(&b), &all);
    buf_clear(&b);
    hex_put(&b, all.b, 16);
    return arena_str(arena, buf_str(&b));
}

/* ---- rows to look at ---- */

static void end_view(void *view) {
    catalog_view_end(view);
}

/* Is the folded text in the row's code or name? b is scratch. */
static bool has_text(const CatalogSpec *spec, const CatalogRow *row, Str folded, Buf *b) {
    int name = catalog_spec_column(spec, STR("name"));
    buf_clear(b);
    fold_put(b, row->code);
    if (name >= 0) {
        buf_put_char(b, ' ');
        fold_put(b, row->values[name]);
    }
    return str_find(buf_str(b), folded) != SIZE_MAX;
}

static bool is_asked(const CatalogAsk *ask, const CatalogPart *part, const CatalogRow *row,
                     Str folded, Buf *b) {
    return (ask->facility.len == 0 || str_eq(row->facility, ask->facility)) &&
           (ask->day == INT64_MIN ||
            row == catalog_part_row(part, row->code, row->facility, ask->day)) &&
           (folded.len == 0 || has_text(part->spec, row, folded, b));
}

ErrCode catalog_rows(Catalog *c, Arena *arena, const CatalogAsk *ask, CatalogPage *ret_page) {
    size_t at;
    TRY(find_spec(c, ask->catalogue, &at, NULL));
    CatalogView *view = view_of(c);
    if (!arena_defer(arena, end_view, view)) { /* rows point into it */
        catalog_view_end(view);
        return ERR_NOMEM;
    }
    static const CatalogRows none;
    const CatalogPart *part = view->parts[at];
    const CatalogRows *rows = part == NULL ? &none : &part->rows;
    CatalogPage page = {.spec = &c->specs[at],
                        .rows = arena_new_array(arena, CatalogRow, ask->max + 1)};
    Str folded = fold(arena, ask->text);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    if (page.rows == NULL || arena_failed(arena)) {
        return ERR_NOMEM;
    }
    for (size_t i = ask->after; i < rows->n && page.next == 0; i++) {
        if (is_asked(ask, part, &rows->rows[i], folded, &b)) {
            if (page.n_rows == ask->max) {
                page.next = i;
            } else {
                page.rows[page.n_rows++] = rows->rows[i];
            }
        }
    }
    *ret_page = page;
    return ERR_OK;
}

/* ---- editions ---- */

static CatalogEdition copy_edition(Arena *arena, const CatalogEdition *e) {
    CatalogEdition copy = *e;
    copy.who = arena_str(arena, e->who);
    copy.why = arena_str(arena, e->why);
    copy.file = arena_str(arena, e->file);
    copy.plan = arena_str(arena, e->plan);
    return copy;
}

ErrCode catalog_list(Catalog *c, Arena *arena, CatalogState **ret_states, size_t *ret_n) {
    CatalogState *list = arena_new_array(arena, CatalogState, c->n_specs + 1);
    if (list == NULL) {
        return ERR_NOMEM;
    }
    CatalogView *view = view_of(c);
    for (size_t i = 0; i < c->n_specs; i++) {
        list[i].spec = &c->specs[i];
        if (view->parts[i] != NULL) {
            list[i].edition = copy_edition(arena, &view->parts[i]->edition);
        }
    }
    catalog_view_end(view);
    *ret_states = list;
    *ret_n = c->n_specs;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode catalog_history(Catalog *c, Arena *arena, Str catalogue, size_t max,
                        CatalogEdition **ret_editions, size_t *ret_n) {
    size_t at;
    TRY(find_spec(c, catalogue, &at, NULL));
    if (c->o.store == NULL) {
        *ret_n = 0;
        return ERR_OK;
    }
    return catalog_store_history(c->o.store, arena, &c->specs[at], max, ret_editions, ret_n);
}

/* ---- taking in ---- */

static void end_pending(void *pending) {
    catalog_pending_end(pending);
}

/* In the place of one with its id, of one that is too old, or of the oldest. */
static void keep(Catalog *c, CatalogPending *p) {
    size_t at = 0;
    for (size_t i = 0; i < PENDING_MAX; i++) {
        CatalogPending *o = c->pending[i];
        if (o == NULL || str_eq(o->plan.id, p->plan.id)) {
            at = i;
            break;
        }
        at = o->made < c->pending[at]->made ? i : at;
    }
    catalog_pending_end(c->pending[at]);
    c->pending[at] = p;
}

static void drop_old(Catalog *c, TimeMs now) {
    for (size_t i = 0; i < PENDING_MAX; i++) {
        if (c->pending[i] != NULL && now - c->pending[i]->made > PENDING_MS) {
            catalog_pending_end(c->pending[i]);
            c->pending[i] = NULL;
        }
    }
}

/* Or empty. It becomes a part of rows. */
static bool is_code(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) {
            return false;
        }
    }
    return s.len <= 16;
}

ErrCode catalog_preview(Catalog *c, Arena *arena, const CatalogTable *table, CatalogPlan *ret_plan,
                        ErrInfo *info) {
    size_t at;
    TimeMs now = clock_now_ms(c->clock);
    TRY(find_spec(c, table->catalogue, &at, info));
    if (!utf8_valid(table->file) || table->file.len > 255 || !is_code(table->facility)) {
        return err_set(info, ERR_PARAM, "catalogue-facility",
                       "a facility's code has up to 16 letters and digits; a file name 255 bytes",
                       "mã cơ sở có tối đa 16 chữ cái và chữ số; tên tệp tối đa 255 byte");
    }
    MUTEX_GUARD(&c->change_lock);
    drop_old(c, now);
    CatalogView *view = view_of(c);
    CatalogPlanOf of = {
        .spec = &c->specs[at], .base = view->parts[at], .table = table, .today = time_vn_day(now)};
    CatalogPending *p = NULL;
    ErrCode err = catalog_plan_make(&of, &p, info);
    catalog_view_end(view);
    TRY(err);
    p->made = now;
    atomic_fetch_add(&p->refs, 1); /* one for the arena, one to be kept */
    if (!arena_defer(arena, end_pending, p)) {
        catalog_pending_end(p);
        catalog_pending_end(p);
        return ERR_NOMEM;
    }
    keep(c, p);
    *ret_plan = p->plan;
    return ERR_OK;
}

static ErrCode check_act(const Catalog *c, const CatalogAct *act, ErrInfo *info) {
    if (c->o.store == NULL) {
        return ERR_UNSUPPORTED;
    }
    bool said = str_trim(act->who).len > 0 && str_trim(act->why).len > 0;
    bool good =
        act->who.len <= 200 && act->why.len <= 1000 && utf8_valid(act->who) && utf8_valid(act->why);
    return said && good ? ERR_OK
                        : err_set(info, ERR_PARAM, "catalogue-who",
                                  "say who takes it in (at most 200 bytes), and why (1000)",
                                  "hãy nêu ai nhập (tối đa 200 byte) và lý do (1000)");
}

/* The newest edition that the plan has made; number 0: none. */
static ErrCode made_by(Catalog *c, Arena *arena, const CatalogAct *act, CatalogEdition *ret) {
    CatalogEdition *list = NULL;
    size_t n = 0;
    TRY(catalog_history(c, arena, act->catalogue, EDITIONS_LOOKED_AT, &list, &n));
    *ret = (CatalogEdition){0};
    for (size_t i = 0; i < n; i++) {
        if (act->plan.len > 0 && str_eq(list[i].plan, act->plan)) {
            *ret = list[i];
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static CatalogPending *find_pending(Catalog *c, const CatalogAct *act) {
    for (size_t i = 0; i < PENDING_MAX; i++) {
        CatalogPending *p = c->pending[i];
        if (p != NULL && str_eq(p->plan.id, act->plan) &&
            str_eq(p->plan.spec->name, act->catalogue)) {
            return p;
        }
    }
    return NULL;
}

/* Reads what was saved back, and shows it. */
static ErrCode show(Catalog *c, size_t at, Arena *arena, CatalogEdition *ret, ErrInfo *info) {
    TRY(load(c, at, info));
    CatalogView *view = view_of(c);
    *ret = copy_edition(arena, &view->parts[at]->edition);
    catalog_view_end(view);
    if (c->o.changed != NULL) {
        c->o.changed(c->o.ctx, c);
    }
    return ERR_OK;
}

static ErrCode check_pending(const CatalogPending *p, ErrInfo *info) {
    if (p == NULL) {
        return err_set(info, ERR_NOT_FOUND, "catalogue-plan",
                       "this preview is gone or unknown: send the table again",
                       "không còn bản xem trước này: hãy gửi lại bảng");
    }
    size_t n = 0;
    for (int i = 0; i < CATALOG_DIFFS; i++) {
        n += p->plan.n_by_kind[i];
    }
    return n > 0 ? ERR_OK
                 : err_set(info, ERR_INVALID, "catalogue-nothing", "the table changes nothing",
                           "bảng này không thay đổi gì");
}

ErrCode catalog_accept(Catalog *c, Arena *arena, const CatalogAct *act, CatalogEdition *ret_edition,
                       ErrInfo *info) {
    size_t at;
    CatalogEdition made;
    TRY(find_spec(c, act->catalogue, &at, info));
    TRY(check_act(c, act, info));
    MUTEX_GUARD(&c->change_lock);
    TRY(made_by(c, arena, act, &made));
    if (made.number > 0) {
        *ret_edition = made;
        return ERR_OK;
    }
    const CatalogPending *p = find_pending(c, act);
    TRY(check_pending(p, info));
    CatalogSave save = {.store = c->o.store,
                        .spec = &c->specs[at],
                        .act = act,
                        .now = clock_now_ms(c->clock),
                        .base = p->plan.base,
                        .plan = p};
    TRY(catalog_store_save(&save, info));
    return show(c, at, arena, ret_edition, info);
}

ErrCode catalog_roll_back(Catalog *c, Arena *arena, const CatalogAct *act,
                          CatalogEdition *ret_edition, ErrInfo *info) {
    size_t at;
    TRY(find_spec(c, act->catalogue, &at, info));
    TRY(check_act(c, act, info));
    MUTEX_GUARD(&c->change_lock);
    CatalogEdition *newest = NULL;
    size_t n = 0;
    TRY(catalog_history(c, arena, act->catalogue, 1, &newest, &n));
    if (n > 0 && newest[0].number == act->to) {
        *ret_edition = newest[0];
        return ERR_OK;
    }
    CatalogSave save = {.store = c->o.store,
                        .spec = &c->specs[at],
                        .act = act,
                        .now = clock_now_ms(c->clock),
                        .base = n > 0 ? newest[0].number : 0};
    TRY(catalog_store_save(&save, info));
    return show(c, at, arena, ret_edition, info);
}

Str catalog_diff_name(CatalogDiffKind kind) {
    static const char *const names[CATALOG_DIFFS] = {"new", "next", "changed", "ended"};
    return str_from(names[kind]);
}
