/* record_int.h — private to the records half of the store: record format, dictionaries, readers,
 * prepared commits and the Store itself. The index half sees store_int.h only.
 *
 * A record's body is one byte of format version and one zstd frame of the payload:
 *   varint slots, varint length + client id of the record's patient (empty: server-made), then a
 * slot: byte op (0 create, 1 update, 2 delete) | 4 with a client id delete: varint length + type
 * name      (else the text names its type) update, delete: varint first slot, varint previous slot,
 * varint version client id: varint length + text varint length of the stored text and all texts one
 * after the other. The frame carries zstd's checksum, so each read is checked; the chain checks
 * headers and bodies against forging. */
#ifndef NHIP_STORE_RECORD_INT_H
#define NHIP_STORE_RECORD_INT_H

#include "core/json.h"
#include "core/thread.h"
#include "store/record_dict.h"
#include "store/store_db.h"
#include "store/store_int.h"
#include "store/store_params_int.h"

#include <stdatomic.h>

enum {
    RECORD_FORMAT = 1,
    RECORD_KIND_FHIR = 1,
    RECORD_CHAIN_LEN = 32,
    READER_CACHE = 8,
    STORE_LANE = 0,
};
#define RECORD_PAYLOAD_MAX (512 * LIMIT_MIB)
#define VERSIONS_CACHE_BYTES (64 * LIMIT_MIB)
#define STORE_SEQUENCE_MAX (UINT64_C(1) << 40)

/* ---- ids: a keyed permutation of slots (store_id.c) ---- */

typedef struct IdKey {
    uint32_t round[27]; /* SPECK64/128 (Beaulieu et al. 2013) */
} IdKey;
enum { ID_LETTERS = 13 };
void id_key_init(IdKey *key, const uint8_t secret[16]);
uint64_t id_encrypt(const IdKey *key, uint64_t plain);
uint64_t id_decrypt(const IdKey *key, uint64_t cipher);
void id_put(const IdKey *key, Slot first, char ret_letters[ID_LETTERS]);
Slot id_parse(const IdKey *key, Str id); /* 0: not of that form */
bool id_is_valid(Str id);                /* FHIR's id: [A-Za-z0-9.-]{1,64} */

/* ---- the record's columns and chain (record_codec.c) ---- */

typedef struct RecordRow {
    RecordNo number, commit_first;
    TimeMs time;
    Slot patient;
    uint32_t origin, kind, dict, key_id, flags;
    Sha256 chain;
    Str body;
} RecordRow;

/* Digest of an origin's text, which the chain covers. */
void origin_digest(Str actor, Str source, Sha256 *ret);
/* The chain value before the first record of a lane. */
void chain_genesis(const uint8_t id_secret[16], Sha256 *ret);
/* row->chain is not read. */
void chain_next(const Sha256 *previous, const RecordRow *row, const Sha256 *origin, Sha256 *ret);
void row_bind(sqlite3_stmt *stmt, const RecordRow *row);
ErrCode row_read(sqlite3_stmt *stmt, RecordRow *ret_row); /* body lives until the next step */

void codec_put_varint(Buf *out, uint64_t value);
bool codec_get_varint(Str *from, uint64_t *ret_value);

MUST_USE ErrCode record_encode(Buf *out, const StoredRecord *record);
/* record->number and the other header members are set; texts point into payload. */
MUST_USE ErrCode record_decode(Str payload, StoredRecord *record);

/* ---- stored text (record_text.c) ---- */

typedef struct TextTarget { /* what a local reference "Type/~N" may point to */
    FhirType type;
    bool local;      /* made by the server in this commit: stays local */
    uint32_t offset; /* then its sparse offset in the commit */
    Str id;          /* else its id */
} TextTarget;

typedef struct TextRules {
    FhirType type;
    const TextTarget *targets; /* by change of the commit */
    size_t n_targets;
    int64_t patient_target; /* the group's patient among them, or -1 */
    Str patient_id;         /* id of the known patient, or empty */
} TextRules;

/* Appends the stored text of a resource. ERR_INVALID with rule and place in info. */
MUST_USE ErrCode text_store(Buf *out, const JsonNode *root, const TextRules *rules, ErrInfo *info);
/* The same for a text that is in stored form but for the numbers of its local references; parsed
 * afterwards, it must be text_is_stored. */
MUST_USE ErrCode text_relocate(Buf *out, Str text, const TextRules *rules, ErrInfo *info);
bool text_is_stored(const JsonNode *root, FhirType type);

typedef struct TextExpand {
    const IdKey *key;
    Str text, id;
    uint32_t version;
    TimeMs time;
    Slot commit_slot; /* SLOT_OF(first record of the commit, 0) */
    Str patient_id;
} TextExpand;
void text_expand(Buf *out, const TextExpand *how);
/* The resource type that a stored text names; FHIR_T_NONE when it is none. */
FhirType text_type(Str text);

/* ---- received files (store_pack.c): base64 runs decoded before compression ---- */

/* Appends the packed form of bytes; ERR_UNSUPPORTED when there is nothing to gain. */
MUST_USE ErrCode pack_base64(Buf *out, Str bytes);
MUST_USE ErrCode unpack_base64(Buf *out, Str packed);

/* ---- readers: one borrowed connection with its decompressor and last payloads ---- */

typedef struct Reader {
    Db db;
    ZSTD_DCtx *ctx;
    Buf scratch;
    struct ReaderSlot {
        RecordRow row; /* body empty */
        Buf payload;
    } cache[READER_CACHE];
    struct Reader *next;
} Reader;

MUST_USE ErrCode reader_take(Store *store, Reader **ret_reader);
void reader_give(Store *store, Reader *reader);
void readers_release(Store *store);
/* The decoded payload of a record, in the reader's cache until its next call. */
MUST_USE ErrCode reader_payload(Store *store, Reader *reader, RecordNo number,
                                struct ReaderSlot **ret_slot);
typedef struct ReaderHold {
    Store *store;
    Reader *reader;
} ReaderHold;
static inline void reader_hold_cleanup(ReaderHold *hold) {
    if (hold->reader != NULL) {
        reader_give(hold->store, hold->reader);
    }
}
#define CLEANUP_READER CLEANUP(reader_hold_cleanup)

/* ---- prepared commits (record_prepare.c) ---- */

typedef struct PreparedRecord {
    Str body;
    uint32_t dict;
    Slot patient;           /* known patient */
    int64_t patient_offset; /* or made in this commit; else -1 */
    Str *view_bytes;        /* by view */
} PreparedRecord;

typedef struct PreparedPrior { /* an update or delete: prev must still be the newest version */
    Slot first, prev;
} PreparedPrior;

typedef struct PreparedClient { /* a new client id */
    FhirType type;
    Str id;
    uint64_t hash;
} PreparedClient;

typedef struct PreparedPart {
    uint32_t form, dict;
    uint64_t size;
    Str body;
} PreparedPart;

typedef struct PreparedFile {
    Sha256 hash;
    Str name;
    uint64_t size;
    PreparedPart *parts;
    size_t n_parts;
    StoreDropped dropped;
} PreparedFile;

typedef struct PreparedReject {
    StoreReject reject; /* bytes compressed */
    uint64_t size;
} PreparedReject;

struct StorePrepared {
    Arena *arena;
    size_t bytes; /* what it will write, for the group's cap */
    PreparedRecord *records;
    size_t n_records;
    uint32_t *offsets, *versions; /* by change */
    size_t n_changes;
    uint64_t types[FHIR_RESOURCE_COUNT / 64 + 1]; /* that it changes: one bit each */
    struct PreparedConditions *conditions;        /* store_condition.c; NULL: none */
    IndexBatch batch;
    uint64_t *value_hashes; /* of the batch's VALUE keys: the overlay of a group */
    size_t n_value_hashes;
    Str *expects; /* keys */
    size_t n_expects;
    RecordNo snapshot;
    PreparedPrior *priors;
    size_t n_priors;
    PreparedClient *clients;
    size_t n_clients;
    Str actor, source;
    PreparedFile *files;
    size_t n_files;
    PreparedReject *rejects;
    size_t n_rejects;
    uint64_t *rejects_done;
    size_t n_rejects_done;
    Sha256 *files_done;
    size_t n_files_done;
    struct PreparedHot *hot; /* store_hot.c */
    Str dict_body;           /* a new dictionary (store_dict.c) instead of all of the above */
    uint32_t dict_kind;
    const uint64_t *drops; /* files that lose their bytes (store_retention.c), instead */
    size_t n_drops, n_dropped;
    /* filled by the writer */
    ErrInfo *info;
    ErrCode err;
    StoreCommitted committed;
    StoreDone done;
    void *done_ctx;
    struct StorePrepared *next;
};

typedef struct Preparer { /* scratch of one store_prepare, pooled */
    Arena *scratch;       /* of the whole call */
    Arena *tape;          /* of one record: parsed resources */
    ZSTD_CCtx *ctx;
    ZSTD_DCtx *unpack;
    Buf texts, payload, body, view;
    struct Preparer *next;
} Preparer;
MUST_USE ErrCode preparer_take(Store *store, Preparer **ret);
void preparer_give(Store *store, Preparer *p);
void preparers_release(Store *store);
/* Index entries and view bytes of one decoded record: prepare and replay share it. */
typedef struct RecordFeed {
    const StoredRecord *record;
    int64_t patient_offset; /* patient made in the same commit, or -1 */
    uint32_t base;          /* offset of the record in its commit */
} RecordFeed;

/* ---- the writer (record_write.c) ---- */

typedef struct OriginSlot {
    uint64_t hash;
    uint32_t id; /* 0: empty */
    Sha256 digest;
} OriginSlot;
enum { ORIGIN_CACHE = 4096, OVERLAY_MIN = 4096, WRITER_LOOK_MS = 30000 };

typedef struct Overlay { /* set of 64-bit hashes of the keys that this group adds */
    uint64_t *at;        /* 0: empty */
    size_t capacity, count;
} Overlay;
bool overlay_has(const Overlay *set, uint64_t hash);
MUST_USE ErrCode overlay_add(Overlay *set, uint64_t hash);
void overlay_clear(Overlay *set);
void overlay_release(Overlay *set);

typedef struct Writer {
    Db db;
    Thread thread;
    Mutex lock;
    Cond wake, room, idle;
    StorePrepared *head, *tail;
    size_t queued_bytes;
    bool stopping, busy, started;
    int64_t look_ms; /* without a commit: how often it looks whether the index's tail is old */
    pthread_t self;
    RecordNo next; /* from here on the writer thread's own */
    Sha256 chain;
    TimeMs last_time;
    OriginSlot *origins;
    Overlay keys, firsts, ids;
} Writer;
MUST_USE ErrCode writer_start(Store *store, ErrInfo *info);
void writer_stop(Store *store); /* from then on what is submitted is refused: ERR_STOPPED */
void writer_release(Store *store);
void writer_settle(Store *store);
/* ---- views, replay (store_replay.c), care: checkpoints, dictionaries (store_care.c) ---- */

typedef struct ViewFeed {
    Thread thread;
    Mutex lock;
    Cond wake, room, idle;
    StorePrepared *head, *tail;
    size_t queued;
    bool stopping, busy, started, behind; /* behind: a view failed, nothing is applied any more */
} ViewFeed;
MUST_USE ErrCode views_start(Store *store);
void views_stop(Store *store);
void views_settle(Store *store);
void views_put(Store *store, StorePrepared *prepared); /* takes it over */
MUST_USE ErrCode store_replay(Store *store, const StoreProgress *progress, ErrInfo *info);
/* Keys and view bytes of one record, from its stored texts. roots: by slot, NULL for deletes. */
MUST_USE ErrCode record_keys(Store *store, Arena *scratch, const RecordFeed *feed,
                             const JsonNode *const *roots, IndexBatch *batch);
typedef struct ViewCall {
    const StoreView *view;
    const IdKey *ids;
    Arena *scratch;
    Buf *out;
} ViewCall;
MUST_USE ErrCode record_view(const ViewCall *call, const StoredRecord *record,
                             const struct JsonNode *const *roots);

typedef struct Care {
    Thread thread;
    Mutex lock;
    Cond wake, idle;
    Db db;
    bool stopping, busy, started, woken;
    atomic_bool tried[DICT_KINDS]; /* to train; not again before the next open */
    _Atomic unsigned wal_pages;    /* in the log after the last commit */
    _Atomic uint64_t files;        /* the highest id of a received file */
    atomic_bool reset_asked;       /* the writer runs the last step of a checkpoint itself */
    _Atomic int64_t drop_at;       /* when files are looked through next; 0: at once */
} Care;
MUST_USE ErrCode care_start(Store *store);
void care_stop(Store *store);
void care_settle(Store *store);
void care_note(Store *store); /* by the writer after each commit */
MUST_USE ErrCode dict_train_now(Store *store, uint32_t kind);

/* ---- the store ---- */

struct Store {
    Arena *arena; /* strings of the options */
    const char *dir, *data_path, *view_path, *lock_path, *vfs;
    const Clock *clock;
    const StoreView *views;
    size_t n_views;
    unsigned train_records, checkpoint_pages, retention_days;
    StoreSearchLimits search;
    bool read_only, sync_off;
    uint8_t id_secret[16];
    IdKey id_key;
    Db lock; /* holds the folder against a second process */
    Index *index;
    DictSet dicts;
    _Atomic uint64_t snapshot;
    atomic_bool broken; /* index and log differ: no more commits until it is opened again */
    Mutex readers_lock, preparers_lock;
    Mutex fresh_lock; /* with fresh: the snapshot has moved (store_wait) */
    Cond fresh;
    Reader *readers;
    Preparer *preparers;
    struct Hot *hot;
    struct IndexCache *versions; /* record_cache.c */
    Writer writer;
    ViewFeed feed;
    Care care;
    Params params;
};

/* Opens a connection to data.db with the store's pragmas. */
MUST_USE ErrCode store_connect(Store *store, bool writes, Db *ret_db, ErrInfo *info);
/* Fills record from a row and its payload (copied into the arena). */
MUST_USE ErrCode store_decode(Arena *arena, const RecordRow *row, Str payload,
                              StoredRecord **ret_record);
/* Walks the log of one open data.db (store_verify.c); works on backups too. */
MUST_USE ErrCode verify_db(Db *db, const StoreProgress *progress, uint64_t *ret_n, ErrInfo *info);
/* Received files inside the writer's transaction (store_files.c). */
enum { PART_SHIFT = 12 }; /* received_part.id = received.id << PART_SHIFT | part */
MUST_USE ErrCode files_write(Db *db, const StorePrepared *p, TimeMs time, uint32_t origin);
MUST_USE ErrCode files_prepare(Store *store, Preparer *preparer, const StoreCommit *commit,
                               StorePrepared *p, ErrInfo *info);
MUST_USE ErrCode part_unpack(ZSTD_DCtx *ctx, const DictSet *dicts, sqlite3_stmt *part,
                             unsigned first_column, Buf *out);

#endif
