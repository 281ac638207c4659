/* Many claims into files: found in one pass over the Encounters, written file by file. */
#include "core/io.h"
#include "intake/intake_claim.h"
#include "intake/intake_int.h"
#include "interop/claim_write.h"
#include "store/store_scan.h"

#define EXPORT_FILE_BYTES (512 * LIMIT_MIB)
#define EXPORT_VISIT_BYTES (256 * LIMIT_MIB)

enum { FACILITIES_MAX = 10000 };

typedef struct Found {
    Slot slot;         /* of the Encounter */
    uint32_t facility; /* index */
    uint32_t month;    /* 202611 */
} Found;

typedef struct Facility {
    Str code;
    uint32_t index;
} Facility;

typedef struct Export {
    const ClaimExport *what;
    ErrInfo *info;
    Arena *names;   /* facility codes */
    Arena *scratch; /* of one visit */
    Facility facilities[FACILITIES_MAX];
    uint32_t n_facilities;
    Found *found;
    size_t n, capacity;
    ClaimExported done;
} Export;

/* ---- finding */

static bool is_encounter(void *ctx, const StoreVersion *v) {
    (void)ctx;
    return v->type == FHIR_T_ENCOUNTER;
}

/* "FACILITY|MA_LK" of the Encounter; empty when it has none. */
static Str key_of(Arena *arena, const JsonNode *root) {
    const JsonNode *list = json_get_lit(root, "identifier");
    for (const JsonNode *i = json_is(list, JSON_ARRAY) ? json_first(list) : NULL; i != NULL;
         i = json_next(list, i)) {
        if (json_str_is(json_get_lit(i, "system"), STR(CLAIM_SYSTEM_VISIT))) {
            return json_str(arena, json_get_lit(i, "value"));
        }
    }
    return STR_EMPTY;
}

/* Of the end of the care, else of its beginning; 0 when neither is known. */
static uint32_t month_of(Arena *arena, const JsonNode *root) {
    static const char *const ends[] = {"period.end", "period.start"};
    TimeMs at = 0;
    TimeMs hi = 0;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (time_parse_fhir(json_str(arena, json_path(root, ends[i])), &at, &hi) == ERR_OK) {
            Civil c = time_civil(at, TIME_VN_OFFSET_MIN);
            return (uint32_t)(c.year * 100 + c.month);
        }
    }
    return 0;
}

static ErrCode facility_index(Export *e, Str code, uint32_t *ret_index) {
    for (uint32_t i = e->n_facilities; i-- > 0;) { /* the same one comes again and again */
        if (str_eq(e->facilities[i].code, code)) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    if (e->n_facilities == FACILITIES_MAX) {
        return err_set(e->info, ERR_LIMIT, "claim-export", "more than %d facilities",
                       "quá %d cơ sở", FACILITIES_MAX);
    }
    *ret_index = e->n_facilities;
    e->facilities[e->n_facilities] = (Facility){arena_str(e->names, code), e->n_facilities};
    e->n_facilities++;
    return arena_failed(e->names) ? ERR_NOMEM : ERR_OK;
}

static ErrCode remember(Export *e, Found found) {
    if (e->n == e->capacity) {
        size_t capacity = MAX((size_t)1024, 2 * e->capacity);
        Found *grown = realloc(e->found, capacity * sizeof(*grown));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        e->found = grown;
        e->capacity = capacity;
    }
    e->found[e->n++] = found;
    return ERR_OK;
}

static ErrCode find(void *ctx, const StoreVersion *v) {
    Export *e = ctx;
    const JsonNode *root = NULL;
    arena_reset(e->scratch);
    if (e->what->stop != NULL && stop_asked(e->what->stop)) {
        return ERR_STOPPED;
    }
    TRY(json_parse(e->scratch, v->json, &root, e->info));
    Str key = key_of(e->scratch, root);
    size_t bar = str_find_char(key, '|', 0);
    uint32_t month = month_of(e->scratch, root);
    Str said = arena_printf(e->scratch, "%04u-%02u", month / 100, month % 100);
    const ClaimExport *w = e->what;
    if (bar == SIZE_MAX || intake_has_begun(e->scratch, v->json)) {
        return ERR_OK; /* no visit of a claim, or its claim has not come */
    }
    bool wanted = (w->facility.len == 0 || str_eq(w->facility, str_sub(key, 0, bar))) &&
                  (w->ma_lk.len == 0 || str_eq(w->ma_lk, str_sub(key, bar + 1, key.len))) &&
                  (w->month.len == 0 || str_eq(w->month, said));
    Found found = {.slot = v->slot, .month = month};
    if (!wanted) {
        return ERR_OK;
    }
    TRY(facility_index(e, str_sub(key, 0, bar), &found.facility));
    return remember(e, found);
}

/* ---- writing */

static int by_code(const void *a, const void *b) {
    return str_cmp(((const Facility *)a)->code, ((const Facility *)b)->code);
}

static int by_place(const void *a, const void *b) {
    const Found *x = a;
    const Found *y = b;
    if (x->facility != y->facility) {
        return x->facility < y->facility ? -1 : 1;
    }
    if (x->month != y->month) {
        return x->month < y->month ? -1 : 1;
    }
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* Facility, month, then the order of the log. */
static ErrCode sort(Export *e) {
    uint32_t *rank = calloc(e->n_facilities + 1, sizeof(*rank));
    if (rank == NULL) {
        return ERR_NOMEM;
    }
    qsort(e->facilities, e->n_facilities, sizeof(*e->facilities), by_code);
    for (uint32_t i = 0; i < e->n_facilities; i++) {
        rank[e->facilities[i].index] = i;
    }
    for (size_t i = 0; i < e->n; i++) {
        e->found[i].facility = rank[e->found[i].facility];
    }
    free(rank);
    if (e->n > 0) {
        qsort(e->found, e->n, sizeof(*e->found), by_place);
    }
    return ERR_OK;
}

/* Bytes that a file's name should not have become "-2F", so that no two facilities share one. */
static Str file_name(Export *e, const Found *f, size_t number) {
    CLEANUP_BUF Buf code;
    buf_init(&code, LIMIT_MIB);
    Str text = e->facilities[f->facility].code;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (plain) {
            buf_put_char(&code, c);
        } else {
            buf_printf(&code, "-%02X", (unsigned char)c);
        }
    }
    return arena_printf(e->scratch, STR_FMT "/" STR_FMT "_%04u-%02u_%04zu.xml",
                        STR_ARG(e->what->dir), STR_ARG(buf_str(&code)), f->month / 100,
                        f->month % 100, number);
}

/* Appends the visit's HOSO. made: the newest NGAYLAP so far. */
static ErrCode put_visit(Export *e, const Found *f, Buf *out, Buf *made) {
    StoreVersion v;
    Claim claim;
    arena_reset(e->scratch);
    TRY(store_get_slot(e->what->store, e->scratch, f->slot, &v));
    ErrCode err = store_get(e->what->store, e->scratch, FHIR_T_ENCOUNTER, v.id, &v);
    if (err == ERR_GONE) { /* deleted since the pass over the log */
        e->done.left_out++;
        return ERR_OK;
    }
    TRY(err);
    TRY(intake_claim(e->what->store, e->scratch, &v, &claim, e->info));
    claim_write_hoso(out, &claim, &(ClaimWriteHow){claim_release_of(&claim), true});
    if (str_cmp(claim.made, buf_str(made)) > 0) {
        buf_clear(made);
        buf_put_str(made, claim.made);
    }
    e->done.visits++;
    return buf_ok(out);
}

/* Visits [from, to) into one file. */
static ErrCode write_file(Export *e, size_t from, size_t to, size_t number) {
    CLEANUP_BUF Buf body;
    CLEANUP_BUF Buf made;
    CLEANUP_BUF Buf whole;
    buf_init(&body, EXPORT_FILE_BYTES);
    buf_init(&made, LIMIT_MIB);
    buf_init(&whole, EXPORT_FILE_BYTES + LIMIT_MIB);
    uint64_t before = e->done.visits;
    for (size_t i = from; i < to; i++) {
        if (e->what->stop != NULL && stop_asked(e->what->stop)) {
            return ERR_STOPPED;
        }
        TRY(put_visit(e, &e->found[i], &body, &made));
    }
    arena_reset(e->scratch);
    claim_write_envelope_open(&whole, e->facilities[e->found[from].facility].code, buf_str(&made),
                              (size_t)(e->done.visits - before));
    buf_put_str(&whole, buf_str(&body));
    claim_write_envelope_close(&whole);
    TRY(buf_ok(&whole));
    e->done.files++;
    return io_write_atomic(file_name(e, &e->found[from], number).ptr, buf_str(&whole));
}

static bool same_month(const Found *a, const Found *b) {
    return a->facility == b->facility && a->month == b->month;
}

static ErrCode write_files(Export *e) {
    size_t number = 0;
    for (size_t from = 0, to; from < e->n; from = to) {
        to = from + 1;
        while (to < e->n && to - from < CLAIM_EXPORT_FILE &&
               same_month(&e->found[to], &e->found[from])) {
            to++;
        }
        bool goes_on = from > 0 && same_month(&e->found[from - 1], &e->found[from]);
        number = goes_on ? number + 1 : 1;
        TRY(write_file(e, from, to, number));
    }
    return ERR_OK;
}

static ErrCode run(Export *e) {
    RecordNo snapshot = store_snapshot(e->what->store);
    StoreScan scan = {.first = 1,
                      .last = snapshot,
                      .snapshot = snapshot,
                      .want = is_encounter,
                      .each = find,
                      .ctx = e};
    TRY(store_scan(e->what->store, &scan));
    TRY(sort(e));
    return write_files(e);
}

ErrCode intake_claim_export(const ClaimExport *what, ClaimExported *ret, ErrInfo *info) {
    Export *e = calloc(1, sizeof(*e));
    ErrCode err = ERR_NOMEM;
    if (e != NULL) {
        e->what = what;
        e->info = info;
        e->names = arena_new(LIMIT_MIB * 16);
        e->scratch = arena_new(EXPORT_VISIT_BYTES);
        err = e->names == NULL || e->scratch == NULL ? ERR_NOMEM : run(e);
        *ret = e->done;
        arena_free(e->names);
        arena_free(e->scratch);
        free(e->found);
        free(e);
    }
    return err;
}
