/* claim_write.h — writes claim tables and GIAMDINHHS envelopes from the same field tables that the
 * reader uses, in one canonical form: every field of the table in its order, empty ones as
 * <X></X>, no white space between elements, text escaped, names of QĐ 4750 (or 3176 when asked).
 * claim_read of what was written gives the same values back; writing these gives the same bytes.
 * Errors: the Buf's own sticky error; values must be UTF-8 that XML can carry.
 * Ownership: nothing is kept. Threads: no state beyond the caller's. */
#ifndef NHIP_INTEROP_CLAIM_WRITE_H
#define NHIP_INTEROP_CLAIM_WRITE_H

#include "interop/claim_read.h"

/* Appends one inner document with its declaration. values: n_records rows of t->n_fields values,
 * row after row. A table whose record is its root (XML1, XML7 …) takes exactly one record. */
void claim_write_table(Buf *out, const ClaimTable *t, const Str *values, size_t n_records);
/* The same with the element names of a release; fields that 3176 dropped are left out there when
 * they are empty. */
void claim_write_table_as(Buf *out, const ClaimTable *t, const Str *values, size_t n_records,
                          ClaimRelease release);

/* One HOSO: open, one file for each table (content is the inner document), close. */
void claim_write_hoso_open(Buf *out);
void claim_write_hoso_file(Buf *out, const ClaimTable *t, Str inner_xml);
void claim_write_hoso_close(Buf *out);

/* The release that was in force at the end of the care (else its beginning). */
ClaimRelease claim_release_of(const Claim *claim);
typedef struct ClaimWriteHow {
    ClaimRelease release;
    bool as_kept; /* parts that have their document (ClaimPart.xml) go out as these bytes */
} ClaimWriteHow;
/* The whole HOSO of a claim, one file a document, in the order of its parts. (XML0 is never in a
 * HOSO.) */
void claim_write_hoso(Buf *out, const Claim *claim, const ClaimWriteHow *how);

/* Opens the envelope up to DANHSACHHOSO. made: NGAYLAP as yyyyMMdd; count: SOLUONGHOSO. */
void claim_write_envelope_open(Buf *out, Str facility, Str made, size_t count);
void claim_write_envelope_close(Buf *out);

/* A kept HOSO (its exact bytes as the reader handed them out) inside an envelope of its own, so
 * that it can be read again after repair. A TRANG_THAI_KCB of XML0 becomes an XML0 document. Bytes
 * that start neither way (the rest of a broken file) are put out unchanged. */
void claim_wrap_hoso(Buf *out, Str facility, Str made, Str hoso_bytes);

#endif
