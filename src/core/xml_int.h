/* xml_int.h — private to core: the fast reader behind xml_parse.
 * It reads what claim tables are made of: UTF-8, elements with ASCII names, attributes without
 * references, text, CDATA, the five entities and character references. At the first thing that it
 * is not sure of — and so at every error — it gives up and says how many events it has handed over;
 * xml_parse then lets expat read the document again and swallows that many. So expat alone decides
 * what is refused and how the error reads, and the fast reader only has to be right where it goes
 * on; tests/fuzz/xml.c compares the two. Errors: those of callbacks. Threads: no state. */
#ifndef NHIP_CORE_XML_INT_H
#define NHIP_CORE_XML_INT_H

#include "core/xml.h"

typedef struct XmlFast {
    enum { XML_FAST_DONE, XML_FAST_STOPPED, XML_FAST_GAVE_UP } result;
    ErrCode err;     /* STOPPED: what the callback returned */
    XmlPlace place;  /* STOPPED: the event of that callback */
    size_t n_events; /* handed over (or not wanted by the handler) */
} XmlFast;

/* handler: limits filled in. */
void xml_fast(Str document, const XmlHandler *handler, XmlFast *ret_outcome);
/* White space alone, as the rule of xml.h about runs beside elements means it. */
bool xml_all_space(Str s);

#endif
