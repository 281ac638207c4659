/* The search against a scan: random resources of several types, created, updated and deleted over
 * several levels of segments; for random queries the index's answer must be that of fhir_match over
 * all resources current at the snapshot. */
#include "unit/store/search_world.h"

enum { QUERIES = 300 };

/* ---- random queries ---- */

static void put_date(World *w, Buf *q) {
    buf_printf(q, "%s", PICK(w, "", "ge", "le", "gt", "lt", "ne", "sa", "eb", "ap"));
    switch (below(w, 4)) {
    case 0:
        buf_printf(q, "%s", PICK(w, "2024", "2023", "2024-01", "2024-02"));
        break;
    case 1:
        buf_printf(q, "%sT08:30:00%%2B07:00", DAYS[below(w, 6)]);
        break;
    default:
        buf_printf(q, "%s", DAYS[below(w, 6)]);
        break;
    }
}

static void put_token(World *w, Buf *q) {
    switch (below(w, 5)) {
    case 0:
        buf_printf(q, "%%7C%s", CODES[below(w, 5)]);
        break;
    case 1:
        buf_printf(q, "%s%%7C", SYSTEMS[below(w, 2)]);
        break;
    case 2:
        buf_printf(q, "%s", CODES[below(w, 5)]);
        break;
    default:
        buf_printf(q, "%s%%7C%s", SYSTEMS[below(w, 2)], CODES[below(w, 5)]);
        break;
    }
}

static void put_quantity(World *w, Buf *q) {
    buf_printf(q, "%s%s", PICK(w, "", "gt", "lt", "ge", "le", "ne", "ap", "sa", "eb"),
               PICK(w, "5", "5.4", "5.40", "-3", "100", "0", "1e2", "5.39999999999999999999"));
    buf_printf(q, "%s", PICK(w, "", "", "%7Curn:u%7Cmmol/L", "%7C%7Cmg", "%7Curn:u%7Cmg"));
}

static void put_id(World *w, Buf *q, FhirType type, bool with_type) {
    int at = some(w, type);
    if (at < 0 || below(w, 15) == 0) {
        buf_printf(q, "%s%snobody", with_type ? fhir_type_name(type) : "", with_type ? "/" : "");
        return;
    }
    buf_printf(q, "%s%s" STR_FMT, with_type ? fhir_type_name(type) : "", with_type ? "/" : "",
               STR_ARG(w->resources[at].id));
}

/* Sometimes of a version. */
static void put_reference(World *w, Buf *q, FhirType type) {
    bool with_type = below(w, 2) == 0;
    put_id(w, q, type, with_type);
    if (with_type && below(w, 3) == 0) {
        buf_printf(q, "/_history/%u", 1 + below(w, 2));
    }
}

static void put_updated(World *w, Buf *q) {
    TimeMs t = 0;
    StoreVersion v;
    Slot slot = w->versions[below(w, (unsigned)w->n_versions)].slot;
    assert_ok(store_get_slot(w->home.store, w->arena, slot, &v));
    t = v.time;
    buf_printf(q, "_lastUpdated=%s", PICK(w, "ge", "lt", "gt", "le", "", "ne"));
    time_put_instant(q, t);
}

/* kind letters: t token, d date, q quantity, s string, p patient, e encounter, o organization,
 * r practitioner, g gender, u status, i identifier, n _id, l _lastUpdated, c code-value-quantity,
 * h telecom, b boolean */
typedef struct QueryTerm {
    FhirType type;
    const char *param;
    char kind;
} QueryTerm;
static const QueryTerm TERMS[] = {
    {FHIR_T_OBSERVATION, "code", 't'},          {FHIR_T_OBSERVATION, "date", 'd'},
    {FHIR_T_OBSERVATION, "value-quantity", 'q'}, {FHIR_T_OBSERVATION, "subject", 'p'},
    {FHIR_T_OBSERVATION, "patient", 'p'},       {FHIR_T_OBSERVATION, "encounter", 'e'},
    {FHIR_T_OBSERVATION, "status", 'u'},        {FHIR_T_OBSERVATION, "_id", 'n'},
    {FHIR_T_OBSERVATION, "_lastUpdated", 'l'},  {FHIR_T_OBSERVATION, "code-value-quantity", 'c'},
    {FHIR_T_CONDITION, "code", 't'},            {FHIR_T_CONDITION, "recorded-date", 'd'},
    {FHIR_T_CONDITION, "subject", 'p'},         {FHIR_T_CONDITION, "encounter", 'e'},
    {FHIR_T_ENCOUNTER, "status", 'u'},          {FHIR_T_ENCOUNTER, "date", 'd'},
    {FHIR_T_ENCOUNTER, "class", 't'},           {FHIR_T_ENCOUNTER, "patient", 'p'},
    {FHIR_T_ENCOUNTER, "service-provider", 'o'}, {FHIR_T_ENCOUNTER, "_lastUpdated", 'l'},
    {FHIR_T_PATIENT, "address", 's'},           {FHIR_T_PATIENT, "given", 's'},
    {FHIR_T_PATIENT, "name", 's'},              {FHIR_T_PATIENT, "birthdate", 'd'},
    {FHIR_T_PATIENT, "gender", 'g'},            {FHIR_T_PATIENT, "identifier", 'i'},
    {FHIR_T_PATIENT, "telecom", 'h'},           {FHIR_T_PATIENT, "phone", 'h'},
    {FHIR_T_PATIENT, "active", 'b'},            {FHIR_T_PATIENT, "deceased", 'b'},
    {FHIR_T_ORGANIZATION, "active", 'b'},
    {FHIR_T_PATIENT, "general-practitioner", 'r'}, {FHIR_T_PATIENT, "_id", 'n'},
    {FHIR_T_PATIENT, "organization", 'o'},
    {FHIR_T_ORGANIZATION, "name", 's'},         {FHIR_T_PRACTITIONER, "_id", 'n'},
    {FHIR_T_ORGANIZATION, "partof", 'o'},       {FHIR_T_ORGANIZATION, "_profile", 'f'},
    {FHIR_T_PRACTITIONER, "_profile", 'f'},     {FHIR_T_PRACTITIONER, "name", 's'},
    {FHIR_T_ORGANIZATION, "_id", 'n'},          {FHIR_T_LIST, "status", 'u'},
    {FHIR_T_LIST, "_id", 'n'},                  {FHIR_T_ORGANIZATION, "_tag", 't'},
};

/* What may stand before a term of another type. */
typedef struct QueryLink {
    FhirType type;
    const char *prefix;
    FhirType to;
} QueryLink;
static const QueryLink LINKS[] = {
    {FHIR_T_OBSERVATION, "subject:Patient.", FHIR_T_PATIENT},
    {FHIR_T_OBSERVATION, "patient.", FHIR_T_PATIENT},
    {FHIR_T_OBSERVATION, "encounter.", FHIR_T_ENCOUNTER},
    {FHIR_T_CONDITION, "subject:Patient.", FHIR_T_PATIENT},
    {FHIR_T_CONDITION, "encounter.", FHIR_T_ENCOUNTER},
    {FHIR_T_ENCOUNTER, "patient.", FHIR_T_PATIENT},
    {FHIR_T_ENCOUNTER, "service-provider.", FHIR_T_ORGANIZATION},
    {FHIR_T_PATIENT, "general-practitioner:Practitioner.", FHIR_T_PRACTITIONER},
    {FHIR_T_ORGANIZATION, "partof.", FHIR_T_ORGANIZATION},
    {FHIR_T_PATIENT, "organization.", FHIR_T_ORGANIZATION},
    {FHIR_T_PATIENT, "_has:Observation:patient:", FHIR_T_OBSERVATION},
    {FHIR_T_PATIENT, "_has:Condition:subject:", FHIR_T_CONDITION},
    {FHIR_T_PATIENT, "_has:Encounter:patient:", FHIR_T_ENCOUNTER},
    {FHIR_T_PATIENT, "_has:List:item:", FHIR_T_LIST},
    {FHIR_T_ENCOUNTER, "_has:Observation:encounter:", FHIR_T_OBSERVATION},
    {FHIR_T_ENCOUNTER, "_has:Condition:encounter:", FHIR_T_CONDITION},
    {FHIR_T_ORGANIZATION, "_has:Encounter:service-provider:", FHIR_T_ENCOUNTER},
    {FHIR_T_ORGANIZATION, "_has:Organization:partof:", FHIR_T_ORGANIZATION},
    {FHIR_T_PRACTITIONER, "_has:Patient:general-practitioner:", FHIR_T_PATIENT},
    {FHIR_T_LIST, "item:Patient.", FHIR_T_PATIENT},
};

static void put_value(World *w, Buf *q, const QueryTerm *t) {
    switch (t->kind) {
    case 't':
        put_token(w, q);
        break;
    case 'd':
        put_date(w, q);
        break;
    case 'q':
        put_quantity(w, q);
        break;
    case 's':
        buf_printf(q, "%s", PICK(w, "nguyen", "an", "nguy%E1%BB%85n v%C4%83n", "le", "b", "khong",
                                 "thi", "do an", "benh vien", "thi b", "guyen", "nguyen thi c",
                                 "le loi", "phu hoi", "phuong phu hoi, thanh pho hue, tinh thua th",
                                 "phuong phu hoi, thanh pho hue, tinh thua thien hue cu, viet nam"));
        break;
    case 'p':
        put_reference(w, q, FHIR_T_PATIENT);
        break;
    case 'e':
        put_reference(w, q, FHIR_T_ENCOUNTER);
        break;
    case 'o':
        put_id(w, q, FHIR_T_ORGANIZATION, true);
        break;
    case 'r':
        put_id(w, q, FHIR_T_PRACTITIONER, true);
        break;
    case 'g':
        buf_printf(q, "%s", PICK(w, "male", "female", "%7Cmale", "unknown",
                                 "http://hl7.org/fhir/administrative-gender%7Cfemale",
                                 "http://hl7.org/fhir/administrative-gender%7C", "urn:x%7Cmale"));
        break;
    case 'u':
        buf_printf(q, "%s", PICK(w, "final", "amended", "finished", "planned", "%7Cfinal",
                                 "%7Cfinished", "http://hl7.org/fhir/observation-status%7Cfinal",
                                 "http://hl7.org/fhir/encounter-status%7C"));
        break;
    case 'i':
        if (below(w, 8) == 0) {
            buf_printf(q, "%s", PICK(w, "urn:x%7C", "urn:y%7C", "urn:z%7C"));
            break;
        }
        buf_printf(q, "%sP%u", PICK(w, "", "urn:x%7C", "urn:y%7C", "%7C"), below(w, 60));
        break;
    case 'h':
        if (below(w, 6) == 0) {
            buf_printf(q, "%s", PICK(w, "home%7C", "mobile%7C", "phone%7C"));
            break;
        }
        buf_printf(q, "%s09%u", PICK(w, "", "home%7C", "mobile%7C", "phone%7C", "%7C"), below(w, 5));
        break;
    case 'b':
        buf_printf(q, "%s", PICK(w, "true", "false", "%7Ctrue", "%7Cfalse", "urn:x%7Ctrue",
                                 "http://terminology.hl7.org/CodeSystem/special-values%7Ctrue"));
        break;
    case 'n':
        put_id(w, q, t->type, false);
        break;
    case 'f':
        buf_printf(q, "http://p.example%s", PICK(w, "/ig", "/ig/a", "/ig/a/b", "/ig/a/b/c", "/", ""));
        break;
    default:
        put_token(w, q);
        buf_put_lit(q, "$");
        put_quantity(w, q);
        break;
    }
}

/* Modifiers that change what kind of value is meant. */
static bool put_odd_modifier(World *w, Buf *q, const QueryTerm *t) {
    bool is_reference = strchr("peor", t->kind) != NULL;
    if (t->kind == 'f' && below(w, 3) > 0) {
        buf_put_str(q, below(w, 2) == 0 ? STR(":below") : STR(":above"));
        return false; /* of the usual values */
    }
    if (t->kind == 'o' && below(w, 2) == 0) {
        buf_put_str(q, below(w, 2) == 0 ? STR(":below") : STR(":above"));
        return false;
    }
    if ((t->kind == 't' || t->kind == 'i' || is_reference) && below(w, 5) == 0) {
        buf_printf(q, ":text=%s", PICK(w, "dai", "duong", "%C4%91%C3%A1i+th%C3%A1o", "ten rat dai",
                                       "tay", "cuoi cung", "chi co", "khoa", "phong kham", "so benh"));
        return true;
    }
    if (t->kind == 'i' && below(w, 5) == 0) {
        buf_printf(q, ":of-type=%s%s%%7CP%u", PICK(w, "urn:x%7C", "urn:y%7C", "%7C"),
                   PICK(w, "MR", "SB"), below(w, 60));
        return true;
    }
    if (is_reference && below(w, 5) == 0) {
        buf_printf(q, ":identifier=%s", PICK(w, "R1", "urn:x%7CR1", "urn:x%7C", "%7CR2", "R2,R1"));
        return true;
    }
    if (t->kind == 't' && below(w, 5) == 0) {
        buf_printf(q, "%s%s", PICK(w, ":in=", ":not-in="), PICK(w, "http://v/1", "http://v/2"));
        return true;
    }
    if (t->kind == 't' && below(w, 8) == 0) {
        buf_printf(q, "%s%s%%7C%s", PICK(w, ":above=", ":below="), SYSTEMS[below(w, 2)],
                   CODES[below(w, 5)]);
        return true;
    }
    return false;
}

static void put_term(World *w, Buf *q, const QueryTerm *t);

static void put_term_of(World *w, Buf *q, FhirType type, unsigned depth);

/* A chain or a reverse chain; false when the type has none. */
static bool put_link(World *w, Buf *q, FhirType type, unsigned depth) {
    for (int tries = 0; tries < 60 && depth < 4; tries++) {
        const QueryLink *l = &LINKS[below(w, ARRAY_LEN(LINKS))];
        if (l->type == type) {
            buf_printf(q, "%s", l->prefix);
            put_term_of(w, q, l->to, depth + 1);
            return true;
        }
    }
    return false;
}

static void put_term_of(World *w, Buf *q, FhirType type, unsigned depth) {
    if (below(w, 3) == 0 && put_link(w, q, type, depth)) {
        return;
    }
    const QueryTerm *t = NULL;
    do {
        t = &TERMS[below(w, ARRAY_LEN(TERMS))];
    } while (t->type != type);
    put_term(w, q, t);
}

static void put_term(World *w, Buf *q, const QueryTerm *t) {
    if (t->kind == 'l') {
        put_updated(w, q);
        return;
    }
    buf_printf(q, "%s", t->param);
    size_t before = q->len;
    if (put_odd_modifier(w, q, t)) {
        return;
    }
    if (q->len > before) { /* :above, :below */
        buf_put_lit(q, "=");
        put_value(w, q, t);
        return;
    }
    if (below(w, 10) == 0 && t->kind != 'n' && t->kind != 'c') {
        buf_printf(q, ":missing=%s", PICK(w, "true", "false"));
        return;
    }
    bool is_token = strchr("tguihb", t->kind) != NULL;
    if (is_token && below(w, 6) == 0) {
        buf_put_lit(q, ":not");
    }
    if (t->kind == 's') {
        buf_printf(q, "%s", PICK(w, "", ":contains", ":exact"));
    }
    for (unsigned n = 1 + (below(w, 3) == 0 ? below(w, 4) : 0), i = 0; i < n; i++) {
        buf_printf(q, "%c", i == 0 ? '=' : ',');
        put_value(w, q, t);
    }
}

static FhirType put_query(World *w, Buf *q) {
    FhirType type = TERMS[below(w, ARRAY_LEN(TERMS))].type;
    put_term_of(w, q, type, 0);
    for (unsigned more = below(w, 3); more > 0; more--) {
        buf_put_lit(q, "&");
        put_term_of(w, q, type, 0);
    }
    if (below(w, 12) == 0) {
        buf_put_lit(q, "&_list=");
        put_id(w, q, FHIR_T_LIST, false);
    }
    return type;
}

static void check_page(World *w, const char *text, const StorePage *page, const Slot *want,
                       size_t n) {
    bool same = page->n_matches == n;
    for (size_t i = 0; i < n && same; i++) {
        same = page->matches[i].slot == want[i];
    }
    if (!same) {
        print_error("query %s\n index %zu, scan %zu hits\n", text, page->n_matches, n);
        for (size_t i = 0; i < MAX(page->n_matches, n) && i < 12; i++) {
            print_error("  %llu %llu\n",
                        (unsigned long long)(i < page->n_matches ? page->matches[i].slot : 0),
                        (unsigned long long)(i < n ? want[i] : 0));
        }
    }
    assert_true(same);
    assert_int_equal(page->next, 0);
    (void)w;
}

static void check_total(const char *text, const StorePage *page, size_t n) {
    if (page->total != n) {
        print_error("query %s\n total %llu, scan %zu\n", text, (unsigned long long)page->total, n);
    }
    assert_int_equal(page->total, n);
}

/* The pages of `count` hits each, while the store goes on changing. */
static void check_pages(World *w, const FhirQuery *query, const Slot *want, size_t n,
                        RecordNo snapshot) {
    StoreSearch search = {.query = query, .snapshot = snapshot, .count = 1 + below(w, 7)};
    bool up = query->n_sorts > 0 && !query->sorts[0].is_descending;
    size_t at = 0;
    do {
        StorePage page = {0};
        assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
        assert_int_equal(page.snapshot, snapshot);
        for (size_t i = 0; i < page.n_matches; i++, at++) {
            assert_true(at < n);
            assert_int_equal(page.matches[i].slot, want[up ? n - 1 - at : at]);
        }
        search.after = page.next;
        if (below(w, 4) == 0) {
            commit_any(w);
        }
    } while (search.after != 0);
    assert_int_equal(at, n);
}

static bool is_linked(const FhirQuery *q) {
    bool any = false;
    for (size_t i = 0; i < q->n_terms; i++) {
        any = any || fhir_term_is_linked(&q->terms[i]);
    }
    return any;
}

static void check_query(World *w, size_t *ret_hits) {
    static Slot want[RESOURCES_MAX];
    CLEANUP_BUF Buf text;
    buf_init(&text, 65536);
    arena_reset(w->arena);
    FhirType type = put_query(w, &text);
    FhirQuery query;
    FhirQueryScope scope = {.type = type, .base_url = STR("https://nhip.example/fhir"),
                            .now = 1704067200000, .info = &w->home.info,
                            .codes = &TEST_TERMINOLOGY};
    ErrCode err = fhir_query_parse(w->arena, &scope, buf_str(&text), &query);
    if (err != ERR_OK) {
        print_error("%s: %s\n", buf_cstr(&text), w->home.info.what_en);
    }
    assert_ok(err);
    RecordNo now = store_snapshot(w->home.store);
    RecordNo snapshot = below(w, 3) > 0 ? now : 1 + below(w, (unsigned)now);
    size_t n = scan(w, &query, snapshot, want);
    StoreSearch search = {.query = &query, .snapshot = snapshot, .count = 1000, .want_total = true,
                          .want_plan = below(w, 4) == 0};
    StorePage page = {0};
    char label[600];
    (void)snprintf(label, sizeof(label), "%s?%s @%llu", fhir_type_name(type), buf_cstr(&text),
                   (unsigned long long)snapshot);
    err = store_search(w->home.store, w->arena, &search, &page, &w->home.info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", label, w->home.info.what_en);
    }
    assert_ok(err);
    if (n <= 1000) {
        check_page(w, label, &page, want, n);
    }
    check_total(label, &page, n);
    if (below(w, is_linked(&query) ? 2 : 5) == 0) {
        query.n_sorts = below(w, 2);
        query.sorts[0] = (FhirSort){.param = fhir_search_param(query.type, STR("_lastUpdated"))};
        check_pages(w, &query, want, n, snapshot);
    }
    *ret_hits += n;
}

/* ---- the whole system, compartments ---- */

static void put_common_term(World *w, Buf *q) {
    switch (below(w, 5)) {
    case 0:
        put_updated(w, q);
        break;
    case 1:
        buf_printf(q, "_id=");
        put_id(w, q, FHIR_T_PATIENT, false);
        buf_printf(q, ",");
        put_id(w, q, FHIR_T_ENCOUNTER, false);
        break;
    case 2:
        buf_printf(q, "_tag=urn:x%%7Ca1");
        break;
    case 3:
        buf_printf(q, "_list=");
        put_id(w, q, FHIR_T_LIST, false);
        break;
    default:
        buf_printf(q, "_has:List:item:status=current");
        break;
    }
}

/* All slots that the typed queries of q find, the newest first. */
static size_t scan_types(World *w, const FhirQuery *q, RecordNo snapshot, Slot *out) {
    static Slot some_of[RESOURCES_MAX];
    FhirQuery typed;
    size_t n = 0;
    for (size_t at = 0; fhir_query_of(q, at, &typed); at++) {
        for (size_t i = scan(w, &typed, snapshot, some_of); i-- > 0; n++) {
            size_t to = n;
            for (; to > 0 && out[to - 1] < some_of[i]; to--) {
                out[to] = out[to - 1];
            }
            out[to] = some_of[i];
        }
    }
    return n;
}

static void check_system(World *w, size_t *ret_hits) {
    static Slot want[RESOURCES_MAX];
    CLEANUP_BUF Buf text;
    buf_init(&text, 65536);
    arena_reset(w->arena);
    bool in_compartment = below(w, 2) == 0;
    int owner = some(w, below(w, 2) == 0 ? FHIR_T_PATIENT : FHIR_T_ENCOUNTER);
    buf_printf(&text, "%s", PICK(w, "", "_type=Patient,Observation&", "_type=Encounter,Condition&"));
    if (!in_compartment || below(w, 2) == 0) {
        put_common_term(w, &text);
    }
    FhirQuery q;
    FhirQueryScope scope = {.now = 1704067200000, .info = &w->home.info};
    if (in_compartment && owner >= 0) {
        scope.compartment = w->resources[owner].type;
        scope.compartment_id = w->resources[owner].id;
        scope.type = below(w, 2) == 0 ? FHIR_T_OBSERVATION : FHIR_T_NONE;
    }
    Str said = buf_str(&text);
    bool typed = scope.type != FHIR_T_NONE || scope.compartment == FHIR_T_ENCOUNTER;
    if (typed && str_starts(said, STR("_type="))) {
        said = str_sub(said, str_find_char(said, '&', 0) + 1, SIZE_MAX);
    }
    assert_ok(fhir_query_parse(w->arena, &scope, said, &q));
    RecordNo snapshot = store_snapshot(w->home.store);
    size_t n = scan_types(w, &q, snapshot, want);
    StoreSearch search = {
        .query = &q, .snapshot = snapshot, .count = 1000, .want_total = true, .want_plan = true};
    StorePage page = {0};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    if (n <= 1000) {
        check_page(w, buf_cstr(&text), &page, want, n);
    }
    check_total(buf_cstr(&text), &page, n);
    check_pages(w, &q, want, n, snapshot);
    *ret_hits += n;
}

static void the_whole_system_answers_as_its_types(void **state) {
    (void)state;
    World *w = world_new(seed_of(5), 6);
    size_t hits = 0;
    for (int i = 0; i < 150; i++) {
        commit_any(w);
    }
    for (int i = 0; i < MAX(part_of(60), 20); i++) { /* fewer may find next to nothing */
        check_system(w, &hits);
    }
    assert_true((int)hits > part_of(200));
    world_free(w);
}

static void run_world(uint64_t seed, unsigned seal_records, int commits) {
    World *w = world_new(seed_of(seed), seal_records);
    size_t hits = 0;
    for (int i = 0; i < commits; i++) {
        commit_any(w);
    }
    store_settle(w->home.store);
    for (int i = 0; i < part_of(QUERIES / 2); i++) {
        check_query(w, &hits);
    }
    home_reopen(&w->home);
    for (int i = 0; i < commits / 10; i++) {
        commit_any(w);
    }
    for (int i = 0; i < part_of(QUERIES / 2); i++) {
        check_query(w, &hits);
    }
    assert_true((int)hits > part_of(QUERIES)); /* the queries do find something */
    world_free(w);
}

/* Every way of joining: look-ups alone, sets in the middle of a page, sets when the look-ups have
 * read a little. */
static void links_answer_alike_however_they_are_joined(void **state) {
    (void)state;
    static const unsigned WORK[] = {1, 7, 40, ~0U};
    for (size_t i = 0; i < ARRAY_LEN(WORK); i++) {
        World *w = world_new(seed_of(20 + i), i % 2 == 0 ? 4 : 100000);
        size_t hits = 0;
        w->home.options.link_work = WORK[i];
        home_reopen(&w->home);
        for (int k = 0; k < 400; k++) {
            commit_any(w);
        }
        for (int k = 0; k < part_of(250); k++) {
            check_query(w, &hits);
        }
        assert_true((int)hits > part_of(200));
        world_free(w);
    }
}

static const struct {
    FhirType type;
    const char *text;
} COUNTED[] = {
    {FHIR_T_OBSERVATION, ""},
    {FHIR_T_OBSERVATION, "code=a1"},
    {FHIR_T_OBSERVATION, "code=urn:x%7Ca1"},
    {FHIR_T_OBSERVATION, "code=a1,b2,urn:x%7Cc3"},
    {FHIR_T_OBSERVATION, "code=urn:x%7Ca1&date=2024"},
    {FHIR_T_OBSERVATION, "code=urn:x%7Ca1&date=ge2024-01-15"},
    {FHIR_T_OBSERVATION, "code=urn:x%7Cb2&value-quantity=gt3"},
    {FHIR_T_OBSERVATION, "date=2024-01"},
    {FHIR_T_OBSERVATION, "date=2024-01,2024-02-01"},
    {FHIR_T_OBSERVATION, "code:missing=false"},
    {FHIR_T_CONDITION, "code=urn:y%7Cb2"},
    {FHIR_T_ENCOUNTER, "date=2024-01"},
    {FHIR_T_ENCOUNTER, "date=le2024-01-15"},
    {FHIR_T_PATIENT, ""},
    {FHIR_T_PATIENT, "gender=female"},
    {FHIR_T_PATIENT, "gender=female,male"},
    {FHIR_T_PATIENT, "birthdate=lt2000"},
};

/* Numbers that the index remembers, at the newest snapshot and at older ones. */
static void check_counts(World *w, size_t *ret_sum) {
    static Slot want[RESOURCES_MAX];
    for (size_t i = 0; i < 3 * ARRAY_LEN(COUNTED); i++) {
        size_t at = i % ARRAY_LEN(COUNTED);
        RecordNo now = store_snapshot(w->home.store);
        RecordNo snapshot = i / ARRAY_LEN(COUNTED) == 1 ? 1 + below(w, (unsigned)now) : now;
        FhirQuery query;
        FhirQueryScope scope = {.type = COUNTED[at].type, .info = &w->home.info};
        StorePage page = {0};
        assert_ok(fhir_query_parse(w->arena, &scope, str_from(COUNTED[at].text), &query));
        StoreSearch search = {.query = &query, .snapshot = snapshot, .want_total = true};
        assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
        size_t n = scan(w, &query, snapshot, want);
        check_total(COUNTED[at].text, &page, n);
        *ret_sum += n;
    }
}

static void check_changing_counts(uint64_t seed, unsigned seal_records) {
    World *w = world_new(seed_of(seed), seal_records);
    size_t sum = 0;
    for (int round = 0; round < MAX(part_of(14), 2); round++) {
        for (int i = 0; i < (round % 4 == 0 ? 150 : 5); i++) {
            commit_any(w);
        }
        if (round % 3 == 0) {
            store_settle(w->home.store);
        }
        arena_reset(w->arena);
        check_counts(w, &sum);
    }
    assert_true((int)sum > part_of(10000));
    world_free(w);
}

static void counts_stay_right_while_resources_change(void **state) {
    (void)state;
    check_changing_counts(6, 16);
    check_changing_counts(7, 100000); /* in the tail alone */
}

static void index_answers_as_a_scan_over_many_segments(void **state) {
    (void)state;
    run_world(1, 3, 900);
}

static void index_answers_as_a_scan_in_the_tail_alone(void **state) {
    (void)state;
    run_world(2, 100000, 300);
}

static void a_rebuild_answers_the_same(void **state) {
    (void)state;
    World *w = world_new(seed_of(3), 4);
    for (int i = 0; i < 300; i++) {
        commit_any(w);
    }
    Sha256 before;
    Sha256 after;
    assert_ok(store_view_digest(w->home.store, &before));
    store_close(w->home.store);
    w->home.store = NULL;
    assert_ok(store_rebuild(&w->home.options, NULL, &w->home.info));
    home_open(&w->home);
    assert_ok(store_view_digest(w->home.store, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    size_t hits = 0;
    for (int i = 0; i < 60; i++) {
        check_query(w, &hits);
    }
    world_free(w);
}

/* ---- what a scan does not show ---- */

static size_t count_type(const StorePage *page, FhirType type) {
    size_t n = 0;
    for (size_t i = 0; i < page->n_includes; i++) {
        n += page->includes[i].type == type;
    }
    return n;
}

static void includes_come_once_and_current(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 10);
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:subject&_include=Observation:encounter",
                  4, &page));
    assert_int_equal(page.n_matches, 4);
    assert_int_equal(page.total, 10);
    assert_int_equal(count_type(&page, FHIR_T_PATIENT), 1);
    assert_int_equal(count_type(&page, FHIR_T_ENCOUNTER), 4);

    StoreVersion before;
    assert_ok(store_get(w->home.store, w->arena, FHIR_T_PATIENT, STR("pat-1"), &before));
    StoreChange change = {.op = STORE_UPDATE, .type = FHIR_T_PATIENT, .id = STR("pat-1"),
                          .prev = before.slot,
                          .json = STR("{\"resourceType\":\"Patient\",\"active\":true,"
                                      "\"managingOrganization\":{\"reference\":"
                                      "\"Organization/org-1\"}}")};
    assert_ok(commit_some(&w->home, &change, 1, NULL));
    assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:subject", 3, &page));
    assert_int_equal(page.n_includes, 1);
    assert_int_equal(page.includes[0].version, 2);

    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "_revinclude=Encounter:service-provider&_revinclude=Patient:organization", 9, &page));
    assert_int_equal(page.n_matches, 1);
    assert_int_equal(count_type(&page, FHIR_T_ENCOUNTER), 10);
    assert_int_equal(count_type(&page, FHIR_T_PATIENT), 1);
    assert_ok(ask(w, FHIR_T_ENCOUNTER, "_revinclude=Observation:encounter", 2, &page));
    assert_int_equal(count_type(&page, FHIR_T_OBSERVATION), 2);
    world_free(w);
}

static void a_page_with_too_many_includes_says_so(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 9);
    for (unsigned most = 8; most <= 10; most++) {
        w->home.options.include_max = most;
        home_reopen(&w->home);
        StorePage page = {0};
        assert_ok(ask(w, FHIR_T_ORGANIZATION, "_revinclude=Encounter:service-provider", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 9));
        assert_int_equal(page.includes_cut, most < 9);
        assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:encounter", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 9));
        assert_int_equal(page.includes_cut, most < 9);
        assert_ok(ask(w, FHIR_T_OBSERVATION,
                      "_include=Observation:encounter&_include=Observation:subject", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 10));
        assert_int_equal(page.includes_cut, most < 10);
        if (most == 8) { /* as the answer advises */
            assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:encounter", 8, &page));
            assert_false(page.includes_cut);
        }
    }
    world_free(w);
}

/* What the index leaves open must be read: here times of one day. What it knows costs nothing. */
static void a_search_that_reads_too_much_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 40);
    StorePage page = {0};
    static const char *const OPEN = "date=ge2024-01-01T09:00:00%2B07:00&_summary=count";
    for (unsigned most = 39; most <= 40; most++) {
        w->home.options.search_work_max = most;
        home_reopen(&w->home);
        w->home.info = (ErrInfo){0};
        ErrCode err = ask(w, FHIR_T_OBSERVATION, OPEN, 0, &page);
        assert_int_equal(err, most < 40 ? ERR_LIMIT : ERR_OK);
        assert_string_equal(w->home.info.rule, most < 40 ? "search-work" : "");
        assert_int_equal(most < 40 ? 40 : page.total, 40);
    }
    w->home.options.search_work_max = 5;
    home_reopen(&w->home);
    assert_ok(ask(w, FHIR_T_OBSERVATION, "date=2024-01-01&_summary=count", 0, &page));
    assert_int_equal(page.total, 40);
    assert_ok(ask(w, FHIR_T_OBSERVATION, "code=urn:x%7Cc1", 4, &page)); /* the total from the keys */
    assert_int_equal(page.total, 6);
    assert_int_equal(ask(w, FHIR_T_OBSERVATION, "code=urn:x%7Cc1", 6, &page), ERR_LIMIT);
    assert_true(strstr(w->home.info.what_en, "more than 5 resources") != NULL);
    assert_true(strstr(w->home.info.what_vi, "hơn 5 tài nguyên") != NULL);
    world_free(w);
}

static void long_or_lists_are_answered_once_each(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 70);
    CLEANUP_BUF Buf text;
    buf_init(&text, 1 << 20);
    buf_put_lit(&text, "code=");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&text, "%surn:x%%7Cc%d", i == 0 ? "" : ",", i % 2 == 0 ? i % 8 : i);
    }
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_OBSERVATION, buf_cstr(&text), 1000, &page));
    assert_int_equal(page.n_matches, 70); /* c0 c2 c4 c6 by the even, c1 c3 c5 by the odd ones */
    assert_int_equal(page.total, 70);
    buf_clear(&text);
    buf_put_lit(&text, "_id=");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&text, "%s%s-%d", i == 0 ? "" : ",", i % 3 == 0 ? "pat" : "nobody", i % 50);
    }
    assert_ok(ask(w, FHIR_T_PATIENT, buf_cstr(&text), 10, &page));
    assert_int_equal(page.n_matches, 1);
    world_free(w);
}

/* Ten thousand values of any kind are one merge; what overlaps without end is refused. */
static void long_lists_of_every_kind(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 70);
    CLEANUP_BUF Buf text;
    buf_init(&text, 1 << 20);
    static const struct {
        FhirType type;
        const char *begin, *each;
        size_t found;
    } lists[] = {
        {FHIR_T_OBSERVATION, "code=", "c%d", 70},
        {FHIR_T_OBSERVATION, "code:not=", "x%d", 70},
        {FHIR_T_OBSERVATION, "code=", "urn:x%%7Cc%d", 70},
        {FHIR_T_OBSERVATION, "date=", "20%02d-01-01", 70},
        {FHIR_T_OBSERVATION, "date=ge2031,", "20%02d-01-01T10:00:00%%2B07:00", 70},
        {FHIR_T_PATIENT, "name=", "le thu,x%d", 1},
        {FHIR_T_PATIENT, "identifier=", "urn:x%%7C%d", 1},
        {FHIR_T_OBSERVATION, "encounter=", "Encounter/e%d", 0},
        {FHIR_T_OBSERVATION, "subject:Patient.identifier=", "%d", 70},
        {FHIR_T_PATIENT, "_has:Observation:patient:code=", "c%d", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        buf_clear(&text);
        buf_printf(&text, "%s", lists[i].begin);
        for (int k = 0; k < 4990; k++) {
            buf_put(&text, ",", k == 0 ? 0 : 1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            buf_printf(&text, lists[i].each, strstr(lists[i].each, "%02d") == NULL ? k : k % 90 + 10);
#pragma GCC diagnostic pop
        }
        StorePage page = {0};
        arena_reset(w->arena);
        assert_ok(ask(w, lists[i].type, buf_cstr(&text), 1000, &page));
        assert_int_equal(page.n_matches, lists[i].found);
        assert_int_equal(page.total, lists[i].found);
    }
    buf_clear(&text);
    buf_put_lit(&text, "name:contains=zz");
    for (int k = 0; k < 9999; k++) {
        buf_printf(&text, ",z%d", k);
    }
    for (int k = 0; k < 600; k++) {
        StoreChange change = create(
            FHIR_T_PATIENT, home_text(&w->home, "{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"n%d\"}]}", k));
        assert_ok(commit_some(&w->home, &change, 1, NULL));
    }
    StorePage page = {0};
    assert_int_equal(ask(w, FHIR_T_PATIENT, buf_cstr(&text), 10, &page), ERR_LIMIT);
    assert_non_null(strstr(w->home.info.what_en, "overlap"));
    world_free(w);
}

/* Chains that lead back to where they began, and trees that are none. */
static void circles_end(void **state) {
    (void)state;
    World *w = small_world();
    for (int k = 0; k < 5; k++) {
        StoreChange change = create(
            FHIR_T_ORGANIZATION,
            home_text(&w->home, "{\"resourceType\":\"Organization\",\"name\":\"o%d\",\"partOf\":{\"reference\":"
                                "\"Organization/circle-%d\"}}", k, (k + 1) % 5));
        change.id = home_text(&w->home, "circle-%d", k);
        assert_ok(commit_some(&w->home, &change, 1, NULL));
    }
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_ORGANIZATION, "partof:below=circle-0", 10, &page));
    assert_int_equal(page.total, 5);
    assert_ok(ask(w, FHIR_T_ORGANIZATION, "partof:above=circle-0", 10, &page));
    assert_int_equal(page.total, 5);
    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "partof.partof.partof.partof.partof.partof.partof.name=o1", 10, &page));
    assert_int_equal(page.total, 1);
    assert_str(page.matches[0].id, STR("circle-4"));
    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "_has:Organization:partof:_has:Organization:partof:partof.name=o1", 10, &page));
    assert_int_equal(page.total, 1);
    assert_str(page.matches[0].id, STR("circle-2"));
    world_free(w);
}

/* Two visits stand in one record with what refers to them, inside it by place; what refers to one
 * of them later stands elsewhere. */
static void visits_of_one_record_are_told_apart(void **state) {
    enum { RESULTS = 12 };
    (void)state;
    World *w = small_world();
    Home *h = &w->home;
    StoreChange changes[2 + RESULTS];
    Slot slots[2 + RESULTS];
    Str visit = STR("{\"resourceType\":\"Encounter\",\"status\":\"finished\",\"class\":{\"code\":"
                    "\"AMB\"},\"subject\":{\"reference\":\"Patient/~\"}}");
    const char *result =
        "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"x\"},"
        "\"subject\":{\"reference\":\"Patient/~\"},\"encounter\":{\"reference\":"
        "\"Encounter/%s\"}}";
    changes[0] = changes[11] = create(FHIR_T_ENCOUNTER, visit);
    for (int i = 1; i < 2 + RESULTS; i++) {
        if (i != 11) { /* the places 1 and 11 begin alike */
            changes[i] =
                create(FHIR_T_OBSERVATION, home_text(h, result, i % 3 == 0 ? "~0" : "~11"));
        }
    }
    StoreGroup group = {.changes = changes,
                        .n_changes = 2 + RESULTS,
                        .patient_change = -1,
                        .patient = w->resources[1].first};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, slots, &h->info));
    Str id = store_id(h->store, h->arena, slots[0]);
    StoreChange late =
        create(FHIR_T_OBSERVATION, home_text(h, result, home_text(h, STR_FMT, STR_ARG(id)).ptr));
    Slot late_slot = 0;
    group = (StoreGroup){
        .changes = &late, .n_changes = 1, .patient_change = -1, .patient = w->resources[1].first};
    assert_ok(store_commit(h->store, &commit, NULL, &late_slot, &h->info));

    FhirQuery query;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .info = &h->info};
    StorePage page = {0};
    for (int round = 0; round < 2; round++) {
        assert_ok(fhir_query_parse(
            w->arena, &scope, home_text(h, "encounter=Encounter/" STR_FMT, STR_ARG(id)), &query));
        StoreSearch search = {.query = &query, .count = 50};
        assert_ok(store_search(h->store, w->arena, &search, &page, &h->info));
        assert_int_equal(page.n_matches, 5); /* places 3, 6, 9, 12 and the late one */
        assert_int_equal(page.matches[0].slot, late_slot);
        for (size_t i = 1; i < page.n_matches; i++) {
            assert_int_equal(page.matches[i].slot, slots[15 - 3 * i]);
        }
        const Slot known[] = {slots[3], slots[6], slots[12]};
        search.known = known;
        search.n_known = ARRAY_LEN(known);
        assert_ok(store_search(h->store, w->arena, &search, &page, &h->info));
        assert_int_equal(page.n_matches, 2);
        assert_int_equal(page.matches[0].slot, late_slot);
        assert_int_equal(page.matches[1].slot, slots[9]);
        store_settle(h->store);
    }
    world_free(w);
}

/* The plan shows what each step expected and found. */
static void a_plan_counts_its_steps(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 30);
    FhirQuery query;
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .info = &w->home.info};
    assert_ok(fhir_query_parse(w->arena, &scope, STR("code=c1&patient.name=le"), &query));
    StoreSearch search = {.query = &query, .count = 3, .want_total = true, .want_plan = true};
    StorePage page = {0};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    bool code = false;
    bool inner = false;
    bool set = false;
    bool total = false;
    for (size_t i = 0; i < page.n_plan; i++) {
        const StorePlanStep *s = &page.plan[i];
        code = code || (str_eq(s->what, STR("code=c1")) && s->found == 5 && s->depth == 0);
        inner = inner || (str_eq(s->what, STR("name=le")) && s->found == 1 && s->depth == 1);
        set = set || (str_eq(s->what, STR("set of Patient")) && s->found == 1);
        total = total || (str_eq(s->what, STR("total")) && s->found == 5);
    }
    assert_true(code && inner && set && total);
    search.want_plan = false;
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    assert_int_equal(page.n_plan, 0);
    search = (StoreSearch){.query = &query, .count = 2, .want_estimate = true};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    assert_true(page.total >= 5);
    world_free(w);
}

static ErrCode count_each(void *ctx, const StoreVersion *version) {
    ++*(int *)ctx;
    return version->deleted ? ERR_INTERNAL : ERR_OK;
}

static void tokens_and_patients_are_found_directly(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 5);
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {FHIR_T_PATIENT, FHIR_P_IDENTIFIER, STR("urn:x"), STR("7")};
    assert_ok(store_find(w->home.store, w->arena, &token, 5, &found, &n));
    assert_int_equal(n, 1);
    assert_str(found[0].id, STR("pat-1"));
    token.system = STR("urn:y");
    assert_ok(store_find(w->home.store, w->arena, &token, 5, &found, &n));
    assert_int_equal(n, 0);
    int seen = 0;
    assert_ok(store_patient(w->home.store, w->arena, w->resources[1].first, count_each, &seen));
    assert_int_equal(seen, 11); /* the patient and five visits of two */
    world_free(w);
}

static void a_page_of_an_unknown_snapshot_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    FhirQuery query = {.type = FHIR_T_PATIENT};
    StoreSearch search = {.query = &query, .snapshot = 1000, .count = 1};
    StorePage page = {0};
    assert_int_equal(store_search(w->home.store, w->arena, &search, &page, &w->home.info),
                     ERR_PARAM);
    assert_string_equal(w->home.info.rule, "page-snapshot");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_come_once_and_current),
        cmocka_unit_test(a_page_with_too_many_includes_says_so),
        cmocka_unit_test(a_search_that_reads_too_much_is_refused),
        cmocka_unit_test(long_or_lists_are_answered_once_each),
        cmocka_unit_test(long_lists_of_every_kind),
        cmocka_unit_test(circles_end),
        cmocka_unit_test(visits_of_one_record_are_told_apart),
        cmocka_unit_test(a_plan_counts_its_steps),
        cmocka_unit_test(tokens_and_patients_are_found_directly),
        cmocka_unit_test(a_page_of_an_unknown_snapshot_is_refused),
        cmocka_unit_test(links_answer_alike_however_they_are_joined),
        cmocka_unit_test(counts_stay_right_while_resources_change),
        cmocka_unit_test(index_answers_as_a_scan_over_many_segments),
        cmocka_unit_test(index_answers_as_a_scan_in_the_tail_alone),
        cmocka_unit_test(the_whole_system_answers_as_its_types),
        cmocka_unit_test(a_rebuild_answers_the_same),
    };
    return cmocka_run_group_tests_name("store/search", tests, NULL, NULL);
}
