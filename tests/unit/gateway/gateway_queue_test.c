/* Signed claims on their way to a stand-in of the fund's gateway that misbehaves on demand. All
 * data invented. */
#include "unit/http/http_serve.h"
#include "unit/settle/settle_help.h"

#include "core/base64.h"
#include "core/setting.h"
#include "gateway/gateway_queue.h"

#define MD5 "0123456789ABCDEF0123456789ABCDEF"
enum { TAKEN_MAX = 64, WAYS_MAX = 8, FAILURES = 3 };

typedef enum How { OK, HTTP_500, CUT, LOST, HANG, CODE_201, CODE_429 } How;
typedef struct Way {
    const char *only; /* MA_LK; NULL: all */
    How how;
    int times; /* left; -1: always */
} Way;

typedef struct Fund {
    HttpServer *server;
    Mutex lock;
    Sha256 taken[TAKEN_MAX]; /* files that had an effect, each once */
    size_t n_taken, calls, tokens;
    Way ways[WAYS_MAX];
    size_t n_ways;
    const char *sign_in; /* maKetQua of sign-ins */
    HttpRequest *held[TAKEN_MAX];
    size_t n_held;
    char order[TAKEN_MAX + 1]; /* of the calls: i check-in, c claim */
} Fund;

typedef struct Post {
    World *w;
    Fund fund;
    GatewayTargets *targets;
    GatewayCodes codes;
    GatewayLine line;
    GatewayQueue *queue;
    StopFlag stop;
} Post;

/* ---- the stand-in ---- */

static void say(HttpRequest *r, Str json) {
    http_reply(r, &(HttpReply){.status = 200, .type = STR("application/json"), .body = json});
}

static ssize_t fail_read(void *ctx, char *out, size_t max) {
    (void)ctx, (void)out, (void)max;
    return HTTP_SOURCE_FAILED;
}

static void cut(HttpRequest *r) {
    http_reply_source(r, &(HttpReply){.status = 200, .type = STR("application/json")},
                      &(HttpSource){.read = fail_read});
}

static Str file_of(HttpRequest *r) {
    CLEANUP_BUF Buf xml;
    buf_init(&xml, 16 * LIMIT_MIB);
    Str body = http_body(r);
    Str text = STR_EMPTY;
    size_t at = str_find(body, STR("fileHSBase64="));
    assert_true(at != SIZE_MAX);
    assert_ok(http_decode(http_arena(r), str_sub(body, at + 13, body.len), true, &text));
    assert_ok(base64_decode(&xml, text));
    return arena_str(http_arena(r), buf_str(&xml));
}

/* The first table of the claim, which names the visit. */
static Str table_of(Arena *arena, Str xml) {
    CLEANUP_BUF Buf table;
    buf_init(&table, 16 * LIMIT_MIB);
    Str mark = STR("<NOIDUNGFILE>");
    size_t at = str_find(xml, mark);
    if (at == SIZE_MAX) {
        return xml; /* a check-in */
    }
    Str text = str_sub(xml, at + mark.len, xml.len);
    assert_ok(base64_decode(&table, str_sub(text, 0, str_find_char(text, '<', 0))));
    return arena_str(arena, buf_str(&table));
}

static How way_of(Fund *f, Str table) {
    for (size_t i = 0; i < f->n_ways; i++) {
        Way *way = &f->ways[i];
        char mark[64];
        (void)snprintf(mark, sizeof(mark), ">%s</", way->only == NULL ? "" : way->only);
        if (way->times != 0 && (way->only == NULL || str_find(table, str_from(mark)) != SIZE_MAX)) {
            way->times -= way->times > 0;
            return way->how;
        }
    }
    return OK;
}

/* The number of the file: the same for the same bytes. */
static size_t effect(Fund *f, Str xml) {
    Sha256 hash;
    sha256(xml, &hash);
    size_t i = 0;
    while (i < f->n_taken && !sha256_eq(&f->taken[i], &hash)) {
        i++;
    }
    assert_true(i < TAKEN_MAX);
    f->taken[i] = hash;
    f->n_taken = MAX(f->n_taken, i + 1);
    return i + 1;
}

static void take(Fund *f, HttpRequest *r, Str xml) {
    How how = way_of(f, table_of(http_arena(r), xml));
    size_t number = how == OK || how == CUT || how == HANG ? effect(f, xml) : 0;
    switch (how) {
    case OK:
        say(r, arena_printf(http_arena(r), "{\"maKetQua\":\"200\",\"maGiaoDich\":\"GD-%zu\"}",
                            number));
        return;
    case CUT:
    case LOST:
        cut(r);
        return;
    case HANG:
        f->held[f->n_held++] = r;
        return;
    case HTTP_500:
        http_reply(r, &(HttpReply){.status = 500});
        return;
    case CODE_201:
        say(r, STR("{\"maKetQua\":\"201\",\"thongDiep\":\"Sai XML\"}"));
        return;
    case CODE_429:
    default:
        http_reply(r, &(HttpReply){.status = 429});
    }
}

static void on_request(void *ctx, HttpRequest *r) {
    Fund *f = ctx;
    MUTEX_GUARD(&f->lock);
    if (str_eq(http_path(r), STR("/api/token/take"))) {
        f->tokens++;
        say(r, arena_printf(http_arena(r),
                            "{\"maKetQua\":\"%s\",\"APIKey\":{\"access_token\":\"A\",\"id_token\":"
                            "\"I\",\"expires_in\":\"2036-01-01T00:00:00Z\"}}",
                            f->sign_in));
        return;
    }
    bool checkin = str_eq(http_path(r), STR("/api/qd130/checkInKcbQd3176"));
    f->order[MIN(f->calls, (size_t)TAKEN_MAX - 1)] = checkin ? 'i' : 'c';
    f->calls++;
    assert_int_equal(str_find(http_body(r), checkin ? STR("loaiHoSo=0&") : STR("loaiHoSo=130&")) !=
                         SIZE_MAX,
                     true);
    take(f, r, file_of(r));
}

static void fund_open(Fund *f) {
    mutex_init(&f->lock);
    f->sign_in = "200";
    f->server = serve(2, on_request, f);
}

static void fund_close(Fund *f) {
    for (size_t i = 0; i < f->n_held; i++) {
        say(f->held[i], STR("{}"));
    }
    http_stop(f->server, 1000);
    mutex_release(&f->lock);
}

static void behave(Post *p, Way way) {
    MUTEX_GUARD(&p->fund.lock);
    assert_true(p->fund.n_ways < WAYS_MAX);
    p->fund.ways[p->fund.n_ways++] = way;
}

static void behave_well(Post *p) {
    MUTEX_GUARD(&p->fund.lock);
    p->fund.n_ways = 0;
    p->fund.sign_in = "200";
}

static size_t taken(Post *p) {
    MUTEX_GUARD(&p->fund.lock);
    return p->fund.n_taken;
}

static size_t calls(Post *p) {
    MUTEX_GUARD(&p->fund.lock);
    return p->fund.calls;
}

/* ---- our side ---- */

static void start(Post *p) {
    p->stop = (StopFlag){0};
    p->line.stop = &p->stop;
    assert_ok(gateway_queue_start(&(GatewayQueueOptions){.store = p->w->h->store,
                                                         .targets = p->targets,
                                                         .lines = &p->line,
                                                         .clock = &p->w->clock.clock,
                                                         .stop = &p->stop,
                                                         .failures = FAILURES,
                                                         .senders = 2,
                                                         .retry_ms = 1000},
                                  &p->queue));
}

static void stop(Post *p) {
    stop_ask(&p->stop);
    gateway_queue_stop(p->queue);
    p->queue = NULL;
}

static Str to_fund(void *ctx, Str facility) {
    (void)ctx;
    return str_eq(facility, STR("46001")) ? STR("quy") : STR_EMPTY;
}

static int post_setup(void **state) {
    Post *p = calloc(1, sizeof(*p));
    char table[512];
    assert_int_equal(world_setup((void **)&p->w), 0);
    fund_open(&p->fund);
    (void)snprintf(table, sizeof(table),
                   "target\turl\tfacility\tusername\tpassword\trelease\tcheckins\n"
                   "quy\thttp://127.0.0.1:%d\t*\tbv\t" MD5 "\t3176\tyes\n",
                   (int)http_port(p->fund.server));
    assert_ok(gateway_targets_read(str_from(table), &p->targets, &p->w->info));
    assert_ok(gateway_codes_read(STR(GATEWAY_CODES_DEFAULT), &p->codes, &p->w->info));
    gateway_line_init(&p->line);
    p->line.target = &p->targets->targets[0];
    p->line.account = &p->targets->accounts[0];
    p->line.codes = &p->codes;
    p->line.clock = &p->w->clock.clock;
    p->line.timeout_s = 10;
    intake_forward(p->w->h->intake, to_fund, NULL);
    start(p);
    *state = p;
    return 0;
}

static int post_teardown(void **state) {
    Post *p = *state;
    stop(p);
    fund_close(&p->fund);
    gateway_line_release(&p->line);
    gateway_targets_free(p->targets);
    assert_int_equal(world_teardown((void **)&p->w), 0);
    free(p);
    return 0;
}

static void sign(Post *p, const char *lk) {
    SEND(p->w->h, {.ma_lk = lk, .card = "DN4464600000001"});
    assert_ok(settle_sign(p->w->settle, ACT(lk), p->w->key, &p->w->info));
    gateway_queue_wake(p->queue);
}

static GatewayNote note_of(Post *p, const char *lk) {
    GatewayNote n = {.state = GATEWAY_NOTE_STATES};
    ErrCode err = gateway_note_get(p->w->h->store, p->w->h->arena, STR("46001"), str_from(lk), &n);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return n;
}

/* The clock goes on meanwhile, a second a look. */
#define AWAIT(p, condition)                                                                        \
    do {                                                                                           \
        int i_ = 0;                                                                                \
        for (; !(condition) && i_ < 1000; i_++) {                                                  \
            clock_fake_advance(&(p)->w->clock, 1000);                                              \
            gateway_queue_wake((p)->queue);                                                        \
            clock_sleep_ms(clock_real(), 10);                                                      \
        }                                                                                          \
        if (i_ == 1000) {                                                                          \
            fail_msg("never came: %s", #condition);                                                \
        }                                                                                          \
    } while (0)

static void what_is_signed_goes_out(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3"};
    for (size_t i = 0; i < 3; i++) {
        sign(p, names[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
        assert_true(str_starts(see(p->w, names[i]).transaction, STR("GD-")));
        assert_str(see(p->w, names[i]).who, STR("gateway quy"));
        assert_int_equal(see(p->w, names[i]).version, 3); /* signed, sent, received */
        assert_int_equal(note_of(p, names[i]).state, GATEWAY_NOTE_STATES); /* no trouble: no note */
    }
    assert_int_equal(calls(p), 3);
    assert_int_equal(taken(p), 3);
    GatewayTargetState t = gateway_queue_target(p->queue, 0);
    assert_int_equal(t.n_sent, 3);
    assert_true(t.last_answer > 0);
}

static void a_cut_connection_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = CUT, .times = 2});
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 3);
    assert_int_equal(taken(p), 1);
    assert_str(see(p->w, "LK1").transaction, STR("GD-1"));
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_DONE);
    assert_int_equal(note_of(p, "LK1").version, 3); /* failed, failed, went through */
    assert_str(note_of(p, "LK1").transaction, STR("GD-1"));
}

static void a_stop_in_the_middle_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = HANG, .times = 1});
    sign(p, "LK1");
    AWAIT(p, taken(p) == 1);
    stop(p); /* the answer never came */
    assert_int_equal(see(p->w, "LK1").task, BOOK_SENT);
    start(p);
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 2);
    assert_int_equal(taken(p), 1);
}

static void one_that_always_fails_is_put_aside(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = -1});
    sign(p, "LK1");
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    assert_int_equal(note_of(p, "LK1").failures, FAILURES);
    assert_str(note_of(p, "LK1").code, STR("500"));
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), FAILURES + 1);
    GatewayNotePage page;
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena,
                                &(GatewayNoteAsk){.state = GATEWAY_NOTE_HELD, .max = 10}, &page));
    assert_int_equal(page.total, 1);
    assert_str(page.notes[0].ma_lk, STR("LK1"));
    GatewayNote n = note_of(p, "LK1");
    assert_ok(gateway_note_history(p->w->h->store, p->w->h->arena, &n, 10, &page));
    assert_int_equal(page.n, FAILURES);
    assert_int_equal(page.notes[FAILURES - 1].failures, 1);
    /* only a person, with a reason, lets it go again */
    GatewayAct act = {.who = STR("cn. Hoa"), .now = 1};
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info),
                     ERR_PARAM);
    act.why = STR("cổng đã sửa");
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK9"), &act, &info),
                     ERR_NOT_FOUND);
    behave_well(p);
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info),
                     ERR_PRECONDITION);
}

static void what_is_refused_waits_for_a_person(void **state) {
    Post *p = *state;
    behave(p, (Way){.only = "LK1", .how = CODE_201, .times = -1});
    sign(p, "LK1");
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_REFUSED);
    assert_str(note_of(p, "LK1").why, STR("201: Sai XML"));
    assert_int_equal(see(p->w, "LK1").state,
                     BOOK_SIGNED); /* it is certain that it did not arrive */
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(calls(p), 2); /* not asked again by itself */
    behave_well(p);
    SEND(p->w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_int_equal(see(p->w, "LK1").state, BOOK_CORRECTED);
    assert_ok(settle_sign(p->w->settle, ACT("LK1"), p->w->key, &p->w->info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED); /* other bytes: a new delivery */
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_DONE);
}

static void a_destination_that_fails_blames_nobody(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3", "LK4"};
    behave(p, (Way){.how = HTTP_500, .times = -1});
    for (size_t i = 0; i < 4; i++) {
        sign(p, names[i]);
    }
    AWAIT(p, calls(p) >= 14);
    GatewayTargetState t = gateway_queue_target(p->queue, 0);
    assert_true(t.down);
    assert_string_equal(t.problem, "500");
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(note_of(p, names[i]).state, GATEWAY_NOTE_HELD);
    }
    behave_well(p);
    for (size_t i = 0; i < 4; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
    }
    assert_int_equal(taken(p), 4);
}

/* The oldest visit fails for ever: it does not keep the destination down, and is put aside. */
static void a_bad_visit_keeps_nobody_out(void **state) {
    Post *p = *state;
    static const char *const names[] = {"LK1", "LK2", "LK3", "LK4", "LK5"};
    behave(p, (Way){.how = HTTP_500, .times = -1});
    for (size_t i = 0; i < 5; i++) {
        sign(p, names[i]);
    }
    AWAIT(p, gateway_queue_target(p->queue, 0).down);
    behave_well(p);
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = -1});
    behave(p, (Way){.only = "LK2", .how = HTTP_500, .times = -1});
    for (size_t i = 2; i < 5; i++) {
        AWAIT(p, see(p->w, names[i]).state == BOOK_RECEIVED);
    }
    AWAIT(p, note_of(p, "LK1").state == GATEWAY_NOTE_HELD);
    AWAIT(p, note_of(p, "LK2").state == GATEWAY_NOTE_HELD);
    assert_false(gateway_queue_target(p->queue, 0).down);
}

static void a_shut_gate_moves_nothing(void **state) {
    Post *p = *state;
    p->fund.sign_in = "403";
    sign(p, "LK1");
    AWAIT(p, gateway_queue_target(p->queue, 0).in_a_row >= 3);
    assert_int_equal(see(p->w, "LK1").version, 1); /* signed, not more */
    assert_int_equal(note_of(p, "LK1").state, GATEWAY_NOTE_STATES);
    behave_well(p);
    behave(p, (Way){.how = CODE_429, .times = 2});
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_int_equal(note_of(p, "LK1").state, GATEWAY_NOTE_STATES); /* a pause is no failure */
    assert_int_equal(taken(p), 1);
}

static void a_person_pauses_and_resumes(void **state) {
    Post *p = *state;
    GatewayDoor door;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("quỹ bảo trì"), .now = 1795000000000};
    assert_int_equal(gateway_queue_pause(p->queue, STR("other"), true, &act, &info), ERR_NOT_FOUND);
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    assert_int_equal(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info),
                     ERR_PRECONDITION);
    sign(p, "LK1");
    stop(p); /* it stays so over a restart */
    start(p);
    gateway_queue_wake(p->queue);
    clock_sleep_ms(clock_real(), 100);
    assert_int_equal(calls(p), 0);
    assert_true(gateway_queue_target(p->queue, 0).paused);
    assert_ok(gateway_door_get(p->w->h->store, p->w->h->arena, STR("quy"), &door));
    assert_true(door.paused);
    assert_str(door.who, STR("cn. Hoa"));
    assert_str(door.why, STR("quỹ bảo trì"));
    act.why = STR("xong");
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
}

static void what_was_changed_since_does_not_go(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("a"), .why = STR("b"), .now = 1};
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    sign(p, "LK1");
    SEND(p->w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .total = "500000.00"});
    assert_int_equal(see(p->w, "LK1").state, BOOK_CORRECTED);
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    sign(p, "LK2");
    AWAIT(p, see(p->w, "LK2").state == BOOK_RECEIVED);
    assert_int_equal(see(p->w, "LK1").version, 1);
    assert_int_equal(calls(p), 1);
}

/* ---- check-ins ---- */

/* A document of these visits' check-ins. */
static Str check_ins(Post *p, const char *const *names, size_t n, const char *reason) {
    enum { FIELDS = XML0_FIELD_COUNT };
    CLEANUP_BUF Buf b;
    Str x[4 * FIELDS];
    buf_init(&b, LIMIT_MIB);
    for (size_t k = 0; k < n; k++) {
        Str *v = x + k * FIELDS;
        for (int i = 0; i < FIELDS; i++) {
            const ClaimField *f = &claim_table(0)->fields[i];
            bool time = f->kind == CLAIM_DT12 || f->kind == CLAIM_DT;
            v[i] = f->required != 'Y'   ? STR_EMPTY
                   : time               ? STR("202611200800")
                   : f->kind == CLAIM_S ? STR("A")
                                        : STR("1");
        }
        v[XML0_MA_LK] = str_from(names[k]);
        v[XML0_STT] = STR("1");
        v[XML0_MA_CSKCB] = STR("46001");
        v[XML0_MA_THE_BHYT] = STR("DN4464600000001");
        v[XML0_HO_TEN] = STR("NGUYỄN VĂN THỬ");
        v[XML0_NGAY_SINH] = STR("199001010000");
        v[XML0_GIOI_TINH] = STR("1");
        v[XML0_NGAY_VAO] = STR("202611200800");
        v[XML0_NGAY_YL] = STR("202611200810");
        v[XML0_MA_LOAI_KCB] = STR("01");
        v[XML0_MA_DOITUONG_KCB] = STR("1.1");
        v[XML0_TEN_DICH_VU] = str_from(reason);
    }
    claim_write_table(&b, claim_table(0), x, n);
    assert_ok(buf_ok(&b));
    return arena_str(p->w->h->arena, buf_str(&b));
}

static Str check_in(Post *p, const char *lk, const char *reason) {
    Str xml = check_ins(p, &lk, 1, reason);
    send_bytes(p->w->h, xml);
    assert_int_equal(p->w->h->report.claims_rejected, 0);
    gateway_queue_wake(p->queue);
    return xml;
}

/* How many of the visit still have to go. */
static bool is_waiting(Post *p, const char *lk) {
    GatewayNote n;
    ErrCode err =
        gateway_checkin_next(p->w->h->store, p->w->h->arena, STR("46001"), str_from(lk), &n);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static bool had(Post *p, Str bytes) {
    Sha256 hash;
    sha256(bytes, &hash);
    MUTEX_GUARD(&p->fund.lock);
    for (size_t i = 0; i < p->fund.n_taken; i++) {
        if (sha256_eq(&hash, &p->fund.taken[i])) {
            return true;
        }
    }
    return false;
}

static void assert_order(Post *p, const char *order) {
    MUTEX_GUARD(&p->fund.lock);
    assert_string_equal(p->fund.order, order);
}

static void check_ins_go_before_their_claim(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayAct act = {.who = STR("a"), .why = STR("b"), .now = 1};
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), true, &act, &info));
    Str first = check_in(p, "LK1", "Khám nội");
    Str second = check_in(p, "LK1", "Siêu âm");
    check_in(p, "LK1", "Siêu âm"); /* the same bytes */
    sign(p, "LK1");
    behave(p, (Way){.how = HTTP_500, .times = 1}); /* of the first one */
    assert_ok(gateway_queue_pause(p->queue, STR("quy"), false, &act, &info));
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    assert_order(p, "iiic");
    assert_int_equal(taken(p), 3);
    assert_true(had(p, first) && had(p, second)); /* the very bytes */
    assert_false(is_waiting(p, "LK1"));
}

static void a_check_in_has_one_effect(void **state) {
    Post *p = *state;
    behave(p, (Way){.how = HANG, .times = 1});
    check_in(p, "LK1", "Khám nội");
    AWAIT(p, taken(p) == 1);
    stop(p); /* the answer never came */
    assert_true(is_waiting(p, "LK1"));
    start(p);
    AWAIT(p, !is_waiting(p, "LK1"));
    assert_int_equal(taken(p), 1);
    assert_order(p, "ii");
    behave_well(p);
    behave(p, (Way){.how = CUT, .times = 2});
    check_in(p, "LK2", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK2"));
    assert_int_equal(taken(p), 2);
}

static void a_check_in_that_fails_holds_up_no_claim(void **state) {
    Post *p = *state;
    ErrInfo info = {0};
    GatewayNotePage page;
    behave(p, (Way){.only = "LK1", .how = HTTP_500, .times = FAILURES});
    check_in(p, "LK1", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK1"));
    GatewayNoteAsk ask = {.state = GATEWAY_NOTE_HELD, .target = STR("quy"), .max = 10};
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.n, 1);
    assert_true(page.notes[0].is_checkin);
    assert_str(page.notes[0].ma_lk, STR("LK1"));
    assert_int_equal(page.notes[0].failures, FAILURES);
    sign(p, "LK1");
    AWAIT(p, see(p->w, "LK1").state == BOOK_RECEIVED);
    /* let go behind its claim: the fund does not need it any more */
    size_t before = calls(p);
    GatewayAct act = {.who = STR("cn. Hoa"), .why = STR("thử lại"), .now = 1};
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK1"), &act, &info));
    AWAIT(p, !is_waiting(p, "LK1"));
    assert_int_equal(calls(p), before);
    /* refused for good: it waits for a person, who lets it go */
    behave_well(p);
    behave(p, (Way){.only = "LK2", .how = CODE_201, .times = 1});
    check_in(p, "LK2", "Khám nội");
    AWAIT(p, !is_waiting(p, "LK2"));
    ask.state = GATEWAY_NOTE_REFUSED;
    assert_ok(gateway_note_list(p->w->h->store, p->w->h->arena, &ask, &page));
    assert_int_equal(page.n, 1);
    assert_str(page.notes[0].why, STR("201: Sai XML"));
    before = taken(p);
    assert_ok(gateway_note_release(p->w->h->store, STR("46001"), STR("LK2"), &act, &info));
    AWAIT(p, taken(p) == before + 1);
}

static void what_is_not_asked_for_does_not_go(void **state) {
    Post *p = *state;
    static const char *const three[] = {"LK1", "LK2", "LK3"};
    /* several visits in one document: one document each */
    send_bytes(p->w->h, check_ins(p, three, 3, "Khám nội"));
    AWAIT(p, taken(p) == 3);
    for (size_t i = 0; i < 3; i++) {
        AWAIT(p, !is_waiting(p, three[i]));
    }
    /* behind its claim a check-in says nothing new */
    SEND(p->w->h, {.ma_lk = "LK4", .card = "DN4464600000001"});
    check_in(p, "LK4", "Khám nội");
    assert_false(is_waiting(p, "LK4"));
    /* nobody asked */
    intake_forward(p->w->h->intake, NULL, NULL);
    check_in(p, "LK5", "Khám nội");
    assert_false(is_waiting(p, "LK5"));
    /* switched off since: it stays, and its claim goes */
    intake_forward(p->w->h->intake, to_fund, NULL);
    stop(p);
    p->targets->accounts[0].checkins = false;
    start(p);
    check_in(p, "LK6", "Khám nội");
    sign(p, "LK6");
    AWAIT(p, see(p->w, "LK6").state == BOOK_RECEIVED);
    assert_true(is_waiting(p, "LK6"));
    assert_order(p, "iiic");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_signed_goes_out),
        T(a_cut_connection_has_one_effect),
        T(a_stop_in_the_middle_has_one_effect),
        T(one_that_always_fails_is_put_aside),
        T(what_is_refused_waits_for_a_person),
        T(a_destination_that_fails_blames_nobody),
        T(a_bad_visit_keeps_nobody_out),
        T(a_shut_gate_moves_nothing),
        T(a_person_pauses_and_resumes),
        T(what_was_changed_since_does_not_go),
        T(check_ins_go_before_their_claim),
        T(a_check_in_has_one_effect),
        T(a_check_in_that_fails_holds_up_no_claim),
        T(what_is_not_asked_for_does_not_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
