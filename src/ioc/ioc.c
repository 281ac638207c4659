#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/log.h"
#include "ioc/ioc_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHECKPOINT_EVERY_MS = 5000, META_VERSION = 2 };

/* ---- blocks ---- */

static ErrCode map_block(Ioc *ioc, size_t i) {
    if (i >= BLOCKS_MAX) {
        return ERR_LIMIT;
    }
    off_t end = (off_t)((i + 1) * sizeof(FactBlock));
    int failed = posix_fallocate(ioc->fd, (off_t)(i * sizeof(FactBlock)), sizeof(FactBlock));
    if (failed != 0) {
        return io_error(failed);
    }
    (void)end;
    void *p = mmap(NULL, sizeof(FactBlock), PROT_READ | PROT_WRITE, MAP_SHARED, ioc->fd,
                   (off_t)(i * sizeof(FactBlock)));
    if (p == MAP_FAILED) {
        return io_error(errno);
    }
    ioc->blocks[i] = p;
    ioc->ranges[i] = (BlockRange){UINT16_MAX, 0};
    return ERR_OK;
}

static void widen(BlockRange *r, uint16_t day) {
    r->day_min = MIN(r->day_min, day);
    r->day_max = MAX(r->day_max, day);
}

static void count_row(Ioc *ioc, uint64_t row, int by) {
    const FactBlock *b = ioc->blocks[row / BLOCK_ROWS];
    size_t at = row % BLOCK_ROWS;
    if (b->flags[at] & FACT_LIVE) {
        ioc->n_live += (uint64_t)(int64_t)by;
        ioc->live_by_day[b->day[at]] += (uint32_t)by;
    }
}

/* ---- the checkpoint: facts.dat synced, then facts.meta names what it covers ---- */

static void put_dict(JsonWriter *w, const Codes *d) {
    json_open_array(w);
    for (uint32_t i = 1; i < d->n; i++) {
        json_put_str(w, str_from(d->codes[i]));
    }
    json_close_array(w);
}

static ErrCode write_meta(Ioc *ioc) {
    CLEANUP_BUF Buf b;
    buf_init(&b, 16 * LIMIT_MIB);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    json_name(&w, "version");
    json_put_i64(&w, META_VERSION);
    json_name(&w, "record");
    json_put_i64(&w, (int64_t)ioc->applied);
    json_name(&w, "rows");
    json_put_i64(&w, (int64_t)ioc->n_rows);
    json_name(&w, "time");
    json_put_i64(&w, ioc->applied_time);
    json_name(&w, "last_row"); /* -1: none */
    json_put_i64(&w, (int64_t)ioc->last_row);
    json_name(&w, "last_record");
    json_put_i64(&w, (int64_t)ioc->last_record);
    json_name(&w, "last_position");
    json_put_i64(&w, ioc->last_position);
    json_name(&w, "last_id_hash");
    json_put_i64(&w, (int64_t)ioc->last_id_hash);
    json_name(&w, "facilities");
    put_dict(&w, &ioc->facilities);
    json_name(&w, "wards");
    put_dict(&w, &ioc->wards);
    json_name(&w, "icds");
    put_dict(&w, &ioc->icds);
    json_close_object(&w);
    TRY(buf_ok(&b));
    CLEANUP_BUF Buf path;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/facts.meta", ioc->dir);
    return io_write_atomic(buf_cstr(&path), buf_str(&b));
}

static ErrCode checkpoint_locked(Ioc *ioc) {
    if (ioc->applied == ioc->checkpoint) {
        return ERR_OK;
    }
    if (fdatasync(ioc->fd) != 0) {
        return io_error(errno);
    }
    TRY(write_meta(ioc));
    ioc->checkpoint = ioc->applied;
    return ERR_OK;
}

ErrCode ioc_checkpoint(Ioc *ioc) {
    rwlock_write(&ioc->lock);
    ErrCode err = checkpoint_locked(ioc);
    rwlock_unlock(&ioc->lock);
    return err;
}

static ErrCode read_dict(Arena *arena, Codes *d, const JsonNode *list) {
    uint16_t number = 0;
    if (!json_is(list, JSON_ARRAY)) {
        return ERR_CORRUPT;
    }
    for (const JsonNode *e = json_first(list); e != NULL; e = json_next(list, e)) {
        TRY(codes_put(d, json_str(arena, e), &number));
    }
    return ERR_OK;
}

static ErrCode read_last(Ioc *ioc, const JsonNode *root) {
    int64_t row = 0;
    int64_t record = 0;
    int64_t position = 0;
    int64_t id_hash = 0;
    TRY(json_to_i64(json_get_lit(root, "last_row"), &row));
    TRY(json_to_i64(json_get_lit(root, "last_record"), &record));
    TRY(json_to_i64(json_get_lit(root, "last_position"), &position));
    TRY(json_to_i64(json_get_lit(root, "last_id_hash"), &id_hash));
    if (row >= (int64_t)ioc->n_rows || record < 0 || position < 0 ||
        position >= STORE_RECORD_SLOTS) {
        return ERR_CORRUPT;
    }
    ioc->last_row = row < 0 ? UINT64_MAX : (uint64_t)row;
    ioc->last_record = (RecordNo)record;
    ioc->last_position = (uint8_t)position;
    ioc->last_id_hash = (uint64_t)id_hash;
    return ERR_OK;
}

static ErrCode read_meta(Ioc *ioc, const char *path) {
    CLEANUP_BUF Buf text;
    CLEANUP_ARENA Arena *arena = arena_new(64 * LIMIT_MIB);
    buf_init(&text, 16 * LIMIT_MIB);
    TRY(io_read_file(path, 16 * LIMIT_MIB, &text));
    const JsonNode *root = NULL;
    TRY(json_parse(arena, buf_str(&text), &root, NULL));
    int64_t version = 0;
    int64_t record = 0;
    int64_t rows = 0;
    TRY(json_to_i64(json_get_lit(root, "version"), &version));
    TRY(json_to_i64(json_get_lit(root, "record"), &record));
    TRY(json_to_i64(json_get_lit(root, "rows"), &rows));
    TRY(json_to_i64(json_get_lit(root, "time"), &ioc->applied_time));
    if (version != META_VERSION || record < 0 || rows < 0) {
        return ERR_CORRUPT;
    }
    TRY(read_dict(arena, &ioc->facilities, json_get_lit(root, "facilities")));
    TRY(read_dict(arena, &ioc->wards, json_get_lit(root, "wards")));
    TRY(read_dict(arena, &ioc->icds, json_get_lit(root, "icds")));
    ioc->applied = ioc->checkpoint = (RecordNo)record;
    ioc->n_rows = (uint64_t)rows;
    return read_last(ioc, root);
}

/* Maps the rows that the checkpoint covers and counts them. */
static ErrCode load_rows(Ioc *ioc) {
    off_t bytes = lseek(ioc->fd, 0, SEEK_END);
    if (bytes < (off_t)((ioc->n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS * sizeof(FactBlock))) {
        return ERR_CORRUPT;
    }
    for (uint64_t row = 0; row < ioc->n_rows; row++) {
        size_t block = row / BLOCK_ROWS;
        if (row % BLOCK_ROWS == 0) {
            TRY(map_block(ioc, block));
        }
        widen(&ioc->ranges[block], ioc->blocks[block]->day[row % BLOCK_ROWS]);
        count_row(ioc, row, 1);
    }
    return ERR_OK;
}

static void unmap_all(Ioc *ioc) {
    for (size_t i = 0; i < BLOCKS_MAX && ioc->blocks[i] != NULL; i++) {
        (void)munmap(ioc->blocks[i], sizeof(FactBlock));
        ioc->blocks[i] = NULL;
    }
}

/* Facts are derived: whatever cannot be read is begun anew and replayed from the records. The old
 * checkpoint goes first, or a crash would leave it beside rows that it does not mean. */
static ErrCode begin_anew(Ioc *ioc) {
    CLEANUP_BUF Buf path;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/facts.meta", ioc->dir);
    TRY(buf_ok(&path));
    if (io_exists(buf_cstr(&path))) {
        TRY(io_remove(buf_cstr(&path)));
    }
    unmap_all(ioc);
    codes_release(&ioc->facilities);
    codes_release(&ioc->wards);
    codes_release(&ioc->icds);
    TRY(codes_init(&ioc->facilities));
    TRY(codes_init(&ioc->wards));
    TRY(codes_init(&ioc->icds));
    ioc->applied = ioc->checkpoint = 0;
    ioc->applied_time = 0;
    ioc->n_rows = ioc->n_live = 0;
    ioc->last_row = UINT64_MAX;
    memset(ioc->live_by_day, 0, sizeof(ioc->live_by_day));
    return ftruncate(ioc->fd, 0) == 0 ? ERR_OK : io_error(errno);
}

static ErrCode open_files(Ioc *ioc, Str dir) {
    CLEANUP_BUF Buf path;
    buf_init(&path, 8192);
    buf_printf(&path, STR_FMT "/facts", STR_ARG(dir));
    TRY(buf_ok(&path));
    TRY(io_mkdirs(buf_cstr(&path)));
    ioc->dir = strdup(buf_cstr(&path));
    if (ioc->dir == NULL) {
        return ERR_NOMEM;
    }
    buf_clear(&path);
    buf_printf(&path, "%s/facts.dat", ioc->dir);
    ioc->fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (ioc->fd < 0) {
        return io_error(errno);
    }
    if (flock(ioc->fd, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        (void)close(ioc->fd);
        ioc->fd = -1; /* nothing of it may be touched */
        return why == EWOULDBLOCK ? ERR_BUSY : io_error(why);
    }
    buf_clear(&path);
    buf_printf(&path, "%s/facts.meta", ioc->dir);
    TRY(codes_init(&ioc->facilities));
    TRY(codes_init(&ioc->wards));
    TRY(codes_init(&ioc->icds));
    if (!io_exists(buf_cstr(&path)) || read_meta(ioc, buf_cstr(&path)) != ERR_OK ||
        load_rows(ioc) != ERR_OK) {
        return begin_anew(ioc);
    }
    return ERR_OK;
}

ErrCode ioc_open(const IocOptions *options, Ioc **ret_ioc, ErrInfo *info) {
    Ioc *ioc = calloc(1, sizeof(*ioc));
    if (ioc == NULL) {
        return ERR_NOMEM;
    }
    ioc->fd = -1;
    ioc->last_row = UINT64_MAX;
    ioc->clock = options->clock == NULL ? clock_real() : options->clock;
    ioc->checkpoint_ns = clock_monotonic_ns(ioc->clock);
    rwlock_init(&ioc->lock);
    ErrCode err = open_files(ioc, options->dir);
    if (err == ERR_BUSY) {
        ioc_close(ioc);
        return err_set(info, err, "store-locked",
                       "another process works on the data folder " STR_FMT "; stop it first",
                       "một tiến trình khác đang dùng thư mục dữ liệu " STR_FMT
                       "; hãy dừng nó trước",
                       STR_ARG(options->dir));
    }
    if (err != ERR_OK) {
        ioc_close(ioc);
        return err_set(info, err, "ioc-open", "cannot open the facts in " STR_FMT "/facts: %s",
                       "không mở được dữ liệu điều hành trong " STR_FMT "/facts: %s",
                       STR_ARG(options->dir), err_text(err, 0));
    }
    *ret_ioc = ioc;
    return ERR_OK;
}

ErrCode ioc_reset(Ioc *ioc) {
    rwlock_write(&ioc->lock);
    ErrCode err = begin_anew(ioc);
    rwlock_unlock(&ioc->lock);
    return err;
}

void ioc_close(Ioc *ioc) {
    if (ioc == NULL) {
        return;
    }
    if (ioc->fd >= 0) {
        ErrCode err = checkpoint_locked(ioc);
        if (err != ERR_OK) {
            log_warn("ioc-checkpoint", "error", err_name(err));
        }
        unmap_all(ioc);
        (void)close(ioc->fd);
    }
    codes_release(&ioc->facilities);
    codes_release(&ioc->wards);
    codes_release(&ioc->icds);
    rwlock_release(&ioc->lock);
    free(ioc->dir);
    free(ioc);
}

ErrCode ioc_forget(Str dir) {
    CLEANUP_BUF Buf path;
    buf_init(&path, 8192);
    buf_printf(&path, STR_FMT "/facts/facts.meta", STR_ARG(dir));
    TRY(buf_ok(&path));
    return io_exists(buf_cstr(&path)) ? io_remove(buf_cstr(&path)) : ERR_OK;
}

/* ---- applying ---- */

/* The row of an Encounter by its first slot, or UINT64_MAX: rows are ascending by it. */
static uint64_t find_row(const Ioc *ioc, uint64_t first) {
    uint64_t lo = 0;
    uint64_t hi = ioc->n_rows;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (ioc->blocks[mid / BLOCK_ROWS]->first[mid % BLOCK_ROWS] < first) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    bool hit = lo < ioc->n_rows && ioc->blocks[lo / BLOCK_ROWS]->first[lo % BLOCK_ROWS] == first;
    return hit ? lo : UINT64_MAX;
}

static uint16_t number_of(Codes *d, const char *code) {
    uint16_t number = 0;
    ErrCode err = codes_put(d, str_from(code), &number);
    return err == ERR_OK ? number : 0;
}

static void write_row(Ioc *ioc, uint64_t row, uint64_t first, const FactWire *f, bool is_new) {
    size_t block = row / BLOCK_ROWS;
    FactBlock *b = ioc->blocks[block];
    size_t at = row % BLOCK_ROWS;
    uint8_t notifiable = is_new ? 0 : b->flags[at] & FACT_NOTIFIABLE;
    b->first[at] = first;
    b->day[at] = f->day;
    b->facility[at] = number_of(&ioc->facilities, f->facility);
    b->ward[at] = number_of(&ioc->wards, f->ward);
    b->age[at] = f->age;
    b->sex[at] = f->sex;
    b->kind[at] = f->kind;
    b->flags[at] = (uint8_t)(f->flags | FACT_LIVE | (f->icd[0] == '\0' ? notifiable : 0));
    /* What this record does not say stays: an edited Encounter comes without bill and diagnosis. */
    if (f->icd[0] != '\0' || is_new) {
        b->icd[at] = number_of(&ioc->icds, f->icd);
    }
    if (f->has_bill || is_new) {
        b->cost[at] = f->cost;
        b->insurance[at] = f->insurance;
    }
    widen(&ioc->ranges[block], f->day);
    count_row(ioc, row, 1);
}

static void apply_bill(Ioc *ioc, RecordNo record, const FactWire *f) {
    bool meant =
        f->place == PLACE_UNSAID || (f->place == PLACE_BY_ID ? f->id_hash == ioc->last_id_hash
                                                             : f->place == ioc->last_position);
    if (ioc->last_row != UINT64_MAX && record > ioc->last_record && meant) {
        FactBlock *b = ioc->blocks[ioc->last_row / BLOCK_ROWS];
        b->cost[ioc->last_row % BLOCK_ROWS] = f->cost;
        b->insurance[ioc->last_row % BLOCK_ROWS] = f->insurance;
    }
}

static ErrCode apply_one(Ioc *ioc, RecordNo record, const FactWire *f) {
    if (f->bill_only) {
        apply_bill(ioc, record, f);
        return ERR_OK;
    }
    ioc->last_row = UINT64_MAX;
    uint64_t first = f->first == 0 ? SLOT_OF(record, f->position) : f->first;
    uint64_t row = find_row(ioc, first);
    bool is_new = row == UINT64_MAX;
    if (is_new) {
        uint64_t last = ioc->n_rows - 1;
        if (f->deleted ||
            (ioc->n_rows > 0 && ioc->blocks[last / BLOCK_ROWS]->first[last % BLOCK_ROWS] > first)) {
            return ERR_OK; /* an older visit that never was a row (no period): stays out */
        }
        row = ioc->n_rows;
        if (row % BLOCK_ROWS == 0 && ioc->blocks[row / BLOCK_ROWS] == NULL) {
            TRY(map_block(ioc, row / BLOCK_ROWS));
        }
        ioc->n_rows++;
    } else {
        count_row(ioc, row, -1);
    }
    if (f->deleted) {
        ioc->blocks[row / BLOCK_ROWS]->flags[row % BLOCK_ROWS] = 0;
    } else {
        write_row(ioc, row, first, f, is_new);
        ioc->last_row = row;
        ioc->last_record = record;
        ioc->last_position = f->position;
        ioc->last_id_hash = f->id_hash;
    }
    ioc->applied_visits++;
    return ERR_OK;
}

ErrCode fact_apply(void *ctx, RecordNo record, TimeMs time, Str bytes) {
    Ioc *ioc = ctx;
    ErrCode err = ERR_OK;
    rwlock_write(&ioc->lock);
    for (size_t at = 0; err == ERR_OK && at + sizeof(FactWire) <= bytes.len;
         at += sizeof(FactWire)) {
        FactWire f;
        memcpy(&f, bytes.ptr + at, sizeof(f));
        err = apply_one(ioc, record, &f);
    }
    if (err == ERR_OK) {
        ioc->applied = record;
        ioc->applied_time = time;
        int64_t now = clock_monotonic_ns(ioc->clock);
        if (now - ioc->checkpoint_ns > CHECKPOINT_EVERY_MS * INT64_C(1000000)) {
            ioc->checkpoint_ns = now;
            err = checkpoint_locked(ioc);
        }
    }
    rwlock_unlock(&ioc->lock);
    return err;
}

static RecordNo covered(void *ctx) {
    Ioc *ioc = ctx;
    return ioc->applied;
}

StoreView ioc_view(Ioc *ioc) {
    return (StoreView){
        .ctx = ioc, .prepare = fact_prepare, .apply = fact_apply, .covered = covered};
}

/* ---- small answers ---- */

static bool has_code(Ioc *ioc, const Codes *d, Str code) {
    rwlock_read(&ioc->lock);
    bool has = code.len > 0 && codes_find(d, code) <= CODES_MAX;
    rwlock_unlock(&ioc->lock);
    return has;
}

bool ioc_has_facility(Ioc *ioc, Str code) {
    return has_code(ioc, &ioc->facilities, code);
}

bool ioc_has_ward(Ioc *ioc, Str code) {
    return has_code(ioc, &ioc->wards, code);
}

void ioc_facilities(Ioc *ioc, void (*fn)(void *ctx, Str code), void *ctx) {
    rwlock_read(&ioc->lock);
    for (uint32_t i = 1; i < ioc->facilities.n; i++) {
        fn(ctx, str_from(ioc->facilities.codes[i]));
    }
    rwlock_unlock(&ioc->lock);
}

bool ioc_days(Ioc *ioc, int32_t *ret_first, int32_t *ret_last) {
    rwlock_read(&ioc->lock);
    int32_t first = 0;
    int32_t last = DAYS_MAX - 1;
    while (first < DAYS_MAX && ioc->live_by_day[first] == 0) {
        first++;
    }
    while (last >= 0 && ioc->live_by_day[last] == 0) {
        last--;
    }
    rwlock_unlock(&ioc->lock);
    if (first > last) {
        return false;
    }
    *ret_first = first + DAY_ZERO;
    *ret_last = last + DAY_ZERO;
    return true;
}

IocLive ioc_live(Ioc *ioc) {
    TimeMs now = clock_now_ms(ioc->clock);
    int64_t today = (now + TIME_VN_OFFSET_MIN * INT64_C(60000)) / INT64_C(86400000) - DAY_ZERO;
    rwlock_read(&ioc->lock);
    IocLive live = {
        .visits = ioc->n_live,
        .visits_today = today >= 0 && today < DAYS_MAX ? ioc->live_by_day[today] : 0,
        .applied = ioc->applied_visits,
        .record = ioc->applied,
        .time = ioc->applied_time,
    };
    rwlock_unlock(&ioc->lock);
    return live;
}
