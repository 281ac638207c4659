/* SIGKILL at random moments: a child commits in a loop and writes what was acknowledged to a pipe;
 * now and then it stops in order and begins again, so that kills hit the sealing at a stop, too.
 * After each kill the folder is opened again: nothing acknowledged lost, nothing doubled, the chain
 * whole, the index equal to a rebuilt one. Real files in a temporary folder.
 *   kill9 [ROUNDS [SEED]]      default 50 1 */
#include "folder.h"

#include "core/arena.h"
#include "core/log.h"
#include "core/random.h"
#include "store/store.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FLIGHT = 24, LIFE = 5 * FLIGHT, MARK = 48 };

typedef struct Ack { /* through the pipe; one write, so never torn */
    uint64_t serial;
    Slot slot;
} Ack;

typedef struct Run {
    char dir[64];
    Arena *arena;
    Random random;
    uint64_t serial; /* the highest that was ever begun */
    uint64_t n_acked;
    Slot *slots; /* by serial; 0: not acknowledged */
    size_t capacity;
    char why[1024];
} Run;

static StoreOptions options_of(const Run *run) {
    return (StoreOptions){.dir = str_from(run->dir),
                          .seal_records = 64,
                          .train_records = 500,
                          .checkpoint_pages = 100};
}

/* ---- the child ---- */

typedef struct Flight {
    uint64_t serial;
    int fd;
} Flight;

static void child_done(void *ctx, ErrCode err, const StoreCommitted *committed,
                       const StorePrepared *prepared) {
    Flight *flight = ctx;
    Ack ack = {flight->serial, SLOT_OF(committed->first, 0)};
    (void)prepared;
    if (err == ERR_OK && write(flight->fd, &ack, sizeof(ack)) != (ssize_t)sizeof(ack)) {
        _exit(3);
    }
    free(flight);
}

static void child_commit(Store *store, Arena *arena, uint64_t serial, int fd) {
    char mark[MARK];
    ErrInfo info;
    StorePrepared *prepared = NULL;
    (void)snprintf(mark, sizeof(mark), "s%llu", (unsigned long long)serial);
    StoreChange changes[3];
    for (int i = 0; i < 3; i++) {
        changes[i] =
            (StoreChange){.op = STORE_CREATE,
                          .type = FHIR_T_BASIC,
                          .json = arena_printf(
                              arena,
                              "{\"resourceType\":\"Basic\",\"identifier\":[{\"system\":\"urn:k\","
                              "\"value\":\"%s\"}],\"code\":{\"text\":\"phần %d\"}}",
                              mark, i)};
    }
    StoreReceived file = {.name = STR("k.xml"), .bytes = str_from(mark)};
    sha256(file.bytes, &file.hash);
    StoreGroup group = {changes, 3, -1, 0};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .actor = STR("kill9"),
                          .source = STR("fault"),
                          .received = &file,
                          .n_received = 1,
                          .files_done = &file.hash,
                          .n_files_done = 1};
    Flight *flight = malloc(sizeof(*flight));
    if (flight == NULL || store_prepare(store, &commit, &prepared, &info) != ERR_OK) {
        _exit(4);
    }
    *flight = (Flight){serial, fd};
    store_submit(store, prepared, child_done, flight);
}

static Store *child_open(const Run *run) {
    Store *store = NULL;
    ErrInfo info;
    StoreOptions options = options_of(run);
    if (store_open(&options, &store, &info) != ERR_OK) {
        (void)fprintf(stderr, "# child: %s\n", info.what_en);
        _exit(2);
    }
    return store;
}

static void child_main(const Run *run, int fd) {
    Store *store = child_open(run);
    Arena *arena = arena_new((size_t)1 << 26);
    for (uint64_t serial = run->serial + 1;; serial++) {
        child_commit(store, arena, serial, fd);
        arena_reset(arena);
        if (serial % FLIGHT == 0) {
            store_settle(store);
        }
        if (serial % LIFE == 0) {
            store_close(store);
            store = child_open(run);
        }
    }
}

/* ---- the parent ---- */

static void remember(Run *run, const Ack *ack) {
    while (ack->serial >= run->capacity) {
        size_t capacity = run->capacity == 0 ? 65536 : run->capacity * 2;
        run->slots = realloc(run->slots, capacity * sizeof(*run->slots));
        if (run->slots == NULL) {
            abort();
        }
        memset(run->slots + run->capacity, 0, (capacity - run->capacity) * sizeof(*run->slots));
        run->capacity = capacity;
    }
    run->slots[ack->serial] = ack->slot;
    run->n_acked++;
}

/* Lets the child work for a random time, kills it and reads all that it had acknowledged. */
static bool one_life(Run *run) {
    int fds[2];
    if (pipe(fds) != 0) {
        return false;
    }
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)close(fds[0]);
        child_main(run, fds[1]);
        _exit(0);
    }
    (void)close(fds[1]);
    int64_t left_ns = 20000000 + (int64_t)random_below(&run->random, 250) * 1000000;
    Ack ack;
    struct timespec began;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    bool killed = false;
    /* Reading goes on until the pipe ends: what was written before the kill counts. */
    while (read(fds[0], &ack, sizeof(ack)) == (ssize_t)sizeof(ack)) {
        remember(run, &ack);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t passed = (now.tv_sec - began.tv_sec) * 1000000000 + now.tv_nsec - began.tv_nsec;
        if (!killed && passed > left_ns) {
            (void)kill(child, SIGKILL);
            killed = true;
        }
    }
    (void)close(fds[0]);
    int status = 0;
    (void)waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) {
        (void)snprintf(run->why, sizeof(run->why), "the child ended by itself: %d", status);
    }
    return run->why[0] == 0;
}

typedef struct Audit {
    Run *run;
    uint8_t *seen; /* by serial: resources found */
    size_t n_seen;
    uint64_t highest;
} Audit;

static ErrCode audit_one(void *ctx, const StoreVersion *v) {
    Audit *audit = ctx;
    uint64_t serial = 0;
    size_t at = str_find(v->json, STR("\"value\":\"s"));
    for (size_t i = at + 10; at != SIZE_MAX && v->json.ptr[i] >= '0' && v->json.ptr[i] <= '9';
         i++) {
        serial = serial * 10 + (uint64_t)(v->json.ptr[i] - '0');
    }
    if (serial == 0 || serial >= audit->n_seen || ++audit->seen[serial] > 3) {
        (void)snprintf(audit->run->why, sizeof(audit->run->why), "serial %llu is doubled",
                       (unsigned long long)serial);
        return ERR_CORRUPT;
    }
    audit->highest = MAX(audit->highest, serial);
    Slot acked = serial < audit->run->capacity ? audit->run->slots[serial] : 0;
    if (acked != 0 && SLOT_RECORD(acked) != SLOT_RECORD(v->slot)) {
        (void)snprintf(audit->run->why, sizeof(audit->run->why), "serial %llu moved",
                       (unsigned long long)serial);
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

static bool file_is_done(Store *store, uint64_t serial) {
    char mark[MARK];
    StoreFileState state = STORE_FILE_NEW;
    Sha256 hash;
    (void)snprintf(mark, sizeof(mark), "s%llu", (unsigned long long)serial);
    sha256(str_from(mark), &hash);
    return store_file_state(store, &hash, &state) == ERR_OK && state == STORE_FILE_DONE;
}

static void audit_serials(Run *run, Store *store, const Audit *audit) {
    for (uint64_t s = 1; s < run->capacity && run->why[0] == 0; s++) {
        if (run->slots[s] != 0 && (audit->seen[s] != 3 || !file_is_done(store, s))) {
            (void)snprintf(run->why, sizeof(run->why),
                           "serial %llu was acknowledged: %u of 3 there", (unsigned long long)s,
                           audit->seen[s]);
        }
        if (audit->seen[s] != 0 && audit->seen[s] != 3) {
            (void)snprintf(run->why, sizeof(run->why), "serial %llu is there in part",
                           (unsigned long long)s);
        }
    }
}

/* The chain, and the index against one made anew. */
static ErrCode audit_whole(Store **store, const StoreOptions *options, ErrInfo *info) {
    uint64_t records = 0;
    Sha256 before;
    Sha256 after;
    TRY(store_verify(*store, NULL, &records, info));
    TRY(store_view_digest(*store, &before));
    store_close(TAKE(*store));
    TRY(store_rebuild(options, NULL, info));
    TRY(store_open(options, store, info));
    TRY(store_view_digest(*store, &after));
    return sha256_eq(&before, &after)
               ? ERR_OK
               : err_set(info, ERR_CORRUPT, "digest", "a rebuild answers otherwise", " ");
}

static bool audit(Run *run, bool whole) {
    Store *store = NULL;
    ErrInfo info = {0};
    StoreOptions options = options_of(run);
    Audit a = {.run = run, .n_seen = run->capacity + 1000000};
    a.seen = calloc(a.n_seen, 1);
    ErrCode err = store_open(&options, &store, &info);
    err = err == ERR_OK ? store_feed(store, 0, audit_one, &a) : err;
    err = err == ERR_OK && whole ? audit_whole(&store, &options, &info) : err;
    if (err != ERR_OK && run->why[0] == 0) {
        (void)snprintf(run->why, sizeof(run->why), "%s %s", err_name(err), info.what_en);
    }
    if (err == ERR_OK) {
        audit_serials(run, store, &a);
    }
    run->serial = a.highest;
    store_close(store);
    free(a.seen);
    arena_reset(run->arena);
    return run->why[0] == 0;
}

int main(int argc, char **argv) {
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50;
    Run run = {.arena = arena_new((size_t)1 << 30)};
    random_init(&run.random, argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    (void)snprintf(run.dir, sizeof(run.dir), "/tmp/nhip-kill9-XXXXXX");
    if (mkdtemp(run.dir) == NULL) {
        return 2;
    }
    log_set_level(LOG_OFF);
    printf("1..1\n");
    unsigned done = 0;
    while (done < rounds && one_life(&run) && audit(&run, done % 10 == 9)) {
        done++;
    }
    if (run.why[0] != 0) {
        printf("# round %u: %s\n", done, run.why);
    }
    bool good = done == rounds && run.n_acked > rounds;
    printf("%s 1 - %u kills, %llu commits acknowledged, none lost, none doubled\n",
           good ? "ok" : "not ok", done, (unsigned long long)run.n_acked);
    folder_remove(run.dir);
    arena_free(run.arena);
    free(run.slots);
    return good ? 0 : 1;
}
