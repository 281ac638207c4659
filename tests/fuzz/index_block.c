/* Blocks of view.db: whatever the bytes, unpacking and walking must end, inside the block. */
#include "store/index_format.h"

#include <zstd.h>

static void walk(Str raw) {
    uint32_t slots[INDEX_CHUNK_SLOTS];
    BlockCursor c = block_cursor(raw);
    while (block_next(&c)) {
        if (block_slots(&c, slots) == ERR_OK && slots[c.n - 1] < c.first) {
            abort(); /* they ascend */
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ZSTD_DCtx *ctx;
    ctx = ctx == NULL ? ZSTD_createDCtx() : ctx;
    Str bytes = {(const char *)data, size};
    Buf raw;
    buf_init(&raw, INDEX_BLOCK_MAX);
    if (block_unpack(ctx, bytes, &raw) == ERR_OK) {
        walk(buf_str(&raw));
    }
    buf_release(&raw);
    walk(bytes); /* past the hash, which keeps most inputs out */
    return 0;
}
