#include "rules/rules_lex_int.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_len(const char *p, const char *end) {
    size_t n = 0;
    while (p + n < end && (is_letter(p[n]) || is_digit(p[n]))) {
        n++;
    }
    return n;
}

static size_t number_len(const char *p, const char *end) {
    size_t n = 0;
    while (p + n < end && is_digit(p[n])) {
        n++;
    }
    if (p + n + 1 < end && p[n] == '.' && is_digit(p[n + 1])) {
        n++;
        while (p + n < end && is_digit(p[n])) {
            n++;
        }
    }
    return n;
}

/* With both quotes; a doubled quote is part of the text. 0: not ended. */
static size_t quoted_len(const char *p, const char *end) {
    for (size_t n = 1; p + n < end; n++) {
        if (p[n] != p[0]) {
            continue;
        }
        if (p + n + 1 < end && p[n + 1] == p[0]) {
            n++;
            continue;
        }
        return n + 1;
    }
    return 0;
}

static size_t sign_len(const char *p, const char *end) {
    bool equal_behind = p + 1 < end && p[1] == '=';
    switch (*p) {
    case '<':
    case '>':
        return equal_behind ? 2 : 1;
    case '!':
        return equal_behind ? 2 : 0;
    case '=':
    case '+':
    case '-':
    case '*':
    case '/':
    case '(':
    case ')':
    case ',':
    case '.':
    case ':':
        return 1;
    default:
        return 0;
    }
}

static void take(RulesLex *lex, RulesToken token, size_t len) {
    lex->token = len == 0 ? RULES_TOKEN_BAD : token;
    lex->text = (Str){lex->next, MAX(len, 1)};
    lex->next += lex->text.len;
}

void rules_lex_next(RulesLex *lex) {
    while (lex->next < lex->end && (unsigned char)*lex->next <= ' ') {
        lex->next++;
    }
    const char *p = lex->next;
    if (p == lex->end) {
        lex->token = RULES_TOKEN_END;
        lex->text = (Str){p, 0};
    } else if (is_letter(*p)) {
        take(lex, RULES_TOKEN_NAME, name_len(p, lex->end));
    } else if (is_digit(*p)) {
        take(lex, RULES_TOKEN_NUMBER, number_len(p, lex->end));
    } else if (*p == '\'' || *p == '"') {
        take(lex, *p == '"' ? RULES_TOKEN_PATTERN : RULES_TOKEN_TEXT, quoted_len(p, lex->end));
    } else {
        take(lex, RULES_TOKEN_SIGN, sign_len(p, lex->end));
    }
}

void rules_lex_init(RulesLex *lex, Str text) {
    *lex = (RulesLex){.next = text.ptr, .end = text.ptr + text.len};
    rules_lex_next(lex);
}

void rules_lex_dashed(RulesLex *lex) {
    const char *p = lex->text.ptr + lex->text.len;
    while (p < lex->end &&
           (is_letter(*p) || is_digit(*p) ||
            (*p == '-' && p + 1 < lex->end && (is_letter(p[1]) || is_digit(p[1]))))) {
        p++;
    }
    lex->text.len = (size_t)(p - lex->text.ptr);
    lex->next = p;
}

bool rules_lex_is(const RulesLex *lex, Str text) {
    return (lex->token == RULES_TOKEN_NAME || lex->token == RULES_TOKEN_SIGN) &&
           str_eq(lex->text, text);
}
