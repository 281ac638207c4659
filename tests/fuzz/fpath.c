/* Any bytes as a FHIRPath expression over a resource that has something of everything, once loosely
 * and once with static types; the same bytes as a UCUM code. What compiles must evaluate or say why
 * not, within its steps; every node of the result stands on the tape. */
#include "fpath/fpath.h"
#include "fpath/ucum.h"

#include "core/limits.h"
#include "core/utf8.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char RESOURCE[] =
    "{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":\"final\",\"_status\":{\"id\":\"s\"}"
    ","
    "\"code\":{\"coding\":[{\"system\":\"http://"
    "loinc.org\",\"code\":\"8867-4\"},{\"code\":\"x\"}]},"
    "\"subject\":{\"reference\":\"#p\"},\"effectivePeriod\":{\"start\":\"2026-11\",\"end\":"
    "\"2026-11-22T09:00:00.5+07:00\"},\"valueQuantity\":{\"value\":36.60,\"unit\":\"°C\","
    "\"system\":"
    "\"http://unitsofmeasure.org\",\"code\":\"Cel\"},\"component\":[{\"valueString\":\"Đỗ\"},"
    "{\"valueTime\":\"12:30:00\"},{\"valueBoolean\":true},{\"valueInteger\":-3}],\"contained\":"
    "[{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"given\":[\"A\",null],\"_given\":"
    "[null,{\"id\":\"g\"}]}]}]}";

static void look(Arena *arena, const FpathItem *item) {
    Str text = fpath_item_string(arena, item);
    ENSURE(utf8_valid(text));
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    JsonWriter w = json_writer(&out);
    (void)fpath_item_put_json(&w, item);
    FpathPlace place;
    if (item->kind == FPATH_NODE && item->node != NULL) {
        ENSURE(fpath_item_place(item, &place));
    }
    fpath_item_location(&out, item);
    ENSURE(fpath_equivalent(arena, item, item) || item->kind == FPATH_NODE);
}

static void run(Str text, bool strict) {
    Arena *arena = arena_new(64 * LIMIT_MIB);
    const JsonNode *root = NULL;
    const FpathExpr *e = NULL;
    ErrInfo info = {0};
    FpathOptions options = {.context = FHIR_T_OBSERVATION, .strict = strict, .as_filters = !strict};
    ENSURE(json_parse(arena, str_from(RESOURCE), &root, NULL) == ERR_OK);
    ErrCode err = fpath_compile(arena, text, &options, &e, &info);
    if (err == ERR_OK) {
        FpathEnv env = fpath_env(root);
        FpathSeq seq = {NULL, 0};
        env.now = INT64_C(1795312800000);
        env.max_steps = 20000;
        err = fpath_eval(arena, e, &env, &seq, &info);
        for (size_t i = 0; err == ERR_OK && i < MIN(seq.n, (size_t)20); i++) {
            look(arena, &seq.items[i]);
        }
    }
    ENSURE(err == ERR_OK || (info.code == err && info.rule[0] != '\0' && info.what_vi[0] != '\0' &&
                             info.offset <= text.len));
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str text = {(const char *)data, size};
    run(text, false);
    run(text, true);
    UcumUnit unit;
    if (ucum_parse(text, &unit) == ERR_OK) {
        CLEANUP_BUF Buf code;
        buf_init(&code, LIMIT_KIB);
        Decimal value;
        UcumUnit again;
        if (ucum_canonical(decimal_from_i64(1), text, &value, &code) == ERR_OK) {
            ENSURE(ucum_parse(buf_str(&code), &again) == ERR_OK);
            ENSURE(ucum_comparable(&unit, &again));
        }
    }
    return 0;
}
