#include "store/store_condition.h"

#include "core/limits.h"
#include "fhir/fhir_match.h"

enum {
    CHECK_MATCHES = 4096, /* resources × conditions that the writer matches one by one */
    CHECK_RECORDS = 4096, /* behind the snapshot that the writer looks through */
    CHECK_GROUP = 8 * CHECK_MATCHES, /* as CHECK_MATCHES, of those that the index does not show */
    GROUP_QUERIES = 16,              /* with more a commit goes first in its group */
};

/* ---- preparing ---- */

enum { TYPE_WORDS = FHIR_RESOURCE_COUNT / 64 + 1 };

/* The types on whose resources the answer depends. */
static bool add_types(const FhirQueryTerm *terms, size_t n, uint64_t types[TYPE_WORDS]) {
    bool linked = false;
    for (size_t i = 0; i < n; i++) {
        const FhirQueryTerm *t = &terms[i];
        linked = linked || fhir_term_is_linked(t);
        if (fhir_term_is_linked(t) && t->n_links == 0) {
            memset(types, 0xff, TYPE_WORDS * sizeof(*types)); /* a tree of references: any */
        }
        for (size_t k = 0; k < t->n_links; k++) {
            types[t->links[k].type / 64] |= UINT64_C(1) << t->links[k].type % 64;
            linked = add_types(t->links[k].term, 1, types) || linked;
        }
    }
    return linked;
}

static int compare_types(const void *a, const void *b) {
    FhirType x = ((const FhirQuery *)a)->type;
    FhirType y = ((const FhirQuery *)b)->type;
    return (x > y) - (x < y);
}

static ErrCode parse_all(const StoreCommit *commit, Arena *arena, PreparedConditions *all,
                         ErrInfo *info) {
    for (size_t i = 0; i < commit->n_conditions; i++) {
        FhirQuery *q = &all->queries[all->n_queries];
        uint64_t types[TYPE_WORDS] = {0};
        const StoreCondition *c = &commit->conditions[i];
        FhirQueryScope scope = {.type = c->type,
                                .base_url = arena_str(arena, c->base_url),
                                .now = c->now,
                                .info = info};
        TRY(fhir_query_parse(arena, &scope, arena_str(arena, c->query), q));
        q->n_sorts = 0;
        q->n_includes = 0;
        if (add_types(q->terms, q->n_terms, types)) {
            types[c->type / 64] |= UINT64_C(1) << c->type % 64;
            for (size_t k = 0; k < TYPE_WORDS; k++) {
                all->linked[k] |= types[k];
            }
        } else {
            all->n_queries++;
        }
    }
    if (all->n_queries > 1) {
        qsort(all->queries, all->n_queries, sizeof(*all->queries), compare_types);
    }
    return ERR_OK;
}

/* By the index: the cost does not grow with what was committed meanwhile. */
static ErrCode search_since(Store *store, const FhirQuery *queries, size_t n, RecordNo since) {
    CLEANUP_ARENA Arena *arena = arena_new(2 * RECORD_PAYLOAD_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        StorePage page = {0};
        StoreSearch search = {.query = &queries[i], .since = since, .count = 1};
        arena_reset(arena);
        TRY(store_search(store, arena, &search, &page, NULL));
        if (page.n_matches > 0) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

/* Looks once more, so that little is left to the writer. */
static ErrCode catch_up(Store *store, PreparedConditions *all, RecordNo asked) {
    RecordNo now = store_snapshot(store);
    all->snapshot = asked;
    if (now > asked && all->n_queries > 0) {
        TRY(search_since(store, all->queries, all->n_queries, asked));
        all->snapshot = now;
    }
    return ERR_OK;
}

ErrCode conditions_prepare(Store *store, const StoreCommit *commit, StorePrepared *p,
                           ErrInfo *info) {
    if (commit->n_conditions + commit->n_still == 0) {
        return ERR_OK;
    }
    if (commit->n_conditions > STORE_CONDITIONS_MAX) {
        return err_set(info, ERR_LIMIT, "conditions-max",
                       "a transaction may have %d conditions at most that are no exact token such "
                       "as identifier=system|value",
                       "một giao dịch chỉ được có tối đa %d điều kiện không phải mã chính xác như "
                       "identifier=hệ_thống|giá_trị",
                       STORE_CONDITIONS_MAX);
    }
    PreparedConditions *all = arena_calloc(p->arena, 1, sizeof(*all));
    if (all == NULL) {
        return ERR_NOMEM;
    }
    all->queries = arena_new_array(p->arena, FhirQuery, commit->n_conditions + 1);
    all->still = arena_new_array(p->arena, StoreStill, commit->n_still + 1);
    if (all->queries == NULL || all->still == NULL) {
        return ERR_NOMEM;
    }
    all->n_still = commit->n_still;
    if (commit->n_still > 0) {
        memcpy(all->still, commit->still, commit->n_still * sizeof(*all->still));
    }
    p->conditions = all;
    TRY(parse_all(commit, p->arena, all, info));
    return catch_up(store, all, commit->snapshot);
}

bool conditions_go_first(const StorePrepared *p) {
    const PreparedConditions *all = p->conditions;
    bool linked = false;
    for (size_t k = 0; all != NULL && k < TYPE_WORDS; k++) {
        linked = linked || all->linked[k] != 0;
    }
    return linked || (all != NULL && all->n_queries > GROUP_QUERIES);
}

/* ---- checking ---- */

typedef struct Check {
    const ConditionCheck *of;
    Arena *arena, *scratch;
    const FhirQuery *queries; /* those of one type */
    size_t n_queries;
    size_t work;
} Check;

static ErrCode match_version(Check *c, const StoredRecord *record, unsigned at) {
    StoreVersion v;
    const JsonNode *root = NULL;
    if (record->slots[at].deleted) {
        return ERR_OK;
    }
    c->work += c->n_queries;
    if (c->work > CHECK_GROUP) {
        return ERR_CONFLICT;
    }
    arena_reset(c->scratch);
    TRY(store_expand(c->of->store, c->scratch, record, at, &v));
    TRY(json_parse(c->scratch, v.json, &root, NULL));
    FhirMatchContext context = {.id = v.id, .last_updated = v.time, .base_url = STR_EMPTY};
    for (size_t i = 0; i < c->n_queries; i++) {
        bool matches = false;
        TRY(fhir_match(c->scratch, &c->queries[i], root, &context, &matches));
        if (matches) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

/* What the index shows: one by one when that is less than to ask the index again. */
static ErrCode match_published(Check *c) {
    Store *store = c->of->store;
    RecordNo snapshot = c->of->p->conditions->snapshot;
    FhirType type = c->queries[0].type;
    const char key[5] = {INDEX_TYPE, (char)(type >> 8), (char)type, 0, 0};
    Str head = {key, sizeof(key)};
    SlotList slots;
    StoredRecord *record = NULL;
    if (!index_key_since(store->index, head, snapshot)) {
        return ERR_OK;
    }
    if (index_published(store->index) - snapshot > CHECK_RECORDS) {
        return ERR_CONFLICT;
    }
    TRY(index_slots_since(store->index, c->arena, head, snapshot, &slots));
    if (slots.n * c->n_queries > CHECK_MATCHES) {
        return search_since(store, c->queries, c->n_queries, snapshot);
    }
    for (size_t i = 0; i < slots.n; i++) {
        if (record == NULL || record->number != SLOT_RECORD(slots.slots[i])) {
            TRY(store_load(store, c->arena, SLOT_RECORD(slots.slots[i]), &record));
        }
        TRY(match_version(c, record, SLOT_POSITION(slots.slots[i])));
    }
    return ERR_OK;
}

/* One record that is written and not yet committed. */
static ErrCode match_record(Check *c, Reader *reader, const StorePrepared *q, size_t at) {
    const PreparedRecord *prepared = &q->records[at];
    RecordNo first = q->committed.first;
    StoredRecord *record = NULL;
    RecordRow row = {.number = first + at,
                     .commit_first = first,
                     .time = c->of->time,
                     .patient = prepared->patient_offset >= 0
                                    ? SLOT_OF(first, 0) + (Slot)prepared->patient_offset
                                    : prepared->patient,
                     .kind = RECORD_KIND_FHIR,
                     .dict = prepared->dict,
                     .body = prepared->body};
    TRY(body_unpack(reader->ctx, &c->of->store->dicts, &row, &reader->scratch));
    TRY(store_decode(c->arena, &row, buf_str(&reader->scratch), &record));
    for (unsigned i = 0; i < record->n_slots; i++) {
        if (record->slots[i].type == c->queries[0].type) {
            TRY(match_version(c, record, i));
        }
    }
    return ERR_OK;
}

static ErrCode match_group(Check *c) {
    CLEANUP_READER ReaderHold hold = {c->of->store, NULL};
    FhirType type = c->queries[0].type;
    for (const StorePrepared *q = c->of->head; q != c->of->p; q = q->next) {
        if (q->err != ERR_OK || q->committed.first == 0 ||
            (q->types[type / 64] >> type % 64 & 1) == 0) {
            continue;
        }
        if (hold.reader == NULL) {
            TRY(reader_take(c->of->store, &hold.reader));
        }
        for (size_t i = 0; i < q->n_records; i++) {
            TRY(match_record(c, hold.reader, q, i));
        }
    }
    return ERR_OK;
}

static ErrCode check_still(Check *c) {
    Store *store = c->of->store;
    const PreparedConditions *all = c->of->p->conditions;
    RecordNo now = index_published(store->index);
    for (size_t i = 0; i < all->n_still; i++) {
        SlotList later;
        const StoreStill *still = &all->still[i];
        arena_reset(c->scratch);
        TRY(index_versions(store->index, c->scratch, still->first, now, &later));
        Slot newest = later.n > 0 ? later.slots[later.n - 1] : still->first;
        if (newest != still->slot ||
            overlay_has(&store->writer.firsts, hash64_mix(still->first, 1))) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

/* Conditions that depend on other resources (chains, _has): nothing of the types may be new. */
static ErrCode check_linked(Check *c) {
    const ConditionCheck *of = c->of;
    const uint64_t *linked = of->p->conditions->linked;
    for (const StorePrepared *q = of->head; q != of->p; q = q->next) {
        for (size_t k = 0; k < TYPE_WORDS; k++) {
            if (q->err == ERR_OK && (q->types[k] & linked[k]) != 0) {
                return ERR_CONFLICT;
            }
        }
    }
    for (unsigned type = 1; type <= FHIR_RESOURCE_COUNT; type++) {
        const char key[5] = {INDEX_TYPE, (char)(type >> 8), (char)type, 0, 0};
        if ((linked[type / 64] >> type % 64 & 1) != 0 &&
            index_key_since(of->store->index, (Str){key, sizeof(key)}, of->p->snapshot)) {
            return ERR_CONFLICT;
        }
    }
    return ERR_OK;
}

ErrCode conditions_check(const ConditionCheck *check) {
    const PreparedConditions *all = check->p->conditions;
    if (all == NULL) {
        return ERR_OK;
    }
    CLEANUP_ARENA Arena *arena = arena_new(2 * RECORD_PAYLOAD_MAX);
    CLEANUP_ARENA Arena *scratch = arena_new(2 * RECORD_PAYLOAD_MAX);
    if (arena == NULL || scratch == NULL) {
        return ERR_NOMEM;
    }
    Check c = {.of = check, .arena = arena, .scratch = scratch};
    TRY(check_still(&c));
    TRY(check_linked(&c));
    for (size_t i = 0; i < all->n_queries; i += c.n_queries) {
        c.queries = &all->queries[i];
        c.n_queries = 1;
        while (i + c.n_queries < all->n_queries && c.queries[c.n_queries].type == c.queries->type) {
            c.n_queries++;
        }
        TRY(match_published(&c));
        TRY(match_group(&c));
    }
    return ERR_OK;
}
