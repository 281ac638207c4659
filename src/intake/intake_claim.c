#include "intake/intake_claim.h"

#include "intake/intake_int.h"
#include "interop/claim_write.h"

typedef struct Gather {
    Store *store;
    Arena *arena;
    ErrInfo *info;
    ClaimStored *items;
    size_t n, capacity;
    Slot *known; /* what the visit's own claim has written, ascending */
    size_t n_known;
    bool billed; /* a claim of ours is the bill; else the first one */
    IntakeClaim claim;
} Gather;

static bool has(const Gather *g, Str reference) {
    for (size_t i = 0; i < g->n; i++) {
        if (str_eq(g->items[i].reference, reference)) {
            return true;
        }
    }
    return false;
}

static void note_bill(Gather *g, Str role, const StoreVersion *v) {
    bool ours = str_eq(role, STR("claim"));
    if (v->type == FHIR_T_CLAIM && !g->billed && (ours || g->claim.bill == 0)) {
        g->billed = ours;
        g->claim.bill = v->first;
        g->claim.bill_version = v->version;
        g->claim.bill_id = v->id;
    }
}

static Str reference_of(Arena *arena, FhirType type, Str id) {
    return arena_join(arena, (Str[]){str_from(fhir_type_name(type)), STR("/"), id}, 3);
}

static ErrCode add(Gather *g, const KnownPart *part) {
    const StoreVersion *v = &part->version;
    if (g->n == g->capacity) {
        size_t capacity = MAX((size_t)64, 2 * g->capacity);
        ClaimStored *grown = arena_new_array(g->arena, ClaimStored, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (g->n > 0) {
            memcpy(grown, g->items, g->n * sizeof(*grown));
        }
        g->items = grown;
        g->capacity = capacity;
    }
    note_bill(g, part->role, v);
    ClaimStored *s = &g->items[g->n++];
    *s = (ClaimStored){.type = v->type, .role = part->role, .root = part->root};
    s->reference = reference_of(g->arena, v->type, v->id);
    return s->root != NULL ? ERR_OK : json_parse(g->arena, v->json, &s->root, g->info);
}

static int by_slot(const void *a, const void *b) {
    Slot x = *(const Slot *)a;
    Slot y = *(const Slot *)b;
    return (x > y) - (x < y);
}

static ErrCode add_known(Gather *g, const StoreVersion *visit) {
    KnownVisit known = {.store = g->store, .arena = g->arena};
    TRY(intake_known(&known, visit));
    g->known = arena_new_array(g->arena, Slot, known.n + 1);
    if (g->known == NULL) {
        return ERR_NOMEM;
    }
    bool itself = false;
    for (; g->n_known < known.n; g->n_known++) {
        const KnownPart *part = &known.items[g->n_known];
        itself = itself || part->version.first == visit->first;
        g->known[g->n_known] = part->version.slot;
        TRY(add(g, part));
    }
    if (g->n_known > 0) {
        qsort(g->known, g->n_known, sizeof(*g->known), by_slot);
    }
    return itself ? ERR_OK : add(g, &(KnownPart){.version = *visit});
}

/* What others wrote about the visit since. */
static ErrCode add_found(Gather *g, FhirType type, Str encounter) {
    enum { PAGE = 32 }; /* as often as not there is nothing */
    FhirQueryScope scope = {.type = type, .info = g->info};
    FhirQuery query;
    StorePage page = {.next = 0};
    Str text = arena_join(g->arena, (Str[]){STR("encounter=Encounter/"), encounter}, 2);
    TRY(fhir_query_parse(g->arena, &scope, text, &query));
    do {
        StoreSearch search = {.query = &query,
                              .snapshot = page.snapshot,
                              .after = page.next,
                              .count = PAGE,
                              .known = g->known,
                              .n_known = g->n_known};
        TRY(store_search(g->store, g->arena, &search, &page, g->info));
        for (size_t i = 0; i < page.n_matches; i++) {
            const StoreVersion *v = &page.matches[i];
            if (!has(g, reference_of(g->arena, type, v->id))) { /* it may have a newer version */
                TRY(add(g, &(KnownPart){.version = *v}));
            }
        }
    } while (page.next != 0);
    return ERR_OK;
}

/* A diagnosis or a line's resource that stands elsewhere. */
static ErrCode add_named(Gather *g, const JsonNode *reference) {
    Str text = json_str(g->arena, json_get_lit(reference, "reference"));
    size_t slash = str_find_char(text, '/', 0);
    FhirType type = slash == SIZE_MAX ? FHIR_T_NONE : fhir_type_by_name(str_sub(text, 0, slash));
    StoreVersion v;
    if (type == FHIR_T_NONE || has(g, text)) {
        return ERR_OK;
    }
    ErrCode err = store_get(g->store, g->arena, type, str_sub(text, slash + 1, text.len), &v);
    if (err == ERR_NOT_FOUND || err == ERR_GONE) {
        return ERR_OK;
    }
    TRY(err);
    return add(g, &(KnownPart){.version = v});
}

static ErrCode add_diagnoses(Gather *g) {
    for (size_t i = 0, n = g->n; i < n; i++) {
        const JsonNode *list = g->items[i].type == FHIR_T_ENCOUNTER
                                   ? json_get_lit(g->items[i].root, "diagnosis")
                                   : NULL;
        for (const JsonNode *d = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; d != NULL;
             d = json_next(list, d)) {
            TRY(add_named(g, json_get_lit(d, "condition")));
        }
    }
    return ERR_OK;
}

ErrCode intake_claim_of(Store *store, Arena *arena, const StoreVersion *visit,
                        IntakeClaim *ret_claim, ErrInfo *info) {
    static const FhirType named[] = {FHIR_T_CLAIM, FHIR_T_OBSERVATION, FHIR_T_DIAGNOSTIC_REPORT};
    Gather g = {.store = store, .arena = arena, .info = info};
    TRY(add_known(&g, visit));
    for (size_t i = 0; i < ARRAY_LEN(named) && visit->type == FHIR_T_ENCOUNTER; i++) {
        TRY(add_found(&g, named[i], visit->id));
    }
    TRY(add_diagnoses(&g));
    *ret_claim = g.claim;
    return claim_unmap(arena, g.items, g.n, &ret_claim->claim, info);
}

ErrCode intake_claim(Store *store, Arena *arena, const StoreVersion *visit, Claim *ret_claim,
                     ErrInfo *info) {
    IntakeClaim whole;
    TRY(intake_claim_of(store, arena, visit, &whole, info));
    *ret_claim = whole.claim;
    return ERR_OK;
}

ErrCode intake_claim_written(Store *store, Arena *arena, const StoreVersion *visit,
                             Claim *ret_claim, ErrInfo *info) {
    Gather g = {.store = store, .arena = arena, .info = info};
    KnownVisit known = {.store = store, .arena = arena, .as_written = true};
    TRY(intake_known(&known, visit));
    for (size_t i = 0; i < known.n; i++) {
        TRY(add(&g, &known.items[i]));
    }
    return claim_unmap(arena, g.items, g.n, ret_claim, info);
}

ErrCode intake_claim_text(Arena *arena, const Claim *claim, Str *ret_xml) {
    CLEANUP_BUF Buf out;
    buf_init(&out, CLAIM_TEXT_BYTES);
    claim_write_envelope_open(&out, claim->facility, claim->made, 1);
    claim_write_hoso(&out, claim, &(ClaimWriteHow){claim_release_of(claim), true});
    claim_write_envelope_close(&out);
    TRY(buf_ok(&out));
    *ret_xml = arena_str(arena, buf_str(&out));
    return arena_failed(arena) ? ERR_NOMEM : ERR_OK;
}

ErrCode intake_claim_file(Store *store, Arena *arena, const StoreVersion *visit, Str *ret_xml,
                          ErrInfo *info) {
    Claim claim;
    TRY(intake_claim(store, arena, visit, &claim, info));
    return intake_claim_text(arena, &claim, ret_xml);
}
