/* Search-value extraction and matching: fhir_extract over tapes that are already parsed, and
 * fhir_match of a query with three terms, one thread, best of ROUNDS rounds. Sets: every resource
 * of the Synthea bundles under NHIP_SHARED, and always generated resources of insurance claims
 * (Encounter, Condition, MedicationRequest, Observation, Claim; all people invented). Printed: µs a
 * resource, resources/s, MB/s of JSON text, values a resource, and the ratio to json_parse of the
 * same texts in the same run. Target: ≤ 6 µs a claim resource. */
#include "bench.h"
#include "core/limits.h"
#include "core/random.h"
#include "fhir/fhir_match.h"

enum { ROUNDS = 5 };

typedef struct Item {
    const JsonNode *root;
    Str text;
    FhirType type;
} Item;

typedef struct Set {
    const char *name;
    Arena *arena; /* the tapes */
    Item *items;
    size_t n, capacity, bytes;
} Set;

static void keep(Set *set, const JsonNode *resource) {
    if (set->n == set->capacity) {
        set->capacity = set->capacity == 0 ? 4096 : set->capacity * 2;
        set->items = realloc(set->items, set->capacity * sizeof *set->items);
    }
    Item item = {.root = resource, .text = json_raw(resource)};
    item.type = fhir_resource_by_name(json_str(set->arena, json_get_lit(resource, "resourceType")));
    if (set->items == NULL || item.type == FHIR_T_NONE) {
        (void)fprintf(stderr, "bench extract: bad resource or no memory\n");
        exit(1);
    }
    set->items[set->n++] = item;
    set->bytes += item.text.len;
}

/* Each line: a resource, or a Bundle whose entries count one by one. */
static void keep_lines(Set *set, Str text) {
    Str line;
    while (str_cut(&text, '\n', &line)) {
        const JsonNode *root = NULL;
        if (line.len == 0 || json_parse(set->arena, line, &root, NULL) != ERR_OK) {
            continue;
        }
        const JsonNode *list = json_get_lit(root, "entry");
        for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
            keep(set, json_get_lit(e, "resource"));
        }
        if (list == NULL) {
            keep(set, root);
        }
    }
}

static bool load_synthea(Set *set, Buf *text) {
    char command[512];
    (void)snprintf(command, sizeof command,
                   "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null", bench_shared());
    if (!bench_read_command(command, 512 * LIMIT_MIB, text)) {
        return false;
    }
    keep_lines(set, buf_str(text));
    return set->n > 0;
}

static unsigned pick(Random *r, unsigned n) {
    return (unsigned)random_below(r, n);
}

static void put_head(Buf *b, const char *type, int i) {
    buf_printf(
        b,
        "{\"resourceType\":\"%s\",\"id\":\"r%d\",\"meta\":{\"profile\":[\"http://nhip.example/"
        "ig/%s\"],\"source\":\"urn:nhip:site:46%03d\"},\"identifier\":[{\"system\":"
        "\"urn:nhip:ma-lk\",\"value\":\"46%03d-%d\"}],",
        type, i, type, i % 60, i % 60, i);
}

static void put_encounter(Buf *b, int i, Random *r) {
    put_head(b, "Encounter", i);
    buf_printf(
        b,
        "\"status\":\"finished\",\"class\":{\"system\":\"http://terminology.hl7.org/"
        "CodeSystem/v3-ActCode\",\"code\":\"AMB\"},\"type\":[{\"coding\":[{\"system\":"
        "\"urn:nhip:loai-kcb\",\"code\":\"01\",\"display\":\"Khám bệnh\"}]}],\"subject\":"
        "{\"reference\":\"Patient/~\"},\"period\":{\"start\":\"2026-%02u-%02uT08:10:00+07:00\","
        "\"end\":\"2026-12-30T10:20:00+07:00\"},\"reasonCode\":[{\"coding\":[{\"system\":"
        "\"http://hl7.org/fhir/sid/icd-10\",\"code\":\"J%02u\",\"display\":\"Viêm họng cấp\"}],"
        "\"text\":\"Viêm họng cấp\"}],\"serviceProvider\":{\"reference\":\"Organization/o%u\"},"
        "\"location\":[{\"location\":{\"reference\":\"Location/l%u\"}}]}\n",
        1 + pick(r, 12), 1 + pick(r, 28), pick(r, 100), pick(r, 60), pick(r, 300));
}

static void put_condition(Buf *b, int i, Random *r) {
    put_head(b, "Condition", i);
    buf_printf(
        b,
        "\"clinicalStatus\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/"
        "condition-clinical\",\"code\":\"active\"}]},\"category\":[{\"coding\":[{\"system\":"
        "\"http://terminology.hl7.org/CodeSystem/condition-category\",\"code\":"
        "\"encounter-diagnosis\"}]}],\"code\":{\"coding\":[{\"system\":\"http://hl7.org/fhir/"
        "sid/icd-10\",\"code\":\"E%02u.%u\",\"display\":\"Đái tháo đường\"}]},\"subject\":"
        "{\"reference\":\"Patient/~\"},\"encounter\":{\"reference\":\"Encounter/~1\"},"
        "\"recordedDate\":\"2026-%02u-11T09:00:00+07:00\"}\n",
        pick(r, 90), pick(r, 10), 1 + pick(r, 12));
}

static void put_medication(Buf *b, int i, Random *r) {
    put_head(b, "MedicationRequest", i);
    buf_printf(
        b,
        "\"status\":\"completed\",\"intent\":\"order\",\"medicationCodeableConcept\":"
        "{\"coding\":[{\"system\":\"urn:nhip:ma-thuoc\",\"code\":\"40.%u.%u\",\"display\":"
        "\"Paracetamol 500mg viên\"}],\"text\":\"Paracetamol 500mg viên\"},\"subject\":"
        "{\"reference\":\"Patient/~\"},\"encounter\":{\"reference\":\"Encounter/~1\"},"
        "\"authoredOn\":\"2026-%02u-11T09:00:00+07:00\",\"requester\":{\"reference\":"
        "\"Practitioner/p%u\"},\"dosageInstruction\":[{\"text\":\"Uống 2 lần mỗi ngày, mỗi lần 1 "
        "viên sau ăn\",\"route\":{\"coding\":[{\"system\":\"urn:nhip:duong-dung\",\"code\":"
        "\"1.01\"}]}}],\"dispenseRequest\":{\"quantity\":{\"value\":20,\"unit\":\"viên\"}}}\n",
        pick(r, 1000), pick(r, 10), 1 + pick(r, 12), pick(r, 500));
}

static void put_observation(Buf *b, int i, Random *r) {
    put_head(b, "Observation", i);
    buf_printf(
        b,
        "\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7."
        "org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],\"code\":{\"coding\":"
        "[{\"system\":\"urn:nhip:dvkt\",\"code\":\"23.%04u.1494\",\"display\":\"Định lượng "
        "Glucose [Máu]\"}]},\"subject\":{\"reference\":\"Patient/~\"},\"encounter\":"
        "{\"reference\":\"Encounter/~1\"},\"effectiveDateTime\":\"2026-%02u-11T09:30:00+07:00\","
        "\"performer\":[{\"reference\":\"Practitioner/p%u\"}],\"valueQuantity\":{\"value\":%u.%u,"
        "\"unit\":\"mmol/L\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mmol/L\"},"
        "\"referenceRange\":[{\"low\":{\"value\":3.9},\"high\":{\"value\":6.4}}]}\n",
        pick(r, 3000), 1 + pick(r, 12), pick(r, 500), 3 + pick(r, 12), pick(r, 10));
}

static void put_claim(Buf *b, int i, Random *r) {
    put_head(b, "Claim", i);
    buf_printf(
        b,
        "\"status\":\"active\",\"type\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/"
        "CodeSystem/claim-type\",\"code\":\"institutional\"}]},\"use\":\"claim\",\"patient\":"
        "{\"reference\":\"Patient/~\"},\"created\":\"2026-%02u-11T11:00:00+07:00\",\"insurer\":"
        "{\"reference\":\"Organization/bhxh\"},\"provider\":{\"reference\":\"Organization/o%u\"},"
        "\"priority\":{\"coding\":[{\"code\":\"normal\"}]},\"insurance\":[{\"sequence\":1,"
        "\"focal\":true,\"coverage\":{\"reference\":\"Coverage/~2\"}}],\"item\":[",
        1 + pick(r, 12), pick(r, 60));
    for (int k = 1; k <= 4; k++) {
        buf_printf(
            b,
            "%s{\"sequence\":%d,\"productOrService\":{\"coding\":[{\"system\":\"urn:nhip:dvkt\","
            "\"code\":\"02.%04u\"}]},\"quantity\":{\"value\":%u},\"unitPrice\":{\"value\":%u00,"
            "\"currency\":\"VND\"},\"encounter\":[{\"reference\":\"Encounter/~1\"}]}",
            k > 1 ? "," : "", k, pick(r, 3000), 1 + pick(r, 5), 10 + pick(r, 5000));
    }
    buf_put_lit(b, "]}\n");
}

static void generate(Set *set, Buf *text) {
    static void (*const kinds[])(Buf *, int, Random *) = {
        put_encounter,   put_condition,   put_medication,  put_medication,
        put_observation, put_observation, put_observation, put_claim,
    };
    Random r;
    random_init(&r, 1);
    buf_init(text, 256 * LIMIT_MIB);
    for (int i = 0; i < 40000; i++) {
        kinds[(size_t)i % ARRAY_LEN(kinds)](text, i, &r);
    }
    keep_lines(set, buf_str(text));
}

/* ---- work ---------------------------------------------------------------------------------------
 */

typedef struct CountSink {
    FhirIndexSink sink;
    size_t n;
} CountSink;

static void count_put(FhirIndexSink *sink, const FhirIndexValue *value) {
    (void)value;
    ((CountSink *)sink)->n++;
}

static bool run_parse(Arena *arena, const Item *item, CountSink *sink) {
    (void)sink;
    const JsonNode *root = NULL;
    return json_parse(arena, item->text, &root, NULL) == ERR_OK;
}

static bool run_extract(Arena *arena, const Item *item, CountSink *sink) {
    return fhir_extract(arena, item->type, item->root, &sink->sink) == ERR_OK;
}

static FhirQuery query;

static bool run_match(Arena *arena, const Item *item, CountSink *sink) {
    bool matches = false;
    FhirMatchContext context = {.id = STR("x"), .base_url = STR_EMPTY};
    if (item->type == FHIR_T_OBSERVATION &&
        fhir_match(arena, &query, item->root, &context, &matches) != ERR_OK) {
        return false;
    }
    sink->n += matches;
    return true;
}

static double measure(const Set *set, bool (*work)(Arena *, const Item *, CountSink *),
                      CountSink *sink) {
    Arena *arena = arena_new(256 * LIMIT_MIB);
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        sink->n = 0;
        double t0 = bench_now();
        for (size_t i = 0; i < set->n; i++) {
            if (!work(arena, &set->items[i], sink)) {
                (void)fprintf(stderr, "bench extract: a resource fails\n");
                exit(1);
            }
            arena_reset(arena);
        }
        best = MIN(best, bench_now() - t0);
    }
    arena_free(arena);
    return best;
}

static void print_line(const Set *set, const char *what, double seconds, double parse_seconds) {
    printf("%-10s %-12s %7.2f us/resource %9.0f resources/s %7.0f MB/s %5.2f x json_parse\n",
           set->name, what, seconds * 1e6 / (double)set->n, (double)set->n / seconds,
           (double)set->bytes / seconds / 1e6, seconds / parse_seconds);
}

static void run(const Set *set) {
    CountSink sink = {.sink = {count_put}};
    double parse = measure(set, run_parse, &sink);
    double extract = measure(set, run_extract, &sink);
    size_t values = sink.n;
    print_line(set, "json_parse", parse, parse);
    print_line(set, "fhir_extract", extract, parse);
    printf("%-10s %zu resources of %zu bytes, %.1f values each\n", set->name, set->n,
           set->bytes / set->n, (double)values / (double)set->n);
    size_t observations = 0;
    for (size_t i = 0; i < set->n; i++) {
        observations += set->items[i].type == FHIR_T_OBSERVATION;
    }
    double match = measure(set, run_match, &sink);
    printf("%-10s %-12s %7.2f us/Observation (%zu of %zu match)\n", set->name, "fhir_match",
           match * 1e6 / (double)observations, sink.n, observations);
}

int main(void) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    FhirQueryScope scope = {.type = FHIR_T_OBSERVATION, .base_url = STR_EMPTY};
    if (fhir_query_parse(arena, &scope, STR("status=final&date=ge2010&value-quantity=gt5"),
                         &query) != ERR_OK) {
        return 1;
    }
    bench_machine();
    Buf text[2] = {0};
    Set claims = {.name = "claims", .arena = arena_new(2048 * LIMIT_MIB)};
    Set synthea = {.name = "synthea", .arena = arena_new(2048 * LIMIT_MIB)};
    generate(&claims, &text[0]);
    run(&claims);
    if (load_synthea(&synthea, &text[1])) {
        run(&synthea);
    } else {
        printf("# synthea: not present, skipped\n");
    }
    return 0;
}
