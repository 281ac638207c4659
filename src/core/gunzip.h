/* gunzip.h — gzip (RFC 1952) unpacked piece by piece: one member, or several one behind the other.
 * Ownership: fed bytes are borrowed until they are taken. Errors: ERR_SYNTAX (damaged), ERR_LIMIT
 * (beyond the first MiB it unpacks to more than LIMIT_UNPACK_RATIO times what was fed), ERR_NOMEM;
 * behind an error only gunzip_reset and gunzip_free. Threads: one a Gunzip. */
#ifndef NHIP_CORE_GUNZIP_H
#define NHIP_CORE_GUNZIP_H

#include "core/err.h"
#include "core/str.h"

typedef struct Gunzip Gunzip;

MUST_USE ErrCode gunzip_new(Gunzip **ret);
void gunzip_free(Gunzip *g); /* NULL is fine */
void gunzip_reset(Gunzip *g);
/* The next packed bytes; only when gunzip_wants. */
void gunzip_feed(Gunzip *g, Str bytes);
/* All that was fed is taken. */
bool gunzip_wants(const Gunzip *g);
/* Unpacks up to room bytes. 0: feed more, or the end when gunzip_is_whole. */
MUST_USE ErrCode gunzip_some(Gunzip *g, void *out, size_t room, size_t *ret_n);
/* What was fed so far ends with a member's end, or nothing was fed. */
bool gunzip_is_whole(const Gunzip *g);
bool gunzip_is_gzip(Str bytes); /* begins like one */

#endif
