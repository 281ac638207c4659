/* A checked document over resources: the answer is built as a tree (@flatten gathers values of
 * several nodes under one name), then printed. */
#include "gql/gql_int.h"

#include "core/limits.h"
#include "fhir/fhir_query.h"
#include "fpath/fpath.h"

#include <inttypes.h>

/* Where a value stands, for errors. */
typedef struct Path {
    const struct Path *up;
    Str key;
    int64_t index; /* -1: a name */
} Path;

typedef struct Failure {
    struct Failure *next;
    Str path; /* JSON array */
    ErrInfo info;
} Failure;

/* What a selection set is applied to. */
typedef struct Node {
    unsigned shape; /* of the value as the document knows it */
    const JsonNode *value;
    const JsonNode *sibling;  /* `_name` of a primitive */
    const JsonNode *resource; /* that it is part of: #contained is looked up there */
    const GqlPage *page;      /* a connection */
    uint64_t offset;          /* of the page, when known */
} Node;

typedef struct Sets { /* selection sets that belong to one answer key */
    struct Sets *next;
    const GqlSelection *set;
} Sets;

typedef struct Group {
    struct Group *next;
    const GqlSelection *field;
    Sets *inner;
} Group;

/* How values go into the answer: @flatten turns what is below into lists, @slice names it. */
typedef struct Into {
    Out *object;
    bool gathers;
    Str suffix;
    const Path *path;
} Into;

typedef struct Run {
    Arena *arena;
    const GqlRequest *request;
    const GqlOperation *operation;
    ErrInfo *info;
    Failure *failures;
    Failure **failures_end;
    unsigned values, reads, searches;
} Run;

static ErrCode run_sets(Run *r, const Node *node, const Sets *sets, const Into *into);

static ErrCode over(Run *r, const char *what, unsigned max) {
    return err_set(r->info, ERR_LIMIT, "graphql-limit",
                   "the answer would need more than %u %s: ask for less, or in pages",
                   "câu trả lời cần hơn %u %s: hãy hỏi ít hơn, hoặc theo trang", max, what);
}

static ErrCode out_new(Run *r, OutKind kind, Out **ret) {
    if (++r->values > GQL_VALUES_MAX) {
        return over(r, "values", GQL_VALUES_MAX);
    }
    *ret = arena_new_array(r->arena, Out, 1);
    if (*ret == NULL) {
        return ERR_NOMEM;
    }
    (*ret)->kind = kind;
    return ERR_OK;
}

static ErrCode out_raw(Run *r, Str json, Out **ret) {
    TRY(out_new(r, OUT_RAW, ret));
    (*ret)->text = json;
    return ERR_OK;
}

static Str quoted(Arena *arena, Str text) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&b);
    json_put_str(&w, text);
    return arena_str(arena, buf_str(&b));
}

/* ---- failures: the field is null, the rest goes on ---- */

static void put_path(Arena *arena, const Path *p, Buf *out) {
    if (p == NULL) {
        return;
    }
    put_path(arena, p->up, out);
    if (out->len > 1) {
        buf_put_char(out, ',');
    }
    if (p->index >= 0) {
        buf_put_u64(out, (uint64_t)p->index);
    } else {
        buf_put_str(out, quoted(arena, p->key));
    }
}

static ErrCode fail(Run *r, const Path *path, const ErrInfo *info) {
    Failure *f = arena_new_array(r->arena, Failure, 1);
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_KIB);
    if (f == NULL) {
        return ERR_NOMEM;
    }
    buf_put_char(&b, '[');
    put_path(r->arena, path, &b);
    buf_put_char(&b, ']');
    f->path = arena_str(r->arena, buf_str(&b));
    f->info = *info;
    *r->failures_end = f;
    r->failures_end = &f->next;
    return ERR_OK;
}

/* ---- values of the document ---- */

static GqlValue resolve(const Run *r, const GqlValue *v) {
    if (v->kind != GQL_VARIABLE) {
        return *v;
    }
    const JsonNode *given = json_get(r->request->variables, v->text);
    const GqlVariable *known = r->operation->variables;
    while (known != NULL && !str_eq(known->name, v->text)) {
        known = known->next;
    }
    return given != NULL                          ? gql_value_of_json(r->arena, given)
           : known != NULL && known->has_fallback ? known->fallback
                                                  : (GqlValue){.kind = GQL_NULL};
}

static GqlValue arg_value(const Run *r, const GqlArg *args, const char *name) {
    const GqlArg *a = gql_arg(args, str_from(name));
    return a == NULL ? (GqlValue){.kind = GQL_NULL} : resolve(r, &a->value);
}

static bool is_true(const GqlValue *v) {
    return v->kind == GQL_BOOL && str_eq(v->text, STR("true"));
}

static bool is_left_out(const Run *r, const GqlSelection *s) {
    const GqlDirective *skip = gql_directive(s->directives, "skip");
    const GqlDirective *include = gql_directive(s->directives, "include");
    GqlValue skips = skip == NULL ? (GqlValue){0} : arg_value(r, skip->args, "if");
    GqlValue includes = include == NULL ? (GqlValue){0} : arg_value(r, include->args, "if");
    return is_true(&skips) || (include != NULL && !is_true(&includes));
}

/* ---- collecting the fields of a set (spec section 6.3.2) ---- */

static ErrCode add_set(Run *r, Group *g, const GqlSelection *set) {
    Sets **end = &g->inner;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = arena_new_array(r->arena, Sets, 1);
    if (*end == NULL) {
        return ERR_NOMEM;
    }
    (*end)->set = set;
    return ERR_OK;
}

static ErrCode collect_field(Run *r, const GqlSelection *s, Group **groups) {
    Group **end = groups;
    while (*end != NULL && !str_eq((*end)->field->key, s->key)) {
        end = &(*end)->next;
    }
    if (*end == NULL) {
        *end = arena_new_array(r->arena, Group, 1);
        if (*end == NULL) {
            return ERR_NOMEM;
        }
        (*end)->field = s;
    } else if (!str_eq((*end)->field->name, s->name) ||
               !gql_same_args((*end)->field->args, s->args)) {
        return gql_at(r->request->document, s->at,
                      err_set(r->info, ERR_PARAM, "graphql-conflict",
                              "'" STR_FMT "' means two things here: give one of them an alias",
                              "'" STR_FMT
                              "' mang hai nghĩa ở đây: hãy đặt bí danh cho một trong hai",
                              STR_ARG(s->key)),
                      r->info);
    }
    return s->inner == NULL ? ERR_OK : add_set(r, *end, s->inner);
}

static unsigned actual_shape(const Node *node) {
    FhirType type =
        node->shape == FHIR_T_RESOURCE || node->shape == FHIR_T_DOMAIN_RESOURCE
            ? fhir_resource_by_name(json_raw_str(json_get_lit(node->value, "resourceType")))
            : FHIR_T_NONE;
    return type == FHIR_T_NONE ? node->shape : type;
}

static ErrCode collect(Run *r, unsigned shape, const GqlSelection *s, Group **groups) {
    for (; s != NULL; s = s->next) {
        if (is_left_out(r, s)) {
            continue;
        }
        if (s->what == GQL_FIELD) {
            TRY(collect_field(r, s, groups));
            continue;
        }
        const GqlFragment *f =
            s->what == GQL_SPREAD ? gql_fragment(r->request->document, s->name) : NULL;
        Str type = f != NULL ? f->type : s->name;
        if (type.len == 0 || gql_fits(shape, type) == 1) {
            TRY(collect(r, shape, f != NULL ? f->inner : s->inner, groups));
        }
    }
    return ERR_OK;
}

/* ---- putting values in ---- */

/* The member `key` of the answer's object, made when it is not there. */
static ErrCode member_of(Run *r, const Into *into, Str key, Out **ret) {
    Str full = into->suffix.len == 0 ? key
                                     : arena_printf(r->arena, STR_FMT "." STR_FMT, STR_ARG(key),
                                                    STR_ARG(into->suffix));
    *ret = gql_out_member(into->object, full);
    if (*ret == NULL) {
        TRY(out_new(r, OUT_NULL, ret));
        (*ret)->key = full;
        gql_out_append(into->object, *ret);
    }
    return ERR_OK;
}

typedef struct Put {
    const Into *into;
    const Group *group;
    const Node *node;
    const GqlField *field;
    bool is_list, is_flat;
    Str suffix;
} Put;

static ErrCode value_out(Run *r, const Put *p, const Node *value, const Path *path, Out **ret) {
    if (p->field->is_leaf) {
        return json_is(value->value, JSON_NULL) || value->value == NULL
                   ? out_new(r, OUT_NULL, ret)
                   : out_raw(r, json_raw(value->value), ret);
    }
    TRY(out_new(r, OUT_OBJECT, ret));
    Into into = {.object = *ret, .suffix = p->suffix, .path = path};
    return run_sets(r, value, p->group->inner, &into);
}

/* One value of a field into the answer. */
static ErrCode put_value(Run *r, const Put *p, const Node *value, size_t index) {
    Path name = {p->into->path, p->group->field->key, -1};
    Path at = {&name, STR_EMPTY, (int64_t)index};
    const Path *path = p->field->is_list ? &at : &name;
    Out *member;
    Out *out;
    if (p->is_flat && !p->field->is_leaf) {
        Into into = {p->into->object, true, p->suffix, path};
        return run_sets(r, value, p->group->inner, &into);
    }
    TRY(member_of(r, p->into, p->group->field->key, &member));
    TRY(value_out(r, p, value, path, &out));
    if (p->is_list) {
        member->kind = OUT_LIST;
        gql_out_append(member, out);
    } else if (member->kind != OUT_NULL) {
        return gql_at(r->request->document, p->group->field->at,
                      err_set(r->info, ERR_PARAM, "graphql-singleton",
                              "'" STR_FMT
                              "' has several values: leave @singleton out or add @first",
                              "'" STR_FMT "' có nhiều giá trị: hãy bỏ @singleton hoặc thêm @first",
                              STR_ARG(p->group->field->key)),
                      r->info);
    } else {
        out->key = member->key;
        out->next = member->next;
        *member = *out;
    }
    return ERR_OK;
}

/* A field without a value: null, unless it is gathered. */
static ErrCode put_nothing(Run *r, const Into *into, const Group *g) {
    Out *member;
    return into->gathers || gql_directive(g->field->directives, "flatten") != NULL
               ? ERR_OK
               : member_of(r, into, g->field->key, &member);
}

/* ---- elements ---- */

static bool same_text(Arena *arena, const JsonNode *n, const GqlValue *wanted) {
    return json_is(n, JSON_STRING) ? str_eq(json_str(arena, n), wanted->text)
                                   : n != NULL && str_eq(json_raw(n), wanted->text);
}

static bool has_value(Arena *arena, const JsonNode *n, const GqlValue *wanted) {
    if (!json_is(n, JSON_ARRAY)) {
        return same_text(arena, n, wanted);
    }
    for (const JsonNode *m = json_first(n); m != NULL; m = json_next(n, m)) {
        if (same_text(arena, m, wanted)) {
            return true;
        }
    }
    return false;
}

/* Does the element meet the arguments that name its members? */
static bool is_chosen(Run *r, const GqlSelection *s, const Node *value) {
    for (const GqlArg *a = s->args; a != NULL; a = a->next) {
        if (a->name.ptr[0] == '_' || str_eq(a->name, STR("fhirpath"))) {
            continue;
        }
        GqlValue wanted = resolve(r, &a->value);
        if (wanted.kind != GQL_NULL &&
            !has_value(r->arena, json_get(value->value, a->name), &wanted)) {
            return false;
        }
    }
    return true;
}

static ErrCode number_arg(Run *r, const GqlSelection *s, const char *name, uint64_t *ret) {
    GqlValue v = arg_value(r, s->args, name);
    if (v.kind == GQL_NULL || (v.kind == GQL_NUMBER && str_to_u64(v.text, ret) == ERR_OK)) {
        return ERR_OK;
    }
    return gql_at(r->request->document, s->at,
                  err_set(r->info, ERR_PARAM, "graphql-argument", "%s is a whole number from 0",
                          "%s là số nguyên từ 0", name),
                  r->info);
}

static ErrCode evaluate(Run *r, const FpathExpr *e, const Node *value, FpathSeq *ret) {
    FpathEnv env = fpath_env(value->resource);
    env.context = fpath_item_node((FhirShape)value->shape, value->value, value->resource);
    env.now = r->request->now;
    return fpath_eval(r->arena, e, &env, ret, r->info);
}

/* The argument `fhirpath`: a condition on the element. */
static ErrCode meets(Run *r, const FpathExpr *e, const Node *value, bool *ret_meets) {
    FpathSeq seq;
    *ret_meets = true;
    if (e == NULL || json_is(value->value, JSON_NULL)) {
        *ret_meets = e == NULL;
        return ERR_OK;
    }
    TRY(evaluate(r, e, value, &seq));
    return fpath_to_bool(seq, ret_meets);
}

static ErrCode compile(Run *r, const GqlSelection *s, const GqlValue *text, const FpathExpr **ret) {
    *ret = NULL;
    return text->kind == GQL_NULL
               ? ERR_OK
               : gql_at(r->request->document, s->at,
                        fpath_compile(r->arena, text->text, NULL, ret, r->info), r->info);
}

/* @slice(path): the text behind the names of what is below. */
static ErrCode slice_of(Run *r, const GqlSelection *s, const Node *value, size_t index, Str *ret) {
    const GqlDirective *slice = gql_directive(s->directives, "slice");
    const FpathExpr *e;
    FpathSeq seq;
    *ret = STR_EMPTY;
    if (slice == NULL) {
        return ERR_OK;
    }
    GqlValue path = arg_value(r, slice->args, "path");
    if (str_eq(path.text, STR("$index"))) {
        *ret = arena_printf(r->arena, "%zu", index);
        return ERR_OK;
    }
    TRY(compile(r, s, &path, &e));
    TRY(e == NULL ? ERR_OK : evaluate(r, e, value, &seq));
    *ret = e == NULL || seq.n == 0 ? STR_EMPTY : fpath_item_string(r->arena, &seq.items[0]);
    return ERR_OK;
}

/* The item at `index` of a member that may be an array; NULL behind its end. */
static const JsonNode *item_at(const JsonNode *n, size_t index) {
    if (!json_is(n, JSON_ARRAY)) {
        return index == 0 ? n : NULL;
    }
    const JsonNode *m = json_first(n);
    for (; m != NULL && index > 0; index--) {
        m = json_next(n, m);
    }
    return m;
}

static size_t item_count(const JsonNode *n) {
    return n == NULL ? 0 : json_is(n, JSON_ARRAY) ? json_count(n) : 1;
}

static ErrCode put_elements(Run *r, Put *p) {
    const GqlSelection *s = p->group->field;
    const JsonNode *all = json_get(p->node->value, p->field->member);
    bool only_first = gql_directive(s->directives, "first") != NULL;
    uint64_t offset = 0;
    uint64_t count = UINT64_MAX;
    TRY(number_arg(r, s, "_offset", &offset));
    TRY(number_arg(r, s, "_count", &count));
    GqlValue text = arg_value(r, s->args, "fhirpath");
    const FpathExpr *condition;
    TRY(compile(r, s, &text, &condition));
    size_t n = item_count(all);
    uint64_t chosen = 0;
    bool any = false;
    const JsonNode *item = item_at(all, 0);
    for (size_t i = 0; i < n; i++, item = i < n ? json_next(all, item) : NULL) {
        Node value = {.shape = p->field->shape, .value = item, .resource = p->node->resource};
        if (json_is(item, JSON_NULL) && !p->is_list) {
            continue;
        }
        bool is_met;
        TRY(meets(r, condition, &value, &is_met));
        if (!is_met || !is_chosen(r, s, &value) || chosen++ < offset) {
            continue;
        }
        if (chosen - offset > count || (only_first && any)) {
            break;
        }
        if (value.shape == FHIR_T_RESOURCE && p->node->resource != NULL &&
            !str_eq(p->field->member, STR("contained"))) {
            value.resource = item;
        }
        TRY(slice_of(r, s, &value, i, &p->suffix));
        any = true;
        TRY(put_value(r, p, &value, i));
    }
    return any ? ERR_OK : put_nothing(r, p->into, p->group);
}

/* ---- resources from the host ---- */

static ErrCode put_resource(Run *r, Put *p, const JsonNode *resource, size_t index) {
    Node value = {.shape = p->field->shape, .value = resource, .resource = resource};
    TRY(slice_of(r, p->group->field, &value, index, &p->suffix));
    return put_value(r, p, &value, index);
}

static ErrCode read_one(Run *r, FhirType type, Str id, const JsonNode **ret) {
    if (++r->reads > GQL_READS_MAX) {
        return over(r, "references to follow", GQL_READS_MAX);
    }
    ErrCode err = r->request->host->read(r->request->host->ctx, type, id, ret);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        *ret = NULL;
        return ERR_OK;
    }
    return err;
}

static ErrCode put_absent(Run *r, const Put *p, Str what) {
    Path name = {p->into->path, p->group->field->key, -1};
    ErrInfo info = {0};
    (void)err_set(&info, ERR_NOT_FOUND, "not-found", "'" STR_FMT "' is not there",
                  "không có '" STR_FMT "'", (int)MIN(what.len, (size_t)200), what.ptr);
    TRY(fail(r, &name, &info));
    return put_nothing(r, p->into, p->group);
}

static ErrCode put_read(Run *r, Put *p) {
    GqlValue id = arg_value(r, p->group->field->args, "id");
    const JsonNode *resource = NULL;
    TRY(read_one(r, p->field->shape, id.text, &resource));
    return resource != NULL
               ? put_resource(r, p, resource, 0)
               : put_absent(r, p,
                            arena_printf(r->arena, "%s/" STR_FMT, fhir_type_name(p->field->shape),
                                         STR_ARG(id.text)));
}

static const JsonNode *contained_of(Arena *arena, const JsonNode *resource, Str id) {
    const JsonNode *all = json_get_lit(resource, "contained");
    for (const JsonNode *m = all == NULL ? NULL : json_first(all); m != NULL;
         m = json_next(all, m)) {
        const JsonNode *own = json_get_lit(m, "id");
        if (own != NULL && str_eq(json_str(arena, own), id)) {
            return m;
        }
    }
    return NULL;
}

static ErrCode target_of(Run *r, const Node *node, Str text, const JsonNode **ret) {
    Str base = r->request->base_url;
    FhirIndexReference ref;
    *ret = NULL;
    if (text.len > 0 && text.ptr[0] == '#') {
        *ret = contained_of(r->arena, node->resource, str_sub(text, 1, text.len));
        return ERR_OK;
    }
    if (base.len > 0 && str_starts(text, base) && text.len > base.len) {
        text = str_sub(text, base.len + 1, text.len);
    }
    return fhir_index_reference(text, &ref) && ref.type != FHIR_T_NONE && ref.url.len == 0
               ? read_one(r, ref.type, ref.id, ret)
               : ERR_OK;
}

static ErrCode put_target(Run *r, Put *p) {
    const JsonNode *reference = json_get_lit(p->node->value, "reference");
    GqlValue optional = arg_value(r, p->group->field->args, "optional");
    GqlValue type = arg_value(r, p->group->field->args, "type");
    Str text = reference == NULL ? STR_EMPTY : json_str(r->arena, reference);
    const JsonNode *target = NULL;
    TRY(target_of(r, p->node, text, &target));
    if (target == NULL) {
        return is_true(&optional) || text.len == 0 ? put_nothing(r, p->into, p->group)
                                                   : put_absent(r, p, text);
    }
    if (type.kind != GQL_NULL &&
        !str_eq(json_raw_str(json_get_lit(target, "resourceType")), type.text)) {
        return put_nothing(r, p->into, p->group);
    }
    return put_resource(r, p, target, 0);
}

/* ---- searches ---- */

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

static void put_question(Run *r, const Put *p, FhirType type, Buf *b) {
    for (const GqlArg *a = p->group->field->args; a != NULL; a = a->next) {
        GqlValue v = resolve(r, &a->value);
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

static bool wants_count(const GqlDocument *doc, const Sets *sets) {
    for (; sets != NULL; sets = sets->next) {
        for (const GqlSelection *s = sets->set; s != NULL; s = s->next) {
            const GqlFragment *f = s->what == GQL_SPREAD ? gql_fragment(doc, s->name) : NULL;
            Sets inner = {.set = f != NULL ? f->inner : s->inner};
            if (s->what == GQL_FIELD ? str_eq(s->name, STR("count")) : wants_count(doc, &inner)) {
                return true;
            }
        }
    }
    return false;
}

/* A cursor says whether the first page was counted, for the host's cursor belongs to one question:
 * "c" or "p", then that of the host. */
static ErrCode put_cursor(Run *r, const Put *p, FhirType type, Buf *b) {
    GqlValue cursor = arg_value(r, p->group->field->args, "_cursor");
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

static ErrCode search(Run *r, const Put *p, FhirType type, GqlPage *ret) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    if (++r->searches > GQL_SEARCHES_MAX) {
        return over(r, "searches", GQL_SEARCHES_MAX);
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

static ErrCode put_list(Run *r, Put *p) {
    GqlPage page;
    TRY(search(r, p, p->field->shape, &page));
    bool only_first = gql_directive(p->group->field->directives, "first") != NULL;
    size_t n = only_first ? MIN(page.n_matches, (size_t)1) : page.n_matches;
    if (n == 0 && p->is_list && !p->into->gathers) { /* none is an answer: [] */
        Out *member;
        TRY(member_of(r, p->into, p->group->field->key, &member));
        member->kind = OUT_LIST;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(put_resource(r, p, page.matches[i], i));
    }
    return n == 0 && !p->is_list ? put_nothing(r, p->into, p->group) : ERR_OK;
}

static ErrCode put_connection(Run *r, Put *p) {
    GqlPage *page = arena_new_array(r->arena, GqlPage, 1);
    if (page == NULL) {
        return ERR_NOMEM;
    }
    TRY(search(r, p, (FhirType)(p->field->shape - GQL_SHAPE_CONNECTION), page));
    Node value = {.shape = p->field->shape, .page = page};
    return put_value(r, p, &value, 0);
}

/* count, pagesize, next; where a page begins is not known, nor are the other pages' cursors. */
static Str page_value(Run *r, const GqlPage *page, Str name) {
    if (str_eq(name, STR("count"))) {
        return page->has_total ? arena_printf(r->arena, "%" PRIu64, page->total) : STR_EMPTY;
    }
    if (str_eq(name, STR("pagesize"))) {
        return arena_printf(r->arena, "%zu", page->n_matches);
    }
    return str_eq(name, STR("next")) && page->next.len > 0 ? quoted(r->arena, page->next)
                                                           : STR_EMPTY;
}

static ErrCode put_text(Run *r, Put *p, Str json) {
    Out *member;
    if (json.len == 0) {
        return put_nothing(r, p->into, p->group);
    }
    Out *out;
    TRY(member_of(r, p->into, p->group->field->key, &member));
    if (!p->is_list) {
        member->kind = OUT_RAW;
        member->text = json;
        return ERR_OK;
    }
    TRY(out_raw(r, json, &out));
    member->kind = OUT_LIST;
    gql_out_append(member, out);
    return ERR_OK;
}

static ErrCode put_edges(Run *r, Put *p) {
    for (size_t i = 0; i < p->node->page->n_matches; i++) {
        Node value = {.shape = p->field->shape, .value = p->node->page->matches[i]};
        TRY(put_value(r, p, &value, i));
    }
    if (p->node->page->n_matches == 0 && !p->into->gathers) {
        Out *member;
        TRY(member_of(r, p->into, p->group->field->key, &member));
        member->kind = OUT_LIST;
    }
    return ERR_OK;
}

/* ---- one field, one set ---- */

static Str type_name(unsigned shape) {
    return str_from(shape == GQL_SHAPE_ROOT         ? "Query"
                    : shape >= GQL_SHAPE_EDGE       ? "Edge"
                    : shape >= GQL_SHAPE_CONNECTION ? "Connection"
                                                    : fhir_shape((FhirShape)shape)->name);
}

static ErrCode put_field(Run *r, const Node *node, const Group *g, const Into *into) {
    GqlField f = gql_field(node->shape, g->field);
    Put p = {.into = into, .group = g, .node = node, .field = &f};
    p.is_flat = gql_directive(g->field->directives, "flatten") != NULL;
    p.is_list =
        (f.is_list || into->gathers) && gql_directive(g->field->directives, "singleton") == NULL;
    switch (f.role) {
    case GQL_ROLE_TYPENAME:
        return put_text(r, &p, quoted(r->arena, type_name(node->shape)));
    case GQL_ROLE_RESOURCE_TYPE:
    case GQL_ROLE_ELEMENT:
    case GQL_ROLE_SIBLING:
        f.member = f.role == GQL_ROLE_RESOURCE_TYPE ? STR("resourceType") : f.member;
        return put_elements(r, &p);
    case GQL_ROLE_TARGET:
        return put_target(r, &p);
    case GQL_ROLE_READ:
        return put_read(r, &p);
    case GQL_ROLE_LIST:
        return put_list(r, &p);
    case GQL_ROLE_CONNECTION:
        return put_connection(r, &p);
    case GQL_ROLE_PAGE:
        return put_text(r, &p, page_value(r, node->page, f.member));
    case GQL_ROLE_EDGES:
        return put_edges(r, &p);
    case GQL_ROLE_EDGE:
        return put_text(r, &p, str_eq(f.member, STR("mode")) ? STR("\"match\"") : STR_EMPTY);
    case GQL_ROLE_EDGE_RESOURCE:
        return put_resource(r, &p, node->value, 0);
    case GQL_ROLE_NONE: /* on another type than the one that came: nothing to answer */
        return ERR_OK;
    }
    return ERR_INTERNAL;
}

static ErrCode run_sets(Run *r, const Node *node, const Sets *sets, const Into *into) {
    Node actual = *node;
    Group *groups = NULL;
    actual.shape = actual_shape(node);
    for (; sets != NULL; sets = sets->next) {
        TRY(collect(r, actual.shape, sets->set, &groups));
    }
    for (const Group *g = groups; g != NULL; g = g->next) {
        TRY(put_field(r, &actual, g, into));
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static void print_failures(JsonWriter *w, const Failure *f) {
    if (f == NULL) {
        return;
    }
    json_name(w, "errors");
    json_open_array(w);
    for (; f != NULL; f = f->next) {
        json_open_object(w);
        json_member(w, "message", str_from(f->info.what_en));
        json_name(w, "path");
        json_put_raw(w, f->path);
        json_name(w, "extensions");
        json_open_object(w);
        json_member(w, "code", str_from(f->info.rule));
        json_member(w, "vi", str_from(f->info.what_vi));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static ErrCode choose(const GqlRequest *q, const GqlOperation **ret, ErrInfo *info) {
    const GqlOperation *o = q->document->operations;
    while (o != NULL && q->operation.len > 0 && !str_eq(o->name, q->operation)) {
        o = o->next;
    }
    bool is_one = o != NULL && (q->operation.len > 0 || o->next == NULL);
    *ret = o;
    return is_one ? ERR_OK
                  : err_set(info, ERR_PARAM, "graphql-operation",
                            "operationName must name one of the document's queries",
                            "operationName phải là tên một truy vấn trong nội dung");
}

static ErrCode check_variables(const GqlRequest *q, const GqlOperation *o, ErrInfo *info) {
    for (const GqlVariable *v = o->variables; v != NULL; v = v->next) {
        const JsonNode *given = json_get(q->variables, v->name);
        if (v->is_required && (given == NULL || json_is(given, JSON_NULL))) {
            return gql_at(q->document, v->at,
                          err_set(info, ERR_PARAM, "graphql-variable",
                                  "the variable $" STR_FMT " needs a value",
                                  "biến $" STR_FMT " cần có giá trị", STR_ARG(v->name)),
                          info);
        }
    }
    return ERR_OK;
}

ErrCode gql_run(Arena *arena, const GqlRequest *request, Buf *out, ErrInfo *info) {
    Run r = {.arena = arena, .request = request, .info = info};
    Node root = {.shape = GQL_SHAPE_ROOT};
    Out *data;
    r.failures_end = &r.failures;
    TRY(choose(request, &r.operation, info));
    if (request->resource != NULL) {
        FhirType type =
            fhir_resource_by_name(json_raw_str(json_get_lit(request->resource, "resourceType")));
        root = (Node){.shape = type, .value = request->resource, .resource = request->resource};
    }
    TRY(gql_check(request->document, r.operation, root.shape, info));
    TRY(check_variables(request, r.operation, info));
    TRY(out_new(&r, OUT_OBJECT, &data));
    Sets sets = {.set = r.operation->inner};
    Into into = {.object = data};
    TRY(run_sets(&r, &root, &sets, &into));
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    JsonWriter w = json_writer(out);
    json_open_object(&w);
    json_name(&w, "data");
    gql_out_print(&w, data);
    print_failures(&w, r.failures);
    json_close_object(&w);
    return buf_ok(out);
}
