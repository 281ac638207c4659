#include "rest/rest_int.h"

void rest_reply_json(RestCall *call, int status, Str json) {
    http_reply(call->request, &(HttpReply){
                                  .status = status,
                                  .type = STR("application/json; charset=utf-8"),
                                  .body = json,
                                  .headers = (Str[]){STR("Cache-Control"), STR("no-store")},
                                  .n_headers = 1,
                              });
}

void rest_answer(RestCall *call, const char *const *names, RestPutFn put) {
    ErrInfo info = {0};
    if (!rest_query_only(call, names)) {
        return;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, REST_JSON_MAX);
    ErrCode err = put(call, &b, &info);
    err = err == ERR_OK ? buf_ok(&b) : err;
    if (err != ERR_OK) {
        rest_reply_err(call, err, &info);
    } else {
        rest_reply_json(call, 200, buf_str(&b));
    }
}

void rest_reply_bytes(RestCall *call, Str type, Str bytes) {
    Str headers[] = {STR("Cache-Control"),           STR("no-store"),
                     STR("X-Content-Type-Options"),  STR("nosniff"),
                     STR("Content-Security-Policy"), STR("default-src 'none'; sandbox")};
    http_reply(call->request, &(HttpReply){.status = 200,
                                           .type = type,
                                           .body = bytes,
                                           .headers = headers,
                                           .n_headers = ARRAY_LEN(headers) / 2});
}

void rest_put_outcome(Buf *out, ErrCode err, const ErrInfo *info, FhirLanguage language) {
    ErrInfo plain = {0};
    if (info->code != err) {
        (void)err_plain(&plain, err, "error");
        info = &plain;
    }
    fhir_print_outcome_err(out, info, language);
}

void rest_reply_outcome(RestCall *call, int status, const ErrInfo *info, const Str header[2]) {
    CLEANUP_BUF Buf b;
    Str headers[4] = {STR("Cache-Control"), STR("no-store")};
    buf_init(&b, LIMIT_MIB);
    fhir_print_outcome_err(&b, info, call->language);
    bool pretty = str_find(http_query(call->request), STR("_pretty")) != SIZE_MAX &&
                  str_eq(rest_query(call, "_pretty"), STR("true"));
    if (rest_format(call, pretty, &b, NULL) != ERR_OK) {
        call->format = REST_FORMAT_JSON;
    }
    if (header != NULL) {
        headers[2] = header[0];
        headers[3] = header[1];
    }
    http_reply(call->request, &(HttpReply){
                                  .status = status,
                                  .type = rest_type_of(call),
                                  .body = buf_str(&b),
                                  .headers = headers,
                                  .n_headers = header == NULL ? 1 : 2,
                              });
}

void rest_reply_err(RestCall *call, ErrCode err, const ErrInfo *info) {
    ErrInfo plain = {0};
    if (info == NULL || info->code == ERR_OK) {
        (void)err_plain(&plain, err, "error");
        info = &plain;
    }
    rest_reply_outcome(call, err_http(err), info, NULL);
}

/* Cuts name=value pairs off the query; both decoded. */
static bool next_pair(RestCall *call, Str *rest, Str *ret_name, Str *ret_value) {
    Str pair;
    while (str_cut(rest, '&', &pair)) {
        if (pair.len == 0) {
            continue;
        }
        Str name;
        (void)str_cut(&pair, '=', &name);
        Str value = pair.ptr == NULL ? STR_EMPTY : pair;
        if (http_decode(call->arena, name, true, ret_name) != ERR_OK ||
            http_decode(call->arena, value, true, ret_value) != ERR_OK) {
            *ret_name = STR("?");
        }
        return true;
    }
    return false;
}

Str rest_query_in(RestCall *call, Str query, const char *name) {
    Str rest = query;
    Str key;
    Str value;
    while (next_pair(call, &rest, &key, &value)) {
        if (str_eq(key, str_from(name))) {
            return value;
        }
    }
    return STR_EMPTY;
}

Str rest_query(RestCall *call, const char *name) {
    return rest_query_in(call, http_query(call->request), name);
}

bool rest_query_only(RestCall *call, const char *const *names) {
    Str rest = http_query(call->request);
    Str key;
    Str value;
    while (next_pair(call, &rest, &key, &value)) {
        bool known = false;
        for (size_t i = 0; names[i] != NULL && !known; i++) {
            known = str_eq(key, str_from(names[i]));
        }
        if (!known) {
            ErrInfo info = {0};
            (void)err_set(&info, ERR_PARAM, "parameter-unknown", "unknown parameter '" STR_FMT "'",
                          "không có tham số '" STR_FMT "'", STR_ARG(key));
            rest_reply_err(call, ERR_PARAM, &info);
            return false;
        }
    }
    return true;
}
