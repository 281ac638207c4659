#include "mpi/mpi_model.h"

#include <math.h>

/* m and u per mille of the levels above MISSING. Shipped: from the generator's errors and the
 * shape of a province; estimates move away from them as pairs are seen. */
static const uint16_t shipped[MPI_FIELDS][2][MPI_LEVELS_MAX] = {
    [MPI_NAME] = {{0, 860, 60, 15, 10, 30, 15, 5, 3, 2}, {0, 80, 4, 8, 4, 20, 4, 80, 500, 300}},
    [MPI_BIRTH] = {{0, 930, 8, 15, 35, 8, 4}, {0, 300, 10, 20, 80, 400, 190}},
    [MPI_SEX] = {{0, 995, 5}, {0, 800, 200}},
    [MPI_COMMUNE] = {{0, 930, 70}, {0, 200, 800}},
    [MPI_PHONE] = {{0, 800, 200}, {0, 60, 940}},
    [MPI_CCCD] = {{0, 980, 15, 5}, {0, 1, 2, 997}},
    [MPI_PAPER] = {{0, 970, 20, 10}, {0, 1, 2, 997}},
    [MPI_BHXH] = {{0, 965, 10, 25}, {0, 2, 3, 995}},
    [MPI_LOCAL] = {{0, 900, 20, 80}, {0, 5, 5, 990}},
};

void mpi_model_default(MpiModel *ret_model) {
    MpiModel model = {.prior = 0.05, .name_bits = 11, .link_bits = 12, .review_bits = 2};
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        for (unsigned l = 1; l < mpi_levels(f); l++) {
            model.m[f][l] = shipped[f][0][l] / 1000.0;
            model.u[f][l] = shipped[f][1][l] / 1000.0;
        }
    }
    *ret_model = model;
}

/* ---- scoring ---- */

double mpi_weight(const MpiModel *model, MpiField field, unsigned level) {
    return level == MPI_MISSING ? 0 : log2(model->m[field][level] / model->u[field][level]);
}

double mpi_name_weight(const MpiModel *model, MpiVector vector, double name_bits) {
    enum { BITS_MAX = 5 };
    unsigned level = mpi_level(vector, MPI_NAME);
    if (level == MPI_MISSING || level > MPI_NAME_SHORT) {
        return 0;
    }
    return fmax(-BITS_MAX, fmin(BITS_MAX, name_bits - model->name_bits));
}

double mpi_score(const MpiModel *model, MpiVector vector, double name_bits) {
    double sum = log2(model->prior / (1 - model->prior));
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        sum += mpi_weight(model, f, mpi_level(vector, f));
    }
    return sum + mpi_name_weight(model, vector, name_bits);
}

/* ---- deciding ---- */

const char *mpi_rule_name(MpiRule rule) {
    static const char *const names[MPI_RULES] = {
        "score", "cccd", "number", "cccd-alone", "two-cccd", "sex", "twins", "name", "newborn"};
    return names[rule];
}

typedef struct Levels {
    unsigned name, birth, sex, cccd;
    bool number;       /* one BHXH, paper or facility number in common */
    bool number_other; /* two different ones of a kind */
    bool own_number;   /* one CCCD or facility number: a newborn's card may be its mother's */
} Levels;

static Levels levels_of(MpiVector v) {
    bool same = mpi_level(v, MPI_BHXH) == MPI_NUMBER_SAME ||
                mpi_level(v, MPI_PAPER) == MPI_NUMBER_SAME ||
                mpi_level(v, MPI_LOCAL) == MPI_NUMBER_SAME;
    bool other =
        mpi_level(v, MPI_BHXH) == MPI_NUMBER_OTHER || mpi_level(v, MPI_PAPER) == MPI_NUMBER_OTHER;
    bool own =
        mpi_level(v, MPI_CCCD) == MPI_NUMBER_SAME || mpi_level(v, MPI_LOCAL) == MPI_NUMBER_SAME;
    return (Levels){.name = mpi_level(v, MPI_NAME),
                    .birth = mpi_level(v, MPI_BIRTH),
                    .sex = mpi_level(v, MPI_SEX),
                    .cccd = mpi_level(v, MPI_CCCD),
                    .number = same,
                    .number_other = other,
                    .own_number = own};
}

/* The name and the date as slips and habits of writing leave them. */
static bool plausible_name(unsigned level) {
    return level >= MPI_NAME_SAME && level <= MPI_NAME_SHORT;
}

static bool plausible_birth(unsigned level) {
    return level >= MPI_BIRTH_SAME && level <= MPI_BIRTH_YEAR;
}

/* Names that two of one birth date and one house never share by chance. */
static bool whole_name(unsigned level) {
    return level == MPI_NAME_SAME || level == MPI_NAME_BARE || level == MPI_NAME_ORDER;
}

/* What holds whatever the score is; MPI_LINK means: nothing speaks against linking. */
static MpiDecision limit_of(const Levels *l, MpiRule *ret_rule) {
    bool same_number = l->cccd == MPI_NUMBER_SAME || l->number;
    if (l->cccd == MPI_NUMBER_OTHER) {
        *ret_rule = MPI_RULE_TWO_CCCD;
        return MPI_REVIEW;
    }
    if (l->sex == MPI_OTHER && l->cccd != MPI_NUMBER_SAME) {
        *ret_rule = MPI_RULE_SEX;
        return MPI_REVIEW;
    }
    if (l->name == MPI_MISSING) {
        *ret_rule = MPI_RULE_NEWBORN;
        return l->own_number && l->birth == MPI_BIRTH_SAME ? MPI_LINK : MPI_REVIEW;
    }
    if (!plausible_name(l->name) && l->cccd != MPI_NUMBER_SAME) {
        *ret_rule = l->birth == MPI_BIRTH_SAME ? MPI_RULE_TWINS : MPI_RULE_NAME;
        return MPI_REVIEW;
    }
    if (!whole_name(l->name) && !same_number) {
        *ret_rule = MPI_RULE_TWINS;
        return MPI_REVIEW;
    }
    return MPI_LINK;
}

bool mpi_forbids(MpiVector vector) {
    Levels l = levels_of(vector);
    bool twins = l.birth == MPI_BIRTH_SAME && l.name >= MPI_NAME_GIVEN;
    return l.cccd == MPI_NUMBER_OTHER ||
           (l.cccd != MPI_NUMBER_SAME && (l.sex == MPI_OTHER || twins));
}

MpiVerdict mpi_decide(const MpiModel *model, MpiVector vector, double name_bits) {
    Levels l = levels_of(vector);
    MpiVerdict v = {MPI_NONE, MPI_RULE_SCORE, mpi_score(model, vector, name_bits)};
    MpiDecision limit = limit_of(&l, &v.rule);
    bool name = plausible_name(l.name);
    bool birth = plausible_birth(l.birth);
    if (limit == MPI_LINK && l.cccd == MPI_NUMBER_SAME) {
        bool plausible = name || birth;
        v.rule = plausible ? MPI_RULE_CCCD : MPI_RULE_CCCD_ALONE;
        v.decision = plausible ? MPI_LINK : MPI_REVIEW;
    } else if (limit == MPI_LINK && l.number && name && birth && !l.number_other) {
        v.rule = MPI_RULE_NUMBER;
        v.decision = MPI_LINK;
    } else {
        MpiDecision by_score = v.score >= model->link_bits     ? MPI_LINK
                               : v.score >= model->review_bits ? MPI_REVIEW
                                                               : MPI_NONE;
        v.decision = MIN(limit, by_score);
    }
    return v;
}
