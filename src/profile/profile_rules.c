#include "fpath/fpath_invariant.h"
#include "profile/profile_walk_int.h"

/* Checked natively: by fhir_validate (what fpath calls structural; ref-1 is its rule of contained
 * resources), or by profile_check_contained (dom-3). dom-6 is no rule at all: a narrative is nice
 * to have. */
static bool is_native(const FpathInvariant *v) {
    static const char *const keys[] = {"dom-3", "dom-6", "ref-1", "sqty-1"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(v->key, keys[i]) == 0) {
            return true;
        }
    }
    return v->is_structural;
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

/* Tries one expression; empty is no breach: dates of different precision, or nothing there to look
 * at. */
static void check_one(ProfileWalk *w, const ProfileConstraint *c, const FpathEnv *env,
                      const ProfileFrame *at) {
    static const Str no_args[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    if (!profile_wants(w, c->severity)) {
        return;
    }
    if (c->expr == NULL) {
        could_not(w, c, c->wrong, at);
        return;
    }
    ErrInfo info;
    info.what_en[0] = '\0';
    FpathSeq found;
    bool holds = true;
    ErrCode err = fpath_eval(w->scratch, c->expr, env, &found, &info);
    err = err == ERR_OK && found.n > 0 ? fpath_to_bool(found, &holds) : err;
    if (err != ERR_OK) {
        could_not(w, c, str_from(info.what_en[0] != '\0' ? info.what_en : err_text(err, 0)), at);
    } else if (!holds) {
        profile_issue(w, c->severity, &c->rule, at, no_args);
    }
}

/* Expressions may come back here (conformsTo): only the outermost empties the scratch memory. */
static void end_evaluation(ProfileWalk *w) {
    if (--w->evaluating == 0) {
        arena_reset(w->scratch);
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
    end_evaluation(w);
}

void profile_check_invariants(ProfileWalk *w, const ProfileItem *item, const ProfileFrame *at) {
    const FpathInvariant *const *list = fpath_invariants(item->shape);
    if (*list == NULL || item->node == NULL) {
        return;
    }
    FpathEnv env = profile_env(w, item);
    w->evaluating++;
    for (; *list != NULL; list++) {
        const FpathInvariant *v = *list;
        if ((v->element != NULL && v->element != item->element) || is_native(v)) {
            continue;
        }
        ProfileConstraint c = {
            .rule = {.id = v->key, .issue = "invariant", .en = v->en, .vi = v->vi},
            .severity = v->is_warning ? FHIR_WARNING : FHIR_ERROR,
            .expr = v->expr};
        check_one(w, &c, &env, at);
    }
    end_evaluation(w);
}
