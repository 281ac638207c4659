/* What a report keeps for the sender. */
#include "intake/intake_int.h"

static Str keep(IntakeReport *r, Str s) {
    return s.len == 0 ? STR_EMPTY : arena_str(r->arena, s);
}

void intake_report_issue(IntakeReport *report, Mutex *lock, const IntakeIssue *issue) {
    MUTEX_GUARD(lock);
    report->errors += issue->is_error;
    report->warnings += !issue->is_error;
    if (report->arena == NULL || report->n_issues == INTAKE_ISSUES_MAX) {
        return;
    }
    if (report->issues == NULL) {
        report->issues = arena_new_array(report->arena, IntakeIssue, INTAKE_ISSUES_MAX);
    }
    if (report->issues == NULL) {
        return;
    }
    IntakeIssue *kept = &report->issues[report->n_issues++];
    *kept = *issue;
    kept->file = keep(report, issue->file);
    kept->ma_lk = keep(report, issue->ma_lk);
    kept->table = keep(report, issue->table);
    kept->field = keep(report, issue->field);
    kept->rule = keep(report, issue->rule);
    kept->en = keep(report, issue->en);
    kept->vi = keep(report, issue->vi);
}

void intake_report_visit(IntakeReport *report, Str key) {
    if (report->arena == NULL || report->n_visits == INTAKE_VISITS_MAX) {
        return;
    }
    if (report->visits == NULL) {
        report->visits = arena_new_array(report->arena, Str, INTAKE_VISITS_MAX);
    }
    if (report->visits != NULL) {
        report->visits[report->n_visits++] = keep(report, key);
    }
}
