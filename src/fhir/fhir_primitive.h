/* fhir_primitive.h — is this text a valid value of a FHIR primitive type? Hand-written forms of the
 * regular expressions of http://hl7.org/fhir/R4/datatypes.html#primitive, stricter in one point:
 * days must exist in their month. No allocation, one pass, no state. */
#ifndef NHIP_FHIR_PRIMITIVE_H
#define NHIP_FHIR_PRIMITIVE_H

#include "fhir/fhir_type.h"

/* text: the decoded JSON string, or the text of the JSON number, true or false. Types that are not
 * primitive are never valid. For xhtml only "not empty" is checked (fhir_xhtml.h does the rest). */
bool fhir_primitive_ok(FhirType type, Str text);

bool fhir_id_ok(Str text); /* [A-Za-z0-9\-\.]{1,64} */
bool fhir_date_ok(Str text);
bool fhir_date_time_ok(Str text);
bool fhir_instant_ok(Str text);
bool fhir_uuid_ok(Str text); /* with urn:uuid: in front */
bool fhir_oid_ok(Str text);  /* with urn:oid: in front */

#endif
