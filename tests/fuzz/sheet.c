/* Tables of any form. The first byte chooses: the bytes as they are, or as the sheet, the shared
 * strings or the styles of an XLSX that is otherwise whole (a fuzzer cannot deflate). What is read
 * and written again as CSV and XLSX is read as the same. */
#include "core/limits.h"
#include "core/sheet.h"
#include "core/sheet_write.h"
#include "core/zipfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REL(id, type, target) "<Relationship Id='" id "' Type='/" type "' Target='" target "'/>"
static const char *const PARTS[][2] = {
    {"_rels/.rels", "<Relationships>" REL("a", "officeDocument", "b.xml") "</Relationships>"},
    {"b.xml", "<workbook><sheets><sheet name='s' id='r1'/></sheets></workbook>"},
    {"_rels/b.xml.rels",
     "<Relationships>" REL("r1", "worksheet", "s.xml") REL("r2", "sharedStrings", "t.xml")
         REL("r3", "styles", "y.xml") "</Relationships>"},
    {"s.xml", "<worksheet><sheetData><row><c t='s' s='1'><v>0</v></c><c s='1'><v>46296</v></c>"
              "</row></sheetData></worksheet>"},
    {"t.xml", "<sst><si><t>x</t></si></sst>"},
    {"y.xml", "<styleSheet><cellXfs><xf/><xf numFmtId='14'/></cellXfs></styleSheet>"},
};

static void pack(size_t replaced, Str with, Buf *out) {
    Zipfile *z = NULL;
    if (zipfile_new(sheet_put_to_buf, out, &z) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        zipfile_entry(z, str_from(PARTS[i][0]));
        zipfile_put(z, i == replaced ? with : str_from(PARTS[i][1]));
    }
    (void)!zipfile_finish(z);
    zipfile_free(z);
}

/* Reads all rows; writes them with w, and makes a digest-like sum of the cells that w keeps
 * (carriage returns are line ends to XML). False: not all could be read. */
static bool copy(Str bytes, SheetWriter *w, uint64_t *sum) {
    CLEANUP_SHEET Sheet *sheet = NULL;
    SheetRow row;
    ErrInfo info = {0};
    *sum = 0;
    if (sheet_open(bytes, NULL, &sheet, &info) != ERR_OK) {
        return false;
    }
    while (sheet_next(sheet, &row)) {
        for (size_t i = 0; i < row.n_cells; i++) {
            Str cell = row.cells[i];
            for (size_t k = 0; k < cell.len; k++) {
                *sum = *sum * 31 + (unsigned char)cell.ptr[k] + i;
            }
            if (w != NULL) {
                sheet_text(w, cell);
            }
        }
        if (w != NULL) {
            sheet_row_end(w);
        }
    }
    return sheet_ok(sheet, &info) == ERR_OK;
}

/* What we write ourselves is read as what was written. */
static void again(Str bytes, SheetKind kind) {
    Buf out;
    buf_init(&out, 64 * LIMIT_MIB);
    SheetWriter *w = NULL;
    uint64_t before;
    uint64_t after;
    if (sheet_writer_new(&(SheetWrite){.kind = kind, .put = sheet_put_to_buf, .ctx = &out}, &w) ==
        ERR_OK) {
        sheet_title(w, STR("a,b;c")); /* so that the separator is found again */
        sheet_title(w, STR("d"));
        sheet_title(w, STR("e"));
        sheet_title(w, STR("f"));
        sheet_row_end(w);
        bool read = copy(bytes, w, &before);
        if (sheet_finish(w) == ERR_OK && read && !copy(buf_str(&out), NULL, &after)) {
            abort();
        }
        sheet_writer_free(w);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    Str rest = {(const char *)data + 1, size - 1};
    Buf b;
    buf_init(&b, 16 * LIMIT_MIB);
    if (data[0] % 4 == 0) {
        buf_put_str(&b, rest);
    } else {
        pack(2 + data[0] % 4, rest, &b);
    }
    again(buf_str(&b), SHEET_WRITE_CSV);
    again(buf_str(&b), SHEET_WRITE_XLSX);
    buf_release(&b);
    return 0;
}
