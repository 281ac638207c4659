#include <math.h>

#include "core/fold.h"
#include "core/hash.h"
#include "fpath/fpath_int.h"
#include "fpath/ucum.h"

static FpathTruth truth(bool value) {
    return value ? FPATH_TRUE : FPATH_FALSE;
}

/* ---- decimals */

static Decimal as_decimal(const FpathItem *v) {
    return v->kind == FPATH_INTEGER ? decimal_from_i64(v->integer) : v->decimal;
}
static bool is_number(const FpathItem *v) {
    return v->kind == FPATH_INTEGER || v->kind == FPATH_DECIMAL;
}
static int compare_numbers(const FpathItem *a, const FpathItem *b) {
    if (a->kind == FPATH_INTEGER && b->kind == FPATH_INTEGER) {
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
    return decimal_cmp(as_decimal(a), as_decimal(b));
}

bool fpath_decimal_equivalent(Decimal a, Decimal b) {
    a = decimal_reduce(a);
    b = decimal_reduce(b);
    int scale = MIN(MIN(decimal_scale(a), decimal_scale(b)), 30);
    return decimal_cmp(decimal_round(a, scale), decimal_round(b, scale)) == 0;
}

/* ---- quantities */

/* A calendar duration in months (years, months) or in milliseconds (weeks and finer). */
static Decimal calendar_value(const FpathQuantity *q, bool *ret_months) {
    static const int64_t MS[] = {[FPATH_DAY] = TIME_DAY_MS,
                                 [FPATH_HOUR] = TIME_HOUR_MS,
                                 [FPATH_MINUTE] = TIME_MINUTE_MS,
                                 [FPATH_SECOND] = TIME_SECOND_MS,
                                 [FPATH_MS] = 1,
                                 [FPATH_WEEK] = 7 * TIME_DAY_MS};
    int unit = fpath_calendar_unit(q->unit);
    assert(unit >= 0);
    *ret_months = unit <= FPATH_MONTH;
    int64_t factor = unit == FPATH_YEAR ? 12 : unit == FPATH_MONTH ? 1 : MS[unit];
    return decimal_mul(q->value, decimal_from_i64(factor));
}

Str fpath_definite_unit(const FpathQuantity *q) {
    static const char *const CODES[] = {"a", "mo", "d", "h", "min", "s", "ms", "wk"};
    return q->calendar ? str_from(CODES[fpath_calendar_unit(q->unit)]) : q->unit;
}

/* Codes that are no UCUM compare with themselves only. */
static bool compare_definite(const FpathQuantity *a, const FpathQuantity *b, int *ret_cmp) {
    Str unit_a = fpath_definite_unit(a);
    Str unit_b = fpath_definite_unit(b);
    if (str_eq(unit_a, unit_b)) {
        *ret_cmp = decimal_cmp(a->value, b->value);
        return true;
    }
    UcumUnit ua;
    UcumUnit ub;
    return ucum_parse(unit_a, &ua) == ERR_OK && ucum_parse(unit_b, &ub) == ERR_OK &&
           ucum_cmp((const Decimal[2]){a->value, b->value}, &ua, &ub, ret_cmp) == ERR_OK;
}

bool fpath_quantity_cmp(const FpathQuantity *a, const FpathQuantity *b, int *ret_cmp) {
    bool months_a = false;
    bool months_b = false;
    if (a->calendar && b->calendar) {
        Decimal va = calendar_value(a, &months_a);
        Decimal vb = calendar_value(b, &months_b);
        *ret_cmp = decimal_cmp(va, vb);
        return months_a == months_b;
    }
    if (a->calendar || b->calendar) {
        (void)calendar_value(a->calendar ? a : b, &months_a);
        if (months_a) {
            return false; /* a calendar year is no definite number of seconds */
        }
    }
    return compare_definite(a, b, ret_cmp);
}

bool fpath_quantity_equivalent(const FpathQuantity *a, const FpathQuantity *b) {
    Str unit_a = fpath_definite_unit(a);
    Str unit_b = fpath_definite_unit(b);
    if (str_eq(unit_a, unit_b)) {
        return fpath_decimal_equivalent(a->value, b->value);
    }
    UcumUnit ua;
    UcumUnit ub;
    Decimal converted;
    if (ucum_parse(unit_a, &ua) != ERR_OK || ucum_parse(unit_b, &ub) != ERR_OK) {
        return false;
    }
    /* in the larger unit, so that the coarser value decides about the precision */
    if (ua.factor >= ub.factor) {
        return ucum_convert(b->value, &ub, &ua, &converted) == ERR_OK &&
               fpath_decimal_equivalent(a->value, converted);
    }
    return ucum_convert(a->value, &ua, &ub, &converted) == ERR_OK &&
           fpath_decimal_equivalent(b->value, converted);
}

/* Equal quantities meet in base units. Doubles that differ in their last bits only fall apart at
 * the steps of a scale that no written number meets: that of logarithms. */
uint64_t fpath_quantity_hash(const FpathQuantity *q) {
    static const double STEPS = 1e6;
    Str code = fpath_definite_unit(q);
    UcumUnit unit;
    double value = decimal_to_double(q->value);
    if (ucum_parse(code, &unit) != ERR_OK) {
        return hash64_mix(hash64(code), (uint64_t)(int64_t)floor(value));
    }
    value = ucum_base(q->value, &unit);
    uint64_t sign = value < 0 ? 1 : 2;
    return value == 0 ? 3 : hash64_mix(sign, (uint64_t)(int64_t)floor(log(fabs(value)) * STEPS));
}

/* A number beside a quantity is a quantity of unit '1'. */
static bool both_quantities(const FpathItem *a, const FpathItem *b, FpathQuantity ret[2]) {
    const FpathItem *items[2] = {a, b};
    if (a->kind != FPATH_QUANTITY && b->kind != FPATH_QUANTITY) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (items[i]->kind == FPATH_QUANTITY) {
            ret[i] = items[i]->quantity;
        } else if (is_number(items[i])) {
            ret[i] = (FpathQuantity){.value = as_decimal(items[i]), .unit = STR("1")};
        } else {
            return false;
        }
    }
    return true;
}

/* ---- times */

static bool is_date(const FpathItem *v) {
    return v->kind == FPATH_DATE || v->kind == FPATH_DATE_TIME;
}
static bool both_times(const FpathItem *a, const FpathItem *b) {
    return (is_date(a) && is_date(b)) || (a->kind == FPATH_TIME && b->kind == FPATH_TIME);
}

/* ---- System values */

static FpathTruth system_equal(const FpathItem *a, const FpathItem *b) {
    int cmp = 0;
    FpathQuantity q[2];
    if (is_number(a) && is_number(b)) {
        return truth(compare_numbers(a, b) == 0);
    }
    if (both_times(a, b)) {
        return fpath_time_cmp(a->time, b->time, &cmp) ? truth(cmp == 0) : FPATH_UNKNOWN;
    }
    if (both_quantities(a, b, q)) {
        return fpath_quantity_cmp(&q[0], &q[1], &cmp) ? truth(cmp == 0) : FPATH_UNKNOWN;
    }
    if (a->kind != b->kind) {
        return FPATH_FALSE;
    }
    return a->kind == FPATH_BOOLEAN ? truth(a->boolean == b->boolean)
                                    : truth(str_eq(a->string, b->string));
}

static bool text_equivalent(Arena *arena, Str a, Str b) {
    if (str_eq(a, b)) {
        return true;
    }
    /* case, and runs of white space */
    Str texts[2] = {fold_case(arena, str_trim(a)), fold_case(arena, str_trim(b))};
    size_t at[2] = {0, 0};
    for (;;) {
        char c[2];
        for (int i = 0; i < 2; i++) {
            bool space = false;
            while (at[i] < texts[i].len && strchr(" \t\r\n", texts[i].ptr[at[i]]) != NULL) {
                space = true;
                at[i]++;
            }
            c[i] = space ? ' ' : at[i] < texts[i].len ? texts[i].ptr[at[i]++] : '\0';
        }
        if (c[0] != c[1]) {
            return false;
        }
        if (c[0] == '\0') {
            return at[0] >= texts[0].len && at[1] >= texts[1].len;
        }
    }
}

static bool system_equivalent(Arena *arena, const FpathItem *a, const FpathItem *b) {
    FpathQuantity q[2];
    int cmp = 0;
    if (is_number(a) && is_number(b)) {
        return fpath_decimal_equivalent(as_decimal(a), as_decimal(b));
    }
    if (both_times(a, b)) {
        return fpath_time_cmp(a->time, b->time, &cmp) && cmp == 0;
    }
    if (both_quantities(a, b, q)) {
        return fpath_quantity_equivalent(&q[0], &q[1]);
    }
    if (a->kind != b->kind) {
        return false;
    }
    return a->kind == FPATH_BOOLEAN ? a->boolean == b->boolean
                                    : text_equivalent(arena, a->string, b->string);
}

/* ---- nodes */

typedef struct Pairing {
    Arena *arena;
    bool equivalent; /* ~: order does not matter, primitives by ~ */
} Pairing;

static FpathTruth values(const Pairing *p, FhirShape shape, const JsonNode *a, const JsonNode *b);

static FpathTruth both(FpathTruth a, FpathTruth b) {
    return a == FPATH_FALSE || b == FPATH_FALSE ? FPATH_FALSE
           : a == FPATH_UNKNOWN                 ? FPATH_UNKNOWN
                                                : b;
}

static FpathTruth arrays(const Pairing *p, FhirShape shape, const JsonNode *a, const JsonNode *b) {
    if (json_count(a) != json_count(b)) {
        return FPATH_FALSE;
    }
    FpathTruth all = FPATH_TRUE;
    const JsonNode *y = json_first(b);
    for (const JsonNode *x = json_first(a); x != NULL; x = json_next(a, x)) {
        if (p->equivalent) {
            for (y = json_first(b); y != NULL && values(p, shape, x, y) != FPATH_TRUE;) {
                y = json_next(b, y);
            }
            if (y == NULL) {
                return FPATH_FALSE;
            }
            continue;
        }
        all = both(all, values(p, shape, x, y));
        if (all == FPATH_FALSE) {
            return all;
        }
        y = json_next(b, y);
    }
    return all;
}

static FpathTruth objects(const Pairing *p, FhirShape shape, const JsonNode *a, const JsonNode *b) {
    enum { MEMBERS_MAX = 512 }; /* no object of FHIR has as many: not worth a square */
    size_t n = json_count(a);
    if (n != json_count(b) || n > MEMBERS_MAX) {
        return truth(n > MEMBERS_MAX && str_eq(json_raw(a), json_raw(b)));
    }
    FpathTruth all = FPATH_TRUE;
    for (const JsonNode *m = json_first(a); m != NULL; m = json_next(a, m)) {
        Str name = {m->text, m->len};
        const JsonNode *other = json_get(b, name);
        bool sibling = name.len > 0 && name.ptr[0] == '_';
        const FhirElement *e = shape == 0 || sibling ? NULL : fhir_element(shape, name);
        FhirShape below = e != NULL ? e->shape : sibling ? (FhirShape)FHIR_T_ELEMENT : 0;
        all = other == NULL ? FPATH_FALSE : both(all, values(p, below, json_value(m), other));
        if (all == FPATH_FALSE) {
            return all;
        }
    }
    return all;
}

/* shape 0: not known; numbers still by value, texts as they are. */
static FpathTruth scalars(const Pairing *p, FhirShape shape, const JsonNode *a, const JsonNode *b) {
    FhirShape by = shape != 0               ? shape
                   : a->type == JSON_NUMBER ? (FhirShape)FHIR_T_DECIMAL
                   : a->type == JSON_STRING ? (FhirShape)FHIR_T_STRING
                                            : (FhirShape)FHIR_T_BOOLEAN;
    FpathItem x = fpath_item_node(by, a, a);
    FpathItem y = fpath_item_node(by, b, b);
    FpathItem va;
    FpathItem vb;
    if (!fpath_system(p->arena, &x, &va) || !fpath_system(p->arena, &y, &vb)) {
        return truth(str_eq(json_raw(a), json_raw(b)));
    }
    return p->equivalent ? truth(system_equivalent(p->arena, &va, &vb)) : system_equal(&va, &vb);
}

static FpathTruth values(const Pairing *p, FhirShape shape, const JsonNode *a, const JsonNode *b) {
    if (a == b) {
        return FPATH_TRUE;
    }
    if (a->type != b->type) {
        return FPATH_FALSE;
    }
    if (a->type == JSON_OBJECT) {
        FhirShape own = shape == 0 ? 0 : fpath_node_item(shape, a, a).shape;
        return objects(p, own, a, b);
    }
    return a->type == JSON_ARRAY ? arrays(p, shape, a, b) : scalars(p, shape, a, b);
}

/* Two items at least one of which has no System value. */
static FpathTruth nodes(const Pairing *p, const FpathItem *a, const FpathItem *b) {
    if (a->kind != FPATH_NODE || b->kind != FPATH_NODE) {
        return FPATH_FALSE;
    }
    if (a->node == NULL || b->node == NULL) {
        return truth(a->node == b->node && a->sibling != NULL && b->sibling != NULL &&
                     values(p, FHIR_T_ELEMENT, a->sibling, b->sibling) == FPATH_TRUE);
    }
    return values(p, a->shape, a->node, b->node);
}

FpathTruth fpath_equal(Arena *arena, const FpathItem *a, const FpathItem *b) {
    FpathItem x;
    FpathItem y;
    bool has_x = fpath_system(arena, a, &x);
    bool has_y = fpath_system(arena, b, &y);
    if (has_x && has_y) {
        return system_equal(&x, &y);
    }
    return has_x != has_y ? FPATH_FALSE : nodes(&(Pairing){arena, false}, a, b);
}

bool fpath_equivalent(Arena *arena, const FpathItem *a, const FpathItem *b) {
    FpathItem x;
    FpathItem y;
    bool has_x = fpath_system(arena, a, &x);
    bool has_y = fpath_system(arena, b, &y);
    if (has_x && has_y) {
        return system_equivalent(arena, &x, &y);
    }
    return has_x == has_y && nodes(&(Pairing){arena, true}, a, b) == FPATH_TRUE;
}

/* ---- order */

/* <, or an error: not of types that have an order. */
static bool ordered(const FpathItem *a, const FpathItem *b, FpathTruth *ret_known, int *ret_cmp) {
    FpathQuantity q[2];
    *ret_known = FPATH_TRUE;
    if (is_number(a) && is_number(b)) {
        *ret_cmp = compare_numbers(a, b);
    } else if (both_times(a, b)) {
        *ret_known = truth(fpath_time_cmp(a->time, b->time, ret_cmp));
    } else if (both_quantities(a, b, q)) {
        *ret_known = truth(fpath_quantity_cmp(&q[0], &q[1], ret_cmp));
    } else if (a->kind == FPATH_STRING && b->kind == FPATH_STRING) {
        *ret_cmp = str_cmp(a->string, b->string);
    } else {
        return false;
    }
    return true;
}

bool fpath_order(Arena *arena, const FpathItem *a, const FpathItem *b, FpathOrder *ret_order) {
    FpathItem x;
    FpathItem y;
    FpathTruth known = FPATH_TRUE;
    int cmp = 0;
    if (!fpath_system(arena, a, &x) || !fpath_system(arena, b, &y) ||
        !ordered(&x, &y, &known, &cmp)) {
        return false;
    }
    *ret_order = (FpathOrder){.known = known == FPATH_TRUE, .cmp = cmp};
    return true;
}

FpathTruth fpath_less(Arena *arena, const FpathItem *a, const FpathItem *b) {
    FpathOrder order;
    return fpath_order(arena, a, b, &order) && order.known ? truth(order.cmp < 0) : FPATH_UNKNOWN;
}
