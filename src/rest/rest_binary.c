/* Binary as bytes: http://hl7.org/fhir/R4/binary.html#rest. What is sent in a type that is not
 * FHIR's becomes a Binary with that contentType; a client that does not ask for FHIR gets the bytes
 * back, whole or a range of them (RFC 9110, 14). */
#include "rest/rest_format.h"

#include "core/base64.h"
#include "fhir/fhir_xml.h"

/* ---- in ---- */

/* The type of the resource that the body is; FHIR_T_NONE: it cannot be read as one. */
static FhirType type_of_body(RestCall *call, RestFormat format) {
    CLEANUP_BUF Buf json;
    const JsonNode *root = NULL;
    Str text = http_body(call->request);
    buf_init(&json, LIMIT_REQUEST_BYTES);
    if (format == REST_FORMAT_XML) {
        if (fhir_xml_read(text, &json, NULL) != ERR_OK) {
            return FHIR_T_NONE;
        }
        text = buf_str(&json);
    }
    return json_parse(call->arena, text, &root, NULL) == ERR_OK ? fhir_type_of(root) : FHIR_T_NONE;
}

/* A Binary; and in a type that only FHIR has, what is no other resource (it is refused later). */
static bool is_resource(RestCall *call, Str type) {
    RestFormat format;
    Str params;
    Str media = rest_media_of(type, &params);
    if (!rest_format_of(media, &format)) {
        return false;
    }
    FhirType found = type_of_body(call, format);
    return found == FHIR_T_BINARY ||
           (found == FHIR_T_NONE && str_starts(media, STR("application/fhir")));
}

static void put_binary(RestCall *call, const IntakeAsk *ask, Str type, Buf *out) {
    JsonWriter w = json_writer(out);
    Str context = str_trim(http_header(call->request, "x-security-context"));
    Str bytes = http_body(call->request);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Binary"));
    json_member(&w, "id", ask->id);
    json_member(&w, "contentType", type);
    if (context.len > 0) {
        json_name(&w, "securityContext");
        json_open_object(&w);
        json_member(&w, "reference", context);
        json_close_object(&w);
    }
    if (bytes.len > 0) {
        json_name(&w, "data");
        buf_put_char(out, '"');
        base64_encode(out, bytes);
        buf_put_char(out, '"');
        w.after_name = false; /* the value is written past the writer */
    }
    json_close_object(&w);
}

static ErrCode check_size(Str bytes, ErrInfo *info) {
    size_t max = (LIMIT_RESOURCE_BYTES - 4096) / 4 * 3;
    return bytes.len <= max
               ? ERR_OK
               : err_set(info, ERR_LIMIT, "binary-size", "a Binary may have %zu bytes at most",
                         "một Binary chỉ được có tối đa %zu byte", max);
}

ErrCode rest_binary_take(RestCall *call, const IntakeAsk *ask, bool *ret_taken, ErrInfo *info) {
    Str type = str_trim(http_header(call->request, "content-type"));
    *ret_taken = false;
    if (type.len == 0 || is_resource(call, type)) {
        return ERR_OK;
    }
    Buf json;
    TRY(check_size(http_body(call->request), info));
    buf_init(&json, LIMIT_RESOURCE_BYTES);
    put_binary(call, ask, type, &json);
    if (buf_ok(&json) != ERR_OK) {
        ErrCode err = json.err;
        buf_release(&json);
        return err;
    }
    http_put_body(call->request, &json);
    *ret_taken = true;
    return ERR_OK;
}

/* ---- what the client wants ---- */

/* How specifically the range names the type: 0 not at all, 1 by * / *, 2 by its first half, 3. */
static int rank_of(Str range, Str type) {
    size_t slash = str_find_char(type, '/', 0);
    if (str_eq(range, STR("*/*")) || str_eq(range, STR("*"))) {
        return 1;
    }
    if (str_eq_nocase(range, type)) {
        return 3;
    }
    return slash != SIZE_MAX && str_ends(range, STR("/*")) && range.len == slash + 2 &&
                   str_eq_nocase(str_sub(range, 0, slash), str_sub(type, 0, slash))
               ? 2
               : 0;
}

/* JSON of any name, XML only as FHIR's own: browsers take application/xml, too. */
static bool is_fhir_range(Str range) {
    RestFormat format;
    return rest_format_of(range, &format) &&
           (format == REST_FORMAT_JSON || str_starts(range, STR("application/fhir")));
}

/* Are the bytes wanted rather than the resource? */
static bool wants_bytes(RestCall *call, Str type) {
    Str accept = http_header_all(call->request, "accept");
    Str params;
    Str one;
    Str media = rest_media_of(type, &params);
    unsigned fhir = 0;
    unsigned bytes = 0;
    int rank = 0;
    if (str_trim(accept).len == 0) {
        return true;
    }
    while (str_cut(&accept, ',', &one)) {
        Str range = rest_media_of(one, &params);
        unsigned q = rest_weight_of(params);
        int own = rank_of(range, media);
        if (own < 3 && is_fhir_range(range)) {
            fhir = MAX(fhir, q);
        }
        if (own > rank || (own > 0 && own == rank && q > bytes)) {
            rank = own;
            bytes = q;
        }
    }
    return bytes > 0 && (fhir == 0 || fhir < bytes);
}

/* ---- out ---- */

/* If-Range: the bytes of a version never change, so its weak tag does. */
static bool range_holds(RestCall *call, const StoreVersion *v) {
    Str said = str_trim(http_header(call->request, "if-range"));
    return said.len == 0 || intake_etag_version(said) == v->version ||
           str_eq(said, rest_http_date(call->arena, v->time));
}

typedef struct Bytes {
    const RestGet *get;
    StoreVersion v;
    const JsonNode *root;
    Str type;
    Str headers[20];
    size_t n;
} Bytes;

static void add_header(Bytes *b, Str name, Str value) {
    assert(b->n + 2 <= ARRAY_LEN(b->headers));
    b->headers[b->n++] = name;
    b->headers[b->n++] = arena_str(b->get->call->arena, value);
}

/* What a browser may show by itself, in its sandbox. */
static bool is_shown(Str type) {
    return (str_starts(type, STR("image/")) && !str_starts(type, STR("image/svg"))) ||
           str_starts(type, STR("text/plain")) || str_starts(type, STR("application/pdf"));
}

static void add_headers(Bytes *b) {
    Arena *arena = b->get->call->arena;
    Str context = json_str(arena, json_path(b->root, "securityContext.reference"));
    add_header(b, STR("Cache-Control"), STR("no-store"));
    add_header(b, STR("ETag"), arena_printf(arena, "W/\"%u\"", b->v.version));
    add_header(b, STR("Last-Modified"), rest_http_date(arena, b->v.time));
    add_header(b, STR("Accept-Ranges"), STR("bytes"));
    add_header(b, STR("Vary"), STR("Accept"));
    add_header(b, STR("X-Content-Type-Options"), STR("nosniff"));
    add_header(b, STR("Content-Security-Policy"), STR("default-src 'none'; sandbox"));
    add_header(b, STR("Content-Disposition"),
               arena_printf(arena, "%s; filename=\"Binary-" STR_FMT "\"",
                            is_shown(b->type) ? "inline" : "attachment", STR_ARG(b->v.id)));
    if (context.len > 0) {
        add_header(b, STR("X-Security-Context"), context);
    }
}

static void send_bytes(Bytes *b, Str bytes) {
    RestCall *call = b->get->call;
    bool may_cut = str_eq(http_method(call->request), STR("GET")) && range_holds(call, &b->v);
    HttpRange range =
        http_range(may_cut ? http_header(call->request, "range") : STR_EMPTY, bytes.len);
    Str content_range = http_content_range(call->arena, &range, bytes.len);
    if (range.status == 416) {
        ErrInfo info = {0};
        (void)err_set(&info, ERR_PARAM, "range", "the content has only %zu bytes",
                      "nội dung chỉ có %zu byte", bytes.len);
        rest_reply_outcome(call, 416, &info, (Str[]){STR("Content-Range"), content_range});
        return;
    }
    if (range.status == 206) {
        add_header(b, STR("Content-Range"), content_range);
        bytes = str_sub(bytes, range.from, range.len);
    }
    http_reply(call->request, &(HttpReply){.status = range.status,
                                           .type = b->type,
                                           .body = bytes,
                                           .headers = b->headers,
                                           .n_headers = b->n / 2,
                                           .no_compress = true});
}

/* A type that a header can carry. */
static Str safe_type(Str type) {
    for (size_t i = 0; i < type.len; i++) {
        if ((unsigned char)type.ptr[i] < 0x20 || (unsigned char)type.ptr[i] >= 0x7F) {
            return STR("application/octet-stream");
        }
    }
    return type.len == 0 ? STR("application/octet-stream") : type;
}

bool rest_binary_answer(const RestGet *get) {
    RestCall *call = get->call;
    Bytes b = {.get = get};
    if (get->query.len > 0 || rest_get_version(get, &b.v) != ERR_OK ||
        json_parse(call->arena, b.v.json, &b.root, NULL) != ERR_OK) {
        return false;
    }
    b.type = safe_type(json_str(call->arena, json_get_lit(b.root, "contentType")));
    if (!wants_bytes(call, b.type)) {
        return false;
    }
    CLEANUP_BUF Buf bytes;
    buf_init(&bytes, LIMIT_RESOURCE_BYTES);
    if (base64_decode(&bytes, json_str(call->arena, json_get_lit(b.root, "data"))) != ERR_OK) {
        return false;
    }
    add_headers(&b);
    if (rest_is_known(get, &b.v)) {
        http_reply(call->request,
                   &(HttpReply){.status = 304, .headers = b.headers, .n_headers = b.n / 2});
        return true;
    }
    send_bytes(&b, buf_str(&bytes));
    return true;
}
