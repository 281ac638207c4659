/* catalog.h — dated catalogues of the province and its facilities: services, drugs, supplies,
 * departments, beds, practitioners, machines, facilities with their contracts, and prices. They
 * come as tables (core/sheet.h), are looked at as differences, taken in by a person, and never
 * lost: each state of a catalogue is an edition, and a roll-back is a new edition.
 *
 * A row is named by (code, facility, since); an empty facility means all. On a day a code has the
 * row of the facility, else the general one, of those that hold then the one that began last: a new
 * price is a new row with its `since`, and ends the old one by beginning. Columns, their kinds and
 * spellings: data/catalogues/columns.tsv.
 * In the store a catalogue is one DocumentReference (a version an edition; identifier
 * CATALOG_SYSTEM) that names Binary resources of tab-separated rows by their SHA-256; what two
 * editions share is stored once.
 *
 * Readers ask an immutable view; a new one takes its place without stopping them. Ownership:
 * results live in the caller's arena. Errors: ERR_NOT_FOUND (catalogue, edition, plan),
 * ERR_CONFLICT (the catalogue has changed since the preview), those of the store and of sheet.h.
 * Threads: any. */
#ifndef NHIP_CATALOG_CATALOG_H
#define NHIP_CATALOG_CATALOG_H

#include "catalog/catalog_spec.h"
#include "core/clock.h"
#include "core/sheet_write.h"
#include "rules/rules.h"
#include "store/store.h"

#define CATALOG_SYSTEM "https://nhip.vn/fhir/sid/catalogue" /* DocumentReference: the name */
#define CATALOG_PLAN_SYSTEM "https://nhip.vn/fhir/sid/catalogue-import" /* masterIdentifier */
#define CATALOG_CODE_SYSTEM "https://nhip.vn/fhir/CodeSystem/catalogue"

typedef struct Catalog Catalog;

typedef struct CatalogOptions {
    Store *store;       /* outlives the catalog; NULL: nothing is loaded, nothing can be taken in */
    const Clock *clock; /* NULL: the real one */
    /* The catalogues are others now (catalog_digest). On the thread that changed them; it must not
     * change them itself. May be NULL. */
    void (*changed)(void *ctx, Catalog *catalog);
    void *ctx;
} CatalogOptions;
MUST_USE ErrCode catalog_open(const CatalogOptions *options, Catalog **ret_catalog, ErrInfo *info);
void catalog_close(Catalog *catalog); /* NULL is fine */

/* ---- look-ups ---- */

/* For rules_check; outlived by the catalog. A catalogue without any row for the facility (its own
 * or general) is not loaded for it. Cost: a hash look-up, no allocation (bench/catalog.c). A value
 * lives until the same thread's next look-up. */
RulesWorld catalog_world(Catalog *catalog);
RulesFound catalog_look(Catalog *catalog, const RulesAsk *ask, Str *ret_value);
/* Another text whenever any answer may be another: for BookOptions.world_digest. */
Str catalog_digest(Catalog *catalog, Arena *arena);

typedef struct CatalogRow {
    Str code, facility;
    int64_t since, until; /* days since 1970, inclusive; INT64_MIN, INT64_MAX: open */
    Str *values;          /* of the spec's columns; those of code, facility and days too */
} CatalogRow;
typedef struct CatalogAsk {
    Str catalogue;
    Str facility; /* empty: all */
    Str text;     /* in code or name, without accents; empty: all */
    int64_t day;  /* rows that hold then; INT64_MIN: all */
    size_t after; /* CatalogPage.next of the page before */
    size_t max;
} CatalogAsk;
typedef struct CatalogPage {
    const CatalogSpec *spec;
    CatalogRow *rows; /* by code, facility, since */
    size_t n_rows;
    size_t next; /* 0: the end */
} CatalogPage;
MUST_USE ErrCode catalog_rows(Catalog *catalog, Arena *arena, const CatalogAsk *ask,
                              CatalogPage *ret_page);

/* The rows as a table that can be taken in again; header in that language. */
typedef struct CatalogExport {
    CatalogAsk ask; /* max: at most so many rows; 0: the header alone, a template */
    SheetWrite how;
    bool vietnamese;
} CatalogExport;
MUST_USE ErrCode catalog_export(Catalog *catalog, const CatalogExport *what, ErrInfo *info);

/* ---- editions ---- */

typedef struct CatalogEdition {
    uint32_t number; /* 1, 2, …; 0: the catalogue has none yet */
    TimeMs time;
    Str who, why, file; /* file: the table's name */
    Str plan;           /* id of the plan that made it */
    uint32_t restored;  /* of a roll-back: the edition that it repeats; else 0 */
    uint64_t rows, added, changed, ended;
    bool damaged; /* its rows cannot be read; the edition before stays in use */
} CatalogEdition;
typedef struct CatalogState {
    const CatalogSpec *spec;
    CatalogEdition edition; /* the newest */
} CatalogState;
/* All catalogues of the spec, loaded or not. */
MUST_USE ErrCode catalog_list(Catalog *catalog, Arena *arena, CatalogState **ret_states,
                              size_t *ret_n);
/* Newest first, at most max. */
MUST_USE ErrCode catalog_history(Catalog *catalog, Arena *arena, Str catalogue, size_t max,
                                 CatalogEdition **ret_editions, size_t *ret_n);

/* ---- taking in ---- */

typedef struct CatalogTable {
    Str catalogue;
    Str file;      /* name of the table, for the history */
    Str bytes;     /* CSV, TSV, XLSX */
    Str sheet;     /* of an XLSX; empty: the first */
    Str facility;  /* of rows whose table has no such column; empty: all facilities */
    int64_t since; /* of rows whose table has no such column or leaves it empty; INT64_MIN: open */
    bool whole; /* the table is the whole catalogue (of that facility): codes that are missing end
                 * the day before since (INT64_MIN: before today) */
} CatalogTable;

typedef enum CatalogDiffKind {
    CATALOG_NEW,     /* the code is new (for the facility) */
    CATALOG_NEXT,    /* a known code gets other values from a day on */
    CATALOG_CHANGED, /* values of a known row are corrected */
    CATALOG_ENDED,   /* a known row ends, or ends earlier */
    CATALOG_DIFFS,
} CatalogDiffKind;
Str catalog_diff_name(CatalogDiffKind kind); /* "new", "next", "changed", "ended" */

typedef struct CatalogChange { /* one attribute */
    Str column, before, after;
} CatalogChange;
typedef struct CatalogDiff {
    CatalogDiffKind kind;
    Str code, facility, name;
    int64_t since, until;
    const CatalogChange *changes;
    size_t n_changes;
} CatalogDiff;

typedef struct CatalogIssue { /* a row that cannot be taken, or a warning about one that is */
    bool is_error;
    size_t row;              /* as a spreadsheet shows it; 0: the table as a whole */
    Str column, value, rule; /* column: as the header has it */
    Str vi, en;              /* what is wrong and what to do */
} CatalogIssue;

enum { CATALOG_KEPT = 1000 }; /* differences and issues that a plan lists; more are counted */

/* What a table would change. Made by catalog_preview, kept by the catalog for an hour (at most 8).
 */
typedef struct CatalogPlan {
    Str id; /* of table, options and the edition that it is compared with */
    const CatalogSpec *spec;
    uint32_t base;  /* the edition that it would follow */
    size_t rows;    /* of the table */
    size_t n_same;  /* taken and no difference */
    size_t n_bad;   /* rows that are not taken */
    size_t n_after; /* rows of the catalogue afterwards */
    size_t n_by_kind[CATALOG_DIFFS];
    const CatalogDiff *diffs;
    size_t n_diffs;
    const CatalogIssue *issues;
    size_t n_issues, n_issues_all;
    const Str *taken, *left; /* headers of the table that are known, and that are not */
    size_t n_taken, n_left;
} CatalogPlan;
/* ret_plan lives in the arena. A table without any good row is a plan, too: it has issues. */
MUST_USE ErrCode catalog_preview(Catalog *catalog, Arena *arena, const CatalogTable *table,
                                 CatalogPlan *ret_plan, ErrInfo *info);

typedef struct CatalogAct {
    Str catalogue;
    Str plan;     /* accept */
    uint32_t to;  /* roll back: the edition to repeat */
    Str who, why; /* must be given */
} CatalogAct;
/* Takes the good rows of a previewed table in. The same plan again: the edition that it made.
 * ERR_NOT_FOUND: preview it (again) first; ERR_CONFLICT: somebody took another table in meanwhile;
 * ERR_INVALID: nothing to take in. */
MUST_USE ErrCode catalog_accept(Catalog *catalog, Arena *arena, const CatalogAct *act,
                                CatalogEdition *ret_edition, ErrInfo *info);
MUST_USE ErrCode catalog_roll_back(Catalog *catalog, Arena *arena, const CatalogAct *act,
                                   CatalogEdition *ret_edition, ErrInfo *info);

#endif
