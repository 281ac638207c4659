/* claim_tables.h — the insurance-claim tables XML0–XML11 and XML13–XML15 as data: element names,
 * fields in the annex's order, kinds, sizes. Generated from
 * gen/data/claims/{tags,fields,labels}.tsv (QĐ 130/2023 as amended by QĐ 4750/2023; column *_3176:
 * what QĐ 3176/2024 changes; MUC_HUONG as QĐ 1931/2026). Field indexes are enum constants
 * XMLn_FIELD (XML1_MA_LK …), counts XMLn_FIELD_COUNT. Everything is constant: no ownership, no
 * errors, any thread. */
#ifndef NHIP_INTEROP_CLAIM_TABLES_H
#define NHIP_INTEROP_CLAIM_TABLES_H

#include "core/str.h"
#include "interop/claim_tables.gen.h"

/* Table numbers run from 0 to 15; 12 is never sent as XML and has no fields. */
enum { CLAIM_TABLES = 16 };

typedef enum ClaimKind {
    CLAIM_S,    /* text */
    CLAIM_N,    /* whole number */
    CLAIM_DEC,  /* decimal with a point, at most `scale` digits behind it */
    CLAIM_D8,   /* yyyyMMdd */
    CLAIM_DT12, /* yyyyMMddHHmm; NGAY_SINH may have 0000 for unknown parts */
    CLAIM_DT,   /* yyyyMMdd or yyyyMMddHHmm (the releases differ) */
} ClaimKind;

/* Which release a file follows; ANY takes the names of all and the larger size. Of 130 and 1931 no
 * sizes other than those of 4750 and 3176 are known: they differ in dates and in what rules ask. */
typedef enum ClaimRelease {
    CLAIM_RELEASE_ANY,
    CLAIM_RELEASE_130,
    CLAIM_RELEASE_4750,
    CLAIM_RELEASE_3176,
    CLAIM_RELEASE_1931,
    CLAIM_RELEASE_COUNT,
} ClaimRelease;

/* "130", "4750", "3176", "1931", "any". */
Str claim_release_name(ClaimRelease release);
/* CLAIM_RELEASE_COUNT: no such name. */
ClaimRelease claim_release_by_name(Str name);
/* The one in force on a day of care, yyyyMMdd or yyyyMMddHHmm; the newest for anything else. */
ClaimRelease claim_release_at(Str day);
/* Does it have the names and sizes of QĐ 3176? */
static inline bool claim_release_is_new(ClaimRelease release) {
    return release == CLAIM_RELEASE_3176 || release == CLAIM_RELEASE_1931;
}

typedef struct ClaimField {
    Str name;      /* element name in 4750 */
    Str name_3176; /* its name in 3176 where that differs, else empty */
    ClaimKind kind;
    char required; /* 'Y', 'C' under a condition, ' ' optional */
    bool multi;    /* values joined by ';' */
    int scale;     /* CLAIM_DEC: digits behind the point */
    int maxlen;    /* characters, the larger of both releases; 0: no maximum */
    int maxlen_4750;
    int maxlen_3176;
    bool gone_3176; /* dropped in 3176 */
    Str vi, en;     /* what a person calls it (gen/data/claims/labels.tsv) */
} ClaimField;

typedef struct ClaimTable {
    Str name;   /* "XML1", as in LOAIHOSO */
    Str root;   /* document element */
    Str list;   /* element around the records; empty: the records stand in the root */
    Str record; /* element of one record; equal to root: the document is the only record */
    const ClaimField *fields;
    int number;
    int n_fields;
    uint32_t seed;      /* of the perfect hash over all names, */
    uint8_t slots[256]; /* whose slots hold index + 1 */
} ClaimTable;

extern const ClaimTable claim_tables[CLAIM_TABLES];

/* The table of that number, NULL when there is none (12, negative, over 15). */
const ClaimTable *claim_table(int number);
/* By LOAIHOSO ("XML3"), or NULL. */
const ClaimTable *claim_table_by_name(Str name);
/* By document element, or NULL. */
const ClaimTable *claim_table_by_root(Str root);
/* Index of the field with that element name (of either release), or -1. Constant time. */
int claim_field_find(const ClaimTable *t, Str element);
/* Largest number of characters in that release; 0: no maximum. */
int claim_field_maxlen(const ClaimField *f, ClaimRelease release);

#endif
