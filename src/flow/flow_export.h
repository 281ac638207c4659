/* flow_export.h — Bulk Data export (http://hl7.org/fhir/uv/bulkdata): the current versions of a
 * snapshot as NDJSON files, one line a resource, gzip.
 *
 * The log is read once, in ranges that all threads share; whatever is current at the snapshot goes
 * to its type's file. Types with filters are searched instead. Nothing is parsed unless _elements
 * asks for it. Memory does not grow with the store: a record and FLOW_BUFFER_BYTES a thread, with
 * several filters of one type 16 bytes a resource found.
 * Errors: ERR_STOPPED when stop is asked; else those of store and files. What a filter's search
 * refuses goes to the file of errors, and the export goes on. Threads: one call, threads of its
 * own. */
#ifndef NHIP_FLOW_FLOW_EXPORT_H
#define NHIP_FLOW_FLOW_EXPORT_H

#include "fhir/fhir_query.h"
#include "flow/flow_file.h"
#include "flow/flow_range.h"
#include "flow/flow_work.h"

#include <stdatomic.h>

enum { FLOW_FILTERS_MAX = 32 };

typedef struct FlowExport {
    Store *store;
    const char *dir; /* empty folder that the files go to */
    FlowWhich which;
    const bool *types; /* by FhirType, FHIR_RESOURCE_COUNT + 1; NULL: all */
    const FhirQuery *filters;
    size_t n_filters;
    const Str *elements; /* _elements; none: resources whole */
    size_t n_elements;
    unsigned threads; /* 0: one a core */
    FlowProgress *progress;
} FlowExport;

/* Outputs of the files: a FhirType, or one of these. */
enum { FLOW_DELETED = 0, FLOW_ERRORS = FHIR_RESOURCE_COUNT + 1, FLOW_OUTPUTS };

typedef struct FlowExported {
    FlowFiles *files; /* owns the list; flow_files_free */
    const FlowFile *list;
    size_t n;
    RecordNo snapshot;
} FlowExported;
MUST_USE ErrCode flow_export(const FlowExport *what, FlowExported *ret);

#endif
