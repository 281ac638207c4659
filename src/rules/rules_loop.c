#include "core/hash.h"
#include "core/limits.h"
#include "rules/rules_prog_int.h"

/* ---- joins ---- */

/* Equal values have equal hashes, whatever their scale. False: unknown. */
static bool hash_value(RulesRun *r, uint32_t node, uint64_t *hash) {
    RulesValue v;
    uint64_t h = 0;
    if (!rules_value(r, node, &v)) {
        return false;
    }
    switch ((RulesType)r->program->nodes[node].type) {
    case RULES_TEXT:
        h = hash64(v.text);
        break;
    case RULES_NUMBER:
        v.num = rules_num_reduce(v.num);
        h = hash64_mix((uint64_t)v.num.m, (uint64_t)(v.num.m >> 64) + (uint64_t)v.num.scale);
        break;
    case RULES_TIME:
    case RULES_BOOL:
    default:
        h = (uint64_t)v.time;
        break;
    }
    *hash = hash64_mix(*hash, h);
    return true;
}

static bool hash_all(RulesRun *r, const uint32_t *nodes, size_t n, uint64_t *ret) {
    *ret = n;
    for (size_t i = 0; i < n; i++) {
        if (!hash_value(r, nodes[i], ret)) {
            return false;
        }
    }
    return true;
}

/* Chains of rows in ascending order; rows without a key are in none: they match nothing. */
static bool build(RulesRun *r, const RulesIndex *index, RulesRows *rows) {
    size_t n = r->visit->n_records[index->table];
    size_t size = 64;
    while (size < n * 2) {
        size *= 2;
    }
    rows->mask = size - 1;
    rows->heads = arena_new_array(r->arena, uint32_t, size);
    rows->next = arena_new_array(r->arena, uint32_t, n);
    rows->hashes = arena_new_array(r->arena, uint64_t, n);
    if (rows->heads == NULL || rows->next == NULL || rows->hashes == NULL) {
        rows->heads = NULL;
        r->err = ERR_NOMEM;
        return false;
    }
    RulesBinding before = r->rows[index->depth];
    for (size_t i = n; i-- > 0;) {
        uint64_t hash = 0;
        r->rows[index->depth] =
            (RulesBinding){.record = &r->visit->records[index->table][i], .row = i};
        r->steps++;
        if (hash_all(r, index->keys, index->n_keys, &hash)) {
            rows->hashes[i] = hash;
            rows->next[i] = rows->heads[hash & rows->mask];
            rows->heads[hash & rows->mask] = (uint32_t)i + 1;
        }
    }
    r->rows[index->depth] = before;
    return true;
}

uint32_t rules_join_first(RulesRun *r, const RulesLoop *loop, bool *ret_failed) {
    RulesRows *rows = &r->indexes[loop->index];
    uint64_t hash = 0;
    *ret_failed = rows->heads == NULL && !build(r, &r->program->indexes[loop->index], rows);
    if (*ret_failed || !hash_all(r, loop->outer, loop->n_keys, &hash)) {
        return 0;
    }
    uint32_t row = rows->heads[hash & rows->mask];
    while (row != 0 && rows->hashes[row - 1] != hash) {
        row = rows->next[row - 1];
    }
    return row;
}

uint32_t rules_join_next(const RulesRun *r, const RulesLoop *loop, uint32_t row) {
    const RulesRows *rows = &r->indexes[loop->index];
    uint64_t hash = rows->hashes[row - 1];
    row = rows->next[row - 1];
    while (row != 0 && rows->hashes[row - 1] != hash) {
        row = rows->next[row - 1];
    }
    return row;
}

/* ---- loops ---- */

/* What a loop has so far. */
typedef struct Tally {
    const RulesLoop *loop;
    RulesRange kind;
    RulesType type;
    int truth;       /* of any, no, every */
    bool is_unknown; /* sum, min, max: a kept row has no value */
    bool has_value;
    uint64_t count;
    RulesValue value;
} Tally;

static void gather(RulesRun *r, Tally *t) {
    RulesValue v;
    if (!rules_value(r, t->loop->body, &v)) {
        t->is_unknown = true;
        return;
    }
    int order = t->has_value ? rules_value_cmp(t->type, &v, &t->value) : 0;
    if (t->kind == RULES_SUM) {
        t->is_unknown = t->is_unknown || !rules_num_add(t->value.num, v.num, &t->value.num);
    } else if (!t->has_value || (t->kind == RULES_MIN ? order < 0 : order > 0)) {
        t->value = v;
    }
    t->has_value = true;
}

/* One row; false: the rest does not matter. */
static bool take_row(RulesRun *r, Tally *t) {
    if (++r->steps > LIMIT_RULES_STEPS) {
        r->failed = true;
        return false;
    }
    if (t->loop->n_keys > 0 && rules_is_out(r, t->loop)) {
        return true;
    }
    if (t->loop->where != RULES_NONE && rules_truth(r, t->loop->where) != 1) {
        return true;
    }
    switch (t->kind) {
    case RULES_ANY:
    case RULES_NO:
        t->truth = t->kind == RULES_ANY;
        return false;
    case RULES_EVERY: {
        int has = rules_truth(r, t->loop->body);
        t->truth = has == 1 ? t->truth : has;
        return has != 0;
    }
    case RULES_COUNT:
        t->count++;
        return true;
    case RULES_SUM:
    case RULES_MIN:
    case RULES_MAX:
    default:
        gather(r, t);
        return !t->is_unknown;
    }
}

static void walk_rows(RulesRun *r, const RulesNode *n, Tally *t) {
    const ClaimRecord *records = r->visit->records[n->table];
    size_t n_records = r->visit->n_records[n->table];
    RulesBinding *row = &r->rows[n->depth];
    if (t->loop->n_keys == 0 || n_records <= RULES_JOIN_ROWS) {
        for (size_t i = 0; i < n_records; i++) {
            *row = (RulesBinding){.record = &records[i], .row = i};
            if (!take_row(r, t)) {
                return;
            }
        }
        return;
    }
    bool failed = false;
    for (uint32_t i = rules_join_first(r, t->loop, &failed); i != 0;
         i = rules_join_next(r, t->loop, i)) {
        *row = (RulesBinding){.record = &records[i - 1], .row = i - 1};
        if (!take_row(r, t)) {
            return;
        }
    }
    r->failed = r->failed || failed;
}

/* The values of a text joined by ';'; false: it is unknown. */
static bool walk_values(RulesRun *r, const RulesNode *n, Tally *t) {
    RulesValue of;
    Str part;
    if (!rules_value(r, t->loop->of, &of)) {
        return false;
    }
    size_t i = 0;
    for (Str rest = of.text; str_cut(&rest, ';', &part);) {
        part = str_trim(part);
        if (part.len > 0) {
            r->rows[n->depth] = (RulesBinding){.row = i++, .text = part};
            if (!take_row(r, t)) {
                break;
            }
        }
    }
    return true;
}

/* Fills the loop's slots; false: one is unknown. Two steps: what is taken out may itself be a loop
 * of the same depth. */
static bool fill_slots(RulesRun *r, const RulesNode *n, const RulesLoop *loop) {
    RulesSlot made[RULES_SLOTS_MAX] RULES_RAW;
    for (size_t i = 0; i < loop->n_hoists; i++) {
        bool is_truth = r->program->nodes[loop->hoists[i]].type == RULES_BOOL;
        made[i].truth = is_truth ? rules_truth(r, loop->hoists[i])
                                 : (rules_value(r, loop->hoists[i], &made[i].value) ? 1 : -1);
        if (made[i].truth < 0) {
            return false;
        }
    }
    memcpy(r->slots[n->depth], made, loop->n_hoists * sizeof(*made));
    return true;
}

static bool is_loaded(RulesRun *r, int table) {
    if ((table == RULES_HISTORY && !r->visit->history_loaded) ||
        (table == RULES_WORK && !r->visit->work_loaded)) {
        rules_not_checked(r, rules_table_name(table));
        return false;
    }
    return true;
}

int rules_loop(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    const RulesLoop *loop = n->data;
    Tally t = {.loop = loop, .kind = (RulesRange)n->kind, .type = (RulesType)n->type};
    t.truth = t.kind == RULES_NO || t.kind == RULES_EVERY;
    t.value.num = rules_num(0);
    if (!is_loaded(r, n->table)) {
        return -1;
    }
    if (!fill_slots(r, n, loop)) {
        return -1;
    }
    RulesBinding before = r->rows[n->depth];
    bool known = true;
    if (n->table == RULES_MULTI) {
        known = walk_values(r, n, &t);
    } else {
        walk_rows(r, n, &t);
    }
    r->rows[n->depth] = before;
    if (!known || r->failed) {
        return -1;
    }
    if (n->type == RULES_BOOL) {
        return t.truth;
    }
    if (t.kind == RULES_COUNT) {
        ret->num = rules_num((int64_t)t.count);
        return 1;
    }
    *ret = t.value;
    return !t.is_unknown && (t.kind == RULES_SUM || t.has_value) ? 1 : -1;
}
