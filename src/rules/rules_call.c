#include "core/fold.h"
#include "core/time.h"
#include "core/utf8.h"
#include "rules/rules_prog_int.h"

enum { DAY_MINUTES = 1440 };

/* ---- times ---- */

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

void rules_time_civil(int64_t minutes, int *ret_year, int *ret_month, int *ret_day) {
    time_civil_from_days(floor_div(minutes, DAY_MINUTES), ret_year, ret_month, ret_day);
}

void rules_time_put(Buf *out, int64_t minutes, bool with_clock) {
    int year = 0;
    int month = 0;
    int day = 0;
    int64_t clock = minutes - floor_div(minutes, DAY_MINUTES) * DAY_MINUTES;
    rules_time_civil(minutes, &year, &month, &day);
    buf_printf(out, "%02d/%02d/%04d", day, month, year);
    if (with_clock) {
        buf_printf(out, " %02d:%02d", (int)(clock / 60), (int)(clock % 60));
    }
}

/* Whole months from one day to another, negative when it lies before. */
static int64_t months_between(int64_t from, int64_t to) {
    if (to < from) {
        return -months_between(to, from);
    }
    int y1 = 0;
    int m1 = 0;
    int d1 = 0;
    int y2 = 0;
    int m2 = 0;
    int d2 = 0;
    rules_time_civil(from, &y1, &m1, &d1);
    rules_time_civil(to, &y2, &m2, &d2);
    return (int64_t)(y2 - y1) * 12 + (m2 - m1) - (d2 < d1);
}

static bool time_fn(RulesFn fn, const RulesValue *a, RulesValue *ret) {
    int year = 0;
    int month = 0;
    int day = 0;
    int64_t days = floor_div(a[0].time, DAY_MINUTES);
    if (fn == RULES_FN_date) {
        ret->time = days * DAY_MINUTES;
        return true;
    }
    rules_time_civil(a[0].time, &year, &month, &day);
    switch ((int)fn) {
    case RULES_FN_year:
        ret->num = rules_num(year);
        return true;
    case RULES_FN_month:
        ret->num = rules_num(month);
        return true;
    case RULES_FN_day:
        ret->num = rules_num(day);
        return true;
    case RULES_FN_hour:
        ret->num = rules_num((a[0].time - days * DAY_MINUTES) / 60);
        return true;
    case RULES_FN_weekday:
        ret->num = rules_num(time_weekday(days));
        return true;
    default:
        return false;
    }
}

static bool span_fn(RulesFn fn, const RulesValue *a, RulesValue *ret) {
    int64_t minutes = a[1].time - a[0].time;
    switch ((int)fn) {
    case RULES_FN_minutes:
        ret->num = rules_num(minutes);
        return true;
    case RULES_FN_hours:
        return rules_num_div(rules_num(minutes), rules_num(60), &ret->num);
    case RULES_FN_days:
    case RULES_FN_age_days:
        ret->num = rules_num(floor_div(a[1].time, DAY_MINUTES) - floor_div(a[0].time, DAY_MINUTES));
        return true;
    case RULES_FN_age_months:
        ret->num = rules_num(months_between(a[0].time, a[1].time));
        return true;
    default: /* age_years: the birthday counts, 29 February is one on 1 March */
        ret->num = rules_num(months_between(a[0].time, a[1].time) / 12);
        return true;
    }
}

/* ---- texts ---- */

/* Bytes of the first n characters. */
static size_t bytes_of(Str s, int64_t n) {
    size_t at = 0;
    for (; n > 0 && at < s.len; n--) {
        uint32_t cp = 0;
        size_t len = utf8_decode(s, at, &cp);
        at += MAX(len, 1);
    }
    return MIN(at, s.len);
}

static int64_t characters(Str s) {
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool count_of(const RulesValue *v, int64_t *ret) {
    return rules_num_whole(v->num, ret) && *ret >= 0;
}

/* The n-th part, from 1. */
static Str part_of(Str s, Str sep, int64_t n) {
    Str rest = s;
    for (;;) {
        size_t at = str_find(rest, sep);
        if (n <= 1) {
            return n < 1 ? STR_EMPTY : str_trim(str_sub(rest, 0, at == SIZE_MAX ? rest.len : at));
        }
        if (at == SIZE_MAX) {
            return STR_EMPTY;
        }
        rest = str_sub(rest, at + sep.len, rest.len);
        n--;
    }
}

static Str upper(Arena *arena, Str s) {
    char *out = arena_alloc(arena, s.len + 1);
    if (out == NULL) {
        return STR_EMPTY;
    }
    for (size_t i = 0; i < s.len; i++) {
        out[i] = (char)(s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? s.ptr[i] - 32 : s.ptr[i]);
    }
    return (Str){out, s.len};
}

static bool text_fn(Arena *arena, RulesFn fn, const RulesValue *a, RulesValue *ret) {
    int64_t n = 0;
    int64_t m = 0;
    Str s = a[0].text;
    switch ((int)fn) {
    case RULES_FN_left:
        ret->text = count_of(&a[1], &n) ? str_sub(s, 0, bytes_of(s, n)) : STR_EMPTY;
        break;
    case RULES_FN_right:
        if (count_of(&a[1], &n)) {
            n = MAX(characters(s) - n, 0);
            ret->text = str_sub(s, bytes_of(s, n), s.len);
        } else {
            ret->text = STR_EMPTY;
        }
        break;
    case RULES_FN_mid:
        if (count_of(&a[1], &n) && count_of(&a[2], &m) && n > 0) {
            s = str_sub(s, bytes_of(s, n - 1), s.len);
            ret->text = str_sub(s, 0, bytes_of(s, m));
        } else {
            ret->text = STR_EMPTY;
        }
        break;
    case RULES_FN_part:
        ret->text = count_of(&a[2], &n) ? part_of(s, a[1].text, n) : STR_EMPTY;
        break;
    case RULES_FN_upper:
        ret->text = upper(arena, s);
        break;
    default: /* fold */
        ret->text = fold(arena, s);
        break;
    }
    return ret->text.len > 0; /* an empty text is unknown */
}

static bool to_text(Arena *arena, const RulesValue *a, uint8_t type, RulesValue *ret) {
    int64_t whole = 0;
    if (type == RULES_TEXT) {
        *ret = *a;
        return true;
    }
    if (type == RULES_NUMBER && rules_num_whole(a->num, &whole) && whole >= 0 && whole <= 9) {
        ret->text = str_sub(STR("0123456789"), (size_t)whole, 1);
        return true;
    }
    CLEANUP_BUF Buf b;
    buf_init(&b, 256);
    if (type == RULES_NUMBER) {
        rules_num_put(&b, a->num);
    } else {
        rules_time_put(&b, a->time, a->time % DAY_MINUTES != 0);
    }
    ret->text = arena_str(arena, buf_str(&b));
    return ret->text.len > 0;
}

/* ---- numbers ---- */

static bool number_fn(RulesFn fn, const RulesValue *a, size_t n, RulesValue *ret) {
    int64_t digits = 0;
    switch ((int)fn) {
    case RULES_FN_round:
        if (n > 1 && (!count_of(&a[1], &digits) || digits > RULES_DIV_SCALE)) {
            return false;
        }
        ret->num = rules_num_round(a[0].num, (int)digits);
        return true;
    case RULES_FN_floor:
        ret->num = rules_num_floor(a[0].num);
        return true;
    case RULES_FN_ceil:
        ret->num = rules_num_floor((RulesNum){-a[0].num.m, a[0].num.scale});
        ret->num.m = -ret->num.m;
        return true;
    default: /* abs */
        ret->num = (RulesNum){a[0].num.m < 0 ? -a[0].num.m : a[0].num.m, a[0].num.scale};
        return true;
    }
}

bool rules_apply(Arena *arena, RulesFn fn, const RulesValue *a, const uint8_t *types, size_t n,
                 RulesValue *ret) {
    RulesValue v = {0};
    bool known = true;
    switch (fn) {
    case RULES_FN_date:
    case RULES_FN_year:
    case RULES_FN_month:
    case RULES_FN_day:
    case RULES_FN_hour:
    case RULES_FN_weekday:
        known = time_fn(fn, a, &v);
        break;
    case RULES_FN_time:
        known = rules_time_parse(a[0].text, &v.time);
        break;
    case RULES_FN_minutes:
    case RULES_FN_hours:
    case RULES_FN_days:
    case RULES_FN_age_days:
    case RULES_FN_age_months:
    case RULES_FN_age_years:
        known = span_fn(fn, a, &v);
        break;
    case RULES_FN_len:
        v.num = rules_num(characters(a[0].text));
        break;
    case RULES_FN_left:
    case RULES_FN_right:
    case RULES_FN_mid:
    case RULES_FN_part:
    case RULES_FN_upper:
    case RULES_FN_fold:
        known = text_fn(arena, fn, a, &v);
        break;
    case RULES_FN_contains:
        v.time = str_find(a[0].text, a[1].text) != SIZE_MAX;
        break;
    case RULES_FN_number:
        known = rules_num_parse(a[0].text, &v.num);
        break;
    case RULES_FN_text:
        known = to_text(arena, a, types[0], &v);
        break;
    case RULES_FN_round:
    case RULES_FN_floor:
    case RULES_FN_ceil:
    case RULES_FN_abs:
        known = number_fn(fn, a, n, &v);
        break;
    case RULES_FN_min:
    case RULES_FN_max:
        v = a[0];
        for (size_t i = 1; i < n; i++) {
            int order = rules_value_cmp((RulesType)types[0], &a[i], &v);
            v = (fn == RULES_FN_min ? order < 0 : order > 0) ? a[i] : v;
        }
        break;
    case RULES_FN_if:
    case RULES_FN_COUNT:
    default:
        return false;
    }
    *ret = v;
    return known;
}

bool rules_call(RulesRun *r, const RulesNode *n, RulesValue *ret) {
    RulesValue args[RULES_ARGS_MAX] RULES_RAW; /* clearing them would cost more than most calls */
    uint8_t types[RULES_ARGS_MAX] RULES_RAW;
    if (n->op == RULES_OP_PARAM) {
        const RulesExpr *e = n->data;
        return rules_param_find(r->rules, e->name, r->day == INT64_MIN ? INT64_MAX : r->day,
                                &ret->num);
    }
    if (n->op == RULES_OP_CALL && n->kind == RULES_FN_if) {
        int t = rules_truth(r, n->args[0]);
        return t >= 0 && rules_value(r, n->args[t == 1 ? 1 : 2], ret);
    }
    for (size_t i = 0; i < n->n_args; i++) {
        types[i] = r->program->nodes[n->args[i]].type;
        if (!rules_value(r, n->args[i], &args[i])) {
            return false;
        }
    }
    if (n->op == RULES_OP_CAT) {
        const RulesExpr *e = n->data;
        return rules_look(r, e->catalogue, args[0].text, e->name, &ret->text) == RULES_FOUND &&
               ret->text.len > 0;
    }
    return rules_apply(r->arena, (RulesFn)n->kind, args, types, n->n_args, ret);
}
