/* XML: xml_parse and the streaming reader against expat with empty handlers, in one process on one
 * core. Work: a claim table of 20 MB (one element of drugs after another, CRLF, CDATA and
 * references as claim files have them), every element and text handed over. */
#include <expat.h>

#include "bench.h"
#include "core/limits.h"
#include "core/xml.h"

enum { ROUNDS = 5 };

typedef struct Count {
    size_t events, bytes;
} Count;

static ErrCode on_event(void *ctx, Str s) {
    Count *c = ctx;
    c->events++;
    c->bytes += s.len;
    return ERR_OK;
}

static void XMLCALL peer_open(void *ctx, const XML_Char *name, const XML_Char **attrs) {
    (void)name;
    (void)attrs;
    ((Count *)ctx)->events++;
}

static void XMLCALL peer_close(void *ctx, const XML_Char *name) {
    (void)name;
    ((Count *)ctx)->events++;
}

static void XMLCALL peer_text(void *ctx, const XML_Char *s, int len) {
    (void)s;
    ((Count *)ctx)->bytes += (size_t)len;
}

static void make(Buf *doc) {
    buf_init(doc, 64 * LIMIT_MIB);
    buf_put_lit(doc, "<CHITIEU_CHITIET_THUOC>\r\n<DSACH_CHI_TIET_THUOC>\r\n");
    for (int i = 0; i < 60000; i++) {
        buf_printf(
            doc,
            "<CHI_TIET_THUOC>\r\n  <MA_LK>46001_%06d</MA_LK>\r\n  <STT>%d</STT>\r\n"
            "  <MA_THUOC>40.%d</MA_THUOC>\r\n"
            "  <TEN_THUOC><![CDATA[Paracetamol 500mg viên nén]]></TEN_THUOC>\r\n"
            "  <LIEU_DUNG>Ngày 2 lần &amp; sau ăn</LIEU_DUNG>\r\n  <SO_LUONG>10</SO_LUONG>\r\n"
            "  <DON_GIA>1250.000</DON_GIA>\r\n  <GHI_CHU/>\r\n</CHI_TIET_THUOC>\r\n",
            i, i % 20, i % 1000);
    }
    buf_put_lit(doc, "</DSACH_CHI_TIET_THUOC>\r\n</CHITIEU_CHITIET_THUOC>\r\n");
}

static bool run_peer(Str doc, Count *c) {
    XML_Parser p = XML_ParserCreate(NULL);
    XML_SetUserData(p, c);
    XML_SetElementHandler(p, peer_open, peer_close);
    XML_SetCharacterDataHandler(p, peer_text);
    bool ok = XML_Parse(p, doc.ptr, (int)doc.len, 1) == XML_STATUS_OK;
    XML_ParserFree(p);
    return ok;
}

static bool run_stream(Str doc, const XmlHandler *h) {
    CLEANUP_XML XmlReader *r = xml_new(h);
    return r != NULL && xml_feed(r, doc, NULL) == ERR_OK && xml_finish(r, NULL) == ERR_OK;
}

int main(void) {
    Buf doc;
    make(&doc);
    bench_machine();
    double best[4] = {1e9, 1e9, 1e9, 1e9};
    Count c = {0};
    XmlPlace place;
    const XmlHandler plain = {.ctx = &c, .open = on_event, .text = on_event, .close = on_event};
    XmlHandler placed = plain;
    placed.place = &place;
    for (int round = 0; round < ROUNDS * 4; round++) {
        double t0 = bench_now();
        bool ok = round % 4 == 0   ? run_peer(buf_str(&doc), &c)
                  : round % 4 == 1 ? run_stream(buf_str(&doc), &plain)
                  : round % 4 == 2 ? xml_parse(buf_str(&doc), &plain, NULL) == ERR_OK
                                   : xml_parse(buf_str(&doc), &placed, NULL) == ERR_OK;
        double t = bench_now() - t0;
        best[round % 4] = MIN(best[round % 4], t);
        if (!ok) {
            (void)fprintf(stderr, "bench xml: the document was refused\n");
            return 1;
        }
    }
    static const char *const names[] = {"expat, empty handlers", "streaming reader", "xml_parse",
                                        "xml_parse with places"};
    for (size_t i = 0; i < 4; i++) {
        printf("%-22s %6.0f MB/s  %5.2f of expat\n", names[i], (double)doc.len / 1e6 / best[i],
               best[0] / best[i]);
    }
    buf_release(&doc);
    return 0;
}
