/* fhir_parse — any bytes through parse, validate, print (whole, summary, _elements) and the
 * printing of the issues. Held: what parses prints to a text that parses and prints to itself; a
 * printed OperationOutcome is valid by our own validator. */
#include "core/limits.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(Arena *arena, Str text, bool must_be_valid) {
    Buf again;
    buf_init(&again, LIMIT_JSON_BYTES);
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    if (fhir_parse(arena, text, &r, &issues) != ERR_OK) {
        abort();
    }
    if (must_be_valid && fhir_validate(&r, NULL, &issues) != ERR_OK) {
        abort();
    }
    fhir_print(&again, &r, NULL);
    if (!str_eq(buf_str(&again), text)) {
        abort();
    }
    buf_release(&again);
}

static void print_all(Arena *arena, const FhirResource *r) {
    static const Str elements[] = {{"name", 4}, {"value", 5}, {"entry", 5}};
    Buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    fhir_print(&out, r, NULL);
    check_again(arena, buf_str(&out), false);
    for (int summary = FHIR_SUMMARY_TRUE; summary <= FHIR_SUMMARY_DATA; summary++) {
        buf_clear(&out);
        fhir_print(&out, r, &(FhirPrintOptions){.summary = (FhirSummary)summary});
        check_again(arena, buf_str(&out), false);
    }
    buf_clear(&out);
    fhir_print(&out, r, &(FhirPrintOptions){.elements = elements, .n_elements = 3});
    check_again(arena, buf_str(&out), false);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_new(64 * LIMIT_MIB);
    char *exact = malloc(size + 1); /* reads behind the text are reads behind the block */
    if (arena == NULL || exact == NULL) {
        abort();
    }
    memcpy(exact, data, size);
    char *text = realloc(exact, size == 0 ? 1 : size);
    FhirIssues issues = fhir_issues(arena);
    FhirResource r;
    if (text != NULL && fhir_parse(arena, (Str){text, size}, &r, &issues) == ERR_OK) {
        FhirValidateOptions options = {.local_references = size % 2 == 0};
        ErrCode err = fhir_validate(&r, &options, &issues);
        if ((err == ERR_OK) != (issues.n == 0)) { /* a refusal names its reason */
            abort();
        }
        print_all(arena, &r);
    }
    Buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    fhir_print_outcome(&out, &issues, size % 2 == 0 ? FHIR_LANG_VI : FHIR_LANG_EN);
    check_again(arena, buf_str(&out), true);
    buf_release(&out);
    free(text);
    arena_free(arena);
    return 0;
}
