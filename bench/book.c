/* book — the book of claims over a province that is imported first: visits a second that the
 * follower makes rows of (all rules, HISTORY and WORK), beside what one core checks when claims are
 * at hand; bytes a visit; latency of the funnel and of pages when a tenth of the visits is in the
 * book and when all are (they should not differ).
 *   book [VISITS]      default 30000 */
#include <inttypes.h>

#include "book/book.h"
#include "core/time.h"
#include "province.h"

enum { ROUNDS = 60, PAGE = 50, QUESTIONS = 6, CHECKED_A_SECOND = 5000 };

typedef struct Bench {
    Province province;
    Rules *rules;
    Book *book;
    Arena *arena;
    Str facility, rule; /* the largest; the one that finds most */
    int month;
} Bench;

static void open_book(Bench *b) {
    ErrInfo info = {0};
    bench_need(
        "book",
        book_open(&(BookOptions){.store = b->province.store, .rules = b->rules, .work_days = 120},
                  &b->book, &info));
}

static BookProgress progress_of(Bench *b) {
    BookProgress p;
    bench_need("progress", book_progress(b->book, &p));
    return p;
}

/* Until so many visits have rows; the seconds that it took. */
static double follow(Bench *b, uint64_t visits) {
    double start = bench_now();
    open_book(b);
    bench_need("follower", book_start(b->book));
    for (BookProgress p = progress_of(b); p.visits < visits && p.position < p.snapshot;
         p = progress_of(b)) {
        clock_sleep_ms(clock_real(), 5);
    }
    double seconds = bench_now() - start;
    book_close(b->book);
    return seconds;
}

static void choose(Bench *b) {
    BookCounts counts;
    BookRuleCounts rules;
    uint64_t most = 0;
    arena_reset(b->arena);
    bench_need("counts", book_counts(b->book, b->arena, &(BookFilter){.month_from = 0}, &counts));
    for (size_t i = 0; i < counts.n_groups; i++) {
        if (counts.groups[i].n > most) {
            most = counts.groups[i].n;
            b->facility = counts.groups[i].facility;
            b->month = counts.groups[i].month;
        }
    }
    bench_need("rules", book_rules(b->book, b->arena, &(BookFilter){.month_from = 0}, &rules));
    most = 0;
    for (size_t i = 0; i < rules.n_groups; i++) {
        if (rules.groups[i].n > most) {
            most = rules.groups[i].n;
            b->rule = rules.groups[i].rule;
        }
    }
}

static size_t ask(Bench *b, Arena *arena, int question) {
    BookCounts counts;
    BookPage page;
    BookFilter filters[QUESTIONS] = {
        {.month_from = 0}, {.facility = b->facility},
        {.month_from = 0}, {.facility = b->facility, .month_from = b->month},
        {.rule = b->rule}, {.facility = b->facility, .text = STR("nguyen van")}};
    if (question < 2) {
        bench_need("counts", book_counts(b->book, arena, &filters[question], &counts));
        return counts.n_groups;
    }
    bench_need("list", book_list(b->book, arena,
                                 &(BookAsk){.filter = filters[question], .max = PAGE}, &page));
    return page.n_rows;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ask_all(Bench *b, double ret_p95[QUESTIONS]) {
    static const char *const names[QUESTIONS] = {"funnel, province", "funnel, facility",
                                                 "page, province",   "page, facility and month",
                                                 "page, rule",       "page, words in a facility"};
    Arena *arena = arena_new(256 * LIMIT_MIB);
    open_book(b);
    choose(b);
    for (int q = 0; q < QUESTIONS; q++) {
        double ms[ROUNDS];
        size_t n = 0;
        for (int i = 0; i < ROUNDS; i++) {
            double start = bench_now();
            arena_reset(arena);
            n = ask(b, arena, q);
            ms[i] = 1e3 * (bench_now() - start);
        }
        qsort(ms, ROUNDS, sizeof(*ms), by_value);
        ret_p95[q] = ms[ROUNDS * 95 / 100];
        printf("  %-26s %8.3f ms median %8.3f ms p95 (%zu)\n", names[q], ms[ROUNDS / 2], ret_p95[q],
               n);
    }
    book_close(b->book);
    arena_free(arena);
}

int main(int argc, char **argv) {
    uint64_t visits = 30000;
    Bench b = {.arena = arena_new(256 * LIMIT_MIB)};
    SynthReport made = {0};
    double few[QUESTIONS];
    double many[QUESTIONS];
    if (argc > 1 && str_to_u64(str_from(argv[1]), &visits) != ERR_OK) {
        return 2;
    }
    bench_machine();
    bench_need("rules", rules_new(NULL, &b.rules, NULL));
    province_new_dir(&b.province);
    province_open(&b.province, (uint32_t)visits);
    province_fill(&b.province, &made);
    double first = follow(&b, visits / 10);
    printf("a tenth of %" PRIu64 " visits in the book:\n", visits);
    ask_all(&b, few);
    double all = first + follow(&b, UINT64_MAX);
    open_book(&b);
    BookProgress p = progress_of(&b);
    book_close(b.book);
    printf("all of them:\n");
    ask_all(&b, many);
    uint64_t bytes = province_size(b.province.dir, "book.db");
    printf("followed %" PRIu64 " visits: %.0f visits/s, %.2f of %d; %.0f bytes a visit\n", p.visits,
           (double)p.visits / all, (double)p.visits / all / CHECKED_A_SECOND, CHECKED_A_SECOND,
           (double)bytes / (double)p.visits);
    printf("p95 at all beside a tenth:");
    for (int q = 0; q < QUESTIONS; q++) {
        printf(" %.2f", many[q] / few[q]);
    }
    printf("\n");
    province_close(&b.province);
    folder_remove(b.province.dir);
    rules_free(b.rules);
    arena_free(b.arena);
    return 0;
}
