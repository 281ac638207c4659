#include "rules/rules_parse_int.h"

/* ---- errors ---- */

RulesExpr *rules_fail_at(RulesParser *p, const char *at, const char *en, const char *vi,
                         Str detail) {
    if (p->err == ERR_OK) {
        p->err = rules_text_fail(p->scope->file, at, p->info, "rules-expression", en, vi, detail);
    }
    return NULL;
}

RulesExpr *rules_fail(RulesParser *p, const char *en, const char *vi) {
    return rules_fail_at(p, p->lex.text.ptr, en, vi,
                         p->lex.token == RULES_TOKEN_END ? STR("the end") : p->lex.text);
}

RulesExpr *rules_fail_nomem(RulesParser *p) {
    p->err = p->err == ERR_OK ? ERR_NOMEM : p->err;
    return NULL;
}

bool rules_expect(RulesParser *p, const char *sign) {
    if (rules_lex_is(&p->lex, str_from(sign))) {
        rules_lex_next(&p->lex);
        return true;
    }
    char en[64];
    char vi[64];
    (void)snprintf(en, sizeof(en), "'%s' is expected before '{}'", sign);
    (void)snprintf(vi, sizeof(vi), "thiếu '%s' trước '{}'", sign);
    (void)rules_fail(p, en, vi);
    return false;
}

bool rules_accept(RulesParser *p, const char *word) {
    if (rules_lex_is(&p->lex, str_from(word))) {
        rules_lex_next(&p->lex);
        return true;
    }
    return false;
}

/* ---- nodes ---- */

RulesExpr *rules_make(RulesParser *p, RulesOp op, RulesType type, const char *at) {
    RulesExpr *e = arena_calloc(p->scope->arena, 1, sizeof(*e));
    if (e == NULL) {
        return rules_fail_nomem(p);
    }
    e->op = (uint8_t)op;
    e->type = (uint8_t)type;
    e->at = at;
    return e;
}

RulesExpr *rules_set_args(RulesParser *p, RulesExpr *e, RulesExpr *const *args, size_t n) {
    if (e == NULL) {
        return NULL;
    }
    e->args = arena_alloc(p->scope->arena, (n + 1) * sizeof(RulesExpr *));
    if (e->args == NULL) {
        return rules_fail_nomem(p);
    }
    e->n_args = (uint16_t)n;
    for (size_t i = 0; i < n; i++) {
        e->args[i] = args[i];
        e->uses |= args[i] == NULL ? 0 : args[i]->uses;
    }
    return e;
}

RulesExpr *rules_make2(RulesParser *p, RulesOp op, RulesType type, RulesExpr *a, RulesExpr *b) {
    return a == NULL || b == NULL
               ? NULL
               : rules_set_args(p, rules_make(p, op, type, a->at), (RulesExpr *[]){a, b}, 2);
}

RulesExpr *rules_make1(RulesParser *p, RulesOp op, RulesType type, RulesExpr *a) {
    return a == NULL ? NULL
                     : rules_set_args(p, rules_make(p, op, type, a->at), (RulesExpr *[]){a}, 1);
}

static const char *const type_en[] = {"a condition", "a number", "a text", "a time"};
static const char *const type_vi[] = {"một điều kiện", "một số", "một văn bản", "một thời điểm"};

bool rules_need_type(RulesParser *p, const RulesExpr *e, RulesType type) {
    if (e == NULL || e->type == type) {
        return e != NULL;
    }
    char en[128];
    char vi[128];
    (void)snprintf(en, sizeof(en), "this is %s, not %s", type_en[e->type], type_en[type]);
    (void)snprintf(vi, sizeof(vi), "đây là %s, không phải %s", type_vi[e->type], type_vi[type]);
    (void)rules_fail_at(p, e->at, en, vi, STR_EMPTY);
    return false;
}

bool rules_same_type(RulesParser *p, const RulesExpr *a, const RulesExpr *b) {
    if (a == NULL || b == NULL) {
        return false;
    }
    if (a->type == b->type && a->type != RULES_BOOL) {
        return true;
    }
    char en[200];
    char vi[200];
    (void)snprintf(en, sizeof(en),
                   "%s cannot be compared with %s (codes in texts are quoted: '01')",
                   type_en[a->type], type_en[b->type]);
    (void)snprintf(vi, sizeof(vi), "không so sánh được %s với %s (mã dạng văn bản viết là '01')",
                   type_vi[a->type], type_vi[b->type]);
    (void)rules_fail_at(p, b->at, en, vi, STR_EMPTY);
    return false;
}

/* ---- literals and names ---- */

/* What stands between the quotes, doubled ones made single. */
Str rules_unquote(RulesParser *p, Str quoted) {
    Str inner = str_sub(quoted, 1, quoted.len - 2);
    char *out = arena_alloc(p->scope->arena, inner.len + 1);
    size_t n = 0;
    if (out == NULL) {
        (void)rules_fail_nomem(p);
        return STR_EMPTY;
    }
    for (size_t i = 0; i < inner.len; i++) {
        out[n++] = inner.ptr[i];
        i += inner.ptr[i] == quoted.ptr[0];
    }
    return (Str){out, n};
}

RulesExpr *rules_number_literal(RulesParser *p) {
    RulesExpr *e = rules_make(p, RULES_OP_CONST, RULES_NUMBER, p->lex.text.ptr);
    if (e == NULL || !rules_num_parse(p->lex.text, &e->value.num)) {
        return e == NULL ? NULL
                         : rules_fail(p, "'{}' is no number of at most 33 digits",
                                      "'{}' không phải số (tối đa 33 chữ số)");
    }
    rules_lex_next(&p->lex);
    return e;
}

RulesExpr *rules_text_literal(RulesParser *p) {
    RulesExpr *e = rules_make(p, RULES_OP_CONST, RULES_TEXT, p->lex.text.ptr);
    if (e == NULL) {
        return NULL;
    }
    e->value.text = rules_unquote(p, p->lex.text);
    if (e->value.text.len == 0) {
        return rules_fail(p, "an empty text is never equal: use is empty",
                          "không so với văn bản rỗng: hãy dùng is empty");
    }
    rules_lex_next(&p->lex);
    return e;
}

static RulesType type_of_kind(ClaimKind kind) {
    switch (kind) {
    case CLAIM_N:
    case CLAIM_DEC:
        return RULES_NUMBER;
    case CLAIM_D8:
    case CLAIM_DT12:
    case CLAIM_DT:
        return RULES_TIME;
    case CLAIM_S:
    default:
        return RULES_TEXT;
    }
}

RulesExpr *rules_field_of(RulesParser *p, int table, int depth, Str name) {
    int field = rules_field_find(table, name);
    if (field < 0) {
        return rules_fail_at(p, name.ptr, "the table has no field {}", "bảng không có trường {}",
                             name);
    }
    RulesExpr *e =
        rules_make(p, RULES_OP_FIELD, type_of_kind(rules_field_kind(table, field)), name.ptr);
    if (e != NULL) {
        e->table = (uint8_t)table;
        e->field = (int16_t)field;
        e->depth = (uint8_t)depth;
        e->uses = depth == RULES_FIXED ? 0 : (uint16_t)(1U << depth);
    }
    return e;
}

/* XML1 has one record: its fields are those of the visit. */
RulesExpr *rules_own_field(RulesParser *p, Str name) {
    int on = p->scope->on == RULES_VISIT ? 1 : p->scope->on;
    return rules_field_of(p, on, on == 1 ? RULES_FIXED : 0, name);
}

int rules_var_find(const RulesParser *p, Str name) {
    for (int i = p->n_vars - 1; i >= 0; i--) {
        if (str_eq(p->vars[i].name, name)) {
            return i;
        }
    }
    return -1;
}

/* The depth that a row variable or `this` stands for; -1 after an error. */
int rules_row_depth(RulesParser *p, Str name) {
    int var = rules_var_find(p, name);
    if (var >= 0) {
        return var + 1;
    }
    if (str_eq(name, STR("this")) && p->scope->on != RULES_VISIT) {
        return 0;
    }
    (void)rules_fail_at(p, name.ptr, "'{}' is no row here", "'{}' không phải bản ghi ở đây", name);
    return -1;
}
