/* _sort against a sorted scan: for random queries and sort keys the pages put together must be the
 * matching resources in the order that this file works out by itself from the extracted values;
 * by decoding all candidates, and by walking the index's keys. */
#include "unit/store/search_world.h"

enum { ROUNDS = 60, KEY_LEN = 160 };

/* One sort key of one resource, as the test reads it. */
typedef struct Value {
    bool found, is_number;
    double number;
    TimeMs time;
    char text[KEY_LEN];
} Value;

typedef struct Row {
    Slot slot;
    Value values[FHIR_QUERY_SORTS];
} Row;

static const FhirQuery *sorting; /* of the qsort under way */

static int compare_value(const Value *a, const Value *b) {
    if (a->is_number && a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

static int compare_rows(const void *x, const void *y) {
    const Row *a = x;
    const Row *b = y;
    for (size_t i = 0; i < sorting->n_sorts; i++) {
        const Value *v = &a->values[i];
        const Value *w = &b->values[i];
        if (v->found != w->found) {
            return v->found ? -1 : 1;
        }
        int order = v->found ? compare_value(v, w) : 0;
        if (order != 0) {
            return sorting->sorts[i].is_descending ? -order : order;
        }
    }
    int by_slot = (a->slot > b->slot) - (a->slot < b->slot);
    return sorting->sorts[0].is_descending ? -by_slot : by_slot;
}

static bool read_value(Arena *arena, const FhirIndexValue *v, Value *ret) {
    Value value = {.found = true};
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        (void)snprintf(value.text, KEY_LEN, STR_FMT "\t" STR_FMT, STR_ARG(v->token.code),
                       STR_ARG(v->token.system));
        value.found = (v->flags & FHIR_TOKEN_TEXT) == 0;
        break;
    case FHIR_INDEX_STRING: {
        Str folded = fhir_fold_string(arena, v->string.text);
        (void)snprintf(value.text, KEY_LEN, STR_FMT, STR_ARG(folded));
        break;
    }
    case FHIR_INDEX_DATE:
        value.time = v->date.lo;
        break;
    case FHIR_INDEX_QUANTITY:
        value.is_number = true;
        value.number = strtod(arena_printf(arena, STR_FMT, STR_ARG(v->quantity.value)).ptr, NULL);
        value.found = v->quantity.value.len > 0;
        break;
    case FHIR_INDEX_REFERENCE:
        if (v->reference.url.len > 0) {
            (void)snprintf(value.text, KEY_LEN, STR_FMT, STR_ARG(v->reference.url));
        } else {
            (void)snprintf(value.text, KEY_LEN, "%s/" STR_FMT, fhir_type_name(v->reference.type),
                           STR_ARG(v->reference.id));
        }
        break;
    case FHIR_INDEX_NUMBER:
    case FHIR_INDEX_URI:
    case FHIR_INDEX_COMPOSITE:
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
        return false;
    }
    *ret = value;
    return value.found;
}

static void take_value(const FhirSort *sort, const Value *v, Value *best) {
    int order = compare_value(v, best);
    if (!best->found || (sort->is_descending ? order > 0 : order < 0)) {
        *best = *v;
    }
}

static void read_row(World *w, const FhirQuery *q, Slot slot, Row *row) {
    CLEANUP_ARENA Arena *arena = arena_new((size_t)1 << 26);
    StoreVersion v;
    const JsonNode *root = NULL;
    memset(row, 0, sizeof(*row));
    row->slot = slot;
    assert_ok(store_get_slot(w->home.store, arena, slot, &v));
    assert_ok(json_parse(arena, v.json, &root, NULL));
    FhirIndexList list = fhir_index_list(arena);
    assert_ok(fhir_extract(arena, v.type, root, &list.sink));
    for (size_t i = 0; i < q->n_sorts; i++) {
        FhirParamId id = q->sorts[i].param->id;
        Value value = {.found = true};
        if (id == FHIR_P__LAST_UPDATED) {
            value.time = v.time;
            row->values[i] = value;
        } else if (id == FHIR_P__ID) {
            (void)snprintf(value.text, KEY_LEN, STR_FMT, STR_ARG(v.id));
            row->values[i] = value;
        }
        for (size_t k = 0; k < list.count; k++) {
            if (list.values[k].param == id && read_value(arena, &list.values[k], &value)) {
                take_value(&q->sorts[i], &value, &row->values[i]);
            }
        }
    }
}

static const struct {
    FhirType type;
    const char *filters[6];
    const char *sorts[10];
} KINDS[] = {
    {FHIR_T_OBSERVATION,
     {"", "", "code=a1", "date=ge2024-01-02", "status=final", "code:not=a1"},
     {"date", "code", "value-quantity", "status", "_lastUpdated", "_id", "subject", "encounter",
      "date", "combo-code"}},
    {FHIR_T_PATIENT,
     {"", "", "gender=male", "name=nguyen", "active=true", "birthdate=ge2024"},
     {"name", "birthdate", "gender", "address", "given", "identifier", "telecom", "_lastUpdated",
      "general-practitioner", "active"}},
    {FHIR_T_ENCOUNTER,
     {"", "", "status=finished", "date=2024", "class=IMP", "date=ge2024-02"},
     {"date", "status", "class", "service-provider", "_id", "date", "date", "patient",
      "_lastUpdated", "status"}},
};

static FhirType put_sorted_query(World *w, Buf *out) {
    unsigned kind = below(w, ARRAY_LEN(KINDS));
    buf_printf(out, "%s&_sort=", KINDS[kind].filters[below(w, 6)]);
    for (unsigned n = 1 + (below(w, 3) == 0 ? below(w, 3) : 0), i = 0; i < n; i++) {
        buf_printf(out, "%s%s%s", i > 0 ? "," : "", below(w, 2) == 0 ? "-" : "",
                   KINDS[kind].sorts[below(w, 10)]);
    }
    return KINDS[kind].type;
}

static void fail_page(const char *text, const Row *rows, size_t n, size_t at, Slot got) {
    print_error("%s: hit %zu of %zu is %llx, scan %llx %s\n", text, at, n, (unsigned long long)got,
                (unsigned long long)(at < n ? rows[at].slot : 0),
                at < n ? rows[at].values[0].text : "");
    fail();
}

/* All pages, while the store goes on changing. */
static void check_sorted(World *w, size_t *ret_hits) {
    static Slot slots[RESOURCES_MAX];
    static Row rows[RESOURCES_MAX];
    CLEANUP_BUF Buf text;
    buf_init(&text, 4096);
    arena_reset(w->arena);
    FhirType type = put_sorted_query(w, &text);
    FhirQuery q;
    FhirQueryScope scope = {.type = type,
                            .base_url = STR("https://nhip.example/fhir"),
                            .now = 1704067200000,
                            .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, buf_str(&text), &q));
    RecordNo now = store_snapshot(w->home.store);
    RecordNo snapshot = below(w, 3) > 0 ? now : 1 + below(w, (unsigned)now);
    size_t n = scan(w, &q, snapshot, slots);
    for (size_t i = 0; i < n; i++) {
        read_row(w, &q, slots[i], &rows[i]);
    }
    sorting = &q;
    qsort(rows, n, sizeof(*rows), compare_rows);
    StoreSearch search = {.query = &q,
                          .snapshot = snapshot,
                          .want_total = true,
                          .count = below(w, 3) == 0 ? 5 : 40 + below(w, 300)};
    size_t at = 0;
    do {
        StorePage page = {0};
        ErrCode err = store_search(w->home.store, w->arena, &search, &page, &w->home.info);
        if (err != ERR_OK) {
            print_error("%s: %s\n", buf_cstr(&text), w->home.info.what_en);
        }
        assert_ok(err);
        assert_int_equal(page.total, n);
        for (size_t i = 0; i < page.n_matches; i++, at++) {
            if (at >= n || page.matches[i].slot != rows[at].slot) {
                fail_page(buf_cstr(&text), rows, n, at, page.matches[i].slot);
            }
        }
        search.after = page.next;
        if (below(w, 4) == 0) {
            commit_any(w);
        }
    } while (search.after != 0 && at < 400);
    assert_true(at == n || search.after != 0);
    *ret_hits += at;
}

static void run_world(uint64_t seed, unsigned seal_records, StoreSortWay way, int commits) {
    World *w = world_new(seed_of(seed), seal_records);
    w->home.options.sort_way = way;
    home_reopen(&w->home);
    size_t hits = 0;
    for (int i = 0; i < commits; i++) {
        commit_any(w);
    }
    store_settle(w->home.store);
    for (int i = 0; i < ROUNDS; i++) {
        check_sorted(w, &hits);
    }
    assert_true(hits > ROUNDS);
    world_free(w);
}

/* Each way in a world of many segments, and in one of a tail. */
static void run_worlds(uint64_t seed, StoreSortWay way) {
    run_world(seed, 3, way, 300);
    run_world(seed + 100, 100000, way, 200);
}

static void pages_are_a_sorted_scan_by_cost(void **state) {
    (void)state;
    run_worlds(11, SORT_BY_COST);
}

static void pages_are_a_sorted_scan_of_all_candidates(void **state) {
    (void)state;
    run_worlds(12, SORT_READ_ALL);
}

static void pages_are_a_sorted_scan_by_keys_in_a_list(void **state) {
    (void)state;
    run_worlds(13, SORT_KEYS_LIST);
}

static void pages_are_a_sorted_scan_by_keys_asked(void **state) {
    (void)state;
    run_worlds(14, SORT_KEYS_ASK);
}

static void pages_are_a_sorted_scan_by_keys_asked_then_listed(void **state) {
    (void)state;
    run_worlds(15, SORT_KEYS_TURNS);
}

/* By keys a page reads little more than it answers. */
static void a_sorted_page_of_many_reads_few(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 200);
    w->home.options.search_work_max = 30;
    w->home.options.seal_records = 16;
    home_reopen(&w->home);
    StorePage page = {0};
    FhirQuery q;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, STR("_sort=-code&status=final"), &q));
    StoreSearch search = {.query = &q, .count = 20};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    assert_int_equal(page.n_matches, 20);
    assert_true(str_find(page.matches[0].json, STR("\"c6\"")) != SIZE_MAX);
    assert_true(page.matches[0].slot > page.matches[1].slot);
    assert_ok(fhir_query_parse(w->arena, &scope, STR("_sort=subject"), &q)); /* no keys for it */
    assert_int_equal(store_search(w->home.store, w->arena, &search, &page, &w->home.info),
                     ERR_LIMIT);
    assert_string_equal(w->home.info.rule, "search-work");
    world_free(w);
}

static void a_place_of_another_type_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 3);
    FhirQuery q;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, STR("_sort=code"), &q));
    StorePage page = {0};
    StoreSearch search = {.query = &q, .count = 20, .after = w->resources[1].first};
    assert_int_equal(store_search(w->home.store, w->arena, &search, &page, &w->home.info),
                     ERR_PARAM);
    search.after = w->resources[1].first + 50;
    assert_int_equal(store_search(w->home.store, w->arena, &search, &page, &w->home.info),
                     ERR_NOT_FOUND);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sorted_page_of_many_reads_few),
        cmocka_unit_test(a_place_of_another_type_is_refused),
        cmocka_unit_test(pages_are_a_sorted_scan_by_cost),
        cmocka_unit_test(pages_are_a_sorted_scan_of_all_candidates),
        cmocka_unit_test(pages_are_a_sorted_scan_by_keys_in_a_list),
        cmocka_unit_test(pages_are_a_sorted_scan_by_keys_asked),
        cmocka_unit_test(pages_are_a_sorted_scan_by_keys_asked_then_listed),
    };
    return cmocka_run_group_tests_name("store/search_sort", tests, NULL, NULL);
}
