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
    bool same = str_eq(f->name, element);
    for (int r = 0; f->forms != NULL && r < CLAIM_RELEASE_COUNT && !same; r++) {
        same = str_eq(f->forms[r].name, element);
    }
    return same ? index : -1;
}

ClaimForm claim_field_form(const ClaimField *f, ClaimRelease release) {
    return f->forms != NULL && release < CLAIM_RELEASE_COUNT
               ? f->forms[release]
               : (ClaimForm){f->name, f->maxlen, f->required, false};
}

int claim_field_maxlen(const ClaimField *f, ClaimRelease release) {
    return claim_field_form(f, release).maxlen;
}

Str claim_release_name(ClaimRelease release) {
    return claim_releases[release].name;
}

ClaimRelease claim_release_by_name(Str name) {
    ClaimRelease r = CLAIM_RELEASE_ANY;
    while (r < CLAIM_RELEASE_COUNT && !str_eq(claim_releases[r].name, name)) {
        r++;
    }
    return r;
}

ClaimRelease claim_release_at(Str day) {
    uint64_t digits = 0;
    ClaimRelease r = CLAIM_RELEASE_COUNT - 1;
    bool known = (day.len == 8 || day.len == 12) && str_to_u64(day, &digits) == ERR_OK;
    while (known && r > CLAIM_RELEASE_ANY + 1 &&
           str_cmp(str_sub(day, 0, 8), claim_releases[r].since) < 0) {
        r--;
    }
    return r;
}
