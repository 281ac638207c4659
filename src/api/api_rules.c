#include "api/api_rules.h"

#include "core/thread.h"

enum { RUNS_KEPT = 8 };

struct ApiRules {
    const Rules *rules;
    Rules *own;
    RulesWorld world;
    Mutex lock; /* runs, n_runs */
    RulesRun *runs[RUNS_KEPT];
    size_t n_runs;
};

ErrCode api_rules_new(const ApiRulesOptions *options, ApiRules **ret, ErrInfo *info) {
    const Rules *rules = options->rules;
    ApiRules *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->world = options->world;
    mutex_init(&r->lock);
    ErrCode err = rules == NULL ? rules_new(NULL, &r->own, info) : ERR_OK;
    if (err != ERR_OK) {
        api_rules_free(r);
        return err;
    }
    r->rules = rules == NULL ? r->own : rules;
    *ret = r;
    return ERR_OK;
}

void api_rules_free(ApiRules *r) {
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n_runs; i++) {
        rules_run_free(r->runs[i]);
    }
    mutex_release(&r->lock);
    rules_free(r->own);
    free(r);
}

static ErrCode borrow(ApiRules *r, RulesRun **ret_run) {
    mutex_lock(&r->lock);
    RulesRun *run = r->n_runs > 0 ? r->runs[--r->n_runs] : NULL;
    mutex_unlock(&r->lock);
    if (run == NULL) {
        return rules_run_new(r->rules, ret_run);
    }
    *ret_run = run;
    return ERR_OK;
}

static void give_back(ApiRules *r, RulesRun *run) {
    mutex_lock(&r->lock);
    bool kept = r->n_runs < RUNS_KEPT;
    if (kept) {
        r->runs[r->n_runs++] = run;
    }
    mutex_unlock(&r->lock);
    if (!kept) {
        rules_run_free(run);
    }
}

static void copy_finding(Arena *arena, RulesFinding *f) {
    Str *texts[] = {&f->table, &f->field, &f->value,  &f->stt,
                    &f->vi,    &f->en,    &f->fix_vi, &f->fix_en};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_str(arena, *texts[i]);
    }
}

/* The report of a run lives until its next visit only. */
static ErrCode copy_report(Arena *arena, const RulesReport *report, RulesReport *ret) {
    RulesFinding *findings = arena_new_array(arena, RulesFinding, report->n_findings + 1);
    Str *names = arena_new_array(arena, Str, report->n_not_checked + 1);
    if (findings == NULL || names == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < report->n_findings; i++) {
        findings[i] = report->findings[i];
        copy_finding(arena, &findings[i]);
    }
    for (size_t i = 0; i < report->n_not_checked; i++) {
        names[i] = arena_str(arena, report->not_checked[i]);
    }
    *ret = *report;
    ret->findings = findings;
    ret->not_checked = names;
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode api_rules_check(const ApiCheck *check, const Claim *claim, RulesReport *ret_report) {
    RulesVisit visit;
    RulesReport report;
    RulesRun *run = NULL;
    TRY(rules_visit_of_claim(check->arena, claim, &visit));
    TRY(borrow(check->rules, &run));
    ErrCode err = rules_check(run, &visit, &check->rules->world, check->moment, &report);
    err = err == ERR_OK ? copy_report(check->arena, &report, ret_report) : err;
    give_back(check->rules, run);
    return err;
}
