/* ucum_int.h — the table of units. A unit is `value` times the units of `of`, which are looked up
 * in the same table down to the seven base units. */
#ifndef NHIP_FPATH_UCUM_INT_H
#define NHIP_FPATH_UCUM_INT_H

#include "fpath/ucum.h"

enum {
    UCUM_METRIC = 1, /* takes prefixes */
    UCUM_BASE = 2,   /* value: which dimension, "0" to "6" */
    UCUM_OWN = 4,    /* a dimension of its own */
    UCUM_OFFSET = 8, /* temperature scales */
};

enum { UCUM_CELSIUS = 1, UCUM_FAHRENHEIT, UCUM_REAUMUR }; /* UcumUnit.special */

typedef struct UcumAtom {
    const char *code;
    uint8_t flags;
    const char *value;
    const char *of;
} UcumAtom;

/* Sorted by code, bytewise. */
extern const UcumAtom UCUM_ATOMS[];
extern const unsigned UCUM_ATOM_COUNT;

#endif
