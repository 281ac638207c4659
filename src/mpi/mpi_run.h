/* mpi_run.h — the master index over a whole store: reads every Patient and every case, learns the
 * weights, merges what may be merged automatically and proposes the rest to people. What a person
 * has decided (two people, a merge undone) is never decided otherwise by it.
 * Each merge and each proposal is a commit of its own: stopped at any moment nothing is half done,
 * and a second run goes on where the first one was. Memory: about 420 bytes a Patient.
 * Errors: ERR_STOPPED, ERR_LIMIT (MPI_SET_MAX Patients), ERR_NOMEM, those of the store. Threads:
 * one run at a time; the store may be in use by others. */
#ifndef NHIP_MPI_MPI_RUN_H
#define NHIP_MPI_MPI_RUN_H

#include "core/clock.h"
#include "core/thread.h"
#include "mpi/mpi_set.h"
#include "store/store.h"

typedef struct MpiRunOptions {
    Store *store;
    bool dry; /* counts, changes nothing */
    Str who;  /* in the cases; empty: "nhip mpi" */
    const Clock *clock;
    const StopFlag *stop;                                    /* may be NULL */
    void (*progress)(void *ctx, uint64_t done, uint64_t of); /* decisions; may be NULL */
    void *progress_ctx;
} MpiRunOptions;

typedef struct MpiRunReport {
    uint64_t patients, compared;
    uint64_t merged;   /* automatically; dry: would be */
    uint64_t proposed; /* to people; dry: would be */
    uint64_t known;    /* had a case already */
    uint64_t refused;  /* changed meanwhile, or merged otherwise */
} MpiRunReport;

MUST_USE ErrCode mpi_run(const MpiRunOptions *options, MpiRunReport *ret_report, ErrInfo *info);

#endif
