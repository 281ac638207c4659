/* claim_values.h — valid records of every table, for unit tests and fuzz targets. */
#ifndef NHIP_TESTS_UNIT_INTEROP_CLAIM_VALUES_H
#define NHIP_TESTS_UNIT_INTEROP_CLAIM_VALUES_H

#include "core/arena.h"
#include "interop/claim_tables.h"

/* A valid value for the field; `n` varies it. */
static UNUSED Str make_value(Arena *a, const ClaimTable *t, int field, unsigned n) {
    const ClaimField *f = &t->fields[field];
    if (field == 0) {
        return STR("MALK-1");
    }
    if (str_eq(f->name, STR("MA_CSKCB"))) {
        return STR("46001");
    }
    if (str_eq(f->name, STR("GIOI_TINH"))) {
        return n % 2 == 0 ? STR("1") : STR("2");
    }
    switch (f->kind) {
    case CLAIM_N:
        return arena_printf(a, "%u", 1 + n % 9);
    case CLAIM_DEC:
        return f->maxlen < 6 ? arena_printf(a, "%u.5", 10 + n % 90)
                             : arena_printf(a, "%u.%02u", 1000 + 7 * n, n % 100);
    case CLAIM_D8:
        return arena_printf(a, "2026%02u%02u", 1 + n % 12, 1 + n % 28);
    case CLAIM_DT12:
    case CLAIM_DT:
        return arena_printf(a, "2026%02u%02u%02u%02u", 1 + n % 12, 1 + n % 28, n % 24, n % 60);
    case CLAIM_S:
    default:
        break;
    }
    if (str_starts(f->name, STR("GT_THE_"))) {
        return arena_printf(a, "2026%02u%02u", 1 + n % 12, 1 + n % 28);
    }
    if (f->maxlen > 0 && f->maxlen < 6) {
        return arena_printf(a, "%u", n % 10);
    }
    return arena_printf(a, "V%u", n % 100000);
}

static UNUSED Str *make_record(Arena *a, const ClaimTable *t, unsigned n) {
    Str *values = arena_new_array(a, Str, (size_t)t->n_fields);
    for (int i = 0; i < t->n_fields; i++) {
        values[i] = make_value(a, t, i, n + (unsigned)i);
    }
    return values;
}

#endif
