/* intake_lines.h — the lines of a file, plain or gzip, one after the other: of a packed file no
 * more is unpacked at once than its longest line.
 *
 * Ownership: the bytes are borrowed; a line lives until the next one is asked for (of a plain file
 * as long as the bytes). Errors: ERR_SYNTAX or ERR_LIMIT with the rule file-gzip (damaged, cut off,
 * or it unpacks to more than LIMIT_UNPACK_RATIO times its size) or file-line (a line longer than a
 * JSON document may be); ERR_NOMEM. Cost: inflate, and one copy. Threads: one thread a reader. */
#ifndef NHIP_INTAKE_INTAKE_LINES_H
#define NHIP_INTAKE_INTAKE_LINES_H

#include "core/err.h"
#include "core/str.h"

typedef struct IntakeLines IntakeLines;

MUST_USE ErrCode intake_lines_new(Str bytes, IntakeLines **ret_lines);
void intake_lines_free(IntakeLines *lines); /* NULL is fine */
bool intake_lines_is_packed(const IntakeLines *lines);
/* The next line without its end and without white space around it; *ret_number from 1, 0 behind the
 * last. A byte order mark at the beginning is passed over. */
MUST_USE ErrCode intake_lines_next(IntakeLines *lines, Str *ret_line, unsigned *ret_number,
                                   ErrInfo *why);
void intake_lines_rewind(IntakeLines *lines); /* to the beginning, also behind an error */

/* All of a gzip file at once. */
MUST_USE ErrCode intake_unpack(Str bytes, Buf *out, ErrInfo *why);

#endif
