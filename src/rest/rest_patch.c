/* PATCH: http://hl7.org/fhir/R4/http.html#patch. The patch is read once; it is carried out by the
 * transaction in each attempt, on the version that is there then, and its result validated before
 * anything is committed. */
#include "rest/rest_format.h"
#include "rest/rest_profile.h"

#include "core/base64.h"
#include "fhir/fhir_xml.h"
#include "patch/patch.h"

typedef enum PatchKind { PATCH_BY_JSON, PATCH_BY_FHIR, PATCH_BY_XML } PatchKind;

typedef struct FhirPatch {
    RestCall *call;
    PatchKind kind;
    const JsonNode *patch; /* JSON Patch: the array; FHIRPath Patch: the Parameters */
    Str xml;
    FhirIssues issues; /* of the result */
} FhirPatch;

#define JSON_PATCH "application/json-patch+json"
#define XML_PATCH "application/xml-patch+xml"

const char *const rest_patch_formats[] = {JSON_PATCH, "application/fhir+json",
                                          "application/fhir+xml", XML_PATCH, NULL};

/* ---- carrying out ---- */

static ErrCode patch_as_xml(const FhirPatch *p, Arena *arena, const FhirResource *resource,
                            Buf *out, ErrInfo *info) {
    CLEANUP_BUF Buf before;
    CLEANUP_BUF Buf after;
    FhirXmlOptions options = {.arena = arena};
    buf_init(&before, 4 * LIMIT_RESOURCE_BYTES);
    buf_init(&after, 4 * LIMIT_RESOURCE_BYTES);
    TRY(fhir_xml_write(resource, &options, &before, info));
    PatchXml in = {.arena = arena, .document = buf_str(&before), .patch = p->xml};
    TRY(patch_xml(&in, &after, info));
    return fhir_xml_read(buf_str(&after), out, info);
}

static ErrCode run_patch(const FhirPatch *p, Arena *arena, const FhirResource *resource, Buf *out,
                         ErrInfo *info) {
    PatchJson in = {
        .arena = arena, .document = resource->root, .patch = p->patch, .drop_empty = true};
    switch (p->kind) {
    case PATCH_BY_JSON:
        return patch_json(&in, out, info);
    case PATCH_BY_FHIR:
        return patch_fhir(&in, out, info);
    case PATCH_BY_XML:
        return patch_as_xml(p, arena, resource, out, info);
    }
    return ERR_INTERNAL;
}

/* What the server gives stays: left out it is given again, changed it is refused. */
static ErrCode check_kept(const JsonNode *before, const JsonNode *after, ErrInfo *info) {
    static const char *const kept[] = {"resourceType", "id", "meta.versionId", "meta.lastUpdated"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const JsonNode *a = json_path(before, kept[i]);
        const JsonNode *b = json_path(after, kept[i]);
        bool may_go = i >= 2;
        if ((b == NULL && !may_go) ||
            (b != NULL && (a == NULL || !str_eq(json_raw(a), json_raw(b))))) {
            err_where(info, "%s.%s", fhir_type_name(fhir_type_of(before)), kept[i]);
            return err_set(info, ERR_INVALID, "patch-kept", "a patch must not change %s",
                           "bản vá không được thay đổi %s", kept[i]);
        }
    }
    return ERR_OK;
}

static ErrCode apply(const IntakeAsk *ask, Arena *arena, const StoreVersion *found,
                     const JsonNode **ret_root, ErrInfo *info) {
    FhirPatch *p = ask->patch_ctx;
    CLEANUP_BUF Buf out;
    FhirResource before = {.type = found->type};
    FhirResource after;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    TRY(json_parse(arena, found->json, &before.root, info));
    TRY(run_patch(p, arena, &before, &out, info));
    p->issues = fhir_issues(p->call->arena);
    ErrCode err = fhir_parse(arena, arena_str(arena, buf_str(&out)), &after, &p->issues);
    if (err == ERR_OK) {
        TRY(check_kept(before.root, after.root, info));
        err = rest_validate_write(p->call, &after, &p->issues);
    }
    if (err != ERR_OK) {
        return fhir_issues_to_info(&p->issues, err, info);
    }
    *ret_root = after.root;
    return ERR_OK;
}

/* ---- reading ---- */

static ErrCode parse_json(FhirPatch *p, PatchKind kind, Str text, ErrInfo *info) {
    p->kind = kind;
    return json_parse(p->call->arena, text, &p->patch, info);
}

static ErrCode new_patch(RestCall *call, IntakeAsk *ask, FhirPatch **ret) {
    FhirPatch *p = arena_new_array(call->arena, FhirPatch, 1);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    p->call = call;
    ask->patch = apply;
    ask->patch_ctx = p;
    *ret = p;
    return ERR_OK;
}

static bool is_media(Str content_type, const char *media) {
    Str one;
    (void)str_cut(&content_type, ';', &one);
    return str_eq_nocase(str_trim(one), str_from(media));
}

static ErrCode read_body(FhirPatch *p, ErrInfo *info) {
    RestCall *call = p->call;
    Str type = http_header(call->request, "content-type");
    if (is_media(type, JSON_PATCH)) {
        return parse_json(p, PATCH_BY_JSON, http_body(call->request), info);
    }
    if (is_media(type, XML_PATCH)) {
        p->kind = PATCH_BY_XML;
        p->xml = http_body(call->request);
        return ERR_OK;
    }
    if (rest_check_json_body(call, info) == ERR_MEDIA) {
        return err_set(info, ERR_MEDIA, "body-patch",
                       "send the patch as " JSON_PATCH ", application/fhir+json (Parameters), "
                       "application/fhir+xml or " XML_PATCH,
                       "hãy gửi bản vá với " JSON_PATCH ", application/fhir+json (Parameters), "
                       "application/fhir+xml hoặc " XML_PATCH);
    }
    TRY(rest_check_json_body(call, info));
    return parse_json(p, PATCH_BY_FHIR, http_body(call->request), info);
}

/* A Binary of a bundle: JSON Patch or XML Patch in base64. */
static ErrCode read_binary(FhirPatch *p, const JsonNode *binary, ErrInfo *info) {
    CLEANUP_BUF Buf bytes;
    Arena *arena = p->call->arena;
    Str type = json_str(arena, json_get_lit(binary, "contentType"));
    buf_init(&bytes, LIMIT_RESOURCE_BYTES);
    TRY(base64_decode(&bytes, json_str(arena, json_get_lit(binary, "data"))));
    Str text = arena_str(arena, buf_str(&bytes));
    if (is_media(type, XML_PATCH)) {
        p->kind = PATCH_BY_XML;
        p->xml = text;
        return ERR_OK;
    }
    return is_media(type, JSON_PATCH)
               ? parse_json(p, PATCH_BY_JSON, text, info)
               : err_set(info, ERR_INVALID, "body-patch",
                         "a Binary that patches is of type " JSON_PATCH " or " XML_PATCH,
                         "Binary dùng để vá phải có kiểu " JSON_PATCH " hoặc " XML_PATCH);
}

ErrCode rest_patch_entry(RestCall *call, IntakeAsk *ask, ErrInfo *info) {
    FhirPatch *p = NULL;
    TRY(new_patch(call, ask, &p));
    if (fhir_type_of(ask->patch_body) == FHIR_T_BINARY) {
        return read_binary(p, ask->patch_body, info);
    }
    p->kind = PATCH_BY_FHIR;
    p->patch = ask->patch_body;
    return ERR_OK;
}

/* ---- the request ---- */

static void refuse(RestWrite *w, ErrCode err, const ErrInfo *info) {
    const FhirPatch *p = w->ctx;
    if (p->issues.n > 0 && err == ERR_INVALID) {
        rest_reply_issues(w->call, err, &p->issues);
    } else {
        rest_reply_err(w->call, err, info);
    }
}

static void reply_media(RestCall *call, const ErrInfo *info) {
    Str formats = STR_EMPTY;
    for (size_t i = 0; rest_patch_formats[i] != NULL; i++) {
        formats = arena_printf(call->arena, STR_FMT "%s%s", STR_ARG(formats), i > 0 ? ", " : "",
                               rest_patch_formats[i]);
    }
    Str header[2] = {STR("Accept-Patch"), formats};
    rest_reply_outcome(call, err_http(ERR_MEDIA), info, header);
}

void rest_patch(RestCall *call) {
    IntakeAsk ask;
    ErrInfo info = {0};
    FhirPatch *p = NULL;
    if (!rest_need_change(call, &ask)) {
        return;
    }
    ErrCode err = new_patch(call, &ask, &p);
    err = err == ERR_OK ? read_body(p, &info) : err;
    if (err == ERR_MEDIA) {
        reply_media(call, &info);
    } else if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    } else {
        rest_write_ask(call, &ask, &(RestWrite){.refuse = refuse, .ctx = p});
    }
}
