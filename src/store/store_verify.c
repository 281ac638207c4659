/* Verify: walks one data.db from the first record: numbers dense, chain unbroken, origins and
 * dictionaries as they were, bodies decodable; then received files against their SHA-256 and
 * rejects. What it cannot see is a log whose end was cut off: the last chain value, noted elsewhere
 * (nhip stat prints it), shows that. */
#include "store/record_int.h"

#include "core/limits.h"

enum { VERIFY_BATCH = 1024 };

typedef struct Verify {
    Db *db;
    uint64_t version; /* of its tables: a backup may be older than this program */
    const StoreProgress *progress;
    ErrInfo *info;
    DictSet *dicts;
    ZSTD_DCtx *ctx;
    Buf payload;
    Sha256 chain;
    RecordNo next, total;
    Sha256 origin; /* digest of origin_id */
    uint32_t origin_id;
    StoredRecord *record;
} Verify;

static ErrCode bad(Verify *v, ErrCode err, const char *rule, const char *en, const char *vi) {
    if (err != ERR_CORRUPT && err != ERR_NOT_FOUND) {
        return err; /* memory, input/output: says nothing about the record */
    }
    (void)err_set(v->info, ERR_CORRUPT, rule, "record %llu: %s", "bản ghi %llu: %s",
                  (unsigned long long)v->next, en);
    if (v->info != NULL) {
        (void)snprintf(v->info->what_vi, sizeof(v->info->what_vi), "bản ghi %llu: %s",
                       (unsigned long long)v->next, vi);
        err_where(v->info, "record %llu", (unsigned long long)v->next);
    }
    return ERR_CORRUPT;
}

static ErrCode load_origin(Verify *v, uint32_t id) {
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(v->db, "origin_by_id");
    bool row = false;
    if (v->origin_id == id) {
        return ERR_OK;
    }
    if (get == NULL) {
        return db_fail(v->db, "verify", NULL);
    }
    db_bind_u64(get, 1, id);
    TRY(db_step(get, &row));
    if (!row) {
        return ERR_CORRUPT;
    }
    origin_digest(db_blob(get, 0), db_blob(get, 1), &v->origin);
    v->origin_id = id;
    return ERR_OK;
}

/* Commits go on meanwhile: what is read may need a dictionary younger than the walk. */
static ErrCode dict_known(Verify *v, uint32_t id) {
    return id <= atomic_load(&v->dicts->count) ? ERR_OK : dict_load(v->dicts, v->db, v->info);
}

static ErrCode verify_row(Verify *v, const RecordRow *row) {
    Sha256 chain;
    if (row->number != v->next) {
        return bad(v, ERR_CORRUPT, "record-missing", "is missing", "bị thiếu");
    }
    ErrCode err = load_origin(v, row->origin);
    if (err != ERR_OK) {
        return bad(v, err, "record-origin", "its origin is missing", "thiếu nguồn gốc");
    }
    chain_next(&v->chain, row, &v->origin, &chain);
    if (!sha256_eq(&chain, &row->chain)) {
        return bad(v, ERR_CORRUPT, "record-chain", "the chain of hashes is broken",
                   "chuỗi băm bị đứt");
    }
    err = dict_known(v, row->dict);
    err = err == ERR_OK ? body_unpack(v->ctx, v->dicts, row, &v->payload) : err;
    if (err == ERR_OK) {
        memset(v->record, 0, offsetof(StoredRecord, slots));
        v->record->number = row->number;
        err = record_decode(buf_str(&v->payload), v->record);
    }
    if (err != ERR_OK) {
        return bad(v, err, "record-body", "its body cannot be read", "không đọc được nội dung");
    }
    v->chain = chain;
    return ERR_OK;
}

static ErrCode verify_batch(Verify *v, bool *ret_more) {
    CLEANUP_RESET sqlite3_stmt *from = db_stmt(v->db, "record_from");
    if (from == NULL) {
        return bad(v, db_fail(v->db, "verify", v->info), "record-read", "cannot be read",
                   "không đọc được");
    }
    db_bind_u64(from, 1, v->next);
    db_bind_u64(from, 2, VERIFY_BATCH);
    for (unsigned i = 0; i < VERIFY_BATCH; i++) {
        RecordRow row;
        bool found = false;
        ErrCode err = db_step(from, &found);
        if (err == ERR_OK && !found) {
            *ret_more = false;
            return ERR_OK;
        }
        err = err == ERR_OK ? row_read(from, &row) : err;
        if (err != ERR_OK) {
            return bad(v, err, "record-read", "cannot be read", "không đọc được");
        }
        TRY(verify_row(v, &row));
        v->next++;
    }
    *ret_more = true;
    return ERR_OK;
}

static ErrCode verify_records(Verify *v) {
    bool more = true;
    while (more) {
        TRY(verify_batch(v, &more));
        if (v->progress != NULL && v->progress->step != NULL) {
            v->progress->step(v->progress->ctx, v->next - 1, MAX(v->total, v->next - 1));
        }
    }
    return v->next - 1 >= v->total
               ? ERR_OK
               : bad(v, ERR_CORRUPT, "record-missing", "is missing", "bị thiếu");
}

static ErrCode bad_file(Verify *v, ErrCode err, uint64_t id) {
    return err != ERR_CORRUPT
               ? err
               : err_set(v->info, ERR_CORRUPT, "file-damaged", "received file %llu is damaged",
                         "tệp nhận số %llu bị hỏng", (unsigned long long)id);
}

static ErrCode verify_parts(Verify *v, uint64_t file, Sha256Ctx *sha, size_t *ret_parts) {
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(v->db, "part_get");
    bool row = true;
    *ret_parts = 0;
    if (get == NULL) {
        return db_fail(v->db, "verify", NULL);
    }
    db_bind_u64(get, 1, file << 12);
    db_bind_u64(get, 2, ((file + 1) << 12) - 1);
    while (true) {
        TRY(db_step(get, &row));
        if (!row) {
            return ERR_OK;
        }
        buf_clear(&v->payload);
        TRY(dict_known(v, (uint32_t)db_u64(get, 1)));
        TRY(part_unpack(v->ctx, v->dicts, get, 0, &v->payload));
        sha256_update(sha, buf_str(&v->payload));
        ++*ret_parts;
    }
}

static ErrCode verify_files(Verify *v, Sha256Ctx *sha) {
    uint64_t id = 0;
    while (true) {
        CLEANUP_RESET sqlite3_stmt *next =
            v->version >= 2 ? db_stmt(v->db, "received_from") : db_stmt(v->db, "received_from_1");
        bool row = false;
        size_t parts = 0;
        Sha256 hash;
        if (next == NULL) {
            return db_fail(v->db, "verify", NULL);
        }
        db_bind_u64(next, 1, id);
        ErrCode err = db_step(next, &row);
        if (err != ERR_OK || !row) {
            return bad_file(v, err, id + 1);
        }
        id = db_u64(next, 0);
        sha256_reset(sha);
        err = verify_parts(v, id, sha, &parts);
        sha256_final(sha, &hash);
        Str stored = db_blob(next, 1);
        bool dropped = parts == 0 && db_u64(next, 2) != 0;
        bool same = dropped || str_eq(stored, (Str){(const char *)hash.b, sizeof(hash.b)});
        if (err != ERR_OK || !same) {
            return bad_file(v, err == ERR_OK ? ERR_CORRUPT : err, id);
        }
    }
}

static ErrCode verify_rejects(Verify *v) {
    for (uint64_t id = 1;; id++) {
        CLEANUP_RESET sqlite3_stmt *get = db_stmt(v->db, "reject_check");
        bool row = false;
        if (get == NULL) {
            return db_fail(v->db, "verify", NULL);
        }
        db_bind_u64(get, 1, id);
        TRY(db_step(get, &row));
        if (!row) {
            return ERR_OK; /* ids are dense */
        }
        ErrCode err = frame_unpack(v->ctx, NULL, db_blob(get, 1), &v->payload);
        if (err == ERR_OK && v->payload.len != db_u64(get, 0)) {
            err = ERR_CORRUPT;
        }
        if (err != ERR_OK) {
            return err != ERR_CORRUPT
                       ? err
                       : err_set(v->info, err, "reject-damaged", "reject %llu is damaged",
                                 "mục từ chối %llu bị hỏng", (unsigned long long)id);
        }
    }
}

static ErrCode verify_begin(Verify *v) {
    CLEANUP_RESET sqlite3_stmt *meta = db_stmt(v->db, "meta_get");
    CLEANUP_RESET sqlite3_stmt *last = db_stmt(v->db, "record_last");
    CLEANUP_RESET sqlite3_stmt *version = db_stmt(v->db, "version_get");
    bool row = false;
    if (meta == NULL || last == NULL || version == NULL) {
        return db_fail(v->db, "verify", v->info);
    }
    TRY(db_step(version, &row));
    v->version = row ? db_u64(version, 0) : 0;
    db_bind_text(meta, 1, STR("id_key"));
    TRY(db_step(meta, &row));
    Str key = row ? db_blob(meta, 0) : STR_EMPTY;
    if (key.len != 16) {
        return err_set(v->info, ERR_CORRUPT, "meta", "data.db has no id key",
                       "data.db không có khoá mã");
    }
    chain_genesis((const uint8_t *)key.ptr, &v->chain);
    ErrCode err = db_step(last, &row);
    v->total = err == ERR_OK && row ? db_u64(last, 0) : 0;
    return dict_load(v->dicts, v->db, v->info);
}

static ErrCode verify_all(Verify *v, Sha256Ctx *sha) {
    TRY(verify_begin(v));
    TRY(verify_records(v));
    TRY(verify_files(v, sha));
    return verify_rejects(v);
}

ErrCode verify_db(Db *db, const StoreProgress *progress, uint64_t *ret_records, ErrInfo *info) {
    Verify v = {.db = db, .progress = progress, .info = info, .next = 1};
    Sha256Ctx *sha = sha256_new();
    v.dicts = calloc(1, sizeof(*v.dicts));
    v.record = calloc(1, sizeof(*v.record));
    v.ctx = ZSTD_createDCtx();
    buf_init(&v.payload, RECORD_PAYLOAD_MAX + LIMIT_MIB);
    ErrCode err = ERR_NOMEM;
    if (sha != NULL && v.dicts != NULL && v.record != NULL && v.ctx != NULL) {
        err = verify_all(&v, sha);
    }
    if (err == ERR_OK) {
        *ret_records = v.next - 1;
    } else if (info != NULL && info->code != err) {
        (void)err_plain(info, err, "verify");
    }
    if (v.dicts != NULL) {
        dict_release(v.dicts);
    }
    sha256_free(sha);
    free(v.dicts);
    free(v.record);
    (void)ZSTD_freeDCtx(v.ctx);
    buf_release(&v.payload);
    return err;
}

ErrCode store_verify(Store *store, const StoreProgress *progress, uint64_t *ret_records,
                     ErrInfo *info) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    TRY(reader_take(store, &hold.reader));
    return verify_db(&hold.reader->db, progress, ret_records, info);
}
