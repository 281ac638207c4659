/* store_params_int.h — what the files about custom search parameters share: the definition, the
 * immutable list of those in use, the thread that follows the log. A CustomParam is counted by the
 * lists that have it; the last one closes its index, and removes the file when the parameter is no
 * more in use. Only the follower adds to its index. */
#ifndef NHIP_STORE_STORE_PARAMS_INT_H
#define NHIP_STORE_STORE_PARAMS_INT_H

#include "core/thread.h"
#include "fpath/fpath.h"
#include "store/store_int.h"
#include "store/store_params.h"

typedef struct ParamPart { /* of a composite */
    FhirParamType type;
    Str expression;
    const FpathExpr *expr;
} ParamPart;

/* What a SearchParameter resource says; lives in the arena it was read into. */
typedef struct ParamDef {
    Str url, code, expression;
    FhirParamType type;
    const FhirType *bases;
    size_t n_bases;
    const uint16_t *targets; /* ascending */
    size_t n_targets;
    const FpathExpr *expr;
    ParamPart parts[FHIR_COMPOSITE_PARTS];
    size_t n_parts;
} ParamDef;
typedef struct ParamList ParamList;
typedef struct ParamRead {
    const ParamList *known; /* whose parameters a composite may have as parts; may be NULL */
    ParamDef *def;
    ErrInfo *info;
} ParamRead;
/* ERR_NOT_FOUND: it is not active. Nothing of `known` is kept. */
MUST_USE ErrCode param_define(Arena *arena, const JsonNode *root, const ParamRead *read);
bool param_is_composite(const JsonNode *root);
ErrCode param_refuse(ErrInfo *info, const char *where, const char *en, const char *vi);
MUST_USE ErrCode param_compile(Arena *arena, Str expression, const ParamRead *read,
                               const FpathExpr **ret);
/* Of all that the index depends on. */
uint64_t param_hash(const ParamDef *def);

/* Values of what an expression gave, as the parameter has them. */
MUST_USE ErrCode param_emit(Arena *arena, const FhirSearchParam *param, const FpathSeq *seq,
                            FhirIndexSink *sink);

/* ---- param_parts.c: composites ---- */
MUST_USE ErrCode param_read_parts(Arena *arena, const JsonNode *root, const ParamRead *read);
typedef struct ParamEmit {
    const FhirSearchParam *param;
    const FpathSeq *seq; /* of the definition's expression: the parts are looked for in each */
    FhirIndexSink *sink;
} ParamEmit;
MUST_USE ErrCode param_emit_parts(const ParamDef *def, Arena *arena, const ParamEmit *emit,
                                  const FpathEnv *whole);

typedef struct CustomParam {
    atomic_uint refs;
    Store *store;
    Arena *arena;
    ParamDef def;
    unsigned ordinal;
    uint64_t hash;
    Str id; /* of the resource */
    char *path;
    IndexOptions options;
    Index *index;
    _Atomic uint64_t errors; /* resources on which the expression failed */
    atomic_bool is_dropped;  /* the file goes with it */
} CustomParam;
CustomParam *custom_ref(CustomParam *p);
void custom_unref(CustomParam *p);
/* Emits the values that the expression gives; an expression that fails gives none. */
MUST_USE ErrCode custom_extract(CustomParam *p, Arena *arena, const FhirSearchParam *param,
                                const JsonNode *root, FhirIndexSink *sink);

/* Immutable. */
struct ParamList {
    FhirParamSet set; /* first: a query's params lead back to the list */
    atomic_uint refs;
    RecordNo at; /* as of this record */
    Arena *arena;
    CustomParam **params;
    size_t n;
    const CustomParam **owner; /* of each row of the set */
    StoreParamState *refused;
    size_t n_refused;
};
ParamList *param_list_take(Store *store); /* as of now; NULL without memory */
void param_list_give(ParamList *list);    /* NULL is fine */
CustomParam *param_list_owner(const ParamList *list, const FhirSearchParam *param);

enum { PARAMS_DROPPED = 64 };
enum { PARAM_LAG_MAX = 256 }; /* records that a search reads itself, when the index lacks them */
/* Of parameters that the list (may be NULL) does not have. */
void params_remove_files(const char *dir, const ParamList *list);

/* What index_custom_keys takes the values from. */
typedef struct IndexCustom {
    CustomParam *param;
    const FhirSearchParam *row;
    const JsonNode *root;
} IndexCustom;
/* Appends the keys of one resource version under one custom parameter (index_key.c). */
MUST_USE ErrCode index_custom_keys(IndexBatch *batch, Arena *scratch, const IndexSubject *subject,
                                   const IndexCustom *custom);

typedef struct Params { /* in Store */
    Mutex lock;         /* guards list */
    ParamList *list;
    _Atomic RecordNo changed;         /* the last record that has a SearchParameter */
    uint64_t dropped[PARAMS_DROPPED]; /* hashes of those that lost their file, a ring */
    unsigned n_dropped;
    unsigned seal_records;
    StopFlag stop;
    Thread follower;
    Mutex start_lock; /* guards the start of the follower */
    Mutex done_lock;  /* with done: the follower has got on */
    Cond done;
} Params;
void params_init(Params *p);
/* Reads the list, removes files of parameters that are no more, starts the follower if there is
 * something to follow. */
MUST_USE ErrCode params_start(Store *store, unsigned seal_records);
void params_stop(Store *store);
/* Writer, before the record is visible. */
static inline void params_note(Params *p, RecordNo record) {
    atomic_store_explicit(&p->changed, record, memory_order_release);
}
/* Adds the digests of the parameters' indexes to that of view.db; without any it stays. */
MUST_USE ErrCode params_digest(Store *store, Sha256 *digest);
void params_follow(Store *store); /* starts the thread once */

#endif
