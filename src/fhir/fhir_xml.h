/* fhir_xml.h — FHIR R4 XML (http://hl7.org/fhir/R4/xml.html) from and to FHIR JSON, both driven by
 * the element tables: read goes in one pass from XML text to canonical JSON text (arrays, `_name`
 * siblings, numbers and booleans unquoted, narrative as text), write from the JSON tape to XML with
 * the elements in the order of their definition. JSON → XML → JSON gives the same resource; what
 * JSON has no place for is lost (comments, processing instructions, prefixes).
 * Read refuses: a DOCTYPE (so every entity but XML's own), what is no element of R4 or stands in
 * another namespace, wrong order, attributes that FHIR does not have, text outside of attributes,
 * empty elements, depth over LIMIT_FHIR_XML_DEPTH (narrative: LIMIT_NARRATIVE_DEPTH), elements
 * that stand more than LIMIT_JSON_ITEMS times, more JSON than `out` may hold. It checks what it
 * needs to make JSON; fhir_validate.h does the rest.
 * Errors: ErrInfo with rule "fhir-xml-*" or "xml-*", `where` the FHIRPath location, line and column
 * in both sentences; the first one ends the work and leaves `out` as it is then. Cost: about that
 * of expat. Threads: no state. */
#ifndef NHIP_FHIR_XML_H
#define NHIP_FHIR_XML_H

#include "fhir/fhir_parse.h"

/* One resource in UTF-8. ERR_SYNTAX, ERR_INVALID, ERR_LIMIT, ERR_NOMEM. info may be NULL. */
MUST_USE ErrCode fhir_xml_read(Str xml, Buf *out, ErrInfo *info);
/* A Bundle to be carried out: refused (bundle-entries) when the first entry above
 * LIMIT_BUNDLE_ENTRIES begins. */
MUST_USE ErrCode fhir_xml_read_bundle(Str xml, Buf *out, ErrInfo *info);

typedef struct FhirXmlOptions {
    Arena *arena; /* scratch: order of members, decoded strings */
    bool pretty;  /* two spaces of indentation; narrative stays as it is */
} FhirXmlOptions;
/* The resource with its XML declaration. ERR_INVALID: members that R4 does not have (a resource
 * that validates has none); narrative that is no well-formed XML. info may be NULL. */
MUST_USE ErrCode fhir_xml_write(const FhirResource *resource, const FhirXmlOptions *options,
                                Buf *out, ErrInfo *info);

#define FHIR_XML_NS "http://hl7.org/fhir"
#define FHIR_XHTML_NS "http://www.w3.org/1999/xhtml"

/* ---- narrative (fhir_xml_div.c) ---- */
/* A <div> as XML can carry it: HTML's named characters as numbers, its namespace declared. False
 * when it is no well-formed XML then. */
MUST_USE bool fhir_xml_put_div(Buf *out, Str div);
/* Escaped for an attribute in double quotes so that any reader gets the same text back; what XML
 * 1.0 cannot carry becomes U+FFFD. */
void fhir_xml_put_attr(Buf *out, Str value);

#endif
