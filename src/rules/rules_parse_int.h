/* rules_parse_int.h — what the parts of the expression parser share. Functions that give an
 * expression give NULL after an error, which parser->err and info then say. */
#ifndef NHIP_RULES_RULES_PARSE_INT_H
#define NHIP_RULES_RULES_PARSE_INT_H

#include "rules/rules_lex_int.h"

typedef struct RulesVar {
    Str name;
    int table; /* RULES_MULTI: its value is a text */
} RulesVar;

typedef struct RulesParser {
    const RulesScope *scope;
    RulesLex lex;
    RulesVar vars[RULES_ROWS_MAX];
    int n_vars;
    int depth;
    ErrInfo *info;
    ErrCode err;
} RulesParser;

RulesExpr *rules_fail_at(RulesParser *p, const char *at, const char *en, const char *vi,
                         Str detail);
RulesExpr *rules_fail(RulesParser *p, const char *en, const char *vi);
RulesExpr *rules_fail_nomem(RulesParser *p);
bool rules_expect(RulesParser *p, const char *sign);
bool rules_accept(RulesParser *p, const char *word);
RulesExpr *rules_make(RulesParser *p, RulesOp op, RulesType type, const char *at);
RulesExpr *rules_set_args(RulesParser *p, RulesExpr *e, RulesExpr *const *args, size_t n);
RulesExpr *rules_make2(RulesParser *p, RulesOp op, RulesType type, RulesExpr *a, RulesExpr *b);
RulesExpr *rules_make1(RulesParser *p, RulesOp op, RulesType type, RulesExpr *a);
bool rules_need_type(RulesParser *p, const RulesExpr *e, RulesType type);
bool rules_same_type(RulesParser *p, const RulesExpr *a, const RulesExpr *b);
Str rules_unquote(RulesParser *p, Str quoted);
RulesExpr *rules_number_literal(RulesParser *p);
RulesExpr *rules_text_literal(RulesParser *p);
RulesExpr *rules_field_of(RulesParser *p, int table, int depth, Str name);
RulesExpr *rules_own_field(RulesParser *p, Str name);
int rules_var_find(const RulesParser *p, Str name);
int rules_row_depth(RulesParser *p, Str name);
RulesExpr *rules_quantifier(RulesParser *p, RulesRange kind);
RulesExpr *rules_call_of(RulesParser *p, Str name);
const RulesCatalogue *rules_catalogue_name(RulesParser *p);
RulesExpr *rules_expression(RulesParser *p);
RulesExpr *rules_sum(RulesParser *p);

#endif
