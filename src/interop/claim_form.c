#include "interop/claim_form_int.h"

#include "core/embed.h"
#include "core/limits.h"

#include <pthread.h>

/* X(table) */
#define FORM_LIST(X)                                                                               \
    X(0)                                                                                           \
    X(6)                                                                                           \
    X(7)                                                                                           \
    X(8)                                                                                           \
    X(9)                                                                                           \
    X(10)                                                                                          \
    X(11)                                                                                          \
    X(13)                                                                                          \
    X(14)                                                                                          \
    X(15)

EMBED(form_0, "data/claims/xml0.json")
EMBED(form_6, "data/claims/xml6.json")
EMBED(form_7, "data/claims/xml7.json")
EMBED(form_8, "data/claims/xml8.json")
EMBED(form_9, "data/claims/xml9.json")
EMBED(form_10, "data/claims/xml10.json")
EMBED(form_11, "data/claims/xml11.json")
EMBED(form_13, "data/claims/xml13.json")
EMBED(form_14, "data/claims/xml14.json")
EMBED(form_15, "data/claims/xml15.json")

static Form forms[CLAIM_TABLES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The texts are part of the program: one that cannot be read is a fault of the build. */
static void load_forms(void) {
    static Arena *arena;
    arena = arena_new(4 * LIMIT_MIB);
#define X(n)                                                                                       \
    {                                                                                              \
        const JsonNode *root = NULL;                                                               \
        ErrCode err = json_parse(arena, embed_form_##n(), &root, NULL);                            \
        assert(err == ERR_OK);                                                                     \
        if (err == ERR_OK) {                                                                       \
            forms[n] = (Form){.t = claim_table(n),                                                 \
                              .same = json_get_lit(root, "same"),                                  \
                              .resources = json_get_lit(root, "resources")};                       \
        }                                                                                          \
    }
    FORM_LIST(X)
#undef X
}

const Form *form_of(int table) {
    (void)pthread_once(&once, load_forms);
    bool is_table = table >= 0 && table < CLAIM_TABLES;
    return is_table && forms[table].t != NULL ? &forms[table] : NULL;
}

/* ---- expectations */

/* "XML1.NGAY_SINH", "XML1.NGAY_SINH:date" (its first 8 characters), "XML1.MA_THE_BHYT:bhxh" (the
 * number on the first card). */
static Str source_value(const FormSource *s, Str text) {
    Str rest = text;
    Str table;
    Str field;
    (void)str_cut(&rest, '.', &table);
    (void)str_cut(&rest, ':', &field);
    const ClaimTable *t = claim_table_by_name(table);
    int index = t == NULL ? -1 : claim_field_find(t, field);
    assert(index >= 0);
    if (index < 0) {
        return STR_EMPTY;
    }
    Str v = s->value(s->ctx, t->number, index);
    if (str_eq(rest, STR("date"))) {
        return str_sub(v, 0, MIN(v.len, 8));
    }
    if (str_eq(rest, STR("bhxh"))) {
        Str card;
        return str_cut(&v, ';', &card) ? claim_bhxh(str_trim(card)) : STR_EMPTY;
    }
    return v;
}

/* "FIELD" (XML1 has it under the same name) or "FIELD=SOURCE|SOURCE": the first that is given. */
static void expect_same(const Form *form, const FormSource *s, Str entry, Str *ret) {
    Str rest = entry;
    Str name;
    Str source;
    (void)str_cut(&rest, '=', &name);
    int field = claim_field_find(form->t, name);
    assert(field >= 0);
    if (rest.len == 0) {
        const ClaimTable *t1 = claim_table(1);
        ret[field] = s->value(s->ctx, 1, claim_field_find(t1, name));
    }
    while (ret[field].len == 0 && str_cut(&rest, '|', &source)) {
        ret[field] = source_value(s, source);
    }
}

void form_expect(Arena *arena, const Form *form, const FormSource *source, int number, Str *ret) {
    for (int i = 0; i < form->t->n_fields; i++) {
        ret[i] = STR_EMPTY;
        if (str_eq(form->t->fields[i].name, STR("STT"))) {
            ret[i] = arena_printf(arena, "%d", number);
        }
    }
    ret[0] = source->ma_lk;
    const JsonNode *list = form->same;
    for (const JsonNode *e = list == NULL ? NULL : json_first(list); e != NULL;
         e = json_next(list, e)) {
        expect_same(form, source, json_raw_str(e), ret);
    }
}

/* ---- placeholders */

bool form_hole(const Form *form, Str text, FormHole *ret_hole) {
    FormHole h = {.always = str_starts(text, STR("@@")), .shown = str_starts(text, STR("%"))};
    if (!h.shown && !str_starts(text, STR("@"))) {
        return false;
    }
    Str otherwise = str_sub(text, h.always ? 2 : 1, text.len);
    Str rest;
    Str name;
    (void)str_cut(&otherwise, '|', &rest);
    (void)str_cut(&rest, ':', &name);
    h.field = claim_field_find(form->t, name);
    h.codec = rest;
    h.otherwise = otherwise;
    h.always = h.always || h.shown || otherwise.len > 0;
    assert(h.field >= 0);
    *ret_hole = h;
    return h.field >= 0;
}
