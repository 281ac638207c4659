/* rest_view.h — ViewDefinitions (SQL-on-FHIR): FHIR R4 has no such resource type, so each is
 * kept as a Library with the definition as its content: versions, history, search and backup are
 * those of every resource. /fhir/ViewDefinition shows them as what they are. */
#ifndef NHIP_REST_REST_VIEW_H
#define NHIP_REST_REST_VIEW_H

#include "rest/rest_bulk.h"
#include "flow/flow_rows.h"
#include "flow/flow_view.h"

/* ERR_NOT_FOUND, ERR_GONE with a sentence. */
MUST_USE ErrCode view_load(RestCall *call, Arena *arena, Str id, FlowView *ret, ErrInfo *info);

typedef enum ViewChange {
    VIEW_PUT,    /* the body's definition */
    VIEW_KEEP,   /* its rows are kept as a table from now on */
    VIEW_FORGET, /* no longer */
} ViewChange;
/* Writes the view of the address, and replies with it. */
void view_write(RestCall *call, IntakeVerb verb, ViewChange change);

/* Which view an operation means: of its address, or of viewReference or viewResource. */
MUST_USE ErrCode view_of(RestCall *call, const BulkParams *params, Arena *arena,
                         const JsonNode **ret_root, ErrInfo *info);

/* _format, else Accept; Parquet is refused by name. */
MUST_USE ErrCode view_format(RestCall *call, const BulkParams *params, FlowFormat *ret,
                             ErrInfo *info);
Str view_media_type(FlowFormat format);
/* header=false: no line of names in CSV. */
MUST_USE ErrCode view_header(const BulkParams *params, bool *ret_header, ErrInfo *info);
/* patient, group, _since into which; lists live in arena. */
MUST_USE ErrCode view_which(RestCall *call, const BulkParams *params, Arena *arena, FlowWhich *ret,
                            ErrInfo *info);

#endif
