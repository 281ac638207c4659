#include "mpi/mpi_case.h"

#include "core/limits.h"
#include "fhir/fhir_task.h"

enum { ATTEMPTS = 5, ARENA_MAX = 32 * LIMIT_MIB };

typedef struct Case {
    Store *store;
    Arena *arena;
    const MpiAct *act;
    RecordNo snapshot;
    Str key;                  /* the pair's identifier */
    StoreExpect expect;       /* of it */
    StoreVersion patients[2]; /* keep, other */
    const JsonNode *roots[2];
    StoreVersion task; /* slot 0: none */
    const JsonNode *task_root;
    ErrInfo *info;
} Case;

static ErrCode load_patient(Case *c, int i, Str id) {
    ErrCode err = store_get(c->store, c->arena, FHIR_T_PATIENT, id, &c->patients[i]);
    if (err != ERR_OK) {
        return err_set(c->info, err, "mpi-patient", "there is no Patient/" STR_FMT,
                       "không có Patient/" STR_FMT, STR_ARG(id));
    }
    return json_parse(c->arena, c->patients[i].json, &c->roots[i], NULL);
}

static StoreExpect case_of(Arena *arena, Str a, Str b) {
    bool swap = str_cmp(a, b) > 0;
    return (StoreExpect){.type = FHIR_T_TASK,
                         .param = FHIR_P_IDENTIFIER,
                         .system = STR(MPI_CASE_SYSTEM),
                         .value = arena_printf(arena, STR_FMT "|" STR_FMT, STR_ARG(swap ? b : a),
                                               STR_ARG(swap ? a : b))};
}

ErrCode mpi_case_find(Store *store, Arena *arena, Str a, Str b, StoreVersion *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    StoreExpect token = case_of(arena, a, b);
    TRY(store_find(store, arena, &token, 1, &found, &n));
    *ret = n > 0 ? found[0] : (StoreVersion){.slot = 0};
    return ERR_OK;
}

bool mpi_case_is(Arena *arena, const StoreVersion *task, const char *status) {
    const JsonNode *root = NULL;
    return task->slot != 0 && json_parse(arena, task->json, &root, NULL) == ERR_OK &&
           json_str_is(json_get_lit(root, "status"), str_from(status));
}

static ErrCode load(Case *c) {
    StoreVersion *found = NULL;
    size_t n = 0;
    Str a = c->act->keep;
    Str b = c->act->other;
    if (str_eq(a, b)) {
        return err_set(c->info, ERR_PARAM, "mpi-same", "name two different patients",
                       "hãy nêu hai người bệnh khác nhau");
    }
    c->expect = case_of(c->arena, a, b);
    c->key = c->expect.value;
    c->snapshot = store_snapshot(c->store);
    TRY(load_patient(c, 0, a));
    TRY(load_patient(c, 1, b));
    TRY(store_find(c->store, c->arena, &c->expect, 1, &found, &n));
    if (n > 0) {
        c->task = found[0];
        TRY(json_parse(c->arena, c->task.json, &c->task_root, NULL));
    }
    return ERR_OK;
}

/* ---- evidence ---- */

Str mpi_field_text(const MpiFields *f, MpiField field) {
    const Str texts[MPI_FIELDS] = {
        [MPI_NAME] = f->name,       [MPI_BIRTH] = f->birth,     [MPI_SEX] = f->sex,
        [MPI_COMMUNE] = f->commune, [MPI_PHONE] = f->phones[0], [MPI_CCCD] = f->cccd,
        [MPI_PAPER] = f->paper,     [MPI_BHXH] = f->cards[0],   [MPI_LOCAL] = f->locals[0],
    };
    return texts[field];
}

static void compare(const Case *c, MpiSideBySide *s) {
    MpiModel shipped;
    mpi_model_default(&shipped);
    const MpiModel *model = c->act->model == NULL ? &shipped : c->act->model;
    MpiPerson persons[2];
    for (int i = 0; i < 2; i++) {
        s->ids[i] = c->patients[i].id;
        mpi_patient_fields(c->arena, c->roots[i], &s->fields[i]);
        mpi_person_make(&s->fields[i], &persons[i]);
    }
    s->vector = mpi_compare(&persons[0], &persons[1]);
    s->verdict =
        c->act->verdict != NULL ? *c->act->verdict : mpi_decide(model, s->vector, model->name_bits);
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        s->weights[f] = mpi_weight(model, f, mpi_level(s->vector, f));
    }
    s->status = json_str(c->arena, json_get_lit(c->task_root, "status"));
}

static void put_evidence(const Case *c, JsonWriter *w) {
    const JsonNode *known = json_get_lit(c->task_root, "input");
    json_name(w, "input");
    if (known != NULL) {
        json_put_node(w, known);
        return;
    }
    MpiSideBySide s;
    char score[32];
    compare(c, &s);
    (void)snprintf(score, sizeof score, "%.1f", s.verdict.score);
    json_open_array(w);
    fhir_task_put_fact(w, STR("rule"), str_from(mpi_rule_name(s.verdict.rule)));
    fhir_task_put_fact(w, STR("score"), str_from(score));
    for (unsigned f = 0; f < MPI_FIELDS; f++) {
        fhir_task_put_fact(w, str_from(mpi_field_name(f)),
                           str_from(mpi_level_name(f, mpi_level(s.vector, f))));
    }
    json_close_array(w);
}

/* ---- the Task ---- */

/* What stood in the Patient's member active before the merge, or empty. */
static Str active_before(const Case *c) {
    const JsonNode *list = json_get_lit(c->task_root, "output");
    const JsonNode *first = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    return json_str(c->arena, json_get_lit(first, "valueString"));
}

static Str patient(const Case *c, Str id) {
    return arena_printf(c->arena, "Patient/" STR_FMT, STR_ARG(id));
}

static ErrCode make_task(const Case *c, const char *status, Str active, Str *ret_json) {
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    FhirTask task = {.system = MPI_CASE_SYSTEM,
                     .key = c->key,
                     .status = status,
                     .intent = "proposal",
                     .codes = MPI_CODE_SYSTEM,
                     .code = MPI_CODE,
                     .who = c->act->who,
                     .why = c->act->why,
                     .now = c->act->now,
                     .before = c->task_root};
    fhir_task_put_what(&w, &task);
    fhir_put_part(&w, "focus", "reference", patient(c, c->act->keep));
    fhir_put_part(&w, "for", "reference", patient(c, c->act->other));
    fhir_task_put_when(&w, &task);
    put_evidence(c, &w);
    if (active.len > 0) {
        json_name(&w, "output");
        json_open_array(&w);
        fhir_task_put_fact(&w, STR("active-before"), active);
        json_close_array(&w);
    }
    json_close_object(&w);
    TRY(buf_ok(&out));
    *ret_json = arena_str(c->arena, buf_str(&out));
    return arena_failed(c->arena) ? ERR_NOMEM : ERR_OK;
}

/* ---- committing ---- */

/* The Task, and both Patients where json has them; together or not at all. */
static ErrCode commit(const Case *c, Str task, const Str patients[2]) {
    StoreChange changes[3];
    StoreGroup groups[3];
    size_t n = 0;
    for (int i = 0; i < 2 && patients != NULL; i++) {
        const StoreVersion *v = &c->patients[i];
        changes[n] =
            (StoreChange){STORE_UPDATE, FHIR_T_PATIENT, v->id, v->slot, patients[i], false};
        groups[n] = (StoreGroup){&changes[n], 1, -1, v->first};
        n++;
    }
    bool known = c->task.slot != 0;
    changes[n] = (StoreChange){known ? STORE_UPDATE : STORE_CREATE,
                               FHIR_T_TASK,
                               known ? c->task.id : STR_EMPTY,
                               c->task.slot,
                               task,
                               false};
    groups[n] = (StoreGroup){&changes[n], 1, -1, 0};
    n++;
    StoreStill still[2];
    for (int i = 0; i < 2; i++) {
        still[i] = (StoreStill){c->patients[i].first, c->patients[i].slot};
    }
    StoreCommit all = {.groups = groups,
                       .n_groups = n,
                       .expects = &c->expect,
                       .n_expects = known ? 0 : 1,
                       .still = still,
                       .n_still = patients == NULL ? 2 : 0,
                       .snapshot = c->snapshot,
                       .actor = c->act->who,
                       .source = STR("mpi")};
    StoreCommitted done;
    return store_commit(c->store, &all, &done, NULL, c->info);
}

/* One decision: reads, checks, commits; again when somebody was faster. */
typedef ErrCode (*DecideFn)(Case *c);

static ErrCode decide(Store *store, const MpiAct *act, DecideFn fn, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(ARENA_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (act->who.len == 0 || act->why.len == 0) {
        return err_set(info, ERR_PARAM, "mpi-who", "say who decides, and why",
                       "hãy nêu ai quyết định và lý do");
    }
    ErrCode err = ERR_CONFLICT;
    for (int i = 0; i < ATTEMPTS && err == ERR_CONFLICT; i++) {
        arena_reset(arena);
        Case c = {.store = store, .arena = arena, .act = act, .info = info};
        err = load(&c);
        err = err == ERR_OK ? fn(&c) : err;
    }
    return err;
}

static bool has_status(const Case *c, const char *status) {
    return json_str_is(json_get_lit(c->task_root, "status"), str_from(status));
}

static ErrCode propose(Case *c) {
    Str task;
    if (c->task.slot != 0) {
        return ERR_EXISTS;
    }
    TRY(make_task(c, "requested", STR_EMPTY, &task));
    return commit(c, task, NULL);
}

static ErrCode differ(Case *c) {
    Str task;
    if (has_status(c, "completed")) {
        return err_set(c->info, ERR_PRECONDITION, "mpi-merged",
                       "the two are merged: undo the merge first",
                       "hai hồ sơ đã được gộp: hãy tách trước");
    }
    TRY(make_task(c, "rejected", STR_EMPTY, &task));
    return commit(c, task, NULL);
}

/* Neither of the two may have been replaced already. */
static ErrCode merge(Case *c) {
    Str patients[2];
    Str task;
    for (int i = 0; i < 2; i++) {
        Str by = mpi_patient_link(c->arena, c->roots[i], STR(MPI_REPLACED_BY), 0);
        if (by.len > 0) {
            return err_set(c->info, ERR_PRECONDITION, "mpi-replaced",
                           "Patient/" STR_FMT " is merged into Patient/" STR_FMT " already",
                           "Patient/" STR_FMT " đã được gộp vào Patient/" STR_FMT,
                           STR_ARG(c->patients[i].id), STR_ARG(by));
        }
    }
    MpiLink stays = {.other = c->act->other, .type = STR(MPI_REPLACES)};
    MpiLink goes = {.other = c->act->keep, .type = STR(MPI_REPLACED_BY), .active = STR("false")};
    TRY(mpi_patient_join(c->arena, c->roots[0], &stays, &patients[0]));
    TRY(mpi_patient_join(c->arena, c->roots[1], &goes, &patients[1]));
    TRY(make_task(c, "completed", mpi_patient_active(c->roots[1]), &task));
    return commit(c, task, patients);
}

static ErrCode unmerge(Case *c) {
    Str patients[2];
    Str task;
    Str by = mpi_patient_link(c->arena, c->roots[1], STR(MPI_REPLACED_BY), 0);
    if (!str_eq(by, c->act->keep)) {
        return err_set(c->info, ERR_PRECONDITION, "mpi-not-merged", "the two are not merged",
                       "hai hồ sơ chưa được gộp");
    }
    MpiLink stays = {.other = c->act->other, .type = STR(MPI_REPLACES)};
    MpiLink goes = {
        .other = c->act->keep, .type = STR(MPI_REPLACED_BY), .active = active_before(c)};
    TRY(mpi_patient_part(c->arena, c->roots[0], &stays, &patients[0]));
    TRY(mpi_patient_part(c->arena, c->roots[1], &goes, &patients[1]));
    TRY(make_task(c, "cancelled", STR_EMPTY, &task));
    return commit(c, task, patients);
}

ErrCode mpi_propose(Store *store, const MpiAct *act, ErrInfo *info) {
    return decide(store, act, propose, info);
}

ErrCode mpi_merge(Store *store, const MpiAct *act, ErrInfo *info) {
    return decide(store, act, merge, info);
}

ErrCode mpi_differ(Store *store, const MpiAct *act, ErrInfo *info) {
    return decide(store, act, differ, info);
}

ErrCode mpi_unmerge(Store *store, const MpiAct *act, ErrInfo *info) {
    ErrCode err = decide(store, act, unmerge, info);
    if (err == ERR_PRECONDITION) {
        MpiAct turned = *act;
        turned.keep = act->other;
        turned.other = act->keep;
        err = decide(store, &turned, unmerge, info);
    }
    return err;
}

ErrCode mpi_side_by_side(Store *store, Arena *arena, const MpiAct *act, MpiSideBySide *ret,
                         ErrInfo *info) {
    Case c = {.store = store, .arena = arena, .act = act, .info = info};
    TRY(load(&c));
    compare(&c, ret);
    return ERR_OK;
}
