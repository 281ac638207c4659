#include "fpath/ucum.h"

#include <math.h>

#include "fpath/ucum_int.h"

enum { CODE_MAX = 128, DEPTH_MAX = 24, POWER_MAX = 64 };

typedef struct Reader {
    Str s;
    size_t at;
    unsigned depth; /* of brackets and of definitions */
} Reader;

static const struct {
    const char *code;
    int power;
} PREFIXES[] = {{"da", 1}, {"Y", 24},  {"Z", 21},  {"E", 18},  {"P", 15},  {"T", 12}, {"G", 9},
                {"M", 6},  {"k", 3},   {"h", 2},   {"d", -1},  {"c", -2},  {"m", -3}, {"u", -6},
                {"n", -9}, {"p", -12}, {"f", -15}, {"a", -18}, {"z", -21}, {"y", -24}};
static const struct {
    const char *code;
    int64_t factor;
} BINARY[] = {{"Ki", INT64_C(1) << 10},
              {"Mi", INT64_C(1) << 20},
              {"Gi", INT64_C(1) << 30},
              {"Ti", INT64_C(1) << 40}};

static UcumUnit unity(void) {
    return (UcumUnit){.num = decimal_from_i64(1), .den = decimal_from_i64(1), .factor = 1};
}

static void scale(UcumUnit *u, Decimal by) {
    u->num = decimal_mul(u->num, by);
    u->factor *= decimal_to_double(by);
}
static Decimal from_text(Str text) {
    Decimal d;
    return decimal_parse(text, &d) == ERR_OK ? d : DECIMAL_NAN;
}
static Decimal power_of_ten(int power) {
    char text[16];
    int len = snprintf(text, sizeof(text), "1e%d", power);
    return from_text((Str){text, (size_t)len});
}

/* a := a · b (sign 1) or a / b (sign -1); false: dimensions out of range, or two own ones. */
static bool combine(UcumUnit *a, const UcumUnit *b, int sign) {
    a->num = decimal_reduce(decimal_mul(a->num, sign > 0 ? b->num : b->den));
    a->den = decimal_reduce(decimal_mul(a->den, sign > 0 ? b->den : b->num));
    a->factor = sign > 0 ? a->factor * b->factor : a->factor / b->factor;
    for (int i = 0; i < UCUM_DIMENSIONS; i++) {
        int dim = a->dim[i] + sign * b->dim[i];
        if (dim > POWER_MAX || dim < -POWER_MAX) {
            return false;
        }
        a->dim[i] = (int8_t)dim;
    }
    if (b->own != 0) {
        if (a->own != 0 && a->own != b->own) {
            return false;
        }
        int power = a->own_power + sign * b->own_power;
        if (power > POWER_MAX || power < -POWER_MAX) {
            return false;
        }
        a->own = power == 0 ? 0 : b->own;
        a->own_power = (int8_t)power;
    }
    a->special = 0;
    return true;
}

static bool raise(UcumUnit *u, int power) {
    if (power == 1) {
        return true;
    }
    UcumUnit all = unity();
    for (int i = 0; i < (power < 0 ? -power : power); i++) {
        if (!combine(&all, u, power < 0 ? -1 : 1)) {
            return false;
        }
    }
    *u = all;
    return true;
}

static const UcumAtom *find_atom(Str code) {
    size_t low = 0;
    size_t high = UCUM_ATOM_COUNT;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int cmp = str_cmp(str_from(UCUM_ATOMS[mid].code), code);
        if (cmp == 0) {
            return &UCUM_ATOMS[mid];
        }
        *(cmp < 0 ? &low : &high) = cmp < 0 ? mid + 1 : mid;
    }
    return NULL;
}

static bool term(Reader *r, UcumUnit *ret_unit);

static bool atom_unit(const UcumAtom *a, unsigned depth, UcumUnit *ret_unit) {
    *ret_unit = unity();
    if ((a->flags & UCUM_BASE) != 0) {
        ret_unit->dim[a->value[0] - '0'] = 1;
        return true;
    }
    if ((a->flags & UCUM_OWN) != 0) {
        const UcumAtom *same = strcmp(a->code, "[iU]") == 0 ? find_atom(STR("[IU]")) : a;
        ret_unit->own = (uint16_t)(same - UCUM_ATOMS + 1);
        ret_unit->own_power = 1;
        return true;
    }
    Reader of = {str_from(a->of), 0, depth + 1};
    Decimal value;
    if (depth >= DEPTH_MAX || decimal_parse(str_from(a->value), &value) != ERR_OK ||
        !term(&of, ret_unit) || of.at != of.s.len) {
        assert(depth > 0);
        return false;
    }
    scale(ret_unit, value);
    if ((a->flags & UCUM_OFFSET) != 0) {
        bool is_fahrenheit = strcmp(a->code, "[degF]") == 0;
        ret_unit->special = is_fahrenheit                 ? UCUM_FAHRENHEIT
                            : strcmp(a->code, "Cel") == 0 ? UCUM_CELSIUS
                                                          : UCUM_REAUMUR;
    }
    return true;
}

/* A unit with or without prefix. */
static bool simple_unit(Str code, unsigned depth, UcumUnit *ret_unit) {
    const UcumAtom *a = find_atom(code);
    if (a != NULL) {
        return atom_unit(a, depth, ret_unit);
    }
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES) + ARRAY_LEN(BINARY); i++) {
        bool binary = i >= ARRAY_LEN(PREFIXES);
        Str prefix = str_from(binary ? BINARY[i - ARRAY_LEN(PREFIXES)].code : PREFIXES[i].code);
        if (!str_starts(code, prefix)) {
            continue;
        }
        a = find_atom(str_sub(code, prefix.len, code.len));
        if (a == NULL || (a->flags & UCUM_METRIC) == 0) {
            continue;
        }
        if (!atom_unit(a, depth, ret_unit)) {
            return false;
        }
        scale(ret_unit, binary ? decimal_from_i64(BINARY[i - ARRAY_LEN(PREFIXES)].factor)
                               : power_of_ten(PREFIXES[i].power));
        ret_unit->special = 0;
        return true;
    }
    return false;
}

static char look(const Reader *r) {
    return r->at < r->s.len ? r->s.ptr[r->at] : '\0';
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool annotation(Reader *r) {
    if (look(r) != '{') {
        return true;
    }
    size_t end = str_find_char(r->s, '}', r->at);
    if (end == SIZE_MAX) {
        return false;
    }
    r->at = end + 1;
    return true;
}

/* [+-]digits; 1 when there is none; 0: wrong. */
static int exponent(Reader *r) {
    int sign = 1;
    size_t start = r->at;
    if (look(r) == '+' || look(r) == '-') {
        sign = look(r) == '-' ? -1 : 1;
        r->at++;
    }
    if (!is_digit(look(r))) {
        return r->at == start ? 1 : 0;
    }
    int value = 0;
    while (is_digit(look(r)) && value <= POWER_MAX) {
        value = value * 10 + (look(r) - '0');
        r->at++;
    }
    return value > POWER_MAX ? 0 : sign * value;
}

/* The text of a unit without its exponent: up to an operator, digits and signs outside [ ]. */
static Str unit_text(Reader *r) {
    size_t start = r->at;
    bool inside = false;
    for (; r->at < r->s.len; r->at++) {
        char c = look(r);
        if (c == '[' || c == ']') {
            inside = c == '[';
        } else if (!inside && (is_digit(c) || strchr("./(){}+-", c) != NULL)) {
            break;
        }
    }
    return str_sub(r->s, start, r->at - start);
}

static bool factor(Reader *r, UcumUnit *ret_unit) {
    uint64_t value = 0;
    size_t start = r->at;
    while (is_digit(look(r))) {
        r->at++;
    }
    if (str_to_u64(str_sub(r->s, start, r->at - start), &value) != ERR_OK || value == 0 ||
        value > INT64_MAX) {
        return false;
    }
    *ret_unit = unity();
    scale(ret_unit, decimal_from_i64((int64_t)value));
    return true;
}

static bool component(Reader *r, UcumUnit *ret_unit) {
    Str rest = str_sub(r->s, r->at, r->s.len);
    if (look(r) == '(') {
        r->at++;
        r->depth++;
        if (r->depth > DEPTH_MAX || !term(r, ret_unit) || look(r) != ')') {
            return false;
        }
        r->depth--;
        r->at++;
        return annotation(r);
    }
    if (look(r) == '{') {
        *ret_unit = unity();
        return annotation(r);
    }
    bool ten = str_starts(rest, STR("10*")) || str_starts(rest, STR("10^"));
    if (ten) {
        r->at += 3;
        *ret_unit = unity();
        scale(ret_unit, decimal_from_i64(10));
    } else if (is_digit(look(r))) {
        return factor(r, ret_unit) && annotation(r);
    } else if (!simple_unit(unit_text(r), r->depth, ret_unit)) {
        return false;
    }
    size_t before = r->at;
    int power = exponent(r);
    uint8_t special = ret_unit->special;
    if (power == 0 || !raise(ret_unit, power)) {
        return false;
    }
    ret_unit->special = r->at == before ? special : 0;
    return annotation(r);
}

static bool term(Reader *r, UcumUnit *ret_unit) {
    UcumUnit all = unity();
    int sign = 1;
    if (look(r) == '/') {
        sign = -1;
        r->at++;
    }
    UcumUnit first;
    if (!component(r, &first)) {
        return false;
    }
    if (sign > 0) {
        all = first;
    } else if (!combine(&all, &first, sign)) {
        return false;
    }
    while (look(r) == '.' || look(r) == '/') {
        sign = look(r) == '.' ? 1 : -1;
        r->at++;
        UcumUnit next;
        if (!component(r, &next) || !combine(&all, &next, sign)) {
            return false;
        }
    }
    *ret_unit = all;
    return true;
}

ErrCode ucum_parse(Str code, UcumUnit *ret_unit) {
    Reader r = {code, 0, 0};
    UcumUnit unit;
    if (code.len == 0 || code.len > CODE_MAX || !term(&r, &unit) || r.at != code.len) {
        return ERR_NOT_FOUND;
    }
    *ret_unit = unit;
    return ERR_OK;
}

bool ucum_comparable(const UcumUnit *a, const UcumUnit *b) {
    return memcmp(a->dim, b->dim, sizeof(a->dim)) == 0 && a->own == b->own &&
           a->own_power == b->own_power;
}

/* ---- conversion */

static Decimal from_double(double value) {
    char text[40];
    int len = snprintf(text, sizeof(text), "%.15g", value);
    return from_text((Str){text, (size_t)len});
}

/* a / b with at least 16 digits, without trailing zeros. */
static Decimal divide(Decimal a, Decimal b) {
    double q = decimal_to_double(a) / decimal_to_double(b);
    int magnitude = q == 0 || !isfinite(q) ? 0 : (int)floor(log10(fabs(q)));
    int digits = 18 - magnitude;
    Decimal d = decimal_div(a, b, digits < 0 ? 0 : digits > 30 ? 30 : digits);
    return decimal_is_nan(d) || decimal_is_zero(d) ? from_double(q) : decimal_reduce(d);
}

/* What is added to a temperature in K to count from its scale's zero. */
static Decimal offset(uint8_t special) {
    return special == UCUM_FAHRENHEIT
               ? divide(from_text(STR("2298.35")), from_text(STR("9"))) /* 459.67 · 5/9 */
               : from_text(STR("273.15"));
}

static Decimal to_base(Decimal value, const UcumUnit *u) {
    Decimal product = decimal_mul(value, u->num);
    Decimal base = decimal_is_nan(product) || decimal_is_nan(u->den)
                       ? from_double(decimal_to_double(value) * u->factor)
                       : divide(product, u->den);
    return u->special == 0 ? base : decimal_add(base, offset(u->special));
}

static Decimal from_base(Decimal base, const UcumUnit *u) {
    if (u->special != 0) {
        base = decimal_sub(base, offset(u->special));
    }
    Decimal product = decimal_mul(base, u->den);
    return decimal_is_nan(product) || decimal_is_nan(u->num)
               ? from_double(decimal_to_double(base) / u->factor)
               : divide(product, u->num);
}

ErrCode ucum_convert(Decimal value, const UcumUnit *from, const UcumUnit *to, Decimal *ret_value) {
    if (!ucum_comparable(from, to)) {
        return ERR_INVALID;
    }
    Decimal above = decimal_mul(value, decimal_reduce(decimal_mul(from->num, to->den)));
    Decimal below = decimal_reduce(decimal_mul(from->den, to->num));
    Decimal result;
    if (from->special != to->special || from->special != 0) {
        result = decimal_round(from_base(to_base(value, from), to), 12);
        result = decimal_reduce(result);
    } else if (decimal_is_nan(above) || decimal_is_nan(below)) {
        result = from_double(decimal_to_double(value) * from->factor / to->factor);
    } else {
        result = divide(above, below);
    }
    if (decimal_is_nan(result)) {
        return ERR_INVALID;
    }
    *ret_value = result;
    return ERR_OK;
}

static int compare_doubles(double a, double b) {
    double tolerance = 1e-12 * fmax(fabs(a), fabs(b));
    return fabs(a - b) <= tolerance ? 0 : a < b ? -1 : 1;
}

ErrCode ucum_cmp(const Decimal values[2], const UcumUnit *a, const UcumUnit *b, int *ret_cmp) {
    if (!ucum_comparable(a, b)) {
        return ERR_INVALID;
    }
    if (a->special != 0 || b->special != 0) {
        if (a->special == b->special) {
            *ret_cmp = decimal_cmp(values[0], values[1]);
            return ERR_OK;
        }
        *ret_cmp = compare_doubles(decimal_to_double(to_base(values[0], a)),
                                   decimal_to_double(to_base(values[1], b)));
        return ERR_OK;
    }
    Decimal left = decimal_mul(values[0], decimal_mul(a->num, b->den));
    Decimal right = decimal_mul(values[1], decimal_mul(b->num, a->den));
    if (decimal_is_nan(left) || decimal_is_nan(right)) {
        *ret_cmp = compare_doubles(decimal_to_double(values[0]) * a->factor,
                                   decimal_to_double(values[1]) * b->factor);
    } else {
        *ret_cmp = decimal_cmp(left, right);
    }
    return ERR_OK;
}

double ucum_base(Decimal value, const UcumUnit *unit) {
    return unit->special != 0 ? decimal_to_double(to_base(value, unit))
                              : decimal_to_double(value) * unit->factor;
}

ErrCode ucum_canonical(Decimal value, Str code, Decimal *ret_value, Buf *ret_code) {
    static const char *const BASE[UCUM_DIMENSIONS] = {"m", "s", "g", "rad", "K", "C", "cd"};
    UcumUnit unit;
    TRY(ucum_parse(code, &unit));
    Decimal base = to_base(value, &unit);
    if (decimal_is_nan(base)) {
        return ERR_INVALID;
    }
    bool any = false;
    for (int i = -1; i < UCUM_DIMENSIONS; i++) {
        int power = i < 0 ? unit.own_power : unit.dim[i];
        if (power == 0) {
            continue;
        }
        buf_printf(ret_code, "%s%s", any ? "." : "",
                   i < 0 ? UCUM_ATOMS[unit.own - 1].code : BASE[i]);
        if (power != 1) {
            buf_printf(ret_code, "%d", power);
        }
        any = true;
    }
    if (!any) {
        buf_put_char(ret_code, '1');
    }
    *ret_value = base;
    return buf_ok(ret_code);
}
