#include "core/zipfile.h"

#include "core/limits.h"

#include <zlib.h>

enum {
    OUT_BYTES = 64 * 1024,
    FLAGS = 1 << 3 | 1 << 11, /* lengths behind the bytes; names in UTF-8 */
    NEEDS = 20,               /* version 2.0: deflate */
    DATE = 1 << 5 | 1,        /* 1980-01-01 */
    ENTRIES_MAX = 65535,
};

struct Zipfile {
    ErrCode (*put)(void *ctx, Str bytes);
    void *ctx;
    ErrCode err;
    uint64_t written; /* bytes of the archive so far */
    z_stream stream;
    bool open;
    uint32_t crc;
    uint64_t begin, unpacked, packed;
    size_t n;
    Buf directory;
    size_t row_at; /* of the open entry in the directory */
    char out[OUT_BYTES];
};

static void fail(Zipfile *z, ErrCode err) {
    z->err = z->err == ERR_OK ? err : z->err;
}

static void emit(Zipfile *z, const void *bytes, size_t len) {
    if (z->err == ERR_OK && len > 0) {
        z->written += len;
        fail(z, z->written > UINT32_MAX ? ERR_LIMIT : z->put(z->ctx, (Str){bytes, len}));
    }
}

static void put_le(Buf *b, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++, value >>= 8) {
        buf_put_char(b, (char)(value & 0xFF));
    }
}

ErrCode zipfile_new(ErrCode (*put)(void *ctx, Str bytes), void *ctx, Zipfile **ret) {
    Zipfile *z = calloc(1, sizeof(*z));
    if (z == NULL || deflateInit2(&z->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                                  Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return ERR_NOMEM;
    }
    z->put = put;
    z->ctx = ctx;
    buf_init(&z->directory, 64 * LIMIT_MIB);
    *ret = z;
    return ERR_OK;
}

void zipfile_free(Zipfile *z) {
    if (z != NULL) {
        (void)deflateEnd(&z->stream);
        buf_release(&z->directory);
        free(z);
    }
}

static void deflate_some(Zipfile *z, Str bytes, int flush) {
    z->stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    z->stream.avail_in = (uInt)bytes.len;
    do {
        z->stream.next_out = (Bytef *)z->out;
        z->stream.avail_out = OUT_BYTES;
        (void)deflate(&z->stream, flush);
        size_t n = OUT_BYTES - z->stream.avail_out;
        z->packed += n;
        emit(z, z->out, n);
    } while (z->stream.avail_out == 0 && z->err == ERR_OK);
}

/* Sums and lengths: what stands behind an entry and in the directory. */
static void put_sums(const Zipfile *z, Buf *b) {
    put_le(b, z->crc, 4);
    put_le(b, z->packed, 4);
    put_le(b, z->unpacked, 4);
}

static void end_entry(Zipfile *z) {
    if (!z->open) {
        return;
    }
    z->open = false;
    deflate_some(z, STR_EMPTY, Z_FINISH);
    if (z->unpacked > UINT32_MAX) {
        fail(z, ERR_LIMIT);
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    put_le(&b, 0x08074b50, 4);
    put_sums(z, &b);
    fail(z, buf_ok(&b));
    emit(z, b.ptr, b.len);
    /* The directory's row has the sums in its middle, and the name at its end. */
    b.len = 0;
    put_sums(z, &b);
    if (z->err == ERR_OK) {
        memcpy(z->directory.ptr + z->row_at + 16, b.ptr, b.len);
    }
}

/* What a local header and a directory's row have in common; sums and lengths come later. */
static void put_facts(Buf *b, Str name) {
    put_le(b, NEEDS, 2);
    put_le(b, FLAGS, 2);
    put_le(b, Z_DEFLATED, 2);
    put_le(b, 0, 2);
    put_le(b, DATE, 2);
    put_le(b, 0, 12);
    put_le(b, name.len, 2);
}

static void put_heads(Zipfile *z, Str name) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    put_le(&b, 0x04034b50, 4);
    put_facts(&b, name);
    put_le(&b, 0, 2);
    buf_put_str(&b, name);
    fail(z, buf_ok(&b));
    emit(z, b.ptr, b.len);

    Buf *d = &z->directory;
    z->row_at = d->len;
    put_le(d, 0x02014b50, 4);
    put_le(d, NEEDS, 2);
    put_facts(d, name);
    put_le(d, 0, 12); /* extra, comment, disk, attributes */
    put_le(d, z->begin, 4);
    buf_put_str(d, name);
    fail(z, buf_ok(d));
}

void zipfile_entry(Zipfile *z, Str name) {
    end_entry(z);
    if (z->err != ERR_OK || z->n == ENTRIES_MAX || name.len > UINT16_MAX) {
        fail(z, ERR_LIMIT);
        return;
    }
    z->n++;
    z->open = true;
    z->begin = z->written;
    z->packed = 0;
    z->unpacked = 0;
    z->crc = (uint32_t)crc32(0, NULL, 0);
    (void)deflateReset(&z->stream);
    put_heads(z, name);
}

void zipfile_put(Zipfile *z, Str bytes) {
    assert(z->open || z->err != ERR_OK);
    while (bytes.len > 0 && z->err == ERR_OK) {
        Str piece = str_sub(bytes, 0, (size_t)1 << 30);
        z->crc = (uint32_t)crc32(z->crc, (const Bytef *)piece.ptr, (uInt)piece.len);
        z->unpacked += piece.len;
        deflate_some(z, piece, Z_NO_FLUSH);
        bytes = str_sub(bytes, piece.len, bytes.len);
    }
}

ErrCode zipfile_finish(Zipfile *z) {
    end_entry(z);
    uint64_t begin = z->written;
    emit(z, z->directory.ptr, z->directory.len);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_KIB);
    put_le(&b, 0x06054b50, 4);
    put_le(&b, 0, 4);
    put_le(&b, z->n, 2);
    put_le(&b, z->n, 2);
    put_le(&b, z->directory.len, 4);
    put_le(&b, begin, 4);
    put_le(&b, 0, 2);
    fail(z, buf_ok(&b));
    emit(z, b.ptr, b.len);
    return z->err;
}
