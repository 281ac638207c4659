/* rules_num.h — exact decimals of the rules: a 128-bit integer and the digits behind the point.
 * Sums and products are exact or fail (false: more than 37 digits); a quotient has RULES_DIV_SCALE
 * digits, half away from zero. Equal values may have different scales. Threads: values. */
#ifndef NHIP_RULES_RULES_NUM_H
#define NHIP_RULES_RULES_NUM_H

#include "core/str.h"

__extension__ typedef __int128 RulesInt;

enum { RULES_DIV_SCALE = 12, RULES_SCALE_MAX = 18 };

typedef struct RulesNum {
    RulesInt m;
    int scale;
} RulesNum;

static inline RulesNum rules_num(int64_t whole) {
    return (RulesNum){whole, 0};
}
/* [+-] digits [. digits], at most 18 digits in front and RULES_SCALE_MAX behind the point. */
bool rules_num_parse(Str s, RulesNum *ret);
void rules_num_put(Buf *out, RulesNum n); /* without trailing zeros behind the point */

bool rules_num_add(RulesNum a, RulesNum b, RulesNum *ret);
bool rules_num_sub(RulesNum a, RulesNum b, RulesNum *ret);
bool rules_num_mul(RulesNum a, RulesNum b, RulesNum *ret);
bool rules_num_div(RulesNum a, RulesNum b, RulesNum *ret); /* false also for b = 0 */
int rules_num_cmp(RulesNum a, RulesNum b);
/* To that many digits behind the point (0–12), ties away from zero. */
RulesNum rules_num_round(RulesNum n, int digits);
RulesNum rules_num_floor(RulesNum n);
/* Without trailing zeros: equal values get equal parts. */
RulesNum rules_num_reduce(RulesNum n);
/* A whole number that fits; false otherwise. */
bool rules_num_whole(RulesNum n, int64_t *ret);

#endif
