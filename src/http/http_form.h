/* http_form.h — forms of several parts (multipart/form-data, RFC 7578): one part after the other,
 * over the body in memory; pure. Nothing is decoded: a value is the bytes between its blank line
 * and the next boundary (Content-Transfer-Encoding is not in use any more, RFC 7578 4.7).
 * Ownership: names and values point into the body. Errors: ERR_SYNTAX. Cost: one pass. */
#ifndef NHIP_HTTP_HTTP_FORM_H
#define NHIP_HTTP_HTTP_FORM_H

#include "core/str.h"

/* What a Content-Type says; empty: it is no such form, or says it wrongly. */
Str http_form_boundary(Str content_type);

typedef struct HttpFormPart {
    Str name, value;
} HttpFormPart;
/* rest begins as the whole body. ERR_NOT_FOUND: the closing boundary was reached. ERR_SYNTAX: a
 * part without a name, longer headers than 8 KiB, a form that breaks off. */
MUST_USE ErrCode http_form_next(Str boundary, Str *rest, HttpFormPart *ret);

#endif
