#include "core/limits.h"
#include "rules/rules_int.h"

enum {
    RECORDS_MAX = 1000, /* of one table of a case */
    ENTRIES_MAX = 200,  /* CAT.… of a case */
};

/* What a case says of a catalogue. */
typedef struct Entry {
    Str catalogue, code, attribute, value;
} Entry;

/* The visit under the hands of a case. */
typedef struct Scene {
    Arena *arena;
    const Rules *rules;
    ClaimRecord *records[RULES_TABLES];
    size_t n[RULES_TABLES];
    bool history_loaded, work_loaded;
    Entry entries[ENTRIES_MAX];
    size_t n_entries;
    const char *en, *vi; /* what is wrong with the case */
} Scene;

static ErrCode bad(Scene *s, const char *en, const char *vi) {
    s->en = en;
    s->vi = vi;
    return ERR_SYNTAX;
}

/* ---- records ---- */

static ErrCode add_record(Scene *s, int table) {
    if (s->records[table] == NULL) {
        s->records[table] = arena_new_array(s->arena, ClaimRecord, RECORDS_MAX);
    }
    Str *values = arena_new_array(s->arena, Str, (size_t)rules_table_fields(table));
    if (s->records[table] == NULL || values == NULL) {
        return ERR_NOMEM;
    }
    if (s->n[table] == RECORDS_MAX) {
        return bad(s, "too many records", "quá nhiều bản ghi");
    }
    s->records[table][s->n[table]] = (ClaimRecord){.values = values, .line = (int)s->n[table] + 1};
    s->n[table]++;
    return ERR_OK;
}

static ErrCode set_field(Scene *s, int table, size_t record, Str field, Str value) {
    int at = rules_field_find(table, field);
    if (at < 0) {
        return bad(s, "a field is unknown", "có trường không tồn tại");
    }
    /* The values were allocated by add_record: they are the scene's own. */
    ((Str *)(uintptr_t)s->records[table][record].values)[at] = value;
    return ERR_OK;
}

/* [XML1] begins a record, FIELD=value fills it. */
static ErrCode read_visit(Scene *s, Str text) {
    Str line;
    int table = -1;
    while (str_cut(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        size_t equal = str_find_char(line, '=', 0);
        if (line.ptr[0] == '[' && line.ptr[line.len - 1] == ']') {
            if (!rules_table_by_name(str_sub(line, 1, line.len - 2), &table)) {
                return bad(s, "the visit names an unknown table",
                           "hồ sơ mẫu có bảng không tồn tại");
            }
            TRY(add_record(s, table));
        } else if (equal == SIZE_MAX || table < 0) {
            return bad(s, "a line of the visit is no FIELD=value",
                       "hồ sơ mẫu có dòng không phải TRƯỜNG=giá trị");
        } else {
            TRY(set_field(s, table, s->n[table] - 1, str_trim(str_sub(line, 0, equal)),
                          str_trim(str_sub(line, equal + 1, line.len))));
        }
    }
    return ERR_OK;
}

static ErrCode load_visit(Scene *s, Str name) {
    Str file = arena_join(s->arena, (Str[]){name, STR(".visit")}, 2);
    const RulesFile *f = rules_file_find(s->rules, file);
    memset(s->records, 0, sizeof(s->records));
    memset(s->n, 0, sizeof(s->n));
    return f == NULL ? bad(s, "there is no such visit", "không có hồ sơ mẫu này")
                     : read_visit(s, f->text);
}

/* ---- the line of a case ---- */

/* The next word; '…' may hold blanks, '' a quote. */
static bool next_word(Scene *s, Str *rest, Str *ret) {
    *rest = str_trim(*rest);
    char *out = arena_alloc(s->arena, rest->len + 1);
    size_t n = 0;
    size_t at = 0;
    bool quoted = false;
    if (rest->len == 0 || out == NULL) {
        return false;
    }
    for (; at < rest->len && (quoted || (unsigned char)rest->ptr[at] > ' '); at++) {
        bool quote = rest->ptr[at] == '\'';
        if (quote && quoted && at + 1 < rest->len && rest->ptr[at + 1] == '\'') {
            out[n++] = rest->ptr[at++];
        } else if (quote) {
            quoted = !quoted;
        } else {
            out[n++] = rest->ptr[at];
        }
    }
    *rest = str_sub(*rest, at, rest->len);
    *ret = (Str){out, n};
    return true;
}

/* "XML3[2]" → table and record from 0; without [n] the first. has_index says which. */
static bool split_record(Str s, int *ret_table, size_t *ret_record, bool *ret_index) {
    size_t open = str_find_char(s, '[', 0);
    uint64_t n = 1;
    *ret_index = open != SIZE_MAX;
    if (open != SIZE_MAX) {
        if (s.ptr[s.len - 1] != ']' ||
            str_to_u64(str_sub(s, open + 1, s.len - open - 2), &n) != ERR_OK || n == 0) {
            return false;
        }
        s = str_sub(s, 0, open);
    }
    *ret_record = (size_t)n - 1;
    return rules_table_by_name(s, ret_table);
}

static ErrCode remove_records(Scene *s, Str what) {
    int table = 0;
    size_t record = 0;
    bool one = false;
    if (!split_record(what, &table, &record, &one) || (one && record >= s->n[table])) {
        return bad(s, "there is no such record to remove", "không có bản ghi này để bỏ");
    }
    if (!one) {
        s->n[table] = 0;
        return ERR_OK;
    }
    memmove(&s->records[table][record], &s->records[table][record + 1],
            (s->n[table] - record - 1) * sizeof(ClaimRecord));
    s->n[table]--;
    return ERR_OK;
}

static ErrCode copy_record(Scene *s, int table, size_t record, Str from) {
    int other = 0;
    size_t source = 0;
    bool index = false;
    if (!split_record(from, &other, &source, &index) || source >= s->n[other] ||
        rules_table_fields(other) > rules_table_fields(table)) {
        return bad(s, "there is no such record to copy", "không có bản ghi này để chép");
    }
    bool alike = other == table || (other == 1 && table == RULES_HISTORY) ||
                 (other == 3 && table == RULES_WORK);
    if (!alike) {
        return bad(s, "the records are of different tables", "hai bản ghi thuộc bảng khác nhau");
    }
    memcpy((Str *)(uintptr_t)s->records[table][record].values, s->records[other][source].values,
           (size_t)rules_table_fields(other) * sizeof(Str));
    return ERR_OK;
}

/* CAT.name, CAT.name[code], CAT.name[code].attribute=value. */
static ErrCode catalogue_entry(Scene *s, Str word, Str value) {
    Entry e = {.value = value};
    size_t open = str_find_char(word, '[', 0);
    e.catalogue = str_sub(word, 0, open == SIZE_MAX ? word.len : open);
    if (rules_catalogue_find(s->rules, e.catalogue) == NULL) {
        return bad(s, "the catalogue is unknown", "không có danh mục này");
    }
    if (open != SIZE_MAX) {
        size_t close = str_find_char(word, ']', open);
        if (close == SIZE_MAX) {
            return bad(s, "a bracket is not closed", "thiếu dấu ]");
        }
        e.code = str_sub(word, open + 1, close - open - 1);
        if (close + 2 < word.len && word.ptr[close + 1] == '.') {
            e.attribute = str_sub(word, close + 2, word.len);
        }
    }
    if (s->n_entries == ENTRIES_MAX) {
        return bad(s, "too many entries of catalogues", "quá nhiều mục danh mục");
    }
    s->entries[s->n_entries++] = e;
    return ERR_OK;
}

static ErrCode assign(Scene *s, Str left, Str value) {
    int table = 0;
    size_t record = 0;
    bool index = false;
    size_t dot = str_find_char(left, '.', 0);
    if (!split_record(str_sub(left, 0, dot == SIZE_MAX ? left.len : dot), &table, &record,
                      &index)) {
        return bad(s, "the table is unknown", "không có bảng này");
    }
    if (record > s->n[table]) {
        return bad(s, "records are added one behind the other", "phải thêm bản ghi lần lượt");
    }
    if (record == s->n[table]) {
        TRY(add_record(s, table));
    }
    return dot == SIZE_MAX ? copy_record(s, table, record, value)
                           : set_field(s, table, record, str_sub(left, dot + 1, left.len), value);
}

static ErrCode apply_word(Scene *s, Str word) {
    size_t equal = str_find_char(word, '=', 0);
    Str left = str_sub(word, 0, equal == SIZE_MAX ? word.len : equal);
    Str value = equal == SIZE_MAX ? STR_EMPTY : str_sub(word, equal + 1, word.len);
    char last = word.ptr[word.len - 1];
    if (word.ptr[0] == '@') {
        return load_visit(s, str_sub(word, 1, word.len));
    }
    if (str_starts(word, STR("CAT."))) {
        return catalogue_entry(s, str_sub(left, 4, left.len), value);
    }
    if (equal == SIZE_MAX && last == '-') {
        return remove_records(s, str_sub(word, 0, word.len - 1));
    }
    if (str_eq(word, STR("HISTORY?")) || str_eq(word, STR("WORK?"))) {
        *(word.ptr[0] == 'H' ? &s->history_loaded : &s->work_loaded) = false;
        return ERR_OK;
    }
    return equal == SIZE_MAX ? bad(s, "a word is no TABLE[n].FIELD=value",
                                   "có từ không phải BẢNG[n].TRƯỜNG=giá trị")
                             : assign(s, left, value);
}

static ErrCode set_scene(Scene *s, Str text) {
    Str word;
    s->history_loaded = s->work_loaded = true;
    TRY(load_visit(s, STR("base")));
    while (next_word(s, &text, &word)) {
        if (word.len > 0) {
            TRY(apply_word(s, word));
        }
    }
    return arena_failed(s->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- asking ---- */

static RulesFound look(void *ctx, const RulesAsk *ask, Str *ret_value) {
    const Scene *s = ctx;
    RulesFound found = RULES_NOT_LOADED;
    for (size_t i = 0; i < s->n_entries; i++) {
        const Entry *e = &s->entries[i];
        if (!str_eq(e->catalogue, ask->catalogue)) {
            continue;
        }
        if (!str_eq(e->code, ask->code) || e->code.len == 0) {
            found = MAX(found, RULES_ABSENT);
            continue;
        }
        found = RULES_FOUND;
        if (str_eq(e->attribute, ask->attribute)) {
            *ret_value = e->value;
        }
    }
    return found;
}

/* Did the rule fire on the scene? */
static ErrCode fires(RulesRun *run, Scene *s, const RulesRule *rule, bool *ret_fires) {
    RulesVisit v = {.history_loaded = s->history_loaded, .work_loaded = s->work_loaded};
    RulesReport report;
    for (int t = 0; t < RULES_TABLES; t++) {
        v.records[t] = s->records[t];
        v.n_records[t] = s->n[t];
    }
    RulesWorld world = {.ctx = s, .look = look};
    TRY(rules_check(run, &v, &world, RULES_AT_ALL, &report));
    *ret_fires = false;
    for (size_t i = 0; i < report.n_findings; i++) {
        *ret_fires = *ret_fires || report.findings[i].rule == rule;
    }
    return ERR_OK;
}

static ErrCode run_case(RulesRun *run, Scene *s, const RulesUnit *u, const RulesCase *c,
                        RulesCaseResult *result) {
    bool fired = false;
    int column = 0;
    *result = (RulesCaseResult){.rule = &u->pub, .good = c->good, .text = c->text};
    rules_text_place(u->source, c->text.ptr, &result->line, &column);
    ErrCode err = set_scene(s, c->text);
    if (err == ERR_SYNTAX) {
        result->en = str_from(s->en);
        result->vi = str_from(s->vi);
        return ERR_OK;
    }
    TRY(err);
    TRY(fires(run, s, &u->pub, &fired));
    result->passed = fired != c->good;
    if (!result->passed) {
        result->en = c->good ? STR("the rule fires") : STR("the rule is silent");
        result->vi = c->good ? STR("quy tắc báo lỗi") : STR("quy tắc không báo lỗi");
    }
    return ERR_OK;
}

ErrCode rules_test(const Rules *rules, Str file, RulesCaseFn fn, void *ctx) {
    RulesRun *run = NULL;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    CLEANUP_FREE Scene *s = malloc(sizeof(*s));
    if (arena == NULL || s == NULL) {
        return ERR_NOMEM;
    }
    TRY(rules_run_new(rules, &run));
    ErrCode err = ERR_OK;
    for (size_t i = 0; i < rules->n_units && err == ERR_OK; i++) {
        const RulesUnit *u = rules->units[i];
        if (file.len > 0 && !str_eq(u->pub.file, file)) {
            continue;
        }
        for (size_t k = 0; k < u->n_cases && err == ERR_OK; k++) {
            RulesCaseResult result;
            arena_reset(arena);
            *s = (Scene){.arena = arena, .rules = rules};
            err = run_case(run, s, u, &u->cases[k], &result);
            if (err == ERR_OK) {
                fn(ctx, &result);
            }
        }
    }
    rules_run_free(run);
    return err;
}
