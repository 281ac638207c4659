/* A full disk: commits are refused with ERR_FULL, reading goes on, nothing is half done, and when
 * there is room again commits are accepted.
 *   disk_full [ROUNDS [SEED]]      default 30 1 */
#include "fault/fault_load.h"
#include "fault/fault_vfs.h"

#include "core/log.h"

enum { ATTEMPTS = 6, COMMITS = 20 };

static Load load;

static bool expect(bool holds, const char *what) {
    if (!holds) {
        LOAD_WRONG(&load, "%s", what);
    }
    return holds;
}

static void submit_some(Arena *arena, unsigned n, unsigned *ret_refused, unsigned *ret_other) {
    size_t first = load.n_commits;
    for (unsigned i = 0; i < n; i++) {
        ErrInfo info;
        (void)!load_submit(&load, arena, &info);
    }
    store_settle(load.store);
    *ret_refused = *ret_other = 0;
    for (size_t i = first; i < load.n_commits; i++) {
        const LoadCommit *c = &load.commits[i];
        if (c->err == ERR_FULL) {
            ++*ret_refused;
        } else if (c->err != ERR_OK && c->err != ERR_CONFLICT) {
            LOAD_WRONG(&load, "commit %u: %s", c->serial, err_name(c->err));
            ++*ret_other;
        }
    }
    load_settle(&load);
    arena_reset(arena);
}

static void one_round(Arena *arena, Random *random) {
    StoreOptions options = {
        .dir = STR("/full"), .vfs = fault_vfs(), .seal_records = 16, .checkpoint_pages = 20};
    ErrInfo info = {0};
    unsigned refused = 0;
    unsigned other = 0;
    if (!expect(store_open(&options, &load.store, &info) == ERR_OK, info.what_en)) {
        return;
    }
    submit_some(arena, COMMITS, &refused, &other);
    (void)expect(refused == 0, "refused with room");
    fault_quota(fault_used() + (int64_t)random_below(random, 60000));
    unsigned seen = 0;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        submit_some(arena, COMMITS, &refused, &other);
        seen += refused;
        load_check(&load, arena); /* reads go on */
    }
    (void)expect(seen > 0, "the quota never refused a commit");
    if (random_below(random, 2) == 0) { /* a restart while it is full */
        store_close(TAKE(load.store));
        ErrCode err = store_open(&options, &load.store, &info);
        if (err != ERR_OK) {
            (void)expect(err == ERR_FULL || err == ERR_IO, err_name(err));
            fault_quota(-1);
            (void)expect(store_open(&options, &load.store, &info) == ERR_OK, info.what_en);
        }
        if (load.why[0] == 0) {
            load_survivors(&load, arena);
            load_check(&load, arena);
        }
    }
    fault_quota(-1);
    if (load.store != NULL && load.why[0] == 0) {
        submit_some(arena, COMMITS, &refused, &other);
        (void)expect(refused == 0, "refused although there is room again");
        load_check(&load, arena);
    }
    store_close(TAKE(load.store));
}

int main(int argc, char **argv) {
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 30;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    Arena *arena = arena_new((size_t)1 << 28);
    Random random;
    random_init(&random, seed);
    log_set_level(LOG_OFF);
    (void)fault_vfs();
    printf("1..1\n");
    unsigned done = 0;
    for (; done < rounds && load.why[0] == 0; done++) {
        fault_reset(seed + done);
        load_clear(&load, seed * 77 + done);
        one_round(arena, &random);
    }
    bool good = load.why[0] == 0 && done > 0;
    if (!good) {
        printf("# round %u: %s\n", done, load.why);
    }
    printf("%s 1 - %u full disks: refused clearly, read on, recovered\n", good ? "ok" : "not ok",
           done);
    arena_free(arena);
    return good ? 0 : 1;
}
