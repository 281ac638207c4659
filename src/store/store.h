/* store.h — the record store: the one way in (store_commit) and the ways to read.
 *
 * A commit is a list of groups; a group holds changes to resources of one patient (or of none) and
 * becomes one record per 64 changes, all in one SQLite transaction together with received files,
 * rejects and the origin row. Records are numbered densely, compressed, hash-chained, immutable.
 * Slot = record number * 64 + position names one resource version for ever. The lane (0 in SQLite)
 * stands in the top 10 bits of the 58-bit record number, so every key starts with it.
 *
 * Ids that the server makes are the first version's slot, permuted with a key and written in 13
 * base-32 letters; ids chosen by clients are looked up in the index.
 *
 * Ownership: results live in the caller's arena. Errors: as named; nothing is half done. Threads:
 * any thread may call anything here; one writer thread inside does the commits; readers never wait
 * for it longer than the copy of a tail posting list. */
#ifndef NHIP_STORE_STORE_H
#define NHIP_STORE_STORE_H

#include "core/clock.h"
#include "core/hash.h"
#include "core/time.h"
#include "fhir/fhir_query.h"
#include "fhir/fhir_type.h"

typedef struct Store Store;
typedef uint64_t Slot; /* 0 = none: record numbers start at 1 */
typedef uint64_t RecordNo;

enum { STORE_RECORD_SLOTS = 64, STORE_LANE_SHIFT = 48 };
#define SLOT_OF(record, position) ((Slot)(record)*STORE_RECORD_SLOTS + (position))
#define SLOT_RECORD(slot) ((RecordNo)((slot) / STORE_RECORD_SLOTS))
#define SLOT_POSITION(slot) ((unsigned)((slot) % STORE_RECORD_SLOTS))

/* ---- views fed by the store (ioc's facts): prepared beside the commit, applied in record order
 * ---- */

typedef struct StoreViewChange { /* one resource version as the view sees it */
    FhirType type;
    bool deleted;
    Slot prev;                   /* 0 on create */
    Slot first;                  /* the resource's first version; 0 on create */
    Str id;                      /* empty on create with an id that the server makes */
    const struct JsonNode *root; /* NULL when deleted; references to what is created in
                                  * the same commit are local ("Type/~12") */
} StoreViewChange;

typedef struct StoreViewRecord {
    const StoreViewChange *changes;
    size_t n_changes;
} StoreViewRecord;

typedef struct StoreView {
    void *ctx;
    /* Pure; any thread; before the commit, and again from the stored record on replay. Appends what
     * apply needs to out (may stay empty). */
    ErrCode (*prepare)(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out);
    /* One thread, in record order, after the commit is durable. first_slot = slot of changes[0];
     * superseded slots are reported through prev inside bytes, as prepare wrote them. After an
     * error the same record comes again; when the error stays, no record comes until the next
     * start. */
    ErrCode (*apply)(void *ctx, RecordNo record, TimeMs time, Str bytes);
    /* The highest record that the view holds durably: records above it are replayed at open. */
    RecordNo (*covered)(void *ctx);
} StoreView;

/* ---- opening ---- */

typedef enum StoreSortWay {
    SORT_BY_COST,    /* the cheapest by estimate */
    SORT_READ_ALL,   /* all candidates are read */
    SORT_KEYS_LIST,  /* keys in their order, among the listed candidates */
    SORT_KEYS_ASK,   /* keys in their order, each resource is asked */
    SORT_KEYS_TURNS, /* asks a few, then lists */
} StoreSortWay;

typedef struct StoreProgress { /* NULL members are not called */
    void (*step)(void *ctx, uint64_t done, uint64_t total);
    bool (*stopping)(void *ctx); /* of an open: it ends with ERR_STOPPED, the next one goes on */
    void *ctx;
} StoreProgress;

typedef struct StoreOptions {
    Str dir;                /* data folder: data.db, view.db */
    const Clock *clock;     /* NULL: the real one */
    const char *vfs;        /* SQLite VFS name, NULL: default (tests inject faults here) */
    StoreProgress progress; /* of what is indexed again while it opens */
    const StoreView *views; /* kept by pointer; must outlive the store */
    size_t n_views;
    unsigned seal_records; /* records of a first-level segment; 0: 4096 */
    int64_t seal_age_ms;   /* 256 records or more are sealed when the first is older; 0: a minute */
    unsigned checkpoint_pages; /* copied back from the write-ahead log at this length; 0: 1024 */
    unsigned train_records;    /* the dictionary is trained from so many first records; 0: 2000 */
    unsigned received_retention_days; /* files older than that lose their bytes; 0: never */
    unsigned search_work_max;         /* resources that a search may decode; 0: 100,000 */
    StoreSortWay sort_way;            /* tests only: how sorted pages are made */
    unsigned link_work;               /* tests only: work after which look-ups of a chain end */
    unsigned include_max;             /* included resources of a page; 0: 8,000 */
    unsigned sync_off : 1;            /* tests only: the positive control of the power-cut test */
    unsigned read_only : 1;           /* verify, stat: no writer, no sealing, no recovery */
} StoreOptions;

MUST_USE ErrCode store_open(const StoreOptions *options, Store **ret_store, ErrInfo *info);
/* Finishes commits in flight, seals the index's tail (for at most 10 s), so that the next open has
 * nothing to replay, stops the threads, closes. Cut off at any moment nothing is lost. NULL is
 * fine.
 */
void store_close(Store *store);

/* ---- writing ---- */

typedef enum StoreOp { STORE_CREATE, STORE_UPDATE, STORE_DELETE } StoreOp;

typedef struct StoreChange {
    StoreOp op;
    FhirType type;
    Str id;    /* CREATE: empty = made by the server, else the client's choice (must be new) */
    Slot prev; /* UPDATE, DELETE: the newest version, as the caller read it; else 0 */
    Str json; /* CREATE, UPDATE: the resource, parsed and validated by the caller; id, versionId and
               * lastUpdated in it are ignored. References to change N of this commit (counted over
               * all groups from 0) are written "Type/~N", to the group's patient "Patient/~". */
    bool
        canonical; /* json is in stored form but for the N: no white space, resourceType first, then
                    * meta if any, no id; else ERR_INVALID. It is then parsed once, not twice. */
} StoreChange;

typedef struct StoreGroup {
    const StoreChange *changes;
    size_t n_changes;
    int patient_change; /* index in changes of the Patient that this group is about, or -1 */
    Slot patient;       /* else the first slot (StoreVersion.first) of the known Patient, or 0 */
} StoreGroup;

/* The caller looked this token up at `snapshot` and acted on what it found: if any version with it
 * was committed since then, the commit is refused with ERR_CONFLICT and the caller does it again.
 */
typedef struct StoreExpect {
    FhirType type;
    FhirParamId param; /* a token parameter; without a system: identifier only */
    Str system, value;
} StoreExpect;

/* The same for any condition: the caller searched with it at `snapshot`. Refused (ERR_CONFLICT)
 * when a version of the type that fulfils it was committed since then, or when so many were that
 * looking through them would hold up other commits: done again, the snapshot is newer. Dearer than
 * an expectation, which is enough wherever the condition holds an exact token. */
typedef struct StoreCondition {
    FhirType type;
    Str query;    /* as behind '?'; percent-encoded */
    Str base_url; /* FhirQueryScope */
    TimeMs now;
} StoreCondition;
enum { STORE_CONDITIONS_MAX = 1000 }; /* of one commit */

/* The caller acted on this version and does not change it: refused when it is not the newest. */
typedef struct StoreStill {
    Slot first, slot;
} StoreStill;

typedef enum StoreDropped {
    STORE_KEPT,
    STORE_NOT_KEPT, /* its bytes were never to be kept */
    STORE_EXPIRED,  /* it had them for its days (received_retention_days) */
    STORE_MARK,     /* no file: a piece of one that is through */
} StoreDropped;

typedef struct StoreReceived { /* a file as it came, kept unchanged, keyed by its SHA-256 */
    Sha256 hash;
    Str name, bytes;
    StoreDropped dropped; /* other than STORE_KEPT: bytes are empty, the rest is written down */
    uint64_t size;        /* of a dropped one; else that of bytes */
    bool hashed;          /* the caller made the hash from these bytes: it is not made again */
} StoreReceived;

typedef struct StoreReject { /* one thing that could not be accepted, with its place and remedy */
    Sha256 file;             /* of the received file that it came in; zeros: none */
    Str file_name, ma_lk, table, field, rule, en, vi;
    unsigned line;
    unsigned nth; /* among those of the file with the same ma_lk, table, field, line and rule, from
                   * 0. One that is in the list already is not added again. */
    Str bytes;    /* the refused piece, unchanged */
} StoreReject;

typedef struct StoreCommit {
    const StoreGroup *groups;
    size_t n_groups;
    const StoreExpect *expects;
    size_t n_expects;
    const StoreCondition *conditions;
    size_t n_conditions;
    const StoreStill *still;
    size_t n_still;
    RecordNo snapshot; /* store_snapshot() before the caller's look-ups */
    Str actor, source; /* who and by which way: the origin row (audit); no personal data */
    const StoreReceived *received;
    size_t n_received;
    const StoreReject *rejects;
    size_t n_rejects;
    const uint64_t *rejects_done; /* ids of rejects that this commit settles */
    size_t n_rejects_done;
    const Sha256 *files_done; /* received files whose last piece this commit carries */
    size_t n_files_done;
} StoreCommit;

typedef struct StoreCommitted {
    TimeMs time;
    RecordNo first, last; /* 0, 0 when no group was given */
} StoreCommitted;

typedef struct StorePrepared StorePrepared;

/* Normalises, extracts, compresses: the costly part, on the caller's thread. Copies what it needs.
 */
MUST_USE ErrCode store_prepare(Store *store, const StoreCommit *commit,
                               StorePrepared **ret_prepared, ErrInfo *info);
void store_prepared_free(StorePrepared *prepared);
/* Hands prepared over to the writer. `done` runs once on the writer thread after the fsync (or the
 * refusal: ERR_CONFLICT, ERR_EXISTS, ERR_FULL, ERR_IO, ERR_STOPPED); it must be short. After it
 * returns prepared is freed. store_prepared_slot is valid inside done and answers ids. */
typedef void (*StoreDone)(void *ctx, ErrCode err, const StoreCommitted *committed,
                          const StorePrepared *prepared);
void store_submit(Store *store, StorePrepared *prepared, StoreDone done, void *ctx);
/* Slot and version of change N (over all groups) once the commit is done. */
Slot store_prepared_slot(const StorePrepared *prepared, const StoreCommitted *committed,
                         size_t change);
uint32_t store_prepared_version(const StorePrepared *prepared, size_t change);
/* Why the commit was refused; valid inside done. */
const ErrInfo *store_prepared_info(const StorePrepared *prepared);
/* prepare + submit + wait. ret_slots (may be NULL) has room for every change. */
MUST_USE ErrCode store_commit(Store *store, const StoreCommit *commit,
                              StoreCommitted *ret_committed, Slot *ret_slots, ErrInfo *info);

/* ---- reading ---- */

typedef struct StoreVersion {
    FhirType type;
    Slot slot;        /* this version */
    Slot first;       /* the first version: the resource's identity */
    uint32_t version; /* 1, 2, … */
    bool deleted;
    TimeMs time;
    Slot patient; /* first slot of the record's patient, or 0 */
    Str id;
    Str json; /* whole, with id and meta; empty when deleted */
} StoreVersion;

RecordNo store_snapshot(Store *store); /* the last record that is durable and visible */
/* 13 letters for a first slot. */
Str store_id(Store *store, Arena *arena, Slot first);

/* The current version. ERR_NOT_FOUND, ERR_GONE (ret filled, deleted). */
MUST_USE ErrCode store_get(Store *store, Arena *arena, FhirType type, Str id, StoreVersion *ret);
MUST_USE ErrCode store_get_version(Store *store, Arena *arena, FhirType type, Str id,
                                   uint32_t version, StoreVersion *ret);
MUST_USE ErrCode store_get_slot(Store *store, Arena *arena, Slot slot, StoreVersion *ret);

typedef struct StoreHistory {
    FhirType type;     /* 0: all types */
    Str id;            /* empty: all of the type */
    TimeMs since;      /* 0: from the beginning */
    TimeMs at[2];      /* only what was current at some moment of [at[0], at[1]); 0, 0: whenever */
    RecordNo snapshot; /* 0: now */
    Slot before;       /* page: only versions below this slot; 0: from the newest */
    size_t count;
} StoreHistory;
/* Newest first. ret_next is the `before` of the next page, 0 at the end. With `at` a page may have
 * fewer versions than count, and still a next one: a look through the log has its measure. */
MUST_USE ErrCode store_history(Store *store, Arena *arena, const StoreHistory *what,
                               StoreVersion **ret_versions, size_t *ret_n, Slot *ret_next);

typedef struct StoreSearch {
    const FhirQuery *query;
    RecordNo snapshot; /* 0: now; pages repeat the first page's */
    Slot after;        /* page: continue behind this slot in the result order; 0: first page */
    size_t count;
    bool want_total;
    RecordNo since;     /* only versions of later records; not with a sort */
    bool want_estimate; /* the total by what the index knows without reading */
    bool want_plan;
    const Slot *known; /* ascending: not to be found again; no sort, no total, one type */
    size_t n_known;
} StoreSearch;

/* One step of a search: a term and how it is answered, or the work that follows. */
typedef struct StorePlanStep {
    Str what; /* the term as in a URL, or "page", "include", "total" */
    const char *how;
    unsigned depth;    /* of a chain's search */
    uint64_t estimate; /* resources, by what the index knows without reading; 0: not estimated */
    uint64_t found;
    bool is_least; /* found so many or more: it was not counted to the end */
    uint64_t read; /* resources decoded */
    int64_t us;
} StorePlanStep;
typedef struct StorePage {
    StoreVersion *matches;
    size_t n_matches;
    StoreVersion *includes;
    size_t n_includes;
    bool includes_cut; /* there were more than a page may have */
    RecordNo snapshot;
    Slot next;      /* `after` of the next page, 0 at the end */
    uint64_t total; /* exact, when wanted */
    const StorePlanStep *plan;
    size_t n_plan;
} StorePage;
/* Every hit is verified on the decoded resource (fhir_match). */
MUST_USE ErrCode store_search(Store *store, Arena *arena, const StoreSearch *search, StorePage *ret,
                              ErrInfo *info);

/* Current versions that carry the identifier exactly (token->param must be FHIR_P_IDENTIFIER unless
 * the system is empty): up to max, newest first. */
MUST_USE ErrCode store_find(Store *store, Arena *arena, const StoreExpect *token, size_t max,
                            StoreVersion **ret_versions, size_t *ret_n);

/* The newest version that carried the identifier, whatever became of it since; ERR_NOT_FOUND. */
MUST_USE ErrCode store_find_past(Store *store, Arena *arena, const StoreExpect *token,
                                 StoreVersion *ret);

/* All current resources of a patient, record by record, newest record first; stop with an error. */
typedef ErrCode (*StoreEach)(void *ctx, const StoreVersion *version);
MUST_USE ErrCode store_patient(Store *store, Arena *arena, Slot patient, StoreEach each, void *ctx);
/* For each value that current resources of the type have of the parameter (token, uri) one of them,
 * the newest. ERR_LIMIT above 10,000 values. */
typedef struct StoreValues {
    FhirType type;
    FhirParamId param;
    StoreEach each;
    void *ctx;
} StoreValues;
MUST_USE ErrCode store_values(Store *store, Arena *arena, const StoreValues *of);
/* The numbers of all records about a patient, ascending; each is read with store_record. */
MUST_USE ErrCode store_patient_records(Store *store, Arena *arena, Slot patient,
                                       RecordNo **ret_records, size_t *ret_n);
/* All slots (current or not) of one record, as stored. */
MUST_USE ErrCode store_record(Store *store, Arena *arena, RecordNo record,
                              StoreVersion **ret_versions, size_t *ret_n);
/* All records above `after` in order (the change feed). A version lives until `each` returns: the
 * feed's memory does not grow with the log. */
MUST_USE ErrCode store_feed(Store *store, RecordNo after, StoreEach each, void *ctx);
bool store_is_current(Store *store, Slot slot);
bool store_version_is_current(Store *store, const StoreVersion *version); /* reads no record */

/* ---- received files and rejects ---- */

typedef enum StoreFileState { STORE_FILE_NEW, STORE_FILE_BEGUN, STORE_FILE_DONE } StoreFileState;
MUST_USE ErrCode store_file_state(Store *store, const Sha256 *hash, StoreFileState *ret_state);
/* ERR_NOT_FOUND; ERR_GONE when its bytes are not kept (store_received_row says why). */
MUST_USE ErrCode store_received_get(Store *store, Arena *arena, const Sha256 *hash,
                                    StoreReceived *ret);

typedef struct StoreFile { /* what is known of a received file for ever */
    uint64_t id;
    Sha256 hash;
    Str name, actor, source;
    TimeMs time, dropped_time; /* dropped_time: when it lost its bytes */
    StoreFileState state;
    StoreDropped dropped;
    uint64_t size;
} StoreFile;
MUST_USE ErrCode store_received_row(Store *store, Arena *arena, const Sha256 *hash, StoreFile *ret);
/* ERR_GONE, saying since when and why the file has no bytes. */
ErrCode store_received_gone(const StoreFile *file, ErrInfo *info);
/* Up to max files with an id above after_id, oldest first. */
MUST_USE ErrCode store_received_list(Store *store, Arena *arena, uint64_t after_id, size_t max,
                                     StoreFile **ret_files, size_t *ret_n);

typedef struct StoreRejectRow {
    uint64_t id;
    TimeMs time;
    bool settled;
    StoreReject reject; /* bytes only with store_reject_get */
} StoreRejectRow;
MUST_USE ErrCode store_reject_list(Store *store, Arena *arena, bool settled_too, uint64_t after_id,
                                   size_t max, StoreRejectRow **ret_rows, size_t *ret_n);
MUST_USE ErrCode store_reject_get(Store *store, Arena *arena, uint64_t id, StoreRejectRow *ret);
MUST_USE ErrCode store_reject_count(Store *store, uint64_t *ret_open, uint64_t *ret_settled);

/* ---- care ---- */

/* Walks chain and bodies from the first record; ERR_CORRUPT names the first bad record in info. */
MUST_USE ErrCode store_verify(Store *store, const StoreProgress *progress, uint64_t *ret_records,
                              ErrInfo *info);
/* Makes view.db anew from the records (the store must not be open elsewhere). */
MUST_USE ErrCode store_rebuild(const StoreOptions *options, const StoreProgress *progress,
                               ErrInfo *info);
/* A digest of everything that the index answers: equal before and after a rebuild. */
MUST_USE ErrCode store_view_digest(Store *store, Sha256 *ret);
/* Counts and bytes by kind, one line each "name value unit". */
MUST_USE ErrCode store_stat(Store *store, Buf *out);
/* Online copy of data.db (SQLite backup API) into one file, while running; verified after copying.
 */
MUST_USE ErrCode store_backup(Store *store, Str file, const StoreProgress *progress, ErrInfo *info);
/* Puts a backup file into an empty data folder; views are rebuilt at the next open. */
MUST_USE ErrCode store_restore(Str file, Str dir, ErrInfo *info);
/* Trains new dictionaries from the newest records and files; later commits use them. */
MUST_USE ErrCode store_train(Store *store, ErrInfo *info);
/* Waits until no commit, sealing, merging or view delivery is under way (tests, benches, end of
 * import). */
void store_settle(Store *store);

#endif
