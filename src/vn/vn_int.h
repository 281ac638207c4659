/* vn_int.h — private to src/vn: reading one embedded table, and the tables that vn_init fills.
 * Threads: filled once under pthread_once, read-only afterwards. */
#ifndef NHIP_VN_VN_INT_H
#define NHIP_VN_VN_INT_H

#include "vn/vn.h"

enum { VN_FIELDS_MAX = 8 };

/* Fills row number `at` of `table` from the fields of one line. */
typedef ErrCode VnRowFn(void *table, size_t at, const Str *fields);

typedef struct VnSpec {
    Str text;        /* the whole file with its header */
    size_t n_fields; /* exactly so many on every line */
    size_t row_size;
    VnRowFn *row;
} VnSpec;

/* Reads all lines below the header into a new array of *ret_count rows. */
MUST_USE ErrCode vn_table_read(const VnSpec *spec, void **ret_rows, size_t *ret_count);

/* A code without dot and mark in upper case, at most VN_KEY_MAX characters, first one in the
 * highest byte: numbers compare as the texts do. False when the text is no code. */
enum { VN_KEY_MAX = 7 };
bool vn_icd10_key(Str code, uint64_t *ret_key);

/* One pattern of a notifiable disease: keys whose first len characters lie in lo … hi. */
typedef struct VnPattern {
    uint64_t lo, hi;
    size_t len;
    const VnNotifiable *disease;
} VnPattern;
enum { VN_PATTERNS_MAX = 128 };

typedef struct VnTables {
    VnChapter *chapters;
    VnIcd10 *icd10;
    uint64_t *icd10_keys; /* as icd10, strictly rising */
    VnPattern patterns[VN_PATTERNS_MAX];
    size_t n_patterns;
    VnWard *wards;
    VnProvince *provinces;
    VnCode *codes[VN_LIST_COUNT];
    VnNotifiable *notifiables;
    size_t n_chapters, n_icd10, n_wards, n_provinces, n_codes[VN_LIST_COUNT], n_notifiables;
    ErrCode err;
} VnTables;

/* The tables, read at the first call. Empty tables when reading failed (err says why). */
const VnTables *vn_tables(void);

#endif
