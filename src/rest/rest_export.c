/* $export: the question as parameters, the job, the manifest (Bulk Data Access). */
#include "rest/rest_bulk.h"
#include "rest/rest_operation.h"

#define EXPORT_ARENA_BYTES (256 * LIMIT_MIB)

typedef struct ExportAsk { /* lives in its own arena until the job is over */
    Rest *rest;
    Arena *arena;
    FlowExport what;
    bool types[FHIR_RESOURCE_COUNT + 1];
    FhirQuery filters[FLOW_FILTERS_MAX];
} ExportAsk;

/* ---- the question ---- */

/* A type in a parameter: the address is there, what it asks for is not (400, not 404). */
static ErrCode need_type(const char *param, Str name, FhirType *ret, ErrInfo *info) {
    *ret = fhir_resource_by_name(name);
    if (*ret != FHIR_T_NONE) {
        return ERR_OK;
    }
    err_where(info, "%s", param);
    return err_set(info, ERR_PARAM, "type-unknown", "'" STR_FMT "' is no resource type of FHIR R4",
                   "'" STR_FMT "' không phải loại tài nguyên của FHIR R4",
                   (int)MIN(name.len, (size_t)64), name.ptr);
}

static ErrCode read_types(ExportAsk *ask, Str list, ErrInfo *info) {
    Str one;
    ask->what.types = ask->types;
    while (str_cut(&list, ',', &one)) {
        FhirType type = FHIR_T_NONE;
        if (one.len > 0) {
            TRY(need_type("_type", str_trim(one), &type, info));
            ask->types[type] = true;
        }
    }
    return ERR_OK;
}

static ErrCode read_filter(ExportAsk *ask, Str text, ErrInfo *info) {
    FhirQueryScope scope = {.codes = &ask->rest->codes,
                            .base_url = ask->rest->base_url,
                            .now = clock_now_ms(ask->rest->clock),
                            .info = info};
    Str query = text;
    Str type;
    (void)str_cut(&query, '?', &type);
    if (ask->what.n_filters == FLOW_FILTERS_MAX) {
        return err_set(info, ERR_LIMIT, "type-filters", "at most %d filters can be given",
                       "chỉ được đưa tối đa %d bộ lọc", FLOW_FILTERS_MAX);
    }
    TRY(need_type("_typeFilter", type, &scope.type, info));
    err_where(info, "_typeFilter");
    return fhir_query_parse(ask->arena, &scope, query.ptr == NULL ? STR_EMPTY : query,
                            &ask->filters[ask->what.n_filters++]);
}

/* Does a filter of its own begin here ("Observation?")? Else the comma belongs to a value. */
static bool begins_filter(Str rest) {
    size_t mark = str_find_char(rest, '?', 0);
    return mark != SIZE_MAX && fhir_resource_by_name(str_sub(rest, 0, mark)) != FHIR_T_NONE;
}

static ErrCode read_filters(ExportAsk *ask, Str list, ErrInfo *info) {
    size_t from = 0;
    for (size_t at = 0; at <= list.len; at++) {
        bool cut = at == list.len ||
                   (list.ptr[at] == ',' && begins_filter(str_sub(list, at + 1, list.len)));
        if (cut && at > from) {
            TRY(read_filter(ask, str_sub(list, from, at - from), info));
        }
        from = cut ? at + 1 : from;
    }
    return ERR_OK;
}

/* "Patient.name" or "name": elements are left out by name, whatever the type. */
static ErrCode read_elements(ExportAsk *ask, Str list, ErrInfo *info) {
    enum { ELEMENTS_MAX = 256 };
    Str *names = arena_new_array(ask->arena, Str, ELEMENTS_MAX);
    Str one;
    if (names == NULL) {
        return ERR_NOMEM;
    }
    while (str_cut(&list, ',', &one)) {
        one = str_trim(one);
        if (str_find_char(one, '.', 0) != SIZE_MAX) {
            return err_set(info, ERR_UNSUPPORTED, "parameter-unsupported",
                           "_elements takes names that hold for all types ('name'), not "
                           "'" STR_FMT "'",
                           "_elements nhận tên dùng chung cho mọi loại ('name'), không nhận "
                           "'" STR_FMT "'",
                           STR_ARG(one));
        }
        if (one.len > 0 && ask->what.n_elements < ELEMENTS_MAX) {
            names[ask->what.n_elements++] = one;
        }
    }
    ask->what.elements = names;
    return ERR_OK;
}

static ErrCode check_format(Str format, ErrInfo *info) {
    static const char *const known[] = {"application/fhir+ndjson", "application/ndjson", "ndjson"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(format, str_from(known[i]))) {
            return ERR_OK;
        }
    }
    err_where(info, "_outputFormat");
    return err_set(info, ERR_UNSUPPORTED, "output-format",
                   "files come as application/fhir+ndjson only",
                   "tệp chỉ có dạng application/fhir+ndjson");
}

static ErrCode read_param(ExportAsk *ask, const BulkParam *p, ErrInfo *info) {
    return str_eq(p->name, STR("_type"))           ? read_types(ask, p->value, info)
           : str_eq(p->name, STR("_typeFilter"))   ? read_filters(ask, p->value, info)
           : str_eq(p->name, STR("_elements"))     ? read_elements(ask, p->value, info)
           : str_eq(p->name, STR("_outputFormat")) ? check_format(p->value, info)
                                                   : ERR_OK;
}

/* Keeps of `all` those that are in `some`; both ascending. */
static void intersect(BulkPatients *all, const BulkPatients *some) {
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < all->n; i++) {
        while (at < some->n && some->slots[at] < all->slots[i]) {
            at++;
        }
        if (at < some->n && some->slots[at] == all->slots[i]) {
            all->slots[kept++] = all->slots[i];
        }
    }
    all->n = kept;
}

/* Whose records: of the group, of the patients that are named, or of all. */
static ErrCode read_patients(RestCall *call, ExportAsk *ask, const BulkParams *params,
                             ErrInfo *info) {
    BulkPatients named = {.arena = ask->arena};
    bool has_named = false;
    for (size_t i = 0; i < params->n; i++) {
        if (str_eq(params->list[i].name, STR("patient"))) {
            TRY(bulk_patient(call, params->list[i].value, &named, info));
            has_named = true;
        }
    }
    bulk_patients_end(&named);
    if (str_eq(call->parts[1], STR("Group"))) {
        BulkPatients group = {.arena = ask->arena};
        TRY(bulk_group(call, call->parts[2], &group, info));
        bulk_patients_end(&group);
        if (has_named) {
            intersect(&group, &named);
        }
        named = group;
        has_named = true;
    }
    if (has_named) {
        ask->what.which.scope = FLOW_PATIENTS;
        ask->what.which.patients = named.slots;
        ask->what.which.n_patients = named.n;
    } else if (str_eq(call->parts[1], STR("Patient"))) {
        ask->what.which.scope = FLOW_ALL;
    }
    return ERR_OK;
}

static ErrCode read_ask(RestCall *call, ExportAsk *ask, ErrInfo *info) {
    static const char *const names[] = {"_outputFormat", "_since",    "_until",  "_type",
                                        "_typeFilter",   "_elements", "patient", NULL};
    static const char *const names_system[] = {"_outputFormat", "_since",    "_until", "_type",
                                               "_typeFilter",   "_elements", NULL};
    BulkParams params;
    bool is_system = str_eq(call->parts[1], STR("$export"));
    TRY(bulk_params(call, ask->arena, &params, info));
    TRY(bulk_only(call, &params, is_system ? names_system : names, info));
    for (size_t i = 0; i < params.n; i++) {
        TRY(read_param(ask, &params.list[i], info));
    }
    TRY(bulk_time(&params, "_since", &ask->what.which.has_since, &ask->what.which.since, info));
    TRY(bulk_time(&params, "_until", &ask->what.which.has_until, &ask->what.which.until, info));
    /* The commit of the last export's own millisecond may have come behind it: it comes again. */
    ask->what.which.since -= ask->what.which.has_since;
    TRY(read_patients(call, ask, &params, info));
    ask->what.filters = ask->filters;
    return arena_failed(ask->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- the manifest ---- */

static void put_files(JsonWriter *w, AsyncJob *job, const FlowExported *x, int kind) {
    json_open_array(w);
    for (size_t i = 0; i < x->n; i++) {
        const FlowFile *f = &x->list[i];
        bool is_output = f->output != FLOW_DELETED && f->output != FLOW_ERRORS;
        if (kind < 0 ? !is_output : f->output != (unsigned)kind) {
            continue;
        }
        json_open_object(w);
        json_member(w, "type",
                    is_output                   ? str_from(fhir_type_name((FhirType)f->output))
                    : f->output == FLOW_DELETED ? STR("Bundle")
                                                : STR("OperationOutcome"));
        bulk_put_file(w, job, f);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode put_manifest(const ExportAsk *ask, AsyncJob *job, const FlowExported *x, Buf *out) {
    JsonWriter w = json_writer(out);
    TimeMs time = 0;
    TRY(bulk_snapshot_time(ask->rest, job, x->snapshot, &time));
    bulk_open_manifest(&w, job, time);
    json_name(&w, "output");
    put_files(&w, job, x, -1);
    json_name(&w, "deleted");
    put_files(&w, job, x, FLOW_DELETED);
    json_name(&w, "error");
    put_files(&w, job, x, FLOW_ERRORS);
    json_close_object(&w);
    return buf_ok(out);
}

/* ---- the job ---- */

static ErrCode run_export(void *ctx, AsyncJob *job, Buf *out, ErrInfo *info) {
    ExportAsk *ask = ctx;
    FlowExported exported;
    ask->what.dir = async_dir(job);
    ask->what.progress = async_progress(job);
    (void)info;
    TRY(flow_export(&ask->what, &exported));
    ErrCode err = put_manifest(ask, job, &exported, out);
    flow_files_free(exported.files);
    return err;
}

static void release_export(void *ctx) {
    ExportAsk *ask = ctx;
    arena_free(ask->arena);
}

static void begin_export(RestCall *call) {
    ErrInfo info = {0};
    Arena *arena = NULL;
    ExportAsk *ask = bulk_ask_new(call, EXPORT_ARENA_BYTES, sizeof(*ask), &arena);
    if (ask == NULL) {
        return;
    }
    ask->rest = call->rest;
    ask->arena = arena;
    ask->what.store = call->rest->store;
    ErrCode err = read_ask(call, ask, &info);
    if (err != ERR_OK) {
        arena_free(arena);
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    async_begin(call, &(AsyncWork){
                          .kind = "export",
                          .run = run_export,
                          .release = release_export,
                          .ctx = ask,
                      });
}

/* The last one is of patients only. */
static const RestOpParam params[] = {
    {REST_IN, "_outputFormat", "string", 0, "1", "application/fhir+ndjson"},
    {REST_IN, "_since", "instant", 0, "1", "only what changed at or after this time"},
    {REST_IN, "_until", "instant", 0, "1", "only what changed not after this time"},
    {REST_IN, "_type", "string", 0, "*", "types, separated by commas; none: all"},
    {REST_IN, "_typeFilter", "string", 0, "*", "Type?query: of this type only what it finds"},
    {REST_IN, "_elements", "string", 0, "*", "names of elements; the others are left out"},
    {REST_IN, "patient", "Reference", 0, "*", "only the records of these patients"},
};
#define BULK_BASE "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
OPERATIONS(
    rest_export_operations,
    {.on = "",
     .name = "export",
     .base = BULK_BASE "export",
     .params = params,
     .n_params = ARRAY_LEN(params) - 1},
    {.on = "Patient", .name = "export", .base = BULK_BASE "patient-export", REST_PARAMS(params)},
    {.on = "Group", .name = "export", .base = BULK_BASE "group-export", REST_PARAMS(params)});

ROUTES(rest_export_routes,
       {"GET", "/fhir/$export", begin_export, false, "export: everything as NDJSON files"},
       {"POST", "/fhir/$export", begin_export, false, "export: with Parameters as body"},
       {"GET", "/fhir/Patient/$export", begin_export, false, "export: the records of all patients"},
       {"POST", "/fhir/Patient/$export", begin_export, false, "export: with Parameters as body"},
       {"GET", "/fhir/Group/:id/$export", begin_export, false, "export: the records of a group"},
       {"POST", "/fhir/Group/:id/$export", begin_export, false, "export: with Parameters as body"});
