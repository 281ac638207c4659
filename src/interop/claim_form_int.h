/* claim_form_int.h — the tables XML0 and XML6 to XML15 as forms: data/claims/xmlN.json says once
 * which FHIR resources come of a record and where each field stands in them; claim_form_put.c
 * writes by it, claim_unmap_form.c reads by it, so that both ways agree by construction.
 * data/claims/README.md describes the language. The forms are parsed once and never change.
 * A field is kept when reading what was written gives its very text back; a field that has the
 * value that another table gives it (`same`) is not said again; every other one stands in the
 * extension xmlN of the record's last resource: its text under its own name, or, when it is empty
 * against expectation, its name in `empty`. Errors: ERR_NOMEM, sticky in Map. Threads: no state. */
#ifndef NHIP_INTEROP_CLAIM_FORM_INT_H
#define NHIP_INTEROP_CLAIM_FORM_INT_H

#include "interop/claim_map_int.h"

enum { FORM_FIELDS_MAX = 64, FORM_RESOURCES_MAX = 12 };

typedef struct Form {
    const ClaimTable *t;
    const JsonNode *same;      /* ["FIELD=XMLk.FIELD", …] or NULL */
    const JsonNode *resources; /* [{"role", "always", "label", "resource"}] */
} Form;

/* The table's form, or NULL. */
const Form *form_of(int table);

/* ---- values that are expected: key of the claim, place of the record, what other tables say */

/* The value of a field in the first record of another table; empty when there is none. */
typedef struct FormSource {
    Str (*value)(void *ctx, int table, int field);
    void *ctx;
    Str ma_lk;
} FormSource;
/* Fills ret[t->n_fields]. */
void form_expect(Arena *arena, const Form *form, const FormSource *source, int number, Str *ret);

/* ---- placeholders: "@FIELD:codec|=otherwise"; "@@": also when another table says the same; "%":
 * shown here, read elsewhere */

typedef struct FormHole {
    int field;
    bool always, shown;
    Str codec;     /* empty: text */
    Str otherwise; /* what stands there when the field is empty, or empty */
} FormHole;
/* False when the text is no placeholder. */
bool form_hole(const Form *form, Str text, FormHole *ret_hole);

/* How FHIR writes the value; empty: it cannot. May add an actor to the group. */
Str form_encode(Map *m, Str codec, Str value);
/* Back again. */
Str form_decode(Map *m, Str codec, Str text);
/* Numbers and booleans stand without quotes. */
bool form_is_raw(Str codec);

static inline bool form_bit(const uint64_t *bits, int field) {
    return (bits[field >> 6] >> (field & 63) & 1) != 0;
}
static inline void form_set(uint64_t *bits, int field) {
    bits[field >> 6] |= UINT64_C(1) << (field & 63);
}

/* Writes the resources of one record behind those of the group. */
void form_put(Map *m, MapRow *row);

#endif
