/* A resource's place in the order of _sort, as bytes. What a value gives begins with the bytes that
 * stand in its index key (the lead), so that a walk over the keys and a comparison of resources
 * agree; behind it stands what the key leaves out: the time of a day, the rest of a long text. */
#include "store/search_int.h"

#include "fhir/fhir_extract.h"
#include "fhir/fhir_match.h"

#include <math.h>

enum {
    LEAD_DAY = 4,    /* of a date key: the day it begins */
    LEAD_NUMBER = 9, /* of a number or quantity: KEY_POINT, number */
    TEXT_MAX = 512,  /* bytes of a text beyond its key that are compared */
    IS_THERE = 1,    /* before a value; both directions */
    IS_MISSING = 2,  /* comes last */
    VALUE_MAX = INDEX_KEY_MAX + TEXT_MAX,
};

size_t sort_lead_len(const FhirSearchParam *param) {
    switch ((FhirParamType)param->type) {
    case FHIR_PARAM_DATE:
        return LEAD_DAY;
    case FHIR_PARAM_NUMBER:
    case FHIR_PARAM_QUANTITY:
        return LEAD_NUMBER;
    case FHIR_PARAM_TOKEN:
    case FHIR_PARAM_STRING:
    case FHIR_PARAM_URI:
    case FHIR_PARAM_REFERENCE:
    case FHIR_PARAM_COMPOSITE:
    case FHIR_PARAM_SPECIAL:
    case FHIR_PARAM_WORDS:
        break;
    }
    return SIZE_MAX;
}

bool sort_lead_is_whole(const FhirSearchParam *param, Str lead) {
    return param->type == FHIR_PARAM_STRING ? lead.len > 0 && lead.ptr[lead.len - 1] == KEY_WHOLE
                                            : param->type != FHIR_PARAM_DATE;
}

/* The best value of one sort so far. */
typedef struct Best {
    bool found;
    size_t lead, len;
    char bytes[VALUE_MAX];
} Best;

typedef struct SortSink {
    FhirIndexSink sink;
    Search *s;
    Best best[FHIR_QUERY_SORTS];
} SortSink;

static void best_take(Best *best, const Best *value, bool descending) {
    Str a = {value->bytes, value->len};
    Str b = {best->bytes, best->len};
    if (!best->found || (descending ? str_cmp(a, b) > 0 : str_cmp(a, b) < 0)) {
        best->found = true;
        best->lead = value->lead;
        best->len = value->len;
        memcpy(best->bytes, value->bytes, value->len);
    }
}

static void value_append(Best *value, Str bytes) {
    size_t n = MIN(bytes.len, (size_t)VALUE_MAX - value->len);
    if (n > 0) {
        memcpy(value->bytes + value->len, bytes.ptr, n);
        value->len += n;
    }
}

static void value_append_u64(Best *value, uint64_t v) {
    uint8_t bytes[8];
    u64_be_put(bytes, v);
    value_append(value, (Str){(const char *)bytes, sizeof(bytes)});
}

static uint64_t biased(TimeMs t) {
    return (uint64_t)t ^ UINT64_C(1) << 63;
}

/* Numbers by the nearest binary64; a range by its lower end, or its upper one. */
static bool number_value(const FhirIndexValue *v, Best *value) {
    bool is_number = v->kind == FHIR_INDEX_NUMBER;
    Str low = is_number ? v->number.text : v->quantity.value;
    Str high = is_number ? v->number.high : v->quantity.high;
    Str text = low.len > 0 ? low : high;
    Decimal d;
    if (text.len == 0 || decimal_parse(text, &d) != ERR_OK) {
        return false;
    }
    uint64_t number = 0;
    (void)key_number(text, &number);
    value->bytes[value->len++] = KEY_POINT;
    value_append_u64(value, number);
    value->lead = value->len;
    return true;
}

static void reference_value(const FhirIndexReference *r, Best *value) {
    if (r->url.len > 0 || r->type == FHIR_T_NONE) {
        value_append(value, r->url);
    } else {
        value_append(value, str_from(fhir_type_name(r->type)));
        value_append(value, STR("/"));
        value_append(value, r->id);
    }
}

/* The nearest of the places that were asked for. */
static void distance_value(const FhirQuery *q, const FhirIndexValue *v, Best *value) {
    double nearest = INFINITY;
    for (size_t i = 0; i < q->n_terms; i++) {
        const FhirQueryTerm *t = &q->terms[i];
        for (size_t k = 0; k < t->n_values; k++) {
            if (t->values[k].kind == FHIR_INDEX_POSITION) {
                nearest = fmin(nearest, fhir_distance(&t->values[k], v));
            }
        }
    }
    value_append_u64(value, fhir_double_sort_key(nearest));
}

/* False when the value has no place in the order. */
static bool value_of(SortSink *k, const FhirIndexValue *v, Best *value) {
    KeyBuf key = {0};
    value->len = value->lead = 0;
    if (v->kind == FHIR_INDEX_NUMBER || v->kind == FHIR_INDEX_QUANTITY) {
        return number_value(v, value);
    }
    if (v->kind == FHIR_INDEX_POSITION) {
        distance_value(k->s->query, v, value);
        return true;
    }
    if (v->kind == FHIR_INDEX_REFERENCE) {
        reference_value(&v->reference, value);
        return true;
    }
    if (!key_value(&key, k->s->match_arena, v)) {
        return false;
    }
    value_append(value,
                 str_sub(key_str(&key), 0, v->kind == FHIR_INDEX_DATE ? LEAD_DAY : SIZE_MAX));
    value->lead = value->len;
    if (v->kind == FHIR_INDEX_DATE) {
        value_append_u64(value, biased(v->date.lo));
    } else if (v->kind == FHIR_INDEX_STRING) {
        Str folded = fhir_fold_string(k->s->match_arena, v->string.text);
        bool cut = false;
        Str text = key_string_cut(folded, &cut);
        value_append(value, cut ? str_sub(folded, text.len, TEXT_MAX) : STR_EMPTY);
    }
    return true;
}

static void sort_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    SortSink *k = (SortSink *)sink;
    const FhirQuery *q = k->s->query;
    Best value;
    bool done = false;
    bool has = false;
    for (size_t i = 0; i < q->n_sorts; i++) {
        bool is_side = fhir_index_is_side(v->kind) && v->kind != FHIR_INDEX_POSITION;
        if (q->sorts[i].param->id == v->param && !is_side) {
            has = done ? has : value_of(k, v, &value);
            done = true;
            if (has) {
                best_take(&k->best[i], &value, q->sorts[i].is_descending);
            }
        }
    }
}

/* What the resource's own text does not say. */
static void put_known(SortSink *k) {
    const FhirQuery *q = k->s->query;
    for (size_t i = 0; i < q->n_sorts; i++) {
        Best *b = &k->best[i];
        if (q->sorts[i].param->id == FHIR_P__LAST_UPDATED) {
            b->found = true;
            value_append_u64(b, biased(k->s->last.time));
        } else if (q->sorts[i].param->id == FHIR_P__ID) {
            b->found = true;
            value_append(b, k->s->last.id);
        }
    }
}

/* Escaped so that no value is another one's beginning; turned round when descending. */
static void put_ordered(Buf *out, const Best *best, bool descending) {
    enum { END = 0, NUL_FOLLOWS = 0xFF };
    unsigned turn = descending ? 0xFF : 0;
    buf_put_char(out, best->found ? IS_THERE : IS_MISSING);
    for (size_t i = 0; i < best->len && best->found; i++) {
        unsigned byte = (uint8_t)best->bytes[i];
        buf_put_char(out, (char)(byte ^ turn));
        if (byte == 0) {
            buf_put_char(out, (char)(NUL_FOLLOWS ^ turn));
        }
    }
    buf_put_char(out, (char)(END ^ turn));
    buf_put_char(out, (char)(END ^ turn));
}

ErrCode sort_key(Search *s, Arena *arena, Str *ret_key, Str *ret_lead) {
    const FhirQuery *q = s->query;
    SortSink *k = arena_calloc(s->match_arena, 1, sizeof(*k));
    if (k == NULL) {
        return ERR_NOMEM;
    }
    k->sink.put = sort_put;
    k->s = s;
    FhirExtractSome some = {.type = q->type};
    for (size_t i = 0; i < q->n_sorts; i++) {
        if (fhir_param_is_custom(q->sorts[i].param)) {
            TRY(q->params->extract(q->params, s->match_arena, q->sorts[i].param, s->last_root,
                                   &k->sink));
            continue;
        }
        fhir_extract_want(&some, q->sorts[i].param->id);
        k->sink.with_sides = k->sink.with_sides || q->sorts[i].param->type == FHIR_PARAM_SPECIAL;
    }
    put_known(k);
    TRY(fhir_extract_some(s->match_arena, &some, s->last_root, &k->sink));
    CLEANUP_BUF Buf key;
    buf_init(&key, (size_t)FHIR_QUERY_SORTS * 2 * (VALUE_MAX + 2));
    for (size_t i = 0; i < q->n_sorts; i++) {
        put_ordered(&key, &k->best[i], q->sorts[i].is_descending);
    }
    TRY(buf_ok(&key));
    *ret_key = arena_str(arena, buf_str(&key));
    if (ret_lead != NULL) {
        *ret_lead = k->best[0].found ? arena_str(arena, (Str){k->best[0].bytes, k->best[0].lead})
                                     : STR_EMPTY;
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}
