/* store_search: plan, walk, verify, page. */
#include "store/search_int.h"

#include "core/limits.h"
#include "fhir/fhir_match.h"

#define PLAN_BYTES (256 * LIMIT_MIB)
#define RECORD_BYTES (600 * LIMIT_MIB)

/* ---- one candidate ---- */

/* With the versions of the type, or all of them (FHIR_T_NONE). */
static ErrCode load_record(Search *s, RecordNo number, FhirType type) {
    if (s->record != NULL && s->record->number == number &&
        (s->record->only == FHIR_T_NONE || s->record->only == type)) {
        return ERR_OK;
    }
    s->record = NULL;
    arena_reset(s->record_arena);
    return type == FHIR_T_NONE ? store_load(s->store, s->record_arena, number, &s->record)
                               : store_load_type(s->store, s->record_arena,
                                                 &(TypedRecord){number, type}, &s->record);
}

ErrCode search_too_much(const Search *s) {
    return err_set(
        s->info, ERR_LIMIT, "search-work",
        "the search would have to read more than %u resources one by one; narrow it by "
        "patient, code or date",
        "tìm kiếm này phải đọc từng tài nguyên, hơn %u tài nguyên; hãy thu hẹp theo bệnh "
        "nhân, mã hoặc ngày",
        s->limits.work_max);
}

ErrCode search_spend(Search *s, size_t work) {
    *s->work += work;
    return *s->work > s->limits.work_max ? search_too_much(s) : ERR_OK;
}

ErrCode search_match(Search *s, const StoreVersion *v, const JsonNode *root, bool *ret_matches) {
    FhirMatchLinks links = {s, search_link_holds, search_link_inside};
    s->last = *v;
    s->last_root = root;
    FhirMatchContext context = {
        .id = v->id, .last_updated = v->time, .base_url = STR_EMPTY, .links = &links};
    return fhir_match(s->match_arena, s->query, root, &context, ret_matches);
}

/* The slot in its record, or NULL when it is nothing that the search may find. */
static ErrCode find_slot(Search *s, Slot slot, const StoredSlot **ret) {
    unsigned position = SLOT_POSITION(slot);
    TRY(load_record(s, SLOT_RECORD(slot), s->query->type));
    const StoredSlot *stored = &s->record->slots[position];
    bool is_there =
        position < s->record->n_slots && !stored->deleted && stored->type == s->query->type;
    *ret = is_there ? stored : NULL;
    return ERR_OK;
}

ErrCode search_is_there(Search *s, Slot slot, bool *ret_is) {
    const StoredSlot *stored = NULL;
    TRY(find_slot(s, slot, &stored));
    *ret_is = stored != NULL;
    return ERR_OK;
}

ErrCode search_patients(Search *s, Slot slot, StoredPatients *ret, Slot *ret_own) {
    const StoredSlot *stored = NULL;
    TRY(find_slot(s, slot, &stored));
    *ret = stored == NULL                        ? PATIENTS_NONE
           : stored->patients != PATIENTS_UNREAD ? stored->patients
                                                 : store_text_patients(stored->text);
    *ret_own = s->record->patient;
    return ERR_OK;
}

ErrCode search_head(Search *s, Slot slot, StoreVersion *ret, bool *ret_is_there) {
    const StoredSlot *stored = NULL;
    TRY(find_slot(s, slot, &stored));
    *ret_is_there = stored != NULL;
    if (stored != NULL) {
        arena_reset(s->match_arena);
        *ret = (StoreVersion){.type = stored->type, .slot = slot, .first = stored->first};
        ret->id = stored->client_id.len > 0 ? stored->client_id
                                            : store_id(s->store, s->match_arena, stored->first);
    }
    return ERR_OK;
}

ErrCode search_look(Search *s, Slot slot, StoreVersion *ret, const JsonNode **root,
                    bool *ret_is_there) {
    const StoredSlot *stored = NULL;
    TRY(find_slot(s, slot, &stored));
    *ret_is_there = stored != NULL;
    if (stored == NULL) {
        return ERR_OK;
    }
    arena_reset(s->match_arena);
    TRY(store_expand(s->store, s->match_arena, s->record, SLOT_POSITION(slot), ret));
    return json_parse(s->match_arena, ret->json, root, NULL);
}

/* A candidate from the record that the term's resource was made in: does its stored text name it at
 * all? Text with escapes may in ways that are not looked for. */
static ErrCode sift_near(Search *s, Slot slot, bool *ret_may) {
    const StoredSlot *stored = NULL;
    if (s->near == NULL || SLOT_RECORD(slot) != SLOT_RECORD(s->near_first)) {
        return ERR_OK;
    }
    TRY(find_slot(s, slot, &stored));
    if (stored == NULL) {
        *ret_may = false;
        return ERR_OK;
    }
    if (s->near_text.len == 0) {
        Slot offset = s->near_first - SLOT_OF(s->record->commit_first, 0);
        s->near_text = arena_printf(s->plan_arena, "\"%s/~%llu\"", fhir_type_name(s->near->type),
                                    (unsigned long long)offset);
    }
    *ret_may = str_find(stored->text, s->near_text) != SIZE_MAX ||
               str_find(stored->text, s->near->id) != SIZE_MAX ||
               str_find_char(stored->text, '\\', 0) != SIZE_MAX;
    return arena_failed(s->plan_arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode search_verify(Search *s, Slot slot, bool *ret_matches) {
    StoreVersion v;
    const JsonNode *root = NULL;
    bool is_there = false;
    bool may = true;
    *ret_matches = false;
    TRY(sift_near(s, slot, &may));
    TRY(may ? search_links_sift(s, slot, &may) : ERR_OK);
    TRY(may ? search_look(s, slot, &v, &root, &is_there) : ERR_OK);
    if (!is_there) {
        return ERR_OK;
    }
    TRY(search_spend(s, 1));
    return search_match(s, &v, root, ret_matches);
}

ErrCode search_is_delete(Search *s, Slot slot, bool *ret_is) {
    unsigned position = SLOT_POSITION(slot);
    TRY(load_record(s, SLOT_RECORD(slot), s->query->type));
    *ret_is = position < s->record->n_slots && s->record->slots[position].deleted;
    return ERR_OK;
}

static ErrCode expand(Search *s, Arena *arena, Slot slot, StoreVersion *ret) {
    const StoredRecord *r = s->record;
    unsigned at = SLOT_POSITION(slot);
    if (at >= r->n_slots || (r->only != FHIR_T_NONE && r->slots[at].type != r->only)) {
        return ERR_NOT_FOUND;
    }
    TRY(store_expand(s->store, arena, s->record, SLOT_POSITION(slot), ret));
    ret->id = arena_str(arena, ret->id); /* a client's id points into the record */
    return ERR_OK;
}

ErrCode search_fetch_any(Search *s, Arena *arena, Slot slot, StoreVersion *ret) {
    TRY(load_record(s, SLOT_RECORD(slot), FHIR_T_NONE));
    return expand(s, arena, slot, ret);
}

ErrCode search_fetch(Search *s, FhirType type, Slot slot, StoreVersion *ret) {
    TRY(load_record(s, SLOT_RECORD(slot), type));
    return expand(s, s->out, slot, ret);
}

ErrCode search_current(Search *s, Slot first, Slot *ret_slot) {
    *ret_slot = 0;
    if (SLOT_RECORD(first) > s->snapshot || SLOT_RECORD(first) == 0) {
        return ERR_OK;
    }
    char key[INDEX_KEY_MAX];
    Slot later = 0;
    TRY(index_newest(s->view, index_key_slot(key, INDEX_VERSION, 0, first), s->snapshot, &later));
    *ret_slot = later == 0 ? first : later;
    return ERR_OK;
}

/* ---- a page ---- */

typedef struct PageFill {
    Search *s;
    StorePage *page;
    size_t count;
    bool has_more;
    bool is_due; /* the rest of the page is to be joined in another way */
    Slot last;   /* that was looked at */
} PageFill;

static ErrCode page_put(void *ctx, const WalkBatch *batch) {
    PageFill *f = ctx;
    for (size_t i = 0; i < batch->n; i++) {
        Slot slot = batch->base + batch->slots[i];
        bool is_match = false;
        if (search_links_due(f->s)) {
            f->is_due = true;
            return ERR_STOPPED;
        }
        TRY(search_verify(f->s, slot, &is_match));
        f->last = slot;
        if (!is_match) {
            continue;
        }
        if (f->page->n_matches == f->count) {
            f->has_more = true;
            return ERR_STOPPED;
        }
        TRY(search_fetch(f->s, f->s->query->type, slot, &f->page->matches[f->page->n_matches]));
        f->page->n_matches++;
    }
    return ERR_OK;
}

static ErrCode fill_page(Search *s, const StoreSearch *search, StorePage *page) {
    size_t count = MIN(search->count, (size_t)LIMIT_PAGE_COUNT);
    PageFill f = {.s = s, .page = page, .count = count, .last = search->after};
    page->matches = arena_new_array(s->out, StoreVersion, count + 1);
    if (page->matches == NULL) {
        return ERR_NOMEM;
    }
    TRY(search_walk(s, search->after, page_put, &f));
    while (f.is_due) {
        f.is_due = false;
        TRY(search_links_switch(s));
        TRY(search_walk(s, f.last, page_put, &f));
    }
    if (f.has_more && count > 0) {
        page->next = page->matches[count - 1].slot;
    }
    return ERR_OK;
}

/* Not more than what the page already shows when it is all there is. */
static ErrCode estimate_total(Search *s, const StoreSearch *search, StorePage *page) {
    bool is_all = search->count > 0 && search->after == 0 && page->next == 0;
    size_t n = is_all ? page->n_matches : search_expect(s);
    page->total = MAX(n, page->n_matches);
    return ERR_OK;
}

static ErrCode run_typed(Search *s, const StoreSearch *search, StorePage *page) {
    bool is_page = search->count > 0 && !search->want_total && !search_is_sorted(s);
    s->wanted = is_page ? MIN(search->count, (size_t)LIMIT_PAGE_COUNT) + 1 : 0;
    s->is_lazy = is_page;
    TRY(search_plan(s));
    TRY(search_explain_plan(s));
    SearchTimer since = search_timer(s);
    if (search->count > 0) {
        TRY(search_is_sorted(s) ? search_sorted(s, search, page) : fill_page(s, search, page));
        TRY(search_explain_step(
            s, &since,
            (StorePlanStep){.what = STR("page"), .how = "verified", .found = page->n_matches}));
        TRY(search_links_explain(s, &since));
        since = search_timer(s);
        TRY(search_include(s, page));
        TRY(page->n_includes == 0
                ? ERR_OK
                : search_explain_step(s, &since,
                                      (StorePlanStep){.what = STR("include"),
                                                      .how = "fetched",
                                                      .found = page->n_includes}));
    }
    if (search->want_total) {
        *s->work = 0;
        since = search_timer(s);
        TRY(search_count(s, &page->total));
        return search_explain_step(
            s, &since,
            (StorePlanStep){.what = STR("total"), .how = "counted", .found = page->total});
    }
    return search->want_estimate ? estimate_total(s, search, page) : ERR_OK;
}

static ErrCode run(Search *s, const StoreSearch *search, StorePage *ret) {
    StorePage page = {.snapshot = s->snapshot};
    TRY(s->query->type == FHIR_T_NONE ? search_system(s, search, &page)
                                      : run_typed(s, search, &page));
    if (s->explain != NULL) {
        page.plan = s->explain->steps;
        page.n_plan = s->explain->n;
    }
    *ret = page;
    return arena_failed(s->out) ? ERR_NOMEM : ERR_OK;
}
ErrCode store_search(Store *store, Arena *arena, const StoreSearch *search, StorePage *ret,
                     ErrInfo *info) {
    RecordNo now = store_snapshot(store);
    if (search->snapshot > now) {
        return err_set(info, ERR_PARAM, "page-snapshot", "the page link is not one of this server",
                       "liên kết trang không phải của máy chủ này");
    }
    size_t work = 0;
    size_t tests = 0;
    TypeCount types[SEARCH_TYPES] = {0};
    Search s = {.store = store,
                .work = &work,
                .tests = &tests,
                .types = types,
                .index = store_index(store),
                .out = arena,
                .query = search->query,
                .info = info,
                .limits = store_search_limits(store),
                .since = search->since,
                .known = search->known,
                .n_known = search->n_known,
                .snapshot = search->snapshot == 0 ? now : search->snapshot};
    SearchPlan explain = {0};
    s.explain = search->want_plan ? &explain : NULL;
    s.ascending = s.query->n_sorts > 0 && !s.query->sorts[0].is_descending;
    CLEANUP_ARENA Arena *plan = arena_new(PLAN_BYTES);
    CLEANUP_ARENA Arena *record = arena_new(RECORD_BYTES);
    CLEANUP_ARENA Arena *match = arena_new(RECORD_BYTES);
    if (plan == NULL || record == NULL || match == NULL) {
        return ERR_NOMEM;
    }
    s.plan_arena = plan;
    s.record_arena = record;
    s.match_arena = match;
    s.view = index_view_take(s.index);
    ErrCode err = run(&s, search, ret);
    index_view_give(s.view);
    return err;
}
