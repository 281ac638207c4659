#include "mpi/mpi_index.h"

#include "core/hash.h"

enum { NONE = 0, BUCKETS_MIN = 1 << 12 };

typedef struct Entry {
    uint32_t next; /* in the bucket, from 1; NONE at the end */
    uint32_t key, id;
} Entry;

struct MpiIndex {
    Entry *entries;
    uint32_t *buckets; /* by the key's upper bits */
    uint32_t n_entries, room;
    unsigned bucket_bits;
    uint64_t refused;
};

/* ---- keys ---- */

typedef enum KeyKind {
    KEY_CCCD = 1,
    KEY_PAPER,
    KEY_BHXH,
    KEY_LOCAL,
    KEY_GIVEN_BIRTH,
    KEY_BIRTH_PHONE,
    KEY_GIVEN_PHONE,
    KEY_NAME_YEAR,
    KEY_NAME_YEAR_COMMUNE,
    KEY_NAME_DAY_COMMUNE,
    KEY_FAMILY_BIRTH,
    KEY_BIRTH_COMMUNE_UNNAMED,
} KeyKind;

typedef struct Keys {
    uint32_t *keys;
    size_t n;
} Keys;

static void put(Keys *k, KeyKind kind, uint64_t a, uint64_t b) {
    if (k->n < MPI_KEYS_MAX) {
        k->keys[k->n++] = (uint32_t)(hash64_mix(hash64_mix((uint64_t)kind, a), b) >> 32);
    }
}

/* The name whatever the order of its words. */
static uint64_t name_hash(const MpiPerson *p) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < p->n_words; i++) {
        sum += hash64_mix(p->words[i], 7);
    }
    return sum;
}

static void put_numbers(Keys *k, const MpiPerson *p) {
    if (p->cccd != 0) {
        put(k, KEY_CCCD, p->cccd, 0);
    }
    if (p->paper != 0) {
        put(k, KEY_PAPER, p->paper, 0);
    }
    for (unsigned i = 0; i < MPI_BHXH_MAX && p->bhxh[i] != 0; i++) {
        put(k, KEY_BHXH, p->bhxh[i], 0);
    }
    for (unsigned i = 0; i < MPI_LOCALS_MAX && p->locals[i] != 0; i++) {
        put(k, KEY_LOCAL, p->locals[i], 0);
    }
}

size_t mpi_keys(const MpiPerson *p, uint32_t *ret_keys) {
    Keys k = {.keys = ret_keys};
    unsigned low = MIN(p->day, p->month);
    uint64_t day = low * 64u + MAX(p->day, p->month); /* day and month may be exchanged */
    uint64_t date = day * 4096 + p->year;
    uint64_t given = p->n_words > 0 ? p->words[p->n_words - 1] : 0;
    uint64_t name = name_hash(p);
    bool whole = p->year != 0 && p->day != 0;
    put_numbers(&k, p);
    for (unsigned i = 0; i < MPI_PHONES_MAX && p->phones[i] != 0; i++) {
        if (whole) {
            put(&k, KEY_BIRTH_PHONE, date, p->phones[i]);
        }
        if (given != 0) {
            put(&k, KEY_GIVEN_PHONE, given, p->phones[i]);
        }
    }
    if (whole && p->n_words > 0) {
        put(&k, KEY_GIVEN_BIRTH, given, date);
        put(&k, KEY_FAMILY_BIRTH, hash64_mix(p->words[0], p->words[1]), date);
        put(&k, KEY_NAME_DAY_COMMUNE, hash64_mix(name, day), p->commune);
    }
    if (p->year != 0 && p->n_words > 0) {
        put(&k, KEY_NAME_YEAR, name, p->year);
        put(&k, KEY_NAME_YEAR_COMMUNE, hash64_mix(name, p->year), p->commune);
    }
    bool child = (p->flags & MPI_UNNAMED) != 0 || p->temporary != 0;
    if (whole && child && p->commune != 0) {
        put(&k, KEY_BIRTH_COMMUNE_UNNAMED, date, p->commune);
    }
    return k.n;
}

/* ---- table ---- */

MpiIndex *mpi_index_new(void) {
    CLEANUP_FREE MpiIndex *index = calloc(1, sizeof *index);
    if (index == NULL) {
        return NULL;
    }
    index->bucket_bits = 12;
    index->buckets = calloc(BUCKETS_MIN, sizeof *index->buckets);
    return index->buckets == NULL ? NULL : TAKE(index);
}

void mpi_index_free(MpiIndex *index) {
    if (index != NULL) {
        free(index->entries);
        free(index->buckets);
        free(index);
    }
}

static uint32_t *bucket_of(const MpiIndex *index, uint32_t key) {
    return &index->buckets[key >> (32 - index->bucket_bits)];
}

/* Twice the buckets; entries keep their order within a bucket (newest first). */
static ErrCode more_buckets(MpiIndex *index) {
    unsigned bits = index->bucket_bits + 1;
    uint32_t *buckets = calloc((size_t)1 << bits, sizeof *buckets);
    if (buckets == NULL) {
        return ERR_NOMEM;
    }
    free(index->buckets);
    index->buckets = buckets;
    index->bucket_bits = bits;
    for (uint32_t i = 0; i < index->n_entries; i++) {
        uint32_t *bucket = bucket_of(index, index->entries[i].key);
        index->entries[i].next = *bucket;
        *bucket = i + 1;
    }
    return ERR_OK;
}

static ErrCode more_entries(MpiIndex *index, size_t more) {
    if (index->n_entries + more <= index->room) {
        return ERR_OK;
    }
    if (index->room > UINT32_MAX / 2) {
        return ERR_LIMIT;
    }
    uint32_t room = index->room == 0 ? BUCKETS_MIN : index->room + index->room / 2;
    Entry *entries = realloc(index->entries, room * sizeof *entries);
    if (entries == NULL) {
        return ERR_NOMEM;
    }
    index->entries = entries;
    index->room = room;
    return ERR_OK;
}

/* Is the block full, or the citizen in it already? */
static bool is_closed(const MpiIndex *index, uint32_t key, uint32_t id, bool *ret_full) {
    unsigned n = 0;
    for (uint32_t at = *bucket_of(index, key); at != NONE; at = index->entries[at - 1].next) {
        const Entry *e = &index->entries[at - 1];
        n += e->key == key;
        if (e->key == key && e->id == id) {
            return true;
        }
    }
    *ret_full = n >= MPI_BLOCK_MAX;
    return *ret_full;
}

ErrCode mpi_index_add(MpiIndex *index, uint32_t id, const MpiPerson *person) {
    uint32_t keys[MPI_KEYS_MAX];
    size_t n = mpi_keys(person, keys);
    TRY(more_entries(index, n));
    for (size_t i = 0; i < n; i++) {
        bool full = false;
        if (is_closed(index, keys[i], id, &full)) {
            index->refused += full;
            continue;
        }
        uint32_t *bucket = bucket_of(index, keys[i]);
        index->entries[index->n_entries] = (Entry){*bucket, keys[i], id};
        *bucket = ++index->n_entries;
    }
    bool crowded = index->n_entries > (uint64_t)1 << index->bucket_bits;
    return crowded && index->bucket_bits < 31 ? more_buckets(index) : ERR_OK;
}

static int by_id(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

size_t mpi_index_find(const MpiIndex *index, const MpiPerson *person, uint32_t *ret_ids) {
    uint32_t keys[MPI_KEYS_MAX];
    size_t n_keys = mpi_keys(person, keys);
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) {
        __builtin_prefetch(bucket_of(index, keys[i]));
    }
    for (size_t i = 0; i < n_keys; i++) {
        for (uint32_t at = *bucket_of(index, keys[i]); at != NONE;
             at = index->entries[at - 1].next) {
            if (index->entries[at - 1].key == keys[i] && n < MPI_CANDIDATES_MAX) {
                ret_ids[n++] = index->entries[at - 1].id;
            }
        }
    }
    qsort(ret_ids, n, sizeof *ret_ids, by_id);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ret_ids[kept - 1] != ret_ids[i]) {
            ret_ids[kept++] = ret_ids[i];
        }
    }
    return kept;
}

MpiIndexStat mpi_index_stat(const MpiIndex *index) {
    return (MpiIndexStat){
        .keys = index->n_entries,
        .refused = index->refused,
        .bytes = index->room * sizeof(Entry) +
                 ((uint64_t)1 << index->bucket_bits) * sizeof *index->buckets,
    };
}
