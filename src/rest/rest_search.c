/* Search, and the pages that search, history and everything answer with. */
#include "rest/rest_linked.h"
#include "rest/rest_profile.h"
#include "rest/rest_search_param.h"

static Str link_of(const RestPage *p, Str page) {
    bool query = p->question.len > 0;
    return arena_printf(p->get->call->arena, STR_FMT "%s" STR_FMT "%s" STR_FMT "%s" STR_FMT,
                        STR_ARG(p->get->call->rest->base_url), p->path.len > 0 ? "/" : "",
                        STR_ARG(p->path), query || page.len > 0 ? "?" : "", STR_ARG(p->question),
                        page.len == 0 ? ""
                        : query       ? "&_page="
                                      : "_page=",
                        STR_ARG(page));
}

static Str page_scope(const RestPage *p) {
    return arena_printf(p->get->call->arena, STR_FMT "?" STR_FMT, STR_ARG(p->path),
                        STR_ARG(p->question));
}

ErrCode rest_page_begin(const RestPage *p, Str token, RestPageToken *ret, ErrInfo *info) {
    return rest_page_parse(token, page_scope(p), ret, info);
}

/* What the answer lacks or left out. */
static ErrCode put_warnings(RestBundle *b, const RestPage *p) {
    size_t n = 0;
    if (!p->includes_cut && p->n_ignored == 0) {
        return ERR_OK;
    }
    ErrInfo *infos = arena_new_array(b->arena, ErrInfo, p->n_ignored + 1);
    if (infos == NULL) {
        return ERR_NOMEM;
    }
    if (p->includes_cut) {
        (void)err_set(
            &infos[n++], ERR_LIMIT, "include-max",
            "only %zu of the resources to include are in this page; ask with a smaller "
            "_count, or search for the others themselves",
            "trang này chỉ kèm %zu tài nguyên liên quan; hãy hỏi với _count nhỏ hơn, hoặc "
            "tìm trực tiếp các tài nguyên còn lại",
            p->n_includes);
    }
    for (size_t i = 0; i < p->n_ignored; i++, n++) {
        (void)err_set(&infos[n], ERR_UNSUPPORTED, "search-left-out",
                      "'" STR_FMT "' is no parameter of %s that this server knows: left out",
                      "'" STR_FMT "' không phải tham số của %s mà máy chủ biết: đã bỏ qua",
                      STR_ARG(p->ignored[i]),
                      p->get->type == FHIR_T_NONE ? "FHIR" : fhir_type_name(p->get->type));
        err_where(&infos[n], STR_FMT, STR_ARG(p->ignored[i]));
    }
    rest_bundle_put_warnings(b, p->get->call->language, infos, n);
    return ERR_OK;
}

static RestBundleHead head_of(const RestPage *p, Str token) {
    RestBundleHead head = {
        .type = p->type, .self = link_of(p, token), .has_total = p->has_total, .total = p->total};
    if (p->next.after != 0) {
        head.next = link_of(p, rest_page_print(p->get->call->arena, &p->next, page_scope(p)));
    }
    return head;
}

ErrCode rest_page_answer(const RestPage *p, Str token, RestAnswer *ret) {
    Arena *arena = p->get->call->arena;
    RestBundle b = {
        .out = &ret->body, .rest = p->get->call->rest, .arena = arena, .print = p->print};
    RestBundleHead head = head_of(p, token);
    rest_bundle_open(&b, &head);
    rest_bundle_put(&b, p->entries, p->n_entries, p->kind);
    FhirPrintOptions whole = p->print == NULL ? (FhirPrintOptions){0} : *p->print;
    whole.n_elements = 0; /* "does not apply to included resources": search.html#elements */
    b.print = &whole;
    rest_bundle_put(&b, p->includes, p->n_includes, REST_ENTRY_INCLUDE);
    TRY(put_warnings(&b, p));
    rest_bundle_put_plan(&b, p->plan, p->n_plan);
    rest_bundle_close(&b);
    ret->status = 200;
    return arena_failed(arena) ? ERR_NOMEM : buf_ok(&ret->body);
}

void rest_page_open(const RestPage *p, RestBundle *b, RestAnswer *ret) {
    *b = (RestBundle){.out = &ret->body,
                      .rest = p->get->call->rest,
                      .arena = p->get->call->arena,
                      .print = p->print};
    rest_bundle_open_headless(b);
    ret->status = 200;
}

ErrCode rest_page_close(const RestPage *p, Str token, RestBundle *b) {
    RestBundleHead head = head_of(p, token);
    rest_bundle_close_under(b, &head);
    return arena_failed(b->arena) ? ERR_NOMEM : buf_ok(b->out);
}

/* ---- search ---- */

static Str printed_query(Arena *arena, const FhirQuery *q) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_REQUEST_BYTES);
    fhir_query_print(&b, q);
    return arena_str(arena, buf_str(&b));
}

/* SearchParameters of R4 itself come behind the stored ones. */
static ErrCode search_both(const RestGet *get, const StoreSearch *search, StorePage *page,
                           ErrInfo *info) {
    Rest *rest = get->call->rest;
    StoreSearch stored = *search;
    bool made = get->type == FHIR_T_SEARCH_PARAMETER;
    if (made && rest_made_page(search->after)) {
        stored.count = 0;
        stored.after = 0;
    }
    TRY(store_search(rest->store, get->call->arena, &stored, page, info));
    RestMadeSearch more = {.rest = rest,
                           .arena = get->call->arena,
                           .query = search->query,
                           .after = search->after,
                           .count = MIN(search->count, (size_t)LIMIT_PAGE_COUNT),
                           .want_total = search->want_total || search->want_estimate};
    return made ? rest_made_search(&more, page) : ERR_OK;
}

static ErrCode run_search(const RestGet *get, const FhirQuery *q, RestPage *p, ErrInfo *info) {
    RestPageToken token;
    StorePage page = {0};
    TRY(rest_page_begin(p, q->page, &token, info));
    bool count_only = q->summary == FHIR_SUMMARY_COUNT;
    StoreSearch search = {
        .query = q,
        .snapshot = token.snapshot,
        .after = token.after,
        .count = count_only     ? 0
                 : q->has_count ? q->count
                                : (size_t)get->call->rest->o.settings->page_count,
        .want_total = count_only || q->total == FHIR_TOTAL_ACCURATE,
        .want_estimate = q->total == FHIR_TOTAL_ESTIMATE,
        .want_plan = q->explain,
    };
    TRY(search_both(get, &search, &page, info));
    p->next = (RestPageToken){page.snapshot, page.next};
    p->entries = page.matches;
    p->n_entries = page.n_matches;
    p->includes = page.includes;
    p->n_includes = page.n_includes;
    p->includes_cut = page.includes_cut;
    p->plan = page.plan;
    p->n_plan = page.n_plan;
    p->total = search.want_total || search.want_estimate ? page.total : page.n_matches;
    /* A first page that is also the last one counts itself. */
    p->has_total = search.want_total || search.want_estimate ||
                   (token.after == 0 && page.next == 0 && q->total != FHIR_TOTAL_NONE);
    return ERR_OK;
}

/* "Observation", "Patient/5/Observation"; a star for all types of a compartment; nothing for the
 * whole system. */
static Str search_path(const RestGet *get) {
    const char *type = get->type == FHIR_T_NONE ? "" : fhir_type_name(get->type);
    return get->compartment == FHIR_T_NONE
               ? str_from(type)
               : arena_printf(get->call->arena, "%s/" STR_FMT "/%s",
                              fhir_type_name(get->compartment), STR_ARG(get->id),
                              get->type == FHIR_T_NONE ? "*" : type);
}

static ErrCode check_compartment(const RestGet *get, ErrInfo *info) {
    FhirType type = get->type == FHIR_T_NONE ? get->compartment : get->type;
    bool is_one = get->compartment != FHIR_T_NONE && fhir_has_compartment(get->compartment);
    if (get->compartment == FHIR_T_NONE ||
        (is_one && fhir_in_compartment(get->compartment, type))) {
        return ERR_OK;
    }
    return err_set(info, ERR_NOT_FOUND, "compartment-unknown",
                   "%s has no compartment with resources of type %s",
                   "%s không có phân khu chứa tài nguyên loại %s", fhir_type_name(get->compartment),
                   fhir_type_name(type));
}

ErrCode rest_search(const RestGet *get, RestAnswer *ret, ErrInfo *info) {
    Rest *rest = get->call->rest;
    FhirQuery q;
    TRY(check_compartment(get, info));
    FhirQueryScope scope = {.type = get->type,
                            .compartment = get->compartment,
                            .compartment_id = get->id,
                            .codes = &rest->codes,
                            .params = store_params(rest->store, get->call->arena),
                            .base_url = rest->base_url,
                            .now = clock_now_ms(rest->clock),
                            .info = info,
                            .is_lenient = rest_prefers(get->call, "handling=lenient")};
    TRY(fhir_query_parse(get->call->arena, &scope, get->query, &q));
    FhirPrintOptions print = {.summary = (FhirSummary)q.summary,
                              .elements = q.elements,
                              .n_elements = (unsigned)q.n_elements};
    RestPage p = {.get = get,
                  .path = search_path(get),
                  .question = printed_query(get->call->arena, &q),
                  .type = "searchset",
                  .print = &print,
                  .kind = REST_ENTRY_MATCH,
                  .ignored = q.ignored,
                  .n_ignored = q.n_ignored};
    TRY(rest_widen_linked(rest->store, get->call->arena, &q, info));
    TRY(run_search(get, &q, &p, info));
    if (p.n_entries == 0 && q.n_terms == 1 && q.page.len == 0) {
        TRY(rest_term_complete(get, &p));
    }
    if (p.n_entries == 0 && q.n_terms == 1 && q.page.len == 0) {
        TRY(rest_profile_complete(get, &p));
    }
    ret->pretty = q.pretty;
    return rest_page_answer(&p, q.page, ret);
}
