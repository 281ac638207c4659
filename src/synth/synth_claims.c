#include "core/time.h"
#include "synth/synth_int.h"

const char *const defect_names[DEFECT_KINDS] = {
    [DEFECT_NONE] = "none",     [DEFECT_REQUIRED] = "required", [DEFECT_DATE] = "date",
    [DEFECT_BASE64] = "base64", [DEFECT_TABLE] = "table",       [DEFECT_XML] = "xml",
};

static void put_text(char **at, const char *text) {
    while (*text != 0) {
        *(*at)++ = *text++;
    }
}

static void put_digits(char **at, uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--) {
        (*at)[i] = (char)('0' + value % 10);
        value /= 10;
    }
    *at += digits;
}

size_t visit_link(const World *w, const PlanVisit *plan, char *ret_text) {
    char *at = ret_text;
    int y;
    int m;
    int d;
    time_civil_from_days(plan->day, &y, &m, &d);
    put_text(&at, w->facilities[plan->facility].code);
    *at++ = '.';
    put_digits(&at, (uint64_t)(y % 100 * 10000 + m * 100 + d), 6);
    *at++ = '.';
    put_digits(&at, plan->person + 1, 7);
    *at++ = '.';
    put_digits(&at, plan->number, 4);
    return (size_t)(at - ret_text);
}

size_t file_name(const World *w, const PlanFile *f, char *ret_text) {
    char *at = ret_text;
    int y;
    int m;
    int d;
    time_civil_from_days(f->day, &y, &m, &d);
    put_digits(&at, (uint64_t)y, 4);
    *at++ = '/';
    put_digits(&at, (uint64_t)m, 2);
    *at++ = '/';
    put_digits(&at, (uint64_t)(y * 10000 + m * 100 + d), 8);
    *at++ = '-';
    put_text(&at, w->facilities[w->claims[f->first].facility].code);
    *at++ = '-';
    put_digits(&at, f->part, 3);
    put_text(&at, w->o.format == SYNTH_GZIP ? ".xml.gz" : ".xml");
    return (size_t)(at - ret_text);
}

bool plan_drugs_only(const World *w, const PlanVisit *plan) {
    uint64_t mixed = ((uint64_t)plan->person << 16 | plan->number) * UINT64_C(0x9E3779B97F4A7C15);
    return plan->kind == VISIT_CHRONIC && plan->day + PLAN_DRUG_DAYS_MAX <= w->to &&
           (mixed >> 32) % 100 < 48;
}

/* Only plain outpatient visits are broken on purpose: the counts of diseases, births and stays in
 * truth.json hold for every reader. */
static bool may_break(const World *w, const PlanVisit *v) {
    return v->kind == VISIT_ACUTE && v->flags == 0 &&
           w->content->conditions[v->condition].disease < 0;
}

/* The claim of a visit and perhaps its second sending. */
static size_t send(const World *w, uint32_t visit, PlanClaim *ret_claims) {
    const PlanVisit *v = &w->visits[visit];
    Random r;
    world_random(w, &r, STREAM_CLAIM, ((uint64_t)v->person << 16) + v->number);
    int32_t out = v->day + (plan_drugs_only(w, v) ? PLAN_DRUG_DAYS_MAX : v->los);
    PlanClaim *first = &ret_claims[0];
    *first = (PlanClaim){.visit = visit, .sent = out, .facility = v->facility, .current = 1};
    uint64_t draw = random_below(&r, 1000);
    int32_t later = out + 2 + (int32_t)random_below(&r, 38);
    uint64_t what = random_below(&r, 1000);
    if (draw < w->o.errors_per_mille && may_break(w, v)) {
        first->defect = (uint8_t)(1 + what % (DEFECT_KINDS - 1));
    } else if (draw >= 1000 - w->o.resends_per_mille && later <= w->to) {
        first->current = 0;
        ret_claims[1] = *first;
        ret_claims[1].sent = later;
        ret_claims[1].current = 1;
        ret_claims[1].correction = (uint8_t)(what < 300   ? CORRECTION_IDENTICAL
                                             : what < 550 ? CORRECTION_RESULT
                                             : what < 800 ? CORRECTION_DRUG
                                                          : CORRECTION_OUTCOME);
        return 2;
    } else {
        first->mistake = (uint8_t)mistake_draw(w, v);
    }
    return 1;
}

typedef struct Order {
    int32_t from;
    uint32_t days;
} Order;

static int by_file(const void *a, const void *b, void *order) {
    const PlanClaim *x = a;
    const PlanClaim *y = b;
    const Order *o = order;
    uint32_t px = (uint32_t)(x->sent - o->from) / o->days;
    uint32_t py = (uint32_t)(y->sent - o->from) / o->days;
    if (px != py) {
        return px < py ? -1 : 1;
    }
    if (x->facility != y->facility) {
        return x->facility < y->facility ? -1 : 1;
    }
    if (x->sent != y->sent) {
        return x->sent < y->sent ? -1 : 1;
    }
    return x->visit < y->visit ? -1 : x->visit > y->visit;
}

static uint32_t days_per_file(const World *w) {
    if (w->o.days_per_file != 0) {
        return w->o.days_per_file;
    }
    uint64_t days = (uint64_t)(w->to - w->from + 1);
    uint64_t lots = days * w->n_facilities;
    return w->n_claims >= 20 * lots ? 1 : w->n_claims >= 2 * lots ? 7 : 30;
}

static ErrCode cut_files(World *w, uint32_t days) {
    w->files = calloc(w->n_claims + 1, sizeof *w->files);
    if (w->files == NULL) {
        return ERR_NOMEM;
    }
    PlanFile *f = NULL;
    uint32_t period = 0;
    for (uint32_t i = 0; i < w->n_claims; i++) {
        const PlanClaim *c = &w->claims[i];
        uint32_t p = (uint32_t)(c->sent - w->from) / days;
        bool same = f != NULL && p == period && w->claims[f->first].facility == c->facility;
        if (!same || f->count == w->o.claims_per_file) {
            uint16_t part = same ? (uint16_t)(f->part + 1) : 1;
            f = &w->files[w->n_files++];
            int32_t last = MIN(w->to, w->from + (int32_t)((p + 1) * days) - 1);
            *f = (PlanFile){.first = i, .day = last, .part = part};
            period = p;
        }
        f->count++;
    }
    return ERR_OK;
}

ErrCode world_claims(World *w) {
    w->claims = calloc(w->n_visits * 2 + 1, sizeof *w->claims);
    if (w->claims == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < w->n_visits; i++) {
        w->n_claims += send(w, i, &w->claims[w->n_claims]);
    }
    Order order = {w->from, days_per_file(w)};
    qsort_r(w->claims, w->n_claims, sizeof *w->claims, by_file, &order);
    return cut_files(w, order.days);
}

void world_release(World *w) {
    arena_free(w->arena);
    free(w->facilities);
    free(w->people);
    free(w->twins);
    free(w->visits);
    free(w->claims);
    free(w->files);
    *w = (World){0};
}
