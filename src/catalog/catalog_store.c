/* Editions in the store: one DocumentReference a catalogue, its pages as Binary resources whose ids
 * are made of their SHA-256. */
#include "catalog/catalog_int.h"
#include "core/base64.h"
#include "core/json.h"
#include "core/limits.h"

#define EDITION_URL "https://nhip.vn/fhir/StructureDefinition/catalogue-edition"
#define PAGE_TYPE "text/tab-separated-values"

enum { PART_MIB = 1024, STEPS_BACK = 8, HISTORY_MAX = 200 };

/* ---- reading ---- */

typedef struct Doc {
    StoreVersion version;
    const JsonNode *root;
} Doc;

static StoreExpect token_of(const CatalogSpec *spec) {
    return (StoreExpect){.type = FHIR_T_DOCUMENT_REFERENCE,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(CATALOG_SYSTEM),
                         .value = spec->name};
}

/* ERR_NOT_FOUND: the catalogue has no edition. */
static ErrCode find_doc(Store *store, Arena *arena, const CatalogSpec *spec, Doc *ret) {
    StoreExpect token = token_of(spec);
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(store_find(store, arena, &token, 1, &found, &n));
    if (n == 0) {
        return ERR_NOT_FOUND;
    }
    Doc doc = {.version = found[0]};
    TRY(json_parse(arena, doc.version.json, &doc.root, NULL));
    *ret = doc;
    return ERR_OK;
}

static uint64_t count_in(const JsonNode *root, const char *name) {
    const JsonNode *outer = json_get_lit(root, "extension");
    const JsonNode *list =
        json_get_lit(json_is(outer, JSON_ARRAY) ? json_first(outer) : NULL, "extension");
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        int64_t value;
        if (json_str_is(json_get_lit(e, "url"), str_from(name)) &&
            json_to_i64(json_get_lit(e, "valueInteger"), &value) == ERR_OK && value >= 0) {
            return (uint64_t)value;
        }
    }
    return 0;
}

static CatalogEdition edition_of(Arena *arena, const Doc *doc) {
    const JsonNode *r = doc->root;
    return (CatalogEdition){
        .number = doc->version.version,
        .time = doc->version.time,
        .who = json_str(arena, json_path(r, "author.display")),
        .why = json_str(arena, json_get_lit(r, "description")),
        .file = json_str(arena, json_path(r, "content.attachment.title")),
        .plan = json_str(arena, json_path(r, "masterIdentifier.value")),
        .restored = (uint32_t)count_in(r, "restored"),
        .rows = count_in(r, "rows"),
        .added = count_in(r, "added"),
        .changed = count_in(r, "changed"),
        .ended = count_in(r, "ended"),
    };
}

/* "Binary/c-…" of a content's attachment: the id; empty when it is none of ours. */
static Str page_id(Arena *arena, const JsonNode *content) {
    Str url = json_str(arena, json_path(content, "attachment.url"));
    Str head = STR("Binary/");
    return str_starts(url, STR("Binary/c-")) ? str_sub(url, head.len, url.len) : STR_EMPTY;
}

static Str id_of_page(Arena *arena, Str text) {
    Sha256 digest;
    CLEANUP_BUF Buf b;
    buf_init(&b, 128);
    sha256(text, &digest);
    buf_put_lit(&b, "c-");
    hex_put(&b, digest.b, 31); /* an id has at most 64 characters */
    return arena_str(arena, buf_str(&b));
}

/* The page's text, in the arena; ERR_CORRUPT when it is not what its id says. */
static ErrCode read_page(Store *store, Arena *arena, Str id, Str *ret_text) {
    StoreVersion v;
    const JsonNode *root = NULL;
    CLEANUP_ARENA Arena *scratch = arena_new(4 * LIMIT_RESOURCE_BYTES);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = store_get(store, scratch, FHIR_T_BINARY, id, &v);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND || err == ERR_GONE ? ERR_CORRUPT : err;
    }
    TRY(json_parse(scratch, v.json, &root, NULL));
    if (base64_decode(&b, json_str(scratch, json_get_lit(root, "data"))) != ERR_OK ||
        !str_eq(id_of_page(scratch, buf_str(&b)), id)) {
        return ERR_CORRUPT;
    }
    *ret_text = arena_str(arena, buf_str(&b));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode read_pages(Store *store, Arena *arena, const CatalogSpec *spec, const Doc *doc,
                          CatalogRows *rows, Buf *ids) {
    const JsonNode *list = json_get_lit(doc->root, "content");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
         c = json_next(list, c)) {
        Str id = page_id(arena, c);
        Str text;
        if (id.len == 0) {
            return ERR_CORRUPT;
        }
        buf_put_str(ids, id);
        TRY(read_page(store, arena, id, &text));
        TRY(catalog_page_read(arena, spec, text, rows));
    }
    return buf_ok(ids);
}

/* One edition, ready for look-ups. */
static ErrCode read_part(Store *store, const CatalogSpec *spec, const Doc *doc,
                         CatalogPart **ret_part) {
    Arena *arena = arena_new(PART_MIB * LIMIT_MIB);
    CatalogRows rows = {0};
    CLEANUP_BUF Buf ids;
    buf_init(&ids, LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = read_pages(store, arena, spec, doc, &rows, &ids);
    CatalogEdition edition = edition_of(arena, doc);
    CatalogEdition *own = &edition;
    own->who = arena_str(arena, own->who);
    own->why = arena_str(arena, own->why);
    own->file = arena_str(arena, own->file);
    own->plan = arena_str(arena, own->plan);
    err = err == ERR_OK && arena_failed(arena) ? ERR_NOMEM : err;
    if (err != ERR_OK) {
        arena_free(arena);
        return err;
    }
    CatalogPart *part = NULL;
    TRY(catalog_part_new(arena, spec, &rows, &part));
    part->edition = edition;
    sha256(buf_str(&ids), &part->digest);
    *ret_part = part;
    return ERR_OK;
}

ErrCode catalog_store_load(Store *store, const CatalogSpec *spec, CatalogPart **ret_part,
                           ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    Doc doc;
    *ret_part = NULL;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = find_doc(store, arena, spec, &doc);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    err = read_part(store, spec, &doc, ret_part);
    for (uint32_t i = 1; err == ERR_CORRUPT && i <= STEPS_BACK && i < doc.version.version; i++) {
        Doc before;
        TRY(store_get_version(store, arena, FHIR_T_DOCUMENT_REFERENCE, doc.version.id,
                              doc.version.version - i, &before.version));
        if (!before.version.deleted) {
            TRY(json_parse(arena, before.version.json, &before.root, NULL));
            err = read_part(store, spec, &before, ret_part);
        }
        if (err == ERR_OK) {
            (*ret_part)->edition.damaged = true;
        }
    }
    return err == ERR_OK ? err : err_plain(info, err, "catalogue-edition");
}

ErrCode catalog_store_history(Store *store, Arena *arena, const CatalogSpec *spec, size_t max,
                              CatalogEdition **ret, size_t *ret_n) {
    Doc doc;
    ErrCode err = find_doc(store, arena, spec, &doc);
    *ret_n = 0;
    *ret = NULL;
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    StoreVersion *versions = NULL;
    size_t n = 0;
    Slot next = 0;
    StoreHistory what = {.type = FHIR_T_DOCUMENT_REFERENCE,
                         .id = doc.version.id,
                         .count = MIN(max, (size_t)HISTORY_MAX)};
    TRY(store_history(store, arena, &what, &versions, &n, &next));
    CatalogEdition *list = arena_new_array(arena, CatalogEdition, n + 1);
    for (size_t i = 0; i < n && list != NULL; i++) {
        Doc d = {.version = versions[i]};
        if (!d.version.deleted) {
            TRY(json_parse(arena, d.version.json, &d.root, NULL));
            list[(*ret_n)++] = edition_of(arena, &d);
        }
    }
    *ret = list;
    return list == NULL ? ERR_NOMEM : ERR_OK;
}

/* ---- writing ---- */

typedef struct Saver {
    const CatalogSave *s;
    Arena *arena;
    ErrInfo *info;
    RecordNo snapshot;
    Doc doc; /* slot 0: the first edition */
    StoreChange changes[CATALOG_PAGES_MAX + 1];
    StoreGroup groups[CATALOG_PAGES_MAX + 1];
    size_t n;
    Str pages[CATALOG_PAGES_MAX]; /* ids */
    size_t n_pages;
    Str file;
    uint64_t rows, added, changed, ended;
} Saver;

static void put_change(Saver *v, const StoreChange *change) {
    v->changes[v->n] = *change;
    v->groups[v->n] = (StoreGroup){&v->changes[v->n], 1, -1, 0};
    v->n++;
}

/* Pages without rows are all alike: one of them is enough. */
static bool is_written(const Saver *v, Str id) {
    for (size_t i = 0; i < v->n; i++) {
        if (str_eq(v->changes[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* A page that the store has is not written again. */
static ErrCode put_page(Saver *v, Str text) {
    StoreVersion known;
    CLEANUP_ARENA Arena *scratch = arena_new(2 * LIMIT_RESOURCE_BYTES);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    Str id = id_of_page(v->arena, text);
    v->pages[v->n_pages++] = id;
    if (is_written(v, id)) {
        return ERR_OK;
    }
    ErrCode err = store_get(v->s->store, scratch, FHIR_T_BINARY, id, &known);
    if (err != ERR_NOT_FOUND && err != ERR_GONE) {
        return err;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    json_member(&w, "resourceType", STR("Binary"));
    json_member(&w, "contentType", STR(PAGE_TYPE));
    json_name(&w, "data");
    buf_put_char(&b, '"');
    base64_encode(&b, text);
    buf_put_char(&b, '"');
    w.after_name = false;
    w.has_items |= UINT64_C(1) << w.depth;
    json_close_object(&w);
    TRY(buf_ok(&b));
    StoreChange change = {.op = err == ERR_GONE ? STORE_UPDATE : STORE_CREATE,
                          .type = FHIR_T_BINARY,
                          .id = id,
                          .prev = err == ERR_GONE ? known.slot : 0,
                          .json = arena_str(v->arena, buf_str(&b))};
    put_change(v, &change);
    return arena_failed(v->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode put_pages(Saver *v) {
    const CatalogRows *rows = &v->s->plan->next;
    size_t n = catalog_page_count(rows->n);
    uint16_t *pages = arena_new_array(v->arena, uint16_t, rows->n + 1);
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES / 2);
    if (pages == NULL) {
        return ERR_NOMEM;
    }
    catalog_page_of_rows(rows, n, pages);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&b);
        if (catalog_page_write(v->s->spec, rows, pages, i, &b) != ERR_OK) {
            return err_set(v->info, ERR_LIMIT, "catalogue-size",
                           "the rows are too long; shorten names or split the catalogue",
                           "các dòng quá dài; hãy rút gọn tên hoặc chia nhỏ danh mục");
        }
        TRY(put_page(v, buf_str(&b)));
    }
    const CatalogPlan *plan = &v->s->plan->plan;
    v->file = v->s->plan->file;
    v->rows = rows->n;
    v->added = plan->n_by_kind[CATALOG_NEW];
    v->changed = plan->n_by_kind[CATALOG_NEXT] + plan->n_by_kind[CATALOG_CHANGED];
    v->ended = plan->n_by_kind[CATALOG_ENDED];
    return ERR_OK;
}

/* The pages of the edition that is to be repeated. */
static ErrCode take_pages(Saver *v) {
    Doc old = {0};
    ErrCode err = v->doc.version.slot == 0
                      ? ERR_NOT_FOUND
                      : store_get_version(v->s->store, v->arena, FHIR_T_DOCUMENT_REFERENCE,
                                          v->doc.version.id, v->s->act->to, &old.version);
    if (err == ERR_NOT_FOUND || err == ERR_GONE || (err == ERR_OK && old.version.deleted)) {
        return err_set(v->info, ERR_NOT_FOUND, "catalogue-edition", "there is no edition %u",
                       "không có phiên bản %u", v->s->act->to);
    }
    TRY(err);
    TRY(json_parse(v->arena, old.version.json, &old.root, NULL));
    const JsonNode *list = json_get_lit(old.root, "content");
    for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         c != NULL && v->n_pages < CATALOG_PAGES_MAX; c = json_next(list, c)) {
        Str text;
        v->pages[v->n_pages++] = page_id(v->arena, c);
        TRY(read_page(v->s->store, v->arena, v->pages[v->n_pages - 1], &text));
    }
    CatalogEdition e = edition_of(v->arena, &old);
    v->file = e.file;
    v->rows = e.rows;
    return ERR_OK;
}

static void put_count(JsonWriter *w, const char *name, uint64_t value) {
    json_open_object(w);
    json_member(w, "url", str_from(name));
    json_name(w, "valueInteger");
    json_put_i64(w, (int64_t)value);
    json_close_object(w);
}

static void put_counts(const Saver *v, JsonWriter *w) {
    json_name(w, "extension");
    json_open_array(w);
    json_open_object(w);
    json_name(w, "extension");
    json_open_array(w);
    put_count(w, "rows", v->rows);
    put_count(w, "added", v->added);
    put_count(w, "changed", v->changed);
    put_count(w, "ended", v->ended);
    if (v->s->plan == NULL) {
        put_count(w, "restored", v->s->act->to);
    }
    json_close_array(w);
    json_member(w, "url", STR(EDITION_URL));
    json_close_object(w);
    json_close_array(w);
}

static void put_token(JsonWriter *w, Str system, Str value) {
    json_open_object(w);
    json_member(w, "system", system);
    json_member(w, "value", value);
    json_close_object(w);
}

static void put_head(const Saver *v, JsonWriter *w) {
    CLEANUP_BUF Buf time;
    buf_init(&time, 64);
    time_put_instant(&time, v->s->now);
    json_member(w, "resourceType", STR("DocumentReference"));
    put_counts(v, w);
    if (v->s->plan != NULL) {
        json_name(w, "masterIdentifier");
        put_token(w, STR(CATALOG_PLAN_SYSTEM), v->s->plan->plan.id);
    }
    json_name(w, "identifier");
    json_open_array(w);
    put_token(w, STR(CATALOG_SYSTEM), v->s->spec->name);
    json_close_array(w);
    json_member(w, "status", STR("current"));
    json_name(w, "type");
    json_open_object(w);
    json_name(w, "coding");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "system", STR(CATALOG_CODE_SYSTEM));
    json_member(w, "code", v->s->spec->name);
    json_member(w, "display", v->s->spec->vi);
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
    json_member(w, "date", buf_str(&time));
    json_name(w, "author");
    json_open_array(w);
    json_open_object(w);
    json_member(w, "display", v->s->act->who);
    json_close_object(w);
    json_close_array(w);
    json_member(w, "description", v->s->act->why);
}

static ErrCode put_doc(Saver *v) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    put_head(v, &w);
    json_name(&w, "content");
    json_open_array(&w);
    for (size_t i = 0; i < v->n_pages; i++) {
        json_open_object(&w);
        json_name(&w, "attachment");
        json_open_object(&w);
        json_member(&w, "contentType", STR(PAGE_TYPE));
        json_member(&w, "url", arena_printf(v->arena, "Binary/" STR_FMT, STR_ARG(v->pages[i])));
        json_member_str(&w, STR("title"), v->file);
        json_close_object(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    TRY(buf_ok(&b));
    bool first = v->doc.version.slot == 0;
    StoreChange change = {.op = first ? STORE_CREATE : STORE_UPDATE,
                          .type = FHIR_T_DOCUMENT_REFERENCE,
                          .id = first ? STR_EMPTY : v->doc.version.id,
                          .prev = v->doc.version.slot,
                          .json = arena_str(v->arena, buf_str(&b))};
    put_change(v, &change);
    return arena_failed(v->arena) ? ERR_NOMEM : ERR_OK;
}

static ErrCode fail_base(ErrInfo *info) {
    return err_set(info, ERR_CONFLICT, "catalogue-base",
                   "the catalogue was changed meanwhile; look at the differences again",
                   "danh mục vừa được thay đổi; hãy xem lại các khác biệt");
}

static ErrCode save(Saver *v) {
    const CatalogSave *s = v->s;
    v->snapshot = store_snapshot(s->store);
    ErrCode err = find_doc(s->store, v->arena, s->spec, &v->doc);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    if (v->doc.version.version != s->base) {
        return fail_base(v->info);
    }
    TRY(s->plan != NULL ? put_pages(v) : take_pages(v));
    TRY(put_doc(v));
    StoreExpect token = token_of(s->spec);
    bool first = v->doc.version.slot == 0;
    StoreCommit commit = {.groups = v->groups,
                          .n_groups = v->n,
                          .expects = &token,
                          .n_expects = first ? 1 : 0,
                          .snapshot = v->snapshot,
                          .actor = s->act->who,
                          .source = STR("catalog")};
    StoreCommitted done;
    err = store_commit(s->store, &commit, &done, NULL, v->info);
    return err == ERR_CONFLICT || err == ERR_EXISTS ? fail_base(v->info) : err;
}

ErrCode catalog_store_save(const CatalogSave *save_of, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(PART_MIB * LIMIT_MIB);
    CLEANUP_FREE Saver *v = calloc(1, sizeof(*v));
    if (arena == NULL || v == NULL) {
        return ERR_NOMEM;
    }
    v->s = save_of;
    v->arena = arena;
    v->info = info;
    return save(v);
}
