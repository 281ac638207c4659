/* fpath_lex_int.h — the tokens of FHIRPath (N1, appendix "Formal specifications"). The lexer looks
 * at one token at a time; texts of tokens point into the expression or, when they had escapes, into
 * the arena. */
#ifndef NHIP_FPATH_FPATH_LEX_INT_H
#define NHIP_FPATH_FPATH_LEX_INT_H

#include "fpath/fpath_int.h"

typedef enum FpathTokenKind {
    FPATH_TOK_END,
    FPATH_TOK_NAME,      /* identifier or keyword */
    FPATH_TOK_DELIMITED, /* `identifier` */
    FPATH_TOK_STRING,
    FPATH_TOK_NUMBER,   /* item: integer or decimal */
    FPATH_TOK_TIME,     /* item: date, dateTime, time */
    FPATH_TOK_DOLLAR,   /* text: this, index, total */
    FPATH_TOK_VARIABLE, /* text: the name behind the percent sign */
    FPATH_TOK_SIGN,     /* text: the operator or bracket */
} FpathTokenKind;

typedef struct FpathToken {
    FpathTokenKind kind;
    uint32_t at; /* where it begins */
    Str text;    /* decoded */
    FpathItem item;
} FpathToken;

typedef struct FpathLexer {
    Arena *arena;
    FpathSource source;
    size_t at; /* behind the current token */
    FpathToken token;
} FpathLexer;

/* Moves to the next token. */
MUST_USE ErrCode fpath_lex_next(FpathLexer *lexer);

static inline bool fpath_lex_is(const FpathLexer *l, Str sign) {
    return l->token.kind == FPATH_TOK_SIGN && str_eq(l->token.text, sign);
}
static inline bool fpath_lex_word(const FpathLexer *l, Str word) {
    return l->token.kind == FPATH_TOK_NAME && str_eq(l->token.text, word);
}

#endif
