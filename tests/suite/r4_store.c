/* r4_store — the official R4 examples (tests/suite/data, and NHIP_SHARED where present) through the
 * whole way in and out: accepted, stored under their ids, returned equal, and found by each of
 * their own indexed values: for every value that fhir_extract gives, the search for it (and for the
 * id, so that exactly one resource can match) must count one; :text, :of-type and :identifier too.
 * What breaks R4 itself (r4_known.inc) must be refused. Prints TAP and `NAME-stored passed/total`,
 * `NAME-values passed/total`. */
#include "folder.h"

#include "core/io.h"
#include "core/limits.h"
#include "fhir/fhir_extract.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_validate.h"
#include "intake/intake_fhir.h"

#include <dirent.h>
#include <unistd.h>

typedef struct Known {
    const char *type, *id;
    const char *rule;
    const char *why;
} Known;

static const Known KNOWN[] = {
#include "suite/r4_known.inc"
};

typedef struct World {
    Store *store;
    Intake *intake;
    unsigned total, stored, refused_as_known, values, found;
    unsigned complaints;
} World;

static unsigned n_test, n_failed;

static void report(bool ok, const char *name) {
    n_test++;
    n_failed += !ok;
    printf("%s %u - %s\n", ok ? "ok" : "not ok", n_test, name);
}

static void complain(World *w, Str type, Str id, const char *what) {
    if (w->complaints++ < 40) {
        printf("# " STR_FMT "/" STR_FMT ": %s\n", STR_ARG(type), STR_ARG(id), what);
    }
}

static bool is_known(Str type, Str id) {
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        if (str_eq(type, str_from(KNOWN[i].type)) && str_eq(id, str_from(KNOWN[i].id))) {
            return true;
        }
    }
    return false;
}

/* ---- in ---- */

static ErrCode put(World *w, Arena *arena, const FhirResource *r, Str id, ErrInfo *info) {
    IntakeTx *tx;
    IntakeAsk ask = {.verb = INTAKE_UPDATE, .type = r->type, .id = id, .root = r->root};
    IntakeTxOptions o = {
        .intake = w->intake, .arena = arena, .actor = STR("test"), .source = STR("suite")};
    TRY(intake_tx_new(&o, &tx));
    TRY(intake_tx_add(tx, &ask));
    return intake_tx_run(tx, info);
}

/* The patient that a resource is about must be there: an invented one with that id. */
static ErrCode put_patient_of(World *w, Arena *arena, const FhirResource *r, ErrInfo *info) {
    FhirIndexReference ref;
    FhirResource patient;
    if (!fhir_patient_of(arena, r->type, r->root, &ref) || ref.id.len == 0) {
        return ERR_NOT_FOUND;
    }
    Str text = arena_printf(arena, "{\"resourceType\":\"Patient\",\"id\":\"" STR_FMT "\"}",
                            STR_ARG(ref.id));
    TRY(fhir_parse(arena, text, &patient, NULL));
    return put(w, arena, &patient, ref.id, info);
}

/* ---- out ---- */

static Str raw_text(Arena *arena, const JsonNode *n) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    JsonWriter w = json_writer(&b);
    json_put_node(&w, n);
    return arena_str(arena, buf_str(&b));
}

/* Every member as it was given; of meta all but what the server sets. */
static bool has_all(Arena *arena, const JsonNode *given, const JsonNode *got, bool is_meta) {
    for (const JsonNode *m = json_first(given); m != NULL; m = json_next(given, m)) {
        Str name = json_raw_str(m);
        const JsonNode *other = json_get(got, name);
        if (is_meta && (str_eq(name, STR("versionId")) || str_eq(name, STR("lastUpdated")))) {
            continue;
        }
        bool same =
            !is_meta && str_eq(name, STR("meta"))
                ? other != NULL && has_all(arena, json_value(m), other, true)
                : other != NULL && str_eq(raw_text(arena, json_value(m)), raw_text(arena, other));
        if (!same) {
            return false;
        }
    }
    return is_meta || json_count(got) <= json_count(given) + 2; /* id and meta may be new */
}

static bool comes_back(World *w, Arena *arena, const FhirResource *r, Str id) {
    StoreVersion v;
    const JsonNode *got;
    return store_get(w->store, arena, r->type, id, &v) == ERR_OK &&
           json_parse(arena, v.json, &got, NULL) == ERR_OK && has_all(arena, r->root, got, false);
}

/* ---- searches for the own values ---- */

static void put_escaped(Buf *out, Str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (str_find_char(STR(",|$\\"), text.ptr[i], 0) != SIZE_MAX) {
            buf_put_char(out, '\\');
        }
        buf_put_char(out, text.ptr[i]);
    }
}

static bool put_number(Buf *out, Str value, bool is_range, Str high) {
    if (value.len > 0) {
        buf_put_str(out, is_range ? STR("ge") : STR_EMPTY);
        buf_put_str(out, value);
    } else if (high.len > 0) {
        buf_put_lit(out, "le");
        buf_put_str(out, high);
    }
    return value.len > 0 || high.len > 0;
}

static bool put_date(Buf *out, const FhirIndexValue *v) {
    if (v->date.lo != INT64_MIN) {
        buf_put_lit(out, "ge");
        time_put_instant(out, v->date.lo);
    } else if (v->date.hi != INT64_MAX) {
        buf_put_lit(out, "le");
        time_put_instant(out, v->date.hi - 1);
    }
    return v->date.lo != INT64_MIN || v->date.hi != INT64_MAX;
}

static bool put_quantity(Buf *out, const FhirIndexQuantity *q) {
    if (q->comparator.len > 0 || !put_number(out, q->value, q->is_range, q->high)) {
        return false;
    }
    Str unit = q->code.len > 0 ? q->code : q->unit;
    if (unit.len > 0) {
        buf_put_char(out, '|');
        put_escaped(out, q->code.len > 0 ? q->system : STR_EMPTY);
        buf_put_char(out, '|');
        put_escaped(out, unit);
    }
    return true;
}

static bool put_reference(Buf *out, const FhirIndexReference *r) {
    if (r->url.len > 0) {
        put_escaped(out, r->url);
    } else {
        buf_printf(out, "%s/" STR_FMT, fhir_type_name(r->type), STR_ARG(r->id));
    }
    return r->url.len > 0 || (r->type != FHIR_T_NONE && r->id.len > 0);
}

/* The value as it is searched for; false: there is no question that must find it. */
static bool put_value(Buf *out, const FhirIndexValue *v) {
    switch ((FhirIndexKind)v->kind) {
    case FHIR_INDEX_TOKEN:
    case FHIR_INDEX_IDENTIFIER:
        if ((v->flags & FHIR_TOKEN_TEXT) != 0 || v->token.code.len == 0) {
            return false;
        }
        if (v->token.has_system) {
            put_escaped(out, v->token.system);
            buf_put_char(out, '|');
        }
        put_escaped(out, v->token.code);
        return true;
    case FHIR_INDEX_STRING:
    case FHIR_INDEX_TEXT:
        put_escaped(out, v->string.text);
        return v->string.text.len > 0;
    case FHIR_INDEX_DATE:
        return put_date(out, v);
    case FHIR_INDEX_NUMBER:
        return put_number(out, v->number.text, v->number.is_range, v->number.high);
    case FHIR_INDEX_QUANTITY:
        return put_quantity(out, &v->quantity);
    case FHIR_INDEX_URI: /* "#x" names a contained resource: nothing to search for */
        put_escaped(out, v->uri.text);
        return v->uri.text.len > 0 && v->uri.text.ptr[0] != '#';
    case FHIR_INDEX_REFERENCE:
        return put_reference(out, &v->reference);
    case FHIR_INDEX_COMPOSITE:
        for (unsigned i = 0; i < v->composite.n_parts; i++) {
            buf_put_str(out, i == 0 ? STR_EMPTY : STR("$"));
            if (!put_value(out, v->composite.parts[i])) {
                return false;
            }
        }
        return true;
    case FHIR_INDEX_OF_TYPE:
        put_escaped(out, v->of_type.system);
        buf_put_char(out, '|');
        put_escaped(out, v->of_type.code);
        buf_put_char(out, '|');
        put_escaped(out, v->of_type.value);
        return v->of_type.code.len > 0 && v->of_type.value.len > 0;
    case FHIR_INDEX_POSITION:
        buf_printf(out, "%.6f|%.6f|1|km", v->position.latitude, v->position.longitude);
        return true;
    case FHIR_INDEX_WORDS:
    case FHIR_INDEX_CONTAINED:
        break;
    }
    return false;
}

static const char *modifier_of(const FhirIndexValue *v) {
    return v->kind == FHIR_INDEX_STRING       ? ":exact"
           : v->kind == FHIR_INDEX_TEXT       ? ":text"
           : v->kind == FHIR_INDEX_OF_TYPE    ? ":of-type"
           : v->kind == FHIR_INDEX_IDENTIFIER ? ":identifier"
                                              : "";
}

static uint64_t count_of(World *w, Arena *arena, FhirType type, Str question, ErrInfo *info) {
    FhirQuery q;
    StorePage page = {0};
    FhirQueryScope scope = {.type = type, .now = 1, .info = info};
    StoreSearch search = {.query = &q, .want_total = true};
    return fhir_query_parse(arena, &scope, question, &q) == ERR_OK &&
                   store_search(w->store, arena, &search, &page, info) == ERR_OK
               ? page.total
               : UINT64_MAX;
}

static void find_by(World *w, const FhirResource *r, Str id, const FhirIndexValue *v) {
    CLEANUP_ARENA Arena *arena = arena_new(256 * LIMIT_MIB);
    CLEANUP_BUF Buf value;
    CLEANUP_BUF Buf question;
    ErrInfo info = {0};
    buf_init(&value, LIMIT_MIB);
    buf_init(&question, LIMIT_MIB);
    if (!put_value(&value, v)) {
        return;
    }
    const FhirSearchParam *param = fhir_search_param_by_id(r->type, v->param);
    buf_printf(&question, "_id=" STR_FMT "&" STR_FMT "%s=", STR_ARG(id), STR_ARG(param->code),
               modifier_of(v));
    fhir_query_put_encoded(&question, buf_str(&value));
    w->values++;
    uint64_t n = count_of(w, arena, r->type, buf_str(&question), &info);
    if (n == 1) {
        w->found++;
        return;
    }
    complain(w, str_from(fhir_type_name(r->type)), id,
             arena_printf(arena, "%s for " STR_FMT " %s", n == UINT64_MAX ? "refused" : "not found",
                          STR_ARG(buf_str(&question)), info.what_en)
                 .ptr);
}

static void find_by_all(World *w, Arena *arena, const FhirResource *r, Str id) {
    FhirIndexList list = fhir_index_list(arena);
    list.sink.with_sides = true;
    if (fhir_extract(arena, r->type, r->root, &list.sink) != ERR_OK) {
        complain(w, str_from(fhir_type_name(r->type)), id, "cannot be extracted");
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        find_by(w, r, id, &list.values[i]);
    }
}

/* ---- one resource ---- */

static void one(World *w, Arena *arena, Str text) {
    FhirResource r;
    ErrInfo info = {0};
    FhirIssues issues = fhir_issues(arena);
    w->total++;
    if (fhir_parse(arena, text, &r, &issues) != ERR_OK) {
        complain(w, STR("?"), STR("?"), "cannot be read");
        return;
    }
    Str type = str_from(fhir_type_name(r.type));
    Str id = json_str(arena, json_get_lit(r.root, "id"));
    if (r.type == FHIR_T_BUNDLE && id.len == 0) { /* a transaction: no resource to keep */
        w->total--;
        return;
    }
    id = id.len > 0 ? id : STR("own-1");
    if (fhir_validate(&r, NULL, &issues) != ERR_OK) {
        w->refused_as_known += is_known(type, id);
        w->stored += is_known(type, id);
        return;
    }
    ErrCode err = put(w, arena, &r, id, &info);
    if (err != ERR_OK && put_patient_of(w, arena, &r, &info) == ERR_OK) {
        err = put(w, arena, &r, id, &info);
    }
    if (err != ERR_OK || !comes_back(w, arena, &r, id)) {
        complain(w, type, id, err != ERR_OK ? info.what_en : "comes back changed");
        return;
    }
    w->stored++;
    find_by_all(w, arena, &r, id);
}

/* ---- the sets ---- */

static bool open_world(World *w, char dir[64]) {
    (void)snprintf(dir, 64, "/tmp/nhip-suite-XXXXXX");
    ErrInfo info = {0};
    return mkdtemp(dir) != NULL &&
           store_open(&(StoreOptions){.dir = str_from(dir)}, &w->store, &info) == ERR_OK &&
           intake_new(&(IntakeOptions){.store = w->store}, &w->intake) == ERR_OK;
}

static void close_world(World *w, const char *dir) {
    intake_free(w->intake);
    store_close(w->store);
    folder_remove(dir);
}

static void finish(const World *w, const char *name) {
    char text[160];
    (void)snprintf(text, sizeof(text), "%s: %u of %u stored and equal (%u refused as they must be)",
                   name, w->stored, w->total, w->refused_as_known);
    report(w->total > 0 && w->stored == w->total, text);
    (void)snprintf(text, sizeof(text), "%s: found by %u of %u own values", name, w->found,
                   w->values);
    report(w->values > 0 && w->found == w->values, text);
    printf("%s-stored %u/%u\n%s-values %u/%u\n", name, w->stored, w->total, name, w->found,
           w->values);
}

static void run_shared(void) {
    const char *shared = getenv("NHIP_SHARED");
    char command[600];
    char dir[64];
    World w = {0};
    (void)snprintf(command, sizeof(command), "%s/data/fhir-r4-examples/examples.ndjson.xz",
                   shared == NULL ? "../shared" : shared);
    if (!io_exists(command)) {
        printf("# r4-store skipped: %s is not here\n", command);
        return;
    }
    (void)snprintf(command, sizeof(command), "xz -dc '%s/data/fhir-r4-examples/examples.ndjson.xz'",
                   shared == NULL ? "../shared" : shared);
    FILE *f = open_world(&w, dir) ? popen(command, "r") : NULL;
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    while (f != NULL && arena != NULL && (len = getline(&line, &size, f)) > 0) {
        one(&w, arena, str_trim((Str){line, (size_t)len}));
        arena_reset(arena);
    }
    free(line);
    arena_free(arena);
    report(f != NULL && pclose(f) == 0, "xz read the file to its end");
    finish(&w, "r4-examples");
    close_world(&w, dir);
}

static void run_own(void) {
    struct dirent **list = NULL;
    char dir[64];
    World w = {0};
    bool opened = open_world(&w, dir);
    int n = scandir("tests/suite/data", &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[400];
        CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
        CLEANUP_BUF Buf text;
        buf_init(&text, LIMIT_MIB);
        (void)snprintf(path, sizeof(path), "tests/suite/data/%s", list[i]->d_name);
        if (opened && str_ends(str_from(path), STR(".json")) &&
            io_read_file(path, LIMIT_MIB, &text) == ERR_OK) {
            one(&w, arena, buf_str(&text));
        }
        free(list[i]);
    }
    free(list);
    finish(&w, "own-examples");
    close_world(&w, dir);
}

int main(void) {
    run_own();
    run_shared();
    printf("1..%u\n", n_test);
    return n_failed == 0 ? 0 : 1;
}
