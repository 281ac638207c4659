/* The fund's files, in every form that they come in. All data invented. */
#include "unit/settle/settle_help.h"

#include "core/sheet_write.h"
#include "settle/settle_answer.h"

static SettleAnswer take(World *w, Str bytes, bool final) {
    SettleAnswer a;
    SettleAnswerFile f = {.name = STR("answer"),
                          .bytes = bytes,
                          .facility = STR("46001"),
                          .who = STR("kế toán"),
                          .final = final};
    ErrCode err = settle_answer(w->settle, w->h->arena, &f, &a, &w->info);
    if (err != ERR_OK) {
        print_error("%s\n", w->info.what_en);
    }
    assert_ok(err);
    return a;
}

static void two_visits_at_the_fund(World *w) {
    SEND(w->h, {.ma_lk = "LK1", .card = "DN4464600000001", .n_drugs = 2},
         {.ma_lk = "LK2", .card = "DN4464600000001", .in = "202611210800"});
    take_to_fund(w, "LK1");
    take_to_fund(w, "LK2");
}

/* Accepted: of LK1 less 2,000.50 đồng of one drug, of LK2 nothing. */
static void expect_answer(World *w, const SettleAnswer *a) {
    assert_int_equal(a->n_visits, 2);
    assert_int_equal(a->done.done, 2);
    assert_int_equal(a->done.n_refused, 0);
    assert_int_equal(see(w, "LK1").state, BOOK_REDUCED);
    assert_int_equal(money_of(w, "LK1", BOOK_REDUCED), 63400000 - 200050);
    assert_int_equal(see(w, "LK2").state, BOOK_REFUSED);
}

static void csv_with_headings_above(void **state) {
    World *w = *state;
    two_visits_at_the_fund(w);
    Str file = STR("Kết quả giám định tháng 11;;;;;;\r\n"
                   "Mã liên kết;Bảng;STT dòng;Mã thuốc;Số tiền từ chối;Mã lý do;Lý do từ chối\r\n"
                   "LK1;XML2;2;40.30;2,000.50;47;\"Vượt \"\"định mức\"\"\"\r\n"
                   "LK2;;;;634000;99;Trùng hồ sơ\r\n");
    SettleAnswer a = take(w, file, true);
    expect_answer(w, &a);
    SettleAnswer again = take(w, file, true);
    assert_int_equal(again.done.same, 2);
    assert_int_equal(again.done.done, 0);
    assert_int_equal(see(w, "LK1").version, 4);
}

static void xml_with_parts(void **state) {
    World *w = *state;
    two_visits_at_the_fund(w);
    SettleAnswer a = take(
        w,
        STR("\xEF\xBB\xBF<?xml version=\"1.0\"?><KETQUA><MA_CSKCB>46001</MA_CSKCB><HOSO>"
            "<MA_LK>LK1</MA_LK><T_BHTT>634000</T_BHTT><T_BHTT_GD>631999.5</T_BHTT_GD><CT><DONG>"
            "<BANG>XML2</BANG><STT_CT>2</STT_CT><T_XUATTOAN>2000.50</T_XUATTOAN><MA_LOI>47</MA_LOI>"
            "</DONG></CT></HOSO><HOSO><MA_LK>LK2</MA_LK><T_BHTT_GD>0</T_BHTT_GD></HOSO></KETQUA>"),
        true);
    expect_answer(w, &a);
}

static void json_with_parts(void **state) {
    World *w = *state;
    two_visits_at_the_fund(w);
    SettleAnswer a =
        take(w,
             STR("{\"maCSKCB\":\"46001\",\"hoSo\":[{\"dong\":[{\"bang\":2,\"sttDong\":\"2\","
                 "\"tTuChoi\":2000.50,\"maLoi\":\"47\"}],\"maLK\":\"LK1\"},"
                 "{\"maLK\":\"LK2\",\"tChapNhan\":0}]}"),
             true);
    expect_answer(w, &a);
}

static void a_spreadsheet(void **state) {
    World *w = *state;
    static const char *const rows[][3] = {
        {"MA_LK", "T_BHTT_GD", "LY_DO"}, {"LK1", "631999.50", ""}, {"LK2", "0", "Trùng"}};
    Buf out;
    buf_init(&out, LIMIT_MIB);
    SheetWriter *s = NULL;
    two_visits_at_the_fund(w);
    assert_ok(sheet_writer_new(&(SheetWrite){SHEET_WRITE_XLSX, 0, sheet_put_to_buf, &out}, &s));
    sheet_start(s, &(SheetStart){.name = STR("kq")});
    for (size_t r = 0; r < 3; r++) {
        for (size_t c = 0; c < 3; c++) {
            sheet_text(s, str_from(rows[r][c]));
        }
        sheet_row_end(s);
    }
    assert_ok(sheet_finish(s));
    sheet_writer_free(s);
    SettleAnswer a = take(w, buf_str(&out), true);
    expect_answer(w, &a);
    buf_release(&out);
}

static void rows_that_cannot_be_taken_are_named(void **state) {
    World *w = *state;
    two_visits_at_the_fund(w);
    SettleAnswer a = take(w,
                          STR("MA_CSKCB,MA_LK,T_BHTT_GD\n46001,,5\n46002,LK1,5\n46001,LK1,x\n"
                              "46001,LK1,600000\n46001,LK9,7\n"),
                          false);
    assert_int_equal(a.done.done, 1);
    assert_int_equal(a.done.n_refused, 4);
    assert_str(a.done.refused[0].rule, STR("answer-row"));
    assert_non_null(strstr(a.done.refused[2].vi.ptr, "dòng 4, hồ sơ LK1"));
    assert_str(a.done.refused[3].rule, STR("settle-no-visit"));
    assert_int_equal(see(w, "LK1").state, BOOK_ASSESSED);
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(SETTLE_ANSWER_SYSTEM), a.digest};
    assert_ok(store_find(w->h->store, w->h->arena, &token, 2, &found, &n));
    assert_int_equal(n, 1);
    assert_int_not_equal(str_find(found[0].json, STR("46001|LK9|0|700")), SIZE_MAX);
    StoreReceived kept;
    Sha256 hash;
    assert_ok(hex_parse(a.digest, hash.b, sizeof(hash.b)));
    assert_ok(store_received_get(w->h->store, w->h->arena, &hash, &kept));
}

static void a_payment_in_vietnamese_numbers(void **state) {
    World *w = *state;
    two_visits_at_the_fund(w);
    (void)take(w, STR("MA_LK,T_BHTT_GD\nLK1,600000\nLK2,100\n"), true);
    SettleAnswer a;
    SettleAnswerFile f = {.name = STR("tt.csv"),
                          .bytes = STR("Mã;Tiền;Số;Ngày\nLK1;600.000,00;UNC7;25/11/2026\n"
                                       "LK2;100;UNC7;25/11/2026\nLK3;1;UNC7;\n"),
                          .facility = STR("46001"),
                          .who = STR("kế toán"),
                          .columns = STR("decimal: ,\nma_lk: Mã\npaid: Tiền\npayment: Số\n"
                                         "date: Ngày\n")};
    assert_ok(settle_answer(w->settle, w->h->arena, &f, &a, &w->info));
    assert_true(a.is_payment);
    assert_int_equal(a.done.done, 2);
    assert_int_equal(a.done.n_refused, 1);
    assert_int_equal(money_of(w, "LK1", BOOK_PAID), 60000000);
    assert_int_equal(see(w, "LK2").state, BOOK_PAID);
}

static void negative_amounts_are_refused(void **state) {
    World *w = *state;
    static const struct {
        const char *bytes, *says[2];
    } files[] = {
        {"MA_LK,T_BHTT\nLK1,-5\n", {"row 2, visit LK1: column T_BHTT: '-5' is below zero; ask"}},
        {"MA_LK;Chấp nhận\nLK1;-1,000.5\n",
         {"file answer, row 2, visit LK1: column Chấp nhận: '-1,000.5' is below zero; ask",
          "tệp answer, dòng 2, hồ sơ LK1: cột Chấp nhận: '-1,000.5' là số âm; hãy"}},
        {"MA_LK,T_TUCHOI\nLK1,-5\n", {"column T_TUCHOI: '-5' is below zero; ask"}},
        {"MA_LK,T_BHTT_GD\nLK1,-\n", {"column T_BHTT_GD: '-' is no amount; check"}},
        {"<a><b><MA_LK>LK1</MA_LK><T_BHTT_GD>-1</T_BHTT_GD></b></a>",
         {"row 1, visit LK1: column T_BHTT_GD: '-1' is below zero; ask"}},
    };
    two_visits_at_the_fund(w);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        SettleAnswer a = take(w, str_from(files[i].bytes), true);
        const char *vi = files[i].says[1] == NULL ? "" : files[i].says[1];
        assert_int_equal(a.done.done, 0);
        assert_int_equal(a.done.n_refused, 1);
        assert_str(a.done.refused[0].rule, STR("answer-row"));
        assert_non_null(strstr(a.done.refused[0].en.ptr, files[i].says[0]));
        assert_non_null(strstr(a.done.refused[0].vi.ptr, vi));
    }
    assert_int_equal(see(w, "LK1").state, BOOK_RECEIVED);
    SettleAnswer a;
    SettleAnswerFile f = {.name = STR("tt.csv"),
                          .bytes = STR("MA_LK,T_THANHTOAN\nLK1,-5\n"),
                          .facility = STR("46001"),
                          .who = STR("kế toán"),
                          .payment = STR("UNC7"),
                          .date = STR("2026-11-25")};
    assert_ok(settle_answer(w->settle, w->h->arena, &f, &a, &w->info));
    assert_int_equal(a.done.n_refused, 1);
    assert_non_null(strstr(a.done.refused[0].vi.ptr, "tệp tt.csv, dòng 2, hồ sơ LK1: cột T_THANH"));
}

static void too_many_rows_are_refused_by_their_limit(void **state) {
    World *w = *state;
    SettleAnswer a;
    Buf b;
    buf_init(&b, 8 * LIMIT_MIB);
    buf_put_lit(&b, "MA_LK,T_BHTT_GD\n");
    for (int i = 0; i <= SETTLE_ANSWER_ROWS; i++) {
        buf_put_lit(&b, "LK1,1\n");
    }
    SettleAnswerFile f = {.name = STR("kq.csv"),
                          .bytes = buf_str(&b),
                          .facility = STR("46001"),
                          .who = STR("kế toán")};
    assert_int_equal(settle_answer(w->settle, w->h->arena, &f, &a, &w->info), ERR_LIMIT);
    assert_string_equal(w->info.rule, "answer-limit");
    assert_non_null(strstr(w->info.what_en, "file kq.csv has more than 500000 rows; cut it"));
    assert_non_null(strstr(w->info.what_vi, "tệp kq.csv có hơn 500000 dòng; hãy chia"));
    buf_release(&b);
}

/* The file's Task: what it says of how many were done. */
static bool record_says(World *w, Str digest, const char *what) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(SETTLE_ANSWER_SYSTEM), digest};
    assert_ok(store_find(w->h->store, w->h->arena, &token, 2, &found, &n));
    return n == 1 && str_find(found[0].json, str_from(what)) != SIZE_MAX;
}

/* The process ended between the payment's commit and the file's Task: the second time it is
 * completed, and what became payable since is not paid by it. */
static void a_payment_that_was_not_recorded_is_completed(void **state) {
    World *w = *state;
    Str bytes = STR("MA_LK,T_BHTT_TT,SO_CT,NGAY_CT\nLK1,5000,UNC7,25/11/2026\nLK2,7,UNC7,\n");
    SettleAnswerFile f = {.name = STR("tt.csv"),
                          .bytes = bytes,
                          .facility = STR("46001"),
                          .who = STR("kế toán"),
                          .columns = STR("ma_lk: MA_LK\npaid: T_BHTT_TT\npayment: SO_CT\n"
                                         "date: NGAY_CT\n")};
    Sha256 hash;
    char hex[2 * sizeof(hash.b)];
    Buf text = {.ptr = hex, .capacity = sizeof(hex), .max = sizeof(hex)};
    SettlePaidLine line = {STR("46001"), STR("LK1"), 500000};
    SettleDone done;
    SettleAnswer a;
    sha256(bytes, &hash);
    hex_put(&text, hash.b, sizeof(hash.b));
    two_visits_at_the_fund(w);
    (void)take(w, STR("MA_LK,T_BHTT_GD\nLK1,600000\n"), true);
    SettlePayment p = {STR("UNC7"), STR("2026-11-25"), f.who, STR(""), buf_str(&text), &line, 1};
    assert_ok(settle_pay(w->settle, w->h->arena, &p, &done, &w->info));
    (void)take(w, STR("MA_LK,T_BHTT_GD\nLK2,700\n"), true);
    for (int again = 0; again < 2; again++) {
        ErrCode err = settle_answer(w->settle, w->h->arena, &f, &a, &w->info);
        assert_int_equal(err, ERR_OK);
        assert_int_equal(a.done.done, 0);
        assert_int_equal(a.done.same, 1);
        assert_int_equal(a.done.n_refused, 1);
        assert_str(a.done.refused[0].rule, STR("settle-payment"));
        assert_int_equal(money_of(w, "LK1", BOOK_PAID), 500000);
        assert_int_equal(see(w, "LK2").state, BOOK_REDUCED);
        assert_true(
            record_says(w, a.digest, "{\"type\":{\"text\":\"done\"},\"valueString\":\"1\"}"));
    }
    f.bytes = STR("MA_LK,T_BHTT_TT,SO_CT,NGAY_CT\nLK2,7,UNC7,25/11/2026\n"); /* another file */
    assert_int_equal(settle_answer(w->settle, w->h->arena, &f, &a, &w->info), ERR_EXISTS);
}

static void what_is_no_answer_is_refused(void **state) {
    World *w = *state;
    static const struct {
        const char *bytes;
        ErrCode err;
    } files[] = {{"a,b\n1,2\n", ERR_INVALID},     {"", ERR_INVALID},   {"{\"a\":1}", ERR_INVALID},
                 {"<a><b/></a>", ERR_INVALID},    {"<a>", ERR_SYNTAX}, {"{", ERR_SYNTAX},
                 {"<!DOCTYPE a><a/>", ERR_SYNTAX}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        SettleAnswer a;
        SettleAnswerFile f = {.bytes = str_from(files[i].bytes), .who = STR("x")};
        ErrCode err = settle_answer(w->settle, w->h->arena, &f, &a, &w->info);
        if (err != files[i].err) {
            print_error("%s: %s\n", files[i].bytes, err_name(err));
        }
        assert_int_equal(err, files[i].err);
        assert_true(w->info.what_vi[0] != '\0');
    }
    SettleColumns c;
    assert_int_equal(settle_columns_parse(STR("ma_lk: A\nwhat: B\n"), &c, &w->info), ERR_SYNTAX);
    assert_non_null(strstr(w->info.what_en, "line 2"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(csv_with_headings_above),
        T(xml_with_parts),
        T(json_with_parts),
        T(a_spreadsheet),
        T(rows_that_cannot_be_taken_are_named),
        T(a_payment_in_vietnamese_numbers),
        T(a_payment_that_was_not_recorded_is_completed),
        T(negative_amounts_are_refused),
        T(too_many_rows_are_refused_by_their_limit),
        T(what_is_no_answer_is_refused),
    };
    return cmocka_run_group_tests_name("settle/answer", tests, NULL, NULL);
}
