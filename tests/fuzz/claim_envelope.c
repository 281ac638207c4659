/* The bytes as a claim file: container, envelope, tables, mapping. What must hold: every HOSO is
 * handed out once, as a claim or refused; a refused HOSO's bytes lie inside the input and, wrapped,
 * are read as one HOSO again; a claim that was taken maps to resources that are JSON of their type.
 */
#include "core/limits.h"
#include "interop/claim_file.h"
#include "interop/claim_map.h"
#include "interop/claim_write.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Fuzz {
    Str input; /* the document being read */
    int claims, refused;
    bool wrapped; /* second reading: do not go deeper */
} Fuzz;

static ErrCode read_document(Fuzz *f, Str xml);

static void check_resource(Arena *a, const ClaimResource *r) {
    const JsonNode *root = NULL;
    ENSURE(json_parse(a, r->json, &root, NULL) == ERR_OK);
    ENSURE(json_str_is(json_get_lit(root, "resourceType"), str_from(fhir_type_name(r->type))));
    ENSURE(json_get_lit(root, "id") == NULL && r->role.len > 0);
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Fuzz *f = ctx;
    f->claims++;
    ENSURE(claim->facility.len > 0 && claim->n_parts > 0);
    ENSURE(claim->bytes.ptr >= f->input.ptr &&
           claim->bytes.ptr + claim->bytes.len <= f->input.ptr + f->input.len);
    for (int i = 0; i < claim->n_issues; i++) {
        ENSURE(claim->issues[i].severity == CLAIM_WARNING);
    }
    Arena *a = arena_new(256 * LIMIT_MIB);
    ClaimGroup g;
    ErrCode err = claim_map(a, claim, &g);
    ENSURE(err == ERR_OK || err == ERR_NOMEM || err == ERR_LIMIT);
    for (size_t i = 0; err == ERR_OK && i < g.n_resources; i++) {
        check_resource(a, &g.resources[i]);
    }
    ENSURE(err != ERR_OK || (g.n_resources >= 2 && g.resources[0].type == FHIR_T_PATIENT));
    arena_free(a);
    return ERR_OK;
}

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    Fuzz *f = ctx;
    f->refused++;
    ENSURE(refused->n_issues > 0);
    ENSURE(refused->bytes.len == 0 ||
           (refused->bytes.ptr >= f->input.ptr &&
            refused->bytes.ptr + refused->bytes.len == f->input.ptr + f->input.len) ||
           refused->hoso > 0);
    bool whole = refused->hoso > 0 && (str_ends(refused->bytes, STR("</HOSO>")) ||
                                       str_ends(refused->bytes, STR("</TRANG_THAI_KCB>")));
    if (whole && !f->wrapped) {
        Fuzz again = {.wrapped = true};
        Buf b;
        buf_init(&b, 64 * LIMIT_MIB);
        claim_wrap_hoso(&b, refused->facility, refused->made, refused->bytes);
        ENSURE(read_document(&again, buf_str(&b)) == ERR_OK);
        ENSURE(again.claims + again.refused >= 1);
        buf_release(&b);
    }
    return ERR_OK;
}

static ErrCode read_document(Fuzz *f, Str xml) {
    ClaimReadSummary sum;
    f->input = xml;
    f->claims = f->refused = 0;
    ClaimReadOptions o = {
        .file = STR("fuzz"), .ctx = f, .on_claim = on_claim, .on_refused = on_refused};
    ErrCode err = claim_read(xml, &o, &sum);
    ENSURE(err == ERR_OK);
    ENSURE(sum.n_claims == f->claims && sum.n_refused == f->refused);
    ENSURE(f->claims + f->refused >= sum.n_hoso);
    ENSURE(f->claims + f->refused <= sum.n_hoso + 1); /* the rest of a broken file */
    return ERR_OK;
}

static ErrCode on_document(void *ctx, Str name, Str xml) {
    (void)name;
    return read_document(ctx, xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Fuzz f = {0};
    ErrInfo info = {0};
    Str bytes = {(const char *)data, size};
    ErrCode err = claim_file_each(bytes, STR("fuzz"), on_document, &f, &info);
    ENSURE(err == ERR_OK || (info.rule[0] != '\0' && info.what_vi[0] != '\0'));
    return 0;
}
