#include "rest/rest_linked.h"

#include "mpi/mpi_patient.h"

typedef struct Widen {
    Store *store;
    Arena *arena;
    ErrInfo *info;
} Widen;

static bool has_id(const RestLinked *l, Str id) {
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->ids[i], id)) {
            return true;
        }
    }
    return false;
}

static ErrCode add_replaced(const Widen *w, RestLinked *l, Str id) {
    StoreVersion v;
    const JsonNode *root = NULL;
    Str type = STR(MPI_REPLACES);
    ErrCode err = store_get(w->store, w->arena, FHIR_T_PATIENT, id, &v);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_OK : err;
    }
    if (str_find(v.json, STR("\"" MPI_REPLACES "\"")) == SIZE_MAX) {
        return ERR_OK;
    }
    TRY(json_parse(w->arena, v.json, &root, NULL));
    for (size_t i = 0;; i++) {
        Str other = mpi_patient_link(w->arena, root, type, i);
        if (other.len == 0) {
            return ERR_OK;
        }
        if (has_id(l, other)) {
            continue;
        }
        if (l->n == REST_LINKED_MAX) {
            return err_set(w->info, ERR_LIMIT, "linked-max",
                           "more than %d patients were merged into one",
                           "hơn %d hồ sơ đã được gộp vào một người", REST_LINKED_MAX);
        }
        l->ids[l->n++] = other;
    }
}

ErrCode rest_linked(Store *store, Arena *arena, Str id, RestLinked *ret, ErrInfo *info) {
    Widen w = {store, arena, info};
    RestLinked l = {.ids = {id}, .n = 1};
    for (size_t i = 0; i < l.n; i++) {
        TRY(add_replaced(&w, &l, l.ids[i]));
    }
    *ret = l;
    return ERR_OK;
}

static bool may_be_patient(const FhirQueryValue *v) {
    return v->kind == FHIR_INDEX_REFERENCE && v->reference.id.len > 0 &&
           (v->reference.type == FHIR_T_PATIENT ||
            (v->reference.type == FHIR_T_NONE && v->reference.url.len == 0));
}

static ErrCode widen_values(const Widen *w, FhirQueryTerm *t) {
    for (size_t i = 0, n = t->n_values; i < n; i++) {
        RestLinked l;
        if (!may_be_patient(&t->values[i])) {
            continue;
        }
        TRY(rest_linked(w->store, w->arena, t->values[i].reference.id, &l, w->info));
        if (l.n == 1) {
            continue;
        }
        FhirQueryValue *values = arena_new_array(w->arena, FhirQueryValue, t->n_values + l.n);
        if (values == NULL) {
            return ERR_NOMEM;
        }
        memcpy(values, t->values, t->n_values * sizeof *values);
        for (size_t k = 1; k < l.n; k++) {
            FhirQueryValue *v = &values[t->n_values++];
            *v = values[i];
            v->reference.type = FHIR_T_PATIENT;
            v->reference.id = l.ids[k];
            v->reference.url = STR_EMPTY;
        }
        t->values = values;
    }
    return ERR_OK;
}

/* Patient.link itself is asked for as it stands. */
static ErrCode widen_term(const Widen *w, FhirQueryTerm *t, unsigned depth) {
    bool plain = t->modifier == FHIR_MOD_NONE || t->modifier == FHIR_MOD_TYPE;
    bool reference = t->param != NULL && t->param->type == FHIR_PARAM_REFERENCE;
    if (t->kind == FHIR_TERM_VALUES && plain && reference && t->param->id != FHIR_P_LINK) {
        return widen_values(w, t);
    }
    for (size_t i = 0; i < t->n_links && depth < FHIR_QUERY_DEPTH; i++) {
        TRY(widen_term(w, t->links[i].term, depth + 1));
    }
    return ERR_OK;
}

ErrCode rest_widen_linked(Store *store, Arena *arena, FhirQuery *query, ErrInfo *info) {
    Widen w = {store, arena, info};
    for (size_t i = 0; i < query->n_terms; i++) {
        TRY(widen_term(&w, &query->terms[i], 0));
        for (size_t k = 0; query->typed != NULL && k < query->n_types; k++) {
            TRY(widen_term(&w, &query->typed[k][i], 0));
        }
    }
    return ERR_OK;
}
