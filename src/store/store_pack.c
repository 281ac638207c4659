/* Base64 hides the text inside from the compressor: a claim envelope of 24 KB costs three times its
 * inner XML. Here long canonical runs are decoded before compression and encoded again on reading.
 *
 * Packed form, to the end of the bytes:
 *   varint length + literal bytes
 *   varint length of the decoded run; 0 and nothing more at the end of the last literal
 *     varint characters of a line, times two, plus one for CR LF; 0: one line
 *     decoded bytes
 * Only what encodes back to the same characters is taken: whole groups of four, the last one padded
 * as the RFC says; lines all of one length but the last. The caller compares the bytes afterwards.
 */
#include "store/record_int.h"

#include "core/base64.h"

enum { RUN_MIN = 64 };

static const uint8_t IS_CODE[256] = {
    ['+'] = 1, ['/'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
    ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1,
    ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
    ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,
    ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1,
    ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,
    ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
    ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

typedef struct Run {
    size_t begin, end; /* characters, line ends included */
    size_t width;      /* of a line; 0: one line */
    bool crlf;
} Run;

static size_t line_end(Str bytes, size_t at) {
    while (at < bytes.len && IS_CODE[(uint8_t)bytes.ptr[at]]) {
        at++;
    }
    return at;
}

/* 0, 1 or 2 bytes of line end at `at`. */
static size_t newline_len(Str bytes, size_t at) {
    if (at < bytes.len && bytes.ptr[at] == '\n') {
        return 1;
    }
    return at + 1 < bytes.len && bytes.ptr[at] == '\r' && bytes.ptr[at + 1] == '\n' ? 2 : 0;
}

/* One or two '=' that fill the last group. */
static size_t padding_len(Str bytes, size_t line_len, size_t at) {
    size_t n = 0;
    while (n < 2 && at + n < bytes.len && bytes.ptr[at + n] == '=') {
        n++;
    }
    return n > 0 && (line_len + n) % 4 == 0 ? n : 0;
}

/* Lines of one width follow each other; returns the run's end. */
static size_t lines_end(Str bytes, Run *run, size_t first_end) {
    size_t width = first_end - run->begin;
    size_t eol = newline_len(bytes, first_end);
    size_t at = first_end;
    run->crlf = eol == 2;
    while (newline_len(bytes, at) == eol) {
        size_t end = line_end(bytes, at + eol);
        size_t len = end - (at + eol);
        size_t pad = len <= width ? padding_len(bytes, len, end) : 0;
        if (len == 0 || len > width || (len + pad) % 4 != 0) {
            break;
        }
        run->width = width;
        at = end + pad;
        if (len < width || pad > 0) {
            break;
        }
    }
    return at;
}

/* The next run at or after `from`; false when there is none. */
static bool run_find(Str bytes, size_t from, Run *ret_run) {
    for (size_t at = from; at + RUN_MIN <= bytes.len;) {
        /* A run of RUN_MIN must cover this place: look there first and step over what cannot. */
        if (!IS_CODE[(uint8_t)bytes.ptr[at + RUN_MIN - 1]]) {
            at += RUN_MIN;
            continue;
        }
        size_t begin = at + RUN_MIN - 1;
        while (begin > at && IS_CODE[(uint8_t)bytes.ptr[begin - 1]]) {
            begin--;
        }
        size_t end = line_end(bytes, at + RUN_MIN);
        if (end - begin < RUN_MIN) {
            at = end;
            continue;
        }
        Run run = {.begin = begin, .end = end};
        size_t pad = padding_len(bytes, end - begin, end);
        if (pad > 0) {
            run.end = end + pad;
        } else if ((end - begin) % 4 == 0 && newline_len(bytes, end) > 0) {
            run.end = lines_end(bytes, &run, end);
        } else {
            run.end -= (end - begin) % 4;
        }
        *ret_run = run;
        return true;
    }
    return false;
}

static ErrCode run_put(Buf *out, Str chars, const Run *run, Buf *decoded) {
    buf_clear(decoded);
    TRY(base64_decode(decoded, chars));
    codec_put_varint(out, decoded->len);
    codec_put_varint(out, run->width * 2 + (run->crlf ? 1 : 0));
    buf_put_str(out, buf_str(decoded));
    return ERR_OK;
}

ErrCode pack_base64(Buf *out, Str bytes) {
    CLEANUP_BUF Buf decoded;
    buf_init(&decoded, bytes.len + 16);
    size_t done = 0;
    size_t from = 0;
    size_t n = 0;
    Run run = {0};
    while (run_find(bytes, from, &run)) {
        size_t mark = out->len;
        codec_put_varint(out, run.begin - done);
        buf_put_str(out, str_sub(bytes, done, run.begin - done));
        ErrCode err = run_put(out, str_sub(bytes, run.begin, run.end - run.begin), &run, &decoded);
        if (err == ERR_SYNTAX) { /* unused bits in the last group: leave it as it is */
            out->len = mark;
        } else {
            TRY(err);
            done = run.end;
            n++;
        }
        from = run.end;
    }
    if (n == 0) {
        return ERR_UNSUPPORTED;
    }
    codec_put_varint(out, bytes.len - done);
    buf_put_str(out, str_sub(bytes, done, bytes.len));
    codec_put_varint(out, 0);
    return buf_ok(out);
}

static void encode_lines(Buf *out, Str decoded, size_t width, bool crlf) {
    size_t step = width == 0 ? decoded.len : width / 4 * 3;
    for (size_t at = 0; at < decoded.len; at += step) {
        if (at > 0) {
            buf_put(out, crlf ? "\r\n" : "\n", crlf ? 2 : 1);
        }
        base64_encode(out, str_sub(decoded, at, step));
    }
}

static bool take(Str *from, uint64_t len, Str *ret_bytes) {
    if (len > from->len) {
        return false;
    }
    *ret_bytes = str_sub(*from, 0, (size_t)len);
    *from = str_sub(*from, (size_t)len, from->len);
    return true;
}

ErrCode unpack_base64(Buf *out, Str packed) {
    while (packed.len > 0) {
        uint64_t len = 0;
        uint64_t lines = 0;
        Str bytes;
        if (!codec_get_varint(&packed, &len) || !take(&packed, len, &bytes)) {
            return ERR_CORRUPT;
        }
        buf_put_str(out, bytes);
        if (!codec_get_varint(&packed, &len)) {
            return ERR_CORRUPT;
        }
        if (len == 0) {
            break;
        }
        if (!codec_get_varint(&packed, &lines) || lines / 2 % 4 != 0 ||
            !take(&packed, len, &bytes)) {
            return ERR_CORRUPT;
        }
        encode_lines(out, bytes, (size_t)lines / 2, (lines & 1) != 0);
    }
    return packed.len == 0 ? buf_ok(out) : ERR_CORRUPT;
}
