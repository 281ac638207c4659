/* Parameters of interactions that are no search, and the token of pages. */
#include "rest/rest_fhir.h"
#include "core/hash.h"

static ErrCode take_param(Str name, Str value, RestParam *params, size_t n, ErrInfo *info) {
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(name, str_from(params[i].name))) {
            continue;
        }
        if (params[i].value.ptr != NULL) {
            return err_set(info, ERR_PARAM, "parameter-twice", "'%s' is given twice",
                           "tham số '%s' lặp lại hai lần", params[i].name);
        }
        params[i].value = value;
        return ERR_OK;
    }
    return err_set(info, ERR_PARAM, "parameter-unknown", "unknown parameter '" STR_FMT "'",
                   "không có tham số '" STR_FMT "'", STR_ARG(name));
}

ErrCode rest_params(Arena *arena, Str query, RestParam *params, size_t n, ErrInfo *info) {
    Str rest = query;
    Str pair;
    while (str_cut(&rest, '&', &pair)) {
        if (pair.len == 0) {
            continue;
        }
        Str raw = pair;
        Str raw_name;
        Str name;
        Str value = STR_EMPTY;
        (void)str_cut(&raw, '=', &raw_name);
        ErrCode err = http_decode(arena, raw_name, true, &name);
        if (err == ERR_OK && raw.ptr != NULL) {
            err = http_decode(arena, raw, true, &value);
        }
        if (err != ERR_OK) {
            return err_set(info, ERR_PARAM, "parameter-escape", "a %%-escape is wrong",
                           "mã %% trong tham số không đúng");
        }
        TRY(take_param(name, value, params, n, info));
    }
    return ERR_OK;
}

ErrCode rest_count_param(Str value, size_t *ret_count, ErrInfo *info) {
    uint64_t n = 0;
    if (value.ptr == NULL) {
        return ERR_OK;
    }
    if (str_to_u64(value, &n) != ERR_OK || n == 0) {
        err_where(info, "_count");
        return err_set(info, ERR_PARAM, "parameter-value", "_count must be a whole number from 1",
                       "_count phải là số nguyên từ 1");
    }
    *ret_count = (size_t)MIN(n, (uint64_t)LIMIT_PAGE_COUNT);
    return ERR_OK;
}

ErrCode rest_print_params(const RestGet *get, FhirPrintOptions *ret, ErrInfo *info) {
    /* The names are checked here, the values by the parser of searches. */
    RestParam names[] = {{"_summary", {0}}, {"_elements", {0}}, {"_pretty", {0}}, {"_format", {0}}};
    FhirQuery q;
    if (get->query.len == 0) {
        *ret = (FhirPrintOptions){0};
        return ERR_OK;
    }
    TRY(rest_params(get->call->arena, get->query, names, ARRAY_LEN(names), info));
    FhirQueryScope scope = {.type = get->type, .base_url = get->call->rest->base_url, .info = info};
    TRY(fhir_query_parse(get->call->arena, &scope, get->query, &q));
    if (q.summary == FHIR_SUMMARY_COUNT) {
        return err_set(info, ERR_PARAM, "parameter-value", "_summary=count is for searches only",
                       "_summary=count chỉ dùng khi tìm kiếm");
    }
    *ret = (FhirPrintOptions){.summary = (FhirSummary)q.summary,
                              .elements = q.elements,
                              .n_elements = (unsigned)q.n_elements,
                              .pretty = q.pretty};
    return ERR_OK;
}

ErrCode rest_print_of(RestCall *call, FhirType type, FhirPrintOptions *ret, ErrInfo *info) {
    RestParam p[] = {{"_summary", {0}}, {"_elements", {0}}, {"_pretty", {0}}};
    Str query = http_query(call->request);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        Str value = str_find(query, str_from(p[i].name)) == SIZE_MAX
                        ? STR_EMPTY
                        : rest_query_in(call, query, p[i].name);
        p[i].value = value.len > 0 ? value : (Str){0};
    }
    RestGet get = {
        .call = call, .type = type, .query = rest_question_of(call->arena, p, ARRAY_LEN(p))};
    return rest_print_params(&get, ret, info);
}

Str rest_path_of(const RestGet *get, const char *last) {
    Arena *arena = get->call->arena;
    if (get->type == FHIR_T_NONE) {
        return str_from(last);
    }
    return get->id.len == 0 ? arena_printf(arena, "%s/%s", fhir_type_name(get->type), last)
                            : arena_printf(arena, "%s/" STR_FMT "/%s", fhir_type_name(get->type),
                                           STR_ARG(get->id), last);
}

Str rest_question_of(Arena *arena, const RestParam *params, size_t n) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (params[i].value.ptr != NULL) {
            buf_printf(&b, "%s%s=", b.len > 0 ? "&" : "", params[i].name);
            fhir_query_put_encoded(&b, params[i].value);
        }
    }
    return arena_str(arena, buf_str(&b));
}

ErrCode rest_since_param(Str text, TimeMs *ret_since, ErrInfo *info) {
    TimeMs hi = 0;
    *ret_since = 0;
    if (text.ptr != NULL && time_parse_fhir(text, ret_since, &hi) != ERR_OK) {
        err_where(info, "_since");
        return err_set(info, ERR_PARAM, "parameter-value", "_since must be an instant",
                       "_since phải là một thời điểm");
    }
    return ERR_OK;
}

ErrCode rest_pretty_param(Str text, bool *ret_pretty, ErrInfo *info) {
    *ret_pretty = str_eq(text, STR("true"));
    if (text.ptr != NULL && !*ret_pretty && !str_eq(text, STR("false"))) {
        err_where(info, "_pretty");
        return err_set(info, ERR_PARAM, "parameter-value", "_pretty must be true or false",
                       "_pretty phải là true hoặc false");
    }
    return ERR_OK;
}

/* ---- pages ---- */

static uint32_t page_sum(const RestPageToken *token, Str question) {
    uint64_t h = hash64_mix(hash64_mix(hash64(question), token->snapshot), token->after);
    return (uint32_t)(h >> 32);
}

Str rest_page_print(Arena *arena, const RestPageToken *token, Str question) {
    return arena_printf(arena, "%llx-%llx-%08x", (unsigned long long)token->snapshot,
                        (unsigned long long)token->after, page_sum(token, question));
}

static bool read_hex(Str *rest, uint64_t *ret_value) {
    Str part;
    uint64_t value = 0;
    if (!str_cut(rest, '-', &part) || part.len == 0 || part.len > 16) {
        return false;
    }
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}

ErrCode rest_page_parse(Str text, Str question, RestPageToken *ret, ErrInfo *info) {
    RestPageToken token = {0};
    uint64_t sum = 0;
    Str rest = text;
    if (text.len == 0) {
        *ret = token;
        return ERR_OK;
    }
    if (!read_hex(&rest, &token.snapshot) || !read_hex(&rest, &token.after) ||
        !read_hex(&rest, &sum) || rest.len > 0 || sum != page_sum(&token, question)) {
        err_where(info, "_page");
        return err_set(info, ERR_PARAM, "page-token",
                       "this page link does not belong to this question: start from its first page",
                       "liên kết trang không thuộc câu hỏi này: hãy bắt đầu từ trang đầu");
    }
    *ret = token;
    return ERR_OK;
}
