/* The bytes as base64 text: what decodes must encode to the same text without its white space, also
 * when it stands in a Buf of just the right ceiling. The bytes as bytes: they must come back. */
#include "core/base64.h"

#include "core/limits.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_side(Str text) {
    CLEANUP_BUF Buf bytes;
    CLEANUP_BUF Buf again;
    CLEANUP_BUF Buf tight;
    buf_init(&bytes, 16 * LIMIT_MIB);
    buf_init(&again, 16 * LIMIT_MIB);
    buf_init(&tight, 0);
    if (base64_decode(&bytes, text) != ERR_OK) {
        ENSURE(bytes.len == 0);
        return;
    }
    base64_encode(&again, buf_str(&bytes));
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(" \t\r\n", text.ptr[i], 4) == NULL) {
            ENSURE(at < again.len && again.ptr[at++] == text.ptr[i]);
        }
    }
    ENSURE(at == again.len);
    tight.max = bytes.len;
    ENSURE(base64_decode(&tight, text) == ERR_OK && str_eq(buf_str(&tight), buf_str(&bytes)));
}

static void bytes_side(Str bytes) {
    CLEANUP_BUF Buf text;
    CLEANUP_BUF Buf again;
    buf_init(&text, 16 * LIMIT_MIB);
    buf_init(&again, 16 * LIMIT_MIB);
    base64_encode(&text, bytes);
    ENSURE(text.len == base64_encoded_len(bytes.len));
    ENSURE(base64_decode(&again, buf_str(&text)) == ERR_OK && str_eq(buf_str(&again), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    text_side((Str){(const char *)data, size});
    bytes_side((Str){(const char *)data, size});
    return 0;
}
