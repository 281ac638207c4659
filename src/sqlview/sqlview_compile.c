/* From the ViewDefinition to the tree: everything that can be wrong in it is found here. */
#include "sqlview/sqlview_int.h"

typedef struct Compiler {
    Arena *arena;
    SqlView *view;
    size_t n_nodes;
    unsigned depth;
    Str where; /* the place that is being read */
    ErrInfo *info;
} Compiler;

static ErrCode wrong(Compiler *c, const char *en, const char *vi) {
    ErrCode err = err_set(c->info, ERR_INVALID, "view-definition", "%s%.0s", "%.0s%s", en, vi);
    err_where(c->info, STR_FMT, STR_ARG(c->where));
    return err;
}

static Str member_place(Compiler *c, Str at, const char *name) {
    return at.len == 0 ? str_from(name) : arena_printf(c->arena, STR_FMT ".%s", STR_ARG(at), name);
}

static Str element_place(Compiler *c, Str list, size_t i) {
    return arena_printf(c->arena, STR_FMT "[%zu]", STR_ARG(list), i);
}

/* ---- names in paths ---- */

static bool is_name_char(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || ch == '-';
}

static bool is_known_variable(const Compiler *c, Str name) {
    static const char *const built_in[] = {"context", "resource", "rootResource", "ucum",
                                           "sct",     "loinc",    "rowIndex"};
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
        if (str_eq(name, str_from(built_in[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < c->view->n_constants; i++) {
        if (str_eq(name, c->view->constants[i].name)) {
            return true;
        }
    }
    return str_starts(name, STR("vs-")) || str_starts(name, STR("ext-"));
}

/* The end of the quoted text that begins at `at`. */
static size_t skip_quoted(Str text, size_t at) {
    char quote = text.ptr[at++];
    while (at < text.len && text.ptr[at] != quote) {
        at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return MIN(at + 1, text.len);
}

/* "%name" of what is no constant is an error now, not when the first resource comes to it. */
static ErrCode check_variables(Compiler *c, Str text) {
    for (size_t at = 0; at < text.len;) {
        char ch = text.ptr[at];
        if (ch == '\'' || ch == '`' || ch == '"') {
            at = skip_quoted(text, at);
            continue;
        }
        at++;
        if (ch != '%' || at == text.len) {
            continue;
        }
        size_t from = at;
        bool quoted = text.ptr[at] == '`' || text.ptr[at] == '\'' || text.ptr[at] == '"';
        if (quoted) {
            at = skip_quoted(text, at);
        }
        while (!quoted && at < text.len && is_name_char(text.ptr[at])) {
            at++;
        }
        Str name = quoted ? str_sub(text, from + 1, at - from - 2) : str_sub(text, from, at - from);
        if (!is_known_variable(c, name)) {
            return wrong(c, "the path uses a constant that is not defined",
                         "đường dẫn dùng một hằng chưa được định nghĩa");
        }
    }
    return ERR_OK;
}

static ErrCode compile_path(Compiler *c, const JsonNode *node, SqlPath *ret) {
    FpathOptions options = {.context = (FhirShape)0,
                            .functions = sqlview_functions,
                            .n_functions = ARRAY_LEN(sqlview_functions)};
    const FpathExpr *expr = NULL;
    Str text = json_str(c->arena, node);
    if (text.len == 0) {
        return wrong(c, "a FHIRPath expression is expected here",
                     "ở đây cần một biểu thức FHIRPath");
    }
    TRY(check_variables(c, text));
    ErrCode err = fpath_compile(c->arena, text, &options, &expr, c->info);
    if (err == ERR_SYNTAX && c->info != NULL) { /* the view's own syntax is fine */
        c->info->code = ERR_INVALID;
    }
    if (err != ERR_OK) {
        err_where(c->info, STR_FMT, STR_ARG(c->where));
        return err == ERR_SYNTAX ? ERR_INVALID : err;
    }
    *ret = (SqlPath){expr, c->where};
    return ERR_OK;
}

/* ---- constants ---- */

static ErrCode add_constant(Compiler *c, const JsonNode *node) {
    SqlView *view = c->view;
    FpathVariable *v = &view->constants[view->n_constants];
    Str name =
        json_is(node, JSON_OBJECT) ? json_str(c->arena, json_get_lit(node, "name")) : STR_EMPTY;
    FpathItem *item = arena_alloc(c->arena, sizeof(*item));
    const JsonNode *m = name.len == 0 ? NULL : json_first(node);
    while (m != NULL && !str_starts(json_raw_str(m), STR("value"))) {
        m = json_next(node, m);
    }
    if (m == NULL || item == NULL) {
        return item == NULL
                   ? ERR_NOMEM
                   : wrong(c, "a constant needs a name and a value", "hằng cần có tên và giá trị");
    }
    /* "valueString" → string, "valueBase64Binary" → base64Binary */
    Str base = str_sub(json_raw_str(m), 5, SIZE_MAX);
    const FhirElement *e = fhir_element(FHIR_T_EXTENSION, json_raw_str(m));
    const JsonNode *value = json_value(m);
    Str text = json_is(value, JSON_STRING) ? json_str(c->arena, value)
                                           : arena_str(c->arena, json_raw(value));
    if (e == NULL || base.len == 0 || json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY) ||
        fpath_item_parse((FhirType)e->shape, text, item) != ERR_OK) {
        return wrong(c, "the constant's value is none of its type",
                     "giá trị của hằng không đúng kiểu");
    }
    *v = (FpathVariable){.name = name, .value = {item, 1}};
    view->n_constants++;
    return ERR_OK;
}

/* ---- selects ---- */

static bool is_column_name(Str name) {
    bool ok = name.len > 0 && name.len <= 255;
    for (size_t i = 0; i < name.len && ok; i++) {
        char ch = name.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        ok = letter || (i > 0 && ((ch >= '0' && ch <= '9') || ch == '_'));
    }
    return ok;
}

/* Appends the column and compiles its path. */
static ErrCode add_column(Compiler *c, const JsonNode *node, SqlPath *ret_path) {
    SqlView *view = c->view;
    if (view->n_columns == SQLVIEW_COLUMNS_MAX) {
        return err_set(c->info, ERR_LIMIT, "view-size", "a view has at most %d columns",
                       "một khung nhìn có tối đa %d cột", SQLVIEW_COLUMNS_MAX);
    }
    SqlColumn column = {.name = arena_str(c->arena, json_str(c->arena, json_get_lit(node, "name"))),
                        .type = arena_str(c->arena, json_str(c->arena, json_get_lit(node, "type"))),
                        .collection = json_is(json_get_lit(node, "collection"), JSON_TRUE)};
    if (!is_column_name(column.name)) {
        return wrong(c, "a column needs a name of letters, digits and '_'",
                     "cột cần có tên gồm chữ cái, chữ số và '_'");
    }
    c->where = member_place(c, c->where, "path");
    TRY(compile_path(c, json_get_lit(node, "path"), ret_path));
    view->columns[view->n_columns++] = column;
    return ERR_OK;
}

/* The elements of a list; *ret_n = 0 when it is absent. */
static ErrCode list_of(Compiler *c, const JsonNode *list, size_t *ret_n) {
    *ret_n = 0;
    if (list != NULL && !json_is(list, JSON_ARRAY)) {
        return wrong(c, "a list is expected here", "ở đây cần một danh sách");
    }
    *ret_n = list == NULL ? 0 : json_count(list);
    c->n_nodes += *ret_n;
    return c->n_nodes <= SQLVIEW_NODES_MAX
               ? ERR_OK
               : err_set(c->info, ERR_LIMIT, "view-size",
                         "a view has at most %d columns, selects and conditions",
                         "một khung nhìn có tối đa %d cột, select và điều kiện", SQLVIEW_NODES_MAX);
}

static ErrCode compile_columns(Compiler *c, const JsonNode *select, SqlNode *ret) {
    Str place = member_place(c, c->where, "column");
    const JsonNode *list = json_get_lit(select, "column");
    size_t n = 0;
    c->where = place;
    TRY(list_of(c, list, &n));
    SqlPath *paths = arena_new_array(c->arena, SqlPath, n + 1);
    if (paths == NULL) {
        return ERR_NOMEM;
    }
    ret->first_column = c->view->n_columns;
    ret->n_columns = n;
    ret->columns = paths;
    const JsonNode *at = n == 0 ? NULL : json_first(list);
    for (size_t i = 0; i < n; i++, at = json_next(list, at)) {
        c->where = element_place(c, place, i);
        TRY(add_column(c, at, &paths[i]));
    }
    return ERR_OK;
}

static ErrCode compile_node(Compiler *c, const JsonNode *node, SqlNode *ret);

typedef struct NodeList {
    SqlNode *nodes; /* with room for one more */
    size_t n;
} NodeList;

static ErrCode new_nodes(Compiler *c, const JsonNode *list, NodeList *ret) {
    TRY(list_of(c, list, &ret->n));
    ret->nodes = arena_new_array(c->arena, SqlNode, ret->n + 1);
    return ret->nodes == NULL ? ERR_NOMEM : ERR_OK;
}

static ErrCode compile_selects(Compiler *c, const JsonNode *list, NodeList *ret) {
    Str place = c->where;
    TRY(new_nodes(c, list, ret));
    const JsonNode *at = ret->n == 0 ? NULL : json_first(list);
    for (size_t i = 0; i < ret->n; i++, at = json_next(list, at)) {
        c->where = element_place(c, place, i);
        TRY(compile_node(c, at, &ret->nodes[i]));
    }
    return ERR_OK;
}

static bool same_columns(const SqlColumn *a, const SqlColumn *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(a[i].name, b[i].name)) {
            return false;
        }
    }
    return true;
}

/* The branches fill the same cells, so they have the same columns in the same order. */
static ErrCode compile_union(Compiler *c, const JsonNode *list, SqlNode *ret) {
    SqlView *view = c->view;
    Str place = c->where;
    NodeList branches = {0};
    size_t first = view->n_columns;
    SqlColumn *columns = NULL; /* of the first branch */
    size_t n = 0;
    TRY(new_nodes(c, list, &branches));
    const JsonNode *at = branches.n == 0 ? NULL : json_first(list);
    for (size_t i = 0; i < branches.n; i++, at = json_next(list, at)) {
        c->where = element_place(c, place, i);
        view->n_columns = first;
        TRY(compile_node(c, at, &branches.nodes[i]));
        if (i == 0) {
            n = view->n_columns - first;
            columns = arena_new_array(c->arena, SqlColumn, n + 1);
            if (columns == NULL) {
                return ERR_NOMEM;
            }
            memcpy(columns, &view->columns[first], n * sizeof(*columns));
        }
        c->where = element_place(c, place, i);
        if (view->n_columns - first != n || !same_columns(columns, &view->columns[first], n)) {
            return wrong(c, "all branches of unionAll need the same columns in the same order",
                         "mọi nhánh của unionAll phải có cùng các cột theo cùng thứ tự");
        }
        memcpy(&view->columns[first], columns, n * sizeof(*columns));
    }
    *ret = (SqlNode){.kind = SQL_UNION,
                     .first_column = first,
                     .children = branches.nodes,
                     .n_children = branches.n};
    return ERR_OK;
}

static ErrCode compile_children(Compiler *c, const JsonNode *node, SqlNode *ret) {
    Str place = c->where;
    NodeList selects = {0};
    const JsonNode *branches = json_get_lit(node, "unionAll");
    c->where = member_place(c, place, "select");
    TRY(compile_selects(c, json_get_lit(node, "select"), &selects));
    if (branches != NULL) {
        c->where = member_place(c, place, "unionAll");
        TRY(compile_union(c, branches, &selects.nodes[selects.n++]));
    }
    ret->children = selects.nodes;
    ret->n_children = selects.n;
    return ERR_OK;
}

static ErrCode compile_repeat(Compiler *c, const JsonNode *list, SqlNode *ret) {
    Str place = c->where;
    size_t n = 0;
    TRY(list_of(c, list, &n));
    SqlPath *paths = arena_new_array(c->arena, SqlPath, n + 1);
    if (paths == NULL || n == 0) {
        return paths == NULL ? ERR_NOMEM : wrong(c, "a path is missing", "thiếu đường dẫn");
    }
    const JsonNode *at = json_first(list);
    for (size_t i = 0; i < n; i++, at = json_next(list, at)) {
        c->where = element_place(c, place, i);
        TRY(compile_path(c, at, &paths[i]));
    }
    ret->paths = paths;
    ret->n_paths = n;
    return ERR_OK;
}

/* forEach, forEachOrNull and repeat: at most one of them. */
static ErrCode compile_foci(Compiler *c, const JsonNode *node, SqlNode *ret) {
    static const char *const names[] = {"", "forEach", "forEachOrNull", "repeat"};
    Str place = c->where;
    const JsonNode *found = NULL;
    for (SqlNodeKind kind = SQL_EACH; kind <= SQL_REPEAT; kind++) {
        const JsonNode *value = json_get(node, str_from(names[kind]));
        if (value != NULL && found != NULL) {
            return wrong(c, "only one of forEach, forEachOrNull and repeat can be used",
                         "chỉ được dùng một trong forEach, forEachOrNull và repeat");
        }
        if (value != NULL) {
            found = value;
            ret->kind = kind;
        }
    }
    if (found == NULL) {
        return ERR_OK;
    }
    c->where = member_place(c, place, names[ret->kind]);
    if (ret->kind == SQL_REPEAT) {
        return compile_repeat(c, found, ret);
    }
    SqlPath *path = arena_new_array(c->arena, SqlPath, 1);
    if (path == NULL) {
        return ERR_NOMEM;
    }
    ret->paths = path;
    ret->n_paths = 1;
    return compile_path(c, found, path);
}

static ErrCode compile_node(Compiler *c, const JsonNode *node, SqlNode *ret) {
    Str place = c->where;
    if (!json_is(node, JSON_OBJECT)) {
        return wrong(c, "an object is expected here", "ở đây cần một đối tượng");
    }
    if (++c->depth > SQLVIEW_DEPTH_MAX) {
        return err_set(c->info, ERR_LIMIT, "view-size", "selects stand at most %d deep",
                       "select chỉ được lồng tối đa %d tầng", SQLVIEW_DEPTH_MAX);
    }
    *ret = (SqlNode){.kind = SQL_PLAIN};
    TRY(compile_foci(c, node, ret));
    c->where = place;
    TRY(compile_columns(c, node, ret));
    c->where = place;
    TRY(compile_children(c, node, ret));
    c->depth--;
    return ERR_OK;
}

/* ---- the whole ---- */

static ErrCode compile_constants(Compiler *c, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "constant");
    SqlView *view = c->view;
    size_t n = 0;
    c->where = STR("constant");
    TRY(list_of(c, list, &n));
    if (n > SQLVIEW_CONSTANTS_MAX) {
        return err_set(c->info, ERR_LIMIT, "view-size", "a view has at most %d constants",
                       "một khung nhìn có tối đa %d hằng", SQLVIEW_CONSTANTS_MAX);
    }
    const JsonNode *at = n == 0 ? NULL : json_first(list);
    for (size_t i = 0; i < n; i++, at = json_next(list, at)) {
        c->where = element_place(c, STR("constant"), i);
        TRY(add_constant(c, at));
    }
    view->constants[view->n_constants].name = STR("rowIndex");
    return ERR_OK;
}

static ErrCode compile_wheres(Compiler *c, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "where");
    size_t n = 0;
    c->where = STR("where");
    TRY(list_of(c, list, &n));
    SqlPath *paths = arena_new_array(c->arena, SqlPath, n + 1);
    if (paths == NULL) {
        return ERR_NOMEM;
    }
    const JsonNode *at = n == 0 ? NULL : json_first(list);
    for (size_t i = 0; i < n; i++, at = json_next(list, at)) {
        c->where = member_place(c, element_place(c, STR("where"), i), "path");
        TRY(compile_path(c, json_get_lit(at, "path"), &paths[i]));
    }
    c->view->wheres = paths;
    c->view->n_wheres = n;
    return ERR_OK;
}

static ErrCode check_names(Compiler *c) {
    const SqlView *view = c->view;
    c->where = STR("select");
    for (size_t i = 0; i < view->n_columns; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq(view->columns[i].name, view->columns[k].name)) {
                err_where(c->info, STR_FMT, STR_ARG(c->where));
                return err_set(c->info, ERR_INVALID, "view-definition",
                               "two columns are called '" STR_FMT "'",
                               "có hai cột cùng tên '" STR_FMT "'", STR_ARG(view->columns[i].name));
            }
        }
    }
    return view->n_columns > 0 ? ERR_OK
                               : wrong(c, "the view has no column", "khung nhìn không có cột nào");
}

static ErrCode compile_view(Compiler *c, const JsonNode *root) {
    SqlView *view = c->view;
    NodeList selects = {0};
    c->where = STR("resource");
    view->resource = fhir_resource_by_name(json_str(c->arena, json_get_lit(root, "resource")));
    if (view->resource == FHIR_T_NONE) {
        return wrong(c, "resource must name a resource type of FHIR R4",
                     "resource phải là tên một loại tài nguyên FHIR R4");
    }
    view->name = arena_str(c->arena, json_str(c->arena, json_get_lit(root, "name")));
    TRY(compile_constants(c, root));
    TRY(compile_wheres(c, root));
    c->where = STR("select");
    TRY(compile_selects(c, json_get_lit(root, "select"), &selects));
    view->roots = selects.nodes;
    view->n_roots = selects.n;
    return check_names(c);
}

ErrCode sqlview_compile(Arena *arena, const JsonNode *root, const SqlView **ret_view,
                        ErrInfo *info) {
    SqlView *view = arena_calloc(arena, 1, sizeof(*view));
    Compiler c = {.arena = arena, .view = view, .where = STR_EMPTY, .info = info};
    if (view == NULL) {
        return ERR_NOMEM;
    }
    if (!json_is(root, JSON_OBJECT)) {
        return wrong(&c, "a ViewDefinition is expected", "cần một ViewDefinition");
    }
    TRY(compile_view(&c, root));
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret_view = view;
    return ERR_OK;
}

FhirType sqlview_resource(const SqlView *view) {
    return view->resource;
}

Str sqlview_name(const SqlView *view) {
    return view->name;
}

const SqlColumn *sqlview_columns(const SqlView *view, size_t *ret_n) {
    *ret_n = view->n_columns;
    return view->columns;
}
