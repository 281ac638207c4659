/* mpi — one citizen, one record: generated citizens with the errors of several desks, the model
 * estimated from them without labels, every pair decided, groups made, and all of it held against
 * the truth. Prints precision and recall of what is linked automatically (pairs within groups),
 * what goes to people, pairs a second and memory. Beside them the deterministic peer: one CCCD or
 * one insurance number is one citizen.
 * Usage: mpi [citizens] [again per mille] [errors percent]. Targets: precision ≥ 0.999,
 * recall ≥ 0.97. */
#include <inttypes.h>

#include "bench.h"
#include "mpi/mpi_set.h"
#include "synth/synth_records.h"

typedef struct Run {
    MpiSet *set;
    uint32_t *truth;
    uint8_t *hard; /* bit 0 twin, bit 1 newborn */
    size_t n, room;
    MpiPair *pairs;
    size_t n_pairs, pairs_room;
} Run;

static uint32_t argument(int argc, char **argv, int i, uint32_t otherwise) {
    uint64_t value;
    if (i < argc && str_to_u64(str_from(argv[i]), &value) == ERR_OK && value <= UINT32_MAX) {
        return (uint32_t)value;
    }
    return otherwise;
}

static ErrCode on_record(void *ctx, const SynthRecord *r) {
    Run *run = ctx;
    MpiFields fields = {.name = r->name,
                        .birth = r->birth,
                        .sex = r->sex,
                        .commune = r->commune,
                        .cccd = r->cccd,
                        .paper = r->paper,
                        .phones = {r->phone},
                        .cards = {r->card},
                        .locals = {r->local}};
    MpiPerson p;
    uint32_t id;
    mpi_person_make(&fields, &p);
    TRY(mpi_set_add(run->set, &p, &id));
    if (run->n == run->room) {
        return ERR_LIMIT;
    }
    run->hard[run->n] = (uint8_t)(r->twin | r->newborn << 1);
    run->truth[run->n++] = r->citizen;
    return ERR_OK;
}

static ErrCode on_pair(void *ctx, const MpiPair *pair) {
    Run *run = ctx;
    if (run->n_pairs == run->pairs_room) {
        run->pairs_room = run->pairs_room == 0 ? 1 << 16 : run->pairs_room * 2;
        MpiPair *pairs = realloc(run->pairs, run->pairs_room * sizeof *pairs);
        if (pairs == NULL) {
            return ERR_NOMEM;
        }
        run->pairs = pairs;
    }
    run->pairs[run->n_pairs++] = *pair;
    return ERR_OK;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Pairs of records with one value: groups of equal upper halves. */
static uint64_t pairs_within(uint64_t *values, size_t n, unsigned shift) {
    uint64_t pairs = 0;
    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 0, begin = 0; i < n; i++) {
        begin = values[i] >> shift == values[begin] >> shift ? begin : i;
        pairs += i - begin;
    }
    return pairs;
}

typedef struct Score {
    uint64_t truth, said, right;
} Score;

/* Pairs within groups against pairs of one citizen. */
static bool score_groups(const Run *run, const uint32_t *groups, Score *ret) {
    CLEANUP_FREE uint64_t *values = malloc(run->n * sizeof *values);
    if (values == NULL) {
        return false;
    }
    for (size_t i = 0; i < run->n; i++) {
        values[i] = run->truth[i];
    }
    ret->truth = pairs_within(values, run->n, 0);
    for (size_t i = 0; i < run->n; i++) {
        values[i] = groups[i];
    }
    ret->said = pairs_within(values, run->n, 0);
    for (size_t i = 0; i < run->n; i++) {
        values[i] = (uint64_t)groups[i] << 32 | run->truth[i];
    }
    ret->right = pairs_within(values, run->n, 0);
    return true;
}

static void print_score(const char *name, const Score *s) {
    printf("%s pairs_true=%" PRIu64 " pairs_linked=%" PRIu64 " precision=%.5f recall=%.4f\n", name,
           s->truth, s->said, s->said == 0 ? 1 : (double)s->right / (double)s->said,
           (double)s->right / (double)MAX(s->truth, 1u));
}

/* The peer: one CCCD or one insurance number is one citizen, whatever else they say. */
static bool score_numbers(const Run *run, Score *ret) {
    CLEANUP_FREE uint64_t *values = malloc(2 * run->n * sizeof *values);
    CLEANUP_FREE uint32_t *groups = malloc(run->n * sizeof *groups);
    if (values == NULL || groups == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < run->n; i++) {
        groups[i] = i;
    }
    for (int kind = 0; kind < 2; kind++) {
        size_t n = 0;
        for (uint32_t i = 0; i < run->n; i++) {
            const MpiPerson *p = mpi_set_person(run->set, i);
            uint64_t number = kind == 0 ? p->cccd : p->bhxh[0];
            if (number != 0) {
                values[n++] = (number % (UINT64_C(1) << 40)) << 24 | i;
            }
        }
        qsort(values, n, sizeof *values, by_value);
        for (size_t i = 1; i < n; i++) {
            if (values[i] >> 24 == values[i - 1] >> 24) {
                uint32_t a = groups[values[i - 1] & 0xFFFFFF];
                uint32_t b = (uint32_t)(values[i] & 0xFFFFFF);
                groups[b] = kind == 0 ? a : MIN(groups[b], a);
            }
        }
    }
    return score_groups(run, groups, ret);
}

/* What people are shown, and which rules decided rightly and wrongly. */
static void print_pairs(const Run *run) {
    uint64_t counts[MPI_RULES][3][2] = {0};
    uint64_t wrong_twins = 0;
    for (size_t i = 0; i < run->n_pairs; i++) {
        const MpiPair *p = &run->pairs[i];
        bool right = run->truth[p->a] == run->truth[p->b];
        counts[p->verdict.rule][p->verdict.decision][right]++;
        wrong_twins += !right && p->verdict.decision == MPI_LINK &&
                       ((run->hard[p->a] | run->hard[p->b]) & 1) != 0;
    }
    for (unsigned r = 0; r < MPI_RULES; r++) {
        printf("rule %-10s linked right=%" PRIu64 " wrong=%" PRIu64 "; for review right=%" PRIu64
               " wrong=%" PRIu64 "\n",
               mpi_rule_name(r), counts[r][MPI_LINK][1], counts[r][MPI_LINK][0],
               counts[r][MPI_REVIEW][1], counts[r][MPI_REVIEW][0]);
    }
    printf("twins linked wrongly=%" PRIu64 "\n", wrong_twins);
}

static void print_model(const MpiModel *m) {
    printf("model prior=%.2e name_bits=%.1f", m->prior, m->name_bits);
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        for (unsigned l = 1; l < mpi_levels(f); l++) {
            printf(" %s.%s=%+.1f", mpi_field_name(f), mpi_level_name(f, l), mpi_weight(m, f, l));
        }
    }
    printf("\n");
}

static ErrCode measure(Run *run, const SynthRecordsOptions *o) {
    double start = bench_cpu(BENCH_PROCESS);
    TRY(synth_records(o, on_record, run));
    double added = bench_cpu(BENCH_PROCESS);
    TRY(mpi_set_learn(run->set, 100000));
    double learnt = bench_cpu(BENCH_PROCESS);
    uint64_t compared;
    MpiRange all = {0, (uint32_t)run->n};
    TRY(mpi_set_pairs(run->set, all, on_pair, run, &compared));
    double paired = bench_cpu(BENCH_PROCESS);
    CLEANUP_FREE uint32_t *groups = malloc((run->n + 1) * sizeof *groups);
    if (groups == NULL) {
        return ERR_NOMEM;
    }
    TRY(mpi_set_group(run->set, run->pairs, run->n_pairs, groups));
    double grouped = bench_cpu(BENCH_PROCESS);
    uint64_t bytes;
    MpiIndexStat stat = mpi_set_stat(run->set, &bytes);
    printf("mpi citizens=%u records=%zu generate_add_cpu_s=%.1f learn_cpu_s=%.1f pairs_cpu_s=%.1f "
           "group_cpu_s=%.1f\n",
           o->citizens, run->n, added - start, learnt - added, paired - learnt, grouped - paired);
    printf("mpi compared=%" PRIu64 " pairs/s=%.0f records/s=%.0f compared/all_pairs=%.2e "
           "bytes/record=%.0f keys/record=%.1f keys_refused=%" PRIu64 "\n",
           compared, (double)compared / (paired - learnt), (double)run->n / (paired - learnt),
           (double)compared / ((double)run->n * (double)(run->n - 1) / 2),
           (double)bytes / (double)run->n, (double)stat.keys / (double)run->n, stat.refused);
    print_model(mpi_set_model(run->set));
    print_pairs(run);
    Score s;
    Score peer;
    if (!score_groups(run, groups, &s) || !score_numbers(run, &peer)) {
        return ERR_NOMEM;
    }
    print_score("peer one-number", &peer);
    print_score("mpi  automatic ", &s);
    return ERR_OK;
}

int main(int argc, char **argv) {
    bench_machine();
    SynthRecordsOptions o = {.seed = 1,
                             .citizens = argument(argc, argv, 1, 1250000),
                             .again_per_mille = argument(argc, argv, 2, 300),
                             .errors_percent = argument(argc, argv, 3, 100),
                             .end_day = 20779};
    Run run = {.set = mpi_set_new(), .room = (size_t)o.citizens * 3};
    run.truth = malloc(run.room * sizeof *run.truth);
    run.hard = malloc(run.room);
    ErrCode err =
        run.set == NULL || run.truth == NULL || run.hard == NULL ? ERR_NOMEM : measure(&run, &o);
    mpi_set_free(run.set);
    free(run.truth);
    free(run.hard);
    free(run.pairs);
    return err == ERR_OK ? 0 : 1;
}
