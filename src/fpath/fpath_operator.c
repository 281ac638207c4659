#include "core/limits.h"
#include "fpath/fpath_int.h"
#include "fpath/fpath_math_int.h"
#include "fpath/ucum.h"

/* ---- sequences */

static ErrCode sequences_equal(FpathRun *r, size_t base, size_t mid, FpathTruth *ret_truth) {
    size_t n = mid - base;
    if (n != r->top - mid) {
        *ret_truth = FPATH_FALSE;
        return ERR_OK;
    }
    FpathTruth all = FPATH_TRUE;
    for (size_t i = 0; i < n && all != FPATH_FALSE; i++) {
        TRY(fpath_charge(r, fpath_cost(&r->items[base + i])));
        FpathTruth one = fpath_equal(r->arena, &r->items[base + i], &r->items[mid + i]);
        all = one == FPATH_TRUE ? all : one;
    }
    *ret_truth = all;
    return ERR_OK;
}

static ErrCode equality(FpathRun *r, const FpathNode *n, size_t base, size_t mid) {
    if (base == mid || mid == r->top) {
        r->top = base;
        return ERR_OK;
    }
    FpathTruth equal = FPATH_UNKNOWN;
    TRY(sequences_equal(r, base, mid, &equal));
    if (equal == FPATH_UNKNOWN) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give_bool(r, base, (equal == FPATH_TRUE) == (n->op == FPATH_OP_EQUAL));
}

/* As many items, each with a partner of its own on the other side. */
static ErrCode sequences_equivalent(FpathRun *r, size_t base, size_t mid, bool *ret_value) {
    size_t n = mid - base;
    *ret_value = false;
    if (n != r->top - mid) {
        return ERR_OK;
    }
    for (size_t i = 0; i < n; i++) {
        size_t j = mid + i; /* what is found is swapped to the front */
        for (; j < r->top; j++) {
            TRY(fpath_charge(r, fpath_cost(&r->items[base + i])));
            if (fpath_equivalent(r->arena, &r->items[base + i], &r->items[j])) {
                break;
            }
        }
        if (j == r->top) {
            return ERR_OK;
        }
        FpathItem found = r->items[j];
        r->items[j] = r->items[mid + i];
        r->items[mid + i] = found;
    }
    *ret_value = true;
    return ERR_OK;
}

static ErrCode equivalence(FpathRun *r, const FpathNode *n, size_t base, size_t mid) {
    bool value = false;
    TRY(sequences_equivalent(r, base, mid, &value));
    return fpath_give_bool(r, base, value == (n->op == FPATH_OP_EQUIVALENT));
}

/* `in`: the left item among the right ones; `contains` the other way round. */
static ErrCode membership(FpathRun *r, const FpathNode *n, size_t base, size_t mid) {
    bool in = n->op == FPATH_OP_IN;
    size_t one = in ? base : mid;
    size_t n_one = in ? mid - base : r->top - mid;
    size_t from = in ? mid : base;
    size_t to = in ? r->top : mid;
    if (n_one == 0) {
        r->top = base;
        return ERR_OK;
    }
    if (n_one > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    bool found = false;
    for (size_t i = from; i < to && !found; i++) {
        TRY(fpath_charge(r, fpath_cost(&r->items[one])));
        found = fpath_equal(r->arena, &r->items[one], &r->items[i]) == FPATH_TRUE;
    }
    return fpath_give_bool(r, base, found);
}

/* ---- single operands */

/* Both sides as System values; found false: one is empty (the result is, too). */
static ErrCode operands(FpathRun *r, const FpathNode *n, const size_t at[2], FpathItem ret[2],
                        bool *ret_found) {
    *ret_found = false;
    size_t count[2] = {at[1] - at[0], r->top - at[1]};
    if (count[0] > 1 || count[1] > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    if (count[0] == 0 || count[1] == 0) {
        return ERR_OK;
    }
    for (int i = 0; i < 2; i++) {
        const FpathItem *item = &r->items[at[i]];
        if (fpath_system(r->arena, item, &ret[i])) {
            continue;
        }
        bool has_none = fhir_shape(item->shape)->kind == FHIR_KIND_PRIMITIVE ||
                        fpath_shape_is(item->shape, FHIR_T_QUANTITY);
        return has_none ? ERR_OK : fpath_stop(r, n, FPATH_MSG_OPERAND);
    }
    *ret_found = true;
    return ERR_OK;
}

static ErrCode comparison(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    FpathOrder order;
    if (!fpath_order(r->arena, &v[0], &v[1], &order)) {
        return fpath_stop(r, n, FPATH_MSG_OPERAND);
    }
    if (!order.known) {
        r->top = base;
        return ERR_OK;
    }
    bool value = n->op == FPATH_OP_LESS         ? order.cmp < 0
                 : n->op == FPATH_OP_GREATER    ? order.cmp > 0
                 : n->op == FPATH_OP_LESS_EQUAL ? order.cmp <= 0
                                                : order.cmp >= 0;
    return fpath_give_bool(r, base, value);
}

static ErrCode give_joined(FpathRun *r, const FpathNode *n, size_t base, const Str texts[2]) {
    size_t len = texts[0].len + texts[1].len;
    if (len > LIMIT_FPATH_TEXT_BYTES) {
        return fpath_stop(r, n, FPATH_MSG_TEXT);
    }
    TRY(fpath_charge(r, len / 64));
    char *text = arena_alloc(r->arena, len + 1);
    if (text == NULL) {
        return fpath_stop(r, n, FPATH_MSG_NOMEM);
    }
    memcpy(text, texts[0].ptr, texts[0].len);
    memcpy(text + texts[0].len, texts[1].ptr, texts[1].len);
    FpathItem item = fpath_item_str((Str){text, len});
    return fpath_give(r, base, &item);
}

/* &: what is empty counts as '' */
static ErrCode concat(FpathRun *r, const FpathNode *n, size_t base, size_t mid) {
    Str texts[2] = {STR_EMPTY, STR_EMPTY};
    const size_t from[2] = {base, mid};
    const size_t to[2] = {mid, r->top};
    for (int i = 0; i < 2; i++) {
        if (to[i] - from[i] > 1) {
            return fpath_stop(r, n, FPATH_MSG_SINGLE);
        }
        FpathItem v;
        if (to[i] > from[i] && fpath_system(r->arena, &r->items[from[i]], &v)) {
            texts[i] = fpath_item_string(r->arena, &r->items[from[i]]);
        } else if (to[i] > from[i] &&
                   fhir_shape(r->items[from[i]].shape)->kind != FHIR_KIND_PRIMITIVE) {
            return fpath_stop(r, n, FPATH_MSG_OPERAND);
        }
    }
    return give_joined(r, n, base, texts);
}

/* ---- numbers */

static bool is_number(const FpathItem *v) {
    return v->kind == FPATH_INTEGER || v->kind == FPATH_DECIMAL;
}
static Decimal as_decimal(const FpathItem *v) {
    return v->kind == FPATH_INTEGER ? decimal_from_i64(v->integer) : v->decimal;
}

Decimal fpath_divide(Decimal a, Decimal b) {
    double q = decimal_to_double(a) / decimal_to_double(b);
    int digits = 8;
    for (double limit = 1e8; digits < 30 && q < limit && q > -limit && limit > 1e-14; limit /= 10) {
        digits++; /* sixteen digits that count */
    }
    Decimal d = decimal_div(a, b, digits);
    return decimal_is_nan(d) ? decimal_div(a, b, 0) : decimal_reduce(d);
}

/* The whole part of a / b, towards zero. */
static Decimal whole_quotient(Decimal a, Decimal b) {
    Decimal q = decimal_div(a, b, 0);
    Decimal rest = decimal_sub(a, decimal_mul(q, b));
    /* rounded away from zero: the rest then has the other sign than a */
    if (!decimal_is_zero(rest) && decimal_is_negative(rest) != decimal_is_negative(a)) {
        bool negative = decimal_is_negative(a) != decimal_is_negative(b);
        q = negative ? decimal_add(q, decimal_from_i64(1)) : decimal_sub(q, decimal_from_i64(1));
    }
    return q;
}

static Decimal decimal_result(FpathOp op, Decimal a, Decimal b) {
    switch ((int)op) {
    case FPATH_OP_ADD:
        return decimal_add(a, b);
    case FPATH_OP_SUBTRACT:
        return decimal_sub(a, b);
    case FPATH_OP_MULTIPLY:
        return decimal_mul(a, b);
    case FPATH_OP_DIVIDE:
        return fpath_divide(a, b);
    case FPATH_OP_DIV:
        return whole_quotient(a, b);
    default:
        return decimal_sub(a, decimal_mul(whole_quotient(a, b), b));
    }
}

/* Results outside the type's range are empty (N1: overflow). */
static ErrCode give_number(FpathRun *r, size_t base, Decimal d, bool integer) {
    FpathItem item = fpath_item_decimal(d);
    int64_t whole = 0;
    if (integer) {
        if (decimal_to_i64(d, &whole) != ERR_OK || whole > INT32_MAX || whole < INT32_MIN) {
            r->top = base;
            return ERR_OK;
        }
        item = fpath_item_integer(whole);
    } else if (decimal_is_nan(d)) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give(r, base, &item);
}

/* +, -, * of integers: no detour by decimals. Literals and counts stay far below 2^62. */
static ErrCode whole_numbers(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    int64_t result = 0;
    bool over = n->op == FPATH_OP_ADD ? __builtin_add_overflow(v[0].integer, v[1].integer, &result)
                : n->op == FPATH_OP_SUBTRACT
                    ? __builtin_sub_overflow(v[0].integer, v[1].integer, &result)
                    : __builtin_mul_overflow(v[0].integer, v[1].integer, &result);
    if (over || result > INT32_MAX || result < INT32_MIN) {
        r->top = base;
        return ERR_OK;
    }
    FpathItem item = fpath_item_integer(result);
    return fpath_give(r, base, &item);
}

static ErrCode numbers(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    bool integers = v[0].kind == FPATH_INTEGER && v[1].kind == FPATH_INTEGER;
    if (integers && n->op <= FPATH_OP_MULTIPLY) {
        return whole_numbers(r, n, base, v);
    }
    Decimal a = as_decimal(&v[0]);
    Decimal b = as_decimal(&v[1]);
    bool divides = n->op == FPATH_OP_DIVIDE || n->op == FPATH_OP_DIV || n->op == FPATH_OP_MOD;
    if (divides && decimal_is_zero(b)) {
        r->top = base;
        return ERR_OK;
    }
    bool integer = n->op == FPATH_OP_DIV || (integers && n->op != FPATH_OP_DIVIDE);
    return give_number(r, base, decimal_result((FpathOp)n->op, a, b), integer);
}

/* ---- quantities */

static FpathQuantity as_quantity(const FpathItem *v) {
    if (v->kind == FPATH_QUANTITY) {
        return v->quantity;
    }
    return (FpathQuantity){.value = as_decimal(v), .unit = STR("1")};
}

/* b in a's unit. */
static bool same_unit(const FpathQuantity *a, FpathQuantity *b) {
    if (a->calendar == b->calendar && str_eq(a->unit, b->unit)) {
        return true;
    }
    UcumUnit ua;
    UcumUnit ub;
    if (a->calendar || b->calendar || ucum_parse(a->unit, &ua) != ERR_OK ||
        ucum_parse(b->unit, &ub) != ERR_OK) {
        return false;
    }
    return ucum_convert(b->value, &ub, &ua, &b->value) == ERR_OK;
}

/* "cm" and "m" make "cm.m" or "cm/m"; what has operators is put into brackets. */
static Str joined_unit(Arena *arena, Str a, Str b, bool divide) {
    bool one_a = str_eq(a, STR("1"));
    bool one_b = str_eq(b, STR("1"));
    if (divide && str_eq(a, b)) {
        return STR("1");
    }
    if (one_b || (one_a && !divide)) {
        return one_b ? a : b;
    }
    bool compound = str_find_char(b, '.', 0) != SIZE_MAX || str_find_char(b, '/', 0) != SIZE_MAX;
    return arena_printf(arena, STR_FMT "%s%s" STR_FMT "%s", STR_ARG(a), divide ? "/" : ".",
                        compound ? "(" : "", STR_ARG(b), compound ? ")" : "");
}

static ErrCode scaled(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    FpathQuantity a = as_quantity(&v[0]);
    FpathQuantity b = as_quantity(&v[1]);
    bool divide = n->op == FPATH_OP_DIVIDE;
    FpathItem item = {.kind = FPATH_QUANTITY};
    if (divide && decimal_is_zero(b.value)) {
        r->top = base;
        return ERR_OK;
    }
    item.quantity.value = divide ? fpath_divide(a.value, b.value) : decimal_mul(a.value, b.value);
    /* a number of days stays one when it is multiplied; all else has UCUM's units */
    item.quantity.calendar = a.calendar != b.calendar && (a.calendar || !divide) &&
                             str_eq((a.calendar ? b : a).unit, STR("1"));
    item.quantity.unit = item.quantity.calendar ? (a.calendar ? a : b).unit
                                                : joined_unit(r->arena, fpath_definite_unit(&a),
                                                              fpath_definite_unit(&b), divide);
    if (decimal_is_nan(item.quantity.value)) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give(r, base, &item);
}

static ErrCode quantities(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    bool adds = n->op == FPATH_OP_ADD || n->op == FPATH_OP_SUBTRACT;
    if (n->op == FPATH_OP_MULTIPLY || n->op == FPATH_OP_DIVIDE) {
        return scaled(r, n, base, v);
    }
    if (!adds || v[0].kind != v[1].kind) {
        return fpath_stop(r, n, FPATH_MSG_OPERAND);
    }
    FpathItem item = v[0];
    FpathQuantity other = v[1].quantity;
    if (!same_unit(&item.quantity, &other)) {
        r->top = base;
        return ERR_OK;
    }
    item.quantity.value = decimal_result((FpathOp)n->op, item.quantity.value, other.value);
    return fpath_give(r, base, &item);
}

/* ---- dates and times */

/* The calendar unit of a time-valued quantity; years and months as UCUM codes are no calendar. */
static int time_unit(const FpathQuantity *q) {
    static const struct {
        const char *code;
        int unit;
    } CODES[] = {{"wk", FPATH_WEEK},    {"d", FPATH_DAY},    {"h", FPATH_HOUR},
                 {"min", FPATH_MINUTE}, {"s", FPATH_SECOND}, {"ms", FPATH_MS}};
    int calendar = fpath_calendar_unit(q->unit);
    for (size_t i = 0; calendar < 0 && i < ARRAY_LEN(CODES); i++) {
        if (str_eq(q->unit, str_from(CODES[i].code))) {
            return CODES[i].unit;
        }
    }
    return calendar;
}

/* Fractions of the unit are cut off, those of seconds down to milliseconds. */
static ErrCode time_shift(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    const FpathQuantity *q = &v[1].quantity;
    int unit = time_unit(q);
    if (unit < 0) {
        return fpath_fail(&r->source, n->at, FPATH_MSG_UNIT, q->unit);
    }
    Decimal count = q->value;
    if (unit == FPATH_WEEK) {
        count = decimal_mul(decimal_from_i64(fpath_whole(count)), decimal_from_i64(7));
        unit = FPATH_DAY;
    } else if (unit == FPATH_SECOND && v[0].time.precision >= FPATH_SECOND) {
        count = decimal_mul(count, decimal_from_i64(1000));
        unit = FPATH_MS;
    }
    int64_t whole = fpath_whole(count);
    FpathItem item = v[0];
    if (!fpath_time_add((FpathKind)item.kind, &item.time, (FpathPrecision)unit,
                        n->op == FPATH_OP_SUBTRACT ? -whole : whole)) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give(r, base, &item);
}

static ErrCode arithmetic(FpathRun *r, const FpathNode *n, size_t base, const FpathItem v[2]) {
    bool adds = n->op == FPATH_OP_ADD || n->op == FPATH_OP_SUBTRACT;
    if (is_number(&v[0]) && is_number(&v[1])) {
        return numbers(r, n, base, v);
    }
    if (n->op == FPATH_OP_ADD && v[0].kind == FPATH_STRING && v[1].kind == FPATH_STRING) {
        return give_joined(r, n, base, (Str[2]){v[0].string, v[1].string});
    }
    if (adds && v[0].kind >= FPATH_DATE && v[0].kind <= FPATH_TIME && v[1].kind == FPATH_QUANTITY) {
        return time_shift(r, n, base, v);
    }
    if ((v[0].kind == FPATH_QUANTITY || is_number(&v[0])) &&
        (v[1].kind == FPATH_QUANTITY || is_number(&v[1]))) {
        return quantities(r, n, base, v);
    }
    return fpath_stop(r, n, FPATH_MSG_OPERAND);
}

ErrCode fpath_binary(FpathRun *r, const FpathNode *n, size_t base, size_t mid) {
    switch (n->op) {
    case FPATH_OP_EQUAL:
    case FPATH_OP_NOT_EQUAL:
        return equality(r, n, base, mid);
    case FPATH_OP_EQUIVALENT:
    case FPATH_OP_NOT_EQUIVALENT:
        return equivalence(r, n, base, mid);
    case FPATH_OP_IN:
    case FPATH_OP_CONTAINS:
        return membership(r, n, base, mid);
    case FPATH_OP_UNION:
        return fpath_distinct(r, base);
    case FPATH_OP_CONCAT:
        return concat(r, n, base, mid);
    default:
        break;
    }
    FpathItem v[2];
    bool found = false;
    TRY(operands(r, n, (const size_t[2]){base, mid}, v, &found));
    if (!found) {
        r->top = base;
        return ERR_OK;
    }
    bool compares = n->op >= FPATH_OP_LESS && n->op <= FPATH_OP_GREATER_EQUAL;
    return compares ? comparison(r, n, base, v) : arithmetic(r, n, base, v);
}
