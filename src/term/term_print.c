/* What is held, as FHIR's resources; and what is known of a concept beside its names. */
#include "term/term_int.h"

static const char *const contents[] = {"complete", "example", "fragment", "not-present"};

/* ---- of a concept ---- */

TermAbout term_about(const TermSystem *s) {
    const Pack *p = term_pack_of(s);
    return (TermAbout){.url = s->e.url,
                       .version = s->e.version,
                       .name = pack_str(p, s->p->meta.name),
                       .title = pack_str(p, s->p->meta.title),
                       .content = contents[s->p->content & 3],
                       .is_complete = s->p->content <= PACK_EXAMPLE};
}

bool term_system_nth(const TermView *view, size_t i, TermAbout *ret) {
    if (i >= view->n_systems) {
        return false;
    }
    *ret = term_about(&view->systems[i]);
    return true;
}

Str term_extra(const TermConcept *c) {
    const PackConcept *p = c->system == NULL ? NULL : term_concept_at(c->system, c->at);
    return p == NULL ? STR_EMPTY : pack_str(term_pack_of(c->system), p->extra);
}

ErrCode term_links(const TermConcept *c, Arena *arena, bool above, TermConcept **ret_concepts,
                   size_t *ret_n) {
    const PackConcept *p = c->system == NULL ? NULL : term_concept_at(c->system, c->at);
    uint32_t n = 0;
    const uint32_t *list =
        p == NULL ? NULL : pack_list(term_pack_of(c->system), above ? p->parents : p->children, &n);
    TermConcept *all = arena_new_array(arena, TermConcept, n + 1);
    if (all == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        term_concept_fill(c->system, list[i], &all[i]);
    }
    *ret_concepts = all;
    *ret_n = n;
    return ERR_OK;
}

/* ---- resources ---- */

static void put_meta(JsonWriter *w, const TermEntry *e, const char *type) {
    const Pack *p = &e->source->pack;
    Str status = pack_str(p, e->meta->status);
    json_member(w, "resourceType", str_from(type));
    json_member_str(w, STR("id"), pack_str(p, e->meta->id));
    json_member(w, "url", e->url);
    json_member_str(w, STR("version"), e->version);
    json_member_str(w, STR("name"), pack_str(p, e->meta->name));
    json_member_str(w, STR("title"), pack_str(p, e->meta->title));
    json_member(w, "status", status.len > 0 ? status : STR("unknown"));
}

/* The lists inside of an object's text, without its brackets: what FHIR has in a concept. */
static void put_properties(JsonWriter *w, Arena *arena, const TermSystem *s, const PackConcept *c) {
    const Pack *p = term_pack_of(s);
    const JsonNode *root = NULL;
    uint32_t n = 0;
    const uint32_t *parents = pack_list(p, c->parents, &n);
    bool known = c->extra != 0 && json_parse(arena, pack_str(p, c->extra), &root, NULL) == ERR_OK;
    const JsonNode *designations = known ? json_get_lit(root, "designation") : NULL;
    const JsonNode *properties = known ? json_get_lit(root, "property") : NULL;
    bool both = c->display != 0 && c->display_vi != 0 && designations == NULL;
    if (designations != NULL) {
        json_name(w, "designation");
        json_put_node(w, designations);
    } else if (both) {
        json_name(w, "designation");
        json_open_array(w);
        json_open_object(w);
        json_member(w, "language", STR("vi"));
        json_member(w, "value", pack_str(p, c->display_vi));
        json_close_object(w);
        json_close_array(w);
    }
    if (n == 0 && properties == NULL && (c->flags & PACK_ABSTRACT) == 0) {
        return;
    }
    json_name(w, "property");
    json_open_array(w);
    if ((c->flags & PACK_ABSTRACT) != 0) {
        json_put_raw(w, STR("{\"code\":\"notSelectable\",\"valueBoolean\":true}"));
    }
    for (uint32_t i = 0; i < n; i++) {
        const PackConcept *parent = term_concept_at(s, parents[i]);
        json_open_object(w);
        json_member(w, "code", STR("parent"));
        json_member(w, "valueCode", parent == NULL ? STR_EMPTY : pack_str(p, parent->code));
        json_close_object(w);
    }
    for (const JsonNode *x = json_is(properties, JSON_ARRAY) ? json_first(properties) : NULL;
         x != NULL; x = json_next(properties, x)) {
        bool said = json_str_is(json_get_lit(x, "code"), STR("parent")) ||
                    json_str_is(json_get_lit(x, "code"), STR("notSelectable"));
        if (!said) {
            json_put_node(w, x);
        }
    }
    json_close_array(w);
}

static ErrCode put_concepts(JsonWriter *w, const TermSystem *s) {
    const Pack *p = term_pack_of(s);
    CLEANUP_ARENA Arena *arena = arena_new(16 * LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (s->p->n > 0) {
        json_name(w, "concept");
        json_open_array(w);
    }
    for (uint32_t at = 0; at < s->p->n; at++) {
        const PackConcept *c = term_concept_at(s, at);
        Str display = pack_str(p, c->display != 0 ? c->display : c->display_vi);
        json_open_object(w);
        json_member(w, "code", pack_str(p, c->code));
        json_member_str(w, STR("display"), display);
        json_member_str(w, STR("definition"), pack_str(p, c->definition));
        put_properties(w, arena, s, c);
        json_close_object(w);
        arena_reset(arena);
    }
    if (s->p->n > 0) {
        json_close_array(w);
    }
    return ERR_OK;
}

static ErrCode print_system(JsonWriter *w, const TermSystem *s) {
    json_open_object(w);
    put_meta(w, &s->e, "CodeSystem");
    json_name(w, "caseSensitive");
    json_put_bool(w, s->p->no_case == 0);
    json_member_str(w, STR("valueSet"), pack_str(term_pack_of(s), s->p->value_set));
    json_member(w, "hierarchyMeaning", STR("is-a"));
    json_member(w, "content", str_from(contents[s->p->content & 3]));
    json_name(w, "count");
    json_put_i64(w, s->p->n);
    TRY(put_concepts(w, s));
    json_close_object(w);
    return ERR_OK;
}

static void print_set(JsonWriter *w, const TermSetEntry *s) {
    json_open_object(w);
    put_meta(w, &s->e, "ValueSet");
    json_name(w, "compose");
    json_put_raw(w, pack_str(&s->e.source->pack, s->p->compose));
    json_close_object(w);
}

static void put_system_of_group(JsonWriter *w, const char *name, Str canonical) {
    Str url;
    Str version;
    char version_name[32];
    term_cut_canonical(canonical, &url, &version);
    (void)snprintf(version_name, sizeof(version_name), "%sVersion", name);
    json_member_str(w, str_from(name), url);
    json_member_str(w, str_from(version_name), version);
}

static void put_row(JsonWriter *w, const Pack *p, const PackRow *row) {
    static const char *const modes[] = {"", "provided", "fixed", "other-map"};
    if (row->kind != PACK_MAPPED) {
        json_name(w, "unmapped");
        json_open_object(w);
        json_member(w, "mode", str_from(modes[row->kind & 3]));
        json_member_str(w, row->kind == PACK_REST_OTHER ? STR("url") : STR("code"),
                        pack_str(p, row->to));
        json_close_object(w);
        return;
    }
    json_open_object(w);
    json_member(w, "code", pack_str(p, row->code));
    json_name(w, "target");
    json_open_array(w);
    json_open_object(w);
    json_member_str(w, STR("code"), pack_str(p, row->to));
    json_member_str(w, STR("display"), pack_str(p, row->to_display));
    json_member(w, "equivalence", pack_str(p, row->equivalence));
    json_member_str(w, STR("comment"), pack_str(p, row->comment));
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
}

/* All rows of the group that row `first` begins. */
static void put_group(JsonWriter *w, const Pack *p, const PackRow *rows, uint32_t n,
                      uint32_t first) {
    const PackRow *g = &rows[first];
    json_open_object(w);
    put_system_of_group(w, "source", pack_str(p, g->source));
    put_system_of_group(w, "target", pack_str(p, g->target));
    json_name(w, "element");
    json_open_array(w);
    for (uint32_t i = first; i < n; i++) {
        if (rows[i].source == g->source && rows[i].target == g->target &&
            rows[i].kind == PACK_MAPPED) {
            put_row(w, p, &rows[i]);
        }
    }
    json_close_array(w);
    for (uint32_t i = first; i < n; i++) {
        if (rows[i].source == g->source && rows[i].target == g->target &&
            rows[i].kind != PACK_MAPPED) {
            put_row(w, p, &rows[i]);
            break; /* a group has one */
        }
    }
    json_close_object(w);
}

static void print_map(JsonWriter *w, const TermMap *m) {
    const Pack *p = &m->e.source->pack;
    const PackRow *rows = pack_table(p, m->p->rows, m->p->n, sizeof(*rows));
    uint32_t n = rows == NULL ? 0 : m->p->n;
    json_open_object(w);
    put_meta(w, &m->e, "ConceptMap");
    json_member_str(w, STR("sourceUri"), pack_str(p, m->p->source));
    json_member_str(w, STR("targetUri"), pack_str(p, m->p->target));
    if (n > 0) {
        json_name(w, "group");
        json_open_array(w);
    }
    for (uint32_t i = 0; i < n; i++) {
        bool seen = false;
        for (uint32_t j = i; j-- > 0 && !seen;) {
            seen = rows[j].source == rows[i].source && rows[j].target == rows[i].target;
        }
        if (!seen) {
            put_group(w, p, rows, n, i);
        }
    }
    if (n > 0) {
        json_close_array(w);
    }
    json_close_object(w);
}

/* ---- finding ---- */

typedef struct Shelf {
    const void *entries;
    size_t n, size;
} Shelf;

static Shelf shelf_of(const TermView *v, FhirType type) {
    return type == FHIR_T_CODE_SYSTEM ? (Shelf){v->systems, v->n_systems, sizeof(TermSystem)}
           : type == FHIR_T_VALUE_SET ? (Shelf){v->sets, v->n_sets, sizeof(TermSetEntry)}
                                      : (Shelf){v->maps, v->n_maps, sizeof(TermMap)};
}

bool term_find(const TermView *view, const TermWhat *what, TermHeld *ret) {
    Shelf s = shelf_of(view, what->type);
    const TermEntry *found = NULL;
    if (what->id.len == 0) {
        found = term_find_entry(s.entries, s.n, s.size, what->canonical, TERM_NOW);
    }
    for (size_t i = 0; what->id.len > 0 && i < s.n && found == NULL; i++) {
        const TermEntry *e = (const void *)((const char *)s.entries + i * s.size);
        bool stored = e->source->origin == TERM_STORED;
        if (!stored && str_eq(pack_str(&e->source->pack, e->meta->id), what->id)) {
            found = e;
        }
    }
    if (found == NULL) {
        return false;
    }
    *ret = (TermHeld){.type = what->type,
                      .id = pack_str(&found->source->pack, found->meta->id),
                      .url = found->url,
                      .version = found->version,
                      .is_stored = found->source->origin == TERM_STORED,
                      .entry = found};
    return true;
}

ErrCode term_print(const TermHeld *held, Buf *out) {
    JsonWriter w = json_writer(out);
    if (held->type == FHIR_T_CODE_SYSTEM) {
        TRY(print_system(&w, held->entry));
    } else if (held->type == FHIR_T_VALUE_SET) {
        print_set(&w, held->entry);
    } else {
        print_map(&w, held->entry);
    }
    return buf_ok(out);
}
