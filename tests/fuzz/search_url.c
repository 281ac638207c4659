/* "Type?query" into the search parser. What it accepts is printed and read again: the text must
 * come back unchanged, and both queries must give the same answer on the same resource. */
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

static bool answer(Arena *arena, const FhirQuery *q) {
    const JsonNode *root = NULL;
    bool matches = false;
    FhirMatchContext context = {.id = STR("1"), .last_updated = 1, .base_url = base_url};
    ENSURE(json_parse(arena, str_from(resource), &root, NULL) == ERR_OK);
    ENSURE(fhir_match(arena, q, root, &context, &matches) == ERR_OK);
    return matches;
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
                            .base_url = base_url,
                            .now = INT64_C(1795226400000),
                            .info = &info};
    if (scope.type != FHIR_T_NONE) {
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
