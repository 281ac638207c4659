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
            uint8_t n_parts;
            FhirQueryValue *parts; /* in the parameter's order */
        } composite;
    };
};

/* parameter:modifier=value,value… */
typedef struct FhirQueryTerm {
    const FhirSearchParam *param;
    uint8_t modifier;  /* FhirModifier */
    bool missing;      /* :missing=true */
    FhirType ref_type; /* FHIR_MOD_TYPE */
    size_t n_values;
    FhirQueryValue *values;
} FhirQueryTerm;

typedef enum FhirTotal {
    FHIR_TOTAL_UNSAID,
    FHIR_TOTAL_NONE,
    FHIR_TOTAL_ESTIMATE,
    FHIR_TOTAL_ACCURATE,
} FhirTotal;

/* _include=source:param[:target], _revinclude likewise. */
typedef struct FhirInclude {
    FhirType source;
    const FhirSearchParam *param;
    FhirType target; /* FHIR_T_NONE: any */
    bool is_reverse;
} FhirInclude;

typedef struct FhirSort {
    FhirParamId param; /* FHIR_P__LAST_UPDATED */
    bool is_descending;
} FhirSort;

enum { FHIR_QUERY_SORTS = 4, FHIR_QUERY_TERMS = 64, FHIR_QUERY_INCLUDES = 32 };

typedef struct FhirQuery {
    FhirType type;
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
    Str format;       /* _format as given */
    Str page;         /* _page: the server's own opaque token */
    size_t n_ignored; /* lenient: parameters that were left out, as they were named */
    Str *ignored;
} FhirQuery;

/* What the parser must know besides the text. */
typedef struct FhirQueryScope {
    FhirType type;
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
/* Prints the query as understood, percent-encoded, without '?' and without _page; parsing it again
 * gives the same query. For Bundle.link self. */
void fhir_query_print(Buf *out, const FhirQuery *query);
/* Percent-encodes what may not stand in a query value. */
void fhir_query_put_encoded(Buf *out, Str text);

#endif
