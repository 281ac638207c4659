/* mpi_birth.h — newborns and their mothers. A birth certificate (XML9) makes of the child a
 * RelatedPerson of the mother. Once the child has a Patient of its own the two records are linked
 * as R4 links a mother and her newborn, in one commit of four resources: the child's Patient gets
 * link seealso to the certificate's RelatedPerson; a new RelatedPerson of the child's Patient is
 * the mother (relationship MTH); the mother's Patient gets link seealso to that one; and a Task
 * (code newborn), of the certificate, says who, when and by what.
 *
 * Linked is only what is certain: one person has the temporary card of the certificate, was born on
 * its day and has its sex; the mother is the visit's citizen, a woman, born earlier; nobody else is
 * named as who cares for the child; no other certificate names the card. What agrees only in part,
 * or has the mother's card or CCCD and the day and sex of the child, is proposed (Task requested)
 * and never linked. A certificate that is gone or says otherwise takes its links away again; what a
 * person rejected is not linked again. What claims wrote is never changed, so files leave as they
 * came.
 *
 * Errors: ERR_STOPPED, ERR_NOT_FOUND and ERR_PARAM (of what a person says), ERR_NOMEM, those of the
 * store.
 * Threads: one run at a time; the store may be in use by others. */
#ifndef NHIP_MPI_MPI_BIRTH_H
#define NHIP_MPI_MPI_BIRTH_H

#include "core/json.h"
#include "mpi/mpi_run.h"

#define MPI_BIRTH_SYSTEM "https://nhip.vn/fhir/sid/mpi-newborn" /* id of a certificate's child */
#define MPI_BIRTH_CODE "newborn"                                /* in MPI_CODE_SYSTEM */
#define MPI_BIRTH_BY_PERSON "linked-by" /* Task.input: a person, not a rule, made the link */

typedef struct MpiBirthReport {
    uint64_t births;                   /* children that certificates name with a temporary card */
    uint64_t waiting;                  /* have no Patient yet */
    uint64_t linked, parted, proposed; /* dry: would be */
    uint64_t known;                    /* linked, proposed or rejected already */
    uint64_t refused;                  /* changed meanwhile */
} MpiBirthReport;

/* Each certificate is a commit of its own. Memory: about 200 bytes a certificate. */
MUST_USE ErrCode mpi_births(const MpiRunOptions *options, MpiBirthReport *ret_report,
                            ErrInfo *info);

/* One certificate, as a run would decide it; also one that is gone. */
MUST_USE ErrCode mpi_birth_one(const MpiRunOptions *options, Str birth, MpiBirthReport *ret_report,
                               ErrInfo *info);

/* A case as it stands, beside what the records say now. */
enum { MPI_BIRTH_CHILDREN = 16 };
typedef struct MpiBirthSeen {
    Str status, who, why, time; /* of the Task */
    bool by_person;
    Str mother, linked;               /* ids of Patients; linked: the child, empty: none is */
    const JsonNode *certificate;      /* the RelatedPerson; NULL: it is gone */
    Str children[MPI_BIRTH_CHILDREN]; /* whom it may mean, who agree first */
    size_t n, n_agree;                /* agree: in day and sex */
    bool one_person, one_certificate; /* all of them are; names the card */
    bool by_card, mother_fits;        /* else found by the mother's; she can be it */
} MpiBirthSeen;
/* ERR_NOT_FOUND: there is no case. */
MUST_USE ErrCode mpi_birth_see(Store *store, Arena *arena, Str birth, MpiBirthSeen *ret,
                               ErrInfo *info);

/* What a person says of a case. ERR_NOT_FOUND: there is none; ERR_PRECONDITION: it is not as it
 * must be for that. */
typedef struct MpiBirthAct {
    Str birth; /* id of the certificate's RelatedPerson */
    Str child; /* of a link: id of the Patient, one of those whom it may be */
    Str who, why;
    TimeMs now;
} MpiBirthAct;
/* They are mother and child, whatever is not certain. It stands until the certificate names another
 * mother, the child is none of those whom it may be, or is parted from one of them. */
MUST_USE ErrCode mpi_birth_link(Store *store, const MpiBirthAct *act, ErrInfo *info);
/* They are not: what was linked is parted, and stays so. */
MUST_USE ErrCode mpi_birth_reject(Store *store, const MpiBirthAct *act, ErrInfo *info);
/* Takes a person's link or rejection back: the rules decide anew. */
MUST_USE ErrCode mpi_birth_reopen(Store *store, const MpiBirthAct *act, ErrInfo *info);

#endif
