/* rules_prog_int.h — the compiled program and its evaluation. Nodes are numbered, equal ones are
 * one (so that loops over the same rows with the same condition run once a visit); operands come
 * before what uses them. */
#ifndef NHIP_RULES_RULES_PROG_INT_H
#define NHIP_RULES_RULES_PROG_INT_H

#include "rules/rules_int.h"

/* A local that is written before it is read, on the hot path: not cleared by the compiler. */
#define RULES_RAW __attribute__((uninitialized))

enum {
    RULES_NONE = 0,       /* no node: node 0 is never used */
    RULES_OP_SLOT = 100,  /* what a loop has taken out of its rows */
    RULES_SLOTS_MAX = 32, /* of one loop */
    RULES_KEYS_MAX = 4,   /* equalities of one join */
    RULES_JOIN_ROWS = 24, /* fewer rows are walked */
};

typedef struct RulesNode {
    uint8_t op, type, kind, table;
    uint8_t depth, depth2;
    int16_t field;
    uint16_t uses;
    uint16_t n_args;
    uint16_t column; /* FIELD: 1-based place in the cells of its table; 0: text */
    uint16_t slot;   /* SLOT */
    const uint32_t *args;
    const void *data; /* RulesValue, regex, list, RulesExpr (CAT, KNOWN), RulesLoop, parameters */
    uint32_t memo;    /* 1-based; 0: none */
    uint32_t next;    /* of the same hash */
    uint8_t lasts;    /* RulesLasts: how long a value holds */
    uint8_t fast;     /* RulesFast */
    int64_t whole;    /* of RULES_FAST_WHOLE */
} RulesNode;

/* How long what a node gives stays as it is (rules_plan.c). */
typedef enum RulesLasts {
    RULES_LASTS_RECORD, /* while one record of the `on` table is asked */
    RULES_LASTS_VISIT,
    RULES_LASTS_DAY, /* literals and parameters */
    RULES_LASTS,
} RulesLasts;

/* Shapes that are answered without walking to the operands. */
typedef enum RulesFast {
    RULES_FAST_NO,
    RULES_FAST_WHOLE,  /* number field against a whole number */
    RULES_FAST_LEAVES, /* both sides are fields, literals, slots or values */
    RULES_FAST_AMONG,  /* in (literals) */
} RulesFast;

typedef struct RulesLoop {
    uint32_t where, body, of; /* nodes or RULES_NONE */
    uint32_t hoists[RULES_SLOTS_MAX];
    uint32_t n_hoists;
    uint32_t inner[RULES_KEYS_MAX], outer[RULES_KEYS_MAX]; /* where holds inner = outer */
    uint32_t n_keys;
    uint32_t index; /* of the program's indexes */
} RulesLoop;

/* Rows of a table by the values of some nodes. */
typedef struct RulesIndex {
    uint8_t table, depth;
    uint32_t n_keys;
    uint32_t keys[RULES_KEYS_MAX];
} RulesIndex;

/* A rule in the pass: what is asked of it, close together. */
typedef struct RulesStep {
    uint32_t unit, gate, open, demand;
} RulesStep;

typedef struct RulesProgram {
    RulesNode *nodes;
    size_t n_nodes, capacity_nodes;
    RulesIndex *indexes;
    size_t n_indexes, capacity_indexes;
    uint32_t n_memos;
    RulesStep *order; /* by table, gate and condition: equal ones are neighbours */
    uint16_t n_columns[RULES_TABLES];
    uint16_t columns[RULES_TABLES][256]; /* of a field; 0: none */
    uint32_t *buckets;                   /* while it is made */
} RulesProgram;

/* ---- a run ---- */

typedef struct RulesCell {
    int64_t value;
    uint8_t scale;
    uint8_t state; /* 0 not read yet, 1 known, 2 unknown */
} RulesCell;

typedef struct RulesBinding {
    const ClaimRecord *record;
    size_t row; /* from 0 */
    Str text;   /* of a range over a text */
} RulesBinding;

typedef struct RulesSlot {
    RulesValue value;
    int truth; /* of a condition; else 1 */
} RulesSlot;

/* What a node gave, and when; nothing is cleared between visits. */
typedef struct RulesMemo {
    uint64_t since; /* RulesRun.since of that time */
    RulesSlot slot;
} RulesMemo;

/* An index in this visit; NULL heads: not made yet. */
typedef struct RulesRows {
    uint32_t *heads; /* row + 1 */
    uint32_t *next;
    uint64_t *hashes;
    size_t mask;
} RulesRows;

struct RulesRun {
    const Rules *rules;
    const RulesProgram *program;
    Arena *arena;         /* of one visit */
    Arena *matcher_arena; /* of the run */
    RegexMatcher *matcher;
    const RulesVisit *visit;
    const RulesWorld *world;
    RulesMoment moment;
    int64_t day;
    Str facility;
    RulesBinding rows[RULES_ROWS_MAX + 1];
    RulesSlot slots[RULES_ROWS_MAX + 1][RULES_SLOTS_MAX];
    RulesCell *cells[RULES_TABLES];
    RulesMemo *memos;
    uint64_t since[RULES_LASTS]; /* when the record, the visit, the day began, by ticks */
    uint64_t ticks;
    RulesRows *indexes;
    uint64_t steps;    /* of the rule that is asked */
    bool failed;       /* it was too costly, or there was no memory */
    ErrCode err;       /* ERR_NOMEM, for the whole visit */
    uint64_t *spent;   /* steps by unit */
    bool *off;         /* units that are not asked any more */
    RulesStep *active; /* rules in force, by their table */
    size_t n_active;
    size_t active_from[RULES_TABLES + 2]; /* where those of a table begin */
    int64_t active_day;
    RulesMoment active_moment;
    struct RulesFound_ *found; /* findings and what was not checked (rules_check.c) */
};

/* Fast shapes, and what is remembered for how long; once, when all nodes are there. */
MUST_USE ErrCode rules_plan(Rules *rules);

/* 1 true, 0 false, -1 unknown. */
int rules_truth(RulesRun *r, uint32_t node);
/* False: unknown. */
bool rules_value(RulesRun *r, uint32_t node, RulesValue *ret);
int rules_loop(RulesRun *r, const RulesNode *n, RulesValue *ret);
bool rules_call(RulesRun *r, const RulesNode *n, RulesValue *ret);
/* A raw value of a bound record, trimmed. */
Str rules_raw(const RulesRun *r, int table, int field, int depth);
/* Does the row at hand miss one of the loop's equalities? False: look closer. */
bool rules_is_out(const RulesRun *r, const RulesLoop *loop);
/* The first candidate row + 1 of a join, then the next ones; 0: no more. */
uint32_t rules_join_first(RulesRun *r, const RulesLoop *loop, bool *ret_failed);
uint32_t rules_join_next(const RulesRun *r, const RulesLoop *loop, uint32_t row);
/* Notes a name in the report's list, once. */
void rules_not_checked(RulesRun *r, Str name);
bool rules_time_parse(Str s, int64_t *ret_minutes);
void rules_time_put(Buf *out, int64_t minutes, bool with_clock);
/* yyyy, mm, dd of minutes since 1970. */
void rules_time_civil(int64_t minutes, int *ret_year, int *ret_month, int *ret_day);

/* Pure parts of the operators and functions, which know nothing of rows. */
bool rules_apply(Arena *arena, RulesFn fn, const RulesValue *args, const uint8_t *types, size_t n,
                 RulesValue *ret);
bool rules_in_list(const RulesList *list, int64_t day, const RulesValue *v, bool *ret_known);
RulesFound rules_look(RulesRun *r, const RulesCatalogue *c, Str code, Str attribute, Str *ret);

#endif
