/* term_tables_gen — makes the embedded terminology: FHIR R4's code systems, value sets and concept
 * maps (tables of gen/data/term) and the Vietnamese catalogues (of data/vn) become one pack
 * (src/term/term_pack_int.h). Usage: term_tables_gen OUT.c OUT.h DATA_DIR; writes OUT.bin beside
 * OUT.c, which embeds it. Exits 1 with a message on the first bad line. */
#include "core/arena.h"
#include "core/json.h"
#include "core/tsv.h"
#include "term/term_build_int.h"

#define NHIP "https://nhip.vn/fhir/"
#define ICD10 "http://hl7.org/fhir/sid/icd-10"
#define UCUM "http://unitsofmeasure.org"
#define UNITS NHIP "CodeSystem/dvhc"
#define BYTES_MAX ((size_t)64 << 20)

enum { DAY_2025_07_01 = 20270, PARTS_MAX = 256, UNITS_MAX = 4096 };

static const char *data_dir;
static Arena *arena; /* never freed: the program is short */
static TermBuild *build;

static void stop_on(ErrCode err, const char *what, const ErrInfo *info) {
    if (err != ERR_OK) {
        (void)fprintf(stderr, "term_tables_gen: %s: %s %s\n", what, err_name(err),
                      info == NULL ? "" : info->what_en);
        exit(1);
    }
}

static void die(const char *what, Str which) {
    (void)fprintf(stderr, "term_tables_gen: %s: " STR_FMT "\n", what, STR_ARG(which));
    exit(1);
}

/* ---- tables ---- */

typedef struct Table {
    const char *path;
    TsvReader r;
    bool has_row;
} Table;

static Str read_all(const char *path) {
    CLEANUP_FILE FILE *f = fopen(path, "rb");
    char *bytes = arena_alloc(arena, BYTES_MAX);
    if (f == NULL || bytes == NULL) {
        die("cannot read", str_from(path));
    }
    size_t n = fread(bytes, 1, BYTES_MAX, f);
    (void)arena_resize(arena, bytes, BYTES_MAX, n + 1);
    return (Str){bytes, n};
}

static void next_row(Table *t) {
    ErrInfo info = {0};
    t->has_row = tsv_next(&t->r);
    stop_on(tsv_ok(&t->r, &info), t->path, &info);
}

static Table *open_table(const char *dir, const char *name) {
    Table *t = arena_new_array(arena, Table, 1);
    ErrInfo info = {0};
    t->path = arena_printf(arena, "%s/%s", dir, name).ptr;
    stop_on(tsv_init(&t->r, read_all(t->path), &info), t->path, &info);
    next_row(t);
    return t;
}

static Table *term_table(const char *name) {
    return open_table(arena_printf(arena, "%s/term", data_dir).ptr, name);
}

static Str cell(const Table *t, const char *column) {
    int at = tsv_column(&t->r, str_from(column));
    if (at < 0) {
        die(t->path, str_from(column));
    }
    return tsv_get(&t->r, at);
}

static BuildMeta head_of(const Table *t) {
    return (BuildMeta){.id = cell(t, "id"),
                       .url = cell(t, "url"),
                       .version = cell(t, "version"),
                       .name = cell(t, "name"),
                       .title = cell(t, "title"),
                       .status = cell(t, "status")};
}

static bool row_is_of(const Table *t, const char *column, Str id) {
    return t->has_row && str_eq(cell(t, column), id);
}

/* ---- code systems of R4 ---- */

static PackContent content_of(Str s) {
    return str_eq(s, STR("fragment"))      ? PACK_FRAGMENT
           : str_eq(s, STR("not-present")) ? PACK_NOT_PRESENT
           : str_eq(s, STR("example"))     ? PACK_EXAMPLE
                                           : PACK_COMPLETE;
}

static void put_property(JsonWriter *w, Str code, char type, Str value) {
    json_open_object(w);
    json_member(w, "code", code);
    if (type == 'b') {
        json_name(w, "valueBoolean");
        json_put_raw(w, value);
    } else {
        json_put_name(w, type == 'c'   ? STR("valueCode")
                         : type == 'd' ? STR("valueDateTime")
                                       : STR("valueString"));
        json_put_str(w, value);
    }
    json_close_object(w);
}

/* "status=c:retired;…" as the JSON of PackConcept.extra. */
static Str extra_of(Str properties, uint32_t *flags) {
    if (properties.len == 0) {
        return STR_EMPTY;
    }
    Buf out;
    buf_init(&out, BYTES_MAX);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_name(&w, "property");
    json_open_array(&w);
    Str one;
    while (str_cut(&properties, ';', &one)) {
        Str code;
        if (!str_cut(&one, '=', &code) || one.len < 2 || one.ptr[1] != ':') {
            die("property", code);
        }
        Str value = str_sub(one, 2, one.len);
        put_property(&w, code, one.ptr[0], value);
        bool retired = str_eq(code, STR("status")) && str_eq(value, STR("retired"));
        *flags |= retired ? PACK_INACTIVE : 0U;
    }
    json_close_array(&w);
    json_close_object(&w);
    stop_on(buf_ok(&out), "property", NULL);
    Str text = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return text;
}

static void put_concept(const Table *t) {
    BuildConcept c = {.code = cell(t, "code"),
                      .display = cell(t, "display"),
                      .definition = cell(t, "definition")};
    c.flags = cell(t, "flags").len > 0 ? PACK_ABSTRACT : 0;
    c.extra = extra_of(cell(t, "properties"), &c.flags);
    term_build_concept(build, &c);
    Str parents = cell(t, "parents");
    Str parent;
    while (parents.len > 0 && str_cut(&parents, ';', &parent)) {
        term_build_parent(build, c.code, parent);
    }
}

static void put_systems(void) {
    Table *concepts = term_table("concepts.tsv");
    for (Table *s = term_table("systems.tsv"); s->has_row; next_row(s)) {
        BuildMeta meta = head_of(s);
        term_build_system(build, &meta,
                          &(BuildSystem){.value_set = cell(s, "value_set"),
                                         .content = content_of(cell(s, "content")),
                                         .no_case = str_eq(cell(s, "case_sensitive"), STR("no"))});
        for (; row_is_of(concepts, "system", meta.id); next_row(concepts)) {
            put_concept(concepts);
        }
    }
    if (concepts->has_row) {
        die("concept of no system, or out of order", cell(concepts, "system"));
    }
}

/* ---- value sets of R4 ---- */

static void put_filters(JsonWriter *w, Str filters) {
    Str one;
    json_name(w, "filter");
    json_open_array(w);
    while (str_cut(&filters, ';', &one)) {
        Str property;
        Str op = STR_EMPTY;
        if (!str_cut(&one, ' ', &property) || !str_cut(&one, ' ', &op) || one.ptr == NULL) {
            die("filter", property);
        }
        json_open_object(w);
        json_member(w, "property", property);
        json_member(w, "op", op);
        json_member(w, "value", one);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_members(JsonWriter *w, Table *codes, Str set, Str part) {
    bool any = false;
    for (; row_is_of(codes, "set", set) && str_eq(cell(codes, "part"), part); next_row(codes)) {
        if (!any) {
            json_name(w, "concept");
            json_open_array(w);
            any = true;
        }
        json_open_object(w);
        json_member(w, "code", cell(codes, "code"));
        json_member_str(w, STR("display"), cell(codes, "display"));
        json_close_object(w);
    }
    if (any) {
        json_close_array(w);
    }
}

static void put_part(JsonWriter *w, const Table *parts, Table *codes, Str set) {
    Str sets = cell(parts, "sets");
    Str url;
    json_open_object(w);
    json_member_str(w, STR("system"), cell(parts, "system"));
    json_member_str(w, STR("version"), cell(parts, "version"));
    put_members(w, codes, set, cell(parts, "part"));
    if (cell(parts, "filters").len > 0) {
        put_filters(w, cell(parts, "filters"));
    }
    if (sets.len > 0) {
        json_name(w, "valueSet");
        json_open_array(w);
        while (str_cut(&sets, ' ', &url)) {
            json_put_str(w, url);
        }
        json_close_array(w);
    }
    json_close_object(w);
}

static void put_sets(void) {
    Table *parts = term_table("set_parts.tsv");
    Table *codes = term_table("set_codes.tsv");
    Buf out;
    buf_init(&out, BYTES_MAX);
    for (Table *s = term_table("sets.tsv"); s->has_row; next_row(s)) {
        static const char *const kinds[] = {"include", "exclude"};
        BuildMeta meta = head_of(s);
        buf_clear(&out);
        JsonWriter w = json_writer(&out);
        json_open_object(&w);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            Str kind = str_from(kinds[k]);
            if (!row_is_of(parts, "set", meta.id) || !str_eq(cell(parts, "kind"), kind)) {
                continue;
            }
            json_put_name(&w, kind);
            json_open_array(&w);
            for (; row_is_of(parts, "set", meta.id) && str_eq(cell(parts, "kind"), kind);
                 next_row(parts)) {
                put_part(&w, parts, codes, meta.id);
            }
            json_close_array(&w);
        }
        json_close_object(&w);
        stop_on(buf_ok(&out), "compose", NULL);
        term_build_set(build, &meta, buf_str(&out));
    }
    if (parts->has_row || codes->has_row) {
        die("part of no set, or out of order", cell(parts->has_row ? parts : codes, "set"));
    }
    buf_release(&out);
}

static void put_maps(void) {
    Table *rows = term_table("mappings.tsv");
    for (Table *m = term_table("maps.tsv"); m->has_row; next_row(m)) {
        BuildMeta meta = head_of(m);
        term_build_map(build, &meta, cell(m, "source"), cell(m, "target"));
        for (; row_is_of(rows, "map", meta.id); next_row(rows)) {
            term_build_row(build, &(BuildRow){.source = cell(rows, "source"),
                                              .target = cell(rows, "target"),
                                              .code = cell(rows, "code"),
                                              .to = cell(rows, "to"),
                                              .equivalence = cell(rows, "equivalence"),
                                              .comment = cell(rows, "comment")});
        }
    }
    if (rows->has_row) {
        die("mapping of no map, or out of order", cell(rows, "map"));
    }
}

/* The units that R4's own sets name, as a fragment of UCUM. */
static void put_ucum(void) {
    Table *codes = term_table("set_codes.tsv");
    Str *seen = arena_new_array(arena, Str, UNITS_MAX);
    size_t n = 0;
    term_build_system(build,
                      &(BuildMeta){.id = STR("ucum"),
                                   .url = STR(UCUM),
                                   .name = STR("UCUM"),
                                   .title = STR("Unified Code for Units of Measure (common units)"),
                                   .status = STR("active")},
                      &(BuildSystem){.value_set = STR("http://hl7.org/fhir/ValueSet/ucum-units"),
                                     .content = PACK_FRAGMENT});
    for (; codes->has_row; next_row(codes)) {
        Str code = cell(codes, "code");
        bool twice = !str_eq(cell(codes, "set"), STR("ucum-common"));
        for (size_t i = 0; i < n && !twice; i++) {
            twice = str_eq(seen[i], code);
        }
        if (!twice && n < UNITS_MAX) {
            seen[n++] = code;
            term_build_concept(
                build, &(BuildConcept){.code = code, .display = cell(codes, "display")});
        }
    }
}

/* ---- Vietnamese catalogues ---- */

typedef struct Own {
    const char *id, *name, *title, *version;
} Own;

/* A system of ours and the set of all its codes, under one id. */
static void open_own(const Own *o, Str url, PackContent content) {
    Str set = arena_printf(arena, NHIP "ValueSet/%s", o->id);
    Buf out;
    buf_init(&out, BYTES_MAX);
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_name(&w, "include");
    json_open_array(&w);
    json_open_object(&w);
    json_member(&w, "system", url);
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    BuildMeta meta = {.id = str_from(o->id),
                      .url = set,
                      .version = str_from(o->version),
                      .name = str_from(o->name),
                      .title = str_from(o->title),
                      .status = STR("active")};
    term_build_set(build, &meta, buf_str(&out));
    meta.url = url;
    term_build_system(build, &meta, &(BuildSystem){.value_set = set, .content = content});
    buf_release(&out);
}

/* Strings under their names as the JSON of PackConcept.extra; empty ones are left out. */
static Str strings_of(const Str *pairs, size_t n) {
    Buf out;
    buf_init(&out, BYTES_MAX);
    bool any = false;
    JsonWriter w = json_writer(&out);
    json_open_object(&w);
    json_name(&w, "property");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (pairs[2 * i + 1].len > 0) {
            put_property(&w, pairs[2 * i], 's', pairs[2 * i + 1]);
            any = true;
        }
    }
    json_close_array(&w);
    json_close_object(&w);
    stop_on(buf_ok(&out), "property", NULL);
    Str text = any ? arena_str(arena, buf_str(&out)) : STR_EMPTY;
    buf_release(&out);
    return text;
}

/* code, name_vi and one more column; a code that stands on several lines is taken once. */
static void put_list(const char *file, const char *extra, const Own *own) {
    Table *t = open_table("data/vn", file);
    Str last = STR_EMPTY;
    open_own(own, arena_printf(arena, NHIP "CodeSystem/%s", own->id), PACK_COMPLETE);
    for (; t->has_row; next_row(t)) {
        Str code = cell(t, "code");
        Str more[] = {str_from(extra), cell(t, extra)};
        if (!str_eq(code, last)) {
            term_build_concept(build, &(BuildConcept){.code = code,
                                                            .display_vi = cell(t, "name_vi"),
                                                            .extra = strings_of(more, 1)});
        }
        last = code;
    }
}

/* ---- ICD-10: chapters, blocks, categories, codes ---- */

typedef struct Icd10 {
    Table *chapters, *also;
    Str chapter, chapter_code, block;
    Str last[16]; /* the last code of each length */
    Str blocks[512];
    size_t n_blocks;
} Icd10;

static void open_chapter(Icd10 *d, Str range) {
    for (; d->chapters->has_row; next_row(d->chapters)) {
        if (str_eq(cell(d->chapters, "range"), range)) {
            d->chapter = range;
            d->chapter_code = cell(d->chapters, "number");
            term_build_concept(
                build, &(BuildConcept){.code = d->chapter_code,
                                       .display = cell(d->chapters, "name_en"),
                                       .display_vi = cell(d->chapters, "name_vi"),
                                       .flags = PACK_ABSTRACT,
                                       .also = range});
            return;
        }
    }
    die("chapter out of order", range);
}

static Str icd10_parent(const Icd10 *d, Str code) {
    for (size_t n = code.len; n-- > 3;) {
        if (d->last[n].len > 0 && str_starts(code, d->last[n])) {
            return d->last[n];
        }
    }
    return d->block;
}

/* Its concept, the first time. */
static void open_block(Icd10 *d, Str block) {
    d->block = block;
    for (size_t i = 0; i < d->n_blocks; i++) {
        if (str_eq(d->blocks[i], block)) {
            return;
        }
    }
    if (d->n_blocks == ARRAY_LEN(d->blocks)) {
        die("too many blocks", block);
    }
    d->blocks[d->n_blocks++] = block;
    term_build_concept(build, &(BuildConcept){.code = block, .flags = PACK_ABSTRACT});
    term_build_parent(build, block, d->chapter_code);
}

/* The names that people use beside the official one: to be found by, one a line. */
static Str take_also(Icd10 *d, Str code) {
    Str names = STR_EMPTY;
    for (; row_is_of(d->also, "code", code); next_row(d->also)) {
        names = arena_printf(arena, STR_FMT STR_FMT "\n", STR_ARG(names),
                             STR_ARG(cell(d->also, "name_vi")));
    }
    return names;
}

static void put_icd10_row(Icd10 *d, const Table *t) {
    Str code = cell(t, "code");
    Str block = cell(t, "block");
    Str more[] = {STR("mark"), cell(t, "mark"), STR("rules"),
                  cell(t, "rules"), STR("flags"), cell(t, "flags")};
    if (!str_eq(cell(t, "chapter"), d->chapter)) {
        open_chapter(d, cell(t, "chapter"));
    }
    if (!str_eq(block, d->block)) {
        open_block(d, block);
    }
    term_build_concept(build, &(BuildConcept){.code = code,
                                                            .display = cell(t, "name_en"),
                                                            .display_vi = cell(t, "name_vi"),
                                                            .also = take_also(d, code),
                                                            .extra = strings_of(more, 3)});
    term_build_parent(build, code, icd10_parent(d, code));
    if (code.len >= ARRAY_LEN(d->last)) {
        die("code too long", code);
    }
    d->last[code.len] = code;
}

static void put_icd10(void) {
    Icd10 d = {.chapters = open_table("data/vn", "chapters.tsv"),
               .also = open_table("data/vn", "icd10-also.tsv")};
    open_own(&(Own){"icd-10-vn", "ICD10VN", "ICD-10 (QĐ 4469/QĐ-BYT, 2020)", "2020"}, STR(ICD10),
             PACK_COMPLETE);
    for (Table *t = open_table("data/vn", "icd10-vn.tsv"); t->has_row; next_row(t)) {
        put_icd10_row(&d, t);
    }
    if (d.also->has_row) {
        die("name of no code, or out of order", cell(d.also, "code"));
    }
}

/* ---- administrative units: one system, a version before and one since 1 July 2025 ---- */

static void put_units(const char *file, const BuildMeta *meta, PackContent content) {
    term_build_system(
        build, meta,
        &(BuildSystem){.value_set = STR(NHIP "ValueSet/dvhc"), .content = content});
    for (Table *t = open_table("data/vn", file); t->has_row; next_row(t)) {
        Str code = cell(t, "code");
        term_build_concept(build,
                           &(BuildConcept){.code = code, .display_vi = cell(t, "name_vi")});
        if (cell(t, "parent").len > 0) {
            term_build_parent(build, code, cell(t, "parent"));
        }
    }
}

static void put_unit_systems(void) {
    BuildMeta meta = {.id = STR("dvhc"),
                      .url = STR(NHIP "ValueSet/dvhc"),
                      .name = STR("DonViHanhChinh"),
                      .title = STR("Đơn vị hành chính"),
                      .status = STR("active")};
    term_build_set(build, &meta, STR("{\"include\":[{\"system\":\"" UNITS "\"}]}"));
    meta.url = STR(UNITS);
    meta.id = STR("dvhc-2024");
    meta.version = STR("2024");
    meta.title = STR("Đơn vị hành chính trước 01/07/2025 (tỉnh; huyện, xã của Huế)");
    meta.from = INT32_MIN;
    meta.to = DAY_2025_07_01 - 1;
    put_units("units-2024.tsv", &meta, PACK_FRAGMENT);
    meta.id = STR("dvhc");
    meta.version = STR("2025");
    meta.title = STR("Đơn vị hành chính từ 01/07/2025");
    meta.from = DAY_2025_07_01;
    meta.to = INT32_MAX;
    put_units("units-2025.tsv", &meta, PACK_COMPLETE);
}

static void put_unit_map(void) {
    term_build_map(build,
                   &(BuildMeta){.id = STR("dvhc-2024-2025"),
                                .url = STR(NHIP "ConceptMap/dvhc-2024-2025"),
                                .version = STR("2025"),
                                .name = STR("DonViHanhChinh2024Sang2025"),
                                .title = STR("Đơn vị hành chính: trước → từ 01/07/2025"),
                                .status = STR("active")},
                   STR(NHIP "ValueSet/dvhc"), STR(NHIP "ValueSet/dvhc"));
    for (Table *t = open_table("data/vn", "units-map-2025.tsv"); t->has_row; next_row(t)) {
        term_build_row(build, &(BuildRow){.source = STR(UNITS "|2024"),
                                          .code = cell(t, "from"),
                                          .target = STR(UNITS "|2025"),
                                          .to = cell(t, "to"),
                                          .equivalence = cell(t, "equivalence"),
                                          .comment = cell(t, "note")});
    }
}

static void put_vietnamese(void) {
    static const struct {
        const char *file, *extra;
        Own own;
    } lists[] = {
        {"ma-dantoc.tsv", "note", {"ma-dantoc", "DanToc", "Dân tộc (QĐ 121-TCTK/PPCĐ)", "1979"}},
        {"ma-doituong-kcb.tsv",
         "factor",
         {"ma-doituong-kcb", "DoiTuongKCB", "Mã đối tượng KCB (QĐ 3276/QĐ-BYT)", "2025"}},
        {"ma-khoa.tsv", "note", {"ma-khoa", "Khoa", "Mã khoa (QĐ 5937/QĐ-BYT)", "2021"}},
        {"ma-loai-kcb.tsv",
         "rule",
         {"ma-loai-kcb", "LoaiKCB", "Mã loại KCB (QĐ 824/QĐ-BYT)", "2023"}},
        {"ma-nhom-chi-phi.tsv",
         "table",
         {"ma-nhom", "NhomChiPhi", "Mã nhóm chi phí (QĐ 130/QĐ-BYT)", "2023"}},
    };
    put_icd10();
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        put_list(lists[i].file, lists[i].extra, &lists[i].own);
    }
    put_unit_systems();
    put_unit_map();
}

/* ---- output ---- */

static FILE *create(const char *path) {
    FILE *f = fopen(path, "wb");
    if (f == NULL) {
        die("cannot write", str_from(path));
    }
    return f;
}

static void write_out(const char *c_path, const char *h_path, Str pack) {
    Str bin = arena_printf(arena, "%.*s.bin", (int)strlen(c_path) - 2, c_path);
    FILE *f = create(bin.ptr);
    bool ok = fwrite(pack.ptr, 1, pack.len, f) == pack.len;
    ok = fclose(f) == 0 && ok;
    f = create(c_path);
    ok = fprintf(f,
                 "/* Made by gen/term_tables_gen.c: do not edit. %zu bytes. */\n"
                 "#include \"term/term_tables.gen.h\"\n\n#include \"core/embed.h\"\n\n"
                 "EMBED(term_pack, \"%s\")\n\n"
                 "Str term_tables(void) {\n    return embed_term_pack();\n}\n",
                 pack.len, bin.ptr) > 0 &&
         ok;
    ok = fclose(f) == 0 && ok;
    f = create(h_path);
    ok = fprintf(f, "/* term_tables.gen.h — the embedded pack. Made by gen/term_tables_gen.c. */\n"
                    "#ifndef NHIP_TERM_TERM_TABLES_GEN_H\n#define NHIP_TERM_TERM_TABLES_GEN_H\n\n"
                    "#include \"core/str.h\"\n\nStr term_tables(void);\n\n#endif\n") > 0 &&
         ok;
    if (fclose(f) != 0 || !ok) {
        die("cannot write", str_from(c_path));
    }
}

int main(int argc, char **argv) {
    ErrInfo info = {0};
    Buf pack;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: term_tables_gen OUT.c OUT.h DATA_DIR\n");
        return 2;
    }
    data_dir = argv[3];
    arena = arena_new((size_t)4 << 30);
    build = term_build_new();
    buf_init(&pack, PACK_BYTES_MAX);
    if (arena == NULL || build == NULL) {
        die("no memory", STR_EMPTY);
    }
    put_systems();
    put_ucum();
    put_sets();
    put_maps();
    put_vietnamese();
    stop_on(term_build_end(build, &pack, &info), "pack", &info);
    write_out(argv[1], argv[2], buf_str(&pack));
    return 0;
}
