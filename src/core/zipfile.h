/* zipfile.h — a zip archive (PKWARE APPNOTE 6.3) written as a stream: entries one behind the other,
 * deflated, lengths behind the bytes, names in UTF-8, no times (1980-01-01: the same content gives
 * the same archive). Errors: sticky, given by zipfile_finish: that of put, ERR_LIMIT (4 GiB, 65,535
 * entries), ERR_NOMEM. Ownership: names are copied. Threads: one a Zipfile. */
#ifndef NHIP_CORE_ZIPFILE_H
#define NHIP_CORE_ZIPFILE_H

#include "core/str.h"

typedef struct Zipfile Zipfile;

MUST_USE ErrCode zipfile_new(ErrCode (*put)(void *ctx, Str bytes), void *ctx, Zipfile **ret);
void zipfile_free(Zipfile *z); /* NULL is fine */
/* Ends the entry before it. */
void zipfile_entry(Zipfile *z, Str name);
void zipfile_put(Zipfile *z, Str bytes);
/* Ends the last entry and writes the directory. */
MUST_USE ErrCode zipfile_finish(Zipfile *z);

#endif
