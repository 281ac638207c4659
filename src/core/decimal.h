/* decimal.h — exact decimal numbers for money and FHIR decimals: IEEE 754 decimal128 (binary
 * integer coefficient), 34 digits, scale kept: 1.50 stays 1.50 and equals 1.5. Errors: arithmetic
 * that would have to round, or divide by zero, gives DECIMAL_NAN, which sticks through later
 * arithmetic like a Buf's error: compute freely, ask decimal_is_nan once at the end. Only
 * decimal_round and decimal_div round, ties away from zero, as money is rounded in Vietnam. Cost:
 * about 2 ns for sums of one scale, 20–100 ns otherwise; no allocation. Threads: values. */
#ifndef NHIP_CORE_DECIMAL_H
#define NHIP_CORE_DECIMAL_H

#include "core/str.h"

/* The bits of a decimal128 in BID encoding, low word first. Zeroed memory is a valid number that
 * equals 0 (with a tiny exponent): start sums with DECIMAL_ZERO instead, so that scales stay sane.
 */
typedef struct Decimal {
    uint64_t w[2];
} Decimal;

#define DECIMAL_ZERO ((Decimal){{0, UINT64_C(0x3040000000000000)}})
#define DECIMAL_NAN ((Decimal){{0, UINT64_C(0x7c00000000000000)}})
enum { DECIMAL_DIGITS = 34 };

/* [+-] digits [. digits] [e [+-] digits]; at least one digit. ERR_SYNTAX for anything else,
 * ERR_LIMIT for more than 34 significant digits or an exponent beyond ±6000. */
MUST_USE ErrCode decimal_parse(Str s, Decimal *ret_value);
/* scale digits after the point, rounded or filled up; scale -1: as it is. Plain notation unless the
 * exponent is beyond ±60, then d.dddE±n. NaN prints "NaN". */
void decimal_put(Buf *out, Decimal d, int scale);

static inline bool decimal_is_nan(Decimal d) {
    return (d.w[1] & UINT64_C(0x7c00000000000000)) == UINT64_C(0x7c00000000000000);
}
bool decimal_is_zero(Decimal d);
bool decimal_is_negative(Decimal d); /* false for -0 */
/* Digits after the point as written: 2 for 1.50, 0 for 7 and for 1e3. */
int decimal_scale(Decimal d);

Decimal decimal_add(Decimal a, Decimal b);
Decimal decimal_sub(Decimal a, Decimal b);
Decimal decimal_mul(Decimal a, Decimal b);
/* a / b with `scale` digits after the point (0–30). */
Decimal decimal_div(Decimal a, Decimal b, int scale);
Decimal decimal_neg(Decimal d);
/* To `scale` digits after the point (0–30), ties away from zero. NaN when 34 digits do not suffice.
 */
Decimal decimal_round(Decimal d, int scale);
/* The value without trailing zeros behind the point: equal values get equal bits. */
Decimal decimal_reduce(Decimal d);
/* By value: <0, 0, >0. NaN is smaller than every number and equal to NaN. */
int decimal_cmp(Decimal a, Decimal b);

Decimal decimal_from_i64(int64_t value);
/* value · 10^-scale with that scale: (150, 2) is 1.50. */
Decimal decimal_from_scaled(int64_t value, int scale);
/* ERR_PARAM when d is no whole number or out of range; 5.00 is 5. */
MUST_USE ErrCode decimal_to_i64(Decimal d, int64_t *ret_value);
/* d · 10^scale as a whole number: (1.50, 2) is 150. ERR_PARAM when digits would be lost. */
MUST_USE ErrCode decimal_to_scaled(Decimal d, int scale, int64_t *ret_value);
/* The nearest double: for charts and statistics only. */
double decimal_to_double(Decimal d);

#endif
