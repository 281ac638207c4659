#include "mpi/mpi_follow.h"

#include "core/log.h"
#include "interop/claim_map.h"
#include "mpi/mpi_birth_int.h"
#include "store/store_scan.h"
#include "store/store_table.h"

#define TABLE STR("newborns")

enum {
    BATCH_RECORDS = 256,
    BEHIND_MAX = 65536, /* records: a run over all certificates is less work then */
    NOTE_EVERY = 4096,  /* records without a certificate: so much is read again after a stop */
    INFANT_DAYS = 366,  /* as in docs/ig/identity.md */
    WAIT_MS = 200,
    FAILED_MS = 2000, /* before another try: the disk may be full */
};

/* Which certificates are to be decided anew. */
typedef enum AskKind {
    ASK_CERTIFICATE, /* this RelatedPerson */
    ASK_MOTHER,      /* those of this Patient */
    ASK_CARD,        /* those that name this card */
    ASK_CARD_HOLDER, /* those of Patients with this card */
    ASK_CCCD_HOLDER, /* those of Patients with this CCCD */
    ASK_LINK,        /* the one for which this RelatedPerson, the mother, was made */
} AskKind;

typedef struct Ask {
    AskKind kind;
    Str value;
} Ask;

struct MpiFollow {
    Store *store;
    Tables *tables;
    uint64_t table;
    Thread thread;
    StopFlag stop;
    Mutex lock;
    Cond moved;
    RecordNo position; /* by lock */
    RecordNo noted;    /* in mpi.db */
    RecordNo from;     /* the batch begins behind this record */
    Arena *arena;      /* of one resource */
    Arena *keep;       /* of the batch */
    Ask *asks;
    size_t n_asks, room_asks;
    Str *births;
    size_t n_births, room_births;
};

/* ---- what a version asks for ---- */

static ErrCode ask(MpiFollow *f, AskKind kind, Str value) {
    if (f->n_asks == f->room_asks) {
        Ask *grown = arena_grow(f->keep, f->asks, &f->room_asks, sizeof *grown);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        f->asks = grown;
    }
    f->asks[f->n_asks++] = (Ask){kind, arena_str(f->keep, value)};
    return arena_failed(f->keep) ? ERR_NOMEM : ERR_OK;
}

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

static Str id_in(Arena *arena, const JsonNode *reference, Str head) {
    Str text = json_str(arena, json_get_lit(reference, "reference"));
    return str_starts(text, head) ? str_sub(text, head.len, text.len) : STR_EMPTY;
}

static ErrCode ask_related(MpiFollow *f, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "identifier");
    Str mother = id_in(f->arena, json_get_lit(root, "patient"), STR("Patient/"));
    TRY(mother.len > 0 ? ask(f, ASK_MOTHER, mother) : ERR_OK);
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        Str value = json_str(f->arena, json_get_lit(i, "value"));
        bool card = json_str_is(json_get_lit(i, "system"), STR(CLAIM_SYSTEM_CARD));
        TRY(card && birth_card_is_temporary(value) ? ask(f, ASK_CARD, value) : ERR_OK);
    }
    return ERR_OK;
}

/* Born in the year before the visit that its facts are from. */
static bool is_infant(Arena *arena, const JsonNode *patient) {
    TimeMs born[2];
    TimeMs seen[2];
    Str birth = json_str(arena, json_get_lit(patient, "birthDate"));
    return time_parse_fhir(birth, &born[0], &born[1]) == ERR_OK &&
           time_parse_fhir(claim_map_as_of(arena, patient), &seen[0], &seen[1]) == ERR_OK &&
           seen[0] < born[1] + INFANT_DAYS * TIME_DAY_MS;
}

static ErrCode ask_numbers(MpiFollow *f, const JsonNode *patient) {
    const JsonNode *list = json_get_lit(patient, "identifier");
    bool infant = is_infant(f->arena, patient);
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        Str system = json_str(f->arena, json_get_lit(i, "system"));
        Str value = json_str(f->arena, json_get_lit(i, "value"));
        bool card = str_eq(system, STR(CLAIM_SYSTEM_CARD)) && claim_identifies(system, value);
        if (card && birth_card_is_temporary(value)) {
            TRY(ask(f, ASK_CARD, value));
        } else if (card && infant) {
            TRY(ask(f, ASK_CARD_HOLDER, value));
        } else if (str_eq(system, STR(CLAIM_SYSTEM_RELATIVE))) {
            TRY(ask(f, ASK_CCCD_HOLDER, value));
        }
    }
    return ERR_OK;
}

static ErrCode ask_patient(MpiFollow *f, const StoreVersion *v, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "link");
    Str ours = STR(BIRTH_MOTHER_ID);
    TRY(ask_numbers(f, root));
    for (const JsonNode *l = first_of(list); l != NULL; l = json_next(list, l)) {
        Str id = id_in(f->arena, json_get_lit(l, "other"), STR("RelatedPerson/"));
        TRY(id.len == 0 ? ERR_OK : ask(f, str_starts(id, ours) ? ASK_LINK : ASK_CERTIFICATE, id));
    }
    bool woman = json_str_is(json_get_lit(root, "gender"), STR("female"));
    return woman && v->version > 1 ? ask(f, ASK_MOTHER, v->id) : ERR_OK;
}

static ErrCode ask_version(MpiFollow *f, const StoreVersion *v) {
    const JsonNode *root = NULL;
    TRY(json_parse(f->arena, v->json, &root, NULL));
    return v->type == FHIR_T_PATIENT ? ask_patient(f, v, root) : ask_related(f, root);
}

/* What it said before the batch, and in it. */
static ErrCode ask_before(MpiFollow *f, const StoreVersion *v) {
    StoreVersion before = {.slot = v->slot};
    for (uint32_t version = v->version; version > 1 && SLOT_RECORD(before.slot) > f->from;) {
        ErrCode err = store_get_version(f->store, f->arena, v->type, v->id, --version, &before);
        if (err == ERR_NOT_FOUND) {
            return ERR_OK;
        }
        TRY(err == ERR_GONE ? ERR_OK : err);
        TRY(err == ERR_GONE ? ERR_OK : ask_version(f, &before));
    }
    return ERR_OK;
}

static bool want(void *ctx, const StoreVersion *v) {
    (void)ctx;
    return v->type == FHIR_T_PATIENT || v->type == FHIR_T_RELATED_PERSON;
}

static ErrCode take(void *ctx, const StoreVersion *v) {
    MpiFollow *f = ctx;
    bool related = v->type == FHIR_T_RELATED_PERSON;
    arena_reset(f->arena);
    if (!want(NULL, v) || (related && str_starts(v->id, STR(BIRTH_MOTHER_ID)))) {
        return ERR_OK;
    }
    TRY(related ? ask(f, ASK_CERTIFICATE, v->id) : ERR_OK);
    TRY(v->deleted ? ERR_OK : ask_version(f, v));
    return related || v->deleted ? ask_before(f, v) : ERR_OK;
}

/* ---- certificates ---- */

static ErrCode add_birth(MpiFollow *f, Str id) {
    for (size_t i = 0; i < f->n_births; i++) {
        if (str_eq(f->births[i], id)) {
            return ERR_OK;
        }
    }
    if (f->n_births == f->room_births) {
        Str *grown = arena_grow(f->keep, f->births, &f->room_births, sizeof *grown);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        f->births = grown;
    }
    f->births[f->n_births++] = arena_str(f->keep, id);
    return arena_failed(f->keep) ? ERR_NOMEM : ERR_OK;
}

static ErrCode add_found(void *ctx, const StoreVersion *v) {
    return add_birth(ctx, v->id);
}

static ErrCode add_of_mother(MpiFollow *f, Str patient) {
    FhirQueryScope scope = {.type = FHIR_T_RELATED_PERSON};
    Str text = arena_printf(f->arena, BIRTH_CHILD_OF "&patient=Patient/" STR_FMT, STR_ARG(patient));
    return store_scan_found(
        f->store,
        &(StoreFound){
            .scope = &scope, .text = text, .stop = &f->stop, .each = add_found, .ctx = f});
}

/* The certificate for which the mother was made a RelatedPerson of her child. */
static ErrCode add_linked(MpiFollow *f, Str id) {
    StoreVersion v;
    const JsonNode *root = NULL;
    ErrCode err = store_get(f->store, f->arena, FHIR_T_RELATED_PERSON, id, &v);
    if (err != ERR_OK) {
        return err == ERR_GONE || err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    TRY(json_parse(f->arena, v.json, &root, NULL));
    const JsonNode *identifier = first_of(json_get_lit(root, "identifier"));
    bool ours = json_str_is(json_get_lit(identifier, "system"), STR(MPI_BIRTH_SYSTEM));
    return ours ? add_birth(f, json_str(f->arena, json_get_lit(identifier, "value"))) : ERR_OK;
}

/* Whoever has the number: the certificates themselves, or the Patients of whom they are. */
static ErrCode add_holders(MpiFollow *f, const Ask *a) {
    StoreVersion *found = NULL;
    size_t n = 0;
    bool certificates = a->kind == ASK_CARD;
    bool cccd = a->kind == ASK_CCCD_HOLDER;
    StoreExpect token = {.type = certificates ? FHIR_T_RELATED_PERSON : FHIR_T_PATIENT,
                         .param = FHIR_P_IDENTIFIER,
                         .system = cccd ? STR(CLAIM_SYSTEM_CCCD) : STR(CLAIM_SYSTEM_CARD),
                         .value = a->value};
    TRY(store_find(f->store, f->arena, &token, BIRTH_CHILDREN_MAX, &found, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(certificates ? add_birth(f, found[i].id) : add_of_mother(f, found[i].id));
    }
    return ERR_OK;
}

static ErrCode add_asked(MpiFollow *f, const Ask *a) {
    arena_reset(f->arena);
    switch (a->kind) {
    case ASK_CERTIFICATE:
        return add_birth(f, a->value);
    case ASK_MOTHER:
        return add_of_mother(f, a->value);
    case ASK_LINK:
        return add_linked(f, a->value);
    case ASK_CARD:
    case ASK_CARD_HOLDER:
    case ASK_CCCD_HOLDER:
        break;
    }
    return add_holders(f, a);
}

/* ---- batches ---- */

static MpiRunOptions run_of(MpiFollow *f) {
    return (MpiRunOptions){.store = f->store, .clock = clock_real(), .stop = &f->stop};
}

/* One that cannot be decided does not hold the others up; a full disk holds all. */
static ErrCode decide_one(MpiFollow *f, Str id) {
    MpiBirthReport report;
    MpiRunOptions o = run_of(f);
    ErrCode err = mpi_birth_one(&o, id, &report, NULL);
    if (err == ERR_OK || err == ERR_IO || err == ERR_FULL || err == ERR_NOMEM) {
        return err;
    }
    log_error("mpi_newborn", "id", id, "err", err_name(err));
    return ERR_OK;
}

static ErrCode follow(MpiFollow *f, RecordNo from, RecordNo to) {
    arena_reset(f->keep);
    f->n_asks = f->room_asks = f->n_births = f->room_births = 0;
    f->asks = NULL;
    f->births = NULL;
    f->from = from;
    TRY(store_scan(f->store, &(StoreScan){.first = from + 1,
                                          .last = to,
                                          .snapshot = to,
                                          .deletes = true,
                                          .want = want,
                                          .each = take,
                                          .ctx = f}));
    for (size_t i = 0; i < f->n_asks; i++) {
        TRY(add_asked(f, &f->asks[i]));
    }
    for (size_t i = 0; i < f->n_births; i++) {
        TRY(stop_asked(&f->stop) ? ERR_STOPPED : decide_one(f, f->births[i]));
    }
    return ERR_OK;
}

static ErrCode run_over_all(MpiFollow *f) {
    MpiBirthReport report;
    MpiRunOptions o = run_of(f);
    return mpi_births(&o, &report, NULL);
}

/* Durably, where it saves work. */
static ErrCode note(MpiFollow *f, RecordNo position, bool much) {
    if (!much && position - f->noted < NOTE_EVERY) {
        return ERR_OK;
    }
    ErrCode err = tables_begin(f->tables);
    TableMove move = {.id = f->table, .position = position};
    err = err == ERR_OK ? tables_move(f->tables, &move) : err;
    TRY(tables_end(f->tables, err));
    f->noted = position;
    return ERR_OK;
}

static void tell(MpiFollow *f, RecordNo position) {
    MUTEX_GUARD(&f->lock);
    f->position = position;
    cond_broadcast(&f->moved);
}

static ErrCode turn(MpiFollow *f) {
    RecordNo snapshot = store_snapshot(f->store);
    RecordNo position = f->position;
    if (position == snapshot) {
        (void)store_wait(f->store, snapshot, WAIT_MS);
        return ERR_OK;
    }
    bool all = position == 0 || snapshot - position > BEHIND_MAX;
    RecordNo to = all ? snapshot : MIN(snapshot, position + BATCH_RECORDS);
    TRY(all ? run_over_all(f) : follow(f, position, to));
    TRY(note(f, to, all));
    tell(f, to);
    return ERR_OK;
}

static void follow_main(void *arg) {
    MpiFollow *f = arg;
    thread_step_back(15);
    while (!stop_asked(&f->stop)) {
        ErrCode err = turn(f);
        if (err == ERR_OK || err == ERR_STOPPED) {
            continue;
        }
        log_error("mpi_follow", "err", err_name(err));
        for (int waited = 0; waited < FAILED_MS && !stop_asked(&f->stop); waited += 50) {
            clock_sleep_ms(clock_real(), 50);
        }
    }
}

/* ---- open, close ---- */

static ErrCode open_table(MpiFollow *f, ErrInfo *info) {
    TableRow row;
    TRY(tables_open(&(TablesOpen){.store = f->store, .file = "mpi.db"}, &f->tables, info));
    TRY(tables_put(f->tables, TABLE, STR("1")));
    TRY(tables_read_begin(f->tables));
    ErrCode err = tables_find(f->tables, TABLE_AS_READ, f->arena, TABLE, &row);
    tables_read_end(f->tables);
    TRY(err);
    f->table = row.id;
    f->position = f->noted = row.position;
    return ERR_OK;
}

ErrCode mpi_follow_start(Store *store, MpiFollow **ret_follow, ErrInfo *info) {
    MpiFollow *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->store = store;
    mutex_init(&f->lock);
    cond_init(&f->moved);
    f->arena = arena_new(BIRTH_BYTES);
    f->keep = arena_new(BIRTH_BYTES);
    ErrCode err = f->arena == NULL || f->keep == NULL ? ERR_NOMEM : open_table(f, info);
    err = err == ERR_OK ? thread_start(&f->thread, "nhip-mpi", follow_main, f) : err;
    if (err != ERR_OK) {
        mpi_follow_stop(f);
        return err;
    }
    *ret_follow = f;
    return ERR_OK;
}

void mpi_follow_stop(MpiFollow *f) {
    if (f == NULL) {
        return;
    }
    stop_ask(&f->stop);
    thread_join(&f->thread);
    tables_close(f->tables);
    arena_free(f->arena);
    arena_free(f->keep);
    mutex_release(&f->lock);
    cond_release(&f->moved);
    free(f);
}

bool mpi_follow_wait(MpiFollow *f, RecordNo record, int64_t timeout_ms) {
    int64_t until = clock_monotonic_ns(clock_real()) + timeout_ms * 1000000;
    MUTEX_GUARD(&f->lock);
    while (f->position < record) {
        int64_t left = (until - clock_monotonic_ns(clock_real())) / 1000000;
        if (left <= 0) {
            return false;
        }
        (void)cond_wait_ms(&f->moved, &f->lock, left);
    }
    return true;
}
