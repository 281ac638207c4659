/* fhir_name.h — what the type tables and the program that generates them share: kinds of shapes,
 * flags of elements, the hash of names. No state, no errors. */
#ifndef NHIP_FHIR_NAME_H
#define NHIP_FHIR_NAME_H

#include "core/str.h"

typedef enum FhirKind {
    FHIR_KIND_NONE,
    FHIR_KIND_RESOURCE,
    FHIR_KIND_PRIMITIVE,
    FHIR_KIND_COMPLEX,
    FHIR_KIND_GROUP, /* nested in another type; has no name of its own */
} FhirKind;

enum {
    FHIR_E_ARRAY = 1,    /* max is *: a JSON array */
    FHIR_E_SUMMARY = 2,  /* in _summary=true */
    FHIR_E_MODIFIER = 4, /* isModifier */
    FHIR_E_BARE = 8,     /* a primitive without `_name` sibling: id, Extension.url, Narrative.div */
    FHIR_E_SIMPLE = 16,  /* SimpleQuantity: no comparator */
};

/* Spreads a short name over 32 bits; the generator fills its tables with the same function. */
static inline uint32_t fhir_name_hash(const char *name, size_t len) {
    uint64_t a = 0;
    uint64_t b = 0;
    if (len >= 8) {
        memcpy(&a, name, 8);
        memcpy(&b, name + len - 8, 8);
    } else if (len >= 4) {
        memcpy(&a, name, 4);
        memcpy(&b, name + len - 4, 4);
    } else if (len > 0) {
        a = (uint64_t)(unsigned char)name[0] | (uint64_t)(unsigned char)name[len / 2] << 8 |
            (uint64_t)(unsigned char)name[len - 1] << 16;
    }
    a = (a ^ (uint64_t)len) * UINT64_C(0x9E3779B97F4A7C15);
    b = (b ^ (a >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)((a ^ b) >> 32);
}

#endif
