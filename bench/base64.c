/* Base64: Nhịp against OpenSSL's EVP_EncodeBlock and EVP_DecodeBlock and against memcpy, in one
 * process on one core. Work: 16 MiB of random bytes to text and back, without and with a line end
 * after each 76 characters (OpenSSL's block functions take no line ends; there its time without
 * them stands). */
#include <openssl/evp.h>

#include "bench.h"
#include "core/base64.h"
#include "core/limits.h"
#include "core/random.h"

enum { ROUNDS = 8 };
#define BYTES (16 * LIMIT_MIB)

typedef struct Best {
    double encode, decode, decode_lines, evp_encode, evp_decode, copy;
} Best;

static void better(double *best, double t0) {
    double t = bench_now() - t0;
    *best = *best == 0 || t < *best ? t : *best;
}

static void stop(const char *what) {
    (void)fprintf(stderr, "bench base64: %s\n", what);
    exit(1);
}

static void round_of(Best *b, Str bytes, Buf *text, Buf *lines, Buf *out) {
    buf_clear(text);
    double t0 = bench_now();
    base64_encode(text, bytes);
    better(&b->encode, t0);
    buf_clear(lines);
    for (size_t at = 0; at < text->len; at += 76) {
        buf_put_str(lines, str_sub(buf_str(text), at, 76));
        buf_put_lit(lines, "\r\n");
    }
    Buf *const texts[] = {text, lines};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        buf_clear(out);
        t0 = bench_now();
        ErrCode err = base64_decode(out, buf_str(texts[i]));
        better(i == 0 ? &b->decode : &b->decode_lines, t0);
        if (err != ERR_OK || !str_eq(buf_str(out), bytes)) {
            stop("the bytes did not come back");
        }
    }
    t0 = bench_now();
    int n = EVP_EncodeBlock((unsigned char *)lines->ptr, (const unsigned char *)bytes.ptr,
                            (int)bytes.len);
    better(&b->evp_encode, t0);
    t0 = bench_now();
    int m = EVP_DecodeBlock((unsigned char *)out->ptr, (const unsigned char *)lines->ptr, n);
    better(&b->evp_decode, t0);
    if (n != (int)text->len || memcmp(lines->ptr, text->ptr, text->len) != 0 ||
        m < (int)bytes.len) {
        stop("OpenSSL disagrees");
    }
    t0 = bench_now();
    memcpy(lines->ptr, text->ptr, text->len);
    better(&b->copy, t0);
}

int main(void) {
    bench_machine();
    CLEANUP_BUF Buf bytes;
    CLEANUP_BUF Buf text;
    CLEANUP_BUF Buf lines;
    CLEANUP_BUF Buf out;
    buf_init(&bytes, BYTES);
    buf_init(&text, 2 * BYTES);
    buf_init(&lines, 2 * BYTES);
    buf_init(&out, 2 * BYTES);
    Random r;
    random_init(&r, 4648);
    while (bytes.len < BYTES) {
        uint64_t v = random_u64(&r);
        buf_put(&bytes, &v, sizeof(v));
    }
    Best b = {0};
    for (int i = 0; i < ROUNDS; i++) {
        round_of(&b, buf_str(&bytes), &text, &lines, &out);
    }
    double mb = (double)text.len / 1e6;
    printf("# conditions: %.1f MB of text, best of %d rounds; MB/s of text; factors are of Nhịp's "
           "time\n",
           mb, ROUNDS);
    printf("nhip      encode %6.0f MB/s          decode %6.0f MB/s          with line ends %6.0f "
           "MB/s\n",
           mb / b.encode, mb / b.decode, mb / b.decode_lines);
    printf("OpenSSL   encode %6.0f MB/s (%4.1fx)  decode %6.0f MB/s (%4.1fx)\n", mb / b.evp_encode,
           b.evp_encode / b.encode, mb / b.evp_decode, b.evp_decode / b.decode);
    printf("memcpy    %6.0f MB/s\n", mb / b.copy);
    return 0;
}
