/* fhir_validate_int.h — what the files of the validator share. */
#ifndef NHIP_FHIR_VALIDATE_INT_H
#define NHIP_FHIR_VALIDATE_INT_H

#include "fhir/fhir_validate.h"

/* Where the walk stands: one frame a step, on the C stack; turned into text only for an issue. */
typedef struct FhirFrame {
    const struct FhirFrame *up;
    Str name;
    int64_t index; /* -1: none */
} FhirFrame;

/* A contained resource by its id: open hash table, at most half full, made when first needed. */
typedef struct FhirContained {
    Str id;
    const JsonNode *resource;
} FhirContained;

/* What changes with the resource that is walked. */
typedef struct FhirScope {
    const JsonNode *container; /* the resource whose contained[] local references mean */
    FhirContained *slots;      /* NULL: not made yet */
    size_t mask;
    unsigned bundles; /* inside this many Bundles */
} FhirScope;

typedef struct FhirWalk {
    FhirIssues *issues;
    FhirValidateOptions options;
    FhirScope scope;
} FhirWalk;

/* Adds an issue at the frame. */
void fhir_walk_issue(FhirWalk *w, FhirRule rule, const FhirFrame *at, const Str args[2]);
/* A string's value; decoded into the issues' arena when it has escapes. */
Str fhir_walk_text(const FhirWalk *w, const JsonNode *string);

/* The first contained resource of the container with that id, or NULL. Constant after the first. */
const JsonNode *fhir_find_contained(FhirWalk *w, Str id);

void fhir_check_primitive(FhirWalk *w, const FhirElement *e, const JsonNode *value,
                          const FhirFrame *at);
/* Required binding of a Coding or CodeableConcept. */
void fhir_check_coding(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                       const FhirFrame *at);
void fhir_check_reference(FhirWalk *w, const FhirElement *e, const JsonNode *object,
                          const FhirFrame *at);

#endif
