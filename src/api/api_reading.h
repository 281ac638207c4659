/* api_reading.h — values of resources as the screens show them; texts live in the arena. */
#ifndef NHIP_API_API_READING_H
#define NHIP_API_API_READING_H

#include "api/api_int.h"

#define READING_ICD10 "http://hl7.org/fhir/sid/icd-10"

Str citizen_name(Arena *arena, const JsonNode *patient);
Str citizen_identifier(Arena *arena, const JsonNode *patient, Str system);
/* Full name of the commune, or its code, or empty. */
Str citizen_ward(Arena *arena, const JsonNode *patient);
void put_member_or_null(JsonWriter *w, Str name, Str value);

Str life_code(Arena *arena, const JsonNode *concept, Str system);
Str life_name(Arena *arena, const JsonNode *concept);
Str life_icd_name(Arena *arena, const JsonNode *condition, Str code, bool english);
const JsonNode *life_bill_field(const JsonNode *claim, Str name);
void life_put_number(JsonWriter *w, Str name, const JsonNode *value);
Str life_condition_key(Arena *arena, const JsonNode *root);
Str life_result_time(Arena *arena, const JsonNode *root);
/* What stands behind prefix in a reference, or in the first of several; empty: none. */
Str life_reference(Arena *arena, const JsonNode *reference, Str prefix);

#endif
