/* vn.h — Vietnamese reference tables: ICD-10 with names, communes and tile map of Huế, provinces,
 * code lists of the insurance claims, notifiable diseases. The tables are the files of data/vn,
 * embedded in the program and parsed once, at vn_init or at the first look-up. Ownership: every
 * result points into the embedded text and lives as long as the program. Errors: look-ups give NULL
 * when nothing is known; vn_init gives ERR_NOMEM or ERR_CORRUPT. Cost: look-ups are binary searches
 * (about 100 ns). Threads: all functions may be called from any. */
#ifndef NHIP_VN_VN_H
#define NHIP_VN_VN_H

#include "core/str.h"

/* Parses all tables now instead of at the first look-up. May be called more than once. */
MUST_USE ErrCode vn_init(void);

/* A chapter of ICD-10: range "A00-B99", number "I". */
typedef struct VnChapter {
    Str range, number, name_vi, name_en;
} VnChapter;

/* A category or code of ICD-10 by QĐ 4469/2020. code has its dot ("J18.9"); mark is "†", "*" or
 * empty; rules and flags are the age, sex and use limits of QĐ 4469 and TT 06/2026 as listed there
 * ("A3.8,A4.1", "PS"). */
typedef struct VnIcd10 {
    Str code, mark, block, rules, flags, name_vi, name_en;
    const VnChapter *chapter;
} VnIcd10;

/* The entry of a code, with or without dot, in any case, with or without dagger or asterisk. NULL
 * when it is not listed. */
const VnIcd10 *vn_icd10(Str code);
/* As vn_icd10; a longer code that is not listed falls back to its category (A09.05 → A09.0 → A09).
 */
const VnIcd10 *vn_icd10_near(Str code);
/* All entries, sorted by code. */
const VnIcd10 *vn_icd10_all(size_t *ret_count);
/* The chapter of a code by its first three characters, listed or not; NULL outside all ranges. */
const VnChapter *vn_chapter(Str code);
const VnChapter *vn_chapters(size_t *ret_count);

/* A commune of Huế; col and row place it on the tile map, lon and lat are its centre (WGS 84). */
typedef struct VnWard {
    Str code, unit, name, full_name, name_ascii, merged_from;
    int col, row;
    double lon, lat;
} VnWard;

const VnWard *vn_ward(Str code);
const VnWard *vn_wards(size_t *ret_count); /* 40, sorted by code */

typedef struct VnProvince {
    Str code, name, full_name, name_ascii, unit;
} VnProvince;

const VnProvince *vn_province(Str code);
const VnProvince *vn_provinces(size_t *ret_count);

typedef enum VnList {
    VN_VISIT_TYPE,   /* MA_LOAI_KCB; extra: rule of SO_NGAY_DTRI */
    VN_VISIT_OBJECT, /* MA_DOITUONG_KCB; extra: benefit factor */
    VN_COST_GROUP,   /* MA_NHOM; extra: XML2 or XML3 */
    VN_DEPARTMENT,   /* MA_KHOA */
    VN_ETHNIC,       /* MA_DANTOC */
    VN_LIST_COUNT
} VnList;

typedef struct VnCode {
    Str code, name_vi, extra;
} VnCode;

/* The first entry of the code in the list (visit objects may have several), or NULL. */
const VnCode *vn_code(VnList list, Str code);
const VnCode *vn_codes(VnList list, size_t *ret_count);

/* A notifiable disease. patterns: "A90|A91|A97", "B50-B54"; report "24h", "48h", "month" or empty;
 * group "A", "B"; by_code is false where the ICD code alone does not decide (avian influenza). */
typedef struct VnNotifiable {
    Str patterns, name_vi, report, group;
    bool by_code;
} VnNotifiable;

/* The notifiable disease of an ICD-10 code: the longest pattern that covers it among those that
 * decide by code; NULL when none does. */
const VnNotifiable *vn_notifiable(Str icd10);
const VnNotifiable *vn_notifiables(size_t *ret_count);

#endif
