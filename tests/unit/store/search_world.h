/* search_world.h — a random world of resources of several types, created, updated and deleted over
 * several levels of segments, that the tests of the search share. */
#ifndef NHIP_TESTS_UNIT_STORE_SEARCH_WORLD_H
#define NHIP_TESTS_UNIT_STORE_SEARCH_WORLD_H

#include "unit/store/store_help.h"

#include "core/clock.h"
#include "core/random.h"
#include "fhir/fhir_match.h"
#include "fhir/fhir_query.h"
#include "store/store_int.h"

enum { RESOURCES_MAX = 6000, VERSIONS_MAX = 12000 };

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

static UNUSED unsigned below(World *w, unsigned n) {
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

static UNUSED Str coding(World *w) {
    const char *system = below(w, 4) == 0 ? NULL : PICK(w, SYSTEMS[0], SYSTEMS[1]);
    const char *code = CODES[below(w, 5)];
    const char *display = PICK(w, "", "", ",\"display\":\"Đái tháo đường\"",
                               ",\"display\":\"Một bệnh có tên rất dài, đọc mãi chưa hết, đến chỗ "
                               "này mới tới chữ cuối cùng\"");
    return system == NULL
               ? home_text(&w->home, "{\"code\":\"%s\"%s}", code, display)
               : home_text(&w->home, "{\"system\":\"%s\",\"code\":\"%s\"%s}", system, code, display);
}

static UNUSED Str concept(World *w) {
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

static UNUSED Str moment(World *w) {
    const char *day = DAYS[below(w, 6)];
    if (below(w, 3) == 0) {
        return home_text(&w->home, "%.*s", PICK(w, "4", "7", "10")[0] == '4' ? 4 : 10, day);
    }
    return home_text(&w->home, "%s%s", day, TIMES[below(w, 5)]);
}

/* A living resource of the type, or -1. */
static UNUSED int some(World *w, FhirType type) {
    for (int tries = 0; tries < 40 && w->n > 0; tries++) {
        int at = (int)below(w, (unsigned)w->n);
        if (w->resources[at].type == type && !w->resources[at].deleted) {
            return at;
        }
    }
    return -1;
}

static UNUSED Str reference(World *w, const char *member, const char *type_name, FhirType type) {
    int at = some(w, type);
    if (at < 0 || below(w, 3) == 0) {
        return STR_EMPTY;
    }
    if (below(w, 12) == 0) {
        return home_text(&w->home, ",\"%s\":{\"reference\":\"https://example.org/%s/9\"}", member,
                         type_name);
    }
    Str id = w->resources[at].id;
    return home_text(&w->home, ",\"%s\":{\"reference\":\"%s/" STR_FMT "%s\"%s}", member, type_name,
                     STR_ARG(id), PICK(w, "", "", "", "/_history/1", "/_history/2"),
                     PICK(w, "", "", ",\"display\":\"Phòng khám Đa khoa\"",
                          ",\"identifier\":{\"system\":\"urn:x\",\"value\":\"R1\"}",
                          ",\"identifier\":{\"value\":\"R2\"},\"display\":\"Khoa Nhi\""));
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

static UNUSED Str make_patient(World *w) {
    const char *name = NAMES[below(w, 6)];
    Str gp = reference(w, "generalPractitioner", "Practitioner", FHIR_T_PRACTITIONER);
    Str gp_list = STR_EMPTY;
    if (gp.len > 0) { /* a list in R4 */
        gp_list = home_text(&w->home, ",\"generalPractitioner\":[" STR_FMT "]",
                            (int)gp.len - 23, gp.ptr + 23);
    }
    const char *gender = PICK(w, "\"gender\":\"male\",", "\"gender\":\"female\",", "");
    return home_text(&w->home,
                     "{\"resourceType\":\"Patient\",\"identifier\":[{%s%s\"value\":"
                     "\"P%u\"}],%s%s%s%s\"name\":[{\"text\":\"%s\"%s}],\"birthDate\":\"%s\"" STR_FMT "}",
                     PICK(w, "", "\"type\":{\"coding\":[{\"system\":\"urn:x\",\"code\":\"MR\"}]},",
                          "\"type\":{\"coding\":[{\"system\":\"urn:y\",\"code\":\"MR\"},{\"code\":\"SB\"}],"
                          "\"text\":\"Số bệnh án\"},"),
                     PICK(w, "\"system\":\"urn:x\",", "\"system\":\"urn:y\",", ""), below(w, 60),
                     gender, tokens_of_person(w), PICK(w, "", "\"deceasedBoolean\":true,",
                     "\"deceasedBoolean\":false,", "\"deceasedDateTime\":\"2024-01-02\","),
                     PICK(w, "", ADDRESSES[0], ADDRESSES[1]), name,
                     PICK(w, "", ",\"given\":[\"Thị Bình\",\"An\"]"),
                     DAYS[below(w, 6)], STR_ARG(gp_list));
}

/* Sometimes in place of the patient: one that is contained. */
static UNUSED Str subject_inside(World *w, Str patient) {
    if (below(w, 9) > 0) {
        return patient;
    }
    Str gp = reference(w, "managingOrganization", "Organization", FHIR_T_ORGANIZATION);
    return home_text(&w->home,
                     ",\"subject\":{\"reference\":\"#p\"},\"contained\":[{\"resourceType\":"
                     "\"Patient\",\"id\":\"p\",\"name\":[{\"text\":\"%s\"}],\"gender\":\"%s\","
                     "\"birthDate\":\"%s\"" STR_FMT "}]",
                     NAMES[below(w, 6)], PICK(w, "male", "female"), DAYS[below(w, 6)], STR_ARG(gp));
}

static UNUSED Str make_observation(World *w, Str patient, Str encounter) {
    patient = subject_inside(w, patient);
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

static UNUSED Str make_condition(World *w, Str patient, Str encounter) {
    patient = subject_inside(w, patient);
    Str code = concept(w);
    Str when = moment(w);
    return home_text(&w->home,
                     "{\"resourceType\":\"Condition\",\"code\":" STR_FMT ",\"recordedDate\":\"" STR_FMT
                     "\"" STR_FMT STR_FMT "}",
                     STR_ARG(code), STR_ARG(when), STR_ARG(patient), STR_ARG(encounter));
}

static UNUSED Str make_encounter(World *w, Str patient) {
    Str org = reference(w, "serviceProvider", "Organization", FHIR_T_ORGANIZATION);
    if (below(w, 6) == 0) { /* "#o" may be of another type, or not there */
        Str up = below(w, 3) == 0 ? STR(",\"partOf\":{\"reference\":\"#up\"}")
                                  : reference(w, "partOf", "Organization", FHIR_T_ORGANIZATION);
        org = home_text(&w->home,
                        ",\"serviceProvider\":{\"reference\":\"#o\"},\"contained\":[{\"resourceType\":"
                        "\"%s\",\"id\":\"%s\",\"name\":\"%s\",\"active\":%s" STR_FMT "},"
                        "{\"resourceType\":\"Organization\",\"id\":\"up\",\"name\":\"Le\"}]",
                        PICK(w, "Organization", "Organization", "Organization", "Location"),
                        PICK(w, "o", "o", "o", "other"), PICK(w, "Bệnh viện Trong", "Lê"),
                        PICK(w, "true", "false"),
                        STR_ARG(up));
    }
    const char *day = DAYS[below(w, 6)];
    return home_text(&w->home,
                     "{\"resourceType\":\"Encounter\",\"status\":\"%s\",\"class\":{\"system\":"
                     "\"urn:x\",\"code\":\"%s\"},\"period\":{\"start\":\"%s\"%s}" STR_FMT STR_FMT "}",
                     PICK(w, "finished", "planned"), PICK(w, "IMP", "AMB"), day,
                     below(w, 2) == 0 ? ",\"end\":\"2024-02-20T10:00:00+07:00\"" : "",
                     STR_ARG(patient), STR_ARG(org));
}

static UNUSED Str make_other(World *w, FhirType type) {
    Str up = type == FHIR_T_ORGANIZATION && below(w, 3) > 0
                 ? reference(w, "partOf", "Organization", FHIR_T_ORGANIZATION)
                 : STR_EMPTY;
    return home_text(&w->home,
                     "{\"resourceType\":\"%s\",%s\"name\":%s,\"active\":%s" STR_FMT "}",
                     fhir_type_name(type),
                     PICK(w, "", "\"meta\":{\"profile\":[\"http://p.example/ig/a\"]},",
                          "\"meta\":{\"profile\":[\"http://p.example/ig/a/b|1.0\"]},",
                          "\"meta\":{\"profile\":[\"http://p.example/igs\"],\"tag\":[{\"system\":"
                          "\"urn:x\",\"code\":\"a1\"}]},"),
                     type == FHIR_T_ORGANIZATION ? "\"Bệnh viện Thử\""
                                                 : "[{\"text\":\"Bác sĩ Thử\"}]",
                     PICK(w, "true", "false"), STR_ARG(up));
}

/* Entries of any type, some of them not there. */
static UNUSED Str make_list(World *w) {
    Str entries = STR_EMPTY;
    for (unsigned n = 1 + below(w, 5); n > 0; n--) {
        const Known *k = &w->resources[below(w, (unsigned)w->n)];
        entries = home_text(&w->home, STR_FMT "%s{\"item\":{\"reference\":\"%s/" STR_FMT "\"}}",
                            STR_ARG(entries), entries.len > 0 ? "," : "", fhir_type_name(k->type),
                            STR_ARG(k->id));
    }
    return home_text(&w->home,
                     "{\"resourceType\":\"List\",\"status\":\"current\",\"mode\":\"working\","
                     "\"entry\":[" STR_FMT "]}",
                     STR_ARG(entries));
}

static UNUSED void remember(World *w, FhirType type, Str id, Slot slot, int patient) {
    assert_true(w->n < RESOURCES_MAX && w->n_versions < VERSIONS_MAX);
    w->versions[w->n_versions++] = (KnownVersion){w->n, slot, false};
    w->resources[w->n++] = (Known){type, id, slot, patient, false};
}

/* A visit: maybe a new patient, an encounter, observations and conditions that refer to both. */
static UNUSED void commit_visit(World *w) {
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

static UNUSED void commit_other(World *w) {
    FhirType type = below(w, 2) == 0   ? FHIR_T_ORGANIZATION
                    : below(w, 3) == 0 ? FHIR_T_LIST
                                       : FHIR_T_PRACTITIONER;
    StoreChange change = create(type, type == FHIR_T_LIST ? make_list(w) : make_other(w, type));
    if (below(w, 2) == 0) {
        change.id = home_text(&w->home, "other-%d", w->n);
    }
    Slot slot = 0;
    assert_ok(commit_some(&w->home, &change, 1, &slot));
    Str id = change.id.len > 0 ? change.id : store_id(w->home.store, w->home.arena, slot);
    remember(w, type, id, slot, -1);
}

static UNUSED Str make_again(World *w, const Known *k) {
    Str patient = STR_EMPTY;
    if (k->patient >= 0 && k->type != FHIR_T_PATIENT) {
        patient = home_text(&w->home, ",\"subject\":{\"reference\":\"Patient/" STR_FMT "%s\"}",
                            STR_ARG(w->resources[k->patient].id), PICK(w, "", "", "/_history/1"));
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
    case FHIR_T_LIST:
        return make_list(w);
    default:
        return make_other(w, k->type);
    }
}

/* Updates or deletes something that lives. */
static UNUSED void commit_change(World *w) {
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

static UNUSED void commit_any(World *w) {
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

static UNUSED World *world_new(uint64_t seed, unsigned seal_records) {
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

#include "unit/store/search_scan.h"

static UNUSED void world_free(World *w) {
    scan_forget();
    store_close(w->home.store);
    arena_free(w->home.arena);
    arena_free(w->arena);
    folder_remove(w->home.dir);
    free(w);
}

/* SEARCH_TEST_SEED=n runs other worlds than the usual ones. */
static UNUSED uint64_t seed_of(uint64_t number) {
    const char *other = getenv("SEARCH_TEST_SEED");
    return number + (other == NULL ? 0 : strtoull(other, NULL, 10) * 1000);
}

/* SEARCH_TEST_PART=n: an n-th of the queries (under ThreadSanitizer they take minutes). */
static UNUSED int part_of(int number) {
    const char *part = getenv("SEARCH_TEST_PART");
    int n = part == NULL ? 1 : (int)strtol(part, NULL, 10);
    return number / (n < 1 ? 1 : n);
}

static UNUSED World *small_world(void) {
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
static UNUSED void add_visits(World *w, int n) {
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

static UNUSED ErrCode ask(World *w, FhirType type, const char *text, size_t count, StorePage *ret) {
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

#endif
