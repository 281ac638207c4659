/* patch.h — the three patch formats of FHIR R4 (http://hl7.org/fhir/R4/http.html#patch), pure: a
 * document and a patch in, the whole new document out. JSON Patch (RFC 6902), FHIRPath Patch
 * (http://hl7.org/fhir/R4/fhirpatch.html), XML Patch (RFC 5261).
 * Atomic: on any error `out` is as it was. Nothing here validates the result: fhir_validate.h does.
 * Errors: ERR_PARAM (the patch itself is wrong), ERR_INVALID (it does not fit the document: rules
 * patch-path, patch-test, patch-value), ERR_LIMIT (patch-operations, patch-steps, patch-size),
 * ERR_NOMEM. The sentences name the operation by its number (from 1), kind and path; info->where is
 * the path. Cost: JSON Patch: what it touches; FHIRPath Patch: one pass over the document for each
 * operation. Threads: no state. */
#ifndef NHIP_PATCH_PATCH_H
#define NHIP_PATCH_PATCH_H

#include "core/json.h"

typedef struct PatchJson {
    Arena *arena; /* scratch */
    const JsonNode *document;
    const JsonNode *patch; /* the array of operations; FHIRPath: the Parameters resource */
    bool drop_empty;       /* JSON Patch of a resource: members that the patch emptied go */
} PatchJson;

MUST_USE ErrCode patch_json(const PatchJson *in, Buf *out, ErrInfo *info);
/* document: a FHIR resource. */
MUST_USE ErrCode patch_fhir(const PatchJson *in, Buf *out, ErrInfo *info);

typedef struct PatchXml {
    Arena *arena;
    Str document;
    Str patch; /* its root may have any name; in selectors the prefix f is FHIR's namespace, h that
                * of XHTML, others are those of the patch; no prefix: its default namespace */
} PatchXml;
MUST_USE ErrCode patch_xml(const PatchXml *in, Buf *out, ErrInfo *info);

#endif
