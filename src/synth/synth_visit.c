#include "synth/synth_visit_int.h"

/* A bell curve from four even draws: mean 0, deviation 1, within ±3.5. No libm, so that every
 * machine gives the same bytes. */
static double bell(Random *r) {
    uint64_t x = random_u64(r);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (double)((x >> (16 * i)) & 0xFFFF) / 65536.0;
    }
    return (sum - 2.0) * 1.7320508;
}

/* What is lasting about a citizen's result: the same at every visit. */
static double habit(uint32_t person, uint32_t result) {
    uint64_t z = ((uint64_t)person << 16 | result) * UINT64_C(0x9E3779B97F4A7C15);
    Random r;
    random_init(&r, z);
    return bell(&r);
}

static bool is_child(const Visit *v) {
    return person_age(v->person, v->plan->day) < 10;
}

static bool for_children(Str key) {
    return str_ends(key, STR("_go")) || str_ends(key, STR("_si")) || str_ends(key, STR("_tre"));
}

static const Drug *choose_drug(const Visit *v, Random *r, const Choice *c) {
    const Drug *drugs = v->w->content->drugs;
    const Drug *chosen = &drugs[c->items[random_below(r, c->n)]];
    for (int i = 0; i < c->n; i++) {
        const Drug *d = &drugs[c->items[i]];
        if (for_children(d->key) == is_child(v)) {
            if (for_children(chosen->key) != is_child(v)) {
                chosen = d;
            }
        }
    }
    return chosen;
}

static bool is_parenteral(const Drug *d) {
    return d->route.ptr[0] == '2';
}

static void add_drug(Visit *v, const Drug *drug, int days, int64_t ordered) {
    if (v->n_drugs == SYNTH_DRUG_LINES || days <= 0) {
        return;
    }
    for (int i = 0; i < v->n_drugs; i++) {
        if (v->drugs[i].drug == drug && v->drugs[i].ordered == ordered) {
            return;
        }
    }
    int64_t units = (drug->dose_milli * drug->times * days + 999) / 1000;
    DrugLine *line = &v->drugs[v->n_drugs++];
    *line = (DrugLine){.drug = drug,
                       .quantity_milli = MAX(units, 1) * 1000,
                       .days = days,
                       .ordered = MIN(ordered, v->out),
                       .done = MIN(ordered + 25, v->out)};
}

/* Half of the visits take away something common besides, the old more often. */
static void add_common_drugs(Visit *v, Random *r, int64_t ordered) {
    const Content *c = v->w->content;
    int age = person_age(v->person, v->plan->day);
    if (age < 12) {
        if (random_chance(r, 0.35)) {
            add_drug(v, &c->drugs[c->common_drugs[COMMON_CHILD]], v->drug_days, ordered);
        }
        return;
    }
    int n = random_chance(r, age >= 60 ? 0.95 : 0.7) + random_chance(r, 0.5);
    for (int i = 0; i < n; i++) {
        add_drug(v, &c->drugs[c->common_drugs[random_below(r, COMMON_CHILD)]], v->drug_days,
                 ordered);
    }
}

static void make_drugs(Visit *v, Random *r) {
    const Condition *c = v->condition;
    bool inpatient = v->admitted != 0;
    int64_t ordered = inpatient ? v->admitted + 20 : v->out - 25;
    for (int i = 0; i < c->n_drugs; i++) {
        if (random_below(r, 100) >= c->drugs[i].percent) {
            continue;
        }
        const Drug *d = choose_drug(v, r, &c->drugs[i]);
        if (!inpatient && is_parenteral(d) && v->plan->kind != VISIT_CHRONIC) {
            continue;
        }
        bool split = inpatient && v->plan->los >= 4 && is_parenteral(d);
        int first = split ? v->drug_days / 2 : v->drug_days;
        add_drug(v, d, first, ordered);
        if (split) {
            add_drug(v, d, v->drug_days - first, ordered + (int64_t)first * 1440);
        }
    }
    add_common_drugs(v, r, ordered);
    if (v->plan->kind == VISIT_CHRONIC) { /* what the other conditions in the programme need */
        for (size_t b = 0; b < v->w->n_chronic; b++) {
            const Condition *other = &v->w->content->conditions[v->w->chronic[b]];
            if (other != c && (v->person->chronic >> b & 1) != 0 && other->n_drugs > 0) {
                add_drug(v, choose_drug(v, r, &other->drugs[0]), v->drug_days, ordered);
            }
        }
    }
}

static void add_service(Visit *v, const Service *s, int64_t ordered) {
    if (s == NULL || v->n_services == SYNTH_SERVICE_LINES) {
        return;
    }
    ServiceLine *line = &v->services[v->n_services++];
    int64_t minutes = v->admitted == 0 ? MIN(s->minutes, 90) : s->minutes;
    *line = (ServiceLine){.service = s,
                          .quantity_milli = 1000,
                          .ratio_dv = 100,
                          .ordered = MIN(ordered, v->out),
                          .done = MIN(ordered + 10, v->out),
                          .reported = MIN(ordered + 10 + minutes, v->out)};
}

static const Service *known(const Visit *v, KnownService key) {
    return &v->w->content->services[v->w->content->known[key]];
}

static KnownService exam(const Visit *v) {
    static const struct {
        const char *dept;
        KnownService exam;
    } by_dept[] = {
        {"K19", KNOWN_KHAM_NGOAI},   {"K20", KNOWN_KHAM_NGOAI}, {"K22", KNOWN_KHAM_NGOAI},
        {"K23", KNOWN_KHAM_NGOAI},   {"K24", KNOWN_KHAM_NGOAI}, {"K27", KNOWN_KHAM_SAN},
        {"K30", KNOWN_KHAM_MAT},     {"K28", KNOWN_KHAM_TMH},   {"K29", KNOWN_KHAM_RHM},
        {"K13", KNOWN_KHAM_DALIEU},  {"K16", KNOWN_KHAM_YHCT},  {"K31", KNOWN_KHAM_YHCT},
        {"K15", KNOWN_KHAM_TAMTHAN},
    };
    if (v->facility->level == 's') {
        return KNOWN_KHAM_TRAM;
    }
    if (person_age(v->person, v->plan->day) < 15) {
        return KNOWN_KHAM_NHI;
    }
    for (size_t i = 0; i < ARRAY_LEN(by_dept); i++) {
        if (str_eq(v->condition->dept, (Str){by_dept[i].dept, 3})) {
            return by_dept[i].exam;
        }
    }
    return KNOWN_KHAM_NOI;
}

static KnownService bed(const Visit *v, bool surgery) {
    Str dept = v->condition->dept;
    if (surgery) {
        return KNOWN_GIUONG_NGOAI;
    }
    if (str_eq(dept, STR("K27"))) {
        return KNOWN_GIUONG_SAN;
    }
    if (person_age(v->person, v->plan->day) < 15) {
        return KNOWN_GIUONG_NHI;
    }
    if (str_eq(dept, STR("K11")) || str_eq(dept, STR("K12"))) {
        return KNOWN_GIUONG_NHIEM;
    }
    if (str_eq(dept, STR("K16")) || str_eq(dept, STR("K31"))) {
        return KNOWN_GIUONG_YHCT;
    }
    bool intensive = str_eq(dept, STR("K02")) || str_eq(dept, STR("K14"));
    return intensive ? KNOWN_GIUONG_HSTC : KNOWN_GIUONG_NOI;
}

/* A station has a small laboratory, an ultrasound and an ECG; operations need a stay. */
static bool offered(const Visit *v, Random *r, const Service *s) {
    if (s->group == 8 || s == known(v, KNOWN_DO_DE)) {
        return v->admitted != 0 && v->plan->los > 0;
    }
    if (v->facility->level != 's') {
        return true;
    }
    switch (s->group) {
    case 1:
        return s->minutes <= 60 && random_chance(r, 0.7);
    case 2:
        return str_eq(s->machine, STR("SA")) && s->price_milli < 100000000;
    case 3:
        return str_eq(s->machine, STR("DT"));
    default:
        return true;
    }
}

static bool has_service(const Visit *v, const Service *s) {
    for (int i = 0; i < v->n_services; i++) {
        if (v->services[i].service == s) {
            return true;
        }
    }
    return false;
}

/* What hospitals ask for besides: blood count, sugar, liver and kidneys of the older, ECG. */
static void add_routine(Visit *v, Random *r, int64_t ordered) {
    static const struct {
        KnownService key;
        int from_age, percent;
    } routine[] = {
        {KNOWN_CBC, 0, 22},        {KNOWN_GLUCOSE, 30, 54},    {KNOWN_CREATININ, 35, 48},
        {KNOWN_URE, 40, 44},       {KNOWN_AST, 30, 40},        {KNOWN_ALT, 30, 40},
        {KNOWN_GGT, 40, 18},       {KNOWN_ACID_URIC, 40, 16},  {KNOWN_DIEN_TIM, 40, 48},
        {KNOWN_NUOC_TIEU, 15, 10}, {KNOWN_CRP, 0, 14},         {KNOWN_SA_BUNG, 20, 34},
        {KNOWN_XQ_NGUC, 30, 20},   {KNOWN_NOI_SOI_TMH, 5, 10},
    };
    if (v->facility->level == 's' || str_eq(v->type, STR("05"))) {
        return;
    }
    int age = person_age(v->person, v->plan->day);
    for (size_t i = 0; i < ARRAY_LEN(routine); i++) {
        int percent = routine[i].percent * (v->admitted != 0 ? 2 : 1);
        const Service *s = known(v, routine[i].key);
        if (age >= routine[i].from_age && random_below(r, 100) < (uint64_t)percent &&
            !has_service(v, s)) {
            add_service(v, s, ordered + (int64_t)random_below(r, 8));
        }
    }
}

/* Now and then a second speciality sees the patient on the same day, for 30 % of the price. */
static void add_second_exam(Visit *v, Random *r) {
    static const KnownService keys[] = {KNOWN_KHAM_MAT, KNOWN_KHAM_TMH, KNOWN_KHAM_RHM,
                                        KNOWN_KHAM_DALIEU, KNOWN_KHAM_YHCT};
    char level = v->facility->level;
    const Service *s = known(v, keys[random_below(r, ARRAY_LEN(keys))]);
    if (level != 's' && v->admitted == 0 && random_chance(r, 0.24) && !has_service(v, s)) {
        add_service(v, s, v->in + 22);
        v->services[v->n_services - 1].ratio_dv = 30;
    }
}

/* A stay of several days repeats the blood count every other day. */
static void repeat_counts(Visit *v, Random *r) {
    const Service *cbc = known(v, KNOWN_CBC);
    bool dengue = v->condition->disease == DISEASE_DENGUE;
    for (int day = 1; v->admitted != 0 && day < v->plan->los; day += dengue ? 1 : 2) {
        int64_t at = v->admitted + day * 1440 - 120;
        if ((dengue || random_chance(r, 0.6)) && at + 60 < v->out) {
            add_service(v, cbc, at + (int64_t)random_below(r, 60));
        }
    }
}

static void add_supplies(Visit *v, bool surgery) {
    bool infusion = false;
    for (int i = 0; i < v->n_drugs; i++) {
        infusion = infusion || is_parenteral(v->drugs[i].drug);
    }
    int64_t at = v->admitted != 0 ? v->admitted + 30 : v->in + 30;
    if (v->admitted != 0 && infusion) {
        add_service(v, known(v, KNOWN_KIM_LUON), at);
        add_service(v, known(v, KNOWN_DAY_TRUYEN), at);
        v->services[v->n_services - 1].quantity_milli = MIN(3, 1 + v->plan->los / 3) * 1000;
    }
    if (surgery) {
        add_service(v, known(v, KNOWN_GAC), at);
        v->services[v->n_services - 1].quantity_milli = 5000;
        add_service(v, known(v, KNOWN_CHI_KHAU), at);
    }
    static const KnownService pairs[][2] = {{KNOWN_MO_PHACO, KNOWN_KINH_NOI_NHAN},
                                            {KNOWN_KET_HOP_XUONG, KNOWN_NEP_VIT},
                                            {KNOWN_BO_BOT, KNOWN_BOT}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (has_service(v, known(v, pairs[i][0]))) {
            add_service(v, known(v, pairs[i][1]), at);
        }
    }
}

static void add_bed(Visit *v, Random *r, bool surgery) {
    if (v->admitted == 0 || v->plan->los == 0) {
        return;
    }
    add_service(v, known(v, bed(v, surgery)), v->admitted);
    ServiceLine *line = &v->services[v->n_services - 1];
    line->quantity_milli = v->plan->los * 1000;
    line->bed = 1 + (int)random_below(r, 400);
    line->reported = line->done;
    if (random_chance(r, 0.06)) { /* two in a bed */
        line->ratio_dv = 50;
    }
}

static void make_services(Visit *v, Random *r) {
    const Condition *c = v->condition;
    bool surgery = false;
    add_service(v, known(v, exam(v)), v->in + 6);
    int64_t ordered = v->in + 20;
    for (int i = 0; i < c->n_services; i++) {
        if (random_below(r, 100) >= c->services[i].percent) {
            continue;
        }
        const Choice *choice = &c->services[i];
        const Service *s = &v->w->content->services[choice->items[random_below(r, choice->n)]];
        bool wanted = !str_eq(v->type, STR("05")) && !has_service(v, s) && offered(v, r, s);
        if (wanted) {
            bool ward = v->admitted != 0 && (s->group == 8 || s->group == 18);
            add_service(v, s, ward ? v->admitted + 120 : ordered + (int64_t)random_below(r, 8));
            surgery = surgery || s->group == 8;
        }
    }
    add_second_exam(v, r);
    add_routine(v, r, ordered);
    repeat_counts(v, r);
    add_bed(v, r, surgery);
    make_drugs(v, r);
    add_supplies(v, surgery);
}

/* The effects of the condition at hand and of the lasting ones. */
static double affected(const Visit *v, const Result *result, double value) {
    const Content *c = v->w->content;
    uint16_t id = (uint16_t)(result - c->results);
    const Condition *lists[1 + SYNTH_CHRONIC_MAX] = {v->condition};
    size_t n = 1;
    for (size_t b = 0; b < v->w->n_chronic; b++) {
        const Condition *lasting = &c->conditions[v->w->chronic[b]];
        bool same = str_eq(lasting->code, v->condition->code);
        if ((v->person->chronic >> b & 1) != 0 && !same) {
            lists[n++] = lasting;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (int e = 0; e < lists[i]->n_effects; e++) {
            const Effect *effect = &lists[i]->effects[e];
            if (effect->result == id) {
                value = effect->op == '*' ? value * effect->value : value + effect->value;
            }
        }
    }
    return value;
}

static int64_t draw_value(const Visit *v, Random *r, const Result *result, uint32_t id) {
    if (result->n_texts > 2) { /* a blood group */
        double h = habit(v->plan->person, id);
        return h < -0.15 ? 0 : h < 0.55 ? 1 : h < 1.45 ? 2 : 3;
    }
    if (result->n_texts == 2) {
        return random_double(r) < affected(v, result, result->mean);
    }
    double base = result->mean;
    if (v->person->sex == 2 && result->by_sex) {
        base *= 0.91;
    }
    double spread = result->deviation * (0.75 * habit(v->plan->person, id) + 0.5 * bell(r));
    double value = affected(v, result, base) + spread;
    double floor = result->mean < 0 ? -5 : result->mean * 0.06;
    value = MAX(value, floor);
    static const double scale[4] = {1, 10, 100, 1000};
    value *= scale[result->decimals];
    return (int64_t)(value + (value < 0 ? -0.5 : 0.5));
}

static void add_result(Visit *v, ResultLine line) {
    if (v->n_results < SYNTH_RESULT_LINES) {
        v->results[v->n_results++] = line;
    }
}

static void make_results(Visit *v, Random *r) {
    const Content *c = v->w->content;
    for (int i = 0; i < v->n_services; i++) {
        const ServiceLine *line = &v->services[i];
        const Service *s = line->service;
        for (int k = 0; k < s->n_results; k++) {
            uint32_t id = (uint32_t)(s->first_result + k);
            const Result *result = &c->results[id];
            add_result(v, (ResultLine){s, result, draw_value(v, r, result, id), line->reported});
        }
        if (s->normal.len > 0) {
            add_result(v, (ResultLine){s, NULL, random_chance(r, 0.42), line->reported});
        }
    }
}

static void add_other(Visit *v, Str code) {
    if (v->n_others == SYNTH_OTHERS || str_eq(code, v->condition->code)) {
        return;
    }
    for (int i = 0; i < v->n_others; i++) {
        if (str_eq(v->others[i], code)) {
            return;
        }
    }
    v->others[v->n_others++] = code;
}

static void make_others(Visit *v, Random *r) {
    const Condition *c = v->condition;
    int age = person_age(v->person, v->plan->day);
    for (size_t b = 0; b < v->w->n_chronic; b++) {
        if ((v->person->chronic >> b & 1) != 0 && (v->person->flags & PERSON_MANAGED) != 0 &&
            random_chance(r, 0.85)) {
            add_other(v, v->w->content->conditions[v->w->chronic[b]].code);
        }
    }
    for (int i = 0; i < c->n_others; i++) {
        bool of_age = age >= 35 || strchr("JRALHKBDOP", c->others[i].ptr[0]) != NULL;
        bool of_sex = c->others_sex[i] == 0 || (c->others_sex[i] == 'm') == (v->person->sex == 1);
        if (of_age && of_sex && random_chance(r, v->admitted != 0 ? 0.5 : 0.36)) {
            add_other(v, c->others[i]);
        }
    }
}

/* Arrival: two thirds in the morning; emergencies, births and transfers at any hour. */
static void make_times(Visit *v, Random *r) {
    const PlanVisit *p = v->plan;
    int64_t day = (int64_t)p->day * 1440;
    bool any_hour = (p->flags & PLAN_EMERGENCY) != 0 || p->kind == VISIT_BIRTH;
    int64_t minute = random_chance(r, 0.67) ? 390 + (int64_t)random_below(r, 225)
                                            : 780 + (int64_t)random_below(r, 175);
    v->in = day + (any_hour ? (int64_t)random_below(r, 1200) : minute);
    if ((p->flags & PLAN_ADMITTED) == 0) {
        v->out = v->in + 45 + (int64_t)random_below(r, 150);
        return;
    }
    v->admitted = v->in + 50 + (int64_t)random_below(r, 40);
    v->out = p->los == 0 ? v->in + 150 + (int64_t)random_below(r, 80)
                         : day + p->los * 1440 + 540 + (int64_t)random_below(r, 420);
}

/* MA_DOITUONG_KCB: how the patient came, as QĐ 3276 lists it. */
static void make_object(Visit *v, Random *r) {
    const PlanVisit *p = v->plan;
    char level = v->facility->level;
    bool home = p->facility == v->person->home;
    if ((v->person->flags & PERSON_INSURED) == 0) {
        v->object = STR("9");
    } else if (p->kind == VISIT_REFERRED) {
        v->object = STR("1.3");
    } else if ((p->flags & PLAN_EMERGENCY) != 0) {
        v->object = STR("2");
    } else if (home) {
        v->object = STR("1.1");
    } else if (p->kind == VISIT_CHRONIC) {
        v->object = STR("1.5");
    } else if (level == 'c' && v->admitted != 0 && random_chance(r, 0.3)) {
        v->object = STR("3.1");
    } else if (level == 'c') {
        v->object = STR("1.3");
    } else if (level == 'p' || level == 'v') {
        v->object = v->admitted != 0 ? STR("1.15") : STR("1.12");
    } else {
        v->object = STR("1.2");
    }
}

static void make_frame(Visit *v, Random *r) {
    const PlanVisit *p = v->plan;
    make_times(v, r);
    make_object(v, r);
    v->doctor = (int)random_below(r, v->facility->doctors);
    int age = person_age(v->person, p->day);
    int kg10 =
        age >= 18 ? v->person->weight_kg * 10 : 32 + age * (v->person->weight_kg * 10 - 32) / 18;
    if (age == 0) {
        kg10 = 32 + (int)((p->day - v->person->birth) * 6 / 30);
    }
    v->weight_kg10 = kg10 + (int)random_below(r, 15) - 7;
    if (v->admitted != 0) {
        v->type = p->los == 0 ? STR("09") : STR("03");
        v->drug_days = MAX(1, (int)p->los);
        v->n_notes = 1 + (p->los > 1) + (p->los > 5);
    } else if (p->kind == VISIT_CHRONIC) {
        v->type = plan_drugs_only(v->w, p) ? STR("05") : STR("08");
        v->drug_days = 28 + (int)random_below(r, 3);
        v->revisit_days = v->drug_days;
        v->n_notes = 1;
    } else {
        v->type = STR("01");
        v->drug_days = 3 + (int)random_below(r, 5);
    }
}

static void make_end(Visit *v, Random *r) {
    const PlanVisit *p = v->plan;
    int age = person_age(v->person, p->day);
    bool died = (p->flags & PLAN_DIED) != 0;
    bool moved = (p->flags & PLAN_TRANSFERRED) != 0;
    double x = random_double(r);
    v->leaving = moved ? 2 : !died && v->admitted != 0 && x > 0.985 ? 4 : 1;
    v->outcome = died                       ? 5
                 : moved                    ? 4
                 : p->kind == VISIT_CHRONIC ? 3
                 : x < 0.42                 ? 1
                 : x < 0.96                 ? 2
                                            : 3;
    if (!died && !moved && v->revisit_days == 0 && random_chance(r, 0.1)) {
        v->revisit_days = 7 + (int)random_below(r, 14);
    }
    bool works = age >= 18 && age < 60 && str_eq(cards[v->person->card].object, STR("DN"));
    if (works && v->admitted == 0 && p->kind == VISIT_ACUTE && random_chance(r, 0.14)) {
        v->sick_days = 1 + (int)random_below(r, 5);
    }
}

void visit_make(const World *w, const PlanVisit *plan, Visit *ret_visit) {
    Visit *v = ret_visit;
    *v = (Visit){.w = w,
                 .plan = plan,
                 .person = &w->people[plan->person],
                 .facility = &w->facilities[plan->facility],
                 .condition = &w->content->conditions[plan->condition]};
    Random r;
    world_random(w, &r, STREAM_VISIT,
                 ((uint64_t)plan->person << 16) + plan->number + ((uint64_t)1 << 48));
    make_frame(v, &r);
    make_services(v, &r);
    make_results(v, &r);
    make_others(v, &r);
    make_end(v, &r);
    v->left = v->out;
    if (str_eq(v->type, STR("05"))) {
        v->out = ((int64_t)plan->day + v->drug_days - 1) * 1440 + 1439;
    }
    visit_money(v);
}

void visit_correct(Visit *v, Correction correction) {
    switch (correction) {
    case CORRECTION_RESULT:
        for (int i = 0; i < v->n_results; i++) {
            if (v->results[i].result != NULL && v->results[i].result->n_texts == 0) {
                v->results[i].value += 1 + v->results[i].value / 20;
                break;
            }
        }
        break;
    case CORRECTION_DRUG:
        v->n_drugs -= v->n_drugs > 1;
        visit_money(v);
        break;
    case CORRECTION_OUTCOME:
        v->outcome = v->outcome == 1 ? 2 : 1;
        break;
    case CORRECTION_NONE:
    case CORRECTION_IDENTICAL:
    case CORRECTION_KINDS:
        break;
    }
}
