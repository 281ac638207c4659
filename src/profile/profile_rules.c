#include "core/embed.h"
#include "core/thread.h"
#include "core/tsv.h"
#include "profile/profile_walk_int.h"

EMBED(profile_invariants, "gen/data/fhir/invariants.tsv")

enum { INVARIANTS_MAX = 512, INVARIANT_ARENA = 16 << 20 };

/* One invariant of R4, with the shape or element that has it. */
typedef struct Invariant {
    ProfileConstraint rule;
    FhirShape shape;            /* of the value */
    const FhirElement *element; /* NULL: every value of the shape */
} Invariant;

/* All of R4's, compiled once for the whole process; of each shape those of its bases, too. */
static struct {
    Arena *arena;
    Invariant items[INVARIANTS_MAX];
    unsigned n;
    uint16_t *of_shape[FHIR_SHAPE_COUNT]; /* numbers + 1, ended by 0; NULL: none */
} base;

/* Checked natively: by fhir_validate (txt-1 and txt-2 are its XHTML rules; dom-2, dom-4, dom-5 and
 * ref-1 its rules of contained resources), or here (dom-3, whose expression R4 got wrong). dom-6 is
 * no rule at all: a narrative is nice to have. */
static bool is_native(Str key) {
    static const char *const keys[] = {"ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5",
                                       "dom-6", "txt-1", "txt-2", "ref-1", "sqty-1"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (str_eq(key, str_from(keys[i]))) {
            return true;
        }
    }
    return false;
}

/* "Patient.contact" is a shape; "Organization.address" an element of Organization. */
static bool find_place(Str path, Invariant *out) {
    if (str_ends(path, STR("[x]"))) {
        return false; /* ras-1 alone: see README */
    }
    FhirShape shape = fhir_shape_at(path);
    if (shape == 0) {
        return false;
    }
    out->shape = shape;
    if (str_eq(str_from(fhir_shape(shape)->name), path)) {
        return true;
    }
    size_t dot = path.len;
    while (dot > 0 && path.ptr[dot - 1] != '.') {
        dot--;
    }
    out->element =
        fhir_element(fhir_shape_at(str_sub(path, 0, dot - 1)), str_sub(path, dot, SIZE_MAX));
    return out->element != NULL;
}

static void add_row(const TsvReader *r) {
    Str key = tsv_get(r, 0);
    Invariant *v = &base.items[base.n];
    *v = (Invariant){0};
    if (is_native(key) || base.n == INVARIANTS_MAX || !find_place(tsv_get(r, 2), v)) {
        return;
    }
    Str human = tsv_get(r, 4);
    v->rule.rule = (FhirRuleText){
        .id = arena_str(base.arena, key).ptr,
        .issue = "invariant",
        .en = arena_str(base.arena, human).ptr,
        .vi = arena_printf(base.arena, "không thoả quy tắc: " STR_FMT, STR_ARG(human)).ptr};
    v->rule.severity = str_eq(tsv_get(r, 1), STR("warning")) ? FHIR_WARNING : FHIR_ERROR;
    ErrInfo info = {0};
    if (fpath_compile(base.arena, tsv_get(r, 3), NULL, &v->rule.expr, &info) != ERR_OK) {
        v->rule.expr = NULL;
        v->rule.wrong = arena_str(base.arena, str_from(info.what_en));
    }
    base.n++;
}

static bool holds_for(const Invariant *v, FhirShape shape) {
    return profile_is_type(shape, (FhirType)v->shape) || v->shape == shape;
}

/* The list of each shape: what its own name and its bases bring. */
static void make_lists(void) {
    for (unsigned s = 1; s < FHIR_SHAPE_COUNT; s++) {
        uint16_t list[INVARIANTS_MAX];
        unsigned n = 0;
        for (unsigned i = 0; i < base.n; i++) {
            if (holds_for(&base.items[i], (FhirShape)s)) {
                list[n++] = (uint16_t)(i + 1);
            }
        }
        if (n > 0) {
            list[n++] = 0;
            base.of_shape[s] = arena_alloc(base.arena, n * sizeof(*list));
            if (base.of_shape[s] != NULL) {
                memcpy(base.of_shape[s], list, n * sizeof(*list));
            }
        }
    }
}

static void load_base(void) {
    base.arena = arena_new(INVARIANT_ARENA);
    TsvReader r;
    if (base.arena == NULL || tsv_init(&r, embed_profile_invariants(), NULL) != ERR_OK) {
        return;
    }
    while (tsv_next(&r)) {
        add_row(&r);
    }
    make_lists();
}

/* ---- evaluation */

static ErrCode on_resolve(void *ctx, Str reference, FpathItem *ret_item) {
    ProfileWalk *w = ctx;
    const JsonNode *found = profile_resolve(w, reference, false);
    if (found == NULL) {
        return ERR_NOT_FOUND;
    }
    *ret_item = fpath_item_resource(found);
    return ERR_OK;
}

static ErrCode on_member_of(void *ctx, const FpathItem *item, Str valueset, bool *ret_member) {
    ProfileWalk *w = ctx;
    if (w->hooks->member_of == NULL || item->kind != FPATH_NODE || item->node == NULL) {
        return ERR_NOT_FOUND;
    }
    ProfileVerdict verdict = w->hooks->member_of(w->hooks->ctx, w->arena, valueset, item->node);
    if (verdict == PROFILE_UNKNOWN) {
        return ERR_NOT_FOUND;
    }
    *ret_member = verdict == PROFILE_YES;
    return ERR_OK;
}

static ErrCode on_conforms(void *ctx, const FpathItem *item, Str profile, bool *ret_conforms) {
    ProfileWalk *w = ctx;
    if (item->kind != FPATH_NODE || item->node == NULL) {
        return ERR_NOT_FOUND;
    }
    FhirType core = profile_core_type(profile);
    if (core != FHIR_T_NONE) {
        *ret_conforms = profile_is_type(item->shape, core);
        return ERR_OK;
    }
    const Profile *p = profile_get(w->set, profile);
    if (p == NULL || p->is_broken) {
        return ERR_NOT_FOUND;
    }
    ProfileItem value = {.node = item->node, .extra = item->sibling, .shape = item->shape};
    ProfileFrame at = {.name = STR("%resource"), .index = -1};
    *ret_conforms =
        profile_is_type(item->shape, p->type) && profile_follows(w, &value, p->root, &at);
    return ERR_OK;
}

FpathEnv profile_env(ProfileWalk *w, const ProfileItem *item) {
    static const FpathCallbacks callbacks = {
        .resolve = on_resolve, .member_of = on_member_of, .conforms_to = on_conforms};
    const JsonNode *root = w->scope.bundle != NULL ? w->scope.bundle : w->scope.container;
    FpathEnv env = fpath_env(w->scope.resource);
    env.context = fpath_item_node(item->shape, item->node, root);
    if (item->node == NULL || !json_is(item->node, JSON_OBJECT)) {
        env.context.sibling = item->extra;
    }
    env.root_resource = fpath_item_resource(w->scope.container);
    env.resource.root = env.root_resource.root = root;
    env.callbacks = &callbacks;
    env.ctx = w;
    env.resolve_types = true;
    return env;
}

static void could_not(ProfileWalk *w, const ProfileConstraint *c, Str why, const ProfileFrame *at) {
    if (profile_wants(w, FHIR_WARNING)) {
        profile_issue(w, FHIR_WARNING, &PROFILE_RULES[PROFILE_RULE_INVARIANT_FAILED], at,
                      (Str[4]){str_from(c->rule.id), why, STR_EMPTY, STR_EMPTY});
    }
}

static void check_one(ProfileWalk *w, const ProfileConstraint *c, const FpathEnv *env,
                      const ProfileFrame *at) {
    if (!profile_wants(w, c->severity)) {
        return;
    }
    if (c->expr == NULL) {
        could_not(w, c, c->wrong, at);
        return;
    }
    ErrInfo info = {0};
    FpathSeq found;
    bool holds = false;
    ErrCode err = fpath_eval(w->scratch, c->expr, env, &found, &info);
    /* Empty is no breach: dates of different precision, or nothing there to look at. */
    err = err == ERR_OK && found.n > 0 ? fpath_to_bool(found, &holds) : err;
    holds |= err == ERR_OK && found.n == 0;
    if (err != ERR_OK) {
        could_not(w, c, str_from(info.what_en[0] != '\0' ? info.what_en : err_text(err, 0)), at);
    } else if (!holds) {
        static const Str no_args[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
        profile_issue(w, c->severity, &c->rule, at, no_args);
    }
}

void profile_check_constraints(ProfileWalk *w, const ProfileItem *item, const ProfileNode *node,
                               const ProfileFrame *at) {
    if (node->constraints == NULL) {
        return;
    }
    FpathEnv env = profile_env(w, item);
    w->evaluating++;
    for (const ProfileConstraint *c = node->constraints; c != NULL; c = c->next) {
        check_one(w, c, &env, at);
    }
    w->evaluating--;
    if (w->evaluating == 0) {
        arena_reset(w->scratch);
    }
}

void profile_check_invariants(ProfileWalk *w, const ProfileItem *item, const ProfileFrame *at) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_base);
    const uint16_t *list = base.of_shape[item->shape];
    if (list == NULL || item->node == NULL) {
        return;
    }
    FpathEnv env = profile_env(w, item);
    w->evaluating++;
    for (; *list != 0; list++) {
        const Invariant *v = &base.items[*list - 1];
        if (v->element == NULL || v->element == item->element) {
            check_one(w, &v->rule, &env, at);
        }
    }
    w->evaluating--;
    if (w->evaluating == 0) {
        arena_reset(w->scratch);
    }
}
