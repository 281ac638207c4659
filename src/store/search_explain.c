/* How a search is carried out (__explain=true): its clauses in the order in which they are opened,
 * with what the index expected and what each really holds, the searches behind chains, and what
 * page, includes and total read and took. Counting the clauses is done for the explanation alone.
 */
#include "store/search_int.h"

#include "core/clock.h"

static int64_t now_us(void) {
    return clock_monotonic_ns(clock_real()) / 1000;
}

Str search_explain_term(Search *s, const FhirQueryTerm *term) {
    enum { LABEL_MAX = 200 };
    CLEANUP_BUF Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    fhir_query_print_term(&b, term);
    Str text = buf_str(&b);
    return text.len <= LABEL_MAX ? arena_str(s->out, text)
                                 : arena_printf(s->out, STR_FMT "…", LABEL_MAX, text.ptr);
}

static StorePlanStep *add_step(Search *s, const StorePlanStep *step) {
    SearchPlan *plan = s->explain;
    if (plan->n == plan->max) {
        size_t max = plan->max * 2 + 32;
        StorePlanStep *more = arena_new_array(s->out, StorePlanStep, max);
        if (more == NULL) {
            return NULL;
        }
        if (plan->n > 0) {
            memcpy(more, plan->steps, plan->n * sizeof(*more));
        }
        plan->steps = more;
        plan->max = max;
    }
    plan->steps[plan->n] = *step;
    plan->steps[plan->n].depth = s->depth;
    return &plan->steps[plan->n++];
}

/* ---- clauses ---- */

static const char *clause_way(const Clause *c) {
    return c->is_negative       ? "taken away by keys"
           : c->n_records > 0   ? "records of the patients, and keys"
           : c->n_slots > 0     ? "known versions"
           : clause_is_plain(c) ? "one key"
                                : "keys";
}

static ErrCode explain_clause(Search *s, const Clause *c) {
    StorePlanStep step = {.how = clause_way(c), .what = STR("type")};
    int64_t begin = now_us();
    if (c->term != NULL) {
        step.what = search_explain_term(s, c->term);
    }
    if (c->second != NULL) {
        step.what = arena_printf(s->out, STR_FMT "&" STR_FMT, STR_ARG(step.what),
                                 STR_ARG(search_explain_term(s, c->second)));
        step.how = "keys of both";
    }
    step.estimate = clause_estimate(s, c);
    ClauseCount count;
    TRY(search_count_versions(s, c, &count));
    step.found = count.n;
    step.is_least = count.is_least;
    step.us = now_us() - begin;
    return add_step(s, &step) == NULL ? ERR_NOMEM : ERR_OK;
}

/* ---- the whole ---- */

/* Terms that narrow the records instead of giving a clause. */
static ErrCode explain_rest(Search *s, const FhirQueryTerm *term) {
    for (size_t i = 0; i < s->n_clauses; i++) {
        if (s->clauses[i].term == term || s->clauses[i].second == term) {
            return ERR_OK;
        }
    }
    StorePlanStep step = {.what = search_explain_term(s, term),
                          .how = fhir_term_is_linked(term) ? "looked up for the candidates"
                                 : term->param != NULL && term->param->id == FHIR_P__LAST_UPDATED
                                     ? "range of records"
                                     : "verified on the resource"};
    return add_step(s, &step) == NULL ? ERR_NOMEM : ERR_OK;
}

ErrCode search_explain_plan(Search *s) {
    enum { COSTS = 3 };
    if (s->explain == NULL) {
        return ERR_OK;
    }
    for (unsigned level = 0; level < 2 * COSTS; level++) { /* as search_walk.c opens them */
        for (size_t i = 0; i < s->n_clauses; i++) {
            const Clause *c = &s->clauses[i];
            if (search_clause_cost(c) == level % COSTS && c->is_negative == (level >= COSTS)) {
                TRY(explain_clause(s, c));
            }
        }
    }
    for (size_t i = 0; i < s->query->n_terms; i++) {
        TRY(explain_rest(s, &s->query->terms[i]));
    }
    return ERR_OK;
}

SearchTimer search_timer(const Search *s) {
    return (SearchTimer){.work = *s->work, .us = s->explain == NULL ? 0 : now_us()};
}

ErrCode search_explain_step(Search *s, const SearchTimer *since, StorePlanStep step) {
    if (s->explain == NULL) {
        return ERR_OK;
    }
    step.read = *s->work - since->work;
    step.us = now_us() - since->us;
    return add_step(s, &step) == NULL ? ERR_NOMEM : ERR_OK;
}
