/* DocumentReferences of tables that were kept whole (before forms were) → XML0, XML6–XML15, read
 * again from their bytes. */
#include "interop/claim_unmap_int.h"

#include "core/base64.h"
#include "core/limits.h"
#include "interop/claim_int.h"

/* The table that the document is of, or NULL: not written by a claim. */
static const ClaimTable *table_of(Unmap *u, const ClaimStored *r) {
    if (r->type != FHIR_T_DOCUMENT_REFERENCE || !str_starts(r->role, STR("document/"))) {
        return NULL;
    }
    return claim_table_by_name(
        unmap_coded(u, json_get_lit(r->root, "type"), STR(MAP_SYSTEM("loai-ho-so"))));
}

static ErrCode decode(Unmap *u, const JsonNode *root, Str *ret_xml) {
    const JsonNode *content = unmap_first(json_get_lit(root, "content"));
    Str data = json_str(u->arena, json_get_lit(json_get_lit(content, "attachment"), "data"));
    CLEANUP_BUF Buf xml;
    buf_init(&xml, LIMIT_CLAIM_FILE_BYTES);
    TRY(base64_decode(&xml, data));
    *ret_xml = arena_str(u->arena, buf_str(&xml));
    return arena_failed(u->arena) ? ERR_NOMEM : ERR_OK;
}

/* Certificates of one table stand in the order in which they came. */
static void insert(UnmapPart **at, UnmapPart *part) {
    while (*at != NULL && (*at)->place <= part->place) {
        at = &(*at)->next;
    }
    part->next = *at;
    *at = part;
}

static ErrCode put_document(Unmap *u, const ClaimTable *t, const ClaimStored *r) {
    ClaimPart read = {.table = t};
    ClaimBuild build = {.arena = u->arena, .ma_lk = u->ma_lk};
    Str prefix = arena_printf(u->arena, "document/" STR_FMT "/", STR_ARG(t->name));
    UnmapPart *p = arena_new_array(u->arena, UnmapPart, 1);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = decode(u, r->root, &read.xml);
    if (err == ERR_OK) {
        err = claim_table_read(&build, &read, str_starts(read.xml, STR("<TRANG_THAI_KCB")));
    }
    if (err == ERR_SYNTAX || (err == ERR_OK && read.n_records == 0)) {
        return err_set(u->info, ERR_SYNTAX, "claim-document",
                       "a table that was kept whole can no longer be read",
                       "không đọc lại được bảng đã lưu nguyên vẹn");
    }
    TRY(err);
    *p = (UnmapPart){.t = t,
                     .xml = read.xml,
                     .records = (ClaimRecord *)(uintptr_t)read.records,
                     .n = read.n_records,
                     .has_unknown = read.has_unknown,
                     .capacity = read.n_records,
                     .place = unmap_role_number(r, prefix)};
    insert(&u->parts[t->number], p);
    return ERR_OK;
}

/* "FACILITY|MA_LK|XML0|…" of a document that stands for a check-in. */
static void take_keys(Unmap *u, const ClaimStored *r) {
    const UnmapPart *p = u->parts[0];
    Str key = json_str(u->arena, json_get_lit(json_get_lit(r->root, "masterIdentifier"), "value"));
    u->ma_lk = p->n > 0 ? p->records[0].values[XML0_MA_LK] : STR_EMPTY;
    size_t end = str_find(key, arena_printf(u->arena, "|" STR_FMT "|XML0|", STR_ARG(u->ma_lk)));
    u->facility = end == SIZE_MAX ? STR_EMPTY : str_sub(key, 0, end);
}

ErrCode unmap_documents(Unmap *u) {
    bool visit = u->encounter != NULL;
    bool known[CLAIM_TABLES]; /* by forms */
    for (int t = 0; t < CLAIM_TABLES; t++) {
        known[t] = u->parts[t] != NULL;
    }
    for (size_t i = 0; i < u->n_resources; i++) {
        const ClaimTable *t = table_of(u, &u->resources[i]);
        /* where the records are known, such a document keeps what is no field of them */
        bool wanted = t != NULL && !known[t->number];
        if (wanted && (visit ? t->number > 5 : t->number == 0)) {
            TRY(put_document(u, t, &u->resources[i]));
            if (!visit) {
                take_keys(u, &u->resources[i]);
                return ERR_OK;
            }
        }
    }
    return visit ? ERR_OK
                 : err_set(u->info, ERR_NOT_FOUND, "claim-none",
                           "these resources are no visit that a claim could tell",
                           "không có lượt khám chữa bệnh để lập hồ sơ");
}
