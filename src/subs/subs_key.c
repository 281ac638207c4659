/* The server's Ed25519 key, and signatures of requests by RFC 9421 (HTTP Message Signatures) with
 * RFC 9530's Content-Digest. The key is made at the first start; its file is readable by its owner
 * alone. */
#include "subs/subs_int.h"

#include "core/base64.h"
#include "core/io.h"

#include <openssl/evp.h>
#include <sys/stat.h>

enum { KEY_BYTES = 32 };

static void put_base64url(Buf *out, Str bytes) {
    size_t from = out->len;
    base64_encode(out, bytes);
    while (out->len > from && out->ptr[out->len - 1] == '=') {
        out->len--;
    }
    for (size_t i = from; i < out->len; i++) {
        out->ptr[i] = (char)(out->ptr[i] == '+' ? '-' : out->ptr[i] == '/' ? '_' : out->ptr[i]);
    }
}

/* A new private key in the file: 64 hexadecimal digits. */
static ErrCode make_file(const char *path) {
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    uint8_t raw[KEY_BYTES];
    size_t len = sizeof(raw);
    CLEANUP_BUF Buf b;
    buf_init(&b, 256);
    if (pkey == NULL || EVP_PKEY_get_raw_private_key(pkey, raw, &len) != 1) {
        EVP_PKEY_free(pkey);
        return ERR_INTERNAL;
    }
    EVP_PKEY_free(pkey);
    hex_put(&b, raw, len);
    buf_put_char(&b, '\n');
    TRY(io_write_atomic(path, buf_str(&b)));
    return chmod(path, S_IRUSR | S_IWUSR) == 0 ? ERR_OK : ERR_IO;
}

static ErrCode load(Subs *subs, Str text) {
    uint8_t raw[KEY_BYTES];
    size_t len = KEY_BYTES;
    Sha256 digest;
    CLEANUP_BUF Buf b;
    buf_init(&b, 256);
    TRY(hex_parse(str_trim(text), raw, sizeof(raw)));
    subs->key.pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
    if (subs->key.pkey == NULL ||
        EVP_PKEY_get_raw_public_key(subs->key.pkey, subs->key.public_key, &len) != 1) {
        return ERR_INTERNAL;
    }
    sha256((Str){(const char *)subs->key.public_key, KEY_BYTES}, &digest);
    put_base64url(&b, (Str){(const char *)digest.b, sizeof(digest.b)});
    subs->key.id = arena_str(subs->arena, buf_str(&b));
    return subs->key.id.len == 0 ? ERR_NOMEM : ERR_OK;
}

ErrCode key_open(Subs *subs, ErrInfo *info) {
    CLEANUP_BUF Buf b;
    Str path = arena_printf(subs->arena, STR_FMT "/subscriptions.key", STR_ARG(subs->o.dir));
    buf_init(&b, 4096);
    ErrCode err = io_exists(path.ptr) ? ERR_OK : make_file(path.ptr);
    err = err == ERR_OK ? io_read_file(path.ptr, 4096, &b) : err;
    err = err == ERR_OK ? load(subs, buf_str(&b)) : err;
    return err == ERR_OK
               ? ERR_OK
               : err_set(info, err, "subscription-key",
                         "the key file subscriptions.key cannot be read or made; put it back from "
                         "the backup, or remove it to get a new key",
                         "không đọc hoặc tạo được tệp khoá subscriptions.key; hãy khôi phục từ bản "
                         "sao lưu, hoặc xoá đi để tạo khoá mới");
}

void key_close(Subs *subs) {
    EVP_PKEY_free(subs->key.pkey);
    subs->key.pkey = NULL;
}

void subs_put_key(Subs *subs, Buf *out) {
    JsonWriter w = json_writer(out);
    CLEANUP_BUF Buf x;
    buf_init(&x, 256);
    put_base64url(&x, (Str){(const char *)subs->key.public_key, KEY_BYTES});
    json_open_object(&w);
    json_member(&w, "kty", STR("OKP"));
    json_member(&w, "crv", STR("Ed25519"));
    json_member(&w, "alg", STR("EdDSA"));
    json_member(&w, "use", STR("sig"));
    json_member(&w, "kid", subs->key.id);
    json_member(&w, "x", buf_str(&x));
    json_close_object(&w);
}

static ErrCode sign(const Subs *subs, Str text, uint8_t ret_signature[64]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 64;
    bool done =
        ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, subs->key.pkey) == 1 &&
        EVP_DigestSign(ctx, ret_signature, &len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return done ? ERR_OK : ERR_INTERNAL;
}

ErrCode key_sign(const Subs *subs, Arena *arena, const SubsPost *post, Str ret_lines[3]) {
    Sha256 digest;
    uint8_t signature[64];
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_KIB);
    sha256(post->body, &digest);
    base64_encode(&b, (Str){(const char *)digest.b, sizeof(digest.b)});
    Str content = arena_str(arena, buf_str(&b));
    Str params = arena_printf(arena,
                              "(\"@method\" \"@target-uri\" \"content-digest\");created=%lld;"
                              "keyid=\"" STR_FMT "\";alg=\"ed25519\"",
                              (long long)(clock_now_ms(subs->clock) / 1000), STR_ARG(subs->key.id));
    Str base =
        arena_printf(arena,
                     "\"@method\": %s\n\"@target-uri\": " STR_FMT
                     "\n\"content-digest\": sha-256=:" STR_FMT ":\n\"@signature-params\": " STR_FMT,
                     post->method, STR_ARG(post->url), STR_ARG(content), STR_ARG(params));
    TRY(sign(subs, base, signature));
    buf_clear(&b);
    base64_encode(&b, (Str){(const char *)signature, sizeof(signature)});
    ret_lines[0] = arena_printf(arena, "Content-Digest: sha-256=:" STR_FMT ":", STR_ARG(content));
    ret_lines[1] = arena_printf(arena, "Signature-Input: nhip=" STR_FMT, STR_ARG(params));
    ret_lines[2] = arena_printf(arena, "Signature: nhip=:" STR_FMT ":", STR_ARG(buf_str(&b)));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}
