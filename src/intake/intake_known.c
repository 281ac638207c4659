/* What is known of a visit that claims have written: its resources as they are now, with the roles
 * that its newest claim gave them. */
#include "intake/intake_int.h"

static ErrCode known_add(KnownVisit *visit, const KnownPart *part) {
    if (visit->n == visit->capacity) {
        size_t grown = visit->capacity == 0 ? 64 : visit->capacity * 2;
        KnownPart *k = arena_new_array(visit->arena, KnownPart, grown);
        if (k == NULL) {
            return ERR_NOMEM;
        }
        if (visit->n > 0) {
            memcpy(k, visit->items, visit->n * sizeof(*k));
        }
        visit->items = k;
        visit->capacity = grown;
    }
    visit->items[visit->n++] = *part;
    return ERR_OK;
}

/* One record's part of the visit. Sets *ret_last at its end: the bill is written last, and what
 * stands behind it (or behind another Encounter) belongs to other visits. */
static ErrCode scan_record(KnownVisit *visit, RecordNo no, const StoreVersion *encounter,
                           bool *ret_last) {
    StoreVersion *v = NULL;
    size_t n = 0;
    ErrCode err = store_record(visit->store, visit->arena, no, &v, &n);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(err);
    *ret_last = n < STORE_RECORD_SLOTS;
    for (size_t i = 0; i < n; i++) {
        bool other = v[i].type == FHIR_T_ENCOUNTER && v[i].slot != encounter->slot;
        if (other || v[i].patient != encounter->patient || v[i].time != encounter->time) {
            *ret_last = true;
            return ERR_OK;
        }
        KnownPart part = {.role = STR_EMPTY, .version = v[i]};
        if (!v[i].deleted && json_parse(visit->arena, v[i].json, &part.root, NULL) == ERR_OK) {
            part.role = intake_role(visit->arena, part.root);
        }
        if (part.role.len > 0) {
            TRY(known_add(visit, &part));
        }
        if (v[i].type == FHIR_T_CLAIM && str_eq(part.role, STR("claim"))) {
            *ret_last = true;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* Several check-ins may have written the same resource one after the other. */
static bool is_listed(const KnownVisit *visit, size_t n, Slot slot) {
    for (size_t i = 0; i < n; i++) {
        if (visit->items[i].version.slot == slot) {
            return true;
        }
    }
    return false;
}

/* What was edited since by other ways stands elsewhere; what was deleted is made anew. begun: the
 * list has the resources of several check-ins. */
static ErrCode refresh_known(KnownVisit *visit, bool begun) {
    size_t n = 0;
    for (size_t i = 0; i < visit->n; i++) {
        KnownPart k = visit->items[i];
        if (!store_version_is_current(visit->store, &k.version)) {
            ErrCode err =
                store_get(visit->store, visit->arena, k.version.type, k.version.id, &k.version);
            if (err == ERR_GONE || err == ERR_NOT_FOUND) {
                continue;
            }
            TRY(err);
            k.root = NULL;
        }
        if (!begun || !is_listed(visit, n, k.version.slot)) {
            visit->items[n++] = k;
        }
    }
    visit->n = n;
    return ERR_OK;
}

bool intake_has_begun(Arena *arena, Str encounter) {
    const JsonNode *root = NULL;
    const JsonNode *status = NULL;
    if (json_parse(arena, encounter, &root, NULL) == ERR_OK) {
        status = json_get_lit(root, "status");
    }
    return json_str_is(status, STR("arrived")) || json_str_is(status, STR("in-progress"));
}

/* Claims write a visit whole, from its Encounter to its bill: its resources stand together in the
 * records from the newest version of the Encounter on that a claim has written. Check-ins add to
 * the visit, each with a version of the Encounter of its own. */
ErrCode intake_known(KnownVisit *visit, const StoreVersion *newest) {
    size_t begun = 0; /* known by check-ins */
    StoreVersion encounter = *newest;
    for (uint32_t version = newest->version;; version--) {
        bool last = false;
        for (RecordNo no = SLOT_RECORD(encounter.slot); !last; no++) {
            last = true;
            TRY(scan_record(visit, no, &encounter, &last));
        }
        bool whole = visit->n > begun && visit->items[visit->n - 1].version.type == FHIR_T_CLAIM;
        if (whole || version == 1) {
            return visit->as_written ? ERR_OK : refresh_known(visit, begun > 0);
        }
        begun = intake_has_begun(visit->arena, encounter.json) ? visit->n : begun;
        visit->n = begun;
        ErrCode err = store_get_version(visit->store, visit->arena, FHIR_T_ENCOUNTER, newest->id,
                                        version - 1, &encounter);
        TRY(err == ERR_GONE ? ERR_OK : err);
    }
}
