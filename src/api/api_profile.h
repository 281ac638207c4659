/* api_profile.h — the catalogue of profiles behind the FHIR routes, kept in step with the
 * StructureDefinitions in the store, and validation by policy (setting `validation`). Threads: any.
 */
#ifndef NHIP_API_API_PROFILE_H
#define NHIP_API_API_PROFILE_H

#include "api/api_fhir_int.h"
#include "profile/profile.h"

typedef struct ApiProfiles ApiProfiles;

/* ERR_PARAM (rule setting-validation) when the setting cannot be understood. */
MUST_USE ErrCode api_profiles_new(Api *api, ApiProfiles **ret_profiles, ErrInfo *info);
void api_profiles_free(ApiProfiles *p); /* NULL is fine */

/* The definitions as they stand now: stored ones are looked up when anything was committed since
 * the last time. Give it back with profiles_drop. */
MUST_USE ErrCode api_profiles_hold(Api *api, const ProfileSet **ret_set, ErrInfo *info);
/* Changes with every change of the definitions. */
uint64_t api_profiles_number(Api *api);

/* What a write must fulfil, by the setting; warnings are not looked for. */
MUST_USE ErrCode api_validate_write(ApiCall *call, const FhirResource *resource,
                                    FhirIssues *issues);
/* Everything, with warnings and information, and references that lead nowhere. */
MUST_USE ErrCode api_validate_all(ApiCall *call, const FhirResource *resource, const Str *profiles,
                                  size_t n_profiles, FhirIssues *issues);

/* A conformance resource that is part of the program; ERR_NOT_FOUND. */
MUST_USE ErrCode api_profile_builtin(const FhirGet *get, StoreVersion *ret);
/* CapabilityStatement.rest.resource.supportedProfile. */
void api_put_profiles(JsonWriter *w, Api *api, FhirType type);

#endif
