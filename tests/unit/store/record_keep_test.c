/* What the store keeps: received files, rejects, dictionaries, backups, the chain. */
#include "unit/store/store_help.h"

#include "core/base64.h"
#include "core/io.h"
#include "core/random.h"
#include "core/thread.h"

#include <fcntl.h>
#include <sqlite3.h>

static StoreReceived received(Str name, Str bytes) {
    StoreReceived r = {.name = name, .bytes = bytes};
    sha256(bytes, &r.hash);
    return r;
}

/* A claim envelope: five tables of XML in base64, about 24 KB. */
static Str claim(Home *h, int n, Buf *ret_inner) {
    Buf out;
    Buf inner;
    Random random;
    random_init(&random, (uint64_t)n + 1);
    buf_init(&out, 1 << 20);
    buf_init(&inner, 1 << 20);
    buf_put_lit(&out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<GIAMDINHHS><HOSO>");
    for (int table = 1; table <= 5; table++) {
        buf_clear(&inner);
        buf_printf(&inner, "<BANG%d>", table);
        for (int row = 0; row < 11; row++) {
            buf_printf(&inner,
                       "<DONG><MA_LK>HS%06d</MA_LK><STT>%d</STT><MA_DICH_VU>%02d.%04d.%04d</"
                       "MA_DICH_VU><TEN_DICH_VU>Dịch vụ thử số %d</TEN_DICH_VU><SO_LUONG>%d</"
                       "SO_LUONG><DON_GIA>%d</DON_GIA><NGAY_YL>20260%d%02d0%d30</NGAY_YL>"
                       "<TT_THAU>G1;N%d;2026</TT_THAU><GHI_CHU></GHI_CHU></DONG>",
                       n, row, (int)random_below(&random, 99), (int)random_below(&random, 9999),
                       (int)random_below(&random, 9999), (int)random_below(&random, 500),
                       (int)random_below(&random, 30), (int)random_below(&random, 900000),
                       1 + (int)random_below(&random, 8), 1 + (int)random_below(&random, 27),
                       (int)random_below(&random, 9), (int)random_below(&random, 40));
        }
        buf_printf(&inner, "</BANG%d>", table);
        buf_printf(&out, "<FILEHOSO><LOAIHOSO>XML%d</LOAIHOSO><NOIDUNGFILE>", table);
        base64_encode(&out, buf_str(&inner));
        buf_put_lit(&out, "</NOIDUNGFILE></FILEHOSO>");
        if (ret_inner != NULL) {
            buf_put_str(ret_inner, buf_str(&inner));
        }
    }
    buf_put_lit(&out, "</HOSO></GIAMDINHHS>\n");
    Str text = arena_str(h->arena, buf_str(&out));
    buf_release(&out);
    buf_release(&inner);
    return text;
}

static ErrCode keep(Home *h, const StoreReceived *files, size_t n, bool done) {
    StoreCommit commit = {.received = files,
                          .n_received = n,
                          .files_done = &files[0].hash,
                          .n_files_done = done ? 1 : 0,
                          .actor = STR("t"),
                          .source = STR("u")};
    return store_commit(h->store, &commit, NULL, NULL, &h->info);
}

static uint64_t stat_value(Home *h, const char *name) {
    CLEANUP_BUF Buf out;
    buf_init(&out, 1 << 20);
    assert_ok(store_stat(h->store, &out));
    Str rest = buf_str(&out);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        Str first;
        Str value;
        uint64_t number = 0;
        if (str_cut(&line, ' ', &first) && str_eq(first, str_from(name)) &&
            str_cut(&line, ' ', &value)) {
            assert_ok(str_to_u64(value, &number));
            return number;
        }
    }
    fail_msg("stat has no line %s", name);
    return 0;
}

static void files_are_kept_unchanged_and_remember_their_state(void **state) {
    Home *h = *state;
    StoreFileState s;
    StoreReceived got;
    StoreReceived files[] = {received(STR("a.xml"), claim(h, 1, NULL)),
                             received(STR("rỗng"), STR_EMPTY),
                             received(STR("b.bin"), STR("\0\1\2 no XML at all"))};
    assert_ok(store_file_state(h->store, &files[0].hash, &s));
    assert_int_equal(s, STORE_FILE_NEW);
    assert_int_equal(store_received_get(h->store, h->arena, &files[0].hash, &got), ERR_NOT_FOUND);
    assert_ok(keep(h, files, 3, false));
    assert_ok(store_file_state(h->store, &files[0].hash, &s));
    assert_int_equal(s, STORE_FILE_BEGUN);
    assert_ok(keep(h, files, 1, true));
    for (int round = 0; round < 2; round++) {
        assert_ok(store_file_state(h->store, &files[0].hash, &s));
        assert_int_equal(s, STORE_FILE_DONE);
        assert_ok(store_file_state(h->store, &files[1].hash, &s));
        assert_int_equal(s, STORE_FILE_BEGUN);
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
            assert_ok(store_received_get(h->store, h->arena, &files[i].hash, &got));
            assert_str(got.name, files[i].name);
            assert_str(got.bytes, files[i].bytes);
        }
        home_reopen(h);
    }
    assert_int_equal(stat_value(h, "files"), 3);
    files[0].hash.b[0] ^= 1;
    assert_int_equal(keep(h, files, 1, false), ERR_INVALID);
    StoreCommit done = {
        .files_done = &files[0].hash, .n_files_done = 1, .actor = STR("t"), .source = STR("u")};
    assert_int_equal(store_commit(h->store, &done, NULL, NULL, &h->info), ERR_NOT_FOUND);
}

static void a_claim_costs_what_its_inner_xml_costs(void **state) {
    Home *h = *state;
    enum { N = 700 };
    CLEANUP_BUF Buf inner;
    buf_init(&inner, 1 << 24);
    for (int i = 0; i < N; i++) {
        StoreReceived file =
            received(home_text(h, "%d.xml", i), claim(h, i, i == 0 ? &inner : NULL));
        assert_ok(keep(h, &file, 1, true));
        store_settle(h->store);
        if (i == 0) {
            /* Without a dictionary: no more than the inner XML alone would cost, and the tags. */
            assert_in_range(file.bytes.len, 15000, 30000);
            assert_in_range(stat_value(h, "files_stored"), 500, inner.len / 5);
        }
    }
    store_settle(h->store);
    assert_int_equal(stat_value(h, "dictionaries"), 1);
    uint64_t before = stat_value(h, "files_stored");
    StoreReceived last = received(STR("last.xml"), claim(h, 100000, NULL));
    assert_ok(keep(h, &last, 1, true));
    uint64_t cost = stat_value(h, "files_stored") - before;
    assert_true(cost * 2 < before / N * 2 + before / N); /* the dictionary helps */
    StoreReceived got;
    assert_ok(store_received_get(h->store, h->arena, &last.hash, &got));
    assert_str(got.bytes, last.bytes);
    uint64_t n = 0;
    assert_ok(store_verify(h->store, NULL, &n, &h->info));
}

static void a_large_file_takes_several_parts(void **state) {
    Home *h = *state;
    CLEANUP_BUF Buf big;
    Random random;
    random_init(&random, 5);
    buf_init(&big, (size_t)64 << 20);
    for (int i = 0; big.len < (size_t)20 << 20; i++) {
        buf_put_str(&big, claim(h, i % 50, NULL));
        if (i % 100 == 0) {
            buf_put_u64(&big, random_u64(&random));
        }
    }
    StoreReceived file = received(STR("big"), buf_str(&big));
    StoreReceived got;
    assert_ok(keep(h, &file, 1, true));
    assert_int_equal(stat_value(h, "file_parts"), 3);
    assert_ok(store_received_get(h->store, h->arena, &file.hash, &got));
    assert_true(str_eq(got.bytes, file.bytes));
}

static void rejects_are_listed_until_settled(void **state) {
    Home *h = *state;
    StoreRejectRow *rows;
    StoreRejectRow one;
    size_t n = 0;
    uint64_t open = 0;
    uint64_t settled = 0;
    StoreReject r[3];
    for (unsigned i = 0; i < 3; i++) {
        r[i] = (StoreReject){.file_name = STR("a.xml"),
                             .ma_lk = home_text(h, "HS%u", i),
                             .table = STR("XML2"),
                             .field = STR("DON_GIA"),
                             .rule = STR("claim-number"),
                             .en = STR("no number"),
                             .vi = STR("không phải số"),
                             .line = 10 + i,
                             .bytes = home_text(h, "<DONG>%u</DONG>", i)};
        r[i].file.b[3] = (uint8_t)i;
    }
    StoreCommit commit = {.rejects = r, .n_rejects = 3, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
    const uint64_t two = 2;
    StoreCommit settle = {
        .rejects_done = &two, .n_rejects_done = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &settle, NULL, NULL, &h->info));
    assert_ok(store_commit(h->store, &settle, NULL, NULL, &h->info)); /* again: nothing changes */
    home_reopen(h);
    assert_ok(store_reject_count(h->store, &open, &settled));
    assert_int_equal(open, 2);
    assert_int_equal(settled, 1);
    assert_ok(store_reject_list(h->store, h->arena, false, 0, 10, &rows, &n));
    assert_int_equal(n, 2);
    assert_int_equal(rows[1].id, 3);
    assert_str(rows[1].reject.ma_lk, STR("HS2"));
    assert_str(rows[1].reject.vi, STR("không phải số"));
    assert_int_equal(rows[1].reject.line, 12);
    assert_true(sha256_eq(&rows[1].reject.file, &r[2].file));
    assert_ok(store_reject_list(h->store, h->arena, true, 1, 1, &rows, &n));
    assert_int_equal(n, 1);
    assert_true(rows[0].settled);
    assert_ok(store_reject_get(h->store, h->arena, 1, &one));
    assert_str(one.reject.bytes, STR("<DONG>0</DONG>"));
    assert_int_equal(store_reject_get(h->store, h->arena, 4, &one), ERR_NOT_FOUND);
    const uint64_t four = 4;
    settle.rejects_done = &four;
    assert_int_equal(store_commit(h->store, &settle, NULL, NULL, &h->info), ERR_NOT_FOUND);
}

static size_t rejects_of(Home *h, const Sha256 *file) {
    StoreRejectRow *rows;
    size_t n = 0;
    size_t found = 0;
    assert_ok(store_reject_list(h->store, h->arena, true, 0, 1000, &rows, &n));
    for (size_t i = 0; i < n; i++) {
        found += sha256_eq(&rows[i].reject.file, file);
    }
    return found;
}

static StoreReject reject_of(const StoreReceived *file, unsigned nth) {
    return (StoreReject){.file = file->hash,
                         .file_name = file->name,
                         .ma_lk = STR("HS1"),
                         .table = STR("XML2"),
                         .field = STR("DON_GIA"),
                         .rule = STR("claim-number"),
                         .en = STR("no number"),
                         .vi = STR("không phải số"),
                         .line = 3,
                         .nth = nth,
                         .bytes = STR("<DONG/>")};
}

static void put_rejects(Home *h, const StoreReject *rejects, size_t n) {
    StoreCommit commit = {
        .rejects = rejects, .n_rejects = n, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &commit, NULL, NULL, &h->info));
}

static void a_reject_is_listed_once(void **state) {
    Home *h = *state;
    StoreReceived file = received(STR("a.xml"), STR("<a/>"));
    StoreReceived other = received(STR("b.xml"), STR("<b/>"));
    StoreReject r[] = {reject_of(&file, 0), reject_of(&file, 1), reject_of(&file, 0),
                       reject_of(&other, 0)};
    r[2].file_name = STR("the same bytes under another name");
    put_rejects(h, r, 4);
    put_rejects(h, r, 4);
    assert_int_equal(rejects_of(h, &file.hash), 2);
    assert_int_equal(rejects_of(h, &other.hash), 1);
    uint64_t open = 0;
    uint64_t settled = 0;
    assert_ok(store_reject_count(h->store, &open, &settled));
    assert_int_equal(open, 3);
    StoreReject none = reject_of(&file, 0);
    none.file = (Sha256){0}; /* not of a received file: each stands for itself */
    put_rejects(h, &none, 1);
    put_rejects(h, &none, 1);
    assert_ok(store_reject_count(h->store, &open, &settled));
    assert_int_equal(open, 5);
    uint64_t records = 0;
    assert_ok(store_verify(h->store, NULL, &records, &h->info)); /* ids are dense */
}

/* ---- retention ---- */

static StoreDropped why_dropped(Home *h, const StoreReceived *file) {
    StoreFile row;
    StoreReceived got;
    assert_ok(store_received_row(h->store, h->arena, &file->hash, &row));
    assert_str(row.name, file->name);
    assert_str(row.actor, STR("t"));
    assert_true(sha256_eq(&row.hash, &file->hash));
    assert_int_equal(row.size, file->dropped ? file->size : file->bytes.len);
    assert_int_equal(row.dropped_time != 0, row.dropped != STORE_KEPT);
    ErrCode err = store_received_get(h->store, h->arena, &file->hash, &got);
    assert_int_equal(err, row.dropped == STORE_KEPT ? ERR_OK : ERR_GONE);
    return row.dropped;
}

static ClockFake test_clock; /* outlives the store, which the teardown closes */

static void retain(Home *h, unsigned days) {
    clock_fake_init(&test_clock, INT64_C(1790000000000));
    h->options.clock = &test_clock.clock;
    h->options.received_retention_days = days;
    home_reopen(h);
}

static void days_pass(Home *h, int days) {
    clock_fake_advance(&test_clock, days * TIME_DAY_MS);
    StoreReceived tick = received(
        STR("tick"), home_text(h, "%llu", (unsigned long long)clock_now_ms(&test_clock.clock)));
    assert_ok(keep(h, &tick, 1, false));
    store_settle(h->store);
}

static void files_lose_their_bytes_when_their_days_are_over(void **state) {
    Home *h = *state;
    retain(h, 30);
    StoreReceived old = received(STR("cũ.xml"), claim(h, 1, NULL));
    StoreReceived disputed = received(STR("disputed.xml"), claim(h, 2, NULL));
    StoreReceived begun = received(STR("begun.xml"), claim(h, 3, NULL));
    StoreReceived unkept = received(STR("unkept.xml"), claim(h, 4, NULL));
    unkept.size = unkept.bytes.len;
    unkept.bytes = STR_EMPTY;
    unkept.dropped = STORE_NOT_KEPT;
    assert_ok(keep(h, &old, 1, true));
    assert_ok(keep(h, &begun, 1, false));
    assert_ok(keep(h, &unkept, 1, true));
    StoreReject r = reject_of(&disputed, 0);
    put_rejects(h, &r, 1);
    assert_ok(keep(h, &disputed, 1, true));
    TimeMs kept_from = clock_now_ms(&test_clock.clock);
    days_pass(h, 20);
    StoreReceived young = received(STR("young.xml"), claim(h, 5, NULL));
    assert_ok(keep(h, &young, 1, true));
    assert_int_equal(why_dropped(h, &old), STORE_KEPT);

    days_pass(h, 11);
    assert_int_equal(why_dropped(h, &old), STORE_EXPIRED);
    assert_int_equal(why_dropped(h, &unkept), STORE_NOT_KEPT);
    assert_int_equal(why_dropped(h, &disputed), STORE_KEPT);
    assert_int_equal(why_dropped(h, &begun), STORE_KEPT);
    assert_int_equal(why_dropped(h, &young), STORE_KEPT);
    StoreFile row;
    assert_ok(store_received_row(h->store, h->arena, &old.hash, &row));
    assert_int_equal(row.time, kept_from);
    assert_int_equal(row.dropped_time, kept_from + 31 * TIME_DAY_MS);
    StoreFileState s;
    assert_ok(store_file_state(h->store, &old.hash, &s));
    assert_int_equal(s, STORE_FILE_DONE); /* known again for ever */
    assert_int_equal(stat_value(h, "files_expired"), 1);

    const uint64_t one = 1;
    StoreCommit settle = {
        .rejects_done = &one, .n_rejects_done = 1, .actor = STR("t"), .source = STR("u")};
    assert_ok(store_commit(h->store, &settle, NULL, NULL, &h->info));
    days_pass(h, 1);
    assert_int_equal(why_dropped(h, &disputed), STORE_EXPIRED);
    StoreFile *files = NULL;
    size_t n = 0;
    assert_ok(store_received_list(h->store, h->arena, 0, 100, &files, &n));
    assert_int_equal(n, 5 + 3); /* and the ticks */
    uint64_t records = 0;
    assert_ok(store_verify(h->store, NULL, &records, &h->info));
}

/* At the start, and again from where it was stopped; the pages come back into use. */
static void the_data_file_stops_growing(void **state) {
    Home *h = *state;
    enum { FILES = 300 };
    retain(h, 30);
    uint64_t pages[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < FILES; i++) {
            StoreReceived file = received(STR("f.xml"), claim(h, round * FILES + i, NULL));
            assert_ok(keep(h, &file, 1, true));
        }
        store_settle(h->store);
        pages[round] = stat_value(h, "data_pages");
        clock_fake_advance(&test_clock, 31 * TIME_DAY_MS);
        home_reopen(h);
        store_settle(h->store);
        assert_int_equal(stat_value(h, "files_expired"), (round + 1) * FILES);
        assert_int_equal(stat_value(h, "file_parts"), 0);
    }
    assert_true(pages[2] < pages[0] + pages[0] / 4); /* rows stay; bodies were most of it */
    uint64_t records = 0;
    assert_ok(store_verify(h->store, NULL, &records, &h->info));
}

/* What was dropped cannot be read from the free pages either. */
static void dropped_bytes_are_gone_from_the_disk(void **state) {
    Home *h = *state;
    retain(h, 1);
    Buf noise; /* does not compress: stands in the file as it is */
    Random random;
    random_init(&random, 7);
    buf_init(&noise, 1 << 20);
    while (noise.len < 60000) {
        buf_put_char(&noise, (char)('!' + random_below(&random, 90)));
    }
    StoreReceived file = received(STR("noise"), buf_str(&noise));
    assert_ok(keep(h, &file, 1, true));
    store_settle(h->store);
    CLEANUP_BUF Buf body;
    buf_init(&body, 1 << 20);
    sqlite3 *db = NULL;
    sqlite3_stmt *get = NULL;
    const char *path = home_text(h, "%s/data.db", h->dir).ptr;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT body FROM received_part", -1, &get, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(get), SQLITE_ROW);
    buf_put(&body, sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0));
    (void)sqlite3_finalize(get);
    (void)sqlite3_close(db);
    Str piece = str_sub(buf_str(&body), body.len / 2, 64);
    CLEANUP_BUF Buf disk;
    buf_init(&disk, 64 << 20);
    for (int gone = 0; gone < 2; gone++) {
        store_close(h->store); /* the log is copied back */
        h->store = NULL;
        buf_clear(&disk);
        assert_ok(io_read_file(path, 64 << 20, &disk));
        assert_int_equal(str_find(buf_str(&disk), piece) == SIZE_MAX, gone);
        clock_fake_advance(&test_clock, 2 * TIME_DAY_MS);
        home_open(h);
        store_settle(h->store);
    }
    buf_release(&noise);
}

static void run_sql(Home *h, const char *sql) {
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(home_text(h, "%s/data.db", h->dir).ptr, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s", why);
    }
    (void)sqlite3_close(db);
}

/* A folder as the first version left it: read as it is, then moved on by the next opening. */
static void an_older_folder_is_moved_on(void **state) {
    Home *h = *state;
    StoreReceived file = received(STR("a.xml"), claim(h, 1, NULL));
    StoreReceived unkept = {.name = STR("b.xml"), .hash.b = {7}, .dropped = STORE_NOT_KEPT};
    assert_ok(keep(h, &file, 1, true));
    assert_ok(keep(h, &unkept, 1, true));
    StoreReject r[] = {reject_of(&file, 0), reject_of(&file, 1)};
    put_rejects(h, r, 2);
    store_close(h->store);
    h->store = NULL;
    run_sql(h, "DROP INDEX reject_identity; ALTER TABLE reject DROP COLUMN nth;"
               "DROP INDEX received_kept; ALTER TABLE received DROP COLUMN dropped;"
               "ALTER TABLE received DROP COLUMN dropped_time; PRAGMA user_version = 1");
    uint64_t records = 0;
    h->options.read_only = 1;
    home_open(h);
    assert_ok(store_verify(h->store, NULL, &records, &h->info));
    assert_int_equal(stat_value(h, "files"), 2);
    store_close(h->store);
    h->options.read_only = 0;
    home_open(h);
    assert_int_equal(why_dropped(h, &file), STORE_KEPT);
    assert_int_equal(why_dropped(h, &unkept), STORE_NOT_KEPT);
    put_rejects(h, r, 2); /* the same two */
    assert_int_equal(rejects_of(h, &file.hash), 2);
    assert_ok(store_verify(h->store, NULL, &records, &h->info));
}

/* The dictionary of a training under way goes through the writer, which must still be there. */
static void a_close_waits_for_a_training(void **state) {
    Home *h = *state;
    h->options.train_records = 150;
    home_reopen(h);
    add_basics(h, 3020, "mot");
    home_reopen(h);
    store_settle(h->store);
    assert_true(stat_value(h, "dictionaries") <= 1);
    uint64_t records = 0;
    assert_ok(store_verify(h->store, NULL, &records, &h->info));
    assert_int_equal(records, 151);
}

static void dictionaries_change_and_old_records_stay_readable(void **state) {
    Home *h = *state;
    h->options.train_records = 150;
    home_reopen(h);
    add_basics(h, 4000, "mot");
    store_settle(h->store);
    assert_int_equal(stat_value(h, "dictionaries"), 1);
    uint64_t plain = stat_value(h, "record_bodies");
    uint64_t records = stat_value(h, "records");
    add_basics(h, 4000, "mot");
    store_settle(h->store);
    assert_int_equal(stat_value(h, "records"), records * 2);
    assert_true((stat_value(h, "record_bodies") - plain) < plain);
    assert_ok(store_train(h->store, &h->info));
    assert_int_equal(stat_value(h, "dictionaries"), 2);
    add_basics(h, 40, "hai");
    for (int round = 0; round < 2; round++) {
        uint64_t n = 0;
        assert_ok(store_verify(h->store, NULL, &n, &h->info));
        assert_int_equal(n, records * 2 + 2);
        StoreVersion v = home_get_slot(h, SLOT_OF(1, 3));
        assert_true(str_find(v.json, STR("\"mot-3\"")) != SIZE_MAX);
        v = home_get_slot(h, SLOT_OF(records * 2 + 2, 19));
        assert_true(str_find(v.json, STR("\"hai-39\"")) != SIZE_MAX);
        home_reopen(h);
    }
}

/* ---- backup ---- */

typedef struct Busy {
    Home *home;
    atomic_bool stop;
    atomic_int committed;
} Busy;

static void keep_committing(void *arg) {
    Busy *b = arg;
    while (!atomic_load(&b->stop)) {
        ErrInfo info;
        StoreChange c = create(FHIR_T_BASIC, STR("{\"resourceType\":\"Basic\"}"));
        StoreGroup group = {&c, 1, -1, 0};
        StoreCommit commit = {
            .groups = &group, .n_groups = 1, .actor = STR("t"), .source = STR("u")};
        if (store_commit(b->home->store, &commit, NULL, NULL, &info) == ERR_OK) {
            atomic_fetch_add(&b->committed, 1);
        }
    }
}

static void a_backup_taken_while_writing_is_whole(void **state) {
    Home *h = *state;
    Thread thread;
    Busy busy = {.home = h};
    add_basics(h, 2000, "sao");
    StoreReceived file = received(STR("a.xml"), claim(h, 1, NULL));
    assert_ok(keep(h, &file, 1, true));
    assert_ok(thread_start(&thread, "busy", keep_committing, &busy));
    while (atomic_load(&busy.committed) < 20) {
        (void)usleep(1000);
    }
    Str to = home_text(h, "%s/copy.nhip", h->dir);
    ErrCode err = store_backup(h->store, to, NULL, &h->info);
    int during = atomic_load(&busy.committed);
    atomic_store(&busy.stop, true);
    thread_join(&thread);
    assert_ok(err);
    assert_int_equal(store_backup(h->store, to, NULL, &h->info), ERR_EXISTS);
    Str dir = home_text(h, "%s-restored", h->dir);
    assert_ok(store_restore(to, dir, &h->info));
    assert_int_equal(store_restore(to, dir, &h->info), ERR_EXISTS);
    Home again = {.arena = h->arena, .options = {.dir = dir}};
    home_open(&again);
    uint64_t n = 0;
    assert_ok(store_verify(again.store, NULL, &n, &h->info));
    assert_in_range(n, 100 + 20, 100 + (unsigned)during + 1);
    StoreVersion a = home_get_slot(h, SLOT_OF(50, 3));
    StoreVersion b = home_get_slot(&again, SLOT_OF(50, 3));
    assert_str(a.json, b.json);
    add_basics(&again, 20, "sau"); /* and it takes commits */
    StoreReceived got;
    assert_ok(store_received_get(again.store, h->arena, &file.hash, &got));
    assert_str(got.bytes, file.bytes);
    store_close(again.store);
    folder_remove(dir.ptr);
}

/* ---- the chain ---- */

/* Changes one byte of the record's body on disk, as SQL would not: through its own connection. */
static void damage(Home *h, RecordNo record, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(home_text(h, "%s/data.db", h->dir).ptr, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_int64(stmt, 1, (sqlite3_int64)record), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

#define DAMAGED_BODY                                                                               \
    "UPDATE record SET body = CAST(substr(body, 1, 20) || x'5a' || substr(body, 22) AS BLOB)"      \
    " WHERE number = ?1"

static void verify_names_the_first_bad_record(void **state) {
    static const char *const DAMAGES[] = {
        DAMAGED_BODY,
        "UPDATE record SET time = time + 1 WHERE number = ?1",
        "UPDATE record SET patient = 64 WHERE number = ?1",
        "UPDATE record SET chain = zeroblob(32) WHERE number = ?1",
        "DELETE FROM record WHERE number = ?1",
    };
    for (size_t i = 0; i < ARRAY_LEN(DAMAGES); i++) {
        void *home = NULL;
        (void)home_setup(&home);
        Home *h = home;
        uint64_t n = 0;
        add_basics(h, 600, "xich");
        assert_ok(store_verify(h->store, NULL, &n, &h->info));
        store_close(h->store);
        h->store = NULL;
        damage(h, 17 + i, DAMAGES[i]);
        damage(h, 29, DAMAGES[3]);
        h->options.read_only = 1;
        home_open(h);
        assert_int_equal(store_verify(h->store, NULL, &n, &h->info), ERR_CORRUPT);
        assert_string_equal(h->info.where, home_text(h, "record %d", 17 + (int)i).ptr);
        (void)home_teardown(&home);
    }
    (void)state;
}

static void a_flipped_byte_on_disk_is_found(void **state) {
    Home *h = *state;
    uint64_t n = 0;
    add_basics(h, 6000, "bit");
    store_close(h->store);
    h->store = NULL;
    int fd = open(home_text(h, "%s/data.db", h->dir).ptr, O_RDWR);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char byte = 0;
    off_t at = st.st_size / 2 / 8192 * 8192 + 8192 - 700; /* inside a body of a leaf page */
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(close(fd), 0);
    h->options.read_only = 1;
    home_open(h);
    assert_int_equal(store_verify(h->store, NULL, &n, &h->info), ERR_CORRUPT);
    assert_true(strncmp(h->info.where, "record ", 7) == 0);
}

static void a_replay_names_the_record_that_it_cannot_read(void **state) {
    Home *h = *state;
    add_basics(h, 4000, "hong");
    store_close(h->store);
    h->store = NULL;
    damage(h, 150, DAMAGED_BODY);
    assert_int_equal(store_rebuild(&h->options, NULL, &h->info), ERR_CORRUPT);
    assert_non_null(strstr(h->info.what_en, "record 150 "));
    assert_int_equal(store_open(&h->options, &h->store, &h->info), ERR_CORRUPT);
    assert_non_null(strstr(h->info.what_en, "record 150 "));
    assert_null(h->store);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_are_kept_unchanged_and_remember_their_state),
        TEST(a_claim_costs_what_its_inner_xml_costs),
        TEST(a_large_file_takes_several_parts),
        TEST(rejects_are_listed_until_settled),
        TEST(a_reject_is_listed_once),
        TEST(files_lose_their_bytes_when_their_days_are_over),
        TEST(the_data_file_stops_growing),
        TEST(dropped_bytes_are_gone_from_the_disk),
        TEST(an_older_folder_is_moved_on),
        TEST(a_close_waits_for_a_training),
        TEST(dictionaries_change_and_old_records_stay_readable),
        TEST(a_backup_taken_while_writing_is_whole),
        cmocka_unit_test(verify_names_the_first_bad_record),
        TEST(a_flipped_byte_on_disk_is_found),
        TEST(a_replay_names_the_record_that_it_cannot_read),
    };
    return cmocka_run_group_tests_name("store/keep", tests, NULL, NULL);
}
