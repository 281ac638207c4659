/* A birth certificate (XML9) and the child's own visit become two records that R4 links as a mother
 * and her newborn, whichever comes first; the files leave as they came and come again without a
 * change. All data invented. */
#include "unit/intake/intake_help.h"

#include "intake/intake_claim.h"
#include "mpi/mpi_birth.h"

#define CARD "TE1460000000123"
#define MOTHERS_CARD "DN4460000000777"

static const Visit mother = {.ma_lk = "M1",
                             .ma_bn = "BN-M",
                             .cccd = "046195000777",
                             .card = MOTHERS_CARD,
                             .name = "LÊ THỊ MẪU",
                             .birth = "199501010000",
                             .sex = "2"};
static const Visit child = {.facility = "46002",
                            .ma_lk = "C1",
                            .ma_bn = "BN-C",
                            .card = CARD,
                            .name = "CON BÀ LÊ THỊ MẪU",
                            .birth = "202611200830",
                            .in = "202611210800",
                            .sex = "2"};

/* Who brought the child up is the mother of XML1, whose facts are repeated. */
static void put_certificate(Buf *out, Str ma_lk) {
    static const struct {
        int field;
        const char *value;
    } values[] = {{XML9_MA_BHXH_NND, "0000000777"},
                  {XML9_MA_THE_NND, MOTHERS_CARD},
                  {XML9_HO_TEN_NND, "LÊ THỊ MẪU"},
                  {XML9_NGAYSINH_NND, "19950101"},
                  {XML9_MA_DANTOC_NND, "01"},
                  {XML9_SO_CCCD_NND, "046195000777"},
                  {XML9_NGAYCAP_CCCD_NND, "20220101"},
                  {XML9_NOICAP_CCCD_NND, "Cục Cảnh sát"},
                  {XML9_NOI_CU_TRU_NND, "Phường Thuận Hoá, thành phố Huế"},
                  {XML9_MA_QUOCTICH, "000"},
                  {XML9_MATINH_CU_TRU, "46"},
                  {XML9_MAXA_CU_TRU, "19789"},
                  {XML9_HO_TEN_CHA, "TRẦN VĂN THỬ"},
                  {XML9_MA_THE_TAM, CARD},
                  {XML9_HO_TEN_CON, "TRẦN THỊ BÉ"},
                  {XML9_GIOI_TINH_CON, "2"},
                  {XML9_SO_CON, "1"},
                  {XML9_LAN_SINH, "1"},
                  {XML9_SO_CON_SONG, "1"},
                  {XML9_CAN_NANG_CON, "3200"},
                  {XML9_NGAY_SINH_CON, "202611200830"},
                  {XML9_NOI_SINH_CON, "Bệnh viện thử"},
                  {XML9_TINH_TRANG_CON, "Khoẻ"},
                  {XML9_SINHCON_PHAUTHUAT, "0"},
                  {XML9_SINHCON_DUOI32TUAN, "0"},
                  {XML9_GHI_CHU, "Không"},
                  {XML9_NGUOI_DO_DE, "Hồ Thị Đỡ"},
                  {XML9_NGUOI_GHI_PHIEU, "Hồ Thị Ghi"},
                  {XML9_NGAY_CT, "20261120"},
                  {XML9_SO, "SYN-1"},
                  {XML9_QUYEN_SO, "Q1"},
                  {XML9_MA_TTDV, "046001"}};
    Str x[XML9_FIELD_COUNT];
    CLEANUP_BUF Buf xml;
    buf_init(&xml, LIMIT_MIB);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = STR_EMPTY;
    }
    x[XML9_MA_LK] = ma_lk;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        x[values[i].field] = str_from(values[i].value);
    }
    claim_write_table(&xml, claim_table(9), x, 1);
    claim_write_hoso_file(out, claim_table(9), buf_str(&xml));
}

static void send_mother(Home *h, bool certified, const char *made) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    claim_write_envelope_open(&b, STR("46001"), str_from(made), 1);
    claim_write_hoso_open(&b);
    put_summary(&b, &mother);
    if (certified) {
        put_certificate(&b, str_from(mother.ma_lk));
    }
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    send_bytes(h, arena_str(h->arena, buf_str(&b)));
}

static Str exported(Home *h, const char *key) {
    StoreVersion v = visit_of(h, key);
    Str xml;
    assert_ok(intake_claim_file(h->store, h->arena, &v, &xml, NULL));
    return xml;
}

static MpiBirthReport run(Home *h) {
    MpiBirthReport report;
    MpiRunOptions o = {.store = h->store, .clock = clock_real()};
    assert_ok(mpi_births(&o, &report, NULL));
    assert_int_equal(report.births - report.waiting - report.known,
                     report.linked + report.proposed + report.refused);
    return report;
}

static StoreVersion child_of(Home *h) {
    return found(h, FHIR_T_PATIENT, STR(CLAIM_SYSTEM_CARD), CARD);
}

/* From the child to her mother and back, as a reader goes. */
static void assert_linked(Home *h) {
    StoreVersion c = child_of(h);
    StoreVersion m = citizen(h, "046195000777");
    StoreVersion born = follow(h, c.json, "link.other.reference", FHIR_T_RELATED_PERSON);
    StoreVersion her = follow(h, m.json, "link.other.reference", FHIR_T_RELATED_PERSON);
    assert_true(c.first != m.first);
    assert_int_equal(follow(h, born.json, "patient.reference", FHIR_T_PATIENT).first, m.first);
    assert_int_equal(follow(h, her.json, "patient.reference", FHIR_T_PATIENT).first, c.first);
    assert_str(json_raw_str(json_path(parsed(h, her.json), "name.text")), STR("LÊ THỊ MẪU"));
}

static void sent_again_nothing_changes(Home *h) {
    Str files[] = {exported(h, "46001|M1"), exported(h, "46002|C1")};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        RecordNo before = store_snapshot(h->store);
        send_bytes(h, arena_printf(h->arena, STR_FMT "\n", STR_ARG(files[i]))); /* other bytes */
        assert_report(h, 0, 0, 1, 0);
        assert_int_equal(store_snapshot(h->store), before);
    }
    assert_linked(h);
    assert_int_equal(run(h).known, 1);
}

static void the_certificate_first(void **state) {
    Home *h = *state;
    send_mother(h, true, "20261121");
    assert_report(h, 1, 0, 0, 0);
    assert_int_equal(run(h).waiting, 1);
    Str before = exported(h, "46001|M1");
    SEND(h, child);
    Str own = exported(h, "46002|C1");
    assert_int_equal(run(h).linked, 1);
    assert_linked(h);
    assert_str(exported(h, "46001|M1"), before);
    assert_str(exported(h, "46002|C1"), own);
    sent_again_nothing_changes(h);
}

static void the_child_first(void **state) {
    Home *h = *state;
    SEND(h, child);
    assert_int_equal(run(h).births, 0);
    send_mother(h, true, "20261121");
    assert_int_equal(run(h).linked, 1);
    assert_linked(h);
    sent_again_nothing_changes(h);
}

/* The visit sent again without its certificate takes the links away. */
static void a_certificate_taken_back(void **state) {
    Home *h = *state;
    send_mother(h, true, "20261121");
    SEND(h, child);
    assert_int_equal(run(h).linked, 1);
    send_mother(h, false, "20261122");
    assert_report(h, 0, 1, 0, 0);
    assert_int_equal(run(h).parted, 1);
    assert_null(json_get_lit(parsed(h, child_of(h).json), "link"));
    assert_null(json_get_lit(parsed(h, citizen(h, "046195000777").json), "link"));
    send_mother(h, true, "20261123");
    assert_int_equal(run(h).linked, 1);
    assert_linked(h);
}

/* Her CCCD on the child's claim is a hint for people, and does not touch her record. */
static void a_child_under_her_number(void **state) {
    Home *h = *state;
    Visit seen = child;
    send_mother(h, true, "20261121");
    seen.cccd = mother.cccd;
    seen.card = MOTHERS_CARD;
    SEND(h, seen);
    assert_int_equal(run(h).proposed, 1);
    assert_int_equal(citizen(h, "046195000777").version, 1);
    seen.card = CARD;
    seen.in = "202611220800";
    seen.made = "20261122";
    SEND(h, seen);
    assert_int_equal(run(h).linked, 1);
    assert_linked(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_certificate_first, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(the_child_first, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_certificate_taken_back, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_child_under_her_number, home_setup, home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
