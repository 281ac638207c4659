/* The bytes as inner tables, so that the fuzzer sees through the base64: documents separated by
 * NUL, each after one byte that names its table (1 … 15). They are put into one HOSO, read and
 * mapped. What must hold: a claim that was taken, written again table by table and read again, has
 * the same values; its resources are JSON, and what forms made of it (XML6–XML15) comes back. */
#include "core/limits.h"
#include "interop/claim_unmap.h"
#include "interop/claim_write.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Again {
    const Claim *first; /* NULL while it is the first reading */
    int claims;
} Again;

static void read_back(const Claim *claim);

static void check_same(const Claim *a, const Claim *b) {
    ENSURE(a->n_parts == b->n_parts && str_eq(a->ma_lk, b->ma_lk));
    for (int i = 0; i < a->n_parts; i++) {
        const ClaimPart *p = &a->parts[i];
        const ClaimPart *q = &b->parts[i];
        ENSURE(p->table == q->table && p->n_records == q->n_records && !q->has_unknown);
        for (int r = 0; r < p->n_records; r++) {
            for (int f = 0; f < p->table->n_fields; f++) {
                ENSURE(str_eq(p->records[r].values[f], q->records[r].values[f]));
            }
        }
    }
}

/* The n-th record of all documents of the table, or NULL. */
static const ClaimRecord *record_at(const Claim *c, int table, int n) {
    for (int i = 0; i < c->n_parts; i++) {
        const ClaimPart *p = &c->parts[i];
        if (p->table->number == table && n < p->n_records) {
            return &p->records[n];
        }
        n -= p->table->number == table ? p->n_records : 0;
    }
    return NULL;
}

static void check_unmap(Arena *a, const Claim *claim, const ClaimGroup *g) {
    Claim back;
    ErrInfo info;
    ErrCode err = claim_unmap_group(a, g, &back, &info);
    ENSURE(err == ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT);
    for (int t = 6; err == ERR_OK && t < CLAIM_TABLES; t++) {
        const ClaimRecord *r = NULL;
        for (int n = 0; (r = record_at(claim, t, n)) != NULL; n++) {
            const ClaimRecord *b = record_at(&back, t, n);
            ENSURE(b != NULL);
            for (int f = 0; f < claim_table(t)->n_fields; f++) {
                ENSURE(str_eq(b->values[f], r->values[f]));
            }
        }
    }
}

static void check_map(const Claim *claim) {
    Arena *a = arena_new(256 * LIMIT_MIB);
    ClaimGroup g;
    ErrCode err = claim_map(a, claim, &g);
    ENSURE(err == ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT);
    for (size_t i = 0; err == ERR_OK && i < g.n_resources; i++) {
        const JsonNode *root = NULL;
        ENSURE(json_parse(a, g.resources[i].json, &root, NULL) == ERR_OK);
    }
    if (err == ERR_OK) {
        check_unmap(a, claim, &g);
    }
    arena_free(a);
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Again *again = ctx;
    again->claims++;
    if (again->first != NULL) {
        check_same(again->first, claim);
        return ERR_OK;
    }
    check_map(claim);
    read_back(claim);
    return ERR_OK;
}

static void read_envelope(Buf *b, Again *again) {
    ClaimReadOptions o = {.ctx = again, .on_claim = on_claim};
    ENSURE(buf_ok(b) == ERR_OK);
    ENSURE(claim_read(buf_str(b), &o, NULL) == ERR_OK);
}

/* Writes the claim's values in the canonical form and reads them again. */
static void read_back(const Claim *claim) {
    Buf b;
    Buf xml;
    buf_init(&b, 256 * LIMIT_MIB);
    buf_init(&xml, 256 * LIMIT_MIB);
    claim_write_envelope_open(&b, claim->facility, claim->made, 1);
    claim_write_hoso_open(&b);
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        size_t n = (size_t)p->table->n_fields;
        bool bare = str_eq(p->table->root, p->table->record);
        Str *rows = calloc(n * (size_t)p->n_records + 1, sizeof(*rows));
        ENSURE(rows != NULL && (!bare || p->n_records == 1));
        for (int r = 0; r < p->n_records; r++) {
            memcpy(rows + (size_t)r * n, p->records[r].values, n * sizeof(Str));
        }
        buf_clear(&xml);
        claim_write_table(&xml, p->table, rows, (size_t)p->n_records);
        claim_write_hoso_file(&b, p->table, buf_str(&xml));
        free(rows);
    }
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    Again again = {.first = claim};
    read_envelope(&b, &again);
    ENSURE(again.claims == 1);
    buf_release(&b);
    buf_release(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str rest = {(const char *)data, size};
    Str document;
    Buf b;
    buf_init(&b, 64 * LIMIT_MIB);
    claim_write_envelope_open(&b, STR("46001"), STR("20261122"), 1);
    claim_write_hoso_open(&b);
    while (str_cut(&rest, '\0', &document)) {
        const ClaimTable *t = document.len == 0 ? NULL : claim_table(document.ptr[0] & 15);
        if (t != NULL) {
            claim_write_hoso_file(&b, t, str_sub(document, 1, document.len));
        }
    }
    claim_write_hoso_close(&b);
    claim_write_envelope_close(&b);
    Again again = {0};
    read_envelope(&b, &again);
    buf_release(&b);
    return 0;
}
