#include "core/random.h"

#include <errno.h>
#include <math.h>
#include <sys/random.h>

__extension__ typedef unsigned __int128 U128;

static uint64_t splitmix(uint64_t *x) {
    uint64_t z = *x += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void random_init(Random *r, uint64_t seed) {
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
        r->s[i] = splitmix(&seed);
    }
}

void random_init_stream(Random *r, uint64_t seed, uint64_t stream) {
    uint64_t x = seed;
    uint64_t y = splitmix(&x) ^ (stream * UINT64_C(0xD1342543DE82EF95) + 1);
    random_init(r, splitmix(&y));
}

static uint64_t rotl(uint64_t x, int k) {
    return x << k | x >> (64 - k);
}

/* https://prng.di.unimi.it/xoshiro256starstar.c */
uint64_t random_u64(Random *r) {
    uint64_t result = rotl(r->s[1] * 5, 7) * 9;
    uint64_t t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = rotl(r->s[3], 45);
    return result;
}

/* Lemire 2019, "Fast random integer generation in an interval". */
uint64_t random_below(Random *r, uint64_t n) {
    assert(n > 0);
    U128 m = (U128)random_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)m < threshold) {
            m = (U128)random_u64(r) * n;
        }
    }
    return (uint64_t)(m >> 64);
}

int64_t random_between(Random *r, int64_t lo, int64_t hi) {
    assert(lo <= hi);
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    uint64_t at = span == 0 ? random_u64(r) : random_below(r, span);
    return (int64_t)((uint64_t)lo + at);
}

double random_double(Random *r) {
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

bool random_chance(Random *r, double p) {
    return random_double(r) < p;
}

size_t random_pick_weighted(Random *r, const uint32_t *cumulative, size_t n) {
    assert(n > 0 && cumulative[n - 1] > 0);
    uint64_t draw = random_below(r, cumulative[n - 1]);
    size_t lo = 0;
    size_t hi = n - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cumulative[mid] > draw) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

size_t random_pick_weighted_double(Random *r, const double *cumulative, size_t n) {
    assert(n > 0 && cumulative[n - 1] > 0);
    double draw = random_double(r) * cumulative[n - 1];
    size_t lo = 0;
    size_t hi = n - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cumulative[mid] > draw) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return lo;
}

/* Marsaglia's polar method; the second number of a pair is given up, so that a Random has no more
 * state than its four words. */
double random_normal(Random *r, double mean, double deviation) {
    double u = 0;
    double q = 0;
    do {
        u = 2 * random_double(r) - 1;
        double v = 2 * random_double(r) - 1;
        q = u * u + v * v;
    } while (q >= 1 || q <= 0);
    return mean + deviation * u * sqrt(-2 * log(q) / q);
}

/* Knuth's product of uniform numbers up to a mean of 30; above, sums of smaller ones (the sum of
 * independent Poisson numbers is one). */
unsigned random_poisson(Random *r, double mean) {
    assert(mean >= 0 && mean <= 10000);
    unsigned sum = 0;
    while (mean > 0) {
        double part = fmin(mean, 30);
        double limit = exp(-part);
        for (double p = random_double(r); p > limit; p *= random_double(r)) {
            sum++;
        }
        mean -= part;
    }
    return sum;
}

double random_exponential(Random *r, double mean) {
    return -mean * log1p(-random_double(r));
}

void random_shuffle(Random *r, uint32_t *items, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = random_below(r, i);
        uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}

ErrCode random_secret(void *ret_bytes, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = getrandom((char *)ret_bytes + done, len - done, 0);
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

ErrCode random_uuid(char ret_uuid[RANDOM_UUID_LEN + 1]) {
    static const char hex[] = "0123456789abcdef";
    uint8_t b[16];
    size_t n = 0;
    TRY(random_secret(b, sizeof(b)));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            ret_uuid[n++] = '-';
        }
        ret_uuid[n++] = hex[b[i] >> 4];
        ret_uuid[n++] = hex[b[i] & 15];
    }
    ret_uuid[n] = '\0';
    return ERR_OK;
}
