/* sqlview.h — SQL-on-FHIR v2 ViewDefinitions (http://sql-on-fhir.org): a resource becomes rows of a
 * table. Pure: no store, no network.
 *
 *     const SqlView *view;
 *     TRY(sqlview_compile(arena, json, &view, info));
 *     TRY(sqlview_rows(scratch, view, resource, &(SqlSink){each, ctx}, info));
 *
 * Columns stand in the order of the definition: a select's own columns, then those of its selects,
 * then those of its unionAll. Keys are "Type/id": getResourceKey() = getReferenceKey(Type).
 * Ownership: a view lives in the arena that it was compiled into and borrows nothing; it is
 * immutable and may be shared by threads. Cells live in the arena of the evaluation and point into
 * the resource's tape; a row lives until the sink returns. Errors: ERR_INVALID (rule view-*, or
 * those of the paths) with the place in info->where ("select[0].column[1].path"), ERR_LIMIT (rules
 * view-size, view-rows), ERR_NOMEM. Threads: no state. */
#ifndef NHIP_SQLVIEW_SQLVIEW_H
#define NHIP_SQLVIEW_SQLVIEW_H

#include "core/json.h"
#include "fpath/fpath.h"

enum {
    SQLVIEW_COLUMNS_MAX = 512,
    SQLVIEW_NODES_MAX = 512, /* selects and branches */
    SQLVIEW_DEPTH_MAX = 16,  /* selects in selects */
    SQLVIEW_CONSTANTS_MAX = 64,
    SQLVIEW_ROWS_MAX = 100000, /* of one resource */
};

typedef struct SqlView SqlView;

typedef struct SqlColumn {
    Str name;
    Str type;        /* FHIR type as the definition says it; empty: not said */
    bool collection; /* a cell holds any number of values */
} SqlColumn;

typedef struct SqlCell { /* no item: NULL */
    const FpathItem *items;
    size_t n;
} SqlCell;

/* root: the ViewDefinition. */
MUST_USE ErrCode sqlview_compile(Arena *arena, const JsonNode *root, const SqlView **ret_view,
                                 ErrInfo *info);
FhirType sqlview_resource(const SqlView *view);
Str sqlview_name(const SqlView *view); /* may be empty */
const SqlColumn *sqlview_columns(const SqlView *view, size_t *ret_n);

typedef struct SqlSink {
    ErrCode (*row)(void *ctx, const SqlCell *cells); /* as many as there are columns */
    void *ctx;
} SqlSink;
/* The rows of one resource, none when `where` leaves it out. Its type must be the view's. */
MUST_USE ErrCode sqlview_rows(Arena *arena, const SqlView *view, const JsonNode *resource,
                              const SqlSink *sink, ErrInfo *info);

/* ---- printing (sqlview_print.c) ---- */
/* One value as JSON: null, a value, an array of values. */
void sqlview_put_cell(JsonWriter *w, const SqlColumn *column, const SqlCell *cell);
/* {"name":value,…} without a line's end. */
void sqlview_put_object(Buf *out, const SqlView *view, const SqlCell *cells);
/* [value,…]: what is kept of a row; printed by the functions below. */
void sqlview_put_array(Buf *out, const SqlView *view, const SqlCell *cells);
/* From kept rows: an object, and a line of CSV (RFC 4180) with its end; in CSV a cell of several
 * values stands as a JSON array. */
MUST_USE ErrCode sqlview_kept_object(Buf *out, Arena *arena, const SqlView *view, Str kept);
MUST_USE ErrCode sqlview_kept_csv(Buf *out, Arena *arena, Str kept);
void sqlview_put_csv_head(Buf *out, const SqlView *view);

#endif
