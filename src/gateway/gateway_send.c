/* One visit on its way out. The order of the steps is what makes it survive a crash anywhere: sent
 * is written down, the bytes leave, received is written down. */
#include "gateway/gateway_queue_int.h"

typedef struct Trip {
    GatewayQueue *q;
    HttpClient *client;
    Arena *arena;
    GatewayLine *line;
    size_t account;
    SettleAct act;
    SettleVisit visit;
    GatewayNote own; /* the check-in or copy that goes; slot 0: the fund's claim */
    bool moved;      /* signed → sent by this trip: it may be taken back when nothing arrived */
    GatewayAnswer answer;
} Trip;

static void log_trip(const Trip *t, const char *event, ErrCode err) {
    log_warn(event, "target", t->line->target->name, "facility", t->act.facility, "code",
             str_from(t->answer.code), "err", err_name(err));
}

/* ---- what the destination is worth ---- */

static void answered(Trip *t, bool refused) {
    MUTEX_GUARD(&t->q->lock);
    QueueTarget *to = queue_target(t->q, t->account);
    to->down = false;
    to->in_a_row = to->n_failed = 0;
    to->rests_until_ns = 0;
    to->seen.problem[0] = '\0';
    to->seen.last_answer = clock_now_ms(t->q->o.clock);
    to->seen.n_sent += !refused;
    to->seen.n_refused += refused;
    cond_broadcast(&t->q->send);
}

static void rest(Trip *t, QueueTarget *to, int64_t ms) {
    to->rests_until_ns = clock_monotonic_ns(t->q->o.clock) + ms * 1000000;
    (void)snprintf(to->seen.problem, sizeof(to->seen.problem), "%s%s%s", t->answer.code,
                   t->answer.code[0] == '\0' || t->answer.message[0] == '\0' ? "" : ": ",
                   t->answer.message);
}

/* The destination is not there, or wants a pause. */
static void not_there(Trip *t) {
    MUTEX_GUARD(&t->q->lock);
    QueueTarget *to = queue_target(t->q, t->account);
    int64_t pause = t->answer.retry_after_s > 0
                        ? (int64_t)MIN(t->answer.retry_after_s, 3600U) * 1000
                        : queue_pause_ms(t->q, to->in_a_row);
    to->down = true;
    to->in_a_row++;
    to->seen.n_failed++;
    rest(t, to, pause);
}

/* True: it is this visit's failure. False: the destination's, nobody is blamed. */
static bool count_failure(Trip *t) {
    MUTEX_GUARD(&t->q->lock);
    QueueTarget *to = queue_target(t->q, t->account);
    CLEANUP_BUF Buf key;
    buf_init(&key, QUEUE_KEY + 8);
    buf_printf(&key, STR_FMT "|" STR_FMT, STR_ARG(t->act.facility), STR_ARG(t->act.ma_lk));
    uint64_t hash = hash64(buf_str(&key));
    if (!queue_failed(to, hash)) {
        to->failed[to->n_failed++ % QUEUE_FAILED] = hash;
    }
    to->seen.n_failed++;
    to->in_a_row++;
    if (!to->down && to->n_failed < QUEUE_DOWN_AFTER) {
        rest(t, to, 0);
        return true;
    }
    to->down = true;
    rest(t, to, queue_pause_ms(t->q, MAX(to->in_a_row, QUEUE_DOWN_AFTER) - QUEUE_DOWN_AFTER));
    return false;
}

/* ---- what is written down of a visit ---- */

/* What is known of the claim's failures; again: with these bytes. */
static ErrCode read_note(const Trip *t, GatewayNote *ret, bool *ret_again) {
    ErrCode err = gateway_note_get(t->q->o.store, t->arena, t->act.facility, t->act.ma_lk, ret);
    TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
    *ret_again =
        err == ERR_OK && str_eq(ret->file, t->visit.file) && ret->state == GATEWAY_NOTE_WAITING;
    ret->patient = t->visit.patient;
    ret->visit = t->visit.visit;
    ret->file = t->visit.file;
    return ERR_OK;
}

static ErrCode note(Trip *t, GatewayNoteState state, Str why) {
    GatewayNote n = t->own;
    ErrInfo info = {0};
    GatewayQueue *q = t->q;
    TimeMs now = clock_now_ms(q->o.clock);
    bool again = true;
    if (n.slot == 0) {
        TRY(read_note(t, &n, &again));
    }
    n.failures = (again ? n.failures : 0) + (state == GATEWAY_NOTE_WAITING);
    if (state == GATEWAY_NOTE_WAITING && n.failures >= q->o.failures) {
        state = GATEWAY_NOTE_HELD;
    }
    n.not_before = 0;
    if (state == GATEWAY_NOTE_WAITING) {
        MUTEX_GUARD(&q->lock);
        n.not_before = now + queue_pause_ms(q, n.failures - 1);
    }
    n.state = state;
    n.target = t->line->target->name;
    n.facility = t->act.facility;
    n.ma_lk = t->act.ma_lk;
    n.code = str_from(t->answer.code);
    n.transaction = str_from(t->answer.transaction);
    n.who = t->act.who;
    n.why = why;
    n.time = now;
    return gateway_note_put(q->o.store, &n, &info);
}

static bool has_note(const Trip *t) {
    GatewayNote n;
    return gateway_note_get(t->q->o.store, t->arena, t->act.facility, t->act.ma_lk, &n) == ERR_OK &&
           n.state != GATEWAY_NOTE_DONE;
}

/* ---- the answer ---- */

static Str reason(const Trip *t) {
    const GatewayAnswer *a = &t->answer;
    return arena_printf(t->arena, "%s%s%s", a->code,
                        a->code[0] == '\0' || a->message[0] == '\0' ? "" : ": ",
                        a->message[0] == '\0' && a->code[0] == '\0' ? "no answer" : a->message);
}

static ErrCode take_back(Trip *t) {
    ErrInfo info = {0};
    SettleAct act = t->act;
    act.why = reason(t);
    return settle_returned(t->q->settle, &act, &info);
}

static ErrCode done(Trip *t) {
    ErrInfo info = {0};
    bool noted = t->own.slot != 0 || has_note(t);
    answered(t, false);
    if (t->own.slot == 0) {
        TRY(settle_received(t->q->settle, &t->act, str_from(t->answer.transaction), &info));
    }
    log_info("gateway_sent", "target", t->line->target->name, "facility", t->act.facility,
             "transaction", str_from(t->answer.transaction));
    return noted ? note(t, GATEWAY_NOTE_DONE, STR_EMPTY) : ERR_OK;
}

/* The visit is signed again before the refusal is noted: cut off in between it is sent once more
 * and refused once more. */
static ErrCode refused(Trip *t) {
    answered(t, true);
    if (t->own.slot == 0) {
        TRY(take_back(t));
    }
    return note(t, GATEWAY_NOTE_REFUSED, reason(t));
}

static ErrCode end_trip(Trip *t) {
    bool untouched = t->moved && !t->answer.reached;
    switch (t->answer.outcome) {
    case GATEWAY_DONE:
        return done(t);
    case GATEWAY_REFUSED:
        return refused(t);
    case GATEWAY_RETRY:
        log_trip(t, "gateway_failed", ERR_OK);
        return count_failure(t) ? note(t, GATEWAY_NOTE_WAITING, reason(t)) : ERR_OK;
    case GATEWAY_AWAY:
    case GATEWAY_LATER:
        log_trip(t, "gateway_away", ERR_OK);
        not_there(t);
        return untouched || (t->moved && t->answer.outcome == GATEWAY_LATER) ? take_back(t)
                                                                             : ERR_OK;
    case GATEWAY_STOPPED:
        return untouched ? take_back(t) : ERR_OK;
    case GATEWAY_TOKEN:
    case GATEWAY_OUTCOMES:
    default:
        return ERR_INTERNAL;
    }
}

/* ---- the way ---- */

/* Signed and unchanged since, or sent without an answer; else it is not this queue's any more. */
static bool may_go(const Trip *t) {
    return t->visit.task == BOOK_SENT ||
           (t->visit.task == BOOK_SIGNED && t->visit.state == BOOK_SIGNED);
}

/* Before it leaves the state `signed`, by which copies are found. */
static ErrCode order_copies(const Trip *t) {
    GatewayNote visit = {.facility = t->act.facility, .ma_lk = t->act.ma_lk};
    for (size_t i = 0; i < t->q->o.targets->n_targets; i++) {
        TRY(queue_order(t->q, &t->visit, &visit, i));
    }
    return ERR_OK;
}

static ErrCode send_file(Trip *t) {
    Str xml;
    ErrInfo info = {0};
    const SettleVisit *v = &t->visit;
    ErrCode err = settle_file(t->q->settle, t->arena, t->act.facility, t->act.ma_lk, &xml, &info);
    if (err == ERR_GONE) {
        return note(t, GATEWAY_NOTE_HELD, str_from(info.what_vi));
    }
    TRY(err);
    if (v->task == BOOK_SIGNED) {
        TRY(order_copies(t));
        TRY(settle_sent(t->q->settle, &t->act, t->line->target->name, &info));
        t->moved = true;
    }
    gateway_send(t->line, t->client, &(GatewayFile){.facility = t->act.facility, .xml = xml},
                 &t->answer);
    return end_trip(t);
}

/* ---- what has a Task of its own: a check-in, a copy. Its bytes are named there, so nothing is
 * written down before they leave. What was not answered goes out again, and the gateway knows it by
 * its bytes. ---- */

static ErrCode send_own(Trip *t) {
    Sha256 hash;
    StoreReceived file;
    ErrCode err = hex_parse(t->own.file, hash.b, sizeof(hash.b)) == ERR_OK
                      ? store_received_get(t->q->o.store, t->arena, &hash, &file)
                      : ERR_NOT_FOUND;
    if (err == ERR_GONE || err == ERR_NOT_FOUND) {
        return note(t, GATEWAY_NOTE_HELD, STR("tệp gốc không còn được lưu"));
    }
    TRY(err);
    gateway_send(t->line, t->client,
                 &(GatewayFile){.is_checkin = t->own.is_checkin,
                                .facility = t->act.facility,
                                .xml = file.bytes},
                 &t->answer);
    return end_trip(t);
}

static ErrCode see_visit(Trip *t) {
    ErrInfo info = {0};
    return settle_visit(t->q->settle, t->arena, t->act.facility, t->act.ma_lk, &t->visit, &info);
}

/* Has the visit's claim been on its way there already? Then nobody needs the check-in any more. */
static ErrCode is_late(Trip *t, bool *ret) {
    GatewayNote copy;
    ErrCode err =
        t->own.is_copy ? gateway_copy_get(t->q->o.store, t->arena, &t->own, &copy) : see_visit(t);
    *ret = err == ERR_OK &&
           (t->own.is_copy ? copy.state == GATEWAY_NOTE_DONE
                           : t->visit.task != BOOK_ENTERED && t->visit.task != BOOK_SIGNED);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* One that has come since this trip was planned goes first. */
static bool has_checkin(const Trip *t) {
    GatewayNote n;
    GatewayNote visit = {.facility = t->act.facility, .ma_lk = t->act.ma_lk};
    return t->line->account->checkins && queue_next_checkin(t->q, t->arena, &visit, &n) == ERR_OK;
}

/* ret_goes: it is to be sent now. What was signed anew is ordered anew; what is not signed any more
 * is not sent. */
static ErrCode plan_copy(Trip *t, bool *ret_goes) {
    ErrCode err = see_visit(t);
    *ret_goes = false;
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return note(t, GATEWAY_NOTE_DROPPED, STR("không còn lượt khám này"));
    }
    TRY(err);
    if (!gateway_copy_wanted(&t->visit)) {
        return note(t, GATEWAY_NOTE_DROPPED,
                    STR("hồ sơ không còn được ký, hoặc đã sửa sau khi ký"));
    }
    if (!str_eq(t->visit.file, t->own.file)) {
        return queue_order(t->q, &t->visit, &t->own, t->q->copy);
    }
    *ret_goes = !has_checkin(t);
    return ERR_OK;
}

static ErrCode plan_checkin(Trip *t, bool *ret_goes) {
    bool late = false;
    TRY(is_late(t, &late));
    *ret_goes = !late;
    return late ? note(t, GATEWAY_NOTE_DONE, STR("hồ sơ đã được gửi trước")) : ERR_OK;
}

static ErrCode go_own(Trip *t, Str id) {
    bool goes = false;
    ErrCode err = gateway_own_get(t->q->o.store, t->arena, id, &t->own);
    if (err != ERR_OK || t->own.state != GATEWAY_NOTE_WAITING) {
        return err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_OK : err;
    }
    TRY(t->own.is_checkin ? plan_checkin(t, &goes) : plan_copy(t, &goes));
    if (!goes) {
        return ERR_OK;
    }
    gateway_sign_in(t->line, t->client, &t->answer);
    return t->answer.outcome == GATEWAY_DONE ? send_own(t) : end_trip(t);
}

/* ---- the fund's claim ---- */

static ErrCode go(Trip *t) {
    TRY(see_visit(t));
    if (!may_go(t) || (t->visit.task == BOOK_SIGNED && has_checkin(t))) {
        return ERR_OK;
    }
    gateway_sign_in(t->line, t->client, &t->answer); /* nothing is moved for a gate that is shut */
    return t->answer.outcome == GATEWAY_DONE ? send_file(t) : end_trip(t);
}

void queue_send(GatewayQueue *q, HttpClient *client, const QueueItem *item) {
    Str facility;
    Str ma_lk = str_from(item->key);
    CLEANUP_ARENA Arena *arena = arena_new(QUEUE_ARENA_MAX);
    (void)str_cut(&ma_lk, '|', &facility);
    Trip t = {.q = q,
              .client = client,
              .arena = arena,
              .line = &q->o.lines[item->account],
              .account = item->account};
    if (arena == NULL) {
        return;
    }
    t.act =
        (SettleAct){.facility = facility,
                    .ma_lk = ma_lk,
                    .who = arena_printf(arena, "gateway " STR_FMT, STR_ARG(t.line->target->name))};
    ErrCode err = item->own[0] == '\0' ? go(&t) : go_own(&t, str_from(item->own));
    if (err != ERR_OK && err != ERR_PRECONDITION && err != ERR_CONFLICT) {
        log_trip(&t, "gateway_trip", err);
        clock_sleep_ms(clock_real(), 200); /* the store is in trouble: no loop that burns */
    }
}
