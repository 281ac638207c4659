#include "core/hash.h"
#include "rules/rules_prog_int.h"

enum { BUCKETS = 1 << 14 };

/* Expressions that the loops around take out of their rows, and the loop at hand. */
typedef struct Hoist {
    const RulesExpr *expr;
    uint8_t depth, slot;
} Hoist;

typedef struct Compile {
    Arena *arena;
    Rules *rules;
    RulesProgram *program;
    Hoist hoists[RULES_ROWS_MAX * RULES_SLOTS_MAX];
    size_t n_hoists;
    ErrCode err;
} Compile;

static uint32_t node_of(Compile *c, const RulesExpr *e);

/* ---- nodes ---- */

static bool data_eq(const RulesNode *a, const RulesNode *b) {
    if (a->op == RULES_OP_CONST) {
        return rules_value_cmp((RulesType)a->type, a->data, b->data) == 0;
    }
    if (a->op == RULES_OP_MATCHES || a->op == RULES_OP_CAT || a->op == RULES_OP_KNOWN ||
        a->op == RULES_OP_PARAM) {
        const RulesExpr *x = a->data;
        const RulesExpr *y = b->data;
        return str_eq(x->name, y->name) && x->catalogue == y->catalogue;
    }
    if (a->op == RULES_OP_RANGE) {
        return memcmp(a->data, b->data, sizeof(RulesLoop)) == 0;
    }
    return a->data == b->data;
}

static bool node_eq(const RulesNode *a, const RulesNode *b) {
    return a->op == b->op && a->type == b->type && a->kind == b->kind && a->table == b->table &&
           a->depth == b->depth && a->depth2 == b->depth2 && a->field == b->field &&
           a->slot == b->slot && a->n_args == b->n_args &&
           (a->n_args == 0 || memcmp(a->args, b->args, a->n_args * sizeof(*a->args)) == 0) &&
           data_eq(a, b);
}

static size_t bucket_of(const RulesNode *n) {
    uint64_t h = hash64_mix(((uint64_t)n->op << 48) | ((uint64_t)n->kind << 40) |
                                ((uint64_t)n->table << 32) | ((uint64_t)n->depth << 24) |
                                (uint64_t)(uint16_t)n->field,
                            ((uint64_t)n->slot << 16) | n->type);
    if (n->n_args > 0) {
        h = hash64_mix(h, hash64((Str){(const char *)n->args, n->n_args * sizeof(*n->args)}));
    }
    return h % BUCKETS;
}

/* The number of a node like this one. */
static uint32_t intern(Compile *c, const RulesNode *n) {
    RulesProgram *p = c->program;
    size_t bucket = bucket_of(n);
    for (uint32_t i = p->buckets[bucket]; i != RULES_NONE; i = p->nodes[i].next) {
        if (node_eq(&p->nodes[i], n)) {
            return i;
        }
    }
    if (!rules_grow(c->arena, &p->nodes, p->n_nodes, &p->capacity_nodes, sizeof(*n))) {
        c->err = ERR_NOMEM;
        return RULES_NONE;
    }
    RulesNode *put = &p->nodes[p->n_nodes];
    *put = *n;
    put->next = p->buckets[bucket];
    p->buckets[bucket] = (uint32_t)p->n_nodes;
    return (uint32_t)p->n_nodes++;
}

static uint16_t column_of(Compile *c, int table, int field) {
    uint16_t *column = &c->program->columns[table][field];
    if (*column == 0) {
        *column = ++c->program->n_columns[table];
    }
    return *column;
}

/* ---- loops ---- */

/* Does it speak of a row at or inside that depth? */
static bool is_inside(const RulesExpr *e, int depth) {
    return (e->uses >> depth) != 0;
}

/* The largest parts of e that do not depend on the loop's row. */
static void take_out(Compile *c, const RulesExpr *e, int depth, const RulesExpr **out, size_t *n) {
    if (e == NULL || e->op == RULES_OP_CONST) {
        return;
    }
    if (is_inside(e, depth)) {
        for (size_t i = 0; i < e->n_args; i++) {
            take_out(c, e->args[i], depth, out, n);
        }
        return;
    }
    for (size_t i = 0; i < *n; i++) {
        if (out[i] == e) {
            return;
        }
    }
    if (*n == RULES_SLOTS_MAX || c->n_hoists + *n >= ARRAY_LEN(c->hoists)) {
        c->err = c->err == ERR_OK ? ERR_LIMIT : c->err;
        return;
    }
    out[(*n)++] = e;
}

/* Gives each of them a slot. They are made before the loop, so none may read another's slot. */
static void hoist(Compile *c, const RulesExpr *e, RulesLoop *loop) {
    const RulesExpr *out[RULES_SLOTS_MAX];
    size_t n = 0;
    take_out(c, e->args[0], e->depth, out, &n);
    take_out(c, e->args[1], e->depth, out, &n);
    for (size_t i = 0; i < n; i++) {
        loop->hoists[i] = node_of(c, out[i]);
    }
    loop->n_hoists = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        c->hoists[c->n_hoists++] = (Hoist){out[i], e->depth, (uint8_t)i};
    }
}

static bool has_slot(const RulesProgram *p, uint32_t node) {
    const RulesNode *n = &p->nodes[node];
    bool has = n->op == RULES_OP_SLOT || n->op == RULES_OP_RANGE;
    for (size_t i = 0; i < n->n_args && !has; i++) {
        has = has_slot(p, n->args[i]);
    }
    return has;
}

/* `inner = outer` with inner of the row alone and outer from outside of it. */
static void note_key(Compile *c, uint32_t node, int depth, RulesLoop *loop) {
    const RulesNode *nodes = c->program->nodes;
    const RulesNode *n = &nodes[node];
    if (n->op != RULES_OP_EQ || loop->n_keys == RULES_KEYS_MAX) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        const RulesNode *inner = &nodes[n->args[side]];
        const RulesNode *outer = &nodes[n->args[1 - side]];
        if (inner->uses == 1U << depth && outer->op == RULES_OP_SLOT &&
            !has_slot(c->program, n->args[side])) {
            loop->inner[loop->n_keys] = n->args[side];
            loop->outer[loop->n_keys++] = n->args[1 - side];
            return;
        }
    }
}

static void note_index(Compile *c, int table, int depth, RulesLoop *loop) {
    RulesProgram *p = c->program;
    RulesIndex want = {.table = (uint8_t)table, .depth = (uint8_t)depth, .n_keys = loop->n_keys};
    memcpy(want.keys, loop->inner, sizeof(want.keys));
    for (size_t i = 0; i < p->n_indexes; i++) {
        if (memcmp(&p->indexes[i], &want, sizeof(want)) == 0) {
            loop->index = (uint32_t)i;
            return;
        }
    }
    if (!rules_grow(c->arena, &p->indexes, p->n_indexes, &p->capacity_indexes, sizeof(want))) {
        c->err = ERR_NOMEM;
        return;
    }
    loop->index = (uint32_t)p->n_indexes;
    p->indexes[p->n_indexes++] = want;
}

static void loop_of(Compile *c, const RulesExpr *e, RulesNode *n) {
    RulesLoop *loop = arena_calloc(c->arena, 1, sizeof(*loop));
    size_t outside = c->n_hoists;
    if (loop == NULL) {
        c->err = ERR_NOMEM;
        return;
    }
    loop->of = e->args[2] == NULL ? RULES_NONE : node_of(c, e->args[2]);
    hoist(c, e, loop);
    loop->where = e->args[0] == NULL ? RULES_NONE : node_of(c, e->args[0]);
    loop->body = e->args[1] == NULL ? RULES_NONE : node_of(c, e->args[1]);
    c->n_hoists = outside;
    n->n_args = 0;
    n->data = loop;
    if (e->table == RULES_MULTI || loop->where == RULES_NONE || c->err != ERR_OK) {
        return;
    }
    const RulesNode *where = &c->program->nodes[loop->where];
    if (where->op == RULES_OP_AND) {
        for (size_t i = 0; i < where->n_args; i++) {
            note_key(c, where->args[i], e->depth, loop);
        }
    } else {
        note_key(c, loop->where, e->depth, loop);
    }
    if (loop->n_keys > 0) {
        note_index(c, e->table, e->depth, loop);
    }
}

/* ---- expressions ---- */

static uint32_t slot_of(Compile *c, const RulesExpr *e) {
    for (size_t i = c->n_hoists; i-- > 0;) {
        if (c->hoists[i].expr == e) {
            RulesNode n = {.op = RULES_OP_SLOT,
                           .type = e->type,
                           .depth = c->hoists[i].depth,
                           .slot = c->hoists[i].slot};
            return intern(c, &n);
        }
    }
    return RULES_NONE;
}

static const void *data_of(const RulesExpr *e) {
    switch ((RulesOp)e->op) {
    case RULES_OP_CONST:
        return &e->value;
    case RULES_OP_IN_LIST:
        return e->list;
    case RULES_OP_MATCHES:
    case RULES_OP_CAT:
    case RULES_OP_KNOWN:
    case RULES_OP_PARAM:
        return e;
    case RULES_OP_FIELD:
    case RULES_OP_VALUE:
    case RULES_OP_INDEX:
    case RULES_OP_SAME:
    case RULES_OP_OR:
    case RULES_OP_AND:
    case RULES_OP_NOT:
    case RULES_OP_EQ:
    case RULES_OP_NE:
    case RULES_OP_LT:
    case RULES_OP_LE:
    case RULES_OP_GT:
    case RULES_OP_GE:
    case RULES_OP_IN:
    case RULES_OP_GIVEN:
    case RULES_OP_ADD:
    case RULES_OP_SUB:
    case RULES_OP_MUL:
    case RULES_OP_DIV:
    case RULES_OP_NEG:
    case RULES_OP_RANGE:
    case RULES_OP_CALL:
    default:
        return NULL;
    }
}

static uint32_t node_of(Compile *c, const RulesExpr *e) {
    uint32_t slot = slot_of(c, e);
    if (slot != RULES_NONE || c->err != ERR_OK) {
        return slot;
    }
    RulesNode n = {.op = e->op,
                   .type = e->type,
                   .kind = e->kind,
                   .table = e->table,
                   .depth = e->depth,
                   .depth2 = e->depth2,
                   .field = e->field,
                   .uses = e->uses,
                   .n_args = e->n_args,
                   .data = data_of(e)};
    if (e->op == RULES_OP_RANGE) {
        loop_of(c, e, &n);
        return c->err == ERR_OK ? intern(c, &n) : RULES_NONE;
    }
    uint32_t *args = arena_alloc(c->arena, (e->n_args + 1) * sizeof(*args));
    if (args == NULL) {
        c->err = ERR_NOMEM;
        return RULES_NONE;
    }
    for (size_t i = 0; i < e->n_args; i++) {
        args[i] = node_of(c, e->args[i]);
    }
    n.args = args;
    if (e->op == RULES_OP_FIELD && e->type != RULES_TEXT) {
        n.column = column_of(c, e->table, e->field);
    }
    return c->err == ERR_OK ? intern(c, &n) : RULES_NONE;
}

/* ---- rules ---- */

/* The parts of `when` that hold for the visit, or those for the record, joined again. */
static uint32_t part_of_when(Compile *c, const RulesExpr *when, bool of_visit) {
    const RulesExpr *one[] = {when};
    size_t n = when == NULL ? 0 : when->op == RULES_OP_AND ? when->n_args : 1;
    uint32_t *args = arena_alloc(c->arena, (n + 1) * sizeof(*args));
    uint16_t n_args = 0;
    uint16_t uses = 0;
    if (args == NULL) {
        c->err = ERR_NOMEM;
        return RULES_NONE;
    }
    for (size_t i = 0; i < n; i++) {
        const RulesExpr *e = when->op == RULES_OP_AND ? when->args[i] : one[i];
        if ((e->uses == 0) == of_visit) {
            args[n_args++] = node_of(c, e);
            uses |= e->uses;
        }
    }
    if (n_args <= 1) {
        return n_args == 0 ? RULES_NONE : args[0];
    }
    return intern(c,
                  &(RulesNode){.op = RULES_OP_AND, .uses = uses, .n_args = n_args, .args = args});
}

static void unit_of(Compile *c, RulesUnit *u) {
    u->gate = part_of_when(c, u->when, true);
    u->open = part_of_when(c, u->when, false);
    u->demand = node_of(c, u->must);
    for (int i = 0; i < RULES_SENTENCES; i++) {
        for (size_t k = 0; k < u->sentences[i].n_pieces; k++) {
            RulesPiece *piece = &u->sentences[i].pieces[k];
            piece->node = piece->expr == NULL ? RULES_NONE : node_of(c, piece->expr);
        }
    }
}

/* Where a rule stands: neighbours with one condition ask it once. */
typedef struct Place {
    uint32_t on;
    RulesStep step;
} Place;

static int cmp_place(const void *a, const void *b) {
    const Place *x = a;
    const Place *y = b;
    uint32_t left[] = {x->on, x->step.gate, x->step.open, x->step.unit};
    uint32_t right[] = {y->on, y->step.gate, y->step.open, y->step.unit};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static ErrCode sort_units(Compile *c) {
    const Rules *r = c->rules;
    size_t n = r->n_units;
    c->program->order = arena_new_array(c->arena, RulesStep, n + 1);
    Place *places = arena_new_array(c->arena, Place, n + 1);
    if (c->program->order == NULL || places == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const RulesUnit *u = r->units[i];
        places[i] = (Place){(uint32_t)u->pub.on, {(uint32_t)i, u->gate, u->open, u->demand}};
    }
    qsort(places, n, sizeof(*places), cmp_place);
    for (size_t i = 0; i < n; i++) {
        c->program->order[i] = places[i].step;
    }
    return ERR_OK;
}

ErrCode rules_compile(Rules *rules, ErrInfo *info) {
    Compile c = {.arena = rules->arena, .rules = rules};
    c.program = arena_calloc(rules->arena, 1, sizeof(*c.program));
    CLEANUP_FREE uint32_t *buckets = calloc(BUCKETS, sizeof(*buckets));
    if (c.program == NULL || buckets == NULL) {
        return ERR_NOMEM;
    }
    c.program->buckets = buckets;
    (void)intern(&c, &(RulesNode){.op = RULES_OP_SLOT}); /* node 0: none */
    for (size_t i = 0; i < rules->n_units && c.err == ERR_OK; i++) {
        const RulesUnit *u = rules->units[i];
        unit_of(&c, rules->units[i]);
        if (c.err == ERR_LIMIT) {
            (void)rules_text_fail(u->source, u->pub.id.ptr, info, "rules-limit",
                                  "the rule {} compares with too many values outside of a range",
                                  "quy tắc {} dùng quá nhiều giá trị bên ngoài phạm vi", u->pub.id);
        }
    }
    c.program->buckets = NULL;
    rules->program = c.program;
    if (c.err == ERR_OK) {
        c.err = sort_units(&c);
    }
    return c.err == ERR_OK ? rules_plan(rules) : c.err;
}
