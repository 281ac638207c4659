#include "http/http_frame.h"

#include "core/base64.h"
#include "core/utf8.h"

#include <openssl/evp.h>

void frame_reader_init(FrameReader *r, size_t message_max) {
    *r = (FrameReader){0};
    buf_init(&r->message, message_max);
}

void frame_reader_release(FrameReader *r) {
    buf_release(&r->message);
}

static bool is_control(FrameKind kind) {
    return (kind & 8) != 0;
}

/* ---- the head: kind, length, mask ---- */

/* Bytes of the head, as far as what is there says. */
static size_t head_size(const FrameReader *r) {
    if (r->head_len < 2) {
        return 2;
    }
    unsigned len = r->head[1] & 127;
    return 2 + 4 + (len == 126 ? 2 : len == 127 ? 8 : 0);
}

/* The payload's length; UINT64_MAX when it was not written in its shortest form. */
static uint64_t length_of(const FrameReader *r) {
    unsigned len = r->head[1] & 127;
    size_t n = len == 126 ? 2 : len == 127 ? 8 : 0;
    uint64_t value = n == 0 ? len : 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | r->head[2 + i];
    }
    bool shortest = n == 0 || (n == 2 ? value >= 126 : value > 0xFFFF);
    return shortest && value >> 63 == 0 ? value : UINT64_MAX;
}

/* The first two bytes alone tell most of what can be wrong (5.2, 5.4, 5.5). */
static unsigned check_head(const FrameReader *r) {
    FrameKind kind = (FrameKind)(r->head[0] & 15);
    bool is_last = (r->head[0] & 128) != 0;
    bool known = kind <= FRAME_BINARY || (kind >= FRAME_CLOSE && kind <= FRAME_PONG);
    if ((r->head[0] & 0x70) != 0 || !known || (r->head[1] & 128) == 0) {
        return FRAME_CODE_PROTOCOL; /* reserved bits, reserved kinds, not masked */
    }
    if (is_control(kind)) {
        return is_last && (r->head[1] & 127) <= FRAME_CONTROL_MAX ? 0 : FRAME_CODE_PROTOCOL;
    }
    return (kind == FRAME_CONTINUE) == (r->kind != FRAME_CONTINUE) ? 0 : FRAME_CODE_PROTOCOL;
}

static unsigned begin_frame(FrameReader *r) {
    uint64_t length = length_of(r);
    if (length == UINT64_MAX) {
        return FRAME_CODE_PROTOCOL;
    }
    r->frame = (FrameKind)(r->head[0] & 15);
    r->is_last = (r->head[0] & 128) != 0;
    if (!is_control(r->frame) && length > r->message.max - r->message.len) {
        return FRAME_CODE_SIZE;
    }
    memcpy(r->mask, r->head + r->head_len - 4, 4);
    r->mask_at = 0;
    r->left = length;
    r->control_len = 0;
    r->in_payload = true;
    if (!is_control(r->frame) && r->frame != FRAME_CONTINUE) {
        r->kind = r->frame;
    }
    return 0;
}

/* ---- the payload ---- */

/* Takes the mask off what is there of it. */
static unsigned take_payload(FrameReader *r, Str *bytes) {
    size_t n = (size_t)MIN((uint64_t)bytes->len, r->left);
    uint8_t *to = r->control + r->control_len;
    if (is_control(r->frame)) {
        r->control_len += n;
    } else {
        if (!buf_reserve(&r->message, n)) {
            return FRAME_CODE_INTERNAL;
        }
        to = (uint8_t *)r->message.ptr + r->message.len;
        r->message.len += n;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)bytes->ptr[i] ^ r->mask[(r->mask_at + i) & 3];
    }
    r->mask_at = (r->mask_at + n) & 3;
    r->left -= n;
    *bytes = str_sub(*bytes, n, bytes->len);
    return 0;
}

/* Codes that may stand in a close frame (7.4). */
static bool is_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static unsigned end_control(FrameReader *r, FrameTake take, void *ctx) {
    Str payload = {(const char *)r->control, r->control_len};
    if (r->frame != FRAME_CLOSE) {
        take(ctx, r->frame, payload);
        return 0;
    }
    if (payload.len == 0) {
        take(ctx, FRAME_CLOSE, payload);
        return FRAME_CODE_NORMAL;
    }
    unsigned code = payload.len == 1 ? 0 : (unsigned)r->control[0] << 8 | r->control[1];
    if (!is_code(code)) {
        return FRAME_CODE_PROTOCOL;
    }
    Str reason = str_sub(payload, 2, payload.len);
    if (!utf8_valid(reason)) {
        return FRAME_CODE_TEXT;
    }
    take(ctx, FRAME_CLOSE, reason);
    return code;
}

static unsigned end_message(FrameReader *r, FrameTake take, void *ctx) {
    FrameKind kind = r->kind;
    if (!r->is_last) {
        return 0;
    }
    if (kind == FRAME_TEXT && !utf8_valid(buf_str(&r->message))) {
        return FRAME_CODE_TEXT;
    }
    take(ctx, kind, buf_str(&r->message));
    buf_clear(&r->message);
    r->kind = FRAME_CONTINUE;
    return 0;
}

static unsigned end_frame(FrameReader *r, FrameTake take, void *ctx) {
    r->in_payload = false;
    r->head_len = 0;
    return is_control(r->frame) ? end_control(r, take, ctx) : end_message(r, take, ctx);
}

/* As much of the head as there is. */
static unsigned take_head(FrameReader *r, Str *bytes) {
    while (bytes->len > 0 && r->head_len < head_size(r)) {
        r->head[r->head_len++] = (uint8_t)bytes->ptr[0];
        *bytes = str_sub(*bytes, 1, bytes->len);
        if (r->head_len == 2) {
            unsigned code = check_head(r);
            if (code != 0) {
                return code;
            }
        }
    }
    return r->head_len == head_size(r) ? begin_frame(r) : 0;
}

unsigned frame_read(FrameReader *r, Str bytes, FrameTake take, void *ctx) {
    while (r->ended == 0 && bytes.len > 0) {
        r->ended = r->in_payload ? take_payload(r, &bytes) : take_head(r, &bytes);
        if (r->ended == 0 && r->in_payload && r->left == 0) {
            r->ended = end_frame(r, take, ctx);
        }
    }
    return r->ended;
}

/* ---- what a server sends ---- */

void frame_put(Buf *out, FrameKind kind, Str payload) {
    size_t n = payload.len < 126 ? 0 : payload.len <= 0xFFFF ? 2 : 8;
    assert(!is_control(kind) || payload.len <= FRAME_CONTROL_MAX);
    buf_put_char(out, (char)(0x80 | (unsigned)kind));
    buf_put_char(out, (char)(n == 0 ? payload.len : n == 2 ? 126 : 127));
    for (size_t i = n; i > 0; i--) {
        buf_put_char(out, (char)(uint8_t)((uint64_t)payload.len >> (8 * (i - 1))));
    }
    buf_put_str(out, payload);
}

void frame_put_close(Buf *out, unsigned code, Str reason) {
    char text[FRAME_CONTROL_MAX];
    reason = str_sub(reason, 0, utf8_valid_len(str_sub(reason, 0, sizeof(text) - 2)));
    text[0] = (char)(code >> 8);
    text[1] = (char)(uint8_t)code;
    memcpy(text + 2, reason.ptr, reason.len);
    frame_put(out, FRAME_CLOSE, (Str){text, reason.len + 2});
}

ErrCode frame_accept(Str key, char ret_text[FRAME_ACCEPT_LEN + 1]) {
    enum { KEY_BYTES = 16, SHA1_BYTES = 20 };
    CLEANUP_BUF Buf b;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    buf_init(&b, 256);
    if (key.len != base64_encoded_len(KEY_BYTES) || base64_decode(&b, key) != ERR_OK ||
        b.len != KEY_BYTES) {
        return ERR_SYNTAX;
    }
    buf_clear(&b);
    buf_put_str(&b, key);
    buf_put_lit(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    if (buf_ok(&b) != ERR_OK || EVP_Digest(b.ptr, b.len, digest, &n, EVP_sha1(), NULL) != 1 ||
        n != SHA1_BYTES) {
        return ERR_INTERNAL;
    }
    buf_clear(&b);
    base64_encode(&b, (Str){(const char *)digest, n});
    TRY(buf_ok(&b));
    assert(b.len == FRAME_ACCEPT_LEN);
    memcpy(ret_text, b.ptr, b.len);
    ret_text[b.len] = '\0';
    return ERR_OK;
}
