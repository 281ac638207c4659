/* term_load.h — larger catalogues from files: tables (TSV, CSV) of codes or of mappings, FHIR's
 * JSON (a resource, a Bundle, several one behind the other), LOINC's Loinc.csv, SNOMED CT's RF2
 * snapshots (concepts, descriptions, relationships together). What a file is, its header says.
 *
 * A table of codes has the columns `code` and any of display, display_vi, definition, parent (one
 * code, or several between '|'), from, to (days on which it holds), status, inactive, abstract;
 * every other column is a property of its name. A table of mappings has code, target and any of
 * display, equivalence, comment. CSV is RFC 4180 with ',' or ';'.
 * The result is a pack: a file for term_attach_file. Ownership: texts are borrowed during the call.
 * Errors: ERR_SYNTAX, ERR_INVALID, ERR_PARAM with file and line in info. Threads: no state. */
#ifndef NHIP_TERM_TERM_LOAD_H
#define NHIP_TERM_TERM_LOAD_H

#include "core/arena.h"

enum { TERM_LOAD_FILES = 16 };

typedef struct TermFile {
    Str name; /* for messages */
    Str text;
} TermFile;

typedef struct TermLoad {
    const TermFile *files;
    size_t n_files;
    Str system, version, title; /* system: of tables; must be given there */
    Str target;                 /* of mappings: the other system */
    Str map;                    /* of mappings: the map's own canonical */
} TermLoad;

typedef struct TermLoaded {
    size_t concepts, mappings, resources;
} TermLoaded;
/* Appends the pack to out, which is empty. */
MUST_USE ErrCode term_load(const TermLoad *load, Buf *out, TermLoaded *ret_loaded, ErrInfo *info);

/* What a pack holds, a line each: kind, url, version, count, name. ERR_CORRUPT. */
MUST_USE ErrCode term_pack_list(Str pack, Buf *out);

#endif
