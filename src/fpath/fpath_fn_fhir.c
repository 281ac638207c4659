#include "fhir/fhir_parse.h"
#include "fhir/fhir_reference.h"
#include "fhir/fhir_xhtml.h"
#include "fpath/fpath_fn_int.h"

static ErrCode empty(FpathRun *r, size_t base) {
    r->top = base;
    return ERR_OK;
}

/* ---- values and extensions */

static bool has_url(const FpathItem *extension, Str url) {
    const JsonNode *node = extension->node == NULL ? NULL : json_get_lit(extension->node, "url");
    return node != NULL && json_str_is(node, url);
}

ErrCode fpath_fn_extension(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    static const Str EXTENSION = {"extension", 9};
    Str url = STR_EMPTY;
    bool found = false;
    size_t mid = r->top;
    TRY(fpath_arg_str(r, n, 0, s, &url, &found));
    for (size_t i = base; found && i < mid; i++) {
        size_t from = r->top;
        TRY(fpath_children(r, &r->items[i], &EXTENSION));
        size_t to = from;
        for (size_t k = from; k < r->top; k++) {
            if (has_url(&r->items[k], url)) {
                r->items[to++] = r->items[k];
            }
        }
        r->top = to;
    }
    fpath_slide(r, base, mid);
    return ERR_OK;
}

ErrCode fpath_fn_has_value(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    FpathItem v;
    bool one = r->top - base == 1;
    const FpathItem *item = one ? &r->items[base] : NULL;
    bool primitive =
        one && (item->kind != FPATH_NODE || fhir_shape(item->shape)->kind == FHIR_KIND_PRIMITIVE);
    return fpath_give_bool(r, base, primitive && fpath_system(r->arena, item, &v));
}

ErrCode fpath_fn_get_value(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)s;
    FpathItem v;
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    if (r->top == base || !fpath_system(r->arena, &r->items[base], &v) ||
        (r->items[base].kind == FPATH_NODE &&
         fhir_shape(r->items[base].shape)->kind != FHIR_KIND_PRIMITIVE)) {
        return empty(r, base);
    }
    return fpath_give(r, base, &v);
}

ErrCode fpath_fn_html_checks(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    FpathItem v;
    bool ok = r->top - base == 1 && fpath_system(r->arena, &r->items[base], &v) &&
              v.kind == FPATH_STRING && fhir_xhtml_check(v.string) == NULL;
    return fpath_give_bool(r, base, ok);
}

/* checkModifiers('url', …): only these modifier extensions may be there. */
ErrCode fpath_fn_check_modifiers(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    static const Str MODIFIER = {"modifierExtension", 17};
    Str allowed[FPATH_ARGS_MAX];
    unsigned n_allowed = 0;
    size_t mid = r->top;
    for (unsigned i = 0; i < n->n_args; i++) {
        bool found = false;
        TRY(fpath_arg_str(r, n, i, s, &allowed[n_allowed], &found));
        n_allowed += found ? 1 : 0;
    }
    for (size_t i = base; i < mid; i++) {
        TRY(fpath_children(r, &r->items[i], &MODIFIER));
    }
    for (size_t i = mid; i < r->top; i++) {
        bool known = false;
        for (unsigned k = 0; k < n_allowed; k++) {
            known = known || has_url(&r->items[i], allowed[k]);
        }
        if (!known) {
            return fpath_stop(r, n, FPATH_MSG_MODIFIER);
        }
    }
    r->top = mid;
    return ERR_OK;
}

/* ---- references */

/* The contained resource of the container; with an empty id the container itself. */
static ErrCode find_contained(FpathRun *r, const FpathItem *from, Str id, FpathItem *ret_item) {
    const JsonNode *container = NULL;
    TRY(fpath_container(r, from, &container));
    if (id.len == 0 && container != NULL) {
        *ret_item = fpath_item_node(FHIR_T_RESOURCE, container, from->root);
        return ERR_OK;
    }
    const JsonNode *roots[2] = {
        container, r->env->root_resource.kind == FPATH_NODE ? r->env->root_resource.node : NULL};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        const JsonNode *list = NULL;
        TRY(fpath_member(r, roots[i], STR("contained"), &list));
        for (const JsonNode *c = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; c != NULL;
             c = json_next(list, c)) {
            const JsonNode *own = NULL;
            TRY(fpath_charge(r, 1));
            TRY(fpath_member(r, c, STR("id"), &own));
            if (own != NULL && json_str_is(own, id)) {
                *ret_item = fpath_item_node(FHIR_T_RESOURCE, c,
                                            i == 0 ? from->root : r->env->root_resource.root);
                return ERR_OK;
            }
        }
    }
    return ERR_NOT_FOUND;
}

/* Does the fullUrl mean the same as Type/id? */
static bool ends_like(Str full_url, Str relative) {
    return full_url.len > relative.len && str_ends(full_url, relative) &&
           full_url.ptr[full_url.len - relative.len - 1] == '/';
}

/* An entry of the Bundle around the item: by fullUrl, else by Type/id. */
static ErrCode find_entry(FpathRun *r, const FpathItem *from, Str text, FpathItem *ret_item) {
    const JsonNode *bundle = from->root;
    if (bundle == NULL || fhir_type_of(bundle) != FHIR_T_BUNDLE) {
        return ERR_NOT_FOUND;
    }
    FhirReference ref;
    bool parsed = fhir_reference_parse(text, &ref) == ERR_OK;
    bool relative = parsed && ref.kind == FHIR_REF_RELATIVE;
    const JsonNode *list = NULL;
    TRY(fpath_member(r, bundle, STR("entry"), &list));
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        TRY(fpath_charge(r, 2));
        const JsonNode *resource = NULL;
        const JsonNode *full_url = NULL;
        TRY(fpath_member(r, e, STR("resource"), &resource));
        TRY(fpath_member(r, e, STR("fullUrl"), &full_url));
        if (!json_is(resource, JSON_OBJECT)) {
            continue;
        }
        Str url = json_raw_str(full_url);
        bool same = str_eq(url, text) || (relative && ends_like(url, text));
        if (!same && relative && fhir_type_of(resource) == ref.type) {
            const JsonNode *id = NULL;
            TRY(fpath_member(r, resource, STR("id"), &id));
            same = str_eq(json_raw_str(id), ref.id);
        }
        if (same) {
            *ret_item = fpath_item_node(FHIR_T_RESOURCE, resource, from->root);
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

/* A resource of which only the type is known. */
static bool typed_only(Str text, FpathItem *ret_item) {
    FhirReference ref;
    if (fhir_reference_parse(text, &ref) != ERR_OK || ref.type == FHIR_T_NONE) {
        return false;
    }
    *ret_item = (FpathItem){.kind = FPATH_NODE, .shape = (FhirShape)ref.type};
    return true;
}

static ErrCode resolve_one(FpathRun *r, const FpathItem *from, Str text, FpathItem *ret_item) {
    if (str_starts(text, STR("#"))) {
        return find_contained(r, from, str_sub(text, 1, text.len), ret_item);
    }
    ErrCode err = find_entry(r, from, text, ret_item);
    const FpathCallbacks *calls = r->env->callbacks;
    if (err == ERR_NOT_FOUND && calls != NULL && calls->resolve != NULL) {
        err = calls->resolve(r->env->ctx, text, ret_item);
    }
    if (err == ERR_NOT_FOUND && r->env->resolve_types && typed_only(text, ret_item)) {
        err = ERR_OK;
    }
    return err;
}

/* The text of a Reference, canonical, uri or string. */
static bool reference_text(FpathRun *r, const FpathItem *item, Str *ret_text) {
    if (item->kind == FPATH_NODE && item->shape == FHIR_T_REFERENCE) {
        const JsonNode *text = json_get_lit(item->node, "reference");
        *ret_text = text == NULL ? STR_EMPTY : json_str(r->arena, text);
        return text != NULL;
    }
    FpathItem v;
    if (!fpath_system(r->arena, item, &v) || v.kind != FPATH_STRING) {
        return false;
    }
    *ret_text = v.string;
    return true;
}

ErrCode fpath_fn_resolve(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    (void)n, (void)s;
    size_t to = base;
    for (size_t i = base; i < r->top; i++) {
        FpathItem from = r->items[i];
        if (from.kind != FPATH_NODE) {
            from = r->env->context;
        }
        Str text;
        if (!reference_text(r, &r->items[i], &text)) {
            continue;
        }
        TRY(fpath_charge(r, 10));
        FpathItem found;
        ErrCode err = resolve_one(r, &from, text, &found);
        if (err == ERR_OK) {
            r->items[to++] = found;
        } else if (err != ERR_NOT_FOUND) {
            return err;
        }
    }
    r->top = to;
    return ERR_OK;
}

/* ---- terminology and profiles */

ErrCode fpath_fn_member_of(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    Str valueset = STR_EMPTY;
    bool found = false;
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    TRY(fpath_arg_str(r, n, 0, s, &valueset, &found));
    if (r->top == base || !found) {
        return empty(r, base);
    }
    const FpathCallbacks *calls = r->env->callbacks;
    if (calls == NULL || calls->member_of == NULL) {
        return fpath_stop(r, n, FPATH_MSG_UNSUPPORTED);
    }
    bool member = false;
    ErrCode err = calls->member_of(r->env->ctx, &r->items[base], valueset, &member);
    if (err == ERR_NOT_FOUND) {
        return empty(r, base);
    }
    TRY(err);
    return fpath_give_bool(r, base, member);
}

static ErrCode subsumption(FpathRun *r, FPATH_FN_ARGS, size_t base, bool by) {
    size_t mid = r->top;
    TRY(fpath_run(r, n->args[0], s));
    if (mid - base > 1 || r->top - mid > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    if (mid == base || r->top == mid) {
        return empty(r, base);
    }
    const FpathCallbacks *calls = r->env->callbacks;
    if (calls == NULL || calls->subsumes == NULL) {
        return fpath_stop(r, n, FPATH_MSG_UNSUPPORTED);
    }
    bool result = false;
    ErrCode err = calls->subsumes(r->env->ctx, &r->items[by ? mid : base],
                                  &r->items[by ? base : mid], &result);
    if (err == ERR_NOT_FOUND) {
        return empty(r, base);
    }
    TRY(err);
    return fpath_give_bool(r, base, result);
}
ErrCode fpath_fn_subsumes(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return subsumption(r, n, s, base, false);
}
ErrCode fpath_fn_subsumed_by(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    return subsumption(r, n, s, base, true);
}

ErrCode fpath_fn_conforms_to(FpathRun *r, FPATH_FN_ARGS, size_t base) {
    static const Str BASE = {"http://hl7.org/fhir/StructureDefinition/", 40};
    Str profile = STR_EMPTY;
    bool found = false;
    if (r->top - base > 1) {
        return fpath_stop(r, n, FPATH_MSG_SINGLE);
    }
    TRY(fpath_arg_str(r, n, 0, s, &profile, &found));
    if (r->top == base || !found) {
        return empty(r, base);
    }
    const FpathCallbacks *calls = r->env->callbacks;
    bool conforms = false;
    ErrCode err = ERR_NOT_FOUND;
    if (calls != NULL && calls->conforms_to != NULL) {
        err = calls->conforms_to(r->env->ctx, &r->items[base], profile, &conforms);
    }
    FhirType type = FHIR_T_NONE;
    if (err == ERR_NOT_FOUND && str_starts(profile, BASE)) {
        type = fhir_type_by_name(str_sub(profile, BASE.len, profile.len));
    }
    if (err == ERR_NOT_FOUND && type == FHIR_T_NONE) {
        return fpath_fail(&r->source, n->at, FPATH_MSG_PROFILE, profile);
    }
    if (type != FHIR_T_NONE) {
        FpathTypeName name = {.fhir = (FhirShape)type};
        return fpath_give_bool(r, base, fpath_item_is(&r->items[base], name, true));
    }
    TRY(err);
    return fpath_give_bool(r, base, conforms);
}

/* ---- the table */

const FpathFnDef FPATH_FNS[] = {
#define X(fn, name, min, max, gives, flags)                                                        \
    {name, min, max, FPATH_GIVES_##gives, flags, fpath_fn_##fn},
    FPATH_FN_LIST(X)
#undef X
};
const unsigned FPATH_FN_COUNT = ARRAY_LEN(FPATH_FNS);
