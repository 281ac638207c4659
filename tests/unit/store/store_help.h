/* store_help.h — what the store's tests share: a data folder that goes away again and small commits
 * of invented resources. */
#ifndef NHIP_TESTS_UNIT_STORE_HELP_H
#define NHIP_TESTS_UNIT_STORE_HELP_H

#include "folder.h"
#include "unit/test.h"

#include "core/arena.h"
#include "store/store.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct Home {
    char dir[64];
    Store *store;
    Arena *arena;
    StoreOptions options;
    ErrInfo info;
} Home;

static UNUSED void home_open(Home *h) {
    ErrCode err = store_open(&h->options, &h->store, &h->info);
    if (err != ERR_OK) {
        print_error("%s: %s\n", err_name(err), h->info.what_en);
    }
    assert_ok(err);
}

static UNUSED int home_setup(void **state) {
    Home *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    (void)snprintf(h->dir, sizeof(h->dir), "/tmp/nhip-store-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->options = (StoreOptions){.dir = str_from(h->dir)};
    h->arena = arena_new((size_t)1 << 30);
    assert_non_null(h->arena);
    home_open(h);
    *state = h;
    return 0;
}

static UNUSED int home_teardown(void **state) {
    Home *h = *state;
    store_close(h->store);
    arena_free(h->arena);
    folder_remove(h->dir);
    free(h);
    return 0;
}

static UNUSED void home_reopen(Home *h) {
    store_close(h->store);
    h->store = NULL;
    home_open(h);
}

static UNUSED Str home_text(Home *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static UNUSED Str home_text(Home *h, const char *fmt, ...) {
    char text[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    assert_in_range(n, 0, sizeof(text) - 1);
    return arena_str(h->arena, (Str){text, (size_t)n});
}

static UNUSED StoreChange create(FhirType type, Str json) {
    return (StoreChange){.op = STORE_CREATE, .type = type, .json = json};
}

/* One group about no patient. */
static UNUSED ErrCode commit_some(Home *h, const StoreChange *changes, size_t n, Slot *ret_slots) {
    StoreGroup group = {.changes = changes, .n_changes = n, .patient_change = -1};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(h->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    return store_commit(h->store, &commit, NULL, ret_slots, &h->info);
}

static UNUSED Str home_patient(Home *h, int n) {
    return home_text(h,
                     "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:test\","
                     "\"value\":\"P%d\"}],\"name\":[{\"text\":\"Nguyễn Văn Thử %d\"}]}",
                     n, n);
}

static UNUSED StoreVersion home_get_slot(Home *h, Slot slot) {
    StoreVersion v;
    assert_ok(store_get_slot(h->store, h->arena, slot, &v));
    return v;
}

/* A record of a Patient's own; his id. */
static UNUSED Str home_add_patient(Home *h, Str json) {
    StoreChange change = create(FHIR_T_PATIENT, json);
    StoreGroup group = {.changes = &change, .n_changes = 1, .patient_change = 0};
    StoreCommit commit = {
        .groups = &group, .n_groups = 1, .actor = STR("test"), .source = STR("test")};
    Slot slot = 0;
    assert_ok(store_commit(h->store, &commit, NULL, &slot, &h->info));
    return home_get_slot(h, slot).id;
}

static UNUSED void add_basics(Home *h, int n, const char *tag) {
    enum { MOST = 20 };
    StoreChange changes[MOST];
    for (int done = 0; done < n;) {
        size_t k = 0;
        for (; k < MOST && done < n; k++, done++) {
            changes[k] = create(FHIR_T_BASIC,
                                home_text(h,
                                          "{\"resourceType\":\"Basic\",\"identifier\":[{\"system\":"
                                          "\"urn:x:%s\",\"value\":\"%s-%d\"}],\"code\":{\"text\":"
                                          "\"Khám bệnh số %d\"}}",
                                          tag, tag, done, done * 7919 % 1000));
        }
        assert_ok(commit_some(h, changes, k, NULL));
    }
}

#endif
