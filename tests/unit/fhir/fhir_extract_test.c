#include "unit/test.h"

#include "core/limits.h"
#include "fhir/fhir_extract.h"

/* ---- values as text: one a line of the table below
 * ----------------------------------------------- */

static void put_time(Buf *b, TimeMs t) {
    if (t == INT64_MIN || t == INT64_MAX) {
        buf_put_lit(b, "*");
    } else {
        time_put_vn(b, t);
    }
}

static void put_quantity(Buf *b, const FhirIndexQuantity *q) {
    buf_printf(b, STR_FMT STR_FMT, STR_ARG(q->comparator), STR_ARG(q->value));
    if (q->is_range) {
        buf_printf(b, ".." STR_FMT, STR_ARG(q->high));
    }
    buf_printf(b, "|" STR_FMT "|" STR_FMT "|" STR_FMT, STR_ARG(q->system), STR_ARG(q->code),
               STR_ARG(q->unit));
}

static void put_reference(Buf *b, const FhirIndexReference *r) {
    if (r->url.len > 0) {
        buf_printf(b, STR_FMT "=", STR_ARG(r->url));
    }
    buf_printf(b, "%s/" STR_FMT, fhir_type_name(r->type), STR_ARG(r->id));
    if (r->is_record_patient || r->local >= 0) {
        buf_printf(b, "~%d", r->local);
    }
}

static void put_value(Buf *b, const FhirIndexValue *v) {
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
        buf_put_str(b, (v->flags & FHIR_TOKEN_TEXT) != 0 ? STR("text:") : STR_EMPTY);
        buf_printf(b, STR_FMT "%s" STR_FMT, STR_ARG(v->token.system),
                   v->token.has_system ? "|" : "", STR_ARG(v->token.code));
        break;
    case FHIR_INDEX_STRING:
        buf_put_str(b, v->string.text);
        break;
    case FHIR_INDEX_DATE:
        put_time(b, v->date.lo);
        buf_put_lit(b, "/");
        put_time(b, v->date.hi);
        break;
    case FHIR_INDEX_NUMBER:
        buf_printf(b, STR_FMT "%s" STR_FMT, STR_ARG(v->number.text), v->number.is_range ? ".." : "",
                   STR_ARG(v->number.high));
        break;
    case FHIR_INDEX_QUANTITY:
        put_quantity(b, &v->quantity);
        break;
    case FHIR_INDEX_URI:
        buf_put_str(b, v->uri.text);
        break;
    case FHIR_INDEX_REFERENCE:
        put_reference(b, &v->reference);
        break;
    case FHIR_INDEX_COMPOSITE:
        for (unsigned i = 0; i < v->composite.n_parts; i++) {
            buf_put(b, "$", i > 0 ? 1 : 0);
            put_value(b, v->composite.parts[i]);
        }
        break;
    case FHIR_INDEX_TEXT:
    case FHIR_INDEX_OF_TYPE:
    case FHIR_INDEX_IDENTIFIER:
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_POSITION:
    case FHIR_INDEX_CONTAINED:
        fail(); /* nobody asked for side values */
        break;
    }
}

typedef struct TextSink {
    FhirIndexSink sink;
    FhirParamId only;
    Buf *out;
} TextSink;

static void text_put(FhirIndexSink *sink, const FhirIndexValue *v) {
    TextSink *t = (TextSink *)sink;
    if (v->param == t->only) {
        buf_put(t->out, "; ", t->out->len > 0 ? 2 : 0);
        put_value(t->out, v);
    }
}

typedef struct Row {
    FhirType type;
    const char *json; /* the resource's members, without resourceType */
    const char *param;
    const char *wanted; /* values joined by "; " */
} Row;

static void check_row(Arena *arena, const Row *row) {
    CLEANUP_BUF Buf json;
    CLEANUP_BUF Buf out;
    buf_init(&json, LIMIT_MIB);
    buf_init(&out, LIMIT_MIB);
    buf_printf(&json, "{\"resourceType\":\"%s\",%s}", fhir_type_name(row->type), row->json);
    const JsonNode *root = NULL;
    arena_reset(arena);
    assert_ok(json_parse(arena, buf_str(&json), &root, NULL));
    const FhirSearchParam *param = fhir_search_param(row->type, str_from(row->param));
    assert_non_null(param);
    TextSink sink = {.sink = {.put = text_put}, .only = param->id, .out = &out};
    assert_ok(fhir_extract(arena, row->type, root, &sink.sink));
    if (!str_eq(buf_str(&out), str_from(row->wanted))) {
        print_error("%s %s of %s\n", fhir_type_name(row->type), row->param, row->json);
    }
    assert_str(buf_str(&out), str_from(row->wanted));
}

static void check_rows(const Row *rows, size_t n) {
    CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
    for (size_t i = 0; i < n; i++) {
        check_row(arena, &rows[i]);
    }
}

/* ---- tables -------------------------------------------------------------------------------------
 */

static void tokens(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_PATIENT, "\"gender\":\"male\"", "gender",
         "http://hl7.org/fhir/administrative-gender|male"},
        {FHIR_T_PATIENT, "\"active\":true", "active", "true"},
        {FHIR_T_PATIENT,
         "\"identifier\":[{\"system\":\"urn:x\",\"value\":\"1\"},{\"value\":\"2\"}]", "identifier",
         "urn:x|1; 2"},
        {FHIR_T_PATIENT, "\"identifier\":[{\"system\":\"urn:x\"},{\"use\":\"old\"}]", "identifier",
         "urn:x|"},
        {FHIR_T_PATIENT, "\"identifier\":\"not an object\"", "identifier", ""},
        {FHIR_T_PATIENT,
         "\"telecom\":[{\"system\":\"phone\",\"value\":\"0900\",\"use\":\"home\"},"
         "{\"system\":\"email\",\"value\":\"a@b\"}]",
         "telecom", "home|0900; a@b"},
        {FHIR_T_PATIENT,
         "\"telecom\":[{\"system\":\"phone\",\"value\":\"0900\"},{\"system\":\"email\","
         "\"value\":\"a@b\"},{\"value\":\"?\"}]",
         "phone", "0900"},
        {FHIR_T_PATIENT, "\"telecom\":[{\"system\":\"\\u0065mail\",\"value\":\"a\\u0040b\"}]",
         "email", "a@b"},
        {FHIR_T_PATIENT, "\"deceasedBoolean\":false", "deceased", "false"},
        {FHIR_T_PATIENT, "\"deceasedBoolean\":true", "deceased", "true"},
        {FHIR_T_PATIENT, "\"deceasedDateTime\":\"2026\"", "deceased", "true"},
        {FHIR_T_PATIENT, "\"id\":\"1\"", "deceased", "false"},
        {FHIR_T_PATIENT, "\"communication\":[{\"language\":{\"coding\":[{\"code\":\"vi\"}]}}]",
         "language", "vi"},
        {FHIR_T_OBSERVATION,
         "\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"718-7\"},"
         "{\"code\":\"HGB\"},{\"display\":\"Hb\"}],\"text\":\"Huyết sắc tố\"}",
         "code", "http://loinc.org|718-7; HGB; text:Hb; text:Huyết sắc tố"},
        {FHIR_T_OBSERVATION, "\"status\":\"final\"", "status",
         "http://hl7.org/fhir/observation-status|final"},
        {FHIR_T_OBSERVATION, "\"valueCodeableConcept\":{\"coding\":[{\"code\":\"POS\"}]}",
         "value-concept", "POS"},
        {FHIR_T_OBSERVATION,
         "\"component\":[{\"code\":{\"coding\":[{\"code\":\"a\"}]}},"
         "{\"code\":{\"coding\":[{\"code\":\"b\"}]}}]",
         "component-code", "a; b"},
        {FHIR_T_OBSERVATION,
         "\"code\":{\"coding\":[{\"code\":\"x\"}]},\"component\":[{\"code\":{\"coding\":[{\"code\":"
         "\"a\"}]}}]",
         "combo-code", "x; a"},
        {FHIR_T_ENCOUNTER, "\"class\":{\"system\":\"urn:c\",\"code\":\"IMP\"}", "class",
         "urn:c|IMP"},
        {FHIR_T_CONDITION, "\"clinicalStatus\":{\"coding\":[{\"code\":\"active\"}]}",
         "clinical-status", "active"},
        {FHIR_T_MEDICATION_REQUEST,
         "\"medicationCodeableConcept\":{\"coding\":[{\"code\":\"40.30.1\"}]}", "code", "40.30.1"},
        {FHIR_T_CLAIM, "\"status\":\"active\"", "status", "http://hl7.org/fhir/fm-status|active"},
        {FHIR_T_GROUP, "\"characteristic\":[{\"valueBoolean\":true}]", "value", "true"},
        {FHIR_T_ALLERGY_INTOLERANCE,
         "\"reaction\":[{\"substance\":{\"coding\":[{\"code\":\"p\"}]}}]", "code", "p"},
        {FHIR_T_PATIENT, "\"meta\":{\"tag\":[{\"system\":\"s\",\"code\":\"c\"}]}", "_tag", "s|c"},
        {FHIR_T_PATIENT, "\"meta\":{\"security\":[{\"code\":\"R\"}]}", "_security", "R"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void strings(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_PATIENT,
         "\"name\":[{\"text\":\"Nguyễn Văn "
         "Thử\",\"family\":\"Nguyễn\",\"given\":[\"Văn\",\"Thử\"]}]",
         "name", "Nguyễn Văn Thử; Nguyễn; Văn; Thử"},
        {FHIR_T_PATIENT,
         "\"name\":[{\"family\":\"Chalmers\",\"given\":[\"Peter\",\"James\"],\"prefix\":[\"Mr\"]}]",
         "name", "Chalmers; Peter; James; Mr; Chalmers Peter James; Peter James Chalmers"},
        {FHIR_T_PATIENT, "\"name\":[{\"family\":\"Lê\"},{\"given\":[\"An\"]}]", "name",
         "Lê; An; An"},
        {FHIR_T_PATIENT, "\"name\":[{\"family\":\"Lê\",\"given\":[\"An\"]}]", "family", "Lê"},
        {FHIR_T_PATIENT, "\"name\":[{\"given\":[\"An\",\"Bình\"]},{\"given\":[\"Cúc\"]}]", "given",
         "An; Bình; Cúc"},
        {FHIR_T_PATIENT, "\"name\":[{\"given\":[null,\"An\"],\"_given\":[{\"id\":\"x\"},null]}]",
         "given", "An"},
        {FHIR_T_PATIENT,
         "\"address\":[{\"text\":\"1 Lê Lợi\",\"line\":[\"1 Lê "
         "Lợi\"],\"city\":\"Huế\",\"district\":"
         "\"Thuận Hóa\",\"country\":\"VN\"}]",
         "address", "1 Lê Lợi; 1 Lê Lợi; Huế; Thuận Hóa; VN"},
        {FHIR_T_PATIENT, "\"address\":[{\"city\":\"Huế\"}]", "address-city", "Huế"},
        {FHIR_T_ORGANIZATION, "\"name\":\"Trạm y tế\",\"alias\":[\"TYT\",\"Trạm\"]", "name",
         "Trạm y tế; TYT; Trạm"},
        {FHIR_T_INSURANCE_PLAN, "\"name\":\"A\",\"alias\":[\"B\"]", "name", "A; B"},
        {FHIR_T_OBSERVATION, "\"valueString\":\"âm tính\"", "value-string", "âm tính"},
        {FHIR_T_OBSERVATION, "\"valueCodeableConcept\":{\"text\":\"Dương tính\"}", "value-string",
         "Dương tính"},
        {FHIR_T_DEVICE,
         "\"deviceName\":[{\"name\":\"Máy đo\"}],\"type\":{\"coding\":[{\"display\":\"SpO2\"}],"
         "\"text\":\"oxy\"}",
         "device-name", "Máy đo; SpO2; oxy"},
        {FHIR_T_CONDITION, "\"onsetString\":\"từ bé\"", "onset-info", "từ bé"},
        {FHIR_T_LIST, "\"note\":[{\"text\":\"ghi chú\"}]", "notes", "ghi chú"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void dates(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_PATIENT, "\"birthDate\":\"1980\"", "birthdate",
         "1980-01-01T00:00:00+07:00/1981-01-01T00:00:00+07:00"},
        {FHIR_T_PATIENT, "\"birthDate\":\"1980-02\"", "birthdate",
         "1980-02-01T00:00:00+07:00/1980-03-01T00:00:00+07:00"},
        {FHIR_T_PATIENT, "\"birthDate\":\"no date\"", "birthdate", ""},
        {FHIR_T_OBSERVATION, "\"effectiveDateTime\":\"2026-11-21T08:30:00+07:00\"", "date",
         "2026-11-21T08:30:00+07:00/2026-11-21T08:30:01+07:00"},
        {FHIR_T_OBSERVATION, "\"effectiveInstant\":\"2026-11-21T01:30:00Z\"", "date",
         "2026-11-21T08:30:00+07:00/2026-11-21T08:30:01+07:00"},
        {FHIR_T_ENCOUNTER, "\"period\":{\"start\":\"2026-11-21\",\"end\":\"2026-11-22\"}", "date",
         "2026-11-21T00:00:00+07:00/2026-11-23T00:00:00+07:00"},
        {FHIR_T_ENCOUNTER, "\"period\":{\"start\":\"2026-11-21\"}", "date",
         "2026-11-21T00:00:00+07:00/*"},
        {FHIR_T_ENCOUNTER, "\"period\":{\"end\":\"2026-11-21\"}", "date",
         "*/2026-11-22T00:00:00+07:00"},
        {FHIR_T_ENCOUNTER, "\"period\":{}", "date", ""},
        {FHIR_T_ENCOUNTER, "\"period\":{\"start\":\"2026-11-21\",\"end\":\"2026-11-20\"}", "date",
         ""},
        {FHIR_T_OBSERVATION,
         "\"effectiveTiming\":{\"event\":[\"2026-03-01\",\"2026-01-01\",\"2026-02-01\"]}", "date",
         "2026-01-01T00:00:00+07:00/2026-03-02T00:00:00+07:00"},
        {FHIR_T_SERVICE_REQUEST,
         "\"occurrenceTiming\":{\"repeat\":{\"boundsPeriod\":{\"start\":\"2026\"}}}", "occurrence",
         "2026-01-01T00:00:00+07:00/*"},
        {FHIR_T_SERVICE_REQUEST, "\"occurrenceTiming\":{\"repeat\":{\"frequency\":2}}",
         "occurrence", ""},
        {FHIR_T_IMMUNIZATION, "\"occurrenceString\":\"tháng giêng\"", "date", ""},
        {FHIR_T_CONDITION, "\"onsetPeriod\":{\"start\":\"2025\",\"end\":\"2025\"}", "onset-date",
         "2025-01-01T00:00:00+07:00/2026-01-01T00:00:00+07:00"},
        {FHIR_T_PATIENT, "\"deceasedDateTime\":\"2026-01-02\"", "death-date",
         "2026-01-02T00:00:00+07:00/2026-01-03T00:00:00+07:00"},
        {FHIR_T_GOAL, "\"target\":[{\"dueDate\":\"2026-01-02\"}]", "target-date",
         "2026-01-02T00:00:00+07:00/2026-01-03T00:00:00+07:00"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void numbers_and_quantities(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_OBSERVATION,
         "\"valueQuantity\":{\"value\":13.50,\"unit\":\"g/dL\",\"system\":\"urn:u\",\"code\":"
         "\"g/dL\"}",
         "value-quantity", "13.50|urn:u|g/dL|g/dL"},
        {FHIR_T_OBSERVATION, "\"valueQuantity\":{\"value\":5,\"comparator\":\"<\"}",
         "value-quantity", "<5|||"},
        {FHIR_T_OBSERVATION, "\"valueQuantity\":{\"unit\":\"g\"}", "value-quantity", ""},
        {FHIR_T_OBSERVATION,
         "\"component\":[{\"valueQuantity\":{\"value\":1}},{\"valueQuantity\":"
         "{\"value\":2}}]",
         "combo-value-quantity", "1|||; 2|||"},
        {FHIR_T_CONDITION, "\"onsetAge\":{\"value\":52,\"code\":\"a\"}", "onset-age", "52||a|"},
        {FHIR_T_CONDITION,
         "\"onsetRange\":{\"low\":{\"value\":5,\"code\":\"a\"},\"high\":{\"value\":"
         "7}}",
         "onset-age", "5..7||a|"},
        {FHIR_T_CONDITION, "\"onsetRange\":{\"high\":{\"value\":7,\"unit\":\"y\"}}", "onset-age",
         "..7|||y"},
        {FHIR_T_INVOICE, "\"totalNet\":{\"value\":150000,\"currency\":\"VND\"}", "totalnet",
         "150000|urn:iso:std:iso:4217|VND|"},
        {FHIR_T_RISK_ASSESSMENT,
         "\"prediction\":[{\"probabilityDecimal\":0.02},"
         "{\"probabilityRange\":{\"low\":{\"value\":0.1}}}]",
         "probability", "0.02; 0.1.."},
        {FHIR_T_CHARGE_ITEM, "\"factorOverride\":1.20", "factor-override", "1.20"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void uris_and_references(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"Patient/12\"}", "subject", "Patient/12"},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"Patient/12\"}", "patient", "Patient/12"},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"Group/12\"}", "patient", ""},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"Patient/12/_history/3\"}", "subject",
         "Patient/12"},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"http://x/fhir/Patient/12/_history/3\"}",
         "subject", "http://x/fhir/Patient/12=Patient/12"},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"http://x/about\"}", "subject",
         "http://x/about=/"},
        {FHIR_T_OBSERVATION,
         "\"subject\":{\"reference\":\"urn:uuid:8200dab6-18a2-4550-b913-a7db480c0804\",\"type\":"
         "\"Patient\"}",
         "patient", "urn:uuid:8200dab6-18a2-4550-b913-a7db480c0804=Patient/"},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"#p\"}", "subject", ""},
        {FHIR_T_OBSERVATION, "\"subject\":{\"identifier\":{\"value\":\"1\"}}", "subject", ""},
        {FHIR_T_OBSERVATION, "\"subject\":{\"reference\":\"Patient/~\"}", "subject", "Patient/~-1"},
        {FHIR_T_OBSERVATION, "\"encounter\":{\"reference\":\"Encounter/~12\"}", "encounter",
         "Encounter/~12"},
        {FHIR_T_OBSERVATION, "\"encounter\":{\"reference\":\"Encounter/~x\"}", "encounter", ""},
        {FHIR_T_BUNDLE,
         "\"entry\":[{\"resource\":{\"resourceType\":\"Composition\",\"id\":\"c\"}},"
         "{\"resource\":{\"resourceType\":\"Composition\",\"id\":\"d\"}}]",
         "composition", "Composition/c"},
        {FHIR_T_BUNDLE,
         "\"entry\":[{\"resource\":{\"resourceType\":\"Composition\",\"id\":\"c\"}}]", "message",
         ""},
        {FHIR_T_LIBRARY,
         "\"relatedArtifact\":[{\"type\":\"successor\",\"resource\":\"http://a|1\"},"
         "{\"type\":\"depends-on\",\"resource\":\"http://b\"}]",
         "successor", "http://a|1; http://a"},
        {FHIR_T_LIBRARY,
         "\"relatedArtifact\":[{\"resource\":\"http://b\",\"type\":\"depends-on\"}]", "depends-on",
         "http://b"},
        {FHIR_T_VALUE_SET, "\"url\":\"http://v\"", "url", "http://v"},
        {FHIR_T_PATIENT, "\"meta\":{\"profile\":[\"http://p|2\"]}", "_profile",
         "http://p|2; http://p"},
        {FHIR_T_PATIENT, "\"meta\":{\"source\":\"urn:site:1\"}", "_source", "urn:site:1"},
        {FHIR_T_CLAIM, "\"careTeam\":[{\"provider\":{\"reference\":\"Practitioner/1\"}}]",
         "care-team", "Practitioner/1"},
        {FHIR_T_APPOINTMENT,
         "\"participant\":[{\"actor\":{\"reference\":\"Location/1\"}},{\"actor\":{\"reference\":"
         "\"Patient/2\"}}]",
         "patient", "Patient/2"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void composites(void **state) {
    (void)state;
    static const Row rows[] = {
        {FHIR_T_OBSERVATION,
         "\"code\":{\"coding\":[{\"code\":\"a\"},{\"code\":\"b\"}],\"text\":\"t\"},"
         "\"valueQuantity\":{\"value\":7}",
         "code-value-quantity", "a$7|||; b$7|||"},
        {FHIR_T_OBSERVATION, "\"code\":{\"coding\":[{\"code\":\"a\"}]}", "code-value-quantity", ""},
        {FHIR_T_OBSERVATION,
         "\"valueCodeableConcept\":{\"coding\":[{\"code\":\"v\"}]},\"code\":{\"coding\":[{\"code\":"
         "\"a\"}]}",
         "code-value-concept", "a$v"},
        {FHIR_T_OBSERVATION,
         "\"component\":[{\"code\":{\"coding\":[{\"code\":\"sys\"}]},\"valueQuantity\":{\"value\":"
         "120}},{\"code\":{\"coding\":[{\"code\":\"dia\"}]},\"valueQuantity\":{\"value\":80}}]",
         "component-code-value-quantity", "sys$120|||; dia$80|||"},
        {FHIR_T_OBSERVATION,
         "\"code\":{\"coding\":[{\"code\":\"a\"}]},\"valuePeriod\":{\"start\":\"2026-01-01\"}",
         "code-value-date", "a$2026-01-01T00:00:00+07:00/*"},
        {FHIR_T_DOCUMENT_REFERENCE,
         "\"relatesTo\":[{\"code\":\"replaces\",\"target\":{\"reference\":\"DocumentReference/"
         "1\"}}]",
         "relationship",
         "http://hl7.org/fhir/document-relationship-type|replaces$DocumentReference/1"},
        {FHIR_T_MOLECULAR_SEQUENCE,
         "\"referenceSeq\":{\"chromosome\":{\"coding\":[{\"code\":\"1\"}]}},"
         "\"variant\":[{\"start\":5,\"end\":6}]",
         "chromosome-variant-coordinate", "1$5$6"},
        {FHIR_T_VALUE_SET,
         "\"useContext\":[{\"code\":{\"code\":\"age\"},\"valueRange\":{\"low\":{\"value\":18}}}]",
         "context-type-quantity", "age$18..|||"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- tables of parameters -----------------------------------------------------------------------
 */

/* The generator stops the build on an expression that it does not compile; what it leaves out by
 * name: DeviceDefinition-classification (R4 names an element that does not exist) and the three
 * parameters without an expression. This counts what is left. */
static void every_expression_is_compiled(void **state) {
    (void)state;
    size_t n;
    (void)fhir_search_params_common(&n);
    assert_int_equal(n, 8); /* two without an expression: _content, _text */
    size_t rows = 0;
    for (int t = 1; t <= FHIR_RESOURCE_COUNT; t++) {
        const FhirSearchParam *own = fhir_search_params((FhirType)t, &n);
        rows += n;
        for (size_t i = 0; i < n; i++) {
            assert_true(own[i].expression.len > 0);
            assert_ptr_equal(fhir_search_param((FhirType)t, own[i].code), &own[i]);
            assert_ptr_equal(fhir_search_param_by_id((FhirType)t, own[i].id), &own[i]);
            assert_str(fhir_param_code(own[i].id), own[i].code);
            assert_true(i == 0 || str_cmp(own[i - 1].code, own[i].code) < 0);
            assert_int_equal(own[i].n_parts > 0, own[i].type == FHIR_PARAM_COMPOSITE);
        }
    }
    assert_int_equal(rows, 1699);
    assert_int_equal(FHIR_SEARCH_PARAM_COUNT, 1376);
    assert_null(fhir_search_param(FHIR_T_DEVICE_DEFINITION, STR("classification")));
}

/* Stored keys hold these numbers: a change of one of them damages what is stored. */
static void ids_do_not_change(void **state) {
    (void)state;
    assert_int_equal(FHIR_P__ID, 1);
    assert_int_equal(FHIR_P__LAST_UPDATED, 2);
    assert_int_equal(FHIR_P__PROFILE, 3);
    assert_int_equal(FHIR_P__SECURITY, 4);
    assert_int_equal(FHIR_P__SOURCE, 5);
    assert_int_equal(FHIR_P__TAG, 6);
    assert_int_equal(FHIR_P_CODE, 70);
    assert_int_equal(FHIR_P_DATE, 119);
    assert_int_equal(FHIR_P_IDENTIFIER, 188);
    assert_int_equal(FHIR_P_PATIENT, 272);
    assert_int_equal(FHIR_P_WINDOW_START, 446);
    assert_int_equal(FHIR_P__CONTENT, 447);
    assert_int_equal(FHIR_P__TEXT, 448);
}

static void targets_and_parts(void **state) {
    (void)state;
    const FhirSearchParam *patient = fhir_search_param(FHIR_T_OBSERVATION, STR("patient"));
    assert_true(fhir_search_param_targets(patient, FHIR_T_PATIENT));
    assert_false(fhir_search_param_targets(patient, FHIR_T_GROUP));
    const FhirSearchParam *focus = fhir_search_param(FHIR_T_OBSERVATION, STR("focus"));
    assert_true(fhir_search_param_targets(focus, FHIR_T_SPECIMEN));
    const FhirSearchParam *code = fhir_search_param(FHIR_T_OBSERVATION, STR("code"));
    assert_false(fhir_search_param_targets(code, FHIR_T_PATIENT));
    const FhirSearchParam *pair = fhir_search_param(FHIR_T_OBSERVATION, STR("code-value-quantity"));
    assert_int_equal(pair->n_parts, 2);
    assert_int_equal(pair->parts[0].type, FHIR_PARAM_TOKEN);
    assert_int_equal(pair->parts[1].type, FHIR_PARAM_QUANTITY);
    assert_int_equal(pair->parts[1].id, FHIR_P_VALUE_QUANTITY);
    assert_null(fhir_search_param(FHIR_T_OBSERVATION, STR("birthdate")));
    assert_null(fhir_search_param(FHIR_T_OBSERVATION, STR("")));
    assert_non_null(fhir_search_param(FHIR_T_OBSERVATION, STR("_id")));
}

/* ---- the patient of a resource ------------------------------------------------------------------
 */

static void assert_patient(FhirType type, const char *json, const char *wanted) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    const JsonNode *root = NULL;
    FhirIndexReference r;
    assert_ok(json_parse(arena, str_from(json), &root, NULL));
    if (fhir_patient_of(arena, type, root, &r)) {
        put_reference(&out, &r);
    }
    assert_str(buf_str(&out), str_from(wanted));
}

static void patient_of_a_resource(void **state) {
    (void)state;
    assert_patient(FHIR_T_OBSERVATION, "{\"subject\":{\"reference\":\"Patient/1\"}}", "Patient/1");
    assert_patient(FHIR_T_OBSERVATION,
                   "{\"performer\":[{\"reference\":\"Practitioner/1\"},{\"reference\":"
                   "\"Patient/2\"}],\"subject\":{\"reference\":\"Group/9\"}}",
                   "Patient/2");
    assert_patient(
        FHIR_T_CLAIM,
        "{\"payee\":{\"party\":{\"reference\":\"Patient/2\"}},\"patient\":{\"reference\":"
        "\"Patient/1\"}}",
        "Patient/1");
    assert_patient(FHIR_T_COVERAGE,
                   "{\"subscriber\":{\"reference\":\"Patient/2\"},\"beneficiary\":{\"reference\":"
                   "\"Patient/1\"}}",
                   "Patient/1");
    assert_patient(FHIR_T_APPOINTMENT,
                   "{\"participant\":[{\"actor\":{\"reference\":\"Location/1\"}},"
                   "{\"actor\":{\"reference\":\"Patient/~\"}}]}",
                   "Patient/~-1");
    assert_patient(FHIR_T_RESEARCH_SUBJECT, "{\"individual\":{\"reference\":\"Patient/1\"}}",
                   "Patient/1");
    assert_patient(FHIR_T_ENCOUNTER, "{\"subject\":{\"reference\":\"#p\"}}", "");
    assert_patient(FHIR_T_ORGANIZATION, "{\"partOf\":{\"reference\":\"Patient/1\"}}", "");
    assert_patient(FHIR_T_GROUP, "{\"member\":[{\"entity\":{\"reference\":\"Patient/1\"}}]}", "");
    assert_patient(FHIR_T_PATIENT,
                   "{\"id\":\"7\",\"link\":[{\"other\":{\"reference\":"
                   "\"Patient/8\"}}]}",
                   "Patient/7");
    assert_patient(FHIR_T_PATIENT, "{}", "");
    assert_true(fhir_type_in_patient_compartment(FHIR_T_PATIENT));
    assert_true(fhir_type_in_patient_compartment(FHIR_T_CLAIM));
    assert_false(fhir_type_in_patient_compartment(FHIR_T_ORGANIZATION));
}

/* ---- limits -------------------------------------------------------------------------------------
 */

static void a_full_arena_is_an_error(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *big = arena_new(LIMIT_MIB);
    CLEANUP_ARENA Arena *small = arena_new(4096);
    const JsonNode *root = NULL;
    assert_ok(json_parse(big, STR("{\"name\":[{\"family\":\"a\\u0062\",\"given\":[\"c\"]}]}"),
                         &root, NULL));
    FhirIndexList list = fhir_index_list(big);
    while (!arena_failed(small)) {
        (void)arena_alloc(small, 64);
    }
    assert_int_equal(fhir_extract(small, FHIR_T_PATIENT, root, &list.sink), ERR_NOMEM);
}

static void lists_keep_copies(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const JsonNode *root = NULL;
    assert_ok(json_parse(arena,
                         STR("{\"code\":{\"coding\":[{\"code\":\"a\"},{\"code\":\"b\"}]},"
                             "\"valueQuantity\":{\"value\":1}}"),
                         &root, NULL));
    FhirIndexList list = fhir_index_list(arena);
    assert_ok(fhir_extract(arena, FHIR_T_OBSERVATION, root, &list.sink));
    size_t pairs = 0;
    for (size_t i = 0; i < list.count; i++) {
        const FhirIndexValue *v = &list.values[i];
        if (v->param == FHIR_P_CODE_VALUE_QUANTITY) {
            assert_str(v->composite.parts[0]->token.code, pairs == 0 ? STR("a") : STR("b"));
            assert_str(v->composite.parts[1]->quantity.value, STR("1"));
            pairs++;
        }
    }
    assert_int_equal(pairs, 2);
}

static void composites_have_a_limit(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    CLEANUP_BUF Buf json;
    buf_init(&json, 16 * LIMIT_MIB);
    for (int part = 0; part < 2; part++) {
        buf_put_str(&json, part == 0 ? STR("{\"code\":") : STR(",\"valueCodeableConcept\":"));
        for (int i = 0; i < 300; i++) {
            buf_printf(&json, "%s{\"code\":\"%d\"}", i == 0 ? "{\"coding\":[" : ",", i);
        }
        buf_put_lit(&json, "]}");
    }
    buf_put_lit(&json, "}");
    const JsonNode *root = NULL;
    FhirIndexList list = fhir_index_list(arena);
    assert_ok(json_parse(arena, buf_str(&json), &root, NULL));
    assert_int_equal(fhir_extract(arena, FHIR_T_OBSERVATION, root, &list.sink), ERR_LIMIT);
}

static void some_parameters_only(void **state) {
    (void)state;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    const JsonNode *root = NULL;
    assert_ok(json_parse(arena,
                         STR("{\"gender\":\"male\",\"birthDate\":\"1980\",\"name\":[{\"family\":"
                             "\"Lê\"}]}"),
                         &root, NULL));
    FhirExtractSome some = {.type = FHIR_T_PATIENT};
    fhir_extract_want(&some, FHIR_P_GENDER);
    fhir_extract_want(&some, FHIR_P_FAMILY);
    FhirIndexList list = fhir_index_list(arena);
    assert_ok(fhir_extract_some(arena, &some, root, &list.sink));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.values[0].param, FHIR_P_GENDER);
    assert_int_equal(list.values[1].param, FHIR_P_FAMILY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens),
        cmocka_unit_test(strings),
        cmocka_unit_test(dates),
        cmocka_unit_test(numbers_and_quantities),
        cmocka_unit_test(uris_and_references),
        cmocka_unit_test(composites),
        cmocka_unit_test(every_expression_is_compiled),
        cmocka_unit_test(ids_do_not_change),
        cmocka_unit_test(targets_and_parts),
        cmocka_unit_test(patient_of_a_resource),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(lists_keep_copies),
        cmocka_unit_test(composites_have_a_limit),
        cmocka_unit_test(some_parameters_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
