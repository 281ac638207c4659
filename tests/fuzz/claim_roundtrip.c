/* A valid claim whose values the bytes change: two bytes say which tables it has (a bit each), then
 * lines "table record field VALUE" (three bytes and the rest) put values of their own into it. It
 * is written, read, mapped to FHIR and taken back. What must hold of every claim that the reader
 * takes: each value of each field of each table comes back as it was, and the file that is written
 * of what came back is the file that was read, byte by byte. */
#include "core/limits.h"
#include "interop/claim_unmap.h"
#include "interop/claim_write.h"
#include "unit/interop/claim_values.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

enum { LINES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Fuzz {
    Arena *arena;
    Str file; /* as written */
} Fuzz;

/* ---- the claim as a file ---- */

static bool is_list(const ClaimTable *t) {
    return !str_eq(t->root, t->record);
}

static size_t lines_of(const ClaimTable *t) {
    return is_list(t) ? LINES : 1;
}

static void write_part(Buf *out, const ClaimTable *t, const Str *values, size_t n) {
    CLEANUP_BUF Buf xml;
    buf_init(&xml, 16 * LIMIT_MIB);
    claim_write_table(&xml, t, values, n);
    claim_write_hoso_file(out, t, buf_str(&xml));
}

static void change(const ClaimTable *t, Str *values, Str rest) {
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        const unsigned char *p = (const unsigned char *)line.ptr;
        if (line.len < 3 || claim_table(p[0] & 15) != t) {
            continue;
        }
        size_t row = p[1] % lines_of(t);
        size_t field = p[2] % (size_t)t->n_fields;
        values[row * (size_t)t->n_fields + field] = str_sub(line, 3, line.len);
    }
}

static void put_part(Fuzz *f, Buf *out, const ClaimTable *t, Str changes) {
    size_t n = lines_of(t);
    Str *values = arena_new_array(f->arena, Str, n * (size_t)t->n_fields);
    ENSURE(values != NULL);
    for (size_t r = 0; r < n; r++) {
        memcpy(values + r * (size_t)t->n_fields, make_record(f->arena, t, (unsigned)(17 * r)),
               (size_t)t->n_fields * sizeof(Str));
        if (str_eq(t->fields[1].name, STR("STT"))) {
            values[r * (size_t)t->n_fields + 1] = arena_printf(f->arena, "%zu", r + 1);
        }
    }
    change(t, values, changes);
    write_part(out, t, values, n);
}

/* ---- what must hold ---- */

static void check_same(const Claim *want, const Claim *got) {
    ENSURE(str_eq(want->facility, got->facility) && str_eq(want->ma_lk, got->ma_lk));
    ENSURE(want->n_parts == got->n_parts);
    for (int i = 0; i < want->n_parts; i++) {
        const ClaimPart *w = &want->parts[i];
        const ClaimPart *g = &got->parts[i];
        ENSURE(w->table == g->table && w->n_records == g->n_records);
        for (int r = 0; r < w->n_records; r++) {
            for (int v = 0; v < w->table->n_fields; v++) {
                ENSURE(str_eq(w->records[r].values[v], g->records[r].values[v]));
            }
        }
    }
}

static void check_file(const Fuzz *f, const Claim *claim) {
    CLEANUP_BUF Buf out;
    buf_init(&out, 64 * LIMIT_MIB);
    claim_write_envelope_open(&out, claim->facility, claim->made, 1);
    claim_write_hoso_open(&out);
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        size_t n = (size_t)p->table->n_fields;
        Str *rows = arena_new_array(f->arena, Str, n * (size_t)p->n_records + 1);
        ENSURE(rows != NULL);
        for (int r = 0; r < p->n_records; r++) {
            memcpy(rows + (size_t)r * n, p->records[r].values, n * sizeof(Str));
        }
        write_part(&out, p->table, rows, (size_t)p->n_records);
    }
    claim_write_hoso_close(&out);
    claim_write_envelope_close(&out);
    ENSURE(buf_ok(&out) == ERR_OK && str_eq(buf_str(&out), f->file));
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Fuzz *f = ctx;
    ClaimGroup group;
    Claim back;
    ErrInfo info = {0};
    ENSURE(claim_map(f->arena, claim, &group) == ERR_OK);
    ENSURE(claim_unmap_group(f->arena, &group, &back, &info) == ERR_OK);
    check_same(claim, &back);
    back.made = claim->made; /* of the file, not of the visit */
    check_file(f, &back);
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Fuzz f = {.arena = arena_new(256 * LIMIT_MIB)};
    Str changes = {(const char *)data, size};
    unsigned tables = 2; /* XML1 */
    CLEANUP_BUF Buf out;
    buf_init(&out, 64 * LIMIT_MIB);
    ENSURE(f.arena != NULL);
    if (size >= 2) {
        tables |= (unsigned)data[0] | (unsigned)data[1] << 8;
        changes = str_sub(changes, 2, size);
    }
    claim_write_envelope_open(&out, STR("46001"), STR("20261122"), 1);
    claim_write_hoso_open(&out);
    for (int t = 1; t < CLAIM_TABLES; t++) {
        if ((tables >> t & 1) != 0 && claim_table(t) != NULL) {
            put_part(&f, &out, claim_table(t), changes);
        }
    }
    claim_write_hoso_close(&out);
    claim_write_envelope_close(&out);
    ENSURE(buf_ok(&out) == ERR_OK);
    f.file = buf_str(&out);
    ClaimReadOptions o = {.ctx = &f, .on_claim = on_claim};
    ENSURE(claim_read(f.file, &o, NULL) == ERR_OK);
    arena_free(f.arena);
    return 0;
}
