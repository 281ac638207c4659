/* search_int.h — the search over the index: a query becomes clauses over ranges of keys (plan),
 * each part of the index is walked with one iterator a clause (set), candidates are filtered by the
 * dead set and verified on the decoded resource (run). A key's verdict is three-valued: its slots
 * meet the clause, do not, or may (a date of a day on the border of the searched span): what may is
 * decoded before it is counted. Everything lives in the search's arenas. Threads: one a Search; the
 * store may be shared. */
#ifndef NHIP_STORE_SEARCH_INT_H
#define NHIP_STORE_SEARCH_INT_H

#include "store/index_key.h"
#include "store/store_int.h"

enum {
    SEARCH_BATCH = 256,      /* candidates filtered together */
    SEARCH_TYPES = 8,        /* whose counts are remembered; more are counted again */
    SEARCH_PAIR_MAX = 256,   /* ranges that a composite clause may take */
    SEARCH_TREE_MAX = 10000, /* resources above or below the values of one term */
};

typedef enum KeyVerdict { KEY_NO, KEY_MAYBE, KEY_YES } KeyVerdict;

typedef enum KeyTest {
    TEST_NONE,     /* the verdict of the range */
    TEST_SYSTEM,   /* token: any code of one system */
    TEST_CONTAINS, /* string */
    TEST_BEGINS,   /* string that begins with more than a key holds */
    TEST_DATE,
    TEST_NUMBER, /* number and quantity, after KEY_POINT */
    TEST_WORDS,  /* :text: a word begins so */
    TEST_BELOW,  /* uri, by path */
} KeyTest;

typedef enum KeyUnits {
    UNITS_NONE,   /* the key is silent about units */
    UNITS_BEHIND, /* the number */
    UNITS_BEFORE, /* and 00 between them */
} KeyUnits;

typedef struct NumberBound { /* a searched number as keys */
    uint64_t value, lo, hi;
    bool value_exact, lo_exact, hi_exact;
} NumberBound;

typedef struct KeyRange {
    Str from, to;  /* from <= key < to */
    bool is_exact; /* from alone; to is its successor */
    KeyVerdict verdict;
    KeyTest test;
    uint16_t value_at; /* where the tested value begins in the key; 0: behind an open token */
    KeyUnits units;
    const FhirQueryValue *value;
    NumberBound bound;
} KeyRange;

typedef struct Clause {
    KeyRange *ranges;
    size_t n_ranges, ranges_max;
    RecordNo *records; /* every slot of these records may meet it; ascending, unique */
    size_t n_records, records_max;
    Slot *slots; /* these slots meet it; ascending */
    size_t n_slots, slots_max;
    bool is_negative;                   /* slots that do not meet the ranges */
    bool is_unsure;                     /* what it gives must be verified */
    bool is_one_token;                  /* keys of a pair with one token, system said */
    const FhirQueryTerm *term, *second; /* that it stands for; NULL: none */
} Clause;

typedef struct SearchPlan { /* for __explain */
    StorePlanStep *steps;
    size_t n, max;
} SearchPlan;

typedef struct SearchTimer {
    size_t work;
    int64_t us;
} SearchTimer;

typedef struct SearchLink SearchLink; /* search_link.c */

typedef struct TypeCount { /* about */
    FhirType type;
    size_t all, current; /* all = 0: not known yet */
} TypeCount;

typedef struct Search {
    Store *store;
    Index *index;
    IndexView *view;
    Arena *out; /* the caller's */
    Arena *plan_arena;
    Arena *record_arena; /* the record read last */
    Arena *match_arena;  /* one candidate */
    const FhirQuery *query;
    ErrInfo *info;
    RecordNo snapshot, since;
    Clause *clauses;
    size_t n_clauses, clauses_max;
    Slot low, high; /* candidates lie in [low, high) */
    bool of_type;   /* candidates come from the type's own list, which deletes are in, too */
    bool is_empty;  /* nothing can match */
    bool is_unsure; /* every candidate must be verified to be counted */
    bool ascending;
    bool with_dead; /* walks hand on slots that are not current, too */
    StoredRecord *record;
    StoreVersion last; /* what search_verify read last, and its tape: in match_arena */
    const JsonNode *last_root;
    size_t *work;        /* resources decoded so far, with those of its links' searches: more than
                          * limits.work_max are refused */
    TypeCount *types;    /* SEARCH_TYPES of them, for the search and its links */
    size_t *tests;       /* of keys against further ranges of a list */
    size_t n_revived;    /* slots found dead that were alive at the snapshot */
    size_t n_checked;    /* slots that a count had to verify */
    SearchPlan *explain; /* NULL: nobody asked */
    unsigned depth;      /* of a chain's search */
    bool is_side;        /* of a chain: its own links are joined when it is walked */
    size_t wanted;       /* hits that the page takes; 0: all */
    bool is_lazy;        /* its walk may end soon: keys are read as far as it comes */
    bool is_narrowed;    /* to what refers to a batch: its records hold much that is not meant */
    size_t batch;        /* candidates filtered together */
    const FhirIndexReference *near; /* that every match refers to, and where it was made: */
    Slot near_first;                /* what else its record holds is read only when it names it */
    Str near_text;                  /* as it is named inside the record; empty: not made yet */
    const Slot *known;              /* ascending: left out */
    size_t n_known;
    SearchLink **links;
    size_t n_links;
    StoreSearchLimits limits;
} Search;

/* ---- search_plan.c, search_value.c ---- */
MUST_USE ErrCode search_plan(Search *s);
Clause *clause_new(Search *s); /* NULL without memory */
/* Puts the clause's parts in order: when nothing more is added. */
void clause_finish(Clause *c);
/* About how many slots the clause has; its keys in one part. */
size_t clause_estimate(const Search *s, const Clause *c);
size_t clause_estimate_keys(const IndexPart *part, const Clause *c);
/* About how many slots the clauses leave, by the smallest of them; SIZE_MAX without any. */
size_t search_estimate(Search *s);
MUST_USE ErrCode clause_range(Search *s, Clause *c, const KeyRange *range);
void clause_finish(Clause *c); /* all ranges, records and slots are there */
MUST_USE ErrCode clause_records(Search *s, Clause *c, const RecordNo *records, size_t n);
MUST_USE ErrCode clause_slot(Search *s, Clause *c, Slot slot);
/* The ranges of one value of a term on param; ERR_UNSUPPORTED never comes: the query was checked.
 */
MUST_USE ErrCode value_ranges(Search *s, Clause *c, const FhirQueryTerm *term,
                              const FhirQueryValue *value);
/* All keys of the param (references: the other half of the keys). */
MUST_USE ErrCode value_all(Search *s, Clause *c, unsigned param);
/* A pair of our own or a FHIR composite: token and date or quantity, under `param`. */
MUST_USE ErrCode value_pair(Search *s, Clause *c, unsigned param, const FhirQueryValue *token,
                            const FhirQueryValue *second);
KeyVerdict key_verdict(const KeyRange *range, Str key);

/* To make the sets of links: the type's list is taken out of the plan, and put back when there is
 * still no other start. */
void search_plan_reopen(Search *s);
MUST_USE ErrCode search_plan_close(Search *s);

/* ---- search_custom.c: parameters that came at run time ---- */
MUST_USE ErrCode plan_custom(Search *s, const FhirQueryTerm *term);
/* The ranges of a clause, keys of the term's parameter, become the slots that its own index has for
 * them, and the last records. ERR_BUSY, search-indexing: it lacks too much. */
MUST_USE ErrCode custom_resolve(Search *s, const FhirQueryTerm *term, Clause *c);
MUST_USE ErrCode custom_is_ready(const Search *s, const FhirQueryTerm *term);

/* ---- search_text.c: _text, _content, near ---- */
MUST_USE ErrCode plan_words(Search *s, const FhirQueryTerm *term);
MUST_USE ErrCode near_ranges(Search *s, Clause *c, const KeyBuf *head, const FhirQueryValue *value);

/* ---- search_fill.c ---- */
/* All slots of the clause's ranges in the part, ascending; maybe: those of them to be verified. */
MUST_USE ErrCode search_fill(Search *s, const IndexPart *part, const Clause *c, SlotVec *slots,
                             SlotVec *maybe);
/* In a tail the first relative slot of the search's candidates; in a segment 0. */
uint32_t part_above(const Search *s, const IndexPart *part);
/* Cuts the part's ascending slots to the snapshot, and of a tail to [s->low, …). */
void search_cut(const Search *s, const IndexPart *part, SlotVec *v);
MUST_USE ErrCode slot_vec_append(SlotVec *v, const uint32_t *slots, size_t n);
MUST_USE ErrCode slot_vec_sort(SlotVec *v); /* each once */

/* ---- search_kept.c: what search_fill found in a segment, uncut, when asked again ---- */
enum { KEPT_NAME = 5120 }; /* bytes; a clause with more to say is not kept */
/* Appends what the clause is called there; false: it is not kept. */
bool kept_name(const IndexPart *part, const Clause *c, Buf *name);
/* Is it there, so that listing costs next to nothing? */
bool kept_has(const IndexPart *part, const Clause *c);
MUST_USE ErrCode kept_get(const IndexPart *part, Str name, SlotVec *slots, SlotVec *maybe,
                          bool *ret_has);
void kept_put(const IndexPart *part, Str name, const SlotVec *slots, const SlotVec *maybe);

/* ---- search_set.c: iterators over one part ---- */
typedef struct SlotIter SlotIter;
/* NULL in *ret_iter when the clause has nothing in this part. */
MUST_USE ErrCode iter_new(Search *s, const IndexPart *part, const Clause *clause,
                          SlotIter **ret_iter);
void iter_free(SlotIter *it);                                /* NULL is fine */
bool iter_le(SlotIter *it, uint32_t at, uint32_t *ret_slot); /* the largest <= at */
bool iter_ge(SlotIter *it, uint32_t at, uint32_t *ret_slot); /* the smallest >= at */
bool iter_is_sure(SlotIter *it, uint32_t slot); /* need not be verified to be counted */
ErrCode iter_error(const SlotIter *it);
size_t iter_estimate(const SlotIter *it);
/* Its slots in the whole part, of a record one; not of a search that is lazy. */
MUST_USE ErrCode iter_count(const SlotIter *it, uint64_t *ret_n);
bool iter_is_few(const SlotIter *it); /* so few that each can be decoded */
/* All its slots, and those of them to be verified; false when they stand in blocks or records. */
bool iter_lists(const SlotIter *it, const SlotVec **ret_slots, const SlotVec **ret_maybe);
/* The clause is keys alone, to be counted without the walk. */
bool clause_is_keys(const Clause *c);
/* The clause is one exact key without more: its count in the part, or false. */
bool clause_is_plain(const Clause *c);
void slots_sort(uint32_t *slots, uint32_t *spare, size_t n);

/* ---- search_walk.c: the candidates of all parts, in the order of the result ---- */
/* n candidates of one part (relative to base), dead ones taken out; sure: bit i, slot i need not be
 * verified to be counted. Stop by an error; ERR_STOPPED ends the walk without being an error. */
typedef struct WalkBatch {
    Slot base;
    const uint32_t *slots;
    size_t n;
    const uint64_t *sure;
} WalkBatch;
typedef ErrCode (*WalkPut)(void *ctx, const WalkBatch *batch);
/* 0 … 2: clauses of a lower cost are opened first. */
unsigned search_clause_cost(const Clause *c);
MUST_USE ErrCode search_walk(Search *s, Slot after, WalkPut put, void *ctx);
/* Marks those of at most SEARCH_BATCH slots that are dead at the snapshot, and counts them. */
MUST_USE ErrCode search_mark_dead(Search *s, const WalkBatch *batch, uint64_t *marks,
                                  size_t *ret_n);
/* The walk over one part, within [s->low, s->high). */
MUST_USE ErrCode search_walk_part(Search *s, const IndexPart *part, WalkPut put, void *ctx);

/* ---- search_count.c ---- */
/* The number of matches. */
MUST_USE ErrCode search_count(Search *s, uint64_t *ret_total);
typedef struct ClauseCount {
    uint64_t n;
    bool is_least; /* there may be more: counting on would take longer than many a page */
} ClauseCount;
/* The versions that the clause holds, dead and open ones included; of records that it names, one
 * each. */
MUST_USE ErrCode search_count_versions(Search *s, const Clause *c, ClauseCount *ret);

/* ---- search_link.c ---- */
MUST_USE ErrCode search_plan_link(Search *s, const FhirQueryTerm *term);
/* Makes the sets that are cheaper than asking. */
MUST_USE ErrCode search_links_join(Search *s);
/* Must every candidate be asked about? */
bool search_links_ask(const Search *s);
/* Has asking taken so much that its sets are to be made (search_links_switch)? */
bool search_links_due(const Search *s);
MUST_USE ErrCode search_links_switch(Search *s);
/* About how many resources the search finds, chance deciding what is in no clause. */
size_t search_expect(Search *s);

/* ---- search_ask.c ---- */
/* What must be known of the candidates before they are verified. */
MUST_USE ErrCode search_link_batch(Search *s, const WalkBatch *batch);
/* FhirMatchLinks.holds; ctx is the Search. */
ErrCode search_link_holds(void *ctx, const FhirQueryTerm *term, const FhirIndexReference *reference,
                          bool *ret_holds);
/* FhirMatchLinks.inside */
const struct FhirMatchLinks *search_link_inside(void *ctx, const FhirQueryTerm *term,
                                                FhirType type);

/* ---- search_sift.c ---- */
/* False: the candidate meets one of the links surely not, as keys say. */
MUST_USE ErrCode search_links_sift(Search *s, Slot slot, bool *ret_may);

/* ---- search_run.c ---- */
/* ERR_LIMIT when the search has done too much. */
MUST_USE ErrCode search_spend(Search *s, size_t work);
/* Is the slot a version of the searched type, and no delete? Not counted as work. */
MUST_USE ErrCode search_is_there(Search *s, Slot slot, bool *ret_is);
/* Identity of a candidate, without its text; false when it is a delete or of another type. The id
 * lives until the next candidate. */
MUST_USE ErrCode search_head(Search *s, Slot slot, StoreVersion *ret, bool *ret_is_there);
/* The patients that it may refer to, and the first slot of its record's own. */
MUST_USE ErrCode search_patients(Search *s, Slot slot, StoredPatients *ret, Slot *ret_own);
/* Identity and text, parsed. */
MUST_USE ErrCode search_look(Search *s, Slot slot, StoreVersion *ret, const struct JsonNode **root,
                             bool *ret_is_there);
MUST_USE ErrCode search_match(Search *s, const StoreVersion *v, const struct JsonNode *root,
                              bool *ret_matches);
/* Decodes and matches one candidate; counts the work. */
MUST_USE ErrCode search_verify(Search *s, Slot slot, bool *ret_matches);
/* Is the slot a delete? Not counted as work. */
MUST_USE ErrCode search_is_delete(Search *s, Slot slot, bool *ret_is);
/* The version, which is one of the type (FHIR_T_NONE: of any), expanded into s->out. */
MUST_USE ErrCode search_fetch(Search *s, FhirType type, Slot slot, StoreVersion *ret);
/* A version of whatever type. */
MUST_USE ErrCode search_fetch_any(Search *s, Arena *arena, Slot slot, StoreVersion *ret);
/* ERR_LIMIT, search-work. */
ErrCode search_too_much(const Search *s);
/* The version of `first` that is current at the snapshot: its slot, or 0. */
MUST_USE ErrCode search_current(Search *s, Slot first, Slot *ret_slot);

/* ---- search_sort.c: pages in the order of _sort ---- */
/* By anything but _lastUpdated alone, which is the order of the walk. */
bool search_is_sorted(const Search *s);
MUST_USE ErrCode search_sorted(Search *s, const StoreSearch *search, StorePage *page);

/* ---- search_sort_key.c: values as bytes whose memcmp order is the order of _sort ---- */
/* The last verified resource's key under all sorts; in arena. ret_lead (may be NULL): the bytes by
 * which the index orders the first sort's value, empty when the resource has none. */
MUST_USE ErrCode sort_key(Search *s, Arena *arena, Str *ret_key, Str *ret_lead);
/* How many bytes behind a key's head decide its place among the first sort's values (SIZE_MAX: all
 * of them), and whether they decide it wholly. */
size_t sort_lead_len(const FhirSearchParam *param);
bool sort_lead_is_whole(const FhirSearchParam *param, Str lead);

/* ---- search_explain.c: without an explain in the search they do nothing ---- */
/* The clauses of the plan that was just made. */
MUST_USE ErrCode search_explain_plan(Search *s);
SearchTimer search_timer(const Search *s);
/* Something that was done since the timer: read and us are filled in. */
MUST_USE ErrCode search_explain_step(Search *s, const SearchTimer *since, StorePlanStep step);
Str search_explain_term(Search *s, const FhirQueryTerm *term); /* as in a URL, cut */
/* What was looked up for the terms that no clause stands for. */
MUST_USE ErrCode search_links_explain(Search *s, const SearchTimer *since);

/* ---- search_system.c ---- */
/* A page, and the total, of a query without a type. */
MUST_USE ErrCode search_system(Search *s, const StoreSearch *search, StorePage *page);

/* ---- search_include.c ---- */
MUST_USE ErrCode search_include(Search *s, StorePage *page);

#endif
