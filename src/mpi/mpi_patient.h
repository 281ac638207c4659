/* mpi_patient.h — what the master index reads of a Patient, and the links between Patients.
 * A merge changes two Patients and nothing else: the one that stays gets link replaces, the other
 * link replaced-by and active false. Taking the same away again gives the text that was there, byte
 * for byte, when nothing else changed in between; and keeps what did.
 * Ownership: results live in the arena, or point into the text. Errors: ERR_NOMEM, ERR_SYNTAX.
 * Threads: no state. */
#ifndef NHIP_MPI_MPI_PATIENT_H
#define NHIP_MPI_MPI_PATIENT_H

#include "core/json.h"
#include "mpi/mpi_person.h"

#define MPI_REPLACES "replaces"
#define MPI_REPLACED_BY "replaced-by"
#define MPI_SEE_ALSO "seealso"

void mpi_patient_fields(Arena *arena, const JsonNode *patient, MpiFields *ret_fields);

typedef struct MpiLink {
    Str other;  /* id of the other Patient, or TYPE/ID */
    Str type;   /* MPI_REPLACES, MPI_REPLACED_BY, MPI_SEE_ALSO */
    Str active; /* to set: "true", "false", "none" (takes the member away); empty: as it is */
} MpiLink;

/* The id of the Patient that it is linked to by this type, or empty; of several the nth. */
Str mpi_patient_link(Arena *arena, const JsonNode *patient, Str type, size_t nth);
/* "true", "false" or "none", for MpiLink.active. */
Str mpi_patient_active(const JsonNode *patient);
MUST_USE ErrCode mpi_patient_join(Arena *arena, const JsonNode *patient, const MpiLink *link,
                                  Str *ret_json);
MUST_USE ErrCode mpi_patient_part(Arena *arena, const JsonNode *patient, const MpiLink *link,
                                  Str *ret_json);

#endif
