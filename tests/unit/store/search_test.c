/* The search against a scan: random resources of several types, created, updated and deleted over
 * several levels of segments; for random queries the index's answer must be that of fhir_match over
 * all resources current at the snapshot. */
#include "unit/store/store_help.h"

#include "core/clock.h"
#include "core/random.h"
#include "fhir/fhir_match.h"
#include "fhir/fhir_query.h"
#include "store/index_core_int.h"
#include "store/store_int.h"

enum { RESOURCES_MAX = 6000, VERSIONS_MAX = 12000, QUERIES = 500 };

typedef struct Known { /* one resource as the test remembers it */
    FhirType type;
    Str id;
    Slot first;
    int patient; /* number of its patient among the resources, or -1 */
    bool deleted;
} Known;

typedef struct KnownVersion {
    int resource;
    Slot slot;
    bool deleted;
} KnownVersion;

typedef struct World {
    Home home;
    ClockFake clock;
    Random random;
    Known resources[RESOURCES_MAX];
    int n;
    KnownVersion versions[VERSIONS_MAX];
    int n_versions;
    Arena *arena; /* a query */
} World;

static unsigned below(World *w, unsigned n) {
    return (unsigned)random_below(&w->random, n);
}

static const char *pick_of(World *w, const char *const *list, unsigned n) {
    return list[below(w, n)];
}
#define PICK(w, ...)                                                                               \
    pick_of((w), (const char *const[]){__VA_ARGS__},                                               \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* ---- a world of resources ---- */

static const char *const CODES[] = {"a1", "b2", "c3", "d4", "a"};
static const char *const SYSTEMS[] = {"urn:x", "urn:y"};
static const char *const NAMES[] = {"Nguyễn Văn An", "Trần Thị Bình", "Lê An", "Nguyen van Bao",
                                    "Phạm Nguyễn Thị Cúc", "Đỗ Ân"};
static const char *const DAYS[] = {"2024-01-01", "2024-01-02", "2024-01-15", "2024-02-01",
                                   "2023-12-31", "2024-03-10"};
static const char *const TIMES[] = {"T00:00:00+07:00", "T08:30:00+07:00", "T23:59:59+07:00",
                                    "T17:00:00Z", "T16:59:59.999Z"};

static Str coding(World *w) {
    const char *system = below(w, 4) == 0 ? NULL : PICK(w, SYSTEMS[0], SYSTEMS[1]);
    const char *code = CODES[below(w, 5)];
    return system == NULL ? home_text(&w->home, "{\"code\":\"%s\"}", code)
                          : home_text(&w->home, "{\"system\":\"%s\",\"code\":\"%s\"}", system, code);
}

static Str concept(World *w) {
    if (below(w, 12) == 0) {
        return home_text(&w->home, "{\"text\":\"chỉ có chữ\"}");
    }
    Str a = coding(w);
    if (below(w, 3) > 0) {
        return home_text(&w->home, "{\"coding\":[" STR_FMT "]}", STR_ARG(a));
    }
    Str b = coding(w);
    return home_text(&w->home, "{\"coding\":[" STR_FMT "," STR_FMT "]}", STR_ARG(a), STR_ARG(b));
}

static Str moment(World *w) {
    const char *day = DAYS[below(w, 6)];
    if (below(w, 3) == 0) {
        return home_text(&w->home, "%.*s", PICK(w, "4", "7", "10")[0] == '4' ? 4 : 10, day);
    }
    return home_text(&w->home, "%s%s", day, TIMES[below(w, 5)]);
}

/* A living resource of the type, or -1. */
static int some(World *w, FhirType type) {
    for (int tries = 0; tries < 40 && w->n > 0; tries++) {
        int at = (int)below(w, (unsigned)w->n);
        if (w->resources[at].type == type && !w->resources[at].deleted) {
            return at;
        }
    }
    return -1;
}

static Str reference(World *w, const char *member, const char *type_name, FhirType type) {
    int at = some(w, type);
    if (at < 0 || below(w, 3) == 0) {
        return STR_EMPTY;
    }
    if (below(w, 12) == 0) {
        return home_text(&w->home, ",\"%s\":{\"reference\":\"https://example.org/%s/9\"}", member,
                         type_name);
    }
    Str id = w->resources[at].id;
    return home_text(&w->home, ",\"%s\":{\"reference\":\"%s/" STR_FMT "\"}", member, type_name,
                     STR_ARG(id));
}

/* Tokens without a system of their own: a boolean, and a phone whose use stands for it. */
static const char *tokens_of_person(World *w) {
    const char *use = PICK(w, "", ",\"use\":\"home\"", ",\"use\":\"mobile\"");
    const char *active = PICK(w, "", "\"active\":true,", "\"active\":false,");
    const char *system = PICK(w, "phone", "email");
    return below(w, 3) == 0
               ? active
               : home_text(&w->home,
                           "%s\"telecom\":[{\"system\":\"%s\",\"value\":\"09%u\"%s}],", active,
                           system, below(w, 5), use)
                     .ptr;
}

static const char *const ADDRESSES[] = {
    "\"address\":[{\"text\":\"12/5 Lê Lợi, phường Phú Hội, thành phố Huế, tỉnh Thừa Thiên Huế cũ, "
    "Việt Nam\"}],",
    "\"address\":[{\"line\":[\"(số 7) Nguyễn Huệ\"],\"city\":\"Huế\"}],"};

static Str make_patient(World *w) {
    const char *name = NAMES[below(w, 6)];
    Str gp = reference(w, "generalPractitioner", "Practitioner", FHIR_T_PRACTITIONER);
    Str gp_list = STR_EMPTY;
    if (gp.len > 0) { /* a list in R4 */
        gp_list = home_text(&w->home, ",\"generalPractitioner\":[" STR_FMT "]",
                            (int)gp.len - 23, gp.ptr + 23);
    }
    const char *gender = PICK(w, "\"gender\":\"male\",", "\"gender\":\"female\",", "");
    return home_text(&w->home,
                     "{\"resourceType\":\"Patient\",\"identifier\":[{%s\"value\":"
                     "\"P%u\"}],%s%s%s%s\"name\":[{\"text\":\"%s\"%s}],\"birthDate\":\"%s\"" STR_FMT "}",
                     PICK(w, "\"system\":\"urn:x\",", "\"system\":\"urn:y\",", ""), below(w, 60),
                     gender, tokens_of_person(w), PICK(w, "", "\"deceasedBoolean\":true,",
                     "\"deceasedBoolean\":false,", "\"deceasedDateTime\":\"2024-01-02\","),
                     PICK(w, "", ADDRESSES[0], ADDRESSES[1]), name,
                     PICK(w, "", ",\"given\":[\"Thị Bình\",\"An\"]"),
                     DAYS[below(w, 6)], STR_ARG(gp_list));
}

static Str make_observation(World *w, Str patient, Str encounter) {
    Str code = concept(w);
    Str when = moment(w);
    Str value = STR_EMPTY;
    if (below(w, 5) > 0) {
        value = home_text(&w->home,
                          ",\"valueQuantity\":{%s\"value\":%s,\"unit\":\"%s\",\"system\":\"urn:u\","
                          "\"code\":\"mmol/L\"}",
                          below(w, 10) == 0 ? "\"comparator\":\"<\"," : "",
                          PICK(w, "5", "5.0", "5.40", "-3", "120", "0.001", "5.4000000000000000001"),
                          PICK(w, "mmol/L", "mg"));
    }
    return home_text(&w->home,
                     "{\"resourceType\":\"Observation\",\"status\":\"%s\",\"code\":" STR_FMT
                     ",\"effectiveDateTime\":\"" STR_FMT "\"" STR_FMT STR_FMT STR_FMT "}",
                     PICK(w, "final", "amended"), STR_ARG(code), STR_ARG(when), STR_ARG(value),
                     STR_ARG(patient), STR_ARG(encounter));
}

static Str make_condition(World *w, Str patient, Str encounter) {
    Str code = concept(w);
    Str when = moment(w);
    return home_text(&w->home,
                     "{\"resourceType\":\"Condition\",\"code\":" STR_FMT ",\"recordedDate\":\"" STR_FMT
                     "\"" STR_FMT STR_FMT "}",
                     STR_ARG(code), STR_ARG(when), STR_ARG(patient), STR_ARG(encounter));
}

static Str make_encounter(World *w, Str patient) {
    Str org = reference(w, "serviceProvider", "Organization", FHIR_T_ORGANIZATION);
    const char *day = DAYS[below(w, 6)];
    return home_text(&w->home,
                     "{\"resourceType\":\"Encounter\",\"status\":\"%s\",\"class\":{\"system\":"
                     "\"urn:x\",\"code\":\"%s\"},\"period\":{\"start\":\"%s\"%s}" STR_FMT STR_FMT "}",
                     PICK(w, "finished", "planned"), PICK(w, "IMP", "AMB"), day,
                     below(w, 2) == 0 ? ",\"end\":\"2024-02-20T10:00:00+07:00\"" : "",
                     STR_ARG(patient), STR_ARG(org));
}

static Str make_other(World *w, FhirType type) {
    return home_text(&w->home, "{\"resourceType\":\"%s\",\"name\":%s,\"active\":%s}",
                     fhir_type_name(type),
                     type == FHIR_T_ORGANIZATION ? "\"Bệnh viện Thử\""
                                                 : "[{\"text\":\"Bác sĩ Thử\"}]",
                     PICK(w, "true", "false"));
}

static void remember(World *w, FhirType type, Str id, Slot slot, int patient) {
    assert_true(w->n < RESOURCES_MAX && w->n_versions < VERSIONS_MAX);
    w->versions[w->n_versions++] = (KnownVersion){w->n, slot, false};
    w->resources[w->n++] = (Known){type, id, slot, patient, false};
}

/* A visit: maybe a new patient, an encounter, observations and conditions that refer to both. */
static void commit_visit(World *w) {
    Home *h = &w->home;
    StoreChange changes[20];
    FhirType types[20];
    size_t n = 0;
    StoreGroup group = {.changes = changes, .patient_change = -1};
    int patient = below(w, 3) == 0 ? -1 : some(w, FHIR_T_PATIENT);
    if (patient < 0) {
        group.patient_change = 0;
        types[n] = FHIR_T_PATIENT;
        changes[n++] = create(FHIR_T_PATIENT, make_patient(w));
        if (below(w, 3) == 0) {
            changes[0].id = home_text(h, "chosen-%d", w->n);
        }
    } else {
        group.patient = w->resources[patient].first;
    }
    size_t encounter = n;
    Str subject = home_text(h, ",\"subject\":{\"reference\":\"Patient/~\"}");
    types[n] = FHIR_T_ENCOUNTER;
    changes[n++] = create(FHIR_T_ENCOUNTER, make_encounter(w, subject));
    for (unsigned more = below(w, 6); more > 0; more--) {
        Str visit = below(w, 4) == 0 ? STR_EMPTY
                    : below(w, 3) == 0
                        ? reference(w, "encounter", "Encounter", FHIR_T_ENCOUNTER)
                        : home_text(h, ",\"encounter\":{\"reference\":\"Encounter/~%zu\"}", encounter);
        bool is_observation = below(w, 2) == 0;
        types[n] = is_observation ? FHIR_T_OBSERVATION : FHIR_T_CONDITION;
        changes[n] = create(types[n], is_observation ? make_observation(w, subject, visit)
                                                     : make_condition(w, subject, visit));
        n++;
    }
    group.n_changes = n;
    Slot slots[20];
    StoreCommit commit = {.groups = &group, .n_groups = 1, .snapshot = store_snapshot(h->store),
                          .actor = STR("test"), .source = STR("unit")};
    ErrCode err = store_commit(h->store, &commit, NULL, slots, &h->info);
    if (err != ERR_OK) {
        print_error("%s %s\n", h->info.rule, h->info.what_en);
    }
    assert_ok(err);
    int owner = group.patient_change == 0 ? w->n : patient;
    for (size_t i = 0; i < n; i++) {
        Str id = changes[i].id.len > 0 ? changes[i].id : store_id(h->store, h->arena, slots[i]);
        remember(w, types[i], id, slots[i], owner);
    }
}

static void commit_other(World *w) {
    FhirType type = below(w, 2) == 0 ? FHIR_T_ORGANIZATION : FHIR_T_PRACTITIONER;
    StoreChange change = create(type, make_other(w, type));
    if (below(w, 2) == 0) {
        change.id = home_text(&w->home, "other-%d", w->n);
    }
    Slot slot = 0;
    assert_ok(commit_some(&w->home, &change, 1, &slot));
    Str id = change.id.len > 0 ? change.id : store_id(w->home.store, w->home.arena, slot);
    remember(w, type, id, slot, -1);
}

static Str make_again(World *w, const Known *k) {
    Str patient = STR_EMPTY;
    if (k->patient >= 0 && k->type != FHIR_T_PATIENT) {
        patient = home_text(&w->home, ",\"subject\":{\"reference\":\"Patient/" STR_FMT "\"}",
                            STR_ARG(w->resources[k->patient].id));
    }
    Str visit = reference(w, "encounter", "Encounter", FHIR_T_ENCOUNTER);
    switch ((int)k->type) {
    case FHIR_T_PATIENT:
        return make_patient(w);
    case FHIR_T_OBSERVATION:
        return make_observation(w, patient, visit);
    case FHIR_T_CONDITION:
        return make_condition(w, patient, visit);
    case FHIR_T_ENCOUNTER:
        return make_encounter(w, patient);
    default:
        return make_other(w, k->type);
    }
}

/* Updates or deletes something that lives. */
static void commit_change(World *w) {
    int at = (int)below(w, (unsigned)w->n);
    Known *k = &w->resources[at];
    StoreVersion v;
    if (k->deleted) {
        return;
    }
    assert_ok(store_get(w->home.store, w->home.arena, k->type, k->id, &v));
    bool deletes = below(w, 4) == 0 && k->type != FHIR_T_PATIENT;
    StoreChange change = {.op = deletes ? STORE_DELETE : STORE_UPDATE, .type = k->type,
                          .id = k->id, .prev = v.slot};
    if (!deletes) {
        change.json = make_again(w, k);
    }
    bool own = k->patient >= 0 && below(w, 2) == 0;
    StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = -1,
                        .patient = own ? w->resources[k->patient].first : 0};
    StoreCommit commit = {.groups = &group, .n_groups = 1, .snapshot = store_snapshot(w->home.store),
                          .actor = STR("test"), .source = STR("unit")};
    Slot slot = 0;
    assert_ok(store_commit(w->home.store, &commit, NULL, &slot, &w->home.info));
    assert_true(w->n_versions < VERSIONS_MAX);
    w->versions[w->n_versions++] = (KnownVersion){at, slot, deletes};
    k->deleted = deletes;
}

static void commit_any(World *w) {
    clock_fake_advance(&w->clock, (int64_t)below(w, 5000));
    unsigned what = below(w, 10);
    if (what < 5 || w->n < 20) {
        commit_visit(w);
    } else if (what < 6) {
        commit_other(w);
    } else {
        commit_change(w);
    }
}

static World *world_new(uint64_t seed, unsigned seal_records) {
    World *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    random_init(&w->random, seed);
    clock_fake_init(&w->clock, 1704067200000);
    Home *h = &w->home;
    (void)snprintf(h->dir, sizeof(h->dir), "/tmp/nhip-search-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->options = (StoreOptions){.dir = str_from(h->dir), .clock = &w->clock.clock,
                                .seal_records = seal_records};
    h->arena = arena_new((size_t)1 << 30);
    w->arena = arena_new((size_t)1 << 30);
    home_open(h);
    return w;
}

static void world_free(World *w) {
    store_close(w->home.store);
    arena_free(w->home.arena);
    arena_free(w->arena);
    home_remove_files(w->home.dir);
    (void)rmdir(w->home.dir);
    free(w);
}

/* ---- random queries ---- */

static void put_date(World *w, Buf *q) {
    buf_printf(q, "%s", PICK(w, "", "ge", "le", "gt", "lt", "ne", "sa", "eb", "ap"));
    switch (below(w, 4)) {
    case 0:
        buf_printf(q, "%s", PICK(w, "2024", "2023", "2024-01", "2024-02"));
        break;
    case 1:
        buf_printf(q, "%sT08:30:00%%2B07:00", DAYS[below(w, 6)]);
        break;
    default:
        buf_printf(q, "%s", DAYS[below(w, 6)]);
        break;
    }
}

static void put_token(World *w, Buf *q) {
    switch (below(w, 5)) {
    case 0:
        buf_printf(q, "%%7C%s", CODES[below(w, 5)]);
        break;
    case 1:
        buf_printf(q, "%s%%7C", SYSTEMS[below(w, 2)]);
        break;
    case 2:
        buf_printf(q, "%s", CODES[below(w, 5)]);
        break;
    default:
        buf_printf(q, "%s%%7C%s", SYSTEMS[below(w, 2)], CODES[below(w, 5)]);
        break;
    }
}

static void put_quantity(World *w, Buf *q) {
    buf_printf(q, "%s%s", PICK(w, "", "gt", "lt", "ge", "le", "ne", "ap", "sa", "eb"),
               PICK(w, "5", "5.4", "5.40", "-3", "100", "0", "1e2", "5.39999999999999999999"));
    buf_printf(q, "%s", PICK(w, "", "", "%7Curn:u%7Cmmol/L", "%7C%7Cmg", "%7Curn:u%7Cmg"));
}

static void put_id(World *w, Buf *q, FhirType type, bool with_type) {
    int at = some(w, type);
    if (at < 0 || below(w, 15) == 0) {
        buf_printf(q, "%snobody", with_type ? "Patient/" : "");
        return;
    }
    buf_printf(q, "%s%s" STR_FMT, with_type ? fhir_type_name(type) : "", with_type ? "/" : "",
               STR_ARG(w->resources[at].id));
}

static void put_updated(World *w, Buf *q) {
    TimeMs t = 0;
    StoreVersion v;
    Slot slot = w->versions[below(w, (unsigned)w->n_versions)].slot;
    assert_ok(store_get_slot(w->home.store, w->arena, slot, &v));
    t = v.time;
    buf_printf(q, "_lastUpdated=%s", PICK(w, "ge", "lt", "gt", "le", "", "ne"));
    time_put_instant(q, t);
}

/* kind letters: t token, d date, q quantity, s string, p patient, e encounter, o organization,
 * r practitioner, g gender, u status, i identifier, n _id, l _lastUpdated, c code-value-quantity,
 * h telecom, b boolean */
typedef struct QueryTerm {
    FhirType type;
    const char *param;
    char kind;
} QueryTerm;
static const QueryTerm TERMS[] = {
    {FHIR_T_OBSERVATION, "code", 't'},          {FHIR_T_OBSERVATION, "date", 'd'},
    {FHIR_T_OBSERVATION, "value-quantity", 'q'}, {FHIR_T_OBSERVATION, "subject", 'p'},
    {FHIR_T_OBSERVATION, "patient", 'p'},       {FHIR_T_OBSERVATION, "encounter", 'e'},
    {FHIR_T_OBSERVATION, "status", 'u'},        {FHIR_T_OBSERVATION, "_id", 'n'},
    {FHIR_T_OBSERVATION, "_lastUpdated", 'l'},  {FHIR_T_OBSERVATION, "code-value-quantity", 'c'},
    {FHIR_T_CONDITION, "code", 't'},            {FHIR_T_CONDITION, "recorded-date", 'd'},
    {FHIR_T_CONDITION, "subject", 'p'},         {FHIR_T_CONDITION, "encounter", 'e'},
    {FHIR_T_ENCOUNTER, "status", 'u'},          {FHIR_T_ENCOUNTER, "date", 'd'},
    {FHIR_T_ENCOUNTER, "class", 't'},           {FHIR_T_ENCOUNTER, "patient", 'p'},
    {FHIR_T_ENCOUNTER, "service-provider", 'o'}, {FHIR_T_ENCOUNTER, "_lastUpdated", 'l'},
    {FHIR_T_PATIENT, "address", 's'},           {FHIR_T_PATIENT, "given", 's'},
    {FHIR_T_PATIENT, "name", 's'},              {FHIR_T_PATIENT, "birthdate", 'd'},
    {FHIR_T_PATIENT, "gender", 'g'},            {FHIR_T_PATIENT, "identifier", 'i'},
    {FHIR_T_PATIENT, "telecom", 'h'},           {FHIR_T_PATIENT, "phone", 'h'},
    {FHIR_T_PATIENT, "active", 'b'},            {FHIR_T_PATIENT, "deceased", 'b'},
    {FHIR_T_ORGANIZATION, "active", 'b'},
    {FHIR_T_PATIENT, "general-practitioner", 'r'}, {FHIR_T_PATIENT, "_id", 'n'},
    {FHIR_T_ORGANIZATION, "name", 's'},         {FHIR_T_PRACTITIONER, "_id", 'n'},
};

static void put_value(World *w, Buf *q, const QueryTerm *t) {
    switch (t->kind) {
    case 't':
        put_token(w, q);
        break;
    case 'd':
        put_date(w, q);
        break;
    case 'q':
        put_quantity(w, q);
        break;
    case 's':
        buf_printf(q, "%s", PICK(w, "nguyen", "an", "nguy%E1%BB%85n v%C4%83n", "le", "b", "khong",
                                 "thi", "do an", "benh vien", "thi b", "guyen", "nguyen thi c",
                                 "le loi", "phu hoi", "phuong phu hoi, thanh pho hue, tinh thua th",
                                 "phuong phu hoi, thanh pho hue, tinh thua thien hue cu, viet nam"));
        break;
    case 'p':
        put_id(w, q, FHIR_T_PATIENT, below(w, 2) == 0);
        break;
    case 'e':
        put_id(w, q, FHIR_T_ENCOUNTER, below(w, 2) == 0);
        break;
    case 'o':
        put_id(w, q, FHIR_T_ORGANIZATION, true);
        break;
    case 'r':
        put_id(w, q, FHIR_T_PRACTITIONER, true);
        break;
    case 'g':
        buf_printf(q, "%s", PICK(w, "male", "female", "%7Cmale", "unknown",
                                 "http://hl7.org/fhir/administrative-gender%7Cfemale",
                                 "http://hl7.org/fhir/administrative-gender%7C", "urn:x%7Cmale"));
        break;
    case 'u':
        buf_printf(q, "%s", PICK(w, "final", "amended", "finished", "planned", "%7Cfinal",
                                 "%7Cfinished", "http://hl7.org/fhir/observation-status%7Cfinal",
                                 "http://hl7.org/fhir/encounter-status%7C"));
        break;
    case 'i':
        if (below(w, 8) == 0) {
            buf_printf(q, "%s", PICK(w, "urn:x%7C", "urn:y%7C", "urn:z%7C"));
            break;
        }
        buf_printf(q, "%sP%u", PICK(w, "", "urn:x%7C", "urn:y%7C", "%7C"), below(w, 60));
        break;
    case 'h':
        if (below(w, 6) == 0) {
            buf_printf(q, "%s", PICK(w, "home%7C", "mobile%7C", "phone%7C"));
            break;
        }
        buf_printf(q, "%s09%u", PICK(w, "", "home%7C", "mobile%7C", "phone%7C", "%7C"), below(w, 5));
        break;
    case 'b':
        buf_printf(q, "%s", PICK(w, "true", "false", "%7Ctrue", "%7Cfalse", "urn:x%7Ctrue",
                                 "http://terminology.hl7.org/CodeSystem/special-values%7Ctrue"));
        break;
    case 'n':
        put_id(w, q, t->type, false);
        break;
    default:
        put_token(w, q);
        buf_put_lit(q, "$");
        put_quantity(w, q);
        break;
    }
}

static void put_term(World *w, Buf *q, const QueryTerm *t) {
    if (t->kind == 'l') {
        put_updated(w, q);
        return;
    }
    buf_printf(q, "%s", t->param);
    if (below(w, 10) == 0 && t->kind != 'n' && t->kind != 'c') {
        buf_printf(q, ":missing=%s", PICK(w, "true", "false"));
        return;
    }
    bool is_token = strchr("tguihb", t->kind) != NULL;
    if (is_token && below(w, 6) == 0) {
        buf_put_lit(q, ":not");
    }
    if (t->kind == 's') {
        buf_printf(q, "%s", PICK(w, "", ":contains", ":exact"));
    }
    for (unsigned n = 1 + (below(w, 3) == 0 ? below(w, 4) : 0), i = 0; i < n; i++) {
        buf_printf(q, "%c", i == 0 ? '=' : ',');
        put_value(w, q, t);
    }
}

static FhirType put_query(World *w, Buf *q) {
    const QueryTerm *first = &TERMS[below(w, ARRAY_LEN(TERMS))];
    put_term(w, q, first);
    for (unsigned more = below(w, 3); more > 0;) {
        const QueryTerm *t = &TERMS[below(w, ARRAY_LEN(TERMS))];
        if (t->type == first->type) {
            buf_put_lit(q, "&");
            put_term(w, q, t);
            more--;
        }
    }
    return first->type;
}

/* ---- the scan ---- */

/* Slots current at the snapshot that match, newest first. */
static size_t scan(World *w, const FhirQuery *query, RecordNo snapshot, Slot *out) {
    static Slot newest[RESOURCES_MAX];
    memset(newest, 0, sizeof(newest));
    for (int i = 0; i < w->n_versions; i++) {
        const KnownVersion *v = &w->versions[i];
        if (SLOT_RECORD(v->slot) <= snapshot) {
            newest[v->resource] = v->deleted ? 0 : v->slot;
        }
    }
    size_t n = 0;
    Arena *arena = arena_new((size_t)1 << 26);
    for (int i = 0; i < w->n; i++) {
        if (newest[i] == 0 || w->resources[i].type != query->type) {
            continue;
        }
        StoreVersion v;
        const JsonNode *root = NULL;
        bool matches = false;
        arena_reset(arena);
        assert_ok(store_get_slot(w->home.store, arena, newest[i], &v));
        assert_ok(json_parse(arena, v.json, &root, NULL));
        FhirMatchContext context = {.id = v.id, .last_updated = v.time, .base_url = STR_EMPTY};
        assert_ok(fhir_match(arena, query, root, &context, &matches));
        if (matches) {
            size_t at = n++;
            for (; at > 0 && out[at - 1] < newest[i]; at--) {
                out[at] = out[at - 1];
            }
            out[at] = newest[i];
        }
    }
    arena_free(arena);
    return n;
}

static void check_page(World *w, const char *text, const StorePage *page, const Slot *want,
                       size_t n) {
    bool same = page->n_matches == n;
    for (size_t i = 0; i < n && same; i++) {
        same = page->matches[i].slot == want[i];
    }
    if (!same) {
        print_error("query %s\n index %zu, scan %zu hits\n", text, page->n_matches, n);
        for (size_t i = 0; i < MAX(page->n_matches, n) && i < 12; i++) {
            print_error("  %llu %llu\n",
                        (unsigned long long)(i < page->n_matches ? page->matches[i].slot : 0),
                        (unsigned long long)(i < n ? want[i] : 0));
        }
    }
    assert_true(same);
    assert_int_equal(page->next, 0);
    (void)w;
}

static void check_total(const char *text, const StorePage *page, size_t n) {
    if (page->total != n) {
        print_error("query %s\n total %llu, scan %zu\n", text, (unsigned long long)page->total, n);
    }
    assert_int_equal(page->total, n);
}

/* The pages of `count` hits each, while the store goes on changing. */
static void check_pages(World *w, const FhirQuery *query, const Slot *want, size_t n,
                        RecordNo snapshot) {
    StoreSearch search = {.query = query, .snapshot = snapshot, .count = 1 + below(w, 7)};
    bool up = query->n_sorts > 0 && !query->sorts[0].is_descending;
    size_t at = 0;
    do {
        StorePage page = {0};
        assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
        assert_int_equal(page.snapshot, snapshot);
        for (size_t i = 0; i < page.n_matches; i++, at++) {
            assert_true(at < n);
            assert_int_equal(page.matches[i].slot, want[up ? n - 1 - at : at]);
        }
        search.after = page.next;
        if (below(w, 4) == 0) {
            commit_any(w);
        }
    } while (search.after != 0);
    assert_int_equal(at, n);
}

static void check_query(World *w, size_t *ret_hits) {
    static Slot want[RESOURCES_MAX];
    CLEANUP_BUF Buf text;
    buf_init(&text, 65536);
    arena_reset(w->arena);
    FhirType type = put_query(w, &text);
    FhirQuery query;
    FhirQueryScope scope = {.type = type, .base_url = STR("https://nhip.example/fhir"),
                            .now = 1704067200000, .info = &w->home.info};
    ErrCode err = fhir_query_parse(w->arena, &scope, buf_str(&text), &query);
    if (err != ERR_OK) {
        print_error("%s: %s\n", buf_cstr(&text), w->home.info.what_en);
    }
    assert_ok(err);
    RecordNo now = store_snapshot(w->home.store);
    RecordNo snapshot = below(w, 3) > 0 ? now : 1 + below(w, (unsigned)now);
    size_t n = scan(w, &query, snapshot, want);
    StoreSearch search = {.query = &query, .snapshot = snapshot, .count = 1000, .want_total = true};
    StorePage page = {0};
    assert_ok(store_search(w->home.store, w->arena, &search, &page, &w->home.info));
    char label[600];
    (void)snprintf(label, sizeof(label), "%s?%s @%llu", fhir_type_name(type), buf_cstr(&text),
                   (unsigned long long)snapshot);
    if (n <= 1000) {
        check_page(w, label, &page, want, n);
    }
    check_total(label, &page, n);
    if (below(w, 5) == 0) {
        query.n_sorts = below(w, 2);
        query.sorts[0] = (FhirSort){.param = FHIR_P__LAST_UPDATED};
        check_pages(w, &query, want, n, snapshot);
    }
    *ret_hits += n;
}

/* SEARCH_TEST_SEED=n runs other worlds than the usual ones. */
static uint64_t seed_of(uint64_t number) {
    const char *other = getenv("SEARCH_TEST_SEED");
    return number + (other == NULL ? 0 : strtoull(other, NULL, 10) * 1000);
}

static void run_world(uint64_t seed, unsigned seal_records, int commits) {
    World *w = world_new(seed_of(seed), seal_records);
    size_t hits = 0;
    for (int i = 0; i < commits; i++) {
        commit_any(w);
    }
    store_settle(w->home.store);
    for (int i = 0; i < QUERIES / 2; i++) {
        check_query(w, &hits);
    }
    home_reopen(&w->home);
    for (int i = 0; i < commits / 10; i++) {
        commit_any(w);
    }
    for (int i = 0; i < QUERIES / 2; i++) {
        check_query(w, &hits);
    }
    assert_true(hits > QUERIES); /* the queries do find something */
    world_free(w);
}

static void index_answers_as_a_scan_over_many_segments(void **state) {
    (void)state;
    run_world(1, 3, 900);
}

static void index_answers_as_a_scan_in_the_tail_alone(void **state) {
    (void)state;
    run_world(2, 100000, 300);
}

static void a_rebuild_answers_the_same(void **state) {
    (void)state;
    World *w = world_new(seed_of(3), 4);
    for (int i = 0; i < 300; i++) {
        commit_any(w);
    }
    Sha256 before;
    Sha256 after;
    assert_ok(store_view_digest(w->home.store, &before));
    store_close(w->home.store);
    w->home.store = NULL;
    assert_ok(store_rebuild(&w->home.options, NULL, &w->home.info));
    home_open(&w->home);
    assert_ok(store_view_digest(w->home.store, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    size_t hits = 0;
    for (int i = 0; i < 60; i++) {
        check_query(w, &hits);
    }
    world_free(w);
}

/* ---- what a scan does not show ---- */

static World *small_world(void) {
    World *w = world_new(4, 100000);
    StoreChange changes[] = {
        create(FHIR_T_ORGANIZATION, STR("{\"resourceType\":\"Organization\",\"name\":\"Trạm Thử\"}")),
        create(FHIR_T_PATIENT, STR("{\"resourceType\":\"Patient\",\"name\":[{\"text\":\"Lê Thử\"}],"
                                   "\"managingOrganization\":{\"reference\":\"Organization/org-1\"},"
                                   "\"identifier\":[{\"system\":\"urn:x\",\"value\":\"7\"}]}")),
    };
    changes[0].id = STR("org-1");
    changes[1].id = STR("pat-1");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        StoreGroup group = {.changes = &changes[i], .n_changes = 1,
                            .patient_change = i == 1 ? 0 : -1};
        StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
        Slot slot = 0;
        assert_ok(store_commit(w->home.store, &commit, NULL, &slot, &w->home.info));
        remember(w, changes[i].type, changes[i].id, slot, -1);
    }
    return w;
}

/* n encounters of pat-1, each with one observation of code "c<number mod 7>". */
static void add_visits(World *w, int n) {
    for (int i = 0; i < n; i++) {
        StoreChange changes[2];
        changes[0] = create(FHIR_T_ENCOUNTER,
                            STR("{\"resourceType\":\"Encounter\",\"status\":\"finished\",\"class\":"
                                "{\"code\":\"AMB\"},\"subject\":{\"reference\":\"Patient/~\"},"
                                "\"serviceProvider\":{\"reference\":\"Organization/org-1\"}}"));
        changes[1] = create(FHIR_T_OBSERVATION,
                            home_text(&w->home,
                                      "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":"
                                      "{\"coding\":[{\"system\":\"urn:x\",\"code\":\"c%d\"}]},"
                                      "\"subject\":{\"reference\":\"Patient/~\"},\"encounter\":"
                                      "{\"reference\":\"Encounter/~0\"},\"effectiveDateTime\":"
                                      "\"2024-01-01T10:00:00+07:00\"}",
                                      i % 7));
        StoreGroup group = {.changes = changes, .n_changes = 2, .patient_change = -1,
                            .patient = w->resources[1].first};
        StoreCommit commit = {.groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
        assert_ok(store_commit(w->home.store, &commit, NULL, NULL, &w->home.info));
    }
}

static ErrCode ask(World *w, FhirType type, const char *text, size_t count, StorePage *ret) {
    FhirQuery query;
    FhirQueryScope scope = {.type = type, .base_url = STR("https://nhip.example/fhir"),
                            .now = 1704067200000, .info = &w->home.info};
    ErrCode err = fhir_query_parse(w->arena, &scope, str_from(text), &query);
    if (err != ERR_OK) {
        print_error("%s: %s\n", text, w->home.info.what_en);
    }
    assert_ok(err);
    StoreSearch search = {.query = &query, .count = count, .want_total = true};
    return store_search(w->home.store, w->arena, &search, ret, &w->home.info);
}

static size_t count_type(const StorePage *page, FhirType type) {
    size_t n = 0;
    for (size_t i = 0; i < page->n_includes; i++) {
        n += page->includes[i].type == type;
    }
    return n;
}

static void includes_come_once_and_current(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 10);
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:subject&_include=Observation:encounter",
                  4, &page));
    assert_int_equal(page.n_matches, 4);
    assert_int_equal(page.total, 10);
    assert_int_equal(count_type(&page, FHIR_T_PATIENT), 1);
    assert_int_equal(count_type(&page, FHIR_T_ENCOUNTER), 4);

    StoreVersion before;
    assert_ok(store_get(w->home.store, w->arena, FHIR_T_PATIENT, STR("pat-1"), &before));
    StoreChange change = {.op = STORE_UPDATE, .type = FHIR_T_PATIENT, .id = STR("pat-1"),
                          .prev = before.slot,
                          .json = STR("{\"resourceType\":\"Patient\",\"active\":true,"
                                      "\"managingOrganization\":{\"reference\":"
                                      "\"Organization/org-1\"}}")};
    assert_ok(commit_some(&w->home, &change, 1, NULL));
    assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:subject", 3, &page));
    assert_int_equal(page.n_includes, 1);
    assert_int_equal(page.includes[0].version, 2);

    assert_ok(ask(w, FHIR_T_ORGANIZATION,
                  "_revinclude=Encounter:service-provider&_revinclude=Patient:organization", 9, &page));
    assert_int_equal(page.n_matches, 1);
    assert_int_equal(count_type(&page, FHIR_T_ENCOUNTER), 10);
    assert_int_equal(count_type(&page, FHIR_T_PATIENT), 1);
    assert_ok(ask(w, FHIR_T_ENCOUNTER, "_revinclude=Observation:encounter", 2, &page));
    assert_int_equal(count_type(&page, FHIR_T_OBSERVATION), 2);
    world_free(w);
}

static void a_page_with_too_many_includes_says_so(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 9);
    for (unsigned most = 8; most <= 10; most++) {
        w->home.options.include_max = most;
        home_reopen(&w->home);
        StorePage page = {0};
        assert_ok(ask(w, FHIR_T_ORGANIZATION, "_revinclude=Encounter:service-provider", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 9));
        assert_int_equal(page.includes_cut, most < 9);
        assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:encounter", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 9));
        assert_int_equal(page.includes_cut, most < 9);
        assert_ok(ask(w, FHIR_T_OBSERVATION,
                      "_include=Observation:encounter&_include=Observation:subject", 9, &page));
        assert_int_equal(page.n_includes, MIN(most, 10));
        assert_int_equal(page.includes_cut, most < 10);
        if (most == 8) { /* as the answer advises */
            assert_ok(ask(w, FHIR_T_OBSERVATION, "_include=Observation:encounter", 8, &page));
            assert_false(page.includes_cut);
        }
    }
    world_free(w);
}

/* What the index leaves open must be read: here times of one day. What it knows costs nothing. */
static void a_search_that_reads_too_much_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 40);
    StorePage page = {0};
    static const char *const OPEN = "date=ge2024-01-01T09:00:00%2B07:00&_summary=count";
    for (unsigned most = 39; most <= 40; most++) {
        w->home.options.search_work_max = most;
        home_reopen(&w->home);
        w->home.info = (ErrInfo){0};
        ErrCode err = ask(w, FHIR_T_OBSERVATION, OPEN, 0, &page);
        assert_int_equal(err, most < 40 ? ERR_LIMIT : ERR_OK);
        assert_string_equal(w->home.info.rule, most < 40 ? "search-work" : "");
        assert_int_equal(most < 40 ? 40 : page.total, 40);
    }
    w->home.options.search_work_max = 5;
    home_reopen(&w->home);
    assert_ok(ask(w, FHIR_T_OBSERVATION, "date=2024-01-01&_summary=count", 0, &page));
    assert_int_equal(page.total, 40);
    assert_ok(ask(w, FHIR_T_OBSERVATION, "code=urn:x%7Cc1", 4, &page)); /* the total from the keys */
    assert_int_equal(page.total, 6);
    assert_int_equal(ask(w, FHIR_T_OBSERVATION, "code=urn:x%7Cc1", 6, &page), ERR_LIMIT);
    assert_true(strstr(w->home.info.what_en, "more than 5 resources") != NULL);
    assert_true(strstr(w->home.info.what_vi, "hơn 5 tài nguyên") != NULL);
    world_free(w);
}

static void long_or_lists_are_answered_once_each(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 70);
    CLEANUP_BUF Buf text;
    buf_init(&text, 1 << 20);
    buf_put_lit(&text, "code=");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&text, "%surn:x%%7Cc%d", i == 0 ? "" : ",", i % 2 == 0 ? i % 8 : i);
    }
    StorePage page = {0};
    assert_ok(ask(w, FHIR_T_OBSERVATION, buf_cstr(&text), 1000, &page));
    assert_int_equal(page.n_matches, 70); /* c0 c2 c4 c6 by the even, c1 c3 c5 by the odd ones */
    assert_int_equal(page.total, 70);
    buf_clear(&text);
    buf_put_lit(&text, "_id=");
    for (int i = 0; i < 10000; i++) {
        buf_printf(&text, "%s%s-%d", i == 0 ? "" : ",", i % 3 == 0 ? "pat" : "nobody", i % 50);
    }
    assert_ok(ask(w, FHIR_T_PATIENT, buf_cstr(&text), 10, &page));
    assert_int_equal(page.n_matches, 1);
    world_free(w);
}

static ErrCode count_each(void *ctx, const StoreVersion *version) {
    ++*(int *)ctx;
    return version->deleted ? ERR_INTERNAL : ERR_OK;
}

static void tokens_and_patients_are_found_directly(void **state) {
    (void)state;
    World *w = small_world();
    add_visits(w, 5);
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = {FHIR_T_PATIENT, FHIR_P_IDENTIFIER, STR("urn:x"), STR("7")};
    assert_ok(store_find(w->home.store, w->arena, &token, 5, &found, &n));
    assert_int_equal(n, 1);
    assert_str(found[0].id, STR("pat-1"));
    token.system = STR("urn:y");
    assert_ok(store_find(w->home.store, w->arena, &token, 5, &found, &n));
    assert_int_equal(n, 0);
    int seen = 0;
    assert_ok(store_patient(w->home.store, w->arena, w->resources[1].first, count_each, &seen));
    assert_int_equal(seen, 11); /* the patient and five visits of two */
    world_free(w);
}

static void a_page_of_an_unknown_snapshot_is_refused(void **state) {
    (void)state;
    World *w = small_world();
    FhirQuery query = {.type = FHIR_T_PATIENT};
    StoreSearch search = {.query = &query, .snapshot = 1000, .count = 1};
    StorePage page = {0};
    assert_int_equal(store_search(w->home.store, w->arena, &search, &page, &w->home.info),
                     ERR_PARAM);
    assert_string_equal(w->home.info.rule, "page-snapshot");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(includes_come_once_and_current),
        cmocka_unit_test(a_page_with_too_many_includes_says_so),
        cmocka_unit_test(a_search_that_reads_too_much_is_refused),
        cmocka_unit_test(long_or_lists_are_answered_once_each),
        cmocka_unit_test(tokens_and_patients_are_found_directly),
        cmocka_unit_test(a_page_of_an_unknown_snapshot_is_refused),
        cmocka_unit_test(index_answers_as_a_scan_over_many_segments),
        cmocka_unit_test(index_answers_as_a_scan_in_the_tail_alone),
        cmocka_unit_test(a_rebuild_answers_the_same),
    };
    return cmocka_run_group_tests_name("store/search", tests, NULL, NULL);
}
