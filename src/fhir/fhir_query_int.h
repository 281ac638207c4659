/* fhir_query_int.h — what the parts of the query parser share (private): fhir_query.c (the query
 * and its result parameters), fhir_query_term.c (search terms, chains), fhir_query_value.c (values
 * by type), fhir_query_print.c (back to text). */
#ifndef NHIP_FHIR_QUERY_INT_H
#define NHIP_FHIR_QUERY_INT_H

#include "fhir/fhir_query.h"

/* One parse. */
typedef struct QueryParse {
    Arena *arena;
    const FhirQueryScope *scope;
    Str name;      /* of the parameter at hand, decoded, with its modifier */
    FhirType type; /* whose parameters are read: at the end of a chain another than the scope's */
    unsigned depth;
    size_t n_links, n_values; /* so far */
} QueryParse;

/* Percent-decoding; '+' is a space (forms). ERR_PARAM on a bad escape, bad UTF-8 or a control
 * character. */
MUST_USE ErrCode query_decode(const QueryParse *p, Str text, Str *ret);

/* Cuts at the first `sep` that has no backslash before it; like str_cut. */
bool query_cut(Str *rest, char sep, Str *ret_part);
/* Takes the backslashes of \, \| \$ \\ off. */
Str query_unescape(Arena *arena, Str text);

/* What the values of one term have in common. */
typedef struct ValueShape {
    FhirParamType type;
    const FhirSearchParam *param; /* NULL for a part whose parameter the type does not have */
    FhirModifier modifier;
    FhirType ref_type;
} ValueShape;

/* A term of p->type: chain, _has or parameter with modifier. ERR_NOT_FOUND (nothing said in info)
 * when the type has no such parameter. */
MUST_USE ErrCode query_term(QueryParse *p, Str name, Str value, FhirQueryTerm *ret);
/* _text and so on: R4 has them, we do not yet. */
bool query_is_later(Str code);
/* "unknown for Patient; similar: name, given". */
ErrCode query_unknown(const QueryParse *p, Str code);
ErrCode query_unsupported(const QueryParse *p);
/* The compartment's own term on p->type. */
MUST_USE ErrCode query_compartment(QueryParse *p, FhirQueryTerm *ret);

/* One value of an OR list, still escaped. */
MUST_USE ErrCode query_value(const QueryParse *p, const ValueShape *shape, Str text,
                             FhirQueryValue *ret);

/* ---- fhir_query_text.c: values of _text, _content, near ---- */
MUST_USE ErrCode query_words(const QueryParse *p, Str text, FhirQueryValue *ret);
MUST_USE ErrCode query_near(const QueryParse *p, Str text, FhirQueryValue *ret);

/* ---- fhir_query_result.c: _sort, _include, _revinclude ---- */
MUST_USE ErrCode query_sort(const QueryParse *p, Str value, FhirQuery *q);
MUST_USE ErrCode query_include(const QueryParse *p, Str value, FhirQuery *q);

/* Fills info (where: the parameter) and returns code. */
ErrCode query_error(const QueryParse *p, ErrCode code, const char *en, const char *vi);
/* The same for one value, which goes into the text. */
ErrCode query_bad_value(const QueryParse *p, Str value, const char *en, const char *vi);

extern const char *const query_prefix_names[FHIR_PREFIX_AP + 1];
extern const char *const query_summary_names[FHIR_SUMMARY_COUNT + 1];
extern const char *const query_total_names[FHIR_TOTAL_ACCURATE + 1];

#endif
