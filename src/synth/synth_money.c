#include "core/time.h"
#include "synth/synth_visit_int.h"

/* Decree 73/2024/NĐ-CP: 2,340,000 đ from 01/07/2024; before that 1,800,000 and 1,490,000. */
int64_t base_salary_xu(int32_t day) {
    if (day >= time_days_from_civil(2024, 7, 1)) {
        return INT64_C(234000000);
    }
    return day >= time_days_from_civil(2023, 7, 1) ? INT64_C(180000000) : INT64_C(149000000);
}

/* a·b / by, halves up; all amounts are positive. */
static int64_t share(int64_t a, int64_t b, int64_t by) {
    __extension__ typedef __int128 Wide;
    return (int64_t)(((Wide)a * b * 2 + by) / (2 * by));
}

/* Thousandths times thousandths to hundredths. */
static int64_t amount(int64_t quantity_milli, int64_t price_milli, int percent) {
    return share(quantity_milli * price_milli, percent, 1000000);
}

int64_t service_price(const Facility *f, const Service *s) {
    static const int percent[128] = {['c'] = 106, ['p'] = 100, ['d'] = 94, ['s'] = 82, ['v'] = 94};
    int64_t price = s->price_milli;
    if (s->group != 10) {
        price = price * percent[(unsigned char)f->level & 127] / 100;
        price -= price % 100000;
    }
    return MAX(price, 100000);
}

/* Private places ask for more than the fund pays. */
static void set_price(const Visit *v, ServiceLine *line) {
    line->price_bh_milli = service_price(v->facility, line->service);
    line->price_bv_milli = line->price_bh_milli;
    if (v->facility->level == 'v' && line->service->group != 10) {
        line->price_bv_milli = line->price_bh_milli * 13 / 10;
    }
}

static void gross(Visit *v) {
    bool insured = (v->person->flags & PERSON_INSURED) != 0;
    for (int i = 0; i < v->n_drugs; i++) {
        DrugLine *line = &v->drugs[i];
        int64_t price = line->drug->price_milli;
        line->money = (Money){.bv = amount(line->quantity_milli, price, 100)};
        line->money.bh = insured ? amount(line->quantity_milli, price, line->drug->ratio) : 0;
    }
    for (int i = 0; i < v->n_services; i++) {
        ServiceLine *line = &v->services[i];
        set_price(v, line);
        line->money = (Money){0};
        line->money.bv = amount(line->quantity_milli, line->price_bv_milli, line->ratio_dv);
        if (insured) {
            line->money.bh = amount(line->quantity_milli, line->price_bh_milli, line->ratio_dv);
        }
    }
}

/* MUC_HUONG: the card's percent; 40 % of it for an unreferred stay at the central hospital; 100 for
 * stations, exempted citizens, children under six and small bills on the network. */
static int level_percent(const Visit *v, int64_t total_bh) {
    if ((v->person->flags & PERSON_INSURED) == 0) {
        return 0;
    }
    int percent = person_age(v->person, v->plan->day) < 6 ? 100 : cards[v->person->card].percent;
    if (str_eq(v->object, STR("3.1"))) {
        return percent * 40 / 100;
    }
    bool small = total_bh * 100 < base_salary_xu((int32_t)(v->out / 1440)) * 15;
    bool exempt = (v->person->flags & PERSON_EXEMPT) != 0;
    return v->facility->level == 's' || small || exempt ? 100 : percent;
}

/* Section 1.6: BHTT = BH·level, BNCCT = BH−BHTT, BNTT = BV−BH; a gift to the patient is taken from
 * BNTT first, then BNCCT, then BHTT. */
static void split(Money *m, int percent, int64_t gift) {
    m->bhtt = share(m->bh, percent, 100);
    m->bncct = m->bh - m->bhtt;
    m->bntt = m->bv - m->bh;
    int64_t *const from[3] = {&m->bntt, &m->bncct, &m->bhtt};
    m->other = 0;
    for (int i = 0; i < 3 && gift > 0; i++) {
        int64_t part = MIN(gift, *from[i]);
        *from[i] -= part;
        m->other += part;
        gift -= part;
    }
}

static void add(Money *sum, const Money *m) {
    sum->bv += m->bv;
    sum->bh += m->bh;
    sum->bhtt += m->bhtt;
    sum->bncct += m->bncct;
    sum->bntt += m->bntt;
    sum->other += m->other;
}

/* One stay in 64 of those who pay themselves is helped by a gift for its dearest service. */
static int gift_line(const Visit *v) {
    if (v->admitted == 0 || (v->plan->person * 31 + v->plan->number) % 64 != 0) {
        return -1;
    }
    int best = 0;
    for (int i = 1; i < v->n_services; i++) {
        best = v->services[i].money.bv > v->services[best].money.bv ? i : best;
    }
    return best;
}

void visit_money(Visit *v) {
    gross(v);
    int64_t total_bh = 0;
    for (int i = 0; i < v->n_drugs; i++) {
        total_bh += v->drugs[i].money.bh;
    }
    for (int i = 0; i < v->n_services; i++) {
        total_bh += v->services[i].money.bh;
    }
    v->level_percent = level_percent(v, total_bh);
    v->total = v->drugs_total = v->supplies_total = (Money){0};
    for (int i = 0; i < v->n_drugs; i++) {
        split(&v->drugs[i].money, v->level_percent, 0);
        add(&v->drugs_total, &v->drugs[i].money);
    }
    add(&v->total, &v->drugs_total);
    int gift = gift_line(v);
    for (int i = 0; i < v->n_services; i++) {
        ServiceLine *line = &v->services[i];
        split(&line->money, v->level_percent, i == gift ? 20000000 : 0);
        add(&v->total, &line->money);
        if (line->service->group == 10) {
            add(&v->supplies_total, &line->money);
        }
    }
}
