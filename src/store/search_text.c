/* Clauses of _text, _content and near. */
#include "store/search_int.h"

#include <math.h>

/* ---- words ---- */

static ErrCode range_of(Search *s, Clause *c, const KeyBuf *from, const KeyBuf *to,
                        const KeyRange *rest) {
    KeyRange range = *rest;
    range.from = arena_str(s->plan_arena, key_str(from));
    range.to = arena_str(s->plan_arena, key_str(to));
    return clause_range(s, c, &range);
}

static ErrCode word_range(Search *s, Clause *c, const FhirQueryTerm *term, Str word) {
    KeyBuf from;
    key_head(&from, INDEX_VALUE, (unsigned)s->query->type, term->param->id);
    key_text(&from, word, KEY_TEXT_MAX);
    KeyBuf to = from;
    key_byte(&to, 0);
    return range_of(s, c, &from, &to, &(KeyRange){.is_exact = true, .verdict = KEY_YES});
}

/* Resources whose words are not (all) in the index have to be read. */
static ErrCode unread_range(Search *s, Clause *c, const FhirQueryTerm *term) {
    KeyBuf from;
    key_head(&from, INDEX_VALUE, (unsigned)s->query->type, term->param->id);
    key_byte(&from, KEY_UNREAD);
    KeyBuf to = from;
    key_byte(&to, 0);
    return range_of(s, c, &from, &to, &(KeyRange){.verdict = KEY_MAYBE});
}

static Str longest_word(const FhirQueryValue *v) {
    Str longest = v->words.words[0];
    for (size_t i = 1; i < v->words.n_words; i++) {
        longest = v->words.words[i].len > longest.len ? v->words.words[i] : longest;
    }
    return longest;
}

/* One value: a clause for each of its words. */
static ErrCode plan_all_words(Search *s, const FhirQueryTerm *term, const FhirQueryValue *v) {
    for (size_t i = 0; i < v->words.n_words; i++) {
        Clause *c = clause_new(s);
        if (c == NULL) {
            return ERR_NOMEM;
        }
        c->is_unsure = v->words.n_phrases > 0;
        TRY(word_range(s, c, term, v->words.words[i]));
        TRY(unread_range(s, c, term));
        clause_finish(c);
    }
    return ERR_OK;
}

/* Of several values one word each: the rest is read. */
ErrCode plan_words(Search *s, const FhirQueryTerm *term) {
    if (term->n_values == 1) {
        return plan_all_words(s, term, &term->values[0]);
    }
    Clause *c = clause_new(s);
    if (c == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < term->n_values; i++) {
        const FhirQueryValue *v = &term->values[i];
        c->is_unsure = c->is_unsure || v->words.n_words > 1;
        TRY(word_range(s, c, term, longest_word(v)));
    }
    TRY(unread_range(s, c, term));
    clause_finish(c);
    return ERR_OK;
}

/* ---- near: the cells of a grid that cover the circle ---- */

typedef struct Box { /* shares of the globe; east may pass its end, then it goes on at 0 */
    int64_t north_from, north_to, east_from, east_to;
} Box;

static int64_t globe_share(double degrees, double limit) {
    double s = (degrees + limit) / (2 * limit) * 4294967296.0;
    return (int64_t)floor(s);
}

static Box box_of(const FhirQueryValue *v) {
    const double degree = 111195.0802; /* metres of latitude */
    const double radian = 3.14159265358979323846 / 180;
    const double margin = 1e-6;
    double north = v->near.metres / degree + margin;
    double lat = v->near.latitude;
    Box b = {.north_from = globe_share(fmax(lat - north, -90), 90),
             .north_to = MIN(globe_share(fmin(lat + north, 90), 90), (int64_t)UINT32_MAX),
             .east_from = 0,
             .east_to = UINT32_MAX};
    if (fabs(lat) + north < 90) {
        double east = asin(fmin(sin(north * radian) / cos(lat * radian), 1)) / radian + margin;
        if (east < 90) {
            b.east_from = globe_share(v->near.longitude - east, 180);
            b.east_to = globe_share(v->near.longitude + east, 180);
        }
    }
    return b;
}

static ErrCode cell_range(Search *s, Clause *c, const KeyBuf *head, unsigned level, uint32_t north,
                          uint32_t east) {
    KeyBuf from = *head;
    KeyBuf to = *head;
    unsigned shift = 32 - level;
    uint64_t cell = level == 0 ? 0 : key_cell_of(north << shift, east << shift);
    uint64_t last = level == 0 ? UINT64_MAX : cell + (UINT64_C(1) << 2 * shift) - 1;
    key_u64(&from, cell);
    key_u64(&to, last);
    key_byte(&to, 0);
    return range_of(s, c, &from, &to, &(KeyRange){.verdict = KEY_MAYBE});
}

ErrCode near_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    enum { CELLS_MAX = 16 };
    Box b = box_of(v);
    unsigned level = 31;
    int64_t rows = 0;
    int64_t columns = 0;
    for (;; level--) {
        unsigned shift = 32 - level;
        rows = (b.north_to >> shift) - (b.north_from >> shift) + 1;
        columns = (b.east_to >> shift) - (b.east_from >> shift) + 1;
        if (rows * columns <= CELLS_MAX || level == 0) {
            break;
        }
    }
    if (level == 0) {
        return cell_range(s, c, head, 0, 0, 0);
    }
    unsigned shift = 32 - level;
    uint32_t mask = UINT32_MAX >> shift;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t e = 0; e < columns; e++) {
            TRY(cell_range(s, c, head, level, (uint32_t)((b.north_from >> shift) + r),
                           (uint32_t)((b.east_from >> shift) + e) & mask));
        }
    }
    return ERR_OK;
}
