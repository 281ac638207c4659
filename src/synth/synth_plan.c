#include "core/time.h"
#include "synth/synth_int.h"

/* How ordinary visits are drawn: a day by the calendar, then a condition by age, sex and week. */
typedef struct Planner {
    World *w;
    uint32_t *day_sums;
    size_t n_days, n_weeks;
    uint16_t *acute; /* conditions of kind A and I */
    size_t n_acute;
    uint32_t *sums;         /* [week][band][sex][acute], cumulative */
    double acute_mean_unit; /* expected ordinary visits for a weight of 1 */
    double chronic_share;   /* chance that somebody with a chronic condition is in a programme */
    PlanVisit *outbreak;    /* planted cases, sorted by person */
    size_t n_outbreak, at_outbreak;
    uint32_t *births; /* children by mother: index of the first, next in next_birth */
    uint32_t *next_birth;
} Planner;

static const uint32_t band_weight[SYNTH_BANDS] = {215, 105, 58, 76, 120, 205};
enum { CHRONIC_PERCENT = 33 };

static uint32_t *planner_row(const Planner *p, size_t week, int band, int sex) {
    return p->sums + ((week * SYNTH_BANDS + (size_t)band) * 2 + (size_t)(sex - 1)) * p->n_acute;
}

/* A good and a bad year: dengue, hand-foot-mouth disease and influenza swing between 0.6 and 1.5.
 */
static double year_factor(const World *w, int season, int year) {
    Random r;
    world_random(w, &r, STREAM_CALENDAR, (uint64_t)year * 64 + (uint64_t)season);
    return 0.6 + 0.9 * random_double(&r);
}

/* The season's weight of the middle of a week, between the middles of two months. */
static double season_at(const World *w, int season, int32_t day) {
    int y;
    int m;
    int d;
    time_civil_from_days(day, &y, &m, &d);
    const uint16_t *months = w->content->seasons[season];
    double a = months[m - 1];
    double b = d < 15 ? months[(m + 10) % 12] : months[m % 12];
    double far = d < 15 ? (15 - d) / 30.0 : (d - 15) / 30.0;
    Str key = w->content->season_keys[season];
    bool swings = str_eq(key, STR("dengue")) || str_eq(key, STR("hfmd")) || str_eq(key, STR("flu"));
    return (a * (1 - far) + b * far) * (swings ? year_factor(w, season, y) : 1);
}

static double sex_factor(char wanted, int sex) {
    if (wanted == 'b') {
        return 1;
    }
    return (wanted == 'm') == (sex == 1) ? 1 : 0;
}

static void fill_week(Planner *p, size_t week) {
    const Content *c = p->w->content;
    double seasons[SYNTH_SEASONS_MAX];
    for (size_t s = 0; s < c->n_seasons; s++) {
        seasons[s] = season_at(p->w, (int)s, p->w->from + (int32_t)week * 7 + 3);
    }
    for (int band = 0; band < SYNTH_BANDS; band++) {
        for (int sex = 1; sex <= 2; sex++) {
            uint32_t *row = planner_row(p, week, band, sex);
            uint32_t sum = 0;
            for (size_t i = 0; i < p->n_acute; i++) {
                const Condition *d = &c->conditions[p->acute[i]];
                sum += (uint32_t)(d->weights[band] * seasons[d->season] * sex_factor(d->sex, sex));
                row[i] = sum;
            }
        }
    }
}

static ErrCode planner_init(Planner *p, World *w) {
    const Content *c = w->content;
    *p = (Planner){.w = w, .n_days = (size_t)(w->to - w->from + 1)};
    p->n_weeks = p->n_days / 7 + 1;
    p->acute = calloc(c->n_conditions, sizeof *p->acute);
    p->day_sums = calloc(p->n_days, sizeof *p->day_sums);
    if (p->acute == NULL || p->day_sums == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < c->n_conditions; i++) {
        if (c->conditions[i].kind == 'A' || c->conditions[i].kind == 'I') {
            p->acute[p->n_acute++] = (uint16_t)i;
        }
    }
    p->sums = calloc(p->n_weeks * SYNTH_BANDS * 2 * p->n_acute, sizeof *p->sums);
    p->births = malloc(w->o.citizens * sizeof *p->births);
    p->next_birth = malloc(w->o.citizens * sizeof *p->next_birth);
    if (p->sums == NULL || p->births == NULL || p->next_birth == NULL) {
        return ERR_NOMEM;
    }
    calendar_sums(w, p->day_sums);
    for (size_t week = 0; week < p->n_weeks; week++) {
        fill_week(p, week);
    }
    return ERR_OK;
}

static void planner_release(Planner *p) {
    free(p->acute);
    free(p->day_sums);
    free(p->sums);
    free(p->births);
    free(p->next_birth);
    free(p->outbreak);
}

/* Children born in the period hang in a list on their mother. */
static size_t link_births(Planner *p) {
    World *w = p->w;
    size_t n = 0;
    memset(p->births, 0xFF, w->o.citizens * sizeof *p->births);
    for (uint32_t i = 0; i < w->o.citizens; i++) {
        const Person *child = &w->people[i];
        p->next_birth[i] = SYNTH_NONE;
        if (child->mother != SYNTH_NONE && child->birth >= w->from && child->birth < w->to - 7) {
            p->next_birth[i] = p->births[child->mother];
            p->births[child->mother] = i;
            n++;
        }
    }
    return n;
}

/* Sets the two rates so that chronic care takes its share and the total comes out a little high. */
static void set_rates(Planner *p, size_t n_births) {
    World *w = p->w;
    double chronic = 0;
    double weights = 0;
    double years = (double)p->n_days / 365.25;
    for (uint32_t i = 0; i < w->o.citizens; i++) {
        const Person *x = &w->people[i];
        weights += band_weight[age_band(person_age(x, w->to - (int32_t)p->n_days / 2))];
        chronic += x->chronic != 0;
    }
    double per_person = years * 12.3 * 0.85;
    double want = w->o.visits * (CHRONIC_PERCENT / 100.0);
    p->chronic_share = chronic == 0 ? 0 : MIN(1.0, want / (chronic * per_person));
    double rest = w->o.visits - chronic * p->chronic_share * per_person - (double)n_births -
                  (double)p->n_outbreak;
    p->acute_mean_unit = weights == 0 ? 0 : MAX(rest, 0) / weights;
}

static PlanVisit *add_visit(World *w) {
    if (w->n_visits == w->visits_room) {
        size_t room = w->visits_room * 3 / 2 + 1024;
        PlanVisit *more = realloc(w->visits, room * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        w->visits = more;
        w->visits_room = room;
    }
    PlanVisit *v = &w->visits[w->n_visits++];
    *v = (PlanVisit){.child = SYNTH_NONE, .other_facility = UINT16_MAX, .outbreak = -1};
    return v;
}

static char level_up(char level) {
    return level == 's' ? 'd' : 'p';
}

/* Where somebody goes: near and small for little things, hospitals for the rest. */
static void choose_facility(const World *w, Random *r, const Person *p, PlanVisit *v) {
    const Condition *c = &w->content->conditions[v->condition];
    double x = random_double(r);
    char level = x < 0.36 ? 's' : x < 0.66 ? 'd' : x < 0.84 ? 'p' : x < 0.92 ? 'c' : 'v';
    if (level == 's' && c->level != 's') {
        level = 'd';
    }
    if (c->level == 'p' && level != 'c') {
        level = 'p';
    }
    if (level == 's') {
        v->facility = facility_station(w, p->ward);
    } else if (x >= 0.5 && x < 0.66 && w->facilities[p->home].level == 'd') {
        v->facility = p->home;
    } else {
        v->facility = facility_pick(w, r, level, p->ward, c->dept);
    }
}

/* Admission, stay, transfer and death. A station or clinic that ought to admit sends on instead. */
static void choose_course(const World *w, Random *r, const Person *p, PlanVisit *v) {
    const Condition *c = &w->content->conditions[v->condition];
    char level = w->facilities[v->facility].level;
    bool severe = random_below(r, 1000) < (uint64_t)c->admit;
    int age = person_age(p, v->day);
    if (severe && (level == 's' || w->facilities[v->facility].beds == 0)) {
        v->flags |= PLAN_TRANSFERRED;
        return;
    }
    if (severe) {
        v->flags |= PLAN_ADMITTED;
        int stay = c->los + (int)random_below(r, (uint64_t)c->los + 2) - c->los / 2;
        v->los = (uint8_t)MAX(1, stay);
        v->flags |= random_chance(r, 0.3) ? PLAN_EMERGENCY : 0;
        bool grave = c->code.ptr[0] == 'C' || str_starts(c->code, STR("I6"));
        if (c->kind != 'B' && random_chance(r, grave ? 0.035 : age >= 60 ? 0.006 : 0.0004)) {
            v->flags |= PLAN_DIED;
        } else if (level == 'd' && random_chance(r, 0.05)) {
            v->flags |= PLAN_TRANSFERRED;
            v->los = (uint8_t)MIN((int)v->los, 1);
        }
    } else if (level == 's' && random_chance(r, 0.012)) {
        v->flags |= PLAN_TRANSFERRED;
    }
    int32_t last = w->to - v->day;
    v->los = (uint8_t)MIN((int32_t)v->los, last);
}

/* Does the code go with the age? Newborns are up to 27 days old, what is theirs alone is not found
 * later. */
static bool fits_age(const Condition *c, int32_t days) {
    return days <= 27 ? !c->not_newborn : !c->newborn_only;
}

/* A condition by age, sex and week; false: chance found none that goes with the age. */
static bool draw_condition(const Planner *p, Random *r, const Person *x, PlanVisit *v) {
    const uint32_t *row =
        planner_row(p, (size_t)(v->day - p->w->from) / 7, age_band(person_age(x, v->day)), x->sex);
    for (int attempt = 0; attempt < 20; attempt++) {
        v->condition = p->acute[random_pick_weighted(r, row, p->n_acute)];
        if (fits_age(&p->w->content->conditions[v->condition], v->day - x->birth)) {
            return true;
        }
    }
    return false;
}

static ErrCode plan_acute(Planner *p, uint32_t person, Random *r) {
    World *w = p->w;
    const Person *x = &w->people[person];
    int band = age_band(person_age(x, w->to - (int32_t)p->n_days / 2));
    double lived = x->birth <= w->from ? 1 : (double)(w->to - x->birth) / (double)p->n_days;
    double insured = (x->flags & PERSON_INSURED) != 0 ? 1.02 : 0.5;
    double frailty = 0.3 + 1.4 * random_double(r);
    double mean = p->acute_mean_unit * band_weight[band] * lived * insured * frailty;
    for (unsigned n = random_poisson(r, mean); n > 0; n--) {
        PlanVisit *v = add_visit(w);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        do {
            v->day = w->from + (int32_t)random_pick_weighted(r, p->day_sums, p->n_days);
        } while (v->day <= x->birth);
        if (!draw_condition(p, r, x, v)) {
            w->n_visits--;
            continue;
        }
        v->person = person;
        v->kind = VISIT_ACUTE;
        choose_facility(w, r, x, v);
        choose_course(w, r, x, v);
    }
    return ERR_OK;
}

/* The commonest condition decides where the patient is looked after; months are 28 to 31 days. */
static ErrCode plan_chronic(Planner *p, uint32_t person, Random *r) {
    World *w = p->w;
    Person *x = &w->people[person];
    if (x->chronic == 0 || !random_chance(r, p->chronic_share)) {
        return ERR_OK;
    }
    x->flags |= PERSON_MANAGED;
    int bit = __builtin_ctz(x->chronic);
    const Condition *c = &w->content->conditions[w->chronic[bit]];
    char home = w->facilities[x->home].level;
    uint16_t facility = x->home;
    if (home == 's' && c->level != 's') {
        facility = facility_pick(w, r, 'd', x->ward, c->dept);
    }
    for (int32_t day = w->from + (int32_t)random_below(r, 30); day <= w->to;
         day += 28 + (int32_t)random_below(r, 4)) {
        if (day <= x->birth || !random_chance(r, 0.85)) {
            continue;
        }
        while (day < w->to && calendar_day(w, day) < 0.4) {
            day++;
        }
        PlanVisit *v = add_visit(w);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        v->person = person;
        v->day = day;
        v->condition = (uint16_t)w->chronic[bit];
        v->facility = facility;
        v->kind = VISIT_CHRONIC;
    }
    return ERR_OK;
}

static ErrCode plan_births(Planner *p, uint32_t person, Random *r) {
    World *w = p->w;
    int normal = content_condition(w->content, STR("O80.9"), 'B');
    int caesarean = content_condition(w->content, STR("O82.9"), 'B');
    for (uint32_t child = p->births[person]; child != SYNTH_NONE; child = p->next_birth[child]) {
        PlanVisit *v = add_visit(w);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        v->person = person;
        v->child = child;
        v->day = w->people[child].birth;
        v->condition = (uint16_t)(random_chance(r, 0.62) ? normal : caesarean);
        v->kind = VISIT_BIRTH;
        double x = random_double(r);
        v->facility = facility_pick(w, r,
                                    x < 0.4   ? 'd'
                                    : x < 0.8 ? 'p'
                                              : 'c',
                                    w->people[person].ward, STR("K27"));
        v->flags = PLAN_ADMITTED;
        v->los = (uint8_t)(w->content->conditions[v->condition].los + (int)random_below(r, 2));
        v->los = (uint8_t)MIN((int32_t)v->los, w->to - v->day);
    }
    return ERR_OK;
}

/* A planted case goes to a doctor like any other patient, but never escapes. */
static ErrCode plan_outbreak(Planner *p, uint32_t person, Random *r) {
    World *w = p->w;
    while (p->at_outbreak < p->n_outbreak && p->outbreak[p->at_outbreak].person == person) {
        PlanVisit *v = add_visit(w);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        *v = p->outbreak[p->at_outbreak++];
        choose_facility(w, r, &w->people[person], v);
        choose_course(w, r, &w->people[person], v);
        v->flags &= (uint8_t) ~(PLAN_TRANSFERRED | PLAN_DIED);
    }
    return ERR_OK;
}

static int by_day(const void *a, const void *b) {
    const PlanVisit *x = a;
    const PlanVisit *y = b;
    if (x->day != y->day) {
        return x->day < y->day ? -1 : 1;
    }
    return (int)x->kind - (int)y->kind != 0 ? (int)x->kind - (int)y->kind
                                            : (int)x->condition - (int)y->condition;
}

static bool must_stay(const PlanVisit *v) {
    return v->kind == VISIT_BIRTH || v->kind == VISIT_OUTBREAK;
}

/* Nobody is in two places: what falls into a stay gives way, or the stay ends earlier (or never
 * was) when the later visit is a birth or a planted case. After a death nothing follows. */
static void settle(World *w, size_t first) {
    size_t n = w->n_visits - first;
    if (n == 0) {
        return;
    }
    PlanVisit *v = w->visits + first;
    qsort(v, n, sizeof *v, by_day);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        PlanVisit *last = kept == 0 ? NULL : &v[kept - 1];
        if (last != NULL && (last->flags & PLAN_DIED) != 0) {
            last->flags &= (uint8_t) ~(must_stay(&v[i]) ? PLAN_DIED : 0);
            if ((last->flags & PLAN_DIED) != 0) {
                break;
            }
        }
        if (last != NULL && v[i].day <= last->day + last->los) {
            if (!must_stay(&v[i]) || (last->day == v[i].day && must_stay(last))) {
                continue;
            }
            if (last->day == v[i].day) {
                *last = v[i];
                continue;
            }
            last->los = (uint8_t)(v[i].day - last->day - 1);
        }
        v[kept++] = v[i];
    }
    w->n_visits = first + kept;
    for (size_t i = 0; i < kept; i++) {
        if ((v[i].flags & PLAN_DIED) != 0) {
            w->people[v[i].person].death = v[i].day + v[i].los;
        }
    }
}

/* A transferred patient is seen at the next level on the day of leaving or the day after. */
static ErrCode refer(Planner *p, size_t first, Random *r) {
    World *w = p->w;
    size_t n = w->n_visits;
    for (size_t i = first; i < n; i++) {
        PlanVisit from = w->visits[i];
        if ((from.flags & PLAN_TRANSFERRED) == 0) {
            continue;
        }
        const Person *x = &w->people[from.person];
        char level = level_up(w->facilities[from.facility].level);
        uint16_t to =
            facility_pick(w, r, level, x->ward, w->content->conditions[from.condition].dept);
        int32_t day = from.day + from.los + 1;
        bool clash =
            to == from.facility || day > w->to || (i + 1 < n && w->visits[i + 1].day <= day);
        if (clash) {
            w->visits[i].flags &= (uint8_t)~PLAN_TRANSFERRED;
            continue;
        }
        w->visits[i].other_facility = to;
        PlanVisit *v = add_visit(w);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        v->person = from.person;
        v->day = day;
        v->condition = from.condition;
        v->facility = to;
        v->other_facility = from.facility;
        v->kind = VISIT_REFERRED;
        choose_course(w, r, x, v);
        v->flags &= (uint8_t) ~(PLAN_TRANSFERRED | PLAN_DIED);
        int32_t room = i + 1 < n ? w->visits[i + 1].day - day - 1 : INT32_MAX;
        v->los = (uint8_t)MIN((int32_t)v->los, room);
    }
    return ERR_OK;
}

static ErrCode plan_citizen(Planner *p, uint32_t person) {
    World *w = p->w;
    Random r;
    world_random(w, &r, STREAM_CITIZEN, person);
    size_t first = w->n_visits;
    TRY(plan_acute(p, person, &r));
    TRY(plan_chronic(p, person, &r));
    TRY(plan_births(p, person, &r));
    TRY(plan_outbreak(p, person, &r));
    settle(w, first);
    TRY(refer(p, first, &r));
    for (size_t i = first; i < w->n_visits; i++) {
        w->visits[i].number = (uint16_t)(i - first);
    }
    return ERR_OK;
}

typedef struct Rank {
    uint64_t hash;
    uint32_t visit;
} Rank;

static int by_hash(const void *a, const void *b) {
    const Rank *x = a;
    const Rank *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static bool may_drop(const PlanVisit *v) {
    return v->kind == VISIT_ACUTE && (v->flags & (PLAN_TRANSFERRED | PLAN_DIED)) == 0;
}

/* Takes ordinary visits away, chosen evenly, until exactly the number asked for is left. */
static ErrCode trim(World *w) {
    if (w->n_visits <= w->o.visits) {
        return ERR_OK;
    }
    size_t surplus = w->n_visits - w->o.visits;
    CLEANUP_FREE Rank *ranks = malloc(w->n_visits * sizeof *ranks);
    if (ranks == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < w->n_visits; i++) {
        if (may_drop(&w->visits[i])) {
            Random r;
            world_random(w, &r, STREAM_VISIT, i);
            ranks[n++] = (Rank){random_u64(&r), (uint32_t)i};
        }
    }
    qsort(ranks, n, sizeof *ranks, by_hash);
    for (size_t i = 0; i < MIN(surplus, n); i++) {
        w->visits[ranks[i].visit].flags |= PLAN_DROPPED;
    }
    size_t kept = 0;
    for (size_t i = 0; i < w->n_visits; i++) {
        if ((w->visits[i].flags & PLAN_DROPPED) == 0) {
            w->visits[kept++] = w->visits[i];
        }
    }
    w->n_visits = kept;
    return ERR_OK;
}

static ErrCode plan_all(Planner *p) {
    World *w = p->w;
    TRY(plan_outbreak_cases(w, &p->outbreak, &p->n_outbreak));
    set_rates(p, link_births(p));
    /* What falls together with other visits is lost, and chance plays in small provinces; trim cuts
     * back. */
    unsigned root = 1;
    while ((uint64_t)(root + 1) * (root + 1) <= w->o.visits) {
        root++;
    }
    p->acute_mean_unit *= 1.14 + 14.0 / root;
    for (uint32_t i = 0; i < w->o.citizens; i++) {
        TRY(plan_citizen(p, i));
        if (i % 4096 == 0 && w->o.stop != NULL && stop_asked(w->o.stop)) {
            return ERR_STOPPED;
        }
    }
    return trim(w);
}

ErrCode world_plan(World *w) {
    Planner p;
    ErrCode err = planner_init(&p, w);
    if (err == ERR_OK) {
        err = plan_all(&p);
    }
    planner_release(&p);
    return err;
}
