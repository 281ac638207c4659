#include "fpath/fpath_fn_int.h"
#include "fpath/ucum.h"

/* A conversion turns *value into another type; false: it cannot. */
typedef bool (*Convert)(FpathRun *r, FpathItem *value);

static ErrCode to(FpathRun *r, const FpathNode *n, size_t base, Convert convert) {
    FpathItem v;
    bool found = false;
    TRY(fpath_input(r, n, base, &v, &found));
    if (!found || !convert(r, &v)) {
        r->top = base;
        return ERR_OK;
    }
    return fpath_give(r, base, &v);
}

/* convertsTo…: empty stays empty; an object converts to nothing. */
static ErrCode can(FpathRun *r, const FpathNode *n, size_t base, Convert convert) {
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    if (r->top == base) {
        return ERR_OK;
    }
    FpathItem v;
    return fpath_give_bool(r, base, fpath_system(r->arena, &r->items[base], &v) && convert(r, &v));
}

static bool convert_boolean(FpathRun *r, FpathItem *v) {
    (void)r;
    static const char *const TRUES[] = {"true", "t", "yes", "y", "1", "1.0"};
    static const char *const FALSES[] = {"false", "f", "no", "n", "0", "0.0"};
    if (v->kind == FPATH_BOOLEAN) {
        return true;
    }
    if (v->kind == FPATH_INTEGER || v->kind == FPATH_DECIMAL) {
        Decimal d = v->kind == FPATH_INTEGER ? decimal_from_i64(v->integer) : v->decimal;
        bool one = decimal_cmp(d, decimal_from_i64(1)) == 0;
        bool zero = decimal_is_zero(d);
        *v = fpath_item_boolean(one);
        return one || zero;
    }
    if (v->kind != FPATH_STRING) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(TRUES); i++) {
        bool yes = str_eq_nocase(v->string, str_from(TRUES[i]));
        if (yes || str_eq_nocase(v->string, str_from(FALSES[i]))) {
            *v = fpath_item_boolean(yes);
            return true;
        }
    }
    return false;
}

/* [+-]digits[.digits] */
static bool is_numeral(Str s, bool fraction) {
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
    size_t before = at;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
        at++;
    }
    if (at == before) {
        return false;
    }
    if (fraction && at < s.len && s.ptr[at] == '.') {
        before = ++at;
        while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9') {
            at++;
        }
        if (at == before) {
            return false;
        }
    }
    return at == s.len;
}

static bool convert_integer(FpathRun *r, FpathItem *v) {
    (void)r;
    if (v->kind == FPATH_INTEGER) {
        return true;
    }
    if (v->kind == FPATH_BOOLEAN) {
        *v = fpath_item_integer(v->boolean);
        return true;
    }
    Decimal d;
    int64_t whole;
    if (v->kind != FPATH_STRING || !is_numeral(v->string, false) ||
        decimal_parse(v->string, &d) != ERR_OK || decimal_to_i64(d, &whole) != ERR_OK ||
        whole > INT32_MAX || whole < INT32_MIN) {
        return false;
    }
    *v = fpath_item_integer(whole);
    return true;
}

static bool convert_decimal(FpathRun *r, FpathItem *v) {
    (void)r;
    Decimal d;
    switch (v->kind) {
    case FPATH_DECIMAL:
        return true;
    case FPATH_INTEGER:
        *v = fpath_item_decimal(decimal_from_i64(v->integer));
        return true;
    case FPATH_BOOLEAN:
        *v = fpath_item_decimal(decimal_from_scaled(v->boolean ? 10 : 0, 1));
        return true;
    case FPATH_STRING:
        if (!is_numeral(v->string, true) || decimal_parse(v->string, &d) != ERR_OK) {
            return false;
        }
        *v = fpath_item_decimal(d);
        return true;
    default:
        return false;
    }
}

static bool convert_string(FpathRun *r, FpathItem *v) {
    if (v->kind == FPATH_TYPE) {
        return false;
    }
    *v = fpath_item_str(fpath_item_string(r->arena, v));
    return true;
}

static bool convert_time(FpathItem *v, FpathKind kind) {
    if (v->kind == kind) {
        return true;
    }
    if (v->kind == FPATH_STRING) {
        FpathTime t;
        if (!fpath_time_parse(v->string, kind, &t)) {
            return false;
        }
        v->kind = (uint8_t)kind;
        v->time = t;
        return true;
    }
    if (v->kind == FPATH_DATE && kind == FPATH_DATE_TIME) {
        v->kind = (uint8_t)kind;
        return true;
    }
    if (v->kind == FPATH_DATE_TIME && kind == FPATH_DATE) {
        if (v->time.precision > FPATH_DAY) {
            Civil c = time_civil(v->time.wall, 0);
            c.hour = c.minute = c.second = c.ms = 0;
            v->time = (FpathTime){.wall = time_from_civil(&c, 0), .precision = FPATH_DAY};
        }
        v->kind = (uint8_t)kind;
        return true;
    }
    return false;
}
static bool convert_date(FpathRun *r, FpathItem *v) {
    (void)r;
    return convert_time(v, FPATH_DATE);
}
static bool convert_date_time(FpathRun *r, FpathItem *v) {
    (void)r;
    return convert_time(v, FPATH_DATE_TIME);
}
static bool convert_clock(FpathRun *r, FpathItem *v) {
    (void)r;
    return convert_time(v, FPATH_TIME);
}

static bool convert_quantity(FpathRun *r, FpathItem *v) {
    if (v->kind == FPATH_QUANTITY) {
        return true;
    }
    FpathQuantity q;
    if (v->kind == FPATH_STRING) {
        if (!fpath_quantity_parse(r->arena, v->string, &q)) {
            return false;
        }
    } else {
        if (!convert_decimal(r, v)) {
            return false;
        }
        q = (FpathQuantity){.value = v->decimal, .unit = STR("1")};
    }
    *v = (FpathItem){.kind = FPATH_QUANTITY};
    v->quantity = q;
    return true;
}

#define CONVERSION(fn, convert)                                                                    \
    ErrCode fpath_fn_to_##fn(FpathRun *r, FPATH_FN_ARGS, size_t base) {                            \
        (void)s;                                                                                   \
        return to(r, n, base, convert);                                                            \
    }                                                                                              \
    ErrCode fpath_fn_converts_to_##fn(FpathRun *r, FPATH_FN_ARGS, size_t base) {                   \
        (void)s;                                                                                   \
        return can(r, n, base, convert);                                                           \
    }
CONVERSION(boolean, convert_boolean)
CONVERSION(integer, convert_integer)
CONVERSION(decimal, convert_decimal)
CONVERSION(date, convert_date)
CONVERSION(date_time, convert_date_time)
CONVERSION(time, convert_clock)

ErrCode fpath_fn_converts_to_string(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    return can(r, n, base, convert_string);
}
/* Primitives of FHIR as they are written. */
ErrCode fpath_fn_to_string(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    FpathItem v;
    if (r->top == base || !fpath_system(r->arena, &r->items[base], &v) || v.kind == FPATH_TYPE) {
        r->top = base;
        return ERR_OK;
    }
    FpathItem text = fpath_item_str(fpath_item_string(r->arena, &r->items[base]));
    return fpath_give(r, base, &text);
}

/* toQuantity('mg'): the value in that unit. */
static bool in_unit(Arena *arena, FpathQuantity *q, Str unit) {
    FpathQuantity wanted;
    Str quoted = arena_printf(arena, "1 '" STR_FMT "'", STR_ARG(unit));
    int calendar = fpath_calendar_unit(unit);
    if (str_eq(q->unit, unit) ||
        (q->calendar && calendar >= 0 && str_eq(q->unit, fpath_calendar_name(calendar)))) {
        return true;
    }
    UcumUnit from;
    UcumUnit target;
    if (q->calendar || !fpath_quantity_parse(arena, quoted, &wanted) ||
        ucum_parse(q->unit, &from) != ERR_OK || ucum_parse(unit, &target) != ERR_OK ||
        ucum_convert(q->value, &from, &target, &q->value) != ERR_OK) {
        return false;
    }
    q->unit = wanted.unit;
    return true;
}

static ErrCode quantity(FpathRun *r, FPATH_FN_ARGS, size_t base, bool *ret_ok) {
    Str unit = STR_EMPTY;
    bool has_unit = false;
    if (n->n_args > 0) {
        TRY(fpath_arg_str(r, n, 0, s, &unit, &has_unit));
    }
    FpathItem v;
    bool found = false;
    TRY(fpath_input(r, n, base, &v, &found));
    *ret_ok =
        found && convert_quantity(r, &v) && (!has_unit || in_unit(r->arena, &v.quantity, unit));
    if (*ret_ok) {
        return fpath_give(r, base, &v);
    }
    r->top = base;
    return ERR_OK;
}
ErrCode fpath_fn_to_quantity(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    bool ok = false;
    return quantity(r, n, s, base, &ok);
}
ErrCode fpath_fn_converts_to_quantity(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    if (r->top == base) {
        return ERR_OK;
    }
    bool ok = false;
    TRY(quantity(r, n, s, base, &ok));
    return fpath_give_bool(r, base, ok);
}
