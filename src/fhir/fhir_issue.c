#include "fhir/fhir_issue.h"

#include "core/limits.h"

enum { ARG_MAX = 100 };

typedef struct RuleText {
    const char *id;
    const char *issue;
    const char *en;
    const char *vi;
} RuleText;

static const RuleText RULES[] = {
#define X(rule, id, issue, en, vi) {id, issue, en, vi},
    FHIR_RULE_LIST(X)
#undef X
};

const char *fhir_rule_id(FhirRule rule) {
    assert((size_t)rule < ARRAY_LEN(RULES));
    return RULES[rule].id;
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

/* The template with {0} and {1} replaced; the result lives in the arena. */
static Str fill_in(Arena *arena, const char *text, const Str args[2]) {
    Buf b;
    buf_init(&b, 4096);
    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '{' && (p[1] == '0' || p[1] == '1') && p[2] == '}') {
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

/* The next free place, or NULL when the list is full. */
static FhirIssue *new_item(FhirIssues *list) {
    list->n_errors++;
    if (list->items == NULL) {
        list->items = arena_new_array(list->arena, FhirIssue, LIMIT_FHIR_ISSUES);
    }
    if (list->items == NULL || fhir_issues_full(list)) {
        list->n_dropped++;
        return NULL;
    }
    return &list->items[list->n++];
}

void fhir_issue_add(FhirIssues *list, FhirRule rule, Str where, const Str args[2]) {
    FhirIssue *item = list == NULL ? NULL : new_item(list);
    if (item == NULL) {
        return;
    }
    assert((size_t)rule < ARRAY_LEN(RULES));
    const RuleText *text = &RULES[rule];
    *item = (FhirIssue){.rule = rule,
                        .id = text->id,
                        .issue = text->issue,
                        .where = copy_clean(list->arena, where),
                        .en = fill_in(list->arena, text->en, args),
                        .vi = fill_in(list->arena, text->vi, args)};
}

void fhir_issue_add_info(FhirIssues *list, const ErrInfo *info) {
    FhirIssue *item = list == NULL ? NULL : new_item(list);
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
    (void)err_set(info, code, first->id, "%s", "%s", first->en.ptr);
    if (info != NULL) {
        (void)snprintf(info->what_vi, sizeof(info->what_vi), "%s", first->vi.ptr);
        err_where(info, "%s", first->where.ptr);
    }
    return code;
}
