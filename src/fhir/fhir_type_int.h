/* fhir_type_int.h — the generated tables that only fhir_type.c reads. Name tables are open hash
 * tables of element number + 1 (0: empty), at most half full, probed one by one. Threads: read
 * only. */
#ifndef NHIP_FHIR_TYPE_INT_H
#define NHIP_FHIR_TYPE_INT_H

#include "fhir/fhir_type.h"

typedef struct FhirCode {
    const char *code;
    uint16_t len;
    uint16_t system; /* number in FHIR_SYSTEMS */
} FhirCode;

typedef struct FhirCodeSet {
    const char *url;
    const FhirCode *codes;
    const uint16_t *open_systems; /* systems of which every code is in the set */
    uint16_t n_open;
    uint16_t hash_at;
    uint16_t hash_mask;
} FhirCodeSet;

enum { FHIR_TARGET_WORDS = (FHIR_RESOURCE_COUNT + 64) / 64 };

extern const uint8_t FHIR_ELEMENT_SLOTS[];
extern const uint16_t FHIR_TYPE_SLOTS[];
extern const uint32_t FHIR_TYPE_SLOTS_MASK;
extern const char *const FHIR_SYSTEMS[];
extern const FhirCodeSet FHIR_CODE_SETS[];
extern const uint16_t FHIR_CODE_SET_COUNT;
extern const uint16_t FHIR_CODE_SLOTS[];
extern const uint64_t FHIR_TARGETS[][FHIR_TARGET_WORDS];
extern const uint16_t FHIR_TARGETS_COUNT;
extern const char *const FHIR_EXTENSIBLE[];
extern const uint16_t FHIR_EXTENSIBLE_COUNT;

#endif
