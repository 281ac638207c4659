/* History of a resource, a type, everything. */
#include "api/api_fhir_int.h"

ErrCode fhir_history(const FhirGet *get, FhirAnswer *ret, ErrInfo *info) {
    enum { COUNT, SINCE, PRETTY, FORMAT, N_QUESTION, PAGE = N_QUESTION, AT, N };
    FhirParam p[N] = {{"_count", {0}},  {"_since", {0}}, {"_pretty", {0}},
                      {"_format", {0}}, {"_page", {0}},  {"_at", {0}}};
    StoreVersion *versions = NULL;
    FhirPageToken token;
    StoreHistory what = {
        .type = get->type, .id = get->id, .count = (size_t)get->call->api->o.settings->page_count};
    TRY(fhir_params(get->call->arena, get->query, p, N, info));
    if (p[AT].value.ptr != NULL) {
        return err_set(info, ERR_UNSUPPORTED, "parameter-unsupported",
                       "_at is not supported; use _since", "chưa hỗ trợ _at; hãy dùng _since");
    }
    TRY(fhir_count_param(p[COUNT].value, &what.count, info));
    TRY(fhir_since_param(p[SINCE].value, &what.since, info));
    TRY(fhir_pretty_param(p[PRETTY].value, &ret->pretty, info));
    FhirPage page = {.get = get,
                     .path = fhir_path_of(get, "_history"),
                     .question = fhir_question_of(get->call->arena, p, N_QUESTION),
                     .type = "history",
                     .kind = FHIR_ENTRY_HISTORY};
    TRY(fhir_page_begin(&page, p[PAGE].value, &token, info));
    what.snapshot = token.snapshot != 0 ? token.snapshot : store_snapshot(get->call->api->store);
    what.before = token.after;
    ErrCode err = store_history(get->call->api->store, get->call->arena, &what, &versions,
                                &page.n_entries, &page.next.after);
    if (err != ERR_OK) {
        return fhir_absent(get, err, info);
    }
    page.next.snapshot = what.snapshot;
    page.entries = versions;
    page.has_total = token.after == 0 && page.next.after == 0;
    page.total = page.n_entries;
    return fhir_page_answer(&page, p[PAGE].value, ret);
}
