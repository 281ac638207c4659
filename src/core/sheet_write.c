#include "core/sheet_write.h"

#include "core/limits.h"
#include "core/decimal.h"
#include "core/sheet.h"
#include "core/time.h"
#include "core/utf8.h"
#include "core/xml.h"
#include "core/zipfile.h"

enum {
    FLUSH_BYTES = 64 * 1024,
    NAME_CHARS = 31, /* of a sheet, as Excel has it */
    EXCEL_ROWS = 1048576,
    EPOCH_SERIAL = 25569, /* 1970-01-01 */
    SCALE_MAX = 6,
    /* cellXfs of styles.xml below */
    STYLE_TEXT = 0,
    STYLE_TITLE = 1,
    STYLE_DAY = 2,
    STYLE_NUMBER = 3, /* + scale */
};

struct SheetWriter {
    SheetWrite how;
    ErrCode err;
    Buf out; /* what waits for put or the zip */
    Zipfile *zip;
    bool started;
    size_t row, column; /* of the next cell */
    unsigned frozen;
    size_t filter_columns; /* of the row that carries the filters */
    Buf names;             /* of the sheets, NUL behind each */
    size_t n_sheets;
};

ErrCode sheet_put_to_buf(void *buf, Str bytes) {
    buf_put_str(buf, bytes);
    return buf_ok(buf);
}

static void fail(SheetWriter *w, ErrCode err) {
    w->err = w->err == ERR_OK ? err : w->err;
}

ErrCode sheet_writer_new(const SheetWrite *how, SheetWriter **ret_writer) {
    SheetWriter *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->how = *how;
    w->how.separator = how->separator == 0 ? ',' : how->separator;
    buf_init(&w->out, 64 * LIMIT_MIB);
    buf_init(&w->names, LIMIT_MIB);
    if (how->kind == SHEET_WRITE_XLSX) {
        ErrCode err = zipfile_new(how->put, how->ctx, &w->zip);
        if (err != ERR_OK) {
            sheet_writer_free(w);
            return err;
        }
    }
    *ret_writer = w;
    return ERR_OK;
}

void sheet_writer_free(SheetWriter *w) {
    if (w != NULL) {
        zipfile_free(w->zip);
        buf_release(&w->out);
        buf_release(&w->names);
        free(w);
    }
}

static void flush(SheetWriter *w) {
    fail(w, buf_ok(&w->out));
    if (w->err == ERR_OK && w->out.len > 0) {
        if (w->zip != NULL) {
            zipfile_put(w->zip, buf_str(&w->out));
        } else {
            fail(w, w->how.put(w->how.ctx, buf_str(&w->out)));
        }
    }
    buf_clear(&w->out);
}

/* ---- sheets */

/* Without what Excel forbids in a sheet's name, and not too long. */
static void put_name(Buf *out, Str name) {
    size_t chars = 0;
    size_t i = 0;
    for (size_t len = 0; i < name.len && chars < NAME_CHARS; i += len, chars++) {
        uint32_t cp;
        len = utf8_decode(name, i, &cp);
        if (len == 0) {
            len = 1;
            cp = '-';
        }
        bool bad = cp < 0x20 || (cp < 0x80 && strchr("[]:*?/\\'", (int)cp) != NULL);
        utf8_put(out, bad ? '-' : cp);
    }
    if (chars == 0) {
        buf_put_lit(out, "1");
    }
}

static void put_view(SheetWriter *w, const SheetStart *start) {
    Buf *o = &w->out;
    buf_put_lit(o, "<sheetViews><sheetView workbookViewId=\"0\"");
    if (w->n_sheets == 1) {
        buf_put_lit(o, " tabSelected=\"1\"");
    }
    buf_put_lit(o, ">");
    if (start->frozen_rows > 0) {
        buf_printf(o,
                   "<pane ySplit=\"%u\" topLeftCell=\"A%u\" activePane=\"bottomLeft\" "
                   "state=\"frozen\"/>",
                   start->frozen_rows, start->frozen_rows + 1);
    }
    buf_put_lit(o, "</sheetView></sheetViews>");
    if (start->n_widths > 0) {
        buf_put_lit(o, "<cols>");
        for (size_t i = 0; i < start->n_widths; i++) {
            buf_printf(o, "<col min=\"%zu\" max=\"%zu\" width=\"%u\" customWidth=\"1\"/>", i + 1,
                       i + 1, MIN(MAX(start->widths[i], 1U), 255U));
        }
        buf_put_lit(o, "</cols>");
    }
    buf_put_lit(o, "<sheetData>");
}

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define MAIN_NS "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define DOC_NS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

static void end_sheet(SheetWriter *w) {
    if (w->zip == NULL || w->n_sheets == 0) {
        return;
    }
    buf_put_lit(&w->out, "</sheetData>");
    if (w->filter_columns > 0) {
        CLEANUP_BUF Buf last;
        buf_init(&last, 64);
        sheet_put_column(&last, w->filter_columns - 1);
        size_t end = MAX(w->row, (size_t)w->frozen);
        buf_printf(&w->out, "<autoFilter ref=\"A%u:%.*s%zu\"/>", w->frozen, STR_ARG(buf_str(&last)),
                   end);
    }
    buf_put_lit(&w->out, "</worksheet>");
    flush(w);
}

void sheet_start(SheetWriter *w, const SheetStart *start) {
    if (w->zip == NULL) {
        if (w->started) {
            fail(w, ERR_PARAM);
        }
        buf_put_lit(&w->out, "\xEF\xBB\xBF");
        w->started = true;
        return;
    }
    end_sheet(w);
    w->started = true;
    w->n_sheets++;
    w->row = 0;
    w->column = 0;
    w->frozen = start->frozen_rows;
    w->filter_columns = 0;
    if (w->n_sheets > LIMIT_SHEET_SHEETS) {
        fail(w, ERR_LIMIT);
    }
    put_name(&w->names, start->name);
    buf_put_char(&w->names, '\0');
    char path[64];
    int n = snprintf(path, sizeof(path), "xl/worksheets/sheet%zu.xml", w->n_sheets);
    zipfile_entry(w->zip, (Str){path, (size_t)n});
    buf_put_lit(&w->out, XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\">");
    put_view(w, start);
}

/* ---- cells */

/* Before each cell: the separator, or the row's tag. False: not to be written. */
static bool begin_cell(SheetWriter *w) {
    if (!w->started) {
        sheet_start(w, &(SheetStart){0});
    }
    if (w->column >= LIMIT_SHEET_COLUMNS || (w->zip != NULL && w->row >= EXCEL_ROWS)) {
        fail(w, ERR_LIMIT);
    }
    if (w->zip == NULL) {
        if (w->column > 0) {
            buf_put_char(&w->out, w->how.separator);
        }
    } else if (w->column == 0) {
        buf_printf(&w->out, "<row r=\"%zu\">", w->row + 1);
    }
    w->column++;
    return w->err == ERR_OK;
}

/* <c r="B7" s="3" and, behind the style, the rest of the tag. */
static void put_cell_tag(SheetWriter *w, int style, const char *rest) {
    buf_put_lit(&w->out, "<c r=\"");
    sheet_put_column(&w->out, w->column - 1);
    buf_put_u64(&w->out, w->row + 1);
    buf_put_char(&w->out, '"');
    if (style != STYLE_TEXT) {
        buf_printf(&w->out, " s=\"%d\"", style);
    }
    buf_put_str(&w->out, str_from(rest));
}

/* Would a spreadsheet take it for a formula? */
static bool is_formula(Str s) {
    size_t at = 0;
    while (at < s.len && s.ptr[at] == '\'') {
        at++;
    }
    if (at == s.len || strchr("=+-@\t\r", s.ptr[at]) == NULL) {
        return false;
    }
    Decimal number;
    return at > 0 || decimal_parse(s, &number) != ERR_OK;
}

static void put_csv_text(SheetWriter *w, Str s) {
    Buf *o = &w->out;
    bool quote = false;
    for (size_t i = 0; i < s.len && !quote; i++) {
        char c = s.ptr[i];
        quote = c == '"' || c == '\n' || c == '\r' || c == '\t' || c == w->how.separator;
    }
    quote = quote || (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[s.len - 1] == ' '));
    if (quote) {
        buf_put_char(o, '"');
    }
    if (is_formula(s)) {
        buf_put_char(o, '\'');
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"') {
            buf_put_char(o, '"');
        }
        buf_put_char(o, s.ptr[i]);
    }
    if (quote) {
        buf_put_char(o, '"');
    }
}

static void put_text(SheetWriter *w, Str s, int style) {
    if (!begin_cell(w)) {
        return;
    }
    if (w->zip == NULL) {
        put_csv_text(w, s);
    } else if (s.len > 0) {
        put_cell_tag(w, style, " t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        xml_put_text(&w->out, s);
        buf_put_lit(&w->out, "</t></is></c>");
    } else if (style != STYLE_TEXT) {
        put_cell_tag(w, style, "/>");
    }
}

void sheet_text(SheetWriter *w, Str s) {
    put_text(w, s, STYLE_TEXT);
}

void sheet_title(SheetWriter *w, Str s) {
    put_text(w, s, STYLE_TITLE);
}

void sheet_empty(SheetWriter *w) {
    (void)begin_cell(w);
}

void sheet_number(SheetWriter *w, int64_t scaled, int scale) {
    assert(scale >= 0 && scale <= SCALE_MAX);
    if (!begin_cell(w)) {
        return;
    }
    if (w->zip != NULL) {
        put_cell_tag(w, STYLE_NUMBER + scale, "><v>");
    }
    decimal_put(&w->out, decimal_from_scaled(scaled, scale), scale);
    if (w->zip != NULL) {
        buf_put_lit(&w->out, "</v></c>");
    }
}

void sheet_day(SheetWriter *w, int64_t days) {
    if (!begin_cell(w)) {
        return;
    }
    if (w->zip == NULL || days + EPOCH_SERIAL < 61) { /* Excel knows no days before */
        if (w->zip == NULL) {
            time_put_days(&w->out, days);
        } else {
            put_cell_tag(w, STYLE_TEXT, " t=\"inlineStr\"><is><t>");
            time_put_days(&w->out, days);
            buf_put_lit(&w->out, "</t></is></c>");
        }
        return;
    }
    put_cell_tag(w, STYLE_DAY, "><v>");
    buf_printf(&w->out, "%lld</v></c>", (long long)(days + EPOCH_SERIAL));
}

void sheet_row_end(SheetWriter *w) {
    if (!w->started) {
        sheet_start(w, &(SheetStart){0});
    }
    if (w->zip == NULL) {
        buf_put_lit(&w->out, "\r\n");
    } else if (w->column > 0) {
        buf_put_lit(&w->out, "</row>");
    }
    w->row++;
    if (w->frozen > 0 && w->row == w->frozen) {
        w->filter_columns = w->column;
    }
    w->column = 0;
    if (w->out.len >= FLUSH_BYTES) {
        flush(w);
    }
}

/* ---- the end of an XLSX */

static void put_part(SheetWriter *w, const char *name) {
    flush(w);
    zipfile_entry(w->zip, str_from(name));
    buf_put_lit(&w->out, XML_HEAD);
}

/* Fonts, fills and borders at their least; cellXfs as the STYLE_ numbers say. */
static void put_styles(SheetWriter *w) {
    Buf *o = &w->out;
    put_part(w, "xl/styles.xml");
    buf_put_lit(o, "<styleSheet xmlns=\"" MAIN_NS "\"><numFmts count=\"7\">"
                   "<numFmt numFmtId=\"164\" formatCode=\"dd/mm/yyyy\"/>");
    for (int scale = 1; scale <= SCALE_MAX; scale++) {
        buf_printf(o, "<numFmt numFmtId=\"%d\" formatCode=\"#,##0.%.*s\"/>", 164 + scale, scale,
                   "000000");
    }
    buf_put_lit(o,
                "</numFmts><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>"
                "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
                "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
                "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
                "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border>"
                "</borders><cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" "
                "borderId=\"0\"/></cellStyleXfs><cellXfs count=\"10\">"
                "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
                "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "
                "applyFont=\"1\" applyAlignment=\"1\"><alignment vertical=\"top\" "
                "wrapText=\"1\"/></xf>");
    for (int i = 0; i <= 1 + SCALE_MAX; i++) { /* the day, whole numbers (built in: 3), decimals */
        buf_printf(o,
                   "<xf numFmtId=\"%d\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "
                   "applyNumberFormat=\"1\"/>",
                   i == 0   ? 164
                   : i == 1 ? 3
                            : 163 + i);
    }
    buf_put_lit(o, "</cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" "
                   "builtinId=\"0\"/></cellStyles></styleSheet>");
}

static void put_workbook(SheetWriter *w) {
    Buf *o = &w->out;
    put_part(w, "xl/workbook.xml");
    buf_put_lit(o, "<workbook xmlns=\"" MAIN_NS "\" xmlns:r=\"" DOC_NS "\"><sheets>");
    Str names = buf_str(&w->names);
    Str name;
    for (size_t i = 1; i <= w->n_sheets && str_cut(&names, '\0', &name); i++) {
        buf_put_lit(o, "<sheet name=\"");
        xml_put_text(o, name);
        buf_printf(o, "\" sheetId=\"%zu\" r:id=\"rId%zu\"/>", i, i);
    }
    buf_put_lit(o, "</sheets></workbook>");
    put_part(w, "xl/_rels/workbook.xml.rels");
    buf_put_lit(o, "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/"
                   "relationships\">");
    for (size_t i = 1; i <= w->n_sheets; i++) {
        buf_printf(o,
                   "<Relationship Id=\"rId%zu\" Type=\"" DOC_NS "/worksheet\" "
                   "Target=\"worksheets/sheet%zu.xml\"/>",
                   i, i);
    }
    buf_put_lit(o, "<Relationship Id=\"rIdS\" Type=\"" DOC_NS "/styles\" Target=\"styles.xml\"/>"
                   "</Relationships>");
}

static void put_package(SheetWriter *w) {
    Buf *o = &w->out;
    put_part(w, "_rels/.rels");
    buf_put_lit(o, "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/"
                   "relationships\"><Relationship Id=\"rId1\" Type=\"" DOC_NS
                   "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>");
    put_part(w, "[Content_Types].xml");
    buf_put_lit(o, "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
                   "<Default Extension=\"rels\" ContentType=\"application/"
                   "vnd.openxmlformats-package.relationships+xml\"/>"
                   "<Default Extension=\"xml\" ContentType=\"application/xml\"/>"
                   "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/"
                   "vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>"
                   "<Override PartName=\"/xl/styles.xml\" ContentType=\"application/"
                   "vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>");
    for (size_t i = 1; i <= w->n_sheets; i++) {
        buf_printf(o,
                   "<Override PartName=\"/xl/worksheets/sheet%zu.xml\" ContentType=\"application/"
                   "vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
                   i);
    }
    buf_put_lit(o, "</Types>");
    flush(w);
}

ErrCode sheet_finish(SheetWriter *w) {
    if (!w->started) {
        sheet_start(w, &(SheetStart){0});
    }
    assert(w->column == 0 || w->err != ERR_OK);
    if (w->zip == NULL) {
        flush(w);
        return w->err;
    }
    end_sheet(w);
    put_styles(w);
    put_workbook(w);
    put_package(w);
    fail(w, buf_ok(&w->names));
    ErrCode err = zipfile_finish(w->zip);
    fail(w, err);
    return w->err;
}
