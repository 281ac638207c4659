/* xml.h — streaming XML over expat for claim files, and escaping for written XML.
 * Refused: DOCTYPE (and so every entity but the five of XML itself), depth over LIMIT_XML_DEPTH,
 * text of one run over the ceiling, anything that expat calls not well-formed. Names are reported
 * as written, prefix included. UTF-8 out; UTF-8, UTF-16, ISO-8859-1 and US-ASCII in. Text: each run
 * between two tags comes whole in one call, entities and CDATA decoded, line ends as \n; runs of
 * nothing but white space are skipped when an element stands before or behind them inside the same
 * parent. An empty element gets no text call. Ownership: Str arguments live until the callback
 * returns. Errors: the first error stops the reader for good and is returned by every later call; a
 * callback's own error is handed through. ErrInfo (zeroed by the caller): rule "xml-*", offset,
 * where "line L column C", the fault in both languages; what a callback wrote into it is kept.
 * Cost: about 2–4 ns a byte. Threads: one thread a reader. */
#ifndef NHIP_CORE_XML_H
#define NHIP_CORE_XML_H

#include "core/str.h"

/* Where the current event begins; for a text, where the tag behind it does. Lines and columns count
 * from 1; columns are characters. */
typedef struct XmlPlace {
    size_t line, column, offset;
    unsigned depth; /* open elements, the current one included */
} XmlPlace;

/* All callbacks may be NULL. attr comes after its element's open, in written order. */
typedef struct XmlHandler {
    void *ctx;
    ErrCode (*open)(void *ctx, Str name);
    ErrCode (*attr)(void *ctx, Str name, Str value);
    ErrCode (*text)(void *ctx, Str text);
    ErrCode (*close)(void *ctx, Str name);
    /* Instead of text, of a run over the ceiling: nothing of it is kept. NULL: it is an error. */
    ErrCode (*long_text)(void *ctx);
    XmlPlace *place;       /* kept up to date before each callback; NULL when not wanted */
    size_t text_max_bytes; /* 0: LIMIT_XML_TEXT_BYTES */
    unsigned depth_max;    /* 0: LIMIT_XML_DEPTH */
    bool offset_only;      /* place->line and column stay 0: saves expat a pass over all bytes */
} XmlHandler;

typedef struct XmlReader XmlReader;

XmlReader *xml_new(const XmlHandler *handler); /* copies *handler; NULL without memory */
void xml_free(XmlReader *r);                   /* NULL is fine */
/* Feeds the next bytes, in pieces of any size. info may be NULL. */
MUST_USE ErrCode xml_feed(XmlReader *r, Str bytes, ErrInfo *info);
/* Says that all bytes were fed: an open element is now an error. */
MUST_USE ErrCode xml_finish(XmlReader *r, ErrInfo *info);
/* new, feed, finish and free in one, with a reader of our own for what claim tables are made of:
 * three times as fast, the same events, places and errors (xml_int.h says how that is made sure).
 */
MUST_USE ErrCode xml_parse(Str document, const XmlHandler *handler, ErrInfo *info);

static inline void xml_cleanup(XmlReader **r) {
    xml_free(*r);
}
#define CLEANUP_XML CLEANUP(xml_cleanup)

/* Escaped for element text and for attribute values in double quotes. What XML 1.0 cannot carry
 * (control characters, U+FFFE, U+FFFF) becomes U+FFFD. */
void xml_put_text(Buf *out, Str s);

#endif
