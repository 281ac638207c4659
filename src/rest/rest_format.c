/* Which format a FHIR client sends and takes: JSON inside, XML at the border. What comes as XML is
 * made JSON before anybody looks at it; what goes out is made XML behind everybody. */
#include "rest/rest_format.h"

#include "fhir/fhir_xml.h"

/* Names of a format, alone (in _format) or as media types; '+' may have become a space. */
static const struct {
    const char *name;
    RestFormat format;
} NAMES[] = {
    {"application/fhir+json", REST_FORMAT_JSON},
    {"application/fhir+xml", REST_FORMAT_XML},
    {"application/json", REST_FORMAT_JSON},
    {"application/xml", REST_FORMAT_XML},
    {"text/json", REST_FORMAT_JSON},
    {"text/xml", REST_FORMAT_XML},
    {"application/json+fhir", REST_FORMAT_JSON},
    {"application/xml+fhir", REST_FORMAT_XML},
    {"application/fhir json", REST_FORMAT_JSON},
    {"application/fhir xml", REST_FORMAT_XML},
};

Str rest_media_of(Str value, Str *ret_params) {
    Str media;
    (void)str_cut(&value, ';', &media);
    *ret_params = value.ptr == NULL ? STR_EMPTY : value;
    return str_trim(media);
}

bool rest_format_of(Str media, RestFormat *ret_format) {
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (str_eq_nocase(media, str_from(NAMES[i].name))) {
            *ret_format = NAMES[i].format;
            return true;
        }
    }
    return false;
}

/* "0.35" → 350; what is no weight: 1000. */
static unsigned weight_of(Str text) {
    unsigned q = 0;
    unsigned unit = 1000;
    for (size_t i = 0; i < text.len && unit > 0; i++) {
        char c = text.ptr[i];
        if (c == '.' && i == 1) {
            continue;
        }
        if (c < '0' || c > '9') {
            return 1000;
        }
        q += (unsigned)(c - '0') * unit;
        unit /= 10;
    }
    return MIN(q, 1000U);
}

unsigned rest_weight_of(Str params) {
    unsigned q = 1000;
    Str one;
    while (str_cut(&params, ';', &one)) {
        Str value = one;
        Str name;
        (void)str_cut(&value, '=', &name);
        name = str_trim(name);
        value = value.ptr == NULL ? STR_EMPTY : str_trim(value);
        if (str_eq_nocase(name, STR("q"))) {
            q = MIN(q, weight_of(value));
        } else if (str_eq_nocase(name, STR("fhirVersion")) && !str_starts(value, STR("4.0"))) {
            q = 0;
        }
    }
    return q;
}

/* FHIR is UTF-8 (http.html#mime-type): a body that says otherwise would be misread. */
static bool is_utf8(Str params) {
    Str one;
    while (str_cut(&params, ';', &one)) {
        Str value = one;
        Str name;
        (void)str_cut(&value, '=', &name);
        value = value.ptr == NULL ? STR_EMPTY : str_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
            value = str_sub(value, 1, value.len - 2);
        }
        if (str_eq_nocase(str_trim(name), STR("charset"))) {
            return str_eq_nocase(value, STR("utf-8")) || str_eq_nocase(value, STR("utf8")) ||
                   str_eq_nocase(value, STR("us-ascii"));
        }
    }
    return true;
}

/* How much each format is wanted, and by which kind of range: the most specific one counts. */
typedef struct Wish {
    unsigned q;
    int rank; /* 0: not named, 1: by * / *, 2: by application/ *, 3: itself */
} Wish;

static void wish(Wish *w, int rank, unsigned q) {
    if (rank > w->rank || (rank == w->rank && q > w->q)) {
        *w = (Wish){q, rank};
    }
}

/* An empty list takes anything. `first`: what is answered when both are wanted alike. */
static bool by_accept(Str accept, RestFormat first, RestFormat *ret_format) {
    Wish wishes[2] = {{0, 0}, {0, 0}};
    Str one;
    if (str_trim(accept).len == 0) {
        *ret_format = first;
        return true;
    }
    while (str_cut(&accept, ',', &one)) {
        Str params;
        Str media = rest_media_of(one, &params);
        unsigned q = rest_weight_of(params);
        RestFormat format;
        bool any = str_eq(media, STR("*/*")) || str_eq(media, STR("*"));
        if (rest_format_of(media, &format)) {
            wish(&wishes[format], 3, q);
        } else if (any || str_eq_nocase(media, STR("application/*"))) {
            wish(&wishes[REST_FORMAT_JSON], any ? 1 : 2, q);
            wish(&wishes[REST_FORMAT_XML], any ? 1 : 2, q);
        }
    }
    unsigned json = wishes[REST_FORMAT_JSON].q;
    unsigned xml = wishes[REST_FORMAT_XML].q;
    *ret_format = json > xml ? REST_FORMAT_JSON : xml > json ? REST_FORMAT_XML : first;
    return json > 0 || xml > 0;
}

static bool by_name(Str name, RestFormat *ret_format) {
    Str params;
    Str media = rest_media_of(name, &params);
    bool json = str_eq_nocase(media, STR("json"));
    if (json || str_eq_nocase(media, STR("xml"))) {
        *ret_format = json ? REST_FORMAT_JSON : REST_FORMAT_XML;
        return true;
    }
    return rest_format_of(media, ret_format) && rest_weight_of(params) > 0;
}

static bool find_wanted(RestCall *call, Str query, RestFormat *ret_format) {
    RestFormat sent = REST_FORMAT_JSON;
    Str params;
    (void)rest_format_of(rest_media_of(http_header(call->request, "content-type"), &params), &sent);
    bool said = str_find(query, STR("_format")) != SIZE_MAX;
    Str name = said ? rest_query_in(call, query, "_format") : STR_EMPTY;
    return name.len > 0 ? by_name(name, ret_format)
                        : by_accept(http_header_all(call->request, "accept"), sent, ret_format);
}

ErrCode rest_check_accept(RestCall *call, Str query, ErrInfo *info) {
    RestFormat format = REST_FORMAT_JSON;
    return find_wanted(call, query, &format)
               ? ERR_OK
               : err_set(info, ERR_ACCEPT, "format-fhir",
                         "ask for application/fhir+json or application/fhir+xml",
                         "hãy yêu cầu application/fhir+json hoặc application/fhir+xml");
}

ErrCode rest_take_format(RestCall *call, Str query, ErrInfo *info) {
    TRY(rest_check_accept(call, query, info));
    if (!call->json_only) {
        (void)find_wanted(call, query, &call->format);
    }
    return ERR_OK;
}

void rest_guess_format(RestCall *call) {
    RestFormat format = REST_FORMAT_JSON;
    Str query = http_query(call->request);
    bool fhir = str_starts(http_path(call->request), STR("/fhir"));
    call->format = fhir && find_wanted(call, query, &format) ? format : REST_FORMAT_JSON;
}

/* ---- bodies ---- */

static ErrCode check_body(RestCall *call, bool bundle, ErrInfo *info) {
    RestFormat format = REST_FORMAT_JSON;
    Str params;
    Str media = rest_media_of(http_header(call->request, "content-type"), &params);
    if (!is_utf8(params)) {
        return err_set(info, ERR_MEDIA, "body-charset", "send the body as UTF-8",
                       "hãy gửi nội dung bằng UTF-8");
    }
    if (!rest_format_of(media, &format) || rest_weight_of(params) == 0) {
        return err_set(
            info, ERR_MEDIA, "body-fhir",
            "send the body as Content-Type: application/fhir+json or application/fhir+xml",
            "hãy gửi nội dung với Content-Type: application/fhir+json hoặc application/fhir+xml");
    }
    if (format == REST_FORMAT_JSON || call->body_is_json) {
        return ERR_OK;
    }
    Buf json;
    buf_init(&json, LIMIT_REQUEST_BYTES);
    Str xml = http_body(call->request);
    ErrCode err = bundle ? fhir_xml_read_bundle(xml, &json, info) : fhir_xml_read(xml, &json, info);
    if (err != ERR_OK) {
        buf_release(&json);
        return err;
    }
    http_put_body(call->request, &json);
    call->body_is_json = true;
    return ERR_OK;
}

ErrCode rest_check_json_body(RestCall *call, ErrInfo *info) {
    return check_body(call, false, info);
}

ErrCode rest_check_bundle_body(RestCall *call, ErrInfo *info) {
    return check_body(call, true, info);
}

Str rest_type_of(const RestCall *call) {
    return call->format == REST_FORMAT_XML ? STR("application/fhir+xml; charset=utf-8")
                                           : STR("application/fhir+json; charset=utf-8");
}

static ErrCode put_formatted(RestCall *call, Arena *arena, Str json, bool pretty, Buf *out,
                             ErrInfo *info) {
    FhirResource resource;
    const JsonNode *root = NULL;
    TRY(json_parse(arena, json, &root, info));
    if (fhir_type_of(root) == FHIR_T_NONE) {
        call->format = REST_FORMAT_JSON; /* XML is defined for R4's own types only */
    }
    if (call->format == REST_FORMAT_JSON) {
        if (pretty) {
            json_print_pretty(out, root);
        } else {
            buf_put_str(out, json);
        }
        return buf_ok(out);
    }
    TRY(fhir_from_node(root, &resource, NULL));
    FhirXmlOptions options = {.arena = arena, .pretty = pretty};
    return fhir_xml_write(&resource, &options, out, info);
}

ErrCode rest_format(RestCall *call, bool pretty, Buf *body, ErrInfo *info) {
    Buf out;
    if (body->len == 0 || (call->format == REST_FORMAT_JSON && !pretty)) {
        return buf_ok(body);
    }
    CLEANUP_ARENA Arena *arena = arena_new(4 * LIMIT_REQUEST_BYTES);
    buf_init(&out, 4 * LIMIT_REQUEST_BYTES);
    ErrCode err =
        arena == NULL ? ERR_NOMEM : put_formatted(call, arena, buf_str(body), pretty, &out, info);
    if (err != ERR_OK) {
        buf_release(&out);
        return err;
    }
    buf_release(body);
    *body = out;
    return ERR_OK;
}
