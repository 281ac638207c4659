/* What the rules find: kept in a row as numbers; told in words when somebody asks. */
#include "book/book_int.h"

/* ---- kept ---- */

ErrCode book_found_of(Arena *arena, const RulesReport *r, BookData *d) {
    d->found = arena_new_array(arena, BookFound, BOOK_FOUND_MAX);
    d->n_found = 0;
    d->n_not_checked = (unsigned)r->n_not_checked;
    if (d->found == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n_findings; i++) {
        const RulesRule *rule = r->findings[i].rule;
        uint32_t hash = book_rule_hash(rule->id);
        size_t at = 0;
        while (at < d->n_found && d->found[at].rule != hash) {
            at++;
        }
        if (at == BOOK_FOUND_MAX) {
            continue;
        }
        if (at == d->n_found) {
            d->found[d->n_found++] = (BookFound){.rule = hash, .weight = rule->weight};
        }
        d->found[at].n++;
    }
    /* What blocks and was only counted holds the visit all the same. */
    d->unchecked = r->n_by_weight[RULES_BLOCKS] > 0 && book_data_weight(d, RULES_BLOCKS) == 0;
    return ERR_OK;
}

/* ---- told ---- */

static BookFinding told(Arena *arena, const RulesFinding *f) {
    return (BookFinding){.rule = arena_str(arena, f->rule->id),
                         .weight = f->rule->weight,
                         .table = arena_str(arena, f->table),
                         .field = arena_str(arena, f->field),
                         .value = arena_str(arena, f->value),
                         .stt = arena_str(arena, f->stt),
                         .record = f->record,
                         .line = f->line,
                         .vi = arena_str(arena, f->vi),
                         .en = arena_str(arena, f->en),
                         .fix_vi = arena_str(arena, f->fix_vi),
                         .fix_en = arena_str(arena, f->fix_en),
                         .law = arena_str(arena, f->rule->law)};
}

static ErrCode tell(Arena *arena, const RulesReport *r, BookReport *ret) {
    BookFinding *findings = arena_new_array(arena, BookFinding, r->n_findings + 1);
    Str *not_checked = arena_new_array(arena, Str, r->n_not_checked + 1);
    if (findings == NULL || not_checked == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < r->n_findings; i++) {
        findings[i] = told(arena, &r->findings[i]);
    }
    for (size_t i = 0; i < r->n_not_checked; i++) {
        not_checked[i] = arena_str(arena, r->not_checked[i]);
    }
    *ret = (BookReport){.findings = findings,
                        .n_findings = r->n_findings,
                        .n_more = r->n_more,
                        .not_checked = not_checked,
                        .n_not_checked = r->n_not_checked,
                        .day = r->day};
    memcpy(ret->n_by_weight, r->n_by_weight, sizeof(ret->n_by_weight));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

typedef struct Ask {
    Book *book;
    Arena *arena; /* of the answer */
    RulesMoment moment;
    bool alone; /* nothing is known of the citizen */
} Ask;

static ErrCode ask_rules(const Ask *ask, Arena *scratch, BookData *d, RulesVisit *visit,
                         BookReport *ret) {
    Book *b = ask->book;
    RulesReport report;
    RulesRun *run = NULL;
    BookAround around = {b, scratch, TABLE_AS_READ, book_work_since(b)};
    if (!ask->alone) {
        TRY(tables_read_begin(b->tables));
        ErrCode err = book_person(&around, d->patient, &d->person);
        err = err == ERR_OK ? book_around(&around, d, visit) : err;
        tables_read_end(b->tables);
        TRY(err);
    }
    TRY(book_run_take(b, &run));
    ErrCode err = rules_check(run, visit, &b->o.world, ask->moment, &report);
    err = err == ERR_OK ? tell(ask->arena, &report, ret) : err;
    book_run_give(b, run);
    return err;
}

ErrCode book_findings(Book *b, Arena *arena, Slot visit, BookReport *ret_report) {
    BookVisit v;
    CLEANUP_ARENA Arena *scratch = arena_new(BOOK_VISIT_BYTES);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(book_visit_read(b, scratch, visit, &v));
    Ask ask = {b, arena, RULES_AT_EXPORT, false};
    return ask_rules(&ask, scratch, &v.data, &v.rules, ret_report);
}

/* The stored visit of the draft's FACILITY|MA_LK, whose place it takes among those of its citizen.
 */
static ErrCode place_draft(Book *b, Arena *arena, const BookDraft *draft, BookData *d) {
    Str key = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(d->facility), STR_ARG(d->ma_lk));
    StoreExpect token = {FHIR_T_ENCOUNTER, FHIR_P_IDENTIFIER, STR(CLAIM_SYSTEM_VISIT), key};
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(store_find(b->o.store, arena, &token, 1, &found, &n));
    d->first = n > 0 ? found[0].first : (Slot)INT64_MAX;
    d->patient = n > 0 ? found[0].patient : draft->patient;
    return ERR_OK;
}

ErrCode book_check_claim(Book *b, Arena *arena, const BookDraft *draft, BookReport *ret_report) {
    RulesVisit visit;
    CLEANUP_ARENA Arena *scratch = arena_new(BOOK_VISIT_BYTES);
    BookData d = {.facility = draft->claim->facility, .ma_lk = draft->claim->ma_lk};
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(rules_visit_of_claim(scratch, draft->claim, &visit));
    TRY(place_draft(b, scratch, draft, &d));
    TRY(book_visit_facts(b, scratch, &visit, &d));
    Ask ask = {b, arena, draft->moment, d.patient == 0};
    return ask_rules(&ask, scratch, &d, &visit, ret_report);
}
