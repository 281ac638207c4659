#include "app/app.h"
#include "core/io.h"
#include "sign/sign_key.h"

static const char *const policies[] = {[INTAKE_SIGNATURE_OFF] = "off",
                                       [INTAKE_SIGNATURE_NOTE] = "note",
                                       [INTAKE_SIGNATURE_REQUIRE] = "require"};
static const char *const scopes[] = {
    [SIGN_SCOPE_CONTENT] = "content", [SIGN_SCOPE_DOCUMENT] = "document"};

static size_t index_of(const char *const *words, size_t n, const char *word) {
    size_t i = 0;
    while (i < n && strcmp(words[i], word) != 0) {
        i++;
    }
    return i;
}

IntakeSignature app_signature(const App *app) {
    return (IntakeSignature)index_of(policies, ARRAY_LEN(policies), app->settings.signature);
}

static SignScope scope_of(const App *app) {
    return (SignScope)index_of(scopes, ARRAY_LEN(scopes), app->settings.signature_scope);
}

static ErrCode check_words(const App *app, ErrInfo *info) {
    bool known = (size_t)app_signature(app) < ARRAY_LEN(policies) &&
                 (size_t)scope_of(app) < ARRAY_LEN(scopes);
    return known ? ERR_OK
                 : err_set(info, ERR_PARAM, "setting-signature",
                           "signature is off, note or require; signature_scope is content or "
                           "document",
                           "signature là off, note hoặc require; signature_scope là content hoặc "
                           "document");
}

ErrCode app_sign_open(const App *app, AppStore *o, ErrInfo *info) {
    TRY(check_words(app, info));
    if (app_signature(app) == INTAKE_SIGNATURE_OFF && app->settings.signed_take[0] != '\0') {
        return err_set(info, ERR_PARAM, "setting-signed-take",
                       "signed_take needs signatures to be looked at: set signature to note or "
                       "require",
                       "signed_take cần kiểm tra chữ ký: hãy đặt signature là note hoặc require");
    }
    if (app_signature(app) == INTAKE_SIGNATURE_OFF) {
        return ERR_OK;
    }
    if (app->settings.signature_pins[0] != '\0') {
        TRY(sign_pins_load(app->settings.signature_pins, &o->pins, info));
    }
    return sign_new(&(SignOptions){.pins = o->pins, .scope = scope_of(app)}, &o->sign);
}

/* ---- nhip sign ---- */

static ErrCode print_pin(const SignKey *key, const char *facility) {
    Sha256 certificate;
    Sha256 public_key;
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    sign_key_digests(key, &certificate, &public_key);
    buf_printf(&out, "%s\t", facility);
    hex_put(&out, certificate.b, sizeof(certificate.b));
    buf_put_lit(&out, "\tcertificate\t\t\n");
    (void)fputs(buf_cstr(&out), stdout);
    return buf_ok(&out);
}

static ErrCode sign_file(const App *app, SignKey *key, ErrInfo *info) {
    CLEANUP_BUF Buf in;
    CLEANUP_BUF Buf out;
    buf_init(&in, LIMIT_CLAIM_FILE_BYTES);
    buf_init(&out, LIMIT_CLAIM_FILE_BYTES);
    TRY(io_read_file(app->argv[0], LIMIT_CLAIM_FILE_BYTES, &in));
    TRY(sign_document(key,
                      &(SignDocument){.xml = buf_str(&in),
                                      .at = clock_now_ms(clock_real()),
                                      .scope = scope_of(app)},
                      &out, info));
    return io_write_atomic(app->argv[1], buf_str(&out));
}

ErrCode app_sign_key(const App *app, SignKey **ret, ErrInfo *info) {
    CLEANUP_BUF Buf pin;
    buf_init(&pin, LIMIT_KIB);
    if (app->settings.sign_pin_file[0] != '\0') {
        ErrCode err = io_read_file(app->settings.sign_pin_file, LIMIT_KIB - 1, &pin);
        if (err != ERR_OK) {
            return err_plain(info, err, "sign-pin");
        }
        pin.len = str_trim(buf_str(&pin)).len; /* without the line's end */
    }
    return sign_key_open(&(SignKeySource){.key = app->settings.sign_key,
                                          .certificate = app->settings.sign_cert,
                                          .module = app->settings.sign_module,
                                          .pin = buf_cstr(&pin)},
                         ret, info);
}

static ErrCode run_sign(const App *app, ErrInfo *info) {
    SignKey *key = NULL;
    TRY(check_words(app, info));
    if (app->argc != 2 || app->settings.sign_key[0] == '\0') {
        return err_set(info, ERR_PARAM, "command",
                       "say: nhip sign IN OUT, or: nhip sign pin FACILITY; with --sign-key and "
                       "--sign-cert",
                       "dùng: nhip sign TỆP TỆP_RA, hoặc: nhip sign pin MÃ_CƠ_SỞ; kèm --sign-key "
                       "và --sign-cert");
    }
    TRY(app_sign_key(app, &key, info));
    ErrCode err =
        strcmp(app->argv[0], "pin") == 0 ? print_pin(key, app->argv[1]) : sign_file(app, key, info);
    sign_key_close(key);
    return err;
}

int app_sign(App *app) {
    ErrInfo info = {0};
    ErrCode err = run_sign(app, &info);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
