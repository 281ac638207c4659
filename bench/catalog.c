/* catalog — look-ups in the catalogues of a province (prices of services, by facility), as the
 * claim rules ask for them: one thread, CPU time. Peers: a naive scan over the rows, and a binary
 * search over them sorted. Also a preview of a whole new price list, and the reading of what was
 * stored. Usage: catalog [rows]. Target: 50 look-ups a visit at 5,000 visits/s, so 250,000/s with
 * room. */
#include "catalog/catalog_int.h"
#include "core/limits.h"
#include "core/random.h"

#include "bench.h"

enum { FACILITIES = 188, LOOKS = 2000000, SCANS = 2000, LOOKS_A_VISIT = 50, VISITS = 5000 };

typedef struct Question {
    char code[16], facility[8];
    int64_t day;
} Question;

static void ask(Random *random, size_t n_codes, Question *q) {
    (void)snprintf(q->code, sizeof(q->code), "99.%06u", (unsigned)random_below(random, n_codes));
    (void)snprintf(q->facility, sizeof(q->facility), "46%03u",
                   (unsigned)random_below(random, FACILITIES));
    q->day = 20454 + (int64_t)random_below(random, 700); /* from 2026 on */
}

/* A price of each code in each facility, and a later one for every third. */
static void make_table(size_t n_codes, Buf *out) {
    buf_put_lit(out, "code\tname\tfacility\tprice\tsince\n");
    for (size_t f = 0; f < FACILITIES; f++) {
        for (size_t i = 0; i < n_codes; i++) {
            for (int later = 0; later <= (i % 3 == 0); later++) {
                buf_printf(out, "99.%06zu\tservice %zu\t46%03zu\t%zu\t%s\n", i, i, f,
                           10000 + i * 7 + f + (size_t)later * 100,
                           later ? "2026-07-01" : "2026-01-01");
            }
        }
    }
}

static RulesAsk ask_of(const Question *q) {
    return (RulesAsk){.catalogue = STR("dich-vu"),
                      .code = str_from(q->code),
                      .attribute = STR("price"),
                      .facility = str_from(q->facility),
                      .day = q->day};
}

static bool holds(const CatalogRow *row, const RulesAsk *a) {
    return row->since <= a->day && a->day <= row->until;
}

/* Each answers with the price, or empty. */
static Str naive(const CatalogRows *rows, const RulesAsk *a) {
    const CatalogRow *best = NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const CatalogRow *r = &rows->rows[i];
        if (str_eq(r->code, a->code) && str_eq(r->facility, a->facility) && holds(r, a) &&
            (best == NULL || r->since > best->since)) {
            best = r;
        }
    }
    return best == NULL ? STR_EMPTY : best->values[5];
}

static Str sorted(const CatalogRows *rows, const RulesAsk *a) {
    size_t n;
    size_t at = catalog_rows_find(rows, a->code, a->facility, &n);
    Str found = STR_EMPTY;
    for (size_t i = at; i < at + n; i++) {
        found = holds(&rows->rows[i], a) ? rows->rows[i].values[5] : found;
    }
    return found;
}

typedef struct World {
    Catalog *catalog;
    CatalogRead *read;
    const Question *questions;
    size_t n_questions;
} World;

static double time_looks(const World *w, uint64_t *ret_sum) {
    double start = bench_cpu(BENCH_THREAD);
    for (size_t i = 0; i < LOOKS; i++) {
        RulesAsk a = ask_of(&w->questions[i % w->n_questions]);
        Str value = STR_EMPTY;
        (void)catalog_look(w->catalog, &a, &value);
        *ret_sum += value.len;
    }
    return (bench_cpu(BENCH_THREAD) - start) / LOOKS;
}

static double time_peer(const World *w, Str (*peer)(const CatalogRows *, const RulesAsk *),
                        size_t times, uint64_t *ret_sum) {
    double start = bench_cpu(BENCH_THREAD);
    for (size_t i = 0; i < times; i++) {
        RulesAsk a = ask_of(&w->questions[i % w->n_questions]);
        *ret_sum += peer(&w->read->rows, &a).len;
    }
    return (bench_cpu(BENCH_THREAD) - start) / (double)times;
}

/* All three say the same. */
static bool agree(const World *w) {
    for (size_t i = 0; i < 300; i++) {
        RulesAsk a = ask_of(&w->questions[i]);
        Str value = STR_EMPTY;
        (void)catalog_look(w->catalog, &a, &value);
        if (!str_eq(value, naive(&w->read->rows, &a)) ||
            !str_eq(value, sorted(&w->read->rows, &a))) {
            return false;
        }
    }
    return true;
}

static void fail(const char *what, ErrCode err) {
    if (err != ERR_OK) {
        (void)fprintf(stderr, "bench catalog: %s: %s\n", what, err_name(err));
        exit(1);
    }
}

static void take_in(Store *store, const CatalogTable *table, size_t rows) {
    CLEANUP_ARENA Arena *arena = arena_new(1024 * LIMIT_MIB);
    Catalog *c = NULL;
    CatalogPlan plan;
    CatalogEdition edition;
    fail("open", catalog_open(&(CatalogOptions){.store = store}, &c, NULL));
    double start = bench_now();
    fail("preview", catalog_preview(c, arena, table, &plan, NULL));
    double looked = bench_now();
    CatalogAct act = {table->catalogue, plan.id, 0, STR("bench"), STR("bench")};
    fail("accept", catalog_accept(c, arena, &act, &edition, NULL));
    double taken = bench_now();
    catalog_close(c);
    double before = bench_now();
    fail("open", catalog_open(&(CatalogOptions){.store = store}, &c, NULL));
    printf("%zu rows: preview %.2f s, accept %.2f s, read back at a start %.2f s\n", rows,
           looked - start, taken - looked, bench_now() - before);
    arena_reset(arena); /* what it holds of the catalogue */
    catalog_close(c);
}

static void run(Store *store, size_t n_codes) {
    Random random;
    Question *questions = calloc(4096, sizeof(*questions));
    Arena *arena = arena_new(1024 * LIMIT_MIB);
    Buf text;
    CatalogRead read;
    buf_init(&text, 512 * LIMIT_MIB);
    random_init(&random, 46);
    make_table(n_codes, &text);
    for (size_t i = 0; i < 4096; i++) {
        ask(&random, n_codes, &questions[i]);
    }
    CatalogTable table = {.catalogue = STR("dich-vu"),
                          .file = STR("bench"),
                          .bytes = buf_str(&text),
                          .since = INT64_MIN};
    fail("read", catalog_read(arena, catalog_spec(STR("dich-vu")), &table, &read, NULL));
    take_in(store, &table, read.rows.n);
    World w = {.read = &read, .questions = questions, .n_questions = 4096};
    fail("open", catalog_open(&(CatalogOptions){.store = store}, &w.catalog, NULL));
    if (!agree(&w)) {
        fail("the answers differ", ERR_INTERNAL);
    }
    uint64_t sum = 0;
    double look = time_looks(&w, &sum);
    double scan = time_peer(&w, naive, SCANS, &sum);
    double search = time_peer(&w, sorted, LOOKS / 10, &sum);
    printf("look-up        %8.0f ns, %.1f times the target of %d a second\n", look * 1e9,
           1 / look / LOOKS_A_VISIT / VISITS, LOOKS_A_VISIT * VISITS);
    printf("binary search  %8.0f ns, ratio %.1f\n", search * 1e9, search / look);
    printf("naive scan     %8.0f ns, ratio %.0f (sum %llu)\n", scan * 1e9, scan / look,
           (unsigned long long)sum);
    catalog_close(w.catalog);
    buf_release(&text);
    arena_free(arena);
    free(questions);
}

int main(int argc, char **argv) {
    uint64_t rows = 200000;
    if (argc > 1 && str_to_u64(str_from(argv[1]), &rows) != ERR_OK) {
        return 2;
    }
    bench_machine();
    char dir[] = "/tmp/nhip-bench-catalog-XXXXXX";
    Store *store = NULL;
    ErrInfo info = {0};
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    fail("store", store_open(&(StoreOptions){.dir = str_from(dir)}, &store, &info));
    run(store, (size_t)rows * 3 / 4 / FACILITIES + 1);
    store_close(store);
    folder_remove(dir);
    return 0;
}
