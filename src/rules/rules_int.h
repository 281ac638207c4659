/* rules_int.h — what the parts of the rule engine share: files and blocks, checked expressions, the
 * set. Everything lives in the set's arena and is immutable once rules_new is done. */
#ifndef NHIP_RULES_RULES_INT_H
#define NHIP_RULES_RULES_INT_H

#include "core/dfa.h"
#include "core/regex.h"
#include "rules/rules.h"
#include "rules/rules_num.h"

enum {
    RULES_MULTI = 31,     /* "table" of a range over the values of a text */
    RULES_ROWS_MAX = 7,   /* row variables at once, one inside the other */
    RULES_DEPTH_MAX = 64, /* nesting of one expression */
    RULES_ARGS_MAX = 64,  /* arguments of a function; items of in (…) */
    RULES_LETS_MAX = 32,  /* of one rule */
    RULES_FIXED = 15,     /* depth of XML7.FIELD: the table's first record */
};

/* ---- files and blocks (rules_text.c) ---- */

typedef struct RulesFile {
    Str name, text;
    bool own;
} RulesFile;

typedef struct RulesPair {
    Str key, value; /* value is a slice of the file, continuation lines included */
} RulesPair;

typedef struct RulesBlock {
    const RulesFile *file;
    RulesPair *pairs; /* the first says what the block is */
    size_t n_pairs;
} RulesBlock;

/* Cuts the next block off; false at the end. ERR_NOMEM is *ret_err. */
bool rules_text_next(Arena *arena, const RulesFile *file, size_t *at, RulesBlock *ret,
                     ErrCode *ret_err);
/* The value of a key, or NULL. */
const RulesPair *rules_text_get(const RulesBlock *b, Str key);
/* Where in the file a slice of it begins; from 1. */
void rules_text_place(const RulesFile *file, const char *at, int *ret_line, int *ret_column);
/* err_set with the place. what takes one %.*s: detail. */
ErrCode rules_text_fail(const RulesFile *file, const char *at, ErrInfo *info, const char *rule,
                        const char *en, const char *vi, Str detail);
/* A text over several lines as one: line ends and the blanks behind them become one blank. */
Str rules_text_flat(Arena *arena, Str value);
/* 2024-01-31 → days since 1970. */
bool rules_text_date(Str s, int64_t *ret_days);

/* ---- tables ---- */

/* Field of a table by name; -1. HISTORY has those of XML1, WORK those of XML3 and MA_CSKCB. */
int rules_field_find(int table, Str name);
/* Name and kind; the pseudo-tables included. */
Str rules_field_name(int table, int field);
ClaimKind rules_field_kind(int table, int field);
bool rules_table_by_name(Str name, int *ret_table); /* "XML3", "HISTORY" */
Str rules_table_name(int table);
int rules_table_fields(int table);

/* ---- checked expressions (rules_parse.c) ---- */

typedef enum RulesType { RULES_BOOL, RULES_NUMBER, RULES_TEXT, RULES_TIME } RulesType;

typedef enum RulesOp {
    RULES_OP_CONST,
    RULES_OP_FIELD,
    RULES_OP_VALUE, /* the value of a range over a text */
    RULES_OP_INDEX,
    RULES_OP_SAME,
    RULES_OP_OR,
    RULES_OP_AND,
    RULES_OP_NOT,
    RULES_OP_EQ,
    RULES_OP_NE,
    RULES_OP_LT,
    RULES_OP_LE,
    RULES_OP_GT,
    RULES_OP_GE,
    RULES_OP_IN,      /* args[0] in args[1…] */
    RULES_OP_IN_LIST, /* args[0] in list */
    RULES_OP_MATCHES,
    RULES_OP_GIVEN,
    RULES_OP_ADD,
    RULES_OP_SUB,
    RULES_OP_MUL,
    RULES_OP_DIV,
    RULES_OP_NEG,
    RULES_OP_RANGE,
    RULES_OP_CALL,
    RULES_OP_KNOWN, /* args[0] in catalogue */
    RULES_OP_CAT,
    RULES_OP_PARAM,
} RulesOp;

typedef enum RulesRange {
    RULES_ANY,
    RULES_NO,
    RULES_EVERY,
    RULES_COUNT,
    RULES_SUM,
    RULES_MIN,
    RULES_MAX,
} RulesRange;

typedef union RulesValue {
    RulesNum num;
    Str text;
    int64_t time; /* minutes since 1970 on the wall clock */
} RulesValue;

/* One version of a list: sorted values. */
typedef struct RulesList {
    Str name;
    RulesType type;
    int64_t since, until;
    RulesValue *items;
    size_t n_items;
    const struct RulesList *next; /* another version */
} RulesList;

typedef struct RulesCatalogue {
    Str name;
    Str *attributes;
    size_t n_attributes;
    const RulesFile *file; /* its table; NULL: vn's, or declared and brought by the world */
    const struct RulesTsv *tsv;
    int vn; /* 1-based index of vn's; 0: none */
} RulesCatalogue;

typedef struct RulesParam {
    Str name;
    int64_t since;
    RulesNum value;
} RulesParam;

typedef struct RulesExpr RulesExpr;
struct RulesExpr {
    uint8_t op;   /* RulesOp */
    uint8_t type; /* RulesType */
    uint8_t kind; /* RulesRange; or the function */
    uint8_t table;
    uint8_t depth;  /* FIELD, VALUE, INDEX, SAME: whose; RANGE: of its variable */
    uint8_t depth2; /* SAME: the other */
    int16_t field;
    uint16_t uses; /* bit of each depth that it depends on; this is 0 */
    uint16_t n_args;
    RulesExpr **args; /* RANGE: where or NULL, body or NULL, text of MULTI or NULL */
    RulesValue value; /* CONST */
    Str name;         /* CAT: attribute; PARAM; MATCHES: the pattern */
    const Regex *regex;
    const Dfa *dfa; /* of the same pattern, when it is a simple one */
    const RulesList *list;
    const RulesCatalogue *catalogue;
    const char *at; /* in its file */
};

/* What an expression may speak of besides tables. */
typedef struct RulesLet {
    Str name;
    RulesExpr *expr;
} RulesLet;

typedef struct RulesScope {
    const Rules *rules;
    Arena *arena;
    const RulesFile *file;
    int on;
    const RulesLet *lets;
    size_t n_lets;
} RulesScope;

/* Parses and checks text, a slice of scope->file. */
MUST_USE ErrCode rules_parse(const RulesScope *scope, Str text, RulesExpr **ret_expr,
                             ErrInfo *info);
/* Literals, comma-separated, for `is`. */
MUST_USE ErrCode rules_parse_items(const RulesScope *scope, Str text, RulesList *list,
                                   ErrInfo *info);
int rules_value_cmp(RulesType type, const RulesValue *a, const RulesValue *b);

/* ---- functions (rules_fn.c) ---- */

/* X(name, result, arguments): n number, t text, d time or a text that is one, b condition, a any,
 * m numbers or times, all alike, and so is the result; behind ? they may be left out; + the last
 * one repeats. */
#define RULES_FN_LIST(X)                                                                           \
    X(date, TIME, "d")                                                                             \
    X(time, TIME, "t")                                                                             \
    X(year, NUMBER, "d")                                                                           \
    X(month, NUMBER, "d")                                                                          \
    X(day, NUMBER, "d")                                                                            \
    X(hour, NUMBER, "d")                                                                           \
    X(weekday, NUMBER, "d")                                                                        \
    X(minutes, NUMBER, "dd")                                                                       \
    X(hours, NUMBER, "dd")                                                                         \
    X(days, NUMBER, "dd")                                                                          \
    X(age_days, NUMBER, "dd")                                                                      \
    X(age_months, NUMBER, "dd")                                                                    \
    X(age_years, NUMBER, "dd")                                                                     \
    X(len, NUMBER, "t")                                                                            \
    X(left, TEXT, "tn")                                                                            \
    X(right, TEXT, "tn")                                                                           \
    X(mid, TEXT, "tnn")                                                                            \
    X(part, TEXT, "ttn")                                                                           \
    X(contains, BOOL, "tt")                                                                        \
    X(upper, TEXT, "t")                                                                            \
    X(fold, TEXT, "t")                                                                             \
    X(number, NUMBER, "t")                                                                         \
    X(text, TEXT, "a")                                                                             \
    X(round, NUMBER, "n?n")                                                                        \
    X(floor, NUMBER, "n")                                                                          \
    X(ceil, NUMBER, "n")                                                                           \
    X(abs, NUMBER, "n")                                                                            \
    X(min, NUMBER, "m+")                                                                           \
    X(max, NUMBER, "m+")                                                                           \
    X(if, NUMBER, "baa")

typedef enum RulesFn {
#define X(name, type, args) RULES_FN_##name,
    RULES_FN_LIST(X)
#undef X
        RULES_FN_COUNT
} RulesFn;

typedef struct RulesFnSpec {
    Str name, args;
    RulesType type;
} RulesFnSpec;
extern const RulesFnSpec rules_fns[RULES_FN_COUNT];
int rules_fn_find(Str name); /* -1 */

/* ---- the set (rules_set.c) ---- */

/* A sentence cut at its {…}. */
typedef struct RulesPiece {
    Str text;              /* in front of expr */
    const RulesExpr *expr; /* NULL: nothing behind the text */
    uint32_t node;         /* of the program */
} RulesPiece;

typedef struct RulesSentence {
    RulesPiece *pieces;
    size_t n_pieces;
} RulesSentence;

typedef struct RulesCase {
    Str text;
    bool good;
} RulesCase;

enum { RULES_VI, RULES_EN, RULES_FIX_VI, RULES_FIX_EN, RULES_SENTENCES };

typedef struct RulesUnit {
    RulesRule pub;
    const RulesFile *source;
    RulesExpr *when; /* NULL: always */
    RulesExpr *must;
    RulesSentence sentences[RULES_SENTENCES];
    RulesCase *cases;
    size_t n_cases;
    int field;       /* index in pub.field_table; -1: none */
    uint32_t gate;   /* nodes: what of `when` holds for the visit, */
    uint32_t open;   /* for the record, */
    uint32_t demand; /* and `must` */
} RulesUnit;

/* ---- from the set to the program (rules_compile.c) ---- */

MUST_USE ErrCode rules_compile(Rules *rules, ErrInfo *info);

struct Rules {
    Arena *arena;
    const RulesFile *files;
    size_t n_files;
    RulesUnit **units; /* by id */
    size_t n_units, capacity_units;
    RulesList **lists; /* by name: the first version */
    size_t n_lists, capacity_lists;
    RulesCatalogue *catalogues;
    size_t n_catalogues, capacity_catalogues;
    RulesParam *params; /* by name, since */
    size_t n_params, capacity_params;
    struct RulesProgram *program;
};

const RulesList *rules_list_find(const Rules *rules, Str name);
const RulesCatalogue *rules_catalogue_find(const Rules *rules, Str name);
/* The value in force that day; false: none (INT64_MIN: any). */
bool rules_param_find(const Rules *rules, Str name, int64_t day, RulesNum *ret);
const RulesFile *rules_file_find(const Rules *rules, Str name);
/* Makes room for one more in an array of the arena; false without memory. */
bool rules_grow(Arena *arena, void *array, size_t n, size_t *capacity, size_t size);

/* Embedded and vn's catalogues, and what texts declare (rules_catalog.c). */
MUST_USE ErrCode rules_catalogues_vn(Rules *rules);
MUST_USE ErrCode rules_catalogue_tsv(Rules *rules, const RulesFile *file, ErrInfo *info);
/* A catalogue that the world brings, with its attributes, comma-separated. */
MUST_USE ErrCode rules_catalogue_declare(Rules *rules, Str name, Str attributes);
/* Asks vn's tables or the text's; RULES_NOT_LOADED when neither has it. */
RulesFound rules_catalogue_ask(const RulesCatalogue *c, const RulesAsk *ask, Str *ret_value);

#endif
