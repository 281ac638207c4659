#include "catalog/catalog_int.h"

/* ---- rows ---- */

static int cmp_group(const CatalogRow *row, Str code, Str facility) {
    int order = str_cmp(row->code, code);
    return order != 0 ? order : str_cmp(row->facility, facility);
}

int catalog_row_cmp(const void *a, const void *b) {
    const CatalogRow *x = a;
    const CatalogRow *y = b;
    int order = cmp_group(x, y->code, y->facility);
    return order != 0 ? order : (x->since > y->since) - (x->since < y->since);
}

CatalogRow *catalog_rows_add(Arena *arena, CatalogRows *rows) {
    if (rows->n == rows->room) {
        size_t room = MAX(rows->room * 2, (size_t)64);
        CatalogRow *more = arena_resize(arena, rows->rows, rows->room * sizeof(CatalogRow),
                                        room * sizeof(CatalogRow));
        if (more == NULL) {
            return NULL;
        }
        rows->rows = more;
        rows->room = room;
    }
    return &rows->rows[rows->n++];
}

size_t catalog_rows_find(const CatalogRows *rows, Str code, Str facility, size_t *ret_n) {
    size_t lo = 0;
    size_t hi = rows->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cmp_group(&rows->rows[mid], code, facility) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    size_t n = 0;
    while (lo + n < rows->n && cmp_group(&rows->rows[lo + n], code, facility) == 0) {
        n++;
    }
    *ret_n = n;
    return lo;
}

/* ---- a part ---- */

static uint64_t hash_of(Str code, Str facility) {
    return facility.len == 0 ? hash64(code) : hash64_mix(hash64(code), hash64(facility));
}

static bool same_group(const CatalogRow *row, Str code, Str facility) {
    return str_eq(row->code, code) && str_eq(row->facility, facility);
}

/* The slot of the group, or the free one where it belongs. */
static CatalogSlot *slot_of(const CatalogPart *p, uint64_t hash, Str code, Str facility) {
    size_t at = hash & p->mask;
    uint32_t tag = (uint32_t)(hash >> 32);
    for (;; at = (at + 1) & p->mask) {
        CatalogSlot *s = &p->slots[at];
        if (s->first == 0 ||
            (s->tag == tag && same_group(&p->rows.rows[s->first - 1], code, facility))) {
            return s;
        }
    }
}

static ErrCode index_rows(CatalogPart *p) {
    size_t size = 16;
    while (size < p->rows.n * 2) {
        size *= 2;
    }
    p->mask = size - 1;
    p->slots = arena_new_array(p->arena, CatalogSlot, size);
    if (p->slots == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < p->rows.n; i++) {
        const CatalogRow *row = &p->rows.rows[i];
        uint64_t hash = hash_of(row->code, row->facility);
        CatalogSlot *slot = slot_of(p, hash, row->code, row->facility);
        slot->first = slot->first == 0 ? (uint32_t)(i + 1) : slot->first;
        slot->tag = (uint32_t)(hash >> 32);
        slot->n++;
        p->has_general = p->has_general || row->facility.len == 0;
    }
    return ERR_OK;
}

static int cmp_str(const void *a, const void *b) {
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

static bool has_rows_of(const CatalogPart *p, Str facility) {
    return p->n_facilities > 0 &&
           bsearch(&facility, p->facilities, p->n_facilities, sizeof(Str), cmp_str) != NULL;
}

/* Few differ: those that stand beside each other are told apart first. */
static ErrCode list_facilities(CatalogPart *p) {
    Str *list = arena_new_array(p->arena, Str, p->rows.n + 1);
    size_t n = 0;
    if (list == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < p->rows.n; i++) {
        Str f = p->rows.rows[i].facility;
        if (f.len > 0 && (n == 0 || !str_eq(list[n - 1], f))) {
            list[n++] = f;
        }
    }
    qsort(list, n, sizeof(*list), cmp_str);
    for (size_t i = 0; i < n; i++) {
        if (p->n_facilities == 0 || !str_eq(list[p->n_facilities - 1], list[i])) {
            list[p->n_facilities++] = list[i];
        }
    }
    p->facilities = list;
    return ERR_OK;
}

ErrCode catalog_part_new(Arena *arena, const CatalogSpec *spec, CatalogRows *rows,
                         CatalogPart **ret_part) {
    CatalogPart *p = arena_new_array(arena, CatalogPart, 1);
    if (p == NULL) {
        arena_free(arena);
        return ERR_NOMEM;
    }
    p->arena = arena;
    p->spec = spec;
    p->rows = *rows;
    atomic_init(&p->refs, 1);
    if (p->rows.n > 0) {
        qsort(p->rows.rows, p->rows.n, sizeof(CatalogRow), catalog_row_cmp);
    }
    ErrCode err = p->rows.n < UINT32_MAX ? index_rows(p) : ERR_LIMIT;
    err = err == ERR_OK ? list_facilities(p) : err;
    if (err != ERR_OK) {
        arena_free(arena);
        return err;
    }
    *ret_part = p;
    return ERR_OK;
}

CatalogPart *catalog_part_hold(CatalogPart *part) {
    if (part != NULL) {
        atomic_fetch_add(&part->refs, 1);
    }
    return part;
}

void catalog_part_end(CatalogPart *part) {
    if (part != NULL && atomic_fetch_sub(&part->refs, 1) == 1) {
        arena_free(part->arena);
    }
}

/* ---- look-ups ---- */

const CatalogRow *catalog_part_row(const CatalogPart *p, Str code, Str facility, int64_t day) {
    const CatalogSlot *slot = slot_of(p, hash_of(code, facility), code, facility);
    const CatalogRow *found = NULL;
    for (size_t i = 0; i < slot->n; i++) {
        const CatalogRow *row = &p->rows.rows[slot->first - 1 + i];
        if (day == INT64_MIN || (row->since <= day && day <= row->until)) {
            found = row;
        }
    }
    return found;
}

RulesFound catalog_part_look(const CatalogPart *part, const RulesAsk *ask, Str *ret_value) {
    const CatalogRow *row = NULL;
    if (ask->facility.len > 0 && part->n_facilities > 0) {
        row = catalog_part_row(part, ask->code, ask->facility, ask->day);
    }
    if (row == NULL && part->has_general) {
        row = catalog_part_row(part, ask->code, STR_EMPTY, ask->day);
    }
    if (row == NULL) {
        bool loaded = part->has_general || has_rows_of(part, ask->facility);
        return loaded ? RULES_ABSENT : RULES_NOT_LOADED;
    }
    if (ask->attribute.len > 0) {
        int column = catalog_spec_column(part->spec, ask->attribute);
        *ret_value = column < 0 ? STR_EMPTY : row->values[column];
    }
    return RULES_FOUND;
}

/* ---- views ---- */

CatalogView *catalog_view_new(const CatalogView *before, size_t at, CatalogPart *part) {
    static atomic_uint_fast64_t last_id;
    CatalogView *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    atomic_init(&v->refs, 1);
    v->id = atomic_fetch_add(&last_id, 1) + 1;
    for (size_t i = 0; i < CATALOG_SPECS_MAX; i++) {
        v->parts[i] = i == at ? part : before == NULL ? NULL : catalog_part_hold(before->parts[i]);
    }
    return v;
}

void catalog_view_end(CatalogView *view) {
    if (view != NULL && atomic_fetch_sub(&view->refs, 1) == 1) {
        for (size_t i = 0; i < CATALOG_SPECS_MAX; i++) {
            catalog_part_end(view->parts[i]);
        }
        free(view);
    }
}
