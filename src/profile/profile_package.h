/* profile_package.h — packages of implementation guides (npm style: a gzip'd tar with
 * package/package.json and resources beside it), read strictly and in one pass.
 *
 * Only plain files "package/NAME.json" are handed out; what stands in folders below package
 * (examples, other languages) is passed over. Refused as a whole: names that are absolute or climb
 * ("..", backslashes), links, devices, wrong checksums, a tar that ends too early, text that is no
 * gzip. Limits: LIMIT_PACKAGE_* (packed, unpacked, files, one file) and LIMIT_UNPACK_RATIO.
 * Ownership: what a callback gets lives during the call. Errors: ERR_SYNTAX (rule package-gzip,
 * package-tar), ERR_INVALID (package-name, package-link), ERR_LIMIT (package-limit), ERR_NOMEM; a
 * callback's error stops at once. Threads: no state. */
#ifndef NHIP_PROFILE_PROFILE_PACKAGE_H
#define NHIP_PROFILE_PROFILE_PACKAGE_H

#include "core/json.h"

/* name: without "package/": "package.json", "StructureDefinition-x.json". */
typedef ErrCode (*ProfilePackageFn)(void *ctx, Str name, Str text);

MUST_USE ErrCode profile_package_read(Str packed, ProfilePackageFn each, void *ctx, ErrInfo *info);

/* What package.json says. */
typedef struct ProfileManifest {
    Str name, version; /* [a-z0-9.-], needed */
    bool is_r4;        /* fhirVersions (or fhir-version-list) has 4.0, or says nothing */
} ProfileManifest;

/* ERR_SYNTAX, ERR_INVALID (rule package-manifest). Texts live in the arena. */
MUST_USE ErrCode profile_manifest_read(Arena *arena, Str package_json, ProfileManifest *ret,
                                       ErrInfo *info);

#endif
