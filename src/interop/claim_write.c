#include "interop/claim_write.h"

#include "core/base64.h"
#include "core/xml.h"

#define DECLARATION "<?xml version=\"1.0\" encoding=\"utf-8\"?>"

static void put_open(Buf *out, Str name) {
    buf_put_char(out, '<');
    buf_put_str(out, name);
    buf_put_char(out, '>');
}

static void put_close(Buf *out, Str name) {
    buf_put_lit(out, "</");
    buf_put_str(out, name);
    buf_put_char(out, '>');
}

static void put_record(Buf *out, const ClaimTable *t, const Str *values, ClaimRelease release) {
    for (int i = 0; i < t->n_fields; i++) {
        ClaimForm f = claim_field_form(&t->fields[i], release);
        if (f.gone && values[i].len == 0) {
            continue;
        }
        put_open(out, f.name);
        xml_put_text(out, values[i]);
        put_close(out, f.name);
    }
}

static void put_row(Buf *out, const ClaimTable *t, const Str *values, ClaimRelease release) {
    bool bare = str_eq(t->root, t->record);
    if (!bare) {
        put_open(out, t->record);
    }
    put_record(out, t, values, release);
    if (!bare) {
        put_close(out, t->record);
    }
}

static void open_table(Buf *out, const ClaimTable *t) {
    buf_put_lit(out, DECLARATION);
    put_open(out, t->root);
    if (t->list.len > 0) {
        put_open(out, t->list);
    }
}

static void close_table(Buf *out, const ClaimTable *t) {
    if (t->list.len > 0) {
        put_close(out, t->list);
    }
    put_close(out, t->root);
}

void claim_write_table_as(Buf *out, const ClaimTable *t, const Str *values, size_t n_records,
                          ClaimRelease release) {
    assert(n_records == 1 || !str_eq(t->root, t->record));
    open_table(out, t);
    for (size_t r = 0; r < n_records; r++) {
        put_row(out, t, values + r * (size_t)t->n_fields, release);
    }
    close_table(out, t);
}

void claim_write_table(Buf *out, const ClaimTable *t, const Str *values, size_t n_records) {
    claim_write_table_as(out, t, values, n_records, CLAIM_RELEASE_4750);
}

void claim_write_hoso_open(Buf *out) {
    buf_put_lit(out, "<HOSO>");
}

void claim_write_hoso_file(Buf *out, const ClaimTable *t, Str inner_xml) {
    buf_put_lit(out, "<FILEHOSO><LOAIHOSO>");
    buf_put_str(out, t->name);
    buf_put_lit(out, "</LOAIHOSO><NOIDUNGFILE>");
    base64_encode(out, inner_xml);
    buf_put_lit(out, "</NOIDUNGFILE></FILEHOSO>");
}

void claim_write_hoso_close(Buf *out) {
    buf_put_lit(out, "</HOSO>\n");
}

static void put_records(Buf *out, const ClaimPart *p, ClaimRelease release) {
    open_table(out, p->table);
    for (int i = 0; i < p->n_records; i++) {
        put_row(out, p->table, p->records[i].values, release);
    }
    close_table(out, p->table);
}

ClaimRelease claim_release_of(const Claim *claim) {
    Str end = claim_value(claim, 1, XML1_NGAY_RA);
    return claim_release_at(end.len > 0 ? end : claim_value(claim, 1, XML1_NGAY_VAO));
}

void claim_write_hoso(Buf *out, const Claim *claim, const ClaimWriteHow *how) {
    CLEANUP_BUF Buf xml;
    buf_init(&xml, out->max);
    claim_write_hoso_open(out);
    for (int i = 0; i < claim->n_parts; i++) {
        const ClaimPart *p = &claim->parts[i];
        bool kept = how->as_kept && p->xml.len > 0;
        buf_clear(&xml);
        if (!kept) {
            put_records(&xml, p, how->release);
        }
        claim_write_hoso_file(out, p->table, kept ? p->xml : buf_str(&xml));
        out->err = out->err == ERR_OK ? xml.err : out->err;
    }
    claim_write_hoso_close(out);
}

void claim_write_envelope_open(Buf *out, Str facility, Str made, size_t count) {
    buf_put_lit(out, DECLARATION
                "\n<GIAMDINHHS xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n<THONGTINDONVI><MACSKCB>");
    xml_put_text(out, facility);
    buf_put_lit(out, "</MACSKCB></THONGTINDONVI>\n<THONGTINHOSO><NGAYLAP>");
    xml_put_text(out, made);
    buf_put_lit(out, "</NGAYLAP><SOLUONGHOSO>");
    buf_put_u64(out, count);
    buf_put_lit(out, "</SOLUONGHOSO><DANHSACHHOSO>\n");
}

void claim_write_envelope_close(Buf *out) {
    buf_put_lit(out, "</DANHSACHHOSO></THONGTINHOSO>\n<CHUKYDONVI/>\n</GIAMDINHHS>\n");
}

void claim_wrap_hoso(Buf *out, Str facility, Str made, Str hoso_bytes) {
    const ClaimTable *t0 = claim_table(0);
    assert(t0 != NULL);
    if (str_starts(hoso_bytes, STR("<HOSO"))) {
        claim_write_envelope_open(out, facility, made, 1);
        buf_put_str(out, hoso_bytes);
        claim_write_envelope_close(out);
    } else if (str_starts(hoso_bytes, STR("<TRANG_THAI_KCB"))) {
        buf_put_lit(out, DECLARATION);
        put_open(out, t0->root);
        put_open(out, t0->list);
        buf_put_str(out, hoso_bytes);
        put_close(out, t0->list);
        put_close(out, t0->root);
    } else {
        buf_put_str(out, hoso_bytes);
    }
}
