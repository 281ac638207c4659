/* rules_lex_int.h — tokens of an expression; each knows where it stands in its file. */
#ifndef NHIP_RULES_RULES_LEX_INT_H
#define NHIP_RULES_RULES_LEX_INT_H

#include "rules/rules_int.h"

typedef enum RulesToken {
    RULES_TOKEN_END,
    RULES_TOKEN_NAME, /* a field, a keyword, a function, a variable */
    RULES_TOKEN_NUMBER,
    RULES_TOKEN_TEXT,    /* '…' with its quotes */
    RULES_TOKEN_PATTERN, /* "…" with its quotes */
    RULES_TOKEN_SIGN,    /* one of = != < <= > >= + - * / ( ) , . : */
    RULES_TOKEN_BAD,
} RulesToken;

typedef struct RulesLex {
    const char *next, *end; /* what is not read yet */
    RulesToken token;       /* the current one */
    Str text;
} RulesLex;

void rules_lex_init(RulesLex *lex, Str text); /* the first token is current */
void rules_lex_next(RulesLex *lex);
/* Reads the current NAME on over '-' and digits: names of lists and catalogues. */
void rules_lex_dashed(RulesLex *lex);
bool rules_lex_is(const RulesLex *lex, Str text); /* a NAME or SIGN of that spelling */

#endif
