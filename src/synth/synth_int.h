/* synth_int.h — private to src/synth: the content tables (data/synth), the people, the plan of
 * visits and one visit's content. Money is in xu (hundredths of a đồng), quantities and unit prices
 * in thousandths, times in minutes since 1970 local time, days since 1970.
 * Ownership: World owns everything; it is read-only once planned, so threads share it. */
#ifndef NHIP_SYNTH_SYNTH_INT_H
#define NHIP_SYNTH_SYNTH_INT_H

#include "core/arena.h"
#include "core/random.h"
#include "synth/synth.h"
#include "vn/vn.h"

enum {
    SYNTH_BANDS = 6, /* ages 0–4, 5–14, 15–29, 30–44, 45–59, 60+ */
    SYNTH_ALTERNATIVES = 6,
    SYNTH_CHOICES = 16,
    SYNTH_EFFECTS = 8,
    SYNTH_OTHERS = 4,
    SYNTH_CHRONIC_MAX = 16,
    SYNTH_WARDS_MAX = 64,
    SYNTH_LUNAR_MAX = 32,
    SYNTH_SEASONS_MAX = 16,
    SYNTH_OUTBREAKS = 3,
    SYNTH_OUTBREAK_WARDS = 3,
    SYNTH_DRUG_LINES = 24,
    SYNTH_SERVICE_LINES = 40,
    SYNTH_RESULT_LINES = 64,
    SYNTH_NOTES = 4,
};
#define SYNTH_NONE UINT32_MAX

typedef struct Drug {
    Str key, code, name, strength, unit, form, route, how, registration, dose;
    int64_t price_milli, dose_milli;
    int times, group, ratio;
} Drug;

typedef struct Result {
    Str key, code, name, unit;
    Str texts[4]; /* no and yes, mean is the chance of yes; with more than two: by citizen */
    int service, decimals, n_texts;
    bool by_sex; /* lower in women */
    double mean, deviation;
} Result;

/* Services and supplies share the lines of XML3. */
typedef struct Service {
    Str key, code, name, unit, machine, normal, abnormal;
    int64_t price_milli;
    int group, minutes, ratio;
    int first_result, n_results;
} Service;

/* One token of a list: alternatives and the chance that one of them is taken at all. */
typedef struct Choice {
    uint16_t items[SYNTH_ALTERNATIVES];
    uint8_t n, percent;
} Choice;

typedef struct Effect {
    uint16_t result;
    char op; /* '*' or '+' */
    double value;
} Effect;

typedef struct Condition {
    Str code, dept, reason, name; /* name: the Vietnamese name of the code */
    char kind;                    /* A acute, I injury, C chronic care, B birth */
    char sex, level;              /* m, f, b; lowest level: s station, d district, p provincial */
    uint8_t season;
    uint16_t weights[SYNTH_BANDS];
    int admit, los;
    Choice drugs[SYNTH_CHOICES], services[SYNTH_CHOICES];
    int n_drugs, n_services, n_effects, n_others;
    Effect effects[SYNTH_EFFECTS];
    Str others[SYNTH_OTHERS];
    int disease; /* index into DISEASES, or -1 */
} Condition;

typedef struct Name {
    Str title, upper;
    uint32_t old_weight, young_weight;
} Name;

typedef struct NameList {
    Name *names;
    uint32_t *old_sums, *young_sums; /* cumulative */
    size_t n;
} NameList;

typedef struct Commune {
    const VnWard *ward;
    Str zone; /* K1–K3 or empty */
    uint32_t weight;
} Commune;

typedef struct FacilityRow {
    Str name, ward, only;
    char level;
    uint32_t weight, beds;
} FacilityRow;

enum { NAMES_FAMILY, NAMES_MIDDLE_M, NAMES_MIDDLE_F, NAMES_GIVEN_M, NAMES_GIVEN_F, NAMES_COUNT };

/* The services that the code itself asks for; data/synth/services.tsv and supplies.tsv have them. */
#define KNOWN_SERVICES(X)                                                                          \
    X(CBC, "cbc")                                                                                  \
    X(KIM_LUON, "kim_luon")                                                                        \
    X(DAY_TRUYEN, "day_truyen")                                                                    \
    X(GAC, "gac")                                                                                  \
    X(CHI_KHAU, "chi_khau")                                                                        \
    X(KHAM_NGOAI, "kham_ngoai")                                                                    \
    X(KHAM_SAN, "kham_san")                                                                        \
    X(KHAM_MAT, "kham_mat")                                                                        \
    X(KHAM_TMH, "kham_tmh")                                                                        \
    X(KHAM_RHM, "kham_rhm")                                                                        \
    X(KHAM_DALIEU, "kham_dalieu")                                                                  \
    X(KHAM_YHCT, "kham_yhct")                                                                      \
    X(KHAM_TAMTHAN, "kham_tamthan")                                                                \
    X(KHAM_TRAM, "kham_tram")                                                                      \
    X(KHAM_NHI, "kham_nhi")                                                                        \
    X(KHAM_NOI, "kham_noi")                                                                        \
    X(GIUONG_NGOAI, "giuong_ngoai")                                                                \
    X(GIUONG_SAN, "giuong_san")                                                                    \
    X(GIUONG_NHI, "giuong_nhi")                                                                    \
    X(GIUONG_NHIEM, "giuong_nhiem")                                                                \
    X(GIUONG_YHCT, "giuong_yhct")                                                                  \
    X(GIUONG_HSTC, "giuong_hstc")                                                                  \
    X(GIUONG_NOI, "giuong_noi")                                                                    \
    X(GLUCOSE, "glucose")                                                                          \
    X(CREATININ, "creatinin")                                                                      \
    X(URE, "ure")                                                                                  \
    X(AST, "ast")                                                                                  \
    X(ALT, "alt")                                                                                  \
    X(GGT, "ggt")                                                                                  \
    X(ACID_URIC, "acid_uric")                                                                      \
    X(DIEN_TIM, "dien_tim")                                                                        \
    X(NUOC_TIEU, "nuoc_tieu")                                                                      \
    X(CRP, "crp")                                                                                  \
    X(SA_BUNG, "sa_bung")                                                                          \
    X(XQ_NGUC, "xq_nguc")                                                                          \
    X(NOI_SOI_TMH, "noi_soi_tmh")                                                                  \
    X(MO_PHACO, "mo_phaco")                                                                        \
    X(KINH_NOI_NHAN, "kinh_noi_nhan")                                                              \
    X(KET_HOP_XUONG, "ket_hop_xuong")                                                              \
    X(NEP_VIT, "nep_vit")                                                                          \
    X(BO_BOT, "bo_bot")                                                                            \
    X(BOT, "bot")                                                                                  \
    X(DO_DE, "do_de")
typedef enum KnownService {
#define X(name, key) KNOWN_##name,
    KNOWN_SERVICES(X)
#undef X
        KNOWN_COUNT
} KnownService;
enum { COMMON_CHILD = 4, COMMON_DRUGS };

/* All content tables. */
typedef struct Content {
    Arena *arena;
    Drug *drugs;
    Result *results;
    Service *services; /* the supplies follow the services */
    Condition *conditions;
    Commune *communes;
    FacilityRow *facilities;
    size_t n_drugs, n_results, n_services, n_conditions, n_communes, n_facilities;
    int64_t lunar[SYNTH_LUNAR_MAX];
    size_t n_lunar;
    Str season_keys[SYNTH_SEASONS_MAX];
    uint16_t seasons[SYNTH_SEASONS_MAX][12];
    size_t n_seasons;
    NameList names[NAMES_COUNT];
    int known[KNOWN_COUNT];
    int common_drugs[COMMON_DRUGS]; /* the last one for children */
    ErrCode err;
} Content;

/* The tables, read at the first call; NULL and the error when they cannot be. */
MUST_USE ErrCode content_get(const Content **ret_content);
int content_service(const Content *c, Str key);   /* -1: not there */
int content_condition(const Content *c, Str code, char kind); /* kind 0: any */
ErrCode content_names(Content *c);                /* reads names.tsv (content_names.c) */

/* The diseases under surveillance, in the order of truth.json. */
typedef struct Disease {
    const char *key, *pattern; /* ICD-10 categories, '|' between them */
} Disease;
enum { DISEASE_DENGUE, DISEASE_HFMD, DISEASE_FLU, DISEASE_DIARRHOEA, DISEASE_COUNT };
extern const Disease diseases[DISEASE_COUNT];
int disease_of(Str icd10); /* -1: none */

enum {
    PERSON_INSURED = 1,
    PERSON_HAS_NUMBER = 2, /* has a citizen number in the claims */
    PERSON_MANAGED = 4,    /* in a chronic-care programme */
    PERSON_EXEMPT = 8,     /* five years insured, no co-payment */
};

typedef struct Person {
    int32_t birth;
    int32_t death; /* day, INT32_MAX while alive */
    uint32_t household, mother, father; /* indexes of persons or SYNTH_NONE */
    uint16_t chronic; /* bit per chronic condition */
    uint16_t home;    /* facility of registration */
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

typedef enum VisitKind { VISIT_ACUTE, VISIT_CHRONIC, VISIT_BIRTH, VISIT_REFERRED, VISIT_OUTBREAK } VisitKind;

enum { PLAN_ADMITTED = 1, PLAN_TRANSFERRED = 2, PLAN_DIED = 4, PLAN_EMERGENCY = 8, PLAN_DROPPED = 16 };

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
    uint8_t defect, correction;
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
    int32_t from, to;     /* days, both included */
    uint32_t wanted;      /* cases to plant */
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
    Str type, object; /* MA_LOAI_KCB, MA_DOITUONG_KCB */
    int64_t in, admitted, out; /* minutes; admitted 0 for outpatients */
    int doctor;                /* number within the facility */
    int level_percent;         /* MUC_HUONG */
    int outcome, leaving;      /* KET_QUA_DTRI, MA_LOAI_RV */
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

/* Cards: object letters and benefit digit. */
typedef struct Card {
    Str object;
    int digit, percent;
} Card;
extern const Card cards[];
extern const size_t n_cards;

/* Writes the tables of one claim as a HOSO element. One writer a thread. */
typedef struct ClaimWriter ClaimWriter;
ClaimWriter *writer_new(void);
void writer_free(ClaimWriter *cw);
void writer_hoso(ClaimWriter *cw, Buf *out, const Visit *v, DefectKind defect);

/* MA_LK of a visit into text (room for 32), its length. */
size_t visit_link(const World *w, const PlanVisit *plan, char *ret_text);
/* Path of a file below the output folder (room for 64), its length. */
size_t file_name(const World *w, const PlanFile *f, char *ret_text);

/* truth.json of the plan and the sums that the writers counted. */
void truth_write(const World *w, const SynthReport *report, Buf *out);
void facilities_write(const World *w, Buf *out);

#endif
