/* mpi_birth_int.h — a certificate's child, what is decided about it, and its case in the store. */
#ifndef NHIP_MPI_MPI_BIRTH_INT_H
#define NHIP_MPI_MPI_BIRTH_INT_H

#include "core/json.h"
#include "core/limits.h"
#include "mpi/mpi_birth.h"
#include "mpi/mpi_patient.h"

enum { BIRTH_CHILDREN_MAX = MPI_BIRTH_CHILDREN, BIRTH_ATTEMPTS = 5 };
#define BIRTH_CHILD_OF                                                                             \
    "relationship=http://terminology.hl7.org/CodeSystem/v3-RoleCode|CHILD" /* a query */
#define BIRTH_MOTHER_ID "mpi-" /* so begin the ids of RelatedPersons that are mothers */
#define BIRTH_BYTES ((size_t)64 * LIMIT_MIB)

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
    bool by_person;            /* a person made, or makes, the link */
    ErrInfo *info;
} BirthCase;

/* A newborn's, which tells one child from another. */
bool birth_card_is_temporary(Str card);

/* store, arena, birth, info are given. */
MUST_USE ErrCode birth_case_load(BirthCase *c);
/* ERR_CONFLICT: somebody was faster. */
MUST_USE ErrCode birth_case_propose(BirthCase *c);
MUST_USE ErrCode birth_case_link(BirthCase *c);
/* status: what becomes of the case: "cancelled", "rejected". */
MUST_USE ErrCode birth_case_part(BirthCase *c, const char *status);

/* A run, or one step of one. */
typedef struct Births {
    const MpiRunOptions *o;
    Arena *keep;    /* of the list */
    Arena *scratch; /* of one certificate */
    Birth *list;    /* by card */
    size_t n, room;
    MpiBirthReport report;
    ErrInfo *info;
} Births;

/* The child of a certificate now; ERR_NOT_FOUND: it is none, or names no temporary card. */
MUST_USE ErrCode birth_find(Store *store, Arena *arena, Str id, Birth *ret);
/* By the records as they stand. store, arena, birth, info are given. */
MUST_USE ErrCode birth_decide(BirthCase *c, BirthVerdict *ret);
/* Links, parts, proposes, or leaves it as it is. Resets scratch, where birth must not be. */
MUST_USE ErrCode birth_settle(Births *b, const Birth *birth);
/* The certificate is gone: so are its links. */
MUST_USE ErrCode birth_close_gone(Births *b, Str id);

#endif
