/* claim_file.h — what a sender hands over, opened: plain XML, gzip, zip with many files (one level
 * of packing inside is opened too), and base64 of any of them (the gateway's fileHSBase64). The
 * kind is found by the first bytes, not by the name. Limits: LIMIT_CLAIM_FILE_BYTES unpacked,
 * LIMIT_UNPACK_RATIO beyond 1 MiB. Errors: ERR_SYNTAX (rule file-gzip, file-zip, file-base64),
 * ERR_LIMIT (file-unpacked), ERR_UNSUPPORTED (file-encrypted), ERR_INVALID (file-kind). In a zip
 * everything that can be read is handed out; the first file that cannot is reported at the end. A
 * callback's error stops at once. Threads: no state. */
#ifndef NHIP_INTEROP_CLAIM_FILE_H
#define NHIP_INTEROP_CLAIM_FILE_H

#include "core/str.h"

/* One XML document. name: the file's own, inside a zip "outer.zip/inner.xml". Lives during the
 * call. */
typedef ErrCode (*ClaimFileFn)(void *ctx, Str name, Str xml);

/* Calls fn for each XML document inside bytes. info may be NULL. */
MUST_USE ErrCode claim_file_each(Str bytes, Str name, ClaimFileFn fn, void *ctx, ErrInfo *info);

#endif
