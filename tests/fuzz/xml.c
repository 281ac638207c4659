/* The bytes as a document: fed whole, in pieces and to xml_parse, whose fast reader they
 * are a check of, they must give the same events at the same places and the same error.
 * The bytes as text: escaped into an element and an attribute they must read back. */
#include "core/limits.h"
#include "core/utf8.h"
#include "core/xml.h"

#define ENSURE(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Trace {
    Buf out;
    XmlPlace place;
    unsigned depth;
    unsigned stop_after; /* events until a callback says no; 0: never */
} Trace;

static ErrCode put(Trace *t, char kind, Str s) {
    buf_printf(&t->out, "%c%zu:%zu:%zu:%u:%zu", kind, t->place.line, t->place.column,
               t->place.offset, t->place.depth, s.len);
    buf_put_str(&t->out, s);
    return t->stop_after > 0 && --t->stop_after == 0 ? ERR_GONE : buf_ok(&t->out);
}

static ErrCode on_open(void *ctx, Str name) {
    ((Trace *)ctx)->depth++;
    return put(ctx, '<', name);
}

static ErrCode on_attr(void *ctx, Str name, Str value) {
    char both[2] = {(char)(name.len & 127), (char)(value.len & 127)};
    buf_put_str(&((Trace *)ctx)->out, name);
    buf_put_str(&((Trace *)ctx)->out, value);
    return put(ctx, '@', (Str){both, 2});
}

static ErrCode on_text(void *ctx, Str text) {
    ENSURE(text.len > 0 && utf8_valid(text));
    return put(ctx, '\'', text);
}

static ErrCode on_close(void *ctx, Str name) {
    ENSURE(((Trace *)ctx)->depth-- > 0);
    return put(ctx, '>', name);
}

static XmlHandler handler(Trace *t) {
    return (XmlHandler){.ctx = t,
                        .open = on_open,
                        .attr = on_attr,
                        .text = on_text,
                        .close = on_close,
                        .place = &t->place,
                        .text_max_bytes = 4096};
}

/* Reads doc in pieces of `step` bytes (0: by xml_parse) and keeps what happened. */
static ErrCode read_in(Str doc, size_t step, Trace *t, ErrInfo *info) {
    XmlHandler h = handler(t);
    if (step == 0) {
        return xml_parse(doc, &h, info);
    }
    CLEANUP_XML XmlReader *r = xml_new(&h);
    ENSURE(r != NULL);
    ErrCode err = ERR_OK;
    for (size_t at = 0; at < doc.len && err == ERR_OK; at += step) {
        err = xml_feed(r, str_sub(doc, at, step), info);
    }
    err = xml_finish(r, info);
    ENSURE(err != ERR_OK || t->depth == 0);
    ENSURE(t->place.depth <= LIMIT_XML_DEPTH && t->place.offset <= doc.len);
    return err;
}

/* The same events and places; from xml_parse also the same error to the letter (in pieces expat may
 * name another place for the same error). */
static void compare(Str doc, size_t step, const Trace *want, ErrCode code, const ErrInfo *info) {
    Trace t = {.stop_after = want->stop_after};
    ErrInfo again = {0};
    buf_init(&t.out, 16 * LIMIT_MIB);
    ENSURE(read_in(doc, step, &t, &again) == code && again.code == info->code);
    ENSURE(str_eq(buf_str(&t.out), buf_str(&want->out)));
    if (step == 0) {
        ENSURE(again.offset == info->offset && strcmp(again.rule, info->rule) == 0);
        ENSURE(strcmp(again.where, info->where) == 0);
        ENSURE(strcmp(again.what_en, info->what_en) == 0);
    }
    buf_release(&t.out);
}

static void document_side(Str doc, size_t step, unsigned stop_after) {
    Trace whole = {.stop_after = stop_after};
    ErrInfo info = {0};
    buf_init(&whole.out, 16 * LIMIT_MIB);
    ErrCode code = read_in(doc, MAX(doc.len, (size_t)1), &whole, &info);
    ENSURE(info.code == code && (code == ERR_OK || info.where[0] != '\0'));
    whole.stop_after = stop_after;
    compare(doc, step, &whole, code, &info);
    compare(doc, 0, &whole, code, &info);
    buf_release(&whole.out);
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

/* Keeps the text of the one element. */
static ErrCode keep_text(void *ctx, Str text) {
    buf_put_str(ctx, text);
    return ERR_OK;
}

static void text_side(Str s) {
    CLEANUP_BUF Buf doc;
    CLEANUP_BUF Buf got;
    buf_init(&doc, LIMIT_MIB);
    buf_init(&got, LIMIT_MIB);
    buf_put_lit(&doc, "<a>");
    xml_put_text(&doc, s);
    buf_put_lit(&doc, "</a>");
    XmlHandler h = {.ctx = &got, .text = keep_text};
    ENSURE(xml_parse(buf_str(&doc), &h, NULL) == ERR_OK && str_eq(buf_str(&got), s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str s = {(const char *)data, size};
    unsigned last = size == 0 ? 0 : data[size - 1];
    document_side(s, 1 + last % 13, last % 3 == 0 ? 1 + last / 32 : 0);
    if (can_carry(s)) {
        text_side(s);
    }
    return 0;
}
