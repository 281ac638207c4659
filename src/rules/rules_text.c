#include "rules/rules_int.h"

#include "core/time.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The line at *at, without its end; moves behind it. */
static Str next_line(Str text, size_t *at) {
    size_t end = str_find_char(text, '\n', *at);
    Str line = str_sub(text, *at, (end == SIZE_MAX ? text.len : end) - *at);
    *at = end == SIZE_MAX ? text.len : end + 1;
    return line;
}

/* Everything from the value's beginning over the continuation lines. */
static Str whole_value(Str text, Str first, size_t *at) {
    const char *end = first.ptr + first.len;
    while (*at < text.len && is_blank(text.ptr[*at])) {
        size_t next = *at;
        Str line = next_line(text, &next);
        if (str_trim(line).len == 0) {
            break;
        }
        end = line.ptr + line.len;
        *at = next;
    }
    return str_trim((Str){first.ptr, (size_t)(end - first.ptr)});
}

bool rules_text_next(Arena *arena, const RulesFile *file, size_t *at, RulesBlock *ret,
                     ErrCode *ret_err) {
    RulesBlock b = {.file = file};
    size_t capacity = 0;
    *ret_err = ERR_OK;
    while (*at < file->text.len) {
        size_t start = *at;
        Str line = next_line(file->text, at);
        if (line.len > 0 && line.ptr[0] == '#') {
            continue;
        }
        if (str_trim(line).len == 0) {
            if (b.n_pairs > 0) {
                break;
            }
            continue;
        }
        if (!rules_grow(arena, &b.pairs, b.n_pairs, &capacity, sizeof(*b.pairs))) {
            *ret_err = ERR_NOMEM;
            return false;
        }
        size_t key = 0;
        while (key < line.len && !is_blank(line.ptr[key])) {
            key++;
        }
        size_t value = key;
        while (value < line.len && is_blank(line.ptr[value])) {
            value++;
        }
        b.pairs[b.n_pairs++] = (RulesPair){
            .key = str_sub(file->text, start, key),
            .value = whole_value(file->text, str_sub(line, value, line.len), at),
        };
    }
    *ret = b;
    return b.n_pairs > 0;
}

const RulesPair *rules_text_get(const RulesBlock *b, Str key) {
    for (size_t i = 0; i < b->n_pairs; i++) {
        if (str_eq(b->pairs[i].key, key)) {
            return &b->pairs[i];
        }
    }
    return NULL;
}

void rules_text_place(const RulesFile *file, const char *at, int *ret_line, int *ret_column) {
    *ret_line = 1;
    *ret_column = 1;
    for (const char *p = file->text.ptr; p < at; p++) {
        if (*p == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else {
            *ret_column += ((unsigned char)*p & 0xc0) != 0x80; /* characters */
        }
    }
}

ErrCode rules_text_fail(const RulesFile *file, const char *at, ErrInfo *info, const char *rule,
                        const char *en, const char *vi, Str detail) {
    int line = 0;
    int column = 0;
    char text_en[ERR_WHAT_MAX];
    char text_vi[ERR_WHAT_MAX];
    rules_text_place(file, at, &line, &column);
    detail.len = MIN(detail.len, 80);
    size_t hole_en = str_find(str_from(en), STR("{}"));
    size_t hole_vi = str_find(str_from(vi), STR("{}"));
    /* {} stands for the detail. */
    if (hole_en == SIZE_MAX || hole_vi == SIZE_MAX) {
        (void)snprintf(text_en, sizeof(text_en), "%s", en);
        (void)snprintf(text_vi, sizeof(text_vi), "%s", vi);
    } else {
        (void)snprintf(text_en, sizeof(text_en), "%.*s" STR_FMT "%s", (int)hole_en, en,
                       STR_ARG(detail), en + hole_en + 2);
        (void)snprintf(text_vi, sizeof(text_vi), "%.*s" STR_FMT "%s", (int)hole_vi, vi,
                       STR_ARG(detail), vi + hole_vi + 2);
    }
    if (info != NULL) {
        *info = (ErrInfo){0};
        (void)err_set(info, ERR_SYNTAX, rule, "%s", "%s", text_en);
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", text_vi);
        err_where(info, STR_FMT ":%d:%d", STR_ARG(file->name), line, column);
    }
    return ERR_SYNTAX;
}

Str rules_text_flat(Arena *arena, Str value) {
    char *out = arena_alloc(arena, value.len + 1);
    if (out == NULL) {
        return STR_EMPTY;
    }
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\n') {
            out[n++] = value.ptr[i];
            continue;
        }
        while (n > 0 && is_blank(out[n - 1])) {
            n--;
        }
        while (i + 1 < value.len && is_blank(value.ptr[i + 1])) {
            i++;
        }
        out[n++] = ' ';
    }
    out[n] = '\0';
    return (Str){out, n};
}

bool rules_text_date(Str s, int64_t *ret_days) {
    int part[3] = {0};
    if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-') {
        return false;
    }
    for (size_t i = 0, k = 0; i < s.len; i++) {
        if (i == 4 || i == 7) {
            k++;
            continue;
        }
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        part[k] = part[k] * 10 + (s.ptr[i] - '0');
    }
    if (part[0] < 1 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > time_days_in_month(part[0], part[1])) {
        return false;
    }
    *ret_days = time_days_from_civil(part[0], part[1], part[2]);
    return true;
}

bool rules_grow(Arena *arena, void *array, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) {
        return true;
    }
    size_t more = MAX(*capacity * 2, 8);
    void *old = NULL;
    memcpy(&old, array, sizeof(old));
    void *grown = arena_alloc(arena, more * size);
    if (grown == NULL) {
        return false;
    }
    if (n > 0) {
        memcpy(grown, old, n * size);
    }
    memcpy(array, &grown, sizeof(grown));
    *capacity = more;
    return true;
}
