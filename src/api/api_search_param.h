/* api_search_param.h — SearchParameter resources: FHIR R4's own, made from the tables (read-only,
 * SearchParameter/Patient-name), and checks of the others before they are stored. */
#ifndef NHIP_API_API_SEARCH_PARAM_H
#define NHIP_API_API_SEARCH_PARAM_H

#include "api/api_fhir_int.h"
#include "store/store_params.h"

/* The made one with this id; ERR_NOT_FOUND. It lives as long as the Api. */
MUST_USE ErrCode api_made_param(Api *api, Str id, StoreVersion *ret);

typedef struct ApiMadeSearch {
    Api *api;
    Arena *arena;
    const FhirQuery *query;
    Slot after; /* of the page token */
    size_t count;
    bool want_total;
} ApiMadeSearch;
/* Is the place among the made ones? Then the stored ones are through. */
bool api_made_page(Slot after);
/* Adds the made ones that match behind the stored ones of the page, by URL, and to its total. */
MUST_USE ErrCode api_made_search(const ApiMadeSearch *s, StorePage *page);

/* May this SearchParameter be stored under this id ("": the server chooses)? */
MUST_USE ErrCode api_check_param(ApiCall *call, Str id, const JsonNode *root, ErrInfo *info);

#endif
