#include "unit/test.h"

#include <malloc.h>

#include "core/limits.h"
#include "unit/interop/claim_make.h"

static const char *const ENVELOPE = "tests/case/claims/GIAMDINHHS.xml";

/* The first <from> replaced by <to>. */
static Str replace(Arena *a, Str text, const char *from, const char *to) {
    size_t at = str_find(text, str_from(from));
    assert_int_not_equal(at, SIZE_MAX);
    Str rest = str_sub(text, at + strlen(from), text.len);
    char *p = arena_alloc(a, text.len + strlen(to));
    memcpy(p, text.ptr, at);
    memcpy(p + at, to, strlen(to));
    memcpy(p + at + strlen(to), rest.ptr, rest.len);
    return (Str){p, at + strlen(to) + rest.len};
}

/* An envelope of one HOSO with one XML1 whose text is given. */
static Str with_xml1(Arena *a, Str xml1) {
    Buf b;
    buf_init(&b, 64 << 20);
    claim_write_envelope_open(&b, STR("46999"), STR("20261120"), 1);
    claim_write_hoso_open(&b);
    claim_write_hoso_file(&b, claim_table(1), xml1);
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    assert_ok(buf_ok(&b));
    Str out = arena_str(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static void see_sample(Sink *s, const Claim *c) {
    (void)s;
    assert_str(c->facility, STR("46999"));
    assert_str(c->made, STR("20261120"));
    assert_str(c->ma_lk, STR("46999_TEST_0000000001"));
    assert_int_equal(c->n_parts, 4);
    assert_str(claim_value(c, 1, XML1_HO_TEN), STR("NGUYỄN VĂN THỬ"));
    assert_str(claim_value(c, 2, XML2_T_BHTT), STR("10000.00"));
    const ClaimPart *services = claim_part(c, 3);
    assert_int_equal(services->n_records, 3);
    assert_str(services->records[2].values[XML3_MA_DICH_VU], STR("18.0149.0040"));
    assert_str(services->records[2].values[XML3_T_TRANTT], STR(""));
    assert_true(str_starts(c->bytes, STR("<HOSO>")) && str_ends(c->bytes, STR("</HOSO>")));
}

static void the_sample_envelope_is_read(void **state) {
    (void)state;
    Sink s = sink_new();
    s.see = see_sample;
    ClaimReadSummary sum = sink_read(&s, read_file(s.arena, ENVELOPE));
    assert_str(buf_str(&s.log), STR("claim 1 46999_TEST_0000000001\n"));
    assert_string_equal(sum.facility, "46999");
    assert_int_equal(sum.n_hoso, 1);
    assert_str(sum.signature, STR("<CHUKYDONVI/>"));
    sink_release(&s);
}

static void the_sample_check_in_is_read(void **state) {
    (void)state;
    Sink s = sink_new();
    (void)sink_read(&s, read_file(s.arena, "tests/case/claims/XML0.xml"));
    assert_str(buf_str(&s.log), STR("claim 1 46999_TEST_0000000001\n"));
    sink_release(&s);
}

static void an_inner_table_alone_is_refused_with_its_name(void **state) {
    (void)state;
    Sink s = sink_new();
    Str bytes = read_file(s.arena, "tests/case/claims/XML3.xml");
    ClaimReadSummary sum = sink_read(&s, bytes);
    assert_str(buf_str(&s.log),
               STR("refused 0 \n  error file-inner-table table= field= record=0 line=1\n"));
    assert_int_equal(sum.n_refused, 1);
    assert_str(s.refused_bytes, bytes);
    sink_release(&s);
}

/* Three claims, the middle one broken inside: the others stand and its exact bytes come out. */
static void one_bad_claim_does_not_stop_the_file(void **state) {
    (void)state;
    Sink s = sink_new();
    Str one = read_file(s.arena, ENVELOPE);
    size_t from = str_find(one, STR("<HOSO>"));
    size_t to = str_find(one, STR("</HOSO>")) + 7;
    Str hoso = str_sub(one, from, to - from);
    Str bad = replace(s.arena, hoso, "PD94", "!!!!");
    Buf b;
    buf_init(&b, 1 << 20);
    claim_write_envelope_open(&b, STR("46999"), STR("20261120"), 3);
    buf_put_str(&b, hoso);
    buf_put_str(&b, bad);
    buf_put_str(&b, hoso);
    claim_write_envelope_close(&b);
    ClaimReadSummary sum = sink_read(&s, buf_str(&b));
    assert_int_equal(sum.n_claims, 2);
    assert_int_equal(sum.n_refused, 1);
    assert_str(s.refused_bytes, bad);
    assert_str(s.refused_facility, STR("46999"));
    /* XML1 is the broken table, so the claim has none */
    assert_int_not_equal(str_find(buf_str(&s.log), STR("error table-base64 table=XML1")), SIZE_MAX);
    buf_release(&b);
    sink_release(&s);
}

static void a_refused_claim_can_be_wrapped_and_read_again(void **state) {
    (void)state;
    Sink s = sink_new();
    Str one = read_file(s.arena, ENVELOPE);
    Str unknown = replace(s.arena, one, "<LOAIHOSO>XML4", "<LOAIHOSO>XML44");
    ClaimReadSummary sum = sink_read(&s, unknown);
    assert_int_equal(sum.n_refused, 1);
    Buf b;
    buf_init(&b, 1 << 20);
    Str repaired = replace(s.arena, s.refused_bytes, "XML44", "XML4");
    claim_wrap_hoso(&b, s.refused_facility, s.refused_made, repaired);
    s.see = see_sample; /* NGAYLAP too: which sending is newer must not get lost */
    sum = sink_read(&s, buf_str(&b));
    assert_str(buf_str(&s.log), STR("claim 1 46999_TEST_0000000001\n"));
    buf_release(&b);
    sink_release(&s);
}

static void broken_outer_xml_keeps_what_came_before(void **state) {
    (void)state;
    Sink s = sink_new();
    Str one = read_file(s.arena, ENVELOPE);
    Str cut = str_sub(one, 0, str_find(one, STR("</HOSO>")) + 7);
    ClaimReadSummary sum = sink_read(&s, cut);
    assert_int_equal(sum.n_claims, 1);
    assert_int_equal(sum.n_refused, 1);
    assert_int_not_equal(str_find(buf_str(&s.log), STR("refused 0 \n  error file-xml")), SIZE_MAX);
    cut = str_sub(one, 0, str_find(one, STR("<LOAIHOSO>XML3")) + 40);
    sum = sink_read(&s, cut);
    assert_int_equal(sum.n_claims, 0);
    assert_int_not_equal(str_find(buf_str(&s.log), STR("refused 1 46999_TEST_0000000001\n  error file-xml")), SIZE_MAX);
    assert_true(str_starts(s.refused_bytes, STR("<HOSO>")));
    assert_ptr_equal(s.refused_bytes.ptr + s.refused_bytes.len, cut.ptr + cut.len);
    sink_release(&s);
}

/* rule, the text that is replaced in XML1 and by what, and the whole log. */
typedef struct Broken {
    const char *from, *to, *log;
} Broken;

static const Broken broken[] = {
    {"<HO_TEN>NGUYỄN VĂN THỬ</HO_TEN>", "<HO_TEN></HO_TEN>",
     "error field-required table=XML1 field=HO_TEN record=1 line=1"},
    {"<HO_TEN>NGUYỄN VĂN THỬ</HO_TEN>", "",
     "error field-required table=XML1 field=HO_TEN record=1 line=1"},
    {"<STT>1</STT>", "<STT>1a</STT>", "error field-number table=XML1 field=STT record=1 line=1"},
    {"<T_BHTT>507200.00", "<T_BHTT>507,200.00",
     "error field-decimal table=XML1 field=T_BHTT record=1 line=1"},
    {"<T_BHTT>507200.00", "<T_BHTT>.5", "error field-decimal table=XML1 field=T_BHTT record=1"},
    {"<T_BHTT>507200.00", "<T_BHTT>1e5", "error field-decimal table=XML1 field=T_BHTT record=1"},
    {"<T_BHTT>507200.00", "<T_BHTT>507200.001",
     "warning field-scale table=XML1 field=T_BHTT record=1 line=1"},
    {"<T_BHTT>507200.00", "<T_BHTT>12345678901234567.00",
     "warning field-length table=XML1 field=T_BHTT record=1 line=1"},
    {"<NGAY_VAO>202611200800", "<NGAY_VAO>202602290800",
     "error field-time table=XML1 field=NGAY_VAO record=1 line=1"},
    {"<NGAY_VAO>202611200800", "<NGAY_VAO>202611202400",
     "error field-time table=XML1 field=NGAY_VAO record=1 line=1"},
    {"<NGAY_VAO>202611200800", "<NGAY_VAO>20261120",
     "error field-time table=XML1 field=NGAY_VAO record=1 line=1"},
    {"<NAM_NAM_LIEN_TUC></", "<NAM_NAM_LIEN_TUC>20230229</",
     "error field-date table=XML1 field=NAM_NAM_LIEN_TUC record=1 line=1"},
    {"<MA_DANTOC>01", "<MA_DANTOC>001",
     "warning field-length table=XML1 field=MA_DANTOC record=1 line=1"},
    {"<STT>1</STT>", "<STT>1</STT><STT>1</STT>",
     "error field-twice table=XML1 field=STT record=1 line=1"},
    {"<STT>1</STT>", "<STT>1</STT>\n<MOI>x</MOI>",
     "warning field-unknown table=XML1 field= record=1 line=2"},
    {"<MA_CSKCB>46999", "<MA_CSKCB>46001",
     "warning claim-facility table=XML1 field=MA_CSKCB record=1"},
    {"<TONG_HOP>", "<TONG_HOPP>", "error table-root table=XML1 field= record=0 line=1"},
    {"<TONG_HOP>", "<!DOCTYPE x><TONG_HOP>", "error table-doctype table=XML1"},
    {"<STT>1</STT>", "<STT>1</STX>", "error table-xml table=XML1 field=STT record=1 line=1"},
    {"<HO_TEN>NGUY", "<HO_TEN>\xC3(", "error table-encoding table=XML1 field=HO_TEN record=1 line=1"},
    {"<HO_TEN>NGUY", "<HO_TEN>\x01", "error table-xml table=XML1 field=HO_TEN record=1 line=1"},
};

static void each_broken_field_is_named_with_its_place(void **state) {
    (void)state;
    Sink s = sink_new();
    Str xml1 = read_file(s.arena, "tests/case/claims/XML1.xml");
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        Str bad = replace(s.arena, xml1, broken[i].from, broken[i].to);
        (void)sink_read(&s, with_xml1(s.arena, bad));
        if (str_find(buf_str(&s.log), str_from(broken[i].log)) == SIZE_MAX) {
            print_error("case %zu: wanted %s in\n%s", i, broken[i].log, buf_cstr(&s.log));
            fail();
        }
        bool error = broken[i].log[0] == 'e';
        assert_int_equal(s.n_refused, error);
        assert_int_equal(s.n_claims, !error);
    }
    sink_release(&s);
}

/* What must pass without any issue. */
static const Broken fine[] = {
    {"<HO_TEN>NGUYỄN VĂN THỬ</HO_TEN>", "<HO_TEN><![CDATA[A & B <C>]]></HO_TEN>", NULL},
    {"<NGAY_SINH>199001010000", "<NGAY_SINH>199000000000", NULL},
    {"<NGAY_SINH>199001010000", "<NGAY_SINH>199005000000", NULL},
    {"<NGAY_MIEN_CCT></", "<NGAY_MIEN_CCT>20260101</", NULL},
    {"<NGAY_MIEN_CCT></", "<NGAY_MIEN_CCT>202601010000</", NULL},
    {"<T_BHTT>507200.00", "<T_BHTT>507200.0000", NULL},
    {"<T_BHTT>507200.00", "<T_BHTT>-507200", NULL},
    {"encoding=\"utf-8\"", "encoding=\"utf-16\"", NULL},
    {"<TONG_HOP>", "\n<!-- x -->\n<TONG_HOP xmlns:xsi=\"x\">\n", NULL},
};

static void what_the_field_tables_allow_passes(void **state) {
    (void)state;
    Sink s = sink_new();
    Str xml1 = read_file(s.arena, "tests/case/claims/XML1.xml");
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        (void)sink_read(&s, with_xml1(s.arena, replace(s.arena, xml1, fine[i].from, fine[i].to)));
        assert_str(buf_str(&s.log), STR("claim 1 46999_TEST_0000000001\n"));
    }
    sink_release(&s);
}

/* The envelope broken in each of its places. */
static const Broken envelopes[] = {
    {"<SOLUONGHOSO>1", "<SOLUONGHOSO>2", "file\n  warning file-count"},
    {"<NGAYLAP>20261120", "<NGAYLAP>20/11", "file\n  warning file-date"},
    {"<MACSKCB>46999</MACSKCB>", "", "file\n  warning file-facility"},
    {"<HOSO>", "<HOSO><LA>1</LA>", "  warning file-element"},
    {"<DANHSACHHOSO>", "<LA><X/></LA><DANHSACHHOSO>", "file\n  warning file-element"},
    {"GIAMDINHHS xmlns", "HSCHUNGTU xmlns", "refused 0 \n  error file-root"},
    {"<?xml version=\"1.0\" encoding=\"utf-8\"?>", "<!DOCTYPE a [<!ENTITY b \"c\">]>",
     "refused 0 \n  error file-doctype"},
    {"<MACSKCB>46999", "<MACSKCB>\xFF", "refused 0 \n  error file-encoding"},
    {"<FILEHOSO><LOAIHOSO>XML1</LOAIHOSO>", "<FILEHOSO>", "error table-unknown"},
    {"<LOAIHOSO>XML1</LOAIHOSO>", "<LOAIHOSO>XML0</LOAIHOSO>", "error table-alone"},
    {"<LOAIHOSO>XML1</LOAIHOSO>", "<LOAIHOSO>XML12</LOAIHOSO>", "error table-unknown"},
    {"<LOAIHOSO>XML1</LOAIHOSO>", "<LOAIHOSO>XML2</LOAIHOSO>", "error table-root table=XML2"},
    {"<LOAIHOSO>XML2</LOAIHOSO><NOIDUNGFILE>",
     "<LOAIHOSO>XML5</LOAIHOSO><NOIDUNGFILE></NOIDUNGFILE></FILEHOSO>"
     "<FILEHOSO><LOAIHOSO>XML2</LOAIHOSO><NOIDUNGFILE>",
     "error table-empty table=XML5"},
    {"<NOIDUNGFILE>", "<NOIDUNGFILE><TONG_HOP/>", "error table-base64 table=XML1"},
    {"<NOIDUNGFILE>", "<NOIDUNGFILE>PEE+PC9BPg==</NOIDUNGFILE><NOIDUNGFILE>",
     "error table-twice table=XML1"},
};

static void each_broken_envelope_is_named_with_its_place(void **state) {
    (void)state;
    Sink s = sink_new();
    Str one = read_file(s.arena, ENVELOPE);
    for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
        (void)sink_read(&s, replace(s.arena, one, envelopes[i].from, envelopes[i].to));
        if (str_find(buf_str(&s.log), str_from(envelopes[i].log)) == SIZE_MAX) {
            print_error("case %zu: wanted %s in\n%s", i, envelopes[i].log, buf_cstr(&s.log));
            fail();
        }
    }
    (void)sink_read(&s, STR(""));
    assert_int_not_equal(str_find(buf_str(&s.log), STR("error file-empty")), SIZE_MAX);
    (void)sink_read(&s, STR("\xFF\xFE<\0"));
    assert_int_not_equal(str_find(buf_str(&s.log), STR("error file-encoding")), SIZE_MAX);
    (void)sink_read(&s, STR("not xml"));
    assert_int_not_equal(str_find(buf_str(&s.log), STR("error file-xml")), SIZE_MAX);
    sink_release(&s);
}

/* The parser's words, too, are in the reader's language; the place is that of the whole document.
 */
static void faults_are_said_with_their_place_in_both_languages(void **state) {
    (void)state;
    Sink s = sink_new();
    Str xml1 = read_file(s.arena, "tests/case/claims/XML1.xml");
    (void)sink_read(&s,
                    with_xml1(s.arena, replace(s.arena, xml1, "<STT>1</STT>", "\n<STT>1</STX>")));
    assert_true(str_find(s.en, STR("mismatched tag, line 2, column 9.")) != SIZE_MAX);
    assert_true(str_find(s.vi, STR("thẻ đóng không khớp với thẻ mở, dòng 2, cột 9.")) != SIZE_MAX);
    (void)sink_read(&s, STR("<?xml version=\"1.0\"\n?><GIAMDINHHS>\nđ<A></B>"));
    assert_true(str_find(s.en, STR("mismatched tag, line 3, column 7.")) != SIZE_MAX);
    assert_true(str_find(s.vi, STR("dòng 3, cột 7.")) != SIZE_MAX);
    (void)sink_read(&s, STR("<GIAMDINHHS>\xFF</GIAMDINHHS>"));
    assert_true(str_find(s.en, STR("(line 1, column 13)")) != SIZE_MAX);
    assert_true(str_find(s.vi, STR("(dòng 1, cột 13)")) != SIZE_MAX);
    assert_true(str_find(s.vi, STR("line")) == SIZE_MAX);
    sink_release(&s);
}

static void the_kind_may_stand_behind_the_content(void **state) {
    (void)state;
    Sink s = sink_new();
    Str one = read_file(s.arena, ENVELOPE);
    one = replace(s.arena, one, "<LOAIHOSO>XML1</LOAIHOSO>", "");
    one = replace(s.arena, one, "</NOIDUNGFILE>", "</NOIDUNGFILE><LOAIHOSO>XML1</LOAIHOSO>");
    s.see = see_sample;
    (void)sink_read(&s, one);
    assert_str(buf_str(&s.log), STR("claim 1 46999_TEST_0000000001\n"));
    sink_release(&s);
}

static void make_envelope(Buf *b, Arena *a, unsigned seed, size_t records) {
    claim_write_envelope_open(b, STR("46001"), STR("20261120"), 1);
    claim_write_hoso_open(b);
    for (int i = 1; i < CLAIM_TABLES; i++) {
        const ClaimTable *t = claim_table(i);
        size_t n = t == NULL || str_eq(t->root, t->record) ? 1 : records;
        if (t == NULL) {
            continue;
        }
        Str *rows = arena_new_array(a, Str, n * (size_t)t->n_fields);
        for (size_t r = 0; r < n; r++) {
            Str *row = make_record(a, t, seed + (unsigned)r);
            memcpy(rows + r * (size_t)t->n_fields, row, (size_t)t->n_fields * sizeof(Str));
        }
        make_file(b, t, rows, n);
    }
    claim_write_hoso_close(b);
    claim_write_envelope_close(b);
}

static void see_and_write(Sink *s, const Claim *c) {
    Buf *out = s->more;
    claim_write_envelope_open(out, c->facility, c->made, 1);
    claim_write_hoso_open(out);
    for (int i = 0; i < c->n_parts; i++) {
        const ClaimPart *p = &c->parts[i];
        size_t n = (size_t)p->table->n_fields;
        Str *rows = arena_new_array(s->arena, Str, n * (size_t)p->n_records);
        for (int r = 0; r < p->n_records; r++) {
            memcpy(rows + (size_t)r * n, p->records[r].values, n * sizeof(Str));
        }
        make_file(out, p->table, rows, (size_t)p->n_records);
    }
    claim_write_hoso_close(out);
    claim_write_envelope_close(out);
}

/* write(read(x)) = x for files in the canonical form, all tables, many values. */
static void writing_what_was_read_gives_the_same_file(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        Sink s = sink_new();
        Buf in;
        Buf out;
        buf_init(&in, 64 << 20);
        buf_init(&out, 64 << 20);
        s.see = see_and_write;
        s.more = &out;
        make_envelope(&in, s.arena, seed * 131, 1 + seed % 7);
        (void)sink_read(&s, buf_str(&in));
        assert_str(buf_str(&s.log), STR("claim 1 MALK-1\n"));
        assert_str(buf_str(&out), buf_str(&in));
        buf_release(&in);
        buf_release(&out);
        sink_release(&s);
    }
}

/* Values with everything that XML text must escape come back as they were. */
static void see_odd(Sink *s, const Claim *c) {
    assert_str(claim_value(c, 1, XML1_GHI_CHU), *(Str *)s->more);
}

static void odd_text_comes_back_as_it_was(void **state) {
    (void)state;
    static const char *const texts[] = {"a<b>&\"c'",          "\r\n\t x ", "]]>", " ",
                                        "đ\u0301 \U0001F600", "&amp;",     "1\r2"};
    const ClaimTable *t = claim_table(1);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        Sink s = sink_new();
        Str *values = make_record(s.arena, t, 3);
        Str odd = str_from(texts[i]);
        values[XML1_GHI_CHU] = odd;
        s.see = see_odd;
        s.more = &odd;
        Buf xml;
        buf_init(&xml, 1 << 20);
        claim_write_table(&xml, t, values, 1);
        (void)sink_read(&s, with_xml1(s.arena, buf_str(&xml)));
        assert_int_equal(s.n_claims, 1);
        buf_release(&xml);
        sink_release(&s);
    }
}

static void see_many(Sink *s, const Claim *c) {
    (void)s;
    assert_int_equal(claim_part(c, 3)->n_records, 10000);
}

static void ten_thousand_records_are_read(void **state) {
    (void)state;
    Sink s = sink_new();
    Buf b;
    buf_init(&b, 256 << 20);
    s.see = see_many;
    make_envelope(&b, s.arena, 5, 10000);
    (void)sink_read(&s, buf_str(&b));
    assert_int_equal(s.n_claims, 1);
    buf_release(&b);
    sink_release(&s);
}

static void all_tables_carry_the_same_key(void **state) {
    (void)state;
    Sink s = sink_new();
    Buf b;
    buf_init(&b, 1 << 20);
    const ClaimTable *t2 = claim_table(2);
    Str *row = make_record(s.arena, t2, 1);
    row[XML2_MA_LK] = STR("OTHER");
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 1);
    claim_write_hoso_open(&b);
    make_file(&b, claim_table(1), make_record(s.arena, claim_table(1), 1), 1);
    make_file(&b, t2, row, 1);
    make_file(&b, t2, row, 1);
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    (void)sink_read(&s, buf_str(&b));
    assert_str(buf_str(&s.log),
               STR("refused 1 MALK-1\n"
                   "  error claim-ma-lk table=XML2 field=MA_LK record=1 line=1\n"
                   "  error table-twice table=XML2 field= record=0 line=0\n"
                   "  error claim-ma-lk table=XML2 field=MA_LK record=1 line=1\n"));
    buf_release(&b);
    sink_release(&s);
}

/* Certificates are kept whole: what is wrong in their fields does not refuse the claim. */
static void certificates_only_warn(void **state) {
    (void)state;
    Sink s = sink_new();
    Buf b;
    buf_init(&b, 1 << 20);
    const ClaimTable *t7 = claim_table(7);
    Str *row = make_record(s.arena, t7, 1);
    row[XML7_NGAY_CT] = STR("soon");
    row[XML7_SO_LUU_TRU] = STR_EMPTY;
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 1);
    claim_write_hoso_open(&b);
    make_file(&b, claim_table(1), make_record(s.arena, claim_table(1), 1), 1);
    make_file(&b, t7, row, 1);
    make_file(&b, t7, row, 1); /* one for each newborn */
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    ClaimReadSummary sum = sink_read(&s, buf_str(&b));
    assert_int_equal(sum.n_claims, 1);
    assert_int_equal(sum.n_warnings, 4);
    buf_release(&b);
    sink_release(&s);
}

static void names_of_the_new_release_are_read(void **state) {
    (void)state;
    Sink s = sink_new();
    const ClaimTable *t = claim_table(13);
    Buf xml;
    buf_init(&xml, 1 << 20);
    Str *values = make_record(s.arena, t, 4);
    claim_write_table_as(&xml, t, values, 1, CLAIM_RELEASE_3176);
    assert_int_not_equal(str_find(buf_str(&xml), STR("<TINH_TRANG_CT>")), SIZE_MAX);
    assert_int_not_equal(str_find(buf_str(&xml), STR("<TEN_THUOC>")), SIZE_MAX); /* nothing lost */
    values[XML13_TEN_THUOC] = STR_EMPTY; /* dropped by this release, and nothing in it */
    buf_clear(&xml);
    claim_write_table_as(&xml, t, values, 1, CLAIM_RELEASE_3176);
    assert_int_equal(str_find(buf_str(&xml), STR("<TEN_THUOC>")), SIZE_MAX);
    Buf b;
    buf_init(&b, 1 << 20);
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 1);
    claim_write_hoso_open(&b);
    make_file(&b, claim_table(1), make_record(s.arena, claim_table(1), 1), 1);
    claim_write_hoso_file(&b, t, buf_str(&xml));
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    (void)sink_read(&s, buf_str(&b));
    assert_str(buf_str(&s.log), STR("claim 1 MALK-1\n"));
    buf_release(&xml);
    buf_release(&b);
    sink_release(&s);
}

/* A hundred thousand HOSO: one after the other, with no memory kept from one to the next; behind so
 * many refused ones the rest is one piece. */
static ErrCode count_memory(void *ctx, const ClaimRefused *refused) {
    size_t *most = ctx;
    (void)refused;
    *most = MAX(*most, mallinfo2().uordblks);
    return ERR_OK;
}

static ErrCode never(void *ctx, const Claim *claim) {
    (void)ctx;
    (void)claim;
    fail();
    return ERR_OK;
}

static void memory_does_not_grow_with_the_number_of_claims(void **state) {
    (void)state;
    Buf b;
    buf_init(&b, 64 << 20);
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 100000);
    for (int i = 0; i < 100000; i++) {
        buf_put_lit(&b,
                    "<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>PEE+PC9BPg==</NOIDUNG"
                    "FILE></FILEHOSO></HOSO>");
    }
    claim_write_envelope_close(&b);
    size_t before = mallinfo2().uordblks;
    size_t most = 0;
    ClaimReadOptions o = {.ctx = &most, .on_claim = never, .on_refused = count_memory};
    ClaimReadSummary sum;
    assert_ok(claim_read(buf_str(&b), &o, &sum));
    assert_int_equal(sum.n_refused, LIMIT_CLAIM_REFUSED + 1);
    assert_int_equal(sum.n_hoso, LIMIT_CLAIM_REFUSED);
    assert_true(most == 0 ||
                most - before < (1 << 20)); /* 0: the sanitizer's malloc counts nothing */
    buf_release(&b);
}

static ErrCode see_ceiling(void *ctx, const ClaimRefused *refused) {
    (void)ctx;
    assert_int_equal(refused->n_issues, LIMIT_CLAIM_ISSUES);
    assert_int_equal(refused->n_issues + refused->more.errors, 1000);
    assert_int_equal(refused->more.warnings, 0);
    return ERR_OK;
}

static void issues_beyond_the_ceiling_are_counted(void **state) {
    (void)state;
    Sink s = sink_new();
    const ClaimTable *t = claim_table(5);
    Str *rows = arena_new_array(s.arena, Str, 1000 * (size_t)t->n_fields);
    for (size_t r = 0; r < 1000; r++) {
        Str *row = make_record(s.arena, t, (unsigned)r);
        row[XML5_DIEN_BIEN_LS] = STR_EMPTY;
        memcpy(rows + r * (size_t)t->n_fields, row, (size_t)t->n_fields * sizeof(Str));
    }
    Buf b;
    buf_init(&b, 64 << 20);
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 1);
    claim_write_hoso_open(&b);
    make_file(&b, claim_table(1), make_record(s.arena, claim_table(1), 1), 1);
    make_file(&b, t, rows, 1000);
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    ClaimReadOptions o = {.on_claim = never, .on_refused = see_ceiling};
    ClaimReadSummary sum;
    assert_ok(claim_read(buf_str(&b), &o, &sum));
    assert_int_equal(sum.n_errors, 1000);
    buf_release(&b);
    sink_release(&s);
}

/* A small file whose tables take more memory than one claim may: it is refused under its own key,
 * and the next claim is read as if nothing had been. */
static void a_claim_beyond_its_memory_is_refused(void **state) {
    (void)state;
    Sink s = sink_new();
    const ClaimTable *t = claim_table(2);
    Buf xml;
    Buf b;
    buf_init(&xml, 64 << 20);
    buf_init(&b, 64 << 20);
    buf_printf(&xml, "<" STR_FMT "><" STR_FMT ">", STR_ARG(t->root), STR_ARG(t->list));
    for (int i = 0; i < LIMIT_CLAIM_RECORDS; i++) {
        buf_printf(&xml, "<" STR_FMT "/>", STR_ARG(t->record));
    }
    buf_printf(&xml, "</" STR_FMT "></" STR_FMT ">", STR_ARG(t->list), STR_ARG(t->root));
    claim_write_envelope_open(&b, STR("46001"), STR("20261120"), 2);
    for (int hoso = 0; hoso < 2; hoso++) {
        claim_write_hoso_open(&b);
        make_file(&b, claim_table(1), make_record(s.arena, claim_table(1), 1), 1);
        for (int i = 0; hoso == 0 && i < 12; i++) {
            claim_write_hoso_file(&b, t, buf_str(&xml));
        }
        claim_write_hoso_close(&b);
    }
    claim_write_envelope_close(&b);
    assert_ok(buf_ok(&b));
    (void)sink_read(&s, buf_str(&b));
    assert_str(buf_str(&s.log), STR("refused 1 MALK-1\n"
                                    "  error claim-large table= field= record=0 line=0\n"
                                    "claim 2 MALK-1\n"));
    buf_release(&xml);
    buf_release(&b);
    sink_release(&s);
}

static ErrCode say_full(void *ctx, const Claim *c) {
    (void)c;
    ++*(int *)ctx;
    return ERR_FULL;
}

static void a_callbacks_error_stops_the_reading(void **state) {
    (void)state;
    Arena *a = arena_new(8 << 20);
    int calls = 0;
    ClaimReadOptions o = {.on_claim = say_full, .ctx = &calls};
    assert_int_equal(claim_read(read_file(a, ENVELOPE), &o, NULL), ERR_FULL);
    assert_int_equal(calls, 1);
    arena_free(a);
}

static void every_rule_says_what_to_do_in_both_languages(void **state) {
    (void)state;
    for (int i = 0; i < CLAIM_RULE_COUNT; i++) {
        Str en = claim_rule_text((ClaimRule)i, false);
        Str vi = claim_rule_text((ClaimRule)i, true);
        assert_true(en.len > 20 && vi.len > 20 && !str_eq(en, vi));
        assert_int_equal(str_find(en, STR("{}")) == SIZE_MAX, str_find(vi, STR("{}")) == SIZE_MAX);
        for (int k = 0; k < i; k++) {
            assert_false(str_eq(claim_rule_id((ClaimRule)i), claim_rule_id((ClaimRule)k)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_envelope_is_read),
        cmocka_unit_test(the_sample_check_in_is_read),
        cmocka_unit_test(an_inner_table_alone_is_refused_with_its_name),
        cmocka_unit_test(one_bad_claim_does_not_stop_the_file),
        cmocka_unit_test(a_refused_claim_can_be_wrapped_and_read_again),
        cmocka_unit_test(broken_outer_xml_keeps_what_came_before),
        cmocka_unit_test(each_broken_field_is_named_with_its_place),
        cmocka_unit_test(what_the_field_tables_allow_passes),
        cmocka_unit_test(each_broken_envelope_is_named_with_its_place),
        cmocka_unit_test(faults_are_said_with_their_place_in_both_languages),
        cmocka_unit_test(the_kind_may_stand_behind_the_content),
        cmocka_unit_test(writing_what_was_read_gives_the_same_file),
        cmocka_unit_test(odd_text_comes_back_as_it_was),
        cmocka_unit_test(ten_thousand_records_are_read),
        cmocka_unit_test(all_tables_carry_the_same_key),
        cmocka_unit_test(certificates_only_warn),
        cmocka_unit_test(names_of_the_new_release_are_read),
        cmocka_unit_test(memory_does_not_grow_with_the_number_of_claims),
        cmocka_unit_test(issues_beyond_the_ceiling_are_counted),
        cmocka_unit_test(a_claim_beyond_its_memory_is_refused),
        cmocka_unit_test(a_callbacks_error_stops_the_reading),
        cmocka_unit_test(every_rule_says_what_to_do_in_both_languages),
    };
    return cmocka_run_group_tests_name("interop/claim_read", tests, NULL, NULL);
}
