/* synth_int.h — private to src/synth: the people, the facilities and the plan of visits, claims and
 * files. Days count since 1970. Ownership: the World owns everything; it is read-only once planned,
 * so threads share it. */
#ifndef NHIP_SYNTH_SYNTH_INT_H
#define NHIP_SYNTH_SYNTH_INT_H

#include "core/random.h"
#include "synth/synth.h"
#include "synth/synth_content_int.h"

enum {
    PERSON_INSURED = 1,
    PERSON_HAS_NUMBER = 2, /* has a citizen number in the claims */
    PERSON_MANAGED = 4,    /* in a chronic-care programme */
    PERSON_EXEMPT = 8,     /* five years insured, no co-payment */
    PERSON_COUPLE = 16,
};

typedef struct Person {
    int32_t birth;
    int32_t death;                      /* day, INT32_MAX while alive */
    uint32_t household, mother, father; /* indexes of persons or SYNTH_NONE */
    uint16_t chronic;                   /* bit per chronic condition */
    uint16_t home;                      /* facility of registration */
    uint8_t ward, sex, family, middle, given, card, ethnic, job, weight_kg, flags;
} Person;

typedef struct Facility {
    char code[6];
    Str name;
    Str only; /* departments of a specialised hospital */
    const Commune *commune;
    char level;    /* c, p, d, s, v */
    uint8_t style; /* how it writes empty elements: ClaimStyle */
    bool upper;    /* names in capitals */
    uint32_t weight, beds, doctors;
} Facility;

typedef enum VisitKind {
    VISIT_ACUTE,
    VISIT_CHRONIC,
    VISIT_BIRTH,
    VISIT_REFERRED,
    VISIT_OUTBREAK
} VisitKind;

enum {
    PLAN_ADMITTED = 1,
    PLAN_TRANSFERRED = 2,
    PLAN_DIED = 4,
    PLAN_EMERGENCY = 8,
    PLAN_DROPPED = 16,
    PLAN_DRUG_DAYS_MAX = 30
};

/* One visit before its content is made. */
typedef struct PlanVisit {
    uint32_t person;
    uint32_t child; /* births: the new citizen */
    int32_t day;
    uint16_t number; /* of this citizen's visits, from 0 */
    uint16_t condition, facility;
    uint16_t other_facility; /* referred from (VISIT_REFERRED) or transferred to; UINT16_MAX none */
    uint8_t kind, flags, los; /* los: days from arrival to leaving */
    int8_t outbreak;
} PlanVisit;

typedef enum DefectKind {
    DEFECT_NONE,
    DEFECT_REQUIRED, /* XML1 without MA_BENH_CHINH */
    DEFECT_DATE,     /* XML1 with an impossible NGAY_VAO */
    DEFECT_BASE64,   /* XML1's NOIDUNGFILE is no base64 */
    DEFECT_TABLE,    /* a table that does not exist */
    DEFECT_XML,      /* XML1 cut in the middle */
    DEFECT_KINDS
} DefectKind;
extern const char *const defect_names[DEFECT_KINDS];

typedef enum Correction {
    CORRECTION_NONE,
    CORRECTION_IDENTICAL, /* the same bytes again */
    CORRECTION_RESULT,    /* the first numeric result was wrong */
    CORRECTION_DRUG,      /* the last drug line is taken back */
    CORRECTION_OUTCOME,   /* KET_QUA_DTRI */
    CORRECTION_KINDS
} Correction;

/* One claim in one file. */
typedef struct PlanClaim {
    uint32_t visit;
    int32_t sent; /* day */
    uint16_t facility;
    uint8_t defect, correction, mistake;
    uint8_t current; /* the last version of its visit */
} PlanClaim;

typedef struct PlanFile {
    uint32_t first, count; /* claims */
    int32_t day;           /* of making, the last day in it */
    uint16_t part;         /* from 1 */
} PlanFile;

typedef struct Outbreak {
    int disease;
    uint8_t wards[SYNTH_OUTBREAK_WARDS];
    int n_wards;
    int32_t from, to;                     /* days, both included */
    uint32_t wanted;                      /* cases to plant */
    uint32_t cases[SYNTH_OUTBREAK_WARDS]; /* planted */
} Outbreak;

typedef struct World {
    SynthOptions o;
    Arena *arena; /* names of facilities */
    const Content *content;
    int32_t from, to; /* first and last day of visits */
    Facility *facilities;
    size_t n_facilities;
    Person *people;
    uint32_t *twins; /* of each citizen: SYNTH_NONE, or the elder; NULL: not asked for */
    PlanVisit *visits;
    size_t n_visits, visits_room;
    PlanClaim *claims;
    size_t n_claims;
    PlanFile *files;
    size_t n_files;
    Outbreak outbreaks[SYNTH_OUTBREAKS];
    int chronic[SYNTH_CHRONIC_MAX]; /* conditions behind the bits of Person.chronic */
    size_t n_chronic;
} World;

/* In this order; each fills its part of the World. world_release frees all. */
MUST_USE ErrCode world_facilities(World *w);
MUST_USE ErrCode world_people(World *w);
/* Some brothers and sisters who were born before that day become twins. */
MUST_USE ErrCode world_twins(World *w, int32_t born_before);
MUST_USE ErrCode world_plan(World *w);
MUST_USE ErrCode world_claims(World *w);
void world_release(World *w);

/* Streams of random numbers, one number a purpose. */
enum {
    STREAM_FACILITY = 1,
    STREAM_PEOPLE,
    STREAM_OUTBREAK,
    STREAM_CALENDAR,
    STREAM_CITIZEN,
    STREAM_VISIT,
    STREAM_CLAIM,
    STREAM_MISTAKE,
    STREAM_DESK,
    STREAM_RECORD = 40,
    STREAM_TWIN,
};
void world_random(const World *w, Random *r, int stream, uint64_t item);

/* The planted cases, sorted by person, facility not yet chosen; the caller frees them. */
MUST_USE ErrCode plan_outbreak_cases(World *w, PlanVisit **ret_cases, size_t *ret_count);

int age_band(int years);
static inline int person_age(const Person *p, int32_t day) {
    return (int)((day - p->birth) * 100 / 36525);
}
/* The nearest facility of a level for a commune by weight and distance; falls back to other levels.
 * dept: for hospitals of one speciality. */
uint16_t facility_pick(const World *w, Random *r, char level, int ward, Str dept);
/* The commune's own station, or the nearest facility of the first level. */
uint16_t facility_station(const World *w, int ward);
const VnWard *person_ward(const World *w, const Person *p);

/* Weights of days for ordinary visits (weekday, holiday, Tết), cumulative over from … to. */
void calendar_sums(const World *w, uint32_t *ret_sums);
double calendar_day(const World *w, int32_t day);

/* Cards: object letters and benefit digit. */
typedef struct Card {
    Str object;
    int digit, percent;
} Card;
extern const Card cards[];
extern const size_t n_cards;

/* The mistake that the claim of a visit is to have; 0: none. */
int mistake_draw(const World *w, const PlanVisit *plan);
/* A visit of chronic care that only gives drugs: it ends with their last day (PLAN_DRUG_DAYS_MAX at
 * most), which must lie in the period. */
bool plan_drugs_only(const World *w, const PlanVisit *plan);
/* MA_LK of a visit into text (room for 32), its length. */
size_t visit_link(const World *w, const PlanVisit *plan, char *ret_text);
/* Of the facility's own number of a patient (MA_BN: MP and 8 digits). */
uint64_t local_number(uint32_t person, uint16_t facility);
/* Path of a file below the output folder (room for 64), its length. */
size_t file_name(const World *w, const PlanFile *f, char *ret_text);

/* truth.json of the plan and the sums that the writers counted. */
MUST_USE ErrCode truth_write(const World *w, const SynthReport *report, Buf *out);
/* The facilities as a FHIR transaction of Organizations. */
void facilities_write(const World *w, Buf *out);
/* The catalogues of the province as tables: "catalogues/dich-vu.tsv" … */
MUST_USE ErrCode catalogues_write(const World *w, SynthFileFn on_file, void *ctx);

#endif
