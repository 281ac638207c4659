#include "vn/vn.h"

#include "vn/vn_int.h"

enum { ICD10_KEY_MAX = 8 };

/* A code without dot and mark, in upper case, of at most 7 characters. */
typedef struct Icd10Key {
    char text[ICD10_KEY_MAX];
    size_t len;
} Icd10Key;

/* False when the text is no code: too short, too long or with other characters than letters,
 * digits, one dot and a dagger or asterisk at the end. */
static bool icd10_key(Str code, Icd10Key *ret_key) {
    Icd10Key key = {.len = 0};
    static const Str dagger = {"\xE2\x80\xA0", 3};
    if (str_ends(code, dagger)) {
        code.len -= dagger.len;
    } else if (str_ends(code, STR("*")) || str_ends(code, STR("+"))) {
        code.len--;
    }
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (c == '.' && i == 3) {
            continue;
        }
        c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        bool good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!good || key.len == ICD10_KEY_MAX - 1) {
            return false;
        }
        key.text[key.len++] = c;
    }
    *ret_key = key;
    return key.len >= 3;
}

/* Compares a key with a listed code, skipping the code's dot. */
static int icd10_cmp(const Icd10Key *key, Str code) {
    size_t at = 0;
    for (size_t i = 0; i < code.len; i++) {
        if (code.ptr[i] == '.') {
            continue;
        }
        if (at == key->len) {
            return -1;
        }
        int d = (unsigned char)key->text[at++] - (unsigned char)code.ptr[i];
        if (d != 0) {
            return d;
        }
    }
    return at < key->len;
}

static const VnIcd10 *icd10_find(const Icd10Key *key) {
    const VnTables *t = vn_tables();
    size_t lo = 0;
    size_t hi = t->n_icd10;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = icd10_cmp(key, t->icd10[mid].code);
        if (d == 0) {
            return &t->icd10[mid];
        }
        if (d < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

const VnIcd10 *vn_icd10(Str code) {
    Icd10Key key;
    return icd10_key(code, &key) ? icd10_find(&key) : NULL;
}

const VnIcd10 *vn_icd10_near(Str code) {
    Icd10Key key;
    if (!icd10_key(code, &key)) {
        return NULL;
    }
    const VnIcd10 *found = NULL;
    for (; found == NULL && key.len >= 3; key.len--) {
        found = icd10_find(&key);
    }
    return found;
}

const VnIcd10 *vn_icd10_all(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_icd10;
    return t->icd10;
}

const VnChapter *vn_chapter(Str code) {
    const VnTables *t = vn_tables();
    Icd10Key key;
    if (!icd10_key(code, &key)) {
        return NULL;
    }
    Str category = {key.text, 3};
    for (size_t i = 0; i < t->n_chapters; i++) {
        Str range = t->chapters[i].range;
        if (str_cmp(category, str_sub(range, 0, 3)) >= 0 &&
            str_cmp(category, str_sub(range, 4, 3)) <= 0) {
            return &t->chapters[i];
        }
    }
    return NULL;
}

const VnChapter *vn_chapters(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_chapters;
    return t->chapters;
}

const VnWard *vn_ward(Str code) {
    const VnTables *t = vn_tables();
    for (size_t lo = 0, hi = t->n_wards; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int d = str_cmp(code, t->wards[mid].code);
        if (d == 0) {
            return &t->wards[mid];
        }
        if (d < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

const VnWard *vn_wards(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_wards;
    return t->wards;
}

const VnProvince *vn_province(Str code) {
    const VnTables *t = vn_tables();
    for (size_t i = 0; i < t->n_provinces; i++) {
        if (str_eq(t->provinces[i].code, code)) {
            return &t->provinces[i];
        }
    }
    return NULL;
}

const VnProvince *vn_provinces(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_provinces;
    return t->provinces;
}

const VnCode *vn_code(VnList list, Str code) {
    const VnTables *t = vn_tables();
    assert(list < VN_LIST_COUNT);
    for (size_t i = 0; i < t->n_codes[list]; i++) {
        if (str_eq(t->codes[list][i].code, code)) {
            return &t->codes[list][i];
        }
    }
    return NULL;
}

const VnCode *vn_codes(VnList list, size_t *ret_count) {
    const VnTables *t = vn_tables();
    assert(list < VN_LIST_COUNT);
    *ret_count = t->n_codes[list];
    return t->codes[list];
}

/* Length of the pattern's part that covers the key ("A90": 3; "A83.0": 4; a range: 3), or 0. */
static size_t covers(Str pattern, const Icd10Key *key) {
    size_t dash = str_find_char(pattern, '-', 0);
    Icd10Key p;
    if (dash == SIZE_MAX) {
        bool match =
            icd10_key(pattern, &p) && key->len >= p.len && memcmp(key->text, p.text, p.len) == 0;
        return match ? p.len : 0;
    }
    Str category = {key->text, 3};
    bool inside = str_cmp(category, str_sub(pattern, 0, dash)) >= 0 &&
                  str_cmp(category, str_sub(pattern, dash + 1, 3)) <= 0;
    return inside ? 3 : 0;
}

const VnNotifiable *vn_notifiable(Str icd10) {
    const VnTables *t = vn_tables();
    Icd10Key key;
    if (!icd10_key(icd10, &key)) {
        return NULL;
    }
    const VnNotifiable *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < t->n_notifiables; i++) {
        Str rest = t->notifiables[i].patterns;
        Str pattern;
        while (t->notifiables[i].by_code && str_cut(&rest, '|', &pattern)) {
            size_t len = covers(pattern, &key);
            if (len > best_len) {
                best_len = len;
                best = &t->notifiables[i];
            }
        }
    }
    return best;
}

const VnNotifiable *vn_notifiables(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_notifiables;
    return t->notifiables;
}
