#include "mpi/mpi_run.h"

#include "core/hash.h"
#include "core/limits.h"
#include "mpi/mpi_case.h"
#include "store/store_scan.h"

enum { LEARN_FROM = 2000, LEARN_PERSONS = 100000, MERGES_DEEP = 64 };
#define IDS_MAX ((size_t)1 << 30)

/* A pair of ids as its case has them. */
typedef struct Known {
    uint64_t a, b; /* hashes of the ids */
    bool apart;    /* a person said so */
} Known;

typedef struct Named {
    uint64_t hash;
    uint32_t id; /* in the set */
} Named;

typedef struct Run {
    const MpiRunOptions *o;
    MpiRunReport report;
    MpiSet *set;
    Arena *arena;    /* of one resource */
    Buf ids;         /* of all Patients, each NUL-terminated */
    uint32_t *at;    /* where in ids */
    uint64_t *by;    /* hash of the id that it is replaced by, or 0 */
    uint32_t *roots; /* who stands for it */
    size_t room;
    Named *named; /* sorted by hash */
    Known *known;
    size_t n_known, known_room;
    MpiPair *pairs;
    size_t n_pairs, pairs_room;
    ErrInfo *info;
} Run;

/* Room for one more of size; NULL: no memory, the old stays. */
static void *room_for(void *list, size_t n, size_t *room, size_t size) {
    if (n < *room) {
        return list;
    }
    size_t more = *room == 0 ? 1024 : *room * 2;
    void *grown = realloc(list, more * size);
    *room = grown == NULL ? *room : more;
    return grown;
}

/* ---- reading ---- */

static ErrCode take_patient(Run *r, const StoreVersion *v, const JsonNode *root) {
    MpiFields fields;
    MpiPerson person;
    uint32_t id;
    size_t n = mpi_set_count(r->set);
    if (n == r->room) {
        size_t room_at = r->room;
        size_t room_by = r->room;
        uint32_t *at = room_for(r->at, n, &room_at, sizeof *at);
        r->at = at == NULL ? r->at : at;
        uint64_t *by = room_for(r->by, n, &room_by, sizeof *by);
        r->by = by == NULL ? r->by : by;
        if (at == NULL || by == NULL) {
            return ERR_NOMEM;
        }
        r->room = room_at;
    }
    mpi_patient_fields(r->arena, root, &fields);
    mpi_person_make(&fields, &person);
    TRY(mpi_set_add(r->set, &person, &id));
    Str by = mpi_patient_link(r->arena, root, STR(MPI_REPLACED_BY), 0);
    r->by[id] = by.len > 0 ? hash64(by) : 0;
    r->at[id] = (uint32_t)r->ids.len;
    buf_put_str(&r->ids, v->id);
    buf_put_char(&r->ids, '\0');
    return buf_ok(&r->ids);
}

static ErrCode take_case(Run *r, const JsonNode *root) {
    const JsonNode *identifier = json_path(root, "identifier");
    identifier = json_is(identifier, JSON_ARRAY) ? json_first(identifier) : identifier;
    if (!json_str_is(json_get_lit(identifier, "system"), STR(MPI_CASE_SYSTEM))) {
        return ERR_OK;
    }
    Known *list = room_for(r->known, r->n_known, &r->known_room, sizeof *list);
    if (list == NULL) {
        return ERR_NOMEM;
    }
    r->known = list;
    Str rest = json_str(r->arena, json_get_lit(identifier, "value"));
    Str a = STR_EMPTY;
    (void)str_cut(&rest, '|', &a);
    const JsonNode *status = json_get_lit(root, "status");
    r->known[r->n_known++] =
        (Known){hash64(a), hash64(rest),
                json_str_is(status, STR("rejected")) || json_str_is(status, STR("cancelled"))};
    return ERR_OK;
}

static bool want(void *ctx, const StoreVersion *v) {
    (void)ctx;
    return v->type == FHIR_T_PATIENT || v->type == FHIR_T_TASK;
}

static ErrCode take(void *ctx, const StoreVersion *v) {
    Run *r = ctx;
    const JsonNode *root = NULL;
    if (r->o->stop != NULL && stop_asked(r->o->stop)) {
        return ERR_STOPPED;
    }
    arena_reset(r->arena);
    TRY(json_parse(r->arena, v->json, &root, NULL));
    return v->type == FHIR_T_PATIENT ? take_patient(r, v, root) : take_case(r, root);
}

static int by_hash(const void *a, const void *b) {
    uint64_t x = ((const Named *)a)->hash;
    uint64_t y = ((const Named *)b)->hash;
    return (x > y) - (x < y);
}

static Str id_of(const Run *r, uint32_t id) {
    return str_from(r->ids.ptr + r->at[id]);
}

static bool find_named(const Run *r, uint64_t hash, uint32_t *ret_id) {
    Named key = {.hash = hash};
    const Named *found = bsearch(&key, r->named, mpi_set_count(r->set), sizeof *r->named, by_hash);
    if (found == NULL) {
        return false;
    }
    *ret_id = found->id;
    return true;
}

static uint32_t root_of(const Run *r, uint32_t id) {
    for (int i = 0; i < MERGES_DEEP && r->roots[id] != id; i++) {
        id = r->roots[id];
    }
    return id;
}

/* Who stands for whom, and which pairs people parted. */
static ErrCode resolve(Run *r) {
    size_t n = mpi_set_count(r->set);
    r->named = malloc((n + 1) * sizeof *r->named);
    r->roots = malloc((n + 1) * sizeof *r->roots);
    if (r->named == NULL || r->roots == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t id = 0; id < n; id++) {
        r->named[id] = (Named){hash64(id_of(r, id)), id};
        r->roots[id] = id;
    }
    qsort(r->named, n, sizeof *r->named, by_hash);
    for (uint32_t id = 0; id < n; id++) {
        uint32_t by;
        if (r->by[id] != 0 && find_named(r, r->by[id], &by)) {
            r->roots[id] = by;
        }
    }
    for (size_t i = 0; i < r->n_known; i++) {
        uint32_t a;
        uint32_t b;
        const Known *k = &r->known[i];
        if (k->apart && find_named(r, k->a, &a) && find_named(r, k->b, &b)) {
            TRY(mpi_set_part(r->set, a, b));
            TRY(mpi_set_part(r->set, root_of(r, a), root_of(r, b)));
        }
    }
    return ERR_OK;
}

/* ---- deciding ---- */

static ErrCode take_pair(void *ctx, const MpiPair *pair) {
    Run *r = ctx;
    MpiPair *list = room_for(r->pairs, r->n_pairs, &r->pairs_room, sizeof *list);
    if (list == NULL) {
        return ERR_NOMEM;
    }
    r->pairs = list;
    r->pairs[r->n_pairs++] = *pair;
    return r->o->stop != NULL && stop_asked(r->o->stop) ? ERR_STOPPED : ERR_OK;
}

static ErrCode find_pairs(Run *r) {
    uint32_t n = (uint32_t)mpi_set_count(r->set);
    if (n >= LEARN_FROM) {
        TRY(mpi_set_learn(r->set, LEARN_PERSONS));
    }
    TRY(mpi_set_pairs(r->set, (MpiRange){0, n}, take_pair, r, &r->report.compared));
    CLEANUP_FREE uint32_t *groups = malloc(((size_t)n + 1) * sizeof *groups);
    return groups == NULL ? ERR_NOMEM : mpi_set_group(r->set, r->pairs, r->n_pairs, groups);
}

/* A CCCD stays; else who was known first. */
static bool stays(const Run *r, uint32_t a, uint32_t b) {
    bool x = mpi_set_person(r->set, a)->cccd != 0;
    bool y = mpi_set_person(r->set, b)->cccd != 0;
    return x != y ? x : a < b;
}

static ErrCode decide(Run *r, const MpiPair *p, uint32_t a, uint32_t b) {
    char why[64];
    uint32_t keep = stays(r, a, b) ? a : b;
    uint32_t other = keep == a ? b : a;
    bool merges = p->verdict.decision == MPI_LINK;
    (void)snprintf(why, sizeof why, "%s, %.1f bit", mpi_rule_name(p->verdict.rule),
                   p->verdict.score);
    MpiAct act = {.keep = id_of(r, keep),
                  .other = id_of(r, other),
                  .who = r->o->who.len > 0 ? r->o->who : STR("nhip mpi"),
                  .why = str_from(why),
                  .model = mpi_set_model(r->set),
                  .verdict = &p->verdict,
                  .now = clock_now_ms(r->o->clock)};
    ErrCode err = r->o->dry ? ERR_OK
                  : merges  ? mpi_merge(r->o->store, &act, r->info)
                            : mpi_propose(r->o->store, &act, r->info);
    if (err == ERR_OK) {
        r->report.merged += merges;
        r->report.proposed += !merges;
        r->roots[other] = merges ? keep : r->roots[other];
        return ERR_OK;
    }
    r->report.known += err == ERR_EXISTS;
    bool passes =
        err == ERR_PRECONDITION || err == ERR_CONFLICT || err == ERR_GONE || err == ERR_NOT_FOUND;
    r->report.refused += passes;
    return passes || err == ERR_EXISTS ? ERR_OK : err;
}

/* Merges first, so that what is proposed names those who stay. */
static ErrCode decide_all(Run *r) {
    size_t done = 0;
    for (int pass = 0; pass < 2; pass++) {
        MpiDecision decision = pass == 0 ? MPI_LINK : MPI_REVIEW;
        for (size_t i = 0; i < r->n_pairs; i++) {
            const MpiPair *p = &r->pairs[i];
            if (p->verdict.decision != decision) {
                continue;
            }
            uint32_t a = root_of(r, p->a);
            uint32_t b = root_of(r, p->b);
            bool apart = mpi_set_parted(r->set, a, b) || mpi_set_parted(r->set, p->a, p->b);
            if (a != b && !apart) {
                TRY(decide(r, p, a, b));
            }
            if (r->o->stop != NULL && stop_asked(r->o->stop)) {
                return ERR_STOPPED;
            }
            if (r->o->progress != NULL) {
                r->o->progress(r->o->progress_ctx, ++done, r->n_pairs);
            }
        }
    }
    return ERR_OK;
}

static ErrCode run_all(Run *r) {
    RecordNo snapshot = store_snapshot(r->o->store);
    StoreScan scan = {
        .first = 1, .last = snapshot, .snapshot = snapshot, .want = want, .each = take, .ctx = r};
    if (r->set == NULL || r->arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(store_scan(r->o->store, &scan));
    r->report.patients = mpi_set_count(r->set);
    TRY(resolve(r));
    TRY(find_pairs(r));
    return decide_all(r);
}

ErrCode mpi_run(const MpiRunOptions *options, MpiRunReport *ret_report, ErrInfo *info) {
    Run r = {.o = options,
             .set = mpi_set_new(),
             .arena = arena_new(4 * LIMIT_RESOURCE_BYTES),
             .info = info};
    buf_init(&r.ids, IDS_MAX);
    ErrCode err = run_all(&r);
    *ret_report = r.report;
    mpi_set_free(r.set);
    arena_free(r.arena);
    buf_release(&r.ids);
    free(r.at);
    free(r.by);
    free(r.roots);
    free(r.named);
    free(r.known);
    free(r.pairs);
    return err;
}
