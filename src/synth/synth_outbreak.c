#include "synth/synth_int.h"

/* The three planted outbreaks: dengue that is going on at the last day, hand-foot-mouth disease
 * seven months before, diarrhoea after bad water a year before. ends_percent: how far before the
 * last day they end, at most that part of the period. */
typedef struct OutbreakSpec {
    int disease;
    const char *wards[SYNTH_OUTBREAK_WARDS];
    int weeks, ends_days_ago, ends_percent;
    uint32_t citizens_per_case;
    int age_max;
} OutbreakSpec;

static const OutbreakSpec specs[SYNTH_OUTBREAKS] = {
    {DISEASE_DENGUE, {"19815", "19813", "19969"}, 6, 0, 0, 420, 99},
    {DISEASE_HFMD, {"19930", "19900", NULL}, 4, 212, 55, 900, 5},
    {DISEASE_DIARRHOEA, {"19867", NULL, NULL}, 2, 375, 70, 700, 99},
};

static int ward_index(const Content *c, const char *code) {
    for (size_t i = 0; i < c->n_communes; i++) {
        if (str_eq(c->communes[i].ward->code, str_from(code))) {
            return (int)i;
        }
    }
    return 0;
}

static void place(const World *w, const OutbreakSpec *s, Outbreak *ret) {
    int32_t days = w->to - w->from;
    int32_t ago = MIN((int32_t)s->ends_days_ago, days * s->ends_percent / 100);
    *ret = (Outbreak){.disease = s->disease, .to = w->to - ago};
    ret->from = MAX(w->from, ret->to - s->weeks * 7 + 1);
    ret->wanted = MAX(w->o.citizens / s->citizens_per_case, MIN(12u, w->o.citizens / 60));
    for (int i = 0; i < SYNTH_OUTBREAK_WARDS && s->wards[i] != NULL; i++) {
        ret->wards[ret->n_wards++] = (uint8_t)ward_index(w->content, s->wards[i]);
    }
}

static int ward_of(const Outbreak *o, const Person *p) {
    for (int i = 0; i < o->n_wards; i++) {
        if (o->wards[i] == p->ward) {
            return i;
        }
    }
    return -1;
}

static uint16_t case_condition(const World *w, Random *r, int disease) {
    static const char *const codes[DISEASE_COUNT] = {"A97.0", "B08.4", "J10.1", "A09.9"};
    const char *code = codes[disease];
    if (disease == DISEASE_DENGUE && random_chance(r, 0.15)) {
        code = "A97.1";
    }
    return (uint16_t)content_condition(w->content, str_from(code), 'A');
}

/* Rises over the first third, falls over the rest. */
static int32_t case_day(Random *r, const Outbreak *o) {
    double span = o->to - o->from + 1;
    double a = random_double(r);
    double b = random_double(r);
    double at = o->to == o->from ? 0 : (a + b) / 2; /* a triangle around the middle */
    at = at < 0.5 ? at * 0.8 : at * 1.2 - 0.2;
    return o->from + (int32_t)MIN(span - 1, at * span);
}

/* Picks the wanted number among the people of the communes, each once. */
static size_t plant(World *w, int number, PlanVisit *cases) {
    Outbreak *o = &w->outbreaks[number];
    Random r;
    world_random(w, &r, STREAM_OUTBREAK, (uint64_t)number);
    uint32_t candidates = 0;
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint32_t left = MIN(o->wanted, candidates);
        uint32_t seen = 0;
        size_t n = 0;
        for (uint32_t i = 0; i < w->o.citizens; i++) {
            const Person *p = &w->people[i];
            int ward = ward_of(o, p);
            bool fits =
                ward >= 0 && p->birth < o->from && person_age(p, o->from) <= specs[number].age_max;
            if (!fits) {
                continue;
            }
            if (pass == 0) {
                candidates++;
            } else if (random_below(&r, candidates - seen++) < left) {
                left--;
                cases[n++] = (PlanVisit){.person = i,
                                         .child = SYNTH_NONE,
                                         .day = case_day(&r, o),
                                         .condition = case_condition(w, &r, o->disease),
                                         .other_facility = UINT16_MAX,
                                         .kind = VISIT_OUTBREAK,
                                         .outbreak = (int8_t)number};
            }
        }
        if (pass == 1) {
            return n;
        }
    }
    return 0;
}

static int by_person(const void *a, const void *b) {
    const PlanVisit *x = a;
    const PlanVisit *y = b;
    if (x->person != y->person) {
        return x->person < y->person ? -1 : 1;
    }
    return (int)x->outbreak - (int)y->outbreak;
}

ErrCode plan_outbreak_cases(World *w, PlanVisit **ret_cases, size_t *ret_count) {
    size_t room = 0;
    for (int i = 0; i < SYNTH_OUTBREAKS; i++) {
        place(w, &specs[i], &w->outbreaks[i]);
        room += w->outbreaks[i].wanted;
    }
    PlanVisit *cases = calloc(room + 1, sizeof *cases);
    if (cases == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (int i = 0; i < SYNTH_OUTBREAKS; i++) {
        n += plant(w, i, cases + n);
    }
    qsort(cases, n, sizeof *cases, by_person);
    *ret_cases = cases;
    *ret_count = n;
    return ERR_OK;
}
