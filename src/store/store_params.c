/* The custom search parameters in use: read from the SearchParameter resources of the store when
 * one of them has changed, handed out as an immutable list. */
#include "store/index_core_int.h"
#include "store/index_db.h"
#include "store/record_int.h"

#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"

#include <dirent.h>
#include <unistd.h>

enum { ORDINALS = FHIR_P_CUSTOM_END - FHIR_P_CUSTOM };
#define DEF_BYTES (4 * LIMIT_MIB)
#define READ_BYTES (256 * LIMIT_MIB)
#define FILE_PREFIX "param-"

/* ---- one parameter ---- */

CustomParam *custom_ref(CustomParam *p) {
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

/* A list may outlive the store by a little: what closing needs is its own. */
static void index_options(CustomParam *p) {
    p->options = (IndexOptions){
        .path = p->path,
        .vfs = p->store->vfs == NULL ? NULL : arena_str(p->arena, str_from(p->store->vfs)).ptr,
        .seal_records = p->store->params.seal_records,
        .clock = p->store->clock};
    uint8_t text[sizeof(p->store->id_secret) + 16];
    memcpy(text, p->store->id_secret, sizeof(p->store->id_secret));
    u64_be_put(text + sizeof(p->store->id_secret), p->hash);
    u64_be_put(text + sizeof(p->store->id_secret) + 8, p->ordinal);
    sha256((Str){(const char *)text, sizeof(text)}, &p->options.identity);
}

void custom_unref(CustomParam *p) {
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    bool drop = atomic_load(&p->is_dropped);
    if (p->index != NULL && !drop) {
        enum { SEAL_MS = 5000 };
        ErrCode err = index_seal_rest(p->index, SEAL_MS);
        if (err != ERR_OK) {
            log_warn("param_index_not_sealed", "error", err_name(err));
        }
    }
    index_close(p->index);
    if (drop && index_db_delete(&p->options) != ERR_OK) {
        log_warn("param_index_not_removed", "ordinal", p->ordinal);
    }
    free(p->path);
    arena_free(p->arena);
    free(p);
}

/* A file that is about to go must not come back under its name while somebody reads it: then the
 * new one gets another name, and is made anew at the next start. */
static unsigned name_again(const CustomParam *p) {
    const Params *params = &p->store->params;
    for (size_t i = 0; i < PARAMS_DROPPED; i++) {
        if (params->dropped[i] == (p->hash ^ p->ordinal)) {
            return params->n_dropped;
        }
    }
    return 0;
}

static ErrCode custom_open(CustomParam *p, ErrInfo *info) {
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/" FILE_PREFIX "%04x-%016llx-%u.db", p->store->dir,
                     p->ordinal, (unsigned long long)p->hash, name_again(p));
    p->path = n > 0 && (size_t)n < sizeof(path) ? strdup(path) : NULL;
    if (p->path == NULL) {
        return ERR_NOMEM;
    }
    index_options(p);
    TRY(arena_failed(p->arena) ? ERR_NOMEM : ERR_OK);
    TRY(index_open(&p->options, &p->index, info));
    if (index_covered(p->index) > store_snapshot(p->store)) { /* of a log that is no more */
        index_close(TAKE(p->index));
        TRY(index_db_delete(&p->options));
        return index_open(&p->options, &p->index, info);
    }
    return ERR_OK;
}

typedef struct ListRead {
    Store *store;
    ParamList *old; /* may be NULL */
    ParamList *list;
    Arena *arena; /* one resource */
    unsigned ordinal;
} ListRead;

static ErrCode custom_new(const ListRead *r, const JsonNode *root, CustomParam **ret,
                          ErrInfo *info) {
    CustomParam *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    atomic_init(&p->refs, 1);
    p->store = r->store;
    p->ordinal = r->ordinal;
    p->arena = arena_new(DEF_BYTES);
    ParamRead read = {r->list, &p->def, info};
    ErrCode err = p->arena == NULL ? ERR_NOMEM : param_define(p->arena, root, &read);
    if (err != ERR_OK) {
        arena_free(p->arena);
        free(p);
        return err;
    }
    p->hash = param_hash(&p->def);
    err = custom_open(p, info);
    if (err != ERR_OK) {
        custom_unref(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

/* ---- the list ---- */

void param_list_give(ParamList *list) {
    if (list == NULL || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        custom_unref(list->params[i]);
    }
    arena_free(list->arena);
    free(list);
}

CustomParam *param_list_owner(const ParamList *list, const FhirSearchParam *param) {
    for (size_t i = 0; i < list->set.n; i++) {
        if (&list->set.rows[i].param == param) {
            return (CustomParam *)(uintptr_t)list->owner[i];
        }
    }
    return NULL;
}

static ErrCode list_extract(const FhirParamSet *set, Arena *arena, const FhirSearchParam *param,
                            const JsonNode *root, FhirIndexSink *sink) {
    const ParamList *list = (const ParamList *)set;
    CustomParam *owner = param_list_owner(list, param);
    assert(owner != NULL);
    return custom_extract(owner, arena, param, root, sink);
}

static ParamList *list_new(RecordNo at) {
    ParamList *list = calloc(1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }
    atomic_init(&list->refs, 1);
    list->at = at;
    list->set.extract = list_extract;
    list->arena = arena_new(DEF_BYTES);
    list->params =
        list->arena == NULL ? NULL : arena_new_array(list->arena, CustomParam *, STORE_PARAMS_MAX);
    if (list->params == NULL) {
        param_list_give(list);
        return NULL;
    }
    return list;
}

/* A row for each parameter and type. */
static ErrCode list_rows(ParamList *list) {
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        n += list->params[i]->def.n_bases;
    }
    FhirCustomParam *rows = arena_new_array(list->arena, FhirCustomParam, n + 1);
    list->owner = arena_new_array(list->arena, const CustomParam *, n + 1);
    if (rows == NULL || list->owner == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < list->n; i++) {
        const CustomParam *p = list->params[i];
        for (size_t k = 0; k < p->def.n_bases; k++) {
            list->owner[list->set.n] = p;
            rows[list->set.n++] =
                (FhirCustomParam){.type = p->def.bases[k],
                                  .param = {.code = p->def.code,
                                            .url = p->def.url,
                                            .expression = p->def.expression,
                                            .id = (FhirParamId)(FHIR_P_CUSTOM + p->ordinal),
                                            .type = (uint8_t)p->def.type,
                                            .n_parts = (uint8_t)p->def.n_parts,
                                            .n_targets = (uint16_t)p->def.n_targets,
                                            .targets = p->def.targets}};
            for (size_t at = 0; at < p->def.n_parts; at++) { /* their own ids have no part in it */
                rows[list->set.n - 1].param.parts[at].type = (uint8_t)p->def.parts[at].type;
            }
        }
    }
    list->set.rows = rows;
    return ERR_OK;
}

/* ---- reading ---- */

static ErrCode list_refuse(ListRead *r, const StoreVersion *v, const JsonNode *root,
                           const ErrInfo *why) {
    ParamList *list = r->list;
    StoreParamState *more = arena_new_array(list->arena, StoreParamState, list->n_refused + 1);
    if (more == NULL) {
        return ERR_NOMEM;
    }
    if (list->n_refused > 0) {
        memcpy(more, list->refused, list->n_refused * sizeof(*more));
    }
    more[list->n_refused++] = (StoreParamState){
        .id = arena_str(list->arena, v->id),
        .url = arena_str(list->arena, json_str(r->arena, json_get_lit(root, "url"))),
        .code = arena_str(list->arena, json_str(r->arena, json_get_lit(root, "code"))),
        .use = STORE_PARAM_REFUSED,
        .why = *why};
    list->refused = more;
    return ERR_OK;
}

static bool share_a_type(const ParamDef *a, const ParamDef *b) {
    for (size_t i = 0; i < a->n_bases; i++) {
        for (size_t k = 0; k < b->n_bases; k++) {
            if (a->bases[i] == b->bases[k]) {
                return true;
            }
        }
    }
    return false;
}

static ErrCode code_taken(const ParamList *list, const ParamDef *def, Str id, ErrInfo *info) {
    for (size_t i = 0; i < list->n; i++) {
        const CustomParam *p = list->params[i];
        if (!str_eq(p->id, id) && str_eq(p->def.code, def->code) && share_a_type(&p->def, def)) {
            err_where(info, "SearchParameter.code");
            return err_set(info, ERR_INVALID, "search-param-code",
                           "SearchParameter/" STR_FMT " has the code '" STR_FMT "' already",
                           "SearchParameter/" STR_FMT " đã dùng mã '" STR_FMT "'", STR_ARG(p->id),
                           STR_ARG(def->code));
        }
    }
    return ERR_OK;
}

static ErrCode too_many(ErrInfo *info) {
    return err_set(info, ERR_LIMIT, "search-param-max",
                   "%d search parameters of one's own can be in use, %d be stored ever",
                   "dùng được tối đa %d tham số tìm kiếm tự định nghĩa, lưu tối đa %d",
                   STORE_PARAMS_MAX, ORDINALS);
}

/* The same definition as before keeps its index. */
static CustomParam *find_old(const ParamList *old, unsigned ordinal, uint64_t hash) {
    for (size_t i = 0; old != NULL && i < old->n; i++) {
        if (old->params[i]->ordinal == ordinal && old->params[i]->hash == hash) {
            return custom_ref(old->params[i]);
        }
    }
    return NULL;
}

static ErrCode open_param(ListRead *r, const StoreVersion *v, const JsonNode *root,
                          CustomParam **ret, ErrInfo *info) {
    ParamDef def;
    TRY(param_define(r->arena, root, &(ParamRead){r->list, &def, info}));
    TRY(code_taken(r->list, &def, v->id, info));
    if (r->list->n == STORE_PARAMS_MAX || r->ordinal >= ORDINALS) {
        return too_many(info);
    }
    *ret = find_old(r->old, r->ordinal, param_hash(&def));
    if (*ret != NULL) {
        return ERR_OK;
    }
    TRY(custom_new(r, root, ret, info));
    (*ret)->id = arena_str((*ret)->arena, v->id);
    return ERR_OK;
}

static ErrCode read_param(ListRead *r, const StoreVersion *v, bool composites) {
    const JsonNode *root = NULL;
    CustomParam *p = NULL;
    ErrInfo why = {0};
    TRY(json_parse(r->arena, v->json, &root, NULL));
    if (param_is_composite(root) != composites) {
        return ERR_OK;
    }
    ErrCode err = open_param(r, v, root, &p, &why);
    if (err == ERR_OK) {
        r->list->params[r->list->n++] = p;
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND || err == ERR_NOMEM) {
        return err == ERR_NOMEM ? err : ERR_OK; /* not active */
    }
    log_warn("search_param_not_used", "rule", why.rule);
    return list_refuse(r, v, root, &why);
}

/* What is current of them; composites, whose parts must be known, in a second round. */
static ErrCode read_current(ListRead *r, Arena *slots_arena, const SlotList *firsts) {
    for (size_t i = 0; i < 2 * firsts->n; i++) {
        SlotList later = {0};
        StoreVersion v;
        size_t at = i % firsts->n;
        TRY(index_versions(r->store->index, slots_arena, firsts->slots[at], r->list->at, &later));
        Slot now = later.n == 0 ? firsts->slots[at] : later.slots[later.n - 1];
        arena_reset(r->arena);
        TRY(store_get_slot(r->store, r->arena, now, &v));
        r->ordinal = (unsigned)at;
        TRY(v.deleted ? ERR_OK : read_param(r, &v, i >= firsts->n));
    }
    return ERR_OK;
}

/* Every SearchParameter that ever was, by age: its number is its ordinal. */
static ErrCode read_all(ListRead *r, Arena *slots_arena) {
    char key[INDEX_KEY_MAX];
    SlotList all = {0};
    Str type = {key, index_key_head(key, INDEX_TYPE, FHIR_T_SEARCH_PARAMETER, 0)};
    TRY(index_get(r->store->index, slots_arena, type, r->list->at, &all));
    Slot *first = arena_new_array(slots_arena, Slot, all.n + 1);
    if (first == NULL) {
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        StoreVersion v;
        arena_reset(r->arena);
        TRY(store_get_slot(r->store, r->arena, all.slots[i], &v));
        if (v.first == v.slot) {
            first[n++] = v.first;
        }
    }
    return read_current(r, slots_arena, &(SlotList){first, n});
}

static bool has_param(const ParamList *list, const CustomParam *p) {
    for (size_t i = 0; i < list->n; i++) {
        if (list->params[i] == p) {
            return true;
        }
    }
    return false;
}

/* The lock is held. What is no more in the new list loses its file with its last reader. */
static ErrCode refresh(Store *store) {
    Params *params = &store->params;
    CLEANUP_ARENA Arena *arena = arena_new(READ_BYTES);
    CLEANUP_ARENA Arena *slots = arena_new(READ_BYTES);
    ListRead r = {.store = store, .old = params->list, .arena = arena};
    r.list = list_new(store_snapshot(store));
    ErrCode err = arena == NULL || slots == NULL || r.list == NULL ? ERR_NOMEM : ERR_OK;
    err = err == ERR_OK ? read_all(&r, slots) : err;
    err = err == ERR_OK ? list_rows(r.list) : err;
    if (err != ERR_OK) {
        param_list_give(r.list);
        return err;
    }
    for (size_t i = 0; r.old != NULL && i < r.old->n; i++) {
        CustomParam *p = r.old->params[i];
        if (!has_param(r.list, p)) {
            params->dropped[params->n_dropped++ % PARAMS_DROPPED] = p->hash ^ p->ordinal;
            atomic_store(&p->is_dropped, true);
        }
    }
    params->list = r.list;
    param_list_give(r.old);
    return ERR_OK;
}

ParamList *param_list_take(Store *store) {
    Params *params = &store->params;
    if (store->read_only) {
        return NULL;
    }
    mutex_lock(&params->lock);
    RecordNo changed = atomic_load_explicit(&params->changed, memory_order_acquire);
    if (params->list == NULL || params->list->at < changed) {
        ErrCode err = refresh(store);
        if (err != ERR_OK) {
            log_error("search_params_unreadable", "error", err_name(err));
        }
    }
    ParamList *list = params->list;
    if (list != NULL) {
        atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
    }
    mutex_unlock(&params->lock);
    if (list != NULL && list->n > 0) {
        params_follow(store);
    }
    return list;
}

static void give_list(void *list) {
    param_list_give(list);
}

const FhirParamSet *store_params(Store *store, Arena *arena) {
    ParamList *list = param_list_take(store);
    if (list == NULL || list->set.n == 0 || !arena_defer(arena, give_list, list)) {
        param_list_give(list);
        return NULL;
    }
    return &list->set;
}

ErrCode store_param_check(Store *store, Arena *arena, Str id, const JsonNode *root, ErrInfo *info) {
    ParamDef def;
    ParamList *list = param_list_take(store);
    ErrCode err = param_define(arena, root, &(ParamRead){list, &def, info});
    if (err != ERR_OK) {
        param_list_give(list);
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    bool full = list != NULL && list->n == STORE_PARAMS_MAX;
    for (size_t i = 0; list != NULL && i < list->n && full; i++) {
        full = !str_eq(list->params[i]->id, id);
    }
    err = list == NULL ? ERR_OK : full ? too_many(info) : code_taken(list, &def, id, info);
    param_list_give(list);
    return err;
}

/* ---- what is said of them ---- */

static StoreParamState state_of(Arena *arena, const Store *store, const CustomParam *p) {
    StoreParamState s = {.id = arena_str(arena, p->id),
                         .url = arena_str(arena, p->def.url),
                         .code = arena_str(arena, p->def.code),
                         .records = store_snapshot((Store *)(uintptr_t)store)};
    s.indexed = MIN(index_published(p->index), s.records);
    s.use = s.indexed + PARAM_LAG_MAX >= s.records ? STORE_PARAM_READY : STORE_PARAM_INDEXING;
    return s;
}

ErrCode store_param_states(Store *store, Arena *arena, StoreParamState **ret_states,
                           size_t *ret_n) {
    ParamList *list = param_list_take(store);
    size_t n = list == NULL ? 0 : list->n + list->n_refused;
    StoreParamState *states = arena_new_array(arena, StoreParamState, n + 1);
    for (size_t i = 0; i < n && states != NULL; i++) {
        bool used = i < list->n;
        states[i] = used ? state_of(arena, store, list->params[i]) : list->refused[i - list->n];
        if (!used) {
            states[i].id = arena_str(arena, states[i].id);
            states[i].url = arena_str(arena, states[i].url);
            states[i].code = arena_str(arena, states[i].code);
        }
    }
    param_list_give(list);
    if (states == NULL || arena_failed(arena)) {
        return ERR_NOMEM;
    }
    *ret_states = states;
    *ret_n = n;
    return ERR_OK;
}

size_t store_params_lag(Store *store, RecordNo *ret_lag) {
    ParamList *list = param_list_take(store);
    RecordNo now = store_snapshot(store);
    size_t n = list == NULL ? 0 : list->n;
    *ret_lag = 0;
    for (size_t i = 0; i < n; i++) {
        RecordNo at = index_published(list->params[i]->index);
        *ret_lag = MAX(*ret_lag, at < now ? now - at : 0);
    }
    param_list_give(list);
    return n;
}

ErrCode params_digest(Store *store, Sha256 *digest) {
    ParamList *list = param_list_take(store);
    ErrCode err = ERR_OK;
    Sha256 all = *digest;
    for (size_t i = 0; list != NULL && i < list->n && err == ERR_OK; i++) {
        Sha256 own;
        err = index_digest(list->params[i]->index, &own);
        if (err == ERR_OK) {
            Sha256 before = all;
            sha256_pair((Str){(const char *)before.b, sizeof(before.b)},
                        (Str){(const char *)own.b, sizeof(own.b)}, &all);
        }
    }
    param_list_give(list);
    *digest = all;
    return err;
}

/* ---- files ---- */

static bool is_used(const ParamList *list, const char *name) {
    for (size_t i = 0; i < list->n; i++) {
        const char *slash = strrchr(list->params[i]->path, '/');
        size_t len = strlen(slash + 1);
        if (strncmp(slash + 1, name, len) == 0) { /* and its -wal, -shm */
            return true;
        }
    }
    return false;
}

void params_remove_files(const char *dir, const ParamList *list) {
    DIR *d = opendir(dir);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        char path[4096];
        bool ours = strncmp(e->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) == 0;
        int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (ours && n > 0 && (size_t)n < sizeof(path) &&
            (list == NULL || !is_used(list, e->d_name)) && unlink(path) != 0) {
            log_warn("param_index_not_removed");
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}
