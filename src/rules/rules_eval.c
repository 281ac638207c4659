#include "core/time.h"
#include "rules/rules_prog_int.h"

/* ---- values of fields ---- */

static bool is_blank(char c) {
    return (unsigned char)c <= ' ';
}

Str rules_raw(const RulesRun *r, int table, int field, int depth) {
    const ClaimRecord *record = NULL;
    if (depth != RULES_FIXED) {
        record = r->rows[depth].record;
    } else if (r->visit->n_records[table] > 0) {
        record = r->visit->records[table];
    }
    if (record == NULL) {
        return STR_EMPTY;
    }
    Str s = record->values[field];
    if (s.len > 0 && (is_blank(s.ptr[0]) || is_blank(s.ptr[s.len - 1]))) {
        s = str_trim(s);
    }
    return s;
}

bool rules_time_parse(Str s, int64_t *ret_minutes) {
    Civil c;
    if (time_parse_claim(s, &c) != ERR_OK) {
        return false;
    }
    *ret_minutes = time_days_from_civil(c.year, MAX(c.month, 1), MAX(c.day, 1)) * 1440 +
                   c.hour * 60 + c.minute;
    return true;
}

static bool parse_raw(const RulesNode *n, Str raw, RulesValue *ret) {
    if (raw.len == 0) {
        return false;
    }
    if (n->type == RULES_NUMBER) {
        return rules_num_parse(raw, &ret->num);
    }
    return rules_time_parse(raw, &ret->time);
}

static bool field_value(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    if (n->type == RULES_TEXT) {
        ret->text = rules_raw(r, n->table, n->field, n->depth);
        return ret->text.len > 0;
    }
    RulesCell *cells = r->cells[n->table];
    size_t row = n->depth == RULES_FIXED ? 0 : r->rows[n->depth].row;
    if (cells == NULL || r->visit->n_records[n->table] == 0) {
        return parse_raw(n, rules_raw(r, n->table, n->field, n->depth), ret);
    }
    RulesCell *cell = &cells[row * r->program->n_columns[n->table] + n->column - 1U];
    if (cell->state == 0) {
        bool known = parse_raw(n, rules_raw(r, n->table, n->field, n->depth), ret);
        RulesInt m = n->type == RULES_NUMBER ? ret->num.m : ret->time;
        if (known && (m > INT64_MAX || m < INT64_MIN)) {
            return true;
        }
        cell->state = known ? 1 : 2;
        cell->value = known ? (int64_t)m : 0;
        cell->scale = known && n->type == RULES_NUMBER ? (uint8_t)ret->num.scale : 0;
        return known;
    }
    if (n->type == RULES_NUMBER) {
        ret->num = (RulesNum){cell->value, cell->scale};
    } else {
        ret->time = cell->value;
    }
    return cell->state == 1;
}

/* A whole number of a field that was read before; false: the long way. */
static inline bool whole_of(const RulesRun *r, const RulesNode *n, const RulesCell **ret) {
    const RulesCell *cells = r->cells[n->table];
    if (cells == NULL) {
        return false;
    }
    size_t row = n->depth == RULES_FIXED ? 0 : r->rows[n->depth].row;
    *ret = &cells[row * r->program->n_columns[n->table] + n->column - 1U];
    return (*ret)->state == 2 || ((*ret)->state == 1 && (*ret)->scale == 0);
}

bool rules_is_out(const RulesRun *r, const RulesLoop *loop) {
    for (size_t i = 0; i < loop->n_keys; i++) {
        const RulesNode *inner = &r->program->nodes[loop->inner[i]];
        const RulesNode *outer = &r->program->nodes[loop->outer[i]];
        const RulesValue *want = &r->slots[outer->depth][outer->slot].value;
        const RulesCell *cell = NULL;
        if (inner->op != RULES_OP_FIELD) {
            continue;
        }
        if (inner->type == RULES_TEXT) {
            if (!str_eq(rules_raw(r, inner->table, inner->field, inner->depth), want->text)) {
                return true;
            }
        } else if (whole_of(r, inner, &cell)) {
            bool is_time = inner->type == RULES_TIME;
            if (cell->state == 2 || (is_time && cell->value != want->time) ||
                (!is_time && want->num.scale == 0 && cell->value != want->num.m)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- operators ---- */

static int truth_of(RulesRun *r, const RulesNode *n);
static bool value_of(RulesRun *r, const RulesNode *n, RulesValue *ret);

/* What the node gave since the record, the visit or the day began, made when it is missing. */
static int remember(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    RulesMemo *memo = &r->memos[n->memo - 1];
    uint64_t since = r->since[n->lasts];
    if (memo->since != since) {
        RulesSlot made RULES_RAW;
        made.truth = n->type == RULES_BOOL ? truth_of(r, n) : value_of(r, n, &made.value) ? 1 : -1;
        if (UNLIKELY(r->failed)) {
            return -1; /* of this rule: another may have steps left */
        }
        memo->slot = made;
        memo->since = since;
    }
    if (ret != NULL) {
        *ret = memo->slot.value;
    }
    return memo->slot.truth;
}

static bool arithmetic(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    RulesValue a RULES_RAW;
    RulesValue b RULES_RAW;
    if (!rules_value(r, n->args[0], &a)) {
        return false;
    }
    if (n->op == RULES_OP_NEG) {
        ret->num = (RulesNum){-a.num.m, a.num.scale};
        return true;
    }
    if (!rules_value(r, n->args[1], &b)) {
        return false;
    }
    return n->op == RULES_OP_ADD   ? rules_num_add(a.num, b.num, &ret->num)
           : n->op == RULES_OP_SUB ? rules_num_sub(a.num, b.num, &ret->num)
           : n->op == RULES_OP_MUL ? rules_num_mul(a.num, b.num, &ret->num)
                                   : rules_num_div(a.num, b.num, &ret->num);
}

bool rules_value(RulesRun *r, uint32_t node, RulesValue *ret) {
    const RulesNode *n = &r->program->nodes[node];
    if (n->op == RULES_OP_FIELD) {
        return field_value(r, n, ret);
    }
    return n->memo == 0 ? value_of(r, n, ret) : remember(r, n, ret) == 1;
}

static bool value_of(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    switch (n->op) {
    case RULES_OP_CONST:
        *ret = *(const RulesValue *)n->data;
        return true;
    case RULES_OP_SLOT:
        *ret = r->slots[n->depth][n->slot].value;
        return true; /* a loop with an unknown slot does not run */
    case RULES_OP_VALUE:
        ret->text = r->rows[n->depth].text;
        return true;
    case RULES_OP_INDEX:
        ret->num = rules_num((int64_t)r->rows[n->depth].row + 1);
        return true;
    case RULES_OP_RANGE:
        return rules_loop(r, n, ret) == 1;
    case RULES_OP_CALL:
    case RULES_OP_CAT:
    case RULES_OP_PARAM:
        return rules_call(r, n, ret);
    default:
        return arithmetic(r, n, ret);
    }
}

/* A value that is at hand. */
static inline bool leaf(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    switch (n->op) {
    case RULES_OP_FIELD:
        return field_value(r, n, ret);
    case RULES_OP_SLOT:
        *ret = r->slots[n->depth][n->slot].value;
        return true;
    case RULES_OP_VALUE:
        ret->text = r->rows[n->depth].text;
        return true;
    default:
        *ret = *(const RulesValue *)n->data;
        return true;
    }
}

/* `order` is that of the left one to the right one. */
static inline int compared(int op, int order) {
    switch (op) {
    case RULES_OP_EQ:
        return order == 0;
    case RULES_OP_NE:
        return order != 0;
    case RULES_OP_LT:
        return order < 0;
    case RULES_OP_LE:
        return order <= 0;
    case RULES_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static int compare(RulesRun *r, const RulesNode *n) {
    RulesValue a RULES_RAW;
    RulesValue b RULES_RAW;
    const RulesNode *left = &r->program->nodes[n->args[0]];
    const RulesCell *cell = NULL;
    if (n->fast == RULES_FAST_WHOLE && whole_of(r, left, &cell)) {
        return cell->state == 2
                   ? -1
                   : compared(n->op, (cell->value > n->whole) - (cell->value < n->whole));
    }
    if (n->fast == RULES_FAST_LEAVES) {
        const RulesNode *right = &r->program->nodes[n->args[1]];
        if (!leaf(r, left, &a) || !leaf(r, right, &b)) {
            return -1;
        }
    } else if (!rules_value(r, n->args[0], &a) || !rules_value(r, n->args[1], &b)) {
        return -1;
    }
    if (left->type == RULES_TEXT && n->op <= RULES_OP_NE) {
        return str_eq(a.text, b.text) == (n->op == RULES_OP_EQ);
    }
    if (left->type == RULES_NUMBER && a.num.scale == b.num.scale) {
        return compared(n->op, (a.num.m > b.num.m) - (a.num.m < b.num.m));
    }
    return compared(n->op, rules_value_cmp((RulesType)left->type, &a, &b));
}

/* Kleene: one false makes `and` false, one true makes `or` true, whatever is unknown. */
static int junction(RulesRun *r, const RulesNode *n) {
    int decides = n->op == RULES_OP_OR;
    int result = !decides;
    for (size_t i = 0; i < n->n_args; i++) {
        int t = rules_truth(r, n->args[i]);
        if (t == decides) {
            return t;
        }
        result = t < 0 ? t : result;
    }
    return result;
}

static int is_literal(RulesType type, const RulesNode *n, const RulesValue *v) {
    const RulesValue *items = n->data;
    for (size_t i = 0; i + 1 < n->n_args; i++) {
        if (type == RULES_TEXT ? str_eq(v->text, items[i].text)
                               : rules_value_cmp(type, v, &items[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_among(RulesRun *r, const RulesNode *n) {
    RulesValue a RULES_RAW;
    RulesValue b RULES_RAW;
    RulesType type = (RulesType)r->program->nodes[n->args[0]].type;
    if (!rules_value(r, n->args[0], &a)) {
        return -1;
    }
    if (n->fast == RULES_FAST_AMONG) {
        return is_literal(type, n, &a);
    }
    int result = 0;
    for (size_t i = 1; i < n->n_args; i++) {
        if (!rules_value(r, n->args[i], &b)) {
            result = -1;
        } else if (type == RULES_TEXT ? str_eq(a.text, b.text)
                                      : rules_value_cmp(type, &a, &b) == 0) {
            return 1;
        }
    }
    return result;
}

bool rules_in_list(const RulesList *list, int64_t day, const RulesValue *v, bool *ret_known) {
    *ret_known = false;
    for (; list != NULL; list = list->next) {
        if (day != INT64_MIN && (day < list->since || day > list->until)) {
            continue;
        }
        size_t lo = 0;
        size_t hi = list->n_items;
        *ret_known = true;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            int order = rules_value_cmp(list->type, &list->items[mid], v);
            if (order == 0) {
                return true;
            }
            lo = order < 0 ? mid + 1 : lo;
            hi = order < 0 ? hi : mid;
        }
        return false;
    }
    return false;
}

static int is_given(RulesRun *r, uint32_t node) {
    const RulesNode *n = &r->program->nodes[node];
    RulesValue v RULES_RAW;
    if (n->op == RULES_OP_FIELD) {
        return rules_raw(r, n->table, n->field, n->depth).len > 0;
    }
    if (n->type == RULES_BOOL) {
        return rules_truth(r, node) >= 0;
    }
    return rules_value(r, node, &v);
}

RulesFound rules_look(RulesRun *r, const RulesCatalogue *c, Str code, Str attribute, Str *ret) {
    RulesAsk ask = {.catalogue = c->name,
                    .code = code,
                    .attribute = attribute,
                    .facility = r->facility,
                    .day = r->day};
    RulesFound found = RULES_NOT_LOADED;
    *ret = STR_EMPTY;
    if (r->world != NULL && r->world->look != NULL) {
        found = r->world->look(r->world->ctx, &ask, ret);
    }
    if (found == RULES_FOUND && attribute.len > 0) {
        *ret = arena_str(r->arena, *ret); /* theirs lives until the next question */
    }
    if (found == RULES_NOT_LOADED) {
        found = rules_catalogue_ask(c, &ask, ret);
    }
    if (found == RULES_NOT_LOADED) {
        rules_not_checked(r, c->name);
    }
    return found;
}

/* in LIST, matches, known. */
static int belongs(RulesRun *r, const RulesNode *n) {
    RulesValue v RULES_RAW;
    Str ignored;
    if (!rules_value(r, n->args[0], &v)) {
        return -1;
    }
    if (n->op == RULES_OP_IN_LIST) {
        bool known = false;
        bool in = rules_in_list(n->data, r->day, &v, &known);
        return known ? in : -1;
    }
    const RulesExpr *e = n->data;
    if (n->op == RULES_OP_MATCHES && e->dfa != NULL) {
        return dfa_match(e->dfa, v.text);
    }
    if (n->op == RULES_OP_MATCHES) {
        RegexFound found = regex_match(r->matcher, &(RegexAsk){e->regex, .text = v.text}, NULL);
        r->failed = r->failed || found == REGEX_OVER;
        return found == REGEX_OVER ? -1 : found == REGEX_YES;
    }
    RulesFound found = rules_look(r, e->catalogue, v.text, STR_EMPTY, &ignored);
    return found == RULES_NOT_LOADED ? -1 : found == RULES_FOUND;
}

static int truth_of_call(RulesRun *r, const RulesNode *n) {
    RulesValue v RULES_RAW;
    return rules_call(r, n, &v) ? v.time != 0 : -1;
}

int rules_truth(RulesRun *r, uint32_t node) {
    const RulesNode *n = &r->program->nodes[node];
    return n->memo == 0 ? truth_of(r, n) : remember(r, n, NULL);
}

static int truth_of(RulesRun *r, const RulesNode *n) {
    switch (n->op) {
    case RULES_OP_OR:
    case RULES_OP_AND:
        return junction(r, n);
    case RULES_OP_NOT: {
        int t = rules_truth(r, n->args[0]);
        return t < 0 ? t : !t;
    }
    case RULES_OP_IN:
        return is_among(r, n);
    case RULES_OP_IN_LIST:
    case RULES_OP_MATCHES:
    case RULES_OP_KNOWN:
        return belongs(r, n);
    case RULES_OP_GIVEN:
        return is_given(r, n->args[0]);
    case RULES_OP_SAME:
        return r->rows[n->depth].record == r->rows[n->depth2].record;
    case RULES_OP_SLOT:
        return r->slots[n->depth][n->slot].truth;
    case RULES_OP_RANGE:
        return rules_loop(r, n, NULL);
    case RULES_OP_CALL:
        return truth_of_call(r, n);
    default:
        return compare(r, n);
    }
}
