#include "unit/test.h"

#include "core/xml_int.h"

/* Writes events as text: (name @attr=value 'text' ). */
typedef struct Trace {
    Buf out;
    XmlPlace place;
    ErrInfo *info; /* when set, the callback for <stop> fills it and returns ERR_INVALID */
    size_t stop_line;
} Trace;

static ErrCode on_open(void *ctx, Str name) {
    Trace *t = ctx;
    buf_put_char(&t->out, '(');
    buf_put_str(&t->out, name);
    if (str_eq(name, STR("stop"))) {
        t->stop_line = t->place.line;
        return err_set(t->info, ERR_INVALID, "test-rule", "stopped", "đã dừng");
    }
    return ERR_OK;
}

static ErrCode on_attr(void *ctx, Str name, Str value) {
    Trace *t = ctx;
    buf_printf(&t->out, " @" STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
    return ERR_OK;
}

static ErrCode on_text(void *ctx, Str text) {
    Trace *t = ctx;
    buf_printf(&t->out, "'" STR_FMT "'", STR_ARG(text));
    return ERR_OK;
}

static ErrCode on_close(void *ctx, Str name) {
    Trace *t = ctx;
    (void)name;
    buf_put_char(&t->out, ')');
    return ERR_OK;
}

static XmlHandler handler(Trace *t) {
    *t = (Trace){0};
    buf_init(&t->out, 1 << 20);
    return (XmlHandler){.ctx = t,
                        .open = on_open,
                        .attr = on_attr,
                        .text = on_text,
                        .close = on_close,
                        .place = &t->place};
}

static void assert_trace(const char *xml, const char *want) {
    Trace t;
    XmlHandler h = handler(&t);
    ErrInfo info = {0};
    assert_ok(xml_parse(str_from(xml), &h, &info));
    assert_str(buf_str(&t.out), str_from(want));
    buf_release(&t.out);
}

static void events_come_in_order_with_whole_texts(void **state) {
    (void)state;
    assert_trace("<a/>", "(a)");
    assert_trace("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a>\n  <b>x</b>\n  <c> </c>\n</a>\n",
                 "(a(b'x')(c' '))");
    assert_trace("<a p=\"1\" q='x &lt; y'><n:b>Kh&#225;m &amp; ch\xE1\xBB\xAF"
                 "a</n:b></a>",
                 "(a @p=1 @q=x < y(n:b'Khám & chữa'))");
    assert_trace("<a>one<![CDATA[ <two> ]]>three<!-- no --> four</a>", "(a'one <two> three four')");
    assert_trace("<a>one<b>two</b> <c/>three\n</a>", "(a'one'(b'two')(c)'three\n')");
    assert_trace("<a>1\r\n2</a>", "(a'1\n2')");
    assert_trace("\xEF\xBB\xBF<a>\xC3\xA1</a>", "(a'á')");
    assert_trace("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE1</a>", "(a'á')");
}

static void pieces_of_any_size_give_the_same(void **state) {
    (void)state;
    Str xml = STR("<r>\n <HOSO><FILEHOSO><LOAI>XML1</LOAI><NOIDUNG>PFRPTkc+Cg==</NOIDUNG>"
                  "</FILEHOSO></HOSO>\n <x>\xE1\xBB\x85&amp;\xC4\x91</x></r>");
    for (size_t step = 1; step < xml.len; step++) {
        Trace t;
        XmlHandler h = handler(&t);
        XmlReader *r = xml_new(&h);
        for (size_t at = 0; at < xml.len; at += step) {
            assert_ok(xml_feed(r, str_sub(xml, at, step), NULL));
        }
        assert_ok(xml_finish(r, NULL));
        assert_str(buf_str(&t.out),
                   STR("(r(HOSO(FILEHOSO(LOAI'XML1')(NOIDUNG'PFRPTkc+Cg==')))(x'ễ&đ'))"));
        xml_free(r);
        buf_release(&t.out);
    }
}

static void assert_refused(const char *xml, ErrCode code, const char *rule, const char *where) {
    Trace t;
    XmlHandler h = handler(&t);
    h.depth_max = 4;
    h.text_max_bytes = 8;
    ErrInfo info = {0};
    assert_int_equal(xml_parse(str_from(xml), &h, &info), code);
    assert_int_equal(info.code, code);
    assert_string_equal(info.rule, rule);
    assert_string_equal(info.where, where);
    assert_true(info.what_en[0] != '\0' && info.what_vi[0] != '\0');
    buf_release(&t.out);
}

static void bad_documents_are_refused_with_their_place(void **state) {
    (void)state;
    assert_refused("<a>\n  <b></a>", ERR_SYNTAX, "xml-syntax", "line 2 column 8");
    assert_refused("", ERR_SYNTAX, "xml-syntax", "line 1 column 1");
    assert_refused("<a>", ERR_SYNTAX, "xml-syntax", "line 1 column 4");
    assert_refused("<a/>\n<b/>", ERR_SYNTAX, "xml-syntax", "line 2 column 1");
    assert_refused("<a>&unknown;</a>", ERR_SYNTAX, "xml-syntax", "line 1 column 4");
    assert_refused("<a>\xFF</a>", ERR_SYNTAX, "xml-syntax", "line 1 column 4");
    assert_refused("<a><b><c><d><e/></d></c></b></a>", ERR_LIMIT, "xml-depth", "line 1 column 13");
    assert_refused("<a>123456789</a>", ERR_LIMIT, "xml-text", "line 1 column 4");
}

/* A Vietnamese reader gets the parser's words in Vietnamese; English ones have no letter beyond
 * ASCII, so every fault that a document can have must show one. */
static void faults_are_said_in_vietnamese(void **state) {
    (void)state;
    static const char *const documents[] = {
        "",
        "<a>",
        "<a",
        "<a></b>",
        "<a/><b/>",
        "<a>&b;</a>",
        "<a>\xC3",
        "<a>\xFF</a>",
        "<a b='1' b='2'/>",
        "<a>&#1;</a>",
        "<a/> x",
        "<a><?xml version='1.0'?></a>",
        "<a><![CDATA[x</a>",
        "<?xml version='1.0' encoding='nine'?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml version='1.0' encoding='utf-16'?><a/>",
    };
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        ErrInfo info = {0};
        assert_int_equal(xml_parse(str_from(documents[i]), &(XmlHandler){0}, &info), ERR_SYNTAX);
        assert_non_null(strstr(info.what_en, "not well-formed XML: "));
        const char *words = strstr(info.what_vi, "XML không đúng cú pháp: ");
        assert_non_null(words);
        words += strlen("XML không đúng cú pháp: ");
        assert_null(strstr(words, strstr(info.what_en, ": ") + 2));
        bool vietnamese = false;
        for (const char *c = words; *c != '\0'; c++) {
            vietnamese = vietnamese || ((unsigned char)*c & 0x80) != 0;
        }
        if (!vietnamese || strcmp(words, "sai quy tắc của XML") == 0) {
            print_error("<%s>: %s | %s\n", documents[i], info.what_en, info.what_vi);
            fail();
        }
    }
}

/* Entity bombs and files from outside are out with the DOCTYPE that would have to define them. */
static void doctypes_are_refused(void **state) {
    (void)state;
    static const char *const documents[] = {
        "<!DOCTYPE a>\n<a/>", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a PUBLIC 'x' 'http://example.org/x.dtd'><a/>"};
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        Trace t;
        XmlHandler h = handler(&t);
        ErrInfo info = {0};
        assert_int_equal(xml_parse(str_from(documents[i]), &h, &info), ERR_SYNTAX);
        assert_string_equal(info.rule, "xml-doctype");
        assert_int_equal(t.out.len, 0); /* no element was reported */
        buf_release(&t.out);
    }
}

static void a_callback_can_stop_the_reader(void **state) {
    (void)state;
    Trace t;
    XmlHandler h = handler(&t);
    ErrInfo info = {0};
    t.info = &info;
    Str xml = STR("<a>\n<stop><b/></stop></a>");
    XmlReader *r = xml_new(&h);
    assert_int_equal(xml_feed(r, xml, &info), ERR_INVALID);
    assert_string_equal(info.rule, "test-rule");
    assert_string_equal(info.what_en, "stopped");
    assert_string_equal(info.where, "line 2 column 1");
    assert_int_equal(t.stop_line, 2);
    assert_str(buf_str(&t.out), STR("(a(stop")); /* nothing behind the stop */
    assert_int_equal(xml_feed(r, STR("<more/>"), NULL), ERR_INVALID);
    assert_int_equal(xml_finish(r, NULL), ERR_INVALID);
    assert_str(buf_str(&t.out), STR("(a(stop"));
    xml_free(r);
    buf_release(&t.out);
}

static XmlFast fast(const char *xml) {
    Trace t;
    XmlFast outcome;
    XmlHandler h = handler(&t);
    h.depth_max = 4;
    h.text_max_bytes = 20;
    xml_fast(str_from(xml), &h, &outcome);
    buf_release(&t.out);
    return outcome;
}

/* What it takes and what it leaves to expat; that both agree is for tests/fuzz/xml.c. */
static void the_fast_reader_takes_claim_tables(void **state) {
    (void)state;
    static const char *const taken[] = {
        "<a/>",
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a>\r\n <b>x</b>\r\n</a>\r\n",
        "<a><b>Khám &amp; ch&#7919;a</b><c><![CDATA[<x> & [y]]]></c><d/></a>",
        "<a p=\"1\" q='\"2\"'>[x]\r\ny</a >",
    };
    static const char *const left[] = {
        "",
        "<a>",
        "<a/><b/>",
        "<a></b>",
        "<a>]]></a>",
        "<a><!-- --></a>",
        "<!DOCTYPE a><a/>",
        "<a p='1' p='2'/>",
        "<a p='&lt;'/>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>\x01</a>",
        "<a>\xFF</a>",
        "<a>\xEF\xBF\xBF</a>",
        "<a>x\ry</a>",
        "<đ/>",
        "<a><b><c><d><e/></d></c></b></a>",
        "<a>123456789012345678901</a>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
    };
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        assert_int_equal(fast(taken[i]).result, XML_FAST_DONE);
    }
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        assert_int_equal(fast(left[i]).result, XML_FAST_GAVE_UP);
    }
    XmlFast stopped = fast("<a>\nễ<stop/></a>");
    assert_int_equal(stopped.result, XML_FAST_STOPPED);
    assert_int_equal(stopped.err, ERR_INVALID);
    assert_true(stopped.place.line == 2 && stopped.place.column == 2 && stopped.place.offset == 7);
}

/* What was handed over before the fast reader gave up does not come a second time. */
static void giving_up_repeats_nothing(void **state) {
    (void)state;
    assert_trace("<a>one<b p='1'>two</b><!-- no -->three<c/></a>",
                 "(a'one'(b @p=1'two')'three'(c))");
    assert_trace("<a>one<b/><đ>x</đ></a>", "(a'one'(b)(đ'x'))");
    assert_trace("<a p='1' q='2'><b q='&lt;'/></a>", "(a @p=1 @q=2(b @q=<))");
}

static void large_texts_come_whole(void **state) {
    (void)state;
    Buf xml;
    buf_init(&xml, 4 << 20);
    buf_put_lit(&xml, "<a><b>");
    for (int i = 0; i < 100000; i++) {
        buf_put_lit(&xml, "PFRPTkc+Cg==PFRP\n");
    }
    buf_put_lit(&xml, "</b></a>");
    Trace t;
    XmlHandler h = handler(&t);
    buf_init(&t.out, 4 << 20);
    assert_ok(xml_parse(buf_str(&xml), &h, NULL));
    assert_int_equal(t.out.len, 1700000 + sizeof("(a(b''))") - 1);
    buf_release(&t.out);
    buf_release(&xml);
}

static void escaped_text_reads_back(void **state) {
    (void)state;
    Buf xml;
    buf_init(&xml, 1000);
    buf_put_lit(&xml, "<a b=\"");
    xml_put_text(&xml, STR("<&>\"' \r á"));
    buf_put_lit(&xml, "\">");
    xml_put_text(&xml, STR("<&>\"'\r\n\tá\x01\xEF\xBF\xBF\xEF\xBF\xBC"));
    buf_put_lit(&xml, "</a>");
    assert_trace(buf_cstr(&xml), "(a @b=<&>\"' \r á'<&>\"'\r\n\tá\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBC')");
    buf_release(&xml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_with_whole_texts),
        cmocka_unit_test(pieces_of_any_size_give_the_same),
        cmocka_unit_test(bad_documents_are_refused_with_their_place),
        cmocka_unit_test(faults_are_said_in_vietnamese),
        cmocka_unit_test(doctypes_are_refused),
        cmocka_unit_test(a_callback_can_stop_the_reader),
        cmocka_unit_test(the_fast_reader_takes_claim_tables),
        cmocka_unit_test(giving_up_repeats_nothing),
        cmocka_unit_test(large_texts_come_whole),
        cmocka_unit_test(escaped_text_reads_back),
    };
    return cmocka_run_group_tests_name("core/xml", tests, NULL, NULL);
}
