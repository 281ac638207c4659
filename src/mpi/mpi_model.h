/* mpi_model.h — how much each comparison vector speaks for one person: the Fellegi–Sunter weights
 * log2(m/u) of every level, the prior of a pair, and the decision. m, the level's probability among
 * pairs of one person, is estimated from candidate pairs without labels by
 * expectation–maximisation (Dempster, Laird & Rubin 1977; for linkage: Winkler 1988, Jaro 1989),
 * anchored by what deterministic rules know: pairs with one CCCD and a plausible name or date are
 * one person, pairs with two different CCCD are not. u, its probability among pairs of two people,
 * comes from random pairs for name, birth date, sex and commune. Numbers and telephones that two
 * people share they share for a reason (a house, a borrowed card): their u is that of candidate
 * pairs. The shipped values are the prior of the estimate and serve alone where there is little
 * data. A name counts by how common it is (frequency-based matching; Newcombe 1959, Winkler 1989):
 * Nguyễn Văn An less than a rare one.
 * Deterministic rules go before the score: mpi_decide. Ownership: values; a table of frequencies is
 * its maker's. Threads: reading from any. */
#ifndef NHIP_MPI_MPI_MODEL_H
#define NHIP_MPI_MPI_MODEL_H

#include "mpi/mpi_compare.h"

typedef struct MpiModel {
    double prior; /* the chance of any two citizens of the set to be one person */
    double m[MPI_FIELDS][MPI_LEVELS_MAX], u[MPI_FIELDS][MPI_LEVELS_MAX];
    double name_bits;              /* surprise of a name for which the weight is m/u's own */
    double link_bits, review_bits; /* log2 odds from which a pair is linked, shown to a person */
} MpiModel;

/* The shipped values. */
void mpi_model_default(MpiModel *ret_model);

/* How often words occur in names: open table, at most 2^20 words. */
typedef struct MpiWordCount {
    uint64_t word; /* with its place in the lowest bits */
    uint32_t count;
} MpiWordCount;
typedef struct MpiNames {
    MpiWordCount *slots;
    uint32_t n_slots, n_words;
    uint64_t persons;
} MpiNames;

void mpi_names_init(MpiNames *names);
void mpi_names_release(MpiNames *names);
MUST_USE ErrCode mpi_names_add(MpiNames *names, const MpiPerson *person);
/* -log2 of the name's chance: family, middle and given words as if they were drawn apart. */
double mpi_names_bits(const MpiNames *names, const MpiPerson *person);

/* Vectors of pairs, counted. */
typedef enum MpiSampled { MPI_CANDIDATES, MPI_STRANGERS, MPI_SAMPLED } MpiSampled;
typedef struct MpiSample {
    uint32_t *counts[MPI_SAMPLED]; /* each 2^MPI_VECTOR_BITS */
    uint64_t n[MPI_SAMPLED];
    double share; /* of all pairs that are candidates */
} MpiSample;
MUST_USE ErrCode mpi_sample_init(MpiSample *sample);
void mpi_sample_release(MpiSample *sample);
void mpi_sample_add(MpiSample *sample, MpiSampled kind, MpiVector vector);

/* The same sample gives the same model. ERR_NOMEM. */
MUST_USE ErrCode mpi_model_estimate(const MpiSample *sample, MpiModel *ret_model);
/* m and u among candidate pairs, and their prior: where the estimate begins. */
void mpi_model_candidates(MpiModel *ret_model);

/* The weight of one field in bits, without the name's frequency. */
double mpi_weight(const MpiModel *model, MpiField field, unsigned level);
/* What the name's frequency adds; 0 where names do not agree. */
double mpi_name_weight(const MpiModel *model, MpiVector vector, double name_bits);
/* log2 odds that the pair is one person. name_bits: of the rarer of the two names. */
double mpi_score(const MpiModel *model, MpiVector vector, double name_bits);

typedef enum MpiDecision { MPI_NONE, MPI_REVIEW, MPI_LINK } MpiDecision;

/* Which rule decided, for the log and the review list. */
typedef enum MpiRule {
    MPI_RULE_SCORE,       /* the score alone */
    MPI_RULE_CCCD,        /* one CCCD; name or birth date plausible: linked */
    MPI_RULE_NUMBER,      /* one BHXH, paper or facility number; name and birth date plausible */
    MPI_RULE_CCCD_ALONE,  /* one CCCD, nothing else agrees (a parent's): a person looks */
    MPI_RULE_TWO_CCCD,    /* two CCCD: never linked */
    MPI_RULE_TWO_NUMBERS, /* two BHXH numbers or papers and none in common: a person looks */
    MPI_RULE_SEX,         /* another sex without a common CCCD: never linked */
    MPI_RULE_TWINS,       /* one birth date, names that twins have: a person looks */
    MPI_RULE_NAME,        /* the name is not plausible: a person looks */
    MPI_RULE_NEWBORN,     /* a child that had no name yet */
    MPI_RULES
} MpiRule;
const char *mpi_rule_name(MpiRule rule);

typedef struct MpiVerdict {
    MpiDecision decision;
    MpiRule rule;
    double score;
} MpiVerdict;

/* Can two citizens never stand in one group, whatever joined them to the others in it? Two CCCD,
 * two sexes, or one birth date with names as twins have them. */
bool mpi_forbids(MpiVector vector);

MpiVerdict mpi_decide(const MpiModel *model, MpiVector vector, double name_bits);

#endif
