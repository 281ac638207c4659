/* Tables from CSV, tab-separated text and XLSX, and written again. */
#include "../test.h"

#include "core/limits.h"
#include "core/sheet.h"
#include "core/sheet_write.h"
#include "core/zipfile.h"

/* All rows as text: number, then the cells, "1:a|b\n". */
static void show_rows(Sheet *sheet, Buf *out) {
    SheetRow row;
    while (sheet_next(sheet, &row)) {
        buf_printf(out, "%zu:", row.number);
        for (size_t i = 0; i < row.n_cells; i++) {
            buf_printf(out, "%s" STR_FMT, i == 0 ? "" : "|", STR_ARG(row.cells[i]));
        }
        buf_put_char(out, '\n');
    }
}

static void check_with(Str bytes, const SheetOptions *options, const char *want) {
    CLEANUP_BUF Buf out;
    CLEANUP_SHEET Sheet *sheet = NULL;
    ErrInfo info = {0};
    buf_init(&out, 16 * LIMIT_MIB);
    /* memory of exactly its size, so that the sanitizer sees a read behind it */
    CLEANUP_FREE char *copy = malloc(bytes.len + (bytes.len == 0));
    memcpy(copy, bytes.ptr, bytes.len);
    assert_ok(sheet_open((Str){copy, bytes.len}, options, &sheet, &info));
    show_rows(sheet, &out);
    assert_ok(sheet_ok(sheet, &info));
    assert_str(buf_str(&out), str_from(want));
}

static void check(Str bytes, const char *want) {
    check_with(bytes, NULL, want);
}

/* The rule of the error that opening or reading ends with. */
static void check_fails(Str bytes, ErrCode code, const char *rule) {
    CLEANUP_SHEET Sheet *sheet = NULL;
    ErrInfo info = {0};
    ErrCode err = sheet_open(bytes, NULL, &sheet, &info);
    SheetRow row;
    while (err == ERR_OK && sheet_next(sheet, &row)) {
    }
    err = err == ERR_OK ? sheet_ok(sheet, &info) : err;
    assert_int_equal(err, code);
    assert_string_equal(info.rule, rule);
    assert_true(info.what_en[0] != '\0' && info.what_vi[0] != '\0');
}

static void text_is_cut_into_cells(void **state) {
    (void)state;
    check(STR("a,b\n1,2\n"), "1:a|b\n2:1|2\n");
    check(STR("a,b\r\n1,2"), "1:a|b\n2:1|2\n");
    check(STR("a\rb"), "1:a\n2:b\n");
    check(STR("\xEF\xBB\xBFm\xC3\xA3;t\xC3\xAAn\n1,5;2\n"), "1:mã|tên\n2:1,5|2\n");
    check(STR("a\tb\n\n  \n\t\nx\t\n"), "1:a|b\n5:x|\n");
    check(STR("a,b\n\"x, \"\"y\"\"\nz\",2\n3,4\n"), "1:a|b\n2:x, \"y\"\nz|2\n4:3|4\n");
    check(STR("sep=|\r\na,x|b\r\n"), "2:a,x|b\n");
    check(STR("a|b,c|d\n"), "1:a|b,c|d\n");
    check(STR("\"x\"y,2\n"), "1:xy|2\n");
    check(STR(""), "");
    check(STR("only\n"), "1:only\n");
    check(STR("a\tb\n5\" tube\t\"q\"\n\"inch\tx\n\"a \"\"b\"\"\"\tc\n"),
          "1:a|b\n2:5\" tube|q\n3:\"inch|x\n4:a \"b\"|c\n");
    check_with(STR("\"a\"\tb\n"), &(SheetOptions){.unquoted = true}, "1:\"a\"|b\n");
    check_with(STR("a;b,c\n"), &(SheetOptions){.separator = ','}, "1:a;b|c\n");
}

static void utf16_is_read(void **state) {
    (void)state;
    check(STR("\xFF\xFE"
              "a\0\t\0\xA3\x1E\n\0\x3D\xD8\x00\xDE\t\0x\0"),
          "1:a|ả\n2:😀|x\n");
    check(STR("\xFE\xFF"
              "\0a\0,\0b"),
          "1:a|b\n");
    check(STR("\xFF\xFE"
              "a\0\x00\xD8"
              "b"),
          "1:a\xEF\xBF\xBD\n");
}

static void bad_text_is_refused(void **state) {
    (void)state;
    check_fails(STR("a,b\nM\xE3,2\n"), ERR_UNSUPPORTED, "sheet-encoding");
    check_fails(STR("a,b\n\"open,2\n3,4\n"), ERR_SYNTAX, "sheet-quote");
    check_fails(STR("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and more"), ERR_UNSUPPORTED, "sheet-old");
    CLEANUP_BUF Buf b;
    buf_init(&b, 8 * LIMIT_MIB);
    for (size_t i = 0; i <= LIMIT_SHEET_COLUMNS; i++) {
        buf_put_lit(&b, "x,");
    }
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-columns");
    buf_clear(&b);
    buf_put_lit(&b, "a,b\n\"");
    for (size_t i = 0; i < 3 * LIMIT_MIB; i++) {
        buf_put_char(&b, 'x');
    }
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-row-bytes");
    b.ptr[4] = 'x';
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-row-bytes");
    buf_clear(&b);
    for (size_t i = 0; i < LIMIT_SHEET_ROWS + 2; i++) {
        buf_put_lit(&b, "x\n");
    }
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-rows");
}

/* ---- XLSX ---- */

typedef struct Part {
    const char *name, *text;
} Part;

static void pack(const Part *parts, size_t n, Buf *out) {
    Zipfile *z = NULL;
    buf_init(out, 64 * LIMIT_MIB);
    assert_ok(zipfile_new(sheet_put_to_buf, out, &z));
    for (size_t i = 0; i < n; i++) {
        zipfile_entry(z, str_from(parts[i].name));
        zipfile_put(z, str_from(parts[i].text));
    }
    assert_ok(zipfile_finish(z));
    zipfile_free(z);
}

#define REL(id, type, target)                                                                      \
    "<Relationship Id='" id "' Type='http://x/relationships/" type "' Target='" target "'/>"
static const Part RELS = {
    "_rels/.rels", "<Relationships>" REL("a", "officeDocument", "xl/book.xml") "</Relationships>"};
static const Part BOOK = {
    "xl/book.xml",
    "<x:workbook xmlns:x='u' xmlns:r='v'><x:sheets><x:sheet name='Ẩn' state='hidden' r:id='r1'/>"
    "<x:sheet name='Giá' r:id='r2'/></x:sheets></x:workbook>"};
static const Part BOOK_RELS = {
    "xl/_rels/book.xml.rels",
    "<Relationships>" REL("r1", "worksheet", "s1.xml") REL("r2", "worksheet", "/xl/s2.xml")
        REL("r3", "sharedStrings", "strings.xml") REL("r4", "styles", "st.xml") "</Relationships>"};
static const Part STRINGS = {
    "xl/strings.xml", "<sst><si><t>mã</t></si><si><r><t>Thu</t></r><r><t xml:space='preserve'>ốc "
                      "</t></r><rPh><t>no</t></rPh></si><si/></sst>"};
static const Part STYLES = {
    "xl/st.xml",
    "<styleSheet><numFmts><numFmt numFmtId='170' formatCode='00000'/>"
    "<numFmt numFmtId='171' formatCode='[$-42A]dd&quot; ngày &quot;mm'/>"
    "<numFmt numFmtId='172' formatCode='#,##0\\ &quot;đ&quot;'/></numFmts>"
    "<cellStyleXfs><xf numFmtId='14'/></cellStyleXfs>"
    "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='170'/><xf numFmtId='171'/>"
    "<xf numFmtId='172'/></cellXfs></styleSheet>"};
static const Part SHEET_1 = {"xl/s1.xml", "<worksheet><sheetData><row><c t='str'><v>hid</v></c>"
                                          "</row></sheetData></worksheet>"};

static void check_xlsx(const char *rows, const char *want) {
    CLEANUP_FREE char *text = NULL;
    assert_true(asprintf(&text,
                         "<worksheet><dimension ref='A1:XFD1048576'/><sheetData>%s</sheetData>"
                         "<t>no</t></worksheet>",
                         rows) > 0);
    Buf b;
    pack((Part[]){RELS, BOOK, BOOK_RELS, STRINGS, STYLES, SHEET_1, {"xl/s2.xml", text}}, 7, &b);
    check(buf_str(&b), want);
    check_with(buf_str(&b), &(SheetOptions){.name = STR("an")}, "1:hid\n");
    buf_release(&b);
}

static void xlsx_cells_are_what_is_seen(void **state) {
    (void)state;
    check_xlsx("<row r='3'><c r='A3' t='s'><v>0</v></c><c r='C3' t='s'><v>1</v></c></row>"
               "<row r='4'><c r='A4' s='1'/></row>"
               "<row r='7'><c r='B7' t='inlineStr'><is><t>a</t><r><t>b</t></r></is></c></row>",
               "3:mã||Thuốc \n7:|ab\n");
    check_xlsx("<row><c><v>1</v></c><c><v>0.30000000000000004</v></c><c><v>1.5E+3</v></c>"
               "<c><v>79123456789012</v></c><c><v>1E-3</v></c></row>",
               "1:1|0.3|1500|79123456789012|0.001\n");
    check_xlsx("<row><c s='1'><v>46296</v></c><c s='3'><v>46296.3125</v></c><c s='1'><v>0.5</v></c>"
               "<c s='2'><v>1234</v></c><c s='4'><v>50000</v></c><c s='1'><v>1</v></c>"
               "<c s='1'><v>59</v></c><c s='1'><v>61</v></c><c s='99'><v>7</v></c></row>",
               "1:2026-10-01|2026-10-01T07:30:00|12:00:00|01234|50000|1900-01-01|1900-02-28|"
               "1900-03-01|7\n");
    check_xlsx("<row><c t='b'><v>1</v></c><c t='e'><v>#N/A</v></c><c t='str'><f>A1&amp;B1</f>"
               "<v>x</v></c><c t='s'><v>99</v></c><c t='s'><v>2</v></c><c t='d'><v>2026-01-02</v>"
               "</c></row>",
               "1:1|#N/A|x|||2026-01-02\n");
    check_xlsx("", "");
}

static void bad_xlsx_is_refused(void **state) {
    (void)state;
    Buf b;
    pack((Part[]){{"hello.txt", "x"}}, 1, &b);
    check_fails(buf_str(&b), ERR_SYNTAX, "sheet-book");
    buf_release(&b);
    static const char FAR[] = "<worksheet><sheetData><row><c r='XFD1'><v>1</v></c></row>"
                              "</sheetData></worksheet>";
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", FAR}}, 4, &b);
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-columns");
    check_fails(str_sub(buf_str(&b), 0, b.len - 30), ERR_SYNTAX, "sheet-zip");
    buf_release(&b);
    static const char BOMB[] = "<!DOCTYPE a [<!ENTITY b 'ccc'>]><worksheet>&b;</worksheet>";
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", BOMB}}, 4, &b);
    check_fails(buf_str(&b), ERR_SYNTAX, "xml-doctype");
    buf_release(&b);
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", "<worksheet><sheetData>"}}, 4, &b);
    check_fails(buf_str(&b), ERR_SYNTAX, "xml-syntax");
    buf_release(&b);
    pack((Part[]){RELS, BOOK, BOOK_RELS, SHEET_1, {"xl/s2.xml", "<worksheet/>"}}, 5, &b);
    CLEANUP_SHEET Sheet *sheet = NULL;
    ErrInfo info = {0};
    assert_int_equal(
        sheet_open(buf_str(&b), &(SheetOptions){.name = STR("Không có")}, &sheet, &info),
        ERR_NOT_FOUND);
    assert_string_equal(info.rule, "sheet-name");
    buf_release(&b);
}

/* 60 MB of blanks in a few dozen KB, and one tag without an end. */
static void bombs_end_early(void **state) {
    (void)state;
    CLEANUP_FREE char *text = malloc(60 * LIMIT_MIB + 1);
    memset(text, ' ', 60 * LIMIT_MIB);
    text[60 * LIMIT_MIB] = '\0';
    memcpy(text, "<worksheet>", 11);
    Buf b;
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", text}}, 4, &b);
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-unpacked");
    buf_release(&b);
    uint32_t noise = 1;
    for (size_t i = 11; i < 3 * LIMIT_MIB; i++) {
        noise = noise * 1664525 + 1013904223;
        text[i] = (char)('a' + (noise >> 24) % 26);
    }
    text[3 * LIMIT_MIB] = '\0';
    memcpy(text, "<worksheet a=", 13);
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", text}}, 4, &b);
    check_fails(buf_str(&b), ERR_SYNTAX, "xml-syntax"); /* no quotation mark */
    buf_release(&b);
    memcpy(text, "<worksheet a='", 14);
    pack((Part[]){RELS, BOOK, BOOK_RELS, {"xl/s2.xml", text}}, 4, &b);
    check_fails(buf_str(&b), ERR_LIMIT, "sheet-silent");
    buf_release(&b);
}

static void headers_are_known_by_any_spelling(void **state) {
    (void)state;
    Str names = STR("MA_DICH_VU;mã dịch vụ;service code");
    assert_true(sheet_header_is(STR(" Mã  dịch-vụ (*)"), names));
    assert_true(sheet_header_is(STR("MA DICH VU"), names));
    assert_true(sheet_header_is(STR("Service_Code"), names));
    assert_false(sheet_header_is(STR("Tên dịch vụ"), names));
    assert_false(sheet_header_is(STR(""), names));
    assert_false(sheet_header_is(STR("***"), STR("***;;")));
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    static const size_t columns[] = {0, 25, 26, 701, 702, 16383};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        sheet_put_column(&b, columns[i]);
        buf_put_char(&b, ' ');
    }
    assert_str(buf_str(&b), STR("A Z AA ZZ AAA XFD "));
}

/* ---- writing ---- */

static void write_table(SheetKind kind, Buf *out) {
    CLEANUP_SHEET_WRITER SheetWriter *w = NULL;
    assert_ok(
        sheet_writer_new(&(SheetWrite){.kind = kind, .put = sheet_put_to_buf, .ctx = out}, &w));
    static const unsigned widths[] = {10, 40};
    sheet_start(w, &(SheetStart){.name = STR("Giá: [2026]/quý 'IV'"),
                                 .widths = widths,
                                 .n_widths = 2,
                                 .frozen_rows = 1});
    sheet_title(w, STR("Mã"));
    sheet_title(w, STR("Tên \"x\", y"));
    sheet_row_end(w);
    sheet_text(w, STR("=1+1"));
    sheet_text(w, STR("-5"));
    sheet_number(w, -123456, 2);
    sheet_day(w, 20727);
    sheet_empty(w);
    sheet_text(w, STR("'=x"));
    sheet_row_end(w);
    sheet_text(w, STR("@SUM(A1)"));
    sheet_text(w, STR("hai\ndòng <b>&"));
    sheet_text(w, STR(" x "));
    sheet_day(w, -40000);
    sheet_number(w, 7, 0);
    sheet_text(w, STR("-"));
    sheet_row_end(w);
    if (kind == SHEET_WRITE_XLSX) {
        sheet_start(w, &(SheetStart){.name = STR("Hai")});
        sheet_text(w, STR("z"));
        sheet_row_end(w);
    }
    assert_ok(sheet_finish(w));
}

static void what_is_written_is_read_again(void **state) {
    (void)state;
    CLEANUP_BUF Buf csv;
    CLEANUP_BUF Buf xlsx;
    buf_init(&csv, LIMIT_MIB);
    buf_init(&xlsx, LIMIT_MIB);
    write_table(SHEET_WRITE_CSV, &csv);
    assert_str(buf_str(&csv), STR("\xEF\xBB\xBFMã,\"Tên \"\"x\"\", y\"\r\n"
                                  "'=1+1,-5,-1234.56,2026-10-01,,''=x\r\n"
                                  "'@SUM(A1),\"hai\ndòng <b>&\",\" x \",1860-06-26,7,'-\r\n"));
    check(buf_str(&csv), "1:Mã|Tên \"x\", y\n"
                         "2:=1+1|-5|-1234.56|2026-10-01||'=x\n"
                         "3:@SUM(A1)|hai\ndòng <b>&| x |1860-06-26|7|-\n");
    write_table(SHEET_WRITE_XLSX, &xlsx);
    check(buf_str(&xlsx), "1:Mã|Tên \"x\", y\n"
                          "2:=1+1|-5|-1234.56|2026-10-01||'=x\n"
                          "3:@SUM(A1)|hai\ndòng <b>&| x |1860-06-26|7|-\n");
    check_with(buf_str(&xlsx), &(SheetOptions){.name = STR("hai")}, "1:z\n");
    CLEANUP_SHEET Sheet *sheet = NULL;
    const Str *names;
    assert_ok(sheet_open(buf_str(&xlsx), NULL, &sheet, NULL));
    assert_int_equal(sheet_names(sheet, &names), 2);
    assert_str(names[0], STR("Giá- -2026--quý -IV-"));
    CLEANUP_BUF Buf again;
    buf_init(&again, LIMIT_MIB);
    write_table(SHEET_WRITE_XLSX, &again);
    assert_str(buf_str(&again), buf_str(&xlsx));
    const char *keep = getenv("NHIP_SHEET_KEEP"); /* to look at it in a spreadsheet */
    FILE *f = keep == NULL ? NULL : fopen(keep, "wb");
    if (f != NULL) {
        (void)fwrite(xlsx.ptr, 1, xlsx.len, f);
        (void)fclose(f);
    }
}

static ErrCode put_counted(void *ctx, Str bytes) {
    size_t *left = ctx;
    if (bytes.len > *left) {
        return ERR_FULL;
    }
    *left -= bytes.len;
    return ERR_OK;
}

/* 200,000 rows leave piece by piece; a full disk is said at the end. */
static void many_rows_leave_piece_by_piece(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int full = 0; full < 2; full++) {
            size_t left = full ? 100000 : SIZE_MAX;
            CLEANUP_SHEET_WRITER SheetWriter *w = NULL;
            assert_ok(sheet_writer_new(
                &(SheetWrite){.kind = (SheetKind)kind, .put = put_counted, .ctx = &left}, &w));
            for (int i = 0; i < 200000; i++) {
                sheet_text(w, STR("dịch vụ"));
                sheet_number(w, i * 7919, 2);
                sheet_row_end(w);
            }
            assert_int_equal(sheet_finish(w), full ? ERR_FULL : ERR_OK);
        }
    }
}

static void writers_have_limits(void **state) {
    (void)state;
    CLEANUP_BUF Buf out;
    buf_init(&out, 8 * LIMIT_MIB);
    CLEANUP_SHEET_WRITER SheetWriter *w = NULL;
    assert_ok(sheet_writer_new(
        &(SheetWrite){.kind = SHEET_WRITE_CSV, .put = sheet_put_to_buf, .ctx = &out}, &w));
    for (size_t i = 0; i <= LIMIT_SHEET_COLUMNS; i++) {
        sheet_text(w, STR("x"));
    }
    sheet_row_end(w);
    assert_int_equal(sheet_finish(w), ERR_LIMIT);
    CLEANUP_SHEET_WRITER SheetWriter *two = NULL;
    assert_ok(sheet_writer_new(
        &(SheetWrite){.kind = SHEET_WRITE_CSV, .put = sheet_put_to_buf, .ctx = &out}, &two));
    sheet_start(two, &(SheetStart){0});
    sheet_start(two, &(SheetStart){0});
    assert_int_equal(sheet_finish(two), ERR_PARAM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_into_cells),
        cmocka_unit_test(utf16_is_read),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(xlsx_cells_are_what_is_seen),
        cmocka_unit_test(bad_xlsx_is_refused),
        cmocka_unit_test(bombs_end_early),
        cmocka_unit_test(headers_are_known_by_any_spelling),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(many_rows_leave_piece_by_piece),
        cmocka_unit_test(writers_have_limits),
    };
    return cmocka_run_group_tests_name("core/sheet", tests, NULL, NULL);
}
