#include "interop/claim_unmap.h"

#include "interop/claim_unmap_int.h"

#define ROLE_PREFIX CLAIM_BASE "claim#"

enum { RECORDS_FIRST = 8, PATIENT_REFERENCE = 0 };

/* ---- records */

UnmapPart *unmap_part(Unmap *u, int table) {
    UnmapPart *p = arena_new_array(u->arena, UnmapPart, 1);
    if (p == NULL) {
        u->map->err = ERR_NOMEM;
        return NULL;
    }
    p->t = claim_table(table);
    assert(p->t != NULL);
    UnmapPart **at = &u->parts[table];
    for (; *at != NULL; at = &(*at)->next) {
        p->place++;
    }
    *at = p;
    return p;
}

static bool grow(Unmap *u, UnmapPart *part) {
    if (part->n < part->capacity) {
        return true;
    }
    int capacity = MAX((int)RECORDS_FIRST, 2 * part->capacity);
    ClaimRecord *records = arena_new_array(u->arena, ClaimRecord, (size_t)capacity);
    if (records == NULL) {
        u->map->err = ERR_NOMEM;
        return false;
    }
    if (part->n > 0) {
        memcpy(records, part->records, (size_t)part->n * sizeof(*records));
    }
    part->records = records;
    part->capacity = capacity;
    return true;
}

Str *unmap_record(Unmap *u, UnmapPart *part, int place) {
    if (part == NULL || !grow(u, part)) {
        return NULL;
    }
    Str *v = arena_new_array(u->arena, Str, (size_t)part->t->n_fields);
    if (v == NULL) {
        u->map->err = ERR_NOMEM;
        return NULL;
    }
    for (int i = 0; i < part->t->n_fields; i++) {
        v[i] = STR_EMPTY;
    }
    v[0] = u->ma_lk;
    if (place > 0) {
        v[1] = arena_printf(u->arena, "%d", place);
    }
    part->records[part->n++] = (ClaimRecord){.values = v, .line = place};
    return v;
}

static int by_place(const void *a, const void *b) {
    int x = ((const ClaimRecord *)a)->line;
    int y = ((const ClaimRecord *)b)->line;
    return (x > y) - (x < y);
}

void unmap_sort(UnmapPart *part) {
    if (part != NULL && part->n > 1) {
        qsort(part->records, (size_t)part->n, sizeof(*part->records), by_place);
    }
}

/* ---- the whole */

static ErrCode index_resources(Unmap *u) {
    for (size_t i = 0; i < u->n_resources; i++) {
        Str reference = u->resources[i].reference;
        if (reference.len > 0 && map_index_get(&u->by_reference, reference) < 0) {
            map_index_put(u->map, &u->by_reference, reference, (int)i);
        }
    }
    return u->map->err;
}

static ErrCode finish(Unmap *u, Claim *ret_claim) {
    int n = 0;
    for (int t = 0; t < CLAIM_TABLES; t++) {
        for (const UnmapPart *p = u->parts[t]; p != NULL; p = p->next) {
            n++;
        }
    }
    ClaimPart *parts = arena_new_array(u->arena, ClaimPart, (size_t)n + 1);
    if (parts == NULL || u->map->err != ERR_OK || arena_failed(u->arena)) {
        return ERR_NOMEM;
    }
    n = 0;
    for (int t = 0; t < CLAIM_TABLES; t++) {
        for (const UnmapPart *p = u->parts[t]; p != NULL; p = p->next) {
            parts[n++] = (ClaimPart){.table = p->t,
                                     .xml = p->xml,
                                     .records = p->records,
                                     .n_records = p->n,
                                     .has_unknown = p->has_unknown};
        }
    }
    *ret_claim = (Claim){
        .facility = u->facility, .made = u->made, .ma_lk = u->ma_lk, .parts = parts, .n_parts = n};
    return ERR_OK;
}

ErrCode claim_unmap(Arena *arena, const ClaimStored *resources, size_t n, Claim *ret_claim,
                    ErrInfo *info) {
    static ErrCode (*const tables[])(Unmap *) = {
#define X(name) name,
        UNMAP_LIST(X)
#undef X
    };
    Unmap *u = arena_new_array(arena, Unmap, 1);
    Map *map = arena_new_array(arena, Map, 1);
    if (u == NULL || map == NULL) {
        return ERR_NOMEM;
    }
    map->arena = arena;
    *u =
        (Unmap){.arena = arena, .resources = resources, .n_resources = n, .map = map, .info = info};
    TRY(index_resources(u));
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        TRY(tables[i](u));
        TRY(map->err);
    }
    return finish(u, ret_claim);
}

ErrCode claim_unmap_group(Arena *arena, const ClaimGroup *group, Claim *ret_claim, ErrInfo *info) {
    ClaimStored *s = arena_new_array(arena, ClaimStored, group->n_resources);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < group->n_resources; i++) {
        const ClaimResource *r = &group->resources[i];
        s[i] = (ClaimStored){.type = r->type,
                             .role = r->role,
                             .reference =
                                 i == PATIENT_REFERENCE
                                     ? STR("Patient/~")
                                     : arena_printf(arena, "%s/~%zu", fhir_type_name(r->type), i)};
        TRY(json_parse(arena, r->json, &s[i].root, info));
    }
    return claim_unmap(arena, s, group->n_resources, ret_claim, info);
}

Str claim_unmap_role(Arena *arena, const JsonNode *root) {
    Str source = json_str(arena, json_get_lit(json_get_lit(root, "meta"), "source"));
    size_t from = sizeof(ROLE_PREFIX) - 1;
    return str_starts(source, STR(ROLE_PREFIX)) ? str_sub(source, from, source.len) : STR_EMPTY;
}
