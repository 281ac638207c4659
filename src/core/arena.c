#include "core/arena.h"

#include <stdarg.h>

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

typedef struct Block {
    struct Block *prev;
    size_t size; /* of data */
    _Alignas(ALIGN) char data[];
} Block;

typedef struct Defer {
    struct Defer *prev;
    void (*fn)(void *);
    void *arg;
} Defer;

struct Arena {
    Block *block; /* newest */
    char *at;
    char *end;
    Defer *defers;
    size_t used;
    size_t max;
    bool failed;
};

static Block *block_new(size_t size) {
    Block *b = malloc(sizeof(Block) + size);
    if (b != NULL) {
        b->prev = NULL;
        b->size = size;
    }
    return b;
}

static void use_block(Arena *a, Block *b) {
    a->block = b;
    a->at = b->data;
    a->end = b->data + b->size;
}

Arena *arena_new(size_t max_bytes) {
    Arena *a = calloc(1, sizeof(Arena));
    Block *b = block_new(FIRST_BLOCK);
    if (a == NULL || b == NULL) {
        free(a);
        free(b);
        return NULL;
    }
    a->max = max_bytes;
    use_block(a, b);
    return a;
}

void arena_reset(Arena *a) {
    for (Defer *d = a->defers; d != NULL; d = d->prev) {
        d->fn(d->arg);
    }
    a->defers = NULL;
    /* Keep the oldest block only: an arena that once served a large request gives it back. */
    Block *b = a->block;
    while (b->prev != NULL) {
        Block *prev = b->prev;
        free(b);
        b = prev;
    }
    use_block(a, b);
    a->used = 0;
    a->failed = false;
}

void arena_free(Arena *a) {
    if (a != NULL) {
        arena_reset(a);
        free(a->block);
        free(a);
    }
}

bool arena_failed(const Arena *a) {
    return a->failed;
}

size_t arena_used(const Arena *a) {
    return a->used;
}

static void *alloc_slow(Arena *a, size_t bytes) {
    size_t size = MIN(a->block->size * 2, (size_t)LARGEST_BLOCK);
    Block *b = block_new(MAX(size, bytes));
    if (b == NULL) {
        a->failed = true;
        return NULL;
    }
    b->prev = a->block;
    use_block(a, b);
    char *p = a->at;
    a->at += bytes;
    a->used += bytes;
    return p;
}

void *arena_alloc(Arena *a, size_t bytes) {
    if (bytes > a->max || a->used > a->max - bytes) {
        a->failed = true;
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (LIKELY(bytes <= (size_t)(a->end - a->at))) {
        char *p = a->at;
        a->at += bytes;
        a->used += bytes;
        return p;
    }
    return alloc_slow(a, bytes);
}

void *arena_calloc(Arena *a, size_t count, size_t size) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        a->failed = true;
        return NULL;
    }
    void *p = arena_alloc(a, bytes);
    return p == NULL ? NULL : memset(p, 0, bytes);
}

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Grows the newest block, whose only allocation is p: large blocks move without being copied. */
static void *grow_block(Arena *a, size_t old_size, size_t new_size) {
    Block *b = realloc(a->block, sizeof(Block) + new_size);
    if (b == NULL) {
        a->failed = true;
        return NULL;
    }
    b->size = new_size;
    use_block(a, b);
    a->at += new_size;
    a->used += new_size - old_size;
    return b->data;
}

void *arena_resize(Arena *a, void *p, size_t old_bytes, size_t new_bytes) {
    size_t old_size = aligned(old_bytes);
    bool newest = p != NULL && (char *)p + old_size == a->at;
    if (new_bytes <= old_bytes) {
        if (newest) {
            a->at -= old_size - aligned(new_bytes);
            a->used -= old_size - aligned(new_bytes);
        }
        return p;
    }
    if (new_bytes > a->max || a->used - (newest ? old_size : 0) > a->max - new_bytes) {
        a->failed = true;
        return NULL;
    }
    if (newest && aligned(new_bytes) <= (size_t)(a->end - (char *)p)) {
        a->at += aligned(new_bytes) - old_size;
        a->used += aligned(new_bytes) - old_size;
        return p;
    }
    if (newest && (char *)p == a->block->data && a->block->prev != NULL) {
        return grow_block(a, old_size, aligned(new_bytes));
    }
    void *q = arena_alloc(a, new_bytes);
    return q == NULL || old_bytes == 0 ? q : memcpy(q, p, old_bytes);
}

void *arena_grow(Arena *a, void *list, size_t *room, size_t size) {
    enum { LEAST = 64 };
    size_t grown = MAX((size_t)LEAST, 2 * *room);
    assert(size > 0 && grown <= SIZE_MAX / size);
    void *p = arena_resize(a, list, *room * size, grown * size);
    *room = p == NULL ? *room : grown;
    return p;
}

Str arena_str(Arena *a, Str s) {
    char *p = arena_alloc(a, s.len + 1);
    if (p == NULL) {
        return STR_EMPTY;
    }
    if (s.len > 0) {
        memcpy(p, s.ptr, s.len);
    }
    p[s.len] = '\0';
    return (Str){p, s.len};
}

Str arena_join(Arena *a, const Str *parts, size_t n) {
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += parts[i].len;
    }
    char *text = arena_alloc(a, len + 1);
    if (text == NULL) {
        return STR_EMPTY;
    }
    char *at = text;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > 0) {
            memcpy(at, parts[i].ptr, parts[i].len);
        }
        at += parts[i].len;
    }
    *at = '\0';
    return (Str){text, len};
}

Str arena_printf(Arena *a, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p != NULL) {
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return p == NULL ? STR_EMPTY : (Str){p, (size_t)n};
}

bool arena_defer(Arena *a, void (*fn)(void *), void *arg) {
    Defer *d = arena_alloc(a, sizeof(Defer));
    if (d == NULL) {
        return false;
    }
    *d = (Defer){.prev = a->defers, .fn = fn, .arg = arg};
    a->defers = d;
    return true;
}
