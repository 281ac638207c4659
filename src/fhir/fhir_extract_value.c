/* What each FHIR data type gives to each type of search parameter; the tables of
 * http://hl7.org/fhir/R4/search.html sections 3.1.1.4.4 (number) to 3.1.1.4.14 (quantity). */
#include "fhir/fhir_extract_int.h"
#include "fhir/fhir_param_set.h"

/* Members that a data type's emitter looks at, in one pass over the object. */
typedef struct Field {
    Str name;
    const JsonNode *value;
} Field;

#define FIELD(literal)                                                                             \
    { {literal, sizeof(literal) - 1}, NULL }

static void read_fields(const Emit *e, const JsonNode *object, Field *fields, size_t n) {
    EACH_MEMBER(object, m) {
        Str name = fhir_member_name(e->arena, m);
        for (size_t i = 0; i < n; i++) {
            if (fields[i].name.len == name.len &&
                memcmp(fields[i].name.ptr, name.ptr, name.len) == 0) {
                fields[i].value = json_value(m);
                break;
            }
        }
    }
}

static Str text_of(const Emit *e, const JsonNode *n) {
    return json_is(n, JSON_STRING) ? json_str(e->arena, n) : STR_EMPTY;
}

static FhirIndexValue value_for(const Emit *e, FhirIndexKind kind) {
    assert(e->param != FHIR_P_NONE && e->param < FHIR_P_CUSTOM_END);
    FhirIndexValue v;
    memset(&v, 0, sizeof v);
    v.param = e->param;
    v.kind = (uint8_t)kind;
    return v;
}

/* ---- tokens -------------------------------------------------------------------------------------
 */

typedef struct TokenText {
    Str system, code;
    bool has_system;
    uint8_t flags;
} TokenText;

static void put_token(const Emit *e, TokenText t) {
    assert(t.has_system == (t.system.len > 0));
    assert(t.has_system || t.code.len > 0);
    FhirIndexValue v = value_for(e, FHIR_INDEX_TOKEN);
    v.flags = t.flags;
    v.token = (FhirIndexToken){t.system, t.code, t.has_system};
    e->sink->put(e->sink, &v);
}

/* What :text looks at. */
static void put_side_text(const Emit *e, Str text) {
    if (e->sink->with_sides && text.len > 0) {
        FhirIndexValue v = value_for(e, FHIR_INDEX_TEXT);
        v.flags = FHIR_STRING_WORDS;
        v.string.text = text;
        e->sink->put(e->sink, &v);
    }
}

/* Coding and Identifier: system and code (value). Neither of them: a display at most. */
static void put_coded(const Emit *e, const JsonNode *object, const char *code_name) {
    Field f[] = {FIELD("system"), {str_from(code_name), NULL}, FIELD("display")};
    read_fields(e, object, f, ARRAY_LEN(f));
    TokenText t = {.system = text_of(e, f[0].value), .code = text_of(e, f[1].value)};
    t.has_system = t.system.len > 0;
    if (t.code.len == 0 && !t.has_system) {
        t.code = text_of(e, f[2].value);
        t.flags = FHIR_TOKEN_TEXT;
    }
    if (t.code.len > 0 || t.has_system) {
        put_token(e, t);
    }
    put_side_text(e, text_of(e, f[2].value));
}

static void emit_coding(const Emit *e, const JsonNode *v) {
    if (json_is(v, JSON_OBJECT)) {
        put_coded(e, v, "code");
    }
}

/* Identifier.type: its text, and the value under each of its codings. */
static void put_identifier_type(const Emit *e, const JsonNode *type, Str value) {
    Field f[] = {FIELD("coding"), FIELD("text")};
    if (!json_is(type, JSON_OBJECT)) {
        return;
    }
    read_fields(e, type, f, ARRAY_LEN(f));
    put_side_text(e, text_of(e, f[1].value));
    if (!json_is(f[0].value, JSON_ARRAY) || value.len == 0) {
        return;
    }
    EACH_ELEMENT(f[0].value, coding) {
        if (json_is(coding, JSON_OBJECT)) {
            FhirIndexValue v = value_for(e, FHIR_INDEX_OF_TYPE);
            v.of_type.system = text_of(e, json_get_lit(coding, "system"));
            v.of_type.code = text_of(e, json_get_lit(coding, "code"));
            v.of_type.value = value;
            e->sink->put(e->sink, &v);
        }
    }
}

static void emit_identifier(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    put_coded(e, v, "value");
    if (e->sink->with_sides) {
        put_identifier_type(e, json_get_lit(v, "type"), text_of(e, json_get_lit(v, "value")));
    }
}

static void emit_codeable(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    Field f[] = {FIELD("coding"), FIELD("text")};
    read_fields(e, v, f, ARRAY_LEN(f));
    if (json_is(f[0].value, JSON_ARRAY)) {
        EACH_ELEMENT(f[0].value, coding) {
            emit_coding(e, coding);
        }
    }
    Str text = text_of(e, f[1].value);
    if (text.len > 0) {
        put_token(e, (TokenText){.system = STR_EMPTY, .code = text, .flags = FHIR_TOKEN_TEXT});
        put_side_text(e, text);
    }
}

/* The spec's table: ContactPoint.use stands for the system, ContactPoint.value for the code. */
static void emit_contact(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    Field f[] = {FIELD("value"), FIELD("use")};
    read_fields(e, v, f, ARRAY_LEN(f));
    TokenText t = {.code = text_of(e, f[0].value),
                   .system = text_of(e, f[1].value),
                   .flags = FHIR_TOKEN_PLAIN};
    t.has_system = t.system.len > 0;
    if (t.code.len > 0) {
        put_token(e, t);
    }
}

static void emit_plain(const Emit *e, const JsonNode *v) {
    TokenText t = {.system = e->system, .has_system = e->system.len > 0, .flags = FHIR_TOKEN_PLAIN};
    if (json_is(v, JSON_STRING)) {
        t.code = json_str(e->arena, v);
    } else if (json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE)) {
        t.code = json_is(v, JSON_TRUE) ? STR("true") : STR("false");
    }
    if (t.code.len > 0) {
        put_token(e, t);
    }
}

/* x.exists() and x != false */
static void emit_presence(const Emit *e, const JsonNode *v) {
    bool yes = !json_is(v, JSON_FALSE) && !json_is(v, JSON_NULL);
    put_token(e, (TokenText){.system = STR_EMPTY,
                             .code = yes ? STR("true") : STR("false"),
                             .flags = FHIR_TOKEN_PLAIN});
}

/* ---- strings ------------------------------------------------------------------------------------
 */

static bool is_word_char(char c) {
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') || u >= 0x80;
}

size_t fhir_word_starts(Str folded, uint32_t starts[FHIR_WORDS_MAX]) {
    size_t n = 0;
    starts[n++] = 0;
    for (size_t i = 1; i < folded.len && n < FHIR_WORDS_MAX; i++) {
        if (is_word_char(folded.ptr[i]) && !is_word_char(folded.ptr[i - 1])) {
            starts[n++] = (uint32_t)i;
        }
    }
    return n;
}

static void put_string(const Emit *e, Str text, uint8_t flags) {
    if (text.len > 0) {
        FhirIndexValue v = value_for(e, FHIR_INDEX_STRING);
        v.flags = flags;
        v.string.text = text;
        e->sink->put(e->sink, &v);
    }
}

/* A string or each string of an array. */
static void put_strings(const Emit *e, const JsonNode *v, uint8_t flags) {
    if (json_is(v, JSON_STRING)) {
        put_string(e, json_str(e->arena, v), flags);
    } else if (json_is(v, JSON_ARRAY)) {
        EACH_ELEMENT(v, item) {
            if (json_is(item, JSON_STRING)) {
                put_string(e, json_str(e->arena, item), flags);
            }
        }
    }
}

/* "Thị Lan" may stand in one given name or in two. */
static void emit_string(const Emit *e, const JsonNode *v) {
    put_strings(e, v, e->param == FHIR_P_GIVEN ? FHIR_STRING_WORDS : 0);
}

/* Appends " part" to what stands in text[0…n); returns the new length, n when it does not fit. */
static size_t append(char *text, size_t n, Str part) {
    enum { NAME_MAX_LEN = 512 };
    size_t gap = n > 0 ? 1 : 0;
    if (part.len == 0 || n + gap + part.len > NAME_MAX_LEN) {
        return n;
    }
    memcpy(text + n, " ", gap);
    memcpy(text + n + gap, part.ptr, part.len);
    return n + gap + part.len;
}

static size_t append_given(const Emit *e, char *text, size_t n, const JsonNode *given) {
    if (json_is(given, JSON_ARRAY)) {
        EACH_ELEMENT(given, item) {
            n = append(text, n, text_of(e, item));
        }
    }
    return n;
}

/* A name without text, put together in both orders: "Nguyễn Văn Á" and "Peter James Chalmers". */
static void put_full_name(const Emit *e, Str family, const JsonNode *given) {
    char text[512];
    size_t n = append_given(e, text, append(text, 0, family), given);
    if (n == 0 || n == family.len) {
        return;
    }
    put_string(e, arena_str(e->arena, (Str){text, n}), FHIR_STRING_WORDS);
    if (family.len > 0) {
        n = append(text, append_given(e, text, 0, given), family);
        put_string(e, arena_str(e->arena, (Str){text, n}), FHIR_STRING_WORDS);
    }
}

static void emit_name(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    Field f[] = {FIELD("text"), FIELD("family"), FIELD("given"), FIELD("prefix"), FIELD("suffix")};
    read_fields(e, v, f, ARRAY_LEN(f));
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        put_strings(e, f[i].value, FHIR_STRING_WORDS);
    }
    if (!json_is(f[0].value, JSON_STRING)) {
        put_full_name(e, text_of(e, f[1].value), f[2].value);
    }
}

static void emit_address(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    Field f[] = {FIELD("text"),  FIELD("line"),       FIELD("city"),   FIELD("district"),
                 FIELD("state"), FIELD("postalCode"), FIELD("country")};
    read_fields(e, v, f, ARRAY_LEN(f));
    for (size_t i = 0; i < ARRAY_LEN(f); i++) {
        put_strings(e, f[i].value, FHIR_STRING_WORDS);
    }
}

/* ---- dates --------------------------------------------------------------------------------------
 */

static void put_date(const Emit *e, TimeMs lo, TimeMs hi) {
    if (lo < hi) {
        FhirIndexValue v = value_for(e, FHIR_INDEX_DATE);
        v.date.lo = lo;
        v.date.hi = hi;
        e->sink->put(e->sink, &v);
    }
}

static bool read_date(const Emit *e, const JsonNode *v, TimeMs *ret_lo, TimeMs *ret_hi) {
    return json_is(v, JSON_STRING) &&
           time_parse_fhir(json_str(e->arena, v), ret_lo, ret_hi) == ERR_OK;
}

static void emit_date(const Emit *e, const JsonNode *v) {
    TimeMs lo;
    TimeMs hi;
    if (read_date(e, v, &lo, &hi)) {
        put_date(e, lo, hi);
    }
}

/* Widens [*lo, *hi) to hold the period; an end that is missing is open. False when it says nothing.
 */
static bool widen_period(const Emit *e, const JsonNode *v, TimeMs *lo, TimeMs *hi) {
    if (!json_is(v, JSON_OBJECT)) {
        return false;
    }
    Field f[] = {FIELD("start"), FIELD("end")};
    read_fields(e, v, f, ARRAY_LEN(f));
    TimeMs start = INT64_MIN;
    TimeMs end = INT64_MAX;
    TimeMs other;
    bool has_start = read_date(e, f[0].value, &start, &other);
    bool has_end = read_date(e, f[1].value, &other, &end);
    *lo = MIN(*lo, start);
    *hi = MAX(*hi, end);
    return has_start || has_end;
}

static void emit_period(const Emit *e, const JsonNode *v) {
    TimeMs lo = INT64_MAX;
    TimeMs hi = INT64_MIN;
    if (widen_period(e, v, &lo, &hi)) {
        put_date(e, lo, hi);
    }
}

/* Only the outer limits count: first to last event, and repeat.boundsPeriod. */
static void emit_timing(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    TimeMs lo = INT64_MAX;
    TimeMs hi = INT64_MIN;
    const JsonNode *events = json_get_lit(v, "event");
    if (json_is(events, JSON_ARRAY)) {
        EACH_ELEMENT(events, event) {
            TimeMs a;
            TimeMs b;
            if (read_date(e, event, &a, &b)) {
                lo = MIN(lo, a);
                hi = MAX(hi, b);
            }
        }
    }
    (void)widen_period(e, json_get_lit(json_get_lit(v, "repeat"), "boundsPeriod"), &lo, &hi);
    put_date(e, lo, hi);
}

/* ---- numbers and quantities ---------------------------------------------------------------------
 */

static Str number_of(const JsonNode *n) {
    return json_is(n, JSON_NUMBER) ? json_raw(n) : STR_EMPTY;
}

static void emit_number(const Emit *e, const JsonNode *v) {
    if (json_is(v, JSON_NUMBER)) {
        FhirIndexValue out = value_for(e, FHIR_INDEX_NUMBER);
        out.number.text = json_raw(v);
        out.number.high = STR_EMPTY;
        e->sink->put(e->sink, &out);
    }
}

static FhirIndexQuantity read_quantity(const Emit *e, const JsonNode *v) {
    Field f[] = {FIELD("value"), FIELD("comparator"), FIELD("unit"), FIELD("system"),
                 FIELD("code")};
    if (json_is(v, JSON_OBJECT)) {
        read_fields(e, v, f, ARRAY_LEN(f));
    }
    return (FhirIndexQuantity){.value = number_of(f[0].value),
                               .high = STR_EMPTY,
                               .comparator = text_of(e, f[1].value),
                               .unit = text_of(e, f[2].value),
                               .system = text_of(e, f[3].value),
                               .code = text_of(e, f[4].value)};
}

static void put_quantity(const Emit *e, const FhirIndexQuantity *q) {
    assert(q->value.len > 0 || (q->is_range && q->high.len > 0));
    FhirIndexValue out = value_for(e, FHIR_INDEX_QUANTITY);
    out.quantity = *q;
    e->sink->put(e->sink, &out);
}

static void emit_quantity(const Emit *e, const JsonNode *v) {
    FhirIndexQuantity q = read_quantity(e, v);
    if (q.value.len > 0) {
        put_quantity(e, &q);
    }
}

static void emit_money(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    Field f[] = {FIELD("value"), FIELD("currency")};
    read_fields(e, v, f, ARRAY_LEN(f));
    FhirIndexQuantity q = {.value = number_of(f[0].value),
                           .code = text_of(e, f[1].value),
                           .system = STR("urn:iso:std:iso:4217"),
                           .high = STR_EMPTY,
                           .comparator = STR_EMPTY,
                           .unit = STR_EMPTY};
    if (q.value.len > 0) {
        put_quantity(e, &q);
    }
}

/* Range: the units of the low end, or of the high one when there is no low. */
static bool read_range(const Emit *e, const JsonNode *v, FhirIndexQuantity *ret) {
    if (!json_is(v, JSON_OBJECT)) {
        return false;
    }
    Field f[] = {FIELD("low"), FIELD("high")};
    read_fields(e, v, f, ARRAY_LEN(f));
    FhirIndexQuantity low = read_quantity(e, f[0].value);
    FhirIndexQuantity high = read_quantity(e, f[1].value);
    *ret = low.value.len > 0 ? low : high;
    ret->value = low.value;
    ret->high = high.value;
    ret->is_range = true;
    return low.value.len > 0 || high.value.len > 0;
}

static void emit_range(const Emit *e, const JsonNode *v) {
    FhirIndexQuantity q;
    if (read_range(e, v, &q)) {
        put_quantity(e, &q);
    }
}

static void emit_number_range(const Emit *e, const JsonNode *v) {
    FhirIndexQuantity q;
    if (read_range(e, v, &q)) {
        FhirIndexValue out = value_for(e, FHIR_INDEX_NUMBER);
        out.number.text = q.value;
        out.number.high = q.high;
        out.number.is_range = true;
        e->sink->put(e->sink, &out);
    }
}

/* ---- uris and references ------------------------------------------------------------------------
 */

static void put_uri(const Emit *e, Str text) {
    assert(text.len > 0);
    FhirIndexValue v = value_for(e, FHIR_INDEX_URI);
    v.uri.text = text;
    e->sink->put(e->sink, &v);
}

/* A canonical "url|version" answers to both forms. */
static void emit_uri(const Emit *e, const JsonNode *v) {
    Str text = text_of(e, v);
    size_t bar = str_find_char(text, '|', 0);
    if (text.len > 0) {
        put_uri(e, text);
    }
    if (bar != SIZE_MAX && bar > 0) {
        put_uri(e, str_sub(text, 0, bar));
    }
}

static void put_reference(const Emit *e, const FhirIndexReference *r) {
    assert(r->id.len + r->url.len > 0 || r->local >= 0 || r->is_record_patient);
    if (e->ref_type == FHIR_T_NONE || r->type == e->ref_type) {
        FhirIndexValue v = value_for(e, FHIR_INDEX_REFERENCE);
        v.reference = *r;
        e->sink->put(e->sink, &v);
    }
}

static bool read_reference(const Emit *e, const JsonNode *v, FhirIndexReference *ret) {
    Field f[] = {FIELD("reference"), FIELD("type")};
    read_fields(e, v, f, ARRAY_LEN(f));
    if (!fhir_index_reference(text_of(e, f[0].value), ret)) {
        return false;
    }
    if (ret->type == FHIR_T_NONE) {
        ret->type = fhir_resource_by_name(text_of(e, f[1].value));
    }
    return true;
}

/* Reference.display and Reference.identifier, whatever it refers to. */
static void put_reference_sides(const Emit *e, const JsonNode *v) {
    Field f[] = {FIELD("display"), FIELD("identifier"), FIELD("type")};
    read_fields(e, v, f, ARRAY_LEN(f));
    if (e->ref_type != FHIR_T_NONE) { /* `patient`: what is known to be something else is not */
        FhirType type =
            e->memo->ok ? e->memo->reference.type : fhir_resource_by_name(text_of(e, f[2].value));
        if (type != FHIR_T_NONE && type != e->ref_type) {
            return;
        }
    }
    put_side_text(e, text_of(e, f[0].value));
    if (json_is(f[1].value, JSON_OBJECT)) {
        FhirIndexValue side = value_for(e, FHIR_INDEX_IDENTIFIER);
        side.token.system = text_of(e, json_get_lit(f[1].value, "system"));
        side.token.code = text_of(e, json_get_lit(f[1].value, "value"));
        side.token.has_system = side.token.system.len > 0;
        if (side.token.code.len > 0) {
            e->sink->put(e->sink, &side);
        }
    }
}

static void put_contained(const Emit *e, const JsonNode *v) {
    Str text = text_of(e, json_get_lit(v, "reference"));
    if (text.len > 1 && text.ptr[0] == '#') {
        FhirIndexValue out = value_for(e, FHIR_INDEX_CONTAINED);
        out.contained.id = str_sub(text, 1, SIZE_MAX);
        out.contained.type = e->ref_type;
        e->sink->put(e->sink, &out);
    }
}

static void emit_reference(const Emit *e, const JsonNode *v) {
    if (!json_is(v, JSON_OBJECT)) {
        return;
    }
    ReferenceMemo *memo = e->memo;
    assert(memo != NULL);
    if (memo->node != v) {
        memo->node = v;
        memo->ok = read_reference(e, v, &memo->reference);
    }
    if (memo->ok) {
        put_reference(e, &memo->reference);
    } else if (e->sink->with_contained) {
        put_contained(e, v);
    }
    if (e->sink->with_sides) {
        put_reference_sides(e, v);
    }
}

/* The first resource of a document or message: Bundle.entry[0].resource. */
static void emit_resource(const Emit *e, const JsonNode *v) {
    FhirIndexReference r = {.id = text_of(e, json_get_lit(v, "id")), .url = STR_EMPTY, .local = -1};
    r.type = fhir_resource_by_name(text_of(e, json_get_lit(v, "resourceType")));
    if (r.type != FHIR_T_NONE && r.id.len > 0) {
        put_reference(e, &r);
    }
}

void fhir_emit(const Emit *emit, FhirOp op, const JsonNode *value) {
    static void (*const emitters[])(const Emit *, const JsonNode *) = {
        [FHIR_OP_TOKEN_CODEABLE] = emit_codeable,
        [FHIR_OP_TOKEN_CODING] = emit_coding,
        [FHIR_OP_TOKEN_IDENTIFIER] = emit_identifier,
        [FHIR_OP_TOKEN_CONTACT] = emit_contact,
        [FHIR_OP_TOKEN_PLAIN] = emit_plain,
        [FHIR_OP_TOKEN_PRESENCE] = emit_presence,
        [FHIR_OP_STRING_PLAIN] = emit_string,
        [FHIR_OP_STRING_NAME] = emit_name,
        [FHIR_OP_STRING_ADDRESS] = emit_address,
        [FHIR_OP_DATE_POINT] = emit_date,
        [FHIR_OP_DATE_PERIOD] = emit_period,
        [FHIR_OP_DATE_TIMING] = emit_timing,
        [FHIR_OP_NUMBER] = emit_number,
        [FHIR_OP_NUMBER_RANGE] = emit_number_range,
        [FHIR_OP_QUANTITY] = emit_quantity,
        [FHIR_OP_QUANTITY_MONEY] = emit_money,
        [FHIR_OP_QUANTITY_RANGE] = emit_range,
        [FHIR_OP_URI] = emit_uri,
        [FHIR_OP_REFERENCE] = emit_reference,
        [FHIR_OP_REFERENCE_CANONICAL] = emit_uri,
        [FHIR_OP_REFERENCE_RESOURCE] = emit_resource,
    };
    assert((size_t)op < ARRAY_LEN(emitters));
    emitters[op](emit, value);
}
