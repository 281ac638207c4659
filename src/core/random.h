/* random.h — repeatable random numbers for synthetic data and tests: xoshiro256** (Blackman, Vigna
 * 2018), seeded by splitmix64. The same seed gives the same numbers on every machine (random_normal
 * and random_poisson as far as its libm agrees). Not for secrets: those take random_secret.
 * Threads: one thread a Random; random_split gives each thread its own. */
#ifndef NHIP_CORE_RANDOM_H
#define NHIP_CORE_RANDOM_H

#include "core/base.h"

typedef struct Random {
    uint64_t s[4];
} Random;

void random_init(Random *r, uint64_t seed);
/* An independent stream for (seed, stream): citizen 17 looks the same whatever was made before it.
 */
void random_init_stream(Random *r, uint64_t seed, uint64_t stream);
uint64_t random_u64(Random *r);
uint64_t random_below(Random *r, uint64_t n); /* 0 … n-1 without bias (Lemire); n ≥ 1 */
int64_t random_between(Random *r, int64_t lo, int64_t hi); /* lo … hi, both included */
double random_double(Random *r);                           /* [0, 1) with 53 bits */
bool random_chance(Random *r, double p);                   /* true with probability p */
/* The index that a draw below cumulative[n-1] falls on; cumulative rises and ends above 0. Index i
 * has weight cumulative[i] - cumulative[i-1]. Binary search. */
size_t random_pick_weighted(Random *r, const uint32_t *cumulative, size_t n);
size_t random_pick_weighted_double(Random *r, const double *cumulative, size_t n);
double random_normal(Random *r, double mean, double deviation);
unsigned random_poisson(Random *r, double mean); /* mean 0 … 10,000 */
double random_exponential(Random *r, double mean);
/* Every order equally likely. */
void random_shuffle(Random *r, uint32_t *items, size_t n);

/* Bytes from the kernel's generator. ERR_IO when it has none. */
MUST_USE ErrCode random_secret(void *ret_bytes, size_t len);

enum { RANDOM_UUID_LEN = 36 };
/* A version 4 UUID (RFC 9562), NUL-terminated. ERR_IO as random_secret. */
MUST_USE ErrCode random_uuid(char ret_uuid[RANDOM_UUID_LEN + 1]);

#endif
