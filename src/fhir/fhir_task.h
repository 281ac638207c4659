/* fhir_task.h — writes a Task that stands for a fact of somebody's work, in FHIR's order of
 * members: what (identifier, state, code), then, behind what the caller puts between the two
 * (focus, for, encounter), when and by whom. Inputs and outputs are facts by name. Also the small
 * data types of which these are made. Empty texts leave their member out. Errors: sticky in the
 * writer's Buf. Ownership: nothing is kept. */
#ifndef NHIP_FHIR_FHIR_TASK_H
#define NHIP_FHIR_FHIR_TASK_H

#include "core/json.h"
#include "core/time.h"

typedef struct FhirTask {
    const char *system; /* of its identifier */
    Str key;
    const char *group_system; /* groupIdentifier */
    Str group;
    Str part_of; /* reference */
    const char *status, *intent;
    const char *codes; /* system of state and code */
    Str state;         /* businessStatus */
    const char *code;
    Str who, why;
    TimeMs now;
    const JsonNode *before; /* the version before, for authoredOn; NULL: this is the first one */
} FhirTask;
/* Opens the object: identifier … code. */
void fhir_task_put_what(JsonWriter *w, const FhirTask *task);
/* authoredOn (that of the version before; where it has none, its lastModified), lastModified,
 * owner. */
void fhir_task_put_when(JsonWriter *w, const FhirTask *task);
/* One element of input or output: {"type":{"text":name},"valueString":value}. */
void fhir_task_put_fact(JsonWriter *w, Str name, Str value);
/* The newest input of that name; empty: none. */
Str fhir_task_input(Arena *arena, const JsonNode *task, const char *name);

/* {"coding":[{"system":…,"code":…}]} */
void fhir_put_concept(JsonWriter *w, const char *system, Str code);
void fhir_put_identifier(JsonWriter *w, const char *system, Str value);
/* "identifier":[one] */
void fhir_put_identifiers(JsonWriter *w, const char *system, Str value);
/* name:{member:text} */
void fhir_put_part(JsonWriter *w, const char *name, const char *member, Str text);

#endif
