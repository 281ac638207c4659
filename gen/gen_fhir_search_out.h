/* gen_fhir_search_out.h — second half of fhir_search_gen.c: the Patient compartment and the writing
 * of fhir_search.gen.{h,c}. */
#ifndef NHIP_GEN_FHIR_SEARCH_OUT_H
#define NHIP_GEN_FHIR_SEARCH_OUT_H

/* ---- the Patient compartment --------------------------------------------------------------------
 */

typedef struct Ways {
    char *paths[16];
    int n;
} Ways;
static Ways ways[TYPES_MAX]; /* by index into types */

/* Members that come first, in this order; the others follow as the compartment lists them. */
static const char *const preferred[] = {"patient", "subject", "beneficiary", "individual"};

static int type_index(const char *name) {
    for (int i = 0; i < n_types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return i;
        }
    }
    die("no such type", name);
}

static void add_way(int type, const Path *p) {
    char dotted[256] = "";
    size_t at = 0;
    for (int i = 0; i < p->n; i++) {
        at += (size_t)snprintf(dotted + at, sizeof dotted - at, "%s%s", i > 0 ? "." : "",
                               p->members[i]);
    }
    Ways *w = &ways[type];
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->paths[i], dotted) == 0) {
            return;
        }
    }
    if (w->n == (int)ARRAY_LEN(w->paths)) {
        die("too many ways to a patient", dotted);
    }
    w->paths[w->n++] = copy(dotted);
}

static void add_ways(int type, const char *code) {
    for (int i = 0; i < n_params; i++) {
        if (strcmp(params[i].code, code) != 0 ||
            !has_word(params[i].bases, types[type].name, ';')) {
            continue;
        }
        Paths paths;
        resolve(&paths, types[type].name, types[type].name, params[i].expression);
        for (int k = 0; k < paths.n; k++) {
            const Path *p = &paths.at[k];
            bool patient = p->ref_type == NULL || strcmp(p->ref_type, "Patient") == 0;
            if (strcmp(p->datatype, "Reference") == 0 && patient && p->guard_name == NULL) {
                add_way(type, p);
            }
        }
    }
}

/* Group: its members are many people; Person: may stand for several records; Patient: itself. */
static bool has_no_single_patient(const char *type) {
    return strcmp(type, "Group") == 0 || strcmp(type, "Person") == 0 ||
           strcmp(type, "Patient") == 0;
}

static void take_compartment(char **cols) {
    if (strcmp(cols[0], "Patient") != 0 || cols[2][0] == '\0' || has_no_single_patient(cols[1])) {
        return;
    }
    int type = type_index(cols[1]);
    for (size_t i = 0; i < ARRAY_LEN(preferred); i++) {
        if (has_word(cols[2], preferred[i], ';')) {
            add_ways(type, preferred[i]);
        }
    }
    char *rest = copy(cols[2]);
    for (char *code; (code = strsep(&rest, ";")) != NULL;) {
        add_ways(type, code);
    }
    if (ways[type].n == 0) {
        die("no way to a patient", cols[1]);
    }
}

/* All compartments, for their searches: rows that name parameters. */
typedef struct CompartmentRow {
    char *compartment, *type, *codes;
} CompartmentRow;
static CompartmentRow compartment_rows[1024];
static int n_compartment_rows;

static void take_compartment_row(char **cols) {
    if (cols[2][0] == '\0') {
        return;
    }
    if (n_compartment_rows == (int)ARRAY_LEN(compartment_rows)) {
        die("too many rows of compartments", cols[1]);
    }
    compartment_rows[n_compartment_rows++] =
        (CompartmentRow){copy(cols[0]), copy(cols[1]), copy(cols[2])};
}

static void load_compartments(void) {
    each_line("fhir/compartments.tsv", take_compartment);
    each_line("fhir/compartments.tsv", take_compartment_row);
}

/* ---- output -------------------------------------------------------------------------------------
 */

static void write_header(FILE *h) {
    (void)fprintf(h, "/* Made by gen/fhir_search_gen.c; not edited. */\n"
                     "#ifndef NHIP_FHIR_SEARCH_GEN_H\n#define NHIP_FHIR_SEARCH_GEN_H\n\n"
                     "enum {\n    FHIR_P_NONE = 0,\n");
    int max = 0;
    for (int i = 0; i < n_ids; i++) {
        (void)fprintf(h, "    FHIR_P_%s = %d,\n", upper_snake(ids[i].code), ids[i].id);
        max = MAX(max, ids[i].id);
    }
    (void)fprintf(h, "    FHIR_P_COUNT = %d,\n    FHIR_SEARCH_PARAM_COUNT = %d,\n};\n\n#endif\n",
                  max + 1, n_params);
}

static void put_str(FILE *f, const char *s) {
    (void)fprintf(f, "STR_C(\"%s\")", s == NULL ? "" : s);
}

/* The alternatives of the expression that concern the type, for people and the conformance page. */
static char *own_expression(const Param *p, const char *type) {
    static char out[EXPRESSION_MAX];
    size_t at = 0;
    char *rest = copy(p->expression);
    out[0] = '\0';
    while (rest != NULL) {
        char *bar = strstr(rest, " | ");
        char *one = rest;
        rest = bar == NULL ? NULL : bar + 3;
        if (bar != NULL) {
            *bar = '\0';
        }
        const char *name = one + strspn(one, "(");
        size_t len = strlen(type);
        bool other = isupper((unsigned char)name[0]) && strncmp(name, "Resource", 8) != 0 &&
                     !(strncmp(name, type, len) == 0 && !isalnum((unsigned char)name[len]));
        if (!other && at < sizeof out) {
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", at > 0 ? " | " : "", one);
        }
    }
    return out;
}

static int count_of(const char *list, char sep) {
    int n = list[0] != '\0';
    for (const char *s = list; *s != '\0'; s++) {
        n += *s == sep;
    }
    return n;
}

/* A list of (nearly) all types means any. */
static bool any_target(const char *targets) {
    return count_of(targets, ';') == 0 || count_of(targets, ';') > 100;
}

static void write_targets(FILE *f) {
    for (int i = 0; i < n_params; i++) {
        if (any_target(params[i].targets)) {
            continue;
        }
        (void)fprintf(f, "static const uint16_t targets_%d[] = {", i);
        char *rest = copy(params[i].targets);
        for (char *t; (t = strsep(&rest, ";")) != NULL;) {
            (void)fprintf(f, "FHIR_T_%s,", upper_snake(t));
        }
        (void)fprintf(f, "};\n");
    }
}

static void write_parts_of(FILE *f, const Param *p) {
    char *rest = p->components[0] == '\0' ? NULL : copy(p->components);
    (void)fprintf(f, ", %d, {%s", rest == NULL ? 0 : count_of(rest, ';'),
                  rest == NULL ? "{0, 0}" : "");
    for (char *part; rest != NULL && (part = strsep(&rest, ";")) != NULL;) {
        part[strlen(part) - strlen(strchr(strrchr(part, '/'), '='))] = '\0';
        const Param *of = param_by_url(part);
        char upper[32];
        (void)snprintf(upper, sizeof upper, "%s", upper_snake(of->type));
        (void)fprintf(f, "{%d, FHIR_PARAM_%s},", of->id, upper);
    }
    (void)fprintf(f, "}");
}

static void write_param(FILE *f, int i, const char *type) {
    const Param *p = &params[i];
    (void)fprintf(f, "    {");
    put_str(f, p->code);
    (void)fprintf(f, ", ");
    put_str(f, p->url);
    (void)fprintf(f, ", ");
    put_str(f, own_expression(p, type));
    (void)fprintf(f, ", %d, FHIR_PARAM_%s", p->id, upper_snake(p->type));
    write_parts_of(f, p);
    if (any_target(p->targets)) {
        (void)fprintf(f, ", 0, NULL},\n");
    } else {
        (void)fprintf(f, ", %d, targets_%d},\n", count_of(p->targets, ';'), i);
    }
}

/* Rows of one type (-1: of every type); returns how many. */
static int write_rows(FILE *f, int t) {
    int n = 0;
    for (int i = 0; i < n_params; i++) {
        bool own = t >= 0 && has_word(params[i].bases, types[t].name, ';');
        if (t < 0 ? is_common(&params[i]) : own) {
            write_param(f, i, t < 0 ? "Resource" : types[t].name);
            n++;
        }
    }
    return n;
}

static void write_params(FILE *f) {
    int first[TYPES_MAX] = {0};
    int count[TYPES_MAX] = {0};
    (void)fprintf(f, "const FhirSearchParam fhir_param_rows[] = {\n");
    int common = write_rows(f, -1);
    int at = common;
    for (int t = 0; t < n_types; t++) {
        first[t] = at;
        count[t] = roots[t] > 0 ? write_rows(f, t) : 0;
        at += count[t];
    }
    (void)fprintf(f,
                  "};\nconst FhirParamRows fhir_params_of[FHIR_RESOURCE_COUNT + 1] = {\n"
                  "    [0] = {0, %d},\n",
                  common);
    for (int t = 0; t < n_types; t++) {
        if (roots[t] > 0) {
            (void)fprintf(f, "    [FHIR_T_%s] = {%d, %d},\n", upper_snake(types[t].name), first[t],
                          count[t]);
        }
    }
    (void)fprintf(f, "};\nconst Str fhir_param_codes[FHIR_P_COUNT] = {\n");
    for (int i = 0; i < n_ids; i++) {
        (void)fprintf(f, "    [%d] = STR_C(\"%s\"),\n", ids[i].id, ids[i].code);
    }
    (void)fprintf(f, "};\n");
}

static void write_guards(FILE *f) {
    (void)fprintf(f,
                  "const FhirTrieGuard fhir_trie_guards[] = {\n    {{NULL, 0}, {NULL, 0}, 0},\n");
    for (int i = 1; i < n_guards; i++) {
        (void)fprintf(f, "    {STR_C(\"%s\"), STR_C(\"%s\"), %d},\n", guards[i].name.ptr,
                      guards[i].value.ptr, guards[i].up);
    }
    (void)fprintf(f, "};\n");
}

static void write_actions(FILE *f) {
    (void)fprintf(f, "const FhirTrieAction fhir_trie_actions[] = {\n");
    for (int i = 1; i < n_nodes; i++) {
        for (int k = 0; k < nodes[i].n_actions; k++) {
            const Action *a = &nodes[i].actions[k];
            (void)fprintf(f, "    {%d, FHIR_OP_%s, %d, %s%s, %d, ", a->param, op_names[a->op],
                          a->guard, a->ref_type == NULL ? "0" : "FHIR_T_",
                          a->ref_type == NULL ? "" : upper_snake(a->ref_type), a->first_only);
            put_str(f, a->system);
            (void)fprintf(f, "},\n");
        }
    }
    (void)fprintf(f, "};\nconst FhirTrieEdge fhir_trie_edges[] = {\n");
    for (int i = 1; i < n_nodes; i++) {
        for (int k = 0; k < nodes[i].n_edges; k++) {
            const Edge *e = &nodes[i].edges[k];
            (void)fprintf(f, "    {STR_C(\"%s\"), %d, %d},\n", e->name, e->child, e->capture);
        }
    }
    (void)fprintf(f, "};\n");
}

static void write_composites(FILE *f) {
    (void)fprintf(f, "const FhirTriePart fhir_trie_parts[] = {\n");
    for (int i = 1; i < n_nodes; i++) {
        for (int k = 0; k < nodes[i].n_composites; k++) {
            const Composite *c = &nodes[i].composites[k];
            for (int s = 0; s < c->n_sources; s++) {
                const Source *q = &c->sources[s];
                (void)fprintf(f, "    {%d, %d, FHIR_OP_%s, %s%s%s, ", q->part, q->capture,
                              op_names[q->op], q->root_path == NULL ? "" : "\"",
                              q->root_path == NULL ? "NULL" : q->root_path,
                              q->root_path == NULL ? "" : "\"");
                put_str(f, q->system);
                (void)fprintf(f, "},\n");
            }
        }
    }
    (void)fprintf(f, "};\nconst FhirTrieComposite fhir_trie_composites[] = {\n");
    int at = 0;
    for (int i = 1; i < n_nodes; i++) {
        for (int k = 0; k < nodes[i].n_composites; k++) {
            const Composite *c = &nodes[i].composites[k];
            (void)fprintf(f, "    {%d, %d, %d, %d},\n", c->param, c->n_parts, c->n_sources, at);
            at += c->n_sources;
        }
    }
    (void)fprintf(f, "};\n");
}

/* Finds a multiplier that sends the node's names to different slots. */
static uint32_t find_hash(const Node *n, uint8_t *slots, int bits) {
    for (uint32_t mult = 0x9E3779B1U, tries = 0; tries < 20000; tries++, mult = mult * 5 + 2) {
        memset(slots, 0, (size_t)1 << bits);
        int i = 0;
        while (i < n->n_edges) {
            const char *name = n->edges[i].name;
            uint32_t slot = fhir_name_hash(name, strlen(name)) * mult >> (32 - bits);
            if (slots[slot] != 0) {
                break;
            }
            slots[slot] = (uint8_t)++i;
        }
        if (i == n->n_edges) {
            return mult;
        }
    }
    return 0;
}

static void write_nodes(FILE *f) {
    static uint8_t slots[LISTS_MAX * 8];
    int n_slots = 0, edges = 0, actions = 0, composites = 0;
    (void)fprintf(f,
                  "const FhirTrieNode fhir_trie_nodes[] = {\n    {0, 31, 0, 0, 0, 0, 0, 0, 0},\n");
    for (int i = 1; i < n_nodes; i++) {
        const Node *n = &nodes[i];
        int bits = 1;
        while ((1 << bits) < n->n_edges) {
            bits++;
        }
        uint32_t mult = 0;
        for (; mult == 0; bits++) {
            if (bits > 8 || n_slots + (1 << bits) > (int)sizeof slots) {
                die("no hash for the members of", n->edges[0].name);
            }
            mult = find_hash(n, slots + n_slots, bits);
        }
        bits--;
        (void)fprintf(f, "    {%uU, %d, %d, %d, %d, %d, %d, %d, %d},\n", mult, 32 - bits,
                      n->n_actions, n->n_composites, n->n_edges, edges, actions, composites,
                      n_slots);
        n_slots += 1 << bits;
        edges += n->n_edges;
        actions += n->n_actions;
        composites += n->n_composites;
    }
    if (MAX(edges, actions) > UINT16_MAX || n_nodes > UINT16_MAX) {
        die("tables too large for 16 bits", "");
    }
    (void)fprintf(f, "};\nconst uint8_t fhir_trie_slots[] = {");
    for (int i = 0; i < n_slots; i++) {
        (void)fprintf(f, "%s%d,", i % 32 == 0 ? "\n    " : "", slots[i]);
    }
    (void)fprintf(f, "\n};\n");
}

static void write_by_type(FILE *f) {
    (void)fprintf(f, "const uint16_t fhir_trie_roots[FHIR_RESOURCE_COUNT + 1] = {\n");
    for (int t = 0; t < n_types; t++) {
        if (roots[t] > 0) {
            (void)fprintf(f, "    [FHIR_T_%s] = %d,\n", upper_snake(types[t].name), roots[t]);
        }
    }
    (void)fprintf(f, "};\n");
    for (int t = 0; t < n_types; t++) {
        if (ways[t].n > 0) {
            (void)fprintf(f, "static const char *const ways_%d[] = {", t);
            for (int i = 0; i < ways[t].n; i++) {
                (void)fprintf(f, "\"%s\",", ways[t].paths[i]);
            }
            (void)fprintf(f, "};\n");
        }
    }
    (void)fprintf(f, "const FhirPatientPaths fhir_patient_paths[FHIR_RESOURCE_COUNT + 1] = {\n");
    for (int t = 0; t < n_types; t++) {
        if (ways[t].n > 0) {
            (void)fprintf(f, "    [FHIR_T_%s] = {ways_%d, %d},\n", upper_snake(types[t].name), t,
                          ways[t].n);
        }
    }
    (void)fprintf(f, "};\n");
}

static void write_compartments(FILE *f) {
    (void)fprintf(f, "const FhirCompartmentRow fhir_compartment_rows[] = {\n");
    for (int i = 0; i < n_compartment_rows; i++) {
        const CompartmentRow *r = &compartment_rows[i];
        (void)fprintf(f, "    {FHIR_T_%s, ", upper_snake(r->compartment));
        (void)fprintf(f, "FHIR_T_%s, STR_C(\"%s\")},\n", upper_snake(r->type), r->codes);
    }
    (void)fprintf(f, "};\nconst size_t fhir_compartment_count = %d;\n", n_compartment_rows);
}

static void write_source(FILE *f) {
    (void)fprintf(f,
                  "/* Made by gen/fhir_search_gen.c; not edited. */\n"
                  "#include \"fhir/fhir_search_param_int.h\"\n#include \"fhir/fhir_trie_int.h\"\n"
                  "#define STR_C(s) {s, sizeof(s) - 1}\n\n");
    write_targets(f);
    write_params(f);
    write_guards(f);
    write_actions(f);
    write_composites(f);
    write_nodes(f);
    write_by_type(f);
    write_compartments(f);
}

#endif
