/* Searched values of _text, _content and near: words and phrases, a circle on the globe; and
 * whether a resource's words or place meet them. */
#include "fhir/fhir_query_int.h"

#include "core/fold.h"
#include "core/limits.h"
#include "fhir/fhir_match.h"

#include <math.h>
#include <stdlib.h>

/* ---- words --------------------------------------------------------------------------------------
 */

static bool has_word(const FhirQueryValue *v, Str word) {
    for (size_t i = 0; i < v->words.n_words; i++) {
        if (str_eq(v->words.words[i], word)) {
            return true;
        }
    }
    return false;
}

/* The words of a stretch of text; of a quoted one the phrase, too. */
static ErrCode take_words(const QueryParse *p, Str text, bool quoted, FhirQueryValue *v) {
    Str folded = fold(p->arena, text);
    Str phrase = STR(" ");
    size_t n = 0;
    Str word;
    for (size_t at = 0; fhir_next_word(folded, &at, &word); n++) {
        phrase = arena_printf(p->arena, STR_FMT STR_FMT " ", STR_ARG(phrase), STR_ARG(word));
        if (has_word(v, word)) {
            continue;
        }
        if (v->words.n_words == FHIR_QUERY_WORDS) {
            return query_error(p, ERR_LIMIT, "more than 32 words in one value",
                               "một giá trị có hơn 32 từ");
        }
        v->words.words[v->words.n_words++] = word;
    }
    if (quoted && n > 1) {
        v->words.phrases[v->words.n_phrases++] = phrase;
    }
    return ERR_OK;
}

ErrCode query_words(const QueryParse *p, Str text, FhirQueryValue *ret) {
    FhirQueryValue v;
    memset(&v, 0, sizeof v);
    v.kind = FHIR_INDEX_WORDS;
    v.words.text = query_unescape(p->arena, text);
    v.words.words = arena_new_array(p->arena, Str, FHIR_QUERY_WORDS);
    v.words.phrases = arena_new_array(p->arena, Str, FHIR_QUERY_WORDS);
    if (arena_failed(p->arena)) {
        return ERR_NOMEM;
    }
    Str rest = v.words.text;
    Str part;
    for (bool quoted = false; str_cut(&rest, '"', &part); quoted = !quoted) {
        if (v.words.n_phrases == FHIR_QUERY_WORDS) {
            return query_error(p, ERR_LIMIT, "more than 32 phrases in one value",
                               "một giá trị có hơn 32 cụm từ");
        }
        TRY(take_words(p, part, quoted, &v));
    }
    if (v.words.n_words == 0) {
        return query_bad_value(p, text, "has no word to look for", "không có từ nào để tìm");
    }
    *ret = v;
    return arena_failed(p->arena) ? ERR_NOMEM : ERR_OK;
}

bool fhir_match_words(const FhirQueryValue *wanted, Str text) {
    char spaced[FHIR_WORD_BYTES + 2];
    for (size_t i = 0; i < wanted->words.n_words; i++) {
        Str w = wanted->words.words[i];
        assert(w.len > 0 && w.len <= FHIR_WORD_BYTES);
        spaced[0] = ' ';
        memcpy(spaced + 1, w.ptr, w.len);
        spaced[w.len + 1] = ' ';
        if (str_find(text, (Str){spaced, w.len + 2}) == SIZE_MAX) {
            return false;
        }
    }
    for (size_t i = 0; i < wanted->words.n_phrases; i++) {
        if (str_find(text, wanted->words.phrases[i]) == SIZE_MAX) {
            return false;
        }
    }
    return true;
}

/* ---- near ---------------------------------------------------------------------------------------
 */

static bool read_number(Str text, double *ret) {
    char copy[40];
    char *end;
    Decimal d;
    if (text.len == 0 || text.len >= sizeof copy || decimal_parse(text, &d) != ERR_OK) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return *end == '\0' && isfinite(*ret);
}

/* Metres in the unit: UCUM codes, and the short ones that people write. */
static bool read_unit(Str unit, double *ret) {
    static const struct {
        const char *code;
        double metres;
    } units[] = {{"", 1000},       {"km", 1000},         {"m", 1},
                 {"mi", 1609.344}, {"[mi_i]", 1609.344}, {"[mi_us]", 1609.347219},
                 {"ft", 0.3048},   {"[ft_i]", 0.3048},   {"[nmi_i]", 1852}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(unit, str_from(units[i].code))) {
            *ret = units[i].metres;
            return true;
        }
    }
    return false;
}

ErrCode query_near(const QueryParse *p, Str text, FhirQueryValue *ret) {
    enum { DEFAULT_KM = 50 };
    Str plain = query_unescape(p->arena, text);
    Str rest = plain;
    Str parts[4] = {STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY};
    size_t n = 0;
    while (n < ARRAY_LEN(parts) && str_cut(&rest, '|', &parts[n])) {
        n++;
    }
    double distance = DEFAULT_KM;
    double unit = 1;
    FhirQueryValue v;
    memset(&v, 0, sizeof v);
    v.kind = FHIR_INDEX_POSITION;
    v.near.text = plain;
    bool ok = rest.ptr == NULL && read_number(parts[0], &v.near.latitude) &&
              read_number(parts[1], &v.near.longitude) &&
              (parts[2].len == 0 || read_number(parts[2], &distance)) &&
              read_unit(parts[3], &unit) && fabs(v.near.latitude) <= 90 &&
              fabs(v.near.longitude) <= 180 && distance >= 0;
    if (!ok) {
        return query_bad_value(p, text,
                               "is no latitude|longitude|distance|unit, as 16.46|107.59|5|km",
                               "không có dạng vĩ-độ|kinh-độ|khoảng-cách|đơn-vị, như "
                               "16.46|107.59|5|km");
    }
    v.near.metres = distance * unit;
    *ret = v;
    return ERR_OK;
}

double fhir_distance(const FhirQueryValue *wanted, const FhirIndexValue *value) {
    const double metres = 6371008.8;
    const double radian = 3.14159265358979323846 / 180;
    assert(wanted->kind == FHIR_INDEX_POSITION && value->kind == FHIR_INDEX_POSITION);
    double lat1 = wanted->near.latitude * radian;
    double lat2 = value->position.latitude * radian;
    double north = sin((lat2 - lat1) / 2);
    double east = sin((value->position.longitude - wanted->near.longitude) * radian / 2);
    double h = north * north + cos(lat1) * cos(lat2) * east * east;
    return 2 * metres * asin(sqrt(fmin(h, 1)));
}
