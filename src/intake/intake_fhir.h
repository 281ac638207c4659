/* intake_fhir.h — FHIR interactions as commits of the store, without HTTP: create, update, delete
 * (plain and conditional), transactions; the API and the import of files share it.
 *
 * A transaction (IntakeTx) is filled with asks, prepared once (references between its entries and
 * to ourselves rewritten), then submitted: each attempt looks up what the asks name, at one
 * snapshot of the store, groups the changes by patient and hands one commit to the store's writer.
 * A commit that met another's is resolved again on a new snapshot (intake_tx_again). What was found
 * by conditions, and that nothing else was, is checked by the writer: by keys when a condition
 * holds an exact token (identifier=system|value), else against what was committed meanwhile.
 * Ownership: everything lives in the arena of the options until the transaction is done. Threads:
 * one thread at a time; `done` comes from the store's writer thread. */
#ifndef NHIP_INTAKE_INTAKE_FHIR_H
#define NHIP_INTAKE_INTAKE_FHIR_H

#include "fhir/fhir_parse.h"
#include "intake/intake.h"

/* In the order in which a transaction is carried out. */
typedef enum IntakeVerb { INTAKE_DELETE, INTAKE_CREATE, INTAKE_UPDATE, INTAKE_READ } IntakeVerb;

typedef struct IntakeAsk IntakeAsk;
struct IntakeAsk {
    IntakeVerb verb;
    FhirType type;
    Str id;            /* UPDATE, DELETE: of what; empty with a condition */
    Str condition;     /* CREATE: If-None-Exist; UPDATE, DELETE: the search that names the target */
    Str if_match;      /* UPDATE, DELETE: only if the newest version is among these ETags; empty:
                        * whatever it is */
    bool if_absent;    /* UPDATE: only if there is none (If-None-Match: *) */
    Str full_url;      /* in a bundle */
    Str url;           /* READ: as asked, relative to the base */
    Str if_none_match; /* READ: the versions that the client holds */
    bool head_only;    /* READ: without what is read */
    TimeMs if_modified_since;   /* READ: what was there then is held, too; 0: unsaid */
    const JsonNode *root;       /* CREATE, UPDATE: the resource, validated */
    const JsonNode *patch_body; /* UPDATE by PATCH: Parameters or Binary of the entry */
    bool is_posted;             /* READ by POST: an operation … */
    const JsonNode *posted;     /* … with this body; may be NULL */
    /* UPDATE by PATCH, instead of root: makes it from the version that is there, validated, in each
     * attempt anew; what it makes lives in the arena. */
    ErrCode (*patch)(const IntakeAsk *ask, Arena *arena, const StoreVersion *found,
                     const JsonNode **ret_root, ErrInfo *info);
    void *patch_ctx;
};

/* ETags of FHIR are W/"versionId"; lists of them and * as RFC 9110 has them in If-Match and
 * If-None-Match. intake_etag_version: 0 when the text is no tag of a version of ours. */
uint32_t intake_etag_version(Str etag);
bool intake_etags_name(Str list, uint32_t version);
/* ERR_PARAM when If-Match is no list of quoted tags at all; a tag that nobody gave is well formed.
 */
MUST_USE ErrCode intake_check_etags(Str list, ErrInfo *info);

typedef struct IntakeAnswer {
    int status; /* 200, 201, 204; 0: a READ, which the caller does himself afterwards */
    FhirType type;
    Str id;
    Slot slot; /* the version that it made, or found as the condition's only match; 0: none */
    uint32_t version;
    TimeMs time;
    size_t n_deleted; /* DELETE: resources that went */
} IntakeAnswer;

typedef struct IntakeTx IntakeTx;
typedef struct IntakeTxOptions {
    Intake *intake;
    Arena *arena;
    Str base_url;             /* own references are cut by it; may be empty */
    Str actor, source;        /* of the origin row */
    unsigned delete_max;      /* resources that one condition may delete; 0: 1 */
    const StoreCommit *extra; /* received files, rejects, files done that belong to it, or NULL */
} IntakeTxOptions;

MUST_USE ErrCode intake_tx_new(const IntakeTxOptions *options, IntakeTx **ret_tx);
MUST_USE ErrCode intake_tx_add(IntakeTx *tx, const IntakeAsk *ask);
size_t intake_tx_count(const IntakeTx *tx);
const IntakeAsk *intake_tx_ask(const IntakeTx *tx, size_t i);

/* After prepare: the UPDATE or DELETE of several asks that names "Type/id", or NULL. */
const IntakeAsk *intake_tx_find(const IntakeTx *tx, Str target);

/* Once, after the last ask. ERR_INVALID, ERR_PARAM (the asks contradict each other). */
MUST_USE ErrCode intake_tx_prepare(IntakeTx *tx, ErrInfo *info);
/* One attempt. *ret_waiting: done(ctx) will run once on the writer thread and must be short;
 * otherwise nothing had to be written and the transaction is over. */
MUST_USE ErrCode intake_tx_submit(IntakeTx *tx, void (*done)(void *ctx), void *ctx,
                                  bool *ret_waiting, ErrInfo *info);
/* After done. ERR_OK, or why it was refused. *ret_again: submit it once more. */
MUST_USE ErrCode intake_tx_finish(IntakeTx *tx, bool *ret_again, ErrInfo *info);
/* After submit failed: was another commit faster, so that it may be tried again? */
bool intake_tx_may_retry(const IntakeTx *tx, ErrCode err);
/* prepare, submit, wait, again until it is over. */
MUST_USE ErrCode intake_tx_run(IntakeTx *tx, ErrInfo *info);
/* Versions that it made. */
size_t intake_tx_written(const IntakeTx *tx);
/* What became of ask i. */
const IntakeAnswer *intake_tx_answer(const IntakeTx *tx, size_t i);

/* ---- Bundles (intake_fhir_bundle.c) ---- */
typedef struct IntakeEntry {
    const JsonNode *node;
    size_t number;
    Str base_url; /* request.url may begin with it; empty: none may be absolute */
} IntakeEntry;
/* An entry of a transaction or batch (of a collection: PUT with id, else POST) as an ask; the
 * resource is not validated here. */
MUST_USE ErrCode intake_bundle_ask(Arena *arena, const IntakeEntry *entry, IntakeAsk *ret,
                                   ErrInfo *info);
/* "Type", "Type/id", "Type?query" of a request that writes. */
MUST_USE ErrCode intake_target(Str url, IntakeAsk *ask, ErrInfo *info);

/* ---- files (intake_fhir_file.c) ---- */
/* .json, .ndjson, and both with .gz. */
bool intake_is_fhir_file(Str name);
typedef struct IntakeFeed {
    IntakeReport *report; /* counts are added under the lock */
    Mutex *lock;
    Progress *progress;   /* may be NULL */
    const StopFlag *stop; /* may be NULL; asked: ERR_STOPPED behind the piece under way */
} IntakeFeed;
/* Is it known for what it is, and neither claims nor FHIR (a synthetic province's truth; .tsv, a
 * table)? Then it is counted as left out, with a word on it. */
bool intake_leave_out(const IntakeFile *file, const IntakeFeed *feed);
/* One file, whole, on the calling thread: a Bundle or resource, or one in each line. What is
 * refused goes to the rejects work list with its line. */
MUST_USE ErrCode intake_fhir_file(Intake *intake, const IntakeFile *file, const IntakeFeed *feed,
                                  ErrInfo *info);

#endif
