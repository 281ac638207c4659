/* mpi_compare.h — two citizens compared field by field: each field agrees at one of a few levels,
 * and the levels of all fields are the comparison vector (Fellegi & Sunter, "A theory for record
 * linkage", JASA 64, 1969; levels of partial agreement: Winkler, "String comparator metrics and
 * enhanced decision rules", 1990). The comparison is symmetric: mpi_compare(a, b) is
 * mpi_compare(b, a).
 * Cost: 50–150 ns. Threads: no state. */
#ifndef NHIP_MPI_MPI_COMPARE_H
#define NHIP_MPI_MPI_COMPARE_H

#include "mpi/mpi_person.h"

typedef enum MpiField {
    MPI_NAME,
    MPI_BIRTH,
    MPI_SEX,
    MPI_COMMUNE,
    MPI_PHONE,
    MPI_CCCD,
    MPI_PAPER,
    MPI_BHXH,
    MPI_LOCAL,
    MPI_FIELDS
} MpiField;

/* Level 0 of each field: one of the two does not know it. It speaks neither for nor against. */
enum { MPI_MISSING = 0 };

typedef enum MpiNameLevel {
    MPI_NAME_SAME = 1, /* words and accents */
    MPI_NAME_BARE,     /* one of them was written without accents */
    MPI_NAME_MOVED,    /* the letters agree, accents do not: a slip, or twins called Hà and Hạ */
    MPI_NAME_ORDER,    /* the same words in another order, or joined and parted in other places */
    MPI_NAME_SLIP,     /* one letter of one word */
    MPI_NAME_SHORT,    /* initials, or middle names left out */
    MPI_NAME_GIVEN,    /* the given name and one more word */
    MPI_NAME_FAMILY,   /* family and middle name, another given name: brothers, sisters, twins */
    MPI_NAME_OTHER,
    MPI_NAME_LEVELS
} MpiNameLevel;

typedef enum MpiBirthLevel {
    MPI_BIRTH_SAME = 1,
    MPI_BIRTH_SWAPPED, /* day and month exchanged */
    MPI_BIRTH_SLIP,    /* one digit, or two neighbours exchanged */
    MPI_BIRTH_YEAR,    /* only the year is known to one of them, or stands as 01/01 */
    MPI_BIRTH_NEAR,    /* the same year, another day; or the same day of another year */
    MPI_BIRTH_OTHER,
    MPI_BIRTH_LEVELS
} MpiBirthLevel;

/* Of sex and commune. */
typedef enum MpiAgreeLevel { MPI_SAME = 1, MPI_OTHER, MPI_AGREE_LEVELS } MpiAgreeLevel;

/* Of numbers. A number that only a newborn's TE1 card carries never speaks against. */
typedef enum MpiNumberLevel {
    MPI_NUMBER_SAME = 1,
    MPI_NUMBER_NEAR, /* a slip apart: a typing error, or two people registered one after another */
    MPI_NUMBER_OTHER,
    MPI_NUMBER_LEVELS
} MpiNumberLevel;

enum { MPI_LEVELS_MAX = MPI_NAME_LEVELS };

/* The levels of all fields in MPI_VECTOR_BITS bits: equal vectors are equal evidence. */
typedef uint32_t MpiVector;
enum { MPI_VECTOR_BITS = 21 };

MpiVector mpi_compare(const MpiPerson *a, const MpiPerson *b);
unsigned mpi_level(MpiVector vector, MpiField field);
MpiVector mpi_vector_with(MpiVector vector, MpiField field, unsigned level);
unsigned mpi_levels(MpiField field); /* levels of a field, MPI_MISSING counted */

/* "name", "birth" … and "same", "slip" …, as they stand in files and answers; for people in both
 * languages. */
const char *mpi_field_name(MpiField field);
const char *mpi_level_name(MpiField field, unsigned level);
const char *mpi_level_text(MpiField field, unsigned level, bool vietnamese);

#endif
