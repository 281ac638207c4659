/* Profiles behind the routes: the catalogue follows the store; what a write must fulfil. */
#include "rest/rest_profile.h"

#include "profile/profile_core.h"

enum { HISTORY_PAGE = 200, REFRESH_ARENA = 512 << 20 };

struct RestProfiles {
    Profiles *profiles;
    Mutex lock;         /* of what follows, held while the store is read */
    uint64_t seen;      /* intake_definitions when it was last looked; UINT64_MAX: never */
    Slot newest;        /* the newest version of a StructureDefinition that was taken in */
    uint64_t number;    /* of changes */
    ProfileLevel level; /* the highest of levels */
    uint8_t levels[FHIR_RESOURCE_COUNT + 1];
};

/* ---- the setting: "base" or "structure,Patient=profiles,Claim=base" ---- */

static bool level_of(Str word, ProfileLevel *ret) {
    static const char *const words[] = {"structure", "base", "profiles"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(word, str_from(words[i]))) {
            *ret = (ProfileLevel)i;
            return true;
        }
    }
    return false;
}

static ErrCode bad_setting(Str part, ErrInfo *info) {
    return err_set(info, ERR_PARAM, "setting-validation",
                   "validation: '" STR_FMT
                   "' is none of structure, base, profiles or Type=structure|base|profiles",
                   "validation: '" STR_FMT
                   "' không phải structure, base, profiles hay Type=structure|base|profiles",
                   STR_ARG(part));
}

static ErrCode read_setting(RestProfiles *p, Str text, ErrInfo *info) {
    Str part;
    while (str_cut(&text, ',', &part)) {
        Str word = str_trim(part);
        Str name;
        ProfileLevel level = PROFILE_STRUCTURE;
        bool typed = str_find_char(word, '=', 0) != SIZE_MAX;
        if (typed) {
            (void)str_cut(&word, '=', &name);
        }
        FhirType type = typed ? fhir_resource_by_name(str_trim(name)) : FHIR_T_NONE;
        if (!level_of(str_trim(word), &level) || (typed && type == FHIR_T_NONE)) {
            return bad_setting(part, info);
        }
        if (typed) {
            p->levels[type] = (uint8_t)level;
        } else {
            memset(p->levels, (int)level, sizeof(p->levels));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(p->levels); i++) {
        p->level = MAX(p->level, (ProfileLevel)p->levels[i]);
    }
    return ERR_OK;
}

ErrCode rest_profiles_new(Rest *rest, RestProfiles **ret_profiles, ErrInfo *info) {
    RestProfiles *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&p->lock);
    p->seen = UINT64_MAX;
    ErrCode err = read_setting(p, str_from(rest->o.settings->validation), info);
    err = err == ERR_OK ? profiles_new(&p->profiles) : err;
    if (err != ERR_OK) {
        rest_profiles_free(p);
        return err;
    }
    *ret_profiles = p;
    return ERR_OK;
}

void rest_profiles_free(RestProfiles *p) {
    if (p != NULL) {
        profiles_free(p->profiles);
        mutex_release(&p->lock);
        free(p);
    }
}

/* ---- in step with the store ---- */

/* What changed since the last time; of each resource only the newest version. */
typedef struct Changes {
    ProfileText *items;
    size_t n, capacity;
} Changes;

static bool has_change(const Changes *c, Str name) {
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->items[i].name, name)) {
            return true;
        }
    }
    return false;
}

static ErrCode add_change(Arena *arena, Changes *c, const StoreVersion *v) {
    if (has_change(c, v->id)) {
        return ERR_OK;
    }
    if (c->n == c->capacity) {
        size_t more = MAX(2 * c->capacity, (size_t)64);
        ProfileText *items = arena_new_array(arena, ProfileText, more);
        if (items == NULL) {
            return ERR_NOMEM;
        }
        if (c->n > 0) {
            memcpy(items, c->items, c->n * sizeof(*items));
        }
        c->items = items;
        c->capacity = more;
    }
    c->items[c->n++] = (ProfileText){v->id, v->deleted ? STR_EMPTY : v->json};
    return ERR_OK;
}

/* Versions above p->newest, newest first. */
static ErrCode collect(Rest *rest, RestProfiles *p, Arena *arena, Changes *ret, Slot *ret_newest) {
    StoreHistory h = {.type = FHIR_T_STRUCTURE_DEFINITION, .count = 1};
    bool more = true;
    *ret_newest = p->newest;
    while (more) {
        StoreVersion *versions = NULL;
        size_t n = 0;
        Slot next = 0;
        TRY(store_history(rest->store, arena, &h, &versions, &n, &next));
        for (size_t i = 0; i < n && more; i++) {
            more = versions[i].slot > p->newest;
            if (more) {
                *ret_newest = MAX(*ret_newest, versions[i].slot);
                TRY(add_change(arena, ret, &versions[i]));
            }
        }
        more = more && next != 0 && n > 0;
        h.before = next;
        h.count = HISTORY_PAGE;
    }
    return ERR_OK;
}

static ErrCode refresh(Rest *rest, RestProfiles *p, ErrInfo *info) {
    uint64_t now = intake_definitions(rest->intake);
    if (now == p->seen) {
        return ERR_OK;
    }
    CLEANUP_ARENA Arena *arena = arena_new(REFRESH_ARENA);
    Changes changes = {0};
    Slot newest = 0;
    TRY(arena == NULL ? ERR_NOMEM : collect(rest, p, arena, &changes, &newest));
    if (changes.n > 0) {
        TRY(profiles_put(p->profiles, changes.items, changes.n, NULL, info));
        p->number++;
    }
    p->newest = newest;
    p->seen = now;
    return ERR_OK;
}

ErrCode rest_profiles_hold(Rest *rest, const ProfileSet **ret_set, ErrInfo *info) {
    RestProfiles *p = rest->profiles;
    MUTEX_GUARD(&p->lock);
    TRY(refresh(rest, p, info));
    *ret_set = profiles_hold(p->profiles);
    return ERR_OK;
}

uint64_t rest_profiles_number(Rest *rest) {
    RestProfiles *p = rest->profiles;
    MUTEX_GUARD(&p->lock);
    ErrCode err = refresh(rest, p, NULL);
    return err == ERR_OK ? p->number : UINT64_MAX;
}

/* ---- hooks: terminology and the store ---- */

typedef struct Around {
    Rest *rest;
    const TermView *view;
    Arena *arena;
} Around;

static ProfileVerdict on_member_of(void *ctx, Arena *arena, Str value_set, const JsonNode *value) {
    const Around *a = ctx;
    const TermSet *set = term_set(a->view, value_set);
    TermVerdict verdict = set == NULL ? TERM_UNKNOWN : term_set_has_node(set, arena, value);
    return verdict == TERM_YES ? PROFILE_YES : verdict == TERM_NO ? PROFILE_NO : PROFILE_UNKNOWN;
}

static ProfileVerdict on_exists(void *ctx, FhirType type, Str id) {
    const Around *a = ctx;
    StoreVersion v;
    ErrCode err = store_get(a->rest->store, a->arena, type, id, &v);
    return err == ERR_OK                             ? PROFILE_YES
           : err == ERR_NOT_FOUND || err == ERR_GONE ? PROFILE_NO
                                                     : PROFILE_UNKNOWN;
}

/* "Type/id", perhaps behind our own base. */
static const JsonNode *on_resolve(void *ctx, Arena *arena, Str reference) {
    const Around *a = ctx;
    Str base = a->rest->base_url;
    if (str_starts(reference, base) && reference.len > base.len + 1) {
        reference = str_sub(reference, base.len + 1, SIZE_MAX);
    }
    Str id = reference;
    Str type;
    StoreVersion v;
    const JsonNode *root = NULL;
    (void)str_cut(&id, '/', &type);
    FhirType t = fhir_resource_by_name(type);
    bool found = t != FHIR_T_NONE && store_get(a->rest->store, arena, t, id, &v) == ERR_OK &&
                 json_parse(arena, v.json, &root, NULL) == ERR_OK;
    return found ? root : NULL;
}

static ErrCode run(RestCall *call, const FhirResource *resource, ProfileOptions *o,
                   FhirIssues *issues) {
    Rest *rest = call->rest;
    const ProfileSet *set = NULL;
    ErrInfo info = {0};
    ErrCode err = rest_profiles_hold(rest, &set, &info);
    if (err != ERR_OK) {
        return err;
    }
    Around around = {.rest = rest, .view = term_view(rest->term), .arena = call->arena};
    const ProfileHooks hooks = {
        .ctx = &around, .member_of = on_member_of, .exists = on_exists, .resolve = on_resolve};
    o->hooks = &hooks;
    err = profile_validate(set, resource, o, issues);
    term_view_end(around.view);
    profiles_drop(set);
    return err;
}

ErrCode rest_validate_write(RestCall *call, const FhirResource *resource, FhirIssues *issues) {
    const RestProfiles *p = call->rest->profiles;
    if (p->level == PROFILE_STRUCTURE) {
        return fhir_validate(resource, NULL, issues);
    }
    ProfileOptions o = {.level = p->level, .levels = p->levels, .errors_only = true};
    return run(call, resource, &o, issues);
}

ErrCode rest_validate_all(RestCall *call, const FhirResource *resource, const Str *profiles,
                          size_t n_profiles, FhirIssues *issues) {
    ProfileOptions o = profile_options();
    o.profiles = profiles;
    o.n_profiles = n_profiles;
    o.missing_reference = PROFILE_WARN;
    return run(call, resource, &o, issues);
}

/* ---- what is part of the program ---- */

ErrCode rest_profile_builtin(const RestGet *get, StoreVersion *ret) {
    ProfileResource r;
    if (!profile_core_find(str_from(fhir_type_name(get->type)), get->id, &r)) {
        return ERR_NOT_FOUND;
    }
    *ret = (StoreVersion){.type = get->type,
                          .version = 1,
                          .time = get->call->rest->started,
                          .id = r.id,
                          .json = r.json};
    return ERR_OK;
}

ErrCode rest_profile_complete(const RestGet *get, RestPage *page) {
    Arena *arena = get->call->arena;
    Str url = rest_query_in(get->call, get->query, "url");
    RestGet read = *get;
    const JsonNode *root = NULL;
    StoreVersion *v = arena_new_array(arena, StoreVersion, 1);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    read.id = url;
    for (size_t at = 0; (at = str_find_char(read.id, '/', 0)) != SIZE_MAX;) {
        read.id = str_sub(read.id, at + 1, read.id.len);
    }
    if (url.len == 0 || get->compartment != FHIR_T_NONE ||
        rest_profile_builtin(&read, v) != ERR_OK) {
        return ERR_OK;
    }
    TRY(json_parse(arena, v->json, &root, NULL));
    if (str_eq(json_str(arena, json_get_lit(root, "url")), url)) {
        page->entries = v;
        page->n_entries = 1;
        page->total = 1;
    }
    return ERR_OK;
}

void rest_put_profiles(JsonWriter *w, Rest *rest, FhirType type) {
    static const char backport[] =
        "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
        "backport-subscription";
    const ProfileSet *set = NULL;
    ProfileInfo info;
    bool open = false;
    if (rest_profiles_hold(rest, &set, NULL) != ERR_OK) {
        return;
    }
    if (type == FHIR_T_SUBSCRIPTION) { /* what src/subs reads, whether its guide is here or not */
        json_name(w, "supportedProfile");
        json_open_array(w);
        json_put_str(w, str_from(backport));
        open = true;
    }
    for (size_t i = 0; profile_each(set, i, &info); i++) {
        if (!info.is_resource || !str_eq(info.type, str_from(fhir_type_name(type))) ||
            str_eq(info.url, str_from(backport))) {
            continue;
        }
        if (!open) {
            json_name(w, "supportedProfile");
            json_open_array(w);
            open = true;
        }
        json_put_str(w, info.url);
    }
    if (open) {
        json_close_array(w);
    }
    profiles_drop(set);
}
