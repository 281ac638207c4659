/* Received files and rejects: both kept unchanged, compressed, written by the same commit as the
 * records that came out of them. */
#include "store/record_int.h"

#include "core/limits.h"

enum { FORM_PLAIN = 1, FORM_BASE64 = 2 };
#define PART_BYTES (8 * LIMIT_MIB)
#define PART_LOOK_BACK (64 * LIMIT_KIB)

static uint64_t hash_key(const Sha256 *hash) {
    uint64_t key = 0;
    memcpy(&key, hash->b, sizeof(key));
    return key;
}

static Str hash_str(const Sha256 *hash) {
    return (Str){(const char *)hash->b, sizeof(hash->b)};
}

/* ---- preparing ---- */

/* Packs one part: base64 runs decoded when they come back to the same bytes, else plain. */
static ErrCode part_pack(Store *store, Preparer *prep, Str bytes, Arena *arena, PreparedPart *ret) {
    Buf *packed = &prep->payload;
    Buf *again = &prep->texts;
    const Dict *dict = atomic_load(&store->dicts.now[DICT_FILES]);
    buf_clear(packed);
    buf_clear(again);
    buf_clear(&prep->body);
    ErrCode err = pack_base64(packed, bytes);
    bool same = err == ERR_OK && unpack_base64(again, buf_str(packed)) == ERR_OK &&
                str_eq(buf_str(again), bytes);
    TRY(frame_pack(prep->ctx, dict, same ? buf_str(packed) : bytes, &prep->body));
    *ret = (PreparedPart){.form = same ? FORM_BASE64 : FORM_PLAIN,
                          .dict = dict == NULL ? 0 : dict->id,
                          .size = bytes.len,
                          .body = arena_str(arena, buf_str(&prep->body))};
    return ret->body.len == 0 ? ERR_NOMEM : ERR_OK;
}

/* The part ends behind a '>' where that is near, so that no base64 run is cut. */
static size_t part_len(Str rest) {
    if (rest.len <= PART_BYTES) {
        return rest.len;
    }
    const char *from = rest.ptr + PART_BYTES - PART_LOOK_BACK;
    const char *at = memrchr(from, '>', PART_LOOK_BACK);
    return at == NULL ? PART_BYTES : (size_t)(at - rest.ptr) + 1;
}

static ErrCode file_prepare(Store *store, Preparer *prep, const StoreReceived *received,
                            StorePrepared *p, ErrInfo *info) {
    PreparedFile *file = &p->files[p->n_files];
    Sha256 hash;
    StoreFileState state;
    *file = (PreparedFile){.hash = received->hash,
                           .name = arena_str(p->arena, received->name),
                           .size = received->dropped ? received->size : received->bytes.len,
                           .dropped = received->dropped};
    if (received->dropped) {
        p->n_files++;
        return ERR_OK;
    }
    if (!received->hashed) {
        sha256(received->bytes, &hash);
    }
    if (!received->hashed && !sha256_eq(&hash, &received->hash)) {
        return err_set(info, ERR_INVALID, "file-hash", "the file does not have the stated SHA-256",
                       "tệp không khớp với mã SHA-256 đã nêu");
    }
    p->n_files++;
    TRY(store_file_state(store, &hash, &state));
    if (state != STORE_FILE_NEW) {
        return ERR_OK; /* known already: its row stays for ever */
    }
    size_t most = received->bytes.len / (PART_BYTES - PART_LOOK_BACK) + 1;
    if (most >= (1 << PART_SHIFT)) {
        return err_set(info, ERR_LIMIT, "file-bytes", "the file is too large",
                       "tệp vượt quá dung lượng cho phép");
    }
    file->parts = arena_new_array(p->arena, PreparedPart, most);
    if (file->parts == NULL) {
        return ERR_NOMEM;
    }
    Str rest = received->bytes;
    do {
        size_t len = part_len(rest);
        assert(file->n_parts < most);
        PreparedPart *part = &file->parts[file->n_parts++];
        TRY(part_pack(store, prep, str_sub(rest, 0, len), p->arena, part));
        p->bytes += part->body.len + 128;
        rest = str_sub(rest, len, rest.len);
    } while (rest.len > 0);
    return ERR_OK;
}

static ErrCode reject_prepare(Preparer *prep, const StoreReject *from, StorePrepared *p) {
    Arena *arena = p->arena;
    buf_clear(&prep->body);
    TRY(frame_pack(prep->ctx, NULL, from->bytes, &prep->body));
    PreparedReject *to = &p->rejects[p->n_rejects++];
    to->size = from->bytes.len;
    to->reject = (StoreReject){.file = from->file,
                               .file_name = arena_str(arena, from->file_name),
                               .ma_lk = arena_str(arena, from->ma_lk),
                               .table = arena_str(arena, from->table),
                               .field = arena_str(arena, from->field),
                               .rule = arena_str(arena, from->rule),
                               .en = arena_str(arena, from->en),
                               .vi = arena_str(arena, from->vi),
                               .line = from->line,
                               .nth = from->nth,
                               .bytes = arena_str(arena, buf_str(&prep->body))};
    p->bytes += to->reject.bytes.len + 512;
    return to->reject.bytes.len == 0 ? ERR_NOMEM : ERR_OK;
}

/* Every reject that the commit settles must exist. */
static ErrCode check_settled(Store *store, const StoreCommit *commit, ErrInfo *info) {
    uint64_t open = 0;
    uint64_t settled = 0;
    if (commit->n_rejects_done == 0) {
        return ERR_OK;
    }
    TRY(store_reject_count(store, &open, &settled));
    for (size_t i = 0; i < commit->n_rejects_done; i++) {
        if (commit->rejects_done[i] == 0 || commit->rejects_done[i] > open + settled) {
            return err_set(info, ERR_NOT_FOUND, "reject", "there is no reject %llu",
                           "không có mục từ chối %llu",
                           (unsigned long long)commit->rejects_done[i]);
        }
    }
    return ERR_OK;
}

/* A file is done only when it was received, here or before. */
static ErrCode check_done(Store *store, const StoreCommit *commit, ErrInfo *info) {
    for (size_t i = 0; i < commit->n_files_done; i++) {
        const Sha256 *hash = &commit->files_done[i];
        StoreFileState state = STORE_FILE_NEW;
        bool here = false;
        for (size_t r = 0; r < commit->n_received && !here; r++) {
            here = sha256_eq(hash, &commit->received[r].hash);
        }
        if (!here) {
            TRY(store_file_state(store, hash, &state));
        }
        if (!here && state == STORE_FILE_NEW) {
            return err_set(info, ERR_NOT_FOUND, "file", "the file was never received",
                           "tệp này chưa từng được nhận");
        }
    }
    return ERR_OK;
}

ErrCode files_prepare(Store *store, Preparer *preparer, const StoreCommit *commit, StorePrepared *p,
                      ErrInfo *info) {
    Arena *arena = p->arena;
    p->files = arena_new_array(arena, PreparedFile, commit->n_received + 1);
    p->rejects = arena_new_array(arena, PreparedReject, commit->n_rejects + 1);
    p->rejects_done = arena_new_array(arena, uint64_t, commit->n_rejects_done + 1);
    p->files_done = arena_new_array(arena, Sha256, commit->n_files_done + 1);
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    TRY(check_settled(store, commit, info));
    TRY(check_done(store, commit, info));
    for (size_t i = 0; i < commit->n_received; i++) {
        TRY(file_prepare(store, preparer, &commit->received[i], p, info));
    }
    for (size_t i = 0; i < commit->n_rejects; i++) {
        TRY(reject_prepare(preparer, &commit->rejects[i], p));
    }
    for (size_t i = 0; i < commit->n_rejects_done; i++) {
        p->rejects_done[p->n_rejects_done++] = commit->rejects_done[i];
    }
    for (size_t i = 0; i < commit->n_files_done; i++) {
        p->files_done[p->n_files_done++] = commit->files_done[i];
    }
    return ERR_OK;
}

/* ---- writing ---- */

typedef struct FileRow {
    uint64_t id; /* 0: none */
    StoreFileState state;
} FileRow;

static StoreFileState file_state(uint64_t column) {
    return column == STORE_FILE_DONE ? STORE_FILE_DONE : STORE_FILE_BEGUN;
}

/* Leaves the statement on the row when found; the caller resets it. */
static ErrCode file_find(sqlite3_stmt *find, const Sha256 *hash, FileRow *ret) {
    *ret = (FileRow){.state = STORE_FILE_NEW};
    if (find == NULL) {
        return ERR_NOMEM;
    }
    db_bind_u64(find, 1, hash_key(hash));
    bool row = true;
    while (true) {
        TRY(db_step(find, &row));
        if (!row) {
            return ERR_OK;
        }
        if (str_eq(db_blob(find, 1), hash_str(hash))) {
            *ret = (FileRow){db_u64(find, 0), file_state(db_u64(find, 2))};
            return ERR_OK;
        }
    }
}

static ErrCode file_insert(Db *db, const PreparedFile *file, TimeMs time, uint32_t origin) {
    sqlite3_stmt *put = db_stmt(db, "received_put");
    sqlite3_stmt *part_put = db_stmt(db, "part_put");
    if (put == NULL || part_put == NULL) {
        return db_fail(db, "received", NULL);
    }
    db_bind_u64(put, 1, hash_key(&file->hash));
    db_bind_blob(put, 2, hash_str(&file->hash));
    db_bind_text(put, 3, file->name);
    db_bind_u64(put, 4, (uint64_t)time);
    db_bind_u64(put, 5, origin);
    db_bind_u64(put, 6, STORE_FILE_BEGUN);
    db_bind_u64(put, 7, file->size);
    db_bind_u64(put, 8, file->dropped);
    db_bind_u64(put, 9, file->dropped ? (uint64_t)time : 0);
    TRY(db_do(put));
    uint64_t id = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    for (size_t i = 0; i < file->n_parts; i++) {
        const PreparedPart *part = &file->parts[i];
        db_bind_u64(part_put, 1, id << PART_SHIFT | i);
        db_bind_u64(part_put, 2, part->form);
        db_bind_u64(part_put, 3, part->dict);
        db_bind_u64(part_put, 4, 0);
        db_bind_u64(part_put, 5, part->size);
        db_bind_blob(part_put, 6, part->body);
        TRY(db_do(part_put));
    }
    return ERR_OK;
}

static ErrCode file_write(Db *db, const PreparedFile *file, TimeMs time, uint32_t origin) {
    FileRow row;
    sqlite3_stmt *find = db_stmt(db, "received_find");
    ErrCode err = file_find(find, &file->hash, &row);
    (void)sqlite3_reset(find);
    if (err != ERR_OK || row.id != 0) {
        return err;
    }
    /* Without parts it was there when this commit was prepared, and rows never go away. */
    return file->n_parts == 0 && !file->dropped ? ERR_INTERNAL
                                                : file_insert(db, file, time, origin);
}

static ErrCode file_done(Db *db, const Sha256 *hash) {
    FileRow row;
    sqlite3_stmt *find = db_stmt(db, "received_find");
    ErrCode err = file_find(find, hash, &row);
    (void)sqlite3_reset(find);
    TRY(err);
    sqlite3_stmt *set = db_stmt(db, "received_state");
    if (row.id == 0 || set == NULL) {
        return row.id == 0 ? ERR_INTERNAL : db_fail(db, "received", NULL);
    }
    db_bind_u64(set, 1, row.id);
    db_bind_u64(set, 2, STORE_FILE_DONE);
    return db_do(set);
}

static bool is_zero(const Sha256 *hash) {
    static const Sha256 ZERO;
    return sha256_eq(hash, &ZERO);
}

static ErrCode reject_write(Db *db, const PreparedReject *from, TimeMs time, uint32_t origin) {
    const StoreReject *r = &from->reject;
    sqlite3_stmt *put = db_stmt(db, "reject_put");
    if (put == NULL) {
        return db_fail(db, "reject", NULL);
    }
    db_bind_u64(put, 1, (uint64_t)time);
    db_bind_u64(put, 2, origin);
    db_bind_blob(put, 3, is_zero(&r->file) ? STR_EMPTY : hash_str(&r->file));
    const Str texts[] = {r->file_name, r->ma_lk, r->table, r->field};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        db_bind_text(put, 4 + (int)i, texts[i]);
    }
    db_bind_u64(put, 8, r->line);
    db_bind_text(put, 9, r->rule);
    db_bind_text(put, 10, r->en);
    db_bind_text(put, 11, r->vi);
    db_bind_u64(put, 12, from->size);
    db_bind_blob(put, 13, r->bytes);
    db_bind_u64(put, 14, r->nth);
    return db_do(put);
}

ErrCode files_write(Db *db, const StorePrepared *p, TimeMs time, uint32_t origin) {
    for (size_t i = 0; i < p->n_files; i++) {
        TRY(file_write(db, &p->files[i], time, origin));
    }
    for (size_t i = 0; i < p->n_files_done; i++) {
        TRY(file_done(db, &p->files_done[i]));
    }
    for (size_t i = 0; i < p->n_rejects; i++) {
        TRY(reject_write(db, &p->rejects[i], time, origin));
    }
    sqlite3_stmt *settle = p->n_rejects_done == 0 ? NULL : db_stmt(db, "reject_settle");
    if (p->n_rejects_done > 0 && settle == NULL) {
        return db_fail(db, "reject", NULL);
    }
    for (size_t i = 0; i < p->n_rejects_done; i++) {
        db_bind_u64(settle, 1, p->rejects_done[i]);
        db_bind_u64(settle, 2, (uint64_t)time);
        TRY(db_do(settle));
    }
    return ERR_OK;
}

/* ---- reading ---- */

ErrCode part_unpack(ZSTD_DCtx *ctx, const DictSet *dicts, sqlite3_stmt *part, unsigned first_column,
                    Buf *out) {
    CLEANUP_BUF Buf packed;
    int at = (int)first_column;
    const Dict *dict = NULL;
    uint64_t form = db_u64(part, at);
    size_t before = out->len;
    buf_init(&packed, 2 * PART_BYTES);
    if ((form != FORM_PLAIN && form != FORM_BASE64) || db_u64(part, at + 2) != 0) {
        return ERR_CORRUPT;
    }
    TRY(dict_by_id(dicts, (uint32_t)db_u64(part, at + 1), &dict));
    TRY(frame_unpack(ctx, dict, db_blob(part, at + 4), &packed));
    if (form == FORM_BASE64) {
        TRY(unpack_base64(out, buf_str(&packed)));
    } else {
        buf_put_str(out, buf_str(&packed));
    }
    TRY(buf_ok(out));
    return out->len - before == db_u64(part, at + 3) ? ERR_OK : ERR_CORRUPT;
}

ErrCode store_file_state(Store *store, const Sha256 *hash, StoreFileState *ret_state) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    FileRow row;
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *find = db_stmt(&hold.reader->db, "received_find");
    TRY(file_find(find, hash, &row));
    *ret_state = row.state;
    return ERR_OK;
}

/* id, hash, name, time, actor, source, state, size, dropped, dropped_time */
static ErrCode file_row(Arena *arena, sqlite3_stmt *row, StoreFile *ret) {
    Str hash = db_blob(row, 1);
    if (hash.len != sizeof(ret->hash.b)) {
        return ERR_CORRUPT;
    }
    *ret = (StoreFile){.id = db_u64(row, 0),
                       .name = arena_str(arena, db_blob(row, 2)),
                       .time = (TimeMs)db_u64(row, 3),
                       .actor = arena_str(arena, db_blob(row, 4)),
                       .source = arena_str(arena, db_blob(row, 5)),
                       .state = file_state(db_u64(row, 6)),
                       .size = db_u64(row, 7),
                       .dropped = (StoreDropped)db_u64(row, 8),
                       .dropped_time = (TimeMs)db_u64(row, 9)};
    memcpy(ret->hash.b, hash.ptr, hash.len);
    return ERR_OK;
}

/* The file's row, in the same state of the database as what the caller reads while `find` stands on
 * it: an open statement holds its snapshot. */
static ErrCode file_get(Reader *reader, Arena *arena, const Sha256 *hash, sqlite3_stmt *find,
                        StoreFile *ret) {
    FileRow row;
    bool found = false;
    TRY(file_find(find, hash, &row));
    if (row.id == 0) {
        return ERR_NOT_FOUND;
    }
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(&reader->db, "received_get");
    if (get == NULL) {
        return db_fail(&reader->db, "received", NULL);
    }
    db_bind_u64(get, 1, row.id);
    TRY(db_step(get, &found));
    TRY(found ? file_row(arena, get, ret) : ERR_CORRUPT);
    return ret->dropped == STORE_MARK ? ERR_NOT_FOUND : ERR_OK;
}

ErrCode store_received_row(Store *store, Arena *arena, const Sha256 *hash, StoreFile *ret) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    StoreFile file;
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *find = db_stmt(&hold.reader->db, "received_find");
    TRY(file_get(hold.reader, arena, hash, find, &file));
    *ret = file;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode store_received_gone(const StoreFile *file, ErrInfo *info) {
    assert(file->dropped != STORE_KEPT);
    CLEANUP_BUF Buf since;
    buf_init(&since, 64);
    time_put_vn(&since, file->dropped_time);
    if (file->dropped == STORE_EXPIRED) {
        return err_set(info, ERR_GONE, "received-expired",
                       "the file's bytes were deleted on %s: its days of keeping "
                       "(received_retention_days) were over; its hash, name, size and rejects stay",
                       "nội dung tệp đã bị xoá lúc %s vì hết thời hạn lưu "
                       "(received_retention_days); mã băm, tên, dung lượng và các mục từ chối "
                       "vẫn còn",
                       buf_cstr(&since));
    }
    return err_set(info, ERR_GONE, "received-not-kept",
                   "the file came on %s and its bytes were not kept (received_keep = false)",
                   "tệp đến lúc %s và nội dung không được lưu (received_keep = false)",
                   buf_cstr(&since));
}

/* A page of a list: its rows with an id above after_id, at most max, oldest first. */
typedef struct ListPage {
    const char *statement;
    uint64_t after_id;
    size_t max;
    void *rows; /* room for max */
    ErrCode (*put)(Arena *arena, sqlite3_stmt *row, void *rows, size_t at);
} ListPage;

static ErrCode list_page(Store *store, Arena *arena, const ListPage *page, size_t *ret_n) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    size_t n = 0;
    bool row = true;
    if (page->rows == NULL) {
        return ERR_NOMEM;
    }
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *list = db_stmt(&hold.reader->db, page->statement);
    if (list == NULL) {
        return db_fail(&hold.reader->db, "list", NULL);
    }
    db_bind_u64(list, 1, page->after_id);
    db_bind_u64(list, 2, page->max);
    while (true) {
        TRY(db_step(list, &row));
        if (!row) {
            break;
        }
        assert(n < page->max);
        TRY(page->put(arena, list, page->rows, n++));
    }
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret_n = n;
    return ERR_OK;
}

static ErrCode put_file(Arena *arena, sqlite3_stmt *row, void *rows, size_t at) {
    return file_row(arena, row, (StoreFile *)rows + at);
}

ErrCode store_received_list(Store *store, Arena *arena, uint64_t after_id, size_t max,
                            StoreFile **ret_files, size_t *ret_n) {
    max = MIN(max, (size_t)LIMIT_SEARCH_VALUES);
    StoreFile *files = arena_new_array(arena, StoreFile, max + 1);
    ListPage page = {"received_list", after_id, max, files, put_file};
    TRY(list_page(store, arena, &page, ret_n));
    *ret_files = files;
    return ERR_OK;
}

static ErrCode read_parts(Store *store, Reader *reader, uint64_t id, Buf *out) {
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(&reader->db, "part_get");
    bool row = true;
    if (get == NULL) {
        return db_fail(&reader->db, "received", NULL);
    }
    db_bind_u64(get, 1, id << PART_SHIFT);
    db_bind_u64(get, 2, ((id + 1) << PART_SHIFT) - 1);
    while (true) {
        TRY(db_step(get, &row));
        if (!row) {
            return ERR_OK;
        }
        TRY(part_unpack(reader->ctx, &store->dicts, get, 0, out));
    }
}

ErrCode store_received_get(Store *store, Arena *arena, const Sha256 *hash, StoreReceived *ret) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    CLEANUP_BUF Buf bytes;
    StoreFile file;
    Sha256 check;
    buf_init(&bytes, LIMIT_CLAIM_FILE_BYTES + LIMIT_MIB);
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *find = db_stmt(&hold.reader->db, "received_find");
    TRY(file_get(hold.reader, arena, hash, find, &file));
    if (file.dropped != STORE_KEPT) {
        return ERR_GONE;
    }
    TRY(read_parts(store, hold.reader, file.id, &bytes));
    sha256(buf_str(&bytes), &check);
    if (!sha256_eq(&check, hash)) {
        return ERR_CORRUPT;
    }
    *ret = (StoreReceived){.hash = *hash,
                           .name = file.name,
                           .bytes = arena_str(arena, buf_str(&bytes)),
                           .size = bytes.len};
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static void reject_row(Arena *arena, sqlite3_stmt *stmt, StoreRejectRow *ret) {
    *ret = (StoreRejectRow){
        .id = db_u64(stmt, 0), .time = (TimeMs)db_u64(stmt, 1), .settled = db_u64(stmt, 2) != 0};
    Str file = db_blob(stmt, 3);
    if (file.len == sizeof(ret->reject.file.b)) {
        memcpy(ret->reject.file.b, file.ptr, file.len);
    }
    ret->reject.file_name = arena_str(arena, db_blob(stmt, 4));
    ret->reject.ma_lk = arena_str(arena, db_blob(stmt, 5));
    ret->reject.table = arena_str(arena, db_blob(stmt, 6));
    ret->reject.field = arena_str(arena, db_blob(stmt, 7));
    ret->reject.line = (unsigned)db_u64(stmt, 8);
    ret->reject.rule = arena_str(arena, db_blob(stmt, 9));
    ret->reject.en = arena_str(arena, db_blob(stmt, 10));
    ret->reject.vi = arena_str(arena, db_blob(stmt, 11));
    ret->reject.nth = (unsigned)db_u64(stmt, 13);
    ret->reject.bytes = STR_EMPTY;
}

static ErrCode put_reject(Arena *arena, sqlite3_stmt *row, void *rows, size_t at) {
    reject_row(arena, row, (StoreRejectRow *)rows + at);
    return ERR_OK;
}

ErrCode store_reject_list(Store *store, Arena *arena, bool settled_too, uint64_t after_id,
                          size_t max, StoreRejectRow **ret_rows, size_t *ret_n) {
    max = MIN(max, (size_t)LIMIT_SEARCH_VALUES);
    StoreRejectRow *rows = arena_new_array(arena, StoreRejectRow, max + 1);
    const char *statement = settled_too ? "reject_list" : "reject_list_open";
    ListPage page = {statement, after_id, max, rows, put_reject};
    TRY(list_page(store, arena, &page, ret_n));
    *ret_rows = rows;
    return ERR_OK;
}

ErrCode store_reject_get(Store *store, Arena *arena, uint64_t id, StoreRejectRow *ret) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    CLEANUP_BUF Buf bytes;
    StoreRejectRow row = {0};
    bool found = false;
    buf_init(&bytes, RECORD_PAYLOAD_MAX + LIMIT_MIB);
    TRY(reader_take(store, &hold.reader));
    CLEANUP_RESET sqlite3_stmt *get = db_stmt(&hold.reader->db, "reject_get");
    if (get == NULL) {
        return db_fail(&hold.reader->db, "reject", NULL);
    }
    db_bind_u64(get, 1, id);
    TRY(db_step(get, &found));
    if (!found) {
        return ERR_NOT_FOUND;
    }
    reject_row(arena, get, &row);
    TRY(frame_unpack(hold.reader->ctx, NULL, db_blob(get, 14), &bytes));
    row.reject.bytes = arena_str(arena, buf_str(&bytes));
    *ret = row;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode read_count(Db *db, const char *name, uint64_t *ret_count) {
    CLEANUP_RESET sqlite3_stmt *stmt = db_stmt(db, name);
    bool row = false;
    if (stmt == NULL) {
        return db_fail(db, "count", NULL);
    }
    TRY(db_step(stmt, &row));
    *ret_count = row ? db_u64(stmt, 0) : 0;
    return ERR_OK;
}

ErrCode store_reject_count(Store *store, uint64_t *ret_open, uint64_t *ret_settled) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    uint64_t all = 0;
    uint64_t open = 0;
    TRY(reader_take(store, &hold.reader));
    TRY(read_count(&hold.reader->db, "reject_open", &open));
    TRY(read_count(&hold.reader->db, "reject_last", &all)); /* never deleted: ids are dense */
    *ret_open = open;
    *ret_settled = all > open ? all - open : 0;
    return ERR_OK;
}
