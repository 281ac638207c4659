/* rest_format.h — the formats of FHIR over HTTP (http://hl7.org/fhir/R4/http.html#mime-type):
 * inside of the server everything is JSON. `_format` wins over Accept; among equals of Accept the
 * format of the request's own body is taken, JSON without one. Handlers keep to rest_check_write or
 * rest_check_accept and rest_check_json_body (rest_fhir.h), which do what is needed. Threads:
 * one a call. */
#ifndef NHIP_REST_REST_FORMAT_H
#define NHIP_REST_REST_FORMAT_H

#include "rest/rest_fhir.h"

/* The media type without its parameters, which begin behind the first ';'. */
Str rest_media_of(Str value, Str *ret_params);
/* One of the names of FHIR JSON or XML? */
bool rest_format_of(Str media, RestFormat *ret_format);
/* The parameters of a media range: its weight in thousandths; a version of FHIR that is not ours
 * makes it 0. */
unsigned rest_weight_of(Str params);

#endif
