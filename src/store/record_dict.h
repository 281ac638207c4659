/* record_dict.h — zstd frames and the trained dictionaries that they need (store_dict.c).
 * A dictionary is never changed and never removed: a frame names the one that it was made with.
 * Ownership: a DictSet owns its dictionaries until dict_release. Errors: ERR_CORRUPT for frames
 * that are damaged or too large, ERR_NOMEM. Threads: readers take no lock; one thread adds. */
#ifndef NHIP_STORE_RECORD_DICT_H
#define NHIP_STORE_RECORD_DICT_H

#include "core/str.h"
#include "store/store_db.h"

#include <stdatomic.h>
#include <zstd.h>

enum {
    DICT_RECORDS = 1, /* kinds of dictionaries */
    DICT_FILES = 2,
    DICT_KINDS = 3,
    DICT_MAX = 1024, /* ids 1 … */
    DICT_BYTES = 112640,
};

typedef struct Dict {
    uint32_t id, kind;
    ZSTD_CDict *compress;
    ZSTD_DDict *decompress;
} Dict;

typedef struct DictSet { /* append-only; readers take no lock */
    _Atomic(Dict *) at[DICT_MAX];
    _Atomic(Dict *) now[DICT_KINDS]; /* NULL: none yet */
    _Atomic uint32_t count;
} DictSet;

MUST_USE ErrCode dict_load(DictSet *set, Db *db, ErrInfo *info);
MUST_USE ErrCode dict_add(DictSet *set, uint32_t id, uint32_t kind, Str body);
void dict_release(DictSet *set);
/* Trains from samples laid one after the other; appends the dictionary to out. */
MUST_USE ErrCode dict_train(Str samples, const size_t *sizes, unsigned n, Buf *out);
/* Appends a frame. dict may be NULL. */
MUST_USE ErrCode frame_pack(ZSTD_CCtx *ctx, const Dict *dict, Str bytes, Buf *out);
/* ret is cleared first; ERR_CORRUPT for a bad frame or more than max bytes. */
MUST_USE ErrCode frame_unpack(ZSTD_DCtx *ctx, const Dict *dict, Str frame, Buf *ret);
/* dict 0 gives NULL; ERR_CORRUPT for an unknown one. */
MUST_USE ErrCode dict_by_id(const DictSet *set, uint32_t id, const Dict **ret_dict);
struct RecordRow;
MUST_USE ErrCode body_pack(ZSTD_CCtx *ctx, const Dict *dict, Str payload, Buf *out);
MUST_USE ErrCode body_unpack(ZSTD_DCtx *ctx, const DictSet *set, const struct RecordRow *row,
                             Buf *ret);

#endif
