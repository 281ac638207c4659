/* WebSocket frames as a client may send them: read whole and in pieces, which must give the same
 * messages and the same end; what the server writes of them is read again. */
#include "core/limits.h"
#include "core/utf8.h"
#include "http/http_frame.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1000 };

/* Kind, length, bytes of each. */
static void note(void *ctx, FrameKind kind, Str payload) {
    Buf *out = ctx;
    ENSURE(kind != FRAME_CONTINUE && payload.len <= MESSAGE_MAX);
    ENSURE(kind <= FRAME_BINARY || payload.len <= FRAME_CONTROL_MAX);
    ENSURE((kind != FRAME_TEXT && kind != FRAME_CLOSE) || utf8_valid(payload));
    buf_put_char(out, (char)kind);
    buf_put_u64(out, payload.len);
    buf_put_char(out, ' ');
    buf_put_str(out, payload);
    frame_put(out, kind, payload);
}

static unsigned read_pieces(Str bytes, size_t piece, Buf *out) {
    FrameReader r;
    unsigned code = 0;
    frame_reader_init(&r, MESSAGE_MAX);
    while (bytes.len > 0) {
        code = frame_read(&r, str_sub(bytes, 0, piece), note, out);
        bytes = str_sub(bytes, MIN(piece, bytes.len), bytes.len);
    }
    frame_reader_release(&r);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CLEANUP_BUF Buf whole;
    CLEANUP_BUF Buf pieces;
    char accept[FRAME_ACCEPT_LEN + 1];
    Str bytes = {(const char *)data, size};
    buf_init(&whole, 64 * LIMIT_MIB);
    buf_init(&pieces, 64 * LIMIT_MIB);
    unsigned code = read_pieces(bytes, SIZE_MAX, &whole);
    unsigned again = read_pieces(bytes, size % 7 + 1, &pieces);
    ENSURE(code == again && code < 5000 && str_eq(buf_str(&whole), buf_str(&pieces)));
    ENSURE(frame_accept(bytes, accept) != ERR_OK || strlen(accept) == FRAME_ACCEPT_LEN);
    return 0;
}
