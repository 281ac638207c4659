/* rules_naive — the compiled rules answer as the naive interpreter does, over visits of a synthetic
 * province as they are and with values emptied, exchanged and broken at random: for each embedded
 * rule in force and each record, fired or not. Prints `visits passed/total`; and `clean
 * passed/total`: the province as it is breaks no rule, its own catalogues loaded. */
#include "catalog/catalog_int.h"
#include "core/limits.h"
#include "synth/synth.h"

#include "unit/rules/rules_naive.inc"

enum {
    VISITS = 400,
    VARIANTS = 4,     /* of each visit; the first is the visit as it is */
    CHANGES_MAX = 40, /* of a variant */
    POOL = 4096,      /* values seen */
};

typedef struct Check {
    const Rules *rules;
    RulesRun *run;
    Naive naive;
    Arena *arena;
    uint64_t state;
    Str pool[POOL]; /* in their own memory */
    Arena *pool_arena;
    size_t n_pool, visits, passed, asked, fired, clean;
    CatalogPart *parts[CATALOG_SPECS_MAX]; /* the province's catalogues */
    size_t n_parts;
} Check;

static size_t pick(Check *c, size_t n) {
    c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(c->state >> 33) % n;
}

/* ---- visits ---- */

static Str other_value(Check *c) {
    static const Str odd[] = {{"", 0},
                              {"0", 1},
                              {"-1", 2},
                              {"x", 1},
                              {"1;2", 3},
                              {" 7 ", 3},
                              {"202613450000", 12},
                              {"99999999999999999999", 20},
                              {"0.005", 5},
                              {"\xc4\x90\xe1\xbb\x8f", 5},
                              {"\xff", 1}};
    return c->n_pool == 0 || pick(c, 2) == 0 ? odd[pick(c, ARRAY_LEN(odd))]
                                             : c->pool[pick(c, c->n_pool)];
}

/* The visit once more, with memory of its own, HISTORY and WORK filled from it. */
static void copy_visit(Check *c, const RulesVisit *v, RulesVisit *ret) {
    *ret = *v;
    ret->n_records[RULES_HISTORY] = pick(c, 2);
    ret->n_records[RULES_WORK] = v->n_records[3] == 0 ? 0 : pick(c, v->n_records[3]);
    ret->history_loaded = ret->work_loaded = true;
    for (int t = 0; t < RULES_TABLES; t++) {
        int from = t == RULES_HISTORY ? 1 : t == RULES_WORK ? 3 : t;
        size_t fields = (size_t)rules_table_fields(from);
        ClaimRecord *records = arena_new_array(c->arena, ClaimRecord, ret->n_records[t] + 1);
        for (size_t i = 0; i < ret->n_records[t]; i++) {
            Str *values = arena_new_array(c->arena, Str, (size_t)rules_table_fields(t));
            memcpy(values, v->records[from][i].values, fields * sizeof(Str));
            records[i] = (ClaimRecord){.values = values, .line = v->records[from][i].line};
        }
        ret->records[t] = records;
    }
}

static void change(Check *c, RulesVisit *v) {
    int t = (int)pick(c, RULES_TABLES);
    if (v->n_records[t] == 0) {
        return;
    }
    const ClaimRecord *record = &v->records[t][pick(c, v->n_records[t])];
    Str *value = &((Str *)(uintptr_t)record->values)[pick(c, (size_t)rules_table_fields(t))];
    if (value->len > 0 && value->len <= 64) {
        c->pool[c->n_pool < POOL ? c->n_pool++ : pick(c, POOL)] = arena_str(c->pool_arena, *value);
    }
    *value = other_value(c);
}

/* ---- both ---- */

static bool naive_fires(Naive *n, const RulesUnit *u) {
    return (u->when == NULL || naive_bool(n, u->when) == 1) && naive_bool(n, u->must) == 0;
}

static bool has_finding(const RulesReport *report, const RulesUnit *u, size_t record) {
    for (size_t i = 0; i < report->n_findings; i++) {
        const RulesFinding *f = &report->findings[i];
        if (f->rule == &u->pub && f->record == record) {
            return true;
        }
    }
    return false;
}

static bool same(Check *c, const RulesVisit *v, const RulesReport *report, const RulesUnit *u) {
    bool is_visit = u->pub.on == RULES_VISIT;
    size_t n = is_visit ? 1 : v->n_records[u->pub.on];
    for (size_t i = 0; i < n; i++) {
        memset(c->naive.rows, 0, sizeof(c->naive.rows));
        arena_reset(c->naive.arena);
        if (!is_visit) {
            c->naive.rows[0] = (RulesBinding){.record = &v->records[u->pub.on][i], .row = i};
        }
        bool want = naive_fires(&c->naive, u);
        c->asked++;
        c->fired += want;
        if (want != has_finding(report, u, is_visit ? 0 : i + 1)) {
            printf("# " STR_FMT " record %zu: naive %s\n", STR_ARG(u->pub.id), i + 1,
                   want ? "fires" : "is silent");
            return false;
        }
    }
    return true;
}

static ErrCode compare(Check *c, const RulesVisit *v) {
    RulesReport report;
    TRY(rules_check(c->run, v, NULL, RULES_AT_IMPORT, &report));
    bool ok = report.n_more == 0;
    c->naive.visit = v;
    c->naive.day = report.day;
    c->naive.facility =
        v->n_records[1] == 0 ? STR_EMPTY : str_trim(v->records[1][0].values[XML1_MA_CSKCB]);
    for (size_t i = 0; i < c->rules->n_units; i++) {
        const RulesUnit *u = c->rules->units[i];
        bool in_force =
            (u->pub.at & RULES_AT_IMPORT) != 0 &&
            (report.day == INT64_MIN || (report.day >= u->pub.since && report.day <= u->pub.until));
        ok = (!in_force || same(c, v, &report, u)) && ok;
    }
    c->visits++;
    c->passed += ok;
    return ERR_OK;
}

/* ---- the province's own catalogues ---- */

static RulesFound look(void *ctx, const RulesAsk *ask, Str *ret_value) {
    Check *c = ctx;
    for (size_t i = 0; i < c->n_parts; i++) {
        if (str_eq(c->parts[i]->spec->name, ask->catalogue)) {
            return catalog_part_look(c->parts[i], ask, ret_value);
        }
    }
    return RULES_NOT_LOADED;
}

/* "catalogues/dich-vu.tsv" */
static ErrCode on_table(void *ctx, Str name, Str bytes) {
    Check *c = ctx;
    Str head = STR("catalogues/");
    if (!str_starts(name, head)) {
        return ERR_OK;
    }
    CatalogTable table = {.catalogue = str_sub(name, head.len, name.len - head.len - 4),
                          .bytes = bytes,
                          .since = INT64_MIN};
    const CatalogSpec *spec = catalog_spec(table.catalogue);
    Arena *arena = arena_new(256 * LIMIT_MIB);
    CatalogRead read;
    if (spec == NULL || arena == NULL || catalog_read(arena, spec, &table, &read, NULL) != ERR_OK ||
        read.n_bad > 0 || read.n_left > 0) {
        printf("# " STR_FMT " cannot be read\n", STR_ARG(name));
        return ERR_INVALID;
    }
    return catalog_part_new(arena, spec, &read.rows, &c->parts[c->n_parts++]);
}

/* As it is, with its catalogues and nothing else around it. */
static ErrCode ask_clean(Check *c, const Claim *claim) {
    RulesVisit v;
    RulesReport report;
    arena_reset(c->arena);
    TRY(rules_visit_of_claim(c->arena, claim, &v));
    v.history_loaded = v.work_loaded = true;
    RulesWorld world = {.ctx = c, .look = look};
    TRY(rules_check(c->run, &v, &world, RULES_AT_ALL, &report));
    c->clean += report.n_findings == 0 && report.n_not_checked == 0;
    for (size_t i = 0; i < report.n_not_checked; i++) {
        printf("# not checked: " STR_FMT "\n", STR_ARG(report.not_checked[i]));
    }
    for (size_t i = 0; i < report.n_findings; i++) {
        printf("# " STR_FMT ": " STR_FMT "\n", STR_ARG(report.findings[i].rule->id),
               STR_ARG(report.findings[i].en));
    }
    return ERR_OK;
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Check *c = ctx;
    RulesVisit read;
    TRY(ask_clean(c, claim));
    for (int i = 0; i < VARIANTS; i++) {
        RulesVisit v;
        arena_reset(c->arena);
        TRY(rules_visit_of_claim(c->arena, claim, &read));
        copy_visit(c, &read, &v);
        for (size_t changes = i == 0 ? 0 : 1 + pick(c, CHANGES_MAX); changes > 0; changes--) {
            change(c, &v);
        }
        TRY(compare(c, &v));
    }
    return ERR_OK;
}

static ErrCode on_file(void *ctx, Str name, Str bytes) {
    ClaimReadOptions o = {.ctx = ctx, .on_claim = on_claim};
    return str_ends(name, STR(".xml")) ? claim_read(bytes, &o, NULL) : ERR_OK;
}

int main(void) {
    SynthOptions o;
    SynthReport report;
    Rules *rules = NULL;
    CLEANUP_ARENA Arena *patterns = arena_new(4 * LIMIT_MIB);
    CLEANUP_FREE Check *c = calloc(1, sizeof(*c));
    if (c == NULL || patterns == NULL || rules_new(NULL, &rules, NULL) != ERR_OK) {
        return 1;
    }
    c->rules = c->naive.rules = rules;
    c->state = 20261122;
    c->arena = arena_new(LIMIT_CLAIM_ARENA_BYTES);
    c->pool_arena = arena_new(64 * LIMIT_MIB);
    c->naive.arena = arena_new(256 * LIMIT_MIB);
    c->naive.matcher = regex_matcher_new(patterns, (RegexLimits){.steps = 20000, .heap_kib = 1024});
    synth_options_init(&o, 20779);
    o.visits = VISITS;
    o.citizens = VISITS / 4;
    o.errors_per_mille = 0;
    ErrCode err = rules_run_new(rules, &c->run);
    o.catalogues = true;
    err = err == ERR_OK ? synth_generate(&o, on_table, c, &report) : err;
    o.catalogues = false;
    if (err == ERR_OK) {
        err = synth_generate(&o, on_file, c, &report);
    }
    printf("# %zu rules, %zu answers, %zu fired\n", rules_count(rules), c->asked, c->fired);
    printf("visits %zu/%zu\n", c->passed, c->visits);
    printf("clean %zu/%zu\n", c->clean, c->visits / VARIANTS);
    bool ok = err == ERR_OK && c->visits >= VISITS && c->passed == c->visits &&
              c->clean == c->visits / VARIANTS;
    printf("%s 1 - the compiled rules answer as the naive ones\n1..1\n", ok ? "ok" : "not ok");
    for (size_t i = 0; i < c->n_parts; i++) {
        catalog_part_end(c->parts[i]);
    }
    rules_run_free(c->run);
    arena_free(c->arena);
    arena_free(c->pool_arena);
    arena_free(c->naive.arena);
    rules_free(rules);
    return ok ? 0 : 1;
}
