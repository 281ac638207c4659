/* synth_row_int.h — private to the claim writers of src/synth: rows of values, the scratch that
 * formatted numbers live in for one claim, and what several tables say alike. */
#ifndef NHIP_SYNTH_SYNTH_ROW_INT_H
#define NHIP_SYNTH_SYNTH_ROW_INT_H

#include "interop/claim_tables.h"
#include "synth/synth_records.h"
#include "synth/synth_visit_int.h"

enum { ROW_SCRATCH = 128 * 1024, ROW_FIELDS_MAX = 80, ROW_RECORDS_MAX = SYNTH_RESULT_LINES };

/* How a facility's software writes empty elements. */
typedef enum ClaimStyle { STYLE_PAIR, STYLE_SHORT, STYLE_OMIT, STYLE_COUNT } ClaimStyle;

/* One claim being written: its values point into the scratch, the content tables or literals. */
typedef struct Row {
    char *at;    /* in scratch */
    int64_t day; /* whose date stands in day_text; most dates of a claim are alike */
    char day_text[8];
    char scratch[ROW_SCRATCH];
    Str values[ROW_FIELDS_MAX * ROW_RECORDS_MAX];
    Str link, name, card, birth, in, admitted, out, address, number, others, director, main_doctor,
        expiry, record, sex, ward, phone; /* what many tables repeat */
} Row;

/* Each writes into the scratch. */
Str row_u64(Row *r, uint64_t value);
Str row_padded(Row *r, uint64_t value, int digits);
Str row_money(Row *r, int64_t xu);                    /* 1250.00 */
Str row_decimal(Row *r, int64_t value, int decimals); /* 1.250; negative allowed */
Str row_date(Row *r, int64_t day);                    /* yyyyMMdd */
Str row_time(Row *r, int64_t minute);                 /* yyyyMMddHHmm */
Str row_join(Row *r, const Str *parts, size_t n);
#define ROW_JOIN(r, ...)                                                                           \
    row_join((r), (const Str[]){__VA_ARGS__}, sizeof((const Str[]){__VA_ARGS__}) / sizeof(Str))
Str row_doctor(Row *r, const Visit *v, int doctor); /* practice certificate */
Str row_name(Row *r, const Visit *v, const Person *p);
/* The ward of a stay, else the outpatient department. */
Str row_department(const Visit *v);
/* A tender decided in the year before the order. */
Str row_tender(Row *r, Str prefix, int64_t ordered);
Str row_doctor_name(Row *r, const Visit *v, int doctor);
Str row_number(Row *r, const World *w, uint32_t person); /* 999… */
Str row_insurance(Row *r, uint32_t person);              /* BHXH number 99… */

/* … and as a desk has written the patient down; its texts are borrowed. */
void row_who(Row *r, const SynthRecord *who);
/* Makes the mistake in the rows of that table, when it is one of it and the visit can have it. */
void mistake_spoil(int mistake, int table, Row *r, const Visit *v);
void row_begin(Row *r, const Visit *v); /* fills the shared values */

/* Fill r->values for one table; the number of records, 0 when it is not sent. */
size_t row_xml1(Row *r, const Visit *v);
size_t row_xml2(Row *r, const Visit *v);
size_t row_xml3(Row *r, const Visit *v);
size_t row_xml4(Row *r, const Visit *v);
size_t row_xml5(Row *r, const Visit *v);
size_t row_xml7(Row *r, const Visit *v);
size_t row_xml8(Row *r, const Visit *v);
size_t row_xml9(Row *r, const Visit *v);
size_t row_xml11(Row *r, const Visit *v);
size_t row_xml13(Row *r, const Visit *v);
size_t row_xml14(Row *r, const Visit *v);
size_t row_xml15(Row *r, const Visit *v);

#endif
