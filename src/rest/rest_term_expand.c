/* ValueSet/$expand. */
#include "rest/rest_term.h"
#include "core/time.h"

/* http://hl7.org/fhir/R5/versions.html#extensions: R4 has no element for it. */
#define PROPERTY                                                                                   \
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"

typedef struct Printing {
    RestTermCall *t;
    JsonWriter *w;
    bool all_names;     /* includeDesignations */
    bool some_names;    /* designation: only these languages */
    bool some_property; /* property is given */
} Printing;

static bool given(const RestTermCall *t, const char *name) {
    for (size_t i = 0; i < t->n_args; i++) {
        if (strcmp(t->args[i].param->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool one_of(const RestTermCall *t, const char *name, Str value, bool prefix) {
    for (size_t i = 0; i < t->n_args; i++) {
        const RestTermArg *a = &t->args[i];
        if (strcmp(a->param->name, name) == 0 &&
            (str_eq(a->text, value) || (prefix && str_starts(value, a->text)))) {
            return true;
        }
    }
    return false;
}

/* ---- one code ---- */

static bool wants_name(const Printing *p, Str language) {
    return !p->some_names || one_of(p->t, "designation", language, true);
}

static void put_name(Printing *p, const char *language, Str value) {
    if (value.len > 0 && wants_name(p, str_from(language))) {
        json_open_object(p->w);
        json_member(p->w, "language", str_from(language));
        json_member(p->w, "value", value);
        json_close_object(p->w);
    }
}

static void put_list(Printing *p, const JsonNode *list) {
    for (const JsonNode *d = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; d != NULL;
         d = json_next(list, d)) {
        if (wants_name(p, rest_term_text(p->t, d, "language"))) {
            json_put_node(p->w, d);
        }
    }
}

/* What the set adds stands before what the system has. */
static ErrCode put_names(Printing *p, const TermHit *h, const JsonNode *extra, ErrInfo *info) {
    const JsonNode *list = json_get_lit(extra, "designation");
    const JsonNode *added = NULL;
    if (h->designation.len > 0) {
        TRY(json_parse(p->t->arena, h->designation, &added, info));
    }
    json_name(p->w, "designation");
    json_open_array(p->w);
    put_list(p, added);
    put_list(p, list);
    if (list == NULL && added == NULL) {
        put_name(p, "vi", h->concept.display_vi);
    }
    if (list == NULL) {
        put_name(p, "en", h->concept.display);
    }
    json_close_array(p->w);
    return ERR_OK;
}

/* In the language that is asked for, if the set or the system has it; else as the set says. */
static Str display_of(const Printing *p, const TermHit *h) {
    bool vi = p->t->language == FHIR_LANG_VI && h->concept.display_vi.len > 0;
    return vi || h->set_display.len == 0 ? term_display(&h->concept, p->t->language)
                                         : h->set_display;
}

static void put_property(Printing *p, const JsonNode *property) {
    json_open_object(p->w);
    json_member(p->w, "url", STR(PROPERTY));
    json_name(p->w, "extension");
    json_open_array(p->w);
    for (const JsonNode *m = json_first(property); m != NULL; m = json_next(property, m)) {
        Str name = json_raw_str(m);
        bool code = str_eq(name, STR("code"));
        if (code || str_starts(name, STR("value"))) {
            json_open_object(p->w);
            json_member(p->w, "url", code ? STR("code") : STR("value"));
            json_put_name(p->w, code ? STR("valueCode") : name);
            json_put_node(p->w, json_value(m));
            json_close_object(p->w);
        }
    }
    json_close_array(p->w);
    json_close_object(p->w);
}

static void put_properties(Printing *p, const JsonNode *extra) {
    const JsonNode *list = json_get_lit(extra, "property");
    bool open = false;
    for (const JsonNode *x = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; x != NULL;
         x = json_next(list, x)) {
        if (!one_of(p->t, "property", rest_term_text(p->t, x, "code"), false)) {
            continue;
        }
        if (!open) {
            json_name(p->w, "extension");
            json_open_array(p->w);
            open = true;
        }
        put_property(p, x);
    }
    if (open) {
        json_close_array(p->w);
    }
}

/* What stands in the object of a code; the object stays open for what is below it. */
static ErrCode put_hit(Printing *p, const TermHit *h, ErrInfo *info) {
    const TermConcept *c = &h->concept;
    const JsonNode *extra = NULL;
    bool wants = p->all_names || p->some_names || p->some_property;
    Str text = wants ? term_extra(c) : STR_EMPTY;
    if (text.len > 0) {
        TRY(json_parse(p->t->arena, text, &extra, info));
    }
    json_open_object(p->w);
    if (p->some_property) {
        put_properties(p, extra);
    }
    json_member(p->w, "system", h->system);
    if (c->is_abstract) {
        json_name(p->w, "abstract");
        json_put_bool(p->w, true);
    }
    if (c->is_inactive) {
        json_name(p->w, "inactive");
        json_put_bool(p->w, true);
    }
    json_member_str(p->w, STR("version"), h->version);
    json_member(p->w, "code", c->code);
    json_member_str(p->w, STR("display"), display_of(p, h));
    bool has_names = json_count(json_get_lit(extra, "designation")) > 0 || c->display.len > 0 ||
                     c->display_vi.len > 0 || h->designation.len > 0;
    return (p->all_names || p->some_names) && has_names ? put_names(p, h, extra, info) : ERR_OK;
}

static ErrCode put_contains(Printing *p, const TermExpansion *x, ErrInfo *info) {
    unsigned depth = 0;
    if (x->n == 0) {
        return ERR_OK;
    }
    json_name(p->w, "contains");
    json_open_array(p->w);
    for (size_t i = 0; i < x->n; i++) {
        const TermHit *h = &x->hits[i];
        bool below = i > 0 && h->depth > depth;
        if (below) {
            json_name(p->w, "contains");
            json_open_array(p->w);
        }
        for (unsigned d = h->depth; !below && i > 0 && d <= depth; d++) {
            json_close_object(p->w);
            if (d < depth) {
                json_close_array(p->w);
            }
        }
        TRY(put_hit(p, h, info));
        depth = h->depth;
    }
    for (unsigned d = 0; d <= depth; d++) {
        json_close_object(p->w);
        json_close_array(p->w);
    }
    return ERR_OK;
}

/* ---- the resource ---- */

static void put_parameters(RestTermCall *t) {
    JsonWriter *w = &t->w;
    bool open = false;
    for (size_t i = 0; i < t->n_args; i++) {
        const RestTermArg *a = &t->args[i];
        if (a->node != NULL || strcmp(a->param->name, "url") == 0) {
            continue;
        }
        if (!open) {
            json_name(w, "parameter");
            json_open_array(w);
            open = true;
        }
        bool raw = strcmp(a->param->type, "boolean") == 0 || strcmp(a->param->type, "integer") == 0;
        json_open_object(w);
        json_member(w, "name", str_from(a->param->name));
        json_put_name(w, strcmp(a->param->type, "boolean") == 0     ? STR("valueBoolean")
                         : strcmp(a->param->type, "integer") == 0   ? STR("valueInteger")
                         : strcmp(a->param->type, "code") == 0      ? STR("valueCode")
                         : strcmp(a->param->type, "dateTime") == 0  ? STR("valueDateTime")
                         : strcmp(a->param->type, "canonical") == 0 ? STR("valueUri")
                                                                    : STR("valueString"));
        if (raw) {
            json_put_raw(w, a->text);
        } else {
            json_put_str(w, a->text);
        }
        json_close_object(w);
    }
    if (open) {
        json_close_array(w);
    }
}

/* Name and status of the set: of its resource, or of what is held under its canonical. */
static ErrCode put_head(RestTermCall *t, const JsonNode *root, Str canonical, ErrInfo *info) {
    static const char *const names[] = {"id", "url", "version", "name", "title", "status"};
    TermHeld held;
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    if (root == NULL &&
        term_find(t->view, &(TermWhat){.type = FHIR_T_VALUE_SET, .canonical = canonical}, &held)) {
        TRY(term_print(&held, &text));
        TRY(json_parse(t->arena, arena_str(t->arena, buf_str(&text)), &root, info));
    }
    json_member(&t->w, "resourceType", STR("ValueSet"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_member_str(&t->w, str_from(names[i]), rest_term_text(t, root, names[i]));
    }
    if (root == NULL) {
        json_member(&t->w, "url", canonical);
    }
    if (rest_term_text(t, root, "status").len == 0) {
        json_member(&t->w, "status", STR("unknown"));
    }
    const JsonNode *compose = json_get_lit(root, "compose");
    if (rest_term_arg_bool(t, "includeDefinition", false) && compose != NULL) {
        json_name(&t->w, "compose");
        json_put_node(&t->w, compose);
    }
    return ERR_OK;
}

static size_t number_arg(const RestTermCall *t, const char *name, size_t otherwise) {
    uint64_t n = otherwise;
    Str text = rest_term_arg(t, name);
    return text.len > 0 && str_to_u64(text, &n) == ERR_OK ? (size_t)n : otherwise;
}

static void put_expansion_head(RestTermCall *t, const TermExpand *ask, const TermExpansion *x) {
    Buf time;
    buf_init(&time, 64);
    time_put_vn(&time, clock_now_ms(t->call->rest->clock));
    json_member(&t->w, "timestamp", arena_str(t->arena, buf_str(&time)));
    buf_release(&time);
    json_name(&t->w, "total");
    json_put_i64(&t->w, (int64_t)x->total);
    if (ask->count != SIZE_MAX || ask->offset > 0) {
        json_name(&t->w, "offset");
        json_put_i64(&t->w, (int64_t)ask->offset);
    }
    put_parameters(t);
}

ErrCode rest_term_expansion(RestTermCall *t, ErrInfo *info) {
    const TermSet *set;
    const JsonNode *root;
    Str canonical;
    TermExpansion x = {0};
    TermExpand ask = {.filter = rest_term_arg(t, "filter"),
                      .offset = number_arg(t, "offset", 0),
                      .count = number_arg(t, "count", SIZE_MAX),
                      .max = LIMIT_EXPANSION,
                      .active_only = rest_term_arg_bool(t, "activeOnly", false),
                      .no_abstract = rest_term_arg_bool(t, "excludeNotForUI", false),
                      .as_tree = !rest_term_arg_bool(t, "excludeNested", true),
                      .has_day = t->has_day,
                      .day = t->day};
    Printing p = {.t = t,
                  .w = &t->w,
                  .all_names = rest_term_arg_bool(t, "includeDesignations", false),
                  .some_names = given(t, "designation"),
                  .some_property = given(t, "property")};
    TRY(rest_term_need_set(t, &set, &root, &canonical, info));
    TRY(term_expand(set, t->arena, &ask, &x, info));
    json_open_object(&t->w);
    TRY(put_head(t, root, canonical, info));
    json_name(&t->w, "expansion");
    json_open_object(&t->w);
    put_expansion_head(t, &ask, &x);
    TRY(put_contains(&p, &x, info));
    json_close_object(&t->w);
    json_close_object(&t->w);
    return ERR_OK;
}
