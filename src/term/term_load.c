#include "term/term_int.h"
#include "core/utf8.h"
#include "term/term_load_int.h"

#define LOAD_BYTES_MAX ((size_t)4 << 30) /* memory of one load */

/* ---- properties ---- */

void term_extra_open(TermExtra *x) {
    buf_init(&x->out, LIMIT_MIB);
    buf_put_lit(&x->out, "{\"property\":[");
    x->any = false;
}

void term_extra_put(TermExtra *x, Str code, Str value) {
    JsonWriter w = json_writer(&x->out);
    if (value.len == 0) {
        return;
    }
    if (x->any) {
        buf_put_char(&x->out, ',');
    }
    json_open_object(&w);
    json_member_str(&w, STR("code"), code);
    json_member_str(&w, STR("valueString"), value);
    json_close_object(&w);
    x->any = true;
}

Str term_extra_close(TermExtra *x, Arena *arena) {
    buf_put_lit(&x->out, "]}");
    bool good = x->any && buf_ok(&x->out) == ERR_OK;
    Str text = good ? arena_str(arena, buf_str(&x->out)) : STR_EMPTY;
    buf_release(&x->out);
    return text;
}

/* ---- a table of codes ---- */

typedef struct CodeColumns {
    int code, display, display_vi, definition, parent, from, to, status, inactive, is_abstract;
} CodeColumns;

static bool is_yes(Str s) {
    return str_eq_nocase(s, STR("1")) || str_eq_nocase(s, STR("true")) ||
           str_eq_nocase(s, STR("yes")) || str_eq_nocase(s, STR("x"));
}

static ErrCode read_days(const TermTable *t, const CodeColumns *at, BuildConcept *c,
                         ErrInfo *info) {
    Str from = str_trim(term_table_get(t, at->from));
    Str to = str_trim(term_table_get(t, at->to));
    c->from = INT32_MIN;
    c->to = INT32_MAX;
    if ((from.len > 0 && term_day(from, false, &c->from) != ERR_OK) ||
        (to.len > 0 && term_day(to, true, &c->to) != ERR_OK)) {
        (void)err_set(info, ERR_SYNTAX, "term-day", "a day is written 2025-07-01",
                      "ngày được ghi dạng 2025-07-01");
        return term_table_error(t, ERR_SYNTAX, info);
    }
    return ERR_OK;
}

static ErrCode load_code(TermLoading *l, const TermTable *t, const CodeColumns *at,
                         const bool *is_property, ErrInfo *info) {
    Str status = term_table_get(t, at->status);
    Str parents = str_trim(term_table_get(t, at->parent));
    Str parent;
    BuildConcept c = {.code = str_trim(term_table_get(t, at->code)),
                      .display = str_trim(term_table_get(t, at->display)),
                      .display_vi = str_trim(term_table_get(t, at->display_vi)),
                      .definition = str_trim(term_table_get(t, at->definition))};
    if (c.code.len == 0) {
        (void)err_set(info, ERR_INVALID, "term-code-missing", "a row has no code", "dòng thiếu mã");
        return term_table_error(t, ERR_INVALID, info);
    }
    TRY(read_days(t, at, &c, info));
    bool out = is_yes(term_table_get(t, at->inactive)) || str_eq_nocase(status, STR("retired")) ||
               str_eq_nocase(status, STR("inactive"));
    c.flags = (out ? PACK_INACTIVE : 0U) |
              (is_yes(term_table_get(t, at->is_abstract)) ? PACK_ABSTRACT : 0U);
    TermExtra x;
    term_extra_open(&x);
    for (size_t i = 0; i < t->n_columns; i++) {
        if (is_property[i]) {
            term_extra_put(&x, t->columns[i], t->fields[i]);
        }
    }
    c.extra = term_extra_close(&x, t->row);
    term_build_concept(l->b, &c);
    while (parents.len > 0 && str_cut(&parents, '|', &parent)) {
        term_build_parent(l->b, c.code, str_trim(parent));
    }
    l->done.concepts++;
    return ERR_OK;
}

/* ".../CodeSystem/x" has the set of all its codes at ".../ValueSet/x". */
static Str set_of(Arena *arena, Str system) {
    Str mark = STR("/CodeSystem/");
    size_t at = str_find(system, mark);
    return at == SIZE_MAX
               ? STR_EMPTY
               : arena_printf(arena, STR_FMT "/ValueSet/" STR_FMT, STR_ARG(str_sub(system, 0, at)),
                              STR_ARG(str_sub(system, at + mark.len, system.len)));
}

/* The last part of a canonical, as an id and a name. */
static Str tail_of(Str url) {
    size_t from = 0;
    for (size_t i = 0; i < url.len; i++) {
        from = url.ptr[i] == '/' || url.ptr[i] == ':' ? i + 1 : from;
    }
    return str_sub(url, from, 64);
}

static BuildMeta meta_of(const TermLoading *l, Str url) {
    return (BuildMeta){.url = url,
                       .version = l->ask->version,
                       .id = tail_of(url),
                       .name = tail_of(url),
                       .title = l->ask->title,
                       .status = STR("active")};
}

static ErrCode need(Str value, const char *flag, ErrInfo *info) {
    return value.len > 0
               ? ERR_OK
               : err_set(info, ERR_PARAM, "term-flag", "a table of this kind needs %s URL",
                         "bảng loại này cần %s URL", flag);
}

ErrCode term_load_codes(TermLoading *l, TermTable *t, ErrInfo *info) {
    CodeColumns at = {0};
    int *places[] = {&at.code, &at.display, &at.display_vi, &at.definition, &at.parent,
                     &at.from, &at.to,      &at.status,     &at.inactive,   &at.is_abstract};
    static const char *const names[] = {"code", "display", "display_vi", "definition", "parent",
                                        "from", "to",      "status",     "inactive",   "abstract"};
    bool is_property[TABLE_COLUMNS_MAX];
    memset(is_property, true, sizeof(is_property));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        *places[i] = term_table_column(t, names[i]);
        if (*places[i] >= 0) {
            is_property[*places[i]] = false;
        }
    }
    TRY(need(l->ask->system, "--system", info));
    BuildMeta meta = meta_of(l, l->ask->system);
    term_build_system(
        l->b, &meta,
        &(BuildSystem){.value_set = set_of(l->arena, l->ask->system), .content = PACK_COMPLETE});
    ErrCode err = ERR_OK;
    while ((err = term_table_next(t, info)) == ERR_OK) {
        TRY(load_code(l, t, &at, is_property, info));
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- a table of mappings ---- */

ErrCode term_load_mappings(TermLoading *l, TermTable *t, ErrInfo *info) {
    int code = term_table_column(t, "code");
    int target = term_table_column(t, "target");
    int display = term_table_column(t, "display");
    int equivalence = term_table_column(t, "equivalence");
    int comment = term_table_column(t, "comment");
    TRY(need(l->ask->map, "--map", info));
    TRY(need(l->ask->system, "--system", info));
    TRY(need(l->ask->target, "--target", info));
    BuildMeta meta = meta_of(l, l->ask->map);
    term_build_map(l->b, &meta, STR_EMPTY, STR_EMPTY);
    ErrCode err = ERR_OK;
    while ((err = term_table_next(t, info)) == ERR_OK) {
        Str how = str_trim(term_table_get(t, equivalence));
        BuildRow row = {.source = l->ask->system,
                        .target = l->ask->target,
                        .code = str_trim(term_table_get(t, code)),
                        .to = str_trim(term_table_get(t, target)),
                        .to_display = str_trim(term_table_get(t, display)),
                        .equivalence = how.len > 0 ? how : STR("equivalent"),
                        .comment = str_trim(term_table_get(t, comment))};
        if (row.code.len == 0) {
            (void)err_set(info, ERR_INVALID, "term-code-missing", "a row has no code",
                          "dòng thiếu mã");
            return term_table_error(t, ERR_INVALID, info);
        }
        term_build_row(l->b, &row);
        l->done.mappings++;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- FHIR ---- */

static ErrCode load_resource(TermLoading *l, const JsonNode *root, ErrInfo *info) {
    const JsonNode *entries = json_get_lit(root, "entry");
    if (!json_str_is(json_get_lit(root, "resourceType"), STR("Bundle"))) {
        l->done.resources++;
        return term_build_resource(l->b, l->arena, root, info);
    }
    for (const JsonNode *e = json_is(entries, JSON_ARRAY) ? json_first(entries) : NULL; e != NULL;
         e = json_next(entries, e)) {
        l->done.resources++;
        TRY(term_build_resource(l->b, l->arena, json_get_lit(e, "resource"), info));
    }
    return ERR_OK;
}

static ErrCode load_json(TermLoading *l, const TermFile *file, ErrInfo *info) {
    Str rest = file->text;
    while (rest.len > 0) {
        const JsonNode *root = NULL;
        ErrCode err = json_parse_next(l->arena, &rest, &root, info);
        if (err == ERR_OK) {
            err = load_resource(l, root, info);
        }
        if (err != ERR_OK) {
            err_where(info, STR_FMT, STR_ARG(file->name));
            return err;
        }
    }
    return ERR_OK;
}

/* ---- any file ---- */

static ErrCode load_table(TermLoading *l, TermTable *t, ErrInfo *info) {
    bool code = term_table_column(t, "code") >= 0;
    if (term_table_column(t, "LOINC_NUM") >= 0) {
        return term_load_loinc(l, t, info);
    }
    if (code) {
        return term_table_column(t, "target") >= 0 ? term_load_mappings(l, t, info)
                                                   : term_load_codes(l, t, info);
    }
    (void)err_set(info, ERR_SYNTAX, "term-header", "the table's header has no column 'code'",
                  "tiêu đề bảng không có cột 'code'");
    return term_table_error(t, ERR_SYNTAX, info);
}

/* *ret_rf2: the files are SNOMED CT's and go together. */
static ErrCode load_file(TermLoading *l, const TermFile *file, bool *ret_rf2, ErrInfo *info) {
    Str head = str_trim(str_sub(file->text, 0, MIN(file->text.len, (size_t)256)));
    if (!utf8_valid(file->text)) {
        (void)err_set(info, ERR_SYNTAX, "term-utf8", "the file is not UTF-8",
                      "tệp không phải UTF-8");
        err_where(info, STR_FMT, STR_ARG(file->name));
        return ERR_SYNTAX;
    }
    if (str_starts(head, STR("{"))) {
        return load_json(l, file, info);
    }
    TermTable t;
    ErrCode err = term_table_init(&t, l->arena, file, info);
    *ret_rf2 = err == ERR_OK && term_is_rf2(&t);
    if (err == ERR_OK && !*ret_rf2) {
        err = load_table(l, &t, info);
    }
    term_table_release(&t);
    return err;
}

ErrCode term_load(const TermLoad *load, Buf *out, TermLoaded *ret_loaded, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LOAD_BYTES_MAX);
    CLEANUP_TERM_BUILD TermBuild *b = term_build_new();
    TermLoading l = {.ask = load, .b = b, .arena = arena};
    bool rf2 = false;
    if (arena == NULL || b == NULL) {
        return ERR_NOMEM;
    }
    if (load->n_files == 0 || load->n_files > TERM_LOAD_FILES) {
        return err_set(info, ERR_PARAM, "term-files", "name 1 to %d files", "hãy cho 1 đến %d tệp",
                       (int)TERM_LOAD_FILES);
    }
    for (size_t i = 0; i < load->n_files && !rf2; i++) {
        TRY(load_file(&l, &load->files[i], &rf2, info));
    }
    if (rf2) {
        TRY(term_load_rf2(&l, info));
    }
    TRY(term_build_end(b, out, info));
    *ret_loaded = l.done;
    return ERR_OK;
}

/* ---- listing ---- */

static void list_one(Buf *out, const Pack *p, const PackMeta *m, const char *kind, uint32_t n) {
    Str title = pack_str(p, m->title != 0 ? m->title : m->name);
    buf_printf(out, "%s\t" STR_FMT "\t" STR_FMT "\t%u\t" STR_FMT "\n", kind,
               STR_ARG(pack_str(p, m->url)), STR_ARG(pack_str(p, m->version)), n, STR_ARG(title));
}

ErrCode term_pack_list(Str pack, Buf *out) {
    Pack p;
    TRY(pack_open(pack, &p));
    const PackHead *h = p.head;
    const PackSystem *systems = pack_table(&p, h->systems, h->n_systems, sizeof(*systems));
    const PackSet *sets = pack_table(&p, h->sets, h->n_sets, sizeof(*sets));
    const PackMap *maps = pack_table(&p, h->maps, h->n_maps, sizeof(*maps));
    for (uint32_t i = 0; i < h->n_systems; i++) {
        list_one(out, &p, &systems[i].meta, "CodeSystem", systems[i].n);
    }
    for (uint32_t i = 0; i < h->n_sets; i++) {
        list_one(out, &p, &sets[i].meta, "ValueSet", 0);
    }
    for (uint32_t i = 0; i < h->n_maps; i++) {
        list_one(out, &p, &maps[i].meta, "ConceptMap", maps[i].n);
    }
    return buf_ok(out);
}
