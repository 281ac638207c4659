/* claim_person_int.h — the citizen's fields of XML1 or XML0 under one set of names, and the
 * readings of them that identity and mapping share. */
#ifndef NHIP_INTEROP_CLAIM_PERSON_INT_H
#define NHIP_INTEROP_CLAIM_PERSON_INT_H

#include "interop/claim_identity.h"

typedef struct ClaimPerson {
    Str facility;
    Str ma_bn, name, paper, birth, sex, cards;
    bool check_in; /* from XML0 */
} ClaimPerson;

enum { CLAIM_CARDS_MAX = 8 };

/* Empty Strs when the claim has neither table. */
ClaimPerson claim_person(const Claim *claim);
/* System of SO_CCCD by its shape. */
Str claim_paper_system(Str paper);
/* FHIR date of NGAY_SINH with its precision, appended; false (nothing appended) when it is none. */
bool claim_put_birth(Buf *out, Str ngay_sinh);
/* "male", "female", "unknown". */
Str claim_sex(Str gioi_tinh);
/* The 10 digits of a 15-character card or of a 10-digit one; empty for other shapes. */
Str claim_bhxh(Str card);

#endif
