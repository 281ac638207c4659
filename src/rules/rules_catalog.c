#include "rules/rules_int.h"

#include "core/tsv.h"
#include "vn/vn.h"

/* ---- vn's tables ---- */

enum { ATTRIBUTES_MAX = 8 };

typedef struct VnCatalogue {
    const char *name;
    const char *attributes[ATTRIBUTES_MAX];
    RulesFound (*ask)(int which, const RulesAsk *ask, Str *ret_value);
    int which;
} VnCatalogue;

static RulesFound ask_icd10(int near, const RulesAsk *ask, Str *ret_value) {
    const VnIcd10 *e = near ? vn_icd10_near(ask->code) : vn_icd10(ask->code);
    if (e == NULL) {
        return RULES_ABSENT;
    }
    Str a = ask->attribute;
    *ret_value = str_eq(a, STR("mark"))      ? e->mark
                 : str_eq(a, STR("block"))   ? e->block
                 : str_eq(a, STR("rules"))   ? e->rules
                 : str_eq(a, STR("flags"))   ? e->flags
                 : str_eq(a, STR("name"))    ? e->name_vi
                 : str_eq(a, STR("code"))    ? e->code
                 : str_eq(a, STR("chapter")) ? e->chapter == NULL ? STR_EMPTY : e->chapter->number
                                             : STR_EMPTY;
    return RULES_FOUND;
}

static RulesFound ask_list(int list, const RulesAsk *ask, Str *ret_value) {
    const VnCode *e = vn_code((VnList)list, ask->code);
    if (e == NULL) {
        return RULES_ABSENT;
    }
    *ret_value = str_eq(ask->attribute, STR("name")) ? e->name_vi : e->extra;
    return RULES_FOUND;
}

static RulesFound ask_ward(int unused, const RulesAsk *ask, Str *ret_value) {
    (void)unused;
    const VnWard *w = vn_ward(ask->code);
    if (w != NULL) {
        *ret_value = w->full_name;
    }
    return w == NULL ? RULES_ABSENT : RULES_FOUND;
}

static RulesFound ask_province(int unused, const RulesAsk *ask, Str *ret_value) {
    (void)unused;
    const VnProvince *p = vn_province(ask->code);
    if (p != NULL) {
        *ret_value = p->full_name;
    }
    return p == NULL ? RULES_ABSENT : RULES_FOUND;
}

static const VnCatalogue vn_catalogues[] = {
    {"icd10", {"code", "mark", "block", "rules", "flags", "chapter", "name"}, ask_icd10, 0},
    {"icd10-near", {"code", "mark", "block", "rules", "flags", "chapter", "name"}, ask_icd10, 1},
    {"dan-toc", {"name"}, ask_list, VN_ETHNIC},
    {"khoa", {"name"}, ask_list, VN_DEPARTMENT},
    {"nhom-chi-phi", {"name", "table"}, ask_list, VN_COST_GROUP},
    {"doi-tuong-kcb", {"name", "factor"}, ask_list, VN_VISIT_OBJECT},
    {"loai-kcb", {"name", "rule"}, ask_list, VN_VISIT_TYPE},
    {"wards", {"name"}, ask_ward, 0},
    {"provinces", {"name"}, ask_province, 0},
};

/* A new catalogue of that name, or the one that is there. */
static RulesCatalogue *catalogue_put(Rules *rules, Str name) {
    for (size_t i = 0; i < rules->n_catalogues; i++) {
        if (str_eq(rules->catalogues[i].name, name)) {
            return &rules->catalogues[i];
        }
    }
    if (!rules_grow(rules->arena, &rules->catalogues, rules->n_catalogues,
                    &rules->capacity_catalogues, sizeof(*rules->catalogues))) {
        return NULL;
    }
    rules->catalogues[rules->n_catalogues] =
        (RulesCatalogue){.name = arena_str(rules->arena, name)};
    return &rules->catalogues[rules->n_catalogues++];
}

ErrCode rules_catalogues_vn(Rules *rules) {
    TRY(vn_init());
    for (size_t i = 0; i < ARRAY_LEN(vn_catalogues); i++) {
        const VnCatalogue *v = &vn_catalogues[i];
        RulesCatalogue *c = catalogue_put(rules, str_from(v->name));
        Str *attributes = arena_new_array(rules->arena, Str, ATTRIBUTES_MAX);
        if (c == NULL || attributes == NULL) {
            return ERR_NOMEM;
        }
        c->vn = (int)i + 1;
        c->attributes = attributes;
        while (c->n_attributes < ATTRIBUTES_MAX && v->attributes[c->n_attributes] != NULL) {
            attributes[c->n_attributes] = str_from(v->attributes[c->n_attributes]);
            c->n_attributes++;
        }
    }
    return ERR_OK;
}

/* ---- tables of texts ---- */

typedef struct TsvRow {
    Str code;
    int64_t since, until;
    const Str *values; /* by attribute */
    size_t place;      /* earlier rows first where codes are equal */
} TsvRow;

struct RulesTsv {
    TsvRow *rows; /* by code */
    size_t n_rows, capacity;
};

static int cmp_row(const void *a, const void *b) {
    const TsvRow *x = a;
    const TsvRow *y = b;
    int order = str_cmp(x->code, y->code);
    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static bool open_date(Str s, int64_t open, int64_t *ret) {
    *ret = open;
    return s.len == 0 || rules_text_date(s, ret);
}

static ErrCode read_rows(Rules *rules, const RulesFile *file, TsvReader *r, struct RulesTsv *t,
                         ErrInfo *info) {
    int since = tsv_column(r, STR("since"));
    int until = tsv_column(r, STR("until"));
    while (tsv_next(r)) {
        Str *values = arena_new_array(rules->arena, Str, r->n_columns);
        if (values == NULL ||
            !rules_grow(rules->arena, &t->rows, t->n_rows, &t->capacity, sizeof(*t->rows))) {
            return ERR_NOMEM;
        }
        for (size_t i = 0; i < r->n_columns; i++) {
            values[i] = r->fields[i];
        }
        TsvRow *row = &t->rows[t->n_rows];
        *row = (TsvRow){.code = r->fields[0], .values = values, .place = t->n_rows++};
        if (!open_date(tsv_get(r, since), INT64_MIN, &row->since) ||
            !open_date(tsv_get(r, until), INT64_MAX, &row->until)) {
            return rules_text_fail(file, r->fields[0].ptr, info, "rules-table",
                                   "since and until are dates like 2026-01-31",
                                   "since và until phải là ngày dạng 2026-01-31", STR_EMPTY);
        }
    }
    return tsv_ok(r, info);
}

ErrCode rules_catalogue_tsv(Rules *rules, const RulesFile *file, ErrInfo *info) {
    TsvReader r;
    struct RulesTsv *t = arena_calloc(rules->arena, 1, sizeof(*t));
    RulesCatalogue *c = catalogue_put(rules, str_sub(file->name, 0, file->name.len - 4));
    Str *attributes = arena_new_array(rules->arena, Str, TSV_COLUMNS_MAX);
    if (t == NULL || c == NULL || attributes == NULL) {
        return ERR_NOMEM;
    }
    TRY(tsv_init(&r, file->text, info));
    if (!str_eq(r.columns[0], STR("code"))) {
        return rules_text_fail(file, file->text.ptr, info, "rules-table",
                               "the first column is code, not {}",
                               "cột đầu phải là code, không "
                               "phải {}",
                               r.columns[0]);
    }
    memcpy(attributes, r.columns, r.n_columns * sizeof(Str));
    *c = (RulesCatalogue){.name = c->name,
                          .attributes = attributes,
                          .n_attributes = r.n_columns,
                          .file = file,
                          .tsv = t};
    TRY(read_rows(rules, file, &r, t, info));
    if (t->n_rows > 0) {
        qsort(t->rows, t->n_rows, sizeof(*t->rows), cmp_row);
    }
    return ERR_OK;
}

static RulesFound ask_tsv(const RulesCatalogue *c, const RulesAsk *ask, Str *ret_value) {
    size_t lo = 0;
    size_t hi = c->tsv->n_rows;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(c->tsv->rows[mid].code, ask->code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < c->tsv->n_rows && str_eq(c->tsv->rows[lo].code, ask->code); lo++) {
        const TsvRow *row = &c->tsv->rows[lo];
        if (ask->day != INT64_MIN && (ask->day < row->since || ask->day > row->until)) {
            continue;
        }
        for (size_t i = 0; i < c->n_attributes; i++) {
            if (str_eq(c->attributes[i], ask->attribute)) {
                *ret_value = row->values[i];
            }
        }
        return RULES_FOUND;
    }
    return RULES_ABSENT;
}

RulesFound rules_catalogue_ask(const RulesCatalogue *c, const RulesAsk *ask, Str *ret_value) {
    if (c->vn > 0) {
        const VnCatalogue *v = &vn_catalogues[c->vn - 1];
        return v->ask(v->which, ask, ret_value);
    }
    return c->tsv == NULL ? RULES_NOT_LOADED : ask_tsv(c, ask, ret_value);
}

const RulesCatalogue *rules_catalogue_find(const Rules *rules, Str name) {
    for (size_t i = 0; i < rules->n_catalogues; i++) {
        if (str_eq(rules->catalogues[i].name, name)) {
            return &rules->catalogues[i];
        }
    }
    return NULL;
}

ErrCode rules_catalogue_declare(Rules *rules, Str name, Str attributes) {
    RulesCatalogue *c = catalogue_put(rules, name);
    Str *list = arena_new_array(rules->arena, Str, TSV_COLUMNS_MAX);
    if (c == NULL || list == NULL) {
        return ERR_NOMEM;
    }
    Str part;
    size_t n = 0;
    while (n < TSV_COLUMNS_MAX && str_cut(&attributes, ',', &part)) {
        list[n] = str_trim(part);
        n += list[n].len > 0;
    }
    if (c->vn == 0 && c->tsv == NULL) {
        c->attributes = list;
        c->n_attributes = n;
    }
    return ERR_OK;
}
