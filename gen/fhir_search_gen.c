/* fhir_search_gen — compiles the search parameters of FHIR R4 (gen/data/fhir/search_params.tsv)
 * into the tables of fhir/fhir_search_param.h and the tries of fhir/fhir_trie_int.h. Usage:
 * fhir_search_gen OUT.c OUT.h DATA_DIR. Exits 1 with a message on the first bad line, so a build
 * that succeeds has compiled every expression. Ids of parameters stand in search_param_ids.tsv; a
 * new code must be added there by hand, at the end. */
#include "gen_fhir_path.h"

#include "fhir/fhir_trie_int.h"

#define SP "http://hl7.org/fhir/SearchParameter/"

enum { PARAMS_MAX = 2048, NODES_MAX = 32768, LISTS_MAX = 32768, EXPRESSION_MAX = 4096 };

typedef struct Param {
    char *url, *code, *type, *expression, *targets, *components;
    char *bases;
    int id;
} Param;
static Param params[PARAMS_MAX];
static int n_params;

typedef struct Id {
    char *code;
    int id;
} Id;
static Id ids[PARAMS_MAX];
static int n_ids;

static const char *const op_names[] = {
#define X(name) #name,
    FHIR_OP_LIST(X)
#undef X
};

/* What a value of a data type gives for a parameter type; other combinations give nothing. */
static const struct {
    const char *param, *types;
    FhirOp op;
} op_rules[] = {
    {"token", "CodeableConcept", FHIR_OP_TOKEN_CODEABLE},
    {"token", "Coding", FHIR_OP_TOKEN_CODING},
    {"token", "Identifier", FHIR_OP_TOKEN_IDENTIFIER},
    {"token", "ContactPoint", FHIR_OP_TOKEN_CONTACT},
    {"token", "code boolean string uri id canonical oid uuid url markdown", FHIR_OP_TOKEN_PLAIN},
    {"string", "string markdown uri url code id", FHIR_OP_STRING_PLAIN},
    {"string", "HumanName", FHIR_OP_STRING_NAME},
    {"string", "Address", FHIR_OP_STRING_ADDRESS},
    {"date", "date dateTime instant", FHIR_OP_DATE_POINT},
    {"date", "Period", FHIR_OP_DATE_PERIOD},
    {"date", "Timing", FHIR_OP_DATE_TIMING},
    {"number", "integer decimal positiveInt unsignedInt", FHIR_OP_NUMBER},
    {"number", "Range", FHIR_OP_NUMBER_RANGE},
    {"quantity", "Quantity Age Duration Count Distance", FHIR_OP_QUANTITY},
    {"quantity", "Money", FHIR_OP_QUANTITY_MONEY},
    {"quantity", "Range", FHIR_OP_QUANTITY_RANGE},
    {"uri", "uri url canonical oid uuid", FHIR_OP_URI},
    {"reference", "Reference", FHIR_OP_REFERENCE},
    {"reference", "canonical uri", FHIR_OP_REFERENCE_CANONICAL},
    {"reference", "Resource", FHIR_OP_REFERENCE_RESOURCE},
};

static bool has_word(const char *list, const char *word, char sep) {
    size_t len = strlen(word);
    for (const char *s = list; (s = strstr(s, word)) != NULL; s += len) {
        bool starts = s == list || s[-1] == sep;
        if (starts && (s[len] == sep || s[len] == '\0')) {
            return len > 0;
        }
    }
    return false;
}

static int op_of(const char *param_type, const char *datatype) {
    for (size_t i = 0; i < ARRAY_LEN(op_rules); i++) {
        if (strcmp(op_rules[i].param, param_type) == 0 &&
            has_word(op_rules[i].types, datatype, ' ')) {
            return (int)op_rules[i].op;
        }
    }
    return -1;
}

/* ---- the trie -----------------------------------------------------------------------------------
 */

typedef struct Edge {
    char *name;
    int child, capture;
} Edge;
typedef struct Action {
    int param, op, guard, first_only;
    const char *ref_type, *system;
} Action;
typedef struct Source {
    int part, capture, op;
    char *root_path;
    const char *system;
} Source;
typedef struct Composite {
    int param, n_parts, n_sources;
    Source sources[16];
} Composite;
typedef struct Node {
    Edge edges[64];
    Action actions[32];
    Composite composites[8];
    int n_edges, n_actions, n_composites, n_captures;
} Node;

static Node *nodes; /* node 0 is "none" */
static int n_nodes = 1;
static int roots[TYPES_MAX]; /* by index into types */
static FhirTrieGuard guards[64];
static int n_guards = 1;

static int new_node(void) {
    if (n_nodes == NODES_MAX) {
        die("too many nodes", "");
    }
    return n_nodes++;
}

/* The child under `name`, made when missing. */
static Edge *edge_to(int node, const char *name) {
    Node *n = &nodes[node];
    for (int i = 0; i < n->n_edges; i++) {
        if (strcmp(n->edges[i].name, name) == 0) {
            return &n->edges[i];
        }
    }
    if (n->n_edges == (int)ARRAY_LEN(n->edges)) {
        die("too many edges", name);
    }
    n->edges[n->n_edges] = (Edge){copy(name), new_node(), 0};
    return &n->edges[n->n_edges++];
}

static int guard_of(const Path *p) {
    if (p->guard_name == NULL) {
        return 0;
    }
    uint8_t up = (uint8_t)(p->n - p->guard_at);
    for (int i = 1; i < n_guards; i++) {
        if (guards[i].up == up && strcmp(guards[i].name.ptr, p->guard_name) == 0 &&
            strcmp(guards[i].value.ptr, p->guard_value) == 0) {
            return i;
        }
    }
    if (n_guards == (int)ARRAY_LEN(guards) || up > 1) {
        die("guard not supported", p->guard_name);
    }
    guards[n_guards] = (FhirTrieGuard){str_from(p->guard_name), str_from(p->guard_value), up};
    return n_guards++;
}

static int node_of(int root, const Path *p) {
    int at = root;
    for (int i = 0; i < p->n; i++) {
        at = edge_to(at, p->members[i])->child;
    }
    return at;
}

static void add_action(int root, const Path *p, int param, int op) {
    Node *n = &nodes[node_of(root, p)];
    if (p->first_of >= 0 && p->first_of != p->n - 2) {
        die("index not supported", p->members[0]);
    }
    Action a = {.param = param,
                .op = op,
                .guard = guard_of(p),
                .first_only = p->first_of >= 0,
                .ref_type = p->ref_type,
                .system = p->system};
    for (int i = 0; i < n->n_actions; i++) {
        const Action *b = &n->actions[i];
        bool same_type = a.ref_type == b->ref_type || (a.ref_type != NULL && b->ref_type != NULL &&
                                                       strcmp(a.ref_type, b->ref_type) == 0);
        if (b->param == a.param && b->op == a.op && b->guard == a.guard && same_type) {
            return;
        }
    }
    if (n->n_actions == (int)ARRAY_LEN(n->actions)) {
        die("too many actions", p->members[p->n - 1]);
    }
    n->actions[n->n_actions++] = a;
}

/* Compiles one simple parameter for one base; dies when no alternative gives any value. */
static void compile_simple(const Param *param, int root, const char *base) {
    Paths paths;
    resolve(&paths, base, base, param->expression);
    int used = 0;
    for (int i = 0; i < paths.n; i++) {
        Path *p = &paths.at[i];
        int op = p->presence ? FHIR_OP_TOKEN_PRESENCE : op_of(param->type, p->datatype);
        if (op >= 0) {
            if (op == FHIR_OP_REFERENCE_RESOURCE) {
                p->ref_type = param->targets; /* Bundle.composition: a Composition only */
            }
            add_action(root, p, param->id, op);
            used++;
        }
    }
    if (used == 0) {
        die("gives no value", param->url);
    }
}

static const Param *param_by_url(const char *url) {
    for (int i = 0; i < n_params; i++) {
        if (strcmp(params[i].url, url) == 0) {
            return &params[i];
        }
    }
    die("unknown component", url);
}

static void add_source(Composite *c, Source s) {
    if (c->n_sources == (int)ARRAY_LEN(c->sources)) {
        die("too many sources of a composite", "");
    }
    c->sources[c->n_sources++] = s;
}

/* A part that is looked up from the resource's root: %resource.a.b. */
static void add_root_source(Composite *c, int part, const Param *of, const char *base,
                            const char *path) {
    Paths paths;
    resolve(&paths, base, base, path);
    int op = paths.n == 1 ? op_of(of->type, paths.at[0].datatype) : -1;
    if (op < 0) {
        die("part not understood", path);
    }
    add_source(c, (Source){part, 0, op, copy(path), paths.at[0].system});
}

/* One "url=expression" of a composite's components. */
static void compile_part(Composite *c, int node, const Path *at, char *component,
                         const char *base) {
    char *expression = strrchr(component, '/');
    expression = expression == NULL ? NULL : strchr(expression, '=');
    if (expression == NULL) {
        die("component not understood", component);
    }
    *expression++ = '\0';
    const Param *of = param_by_url(component);
    int part = c->n_parts++;
    if (strncmp(expression, "%resource.", 10) == 0) {
        add_root_source(c, part, of, base, expression + 10);
        return;
    }
    Paths paths;
    resolve(&paths, base, at->context, expression);
    int before = c->n_sources;
    for (int i = 0; i < paths.n; i++) {
        int op = op_of(of->type, paths.at[i].datatype);
        if (op < 0) {
            continue;
        }
        if (paths.at[i].n != 1) {
            die("part with several steps", expression);
        }
        Edge *e = edge_to(node, paths.at[i].members[0]);
        if (e->capture == 0) {
            e->capture = ++nodes[node].n_captures;
        }
        add_source(c, (Source){part, e->capture, op, NULL, paths.at[i].system});
    }
    if (c->n_sources == before) {
        die("part gives no value", expression);
    }
}

static void compile_composite(const Param *param, int root, const char *base) {
    Paths paths;
    resolve(&paths, base, base, param->expression);
    for (int i = 0; i < paths.n; i++) {
        int node = node_of(root, &paths.at[i]);
        Composite c = {.param = param->id};
        char *rest = copy(param->components);
        for (char *part; (part = strsep(&rest, ";")) != NULL;) {
            compile_part(&c, node, &paths.at[i], part, base);
        }
        Node *n = &nodes[node];
        if (n->n_composites == (int)ARRAY_LEN(n->composites) || n->n_captures > FHIR_CAPTURE_MAX) {
            die("too many composites", param->url);
        }
        n->composites[n->n_composites++] = c;
    }
    if (paths.n == 0) {
        die("composite without a place", param->url);
    }
}

static void compile_for(const Param *param, int type) {
    if (param->expression[0] == '\0' || strcmp(param->type, "special") == 0 ||
        strcmp(param->code, "_id") == 0 || strcmp(param->code, "_lastUpdated") == 0) {
        return;
    }
    if (strcmp(param->type, "composite") == 0) {
        compile_composite(param, roots[type], types[type].name);
    } else {
        compile_simple(param, roots[type], types[type].name);
    }
}

static bool is_common(const Param *p) {
    return strcmp(p->bases, "Resource") == 0;
}

static void compile_all(void) {
    for (int t = 0; t < n_types; t++) {
        if (!types[t].is_resource || types[t].is_abstract) {
            continue;
        }
        roots[t] = new_node();
        for (int i = 0; i < n_params; i++) {
            if (is_common(&params[i]) || has_word(params[i].bases, types[t].name, ';')) {
                compile_for(&params[i], t);
            }
        }
    }
}

#include "gen_fhir_search_out.h"

/* ---- input --------------------------------------------------------------------------------------
 */

static void take_id(char **cols) {
    ids[n_ids++] = (Id){copy(cols[1]), (int)strtol(cols[0], NULL, 10)};
}

/* R4's own mistakes. DeviceDefinition has no `classification`: that parameter is left out. The
 * parts of DocumentReference-relationship name each other's parameters: they are exchanged here. */
static const char dead_url[] = SP "DeviceDefinition-classification";
static const char relationship_url[] = SP "DocumentReference-relationship";
static char relationship_parts[] =
    SP "DocumentReference-relation=code;" SP "DocumentReference-relatesto=target";

static void take_param(char **cols) {
    if (strcmp(cols[0], dead_url) == 0) {
        return;
    }
    if (strcmp(cols[0], relationship_url) == 0) {
        cols[8] = relationship_parts;
    }
    Param p = {.url = copy(cols[0]),
               .code = copy(cols[1]),
               .type = copy(cols[2]),
               .bases = copy(cols[3]),
               .expression = copy(cols[4]),
               .targets = copy(cols[5]),
               .components = copy(cols[8])};
    if (p.expression[0] == '\0') { /* _text, _content: of every type, without a path */
        p.type = copy("words");
        p.bases = copy("Resource");
    }
    for (int i = 0; i < n_ids; i++) {
        if (strcmp(ids[i].code, p.code) == 0) {
            p.id = ids[i].id;
        }
    }
    if (p.id == 0) {
        die("no id in search_param_ids.tsv for", p.code);
    }
    params[n_params++] = p;
}

static int by_code(const void *a, const void *b) {
    return strcmp(((const Param *)a)->code, ((const Param *)b)->code);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        die("usage", "fhir_search_gen OUT.c OUT.h DATA_DIR");
    }
    nodes = calloc(NODES_MAX, sizeof *nodes);
    if (nodes == NULL) {
        die("out of memory", "nodes");
    }
    load_definitions(argv[3]);
    each_line("fhir/search_param_ids.tsv", take_id);
    each_line("fhir/search_params.tsv", take_param);
    qsort(params, (size_t)n_params, sizeof params[0], by_code);
    compile_all();
    load_compartments();
    CLEANUP_FILE FILE *c = fopen(argv[1], "w");
    CLEANUP_FILE FILE *h = fopen(argv[2], "w");
    if (c == NULL || h == NULL) {
        die("cannot write", argv[1]);
    }
    write_header(h);
    write_source(c);
    return ferror(c) || ferror(h) ? 1 : 0;
}
