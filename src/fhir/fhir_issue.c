#include "fhir/fhir_issue.h"

#include "core/limits.h"

enum { ARG_MAX = 100 };

static const FhirRuleText RULES[] = {
#define X(rule, id, issue, en, vi) {id, issue, en, vi},
    FHIR_RULE_LIST(X)
#undef X
};

const char *fhir_rule_id(FhirRule rule) {
    assert((size_t)rule < ARRAY_LEN(RULES));
    return RULES[rule].id;
}

const char *fhir_severity_code(FhirSeverity severity) {
    static const char *const codes[] = {"error", "warning", "information"};
    assert((size_t)severity < ARRAY_LEN(codes));
    return codes[severity];
}

/* The first bytes of a long argument, cut between characters. */
static Str shorten(Str s) {
    if (s.len <= ARG_MAX) {
        return s;
    }
    size_t len = ARG_MAX;
    while (len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return (Str){s.ptr, len};
}

/* Copies into the arena with control characters, which FHIR's strings must not hold, as '?'. */
static Str copy_clean(Arena *arena, Str s) {
    char *p = arena_alloc(arena, s.len + 1);
    if (p == NULL) {
        return STR_EMPTY;
    }
    for (size_t i = 0; i < s.len; i++) {
        p[i] = (unsigned char)s.ptr[i] < 0x20 ? '?' : s.ptr[i];
    }
    p[s.len] = '\0';
    return (Str){p, s.len};
}

/* The template with {0}, {1} … replaced; the result lives in the arena. */
static Str fill_in(Arena *arena, const char *text, const Str *args, size_t n_args) {
    Buf b;
    buf_init(&b, 4096);
    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '{' && p[1] >= '0' && (size_t)(p[1] - '0') < n_args && p[2] == '}') {
            buf_put_str(&b, shorten(args[p[1] - '0']));
            p += 2;
        } else {
            buf_put_char(&b, *p);
        }
    }
    Str s = copy_clean(arena, buf_str(&b));
    buf_release(&b);
    return s;
}

bool fhir_issues_full(const FhirIssues *list) {
    return list->n == LIMIT_FHIR_ISSUES;
}

/* The place of the last issue that is no error, when there is one. */
static FhirIssue *yielding_item(FhirIssues *list) {
    for (unsigned i = list->n; i > 0; i--) {
        if (list->items[i - 1].severity != FHIR_ERROR) {
            memmove(&list->items[i - 1], &list->items[i], (list->n - i) * sizeof(FhirIssue));
            return &list->items[list->n - 1];
        }
    }
    return NULL;
}

/* The next free place, or NULL when the list is full. */
static FhirIssue *new_item(FhirIssues *list, FhirSeverity severity) {
    list->n_errors += severity == FHIR_ERROR;
    list->n_warnings += severity == FHIR_WARNING;
    if (list->items == NULL) {
        list->items = arena_new_array(list->arena, FhirIssue, LIMIT_FHIR_ISSUES);
    }
    if (list->items == NULL) {
        list->n_dropped++;
        return NULL;
    }
    if (fhir_issues_full(list)) {
        list->n_dropped++;
        bool may_yield = severity == FHIR_ERROR && list->n_errors <= list->n;
        return may_yield ? yielding_item(list) : NULL;
    }
    return &list->items[list->n++];
}

static void fill_item(FhirIssues *list, FhirIssue *item, const FhirRuleText *text,
                      const Str *args) {
    size_t n_args = item->rule == FHIR_RULE_JSON ? FHIR_ISSUE_ARGS : 2;
    item->id = text->id;
    item->issue = text->issue;
    item->en = fill_in(list->arena, text->en, args, n_args);
    item->vi = fill_in(list->arena, text->vi, args, n_args);
}

void fhir_issue_add(FhirIssues *list, FhirRule rule, Str where, const Str args[2]) {
    FhirIssue *item = list == NULL ? NULL : new_item(list, FHIR_ERROR);
    if (item == NULL) {
        return;
    }
    assert((size_t)rule < ARRAY_LEN(RULES) && rule != FHIR_RULE_JSON);
    *item = (FhirIssue){.rule = rule, .where = copy_clean(list->arena, where)};
    fill_item(list, item, &RULES[rule], args);
}

void fhir_issue_put(FhirIssues *list, FhirSeverity severity, const FhirRuleText *rule, Str where,
                    const Str args[FHIR_ISSUE_ARGS]) {
    FhirIssue *item = list == NULL ? NULL : new_item(list, severity);
    if (item == NULL) {
        return;
    }
    *item = (FhirIssue){
        .rule = FHIR_RULE_JSON, .severity = severity, .where = copy_clean(list->arena, where)};
    fill_item(list, item, rule, args);
}

void fhir_issue_add_info(FhirIssues *list, const ErrInfo *info) {
    FhirIssue *item = list == NULL ? NULL : new_item(list, FHIR_ERROR);
    if (item == NULL) {
        return;
    }
    bool has_text = info->what_en[0] != '\0';
    Arena *a = list->arena;
    *item = (FhirIssue){
        .rule = FHIR_RULE_JSON,
        .id = copy_clean(a, str_from(info->rule)).ptr,
        .issue = err_issue(info->code),
        .where = copy_clean(a, str_from(info->where)),
        .en = copy_clean(a, str_from(has_text ? info->what_en : err_text(info->code, 0))),
        .vi = copy_clean(a, str_from(has_text ? info->what_vi : err_text(info->code, 1)))};
}

ErrCode fhir_issues_to_info(const FhirIssues *list, ErrCode code, ErrInfo *info) {
    if (list->n == 0) {
        return err_plain(info, code, "fhir");
    }
    const FhirIssue *first = &list->items[0];
    for (unsigned i = 0; i < list->n && first->severity != FHIR_ERROR; i++) {
        first = &list->items[i];
    }
    (void)err_set(info, code, first->id, "%s", "%s", first->en.ptr);
    if (info != NULL) {
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", first->vi.ptr);
        err_where(info, "%s", first->where.ptr);
    }
    return code;
}
