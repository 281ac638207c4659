/* Counts and bytes by kind, one line each: name value unit. Reads every row once. */
#include "store/record_int.h"

typedef struct StatLine {
    const char *name, *unit;
} StatLine;

static void line(Buf *out, const char *name, uint64_t value, const char *unit) {
    buf_printf(out, "%s %llu %s\n", name, (unsigned long long)value, unit);
}

/* One statement with a row of numbers, one line for each. */
static ErrCode sums(Db *db, Buf *out, const char *statement, const StatLine *lines, size_t n) {
    CLEANUP_RESET sqlite3_stmt *stmt = db_stmt(db, statement);
    bool row = false;
    if (stmt == NULL) {
        return db_fail(db, "stat", NULL);
    }
    TRY(db_step(stmt, &row));
    for (size_t i = 0; row && i < n; i++) {
        line(out, lines[i].name, db_u64(stmt, (int)i), lines[i].unit);
    }
    return ERR_OK;
}

static ErrCode chain_head(Db *db, Buf *out) {
    CLEANUP_RESET sqlite3_stmt *last = db_stmt(db, "record_last");
    bool row = false;
    if (last == NULL) {
        return db_fail(db, "stat", NULL);
    }
    TRY(db_step(last, &row));
    Str chain = row ? db_blob(last, 9) : STR_EMPTY;
    if (chain.len > 0) {
        buf_put_lit(out, "chain_head ");
        hex_put(out, (const uint8_t *)chain.ptr, chain.len);
        buf_put_lit(out, " sha256\n");
    }
    return ERR_OK;
}

/* Files without their bytes; a folder of the first version, opened to read only, cannot say. */
static ErrCode dropped_sums(Db *db, Buf *out) {
    static const StatLine DROPPED[] = {{"files_not_kept", "files"}, {"files_expired", "files"}};
    CLEANUP_RESET sqlite3_stmt *version = db_stmt(db, "version_get");
    bool row = false;
    if (version == NULL) {
        return db_fail(db, "stat", NULL);
    }
    TRY(db_step(version, &row));
    return row && db_u64(version, 0) >= 2
               ? sums(db, out, "received_dropped_sums", DROPPED, ARRAY_LEN(DROPPED))
               : ERR_OK;
}

static ErrCode stat_db(Store *store, Db *db, Buf *out) {
    static const StatLine RECORDS[] = {
        {"records", "records"}, {"record_bodies", "bytes"}, {"record_chain", "bytes"}};
    static const StatLine FILES[] = {
        {"files", "files"}, {"files_done", "files"}, {"files_as_received", "bytes"}};
    static const StatLine PARTS[] = {{"file_parts", "parts"}, {"files_stored", "bytes"}};
    static const StatLine REJECTS[] = {
        {"rejects", "rejects"}, {"rejects_open", "rejects"}, {"rejects_stored", "bytes"}};
    static const StatLine PAGES[] = {{"data_pages", "pages_of_8192"}};
    TRY(sums(db, out, "record_sums", RECORDS, ARRAY_LEN(RECORDS)));
    TRY(sums(db, out, "received_sums", FILES, ARRAY_LEN(FILES)));
    TRY(dropped_sums(db, out));
    TRY(sums(db, out, "part_sums", PARTS, ARRAY_LEN(PARTS)));
    TRY(sums(db, out, "reject_sums", REJECTS, ARRAY_LEN(REJECTS)));
    TRY(sums(db, out, "page_count", PAGES, ARRAY_LEN(PAGES)));
    line(out, "dictionaries", atomic_load(&store->dicts.count), "dictionaries");
    return chain_head(db, out);
}

ErrCode store_stat(Store *store, Buf *out) {
    CLEANUP_READER ReaderHold hold = {store, NULL};
    TRY(reader_take(store, &hold.reader));
    TRY(stat_db(store, &hold.reader->db, out));
    TRY(index_stat(store->index, out));
    return buf_ok(out);
}
