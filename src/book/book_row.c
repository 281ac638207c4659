/* A row as bytes: varints; texts of digits (times, codes, money, ids) as half bytes. */
#include "book/book_int.h"

#include "core/hash.h"

#define SINCE_FROM (INT64_C(1577836800) * 1000) /* 2020-01-01 */

/* ---- what follows from a row ---- */

unsigned book_data_weight(const BookData *d, RulesWeight weight) {
    unsigned n = 0;
    for (size_t i = 0; i < d->n_found; i++) {
        n += d->found[i].weight == weight ? d->found[i].n : 0;
    }
    return n;
}

BookState book_data_state(const BookData *d) {
    if (book_state_is_fact(d->task.state)) {
        return d->task.focus == d->bill_version ? d->task.state : BOOK_CORRECTED;
    }
    return d->unchecked || book_data_weight(d, RULES_BLOCKS) > 0 ? BOOK_ENTERED : BOOK_CHECKED;
}

uint32_t book_rule_hash(Str id) {
    return (uint32_t)hash64(id);
}

/* ---- writing ---- */

static const char half_bytes[16] = "0123456789.;-/K"; /* the last one ends a text of odd length */

static int half_of(char c) {
    const char *at = c == '\0' ? NULL : memchr(half_bytes, c, 15);
    return at == NULL ? -1 : (int)(at - half_bytes);
}

void book_put_varint(Buf *out, uint64_t v) {
    for (; v >= 0x80; v >>= 7) {
        buf_put_char(out, (char)(v | 0x80));
    }
    buf_put_char(out, (char)v);
}

static void put_signed(Buf *out, int64_t v) {
    book_put_varint(out, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static bool is_halves(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (half_of(s.ptr[i]) < 0) {
            return false;
        }
    }
    return s.len > 0;
}

/* length * 2 + packed, then the bytes. */
void book_put_text(Buf *out, Str s) {
    if (!is_halves(s)) {
        book_put_varint(out, s.len * 2);
        buf_put_str(out, s);
        return;
    }
    book_put_varint(out, s.len * 2 + 1);
    for (size_t i = 0; i < s.len; i += 2) {
        int high = half_of(s.ptr[i]);
        int low = i + 1 < s.len ? half_of(s.ptr[i + 1]) : 15;
        buf_put_char(out, (char)(high << 4 | low));
    }
}

/* What stands elsewhere in the row and is not kept as a value of XML1. */
static bool is_elsewhere(int field) {
    return field == XML1_MA_LK || field == XML1_MA_CSKCB;
}

static void put_xml1(Buf *out, const BookData *d, const bool *kept) {
    for (int f = 0; f < XML1_FIELD_COUNT; f++) {
        if (kept[f] && !is_elsewhere(f) && d->xml1[f].len > 0) {
            buf_put_char(out, (char)(f + 1));
            book_put_text(out, d->xml1[f]);
        }
    }
    buf_put_char(out, '\0');
}

static void put_task(Buf *out, const BookTask *t) {
    buf_put_char(out, (char)t->state);
    if (t->state != BOOK_ENTERED) {
        book_put_varint(out, t->version);
        book_put_varint(out, t->focus);
        put_signed(out, t->accepted);
        put_signed(out, t->paid);
    }
}

void book_data_put(Buf *out, const BookData *d, const bool *kept) {
    book_put_varint(out, d->patient);
    put_signed(out, (int64_t)(d->person - d->patient));
    put_signed(out, (int64_t)(d->bill - d->first));
    book_put_varint(out, d->bill_version);
    book_put_varint(out, (uint64_t)(MAX(d->since, SINCE_FROM) - SINCE_FROM) / 1000);
    book_put_text(out, d->facility);
    book_put_text(out, d->ma_lk);
    book_put_text(out, d->department);
    put_signed(out, d->total);
    book_put_varint(out, (uint64_t)d->n_not_checked << (BOOK_ID_BITS + 1) | d->own_ids << 1 |
                             d->unchecked);
    put_task(out, &d->task);
    book_put_varint(out, d->n_found);
    for (size_t i = 0; i < d->n_found; i++) {
        uint32_t rule = d->found[i].rule;
        for (int byte = 0; byte < 4; byte++) {
            buf_put_char(out, (char)(rule >> (8 * byte)));
        }
        book_put_varint(out, (uint64_t)d->found[i].n * RULES_WEIGHTS + d->found[i].weight);
    }
    put_xml1(out, d, kept);
}

/* ---- reading ---- */

unsigned char book_take_byte(BookBytes *b) {
    if (b->rest.len == 0) {
        b->bad = true;
        return 0;
    }
    unsigned char c = (unsigned char)b->rest.ptr[0];
    b->rest = (Str){b->rest.ptr + 1, b->rest.len - 1};
    return c;
}

uint64_t book_take_varint(BookBytes *b) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char c = book_take_byte(b);
        v |= (uint64_t)(c & 0x7F) << shift;
        if (c < 0x80) {
            return v;
        }
    }
    b->bad = true;
    return 0;
}

static int64_t take_signed(BookBytes *b) {
    uint64_t v = book_take_varint(b);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

Str book_take_text(BookBytes *b) {
    uint64_t head = book_take_varint(b);
    uint64_t len = head / 2;
    size_t bytes = head % 2 == 0 ? (size_t)len : (size_t)((len + 1) / 2);
    if (bytes > b->rest.len) {
        b->bad = true;
        return STR_EMPTY;
    }
    Str raw = {b->rest.ptr, bytes};
    b->rest = (Str){b->rest.ptr + bytes, b->rest.len - bytes};
    if (head % 2 == 0) {
        return arena_str(b->arena, raw);
    }
    char *text = arena_alloc(b->arena, (size_t)len + 1);
    if (text == NULL) {
        return STR_EMPTY;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i / 2];
        text[i] = half_bytes[i % 2 == 0 ? c >> 4 : c & 15];
    }
    text[len] = '\0';
    return (Str){text, (size_t)len};
}

static void take_task(BookBytes *b, BookTask *t) {
    unsigned char state = book_take_byte(b);
    b->bad = b->bad || state >= BOOK_STATES;
    t->state = b->bad ? BOOK_ENTERED : (BookState)state;
    if (t->state != BOOK_ENTERED) {
        t->version = (uint32_t)book_take_varint(b);
        t->focus = (uint32_t)book_take_varint(b);
        t->accepted = take_signed(b);
        t->paid = take_signed(b);
    }
}

static void take_found(BookBytes *b, BookData *d) {
    uint64_t n = book_take_varint(b);
    d->found = n > BOOK_FOUND_MAX ? NULL : arena_new_array(b->arena, BookFound, (size_t)n + 1);
    b->bad = b->bad || d->found == NULL;
    for (size_t i = 0; i < n && !b->bad; i++) {
        BookFound *f = &d->found[i];
        for (int byte = 0; byte < 4; byte++) {
            f->rule |= (uint32_t)book_take_byte(b) << (8 * byte);
        }
        uint64_t rest = book_take_varint(b);
        f->n = (uint32_t)(rest / RULES_WEIGHTS);
        f->weight = (RulesWeight)(rest % RULES_WEIGHTS);
        d->n_found++;
    }
}

static void take_xml1(BookBytes *b, BookData *d) {
    d->xml1 = arena_new_array(b->arena, Str, XML1_FIELD_COUNT);
    for (int i = 0; d->xml1 != NULL && i < XML1_FIELD_COUNT; i++) {
        d->xml1[i] = STR_EMPTY;
    }
    for (unsigned char field = book_take_byte(b); field != 0 && !b->bad;
         field = book_take_byte(b)) {
        if (field > XML1_FIELD_COUNT || d->xml1 == NULL) {
            b->bad = true;
            return;
        }
        d->xml1[field - 1] = book_take_text(b);
    }
    if (d->xml1 != NULL) {
        d->xml1[XML1_MA_LK] = d->ma_lk;
        d->xml1[XML1_MA_CSKCB] = d->facility;
    }
}

/* Without what begins with the bill, which is told from the row's name. */
static void take_head(BookBytes *b, BookData *d) {
    d->facility = book_take_text(b);
    d->ma_lk = book_take_text(b);
    d->department = book_take_text(b);
    d->total = take_signed(b);
    uint64_t flags = book_take_varint(b);
    d->n_not_checked = (unsigned)(flags >> (BOOK_ID_BITS + 1));
    d->own_ids = (unsigned)(flags >> 1) & ((1U << BOOK_ID_BITS) - 1);
    d->unchecked = (flags & 1) == 1;
}

ErrCode book_data_get(Arena *arena, Str body, BookData *ret) {
    BookBytes b = {.arena = arena, .rest = body};
    Slot first = ret->first;
    *ret = (BookData){.first = first};
    ret->patient = book_take_varint(&b);
    ret->person = ret->patient + (Slot)take_signed(&b);
    ret->bill = first + (Slot)take_signed(&b);
    ret->bill_version = (uint32_t)book_take_varint(&b);
    ret->since = (TimeMs)book_take_varint(&b) * 1000 + SINCE_FROM;
    take_head(&b, ret);
    take_task(&b, &ret->task);
    take_found(&b, ret);
    take_xml1(&b, ret);
    if (arena_failed(arena) || b.bad || b.rest.len > 0) {
        return arena_failed(arena) ? ERR_NOMEM : ERR_CORRUPT;
    }
    book_data_derive(ret);
    return ERR_OK;
}

bool book_data_same_history(const BookData *a, const BookData *b) {
    bool same = a->person == b->person && a->day_in == b->day_in && a->day_out == b->day_out &&
                str_eq(a->facility, b->facility) && str_eq(a->ma_lk, b->ma_lk);
    for (int f = 0; same && f < XML1_FIELD_COUNT; f++) {
        same = str_eq(a->xml1[f], b->xml1[f]);
    }
    return same;
}
