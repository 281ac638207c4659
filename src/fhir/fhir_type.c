#include "fhir/fhir_type.h"

#include "fhir/fhir_type_int.h"

static bool same(const char *name, size_t len, Str s) {
    return len == s.len && memcmp(name, s.ptr, len) == 0;
}

FhirType fhir_type_by_name(Str name) {
    if (name.len == 0) {
        return FHIR_T_NONE;
    }
    uint32_t at = fhir_name_hash(name.ptr, name.len);
    for (;; at++) {
        uint16_t type = FHIR_TYPE_SLOTS[at & FHIR_TYPE_SLOTS_MASK];
        if (type == 0) {
            return FHIR_T_NONE;
        }
        assert(type < FHIR_TYPE_COUNT);
        if (same(FHIR_SHAPES[type].name, strlen(FHIR_SHAPES[type].name), name)) {
            return (FhirType)type;
        }
    }
}

const FhirElement *fhir_element(FhirShape shape, Str name) {
    const FhirShapeInfo *info = fhir_shape(shape);
    if (info->n_elements == 0) {
        return NULL;
    }
    const uint8_t *slots = FHIR_ELEMENT_SLOTS + info->hash_at;
    uint32_t at = fhir_name_hash(name.ptr, name.len);
    for (;; at++) {
        uint8_t number = slots[at & info->hash_mask];
        if (number == 0) {
            return NULL;
        }
        const FhirElement *e = &info->elements[number - 1];
        if (same(e->name, e->name_len, name)) {
            return e;
        }
    }
}

const FhirElement *fhir_choice(FhirShape shape, Str base, FhirType type) {
    const FhirShapeInfo *info = fhir_shape(shape);
    for (unsigned i = 0; i < info->n_elements; i++) {
        const FhirElement *e = &info->elements[i];
        if (e->choice != 0 && e->shape == (FhirShape)type && same(e->name, e->base_len, base)) {
            return e;
        }
    }
    return NULL;
}

FhirShape fhir_shape_at(Str path) {
    Str name;
    if (!str_cut(&path, '.', &name)) {
        return 0;
    }
    FhirShape shape = (FhirShape)fhir_type_by_name(name);
    while (shape != 0 && path.len > 0 && str_cut(&path, '.', &name)) {
        const FhirElement *e = fhir_element(shape, name);
        shape = e == NULL ? 0 : e->shape;
    }
    return shape;
}

bool fhir_codes_have(uint16_t codes, Str code, const Str *system) {
    assert(codes < FHIR_CODE_SET_COUNT);
    const FhirCodeSet *set = &FHIR_CODE_SETS[codes];
    for (unsigned i = 0; i < set->n_open; i++) {
        const char *open = FHIR_SYSTEMS[set->open_systems[i]];
        if (system == NULL || same(open, strlen(open), *system)) {
            return true;
        }
    }
    if (set->hash_mask == 0) {
        return false;
    }
    uint32_t at = fhir_name_hash(code.ptr, code.len);
    for (;; at++) {
        uint16_t number = FHIR_CODE_SLOTS[set->hash_at + (at & set->hash_mask)];
        if (number == 0) {
            return false;
        }
        const FhirCode *c = &set->codes[number - 1];
        if (same(c->code, c->len, code) &&
            (system == NULL ||
             same(FHIR_SYSTEMS[c->system], strlen(FHIR_SYSTEMS[c->system]), *system))) {
            return true;
        }
    }
}

const char *fhir_codes_url(uint16_t codes) {
    assert(codes < FHIR_CODE_SET_COUNT);
    return FHIR_CODE_SETS[codes].url;
}

const char *fhir_extensible_url(uint16_t extensible) {
    assert(extensible < FHIR_EXTENSIBLE_COUNT);
    return FHIR_EXTENSIBLE[extensible];
}

bool fhir_target_allowed(uint16_t targets, FhirType type) {
    assert(targets < FHIR_TARGETS_COUNT);
    if (targets == 0) {
        return true;
    }
    return fhir_type_is_resource(type) &&
           (FHIR_TARGETS[targets][type / 64] >> (type % 64) & 1) != 0;
}

FhirType fhir_target_next(uint16_t targets, FhirType after) {
    if (targets == 0) {
        return FHIR_T_NONE;
    }
    for (int type = (int)after + 1; type <= FHIR_RESOURCE_COUNT; type++) {
        if (fhir_target_allowed(targets, (FhirType)type)) {
            return (FhirType)type;
        }
    }
    return FHIR_T_NONE;
}
