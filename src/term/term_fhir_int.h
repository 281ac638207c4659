/* term_fhir_int.h — CodeSystem, ValueSet and ConceptMap resources into a build. */
#ifndef NHIP_TERM_TERM_FHIR_INT_H
#define NHIP_TERM_TERM_FHIR_INT_H

#include "core/json.h"
#include "term/term_build_int.h"

/* Adds one resource. ERR_INVALID when it has no url, ERR_PARAM when it is of another type. */
MUST_USE ErrCode term_build_resource(TermBuild *b, Arena *arena, const JsonNode *root,
                                     ErrInfo *info);
/* A FHIR date or dateTime as a day since 1970: its first, or its last day. ERR_SYNTAX. */
MUST_USE ErrCode term_day(Str text, bool last, int32_t *ret_day);

#endif
