/* mpi_follow.h — newborns and their mothers without a person: a thread of the server that follows
 * the log and decides the certificates anew that a record touches, by the rules of mpi_birth.h;
 * within a second of the commit, one certificate after the other. Looked at are changed
 * RelatedPersons (certificates, who cares for the child) and Patients: with a temporary card, a
 * link, infants under a mother's card or CCCD, women whose facts change. What else may matter (a
 * card taken from a child that waits for review) the next whole run finds.
 *
 * How far it is stands in mpi.db, which may be deleted. Where too much is behind it — the first
 * time, after an import by the command line — it runs over all certificates instead.
 * Errors: those of the store. Threads: start and stop from one; one run of mpi_births at a time. */
#ifndef NHIP_MPI_MPI_FOLLOW_H
#define NHIP_MPI_MPI_FOLLOW_H

#include "mpi/mpi_birth.h"

typedef struct MpiFollow MpiFollow;
MUST_USE ErrCode mpi_follow_start(Store *store, MpiFollow **ret_follow, ErrInfo *info);
/* Before the store is closed. NULL is fine. */
void mpi_follow_stop(MpiFollow *follow);
/* True once all up to the record was looked at; false when timeout_ms passed first. */
bool mpi_follow_wait(MpiFollow *follow, RecordNo record, int64_t timeout_ms);

#endif
