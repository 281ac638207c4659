/* WORK: the lines of other visits by the same practitioner or machine that day. A visit sees those
 * of visits that came before it (whose Encounter is older), so that one that arrives changes no
 * other's findings and of two that collide the later one is held. */
#include "book/book_int.h"

#include "core/time.h"

size_t book_who(const Str *line, BookWho who[BOOK_WHO_MAX]) {
    Civil c;
    size_t n = 0;
    Str rest = line[XML3_NGUOI_THUC_HIEN];
    Str person = STR_EMPTY;
    Str machine = str_trim(line[XML3_MA_MAY]);
    if (time_parse_claim(str_trim(line[XML3_NGAY_TH_YL]), &c) != ERR_OK) {
        return 0;
    }
    int64_t day = time_days_from_civil(c.year, MAX(c.month, 1), MAX(c.day, 1));
    (void)str_cut(&rest, ';', &person);
    person = str_trim(person);
    if (person.len > 0) {
        who[n++] = (BookWho){day, 'p', person};
    }
    if (machine.len > 0) {
        who[n++] = (BookWho){day, 'm', machine};
    }
    return n;
}

/* ---- bytes ---- */

static void put_line(const Book *book, const Str *line, Buf *out) {
    for (int f = 0; f < XML3_FIELD_COUNT; f++) {
        if (book->work_kept[f] && line[f].len > 0) {
            buf_put_char(out, (char)(f + 1));
            book_put_text(out, line[f]);
        }
    }
    buf_put_char(out, '\0');
}

void book_work_put(const Book *book, const BookData *d, const RulesVisit *visit, Buf *out) {
    BookWho who[BOOK_WHO_MAX];
    for (size_t i = 0; i < visit->n_records[3]; i++) {
        if (book_who(visit->records[3][i].values, who) == 0) {
            continue;
        }
        if (out->len == 0) {
            book_put_text(out, d->facility);
            book_put_text(out, d->ma_lk);
        }
        put_line(book, visit->records[3][i].values, out);
    }
}

static bool take_line(BookBytes *b, const BookWork *work, ClaimRecord *ret) {
    Str *values = arena_new_array(b->arena, Str, RULES_WORK_FIELDS);
    for (int f = 0; values != NULL && f < RULES_WORK_FIELDS; f++) {
        values[f] = STR_EMPTY;
    }
    for (unsigned char field = book_take_byte(b); field != 0; field = book_take_byte(b)) {
        if (b->bad || values == NULL || field > XML3_FIELD_COUNT) {
            b->bad = true;
            return false;
        }
        values[field - 1] = book_take_text(b);
    }
    if (values != NULL) {
        values[RULES_WORK_MA_CSKCB] = work->facility;
        values[XML3_MA_LK] = work->ma_lk;
    }
    *ret = (ClaimRecord){.values = values};
    return values != NULL;
}

ErrCode book_work_get(Arena *arena, Str body, BookWork *ret) {
    BookBytes b = {.arena = arena, .rest = body};
    size_t capacity = 0;
    *ret = (BookWork){.n = 0};
    ret->facility = book_take_text(&b);
    ret->ma_lk = book_take_text(&b);
    while (b.rest.len > 0 && !b.bad) {
        if (ret->n == capacity) {
            size_t grown = MAX((size_t)16, 2 * capacity);
            ret->lines = arena_resize(arena, ret->lines, capacity * sizeof(*ret->lines),
                                      grown * sizeof(*ret->lines));
            capacity = grown;
        }
        if (ret->lines == NULL || !take_line(&b, ret, &ret->lines[ret->n])) {
            break;
        }
        ret->n++;
    }
    return arena_failed(arena) ? ERR_NOMEM : b.bad ? ERR_CORRUPT : ERR_OK;
}
