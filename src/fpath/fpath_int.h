/* fpath_int.h — what the files of the engine share: the compiled tree, the running evaluation with
 * its stack of items, the table of functions, messages. An evaluation pushes the items of a node
 * onto one stack; whoever asked for them finds them between the height before and the height after,
 * so that nothing is allocated but the stack itself and new texts. */
#ifndef NHIP_FPATH_FPATH_INT_H
#define NHIP_FPATH_FPATH_INT_H

#include "core/regex.h"
#include "fpath/fpath.h"

/* X(name, error, rule, English, Vietnamese); {0} stands for the argument. */
#define FPATH_MSG_LIST(X)                                                                          \
    X(TOKEN, SYNTAX, "fpath-syntax", "'{0}' is not expected here", "không chờ '{0}' ở đây")        \
    X(END, SYNTAX, "fpath-syntax", "the expression ends too early", "biểu thức kết thúc quá sớm")  \
    X(CLOSED, SYNTAX, "fpath-syntax", "{0} is not closed", "{0} chưa được đóng")                   \
    X(ESCAPE, SYNTAX, "fpath-syntax", "the escape '{0}' is not known",                             \
      "chuỗi thoát '{0}' không hợp lệ")                                                            \
    X(UTF8, SYNTAX, "fpath-syntax", "the expression is not UTF-8", "biểu thức không phải UTF-8")   \
    X(NUMBER, SYNTAX, "fpath-syntax", "the number {0} is too large", "số {0} quá lớn")             \
    X(DATE, SYNTAX, "fpath-syntax", "'{0}' is not a date or time",                                 \
      "'{0}' không phải là ngày hay giờ")                                                          \
    X(DEPTH, LIMIT, "fpath-depth", "the expression is nested too deeply",                          \
      "biểu thức lồng quá sâu")                                                                    \
    X(SIZE, LIMIT, "fpath-size", "the expression is too long", "biểu thức quá dài")                \
    X(FUNCTION, INVALID, "fpath-semantic", "there is no function '{0}'", "không có hàm '{0}'")     \
    X(ARGS, INVALID, "fpath-semantic", "wrong number of arguments for {0}()",                      \
      "sai số lượng tham số của {0}()")                                                            \
    X(TYPE_NAME, INVALID, "fpath-semantic", "there is no type '{0}'", "không có kiểu '{0}'")       \
    X(ELEMENT, INVALID, "fpath-semantic", "there is no element '{0}' here",                        \
      "không có phần tử '{0}' ở đây")                                                              \
    X(CHOICE, INVALID, "fpath-semantic",                                                           \
      "'{0}' is one type of a choice: write its base name and ofType(…)",                          \
      "'{0}' là một kiểu của phần tử lựa chọn: hãy ghi tên gốc và ofType(…)")                      \
    X(CONTEXT, INVALID, "fpath-semantic", "the context is not a {0}",                              \
      "ngữ cảnh không phải là {0}")                                                                \
    X(NEVER, INVALID, "fpath-semantic", "the value can never be a {0}",                            \
      "giá trị không bao giờ có kiểu {0}")                                                         \
    X(CRITERION, INVALID, "fpath-semantic", "the condition of {0}() is not a boolean",             \
      "điều kiện của {0}() không phải là giá trị đúng/sai")                                        \
    X(ORDER, INVALID, "fpath-semantic", "{0}() needs an order, but these items have none",         \
      "{0}() cần thứ tự, nhưng các phần tử này không có thứ tự")                                   \
    X(TEXT_INPUT, INVALID, "fpath-semantic", "{0}() needs a text", "{0}() cần một chuỗi văn bản")  \
    X(VARIABLE, INVALID, "fpath-execution", "there is no variable %{0}", "không có biến %{0}")     \
    X(SINGLE, INVALID, "fpath-execution", "{0} needs one item, but there are several",             \
      "{0} cần một phần tử, nhưng có nhiều hơn")                                                   \
    X(OPERAND, INVALID, "fpath-execution", "'{0}' cannot be applied to these types",               \
      "không dùng được '{0}' với các kiểu này")                                                    \
    X(INPUT, INVALID, "fpath-execution", "{0}() cannot be applied to this type",                   \
      "không dùng được {0}() với kiểu này")                                                        \
    X(ARGUMENT, INVALID, "fpath-execution", "an argument of {0}() has the wrong type or value",    \
      "một tham số của {0}() sai kiểu hoặc giá trị")                                               \
    X(REGEX, INVALID, "fpath-execution", "the regular expression is wrong: {0}",                   \
      "biểu thức chính quy sai: {0}")                                                              \
    X(REGEX_LIMIT, LIMIT, "fpath-regex", "the regular expression takes too many steps",            \
      "biểu thức chính quy cần quá nhiều bước")                                                    \
    X(STEPS, LIMIT, "fpath-steps", "the expression takes too many steps",                          \
      "biểu thức cần quá nhiều bước")                                                              \
    X(ITEMS, LIMIT, "fpath-items", "the expression gives too many items",                          \
      "biểu thức cho quá nhiều phần tử")                                                           \
    X(TEXT, LIMIT, "fpath-text", "a text made by {0}() is too long",                               \
      "chuỗi do {0}() tạo ra quá dài")                                                             \
    X(UNSUPPORTED, UNSUPPORTED, "fpath-unsupported", "{0} is not supported here",                  \
      "{0} không được hỗ trợ ở đây")                                                               \
    X(PROFILE, INVALID, "fpath-execution", "the profile {0} is not known",                         \
      "không biết hồ sơ (profile) {0}")                                                            \
    X(MODIFIER, INVALID, "fpath-execution", "there is a modifier extension that is not expected",  \
      "có phần mở rộng làm đổi nghĩa (modifierExtension) ngoài dự kiến")                           \
    X(UNIT, INVALID, "fpath-execution", "a quantity in '{0}' cannot be added to a date or time",   \
      "không cộng được đại lượng đơn vị '{0}' vào ngày giờ")                                       \
    X(NOMEM, NOMEM, "fpath-memory", "out of memory", "hết bộ nhớ")

typedef enum FpathMsg {
#define X(name, error, rule, en, vi) FPATH_MSG_##name,
    FPATH_MSG_LIST(X)
#undef X
} FpathMsg;

/* What an error's place is found in. */
typedef struct FpathSource {
    Str text;
    ErrInfo *info;
} FpathSource;
/* Fills info; returns the message's error. */
ErrCode fpath_fail(const FpathSource *source, size_t at, FpathMsg message, Str arg);

/* ---- the compiled tree */

typedef enum FpathOp {
    FPATH_OP_LITERAL,
    FPATH_OP_EMPTY, /* {} */
    FPATH_OP_THIS,
    FPATH_OP_INDEX,
    FPATH_OP_TOTAL,
    FPATH_OP_VARIABLE,
    FPATH_OP_NAME, /* member of the input; without input: of the focus, or the focus' type */
    FPATH_OP_CALL,
    FPATH_OP_OWN, /* function of the caller */
    FPATH_OP_AT,  /* input[args[0]] */
    FPATH_OP_NEGATE,
    FPATH_OP_PLUS,
    FPATH_OP_IS,
    FPATH_OP_AS,
    FPATH_OP_IMPLIES, /* from here: input op args[0] */
    FPATH_OP_OR,
    FPATH_OP_XOR,
    FPATH_OP_AND,
    FPATH_OP_IN,
    FPATH_OP_CONTAINS,
    FPATH_OP_EQUAL,
    FPATH_OP_NOT_EQUAL,
    FPATH_OP_EQUIVALENT,
    FPATH_OP_NOT_EQUIVALENT,
    FPATH_OP_LESS,
    FPATH_OP_GREATER,
    FPATH_OP_LESS_EQUAL,
    FPATH_OP_GREATER_EQUAL,
    FPATH_OP_UNION,
    FPATH_OP_ADD,
    FPATH_OP_SUBTRACT,
    FPATH_OP_CONCAT,
    FPATH_OP_MULTIPLY,
    FPATH_OP_DIVIDE,
    FPATH_OP_DIV,
    FPATH_OP_MOD,
} FpathOp;

enum { FPATH_NONE = 0xffff, FPATH_ARGS_MAX = 8, FPATH_TREE_DEPTH = 400 };

/* A type as an expression names it. Without a namespace both may be meant (Quantity). */
typedef struct FpathTypeName {
    FhirShape fhir; /* 0: none */
    uint8_t system; /* FpathKind; FPATH_NODE: none */
} FpathTypeName;

typedef struct FpathNode {
    uint8_t op; /* FpathOp */
    uint8_t fn; /* call: index in FPATH_FNS; own: in functions */
    uint8_t n_args;
    uint8_t descending; /* sort: bit per key */
    uint16_t input;     /* FPATH_NONE: the focus */
    uint16_t depth;
    uint16_t args[FPATH_ARGS_MAX];
    uint32_t at;
    FpathTypeName type; /* is, as, ofType; name without input: the type it may stand for */
    Str name;           /* name, variable, call; operators: as written */
    union {
        const FpathItem *literal;
        const Regex *regex; /* call of matches…: of a literal pattern, or NULL */
    };
} FpathNode;

struct FpathExpr {
    Str text;
    const FpathNode *nodes;
    const FpathFunction *functions;
    uint16_t n_nodes, root;
    bool as_filters;
    bool is_path;
};

/* "Patient", "FHIR.code", "System.Integer". */
bool fpath_type_name(Str qualified, FpathTypeName *ret_type);
/* Static types: fails on what can never be right (options->strict). */
MUST_USE ErrCode fpath_check(const FpathExpr *expr, const FpathOptions *options,
                             const FpathSource *source);

/* ---- evaluation */

/* What $this, $index and $total are. */
typedef struct FpathScope {
    const FpathItem *focus;
    size_t n_focus;
    int64_t index; /* -1: none */
    const FpathSeq *total;
} FpathScope;

typedef struct FpathRun {
    Arena *arena;
    const FpathExpr *expr;
    const FpathEnv *env;
    FpathSource source;
    FpathItem *items; /* the stack: memory of the caller, then heap */
    FpathItem *heap;
    size_t top, capacity;
    uint64_t steps_left;
    TimeMs now;
    RegexMatcher *matcher; /* made when first needed */
} FpathRun;

/* Pushes what node gives for the scope. */
MUST_USE ErrCode fpath_run(FpathRun *r, uint16_t node, const FpathScope *s);
MUST_USE ErrCode fpath_run_grow(FpathRun *r);
static inline MUST_USE ErrCode fpath_push(FpathRun *r, const FpathItem *item) {
    if (UNLIKELY(r->top == r->capacity)) {
        FpathItem copy = *item; /* may stand on the stack that moves */
        TRY(fpath_run_grow(r));
        r->items[r->top++] = copy;
        return ERR_OK;
    }
    r->items[r->top++] = *item;
    return ERR_OK;
}
/* Charges n steps. */
MUST_USE ErrCode fpath_charge(FpathRun *r, uint64_t n);
/* What one look at all of the item costs: long texts and objects take more than a step. */
static inline uint64_t fpath_cost(const FpathItem *item) {
    if (item->kind == FPATH_NODE) {
        return item->node == NULL || item->node->type < JSON_STRING ? 1 : 6 + item->node->len / 16;
    }
    return item->kind == FPATH_STRING ? 1 + item->string.len / 64 : 1 + (uint64_t)item->kind;
}
/* The member of an object; what is wider than objects of FHIR are is charged. */
MUST_USE ErrCode fpath_member(FpathRun *r, const JsonNode *object, Str name,
                              const JsonNode **ret_value);
/* Moves what stands above `from` down to `base`. */
void fpath_slide(FpathRun *r, size_t base, size_t from);
/* The result is the one item. */
MUST_USE ErrCode fpath_give(FpathRun *r, size_t base, const FpathItem *item);
MUST_USE ErrCode fpath_give_bool(FpathRun *r, size_t base, bool value);
/* As a boolean: empty is unknown, one boolean its value, one other item true, more an error. */
MUST_USE ErrCode fpath_truth(FpathRun *r, const FpathNode *n, size_t base, FpathTruth *ret_truth);
ErrCode fpath_stop(FpathRun *r, const FpathNode *n, FpathMsg message); /* arg: the node's name */

/* A scope with one item of the stack as focus, copied, so that the stack may move. */
typedef struct FpathEach {
    FpathItem item;
    FpathScope scope;
} FpathEach;
void fpath_each(FpathEach *each, const FpathRun *r, const FpathScope *outer, size_t at);

/* The one value of argument i as a System value. ret_found false: empty. */
MUST_USE ErrCode fpath_arg(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                           FpathItem *ret_item, bool *ret_found);
MUST_USE ErrCode fpath_arg_str(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                               Str *ret_value, bool *ret_found);
MUST_USE ErrCode fpath_arg_int(FpathRun *r, const FpathNode *n, unsigned i, const FpathScope *s,
                               int64_t *ret_value, bool *ret_found);
/* The one item of the input as a System value; more than one is an error; a node without a value
 * counts as absent when `lenient`, else as an error of its type. */
MUST_USE ErrCode fpath_input(FpathRun *r, const FpathNode *n, size_t base, FpathItem *ret_item,
                             bool *ret_found);
MUST_USE ErrCode fpath_input_str(FpathRun *r, const FpathNode *n, size_t base, Str *ret_value,
                                 bool *ret_found);

/* ---- functions */

typedef ErrCode (*FpathFn)(FpathRun *r, const FpathNode *n, const FpathScope *s, size_t base);

/* What a function gives, for the static check. */
typedef enum FpathGives {
    FPATH_GIVES_ANY,
    FPATH_GIVES_INPUT,
    FPATH_GIVES_ARG,   /* of the first argument, evaluated on each input */
    FPATH_GIVES_UNION, /* input and first argument */
    FPATH_GIVES_TYPE,  /* the type that the argument names */
    FPATH_GIVES_BOOLEAN,
    FPATH_GIVES_INTEGER,
    FPATH_GIVES_DECIMAL,
    FPATH_GIVES_STRING,
    FPATH_GIVES_EXTENSION,
} FpathGives;

enum {
    FPATH_FN_EACH = 1,    /* arguments are evaluated with the input's items as $this */
    FPATH_FN_TYPE = 2,    /* the argument names a type */
    FPATH_FN_ORDERED = 4, /* needs an order */
    FPATH_FN_PATH = 8,    /* keeps nodes on their tape */
    FPATH_FN_TEXT = 16,   /* the input is one string */
    FPATH_FN_REGEX = 32,  /* the first argument is a regular expression */
};

typedef struct FpathFnDef {
    const char *name;
    uint8_t min_args, max_args;
    uint8_t gives; /* FpathGives */
    uint8_t flags;
    FpathFn call;
} FpathFnDef;

extern const FpathFnDef FPATH_FNS[];
extern const unsigned FPATH_FN_COUNT;

/* ---- nodes of the tape (fpath_node.c) */

/* Pushes the children of the item: all, or those of that name. */
MUST_USE ErrCode fpath_children(FpathRun *r, const FpathItem *item, const Str *name);
/* An object, or a primitive by its JSON type, whose shape is settled (Resource: its own type). */
FpathItem fpath_node_item(FhirShape shape, const JsonNode *node, const JsonNode *root);
/* Is the item of the type? Exact for ofType and as; `is` accepts subtypes. */
bool fpath_item_is(const FpathItem *item, FpathTypeName type, bool subtypes);
bool fpath_shape_is(FhirShape shape, FhirShape type); /* or a subtype of it */
/* The resource around the item on its tape: the one whose contained[] local references mean. */
MUST_USE ErrCode fpath_container(FpathRun *r, const FpathItem *item, const JsonNode **ret_node);

/* ---- values */

/* To System; false: an object, or without value. */
bool fpath_system(Arena *arena, const FpathItem *item, FpathItem *ret_value);
uint64_t fpath_hash(Arena *arena, const FpathItem *item); /* equal items have equal hashes */

/* YYYY… with kind FPATH_DATE or FPATH_DATE_TIME, hh… with FPATH_TIME; a dateTime may end in T. */
bool fpath_time_parse(Str text, FpathKind kind, FpathTime *ret_time);
void fpath_time_put(Buf *out, FpathKind kind, FpathTime t);
/* <0, 0, >0 in *ret_cmp; false: not known. */
bool fpath_time_cmp(FpathTime a, FpathTime b, int *ret_cmp);
/* t + count units ("year" … "millisecond"); false: outside the calendar. */
bool fpath_time_add(FpathKind kind, FpathTime *t, FpathPrecision unit, int64_t count);
/* The lowest or highest moment that t may mean, with `digits` digits (4, 6, 8 …, 17). */
bool fpath_time_boundary(FpathItem *item, bool high, int64_t digits);
int fpath_time_digits(const FpathItem *item);

/* "year" for a calendar word, singular or plural; FPATH_MS + 1 for week; -1: none. */
int fpath_calendar_unit(Str word);
/* The UCUM code of a quantity's unit, of a calendar duration, too. */
Str fpath_definite_unit(const FpathQuantity *q);
Str fpath_calendar_name(int unit);
enum { FPATH_WEEK = FPATH_MS + 1 };

typedef struct FpathOrder {
    bool known; /* else precisions or units do not tell */
    int cmp;
} FpathOrder;
/* False: the types have no order. */
bool fpath_order(Arena *arena, const FpathItem *a, const FpathItem *b, FpathOrder *ret_order);

/* <0, 0, >0 when the quantities are of one dimension; false: not known. */
bool fpath_quantity_cmp(const FpathQuantity *a, const FpathQuantity *b, int *ret_cmp);
bool fpath_quantity_equivalent(const FpathQuantity *a, const FpathQuantity *b);
uint64_t fpath_quantity_hash(const FpathQuantity *q);
/* Decimals rounded to the precision of the less precise one. */
bool fpath_decimal_equivalent(Decimal a, Decimal b);
/* "4 days", "1.5 'mg'", "7": false when it is none. */
bool fpath_quantity_parse(Arena *arena, Str text, FpathQuantity *ret_quantity);

/* Removes items that equal an earlier one. */
MUST_USE ErrCode fpath_distinct(FpathRun *r, size_t base);
MUST_USE ErrCode fpath_binary(FpathRun *r, const FpathNode *n, size_t base, size_t mid);

#endif
