/* fhir_xml — any bytes as FHIR XML, and as FHIR JSON to be written as XML. Held: what is read is
 * one canonical JSON resource; a resource that R4's tables know writes to XML that reads back to
 * JSON which writes to the same XML. */
#include "core/limits.h"
#include "fhir/fhir_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* json → xml → json → xml: both XML texts are the same. */
static void check_written(Arena *arena, Str json, bool must_write) {
    Buf xml, back, again;
    ErrInfo info = {0};
    FhirResource r;
    FhirXmlOptions options = {.arena = arena};
    buf_init(&xml, LIMIT_JSON_BYTES);
    buf_init(&back, LIMIT_JSON_BYTES);
    buf_init(&again, LIMIT_JSON_BYTES);
    ErrCode err = fhir_parse(arena, json, &r, NULL);
    if (err == ERR_OK) {
        err = fhir_xml_write(&r, &options, &xml, &info);
    }
    if (err == ERR_OK && fhir_xml_read(buf_str(&xml), &back, &info) == ERR_OK) {
        FhirResource second;
        if (fhir_parse(arena, buf_str(&back), &second, NULL) == ERR_OK &&
            (fhir_xml_write(&second, &options, &again, &info) != ERR_OK ||
             !str_eq(buf_str(&xml), buf_str(&again)))) {
            abort();
        }
    } else if (err == ERR_OK && info.code == ERR_SYNTAX) {
        abort(); /* what we write is well-formed whatever it says */
    } else if (must_write && err != ERR_OK && err != ERR_LIMIT && info.code != ERR_INVALID) {
        abort();
    }
    buf_release(&again);
    buf_release(&back);
    buf_release(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new(256 * LIMIT_MIB);
    Buf json;
    ErrInfo info = {0};
    Str text = {(const char *)data, size};
    buf_init(&json, 16 * LIMIT_MIB);
    if (arena == NULL) {
        abort();
    }
    ErrCode err = fhir_xml_read(text, &json, &info);
    if (err == ERR_OK) {
        const JsonNode *root = NULL;
        ErrInfo why = {0};
        ErrCode parsed = json_parse(arena, buf_str(&json), &root, &why);
        if (parsed != ERR_OK ? parsed != ERR_LIMIT : !json_is_canonical(root)) {
            abort();
        }
        check_written(arena, buf_str(&json), true);
    } else if (info.code != err || info.rule[0] == '\0') {
        abort(); /* a refusal names its rule */
    }
    check_written(arena, text, false);
    buf_release(&json);
    arena_free(arena);
    return 0;
}
