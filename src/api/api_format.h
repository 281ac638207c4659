/* api_format.h — the formats of FHIR over HTTP (http://hl7.org/fhir/R4/http.html#mime-type): inside
 * of the server everything is JSON. `_format` wins over Accept; among equals of Accept the format
 * of the request's own body is taken, JSON without one. Handlers keep to fhir_check_write or
 * fhir_check_accept and fhir_check_json_body (api_fhir_int.h), which do what is needed. Threads:
 * one a call. */
#ifndef NHIP_API_API_FORMAT_H
#define NHIP_API_API_FORMAT_H

#include "api/api_fhir_int.h"

/* Is it one of the media types of FHIR XML? */
bool fhir_is_xml(Str content_type);

#endif
