#include "mpi/mpi_person.h"

#include "core/hash.h"
#include "mpi/mpi_name_int.h"

enum { DIGITS_MAX = 18 };
#define PAPER_HASH (UINT64_C(1) << 63)

/* Digits of s without what stands between them; false when there are letters or too many. */
static bool read_digits(Str s, uint64_t *ret_value, size_t *ret_n) {
    uint64_t value = 0;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c >= '0' && c <= '9') {
            if (++n > DIGITS_MAX) {
                return false;
            }
            value = value * 10 + (uint64_t)(c - '0');
        } else if (c != ' ' && c != '.' && c != '-' && c != '+' && c != '(' && c != ')') {
            return false;
        }
    }
    *ret_value = value;
    *ret_n = n;
    return n > 0;
}

/* One digit over and over says "none"; so does 123456789. */
static bool is_filler(uint64_t value, size_t n) {
    uint64_t v = value;
    bool same = true;
    for (size_t i = 1; i < n; i++) {
        same = same && v / 10 % 10 == v % 10;
        v /= 10;
    }
    return same || value == 0 || value == 123456789;
}

static uint64_t read_cccd(Str s) {
    uint64_t value;
    size_t n;
    bool whole = read_digits(s, &value, &n) && (n == 12 || n == 11);
    return whole && !is_filler(value % 1000000000, 9) ? value : 0;
}

/* CMND: nine digits, eight where a zero in front was lost; passports and others by their letters.
 */
static uint64_t read_paper(Str s) {
    uint64_t value;
    size_t n;
    if (read_digits(s, &value, &n)) {
        return n >= 6 && !is_filler(value, n) ? value : 0;
    }
    char plain[32];
    size_t len = 0;
    for (size_t i = 0; i < s.len && len < sizeof plain; i++) {
        char c = s.ptr[i];
        c = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            plain[len++] = c;
        }
    }
    return len >= 6 ? hash64((Str){plain, len}) | PAPER_HASH : 0;
}

/* Mobile numbers had eleven digits until 2018. */
static uint64_t modern_phone(uint64_t value) {
    static const struct {
        uint32_t from, to;
    } prefixes[] = {
        {162, 32}, {163, 33}, {164, 34}, {165, 35}, {166, 36}, {167, 37}, {168, 38},
        {169, 39}, {120, 70}, {121, 79}, {122, 77}, {126, 76}, {128, 78}, {123, 83},
        {124, 84}, {125, 85}, {127, 81}, {129, 82}, {186, 56}, {188, 58}, {199, 59},
    };
    uint64_t head = value / 10000000;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (prefixes[i].from == head) {
            return prefixes[i].to * UINT64_C(10000000) + value % 10000000;
        }
    }
    return value;
}

/* Without the leading zero or 84; 0 when it is none. */
static uint64_t read_phone(Str s) {
    uint64_t value;
    size_t n;
    if (!read_digits(s, &value, &n) || n < 9 || n > 13) {
        return 0;
    }
    bool abroad = s.ptr[0] == '+' || (s.ptr[0] == '8' && n >= 11) || str_starts(s, STR("0084"));
    if (abroad && value >= UINT64_C(84000000000)) {
        value -= value >= UINT64_C(840000000000) ? UINT64_C(840000000000) : UINT64_C(84000000000);
    }
    if (is_filler(value, 9)) {
        return 0;
    }
    return value >= 1000000000 && value < 2000000000 ? modern_phone(value) : value;
}

static void read_card(Str card, MpiPerson *p, size_t *n) {
    Str number = card.len == 15 ? str_sub(card, 5, 10) : card;
    uint64_t value;
    size_t digits;
    if (*n == MPI_BHXH_MAX || !read_digits(number, &value, &digits) || digits != 10 ||
        is_filler(value, digits)) {
        return;
    }
    bool temporary = card.len == 15 && str_eq_nocase(str_sub(card, 0, 3), STR("TE1"));
    for (size_t i = 0; i < *n; i++) {
        if (p->bhxh[i] == value) {
            return;
        }
    }
    p->temporary |= (uint8_t)(temporary ? 1u << *n : 0);
    p->bhxh[(*n)++] = value;
}

static uint64_t read_local(Str s) {
    size_t bar = str_find_char(s, '|', 0);
    if (bar == SIZE_MAX || bar == 0 || bar + 1 == s.len) {
        return 0;
    }
    Str number = str_sub(s, bar + 1, s.len);
    bool says = false;
    for (size_t i = 0; i < number.len; i++) {
        says = says || number.ptr[i] != '0';
    }
    uint64_t facility = hash64(str_sub(s, 0, bar)) | 1;
    return says ? facility << 32 | (hash64(number) >> 32) : 0;
}

static unsigned two(Str s, size_t at) {
    return (unsigned)(s.ptr[at] - '0') * 10 + (unsigned)(s.ptr[at + 1] - '0');
}

static void read_birth(Str s, MpiPerson *p) {
    for (size_t i = 0; i < s.len; i++) {
        bool dash = i == 4 || i == 7;
        if (i > 9 || (dash ? s.ptr[i] != '-' : s.ptr[i] < '0' || s.ptr[i] > '9')) {
            return;
        }
    }
    if (s.len != 4 && s.len != 7 && s.len != 10) {
        return;
    }
    p->year = (uint16_t)(two(s, 0) * 100 + two(s, 2));
    p->month = s.len >= 7 ? (uint8_t)two(s, 5) : 0;
    p->day = s.len == 10 ? (uint8_t)two(s, 8) : 0;
}

void mpi_person_make(const MpiFields *f, MpiPerson *ret_person) {
    MpiPerson p = {0};
    uint64_t commune;
    size_t digits;
    size_t n = 0;
    mpi_name_make(f->name, &p);
    read_birth(f->birth, &p);
    p.sex = str_eq(f->sex, STR("male")) ? 1 : str_eq(f->sex, STR("female")) ? 2 : 0;
    p.commune = read_digits(f->commune, &commune, &digits) && digits <= 5 ? (uint32_t)commune : 0;
    p.cccd = read_cccd(f->cccd);
    p.paper = read_paper(f->paper);
    for (size_t i = 0; i < MPI_BHXH_MAX; i++) {
        read_card(str_trim(f->cards[i]), &p, &n);
    }
    n = 0;
    for (size_t i = 0; i < MPI_PHONES_MAX; i++) {
        uint64_t phone = f->phones[i].len > 0 ? read_phone(f->phones[i]) : 0;
        if (phone != 0) {
            p.phones[n++] = phone;
        }
    }
    n = 0;
    for (size_t i = 0; i < MPI_LOCALS_MAX; i++) {
        uint64_t local = read_local(f->locals[i]);
        if (local != 0) {
            p.locals[n++] = local;
        }
    }
    *ret_person = p;
}

/* ---- slips ---- */

bool mpi_number_near(uint64_t a, uint64_t b) {
    int wrong = 0;
    unsigned da[2] = {0};
    unsigned db[2] = {0};
    int at[2] = {0};
    for (int i = 0; i < 20 && (a != 0 || b != 0); i++) {
        if (a % 10 != b % 10) {
            if (wrong == 2) {
                return false;
            }
            at[wrong] = i;
            da[wrong] = (unsigned)(a % 10);
            db[wrong++] = (unsigned)(b % 10);
        }
        a /= 10;
        b /= 10;
    }
    return wrong == 1 || (wrong == 2 && at[1] == at[0] + 1 && da[0] == db[1] && da[1] == db[0]);
}

/* Letters of the word from the left, 0 behind the last. */
static unsigned letter(uint64_t word, int i) {
    return i < MPI_LETTERS_MAX ? (unsigned)(word >> (59 - 5 * i)) & 31 : 0;
}

/* The word from letter i on. */
static uint64_t tail(uint64_t word, int i) {
    return i >= MPI_LETTERS_MAX ? 0 : word << (5 * i);
}

bool mpi_word_near(uint64_t a, uint64_t b) {
    int i = 0;
    while (i < MPI_LETTERS_MAX && letter(a, i) == letter(b, i)) {
        i++;
    }
    if (i == MPI_LETTERS_MAX) {
        return false;
    }
    bool another = tail(a, i + 1) == tail(b, i + 1);
    bool missing = tail(a, i + 1) == tail(b, i) || tail(a, i) == tail(b, i + 1);
    bool exchanged = letter(a, i) == letter(b, i + 1) && letter(a, i + 1) == letter(b, i) &&
                     tail(a, i + 2) == tail(b, i + 2);
    return another || missing || exchanged;
}
