#include "profile/profile_package.h"

#include "core/gunzip.h"
#include "core/limits.h"

enum { BLOCK = 512, WINDOW = 64 * 1024, NAME_MAX_BYTES = 1024 };

typedef struct Tar {
    Gunzip *z;
    uint64_t unpacked;
    ErrInfo *info;
    Buf file;
    char name[NAME_MAX_BYTES]; /* of the next entry, from a pax header; "": none */
    unsigned n_files;
} Tar;

#define bad(t, err, rule, en, vi) err_set((t)->info, (err), (rule), en, vi)

/* ---- the gzip stream */

static ErrCode bad_stream(Tar *t, ErrCode err) {
    if (err == ERR_LIMIT) {
        return bad(t, ERR_LIMIT, "package-limit", "the package unpacks to too many bytes",
                   "gói bung ra quá lớn");
    }
    return err == ERR_NOMEM
               ? err
               : bad(t, ERR_SYNTAX, "package-gzip", "the package is no whole gzip file",
                     "gói không phải tệp gzip nguyên vẹn");
}

/* Exactly len bytes into out (NULL: thrown away); ERR_NOT_FOUND at the clean end of the stream. */
static ErrCode pull(Tar *t, unsigned char *out, size_t len) {
    unsigned char skipped[4096];
    size_t done = 0;
    while (done < len) {
        size_t room = out == NULL ? MIN(sizeof(skipped), len - done) : len - done;
        room = MIN(room, (size_t)WINDOW);
        size_t got = 0;
        ErrCode err = gunzip_some(t->z, out == NULL ? skipped : out + done, room, &got);
        t->unpacked += got;
        err = err == ERR_OK && t->unpacked > LIMIT_PACKAGE_BYTES ? ERR_LIMIT : err;
        if (err != ERR_OK || (got == 0 && !gunzip_is_whole(t->z))) {
            return bad_stream(t, err);
        }
        if (got == 0) {
            return done == 0 ? ERR_NOT_FOUND
                             : bad(t, ERR_SYNTAX, "package-tar", "the package ends too early",
                                   "gói bị cụt");
        }
        done += got;
    }
    return ERR_OK;
}

/* ---- tar headers (POSIX ustar) */

/* Octal digits, ended by a blank or NUL; false for anything else (GNU's binary numbers, too). */
static bool read_octal(const unsigned char *p, size_t len, uint64_t *ret) {
    uint64_t value = 0;
    size_t i = 0;
    while (i < len && p[i] == ' ') {
        i++;
    }
    size_t first = i;
    for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
        value = value * 8 + (uint64_t)(p[i] - '0');
    }
    bool ended = i == len || p[i] == ' ' || p[i] == '\0';
    *ret = value;
    return ended && i > first && i - first <= 12;
}

static bool sum_fits(const unsigned char *h) {
    uint64_t said = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    }
    return read_octal(h + 148, 8, &said) && said == sum;
}

static bool is_zero(const unsigned char *h) {
    for (size_t i = 0; i < BLOCK; i++) {
        if (h[i] != 0) {
            return false;
        }
    }
    return true;
}

static size_t field_len(const unsigned char *p, size_t max) {
    const void *end = memchr(p, '\0', max);
    return end == NULL ? max : (size_t)((const unsigned char *)end - p);
}

/* prefix/name, unless a pax header gave another. */
static Str entry_name(Tar *t, const unsigned char *h) {
    if (t->name[0] != '\0') {
        return str_from(t->name);
    }
    size_t n_prefix = memcmp(h + 257, "ustar", 5) == 0 ? field_len(h + 345, 155) : 0;
    size_t n_name = field_len(h, 100);
    size_t at = 0;
    if (n_prefix > 0) {
        memcpy(t->name, h + 345, n_prefix);
        t->name[n_prefix] = '/';
        at = n_prefix + 1;
    }
    memcpy(t->name + at, h, n_name);
    t->name[at + n_name] = '\0';
    return (Str){t->name, at + n_name};
}

/* No absolute name, no climbing, no strange characters. */
static bool name_ok(Str name) {
    Str rest = name;
    Str part;
    if (name.len == 0 || name.ptr[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == '\\' || c == ':' || c == 0x7f) {
            return false;
        }
    }
    while (str_cut(&rest, '/', &part)) {
        if (str_eq(part, STR("..")) || (part.len == 0 && rest.len > 0)) {
            return false;
        }
    }
    return true;
}

/* A pax header: "LEN key=value\n" again and again; only the path is of interest. */
static ErrCode read_pax(Tar *t) {
    Str rest = buf_str(&t->file);
    t->name[0] = '\0';
    while (rest.len > 0) {
        size_t space = str_find_char(rest, ' ', 0);
        uint64_t len = 0;
        if (space == SIZE_MAX || str_to_u64(str_sub(rest, 0, space), &len) != ERR_OK ||
            len <= space + 1 || len > rest.len || rest.ptr[len - 1] != '\n') {
            return bad(t, ERR_SYNTAX, "package-tar", "a pax header is broken",
                       "phần đầu pax bị hỏng");
        }
        Str line = str_sub(rest, space + 1, (size_t)len - space - 2);
        if (str_starts(line, STR("path="))) {
            Str path = str_sub(line, 5, SIZE_MAX);
            if (path.len >= sizeof(t->name) || memchr(path.ptr, '\0', path.len) != NULL) {
                return bad(t, ERR_INVALID, "package-name", "a file's name is too long or broken",
                           "tên tệp quá dài hoặc hỏng");
            }
            memcpy(t->name, path.ptr, path.len);
            t->name[path.len] = '\0';
        }
        rest = str_sub(rest, (size_t)len, SIZE_MAX);
    }
    return ERR_OK;
}

/* ---- entries */

static ErrCode read_content(Tar *t, uint64_t size, bool keep) {
    buf_clear(&t->file);
    uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
    if (keep && size > LIMIT_RESOURCE_BYTES) {
        return bad(t, ERR_LIMIT, "package-limit", "a file of the package is too large",
                   "một tệp trong gói quá lớn");
    }
    if (padded > LIMIT_PACKAGE_BYTES) {
        return bad(t, ERR_LIMIT, "package-limit", "a file of the package is too large",
                   "một tệp trong gói quá lớn");
    }
    ErrCode err = ERR_OK;
    if (keep && size > 0) {
        if (!buf_reserve(&t->file, (size_t)size)) {
            return ERR_NOMEM;
        }
        err = pull(t, (unsigned char *)t->file.ptr, (size_t)size);
        t->file.len = err == ERR_OK ? (size_t)size : 0;
    }
    uint64_t left = keep ? padded - size : padded;
    err = err == ERR_OK && left > 0 ? pull(t, NULL, (size_t)left) : err;
    return err == ERR_NOT_FOUND
               ? bad(t, ERR_SYNTAX, "package-tar", "the package ends too early", "gói bị cụt")
               : err;
}

/* "package/NAME.json" → NAME.json; empty for what is passed over. */
static Str wanted(Str name) {
    Str head = STR("package/");
    if (str_starts(name, STR("./"))) {
        name = str_sub(name, 2, SIZE_MAX);
    }
    Str own = str_starts(name, head) ? str_sub(name, head.len, SIZE_MAX) : STR_EMPTY;
    bool plain = own.len > 0 && own.ptr[0] != '.' && str_find_char(own, '/', 0) == SIZE_MAX;
    return plain && str_ends(own, STR(".json")) ? own : STR_EMPTY;
}

static ErrCode plain_file(Tar *t, Str name, uint64_t size, ProfilePackageFn each, void *ctx) {
    Str own = wanted(name);
    TRY(read_content(t, size, own.len > 0));
    if (own.len == 0) {
        return ERR_OK;
    }
    if (++t->n_files > LIMIT_PACKAGE_FILES) {
        return bad(t, ERR_LIMIT, "package-limit", "the package has too many files",
                   "gói có quá nhiều tệp");
    }
    return each(ctx, own, buf_str(&t->file));
}

static ErrCode one_entry(Tar *t, const unsigned char *h, ProfilePackageFn each, void *ctx) {
    uint64_t size = 0;
    if (!sum_fits(h) || !read_octal(h + 124, 12, &size)) {
        return bad(t, ERR_SYNTAX, "package-tar", "a header of the tar is broken",
                   "phần đầu của tệp tar bị hỏng");
    }
    char type = (char)h[156];
    if (type == 'x' || type == 'g') {
        if (size > WINDOW) {
            return bad(t, ERR_LIMIT, "package-limit", "a pax header is too large",
                       "phần đầu pax quá lớn");
        }
        TRY(read_content(t, size, true));
        return type == 'x' ? read_pax(t) : ERR_OK;
    }
    Str name = entry_name(t, h);
    if (!name_ok(name)) {
        return bad(t, ERR_INVALID, "package-name", "a file's name leads out of the package",
                   "tên tệp trỏ ra ngoài gói");
    }
    ErrCode err = ERR_OK;
    if (type == '0' || type == '\0') {
        err = plain_file(t, name, size, each, ctx);
    } else if (type == '5') {
        err = read_content(t, size, false);
    } else {
        err = bad(t, ERR_INVALID, "package-link", "the package has links or devices",
                  "gói có liên kết hoặc thiết bị");
    }
    t->name[0] = '\0';
    return err;
}

static ErrCode read_tar(Tar *t, ProfilePackageFn each, void *ctx) {
    unsigned char header[BLOCK];
    while (true) {
        ErrCode err = pull(t, header, BLOCK);
        if (err == ERR_NOT_FOUND || (err == ERR_OK && is_zero(header))) {
            return ERR_OK; /* some writers leave out the two empty blocks */
        }
        TRY(err);
        TRY(one_entry(t, header, each, ctx));
    }
}

ErrCode profile_package_read(Str packed, ProfilePackageFn each, void *ctx, ErrInfo *info) {
    Tar *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->info = info;
    buf_init(&t->file, LIMIT_RESOURCE_BYTES);
    ErrCode err = ERR_OK;
    if (packed.len > LIMIT_PACKAGE_BYTES) {
        err = bad(t, ERR_LIMIT, "package-limit", "the package is too large", "gói quá lớn");
    } else if (!gunzip_is_gzip(packed)) {
        err = bad_stream(t, ERR_SYNTAX);
    } else if (gunzip_new(&t->z) != ERR_OK) {
        err = ERR_NOMEM;
    } else {
        gunzip_feed(t->z, packed);
        err = read_tar(t, each, ctx);
        gunzip_free(t->z);
    }
    buf_release(&t->file);
    free(t);
    return err;
}

/* ---- package.json */

static bool plain_text(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
        if (!fits) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 100;
}

static bool says_r4(Arena *arena, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "fhirVersions");
    list = list == NULL ? json_get_lit(root, "fhir-version-list") : list;
    if (!json_is(list, JSON_ARRAY)) {
        return true;
    }
    for (const JsonNode *v = json_first(list); v != NULL; v = json_next(list, v)) {
        if (str_starts(json_str(arena, v), STR("4.0"))) {
            return true;
        }
    }
    return false;
}

ErrCode profile_manifest_read(Arena *arena, Str package_json, ProfileManifest *ret, ErrInfo *info) {
    const JsonNode *root = NULL;
    TRY(json_parse(arena, package_json, &root, info));
    ProfileManifest m = {.name = json_str(arena, json_get_lit(root, "name")),
                         .version = json_str(arena, json_get_lit(root, "version")),
                         .is_r4 = says_r4(arena, root)};
    if (!plain_text(m.name) || !plain_text(m.version)) {
        return err_set(info, ERR_INVALID, "package-manifest",
                       "package.json needs a plain name and version",
                       "package.json phải có tên (name) và phiên bản (version) hợp lệ");
    }
    *ret = m;
    return ERR_OK;
}
