/* The catalogue behind the server: terminology resources enter it as they are committed (a view of
 * the store) and at start; what is asked waits a moment for commits under way. */
#include "rest/rest_term.h"
#include "core/log.h"
#include "store/store_scan.h"

enum {
    PATIENCE_MS = 250, /* that a question waits for a commit to show */
    RECENT_MS = 10000, /* after a terminology resource was on its way */
    RESOURCE_ARENA_MAX = 256 << 20,
};

/* One change in the view's bytes, then the resource's text. */
typedef struct Change {
    uint32_t position, type, deleted, len;
    Slot first; /* 0: this version is the first */
} Change;

struct RestTermFeed {
    Term *term;
    _Atomic(RecordNo) applied;
    _Atomic int64_t touched; /* when a terminology resource was last on its way */
};

static int64_t mono_ms(void) {
    return clock_monotonic_ns(clock_real()) / 1000000;
}

static bool is_ours(FhirType type) {
    return type == FHIR_T_CODE_SYSTEM || type == FHIR_T_VALUE_SET || type == FHIR_T_CONCEPT_MAP;
}

/* Sources go by the resource's first version: ids may be made by the server later. */
static Str source_name(Slot first, char text[32]) {
    (void)snprintf(text, 32, "slot:%llu", (unsigned long long)first);
    return str_from(text);
}

static ErrCode prepare(void *ctx, Arena *scratch, const StoreViewRecord *record, Buf *out) {
    RestTermFeed *feed = ctx;
    (void)scratch;
    for (size_t i = 0; i < record->n_changes; i++) {
        const StoreViewChange *c = &record->changes[i];
        if (!is_ours(c->type)) {
            continue;
        }
        atomic_store(&feed->touched, mono_ms());
        Change change = {.position = (uint32_t)i,
                         .type = (uint32_t)c->type,
                         .deleted = c->deleted,
                         .first = c->first};
        size_t at = out->len;
        buf_put(out, &change, sizeof(change));
        if (!c->deleted) {
            JsonWriter w = json_writer(out);
            json_put_node(&w, c->root);
            change.len = (uint32_t)(out->len - at - sizeof(change));
        }
        if (buf_ok(out) == ERR_OK) {
            memcpy(out->ptr + at, &change, sizeof(change));
        }
    }
    return buf_ok(out);
}

/* A resource that cannot serve stays a resource; who uses it hears that it is not known. */
static void take_in(Term *term, Slot first, Str json) {
    char name[32];
    ErrInfo info = {0};
    const JsonNode *root = NULL;
    CLEANUP_ARENA Arena *arena = arena_new(RESOURCE_ARENA_MAX);
    ErrCode err = arena == NULL ? ERR_NOMEM : json_parse(arena, json, &root, &info);
    if (err == ERR_OK) {
        err = term_put(term, source_name(first, name), root, &info);
    }
    if (err != ERR_OK) {
        term_remove(term, source_name(first, name));
        log_warn("term_not_usable", "err", err_name(err), "rule", info.rule, "slot",
                 (uint64_t)first);
    }
}

static ErrCode apply(void *ctx, RecordNo record, TimeMs time, Str bytes) {
    RestTermFeed *feed = ctx;
    char name[32];
    Change c;
    (void)time;
    while (bytes.len >= sizeof(c)) {
        memcpy(&c, bytes.ptr, sizeof(c));
        bytes = str_sub(bytes, sizeof(c), bytes.len);
        Slot first = c.first != 0 ? c.first : SLOT_OF(record, c.position);
        if (c.deleted != 0) {
            term_remove(feed->term, source_name(first, name));
        } else {
            take_in(feed->term, first, str_sub(bytes, 0, c.len));
        }
        bytes = str_sub(bytes, c.len, bytes.len);
    }
    atomic_store(&feed->applied, record);
    return ERR_OK;
}

/* Nothing is replayed: rest_term_load reads what is current. */
static RecordNo covered(void *ctx) {
    (void)ctx;
    return UINT64_MAX;
}

ErrCode rest_term_feed_new(Term *term, RestTermFeed **ret_feed, StoreView *ret_view) {
    RestTermFeed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL) {
        return ERR_NOMEM;
    }
    feed->term = term;
    atomic_init(&feed->touched, INT64_MIN / 2);
    *ret_feed = feed;
    *ret_view = (StoreView){.ctx = feed, .prepare = prepare, .apply = apply, .covered = covered};
    return ERR_OK;
}

void rest_term_feed_free(RestTermFeed *feed) {
    free(feed);
}

static ErrCode load_one(void *ctx, const StoreVersion *v) {
    take_in(ctx, v->first, v->json);
    return ERR_OK;
}

static ErrCode load_type(Store *store, Term *term, FhirType type, ErrInfo *info) {
    FhirQueryScope scope = {.type = type, .info = info};
    return store_scan_found(
        store, &(StoreFound){.scope = &scope, .text = STR_EMPTY, .each = load_one, .ctx = term});
}

ErrCode rest_term_load(RestTermFeed *feed, Store *store, ErrInfo *info) {
    static const FhirType types[] = {FHIR_T_CODE_SYSTEM, FHIR_T_VALUE_SET, FHIR_T_CONCEPT_MAP};
    atomic_store(&feed->applied, store_snapshot(store));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        TRY(load_type(store, feed->term, types[i], info));
    }
    return ERR_OK;
}

const TermView *rest_term_view(Rest *rest) {
    RestTermFeed *feed = rest->o.term_feed;
    int64_t begun = mono_ms();
    if (feed != NULL && begun - atomic_load(&feed->touched) < RECENT_MS) {
        RecordNo last = store_snapshot(rest->store);
        while (atomic_load(&feed->applied) < last && mono_ms() - begun < PATIENCE_MS) {
            clock_sleep_ms(clock_real(), 1);
        }
    }
    return term_view(rest->term);
}

static ErrCode read_held(Rest *rest, Arena *arena, const TermWhat *what, StoreVersion *ret) {
    TermHeld held;
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    if (!is_ours(what->type)) {
        return ERR_NOT_FOUND;
    }
    const TermView *view = term_view(rest->term);
    bool found = term_find(view, what, &held) && !held.is_stored;
    ErrCode err = found ? term_print(&held, &text) : ERR_NOT_FOUND;
    if (err == ERR_OK) {
        *ret = (StoreVersion){.type = what->type,
                              .version = 1,
                              .time = rest->started,
                              .id = arena_str(arena, held.id),
                              .json = arena_str(arena, buf_str(&text))};
        err = arena_failed(arena) ? ERR_NOMEM : ERR_OK;
    }
    term_view_end(view);
    return err;
}

ErrCode rest_term_read(Rest *rest, Arena *arena, FhirType type, Str id, StoreVersion *ret) {
    return read_held(rest, arena, &(TermWhat){.type = type, .id = id}, ret);
}

ErrCode rest_term_complete(const RestGet *get, RestPage *page) {
    Arena *arena = get->call->arena;
    Str url = rest_query_in(get->call, get->query, "url");
    if (!is_ours(get->type) || url.len == 0 || get->compartment != FHIR_T_NONE) {
        return ERR_OK;
    }
    StoreVersion *v = arena_new_array(arena, StoreVersion, 1);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    TermWhat what = {.type = get->type, .id = STR_EMPTY, .canonical = url};
    ErrCode err = read_held(get->call->rest, arena, &what, v);
    if (err == ERR_OK) {
        page->entries = v;
        page->n_entries = 1;
        page->total = 1;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
