/* term.h — the terminology: code systems, value sets and concept maps, looked up by many threads.
 *
 * A Term is the catalogue; a TermView is an immutable snapshot of it, by reference count: term_view
 * takes one (hold it for a request or a batch of validations), term_view_end gives it back. Writers
 * (term_put, term_attach …) publish a new snapshot and never wait for readers. Three origins, the
 * later ones win: what is embedded (the core systems and sets of FHIR R4, Vietnamese catalogues),
 * files that an owner loaded (mapped), resources stored in the server.
 * Canonicals may carry |version; without one the newest is meant. Value sets are computed at their
 * first use and kept with the snapshot.
 * Ownership: texts point into the catalogue and live as long as the view, or in the arena given.
 * Errors: as named; the plain checks have none: what is not known is TERM_UNKNOWN.
 * Cost: term_set_has and term_concept about 100 ns. Threads: all functions from any thread. */
#ifndef NHIP_TERM_TERM_H
#define NHIP_TERM_TERM_H

#include "core/arena.h"
#include "core/json.h"
#include "fhir/fhir_print.h"
#include "fhir/fhir_type.h"

typedef struct Term Term;
typedef struct TermView TermView;
typedef struct TermSystem TermSystem; /* a code system of a view */
typedef struct TermSet TermSet;       /* a computed value set of a view */
typedef struct TermMap TermMap;       /* a concept map of a view */

/* Cheap: nothing is read before it is asked for. */
MUST_USE ErrCode term_new(Term **ret_term);
void term_free(Term *term); /* all views given back; NULL is fine */
const TermView *term_view(Term *term);
void term_view_end(const TermView *view); /* NULL is fine */
/* A view that shows one more CodeSystem, ValueSet or ConceptMap, before all others of its url; to
 * be ended like the one that it is made of. ERR_INVALID, ERR_PARAM as term_put. About 1 ms. */
MUST_USE ErrCode term_view_with(const TermView *view, const JsonNode *resource,
                                const TermView **ret_view, ErrInfo *info);

/* ---- the quick checks (validation, search, FHIRPath) ---- */

typedef enum TermVerdict {
    TERM_NO,
    TERM_YES,
    TERM_UNKNOWN, /* the set, or a system that it needs, is not known here */
} TermVerdict;

/* The value set of a canonical, computed; NULL when it is not known. Keep it while the view lives.
 */
const TermSet *term_set(const TermView *view, Str canonical);
/* Empty system: an element of type code, any system of the set fits. */
TermVerdict term_set_has(const TermSet *set, Str system, Str code);
/* The same for a value on the tape: a string (code, uri, string), a Coding or Quantity (system,
 * code), a CodeableConcept (one coding that is in the set suffices). NULL set: TERM_UNKNOWN. */
TermVerdict term_set_has_node(const TermSet *set, Arena *arena, const JsonNode *value);

/* The first system of the set by which a plain code is in it; empty when it is not. */
Str term_set_system(const TermSet *set, Str code);

typedef struct TermCode {
    Str system, code;
} TermCode;
/* All members. ERR_LIMIT when there are more than max; ERR_UNSUPPORTED when the set cannot be
 * listed (a whole system that is not held here, such as mime types). */
MUST_USE ErrCode term_set_codes(const TermSet *set, Arena *arena, size_t max, TermCode **ret_codes,
                                size_t *ret_n, ErrInfo *info);

/* The code itself and all below it (`above`: all above it), each once. ERR_NOT_FOUND when system or
 * code is not known, ERR_LIMIT. Empty system: ERR_NOT_FOUND. */
MUST_USE ErrCode term_below(const TermView *view, Arena *arena, const TermCode *code, size_t max,
                            Str **ret_codes, size_t *ret_n, ErrInfo *info);
MUST_USE ErrCode term_above(const TermView *view, Arena *arena, const TermCode *code, size_t max,
                            Str **ret_codes, size_t *ret_n, ErrInfo *info);

/* ---- sets of any origin ---- */

/* What a caller says of the versions of systems (ValueSet/$expand). */
typedef enum TermUse {
    TERM_EXCLUDE, /* parts of this system (and version, if said) are left out */
    TERM_DEFAULT, /* where the set names no version */
    TERM_CHECK,   /* the same; and another version in the set is an error */
    TERM_FORCE,   /* whatever the set names */
} TermUse;
typedef struct TermSystemUse {
    TermUse use;
    Str canonical; /* "url|version" */
} TermSystemUse;

typedef struct TermSetAsk {
    Str canonical;           /* or "SYSTEM?fhir_vs", "SYSTEM?fhir_vs=isa/CODE" */
    const JsonNode *compose; /* not NULL: an inline ValueSet.compose; its text outlives the set */
    bool has_day;
    int32_t day; /* the versions that hold on this day (since 1970) instead of the newest */
    const TermSystemUse *uses;
    size_t n_uses;
} TermSetAsk;
/* Computed in the arena unless the view has it. ERR_NOT_FOUND; ERR_PARAM, ERR_UNSUPPORTED,
 * ERR_LIMIT for a compose that cannot be followed. */
MUST_USE ErrCode term_set_in(const TermView *view, Arena *arena, const TermSetAsk *ask,
                             const TermSet **ret_set, ErrInfo *info);

/* ---- concepts ---- */

/* NULL when it is not known. */
const TermSystem *term_system(const TermView *view, Str canonical);

/* The version that holds on a day (since 1970; NULL: the newest). */
const TermSystem *term_system_on(const TermView *view, Str canonical, const int32_t *day);

typedef struct TermConcept {
    const TermSystem *system;
    uint32_t at; /* its place in the system's order */
    Str code, display, display_vi, definition;
    bool is_abstract, is_inactive;
    int32_t from, to; /* days since 1970, both included; INT32_MIN, INT32_MAX: unlimited */
} TermConcept;
bool term_concept(const TermSystem *system, Str code, TermConcept *ret_concept);
/* In Vietnamese or English, or what there is. */
static inline Str term_display(const TermConcept *c, FhirLanguage language) {
    bool vi = language == FHIR_LANG_VI && c->display_vi.len > 0;
    return vi || c->display.len == 0 ? c->display_vi : c->display;
}

typedef struct TermAbout {
    Str url, version, name, title;
    const char *content; /* "complete" … */
    bool is_complete;    /* a code that is not there is wrong */
} TermAbout;
TermAbout term_about(const TermSystem *system);
/* The systems of a view by url, the versions of one together, the one meant without a version
 * first. False behind the last one. */
bool term_system_nth(const TermView *view, size_t i, TermAbout *ret);
/* {"designation":[…],"property":[…]} as in FHIR, or empty. */
Str term_extra(const TermConcept *concept);
/* The concepts right above or below. ERR_NOMEM. */
MUST_USE ErrCode term_links(const TermConcept *concept, Arena *arena, bool above,
                            TermConcept **ret_concepts, size_t *ret_n);

typedef struct TermSubsumes {
    Str system, a, b;
} TermSubsumes;
/* "equivalent", "subsumes" (a stands above b), "subsumed-by", "not-subsumed". ERR_NOT_FOUND. */
MUST_USE ErrCode term_subsumes(const TermView *view, Arena *arena, const TermSubsumes *ask,
                               const char **ret_outcome, ErrInfo *info);

/* ---- expansion ---- */

enum { TERM_TREE_DEPTH = 24 };

typedef struct TermExpand {
    Str filter;           /* words or the beginning of a code; accents and case do not matter */
    size_t offset, count; /* count SIZE_MAX: all, at most max */
    size_t max;
    bool active_only;
    bool no_abstract;
    bool as_tree; /* by hierarchy, when all is shown and nothing filtered */
    bool has_day; /* only concepts that hold on this day */
    int32_t day;
} TermExpand;

typedef struct TermHit {
    Str system, version;
    TermConcept concept; /* concept.system NULL: its system is not held here */
    unsigned depth;      /* in a tree: 0, or one more than the hit it stands below */
    Str set_display;     /* what the set calls it; empty: as its system does */
    Str designation;     /* what the set adds: FHIR's JSON of the list, or empty */
} TermHit;

typedef struct TermExpansion {
    TermHit *hits;
    size_t n, total;
} TermExpansion;
/* Best first when filtered, else in the set's order. ERR_COSTLY,
 * ERR_UNSUPPORTED (rule term-set-lacks). Cost: about 0.1 µs a member and filter word. */
MUST_USE ErrCode term_expand(const TermSet *set, Arena *arena, const TermExpand *ask,
                             TermExpansion *ret, ErrInfo *info);

/* ---- translation ---- */

typedef struct TermTranslate {
    Str map; /* canonical of a ConceptMap; empty: all that fit */
    Str source_set, target_set;
    Str system, version, code;
    Str target_system;
    bool reverse; /* from the maps' targets to their sources */
} TermTranslate;

typedef struct TermMatch {
    Str equivalence, system, version, code, display, display_vi, comment;
    Str map;
} TermMatch;
/* At most 1,000. ERR_NOT_FOUND when the map is not known. */
MUST_USE ErrCode term_translate(const TermView *view, Arena *arena, const TermTranslate *ask,
                                TermMatch **ret_matches, size_t *ret_n, ErrInfo *info);

/* ---- what is held, as resources ---- */

typedef struct TermWhat {
    FhirType type; /* CodeSystem, ValueSet, ConceptMap */
    Str id;        /* of what is not stored in the server; empty: by canonical */
    Str canonical;
} TermWhat;

typedef struct TermHeld {
    FhirType type;
    Str id, url, version;
    bool is_stored; /* a resource of the server: its text is in the store */
    const void *entry;
} TermHeld;
bool term_find(const TermView *view, const TermWhat *what, TermHeld *ret);
/* The resource in FHIR's JSON; the hierarchy stands in the property "parent". */
MUST_USE ErrCode term_print(const TermHeld *held, Buf *out);

/* ---- what changes the catalogue ---- */

/* Takes in a CodeSystem, ValueSet or ConceptMap; the one given under the same name before goes.
 * ERR_INVALID: it cannot serve (no url, a code twice …). Other types: ERR_PARAM. */
MUST_USE ErrCode term_put(Term *term, Str name, const JsonNode *resource, ErrInfo *info);
void term_remove(Term *term, Str name); /* nothing when there is none */
/* A file that term_load made; stays mapped. ERR_NOT_FOUND, ERR_CORRUPT. */
MUST_USE ErrCode term_attach_file(Term *term, const char *path, Str name, ErrInfo *info);
void term_detach_file(Term *term, Str name);

#endif
