#include "fhir/fhir_reference.h"

#include "fhir/fhir_primitive.h"

/* Scheme of RFC 3986 with its colon: length, or 0. */
static size_t scheme_len(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == ':' && i > 0) {
            return i + 1;
        }
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) {
            return 0;
        }
    }
    return 0;
}

/* Index of the last slash before `end`, or SIZE_MAX. */
static size_t slash_before(Str s, size_t end) {
    while (end > 0) {
        if (s.ptr[--end] == '/') {
            return end;
        }
    }
    return SIZE_MAX;
}

/* Type/id[/_history/version] at the end of s; fills all but kind. */
static bool read_tail(Str s, FhirReference *ref) {
    size_t slash = slash_before(s, s.len);
    if (slash == SIZE_MAX) {
        return false;
    }
    Str last = str_sub(s, slash + 1, SIZE_MAX);
    Str before = {s.ptr, slash};
    Str version = STR_EMPTY;
    if (str_ends(before, STR("/_history"))) {
        version = last;
        before.len -= 9;
        slash = slash_before(before, before.len);
        if (slash == SIZE_MAX || !fhir_id_ok(version)) {
            return false;
        }
        last = str_sub(before, slash + 1, SIZE_MAX);
        before.len = slash;
    }
    size_t from = slash_before(before, before.len);
    from = from == SIZE_MAX ? 0 : from + 1;
    FhirType type = fhir_resource_by_name(str_sub(before, from, SIZE_MAX));
    if (type == FHIR_T_NONE) {
        return false;
    }
    ref->type = type;
    ref->id = last;
    ref->version = version;
    ref->base = (Str){s.ptr, from};
    return true;
}

static bool local_ok(Str id) {
    if (id.len == 0 || id.ptr[0] != '~' || id.len > 11) {
        return false;
    }
    for (size_t i = 1; i < id.len; i++) {
        if (id.ptr[i] < '0' || id.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool read_relative(Str s, FhirReference *ref) {
    size_t query = str_find_char(s, '?', 0);
    if (query != SIZE_MAX) {
        ref->kind = FHIR_REF_CONDITIONAL;
        ref->type = fhir_resource_by_name((Str){s.ptr, query});
        ref->id = str_sub(s, query + 1, SIZE_MAX);
        return ref->type != FHIR_T_NONE && ref->id.len > 0;
    }
    if (!read_tail(s, ref) || ref->base.len > 0) {
        return false;
    }
    ref->kind = FHIR_REF_RELATIVE;
    if (fhir_id_ok(ref->id)) {
        return true;
    }
    if (!local_ok(ref->id) || ref->version.len > 0) {
        return false;
    }
    ref->kind = FHIR_REF_LOCAL;
    ref->id = str_sub(ref->id, 1, SIZE_MAX);
    return true;
}

static bool read_any(Str s, FhirReference *ref) {
    if (!fhir_primitive_ok(FHIR_T_URI, s)) {
        return false;
    }
    if (s.ptr[0] == '#') {
        ref->kind = FHIR_REF_CONTAINED;
        ref->id = str_sub(s, 1, SIZE_MAX);
        return true;
    }
    size_t scheme = scheme_len(s);
    if (scheme == 0) {
        return read_relative(s, ref);
    }
    if (str_starts(s, STR("urn:uuid:")) || str_starts(s, STR("urn:oid:"))) {
        ref->kind = FHIR_REF_URN;
        ref->id = s;
        return fhir_uuid_ok(s) || fhir_oid_ok(s);
    }
    ref->kind = FHIR_REF_ABSOLUTE;
    FhirReference tail = {0};
    Str path = {s.ptr, MIN(str_find_char(s, '#', 0), s.len)};
    if (read_tail(path, &tail) && tail.base.len > scheme && fhir_id_ok(tail.id)) {
        tail.kind = FHIR_REF_ABSOLUTE;
        *ref = tail;
    }
    return s.len > scheme;
}

ErrCode fhir_reference_parse(Str text, FhirReference *ret_reference) {
    FhirReference ref = {.base = STR_EMPTY, .id = STR_EMPTY, .version = STR_EMPTY};
    if (!read_any(text, &ref)) {
        return ERR_INVALID;
    }
    *ret_reference = ref;
    return ERR_OK;
}
