#include "interop/claim_tables.h"

const ClaimTable *claim_table(int number) {
    bool known = number >= 0 && number < CLAIM_TABLES && claim_tables[number].n_fields > 0;
    return known ? &claim_tables[number] : NULL;
}

const ClaimTable *claim_table_by_name(Str name) {
    uint64_t number = 0;
    if (name.len < 4 || name.len > 5 || !str_starts(name, STR("XML")) ||
        str_to_u64(str_sub(name, 3, name.len), &number) != ERR_OK || number >= CLAIM_TABLES) {
        return NULL;
    }
    const ClaimTable *t = claim_table((int)number);
    return t != NULL && str_eq(t->name, name) ? t : NULL;
}

const ClaimTable *claim_table_by_root(Str root) {
    for (int i = 0; i < CLAIM_TABLES; i++) {
        if (claim_tables[i].n_fields > 0 && str_eq(claim_tables[i].root, root)) {
            return &claim_tables[i];
        }
    }
    return NULL;
}

/* The same function stands in gen/claim_tables_gen.c, which looks for a seed without collisions. */
static unsigned slot_of(Str name, uint32_t seed) {
    uint32_t h = seed;
    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ (unsigned char)name.ptr[i]) * 0x01000193u;
    }
    return (h ^ h >> 15) % ARRAY_LEN(claim_tables[0].slots);
}

int claim_field_find(const ClaimTable *t, Str element) {
    int index = t->slots[slot_of(element, t->seed)] - 1;
    if (index < 0) {
        return -1;
    }
    assert(index < t->n_fields);
    const ClaimField *f = &t->fields[index];
    bool same = str_eq(f->name, element) || (f->name_3176.len > 0 && str_eq(f->name_3176, element));
    return same ? index : -1;
}

int claim_field_maxlen(const ClaimField *f, ClaimRelease release) {
    switch (release) {
    case CLAIM_RELEASE_130:
    case CLAIM_RELEASE_4750:
        return f->maxlen_4750;
    case CLAIM_RELEASE_3176:
    case CLAIM_RELEASE_1931:
        return f->maxlen_3176;
    case CLAIM_RELEASE_ANY:
    case CLAIM_RELEASE_COUNT:
    default:
        return f->maxlen;
    }
}

/* From the day on which the release counts for the end of the care. */
static const struct {
    const char *name, *since;
} releases[CLAIM_RELEASE_COUNT] = {
    [CLAIM_RELEASE_ANY] = {"any", ""},           [CLAIM_RELEASE_130] = {"130", "00000000"},
    [CLAIM_RELEASE_4750] = {"4750", "20240101"}, [CLAIM_RELEASE_3176] = {"3176", "20250101"},
    [CLAIM_RELEASE_1931] = {"1931", "20260701"},
};

Str claim_release_name(ClaimRelease release) {
    return str_from(releases[release].name);
}

ClaimRelease claim_release_by_name(Str name) {
    ClaimRelease r = CLAIM_RELEASE_ANY;
    while (r < CLAIM_RELEASE_COUNT && !str_eq(str_from(releases[r].name), name)) {
        r++;
    }
    return r;
}

ClaimRelease claim_release_at(Str day) {
    uint64_t digits = 0;
    ClaimRelease r = CLAIM_RELEASE_1931;
    bool known = (day.len == 8 || day.len == 12) && str_to_u64(day, &digits) == ERR_OK;
    while (known && r > CLAIM_RELEASE_130 &&
           str_cmp(str_sub(day, 0, 8), str_from(releases[r].since)) < 0) {
        r--;
    }
    return r;
}
