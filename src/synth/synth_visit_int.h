/* synth_visit_int.h — private to src/synth: the content of one visit and the writer of its tables.
 * Money is in xu (hundredths of a đồng), quantities and unit prices in thousandths, times in
 * minutes since 1970 local time. Ownership: a Visit borrows from its World. Threads: one a Visit.
 */
#ifndef NHIP_SYNTH_SYNTH_VISIT_INT_H
#define NHIP_SYNTH_SYNTH_VISIT_INT_H

#include "synth/synth_int.h"

typedef struct Money {
    int64_t bv, bh, bhtt, bncct, bntt, other; /* xu */
} Money;

typedef struct DrugLine {
    const Drug *drug;
    int64_t quantity_milli;
    int days;
    int64_t ordered, done;
    Money money;
} DrugLine;

typedef struct ServiceLine {
    const Service *service;
    int64_t quantity_milli, price_bv_milli, price_bh_milli;
    int ratio_dv; /* TYLE_TT_DV */
    int bed;      /* 0: none */
    int64_t ordered, done, reported;
    Money money;
} ServiceLine;

typedef struct ResultLine {
    const Service *service;
    const Result *result; /* NULL: a report in words */
    int64_t value;        /* scaled by the result's decimals; 0 or 1 for texts */
    int64_t at;
} ResultLine;

/* All that the tables of one claim say. */
typedef struct Visit {
    const World *w;
    const PlanVisit *plan;
    const Person *person;
    const Facility *facility;
    const Condition *condition;
    Str type, object;            /* MA_LOAI_KCB, MA_DOITUONG_KCB */
    int64_t in, admitted, out;   /* minutes; admitted 0 for outpatients */
    int64_t left;                /* when the patient went home: before out where drugs end it */
    int doctor;                  /* number within the facility */
    int level_percent;           /* MUC_HUONG */
    int outcome, leaving;        /* KET_QUA_DTRI, MA_LOAI_RV */
    int drug_days, revisit_days; /* revisit 0: none */
    int sick_days;
    int weight_kg10;
    Str others[SYNTH_OTHERS];
    int n_others;
    DrugLine drugs[SYNTH_DRUG_LINES];
    ServiceLine services[SYNTH_SERVICE_LINES];
    ResultLine results[SYNTH_RESULT_LINES];
    int n_drugs, n_services, n_results, n_notes;
    Money total, drugs_total, supplies_total;
} Visit;

/* The content of a visit, the same at every call. */
void visit_make(const World *w, const PlanVisit *plan, Visit *ret_visit);
/* What a resent claim changes; sums are made anew. */
void visit_correct(Visit *v, Correction correction);
/* Amounts of all lines and the sums, from quantities, prices, ratios, the card (visit_money.c). */
void visit_money(Visit *v);
int64_t base_salary_xu(int32_t day);

/* Writes the tables of one claim as a HOSO element. One writer a thread. */
typedef struct ClaimWriter ClaimWriter;
ClaimWriter *writer_new(const World *w);
void writer_free(ClaimWriter *cw);
void writer_hoso(ClaimWriter *cw, Buf *out, const Visit *v, const PlanClaim *claim);
/* Can the claim of this visit have it? */
bool mistake_fits(int mistake, const Visit *v);

/* What the fund pays that facility: stations are cheaper. Thousandths of a đồng, in whole 100 đ. */
int64_t service_price(const Facility *f, const Service *s);

#endif
