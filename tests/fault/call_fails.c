/* Write, sync or truncate number n fails, or allocation number n: the commit is refused or done,
 * never half; what was acknowledged stays; after reopening all is consistent.
 *   call_fails [STEP [SEED]]      every STEPth call number, default 1 1 */
#include "fault/fault_load.h"
#include "fault/fault_vfs.h"

#include "core/log.h"

#include <stdatomic.h>

enum { COMMITS = 14, ALLOCATIONS = 400 };

static Load load;

/* ---- allocation number n fails ----
 * malloc and its family are ours in this program; the sanitizers have their own, so there this part
 * is left out. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#else
#define OWN_MALLOC 1
#endif
#else
#define OWN_MALLOC 1
#endif

static _Atomic int64_t allocations_left = -1; /* below 0: none fails */

#if OWN_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);

static bool allocation_fails(void) {
    if (fault_spared > 0 || atomic_load(&allocations_left) < 0) {
        return false;
    }
    return atomic_fetch_sub(&allocations_left, 1) == 0;
}

void *malloc(size_t size) {
    return allocation_fails() ? NULL : __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *ptr, size_t size) {
    return allocation_fails() ? NULL : __libc_realloc(ptr, size);
}
#endif

/* ---- one run ---- */

static const StoreOptions *options(void) {
    static StoreOptions o;
    o = (StoreOptions){
        .dir = STR("/calls"), .vfs = fault_vfs(), .seal_records = 16, .checkpoint_pages = 10};
    return &o;
}

static void run_commits(Arena *arena) {
    for (unsigned i = 0; i < COMMITS; i++) {
        ErrInfo info;
        (void)!load_submit(&load, arena, &info);
        store_settle(load.store);
        load_settle(&load);
        arena_reset(arena);
    }
}

static void check_after(Arena *arena) {
    ErrInfo info = {0};
    ErrCode err = store_open(options(), &load.store, &info);
    if (err != ERR_OK) {
        LOAD_WRONG(&load, "open afterwards: %s %s", err_name(err), info.what_en);
        return;
    }
    load_survivors(&load, arena);
    load_check(&load, arena);
    for (size_t i = 0; i < load.n_commits; i++) {
        load_forget(&load, &load.commits[i]);
    }
    size_t first = load.n_commits;
    ErrInfo again;
    (void)!load_submit(&load, arena, &again);
    store_settle(load.store);
    if (load.commits[first].err != ERR_OK) {
        LOAD_WRONG(&load, "no commit afterwards: %s", err_name(load.commits[first].err));
    }
    store_close(TAKE(load.store));
}

static bool io_fails_at(Arena *arena, uint64_t n, bool sticky, uint64_t seed) {
    ErrInfo info;
    fault_reset(seed);
    load_clear(&load, seed);
    fault_fail_at(n, sticky);
    if (store_open(options(), &load.store, &info) == ERR_OK) {
        run_commits(arena);
    }
    bool reached = fault_calls() >= n;
    fault_fail_at(0, false);
    store_close(TAKE(load.store));
    load_settle(&load);
    check_after(arena);
    return reached;
}

static unsigned io_faults(Arena *arena, uint64_t step, uint64_t seed) {
    unsigned n = 0;
    for (uint64_t at = 1; load.why[0] == 0; at += step, n++) {
        bool reached = io_fails_at(arena, at, false, seed) && io_fails_at(arena, at, true, seed);
        if (!reached) {
            break;
        }
    }
    return n;
}

/* Allocations fail while commits run, not while the store opens: a store that does not open says
 * so, and has nothing to lose. */
static void allocation_fails_at(Arena *arena, int64_t n, uint64_t seed) {
    ErrInfo info;
    fault_reset(seed);
    load_clear(&load, seed);
    if (store_open(options(), &load.store, &info) != ERR_OK) {
        LOAD_WRONG(&load, "open: %s", info.what_en);
        return;
    }
    run_commits(arena);
    atomic_store(&allocations_left, n);
    run_commits(arena);
    atomic_store(&allocations_left, -1);
    store_close(TAKE(load.store));
    load_settle(&load);
    check_after(arena);
}

int main(int argc, char **argv) {
    uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    Arena *arena = arena_new((size_t)1 << 28);
    log_set_level(LOG_OFF);
    (void)fault_vfs();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..2\n");
    unsigned n = io_faults(arena, step == 0 ? 1 : step, seed);
    bool good = load.why[0] == 0 && n > 20;
    printf("%s 1 - each of %u writes, syncs and truncates failed once and for good %s\n",
           good ? "ok" : "not ok", n, load.why);
    bool fits = true;
    unsigned done = 0;
    for (int64_t at = 0; OWN_MALLOC && good && fits && at < ALLOCATIONS; at += (int64_t)step) {
        allocation_fails_at(arena, at, seed + (uint64_t)at);
        fits = load.why[0] == 0;
        done++;
    }
    printf("%s 2 - %u failed allocations %s%s\n", good && fits ? "ok" : "not ok", done,
           OWN_MALLOC ? "" : "# SKIP the sanitizer has its own malloc", fits ? "" : load.why);
    arena_free(arena);
    return good && fits ? 0 : 1;
}
