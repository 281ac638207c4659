/* mpi_birth_int.h — a certificate's child, what is decided about it, and its case in the store. */
#ifndef NHIP_MPI_MPI_BIRTH_INT_H
#define NHIP_MPI_MPI_BIRTH_INT_H

#include "core/json.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_patient.h"

enum { BIRTH_CHILDREN_MAX = 16 };

typedef struct Birth { /* a RelatedPerson that a certificate made of the child */
    Str id, card, day, sex;
    Str mother; /* id of her Patient */
    Str base;   /* role of the certificate: "xml9/1"; empty: no claim's */
    Slot first, slot;
    bool shared; /* another certificate names the card, too */
} Birth;

typedef enum BirthDecision { BIRTH_WAITS, BIRTH_REVIEW, BIRTH_LINK } BirthDecision;

typedef struct BirthVerdict {
    BirthDecision decision;
    Str children[BIRTH_CHILDREN_MAX]; /* ids of Patients; BIRTH_LINK: the first is the one */
    size_t n;
    size_t n_agree; /* of them, first in the list: day and sex are the certificate's */
    size_t persons; /* that they are */
    bool by_mother; /* found by the mother's card */
    bool mother;    /* she can be the mother, and nobody else is named */
} BirthVerdict;

/* The case of one certificate. */
typedef struct BirthCase {
    Store *store;
    Arena *arena;
    const Birth *birth;
    const BirthVerdict *verdict; /* of propose and link */
    Str who, why;
    TimeMs now;
    RecordNo snapshot;
    StoreVersion task; /* slot 0: none */
    const JsonNode *root;
    Str status, child, mother; /* as the Task has them */
    ErrInfo *info;
} BirthCase;

/* store, arena, birth, info are given. */
MUST_USE ErrCode birth_case_load(BirthCase *c);
/* ERR_CONFLICT: somebody was faster. */
MUST_USE ErrCode birth_case_propose(BirthCase *c);
MUST_USE ErrCode birth_case_link(BirthCase *c);
/* status: what becomes of the case: "cancelled", "rejected". */
MUST_USE ErrCode birth_case_part(BirthCase *c, const char *status);

#endif
