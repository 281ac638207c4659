/* search_link_int.h — what the files of linked terms (chains, _has, trees) share: what is known of
 * a term's other side, the sets of first slots, and the filling of a set by a search. Everything
 * lives in the plan's arena of the search whose term it is. Errors: ERR_NOMEM, ERR_LIMIT
 * (search-work), and what reading records gives. Threads: as Search. */
#ifndef NHIP_STORE_SEARCH_LINK_INT_H
#define NHIP_STORE_SEARCH_LINK_INT_H

#include "fhir/fhir_match.h"
#include "store/search_int.h"

enum {
    LINK_WORK = 4,   /* what a small search counts as, beside what it reads */
    LINK_SEEKS = 16, /* so many seeks in keys count as one resource */
};

typedef struct SlotSet { /* open addressing; 0 is free */
    Slot *table;
    size_t mask, n;
} SlotSet;
bool slot_set_has(const SlotSet *set, Slot slot);
/* ret_new: it was not in the set. */
MUST_USE ErrCode slot_set_put(Arena *arena, SlotSet *set, Slot slot, bool *ret_new);

/* ---- search_probe.c ---- */
typedef struct SearchProbe SearchProbe;
/* Can the search's clauses be asked? Not when links of its own have no clause. */
bool probe_fits(const Search *s);
/* Lives in the plan's arena. */
MUST_USE ErrCode probe_new(const Search *s, SearchProbe **ret);
/* The first slot of [from, last], which lie in one record, that may meet the search, dead ones
 * included; 0: none does. */
MUST_USE ErrCode probe_next(SearchProbe *p, Slot from, Slot last, Slot *ret);

typedef struct LinkSide {
    FhirType type;         /* of the resources on the other side */
    Search *search;        /* for those that meet the link; NULL: a tree */
    SearchProbe *probe;    /* of the same, when it was asked about one by one */
    bool is_whole;         /* yes holds all of them */
    SlotSet yes;           /* chain, tree: they; _has: what they refer to */
    SlotSet no;            /* asked about, and not */
    SlotSet made;          /* first slots whose id is known to be the server's */
    bool is_contained;     /* some of the term's type may contain resources of this one */
    FhirMatchLinks inside; /* answers for those */
} LinkSide;

struct SearchLink {
    const FhirQueryTerm *term;
    LinkSide *sides;
    size_t n_sides;
    bool is_joined;  /* a clause stands for it */
    size_t expected; /* resources on the other side */
    size_t budget;   /* work that asking may take before the sets are made */
    size_t spent;    /* work of asking so far */
    size_t n_asked;  /* resources asked about */
    size_t n_seeks;  /* in keys, LINK_SEEKS of them as costly as a resource read */
};

static inline bool link_is_reverse(const FhirQueryTerm *term) {
    return term->kind == FHIR_TERM_HAS || term->kind == FHIR_TERM_LIST;
}
LinkSide *link_side_of(SearchLink *link, FhirType type); /* NULL: none */
FhirIndexReference link_reference(FhirType type, Str id);

/* A search of the same snapshot for resources of `type` that meet the terms. Its arenas live as
 * long as the plan. */
MUST_USE ErrCode link_side_search(Search *s, FhirType type, FhirQueryTerm *terms, size_t n_terms,
                                  Search **ret);
/* Adds "what refers to this resource by the term's param" to the clause. */
MUST_USE ErrCode link_put_target(Search *s, Clause *c, const FhirQueryTerm *term,
                                 const FhirIndexReference *r);

/* When all of them are there. */
MUST_USE ErrCode link_finish(Search *s, const FhirQueryTerm *term, Clause *c);
/* The values of one parameter of a resource that the search found. */
MUST_USE ErrCode link_extract(Search *side, const FhirSearchParam *param,
                              const struct JsonNode *root, FhirIndexSink *sink);

/* ---- filling a set ---- */
typedef struct SideFill {
    Search *s; /* whose term it is */
    const FhirQueryTerm *term;
    LinkSide *side;
    Search *search;
    Clause *clause; /* gets what follows from the set; NULL: nobody needs it */
    size_t max;     /* stops when the set has more */
    Str *ids;       /* new members' ids, for the next step of a tree; NULL: not wanted */
    size_t n_ids;
    const SlotSet *asked; /* _has: it stops when n_left of them are members; NULL: not asked */
    size_t n_left;
} SideFill;
/* The resource met the link: it is a member itself. ERR_STOPPED behind max. */
MUST_USE ErrCode link_fill_chain(SideFill *f, const StoreVersion *v);
/* The resources that the search finds become members. */
MUST_USE ErrCode link_walk(SideFill *f);
/* The same of all of the side's resources, up to max; ret_whole: that was all. */
MUST_USE ErrCode link_fill(SideFill *f, bool *ret_whole);
/* One slot that is alive and may meet the search; sure: it does. */
MUST_USE ErrCode link_fill_one(SideFill *f, Slot slot, bool sure);
/* Makes the sets of a link that is asked about, without a clause: from now on they answer. */
MUST_USE ErrCode link_make_sets(Search *s, SearchLink *link);

/* ---- search_ask.c ---- */
/* Was it asked about the resource? Then it is in yes, or not. */
bool link_is_known(const LinkSide *side, Slot first);
/* A resource that nobody asked about yet, by its first slot and that of its current version (0: it
 * has none): from now on it is known. */
MUST_USE ErrCode link_ask_version(Search *s, LinkSide *side, Slot first, Slot slot);

/* ---- search_sift.c ---- */
/* Are the resources of a _has asked about one by one? */
bool link_sifts(const SearchLink *link);

/* ---- search_tree.c ---- */
MUST_USE ErrCode link_plan_tree(Search *s, SearchLink *link);

#endif
