#include "settle/settle_table.h"

#include "core/base64.h"
#include "core/decimal.h"
#include "core/hash.h"
#include "core/time.h"
#include "core/xml.h"

ErrCode settle_table_row(SettleTable *t, SettleCell **ret_cells) {
    if (t->n_rows == SETTLE_ROWS_MAX) {
        return ERR_LIMIT;
    }
    if (t->n_rows == t->cap_rows) {
        size_t cap = MAX((size_t)64, 2 * t->cap_rows);
        SettleCell *grown = arena_new_array(t->arena, SettleCell, cap * t->n_columns);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (t->n_rows > 0) {
            memcpy(grown, t->cells, t->n_rows * t->n_columns * sizeof(*grown));
        }
        t->cells = grown;
        t->cap_rows = cap;
    }
    *ret_cells = settle_table_at(t, t->n_rows++);
    for (size_t i = 0; i < t->n_columns; i++) {
        (*ret_cells)[i] = (SettleCell){.text = STR_EMPTY};
    }
    return ERR_OK;
}

/* ---- groups ---- */

static uint64_t key_hash(const SettleCell *c, size_t last) {
    uint64_t h = 0;
    for (size_t i = 1; i <= last; i++) {
        h = hash64_mix(hash64_seed(c[i].text, h), (uint64_t)c[i].n);
    }
    return h;
}

static bool same_key(const SettleCell *a, const SettleCell *b, size_t last) {
    for (size_t i = 1; i <= last; i++) {
        if (a[i].n != b[i].n || !str_eq(a[i].text, b[i].text)) {
            return false;
        }
    }
    return true;
}

static ErrCode grow_slots(SettleTable *t, size_t last) {
    size_t n = MAX((size_t)256, 2 * t->n_slots);
    uint32_t *slots = arena_new_array(t->arena, uint32_t, n);
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    for (size_t r = 0; r < t->n_rows; r++) {
        size_t at = key_hash(settle_table_at(t, r), last) & (n - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (n - 1);
        }
        slots[at] = (uint32_t)r + 1;
    }
    t->slots = slots;
    t->n_slots = n;
    return ERR_OK;
}

ErrCode settle_table_group(SettleTable *t, const SettleCell *key, size_t last,
                           SettleCell **ret_cells) {
    if (2 * t->n_rows >= t->n_slots) {
        TRY(grow_slots(t, last));
    }
    size_t at = key_hash(key, last) & (t->n_slots - 1);
    for (; t->slots[at] != 0; at = (at + 1) & (t->n_slots - 1)) {
        SettleCell *row = settle_table_at(t, t->slots[at] - 1);
        if (same_key(row, key, last)) {
            *ret_cells = row;
            return ERR_OK;
        }
    }
    TRY(settle_table_row(t, ret_cells));
    for (size_t i = 1; i <= last; i++) {
        (*ret_cells)[i] = (SettleCell){arena_str(t->arena, key[i].text), key[i].n};
    }
    t->slots[at] = (uint32_t)t->n_rows;
    return arena_failed(t->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- order ---- */

static int compare_keys(const void *a, const void *b, void *last) {
    const SettleCell *x = a;
    const SettleCell *y = b;
    for (size_t i = 1; i <= *(const size_t *)last; i++) {
        int c = str_cmp(x[i].text, y[i].text);
        c = c != 0 ? c : (x[i].n > y[i].n) - (x[i].n < y[i].n);
        if (c != 0) {
            return c;
        }
    }
    return 0;
}

void settle_table_sort(SettleTable *t, size_t last) {
    assert(t->n_columns > last);
    if (t->n_rows > 0) {
        qsort_r(t->cells, t->n_rows, t->n_columns * sizeof(*t->cells), compare_keys, &last);
    }
    t->slots = NULL;
    t->n_slots = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        settle_table_at(t, i)[0].n = (int64_t)i + 1;
    }
}

int64_t settle_table_total(const SettleTable *t, size_t column) {
    int64_t sum = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        settle_add(&sum, settle_table_at(t, i)[column].n);
    }
    return sum;
}

static int scale_of(SettleKind kind) {
    return kind == SETTLE_K_MONEY ? 2 : kind == SETTLE_K_QUANTITY ? 3 : 0;
}

/* Without zeros behind the point. */
static void put_number(Buf *out, int64_t n, SettleKind kind) {
    decimal_put(out, decimal_reduce(decimal_from_scaled(n, scale_of(kind))), -1);
}

static const char *title_of(const SettleColumn *c, bool vietnamese) {
    return vietnamese ? c->vi : c->en;
}

static Str text_of(const SettleTable *t, size_t row, size_t column, bool vietnamese) {
    const SettleCell *cell = &settle_table_at(t, row)[column];
    if (t->columns[column].kind != SETTLE_K_WORD) {
        return cell->text;
    }
    const SettleWord *word = &t->words[column][cell->n];
    return str_from(vietnamese ? word->vi : word->en);
}

static bool is_text(SettleKind kind) {
    return kind == SETTLE_K_TEXT || kind == SETTLE_K_WORD;
}

/* ---- JSON ---- */

static void put_scaled(JsonWriter *w, int64_t n, SettleKind kind) {
    char text[64];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    int scale = scale_of(kind);
    int64_t unit = scale == 3 ? 1000 : scale == 2 ? 100 : 1;
    if (n % unit == 0) {
        json_put_i64(w, n / unit);
        return;
    }
    put_number(&b, n, kind);
    json_put_raw(w, buf_str(&b));
}

static void put_json_cell(JsonWriter *w, const SettleColumn *c, const SettleCell *cell) {
    char text[16];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    if (is_text(c->kind)) {
        json_put_str(w, cell->text);
    } else if (c->kind == SETTLE_K_DAY && cell->n == INT64_MIN) {
        json_put_null(w);
    } else if (c->kind == SETTLE_K_DAY) {
        time_put_days(&b, cell->n);
        json_put_str(w, buf_str(&b));
    } else {
        put_scaled(w, cell->n, c->kind);
    }
}

static void put_json_head(const SettleTable *t, bool vietnamese, JsonWriter *w) {
    const Str texts[][2] = {
        {STR("report"), str_from(t->id)}, {STR("title"), str_from(vietnamese ? t->vi : t->en)},
        {STR("facility"), t->facility},   {STR("facility_name"), t->facility_name},
        {STR("month"), t->month},         {STR("scope"), t->scope}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_put_name(w, texts[i][0]);
        json_put_str(w, texts[i][1]);
    }
    json_name(w, "unread");
    json_put_i64(w, (int64_t)t->n_unread);
    json_name(w, "columns");
    json_open_array(w);
    for (size_t i = 0; i < t->n_columns; i++) {
        static const char *const kinds[] = {"text", "count", "money", "quantity", "day", "text"};
        json_open_object(w);
        json_member(w, "id", str_from(t->columns[i].id));
        json_member(w, "title", str_from(title_of(&t->columns[i], vietnamese)));
        json_member(w, "kind", str_from(kinds[t->columns[i].kind]));
        json_close_object(w);
    }
    json_close_array(w);
}

ErrCode settle_table_json(const SettleTable *t, bool vietnamese, Buf *out) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    put_json_head(t, vietnamese, &w);
    json_name(&w, "rows");
    json_open_array(&w);
    for (size_t r = 0; r < t->n_rows; r++) {
        json_open_array(&w);
        for (size_t i = 0; i < t->n_columns; i++) {
            SettleCell cell = {text_of(t, r, i, vietnamese), settle_table_at(t, r)[i].n};
            put_json_cell(&w, &t->columns[i], &cell);
        }
        json_close_array(&w);
    }
    json_close_array(&w);
    json_name(&w, "totals");
    json_open_array(&w);
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].adds) {
            put_scaled(&w, settle_table_total(t, i), t->columns[i].kind);
        } else {
            json_put_null(&w);
        }
    }
    json_close_array(&w);
    json_close_object(&w);
    return buf_ok(out);
}

/* ---- CSV, XLSX ---- */

static void put_sheet_cell(SheetWriter *w, SettleKind kind, const SettleCell *cell) {
    if (is_text(kind)) {
        sheet_text(w, cell->text);
    } else if (kind == SETTLE_K_DAY && cell->n == INT64_MIN) {
        sheet_empty(w);
    } else if (kind == SETTLE_K_DAY) {
        sheet_day(w, cell->n);
    } else {
        sheet_number(w, cell->n, scale_of(kind));
    }
}

static void put_sheet(const SettleTable *t, bool vietnamese, SheetWriter *w) {
    for (size_t i = 0; i < t->n_columns; i++) {
        sheet_title(w, str_from(title_of(&t->columns[i], vietnamese)));
    }
    sheet_row_end(w);
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t i = 0; i < t->n_columns; i++) {
            SettleCell cell = {text_of(t, r, i, vietnamese), settle_table_at(t, r)[i].n};
            put_sheet_cell(w, t->columns[i].kind, &cell);
        }
        sheet_row_end(w);
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].adds) {
            sheet_number(w, settle_table_total(t, i), scale_of(t->columns[i].kind));
        } else if (i == 1) {
            sheet_text(w, vietnamese ? STR("Cộng") : STR("Total"));
        } else {
            sheet_empty(w);
        }
    }
    sheet_row_end(w);
}

ErrCode settle_table_sheet(const SettleTable *t, bool vietnamese, SheetKind kind, Buf *out) {
    CLEANUP_SHEET_WRITER SheetWriter *w = NULL;
    SheetWrite how = {.kind = kind, .put = sheet_put_to_buf, .ctx = out};
    unsigned *widths = arena_new_array(t->arena, unsigned, t->n_columns);
    if (widths == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        widths[i] = t->columns[i].width;
    }
    TRY(sheet_writer_new(&how, &w));
    sheet_start(w, &(SheetStart){.name = str_from(vietnamese ? t->vi : t->en),
                                 .widths = widths,
                                 .n_widths = t->n_columns,
                                 .frozen_rows = 1});
    put_sheet(t, vietnamese, w);
    return sheet_finish(w);
}

/* ---- print ---- */

#define STYLE                                                                                      \
    "@page{size:A4 landscape;margin:10mm}body{font:9pt \"Be Vietnam Pro\",sans-serif}"             \
    "h1{font-size:13pt;margin:0 0 2mm}table{border-collapse:collapse;width:100%}"                  \
    "th,td{border:.2mm solid #777;padding:.6mm 1mm;vertical-align:top}"                            \
    "th{background:#eee;font-weight:600}.n{text-align:right;white-space:nowrap}"                   \
    "thead{display:table-header-group}tr{break-inside:avoid}"                                      \
    "tfoot{font-weight:600;display:table-row-group}"

ErrCode settle_table_policy(Buf *out) {
    Sha256 hash;
    sha256(STR(STYLE), &hash);
    buf_put_lit(out, "default-src 'none'; sandbox; style-src 'sha256-");
    base64_encode(out, (Str){(const char *)hash.b, sizeof(hash.b)});
    buf_put_lit(out, "'");
    return buf_ok(out);
}

/* 1.234.567,5 in Vietnamese, 1,234,567.5 in English. */
static void put_grouped(Buf *out, int64_t n, SettleKind kind, bool vietnamese) {
    char text[64];
    Buf b = {.ptr = text, .capacity = sizeof(text), .max = sizeof(text)};
    put_number(&b, n, kind);
    Str s = buf_str(&b);
    size_t begin = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t point = MIN(str_find_char(s, '.', 0), s.len);
    for (size_t i = 0; i < s.len; i++) {
        if (i > begin && i < point && (point - i) % 3 == 0) {
            buf_put_char(out, vietnamese ? '.' : ',');
        }
        buf_put_char(out, i == point ? (vietnamese ? ',' : '.') : s.ptr[i]);
    }
}

static void put_html_cell(Buf *out, const SettleColumn *c, const SettleCell *cell,
                          bool vietnamese) {
    if (is_text(c->kind)) {
        buf_put_lit(out, "<td>");
        xml_put_text(out, cell->text);
    } else if (c->kind == SETTLE_K_DAY) {
        int y = 0;
        int m = 0;
        int d = 0;
        buf_put_lit(out, "<td>");
        if (cell->n != INT64_MIN) {
            time_civil_from_days(cell->n, &y, &m, &d);
            buf_printf(out, "%02d/%02d/%04d", d, m, y);
        }
    } else {
        buf_put_lit(out, "<td class=n>");
        put_grouped(out, cell->n, c->kind, vietnamese);
    }
    buf_put_lit(out, "</td>");
}

static void put_html_head(const SettleTable *t, bool vietnamese, Buf *out) {
    const char *title = vietnamese ? t->vi : t->en;
    buf_printf(out, "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><title>%s",
               vietnamese ? "vi" : "en", title);
    buf_put_lit(out, "</title><style>" STYLE "</style></head><body><h1>");
    buf_put_str(out, str_from(title));
    buf_put_lit(out, "</h1><p>");
    xml_put_text(out, t->facility);
    if (t->facility_name.len > 0) {
        buf_put_lit(out, " – ");
        xml_put_text(out, t->facility_name);
    }
    if (t->month.len > 0) {
        buf_put_str(out, vietnamese ? STR(" · Kỳ ") : STR(" · Month "));
        xml_put_text(out, t->month);
    }
    buf_put_lit(out, "</p><table><thead><tr>");
    for (size_t i = 0; i < t->n_columns; i++) {
        buf_printf(out, "<th>%s</th>", title_of(&t->columns[i], vietnamese));
    }
    buf_put_lit(out, "</tr></thead><tbody>");
}

ErrCode settle_table_html(const SettleTable *t, bool vietnamese, Buf *out) {
    put_html_head(t, vietnamese, out);
    for (size_t r = 0; r < t->n_rows; r++) {
        buf_put_lit(out, "<tr>");
        for (size_t i = 0; i < t->n_columns; i++) {
            SettleCell cell = {text_of(t, r, i, vietnamese), settle_table_at(t, r)[i].n};
            put_html_cell(out, &t->columns[i], &cell, vietnamese);
        }
        buf_put_lit(out, "</tr>");
    }
    buf_put_lit(out, "</tbody><tfoot><tr>");
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].adds) {
            SettleCell sum = {.n = settle_table_total(t, i)};
            put_html_cell(out, &t->columns[i], &sum, vietnamese);
        } else {
            buf_put_str(out, i != 1       ? STR("<td></td>")
                             : vietnamese ? STR("<td>Cộng</td>")
                                          : STR("<td>Total</td>"));
        }
    }
    buf_put_lit(out, "</tr></tfoot></table></body></html>\n");
    return buf_ok(out);
}
