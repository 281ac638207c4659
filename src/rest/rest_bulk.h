/* rest_bulk.h — what the operations on whole populations share: parameters that may stand in the
 * address or in a Parameters resource, and patients named by groups and references. */
#ifndef NHIP_REST_REST_BULK_H
#define NHIP_REST_REST_BULK_H

#include "rest/rest_async.h"
#include "rest/rest_fhir.h"

/* One parameter as it was given; repeated ones stand side by side. */
typedef struct BulkParam {
    Str name;
    Str value;            /* text of a primitive; of a Reference its reference */
    const JsonNode *node; /* of Parameters: its value, resource or list of parts; NULL: address */
} BulkParam;

typedef struct BulkParams {
    BulkParam *list;
    size_t n;
} BulkParams;

/* What a job is asked for: `size` zeroed bytes in an arena of its own, which outlives the call.
 * Without memory it replies and answers NULL. */
void *bulk_ask_new(RestCall *call, size_t arena_bytes, size_t size, Arena **ret_arena);

/* Those of the address, then those of the body, if there is one; texts live in arena. */
MUST_USE ErrCode bulk_params(RestCall *call, Arena *arena, BulkParams *ret, ErrInfo *info);
/* The parts of a parameter, from its node. */
MUST_USE ErrCode bulk_parts(Arena *arena, const JsonNode *part, BulkParams *ret, ErrInfo *info);
/* Refuses what is not in names (NULL-terminated), or takes it out of the list where the client
 * prefers handling=lenient. */
MUST_USE ErrCode bulk_only(RestCall *call, BulkParams *params, const char *const *names,
                           ErrInfo *info);
/* The first of that name, or NULL. */
const BulkParam *bulk_find(const BulkParams *params, const char *name);
MUST_USE ErrCode bulk_time(const BulkParams *params, const char *name, bool *ret_has,
                           TimeMs *ret_time, ErrInfo *info);

/* First slots of patients, ascending, each once. */
typedef struct BulkPatients {
    Slot *slots;
    size_t n, capacity;
    Arena *arena;
} BulkPatients;
enum { BULK_GROUP_DEPTH = 8 };
/* The patients that a group names, those of groups among its members too. ERR_NOT_FOUND. */
MUST_USE ErrCode bulk_group(RestCall *call, Str id, BulkPatients *out, ErrInfo *info);
/* "Patient/ID"; ERR_NOT_FOUND when there is no such patient. */
MUST_USE ErrCode bulk_patient(RestCall *call, Str reference, BulkPatients *out, ErrInfo *info);
void bulk_patients_end(BulkPatients *patients); /* sorts */

/* ---- manifests ---- */
/* Everything up to this time is in the files of the snapshot. */
MUST_USE ErrCode bulk_snapshot_time(Rest *rest, AsyncJob *job, RecordNo snapshot, TimeMs *ret_time);
/* Opens the object with transactionTime, request, requiresAccessToken. */
void bulk_open_manifest(JsonWriter *w, AsyncJob *job, TimeMs time);
/* Members url and count. */
void bulk_put_file(JsonWriter *w, AsyncJob *job, const FlowFile *file);

#endif
