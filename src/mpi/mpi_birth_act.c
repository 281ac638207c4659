/* One certificate by itself, and what people say of it. */
#include "mpi/mpi_birth_int.h"

ErrCode mpi_birth_one(const MpiRunOptions *options, Str id, MpiBirthReport *ret_report,
                      ErrInfo *info) {
    Births b = {.o = options,
                .keep = arena_new(BIRTH_BYTES),
                .scratch = arena_new(BIRTH_BYTES),
                .info = info};
    Birth birth;
    ErrCode err = ERR_NOMEM;
    if (b.keep != NULL && b.scratch != NULL) {
        err = birth_find(options->store, b.keep, id, &birth);
        b.report.births += err == ERR_OK;
        err = err == ERR_OK          ? birth_settle(&b, &birth)
              : err == ERR_NOT_FOUND ? birth_close_gone(&b, id)
                                     : err;
    }
    *ret_report = b.report;
    arena_free(b.keep);
    arena_free(b.scratch);
    return err;
}

/* ---- side by side ---- */

static ErrCode no_case(Str id, ErrInfo *info) {
    return err_set(info, ERR_NOT_FOUND, "mpi-newborn", "there is no case of RelatedPerson/" STR_FMT,
                   "không có hồ sơ của RelatedPerson/" STR_FMT, STR_ARG(id));
}

/* What the records say now, of a certificate that is there. */
static ErrCode see_children(BirthCase *c, const Birth *birth, MpiBirthSeen *seen) {
    StoreVersion v;
    BirthVerdict verdict;
    c->birth = birth;
    TRY(birth_decide(c, &verdict));
    TRY(store_get(c->store, c->arena, FHIR_T_RELATED_PERSON, birth->id, &v));
    TRY(json_parse(c->arena, v.json, &seen->certificate, NULL));
    memcpy(seen->children, verdict.children, sizeof seen->children);
    seen->mother = birth->mother;
    seen->n = verdict.n;
    seen->n_agree = verdict.n_agree;
    seen->one_person = verdict.persons == 1;
    seen->one_certificate = !birth->shared;
    seen->by_card = !verdict.by_mother;
    seen->mother_fits = verdict.mother;
    return ERR_OK;
}

ErrCode mpi_birth_see(Store *store, Arena *arena, Str id, MpiBirthSeen *ret, ErrInfo *info) {
    Birth birth = {.id = id};
    BirthCase c = {.store = store, .arena = arena, .birth = &birth, .info = info};
    TRY(birth_case_load(&c));
    if (c.task.slot == 0) {
        return no_case(id, info);
    }
    MpiBirthSeen seen = {.status = c.status,
                         .who = json_str(arena, json_path(c.root, "owner.display")),
                         .why = json_str(arena, json_path(c.root, "statusReason.text")),
                         .time = json_str(arena, json_get_lit(c.root, "lastModified")),
                         .by_person = c.by_person,
                         .mother = c.mother,
                         .linked = str_eq(c.status, STR("completed")) ? c.child : STR_EMPTY};
    ErrCode err = birth_find(store, arena, id, &birth);
    TRY(err == ERR_NOT_FOUND ? ERR_OK : err);
    TRY(err == ERR_OK ? see_children(&c, &birth, &seen) : ERR_OK);
    *ret = seen;
    return ERR_OK;
}

/* ---- a person's word ---- */

typedef ErrCode (*SayFn)(BirthCase *c, const MpiBirthAct *act);

static ErrCode say(Store *store, const MpiBirthAct *act, SayFn fn, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(BIRTH_BYTES);
    ErrCode err = ERR_CONFLICT;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (act->who.len == 0 || act->why.len == 0) {
        return err_set(info, ERR_PARAM, "mpi-who", "say who decides, and why",
                       "hãy nêu ai quyết định và lý do");
    }
    for (int i = 0; i < BIRTH_ATTEMPTS && err == ERR_CONFLICT; i++) {
        arena_reset(arena);
        Birth birth = {.id = act->birth};
        BirthCase c = {.store = store,
                       .arena = arena,
                       .birth = &birth,
                       .who = act->who,
                       .why = act->why,
                       .now = act->now,
                       .info = info};
        TRY(birth_case_load(&c));
        if (c.task.slot == 0) {
            return no_case(act->birth, info);
        }
        err = fn(&c, act);
    }
    return err;
}

static bool has_status(const BirthCase *c, const char *status) {
    return str_eq(c->status, str_from(status));
}

static ErrCode reject(BirthCase *c, const MpiBirthAct *act) {
    (void)act;
    return birth_case_part(c, "rejected");
}

/* The child first, as a link wants it. */
static bool put_first(BirthVerdict *v, Str child) {
    for (size_t i = 0; i < v->n; i++) {
        if (str_eq(v->children[i], child)) {
            v->children[i] = v->children[0];
            v->children[0] = child;
            return true;
        }
    }
    return false;
}

static ErrCode link_them(BirthCase *c, const MpiBirthAct *act) {
    BirthVerdict v;
    Birth birth;
    ErrCode err = birth_find(c->store, c->arena, act->birth, &birth);
    if (err == ERR_NOT_FOUND || has_status(c, "completed")) {
        return err_set(c->info, ERR_PRECONDITION, "mpi-newborn",
                       "the certificate is gone, or its child is linked already",
                       "giấy chứng sinh không còn, hoặc trẻ đã được liên kết");
    }
    TRY(err);
    c->birth = &birth;
    TRY(birth_decide(c, &v));
    if (!put_first(&v, act->child)) {
        return err_set(c->info, ERR_PRECONDITION, "mpi-child",
                       "Patient/" STR_FMT " is none of those whom the certificate may mean",
                       "Patient/" STR_FMT
                       " không thuộc những trẻ mà giấy chứng sinh có thể nói đến",
                       STR_ARG(act->child));
    }
    c->verdict = &v;
    c->by_person = true;
    return birth_case_link(c);
}

static ErrCode reopen(BirthCase *c, const MpiBirthAct *act) {
    (void)act;
    if (!has_status(c, "rejected") && !(has_status(c, "completed") && c->by_person)) {
        return err_set(c->info, ERR_PRECONDITION, "mpi-newborn",
                       "no person has decided it: there is nothing to take back",
                       "chưa có người quyết định: không có gì để rút lại");
    }
    return birth_case_part(c, "cancelled");
}

ErrCode mpi_birth_link(Store *store, const MpiBirthAct *act, ErrInfo *info) {
    return say(store, act, link_them, info);
}

ErrCode mpi_birth_reject(Store *store, const MpiBirthAct *act, ErrInfo *info) {
    return say(store, act, reject, info);
}

ErrCode mpi_birth_reopen(Store *store, const MpiBirthAct *act, ErrInfo *info) {
    MpiBirthReport report;
    MpiRunOptions o = {.store = store, .clock = clock_real()};
    TRY(say(store, act, reopen, info));
    return mpi_birth_one(&o, act->birth, &report, info);
}
