/* synth_content_int.h — private to src/synth: the content tables of data/synth (drugs, services,
 * results, conditions, names, places, calendar), read once. Prices are in thousandths of a đồng.
 * Ownership: everything lives as long as the program. Threads: read-only after content_get. */
#ifndef NHIP_SYNTH_SYNTH_CONTENT_INT_H
#define NHIP_SYNTH_SYNTH_CONTENT_INT_H

#include "core/arena.h"
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
    Str icd9; /* of operations */
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
    char only_sex;                /* m, f; 0: the code is for both */
    bool newborn_only, not_newborn;
    uint8_t season;
    uint16_t weights[SYNTH_BANDS];
    int admit, los;
    Choice drugs[SYNTH_CHOICES], services[SYNTH_CHOICES];
    int n_drugs, n_services, n_effects, n_others;
    Effect effects[SYNTH_EFFECTS];
    Str others[SYNTH_OTHERS];
    char others_sex[SYNTH_OTHERS]; /* as only_sex */
    int disease;                   /* index into DISEASES, or -1 */
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

/* The services that the code itself asks for; data/synth/services.tsv and supplies.tsv have them.
 */
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
int content_service(const Content *c, Str key);               /* -1: not there */
int content_condition(const Content *c, Str code, char kind); /* kind 0: any */
ErrCode content_names(Content *c); /* reads names.tsv (content_names.c) */

/* The diseases under surveillance, in the order of truth.json. */
typedef struct Disease {
    const char *key, *pattern; /* ICD-10 categories, '|' between them */
} Disease;
enum { DISEASE_DENGUE, DISEASE_HFMD, DISEASE_FLU, DISEASE_DIARRHOEA, DISEASE_COUNT };
extern const Disease diseases[DISEASE_COUNT];
int disease_of(Str icd10); /* -1: none */

#endif
