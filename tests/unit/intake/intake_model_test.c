/* Random transactions against a model of what FHIR says that they do: alone, and two at once, whose
 * outcome must be that of one of the two orders. INTAKE_MODEL_SEED=n for others. All data invented.
 */
#include "unit/store/store_help.h"

#include "core/random.h"
#include "core/thread.h"
#include "fhir/fhir_parse.h"
#include "intake/intake_fhir.h"

enum { NAMES = 3, IDS = 3, ENTRIES = 4, DOCS = 256, STEPS = 14, ROUNDS = 24 };

/* ---- the model ---- */

typedef struct Doc {
    bool is_basic, live;
    int id; /* a client's, or -1 */
    int name, marker;
    unsigned version;
    int refers;            /* a Basic: number of its Patient */
    bool changed, deleted; /* in the transaction under way */
} Doc;

typedef struct Model {
    Doc docs[DOCS];
    int n;
} Model;

typedef enum Op { POST, POST_IF_NONE, PUT, PUT_BY_NAME, DELETE_ID, DELETE_BY_NAME, REFER } Op;

typedef struct Step {
    Op op;
    int id, by, name, marker;
    bool by_token;     /* the condition: an exact token, or a search by name */
    unsigned if_match; /* 0: none */
} Step;

typedef struct Tx {
    Step steps[ENTRIES];
    int n;
} Tx;

static bool has_condition(const Step *s) {
    return s->op == POST_IF_NONE || s->op == PUT_BY_NAME || s->op == DELETE_BY_NAME;
}

static bool names_same(const Step *a, const Step *b) {
    bool ids = (a->op == PUT || a->op == DELETE_ID) && (b->op == PUT || b->op == DELETE_ID);
    bool conditions = has_condition(a) && has_condition(b);
    return (ids && a->id == b->id) || (conditions && a->by == b->by && a->by_token == b->by_token);
}

/* Patients of the name as they were before the transaction; at[0] is one of them. */
static int matches(const Model *m, int n, int name, int *ret_at) {
    int found = 0;
    for (int i = 0; i < n; i++) {
        const Doc *d = &m->docs[i];
        if (!d->is_basic && d->live && d->name == name) {
            *ret_at = i;
            found++;
        }
    }
    return found;
}

static bool change(Model *m, int at, bool deletes) {
    if (m->docs[at].changed) {
        return false;
    }
    m->docs[at].changed = true;
    m->docs[at].deleted = deletes;
    return true;
}

/* What a step makes of the model; `before` is the state that conditions see. */
typedef struct Apply {
    Model *m;
    const Model *before;
    const Step *s;
} Apply;

static int find_id(const Model *m, int id) {
    for (int i = 0; i < m->n; i++) {
        if (!m->docs[i].is_basic && m->docs[i].id == id) {
            return i;
        }
    }
    return -1;
}

static bool write_doc(Apply *a, int at, int id) {
    if (at < 0) {
        at = a->m->n++;
        a->m->docs[at] = (Doc){.id = id};
    } else if (!change(a->m, at, false)) {
        return false;
    }
    Doc *d = &a->m->docs[at];
    d->live = true;
    d->changed = true;
    d->name = a->s->name;
    d->marker = a->s->marker;
    d->version++;
    return true;
}

static bool delete_doc(Apply *a, int at) {
    if (!change(a->m, at, true)) {
        return false;
    }
    a->m->docs[at].live = false;
    a->m->docs[at].version++;
    return true;
}

static bool apply_delete(Apply *a) {
    int at = -1;
    if (a->s->op == DELETE_ID) {
        at = find_id(a->before, a->s->id);
        return at < 0 || !a->before->docs[at].live || delete_doc(a, at);
    }
    int n = matches(a->before, a->before->n, a->s->by, &at);
    return n == 0 || (n == 1 && delete_doc(a, at));
}

/* Matches before the transaction without what it deletes. */
static int matches_left(const Apply *a, int *ret_at) {
    int found = 0;
    for (int i = 0; i < a->before->n; i++) {
        const Doc *d = &a->before->docs[i];
        if (!d->is_basic && d->live && d->name == a->s->by && !a->m->docs[i].deleted) {
            *ret_at = i;
            found++;
        }
    }
    return found;
}

static bool apply_write(Apply *a) {
    int at = -1;
    int n = 0;
    switch (a->s->op) {
    case POST:
        return write_doc(a, -1, -1);
    case POST_IF_NONE:
        n = matches_left(a, &at);
        return n == 1 || (n == 0 && write_doc(a, -1, -1));
    case PUT:
        at = find_id(a->before, a->s->id);
        if (a->s->if_match != 0 && (at < 0 || !a->before->docs[at].live ||
                                    a->before->docs[at].version != a->s->if_match)) {
            return false;
        }
        return write_doc(a, at, a->s->id);
    case PUT_BY_NAME:
        n = matches_left(a, &at);
        return n <= 1 && write_doc(a, n == 1 ? at : -1, -1);
    case DELETE_ID:
    case DELETE_BY_NAME:
    case REFER:
        break;
    }
    return true;
}

/* Behind all others: what the name means then. */
static bool apply_reference(Apply *a) {
    int at = -1;
    if (matches(a->m, a->m->n, a->s->by, &at) != 1) {
        return false;
    }
    a->m->docs[a->m->n++] = (Doc){.is_basic = true,
                                  .live = true,
                                  .id = -1,
                                  .marker = a->s->marker,
                                  .version = 1,
                                  .refers = at};
    return true;
}

static bool is_delete(Op op) {
    return op == DELETE_ID || op == DELETE_BY_NAME;
}

/* False: refused, and nothing has changed. */
static bool apply(Model *m, const Tx *tx) {
    const Model before = *m;
    Model after = *m;
    bool ok = true;
    for (int i = 0; i < tx->n; i++) {
        for (int k = 0; k < i; k++) {
            ok = ok && !names_same(&tx->steps[i], &tx->steps[k]);
        }
    }
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < tx->n && ok; i++) {
            Apply a = {&after, &before, &tx->steps[i]};
            Op op = tx->steps[i].op;
            int own = is_delete(op) ? 0 : op == REFER ? 2 : 1;
            if (own == pass) {
                ok = pass == 0   ? apply_delete(&a)
                     : pass == 1 ? apply_write(&a)
                                 : apply_reference(&a);
            }
        }
    }
    for (int i = 0; i < after.n; i++) {
        after.docs[i].changed = after.docs[i].deleted = false;
    }
    if (ok) {
        *m = after;
    }
    return ok;
}

static int compare_lines(const void *a, const void *b) {
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

static Str join_sorted(Arena *arena, Str *lines, size_t n) {
    Str all = STR("");
    qsort(lines, n, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < n; i++) {
        all = arena_printf(arena, STR_FMT STR_FMT "\n", STR_ARG(all), STR_ARG(lines[i]));
    }
    return all;
}

/* What lives, a line each: marker, name, version; of a Basic the marker of its Patient, -1: gone.
 */
static Str dump_model(Arena *arena, const Model *m) {
    Str lines[DOCS];
    size_t n = 0;
    for (int i = 0; i < m->n; i++) {
        const Doc *d = &m->docs[i];
        const Doc *to = &m->docs[d->refers];
        if (d->live) {
            lines[n++] =
                d->is_basic
                    ? arena_printf(arena, "basic m%d of m%d", d->marker, to->live ? to->marker : -1)
                    : arena_printf(arena, "patient m%d N%d v%u", d->marker, d->name, d->version);
        }
    }
    return join_sorted(arena, lines, n);
}

/* ---- the store ---- */

typedef struct World {
    Home *home;
    Intake *intake;
    Str lines[DOCS];
    size_t n;
} World;

static int64_t marker_of(const JsonNode *root) {
    Str text = json_raw_str(json_get_lit(json_first(json_get_lit(root, "identifier")), "value"));
    uint64_t n = 0;
    assert_ok(str_to_u64(str_sub(text, 1, text.len), &n));
    return (int64_t)n;
}

static ErrCode dump_one(void *ctx, const StoreVersion *v) {
    World *w = ctx;
    Arena *arena = w->home->arena;
    const JsonNode *root = NULL;
    if (!store_is_current(w->home->store, v->slot)) {
        return ERR_OK;
    }
    assert_ok(json_parse(arena, arena_str(arena, v->json), &root, NULL));
    long long marker = marker_of(root);
    if (v->type == FHIR_T_PATIENT) {
        Str name = json_raw_str(json_get_lit(json_first(json_get_lit(root, "name")), "family"));
        w->lines[w->n++] = arena_printf(arena, "patient m%lld " STR_FMT " v%u", marker,
                                        STR_ARG(name), (unsigned)v->version);
        return ERR_OK;
    }
    StoreVersion to;
    Str text = json_raw_str(json_path(root, "subject.reference"));
    Str id = str_sub(text, 8, text.len); /* behind "Patient/" */
    const JsonNode *patient = NULL;
    long long of = -1;
    if (store_get(w->home->store, arena, FHIR_T_PATIENT, id, &to) == ERR_OK) {
        assert_ok(json_parse(arena, to.json, &patient, NULL));
        of = marker_of(patient);
    }
    w->lines[w->n++] = arena_printf(arena, "basic m%lld of m%lld", marker, of);
    return ERR_OK;
}

static Str dump_store(World *w) {
    w->n = 0;
    assert_ok(store_feed(w->home->store, 0, dump_one, w));
    return join_sorted(w->home->arena, w->lines, w->n);
}

/* ---- a transaction as asks ---- */

static IntakeAsk ask_of(World *w, const Step *s) {
    Arena *arena = w->home->arena;
    FhirResource r = {0};
    IntakeAsk ask = {
        .verb = is_delete(s->op)                       ? INTAKE_DELETE
                : s->op == PUT || s->op == PUT_BY_NAME ? INTAKE_UPDATE
                                                       : INTAKE_CREATE,
        .type = s->op == REFER ? FHIR_T_BASIC : FHIR_T_PATIENT,
        .id = s->op == PUT || s->op == DELETE_ID ? arena_printf(arena, "c%d", s->id) : STR_EMPTY,
        .condition = STR_EMPTY,
        .if_match = s->if_match == 0 ? STR_EMPTY : arena_printf(arena, "W/\"%u\"", s->if_match),
        .full_url = STR_EMPTY,
        .url = STR_EMPTY};
    Str by = s->by_token ? arena_printf(arena, "identifier=urn:n|%d", s->by)
                         : arena_printf(arena, "family:exact=N%d&active:missing=true", s->by);
    ask.condition = has_condition(s) ? by : STR_EMPTY;
    Str json =
        s->op == REFER
            ? arena_printf(arena,
                           "{\"resourceType\":\"Basic\",\"identifier\":[{\"value\":\"m%d\"}],"
                           "\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"Patient?" STR_FMT
                           "\"}}",
                           s->marker, STR_ARG(by))
            : arena_printf(arena,
                           "{\"resourceType\":\"Patient\",\"identifier\":[{\"value\":\"m%d\"},"
                           "{\"system\":\"urn:n\",\"value\":\"%d\"}],\"name\":[{\"family\":"
                           "\"N%d\"}]}",
                           s->marker, s->name, s->name);
    assert_ok(fhir_parse(arena, json, &r, NULL));
    ask.root = is_delete(s->op) ? NULL : r.root;
    return ask;
}

typedef struct Run {
    IntakeTx *tx;
    Mutex lock;
    Cond cond;
    bool waiting, over;
    ErrCode err;
    ErrInfo info;
} Run;

static void on_done(void *ctx) {
    Run *r = ctx;
    mutex_lock(&r->lock);
    r->over = true;
    cond_signal(&r->cond);
    mutex_unlock(&r->lock);
}

static void run_begin(World *w, Run *r, const Tx *tx) {
    IntakeTxOptions o = {.intake = w->intake,
                         .arena = w->home->arena,
                         .base_url = STR_EMPTY,
                         .actor = STR("t"),
                         .source = STR("t")};
    *r = (Run){.err = ERR_OK};
    mutex_init(&r->lock);
    cond_init(&r->cond);
    assert_ok(intake_tx_new(&o, &r->tx));
    for (int i = 0; i < tx->n; i++) {
        IntakeAsk ask = ask_of(w, &tx->steps[i]);
        assert_ok(intake_tx_add(r->tx, &ask));
    }
    r->err = intake_tx_prepare(r->tx, &r->info);
}

static void run_submit(Run *r) {
    do {
        r->over = false;
        r->err = intake_tx_submit(r->tx, on_done, r, &r->waiting, &r->info);
    } while (r->err != ERR_OK && intake_tx_may_retry(r->tx, r->err));
}

/* True: carried out. */
static bool run_end(Run *r) {
    bool again = r->err == ERR_OK;
    while (again) {
        mutex_lock(&r->lock);
        while (r->waiting && !r->over) {
            cond_wait(&r->cond, &r->lock);
        }
        mutex_unlock(&r->lock);
        r->err = intake_tx_finish(r->tx, &again, &r->info);
        if (again) {
            run_submit(r);
            again = r->err == ERR_OK;
        }
    }
    cond_release(&r->cond);
    mutex_release(&r->lock);
    return r->err == ERR_OK;
}

/* ---- random transactions ---- */

static Tx random_tx(Random *r, int *marker) {
    Tx tx = {.n = 1 + (int)random_below(r, ENTRIES)};
    for (int i = 0; i < tx.n; i++) {
        tx.steps[i] = (Step){.op = (Op)random_below(r, REFER + 1),
                             .id = (int)random_below(r, IDS),
                             .by = (int)random_below(r, NAMES),
                             .name = (int)random_below(r, NAMES),
                             .marker = (*marker)++,
                             .by_token = random_chance(r, 0.4)};
        if (tx.steps[i].op == PUT && random_chance(r, 0.3)) {
            tx.steps[i].if_match = 1 + (unsigned)random_below(r, 3);
        }
    }
    return tx;
}

static void print_tx(const char *what, const Tx *tx) {
    static const char *const ops[] = {"POST",      "POST-if-none",   "PUT",  "PUT-by-name",
                                      "DELETE-id", "DELETE-by-name", "refer"};
    for (int i = 0; i < tx->n; i++) {
        const Step *s = &tx->steps[i];
        print_error("%s %s id c%d by N%d%s name N%d marker m%d if-match %u\n", what, ops[s->op],
                    s->id, s->by, s->by_token ? " (token)" : "", s->name, s->marker, s->if_match);
    }
}

static void check_alone(World *w, Model *m, const Tx *tx) {
    Run r;
    Str before = dump_model(w->home->arena, m);
    bool wanted = apply(m, tx);
    run_begin(w, &r, tx);
    if (r.err == ERR_OK) {
        run_submit(&r);
    }
    bool done = run_end(&r);
    Str want = dump_model(w->home->arena, m);
    Str have = dump_store(w);
    if (done != wanted || !str_eq(want, have)) {
        print_tx("alone:", tx);
        print_error("before:\n" STR_FMT "wanted %d:\n" STR_FMT "got %d (%s):\n" STR_FMT,
                    STR_ARG(before), wanted, STR_ARG(want), done, r.info.what_en, STR_ARG(have));
    }
    assert_int_equal(done, wanted);
    assert_str(have, want);
}

static void check_two(World *w, Model *m, const Tx pair[2]) {
    Run runs[2];
    Model models[2] = {*m, *m};
    bool wanted[2][2]; /* by order, by transaction */
    Str have;
    bool done[2];
    for (int order = 0; order < 2; order++) {
        wanted[order][order] = apply(&models[order], &pair[order]);
        wanted[order][1 - order] = apply(&models[order], &pair[1 - order]);
    }
    for (int i = 0; i < 2; i++) {
        run_begin(w, &runs[i], &pair[i]);
        if (runs[i].err == ERR_OK) {
            run_submit(&runs[i]);
        }
    }
    for (int i = 0; i < 2; i++) {
        done[i] = run_end(&runs[i]);
    }
    have = dump_store(w);
    for (int order = 0; order < 2; order++) {
        if (done[0] == wanted[order][0] && done[1] == wanted[order][1] &&
            str_eq(have, dump_model(w->home->arena, &models[order]))) {
            *m = models[order];
            return;
        }
    }
    print_tx("first:", &pair[0]);
    print_tx("second:", &pair[1]);
    print_error("before:\n" STR_FMT "got %d (%s) %d (%s):\n" STR_FMT,
                STR_ARG(dump_model(w->home->arena, m)), done[0], runs[0].info.what_en, done[1],
                runs[1].info.what_en, STR_ARG(have));
    fail();
}

static void transactions_are_as_the_model(void **state) {
    (void)state;
    const char *seed = getenv("INTAKE_MODEL_SEED");
    for (uint64_t round = 0; round < ROUNDS; round++) {
        World w = {0};
        void *home = NULL;
        Random r;
        Model m = {.n = 0};
        int marker = 0;
        random_init_stream(&r, seed == NULL ? 3 : strtoull(seed, NULL, 10), round);
        assert_int_equal(home_setup(&home), 0);
        w.home = home;
        assert_ok(intake_new(&(IntakeOptions){.store = w.home->store}, &w.intake));
        for (int step = 0; step < STEPS; step++) {
            Tx pair[2] = {random_tx(&r, &marker), random_tx(&r, &marker)};
            if (round % 2 == 0) {
                check_alone(&w, &m, &pair[0]);
            } else {
                check_two(&w, &m, pair);
            }
        }
        intake_free(w.intake);
        assert_int_equal(home_teardown(&home), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_are_as_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
