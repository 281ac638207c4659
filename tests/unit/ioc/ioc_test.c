/* The facts against a recount by hand: random visits, changed and deleted ones, random filters;
 * what a restart, a lost folder and a bill in a later record make of them. */
#include "folder.h"
#include "unit/test.h"

#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/random.h"
#include "ioc/ioc.h"
#include "vn/vn.h"

#include <unistd.h>

enum { VISITS = 700, DAY_FIRST = 20000, DAYS = 800, OPS_BYTES = 16 << 20 };

static const char *const ICDS[] = {"J18.9", "I10", "A90", "E11", "A09", "J06.9", "Z00"};
static const char *const FACILITIES[] = {"46001", "46002", "46S03"};
static const char *const WARDS[] = {"19789", "19960", "20014"};
static const char *const KINDS[] = {"AMB", "IMP"};

typedef struct Row { /* what the test knows of one visit */
    int day, birth_day, sex, icd, facility, ward, kind;
    uint32_t cost, insurance;
    bool live;
    Slot encounter, condition, bill; /* newest versions */
    Str id, bill_id, condition_id;
} Row;

typedef struct Home {
    char dir[64];
    Ioc *ioc;
    StoreView view;
    Store *store;
    Arena *arena;
    Random random;
    Row rows[VISITS];
    size_t n;
} Home;

static void home_open(Home *h) {
    ErrInfo info = {0};
    assert_ok(ioc_open(&(IocOptions){.dir = str_from(h->dir)}, &h->ioc, &info));
    h->view = ioc_view(h->ioc);
    StoreOptions o = {.dir = str_from(h->dir), .views = &h->view, .n_views = 1};
    assert_ok(store_open(&o, &h->store, &info));
}

static void home_close(Home *h) {
    store_close(h->store);
    ioc_close(h->ioc);
    h->store = NULL;
    h->ioc = NULL;
}

static int home_setup(void **state) {
    Home *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    (void)snprintf(h->dir, sizeof(h->dir), "/tmp/nhip-ioc-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->arena = arena_new((size_t)2 << 30);
    random_init(&h->random, 20261122);
    home_open(h);
    *state = h;
    return 0;
}

static void remove_facts(const Home *h) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/facts", h->dir);
    folder_remove(path);
}

static int home_teardown(void **state) {
    Home *h = *state;
    home_close(h);
    arena_free(h->arena);
    folder_remove(h->dir);
    free(h);
    return 0;
}

/* ---- resources as the mapping of claims writes them ---- */

#define BASE "https://nhip.vn/fhir/"

static Str day_text(Home *h, int day) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 64);
    time_put_days(&b, day);
    return arena_str(h->arena, buf_str(&b));
}

static Str encounter_json(Home *h, const Row *r) {
    return arena_printf(
        h->arena,
        "{\"resourceType\":\"Encounter\",\"extension\":[{\"url\":\"" BASE
        "StructureDefinition/encounter-person\",\"extension\":[{\"url\":\"birthDate\","
        "\"valueDate\":\"" STR_FMT "\"},{\"url\":\"gender\",\"valueCode\":\"%s\"},{\"url\":"
        "\"commune\",\"valueCode\":\"%s\"}]}],\"status\":\"finished\",\"class\":{\"code\":\"%s\"},"
        "\"period\":{\"start\":\"" STR_FMT "T23:30:00+07:00\"},\"serviceProvider\":{"
        "\"reference\":\"Organization/cskcb-%s\"}}",
        STR_ARG(day_text(h, r->birth_day)), r->sex == 1 ? "male" : "female", WARDS[r->ward],
        KINDS[r->kind], STR_ARG(day_text(h, r->day)), FACILITIES[r->facility]);
}

static Str condition_json(Home *h, const Row *r, const char *encounter) {
    return arena_printf(h->arena,
                        "{\"resourceType\":\"Condition\",\"code\":{\"coding\":[{\"system\":"
                        "\"http://hl7.org/fhir/sid/icd-10\",\"code\":\"%s\"}]},\"subject\":{"
                        "\"display\":\"x\"},\"encounter\":{\"reference\":\"Encounter/%s\"}}",
                        ICDS[r->icd], encounter);
}

static Str bill_json(Home *h, const Row *r, const char *encounter) {
    return arena_printf(
        h->arena,
        "{\"resourceType\":\"Claim\",\"extension\":[{\"url\":\"" BASE
        "StructureDefinition/xml1\",\"extension\":[{\"url\":\"T_BHTT\",\"valueDecimal\":%u.00}]}],"
        "\"identifier\":[{\"system\":\"" BASE "sid/ma-lk\",\"value\":\"x\"}],\"status\":\"active\","
        "\"item\":[{\"sequence\":1,\"encounter\":[{\"reference\":\"Encounter/%s\"}]}],"
        "\"total\":{\"value\":%u.00,\"currency\":\"VND\"}}",
        r->insurance, encounter, r->cost);
}

static void randomise(Home *h, Row *r) {
    Random *x = &h->random;
    r->day = DAY_FIRST + (int)random_below(x, DAYS);
    r->birth_day = r->day - (int)random_below(x, 90 * 365);
    r->sex = 1 + (int)random_below(x, 2);
    r->icd = (int)random_below(x, ARRAY_LEN(ICDS));
    r->facility = (int)random_below(x, ARRAY_LEN(FACILITIES));
    r->ward = (int)random_below(x, ARRAY_LEN(WARDS));
    r->kind = (int)random_below(x, 2);
    r->cost = (uint32_t)random_below(x, 5000000);
    r->insurance = r->cost / 2;
    r->live = true;
}

static void commit(Home *h, const StoreChange *changes, size_t n, Slot *ret_slots) {
    ErrInfo info = {0};
    StoreGroup group = {.changes = changes, .n_changes = n, .patient_change = -1};
    StoreCommit c = {.groups = &group,
                     .n_groups = 1,
                     .snapshot = store_snapshot(h->store),
                     .actor = STR("test"),
                     .source = STR("unit")};
    assert_ok(store_commit(h->store, &c, NULL, ret_slots, &info));
}

static StoreChange change(const Row *r, FhirType type, Slot prev, Str id, Str json) {
    (void)r;
    return (StoreChange){.op = prev == 0 ? STORE_CREATE : STORE_UPDATE,
                         .type = type,
                         .id = prev == 0 ? STR_EMPTY : id,
                         .prev = prev,
                         .json = json};
}

/* Writes the visit whole, new or again, with `filler` resources before its bill. */
static void write_visit(Home *h, Row *r, size_t filler) {
    StoreChange *c = arena_new_array(h->arena, StoreChange, filler + 3);
    Slot *slots = arena_new_array(h->arena, Slot, filler + 3);
    c[0] = change(r, FHIR_T_ENCOUNTER, r->encounter, r->id, encounter_json(h, r));
    c[1] = change(r, FHIR_T_CONDITION, r->condition, r->condition_id, condition_json(h, r, "~0"));
    for (size_t i = 0; i < filler; i++) {
        c[2 + i] =
            (StoreChange){.op = STORE_CREATE,
                          .type = FHIR_T_BASIC,
                          .json = STR("{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}")};
    }
    c[2 + filler] = change(r, FHIR_T_CLAIM, r->bill, r->bill_id, bill_json(h, r, "~0"));
    commit(h, c, filler + 3, slots);
    if (r->encounter == 0) {
        r->id = store_id(h->store, h->arena, slots[0]);
        r->condition_id = store_id(h->store, h->arena, slots[1]);
        r->bill_id = store_id(h->store, h->arena, slots[2 + filler]);
    }
    r->encounter = slots[0];
    r->condition = slots[1];
    r->bill = slots[2 + filler];
}

static Row *add_visit(Home *h, size_t filler) {
    Row *r = &h->rows[h->n++];
    randomise(h, r);
    write_visit(h, r, filler);
    return r;
}

static void delete_visit(Home *h, Row *r) {
    Slot slots[3];
    const StoreChange c[] = {
        {.op = STORE_DELETE, .type = FHIR_T_ENCOUNTER, .id = r->id, .prev = r->encounter},
        {.op = STORE_DELETE, .type = FHIR_T_CONDITION, .id = r->condition_id, .prev = r->condition},
        {.op = STORE_DELETE, .type = FHIR_T_CLAIM, .id = r->bill_id, .prev = r->bill}};
    commit(h, c, 3, slots);
    r->encounter = slots[0];
    r->live = false;
}

/* ---- the recount ---- */

typedef struct Filter {
    IocQuery q;
    int facility, ward; /* index or -1 */
    const char *icd;
} Filter;

static Filter random_filter(Home *h) {
    Random *x = &h->random;
    Filter f = {.facility = -1, .ward = -1, .icd = ""};
    static const char *const PREFIXES[] = {"J", "A9", "I10", "J18.9", "J189"};
    int from = DAY_FIRST - 30 + (int)random_below(x, DAYS);
    f.q = (IocQuery){.from_day = from,
                     .to_day = from + (int)random_below(x, 400),
                     .sex = IOC_ANY,
                     .age_from = IOC_ANY,
                     .age_to = IOC_ANY,
                     .top = 100};
    if (random_chance(x, 0.4)) {
        f.facility = (int)random_below(x, ARRAY_LEN(FACILITIES));
        f.q.facility = str_from(FACILITIES[f.facility]);
    }
    if (random_chance(x, 0.4)) {
        f.ward = (int)random_below(x, ARRAY_LEN(WARDS));
        f.q.ward = str_from(WARDS[f.ward]);
    }
    if (random_chance(x, 0.4)) {
        f.icd = PREFIXES[random_below(x, ARRAY_LEN(PREFIXES))];
        f.q.icd = str_from(f.icd);
    }
    if (random_chance(x, 0.3)) {
        f.q.sex = 1 + (int)random_below(x, 2);
    }
    if (random_chance(x, 0.3)) {
        f.q.age_from = (int)random_below(x, 60);
        f.q.age_to = f.q.age_from + (int)random_below(x, 30);
    }
    return f;
}

static bool icd_fits(const char *code, const char *prefix) {
    char plain[2][16];
    const char *from[2] = {code, prefix};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        for (const char *p = from[i]; *p != '\0'; p++) {
            if (*p != '.') {
                plain[i][n++] = *p;
            }
        }
        plain[i][n] = '\0';
    }
    return strncmp(plain[0], plain[1], strlen(plain[1])) == 0;
}

static bool fits(const Filter *f, const Row *r) {
    int age = time_age_years(r->birth_day, r->day);
    return r->live && (f->facility < 0 || f->facility == r->facility) &&
           (f->ward < 0 || f->ward == r->ward) && icd_fits(ICDS[r->icd], f->icd) &&
           (f->q.sex == IOC_ANY || f->q.sex == r->sex) &&
           (f->q.age_from == IOC_ANY || (age >= f->q.age_from && age <= f->q.age_to));
}

typedef struct Sums {
    uint64_t visits, inpatients, cost, insurance, notifiable;
    uint64_t icds[ARRAY_LEN(ICDS)], wards[ARRAY_LEN(WARDS)];
    uint64_t facilities[ARRAY_LEN(FACILITIES)], facility_cost[ARRAY_LEN(FACILITIES)];
    uint64_t pyramid[2][18];
} Sums;

static Sums recount(const Home *h, const Filter *f, int from, int to) {
    Sums s = {0};
    for (size_t i = 0; i < h->n; i++) {
        const Row *r = &h->rows[i];
        if (!fits(f, r) || r->day < from || r->day > to) {
            continue;
        }
        s.visits++;
        s.inpatients += r->kind == 1;
        s.cost += r->cost;
        s.insurance += r->insurance;
        s.notifiable += vn_notifiable(str_from(ICDS[r->icd])) != NULL;
        s.icds[r->icd]++;
        s.wards[r->ward]++;
        s.facilities[r->facility]++;
        s.facility_cost[r->facility] += r->cost;
        s.pyramid[r->sex - 1][MIN(time_age_years(r->birth_day, r->day) / 5, 17)]++;
    }
    return s;
}

static uint64_t number(const JsonNode *of, Str name) {
    int64_t v = 0;
    assert_ok(json_to_i64(json_get(of, name), &v));
    return (uint64_t)v;
}

/* The element of a list whose member says so; NULL when there is none. */
static const JsonNode *element(const JsonNode *list, Str member, Str value) {
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get(e, member), value)) {
            return e;
        }
    }
    return NULL;
}

static void check_figure(const JsonNode *root, const char *id, const uint64_t want[3]) {
    const JsonNode *f = element(json_get_lit(root, "figures"), STR("id"), str_from(id));
    assert_non_null(f);
    assert_int_equal(number(f, STR("value")), want[0]);
    assert_int_equal(number(f, STR("last_week")), want[1]);
    assert_int_equal(number(f, STR("last_year")), want[2]);
}

/* One count of the list, 0 when the code is not shown. */
static void check_code(const JsonNode *list, const char *code, uint64_t now, uint64_t before) {
    const JsonNode *e = element(list, STR("code"), str_from(code));
    assert_int_equal(e == NULL ? 0 : number(e, STR("visits")), now);
    if (now > 0) {
        assert_int_equal(number(e, STR("previous")), before);
    }
}

static void check_lists(const JsonNode *root, const Sums *now, const Sums *before) {
    for (size_t i = 0; i < ARRAY_LEN(ICDS); i++) {
        check_code(json_get_lit(root, "diagnoses"), ICDS[i], now->icds[i], before->icds[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(WARDS); i++) {
        check_code(json_get_lit(root, "wards"), WARDS[i], now->wards[i], before->wards[i]);
    }
    const JsonNode *facilities = json_get_lit(root, "facilities");
    for (size_t i = 0; i < ARRAY_LEN(FACILITIES); i++) {
        check_code(facilities, FACILITIES[i], now->facilities[i], before->facilities[i]);
        const JsonNode *e = element(facilities, STR("code"), str_from(FACILITIES[i]));
        assert_int_equal(e == NULL ? 0 : number(e, STR("cost")), now->facility_cost[i]);
    }
    const JsonNode *pyramid = json_get_lit(root, "pyramid");
    size_t band = 0;
    for (const JsonNode *e = json_first(pyramid); e != NULL; e = json_next(pyramid, e), band++) {
        assert_int_equal(number(e, STR("male")), now->pyramid[0][band]);
        assert_int_equal(number(e, STR("female")), now->pyramid[1][band]);
    }
    assert_int_equal(band, 18);
}

static const JsonNode *ask(Home *h, const IocQuery *q) {
    CLEANUP_BUF Buf out;
    buf_init(&out, OPS_BYTES);
    buf_put_char(&out, '{');
    assert_ok(ioc_ops(h->ioc, h->arena, q, NULL, NULL, &out));
    buf_put_char(&out, '}');
    const JsonNode *root = NULL;
    assert_ok(json_parse(h->arena, arena_str(h->arena, buf_str(&out)), &root, NULL));
    return root;
}

static void check(Home *h, const Filter *f) {
    const JsonNode *root = ask(h, &f->q);
    int from = f->q.from_day;
    int to = f->q.to_day;
    int length = to - from + 1;
    Sums s[3] = {recount(h, f, from, to), recount(h, f, from - 7, to - 7),
                 recount(h, f, from - 364, to - 364)};
    Sums before = recount(h, f, from - length, from - 1);
    check_figure(root, "visits", (uint64_t[]){s[0].visits, s[1].visits, s[2].visits});
    check_figure(root, "inpatients",
                 (uint64_t[]){s[0].inpatients, s[1].inpatients, s[2].inpatients});
    check_figure(root, "cost", (uint64_t[]){s[0].cost, s[1].cost, s[2].cost});
    check_figure(root, "insurance_paid",
                 (uint64_t[]){s[0].insurance, s[1].insurance, s[2].insurance});
    check_figure(root, "notifiable",
                 (uint64_t[]){s[0].notifiable, s[1].notifiable, s[2].notifiable});
    check_lists(root, &s[0], &before);
    const JsonNode *days = json_get_lit(root, "days");
    int day = from;
    for (const JsonNode *e = json_first(days); e != NULL; e = json_next(days, e), day++) {
        Sums one = recount(h, f, day, day);
        assert_int_equal(number(e, STR("visits")), one.visits);
        assert_int_equal(number(e, STR("cost")), one.cost);
    }
    assert_int_equal(day, to + 1);
}

static void check_many(Home *h, int rounds) {
    store_settle(h->store);
    for (int i = 0; i < rounds; i++) {
        Filter f = random_filter(h);
        check(h, &f);
    }
}

/* ---- tests ---- */

static void facts_equal_a_recount(void **state) {
    Home *h = *state;
    for (int i = 0; i < VISITS - 100; i++) {
        (void)add_visit(h, 0);
    }
    check_many(h, 150);
    for (int i = 0; i < 150; i++) { /* changed and deleted ones, then more */
        Row *r = &h->rows[random_below(&h->random, h->n)];
        if (r->live && random_chance(&h->random, 0.3)) {
            delete_visit(h, r);
        } else if (r->live) {
            randomise(h, r);
            write_visit(h, r, 0);
        }
        if (i % 3 == 0) {
            (void)add_visit(h, 0);
        }
    }
    check_many(h, 150);
    IocLive live = ioc_live(h->ioc);
    uint64_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        n += h->rows[i].live;
    }
    assert_int_equal(live.visits, n);
    assert_int_equal(live.record, store_snapshot(h->store));
}

static void a_changed_visit_moves(void **state) {
    Home *h = *state;
    Row *r = add_visit(h, 0);
    r->day += 3;
    r->facility = (r->facility + 1) % 3;
    write_visit(h, r, 0);
    check_many(h, 50);
    Filter f = {.facility = -1, .ward = -1, .icd = ""};
    f.q = (IocQuery){.from_day = r->day,
                     .to_day = r->day,
                     .sex = IOC_ANY,
                     .age_from = IOC_ANY,
                     .age_to = IOC_ANY,
                     .top = 5};
    check(h, &f);
    assert_int_equal(ioc_live(h->ioc).visits, 1);
    delete_visit(h, r);
    store_settle(h->store);
    check(h, &f);
    assert_int_equal(ioc_live(h->ioc).visits, 0);
}

/* A long visit: the bill stands one or several records behind the Encounter. */
static void a_bill_in_a_later_record_counts(void **state) {
    Home *h = *state;
    static const size_t FILLERS[] = {61, 62, 63, 130, 300};
    for (size_t i = 0; i < ARRAY_LEN(FILLERS); i++) {
        (void)add_visit(h, 0);
        (void)add_visit(h, FILLERS[i]);
        check_many(h, 10);
    }
    Row *r = &h->rows[1];
    randomise(h, r);
    write_visit(h, r, 100);
    check_many(h, 20);
}

/* Edited through the FHIR interface: one resource of the visit comes alone. */
static void an_edit_changes_only_its_visit(void **state) {
    Home *h = *state;
    for (int i = 0; i < 5; i++) {
        (void)add_visit(h, 0);
    }
    Row *r = &h->rows[1];
    char id[32];
    (void)snprintf(id, sizeof(id), STR_FMT, STR_ARG(r->id));
    Row other = *r;
    other.cost = 77;
    /* a bill alone: which visit it belongs to is only known by id; the last one must not get it */
    StoreChange bill = change(r, FHIR_T_CLAIM, r->bill, r->bill_id, bill_json(h, &other, id));
    Slot slot;
    commit(h, &bill, 1, &slot);
    check_many(h, 20);
    /* an Encounter alone keeps bill and diagnosis */
    r->ward = (r->ward + 1) % 3;
    StoreChange e = change(r, FHIR_T_ENCOUNTER, r->encounter, r->id, encounter_json(h, r));
    commit(h, &e, 1, &slot);
    check_many(h, 20);
}

/* Closed without a checkpoint: as if killed. The folder of a checkpoint is put back afterwards. */
static void copy_facts(const Home *h, bool back) {
    static const char *const names[] = {"facts.dat", "facts.meta"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char inside[128];
        char outside[128];
        CLEANUP_BUF Buf bytes;
        buf_init(&bytes, 64 << 20);
        (void)snprintf(inside, sizeof(inside), "%s/facts/%s", h->dir, names[i]);
        (void)snprintf(outside, sizeof(outside), "%s/%s", h->dir, names[i]);
        assert_ok(io_read_file(back ? outside : inside, 64 << 20, &bytes));
        assert_ok(io_write_atomic(back ? inside : outside, buf_str(&bytes)));
    }
}

static void a_restart_replays_what_the_checkpoint_lacks(void **state) {
    Home *h = *state;
    for (int i = 0; i < 100; i++) {
        (void)add_visit(h, 0);
    }
    store_settle(h->store);
    assert_ok(ioc_checkpoint(h->ioc));
    copy_facts(h, false);
    for (int i = 0; i < 60; i++) {
        Row *r = &h->rows[i];
        randomise(h, r);
        i % 5 == 0 ? delete_visit(h, r) : write_visit(h, r, 0);
        (void)add_visit(h, i % 9 == 0 ? 70 : 0);
    }
    check_many(h, 20);
    home_close(h);
    copy_facts(h, true);
    home_open(h);
    check_many(h, 60);
    assert_int_equal(ioc_live(h->ioc).record, store_snapshot(h->store));
}

/* The view as the store knows it, but only up to one record: what comes later gets lost, as when
 * the program is killed there. */
typedef struct Cut {
    StoreView inner;
    RecordNo last;
} Cut;

static ErrCode cut_prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    Cut *cut = ctx;
    return cut->inner.prepare(cut->inner.ctx, scratch, record, out);
}

static ErrCode cut_apply(void *ctx, RecordNo record, TimeMs time, Str bytes) {
    Cut *cut = ctx;
    return record > cut->last ? ERR_OK : cut->inner.apply(cut->inner.ctx, record, time, bytes);
}

static RecordNo cut_covered(void *ctx) {
    Cut *cut = ctx;
    return cut->inner.covered(cut->inner.ctx);
}

/* The checkpoint falls between a visit's record and the one with its bill. */
static void a_bill_behind_the_checkpoint_counts(void **state) {
    Home *h = *state;
    (void)add_visit(h, 0);
    Row *r = add_visit(h, 70);
    home_close(h);
    remove_facts(h);
    ErrInfo info = {0};
    assert_ok(ioc_open(&(IocOptions){.dir = str_from(h->dir)}, &h->ioc, &info));
    Cut cut = {ioc_view(h->ioc), SLOT_RECORD(r->encounter)};
    h->view = (StoreView){&cut, cut_prepare, cut_apply, cut_covered};
    StoreOptions o = {.dir = str_from(h->dir), .views = &h->view, .n_views = 1};
    assert_ok(store_open(&o, &h->store, &info));
    store_settle(h->store);
    assert_int_equal(ioc_live(h->ioc).record, SLOT_RECORD(r->encounter));
    home_close(h);
    home_open(h);
    check_many(h, 20);
}

static void a_lost_folder_is_made_anew(void **state) {
    Home *h = *state;
    for (int i = 0; i < 120; i++) {
        (void)add_visit(h, i % 20 == 0 ? 80 : 0);
    }
    delete_visit(h, &h->rows[3]);
    home_close(h);
    remove_facts(h);
    home_open(h);
    check_many(h, 60);
    home_close(h);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/facts/facts.meta", h->dir);
    assert_ok(io_write_atomic(path, STR("{\"version\":2,\"record\":99")));
    home_open(h);
    check_many(h, 30);
}

/* As nhip rebuild does: everything anew in one pass, and nobody else meanwhile. */
static void a_reset_and_a_rebuild_give_the_same_rows(void **state) {
    Home *h = *state;
    ErrInfo info = {0};
    for (int i = 0; i < 150; i++) {
        (void)add_visit(h, i % 20 == 0 ? 80 : 0);
    }
    delete_visit(h, &h->rows[5]);
    Ioc *second = NULL;
    assert_int_equal(ioc_open(&(IocOptions){.dir = str_from(h->dir)}, &second, &info), ERR_BUSY);
    assert_non_null(strstr(info.what_en, "another process"));
    RecordNo last = store_snapshot(h->store);
    home_close(h);
    assert_ok(ioc_open(&(IocOptions){.dir = str_from(h->dir)}, &h->ioc, &info));
    assert_int_equal(ioc_live(h->ioc).record, last);
    assert_ok(ioc_reset(h->ioc));
    assert_int_equal(ioc_live(h->ioc).visits, 0);
    StoreView view = ioc_view(h->ioc);
    StoreOptions o = {.dir = str_from(h->dir), .views = &view, .n_views = 1};
    assert_ok(store_rebuild(&o, NULL, &info));
    assert_int_equal(ioc_live(h->ioc).record, last);
    ioc_close(h->ioc);
    h->ioc = NULL;
    home_open(h);
    check_many(h, 40);
}

static void periods_out_of_range_are_refused(void **state) {
    Home *h = *state;
    IocQuery q = {
        .from_day = 20000, .to_day = 19999, .sex = IOC_ANY, .age_from = IOC_ANY, .age_to = IOC_ANY};
    CLEANUP_BUF Buf out;
    buf_init(&out, OPS_BYTES);
    assert_int_equal(ioc_ops(h->ioc, h->arena, &q, NULL, NULL, &out), ERR_PARAM);
    q.to_day = 10957 + 65536;
    assert_int_equal(ioc_ops(h->ioc, h->arena, &q, NULL, NULL, &out), ERR_PARAM);
    assert_false(ioc_has_facility(h->ioc, STR("46001")));
    (void)add_visit(h, 0);
    store_settle(h->store);
    assert_true(ioc_has_facility(h->ioc, str_from(FACILITIES[h->rows[0].facility])));
    assert_true(ioc_has_ward(h->ioc, str_from(WARDS[h->rows[0].ward])));
    int32_t first = 0;
    int32_t last = 0;
    assert_true(ioc_days(h->ioc, &first, &last));
    assert_int_equal(first, h->rows[0].day);
    assert_int_equal(last, first);
}

static void add_visits_on(Home *h, int day, int n) {
    for (int i = 0; i < n; i++) {
        Row *r = &h->rows[h->n++];
        randomise(h, r);
        r->day = day;
        r->birth_day = day - 10000;
        write_visit(h, r, 0);
    }
}

/* The week that begins on this Monday, as the page draws it. */
static const JsonNode *week_of(Home *h, int monday) {
    store_settle(h->store);
    const JsonNode *root = ask(h, &(IocQuery){.from_day = monday,
                                              .to_day = monday + 6,
                                              .sex = IOC_ANY,
                                              .age_from = IOC_ANY,
                                              .age_to = IOC_ANY,
                                              .top = 1});
    const JsonNode *w = element(json_get_lit(root, "weeks"), STR("d"), day_text(h, monday));
    assert_non_null(w);
    return w;
}

static void check_week(Home *h, int monday, const uint64_t band[3], bool alarm) {
    const JsonNode *w = week_of(h, monday);
    assert_int_equal(number(w, STR("low")), band[0]);
    assert_int_equal(number(w, STR("expected")), band[1]);
    assert_int_equal(number(w, STR("high")), band[2]);
    assert_int_equal(json_is(json_get_lit(w, "alarm"), JSON_TRUE), alarm);
}

/* The ten weeks that one is judged by: the same week and two on either side, one and two years
 * before. */
static int reference_week(int monday, int i) {
    return monday - 364 * (1 + i / 5) + 7 * (i % 5 - 2);
}

/* Single visits where none are expected are chance, not an outbreak. */
static void an_alarm_needs_a_meaningful_excess(void **state) {
    Home *h = *state;
    enum { MONDAY = 20003 + 110 * 7, STEADY = MONDAY + 70, WILD = STEADY + 70 };
    add_visits_on(h, MONDAY - 2 * 364 - 15, 1);
    assert_null(json_get_lit(week_of(h, MONDAY - 7), "alarm")); /* two years are not whole yet */
    static const uint64_t none[3] = {0};
    for (int n = 0; n < 6; n++) {
        check_week(h, MONDAY, none, n >= 5);
        add_visits_on(h, MONDAY + n, 1);
    }
    for (int i = 0; i < 10; i++) {
        add_visits_on(h, reference_week(STEADY, i) + 2, 2);
        add_visits_on(h, reference_week(WILD, i) + 6, i % 2 == 0 ? 0 : 18);
    }
    for (int n = 0; n < 8; n++) {
        check_week(h, STEADY, (uint64_t[]){2, 2, 2}, n >= 7);
        add_visits_on(h, STEADY + 3, 1);
    }
    add_visits_on(h, WILD, 27); /* mean 9, standard deviation √90 */
    check_week(h, WILD, (uint64_t[]){0, 9, 27}, false);
    add_visits_on(h, WILD, 1);
    check_week(h, WILD, (uint64_t[]){0, 9, 27}, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, home_setup, home_teardown)
        T(facts_equal_a_recount),
        T(a_changed_visit_moves),
        T(a_bill_in_a_later_record_counts),
        T(an_edit_changes_only_its_visit),
        T(a_restart_replays_what_the_checkpoint_lacks),
        T(a_bill_behind_the_checkpoint_counts),
        T(a_lost_folder_is_made_anew),
        T(a_reset_and_a_rebuild_give_the_same_rows),
        T(an_alarm_needs_a_meaningful_excess),
        T(periods_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
