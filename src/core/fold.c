#include "core/fold.h"

#include <pthread.h>
#include <utf8proc.h>

/* Letters below TABLE_END whose folded form is one ASCII letter or nothing: Latin, Latin Extended
 * (all Vietnamese letters, U+1E00–U+1EFF) and the combining accents. Made from utf8proc at first
 * use, so that there is one truth. FULL marks all others. */
enum { TABLE_END = 0x2000, FULL = 0xFF, DROP = 0, EXPANSION_MAX = 16 };
static unsigned char table[TABLE_END];
static pthread_once_t once = PTHREAD_ONCE_INIT;

enum { FOLD_OPTIONS = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | UTF8PROC_CASEFOLD };

/* Accents, and what has no shape at all (zero-width joiners, byte order marks). */
static bool is_dropped(int32_t cp) {
    utf8proc_category_t c = utf8proc_category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME ||
           c == UTF8PROC_CATEGORY_CF;
}

static bool is_space(int32_t cp) {
    return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

/* The folded code points of one; the number of them. Marks are gone, white space is ' '. */
static size_t fold_one(int32_t cp, int32_t *out) {
    if (is_space(cp)) {
        out[0] = ' ';
        return 1;
    }
    int last_boundclass = 0;
    int32_t parts[EXPANSION_MAX];
    utf8proc_ssize_t n = utf8proc_decompose_char(cp, parts, EXPANSION_MAX,
                                                 (utf8proc_option_t)FOLD_OPTIONS, &last_boundclass);
    if (n < 0 || n > EXPANSION_MAX) {
        out[0] = cp;
        return 1;
    }
    size_t kept = 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        if (!is_dropped(parts[i])) {
            out[kept++] = parts[i] == 0x111 ? 'd' : parts[i];
        }
    }
    return kept;
}

static void make_table(void) {
    for (int32_t cp = 0; cp < TABLE_END; cp++) {
        int32_t out[EXPANSION_MAX];
        size_t n = fold_one(cp, out);
        if (n == 0) {
            table[cp] = DROP;
        } else if (n == 1 && out[0] > 0 && out[0] < 0x80) {
            table[cp] = (unsigned char)out[0];
        } else {
            table[cp] = FULL;
        }
    }
}

/* Reads one code point at s[at]; U+FFFD for a byte that is no UTF-8. Returns the bytes read. */
static size_t read_cp(Str s, size_t at, int32_t *ret_cp) {
    const uint8_t *p = (const uint8_t *)s.ptr + at;
    size_t left = s.len - at;
    if (p[0] < 0x80) {
        *ret_cp = p[0];
        return 1;
    }
    utf8proc_ssize_t n = utf8proc_iterate(p, (utf8proc_ssize_t)MIN(left, (size_t)4), ret_cp);
    if (n <= 0) {
        *ret_cp = 0xFFFD;
        return 1;
    }
    return (size_t)n;
}

static void put_cp(Buf *out, int32_t cp) {
    uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(cp, bytes);
    buf_put(out, bytes, n > 0 ? (size_t)n : 0);
}

/* Appends c, where a space waits until something follows it that is none. */
static void put_folded(Buf *out, size_t start, bool *space, int32_t cp) {
    if (cp == ' ') {
        *space = out->len > start;
        return;
    }
    if (*space) {
        buf_put_char(out, ' ');
        *space = false;
    }
    if (cp < 0x80) {
        buf_put_char(out, (char)cp);
    } else {
        put_cp(out, cp);
    }
}

void fold_put(Buf *out, Str s) {
    (void)pthread_once(&once, make_table);
    size_t start = out->len;
    bool space = false;
    for (size_t at = 0; at < s.len;) {
        int32_t cp = 0;
        at += read_cp(s, at, &cp);
        unsigned char known = cp < TABLE_END ? table[cp] : FULL;
        if (known == DROP && cp != 0) {
            continue;
        }
        if (known != FULL && cp != 0) {
            put_folded(out, start, &space, known);
            continue;
        }
        int32_t parts[EXPANSION_MAX];
        size_t n = fold_one(cp, parts);
        for (size_t i = 0; i < n; i++) {
            put_folded(out, start, &space, parts[i]);
        }
    }
}

/* ASCII without a detour: bytes only get fewer. False (nothing done) when s is not all ASCII. */
static bool fold_ascii(Str s, char *out, size_t *ret_len) {
    size_t n = 0;
    bool space = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x80) {
            return false;
        }
        if (c == ' ' || (c >= 9 && c <= 13)) {
            space = n > 0;
            continue;
        }
        if (space) {
            out[n++] = ' ';
            space = false;
        }
        out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    *ret_len = n;
    return true;
}

/* What a Buf on the stack of 256 bytes holds needs no heap. */
static Str to_arena(Arena *arena, Buf *b) {
    Str s = STR_EMPTY;
    if (buf_ok(b) == ERR_OK) {
        s = arena_str(arena, buf_str(b));
    } else {
        (void)arena_alloc(arena, SIZE_MAX); /* makes arena_failed true, as the header says */
    }
    buf_release(b);
    return s;
}

Str fold(Arena *arena, Str s) {
    char small[256];
    size_t n = 0;
    if (s.len <= sizeof(small) && fold_ascii(s, small, &n)) {
        return arena_str(arena, (Str){small, n});
    }
    Buf b;
    buf_init(&b, SIZE_MAX / 2);
    (void)buf_reserve(&b, s.len);
    fold_put(&b, s);
    return to_arena(arena, &b);
}

/* True when s is surely in NFC already: no code point that composes with its neighbour or has
 * another form. U+1E00–U+1EFF are all stable (Unicode, DerivedNormalizationProps NFC_QC). */
static bool is_nfc(Str s) {
    for (size_t at = 0; at < s.len;) {
        if ((unsigned char)s.ptr[at] < 0x80) {
            at++;
            continue;
        }
        int32_t cp = 0;
        size_t n = read_cp(s, at, &cp);
        if (cp == 0xFFFD || (cp >= 0x300 && (cp < 0x1E00 || cp > 0x1EFF))) {
            return false;
        }
        at += n;
    }
    return true;
}

/* Copies s with U+FFFD for what is no UTF-8. */
static void put_valid(Buf *out, Str s) {
    for (size_t at = 0; at < s.len;) {
        int32_t cp = 0;
        size_t n = read_cp(s, at, &cp);
        if (cp == 0xFFFD) {
            put_cp(out, cp);
        } else {
            buf_put(out, s.ptr + at, n);
        }
        at += n;
    }
}

static Str compose(Arena *arena, Str s, int options) {
    if (s.len > (size_t)INT32_MAX) {
        (void)arena_alloc(arena, SIZE_MAX);
        return STR_EMPTY;
    }
    Buf valid;
    buf_init(&valid, SIZE_MAX / 2);
    put_valid(&valid, s);
    uint8_t *composed = NULL;
    utf8proc_ssize_t n = -1;
    if (buf_ok(&valid) == ERR_OK) {
        n = utf8proc_map((const uint8_t *)buf_str(&valid).ptr, (utf8proc_ssize_t)valid.len,
                         &composed,
                         (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE | options));
    }
    buf_release(&valid);
    if (n < 0) {
        (void)arena_alloc(arena, SIZE_MAX);
        return STR_EMPTY;
    }
    Str result = arena_str(arena, (Str){(const char *)composed, (size_t)n});
    free(composed);
    return result;
}

Str fold_nfc(Arena *arena, Str s) {
    return is_nfc(s) ? arena_str(arena, s) : compose(arena, s, 0);
}

/* Lower case by simple mapping, not case folding: ß stays ß, since the text may be shown. */
Str fold_case(Arena *arena, Str s) {
    Str nfc = fold_nfc(arena, s);
    Buf b;
    buf_init(&b, SIZE_MAX / 2);
    (void)buf_reserve(&b, nfc.len);
    for (size_t at = 0; at < nfc.len;) {
        int32_t cp = 0;
        at += read_cp(nfc, at, &cp);
        put_cp(&b, utf8proc_tolower(cp));
    }
    return to_arena(arena, &b);
}
