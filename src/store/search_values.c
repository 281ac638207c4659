/* One current resource for each value that a parameter has: what values are in use. */
#include "store/index_key.h"
#include "store/search_int.h"

#include "core/limits.h"

enum { VALUES_MAX = 10000 };

typedef struct Values {
    Arena *arena;
    Str *keys;
    size_t n, capacity;
} Values;

static bool take_all(void *ctx, Str key) {
    (void)ctx;
    (void)key;
    return true;
}

static ErrCode put_key(void *ctx, Str key, const uint32_t *slots, size_t n) {
    Values *v = ctx;
    (void)slots;
    if (n == 0) {
        return ERR_OK;
    }
    if (v->n == v->capacity) {
        size_t capacity = v->capacity == 0 ? 64 : v->capacity * 2;
        Str *grown = arena_new_array(v->arena, Str, capacity);
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        if (v->n > 0) {
            memcpy(grown, v->keys, v->n * sizeof(*grown));
        }
        v->keys = grown;
        v->capacity = capacity;
    }
    v->keys[v->n++] = arena_str(v->arena, key);
    return v->n > VALUES_MAX ? ERR_LIMIT : ERR_OK;
}

static int compare_keys(const void *a, const void *b) {
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

static ErrCode gather_keys(Index *index, const StoreValues *of, RecordNo snapshot, Values *v) {
    CLEANUP_VIEW IndexView *view = index_view_take(index);
    KeyBuf from;
    KeyBuf to;
    key_head(&from, INDEX_VALUE, of->type, of->param);
    key_head(&to, INDEX_VALUE, of->type, of->param + 1U);
    for (size_t i = 0; i < view->n; i++) {
        const IndexPart *p = &view->parts[i];
        TRY(part_scan(p, &(TailScan){.from = key_str(&from),
                                     .to = key_str(&to),
                                     .below = part_below(p, snapshot),
                                     .take = take_all,
                                     .put = put_key,
                                     .ctx = v}));
    }
    if (v->n > 1) {
        qsort(v->keys, v->n, sizeof(*v->keys), compare_keys);
    }
    return ERR_OK;
}

ErrCode store_values(Store *store, Arena *arena, const StoreValues *of) {
    Index *index = store_index(store);
    RecordNo snapshot = store_snapshot(store);
    CLEANUP_ARENA Arena *scratch = arena_new(1024 * LIMIT_MIB);
    if (scratch == NULL) {
        return ERR_NOMEM;
    }
    Values v = {.arena = scratch};
    TRY(gather_keys(index, of, snapshot, &v));
    for (size_t i = 0; i < v.n; i++) {
        SlotList list;
        StoreVersion sample;
        if (i > 0 && str_eq(v.keys[i], v.keys[i - 1])) {
            continue; /* of another part */
        }
        TRY(index_get(index, scratch, v.keys[i], snapshot, &list));
        while (list.n > 0 && !index_is_live(index, of->type, list.slots[list.n - 1], snapshot)) {
            list.n--;
        }
        if (list.n > 0) {
            TRY(store_get_slot(store, arena, list.slots[list.n - 1], &sample));
            TRY(of->each(of->ctx, &sample));
        }
    }
    return ERR_OK;
}
