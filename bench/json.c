/* JSON: Nhịp's tape parser and writer against cJSON and jansson, in one process on one core.
 * Work: every document is parsed whole (for Nhịp with UTF-8 and duplicate-name checks; cJSON checks
 * neither, jansson both) and serialised without white space into memory. The best of ROUNDS rounds
 * over all documents counts; the libraries take turns. Documents: the 120 Synthea bundles where
 * NHIP_SHARED has them, and always generated ones with Vietnamese text. */
#include <cjson/cJSON.h>
/* Both libraries name their types alike; jansson's are not needed here. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include "bench.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/random.h"

enum { ROUNDS = 4, DOCS_MAX = 512 };

typedef struct Docs {
    const char *name;
    Buf text;
    Str docs[DOCS_MAX];
    size_t count;
    size_t bytes;
} Docs;

typedef struct Times {
    double parse, write;
} Times;

static void split_lines(Docs *d) {
    Str rest = buf_str(&d->text);
    Str line;
    while (str_cut(&rest, '\n', &line)) {
        if (line.len > 0 && d->count < DOCS_MAX) {
            d->docs[d->count++] = line;
            d->bytes += line.len;
        }
    }
}

static bool load_synthea(Docs *d) {
    char command[512];
    int n = snprintf(command, sizeof(command),
                     "xz -dc '%s/data/synthea/bundles.ndjson.xz' 2>/dev/null", bench_shared());
    if (n < 0 || (size_t)n >= sizeof(command) ||
        !bench_read_command(command, 512 * LIMIT_MIB, &d->text)) {
        return false;
    }
    split_lines(d);
    return d->count > 0;
}

/* Invented people and findings; nothing in them is real. */
static void generate(Docs *d) {
    static const char *const family[] = {"Nguyễn", "Trần", "Lê", "Phạm",
                                         "Đặng",   "Bùi",  "Vũ", "Huỳnh"};
    static const char *const given[] = {"Văn Thử", "Thị Mẫu", "Đức Ví Dụ", "Ngọc Ảo",
                                        "Hữu Giả Định"};
    static const char *const notes[] = {
        "Bệnh nhân tỉnh, tiếp xúc tốt, da niêm mạc hồng, không phù.",
        "Ho khan kéo dài, sốt nhẹ về chiều, ăn uống kém; hẹn tái khám sau 7 ngày.",
        "Uống thuốc sau ăn sáng\\nKhông tự ý ngừng thuốc", "Đã tư vấn chế độ ăn giảm muối"};
    Random r;
    random_init(&r, 7);
    buf_init(&d->text, 64 * LIMIT_MIB);
    for (int doc = 0; doc < 60; doc++) {
        buf_put_lit(&d->text, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
        for (int i = 0; i < 500; i++) {
            buf_printf(
                &d->text,
                "%s{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"o%d-%d\",\"status\":"
                "\"final\",\"subject\":{\"reference\":\"Patient/p%u\",\"display\":\"%s %s\"},"
                "\"effectiveDateTime\":\"2026-%02u-%02uT08:30:00+07:00\",\"valueQuantity\":"
                "{\"value\":%u.%02u,\"unit\":\"mmol/L\",\"system\":\"http://unitsofmeasure.org\","
                "\"code\":\"mmol/L\"},\"note\":[{\"text\":\"%s\"}]}}",
                i == 0 ? "" : ",", doc, i, (unsigned)random_below(&r, 1000),
                family[random_below(&r, ARRAY_LEN(family))],
                given[random_below(&r, ARRAY_LEN(given))], 1 + (unsigned)random_below(&r, 12),
                1 + (unsigned)random_below(&r, 28), (unsigned)random_below(&r, 30),
                (unsigned)random_below(&r, 100), notes[random_below(&r, ARRAY_LEN(notes))]);
        }
        buf_put_lit(&d->text, "]}\n");
    }
    split_lines(d);
}

static void stop(const char *what) {
    (void)fprintf(stderr, "bench json: %s\n", what);
    exit(1);
}

/* The output must be the input again: what is timed is also right. */
static Times run_nhip(const Docs *d, Arena *arena, Buf *out, bool compare) {
    Times t = {0};
    for (size_t i = 0; i < d->count; i++) {
        const JsonNode *root = NULL;
        arena_reset(arena);
        buf_clear(out);
        double t0 = bench_now();
        if (json_parse(arena, d->docs[i], &root, NULL) != ERR_OK) {
            stop("a document is refused");
        }
        double t1 = bench_now();
        JsonWriter w = json_writer(out);
        json_put_node(&w, root);
        t.write += bench_now() - t1;
        t.parse += t1 - t0;
        if (compare && !str_eq(buf_str(out), d->docs[i])) {
            stop("the output differs from the input");
        }
    }
    return t;
}

static Times run_cjson(const Docs *d) {
    Times t = {0};
    for (size_t i = 0; i < d->count; i++) {
        double t0 = bench_now();
        cJSON *root = cJSON_ParseWithLength(d->docs[i].ptr, d->docs[i].len);
        double t1 = bench_now();
        char *text = cJSON_PrintUnformatted(root);
        double t2 = bench_now();
        if (root == NULL || text == NULL) {
            stop("cJSON refuses a document");
        }
        free(text);
        cJSON_Delete(root);
        t.parse += t1 - t0;
        t.write += t2 - t1;
    }
    return t;
}

static Times run_jansson(const Docs *d) {
    Times t = {0};
    for (size_t i = 0; i < d->count; i++) {
        double t0 = bench_now();
        json_t *root = json_loadb(d->docs[i].ptr, d->docs[i].len, JSON_REJECT_DUPLICATES, NULL);
        double t1 = bench_now();
        char *text = json_dumps(root, JSON_COMPACT);
        double t2 = bench_now();
        if (root == NULL || text == NULL) {
            stop("jansson refuses a document");
        }
        free(text);
        json_decref(root);
        t.parse += t1 - t0;
        t.write += t2 - t1;
    }
    return t;
}

static void best(Times *sum, Times t) {
    sum->parse = sum->parse == 0 || t.parse < sum->parse ? t.parse : sum->parse;
    sum->write = sum->write == 0 || t.write < sum->write ? t.write : sum->write;
}

/* The same documents printed with indentation: nothing can be copied whole from them. */
static void indent(const Docs *d, Arena *arena, Docs *ret_indented) {
    buf_init(&ret_indented->text, 1024 * LIMIT_MIB);
    size_t ends[DOCS_MAX];
    for (size_t i = 0; i < d->count; i++) {
        const JsonNode *root = NULL;
        arena_reset(arena);
        if (json_parse(arena, d->docs[i], &root, NULL) != ERR_OK) {
            stop("a document is refused");
        }
        json_print_pretty(&ret_indented->text, root);
        ends[i] = ret_indented->text.len;
    }
    for (size_t i = 0; i < d->count; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        ret_indented->docs[i] = str_sub(buf_str(&ret_indented->text), from, ends[i] - from);
    }
    ret_indented->count = d->count;
    ret_indented->bytes = ret_indented->text.len;
}

static void row(const char *name, const Docs *d, Times t, size_t written, Times nhip) {
    double mb = (double)d->bytes / 1e6;
    printf("%-28s parse %7.0f MB/s (%5.1fx)   serialise %7.0f MB/s (%5.1fx)\n", name, mb / t.parse,
           t.parse / nhip.parse, (double)written / 1e6 / t.write, t.write / nhip.write);
}

static void compare(const Docs *d) {
    Arena *arena = arena_new(2048 * LIMIT_MIB);
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    Docs *indented = calloc(1, sizeof(Docs));
    if (arena == NULL || indented == NULL) {
        stop("no memory");
    }
    indent(d, arena, indented);
    Times nhip = {0};
    Times spaced = {0};
    Times cjson = {0};
    Times jansson = {0};
    for (int i = 0; i < ROUNDS; i++) {
        best(&nhip, run_nhip(d, arena, &out, true));
        best(&spaced, run_nhip(indented, arena, &out, false));
        best(&cjson, run_cjson(d));
        best(&jansson, run_jansson(d));
    }
    printf("%s: %zu documents, %.1f MB; times are factors of Nhịp's\n", d->name, d->count,
           (double)d->bytes / 1e6);
    row("nhip", d, nhip, d->bytes, nhip);
    row("cJSON", d, cjson, d->bytes, nhip);
    row("jansson", d, jansson, d->bytes, nhip);
    printf("%-28s parse %7.0f MB/s            serialise %7.0f MB/s of output\n",
           "nhip, indented input", (double)indented->bytes / 1e6 / spaced.parse,
           (double)d->bytes / 1e6 / spaced.write);
    buf_release(&indented->text);
    free(indented);
    arena_free(arena);
}

int main(void) {
    bench_machine();
    printf("# conditions: one core, documents in memory, best of %d rounds; Nhịp copies a value "
           "whole\n"
           "# when its text has no white space to leave out, which the indented input rules out\n",
           ROUNDS);
    static Docs synthea = {.name = "Synthea bundles"};
    static Docs own = {.name = "generated bundles, Vietnamese text"};
    if (load_synthea(&synthea)) {
        compare(&synthea);
    } else {
        printf("# Synthea bundles not found in %s: skipped\n", bench_shared());
    }
    generate(&own);
    compare(&own);
    buf_release(&synthea.text);
    buf_release(&own.text);
    return 0;
}
