/* All that a query finds, page by page of one snapshot. */
#include "core/limits.h"
#include "store/store_scan.h"

#define PAGES_BYTES ((size_t)1 << 30)

enum { PAGE = 100 }; /* resources in memory: some have megabytes */

ErrCode store_scan_found(Store *store, const StoreFound *found) {
    FhirQuery query;
    CLEANUP_ARENA Arena *asked = arena_new(LIMIT_MIB);
    CLEANUP_ARENA Arena *pages = arena_new(PAGES_BYTES);
    StorePage page = {.snapshot = found->snapshot};
    if (asked == NULL || pages == NULL) {
        return ERR_NOMEM;
    }
    TRY(fhir_query_parse(asked, found->scope, found->text, &query));
    do {
        StoreSearch search = {
            .query = &query, .snapshot = page.snapshot, .after = page.next, .count = PAGE};
        arena_reset(pages);
        TRY(store_search(store, pages, &search, &page, found->scope->info));
        for (size_t i = 0; i < page.n_matches; i++) {
            if (found->stop != NULL && stop_asked(found->stop)) {
                return ERR_STOPPED;
            }
            TRY(found->each(found->ctx, &page.matches[i]));
        }
    } while (page.next != 0);
    return ERR_OK;
}
