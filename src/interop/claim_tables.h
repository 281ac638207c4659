/* claim_tables.h — the insurance-claim tables XML0–XML11 and XML13–XML15 as data: element names,
 * fields in the annex's order, kinds, sizes. Generated from
 * gen/data/claims/{releases,tags,fields,labels}.tsv (QĐ 130/2023 as amended by QĐ 4750/2023; column
 * `changes`: what later releases change). Field indexes are enum constants
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

/* A release and from which day of the end of care it counts (yyyyMMdd; empty: from ever). */
typedef struct ClaimReleaseInfo {
    Str name, since;
} ClaimReleaseInfo;
extern const ClaimReleaseInfo claim_releases[CLAIM_RELEASE_COUNT];

/* "130", "4750", "3176", "1931", "any". */
Str claim_release_name(ClaimRelease release);
/* CLAIM_RELEASE_COUNT: no such name. */
ClaimRelease claim_release_by_name(Str name);
/* The one in force on a day of care, yyyyMMdd or yyyyMMddHHmm; the newest for anything else. */
ClaimRelease claim_release_at(Str day);
/* A field as one release has it. */
typedef struct ClaimForm {
    Str name;      /* of the element */
    int maxlen;    /* characters; 0: no maximum */
    char required; /* 'Y', 'C' under a condition, ' ' optional */
    bool gone;     /* the release dropped it */
} ClaimForm;

/* What stands here is of any release: the name of the oldest, required where all require it, the
 * largest size. */
typedef struct ClaimField {
    Str name;
    ClaimKind kind;
    char required;          /* 'Y', 'C' under a condition, ' ' optional */
    bool multi;             /* values joined by ';' */
    int scale;              /* CLAIM_DEC: digits behind the point */
    int maxlen;             /* characters; 0: no maximum */
    const ClaimForm *forms; /* by release; NULL: all alike */
    Str vi, en;             /* what a person calls it (gen/data/claims/labels.tsv) */
} ClaimField;
ClaimForm claim_field_form(const ClaimField *f, ClaimRelease release);

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
/* Index of the field with that element name (of any release), or -1. Constant time. */
int claim_field_find(const ClaimTable *t, Str element);
/* Largest number of characters in that release; 0: no maximum. */
int claim_field_maxlen(const ClaimField *f, ClaimRelease release);

#endif
