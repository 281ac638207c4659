/* Searches: lists and connections. */
#include "gql/gql_run_int.h"

#include "core/limits.h"
#include "fhir/fhir_query.h"

#include <inttypes.h>

/* GraphQL's names have no '-': birth_date stands for birth-date, general_practitioner too. */
static void put_param_name(Buf *b, FhirType type, Str name) {
    bool is_own = name.ptr[0] == '_' || fhir_search_param(type, name) != NULL;
    for (size_t i = 0; i < name.len; i++) {
        buf_put_char(b, !is_own && name.ptr[i] == '_' ? '-' : name.ptr[i]);
    }
}

static void put_pair(Buf *b, FhirType type, Str name, Str value) {
    if (b->len > 0) {
        buf_put_char(b, '&');
    }
    put_param_name(b, type, name);
    buf_put_char(b, '=');
    fhir_query_put_encoded(b, value);
}

static void put_question(GqlRun *r, const GqlPut *p, FhirType type, Buf *b) {
    for (const GqlArg *a = p->group->field->args; a != NULL; a = a->next) {
        GqlValue v = gql_resolve(r, &a->value);
        if (v.kind == GQL_NULL) {
            continue;
        }
        Str text = gql_value_text(r->arena, &v);
        if (str_eq(a->name, STR("_reference"))) {
            Str own =
                arena_printf(r->arena, STR_FMT "/" STR_FMT,
                             STR_ARG(json_raw_str(json_get_lit(p->node->value, "resourceType"))),
                             STR_ARG(json_raw_str(json_get_lit(p->node->value, "id"))));
            put_pair(b, type, text, own);
        } else if (!str_eq(a->name, STR("_cursor"))) {
            put_pair(b, type, a->name, text);
        }
    }
}

static bool wants_count(const GqlDocument *doc, const GqlSets *sets) {
    for (; sets != NULL; sets = sets->next) {
        for (const GqlSelection *s = sets->set; s != NULL; s = s->next) {
            const GqlFragment *f = s->what == GQL_SPREAD ? gql_fragment(doc, s->name) : NULL;
            GqlSets inner = {.set = f != NULL ? f->inner : s->inner};
            if (s->what == GQL_FIELD ? str_eq(s->name, STR("count")) : wants_count(doc, &inner)) {
                return true;
            }
        }
    }
    return false;
}

/* A cursor says whether the first page was counted, for the host's cursor belongs to one question:
 * "c" or "p", then that of the host. */
static ErrCode put_cursor(GqlRun *r, const GqlPut *p, FhirType type, Buf *b) {
    GqlValue cursor = gql_arg_value(r, p->group->field->args, "_cursor");
    bool counts = cursor.kind == GQL_NULL ? p->field->role == GQL_ROLE_CONNECTION &&
                                                wants_count(r->request->document, p->group->inner)
                                          : str_starts(cursor.text, STR("c"));
    if (cursor.kind != GQL_NULL) {
        put_pair(b, type, STR("_page"),
                 str_sub(cursor.text, MIN(cursor.text.len, (size_t)1), SIZE_MAX));
    }
    if (counts) {
        put_pair(b, type, STR("_total"), STR("accurate"));
    }
    return buf_ok(b);
}

static ErrCode search(GqlRun *r, const GqlPut *p, FhirType type, GqlPage *ret) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    if (++r->searches > GQL_SEARCHES_MAX) {
        return gql_over(r, "searches", GQL_SEARCHES_MAX);
    }
    put_question(r, p, type, &b);
    TRY(put_cursor(r, p, type, &b));
    Str query = arena_str(r->arena, buf_str(&b));
    *ret = (GqlPage){0};
    TRY(r->request->host->search(r->request->host->ctx, type, query, ret, r->info));
    if (ret->next.len > 0) {
        bool counted = str_find(query, STR("_total=")) != SIZE_MAX;
        ret->next = arena_printf(r->arena, "%c" STR_FMT, counted ? 'c' : 'p', STR_ARG(ret->next));
    }
    return ERR_OK;
}

ErrCode gql_put_list(GqlRun *r, GqlPut *p) {
    GqlPage page;
    TRY(search(r, p, p->field->shape, &page));
    bool only_first = gql_directive(p->group->field->directives, "first") != NULL;
    size_t n = only_first ? MIN(page.n_matches, (size_t)1) : page.n_matches;
    if (n == 0 && p->is_list && !p->into->gathers) { /* none is an answer: [] */
        Out *member;
        TRY(gql_member_of(r, p->into, p->group->field->key, &member));
        member->kind = OUT_LIST;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(gql_put_resource(r, p, page.matches[i], i));
    }
    return n == 0 && !p->is_list ? gql_put_nothing(r, p->into, p->group) : ERR_OK;
}

ErrCode gql_put_connection(GqlRun *r, GqlPut *p) {
    GqlPage *page = arena_new_array(r->arena, GqlPage, 1);
    if (page == NULL) {
        return ERR_NOMEM;
    }
    TRY(search(r, p, (FhirType)(p->field->shape - GQL_SHAPE_CONNECTION), page));
    GqlNode value = {.shape = p->field->shape, .page = page};
    return gql_put_value(r, p, &value, 0);
}

/* count, pagesize, next; where a page begins is not known, nor are the other pages' cursors. */
Str gql_page_value(GqlRun *r, const GqlPage *page, Str name) {
    if (str_eq(name, STR("count"))) {
        return page->has_total ? arena_printf(r->arena, "%" PRIu64, page->total) : STR_EMPTY;
    }
    if (str_eq(name, STR("pagesize"))) {
        return arena_printf(r->arena, "%zu", page->n_matches);
    }
    return str_eq(name, STR("next")) && page->next.len > 0 ? gql_quoted(r->arena, page->next)
                                                           : STR_EMPTY;
}

ErrCode gql_put_edges(GqlRun *r, GqlPut *p) {
    for (size_t i = 0; i < p->node->page->n_matches; i++) {
        GqlNode value = {.shape = p->field->shape, .value = p->node->page->matches[i]};
        TRY(gql_put_value(r, p, &value, i));
    }
    if (p->node->page->n_matches == 0 && !p->into->gathers) {
        Out *member;
        TRY(gql_member_of(r, p->into, p->group->field->key, &member));
        member->kind = OUT_LIST;
    }
    return ERR_OK;
}
