/* ucum.h — units of measure by The Unified Code for Units of Measure (https://ucum.org/ucum), case
 * sensitive codes: SI with its prefixes, customary, clinical and laboratory units (ucum_table.c).
 * A unit is a factor and a vector of dimensions; units of equal dimensions convert into each other.
 * Arbitrary units ([IU], [arb'U]) and logarithmic ones ([pH], B) have a dimension of their own and
 * convert to themselves only; Cel, [degF] and [degRe] have an offset when they stand alone.
 * Factors are exact as long as 34 digits suffice, then the nearest double. Errors: ERR_NOT_FOUND
 * for a code that is no unit, ERR_INVALID for units that do not fit. No allocation. Threads: no
 * state. */
#ifndef NHIP_FPATH_UCUM_H
#define NHIP_FPATH_UCUM_H

#include "core/decimal.h"

enum { UCUM_DIMENSIONS = 7 }; /* m, s, g, rad, K, C, cd */

typedef struct UcumUnit {
    Decimal num, den; /* one unit is num / den base units; NaN: see factor */
    double factor;
    int8_t dim[UCUM_DIMENSIONS];
    uint8_t special;  /* 0; else has an offset (only alone) */
    int8_t own_power; /* power of … */
    uint16_t own;     /* … a unit with a dimension of its own; 0: none */
} UcumUnit;

/* "mg/dL", "10*3/uL", "{score}", "mm[Hg]", "1". At most 128 bytes. */
MUST_USE ErrCode ucum_parse(Str code, UcumUnit *ret_unit);
bool ucum_comparable(const UcumUnit *a, const UcumUnit *b);
/* The value in the other unit. ERR_INVALID when the units are not comparable. */
MUST_USE ErrCode ucum_convert(Decimal value, const UcumUnit *from, const UcumUnit *to,
                              Decimal *ret_value);
/* Compares the values: <0, 0, >0. ERR_INVALID when the units are not comparable. */
MUST_USE ErrCode ucum_cmp(const Decimal values[2], const UcumUnit *a, const UcumUnit *b,
                          int *ret_cmp);
/* About that much in base units. */
double ucum_base(Decimal value, const UcumUnit *unit);
/* Canonical form, the same for all units of a dimension: the value in base units, and their code
 * ("g.m-3") appended to the Buf. */
MUST_USE ErrCode ucum_canonical(Decimal value, Str code, Decimal *ret_value, Buf *ret_code);

#endif
