#include "unit/test.h"

#include "core/clock.h"
#include "core/limits.h"
#include "fpath/fpath.h"
#include "fpath/fpath_invariant.h"

static const char PATIENT[] =
    "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"name\":[{\"given\":[\"A\",\"B\"]},"
    "{\"_given\":[{\"id\":\"g\"}]}],\"deceasedBoolean\":true,"
    "\"generalPractitioner\":[{\"reference\":\"Practitioner/7\"},{\"reference\":\"#c\"}],"
    "\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"c\",\"alias\":[\"x\",\"y\"]}]}";

typedef struct Fixture {
    Arena *arena;
    const JsonNode *root;
    FpathEnv env;
    ErrInfo info;
} Fixture;

static Fixture begin(const char *text) {
    Fixture f = {.arena = arena_new(32 * LIMIT_MIB)};
    assert_non_null(f.arena);
    assert_ok(json_parse(f.arena, str_from(text), &f.root, NULL));
    f.env = fpath_env(f.root);
    return f;
}

static const FpathExpr *compiled(Fixture *f, const char *text, const FpathOptions *options) {
    const FpathExpr *e = NULL;
    assert_ok(fpath_compile(f->arena, str_from(text), options, &e, &f->info));
    return e;
}
static FpathSeq evaluated(Fixture *f, const char *text) {
    FpathSeq seq = {NULL, 0};
    ErrCode err = fpath_eval(f->arena, compiled(f, text, NULL), &f->env, &seq, &f->info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", text, f->info.what_en);
        fail();
    }
    return seq;
}

static void assert_location(Fixture *f, const char *text, const char *wanted) {
    FpathSeq seq = evaluated(f, text);
    assert_int_equal(seq.n, 1);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_KIB);
    fpath_item_location(&out, &seq.items[0]);
    assert_str(buf_str(&out), str_from(wanted));
}

static void locations(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    assert_location(&f, "$this", "Patient");
    assert_location(&f, "name.given[1]", "Patient.name[0].given[1]");
    assert_location(&f, "name[1].given", "Patient.name[1].given[0]");
    assert_location(&f, "deceased", "Patient.deceased");
    assert_location(&f, "contained.alias.last()", "Patient.contained[0].alias[1]");
    assert_location(&f, "generalPractitioner[1].resolve()", "Patient.contained[0]");
    assert_location(&f, "1 + 1", "");
    arena_free(f.arena);
}

static void places(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    FpathPlace p;
    FpathSeq seq = evaluated(&f, "name.given[1]");
    assert_true(fpath_item_place(&seq.items[0], &p));
    assert_str(json_raw_str(p.name), STR("given"));
    assert_int_equal(p.index, 1);
    assert_true(p.array == p.value && p.object == json_first(json_get_lit(f.root, "name")));
    seq = evaluated(&f, "deceased");
    assert_true(fpath_item_place(&seq.items[0], &p));
    assert_true(p.object == f.root && p.array == NULL);
    assert_str(json_raw_str(p.name), STR("deceasedBoolean"));
    seq = evaluated(&f, "$this");
    assert_true(fpath_item_place(&seq.items[0], &p) && p.object == NULL);
    seq = evaluated(&f, "1");
    assert_false(fpath_item_place(&seq.items[0], &p));
    assert_true(fpath_is_path(compiled(&f, "Patient.name.where(use = 'x')[0].given", NULL)));
    assert_true(fpath_is_path(compiled(&f, "extension('u').value.ofType(Coding)", NULL)));
    assert_false(fpath_is_path(compiled(&f, "name.count()", NULL)));
    assert_false(fpath_is_path(compiled(&f, "name | contact", NULL)));
    assert_false(fpath_is_path(compiled(&f, "1", NULL)));
    arena_free(f.arena);
}

/* ---- what the caller brings */

static ErrCode own_key(const FpathCall *call, FpathSeq *ret) {
    FpathItem *item = arena_alloc(call->arena, sizeof(*item));
    assert_non_null(item);
    Str type = call->n_args > 0 ? call->args[0].items[0].string : STR("none");
    *item = fpath_item_str(arena_printf(call->arena, "%zu:" STR_FMT, call->input.n, STR_ARG(type)));
    *ret = (FpathSeq){item, 1};
    return ERR_OK;
}

static void own_functions(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    static const FpathFunction FUNCTIONS[] = {{"getKey", 0, 1, true, own_key}};
    FpathOptions options = {.functions = FUNCTIONS, .n_functions = 1};
    FpathSeq seq = {NULL, 0};
    assert_ok(fpath_eval(f.arena, compiled(&f, "name.getKey(Patient) & '!'", &options), &f.env,
                         &seq, &f.info));
    assert_str(fpath_item_string(f.arena, &seq.items[0]), STR("2:Patient!"));
    assert_ok(fpath_eval(f.arena, compiled(&f, "getKey()", &options), &f.env, &seq, &f.info));
    assert_str(fpath_item_string(f.arena, &seq.items[0]), STR("1:none"));
    const FpathExpr *e = NULL;
    assert_int_equal(fpath_compile(f.arena, STR("getKey(1, 2)"), &options, &e, &f.info),
                     ERR_INVALID);
    arena_free(f.arena);
}

typedef struct Seen {
    Str asked;
    size_t traced;
} Seen;
static ErrCode on_resolve(void *ctx, Str reference, FpathItem *ret_item) {
    Seen *seen = ctx;
    (void)ret_item;
    seen->asked = reference;
    return ERR_NOT_FOUND;
}
static ErrCode on_member(void *ctx, const FpathItem *item, Str valueset, bool *ret_member) {
    (void)ctx, (void)item;
    *ret_member = str_eq(valueset, STR("http://example.vn/yes"));
    return str_eq(valueset, STR("http://example.vn/broken")) ? ERR_CORRUPT : ERR_OK;
}
static void on_trace(void *ctx, Str name, FpathSeq items) {
    Seen *seen = ctx;
    seen->traced += items.n + name.len;
}

static void callbacks(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    Seen seen = {0};
    FpathCallbacks calls = {.resolve = on_resolve, .member_of = on_member, .trace = on_trace};
    f.env.callbacks = &calls;
    f.env.ctx = &seen;
    assert_int_equal(evaluated(&f, "generalPractitioner.resolve()").n, 1); /* the contained one */
    assert_str(seen.asked, STR("Practitioner/7"));
    assert_true(evaluated(&f, "id.memberOf('http://example.vn/yes')").items[0].boolean);
    assert_false(evaluated(&f, "id.memberOf('http://example.vn/no')").items[0].boolean);
    FpathSeq seq;
    assert_int_equal(fpath_eval(f.arena,
                                compiled(&f, "id.memberOf('http://example.vn/broken')", NULL),
                                &f.env, &seq, &f.info),
                     ERR_CORRUPT);
    assert_int_equal(evaluated(&f, "name.trace('tr', given)").n, 2);
    assert_int_equal(seen.traced, 2 + 3);
    f.env.resolve_types = true;
    assert_int_equal(evaluated(&f, "generalPractitioner.where(resolve() is Practitioner)").n, 1);
    arena_free(f.arena);
}

static void environment(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    FpathItem items[] = {fpath_item_integer(1), fpath_item_integer(2)};
    FpathVariable variables[] = {{STR("two"), {items, 2}}, {STR("ucum"), {items, 1}}};
    f.env.variables = variables;
    f.env.n_variables = 2;
    assert_int_equal(evaluated(&f, "%two").n, 2);
    assert_int_equal(evaluated(&f, "%ucum").items[0].integer, 1);
    f.env.input = items;
    f.env.n_input = 2;
    assert_int_equal(evaluated(&f, "$this").n, 2);
    assert_int_equal(evaluated(&f, "%context.count()").items[0].integer, 2);
    f.env.n_input = 0;
    assert_int_equal(evaluated(&f, "$this.exists()").n, 1);
    f.env.input = NULL;
    FpathSeq name = evaluated(&f, "name[0]");
    f.env.context = name.items[0];
    assert_int_equal(evaluated(&f, "given").n, 2);
    assert_str(json_raw_str(evaluated(&f, "%resource.id").items[0].node), STR("p1"));
    arena_free(f.arena);
}

static void errors_have_places(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    const FpathExpr *e = NULL;
    assert_int_equal(fpath_compile(f.arena, STR("name.\n  'Đỗ' & nothing()"), NULL, &e, &f.info),
                     ERR_SYNTAX);
    assert_non_null(strstr(f.info.what_en, "(line 2, column 3)"));
    assert_non_null(strstr(f.info.what_vi, "(dòng 2, cột 3)"));
    assert_int_equal(f.info.offset, 8);
    assert_int_equal(fpath_compile(f.arena, STR("'Đỗ' & nothing()"), NULL, &e, &f.info),
                     ERR_INVALID);
    assert_non_null(strstr(f.info.what_en, "'nothing' (line 1, column 8)"));
    assert_int_equal(fpath_compile(f.arena, STR("a \xff b"), NULL, &e, &f.info), ERR_SYNTAX);
    assert_int_equal(fpath_compile(f.arena, STR("a."), NULL, &e, NULL), ERR_SYNTAX);
    assert_null(e);
    arena_free(f.arena);
}

/* ---- hostile expressions end soon */

static void assert_limited(Fixture *f, Str text) {
    const FpathExpr *e = NULL;
    FpathSeq seq = {NULL, 0};
    memset(&f->info, 0, sizeof(f->info));
    Arena *arena = arena_new(32 * LIMIT_MIB);
    ErrCode err = fpath_compile(arena, text, NULL, &e, &f->info);
    if (err == ERR_OK) {
        err = fpath_eval(arena, e, &f->env, &seq, &f->info);
    }
    if (err != ERR_LIMIT || f->info.what_vi[0] == '\0') {
        print_error(STR_FMT ": %s %s\n", STR_ARG(str_sub(text, 0, 60)), err_name(err),
                    f->info.what_en);
        fail();
    }
    arena_free(arena);
}

static Str repeated(Arena *arena, const char *part, size_t n, const char *end) {
    size_t len = strlen(part);
    char *text = arena_alloc(arena, len * n + strlen(end) + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * len, part, len);
    }
    memcpy(text + n * len, end, strlen(end));
    return (Str){text, n * len + strlen(end)};
}

static void limits(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    Arena *a = f.arena;
    assert_limited(&f, repeated(a, "(", 5000, ""));
    assert_limited(&f, repeated(a, "-", 5000, "1"));
    assert_limited(&f, repeated(a, "iif(true,", 5000, ""));
    assert_limited(&f, repeated(a, "a.", 5000, "b"));
    assert_limited(&f, repeated(a, "1+", 5000, "1"));
    assert_limited(&f, repeated(a, "a[", 5000, ""));
    assert_limited(&f, repeated(a, " ", LIMIT_FPATH_BYTES, "1"));
    assert_limited(&f, STR("1.combine(2).repeat($this.combine($this + 1))"));
    assert_limited(&f, STR("1.repeat($this + 1)"));
    assert_limited(&f, STR("'x'.repeat($this & $this)"));
    assert_limited(&f, STR("(1|2|3|4|5|6|7|8).select(%resource.descendants().select(%resource"
                           ".descendants().select(%resource.descendants().select(%resource"
                           ".descendants()))))"));
    assert_limited(&f, STR("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(([a-z])+.)+[A-Z]$')"));
    CLEANUP_BUF Buf doubled; /* 2^30 items */
    buf_init(&doubled, LIMIT_MIB);
    buf_put_lit(&doubled, "(1|2)");
    for (int i = 0; i < 30; i++) {
        buf_put_lit(&doubled, ".select($this.combine($this))");
    }
    assert_limited(&f, buf_str(&doubled));
    buf_clear(&doubled);
    buf_put_lit(&doubled, "'ab'");
    for (int i = 0; i < 60; i++) {
        buf_put_lit(&doubled, ".replace('', 'abcdefgh')");
    }
    assert_limited(&f, buf_str(&doubled));
    f.env.max_steps = 20;
    assert_limited(&f, STR("descendants().count()"));
    arena_free(f.arena);
}

/* ---- values */

static void values(void **state) {
    (void)state;
    Fixture f = begin(PATIENT);
    FpathItem v;
    assert_ok(fpath_item_parse(FHIR_T_DATE, STR("2026-11"), &v));
    assert_true(v.kind == FPATH_DATE && v.time.precision == FPATH_MONTH);
    assert_ok(fpath_item_parse(FHIR_T_INTEGER, STR("-7"), &v));
    assert_int_equal(v.integer, -7);
    assert_int_equal(fpath_item_parse(FHIR_T_INTEGER, STR("x"), &v), ERR_INVALID);
    assert_int_equal(fpath_item_parse(FHIR_T_DATE_TIME, STR("2026-13"), &v), ERR_INVALID);
    assert_ok(fpath_item_parse(FHIR_T_CODE, STR("male"), &v));
    assert_str(v.string, STR("male"));
    FpathItem one = fpath_item_integer(1);
    FpathItem two = fpath_item_decimal(decimal_from_scaled(20, 1));
    assert_int_equal(fpath_less(f.arena, &one, &two), FPATH_TRUE);
    assert_int_equal(fpath_equal(f.arena, &one, &two), FPATH_FALSE);
    assert_int_equal(fpath_less(f.arena, &one, &v), FPATH_UNKNOWN);
    FpathSeq seq = evaluated(&f, "5 'mg'");
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_KIB);
    JsonWriter w = json_writer(&out);
    assert_true(fpath_item_put_json(&w, &seq.items[0]));
    assert_str(buf_str(&out), STR("{\"value\":5,\"unit\":\"mg\",\"system\":"
                                  "\"http://unitsofmeasure.org\",\"code\":\"mg\"}"));
    bool value = true;
    assert_ok(fpath_to_bool((FpathSeq){NULL, 0}, &value));
    assert_false(value);
    assert_int_equal(fpath_to_bool(evaluated(&f, "1 | 2"), &value), ERR_INVALID);
    arena_free(f.arena);
}

/* ---- invariants */

typedef struct Broken {
    char keys[200];
} Broken;
static void on_breach(void *ctx, const FpathBreach *b) {
    Broken *broken = ctx;
    assert_null(b->failure);
    size_t len = strlen(broken->keys);
    (void)snprintf(broken->keys + len, sizeof(broken->keys) - len, "%s ", b->invariant->key);
}
static void assert_broken(const char *text, const char *keys) {
    Fixture f = begin(text);
    Broken broken = {""};
    FpathBreaches breaches = {.ctx = &broken, .report = on_breach, .structural = true};
    Arena *scratch = arena_new(LIMIT_MIB);
    assert_ok(fpath_invariants_check(scratch, f.root, &f.env, &breaches));
    assert_string_equal(broken.keys, keys);
    arena_free(scratch);
    arena_free(f.arena);
}

static void invariants(void **state) {
    (void)state;
    assert_int_equal(fpath_invariant_count(), 239);
    for (unsigned shape = 1; shape < FHIR_SHAPE_COUNT; shape++) {
        for (const FpathInvariant *const *v = fpath_invariants((FhirShape)shape); *v != NULL; v++) {
            assert_true((*v)->en[0] != '\0' && (*v)->vi[0] != '\0');
        }
    }
    const FpathInvariant *task = fpath_invariants(FHIR_T_TASK)[0];
    for (size_t i = 0; strcmp(task->key, "inv-1") != 0; i++) {
        task = fpath_invariants(FHIR_T_TASK)[i];
        assert_non_null(task);
    }
    assert_string_equal(task->vi, "Ngày sửa cuối không được trước ngày lập");
    assert_broken("{\"resourceType\":\"Patient\",\"contact\":[{\"gender\":\"male\"}]}",
                  "dom-6 pat-1 ");
    assert_broken("{\"resourceType\":\"Basic\",\"created\":\"2026\",\"subject\":{\"reference\":"
                  "\"#x\"},\"author\":{\"display\":\"A\"}}",
                  "dom-6 ref-1 ");
    assert_broken("{\"resourceType\":\"Basic\",\"identifier\":[{\"period\":{\"start\":\"2026-03\","
                  "\"end\":\"2026-01-31\"}},{\"period\":{\"start\":\"2026-01-15\",\"end\":"
                  "\"2026-01\"}}]}",
                  "dom-6 per-1 ");
    assert_broken("{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\","
                  "\"id\":\"b\",\"code\":{\"text\":\"x\"}}]}",
                  "dom-3 dom-6 dom-6 ");
    assert_broken("{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Basic\","
                  "\"id\":\"b\",\"subject\":{\"reference\":\"#\"}}]}",
                  "dom-6 dom-6 ");
    assert_broken("{\"resourceType\":\"Organization\",\"telecom\":[{\"use\":\"home\",\"system\":"
                  "\"phone\"}]}",
                  "dom-6 org-1 org-3 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locations),     cmocka_unit_test(places),
        cmocka_unit_test(own_functions), cmocka_unit_test(callbacks),
        cmocka_unit_test(environment),   cmocka_unit_test(errors_have_places),
        cmocka_unit_test(limits),        cmocka_unit_test(values),
        cmocka_unit_test(invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
