#include "core/time.h"
#include "synth/synth_row_int.h"

static Str taken(Row *r, char *from) {
    assert(r->at <= r->scratch + ROW_SCRATCH);
    return (Str){from, (size_t)(r->at - from)};
}

Str row_u64(Row *r, uint64_t value) {
    char text[20];
    int n = 0;
    do {
        text[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    char *from = r->at;
    while (n > 0) {
        *r->at++ = text[--n];
    }
    return taken(r, from);
}

static void digits(Row *r, uint64_t value, int n) {
    for (int i = n - 1; i >= 0; i--) {
        r->at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    r->at += n;
}

Str row_padded(Row *r, uint64_t value, int n) {
    char *from = r->at;
    digits(r, value, n);
    return taken(r, from);
}

Str row_decimal(Row *r, int64_t value, int decimals) {
    static const uint64_t scale[4] = {1, 10, 100, 1000};
    assert(decimals >= 0 && decimals <= 3);
    char *from = r->at;
    if (value < 0) {
        *r->at++ = '-';
    }
    uint64_t positive = (uint64_t)(value < 0 ? -value : value);
    (void)row_u64(r, positive / scale[decimals]);
    if (decimals > 0) {
        *r->at++ = '.';
        digits(r, positive % scale[decimals], decimals);
    }
    return taken(r, from);
}

Str row_money(Row *r, int64_t xu) {
    return row_decimal(r, xu, 2);
}

static void put_day(Row *r, int64_t day) {
    if (day != r->day || r->day_text[0] == 0) {
        int y;
        int m;
        int d;
        time_civil_from_days(day, &y, &m, &d);
        char *from = r->at;
        digits(r, (uint64_t)(y * 10000 + m * 100 + d), 8);
        memcpy(r->day_text, from, 8);
        r->at = from;
        r->day = day;
    }
    memcpy(r->at, r->day_text, 8);
    r->at += 8;
}

Str row_date(Row *r, int64_t day) {
    char *from = r->at;
    put_day(r, day);
    return taken(r, from);
}

Str row_time(Row *r, int64_t minute) {
    char *from = r->at;
    put_day(r, minute / 1440);
    unsigned of_day = (unsigned)(minute % 1440);
    digits(r, of_day / 60 * 100 + of_day % 60, 4);
    return taken(r, from);
}

Str row_join(Row *r, const Str *parts, size_t n) {
    char *from = r->at;
    for (size_t i = 0; i < n; i++) {
        assert(r->at + parts[i].len < r->scratch + ROW_SCRATCH);
        memcpy(r->at, parts[i].ptr, parts[i].len);
        r->at += parts[i].len;
    }
    return taken(r, from);
}

Str row_doctor(Row *r, const Visit *v, int doctor) {
    Str number = row_padded(r, (uint64_t)v->plan->facility * 1000 + (uint64_t)doctor + 1, 6);
    (void)ROW_JOIN(r, STR("/MP-CCHN"));
    return (Str){number.ptr, number.len + 8};
}

static Str full_name(Row *r, const Visit *v, const uint8_t parts[3], int sex) {
    const NameList *n = v->w->content->names;
    const Name *names[3] = {
        &n[NAMES_FAMILY].names[parts[0]],
        &n[sex == 1 ? NAMES_MIDDLE_M : NAMES_MIDDLE_F].names[parts[1]],
        &n[sex == 1 ? NAMES_GIVEN_M : NAMES_GIVEN_F].names[parts[2]],
    };
    bool upper = v->facility->upper;
    return ROW_JOIN(r, upper ? names[0]->upper : names[0]->title, STR(" "),
                    upper ? names[1]->upper : names[1]->title, STR(" "),
                    upper ? names[2]->upper : names[2]->title);
}

Str row_name(Row *r, const Visit *v, const Person *p) {
    return full_name(r, v, (const uint8_t[3]){p->family, p->middle, p->given}, p->sex);
}

/* A doctor's name follows from the number: always the same for one certificate. */
Str row_doctor_name(Row *r, const Visit *v, int doctor) {
    Random random;
    world_random(v->w, &random, STREAM_FACILITY,
                 (uint64_t)v->plan->facility * 1000 + (uint64_t)doctor + 1);
    const NameList *n = v->w->content->names;
    int sex = random_chance(&random, 0.55) ? 1 : 2;
    uint8_t parts[3];
    parts[0] = (uint8_t)random_pick_weighted(&random, n[NAMES_FAMILY].old_sums, n[NAMES_FAMILY].n);
    const NameList *middle = &n[sex == 1 ? NAMES_MIDDLE_M : NAMES_MIDDLE_F];
    const NameList *given = &n[sex == 1 ? NAMES_GIVEN_M : NAMES_GIVEN_F];
    parts[1] = (uint8_t)random_pick_weighted(&random, middle->old_sums, middle->n);
    parts[2] = (uint8_t)random_pick_weighted(&random, given->old_sums, given->n);
    return full_name(r, v, parts, sex);
}

/* 999 or 998, century and sex, year, six digits of the citizen: unique and nobody's. */
Str row_number(Row *r, const World *w, uint32_t person) {
    const Person *p = &w->people[person];
    int y;
    int m;
    int d;
    time_civil_from_days(p->birth, &y, &m, &d);
    char *from = r->at;
    digits(r, person < 1000000 ? 999 : 998, 3);
    digits(r, (uint64_t)((y - 1900) / 100 * 2 + p->sex - 1), 1);
    digits(r, (uint64_t)(y % 100), 2);
    digits(r, person % 1000000, 6);
    return taken(r, from);
}

Str row_insurance(Row *r, uint32_t person) {
    return row_padded(r, UINT64_C(9900000000) + person, 10);
}

/* Object letters, benefit digit, province 99 (which does not exist), number. A child under six has
 * its own kind of card. */
static Str card(Row *r, const Visit *v) {
    if ((v->person->flags & PERSON_INSURED) == 0) {
        return STR_EMPTY;
    }
    const Card *c = &cards[person_age(v->person, v->plan->day) < 6 ? 0 : v->person->card];
    char *from = r->at;
    (void)ROW_JOIN(r, c->object);
    digits(r, (uint64_t)c->digit, 1);
    digits(r, 99, 2);
    (void)row_insurance(r, v->plan->person);
    return taken(r, from);
}

static Str expiry(Row *r, const Visit *v) {
    if ((v->person->flags & PERSON_INSURED) == 0) {
        return STR_EMPTY;
    }
    int y;
    int m;
    int d;
    if (person_age(v->person, v->plan->day) < 6) {
        time_civil_from_days(v->person->birth, &y, &m, &d);
        int64_t sixth = time_days_from_civil(y + 6, m, MIN(d, 28));
        if (sixth >= v->out / 1440) {
            return row_date(r, sixth);
        }
    }
    time_civil_from_days(v->out / 1440, &y, &m, &d); /* renewed while the stay lasted */
    return row_date(r, time_days_from_civil(y, 12, 31));
}

Str row_department(const Visit *v) {
    if (v->admitted == 0) {
        return STR("K01");
    }
    bool outpatient = str_eq(v->condition->dept, STR("K01"));
    bool child = person_age(v->person, v->plan->day) < 15;
    return !outpatient ? v->condition->dept : child ? STR("K18") : STR("K03");
}

Str row_tender(Row *r, Str prefix, int64_t ordered) {
    int y;
    int m;
    int d;
    time_civil_from_days(ordered / 1440, &y, &m, &d);
    Str year = row_u64(r, (uint64_t)y - 1);
    return ROW_JOIN(r, prefix, year);
}

static Str joined_others(Row *r, const Visit *v) {
    char *from = r->at;
    for (int i = 0; i < v->n_others; i++) {
        (void)ROW_JOIN(r, i == 0 ? STR_EMPTY : STR(";"), v->others[i]);
    }
    return taken(r, from);
}

uint64_t local_number(uint32_t person, uint16_t facility) {
    return ((uint64_t)person * 7919 + facility * UINT64_C(104729)) % UINT64_C(99999989);
}

void row_begin(Row *r, const Visit *v) {
    r->at = r->scratch;
    char *from = r->at;
    r->at += visit_link(v->w, v->plan, r->at);
    r->link = taken(r, from);
    r->name = row_name(r, v, v->person);
    r->card = card(r, v);
    r->expiry = expiry(r, v);
    int64_t newborn = v->plan->day - v->person->birth <= 28 ? v->plan->person % 1440 : 0;
    r->birth = row_time(r, (int64_t)v->person->birth * 1440 + newborn);
    r->in = row_time(r, v->in);
    r->admitted = v->admitted == 0 ? STR_EMPTY : row_time(r, v->admitted);
    r->out = row_time(r, v->out);
    const VnWard *ward = person_ward(v->w, v->person);
    Str group = row_u64(r, v->person->household % 24 + 1);
    r->address = ROW_JOIN(r, STR("Tổ "), group, STR(", "), ward->full_name, STR(", thành phố Huế"));
    r->number = (v->person->flags & PERSON_HAS_NUMBER) != 0 ? row_number(r, v->w, v->plan->person)
                                                            : STR_EMPTY;
    r->sex = v->person->sex == 1 ? STR("1") : STR("2");
    r->ward = ward->code;
    r->phone = STR_EMPTY;
    if (v->person->job != 0) {
        Str tail = row_padded(r, v->plan->person % 1000000, 6);
        r->phone = ROW_JOIN(r, STR("0000"), tail);
    }
    r->others = joined_others(r, v);
    r->director = row_padded(r, UINT64_C(9970000000) + v->plan->facility, 10);
    r->main_doctor = row_doctor(r, v, v->doctor);
    Str digits8 = row_padded(r, local_number(v->plan->person, v->plan->facility), 8);
    r->record = ROW_JOIN(r, STR("MP"), digits8);
}

void row_who(Row *r, const SynthRecord *who) {
    if (who == NULL) {
        return;
    }
    Str clock = str_sub(r->birth, 8, 4);
    Str b = who->birth;
    r->name = who->name;
    r->birth = b.len == 4
                   ? ROW_JOIN(r, b, STR("00000000"))
                   : ROW_JOIN(r, str_sub(b, 0, 4), str_sub(b, 5, 2), str_sub(b, 8, 2), clock);
    r->sex = str_eq(who->sex, STR("male")) ? STR("1") : STR("2");
    r->number = who->cccd.len > 0 ? who->cccd : who->paper;
    r->card = who->card;
    r->phone = who->phone;
    if (!str_eq(who->commune, r->ward)) {
        r->ward = who->commune;
        r->address = ROW_JOIN(r, vn_ward(who->commune)->full_name, STR(", thành phố Huế"));
    }
}
