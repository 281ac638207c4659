/* api_draft.h — a visit's claim on the screen: read with its mark, changed by edits, checked,
 * written. The mark (ETag) is a digest of all that the claim says, so that two people cannot
 * overwrite each other. Ownership: everything lives in the call's arena. Threads: one a call. */
#ifndef NHIP_API_API_DRAFT_H
#define NHIP_API_API_DRAFT_H

#include "api/api_book.h"
#include "interop/claim_draft.h"

enum { DRAFT_MARK_LEN = 32 };

typedef struct DraftVisit {
    StoreVersion version; /* of the Encounter */
    Claim claim;
    char mark[DRAFT_MARK_LEN + 1];
} DraftVisit;

/* The visit as it stands now. ERR_NOT_FOUND (claim-none), ERR_GONE. */
MUST_USE ErrCode draft_visit(RestCall *call, Str encounter, DraftVisit *ret, ErrInfo *info);
void draft_mark(const Claim *claim, char ret_mark[DRAFT_MARK_LEN + 1]);

/* The body's "edits" [{"table","record","field","value"}, {"table","record","remove":true}], or its
 * "tables" {"XML3":[{"MA_MAY":"…"}]} instead of those of the base. */
MUST_USE ErrCode draft_apply(RestCall *call, const JsonNode *body, const Claim *base,
                             Claim *ret_claim, ErrInfo *info);

/* The claim as a file of one, NGAYLAP as given; note: a comment, so that the same claim saved again
 * is a file of its own. */
MUST_USE ErrCode draft_file(Arena *arena, const Claim *claim, Str made, Str note, Str *ret_xml);

/* What the reader of files says of it; issues live in the arena. */
typedef struct DraftIssues {
    Arena *arena;
    ClaimIssue *items;
    size_t n;
    bool refused;
} DraftIssues;
MUST_USE ErrCode draft_read(Arena *arena, Str xml, DraftIssues *ret);

/* What the reader and the rules say of it; ERR_UNSUPPORTED (book-none). */
typedef struct DraftCheck {
    DraftIssues issues;
    BookReport report;
} DraftCheck;
MUST_USE ErrCode draft_check(RestCall *call, const BookDraft *draft, DraftCheck *ret,
                             ErrInfo *info);

/* {"XML1":[["…",…],…],…}: values in the order of GET /api/claims/tables. */
void draft_put_tables(JsonWriter *w, const Claim *claim);
/* Members of a check: day, counts, findings of the reader and of the rules, not_checked. */
MUST_USE ErrCode draft_put_check(RestCall *call, JsonWriter *w, const BookDraft *draft,
                                 ErrInfo *info);

#endif
