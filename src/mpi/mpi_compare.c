#include "mpi/mpi_compare.h"

static const struct {
    uint8_t shift, bits, levels;
} layout[MPI_FIELDS] = {
    [MPI_NAME] = {0, 4, MPI_NAME_LEVELS},     [MPI_BIRTH] = {4, 3, MPI_BIRTH_LEVELS},
    [MPI_SEX] = {7, 2, MPI_AGREE_LEVELS},     [MPI_COMMUNE] = {9, 2, MPI_AGREE_LEVELS},
    [MPI_PHONE] = {11, 2, MPI_AGREE_LEVELS},  [MPI_CCCD] = {13, 2, MPI_NUMBER_LEVELS},
    [MPI_PAPER] = {15, 2, MPI_NUMBER_LEVELS}, [MPI_BHXH] = {17, 2, MPI_NUMBER_LEVELS},
    [MPI_LOCAL] = {19, 2, MPI_NUMBER_LEVELS},
};

unsigned mpi_level(MpiVector vector, MpiField field) {
    return vector >> layout[field].shift & ((1u << layout[field].bits) - 1);
}

MpiVector mpi_vector_with(MpiVector vector, MpiField field, unsigned level) {
    uint32_t mask = ((1u << layout[field].bits) - 1) << layout[field].shift;
    return (vector & ~mask) | level << layout[field].shift;
}

unsigned mpi_levels(MpiField field) {
    return layout[field].levels;
}

/* ---- names ---- */

/* The words at the same places: how do they differ? */
typedef struct InPlace {
    unsigned same, bare, moved, near, initials, other;
} InPlace;

static InPlace compare_places(const MpiPerson *a, const MpiPerson *b) {
    InPlace n = {0};
    for (unsigned i = 0; i < a->n_words; i++) {
        uint64_t x = a->words[i];
        uint64_t y = b->words[i];
        if (x == y) {
            bool bare = a->marks[i] == 0 || b->marks[i] == 0;
            n.same += a->marks[i] == b->marks[i];
            n.bare += a->marks[i] != b->marks[i] && bare;
            n.moved += a->marks[i] != b->marks[i] && !bare;
        } else if ((mpi_word_is_initial(x) || mpi_word_is_initial(y)) &&
                   mpi_word_first(x) == mpi_word_first(y)) {
            n.initials++;
        } else if (mpi_word_near(x, y)) {
            n.near++;
        } else {
            n.other++;
        }
    }
    return n;
}

static void sort_words(const MpiPerson *p, uint64_t sorted[MPI_WORDS_MAX]) {
    for (unsigned i = 0; i < p->n_words; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > p->words[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = p->words[i];
    }
}

static bool same_set(const MpiPerson *a, const MpiPerson *b) {
    uint64_t x[MPI_WORDS_MAX];
    uint64_t y[MPI_WORDS_MAX];
    if (a->n_words != b->n_words) {
        return false;
    }
    sort_words(a, x);
    sort_words(b, y);
    for (unsigned i = 0; i < a->n_words; i++) {
        if (x[i] != y[i]) {
            return false;
        }
    }
    return true;
}

/* All letters one behind the other. */
static unsigned run_on(const MpiPerson *p, uint8_t letters[MPI_WORDS_MAX * MPI_LETTERS_MAX]) {
    unsigned n = 0;
    for (unsigned i = 0; i < p->n_words; i++) {
        for (uint64_t w = p->words[i]; w != 0; w <<= 5) {
            letters[n++] = (uint8_t)(w >> 59);
        }
    }
    return n;
}

/* "Thanh Huyền" and "ThanhHuyền": the same letters, parted in other places. */
static bool same_run(const MpiPerson *a, const MpiPerson *b) {
    uint8_t x[MPI_WORDS_MAX * MPI_LETTERS_MAX];
    uint8_t y[MPI_WORDS_MAX * MPI_LETTERS_MAX];
    if (mpi_word_first(a->words[0]) != mpi_word_first(b->words[0])) {
        return false;
    }
    unsigned n = run_on(a, x);
    return n == run_on(b, y) && memcmp(x, y, n) == 0;
}

/* Are the words of the shorter name found in the longer one in order, the first and the last at the
 * ends, an initial standing for its word? */
static bool is_short_of(const MpiPerson *a, const MpiPerson *b) {
    const MpiPerson *small = a->n_words <= b->n_words ? a : b;
    const MpiPerson *large = small == a ? b : a;
    unsigned at = 0;
    unsigned whole = 0;
    for (unsigned i = 0; i < small->n_words; i++) {
        uint64_t w = small->words[i];
        for (;; at++) {
            if (at == large->n_words) {
                return false;
            }
            uint64_t v = large->words[at];
            bool initial = mpi_word_is_initial(w) || mpi_word_is_initial(v);
            if (v == w || (initial && mpi_word_first(v) == mpi_word_first(w))) {
                break;
            }
            if (i == 0) {
                return false;
            }
        }
        whole += large->words[at] == w;
        at++;
    }
    return at == large->n_words && small->n_words >= 2 && whole >= 1;
}

static bool has_word(const MpiPerson *p, uint64_t word) {
    for (unsigned i = 0; i < p->n_words; i++) {
        if (p->words[i] == word) {
            return true;
        }
    }
    return false;
}

static unsigned common_words(const MpiPerson *a, const MpiPerson *b) {
    unsigned n = 0;
    for (unsigned i = 0; i < a->n_words; i++) {
        n += has_word(b, a->words[i]);
    }
    return n;
}

static unsigned rest_level(const MpiPerson *a, const MpiPerson *b) {
    if (same_run(a, b)) {
        return MPI_NAME_ORDER;
    }
    if (is_short_of(a, b)) {
        return MPI_NAME_SHORT;
    }
    bool given = a->words[a->n_words - 1] == b->words[b->n_words - 1];
    unsigned common = MIN(common_words(a, b), common_words(b, a));
    if (given && common >= 2) {
        return MPI_NAME_GIVEN;
    }
    return a->words[0] == b->words[0] ? MPI_NAME_FAMILY : MPI_NAME_OTHER;
}

static unsigned compare_names(const MpiPerson *a, const MpiPerson *b) {
    if (a->n_words == 0 || b->n_words == 0) {
        return MPI_MISSING;
    }
    if (a->n_words == b->n_words) {
        InPlace n = compare_places(a, b);
        unsigned whole = n.same + n.bare + n.moved;
        if (whole == a->n_words) {
            return n.moved > 0 ? MPI_NAME_MOVED : n.bare > 0 ? MPI_NAME_BARE : MPI_NAME_SAME;
        }
        if (same_set(a, b)) {
            return MPI_NAME_ORDER;
        }
        if (n.near == 1 && whole + 1 == a->n_words && a->n_words >= 2) {
            return MPI_NAME_SLIP;
        }
    }
    return rest_level(a, b);
}

/* ---- birth dates ---- */

static uint64_t date_digits(const MpiPerson *p) {
    return (uint64_t)p->year * 10000 + p->month * 100u + p->day;
}

static bool is_vague(const MpiPerson *p) {
    return p->day == 0 || (p->day == 1 && p->month == 1);
}

static unsigned compare_births(const MpiPerson *a, const MpiPerson *b) {
    if (a->year == 0 || b->year == 0) {
        return MPI_MISSING;
    }
    bool year = a->year == b->year;
    if (is_vague(a) || is_vague(b)) {
        bool month = a->month < 2 || b->month < 2 || a->month == b->month;
        return year && month ? MPI_BIRTH_YEAR : year ? MPI_BIRTH_NEAR : MPI_BIRTH_OTHER;
    }
    bool day = a->day == b->day && a->month == b->month;
    if (year && day) {
        return MPI_BIRTH_SAME;
    }
    if (year && a->day == b->month && a->month == b->day) {
        return MPI_BIRTH_SWAPPED;
    }
    if (mpi_number_near(date_digits(a), date_digits(b))) {
        return MPI_BIRTH_SLIP;
    }
    return year || day ? MPI_BIRTH_NEAR : MPI_BIRTH_OTHER;
}

/* ---- the rest ---- */

static unsigned compare_values(uint64_t a, uint64_t b) {
    return a == 0 || b == 0 ? MPI_MISSING : a == b ? MPI_SAME : MPI_OTHER;
}

static unsigned compare_numbers(uint64_t a, uint64_t b) {
    if (a == 0 || b == 0) {
        return MPI_MISSING;
    }
    return a == b ? MPI_NUMBER_SAME : mpi_number_near(a, b) ? MPI_NUMBER_NEAR : MPI_NUMBER_OTHER;
}

static unsigned compare_phones(const MpiPerson *a, const MpiPerson *b) {
    unsigned level = MPI_MISSING;
    for (unsigned i = 0; i < MPI_PHONES_MAX && a->phones[i] != 0; i++) {
        for (unsigned k = 0; k < MPI_PHONES_MAX && b->phones[k] != 0; k++) {
            if (a->phones[i] == b->phones[k]) {
                return MPI_SAME;
            }
            level = MPI_OTHER;
        }
    }
    return level;
}

static unsigned compare_bhxh(const MpiPerson *a, const MpiPerson *b) {
    unsigned best = MPI_MISSING;
    for (unsigned i = 0; i < MPI_BHXH_MAX && a->bhxh[i] != 0; i++) {
        for (unsigned k = 0; k < MPI_BHXH_MAX && b->bhxh[k] != 0; k++) {
            unsigned level = compare_numbers(a->bhxh[i], b->bhxh[k]);
            bool temporary = (a->temporary >> i & 1) != 0 || (b->temporary >> k & 1) != 0;
            level = temporary && level != MPI_NUMBER_SAME ? MPI_MISSING : level;
            best = best == MPI_MISSING || (level != MPI_MISSING && level < best) ? level : best;
        }
    }
    return best;
}

/* Two numbers of one facility speak against it; a facility may have given one of them later. */
static unsigned compare_locals(const MpiPerson *a, const MpiPerson *b) {
    unsigned level = MPI_MISSING;
    for (unsigned i = 0; i < MPI_LOCALS_MAX && a->locals[i] != 0; i++) {
        for (unsigned k = 0; k < MPI_LOCALS_MAX && b->locals[k] != 0; k++) {
            if (a->locals[i] == b->locals[k]) {
                return MPI_NUMBER_SAME;
            }
            level = a->locals[i] >> 32 == b->locals[k] >> 32 ? MPI_NUMBER_OTHER : level;
        }
    }
    return level;
}

MpiVector mpi_compare(const MpiPerson *a, const MpiPerson *b) {
    const unsigned levels[MPI_FIELDS] = {
        [MPI_NAME] = compare_names(a, b),
        [MPI_BIRTH] = compare_births(a, b),
        [MPI_SEX] = compare_values(a->sex, b->sex),
        [MPI_COMMUNE] = compare_values(a->commune, b->commune),
        [MPI_PHONE] = compare_phones(a, b),
        [MPI_CCCD] = compare_numbers(a->cccd, b->cccd),
        [MPI_PAPER] = compare_numbers(a->paper, b->paper),
        [MPI_BHXH] = compare_bhxh(a, b),
        [MPI_LOCAL] = compare_locals(a, b),
    };
    MpiVector vector = 0;
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        vector |= levels[f] << layout[f].shift;
    }
    return vector;
}
