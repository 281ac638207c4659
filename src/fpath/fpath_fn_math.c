#include <math.h>

#include "fpath/fpath_fn_int.h"
#include "fpath/fpath_math_int.h"
#include "fpath/ucum.h"

enum { SCALE_MAX = 28, DEFAULT_DIGITS = 8 };

int64_t fpath_whole(Decimal d) {
    if (decimal_is_nan(d)) {
        return 0;
    }
    Decimal whole = decimal_round(d, 0);
    if (decimal_is_nan(whole)) {
        return decimal_is_negative(d) ? INT64_MIN : INT64_MAX;
    }
    Decimal one = decimal_from_i64(1);
    int cmp = decimal_cmp(whole, d);
    if (cmp > 0 && !decimal_is_negative(d)) {
        whole = decimal_sub(whole, one);
    } else if (cmp < 0 && decimal_is_negative(d)) {
        whole = decimal_add(whole, one);
    }
    int64_t value;
    if (decimal_to_i64(whole, &value) != ERR_OK) {
        return decimal_is_negative(d) ? INT64_MIN : INT64_MAX;
    }
    return value;
}

/* ---- helpers */

static ErrCode empty(FpathRun *r, size_t base) {
    r->top = base;
    return ERR_OK;
}

/* The input number as a decimal; *ret_integer: it was an integer. */
static ErrCode number(FpathRun *r, const FpathNode *n, size_t base, FpathItem *ret_item,
                      bool *ret_found) {
    TRY(fpath_input(r, n, base, ret_item, ret_found));
    if (*ret_found && ret_item->kind != FPATH_INTEGER && ret_item->kind != FPATH_DECIMAL) {
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
    return ERR_OK;
}
static Decimal as_decimal(const FpathItem *v) {
    return v->kind == FPATH_INTEGER ? decimal_from_i64(v->integer) : v->decimal;
}

/* NaN (not exact, out of range) is empty. */
static ErrCode give_decimal(FpathRun *r, size_t base, Decimal d) {
    FpathItem item = fpath_item_decimal(d);
    return decimal_is_nan(d) ? empty(r, base) : fpath_give(r, base, &item);
}
static ErrCode give_double(FpathRun *r, size_t base, double value) {
    char text[40];
    Decimal d;
    int len = snprintf(text, sizeof(text), "%.15g", value);
    if (!isfinite(value) || decimal_parse((Str){text, (size_t)len}, &d) != ERR_OK) {
        return empty(r, base);
    }
    return give_decimal(r, base, d);
}
static ErrCode give_integer(FpathRun *r, size_t base, int64_t value) {
    FpathItem item = fpath_item_integer(value);
    return value > INT32_MAX || value < INT32_MIN ? empty(r, base) : fpath_give(r, base, &item);
}

/* ---- rounding */

ErrCode fpath_fn_abs(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    FpathItem v;
    bool found = false;
    TRY(fpath_input(r, n, base, &v, &found));
    if (!found) {
        return empty(r, base);
    }
    if (v.kind == FPATH_INTEGER) {
        v.integer = v.integer < 0 ? -v.integer : v.integer;
    } else if (v.kind == FPATH_DECIMAL) {
        v.decimal = decimal_is_negative(v.decimal) ? decimal_neg(v.decimal) : v.decimal;
    } else if (v.kind == FPATH_QUANTITY) {
        Decimal d = v.quantity.value;
        v.quantity.value = decimal_is_negative(d) ? decimal_neg(d) : d;
    } else {
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
    return fpath_give(r, base, &v);
}

/* direction: 1 up, -1 down, 0 towards zero */
static ErrCode to_whole(FpathRun *r, const FpathNode *n, size_t base, int direction) {
    FpathItem v;
    bool found = false;
    TRY(number(r, n, base, &v, &found));
    if (!found) {
        return empty(r, base);
    }
    Decimal d = as_decimal(&v);
    int64_t whole = fpath_whole(d);
    if (whole == INT64_MAX || whole == INT64_MIN) {
        return empty(r, base);
    }
    int cmp = decimal_cmp(d, decimal_from_i64(whole));
    if (direction != 0 && cmp == direction) {
        whole += direction;
    }
    return give_integer(r, base, whole);
}
ErrCode fpath_fn_ceiling(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return to_whole(r, n, base, 1);
}
ErrCode fpath_fn_floor(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return to_whole(r, n, base, -1);
}
ErrCode fpath_fn_truncate(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return to_whole(r, n, base, 0);
}

ErrCode fpath_fn_round(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    FpathItem v;
    int64_t digits = 0;
    bool found = false;
    bool has_digits = true;
    TRY(number(r, n, base, &v, &found));
    if (n->n_args > 0) {
        TRY(fpath_arg_int(r, n, 0, s, &digits, &has_digits));
    }
    if (!found || !has_digits) {
        return empty(r, base);
    }
    if (digits < 0) {
        return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
    }
    if (v.kind == FPATH_INTEGER || digits >= decimal_scale(v.decimal)) {
        return give_decimal(r, base, as_decimal(&v));
    }
    return give_decimal(r, base, decimal_round(v.decimal, (int)MIN(digits, SCALE_MAX)));
}

/* ---- transcendental: by doubles, fifteen digits */

typedef double (*Real)(double);
static ErrCode real(FpathRun *r, const FpathNode *n, size_t base, Real fn) {
    FpathItem v;
    bool found = false;
    TRY(number(r, n, base, &v, &found));
    return found ? give_double(r, base, fn(decimal_to_double(as_decimal(&v)))) : empty(r, base);
}
ErrCode fpath_fn_exp(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return real(r, n, base, exp);
}
ErrCode fpath_fn_ln(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return real(r, n, base, log);
}
ErrCode fpath_fn_sqrt(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return real(r, n, base, sqrt);
}

/* The number argument. */
static ErrCode number_arg(FpathRun *r, FPATH_FN_ARGS, FpathItem *ret_item, bool *ret_found) {
    TRY(fpath_arg(r, n, 0, s, ret_item, ret_found));
    if (*ret_found && ret_item->kind != FPATH_INTEGER && ret_item->kind != FPATH_DECIMAL) {
        return fpath_stop(r, n, FPATH_MSG_ARGUMENT);
    }
    return ERR_OK;
}

ErrCode fpath_fn_log(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    FpathItem v;
    FpathItem of;
    bool found[2] = {false, false};
    TRY(number(r, n, base, &v, &found[0]));
    TRY(number_arg(r, n, s, &of, &found[1]));
    if (!found[0] || !found[1]) {
        return empty(r, base);
    }
    return give_double(
        r, base, log(decimal_to_double(as_decimal(&v))) / log(decimal_to_double(as_decimal(&of))));
}

/* Exact for small whole exponents, as long as 34 digits suffice. */
static bool whole_power(const FpathItem *v, const FpathItem *exponent, Decimal *ret_value) {
    enum { EXACT_MAX = 128 };
    if (exponent->kind != FPATH_INTEGER || exponent->integer < 0 || exponent->integer > EXACT_MAX) {
        return false;
    }
    Decimal product = decimal_from_i64(1);
    for (int64_t i = 0; i < exponent->integer; i++) {
        product = decimal_mul(product, as_decimal(v));
    }
    *ret_value = product;
    return !decimal_is_nan(product);
}

ErrCode fpath_fn_power(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    FpathItem v;
    FpathItem exponent;
    bool found[2] = {false, false};
    TRY(number(r, n, base, &v, &found[0]));
    TRY(number_arg(r, n, s, &exponent, &found[1]));
    if (!found[0] || !found[1]) {
        return empty(r, base);
    }
    Decimal exact;
    if (!whole_power(&v, &exponent, &exact)) {
        return give_double(
            r, base,
            pow(decimal_to_double(as_decimal(&v)), decimal_to_double(as_decimal(&exponent))));
    }
    int64_t whole;
    if (v.kind == FPATH_INTEGER) {
        return decimal_to_i64(exact, &whole) == ERR_OK ? give_integer(r, base, whole)
                                                       : empty(r, base);
    }
    return give_decimal(r, base, exact);
}

/* ---- boundaries and precision */

/* Half a unit of the last digit away from zero, or towards it, with `digits` digits: what is cut
 * off there is rounded on the far side and dropped on the near one. */
static Decimal boundary(Decimal d, bool high, int digits) {
    Decimal half = decimal_from_scaled(5, decimal_scale(d) + 1);
    bool negative = decimal_is_negative(d);
    Decimal magnitude = negative ? decimal_neg(d) : d;
    bool outwards = high != negative || decimal_is_zero(d);
    Decimal edge = outwards ? decimal_add(magnitude, half) : decimal_sub(magnitude, half);
    Decimal rounded = decimal_round(edge, digits);
    if (!outwards && decimal_cmp(rounded, edge) > 0) {
        rounded = decimal_sub(rounded, decimal_from_scaled(1, digits));
    }
    return negative || (decimal_is_zero(d) && !high) ? decimal_neg(rounded) : rounded;
}

static ErrCode bound(FpathRun *r, FPATH_FN_ARGS, size_t base, bool high) {
    FpathItem v;
    int64_t digits = -1;
    bool found = false;
    bool has_digits = n->n_args == 0;
    TRY(fpath_input(r, n, base, &v, &found));
    if (n->n_args > 0) {
        TRY(fpath_arg_int(r, n, 0, s, &digits, &has_digits));
        if (has_digits && digits < 0) {
            return empty(r, base);
        }
    }
    if (!found || !has_digits) {
        return empty(r, base);
    }
    bool number = v.kind == FPATH_INTEGER || v.kind == FPATH_DECIMAL;
    if (number || v.kind == FPATH_QUANTITY) {
        digits = digits < 0 ? DEFAULT_DIGITS : digits;
        Decimal d = number ? as_decimal(&v) : v.quantity.value;
        if (digits > SCALE_MAX || decimal_scale(d) > SCALE_MAX) {
            return empty(r, base);
        }
        d = boundary(d, high, (int)digits);
        if (number) {
            return give_decimal(r, base, d);
        }
        v.quantity.value = d;
        return decimal_is_nan(d) ? empty(r, base) : fpath_give(r, base, &v);
    }
    if (v.kind != FPATH_DATE && v.kind != FPATH_DATE_TIME && v.kind != FPATH_TIME) {
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
    int64_t most = v.kind == FPATH_DATE ? 8 : v.kind == FPATH_DATE_TIME ? 17 : 9;
    return fpath_time_boundary(&v, high, digits < 0 ? most : digits) ? fpath_give(r, base, &v)
                                                                     : empty(r, base);
}
ErrCode fpath_fn_low_boundary(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return bound(r, n, s, base, false);
}
ErrCode fpath_fn_high_boundary(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return bound(r, n, s, base, true);
}

ErrCode fpath_fn_precision(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    FpathItem v;
    bool found = false;
    TRY(fpath_input(r, n, base, &v, &found));
    if (!found) {
        return empty(r, base);
    }
    switch (v.kind) {
    case FPATH_INTEGER:
        return give_integer(r, base, 0);
    case FPATH_DECIMAL:
        return give_integer(r, base, decimal_scale(v.decimal));
    case FPATH_DATE:
    case FPATH_DATE_TIME:
    case FPATH_TIME:
        return give_integer(r, base, fpath_time_digits(&v));
    default:
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
}

ErrCode fpath_fn_comparable(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    FpathItem v;
    FpathItem other;
    bool found[2] = {false, false};
    TRY(fpath_input(r, n, base, &v, &found[0]));
    TRY(fpath_arg(r, n, 0, s, &other, &found[1]));
    if (!found[0] || !found[1]) {
        return empty(r, base);
    }
    if (v.kind != FPATH_QUANTITY || other.kind != FPATH_QUANTITY) {
        return fpath_stop(r, n, FPATH_MSG_INPUT);
    }
    int cmp;
    return fpath_give_bool(r, base, fpath_quantity_cmp(&v.quantity, &other.quantity, &cmp));
}
