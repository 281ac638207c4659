/* How a value of the tables stands in an element of FHIR, and back. */
#include "interop/claim_form_int.h"

#include "core/xml.h"

#define DIV_OPEN "<div xmlns=\"http://www.w3.org/1999/xhtml\">"
#define DIV_CLOSE "</div>"

typedef struct Codec {
    const char *name;
    Str (*encode)(Map *m, Str value);
    Str (*decode)(Map *m, Str text);
    bool raw; /* a number or a boolean: no quotes */
} Codec;

static Str put_text(Map *m, Str value) {
    (void)m;
    return str_trim(value).len > 0 ? value : STR_EMPTY;
}

static Str get_text(Map *m, Str text) {
    (void)m;
    return text;
}

static Str put_code(Map *m, Str value) {
    return map_code(m, value);
}

/* ---- numbers */

static Str put_number(Map *m, Str value) {
    (void)m;
    return map_is_json_number(value) ? value : STR_EMPTY;
}

static Str put_integer(Map *m, Str value) {
    (void)m;
    bool whole = value.len <= 9 && map_is_json_number(value) && !str_eq(value, STR("-0")) &&
                 str_find_char(value, '.', 0) == SIZE_MAX;
    return whole ? value : STR_EMPTY;
}

static Str put_flag(Map *m, Str value) {
    (void)m;
    return str_eq(value, STR("1"))   ? STR("true")
           : str_eq(value, STR("0")) ? STR("false")
                                     : STR_EMPTY;
}

static Str get_flag(Map *m, Str text) {
    (void)m;
    return str_eq(text, STR("true")) ? STR("1") : STR("0");
}

static Str put_sex(Map *m, Str value) {
    (void)m;
    return claim_sex(value);
}

static Str get_sex(Map *m, Str text) {
    (void)m;
    return str_eq(text, STR("male")) ? STR("1") : str_eq(text, STR("female")) ? STR("2") : STR("3");
}

/* ---- times */

static Str put_civil(Map *m, Str value, bool with_time) {
    char space[MAP_TIME_MAX];
    bool fits = value.len == 8 || (with_time && value.len == 12);
    return fits ? arena_str(m->arena, map_time_text(space, value)) : STR_EMPTY;
}

static Str put_date(Map *m, Str value) {
    return put_civil(m, value, false);
}

static Str put_time(Map *m, Str value) {
    return put_civil(m, value, true);
}

/* A date of birth from a time: the day alone. */
static Str put_day(Map *m, Str value) {
    return put_civil(m, str_sub(value, 0, MIN(value.len, 8)), false);
}

/* The digits of "2026-11-20T08:00:00+07:00" up to the minute. */
static Str get_time(Map *m, Str text) {
    char digits[16];
    size_t n = 0;
    size_t end = text.len > 10 ? MIN(text.len, 16) : text.len;
    for (size_t i = 0; i < end && n < sizeof(digits); i++) {
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9') {
            digits[n++] = text.ptr[i];
        }
    }
    return arena_str(m->arena, (Str){digits, n});
}

/* ---- narrative */

static Str put_div(Map *m, Str value) {
    if (str_trim(value).len == 0) {
        return STR_EMPTY;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, 8 * value.len + 256);
    buf_put_lit(&b, DIV_OPEN);
    xml_put_text(&b, value);
    buf_put_lit(&b, DIV_CLOSE);
    return arena_str(m->arena, buf_str(&b));
}

/* The character of the entity at the start of s, and its length; 0: none. */
static size_t entity(Str s, char *ret) {
    static const struct {
        const char *name;
        char c;
    } entities[] = {{"&amp;", '&'},  {"&lt;", '<'},    {"&gt;", '>'},
                    {"&quot;", '"'}, {"&apos;", '\''}, {"&#13;", '\r'}};
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        Str name = str_from(entities[i].name);
        if (str_starts(s, name)) {
            *ret = entities[i].c;
            return name.len;
        }
    }
    return 0;
}

/* The text of our own narrative; of any other one: as it is, between its tags. */
static Str get_div(Map *m, Str text) {
    size_t from = str_find_char(text, '>', 0);
    if (from == SIZE_MAX || !str_ends(text, STR(DIV_CLOSE))) {
        return text;
    }
    Str inner = str_sub(text, from + 1, text.len - from - sizeof(DIV_CLOSE));
    char *p = arena_alloc(m->arena, inner.len + 1);
    size_t n = 0;
    for (size_t i = 0; p != NULL && i < inner.len;) {
        p[n] = inner.ptr[i];
        size_t skip = inner.ptr[i] == '&' ? entity(str_sub(inner, i, inner.len), &p[n]) : 0;
        i += MAX(skip, (size_t)1);
        n++;
    }
    return (Str){p, p == NULL ? 0 : n};
}

/* ---- what belongs to the facility, and actors */

static Str put_own(Map *m, Str value) {
    return arena_printf(m->arena, STR_FMT "|" STR_FMT, STR_ARG(m->claim->facility), STR_ARG(value));
}

static Str get_own(Map *m, Str text) {
    Str facility = m->claim->facility;
    bool own =
        str_starts(text, facility) && text.len > facility.len && text.ptr[facility.len] == '|';
    return own ? str_sub(text, facility.len + 1, text.len) : text;
}

/* The first of several: the others make the value inexact. */
static Str first_part(Str value) {
    Str rest = value;
    Str part = STR_EMPTY;
    while (part.len == 0 && str_cut(&rest, ';', &part)) {
        part = str_trim(part);
    }
    return part;
}

static Str put_practitioner(Map *m, Str value) {
    Str code = first_part(value);
    return code.len == 0 ? STR_EMPTY : map_practitioner_reference(m, code);
}

static Str put_organization(Map *m, Str value) {
    Str code = first_part(value);
    return code.len == 0 ? STR_EMPTY : map_organization_reference(m, code);
}

static Str put_department(Map *m, Str value) {
    Str code = first_part(value);
    return code.len == 0 ? STR_EMPTY : map_department_reference(m, code);
}

/* The code behind the prefix, its first '-' read as '/'. */
static Str code_of(Map *m, Str text, size_t prefix) {
    Str code = arena_str(m->arena, str_sub(text, MIN(prefix, text.len), text.len));
    size_t dash = str_find_char(code, '-', 0);
    if (dash != SIZE_MAX) {
        ((char *)(uintptr_t)code.ptr)[dash] = '/'; /* a copy of our own */
    }
    return code;
}

static Str get_practitioner(Map *m, Str text) {
    return code_of(m, text, sizeof("Practitioner/cchn-") - 1);
}

static Str get_organization(Map *m, Str text) {
    return code_of(m, text, sizeof("Organization/cskcb-") - 1);
}

static Str get_department(Map *m, Str text) {
    return code_of(m, text, sizeof("Location/khoa-") + MIN(m->claim->facility.len, 35));
}

static const Codec codecs[] = {
    {"", put_text, get_text, false},
    {"code", put_code, get_text, false},
    {"date", put_date, get_time, false},
    {"time", put_time, get_time, false},
    {"day", put_day, get_time, false},
    {"int", put_integer, get_text, true},
    {"number", put_number, get_text, true},
    {"flag", put_flag, get_flag, true},
    {"sex", put_sex, get_sex, false},
    {"div", put_div, get_div, false},
    {"own", put_own, get_own, false},
    {"practitioner", put_practitioner, get_practitioner, false},
    {"organization", put_organization, get_organization, false},
    {"department", put_department, get_department, false},
};

static const Codec *codec_of(Str name) {
    size_t i = 0;
    while (i < ARRAY_LEN(codecs) && !str_eq(name, str_from(codecs[i].name))) {
        i++;
    }
    assert(i < ARRAY_LEN(codecs));
    return &codecs[i < ARRAY_LEN(codecs) ? i : 0];
}

Str form_encode(Map *m, Str codec, Str value) {
    return codec_of(codec)->encode(m, value);
}

Str form_decode(Map *m, Str codec, Str text) {
    return codec_of(codec)->decode(m, text);
}

bool form_is_raw(Str codec) {
    return codec_of(codec)->raw;
}
