/* fault_load.h — real commits of every kind with a model of what was acknowledged, for the fault
 * tests. Each commit carries a resource that names its serial number, so that after a crash the log
 * tells which of the unacknowledged ones survived; those must be whole. */
#ifndef NHIP_TESTS_FAULT_LOAD_H
#define NHIP_TESTS_FAULT_LOAD_H

#include "core/arena.h"
#include "core/random.h"
#include "core/thread.h"
#include "fault/fault_vfs.h"
#include "store/store.h"

enum { LOAD_RESOURCES = 8000, LOAD_COMMITS = 2000, LOAD_CHANGES = 12, LOAD_GROUPS = 3 };

typedef struct LoadResource {
    FhirType type;
    Slot first, last;
    uint32_t version;
    bool deleted, in_flight;
    char marker[40];
} LoadResource;

typedef enum LoadState { LOAD_OPEN, LOAD_ACKED, LOAD_REFUSED, LOAD_SETTLED } LoadState;

typedef struct LoadCommit {
    unsigned serial, n_changes, n_groups, n_records;
    struct {
        StoreOp op;
        FhirType type;
        int resource; /* update, delete: index in resources */
        uint32_t offset;
        char marker[40];
    } changes[LOAD_CHANGES];
    bool with_file, with_reject;
    uint64_t settles; /* reject id, or 0 */
    Sha256 file;
    _Atomic int state; /* LoadState */
    ErrCode err;
    StoreCommitted committed;
} LoadCommit;

typedef struct Load {
    Store *store;
    Random random;
    LoadResource resources[LOAD_RESOURCES];
    size_t n_resources;
    LoadCommit commits[LOAD_COMMITS];
    size_t n_commits, n_settled; /* commits[0 … n_settled) are in the model */
    RecordNo acked;              /* the highest acknowledged record */
    uint64_t rejects, rejects_open;
    uint64_t acked_total, survived_total; /* over the whole run */
    char why[1024];                       /* the first thing that was wrong; empty: nothing */
} Load;

#define LOAD_WRONG(load, ...)                                                                      \
    do {                                                                                           \
        if ((load)->why[0] == 0) {                                                                 \
            (void)snprintf((load)->why, sizeof((load)->why), __VA_ARGS__);                         \
        }                                                                                          \
    } while (0)

static inline void load_clear(Load *load, uint64_t seed) {
    uint64_t acked = load->acked_total;
    uint64_t survived = load->survived_total;
    memset(load, 0, sizeof(*load));
    load->acked_total = acked;
    load->survived_total = survived;
    random_init(&load->random, seed);
}

static inline Str load_file_bytes(Arena *arena, unsigned serial) {
    return arena_printf(arena,
                        "<GIAMDINHHS><HOSO><NOIDUNGFILE>"
                        "PFhNTDE+PE1BX0xLPkhTMTwvTUFfTEs+PEhPX1RFTj5UaOG7rSBuZ2hp4buHbTwvSE9fVEVO"
                        "PjxHSE9fQ0hVPjwvR0hPX0NIVT48L1hNTDE+</NOIDUNGFILE><N>%u</N></HOSO>",
                        serial);
}

/* ---- making one commit ---- */

static inline Str load_json(Arena *arena, FhirType type, const char *marker, bool of_patient) {
    return arena_printf(arena,
                        "{\"resourceType\":\"%s\",\"identifier\":[{\"system\":\"urn:load\","
                        "\"value\":\"%s\"}]%s}",
                        fhir_type_name(type), marker,
                        of_patient ? ",\"subject\":{\"reference\":\"Patient/~\"}" : "");
}

static inline int load_pick(Load *load) {
    for (int tries = 0; tries < 20 && load->n_resources > 0; tries++) {
        size_t at = (size_t)random_below(&load->random, load->n_resources);
        LoadResource *r = &load->resources[at];
        if (!r->in_flight && !r->deleted) {
            return (int)at;
        }
    }
    return -1;
}

static inline void load_fill(Load *load, LoadCommit *c) {
    static const FhirType TYPES[] = {FHIR_T_PATIENT, FHIR_T_CONDITION, FHIR_T_ENCOUNTER};
    c->n_groups = 1 + (unsigned)random_below(&load->random, LOAD_GROUPS);
    c->n_records = c->n_groups;
    for (unsigned g = 0; g < c->n_groups; g++) {
        unsigned n = 1 + (unsigned)random_below(&load->random, LOAD_CHANGES / LOAD_GROUPS);
        for (unsigned i = 0; i < n; i++) {
            unsigned at = c->n_changes++;
            c->changes[at].offset = g * STORE_RECORD_SLOTS + i;
            c->changes[at].op = STORE_CREATE;
            c->changes[at].type =
                i == 0 ? FHIR_T_PATIENT : TYPES[1 + random_below(&load->random, 2)];
            c->changes[at].resource = -1;
            int resource = i > 0 && random_below(&load->random, 3) == 0 ? load_pick(load) : -1;
            if (resource >= 0) {
                c->changes[at].resource = resource;
                c->changes[at].type = load->resources[resource].type;
                c->changes[at].op =
                    random_below(&load->random, 4) == 0 ? STORE_DELETE : STORE_UPDATE;
                load->resources[resource].in_flight = true;
            }
            (void)snprintf(c->changes[at].marker, sizeof(c->changes[at].marker), "c%u-%u",
                           c->serial, at);
        }
    }
    c->with_file = random_below(&load->random, 5) == 0;
    c->with_reject = random_below(&load->random, 6) == 0;
    c->settles = load->rejects > 0 && random_below(&load->random, 8) == 0 ? load->rejects : 0;
}

static inline void load_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                             const StorePrepared *prepared) {
    LoadCommit *c = ctx;
    (void)prepared;
    c->err = err;
    c->committed = *committed;
    atomic_store(&c->state, err == ERR_OK ? LOAD_ACKED : LOAD_REFUSED);
}

/* Prepares and submits; the model learns of it in load_settle. */
static inline ErrCode load_submit(Load *load, Arena *arena, ErrInfo *info) {
    LoadCommit *c = &load->commits[load->n_commits++];
    assert(load->n_commits <= LOAD_COMMITS);
    *c = (LoadCommit){.serial = (unsigned)load->n_commits};
    fault_spared++;
    load_fill(load, c);
    StoreChange changes[LOAD_CHANGES];
    StoreGroup groups[LOAD_GROUPS];
    for (unsigned i = 0; i < c->n_changes; i++) {
        const LoadResource *r =
            c->changes[i].resource < 0 ? NULL : &load->resources[c->changes[i].resource];
        bool of_patient = r == NULL && c->changes[i].type != FHIR_T_PATIENT;
        changes[i] = (StoreChange){
            .op = c->changes[i].op,
            .type = c->changes[i].type,
            .prev = r == NULL ? 0 : r->last,
            .json = c->changes[i].op == STORE_DELETE
                        ? STR_EMPTY
                        : load_json(arena, c->changes[i].type, c->changes[i].marker, of_patient)};
    }
    for (unsigned g = 0, at = 0; g < c->n_groups; g++) {
        unsigned n = 0;
        while (at + n < c->n_changes && c->changes[at + n].offset / STORE_RECORD_SLOTS == g) {
            n++;
        }
        groups[g] = (StoreGroup){&changes[at], n, 0, 0};
        at += n;
    }
    StoreReceived file = {.name = STR("load.xml"), .bytes = load_file_bytes(arena, c->serial)};
    sha256(file.bytes, &file.hash);
    c->file = file.hash;
    StoreReject reject = {.file = file.hash,
                          .rule = STR("load"),
                          .en = STR("made for the test"),
                          .vi = STR("tạo để thử"),
                          .bytes = STR("<DONG/>")};
    StoreCommit commit = {.groups = groups,
                          .n_groups = c->n_groups,
                          .snapshot = store_snapshot(load->store),
                          .actor = STR("load"),
                          .source = STR("fault"),
                          .received = &file,
                          .n_received = c->with_file,
                          .files_done = &file.hash,
                          .n_files_done = c->with_file,
                          .rejects = &reject,
                          .n_rejects = c->with_reject,
                          .rejects_done = &c->settles,
                          .n_rejects_done = c->settles != 0};
    StorePrepared *prepared = NULL;
    fault_spared--;
    ErrCode err = store_prepare(load->store, &commit, &prepared, info);
    if (err != ERR_OK) {
        c->err = err;
        atomic_store(&c->state, LOAD_REFUSED);
        return err;
    }
    store_submit(load->store, prepared, load_done, c);
    return ERR_OK;
}

/* ---- the model ---- */

static inline void load_apply(Load *load, LoadCommit *c, RecordNo first) {
    for (unsigned i = 0; i < c->n_changes; i++) {
        Slot slot = SLOT_OF(first, 0) + c->changes[i].offset;
        LoadResource *r = c->changes[i].resource < 0 ? &load->resources[load->n_resources++]
                                                     : &load->resources[c->changes[i].resource];
        assert(load->n_resources <= LOAD_RESOURCES);
        if (c->changes[i].resource < 0) {
            *r = (LoadResource){.type = c->changes[i].type, .first = slot};
        }
        r->last = slot;
        r->version++;
        r->deleted = c->changes[i].op == STORE_DELETE;
        r->in_flight = false;
        memcpy(r->marker, c->changes[i].marker, sizeof(r->marker));
    }
    load->rejects += c->with_reject;
    load->rejects_open += c->with_reject;
}

static inline void load_forget(Load *load, const LoadCommit *c) {
    for (unsigned i = 0; i < c->n_changes; i++) {
        if (c->changes[i].resource >= 0) {
            load->resources[c->changes[i].resource].in_flight = false;
        }
    }
}

/* Which serial does the record belong to? 0: none that it names. */
static inline unsigned load_serial_of(Load *load, Arena *arena, RecordNo number) {
    StoreVersion *versions;
    size_t n = 0;
    unsigned serial = 0;
    if (store_record(load->store, arena, number, &versions, &n) != ERR_OK) {
        return 0;
    }
    size_t at = str_find(versions[0].json, STR("\"value\":\"c"));
    if (at == SIZE_MAX) {
        return 0;
    }
    Str digits = str_sub(versions[0].json, at + 10, 10);
    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++) {
        serial = serial * 10 + (unsigned)(digits.ptr[i] - '0');
    }
    return serial;
}

/* After a crash: the records above the last acknowledged one, commit by commit, each whole. */
static inline void load_survivors(Load *load, Arena *arena) {
    RecordNo last = store_snapshot(load->store);
    if (last < load->acked) {
        LOAD_WRONG(load, "record %llu was acknowledged, the log ends at %llu",
                   (unsigned long long)load->acked, (unsigned long long)last);
    }
    for (RecordNo number = load->acked + 1; number <= last && load->why[0] == 0;) {
        unsigned serial = load_serial_of(load, arena, number);
        LoadCommit *c = serial == 0 || serial > load->n_commits ? NULL : &load->commits[serial - 1];
        bool open = c != NULL && atomic_load(&c->state) != LOAD_ACKED &&
                    atomic_load(&c->state) != LOAD_SETTLED;
        if (!open) {
            LOAD_WRONG(load, "record %llu belongs to no commit in flight (serial %u)",
                       (unsigned long long)number, serial);
            return;
        }
        for (unsigned i = 1; i < c->n_records; i++) {
            if (load_serial_of(load, arena, number + i) != serial) {
                LOAD_WRONG(load, "commit %u survived in part", serial);
            }
        }
        load_apply(load, c, number);
        atomic_store(&c->state, LOAD_SETTLED);
        number += c->n_records;
        load->survived_total++;
    }
    load->acked = last;
}

/* Applies those that are acknowledged by now, in the order of their records. */
static inline void load_apply_acked(Load *load) {
    bool again = true;
    while (again) {
        LoadCommit *least = NULL;
        again = false;
        for (size_t i = load->n_settled; i < load->n_commits; i++) {
            LoadCommit *c = &load->commits[i];
            if (atomic_load(&c->state) == LOAD_ACKED &&
                (least == NULL || c->committed.first < least->committed.first)) {
                least = c;
            }
        }
        if (least != NULL) {
            load_apply(load, least, least->committed.first);
            load->acked = MAX(load->acked, least->committed.last);
            atomic_store(&least->state, LOAD_SETTLED);
            load->acked_total++;
            again = true;
        }
    }
}

/* Takes acknowledged commits into the model. One that is acknowledged while the others are taken
 * waits for the next round: it must not be passed over. */
static inline void load_settle(Load *load) {
    int state = LOAD_ACKED;
    while (state == LOAD_ACKED) {
        load_apply_acked(load);
        for (; load->n_settled < load->n_commits; load->n_settled++) {
            state = atomic_load(&load->commits[load->n_settled].state);
            if (state == LOAD_OPEN || state == LOAD_ACKED) {
                break;
            }
            if (state == LOAD_REFUSED) {
                load_forget(load, &load->commits[load->n_settled]);
            }
        }
        state = load->n_settled == load->n_commits ? LOAD_SETTLED : state;
    }
}

/* ---- checks ---- */

static inline void load_check_resource(Load *load, Arena *arena, const LoadResource *r) {
    StoreVersion v;
    Str id = store_id(load->store, arena, r->first);
    ErrCode err = store_get(load->store, arena, r->type, id, &v);
    if (err != (r->deleted ? ERR_GONE : ERR_OK) || v.slot != r->last || v.version != r->version) {
        LOAD_WRONG(load, "resource %s: %s, slot %llu instead of %llu", r->marker, err_name(err),
                   (unsigned long long)(err == ERR_OK || err == ERR_GONE ? v.slot : 0),
                   (unsigned long long)r->last);
        return;
    }
    Str want = arena_printf(arena, "\"value\":\"%s\"", r->marker);
    if (!r->deleted && str_find(v.json, want) == SIZE_MAX) {
        LOAD_WRONG(load, "resource %s has other content", r->marker);
    }
}

static inline void load_check_file(Load *load, Arena *arena, const LoadCommit *c) {
    StoreFileState state = STORE_FILE_NEW;
    StoreReceived got;
    if (store_file_state(load->store, &c->file, &state) != ERR_OK || state != STORE_FILE_DONE ||
        store_received_get(load->store, arena, &c->file, &got) != ERR_OK ||
        !str_eq(got.bytes, load_file_bytes(arena, c->serial))) {
        LOAD_WRONG(load, "file of commit %u is lost", c->serial);
    }
}

/* Everything in the model, the chain, files, rejects. */
static inline void load_check(Load *load, Arena *arena) {
    ErrInfo info = {0};
    uint64_t records = 0;
    uint64_t open = 0;
    uint64_t settled = 0;
    ErrCode err = store_verify(load->store, NULL, &records, &info);
    if (err != ERR_OK || records != store_snapshot(load->store)) {
        LOAD_WRONG(load, "verify: %s %s", err_name(err), info.what_en);
    }
    for (size_t i = 0; i < load->n_resources && load->why[0] == 0; i++) {
        load_check_resource(load, arena, &load->resources[i]);
        arena_reset(arena);
    }
    for (size_t i = 0; i < load->n_commits && load->why[0] == 0; i++) {
        LoadCommit *c = &load->commits[i];
        if (atomic_load(&c->state) == LOAD_SETTLED && c->with_file) {
            load_check_file(load, arena, c);
            arena_reset(arena);
        }
    }
    if (store_reject_count(load->store, &open, &settled) != ERR_OK ||
        open + settled != load->rejects) {
        LOAD_WRONG(load, "%llu rejects instead of %llu", (unsigned long long)(open + settled),
                   (unsigned long long)load->rejects);
    }
}

#endif
