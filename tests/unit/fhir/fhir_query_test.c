#include "unit/test.h"

#include "core/limits.h"
#include "fhir/fhir_query.h"

static const Str base_url = {"https://nhip.example/fhir", 25};
static const TimeMs now = INT64_C(1795226400000); /* 2026-11-21T02:00:00Z */

typedef struct Fixture {
    Arena *arena;
    ErrInfo info;
    FhirQuery q;
} Fixture;

static int setup(void **state) {
    Fixture *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return -1;
    }
    f->arena = arena_new(64 * LIMIT_MIB);
    *state = f;
    return f->arena == NULL ? -1 : 0;
}

static int teardown(void **state) {
    Fixture *f = *state;
    arena_free(f->arena);
    free(f);
    return 0;
}

static ErrCode parse(Fixture *f, FhirType type, const char *text) {
    FhirQueryScope scope = {.type = type, .base_url = base_url, .now = now, .info = &f->info};
    memset(&f->info, 0, sizeof f->info);
    return fhir_query_parse(f->arena, &scope, str_from(text), &f->q);
}

static const FhirQueryValue *first_value(const Fixture *f) {
    assert_true(f->q.n_terms >= 1 && f->q.terms[0].n_values >= 1);
    return &f->q.terms[0].values[0];
}

static void an_empty_query_asks_for_all(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_PATIENT, ""));
    assert_int_equal(f->q.n_terms, 0);
    assert_false(f->q.has_count);
    assert_int_equal(f->q.summary, FHIR_SUMMARY_FALSE);
    assert_int_equal(f->q.total, FHIR_TOTAL_UNSAID);
    assert_ok(parse(f, FHIR_T_PATIENT, "&&"));
    assert_int_equal(f->q.n_terms, 0);
}

static void tokens_are_taken_apart(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_PATIENT, "identifier=urn:x%7C1,%7C2,urn:y%7C,4,a%5C%7Cb%5C,c"));
    const FhirQueryTerm *t = &f->q.terms[0];
    assert_int_equal(t->n_values, 5);
    assert_str(t->values[0].token.system, STR("urn:x"));
    assert_str(t->values[0].token.code, STR("1"));
    assert_true(t->values[1].token.has_bar && t->values[1].token.system.len == 0);
    assert_true(t->values[2].token.has_bar && t->values[2].token.code.len == 0);
    assert_false(t->values[3].token.has_bar);
    assert_str(t->values[4].token.code, STR("a|b,c"));
    assert_false(t->values[4].token.has_bar);
}

static void prefixes_belong_to_ordered_types(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_PATIENT, "birthdate=ge1980&birthdate=lt1990-05"));
    assert_int_equal(f->q.n_terms, 2);
    assert_int_equal(f->q.terms[0].values[0].prefix, FHIR_PREFIX_GE);
    assert_int_equal(f->q.terms[1].values[0].prefix, FHIR_PREFIX_LT);
    assert_ok(parse(f, FHIR_T_OBSERVATION, "value-quantity=ap5.40%7C%7Cmg"));
    const FhirQueryValue *v = first_value(f);
    assert_int_equal(v->prefix, FHIR_PREFIX_AP);
    assert_str(v->quantity.number.text, STR("5.40"));
    assert_str(v->quantity.code, STR("mg"));
    /* a name may begin with the letters of a prefix */
    assert_ok(parse(f, FHIR_T_PATIENT, "family=le"));
    assert_str(first_value(f)->string.text, STR("le"));
}

static void numbers_imply_a_range(void **state) {
    Fixture *f = *state;
    static const struct {
        const char *text, *lo, *hi;
    } rows[] = {
        {"100", "99.5", "100.5"},        {"100.00", "99.995", "100.005"}, {"1e2", "95", "105"},
        {"5.4", "5.35", "5.45"},         {"-5.4", "-5.45", "-5.35"},      {"0", "-0.5", "0.5"},
        {"1.0e-3", "9.5e-4", "1.05e-3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        Decimal lo;
        Decimal hi;
        (void)snprintf(text, sizeof text, "probability=%s", rows[i].text);
        assert_ok(parse(f, FHIR_T_RISK_ASSESSMENT, text));
        assert_ok(decimal_parse(str_from(rows[i].lo), &lo));
        assert_ok(decimal_parse(str_from(rows[i].hi), &hi));
        assert_int_equal(decimal_cmp(first_value(f)->number.lo, lo), 0);
        assert_int_equal(decimal_cmp(first_value(f)->number.hi, hi), 0);
    }
}

static void near_dates_grow_with_their_distance(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_PATIENT, "birthdate=ap2026-11-21"));
    TimeMs width = first_value(f)->date.hi - first_value(f)->date.lo;
    assert_int_equal(width, TIME_DAY_MS); /* now lies inside: no gap */
    assert_ok(parse(f, FHIR_T_PATIENT, "birthdate=ap2016-11-21"));
    width = first_value(f)->date.hi - first_value(f)->date.lo;
    assert_in_range(width, 2 * 364 * TIME_DAY_MS, 2 * 367 * TIME_DAY_MS);
}

static void references_take_all_forms(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_OBSERVATION, "patient=12"));
    assert_int_equal(first_value(f)->reference.type, FHIR_T_PATIENT);
    assert_str(first_value(f)->reference.id, STR("12"));
    assert_ok(parse(f, FHIR_T_OBSERVATION, "subject=12"));
    assert_int_equal(first_value(f)->reference.type, FHIR_T_NONE);
    assert_ok(parse(f, FHIR_T_OBSERVATION, "subject:Patient=12"));
    assert_int_equal(first_value(f)->reference.type, FHIR_T_PATIENT);
    assert_ok(parse(f, FHIR_T_OBSERVATION, "subject=https://nhip.example/fhir/Patient/12"));
    assert_int_equal(first_value(f)->reference.type, FHIR_T_PATIENT);
    assert_str(first_value(f)->reference.id, STR("12"));
    assert_ok(parse(f, FHIR_T_OBSERVATION, "subject=https://other.example/fhir/Patient/12"));
    assert_int_equal(first_value(f)->reference.id.len, 0);
    assert_str(first_value(f)->reference.url, STR("https://other.example/fhir/Patient/12"));
    assert_int_equal(parse(f, FHIR_T_OBSERVATION, "patient=Patient/~"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_OBSERVATION, "patient=Patient/~3"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_OBSERVATION, "patient=Nobody/3"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_OBSERVATION, "patient=a%3Db"), ERR_PARAM);
    assert_int_equal(
        parse(f, FHIR_T_OBSERVATION, "subject:Patient=https://nhip.example/fhir/Group/1"),
        ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_OBSERVATION, "subject:Patient=http://other.example/Group/1"),
                     ERR_PARAM);
    /* an address below the own base that is no resource's */
    assert_ok(parse(f, FHIR_T_PLAN_DEFINITION, "depends-on=https://nhip.example/fhir/lib%7C2"));
    assert_str(first_value(f)->reference.url, STR("https://nhip.example/fhir/lib|2"));
    assert_int_equal(first_value(f)->reference.id.len, 0);
}

static void result_parameters(void **state) {
    Fixture *f = *state;
    assert_ok(
        parse(f, FHIR_T_OBSERVATION,
              "_count=20&_sort=-_lastUpdated&_summary=data&_total=accurate&_elements=code,"
              "value,subject&_format=json&_pretty=true&_page=abc&_include=Observation:subject:"
              "Patient&_include=Observation:encounter&_revinclude=Provenance:target"));
    assert_true(f->q.has_count && f->q.count == 20);
    assert_int_equal(f->q.n_sorts, 1);
    assert_true(f->q.sorts[0].is_descending);
    assert_int_equal(f->q.summary, FHIR_SUMMARY_DATA);
    assert_int_equal(f->q.total, FHIR_TOTAL_ACCURATE);
    assert_int_equal(f->q.n_elements, 3);
    assert_str(f->q.page, STR("abc"));
    assert_str(f->q.format, STR("json"));
    assert_true(f->q.pretty);
    assert_int_equal(f->q.n_includes, 3);
    assert_int_equal(f->q.includes[0].target, FHIR_T_PATIENT);
    assert_int_equal(f->q.includes[1].target, FHIR_T_NONE);
    assert_true(f->q.includes[2].is_reverse);
    assert_int_equal(f->q.includes[2].source, FHIR_T_PROVENANCE);
    assert_ok(parse(f, FHIR_T_PATIENT, "_count=999999"));
    assert_int_equal(f->q.count, LIMIT_PAGE_COUNT);
    assert_ok(parse(f, FHIR_T_PATIENT, "_count=0"));
    assert_int_equal(f->q.summary, FHIR_SUMMARY_COUNT);
}

static void what_is_wrong_is_named(void **state) {
    Fixture *f = *state;
    static const struct {
        const char *text;
        ErrCode code;
        const char *where, *says;
    } rows[] = {
        {"familly=a", ERR_PARAM, "familly", "similar: family"},
        {"birthdat=1980", ERR_PARAM, "birthdat", "birthdate"},
        {"zzzzzz=1", ERR_PARAM, "zzzzzz", "unknown search parameter of Patient"},
        {"_sorted=a", ERR_PARAM, "_sorted", "unknown"},
        {"name:below=a", ERR_PARAM, "name:below", "does not take this modifier"},
        {"name:iterate=a", ERR_UNSUPPORTED, "name:iterate", "not supported"},
        {"_id:text=a", ERR_PARAM, "_id:text", "does not take this modifier"},
        {"gender:in=http://v", ERR_PARAM, "gender:in", "'http://v' is no value set"},
        {"identifier:of-type=a%7Cb", ERR_PARAM, "identifier:of-type", "no system|code|value"},
        {"general-practitioner:below=5", ERR_PARAM, "general-practitioner:below", "forms a tree"},
        {"_list=$current-problems", ERR_UNSUPPORTED, "_list", "by their id"},
        {"_type=Patient", ERR_PARAM, "_type", "whole system"},
        {"name:nonsense=a", ERR_PARAM, "name:nonsense", "modifier"},
        {"gender:contains=a", ERR_PARAM, "gender:contains", "modifier"},
        {"birthdate=soon", ERR_PARAM, "birthdate", "'soon' is no date"},
        {"birthdate=", ERR_PARAM, "birthdate", "empty"},
        {"name=a,,b", ERR_PARAM, "name", "empty"},
        {"name=%E1%BB", ERR_PARAM, "name", "UTF-8"},
        {"name=%4", ERR_PARAM, "name", "percent"},
        {"name=%CC%80", ERR_PARAM, "name", "no letter"},
        {"_count=many", ERR_PARAM, "_count", "whole number"},
        {"_count=-1", ERR_PARAM, "_count", "whole number"},
        {"_count=1&_count=2", ERR_PARAM, "_count", "twice"},
        {"_summary=some", ERR_PARAM, "_summary", "'some'"},
        {"_total=", ERR_PARAM, "_total", "empty"},
        {"_sort=birthdate,", ERR_PARAM, "_sort", "unknown"},
        {"_sort=_id,_id,_id,_id,_id", ERR_LIMIT, "_sort", "too many"},
        {"_sort:desc=name", ERR_UNSUPPORTED, "_sort:desc", "not supported"},
        {"_sort=nothing", ERR_PARAM, "_sort", "unknown"},
        {"_elements=foo", ERR_PARAM, "_elements", "'foo'"},
        {"_include=Patient:organization:Patient", ERR_PARAM, "_include", "reference parameter"},
        {"_include=Observation:subject", ERR_PARAM, "_include", "type that is searched"},
        {"_include=Patient:name", ERR_PARAM, "_include", "reference parameter"},
        {"_include=*:*", ERR_PARAM, "_include", "reference parameter"},
        {"_include:exact=Patient:organization", ERR_PARAM, "_include:exact", ":iterate"},
        {"_revinclude=Coverage:payor:Organization", ERR_PARAM, "_revinclude",
         "type that is searched"},
        {"=a", ERR_PARAM, "=", "no name"},
        {"%00=a", ERR_PARAM, "?", "percent"},
        {"_text=.", ERR_PARAM, "_text", "no word"},
        {"_content=a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", ERR_LIMIT,
         "_content", "more than 32"},
        {"organization.nam=a", ERR_PARAM, "organization.nam", "'nam' is no parameter"},
        {"organization:Patient.name=a", ERR_PARAM, "organization:Patient.name", "cannot lead"},
        {"name.name=a", ERR_PARAM, "name.name", "only references"},
        {"_has:Observation:code:code=a", ERR_PARAM, "_has:Observation:code:code", "write _has"},
        {"_has:Observation=a", ERR_PARAM, "_has:Observation", "write _has"},
        {"_has:Observation:patient:cod=a", ERR_PARAM, "_has:Observation:patient:cod",
         "'cod' is no parameter"},
        {"organization.partof.partof.partof.partof.partof.partof.partof.partof.name=a", ERR_LIMIT,
         "organization.partof.partof.partof.partof.partof.partof.partof.p", "8 steps"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ErrCode code = parse(f, FHIR_T_PATIENT, rows[i].text);
        if (code != rows[i].code || strstr(f->info.what_en, rows[i].says) == NULL) {
            print_error("%s: %s, %s\n", rows[i].text, err_name(code), f->info.what_en);
        }
        assert_int_equal(code, rows[i].code);
        assert_string_equal(f->info.where, rows[i].where);
        assert_non_null(strstr(f->info.what_en, rows[i].says));
        assert_true(f->info.what_vi[0] != '\0');
    }
    assert_int_equal(parse(f, FHIR_T_LOCATION, "near=1"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_LIST, "item.item.item.item.code=a"), ERR_LIMIT);
    assert_non_null(strstr(f->info.what_en, "512"));
}

/* The whole system: what all of its types know; each type reads the terms in its own way. */
static void queries_without_a_type(void **state) {
    Fixture *f = *state;
    FhirQuery typed;
    assert_ok(parse(f, FHIR_T_NONE, "_id=1&%5Ftype=Patient,Observation&_list=7"));
    assert_int_equal(f->q.n_types, 2);
    assert_true(fhir_query_of(&f->q, 1, &typed) && typed.type == FHIR_T_OBSERVATION);
    assert_int_equal(typed.n_terms, 2);
    assert_false(fhir_query_of(&f->q, 2, &typed));
    assert_ok(parse(f, FHIR_T_NONE, "_type=Observation,Condition&patient=1"));
    assert_int_equal(parse(f, FHIR_T_NONE, "_type=Observation,Location&patient=1"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_NONE, "patient=1"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_NONE, "_type=Patiant"), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_NONE, "_type="), ERR_PARAM);
    assert_int_equal(parse(f, FHIR_T_NONE, "_type=Patient&_type=List"), ERR_PARAM);
    assert_ok(parse(f, FHIR_T_NONE, ""));
    size_t n = 0;
    while (fhir_query_of(&f->q, n, &typed)) {
        n++;
    }
    assert_int_equal(n, FHIR_RESOURCE_COUNT);
}

static void lists_have_a_limit(void **state) {
    Fixture *f = *state;
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    buf_put_lit(&text, "_id=0");
    for (int i = 1; i < LIMIT_SEARCH_VALUES; i++) {
        buf_printf(&text, ",%d", i);
    }
    assert_ok(parse(f, FHIR_T_PATIENT, buf_cstr(&text)));
    assert_int_equal(f->q.terms[0].n_values, LIMIT_SEARCH_VALUES);
    buf_put_lit(&text, ",x");
    assert_int_equal(parse(f, FHIR_T_PATIENT, buf_cstr(&text)), ERR_LIMIT);
    buf_clear(&text);
    for (int i = 0; i <= FHIR_QUERY_TERMS; i++) {
        buf_put_lit(&text, "&name=a");
    }
    assert_int_equal(parse(f, FHIR_T_PATIENT, buf_cstr(&text)), ERR_LIMIT);
}

static void a_refused_query_leaves_the_output_alone(void **state) {
    Fixture *f = *state;
    assert_ok(parse(f, FHIR_T_PATIENT, "name=a"));
    assert_int_equal(parse(f, FHIR_T_PATIENT, "_count=5&name:below=a"), ERR_PARAM);
    assert_int_equal(f->q.n_terms, 1);
    assert_false(f->q.has_count);
}

static void printing_is_canonical(void **state) {
    Fixture *f = *state;
    static const struct {
        FhirType type;
        const char *text, *printed;
    } rows[] = {
        {FHIR_T_PATIENT, "name=Nguy%E1%BB%85n+V%C4%83n", "name=Nguy%E1%BB%85n%20V%C4%83n"},
        {FHIR_T_PATIENT, "_count=20&name=a&_sort=-_lastUpdated",
         "name=a&_sort=-_lastUpdated&_count=20"},
        {FHIR_T_PATIENT, "identifier=urn:x%7C1%5C%7C2,3", "identifier=urn:x%7C1%5C%7C2,3"},
        {FHIR_T_PATIENT, "birthdate=eq1980&gender:not=male", "birthdate=1980&gender:not=male"},
        {FHIR_T_PATIENT, "death-date:missing=true&_page=x", "death-date:missing=true"},
        {FHIR_T_OBSERVATION, "patient=1&subject:Patient=2&subject=3",
         "patient=Patient/1&subject:Patient=Patient/2&subject=3"},
        {FHIR_T_OBSERVATION, "code-value-quantity=a%7Cb$gt5%7C%7Cmg",
         "code-value-quantity=a%7Cb$gt5%7C%7Cmg"},
        {FHIR_T_OBSERVATION, "_include=Observation:subject:Patient&_revinclude=Provenance:target",
         "_include=Observation:subject:Patient&_revinclude=Provenance:target"},
        {FHIR_T_OBSERVATION,
         "_include=*&_include:recurse=Patient:*:Organization&_revinclude:iterate=Encounter:*",
         "_include=*&_include:iterate=Patient:*:Organization&_revinclude:iterate=Encounter:*"},
        {FHIR_T_OBSERVATION, "_sort=code,-date,_id&_count=3", "_sort=code,-date,_id&_count=3"},
        {FHIR_T_OBSERVATION, "_elements=code,status&_summary=false&_total=none&_format=json",
         "_total=none&_elements=code,status&_format=json"},
        {FHIR_T_PATIENT, "_lastUpdated=ge2026-11-21T08:00:00%2B07:00",
         "_lastUpdated=ge2026-11-21T08:00:00%2B07:00"},
        {FHIR_T_PATIENT, "_count=0", "_count=0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_BUF Buf out;
        buf_init(&out, LIMIT_MIB);
        assert_ok(parse(f, rows[i].type, rows[i].text));
        fhir_query_print(&out, &f->q);
        assert_str(buf_str(&out), str_from(rows[i].printed));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void lenient_leaves_out_what_is_unknown(void **state) {
    Fixture *f = *state;
    FhirQueryScope scope = {
        .type = FHIR_T_PATIENT, .base_url = base_url, .info = &f->info, .is_lenient = true};
    Str text =
        STR("colour:exact=red&name=lan&colour.name=x&_filter=name+eq+x");
    assert_ok(fhir_query_parse(f->arena, &scope, text, &f->q));
    assert_int_equal(f->q.n_terms, 1);
    assert_int_equal(f->q.n_ignored, 3);
    assert_str(f->q.ignored[0], STR("colour:exact"));
    assert_str(f->q.ignored[1], STR("colour.name"));
    assert_str(f->q.ignored[2], STR("_filter"));
    CLEANUP_BUF Buf printed;
    buf_init(&printed, LIMIT_MIB);
    fhir_query_print(&printed, &f->q);
    assert_str(buf_str(&printed), STR("name=lan"));
    /* A modifier, a value or a result parameter that is not understood changes the meaning. */
    static const char *const refused[] = {"gender:exact=x", "birthdate=x", "_sort=nothing",
                                          "_include=x", "colour=", "organization.colour=x"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_int_not_equal(fhir_query_parse(f->arena, &scope, str_from(refused[i]), &f->q),
                             ERR_OK);
    }
    CLEANUP_BUF Buf many;
    buf_init(&many, LIMIT_MIB);
    for (int i = 0; i <= FHIR_QUERY_TERMS; i++) {
        buf_printf(&many, "%sx%d=1", i > 0 ? "&" : "", i);
    }
    assert_int_equal(fhir_query_parse(f->arena, &scope, buf_str(&many), &f->q), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lenient_leaves_out_what_is_unknown),
        TEST(an_empty_query_asks_for_all),
        TEST(tokens_are_taken_apart),
        TEST(prefixes_belong_to_ordered_types),
        TEST(numbers_imply_a_range),
        TEST(near_dates_grow_with_their_distance),
        TEST(references_take_all_forms),
        TEST(result_parameters),
        TEST(what_is_wrong_is_named),
        TEST(queries_without_a_type),
        TEST(lists_have_a_limit),
        TEST(a_refused_query_leaves_the_output_alone),
        TEST(printing_is_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
