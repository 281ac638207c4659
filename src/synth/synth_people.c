#include "core/time.h"
#include "synth/synth_int.h"

/* Vietnam's pyramid: per mille of the population by five-year age group, men and women, after the
 * shape of the 2019 census carried forward (rounded, invented detail). */
static const uint16_t pyramid[2][18] = {
    {39, 43, 42, 36, 33, 35, 40, 40, 37, 34, 31, 28, 25, 19, 13, 7, 4, 3},
    {35, 39, 38, 33, 31, 34, 39, 40, 37, 35, 32, 30, 28, 22, 16, 10, 7, 7},
};

/* The object letters in use here, with the benefit digit and its percent. */
const Card cards[] = {
    {{"TE", 2}, 1, 100}, {{"HS", 2}, 4, 80},  {{"SV", 2}, 4, 80},  {{"DN", 2}, 4, 80},
    {{"GD", 2}, 4, 80},  {{"HT", 2}, 3, 95},  {{"HN", 2}, 2, 100}, {{"BT", 2}, 2, 100},
    {{"DT", 2}, 2, 100}, {{"CC", 2}, 1, 100}, {{"QN", 2}, 5, 100}, {{"HC", 2}, 4, 80},
};
const size_t n_cards = ARRAY_LEN(cards);
enum { TE, HS, SV, DN, GD, HT, HN, BT, DT, CC, QN, HC };

int age_band(int years) {
    static const int limits[SYNTH_BANDS - 1] = {5, 15, 30, 45, 60};
    int band = 0;
    while (band < SYNTH_BANDS - 1 && years >= limits[band]) {
        band++;
    }
    return band;
}

/* Age at the end of the period and sex from the pyramid; the oldest group reaches to 99. */
static void draw_age(const World *w, Random *r, Person *p) {
    static uint32_t const rows = 36;
    uint32_t sums[36];
    uint32_t sum = 0;
    for (uint32_t i = 0; i < rows; i++) {
        sum += pyramid[i / 18][i % 18];
        sums[i] = sum;
    }
    size_t row = random_pick_weighted(r, sums, rows);
    p->sex = row < 18 ? 1 : 2;
    int from = (int)(row % 18) * 5;
    int span = row % 18 == 17 ? 15 : 5;
    int64_t days =
        (int64_t)from * 36525 / 100 + (int64_t)random_below(r, (uint64_t)(span * 36525 / 100));
    p->birth = (int32_t)(w->to - days);
}

static void draw_ward(const World *w, const uint32_t *sums, Random *r, Person *p) {
    p->ward = (uint8_t)random_pick_weighted(r, sums, w->content->n_communes);
}

/* People of one commune, oldest first; couples are formed between neighbours in age. */
typedef struct Families {
    World *w;
    Random r;
    uint32_t *ids; /* of the commune, sorted by birth */
    size_t n;
    uint32_t *women; /* with a partner, by age: those who may be mothers */
    uint32_t *partners;
    size_t n_couples;
} Families;

static int by_birth(const void *a, const void *b, void *people) {
    const Person *x = (const Person *)people + *(const uint32_t *)a;
    const Person *y = (const Person *)people + *(const uint32_t *)b;
    if (x->birth != y->birth) {
        return x->birth < y->birth ? -1 : 1;
    }
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* Every woman of 22 and over takes, four times out of five, the next man in age who is still free.
 * A household bears the number of its woman, or of the person living alone. */
static void make_couples(Families *f) {
    World *w = f->w;
    size_t man = 0;
    f->n_couples = 0;
    for (size_t i = 0; i < f->n; i++) {
        Person *woman = &w->people[f->ids[i]];
        woman->household = f->ids[i];
        if (woman->sex != 2 || person_age(woman, w->to) < 22 || random_chance(&f->r, 0.2)) {
            continue;
        }
        while (man < f->n && (w->people[f->ids[man]].sex != 1 ||
                              w->people[f->ids[man]].birth < woman->birth - 2200)) {
            man++;
        }
        if (man == f->n || person_age(&w->people[f->ids[man]], w->to) < 22) {
            continue;
        }
        woman->flags |= PERSON_COUPLE;
        w->people[f->ids[man]].flags |= PERSON_COUPLE;
        f->women[f->n_couples] = f->ids[i];
        f->partners[f->n_couples++] = f->ids[man++];
    }
    for (size_t i = 0; i < f->n_couples; i++) {
        w->people[f->partners[i]].household = f->women[i];
    }
}

/* A couple whose woman was 19 to 38 at the child's birth; couples are sorted by the woman's age. */
static bool find_parents(Families *f, const Person *child, size_t *ret_couple) {
    for (int attempt = 0; attempt < 40; attempt++) {
        size_t i = (size_t)random_below(&f->r, f->n_couples);
        int64_t gap = child->birth - f->w->people[f->women[i]].birth;
        if (gap >= 19 * 365 && gap <= 38 * 365) {
            *ret_couple = i;
            return true;
        }
    }
    return false;
}

static void add_children(Families *f) {
    World *w = f->w;
    for (size_t i = 0; i < f->n && f->n_couples > 0; i++) {
        Person *p = &w->people[f->ids[i]];
        int age = person_age(p, w->to);
        size_t couple;
        bool single = (p->flags & PERSON_COUPLE) == 0;
        bool young = age < 22 || (age < 32 && single && random_chance(&f->r, 0.6));
        if (young && find_parents(f, p, &couple)) {
            p->mother = f->women[couple];
            p->father = f->partners[couple];
            p->household = p->mother;
        }
    }
}

static void draw_names(const World *w, Random *r, Person *p) {
    const NameList *n = w->content->names;
    bool old = person_age(p, w->to) > 45;
    const NameList *middle = &n[p->sex == 1 ? NAMES_MIDDLE_M : NAMES_MIDDLE_F];
    const NameList *given = &n[p->sex == 1 ? NAMES_GIVEN_M : NAMES_GIVEN_F];
    p->family = (uint8_t)random_pick_weighted(r, n[NAMES_FAMILY].old_sums, n[NAMES_FAMILY].n);
    p->middle =
        (uint8_t)random_pick_weighted(r, old ? middle->old_sums : middle->young_sums, middle->n);
    p->given =
        (uint8_t)random_pick_weighted(r, old ? given->old_sums : given->young_sums, given->n);
}

/* The card follows age and work; a child's card of the first six years is drawn at each visit. */
static uint8_t draw_card(Random *r, int age, bool mountain) {
    if (mountain && random_chance(r, 0.7)) {
        return DT;
    }
    if (random_chance(r, 0.055)) {
        return HN;
    }
    if (age < 18) {
        return HS;
    }
    if (age < 23 && random_chance(r, 0.5)) {
        return SV;
    }
    if (age >= 80) {
        return BT;
    }
    if (age >= 60) {
        return random_chance(r, 0.42) ? HT : GD;
    }
    double x = random_double(r);
    return x < 0.5 ? DN : x < 0.88 ? GD : x < 0.96 ? HC : x < 0.99 ? QN : CC;
}

static void draw_chronic(const World *w, Random *r, Person *p) {
    int band = age_band(person_age(p, w->to));
    for (size_t i = 0; i < w->n_chronic; i++) {
        const Condition *c = &w->content->conditions[w->chronic[i]];
        double chance = c->weights[band] / 1000.0;
        if (c->only_sex != 0 && (c->only_sex == 'm') != (p->sex == 1)) {
            continue;
        }
        chance *= c->sex == 'b' ? 1 : (c->sex == 'm') == (p->sex == 1) ? 1.6 : 0.4;
        if (random_chance(r, chance)) {
            p->chronic |= (uint16_t)(1u << i);
        }
    }
}

static void draw_rest(const World *w, uint32_t id) {
    Person *p = &w->people[id];
    Random r;
    world_random(w, &r, STREAM_PEOPLE, id + 1);
    int age = person_age(p, w->to);
    bool mountain = str_eq(w->content->communes[p->ward].zone, STR("K3"));
    draw_names(w, &r, p);
    p->card = draw_card(&r, age, mountain);
    p->ethnic = (uint8_t)(mountain && random_chance(&r, 0.75) ? 26 : 1);
    p->job = (uint8_t)random_below(&r, 6);
    double kg = p->sex == 1 ? 62 : 53;
    p->weight_kg = (uint8_t)(kg - 12 + (double)random_below(&r, 14) + (double)random_below(&r, 14));
    bool insured = age < 6 || random_chance(&r, 0.955);
    p->flags |= (uint8_t)((insured ? PERSON_INSURED : 0) |
                          (random_chance(&r, age < 14 ? 0.7 : 1.0) ? PERSON_HAS_NUMBER : 0) |
                          (random_chance(&r, 0.012) ? PERSON_EXEMPT : 0));
    double x = random_double(&r);
    p->home = x < 0.45   ? facility_station(w, p->ward)
              : x < 0.85 ? facility_pick(w, &r, 'd', p->ward, STR_EMPTY)
                         : facility_pick(w, &r, 'p', p->ward, STR_EMPTY);
    draw_chronic(w, &r, p);
}

/* Children bear the family name of their father. Parents come first or later in the array: names
 * are settled when all are drawn, oldest generation first by following fathers upwards. */
static uint8_t family_name(const World *w, uint32_t id) {
    for (int depth = 0; depth < 8 && w->people[id].father != SYNTH_NONE; depth++) {
        id = w->people[id].father;
    }
    return w->people[id].family;
}

static ErrCode make_families(World *w) {
    uint32_t n = w->o.citizens;
    CLEANUP_FREE uint32_t *ids = calloc(n, sizeof *ids);
    CLEANUP_FREE uint32_t *women = calloc(n, sizeof *women);
    CLEANUP_FREE uint32_t *partners = calloc(n, sizeof *partners);
    if (ids == NULL || women == NULL || partners == NULL) {
        return ERR_NOMEM;
    }
    for (size_t ward = 0; ward < w->content->n_communes; ward++) {
        Families f = {.w = w, .ids = ids, .women = women, .partners = partners};
        for (uint32_t i = 0; i < n; i++) {
            if (w->people[i].ward == ward) {
                ids[f.n++] = i;
            }
        }
        qsort_r(ids, f.n, sizeof *ids, by_birth, w->people);
        world_random(w, &f.r, STREAM_PEOPLE, (uint64_t)SYNTH_CITIZENS_MAX + 1 + ward);
        make_couples(&f);
        add_children(&f);
    }
    return ERR_OK;
}

ErrCode world_people(World *w) {
    const Content *c = w->content;
    uint32_t n = w->o.citizens;
    w->people = calloc(n, sizeof *w->people);
    if (w->people == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < c->n_conditions && w->n_chronic < SYNTH_CHRONIC_MAX; i++) {
        if (c->conditions[i].kind == 'C') {
            w->chronic[w->n_chronic++] = (int)i;
        }
    }
    uint32_t sums[SYNTH_WARDS_MAX];
    for (size_t i = 0; i < c->n_communes; i++) {
        sums[i] = c->communes[i].weight + (i == 0 ? 0 : sums[i - 1]);
    }
    Random r;
    world_random(w, &r, STREAM_PEOPLE, 0);
    for (uint32_t i = 0; i < n; i++) {
        Person *p = &w->people[i];
        *p = (Person){.death = INT32_MAX, .mother = SYNTH_NONE, .father = SYNTH_NONE};
        draw_age(w, &r, p);
        draw_ward(w, sums, &r, p);
    }
    TRY(make_families(w));
    for (uint32_t i = 0; i < n; i++) {
        draw_rest(w, i);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (w->people[i].father != SYNTH_NONE) {
            w->people[i].family = family_name(w, i);
        }
    }
    return ERR_OK;
}
