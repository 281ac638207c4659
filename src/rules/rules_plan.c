#include "rules/rules_prog_int.h"

/* What is asked of the program once all nodes are there: who uses what, which answers are worth
 * keeping and for how long, and which operators have operands simple enough for a short way. */
typedef struct Plan {
    RulesProgram *program;
    uint32_t *uses;  /* of each node, by others */
    bool *by_longer; /* a use that is asked more often than the node changes */
    Arena *arena;
} Plan;

/* Operands and what a loop holds; the first one that is missing ends it. */
static uint32_t operand(const RulesNode *n, size_t i) {
    if (i < n->n_args) {
        return n->args[i];
    }
    i -= n->n_args;
    if (n->op != RULES_OP_RANGE) {
        return RULES_NONE;
    }
    const RulesLoop *loop = n->data;
    uint32_t held[] = {loop->where, loop->body, loop->of};
    for (size_t k = 0; k < ARRAY_LEN(held); k++) {
        if (held[k] != RULES_NONE && i-- == 0) {
            return held[k];
        }
    }
    return i < loop->n_hoists ? loop->hoists[i] : RULES_NONE;
}

/* ---- short ways ---- */

static bool is_literal(const RulesProgram *p, uint32_t node) {
    return p->nodes[node].op == RULES_OP_CONST;
}

static ErrCode shorten_among(Plan *plan, RulesNode *n) {
    const RulesProgram *p = plan->program;
    for (size_t i = 1; i < n->n_args; i++) {
        if (!is_literal(p, n->args[i])) {
            return ERR_OK;
        }
    }
    RulesValue *items = arena_new_array(plan->arena, RulesValue, n->n_args);
    if (items == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 1; i < n->n_args; i++) {
        items[i - 1] = *(const RulesValue *)p->nodes[n->args[i]].data;
    }
    n->data = items;
    n->fast = RULES_FAST_AMONG;
    return ERR_OK;
}

static bool is_leaf(const RulesNode *n) {
    return n->op == RULES_OP_FIELD || n->op == RULES_OP_CONST || n->op == RULES_OP_SLOT ||
           n->op == RULES_OP_VALUE;
}

static void shorten_compare(const Plan *plan, RulesNode *n) {
    const RulesNode *left = &plan->program->nodes[n->args[0]];
    const RulesNode *right = &plan->program->nodes[n->args[1]];
    if (is_leaf(left) && is_leaf(right)) {
        n->fast = RULES_FAST_LEAVES;
    }
    if (left->op == RULES_OP_FIELD && left->type == RULES_NUMBER && right->op == RULES_OP_CONST &&
        rules_num_whole(((const RulesValue *)right->data)->num, &n->whole)) {
        n->fast = RULES_FAST_WHOLE;
    }
}

static ErrCode shorten(Plan *plan, RulesNode *n) {
    if (n->op == RULES_OP_IN) {
        return shorten_among(plan, n);
    }
    if (n->op >= RULES_OP_EQ && n->op <= RULES_OP_GE) {
        shorten_compare(plan, n);
    }
    return ERR_OK;
}

/* ---- what is remembered ---- */

/* Is it cheaper to make again than to remember? */
static bool is_light(const RulesProgram *p, const RulesNode *n) {
    switch (n->op) {
    case RULES_OP_CONST:
    case RULES_OP_FIELD:
    case RULES_OP_VALUE:
    case RULES_OP_INDEX:
    case RULES_OP_SAME:
    case RULES_OP_SLOT:
        return true;
    case RULES_OP_NOT:
    case RULES_OP_GIVEN:
        return is_light(p, &p->nodes[n->args[0]]);
    default:
        return n->fast >= RULES_FAST_WHOLE && p->nodes[n->args[0]].op == RULES_OP_FIELD;
    }
}

/* Numbers, times and conditions of literals and parameters alone; texts are made in the arena of a
 * visit. */
static bool lasts_a_day(const RulesProgram *p, const RulesNode *n) {
    if (n->op == RULES_OP_PARAM) {
        return true;
    }
    bool is_pure = (n->op >= RULES_OP_OR && n->op <= RULES_OP_GE) || n->op == RULES_OP_IN ||
                   (n->op >= RULES_OP_ADD && n->op <= RULES_OP_NEG) || n->op == RULES_OP_CALL;
    if (!is_pure || n->type == RULES_TEXT) {
        return false;
    }
    for (size_t i = 0; i < n->n_args; i++) {
        const RulesNode *arg = &p->nodes[n->args[i]];
        if (arg->op != RULES_OP_CONST && arg->lasts != RULES_LASTS_DAY) {
            return false;
        }
    }
    return true;
}

static RulesLasts lasts_of(const RulesProgram *p, const RulesNode *n) {
    return n->uses != 0        ? RULES_LASTS_RECORD
           : lasts_a_day(p, n) ? RULES_LASTS_DAY
                               : RULES_LASTS_VISIT;
}

static void count_use(Plan *plan, uint32_t node, RulesLasts asked) {
    if (node != RULES_NONE) {
        plan->uses[node]++;
        plan->by_longer[node] = plan->by_longer[node] || plan->program->nodes[node].lasts > asked;
    }
}

static void count_uses(Plan *plan, const Rules *rules) {
    const RulesProgram *p = plan->program;
    for (size_t i = 1; i < p->n_nodes; i++) {
        const RulesNode *n = &p->nodes[i];
        uint32_t x = RULES_NONE;
        for (size_t k = 0; (x = operand(n, k)) != RULES_NONE; k++) {
            count_use(plan, x, (RulesLasts)n->lasts);
        }
    }
    for (size_t i = 0; i < rules->n_units; i++) {
        const RulesUnit *u = rules->units[i];
        count_use(plan, u->gate, RULES_LASTS_VISIT);
        count_use(plan, u->open, RULES_LASTS_RECORD);
        count_use(plan, u->demand, RULES_LASTS_RECORD);
    }
}

ErrCode rules_plan(Rules *rules) {
    RulesProgram *p = rules->program;
    CLEANUP_FREE uint32_t *uses = calloc(p->n_nodes + 1, sizeof(*uses));
    CLEANUP_FREE bool *by_longer = calloc(p->n_nodes + 1, sizeof(*by_longer));
    Plan plan = {.program = p, .uses = uses, .by_longer = by_longer, .arena = rules->arena};
    if (uses == NULL || by_longer == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 1; i < p->n_nodes; i++) { /* operands come first */
        TRY(shorten(&plan, &p->nodes[i]));
        p->nodes[i].lasts = (uint8_t)lasts_of(p, &p->nodes[i]);
    }
    count_uses(&plan, rules);
    for (size_t i = 1; i < p->n_nodes; i++) {
        RulesNode *n = &p->nodes[i];
        /* Rows inside of a record pass by too quickly to be remembered. */
        bool may = n->uses <= 1 && (uses[i] > 1 || by_longer[i]);
        n->memo = may && !is_light(p, n) ? ++p->n_memos : 0;
    }
    return ERR_OK;
}
