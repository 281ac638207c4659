/* api_citizen_int.h — what the citizens' files share. */
#ifndef NHIP_API_API_CITIZEN_INT_H
#define NHIP_API_API_CITIZEN_INT_H

#include "api/api_int.h"

Str citizen_name(Arena *arena, const JsonNode *patient);
Str citizen_identifier(Arena *arena, const JsonNode *patient, Str system);
/* Full name of the commune, or its code, or empty. */
Str citizen_ward(Arena *arena, const JsonNode *patient);
void put_member_or_null(JsonWriter *w, Str name, Str value);

/* api_record.c, api_visit.c: the answers of GET /api/citizens/ID and of one visit
 * (docs/screens-api.md). newest: only so many records, the newest ones, are read; 0: all. */
MUST_USE ErrCode citizen_record(RestCall *call, const StoreVersion *patient, size_t newest,
                                Buf *out);
MUST_USE ErrCode citizen_visit(RestCall *call, const StoreVersion *patient,
                               const StoreVersion *encounter, Buf *out);

#endif
