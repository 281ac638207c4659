#include "gateway/gateway_card.h"

#include "core/hash.h"
#include "core/json.h"
#include "core/limits.h"

enum {
    SETS = 1024,
    WAYS = 4,
    KEPT_BYTES = 16384, /* of one answer; longer ones are told, not kept */
    REST_MS = 30000,    /* a gateway that does not answer is left alone for so long */
    CLIENTS = 8,        /* at once */
    CARD_MAX = 15,
};

typedef struct Kept {
    Sha256 key;
    TimeMs asked_at; /* 0: empty */
    char code[GATEWAY_CODE];
    char *json;
    size_t len;
} Kept;

struct GatewayCards {
    GatewayCardsOptions o;
    Mutex lock; /* all below */
    Kept kept[SETS][WAYS];
    HttpClient *clients[CLIENTS];
    size_t n_clients;
    double left; /* calls that may be made now */
    int64_t left_at_ns;
    int64_t rests_until_ns[GATEWAY_TARGETS_MAX]; /* by destination */
    CardCounters counters;
};

/* ---- what the fund's codes mean ---- */

static const CardCode codes[] = {
    {"000", CARD_VALID, "The card is valid.", "Thẻ đúng thông tin, còn giá trị."},
    {"001", CARD_NOT_CHECKED, "Kept by the Ministry of Defence: look at card and identity papers.",
     "Thẻ do Bộ Quốc phòng quản lý: hãy đối chiếu thẻ và giấy tờ tuỳ thân."},
    {"002", CARD_NOT_CHECKED,
     "Kept by the Ministry of Public Security: look at card and identity papers.",
     "Thẻ do Bộ Công an quản lý: hãy đối chiếu thẻ và giấy tờ tuỳ thân."},
    {"003", CARD_INVALID, "The old card is over; a new one was issued.",
     "Thẻ cũ đã hết giá trị, đã có thẻ mới."},
    {"004", CARD_VALID, "The old card still holds; a new one was issued.",
     "Thẻ cũ còn giá trị, đã có thẻ mới."},
    {"010", CARD_INVALID, "The card is over.", "Thẻ hết giá trị sử dụng."},
    {"050", CARD_INVALID, "There is no such card.", "Không tìm thấy thẻ này."},
    {"051", CARD_INVALID, "The card's number is wrong.", "Mã thẻ sai."},
    {"052", CARD_INVALID, "The province in the card's number (characters 4, 5) is wrong.",
     "Mã tỉnh trong số thẻ (ký tự 4, 5) sai."},
    {"053", CARD_INVALID, "The benefit digit of the card's number (character 3) is wrong.",
     "Mã quyền lợi trong số thẻ (ký tự 3) sai."},
    {"054", CARD_NOT_CHECKED, "The gateway wants to know who asks (officer).",
     "Cổng cần thông tin cán bộ tra cứu."},
    {"055", CARD_NOT_CHECKED, "The gateway does not know the officer who asks.",
     "Thông tin cán bộ tra cứu không đúng."},
    {"060", CARD_INVALID, "The name is not the card's.", "Họ tên không khớp với thẻ."},
    {"061", CARD_INVALID, "The name is not the card's (its initials are).",
     "Họ tên không khớp với thẻ (chỉ đúng chữ đầu)."},
    {"070", CARD_INVALID, "The date of birth is not the card's.", "Ngày sinh không khớp với thẻ."},
    {"100", CARD_NOT_CHECKED, "The fund could not read its register.",
     "Cơ quan bảo hiểm không đọc được sổ thẻ."},
    {"101", CARD_NOT_CHECKED, "The fund's server failed.", "Máy chủ của cơ quan bảo hiểm bị lỗi."},
    {"110", CARD_INVALID, "The card was withdrawn.", "Thẻ đã bị thu hồi."},
    {"120", CARD_INVALID, "The holder was signed off.", "Thẻ đã báo giảm."},
    {"121", CARD_INVALID, "Signed off: moved to another province.",
     "Thẻ đã báo giảm: chuyển ngoại tỉnh."},
    {"122", CARD_INVALID, "Signed off: moved within the province.",
     "Thẻ đã báo giảm: chuyển nội tỉnh."},
    {"123", CARD_INVALID, "Signed off: withdrawn, signed on again at the same unit.",
     "Thẻ đã báo giảm: thu hồi do tăng lại cùng đơn vị."},
    {"124", CARD_INVALID, "Signed off: no longer insured.", "Thẻ đã báo giảm: ngừng tham gia."},
    {"130", CARD_NOT_CHECKED, "A child without a card: look at the birth certificate.",
     "Trẻ em không xuất trình thẻ: hãy đối chiếu giấy khai sinh."},
    {"205", CARD_NOT_CHECKED, "The gateway could not read the question.",
     "Cổng không đọc được thông tin tra cứu."},
    {"401", CARD_NOT_CHECKED, "The gateway did not accept the account.",
     "Cổng không chấp nhận tài khoản."},
};

const CardCode *card_code_find(Str code) {
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (str_eq(code, str_from(codes[i].code))) {
            return &codes[i];
        }
    }
    return NULL;
}

const char *card_state_code(CardState state) {
    static const char *const names[] = {"valid", "invalid", "not_checked"};
    return names[state];
}

static CardState state_of(Str code) {
    const CardCode *c = card_code_find(code);
    return c == NULL ? CARD_NOT_CHECKED : c->state;
}

/* ---- life ---- */

ErrCode gateway_cards_new(const GatewayCardsOptions *options, GatewayCards **ret) {
    GatewayCards *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return ERR_NOMEM;
    }
    c->o = *options;
    c->left = options->calls_a_minute;
    c->left_at_ns = clock_monotonic_ns(options->clock);
    mutex_init(&c->lock);
    while (c->n_clients < CLIENTS) {
        c->clients[c->n_clients] = http_client_new();
        if (c->clients[c->n_clients] == NULL) {
            gateway_cards_free(c);
            return ERR_NOMEM;
        }
        c->n_clients++;
    }
    *ret = c;
    return ERR_OK;
}

void gateway_cards_free(GatewayCards *cards) {
    if (cards == NULL) {
        return;
    }
    for (size_t i = 0; i < SETS * WAYS; i++) {
        free(cards->kept[i / WAYS][i % WAYS].json);
    }
    for (size_t i = 0; i < cards->n_clients; i++) {
        http_client_free(cards->clients[i]);
    }
    mutex_release(&cards->lock);
    free(cards);
}

CardCounters gateway_card_counters(GatewayCards *cards) {
    MUTEX_GUARD(&cards->lock);
    return cards->counters;
}

/* ---- the question ---- */

static bool is_card(Str card) {
    bool plain = card.len == 10 || card.len == 12 || card.len == CARD_MAX;
    for (size_t i = 0; plain && i < card.len; i++) {
        char c = card.ptr[i];
        plain = (c >= '0' && c <= '9') || (card.len == CARD_MAX && i < 2 && c >= 'A' && c <= 'Z');
    }
    return plain;
}

/* yyyy as it is; a whole date as dd/MM/yyyy; empty: neither. */
static Str birth_of(Arena *arena, Str text) {
    FhirTime t;
    Str d = text;
    if (text.len == 10 && text.ptr[2] == '/' && text.ptr[5] == '/') {
        d = arena_printf(arena, "%.4s-%.2s-%.2s", text.ptr + 6, text.ptr + 3, text.ptr);
    }
    if (time_read_fhir(d, &t) != ERR_OK || (t.precision != TIME_YEAR && t.precision != TIME_DAY)) {
        return STR_EMPTY;
    }
    return t.precision == TIME_YEAR
               ? text
               : arena_printf(arena, "%.2s/%.2s/%.4s", d.ptr + 8, d.ptr + 5, d.ptr);
}

static ErrCode read_question(Arena *arena, const CardQuestion *q, GatewayCardAsk *ret,
                             ErrInfo *info) {
    CLEANUP_BUF Buf card;
    buf_init(&card, LIMIT_KIB);
    for (size_t i = 0; i < q->card.len && i < 64; i++) {
        char c = q->card.ptr[i];
        if (c != ' ') {
            buf_put_char(&card, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
        }
    }
    *ret = (GatewayCardAsk){.card = arena_str(arena, buf_str(&card)),
                            .name = str_trim(q->name),
                            .birth = birth_of(arena, str_trim(q->birth))};
    if (!is_card(ret->card)) {
        return err_set(info, ERR_PARAM, "card-number",
                       "a card has 10 or 12 digits, or two letters and 13 digits",
                       "số thẻ có 10 hoặc 12 chữ số, hoặc hai chữ cái và 13 chữ số");
    }
    if (ret->name.len == 0 || ret->name.len > 255 || ret->birth.len == 0) {
        return err_set(info, ERR_PARAM, "card-person",
                       "the holder's name and date (or year) of birth are needed, too",
                       "cần cả họ tên và ngày (hoặc năm) sinh của người có thẻ");
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* The same person written a little differently is another question: the fund compares, too. */
static void key_of(const GatewayCardAsk *ask, Sha256 *ret) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 4 * LIMIT_KIB);
    buf_put_str(&b, ask->card);
    buf_put_char(&b, '\n');
    buf_put_str(&b, ask->name);
    buf_put_char(&b, '\n');
    buf_put_str(&b, ask->birth);
    sha256(buf_str(&b), ret);
}

/* ---- what is kept ---- */

/* With the lock held. */
static Kept *set_of(GatewayCards *c, const Sha256 *key) {
    return c->kept[(key->b[0] | (unsigned)key->b[1] << 8) % SETS];
}

static Kept *find_kept(GatewayCards *c, const Sha256 *key) {
    Kept *set = set_of(c, key);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].asked_at != 0 && sha256_eq(&set[i].key, key)) {
            return &set[i];
        }
    }
    return NULL;
}

static void keep(GatewayCards *c, const Sha256 *key, const CardAnswer *a) {
    MUTEX_GUARD(&c->lock);
    Kept *set = set_of(c, key);
    Kept *to = find_kept(c, key);
    if (to == NULL) {
        to = &set[0];
        for (size_t i = 1; i < WAYS; i++) {
            to = set[i].asked_at < to->asked_at ? &set[i] : to;
        }
    }
    char *json = a->json.len <= KEPT_BYTES ? malloc(a->json.len + 1) : NULL;
    if (json == NULL) {
        return;
    }
    memcpy(json, a->json.ptr, a->json.len);
    free(to->json);
    *to = (Kept){.key = *key, .asked_at = a->asked_at, .json = json, .len = a->json.len};
    memcpy(to->code, a->code.ptr, MIN(a->code.len, sizeof(to->code) - 1));
}

/* True when it still holds. */
static bool recall(GatewayCards *c, Arena *arena, const Sha256 *key, CardAnswer *ret) {
    MUTEX_GUARD(&c->lock);
    const Kept *k = find_kept(c, key);
    if (k == NULL) {
        return false;
    }
    *ret = (CardAnswer){.code = arena_str(arena, str_from(k->code)),
                        .json = arena_str(arena, (Str){k->json, k->len}),
                        .asked_at = k->asked_at};
    TimeMs age = clock_now_ms(c->o.clock) - k->asked_at;
    return age >= 0 && age < (state_of(ret->code) == CARD_VALID ? c->o.keep_ms : c->o.keep_bad_ms);
}

/* ---- asking ---- */

static void not_checked(CardResult *r, const char *en, const char *vi) {
    r->state = CARD_NOT_CHECKED;
    r->why_en = str_from(en);
    r->why_vi = str_from(vi);
}

/* May the destination be asked now? Takes a client of the pool. */
static HttpClient *enter(GatewayCards *c, size_t target, CardResult *r) {
    MUTEX_GUARD(&c->lock);
    int64_t now = clock_monotonic_ns(c->o.clock);
    double most = c->o.calls_a_minute;
    c->left = MIN(most, c->left + (double)(now - c->left_at_ns) * most / 60e9);
    c->left_at_ns = now;
    if (now < c->rests_until_ns[target]) {
        not_checked(r, "The fund's gateway does not answer at the moment.",
                    "Cổng của cơ quan bảo hiểm hiện không trả lời.");
    } else if (c->left < 1 || c->n_clients == 0) {
        not_checked(r, "Too many cards are being looked up: try again in a moment.",
                    "Đang tra cứu quá nhiều thẻ: hãy thử lại sau giây lát.");
    } else {
        c->left -= 1;
        c->counters.asked++;
        return c->clients[--c->n_clients];
    }
    c->counters.not_checked++;
    return NULL;
}

static void leave(GatewayCards *c, size_t target, HttpClient *client, const GatewayAnswer *a) {
    MUTEX_GUARD(&c->lock);
    c->clients[c->n_clients++] = client;
    if (a->outcome == GATEWAY_DONE) {
        c->counters.answered++;
    } else {
        int64_t pause =
            a->retry_after_s > 0 ? (int64_t)MIN(a->retry_after_s, 3600U) * 1000 : REST_MS;
        c->rests_until_ns[target] = clock_monotonic_ns(c->o.clock) + pause * 1000000;
        c->counters.not_checked++;
    }
}

typedef struct Asking {
    GatewayCards *cards;
    Arena *arena;
    size_t account;
    GatewayCardAsk ask;
    Sha256 key;
} Asking;

static ErrCode ask_fund(const Asking *q, CardResult *r) {
    GatewayAnswer a;
    GatewayCards *c = q->cards;
    size_t target = c->o.targets->accounts[q->account].target;
    CLEANUP_BUF Buf json;
    buf_init(&json, LIMIT_MIB);
    HttpClient *client = enter(c, target, r);
    if (client == NULL) {
        return ERR_OK;
    }
    gateway_ask_card(&c->o.lines[q->account], client, &q->ask, &json, &a);
    leave(c, target, client, &a);
    if (a.outcome != GATEWAY_DONE) {
        not_checked(r, "The fund's gateway could not be asked.",
                    "Không hỏi được cổng của cơ quan bảo hiểm.");
        return ERR_OK;
    }
    TRY(buf_ok(&json));
    r->state = state_of(str_from(a.code));
    if (r->state == CARD_NOT_CHECKED) {
        const CardCode *code = card_code_find(str_from(a.code));
        not_checked(r, code == NULL ? "The gateway answered with an unknown code." : code->en,
                    code == NULL ? "Cổng trả lời bằng một mã chưa biết." : code->vi);
        return ERR_OK;
    }
    r->answer = (CardAnswer){.code = arena_str(q->arena, str_from(a.code)),
                             .json = arena_str(q->arena, buf_str(&json)),
                             .asked_at = clock_now_ms(c->o.clock)};
    keep(c, &q->key, &r->answer);
    return arena_failed(q->arena) ? ERR_NOMEM : ERR_OK;
}

/* The first one at the fund's; SIZE_MAX: none. */
static size_t any_account(const GatewayTargets *t) {
    size_t i = 0;
    while (i < t->n_accounts && t->targets[t->accounts[i].target].copy) {
        i++;
    }
    return i < t->n_accounts ? i : SIZE_MAX;
}

ErrCode gateway_card(GatewayCards *cards, Arena *arena, const CardQuestion *question,
                     CardResult *ret, ErrInfo *info) {
    Asking q = {.cards = cards, .arena = arena};
    CardResult r = {0};
    TRY(read_question(arena, question, &q.ask, info));
    q.account = gateway_account_of(cards->o.targets, question->facility);
    if (q.account == SIZE_MAX && question->facility.len == 0) {
        q.account = any_account(cards->o.targets); /* nobody's in particular */
    }
    key_of(&q.ask, &q.key);
    bool holds = recall(cards, arena, &q.key, &r.answer);
    if (holds && !question->fresh) {
        r.state = state_of(r.answer.code);
        r.kept = true;
        MUTEX_GUARD(&cards->lock);
        cards->counters.kept++;
    } else if (q.account == SIZE_MAX) {
        not_checked(&r, "No account of a gateway is set up for this facility.",
                    "Cơ sở này chưa có tài khoản cổng giám định.");
    } else {
        TRY(ask_fund(&q, &r));
    }
    *ret = r;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}
