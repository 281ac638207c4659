/* Keys and sums of the rows: bytes whose order is the order of the lists. */
#include "book/book_int.h"

enum { FACTS_MAX = 8 + BOOK_FOUND_MAX };

static Str cut(Str s, size_t max) {
    return s.len <= max ? s : str_sub(s, 0, max);
}

/* Cut at its ceiling; a zero byte ends it. */
static void put_code(Buf *out, Str code) {
    Str kept = cut(code, BOOK_CODE_MAX);
    size_t zero = str_find_char(kept, '\0', 0);
    buf_put_str(out, zero == SIZE_MAX ? kept : str_sub(kept, 0, zero));
    buf_put_char(out, '\0');
}

static void put_number(Buf *out, uint64_t v, int bytes) {
    while (bytes-- > 0) {
        buf_put_char(out, (char)(v >> (8 * bytes)));
    }
}

void book_place_put_facility(Buf *out, const BookPlace *p) {
    buf_put_char(out, (char)p->class);
    if (p->class == BOOK_KEY_RULE) {
        put_number(out, p->rule, 4);
    }
    if (p->facility.len > 0) {
        put_code(out, p->facility);
    }
}

/* 202611 as months since the year 0; 0 stays 0. */
static uint64_t month_number(int month) {
    return month <= 0 ? 0 : (uint64_t)(month / 100 * 12 + month % 100);
}

void book_place_put(Buf *out, const BookPlace *p) {
    buf_put_char(out, (char)p->class);
    if (p->class == BOOK_KEY_RULE) {
        put_number(out, p->rule, 4);
    }
    put_code(out, p->facility);
    put_number(out, month_number(p->month), 2);
    buf_put_char(out, (char)p->state);
    if (p->class == BOOK_KEY_LIST || p->class == BOOK_SUM_DEPARTMENT) {
        put_code(out, p->department);
    }
}

static uint64_t get_number(Str s, size_t at, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v = v << 8 | (unsigned char)s.ptr[at + (size_t)i];
    }
    return v;
}

bool book_place_get(Str key, BookPlace *ret) {
    BookPlace p = {.class = key.len == 0 ? 0 : (BookKeyClass)key.ptr[0]};
    size_t at = 1;
    if (p.class == BOOK_KEY_RULE) {
        if (key.len < 5) {
            return false;
        }
        p.rule = (uint32_t)get_number(key, 1, 4);
        at = 5;
    }
    size_t end = str_find_char(key, '\0', at);
    if (end == SIZE_MAX || key.len < end + 4) {
        return false;
    }
    p.facility = str_sub(key, at, end - at);
    uint64_t month = get_number(key, end + 1, 2);
    p.month = month == 0 ? 0 : (int)((month - 1) / 12 * 100 + (month - 1) % 12 + 1);
    p.state = (BookState)key.ptr[end + 3];
    size_t rest = end + 4;
    if (rest < key.len) {
        p.department = str_sub(key, rest, key.len - rest - 1);
    }
    *ret = p;
    return p.state < BOOK_STATES;
}

void book_person_key(Buf *out, BookKeyClass class, Slot person, int64_t day) {
    int bytes = 0;
    for (Slot rest = person; rest > 0; rest >>= 8) {
        bytes++;
    }
    buf_put_char(out, (char)class);
    buf_put_char(out, (char)bytes); /* a longer number is a larger one */
    put_number(out, person, bytes);
    if (day != BOOK_NO_DAY) {
        put_number(out, (uint64_t)(MAX(day, INT64_C(-8000000)) + 8000000), 3);
    }
}

void book_work_key(Buf *out, const BookWho *who) {
    buf_put_char(out, BOOK_KEY_WORK);
    put_number(out, (uint64_t)(MAX(who->day, INT64_C(-8000000)) + 8000000), 3);
    buf_put_char(out, who->kind);
    put_code(out, who->code);
}

/* ---- facts ---- */

typedef struct Facts {
    Arena *arena;
    Buf text; /* one behind the other */
    Str *keys;
    TableSum *sums;
    size_t n_keys, n_sums;
} Facts;

/* What has been written into f->text. */
static Str taken(Facts *f) {
    Str key = arena_str(f->arena, buf_str(&f->text));
    buf_clear(&f->text);
    return key;
}

static void add_key(Facts *f) {
    f->keys[f->n_keys++] = taken(f);
}

static TableSum *add_sum(Facts *f, Str group) {
    TableSum *sum = &f->sums[f->n_sums++];
    *sum = (TableSum){.group = group};
    return sum;
}

static void add_lists(Facts *f, const BookData *d, BookState state) {
    BookPlace place = {.class = BOOK_KEY_LIST,
                       .facility = d->facility,
                       .department = d->department,
                       .month = d->month,
                       .state = state};
    static const BookKeyClass groups[] = {BOOK_SUM_FACILITY, BOOK_SUM_DEPARTMENT};
    book_place_put(&f->text, &place);
    add_key(f);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        place.class = groups[i];
        book_place_put(&f->text, &place);
        TableSum *sum = add_sum(f, taken(f));
        sum->values[BOOK_TOTAL] = d->total;
        sum->values[BOOK_ASKED] = d->asked;
        sum->values[BOOK_ACCEPTED_SUM] = d->task.accepted;
        sum->values[BOOK_PAID_SUM] = d->task.paid;
        sum->values[BOOK_HELD] = d->unchecked || book_data_weight(d, RULES_BLOCKS) > 0;
        sum->values[BOOK_WARNED] = book_data_weight(d, RULES_WARNS) > 0;
    }
}

static void add_rules(Facts *f, const BookData *d, BookState state) {
    for (size_t i = 0; i < d->n_found; i++) {
        BookPlace place = {.class = BOOK_KEY_RULE,
                           .rule = d->found[i].rule,
                           .facility = d->facility,
                           .month = d->month,
                           .state = state};
        book_place_put(&f->text, &place);
        add_key(f);
        TableSum *sum = add_sum(f, f->keys[f->n_keys - 1]);
        sum->values[0] = d->found[i].n;
        sum->values[1] = d->asked;
    }
}

static void add_person(Facts *f, const BookData *d) {
    if (d->person == 0) {
        return;
    }
    int64_t day = d->day_out != BOOK_NO_DAY ? d->day_out : d->day_in;
    book_person_key(&f->text, BOOK_KEY_PERSON, d->person, day);
    add_key(f);
    if (str_eq(d->xml1[XML1_KET_QUA_DTRI], STR("5"))) {
        book_person_key(&f->text, BOOK_KEY_DEATH, d->person, BOOK_NO_DAY);
        add_key(f);
    }
}

static bool facts_new(Facts *f, Arena *arena) {
    *f = (Facts){.arena = arena};
    f->keys = arena_new_array(arena, Str, FACTS_MAX);
    f->sums = arena_new_array(arena, TableSum, FACTS_MAX);
    buf_init(&f->text, LIMIT_MIB);
    return f->keys != NULL && f->sums != NULL;
}

static ErrCode facts_done(Facts *f, TableFacts *ret) {
    ErrCode err = arena_failed(f->arena) ? ERR_NOMEM : buf_ok(&f->text);
    buf_release(&f->text);
    *ret = (TableFacts){f->keys, f->n_keys, f->sums, f->n_sums};
    return err;
}

ErrCode book_facts(Arena *arena, const TableCell *row, TableFacts *ret) {
    Facts f;
    BookData d = {.first = row->first};
    TRY(book_data_get(arena, row->body, &d));
    if (!facts_new(&f, arena)) {
        return ERR_NOMEM;
    }
    BookState state = book_data_state(&d);
    add_lists(&f, &d, state);
    add_rules(&f, &d, state);
    add_person(&f, &d);
    return facts_done(&f, ret);
}

static bool is_key(const Facts *f, Str key) {
    for (size_t i = 0; i < f->n_keys; i++) {
        if (str_eq(f->keys[i], key)) {
            return true;
        }
    }
    return false;
}

ErrCode book_work_facts(Arena *arena, const TableCell *row, TableFacts *ret) {
    Facts f;
    BookWork work;
    TRY(book_work_get(arena, row->body, &work));
    if (!facts_new(&f, arena)) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < work.n; i++) {
        BookWho who[BOOK_WHO_MAX];
        size_t n = book_who(work.lines[i].values, who);
        for (size_t k = 0; k < n && f.n_keys < FACTS_MAX; k++) {
            book_work_key(&f.text, &who[k]);
            Str key = taken(&f);
            if (!is_key(&f, key)) {
                f.keys[f.n_keys++] = key;
            }
        }
    }
    return facts_done(&f, ret);
}
