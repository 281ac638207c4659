/* The book against a naive recomputation over all visits: after random imports, visits sent again,
 * citizens merged and parted, Tasks, deletes and notes by other ways, after a restart, after
 * book.db is gone, and with other rules, each row, every list and every count is what reading
 * everything gives. */
#include "unit/book/book_help.h"

#include "store/store_table.h"

/* ---- comparing ---- */

static const Naive *naive_of(const Scan *s, Slot first) {
    for (size_t i = 0; i < s->n; i++) {
        if (s->all[i].first == first) {
            return &s->all[i];
        }
    }
    return NULL;
}

static void assert_row(const World *w, const BookRow *row, const Naive *n) {
    assert_non_null(n);
    assert_str(row->visit_id, n->id);
    assert_str(row->claim_id, n->bill_id);
    assert_str(row->patient_id, str_sub(n->subject, sizeof("Patient/") - 1, n->subject.len));
    assert_int_equal(row->patient, n->patient);
    assert_str(row->facility, n->facility);
    assert_str(row->ma_lk, n->claim.ma_lk);
    assert_str(row->name, claim_value(&n->claim, 1, XML1_HO_TEN));
    assert_str(row->department, claim_value(&n->claim, 1, XML1_MA_KHOA));
    assert_int_equal(row->day_in, n->in);
    assert_int_equal(row->day_out, n->out);
    assert_int_equal(row->money.asked, n->asked);
    assert_int_equal(row->money.accepted, n->accepted);
    assert_int_equal(row->money.paid, n->paid);
    assert_int_equal(row->task_state, n->task_state);
    for (int weight = 0; weight < RULES_WEIGHTS; weight++) {
        if (row->n_by_weight[weight] != n->n_by_weight[weight]) {
            print_error(STR_FMT " weight %d\n", STR_ARG(n->key), weight);
        }
        assert_int_equal(row->n_by_weight[weight], n->n_by_weight[weight]);
    }
    assert_int_equal(row->state, n->state);
    (void)w;
}

static bool is_in(const BookFilter *f, const Naive *n, const World *w) {
    uint64_t month = 0;
    bool has_rule = f->rule.len == 0;
    bool has_weight = f->weights == 0;
    assert_ok(str_to_u64(claim_value(&n->claim, 1, XML1_THANG_QT), &month));
    for (size_t k = 0; k < rules_count(w->rules); k++) {
        const RulesRule *r = rules_get(w->rules, k);
        has_rule = has_rule || (str_eq(r->id, f->rule) && n->by_rule[k] > 0);
        has_weight = has_weight || (n->by_rule[k] > 0 && (f->weights & 1U << r->weight) != 0);
    }
    Str text = claim_value(&n->claim, 1, XML1_HO_TEN);
    return (f->facility.len == 0 || str_eq(f->facility, n->facility)) &&
           (f->month_from == 0 || 202600 + (int)month >= f->month_from) &&
           (f->month_to == 0 || 202600 + (int)month <= f->month_to) &&
           (f->states == 0 || (f->states & BOOK_BIT(n->state)) != 0) &&
           (f->department.len == 0 ||
            str_eq(f->department, claim_value(&n->claim, 1, XML1_MA_KHOA))) &&
           (f->text.len == 0 || str_ends(text, str_sub(f->text, f->text.len - 1, 1))) && has_rule &&
           has_weight;
}

/* The whole list, in small pages; its length. */
static size_t assert_list(World *w, const Scan *s, const BookFilter *filter) {
    BookAsk ask = {.filter = *filter, .max = 3};
    BookPage page;
    size_t n = 0;
    size_t wanted = 0;
    Slot seen[VISITS_MAX];
    for (size_t i = 0; i < s->n; i++) {
        wanted += is_in(filter, &s->all[i], w);
    }
    do {
        assert_ok(book_list(w->book, w->home->arena, &ask, &page));
        assert_true(page.n_rows <= 3);
        for (size_t i = 0; i < page.n_rows; i++) {
            const Naive *naive = naive_of(s, page.rows[i].first);
            assert_row(w, &page.rows[i], naive);
            assert_true(is_in(filter, naive, w));
            for (size_t k = 0; k < n; k++) {
                assert_true(seen[k] != page.rows[i].first);
            }
            seen[n++] = page.rows[i].first;
        }
        ask.after = page.next;
    } while (page.next.len > 0);
    assert_int_equal(n, wanted);
    return n;
}

/* What counts of the filter say is what its lists hold. */
static void assert_counts(World *w, const Scan *s, const BookFilter *filter) {
    BookCounts counts;
    size_t n = 0;
    int64_t asked = 0;
    int64_t listed = 0;
    assert_ok(book_counts(w->book, w->home->arena, filter, &counts));
    assert_int_equal(counts.position, store_snapshot(w->home->store));
    for (size_t i = 0; i < counts.n_groups; i++) {
        const BookCount *c = &counts.groups[i];
        BookFilter one = *filter;
        one.facility = c->facility;
        one.month_from = one.month_to = c->month;
        one.states = BOOK_BIT(c->state);
        assert_int_equal(assert_list(w, s, &one), c->n);
        n += c->n;
        asked += c->money.asked;
    }
    for (size_t i = 0; i < s->n; i++) {
        listed += is_in(filter, &s->all[i], w) ? s->all[i].asked : 0;
    }
    assert_int_equal(asked, listed);
    assert_int_equal(n, assert_list(w, s, filter));
}

static void assert_rules(World *w, const Scan *s, const BookFilter *filter) {
    BookRuleCounts counts;
    uint64_t found = 0;
    uint64_t wanted = 0;
    assert_ok(book_rules(w->book, w->home->arena, filter, &counts));
    for (size_t i = 0; i < counts.n_groups; i++) {
        const BookRuleCount *c = &counts.groups[i];
        BookFilter one = {.facility = c->facility,
                          .month_from = c->month,
                          .month_to = c->month,
                          .states = BOOK_BIT(c->state),
                          .rule = c->rule};
        if (i % 7 == 0) {
            assert_int_equal(assert_list(w, s, &one), c->n);
        }
        found += c->n_found;
    }
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; is_in(filter, &s->all[i], w) && k < rules_count(w->rules); k++) {
            wanted += s->all[i].by_rule[k];
        }
    }
    assert_int_equal(found, wanted);
}

static void assert_findings(World *w, const Naive *n) {
    BookReport report;
    BookReport draft;
    assert_ok(book_findings(w->book, w->home->arena, n->first, &report));
    assert_ok(book_check_claim(w->book, w->home->arena,
                               &(BookDraft){.claim = &n->claim, .moment = RULES_AT_EXPORT},
                               &draft));
    for (int weight = 0; weight < RULES_WEIGHTS; weight++) {
        assert_int_equal(report.n_by_weight[weight], n->n_by_weight[weight]);
        assert_int_equal(draft.n_by_weight[weight], n->n_by_weight[weight]);
    }
}

static void assert_book(World *w) {
    world_settle(w);
    Scan s = naive_book(w);
    assert_true(s.n > 0);
    BookProgress progress;
    assert_ok(book_progress(w->book, &progress));
    assert_int_equal(progress.visits, s.n);
    for (size_t i = 0; i < s.n; i++) {
        BookRow row;
        assert_ok(book_row(w->book, w->home->arena, s.all[i].first, &row));
        assert_row(w, &row, &s.all[i]);
        if (i % 9 == 0) {
            assert_findings(w, &s.all[i]);
        }
    }
    const BookFilter filters[] = {
        {.facility = STR_EMPTY},
        {.facility = STR("46002"), .month_from = 202611},
        {.department = STR("K02")},
        {.states = BOOK_BIT(BOOK_SIGNED) | BOOK_BIT(BOOK_CORRECTED), .month_to = 202611},
    };
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        assert_counts(w, &s, &filters[i]);
    }
    assert_rules(w, &s, &(BookFilter){.facility = STR_EMPTY});
    assert_rules(w, &s, &(BookFilter){.facility = STR("46001"), .month_to = 202611});
    (void)assert_list(w, &s, &(BookFilter){.weights = 1U << RULES_WARNS});
    (void)assert_list(w, &s, &(BookFilter){.text = STR("văn THU 3")});
    (void)assert_list(w, &s,
                      &(BookFilter){.rule = STR("noi-tru-chong-nhau"), .department = STR("K01")});
    arena_reset(w->home->arena);
}

/* ---- changing by other ways than a file ---- */

static void commit_one(World *w, const StoreChange *change, Slot patient) {
    StoreGroup group = {
        .changes = change, .n_changes = 1, .patient_change = -1, .patient = patient};
    StoreCommit commit = {.groups = &group,
                          .n_groups = 1,
                          .snapshot = store_snapshot(w->home->store),
                          .actor = STR("test"),
                          .source = STR("unit")};
    ErrInfo info = {0};
    assert_ok(store_commit(w->home->store, &commit, NULL, NULL, &info));
}

static void put_task(World *w, const Naive *n) {
    static const char *const states[] = {"signed", "sent", "accepted", "paid", "checked"};
    static const char second[] = /* paid in two parts */
        ",{\"type\":{\"coding\":[{\"system\":\"" BOOK_SYSTEM_STATE "\",\"code\":\"paid\"}]},"
        "\"valueMoney\":{\"value\":70,\"currency\":\"VND\"}}";
    Arena *a = w->home->arena;
    StoreVersion *v = NULL;
    size_t found = 0;
    StoreExpect token = {FHIR_T_TASK, FHIR_P_IDENTIFIER, STR(BOOK_SYSTEM_SETTLEMENT), n->key};
    IntakeClaim claim;
    StoreVersion visit = current(w->home, FHIR_T_ENCOUNTER, n->id);
    unsigned state = roll(w, 5);
    assert_ok(intake_claim_of(w->home->store, a, &visit, &claim, NULL));
    assert_ok(store_find(w->home->store, a, &token, 1, &v, &found));
    Str json = arena_printf(
        a,
        "{\"resourceType\":\"Task\",\"identifier\":[{\"system\":\"" BOOK_SYSTEM_SETTLEMENT "\","
        "\"value\":\"" STR_FMT "\"}],\"status\":\"in-progress\",\"intent\":\"order\","
        "\"businessStatus\":{\"coding\":[{\"system\":\"" BOOK_SYSTEM_STATE "\",\"code\":\"%s\"}]},"
        "\"focus\":{\"reference\":\"Claim/" STR_FMT "/_history/%u\"},"
        "\"encounter\":{\"reference\":\"Encounter/" STR_FMT "\"},\"output\":["
        "{\"type\":{\"coding\":[{\"system\":\"" BOOK_SYSTEM_STATE "\",\"code\":\"%s\"}]},"
        "\"valueMoney\":{\"value\":%u,\"currency\":\"VND\"}}%s]}",
        STR_ARG(n->key), states[state], STR_ARG(claim.bill_id), claim.bill_version, STR_ARG(n->id),
        states[state], 1000 + roll(w, 5), strcmp(states[state], "paid") == 0 ? second : "");
    commit_one(w,
               &(StoreChange){.op = found == 0 ? STORE_CREATE : STORE_UPDATE,
                              .type = FHIR_T_TASK,
                              .id = STR_EMPTY,
                              .prev = found == 0 ? 0 : v[0].slot,
                              .json = json},
               n->patient);
}

static void put_observation(World *w, const Naive *n) {
    Str json = arena_printf(w->home->arena,
                            "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":"
                            "{\"text\":\"WBC\"},\"encounter\":{\"reference\":\"Encounter/" STR_FMT
                            "\"},\"valueString\":\"%u\"}",
                            STR_ARG(n->id), roll(w, 9));
    commit_one(w,
               &(StoreChange){
                   .op = STORE_CREATE, .type = FHIR_T_OBSERVATION, .id = STR_EMPTY, .json = json},
               n->patient);
}

static void drop_visit(World *w, const Naive *n) {
    StoreVersion v = current(w->home, FHIR_T_ENCOUNTER, n->id);
    commit_one(w, &(StoreChange){.op = STORE_DELETE, .type = v.type, .prev = v.slot}, n->patient);
}

/* Merges its citizen into another one's, whoever that is replaced by; or parts it. */
static void link_citizen(World *w, const Naive *n, const Naive *other) {
    bool merges = n->patient != other->patient && roll(w, 3) > 0;
    put_link(w->home, n->patient, merges ? other->patient : 0, 0);
    if (merges && roll(w, 2) == 0) {
        put_link(w->home, other->patient, link_now(w->home, other->patient), n->patient);
    }
}

static void change_something(World *w, bool drop) {
    Scan s = {.w = w, .all = arena_new_array(w->home->arena, Naive, VISITS_MAX)};
    assert_ok(store_feed(w->home->store, 0, naive_visit, &s));
    const Naive *n = s.n == 0 ? NULL : &s.all[roll(w, (unsigned)s.n)];
    unsigned what = roll(w, 13);
    if (n == NULL) {
        return;
    }
    if (what >= 8) {
        link_citizen(w, n, &s.all[roll(w, (unsigned)s.n)]);
    } else if (what < 5) {
        put_task(w, n);
    } else if (what < 7 || !drop) {
        put_observation(w, n);
    } else {
        drop_visit(w, n);
    }
}

static void random_steps(World *w, int steps) {
    for (int i = 0; i < steps; i++) {
        if (roll(w, 3) > 0) {
            send_random(w, 60);
        } else {
            change_something(w, true);
        }
    }
}

static void reopen(World *w) {
    book_close(w->book);
    w->book = NULL;
    world_open(w);
}

/* ---- the tests ---- */

static void the_book_is_what_all_visits_say(void **state) {
    for (unsigned days = 0; days < 4; days += 3) {
        World w;
        world_setup(&w, state, 1 + days);
        w.history_days = days;
        reopen(&w);
        for (int round = 0; round < 6; round++) {
            random_steps(&w, 8);
            assert_book(&w);
        }
        reopen(&w);
        assert_book(&w);
        world_release(&w);
    }
}

static void a_book_that_is_gone_comes_back(void **state) {
    World w;
    world_setup(&w, state, 77);
    random_steps(&w, 40);
    world_settle(&w);
    book_close(w.book);
    for (size_t i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        (void)unlink(arena_printf(w.home->arena, "%s/book.db%s", w.home->dir, ends[i]).ptr);
    }
    world_open(&w);
    assert_book(&w);
    world_release(&w);
}

/* Each row counts once: of all there are, as many are made again as it says. */
static void wait_renewed(World *w) {
    BookProgress progress = {.renewed = 0};
    for (int i = 0; i < 600; i++) {
        uint64_t before = progress.renewed;
        assert_ok(book_progress(w->book, &progress));
        assert_true(progress.to_renew == 0 ||
                    (progress.to_renew == progress.visits && progress.renewed >= before));
        assert_true(progress.renewed <= progress.to_renew);
        if (progress.position == progress.snapshot && progress.to_renew == 0) {
            return;
        }
        (void)usleep(20000);
    }
    fail_msg("rows are not made again");
}

/* Rows by the old rules are made again in place; what is counted meanwhile stays what is listed. */
static void other_rules_make_the_rows_again(void **state) {
    static const char text[] =
        "rule    khong-ai-duoc-kham\non      XML1\nweight  blocks\n"
        "must    MA_CSKCB = '46001' and no HISTORY h where h.MA_DKBD = MA_DKBD\n"
        "field   MA_CSKCB\nvi      Không.\nen      No.\nfix-vi  Thôi.\nfix-en  Stop.\n"
        "law     none\ngood    @noi-tru XML1.MA_CSKCB=46001\n"
        "bad     @noi-tru XML1.MA_CSKCB=46002\n\n";
    const RulesText own[] = {{STR("own.rules"), str_from(text)}};
    World w;
    ErrInfo info = {0};
    BookProgress progress;
    world_setup(&w, state, 99);
    random_steps(&w, 60);
    world_settle(&w);
    wait_renewed(&w);
    book_close(w.book);
    rules_free(w.rules);
    assert_ok(rules_new(&(RulesOptions){.own = own, .n_own = 1}, &w.rules, &info));
    world_open_still(&w);
    assert_ok(book_progress(w.book, &progress));
    assert_true(progress.visits > 0);
    assert_int_equal(progress.to_renew, progress.visits);
    assert_int_equal(progress.renewed, 0);
    assert_ok(book_start(w.book));
    world_settle(&w);
    wait_renewed(&w);
    assert_book(&w);
    world_release(&w);
}

/* ---- a group sees itself ---- */

enum { NOTES = 10 };

/* Notes of the course, a megabyte each. */
static void put_notes(World *w, Buf *out, Str ma_lk) {
    Str notes[NOTES * XML5_FIELD_COUNT];
    char *text = arena_alloc(w->home->arena, LIMIT_MIB);
    memset(text, 'a', LIMIT_MIB);
    for (unsigned i = 0; i < NOTES; i++) {
        Str *note = notes + (size_t)i * XML5_FIELD_COUNT;
        plain_line(w, note, 5, ma_lk, i + 1);
        note[XML5_DIEN_BIEN_LS] = (Str){text, LIMIT_MIB};
    }
    put_table(out, 5, notes, NOTES);
}

/* A stay of 5 to 10 November with a line of one machine at one time. */
static void send_stay(World *w, unsigned facility, unsigned number, bool large) {
    Str x[XML1_FIELD_COUNT];
    Str line[XML3_FIELD_COUNT];
    CLEANUP_BUF Buf b;
    buf_init(&b, 256 * LIMIT_MIB);
    random_summary(w, x, facility, number);
    x[XML1_MA_LOAI_KCB] = STR("03");
    x[XML1_KET_QUA_DTRI] = STR("2");
    x[XML1_NGAY_VAO] = x[XML1_NGAY_VAO_NOI_TRU] = STR("202611050800");
    x[XML1_NGAY_RA] = STR("202611100900");
    random_line(w, line, x, 1);
    line[XML3_MA_NHOM] = STR("2");
    line[XML3_MA_MAY] = arena_printf(w->home->arena, "XQ.1.46999.SYN00%u", number % 7);
    line[XML3_NGAY_TH_YL] = STR("202611060800");
    line[XML3_NGAY_KQ] = STR("202611060830");
    claim_write_envelope_open(&b, x[XML1_MA_CSKCB], STR("20261121"), 1);
    claim_write_hoso_open(&b);
    put_table(&b, 1, x, 1);
    put_table(&b, 3, line, 1);
    if (large) {
        put_notes(w, &b, x[XML1_MA_LK]);
    }
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    assert_ok(buf_ok(&b));
    send_bytes(w->home, buf_str(&b));
    assert_int_equal(w->home->report.claims_rejected, 0);
}

static uint64_t found_by(World *w, const char *rule) {
    BookRuleCounts counts;
    uint64_t n = 0;
    assert_ok(book_rules(w->book, w->home->arena, &(BookFilter){.rule = str_from(rule)}, &counts));
    for (size_t i = 0; i < counts.n_groups; i++) {
        n += counts.groups[i].n;
    }
    return n;
}

/* A visit that the memory of a group's member does not hold. */
static void assert_large(World *w) {
    CLEANUP_ARENA Arena *small = arena_new(16 * LIMIT_MIB);
    Scan s = {.w = w, .all = arena_new_array(w->home->arena, Naive, VISITS_MAX)};
    size_t n = 0;
    assert_ok(store_feed(w->home->store, 0, naive_visit, &s));
    for (size_t i = 0; i < s.n; i++) {
        StoreVersion v = current(w->home, FHIR_T_ENCOUNTER, s.all[i].id);
        IntakeClaim claim;
        arena_reset(small);
        n += intake_claim_of(w->home->store, small, &v, &claim, NULL) != ERR_OK;
    }
    assert_int_equal(n, 2);
}

/* All of them in one batch: overlapping stays see each other both ways, of two at one machine the
 * later is held; two are too large for the group, and are seen and see like the others. */
static void visits_of_one_group_see_each_other(void **state) {
    static const struct {
        unsigned number;
        bool large;
    } stays[] = {{0, false}, {7, false}, {1, false}, {3, true}, {10, false}, {4, true}, {2, false}};
    World w;
    world_setup(&w, state, 12);
    for (int round = 0; round < 2; round++) {
        book_close(w.book);
        w.book = NULL;
        for (size_t i = 0; i < ARRAY_LEN(stays); i++) {
            send_stay(&w, 1 + (unsigned)i % 2, stays[i].number, stays[i].large);
        }
        assert_large(&w);
        world_open(&w);
        world_settle(&w);
        assert_int_equal(found_by(&w, "noi-tru-chong-nhau"), 4);
        assert_int_equal(found_by(&w, "may-hai-nguoi-cung-luc"), 2);
        assert_book(&w);
    }
    world_release(&w);
}

/* ---- citizens that are one person ---- */

static Slot citizen_of(World *w, unsigned number) {
    return citizen(w->home, arena_printf(w->home->arena, "0460900000%02u", number).ptr).first;
}

static void assert_found(World *w, const char *rule, uint64_t visits) {
    world_settle(w);
    assert_int_equal(found_by(w, rule), visits);
    assert_book(w);
}

/* Four cards, one stay each at the same time: those whose cards are one person's overlap, whenever
 * the cards became so, in chains and in rings, until they are parted. */
static void visits_of_one_person_see_each_other(void **state) {
    static const char rule[] = "noi-tru-chong-nhau";
    World w;
    Slot c[4];
    world_setup(&w, state, 41);
    for (unsigned i = 0; i < 3; i++) {
        send_stay(&w, 1 + i, i, false);
        c[i] = citizen_of(&w, i);
    }
    assert_found(&w, rule, 0);
    put_link(w.home, c[1], c[0], 0); /* 1 → 0 */
    assert_found(&w, rule, 2);
    put_link(w.home, c[2], c[1], 0); /* 2 → 1 → 0 */
    assert_found(&w, rule, 3);
    send_stay(&w, 1, 3, false);
    c[3] = citizen_of(&w, 3);
    assert_found(&w, rule, 3);
    put_link(w.home, c[0], c[3], 0); /* 2 → 1 → 0 → 3 */
    assert_found(&w, rule, 4);
    put_link(w.home, c[3], c[0], 0); /* 2 → 1 → 0 ⇄ 3 */
    assert_found(&w, rule, 4);
    put_link(w.home, c[1], 0, c[2]); /* 2 → 1, 0 ⇄ 3 */
    assert_found(&w, rule, 4);
    put_link(w.home, c[0], 0, 0); /* 2 → 1, 3 → 0 */
    put_link(w.home, c[3], 0, 0); /* 2 → 1, 0, 3 */
    assert_found(&w, rule, 2);
    put_link(w.home, c[2], c[0], 0); /* 2 → 0, 1, 3 */
    send_stay(&w, 3, 7, false);      /* of card 0 */
    assert_found(&w, rule, 3);
    reopen(&w);
    put_link(w.home, c[2], 0, 0);
    assert_found(&w, rule, 2);
    world_release(&w);
}

static ErrCode count_row(void *ctx, Slot first, uint64_t at, Str body) {
    (void)first;
    (void)at;
    (void)body;
    ++*(size_t *)ctx;
    return ERR_OK;
}

static size_t count_work(World *w) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    size_t n = 0;
    TableRow row;
    TableRead read = {.name = STR("work"), .max = 100000, .each = count_row, .ctx = &n};
    Tables *t = NULL;
    TablesOpen how = {.store = w->home->store, .file = "book.db", .read_only = true};
    assert_ok(tables_open(&how, &t, NULL));
    assert_ok(tables_read(t, arena, &read, &row));
    tables_close(t);
    return n;
}

/* Lines of WORK go when their days are over; the others stay. */
static void old_work_goes(void **state) {
    World w;
    world_setup(&w, state, 31);
    random_steps(&w, 20);
    world_settle(&w);
    assert_true(count_work(&w) > 0);
    book_close(w.book);
    clock_fake_advance(&w.clock, INT64_C(200) * 24 * 3600 * 1000);
    world_open(&w);
    for (int i = 0; i < 500 && count_work(&w) > 0; i++) {
        (void)usleep(20000);
    }
    assert_int_equal(count_work(&w), 0);
    world_release(&w);
}

static void cursors_that_are_none_are_refused(void **state) {
    World w;
    BookPage page;
    world_setup(&w, state, 5);
    const char *const bad[] = {"x", "00", "zz00000000000000ff00", "000000000000000141"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(book_list(w.book, w.home->arena,
                                   &(BookAsk){.after = str_from(bad[i]), .max = 3}, &page),
                         ERR_PARAM);
    }
    BookRow row;
    assert_int_equal(book_row(w.book, w.home->arena, 12345, &row), ERR_NOT_FOUND);
    world_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_book_is_what_all_visits_say, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(a_book_that_is_gone_comes_back, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(other_rules_make_the_rows_again, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(visits_of_one_group_see_each_other, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(visits_of_one_person_see_each_other, home_setup,
                                        home_teardown),
        cmocka_unit_test_setup_teardown(old_work_goes, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(cursors_that_are_none_are_refused, home_setup,
                                        home_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
