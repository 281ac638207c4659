#include "core/hash.h"
#include "core/thread.h"
#include "profile/profile_core.h"
#include "profile/profile_int.h"

enum { ENTRY_ARENA = 64 << 20, SET_ARENA = 512 << 20 };

/* One StructureDefinition; shared by snapshots. */
typedef struct Entry {
    atomic_uint users;
    Arena *arena;    /* NULL: built in, its text is part of the program */
    uint64_t number; /* later ones win */
    Str name;        /* under which it was given */
    ProfileInfo info;
} Entry;

struct ProfileSet {
    atomic_uint users;
    size_t n;
    Entry **entries;                    /* by url; of one url the newest first */
    _Atomic(const Profile *) *compiled; /* beside entries */
    uint32_t *slots;                    /* hash of url → place of its first entry + 1 */
    size_t mask;
    Mutex lock; /* arena, writing of compiled */
    Arena *arena;
    unsigned depth; /* base profiles being compiled, under the lock */
};

struct Profiles {
    Mutex lock; /* current, number */
    ProfileSet *current;
    uint64_t number;
    Arena *builtin;
};

/* ---- canonicals */

Str profile_url_of(Str canonical, Str *ret_version) {
    size_t bar = str_find_char(canonical, '|', 0);
    *ret_version = bar == SIZE_MAX ? STR_EMPTY : str_sub(canonical, bar + 1, SIZE_MAX);
    return str_sub(canonical, 0, MIN(bar, canonical.len));
}

FhirType profile_core_type(Str canonical) {
    Str version;
    Str url = profile_url_of(canonical, &version);
    Str stem = STR(PROFILE_CORE_URL);
    return str_starts(url, stem) ? fhir_type_by_name(str_sub(url, stem.len, SIZE_MAX))
                                 : FHIR_T_NONE;
}

/* ---- entries */

static void entry_drop(Entry *e) {
    if (e != NULL && atomic_fetch_sub(&e->users, 1) == 1) {
        arena_free(e->arena);
        free(e);
    }
}

static Str member(Arena *arena, const JsonNode *root, const char *name) {
    return json_str(arena, json_get(root, str_from(name)));
}

/* text lives as long as arena. */
static ErrCode entry_fill(Entry *e, Arena *arena, Str text) {
    const JsonNode *root = NULL;
    TRY(json_parse(arena, text, &root, NULL));
    e->info.url = member(arena, root, "url");
    e->info.version = member(arena, root, "version");
    e->info.name = member(arena, root, "name");
    e->info.title = member(arena, root, "title");
    e->info.id = member(arena, root, "id");
    e->info.type = member(arena, root, "type");
    e->info.sd = root;
    FhirType type = fhir_type_by_name(e->info.type);
    e->info.is_resource = fhir_type_kind(type) == FHIR_KIND_RESOURCE &&
                          str_eq(member(arena, root, "derivation"), STR("constraint"));
    if (arena_failed(arena)) {
        return ERR_NOMEM;
    }
    bool fits = json_str_is(json_get_lit(root, "resourceType"), STR("StructureDefinition")) &&
                e->info.url.len > 0 && e->info.type.len > 0;
    return fits ? ERR_OK : ERR_INVALID;
}

/* builtin: of the program, in that arena, which lives as long as the catalogue; else NULL. */
static ErrCode entry_new(Arena *builtin, const ProfileText *given, Entry **ret) {
    Entry *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return ERR_NOMEM;
    }
    atomic_init(&e->users, 1);
    e->info.is_builtin = builtin != NULL;
    e->arena = builtin != NULL ? NULL : arena_new(ENTRY_ARENA);
    Arena *arena = builtin != NULL ? builtin : e->arena;
    ErrCode err = arena == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK) {
        Str text = builtin != NULL ? given->json : arena_str(arena, given->json);
        e->name = builtin != NULL ? given->name : arena_str(arena, given->name);
        err = entry_fill(e, arena, text);
    }
    if (err != ERR_OK) {
        entry_drop(e);
        return err;
    }
    *ret = e;
    return ERR_OK;
}

/* ---- snapshots */

void profiles_drop(const ProfileSet *set) {
    ProfileSet *s = (ProfileSet *)(uintptr_t)set; /* counted, otherwise never changed */
    if (s == NULL || atomic_fetch_sub(&s->users, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        entry_drop(s->entries[i]);
    }
    free(s->entries);
    free(s->compiled);
    free(s->slots);
    arena_free(s->arena);
    mutex_release(&s->lock);
    free(s);
}

const ProfileSet *profiles_hold(Profiles *p) {
    MUTEX_GUARD(&p->lock);
    atomic_fetch_add(&p->current->users, 1);
    return p->current;
}

/* By url; what was given later comes first, what is built in last. */
static int by_url(const void *a, const void *b) {
    const Entry *x = *(Entry *const *)a;
    const Entry *y = *(Entry *const *)b;
    int order = str_cmp(x->info.url, y->info.url);
    if (order != 0) {
        return order;
    }
    if (x->info.is_builtin != y->info.is_builtin) {
        return x->info.is_builtin ? 1 : -1;
    }
    return x->number > y->number ? -1 : x->number < y->number;
}

/* Takes the entries over (also on failure). */
static ErrCode set_new(Entry **entries, size_t n, ProfileSet **ret) {
    size_t size = 16;
    while (size < 2 * n) {
        size *= 2;
    }
    ProfileSet *s = calloc(1, sizeof(*s));
    Arena *arena = arena_new(SET_ARENA);
    uint32_t *slots = calloc(size, sizeof(*slots));
    _Atomic(const Profile *) *compiled = calloc(n + 1, sizeof(*compiled));
    if (s == NULL || arena == NULL || slots == NULL || compiled == NULL) {
        for (size_t i = 0; i < n; i++) {
            entry_drop(entries[i]);
        }
        free(entries);
        free(s);
        arena_free(arena);
        free(slots);
        free(compiled);
        return ERR_NOMEM;
    }
    *s = (ProfileSet){.n = n,
                      .entries = entries,
                      .compiled = compiled,
                      .slots = slots,
                      .mask = size - 1,
                      .arena = arena};
    atomic_init(&s->users, 1);
    mutex_init(&s->lock);
    if (n > 0) {
        qsort(entries, n, sizeof(Entry *), by_url);
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && str_eq(entries[i]->info.url, entries[i - 1]->info.url)) {
            continue;
        }
        size_t at = hash64(entries[i]->info.url) & s->mask;
        while (slots[at] != 0) {
            at = (at + 1) & s->mask;
        }
        slots[at] = (uint32_t)i + 1;
    }
    *ret = s;
    return ERR_OK;
}

/* The place of a canonical, or SIZE_MAX. */
static size_t place_of(const ProfileSet *s, Str canonical) {
    Str version;
    Str url = profile_url_of(canonical, &version);
    size_t at = hash64(url) & s->mask;
    for (; s->slots[at] != 0; at = (at + 1) & s->mask) {
        size_t i = s->slots[at] - 1;
        if (!str_eq(s->entries[i]->info.url, url)) {
            continue;
        }
        for (; i < s->n && str_eq(s->entries[i]->info.url, url); i++) {
            if (version.len == 0 || str_eq(s->entries[i]->info.version, version)) {
                return i;
            }
        }
        return SIZE_MAX;
    }
    return SIZE_MAX;
}

bool profile_find(const ProfileSet *set, Str canonical, ProfileInfo *ret_info) {
    size_t i = place_of(set, canonical);
    if (i == SIZE_MAX) {
        return false;
    }
    *ret_info = set->entries[i]->info;
    return true;
}

bool profile_each(const ProfileSet *set, size_t at, ProfileInfo *ret_info) {
    if (at >= set->n) {
        return false;
    }
    *ret_info = set->entries[at]->info;
    return true;
}

/* ---- compiled profiles */

static const Profile *compile_at(ProfileSet *s, size_t i);

static const Profile *base_of(void *ctx, Str canonical) {
    ProfileSet *s = ctx;
    size_t i = place_of(s, canonical);
    if (i == SIZE_MAX || s->depth >= LIMIT_PROFILE_BASES) {
        return NULL;
    }
    s->depth++;
    const Profile *p = compile_at(s, i);
    s->depth--;
    return p;
}

/* Under the lock. */
static const Profile *compile_at(ProfileSet *s, size_t i) {
    const Profile *p = atomic_load_explicit(&s->compiled[i], memory_order_acquire);
    if (p == NULL) {
        ProfileCompile how = {.arena = s->arena, .base = base_of, .ctx = s};
        p = profile_compile(&how, &s->entries[i]->info);
        atomic_store_explicit(&s->compiled[i], p, memory_order_release);
    }
    return p;
}

const Profile *profile_get(const ProfileSet *set, Str canonical) {
    ProfileSet *s = (ProfileSet *)(uintptr_t)set; /* the cache fills itself */
    size_t i = place_of(s, canonical);
    if (i == SIZE_MAX) {
        return NULL;
    }
    const Profile *p = atomic_load_explicit(&s->compiled[i], memory_order_acquire);
    if (p == NULL) {
        MUTEX_GUARD(&s->lock);
        s->depth = 0;
        p = compile_at(s, i);
    }
    return p;
}

ErrCode profile_check(const ProfileSet *set, Str canonical, ErrInfo *info) {
    const Profile *p = profile_get(set, canonical);
    if (p == NULL) {
        return err_plain(info, ERR_NOT_FOUND, "profile-unknown");
    }
    if (p->is_broken && info != NULL) {
        *info = p->why;
    }
    return p->is_broken ? p->why.code : ERR_OK;
}

/* ---- the catalogue */

/* Is the stored definition of that name given anew, or gone? */
static bool is_replaced(const Entry *e, const ProfileText *texts, size_t n) {
    for (size_t i = 0; i < n && !e->info.is_builtin; i++) {
        if (str_eq(e->name, texts[i].name)) {
            return true;
        }
    }
    return false;
}

/* The entries that stay, each with one more user, and the new ones, which are taken over. */
static ErrCode publish(Profiles *p, Entry **fresh, size_t n_fresh, const ProfileText *texts,
                       size_t n_texts) {
    Entry **all = calloc(p->current->n + n_fresh + 1, sizeof(Entry *));
    size_t n = 0;
    for (size_t i = 0; all != NULL && i < p->current->n; i++) {
        Entry *e = p->current->entries[i];
        if (!is_replaced(e, texts, n_texts)) {
            atomic_fetch_add(&e->users, 1);
            all[n++] = e;
        }
    }
    for (size_t k = 0; k < n_fresh; k++) {
        fresh[k]->number = ++p->number;
        if (all == NULL) {
            entry_drop(fresh[k]);
        } else {
            all[n++] = fresh[k];
        }
    }
    ProfileSet *next = NULL;
    TRY(all == NULL ? ERR_NOMEM : set_new(all, n, &next));
    profiles_drop(p->current);
    p->current = next;
    return ERR_OK;
}

/* Of one name given twice the last counts. */
static bool comes_again(const ProfileText *texts, size_t n, size_t at) {
    for (size_t i = at + 1; i < n; i++) {
        if (str_eq(texts[i].name, texts[at].name)) {
            return true;
        }
    }
    return false;
}

static ErrCode make_entries(const ProfileText *texts, size_t n, Entry **out, size_t *ret_n,
                            size_t *ret_refused) {
    ErrCode err = ERR_OK;
    size_t made = 0;
    size_t refused = 0;
    for (size_t i = 0; i < n && err != ERR_NOMEM; i++) {
        if (texts[i].json.len == 0 || comes_again(texts, n, i)) {
            continue;
        }
        err = entry_new(NULL, &texts[i], &out[made]);
        made += err == ERR_OK;
        refused += err != ERR_OK;
    }
    *ret_n = made;
    if (ret_refused != NULL) {
        *ret_refused = refused;
    }
    return err == ERR_NOMEM ? err : ERR_OK;
}

ErrCode profiles_put(Profiles *p, const ProfileText *texts, size_t n, size_t *ret_refused,
                     ErrInfo *info) {
    CLEANUP_FREE Entry **fresh = calloc(n + 1, sizeof(Entry *));
    if (fresh == NULL) {
        return ERR_NOMEM;
    }
    size_t made = 0;
    ErrCode err = make_entries(texts, n, fresh, &made, ret_refused);
    MUTEX_GUARD(&p->lock);
    if (err == ERR_OK && p->current->n + made > LIMIT_PROFILE_DEFINITIONS) {
        err = err_set(info, ERR_LIMIT, "profile-limit", "more than %d StructureDefinitions",
                      "quá %d StructureDefinition", LIMIT_PROFILE_DEFINITIONS);
    }
    if (err == ERR_OK) {
        return publish(p, fresh, made, texts, n);
    }
    for (size_t i = 0; i < made; i++) {
        entry_drop(fresh[i]);
    }
    return err;
}

/* All that came with the program. */
static ErrCode load_builtin(Profiles *p) {
    Entry **entries = calloc(profile_core_count() + 1, sizeof(Entry *));
    if (entries == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    ErrCode err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < profile_core_count(); i++) {
        ProfileResource r = profile_core_at(i);
        if (str_eq(r.type, STR("StructureDefinition"))) {
            ProfileText text = {r.id, r.json};
            err = entry_new(p->builtin, &text, &entries[n]);
            n += err == ERR_OK;
        }
    }
    if (err != ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            entry_drop(entries[i]);
        }
        free(entries);
        return err;
    }
    return set_new(entries, n, &p->current);
}

ErrCode profiles_new(Profiles **ret_profiles) {
    Profiles *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    mutex_init(&p->lock);
    p->builtin = arena_new(SET_ARENA);
    ErrCode err = p->builtin == NULL ? ERR_NOMEM : load_builtin(p);
    if (err != ERR_OK) {
        profiles_free(p);
        return err;
    }
    *ret_profiles = p;
    return ERR_OK;
}

void profiles_free(Profiles *p) {
    if (p == NULL) {
        return;
    }
    profiles_drop(p->current);
    arena_free(p->builtin);
    mutex_release(&p->lock);
    free(p);
}
