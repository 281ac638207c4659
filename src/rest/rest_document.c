/* Composition/$document: the composition and what it directly refers to as a Bundle of type
 * document (http://hl7.org/fhir/R4/composition-operation-document.html). With persist=true the
 * Bundle is kept and can be read under Bundle/id. What is not here (absolute references to others,
 * resources that are gone) is left out: the composition names it all the same. */
#include "rest/rest_operation.h"

#include "core/random.h"
#include "fhir/fhir_reference.h"

typedef struct Document {
    Rest *rest;
    Arena *arena;
    StoreVersion *parts; /* the composition first */
    size_t n, capacity;
} Document;

static bool is_in(const Document *d, FhirType type, Str id) {
    for (size_t i = 0; i < d->n; i++) {
        if (d->parts[i].type == type && str_eq(d->parts[i].id, id)) {
            return true;
        }
    }
    return false;
}

static ErrCode add_part(Document *d, const StoreVersion *v) {
    if (d->n == d->capacity) {
        size_t capacity = d->capacity == 0 ? 16 : d->capacity * 2;
        StoreVersion *grown = arena_new_array(d->arena, StoreVersion, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (d->n > 0) {
            memcpy(grown, d->parts, d->n * sizeof(*grown));
        }
        d->parts = grown;
        d->capacity = capacity;
    }
    d->parts[d->n++] = *v;
    return ERR_OK;
}

static ErrCode add_reference(Document *d, Str text) {
    FhirReference r;
    StoreVersion v;
    if (fhir_reference_parse(text, &r) != ERR_OK || r.kind != FHIR_REF_RELATIVE ||
        is_in(d, r.type, r.id)) {
        return ERR_OK;
    }
    ErrCode err = store_get(d->rest->store, d->arena, r.type, r.id, &v);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK;
    }
    TRY(err);
    return d->n < LIMIT_PAGE_COUNT ? add_part(d, &v) : ERR_LIMIT;
}

/* Every member "reference" of the composition, in its order: each part stands where it is first
 * referred to. */
static ErrCode add_references(Document *d, const JsonNode *n) {
    if (!json_is(n, JSON_OBJECT) && !json_is(n, JSON_ARRAY)) {
        return ERR_OK;
    }
    for (const JsonNode *at = json_first(n); at != NULL; at = json_next(n, at)) {
        const JsonNode *value = json_is(n, JSON_OBJECT) ? json_value(at) : at;
        if (json_is(n, JSON_OBJECT) && str_eq(json_raw_str(at), STR("reference")) &&
            json_is(value, JSON_STRING)) {
            TRY(add_reference(d, json_str(d->arena, value)));
        } else {
            TRY(add_references(d, value));
        }
    }
    return ERR_OK;
}

static ErrCode gather(Document *d, Str id, ErrInfo *info) {
    StoreVersion v;
    const JsonNode *root = NULL;
    ErrCode err = store_get(d->rest->store, d->arena, FHIR_T_COMPOSITION, id, &v);
    if (err != ERR_OK) {
        RestGet get = {.type = FHIR_T_COMPOSITION, .id = id};
        return rest_absent(&get, err, info);
    }
    TRY(add_part(d, &v));
    TRY(json_parse(d->arena, v.json, &root, NULL));
    err = add_references(d, root);
    return err != ERR_LIMIT
               ? err
               : err_set(info, ERR_LIMIT, "document-parts",
                         "the composition refers to more than %d resources",
                         "bản tổng hợp tham chiếu đến hơn %d tài nguyên", LIMIT_PAGE_COUNT);
}

/* Every document has an identifier of its own (bdl-9) and a date (bdl-10). */
static ErrCode put_head(JsonWriter *w, Arena *arena, TimeMs now) {
    CLEANUP_BUF Buf time;
    char uuid[RANDOM_UUID_LEN + 1];
    buf_init(&time, 64);
    time_put_instant(&time, now);
    TRY(random_uuid(uuid));
    json_open_object(w);
    json_member(w, "resourceType", STR("Bundle"));
    json_name(w, "identifier");
    json_open_object(w);
    json_member(w, "system", STR("urn:ietf:rfc:3986"));
    json_member(w, "value", arena_printf(arena, "urn:uuid:%s", uuid));
    json_close_object(w);
    json_member(w, "type", STR("document"));
    json_member(w, "timestamp", buf_str(&time));
    return ERR_OK;
}

static ErrCode put_document(const Document *d, Buf *out) {
    JsonWriter w = json_writer(out);
    TRY(put_head(&w, d->arena, clock_now_ms(d->rest->clock)));
    json_name(&w, "entry");
    json_open_array(&w);
    for (size_t i = 0; i < d->n; i++) {
        const StoreVersion *v = &d->parts[i];
        json_open_object(&w);
        json_member(&w, "fullUrl",
                    arena_printf(d->arena, STR_FMT "/%s/" STR_FMT, STR_ARG(d->rest->base_url),
                                 fhir_type_name(v->type), STR_ARG(v->id)));
        json_name(&w, "resource");
        json_put_raw(&w, v->json);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

/* The document, and whether it is to be kept. */
static ErrCode make(const RestGet *get, RestAnswer *ret, bool *ret_persist, ErrInfo *info) {
    RestParam p[] = {{"persist", {0}}, {"_pretty", {0}}, {"_format", {0}}};
    Document d = {.rest = get->call->rest, .arena = get->call->arena};
    TRY(rest_params(d.arena, get->query, p, ARRAY_LEN(p), info));
    TRY(rest_pretty_param(p[1].value, &ret->pretty, info));
    *ret_persist = str_eq(p[0].value, STR("true"));
    if (p[0].value.ptr != NULL && !*ret_persist && !str_eq(p[0].value, STR("false"))) {
        err_where(info, "persist");
        return err_set(info, ERR_PARAM, "parameter-value", "persist must be true or false",
                       "persist phải là true hoặc false");
    }
    TRY(gather(&d, get->id, info));
    ret->status = 200;
    return put_document(&d, &ret->body);
}

static ErrCode get_document(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    bool persist = false;
    TRY(make(get, ret, &persist, info));
    return !persist ? ERR_OK
                    : err_set(info, ERR_UNSUPPORTED, "document-persist",
                              "inside of a bundle a document cannot be kept",
                              "không lưu được văn bản khi hỏi trong một gói");
}

/* ---- the request ---- */

static ErrCode start_keeping(RestCall *call, Str text, ErrInfo *info) {
    IntakeAsk ask = {.verb = INTAKE_CREATE,
                     .type = FHIR_T_BUNDLE,
                     .id = STR_EMPTY,
                     .condition = STR_EMPTY,
                     .full_url = STR_EMPTY,
                     .url = STR_EMPTY};
    TRY(json_parse(call->arena, text, &ask.root, info));
    rest_write_ask(call, &ask, &(RestWrite){.refuse = NULL});
    return ERR_OK;
}

static void run_document(RestCall *call) {
    ErrInfo info = {0};
    bool persist = false;
    RestAnswer answer = {0};
    RestGet get = {.call = call,
                   .type = FHIR_T_COMPOSITION,
                   .id = call->parts[2],
                   .query = http_query(call->request)};
    buf_init(&answer.body, LIMIT_REQUEST_BYTES);
    ErrCode err =
        http_body(call->request).len > 0 ? rest_operation_query(call, &get.query, &info) : ERR_OK;
    err = err == ERR_OK ? rest_take_format(call, get.query, &info) : err;
    err = err == ERR_OK ? make(&get, &answer, &persist, &info) : err;
    if (err == ERR_OK && !persist) {
        rest_send(call, &answer);
        return;
    }
    if (err == ERR_OK) {
        err = start_keeping(call, arena_str(call->arena, buf_str(&answer.body)), &info);
    }
    buf_release(&answer.body);
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    }
}

static const RestOpParam params[] = {
    {REST_IN, "persist", "boolean", 0, "1", "keep the document under Bundle/id"},
    {REST_OUT, "return", "Bundle", 1, "1", "the document"}};
OPERATIONS(rest_document_operations,
           {.on = "Composition",
            .name = "document",
            .base = "http://hl7.org/fhir/OperationDefinition/Composition-document",
            .get = get_document,
            .affects_state = true,
            REST_PARAMS(params)});

ROUTES(rest_document_routes,
       {"GET", "/fhir/Composition/:id/$document", run_document, false,
        "document: the composition with what it refers to"},
       {"POST", "/fhir/Composition/:id/$document", run_document, false,
        "document: with Parameters"});
