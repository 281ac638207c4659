/* profile_core.h — the conformance resources that are part of the program: the profiles and
 * extensions that R4 publishes (gen/data/fhir/profiles.ndjson) and Nhịp's own guide (docs/ig).
 * Ownership: static. Threads: read only, after the first call of profile_core_count. */
#ifndef NHIP_PROFILE_PROFILE_CORE_H
#define NHIP_PROFILE_PROFILE_CORE_H

#include "core/str.h"

typedef struct ProfileResource {
    Str type; /* "StructureDefinition", "ValueSet", "NamingSystem" … */
    Str id;
    Str json;    /* one resource, as it is served */
    bool is_own; /* of Nhịp's guide */
} ProfileResource;

size_t profile_core_count(void);
ProfileResource profile_core_at(size_t at); /* at < profile_core_count() */
/* False when there is none. */
bool profile_core_find(Str type, Str id, ProfileResource *ret_resource);

#endif
