#include "fhir/fhir_param_set.h"

#include "fhir/fhir_extract_int.h"

const FhirSearchParam *fhir_param_find(const FhirParamSet *set, FhirType type, Str code) {
    const FhirSearchParam *param = fhir_search_param(type, code);
    for (size_t i = 0; param == NULL && set != NULL && i < set->n; i++) {
        if (set->rows[i].type == type && str_eq(set->rows[i].param.code, code)) {
            param = &set->rows[i].param;
        }
    }
    return param;
}

/* As op_rules of gen/fhir_search_gen.c. */
static const struct {
    FhirParamType param;
    const char *types;
    FhirOp op;
} RULES[] = {
    {FHIR_PARAM_TOKEN, " CodeableConcept ", FHIR_OP_TOKEN_CODEABLE},
    {FHIR_PARAM_TOKEN, " Coding ", FHIR_OP_TOKEN_CODING},
    {FHIR_PARAM_TOKEN, " Identifier ", FHIR_OP_TOKEN_IDENTIFIER},
    {FHIR_PARAM_TOKEN, " ContactPoint ", FHIR_OP_TOKEN_CONTACT},
    {FHIR_PARAM_TOKEN, " code boolean string uri id canonical oid uuid url markdown ",
     FHIR_OP_TOKEN_PLAIN},
    {FHIR_PARAM_STRING, " string markdown uri url code id ", FHIR_OP_STRING_PLAIN},
    {FHIR_PARAM_STRING, " HumanName ", FHIR_OP_STRING_NAME},
    {FHIR_PARAM_STRING, " Address ", FHIR_OP_STRING_ADDRESS},
    {FHIR_PARAM_DATE, " date dateTime instant ", FHIR_OP_DATE_POINT},
    {FHIR_PARAM_DATE, " Period ", FHIR_OP_DATE_PERIOD},
    {FHIR_PARAM_DATE, " Timing ", FHIR_OP_DATE_TIMING},
    {FHIR_PARAM_NUMBER, " integer decimal positiveInt unsignedInt ", FHIR_OP_NUMBER},
    {FHIR_PARAM_NUMBER, " Range ", FHIR_OP_NUMBER_RANGE},
    {FHIR_PARAM_QUANTITY, " Quantity Age Duration Count Distance ", FHIR_OP_QUANTITY},
    {FHIR_PARAM_QUANTITY, " Money ", FHIR_OP_QUANTITY_MONEY},
    {FHIR_PARAM_QUANTITY, " Range ", FHIR_OP_QUANTITY_RANGE},
    {FHIR_PARAM_URI, " uri url canonical oid uuid ", FHIR_OP_URI},
    {FHIR_PARAM_REFERENCE, " Reference ", FHIR_OP_REFERENCE},
    {FHIR_PARAM_REFERENCE, " canonical uri ", FHIR_OP_REFERENCE_CANONICAL},
};

static bool has_type(const char *types, const char *name) {
    char spaced[64];
    (void)snprintf(spaced, sizeof spaced, " %s ", name);
    return strstr(types, spaced) != NULL;
}

bool fhir_extract_element(Arena *arena, const FhirSearchParam *param, FhirType datatype,
                          const JsonNode *value, FhirIndexSink *sink) {
    ReferenceMemo memo = {0};
    Emit emit = {.arena = arena, .sink = sink, .memo = &memo, .param = param->id};
    emit.system = STR_EMPTY;
    if (fhir_type_is_resource(datatype) && param->type == FHIR_PARAM_REFERENCE) {
        fhir_emit(&emit, FHIR_OP_REFERENCE_RESOURCE, value);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        if (RULES[i].param == (FhirParamType)param->type &&
            has_type(RULES[i].types, fhir_type_name(datatype))) {
            fhir_emit(&emit, RULES[i].op, value);
            return true;
        }
    }
    return false;
}
