#include "vn/vn.h"

#include "vn/vn_int.h"

/* How many characters a key has. */
static size_t key_len(uint64_t key) {
    return key == 0 ? 0 : 8 - (size_t)__builtin_ctzll(key) / 8;
}

/* Its first n characters. */
static uint64_t key_cut(uint64_t key, size_t n) {
    return key & ~(UINT64_MAX >> (8 * n));
}

bool vn_icd10_key(Str code, uint64_t *ret_key) {
    static const Str dagger = {"\xE2\x80\xA0", 3};
    if (str_ends(code, dagger)) {
        code.len -= dagger.len;
    } else if (str_ends(code, STR("*")) || str_ends(code, STR("+"))) {
        code.len--;
    }
    uint64_t key = 0;
    size_t n = 0;
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];
        if (c == '.' && i == 3) {
            continue;
        }
        c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        bool good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!good || n == VN_KEY_MAX) {
            return false;
        }
        key |= (uint64_t)(unsigned char)c << (56 - 8 * n++);
    }
    *ret_key = key;
    return n >= 3;
}

static const VnIcd10 *icd10_find(uint64_t key) {
    const VnTables *t = vn_tables();
    const uint64_t *base = t->icd10_keys;
    size_t n = t->n_icd10;
    while (n > 1) { /* the last key that is not above */
        size_t half = n / 2;
        base += base[half] <= key ? half : 0;
        n -= half;
    }
    return n == 1 && *base == key ? &t->icd10[base - t->icd10_keys] : NULL;
}

const VnIcd10 *vn_icd10(Str code) {
    uint64_t key;
    return vn_icd10_key(code, &key) ? icd10_find(key) : NULL;
}

const VnIcd10 *vn_icd10_near(Str code) {
    uint64_t key;
    if (!vn_icd10_key(code, &key)) {
        return NULL;
    }
    const VnIcd10 *found = NULL;
    for (size_t n = key_len(key); found == NULL && n >= 3; n--) {
        found = icd10_find(key_cut(key, n));
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
    uint64_t key;
    if (!vn_icd10_key(code, &key)) {
        return NULL;
    }
    const char category[3] = {(char)(key >> 56), (char)(key >> 48), (char)(key >> 40)};
    for (size_t i = 0; i < t->n_chapters; i++) {
        Str range = t->chapters[i].range;
        if (memcmp(category, range.ptr, 3) >= 0 && memcmp(category, range.ptr + 4, 3) <= 0) {
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

const VnNotifiable *vn_notifiable(Str icd10) {
    const VnTables *t = vn_tables();
    uint64_t key;
    if (!vn_icd10_key(icd10, &key)) {
        return NULL;
    }
    const VnPattern *best = NULL;
    for (size_t i = 0; i < t->n_patterns; i++) {
        const VnPattern *p = &t->patterns[i];
        uint64_t cut = key_cut(key, p->len);
        if (cut >= p->lo && cut <= p->hi && (best == NULL || p->len > best->len)) {
            best = p;
        }
    }
    return best == NULL ? NULL : best->disease;
}

const VnNotifiable *vn_notifiables(size_t *ret_count) {
    const VnTables *t = vn_tables();
    *ret_count = t->n_notifiables;
    return t->notifiables;
}
