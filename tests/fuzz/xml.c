/* The bytes as a document: fed whole and in pieces they must give the same events and the same error.
 * The bytes as text: escaped into an element and an attribute they must read back. */
#include "core/limits.h"
#include "core/utf8.h"
#include "core/xml.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Trace {
    Buf out;
    unsigned depth;
} Trace;

static ErrCode put(Trace *t, char kind, Str s) {
    buf_put_char(&t->out, kind);
    buf_put_u64(&t->out, s.len);
    buf_put_str(&t->out, s);
    return buf_ok(&t->out);
}

static ErrCode on_open(void *ctx, Str name) {
    ((Trace *)ctx)->depth++;
    return put(ctx, '<', name);
}

static ErrCode on_attr(void *ctx, Str name, Str value) {
    ErrCode err = put(ctx, '@', name);
    return err == ERR_OK ? put(ctx, '=', value) : err;
}

static ErrCode on_text(void *ctx, Str text) {
    ENSURE(text.len > 0 && utf8_valid(text));
    return put(ctx, '\'', text);
}

static ErrCode on_close(void *ctx, Str name) {
    ENSURE(((Trace *)ctx)->depth-- > 0);
    return put(ctx, '>', name);
}

/* Reads doc in pieces of `step` bytes and keeps what happened. */
static ErrCode read_in(Str doc, size_t step, Trace *t, ErrInfo *info) {
    XmlPlace place = {0};
    XmlHandler h = {.ctx = t,
                    .open = on_open,
                    .attr = on_attr,
                    .text = on_text,
                    .close = on_close,
                    .place = &place,
                    .text_max_bytes = 4096};
    CLEANUP_XML XmlReader *r = xml_new(&h);
    ENSURE(r != NULL);
    ErrCode err = ERR_OK;
    for (size_t at = 0; at < doc.len && err == ERR_OK; at += step) {
        err = xml_feed(r, str_sub(doc, at, step), info);
    }
    err = xml_finish(r, info);
    ENSURE(err != ERR_OK || t->depth == 0);
    ENSURE(place.depth <= LIMIT_XML_DEPTH && place.offset <= doc.len);
    return err;
}

static void document_side(Str doc, size_t step) {
    Trace whole = {0};
    Trace pieces = {0};
    ErrInfo info = {0};
    ErrInfo again = {0};
    buf_init(&whole.out, 16 * LIMIT_MIB);
    buf_init(&pieces.out, 16 * LIMIT_MIB);
    ErrCode a = read_in(doc, MAX(doc.len, (size_t)1), &whole, &info);
    ErrCode b = read_in(doc, step, &pieces, &again);
    ENSURE(a == b && info.code == a && again.code == a);
    ENSURE(str_eq(buf_str(&whole.out), buf_str(&pieces.out)));
    ENSURE(a == ERR_OK || (info.rule[0] != '\0' && info.where[0] != '\0'));
    buf_release(&whole.out);
    buf_release(&pieces.out);
}

/* XML cannot carry these; xml_put_text replaces the first kind, the second is its caller's. */
static bool can_carry(Str s) {
    if (s.len == 0 || s.len > 4000 || !utf8_valid(s)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool ffff = c == 0xEF && i + 2 < s.len && (unsigned char)s.ptr[i + 1] == 0xBF &&
                    (unsigned char)s.ptr[i + 2] >= 0xBE; /* U+FFFE and U+FFFF */
        if (ffff || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) {
            return false;
        }
    }
    return true;
}

static void text_side(Str s) {
    CLEANUP_BUF Buf doc;
    Trace t = {0};
    buf_init(&doc, LIMIT_MIB);
    buf_init(&t.out, LIMIT_MIB);
    buf_put_lit(&doc, "<a>");
    xml_put_text(&doc, s);
    buf_put_lit(&doc, "</a>");
    ENSURE(read_in(buf_str(&doc), doc.len, &t, NULL) == ERR_OK);
    Buf want;
    buf_init(&want, LIMIT_MIB);
    buf_printf(&want, "<1a'%zu", s.len);
    buf_put_str(&want, s);
    buf_put_lit(&want, ">1a");
    ENSURE(str_eq(buf_str(&t.out), buf_str(&want)));
    buf_release(&want);
    buf_release(&t.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str s = {(const char *)data, size};
    document_side(s, size == 0 ? 1 : 1 + data[size - 1] % 13);
    if (can_carry(s)) {
        text_side(s);
    }
    return 0;
}
