#include "core/fold.h"
#include "core/json.h"
#include "core/limits.h"
#include "intake/intake_int.h"

enum { MATCHES_MAX = 16 };

ErrCode intake_expect(Plan *plan, const StoreExpect *token) {
    if (plan->n_expects == plan->cap_expects) {
        size_t cap = plan->cap_expects == 0 ? 16 : plan->cap_expects * 2;
        StoreExpect *grown = arena_new_array(plan->arena, StoreExpect, cap);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (plan->n_expects > 0) {
            memcpy(grown, plan->expects, plan->n_expects * sizeof(*grown));
        }
        plan->expects = grown;
        plan->cap_expects = cap;
    }
    plan->expects[plan->n_expects++] = *token;
    return ERR_OK;
}

ErrCode intake_look_up(Intake *intake, Plan *plan, const IntakeLook *look, StoreVersion *ret) {
    StoreVersion *found = NULL;
    size_t n = 0;
    *ret = (StoreVersion){0};
    TRY(intake_expect(plan, &look->token));
    TRY(store_find(intake->store, plan->arena, &look->token, MATCHES_MAX, &found, &n));
    for (size_t i = 0; i < n && ret->first == 0; i++) {
        if (look->patient == 0 || found[i].patient == look->patient) {
            *ret = found[i];
        }
    }
    return ERR_OK;
}

/* Has the Patient a national number, and another one than the claim's? */
static bool other_nation_number(Arena *arena, const JsonNode *patient,
                                const ClaimIdentity *identity) {
    const JsonNode *list = json_get_lit(patient, "identifier");
    const ClaimToken *own = NULL;
    for (size_t i = 0; i < identity->n_tokens && own == NULL; i++) {
        own = identity->tokens[i].is_national ? &identity->tokens[i] : NULL;
    }
    bool other = false;
    for (const JsonNode *e = own != NULL && json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get_lit(e, "system"), own->system)) {
            Str value = json_str(arena, json_get_lit(e, "value"));
            if (str_eq(value, own->value)) {
                return false;
            }
            other = other || claim_identifies(own->system, value);
        }
    }
    return other;
}

static bool same_name(Arena *arena, const JsonNode *patient, const Work *work) {
    Str name = fold(arena, json_str(arena, json_path(patient, "name.text")));
    return name.len > 0 && str_eq(name, work->map.identity.name);
}

static bool same_birth(Arena *arena, const JsonNode *patient, const Work *work) {
    Str birth = json_str(arena, json_get_lit(patient, "birthDate"));
    Str claimed = work->map.identity.birth;
    return birth.len > 0 && claimed.len > 0 &&
           str_starts(birth, str_sub(claimed, 0, MIN(birth.len, claimed.len)));
}

bool intake_same_person(Arena *arena, Str json, const Work *work) {
    const JsonNode *root = NULL;
    if (json_parse(arena, json, &root, NULL) != ERR_OK ||
        (!work->relatives && other_nation_number(arena, root, &work->map.identity)) ||
        intake_is_stranger(arena, root, work)) {
        return false;
    }
    return same_birth(arena, root, work) || same_name(arena, root, work);
}

/* With the claim's own birth date in the text there is nothing to weigh: so it is, as a rule. */
static bool says_birth(Str json, Str birth) {
    Str mark = STR("\"birthDate\":\"");
    size_t at = str_find(json, mark);
    return at != SIZE_MAX && birth.len > 0 &&
           str_starts(str_sub(json, at + mark.len, json.len), birth);
}

/* One who has the claim's CCCD. A number that is a relative's by its own digits says nothing but
 * with the same name: then the birth date is the wrong one. */
static bool national_fits(Arena *arena, Str json, Work *work) {
    const JsonNode *root = NULL;
    bool relatives = intake_is_relatives(work);
    if ((!relatives && says_birth(json, work->map.identity.birth)) ||
        json_parse(arena, json, &root, NULL) != ERR_OK) {
        return true;
    }
    bool stranger = intake_is_stranger(arena, root, work);
    work->relatives = work->relatives || (stranger && intake_is_theirs(arena, root, work));
    return !stranger && (!relatives || same_name(arena, root, work));
}

/* A mother's card says who her newborn is as little as her CCCD: name and date together do. */
static bool number_fits(Arena *arena, Str json, const ClaimToken *t, const Work *work) {
    const JsonNode *root = NULL;
    bool relatives = str_eq(t->system, STR(CLAIM_SYSTEM_RELATIVE));
    if (!intake_same_person(arena, json, work)) {
        return false;
    }
    bool both = relatives || (t->is_adults && intake_is_infant(work));
    return !both || (json_parse(arena, json, &root, NULL) == ERR_OK &&
                     same_birth(arena, root, work) && same_name(arena, root, work));
}

/* Several citizens may carry one card: the newest of them that can be this one. */
static ErrCode find_by(Intake *intake, Plan *plan, Work *work, const ClaimToken *t,
                       StoreVersion *ret) {
    StoreExpect token = {
        .type = FHIR_T_PATIENT,
        .param = FHIR_P_IDENTIFIER,
        .system = t->system,
        .value = t->value,
    };
    StoreVersion *found = NULL;
    size_t n = 0;
    TRY(intake_expect(plan, &token));
    TRY(store_find(intake->store, plan->arena, &token, MATCHES_MAX, &found, &n));
    for (size_t i = 0; i < n && ret->first == 0; i++) {
        bool fits = t->is_national ? national_fits(plan->arena, found[i].json, work)
                                   : number_fits(plan->arena, found[i].json, t, work);
        *ret = fits ? found[i] : *ret;
    }
    return ERR_OK;
}

ErrCode intake_find_patient(Intake *intake, Plan *plan, Work *work, StoreVersion *ret) {
    const ClaimIdentity *identity = &work->map.identity;
    StoreVersion found = {0};
    work->torn = false;
    work->relatives = intake_is_relatives(work);
    for (size_t i = 0; i < identity->n_tokens; i++) {
        const ClaimToken *t = &identity->tokens[i];
        StoreVersion match = {0};
        TRY(find_by(intake, plan, work, t, &match));
        work->relatives = work->relatives && !(t->is_national && match.first != 0);
        if (found.first == 0) {
            found = match;
        }
        work->torn = work->torn || (match.first != 0 && match.first != found.first);
    }
    if (found.first == 0 && work->relatives) {
        ClaimToken theirs = {.system = STR(CLAIM_SYSTEM_RELATIVE),
                             .value = identity->tokens[0].value};
        TRY(find_by(intake, plan, work, &theirs, &found));
    }
    *ret = found;
    return ERR_OK;
}

/* ---- merging ---- */

static bool has_identifier(const JsonNode *list, Arena *arena, const JsonNode *one) {
    Str system = json_str(arena, json_get_lit(one, "system"));
    Str value = json_str(arena, json_get_lit(one, "value"));
    if (!json_is(list, JSON_ARRAY)) {
        return false;
    }
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (json_str_is(json_get_lit(e, "system"), system) &&
            json_str_is(json_get_lit(e, "value"), value)) {
            return true;
        }
    }
    return false;
}

static void put_elements(JsonWriter *w, const JsonNode *list) {
    for (const JsonNode *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; e != NULL;
         e = json_next(list, e)) {
        json_put_node(w, e);
    }
}

/* All identifiers of `first`, then those of `second` that are new. */
static void put_identifiers(JsonWriter *w, Arena *arena, const JsonNode *first,
                            const JsonNode *second) {
    const JsonNode *a = json_get_lit(first, "identifier");
    const JsonNode *b = json_get_lit(second, "identifier");
    if (a == NULL && b == NULL) {
        return;
    }
    json_name(w, "identifier");
    json_open_array(w);
    put_elements(w, a);
    for (const JsonNode *e = json_is(b, JSON_ARRAY) ? json_first(b) : NULL; e != NULL;
         e = json_next(b, e)) {
        if (!has_identifier(a, arena, e)) {
            json_put_node(w, e);
        }
    }
    json_close_array(w);
}

static bool is_own_member(const JsonNode *name) {
    return json_str_is(name, STR("id")) || json_str_is(name, STR("meta")) ||
           json_str_is(name, STR("identifier"));
}

/* Does the newer claim know only a part of the birth date that is known already (1990 of
 * 1990-01-31)? The whole one stays. */
static bool keeps_birth(Arena *arena, Str name, const JsonNode *known, const JsonNode *claimed) {
    return str_eq(name, STR("birthDate")) &&
           str_starts(json_str(arena, known), json_str(arena, claimed));
}

/* known's members in known's order, with the values of `newer` where it has them; then what only
 * the other has. Identifiers are the union, in the order in which they became known. */
static void put_merged(JsonWriter *w, Arena *arena, const JsonNode *known, const JsonNode *claimed,
                       bool claimed_is_newer) {
    json_open_object(w);
    json_member(w, "resourceType", STR("Patient"));
    put_identifiers(w, arena, known, claimed);
    for (const JsonNode *m = json_first(known); m != NULL; m = json_next(known, m)) {
        if (is_own_member(m) || json_str_is(m, STR("resourceType"))) {
            continue;
        }
        Str name = json_str(arena, m);
        const JsonNode *other = claimed_is_newer ? json_get(claimed, name) : NULL;
        bool take = other != NULL && !keeps_birth(arena, name, json_value(m), other);
        json_put_name(w, name);
        json_put_node(w, take ? other : json_value(m));
    }
    for (const JsonNode *m = json_first(claimed); m != NULL; m = json_next(claimed, m)) {
        Str name = json_str(arena, m);
        if (!is_own_member(m) && json_get(known, name) == NULL) {
            json_put_name(w, name);
            json_put_node(w, json_value(m));
        }
    }
    json_close_object(w);
}

/* Equal but for the date of the visit that the facts are from? That alone is no new version. */
static bool same_but_as_of(Str a, Str b) {
    Str mark = STR("/as-of\",\"valueDateTime\":\"");
    size_t at_a = str_find(a, mark);
    size_t at_b = str_find(b, mark);
    if (at_a == SIZE_MAX || at_b == SIZE_MAX) {
        return str_eq(a, b);
    }
    size_t end_a = str_find_char(a, '"', at_a + mark.len);
    size_t end_b = str_find_char(b, '"', at_b + mark.len);
    return str_eq(str_sub(a, 0, at_a), str_sub(b, 0, at_b)) &&
           str_eq(str_sub(a, end_a, a.len), str_sub(b, end_b, b.len));
}

ErrCode intake_merge_patient(Arena *arena, Str known, Str claimed, bool claimed_is_newer,
                             Str *ret_json) {
    const JsonNode *a = NULL;
    const JsonNode *b = NULL;
    TRY(json_parse(arena, known, &a, NULL));
    TRY(json_parse(arena, claimed, &b, NULL));
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_RESOURCE_BYTES);
    JsonWriter w = json_writer(&out);
    put_merged(&w, arena, a, b, claimed_is_newer);
    TRY(buf_ok(&out));
    /* Against the known one in the same member order: is anything different? */
    CLEANUP_BUF Buf same;
    buf_init(&same, LIMIT_RESOURCE_BYTES);
    w = json_writer(&same);
    put_merged(&w, arena, a, a, false);
    TRY(buf_ok(&same));
    *ret_json =
        same_but_as_of(buf_str(&out), buf_str(&same)) ? STR_EMPTY : arena_str(arena, buf_str(&out));
    return ERR_OK;
}
