/* catalog_int.h — private to the room: rows, pages, parts (one edition of one catalogue, ready for
 * look-ups) and views (the parts of all catalogues). */
#ifndef NHIP_CATALOG_CATALOG_INT_H
#define NHIP_CATALOG_CATALOG_INT_H

#include "catalog/catalog.h"
#include "core/thread.h"

/* Rows by code, facility, since. */
typedef struct CatalogRows {
    CatalogRow *rows;
    size_t n, room;
} CatalogRows;
int catalog_row_cmp(const void *a, const void *b);
/* Room for one more, in the arena. NULL: no memory. */
CatalogRow *catalog_rows_add(Arena *arena, CatalogRows *rows);
/* The rows of (code, facility): the first, and how many. */
size_t catalog_rows_find(const CatalogRows *rows, Str code, Str facility, size_t *ret_n);

/* ---- catalog_value.c: cells into the texts that are kept ---- */
typedef struct CatalogFault {
    const char *rule, *vi, *en;
} CatalogFault;
/* decimal_first: "12.345" is a number with a fraction, not twelve thousand. False with the fault.
 */
typedef struct CatalogCell {
    CatalogKind kind;
    Str text;
    bool decimal_first;
} CatalogCell;
bool catalog_value(Arena *arena, const CatalogCell *cell, Str *ret_value, CatalogFault *ret_fault);
/* "2026-10-01"; open: the text is empty. */
bool catalog_day(Str text, int64_t open, int64_t *ret_day);
Str catalog_day_text(Arena *arena, int64_t day); /* empty for an open one */
/* Values of both sets, joined by ';', each once, in their order. */
Str catalog_set_join(Arena *arena, Str a, Str b);

/* ---- catalog_read.c: a table into rows ---- */
typedef struct CatalogRead {
    CatalogRows rows; /* sorted; no key twice */
    const size_t *at; /* of each row: where it stands in the table */
    uint32_t given;   /* columns that the table has: bits */
    size_t n_table, n_bad;
    CatalogIssue *issues;
    size_t n_issues, n_issues_all;
    Str *taken, *left;
    size_t n_taken, n_left;
} CatalogRead;
MUST_USE ErrCode catalog_read(Arena *arena, const CatalogSpec *spec, const CatalogTable *table,
                              CatalogRead *ret, ErrInfo *info);

/* ---- catalog_page.c: rows as the store keeps them ---- */
enum { CATALOG_PAGES_MAX = 256 };
size_t catalog_page_count(size_t n_rows);
/* The page of each row, of n (a power of two). */
void catalog_page_of_rows(const CatalogRows *rows, size_t n, uint16_t *ret_pages);
/* Page i as tab-separated text with a header. */
MUST_USE ErrCode catalog_page_write(const CatalogSpec *spec, const CatalogRows *rows,
                                    const uint16_t *pages, size_t i, Buf *out);
/* Adds the rows of a page; text must outlive them. ERR_CORRUPT. */
MUST_USE ErrCode catalog_page_read(Arena *arena, const CatalogSpec *spec, Str text,
                                   CatalogRows *rows);

/* ---- catalog_view.c ---- */
typedef struct CatalogSlot {
    uint32_t first; /* its first row, + 1; 0: free */
    uint32_t tag;   /* of the hash: others are passed over without a look at their row */
    uint32_t n;     /* rows */
} CatalogSlot;
typedef struct CatalogPart {
    atomic_uint refs;
    Arena *arena; /* everything of it */
    const CatalogSpec *spec;
    CatalogEdition edition;
    CatalogRows rows;
    CatalogSlot *slots; /* of each (code, facility); open addressing */
    size_t mask;
    Str *facilities; /* that have rows of their own, sorted */
    size_t n_facilities;
    bool has_general;
    Sha256 digest; /* of the pages' ids */
} CatalogPart;
/* Takes the arena over, also when it fails; rows are sorted and indexed. */
MUST_USE ErrCode catalog_part_new(Arena *arena, const CatalogSpec *spec, CatalogRows *rows,
                                  CatalogPart **ret_part);
CatalogPart *catalog_part_hold(CatalogPart *part); /* NULL is fine */
void catalog_part_end(CatalogPart *part);
/* Of the rows of exactly this code and facility that hold that day the one that began last; NULL:
 * none. INT64_MIN: the last one. */
const CatalogRow *catalog_part_row(const CatalogPart *part, Str code, Str facility, int64_t day);
RulesFound catalog_part_look(const CatalogPart *part, const RulesAsk *ask, Str *ret_value);

typedef struct CatalogView {
    atomic_uint refs;
    uint64_t id;                           /* unique in the process, never 0 */
    CatalogPart *parts[CATALOG_SPECS_MAX]; /* by spec; NULL: the catalogue has no edition */
} CatalogView;
/* The view of before (may be NULL) with another part at `at`, which is taken over. NULL: no memory.
 */
CatalogView *catalog_view_new(const CatalogView *before, size_t at, CatalogPart *part);
void catalog_view_end(CatalogView *view);

/* ---- catalog_plan.c ---- */
typedef struct CatalogPending {
    atomic_uint refs;
    Arena *arena;
    CatalogPart *base; /* rows of before may stand in `next` */
    CatalogPlan plan;
    CatalogRows next;
    Str file;
    TimeMs made;
} CatalogPending;
void catalog_pending_end(CatalogPending *p);
typedef struct CatalogPlanOf {
    const CatalogSpec *spec;
    CatalogPart *base; /* NULL: none */
    const CatalogTable *table;
    int64_t today;
} CatalogPlanOf;
MUST_USE ErrCode catalog_plan_make(const CatalogPlanOf *of, CatalogPending **ret, ErrInfo *info);

/* ---- catalog_store.c ---- */
/* The newest edition that can be read; *ret_part NULL: there is none. */
MUST_USE ErrCode catalog_store_load(Store *store, const CatalogSpec *spec, CatalogPart **ret_part,
                                    ErrInfo *info);
typedef struct CatalogSave {
    Store *store;
    const CatalogSpec *spec;
    const CatalogAct *act;
    TimeMs now;
    uint32_t base;              /* the edition that must be the newest */
    const CatalogPending *plan; /* accept, else NULL: roll back to act->to */
} CatalogSave;
MUST_USE ErrCode catalog_store_save(const CatalogSave *save, ErrInfo *info);
MUST_USE ErrCode catalog_store_history(Store *store, Arena *arena, const CatalogSpec *spec,
                                       size_t max, CatalogEdition **ret, size_t *ret_n);

#endif
