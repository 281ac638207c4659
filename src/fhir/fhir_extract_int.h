/* fhir_extract_int.h — what fhir_extract.c (the walk) and fhir_extract_value.c (data type to index
 * values) share (private). */
#ifndef NHIP_FHIR_EXTRACT_INT_H
#define NHIP_FHIR_EXTRACT_INT_H

#include "fhir/fhir_extract.h"
#include "fhir/fhir_trie_int.h"

/* The last Reference that was read: `patient` and `subject` look at the same one. */
typedef struct ReferenceMemo {
    const JsonNode *node;
    FhirIndexReference reference;
    bool ok;
} ReferenceMemo;

/* One action on its way: whose value, and where it goes. */
typedef struct Emit {
    Arena *arena;
    FhirIndexSink *sink;
    ReferenceMemo *memo;
    FhirParamId param;
    FhirType ref_type; /* a reference must have this type; FHIR_T_NONE: any */
    Str system;        /* plain tokens: the implied code system */
} Emit;

/* Emits what `value` gives under `op`; values of another JSON type than expected give nothing. */
void fhir_emit(const Emit *emit, FhirOp op, const JsonNode *value);

/* fhir_extract_text.c: what has no expression. */
typedef struct FhirTextWants {
    bool text, content, position;
    bool by_name; /* not: all values */
} FhirTextWants;
void fhir_emit_texts(const Emit *emit, const FhirTextWants *wants, const JsonNode *root);

/* The put of FhirIndexList. */
void fhir_index_list_put(FhirIndexSink *sink, const FhirIndexValue *value);

/* Members of an object, elements of an array; n is the tape node of the name or of the element. */
#define EACH_MEMBER(object, m)                                                                     \
    for (const JsonNode *m = (object) + 1, *m##_end = (object) + (object)->skip; m < m##_end;      \
         m += 1 + m[1].skip)
#define EACH_ELEMENT(array, e)                                                                     \
    for (const JsonNode *e = (array) + 1, *e##_end = (array) + (array)->skip; e < e##_end;         \
         e += e->skip)

static inline Str fhir_member_name(Arena *arena, const JsonNode *m) {
    return LIKELY(!m->escaped) ? (Str){m->text, m->len} : json_str(arena, m);
}

#endif
