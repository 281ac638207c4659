/* "Type?query", or of the whole system or a compartment, into the search parser. What it accepts is
 * printed and read again: the text must come back unchanged, and both queries must give the same
 * answer on the same resource. */
#include "core/limits.h"
#include "fhir/fhir_match.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Str base_url = {"https://nhip.example/fhir", 25};

/* Has members that most types' parameters look at; what a type does not know is passed over. */
static const char resource[] =
    "{\"id\":\"1\",\"meta\":{\"tag\":[{\"system\":\"s\",\"code\":\"c\"}],\"profile\":[\"http://"
    "p|1\"]},"
    "\"identifier\":[{\"system\":\"s\",\"value\":\"1\"}],\"name\":[{\"text\":\"Nguyễn Thử\"}],"
    "\"code\":{\"coding\":[{\"system\":\"s\",\"code\":\"c\"}]},\"status\":\"final\","
    "\"birthDate\":\"1980-02\",\"subject\":{\"reference\":\"Patient/1\"},"
    "\"effectivePeriod\":{\"start\":\"2026\"},\"valueQuantity\":{\"value\":1.50,\"code\":\"g\"},"
    "\"component\":[{\"code\":{\"coding\":[{\"code\":\"c\"}]},\"valueQuantity\":{\"value\":-2}}],"
    "\"prediction\":[{\"probabilityRange\":{\"low\":{\"value\":1e3}}}],\"url\":\"http://u\"}";

/* Other resources meet a term when their type's name is long: the same for equal queries. */
static ErrCode holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *reference,
                     bool *ret) {
    (void)ctx;
    *ret = (term->n_links + strlen(fhir_type_name(reference->type))) % 2 == 1;
    return ERR_OK;
}

static ErrCode expand(void *ctx, Arena *arena, Str value_set, size_t max, FhirCodeList *ret) {
    static FhirIndexToken codes[] = {{{"s", 1}, {"c", 1}, true}, {{"", 0}, {"d", 1}, false}};
    (void)ctx;
    (void)arena;
    (void)max;
    *ret = (FhirCodeList){codes, value_set.len % 3};
    return value_set.len % 5 == 4 ? ERR_NOT_FOUND : ERR_OK;
}

static ErrCode related(void *ctx, Arena *arena, const FhirIndexToken *code, bool above, size_t max,
                       FhirCodeList *ret) {
    return expand(ctx, arena, above ? code->code : code->system, max, ret);
}

static const FhirCodes codes = {NULL, expand, related};

static bool answer(Arena *arena, const FhirQuery *q) {
    const JsonNode *root = NULL;
    bool all = true;
    FhirQuery typed;
    FhirMatchLinks links = {NULL, holds, NULL};
    FhirMatchContext context = {
        .id = STR("1"), .last_updated = 1, .base_url = base_url, .links = &links};
    ENSURE(json_parse(arena, str_from(resource), &root, NULL) == ERR_OK);
    for (size_t at = 0; fhir_query_of(q, at, &typed); at++) {
        bool matches = false;
        ENSURE(fhir_match(arena, &typed, root, &context, &matches) == ERR_OK);
        all = all && matches;
    }
    return all;
}

static void round_trip(Arena *arena, const FhirQueryScope *scope, const FhirQuery *q) {
    CLEANUP_BUF Buf first;
    CLEANUP_BUF Buf second;
    FhirQuery again;
    buf_init(&first, 64 * LIMIT_MIB);
    buf_init(&second, 64 * LIMIT_MIB);
    fhir_query_print(&first, q);
    ENSURE(buf_ok(&first) == ERR_OK);
    ENSURE(fhir_query_parse(arena, scope, buf_str(&first), &again) == ERR_OK);
    fhir_query_print(&second, &again);
    ENSURE(str_eq(buf_str(&first), buf_str(&second)));
    ENSURE(answer(arena, q) == answer(arena, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str rest = {(const char *)data, size};
    Str name;
    if (!str_cut(&rest, '?', &name) || rest.ptr == NULL) {
        return 0;
    }
    Arena *arena = arena_new(256 * LIMIT_MIB);
    ErrInfo info = {0};
    FhirQuery q;
    FhirQueryScope scope = {.type = fhir_resource_by_name(name),
                            .codes = &codes,
                            .base_url = base_url,
                            .now = INT64_C(1795226400000),
                            .info = &info};
    if (str_eq(name, STR("Patient/*")) || str_eq(name, STR("Device/*"))) {
        scope.compartment = name.ptr[0] == 'P' ? FHIR_T_PATIENT : FHIR_T_DEVICE;
        scope.compartment_id = STR("1");
    }
    if (scope.type != FHIR_T_NONE || name.len == 0 || scope.compartment != FHIR_T_NONE) {
        ErrCode code = fhir_query_parse(arena, &scope, rest, &q);
        ENSURE(code == info.code || code == ERR_NOMEM);
        if (code == ERR_OK) {
            round_trip(arena, &scope, &q);
        } else {
            ENSURE(info.what_en[0] != '\0' && info.what_vi[0] != '\0' && info.where[0] != '\0');
        }
        /* What is left of a lenient one is a query that nobody need be lenient about. */
        FhirQueryScope lenient = scope;
        lenient.is_lenient = true;
        ErrCode again = fhir_query_parse(arena, &lenient, rest, &q);
        ENSURE(code != ERR_OK || again == ERR_NOMEM || (again == ERR_OK && q.n_ignored == 0));
        if (again == ERR_OK) {
            round_trip(arena, &scope, &q);
        }
    }
    arena_free(arena);
    return 0;
}
