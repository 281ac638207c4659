/* flow_file.h — files that many threads fill with lines: each thread gathers lines of an output in
 * a buffer of its own, packs full ones by itself and appends them under the file's lock. A file is
 * one gzip stream (RFC 1952) whatever threads wrote it: deflate blocks stand on byte borders and
 * their checksums are put together (zlib's crc32_combine). No order between threads.
 *
 * Outputs are numbered by the caller. A file that has FLOW_FILE_LINES lines is followed by another.
 * Memory: a thread holds at most FLOW_BUFFER_BYTES of lines. Ownership: a FlowFiles and its writers
 * are freed by their makers, writers first. Errors: ERR_IO, ERR_FULL, ERR_NOMEM, sticky in the
 * writer. Threads: a writer belongs to one thread. */
#ifndef NHIP_FLOW_FLOW_FILE_H
#define NHIP_FLOW_FLOW_FILE_H

#include "core/str.h"

enum { FLOW_FILE_LINES = 1000000, FLOW_BUFFER_BYTES = 16 << 20 };

typedef struct FlowFile { /* a finished one */
    unsigned output;
    Str name;              /* in the folder, ends in .gz */
    uint64_t lines;        /* as counted by the caller */
    uint64_t bytes, whole; /* packed, unpacked */
} FlowFile;

/* How an output's files look besides its lines. */
typedef struct FlowForm {
    const char *name;   /* "Patient": the files are Patient.1.ndjson.gz … */
    const char *ending; /* "ndjson" */
    Str head, foot;     /* stand at the beginning and the end of each file */
    bool drops_first;   /* the first byte of the lines is left out (a comma between rows) */
    bool one_file;      /* never followed by another */
    bool always;        /* made even when nothing is in it */
} FlowForm;

typedef struct FlowFiles FlowFiles;
typedef struct FlowWriter FlowWriter;

/* forms and what they point to outlive the files. */
MUST_USE ErrCode flow_files_new(const char *dir, const FlowForm *forms, unsigned n_outputs,
                                FlowFiles **ret_files);
void flow_files_free(FlowFiles *files); /* closes, removes nothing; NULL is fine */
/* Ends all files durably; the writers are flushed before. The list lives as long as the files. */
MUST_USE ErrCode flow_files_end(FlowFiles *files, const FlowFile **ret_list, size_t *ret_n);

MUST_USE ErrCode flow_writer_new(FlowFiles *files, FlowWriter **ret_writer);
void flow_writer_free(FlowWriter *writer); /* NULL is fine */
/* The buffer of an output: append whole lines, then call flow_wrote with their number. */
Buf *flow_buf(FlowWriter *writer, unsigned output);
MUST_USE ErrCode flow_wrote(FlowWriter *writer, unsigned output, uint64_t lines);
MUST_USE ErrCode flow_writer_flush(FlowWriter *writer);

#endif
