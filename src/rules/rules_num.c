#include "rules/rules_num.h"

/* Coefficients stay below 10^37, so that sums of two cannot leave 128 bits. */
static const RulesInt TEN18 = 1000000000000000000;
#define NUM_MAX (TEN18 * TEN18 * 10)

static const int64_t POW10[] = {1,
                                10,
                                100,
                                1000,
                                10000,
                                100000,
                                1000000,
                                10000000,
                                100000000,
                                1000000000,
                                10000000000,
                                100000000000,
                                1000000000000,
                                10000000000000,
                                100000000000000,
                                1000000000000000,
                                10000000000000000,
                                100000000000000000,
                                1000000000000000000};

static RulesInt magnitude(RulesInt m) {
    return m < 0 ? -m : m;
}
static bool fits_64(RulesInt m) {
    return m <= INT64_MAX && m >= -INT64_MAX;
}

/* a · b, false beyond the maximum. */
static bool times(RulesInt a, RulesInt b, RulesInt *ret) {
    if (fits_64(a) && fits_64(b)) {
        *ret = a * b;
        return magnitude(*ret) < NUM_MAX;
    }
    if (a != 0 && b != 0 && magnitude(b) > NUM_MAX / magnitude(a)) {
        return false;
    }
    *ret = a * b;
    return magnitude(*ret) < NUM_MAX;
}

/* As many digits as 64 bits hold: nearly all there are. */
static bool parse_short(Str s, size_t at, bool negative, RulesNum *ret) {
    int64_t m = 0;
    size_t point = s.len;
    for (; at < s.len; at++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[at] - '0';
        if (digit <= 9) {
            m = m * 10 + (int64_t)digit;
        } else if (s.ptr[at] == '.' && point == s.len && at + 1 < s.len) {
            point = at + 1;
        } else {
            return false;
        }
    }
    *ret = (RulesNum){negative ? -m : m, (int)(s.len - point)};
    return true;
}

bool rules_num_parse(Str s, RulesNum *ret) {
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+');
    bool negative = at == 1 && s.ptr[0] == '-';
    if (s.len > at && s.len <= 18) {
        return parse_short(s, at, negative, ret);
    }
    RulesInt m = 0;
    int scale = -1;
    size_t digits = 0;
    for (; at < s.len; at++) {
        char c = s.ptr[at];
        if (c == '.' && scale < 0) {
            scale = 0;
            continue;
        }
        if (c < '0' || c > '9' || scale == RULES_SCALE_MAX || m >= TEN18 * 1000000000000000) {
            return false;
        }
        m = m * 10 + (c - '0');
        scale += scale >= 0;
        digits++;
    }
    if (digits == 0 || s.ptr[s.len - 1] == '.') {
        return false;
    }
    *ret = (RulesNum){negative ? -m : m, MAX(scale, 0)};
    return true;
}

RulesNum rules_num_reduce(RulesNum n) {
    if (fits_64(n.m)) {
        int64_t m = (int64_t)n.m;
        while (n.scale > 0 && m % 10 == 0) {
            m /= 10;
            n.scale--;
        }
        n.m = m;
        return n;
    }
    while (n.scale > 0 && n.m % 10 == 0) {
        n.m /= 10;
        n.scale--;
    }
    return n;
}

void rules_num_put(Buf *out, RulesNum n) {
    char digits[48];
    int len = 0;
    n = rules_num_reduce(n);
    for (RulesInt m = magnitude(n.m); m > 0 || len <= n.scale; m /= 10) {
        digits[len++] = (char)('0' + (int)(m % 10));
    }
    if (n.m < 0) {
        buf_put_char(out, '-');
    }
    while (len > 0) {
        buf_put_char(out, digits[--len]);
        if (len == n.scale && len > 0) {
            buf_put_char(out, '.');
        }
    }
}

/* The coefficient at a scale that is not smaller. */
static bool lift(RulesNum n, int scale, RulesInt *ret) {
    *ret = n.m;
    return scale == n.scale || times(n.m, POW10[scale - n.scale], ret);
}

bool rules_num_add(RulesNum a, RulesNum b, RulesNum *ret) {
    if (LIKELY(a.scale == b.scale && fits_64(a.m) && fits_64(b.m))) {
        *ret = (RulesNum){a.m + b.m, a.scale};
        return true;
    }
    int scale = MAX(a.scale, b.scale);
    RulesInt x = 0;
    RulesInt y = 0;
    if (!lift(a, scale, &x) || !lift(b, scale, &y) || magnitude(x + y) >= NUM_MAX) {
        return false;
    }
    *ret = (RulesNum){x + y, scale};
    return true;
}

bool rules_num_sub(RulesNum a, RulesNum b, RulesNum *ret) {
    b.m = -b.m;
    return rules_num_add(a, b, ret);
}

bool rules_num_mul(RulesNum a, RulesNum b, RulesNum *ret) {
    if (a.scale + b.scale > RULES_SCALE_MAX) {
        a = rules_num_reduce(a);
        b = rules_num_reduce(b);
    }
    RulesInt m = 0;
    if (!times(a.m, b.m, &m)) {
        return false;
    }
    RulesNum n = {m, a.scale + b.scale};
    while (n.scale > RULES_SCALE_MAX && n.m % 10 == 0) {
        n.m /= 10;
        n.scale--;
    }
    if (n.scale > RULES_SCALE_MAX) {
        return false;
    }
    *ret = n;
    return true;
}

/* x / y to the nearest whole number, ties away from zero; y > 0. */
static RulesInt divide_round(RulesInt x, RulesInt y) {
    if (fits_64(x) && fits_64(y)) {
        int64_t quotient = (int64_t)x / (int64_t)y;
        int64_t rest = (int64_t)x % (int64_t)y;
        rest = rest < 0 ? -rest : rest;
        return rest >= (int64_t)y - rest ? quotient + (x < 0 ? -1 : 1) : quotient;
    }
    RulesInt q = x / y;
    RulesInt r = magnitude(x - q * y);
    return r >= y - r ? q + (x < 0 ? -1 : 1) : q;
}

/* By a power of ten: the point moves, nothing is rounded. */
static bool divide_by_ten(RulesNum a, RulesNum b, RulesNum *ret) {
    b = rules_num_reduce(b);
    for (int i = 0; b.scale == 0 && i <= RULES_DIV_SCALE; i++) {
        if (b.m == POW10[i] && a.scale + i <= RULES_SCALE_MAX) {
            *ret = (RulesNum){a.m, a.scale + i};
            return true;
        }
    }
    return false;
}

bool rules_num_div(RulesNum a, RulesNum b, RulesNum *ret) {
    if (b.m == 0) {
        return false;
    }
    if (divide_by_ten(a, b, ret)) {
        return true;
    }
    a = rules_num_reduce(a);
    b = rules_num_reduce(b);
    int shift = RULES_DIV_SCALE + b.scale - a.scale;
    RulesInt x = a.m;
    RulesInt y = b.m;
    for (int left = shift; left > 0; left -= RULES_SCALE_MAX) {
        if (!times(x, POW10[MIN(left, RULES_SCALE_MAX)], &x)) {
            return false;
        }
    }
    if (shift < 0 && !times(y, POW10[-shift], &y)) {
        return false;
    }
    *ret = (RulesNum){y < 0 ? divide_round(-x, -y) : divide_round(x, y), RULES_DIV_SCALE};
    return true;
}

int rules_num_cmp(RulesNum a, RulesNum b) {
    if (LIKELY(a.scale == b.scale)) {
        return (a.m > b.m) - (a.m < b.m);
    }
    RulesInt x = a.m;
    RulesInt y = b.m;
    if (LIKELY(fits_64(x) && fits_64(y))) { /* times 10^18 still fits */
        *(a.scale < b.scale ? &x : &y) *=
            POW10[a.scale < b.scale ? b.scale - a.scale : a.scale - b.scale];
        return (x > y) - (x < y);
    }
    int scale = MAX(a.scale, b.scale);
    bool a_fits = lift(a, scale, &x);
    bool b_fits = lift(b, scale, &y);
    if (a_fits && b_fits) {
        return (x > y) - (x < y);
    }
    /* The one that cannot be lifted is the larger by magnitude. */
    return !a_fits ? (a.m > 0 ? 1 : -1) : (b.m > 0 ? -1 : 1);
}

RulesNum rules_num_round(RulesNum n, int digits) {
    if (n.scale <= digits) {
        return n;
    }
    return (RulesNum){divide_round(n.m, POW10[n.scale - digits]), digits};
}

RulesNum rules_num_floor(RulesNum n) {
    RulesInt q = n.m / POW10[n.scale];
    return (RulesNum){q - (n.m < 0 && n.m % POW10[n.scale] != 0), 0};
}

bool rules_num_whole(RulesNum n, int64_t *ret) {
    n = rules_num_reduce(n);
    if (n.scale != 0 || !fits_64(n.m)) {
        return false;
    }
    *ret = (int64_t)n.m;
    return true;
}
