/* mpi_index.h — who is worth comparing: citizens that share a blocking key (a number; folded given
 * name and birth date; birth date and phone; …). Each key is chosen so that an error in one field
 * leaves another key whole. Keys of fewer bits than their values may collide: that costs a
 * comparison, never a decision. A block takes MPI_BLOCK_MAX citizens: a key that more share tells
 * nothing, and what it would have found another key finds (mpi_index_stat counts the refused).
 * Memory: 12 bytes a key and 4–8 bytes a bucket, about 150 bytes a citizen. Adding and finding cost
 * a few µs. Ownership: of its maker. Errors: ERR_NOMEM, ERR_LIMIT (2^32 keys). Threads: finding
 * from many at once while nobody adds. */
#ifndef NHIP_MPI_MPI_INDEX_H
#define NHIP_MPI_MPI_INDEX_H

#include "mpi/mpi_person.h"

enum { MPI_BLOCK_MAX = 64, MPI_KEYS_MAX = 24, MPI_CANDIDATES_MAX = MPI_KEYS_MAX * MPI_BLOCK_MAX };

typedef struct MpiIndex MpiIndex;

MpiIndex *mpi_index_new(void); /* NULL without memory */
void mpi_index_free(MpiIndex *index);
/* A citizen that changed is added again under the same id: it is found by old and new keys. */
MUST_USE ErrCode mpi_index_add(MpiIndex *index, uint32_t id, const MpiPerson *person);
/* Ids that share a key, ascending, each once; room for MPI_CANDIDATES_MAX. */
size_t mpi_index_find(const MpiIndex *index, const MpiPerson *person, uint32_t *ret_ids);
/* The blocking keys of a citizen; room for MPI_KEYS_MAX. */
size_t mpi_keys(const MpiPerson *person, uint32_t *ret_keys);

typedef struct MpiIndexStat {
    uint64_t keys, refused; /* entries; those that found their block full */
    uint64_t bytes;
} MpiIndexStat;
MpiIndexStat mpi_index_stat(const MpiIndex *index);

#endif
