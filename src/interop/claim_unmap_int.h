/* claim_unmap_int.h — what the files of the way back share: the claim under construction and
 * readers of FHIR elements. One entry point a file of tables; each reads its resources and adds
 * records. How to add a table: a file claim_unmap_X.c with unmap_X(), its line in UNMAP_LIST. */
#ifndef NHIP_INTEROP_CLAIM_UNMAP_INT_H
#define NHIP_INTEROP_CLAIM_UNMAP_INT_H

#include "interop/claim_map_int.h"
#include "interop/claim_unmap.h"

/* Run one after the other, the visit first: unmap_visit finds the Encounter, the bill, the keys. */
#define UNMAP_LIST(X)                                                                              \
    X(unmap_visit)     /* XML1 */                                                                  \
    X(unmap_lines)     /* XML2, XML3 */                                                            \
    X(unmap_results)   /* XML4 */                                                                  \
    X(unmap_course)    /* XML5 */                                                                  \
    X(unmap_forms)     /* XML0, XML6–XML15 */                                                    \
    X(unmap_documents) /* tables that were kept whole once */

/* One document of a table on its way. */
typedef struct UnmapPart {
    struct UnmapPart *next;
    const ClaimTable *t;
    Str xml; /* of a document kept whole */
    ClaimRecord *records;
    int n, capacity;
    int place;        /* among the documents of its table */
    bool has_unknown; /* as in ClaimPart */
} UnmapPart;

typedef struct Unmap {
    Arena *arena;
    const ClaimStored *resources;
    size_t n_resources;
    Map *map; /* for claim_map's own readers of values: arena, indexes, sticky error */
    MapIndex by_reference;
    const JsonNode *encounter, *bill; /* NULL: a check-in */
    Str facility, made, ma_lk;
    Str department_prefix; /* of the ids of this facility's departments */
    UnmapPart *parts[CLAIM_TABLES];
    ErrInfo *info;
} Unmap;

#define X(name) MUST_USE ErrCode name(Unmap *u);
UNMAP_LIST(X)
#undef X

/* ---- records */

/* A new document of the table, behind the others. NULL: ERR_NOMEM, sticky. */
UnmapPart *unmap_part(Unmap *u, int table);
/* A record of empty values but MA_LK (the visit's) and STT (the place, unless 0); NULL as above. */
Str *unmap_record(Unmap *u, UnmapPart *part, int place);
/* Puts the records in the order of their places. */
void unmap_sort(UnmapPart *part);

/* ---- resources */

/* The resource that {"reference":…} names, or NULL. */
const ClaimStored *unmap_resolve(Unmap *u, const JsonNode *reference);
/* First element of an array that is there, NULL otherwise; the n-th by json_next. */
const JsonNode *unmap_first(const JsonNode *array);
/* The value behind the prefix of a role: "xml4/12" with "xml4/" is 12; 0: no such role. */
int unmap_role_number(const ClaimStored *r, Str prefix);
/* Takes all fields of the owner's extension xmlN into the record's values. Says whether there is
 * one. */
bool unmap_extension(Unmap *u, const JsonNode *owner, const ClaimTable *t, Str *values);
bool unmap_has_extension(Unmap *u, const JsonNode *owner, const ClaimTable *t);
/* The part of that extension with this url, or NULL. */
const JsonNode *unmap_extension_part(Unmap *u, const JsonNode *owner, const ClaimTable *t,
                                     Str name);

/* ---- values: v holds what the extension said (or nothing) and gets what counts */

void unmap_text(Unmap *u, Str *v, const JsonNode *text);
/* concept.text, unless it stands there for want of a name. */
void unmap_name(Unmap *u, Str *v, const JsonNode *concept);
void unmap_number(Str *v, const JsonNode *number);
void unmap_time(Unmap *u, Str *v, const JsonNode *time);
/* The code of that system among concept.coding, or empty. */
Str unmap_coded(Unmap *u, const JsonNode *concept, Str system);
void unmap_code(Unmap *u, Str *v, const JsonNode *concept, Str system);

/* Values of a multi-value field, as they stand in FHIR. */
typedef struct UnmapList {
    Str item[MAP_PARTS_MAX];
    int n;
} UnmapList;
void unmap_list_add(UnmapList *list, Str item); /* nothing when empty, or when it is full */
/* All codes of the system in concept.coding. */
void unmap_codes_of(Unmap *u, UnmapList *list, const JsonNode *concept, Str system);
/* All references of an array, or those in that member of its elements. */
void unmap_references(Unmap *u, UnmapList *list, const JsonNode *array, const char *member);
void unmap_codes(Unmap *u, Str *v, const UnmapList *codes);
/* prefix: of the ids, "cchn-" in "Practitioner/cchn-…". */
void unmap_actors(Unmap *u, Str *v, const UnmapList *references, Str prefix);
/* One actor; the field may name more (of which the first stands in FHIR). */
void unmap_actor(Unmap *u, Str *v, const JsonNode *reference, Str prefix);

#endif
