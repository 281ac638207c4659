#include "core/setting.h"

#include "core/io.h"
#include "core/limits.h"

typedef enum SettingType { SETTING_IS_TEXT, SETTING_IS_INT, SETTING_IS_BOOL } SettingType;

/* A default as text and as a number, by type: the list has one column for all. */
typedef union SettingValue {
    const char *text;
    int64_t number;
    bool flag;
} SettingValue;

typedef struct SettingRow {
    const char *name, *en, *vi;
    SettingType type;
    SettingValue def;
    int64_t lo, hi;
    size_t offset; /* in Settings */
} SettingRow;

#define DEFAULT_TEXT(v)                                                                            \
    { .text = (v) }
#define DEFAULT_INT(v)                                                                             \
    { .number = (v) }
#define DEFAULT_BOOL(v)                                                                            \
    { .flag = (v) }

static const SettingRow rows[SETTING_COUNT] = {
#define X(name, type, def, lo, hi, en, vi)                                                         \
    {#name, en, vi, SETTING_IS_##type, DEFAULT_##type(def), lo, hi, offsetof(Settings, name)},
    SETTING_LIST(X)
#undef X
};

static void *place(Settings *s, const SettingRow *row) {
    return (char *)s + row->offset;
}

static void store(Settings *s, const SettingRow *row, SettingValue v) {
    switch (row->type) {
    case SETTING_IS_TEXT:
        *(SettingText *)place(s, row) = v.text;
        break;
    case SETTING_IS_INT:
        *(SettingInt *)place(s, row) = v.number;
        break;
    case SETTING_IS_BOOL:
        *(SettingBool *)place(s, row) = v.flag;
        break;
    }
}

void settings_init(Settings *s) {
    *s = (Settings){0};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        store(s, &rows[i], rows[i].def);
    }
}

void settings_release(Settings *s) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        free(s->owned[i]);
    }
    settings_init(s);
}

/* '-' and '_' are the same, ASCII case counts. */
static bool same_name(Str a, const char *b) {
    for (size_t i = 0; i < a.len; i++) {
        char c = a.ptr[i] == '-' ? '_' : a.ptr[i];
        if (b[i] == '\0' || c != b[i]) {
            return false;
        }
    }
    return b[a.len] == '\0';
}

static const SettingRow *find(Str name) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (same_name(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Edit distance of short names, for "did you mean". */
static size_t distance(Str a, const char *b) {
    size_t n = strlen(b);
    size_t line[64];
    if (a.len >= 64 || n >= 64) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        line[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = line[0];
        line[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (a.ptr[i] != b[j]);
            diagonal = line[j + 1];
            line[j + 1] = MIN(change, MIN(diagonal, line[j]) + 1);
        }
    }
    return line[n];
}

static ErrCode unknown(Str name, ErrInfo *info) {
    const SettingRow *best = &rows[0];
    for (size_t i = 1; i < SETTING_COUNT; i++) {
        if (distance(name, rows[i].name) < distance(name, best->name)) {
            best = &rows[i];
        }
    }
    int len = (int)MIN(name.len, (size_t)64);
    return err_set(info, ERR_PARAM, "setting-unknown",
                   "there is no setting '%.*s'; did you mean '%s'? 'nhip help settings' lists all",
                   "không có cài đặt '%.*s'; có phải '%s'? 'nhip help settings' liệt kê tất cả",
                   len, name.ptr, best->name);
}

static ErrCode bad_value(const SettingRow *row, ErrInfo *info) {
    switch (row->type) {
    case SETTING_IS_INT:
        return err_set(info, ERR_PARAM, "setting-value",
                       "'%s' wants a whole number from %lld to %lld",
                       "'%s' cần một số nguyên từ %lld đến %lld", row->name, (long long)row->lo,
                       (long long)row->hi);
    case SETTING_IS_BOOL:
        return err_set(info, ERR_PARAM, "setting-value",
                       "'%s' wants true or false (also yes/no, on/off, 1/0)",
                       "'%s' cần true hoặc false (cũng được: yes/no, on/off, 1/0)", row->name);
    case SETTING_IS_TEXT:
    default:
        return err_set(info, ERR_PARAM, "setting-value",
                       "'%s' wants a text of %lld to %lld bytes without control characters",
                       "'%s' cần một chuỗi dài %lld đến %lld byte, không có ký tự điều khiển",
                       row->name, (long long)row->lo, (long long)row->hi);
    }
}

static bool parse_int(Str s, int64_t *ret_value) {
    bool negative = str_starts(s, STR("-"));
    uint64_t v = 0;
    if (str_to_u64(str_sub(s, negative ? 1 : 0, s.len), &v) != ERR_OK || v > INT64_MAX) {
        return false;
    }
    *ret_value = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static bool parse_bool(Str s, bool *ret_value) {
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int v = 0; v < 2; v++) {
            if (str_eq_nocase(s, str_from(words[i][v]))) {
                *ret_value = v == 1;
                return true;
            }
        }
    }
    return false;
}

static bool text_fits(const SettingRow *row, Str s) {
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7F) {
            return false;
        }
    }
    return s.len >= (size_t)row->lo && s.len <= (size_t)row->hi;
}

/* Copies a text setting; the copy replaces and frees the last one. */
static ErrCode own_text(Settings *s, const SettingRow *row, Str value, SettingValue *ret_value) {
    char *copy = malloc(value.len + 1);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    memcpy(copy, value.ptr, value.len);
    copy[value.len] = '\0';
    char **owned = &s->owned[row - rows];
    free(*owned);
    *owned = copy;
    ret_value->text = copy;
    return ERR_OK;
}

/* Checks value and sets it. */
static ErrCode set_row(Settings *s, const SettingRow *row, Str value, ErrInfo *info) {
    SettingValue v = {0};
    bool ok = false;
    switch (row->type) {
    case SETTING_IS_TEXT:
        if (text_fits(row, value)) {
            ok = true;
            TRY(own_text(s, row, value, &v));
        }
        break;
    case SETTING_IS_INT:
        ok = parse_int(value, &v.number) && v.number >= row->lo && v.number <= row->hi;
        break;
    case SETTING_IS_BOOL:
        ok = parse_bool(value, &v.flag);
        break;
    }
    if (!ok) {
        return bad_value(row, info);
    }
    store(s, row, v);
    return ERR_OK;
}

ErrCode settings_set(Settings *s, Str name, Str value, SettingSource source, ErrInfo *info) {
    const SettingRow *row = find(name);
    if (row == NULL) {
        return unknown(name, info);
    }
    unsigned char *had = &s->source[row - rows];
    if (*had > source) {
        /* A stronger source decides; the value is still checked, so that a file is right or wrong
         * whatever the flags say. */
        Settings trial;
        settings_init(&trial);
        ErrCode err = set_row(&trial, row, value, info);
        settings_release(&trial);
        return err;
    }
    TRY(set_row(s, row, value, info));
    *had = (unsigned char)source;
    return ERR_OK;
}

/* Cuts a comment off: '#' at the start or behind white space, outside of quotes. */
static Str without_comment(Str line) {
    bool quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        bool begins = i == 0 || line.ptr[i - 1] == ' ' || line.ptr[i - 1] == '\t';
        if (c == '"') {
            quoted = !quoted;
        } else if (c == '#' && !quoted && begins) {
            return str_sub(line, 0, i);
        }
    }
    return line;
}

static ErrCode load_line(Settings *s, Str line, ErrInfo *info) {
    line = str_trim(without_comment(line));
    if (line.len == 0) {
        return ERR_OK;
    }
    size_t at = str_find_char(line, '=', 0);
    if (at == SIZE_MAX) {
        return err_set(info, ERR_SYNTAX, "setting-syntax", "a line must be 'name = value'",
                       "mỗi dòng phải có dạng 'tên = giá trị'");
    }
    Str name = str_trim(str_sub(line, 0, at));
    Str value = str_trim(str_sub(line, at + 1, line.len));
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
        value = str_sub(value, 1, value.len - 2);
    }
    return settings_set(s, name, value, SETTING_FILE, info);
}

ErrCode settings_load_text(Settings *s, Str text, const char *path, ErrInfo *info) {
    Str line;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) {
        text = str_sub(text, 3, text.len);
    }
    for (size_t n = 1; str_cut(&text, '\n', &line); n++) {
        ErrCode err = load_line(s, line, info);
        if (err != ERR_OK) {
            err_where(info, "%s:%zu", path, n);
            return err;
        }
    }
    return ERR_OK;
}

ErrCode settings_load_file(Settings *s, const char *path, ErrInfo *info) {
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_MIB);
    ErrCode err = io_read_file(path, LIMIT_MIB, &text);
    if (err != ERR_OK) {
        err_where(info, "%s", path);
        return err_set(info, err, "setting-file", "the settings file '%s' cannot be read (%s)",
                       "không đọc được tệp cài đặt '%s' (%s)", path, err_name(err));
    }
    return settings_load_text(s, buf_str(&text), path, info);
}

/* Variables of the tests and benchmarks, which may stand in the environment of the program. */
static bool is_for_tests(Str name) {
    return str_eq(name, STR("NHIP_SHARED")) || str_starts(name, STR("NHIP_TEST_"));
}

ErrCode settings_load_environment(Settings *s, char *const *envp, ErrInfo *info) {
    for (; *envp != NULL; envp++) {
        Str value = str_from(*envp);
        Str name;
        if (!str_starts(value, STR("NHIP_")) || !str_cut(&value, '=', &name) || name.len >= 64 ||
            is_for_tests(name)) {
            continue;
        }
        char lower[64];
        size_t len = name.len - 5;
        for (size_t i = 0; i < len; i++) {
            char c = name.ptr[i + 5];
            lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        }
        value = value.ptr == NULL ? STR_EMPTY : value;
        ErrCode err = settings_set(s, (Str){lower, len}, value, SETTING_ENVIRONMENT, info);
        if (err != ERR_OK) {
            err_where(info, STR_FMT, STR_ARG(name));
            return err;
        }
    }
    return ERR_OK;
}

typedef struct Flags {
    Settings *s;
    char **argv;
    int argc, at, kept; /* arguments, next to read, kept for the command */
    bool strict;
    ErrInfo *info;
} Flags;

/* The value of a flag without '=': the next argument, or what a lone BOOL means. */
static ErrCode flag_value(Flags *f, const SettingRow *row, Str name, Str *ret_value) {
    if (row->type == SETTING_IS_BOOL) {
        *ret_value = STR("true");
        return ERR_OK;
    }
    if (f->at >= f->argc) {
        return err_set(f->info, ERR_PARAM, "setting-value", "--%.*s wants a value",
                       "--%.*s cần một giá trị", (int)name.len, name.ptr);
    }
    *ret_value = str_from(f->argv[f->at++]);
    return ERR_OK;
}

/* argv[at - 1] begins with "--": sets it, or keeps it when it is the command's. */
static ErrCode load_flag(Flags *f) {
    char *arg = f->argv[f->at - 1];
    Str value = str_from(arg + 2);
    Str name = STR_EMPTY;
    (void)str_cut(&value, '=', &name);
    bool has_value = value.ptr != NULL;
    const SettingRow *row = find(name);
    if (row == NULL && str_starts(name, STR("no-"))) {
        const SettingRow *positive = find(str_sub(name, 3, name.len));
        if (positive != NULL && positive->type == SETTING_IS_BOOL && !has_value) {
            return settings_set(f->s, str_sub(name, 3, name.len), STR("false"), SETTING_FLAG,
                                f->info);
        }
    }
    if (row == NULL) {
        f->argv[f->kept++] = arg;
        return f->strict ? unknown(name, f->info) : ERR_OK;
    }
    if (!has_value) {
        TRY(flag_value(f, row, name, &value));
    }
    return settings_set(f->s, name, value, SETTING_FLAG, f->info);
}

ErrCode settings_load_flags(Settings *s, int *argc, char **argv, bool strict, ErrInfo *info) {
    Flags f = {
        .s = s, .argv = argv, .argc = *argc, .at = 1, .kept = 1, .strict = strict, .info = info};
    while (f.at < f.argc) {
        char *arg = argv[f.at++];
        if (strcmp(arg, "--") == 0) {
            break;
        }
        if (strncmp(arg, "--", 2) != 0) {
            argv[f.kept++] = arg;
            continue;
        }
        ErrCode err = load_flag(&f);
        if (err != ERR_OK) {
            err_where(info, "%.200s", arg);
            return err;
        }
    }
    while (f.at < f.argc) {
        argv[f.kept++] = argv[f.at++];
    }
    assert(f.kept <= f.argc);
    *argc = MAX(f.kept, MIN(f.argc, 1));
    return ERR_OK;
}

ErrCode settings_load(Settings *s, int *argc, char **argv, char *const *envp, ErrInfo *info) {
    TRY(settings_load_environment(s, envp, info));
    TRY(settings_load_flags(s, argc, argv, false, info));
    return s->config[0] == '\0' ? ERR_OK : settings_load_file(s, s->config, info);
}

static void put_default(Buf *out, const SettingRow *row) {
    switch (row->type) {
    case SETTING_IS_TEXT:
        buf_printf(out, "\"%s\"", row->def.text);
        break;
    case SETTING_IS_INT:
        buf_printf(out, "%lld", (long long)row->def.number);
        break;
    case SETTING_IS_BOOL:
        buf_put_str(out, row->def.flag ? STR("true") : STR("false"));
        break;
    }
}

/* name with '_' as '-', or in capitals. */
static void put_name(Buf *out, const char *name, bool capitals) {
    for (; *name != '\0'; name++) {
        char c = *name;
        if (capitals && c >= 'a' && c <= 'z') {
            c = (char)(c - ('a' - 'A'));
        } else if (!capitals && c == '_') {
            c = '-';
        }
        buf_put_char(out, c);
    }
}

void settings_print_help(Buf *out) {
    buf_put_lit(out, "Settings / Cài đặt: --name value, NHIP_NAME=value, or name = value in the "
                     "file of --config.\n\n");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const SettingRow *row = &rows[i];
        buf_put_lit(out, "  --");
        put_name(out, row->name, false);
        buf_put_lit(out, "  NHIP_");
        put_name(out, row->name, true);
        buf_put_lit(out, "  = ");
        put_default(out, row);
        if (row->type == SETTING_IS_INT) {
            buf_printf(out, "  (%lld–%lld)", (long long)row->lo, (long long)row->hi);
        }
        buf_printf(out, "\n      %s\n      %s\n", row->en, row->vi);
    }
}

void settings_print(const Settings *s, Buf *out) {
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const SettingRow *row = &rows[i];
        const void *p = (const char *)s + row->offset;
        SettingRow now = *row;
        if (row->type == SETTING_IS_TEXT) {
            now.def.text = *(const SettingText *)p;
        } else if (row->type == SETTING_IS_INT) {
            now.def.number = *(const SettingInt *)p;
        } else {
            now.def.flag = *(const SettingBool *)p;
        }
        buf_printf(out, "%s = ", row->name);
        put_default(out, &now);
        buf_printf(out, " # %s\n", sources[s->source[i]]);
    }
}
