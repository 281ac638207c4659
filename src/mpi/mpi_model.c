#include "mpi/mpi_model.h"

#include <math.h>

/* Shares of the levels above MISSING in millionths: among pairs of one person, candidate pairs of
 * two, any two. Shipped: from the shape of a province and the slips of desks; estimates move away
 * from them as pairs are seen. */
typedef enum Who { ONE, CANDIDATES, STRANGERS, WHO } Who;
static const uint32_t shipped[MPI_FIELDS][WHO][MPI_LEVELS_MAX] = {
    [MPI_NAME] = {{0, 860000, 60000, 15000, 10000, 30000, 15000, 5000, 3000, 2000},
                  {0, 80000, 4000, 8000, 4000, 20000, 4000, 80000, 500000, 300000},
                  {0, 400, 30, 60, 30, 500, 300, 12000, 200000, 786680}},
    [MPI_BIRTH] = {{0, 930000, 8000, 15000, 35000, 8000, 4000},
                   {0, 300000, 10000, 20000, 80000, 400000, 190000},
                   {0, 40, 15, 800, 1500, 15000, 982645}},
    [MPI_SEX] = {{0, 995000, 5000}, {0, 800000, 200000}, {0, 500000, 500000}},
    [MPI_COMMUNE] = {{0, 930000, 70000}, {0, 200000, 800000}, {0, 30000, 970000}},
    [MPI_PHONE] = {{0, 800000, 200000}, {0, 60000, 940000}, {0, 60000, 940000}},
    [MPI_CCCD] = {{0, 980000, 15000, 5000}, {0, 1000, 2000, 997000}, {0, 1000, 2000, 997000}},
    [MPI_PAPER] = {{0, 970000, 20000, 10000}, {0, 1000, 2000, 997000}, {0, 1000, 2000, 997000}},
    [MPI_BHXH] = {{0, 965000, 10000, 25000}, {0, 2000, 3000, 995000}, {0, 2000, 3000, 995000}},
    [MPI_LOCAL] = {{0, 900000, 20000, 80000}, {0, 5000, 5000, 990000}, {0, 5000, 5000, 990000}},
};

/* From how many bits on a pair is linked and shown. 2^-11 of the pairs at the first are wrong. */
enum { LINK_BITS = 11, REVIEW_BITS = 1 };

static void fill(MpiModel *model, Who others) {
    *model = (MpiModel){.link_bits = LINK_BITS, .review_bits = REVIEW_BITS};
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        for (unsigned l = 1; l < mpi_levels(f); l++) {
            model->m[f][l] = shipped[f][ONE][l] / 1e6;
            model->u[f][l] = shipped[f][others][l] / 1e6;
        }
    }
    model->name_bits = -log2(model->u[MPI_NAME][MPI_NAME_SAME]);
}

void mpi_model_default(MpiModel *ret_model) {
    fill(ret_model, STRANGERS);
    ret_model->prior = 1e-6;
}

void mpi_model_candidates(MpiModel *ret_model) {
    fill(ret_model, CANDIDATES);
    ret_model->prior = 0.1;
}

/* ---- scoring ---- */

double mpi_weight(const MpiModel *model, MpiField field, unsigned level) {
    return level == MPI_MISSING ? 0 : log2(model->m[field][level] / model->u[field][level]);
}

double mpi_name_weight(const MpiModel *model, MpiVector vector, double name_bits) {
    enum { BITS_MAX = 8 };
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
    static const char *const names[MPI_RULES] = {"score",    "cccd",        "number", "cccd-alone",
                                                 "two-cccd", "two-numbers", "sex",    "twins",
                                                 "name",     "newborn"};
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

/* Names that two of one birth date and one house never share. Without its accents a name may be
 * the twin's. */
static bool whole_name(unsigned level) {
    return level == MPI_NAME_SAME || level == MPI_NAME_ORDER;
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
    if (l->cccd == MPI_NUMBER_NEAR && !l->number) {
        *ret_rule = MPI_RULE_TWINS; /* numbers given one after another */
        return MPI_REVIEW;
    }
    if (l->number_other && !same_number) {
        *ret_rule = MPI_RULE_TWO_NUMBERS;
        return MPI_REVIEW;
    }
    return MPI_LINK;
}

bool mpi_forbids(MpiVector vector) {
    Levels l = levels_of(vector);
    bool other = l.number_other && !l.number && !whole_name(l.name);
    bool twins = l.birth == MPI_BIRTH_SAME && (l.name >= MPI_NAME_GIVEN || other);
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
