/* mpi_case.h — decisions about pairs of Patients, through the store. A pair's case is a Task (code
 * same-citizen): requested while a person is to look at it, completed when the two were merged,
 * rejected when they are two people, cancelled when a merge was undone. Each step is a new version
 * with who, when and why, in one commit with the Patients that it changes; the Task's history is
 * the log. Evidence (rule, score, level of each field) stands in Task.input.
 *
 * Records stay where they were written: a merge only links the Patients (mpi_patient.h), and
 * searches by the one that stays ask for both. What comes later with the other one's numbers is
 * still written there. So an undone merge leaves nothing to be sorted out.
 * Errors: ERR_NOT_FOUND, ERR_GONE (a Patient), ERR_PARAM (the same one twice; nobody or no reason
 * named), ERR_PRECONDITION (merged already, not merged, decided already), ERR_CONFLICT after
 * several attempts, those of the store. Threads: safe from any. */
#ifndef NHIP_MPI_MPI_CASE_H
#define NHIP_MPI_MPI_CASE_H

#include "mpi/mpi_model.h"
#include "mpi/mpi_patient.h"
#include "store/store.h"

#define MPI_CASE_SYSTEM "https://nhip.vn/fhir/sid/mpi" /* Task.identifier: the ids of the pair */
#define MPI_CODE_SYSTEM "https://nhip.vn/fhir/CodeSystem/mpi"
#define MPI_CODE "same-citizen"

typedef struct MpiAct {
    Str keep, other; /* ids of Patients; keep stays. Without a merge their order means nothing */
    Str who, why;
    const MpiModel *model;     /* of the evidence; NULL: the shipped one */
    const MpiVerdict *verdict; /* where it is known already; NULL: by the model */
    TimeMs now;
} MpiAct;

/* For review. ERR_EXISTS when the pair has a case. */
MUST_USE ErrCode mpi_propose(Store *store, const MpiAct *act, ErrInfo *info);
MUST_USE ErrCode mpi_merge(Store *store, const MpiAct *act, ErrInfo *info);
/* keep and other may be given in either order. */
MUST_USE ErrCode mpi_unmerge(Store *store, const MpiAct *act, ErrInfo *info);
/* They are two people: not proposed again. */
MUST_USE ErrCode mpi_differ(Store *store, const MpiAct *act, ErrInfo *info);

/* The pair's case as it stands; slot 0: it has none. The ids in either order. */
MUST_USE ErrCode mpi_case_find(Store *store, Arena *arena, Str a, Str b, StoreVersion *ret);
bool mpi_case_is(Arena *arena, const StoreVersion *task, const char *status);

/* Two Patients side by side. */
typedef struct MpiSideBySide {
    Str ids[2];
    MpiFields fields[2];
    MpiVector vector;
    MpiVerdict verdict;
    double weights[MPI_FIELDS];
    Str status; /* of the pair's Task; empty: it has none */
} MpiSideBySide;
MUST_USE ErrCode mpi_side_by_side(Store *store, Arena *arena, const MpiAct *act, MpiSideBySide *ret,
                                  ErrInfo *info);
/* The value as it was written, of the numbers the first. */
Str mpi_field_text(const MpiFields *fields, MpiField field);

#endif
