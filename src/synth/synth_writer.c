/* The element names, their order and which are required come from the claim tables alone; the tags
 * of each table and style are put together once, so that writing a claim is copying. */
#include "core/base64.h"
#include "core/limits.h"
#include "interop/claim_write.h"
#include "synth/synth_desk_int.h"
#include "synth/synth_row_int.h"

typedef size_t RowFn(Row *r, const Visit *v);
static const struct {
    int table;
    RowFn *fill;
} sent[] = {
    {1, row_xml1},   {2, row_xml2},   {3, row_xml3},   {4, row_xml4},
    {5, row_xml5},   {7, row_xml7},   {8, row_xml8},   {9, row_xml9},
    {11, row_xml11}, {13, row_xml13}, {14, row_xml14}, {15, row_xml15},
};

/* One table in one style: what stands around a value and instead of an empty one. */
typedef struct Tags {
    Str open[ROW_FIELDS_MAX], close[ROW_FIELDS_MAX], empty[ROW_FIELDS_MAX];
    Str head, tail, record_open, record_close;
    size_t fixed; /* bytes of all tags of a record */
} Tags;

struct ClaimWriter {
    Arena *arena;
    Tags tags[STYLE_COUNT][CLAIM_TABLES];
    Buf xml;
    Desk *desk; /* NULL: nobody errs */
    Row row;
};

/* Tags are copied in blocks of TAG_BLOCK bytes, so that many lie behind each. */
enum { TAG_BLOCK = 32, TAG_PAD = 64 };

static Str tag(Arena *a, const char *before, Str name, const char *after) {
    Str s = arena_printf(a, "%s" STR_FMT "%s%*s", before, STR_ARG(name), after, TAG_PAD, "");
    return (Str){s.ptr, s.len - MIN((size_t)TAG_PAD, s.len)};
}

static void set_field(Arena *a, Tags *t, const ClaimField *f, int i, ClaimStyle style) {
    t->open[i] = tag(a, "<", f->name, ">");
    t->close[i] = tag(a, "</", f->name, ">");
    switch (style) {
    case STYLE_PAIR:
        t->empty[i] = arena_printf(a, "<" STR_FMT "></" STR_FMT ">%*s", STR_ARG(f->name),
                                   STR_ARG(f->name), TAG_PAD, "");
        t->empty[i].len = f->name.len * 2 + 5;
        break;
    case STYLE_SHORT:
        t->empty[i] = tag(a, "<", f->name, " />");
        break;
    case STYLE_OMIT:
    case STYLE_COUNT:
        t->empty[i] = f->required == 'Y' ? tag(a, "<", f->name, "/>") : tag(a, "", STR_EMPTY, "");
    }
    t->fixed += t->open[i].len + t->close[i].len + t->empty[i].len;
}

static void set_tags(Arena *a, const ClaimTable *c, ClaimStyle style, Tags *t) {
    bool bare = str_eq(c->root, c->record);
    Str list_open = c->list.len == 0 ? STR_EMPTY : tag(a, "<", c->list, ">");
    Str list_close = c->list.len == 0 ? STR_EMPTY : tag(a, "</", c->list, ">");
    t->head = arena_printf(a, "<?xml version=\"1.0\" encoding=\"utf-8\"?><" STR_FMT ">" STR_FMT,
                           STR_ARG(c->root), STR_ARG(list_open));
    t->tail = arena_printf(a, STR_FMT "</" STR_FMT ">", STR_ARG(list_close), STR_ARG(c->root));
    t->record_open = bare ? STR_EMPTY : tag(a, "<", c->record, ">");
    t->record_close = bare ? STR_EMPTY : tag(a, "</", c->record, ">");
    t->fixed = t->record_open.len + t->record_close.len;
    for (int i = 0; i < c->n_fields; i++) {
        set_field(a, t, &c->fields[i], i, style);
    }
}

ClaimWriter *writer_new(const World *w) {
    ClaimWriter *cw = calloc(1, sizeof *cw);
    if (cw == NULL) {
        return NULL;
    }
    buf_init(&cw->xml, 64 * LIMIT_MIB);
    cw->arena = arena_new(16 * LIMIT_MIB);
    if (cw->arena == NULL) {
        writer_free(cw);
        return NULL;
    }
    for (int style = 0; style < STYLE_COUNT; style++) {
        for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
            const ClaimTable *c = claim_table(sent[i].table);
            assert(c != NULL && c->n_fields <= ROW_FIELDS_MAX);
            set_tags(cw->arena, c, (ClaimStyle)style, &cw->tags[style][sent[i].table]);
        }
    }
    if (w->o.desks_percent > 0) {
        cw->desk = desk_new(w, w->o.desks_percent);
    }
    if (arena_failed(cw->arena) || (w->o.desks_percent > 0 && cw->desk == NULL)) {
        writer_free(cw);
        return NULL;
    }
    return cw;
}

void writer_free(ClaimWriter *cw) {
    if (cw != NULL) {
        arena_free(cw->arena);
        buf_release(&cw->xml);
        desk_free(cw->desk);
        free(cw);
    }
}

static inline char *copy(char *at, Str s) {
    memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* The same for text with TAG_PAD bytes behind it, into a buffer with as many to spare. */
static inline char *copy_tag(char *at, Str s) {
    memcpy(at, s.ptr, TAG_BLOCK);
    if (UNLIKELY(s.len > TAG_BLOCK)) {
        memcpy(at + TAG_BLOCK, s.ptr + TAG_BLOCK, s.len - TAG_BLOCK);
    }
    return at + s.len;
}

static char *put_record(char *at, const Tags *t, const Str *values, int n_fields) {
    at = copy(at, t->record_open);
    for (int i = 0; i < n_fields; i++) {
        if (values[i].len == 0) {
            at = copy_tag(at, t->empty[i]);
        } else {
            at = copy_tag(at, t->open[i]);
            at = copy(at, values[i]);
            at = copy_tag(at, t->close[i]);
        }
    }
    return copy(at, t->record_close);
}

/* Values hold no character that XML escapes: content_get has seen to that. */
static void put_table(Buf *out, const Tags *t, const Str *values, size_t n_records, int n_fields) {
    size_t room = t->head.len + t->tail.len + n_records * t->fixed + TAG_PAD;
    for (size_t i = 0; i < n_records * (size_t)n_fields; i++) {
        room += values[i].len;
    }
    if (!buf_reserve(out, room)) {
        return;
    }
    char *from = out->ptr + out->len;
    char *at = copy(from, t->head);
    for (size_t i = 0; i < n_records; i++) {
        at = put_record(at, t, values + i * (size_t)n_fields, n_fields);
    }
    at = copy(at, t->tail);
    assert((size_t)(at - from) <= room);
    out->len += (size_t)(at - from);
}

static void put_file(Buf *out, Str table, Str content, bool broken) {
    buf_put_lit(out, "<FILEHOSO><LOAIHOSO>");
    buf_put_str(out, table);
    buf_put_lit(out, "</LOAIHOSO><NOIDUNGFILE>");
    if (broken) {
        buf_put_lit(out, "PD94#bWw?");
    }
    base64_encode(out, content);
    buf_put_lit(out, "</NOIDUNGFILE></FILEHOSO>");
}

/* The planted defects of XML1, as bad exports look. */
static void spoil_values(Str *f, DefectKind defect) {
    if (defect == DEFECT_REQUIRED) {
        f[XML1_MA_BENH_CHINH] = STR_EMPTY;
    } else if (defect == DEFECT_DATE) {
        f[XML1_NGAY_VAO] = STR("202613450800");
    }
}

static void put_sent(ClaimWriter *cw, Buf *out, const Visit *v, size_t which,
                     const PlanClaim *claim) {
    DefectKind defect = (DefectKind)claim->defect;
    const ClaimTable *c = claim_table(sent[which].table);
    size_t n = sent[which].fill(&cw->row, v);
    if (n == 0) {
        return;
    }
    if (c->number == 1) {
        spoil_values(cw->row.values, defect);
    }
    mistake_spoil(claim->mistake, c->number, &cw->row, v);
    buf_clear(&cw->xml);
    const Tags *t = &cw->tags[v->facility->style % STYLE_COUNT][c->number];
    put_table(&cw->xml, t, cw->row.values, n, c->n_fields);
    memset(cw->row.values, 0, n * (size_t)c->n_fields * sizeof(Str));
    Str xml = buf_str(&cw->xml);
    if (c->number == 1 && defect == DEFECT_XML) {
        xml.len = xml.len * 2 / 3;
    }
    put_file(out, c->name, xml, c->number == 1 && defect == DEFECT_BASE64);
}

void writer_hoso(ClaimWriter *cw, Buf *out, const Visit *v, const PlanClaim *claim) {
    const PlanVisit *p = v->plan;
    row_begin(&cw->row, v);
    if (cw->desk != NULL) {
        row_who(&cw->row, desk_claim(cw->desk, p->person, p->facility, p->day));
    }
    claim_write_hoso_open(out);
    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        put_sent(cw, out, v, i, claim);
    }
    if (claim->defect == DEFECT_TABLE) {
        put_file(out, STR("XML77"), STR("<KHONG_CO/>"), false);
    }
    claim_write_hoso_close(out);
}
