#include "core/limits.h"
#include "rules/rules_prog_int.h"

#define MATCHER_BYTES (4 * LIMIT_MIB) /* twice what a match may take, as memory doubles */

enum {
    NOT_CHECKED_MAX = 256,
    CELLS_MAX = 1 << 20, /* values of one table that are kept read */
    SENTENCE_MAX = 4096, /* bytes */
};

struct RulesFound_ {
    RulesFinding *items;
    size_t n, capacity, n_more;
    size_t by_weight[RULES_WEIGHTS];
    Str not_checked[NOT_CHECKED_MAX];
    size_t n_not_checked;
    RulesStep *pending; /* rules of one table whose gate is open */
};

/* ---- a visit ---- */

static ErrCode join_parts(Arena *arena, const Claim *claim, int table, RulesVisit *v) {
    size_t n = 0;
    size_t parts = 0;
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        if (p->table->number == table) {
            n += (size_t)p->n_records;
            parts++;
            v->records[table] = p->records;
        }
    }
    v->n_records[table] = n;
    if (parts <= 1 || n == 0) {
        return ERR_OK;
    }
    ClaimRecord *all = arena_new_array(arena, ClaimRecord, n);
    if (all == NULL) {
        return ERR_NOMEM;
    }
    size_t at = 0;
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        if (p->table->number == table && p->n_records > 0) {
            memcpy(&all[at], p->records, (size_t)p->n_records * sizeof(*all));
            at += (size_t)p->n_records;
        }
    }
    v->records[table] = all;
    return ERR_OK;
}

ErrCode rules_visit_of_claim(Arena *arena, const Claim *claim, RulesVisit *ret_visit) {
    RulesVisit v = {0};
    for (int t = 0; t < CLAIM_TABLES; t++) {
        TRY(join_parts(arena, claim, t, &v));
    }
    *ret_visit = v;
    return ERR_OK;
}

/* ---- runs ---- */

ErrCode rules_run_new(const Rules *rules, RulesRun **ret_run) {
    RulesRun *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_NOMEM;
    }
    size_t n = rules->n_units + 1;
    r->rules = rules;
    r->program = rules->program;
    r->arena = arena_new(LIMIT_RULES_RUN_BYTES);
    r->matcher_arena = arena_new(MATCHER_BYTES);
    r->matcher =
        r->matcher_arena == NULL
            ? NULL
            : regex_matcher_new(r->matcher_arena, (RegexLimits){.steps = 20000, .heap_kib = 1024});
    r->memos = calloc(r->program->n_memos + 1, sizeof(*r->memos));
    r->indexes = calloc(r->program->n_indexes + 1, sizeof(*r->indexes));
    r->spent = calloc(n, sizeof(*r->spent));
    r->off = calloc(n, sizeof(*r->off));
    r->active = calloc(n, sizeof(*r->active));
    r->found = calloc(1, sizeof(*r->found));
    r->active_day = INT64_MAX;
    if (r->found != NULL) {
        r->found->pending = calloc(n, sizeof(*r->found->pending));
    }
    if (r->arena == NULL || r->matcher == NULL || r->memos == NULL || r->indexes == NULL ||
        r->spent == NULL || r->off == NULL || r->active == NULL || r->found == NULL ||
        r->found->pending == NULL) {
        rules_run_free(r);
        return ERR_NOMEM;
    }
    *ret_run = r;
    return ERR_OK;
}

void rules_run_free(RulesRun *r) {
    if (r == NULL) {
        return;
    }
    arena_free(r->arena);
    arena_free(r->matcher_arena);
    free(r->memos);
    free(r->indexes);
    free(r->spent);
    free(r->off);
    free(r->active);
    if (r->found != NULL) {
        free(r->found->pending);
    }
    free(r->found);
    free(r);
}

static int64_t day_of_care(const RulesVisit *v) {
    static const int fields[] = {XML1_NGAY_RA, XML1_NGAY_VAO};
    for (size_t i = 0; v->n_records[1] > 0 && i < ARRAY_LEN(fields); i++) {
        int64_t minutes = 0;
        if (rules_time_parse(str_trim(v->records[1][0].values[fields[i]]), &minutes)) {
            return minutes / 1440 - (minutes % 1440 < 0);
        }
    }
    return INT64_MIN;
}

/* The rules in force that day; unchanged as long as day and moment are. */
static void choose(RulesRun *r) {
    if (r->active_day == r->day && r->active_moment == r->moment) {
        return;
    }
    r->n_active = 0;
    int table = -1;
    for (size_t i = 0; i < r->rules->n_units; i++) {
        RulesStep step = r->program->order[i];
        const RulesRule *rule = &r->rules->units[step.unit]->pub;
        bool in_time = r->day == INT64_MIN || (r->day >= rule->since && r->day <= rule->until);
        while (table < rule->on) {
            r->active_from[++table] = r->n_active;
        }
        if (in_time && (rule->at & (unsigned)r->moment) != 0) {
            r->active[r->n_active++] = step;
        }
    }
    while (table <= RULES_VISIT) {
        r->active_from[++table] = r->n_active;
    }
    r->since[RULES_LASTS_DAY] = ++r->ticks;
    r->active_day = r->day;
    r->active_moment = r->moment;
}

static void begin(RulesRun *r) {
    arena_reset(r->arena);
    r->since[RULES_LASTS_VISIT] = ++r->ticks;
    memset(r->indexes, 0, r->program->n_indexes * sizeof(*r->indexes));
    memset(r->spent, 0, r->rules->n_units * sizeof(*r->spent));
    memset(r->off, 0, r->rules->n_units * sizeof(*r->off));
    memset(r->rows, 0, sizeof(r->rows));
    for (int t = 0; t < RULES_TABLES; t++) {
        size_t n = r->visit->n_records[t] * r->program->n_columns[t];
        r->cells[t] = n == 0 || n > CELLS_MAX ? NULL : arena_new_array(r->arena, RulesCell, n);
    }
    struct RulesFound_ *f = r->found;
    f->items = NULL;
    f->n = f->capacity = f->n_more = f->n_not_checked = 0;
    memset(f->by_weight, 0, sizeof(f->by_weight));
    r->err = ERR_OK;
    r->day = day_of_care(r->visit);
    r->facility = r->visit->n_records[1] == 0
                      ? STR_EMPTY
                      : str_trim(r->visit->records[1][0].values[XML1_MA_CSKCB]);
    choose(r);
}

void rules_not_checked(RulesRun *r, Str name) {
    struct RulesFound_ *f = r->found;
    for (size_t i = 0; i < f->n_not_checked; i++) {
        if (str_eq(f->not_checked[i], name)) {
            return;
        }
    }
    if (f->n_not_checked < NOT_CHECKED_MAX) {
        f->not_checked[f->n_not_checked++] = name;
    }
}

/* ---- findings ---- */

static void put_value(RulesRun *r, Buf *out, const RulesPiece *piece, bool vietnamese) {
    const RulesNode *n = &r->program->nodes[piece->node];
    RulesValue v;
    bool is_field = n->op == RULES_OP_FIELD;
    Str raw = is_field ? rules_raw(r, n->table, n->field, n->depth) : STR_EMPTY;
    if (!rules_value(r, piece->node, &v)) {
        buf_put_str(out, raw.len > 0 ? raw : vietnamese ? STR("(trống)") : STR("(empty)"));
        return;
    }
    switch ((RulesType)n->type) {
    case RULES_NUMBER:
        if (is_field) {
            buf_put_str(out, raw);
        } else {
            rules_num_put(out, v.num);
        }
        break;
    case RULES_TIME:
        rules_time_put(out, v.time, is_field ? raw.len == 12 : v.time % 1440 != 0);
        break;
    case RULES_TEXT:
    case RULES_BOOL:
    default:
        buf_put_str(out, v.text);
        break;
    }
}

static Str sentence(RulesRun *r, const RulesSentence *s, bool vietnamese) {
    CLEANUP_BUF Buf b;
    buf_init(&b, SENTENCE_MAX);
    for (size_t i = 0; i < s->n_pieces; i++) {
        buf_put_str(&b, s->pieces[i].text);
        if (s->pieces[i].node != RULES_NONE) {
            put_value(r, &b, &s->pieces[i], vietnamese);
        }
    }
    Str text = arena_str(r->arena, buf_str(&b));
    r->err = arena_failed(r->arena) ? ERR_NOMEM : r->err;
    return text;
}

/* STT of a record, where its table has one. */
static Str stt_of(int table, const ClaimRecord *record) {
    int field = rules_field_find(table, STR("STT"));
    return field < 0 ? STR_EMPTY : record->values[field];
}

static void add(RulesRun *r, const RulesUnit *u) {
    struct RulesFound_ *f = r->found;
    f->by_weight[u->pub.weight]++;
    if (f->n == LIMIT_RULES_FINDINGS) {
        f->n_more++;
        return;
    }
    if (!rules_grow(r->arena, &f->items, f->n, &f->capacity, sizeof(*f->items))) {
        r->err = ERR_NOMEM;
        return;
    }
    bool is_visit = u->pub.on == RULES_VISIT;
    int depth = is_visit || u->pub.field_table != u->pub.on ? RULES_FIXED : 0;
    RulesFinding x = {.rule = &u->pub,
                      .table = is_visit && u->field < 0 ? STR_EMPTY
                                                        : rules_table_name(u->pub.field_table),
                      .field = u->pub.field};
    if (u->field >= 0) {
        x.value = rules_raw(r, u->pub.field_table, u->field, depth);
    }
    if (!is_visit) {
        x.record = r->rows[0].row + 1;
        x.line = r->rows[0].record->line;
        x.stt = stt_of(u->pub.on, r->rows[0].record);
    }
    uint64_t steps = r->steps; /* what is printed is not what was too costly */
    x.vi = sentence(r, &u->sentences[RULES_VI], true);
    x.en = sentence(r, &u->sentences[RULES_EN], false);
    x.fix_vi = sentence(r, &u->sentences[RULES_FIX_VI], true);
    x.fix_en = sentence(r, &u->sentences[RULES_FIX_EN], false);
    r->steps = steps;
    f->items[f->n++] = x;
}

/* ---- the pass ---- */

/* A condition of a rule; unknown and switched off when it is too costly. */
static int ask(RulesRun *r, uint32_t unit, uint32_t node) {
    r->steps = r->spent[unit];
    r->failed = false;
    int truth = rules_truth(r, node);
    r->spent[unit] = r->steps;
    if (UNLIKELY(r->failed)) {
        r->off[unit] = true;
        rules_not_checked(r, r->rules->units[unit]->pub.id);
        return -1;
    }
    return truth;
}

/* A condition that the rule before may have asked, too. */
typedef struct Asked {
    uint32_t node;
    int truth;
} Asked;

static bool is_open(RulesRun *r, uint32_t unit, uint32_t node, Asked *before) {
    if (node == RULES_NONE) {
        return true;
    }
    if (before->node != node) {
        before->truth = ask(r, unit, node);
        before->node = r->failed ? RULES_NONE : node;
    }
    return before->truth == 1;
}

/* The rules of that table whose gate is open. */
static size_t gather_rules(RulesRun *r, int on) {
    size_t n = 0;
    Asked before = {0};
    for (size_t i = r->active_from[on]; i < r->active_from[on + 1]; i++) {
        const RulesStep *step = &r->active[i];
        if (is_open(r, step->unit, step->gate, &before)) {
            r->found->pending[n++] = *step;
        }
    }
    return n;
}

static void check_record(RulesRun *r, size_t n) {
    Asked before = {0};
    r->since[RULES_LASTS_RECORD] = ++r->ticks;
    for (size_t k = 0; k < n; k++) {
        const RulesStep *step = &r->found->pending[k];
        if (!r->off[step->unit] && is_open(r, step->unit, step->open, &before) &&
            ask(r, step->unit, step->demand) == 0) {
            add(r, r->rules->units[step->unit]);
        }
    }
}

static void check_table(RulesRun *r, int table) {
    size_t n_records = table == RULES_VISIT ? 1 : r->visit->n_records[table];
    size_t n = n_records == 0 ? 0 : gather_rules(r, table);
    for (size_t i = 0; n > 0 && i < n_records && r->err == ERR_OK; i++) {
        r->rows[0] = (RulesBinding){0};
        if (table != RULES_VISIT) {
            r->rows[0] = (RulesBinding){.record = &r->visit->records[table][i], .row = i};
        }
        check_record(r, n);
    }
}

ErrCode rules_check(RulesRun *run, const RulesVisit *visit, const RulesWorld *world,
                    RulesMoment moment, RulesReport *ret_report) {
    run->visit = visit;
    run->world = world;
    run->moment = moment;
    begin(run);
    check_table(run, RULES_VISIT);
    for (int table = 0; table < CLAIM_TABLES; table++) {
        check_table(run, table);
    }
    if (run->err != ERR_OK || arena_failed(run->arena)) {
        return run->err != ERR_OK ? run->err : ERR_NOMEM;
    }
    const struct RulesFound_ *f = run->found;
    *ret_report = (RulesReport){.findings = f->items,
                                .n_findings = f->n,
                                .n_more = f->n_more,
                                .n_rules = run->n_active,
                                .not_checked = f->not_checked,
                                .n_not_checked = f->n_not_checked,
                                .day = run->day};
    memcpy(ret_report->n_by_weight, f->by_weight, sizeof(f->by_weight));
    return ERR_OK;
}
