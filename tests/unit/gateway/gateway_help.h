/* gateway_help.h — what tests of the way out share: a stand-in of a gateway that misbehaves on
 * demand, a province whose claims are signed, the queue between the two. All data invented. */
#ifndef NHIP_TESTS_UNIT_GATEWAY_HELP_H
#define NHIP_TESTS_UNIT_GATEWAY_HELP_H

#include "unit/http/http_serve.h"
#include "unit/settle/settle_help.h"

#include "core/base64.h"
#include "core/setting.h"
#include "gateway/gateway_copy.h"
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
    size_t n_taken, calls;
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
    Fund ministry; /* gets copies, where the test has them */
    GatewayTargets *targets;
    GatewayCodes codes;
    GatewayLine lines[2];
    GatewayQueue *queue;
    StopFlag stop;
    int64_t step_ms; /* of the clock, while something is awaited */
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
        say(r, arena_printf(http_arena(r),
                            "{\"maKetQua\":\"%s\",\"APIKey\":{\"access_token\":\"A\",\"id_token\":"
                            "\"I\",\"expires_in\":\"2036-01-01T00:00:00Z\"}}",
                            f->sign_in));
        return;
    }
    bool checkin = str_eq(http_path(r), STR("/api/qd130/checkInKcbQd3176"));
    f->order[MIN(f->calls, (size_t)TAKEN_MAX - 1)] = checkin ? 'i' : 'c';
    f->calls++;
    Str type = checkin ? STR("loaiHoSo=0&") : STR("loaiHoSo=130&");
    assert_true(str_find(http_body(r), type) != SIZE_MAX);
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

static UNUSED void behave_at(Fund *f, Way way) {
    MUTEX_GUARD(&f->lock);
    assert_true(f->n_ways < WAYS_MAX);
    f->ways[f->n_ways++] = way;
}
static UNUSED void behave(Post *p, Way way) {
    behave_at(&p->fund, way);
}

static UNUSED void behave_well_at(Fund *f) {
    MUTEX_GUARD(&f->lock);
    f->n_ways = 0;
    f->sign_in = "200";
}
static UNUSED void behave_well(Post *p) {
    behave_well_at(&p->fund);
}

static UNUSED size_t taken_at(Fund *f) {
    MUTEX_GUARD(&f->lock);
    return f->n_taken;
}
static UNUSED size_t taken(Post *p) {
    return taken_at(&p->fund);
}

static UNUSED size_t calls_at(Fund *f) {
    MUTEX_GUARD(&f->lock);
    return f->calls;
}
static UNUSED size_t calls(Post *p) {
    return calls_at(&p->fund);
}

/* ---- our side ---- */

static UNUSED void start(Post *p) {
    p->stop = (StopFlag){0};
    for (size_t i = 0; i < p->targets->n_accounts; i++) {
        p->lines[i].stop = &p->stop;
    }
    assert_ok(gateway_queue_start(&(GatewayQueueOptions){.store = p->w->h->store,
                                                         .targets = p->targets,
                                                         .lines = p->lines,
                                                         .clock = &p->w->clock.clock,
                                                         .stop = &p->stop,
                                                         .failures = FAILURES,
                                                         .senders = 2,
                                                         .retry_ms = 1000},
                                  &p->queue));
}

static UNUSED void stop(Post *p) {
    stop_ask(&p->stop);
    gateway_queue_stop(p->queue);
    p->queue = NULL;
}

/* What comes of 46001 goes to every destination of the table; ctx: the table. */
static size_t to_all(void *ctx, Str facility, IntakeForward ret[INTAKE_FORWARDS_MAX]) {
    const GatewayTargets *t = ctx;
    for (size_t i = 0; i < t->n_targets; i++) {
        ret[i] = (IntakeForward){.target = t->targets[i].name, .is_copy = t->targets[i].copy};
    }
    return str_eq(facility, STR("46001")) ? t->n_targets : 0;
}

static void open_lines(Post *p) {
    for (size_t i = 0; i < p->targets->n_accounts; i++) {
        GatewayLine *line = &p->lines[i];
        gateway_line_init(line);
        line->account = &p->targets->accounts[i];
        line->target = &p->targets->targets[line->account->target];
        line->codes = &p->codes;
        line->clock = &p->w->clock.clock;
        line->timeout_s = 60;
    }
}

static int setup(void **state, bool copies) {
    Post *p = calloc(1, sizeof(*p));
    char table[512];
    assert_int_equal(world_setup((void **)&p->w), 0);
    p->step_ms = 1000;
    fund_open(&p->fund);
    fund_open(&p->ministry);
    int n = snprintf(table, sizeof(table),
                     "target\turl\tfacility\tusername\tpassword\trelease\tcheckins\tcopy\n"
                     "quy\thttp://127.0.0.1:%d\t*\tbv\t" MD5 "\t3176\tyes\t\n",
                     (int)http_port(p->fund.server));
    if (copies) {
        (void)snprintf(table + n, sizeof(table) - (size_t)n,
                       "byt\thttp://127.0.0.1:%d\t*\tbv\t" MD5 "\t3176\tyes\tyes\n",
                       (int)http_port(p->ministry.server));
    }
    assert_ok(gateway_targets_read(str_from(table), &p->targets, &p->w->info));
    assert_ok(gateway_codes_read(STR(GATEWAY_CODES_DEFAULT), &p->codes, &p->w->info));
    open_lines(p);
    intake_forward(p->w->h->intake, to_all, p->targets);
    start(p);
    *state = p;
    return 0;
}

static UNUSED int post_setup(void **state) {
    return setup(state, false);
}
static UNUSED int copies_setup(void **state) {
    return setup(state, true);
}

static UNUSED int post_teardown(void **state) {
    Post *p = *state;
    stop(p);
    fund_close(&p->fund);
    fund_close(&p->ministry);
    for (size_t i = 0; i < p->targets->n_accounts; i++) {
        gateway_line_release(&p->lines[i]);
    }
    gateway_targets_free(p->targets);
    assert_int_equal(world_teardown((void **)&p->w), 0);
    free(p);
    return 0;
}

static UNUSED void sign(Post *p, const char *lk) {
    SEND(p->w->h, {.ma_lk = lk, .card = "DN4464600000001"});
    assert_ok(settle_sign(p->w->settle, ACT(lk), p->w->key, &p->w->info));
    gateway_queue_wake(p->queue);
}

static UNUSED GatewayNote note_of(Post *p, const char *lk) {
    GatewayNote n = {.state = GATEWAY_NOTE_STATES};
    ErrCode err = gateway_note_get(p->w->h->store, p->w->h->arena, STR("46001"), str_from(lk), &n);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return n;
}

/* The clock goes on meanwhile, a step a look. How many looks it takes depends on how busy the
 * machine is and on chance (the pauses have some), so only real time ends it. */
#define AWAIT(p, condition)                                                                        \
    do {                                                                                           \
        int64_t until_ = clock_monotonic_ns(clock_real()) + 120000000000;                          \
        while (!(condition)) {                                                                     \
            if (clock_monotonic_ns(clock_real()) > until_) {                                       \
                fail_msg("never came: %s", #condition);                                            \
            }                                                                                      \
            clock_fake_advance(&(p)->w->clock, (p)->step_ms);                                      \
            gateway_queue_wake((p)->queue);                                                        \
            clock_sleep_ms(clock_real(), 10);                                                      \
        }                                                                                          \
    } while (0)

/* ---- check-ins ---- */

/* A document of these visits' check-ins. */
static UNUSED Str check_ins(Post *p, const char *const *names, size_t n, const char *reason) {
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

static UNUSED Str check_in(Post *p, const char *lk, const char *reason) {
    Str xml = check_ins(p, &lk, 1, reason);
    send_bytes(p->w->h, xml);
    assert_int_equal(p->w->h->report.claims_rejected, 0);
    gateway_queue_wake(p->queue);
    return xml;
}

/* Does one of the visit still have to go? */
static UNUSED bool is_waiting(Post *p, const char *lk) {
    GatewayNotePage page;
    size_t n = 0;
    assert_ok(gateway_checkins(p->w->h->store, p->w->h->arena, STR("46001"), str_from(lk), &page));
    for (size_t i = 0; i < page.n; i++) {
        n += page.notes[i].state == GATEWAY_NOTE_WAITING;
    }
    return n > 0;
}

static UNUSED bool had_hash(Fund *f, const Sha256 *hash) {
    MUTEX_GUARD(&f->lock);
    for (size_t i = 0; i < f->n_taken; i++) {
        if (sha256_eq(hash, &f->taken[i])) {
            return true;
        }
    }
    return false;
}
static UNUSED void assert_order(Fund *f, const char *order) {
    MUTEX_GUARD(&f->lock);
    assert_string_equal(f->order, order);
}

#endif
