#include "interop/claim_int.h"

#include "core/limits.h"

enum { DETAIL_MAX = 80, ISSUES_FIRST = 8 };

typedef struct Rule {
    Str id, en, vi;
    ClaimSeverity severity;
} Rule;

static const Rule rules[CLAIM_RULE_COUNT] = {
#define X(name, id, severity, en, vi)                                                              \
    {{id, sizeof(id) - 1}, {en, sizeof(en) - 1}, {vi, sizeof(vi) - 1}, CLAIM_##severity},
    CLAIM_RULE_LIST(X)
#undef X
};

Str claim_rule_id(ClaimRule rule) {
    return rules[rule].id;
}

ClaimSeverity claim_rule_severity(ClaimRule rule) {
    return rules[rule].severity;
}

Str claim_rule_text(ClaimRule rule, bool vietnamese) {
    return vietnamese ? rules[rule].vi : rules[rule].en;
}

/* The first DETAIL_MAX bytes, cut at a character's border. */
static Str shorten(Str s) {
    if (s.len <= DETAIL_MAX) {
        return s;
    }
    size_t len = DETAIL_MAX;
    while (len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return str_sub(s, 0, len);
}

/* The rule's sentence with its first {} replaced. */
static Str fill(Arena *arena, Str text, Str detail) {
    size_t at = str_find(text, STR("{}"));
    if (at == SIZE_MAX) {
        return text;
    }
    size_t len = text.len - 2 + detail.len;
    char *p = arena_alloc(arena, len);
    if (p == NULL) {
        return text;
    }
    memcpy(p, text.ptr, at);
    if (detail.len > 0) {
        memcpy(p + at, detail.ptr, detail.len);
    }
    memcpy(p + at + detail.len, text.ptr + at + 2, text.len - at - 2);
    return (Str){p, len};
}

Str claim_rule_say(Arena *arena, ClaimRule rule, bool vietnamese, Str detail) {
    return fill(arena, claim_rule_text(rule, vietnamese), detail);
}

static bool grow(ClaimBuild *b) {
    if (b->n_issues < b->capacity_issues) {
        return true;
    }
    int capacity = b->capacity_issues == 0 ? ISSUES_FIRST : 2 * b->capacity_issues;
    capacity = MIN(capacity, LIMIT_CLAIM_ISSUES);
    if (b->n_issues >= capacity) {
        return false;
    }
    ClaimIssue *issues = arena_new_array(b->arena, ClaimIssue, (size_t)capacity);
    if (issues == NULL) {
        return false;
    }
    if (b->n_issues > 0) {
        memcpy(issues, b->issues, (size_t)b->n_issues * sizeof(*issues));
    }
    b->issues = issues;
    b->capacity_issues = capacity;
    return true;
}

/* XML0–XML5 become resources, so their fields must hold; the others are kept as received. */
static bool is_strict(const ClaimTable *t) {
    return t == NULL || t->number <= 5;
}

static bool is_field_rule(ClaimRule rule) {
    return rule >= CLAIM_RULE_FIELD_UNKNOWN;
}

/* That a claim is too large stands first, however much else is wrong with it: it is why the rest
 * was not read. */
static void put_issue(ClaimBuild *b, const ClaimIssue *issue, bool has_room) {
    bool is_first = issue->rule == CLAIM_RULE_CLAIM_LARGE && b->n_issues > 0;
    if (has_room) {
        b->issues[b->n_issues++] = is_first ? b->issues[0] : *issue;
    }
    if (is_first) {
        b->issues[0] = *issue;
    }
}

void claim_issue_say(ClaimBuild *b, ClaimRule rule, ClaimAt at, ClaimDetail detail) {
    assert(rule < CLAIM_RULE_COUNT);
    ClaimSeverity severity = rules[rule].severity;
    if (is_field_rule(rule) && !is_strict(at.table)) {
        severity = CLAIM_WARNING;
    }
    b->n_errors += severity == CLAIM_ERROR;
    b->n_warnings += severity == CLAIM_WARNING;
    bool has_room = grow(b);
    if (!has_room && (rule != CLAIM_RULE_CLAIM_LARGE || b->n_issues == 0)) {
        return;
    }
    ClaimIssue issue = {
        .rule = rule,
        .severity = severity,
        .rule_id = rules[rule].id,
        .file = b->file,
        .table = at.table == NULL ? STR_EMPTY : at.table->name,
        .field = at.field == NULL ? STR_EMPTY : at.field->name,
        .hoso = b->hoso,
        .record = at.record,
        .line = at.line,
        .en = fill(b->arena, rules[rule].en, detail.en),
        .vi = fill(b->arena, rules[rule].vi, detail.vi),
    };
    put_issue(b, &issue, has_room);
}

void claim_issue_add(ClaimBuild *b, ClaimRule rule, ClaimAt at, Str detail) {
    detail = shorten(detail);
    claim_issue_say(b, rule, at, (ClaimDetail){detail, detail});
}
