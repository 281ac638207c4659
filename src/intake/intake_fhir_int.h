/* intake_fhir_int.h — a transaction inside: its items, and what stays the same over its attempts.
 */
#ifndef NHIP_INTAKE_INTAKE_FHIR_INT_H
#define NHIP_INTAKE_INTAKE_FHIR_INT_H

#include "core/limits.h"
#include "core/thread.h"
#include "fhir/fhir_query.h"
#include "intake/intake_lines.h"
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
    StoreVersion *more; /* DELETE: others that the condition found */
    size_t n_more;
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
    size_t item;        /* the same; SIZE_MAX: no entry of the transaction, but `found` */
} TxCondition;

/* What an attempt's look-ups relied on, beside the tokens in Plan.expects. */
typedef struct TxRelied {
    StoreCondition *conditions;
    size_t n_conditions, cap_conditions;
    StoreStill *still;
    size_t n_still, cap_still;
} TxRelied;

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
    size_t n_many;           /* deletes by condition */
    TxCondition *conditions; /* of references */
    size_t n_conditions, cap_conditions;
    TxKey *keys;
    size_t keys_mask;
    unsigned attempts;
    Plan plan; /* groups and expects of this attempt */
    RecordNo snapshot;
    TimeMs now;
    TxRelied relied;
    Slot *changed; /* first slots that it changes, as far as it is resolved: open addressing */
    size_t changed_mask, n_changed, n_deleted, own_matches;
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
/* "Type/id" of a new item that was given an id (client_id) is a key, too, from now on. */
MUST_USE ErrCode tx_name(IntakeTx *tx, size_t item);

/* ---- intake_fhir_condition.c ---- */
typedef struct TxLook {
    FhirType type;
    Str query;
    size_t max;
    ErrInfo *info;
} TxLook;
typedef struct TxFound {
    StoreVersion *versions;
    size_t n;
} TxFound;
/* Up to max resources that fulfil the condition; the commit will hold only if that stays so. */
MUST_USE ErrCode tx_look(IntakeTx *tx, const TxLook *look, FhirQuery *ret_query, TxFound *ret);
/* The only resource that fulfils the condition, those that the transaction deletes left out; first
 * = 0: none. ERR_MULTIPLE. */
MUST_USE ErrCode tx_find_one(IntakeTx *tx, FhirType type, Str condition, StoreVersion *ret,
                             ErrInfo *info);
/* Fills found or item: what fulfils it behind all changes of the transaction. */
MUST_USE ErrCode tx_find_reference(IntakeTx *tx, TxCondition *c, ErrInfo *info);
/* The commit will hold only if this is still the newest version then. */
MUST_USE ErrCode tx_rely(IntakeTx *tx, const StoreVersion *v);
/* Does the transaction change (or delete) this resource? intake_fhir_resolve.c */
bool tx_changes(const IntakeTx *tx, Slot first, bool deletes_only);

/* The rule of what is refused because its Patient is not there (yet). */
#define INTAKE_PATIENT_UNKNOWN "patient-unknown"

/* ---- intake_fhir_order.c ---- */
/* First lines of Patients that earlier lines of a file name, by their numbers, ascending;
 * free(numbers), also after an error. A function of the text alone: a run that was cut off finds
 * the same ones again. Reads the whole file, so that what is wrong with it shows before anything
 * of it is taken in. ERR_STOPPED. */
typedef struct IntakeLate {
    unsigned *numbers;
    size_t n;
} IntakeLate;
MUST_USE ErrCode intake_find_late(IntakeLines *lines, const StopFlag *stop, IntakeLate *ret,
                                  ErrInfo *why);
/* "Patient.ndjson", "1.Patient.000.ndjson.gz" …: taken before the other files of a run. */
bool intake_is_patient_file(Str name);
/* Tries those open rejects again that wanted a Patient who has come since. */
MUST_USE ErrCode intake_retry_waiting(Intake *intake, const IntakeFeed *feed, ErrInfo *info);

/* intake_fhir_resolve.c: one attempt's look-ups, groups and commit. */
MUST_USE ErrCode tx_resolve(IntakeTx *tx, StoreCommit *ret_commit, ErrInfo *info);

#endif
