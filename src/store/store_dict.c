/* Compression: zstd frames with dictionaries that data.db keeps for ever. A record or file names
 * the dictionary that it was packed with, so a new one never touches what is stored. */
#define ZDICT_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY
#include "store/record_int.h"

#include "core/limits.h"

#include <zdict.h>
#include <zstd_errors.h>

enum {
    LEVEL_RECORDS = 1, /* without a dictionary */
    LEVEL_WITH_DICT = 2,
    LEVEL_FILES = 3,
    TYPICAL_RECORD = 64 * 1024,
};

static void dict_free(Dict *dict) {
    if (dict != NULL) {
        (void)ZSTD_freeCDict(dict->compress);
        (void)ZSTD_freeDDict(dict->decompress);
        free(dict);
    }
}

/* The tables that suit a record beside its dictionary, instead of those that zstd takes for
 * kilobytes: bodies a twentieth smaller for a tenth of the time that packing takes. */
static ZSTD_CDict *for_records(Str body) {
    ZSTD_compressionParameters params = ZSTD_getCParams(LEVEL_WITH_DICT, TYPICAL_RECORD, body.len);
    return ZSTD_createCDict_advanced(body.ptr, body.len, ZSTD_dlm_byCopy, ZSTD_dct_auto, params,
                                     ZSTD_defaultCMem);
}

ErrCode dict_add(DictSet *set, uint32_t id, uint32_t kind, Str body) {
    uint32_t count = atomic_load(&set->count);
    if (id != count + 1 || id >= DICT_MAX || kind == 0 || kind >= DICT_KINDS) {
        return ERR_CORRUPT;
    }
    Dict *dict = calloc(1, sizeof(*dict));
    if (dict == NULL) {
        return ERR_NOMEM;
    }
    dict->id = id;
    dict->kind = kind;
    dict->compress =
        kind == DICT_FILES ? ZSTD_createCDict(body.ptr, body.len, LEVEL_FILES) : for_records(body);
    dict->decompress = ZSTD_createDDict(body.ptr, body.len);
    if (dict->compress == NULL || dict->decompress == NULL) {
        dict_free(dict);
        return ERR_NOMEM;
    }
    atomic_store(&set->at[id], dict);
    atomic_store(&set->count, id);
    atomic_store(&set->now[kind], dict);
    return ERR_OK;
}

ErrCode dict_load(DictSet *set, Db *db, ErrInfo *info) {
    sqlite3_stmt *stmt = db_stmt(db, "dict_all");
    if (stmt == NULL) {
        return db_fail(db, "dict-load", info);
    }
    bool row = true;
    while (true) {
        ErrCode err = db_step(stmt, &row);
        if (err != ERR_OK || !row) {
            return err == ERR_OK ? ERR_OK : db_fail(db, "dict-load", info);
        }
        Sha256 hash;
        Str body = db_blob(stmt, 3);
        Str stored = db_blob(stmt, 2);
        uint32_t id = (uint32_t)db_u64(stmt, 0);
        sha256(body, &hash);
        err = ERR_CORRUPT;
        if (str_eq(stored, (Str){(const char *)hash.b, sizeof(hash.b)})) {
            err = id <= atomic_load(&set->count)
                      ? ERR_OK
                      : dict_add(set, id, (uint32_t)db_u64(stmt, 1), body);
        }
        if (err != ERR_OK) {
            (void)sqlite3_reset(stmt);
            return err_set(info, err, "dict-load", "dictionary %u cannot be used",
                           "không dùng được từ điển nén %u", id);
        }
    }
}

void dict_release(DictSet *set) {
    for (unsigned i = 0; i < DICT_MAX; i++) {
        dict_free(atomic_load(&set->at[i]));
    }
    memset(set, 0, sizeof(*set));
}

ErrCode dict_by_id(const DictSet *set, uint32_t id, const Dict **ret_dict) {
    const Dict *dict = id > 0 && id < DICT_MAX ? atomic_load(&set->at[id]) : NULL;
    if (id != 0 && dict == NULL) {
        return ERR_CORRUPT;
    }
    *ret_dict = dict;
    return ERR_OK;
}

ErrCode dict_train(Str samples, const size_t *sizes, unsigned n, Buf *out) {
    if (!buf_reserve(out, DICT_BYTES)) {
        return buf_ok(out);
    }
    ZDICT_fastCover_params_t params = {.k = 1024, .d = 8, .f = 20, .accel = 4};
    params.zParams.compressionLevel = LEVEL_RECORDS;
    size_t len = ZDICT_trainFromBuffer_fastCover(out->ptr + out->len, DICT_BYTES, samples.ptr,
                                                 sizes, n, params);
    if (ZDICT_isError(len)) {
        return ERR_UNSUPPORTED;
    }
    out->len += len;
    return ERR_OK;
}

static bool frame_params(ZSTD_CCtx *ctx, const Dict *dict) {
    size_t bad = ZSTD_CCtx_reset(ctx, ZSTD_reset_session_and_parameters);
    bad |= ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, LEVEL_RECORDS);
    bad |= ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
    bad |= ZSTD_CCtx_setParameter(ctx, ZSTD_c_dictIDFlag, 0);
    if (dict != NULL) {
        bad |= ZSTD_CCtx_refCDict(ctx, dict->compress);
    }
    return !ZSTD_isError(bad);
}

ErrCode frame_pack(ZSTD_CCtx *ctx, const Dict *dict, Str bytes, Buf *out) {
    size_t bound = ZSTD_compressBound(bytes.len);
    if (!buf_reserve(out, bound)) {
        return buf_ok(out);
    }
    if (!frame_params(ctx, dict)) {
        return ERR_NOMEM;
    }
    size_t len = ZSTD_compress2(ctx, out->ptr + out->len, bound, bytes.ptr, bytes.len);
    if (ZSTD_isError(len)) {
        return ERR_NOMEM; /* with room for the bound nothing else can go wrong */
    }
    out->len += len;
    return ERR_OK;
}

ErrCode frame_unpack(ZSTD_DCtx *ctx, const Dict *dict, Str frame, Buf *ret) {
    unsigned long long size = ZSTD_getFrameContentSize(frame.ptr, frame.len);
    if (size > RECORD_PAYLOAD_MAX) { /* unknown and error are huge as well */
        return ERR_CORRUPT;
    }
    buf_clear(ret);
    if (!buf_reserve(ret, (size_t)size + 1)) {
        return buf_ok(ret);
    }
    size_t len = dict == NULL
                     ? ZSTD_decompressDCtx(ctx, ret->ptr, (size_t)size, frame.ptr, frame.len)
                     : ZSTD_decompress_usingDDict(ctx, ret->ptr, (size_t)size, frame.ptr, frame.len,
                                                  dict->decompress);
    if (ZSTD_isError(len) || len != size) {
        return ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation ? ERR_NOMEM : ERR_CORRUPT;
    }
    ret->len = len;
    return ERR_OK;
}

ErrCode body_pack(ZSTD_CCtx *ctx, const Dict *dict, Str payload, Buf *out) {
    buf_put_char(out, RECORD_FORMAT);
    return frame_pack(ctx, dict, payload, out);
}

ErrCode body_unpack(ZSTD_DCtx *ctx, const DictSet *set, const RecordRow *row, Buf *ret) {
    const Dict *dict = NULL;
    if (row->body.len < 2 || row->body.ptr[0] != RECORD_FORMAT || row->kind != RECORD_KIND_FHIR ||
        row->key_id != 0) {
        return ERR_CORRUPT;
    }
    TRY(dict_by_id(set, row->dict, &dict));
    return frame_unpack(ctx, dict, str_sub(row->body, 1, row->body.len), ret);
}
