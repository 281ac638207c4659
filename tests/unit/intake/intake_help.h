/* intake_help.h — what the tests of the way in share: a data folder that goes away again, visits
 * described by a few facts and written as claim files, and questions about what came of them. */
#ifndef NHIP_TESTS_UNIT_INTAKE_HELP_H
#define NHIP_TESTS_UNIT_INTAKE_HELP_H

#include "folder.h"
#include "unit/test.h"

#include "core/json.h"
#include "core/limits.h"
#include "intake/intake.h"
#include "interop/claim_identity.h"
#include "interop/claim_write.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct Home {
    char dir[64];
    Store *store;
    Intake *intake;
    Arena *arena;
    IntakeReport report; /* of the last file */
    StoreOptions options;
    bool received_drop; /* for the next opening */
} Home;

static UNUSED void home_open(Home *h) {
    ErrInfo info = {0};
    ErrCode err = store_open(&h->options, &h->store, &info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", err_name(err), info.what_en);
    }
    assert_ok(err);
    assert_ok(intake_new(&(IntakeOptions){.store = h->store, .received_keep = !h->received_drop},
                         &h->intake));
}

static UNUSED void home_close(Home *h) {
    intake_free(h->intake);
    store_close(h->store);
    h->intake = NULL;
    h->store = NULL;
}

static UNUSED int home_setup(void **state) {
    Home *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    (void)snprintf(h->dir, sizeof(h->dir), "/tmp/nhip-intake-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->options = (StoreOptions){.dir = str_from(h->dir)};
    h->arena = arena_new((size_t)1 << 30);
    assert_non_null(h->arena);
    home_open(h);
    *state = h;
    return 0;
}

static UNUSED int home_teardown(void **state) {
    Home *h = *state;
    home_close(h);
    arena_free(h->arena);
    folder_remove(h->dir);
    free(h);
    return 0;
}

/* ---- visits ---- */

typedef struct Visit {    /* members left empty take the defaults of visit_fill */
    const char *facility; /* 46001 */
    const char *ma_lk;
    const char *cccd, *card, *ma_bn;
    const char *name, *birth, *address, *commune;
    const char *in, *out; /* yyyyMMddHHmm */
    const char *icd;
    const char *total;   /* T_TONGCHI_BV */
    const char *dose;    /* LIEU_DUNG of every drug */
    unsigned n_drugs;    /* lines of XML2 */
    unsigned n_results;  /* lines of XML4 */
    const char *made;    /* NGAYLAP of the file, of its first visit */
    const char *sex;     /* GIOI_TINH; 1 */
    unsigned broken : 1; /* GIOI_TINH is no number: the claim must be refused */
} Visit;

static UNUSED Str or_else(const char *given, const char *otherwise) {
    return str_from(given == NULL ? otherwise : given);
}

static UNUSED void put_summary(Buf *out, const Visit *v) {
    Str x[XML1_FIELD_COUNT];
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = STR_EMPTY;
    }
    Str in = or_else(v->in, "202611200800");
    x[XML1_MA_LK] = str_from(v->ma_lk);
    x[XML1_STT] = STR("1");
    x[XML1_MA_BN] = or_else(v->ma_bn, "BN1");
    x[XML1_HO_TEN] = or_else(v->name, "NGUYỄN VĂN THỬ");
    x[XML1_SO_CCCD] = or_else(v->cccd, "");
    x[XML1_NGAY_SINH] = or_else(v->birth, "199001010000");
    x[XML1_GIOI_TINH] = v->broken ? STR("nam") : or_else(v->sex, "1");
    x[XML1_MA_QUOCTICH] = STR("000");
    x[XML1_MA_DANTOC] = STR("01");
    x[XML1_MA_NGHE_NGHIEP] = STR("00000");
    x[XML1_DIA_CHI] = or_else(v->address, "Phường Thuận Hoá, thành phố Huế");
    x[XML1_MATINH_CU_TRU] = STR("46");
    x[XML1_MAXA_CU_TRU] = or_else(v->commune, "19789");
    x[XML1_MA_THE_BHYT] = or_else(v->card, "");
    x[XML1_MA_DKBD] = v->card == NULL ? STR_EMPTY : STR("46001");
    x[XML1_GT_THE_TU] = v->card == NULL ? STR_EMPTY : STR("20260101");
    x[XML1_GT_THE_DEN] = v->card == NULL ? STR_EMPTY : STR("20261231");
    x[XML1_LY_DO_VV] = STR("Ho, sốt");
    x[XML1_CHAN_DOAN_VAO] = STR("Theo dõi viêm phổi");
    x[XML1_CHAN_DOAN_RV] = STR("Viêm phổi");
    x[XML1_MA_BENH_CHINH] = or_else(v->icd, "J18.9");
    x[XML1_MA_DOITUONG_KCB] = STR("1.1");
    x[XML1_NGAY_VAO] = in;
    x[XML1_NGAY_RA] = v->out == NULL ? in : str_from(v->out);
    x[XML1_SO_NGAY_DTRI] = STR("0");
    x[XML1_KET_QUA_DTRI] = STR("2");
    x[XML1_MA_LOAI_RV] = STR("1");
    x[XML1_T_THUOC] = x[XML1_T_VTYT] = x[XML1_T_BNTT] = x[XML1_T_BNCCT] = STR("0.00");
    x[XML1_T_TONGCHI_BV] = or_else(v->total, "634000.00");
    x[XML1_T_TONGCHI_BH] = x[XML1_T_BHTT] = x[XML1_T_BHTT_GDV] = x[XML1_T_TONGCHI_BV];
    x[XML1_T_NGUONKHAC] = STR("0.00");
    x[XML1_NAM_QT] = STR("2026");
    x[XML1_THANG_QT] = STR("11");
    x[XML1_MA_LOAI_KCB] = STR("01");
    x[XML1_MA_KHOA] = STR("K01");
    x[XML1_MA_CSKCB] = or_else(v->facility, "46001");
    x[XML1_CAN_NANG] = STR("60.00");
    x[XML1_MA_HSBA] = STR("HSBA-1");
    CLEANUP_BUF Buf xml;
    buf_init(&xml, LIMIT_MIB);
    claim_write_table(&xml, claim_table(1), x, 1);
    claim_write_hoso_file(out, claim_table(1), buf_str(&xml));
}

/* One line of XML2 or XML4: the required members only. */
static UNUSED void fill_line(Str *x, const ClaimTable *t, const Visit *v, Str number) {
    for (int i = 0; i < t->n_fields; i++) {
        const ClaimField *f = &t->fields[i];
        bool money = f->kind == CLAIM_DEC;
        x[i] = f->required != 'Y'                             ? STR_EMPTY
               : money                                        ? STR("1000")
               : f->kind == CLAIM_N                           ? STR("1")
               : f->kind == CLAIM_DT12 || f->kind == CLAIM_DT ? STR("202611200830")
               : f->kind == CLAIM_D8                          ? STR("20261120")
                                                              : STR("A");
    }
    x[0] = str_from(v->ma_lk);
    x[1] = number;
    if (t->number == 2) {
        x[XML2_MA_THUOC] = STR("40.30");
        x[XML2_MA_NHOM] = STR("4");
        x[XML2_TEN_THUOC] = STR("Thuốc thử A");
        x[XML2_LIEU_DUNG] = or_else(v->dose, "1 viên/lần * 2 lần/ngày");
        x[XML2_SO_LUONG] = STR("10");
    } else {
        x[XML4_MA_DICH_VU] = STR("22.0121.1369");
        x[XML4_MA_CHI_SO] = number;
        x[XML4_TEN_CHI_SO] = STR("WBC");
        x[XML4_GIA_TRI] = STR("10.6");
        x[XML4_DON_VI_DO] = STR("G/L");
        x[XML4_NGAY_KQ] = STR("202611200920");
    }
}

static UNUSED void put_lines(Buf *out, const Visit *v, int table, unsigned n) {
    const ClaimTable *t = claim_table(table);
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    Str *x = arena_new_array(arena, Str, (size_t)t->n_fields * MAX(n, 1u));
    for (unsigned i = 0; i < n; i++) {
        fill_line(x + (size_t)i * (size_t)t->n_fields, t, v, arena_printf(arena, "%u", i + 1));
    }
    if (n > 0) {
        CLEANUP_BUF Buf xml;
        buf_init(&xml, 16 * LIMIT_MIB);
        claim_write_table(&xml, t, x, n);
        claim_write_hoso_file(out, t, buf_str(&xml));
    }
}

/* A claim file of these visits, all of the first one's facility. */
static UNUSED Str claim_file(Home *h, const Visit *visits, size_t n) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    claim_write_envelope_open(&b, or_else(visits[0].facility, "46001"),
                              or_else(visits[0].made, "20261121"), n);
    for (size_t i = 0; i < n; i++) {
        claim_write_hoso_open(&b);
        put_summary(&b, &visits[i]);
        put_lines(&b, &visits[i], 2, visits[i].n_drugs);
        put_lines(&b, &visits[i], 4, visits[i].n_results);
        claim_write_hoso_close(&b);
    }
    claim_write_envelope_close(&b);
    assert_ok(buf_ok(&b));
    return arena_str(h->arena, buf_str(&b));
}

/* ---- sending and asking ---- */

static UNUSED ErrCode try_send(Home *h, Str name, Str bytes, uint64_t retry_of) {
    ErrInfo info = {0};
    h->report = (IntakeReport){.arena = h->arena};
    return intake_file(
        h->intake,
        &(IntakeFile){.name = name, .bytes = bytes, .actor = STR("test"), .retry_of = retry_of},
        &h->report, &info);
}

static UNUSED void send_bytes(Home *h, Str bytes) {
    assert_ok(try_send(h, STR("test.xml"), bytes, 0));
}

static UNUSED void send(Home *h, const Visit *visits, size_t n) {
    send_bytes(h, claim_file(h, visits, n));
}
#define SEND(h, ...)                                                                               \
    send((h), (const Visit[]){__VA_ARGS__}, ARRAY_LEN(((const Visit[]){__VA_ARGS__})))

/* new, changed, same, rejected of the last file */
#define assert_report(h, new_, changed, same, rejected)                                            \
    do {                                                                                           \
        assert_int_equal((h)->report.claims_new, new_);                                            \
        assert_int_equal((h)->report.claims_changed, changed);                                     \
        assert_int_equal((h)->report.claims_same, same);                                           \
        assert_int_equal((h)->report.claims_rejected, rejected);                                   \
    } while (0)

typedef struct Count {
    Store *store;
    FhirType type;
    size_t current, versions;
    Str last_id;
    Arena *arena;
} Count;

static UNUSED ErrCode count_one(void *ctx, const StoreVersion *v) {
    Count *c = ctx;
    if (v->type == c->type) {
        c->versions++;
        if (!v->deleted && store_is_current(c->store, v->slot)) {
            c->current++;
            c->last_id = arena_str(c->arena, v->id);
        }
    }
    return ERR_OK;
}

/* Every version of the type in the log, and how many are current. */
static UNUSED Count count(Home *h, FhirType type) {
    Count c = {.store = h->store, .type = type, .arena = h->arena};
    store_settle(h->store);
    assert_ok(store_feed(h->store, 0, count_one, &c));
    return c;
}

static UNUSED StoreVersion current(Home *h, FhirType type, Str id) {
    StoreVersion v;
    assert_ok(store_get(h->store, h->arena, type, id, &v));
    return v;
}

static UNUSED const JsonNode *parsed(Home *h, Str json) {
    const JsonNode *root = NULL;
    assert_ok(json_parse(h->arena, json, &root, NULL));
    return root;
}

static UNUSED StoreVersion found(Home *h, FhirType type, Str system, const char *value) {
    StoreVersion *v = NULL;
    size_t n = 0;
    StoreExpect token = {
        .type = type, .param = FHIR_P_IDENTIFIER, .system = system, .value = str_from(value)};
    assert_ok(store_find(h->store, h->arena, &token, 4, &v, &n));
    assert_int_equal(n, 1);
    return v[0];
}

static UNUSED StoreVersion visit_of(Home *h, const char *key) {
    return found(h, FHIR_T_ENCOUNTER, STR(CLAIM_SYSTEM_VISIT), key);
}

static UNUSED StoreVersion citizen(Home *h, const char *cccd) {
    return found(h, FHIR_T_PATIENT, STR(CLAIM_SYSTEM_CCCD), cccd);
}

/* The resource that "Type/id" of a member names. */
static UNUSED StoreVersion follow(Home *h, Str json, const char *path, FhirType type) {
    Str text = json_str(h->arena, json_path(parsed(h, json), path));
    Str prefix = arena_printf(h->arena, "%s/", fhir_type_name(type));
    if (!str_starts(text, prefix)) {
        print_error("%s is <" STR_FMT ">\n", path, STR_ARG(text));
        fail();
    }
    return current(h, type, str_sub(text, prefix.len, text.len));
}

#endif
