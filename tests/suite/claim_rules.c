/* claim_rules — the tests that stand beside the claim rules (data/rules): each `good` must be
 * silent, each `bad` must fire. One TAP line a rule, then `rules passed/total` over the cases. */
#include "rules/rules.h"

typedef struct Score {
    const RulesRule *rule; /* whose cases are being counted */
    bool ok;
    size_t rules, passed, total;
} Score;

static void end_rule(Score *s) {
    if (s->rule != NULL) {
        printf("%s %zu - " STR_FMT "\n", s->ok ? "ok" : "not ok", ++s->rules,
               STR_ARG(s->rule->id));
    }
}

static void on_case(void *ctx, const RulesCaseResult *r) {
    Score *s = ctx;
    if (s->rule != r->rule) {
        end_rule(s);
        s->rule = r->rule;
        s->ok = true;
    }
    s->total++;
    s->passed += r->passed;
    s->ok = s->ok && r->passed;
    if (!r->passed) {
        printf("# " STR_FMT ":%d: " STR_FMT ": " STR_FMT "\n", STR_ARG(r->rule->file), r->line,
               STR_ARG(r->text), STR_ARG(r->en));
    }
}

static void on_error(void *ctx, const ErrInfo *info) {
    (void)ctx;
    printf("# %s: %s\n", info->where, info->what_en);
}

int main(void) {
    Rules *rules = NULL;
    Score s = {0};
    ErrCode err = rules_new(&(RulesOptions){.on_error = on_error}, &rules, NULL);
    printf("%s 0 - the embedded rules are read\n", err == ERR_OK ? "ok" : "not ok");
    if (err == ERR_OK) {
        err = rules_test(rules, STR_EMPTY, on_case, &s);
        end_rule(&s);
        rules_free(rules);
    }
    printf("rules %zu/%zu\n", s.passed, s.total);
    return err == ERR_OK && s.passed == s.total ? 0 : 1;
}
