/* Searched values -> ranges of keys, and the verdict on a key inside a range. */
#include "store/search_int.h"

#include "fhir/fhir_match.h"

/* ---- ranges ---- */

static ErrCode put_range(Search *s, Clause *c, const KeyBuf *from, const KeyBuf *to,
                         const KeyRange *rest) {
    KeyRange range = *rest;
    range.from = arena_str(s->plan_arena, key_str(from));
    range.to = arena_str(s->plan_arena, key_str(to));
    return clause_range(s, c, &range);
}

/* The first key behind all that begin with k. */
static KeyBuf after_prefix(const KeyBuf *k) {
    KeyBuf to = *k;
    while (to.len > 0 && (uint8_t)to.bytes[to.len - 1] == 0xFF) {
        to.len--;
    }
    assert(to.len > 0);
    to.bytes[to.len - 1]++;
    return to;
}

static ErrCode put_prefix(Search *s, Clause *c, const KeyBuf *prefix, const KeyRange *rest) {
    KeyBuf to = after_prefix(prefix);
    return put_range(s, c, prefix, &to, rest);
}

static ErrCode put_exact(Search *s, Clause *c, const KeyBuf *key) {
    KeyBuf to = *key;
    key_byte(&to, 0);
    return put_range(s, c, key, &to, &(KeyRange){.is_exact = true, .verdict = KEY_YES});
}

ErrCode value_all(Search *s, Clause *c, unsigned param) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param);
    return put_prefix(s, c, &k, &(KeyRange){.verdict = KEY_YES});
}

/* ---- tokens ---- */

/* The forms that a searched token's key can have: whole, or open behind the code's 00. */
typedef struct TokenForms {
    KeyBuf keys[2];
    bool open[2];
    unsigned n;
} TokenForms;

static TokenForms token_forms(const FhirQueryValue *v, const KeyBuf *head) {
    TokenForms f = {.n = 1};
    f.keys[0] = *head;
    if (!v->token.has_bar) { /* any system */
        key_token(&f.keys[0], v->token.code, STR_EMPTY, false);
        f.open[0] = true;
        return f;
    }
    f.n = 2; /* the system as the data say it; as the definition binds it */
    f.keys[1] = *head;
    key_token(&f.keys[0], v->token.code, v->token.system, false);
    key_token(&f.keys[1], v->token.code, v->token.system, true);
    f.open[1] = v->token.system.len == 0;
    return f;
}

static ErrCode token_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    if (v->token.code.len == 0) { /* "system|" */
        return put_prefix(
            s, c, head,
            &(KeyRange){.test = TEST_SYSTEM, .value = v, .value_at = (uint16_t)head->len});
    }
    TokenForms f = token_forms(v, head);
    for (unsigned i = 0; i < f.n; i++) {
        TRY(f.open[i] ? put_prefix(s, c, &f.keys[i], &(KeyRange){.verdict = KEY_YES})
                      : put_exact(s, c, &f.keys[i]));
    }
    return ERR_OK;
}

static KeyVerdict test_system(const KeyRange *range, Str value) {
    size_t at = str_find_char(value, '\0', 0);
    if (at == SIZE_MAX) {
        return KEY_NO;
    }
    Str system = str_sub(value, at + 1, SIZE_MAX);
    if (system.len > 0 && system.ptr[0] == KEY_BOUND_SYSTEM) {
        system = str_sub(system, 1, SIZE_MAX);
    }
    KeyBuf wanted = {0};
    key_text(&wanted, range->value->token.system, KEY_TEXT_MAX);
    return str_eq(system, key_str(&wanted)) ? KEY_YES : KEY_NO;
}

/* ---- strings ---- */

static ErrCode string_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryTerm *term,
                             const FhirQueryValue *v) {
    bool exact = term->modifier == FHIR_MOD_EXACT;
    Str folded = exact ? fhir_fold_string(s->plan_arena, v->string.text) : v->string.folded;
    KeyRange range = {.verdict = KEY_YES, .value = v, .value_at = (uint16_t)head->len};
    KeyBuf k = *head;
    if (term->modifier == FHIR_MOD_CONTAINS) {
        range.test = TEST_CONTAINS;
        return put_prefix(s, c, &k, &range);
    }
    bool cut = false;
    Str text = key_string_cut(folded, &cut);
    for (size_t i = 0; i < text.len; i++) {
        key_byte(&k, (unsigned char)text.ptr[i]);
    }
    if (exact || cut) { /* case and accents, or what lies behind the cut, are not in the key */
        key_byte(&k, 0);
        range.verdict = KEY_MAYBE;
        range.test = exact ? TEST_NONE : TEST_BEGINS;
    }
    return put_prefix(s, c, &k, &range);
}

static KeyVerdict test_contains(const KeyRange *range, Str value) {
    assert(value.len >= 2);
    Str text = str_sub(value, 0, value.len - 2);
    if (str_find(text, range->value->string.folded) != SIZE_MAX) {
        return KEY_YES;
    }
    return value.ptr[value.len - 1] == KEY_CUT ? KEY_MAYBE : KEY_NO;
}

/* :text: there are few texts, one key for each; all are looked at. */
static ErrCode text_ranges(Search *s, Clause *c, unsigned param, const FhirQueryValue *v) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param | (unsigned)KEY_TEXT);
    return put_prefix(s, c, &k,
                      &(KeyRange){.test = TEST_WORDS, .value = v, .value_at = (uint16_t)k.len});
}

static KeyVerdict test_words(const KeyRange *range, Str value) {
    assert(value.len >= 2);
    Str text = str_sub(value, 0, value.len - 2);
    uint32_t starts[FHIR_WORDS_MAX];
    size_t n = fhir_word_starts(text, starts);
    for (size_t i = 0; i < n; i++) {
        if (str_starts(str_sub(text, starts[i], SIZE_MAX), range->value->string.folded)) {
            return KEY_YES;
        }
    }
    return value.ptr[value.len - 1] == KEY_CUT ? KEY_MAYBE : KEY_NO;
}

/* :of-type */
static ErrCode of_type_ranges(Search *s, Clause *c, unsigned param, const FhirQueryValue *v) {
    KeyBuf k;
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param | (unsigned)KEY_OF_TYPE);
    if (v->of_type.system.len > 0) {
        key_of_type(&k, v->of_type.code, v->of_type.system, v->of_type.value);
        return put_exact(s, c, &k);
    }
    key_text(&k, v->of_type.code, KEY_TEXT_MAX);
    key_byte(&k, 0);
    return put_prefix(s, c, &k, &(KeyRange){.verdict = KEY_MAYBE});
}

/* ---- dates ---- */

static KeyVerdict both(KeyVerdict a, KeyVerdict b) {
    return MIN(a, b);
}
static KeyVerdict either(KeyVerdict a, KeyVerdict b) {
    return MAX(a, b);
}
static KeyVerdict inverse(KeyVerdict a) {
    return (KeyVerdict)(KEY_YES - a);
}

/* lo and hi - 1 of a value are known to the day: day * DAY <= t + 7 h < (day + 1) * DAY. */
typedef struct DaySpan {
    TimeMs min, max;
} DaySpan;

static DaySpan day_span(uint32_t day) {
    enum { LIMIT_DAYS = 100000000 };
    int64_t d = (int64_t)day - INT64_C(0x80000000);
    if (d < -LIMIT_DAYS || d > LIMIT_DAYS) { /* open ends */
        TimeMs end = d < 0 ? INT64_MIN : INT64_MAX;
        return (DaySpan){end, end};
    }
    TimeMs min = d * TIME_DAY_MS - TIME_VN_OFFSET_MIN * TIME_MINUTE_MS;
    return (DaySpan){min, min + TIME_DAY_MS - 1};
}

/* Is t >= bound for a t known to lie in the span? */
static KeyVerdict at_least(DaySpan t, TimeMs bound) {
    return t.min >= bound ? KEY_YES : t.max < bound ? KEY_NO : KEY_MAYBE;
}

/* The cases of fhir_match_date, with lo and last = hi - 1 known to the day. */
static KeyVerdict test_date(const KeyRange *range, Str value) {
    const FhirQueryValue *w = range->value;
    uint64_t days = u64_be_get((const uint8_t *)value.ptr + value.len - KEY_DATE_LEN);
    DaySpan lo = day_span((uint32_t)(days >> 32));
    DaySpan last = day_span((uint32_t)days);
    TimeMs from = w->date.lo;
    TimeMs to = w->date.hi;
    KeyVerdict ends_after = at_least(last, to);             /* hi > to */
    KeyVerdict begins_before = inverse(at_least(lo, from)); /* lo < from */
    KeyVerdict contained = both(at_least(lo, from), inverse(at_least(last, to)));
    switch ((FhirPrefix)w->prefix) {
    case FHIR_PREFIX_EQ:
        return contained;
    case FHIR_PREFIX_NE:
        return inverse(contained);
    case FHIR_PREFIX_GT:
        return ends_after;
    case FHIR_PREFIX_LT:
        return begins_before;
    case FHIR_PREFIX_GE:
        return either(ends_after, contained);
    case FHIR_PREFIX_LE:
        return either(begins_before, contained);
    case FHIR_PREFIX_SA:
        return at_least(lo, to);
    case FHIR_PREFIX_EB:
        return inverse(at_least(last, from));
    case FHIR_PREFIX_AP:
        return both(inverse(at_least(lo, to)), at_least(last, from));
    }
    return KEY_MAYBE;
}

/* Which first days can match: the borders of the scan; the test does the rest. */
static void date_borders(const FhirQueryValue *v, uint32_t *ret_from, uint32_t *ret_upto) {
    *ret_from = 0;
    *ret_upto = UINT32_MAX;
    switch ((FhirPrefix)v->prefix) {
    case FHIR_PREFIX_EQ:
        *ret_from = key_day(v->date.lo);
        *ret_upto = key_day(v->date.hi);
        break;
    case FHIR_PREFIX_SA:
        *ret_from = key_day(v->date.hi);
        break;
    case FHIR_PREFIX_LT:
    case FHIR_PREFIX_EB:
        *ret_upto = key_day(v->date.lo);
        break;
    case FHIR_PREFIX_LE:
    case FHIR_PREFIX_AP:
        *ret_upto = key_day(v->date.hi);
        break;
    case FHIR_PREFIX_NE:
    case FHIR_PREFIX_GT:
    case FHIR_PREFIX_GE:
        break;
    }
}

static ErrCode date_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    uint32_t first = 0;
    uint32_t last = 0;
    date_borders(v, &first, &last);
    KeyBuf from = *head;
    KeyBuf upto = *head;
    key_u64(&from, (uint64_t)first << 32);
    key_u64(&upto, (uint64_t)last << 32 | UINT32_MAX);
    KeyBuf to = after_prefix(&upto);
    return put_range(s, c, &from, &to,
                     &(KeyRange){.test = TEST_DATE, .value = v, .value_at = (uint16_t)head->len});
}

/* ---- numbers, quantities ---- */

static ErrCode bound_of(const FhirQueryNumber *n, NumberBound *ret) {
    const Decimal all[3] = {n->value, n->lo, n->hi};
    uint64_t keys[3];
    bool exact[3];
    for (int i = 0; i < 3; i++) {
        CLEANUP_BUF Buf text;
        buf_init(&text, 8192);
        decimal_put(&text, all[i], -1);
        TRY(buf_ok(&text));
        exact[i] = key_number(buf_str(&text), &keys[i]);
    }
    *ret = (NumberBound){keys[0], keys[1], keys[2], exact[0], exact[1], exact[2]};
    return ERR_OK;
}

/* x > b, x >= b for a point x. */
static KeyVerdict above(uint64_t x, uint64_t b, bool exact) {
    return x > b ? KEY_YES : x < b ? KEY_NO : exact ? KEY_NO : KEY_MAYBE;
}
static KeyVerdict from_on(uint64_t x, uint64_t b, bool exact) {
    return x > b ? KEY_YES : x < b ? KEY_NO : exact ? KEY_YES : KEY_MAYBE;
}

static KeyVerdict test_point(const KeyRange *range, uint64_t x) {
    const NumberBound *b = &range->bound;
    KeyVerdict within =
        both(from_on(x, b->lo, b->lo_exact), inverse(from_on(x, b->hi, b->hi_exact)));
    switch ((FhirPrefix)range->value->prefix) {
    case FHIR_PREFIX_EQ:
        return within;
    case FHIR_PREFIX_NE:
        return inverse(within);
    case FHIR_PREFIX_GT:
    case FHIR_PREFIX_SA:
        return above(x, b->value, b->value_exact);
    case FHIR_PREFIX_LT:
    case FHIR_PREFIX_EB:
        return inverse(from_on(x, b->value, b->value_exact));
    case FHIR_PREFIX_GE:
        return from_on(x, b->value, b->value_exact);
    case FHIR_PREFIX_LE:
        return inverse(above(x, b->value, b->value_exact));
    case FHIR_PREFIX_AP:
        return both(from_on(x, b->lo, b->lo_exact), inverse(above(x, b->hi, b->hi_exact)));
    }
    return KEY_MAYBE;
}

/* text: code 00 system 00 unit, as keys have it. */
static bool units_match(const FhirQueryValue *w, Str text) {
    size_t first = str_find_char(text, '\0', 0);
    size_t second = first == SIZE_MAX ? SIZE_MAX : str_find_char(text, '\0', first + 1);
    if (second == SIZE_MAX) {
        return false;
    }
    Str code = str_sub(text, 0, first);
    Str system = str_sub(text, first + 1, second - first - 1);
    Str unit = str_sub(text, second + 1, SIZE_MAX);
    KeyBuf wanted_code = {0};
    KeyBuf wanted_system = {0};
    key_text(&wanted_code, w->quantity.code, KEY_UNIT_MAX);
    key_text(&wanted_system, w->quantity.system, KEY_TEXT_MAX);
    if (wanted_system.len > 0) {
        return str_eq(system, key_str(&wanted_system)) &&
               (wanted_code.len == 0 || str_eq(code, key_str(&wanted_code)));
    }
    return str_eq(code, key_str(&wanted_code)) ||
           str_eq(unit.len == 0 ? code : unit, key_str(&wanted_code));
}

enum { NUMBER_LEN = 1 + 8 };

/* The number and the units of a key's value; false: it has not both. */
static bool number_parts(const KeyRange *range, Str value, Str *ret_number, Str *ret_units) {
    size_t at = 0;
    if (range->units == UNITS_BEFORE) {
        enum { UNIT_TEXTS = 3 };
        for (int i = 0; i < UNIT_TEXTS && at != SIZE_MAX; i++) {
            at = str_find_char(value, '\0', at);
            at += at != SIZE_MAX;
        }
        if (at == SIZE_MAX) {
            return false;
        }
        *ret_units = str_sub(value, 0, at - 1);
    } else {
        *ret_units = str_sub(value, MIN(value.len, (size_t)NUMBER_LEN), SIZE_MAX);
    }
    *ret_number = str_sub(value, at, NUMBER_LEN);
    return ret_number->len == NUMBER_LEN;
}

static KeyVerdict test_number(const KeyRange *range, Str value) {
    Str number;
    Str units;
    if (!number_parts(range, value, &number, &units) || number.ptr[0] == KEY_NONE) {
        return KEY_NO;
    }
    KeyVerdict verdict = number.ptr[0] == KEY_POINT
                             ? test_point(range, u64_be_get((const uint8_t *)number.ptr + 1))
                             : KEY_MAYBE;
    const FhirQueryValue *w = range->value;
    if (w->kind != FHIR_INDEX_QUANTITY || !w->quantity.has_unit) {
        return verdict;
    }
    if (range->units == UNITS_NONE) {
        return both(verdict, KEY_MAYBE);
    }
    return units_match(w, units) ? verdict : KEY_NO;
}

static void number_borders(const KeyRange *range, uint64_t *ret_from, uint64_t *ret_upto) {
    *ret_from = 0;
    *ret_upto = UINT64_MAX;
    switch ((FhirPrefix)range->value->prefix) {
    case FHIR_PREFIX_EQ:
    case FHIR_PREFIX_AP:
        *ret_from = range->bound.lo;
        *ret_upto = range->bound.hi;
        break;
    case FHIR_PREFIX_GT:
    case FHIR_PREFIX_GE:
    case FHIR_PREFIX_SA:
        *ret_from = range->bound.value;
        break;
    case FHIR_PREFIX_LT:
    case FHIR_PREFIX_LE:
    case FHIR_PREFIX_EB:
        *ret_upto = range->bound.value;
        break;
    case FHIR_PREFIX_NE:
        break;
    }
}

static ErrCode number_test(const FhirQueryValue *v, KeyUnits units, KeyRange *ret) {
    bool has_units = v->kind == FHIR_INDEX_QUANTITY;
    *ret = (KeyRange){.test = TEST_NUMBER, .value = v, .units = has_units ? units : UNITS_NONE};
    return bound_of(has_units ? &v->quantity.number : &v->number, &ret->bound);
}

static ErrCode number_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    KeyRange range;
    TRY(number_test(v, UNITS_BEHIND, &range));
    range.value_at = (uint16_t)head->len;
    uint64_t first = 0;
    uint64_t last = 0;
    number_borders(&range, &first, &last);
    KeyBuf from = *head;
    KeyBuf upto = *head;
    key_byte(&from, KEY_POINT);
    key_byte(&upto, KEY_POINT);
    key_u64(&from, first);
    key_u64(&upto, last);
    KeyBuf to = after_prefix(&upto);
    TRY(put_range(s, c, &from, &to, &range));
    KeyBuf spans = *head;
    key_byte(&spans, KEY_SPAN);
    return put_prefix(s, c, &spans, &range);
}

/* ---- references, URLs ---- */

static ErrCode url_range(Search *s, Clause *c, const KeyBuf *head, Str url) {
    KeyBuf k = *head;
    key_byte(&k, KEY_URL);
    key_text(&k, url, KEY_URL_MAX);
    return put_exact(s, c, &k);
}

enum { URL_WHOLE = KEY_URL_MAX - 16 }; /* of a longer one the rest may be its hash */

/* :below: all that begin so, where a path ends. */
static ErrCode below_range(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    KeyBuf k = *head;
    key_byte(&k, KEY_URL);
    KeyRange range = {.verdict = KEY_MAYBE, .value = v, .value_at = (uint16_t)k.len};
    if (v->uri.text.len < URL_WHOLE) {
        range.test = TEST_BELOW;
    }
    key_text(&k, str_sub(v->uri.text, 0, URL_WHOLE), KEY_URL_MAX);
    return put_prefix(s, c, &k, &range);
}

/* :above: the uri and each path that it lies below. */
static ErrCode above_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    Str text = v->uri.text;
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '/') {
            TRY(url_range(s, c, head, str_sub(text, 0, i)));
            TRY(url_range(s, c, head, str_sub(text, 0, i + 1)));
        }
    }
    return url_range(s, c, head, text);
}

static ErrCode uri_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryTerm *term,
                          const FhirQueryValue *v) {
    return term->modifier == FHIR_MOD_BELOW   ? below_range(s, c, head, v)
           : term->modifier == FHIR_MOD_ABOVE ? above_ranges(s, c, head, v)
                                              : url_range(s, c, head, v->uri.text);
}

/* The records of a patient, and the record that a resource was made in: references inside them to
 * their patient, and to each other, have no postings. */
static ErrCode near_records(Search *s, Clause *c, Slot first, bool as_patient) {
    RecordNo own = SLOT_RECORD(first);
    TRY(clause_records(s, c, &own, 1));
    if (!as_patient) {
        return ERR_OK;
    }
    KeyBuf k;
    key_head(&k, INDEX_PATIENT, 0, 0);
    key_u64(&k, first);
    SlotList list = {0};
    TRY(index_get(s->index, s->plan_arena, key_str(&k), s->snapshot, &list));
    for (size_t i = 0; i < list.n; i++) {
        list.slots[i] = SLOT_RECORD(list.slots[i]);
    }
    return clause_records(s, c, list.slots, list.n);
}

static bool has_canonical_url(FhirType type) {
    return type != FHIR_T_NONE && fhir_element((FhirShape)type, STR("url")) != NULL;
}

/* May the parameter's values be canonicals (Library, Questionnaire …)? */
static bool may_be_canonical(const FhirSearchParam *p, const FhirIndexReference *r) {
    bool any = r->type == FHIR_T_NONE && p->n_targets == 0;
    for (size_t i = 0; i < p->n_targets && !any; i++) {
        any = has_canonical_url((FhirType)p->targets[i]) &&
              (r->type == FHIR_T_NONE || r->type == (FhirType)p->targets[i]);
    }
    return any || (p->n_targets == 0 && has_canonical_url(r->type));
}

/* Canonical elements that are written Type/id or as a bare id. */
static ErrCode canonical_ranges(Search *s, Clause *c, const FhirSearchParam *param,
                                const FhirIndexReference *r) {
    KeyBuf k;
    if (!may_be_canonical(param, r)) {
        return ERR_OK;
    }
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param->id);
    TRY(url_range(s, c, &k, r->id));
    if (r->type == FHIR_T_NONE) {
        return ERR_OK;
    }
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param->id);
    return url_range(
        s, c, &k,
        arena_printf(s->plan_arena, "%s/" STR_FMT, fhir_type_name(r->type), STR_ARG(r->id)));
}

static ErrCode reference_ranges(Search *s, Clause *c, const FhirSearchParam *of,
                                const FhirQueryValue *v) {
    const FhirIndexReference *r = &v->reference;
    unsigned param = of->id;
    KeyBuf k;
    c->is_unsure = c->is_unsure || r->version.len > 0; /* no key has it */
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param | KEY_REFERENCE);
    if (r->url.len > 0) {
        TRY(url_range(s, c, &k, r->url));
        key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param); /* canonical elements */
        TRY(url_range(s, c, &k, r->url));
    }
    if (r->id.len == 0) {
        return ERR_OK;
    }
    if (r->url.len == 0) {
        TRY(canonical_ranges(s, c, of, r));
    }
    key_head(&k, INDEX_VALUE, (unsigned)s->query->type, param | KEY_REFERENCE);
    Slot first = store_id_parse(s->store, r->id);
    bool as_patient = r->type == FHIR_T_PATIENT || r->type == FHIR_T_NONE;
    key_target(&k, first, r->id);
    if (r->type == FHIR_T_NONE) {
        TRY(put_prefix(s, c, &k, &(KeyRange){.verdict = KEY_YES}));
    } else {
        key_u16(&k, (unsigned)r->type);
        TRY(put_exact(s, c, &k));
    }
    if (first == 0 && as_patient) {
        first = store_resolve(s->store, FHIR_T_PATIENT, r->id);
    }
    return first == 0 ? ERR_OK : near_records(s, c, first, as_patient);
}

/* ---- pairs ---- */

/* All quantities behind the token: their units come first, and the values of one code are few. */
static ErrCode quantity_range(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *v) {
    KeyRange range;
    TRY(number_test(v, UNITS_BEFORE, &range));
    range.value_at = (uint16_t)head->len;
    return put_prefix(s, c, head, &range);
}

static ErrCode second_ranges(Search *s, Clause *c, const KeyBuf *head,
                             const FhirQueryValue *second) {
    switch ((FhirIndexKind)second->kind) {
    case FHIR_INDEX_DATE:
        return date_ranges(s, c, head, second);
    case FHIR_INDEX_NUMBER:
        return number_ranges(s, c, head, second);
    case FHIR_INDEX_QUANTITY:
        return quantity_range(s, c, head, second);
    case FHIR_INDEX_TOKEN:
    case FHIR_INDEX_STRING:
    case FHIR_INDEX_URI:
    case FHIR_INDEX_REFERENCE:
    case FHIR_INDEX_COMPOSITE:
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
        break;
    }
    return put_prefix(s, c, head, &(KeyRange){.verdict = KEY_MAYBE});
}

/* The token's system is open: every key of the code, tested behind its system. */
static ErrCode open_ranges(Search *s, Clause *c, const KeyBuf *prefix,
                           const FhirQueryValue *second) {
    KeyRange range = {.verdict = KEY_MAYBE, .value = second};
    if (second->kind == FHIR_INDEX_DATE) {
        range.test = TEST_DATE;
    } else if (second->kind == FHIR_INDEX_QUANTITY || second->kind == FHIR_INDEX_NUMBER) {
        TRY(number_test(second, UNITS_BEFORE, &range));
    }
    return put_prefix(s, c, prefix, &range);
}

ErrCode value_pair(Search *s, Clause *c, unsigned param, const FhirQueryValue *token,
                   const FhirQueryValue *second) {
    KeyBuf head;
    key_head(&head, INDEX_VALUE, (unsigned)s->query->type, param);
    TokenForms f = token_forms(token, &head);
    for (unsigned i = 0; i < f.n; i++) {
        if (f.open[i]) {
            TRY(open_ranges(s, c, &f.keys[i], second));
        } else {
            key_byte(&f.keys[i], 0);
            TRY(second_ranges(s, c, &f.keys[i], second));
        }
    }
    return ERR_OK;
}

static ErrCode composite_ranges(Search *s, Clause *c, const KeyBuf *head, unsigned param,
                                const FhirQueryValue *v) {
    const FhirQueryValue *parts = v->composite.parts;
    if (parts[0].kind != FHIR_INDEX_TOKEN || parts[0].token.code.len == 0) {
        return put_prefix(s, c, head, &(KeyRange){.verdict = KEY_MAYBE});
    }
    c->is_unsure = c->is_unsure || v->composite.n_parts > 2;
    return value_pair(s, c, param, &parts[0], &parts[1]);
}

/* ---- all kinds ---- */

ErrCode value_ranges(Search *s, Clause *c, const FhirQueryTerm *term, const FhirQueryValue *value) {
    KeyBuf head;
    key_head(&head, INDEX_VALUE, (unsigned)s->query->type, term->param->id);
    switch ((FhirIndexKind)value->kind) {
    case FHIR_INDEX_TOKEN:
        return token_ranges(s, c, &head, value);
    case FHIR_INDEX_STRING:
        return string_ranges(s, c, &head, term, value);
    case FHIR_INDEX_DATE:
        return date_ranges(s, c, &head, value);
    case FHIR_INDEX_NUMBER:
    case FHIR_INDEX_QUANTITY:
        return number_ranges(s, c, &head, value);
    case FHIR_INDEX_URI:
        return uri_ranges(s, c, &head, term, value);
    case FHIR_INDEX_REFERENCE:
        return reference_ranges(s, c, term->param, value);
    case FHIR_INDEX_COMPOSITE:
        return composite_ranges(s, c, &head, term->param->id, value);
    case FHIR_INDEX_TEXT:
        return text_ranges(s, c, term->param->id, value);
    case FHIR_INDEX_OF_TYPE:
        return of_type_ranges(s, c, term->param->id, value);
    case FHIR_INDEX_WORDS: /* word_ranges */
    case FHIR_INDEX_CONTAINED:
        return ERR_INTERNAL;
    case FHIR_INDEX_POSITION:
        return near_ranges(s, c, &head, value);
    case FHIR_INDEX_IDENTIFIER:
        key_head(&head, INDEX_VALUE, (unsigned)s->query->type,
                 term->param->id | (unsigned)KEY_IDENTIFIER);
        return token_ranges(s, c, &head, value);
    }
    return ERR_INTERNAL;
}

/* Where the second value begins in a key of a pair whose system is open. */
static Str behind_token(Str key) {
    Str value = str_sub(key, INDEX_PREFIX_LEN, SIZE_MAX);
    size_t code = str_find_char(value, '\0', 0);
    size_t system = code == SIZE_MAX ? SIZE_MAX : str_find_char(value, '\0', code + 1);
    return system == SIZE_MAX ? STR_EMPTY : str_sub(value, system + 1, SIZE_MAX);
}

KeyVerdict key_verdict(const KeyRange *range, Str key) {
    if (range->test == TEST_NONE) {
        return range->verdict;
    }
    Str value = range->value_at == 0 ? behind_token(key)
                                     : str_sub(key, MIN(range->value_at, key.len), SIZE_MAX);
    switch (range->test) {
    case TEST_NONE:
        break;
    case TEST_SYSTEM:
        return test_system(range, value);
    case TEST_CONTAINS:
        return value.len < 2 ? KEY_NO : test_contains(range, value);
    case TEST_BEGINS: /* the cut text is the same: only texts that go on can begin with more */
        return value.len > 0 && value.ptr[value.len - 1] == KEY_CUT ? KEY_MAYBE : KEY_NO;
    case TEST_DATE:
        return value.len < KEY_DATE_LEN ? KEY_NO : test_date(range, value);
    case TEST_NUMBER:
        return test_number(range, value);
    case TEST_WORDS:
        return value.len < 2 ? KEY_NO : test_words(range, value);
    case TEST_BELOW:
        return fhir_uri_is_below(range->value->uri.text, value) ? KEY_YES : KEY_NO;
    }
    return range->verdict;
}
