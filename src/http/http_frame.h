/* http_frame.h — WebSocket frames (RFC 6455), pure: bytes of a client in, messages out; and the
 * frames that a server sends.
 *
 * The reader takes bytes as they come, any piece at a time, and holds no more than one message and
 * one control frame. It gives whole messages: fragments are put together, text is valid UTF-8,
 * control frames come between fragments as they came. What breaks the rules ends it with the close
 * code that the client is to be told; what comes behind is not read. No extensions: bits and codes
 * that nobody agreed on are refused. Ownership: texts given to `take` live until it returns.
 * Threads: one thread a reader. */
#ifndef NHIP_HTTP_HTTP_FRAME_H
#define NHIP_HTTP_HTTP_FRAME_H

#include "core/str.h"

typedef enum FrameKind {
    FRAME_CONTINUE = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
} FrameKind;

/* Close codes (7.4.1, and the register of the IANA). */
enum {
    FRAME_CODE_NORMAL = 1000,
    FRAME_CODE_AWAY = 1001,
    FRAME_CODE_PROTOCOL = 1002,
    FRAME_CODE_KIND = 1003, /* a message of a kind that is not taken */
    FRAME_CODE_NONE = 1005, /* a close frame without a code; never sent */
    FRAME_CODE_TEXT = 1007, /* no UTF-8 */
    FRAME_CODE_POLICY = 1008,
    FRAME_CODE_SIZE = 1009,
    FRAME_CODE_INTERNAL = 1011,
    FRAME_CODE_LATER = 1013,
};

enum { FRAME_HEAD_MAX = 14, FRAME_CONTROL_MAX = 125, FRAME_ACCEPT_LEN = 28 };

typedef struct FrameReader {
    Buf message;     /* the data message under way; its ceiling is the largest that is taken */
    FrameKind kind;  /* its kind; FRAME_CONTINUE: none is under way */
    FrameKind frame; /* the frame under way: its kind, whether it is a message's last */
    bool is_last;
    bool in_payload; /* its head is there */
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_len;
    uint64_t left; /* of its payload: what has not come */
    uint8_t mask[4];
    size_t mask_at;
    uint8_t control[FRAME_CONTROL_MAX];
    size_t control_len;
    unsigned ended; /* close code; 0: it reads on */
} FrameReader;

/* A message (text, binary), or a control frame. Of a close frame the text is its reason, and
 * frame_close_code says its code. */
typedef void (*FrameTake)(void *ctx, FrameKind kind, Str payload);

void frame_reader_init(FrameReader *reader, size_t message_max);
void frame_reader_release(FrameReader *reader);
/* 0: more is welcome. Else the code to close with; behind a client's close frame its own code (or
 * FRAME_CODE_NORMAL when it gave none). */
MUST_USE unsigned frame_read(FrameReader *reader, Str bytes, FrameTake take, void *ctx);

/* One whole, unmasked frame. Control frames: at most FRAME_CONTROL_MAX bytes. */
void frame_put(Buf *out, FrameKind kind, Str payload);
/* Code and reason, which is cut to what fits. */
void frame_put_close(Buf *out, unsigned code, Str reason);

/* Sec-WebSocket-Accept of a Sec-WebSocket-Key (4.2.2). ERR_SYNTAX: no base64 of 16 bytes. */
MUST_USE ErrCode frame_accept(Str key, char ret_text[FRAME_ACCEPT_LEN + 1]);

#endif
