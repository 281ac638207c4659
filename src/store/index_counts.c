#include "store/index_counts.h"

#include "core/thread.h"

enum { PLACES = 1 << 14 };

typedef struct Counted {
    CountAsked asked; /* part 0: an empty place */
    uint64_t n;
} Counted;

struct IndexCounts {
    Mutex lock;
    Counted places[PLACES];
};

IndexCounts *index_counts_new(void) {
    IndexCounts *c = calloc(1, sizeof(*c));
    if (c != NULL) {
        mutex_init(&c->lock);
    }
    return c;
}

void index_counts_free(IndexCounts *c) {
    if (c != NULL) {
        mutex_release(&c->lock);
        free(c);
    }
}

static Counted *place_of(IndexCounts *c, const CountAsked *asked) {
    uint64_t at = 0;
    memcpy(&at, asked->what.b, sizeof(at));
    return &c->places[(at ^ asked->part * UINT64_C(0x9E3779B97F4A7C15)) >> 20 & (PLACES - 1)];
}

bool index_counts_get(IndexCounts *c, const CountAsked *asked, uint64_t *ret_n) {
    MUTEX_GUARD(&c->lock);
    const Counted *had = place_of(c, asked);
    bool is_it = had->asked.part == asked->part && had->asked.n_dead == asked->n_dead &&
                 had->asked.snapshot <= asked->snapshot &&
                 sha256_eq(&had->asked.what, &asked->what);
    if (is_it && asked->part != 0) {
        *ret_n = had->n;
    }
    return is_it && asked->part != 0;
}

bool index_counts_tail(IndexCounts *c, const CountAsked *asked, CountAsked *ret, uint64_t *ret_n) {
    MUTEX_GUARD(&c->lock);
    const Counted *had = place_of(c, asked);
    bool is_it = had->asked.part == asked->part && had->asked.snapshot <= asked->snapshot &&
                 sha256_eq(&had->asked.what, &asked->what);
    if (is_it) {
        *ret = had->asked;
        *ret_n = had->n;
    }
    return is_it;
}

void index_counts_put(IndexCounts *c, const CountAsked *asked, uint64_t n) {
    MUTEX_GUARD(&c->lock);
    *place_of(c, asked) = (Counted){*asked, n};
}
