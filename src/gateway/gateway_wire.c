#include "gateway/gateway_wire.h"

#include "core/base64.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/utf8.h"

enum { TOKEN_EARLY_MS = 60000, TOKEN_BLIND_MS = 600000, TALK_S = 15 };
#define FORM_MAX (LIMIT_CLAIM_FILE_BYTES / 3 * 5)
#define ANSWER_MAX LIMIT_MIB
#define ARENA_MAX (16 * LIMIT_MIB)

static const char *const words[] = {
#define X(name, word) [GATEWAY_##name] = (word),
    GATEWAY_OUTCOME_LIST(X)
#undef X
};

const char *gateway_outcome_word(GatewayOutcome outcome) {
    return words[outcome];
}

/* ---- what a code means ---- */

static ErrCode read_code(Str word, GatewayCodes *to, ErrInfo *info) {
    Str value = word;
    Str code = STR_EMPTY;
    size_t outcome = 0;
    (void)str_cut(&value, '=', &code);
    while (outcome < GATEWAY_STOPPED && !str_eq(value, str_from(words[outcome]))) {
        outcome++;
    }
    if (code.len == 0 || code.len >= GATEWAY_CODE || outcome == GATEWAY_STOPPED ||
        to->n == GATEWAY_CODES_MAX) {
        return err_set(info, ERR_PARAM, "gateway-codes",
                       "gateway_codes: \"" STR_FMT "\" is not CODE=done, refused, retry, away, "
                       "later or token",
                       "gateway_codes: \"" STR_FMT "\" không có dạng MÃ=done, refused, retry, "
                       "away, later hoặc token",
                       STR_ARG(word));
    }
    memcpy(to->list[to->n].code, code.ptr, code.len);
    to->list[to->n++].outcome = (GatewayOutcome)outcome;
    return ERR_OK;
}

ErrCode gateway_codes_read(Str text, GatewayCodes *ret, ErrInfo *info) {
    Str word;
    GatewayCodes codes = {.n = 0};
    while (str_cut(&text, ' ', &word)) {
        if (word.len > 0) {
            TRY(read_code(word, &codes, info));
        }
    }
    *ret = codes;
    return ERR_OK;
}

GatewayOutcome gateway_codes_outcome(const GatewayCodes *codes, Str code) {
    for (size_t i = 0; i < codes->n; i++) {
        if (str_eq(code, str_from(codes->list[i].code))) {
            return codes->list[i].outcome;
        }
    }
    return GATEWAY_RETRY;
}

/* ---- forms ---- */

static void put_encoded(Buf *out, Str text) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            buf_put_char(out, (char)c);
        } else {
            buf_put_char(out, '%');
            buf_put_char(out, hex[c >> 4]);
            buf_put_char(out, hex[c & 15]);
        }
    }
}

static void put_field(Buf *out, const char *name, Str value) {
    if (out->len > 0 && out->ptr[out->len - 1] != '?') {
        buf_put_char(out, '&');
    }
    buf_put_str(out, str_from(name));
    buf_put_char(out, '=');
    put_encoded(out, value);
}

/* ---- answers ---- */

/* Copies with an end, cut on a character's border. */
static void copy_text(char *to, size_t room, Str from) {
    Str cut = str_sub(from, 0, room - 1);
    size_t len = utf8_valid_len(cut);
    memcpy(to, cut.ptr, len);
    to[len] = '\0';
}

/* A member that is a text or a number. */
static Str member(Arena *arena, const JsonNode *root, const char *name) {
    const JsonNode *n = json_get(root, str_from(name));
    return json_is(n, JSON_NUMBER) ? json_raw(n) : json_str(arena, n);
}

static void set_outcome(GatewayAnswer *a, GatewayOutcome outcome, const char *message) {
    a->outcome = outcome;
    copy_text(a->message, sizeof(a->message), str_from(message));
}

/* No answer came: was anything sent? */
static void no_answer(ErrCode err, const HttpAnswer *http, GatewayAnswer *ret) {
    ret->reached = http->reached;
    set_outcome(ret,
                err == ERR_STOPPED ? GATEWAY_STOPPED
                : http->reached    ? GATEWAY_RETRY
                                   : GATEWAY_AWAY,
                http->problem[0] == '\0' ? err_text(err, 0) : http->problem);
}

/* One POST; the answer's JSON in *ret_root, NULL when it is none. False: no answer came. */
static bool post(HttpClient *client, HttpCall *call, Arena *arena, const JsonNode **ret_root,
                 GatewayAnswer *ret) {
    HttpAnswer http;
    CLEANUP_BUF Buf body;
    buf_init(&body, ANSWER_MAX);
    *ret = (GatewayAnswer){0};
    *ret_root = NULL;
    call->method = "POST";
    call->answer_max = ANSWER_MAX;
    ErrCode err = http_client_call(client, call, &body, &http);
    if (err != ERR_OK) {
        no_answer(err, &http, ret);
        return false;
    }
    ret->reached = true;
    ret->retry_after_s = http.retry_after_s;
    (void)snprintf(ret->code, sizeof(ret->code), "%d", http.status);
    Str text = arena_str(arena, str_trim(buf_str(&body)));
    const JsonNode *root = NULL;
    if (http.status == 200 && json_parse(arena, text, &root, NULL) == ERR_OK) {
        *ret_root = root;
    }
    return true;
}

/* Did the answer itself name a code? Else the HTTP status is it. */
static bool read_code_of(const GatewayLine *line, Arena *arena, const JsonNode *root,
                         GatewayAnswer *a) {
    Str code = member(arena, root, "maKetQua");
    if (root != NULL && (code.len == 0 || code.len >= GATEWAY_CODE)) {
        set_outcome(a, GATEWAY_RETRY, "an answer without maKetQua");
        return false;
    }
    if (root != NULL) {
        copy_text(a->code, sizeof(a->code), code);
        copy_text(a->message, sizeof(a->message), member(arena, root, "thongDiep"));
        copy_text(a->transaction, sizeof(a->transaction), member(arena, root, "maGiaoDich"));
    } else if (strcmp(a->code, "200") == 0) {
        set_outcome(a, GATEWAY_RETRY, "an answer that is no JSON");
        return false;
    }
    a->outcome = gateway_codes_outcome(line->codes, str_from(a->code));
    return root != NULL;
}

/* ---- tokens ---- */

void gateway_line_init(GatewayLine *line) {
    mutex_init(&line->lock);
    line->until = 0;
}

void gateway_line_release(GatewayLine *line) {
    mutex_release(&line->lock);
}

static TimeMs end_of_token(const GatewayLine *line, Str text) {
    TimeMs lo = 0;
    TimeMs hi = 0;
    TimeMs now = clock_now_ms(line->clock);
    bool good = time_parse_fhir(text, &lo, &hi) == ERR_OK && lo > now;
    return (good ? lo : now + TOKEN_BLIND_MS) - TOKEN_EARLY_MS;
}

static bool keep_token(GatewayLine *line, Arena *arena, const JsonNode *root) {
    const JsonNode *key = json_get_lit(root, "APIKey");
    Str access = json_str(arena, json_get_lit(key, "access_token"));
    Str id = json_str(arena, json_get_lit(key, "id_token"));
    bool plain = access.len > 0 && access.len < sizeof(line->access) && id.len > 0 &&
                 id.len < sizeof(line->id);
    for (size_t i = 0; plain && i < access.len + id.len; i++) { /* they become header lines */
        unsigned char c = (unsigned char)(i < access.len ? access.ptr[i] : id.ptr[i - access.len]);
        plain = c > ' ' && c < 127;
    }
    if (plain) {
        copy_text(line->access, sizeof(line->access), access);
        copy_text(line->id, sizeof(line->id), id);
        line->until = end_of_token(line, json_str(arena, json_get_lit(key, "expires_in")));
    }
    return plain;
}

static HttpCall call_to(const GatewayLine *line, const char *url, Str body, unsigned timeout_s) {
    return (HttpCall){.url = url,
                      .body = body,
                      .timeout_s = timeout_s,
                      .ca_file = line->target->ca.len == 0 ? NULL : line->target->ca.ptr,
                      .stop = line->stop};
}

/* With the lock held. Whatever goes wrong here is no file's fault. */
static void take_token(GatewayLine *line, HttpClient *client, Arena *arena, GatewayAnswer *ret) {
    const JsonNode *root = NULL;
    CLEANUP_BUF Buf form;
    buf_init(&form, 64 * LIMIT_KIB);
    put_field(&form, "username", line->account->username);
    put_field(&form, "password", line->account->md5);
    Str url = arena_printf(arena, STR_FMT "/api/token/take", STR_ARG(line->target->url));
    HttpCall call = call_to(line, url.ptr, buf_str(&form), TALK_S);
    *ret = (GatewayAnswer){.outcome = GATEWAY_AWAY};
    if (buf_ok(&form) != ERR_OK || arena_failed(arena)) {
        set_outcome(ret, GATEWAY_AWAY, "out of memory");
        return;
    }
    if (post(client, &call, arena, &root, ret)) {
        (void)read_code_of(line, arena, root, ret);
        if (ret->outcome == GATEWAY_DONE && !keep_token(line, arena, root)) {
            set_outcome(ret, GATEWAY_AWAY, "a sign-in without a token");
        }
    }
    ret->reached = false; /* no file was sent */
    if (ret->outcome != GATEWAY_DONE && ret->outcome != GATEWAY_LATER &&
        ret->outcome != GATEWAY_STOPPED) {
        ret->outcome = GATEWAY_AWAY;
        log_warn("gateway_sign_in", "target", line->target->name, "facility",
                 line->account->facility, "code", str_from(ret->code));
    }
}

void gateway_sign_in(GatewayLine *line, HttpClient *client, GatewayAnswer *ret) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    *ret = (GatewayAnswer){.outcome = GATEWAY_DONE};
    MUTEX_GUARD(&line->lock);
    if (arena == NULL) {
        set_outcome(ret, GATEWAY_AWAY, "out of memory");
    } else if (clock_now_ms(line->clock) >= line->until) {
        line->until = 0;
        take_token(line, client, arena, ret);
    }
}

/* ---- a call with a token ---- */

typedef struct Sending {
    GatewayLine *line;
    HttpClient *client;
    Arena *arena;
    Str url, body;
    Buf *out; /* of a look-up */
    char access[sizeof(((GatewayLine *)0)->access)], id[sizeof(((GatewayLine *)0)->id)];
    GatewayAnswer *answer;
} Sending;

static Sending *sending_new(GatewayLine *line, HttpClient *client, Arena *arena,
                            GatewayAnswer *answer) {
    Sending *s = arena == NULL ? NULL : arena_new_array(arena, Sending, 1);
    *answer = (GatewayAnswer){0};
    if (s == NULL) {
        set_outcome(answer, GATEWAY_AWAY, "out of memory");
        return NULL;
    }
    s->line = line;
    s->client = client;
    s->arena = arena;
    s->answer = answer;
    return s;
}

static void copy_token(Sending *s) {
    MUTEX_GUARD(&s->line->lock);
    memcpy(s->access, s->line->access, sizeof(s->access));
    memcpy(s->id, s->line->id, sizeof(s->id));
}

/* Unless somebody took a new one meanwhile. */
static void forget_token(const Sending *s) {
    MUTEX_GUARD(&s->line->lock);
    if (strcmp(s->access, s->line->access) == 0) {
        s->line->until = 0;
    }
}

/* Once more with a new token when the gateway calls this one over. */
static void with_token(Sending *s, void (*run)(Sending *s)) {
    for (int i = 0; i < 2; i++) {
        gateway_sign_in(s->line, s->client, s->answer);
        if (s->answer->outcome != GATEWAY_DONE) {
            return;
        }
        copy_token(s);
        run(s);
        if (s->answer->outcome != GATEWAY_TOKEN) {
            return;
        }
        forget_token(s);
    }
    s->answer->reached = false; /* refused at the door, twice: the account's fault */
    s->answer->outcome = GATEWAY_AWAY;
}

/* ---- files ---- */

static ErrCode make_form(const GatewayLine *line, const GatewayFile *file, Buf *out) {
    CLEANUP_BUF Buf text;
    buf_init(&text, FORM_MAX);
    base64_encode(&text, file->xml);
    TRY(buf_ok(&text));
    put_field(out, "username", line->account->username);
    put_field(out, "loaiHoSo", file->is_checkin ? STR("0") : STR("130"));
    put_field(out, "maTinh", str_sub(file->facility, 0, 2));
    put_field(out, "maCSKCB", file->facility);
    put_field(out, "fileHSBase64", buf_str(&text));
    return buf_ok(out);
}

static Str call_name(const GatewayLine *line, const GatewayFile *file) {
    bool newer = str_eq(line->account->release, STR("3176"));
    return file->is_checkin ? (newer ? STR("checkInKcbQd3176") : STR("checkInKcbQd4750"))
           : newer          ? STR("guiHoSoXmlQD3176")
                            : STR("guiHoSoXmlQD4750");
}

static void send_form(Sending *s) {
    const JsonNode *root = NULL;
    GatewayAnswer *a = s->answer;
    Str lines[] = {
        arena_printf(s->arena, "accessToken: %s", s->access),
        arena_printf(s->arena, "tokenId: %s", s->id),
        arena_printf(s->arena, "passwordHash: " STR_FMT, STR_ARG(s->line->account->md5))};
    if (arena_failed(s->arena)) {
        set_outcome(a, GATEWAY_AWAY, "out of memory");
        return;
    }
    const char *headers[] = {lines[0].ptr, lines[1].ptr, lines[2].ptr};
    HttpCall call = call_to(s->line, s->url.ptr, s->body, s->line->timeout_s);
    call.headers = headers;
    call.n_headers = ARRAY_LEN(headers);
    if (!post(s->client, &call, s->arena, &root, a)) {
        return;
    }
    (void)read_code_of(s->line, s->arena, root, a);
    if (a->outcome == GATEWAY_DONE && a->transaction[0] == '\0') {
        set_outcome(a, GATEWAY_RETRY, "taken, it says, but without a transaction number");
    }
}

void gateway_send(GatewayLine *line, HttpClient *client, const GatewayFile *file,
                  GatewayAnswer *ret) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    CLEANUP_BUF Buf form;
    buf_init(&form, FORM_MAX);
    Sending *s = sending_new(line, client, arena, ret);
    if (s == NULL) {
        return;
    }
    if (make_form(line, file, &form) != ERR_OK) {
        set_outcome(ret, GATEWAY_REFUSED, "the file is too large to be sent");
        return;
    }
    Str name = call_name(line, file);
    s->body = buf_str(&form);
    s->url = arena_printf(arena, STR_FMT "/api/qd130/" STR_FMT, STR_ARG(line->target->url),
                          STR_ARG(name));
    with_token(s, send_form);
}

/* ---- the card look-up ---- */

static void ask_card(Sending *s) {
    const JsonNode *root = NULL;
    GatewayAnswer *a = s->answer;
    CLEANUP_BUF Buf url;
    buf_init(&url, 64 * LIMIT_KIB);
    buf_put_str(&url, s->line->target->url);
    buf_put_lit(&url, "/api/egw/KQNhanLichSuKCB2024?");
    put_field(&url, "token", str_from(s->access));
    put_field(&url, "id_token", str_from(s->id));
    put_field(&url, "username", s->line->account->username);
    put_field(&url, "password", s->line->account->md5);
    const char *headers[] = {"Content-Type: application/json; charset=utf-8"};
    HttpCall call = call_to(s->line, buf_cstr(&url), s->body, TALK_S);
    call.headers = headers;
    call.n_headers = ARRAY_LEN(headers);
    if (buf_ok(&url) != ERR_OK) {
        set_outcome(a, GATEWAY_AWAY, "out of memory");
        return;
    }
    if (post(s->client, &call, s->arena, &root, a) && read_code_of(s->line, s->arena, root, a) &&
        a->outcome != GATEWAY_TOKEN) {
        a->outcome = GATEWAY_DONE; /* the code is the card's */
        buf_put_str(s->out, json_raw(root));
    }
}

static void put_officer(JsonWriter *w, const GatewayAccount *account) {
    json_member(w, "hoTenCb", account->officer);
    json_member(w, "cccdCb", account->officer_id);
}

void gateway_ask_card(GatewayLine *line, HttpClient *client, const GatewayCardAsk *ask, Buf *out,
                      GatewayAnswer *ret) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    CLEANUP_BUF Buf body;
    buf_init(&body, 64 * LIMIT_KIB);
    Sending *s = sending_new(line, client, arena, ret);
    JsonWriter w = json_writer(&body);
    json_open_object(&w);
    json_member(&w, "maThe", ask->card);
    json_member(&w, "hoTen", ask->name);
    json_member(&w, "ngaySinh", ask->birth);
    put_officer(&w, line->account);
    json_close_object(&w);
    if (s != NULL && buf_ok(&body) != ERR_OK) {
        set_outcome(ret, GATEWAY_AWAY, "out of memory");
    } else if (s != NULL) {
        s->body = buf_str(&body);
        s->out = out;
        with_token(s, ask_card);
    }
}
