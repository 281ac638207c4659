/* term_int.h — private to src/term: sources, views, computed sets. A view holds references to the
 * sources that it shows; what it computes lies in its own arena under its lock. */
#ifndef NHIP_TERM_TERM_INT_H
#define NHIP_TERM_TERM_INT_H

#include "core/io.h"
#include "core/limits.h"
#include "core/thread.h"
#include "term/term.h"
#include "term/term_pack_int.h"

/* Later origins win over earlier ones. */
/* TERM_SENT: of one view alone (term_view_with). */
typedef enum TermOrigin { TERM_EMBEDDED, TERM_FILE, TERM_STORED, TERM_SENT } TermOrigin;

/* One pack, wherever its bytes are. */
typedef struct TermSource {
    atomic_uint refs;
    TermOrigin origin;
    uint64_t order; /* later is newer */
    Str name;       /* malloc'ed: "CodeSystem/…", a file's name; empty: embedded */
    Pack pack;
    IoMap map; /* of a file */
    Buf heap;  /* of a stored resource */
} TermSource;

/* What systems, sets and maps have in common; arrays of them begin with it and are sorted by url,
 * the newest of one url first. */
typedef struct TermEntry {
    const TermSource *source;
    const PackMeta *meta;
    Str url, version;
} TermEntry;

struct TermSystem {
    TermEntry e;
    const PackSystem *p;
};

typedef struct TermSetEntry {
    TermEntry e;
    const PackSet *p;
    _Atomic(const TermSet *) computed;
    bool is_computing; /* under the view's lock: a set that leads back to itself */
} TermSetEntry;

struct TermMap {
    TermEntry e;
    const PackMap *p;
};

/* Sets that nobody wrote down: all codes of a system, by CodeSystem.valueSet or "?fhir_vs". */
typedef struct TermWhole {
    Str url;
    const TermSystem *system;
    _Atomic(const TermSet *) computed;
} TermWhole;

struct TermView {
    Term *term;
    atomic_uint refs;
    TermSource **sources;
    size_t n_sources;
    TermSystem *systems;
    size_t n_systems;
    TermSetEntry *sets;
    size_t n_sets;
    TermMap *maps;
    size_t n_maps;
    TermWhole *wholes; /* sorted by url */
    size_t n_wholes;
    Mutex lock; /* arena, is_computing */
    Arena *arena;
};

/* No date asked for: the newest. */
#define TERM_NOW INT32_MIN

/* "url|version" in two; the version is empty when there is none. */
void term_cut_canonical(Str canonical, Str *ret_url, Str *ret_version);
/* The first entry of a sorted array that fits url, version (empty: any) and day; NULL. */
const void *term_find_entry(const void *entries, size_t n, size_t size, Str canonical, int32_t day);
const TermSystem *term_system_at(const TermView *view, Str canonical, int32_t day);
/* Adds a source; the one of the same name and origin goes. Takes the bytes over on success. */
MUST_USE ErrCode term_add_heap(Term *term, TermOrigin origin, Str name, Buf *pack, ErrInfo *info);
/* A view of one more source. Takes the bytes over on success. */
MUST_USE ErrCode term_view_heap(const TermView *view, Buf *pack, const TermView **ret_view,
                                ErrInfo *info);

static inline const Pack *term_pack_of(const TermSystem *s) {
    return &s->e.source->pack;
}
static inline const PackConcept *term_concept_at(const TermSystem *s, uint32_t at) {
    return pack_concept(term_pack_of(s), s->p, at);
}
void term_concept_fill(const TermSystem *s, uint32_t at, TermConcept *ret);

/* ---- bitmaps over a system's places ---- */

static inline size_t bits_words(size_t n) {
    return (n + 63) / 64;
}
static inline bool bit_get(const uint64_t *bits, uint32_t at) {
    return (bits[at / 64] >> at % 64 & 1) != 0;
}
static inline void bit_set(uint64_t *bits, uint32_t at) {
    bits[at / 64] |= UINT64_C(1) << at % 64;
}
/* Marks `at` and all below it (above it). ERR_NOMEM. */
MUST_USE ErrCode term_mark_tree(const TermSystem *s, Arena *arena, uint32_t at, bool above,
                                uint64_t *bits);

/* ---- computed sets (term_set.c) ---- */

typedef enum SetPartKind {
    SET_ALL,     /* all codes of the system */
    SET_LIST,    /* items */
    SET_FILTER,  /* bits */
    SET_SETS,    /* no system: what `sets` have in common */
    SET_UNKNOWN, /* a filter on a system that is not held here */
} SetPartKind;

typedef struct SetItem {
    Str code, display, display_vi;
    Str designation; /* JSON of the list, or empty */
    uint32_t at;     /* PACK_NONE: not in the system, or the system is not held here */
} SetItem;

typedef struct SetPart {
    SetPartKind kind;
    Str system;
    const TermSystem *sys; /* NULL: not held here */
    const SetItem *items;
    uint32_t n_items;
    const uint32_t *by_code; /* items sorted by code */
    const uint64_t *bits;
    const TermSet **sets; /* members must be in all of them, too */
    size_t n_sets;
} SetPart;

struct TermSet {
    const TermView *view;
    const TermEntry *entry; /* NULL: inline or implied */
    Str url;                /* may be empty */
    const SetPart *parts;   /* includes, then excludes */
    size_t n_includes, n_parts;
    bool no_inactive;
    Str lacks; /* what it needs and is not held here; empty: nothing */
};

typedef struct SetMember {
    const SetPart *part;
    const SetItem *item; /* NULL unless listed */
    Str system, code;
    const TermSystem *sys;
    uint32_t at; /* PACK_NONE when sys is NULL or does not hold it */
} SetMember;
typedef bool (*SetEach)(void *ctx, const SetMember *member); /* false: enough */
/* All members, each once, in the set's order. ERR_UNSUPPORTED (naming what is lacking) when the set
 * cannot be listed. */
MUST_USE ErrCode term_set_walk(const TermSet *set, SetEach each, void *ctx, ErrInfo *info);
TermVerdict term_set_has_code(const TermSet *set, Str system, Str code);

/* Marks the concepts of the system that pass one filter (term_filter.c). ERR_UNSUPPORTED: an
 * operator or pattern that is not known. */
typedef struct TermFilter {
    Str property, op, value;
} TermFilter;
MUST_USE ErrCode term_filter_mark(const TermSystem *s, Arena *arena, const TermFilter *filter,
                                  uint64_t *bits, ErrInfo *info);
/* The values of a property of a concept, as text: up to max. */
size_t term_property(const TermSystem *s, const PackConcept *c, Arena *arena, Str property,
                     Str *ret_values, size_t max);

#endif
