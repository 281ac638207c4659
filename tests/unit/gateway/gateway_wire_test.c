/* The gateway's calls against a stand-in in this program that misbehaves on demand. All data
 * invented. */
#include "unit/http/http_serve.h"

#include "core/base64.h"
#include "core/json.h"
#include "core/limits.h"
#include "gateway/gateway_card.h"

#define MD5 "0123456789ABCDEF0123456789ABCDEF"
#define CODES "200=done 201=refused 401=token 403=away 429=later"

typedef struct World {
    HttpServer *server;
    Mutex lock;
    GatewayTargets *targets;
    GatewayCodes codes;
    GatewayLine line;
    HttpClient *client;
    ClockFake clock;
    unsigned tokens, files; /* calls */
    bool other_token;       /* the token is called wrong until a new one is taken */
    const char *token_code; /* of sign-ins; NULL: 200 */
    int status;             /* of files; 0: 200 */
    const char *answer;     /* of files and cards; NULL: taken under number 1 */
    char path[64], form[4096], body[512];
} World;

static Str field_of(Arena *arena, Str form, const char *name) {
    Str pair;
    while (str_cut(&form, '&', &pair)) {
        Str key;
        Str value = STR_EMPTY;
        if (str_cut(&pair, '=', &key) && str_eq(key, str_from(name))) {
            assert_ok(http_decode(arena, pair, true, &value));
            return value;
        }
    }
    return STR_EMPTY;
}

static void reply(HttpRequest *r, int status, Str json) {
    http_reply(r, &(HttpReply){.status = status, .type = STR("application/json"), .body = json});
}

static void give_token(World *w, HttpRequest *r) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    w->tokens++;
    w->other_token = false;
    buf_printf(&b,
               "{\"maKetQua\":\"%s\",\"APIKey\":{\"access_token\":\"A%u\",\"id_token\":\"I%u\","
               "\"expires_in\":\"",
               w->token_code == NULL ? "200" : w->token_code, w->tokens, w->tokens);
    time_put_instant(&b, clock_now_ms(&w->clock.clock) + 20 * TIME_MINUTE_MS);
    buf_put_lit(&b, "\"}}");
    reply(r, 200, buf_str(&b));
}

static void on_request(void *ctx, HttpRequest *r) {
    World *w = ctx;
    MUTEX_GUARD(&w->lock);
    Str body = http_body(r);
    char token[16];
    if (str_eq(http_path(r), STR("/api/token/take"))) {
        give_token(w, r);
        return;
    }
    (void)snprintf(w->path, sizeof(w->path), STR_FMT, STR_ARG(http_path(r)));
    (void)snprintf(w->form, sizeof(w->form), STR_FMT, STR_ARG(http_query(r)));
    (void)snprintf(w->body, sizeof(w->body), STR_FMT, STR_ARG(body));
    (void)snprintf(token, sizeof(token), "A%u", w->tokens);
    Str sent = http_query(r).len > 0 ? field_of(http_arena(r), http_query(r), "token")
                                     : http_header(r, "accessToken");
    if (w->other_token || !str_eq(sent, str_from(token))) {
        reply(r, 200, STR("{\"maKetQua\":401}"));
        return;
    }
    w->files++;
    reply(r, w->status == 0 ? 200 : w->status,
          str_from(w->answer != NULL
                       ? w->answer
                       : "{\"maKetQua\":\"200\",\"maGiaoDich\":\"GD-1\",\"thongDiep\":\"\"}"));
}

static int setup(void **state) {
    World *w = calloc(1, sizeof(*w));
    ErrInfo info = {0};
    char table[512];
    mutex_init(&w->lock);
    w->server = serve(1, on_request, w);
    (void)snprintf(table, sizeof(table),
                   "target\turl\tfacility\tusername\tpassword\trelease\tofficer\tofficer_id\n"
                   "quy\thttp://127.0.0.1:%d/\t46999\tbv&1\t" MD5 "\t3176\tCán Bộ\t012\n",
                   (int)http_port(w->server));
    assert_ok(gateway_targets_read(str_from(table), &w->targets, &info));
    assert_ok(gateway_codes_read(STR(CODES), &w->codes, &info));
    clock_fake_init(&w->clock, INT64_C(1790000000000));
    gateway_line_init(&w->line);
    w->line.target = &w->targets->targets[0];
    w->line.account = &w->targets->accounts[0];
    w->line.codes = &w->codes;
    w->line.clock = &w->clock.clock;
    w->line.timeout_s = 5;
    w->client = http_client_new();
    *state = w;
    return 0;
}

static int teardown(void **state) {
    World *w = *state;
    http_client_free(w->client);
    http_stop(w->server, 1000);
    gateway_line_release(&w->line);
    gateway_targets_free(w->targets);
    mutex_release(&w->lock);
    free(w);
    return 0;
}

static GatewayAnswer send_file(World *w, bool is_checkin) {
    GatewayAnswer a;
    GatewayFile file = {
        .is_checkin = is_checkin, .facility = STR("46999"), .xml = STR("<a>+/</a>~?>")};
    gateway_send(&w->line, w->client, &file, &a);
    return a;
}

static void sends_as_the_gateway_wants_it(void **state) {
    World *w = *state;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf xml;
    buf_init(&xml, LIMIT_KIB);
    GatewayAnswer a = send_file(w, false);
    assert_int_equal(a.outcome, GATEWAY_DONE);
    assert_str(str_from(a.transaction), STR("GD-1"));
    assert_str(str_from(w->path), STR("/api/qd130/guiHoSoXmlQD3176"));
    Str form = str_from(w->body);
    assert_str(field_of(arena, form, "username"), STR("bv&1"));
    assert_str(field_of(arena, form, "loaiHoSo"), STR("130"));
    assert_str(field_of(arena, form, "maTinh"), STR("46"));
    assert_str(field_of(arena, form, "maCSKCB"), STR("46999"));
    assert_ok(base64_decode(&xml, field_of(arena, form, "fileHSBase64")));
    assert_str(buf_str(&xml), STR("<a>+/</a>~?>"));
    a = send_file(w, true);
    assert_str(str_from(w->path), STR("/api/qd130/checkInKcbQd3176"));
    assert_str(field_of(arena, str_from(w->body), "loaiHoSo"), STR("0"));
    assert_int_equal(w->tokens, 1); /* one token for both */
}

static void renews_tokens(void **state) {
    World *w = *state;
    (void)send_file(w, false);
    clock_fake_advance(&w->clock, 19 * TIME_MINUTE_MS + 1000); /* a minute before it ends */
    assert_int_equal(send_file(w, false).outcome, GATEWAY_DONE);
    assert_int_equal(w->tokens, 2);
    w->other_token = true; /* forgotten by the gateway: taken again, sent once more */
    assert_int_equal(send_file(w, false).outcome, GATEWAY_DONE);
    assert_int_equal(w->tokens, 3);
    assert_int_equal(w->files, 3);
}

static void a_sign_in_that_fails_is_nobodys_file(void **state) {
    World *w = *state;
    w->token_code = "403";
    GatewayAnswer a = send_file(w, false);
    assert_int_equal(a.outcome, GATEWAY_AWAY);
    assert_false(a.reached);
    assert_str(str_from(a.code), STR("403"));
    w->token_code = "500"; /* RETRY of a file, but this was none */
    assert_int_equal(send_file(w, false).outcome, GATEWAY_AWAY);
    assert_int_equal(w->files, 0);
}

typedef struct Case {
    int status;
    const char *answer;
    GatewayOutcome outcome;
    const char *code;
} Case;

static void understands_answers(void **state) {
    World *w = *state;
    static const Case cases[] = {
        {200, "{\"maKetQua\":200,\"maGiaoDich\":12345}", GATEWAY_DONE, "200"},
        {200, "{\"maKetQua\":\"200\",\"maGiaoDich\":\"\"}", GATEWAY_RETRY, "200"},
        {200, "{\"maKetQua\":\"201\",\"thongDiep\":\"Sai XML\"}", GATEWAY_REFUSED, "201"},
        {200, "{\"maKetQua\":\"429\"}", GATEWAY_LATER, "429"},
        {200, "{\"maKetQua\":\"403\"}", GATEWAY_AWAY, "403"},
        {200, "{\"maKetQua\":\"777\"}", GATEWAY_RETRY, "777"},
        {200, "{\"maKetQua\":null}", GATEWAY_RETRY, "200"},
        {200, "<html>login</html>", GATEWAY_RETRY, "200"},
        {200, "", GATEWAY_RETRY, "200"},
        {200, "[]", GATEWAY_RETRY, "200"},
        {500, "{\"maKetQua\":\"200\",\"maGiaoDich\":\"x\"}", GATEWAY_RETRY, "500"},
        {429, "", GATEWAY_LATER, "429"},
        {302, "", GATEWAY_RETRY, "302"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        w->status = cases[i].status;
        w->answer = cases[i].answer;
        GatewayAnswer a = send_file(w, false);
        assert_int_equal(a.outcome, cases[i].outcome);
        assert_string_equal(a.code, cases[i].code);
        assert_true(a.reached);
    }
    w->status = 200;
    w->answer = "{\"maKetQua\":\"200\",\"maGiaoDich\":12345}";
    assert_string_equal(send_file(w, false).transaction, "12345");
}

static void two_wrong_tokens_are_the_accounts_fault(void **state) {
    World *w = *state;
    w->answer = "{\"maKetQua\":\"401\"}";
    GatewayAnswer a = send_file(w, false);
    assert_int_equal(a.outcome, GATEWAY_AWAY);
    assert_int_equal(w->files, 2);
}

static void reads_its_tables(void **state) {
    GatewayTargets *t = NULL;
    GatewayCodes codes;
    ErrInfo info = {0};
    (void)state;
#define HEAD "target\turl\tfacility\tusername\tpassword\trelease\n"
    assert_ok(gateway_targets_read(STR(HEAD "a\thttps://x.example\t*\tu\t" MD5 "\t4750\n"
                                            "a\thttps://x.example\t46001\tv\t" MD5 "\t3176\n"),
                                   &t, &info));
    assert_int_equal(t->n_targets, 1);
    assert_int_equal(gateway_account_of(t, STR("46001")), 1);
    assert_int_equal(gateway_account_of(t, STR("46002")), 0);
    gateway_targets_free(t);
#define COPIES "target\turl\tfacility\tusername\tpassword\trelease\tcopy\n"
    /* beside the fund's two: one that gets copies of all, one of 46001 alone */
    assert_ok(
        gateway_targets_read(STR(COPIES "b\thttps://y.example\t*\tu\t" MD5 "\t4750\tyes\n"
                                        "a\thttps://x.example\t*\tu\t" MD5 "\t4750\tno\n"
                                        "c\thttps://z.example\t46001\tu\t" MD5 "\t4750\tyes\n"
                                        "d\thttps://w.example\t46001\tu\t" MD5 "\t4750\t\n"
                                        "b\thttps://y.example\t46002\tv\t" MD5 "\t4750\tyes\n"),
                             &t, &info));
    assert_true(t->targets[0].copy && !t->targets[1].copy && t->targets[2].copy);
    assert_int_equal(gateway_account_of(t, STR("46001")), 3);
    assert_int_equal(gateway_account_of(t, STR("46002")), 1);
    assert_int_equal(gateway_account_at(t, STR("46001"), 0), 0);
    assert_int_equal(gateway_account_at(t, STR("46002"), 0), 4);
    assert_int_equal(gateway_account_at(t, STR("46001"), 2), 2);
    assert_true(gateway_account_at(t, STR("46002"), 2) == SIZE_MAX);
    assert_int_equal(gateway_target_find(t, STR("d")), 3);
    assert_true(gateway_target_find(t, STR("e")) == SIZE_MAX);
    gateway_targets_free(t);
    static const char *const bad[] = {
        COPIES "a\thttps://x.example\t*\tu\t" MD5 "\t4750\tmaybe\n",
        COPIES "a\thttps://x.example\t*\tu\t" MD5 "\t4750\tyes\n" /* both */
               "a\thttps://x.example\t46001\tu\t" MD5 "\t4750\tno\n",
        COPIES "a\thttps://x.example\t46001\tu\t" MD5 "\t4750\tno\n" /* two of the fund's */
               "b\thttps://y.example\t46001\tu\t" MD5 "\t4750\tno\n",
        HEAD "a\thttp://x.example\t*\tu\t" MD5 "\t4750\n", /* not over TLS */
        HEAD "A b\thttps://x.example\t*\tu\t" MD5 "\t4750\n",
        HEAD "a\thttps://x.example\t\tu\t" MD5 "\t4750\n",
        HEAD "a\thttps://x.example\t*\tu\tsecret\t4750\n",
        HEAD "a\thttps://x.example\t*\tu\t" MD5 "\t130\n",
        HEAD "a\thttps://x.example\t*\tu\t" MD5 "\t4750\na\thttps://y.example\t1\tu\t" MD5
             "\t4750\n",
        HEAD "a\thttps://x.example\t1\tu\t" MD5 "\t4750\na\thttps://x.example\t1\tu\t" MD5
             "\t4750\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(gateway_targets_read(str_from(bad[i]), &t, &info), ERR_SYNTAX);
        assert_true(info.what_vi[0] != 0 && strstr(info.what_en, "line ") != NULL);
    }
    assert_int_equal(gateway_codes_read(STR("200=fine"), &codes, &info), ERR_PARAM);
    assert_int_equal(gateway_codes_read(STR("200"), &codes, &info), ERR_PARAM);
    assert_ok(gateway_codes_read(STR(" 99=later "), &codes, &info));
    assert_int_equal(gateway_codes_outcome(&codes, STR("99")), GATEWAY_LATER);
    assert_int_equal(gateway_codes_outcome(&codes, STR("9")), GATEWAY_RETRY);
}

/* ---- cards ---- */

typedef struct CardWorld {
    World *w;
    GatewayCards *cards;
    Arena *arena;
} CardWorld;

static int card_setup(void **state) {
    CardWorld *c = calloc(1, sizeof(*c));
    assert_int_equal(setup((void **)&c->w), 0);
    c->arena = arena_new(64 * LIMIT_MIB);
    assert_ok(gateway_cards_new(&(GatewayCardsOptions){.targets = c->w->targets,
                                                       .lines = &c->w->line,
                                                       .clock = &c->w->clock.clock,
                                                       .keep_ms = TIME_HOUR_MS,
                                                       .keep_bad_ms = TIME_MINUTE_MS,
                                                       .calls_a_minute = 4},
                                &c->cards));
    c->w->answer = "{\"maKetQua\":\"000\",\"hoTen\":\"Nguyễn Thử\",\"dsLichSuKCB\":[]}";
    *state = c;
    return 0;
}

static int card_teardown(void **state) {
    CardWorld *c = *state;
    gateway_cards_free(c->cards);
    arena_free(c->arena);
    assert_int_equal(teardown((void **)&c->w), 0);
    free(c);
    return 0;
}

static CardResult look_up(CardWorld *c, const char *card) {
    CardResult r;
    CardQuestion q = {.facility = STR("46999"),
                      .card = str_from(card),
                      .name = STR("Nguyễn Thử"),
                      .birth = STR("1990-05-02")};
    assert_ok(gateway_card(c->cards, c->arena, &q, &r, NULL));
    return r;
}

static void asks_once_and_keeps_it(void **state) {
    CardWorld *c = *state;
    CardResult r = look_up(c, "gd4 4646 1234 5678");
    assert_int_equal(r.state, CARD_VALID);
    assert_false(r.kept);
    assert_str(str_from(c->w->path), STR("/api/egw/KQNhanLichSuKCB2024"));
    assert_non_null(strstr(c->w->body, "\"maThe\":\"GD4464612345678"));
    assert_non_null(strstr(c->w->body, "\"ngaySinh\":\"02/05/1990\""));
    assert_non_null(strstr(c->w->body, "\"cccdCb\":\"012\""));
    assert_non_null(strstr(c->w->form, "token=A1&id_token=I1&username=bv%261&password=" MD5));
    r = look_up(c, "GD44646 12345678");
    assert_true(r.kept);
    assert_str(r.answer.code, STR("000"));
    assert_int_equal(c->w->files, 1);
    clock_fake_advance(&c->w->clock, TIME_HOUR_MS);
    assert_false(look_up(c, "GD44646 12345678").kept);
}

static void bad_cards_are_kept_for_less(void **state) {
    CardWorld *c = *state;
    c->w->answer = "{\"maKetQua\":\"010\"}";
    assert_int_equal(look_up(c, "4612345678").state, CARD_INVALID);
    assert_true(look_up(c, "4612345678").kept);
    clock_fake_advance(&c->w->clock, TIME_MINUTE_MS);
    c->w->answer = "{\"maKetQua\":\"000\"}"; /* paid for meanwhile */
    assert_int_equal(look_up(c, "4612345678").state, CARD_VALID);
}

static void says_not_checked(void **state) {
    CardWorld *c = *state;
    static const char *const troubles[] = {"{\"maKetQua\":\"100\"}", "{\"maKetQua\":\"999\"}"};
    assert_int_equal(look_up(c, "4612345678").state, CARD_VALID);
    clock_fake_advance(&c->w->clock, 2 * TIME_HOUR_MS);
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        c->w->answer = troubles[i];
        CardResult r = look_up(c, "4612345678");
        assert_int_equal(r.state, CARD_NOT_CHECKED);
        assert_true(r.why_vi.len > 0 && r.why_en.len > 0);
        assert_str(r.answer.code, STR("000")); /* the last known one, with its time */
        assert_int_equal(r.answer.asked_at, INT64_C(1790000000000));
    }
    c->w->answer = "no JSON";
    unsigned before = c->w->files;
    assert_int_equal(look_up(c, "4612345678").state, CARD_NOT_CHECKED);
    assert_int_equal(look_up(c, "4612345678").state, CARD_NOT_CHECKED);
    assert_int_equal(c->w->files, before + 1); /* left alone for a while */
    c->w->answer = "{\"maKetQua\":\"000\"}";
    clock_fake_advance(&c->w->clock, 31 * TIME_SECOND_MS);
    assert_int_equal(look_up(c, "4612345678").state, CARD_VALID);
}

static void keeps_its_rate(void **state) {
    CardWorld *c = *state;
    static const char *const cards[] = {"4600000001", "4600000002", "4600000003", "4600000004"};
    for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
        assert_int_equal(look_up(c, cards[i]).state, CARD_VALID);
    }
    assert_int_equal(look_up(c, "4600000005").state, CARD_NOT_CHECKED);
    assert_int_equal(look_up(c, cards[0]).state, CARD_VALID); /* kept */
    assert_int_equal(c->w->files, 4);
    clock_fake_advance(&c->w->clock, 15 * TIME_SECOND_MS);
    assert_int_equal(look_up(c, "4600000005").state, CARD_VALID);
    CardCounters n = gateway_card_counters(c->cards);
    assert_int_equal(n.asked, 5);
    assert_int_equal(n.kept, 1);
    assert_int_equal(n.not_checked, 1);
}

static void refuses_what_is_no_question(void **state) {
    CardWorld *c = *state;
    CardResult r;
    ErrInfo info = {0};
    CardQuestion q = {.card = STR("12"), .name = STR("A"), .birth = STR("1990")};
    assert_int_equal(gateway_card(c->cards, c->arena, &q, &r, &info), ERR_PARAM);
    q.card = STR("4612345678");
    q.birth = STR("1990-13");
    assert_int_equal(gateway_card(c->cards, c->arena, &q, &r, &info), ERR_PARAM);
    q.birth = STR("02/05/1990");
    q.name = STR("  ");
    assert_int_equal(gateway_card(c->cards, c->arena, &q, &r, &info), ERR_PARAM);
    q.name = STR("A");
    q.facility = STR("46001"); /* nobody's account */
    assert_ok(gateway_card(c->cards, c->arena, &q, &r, &info));
    assert_int_equal(r.state, CARD_NOT_CHECKED);
    assert_int_equal(c->w->files, 0);
    q.facility = STR_EMPTY; /* any */
    assert_ok(gateway_card(c->cards, c->arena, &q, &r, &info));
    assert_int_equal(r.state, CARD_VALID);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define C(name) cmocka_unit_test_setup_teardown(name, card_setup, card_teardown)
    const struct CMUnitTest tests[] = {
        T(sends_as_the_gateway_wants_it),
        T(renews_tokens),
        T(a_sign_in_that_fails_is_nobodys_file),
        T(understands_answers),
        T(two_wrong_tokens_are_the_accounts_fault),
        cmocka_unit_test(reads_its_tables),
        C(asks_once_and_keeps_it),
        C(bad_cards_are_kept_for_less),
        C(says_not_checked),
        C(keeps_its_rate),
        C(refuses_what_is_no_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
