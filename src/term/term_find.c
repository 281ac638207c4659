#include "term/term_find_int.h"

#include "core/fold.h"

enum { RANK_CODE, RANK_CODE_START, RANK_NAME, RANK_NAME_START, RANK_ROW, RANK_WORDS };

ErrCode term_find_init(TermFind *f, Arena *arena, Str text, ErrInfo *info) {
    *f = (TermFind){.text = STR_EMPTY, .code = STR_EMPTY};
    if (text.len > FIND_BYTES_MAX) {
        return err_set(info, ERR_LIMIT, "term-filter-length", "a filter has at most %d bytes",
                       "bộ lọc dài nhất %d byte", (int)FIND_BYTES_MAX);
    }
    f->text = fold(arena, text);
    Str rest = f->text;
    Str word;
    while (f->n_words < FIND_WORDS_MAX && rest.len > 0 && str_cut(&rest, ' ', &word)) {
        if (word.len > 0) {
            f->words[f->n_words++] = word;
            f->bits |= word.len > 1 ? pack_word(word.ptr) : 0;
        }
    }
    if (f->n_words == 1) {
        char *code = arena_alloc(arena, f->text.len + 1);
        size_t n = 0;
        for (size_t i = 0; code != NULL && i < f->text.len; i++) {
            if (f->text.ptr[i] != '.') {
                code[n++] = f->text.ptr[i];
            }
        }
        f->code = code == NULL ? STR_EMPTY : (Str){code, n};
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* Compares without dots and case; the filter's code is folded already. */
static uint8_t rank_code(Str typed, Str code) {
    size_t n = 0;
    size_t i = 0;
    for (; i < code.len && n < typed.len; i++) {
        char c = code.ptr[i];
        if (c == '.') {
            continue;
        }
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 32) : c) != typed.ptr[n]) {
            return FIND_NO;
        }
        n++;
    }
    return n < typed.len || n == 0 ? FIND_NO : i == code.len ? RANK_CODE : RANK_CODE_START;
}

/* Where `what` begins a word of the line, or SIZE_MAX. Names are short: no table pays off. */
static size_t find_start(Str line, Str what) {
    for (size_t i = 0; i + what.len <= line.len; i++) {
        if (line.ptr[i] == what.ptr[0] && (i == 0 || pack_is_border(line.ptr[i - 1])) &&
            memcmp(line.ptr + i, what.ptr, what.len) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* "Bệnh đái tháo đường" begins with "đái tháo đường" for who looks for it. */
static size_t lead_of(Str line) {
    return str_starts(line, STR("benh ")) ? 5 : 0;
}

static uint8_t rank_line(const TermFind *f, Str line) {
    for (size_t i = 0; i < f->n_words; i++) {
        if (find_start(line, f->words[i]) == SIZE_MAX) {
            return FIND_NO;
        }
    }
    size_t row = find_start(line, f->text);
    bool first = row == 0 || row == lead_of(line);
    return row == SIZE_MAX                 ? RANK_WORDS
           : !first                        ? RANK_ROW
           : row + f->text.len == line.len ? RANK_NAME
                                           : RANK_NAME_START;
}

uint8_t term_find_rank(const TermFind *f, Str code, Str names) {
    if (f->n_words == 0) {
        return 0;
    }
    uint8_t best = f->n_words == 1 ? rank_code(f->code, code) : FIND_NO;
    Str line;
    while (best > RANK_CODE_START && names.len > 0 && str_cut(&names, '\n', &line)) {
        uint8_t rank = line.len == 0 ? FIND_NO : rank_line(f, line);
        best = MIN(best, rank);
    }
    return best;
}
