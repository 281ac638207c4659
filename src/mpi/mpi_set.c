#include "mpi/mpi_set.h"

#include <math.h>

#include "core/random.h"

struct MpiSet {
    MpiPerson *persons;
    uint32_t n, room;
    MpiIndex *index;
    MpiNames names;
    MpiModel model;
    uint64_t *parted; /* pairs, sorted */
    size_t n_parted, parted_room;
};

MpiSet *mpi_set_new(void) {
    MpiSet *set = calloc(1, sizeof *set);
    if (set == NULL) {
        return NULL;
    }
    set->index = mpi_index_new();
    mpi_names_init(&set->names);
    mpi_model_default(&set->model);
    if (set->index == NULL) {
        mpi_set_free(set);
        return NULL;
    }
    return set;
}

void mpi_set_free(MpiSet *set) {
    if (set != NULL) {
        mpi_index_free(set->index);
        mpi_names_release(&set->names);
        free(set->persons);
        free(set->parted);
        free(set);
    }
}

ErrCode mpi_set_add(MpiSet *set, const MpiPerson *person, uint32_t *ret_id) {
    if (set->n == MPI_SET_MAX) {
        return ERR_LIMIT;
    }
    if (set->n == set->room) {
        uint32_t room = set->room == 0 ? 1024 : set->room + set->room / 4;
        MpiPerson *persons = realloc(set->persons, room * sizeof *persons);
        if (persons == NULL) {
            return ERR_NOMEM;
        }
        set->persons = persons;
        set->room = room;
    }
    TRY(mpi_names_add(&set->names, person));
    TRY(mpi_index_add(set->index, set->n, person));
    set->persons[set->n] = *person;
    *ret_id = set->n++;
    return ERR_OK;
}

ErrCode mpi_set_replace(MpiSet *set, uint32_t id, const MpiPerson *person) {
    assert(id < set->n);
    TRY(mpi_index_add(set->index, id, person));
    set->persons[id] = *person;
    return ERR_OK;
}

size_t mpi_set_count(const MpiSet *set) {
    return set->n;
}

const MpiPerson *mpi_set_person(const MpiSet *set, uint32_t id) {
    assert(id < set->n);
    return &set->persons[id];
}

const MpiModel *mpi_set_model(const MpiSet *set) {
    return &set->model;
}

void mpi_set_model_put(MpiSet *set, const MpiModel *model) {
    set->model = *model;
}

MpiIndexStat mpi_set_stat(const MpiSet *set, uint64_t *ret_bytes) {
    MpiIndexStat stat = mpi_index_stat(set->index);
    *ret_bytes = stat.bytes + (uint64_t)set->room * sizeof *set->persons +
                 set->names.n_slots * sizeof *set->names.slots;
    return stat;
}

/* ---- parted by people ---- */

static uint64_t pair_key(uint32_t a, uint32_t b) {
    return (uint64_t)MIN(a, b) << 32 | MAX(a, b);
}

/* The first place whose pair is not below the key. */
static size_t parted_at(const MpiSet *set, uint64_t key) {
    size_t low = 0;
    size_t high = set->n_parted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->parted[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool mpi_set_parted(const MpiSet *set, uint32_t a, uint32_t b) {
    size_t at = parted_at(set, pair_key(a, b));
    return at < set->n_parted && set->parted[at] == pair_key(a, b);
}

ErrCode mpi_set_part(MpiSet *set, uint32_t a, uint32_t b) {
    size_t at = parted_at(set, pair_key(a, b));
    if (mpi_set_parted(set, a, b)) {
        return ERR_OK;
    }
    if (set->n_parted == set->parted_room) {
        size_t room = set->parted_room == 0 ? 64 : set->parted_room * 2;
        uint64_t *parted = realloc(set->parted, room * sizeof *parted);
        if (parted == NULL) {
            return ERR_NOMEM;
        }
        set->parted = parted;
        set->parted_room = room;
    }
    memmove(&set->parted[at + 1], &set->parted[at], (set->n_parted - at) * sizeof *set->parted);
    set->parted[at] = pair_key(a, b);
    set->n_parted++;
    return ERR_OK;
}

/* The rarer of two names that agree says more. */
static double name_bits(const MpiSet *set, MpiVector vector, const MpiPerson *a,
                        const MpiPerson *b) {
    enum { NAMES_ENOUGH = 1000 }; /* fewer do not tell what is common */
    unsigned level = mpi_level(vector, MPI_NAME);
    if (level == MPI_MISSING || level > MPI_NAME_SHORT) {
        return 0;
    }
    if (set->names.persons < NAMES_ENOUGH) {
        return set->model.name_bits;
    }
    double bits = mpi_names_bits(&set->names, a);
    /* With a slip the rarer one is rare because of the slip. */
    return level <= MPI_NAME_MOVED ? bits : MIN(bits, mpi_names_bits(&set->names, b));
}

MpiPair mpi_set_judge(const MpiSet *set, uint32_t a, uint32_t b) {
    const MpiPerson *x = mpi_set_person(set, MIN(a, b));
    const MpiPerson *y = mpi_set_person(set, MAX(a, b));
    MpiVector vector = mpi_compare(x, y);
    return (MpiPair){MIN(a, b), MAX(a, b), vector,
                     mpi_decide(&set->model, vector, name_bits(set, vector, x, y))};
}

static void sample_candidates(const MpiSet *set, uint32_t step, MpiSample *sample) {
    uint32_t ids[MPI_CANDIDATES_MAX];
    for (uint32_t id = 0; id < set->n; id += step) {
        const MpiPerson *p = &set->persons[id];
        size_t n = mpi_index_find(set->index, p, ids);
        for (size_t i = 0; i < n; i++) {
            if (ids[i] != id) {
                MpiVector vector = mpi_compare(p, &set->persons[ids[i]]);
                mpi_sample_add(sample, MPI_CANDIDATES, vector);
            }
        }
    }
}

static void sample_strangers(const MpiSet *set, MpiSample *sample) {
    enum { PAIRS = 2000000 };
    Random r;
    random_init(&r, 1);
    for (uint32_t i = 0; i < PAIRS && i < (uint64_t)set->n * set->n && set->n > 1; i++) {
        uint64_t a = random_below(&r, set->n);
        uint64_t b = random_below(&r, set->n);
        if (a != b) {
            MpiVector vector = mpi_compare(&set->persons[a], &set->persons[b]);
            mpi_sample_add(sample, MPI_STRANGERS, vector);
        }
    }
}

ErrCode mpi_set_learn(MpiSet *set, size_t max_persons) {
    uint32_t step = (uint32_t)(set->n / MAX(max_persons, (size_t)1)) + 1;
    MpiSample sample;
    MpiModel model;
    TRY(mpi_sample_init(&sample));
    sample_candidates(set, step, &sample);
    sample_strangers(set, &sample);
    double all = (double)set->n * ((double)set->n - 1);
    sample.share = (double)sample.n[MPI_CANDIDATES] * step / fmax(all, 1);
    ErrCode err = mpi_model_estimate(&sample, &model);
    mpi_sample_release(&sample);
    if (err == ERR_OK) {
        set->model = model;
    }
    return err;
}

ErrCode mpi_set_pairs(const MpiSet *set, MpiRange range, MpiPairFn fn, void *ctx,
                      uint64_t *ret_compared) {
    uint32_t ids[MPI_CANDIDATES_MAX];
    uint64_t compared = 0;
    for (uint32_t id = range.from; id < MIN(range.to, set->n); id++) {
        size_t n = mpi_index_find(set->index, &set->persons[id], ids);
        for (size_t i = 0; i < n; i++) {
            __builtin_prefetch(&set->persons[ids[i]]);
        }
        for (size_t i = 0; i < n && ids[i] < id; i++) {
            MpiPair pair = mpi_set_judge(set, ids[i], id);
            compared++;
            if (pair.verdict.decision != MPI_NONE) {
                TRY(fn(ctx, &pair));
            }
        }
    }
    if (ret_compared != NULL) {
        *ret_compared = compared;
    }
    return ERR_OK;
}

/* ---- groups ---- */

typedef struct Groups {
    const MpiSet *set;
    uint32_t *root; /* the group's smallest id, by following */
    uint32_t *next; /* ring of the group's members */
} Groups;

static uint32_t root_of(Groups *g, uint32_t id) {
    while (g->root[id] != id) {
        g->root[id] = g->root[g->root[id]];
        id = g->root[id];
    }
    return id;
}

/* May the two rings become one? */
static bool may_join(const Groups *g, uint32_t a, uint32_t b) {
    unsigned n_a = 0;
    unsigned n_b = 0;
    uint32_t x = a;
    do {
        n_a++;
        n_b = 0;
        uint32_t y = b;
        do {
            n_b++;
            if (mpi_forbids(mpi_compare(&g->set->persons[x], &g->set->persons[y])) ||
                mpi_set_parted(g->set, x, y)) {
                return false;
            }
            y = g->next[y];
        } while (y != b);
        x = g->next[x];
    } while (x != a);
    return n_a + n_b <= MPI_GROUP_MAX;
}

static void join(Groups *g, uint32_t a, uint32_t b) {
    uint32_t low = MIN(a, b);
    g->root[MAX(a, b)] = low;
    uint32_t next = g->next[a];
    g->next[a] = g->next[b];
    g->next[b] = next;
}

static int by_score(const void *a, const void *b) {
    const MpiPair *x = a;
    const MpiPair *y = b;
    if (x->verdict.score != y->verdict.score) {
        return x->verdict.score > y->verdict.score ? -1 : 1;
    }
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

ErrCode mpi_set_group(const MpiSet *set, MpiPair *pairs, size_t n_pairs, uint32_t *ret_groups) {
    CLEANUP_FREE uint32_t *next = calloc((size_t)set->n + 1, sizeof *next);
    if (next == NULL) {
        return ERR_NOMEM;
    }
    Groups g = {set, ret_groups, next};
    for (uint32_t i = 0; i < set->n; i++) {
        ret_groups[i] = i;
        next[i] = i;
    }
    qsort(pairs, n_pairs, sizeof *pairs, by_score);
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t a = root_of(&g, pairs[i].a);
        uint32_t b = root_of(&g, pairs[i].b);
        if (pairs[i].verdict.decision != MPI_LINK || a == b) {
            continue;
        }
        if (may_join(&g, a, b)) {
            join(&g, a, b);
        } else {
            pairs[i].verdict.decision = MPI_REVIEW;
        }
    }
    for (uint32_t i = 0; i < set->n; i++) {
        ret_groups[i] = root_of(&g, i);
    }
    return ERR_OK;
}
