/* intake_fhir_int.h — a transaction inside: its items, and what stays the same over its attempts.
 */
#ifndef NHIP_INTAKE_INTAKE_FHIR_INT_H
#define NHIP_INTAKE_INTAKE_FHIR_INT_H

#include "core/limits.h"
#include "core/thread.h"
#include "fhir/fhir_query.h"
#include "intake/intake_fhir.h"
#include "intake/intake_int.h"

enum { TX_ATTEMPTS = 200 };
#define TX_ARENA_MAX (1024 * LIMIT_MIB)

/* One ask on its way. Prepared once: */
typedef struct TxItem {
    IntakeAsk ask;
    Str text; /* references to entries are "Type/~ENTRY", to conditions "Type/~(n_items + COND)" */
    bool has_patient;
    FhirIndexReference patient;
    Str client_id; /* given to it because a uri member names it by its urn */
    /* in each attempt: */
    StoreVersion found; /* the newest version of the target; first = 0: there is none */
    bool writes;
    StoreOp op;
    Str new_id;     /* CREATE under a client's id */
    uint64_t group; /* 0: no patient; the patient's first slot; TX_NEW | item: a new Patient */
    size_t change;  /* its number in the commit */
    IntakeAnswer answer;
} TxItem;
#define TX_NEW (UINT64_C(1) << 63)

/* A condition: of an ask, or of a reference "Type?query". */
typedef struct TxCondition {
    FhirType type;
    Str query;
    StoreVersion found; /* in each attempt, of references only */
} TxCondition;

/* Text → item: full URLs, "Type/id" of updates, "Type?condition". */
typedef struct TxKey {
    Str text;
    uint32_t item;
} TxKey;

struct IntakeTx {
    IntakeTxOptions o;
    Store *store;
    Arena *arena;
    Arena *tries; /* one attempt's; reset before each */
    TxItem *items;
    size_t n_items, cap_items;
    TxCondition *conditions; /* of references */
    size_t n_conditions, cap_conditions;
    TxKey *keys;
    size_t keys_mask;
    unsigned attempts;
    Plan plan; /* groups and expects of this attempt */
    RecordNo snapshot;
    size_t *by_change; /* item of each change */
    /* from the writer thread: */
    void (*done)(void *ctx);
    void *done_ctx;
    ErrCode err;
    ErrInfo info;
    StoreCommitted committed;
};

/* intake_fhir_text.c: fills item->text and item->patient. */
MUST_USE ErrCode tx_rewrite(IntakeTx *tx, size_t item, Arena *scratch, ErrInfo *info);
/* The item with this key, or SIZE_MAX. */
size_t tx_find(const IntakeTx *tx, Str text);

/* The rule of what is refused because its Patient is not there (yet). */
#define INTAKE_PATIENT_UNKNOWN "patient-unknown"

/* ---- intake_fhir_order.c ---- */
typedef struct IntakeLine {
    Str text;
    unsigned number; /* from 1 */
} IntakeLine;
/* First lines of Patients that earlier lines of a file name, in their order; free(lines), also
 * after an error. A function of
 * the text alone: a run that was cut off finds the same ones again. */
typedef struct IntakeLate {
    IntakeLine *lines;
    size_t n;
} IntakeLate;
MUST_USE ErrCode intake_find_late(Str text, IntakeLate *ret);
/* "Patient.ndjson", "1.Patient.000.ndjson.gz" …: taken before the other files of a run. */
bool intake_is_patient_file(Str name);
/* Tries those open rejects again that wanted a Patient who has come since. */
MUST_USE ErrCode intake_retry_waiting(Intake *intake, const IntakeFeed *feed, ErrInfo *info);

/* intake_fhir_resolve.c: one attempt's look-ups, groups and commit. */
MUST_USE ErrCode tx_resolve(IntakeTx *tx, StoreCommit *ret_commit, ErrInfo *info);

#endif
