/* Rows as JSON and CSV. */
#include "sqlview/sqlview_int.h"

static void put_value(JsonWriter *w, const FpathItem *item) {
    if (!fpath_item_put_json(w, item)) {
        json_put_null(w);
    }
}

void sqlview_put_cell(JsonWriter *w, const SqlColumn *column, const SqlCell *cell) {
    if (column->collection) {
        json_open_array(w);
        for (size_t i = 0; i < cell->n; i++) {
            put_value(w, &cell->items[i]);
        }
        json_close_array(w);
    } else if (cell->n == 0) {
        json_put_null(w);
    } else {
        put_value(w, &cell->items[0]);
    }
}

void sqlview_put_object(Buf *out, const SqlView *view, const SqlCell *cells) {
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    for (size_t i = 0; i < view->n_columns; i++) {
        json_put_name(&w, view->columns[i].name);
        sqlview_put_cell(&w, &view->columns[i], &cells[i]);
    }
    json_close_object(&w);
}

void sqlview_put_array(Buf *out, const SqlView *view, const SqlCell *cells) {
    JsonWriter w = json_writer(out);
    json_open_array(&w);
    for (size_t i = 0; i < view->n_columns; i++) {
        sqlview_put_cell(&w, &view->columns[i], &cells[i]);
    }
    json_close_array(&w);
}

/* ---- CSV ---- */

static void put_csv_text(Buf *out, Str text) {
    bool plain = true;
    for (size_t i = 0; i < text.len && plain; i++) {
        char ch = text.ptr[i];
        plain = ch != '"' && ch != ',' && ch != '\n' && ch != '\r';
    }
    if (plain) {
        buf_put_str(out, text);
        return;
    }
    buf_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            buf_put_char(out, '"');
        }
        buf_put_char(out, text.ptr[i]);
    }
    buf_put_char(out, '"');
}

static ErrCode put_csv_node(Buf *out, Arena *arena, const JsonNode *value) {
    if (json_is(value, JSON_STRING)) {
        put_csv_text(out, json_str(arena, value));
    } else if (!json_is(value, JSON_NULL)) {
        put_csv_text(out, json_raw(value));
    }
    return arena_failed(arena) ? ERR_NOMEM : buf_ok(out);
}

ErrCode sqlview_kept_csv(Buf *out, Arena *arena, Str kept) {
    const JsonNode *row = NULL;
    TRY(json_parse(arena, kept, &row, NULL));
    const JsonNode *first = json_first(row);
    for (const JsonNode *n = first; n != NULL; n = json_next(row, n)) {
        if (n != first) {
            buf_put_char(out, ',');
        }
        TRY(put_csv_node(out, arena, n));
    }
    buf_put_lit(out, "\r\n");
    return buf_ok(out);
}

ErrCode sqlview_kept_object(Buf *out, Arena *arena, const SqlView *view, Str kept) {
    const JsonNode *row = NULL;
    JsonWriter w = json_writer(out);
    TRY(json_parse(arena, kept, &row, NULL));
    const JsonNode *n = json_first(row);
    json_open_object(&w);
    for (size_t i = 0; i < view->n_columns && n != NULL; i++, n = json_next(row, n)) {
        json_put_name(&w, view->columns[i].name);
        json_put_raw(&w, json_raw(n));
    }
    json_close_object(&w);
    return buf_ok(out);
}

void sqlview_put_csv_head(Buf *out, const SqlView *view) {
    for (size_t i = 0; i < view->n_columns; i++) {
        if (i > 0) {
            buf_put_char(out, ',');
        }
        put_csv_text(out, view->columns[i].name);
    }
    buf_put_lit(out, "\r\n");
}
