/* term_pack_int.h — the pack: code systems, value sets and concept maps as one block of bytes that
 * is used where it lies (embedded, mapped or on the heap). Numbers are little-endian words of 32
 * bits; `PackAt` of a text counts from the texts' start and 0 is the empty text, of a table from
 * the pack's start and 0 is none. A text is its length (one byte, or 255 and a word) and its bytes;
 * a list is its count and its items.
 * Every reader here checks its bounds: a damaged file gives empty texts and lists, never a crash.
 * Made by term_build.c. Threads: read only. */
#ifndef NHIP_TERM_TERM_PACK_INT_H
#define NHIP_TERM_TERM_PACK_INT_H

#include "core/str.h"

#define PACK_MAGIC "NHIPTRM"
enum { PACK_FORMAT = 1 };
#define PACK_NONE UINT32_MAX /* no place */
#define PACK_BYTES_MAX ((size_t)2 << 30)

typedef uint32_t PackAt;

typedef struct PackHead {
    char magic[8];
    uint32_t format;
    uint32_t bytes; /* the whole pack */
    PackAt texts;   /* the texts' start; they run to the end */
    uint32_t n_systems, n_sets, n_maps;
    PackAt systems, sets, maps; /* arrays of PackSystem, PackSet, PackMap */
    uint32_t unused;
} PackHead;

/* What the three kinds have in common. from, to: days since 1970 on which the version holds. */
typedef struct PackMeta {
    PackAt url, version, id, name, title, status;
    int32_t from, to;
} PackMeta;

/* CodeSystem.content, the first four; PACK_EXAMPLE counts as complete. */
typedef enum PackContent {
    PACK_COMPLETE,
    PACK_EXAMPLE,
    PACK_FRAGMENT,
    PACK_NOT_PRESENT,
} PackContent;

typedef struct PackSystem {
    PackMeta meta;
    PackAt value_set; /* canonical of the set of all its codes */
    uint32_t content; /* PackContent */
    uint32_t no_case; /* codes are compared without case */
    uint32_t n;
    PackAt concepts; /* n PackConcept in the order of definition */
    PackAt slots;    /* hash table: place + 1, or 0 */
    uint32_t mask;   /* slots - 1 */
} PackSystem;

enum { PACK_ABSTRACT = 1, PACK_INACTIVE = 2 };

typedef struct PackConcept {
    PackAt code, display, display_vi, definition;
    PackAt fold;       /* what a filter looks at: folded names, one a line */
    uint32_t words[2]; /* pack_words of fold: rules most concepts out */
    PackAt extra;      /* JSON: {"designation":[…],"property":[…]} as in FHIR, or empty */
    PackAt parents, children; /* lists of places */
    int32_t from, to;
    uint32_t flags;
} PackConcept;

typedef struct PackSet {
    PackMeta meta;
    PackAt compose; /* JSON, as in FHIR */
} PackSet;

/* ConceptMap.group.unmapped.mode; PACK_MAPPED is an ordinary row. */
typedef enum PackRowKind {
    PACK_MAPPED,
    PACK_REST_PROVIDED,
    PACK_REST_FIXED,
    PACK_REST_OTHER,
} PackRowKind;

typedef struct PackRow {
    PackAt source, code, target, to, to_display, equivalence, comment;
    uint32_t kind; /* PackRowKind; `to` of PACK_REST_OTHER is a canonical */
} PackRow;

typedef struct PackMap {
    PackMeta meta;
    PackAt source, target; /* canonicals of value sets */
    uint32_t n;
    PackAt rows;  /* n PackRow, sorted by code, else in their order */
    PackAt by_to; /* n places, sorted by `to` */
} PackMap;

/* A pack in memory. */
typedef struct Pack {
    const char *bytes;
    size_t len;
    const PackHead *head;
} Pack;

/* ERR_CORRUPT when it is none, or of another format. `bytes` aligned to 4. */
MUST_USE ErrCode pack_open(Str bytes, Pack *ret_pack);

/* n items of `size` bytes at `at`; NULL when they do not lie inside. */
static inline const void *pack_table(const Pack *p, PackAt at, size_t n, size_t size) {
    bool fits = at >= sizeof(PackHead) && at % 4 == 0 && at <= p->len && n <= (p->len - at) / size;
    return fits ? (const void *)(p->bytes + at) : NULL;
}

static inline Str pack_str(const Pack *p, PackAt at) {
    size_t from = (size_t)p->head->texts + at;
    if (at == 0 || from >= p->len) {
        return STR_EMPTY;
    }
    size_t n = (unsigned char)p->bytes[from++];
    if (n == 255) {
        uint32_t word = 0;
        if (p->len - from < sizeof(word)) {
            return STR_EMPTY;
        }
        memcpy(&word, p->bytes + from, sizeof(word));
        n = word;
        from += sizeof(word);
    }
    return n <= p->len - from ? (Str){p->bytes + from, n} : STR_EMPTY;
}

static inline const uint32_t *pack_list(const Pack *p, PackAt at, uint32_t *ret_n) {
    const uint32_t *list = at == 0 ? NULL : pack_table(p, at, 1, sizeof(uint32_t));
    if (list == NULL || pack_table(p, at, (size_t)list[0] + 1, sizeof(uint32_t)) == NULL) {
        *ret_n = 0;
        return NULL;
    }
    *ret_n = list[0];
    return list + 1;
}

/* FNV-1a without case: stored in packs, so it stays as it is. */
static inline uint32_t pack_hash(Str code) {
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < code.len; i++) {
        unsigned char c = (unsigned char)code.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (unsigned char)(c | 32) : c;
        h = (h ^ c) * 16777619U;
    }
    return h ^ h >> 15;
}

/* A word begins behind anything that is no letter or digit. */
static inline bool pack_is_border(char c) {
    return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80);
}

/* One of 64 bits for the first two bytes of a word (which has at least two). */
static inline uint64_t pack_word(const char *word) {
    uint32_t h = ((uint32_t)(unsigned char)word[0] * 31 + (unsigned char)word[1]) * 2654435761U;
    return UINT64_C(1) << (h >> 26);
}

/* The bits of all words of folded names. */
static inline uint64_t pack_words(Str names) {
    uint64_t bits = 0;
    for (size_t i = 0; i + 1 < names.len; i++) {
        if (i == 0 || pack_is_border(names.ptr[i - 1])) {
            bits |= pack_word(names.ptr + i);
        }
    }
    return bits;
}

static inline const PackConcept *pack_concept(const Pack *p, const PackSystem *s, uint32_t at) {
    const PackConcept *all = at < s->n ? pack_table(p, s->concepts, s->n, sizeof(*all)) : NULL;
    return all == NULL ? NULL : all + at;
}
/* The place of a code, or PACK_NONE. */
uint32_t pack_find(const Pack *p, const PackSystem *s, Str code);

#endif
