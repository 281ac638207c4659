/* Values of search parameters by type: http://hl7.org/fhir/R4/search.html#ptypes. */
#include "core/fold.h"
#include "core/utf8.h"
#include "fhir/fhir_primitive.h"
#include "fhir/fhir_query_int.h"

const char *const query_prefix_names[FHIR_PREFIX_AP + 1] = {"eq", "ne", "gt", "lt", "ge",
                                                            "le", "sa", "eb", "ap"};

ErrCode query_error(const QueryParse *p, ErrCode code, const char *en, const char *vi) {
    char where[64];
    size_t n = MIN(p->name.len, sizeof where - 1);
    memcpy(where, p->name.ptr, n);
    where[n] = '\0';
    (void)err_set(p->scope->info, code,
                  code == ERR_UNSUPPORTED ? "search-unsupported" : "search-param", "%s: %s",
                  "%s: %s", where, en);
    if (p->scope->info != NULL) {
        ErrInfo said = {0};
        (void)err_set(&said, code, "search-param", "%s: %s", "%s: %s", where, vi);
        memcpy(p->scope->info->what_vi, said.what_vi, sizeof said.what_vi);
    }
    err_where(p->scope->info, "%s", where);
    return code;
}

ErrCode query_bad_value(const QueryParse *p, Str value, const char *en, const char *vi) {
    char both[2][ERR_WHAT_MAX];
    int shown = (int)MIN(value.len, (size_t)80);
    (void)snprintf(both[0], sizeof both[0], "'%.*s' %s", shown, value.ptr, en);
    (void)snprintf(both[1], sizeof both[1], "'%.*s' %s", shown, value.ptr, vi);
    return query_error(p, ERR_PARAM, both[0], both[1]);
}

/* ---- text ---------------------------------------------------------------------------------------
 */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decodes into out, which has room for text.len bytes; SIZE_MAX on a bad escape or control code. */
static size_t decode_into(Str text, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return SIZE_MAX;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return SIZE_MAX;
        }
        out[n++] = c;
    }
    return n;
}

ErrCode query_decode(const QueryParse *p, Str text, Str *ret) {
    char *out = arena_alloc(p->arena, text.len + 1);
    if (out == NULL) {
        return ERR_NOMEM;
    }
    size_t n = decode_into(text, out);
    if (n == SIZE_MAX || !utf8_valid((Str){out, n})) {
        return query_error(p, ERR_PARAM, "the percent-encoding or the UTF-8 is wrong",
                           "mã hoá phần trăm hoặc UTF-8 không đúng");
    }
    assert(n <= text.len);
    out[n] = '\0';
    *ret = (Str){out, n};
    return ERR_OK;
}

bool query_cut(Str *rest, char sep, Str *ret_part) {
    assert(sep != '\\' && sep != '\0');
    if (rest->ptr == NULL) {
        return false;
    }
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\') {
            i++;
        } else if (rest->ptr[i] == sep) {
            *ret_part = str_sub(*rest, 0, i);
            *rest = str_sub(*rest, i + 1, rest->len);
            return true;
        }
    }
    *ret_part = *rest;
    *rest = (Str){NULL, 0};
    return true;
}

Str query_unescape(Arena *arena, Str text) {
    if (str_find_char(text, '\\', 0) == SIZE_MAX) {
        return text;
    }
    char *out = arena_alloc(arena, text.len);
    if (out == NULL) {
        return STR_EMPTY;
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escape = text.ptr[i] == '\\' && i + 1 < text.len && strchr(",|$\\", text.ptr[i + 1]);
        i += escape ? 1 : 0;
        out[n++] = text.ptr[i];
    }
    assert(n <= text.len);
    return (Str){out, n};
}

/* ---- token, string, uri -------------------------------------------------------------------------
 */

/* Splits at unescaped bars into parts[0…max); the number of parts, or max + 1 when there are more.
 */
static size_t split_bars(Arena *arena, Str text, Str *parts, size_t max) {
    size_t n = 0;
    Str rest = text;
    Str part;
    while (query_cut(&rest, '|', &part)) {
        if (n == max) {
            return max + 1;
        }
        parts[n++] = query_unescape(arena, part);
    }
    return n;
}

static ErrCode token_value(const QueryParse *p, Str text, FhirQueryValue *v) {
    Str parts[2];
    size_t n = split_bars(p->arena, text, parts, 2);
    if (n > 2 || (n == 2 && parts[0].len + parts[1].len == 0)) {
        return query_bad_value(p, text, "is no code, system|code, |code or system|",
                               "không có dạng mã, hệ|mã, |mã hoặc hệ|");
    }
    assert(n == 1 || n == 2);
    v->token.has_bar = n == 2;
    v->token.system = n == 2 ? parts[0] : STR_EMPTY;
    v->token.code = parts[n - 1];
    return ERR_OK;
}

static ErrCode string_value(const QueryParse *p, const ValueShape *shape, Str text,
                            FhirQueryValue *v) {
    v->string.text = query_unescape(p->arena, text);
    v->string.folded = STR_EMPTY;
    if (shape->modifier == FHIR_MOD_EXACT) {
        return ERR_OK;
    }
    v->string.folded = fold(p->arena, v->string.text);
    if (v->string.folded.len == 0) {
        return query_bad_value(p, text, "has no letter to search for", "không có chữ nào để tìm");
    }
    return ERR_OK;
}

/* :of-type */
static ErrCode of_type_value(const QueryParse *p, Str text, FhirQueryValue *v) {
    Str parts[3];
    if (split_bars(p->arena, text, parts, 3) != 3 || parts[1].len == 0 || parts[2].len == 0) {
        return query_bad_value(p, text, "is no system|code|value", "không có dạng hệ|mã|giá trị");
    }
    v->kind = FHIR_INDEX_OF_TYPE;
    v->of_type.system = parts[0];
    v->of_type.code = parts[1];
    v->of_type.value = parts[2];
    return ERR_OK;
}

/* :text and :identifier change what kind of value is meant. */
static ErrCode text_value(const QueryParse *p, const ValueShape *shape, Str text,
                          FhirQueryValue *v) {
    v->kind = FHIR_INDEX_TEXT;
    return string_value(p, shape, text, v);
}

static ErrCode identifier_value(const QueryParse *p, Str text, FhirQueryValue *v) {
    v->kind = FHIR_INDEX_IDENTIFIER;
    return token_value(p, text, v);
}

/* ---- dates --------------------------------------------------------------------------------------
 */

/* Cuts a prefix (two letters before a digit or sign) off *text; eq when there is none. */
static FhirPrefix cut_prefix(Str *text) {
    for (size_t i = 0; text->len > 2 && i < ARRAY_LEN(query_prefix_names); i++) {
        if (memcmp(text->ptr, query_prefix_names[i], 2) == 0) {
            *text = str_sub(*text, 2, text->len);
            return (FhirPrefix)i;
        }
    }
    return FHIR_PREFIX_EQ;
}

/* "…T10:00:00 07:00": a plus sign that was not encoded arrives as a space. */
static Str mend_zone(Arena *arena, Str text) {
    size_t at = str_find_char(text, ' ', 0);
    if (at == SIZE_MAX || str_find_char(str_sub(text, 0, at), 'T', 0) == SIZE_MAX) {
        return text;
    }
    Str copy = arena_str(arena, text);
    if (copy.len == text.len) {
        ((char *)(uintptr_t)copy.ptr)[at] = '+';
    }
    return copy;
}

/* ap: 10 % of the distance between now and the date, to both sides. */
static void widen_date(TimeMs now, FhirQueryValue *v) {
    TimeMs gap = now < v->date.lo ? v->date.lo - now : now >= v->date.hi ? now - v->date.hi : 0;
    assert(gap >= 0);
    v->date.lo -= gap / 10;
    v->date.hi += gap / 10;
}

static ErrCode date_value(const QueryParse *p, Str text, FhirQueryValue *v) {
    Str rest = text;
    v->prefix = (uint8_t)cut_prefix(&rest);
    v->date.text = mend_zone(p->arena, rest);
    if (time_parse_fhir(v->date.text, &v->date.lo, &v->date.hi) != ERR_OK) {
        return query_bad_value(p, text,
                               "is no date: write 2026, 2026-11, 2026-11-21 or "
                               "2026-11-21T08:30:00+07:00, with eq ne gt lt ge le sa eb ap",
                               "không phải ngày: hãy viết 2026, 2026-11, 2026-11-21 hoặc "
                               "2026-11-21T08:30:00+07:00, kèm eq ne gt lt ge le sa eb ap");
    }
    if (v->prefix == FHIR_PREFIX_AP) {
        widen_date(p->scope->now, v);
    }
    return ERR_OK;
}

/* ---- numbers and quantities ---------------------------------------------------------------------
 */

/* Half a unit of the last digit that was written: 5.4 -> 0.05, 100 -> 0.5. With an exponent and no
 * point one more digit counts, as the specification's own example has it (1e2 -> [95, 105)). */
static Decimal half_unit(Str text) {
    size_t exp_at = 0;
    while (exp_at < text.len && (text.ptr[exp_at] | 0x20) != 'e') {
        exp_at++;
    }
    size_t point = str_find_char(str_sub(text, 0, exp_at), '.', 0);
    long scale = point == SIZE_MAX ? 0 : (long)(exp_at - point - 1);
    long exponent = 0;
    if (exp_at < text.len) {
        char digits[16] = "";
        size_t n = MIN(text.len - exp_at - 1, sizeof digits - 1);
        memcpy(digits, text.ptr + exp_at + 1, n);
        exponent = strtol(digits, NULL, 10);
        scale = MAX(scale, 1);
    }
    char half[32];
    int len = snprintf(half, sizeof half, "5e%ld", exponent - scale - 1);
    Decimal d;
    return decimal_parse((Str){half, (size_t)len}, &d) == ERR_OK ? d : DECIMAL_ZERO;
}

static Decimal decimal_abs(Decimal d) {
    return decimal_is_negative(d) ? decimal_neg(d) : d;
}

static ErrCode number_value(const QueryParse *p, Str text, FhirPrefix prefix,
                            FhirQueryNumber *ret) {
    ret->text = text;
    if (text.len > 64 || decimal_parse(text, &ret->value) != ERR_OK) {
        return query_bad_value(p, text, "is no number", "không phải số");
    }
    Decimal half = half_unit(text);
    if (prefix == FHIR_PREFIX_AP) {
        Decimal tenth = decimal_mul(decimal_abs(ret->value), decimal_from_scaled(1, 1));
        half = decimal_cmp(tenth, half) > 0 ? tenth : half;
    }
    assert(!decimal_is_negative(half));
    ret->lo = decimal_sub(ret->value, half);
    ret->hi = decimal_add(ret->value, half);
    return ERR_OK;
}

static ErrCode quantity_value(const QueryParse *p, Str text, FhirQueryValue *v) {
    Str parts[3];
    size_t n = split_bars(p->arena, text, parts, 3);
    if (n != 1 && n != 3) {
        return query_bad_value(p, text, "is no number, number|system|code or number||code",
                               "không có dạng số, số|hệ|mã hoặc số||mã");
    }
    v->quantity.system = n == 3 ? parts[1] : STR_EMPTY;
    v->quantity.code = n == 3 ? parts[2] : STR_EMPTY;
    v->quantity.has_unit = v->quantity.system.len + v->quantity.code.len > 0;
    v->prefix = (uint8_t)cut_prefix(&parts[0]);
    return number_value(p, parts[0], (FhirPrefix)v->prefix, &v->quantity.number);
}

/* ---- references ---------------------------------------------------------------------------------
 */

/* The part behind the own base, or text itself. */
static Str without_base(const QueryParse *p, Str text) {
    Str base = p->scope->base_url;
    bool own =
        base.len > 0 && str_starts(text, base) && text.len > base.len && text.ptr[base.len] == '/';
    return own ? str_sub(text, base.len + 1, text.len) : text;
}

/* The only type that a bare id can mean, or FHIR_T_NONE. */
static FhirType only_target(const ValueShape *shape) {
    if (shape->modifier == FHIR_MOD_TYPE) {
        return shape->ref_type;
    }
    bool one = shape->param != NULL && shape->param->n_targets == 1;
    return one ? (FhirType)shape->param->targets[0] : FHIR_T_NONE;
}

/* Type/id (also behind the own base) or any absolute URL. The type that the text names goes to
 * *ret_type, also where only the URL counts. */
static bool read_reference(const QueryParse *p, Str whole, FhirIndexReference *r,
                           FhirType *ret_type) {
    Str local = without_base(p, whole);
    bool is_own = local.len != whole.len && fhir_index_reference(local, r) && r->url.len == 0;
    if (!is_own && !fhir_index_reference(whole, r)) {
        return false;
    }
    *ret_type = r->type;
    if (is_own) {
        r->url = str_sub(whole, 0, (size_t)(r->id.ptr + r->id.len - whole.ptr));
    } else if (r->url.len > 0) {
        r->type = FHIR_T_NONE;
        r->id = STR_EMPTY;
    }
    return !r->is_record_patient && r->local < 0;
}

static ErrCode reference_value(const QueryParse *p, const ValueShape *shape, Str text,
                               FhirQueryValue *v) {
    Str whole = query_unescape(p->arena, text);
    FhirIndexReference *r = &v->reference;
    FhirType named = FHIR_T_NONE;
    if (fhir_id_ok(whole)) {
        *r = (FhirIndexReference){.type = only_target(shape), .id = whole, .url = STR_EMPTY};
        r->local = -1;
        return ERR_OK;
    }
    if (!read_reference(p, whole, r, &named)) {
        return query_bad_value(p, text, "is no reference: write id, Type/id or a URL",
                               "không phải tham chiếu: hãy viết mã, Kiểu/mã hoặc URL");
    }
    if (shape->modifier == FHIR_MOD_TYPE && named != shape->ref_type) {
        return query_bad_value(p, text, "has another type than the modifier",
                               "có kiểu khác với kiểu đã ghi sau dấu hai chấm");
    }
    return ERR_OK;
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static ErrCode composite_value(const QueryParse *p, const ValueShape *shape, Str text,
                               FhirQueryValue *v) {
    const FhirSearchParam *param = shape->param;
    assert(param != NULL && param->n_parts >= 2 && param->n_parts <= FHIR_COMPOSITE_PARTS);
    FhirQueryValue *parts = arena_new_array(p->arena, FhirQueryValue, param->n_parts);
    if (parts == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    Str rest = text;
    Str part;
    while (n <= param->n_parts && query_cut(&rest, '$', &part)) {
        if (n < param->n_parts) {
            ValueShape of = {.type = (FhirParamType)param->parts[n].type,
                             .ref_type = FHIR_T_NONE,
                             .param = fhir_search_param_by_id(p->type, param->parts[n].id)};
            TRY(query_value(p, &of, part, &parts[n]));
        }
        n++;
    }
    if (n != param->n_parts) {
        return query_bad_value(p, text, "has not as many parts ($) as the parameter",
                               "không có đủ số phần ($) như tham số yêu cầu");
    }
    v->composite.n_parts = param->n_parts;
    v->composite.parts = parts;
    return ERR_OK;
}

static ErrCode plain_number(const QueryParse *p, Str text, FhirQueryValue *v) {
    Str rest = text;
    v->prefix = (uint8_t)cut_prefix(&rest);
    return number_value(p, rest, (FhirPrefix)v->prefix, &v->number);
}

ErrCode query_value(const QueryParse *p, const ValueShape *shape, Str text, FhirQueryValue *ret) {
    static const uint8_t kinds[] = {
        [FHIR_PARAM_TOKEN] = FHIR_INDEX_TOKEN,
        [FHIR_PARAM_STRING] = FHIR_INDEX_STRING,
        [FHIR_PARAM_DATE] = FHIR_INDEX_DATE,
        [FHIR_PARAM_NUMBER] = FHIR_INDEX_NUMBER,
        [FHIR_PARAM_QUANTITY] = FHIR_INDEX_QUANTITY,
        [FHIR_PARAM_URI] = FHIR_INDEX_URI,
        [FHIR_PARAM_REFERENCE] = FHIR_INDEX_REFERENCE,
        [FHIR_PARAM_COMPOSITE] = FHIR_INDEX_COMPOSITE,
        [FHIR_PARAM_SPECIAL] = FHIR_INDEX_POSITION,
        [FHIR_PARAM_WORDS] = FHIR_INDEX_WORDS,
    };
    if (text.len == 0) {
        return query_error(p, ERR_PARAM, "a value is empty", "có giá trị để trống");
    }
    memset(ret, 0, sizeof *ret);
    assert((size_t)shape->type < ARRAY_LEN(kinds));
    ret->kind = kinds[shape->type];
    if (shape->modifier == FHIR_MOD_TEXT) {
        return text_value(p, shape, text, ret);
    }
    switch (shape->type) {
    case FHIR_PARAM_TOKEN:
        return shape->modifier == FHIR_MOD_OF_TYPE ? of_type_value(p, text, ret)
                                                   : token_value(p, text, ret);
    case FHIR_PARAM_STRING:
        return string_value(p, shape, text, ret);
    case FHIR_PARAM_DATE:
        return date_value(p, text, ret);
    case FHIR_PARAM_NUMBER:
        return plain_number(p, text, ret);
    case FHIR_PARAM_QUANTITY:
        return quantity_value(p, text, ret);
    case FHIR_PARAM_URI:
        ret->uri.text = query_unescape(p->arena, text);
        return ERR_OK;
    case FHIR_PARAM_REFERENCE:
        return shape->modifier == FHIR_MOD_IDENTIFIER ? identifier_value(p, text, ret)
                                                      : reference_value(p, shape, text, ret);
    case FHIR_PARAM_COMPOSITE:
        return composite_value(p, shape, text, ret);
    case FHIR_PARAM_SPECIAL:
        return query_near(p, text, ret);
    case FHIR_PARAM_WORDS:
        return query_words(p, text, ret);
    }
    return ERR_INTERNAL;
}
