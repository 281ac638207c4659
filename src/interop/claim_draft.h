/* claim_draft.h — a claim under repair: its records with changes on top, and out again as a claim.
 * Records are told by table and number: from 1, over all documents of the table, as the rules count
 * them (rules.h); numbers stay while the draft is edited, also when records before are taken away.
 * A document that is kept whole (ClaimPart.xml) keeps its bytes until one of its records changes.
 * MA_LK cannot be changed; new records get it by themselves.
 * Ownership: everything lives in the arena and points into the claim that it was made of. Errors:
 * ERR_PARAM (no such table, record or field, another MA_LK; rule draft-*), ERR_UNSUPPORTED (the
 * document holds elements that no field carries, a change would lose them; rule draft-kept),
 * ERR_LIMIT, ERR_NOMEM. Threads: one a draft. Cost: a change copies its record once. */
#ifndef NHIP_INTEROP_CLAIM_DRAFT_H
#define NHIP_INTEROP_CLAIM_DRAFT_H

#include "interop/claim_read.h"

typedef struct ClaimDraft ClaimDraft;

/* claim may be empty but for facility, made and ma_lk: a visit that is being written. */
MUST_USE ErrCode claim_draft_new(Arena *arena, const Claim *claim, ClaimDraft **ret_draft);

typedef struct ClaimEdit {
    Str table, field, value; /* "XML3", "MA_MAY" (of either release) */
    size_t record;           /* from 1; one behind the last: a new record */
    bool remove;             /* the record; field and value are not looked at */
} ClaimEdit;
MUST_USE ErrCode claim_draft_edit(ClaimDraft *draft, const ClaimEdit *edit, ErrInfo *info);

/* The claim as it stands; tables by number, their documents in order. facility and ma_lk are those
 * of the claim at the start. */
MUST_USE ErrCode claim_draft_claim(ClaimDraft *draft, Claim *ret_claim);

#endif
