#include "rules/rules_int.h"

#include "core/limits.h"
#include "core/tsv.h"
#include "core/utf8.h"
#include "rules/rules_data.gen.h"

/* The set under construction. */
typedef struct Build {
    Rules *rules;
    const RulesOptions *options;
    RulesFile *files;
    ErrInfo *info; /* of the first error */
    ErrCode err;   /* the first */
} Build;

Str rules_weight_name(RulesWeight weight) {
    return weight == RULES_BLOCKS  ? STR("blocks")
           : weight == RULES_WARNS ? STR("warns")
                                   : STR("informs");
}

/* Notes an error; false when there is no use in going on. */
static bool note(Build *b, ErrCode err, const ErrInfo *info) {
    if (err == ERR_OK) {
        return true;
    }
    if (b->err == ERR_OK) {
        b->err = err;
        if (b->info != NULL) {
            *b->info = *info;
        }
    }
    if (b->options->on_error != NULL) {
        b->options->on_error(b->options->ctx, info);
    }
    return err != ERR_NOMEM;
}

static bool is_id(Str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 100;
}

static ErrCode wrong(const RulesBlock *b, const char *at, ErrInfo *info, const char *en,
                     const char *vi, Str detail) {
    return rules_text_fail(b->file, at, info, "rules-block", en, vi, detail);
}

/* since and until of a block. */
static ErrCode period(const RulesBlock *b, int64_t *ret_since, int64_t *ret_until, ErrInfo *info) {
    const RulesPair *since = rules_text_get(b, STR("since"));
    const RulesPair *until = rules_text_get(b, STR("until"));
    *ret_since = INT64_MIN;
    *ret_until = INT64_MAX;
    if (since != NULL && !rules_text_date(since->value, ret_since)) {
        return wrong(b, since->value.ptr, info, "'{}' is no date like 2026-01-31",
                     "'{}' không phải ngày dạng 2026-01-31", since->value);
    }
    if (until != NULL && !rules_text_date(until->value, ret_until)) {
        return wrong(b, until->value.ptr, info, "'{}' is no date like 2026-01-31",
                     "'{}' không phải ngày dạng 2026-01-31", until->value);
    }
    return ERR_OK;
}

/* Every key is one of those listed, and stands once unless it may be repeated. */
static ErrCode check_keys(const RulesBlock *b, const char *const *keys, size_t n, ErrInfo *info) {
    for (size_t i = 0; i < b->n_pairs; i++) {
        Str key = b->pairs[i].key;
        bool known = false;
        for (size_t k = 0; k < n; k++) {
            known = known || str_eq(key, str_from(keys[k]));
        }
        if (!known) {
            return wrong(b, key.ptr, info, "no key '{}' here", "không có khoá '{}' ở đây", key);
        }
        bool may_repeat =
            str_eq(key, STR("let")) || str_eq(key, STR("good")) || str_eq(key, STR("bad"));
        if (!may_repeat && rules_text_get(b, key) != &b->pairs[i]) {
            return wrong(b, key.ptr, info, "'{}' stands twice", "'{}' xuất hiện hai lần", key);
        }
    }
    return ERR_OK;
}

/* ---- lists, catalogues ---- */

const RulesList *rules_list_find(const Rules *rules, Str name) {
    for (size_t i = 0; i < rules->n_lists; i++) {
        if (str_eq(rules->lists[i]->name, name)) {
            return rules->lists[i];
        }
    }
    return NULL;
}

static ErrCode put_list(Build *b, RulesList *list) {
    Rules *r = b->rules;
    for (size_t i = 0; i < r->n_lists; i++) {
        if (str_eq(r->lists[i]->name, list->name)) {
            list->next = r->lists[i]; /* the newer text is asked first */
            r->lists[i] = list;
            return ERR_OK;
        }
    }
    if (!rules_grow(r->arena, &r->lists, r->n_lists, &r->capacity_lists, sizeof(RulesList *))) {
        return ERR_NOMEM;
    }
    r->lists[r->n_lists++] = list;
    return ERR_OK;
}

static ErrCode list_block(Build *b, const RulesBlock *block, ErrInfo *info) {
    static const char *const keys[] = {"list", "is", "since", "until"};
    TRY(check_keys(block, keys, ARRAY_LEN(keys), info));
    const RulesPair *is = rules_text_get(block, STR("is"));
    RulesList *list = arena_calloc(b->rules->arena, 1, sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    list->name = block->pairs[0].value;
    if (!is_id(list->name) || is == NULL) {
        return wrong(block, list->name.ptr, info,
                     "a list has a name like nhom-can-may and a line is",
                     "danh sách cần tên dạng nhom-can-may và dòng is", STR_EMPTY);
    }
    TRY(period(block, &list->since, &list->until, info));
    RulesScope scope = {
        .rules = b->rules, .arena = b->rules->arena, .file = block->file, .on = RULES_VISIT};
    TRY(rules_parse_items(&scope, is->value, list, info));
    const RulesList *other = rules_list_find(b->rules, list->name);
    if (other != NULL && other->type != list->type) {
        return wrong(block, is->value.ptr, info, "another version of {} has values of another type",
                     "phiên bản khác của {} có kiểu giá trị khác", list->name);
    }
    return put_list(b, list);
}

static ErrCode catalogue_block(Build *b, const RulesBlock *block, ErrInfo *info) {
    static const char *const keys[] = {"catalogue", "has"};
    TRY(check_keys(block, keys, ARRAY_LEN(keys), info));
    const RulesPair *has = rules_text_get(block, STR("has"));
    if (!is_id(block->pairs[0].value)) {
        return wrong(block, block->pairs[0].value.ptr, info, "'{}' is no name of a catalogue",
                     "'{}' không phải tên danh mục", block->pairs[0].value);
    }
    return rules_catalogue_declare(b->rules, block->pairs[0].value,
                                   has == NULL ? STR_EMPTY : has->value);
}

/* ---- parameters ---- */

bool rules_param_find(const Rules *rules, Str name, int64_t day, RulesNum *ret) {
    bool found = false;
    for (size_t i = 0; i < rules->n_params; i++) {
        const RulesParam *p = &rules->params[i];
        if (str_eq(p->name, name) && (day == INT64_MIN || p->since <= day)) {
            *ret = p->value;
            found = true; /* the latest one in force wins: they are sorted */
        }
    }
    return found;
}

static ErrCode put_param(Rules *r, const RulesParam *param) {
    size_t at = 0;
    while (at < r->n_params &&
           (str_cmp(r->params[at].name, param->name) < 0 ||
            (str_eq(r->params[at].name, param->name) && r->params[at].since < param->since))) {
        at++;
    }
    bool replaces = at < r->n_params && str_eq(r->params[at].name, param->name) &&
                    r->params[at].since == param->since;
    if (!replaces) {
        if (!rules_grow(r->arena, &r->params, r->n_params, &r->capacity_params, sizeof(*param))) {
            return ERR_NOMEM;
        }
        memmove(&r->params[at + 1], &r->params[at], (r->n_params - at) * sizeof(*param));
        r->n_params++;
    }
    r->params[at] = *param;
    return ERR_OK;
}

static ErrCode read_params(Build *b, const RulesFile *file, ErrInfo *info) {
    TsvReader r;
    int name = 0;
    int since = 0;
    int value = 0;
    TRY(tsv_init(&r, file->text, info));
    TRY(tsv_need(&r, "name", &name, info));
    TRY(tsv_need(&r, "since", &since, info));
    TRY(tsv_need(&r, "value", &value, info));
    while (tsv_next(&r)) {
        RulesParam p = {.name = tsv_get(&r, name), .since = INT64_MIN + 1};
        Str date = tsv_get(&r, since);
        if ((date.len > 0 && !rules_text_date(date, &p.since)) ||
            !rules_num_parse(tsv_get(&r, value), &p.value)) {
            return rules_text_fail(file, p.name.ptr, info, "rules-table",
                                   "a parameter has a name, a date like 2026-01-31 and a number",
                                   "tham số cần tên, ngày dạng 2026-01-31 và một số", STR_EMPTY);
        }
        TRY(put_param(b->rules, &p));
    }
    return tsv_ok(&r, info);
}

/* ---- rules ---- */

static size_t unit_place(const Rules *r, Str id, bool *ret_found) {
    size_t lo = 0;
    size_t hi = r->n_units;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(r->units[mid]->pub.id, id) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_found = lo < r->n_units && str_eq(r->units[lo]->pub.id, id);
    return lo;
}

static ErrCode put_unit(Rules *r, RulesUnit *u, const RulesBlock *b, ErrInfo *info) {
    bool found = false;
    size_t at = unit_place(r, u->pub.id, &found);
    if (found && r->units[at]->pub.own == u->pub.own) {
        return wrong(b, u->pub.id.ptr, info, "a rule {} is there already", "đã có quy tắc {}",
                     u->pub.id);
    }
    if (!found) {
        if (!rules_grow(r->arena, &r->units, r->n_units, &r->capacity_units, sizeof(u))) {
            return ERR_NOMEM;
        }
        memmove(&r->units[at + 1], &r->units[at], (r->n_units - at) * sizeof(u));
        r->n_units++;
    }
    r->units[at] = u;
    return ERR_OK;
}

static ErrCode off_block(Build *b, const RulesBlock *block, ErrInfo *info) {
    bool found = false;
    Rules *r = b->rules;
    size_t at = unit_place(r, block->pairs[0].value, &found);
    if (!found) {
        return wrong(block, block->pairs[0].value.ptr, info, "no rule {} to switch off",
                     "không có quy tắc {} để tắt", block->pairs[0].value);
    }
    memmove(&r->units[at], &r->units[at + 1], (r->n_units - at - 1) * sizeof(*r->units));
    r->n_units--;
    return ERR_OK;
}

typedef struct Word {
    const char *text;
    int value;
} Word;

static bool word_value(Str s, const Word *words, size_t n, int *ret) {
    for (size_t i = 0; i < n; i++) {
        if (str_eq(s, str_from(words[i].text))) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}

static ErrCode read_on(const RulesBlock *b, RulesUnit *u, ErrInfo *info) {
    const RulesPair *on = rules_text_get(b, STR("on"));
    u->pub.on = RULES_VISIT;
    if (on == NULL ||
        (!str_eq(on->value, STR("VISIT")) &&
         (!rules_table_by_name(on->value, &u->pub.on) || u->pub.on >= RULES_HISTORY))) {
        return wrong(b, on == NULL ? b->pairs[0].key.ptr : on->value.ptr, info,
                     "a rule stands on a table XML0 to XML15 or on VISIT",
                     "quy tắc phải có on: bảng XML0 đến XML15 hoặc VISIT", STR_EMPTY);
    }
    return ERR_OK;
}

static ErrCode read_at(const RulesBlock *b, RulesUnit *u, ErrInfo *info) {
    static const Word words[] = {{"import", RULES_AT_IMPORT},
                                 {"discharge", RULES_AT_DISCHARGE},
                                 {"export", RULES_AT_EXPORT},
                                 {"order", RULES_AT_ORDER}};
    const RulesPair *at = rules_text_get(b, STR("at"));
    u->pub.at = at == NULL ? RULES_AT_ALL : 0;
    Str rest = at == NULL ? STR_EMPTY : at->value;
    Str word;
    while (str_cut(&rest, ' ', &word)) {
        int value = 0;
        if (word.len > 0 && !word_value(word, words, ARRAY_LEN(words), &value)) {
            return wrong(b, word.ptr, info, "at is import, discharge, export or order, not {}",
                         "at là import, discharge, export hoặc order, không phải {}", word);
        }
        u->pub.at |= (unsigned)value;
    }
    return ERR_OK;
}

static ErrCode read_weight(const RulesBlock *b, RulesUnit *u, ErrInfo *info) {
    static const Word words[] = {
        {"blocks", RULES_BLOCKS}, {"warns", RULES_WARNS}, {"informs", RULES_INFORMS}};
    const RulesPair *weight = rules_text_get(b, STR("weight"));
    int value = 0;
    if (weight == NULL || !word_value(weight->value, words, ARRAY_LEN(words), &value)) {
        return wrong(b, weight == NULL ? b->pairs[0].key.ptr : weight->value.ptr, info,
                     "weight is blocks, warns or informs", "weight là blocks, warns hoặc informs",
                     STR_EMPTY);
    }
    u->pub.weight = (RulesWeight)value;
    return ERR_OK;
}

static ErrCode read_field(const RulesBlock *b, RulesUnit *u, ErrInfo *info) {
    const RulesPair *field = rules_text_get(b, STR("field"));
    u->field = -1;
    u->pub.field_table = u->pub.on == RULES_VISIT ? 1 : u->pub.on;
    if (field == NULL) {
        return ERR_OK;
    }
    Str name = field->value;
    size_t dot = str_find_char(name, '.', 0);
    bool ok = true;
    if (dot != SIZE_MAX) {
        ok = rules_table_by_name(str_sub(name, 0, dot), &u->pub.field_table) &&
             u->pub.field_table < RULES_HISTORY;
        name = str_sub(name, dot + 1, name.len);
    }
    u->field = ok ? rules_field_find(u->pub.field_table, name) : -1;
    u->pub.field = name;
    return u->field >= 0 ? ERR_OK
                         : wrong(b, field->value.ptr, info, "there is no field {}",
                                 "không có trường {}", field->value);
}

/* ---- sentences ---- */

static ErrCode add_piece(Arena *arena, RulesSentence *s, size_t *capacity, RulesPiece piece) {
    if (!rules_grow(arena, &s->pieces, s->n_pieces, capacity, sizeof(piece))) {
        return ERR_NOMEM;
    }
    s->pieces[s->n_pieces++] = piece;
    return ERR_OK;
}

static ErrCode cut_sentence(const RulesScope *scope, Str text, RulesSentence *ret, ErrInfo *info) {
    size_t capacity = 0;
    size_t at = 0;
    while (at < text.len) {
        size_t open = str_find_char(text, '{', at);
        size_t close = open == SIZE_MAX ? SIZE_MAX : str_find_char(text, '}', open);
        RulesPiece piece = {0};
        RulesExpr *e = NULL;
        if (open != SIZE_MAX && close == SIZE_MAX) {
            return rules_text_fail(scope->file, text.ptr + open, info, "rules-block",
                                   "the brace is not closed", "thiếu dấu đóng ngoặc nhọn",
                                   STR_EMPTY);
        }
        size_t end = open == SIZE_MAX ? text.len : open;
        piece.text = rules_text_flat(scope->arena, str_sub(text, at, end - at));
        if (open != SIZE_MAX) {
            TRY(rules_parse(scope, str_sub(text, open + 1, close - open - 1), &e, info));
            if (e->type == RULES_BOOL) {
                return rules_text_fail(scope->file, text.ptr + open, info, "rules-block",
                                       "a condition cannot be printed",
                                       "không in được một điều kiện", STR_EMPTY);
            }
        }
        piece.expr = e;
        TRY(add_piece(scope->arena, ret, &capacity, piece));
        at = open == SIZE_MAX ? text.len : close + 1;
    }
    return ERR_OK;
}

static ErrCode read_texts(const RulesBlock *b, const RulesScope *scope, RulesUnit *u,
                          ErrInfo *info) {
    const char *keys[RULES_SENTENCES] = {"vi", "en", "fix-vi", "fix-en"};
    Str *texts[RULES_SENTENCES] = {&u->pub.vi, &u->pub.en, &u->pub.fix_vi, &u->pub.fix_en};
    for (int i = 0; i < RULES_SENTENCES; i++) {
        const RulesPair *p = rules_text_get(b, str_from(keys[i]));
        if (p == NULL || p->value.len == 0) {
            return wrong(b, b->pairs[0].key.ptr, info, "the rule lacks {}", "quy tắc thiếu {}",
                         str_from(keys[i]));
        }
        TRY(cut_sentence(scope, p->value, &u->sentences[i], info));
        *texts[i] = rules_text_flat(scope->arena, p->value);
    }
    const RulesPair *law = rules_text_get(b, STR("law"));
    u->pub.law = law == NULL ? STR_EMPTY : rules_text_flat(scope->arena, law->value);
    return law != NULL ? ERR_OK
                       : wrong(b, b->pairs[0].key.ptr, info, "the rule lacks {}",
                               "quy tắc thiếu {}", STR("law"));
}

static ErrCode condition(const RulesBlock *b, const RulesScope *scope, const char *key,
                         RulesExpr **ret, ErrInfo *info) {
    const RulesPair *p = rules_text_get(b, str_from(key));
    if (p == NULL) {
        return ERR_OK;
    }
    TRY(rules_parse(scope, p->value, ret, info));
    return (*ret)->type == RULES_BOOL ? ERR_OK
                                      : wrong(b, p->value.ptr, info, "{} is no condition",
                                              "{} không phải điều kiện", str_from(key));
}

static ErrCode read_lets(const RulesBlock *b, RulesScope *scope, RulesLet *lets, ErrInfo *info) {
    scope->lets = lets;
    for (size_t i = 0; i < b->n_pairs; i++) {
        Str rest = b->pairs[i].value;
        Str name;
        RulesExpr *e = NULL;
        if (!str_eq(b->pairs[i].key, STR("let"))) {
            continue;
        }
        (void)str_cut(&rest, ' ', &name);
        if (scope->n_lets == RULES_LETS_MAX || name.len == 0 || name.ptr[0] < 'a' ||
            name.ptr[0] > 'z') {
            return wrong(b, b->pairs[i].value.ptr, info,
                         "let takes a name in small letters and an expression (at most 32)",
                         "let cần một tên viết thường và một biểu thức (tối đa 32)", STR_EMPTY);
        }
        TRY(rules_parse(scope, str_trim(rest), &e, info));
        lets[scope->n_lets++] = (RulesLet){name, e};
    }
    return ERR_OK;
}

static ErrCode read_cases(const RulesBlock *b, Arena *arena, RulesUnit *u, ErrInfo *info) {
    size_t capacity = 0;
    for (size_t i = 0; i < b->n_pairs; i++) {
        bool good = str_eq(b->pairs[i].key, STR("good"));
        if (!good && !str_eq(b->pairs[i].key, STR("bad"))) {
            continue;
        }
        if (!rules_grow(arena, &u->cases, u->n_cases, &capacity, sizeof(*u->cases))) {
            return ERR_NOMEM;
        }
        u->cases[u->n_cases++] = (RulesCase){b->pairs[i].value, good};
        u->pub.n_good += good;
        u->pub.n_bad += !good;
    }
    return u->pub.n_good > 0 && u->pub.n_bad > 0
               ? ERR_OK
               : wrong(b, b->pairs[0].key.ptr, info, "a rule has at least one good and one bad",
                       "quy tắc cần ít nhất một good và một bad", STR_EMPTY);
}

static ErrCode read_expressions(const RulesBlock *b, RulesScope *scope, RulesUnit *u,
                                ErrInfo *info) {
    RulesLet *lets = arena_new_array(scope->arena, RulesLet, RULES_LETS_MAX);
    if (lets == NULL) {
        return ERR_NOMEM;
    }
    TRY(read_lets(b, scope, lets, info));
    TRY(condition(b, scope, "when", &u->when, info));
    TRY(condition(b, scope, "must", &u->must, info));
    if (u->must == NULL) {
        return wrong(b, b->pairs[0].key.ptr, info, "the rule lacks {}", "quy tắc thiếu {}",
                     STR("must"));
    }
    const RulesPair *when = rules_text_get(b, STR("when"));
    u->pub.when = when == NULL ? STR_EMPTY : rules_text_flat(scope->arena, when->value);
    u->pub.must = rules_text_flat(scope->arena, rules_text_get(b, STR("must"))->value);
    return read_texts(b, scope, u, info);
}

static ErrCode rule_block(Build *build, const RulesBlock *b, ErrInfo *info) {
    static const char *const keys[] = {"rule", "since", "until", "on",     "at",    "weight",
                                       "let",  "when",  "must",  "field",  "vi",    "en",
                                       "law",  "good",  "bad",   "fix-vi", "fix-en"};
    Rules *r = build->rules;
    RulesUnit *u = arena_calloc(r->arena, 1, sizeof(*u));
    int column = 0;
    if (u == NULL) {
        return ERR_NOMEM;
    }
    u->pub.id = b->pairs[0].value;
    u->pub.file = b->file->name;
    u->pub.own = b->file->own;
    u->source = b->file;
    rules_text_place(b->file, b->pairs[0].key.ptr, &u->pub.line, &column);
    if (!is_id(u->pub.id)) {
        return wrong(b, b->pairs[0].value.ptr, info,
                     "'{}' is no id: small letters, digits, - and .",
                     "'{}' không phải mã: dùng chữ thường, số, - và .", u->pub.id);
    }
    TRY(check_keys(b, keys, ARRAY_LEN(keys), info));
    TRY(period(b, &u->pub.since, &u->pub.until, info));
    TRY(read_on(b, u, info));
    TRY(read_at(b, u, info));
    TRY(read_weight(b, u, info));
    TRY(read_field(b, u, info));
    RulesScope scope = {.rules = r, .arena = r->arena, .file = b->file, .on = u->pub.on};
    TRY(read_expressions(b, &scope, u, info));
    TRY(read_cases(b, r->arena, u, info));
    return put_unit(r, u, b, info);
}

/* ---- files ---- */

/* Lists and catalogues first: rules may speak of what stands in a later file. */
static bool read_blocks(Build *b, const RulesFile *file, bool rules_too) {
    RulesBlock block;
    size_t at = 0;
    ErrCode err = ERR_OK;
    while (rules_text_next(b->rules->arena, file, &at, &block, &err)) {
        ErrInfo info = {0};
        Str kind = block.pairs[0].key;
        bool is_rule = str_eq(kind, STR("rule")) || str_eq(kind, STR("off"));
        if (is_rule != rules_too) {
            continue;
        }
        err = str_eq(kind, STR("rule"))        ? rule_block(b, &block, &info)
              : str_eq(kind, STR("off"))       ? off_block(b, &block, &info)
              : str_eq(kind, STR("list"))      ? list_block(b, &block, &info)
              : str_eq(kind, STR("catalogue")) ? catalogue_block(b, &block, &info)
                                               : wrong(&block, kind.ptr, &info,
                                                       "a block begins with rule, list, catalogue "
                                                       "or off, not {}",
                                                       "khối bắt đầu bằng rule, list, catalogue "
                                                       "hoặc off, không phải {}",
                                                       kind);
        if (!note(b, err, &info)) {
            return false;
        }
    }
    return note(b, err, &(ErrInfo){.code = err});
}

static bool read_files(Build *b, bool own_only) {
    Rules *r = b->rules;
    ErrInfo info = {0};
    for (size_t i = 0; i < r->n_files; i++) {
        const RulesFile *f = &r->files[i];
        ErrCode err = ERR_OK;
        if (!utf8_valid(f->text)) {
            err = rules_text_fail(f, f->text.ptr + utf8_valid_len(f->text), &info, "rules-text",
                                  "the text is not UTF-8", "nội dung không phải UTF-8", STR_EMPTY);
        } else if (str_ends(f->name, STR(".tsv"))) {
            err = str_eq(f->name, STR("params.tsv")) ? read_params(b, f, &info)
                                                     : rules_catalogue_tsv(r, f, &info);
            if (err != ERR_OK && info.where[0] == '\0') {
                err_where(&info, STR_FMT, STR_ARG(f->name));
            }
        } else if (str_ends(f->name, STR(".rules")) && !read_blocks(b, f, false)) {
            return false;
        }
        if (!note(b, err, &info)) {
            return false;
        }
    }
    for (size_t i = 0; i < r->n_files; i++) {
        const RulesFile *f = &r->files[i];
        if (str_ends(f->name, STR(".rules")) && (f->own || !own_only) && utf8_valid(f->text) &&
            !read_blocks(b, f, true)) {
            return false;
        }
    }
    return true;
}

static ErrCode gather_files(Build *b) {
    Rules *r = b->rules;
    size_t n = RULES_DATA_COUNT + b->options->n_own;
    RulesFile *files = arena_new_array(r->arena, RulesFile, n);
    if (files == NULL) {
        return ERR_NOMEM;
    }
    for (int i = 0; i < RULES_DATA_COUNT; i++) {
        files[i] = (RulesFile){.name = rules_data_name(i), .text = rules_data_text(i)};
    }
    for (size_t i = 0; i < b->options->n_own; i++) {
        const RulesText *t = &b->options->own[i];
        files[RULES_DATA_COUNT + i] = (RulesFile){.name = arena_str(r->arena, t->name),
                                                  .text = arena_str(r->arena, t->text),
                                                  .own = true};
    }
    r->files = files;
    r->n_files = n;
    return arena_failed(r->arena) ? ERR_NOMEM : ERR_OK;
}

const RulesFile *rules_file_find(const Rules *rules, Str name) {
    for (size_t i = rules->n_files; i-- > 0;) {
        if (str_eq(rules->files[i].name, name)) {
            return &rules->files[i];
        }
    }
    return NULL;
}

/* ---- the set ---- */

static ErrCode fill(Build *b) {
    TRY(gather_files(b));
    TRY(rules_catalogues_vn(b->rules));
    if (!read_files(b, b->options->own_only)) {
        return ERR_NOMEM;
    }
    TRY(b->err);
    ErrInfo info = {0};
    (void)note(b, rules_compile(b->rules, &info), &info);
    return b->err;
}

ErrCode rules_new(const RulesOptions *options, Rules **ret_rules, ErrInfo *info) {
    static const RulesOptions none;
    Arena *arena = arena_new(LIMIT_RULES_BYTES);
    Rules *rules = arena == NULL ? NULL : arena_calloc(arena, 1, sizeof(*rules));
    if (rules == NULL) {
        arena_free(arena);
        return ERR_NOMEM;
    }
    rules->arena = arena;
    Build b = {.rules = rules, .options = options == NULL ? &none : options, .info = info};
    ErrCode err = fill(&b);
    if (err != ERR_OK) {
        arena_free(arena);
        return err;
    }
    *ret_rules = rules;
    return ERR_OK;
}

void rules_free(Rules *rules) {
    if (rules != NULL) {
        arena_free(rules->arena);
    }
}

size_t rules_count(const Rules *rules) {
    return rules->n_units;
}

const RulesRule *rules_get(const Rules *rules, size_t i) {
    assert(i < rules->n_units);
    return &rules->units[i]->pub;
}

const RulesRule *rules_find(const Rules *rules, Str id) {
    bool found = false;
    size_t at = unit_place(rules, id, &found);
    return found ? &rules->units[at]->pub : NULL;
}

void rules_digest(const Rules *rules, Sha256 *ret_digest) {
    Sha256 all = {{0}};
    for (size_t i = 0; i < rules->n_files; i++) {
        const RulesFile *f = &rules->files[i];
        Sha256 parts[2];
        sha256(f->name, &parts[0]);
        sha256(f->text, &parts[1]);
        sha256_pair((Str){(const char *)all.b, sizeof(all.b)},
                    (Str){(const char *)parts, sizeof(parts)}, &all);
    }
    *ret_digest = all;
}
