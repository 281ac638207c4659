/* Implementation guides: from a package into the store, listed and removed by their tag. */
#include "rest/rest_guide.h"

#include "rest/rest_fhir.h"
#include "fhir/fhir_validate.h"
#include "profile/profile_package.h"

enum { GUIDES_MAX = 200, PAGE = 500 };

static const FhirType TYPES[] = {
    FHIR_T_CAPABILITY_STATEMENT,
    FHIR_T_CODE_SYSTEM,
    FHIR_T_COMPARTMENT_DEFINITION,
    FHIR_T_CONCEPT_MAP,
    FHIR_T_IMPLEMENTATION_GUIDE,
    FHIR_T_MESSAGE_DEFINITION,
    FHIR_T_NAMING_SYSTEM,
    FHIR_T_OPERATION_DEFINITION,
    FHIR_T_SEARCH_PARAMETER,
    FHIR_T_STRUCTURE_DEFINITION,
    FHIR_T_VALUE_SET,
};

static bool is_wanted(FhirType type) {
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        if (TYPES[i] == type) {
            return true;
        }
    }
    return false;
}

/* ---- install ---- */

typedef struct File {
    Str name, text;
} File;

typedef struct Install {
    Arena *arena;
    File *files;
    size_t n, capacity;
    Str manifest;
    Str tag; /* NAME#VERSION */
    RestGuideReport report;
} Install;

static ErrCode on_file(void *ctx, Str name, Str text) {
    Install *in = ctx;
    Str kept = arena_str(in->arena, text);
    if (kept.len != text.len) {
        return ERR_NOMEM;
    }
    if (str_eq(name, STR("package.json"))) {
        in->manifest = kept;
        return ERR_OK;
    }
    if (in->n == in->capacity) {
        size_t more = MAX(2 * in->capacity, (size_t)256);
        File *files = arena_new_array(in->arena, File, more);
        if (files == NULL) {
            return ERR_NOMEM;
        }
        if (in->n > 0) {
            memcpy(files, in->files, in->n * sizeof(*files));
        }
        in->files = files;
        in->capacity = more;
    }
    in->files[in->n++] = (File){arena_str(in->arena, name), kept};
    return ERR_OK;
}

static void put_tag(JsonWriter *w, Str tag) {
    json_open_object(w);
    json_member(w, "system", STR(REST_GUIDE_TAG));
    json_member(w, "code", tag);
    json_close_object(w);
}

/* What the package says in meta, and our tag. */
static void put_meta(JsonWriter *w, const JsonNode *meta, Str tag) {
    bool has = json_is(meta, JSON_OBJECT);
    json_name(w, "meta");
    json_open_object(w);
    const JsonNode *tags = NULL;
    for (const JsonNode *m = has ? json_first(meta) : NULL; m != NULL; m = json_next(meta, m)) {
        Str name = json_raw_str(m);
        if (str_eq(name, STR("tag"))) {
            tags = json_value(m);
        } else if (!str_eq(name, STR("versionId")) && !str_eq(name, STR("lastUpdated"))) {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
    json_name(w, "tag");
    json_open_array(w);
    for (const JsonNode *t = json_is(tags, JSON_ARRAY) ? json_first(tags) : NULL; t != NULL;
         t = json_next(tags, t)) {
        json_put_node(w, t);
    }
    put_tag(w, tag);
    json_close_array(w);
    json_close_object(w);
}

/* The resource as it is stored: with our tag, without its narrative (publishers' pages rarely keep
 * to the XHTML that R4 allows, and are of no use here). */
static ErrCode tagged(Install *in, const JsonNode *root, const JsonNode **ret) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_member(&w, "resourceType", json_raw_str(json_get_lit(root, "resourceType")));
    put_meta(&w, json_get_lit(root, "meta"), in->tag);
    for (const JsonNode *m = json_first(root); m != NULL; m = json_next(root, m)) {
        Str name = json_raw_str(m);
        if (str_eq(name, STR("resourceType")) || str_eq(name, STR("meta")) ||
            str_eq(name, STR("text"))) {
            continue;
        }
        json_put_name(&w, name);
        json_put_node(&w, json_value(m));
    }
    json_close_object(&w);
    TRY(buf_ok(&out));
    return json_parse(in->arena, arena_str(in->arena, buf_str(&out)), ret, NULL);
}

/* Another definition under this id must not be lost. */
static ErrCode check_taken(Install *in, Store *store, const IntakeAsk *ask, ErrInfo *info) {
    StoreVersion v;
    const JsonNode *there = NULL;
    ErrCode err = store_get(store, in->arena, ask->type, ask->id, &v);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK;
    }
    TRY(err);
    TRY(json_parse(in->arena, v.json, &there, info));
    Str old = json_str(in->arena, json_get_lit(there, "url"));
    Str new = json_str(in->arena, json_get_lit(ask->root, "url"));
    if (str_eq(old, new)) {
        return ERR_OK;
    }
    return err_set(info, ERR_EXISTS, "package-id", "%s/" STR_FMT " is another definition already",
                   "%s/" STR_FMT " đã là một định nghĩa khác", fhir_type_name(ask->type),
                   STR_ARG(ask->id));
}

static void note_refused(Install *in, const File *file, const FhirIssues *issues) {
    RestGuideReport *r = &in->report;
    if (r->n_refused++ > 0 || issues->n == 0) {
        return;
    }
    const FhirIssue *it = &issues->items[0];
    r->first_refused = arena_printf(in->arena, STR_FMT ": " STR_FMT " (" STR_FMT ")",
                                    STR_ARG(file->name), STR_ARG(it->en), STR_ARG(it->where));
    r->first_refused_vi = arena_printf(in->arena, STR_FMT ": " STR_FMT " (" STR_FMT ")",
                                       STR_ARG(file->name), STR_ARG(it->vi), STR_ARG(it->where));
}

static ErrCode add_file(Install *in, Store *store, const File *file, IntakeTx *tx, ErrInfo *info) {
    FhirIssues issues = fhir_issues(in->arena);
    FhirResource r;
    const JsonNode *root = NULL;
    if (fhir_parse(in->arena, file->text, &r, NULL) != ERR_OK || !is_wanted(r.type)) {
        in->report.n_passed_over++;
        return ERR_OK;
    }
    ErrCode err = tagged(in, r.root, &root);
    if (err == ERR_OK) {
        r.root = root;
        err = fhir_validate(&r, NULL, &issues);
    }
    Str id = err == ERR_OK ? json_str(in->arena, json_get_lit(root, "id")) : STR_EMPTY;
    if (err != ERR_OK || id.len == 0) {
        note_refused(in, file, &issues);
        return err == ERR_NOMEM ? err : ERR_OK;
    }
    IntakeAsk ask = {.verb = INTAKE_UPDATE,
                     .type = r.type,
                     .id = id,
                     .root = root,
                     .condition = STR_EMPTY,
                     .full_url = STR_EMPTY,
                     .url = STR_EMPTY,
                     .if_none_match = STR_EMPTY};
    TRY(check_taken(in, store, &ask, info));
    in->report.guide.n_resources++;
    return intake_tx_add(tx, &ask);
}

static ErrCode read_manifest(Install *in, ErrInfo *info) {
    ProfileManifest m;
    if (in->manifest.len == 0) {
        return err_set(info, ERR_INVALID, "package-manifest", "there is no package/package.json",
                       "không có package/package.json");
    }
    TRY(profile_manifest_read(in->arena, in->manifest, &m, info));
    if (!m.is_r4) {
        return err_set(info, ERR_UNSUPPORTED, "package-version",
                       STR_FMT " is for another version of FHIR than R4",
                       STR_FMT " dành cho phiên bản FHIR khác R4", STR_ARG(m.name));
    }
    in->report.guide.name = m.name;
    in->report.guide.version = m.version;
    in->tag = arena_printf(in->arena, STR_FMT "#" STR_FMT, STR_ARG(m.name), STR_ARG(m.version));
    return ERR_OK;
}

static ErrCode new_tx(Intake *intake, Arena *arena, IntakeTx **ret) {
    IntakeTxOptions o = {.intake = intake,
                         .arena = arena,
                         .base_url = STR_EMPTY,
                         .actor = STR("ig"),
                         .source = STR("package"),
                         .delete_max = 1};
    return intake_tx_new(&o, ret);
}

ErrCode rest_guide_install(Intake *intake, Arena *arena, Str packed, RestGuideReport *ret,
                           ErrInfo *info) {
    Install in = {.arena = arena,
                  .report = {.first_refused = STR_EMPTY, .first_refused_vi = STR_EMPTY}};
    IntakeTx *tx = NULL;
    TRY(profile_package_read(packed, on_file, &in, info));
    TRY(read_manifest(&in, info));
    TRY(new_tx(intake, arena, &tx));
    for (size_t i = 0; i < in.n; i++) {
        TRY(add_file(&in, intake_store(intake), &in.files[i], tx, info));
    }
    if (in.report.guide.n_resources == 0) {
        return err_set(info, ERR_INVALID, "package-empty",
                       "the package has no conformance resources that are valid R4",
                       "gói không có tài nguyên định nghĩa nào hợp lệ theo R4");
    }
    TRY(intake_tx_run(tx, info));
    *ret = in.report;
    return ERR_OK;
}

/* ---- list and remove: by tag ---- */

typedef ErrCode (*TaggedFn)(void *ctx, const StoreVersion *v);

/* Every current resource of the types above that has a tag of our system (code empty: any). */
static ErrCode each_tagged(Store *store, Arena *arena, Str code, TaggedFn each, void *ctx,
                           ErrInfo *info) {
    Buf text;
    buf_init(&text, 4096);
    buf_put_lit(&text, "_tag=");
    fhir_query_put_encoded(&text, STR(REST_GUIDE_TAG));
    buf_put_lit(&text, "%7C");
    fhir_query_put_encoded(&text, code);
    Str query_text = arena_str(arena, buf_str(&text));
    buf_release(&text);
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        FhirQuery query;
        FhirQueryScope scope = {.type = TYPES[i], .base_url = STR_EMPTY, .info = info};
        StorePage page = {0};
        StoreSearch search = {.query = &query, .snapshot = store_snapshot(store), .count = PAGE};
        TRY(fhir_query_parse(arena, &scope, query_text, &query));
        do {
            TRY(store_search(store, arena, &search, &page, info));
            for (size_t k = 0; k < page.n_matches; k++) {
                TRY(each(ctx, &page.matches[k]));
            }
            search.after = page.next;
        } while (page.next != 0);
    }
    return ERR_OK;
}

typedef struct List {
    Arena *arena;
    RestGuide *guides;
    size_t n;
} List;

static void count_guide(List *list, Str code) {
    Str version = code;
    Str name;
    (void)str_cut(&version, '#', &name);
    for (size_t i = 0; i < list->n; i++) {
        RestGuide *g = &list->guides[i];
        if (str_eq(g->name, name) && str_eq(g->version, version)) {
            g->n_resources++;
            return;
        }
    }
    if (list->n < GUIDES_MAX) {
        list->guides[list->n++] = (RestGuide){name, version, 1};
    }
}

static ErrCode on_listed(void *ctx, const StoreVersion *v) {
    List *list = ctx;
    const JsonNode *root = NULL;
    TRY(json_parse(list->arena, v->json, &root, NULL));
    const JsonNode *tags = json_path(root, "meta");
    tags = json_get_lit(tags, "tag");
    for (const JsonNode *t = json_is(tags, JSON_ARRAY) ? json_first(tags) : NULL; t != NULL;
         t = json_next(tags, t)) {
        if (json_str_is(json_get_lit(t, "system"), STR(REST_GUIDE_TAG))) {
            count_guide(list, json_str(list->arena, json_get_lit(t, "code")));
        }
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b) {
    const RestGuide *x = a;
    const RestGuide *y = b;
    int order = str_cmp(x->name, y->name);
    return order != 0 ? order : str_cmp(x->version, y->version);
}

ErrCode rest_guide_list(Store *store, Arena *arena, RestGuide **ret_guides, size_t *ret_n,
                        ErrInfo *info) {
    List list = {.arena = arena, .guides = arena_new_array(arena, RestGuide, GUIDES_MAX)};
    if (list.guides == NULL) {
        return ERR_NOMEM;
    }
    TRY(each_tagged(store, arena, STR_EMPTY, on_listed, &list, info));
    qsort(list.guides, list.n, sizeof(RestGuide), by_name);
    *ret_guides = list.guides;
    *ret_n = list.n;
    return ERR_OK;
}

typedef struct Remove {
    IntakeTx *tx;
    size_t n;
} Remove;

static ErrCode on_removed(void *ctx, const StoreVersion *v) {
    Remove *r = ctx;
    IntakeAsk ask = {.verb = INTAKE_DELETE,
                     .type = v->type,
                     .id = v->id,
                     .condition = STR_EMPTY,
                     .full_url = STR_EMPTY,
                     .url = STR_EMPTY,
                     .if_none_match = STR_EMPTY};
    r->n++;
    return intake_tx_add(r->tx, &ask);
}

ErrCode rest_guide_remove(Intake *intake, Arena *arena, Str code, size_t *ret_removed,
                          ErrInfo *info) {
    Remove r = {0};
    TRY(new_tx(intake, arena, &r.tx));
    TRY(each_tagged(intake_store(intake), arena, code, on_removed, &r, info));
    if (r.n == 0 || code.len == 0) {
        return err_set(info, ERR_NOT_FOUND, "package-unknown",
                       "no guide '" STR_FMT "' is installed", "chưa cài gói '" STR_FMT "'",
                       STR_ARG(code));
    }
    TRY(intake_tx_run(r.tx, info));
    *ret_removed = r.n;
    return ERR_OK;
}
