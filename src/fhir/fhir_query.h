/* fhir_query.h — the query part of a search URL as a checked tree
 * (http://hl7.org/fhir/R4/search.html). Repeated parameters are ANDed, comma lists ORed; `\,` `\|`
 * `\$` `\\` escape. Everything unknown or not supported is refused by name: a search never answers
 * a wider question than the one that was asked, unless its client prefers so (lenient). Ownership:
 * the tree lives in the arena and may point into the query string. Errors: ERR_PARAM (wrong),
 * ERR_UNSUPPORTED (right but not done yet), ERR_LIMIT, ERR_NOMEM; info names the parameter in
 * `where`. Threads: no state. */
#ifndef NHIP_FHIR_QUERY_H
#define NHIP_FHIR_QUERY_H

#include "core/decimal.h"
#include "core/time.h"
#include "fhir/fhir_extract.h"
#include "fhir/fhir_param_set.h"
#include "fhir/fhir_search_param.h"
#include "fhir/fhir_summary.h"

typedef enum FhirPrefix {
    FHIR_PREFIX_EQ,
    FHIR_PREFIX_NE,
    FHIR_PREFIX_GT,
    FHIR_PREFIX_LT,
    FHIR_PREFIX_GE,
    FHIR_PREFIX_LE,
    FHIR_PREFIX_SA,
    FHIR_PREFIX_EB,
    FHIR_PREFIX_AP,
} FhirPrefix;

typedef enum FhirModifier {
    FHIR_MOD_NONE,
    FHIR_MOD_EXACT,
    FHIR_MOD_CONTAINS,
    FHIR_MOD_MISSING, /* term->missing says which */
    FHIR_MOD_NOT,
    FHIR_MOD_TYPE, /* subject:Patient=…: folded into each value's reference.type */
    FHIR_MOD_TEXT, /* token, reference: words of the text or display */
    FHIR_MOD_IN,   /* token: codes of value sets, expanded into the values */
    FHIR_MOD_NOT_IN,
    FHIR_MOD_ABOVE, /* token: expanded into the values; uri: by path; reference: see term */
    FHIR_MOD_BELOW,
    FHIR_MOD_OF_TYPE,    /* identifier: type's system|code|value */
    FHIR_MOD_IDENTIFIER, /* reference: Reference.identifier */
} FhirModifier;

/* A number with what its digits imply: 5.4 means [5.35, 5.45). ap: value ± 10 %. */
typedef struct FhirQueryNumber {
    Str text;
    Decimal value, lo, hi; /* lo ≤ x < hi; for ap lo ≤ x ≤ hi */
} FhirQueryNumber;

typedef struct FhirQueryValue FhirQueryValue;
struct FhirQueryValue {
    uint8_t kind;   /* FhirIndexKind, by the parameter's type */
    uint8_t prefix; /* FhirPrefix: date, number, quantity */
    union {
        struct { /* "code": no bar; "system|code"; "|code": bar, no system; "system|": bar, no code
                  */
            Str system, code;
            bool has_bar;
        } token;
        struct {
            Str text, folded; /* folded is empty with :exact */
        } string;
        struct {
            Str text;
            TimeMs lo, hi; /* for ap widened by 10 % of the distance to now */
        } date;
        FhirQueryNumber number;
        struct { /* "5.4": no bars; "5.4|system|code"; "5.4||code": the code or the unit */
            FhirQueryNumber number;
            Str system, code;
            bool has_unit;
        } quantity;
        struct {
            Str text;
        } uri;
        /* "subject=123": id, type FHIR_T_NONE (any type). "Type/id", or "id" where one type only
         * can be meant: type, id. Absolute: url, and type, id too when it begins with the own base.
         * Canonical elements give FHIR_INDEX_URI values: compare those with url. */
        FhirIndexReference reference;
        struct {
            Str system, code, value; /* :of-type */
        } of_type;
        struct { /* _text, _content: all words, and the phrases that were quoted */
            Str text;
            Str *words, *phrases; /* folded; phrases with a space before and behind each word */
            size_t n_words, n_phrases;
        } words;
        struct { /* near */
            Str text;
            double latitude, longitude, metres;
        } near;
        struct {
            uint8_t n_parts;
            FhirQueryValue *parts; /* in the parameter's order */
        } composite;
    };
};

typedef enum FhirTermKind {
    FHIR_TERM_VALUES, /* parameter:modifier=value,value… */
    FHIR_TERM_CHAIN,  /* subject:Patient.name=x: what `param` refers to meets one of links */
    FHIR_TERM_HAS,    /* _has:Observation:patient:code=x: what refers to this resource by `param`
                       * (of links[0].type) meets links[0] */
    FHIR_TERM_LIST,   /* _list=5: the same as _has:List:item:_id=5 */
    FHIR_TERM_ANY,    /* compartment: one of links, all of the type at hand, holds */
} FhirTermKind;

typedef struct FhirQueryTerm FhirQueryTerm;
/* A resource of this type that meets the term. */
typedef struct FhirQueryLink {
    FhirType type;
    FhirQueryTerm *term;
} FhirQueryLink;

/* One parameter. With :above and :below on a reference the values are themselves meant, too, and
 * what lies above or below them by the type's own fhir_hierarchy_param. */
struct FhirQueryTerm {
    const FhirSearchParam *param; /* NULL: FHIR_TERM_ANY */
    uint8_t kind;                 /* FhirTermKind */
    uint8_t modifier;             /* FhirModifier */
    bool missing;                 /* :missing=true */
    bool is_implied;              /* by the address (compartment): not printed */
    FhirType ref_type;            /* FHIR_MOD_TYPE */
    size_t n_values;
    FhirQueryValue *values;
    size_t n_links;
    FhirQueryLink *links;
    Str asked; /* as it was asked for, decoded; empty: the values say it */
};
/* Does it depend on other resources (fhir_match asks FhirMatchLinks)? */
static inline bool fhir_term_is_linked(const FhirQueryTerm *t) {
    bool tree = t->modifier == FHIR_MOD_ABOVE || t->modifier == FHIR_MOD_BELOW;
    return t->kind == FHIR_TERM_CHAIN || t->kind == FHIR_TERM_HAS || t->kind == FHIR_TERM_LIST ||
           (t->kind == FHIR_TERM_VALUES && tree && t->param->type == FHIR_PARAM_REFERENCE);
}
/* Location.partof and so on: by which resources of the type form a tree; NULL when they do not. */
const FhirSearchParam *fhir_hierarchy_param(FhirType type);

typedef enum FhirTotal {
    FHIR_TOTAL_UNSAID,
    FHIR_TOTAL_NONE,
    FHIR_TOTAL_ESTIMATE,
    FHIR_TOTAL_ACCURATE,
} FhirTotal;

/* _include=source:param[:target], _revinclude likewise; * for all reference parameters of the
 * source, alone for those of every type. */
typedef struct FhirInclude {
    FhirType source;              /* FHIR_T_NONE: any */
    const FhirSearchParam *param; /* NULL: every reference parameter */
    FhirType target;              /* FHIR_T_NONE: any */
    bool is_reverse;
    bool is_iterate; /* also of what was included */
} FhirInclude;

/* Missing values come last in both directions; of several values the lowest counts ascending, the
 * highest descending. */
typedef struct FhirSort {
    const FhirSearchParam *param;
    bool is_descending;
} FhirSort;

enum {
    FHIR_QUERY_SORTS = 4,
    FHIR_QUERY_TERMS = 64,
    FHIR_QUERY_INCLUDES = 32,
    FHIR_QUERY_WORDS = 32,      /* of one value of _text or _content; phrases likewise */
    FHIR_QUERY_DEPTH = 8,       /* steps of a chain */
    FHIR_QUERY_LINKS = 512,     /* alternatives of all chains: types that a reference may have */
    FHIR_QUERY_VALUES = 100000, /* values of all terms and alternatives */
};

typedef struct FhirQuery {
    FhirType type;              /* FHIR_T_NONE: the whole system */
    const FhirParamSet *params; /* of the scope */
    size_t n_types;
    const FhirType *types; /* whole system: _type, or the compartment's; none: all */
    FhirQueryTerm **typed; /* by number in types: the terms as that type understands them */
    size_t n_terms;
    FhirQueryTerm *terms; /* _id and _lastUpdated are terms too */
    size_t n_includes;
    FhirInclude *includes;
    size_t n_sorts;
    FhirSort sorts[FHIR_QUERY_SORTS];
    size_t n_elements;
    Str *elements;   /* _elements: names of the first level */
    bool has_count;  /* _count was given; _count=0 means _summary=count */
    uint32_t count;  /* ≤ LIMIT_PAGE_COUNT: a larger wish is cut down, as FHIR allows */
    uint8_t summary; /* FhirSummary */
    uint8_t total;   /* FhirTotal */
    bool pretty;
    bool explain;     /* __explain=true: the plan with its counts is wanted */
    Str format;       /* _format as given */
    Str type_text;    /* _type as given */
    Str page;         /* _page: the server's own opaque token */
    size_t n_ignored; /* lenient: parameters that were left out, as they were named */
    Str *ignored;
} FhirQuery;

/* The typed query number `at` of a query of the whole system (itself when it has a type); false
 * behind the last. */
bool fhir_query_of(const FhirQuery *query, size_t at, FhirQuery *ret);

typedef struct FhirCodeList {
    FhirIndexToken *codes;
    size_t n;
} FhirCodeList;
/* What :in, :not-in, :above and :below ask of terminology. A result lives in the arena and has at
 * most max codes (ERR_LIMIT). ERR_NOT_FOUND: no such value set, code or system. */
typedef struct FhirCodes {
    void *ctx;
    ErrCode (*expand)(void *ctx, Arena *arena, Str value_set, size_t max, FhirCodeList *ret);
    /* The code and all that it is subsumed by (above), or that it subsumes. */
    ErrCode (*related)(void *ctx, Arena *arena, const FhirIndexToken *code, bool above, size_t max,
                       FhirCodeList *ret);
} FhirCodes;

/* What the parser must know besides the text. */
typedef struct FhirQueryScope {
    FhirType type;        /* FHIR_T_NONE: the whole system */
    FhirType compartment; /* Patient/5/Observation?…: only what belongs to that resource */
    Str compartment_id;
    const FhirCodes *codes;     /* NULL: no terminology is here */
    const FhirParamSet *params; /* NULL: those of the tables alone */
    Str base_url; /* "https://host/fhir" without a slash at the end; own references are cut by it */
    TimeMs now;   /* for the prefix ap on dates */
    ErrInfo *info; /* may be NULL */
    /* Prefer: handling=lenient (search.html#errors): parameters that are unknown or not supported
     * are left out and listed. Modifiers and values are refused all the same: without them a known
     * parameter would mean something else. */
    bool is_lenient;
} FhirQueryScope;

/* text: what stands behind '?' (or a form body), percent-encoded, "" for none. */
MUST_USE ErrCode fhir_query_parse(Arena *arena, const FhirQueryScope *scope, Str text,
                                  FhirQuery *ret);
/* The modifiers that the parameter takes, as the codes of R4's search-modifier-code; at most max.
 */
size_t fhir_query_modifiers(const FhirSearchParam *param, const char **names, size_t max);
/* Patient, Encounter, Practitioner, RelatedPerson, Device. */
bool fhir_has_compartment(FhirType type);
/* Does the type's compartment have resources of the other type? */
bool fhir_in_compartment(FhirType compartment, FhirType type);
/* Prints the query as understood, percent-encoded, without '?' and without _page; parsing it again
 * gives the same query. For Bundle.link self. */
void fhir_query_print(Buf *out, const FhirQuery *query);
/* One term, as in a URL. */
void fhir_query_print_term(Buf *out, const FhirQueryTerm *term);
/* Percent-encodes what may not stand in a query value. */
void fhir_query_put_encoded(Buf *out, Str text);

#endif
