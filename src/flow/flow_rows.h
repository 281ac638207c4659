/* flow_rows.h — the rows of a view over a population into one packed file: CSV, NDJSON or JSON. As
 * flow_export otherwise: one snapshot, all cores, bounded memory, rows in no order. */
#ifndef NHIP_FLOW_FLOW_ROWS_H
#define NHIP_FLOW_FLOW_ROWS_H

#include "flow/flow_file.h"
#include "flow/flow_range.h"
#include "flow/flow_work.h"
#include "sqlview/sqlview.h"

typedef enum FlowFormat { FLOW_CSV, FLOW_NDJSON, FLOW_JSON } FlowFormat;

/* Appends a row in the format with its end ("," goes before a JSON row); kept: as
 * sqlview_put_array prints it. */
MUST_USE ErrCode flow_put_row(Buf *out, Arena *arena, const SqlView *view, FlowFormat format,
                              const SqlCell *cells);

typedef struct FlowRows {
    Store *store;
    const char *dir;  /* empty folder that the file goes to */
    const char *name; /* of the file, without ending */
    FlowWhich which;
    const SqlView *view;
    FlowFormat format;
    bool header; /* CSV */
    unsigned threads;
    FlowProgress *progress;
} FlowRows;

typedef struct FlowRowsDone {
    FlowFiles *files; /* owns the list; flow_files_free */
    const FlowFile *list;
    size_t n;
    RecordNo snapshot;
} FlowRowsDone;
MUST_USE ErrCode flow_rows(const FlowRows *what, FlowRowsDone *ret, ErrInfo *info);

#endif
