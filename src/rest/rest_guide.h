/* rest_guide.h — implementation guides from package archives: their conformance resources are
 * stored like any others (one transaction, the one way in), each with a tag that names its package.
 * So they are served, searched, kept in history and in backups, and taken in by whoever looks at
 * such resources. Used by `nhip ig` and by POST /api/guides, which works while the server runs. */
#ifndef NHIP_REST_REST_GUIDE_H
#define NHIP_REST_REST_GUIDE_H

#include "intake/intake.h"

#define REST_GUIDE_TAG "https://nhip.vn/fhir/CodeSystem/ig" /* code: NAME#VERSION */

typedef struct RestGuide {
    Str name, version;
    size_t n_resources;
} RestGuide;

typedef struct RestGuideReport {
    RestGuide guide;
    size_t n_passed_over; /* files that are no conformance resources */
    size_t n_refused;     /* resources that are not valid R4 */
    Str first_refused;    /* its file and why, in both languages; empty: none */
    Str first_refused_vi;
} RestGuideReport;

/* Texts live in the arena. Installing the same package again makes new versions of what changed.
 * Errors: those of profile_package.h; ERR_UNSUPPORTED (package-version: not for R4), ERR_EXISTS
 * (package-id: an id is taken by another definition), ERR_INVALID (package-empty). */
MUST_USE ErrCode rest_guide_install(Intake *intake, Arena *arena, Str packed, RestGuideReport *ret,
                                    ErrInfo *info);
/* Sorted by name and version; what is part of the program is not among them. */
MUST_USE ErrCode rest_guide_list(Store *store, Arena *arena, RestGuide **ret_guides, size_t *ret_n,
                                 ErrInfo *info);
/* code: NAME#VERSION. ERR_NOT_FOUND. */
MUST_USE ErrCode rest_guide_remove(Intake *intake, Arena *arena, Str code, size_t *ret_removed,
                                   ErrInfo *info);

#endif
