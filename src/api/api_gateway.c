/* The insurance gateway's own calls, taken here as there: a hospital's client changes its address
 * and nothing else (names and answers: the gateway's documents of QĐ 4750 and QĐ 3176). Answers are
 * HTTP 200 with the code in maKetQua, but for too many calls (429). */
#include "api/api_account.h"
#include "api/api_int.h"
#include "core/base64.h"
#include "core/utf8.h"
#include "http/http_form.h"

enum { TRANSACTION_MAX = 64, FIELDS_MAX = 16 };
#define ANSWER_MAX (64 * LIMIT_KIB)

/* maKetQua */
#define DONE "200"
#define BAD_XML "201"
#define BAD_CONTENT "202"
#define EMPTY "204"
#define WHO "401"
#define FACILITY "402"
#define LOCKED "403"
#define OFTEN "429"
#define TROUBLE "500"

/* ---- the form ---- */

typedef struct Form {
    Str names[FIELDS_MAX], values[FIELDS_MAX]; /* as sent */
    size_t n;
    bool encoded; /* with percent signs; false: they came as parts (multipart/form-data) */
} Form;

static ErrCode read_parts(Str boundary, Str body, Form *form) {
    HttpFormPart part;
    ErrCode err;
    while ((err = http_form_next(boundary, &body, &part)) == ERR_OK) {
        if (form->n == FIELDS_MAX) {
            return ERR_SYNTAX;
        }
        form->names[form->n] = part.name;
        form->values[form->n++] = part.value;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static ErrCode read_form(RestCall *call, Form *ret) {
    Str rest;
    Str pair;
    Form form = {.encoded = true};
    Str boundary = http_form_boundary(http_header(call->request, "Content-Type"));
    TRY(rest_upload_body(call->request, &rest));
    if (boundary.len > 0) {
        form.encoded = false;
        TRY(read_parts(boundary, rest, &form));
        rest = STR_EMPTY;
    }
    while (str_cut(&rest, '&', &pair)) {
        Str value = pair;
        Str name;
        if (form.n == FIELDS_MAX || !str_cut(&value, '=', &name)) {
            return ERR_SYNTAX;
        }
        form.names[form.n] = name;
        form.values[form.n++] = name.len == pair.len ? STR_EMPTY : value;
    }
    *ret = form;
    return ERR_OK;
}

static Str raw_field(const Form *f, const char *name) {
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq_nocase(f->names[i], str_from(name))) {
            return f->values[i];
        }
    }
    return STR_EMPTY;
}

/* A short field, decoded; empty when it is missing, broken or long. */
static Str field(RestCall *call, const Form *f, const char *name) {
    Str raw = raw_field(f, name);
    Str text = STR_EMPTY;
    if (!f->encoded) {
        bool good = raw.len <= LIMIT_KIB && utf8_valid(raw) && memchr(raw.ptr, 0, raw.len) == NULL;
        return good ? raw : STR_EMPTY;
    }
    return raw.len <= LIMIT_KIB && http_decode(call->arena, raw, true, &text) == ERR_OK ? text
                                                                                        : STR_EMPTY;
}

/* The file behind percent-encoding and base64. A '+' that was not encoded stays one, as many
 * clients mean it. */
static ErrCode read_file(const Form *f, Buf *text, Buf *out) {
    Str raw = raw_field(f, "fileHSBase64");
    if (!f->encoded) {
        return base64_decode(out, raw);
    }
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = (uint8_t)raw.ptr[i];
        if (c == '%') {
            if (i + 2 >= raw.len || hex_parse(str_sub(raw, i + 1, 2), &c, 1) != ERR_OK) {
                return ERR_SYNTAX;
            }
            i += 2;
        }
        buf_put_char(text, (char)c);
    }
    TRY(buf_ok(text));
    return base64_decode(out, buf_str(text));
}

/* ---- answers ---- */

static void reply(RestCall *call, const char *code, const Buf *body) {
    bool often = strcmp(code, OFTEN) == 0;
    Str headers[] = {STR("Cache-Control"), STR("no-store"), STR("Retry-After"), STR("60")};
    http_reply(call->request, &(HttpReply){.status = often ? 429 : 200,
                                           .type = STR("application/json; charset=utf-8"),
                                           .body = buf_str(body),
                                           .headers = headers,
                                           .n_headers = often ? 2 : 1});
}

typedef struct Answer {
    const char *code;
    const char *transaction; /* empty: nothing was taken in */
    TimeMs time;
    Str what;
} Answer;

static void put_time(JsonWriter *w, TimeMs time) {
    char text[32];
    Civil c = time_civil(time, TIME_VN_OFFSET_MIN);
    (void)snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02d", c.year, c.month, c.day, c.hour,
                   c.minute, c.second);
    json_member(w, "thoiGianTiepNhan", str_from(text));
}

static void answer(RestCall *call, const Answer *a) {
    CLEANUP_BUF Buf out;
    buf_init(&out, ANSWER_MAX);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "maKetQua", str_from(a->code));
    json_member(&w, "maGiaoDich", str_from(a->transaction));
    put_time(&w, a->time);
    json_member(&w, "thongDiep", a->what);
    json_close_object(&w);
    reply(call, a->code, &out);
}

static void refuse(RestCall *call, const char *code, const char *en, const char *vi) {
    answer(call, &(Answer){.code = code,
                           .transaction = "",
                           .time = clock_now_ms(api_of(call)->clock),
                           .what = str_from(call->language == FHIR_LANG_EN ? en : vi)});
}

static void refuse_often(RestCall *call) {
    refuse(call, OFTEN, "Too many calls: wait a minute.", "Gọi quá nhiều lần: hãy chờ một phút.");
}

static bool is_on(RestCall *call) {
    if (api_of(call)->accounts == NULL) {
        refuse(call, LOCKED, "No accounts are set up here (setting gateway_accounts).",
               "Chưa thiết lập tài khoản (cài đặt gateway_accounts).");
    }
    return api_of(call)->accounts != NULL;
}

/* ---- /api/token/take ---- */

static void put_token(RestCall *call, Str username, const AccountToken *t) {
    CLEANUP_BUF Buf out;
    CLEANUP_BUF Buf until;
    buf_init(&out, ANSWER_MAX);
    buf_init(&until, 64);
    time_put_instant(&until, t->until);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "maKetQua", STR(DONE));
    json_name(&w, "APIKey");
    json_open_object(&w);
    json_member(&w, "access_token", str_from(t->access));
    json_member(&w, "id_token", str_from(t->id));
    json_member(&w, "token_type", STR("bearer"));
    json_member(&w, "username", username);
    json_member(&w, "expires_in", buf_str(&until));
    json_close_object(&w);
    json_close_object(&w);
    reply(call, DONE, &out);
}

static void take_token(RestCall *call) {
    Form form;
    AccountToken token;
    if (!is_on(call)) {
        return;
    }
    if (read_form(call, &form) != ERR_OK) {
        refuse(call, WHO, "The form cannot be read.", "Không đọc được biểu mẫu.");
        return;
    }
    Str username = field(call, &form, "username");
    ErrCode err =
        accounts_sign_in(api_of(call)->accounts, username, field(call, &form, "password"), &token);
    if (err == ERR_OK) {
        put_token(call, username, &token);
    } else if (err == ERR_FORBIDDEN) {
        refuse(call, WHO, "Wrong name or password.", "Sai tên đăng nhập hoặc mật khẩu.");
    } else if (err == ERR_BUSY) {
        refuse(call, LOCKED, "Too many wrong passwords: locked for a minute.",
               "Sai mật khẩu quá nhiều lần: tạm khoá một phút.");
    } else {
        refuse(call, TROUBLE, err_text(err, 0), err_text(err, 1));
    }
}

/* ---- files ---- */

/* Names the file by its bytes and sender, so that the same file always has the same number. */
static void name_transaction(const Account *account, Str bytes, char ret[TRANSACTION_MAX]) {
    Sha256 hash;
    CLEANUP_BUF Buf hex;
    buf_init(&hex, TRANSACTION_MAX);
    sha256(bytes, &hash);
    hex_put(&hex, hash.b, 10);
    (void)snprintf(ret, TRANSACTION_MAX, "%.*s-%s", STR_ARG(account_facility(account)),
                   buf_cstr(&hex));
}

/* What a file that had come before still waits for; empty: nothing. */
static ErrCode find_refusal(RestCall *call, Str name, Str *ret_what, Str *ret_rule) {
    uint64_t after = 0;
    size_t n = 0;
    do {
        StoreRejectRow *rows = NULL;
        CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
        if (arena == NULL) {
            return ERR_NOMEM;
        }
        TRY(store_reject_list(api_of(call)->store, arena, false, after, 500, &rows, &n));
        for (size_t i = 0; i < n; i++) {
            const StoreReject *r = &rows[i].reject;
            after = rows[i].id;
            if (str_starts(r->file_name, name)) {
                *ret_what = arena_str(call->arena, call->language == FHIR_LANG_EN ? r->en : r->vi);
                *ret_rule = arena_str(call->arena, r->rule);
                return ERR_OK;
            }
        }
    } while (n > 0);
    return ERR_OK;
}

/* The first error of the report: why something of the file was refused. */
static void first_error(RestCall *call, const IntakeReport *r, Str *ret_what, Str *ret_rule) {
    for (size_t i = 0; i < r->n_issues; i++) {
        const IntakeIssue *e = &r->issues[i];
        if (e->is_error) {
            *ret_what = arena_printf(call->arena, STR_FMT " " STR_FMT " " STR_FMT ": " STR_FMT,
                                     STR_ARG(e->ma_lk), STR_ARG(e->table), STR_ARG(e->field),
                                     STR_ARG(call->language == FHIR_LANG_EN ? e->en : e->vi));
            *ret_what = str_trim(*ret_what);
            *ret_rule = e->rule;
            return;
        }
    }
}

/* Behind the durable commit. */
static ErrCode take_file(RestCall *call, const Account *account, Str bytes) {
    char transaction[TRANSACTION_MAX];
    Str what = STR_EMPTY;
    Str rule = STR_EMPTY;
    IntakeReport report = {.arena = call->arena};
    name_transaction(account, bytes, transaction);
    Str name = arena_printf(call->arena, "%s.xml", transaction);
    TRY(intake_file(api_of(call)->intake,
                    &(IntakeFile){.name = name,
                                  .bytes = bytes,
                                  .actor = account_facility(account),
                                  .facility = account_facility(account)},
                    &report, NULL));
    if (report.files_same > 0) {
        TRY(find_refusal(call, name, &what, &rule));
    } else if (report.errors > 0) {
        first_error(call, &report, &what, &rule);
    }
    const char *code = rule.len == 0                       ? DONE
                       : str_starts(rule, STR("file-"))    ? BAD_XML
                       : str_eq(rule, STR("claim-sender")) ? FACILITY
                                                           : BAD_CONTENT;
    const char *done =
        call->language == FHIR_LANG_EN ? "The file was taken." : "Đã tiếp nhận hồ sơ.";
    answer(call, &(Answer){.code = code,
                           .transaction = transaction,
                           .time = clock_now_ms(api_of(call)->clock),
                           .what = rule.len == 0 ? str_from(done) : what});
    return ERR_OK;
}

static void send_form(RestCall *call, const Account *account, const Form *form) {
    CLEANUP_BUF Buf text;
    CLEANUP_BUF Buf bytes;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    buf_init(&bytes, LIMIT_REQUEST_BYTES);
    if (!str_eq(field(call, form, "maCSKCB"), account_facility(account))) {
        refuse(call, FACILITY, "maCSKCB is not the account's facility.",
               "maCSKCB không phải cơ sở của tài khoản.");
        return;
    }
    ErrCode err = read_file(form, &text, &bytes);
    if (err == ERR_SYNTAX) {
        refuse(call, BAD_XML, "fileHSBase64 is not base64.", "fileHSBase64 không phải base64.");
    } else if (err == ERR_OK && bytes.len == 0) {
        refuse(call, EMPTY, "fileHSBase64 is empty.", "fileHSBase64 rỗng.");
    } else {
        err = err == ERR_OK ? take_file(call, account, buf_str(&bytes)) : err;
        if (err != ERR_OK) {
            refuse(call, TROUBLE, err_text(err, 0), err_text(err, 1));
        }
    }
}

static void send_claims(RestCall *call) {
    Form form;
    const Account *account = NULL;
    if (!is_on(call)) {
        return;
    }
    ErrCode err = read_form(call, &form);
    if (err == ERR_OK) {
        AccountCall who = {.username = field(call, &form, "username"),
                           .access = http_header(call->request, "accessToken"),
                           .id = http_header(call->request, "tokenId"),
                           .md5 = http_header(call->request, "passwordHash")};
        err = accounts_enter(api_of(call)->accounts, &who, &account);
    }
    if (err == ERR_OK) {
        send_form(call, account, &form);
    } else if (err == ERR_FORBIDDEN) {
        refuse(call, WHO, "Take a token first.", "Chưa có phiên làm việc: hãy lấy token.");
    } else if (err == ERR_BUSY) {
        refuse_often(call);
    } else if (err == ERR_SYNTAX) {
        refuse(call, BAD_XML, "The form cannot be read.", "Không đọc được biểu mẫu.");
    } else if (err == ERR_LIMIT) {
        refuse(call, BAD_XML,
               "The file is larger than this server takes: send fewer claims in a file.",
               "Tệp lớn hơn mức máy chủ nhận: hãy gửi ít hồ sơ hơn trong một tệp.");
    } else {
        refuse(call, TROUBLE, err_text(err, 0), err_text(err, 1));
    }
}

ROUTES(api_gateway_routes,
       {"POST", "/api/token/take", take_token, true, "the insurance gateway's sign-in"},
       {"POST", "/api/qd130/checkInKcbQd4750", send_claims, true, "a check-in (XML0)"},
       {"POST", "/api/qd130/checkInKcbQd3176", send_claims, true, "the same by its newer name"},
       {"POST", "/api/qd130/guiHoSoXmlQD4750", send_claims, true, "a claim file (GIAMDINHHS)"},
       {"POST", "/api/qd130/guiHoSoXmlQD3176", send_claims, true, "the same by its newer name"});
