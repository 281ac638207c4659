/* Taking subscriptions up, and looking at what is committed. */
#include "fhir/fhir_match.h"
#include "subs/subs_int.h"
#include "store/store_scan.h"

enum {
    ARENA_MAX = 8 << 20,
    RECORD_ARENA_MAX = 512 << 20,
    NAP_MS = 500,
    SLICE = 4096, /* records read at once for one that lags */
    RETRY_MS = 1000,
};

const char *sub_status_name(SubStatus status) {
    static const char *const names[] = {"requested", "active", "error", "off"};
    return names[status];
}

/* ---- the view: which records must be looked at ---- */

static ErrCode view_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    Subs *subs = ctx;
    uint32_t generation = atomic_load(&subs->generation);
    bool is_wanted = false;
    (void)scratch;
    for (size_t i = 0; i < record->n_changes && !is_wanted; i++) {
        FhirType type = record->changes[i].type;
        is_wanted = (atomic_load(&subs->wanted[type / 64]) >> type % 64 & 1) != 0;
    }
    buf_put(out, &generation, sizeof(generation));
    buf_put_char(out, is_wanted ? 1 : 0);
    return buf_ok(out);
}

static ErrCode view_apply(void *ctx, RecordNo record, TimeMs time, Str bytes) {
    Subs *subs = ctx;
    uint32_t generation;
    (void)time;
    memcpy(&generation, bytes.ptr, sizeof(generation));
    MUTEX_GUARD(&subs->lock);
    subs->applied = record;
    if (!subs->started ||
        (bytes.ptr[sizeof(generation)] == 0 && generation == atomic_load(&subs->generation))) {
        return ERR_OK;
    }
    if (subs->n_todo == SUBS_TODO_MAX) {
        subs->overflowed = true;
    } else {
        subs->todo[subs->n_todo++] = record;
    }
    cond_signal(&subs->wake);
    return ERR_OK;
}

/* What happened while nobody looked is found by reading on from what each has seen. */
static RecordNo view_covered(void *ctx) {
    (void)ctx;
    return UINT64_MAX;
}

StoreView subs_view(Subs *subs) {
    return (StoreView){
        .ctx = subs, .prepare = view_prepare, .apply = view_apply, .covered = view_covered};
}

/* With the lock held: the types of all that are active, and Subscription itself. */
static void want_types(Subs *subs) {
    uint64_t wanted[ARRAY_LEN(subs->wanted)] = {0};
    wanted[FHIR_T_SUBSCRIPTION / 64] |= UINT64_C(1) << FHIR_T_SUBSCRIPTION % 64;
    for (const Sub *sub = subs->list; sub != NULL; sub = sub->next) {
        if (sub->status == SUB_ACTIVE || sub->status == SUB_REQUESTED) {
            wanted[sub->wish->type / 64] |= UINT64_C(1) << sub->wish->type % 64;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        atomic_store(&subs->wanted[i], wanted[i]);
    }
    atomic_fetch_add(&subs->generation, 1);
}

/* ---- the list ---- */

Sub *subs_find(Subs *subs, Str id) {
    Sub *sub = subs->list;
    while (sub != NULL && !str_eq(sub->wish->id, id)) {
        sub = sub->next;
    }
    return sub;
}

void sub_drop(Sub *sub) {
    if (--sub->users == 0) {
        wish_drop(sub->wish);
        free(sub);
    }
}

static void remove_sub(Subs *subs, Str id) {
    Sub **link = &subs->list;
    while (*link != NULL && !str_eq((*link)->wish->id, id)) {
        link = &(*link)->next;
    }
    Sub *sub = *link;
    if (sub != NULL) {
        *link = sub->next;
        sub_drop(sub);
    }
}

/* Takes the wish over. */
static ErrCode put_sub(Subs *subs, SubWish *wish) {
    Sub *sub = subs_find(subs, wish->id);
    if (sub != NULL) {
        wish_drop(sub->wish);
    } else {
        sub = calloc(1, sizeof(*sub));
        if (sub == NULL) {
            return ERR_NOMEM;
        }
        sub->users = 1;
        sub->seen = wish->version;
        sub->next = subs->list;
        subs->list = sub;
    }
    sub->lags = sub->lags || (wish->status == SUB_ACTIVE && sub->status != SUB_ACTIVE);
    sub->wish = wish;
    sub->status = wish->status;
    sub->failures = 0;
    sub->next_try_ns = 0;
    sub->last_sent = clock_now_ms(subs->clock);
    return ERR_OK;
}

/* A version of a Subscription: taken up, changed, or forgotten. */
static ErrCode take_up(Subs *subs, const StoreVersion *v) {
    SubWish *wish = NULL;
    ErrInfo info = {0};
    ErrCode err = v->deleted ? ERR_NOT_FOUND : wish_read(subs, v, &wish, &info);
    if (err == ERR_PARAM && (wish->status == SUB_REQUESTED || wish->status == SUB_ACTIVE)) {
        CLEANUP_BUF Buf reason;
        buf_init(&reason, 4096);
        buf_printf(&reason, "%s / %s", info.what_en, info.what_vi);
        ErrCode changed = wish_set_status(subs, wish, "error", buf_str(&reason));
        if (changed != ERR_OK && changed != ERR_CONFLICT) {
            log_error("subscription_status", "id", v->id, "err", err_name(changed));
        }
    }
    MUTEX_GUARD(&subs->lock);
    bool is_live = err == ERR_OK && (wish->status == SUB_ACTIVE || wish->status == SUB_REQUESTED);
    if (is_live) {
        err = put_sub(subs, wish);
    } else {
        remove_sub(subs, v->id);
        subs->dirty = true;
    }
    if (!is_live || err != ERR_OK) {
        wish_drop(wish);
    }
    want_types(subs);
    cond_broadcast(&subs->send);
    return err == ERR_NOMEM ? err : ERR_OK;
}

/* Pushed ones need no handshake. */
static void activate_pushed(Subs *subs) {
    while (true) {
        SubWish *wish = NULL;
        mutex_lock(&subs->lock);
        for (Sub *sub = subs->list; sub != NULL && wish == NULL; sub = sub->next) {
            if (sub->status == SUB_REQUESTED && !sub->wish->is_hook) {
                sub->status = SUB_OFF; /* until the new version comes */
                wish = wish_keep(sub->wish);
            }
        }
        mutex_unlock(&subs->lock);
        if (wish == NULL) {
            return;
        }
        ErrCode err = wish_set_status(subs, wish, "active", STR_EMPTY);
        if (err != ERR_OK && err != ERR_CONFLICT) {
            log_error("subscription_status", "id", wish->id, "err", err_name(err));
        }
        wish_drop(wish);
    }
}

/* ---- events ---- */

/* With the lock held. */
static bool is_full(const Sub *sub) {
    return sub->events - sub->delivered >= SUBS_RECENT;
}

/* The pushed ones' Bundle goes out at once. */
static void push(Subs *subs, Sub *sub, const SubEvent *event) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    SubsNotice notice = {.type = "event-notification",
                         .first = sub->events - 1,
                         .events = event,
                         .n_events = 1,
                         .total = sub->events,
                         .status = "active"};
    if (subs->o.push != NULL && notice_put(subs, sub->wish, &notice, &b) == ERR_OK) {
        subs->o.push(subs->o.push_ctx, sub->wish->id, sub->events, buf_str(&b));
    }
}

static ErrCode matches(const Subs *subs, Arena *arena, const SubWish *wish, const StoreVersion *v,
                       const JsonNode *root, bool *ret) {
    FhirMatchContext context = {.id = v->id, .last_updated = v->time, .base_url = subs->o.base_url};
    *ret = wish->query.n_terms == 0 && (wish->is_topic || !v->deleted);
    return v->deleted || wish->query.n_terms == 0
               ? ERR_OK
               : fhir_match(arena, &wish->query, root, &context, ret);
}

typedef struct Look {
    Subs *subs;
    Arena *arena;
    Sub *only;  /* reads on for this one; NULL: for all that do not lag */
    Slot until; /* only: versions above are left for later */
    bool full;  /* only: it can take no more */
} Look;

/* The version was looked at. True when its event must be pushed. With the lock held. */
static bool note(Subs *subs, Sub *sub, const SubEvent *event) {
    sub->seen = event->slot;
    sub->recent[sub->events++ % SUBS_RECENT] = *event;
    subs->dirty = true;
    if (sub->wish->is_hook) {
        cond_signal(&subs->send);
        return false;
    }
    sub->delivered = sub->events;
    sub->last_sent = clock_now_ms(subs->clock);
    return true;
}

/* Only the watcher changes seen and events and replaces wishes: it may read them unlocked. */
static ErrCode offer(Look *l, Sub *sub, const StoreVersion *v, const JsonNode **root) {
    bool is_event = false;
    if (v->slot <= sub->seen || sub->status != SUB_ACTIVE) {
        return ERR_OK;
    }
    if (v->type == sub->wish->type) {
        if (*root == NULL && !v->deleted) {
            TRY(json_parse(l->arena, v->json, root, NULL));
        }
        TRY(matches(l->subs, l->arena, sub->wish, v, *root, &is_event));
    }
    SubEvent event = {v->slot, v->time};
    bool is_pushed = false;
    mutex_lock(&l->subs->lock);
    if (!is_event) {
        sub->seen = v->slot;
    } else if (is_full(sub)) {
        sub->lags = l->full = true;
    } else {
        is_pushed = note(l->subs, sub, &event);
    }
    mutex_unlock(&l->subs->lock);
    if (is_pushed) {
        push(l->subs, sub, &event);
    }
    return ERR_OK;
}

static ErrCode look_at(void *ctx, const StoreVersion *v) {
    Look *l = ctx;
    const JsonNode *root = NULL;
    arena_reset(l->arena);
    if (l->only != NULL) {
        TRY(offer(l, l->only, v, &root));
        return l->full || v->slot >= l->until || stop_asked(&l->subs->stop) ? ERR_STOPPED : ERR_OK;
    }
    for (Sub *sub = l->subs->list; sub != NULL; sub = sub->next) {
        if (!sub->lags) {
            TRY(offer(l, sub, v, &root));
        }
    }
    return v->type == FHIR_T_SUBSCRIPTION ? take_up(l->subs, v) : ERR_OK;
}

/* ---- the watcher ---- */

static ErrCode look_at_record(Subs *subs, Arena *record_arena, Look *look, RecordNo record) {
    StoreVersion *versions;
    size_t n;
    arena_reset(record_arena);
    TRY(store_record(subs->o.store, record_arena, record, &versions, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(look_at(look, &versions[i]));
    }
    return ERR_OK;
}

/* Reads on for one that lags, a slice at a time. */
static ErrCode read_on(Subs *subs, Look *look, Sub *sub) {
    RecordNo from = SLOT_RECORD(sub->seen);
    RecordNo last = store_snapshot(subs->o.store);
    RecordNo until = MIN(last, from + SLICE);
    *look = (Look){.subs = subs,
                   .arena = look->arena,
                   .only = sub,
                   .until = SLOT_OF(until, STORE_RECORD_SLOTS - 1)};
    ErrCode err = store_feed(subs->o.store, from == 0 ? 0 : from - 1, look_at, look);
    TRY(err == ERR_STOPPED ? ERR_OK : err);
    MUTEX_GUARD(&subs->lock);
    if (!look->full && !stop_asked(&subs->stop)) {
        sub->seen = MAX(sub->seen, look->until);
        sub->lags = until < last;
    }
    return ERR_OK;
}

static bool can_read_on(Subs *subs, const Sub *sub) {
    MUTEX_GUARD(&subs->lock);
    return sub->lags && sub->status == SUB_ACTIVE && !is_full(sub);
}

/* True when somebody has more to read. */
static bool catch_up(Subs *subs, Look *look) {
    bool more = false;
    for (Sub *sub = subs->list; sub != NULL && !stop_asked(&subs->stop); sub = sub->next) {
        if (can_read_on(subs, sub)) {
            ErrCode err = read_on(subs, look, sub);
            if (err != ERR_OK) {
                log_error("subscription_read", "id", sub->wish->id, "err", err_name(err));
                return false;
            }
            more = more || can_read_on(subs, sub);
        }
    }
    return more;
}

static void end_old_ones(Subs *subs) {
    TimeMs now = clock_now_ms(subs->clock);
    SubWish *wish = NULL;
    mutex_lock(&subs->lock);
    for (Sub *sub = subs->list; sub != NULL && wish == NULL; sub = sub->next) {
        if (sub->wish->end != 0 && sub->wish->end <= now && sub->status != SUB_OFF) {
            sub->status = SUB_OFF;
            wish = wish_keep(sub->wish);
        }
    }
    mutex_unlock(&subs->lock);
    if (wish != NULL) {
        ErrCode err = wish_set_status(subs, wish, "off", STR_EMPTY);
        if (err != ERR_OK && err != ERR_CONFLICT) {
            log_error("subscription_status", "id", wish->id, "err", err_name(err));
        }
        wish_drop(wish);
    }
}

/* Heartbeats of those that are pushed. */
static void beat(Subs *subs) {
    TimeMs now = clock_now_ms(subs->clock);
    for (Sub *sub = subs->list; sub != NULL && subs->o.push != NULL; sub = sub->next) {
        SubWish *wish = sub->wish;
        mutex_lock(&subs->lock);
        SubsNotice notice = {.type = "heartbeat", .total = sub->events, .status = "active"};
        bool is_due = sub->status == SUB_ACTIVE && !wish->is_hook && wish->heartbeat_s > 0 &&
                      now - sub->last_sent >= (TimeMs)wish->heartbeat_s * 1000;
        sub->last_sent = is_due ? now : sub->last_sent;
        mutex_unlock(&subs->lock);
        CLEANUP_BUF Buf b;
        buf_init(&b, LIMIT_MIB);
        if (is_due && notice_put(subs, wish, &notice, &b) == ERR_OK) {
            subs->o.push(subs->o.push_ctx, wish->id, 0, buf_str(&b));
        }
    }
}

typedef struct Todo {
    RecordNo *records;
    size_t n;
    RecordNo applied; /* all up to here are among them, or are nobody's business */
    bool overflowed;  /* some were not noted */
} Todo;

/* The records to look at, in order; waits for some unless there is more to read anyway. */
static void take_todo(Subs *subs, Todo *todo, bool may_wait) {
    MUTEX_GUARD(&subs->lock);
    if (may_wait && subs->n_todo == 0 && !stop_asked(&subs->stop)) {
        (void)cond_wait_ms(&subs->wake, &subs->lock, NAP_MS);
    }
    todo->n = subs->n_todo;
    todo->applied = subs->applied;
    todo->overflowed = subs->overflowed;
    memcpy(todo->records, subs->todo, todo->n * sizeof(*todo->records));
    subs->n_todo = 0;
    subs->overflowed = false;
    for (Sub *sub = subs->list; todo->overflowed && sub != NULL; sub = sub->next) {
        sub->lags = true;
    }
}

/* All that was to be looked at was: who does not lag has seen everything. */
static void all_seen(Subs *subs, const Todo *todo) {
    MUTEX_GUARD(&subs->lock);
    for (Sub *sub = subs->list; sub != NULL; sub = sub->next) {
        if (!sub->lags && sub->status == SUB_ACTIVE) {
            sub->seen = MAX(sub->seen, SLOT_OF(todo->applied, STORE_RECORD_SLOTS - 1));
        }
    }
    if (todo->applied > subs->noted + SUBS_NOTE_EVERY) {
        subs->noted = todo->applied;
        subs->dirty = true;
    }
}

static ErrCode take_up_all(Subs *subs);

/* One round. */
static ErrCode watch_once(Subs *subs, Arena *record_arena, Look *look, Todo *todo) {
    *look = (Look){.subs = subs, .arena = look->arena};
    if (todo->overflowed) { /* Subscriptions may have changed in records that were not noted */
        TRY(take_up_all(subs));
    }
    for (size_t i = 0; i < todo->n && !stop_asked(&subs->stop); i++) {
        TRY(look_at_record(subs, record_arena, look, todo->records[i]));
    }
    if (!stop_asked(&subs->stop)) {
        all_seen(subs, todo);
    }
    return ERR_OK;
}

static void watch(Subs *subs, Arena *record_arena, Look *look, Todo *todo) {
    bool more = false;
    while (!stop_asked(&subs->stop)) {
        take_todo(subs, todo, !more);
        ErrCode err = watch_once(subs, record_arena, look, todo);
        if (err != ERR_OK) { /* nothing is lost: everybody reads on from what was seen */
            log_error("subscription_watch", "err", err_name(err));
            clock_sleep_ms(clock_real(), RETRY_MS);
            MUTEX_GUARD(&subs->lock);
            subs->overflowed = true;
        }
        activate_pushed(subs);
        more = catch_up(subs, look);
        end_old_ones(subs);
        beat(subs);
        err = state_save(subs);
        if (err != ERR_OK) {
            log_error("subscription_state", "err", err_name(err));
        }
    }
}

static void watch_main(void *ctx) {
    Subs *subs = ctx;
    Arena *record_arena = arena_new(RECORD_ARENA_MAX);
    Arena *arena = arena_new(RECORD_ARENA_MAX);
    Todo todo = {.records = calloc(SUBS_TODO_MAX, sizeof(RecordNo))};
    Look look = {.subs = subs, .arena = arena};
    thread_step_back(5);
    if (record_arena != NULL && arena != NULL && todo.records != NULL) {
        watch(subs, record_arena, &look, &todo);
    }
    free(todo.records);
    arena_free(arena);
    arena_free(record_arena);
}

/* ---- start and stop ---- */

static ErrCode take_up_one(void *ctx, const StoreVersion *v) {
    return take_up(ctx, v);
}

static ErrCode take_up_all(Subs *subs) {
    FhirQueryScope scope = {.type = FHIR_T_SUBSCRIPTION, .base_url = subs->o.base_url};
    return store_scan_found(subs->o.store, &(StoreFound){.scope = &scope,
                                                         .text = STR("status=requested,active"),
                                                         .each = take_up_one,
                                                         .ctx = subs});
}

ErrCode subs_new(Subs **ret_subs) {
    Subs *subs = calloc(1, sizeof(*subs));
    if (subs == NULL) {
        return ERR_NOMEM;
    }
    subs->arena = arena_new(ARENA_MAX);
    subs->todo = calloc(SUBS_TODO_MAX, sizeof(*subs->todo));
    mutex_init(&subs->lock);
    cond_init(&subs->wake);
    cond_init(&subs->send);
    want_types(subs);
    if (subs->arena == NULL || subs->todo == NULL) {
        subs_free(subs);
        return ERR_NOMEM;
    }
    *ret_subs = subs;
    return ERR_OK;
}

static ErrCode start_threads(Subs *subs) {
    ErrCode err = thread_start(&subs->watcher, "subs-watch", watch_main, subs);
    for (size_t i = 0; i < SUBS_SENDERS && err == ERR_OK; i++) {
        err = thread_start(&subs->senders[i], "subs-send", send_main, subs);
    }
    return err;
}

ErrCode subs_start(Subs *subs, const SubsOptions *options, ErrInfo *info) {
    subs->o = *options;
    subs->o.dir = arena_str(subs->arena, options->dir);
    subs->o.base_url = arena_str(subs->arena, options->base_url);
    subs->o.hosts = arena_str(subs->arena, options->hosts);
    subs->o.retry_ms = options->retry_ms == 0 ? 1000 : options->retry_ms;
    subs->o.give_up_s = options->give_up_s == 0 ? 86400 : options->give_up_s;
    subs->clock = options->clock == NULL ? clock_real() : options->clock;
    subs->stop = (StopFlag){0};
    mutex_lock(&subs->lock);
    subs->started = true;
    subs->n_todo = 0;
    mutex_unlock(&subs->lock);
    TRY(key_open(subs, info));
    TRY(take_up_all(subs));
    TRY(state_load(subs));
    for (Sub *sub = subs->list; sub != NULL; sub = sub->next) {
        sub->lags = true;
    }
    ErrCode err = start_threads(subs);
    if (err != ERR_OK) {
        subs_stop(subs);
    }
    return err;
}

void subs_stop(Subs *subs) {
    if (subs == NULL || !subs->started) {
        return;
    }
    mutex_lock(&subs->lock);
    stop_ask(&subs->stop);
    cond_broadcast(&subs->wake);
    cond_broadcast(&subs->send);
    mutex_unlock(&subs->lock);
    thread_join(&subs->watcher);
    for (size_t i = 0; i < SUBS_SENDERS; i++) {
        thread_join(&subs->senders[i]);
    }
    ErrCode err = state_save(subs);
    if (err != ERR_OK) {
        log_error("subscription_state", "err", err_name(err));
    }
    MUTEX_GUARD(&subs->lock);
    subs->started = false;
    key_close(subs);
    while (subs->list != NULL) {
        Sub *sub = subs->list;
        subs->list = sub->next;
        sub_drop(sub);
    }
}

void subs_free(Subs *subs) {
    if (subs != NULL) {
        subs_stop(subs);
        arena_free(subs->arena);
        free(subs->todo);
        mutex_release(&subs->lock);
        cond_release(&subs->wake);
        cond_release(&subs->send);
        free(subs);
    }
}
