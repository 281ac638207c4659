/* Search shapes through store_search at two sizes of province: latency p50 and p99 of each and
 * the ratio of the sizes (a flat store: 1). Visits of one patient: Encounter, 2 Conditions,
 * 3 Observations with values, 1 MedicationRequest; four visits a patient; Zipf distributed codes;
 * everything invented. Pages of 20 unless said. The store is settled (segments merged) first,
 * caches are warm. Usage: search [SMALL LARGE], default 1000 64000 patients; search FOLDER asks a
 * province that was imported (bench/import with NHIP_BENCH_KEEP=1). */
#include "bench.h"
#include "core/limits.h"
#include "core/random.h"
#include "fhir/fhir_query.h"
#include "store/store.h"

enum { VISITS = 4, CODES = 500, FACILITIES = 60, TIMES = 300, COMMIT_VISITS = 64, CHANGES = 7 };

typedef struct Province {
    char dir[64];
    Store *store;
    Random random;
    uint32_t zipf[CODES];
    Slot *patients;
    size_t n_patients;
    Arena *arena;
    double load_seconds;
} Province;

static void need(ErrCode err, const ErrInfo *info, const char *what) {
    if (err != ERR_OK) {
        (void)fprintf(stderr, "bench search: %s: %s %s\n", what, err_name(err), info->what_en);
        exit(1);
    }
}

static size_t code(Province *p) {
    return random_pick_weighted(&p->random, p->zipf, CODES);
}

static int day(Province *p, char out[16]) {
    return snprintf(out, 16, "202%u-%02u-%02u", 3 + (unsigned)random_below(&p->random, 3),
                    1 + (unsigned)random_below(&p->random, 12),
                    1 + (unsigned)random_below(&p->random, 28));
}

static StoreChange change(FhirType type, Str json) {
    return (StoreChange){.op = STORE_CREATE, .type = type, .json = json};
}

static Str patient_json(Province *p, size_t number) {
    static const char *const families[] = {"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ"};
    static const char *const given[] = {"Văn Thử", "Thị Mẫu", "Minh Giả", "Thanh Ví", "Ngọc Dụ"};
    char birth[16];
    (void)day(p, birth);
    birth[0] = '1';
    birth[1] = '9';
    birth[2] = (char)('2' + random_below(&p->random, 8));
    return arena_printf(p->arena,
                        "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":"
                        "\"urn:synthetic:cccd\",\"value\":\"SYN%09zu\"}],\"name\":[{\"text\":"
                        "\"%s %s %zu\"}],\"gender\":\"%s\",\"birthDate\":\"%s\","
                        "\"managingOrganization\":{\"reference\":\"Organization/f-%zu\"}}",
                        number, families[random_below(&p->random, 6)],
                        given[random_below(&p->random, 5)], number % 997,
                        random_chance(&p->random, 0.5) ? "male" : "female", birth,
                        number % FACILITIES);
}

/* first: the number of its first change in the commit. */
static void visit(Province *p, StoreChange *out, size_t first) {
    char when[16];
    (void)day(p, when);
    unsigned facility = (unsigned)random_below(&p->random, FACILITIES);
    Arena *a = p->arena;
    const char *who = "\"subject\":{\"reference\":\"Patient/~\"}";
    out[0] =
        change(FHIR_T_ENCOUNTER,
               arena_printf(a,
                            "{\"resourceType\":\"Encounter\",\"status\":\"finished\",\"class\":"
                            "{\"system\":\"urn:class\",\"code\":\"%s\"},%s,\"period\":{\"start\":"
                            "\"%sT08:00:00+07:00\"},\"serviceProvider\":{\"reference\":"
                            "\"Organization/f-%u\"}}",
                            random_chance(&p->random, 0.1) ? "IMP" : "AMB", who, when, facility));
    for (int i = 1; i <= 2; i++) {
        out[i] = change(FHIR_T_CONDITION,
                        arena_printf(a,
                                     "{\"resourceType\":\"Condition\",\"code\":{\"coding\":[{"
                                     "\"system\":\"urn:icd\",\"code\":\"D%zu\"}]},%s,"
                                     "\"recordedDate\":\"%s\"}",
                                     code(p), who, when));
    }
    for (int i = 3; i <= 5; i++) {
        out[i] =
            change(FHIR_T_OBSERVATION,
                   arena_printf(a,
                                "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":"
                                "{\"coding\":[{\"system\":\"urn:loinc\",\"code\":\"L%zu\"}]},%s,"
                                "\"encounter\":{\"reference\":\"Encounter/~%zu\"},"
                                "\"effectiveDateTime\":\"%sT09:%02u:00+07:00\",\"valueQuantity\":"
                                "{\"value\":%.1f,\"unit\":\"mmol/L\",\"system\":\"urn:ucum\","
                                "\"code\":\"mmol/L\"}}",
                                code(p), who, first, when, (unsigned)random_below(&p->random, 60),
                                random_double(&p->random) * 20));
    }
    out[6] = change(FHIR_T_MEDICATION_REQUEST,
                    arena_printf(a,
                                 "{\"resourceType\":\"MedicationRequest\",\"status\":\"active\","
                                 "\"intent\":\"order\",\"medicationCodeableConcept\":{\"coding\":[{"
                                 "\"system\":\"urn:drug\",\"code\":\"M%zu\"}]},%s,\"authoredOn\":"
                                 "\"%s\"}",
                                 code(p), who, when));
}

static void commit(Province *p, const StoreGroup *groups, size_t n, Slot *slots) {
    ErrInfo info = {0};
    StoreCommit c = {
        .groups = groups, .n_groups = n, .actor = STR("bench"), .source = STR("bench")};
    need(store_commit(p->store, &c, NULL, slots, &info), &info, "commit");
    arena_reset(p->arena);
}

static void load_patients(Province *p) {
    for (size_t at = 0; at < p->n_patients;) {
        StoreChange changes[COMMIT_VISITS];
        StoreGroup groups[COMMIT_VISITS];
        size_t n = MIN(p->n_patients - at, (size_t)COMMIT_VISITS);
        for (size_t i = 0; i < n; i++) {
            changes[i] = change(FHIR_T_PATIENT, patient_json(p, at + i));
            groups[i] = (StoreGroup){.changes = &changes[i], .n_changes = 1, .patient_change = 0};
        }
        commit(p, groups, n, p->patients + at);
        at += n;
    }
}

static void load_visits(Province *p) {
    static StoreChange changes[COMMIT_VISITS][CHANGES];
    StoreGroup groups[COMMIT_VISITS];
    size_t n = 0;
    for (size_t i = 0; i < p->n_patients * VISITS; i++) {
        visit(p, changes[n], n * CHANGES);
        groups[n] = (StoreGroup){.changes = changes[n],
                                 .n_changes = CHANGES,
                                 .patient_change = -1,
                                 .patient = p->patients[random_below(&p->random, p->n_patients)]};
        if (++n == COMMIT_VISITS || i + 1 == p->n_patients * VISITS) {
            commit(p, groups, n, NULL);
            n = 0;
        }
    }
}

static void load_facilities(Province *p) {
    StoreChange changes[FACILITIES];
    for (unsigned i = 0; i < FACILITIES; i++) {
        changes[i] =
            change(FHIR_T_ORGANIZATION, arena_printf(p->arena,
                                                     "{\"resourceType\":\"Organization\",\"name\":"
                                                     "\"Cơ sở thử %u\"}",
                                                     i));
        changes[i].id = arena_printf(p->arena, "f-%u", i);
    }
    StoreGroup group = {.changes = changes, .n_changes = FACILITIES, .patient_change = -1};
    commit(p, &group, 1, NULL);
}

static void province_open(Province *p, size_t patients) {
    ErrInfo info = {0};
    *p = (Province){.n_patients = patients};
    random_init(&p->random, 11);
    uint32_t sum = 0;
    for (unsigned i = 0; i < CODES; i++) {
        sum += 1000000 / (i + 1);
        p->zipf[i] = sum;
    }
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/nhip-bench-search-XXXXXX");
    p->arena = arena_new((size_t)1 << 30);
    p->patients = calloc(patients, sizeof(Slot));
    if (mkdtemp(p->dir) == NULL || p->arena == NULL || p->patients == NULL) {
        need(ERR_NOMEM, &info, "begin");
    }
    need(store_open(&(StoreOptions){.dir = str_from(p->dir)}, &p->store, &info), &info, "open");
    double from = bench_now();
    load_facilities(p);
    load_patients(p);
    load_visits(p);
    p->load_seconds = bench_now() - from;
    store_settle(p->store);
}

static void province_close(Province *p) {
    store_close(p->store);
    folder_remove(p->dir);
    arena_free(p->arena);
    free(p->patients);
}

/* ---- the shapes ---- */

typedef enum Fill {
    FILL_NOTHING,
    FILL_PATIENT,
    FILL_CODE,
    FILL_RARE, /* one of the less usual codes */
    FILL_NUMBER,
    FILL_LIST,  /* identifiers, half of which there are */
    FILL_CODES, /* codes, few of which there are */
} Fill;

typedef struct Shape {
    const char *name;
    FhirType type;
    const char *query; /* one %s, %zu, %l for the filling */
    Fill fill;
    size_t count; /* 0: only the total */
} Shape;

static const Shape SHAPES[] = {
    {"a patient's observations", FHIR_T_OBSERVATION, "patient=%s", FILL_PATIENT, 20},
    {"a patient's observations of a code", FHIR_T_OBSERVATION, "patient=%s&code=urn:loinc%%7CL0",
     FILL_PATIENT, 20},
    {"identifier", FHIR_T_PATIENT, "identifier=urn:synthetic:cccd%%7CSYN%09zu", FILL_NUMBER, 20},
    {"name prefix", FHIR_T_PATIENT, "name=nguyen van thu", FILL_NOTHING, 20},
    {"newest of a code", FHIR_T_CONDITION, "code=urn:icd%%7CD%zu", FILL_CODE, 20},
    {"count of a code", FHIR_T_CONDITION, "code=urn:icd%%7CD%zu", FILL_CODE, 0},
    {"code and year", FHIR_T_CONDITION, "code=urn:icd%%7CD%zu&recorded-date=2024", FILL_CODE, 20},
    {"code and value", FHIR_T_OBSERVATION, "code=urn:loinc%%7CL%zu&value-quantity=gt5||mmol/L",
     FILL_CODE, 20},
    {"facility and class (AND)", FHIR_T_ENCOUNTER, "service-provider=Organization/f-%zu&class=AMB",
     FILL_CODE, 20},
    {"a month's diagnoses with their patients", FHIR_T_CONDITION,
     "recorded-date=2024-05&_include=Condition:subject", FILL_NOTHING, 20},
    {"chain", FHIR_T_OBSERVATION,
     "code=urn:loinc%%7CL0&subject:Patient.identifier=urn:synthetic:cccd%%7CSYN%09zu", FILL_NUMBER,
     20},
    {"chain of three steps", FHIR_T_OBSERVATION,
     "code=urn:loinc%%7CL0&encounter.subject:Patient.organization.name=co so thu %zu", FILL_CODE,
     20},
    {"reverse chain of a code", FHIR_T_PATIENT,
     "_has:Condition:subject:code=urn:icd%%7CD%zu&gender=female", FILL_RARE, 20},
    {"one patient by a reverse chain", FHIR_T_PATIENT,
     "_id=%s&_has:Observation:subject:code=urn:loinc%%7CL0", FILL_PATIENT, 20},
    {"list of 10,000 identifiers", FHIR_T_PATIENT, "identifier=%l", FILL_LIST, 20},
    {"list of 10,000 codes", FHIR_T_CONDITION, "code=%l", FILL_CODES, 20},
};

/* Counts over everything: the single code first, the others aim at twice its time. */
static const Shape COUNTS[] = {
    {"code", FHIR_T_OBSERVATION, "code=urn:loinc%%7CL%zu", FILL_CODE, 0},
    {"code and year", FHIR_T_OBSERVATION, "code=urn:loinc%%7CL%zu&date=2024", FILL_CODE, 0},
    {"code and value", FHIR_T_OBSERVATION, "code=urn:loinc%%7CL%zu&value-quantity=gt5||mmol/L",
     FILL_CODE, 0},
};

static void put_list(Province *p, const Shape *shape, Buf *out) {
    for (size_t i = 0; i < LIMIT_SEARCH_VALUES; i++) {
        size_t number = random_below(&p->random, 2 * p->n_patients);
        buf_put(out, ",", i > 0 ? 1 : 0);
        if (shape->fill == FILL_LIST) {
            buf_printf(out, "urn:synthetic:cccd%%7CSYN%09zu", number);
        } else {
            buf_printf(out, "%sD%zu", i % 2 == 0 ? "urn:icd%7C" : "", 400 + i);
        }
    }
}

static Str fill_text(Province *p, const Shape *shape, Arena *arena) {
    char text[256];
    size_t number = shape->fill == FILL_NUMBER ? random_below(&p->random, p->n_patients)
                    : shape->fill == FILL_CODE ? code(p) % FACILITIES
                    : shape->fill == FILL_RARE ? 200 + random_below(&p->random, CODES - 200)
                                               : 0;
    const char *at = strchr(shape->query, '%');
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    for (at = shape->query; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == '%') {
            buf_put_char(&out, *at++);
        } else if (at[0] == '%' && at[1] == 's') {
            Slot who = p->patients[random_below(&p->random, p->n_patients)];
            buf_put_str(&out, store_id(p->store, arena, who));
            at++;
        } else if (at[0] == '%' && at[1] == 'l') {
            put_list(p, shape, &out);
            at++;
        } else if (at[0] == '%') {
            (void)snprintf(text, sizeof(text), at[1] == '0' ? "%09zu" : "%zu", number);
            buf_put(&out, text, strlen(text));
            at += at[1] == '0' ? 4 : 2;
        } else {
            buf_put_char(&out, *at == ' ' ? '+' : *at);
        }
    }
    return arena_str(arena, buf_str(&out));
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct Latency {
    double p50, p99;
    double hits;
} Latency;

static Latency measure(Province *p, const Shape *shape) {
    static double times[TIMES];
    Latency l = {0};
    Arena *arena = arena_new((size_t)1 << 28);
    for (int i = -20; i < TIMES; i++) { /* the first ones warm the caches */
        ErrInfo info = {0};
        FhirQuery query;
        FhirQueryScope scope = {
            .type = shape->type, .base_url = STR("http://localhost/fhir"), .info = &info};
        arena_reset(arena);
        Str text = fill_text(p, shape, arena);
        need(fhir_query_parse(arena, &scope, text, &query), &info, shape->query);
        StoreSearch search = {
            .query = &query, .count = shape->count, .want_total = shape->count == 0};
        StorePage page = {0};
        double from = bench_now();
        need(store_search(p->store, arena, &search, &page, &info), &info, shape->name);
        double took = bench_now() - from;
        if (i >= 0) {
            times[i] = took;
            l.hits += (double)(shape->count == 0 ? page.total : page.n_matches) / TIMES;
        }
    }
    arena_free(arena);
    qsort(times, TIMES, sizeof(*times), by_size);
    l.p50 = times[TIMES / 2] * 1e6;
    l.p99 = times[TIMES * 99 / 100] * 1e6;
    return l;
}

/* What people ask of a province. */
static const Shape ASKED[] = {
    {"name prefix", FHIR_T_PATIENT, "name=nguyen van", FILL_NOTHING, 20},
    {"born on a day", FHIR_T_PATIENT, "birthdate=1990-05-12", FILL_NOTHING, 20},
    {"newest of a code", FHIR_T_CONDITION, "code=I10", FILL_NOTHING, 20},
    {"count of a code", FHIR_T_CONDITION, "code=I10", FILL_NOTHING, 0},
    {"code and month", FHIR_T_CONDITION, "code=J18.9&recorded-date=2026-03", FILL_NOTHING, 20},
    {"count of code and year", FHIR_T_CONDITION, "code=I10&recorded-date=2025", FILL_NOTHING, 0},
    {"emergencies of a day", FHIR_T_ENCOUNTER, "class=EMER&date=2026-10-05", FILL_NOTHING, 20},
    {"newest visits with their patients", FHIR_T_ENCOUNTER,
     "_sort=-_lastUpdated&_include=Encounter:subject", FILL_NOTHING, 20},
};

static int ask_folder(const char *folder) {
    ErrInfo info = {0};
    Province p = {0};
    bench_machine();
    need(store_open(&(StoreOptions){.dir = str_from(folder)}, &p.store, &info), &info, "open");
    printf("# %llu records\n", (unsigned long long)store_snapshot(p.store));
    printf("%-38s %9s %9s %9s\n", "shape (us)", "p50", "p99", "hits");
    for (size_t i = 0; i < ARRAY_LEN(ASKED); i++) {
        Latency l = measure(&p, &ASKED[i]);
        printf("%-38s %9.0f %9.0f %9.0f\n", ASKED[i].name, l.p50, l.p99, l.hits);
    }
    store_close(p.store);
    return 0;
}

static void print_counts(Province *p) {
    double single = 0;
    for (size_t i = 0; i < ARRAY_LEN(COUNTS); i++) {
        Latency l = measure(p, &COUNTS[i]);
        single = i == 0 ? l.p50 : single;
        printf("count of %-16s p50 %.0f us, p99 %.0f us, %.0f hits: %.2f x the single code\n",
               COUNTS[i].name, l.p50, l.p99, l.hits, l.p50 / single);
    }
}

int main(int argc, char **argv) {
    size_t sizes[2] = {1000, 64000};
    if (argc == 2) {
        return ask_folder(argv[1]);
    }
    Latency all[2][ARRAY_LEN(SHAPES)];
    for (int i = 0; i < 2 && argc > 2; i++) {
        sizes[i] = strtoull(argv[i + 1], NULL, 10);
    }
    bench_machine();
    for (int i = 0; i < 2; i++) {
        Province p;
        province_open(&p, sizes[i]);
        size_t resources = sizes[i] * (1 + VISITS * CHANGES);
        printf("# %zu patients, %zu resources, loaded in %.1f s (%.0f resources/s, one thread, "
               "commits of %d visits)\n",
               sizes[i], resources, p.load_seconds, (double)resources / p.load_seconds,
               COMMIT_VISITS);
        for (size_t s = 0; s < ARRAY_LEN(SHAPES); s++) {
            all[i][s] = measure(&p, &SHAPES[s]);
        }
        print_counts(&p);
        province_close(&p);
    }
    printf("%-38s %9s %9s %7s | %9s %9s %7s | %s\n", "shape (us)", "p50", "p99", "hits", "p50",
           "p99", "hits", "ratio p50");
    double sum = 0;
    size_t n_pages = 0;
    for (size_t s = 0; s < ARRAY_LEN(SHAPES); s++) {
        double ratio = all[1][s].p50 / all[0][s].p50;
        sum += SHAPES[s].count > 0 ? ratio : 0;
        n_pages += SHAPES[s].count > 0;
        printf("%-38s %9.0f %9.0f %7.1f | %9.0f %9.0f %7.1f | %.2f\n", SHAPES[s].name,
               all[0][s].p50, all[0][s].p99, all[0][s].hits, all[1][s].p50, all[1][s].p99,
               all[1][s].hits, ratio);
    }
    printf("mean ratio of the pages %.2f (aim: at most 1.3); a count reads as much as it counts\n",
           sum / (double)n_pages);
    return 0;
}
