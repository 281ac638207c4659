/* rest_term.h — terminology operations: one table says what an operation takes; the same table
 * reads the parameters (of the address, or of a Parameters resource) and feeds the definitions. */
#ifndef NHIP_REST_REST_TERM_H
#define NHIP_REST_REST_TERM_H

#include "rest/rest_operation.h"
#include "term/term.h"

enum { REST_TERM_ARGS_MAX = 64 };

typedef struct RestTermArg {
    const RestOpParam *param;
    Str text;             /* of a primitive */
    const JsonNode *node; /* of a data type or resource; NULL for a primitive */
} RestTermArg;

/* One operation on its way; lives in the call's arena. */
typedef struct RestTermCall {
    RestCall *call;
    Arena *arena;
    const TermView *view;
    Str sent; /* canonical of the CodeSystem or ConceptMap that was sent along; empty: none */
    FhirType type;
    Str id; /* of the instance; empty: on the type */
    RestTermArg args[REST_TERM_ARGS_MAX];
    size_t n_args;
    FhirLanguage language; /* displayLanguage, else the call's */
    bool has_day;          /* date */
    int32_t day;
    JsonWriter w; /* the answer's body */
} RestTermCall;

typedef struct RestTermOp {
    const char *name;
    FhirType type;
    const RestOpParam *params;
    size_t n_params;
    ErrCode (*run)(RestTermCall *t, ErrInfo *info);
} RestTermOp;

/* ---- arguments: empty, NULL or `otherwise` when absent ---- */
Str rest_term_arg(const RestTermCall *t, const char *name);
const JsonNode *rest_term_arg_node(const RestTermCall *t, const char *name);
bool rest_term_arg_bool(const RestTermCall *t, const char *name, bool otherwise);
/* The member of a data type on the tape, as text. */
Str rest_term_text(const RestTermCall *t, const JsonNode *node, const char *name);
/* "url|version" when a version is given. */
Str rest_term_canonical(const RestTermCall *t, Str url, Str version);

/* ---- answers: Parameters ---- */
void rest_term_open(RestTermCall *t);
void rest_term_close(RestTermCall *t);
/* {"name":name,"valueX":…}; nothing when the value is empty. */
void rest_term_put_str(RestTermCall *t, const char *name, const char *type, Str value);
void rest_term_put_bool(RestTermCall *t, const char *name, bool value);
/* {"name":name,"part":[ … ]}: parts by term_put_*, then rest_term_close_parts. */
void rest_term_open_parts(RestTermCall *t, const char *name);
void rest_term_close_parts(RestTermCall *t);
/* "name":"valueCoding" with what is not empty of it. */
void rest_term_put_coding(RestTermCall *t, const TermMatch *m);

/* ---- what an operation is about (rest_term.c) ---- */
/* The canonical of the instance or of the argument `url`; ERR_PARAM when there is none. For a
 * stored instance *ret_root is its tape, else NULL. */
MUST_USE ErrCode rest_term_need_canonical(RestTermCall *t, Str *ret_canonical,
                                          const JsonNode **ret_root, ErrInfo *info);

/* ---- reading what is asked (rest_term_param.c) ---- */
MUST_USE ErrCode rest_term_args_of_query(RestTermCall *t, const RestTermOp *op, Str query,
                                         ErrInfo *info);
MUST_USE ErrCode rest_term_args_of_posted(RestTermCall *t, const RestTermOp *op,
                                          const JsonNode *root, ErrInfo *info);
void rest_term_read_common(
    RestTermCall *t); /* displayLanguage and date, which many operations have */

/* ---- the operations (rest_term_ops.c, rest_term_validate.c, rest_term_expand.c) ---- */
ErrCode rest_term_lookup(RestTermCall *t, ErrInfo *info);
ErrCode rest_term_subsumption(RestTermCall *t, ErrInfo *info);
ErrCode rest_term_translation(RestTermCall *t, ErrInfo *info);
ErrCode rest_term_validate_in_system(RestTermCall *t, ErrInfo *info);
ErrCode rest_term_validate_in_set(RestTermCall *t, ErrInfo *info);
ErrCode rest_term_expansion(RestTermCall *t, ErrInfo *info);

/* The set of the instance, of url, or inline. */
MUST_USE ErrCode rest_term_need_set(RestTermCall *t, const TermSet **ret_set,
                                    const JsonNode **ret_root, Str *ret_canonical, ErrInfo *info);

/* ---- what it can do (rest_term_capability.c) ---- */
const RestTermOp *rest_term_expand_op(void); /* rest_term.c */
/* TerminologyCapabilities, one resource. */
void rest_term_put_capabilities(Rest *rest, JsonWriter *w, Str date);

/* ---- the catalogue behind the server (rest_term_store.c) ---- */
/* A snapshot that shows what was committed before, as far as a moment's patience goes; to be given
 * back by term_view_end. */
const TermView *rest_term_view(Rest *rest);

#endif
