#include "interop/claim_file.h"

#include "core/base64.h"
#include "core/gunzip.h"
#include "core/limits.h"

#include <zip.h>

enum { LEVELS_MAX = 3, PIECE_BYTES = 64 * 1024 };

/* One call of claim_file_each. */
typedef struct Opener {
    ClaimFileFn fn;
    void *ctx;
    ErrInfo *info;
    ErrCode stopped; /* what the callback returned */
    size_t packed;   /* bytes that the sender handed over: what the ratio is taken from */
    size_t unpacked; /* so far, all levels */
} Opener;

static ErrCode open_bytes(Opener *o, Str bytes, Str name, int level);

static ErrCode fail(Opener *o, Str name, ErrCode code, const char *rule, const char *en,
                    const char *vi) {
    if (o->info != NULL) {
        o->info->code = code;
        (void)snprintf(o->info->rule, sizeof(o->info->rule), "%s", rule);
        (void)snprintf(o->info->what_en, sizeof(o->info->what_en), "%s", en);
        (void)snprintf(o->info->what_vi, sizeof(o->info->what_vi), "%s", vi);
    }
    err_where(o->info, "%.*s", (int)MIN(name.len, 200), name.ptr);
    return code;
}

static ErrCode fail_large(Opener *o, Str name) {
    return fail(o, name, ERR_LIMIT, "file-unpacked",
                "The file unpacks to more than the limit. Send it in smaller parts.",
                "Tệp giải nén vượt giới hạn. Hãy chia nhỏ rồi gửi lại.");
}

static ErrCode fail_gzip(Opener *o, Str name) {
    return fail(o, name, ERR_SYNTAX, "file-gzip",
                "The gzip file is damaged or cut off. Send it again.",
                "Tệp gzip bị hỏng hoặc bị cắt. Hãy gửi lại.");
}

static ErrCode fail_zip(Opener *o, Str name) {
    return fail(o, name, ERR_SYNTAX, "file-zip", "The zip file is damaged. Send it again.",
                "Tệp zip bị hỏng. Hãy gửi lại.");
}

static ErrCode fail_encrypted(Opener *o, Str name) {
    return fail(o, name, ERR_UNSUPPORTED, "file-encrypted",
                "The zip file has a password. Send it without one.",
                "Tệp zip có mật khẩu. Hãy gửi tệp không đặt mật khẩu.");
}

/* Counts unpacked bytes; false beyond the limits. */
static bool count(Opener *o, size_t more) {
    o->unpacked += more;
    return o->unpacked <= LIMIT_CLAIM_FILE_BYTES &&
           (o->unpacked <= LIMIT_MIB || o->unpacked / LIMIT_UNPACK_RATIO <= o->packed);
}

/* ---- gzip */

/* Unpacks all members. ERR_SYNTAX, ERR_LIMIT or ERR_NOMEM. */
static ErrCode unpack_all(Opener *o, Gunzip *z, Buf *out) {
    size_t got = 0;
    do {
        if (!buf_reserve(out, PIECE_BYTES)) {
            return out->err;
        }
        TRY(gunzip_some(z, out->ptr + out->len, PIECE_BYTES, &got));
        out->len += got;
        if (!count(o, got)) {
            return ERR_LIMIT;
        }
    } while (got > 0);
    return gunzip_is_whole(z) ? ERR_OK : ERR_SYNTAX;
}

static ErrCode open_gzip(Opener *o, Str bytes, Str name, int level) {
    CLEANUP_BUF Buf out;
    Gunzip *z = NULL;
    buf_init(&out, LIMIT_CLAIM_FILE_BYTES + PIECE_BYTES);
    TRY(gunzip_new(&z));
    gunzip_feed(z, bytes);
    ErrCode err = unpack_all(o, z, &out);
    gunzip_free(z);
    if (err == ERR_LIMIT) {
        return fail_large(o, name);
    }
    if (err != ERR_OK) {
        return err == ERR_NOMEM ? err : fail_gzip(o, name);
    }
    return open_bytes(o, buf_str(&out), name, level + 1);
}

/* ---- zip */

static ErrCode read_entry(Opener *o, zip_file_t *file, Buf *out) {
    for (;;) {
        if (!buf_reserve(out, PIECE_BYTES)) {
            return out->err;
        }
        zip_int64_t got = zip_fread(file, out->ptr + out->len, PIECE_BYTES);
        if (got <= 0) {
            return got == 0 ? ERR_OK : ERR_SYNTAX;
        }
        out->len += (size_t)got;
        if (!count(o, (size_t)got)) {
            return ERR_LIMIT;
        }
    }
}

static bool is_passed_over(Str name) {
    return name.len == 0 || name.ptr[name.len - 1] == '/' || str_starts(name, STR("__MACOSX/"));
}

static ErrCode open_entry(Opener *o, zip_t *zip, zip_uint64_t at, Str outer, int level) {
    const char *inner = zip_get_name(zip, at, 0);
    if (inner == NULL || is_passed_over(str_from(inner))) {
        return ERR_OK;
    }
    CLEANUP_BUF Buf name;
    CLEANUP_BUF Buf out;
    buf_init(&name, 64 * LIMIT_KIB);
    buf_init(&out, LIMIT_CLAIM_FILE_BYTES + PIECE_BYTES);
    buf_put_str(&name, outer);
    buf_put_char(&name, '/');
    buf_put_str(&name, str_from(inner));
    zip_file_t *file = zip_fopen_index(zip, at, 0);
    if (file == NULL) {
        int why = zip_error_code_zip(zip_get_error(zip));
        bool secret = why == ZIP_ER_NOPASSWD || why == ZIP_ER_WRONGPASSWD;
        return secret ? fail_encrypted(o, buf_str(&name)) : fail_zip(o, buf_str(&name));
    }
    ErrCode err = read_entry(o, file, &out);
    (void)zip_fclose(file);
    if (err == ERR_LIMIT) {
        return fail_large(o, buf_str(&name));
    }
    if (err != ERR_OK) {
        return err == ERR_NOMEM ? err : fail_zip(o, buf_str(&name));
    }
    return open_bytes(o, buf_str(&out), buf_str(&name), level + 1);
}

/* All files of the archive; the first failure is remembered and reported behind the last. */
static ErrCode open_entries(Opener *o, zip_t *zip, Str name, int level) {
    ErrCode first = ERR_OK;
    ErrInfo first_info = {0};
    zip_int64_t n = zip_get_num_entries(zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        ErrCode err = open_entry(o, zip, (zip_uint64_t)i, name, level);
        if (o->stopped != ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT) {
            return err;
        }
        if (err != ERR_OK && first == ERR_OK) {
            first = err;
            first_info = o->info == NULL ? first_info : *o->info;
        }
    }
    if (first != ERR_OK && o->info != NULL) {
        *o->info = first_info;
    }
    return first;
}

static ErrCode open_zip(Opener *o, Str bytes, Str name, int level) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes.ptr, bytes.len, 0, &why);
    zip_t *zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &why);
    bool no_memory = zip_error_code_zip(&why) == ZIP_ER_MEMORY;
    zip_error_fini(&why);
    if (zip == NULL) {
        zip_source_free(source);
        return no_memory ? ERR_NOMEM : fail_zip(o, name);
    }
    ErrCode err = open_entries(o, zip, name, level);
    zip_discard(zip);
    return err;
}

/* ---- base64 */

static bool is_base64_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

/* Long enough to be no word, and its first bytes are base64. */
static bool looks_like_base64(Str s) {
    size_t n = MIN(s.len, (size_t)256);
    for (size_t i = 0; i < n; i++) {
        if (!is_base64_char(s.ptr[i])) {
            return false;
        }
    }
    return n >= 16;
}

static ErrCode open_base64(Opener *o, Str bytes, Str name, int level) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_CLAIM_FILE_BYTES);
    ErrCode err = base64_decode(&out, bytes);
    if (err == ERR_NOMEM) {
        return err;
    }
    if (err != ERR_OK) {
        return fail(o, name, ERR_SYNTAX, "file-base64",
                    "The file looks like base64 but cannot be decoded. Send it again.",
                    "Tệp có vẻ là base64 nhưng không giải mã được. Hãy gửi lại.");
    }
    return open_bytes(o, buf_str(&out), name, level + 1);
}

/* ---- kinds */

static ErrCode hand_out(Opener *o, Str name, Str xml) {
    o->stopped = o->fn(o->ctx, name, xml);
    return o->stopped;
}

/* Text that begins like XML, and what the reader refuses with better words: empty, UTF-16. */
static bool is_xml(Str bytes) {
    Str text =
        str_trim(str_starts(bytes, STR("\xEF\xBB\xBF")) ? str_sub(bytes, 3, bytes.len) : bytes);
    return text.len == 0 || text.ptr[0] == '<' || str_starts(bytes, STR("\xFF\xFE")) ||
           str_starts(bytes, STR("\xFE\xFF"));
}

static ErrCode open_bytes(Opener *o, Str bytes, Str name, int level) {
    if (is_xml(bytes)) {
        return hand_out(o, name, bytes);
    }
    if (level < LEVELS_MAX && str_starts(bytes, STR("\x1F\x8B"))) {
        return open_gzip(o, bytes, name, level);
    }
    if (level < LEVELS_MAX && str_starts(bytes, STR("PK"))) {
        return open_zip(o, bytes, name, level);
    }
    if (level < LEVELS_MAX && looks_like_base64(bytes)) {
        return open_base64(o, bytes, name, level);
    }
    return fail(o, name, ERR_INVALID, "file-kind",
                "The file is no XML, gzip or zip. Send the claim file as it was exported.",
                "Tệp không phải XML, gzip hay zip. Hãy gửi tệp hồ sơ như đã xuất.");
}

ErrCode claim_file_each(Str bytes, Str name, ClaimFileFn fn, void *ctx, ErrInfo *info) {
    Opener o = {.fn = fn, .ctx = ctx, .info = info, .packed = bytes.len};
    return open_bytes(&o, bytes, name, 0);
}
