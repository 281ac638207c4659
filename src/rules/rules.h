/* rules.h — the claim rules: would the fund pay this visit? Texts (data/rules, the language is in
 * README.md) become a set once; a run evaluates the set over one visit after the other and gives
 * findings. Findings never refuse a record of care.
 * Ownership: a Rules owns everything that its rules say; texts handed to rules_new are copied. A
 * report lives until the next rules_check of its run. Errors: ERR_SYNTAX and ERR_INVALID with
 * file:line:column in ErrInfo.where, ERR_NOMEM, ERR_LIMIT. Threads: a Rules is immutable and may be
 * shared; one thread a RulesRun. Cost: bench/rules.c; linear in the visit's lines (equality joins
 * are hashed; what is not linear stops at LIMIT_RULES_STEPS and is reported as not checked). */
#ifndef NHIP_RULES_RULES_H
#define NHIP_RULES_RULES_H

#include "core/arena.h"
#include "core/hash.h"
#include "interop/claim_read.h"

typedef struct Rules Rules;
typedef struct RulesRun RulesRun;

/* When a rule is asked. */
typedef enum RulesMoment {
    RULES_AT_IMPORT = 1,
    RULES_AT_DISCHARGE = 2,
    RULES_AT_EXPORT = 4,
    RULES_AT_ORDER = 8,
    RULES_AT_ALL = 15,
} RulesMoment;

typedef enum RulesWeight {
    RULES_INFORMS,
    RULES_WARNS,
    RULES_BLOCKS,
    RULES_WEIGHTS,
} RulesWeight;
/* "blocks", "warns", "informs". */
Str rules_weight_name(RulesWeight weight);

/* Tables that a rule may speak of: XML0–XML15 by number, and what the surroundings bring. */
enum {
    RULES_HISTORY = 16, /* the citizen's other visits: fields of XML1 */
    RULES_WORK = 17,    /* other lines of the practitioner or machine that day: fields of XML3, */
    RULES_TABLES = 18,  /* … and the facility: */
    RULES_WORK_MA_CSKCB = XML3_FIELD_COUNT,
    RULES_WORK_FIELDS,
    RULES_VISIT = RULES_TABLES, /* `on` of a rule that is asked once */
};

/* One text of rules (NAME.rules), parameters (params.tsv), a catalogue (NAME.tsv) or a visit for
 * the tests (NAME.visit). */
typedef struct RulesText {
    Str name, text;
} RulesText;

typedef struct RulesOptions {
    const RulesText *own; /* on top of the embedded ones: same id replaces, `off ID` */
    size_t n_own;
    bool own_only; /* without the embedded rules (lists, parameters, catalogues stay) */
    void (*on_error)(void *ctx, const ErrInfo *info); /* each error; may be NULL */
    void *ctx;
} RulesOptions;

/* Reads and compiles. Goes on behind a bad block and returns the first error at the end. options
 * may be NULL. */
MUST_USE ErrCode rules_new(const RulesOptions *options, Rules **ret_rules, ErrInfo *info);
void rules_free(Rules *rules);

/* One rule as it was written. */
typedef struct RulesRule {
    Str id, vi, en, fix_vi, fix_en, law, when, must;
    Str file;
    int line;
    Str field;       /* "MA_MAY", or empty */
    int field_table; /* the table of it */
    int on;          /* table, or RULES_VISIT */
    unsigned at;     /* RulesMoment bits */
    RulesWeight weight;
    int64_t since, until; /* days since 1970, inclusive; INT64_MIN, INT64_MAX: open */
    bool own;             /* from RulesOptions.own */
    int n_good, n_bad;
} RulesRule;
size_t rules_count(const Rules *rules); /* sorted by id */
const RulesRule *rules_get(const Rules *rules, size_t i);
const RulesRule *rules_find(const Rules *rules, Str id); /* NULL: none */

/* Which rules, lists, parameters and catalogues: equal for equal texts. */
void rules_digest(const Rules *rules, Sha256 *ret_digest);
/* Does a rule read that field of the table (RULES_HISTORY, RULES_WORK, …)? */
bool rules_reads(const Rules *rules, int table, int field);

/* ---- a visit ---- */

/* Records of each table, in their order. */
typedef struct RulesVisit {
    const ClaimRecord *records[RULES_TABLES];
    size_t n_records[RULES_TABLES];
    bool history_loaded, work_loaded; /* else what they are asked is "not checked" */
} RulesVisit;
/* The tables of a claim (parts of one table joined in the arena); HISTORY and WORK not loaded. */
MUST_USE ErrCode rules_visit_of_claim(Arena *arena, const Claim *claim, RulesVisit *ret_visit);

/* ---- surroundings ---- */

typedef enum RulesFound {
    RULES_NOT_LOADED, /* there is no such catalogue */
    RULES_ABSENT,
    RULES_FOUND,
} RulesFound;

/* Has the catalogue that code at that day (for that facility)? attribute empty: only known or not;
 * else *ret_value is its text (may be empty), which lives until the next call. */
typedef struct RulesAsk {
    Str catalogue, code, attribute;
    Str facility; /* MA_CSKCB */
    int64_t day;  /* of care, days since 1970 */
} RulesAsk;

typedef struct RulesWorld {
    void *ctx;
    /* Asked first; RULES_NOT_LOADED: the embedded catalogues are asked. May be NULL. */
    RulesFound (*look)(void *ctx, const RulesAsk *ask, Str *ret_value);
} RulesWorld;

/* ---- checking ---- */

typedef struct RulesFinding {
    const RulesRule *rule;
    Str table, field, value; /* value as received; of a rule without field: empty */
    Str stt;                 /* the record's STT, or empty */
    size_t record;           /* 1-based; 0: the visit as a whole */
    int line;                /* of the inner XML; 0: unknown */
    Str vi, en, fix_vi, fix_en;
} RulesFinding;

typedef struct RulesReport {
    const RulesFinding *findings; /* in the order of tables and records */
    size_t n_findings;
    size_t n_more; /* beyond LIMIT_RULES_FINDINGS, only counted */
    size_t n_by_weight[RULES_WEIGHTS];
    size_t n_rules;         /* in force that day */
    const Str *not_checked; /* catalogues, HISTORY, WORK that were asked and not loaded, and ids of
                               rules that were too costly or failed */
    size_t n_not_checked;
    int64_t day; /* of care: NGAY_RA, else NGAY_VAO; INT64_MIN: unreadable (dates do not bind) */
} RulesReport;

MUST_USE ErrCode rules_run_new(const Rules *rules, RulesRun **ret_run);
void rules_run_free(RulesRun *run);
/* world may be NULL. ERR_NOMEM, ERR_LIMIT (memory of one visit). */
MUST_USE ErrCode rules_check(RulesRun *run, const RulesVisit *visit, const RulesWorld *world,
                             RulesMoment moment, RulesReport *ret_report);

/* ---- the tests beside the rules ---- */

typedef struct RulesCaseResult {
    const RulesRule *rule;
    bool passed, good; /* good: the rule must be silent */
    int line;          /* of the case in rule->file */
    Str text;          /* the case */
    Str en, vi;        /* why it failed; empty when it passed */
} RulesCaseResult;
typedef void (*RulesCaseFn)(void *ctx, const RulesCaseResult *result);
/* Every case of the rules of that file (empty: all). Counts through fn. */
MUST_USE ErrCode rules_test(const Rules *rules, Str file, RulesCaseFn fn, void *ctx);

#endif
