/* arena.h — memory that is freed all at once: one arena a request, one for scratch.
 * Allocation is a pointer bump; blocks double from 4 KiB to 1 MiB and stay with the arena over
 * arena_reset (the first one). arena_defer runs a function at reset or free, last first.
 * Errors: NULL when memory or the ceiling is exhausted (arena_failed says so, sticky until reset).
 * What lives in an arena dies with it: nothing that outlives the request may point there.
 * Threads: one thread an arena. */
#ifndef NHIP_CORE_ARENA_H
#define NHIP_CORE_ARENA_H

#include "core/str.h"

typedef struct Arena Arena;

Arena *arena_new(size_t max_bytes); /* NULL when there is no memory */
void arena_free(Arena *a);          /* NULL is fine */
void arena_reset(Arena *a);
bool arena_failed(const Arena *a);
size_t arena_used(const Arena *a); /* bytes handed out since the last reset */

/* Aligned to 16, not zeroed. */
void *arena_alloc(Arena *a, size_t bytes);
void *arena_calloc(Arena *a, size_t count, size_t size); /* zeroed, overflow-checked */
/* Makes the newest allocation larger or smaller, in place where it can (what is given back serves
 * the next one); an older one is copied when it grows. NULL when there is no memory; p then stays.
 */
void *arena_resize(Arena *a, void *p, size_t old_bytes, size_t new_bytes);
/* A list of *room things of that size with twice the room, at least for 64; *room says for how
 * many. NULL when there is no memory; list and *room then stay. */
void *arena_grow(Arena *a, void *list, size_t *room, size_t size);
#define arena_new_array(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))
/* Copies; the result is also NUL-terminated. STR_EMPTY when there is no memory. */
Str arena_str(Arena *a, Str s);
/* The parts one behind the other. */
Str arena_join(Arena *a, const Str *parts, size_t n);
Str arena_printf(Arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool arena_defer(Arena *a, void (*fn)(void *), void *arg);

static inline void arena_cleanup(Arena **a) {
    arena_free(*a);
}
#define CLEANUP_ARENA CLEANUP(arena_cleanup)

#endif
