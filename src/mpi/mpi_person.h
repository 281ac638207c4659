/* mpi_person.h — a citizen as the master index compares him: one fixed-size value without pointers,
 * made once from what a Patient says. Names become words without accents (packed letters) with
 * their accents kept beside them; numbers become integers; what cannot identify anybody (zeros, one
 * digit over and over) is left out.
 * Vietnamese quirks that are made equal here: Unicode forms, case, the place of the tone mark (Hoà,
 * Hòa), y and i behind a consonant (Mỹ, Mĩ), hyphens and points, telephone prefixes before 2018,
 * +84, a CCCD that lost its leading zero in a spreadsheet, a card and its BHXH number. A child that
 * has no name yet ("CON BÀ …", "SƠ SINH") has no words.
 * Errors: none; what cannot be read is missing. Cost: about 1 µs. Threads: no state. */
#ifndef NHIP_MPI_MPI_PERSON_H
#define NHIP_MPI_MPI_PERSON_H

#include "core/str.h"

enum {
    MPI_WORDS_MAX = 6,    /* of a longer name the first five and the last */
    MPI_LETTERS_MAX = 12, /* of a word */
    MPI_BHXH_MAX = 3,
    MPI_PHONES_MAX = 2,
    MPI_LOCALS_MAX = 4, /* numbers given by facilities */
};

/* What is known of a citizen, as it was written. Empty: not known. */
typedef struct MpiFields {
    Str name, birth, sex; /* birth "1990-01-31", "1990-01", "1990"; sex "male", "female" */
    Str commune;          /* code of the commune of today (2025); older ones: mpi's caller maps */
    Str cccd, paper;      /* 12 digits; any other identity paper (CMND, passport) */
    Str phones[MPI_PHONES_MAX];
    Str cards[MPI_BHXH_MAX];    /* card of 15 characters, or the BHXH number of 10 digits */
    Str locals[MPI_LOCALS_MAX]; /* FACILITY|NUMBER */
} MpiFields;

enum {
    MPI_UNNAMED = 1, /* a newborn without a name of its own */
    MPI_CUT = 2,     /* the name had more words or letters than are kept */
};

typedef struct MpiPerson {
    uint64_t words[MPI_WORDS_MAX]; /* letters a–z packed from the left, five bits each */
    uint16_t
        marks[MPI_WORDS_MAX];    /* tone in the lowest three bits, the other marks hashed; 0 none */
    uint64_t cccd, paper;        /* 0: none; a paper with letters is a hash with the top bit */
    uint64_t bhxh[MPI_BHXH_MAX]; /* in order; 0 behind the last */
    uint64_t phones[MPI_PHONES_MAX];
    uint64_t locals[MPI_LOCALS_MAX]; /* hash of the facility in the upper half, of the number */
    uint32_t commune;
    uint16_t year; /* 0: not known, as are month and day */
    uint8_t month, day;
    uint8_t n_words, flags;
    uint8_t sex;       /* 1 male, 2 female, 0 not known */
    uint8_t temporary; /* bit i: bhxh[i] came from a TE1 card, which may be a newborn's temporary */
} MpiPerson;

void mpi_person_make(const MpiFields *fields, MpiPerson *ret_person);

/* Are there two numbers of n digits that a slip tells apart: one digit another, or two neighbours
 * exchanged? */
bool mpi_number_near(uint64_t a, uint64_t b);
/* The same for words: one letter more, less or another, or two neighbours exchanged. */
bool mpi_word_near(uint64_t a, uint64_t b);
static inline uint64_t mpi_word_first(uint64_t word) {
    return word >> 59;
}
static inline bool mpi_word_is_initial(uint64_t word) {
    return word != 0 && (word << 5) == 0;
}

#endif
