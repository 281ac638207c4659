/* Ranges of bytes. */
#include "http/http.h"

#include <inttypes.h>

/* "500": the last 500 bytes. */
static HttpRange last_bytes(Str text, uint64_t size) {
    uint64_t n = 0;
    if (str_to_u64(text, &n) != ERR_OK) {
        return (HttpRange){0, size, 200};
    }
    n = MIN(n, size);
    return n == 0 ? (HttpRange){0, 0, 416} : (HttpRange){size - n, n, 206};
}

HttpRange http_range(Str header, uint64_t size) {
    HttpRange whole = {0, size, 200};
    uint64_t from = 0;
    uint64_t last = UINT64_MAX;
    header = str_trim(header);
    size_t dash = str_find_char(header, '-', 0);
    if (!str_starts(header, STR("bytes=")) || dash == SIZE_MAX) {
        return whole;
    }
    Str first = str_trim(str_sub(header, 6, dash - 6));
    Str end = str_trim(str_sub(header, dash + 1, header.len));
    if (first.len == 0) {
        return last_bytes(end, size);
    }
    if (str_to_u64(first, &from) != ERR_OK ||
        (end.len > 0 && (str_to_u64(end, &last) != ERR_OK || last < from))) {
        return whole;
    }
    return from >= size ? (HttpRange){0, 0, 416}
                        : (HttpRange){from, MIN(last, size - 1) - from + 1, 206};
}

Str http_content_range(Arena *arena, const HttpRange *range, uint64_t size) {
    return range->status == 416
               ? arena_printf(arena, "bytes */%" PRIu64, size)
               : arena_printf(arena, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->from,
                              range->from + MAX(range->len, UINT64_C(1)) - 1, size);
}
