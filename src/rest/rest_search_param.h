/* rest_search_param.h — SearchParameter resources: FHIR R4's own, made from the tables (read-only,
 * SearchParameter/Patient-name), and checks of the others before they are stored. */
#ifndef NHIP_REST_REST_SEARCH_PARAM_H
#define NHIP_REST_REST_SEARCH_PARAM_H

#include "rest/rest_fhir.h"
#include "store/store_params.h"

/* The made one with this id; ERR_NOT_FOUND. It lives as long as the Rest. */
MUST_USE ErrCode rest_made_param(Rest *rest, Str id, StoreVersion *ret);

typedef struct RestMadeSearch {
    Rest *rest;
    Arena *arena;
    const FhirQuery *query;
    Slot after; /* of the page token */
    size_t count;
    bool want_total;
} RestMadeSearch;
/* Is the place among the made ones? Then the stored ones are through. */
bool rest_made_page(Slot after);
/* Adds the made ones that match behind the stored ones of the page, by URL, and to its total. */
MUST_USE ErrCode rest_made_search(const RestMadeSearch *s, StorePage *page);

/* May this SearchParameter be stored under this id ("": the server chooses)? */
MUST_USE ErrCode rest_check_param(RestCall *call, Str id, const JsonNode *root, ErrInfo *info);

#endif
