/* synth_mistakes — every mistake that truth.json tells of is found by the rule that it names, and
 * no rule that blocks or warns finds anything in the other claims. Prints `mistakes passed/total`
 * and `others passed/total`. */
#include "core/json.h"
#include "core/limits.h"
#include "rules/rules.h"
#include "synth/synth.h"

enum { VISITS = 4000, SHARE = 15, LINK_MAX = 40 };

typedef struct Found {
    char link[LINK_MAX];
    uint64_t kinds; /* bit of each mistake whose rule found something */
    bool any;
} Found;

typedef struct Check {
    RulesRun *run;
    Arena *arena;
    Found *found;
    size_t n, refused;
    size_t planted[SYNTH_MISTAKES], passed, total, others, quiet;
    Buf truth;
} Check;

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Check *c = ctx;
    RulesVisit v;
    RulesReport report;
    arena_reset(c->arena);
    TRY(rules_visit_of_claim(c->arena, claim, &v));
    v.history_loaded = v.work_loaded = true;
    TRY(rules_check(c->run, &v, NULL, RULES_AT_IMPORT, &report));
    Found *f = &c->found[c->n++];
    Str link = claim_value(claim, 1, XML1_MA_LK);
    memcpy(f->link, link.ptr, MIN(link.len, LINK_MAX - 1));
    f->any = report.n_findings > 0;
    for (size_t i = 0; i < report.n_findings; i++) {
        for (int k = 1; k <= SYNTH_MISTAKES; k++) {
            bool same = str_eq(report.findings[i].rule->id, synth_mistake_rule(k));
            f->kinds |= (uint64_t)same << k;
        }
    }
    return ERR_OK;
}

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    (void)refused;
    ((Check *)ctx)->refused++;
    return ERR_OK;
}

static ErrCode on_file(void *ctx, Str name, Str bytes) {
    Check *c = ctx;
    if (str_eq(name, STR("truth.json"))) {
        buf_put_str(&c->truth, bytes);
    }
    ClaimReadOptions o = {.ctx = ctx, .on_claim = on_claim, .on_refused = on_refused};
    return str_ends(name, STR(".xml")) ? claim_read(bytes, &o, NULL) : ERR_OK;
}

/* ---- against the truth ---- */

static Found *find(Check *c, Str link) {
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(link, str_from(c->found[i].link))) {
            return &c->found[i];
        }
    }
    return NULL;
}

static void check_one(Check *c, const JsonNode *item) {
    Str rule = json_raw_str(json_get_lit(item, "rule"));
    Found *f = find(c, json_raw_str(json_get_lit(item, "ma_lk")));
    int kind = 1;
    while (kind < SYNTH_MISTAKES && !str_eq(rule, synth_mistake_rule(kind))) {
        kind++;
    }
    bool ok = f != NULL && (f->kinds >> kind & 1) != 0;
    c->total++;
    c->planted[kind - 1]++;
    c->passed += ok;
    if (!ok) {
        printf("# " STR_FMT " is not found in " STR_FMT "\n", STR_ARG(rule),
               STR_ARG(json_raw_str(json_get_lit(item, "ma_lk"))));
    }
    if (f != NULL) {
        f->any = false;
        f->kinds = UINT64_MAX; /* seen */
    }
}

static bool check_all(Check *c) {
    const JsonNode *root = NULL;
    bool every_kind = true;
    arena_reset(c->arena);
    if (json_parse(c->arena, buf_str(&c->truth), &root, NULL) != ERR_OK) {
        return false;
    }
    const JsonNode *items = json_get_lit(root, "mistakes");
    for (const JsonNode *i = json_first(items); i != NULL; i = json_next(items, i)) {
        check_one(c, i);
    }
    for (size_t i = 0; i < c->n; i++) {
        if (c->found[i].kinds != UINT64_MAX) {
            c->others++;
            c->quiet += !c->found[i].any;
        }
    }
    for (int i = 0; i < SYNTH_MISTAKES; i++) {
        every_kind = every_kind && c->planted[i] > 0;
    }
    return every_kind;
}

int main(void) {
    Rules *rules = NULL;
    SynthReport report;
    SynthOptions o;
    synth_options_init(&o, 20779);
    o.visits = VISITS;
    o.citizens = VISITS / 4;
    o.errors_per_mille = 0;
    for (int i = 0; i < SYNTH_MISTAKES; i++) {
        o.mistakes[i] = SHARE;
    }
    Check c = {.arena = arena_new(LIMIT_CLAIM_ARENA_BYTES),
               .found = calloc((size_t)VISITS * 2, sizeof(*c.found))};
    buf_init(&c.truth, 64 * LIMIT_MIB);
    ErrCode err = c.arena == NULL || c.found == NULL ? ERR_NOMEM : rules_new(NULL, &rules, NULL);
    if (err == ERR_OK) {
        err = rules_run_new(rules, &c.run);
    }
    if (err == ERR_OK) {
        err = synth_generate(&o, on_file, &c, &report);
    }
    bool every_kind = err == ERR_OK && check_all(&c);
    printf("mistakes %zu/%zu\n", c.passed, c.total);
    printf("others %zu/%zu\n", c.quiet, c.others);
    bool ok = every_kind && c.refused == 0 && c.passed == c.total && c.total == report.mistakes &&
              c.quiet == c.others;
    printf("%s 1 - what was planted is found, nothing else\n1..1\n", ok ? "ok" : "not ok");
    rules_run_free(c.run);
    rules_free(rules);
    arena_free(c.arena);
    buf_release(&c.truth);
    free(c.found);
    return ok ? 0 : 1;
}
