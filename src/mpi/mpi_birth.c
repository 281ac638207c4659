#include "mpi/mpi_birth.h"

#include "core/limits.h"
#include "fhir/fhir_query.h"
#include "interop/claim_identity.h"
#include "mpi/mpi_birth_int.h"
#include "mpi/mpi_case.h"
#include "store/store_scan.h"

#define CASES_OPEN "status=requested,completed&code=" MPI_CODE_SYSTEM "|" MPI_BIRTH_CODE
#define LIST_BYTES ((size_t)1 << 30)

enum { MERGES_DEEP = 64 };

/* ---- certificates ---- */

bool birth_card_is_temporary(Str card) {
    return card.len == 15 && str_starts(card, STR("TE1")) &&
           claim_identifies(STR(CLAIM_SYSTEM_CARD), str_sub(card, 5, card.len));
}

static const JsonNode *first_of(const JsonNode *list) {
    return json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
}

/* The first card of the list of identifiers. */
static Str card_of(Arena *arena, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "identifier");
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), STR(CLAIM_SYSTEM_CARD))) {
            return json_str(arena, json_get_lit(i, "value"));
        }
    }
    return STR_EMPTY;
}

/* "xml9/1/con" of meta.source. */
static Str role_of(Arena *arena, const JsonNode *root) {
    Str source = json_str(arena, json_path(root, "meta.source"));
    size_t hash = str_find_char(source, '#', 0);
    return hash == SIZE_MAX ? STR_EMPTY : str_sub(source, hash + 1, source.len);
}

/* False: no child with a temporary card of its own. */
static bool read_birth(Arena *arena, const StoreVersion *v, Birth *ret) {
    const JsonNode *root = NULL;
    Str head = STR("Patient/");
    Str tail = STR("/con");
    if (json_parse(arena, v->json, &root, NULL) != ERR_OK) {
        return false;
    }
    Str mother = json_str(arena, json_path(root, "patient.reference"));
    Str role = role_of(arena, root);
    *ret = (Birth){.id = v->id,
                   .card = card_of(arena, root),
                   .day = json_str(arena, json_get_lit(root, "birthDate")),
                   .sex = json_str(arena, json_get_lit(root, "gender")),
                   .first = v->first,
                   .slot = v->slot};
    ret->base = str_ends(role, tail) ? str_sub(role, 0, role.len - tail.len) : STR_EMPTY;
    ret->mother = str_starts(mother, head) ? str_sub(mother, head.len, mother.len) : STR_EMPTY;
    return birth_card_is_temporary(ret->card) && ret->mother.len > 0 &&
           json_str_is(json_path(root, "relationship.coding.code"), STR("CHILD"));
}

/* Has another certificate the card? */
static ErrCode is_shared(Store *store, Arena *arena, const Birth *birth, bool *ret) {
    StoreExpect token = {.type = FHIR_T_RELATED_PERSON,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(CLAIM_SYSTEM_CARD),
                         .value = birth->card};
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(store_find(store, arena, &token, BIRTH_CHILDREN_MAX, &found, &n));
    for (size_t i = 0; i < n; i++) {
        Birth other;
        *ret = *ret || (found[i].first != birth->first && read_birth(arena, &found[i], &other) &&
                        str_eq(other.card, birth->card));
    }
    return ERR_OK;
}

ErrCode birth_find(Store *store, Arena *arena, Str id, Birth *ret) {
    StoreVersion v;
    Birth birth;
    ErrCode err = store_get(store, arena, FHIR_T_RELATED_PERSON, id, &v);
    if (err == ERR_GONE || (err == ERR_OK && !read_birth(arena, &v, &birth))) {
        return ERR_NOT_FOUND;
    }
    TRY(err);
    TRY(is_shared(store, arena, &birth, &birth.shared));
    *ret = birth;
    return ERR_OK;
}

static ErrCode keep_birth(void *ctx, const StoreVersion *v) {
    Births *b = ctx;
    Birth birth;
    arena_reset(b->scratch);
    if (!read_birth(b->scratch, v, &birth)) {
        return ERR_OK;
    }
    if (b->n == b->room) {
        Birth *grown = arena_grow(b->keep, b->list, &b->room, sizeof *grown);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        b->list = grown;
    }
    Str *texts[] = {&birth.id, &birth.card, &birth.day, &birth.sex, &birth.mother, &birth.base};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_str(b->keep, *texts[i]);
    }
    b->list[b->n++] = birth;
    return arena_failed(b->keep) ? ERR_NOMEM : ERR_OK;
}

static ErrCode each_found(Births *b, FhirType type, Str text, StoreEach each) {
    FhirQueryScope scope = {.type = type, .info = b->info};
    return store_scan_found(
        b->o->store,
        &(StoreFound){.scope = &scope, .text = text, .stop = b->o->stop, .each = each, .ctx = b});
}

static int by_card(const void *a, const void *b) {
    const Birth *x = a;
    const Birth *y = b;
    int cmp = str_cmp(x->card, y->card);
    return cmp != 0 ? cmp : (x->first > y->first) - (x->first < y->first);
}

static void mark_shared(Births *b) {
    if (b->n > 0) {
        qsort(b->list, b->n, sizeof *b->list, by_card);
    }
    for (size_t i = 1; i < b->n; i++) {
        if (str_eq(b->list[i].card, b->list[i - 1].card)) {
            b->list[i].shared = b->list[i - 1].shared = true;
        }
    }
}

/* ---- who it may be ---- */

/* The Patient that stays of those that are merged with this one. */
static ErrCode person_of(const BirthCase *c, Str id, Str *ret_id) {
    StoreVersion v;
    const JsonNode *root = NULL;
    *ret_id = id;
    for (int i = 0; i < MERGES_DEEP; i++) {
        ErrCode err = store_get(c->store, c->arena, FHIR_T_PATIENT, *ret_id, &v);
        if (err != ERR_OK) {
            return err == ERR_GONE || err == ERR_NOT_FOUND ? ERR_OK : err;
        }
        TRY(json_parse(c->arena, v.json, &root, NULL));
        Str by = mpi_patient_link(c->arena, root, STR(MPI_REPLACED_BY), 0);
        if (by.len == 0) {
            break;
        }
        *ret_id = by;
    }
    return ERR_OK;
}

static bool agrees(const BirthCase *c, const JsonNode *patient) {
    const Birth *b = c->birth;
    bool known = b->day.len == 10 && (str_eq(b->sex, STR("male")) || str_eq(b->sex, STR("female")));
    return known && json_str_is(json_get_lit(patient, "birthDate"), b->day) &&
           json_str_is(json_get_lit(patient, "gender"), b->sex);
}

typedef struct Candidates {
    Str persons[BIRTH_CHILDREN_MAX];
    Str mother; /* as a person */
    bool only_agreeing;
} Candidates;

static void note_person(Candidates *k, BirthVerdict *v, Str person) {
    for (size_t i = 0; i < v->persons; i++) {
        if (str_eq(k->persons[i], person)) {
            return;
        }
    }
    k->persons[v->persons++] = person;
}

/* Those who agree stand first; of them first who stays when Patients are merged. */
static void note_child(BirthVerdict *v, Str id, bool agree, bool stays) {
    size_t at = !agree ? v->n : stays ? 0 : v->n_agree;
    memmove(&v->children[at + 1], &v->children[at], (v->n - at) * sizeof v->children[0]);
    v->children[at] = id;
    v->n++;
    v->n_agree += agree;
}

static bool is_noted(const BirthVerdict *v, Str id) {
    bool noted = false;
    for (size_t i = 0; i < v->n; i++) {
        noted = noted || str_eq(v->children[i], id);
    }
    return noted;
}

static ErrCode find_by(BirthCase *c, Candidates *k, const StoreExpect *token, BirthVerdict *v) {
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(store_find(c->store, c->arena, token, BIRTH_CHILDREN_MAX, &found, &n));
    for (size_t i = 0; i < n && v->n < BIRTH_CHILDREN_MAX; i++) {
        const JsonNode *root = NULL;
        Str person;
        TRY(json_parse(c->arena, found[i].json, &root, NULL));
        TRY(person_of(c, found[i].id, &person));
        bool agree = agrees(c, root);
        if (!str_eq(person, k->mother) && (agree || !k->only_agreeing) &&
            !is_noted(v, found[i].id)) {
            note_person(k, v, person);
            note_child(v, found[i].id, agree, str_eq(person, found[i].id));
        }
    }
    return ERR_OK;
}

/* Does the certificate name somebody else as who cares for the child? */
static ErrCode has_carer(BirthCase *c, bool *ret) {
    FhirQuery query;
    StorePage page = {.next = 0};
    FhirQueryScope scope = {.type = FHIR_T_RELATED_PERSON, .info = c->info};
    Str text = arena_printf(c->arena, "patient=Patient/" STR_FMT, STR_ARG(c->birth->mother));
    Str role = arena_printf(c->arena, STR_FMT "/nguoi-nuoi-duong", STR_ARG(c->birth->base));
    TRY(fhir_query_parse(c->arena, &scope, text, &query));
    StoreSearch search = {.query = &query, .count = LIMIT_PAGE_COUNT};
    TRY(store_search(c->store, c->arena, &search, &page, c->info));
    *ret = page.next != 0; /* more than anybody has */
    for (size_t i = 0; i < page.n_matches && !*ret; i++) {
        const JsonNode *root = NULL;
        TRY(json_parse(c->arena, page.matches[i].json, &root, NULL));
        *ret = c->birth->base.len > 0 && str_eq(role_of(c->arena, root), role);
    }
    return ERR_OK;
}

static ErrCode can_be_mother(BirthCase *c, const JsonNode *mother, bool *ret) {
    Str birth = json_str(c->arena, json_get_lit(mother, "birthDate"));
    bool carer = false;
    *ret = json_str_is(json_get_lit(mother, "gender"), STR("female")) && birth.len > 0 &&
           str_cmp(birth, c->birth->day) < 0;
    TRY(*ret ? has_carer(c, &carer) : ERR_OK);
    *ret = *ret && !carer;
    return ERR_OK;
}

static StoreExpect token_of(const char *system, Str value) {
    return (StoreExpect){.type = FHIR_T_PATIENT,
                         .param = FHIR_P_IDENTIFIER,
                         .system = str_from(system),
                         .value = value};
}

/* Nobody has the card: whoever was seen under the mother's, or her CCCD, is shown to people. */
static ErrCode find_by_mother(BirthCase *c, Candidates *k, const JsonNode *mother,
                              BirthVerdict *v) {
    const JsonNode *list = json_get_lit(mother, "identifier");
    k->only_agreeing = true;
    v->by_mother = true;
    for (const JsonNode *i = first_of(list); i != NULL; i = json_next(list, i)) {
        Str system = json_str(c->arena, json_get_lit(i, "system"));
        Str value = json_str(c->arena, json_get_lit(i, "value"));
        bool card = str_eq(system, STR(CLAIM_SYSTEM_CARD));
        bool cccd = str_eq(system, STR(CLAIM_SYSTEM_CCCD));
        if ((card || cccd) && claim_identifies(system, value)) {
            StoreExpect token = token_of(cccd ? CLAIM_SYSTEM_RELATIVE : CLAIM_SYSTEM_CARD, value);
            TRY(find_by(c, k, &token, v));
        }
    }
    return ERR_OK;
}

ErrCode birth_decide(BirthCase *c, BirthVerdict *ret) {
    StoreVersion her;
    const JsonNode *mother = NULL;
    Candidates k = {.only_agreeing = false};
    BirthVerdict v = {.decision = BIRTH_WAITS};
    ErrCode err = store_get(c->store, c->arena, FHIR_T_PATIENT, c->birth->mother, &her);
    *ret = v;
    if (err != ERR_OK) {
        return err == ERR_GONE || err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    TRY(json_parse(c->arena, her.json, &mother, NULL));
    TRY(person_of(c, her.id, &k.mother));
    StoreExpect own = token_of(CLAIM_SYSTEM_CARD, c->birth->card);
    TRY(find_by(c, &k, &own, &v));
    TRY(v.n == 0 ? find_by_mother(c, &k, mother, &v) : ERR_OK);
    if (v.n > 0) {
        TRY(can_be_mother(c, mother, &v.mother));
        bool certain = v.persons == 1 && v.n_agree > 0 && v.mother && !v.by_mother;
        v.decision = certain && !c->birth->shared ? BIRTH_LINK : BIRTH_REVIEW;
    }
    *ret = v;
    return ERR_OK;
}

/* ---- what is done ---- */

static bool is_linked(const BirthCase *c) {
    return str_eq(c->status, STR("completed"));
}

/* Has a person said since the link was made that the child and somebody else who has the card are
 * two: a merge undone, or none to be made? */
static ErrCode parted_since(const BirthCase *c, const BirthVerdict *v, bool *ret) {
    for (size_t i = 0; i < v->n && v->persons > 1 && !*ret; i++) {
        StoreVersion pair;
        TRY(mpi_case_find(c->store, c->arena, c->child, v->children[i], &pair));
        *ret = pair.slot > c->task.slot && (mpi_case_is(c->arena, &pair, "cancelled") ||
                                            mpi_case_is(c->arena, &pair, "rejected"));
    }
    return ERR_OK;
}

/* A link stands as long as its child is among those who agree; one that a person made as long as
 * the child is among those whom it may be. */
static ErrCode still_holds(const BirthCase *c, const BirthVerdict *v, bool *ret) {
    bool parted = false;
    bool agree = false;
    size_t n = c->by_person ? v->n : v->n_agree;
    for (size_t i = 0; i < n; i++) {
        agree = agree || str_eq(v->children[i], c->child);
    }
    bool certain = v->mother && !v->by_mother && !c->birth->shared;
    *ret = agree && (certain || c->by_person) && str_eq(c->mother, c->birth->mother);
    TRY(*ret ? parted_since(c, v, &parted) : ERR_OK);
    *ret = *ret && !parted;
    return ERR_OK;
}

static ErrCode open_case(Births *b, const BirthVerdict *v, BirthCase *c) {
    bool links = v->decision == BIRTH_LINK;
    uint64_t *count = links ? &b->report.linked : &b->report.proposed;
    c->verdict = v;
    c->by_person = false;
    c->why = links ? STR("temporary card, day of birth, sex") : STR("not certain");
    if (!links && str_eq(c->status, STR("requested"))) {
        b->report.known++;
        return ERR_OK;
    }
    TRY(b->o->dry ? ERR_OK : links ? birth_case_link(c) : birth_case_propose(c));
    ++*count;
    return ERR_OK;
}

static ErrCode close_case(Births *b, BirthCase *c) {
    bool linked = is_linked(c);
    c->why = STR("the certificate or the records say otherwise");
    TRY(b->o->dry ? ERR_OK : birth_case_part(c, "cancelled"));
    b->report.parted += linked;
    return ERR_OK;
}

static ErrCode settle(Births *b, BirthCase *c) {
    BirthVerdict v;
    bool holds = false;
    TRY(birth_case_load(c));
    TRY(birth_decide(c, &v));
    TRY(is_linked(c) ? still_holds(c, &v, &holds) : ERR_OK);
    if (str_eq(c->status, STR("rejected")) || holds) {
        b->report.known++;
        return ERR_OK;
    }
    if (is_linked(c)) {
        TRY(close_case(b, c));
        TRY(b->o->dry ? ERR_OK : birth_case_load(c));
    }
    if (v.decision == BIRTH_WAITS) {
        b->report.waiting++;
        return str_eq(c->status, STR("requested")) ? close_case(b, c) : ERR_OK;
    }
    return open_case(b, &v, c);
}

static BirthCase case_at(const Births *b, const Birth *birth) {
    return (BirthCase){.store = b->o->store,
                       .arena = b->scratch,
                       .birth = birth,
                       .who = b->o->who.len > 0 ? b->o->who : STR("nhip mpi"),
                       .now = clock_now_ms(b->o->clock),
                       .info = b->info};
}

ErrCode birth_settle(Births *b, const Birth *birth) {
    ErrCode err = ERR_CONFLICT;
    for (int k = 0; k < BIRTH_ATTEMPTS && err == ERR_CONFLICT; k++) {
        arena_reset(b->scratch);
        BirthCase c = case_at(b, birth);
        err = settle(b, &c);
    }
    b->report.refused += err == ERR_CONFLICT;
    return err == ERR_CONFLICT ? ERR_OK : err;
}

static ErrCode settle_all(Births *b) {
    for (size_t i = 0; i < b->n; i++) {
        TRY(b->o->stop != NULL && stop_asked(b->o->stop) ? ERR_STOPPED : ERR_OK);
        TRY(birth_settle(b, &b->list[i]));
        if (b->o->progress != NULL) {
            b->o->progress(b->o->progress_ctx, i + 1, b->n);
        }
    }
    return ERR_OK;
}

ErrCode birth_close_gone(Births *b, Str id) {
    Birth birth = {.id = id};
    BirthCase c = case_at(b, &birth);
    TRY(birth_case_load(&c));
    bool open = is_linked(&c) || str_eq(c.status, STR("requested"));
    ErrCode err = open ? close_case(b, &c) : ERR_OK;
    b->report.refused += err == ERR_CONFLICT;
    return err == ERR_CONFLICT ? ERR_OK : err;
}

/* Cases whose certificate is gone, or names no temporary card any more. */
static ErrCode close_orphan(void *ctx, const StoreVersion *task) {
    Births *b = ctx;
    const JsonNode *root = NULL;
    Birth birth;
    arena_reset(b->scratch);
    TRY(json_parse(b->scratch, task->json, &root, NULL));
    const JsonNode *identifier = first_of(json_get_lit(root, "identifier"));
    Str id = json_str(b->scratch, json_get_lit(identifier, "value"));
    ErrCode err = birth_find(b->o->store, b->scratch, id, &birth);
    return err == ERR_NOT_FOUND ? birth_close_gone(b, id) : err;
}

static ErrCode run_all(Births *b) {
    if (b->keep == NULL || b->scratch == NULL) {
        return ERR_NOMEM;
    }
    TRY(each_found(b, FHIR_T_RELATED_PERSON, STR(BIRTH_CHILD_OF), keep_birth));
    mark_shared(b);
    b->report.births = b->n;
    TRY(settle_all(b));
    return each_found(b, FHIR_T_TASK, STR(CASES_OPEN), close_orphan);
}

ErrCode mpi_births(const MpiRunOptions *options, MpiBirthReport *ret_report, ErrInfo *info) {
    Births b = {.o = options,
                .keep = arena_new(LIST_BYTES),
                .scratch = arena_new(BIRTH_BYTES),
                .info = info};
    ErrCode err = run_all(&b);
    *ret_report = b.report;
    arena_free(b.keep);
    arena_free(b.scratch);
    return err;
}
