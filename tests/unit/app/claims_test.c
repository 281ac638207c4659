/* A province of claims through the store and out again: every claim is the same, nothing is new
 * when they come in a second time, and what was changed through FHIR since shows. */
#include "unit/intake/intake_help.h"

#include "core/io.h"
#include "intake/intake_claim.h"
#include "interop/claim_file.h"
#include "synth/synth.h"

enum { CLAIMS_MAX = 4000 };

/* The canonical text of each claim by its key. */
typedef struct Seen {
    Str key, text;
} Seen;

typedef struct World {
    Home *h;
    Arena *arena;
    Seen seen[CLAIMS_MAX];
    size_t n;
    size_t n_same, n_other; /* of the files that came out */
    uint64_t again;         /* visits that were not the same on the second import */
    bool out;
} World;

static Seen *find(World *w, Str key) {
    for (size_t i = 0; i < w->n; i++) {
        if (str_eq(w->seen[i].key, key)) {
            return &w->seen[i];
        }
    }
    return NULL;
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    World *w = ctx;
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    if (claim_part(claim, 1) == NULL) {
        return ERR_OK;
    }
    claim_write_hoso(&b, claim, &(ClaimWriteHow){.release = CLAIM_RELEASE_ANY});
    assert_ok(buf_ok(&b));
    Str key = arena_printf(w->arena, STR_FMT "|" STR_FMT, STR_ARG(claim->facility),
                           STR_ARG(claim->ma_lk));
    Seen *s = find(w, key);
    if (w->out) {
        assert_non_null(s);
        w->n_same += str_eq(s->text, buf_str(&b));
        w->n_other += !str_eq(s->text, buf_str(&b));
        return ERR_OK;
    }
    if (s == NULL) {
        assert_true(w->n < CLAIMS_MAX);
        s = &w->seen[w->n++];
    }
    *s = (Seen){key, arena_str(w->arena, buf_str(&b))};
    return ERR_OK;
}

static void read_claims(World *w, Str xml) {
    ClaimReadOptions o = {.file = STR("test.xml"), .ctx = w, .on_claim = on_claim};
    assert_ok(claim_read(xml, &o, NULL));
}

static ErrCode on_file(void *ctx, Str name, Str bytes) {
    World *w = ctx;
    if (str_ends(name, STR(".xml"))) {
        read_claims(w, bytes);
        send_bytes(w->h, bytes);
        assert_int_equal(w->h->report.claims_rejected, 0);
    }
    return ERR_OK;
}

static ErrCode on_exported(void *ctx, const char *path, uint64_t bytes) {
    World *w = ctx;
    (void)bytes;
    CLEANUP_BUF Buf b;
    buf_init(&b, 512 * LIMIT_MIB);
    assert_ok(io_read_file(path, 512 * LIMIT_MIB, &b));
    w->out = true;
    read_claims(w, buf_str(&b));
    send_bytes(w->h, arena_str(w->h->arena, buf_str(&b)));
    w->again +=
        w->h->report.claims_new + w->h->report.claims_changed + w->h->report.claims_rejected;
    assert_ok(io_remove(path));
    return ERR_OK;
}

static void fill(World *w) {
    SynthOptions o;
    SynthReport report;
    synth_options_init(&o, time_days_from_civil(2026, 11, 20));
    o.citizens = 150;
    o.visits = 400;
    o.facilities = 6;
    o.years = 1;
    o.errors_per_mille = 0;
    o.resends_per_mille = 100;
    o.threads = 1;
    assert_ok(synth_generate(&o, on_file, w, &report));
    assert_true(w->n > 350);
}

static ClaimExported export_all(World *w, const char *dir) {
    ClaimExported done = {0};
    ErrInfo info = {0};
    ErrCode err = intake_claim_export(&(ClaimExport){.store = w->h->store, .dir = str_from(dir)},
                                      &done, &info);
    if (err != ERR_OK) {
        print_error("%s: %s %s\n", err_name(err), info.rule, info.what_en);
    }
    assert_ok(err);
    return done;
}

static World *world(void **state) {
    World *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->h = *state;
    w->arena = arena_new((size_t)1 << 30);
    return w;
}

static void world_free(World *w) {
    arena_free(w->arena);
    free(w);
}

static void a_province_goes_out_as_it_came(void **state) {
    World *w = world(state);
    char dir[] = "/tmp/nhip-claims-XXXXXX";
    assert_non_null(mkdtemp(dir));
    fill(w);
    ClaimExported done = export_all(w, dir);
    assert_int_equal(done.visits, w->n);
    assert_int_equal(done.left_out, 0);
    assert_ok(io_walk(dir, on_exported, w));
    assert_int_equal(w->n_other, 0);
    assert_int_equal(w->n_same, w->n);
    assert_int_equal(w->again, 0);
    assert_int_equal(rmdir(dir), 0);
    world_free(w);
}

/* The same visit with a text of one of its resources replaced, as a FHIR client would. */
static void change(Home *h, FhirType type, Str from, Str to) {
    Count c = {.store = h->store, .type = type, .arena = h->arena};
    StoreVersion v;
    assert_ok(store_feed(h->store, 0, count_one, &c));
    assert_ok(store_get(h->store, h->arena, type, c.last_id, &v));
    size_t at = str_find(v.json, from);
    assert_int_not_equal(at, SIZE_MAX);
    Str json = arena_join(
        h->arena, (Str[]){str_sub(v.json, 0, at), to, str_sub(v.json, at + from.len, v.json.len)},
        3);
    StoreChange write = {
        .op = STORE_UPDATE, .type = type, .id = v.id, .prev = v.slot, .json = json};
    StoreGroup group = {
        .changes = &write, .n_changes = 1, .patient_change = -1, .patient = v.patient};
    StoreCommit commit = {
        .groups = &group, .n_groups = 1, .actor = STR("test"), .source = STR("t")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, NULL));
}

static Str claim_xml(Home *h) {
    Count c = {.store = h->store, .type = FHIR_T_ENCOUNTER, .arena = h->arena};
    StoreVersion v;
    Claim claim;
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    assert_ok(store_feed(h->store, 0, count_one, &c));
    assert_ok(store_get(h->store, h->arena, FHIR_T_ENCOUNTER, c.last_id, &v));
    assert_ok(intake_claim(h->store, h->arena, &v, &claim, &info));
    for (int i = 0; i < claim.n_parts; i++) {
        const ClaimPart *p = &claim.parts[i];
        for (int f = 0; f < p->table->n_fields; f++) {
            buf_printf(&out, STR_FMT "." STR_FMT "=" STR_FMT "\n", STR_ARG(p->table->name),
                       STR_ARG(p->table->fields[f].name), STR_ARG(p->records[0].values[f]));
        }
    }
    return arena_str(h->arena, buf_str(&out));
}

static bool says(Str text, const char *line) {
    return str_find(text, str_from(line)) != SIZE_MAX;
}

static void what_others_wrote_since_goes_out(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "LK-1", .icd = "J18.9", .n_drugs = 1, .n_results = 1});
    Str before = claim_xml(h);
    assert_true(says(before, "XML1.MA_BENH_CHINH=J18.9\n"));
    assert_true(says(before, "XML4.GIA_TRI=10.6\n"));
    change(h, FHIR_T_ENCOUNTER, STR("Ho, sốt"), STR("Khó thở"));
    change(h, FHIR_T_CONDITION, STR("\"J18.9\""), STR("\"J15.9\""));
    change(h, FHIR_T_MEDICATION_REQUEST, STR("1 viên/lần"), STR("2 viên/lần"));
    change(h, FHIR_T_CLAIM, STR("634000.00"), STR("600000.00"));
    Str after = claim_xml(h);
    assert_true(says(after, "XML1.LY_DO_VV=Khó thở\n"));
    assert_true(says(after, "XML1.MA_BENH_CHINH=J15.9\n"));
    assert_true(says(after, "XML1.T_TONGCHI_BV=600000.00\n"));
    assert_true(says(after, "XML2.LIEU_DUNG=2 viên/lần * 2 lần/ngày\n"));
    assert_true(says(after, "XML4.GIA_TRI=10.6\n"));
}

/* The citizen's facts are those of the visit, whatever later visits say. */
static void a_later_visit_does_not_change_an_earlier_claim(void **state) {
    Home *h = *state;
    SEND(h, {.ma_lk = "LK-1", .cccd = "046090000001", .address = "Xã cũ", .in = "202601010800"});
    Str before = claim_xml(h);
    Count c = {.store = h->store, .type = FHIR_T_ENCOUNTER, .arena = h->arena};
    assert_ok(store_feed(h->store, 0, count_one, &c));
    SEND(h, {.ma_lk = "LK-2", .cccd = "046090000001", .address = "Xã mới", .in = "202611010800"});
    StoreVersion v;
    Claim claim;
    assert_ok(store_get(h->store, h->arena, FHIR_T_ENCOUNTER, c.last_id, &v));
    assert_ok(intake_claim(h->store, h->arena, &v, &claim, NULL));
    assert_true(says(before, "XML1.DIA_CHI=Xã cũ\n"));
    assert_str(claim_value(&claim, 1, XML1_DIA_CHI), STR("Xã cũ"));
}

static void the_export_takes_what_is_asked_for(void **state) {
    World *w = world(state);
    char dir[] = "/tmp/nhip-claims-XXXXXX";
    assert_non_null(mkdtemp(dir));
    SEND(w->h, {.ma_lk = "LK-1", .in = "202610310800"}, {.ma_lk = "LK-2", .in = "202611010800"});
    SEND(w->h, {.ma_lk = "LK-1", .facility = "46002", .in = "202611020800"});
    static const struct {
        const char *facility, *month, *ma_lk;
        unsigned visits, files;
    } asked[] = {{"", "", "", 3, 3},
                 {"46001", "", "", 2, 2},
                 {"", "2026-11", "", 2, 2},
                 {"", "", "LK-1", 2, 2},
                 {"46001", "2026-11", "LK-1", 0, 0},
                 {"46002", "2026-11", "LK-1", 1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        ClaimExported done = {0};
        ClaimExport what = {.store = w->h->store,
                            .facility = str_from(asked[i].facility),
                            .month = str_from(asked[i].month),
                            .ma_lk = str_from(asked[i].ma_lk),
                            .dir = str_from(dir)};
        assert_ok(intake_claim_export(&what, &done, NULL));
        assert_int_equal(done.visits, asked[i].visits);
        assert_int_equal(done.files, asked[i].files);
    }
    static const char *const names[] = {"46001_2026-10_0001.xml", "46001_2026-11_0001.xml",
                                        "46002_2026-11_0001.xml"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_ok(io_remove(path));
    }
    assert_int_equal(rmdir(dir), 0);
    world_free(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_province_goes_out_as_it_came),
        TEST(what_others_wrote_since_goes_out),
        TEST(a_later_visit_does_not_change_an_earlier_claim),
        TEST(the_export_takes_what_is_asked_for),
    };
    return cmocka_run_group_tests_name("app/claims", tests, NULL, NULL);
}
