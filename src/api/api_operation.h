/* api_operation.h — operations ("$name"): what the capability statement and the
 * OperationDefinitions say of them.
 *
 * A route below /fhir whose last part begins with '$' IS an operation: it is listed by itself, with
 * OperationDefinition/Patient-everything (one type), /Resource-meta (":type") or /export (system
 * only) as its definition. A row in an OPERATIONS table adds what a route cannot say: parameters,
 * HL7's definition, and the function that answers it inside of a bundle. Threads: all constant. */
#ifndef NHIP_API_API_OPERATION_H
#define NHIP_API_API_OPERATION_H

#include "api/api_fhir_int.h"

typedef enum ApiUse { API_IN, API_OUT } ApiUse;

typedef struct ApiParam {
    ApiUse use;
    const char *name;
    const char *type; /* "string", "Coding", "Bundle" … */
    unsigned min;
    const char *max;  /* "1", "*" */
    const char *what; /* one line, English */
} ApiParam;

typedef struct ApiOperation {
    const char *on;   /* "Patient"; "Resource": of any type; "": of the system only */
    const char *name; /* without '$' */
    const char *base; /* HL7's definition of which this is the whole or a part; NULL: our own */
    FhirGetFn get;    /* answers a GET entry of a bundle; NULL: it cannot be one */
    bool affects_state;
    const ApiParam *params;
    size_t n_params;
} ApiOperation;

typedef struct ApiOperations {
    const ApiOperation *rows;
    size_t n;
} ApiOperations;
/* OPERATIONS(api_x_operations, {.on = "Patient", .name = "everything", API_PARAMS(list)}); then a
 * line in `tables` of api_operation.c. */
#define OPERATIONS(table, ...)                                                                     \
    static const ApiOperation table##_list[] = {__VA_ARGS__};                                      \
    const ApiOperations table = {table##_list, ARRAY_LEN(table##_list)}
#define API_PARAMS(list) .params = (list), .n_params = ARRAY_LEN(list)

extern const ApiOperations api_everything_operations, api_export_operations,
    api_bulk_import_operations, api_subs_operations, api_view_operations, api_view_table_operations,
    api_view_export_operations, api_meta_operations, api_document_operations, api_lastn_operations,
    api_term_operations, api_validate_operations, api_search_param_operations;

/* The GET operation that these parts name ("Patient", "7", "$everything"); NULL: there is none that
 * a bundle could ask. */
FhirGetFn api_operation_get(const Str *parts, size_t n_parts);
/* Handler of a route whose operation has a `get`: GET, and POST with Parameters of simple values.
 */
void fhir_run_operation(ApiCall *call); /* api_fhir.c */
/* The values of the Parameters in the body behind those of *query, as a query. */
MUST_USE ErrCode api_operation_query(ApiCall *call, Str *query, ErrInfo *info);
/* The member "operation" of a type (FHIR_T_NONE: of the system), if it has any. */
void api_put_operations(JsonWriter *w, Api *api, FhirType type);
/* The generated OperationDefinition with this id; ERR_NOT_FOUND. */
MUST_USE ErrCode api_operation_definition(Api *api, Arena *arena, Str id, StoreVersion *ret);

#endif
