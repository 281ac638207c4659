/* fhirpath — the official FHIRPath cases (tests-fhir-r4.xml, inputs as JSON beside it) under
 * NHIP_SHARED (default ../shared): compiled strictly for the type of their input, evaluated,
 * results compared by type, text and order. Where an error is expected, compiling or evaluating
 * must fail. Known failures are listed by name with the reason and must go on failing. Prints TAP
 * and `fhirpath passed/total`. */
#include "core/io.h"
#include "core/limits.h"
#include "core/xml.h"
#include "fhir/fhir_parse.h"
#include "fpath/fpath.h"

typedef struct Known {
    const char *name, *why;
} Known;
static const Known KNOWN[] = {
#include "suite/fhirpath_known.inc"
};

enum { OUTPUTS_MAX = 32 };

typedef struct Output {
    Str type, text;
} Output;

typedef struct Case {
    Str name, input, expression;
    bool invalid, predicate, unordered;
    Output outputs[OUTPUTS_MAX];
    unsigned n_outputs;
} Case;

typedef struct Suite {
    Arena *arena;
    const char *folder;
    Case now;
    Str element; /* open now */
    unsigned n_passed, n_total;
} Suite;

static unsigned n_test, n_failed;

static void report(bool ok, Str name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - " STR_FMT "\n", ok ? "ok" : "not ok", n_test, STR_ARG(name));
}

/* ---- one case */

static const char *const SYSTEM_TYPES[] = {"",     "boolean",  "integer", "decimal",  "string",
                                           "date", "dateTime", "time",    "Quantity", "type"};

static Str type_of(const FpathItem *item) {
    return item->kind == FPATH_NODE ? str_from(fhir_shape(item->shape)->name)
                                    : str_from(SYSTEM_TYPES[item->kind]);
}

static bool same(Arena *arena, const FpathItem *item, const Output *want) {
    Str text = fpath_item_string(arena, item);
    Str expected = want->text;
    if (str_starts(expected, STR("@"))) {
        bool time = str_starts(expected, STR("@T"));
        expected = str_sub(expected, time ? 2 : 1, expected.len);
    }
    Decimal a;
    Decimal b;
    bool number = decimal_parse(text, &a) == ERR_OK && decimal_parse(expected, &b) == ERR_OK;
    return (want->type.len == 0 || str_eq(type_of(item), want->type)) &&
           (str_eq(text, expected) ||
            (number && decimal_cmp(a, b) == 0 && decimal_scale(a) == decimal_scale(b)));
}

static bool same_all(Arena *arena, FpathSeq seq, const Case *c) {
    bool used[OUTPUTS_MAX] = {false};
    if (seq.n != c->n_outputs) {
        return false;
    }
    for (size_t i = 0; i < seq.n; i++) {
        unsigned k = 0;
        if (!c->unordered) {
            k = (unsigned)i;
        } else {
            while (k < c->n_outputs && (used[k] || !same(arena, &seq.items[i], &c->outputs[k]))) {
                k++;
            }
        }
        if (k == c->n_outputs || !same(arena, &seq.items[i], &c->outputs[k])) {
            return false;
        }
        used[k] = true;
    }
    return true;
}

static void show(Arena *arena, FpathSeq seq) {
    for (size_t i = 0; i < seq.n; i++) {
        Str text = fpath_item_string(arena, &seq.items[i]);
        printf("#   got " STR_FMT ": " STR_FMT "\n", STR_ARG(type_of(&seq.items[i])),
               STR_ARG(text));
    }
}

/* The resource of the case; an empty object without input file. */
static bool load(Suite *s, const JsonNode **ret_root) {
    const Case *c = &s->now;
    Str stem = c->input;
    if (stem.len == 0) {
        return json_parse(s->arena, STR("{\"resourceType\":\"Basic\"}"), ret_root, NULL) == ERR_OK;
    }
    stem = str_sub(stem, 0, stem.len - (str_ends(stem, STR(".json")) ? 5 : 4));
    Str path = arena_printf(s->arena, "%s/" STR_FMT ".json", s->folder, STR_ARG(stem));
    CLEANUP_FILE FILE *f = fopen(path.ptr, "r");
    char *text = arena_alloc(s->arena, LIMIT_MIB);
    if (f == NULL || text == NULL) {
        return false;
    }
    size_t len = fread(text, 1, LIMIT_MIB, f);
    return json_parse(s->arena, (Str){text, len}, ret_root, NULL) == ERR_OK;
}

static bool run_case(Suite *s) {
    const Case *c = &s->now;
    const JsonNode *root = NULL;
    ErrInfo info = {0};
    if (!load(s, &root)) {
        printf("# cannot read " STR_FMT "\n", STR_ARG(c->input));
        return false;
    }
    FpathOptions options = {.context = (FhirShape)fhir_type_of(root), .strict = true};
    const FpathExpr *e = NULL;
    FpathSeq seq = {NULL, 0};
    FpathEnv env = fpath_env(root);
    ErrCode err = fpath_compile(s->arena, c->expression, &options, &e, &info);
    if (err == ERR_OK) {
        err = fpath_eval(s->arena, e, &env, &seq, &info);
    }
    if (c->invalid) {
        return err != ERR_OK;
    }
    if (err != ERR_OK) {
        printf("#   %s\n", info.what_en);
        return false;
    }
    if (c->predicate) {
        bool value = false;
        return fpath_to_bool(seq, &value) == ERR_OK && c->n_outputs == 1 &&
               str_eq(c->outputs[0].text, value ? STR("true") : STR("false"));
    }
    bool ok = same_all(s->arena, seq, c);
    if (!ok) {
        show(s->arena, seq);
    }
    return ok;
}

static const Known *find_known(Str name) {
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (KNOWN[i].name[0] != '\0' && str_eq(name, str_from(KNOWN[i].name))) {
            return &KNOWN[i];
        }
    }
    return NULL;
}

static void finish_case(Suite *s) {
    const Known *known = find_known(s->now.name);
    bool ok = run_case(s);
    s->n_total++;
    s->n_passed += ok ? 1 : 0;
    if (known != NULL) {
        printf("# known: %s: %s\n", known->name, known->why);
    } else if (!ok) {
        printf("#   " STR_FMT "\n", STR_ARG(s->now.expression));
    }
    report(ok == (known == NULL), s->now.name);
}

/* ---- reading the file */

static ErrCode on_open(void *ctx, Str name) {
    Suite *s = ctx;
    s->element = arena_str(s->arena, name);
    if (str_eq(name, STR("test"))) {
        s->now = (Case){.name = STR_EMPTY};
    } else if (str_eq(name, STR("output")) && s->now.n_outputs < OUTPUTS_MAX) {
        s->now.outputs[s->now.n_outputs++] = (Output){STR_EMPTY, STR_EMPTY};
    }
    return ERR_OK;
}

static ErrCode on_attr(void *ctx, Str name, Str value) {
    Suite *s = ctx;
    Case *c = &s->now;
    Str copy = arena_str(s->arena, value);
    if (str_eq(name, STR("name"))) {
        c->name = copy;
    } else if (str_eq(name, STR("inputfile"))) {
        c->input = copy;
    } else if (str_eq(name, STR("invalid"))) {
        c->invalid = true;
    } else if (str_eq(name, STR("predicate"))) {
        c->predicate = str_eq(value, STR("true"));
    } else if (str_eq(name, STR("ordered"))) {
        c->unordered = str_eq(value, STR("false"));
    } else if (str_eq(name, STR("type")) && c->n_outputs > 0) {
        c->outputs[c->n_outputs - 1].type = copy;
    }
    return ERR_OK;
}

static ErrCode on_text(void *ctx, Str text) {
    Suite *s = ctx;
    Case *c = &s->now;
    if (str_eq(s->element, STR("expression"))) {
        c->expression = arena_str(s->arena, text);
    } else if (str_eq(s->element, STR("output")) && c->n_outputs > 0) {
        c->outputs[c->n_outputs - 1].text = arena_str(s->arena, text);
    }
    return ERR_OK;
}

static ErrCode on_close(void *ctx, Str name) {
    Suite *s = ctx;
    if (str_eq(name, STR("test"))) {
        finish_case(s);
        arena_reset(s->arena);
    }
    s->element = STR_EMPTY;
    return ERR_OK;
}

int main(void) {
    const char *shared = getenv("NHIP_SHARED");
    char folder[600];
    char path[700];
    (void)snprintf(folder, sizeof(folder), "%s/data/fhirpath-tests",
                   shared == NULL ? "../shared" : shared);
    (void)snprintf(path, sizeof(path), "%s/tests-fhir-r4.xml", folder);
    CLEANUP_FILE FILE *f = fopen(path, "r");
    if (f == NULL) {
        printf("# fhirpath skipped: not present\n1..0\n");
        return 0;
    }
    char *text = malloc(4 * LIMIT_MIB);
    Arena *arena = arena_new(64 * LIMIT_MIB);
    if (text == NULL || arena == NULL) {
        return 1;
    }
    size_t len = fread(text, 1, 4 * LIMIT_MIB, f);
    Suite s = {.arena = arena, .folder = folder};
    XmlHandler h = {
        .ctx = &s, .open = on_open, .attr = on_attr, .text = on_text, .close = on_close};
    ErrInfo info = {0};
    if (xml_parse((Str){text, len}, &h, &info) != ERR_OK) {
        printf("# %s\n", info.what_en);
        report(false, STR("the file is read to its end"));
    }
    printf("fhirpath %u/%u\n1..%u\n", s.n_passed, s.n_total, n_test);
    free(text);
    arena_free(arena);
    return n_failed == 0 ? 0 : 1;
}
