/* api_record.h — the answers of GET /api/citizens/ID and of one visit (docs/screens-api.md). */
#ifndef NHIP_API_API_RECORD_H
#define NHIP_API_API_RECORD_H

#include "api/api_int.h"

/* newest: only so many records, the newest ones, are read; 0: all. */
MUST_USE ErrCode citizen_record(RestCall *call, const StoreVersion *patient, size_t newest,
                                Buf *out);
/* (api_visit.c) */
MUST_USE ErrCode citizen_visit(RestCall *call, const StoreVersion *patient,
                               const StoreVersion *encounter, Buf *out);

#endif
