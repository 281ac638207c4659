/* The fund's files: the first byte says whether the bytes are the names of columns or a file. What
 * must hold: a row says nothing of a column that the file was not seen to have; what is no file
 * is refused in words. */
#include "core/limits.h"
#include "settle/settle_answer.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Seen {
    const SettleAnswerRows *rows;
    size_t n;
} Seen;

static ErrCode on_row(void *ctx, const SettleAnswerRow *row) {
    Seen *seen = ctx;
    for (int i = 0; i < SETTLE_COLUMNS; i++) {
        ENSURE(row->v[i].len == 0 || seen->rows->seen[i]);
    }
    bool line = row->v[SETTLE_C_STT].len > 0 || row->v[SETTLE_C_CODE].len > 0;
    ENSURE(row->is_line == line && row->number > 0);
    seen->n++;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SettleColumns columns;
    ErrInfo info = {0};
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    if (size == 0 || arena == NULL) {
        return 0;
    }
    Str bytes = {(const char *)data + 1, size - 1};
    if (data[0] == 'c') {
        if (settle_columns_parse(bytes, &columns, &info) == ERR_OK) {
            ENSURE(columns.names[SETTLE_C_MA_LK].len <= MAX(size, (size_t)4096));
        }
        return 0;
    }
    ENSURE(settle_columns_parse(STR_EMPTY, &columns, &info) == ERR_OK);
    SettleAnswerRows rows = {.columns = &columns, .each = on_row};
    Seen seen = {.rows = &rows};
    rows.ctx = &seen;
    ErrCode err = settle_answer_read(arena, bytes, &rows, &info);
    ENSURE(err == ERR_OK || info.code != ERR_OK || err == ERR_NOMEM);
    return 0;
}
