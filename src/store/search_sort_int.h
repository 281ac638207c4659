/* search_sort_int.h — what search_sort.c (the page, few candidates), search_sort_keys.c (many
 * candidates, by the keys of the index) and search_sort_way.c (which of both) share. One thread,
 * the search's arenas. */
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
    /* the candidates' list: ascending, dead ones among them; in use when is_listed (it is whole) */
    Slot *set;
    size_t n_set, set_max;
    uint64_t *sieve; /* a bit for each listed slot, at a place that chance gives it */
    unsigned sieve_shift;
    bool is_listed, is_overfull; /* is_overfull: there are too many to list */
    size_t n_records;            /* that the listed slots lie in */
    SortTop *missing;            /* those without a value, when a second sort orders them */
    /* estimates, in resources: of the type, keys of the first sort, matches, and values looked at
     * until the page is full */
    double n_type, n_values, n_matches, n_looks;
    size_t patience; /* candidates that are read before they are listed after all */
    size_t n_asked;  /* read so far */
    size_t n_looked; /* values looked at */
    struct SortSeek *seeks;
    size_t n_seeks;
} SortRun;

/* Decodes and matches; key and lead (may be NULL) live in the match arena until the next one. */
MUST_USE ErrCode sort_verify(Search *s, Slot slot, SortHit *ret, Str *ret_lead, bool *ret_matches);
/* ERR_STOPPED when the page was full already. */
MUST_USE ErrCode sort_emit(SortRun *r, Slot slot);
MUST_USE ErrCode sort_emit_top(SortRun *r, SortTop *top);

/* ---- search_sort_way.c ---- */
/* Chooses by cost, makes the list of candidates if that pays. READ_ALL, KEYS_LIST or KEYS_ASK. */
MUST_USE ErrCode sort_choose(SortRun *r, StoreSortWay *ret_way);
bool sort_is_live(const SortRun *r, Slot slot);
bool sort_is_listed(const SortRun *r, Slot slot);
/* May the slot, which stands in the keys, be a match? What may be is to be read. */
MUST_USE ErrCode sort_ask(SortRun *r, Slot slot, bool *ret_may);
void sort_release(SortRun *r);

/* ---- search_sort_keys.c ---- */
/* The keys of the first sort's values that have a place in the order: [low, high). */
void sort_key_bounds(const Search *s, KeyBuf *ret_low, KeyBuf *ret_high);
/* Does the index keep the values of the first sort in their order, all of them? */
MUST_USE ErrCode sort_by_keys_can(SortRun *r, bool *ret_can);
MUST_USE ErrCode sort_by_keys(SortRun *r);

#endif
