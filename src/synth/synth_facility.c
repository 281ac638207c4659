#include "core/time.h"
#include "synth/synth_int.h"

void world_random(const World *w, Random *r, int stream, uint64_t item) {
    random_init_stream(r, w->o.seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)stream,
                       item * 16 + (uint64_t)stream);
}

const VnWard *person_ward(const World *w, const Person *p) {
    return w->content->communes[p->ward].ward;
}

/* 46S01 … 46S99, 46T01 …: no real facility of Huế has a letter there. */
static void set_code(Facility *f, size_t at) {
    static const char letters[] = "STUVXY";
    f->code[0] = '4';
    f->code[1] = '6';
    f->code[2] = letters[at / 99];
    f->code[3] = (char)('0' + (at % 99 + 1) / 10);
    f->code[4] = (char)('0' + (at % 99 + 1) % 10);
    f->code[5] = 0;
}

static const Commune *commune_of(const Content *c, Str code) {
    for (size_t i = 0; i < c->n_communes; i++) {
        if (str_eq(c->communes[i].ward->code, code)) {
            return &c->communes[i];
        }
    }
    return &c->communes[0];
}

static void set_staff(Facility *f) {
    switch (f->level) {
    case 'c':
        f->doctors = 180;
        break;
    case 'p':
        f->doctors = 40 + f->beds / 10;
        break;
    case 'd':
        f->doctors = 30;
        break;
    case 'v':
        f->doctors = 12;
        break;
    default:
        f->doctors = 4;
        break;
    }
}

static void add_named(World *w, Facility *f, const FacilityRow *row) {
    f->name = row->name;
    f->only = row->only;
    f->commune = commune_of(w->content, row->ward);
    f->level = row->level;
    f->weight = row->weight;
    f->beds = row->beds;
}

static void add_station(World *w, Facility *f, const Commune *commune) {
    f->name = arena_printf(w->arena, "Trạm Y tế " STR_FMT " (mô phỏng)",
                           STR_ARG(commune->ward->full_name));
    f->only = STR_EMPTY;
    f->commune = commune;
    f->level = 's';
    f->weight = commune->weight;
    f->beds = 5;
}

static void add_clinic(World *w, Facility *f, size_t number, Random *r) {
    f->name = arena_printf(w->arena, "Phòng khám đa khoa Bằng Lăng %zu (mô phỏng)", number);
    f->only = STR_EMPTY;
    f->commune = &w->content->communes[random_below(r, w->content->n_communes)];
    f->level = 'v';
    f->weight = 12;
    f->beds = 0;
}

/* A third are hospitals and clinics by name, then a station for each commune as far as the number
 * goes, the rest further private clinics. */
ErrCode world_facilities(World *w) {
    const Content *c = w->content;
    size_t n = w->o.facilities;
    w->facilities = calloc(n, sizeof *w->facilities);
    if (w->facilities == NULL) {
        return ERR_NOMEM;
    }
    Random r;
    world_random(w, &r, STREAM_FACILITY, 0);
    size_t named = MAX((size_t)1, MIN(c->n_facilities, (n + 2) / 3));
    for (size_t i = 0; i < n; i++) {
        Facility *f = &w->facilities[i];
        if (i < named) {
            add_named(w, f, &c->facilities[i]);
        } else if (i - named < c->n_communes) {
            add_station(w, f, &c->communes[i - named]);
        } else {
            add_clinic(w, f, i - named - c->n_communes + 1, &r);
        }
        set_code(f, i);
        set_staff(f);
        f->style = (uint8_t)(random_below(&r, 3));
        f->upper = random_chance(&r, 0.8);
    }
    w->n_facilities = n;
    return arena_failed(w->arena) ? ERR_NOMEM : ERR_OK;
}

static int distance2(const VnWard *a, const VnWard *b) {
    return (a->col - b->col) * (a->col - b->col) + (a->row - b->row) * (a->row - b->row);
}

static bool has_word(Str words, Str word) {
    Str part;
    while (str_cut(&words, ' ', &part)) {
        if (str_eq(part, word)) {
            return true;
        }
    }
    return false;
}

/* How strongly a commune's people choose this facility among those of its level. Districts and
 * clinics are chosen by distance; a specialised hospital takes only its departments, but those
 * twice as often. */
static uint32_t pull(const Facility *f, const VnWard *ward, Str dept) {
    if (f->only.len > 0) {
        return has_word(f->only, dept) ? f->weight * 4 : 0;
    }
    if (f->level == 'c' || f->level == 'p') {
        return f->weight;
    }
    return 1 + f->weight * 100 / (uint32_t)(2 + 3 * distance2(f->commune->ward, ward));
}

uint16_t facility_pick(const World *w, Random *r, char level, int ward, Str dept) {
    static const char order[] = "cpdvs";
    const VnWard *home = w->content->communes[ward].ward;
    size_t start = (size_t)(strchr(order, level) - order);
    for (size_t step = 0; step < 5; step++) {
        /* the level itself, then the others in turn */
        char l = order[(start + step) % 5];
        uint32_t sum = 0;
        uint16_t chosen = UINT16_MAX;
        for (size_t i = 0; i < w->n_facilities; i++) {
            const Facility *f = &w->facilities[i];
            uint32_t more = f->level == l ? pull(f, home, dept) : 0;
            sum += more;
            if (more > 0 && random_below(r, sum) < more) {
                chosen = (uint16_t)i;
            }
        }
        if (chosen != UINT16_MAX) {
            return chosen;
        }
    }
    return 0;
}

uint16_t facility_station(const World *w, int ward) {
    const Commune *home = &w->content->communes[ward];
    uint16_t best = 0;
    int best_distance = INT32_MAX;
    for (size_t i = 0; i < w->n_facilities; i++) {
        const Facility *f = &w->facilities[i];
        if (f->level == 's') {
            int d = distance2(f->commune->ward, home->ward);
            if (d < best_distance) {
                best_distance = d;
                best = (uint16_t)i;
            }
        }
    }
    return best;
}

static bool is_holiday(int month, int day) {
    return (month == 1 && day == 1) || (month == 4 && day == 30) || (month == 5 && day == 1) ||
           (month == 9 && day == 2);
}

/* Monday is the busiest; Tết empties the clinics from two days before to five days after and fills
 * them in the week that follows. */
double calendar_day(const World *w, int32_t day) {
    static const double weekday[8] = {0, 1.36, 1.16, 1.1, 1.05, 1.0, 0.48, 0.24};
    int year;
    int month;
    int dom;
    time_civil_from_days(day, &year, &month, &dom);
    double factor = weekday[time_weekday(day)];
    if (is_holiday(month, dom)) {
        factor *= 0.3;
    }
    for (size_t i = 0; i < w->content->n_lunar; i++) {
        int64_t since = day - w->content->lunar[i];
        if (since >= -2 && since <= 5) {
            factor = 0.14;
        } else if (since >= 6 && since <= 12) {
            factor *= 1.18;
        }
    }
    return factor;
}

void calendar_sums(const World *w, uint32_t *ret_sums) {
    uint32_t sum = 0;
    for (int32_t day = w->from; day <= w->to; day++) {
        sum += (uint32_t)(calendar_day(w, day) * 1000);
        ret_sums[day - w->from] = sum;
    }
}
