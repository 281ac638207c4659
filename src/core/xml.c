#include "core/limits.h"
#include "core/xml_int.h"

#include <expat.h>

/* Documents go to expat in pieces of this size: it keeps no more than one unfinished token, and
 * a stop by a callback takes effect soon. */
enum { FEED_BYTES = 1 << 20 };

struct XmlReader {
    XmlHandler h;
    XML_Parser expat;
    Buf text;           /* the run since the last tag */
    bool is_long;       /* which is over the ceiling: nothing of it is kept */
    unsigned depth;     /* open elements */
    bool after_element; /* an element ended right before this run, inside the same parent */
    ErrCode err;        /* sticky */
    bool by_callback;   /* err came from one, which may have filled the caller's ErrInfo */
    ErrInfo info;
};

static void take_place(XmlReader *r, XmlPlace *ret_place) {
    XML_Index at = XML_GetCurrentByteIndex(r->expat);
    *ret_place = (XmlPlace){.line = XML_GetCurrentLineNumber(r->expat),
                            .column = XML_GetCurrentColumnNumber(r->expat) + 1,
                            .offset = at < 0 ? 0 : (size_t)at,
                            .depth = r->depth};
}

static void place_error(XmlReader *r) {
    XmlPlace p;
    take_place(r, &p);
    r->info.offset = p.offset;
    err_where(&r->info, "line %zu column %zu", p.line, p.column);
}

/* Remembers the first error and stops expat. */
static void stop(XmlReader *r, ErrCode err) {
    if (err != ERR_OK && r->err == ERR_OK) {
        r->err = err;
        r->info.code = err;
        place_error(r);
        (void)XML_StopParser(r->expat, XML_FALSE);
    }
}

/* Takes what a callback returned. */
static void take(XmlReader *r, ErrCode err) {
    if (err != ERR_OK) {
        r->by_callback = true;
        stop(r, err);
    }
}

static void stop_depth(XmlReader *r) {
    stop(r, err_set(&r->info, ERR_LIMIT, "xml-depth", "elements are nested deeper than %u",
                    "các phần tử lồng nhau quá %u cấp", r->h.depth_max));
}

static void stop_text(XmlReader *r) {
    stop(r, r->text.err == ERR_LIMIT
                ? err_set(&r->info, ERR_LIMIT, "xml-text",
                          "the text of one element is longer than %zu bytes",
                          "nội dung một phần tử dài hơn %zu byte", r->h.text_max_bytes)
                : ERR_NOMEM);
}

static void update_place(XmlReader *r) {
    if (r->h.place != NULL && r->h.offset_only) {
        XML_Index at = XML_GetCurrentByteIndex(r->expat);
        r->h.place->offset = at < 0 ? 0 : (size_t)at;
        r->h.place->depth = r->depth;
    } else if (r->h.place != NULL) {
        take_place(r, r->h.place);
    }
}

/* Hands the run over and empties it. beside: an element stands before or behind it. */
static void flush_text(XmlReader *r, bool beside) {
    Str s = buf_str(&r->text);
    if (UNLIKELY(r->is_long)) {
        r->is_long = false;
        update_place(r);
        take(r, r->h.long_text(r->h.ctx));
        return;
    }
    if (s.len > 0 && r->h.text != NULL && !(beside && xml_all_space(s))) {
        update_place(r);
        take(r, r->h.text(r->h.ctx, s));
    }
    r->text.len = 0;
}

static void put_attrs(XmlReader *r, const XML_Char **attrs) {
    for (; r->h.attr != NULL && r->err == ERR_OK && attrs[0] != NULL; attrs += 2) {
        take(r, r->h.attr(r->h.ctx, str_from(attrs[0]), str_from(attrs[1])));
    }
}

static void XMLCALL on_open(void *ctx, const XML_Char *name, const XML_Char **attrs) {
    XmlReader *r = ctx;
    if (r->err != ERR_OK) {
        return;
    }
    flush_text(r, true);
    if (r->err == ERR_OK && r->depth >= r->h.depth_max) {
        stop_depth(r);
    }
    if (r->err != ERR_OK) {
        return;
    }
    r->depth++;
    r->after_element = false;
    update_place(r);
    if (r->h.open != NULL) {
        take(r, r->h.open(r->h.ctx, str_from(name)));
    }
    put_attrs(r, attrs);
}

static void XMLCALL on_close(void *ctx, const XML_Char *name) {
    XmlReader *r = ctx;
    if (r->err != ERR_OK) {
        return;
    }
    flush_text(r, r->after_element);
    if (r->err == ERR_OK) {
        update_place(r);
        if (r->h.close != NULL) {
            take(r, r->h.close(r->h.ctx, str_from(name)));
        }
    }
    assert(r->depth > 0);
    r->depth--;
    r->after_element = true;
}

static void over_ceiling(XmlReader *r) {
    if (r->text.err == ERR_LIMIT && r->h.long_text != NULL) {
        r->is_long = true;
        buf_release(&r->text);
        buf_init(&r->text, r->h.text_max_bytes);
    } else {
        stop_text(r);
    }
}

static void XMLCALL on_text(void *ctx, const XML_Char *bytes, int len) {
    XmlReader *r = ctx;
    if (r->err == ERR_OK && !r->is_long) {
        buf_put(&r->text, bytes, (size_t)len);
        if (UNLIKELY(r->text.err != ERR_OK)) {
            over_ceiling(r);
        }
    }
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset) {
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    XmlReader *r = ctx;
    stop(r, err_set(&r->info, ERR_SYNTAX, "xml-doctype",
                    "a DOCTYPE is not allowed; remove it and send the document again",
                    "không cho phép DOCTYPE; hãy bỏ đi rồi gửi lại"));
}

static XmlHandler with_limits(const XmlHandler *handler) {
    XmlHandler h = *handler;
    h.text_max_bytes = h.text_max_bytes == 0 ? LIMIT_XML_TEXT_BYTES : h.text_max_bytes;
    h.depth_max = h.depth_max == 0 ? LIMIT_XML_DEPTH : h.depth_max;
    return h;
}

XmlReader *xml_new(const XmlHandler *handler) {
    XmlReader *r = calloc(1, sizeof(*r));
    XML_Parser expat = XML_ParserCreate(NULL);
    if (r == NULL || expat == NULL) {
        free(r);
        if (expat != NULL) {
            XML_ParserFree(expat);
        }
        return NULL;
    }
    r->h = with_limits(handler);
    r->expat = expat;
    buf_init(&r->text, r->h.text_max_bytes);
    XML_SetUserData(expat, r);
    XML_SetElementHandler(expat, on_open, on_close);
    XML_SetCharacterDataHandler(expat, on_text);
    XML_SetStartDoctypeDeclHandler(expat, on_doctype);
    return r;
}

void xml_free(XmlReader *r) {
    if (r != NULL) {
        XML_ParserFree(r->expat);
        buf_release(&r->text);
        free(r);
    }
}

/* What expat can say about a document without DOCTYPE, in Vietnamese. */
static const char *const WORDS_VI[] = {
    [XML_ERROR_SYNTAX] = "sai cú pháp",
    [XML_ERROR_NO_ELEMENTS] = "hết tệp mà chưa có phần tử nào trọn vẹn",
    [XML_ERROR_INVALID_TOKEN] = "có ký tự không hợp lệ hoặc dấu '<', '&' chưa được mã hoá",
    [XML_ERROR_UNCLOSED_TOKEN] = "thẻ hoặc chú thích chưa đóng",
    [XML_ERROR_PARTIAL_CHAR] = "ký tự cuối bị cắt mất một phần",
    [XML_ERROR_TAG_MISMATCH] = "thẻ đóng không khớp với thẻ mở",
    [XML_ERROR_DUPLICATE_ATTRIBUTE] = "một thuộc tính xuất hiện hai lần trong thẻ",
    [XML_ERROR_JUNK_AFTER_DOC_ELEMENT] = "còn nội dung thừa sau phần tử gốc",
    [XML_ERROR_UNDEFINED_ENTITY] = "dùng thực thể chưa được định nghĩa",
    [XML_ERROR_ASYNC_ENTITY] = "thẻ bị thực thể chia cắt",
    [XML_ERROR_BAD_CHAR_REF] = "tham chiếu ký tự (&#…;) không hợp lệ",
    [XML_ERROR_MISPLACED_XML_PI] = "khai báo <?xml …?> không đứng đầu tệp",
    [XML_ERROR_UNKNOWN_ENCODING] = "bảng mã khai báo không được hỗ trợ",
    [XML_ERROR_INCORRECT_ENCODING] = "bảng mã khai báo không đúng với nội dung",
    [XML_ERROR_UNCLOSED_CDATA_SECTION] = "phần CDATA chưa đóng",
    [XML_ERROR_XML_DECL] = "khai báo <?xml …?> không đúng",
};

static const char *words_vi(enum XML_Error e) {
    bool known = (size_t)e < ARRAY_LEN(WORDS_VI) && WORDS_VI[e] != NULL;
    return known ? WORDS_VI[e] : "sai quy tắc của XML";
}

/* Turns expat's own error into ours. */
static void take_expat_error(XmlReader *r) {
    enum XML_Error e = XML_GetErrorCode(r->expat);
    if (e == XML_ERROR_NO_MEMORY) {
        r->err = ERR_NOMEM;
        return;
    }
    r->err = err_set(&r->info, ERR_SYNTAX, "xml-syntax", "not well-formed XML: %s", "%s",
                     XML_ErrorString(e));
    (void)snprintf(r->info.what_vi, sizeof(r->info.what_vi), "XML không đúng cú pháp: %s",
                   words_vi(e));
    place_error(r);
}

/* Hands a callback's error over: what it wrote into the same ErrInfo stays, the place is added. */
static ErrCode report_callback(ErrCode err, const ErrInfo *place, ErrInfo *info) {
    if (info == NULL) {
        return err;
    }
    if (info->code != err) {
        *info = *place;
        info->code = err;
    } else if (info->where[0] == '\0') {
        info->offset = place->offset;
        err_where(info, "%s", place->where);
    }
    return err;
}

static ErrCode report(const XmlReader *r, ErrInfo *info) {
    if (r->err != ERR_OK && r->by_callback) {
        return report_callback(r->err, &r->info, info);
    }
    if (r->err != ERR_OK && info != NULL) {
        *info = r->info;
        info->code = r->err;
    }
    return r->err;
}

ErrCode xml_feed(XmlReader *r, Str bytes, ErrInfo *info) {
    while (bytes.len > 0 && r->err == ERR_OK) {
        size_t n = MIN(bytes.len, (size_t)FEED_BYTES);
        if (XML_Parse(r->expat, bytes.ptr, (int)n, XML_FALSE) != XML_STATUS_OK &&
            r->err == ERR_OK) {
            take_expat_error(r);
        }
        bytes = str_sub(bytes, n, bytes.len);
    }
    return report(r, info);
}

ErrCode xml_finish(XmlReader *r, ErrInfo *info) {
    if (r->err == ERR_OK && XML_Parse(r->expat, "", 0, XML_TRUE) != XML_STATUS_OK &&
        r->err == ERR_OK) {
        take_expat_error(r);
    }
    assert(r->err != ERR_OK || r->depth == 0);
    return report(r, info);
}

/* A handler that swallows the events that the fast reader had handed over. */
typedef struct Replay {
    const XmlHandler *h;
    size_t skip;
} Replay;

static bool swallowed(Replay *p) {
    if (p->skip == 0) {
        return false;
    }
    p->skip--;
    return true;
}

static ErrCode replay_open(void *ctx, Str name) {
    Replay *p = ctx;
    return swallowed(p) || p->h->open == NULL ? ERR_OK : p->h->open(p->h->ctx, name);
}

static ErrCode replay_attr(void *ctx, Str name, Str value) {
    Replay *p = ctx;
    return swallowed(p) || p->h->attr == NULL ? ERR_OK : p->h->attr(p->h->ctx, name, value);
}

static ErrCode replay_text(void *ctx, Str text) {
    Replay *p = ctx;
    return swallowed(p) || p->h->text == NULL ? ERR_OK : p->h->text(p->h->ctx, text);
}

static ErrCode replay_long_text(void *ctx) {
    Replay *p = ctx;
    return swallowed(p) ? ERR_OK : p->h->long_text(p->h->ctx);
}

static ErrCode replay_close(void *ctx, Str name) {
    Replay *p = ctx;
    return swallowed(p) || p->h->close == NULL ? ERR_OK : p->h->close(p->h->ctx, name);
}

static ErrCode parse_with_expat(Str document, const XmlHandler *handler, size_t skip,
                                ErrInfo *info) {
    Replay p = {.h = handler, .skip = skip};
    XmlHandler h = *handler;
    h.ctx = &p;
    h.open = replay_open;
    h.attr = replay_attr;
    h.text = replay_text;
    h.close = replay_close;
    h.long_text = handler->long_text == NULL ? NULL : replay_long_text;
    CLEANUP_XML XmlReader *r = xml_new(&h);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_feed(r, document, info));
    return xml_finish(r, info);
}

ErrCode xml_parse(Str document, const XmlHandler *handler, ErrInfo *info) {
    XmlHandler h = with_limits(handler);
    XmlFast fast;
    xml_fast(document, &h, &fast);
    if (fast.result == XML_FAST_DONE) {
        return ERR_OK;
    }
    if (fast.result == XML_FAST_GAVE_UP) {
        return parse_with_expat(document, &h, fast.n_events, info);
    }
    ErrInfo place = {.offset = fast.place.offset};
    err_where(&place, "line %zu column %zu", fast.place.line, fast.place.column);
    return report_callback(fast.err, &place, info);
}

/* The escape of one byte, or NULL. Control characters but tab, line feed and return have none. */
static const char *escape_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\r':
        return "&#13;";
    case '\t':
    case '\n':
        return NULL;
    default:
        return (unsigned char)c < 0x20 ? "\xEF\xBF\xBD" : NULL;
    }
}

/* U+FFFE and U+FFFF, which XML 1.0 cannot carry either. */
static bool is_no_character(Str s, size_t at) {
    return s.ptr[at] == '\xEF' && at + 2 < s.len && s.ptr[at + 1] == '\xBF' &&
           (unsigned char)s.ptr[at + 2] >= 0xBE;
}

void xml_put_text(Buf *out, Str s) {
    size_t from = 0;
    if (s.len == 0) { /* may point nowhere */
        return;
    }
    for (size_t i = 0; i < s.len; i++) {
        bool none = is_no_character(s, i);
        const char *escape = none ? "\xEF\xBF\xBD" : escape_of(s.ptr[i]);
        if (escape != NULL) {
            buf_put(out, s.ptr + from, i - from);
            buf_put_str(out, str_from(escape));
            i += none ? 2 : 0;
            from = i + 1;
        }
    }
    buf_put(out, s.ptr + from, s.len - from);
}
