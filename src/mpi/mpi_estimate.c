/* Expectation–maximisation over counted vectors. */
#include <math.h>

#include "mpi/mpi_model.h"

enum { VECTORS = 1 << MPI_VECTOR_BITS, ROUNDS = 60, PSEUDO = 50 };

ErrCode mpi_sample_init(MpiSample *sample) {
    *sample = (MpiSample){0};
    for (unsigned i = 0; i < MPI_SAMPLED; i++) {
        sample->counts[i] = calloc(VECTORS, sizeof(uint32_t));
        if (sample->counts[i] == NULL) {
            mpi_sample_release(sample);
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

void mpi_sample_release(MpiSample *sample) {
    for (unsigned i = 0; i < MPI_SAMPLED; i++) {
        free(sample->counts[i]);
    }
    *sample = (MpiSample){0};
}

void mpi_sample_add(MpiSample *sample, MpiSampled kind, MpiVector vector) {
    assert(vector < VECTORS);
    sample->counts[kind][vector] += sample->counts[kind][vector] < UINT32_MAX;
    sample->n[kind]++;
}

/* A vector that occurred, how often, and whether rules know what it is. */
typedef struct Seen {
    MpiVector vector;
    uint32_t count;
    double known; /* 1 one person, 0 two, -1 not known */
} Seen;

static double known_by_rule(MpiVector v) {
    unsigned cccd = mpi_level(v, MPI_CCCD);
    unsigned name = mpi_level(v, MPI_NAME);
    unsigned birth = mpi_level(v, MPI_BIRTH);
    bool plausible = (name >= MPI_NAME_SAME && name <= MPI_NAME_SHORT) ||
                     (birth >= MPI_BIRTH_SAME && birth <= MPI_BIRTH_YEAR);
    return cccd == MPI_NUMBER_SAME && plausible ? 1 : cccd == MPI_NUMBER_OTHER ? 0 : -1;
}

typedef struct Sums {
    double matches, others;
    double m[MPI_FIELDS][MPI_LEVELS_MAX], u[MPI_FIELDS][MPI_LEVELS_MAX];
} Sums;

static void collect(const MpiModel *model, const Seen *seen, size_t n, Sums *sums) {
    for (size_t i = 0; i < n; i++) {
        double p = seen[i].known;
        if (p < 0) {
            p = 1 / (1 + exp2(-mpi_score(model, seen[i].vector, model->name_bits)));
        }
        double yes = p * seen[i].count;
        double no = (1 - p) * seen[i].count;
        sums->matches += yes;
        sums->others += no;
        for (unsigned f = 0; f < MPI_FIELDS; f++) {
            unsigned level = mpi_level(seen[i].vector, f);
            sums->m[f][level] += yes;
            sums->u[f][level] += no;
        }
    }
}

/* Shares of the levels above MISSING, with the shipped values counted as PSEUDO pairs. */
static void normalise(double *to, const double *sums, const double *base, unsigned levels) {
    double all = 0;
    double base_all = 0;
    for (unsigned l = 1; l < levels; l++) {
        all += sums[l];
        base_all += base[l];
    }
    for (unsigned l = 1; l < levels; l++) {
        to[l] = (sums[l] + PSEUDO * base[l] / base_all) / (all + PSEUDO);
    }
}

/* One round; how much a parameter moved at most. */
static double improve(const MpiModel *base, const Seen *seen, size_t n, MpiModel *model) {
    Sums sums = {0};
    MpiModel next = *model;
    collect(model, seen, n, &sums);
    next.prior = (sums.matches + 1) / (sums.matches + sums.others + 2);
    double moved = fabs(next.prior - model->prior);
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        normalise(next.m[f], sums.m[f], base->m[f], mpi_levels(f));
        normalise(next.u[f], sums.u[f], base->u[f], mpi_levels(f));
        for (unsigned l = 1; l < mpi_levels(f); l++) {
            moved = fmax(moved, fabs(next.m[f][l] - model->m[f][l]));
            moved = fmax(moved, fabs(next.u[f][l] - model->u[f][l]));
        }
    }
    *model = next;
    return moved;
}

/* u of what two strangers agree in by chance. */
static void strangers(const MpiSample *sample, MpiModel *model) {
    static const MpiField fields[] = {MPI_NAME, MPI_BIRTH, MPI_SEX, MPI_COMMUNE};
    double sums[MPI_FIELDS][MPI_LEVELS_MAX] = {0};
    MpiModel base;
    mpi_model_default(&base);
    for (uint32_t v = 0; v < VECTORS; v++) {
        uint32_t count = sample->counts[MPI_STRANGERS][v];
        for (unsigned i = 0; i < ARRAY_LEN(fields) && count > 0; i++) {
            sums[fields[i]][mpi_level(v, fields[i])] += count;
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
        MpiField f = fields[i];
        normalise(model->u[f], sums[f], base.u[f], mpi_levels(f));
    }
    model->name_bits = -log2(model->u[MPI_NAME][MPI_NAME_SAME]);
}

ErrCode mpi_model_estimate(const MpiSample *sample, MpiModel *ret_model) {
    const uint32_t *counts = sample->counts[MPI_CANDIDATES];
    size_t n = 0;
    for (uint32_t v = 0; v < VECTORS; v++) {
        n += counts[v] != 0;
    }
    CLEANUP_FREE Seen *seen = calloc(n + 1, sizeof *seen);
    if (seen == NULL) {
        return ERR_NOMEM;
    }
    n = 0;
    for (uint32_t v = 0; v < VECTORS; v++) {
        if (counts[v] != 0) {
            seen[n++] = (Seen){v, counts[v], known_by_rule(v)};
        }
    }
    MpiModel base;
    mpi_model_candidates(&base);
    MpiModel model = base;
    for (int round = 0; round < ROUNDS && n > 0 && improve(&base, seen, n, &model) > 1e-6;) {
        round++;
    }
    strangers(sample, &model);
    model.prior = fmin(fmax(model.prior * sample->share, 1e-12), 0.5);
    *ret_model = model;
    return ERR_OK;
}
