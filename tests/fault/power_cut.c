/* Power cuts through real commits: at a random sync (or at rest) everything unsynced is dropped or
 * torn; after reopening every acknowledged record must be there and equal, unacknowledged commits
 * whole or absent, the chain whole, and (every 50th time) the views equal to a rebuild. A control
 * with synchronous=OFF must lose something, or this test could not fail.
 *   power_cut [CUTS [SEED]]      default 2000 1 */
#include "fault/fault_load.h"
#include "fault/fault_vfs.h"

#include "core/log.h"

#include <time.h>

enum { LIVES = 20, COMMITS = 24, REBUILD_EVERY = 50 };

typedef struct Cut {
    Load load;
    Arena *arena;
    Random random;
    StoreOptions options;
    bool off_syncs; /* the control */
} Cut;

static const char *DIR = "/nhip";

static void set_options(Cut *c) {
    c->options = (StoreOptions){.dir = str_from(DIR),
                                .vfs = fault_vfs(),
                                .seal_records = 16,
                                .checkpoint_pages = 12,
                                .sync_off = c->off_syncs};
}

static bool reopen(Cut *c) {
    ErrInfo info = {0};
    c->load.store = NULL;
    ErrCode err = store_open(&c->options, &c->load.store, &info);
    if (err != ERR_OK && !fault_is_off()) {
        LOAD_WRONG(&c->load, "open: %s %s", err_name(err), info.what_en);
    }
    return err == ERR_OK;
}

/* Commits until the power is off or enough were made. */
static void run_load(Cut *c) {
    unsigned n = 1 + (unsigned)random_below(&c->random, COMMITS);
    for (unsigned i = 0; i < n && !fault_is_off(); i++) {
        ErrInfo info;
        (void)!load_submit(&c->load, c->arena, &info);
        if (random_below(&c->random, 3) == 0) {
            store_settle(c->load.store);
        }
        load_settle(&c->load);
        arena_reset(c->arena);
    }
    if (random_below(&c->random, 4) != 0) {
        store_settle(c->load.store);
    }
}

static void check_views(Cut *c) {
    Sha256 before;
    Sha256 after;
    ErrInfo info = {0};
    if (store_view_digest(c->load.store, &before) != ERR_OK) {
        LOAD_WRONG(&c->load, "no digest");
        return;
    }
    store_close(TAKE(c->load.store));
    if (store_rebuild(&c->options, NULL, &info) != ERR_OK || !reopen(c) ||
        store_view_digest(c->load.store, &after) != ERR_OK || !sha256_eq(&before, &after)) {
        LOAD_WRONG(&c->load, "views differ from a rebuild %s", info.what_en);
    }
}

/* One life: power on, commits, power off; then everything is looked at. */
static void one_cut(Cut *c, unsigned number) {
    if (c->off_syncs) {
        fault_cut_at_write(1 + random_below(&c->random, 300));
    } else {
        fault_cut_at_sync(1 + random_below(&c->random, 40));
    }
    if (reopen(c)) {
        run_load(c);
        if (random_below(&c->random, 3) == 0) {
            fault_cut_now(); /* with everything open */
        }
        store_close(TAKE(c->load.store)); /* the cut may come in here, too */
    }
    fault_cut_now();
    load_settle(&c->load);
    fault_power_on();
    if (c->load.why[0] == 0 && reopen(c)) {
        load_survivors(&c->load, c->arena);
        load_check(&c->load, c->arena);
        for (size_t i = 0; i < c->load.n_commits; i++) {
            load_forget(&c->load, &c->load.commits[i]);
        }
        c->load.n_settled = c->load.n_commits;
        if (number % REBUILD_EVERY == REBUILD_EVERY - 1 && c->load.why[0] == 0) {
            check_views(c);
        }
    }
    store_close(TAKE(c->load.store));
    arena_reset(c->arena);
}

/* Cuts until something is wrong; returns how many were survived. */
static unsigned run(Cut *c, unsigned cuts, uint64_t seed) {
    random_init(&c->random, seed);
    set_options(c);
    for (unsigned i = 0; i < cuts; i++) {
        if (i % LIVES == 0) {
            fault_reset(seed * 1000003 + i);
            load_clear(&c->load, seed + i);
        }
        one_cut(c, i);
        if (c->load.why[0] != 0) {
            return i;
        }
    }
    return cuts;
}

int main(int argc, char **argv) {
    unsigned cuts = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    static Cut c;
    c.arena = arena_new((size_t)1 << 28);
    log_set_level(LOG_OFF);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..2\n");
    unsigned survived = run(&c, cuts, seed);
    bool good = survived == cuts && cuts > 0;
    if (!good) {
        printf("# cut %u: %s\n", survived, c.load.why);
    }
    printf("%s 1 - %u power cuts, %llu commits acknowledged and kept, %llu more survived whole\n",
           good ? "ok" : "not ok", survived, (unsigned long long)c.load.acked_total,
           (unsigned long long)c.load.survived_total);
    static Cut control;
    control.arena = c.arena;
    control.off_syncs = true;
    unsigned lasted = run(&control, 100, seed);
    bool caught = control.load.why[0] != 0;
    printf("%s 2 - control: without syncs cut %u loses data (%s)\n", caught ? "ok" : "not ok",
           lasted + 1, control.load.why);
    arena_free(c.arena);
    return good && caught ? 0 : 1;
}
