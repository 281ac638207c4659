/* api_format.h — the formats of FHIR over HTTP (http://hl7.org/fhir/R4/http.html#mime-type): inside
 * of the server everything is JSON. `_format` wins over Accept; among equals of Accept the format
 * of the request's own body is taken, JSON without one. Handlers keep to fhir_check_write or
 * fhir_check_accept and fhir_check_json_body (api_fhir_int.h), which do what is needed. Threads:
 * one a call. */
#ifndef NHIP_API_API_FORMAT_H
#define NHIP_API_API_FORMAT_H

#include "api/api_fhir_int.h"

/* The media type without its parameters, which begin behind the first ';'. */
Str fhir_media_of(Str value, Str *ret_params);
/* One of the names of FHIR JSON or XML? */
bool fhir_format_of(Str media, ApiFormat *ret_format);
/* The parameters of a media range: its weight in thousandths; a version of FHIR that is not ours
 * makes it 0. */
unsigned fhir_weight_of(Str params);

#endif
