/* api_term_int.h — terminology operations: one table says what an operation takes; the same table
 * reads the parameters (of the address, or of a Parameters resource) and feeds the definitions. */
#ifndef NHIP_API_API_TERM_INT_H
#define NHIP_API_API_TERM_INT_H

#include "api/api_operation.h"
#include "term/term.h"

enum { TERM_ARGS_MAX = 64 };

typedef struct TermArg {
    const ApiParam *param;
    Str text;             /* of a primitive */
    const JsonNode *node; /* of a data type or resource; NULL for a primitive */
} TermArg;

/* One operation on its way; lives in the call's arena. */
typedef struct TermCall {
    ApiCall *call;
    Arena *arena;
    const TermView *view;
    FhirType type;
    Str id; /* of the instance; empty: on the type */
    TermArg args[TERM_ARGS_MAX];
    size_t n_args;
    FhirLanguage language; /* displayLanguage, else the call's */
    bool has_day;          /* date */
    int32_t day;
    JsonWriter w; /* the answer's body */
} TermCall;

typedef struct TermOp {
    const char *name;
    FhirType type;
    const ApiParam *params;
    size_t n_params;
    ErrCode (*run)(TermCall *t, ErrInfo *info);
} TermOp;

/* ---- arguments: empty, NULL or `otherwise` when absent ---- */
Str term_arg(const TermCall *t, const char *name);
const JsonNode *term_arg_node(const TermCall *t, const char *name);
bool term_arg_bool(const TermCall *t, const char *name, bool otherwise);
/* The member of a data type on the tape, as text. */
Str term_text(const TermCall *t, const JsonNode *node, const char *name);
/* "url|version" when a version is given. */
Str term_canonical(const TermCall *t, Str url, Str version);

/* ---- answers: Parameters ---- */
void term_open(TermCall *t);
void term_close(TermCall *t);
/* {"name":name,"valueX":…}; nothing when the value is empty. */
void term_put_str(TermCall *t, const char *name, const char *type, Str value);
void term_put_bool(TermCall *t, const char *name, bool value);
/* {"name":name,"part":[ … ]}: parts by term_put_*, then term_close_parts. */
void term_open_parts(TermCall *t, const char *name);
void term_close_parts(TermCall *t);
/* "name":"valueCoding" with what is not empty of it. */
void term_put_coding(TermCall *t, const TermMatch *m);

/* ---- what an operation is about (api_term.c) ---- */
/* The canonical of the instance or of the argument `url`; ERR_PARAM when there is none. For a
 * stored instance *ret_root is its tape, else NULL. */
MUST_USE ErrCode term_need_canonical(TermCall *t, Str *ret_canonical, const JsonNode **ret_root,
                                     ErrInfo *info);

/* ---- reading what is asked (api_term_param.c) ---- */
MUST_USE ErrCode term_args_of_query(TermCall *t, const TermOp *op, Str query, ErrInfo *info);
MUST_USE ErrCode term_args_of_body(TermCall *t, const TermOp *op, ErrInfo *info);
void term_read_common(TermCall *t); /* displayLanguage and date, which many operations have */

/* ---- the operations (api_term_ops.c, api_term_validate.c, api_term_expand.c) ---- */
ErrCode term_lookup(TermCall *t, ErrInfo *info);
ErrCode term_subsumption(TermCall *t, ErrInfo *info);
ErrCode term_translation(TermCall *t, ErrInfo *info);
ErrCode term_validate_in_system(TermCall *t, ErrInfo *info);
ErrCode term_validate_in_set(TermCall *t, ErrInfo *info);
ErrCode term_expansion(TermCall *t, ErrInfo *info);

/* The set of the instance, of url, or inline. */
MUST_USE ErrCode term_need_set(TermCall *t, const TermSet **ret_set, const JsonNode **ret_root,
                               Str *ret_canonical, ErrInfo *info);

/* ---- the catalogue behind the server (api_term_store.c) ---- */
/* A snapshot that shows what was committed before, as far as a moment's patience goes; to be given
 * back by term_view_end. */
const TermView *api_term_view(Api *api);

#endif
