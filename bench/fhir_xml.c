/* fhir_xml — FHIR XML read into JSON text beside expat alone over the same XML, and written beside
 * json_parse over the same JSON; the first 30 Synthea bundles under NHIP_SHARED (default
 * ../shared), else tests/suite/data 400 times. Best of five rounds, one thread. The ratios are the
 * figures. */
#include "bench.h"

#include "core/limits.h"
#include "fhir/fhir_xml.h"

#include <expat.h>

enum { ROUNDS = 5, BUNDLES = 30 };

typedef struct Set {
    Str json[2048], xml[2048];
    size_t n, json_bytes, xml_bytes;
} Set;

static void add(Set *set, Arena *keep, Str json) {
    CLEANUP_BUF Buf xml;
    FhirResource r;
    CLEANUP_ARENA Arena *arena = arena_new(1024 * LIMIT_MIB);
    FhirXmlOptions options = {.arena = arena};
    buf_init(&xml, LIMIT_JSON_BYTES);
    if (set->n == ARRAY_LEN(set->json) || fhir_parse(arena, json, &r, NULL) != ERR_OK ||
        fhir_xml_write(&r, &options, &xml, NULL) != ERR_OK) {
        return;
    }
    set->json[set->n] = arena_str(keep, json);
    set->xml[set->n] = arena_str(keep, buf_str(&xml));
    set->json_bytes += json.len;
    set->xml_bytes += xml.len;
    set->n++;
}

typedef bool (*WorkFn)(Arena *, Str, Buf *);

static void XMLCALL no_open(void *ctx, const XML_Char *name, const XML_Char **attrs) {
    (void)ctx;
    (void)name;
    (void)attrs;
}

static void XMLCALL no_close(void *ctx, const XML_Char *name) {
    (void)ctx;
    (void)name;
}

static bool work_expat(Arena *arena, Str text, Buf *out) {
    (void)arena;
    (void)out;
    XML_Parser p = XML_ParserCreateNS("UTF-8", '|');
    XML_SetElementHandler(p, no_open, no_close);
    bool ok = XML_Parse(p, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(p);
    return ok;
}

static bool work_read(Arena *arena, Str text, Buf *out) {
    (void)arena;
    return fhir_xml_read(text, out, NULL) == ERR_OK;
}

static bool work_json(Arena *arena, Str text, Buf *out) {
    (void)out;
    const JsonNode *root = NULL;
    return json_parse(arena, text, &root, NULL) == ERR_OK;
}

static bool work_write(Arena *arena, Str text, Buf *out) {
    FhirResource r;
    FhirXmlOptions options = {.arena = arena};
    return fhir_parse(arena, text, &r, NULL) == ERR_OK &&
           fhir_xml_write(&r, &options, out, NULL) == ERR_OK;
}

static double measure(const char *name, const Str *texts, const Set *set, WorkFn work) {
    CLEANUP_ARENA Arena *arena = arena_new(1024 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    double best = 1e9;
    bool ok = true;
    buf_init(&out, LIMIT_JSON_BYTES);
    for (int round = 0; round < ROUNDS; round++) {
        double t0 = bench_now();
        for (size_t i = 0; i < set->n; i++) {
            buf_clear(&out);
            ok = work(arena, texts[i], &out) && ok;
            arena_reset(arena);
        }
        best = MIN(best, bench_now() - t0);
    }
    size_t bytes = texts == set->json ? set->json_bytes : set->xml_bytes;
    printf("%-26s %8.1f MB/s%s\n", name, (double)bytes / best / 1e6, ok ? "" : " (FAILED)");
    return best;
}

static void load(Set *set, Arena *keep, const char *command) {
    Buf text;
    if (!bench_read_command(command, 1024 * LIMIT_MIB, &text)) {
        buf_release(&text);
        return;
    }
    Str rest = buf_str(&text);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        if (line.len > 0) {
            add(set, keep, line);
        }
    }
    buf_release(&text);
}

int main(void) {
    static Set set;
    char command[1200];
    Arena *keep = arena_new(2048 * LIMIT_MIB);
    bench_machine();
    (void)snprintf(command, sizeof(command),
                   "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null | head -n %d; true",
                   bench_shared(), (int)BUNDLES);
    load(&set, keep, command);
    if (set.n == 0) {
        puts("# no Synthea bundles: own examples, 300 times");
        for (int i = 0; i < 300; i++) {
            load(&set, keep, "for f in tests/suite/data/*.json; do tr -d '\\n' <$f; echo; done");
        }
    }
    printf("# %zu documents, %.1f MB as JSON, %.1f MB as XML\n", set.n,
           (double)set.json_bytes / 1e6, (double)set.xml_bytes / 1e6);
    double expat = measure("expat alone", set.xml, &set, work_expat);
    double read = measure("read: XML to JSON text", set.xml, &set, work_read);
    double json = measure("json_parse alone", set.json, &set, work_json);
    double write = measure("parse and write XML", set.json, &set, work_write);
    printf("read %.2f x expat, write %.2f x json_parse\n", read / expat, write / json);
    arena_free(keep);
    return 0;
}
