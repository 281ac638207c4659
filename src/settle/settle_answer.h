/* settle_answer.h — files in which the fund answers: assessments (visit by visit, line by line) and
 * payments, as CSV, XLSX, XML or JSON. How the fund calls its columns is a small text
 * (data/settle/answer.columns says its form). Rows of one visit become one step of it; a row that
 * cannot be taken is named and keeps nobody else. The file is kept, and a Task (code "answer",
 * identifier the file's digest) says what came of it; the same file again changes nothing.
 * Errors: ERR_SYNTAX, ERR_UNSUPPORTED, ERR_LIMIT (the file), ERR_INVALID (rule answer-columns: the
 * columns that are needed are not there), ERR_PARAM, those of the store. Threads: any. */
#ifndef NHIP_SETTLE_SETTLE_ANSWER_H
#define NHIP_SETTLE_SETTLE_ANSWER_H

#include "settle/settle.h"

#define SETTLE_ANSWER_SYSTEM SETTLE_BASE "sid/settlement-answer" /* SHA-256 of the file */
#define SETTLE_ANSWER_CODE "answer"
enum { SETTLE_ANSWER_ROWS = 500000 }; /* of one file; more are ERR_LIMIT */

/* What a file may say, in the order of SETTLE_COLUMN_NAMES. */
typedef enum SettleColumnId {
    SETTLE_C_FACILITY,
    SETTLE_C_MA_LK,
    SETTLE_C_ASKED,
    SETTLE_C_ACCEPTED,
    SETTLE_C_DENIED,
    SETTLE_C_REASON,
    SETTLE_C_TEXT,
    SETTLE_C_TABLE,
    SETTLE_C_STT,
    SETTLE_C_CODE,
    SETTLE_C_PAID,
    SETTLE_C_PAYMENT,
    SETTLE_C_DATE,
    SETTLE_COLUMNS,
} SettleColumnId;

/* The columns' names and the decimal sign; borrows the text. */
typedef struct SettleColumns {
    Str names[SETTLE_COLUMNS]; /* joined by ';', as sheet_header_is takes them */
    bool comma;                /* the decimal sign is a comma */
} SettleColumns;
/* An empty text: those that the program brings. ERR_SYNTAX with the line. */
MUST_USE ErrCode settle_columns_parse(Str text, SettleColumns *ret_columns, ErrInfo *info);

/* One row of a file, whatever its form. */
typedef struct SettleAnswerRow {
    size_t number;         /* row, line, or place in the file, from 1 */
    Str v[SETTLE_COLUMNS]; /* trimmed; empty: not said */
    bool is_line;          /* it speaks of a line of the visit */
} SettleAnswerRow;
typedef struct SettleAnswerRows {
    const SettleColumns *columns;
    ErrCode (*each)(void *ctx, const SettleAnswerRow *row);
    void *ctx;
    bool seen[SETTLE_COLUMNS];  /* out: columns that the file has */
    Str called[SETTLE_COLUMNS]; /* out: by which of their names */
} SettleAnswerRows;
/* Reads the file row by row. Pure. */
MUST_USE ErrCode settle_answer_read(Arena *arena, Str bytes, SettleAnswerRows *rows, ErrInfo *info);

typedef struct SettleAnswerFile {
    Str name, bytes;
    Str facility; /* only its visits; also of rows that name none; empty: any */
    Str who, why;
    Str columns;       /* text; empty: the embedded one */
    Str payment, date; /* of a payment, where the file does not say them */
    bool final;        /* assessments are concluded at once */
} SettleAnswerFile;
typedef struct SettleAnswer {
    Str digest; /* of the file, hexadecimal */
    bool is_payment;
    size_t n_rows, n_visits;
    SettleDone done;
} SettleAnswer;
MUST_USE ErrCode settle_answer(Settle *settle, Arena *arena, const SettleAnswerFile *file,
                               SettleAnswer *ret_answer, ErrInfo *info);

#endif
