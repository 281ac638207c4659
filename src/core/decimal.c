#include "core/decimal.h"

/* Debian's libbidgcc000: arguments by value, rounding mode and flags as arguments. */
#define DECIMAL_CALL_BY_REFERENCE 0
#define DECIMAL_GLOBAL_ROUNDING 0
#define DECIMAL_GLOBAL_EXCEPTION_FLAGS 0
#include <bid_conf.h>
#include <bid_functions.h>

__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 I128;

/* Finite numbers are taken apart here: sign bit, 14 bits of exponent + 6176, 113 bits of integer
 * coefficient (IEEE 754-2008, 3.5.2, binary encoding; coefficients below 10^34 never need the other
 * form). That makes parsing, printing and sums of one scale cheap; everything that needs alignment
 * or rounding goes to the library. */
enum { BIAS = 6176, EXPONENT_TEXT_MAX = 6000, PLAIN_MAX = 60, SCALE_MAX = 30 };
#define SIGN UINT64_C(0x8000000000000000)
#define COEFFICIENT_HIGH UINT64_C(0x0001FFFFFFFFFFFF)

typedef struct Parts {
    U128 coefficient;
    int exponent;
    bool negative;
} Parts;

/* 10^34, the first coefficient that is too large. */
static U128 coefficient_end(void) {
    return (U128)UINT64_C(10000000000000000) * UINT64_C(1000000000000000000);
}

static bool is_finite(Decimal d) {
    return (d.w[1] & UINT64_C(0x7800000000000000)) != UINT64_C(0x7800000000000000);
}

/* False for NaN, infinity and encodings that no function here makes (they count as NaN). */
static bool take_apart(Decimal d, Parts *ret_parts) {
    if ((d.w[1] & UINT64_C(0x6000000000000000)) == UINT64_C(0x6000000000000000)) {
        return false;
    }
    Parts p = {.coefficient = (U128)(d.w[1] & COEFFICIENT_HIGH) << 64 | d.w[0],
               .exponent = (int)(d.w[1] >> 49 & 0x3FFF) - BIAS,
               .negative = (d.w[1] & SIGN) != 0};
    if (p.coefficient >= coefficient_end()) {
        return false;
    }
    *ret_parts = p;
    return true;
}

static Decimal put_together(Parts p) {
    assert(p.coefficient < coefficient_end());
    assert(p.exponent >= -BIAS && p.exponent <= BIAS - DECIMAL_DIGITS);
    Decimal d;
    d.w[0] = (uint64_t)p.coefficient;
    d.w[1] = (uint64_t)(p.coefficient >> 64) | (uint64_t)(p.exponent + BIAS) << 49 |
             (p.negative ? SIGN : 0);
    return d;
}

static BID_UINT128 to_bid(Decimal d) {
    BID_UINT128 x;
    x.w[0] = d.w[0];
    x.w[1] = d.w[1];
    return x;
}

static Decimal from_bid(BID_UINT128 x) {
    return (Decimal){{x.w[0], x.w[1]}};
}

/* The result of a library call, or NaN when a flag says that it is not the exact value. */
static Decimal exact(BID_UINT128 x, _IDEC_flags flags) {
    Decimal d = from_bid(x);
    return (flags & ~(unsigned)DEC_FE_UNNORMAL) != 0 || !is_finite(d) ? DECIMAL_NAN : d;
}

typedef struct Reader {
    Str s;
    size_t at;
} Reader;

static bool skip(Reader *r, char c) {
    if (r->at < r->s.len && r->s.ptr[r->at] == c) {
        r->at++;
        return true;
    }
    return false;
}

/* The next digit, or -1. */
static int digit(Reader *r) {
    if (r->at < r->s.len && r->s.ptr[r->at] >= '0' && r->s.ptr[r->at] <= '9') {
        return r->s.ptr[r->at++] - '0';
    }
    return -1;
}

/* Digits into the coefficient; *too_long when they are more than it holds. Returns their number. */
static size_t read_digits(Reader *r, U128 *coefficient, bool *too_long) {
    size_t n = 0;
    for (int v = digit(r); v >= 0; v = digit(r), n++) {
        U128 next = *coefficient * 10 + (unsigned)v; /* below 10^35 < 2^128 */
        if (next >= coefficient_end()) {
            *too_long = true;
        } else {
            *coefficient = next;
        }
    }
    return n;
}

/* The rest of e±n; false when it is malformed. Far exponents come back as ±1,000,000. */
static bool read_exponent(Reader *r, int *ret_exponent) {
    bool negative = skip(r, '-');
    if (!negative) {
        (void)skip(r, '+');
    }
    int value = 0;
    int n = 0;
    for (int v = digit(r); v >= 0; v = digit(r), n++) {
        value = MIN(value * 10 + v, 1000000);
    }
    *ret_exponent = negative ? -value : value;
    return n > 0;
}

ErrCode decimal_parse(Str s, Decimal *ret_value) {
    Reader r = {.s = s};
    Parts p = {.negative = skip(&r, '-')};
    if (!p.negative) {
        (void)skip(&r, '+');
    }
    bool too_long = false;
    size_t n = read_digits(&r, &p.coefficient, &too_long);
    size_t behind = 0;
    if (skip(&r, '.')) {
        behind = read_digits(&r, &p.coefficient, &too_long);
        if (behind == 0) {
            return ERR_SYNTAX;
        }
    }
    int exponent = 0;
    if (n == 0 || ((skip(&r, 'e') || skip(&r, 'E')) && !read_exponent(&r, &exponent)) ||
        r.at != s.len) {
        return ERR_SYNTAX;
    }
    if (too_long || behind > EXPONENT_TEXT_MAX || exponent > EXPONENT_TEXT_MAX ||
        exponent - (int)behind < -EXPONENT_TEXT_MAX) {
        return ERR_LIMIT;
    }
    p.exponent = exponent - (int)behind;
    *ret_value = put_together(p);
    return ERR_OK;
}

/* The coefficient's digits, without leading zeros ("0" for 0); their number. 64 bits at a time: a
 * division of 128 bits costs ten times as much. */
static size_t print_digits(U128 coefficient, char *ret_digits) {
    static const uint64_t chunk = UINT64_C(1000000000000000000); /* 10^18 */
    char reversed[40];
    size_t n = 0;
    while (coefficient >= chunk) {
        uint64_t low = (uint64_t)(coefficient % chunk);
        coefficient /= chunk;
        for (int i = 0; i < 18; i++, low /= 10) {
            reversed[n++] = (char)('0' + (int)(low % 10));
        }
    }
    for (uint64_t high = (uint64_t)coefficient; high != 0 || n == 0; high /= 10) {
        reversed[n++] = (char)('0' + (int)(high % 10));
    }
    for (size_t i = 0; i < n; i++) {
        ret_digits[i] = reversed[n - 1 - i];
    }
    return n;
}

static void put_zeros(Buf *out, int n) {
    for (; n > 0; n--) {
        buf_put_char(out, '0');
    }
}

static void put_parts(Buf *out, Parts p) {
    char digits[40];
    size_t n = print_digits(p.coefficient, digits);
    if (p.negative) {
        buf_put_char(out, '-');
    }
    int point = (int)n + p.exponent; /* digits before the point */
    if (p.exponent > PLAIN_MAX || p.exponent < -PLAIN_MAX) {
        buf_put_char(out, digits[0]);
        if (n > 1) {
            buf_put_char(out, '.');
            buf_put(out, digits + 1, n - 1);
        }
        buf_printf(out, "E%+d", point - 1);
    } else if (p.exponent >= 0) {
        buf_put(out, digits, n);
        put_zeros(out, p.coefficient == 0 ? 0 : p.exponent);
    } else if (point > 0) {
        buf_put(out, digits, (size_t)point);
        buf_put_char(out, '.');
        buf_put(out, digits + point, n - (size_t)point);
    } else {
        buf_put_lit(out, "0.");
        put_zeros(out, -point);
        buf_put(out, digits, n);
    }
}

void decimal_put(Buf *out, Decimal d, int scale) {
    assert(scale >= -1 && scale <= SCALE_MAX);
    Parts p;
    Decimal rounded = scale < 0 ? d : decimal_round(d, scale);
    if (take_apart(rounded, &p)) {
        put_parts(out, p);
    } else {
        buf_put_lit(out, "NaN");
    }
}

bool decimal_is_zero(Decimal d) {
    Parts p;
    return take_apart(d, &p) && p.coefficient == 0;
}

bool decimal_is_negative(Decimal d) {
    Parts p;
    return take_apart(d, &p) && p.negative && p.coefficient != 0;
}

int decimal_scale(Decimal d) {
    Parts p;
    return take_apart(d, &p) && p.exponent < 0 ? -p.exponent : 0;
}

/* Two numbers of one scale, neither negative, with coefficients below 2^64: the usual sum of money.
 * Their high words are equal and hold nothing but the exponent. */
static bool is_plain_pair(Decimal a, Decimal b) {
    return a.w[1] == b.w[1] && (a.w[1] & (SIGN | COEFFICIENT_HIGH)) == 0 &&
           (a.w[1] & UINT64_C(0x6000000000000000)) != UINT64_C(0x6000000000000000);
}

/* Gives p a smaller exponent by zeros behind its digits; false when 34 digits do not hold it. */
static bool lower_exponent(Parts *p, int exponent) {
    U128 coefficient = p->coefficient;
    if (p->exponent - exponent > DECIMAL_DIGITS) {
        return false;
    }
    for (int i = p->exponent; i > exponent; i--) {
        coefficient *= 10; /* below 10^35 < 2^128 */
        if (coefficient >= coefficient_end()) {
            return false;
        }
    }
    p->coefficient = coefficient;
    p->exponent = exponent;
    return true;
}

/* The sum of two numbers of one exponent; false when 34 digits do not hold it. */
static bool add_same(Parts a, Parts b, Decimal *ret_sum) {
    I128 x = a.negative ? -(I128)a.coefficient : (I128)a.coefficient;
    I128 y = b.negative ? -(I128)b.coefficient : (I128)b.coefficient;
    I128 sum = x + y; /* both are below 10^34 < 2^113 */
    U128 size = sum < 0 ? (U128)-sum : (U128)sum;
    if (size >= coefficient_end()) {
        return false;
    }
    *ret_sum =
        put_together((Parts){.coefficient = size, .exponent = a.exponent, .negative = sum < 0});
    return true;
}

Decimal decimal_add(Decimal a, Decimal b) {
    if (LIKELY(is_plain_pair(a, b))) {
        uint64_t low = a.w[0] + b.w[0];
        return (Decimal){{low, a.w[1] + (low < a.w[0])}};
    }
    Parts x;
    Parts y;
    if (!take_apart(a, &x) || !take_apart(b, &y)) {
        return DECIMAL_NAN;
    }
    Decimal sum;
    int exponent = MIN(x.exponent, y.exponent);
    if (lower_exponent(&x, exponent) && lower_exponent(&y, exponent) && add_same(x, y, &sum)) {
        return sum;
    }
    _IDEC_flags flags = 0;
    BID_UINT128 result = bid128_add(to_bid(a), to_bid(b), BID_ROUNDING_TIES_AWAY, &flags);
    return exact(result, flags);
}

Decimal decimal_neg(Decimal d) {
    Parts p;
    if (!take_apart(d, &p)) {
        return DECIMAL_NAN;
    }
    p.negative = !p.negative && p.coefficient != 0; /* no -0 from 0 */
    return put_together(p);
}

Decimal decimal_sub(Decimal a, Decimal b) {
    return decimal_add(a, decimal_neg(b));
}

Decimal decimal_mul(Decimal a, Decimal b) {
    Parts x;
    Parts y;
    if (!take_apart(a, &x) || !take_apart(b, &y)) {
        return DECIMAL_NAN;
    }
    if (x.coefficient <= UINT64_MAX && y.coefficient <= UINT64_MAX) {
        Parts p = {.coefficient = x.coefficient * y.coefficient,
                   .exponent = x.exponent + y.exponent,
                   .negative = x.negative != y.negative};
        if (p.coefficient < coefficient_end() && p.exponent >= -EXPONENT_TEXT_MAX &&
            p.exponent <= EXPONENT_TEXT_MAX) {
            return put_together(p);
        }
    }
    _IDEC_flags flags = 0;
    BID_UINT128 result = bid128_mul(to_bid(a), to_bid(b), BID_ROUNDING_TIES_AWAY, &flags);
    return exact(result, flags);
}

Decimal decimal_round(Decimal d, int scale) {
    assert(scale >= 0 && scale <= SCALE_MAX);
    Parts p;
    if (!take_apart(d, &p)) {
        return DECIMAL_NAN;
    }
    if (p.exponent == -scale) {
        return d;
    }
    Decimal unit = put_together((Parts){.coefficient = 1, .exponent = -scale});
    _IDEC_flags flags = 0;
    BID_UINT128 x = bid128_quantize(to_bid(d), to_bid(unit), BID_ROUNDING_TIES_AWAY, &flags);
    Decimal rounded = exact(x, flags & ~(unsigned)DEC_FE_INEXACT);
    /* what was rounded to nothing has no sign: a bill of -0 đ helps nobody */
    return decimal_is_zero(rounded) ? put_together((Parts){.exponent = -scale}) : rounded;
}

/* Long division: the quotient and the remainder's relation to half the divisor decide the last
 * digit, so that there is one rounding and no more. */
Decimal decimal_div(Decimal a, Decimal b, int scale) {
    assert(scale >= 0 && scale <= SCALE_MAX);
    Parts x;
    Parts y;
    if (!take_apart(a, &x) || !take_apart(b, &y) || y.coefficient == 0) {
        return DECIMAL_NAN;
    }
    /* a / b = q·10^-scale, so q = x·10^(ex - ey + scale) / y */
    int shift = x.exponent - y.exponent + scale;
    Parts q = {.exponent = -scale, .negative = x.negative != y.negative};
    if (x.coefficient == 0) {
        return put_together((Parts){.exponent = -scale});
    }
    U128 rest = x.coefficient;
    U128 divisor = y.coefficient;
    for (; shift < 0 && divisor < coefficient_end() / 10; shift++) {
        divisor *= 10; /* below 10^34 as well: no overflow */
    }
    if (shift < 0) {
        /* The divisor is 10^33 or more and still to be multiplied: the quotient is below 1, and
         * only one factor 10 leaves it a chance to reach one half. */
        q.coefficient = shift == -1 && rest >= 5 * divisor;
        q.negative = q.negative && q.coefficient != 0;
        return put_together(q);
    }
    q.coefficient = rest / divisor;
    rest %= divisor;
    for (; shift > 0; shift--) {
        if (q.coefficient >= coefficient_end() / 10) {
            return DECIMAL_NAN;
        }
        rest *= 10; /* below 10^35 < 2^128 */
        q.coefficient = q.coefficient * 10 + rest / divisor;
        rest %= divisor;
    }
    q.coefficient += rest >= divisor - rest; /* a tie goes away from zero */
    q.negative = q.negative && q.coefficient != 0;
    return q.coefficient >= coefficient_end() ? DECIMAL_NAN : put_together(q);
}

Decimal decimal_reduce(Decimal d) {
    Parts p;
    if (!take_apart(d, &p)) {
        return DECIMAL_NAN;
    }
    if (p.coefficient == 0) {
        return DECIMAL_ZERO;
    }
    while (p.exponent < 0 && p.coefficient % 10 == 0) {
        p.coefficient /= 10;
        p.exponent++;
    }
    while (p.exponent > 0 && p.coefficient < coefficient_end() / 10) {
        p.coefficient *= 10;
        p.exponent--;
    }
    return put_together(p);
}

int decimal_cmp(Decimal a, Decimal b) {
    Parts x;
    Parts y;
    bool have_x = take_apart(a, &x);
    bool have_y = take_apart(b, &y);
    if (!have_x || !have_y) {
        return (int)have_x - (int)have_y;
    }
    if (x.exponent == y.exponent) {
        I128 i = x.negative ? -(I128)x.coefficient : (I128)x.coefficient;
        I128 j = y.negative ? -(I128)y.coefficient : (I128)y.coefficient;
        return (i > j) - (i < j);
    }
    _IDEC_flags flags = 0;
    if (bid128_quiet_less(to_bid(a), to_bid(b), &flags) != 0) {
        return -1;
    }
    return bid128_quiet_equal(to_bid(a), to_bid(b), &flags) != 0 ? 0 : 1;
}

Decimal decimal_from_i64(int64_t value) {
    return decimal_from_scaled(value, 0);
}

Decimal decimal_from_scaled(int64_t value, int scale) {
    assert(scale >= 0 && scale <= SCALE_MAX);
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return put_together((Parts){.coefficient = size, .exponent = -scale, .negative = value < 0});
}

ErrCode decimal_to_i64(Decimal d, int64_t *ret_value) {
    return decimal_to_scaled(d, 0, ret_value);
}

ErrCode decimal_to_scaled(Decimal d, int scale, int64_t *ret_value) {
    assert(scale >= 0 && scale <= SCALE_MAX);
    Parts p;
    if (!take_apart(d, &p)) {
        return ERR_PARAM;
    }
    int shift = p.exponent + scale;
    for (; shift < 0 && p.coefficient != 0; shift++) {
        if (p.coefficient % 10 != 0) {
            return ERR_PARAM;
        }
        p.coefficient /= 10;
    }
    for (; shift > 0 && p.coefficient != 0; shift--) {
        if (p.coefficient > UINT64_MAX) {
            return ERR_PARAM;
        }
        p.coefficient *= 10;
    }
    if (p.coefficient > (U128)INT64_MAX + p.negative) {
        return ERR_PARAM;
    }
    uint64_t size = (uint64_t)p.coefficient;
    *ret_value = (int64_t)(p.negative ? 0 - size : size);
    return ERR_OK;
}

double decimal_to_double(Decimal d) {
    _IDEC_flags flags = 0;
    return bid128_to_binary64(to_bid(d), BID_ROUNDING_TO_NEAREST, &flags);
}
