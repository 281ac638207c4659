/* Parameters that the operations on ViewDefinitions share. */
#include "rest/rest_view.h"

ErrCode view_of(RestCall *call, const BulkParams *params, Arena *arena, const JsonNode **ret_root,
                ErrInfo *info) {
    FlowView stored;
    const BulkParam *reference = bulk_find(params, "viewReference");
    const BulkParam *resource = bulk_find(params, "viewResource");
    bool has_id = call->n_parts == 4;
    Str id = has_id ? call->parts[2] : STR_EMPTY;
    if (has_id + (reference != NULL) + (resource != NULL) != 1) {
        return err_set(info, ERR_PARAM, "view-which",
                       "say which view: in the address, as viewResource or as viewReference",
                       "hãy chỉ rõ một khung nhìn: trong địa chỉ, viewResource hoặc viewReference");
    }
    if (resource != NULL) {
        *ret_root = resource->node;
        return json_is(resource->node, JSON_OBJECT)
                   ? ERR_OK
                   : err_set(info, ERR_PARAM, "view-which", "viewResource must be a resource",
                             "viewResource phải là một tài nguyên");
    }
    if (reference != NULL) {
        static const Str prefix = {"ViewDefinition/", 15};
        if (!str_starts(reference->value, prefix)) {
            return err_set(info, ERR_UNSUPPORTED, "view-which",
                           "viewReference must be 'ViewDefinition/ID' of this server",
                           "viewReference phải là 'ViewDefinition/ID' của máy chủ này");
        }
        id = str_sub(reference->value, prefix.len, SIZE_MAX);
    }
    TRY(view_load(call, arena, id, &stored, info));
    *ret_root = stored.root;
    return ERR_OK;
}

static bool names_format(Str text, FlowFormat *ret) {
    static const struct {
        const char *name;
        FlowFormat format;
    } known[] = {{"csv", FLOW_CSV},
                 {"text/csv", FLOW_CSV},
                 {"ndjson", FLOW_NDJSON},
                 {"application/ndjson", FLOW_NDJSON},
                 {"application/x-ndjson", FLOW_NDJSON},
                 {"application/fhir+ndjson", FLOW_NDJSON},
                 {"json", FLOW_JSON},
                 {"application/json", FLOW_JSON}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq_nocase(text, str_from(known[i].name))) {
            *ret = known[i].format;
            return true;
        }
    }
    return false;
}

ErrCode view_format(RestCall *call, const BulkParams *params, FlowFormat *ret, ErrInfo *info) {
    const BulkParam *p = bulk_find(params, "_format");
    Str list = http_header(call->request, "accept");
    Str one;
    *ret = FLOW_NDJSON;
    if (p != NULL) {
        if (names_format(p->value, ret)) {
            return ERR_OK;
        }
        err_where(info, "_format");
        return err_set(info, ERR_UNSUPPORTED, "view-format",
                       "tables come as csv, ndjson or json; there is no kept library for Parquet",
                       "bảng có dạng csv, ndjson hoặc json; chưa có thư viện ổn định cho Parquet");
    }
    while (str_cut(&list, ',', &one)) {
        Str name;
        (void)str_cut(&one, ';', &name);
        if (names_format(str_trim(name), ret)) {
            break;
        }
    }
    return ERR_OK;
}

Str view_media_type(FlowFormat format) {
    static const char *const types[] = {[FLOW_CSV] = "text/csv; charset=utf-8",
                                        [FLOW_NDJSON] = "application/x-ndjson",
                                        [FLOW_JSON] = "application/json; charset=utf-8"};
    return str_from(types[format]);
}

ErrCode view_header(const BulkParams *params, bool *ret_header, ErrInfo *info) {
    const BulkParam *p = bulk_find(params, "header");
    *ret_header = p == NULL || str_eq(p->value, STR("true"));
    return p == NULL || *ret_header || str_eq(p->value, STR("false"))
               ? ERR_OK
               : err_set(info, ERR_PARAM, "parameter-value", "header must be true or false",
                         "header phải là true hoặc false");
}

ErrCode view_which(RestCall *call, const BulkParams *params, Arena *arena, FlowWhich *ret,
                   ErrInfo *info) {
    BulkPatients patients = {.arena = arena};
    bool has = false;
    TRY(bulk_time(params, "_since", &ret->has_since, &ret->since, info));
    ret->since -= ret->has_since;
    for (size_t i = 0; i < params->n; i++) {
        const BulkParam *p = &params->list[i];
        if (str_eq(p->name, STR("patient"))) {
            TRY(bulk_patient(call, p->value, &patients, info));
            has = true;
        } else if (str_eq(p->name, STR("group"))) {
            Str id = p->value;
            id = str_starts(id, STR("Group/")) ? str_sub(id, 6, SIZE_MAX) : id;
            TRY(bulk_group(call, id, &patients, info));
            has = true;
        }
    }
    bulk_patients_end(&patients);
    if (has) {
        ret->scope = FLOW_PATIENTS;
        ret->patients = patients.slots;
        ret->n_patients = patients.n;
    }
    return ERR_OK;
}
