/* intake_receipt.h — what is noted of a claim file that its facility signed itself: a Task beside
 * the visit, in the commit that takes the claim in. It names the document (SHA-256: the very bytes,
 * kept with the received files), the certificate, and the version of the bill that the document
 * says; settle_take (src/settle) moves the visit to `signed` by it. Only a document of one claim
 * has one: a signature over several visits cannot go to the fund for one of them. Ownership:
 * results live in the caller's arena. Errors: ERR_NOT_FOUND, those of the store. Threads: any. */
#ifndef NHIP_INTAKE_INTAKE_RECEIPT_H
#define NHIP_INTAKE_INTAKE_RECEIPT_H

#include "core/json.h"
#include "store/store.h"

#define INTAKE_RECEIPT_SYSTEM "https://nhip.vn/fhir/sid/signed-file" /* FACILITY|MA_LK */
#define INTAKE_RECEIPT_CODES "https://nhip.vn/fhir/CodeSystem/receipt"
#define INTAKE_RECEIPT_CODE "signed-file"

/* X(NAME, Task.status) */
#define INTAKE_RECEIPT_LIST(X)                                                                     \
    X(ASKED, "requested") /* is taken in as signed by itself */                                    \
    X(READY, "ready")     /* waits for a person's command */                                       \
    X(HELD, "on-hold")    /* was tried by itself; `why` says why not */                            \
    X(TAKEN, "completed")

typedef enum IntakeReceiptState {
#define X(name, status) INTAKE_RECEIPT_##name,
    INTAKE_RECEIPT_LIST(X)
#undef X
        INTAKE_RECEIPT_STATES
} IntakeReceiptState;
Str intake_receipt_status(IntakeReceiptState state);

typedef struct IntakeReceipt {
    StoreVersion version;   /* of the Task; slot 0: not written yet */
    const JsonNode *before; /* what that version says; NULL: not written yet */
    IntakeReceiptState state;
    Str key;                /* FACILITY|MA_LK */
    Str patient, visit;     /* references */
    Str file;               /* SHA-256 of the signed document, hexadecimal */
    Str certificate;        /* of the facility, the same way */
    Str signed_at;          /* as FHIR writes it */
    uint32_t claim_version; /* of the bill as the document says it */
    Str why;                /* HELD */
    TimeMs time;            /* of this step */
} IntakeReceipt;

/* The current one of the visit. */
MUST_USE ErrCode intake_receipt_get(Store *store, Arena *arena, Str key, IntakeReceipt *ret);
MUST_USE ErrCode intake_receipt_read(Arena *arena, const StoreVersion *task, IntakeReceipt *ret);
/* Appends the Task's text. */
MUST_USE ErrCode intake_receipt_put(Buf *out, const IntakeReceipt *receipt);

#endif
