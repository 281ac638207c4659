/* fpath_math_int.h — numbers: what operators and functions share. */
#ifndef NHIP_FPATH_FPATH_MATH_INT_H
#define NHIP_FPATH_FPATH_MATH_INT_H

#include "fpath/fpath_int.h"

/* a / b with at least sixteen digits that count, without trailing zeros; b is not zero. */
Decimal fpath_divide(Decimal a, Decimal b);
/* The whole part, towards zero; INT64_MAX or INT64_MIN when it does not fit. */
int64_t fpath_whole(Decimal d);

#endif
