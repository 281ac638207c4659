/* rules — all embedded claim rules over the synthetic province's claims, one thread, CPU time:
 * visits a second when the claims are only read, read and checked, and checked (timed around each
 * check, so between the reading as in an import); also findings a visit and the rules that found
 * most. Usage: rules [visits]. Target: ≥ 5,000 visits/s checked a core with all rules on. */
#include <inttypes.h>

#include "claim_files.h"
#include "core/limits.h"
#include "rules/rules.h"

enum { ROUNDS = 3, SHOWN = 10 };

typedef struct Bench {
    const Rules *rules;
    RulesRun *run; /* NULL: only read */
    Arena *arena;
    uint64_t visits, findings, not_checked;
    uint64_t *by_rule;
    double checked; /* seconds in checks */
} Bench;

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Bench *b = ctx;
    RulesVisit visit;
    RulesReport report;
    b->visits++;
    if (b->run == NULL) {
        return ERR_OK;
    }
    arena_reset(b->arena);
    TRY(rules_visit_of_claim(b->arena, claim, &visit));
    visit.history_loaded = visit.work_loaded = true; /* and empty: their rules run, too */
    double start = bench_cpu(BENCH_THREAD);
    ErrCode err = rules_check(b->run, &visit, NULL, RULES_AT_IMPORT, &report);
    b->checked += bench_cpu(BENCH_THREAD) - start;
    TRY(err);
    b->findings += report.n_findings + report.n_more;
    b->not_checked += report.n_not_checked;
    for (size_t i = 0; i < report.n_findings; i++) {
        for (size_t k = 0; k < rules_count(b->rules); k++) {
            b->by_rule[k] += rules_get(b->rules, k) == report.findings[i].rule;
        }
    }
    return ERR_OK;
}

static double once(Bench *b, const ClaimFiles *files) {
    double start = bench_cpu(BENCH_THREAD);
    b->visits = b->findings = b->not_checked = 0;
    memset(b->by_rule, 0, rules_count(b->rules) * sizeof(*b->by_rule));
    for (size_t i = 0; i < files->n; i++) {
        ClaimReadOptions o = {.ctx = b, .on_claim = on_claim};
        if (claim_read(files->at[i], &o, NULL) != ERR_OK) {
            (void)fprintf(stderr, "bench rules: out of memory\n");
            exit(1);
        }
    }
    return bench_cpu(BENCH_THREAD) - start;
}

/* Of the whole, and of its checks. */
static double best(Bench *b, const ClaimFiles *files, double *ret_checked) {
    double seconds = 1e9;
    *ret_checked = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        b->checked = 0;
        double one = once(b, files);
        seconds = MIN(seconds, one);
        *ret_checked = MIN(*ret_checked, b->checked);
    }
    return seconds;
}

static void print_most(const Bench *b) {
    for (int shown = 0; shown < SHOWN; shown++) {
        size_t most = 0;
        for (size_t k = 0; k < rules_count(b->rules); k++) {
            most = b->by_rule[k] > b->by_rule[most] ? k : most;
        }
        if (b->by_rule[most] == 0) {
            break;
        }
        printf("  %9" PRIu64 "  " STR_FMT "\n", b->by_rule[most],
               STR_ARG(rules_get(b->rules, most)->id));
        b->by_rule[most] = 0;
    }
}

int main(int argc, char **argv) {
    uint64_t visits = 5000;
    if (argc > 1 && str_to_u64(str_from(argv[1]), &visits) != ERR_OK) {
        return 2;
    }
    bench_machine();
    ClaimFiles files;
    Rules *rules = NULL;
    if (claim_files_make(visits, 1, &files) != ERR_OK || rules_new(NULL, &rules, NULL) != ERR_OK) {
        return 1;
    }
    Bench b = {.rules = rules, .arena = arena_new(LIMIT_CLAIM_ARENA_BYTES)};
    b.by_rule = calloc(rules_count(rules) + 1, sizeof(*b.by_rule));
    if (b.arena == NULL || b.by_rule == NULL) {
        return 1;
    }
    double checked = 0;
    double read = best(&b, &files, &checked);
    if (rules_run_new(rules, &b.run) != ERR_OK) {
        return 1;
    }
    double both = best(&b, &files, &checked);
    double n = (double)b.visits;
    printf("%zu rules, %" PRIu64 " visits, %.2f findings a visit\n", rules_count(rules), b.visits,
           (double)b.findings / n);
    printf("read           %8.0f visits/s\n", n / read);
    printf("read + checked %8.0f visits/s\n", n / both);
    printf("checked alone  %8.0f visits/s, %.2f of the target of 5,000\n", n / checked,
           n / checked / 5000);
    print_most(&b);
    rules_run_free(b.run);
    rules_free(rules);
    return 0;
}
