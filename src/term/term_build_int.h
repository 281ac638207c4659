/* term_build_int.h — makes a pack (term_pack_int.h): one system, set or map after another, concepts
 * in the order of definition, then term_build_end. Used at run time and by gen/term_tables_gen.c.
 * Errors are sticky: append freely, term_build_end reports the first one (ERR_NOMEM; ERR_LIMIT over
 * PACK_BYTES_MAX; ERR_INVALID: a code twice in a system, a parent that is not there).
 * Ownership: everything given is copied. Threads: one a build. */
#ifndef NHIP_TERM_TERM_BUILD_INT_H
#define NHIP_TERM_TERM_BUILD_INT_H

#include "term/term_pack_int.h"

typedef struct TermBuild TermBuild;

typedef struct BuildMeta {
    Str url, version, id, name, title, status;
    int32_t from, to; /* days since 1970; both 0: unlimited */
} BuildMeta;

typedef struct BuildSystem {
    Str value_set;
    PackContent content;
    bool no_case;
    bool lax_parents; /* a parent that is not there is left out */
} BuildSystem;

typedef struct BuildConcept {
    Str code, display, display_vi, definition;
    Str extra;        /* JSON, see PackConcept.extra */
    Str also;         /* more names to be found by, one a line */
    int32_t from, to; /* both 0: unlimited */
    uint32_t flags;
} BuildConcept;

typedef struct BuildRow {
    Str source, code, target, to, to_display, equivalence, comment;
    PackRowKind kind;
} BuildRow;

TermBuild *term_build_new(void); /* NULL without memory */
void term_build_free(TermBuild *b);
void term_build_system(TermBuild *b, const BuildMeta *meta, const BuildSystem *system);
void term_build_concept(TermBuild *b, const BuildConcept *concept);
/* One code of the current system stands below another; both may come later. */
void term_build_parent(TermBuild *b, Str child, Str parent);
void term_build_set(TermBuild *b, const BuildMeta *meta, Str compose);
void term_build_map(TermBuild *b, const BuildMeta *meta, Str source, Str target);
void term_build_row(TermBuild *b, const BuildRow *row);
/* Appends the pack to out, which is empty. Call once. */
MUST_USE ErrCode term_build_end(TermBuild *b, Buf *out, ErrInfo *info);

static inline void term_build_cleanup(TermBuild **b) {
    term_build_free(*b);
}
#define CLEANUP_TERM_BUILD CLEANUP(term_build_cleanup)

#endif
