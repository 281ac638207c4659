/* fhir_xhtml.h — checks the narrative of a resource (Narrative.div): one well-formed <div> with
 * only the elements and attributes that http://hl7.org/fhir/R4/narrative.html allows; no scripts,
 * forms, frames, event attributes or javascript: links. One pass, no allocation, no state. */
#ifndef NHIP_FHIR_XHTML_H
#define NHIP_FHIR_XHTML_H

#include "core/str.h"

/* div: the decoded text. NULL when it is fine; else what is wrong, in English (a static text). */
const char *fhir_xhtml_check(Str div);

#endif
