/* search_sort_int.h — what search_sort.c (the page, few candidates) and search_sort_keys.c (many
 * candidates, by the keys of the index) share. One thread, the search's arenas. */
#ifndef NHIP_STORE_SEARCH_SORT_INT_H
#define NHIP_STORE_SEARCH_SORT_INT_H

#include "store/search_int.h"

typedef struct SortHit {
    Slot slot;
    Str key; /* under all sorts */
} SortHit;

/* The best max hits of those that were put. */
typedef struct SortTop {
    Search *s;
    Arena *arena; /* their keys */
    SortHit *hits;
    size_t n, max;
} SortTop;
MUST_USE ErrCode top_init(SortTop *top, Search *s, size_t max);
void top_release(SortTop *top);
/* Leaves out what does not stand behind `after` (NULL: nothing). Copies the key. */
MUST_USE ErrCode top_put(SortTop *top, const SortHit *hit, const SortHit *after);
void top_sort(SortTop *top); /* best first; nothing may be put any more */

typedef struct SortRun {
    Search *s;
    StorePage *page;
    size_t count;
    bool has_more;
    bool by_keys; /* the index has the first sort's order */
    /* the page begins behind it */
    bool has_after;
    SortHit after;
    Str after_lead; /* empty: it has no value */
    /* candidates, ascending; all of them only when gathered_all */
    Slot *set;
    size_t n_set, set_max;
    bool gathered_all;
    SortTop *missing; /* those without a value, when a second sort orders them */
} SortRun;

/* Decodes and matches; key and lead (may be NULL) live in the match arena until the next one. */
MUST_USE ErrCode sort_verify(Search *s, Slot slot, SortHit *ret, Str *ret_lead, bool *ret_matches);
/* ERR_STOPPED when the page was full already. */
MUST_USE ErrCode sort_emit(SortRun *r, Slot slot);
MUST_USE ErrCode sort_emit_top(SortRun *r, SortTop *top);

/* Does the index keep the values of the first sort in their order, all of them? */
MUST_USE ErrCode sort_by_keys_can(SortRun *r, bool *ret_can);
MUST_USE ErrCode sort_by_keys(SortRun *r);

#endif
