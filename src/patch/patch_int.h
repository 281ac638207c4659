/* patch_int.h — what the patch formats share: one way to say which operation failed. */
#ifndef NHIP_PATCH_INT_H
#define NHIP_PATCH_INT_H

#include "patch/patch.h"

/* The operation under way, for messages. */
typedef struct PatchOp {
    size_t number; /* from 1 */
    Str kind, path;
    ErrInfo *info;
} PatchOp;

/* Why an operation failed: two sentences without arguments. */
typedef struct PatchFault {
    ErrCode code;
    const char *rule;
    const char *en, *vi;
} PatchFault;

/* "operation 2 (replace /name): …"; where is the path. Returns the fault's code. */
ErrCode patch_fail(const PatchOp *op, const PatchFault *fault);
/* For errors of lower layers: a sentence of its own unless they gave one; ERR_LIMIT and ERR_NOMEM
 * keep their code. */
ErrCode patch_fail_code(const PatchOp *op, ErrCode err);
/* More operations than LIMIT_PATCH_OPERATIONS. */
MUST_USE ErrCode patch_check_count(size_t n, ErrInfo *info);

#endif
