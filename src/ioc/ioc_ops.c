#include "core/json.h"
#include "ioc/ioc_int.h"
#include "vn/vn.h"

#include <math.h>

enum {
    AGE_BANDS = 18, /* 0-4, 5-9, … 80-84, 85+ */
    SPARK_DAYS = 28,
    SPARK_WEEKS = 12,
    CURVE_WEEKS = 52,
    BAND_WEEKS = 2,
    ALARM_EXCESS = 5, /* visits above the expected ones: fewer are chance in a small commune */
    WEEK = 7,
    YEAR = 364, /* the same weekday a year before */
    FACILITIES_SHOWN = 500,
};

typedef struct DayCounts { /* under all filters but the period */
    uint32_t visits, inpatients, notifiable;
    uint64_t cost, insurance;
} DayCounts;

typedef struct Group {
    uint32_t visits, inpatients, previous;
    uint64_t cost, insurance;
    uint32_t spark[SPARK_WEEKS];
} Group;

/* One pass over the facts. Days are counted from DAY_ZERO. */
typedef struct Pass {
    const Ioc *ioc;
    int32_t from, to, previous_from; /* the period before has the same length */
    uint8_t *icd_ok;                 /* per diagnosis number */
    uint32_t facility, ward;         /* number, or UINT32_MAX: all */
    int sex, age_from, age_to;
    DayCounts *days; /* DAYS_MAX */
    Group *facilities;
    uint32_t *icd_now, *icd_before, *ward_now, *ward_before;
    uint32_t pyramid[2][AGE_BANDS];
} Pass;

static inline bool passes(const Pass *p, const FactBlock *b, size_t i) {
    return (b->flags[i] & FACT_LIVE) && p->icd_ok[b->icd[i]] &&
           (p->facility == UINT32_MAX || b->facility[i] == p->facility) &&
           (p->ward == UINT32_MAX || b->ward[i] == p->ward) &&
           (p->sex == IOC_ANY || b->sex[i] == p->sex) && b->age[i] >= p->age_from &&
           b->age[i] <= p->age_to;
}

static void count_in_period(Pass *p, const FactBlock *b, size_t i) {
    bool inpatient = b->flags[i] & FACT_INPATIENT;
    Group *f = &p->facilities[b->facility[i]];
    f->visits++;
    f->inpatients += inpatient;
    f->cost += b->cost[i];
    f->insurance += b->insurance[i];
    p->icd_now[b->icd[i]]++;
    p->ward_now[b->ward[i]]++;
    if (b->sex[i] >= 1 && b->sex[i] <= 2 && b->age[i] != AGE_UNKNOWN) {
        p->pyramid[b->sex[i] - 1][MIN(b->age[i] / 5, AGE_BANDS - 1)]++;
    }
}

static void count_row(Pass *p, const FactBlock *b, size_t i) {
    int32_t day = b->day[i];
    DayCounts *d = &p->days[day];
    d->visits++;
    d->inpatients += (b->flags[i] & FACT_INPATIENT) != 0;
    d->notifiable += (b->flags[i] & FACT_NOTIFIABLE) != 0;
    d->cost += b->cost[i];
    d->insurance += b->insurance[i];
    if (day > p->to) {
        return;
    }
    int32_t weeks_back = (p->to - day) / WEEK;
    if (weeks_back < SPARK_WEEKS) {
        p->facilities[b->facility[i]].spark[SPARK_WEEKS - 1 - weeks_back]++;
    }
    if (day >= p->from) {
        count_in_period(p, b, i);
    } else if (day >= p->previous_from) {
        p->facilities[b->facility[i]].previous++;
        p->icd_before[b->icd[i]]++;
        p->ward_before[b->ward[i]]++;
    }
}

static void run_pass(Pass *p) {
    const Ioc *ioc = p->ioc;
    for (uint64_t row = 0; row < ioc->n_rows; row += BLOCK_ROWS) {
        const FactBlock *b = ioc->blocks[row / BLOCK_ROWS];
        size_t n = (size_t)MIN(ioc->n_rows - row, (uint64_t)BLOCK_ROWS);
        for (size_t i = 0; i < n; i++) {
            if (passes(p, b, i)) {
                count_row(p, b, i);
            }
        }
    }
}

/* ---- printing ---- */

static void put_u64(JsonWriter *w, uint64_t v) {
    json_put_i64(w, (int64_t)MIN(v, (uint64_t)INT64_MAX));
}
#define MEMBER_U64(w, name, v)                                                                     \
    do {                                                                                           \
        json_name((w), name);                                                                      \
        put_u64((w), (v));                                                                         \
    } while (0)

static void put_date(JsonWriter *w, int32_t day) {
    CLEANUP_BUF Buf text;
    buf_init(&text, 32);
    time_put_days(&text, day + DAY_ZERO);
    json_put_str(w, buf_str(&text));
}

typedef enum Figure { FIG_VISITS, FIG_INPATIENTS, FIG_COST, FIG_INSURANCE, FIG_NOTIFIABLE } Figure;

static uint64_t figure_of(const DayCounts *d, Figure f) {
    switch (f) {
    case FIG_VISITS:
        return d->visits;
    case FIG_INPATIENTS:
        return d->inpatients;
    case FIG_COST:
        return d->cost;
    case FIG_INSURANCE:
        return d->insurance;
    case FIG_NOTIFIABLE:
        return d->notifiable;
    }
    return 0;
}

static uint64_t sum_days(const Pass *p, Figure f, int32_t from, int32_t to) {
    uint64_t sum = 0;
    for (int32_t day = MAX(from, 0); day <= MIN(to, DAYS_MAX - 1); day++) {
        sum += figure_of(&p->days[day], f);
    }
    return sum;
}

static void put_figure(JsonWriter *w, const Pass *p, Figure f, Str id) {
    json_open_object(w);
    json_member(w, "id", id);
    MEMBER_U64(w, "value", sum_days(p, f, p->from, p->to));
    MEMBER_U64(w, "last_week", sum_days(p, f, p->from - WEEK, p->to - WEEK));
    MEMBER_U64(w, "last_year", sum_days(p, f, p->from - YEAR, p->to - YEAR));
    json_name(w, "spark");
    json_open_array(w);
    for (int32_t day = p->to - SPARK_DAYS + 1; day <= p->to; day++) {
        put_u64(w, sum_days(p, f, day, day));
    }
    json_close_array(w);
    json_close_object(w);
}

static void put_figures(JsonWriter *w, const Pass *p) {
    json_name(w, "figures");
    json_open_array(w);
    put_figure(w, p, FIG_VISITS, STR("visits"));
    put_figure(w, p, FIG_INPATIENTS, STR("inpatients"));
    put_figure(w, p, FIG_COST, STR("cost"));
    put_figure(w, p, FIG_INSURANCE, STR("insurance_paid"));
    put_figure(w, p, FIG_NOTIFIABLE, STR("notifiable"));
    json_close_array(w);
}

static void put_days(JsonWriter *w, const Pass *p) {
    json_name(w, "days");
    json_open_array(w);
    for (int32_t day = MAX(p->from, 0); day <= MIN(p->to, DAYS_MAX - 1); day++) {
        json_open_object(w);
        json_name(w, "d");
        put_date(w, day);
        MEMBER_U64(w, "visits", p->days[day].visits);
        MEMBER_U64(w, "inpatients", p->days[day].inpatients);
        MEMBER_U64(w, "cost", p->days[day].cost);
        json_close_object(w);
    }
    json_close_array(w);
}

/* Monday of the ISO week that the day lies in; 2000-01-01 was a Saturday. */
static int32_t monday(int32_t day) {
    return day - (day + 5) % WEEK;
}

static void put_week(JsonWriter *w, int32_t monday_day) {
    int year = 0;
    int week = 0;
    char text[32];
    time_iso_week(monday_day + DAY_ZERO, &year, &week);
    int n = snprintf(text, sizeof(text), "%04d-W%02d", year, week);
    json_put_str(w, (Str){text, (size_t)n});
}

/* The same week of the years before and two on either side (the reference window of Farrington et
 * al., 1996): mean and two standard deviations, where there are two whole years. The alarm follows
 * from the numbers that are told: above the band, and by enough visits to mean something. */
static void put_expected(JsonWriter *w, const Pass *p, int32_t monday_day, int32_t first_day,
                         uint64_t visits) {
    double values[64];
    size_t n = 0;
    size_t years = 0;
    for (int32_t year = monday_day - YEAR; year >= first_day; year -= YEAR) {
        bool whole = true;
        for (int32_t k = -BAND_WEEKS; k <= BAND_WEEKS && n < ARRAY_LEN(values); k++) {
            int32_t from = year + k * WEEK;
            if (from < first_day) {
                whole = false;
                continue;
            }
            values[n++] = (double)sum_days(p, FIG_VISITS, from, from + WEEK - 1);
        }
        years += whole;
    }
    if (years < 2) {
        return;
    }
    double mean = 0;
    double spread = 0;
    for (size_t i = 0; i < n; i++) {
        mean += values[i];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        spread += (values[i] - mean) * (values[i] - mean);
    }
    spread = 2 * sqrt(spread / (double)(n - 1));
    uint64_t expected = (uint64_t)(mean + 0.5);
    uint64_t high = (uint64_t)(mean + spread);
    MEMBER_U64(w, "low", (uint64_t)MAX(mean - spread, 0.0));
    MEMBER_U64(w, "expected", expected);
    MEMBER_U64(w, "high", high);
    json_name(w, "alarm");
    json_put_bool(w, visits > high && visits >= expected + ALARM_EXCESS);
}

static void put_weeks(JsonWriter *w, const Pass *p) {
    int32_t first_day = 0;
    while (first_day < DAYS_MAX && p->ioc->live_by_day[first_day] == 0) {
        first_day++;
    }
    json_name(w, "weeks");
    json_open_array(w);
    for (int32_t k = CURVE_WEEKS - 1; k >= 0; k--) {
        int32_t from = monday(p->to) - k * WEEK;
        uint64_t visits = sum_days(p, FIG_VISITS, from, from + WEEK - 1);
        json_open_object(w);
        json_name(w, "w");
        put_week(w, from);
        json_name(w, "d");
        put_date(w, from);
        MEMBER_U64(w, "visits", visits);
        put_expected(w, p, from, first_day, visits);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_diagnosis(JsonWriter *w, const Pass *p, uint32_t icd) {
    Str code = str_from(p->ioc->icds.codes[icd]);
    const VnIcd10 *entry = vn_icd10(code);
    json_open_object(w);
    json_member(w, "code", code);
    json_member(w, "name", entry == NULL ? code : entry->name_vi);
    json_member(w, "name_en", entry == NULL ? code : entry->name_en);
    MEMBER_U64(w, "visits", p->icd_now[icd]);
    MEMBER_U64(w, "previous", p->icd_before[icd]);
    json_close_object(w);
}

static void put_diagnoses(JsonWriter *w, Pass *p, unsigned top) {
    json_name(w, "diagnoses");
    json_open_array(w);
    uint8_t *shown = p->icd_ok; /* not needed any more */
    memset(shown, 0, p->ioc->icds.n);
    for (unsigned k = 0; k < top; k++) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < p->ioc->icds.n; i++) {
            if (!shown[i] && p->icd_now[i] > (best == 0 ? 0 : p->icd_now[best])) {
                best = i;
            }
        }
        if (best == 0) {
            break;
        }
        shown[best] = 1;
        put_diagnosis(w, p, best);
    }
    json_close_array(w);
}

static void put_facilities(JsonWriter *w, const Pass *p, Arena *arena, IocNameFn name_of,
                           void *ctx) {
    json_name(w, "facilities");
    json_open_array(w);
    unsigned shown = 0;
    for (uint32_t i = 1; i < p->ioc->facilities.n && shown < FACILITIES_SHOWN; i++) {
        const Group *g = &p->facilities[i];
        if (g->visits + g->previous == 0) {
            continue;
        }
        shown++;
        Str code = str_from(p->ioc->facilities.codes[i]);
        Str name = name_of == NULL ? STR_EMPTY : name_of(ctx, arena, code);
        json_open_object(w);
        json_member(w, "code", code);
        json_member(w, "name", name.len == 0 ? code : name);
        MEMBER_U64(w, "visits", g->visits);
        MEMBER_U64(w, "inpatients", g->inpatients);
        MEMBER_U64(w, "cost", g->cost);
        MEMBER_U64(w, "insurance_paid", g->insurance);
        MEMBER_U64(w, "previous", g->previous);
        json_name(w, "spark");
        json_open_array(w);
        for (size_t k = 0; k < SPARK_WEEKS; k++) {
            put_u64(w, g->spark[k]);
        }
        json_close_array(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_pyramid(JsonWriter *w, const Pass *p) {
    json_name(w, "pyramid");
    json_open_array(w);
    for (int k = 0; k < AGE_BANDS; k++) {
        char band[16];
        int n = k == AGE_BANDS - 1 ? snprintf(band, sizeof(band), "85+")
                                   : snprintf(band, sizeof(band), "%d-%d", k * 5, k * 5 + 4);
        json_open_object(w);
        json_member(w, "age", ((Str){band, (size_t)n}));
        MEMBER_U64(w, "male", p->pyramid[0][k]);
        MEMBER_U64(w, "female", p->pyramid[1][k]);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_wards(JsonWriter *w, const Pass *p) {
    json_name(w, "wards");
    json_open_array(w);
    size_t n = 0;
    const VnWard *wards = vn_wards(&n);
    for (size_t i = 0; i < n; i++) {
        uint32_t number = codes_find(&p->ioc->wards, wards[i].code);
        json_open_object(w);
        json_member(w, "code", wards[i].code);
        json_member(w, "name", wards[i].name);
        json_member(w, "name_en", wards[i].name_ascii);
        MEMBER_U64(w, "visits", number > CODES_MAX ? 0 : p->ward_now[number]);
        MEMBER_U64(w, "previous", number > CODES_MAX ? 0 : p->ward_before[number]);
        json_name(w, "column");
        json_put_i64(w, wards[i].col);
        json_name(w, "row");
        json_put_i64(w, wards[i].row);
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- the query ---- */

static Str without_dot(Arena *arena, Str code) {
    char *out = arena_alloc(arena, code.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < code.len; i++) {
        if (code.ptr[i] != '.') {
            out[n++] = code.ptr[i];
        }
    }
    return (Str){out == NULL ? "" : out, n};
}

static void choose_icds(Pass *p, Arena *arena, Str prefix) {
    Str wanted = without_dot(arena, prefix);
    for (uint32_t i = 0; i < p->ioc->icds.n; i++) {
        p->icd_ok[i] = prefix.len == 0 ||
                       str_starts(without_dot(arena, str_from(p->ioc->icds.codes[i])), wanted);
    }
}

static uint32_t choose(const Codes *d, Str code) {
    return code.len == 0 ? UINT32_MAX : codes_find(d, code);
}

static ErrCode fill_pass(Pass *p, Ioc *ioc, Arena *arena, const IocQuery *q) {
    *p = (Pass){
        .ioc = ioc,
        .from = q->from_day - DAY_ZERO,
        .to = q->to_day - DAY_ZERO,
        .facility = choose(&ioc->facilities, q->facility),
        .ward = choose(&ioc->wards, q->ward),
        .sex = q->sex,
        .age_from = q->age_from == IOC_ANY ? 0 : q->age_from,
        .age_to = q->age_to == IOC_ANY ? AGE_UNKNOWN : q->age_to,
        .days = arena_new_array(arena, DayCounts, DAYS_MAX),
        .facilities = arena_new_array(arena, Group, ioc->facilities.n),
        .icd_ok = arena_new_array(arena, uint8_t, ioc->icds.n),
        .icd_now = arena_new_array(arena, uint32_t, ioc->icds.n),
        .icd_before = arena_new_array(arena, uint32_t, ioc->icds.n),
        .ward_now = arena_new_array(arena, uint32_t, ioc->wards.n),
        .ward_before = arena_new_array(arena, uint32_t, ioc->wards.n),
    };
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    if (p->from > p->to || p->from < 0 || p->to >= DAYS_MAX) {
        return ERR_PARAM;
    }
    p->previous_from = p->from - (p->to - p->from + 1);
    choose_icds(p, arena, q->icd);
    return ERR_OK;
}

ErrCode ioc_ops(Ioc *ioc, Arena *arena, const IocQuery *query, IocNameFn name_of, void *name_ctx,
                Buf *out) {
    Pass *p = arena_new_array(arena, Pass, 1);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    rwlock_read(&ioc->lock);
    ErrCode err = fill_pass(p, ioc, arena, query);
    if (err == ERR_OK) {
        run_pass(p);
        /* Members of the caller's object: printed through an object of our own, brackets taken off.
         */
        CLEANUP_BUF Buf own;
        buf_init(&own, out->max);
        JsonWriter w = json_writer(&own);
        json_open_object(&w);
        put_figures(&w, p);
        put_days(&w, p);
        put_weeks(&w, p);
        put_diagnoses(&w, p, query->top);
        put_facilities(&w, p, arena, name_of, name_ctx);
        put_pyramid(&w, p);
        put_wards(&w, p);
        json_close_object(&w);
        err = buf_ok(&own);
        if (err == ERR_OK) {
            buf_put_str(out, str_sub(buf_str(&own), 1, own.len - 2));
        }
    }
    rwlock_unlock(&ioc->lock);
    return err;
}
