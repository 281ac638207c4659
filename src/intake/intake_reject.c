/* Numbers a file's rejects of one place and rule, so that each has its own identity in the store's
 * table (StoreReject.nth). The same bytes give the same numbers, whoever reads them and when. */
#include "intake/intake_int.h"

typedef struct RejectSeen {
    uint64_t hash; /* 0: free */
    unsigned n;
} RejectSeen;

struct RejectCount { /* open addressing */
    RejectSeen *seen;
    size_t mask, used;
};

enum { REJECT_COUNT_MIN = 64 };

void reject_count_free(RejectCount *c) {
    if (c != NULL) {
        free(c->seen);
        free(c);
    }
}

RejectCount *reject_count_new(void) {
    RejectCount *c = calloc(1, sizeof(*c));
    RejectSeen *seen = calloc(REJECT_COUNT_MIN, sizeof(*seen));
    if (c == NULL || seen == NULL) {
        free(c);
        free(seen);
        return NULL;
    }
    *c = (RejectCount){.seen = seen, .mask = REJECT_COUNT_MIN - 1};
    return c;
}

static RejectSeen *place(const RejectCount *c, uint64_t hash) {
    size_t at = hash & c->mask;
    while (c->seen[at].hash != 0 && c->seen[at].hash != hash) {
        at = (at + 1) & c->mask;
    }
    return &c->seen[at];
}

static ErrCode grow(RejectCount *c) {
    RejectCount bigger = {.mask = c->mask * 2 + 1, .used = c->used};
    bigger.seen = calloc(bigger.mask + 1, sizeof(*bigger.seen));
    if (bigger.seen == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i <= c->mask; i++) {
        if (c->seen[i].hash != 0) {
            *place(&bigger, c->seen[i].hash) = c->seen[i];
        }
    }
    free(c->seen);
    *c = bigger;
    return ERR_OK;
}

/* Two identities with one hash only leave gaps in their numbers. */
ErrCode reject_nth(RejectCount *c, const StoreReject *r, unsigned *ret_nth) {
    uint64_t hash = hash64_seed(r->ma_lk, r->line);
    const Str texts[] = {r->table, r->field, r->rule};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        hash = hash64_mix(hash, hash64(texts[i]));
    }
    hash = hash == 0 ? 1 : hash;
    if (c->used * 2 > c->mask) {
        TRY(grow(c));
    }
    RejectSeen *seen = place(c, hash);
    c->used += seen->hash == 0;
    seen->hash = hash;
    *ret_nth = seen->n++;
    return ERR_OK;
}
