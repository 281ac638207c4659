/* Resources as FHIR writes them, into packs. */
#include "term/term_fhir_int.h"

#include "core/time.h"
#include "term/term_int.h"

enum { READ_BYTES_MAX = 256 << 20 };

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

static Str text_of(Arena *arena, const JsonNode *o, const char *name) {
    return json_str(arena, json_get(o, str_from(name)));
}

ErrCode term_day(Str text, bool last, int32_t *ret_day) {
    TimeMs lo;
    TimeMs hi;
    TRY(time_parse_fhir(text, &lo, &hi));
    *ret_day = (int32_t)time_vn_day(last ? hi - 1 : lo);
    return ERR_OK;
}

/* ---- what all three have ---- */

/* The extension resource-effectivePeriod: R4's types have no element for it. */
static void read_period(Arena *arena, const JsonNode *root, BuildMeta *meta) {
    const JsonNode *list = json_get_lit(root, "extension");
    for (const JsonNode *x = first_of(list); x != NULL; x = json_next(list, x)) {
        if (!json_str_is(json_get_lit(x, "url"),
                         STR("http://hl7.org/fhir/StructureDefinition/resource-effectivePeriod"))) {
            continue;
        }
        const JsonNode *period = json_get_lit(x, "valuePeriod");
        meta->from = INT32_MIN;
        meta->to = INT32_MAX;
        (void)!term_day(text_of(arena, period, "start"), false, &meta->from);
        (void)!term_day(text_of(arena, period, "end"), true, &meta->to);
    }
}

static ErrCode read_meta(Arena *arena, const JsonNode *root, BuildMeta *ret, ErrInfo *info) {
    *ret = (BuildMeta){.id = text_of(arena, root, "id"),
                       .url = text_of(arena, root, "url"),
                       .version = text_of(arena, root, "version"),
                       .name = text_of(arena, root, "name"),
                       .title = text_of(arena, root, "title"),
                       .status = text_of(arena, root, "status")};
    read_period(arena, root, ret);
    return ret->url.len > 0 ? ERR_OK
                            : err_set(info, ERR_INVALID, "term-url",
                                      "without a url nobody can refer to it: set url",
                                      "thiếu url nên không thể tham chiếu: hãy ghi url");
}

/* ---- CodeSystem ---- */

typedef struct SystemReader {
    TermBuild *b;
    Arena *arena;
    bool is_vietnamese; /* the language of display */
} SystemReader;

static bool is_language(const JsonNode *d, Str language) {
    return str_starts(json_raw_str(json_get_lit(d, "language")), language);
}

/* The display in the other language, and all names to be found by. */
static ErrCode read_names(const SystemReader *r, const JsonNode *concept, BuildConcept *c) {
    const JsonNode *list = json_get_lit(concept, "designation");
    Buf also;
    buf_init(&also, LIMIT_MIB);
    Str display = text_of(r->arena, concept, "display");
    *(r->is_vietnamese ? &c->display_vi : &c->display) = display;
    for (const JsonNode *d = first_of(list); d != NULL; d = json_next(list, d)) {
        Str value = text_of(r->arena, d, "value");
        if (c->display_vi.len == 0 && is_language(d, STR("vi"))) {
            c->display_vi = value;
        } else if (c->display.len == 0 && is_language(d, STR("en"))) {
            c->display = value;
        } else {
            buf_put_str(&also, value);
            buf_put_char(&also, '\n');
        }
    }
    c->also = arena_str(r->arena, buf_str(&also));
    ErrCode err = buf_ok(&also);
    buf_release(&also);
    return err;
}

static void read_property(const SystemReader *r, const JsonNode *p, BuildConcept *c) {
    Str code = text_of(r->arena, p, "code");
    const JsonNode *yes = json_get_lit(p, "valueBoolean");
    Str value = text_of(r->arena, p, "valueCode");
    Str date = text_of(r->arena, p, "valueDateTime");
    int32_t day = 0;
    if (str_eq(code, STR("notSelectable")) || str_eq(code, STR("abstract"))) {
        c->flags |= json_is(yes, JSON_TRUE) ? PACK_ABSTRACT : 0U;
    } else if (str_eq(code, STR("inactive"))) {
        c->flags |= json_is(yes, JSON_TRUE) ? PACK_INACTIVE : 0U;
    } else if (str_eq(code, STR("status"))) {
        bool out = str_eq(value, STR("retired")) || str_eq(value, STR("inactive"));
        c->flags |= out ? PACK_INACTIVE : 0U;
    } else if (str_eq(code, STR("effectiveDate")) && term_day(date, false, &day) == ERR_OK) {
        c->from = day;
        c->to = c->to == 0 ? INT32_MAX : c->to;
    } else if (str_eq(code, STR("retirementDate")) && term_day(date, false, &day) == ERR_OK) {
        c->to = day - 1;
        c->from = c->from == 0 ? INT32_MIN : c->from;
    } else if (str_eq(code, STR("parent")) && value.len > 0) {
        term_build_parent(r->b, c->code, value);
    } else if (str_eq(code, STR("child")) && value.len > 0) {
        term_build_parent(r->b, value, c->code);
    }
}

static ErrCode keep_extra(const SystemReader *r, const JsonNode *concept, BuildConcept *c) {
    static const char *const names[] = {"designation", "property"};
    Buf out;
    buf_init(&out, LIMIT_MIB);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const JsonNode *list = json_get(concept, str_from(names[i]));
        if (json_count(list) > 0) {
            json_put_name(&w, str_from(names[i]));
            json_put_node(&w, list);
        }
    }
    json_close_object(&w);
    c->extra = out.len <= 2 ? STR_EMPTY : arena_str(r->arena, buf_str(&out));
    ErrCode err = buf_ok(&out);
    buf_release(&out);
    return err;
}

/* Bounded by the depth of JSON. */
static ErrCode read_concepts(const SystemReader *r, const JsonNode *list, Str parent,
                             ErrInfo *info) {
    for (const JsonNode *n = first_of(list); n != NULL; n = json_next(list, n)) {
        const JsonNode *properties = json_get_lit(n, "property");
        BuildConcept c = {.code = text_of(r->arena, n, "code"),
                          .definition = text_of(r->arena, n, "definition")};
        if (c.code.len == 0) {
            return err_set(info, ERR_INVALID, "term-code-missing", "a concept has no code",
                           "có khái niệm thiếu mã");
        }
        TRY(read_names(r, n, &c));
        for (const JsonNode *p = first_of(properties); p != NULL; p = json_next(properties, p)) {
            read_property(r, p, &c);
        }
        TRY(keep_extra(r, n, &c));
        term_build_concept(r->b, &c);
        if (parent.len > 0) {
            term_build_parent(r->b, c.code, parent);
        }
        TRY(read_concepts(r, json_get_lit(n, "concept"), c.code, info));
    }
    return arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
}

static PackContent content_of(const JsonNode *root) {
    const JsonNode *content = json_get_lit(root, "content");
    return json_str_is(content, STR("fragment"))      ? PACK_FRAGMENT
           : json_str_is(content, STR("not-present")) ? PACK_NOT_PRESENT
           : json_str_is(content, STR("example"))     ? PACK_EXAMPLE
                                                      : PACK_COMPLETE;
}

static ErrCode build_system(TermBuild *b, Arena *arena, const JsonNode *root, const BuildMeta *meta,
                            ErrInfo *info) {
    if (json_str_is(json_get_lit(root, "content"), STR("supplement"))) {
        return err_set(info, ERR_UNSUPPORTED, "term-supplement",
                       "a supplement is kept as a resource, but adds nothing to its system here",
                       "bản bổ sung được lưu nhưng chưa bổ sung gì cho danh mục gốc");
    }
    SystemReader r = {.b = b, .arena = arena, .is_vietnamese = is_language(root, STR("vi"))};
    term_build_system(
        b, meta,
        &(BuildSystem){.value_set = text_of(arena, root, "valueSet"),
                       .content = content_of(root),
                       .no_case = json_is(json_get_lit(root, "caseSensitive"), JSON_FALSE),
                       .lax_parents = true});
    return read_concepts(&r, json_get_lit(root, "concept"), STR_EMPTY, info);
}

/* ---- ValueSet ---- */

typedef struct Contains {
    JsonWriter w;
    const JsonNode *system; /* of the open part; NULL: none is open */
} Contains;

static void close_part(Contains *x) {
    if (x->system != NULL) {
        json_close_array(&x->w);
        json_close_object(&x->w);
        x->system = NULL;
    }
}

/* One part for each run of codes of one system. */
static void put_contained(Contains *x, const JsonNode *c) {
    const JsonNode *system = json_get_lit(c, "system");
    const JsonNode *display = json_get_lit(c, "display");
    if (x->system == NULL || !str_eq(json_raw_str(x->system), json_raw_str(system))) {
        close_part(x);
        json_open_object(&x->w);
        json_name(&x->w, "system");
        json_put_node(&x->w, system);
        json_name(&x->w, "concept");
        json_open_array(&x->w);
        x->system = system;
    }
    json_open_object(&x->w);
    json_name(&x->w, "code");
    json_put_node(&x->w, json_get_lit(c, "code"));
    if (display != NULL) {
        json_name(&x->w, "display");
        json_put_node(&x->w, display);
    }
    json_close_object(&x->w);
}

static void put_contains(Contains *x, const JsonNode *list) {
    for (const JsonNode *c = first_of(list); c != NULL; c = json_next(list, c)) {
        if (json_is(json_get_lit(c, "system"), JSON_STRING) &&
            json_is(json_get_lit(c, "code"), JSON_STRING) &&
            !json_is(json_get_lit(c, "abstract"), JSON_TRUE)) {
            put_contained(x, c);
        }
        put_contains(x, json_get_lit(c, "contains"));
    }
}

/* A set that came expanded only: its codes are its compose. */
static ErrCode build_set(TermBuild *b, const JsonNode *root, const BuildMeta *meta) {
    const JsonNode *compose = json_get_lit(root, "compose");
    CLEANUP_BUF Buf out;
    buf_init(&out, READ_BYTES_MAX);
    Contains x = {.w = json_writer(&out)};
    if (json_is(compose, JSON_OBJECT)) {
        json_put_node(&x.w, compose);
    } else {
        json_open_object(&x.w);
        json_name(&x.w, "include");
        json_open_array(&x.w);
        put_contains(&x, json_get_lit(json_get_lit(root, "expansion"), "contains"));
        close_part(&x);
        json_close_array(&x.w);
        json_close_object(&x.w);
    }
    term_build_set(b, meta, buf_str(&out));
    return buf_ok(&out);
}

/* ---- ConceptMap ---- */

static Str versioned(Arena *arena, const JsonNode *group, const char *name) {
    Str url = text_of(arena, group, name);
    Str version = text_of(arena, group, arena_printf(arena, "%sVersion", name).ptr);
    return version.len == 0
               ? url
               : arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(url), STR_ARG(version));
}

static void build_element(TermBuild *b, Arena *arena, const JsonNode *element, BuildRow row) {
    const JsonNode *targets = json_get_lit(element, "target");
    row.code = text_of(arena, element, "code");
    for (const JsonNode *t = first_of(targets); t != NULL; t = json_next(targets, t)) {
        if (json_count(json_get_lit(t, "dependsOn")) > 0) {
            continue; /* holds under conditions that $translate is not told */
        }
        row.to = text_of(arena, t, "code");
        row.to_display = text_of(arena, t, "display");
        row.equivalence = text_of(arena, t, "equivalence");
        row.comment = text_of(arena, t, "comment");
        term_build_row(b, &row);
    }
}

static void build_unmapped(TermBuild *b, Arena *arena, const JsonNode *unmapped, BuildRow row) {
    const JsonNode *mode = json_get_lit(unmapped, "mode");
    bool other = json_str_is(mode, STR("other-map"));
    if (unmapped == NULL) {
        return;
    }
    row.kind = other                             ? PACK_REST_OTHER
               : json_str_is(mode, STR("fixed")) ? PACK_REST_FIXED
                                                 : PACK_REST_PROVIDED;
    row.to = text_of(arena, unmapped, other ? "url" : "code");
    row.to_display = text_of(arena, unmapped, "display");
    row.equivalence = STR("inexact");
    term_build_row(b, &row);
}

static ErrCode build_map(TermBuild *b, Arena *arena, const JsonNode *root, const BuildMeta *meta) {
    const JsonNode *groups = json_get_lit(root, "group");
    Str source = text_of(arena, root, "sourceUri");
    Str target = text_of(arena, root, "targetUri");
    term_build_map(b, meta, source.len > 0 ? source : text_of(arena, root, "sourceCanonical"),
                   target.len > 0 ? target : text_of(arena, root, "targetCanonical"));
    for (const JsonNode *g = first_of(groups); g != NULL; g = json_next(groups, g)) {
        const JsonNode *elements = json_get_lit(g, "element");
        BuildRow row = {.source = versioned(arena, g, "source"),
                        .target = versioned(arena, g, "target")};
        for (const JsonNode *e = first_of(elements); e != NULL; e = json_next(elements, e)) {
            build_element(b, arena, e, row);
        }
        build_unmapped(b, arena, json_get_lit(g, "unmapped"), row);
    }
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- all ---- */

ErrCode term_build_resource(TermBuild *b, Arena *arena, const JsonNode *root, ErrInfo *info) {
    FhirType type = json_is(root, JSON_OBJECT)
                        ? fhir_type_by_name(text_of(arena, root, "resourceType"))
                        : FHIR_T_NONE;
    BuildMeta meta;
    if (type != FHIR_T_CODE_SYSTEM && type != FHIR_T_VALUE_SET && type != FHIR_T_CONCEPT_MAP) {
        return err_set(info, ERR_PARAM, "term-type",
                       "only CodeSystem, ValueSet and ConceptMap can be taken in",
                       "chỉ nhận CodeSystem, ValueSet và ConceptMap");
    }
    TRY(read_meta(arena, root, &meta, info));
    return type == FHIR_T_CODE_SYSTEM ? build_system(b, arena, root, &meta, info)
           : type == FHIR_T_VALUE_SET ? build_set(b, root, &meta)
                                      : build_map(b, arena, root, &meta);
}

static ErrCode make_pack(const JsonNode *resource, Buf *pack, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(READ_BYTES_MAX);
    CLEANUP_TERM_BUILD TermBuild *b = term_build_new();
    if (arena == NULL || b == NULL) {
        return ERR_NOMEM;
    }
    TRY(term_build_resource(b, arena, resource, info));
    return term_build_end(b, pack, info);
}

ErrCode term_put(Term *term, Str name, const JsonNode *resource, ErrInfo *info) {
    CLEANUP_BUF Buf pack;
    buf_init(&pack, PACK_BYTES_MAX);
    TRY(make_pack(resource, &pack, info));
    return term_add_heap(term, TERM_STORED, name, &pack, info);
}

ErrCode term_view_with(const TermView *view, const JsonNode *resource, const TermView **ret_view,
                       ErrInfo *info) {
    CLEANUP_BUF Buf pack;
    buf_init(&pack, PACK_BYTES_MAX);
    TRY(make_pack(resource, &pack, info));
    return term_view_heap(view, &pack, ret_view, info);
}
