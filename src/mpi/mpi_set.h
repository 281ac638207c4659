/* mpi_set.h — all citizens of a province with their index, the frequencies of their names and the
 * model: add, learn the weights, find who may be the same, and group whom the rules allow.
 * Ids are given in the order of adding, from 0. Deterministic: the same citizens in the same order
 * give the same pairs and groups. Memory: about 330 bytes a citizen. Ownership: of its maker.
 * Errors: ERR_NOMEM, ERR_LIMIT (MPI_SET_MAX citizens). Threads: reading from many while nobody
 * adds, replaces or learns. */
#ifndef NHIP_MPI_MPI_SET_H
#define NHIP_MPI_MPI_SET_H

#include "mpi/mpi_index.h"
#include "mpi/mpi_model.h"

enum { MPI_SET_MAX = 1 << 24, MPI_GROUP_MAX = 16 };

typedef struct MpiSet MpiSet;

typedef struct MpiPair {
    uint32_t a, b; /* a < b */
    MpiVector vector;
    MpiVerdict verdict;
} MpiPair;

MpiSet *mpi_set_new(void); /* NULL without memory; with the shipped model */
void mpi_set_free(MpiSet *set);
MUST_USE ErrCode mpi_set_add(MpiSet *set, const MpiPerson *person, uint32_t *ret_id);
/* What is known of citizen id now; it is found by the old keys too. */
MUST_USE ErrCode mpi_set_replace(MpiSet *set, uint32_t id, const MpiPerson *person);
size_t mpi_set_count(const MpiSet *set);
const MpiPerson *mpi_set_person(const MpiSet *set, uint32_t id);
const MpiModel *mpi_set_model(const MpiSet *set);
void mpi_set_model_put(MpiSet *set, const MpiModel *model);
MpiIndexStat mpi_set_stat(const MpiSet *set, uint64_t *ret_bytes);

/* Estimates the model from the candidate pairs of at most max_persons citizens, spread evenly. */
MUST_USE ErrCode mpi_set_learn(MpiSet *set, size_t max_persons);

/* A person knows that they are two: never in one group. */
MUST_USE ErrCode mpi_set_part(MpiSet *set, uint32_t a, uint32_t b);
bool mpi_set_parted(const MpiSet *set, uint32_t a, uint32_t b);

/* Compares and decides one pair. */
MpiPair mpi_set_judge(const MpiSet *set, uint32_t a, uint32_t b);

/* Called for each pair that is linked or for review, in order of b, then a. */
typedef ErrCode (*MpiPairFn)(void *ctx, const MpiPair *pair);
/* All pairs of citizens from … to-1 with those before them; ret_compared may be NULL. */
typedef struct MpiRange {
    uint32_t from, to;
} MpiRange;
MUST_USE ErrCode mpi_set_pairs(const MpiSet *set, MpiRange range, MpiPairFn fn, void *ctx,
                               uint64_t *ret_compared);

/* Groups the citizens by the linked ones of the pairs, best score first; a pair whose groups hold
 * two citizens that can never be one (mpi_forbids), or that would make a group larger than
 * MPI_GROUP_MAX, becomes MPI_REVIEW in place. ret_groups[id] is the smallest id of its group.
 * Sorts the pairs. */
MUST_USE ErrCode mpi_set_group(const MpiSet *set, MpiPair *pairs, size_t n_pairs,
                               uint32_t *ret_groups);

#endif
