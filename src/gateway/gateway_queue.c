/* Filling the queue, and its threads. */
#include "gateway/gateway_queue_int.h"

bool queue_is_open(const GatewayQueue *q, const QueueTarget *t) {
    return !t->paused && clock_monotonic_ns(q->o.clock) >= t->rests_until_ns &&
           (!t->down || t->busy == 0);
}

int64_t queue_pause_ms(GatewayQueue *q, unsigned n) {
    int64_t whole = MIN((int64_t)q->o.retry_ms << MIN(n, 16U), (int64_t)QUEUE_PAUSE_MAX_MS);
    return whole / 2 + random_between(&q->random, 0, whole / 2);
}

/* ---- filling ---- */

typedef struct Sweep {
    GatewayQueue *q;
    Arena *arena;
    const char *state; /* of the settlement Tasks that are looked through; NULL: check-ins and
                          copies, by their own Tasks */
    RecordNo snapshot;
    Slot after;
    size_t n_left; /* not taken: their destination rests, their time has not come, no room */
    bool ended;
} Sweep;

static QueueItem *find_item(GatewayQueue *q, Str key, bool used) {
    for (size_t i = 0; i < QUEUE_ITEMS; i++) {
        QueueItem *item = &q->items[i];
        if (used ? item->used && str_eq(key, str_from(item->key)) : !item->used) {
            return item;
        }
    }
    return NULL;
}

/* May it be tried now, by what is written down of its failures with these bytes? */
static ErrCode is_due(Sweep *s, const GatewayNote *visit, bool *ret) {
    GatewayNote n;
    ErrCode err = gateway_note_get(s->q->o.store, s->arena, visit->facility, visit->ma_lk, &n);
    *ret = err == ERR_NOT_FOUND || !str_eq(n.file, visit->file) || n.state == GATEWAY_NOTE_DONE;
    if (err == ERR_OK && !*ret && n.state == GATEWAY_NOTE_WAITING) {
        *ret = n.not_before <= clock_now_ms(s->q->o.clock);
        s->n_left += !*ret;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static bool goes_here(const GatewayQueue *q, const GatewayNote *n) {
    return q->copy == SIZE_MAX
               ? !n->is_copy
               : n->is_copy && str_eq(n->target, q->o.targets->targets[q->copy].name);
}

ErrCode queue_next_checkin(const GatewayQueue *q, Arena *arena, const GatewayNote *visit,
                           GatewayNote *ret) {
    GatewayNotePage page = {.n = 0};
    const GatewayNote *first = NULL;
    TRY(gateway_checkins(q->o.store, arena, visit->facility, visit->ma_lk, &page));
    for (size_t i = 0; i < page.n; i++) {
        const GatewayNote *n = &page.notes[i];
        if (n->state == GATEWAY_NOTE_WAITING && goes_here(q, n) &&
            (first == NULL || n->first < first->first)) {
            first = n;
        }
    }
    if (first == NULL) {
        return ERR_NOT_FOUND;
    }
    *ret = *first;
    return ERR_OK;
}

/* A visit's check-ins go one behind the other, and before its claim. */
static ErrCode is_next(Sweep *s, const GatewayNote *visit, bool *ret) {
    GatewayNote next;
    ErrCode err = queue_next_checkin(s->q, s->arena, visit, &next);
    bool is_it = visit->is_checkin && err == ERR_OK && str_eq(next.id, visit->id);
    *ret = visit->is_checkin ? is_it : err == ERR_NOT_FOUND;
    s->n_left += !*ret;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* What stands first waits for its time alone: all that is in its way is itself. */
static ErrCode is_own_due(Sweep *s, size_t account, const GatewayNote *n, bool *ret) {
    *ret = true;
    if (s->q->o.targets->accounts[account].checkins) {
        TRY(is_next(s, n, ret));
    }
    if (*ret && n->not_before > clock_now_ms(s->q->o.clock)) {
        *ret = false;
        s->n_left++;
    }
    return ERR_OK;
}

/* Bytes that may be there already wait for nothing more. */
static ErrCode is_claim_due(Sweep *s, size_t account, const GatewayNote *visit, bool *ret) {
    bool first = str_eq(str_from(s->state), STR("sent"));
    TRY(is_due(s, visit, ret));
    return *ret && !first && s->q->o.targets->accounts[account].checkins ? is_next(s, visit, ret)
                                                                         : ERR_OK;
}

static void put_item(Sweep *s, Str key, size_t account, const GatewayNote *of) {
    GatewayQueue *q = s->q;
    MUTEX_GUARD(&q->lock);
    QueueItem *item = find_item(q, key, true) == NULL ? find_item(q, key, false) : NULL;
    if (item == NULL) {
        return;
    }
    *item = (QueueItem){.used = true, .account = account};
    memcpy(item->key, key.ptr, key.len);
    if (gateway_note_is_own(of)) {
        (void)snprintf(item->own, sizeof(item->own), STR_FMT, STR_ARG(of->id));
    }
    q->n_items++;
    cond_signal(&q->send);
}

static bool may_take(Sweep *s, size_t account, Str key) {
    GatewayQueue *q = s->q;
    MUTEX_GUARD(&q->lock);
    const QueueTarget *t = queue_target(q, account);
    bool open = queue_is_open(q, t) && q->n_items < QUEUE_ITEMS &&
                !(t->down && queue_failed(t, hash64(key)));
    s->n_left += !open;
    return open && find_item(q, key, true) == NULL;
}

/* Where this queue takes the facility's visits. */
static size_t account_of(const GatewayQueue *q, Str facility) {
    return gateway_account_at(q->o.targets, facility, q->copy);
}

static ErrCode look_at(Sweep *s, const GatewayNote *visit) {
    bool due = false;
    Str key = arena_printf(s->arena, STR_FMT "|" STR_FMT, STR_ARG(visit->facility),
                           STR_ARG(visit->ma_lk));
    size_t account = account_of(s->q, visit->facility);
    if (key.len >= QUEUE_KEY || account == SIZE_MAX || !may_take(s, account, key)) {
        return ERR_OK;
    }
    if (visit->is_checkin && !s->q->o.targets->accounts[account].checkins) {
        return ERR_OK; /* switched off since */
    }
    TRY(gateway_note_is_own(visit) ? is_own_due(s, account, visit, &due)
                                   : is_claim_due(s, account, visit, &due));
    if (due) {
        put_item(s, key, account, visit);
    }
    return ERR_OK;
}

/* One page, oldest first. */
static ErrCode look_on(Sweep *s) {
    enum { PAGE = 64 };
    GatewayNotePage page;
    arena_reset(s->arena);
    if (s->state == NULL) {
        GatewayNoteAsk ask = {.snapshot = s->snapshot, .after = s->after, .max = PAGE};
        if (s->q->copy != SIZE_MAX) {
            ask.target = s->q->o.targets->targets[s->q->copy].name;
        }
        TRY(gateway_own_list(s->q->o.store, s->arena, &ask, &page));
    } else {
        GatewayVisitAsk ask = {
            .state = s->state, .snapshot = s->snapshot, .after = s->after, .max = PAGE};
        TRY(gateway_visit_list(s->q->o.store, s->arena, &ask, &page));
    }
    for (size_t i = 0; i < page.n; i++) {
        TRY(look_at(s, &page.notes[i]));
    }
    s->snapshot = page.snapshot;
    s->after = page.next;
    s->ended = page.next == 0;
    return ERR_OK;
}

static bool is_stopping(const GatewayQueue *q) {
    return stop_asked(q->o.stop);
}

/* With the lock held. Visits whose destination was paused or went down since they were taken would
 * keep those of others out: they are found again in the store. */
static void drop_resting(GatewayQueue *q) {
    for (size_t i = 0; i < QUEUE_ITEMS; i++) {
        QueueItem *item = &q->items[i];
        const QueueTarget *t = item->used ? queue_target(q, item->account) : NULL;
        bool rests = t != NULL && (t->paused || clock_monotonic_ns(q->o.clock) < t->rests_until_ns);
        if (rests && !item->busy) {
            *item = (QueueItem){0};
            q->n_items--;
            q->stirred = true;
        }
    }
}

/* Until there is room again, so that the next page is not read for nothing. */
static void wait_for_room(GatewayQueue *q) {
    MUTEX_GUARD(&q->lock);
    while (q->n_items > QUEUE_ITEMS / 2 && !is_stopping(q)) {
        drop_resting(q);
        if (q->n_items > QUEUE_ITEMS / 2) {
            (void)cond_wait_ms(&q->feed, &q->lock, QUEUE_POLL_MS);
        }
    }
}

/* All that waits for it failed there: they are asked again. */
static void forget_failed(GatewayQueue *q) {
    MUTEX_GUARD(&q->lock);
    for (size_t i = 0; i < q->o.targets->n_targets; i++) {
        QueueTarget *t = &q->targets[i];
        if (t->down && t->busy == 0 && queue_is_open(q, t)) {
            t->n_failed = 0;
        }
    }
}

/* ---- ordering copies ---- */

ErrCode queue_order(const GatewayQueue *q, const SettleVisit *v, const GatewayNote *visit,
                    size_t target) {
    const GatewayTarget *to = &q->o.targets->targets[target];
    if (!to->copy || !gateway_copy_wanted(v) ||
        gateway_account_at(q->o.targets, visit->facility, target) == SIZE_MAX) {
        return ERR_OK;
    }
    GatewayNote order = {.target = to->name,
                         .facility = visit->facility,
                         .ma_lk = visit->ma_lk,
                         .patient = v->patient,
                         .visit = v->visit,
                         .file = v->file,
                         .time = clock_now_ms(q->o.clock)};
    return gateway_copy_order(q->o.store, &order);
}

static ErrCode order_one(const Sweep *s, const GatewayNote *visit) {
    SettleVisit v;
    ErrInfo info = {0};
    if (account_of(s->q, visit->facility) == SIZE_MAX) {
        return ERR_OK;
    }
    ErrCode err = settle_visit(s->q->settle, s->arena, visit->facility, visit->ma_lk, &v, &info);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK; /* it is no visit any more */
    }
    TRY(err);
    return queue_order(s->q, &v, visit, s->q->copy);
}

/* Of what was signed since the last look. A visit that goes to the fund orders its copies itself
 * (gateway_send.c); the others do not wait for that. */
static ErrCode order_copies(Sweep *s) {
    enum { PAGE = 64 };
    GatewayNotePage page;
    GatewayQueue *q = s->q;
    do {
        GatewayVisitAsk ask = {.snapshot = s->snapshot, .after = s->after, .max = PAGE};
        arena_reset(s->arena);
        TRY(gateway_visit_news(q->o.store, s->arena, &ask, q->ordered, &page));
        for (size_t i = 0; i < page.n; i++) {
            TRY(order_one(s, &page.notes[i]));
        }
        s->after = page.next;
    } while (page.next != 0 && !is_stopping(q));
    q->ordered = is_stopping(q) ? q->ordered : s->snapshot;
    return ERR_OK;
}

/* ---- the whole look ---- */

/* What was sent and not answered comes first: its bytes may be there already. Then check-ins, which
 * their claims wait for. */
static ErrCode sweep(GatewayQueue *q, Arena *arena, RecordNo *ret_snapshot, size_t *ret_left) {
    const char *const of_fund[] = {"sent", NULL, "signed"};
    const char *const of_copies[] = {NULL};
    bool fund = q->copy == SIZE_MAX;
    const char *const *states = fund ? of_fund : of_copies;
    *ret_left = 0;
    *ret_snapshot = store_snapshot(q->o.store);
    if (!fund) {
        TRY(order_copies(&(Sweep){.q = q, .arena = arena, .snapshot = *ret_snapshot}));
        *ret_snapshot = store_snapshot(q->o.store); /* with what was ordered */
    }
    for (size_t i = 0; i < (fund ? ARRAY_LEN(of_fund) : ARRAY_LEN(of_copies)); i++) {
        Sweep s = {.q = q, .arena = arena, .state = states[i], .snapshot = *ret_snapshot};
        while (!s.ended && !is_stopping(q)) {
            wait_for_room(q);
            TRY(look_on(&s));
        }
        *ret_left += s.n_left;
    }
    forget_failed(q);
    return ERR_OK;
}

/* The search takes at most a tenth of the time, however much waits for a destination that rests. */
static void rest(GatewayQueue *q, int64_t took_ns) {
    int64_t ms = MAX((int64_t)QUEUE_POLL_MS, MIN(took_ns / 1000000 * 9, (int64_t)60000));
    MUTEX_GUARD(&q->lock);
    if (!q->woken && !is_stopping(q)) {
        (void)cond_wait_ms(&q->feed, &q->lock, ms);
    }
    q->woken = false;
}

/* Did a trip end, or somebody ask, since the last look? What did not get through is found again. */
static bool was_stirred(GatewayQueue *q) {
    MUTEX_GUARD(&q->lock);
    bool stirred = q->stirred;
    q->stirred = false;
    return stirred;
}

static void feed_main(void *ctx) {
    GatewayQueue *q = ctx;
    Arena *arena = arena_new(QUEUE_ARENA_MAX);
    RecordNo seen = UINT64_MAX;
    size_t left = 1;
    thread_step_back(5);
    while (arena != NULL && !is_stopping(q)) {
        int64_t began = clock_monotonic_ns(q->o.clock);
        if (was_stirred(q) || left > 0 || seen != store_snapshot(q->o.store)) {
            ErrCode err = sweep(q, arena, &seen, &left);
            if (err != ERR_OK) {
                log_error("gateway_look", "err", err_name(err));
                left = 1;
            }
        }
        rest(q, clock_monotonic_ns(q->o.clock) - began);
    }
    arena_free(arena);
}

/* ---- sending ---- */

/* False when stopping. A copy: the item itself stays in its place, busy. */
static bool take(GatewayQueue *q, QueueItem **ret) {
    MUTEX_GUARD(&q->lock);
    while (!is_stopping(q)) {
        for (size_t i = 0; i < QUEUE_ITEMS; i++) {
            QueueItem *item = &q->items[i];
            if (item->used && !item->busy && queue_is_open(q, queue_target(q, item->account))) {
                item->busy = true;
                queue_target(q, item->account)->busy++;
                *ret = item;
                return true;
            }
        }
        (void)cond_wait_ms(&q->send, &q->lock, QUEUE_POLL_MS);
    }
    return false;
}

/* Whatever became of it stands in the store: it comes again from there when it must. */
static void give_back(GatewayQueue *q, QueueItem *item) {
    MUTEX_GUARD(&q->lock);
    queue_target(q, item->account)->busy--;
    *item = (QueueItem){0};
    q->n_items--;
    q->stirred = true;
    cond_signal(&q->feed);
    cond_signal(&q->send);
}

static void send_main(void *ctx) {
    GatewayQueue *q = ctx;
    HttpClient *client = http_client_new();
    QueueItem *item = NULL;
    while (client != NULL && take(q, &item)) {
        queue_send(q, client, item);
        give_back(q, item);
    }
    http_client_free(client);
}

/* ---- life ---- */

static ErrCode read_doors(GatewayQueue *q) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    GatewayDoor door;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < q->o.targets->n_targets; i++) {
        TRY(gateway_door_get(q->o.store, arena, q->o.targets->targets[i].name, &door));
        q->targets[i].paused = door.paused;
    }
    return ERR_OK;
}

static ErrCode start_threads(GatewayQueue *q) {
    unsigned n = MIN(MAX(q->o.senders, 1U), (unsigned)QUEUE_SENDERS_MAX);
    TRY(thread_start(&q->feeder, "gateway-look", feed_main, q));
    for (unsigned i = 0; i < n; i++) {
        TRY(thread_start(&q->senders[i], "gateway-send", send_main, q));
    }
    return ERR_OK;
}

static ErrCode start_one(const GatewayQueueOptions *options, size_t copy, GatewayQueue **ret) {
    GatewayQueue *q = calloc(1, sizeof(*q));
    uint64_t seed = 0;
    if (q == NULL) {
        return ERR_NOMEM;
    }
    q->o = *options;
    q->copy = copy;
    mutex_init(&q->lock);
    cond_init(&q->feed);
    cond_init(&q->send);
    ErrCode err = random_secret(&seed, sizeof(seed));
    random_init(&q->random, seed);
    err = err != ERR_OK
              ? err
              : settle_new(&(SettleOptions){.store = q->o.store, .clock = q->o.clock}, &q->settle);
    err = err != ERR_OK ? err : read_doors(q);
    err = err != ERR_OK ? err : start_threads(q);
    if (err != ERR_OK) {
        stop_ask(q->o.stop);
        gateway_queue_stop(q);
        return err;
    }
    *ret = q;
    return ERR_OK;
}

ErrCode gateway_queue_start(const GatewayQueueOptions *options, GatewayQueue **ret) {
    GatewayQueue *first = NULL;
    TRY(start_one(options, SIZE_MAX, &first));
    GatewayQueue *last = first;
    for (size_t i = 0; i < options->targets->n_targets; i++) {
        ErrCode err =
            options->targets->targets[i].copy ? start_one(options, i, &last->next) : ERR_OK;
        if (err != ERR_OK) {
            gateway_queue_stop(first);
            return err;
        }
        last = last->next == NULL ? last : last->next;
    }
    *ret = first;
    return ERR_OK;
}

void gateway_queue_stop(GatewayQueue *queue) {
    if (queue == NULL) {
        return;
    }
    gateway_queue_stop(queue->next);
    mutex_lock(&queue->lock);
    cond_broadcast(&queue->feed);
    cond_broadcast(&queue->send);
    mutex_unlock(&queue->lock);
    thread_join(&queue->feeder);
    for (size_t i = 0; i < QUEUE_SENDERS_MAX; i++) {
        thread_join(&queue->senders[i]);
    }
    settle_free(queue->settle);
    cond_release(&queue->feed);
    cond_release(&queue->send);
    mutex_release(&queue->lock);
    free(queue);
}

static void wake(GatewayQueue *q) {
    MUTEX_GUARD(&q->lock);
    q->woken = q->stirred = true;
    cond_signal(&q->feed);
}

void gateway_queue_wake(GatewayQueue *queue) {
    for (GatewayQueue *q = queue; q != NULL; q = q->next) {
        wake(q);
    }
}

/* That which serves destination number i. */
static GatewayQueue *queue_of(GatewayQueue *first, size_t i) {
    GatewayQueue *q = first->o.targets->targets[i].copy ? first->next : first;
    while (q->copy != SIZE_MAX && q->copy != i) {
        q = q->next;
    }
    return q;
}

ErrCode gateway_queue_pause(GatewayQueue *queue, Str target, bool paused, const GatewayAct *act,
                            ErrInfo *info) {
    size_t i = gateway_target_find(queue->o.targets, target);
    if (i == SIZE_MAX) {
        return err_set(info, ERR_NOT_FOUND, "gateway-destination",
                       "there is no destination " STR_FMT, "không có nơi nhận " STR_FMT,
                       STR_ARG(target));
    }
    TRY(gateway_door_set(queue->o.store, target, paused, act, info));
    GatewayQueue *q = queue_of(queue, i);
    MUTEX_GUARD(&q->lock);
    QueueTarget *t = &q->targets[i];
    t->paused = paused;
    t->down = false;
    t->in_a_row = t->n_failed = 0; /* who resumes wants it tried at once */
    t->rests_until_ns = 0;
    q->woken = q->stirred = true;
    cond_signal(&q->feed);
    cond_broadcast(&q->send);
    return ERR_OK;
}

GatewayTargetState gateway_queue_target(GatewayQueue *queue, size_t i) {
    GatewayQueue *q = queue_of(queue, i);
    MUTEX_GUARD(&q->lock);
    const QueueTarget *t = &q->targets[i];
    GatewayTargetState s = t->seen;
    int64_t left = t->rests_until_ns - clock_monotonic_ns(q->o.clock);
    s.paused = t->paused;
    s.down = t->down;
    s.retry_ms = s.down ? MAX(left, 0) / 1000000 : 0;
    s.in_a_row = t->in_a_row;
    return s;
}
