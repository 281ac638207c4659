/* api_settle.h — what the files of settlement's routes share. */
#ifndef NHIP_API_API_SETTLE_H
#define NHIP_API_API_SETTLE_H

#include "api/api_int.h"
#include "core/io.h"
#include "fhir/fhir_query.h"
#include "settle/settle.h"
#include "settle/settle_close.h"

enum { API_BOOK_WAIT_MS = 5000 };

/* null when it is empty */
void api_put_text(JsonWriter *w, const char *name, Str text);
/* hundredths of đồng, as a number of đồng */
void api_put_amount(JsonWriter *w, const char *name, int64_t amount);
void api_put_done(RestCall *call, JsonWriter *w, const SettleDone *done);

#endif
