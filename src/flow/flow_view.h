/* flow_view.h — a ViewDefinition as the store keeps it: FHIR R4 has no such resource type, so each
 * is the content of a Library (type FLOW_VIEW_SYSTEM|view-definition), which carries what searches
 * look for, and a tag when its rows are kept as a table. No state. */
#ifndef NHIP_FLOW_FLOW_VIEW_H
#define NHIP_FLOW_FLOW_VIEW_H

#include "core/json.h"
#include "core/limits.h"
#include "store/store.h"

#define FLOW_VIEW_SYSTEM "urn:nhip:library-type"
#define FLOW_VIEW_CODE "view-definition"
#define FLOW_VIEW_TAG_SYSTEM "urn:nhip:view"
#define FLOW_VIEW_TAG "materialised"
#define FLOW_VIEW_BYTES LIMIT_MIB /* of one definition */

typedef struct FlowView {
    Str id;
    uint32_t version; /* of the Library */
    TimeMs time;
    bool materialised;
    const JsonNode *root; /* the definition, without id and meta */
    Str text;             /* its text */
} FlowView;

/* ERR_NOT_FOUND when the Library is no view. */
MUST_USE ErrCode flow_view_parse(Arena *arena, const StoreVersion *library, FlowView *ret);
/* The Library of a definition; of view id (may be empty), materialised and root are read. */
MUST_USE ErrCode flow_view_print(Arena *arena, const FlowView *view, Str *ret_library);
/* Members of the definition but resourceType, id and meta. */
void flow_view_put_members(JsonWriter *w, const JsonNode *root);

#endif
