/* rest_operation.h — operations ("$name"): what the capability statement and the
 * OperationDefinitions say of them.
 *
 * A route below /fhir whose last part begins with '$' IS an operation: it is listed by itself, with
 * OperationDefinition/Patient-everything (one type), /Resource-meta (":type") or /export (system
 * only) as its definition. A row in an OPERATIONS table adds what a route cannot say: parameters,
 * HL7's definition, and the function that answers it inside of a bundle. Threads: all constant. */
#ifndef NHIP_REST_REST_OPERATION_H
#define NHIP_REST_REST_OPERATION_H

#include "rest/rest_fhir.h"

typedef enum RestUse { REST_IN, REST_OUT } RestUse;

typedef struct RestOpParam {
    RestUse use;
    const char *name;
    const char *type; /* "string", "Coding", "Bundle" … */
    unsigned min;
    const char *max;  /* "1", "*" */
    const char *what; /* one line, English */
} RestOpParam;

typedef struct RestOperation {
    const char *on;    /* "Patient"; "Resource": of any type; "": of the system only */
    const char *name;  /* without '$' */
    const char *base;  /* HL7's definition of which this is the whole or a part; NULL: our own */
    RestGetFn get;     /* answers an entry of a bundle; NULL: it cannot be one */
    bool reads_posted; /* get reads RestGet.posted; else Parameters become the query */
    bool affects_state;
    const RestOpParam *params;
    size_t n_params;
} RestOperation;

typedef struct RestOperations {
    const RestOperation *rows;
    size_t n;
} RestOperations;
/* OPERATIONS(rest_x_operations, {.on = "Patient", .name = "everything", REST_PARAMS(list)}); then a
 * line in rest_tables.h. */
#define OPERATIONS(table, ...)                                                                     \
    static const RestOperation table##_list[] = {__VA_ARGS__};                                     \
    const RestOperations table = {table##_list, ARRAY_LEN(table##_list)}
#define REST_PARAMS(list) .params = (list), .n_params = ARRAY_LEN(list)

/* The operation that these parts name ("Patient", "7", "$everything"); NULL: there is none that a
 * bundle could ask. */
const RestOperation *rest_operation_find(const Rest *rest, const Str *parts, size_t n_parts);
/* Handler of a route whose operation has a `get`: GET, and POST with Parameters of simple values.
 */
void rest_run_operation(RestCall *call); /* rest_fhir.c */
/* The values of the Parameters in the body behind those of *query, as a query. */
MUST_USE ErrCode rest_operation_query(RestCall *call, Str *query, ErrInfo *info);
/* The same for Parameters on the tape. */
MUST_USE ErrCode rest_operation_query_of(Arena *arena, const JsonNode *parameters, Str *query,
                                         ErrInfo *info);
/* The member "operation" of a type (FHIR_T_NONE: of the system), if it has any. */
void rest_put_operations(JsonWriter *w, Rest *rest, FhirType type);
/* The generated OperationDefinition with this id; ERR_NOT_FOUND. */
MUST_USE ErrCode rest_operation_definition(Rest *rest, Arena *arena, Str id, StoreVersion *ret);

#endif
