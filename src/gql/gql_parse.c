/* Text -> GqlDocument: lexer and parser of GraphQL's executable documents. */
#include "gql/gql_int.h"

#include "core/utf8.h"

typedef enum Tok { TOK_END, TOK_NAME, TOK_NUMBER, TOK_STRING, TOK_SPREAD, TOK_SIGN } Tok;

enum { NESTING_MAX = 32 }; /* braces, brackets and inline fragments inside each other */

typedef struct Parser {
    Arena *arena;
    GqlDocument *doc;
    ErrInfo *info;
    Str s;
    size_t pos;  /* behind the token */
    Tok tok;     /* the token that is looked at */
    Str text;    /* of it; a string's is decoded */
    uint32_t at; /* its offset */
    unsigned depth, fields;
} Parser;

ErrCode gql_at(const GqlDocument *document, uint32_t at, ErrCode err, ErrInfo *info) {
    unsigned line = 1;
    unsigned column = 1;
    for (uint32_t i = 0; info != NULL && i < at && i < document->text.len; i++) {
        bool is_end = document->text.ptr[i] == '\n';
        line += is_end;
        column = is_end ? 1 : column + 1;
    }
    if (info != NULL) {
        err_where(info, "line %u, column %u", line, column);
    }
    return err;
}

static ErrCode expected(Parser *p, const char *what) {
    Str found = p->tok == TOK_END ? STR("the end") : p->text;
    return gql_at(p->doc, p->at,
                  err_set(p->info, ERR_SYNTAX, "graphql-syntax", "expected %s, found '" STR_FMT "'",
                          "cần %s, gặp '" STR_FMT "'", what, (int)MIN(found.len, (size_t)40),
                          found.ptr),
                  p->info);
}

static ErrCode too_much(Parser *p, const char *what, unsigned max) {
    return gql_at(
        p->doc, p->at,
        err_set(p->info, ERR_LIMIT, "graphql-limit", "more than %u %s", "quá %u (%s)", max, what),
        p->info);
}

/* ---- lexer ---- */

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char look(const Parser *p, size_t ahead) {
    return p->pos + ahead < p->s.len ? p->s.ptr[p->pos + ahead] : '\0';
}

static void skip_ignored(Parser *p) {
    while (p->pos < p->s.len) {
        char c = look(p, 0);
        if (c == '#') {
            while (p->pos < p->s.len && look(p, 0) != '\n') {
                p->pos++;
            }
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
            p->pos++;
        } else if (str_starts(str_sub(p->s, p->pos, 3), STR("\xEF\xBB\xBF"))) {
            p->pos += 3;
        } else {
            return;
        }
    }
}

static ErrCode lex_number(Parser *p) {
    size_t from = p->pos;
    p->pos += look(p, 0) == '-';
    if (!is_digit(look(p, 0)) || (look(p, 0) == '0' && is_digit(look(p, 1)))) {
        return expected(p, "a number");
    }
    while (is_digit(look(p, 0))) {
        p->pos++;
    }
    if (look(p, 0) == '.' && is_digit(look(p, 1))) {
        for (p->pos++; is_digit(look(p, 0)); p->pos++) {
        }
    }
    if (look(p, 0) == 'e' || look(p, 0) == 'E') {
        p->pos += look(p, 1) == '+' || look(p, 1) == '-' ? 2 : 1;
        if (!is_digit(look(p, 0))) {
            return expected(p, "an exponent");
        }
        while (is_digit(look(p, 0))) {
            p->pos++;
        }
    }
    p->tok = TOK_NUMBER;
    p->text = str_sub(p->s, from, p->pos - from);
    return is_name_start(look(p, 0)) || look(p, 0) == '.' ? expected(p, "a number") : ERR_OK;
}

/* A block string's content: without the common indentation and blank lines at both ends
 * (section 2.9.4). */
static Str block_value(Arena *arena, Str raw) {
    size_t indent = SIZE_MAX;
    Str rest = raw;
    Str line;
    for (bool first = true; str_cut(&rest, '\n', &line); first = false) {
        size_t lead = 0;
        while (lead < line.len && (line.ptr[lead] == ' ' || line.ptr[lead] == '\t')) {
            lead++;
        }
        indent = first || lead == line.len ? indent : MIN(indent, lead);
    }
    char *out = arena_alloc(arena, raw.len + 1);
    size_t n = 0;
    rest = raw;
    for (bool first = true; out != NULL && str_cut(&rest, '\n', &line); first = false) {
        size_t cut = first || indent == SIZE_MAX ? 0 : MIN(indent, line.len);
        if (!first) {
            out[n++] = '\n';
        }
        memcpy(out + n, line.ptr + cut, line.len - cut);
        n += line.len - cut;
    }
    return out == NULL ? STR_EMPTY : str_trim((Str){out, n});
}

static ErrCode lex_block(Parser *p) {
    size_t from = p->pos += 3;
    size_t len = str_find(str_sub(p->s, from, p->s.len), STR("\"\"\""));
    if (len == SIZE_MAX) {
        return expected(p, "\"\"\"");
    }
    p->pos = from + len + 3;
    p->text = block_value(p->arena, str_sub(p->s, from, len));
    return ERR_OK;
}

/* GraphQL's escapes are JSON's: the JSON reader decodes them. */
static ErrCode lex_string(Parser *p) {
    size_t from = p->pos;
    p->tok = TOK_STRING;
    if (str_starts(str_sub(p->s, from, 3), STR("\"\"\""))) {
        return lex_block(p);
    }
    for (p->pos++; p->pos < p->s.len && look(p, 0) != '"' && look(p, 0) != '\n'; p->pos++) {
        p->pos += look(p, 0) == '\\';
    }
    if (p->pos >= p->s.len || look(p, 0) != '"') {
        return expected(p, "'\"'");
    }
    p->pos++;
    const JsonNode *node;
    ErrCode err = json_parse(p->arena, str_sub(p->s, from, p->pos - from), &node, NULL);
    if (err != ERR_OK) {
        return err == ERR_NOMEM ? err : expected(p, "a string");
    }
    p->text = json_str(p->arena, node);
    return ERR_OK;
}

static ErrCode next(Parser *p) {
    skip_ignored(p);
    p->at = (uint32_t)p->pos;
    p->text = STR_EMPTY;
    if (p->pos >= p->s.len) {
        p->tok = TOK_END;
        return ERR_OK;
    }
    char c = look(p, 0);
    size_t from = p->pos;
    if (is_name_start(c)) {
        while (is_name_start(look(p, 0)) || is_digit(look(p, 0))) {
            p->pos++;
        }
        p->tok = TOK_NAME;
    } else if (is_digit(c) || c == '-') {
        return lex_number(p);
    } else if (c == '"') {
        return lex_string(p);
    } else if (str_starts(str_sub(p->s, p->pos, 3), STR("..."))) {
        p->pos += 3;
        p->tok = TOK_SPREAD;
    } else if (str_find_char(STR("!$&()[]{}:=@|"), c, 0) != SIZE_MAX) {
        p->pos++;
        p->tok = TOK_SIGN;
    } else {
        p->tok = TOK_SIGN;
        p->text = str_sub(p->s, from, 1);
        return expected(p, "a name or a sign of GraphQL");
    }
    p->text = str_sub(p->s, from, p->pos - from);
    return ERR_OK;
}

static bool is_sign(const Parser *p, char sign) {
    return p->tok == TOK_SIGN && p->text.ptr[0] == sign;
}

static bool is_word(const Parser *p, const char *word) {
    return p->tok == TOK_NAME && str_eq(p->text, str_from(word));
}

static ErrCode take_sign(Parser *p, char sign) {
    const char what[] = {'\'', sign, '\'', '\0'};
    return is_sign(p, sign) ? next(p) : expected(p, what);
}

static ErrCode take_name(Parser *p, Str *ret) {
    if (p->tok != TOK_NAME) {
        return expected(p, "a name");
    }
    *ret = p->text;
    return next(p);
}

/* ---- values, arguments, directives ---- */

static ErrCode deeper(Parser *p) {
    return ++p->depth > NESTING_MAX ? too_much(p, "levels", NESTING_MAX) : ERR_OK;
}

static ErrCode parse_value(Parser *p, GqlValue *ret);

/* name: value … up to the closing sign; items of a list have no names. */
static ErrCode parse_items(Parser *p, char close, bool named, GqlArg **ret) {
    GqlArg **end = ret;
    TRY(deeper(p));
    while (!is_sign(p, close)) {
        GqlArg *item = arena_new_array(p->arena, GqlArg, 1);
        if (item == NULL) {
            return ERR_NOMEM;
        }
        if (named) {
            TRY(take_name(p, &item->name));
            TRY(take_sign(p, ':'));
        }
        TRY(parse_value(p, &item->value));
        *end = item;
        end = &item->next;
    }
    p->depth--;
    return next(p);
}

static GqlKind kind_of_name(Str name) {
    return str_eq(name, STR("true")) || str_eq(name, STR("false")) ? GQL_BOOL
           : str_eq(name, STR("null"))                             ? GQL_NULL
                                                                   : GQL_ENUM;
}

static ErrCode parse_value(Parser *p, GqlValue *ret) {
    if (is_sign(p, '[') || is_sign(p, '{')) {
        bool is_list = is_sign(p, '[');
        ret->kind = is_list ? GQL_LIST : GQL_OBJECT;
        TRY(next(p));
        return parse_items(p, is_list ? ']' : '}', !is_list, &ret->items);
    }
    if (is_sign(p, '$')) {
        TRY(next(p));
        ret->kind = GQL_VARIABLE;
        return take_name(p, &ret->text);
    }
    if (p->tok != TOK_NAME && p->tok != TOK_NUMBER && p->tok != TOK_STRING) {
        return expected(p, "a value");
    }
    ret->kind = p->tok == TOK_NAME     ? kind_of_name(p->text)
                : p->tok == TOK_NUMBER ? GQL_NUMBER
                                       : GQL_STRING;
    ret->text = p->text;
    return next(p);
}

static ErrCode parse_args(Parser *p, GqlArg **ret) {
    if (!is_sign(p, '(')) {
        return ERR_OK;
    }
    TRY(next(p));
    return is_sign(p, ')') ? expected(p, "a name") : parse_items(p, ')', true, ret);
}

static ErrCode parse_directives(Parser *p, GqlDirective **ret) {
    while (is_sign(p, '@')) {
        GqlDirective *d = arena_new_array(p->arena, GqlDirective, 1);
        if (d == NULL) {
            return ERR_NOMEM;
        }
        TRY(next(p));
        TRY(take_name(p, &d->name));
        TRY(parse_args(p, &d->args));
        *ret = d;
        ret = &d->next;
    }
    return ERR_OK;
}

/* ---- selections ---- */

static ErrCode parse_selections(Parser *p, GqlSelection **ret);

static ErrCode parse_field(Parser *p, GqlSelection *s) {
    s->what = GQL_FIELD;
    TRY(take_name(p, &s->name));
    s->key = s->name;
    if (is_sign(p, ':')) {
        TRY(next(p));
        TRY(take_name(p, &s->name));
    }
    TRY(parse_args(p, &s->args));
    TRY(parse_directives(p, &s->directives));
    return is_sign(p, '{') ? parse_selections(p, &s->inner) : ERR_OK;
}

static ErrCode parse_spread(Parser *p, GqlSelection *s) {
    TRY(next(p));
    s->what = GQL_INLINE;
    if (is_word(p, "on")) {
        TRY(next(p));
        TRY(take_name(p, &s->name));
    } else if (p->tok == TOK_NAME) {
        s->what = GQL_SPREAD;
        TRY(take_name(p, &s->name));
        return parse_directives(p, &s->directives);
    }
    TRY(parse_directives(p, &s->directives));
    return parse_selections(p, &s->inner);
}

static ErrCode parse_selections(Parser *p, GqlSelection **ret) {
    TRY(take_sign(p, '{'));
    TRY(deeper(p));
    do {
        GqlSelection *s = arena_new_array(p->arena, GqlSelection, 1);
        if (s == NULL) {
            return ERR_NOMEM;
        }
        if (++p->fields > GQL_FIELDS_MAX) {
            return too_much(p, "fields", GQL_FIELDS_MAX);
        }
        s->at = p->at;
        TRY(p->tok == TOK_SPREAD ? parse_spread(p, s) : parse_field(p, s));
        *ret = s;
        ret = &s->next;
    } while (!is_sign(p, '}'));
    p->depth--;
    return next(p);
}

/* ---- definitions ---- */

/* A variable's type: checked for form only; its '!' says that a value is needed. */
static ErrCode parse_type(Parser *p, bool *ret_required) {
    Str name;
    unsigned lists = 0;
    for (; is_sign(p, '['); lists++) {
        TRY(deeper(p));
        TRY(next(p));
    }
    TRY(take_name(p, &name));
    *ret_required = is_sign(p, '!');
    TRY(*ret_required ? next(p) : ERR_OK);
    for (; lists > 0; lists--, p->depth--) {
        TRY(take_sign(p, ']'));
        *ret_required = is_sign(p, '!');
        TRY(*ret_required ? next(p) : ERR_OK);
    }
    return ERR_OK;
}

static ErrCode parse_variables(Parser *p, GqlVariable **ret) {
    TRY(next(p));
    while (!is_sign(p, ')')) {
        GqlVariable *v = arena_new_array(p->arena, GqlVariable, 1);
        GqlDirective *ignored = NULL;
        if (v == NULL) {
            return ERR_NOMEM;
        }
        v->at = p->at;
        TRY(take_sign(p, '$'));
        TRY(take_name(p, &v->name));
        TRY(take_sign(p, ':'));
        TRY(parse_type(p, &v->is_required));
        if (is_sign(p, '=')) {
            TRY(next(p));
            v->has_fallback = true;
            v->is_required = false;
            TRY(parse_value(p, &v->fallback));
        }
        TRY(parse_directives(p, &ignored));
        *ret = v;
        ret = &v->next;
    }
    return next(p);
}

static ErrCode parse_operation(Parser *p) {
    GqlOperation **end = &p->doc->operations;
    GqlOperation *o = arena_new_array(p->arena, GqlOperation, 1);
    GqlDirective *ignored = NULL;
    if (o == NULL) {
        return ERR_NOMEM;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = o;
    if (is_word(p, "mutation") || is_word(p, "subscription")) {
        return gql_at(p->doc, p->at,
                      err_set(p->info, ERR_UNSUPPORTED, "graphql-operation",
                              "'" STR_FMT "' is not supported: only queries; change resources "
                              "through the FHIR interface",
                              "không hỗ trợ '" STR_FMT "': chỉ truy vấn; hãy thay đổi tài nguyên "
                              "qua giao diện FHIR",
                              STR_ARG(p->text)),
                      p->info);
    }
    if (is_word(p, "query")) {
        TRY(next(p));
        TRY(p->tok == TOK_NAME ? take_name(p, &o->name) : ERR_OK);
        TRY(is_sign(p, '(') ? parse_variables(p, &o->variables) : ERR_OK);
        TRY(parse_directives(p, &ignored));
    }
    return parse_selections(p, &o->inner);
}

static ErrCode parse_fragment(Parser *p) {
    GqlFragment *f = arena_new_array(p->arena, GqlFragment, 1);
    GqlDirective *ignored = NULL;
    if (f == NULL) {
        return ERR_NOMEM;
    }
    TRY(next(p));
    uint32_t at = p->at;
    TRY(take_name(p, &f->name));
    if (gql_fragment(p->doc, f->name) != NULL || str_eq(f->name, STR("on"))) {
        p->at = at;
        return expected(p, "a name of a fragment that is new");
    }
    TRY(is_word(p, "on") ? next(p) : expected(p, "'on'"));
    TRY(take_name(p, &f->type));
    TRY(parse_directives(p, &ignored));
    TRY(parse_selections(p, &f->inner));
    f->next = p->doc->fragments;
    p->doc->fragments = f;
    return ERR_OK;
}

ErrCode gql_parse(Arena *arena, Str text, const GqlDocument **ret_document, ErrInfo *info) {
    GqlDocument *doc = arena_new_array(arena, GqlDocument, 1);
    if (doc == NULL) {
        return ERR_NOMEM;
    }
    doc->text = text;
    Parser p = {.arena = arena, .doc = doc, .info = info, .s = text};
    if (text.len > GQL_TEXT_MAX) {
        return too_much(&p, "bytes", GQL_TEXT_MAX);
    }
    if (!utf8_valid(text)) {
        return err_set(info, ERR_SYNTAX, "graphql-syntax", "the text is no UTF-8",
                       "nội dung không phải UTF-8");
    }
    TRY(next(&p));
    do {
        TRY(is_word(&p, "fragment") ? parse_fragment(&p) : parse_operation(&p));
    } while (p.tok != TOK_END);
    *ret_document = doc;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- looking things up ---- */

const GqlFragment *gql_fragment(const GqlDocument *document, Str name) {
    const GqlFragment *f = document->fragments;
    while (f != NULL && !str_eq(f->name, name)) {
        f = f->next;
    }
    return f;
}

const GqlArg *gql_arg(const GqlArg *args, Str name) {
    while (args != NULL && !str_eq(args->name, name)) {
        args = args->next;
    }
    return args;
}

const GqlDirective *gql_directive(const GqlDirective *list, const char *name) {
    while (list != NULL && !str_eq(list->name, str_from(name))) {
        list = list->next;
    }
    return list;
}
