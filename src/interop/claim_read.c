#include "interop/claim_read.h"

#include "core/base64.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "core/xml.h"
#include "interop/claim_int.h"

enum { MADE_MAX = 16 };

/* Where the reader stands in the envelope; each state is entered by one element name. */
typedef enum State {
    AT_START,
    AT_ENVELOPE,
    AT_UNIT,
    AT_FACILITY,
    AT_INFO,
    AT_MADE,
    AT_COUNT,
    AT_LIST,
    AT_HOSO,
    AT_FILE,
    AT_KIND,
    AT_CONTENT,
    AT_SIGNATURE,
    AT_CHECK_IN,      /* the document of XML0, */
    AT_CHECK_IN_LIST, /* its list */
    AT_CHECK_IN_ONE,  /* and one record, which is read when it ends */
} State;

typedef struct Step {
    State from, to;
    Str name;
} Step;

static const Step steps[] = {
    {AT_FILE, AT_KIND, {"LOAIHOSO", 8}},
    {AT_FILE, AT_CONTENT, {"NOIDUNGFILE", 11}},
    {AT_HOSO, AT_FILE, {"FILEHOSO", 8}},
    {AT_LIST, AT_HOSO, {"HOSO", 4}},
    {AT_START, AT_ENVELOPE, {"GIAMDINHHS", 10}},
    {AT_ENVELOPE, AT_UNIT, {"THONGTINDONVI", 13}},
    {AT_UNIT, AT_FACILITY, {"MACSKCB", 7}},
    {AT_ENVELOPE, AT_INFO, {"THONGTINHOSO", 12}},
    {AT_INFO, AT_MADE, {"NGAYLAP", 7}},
    {AT_INFO, AT_COUNT, {"SOLUONGHOSO", 11}},
    {AT_INFO, AT_LIST, {"DANHSACHHOSO", 12}},
    {AT_ENVELOPE, AT_SIGNATURE, {"CHUKYDONVI", 10}},
    {AT_START, AT_CHECK_IN, {"CHI_TIEU_TRANG_THAI_KCB", 23}},
    {AT_CHECK_IN, AT_CHECK_IN_LIST, {"DSACH_TRANG_THAI_KCB", 20}},
    {AT_CHECK_IN_LIST, AT_CHECK_IN_ONE, {"TRANG_THAI_KCB", 14}},
    {AT_CHECK_IN, AT_SIGNATURE, {"CHUKYDONVI", 10}},
};

typedef struct Reader {
    const ClaimReadOptions *o;
    ClaimReadSummary *sum;
    Str bytes; /* the input; */
    ClaimText text;
    XmlPlace place; /* counts in text.xml */
    ClaimBuild b;
    State path[LIMIT_XML_DEPTH + 1]; /* state by depth */
    unsigned skip_depth;
    bool refused_file; /* wrong root: nothing can be read */
    ErrCode stopped;   /* a callback's error, or ERR_NOMEM */
    size_t start;      /* of the open HOSO, in bytes; */
    int start_line;
    bool in_hoso;
    size_t after; /* behind the last whole HOSO, in bytes */
    int after_line;
    size_t signature_start;
    char made[MADE_MAX];
    uint64_t said_count;
    bool has_count;
    ClaimPart parts[LIMIT_CLAIM_PARTS];
    size_t part_at[LIMIT_CLAIM_PARTS]; /* offset of the part's document in decoded */
    int n_parts;
    Buf decoded;
    const ClaimTable *kind; /* of the open FILEHOSO, */
    size_t content_at;      /* its document in decoded */
    int file_line;
    bool has_content, has_part; /* anything there; base64 that was decoded */
} Reader;

static Str facility_of(const Reader *r) {
    return str_from(r->sum->facility);
}

static int line_of(Reader *r) {
    return claim_text_line(&r->text, r->place.offset);
}

static size_t offset_of(const Reader *r) {
    return r->text.skipped + r->place.offset;
}

static ErrCode stop(Reader *r, ErrCode err) {
    if (err != ERR_OK) {
        r->stopped = err;
    }
    return err;
}

static void reset_build(Reader *r, int hoso) {
    arena_reset(r->b.arena);
    buf_clear(&r->decoded);
    r->n_parts = 0;
    r->b = (ClaimBuild){
        .arena = r->b.arena, .file = r->o->file, .release = r->o->release, .hoso = hoso};
}

static void put_fixed(char *out, size_t size, Str s) {
    size_t len = MIN(s.len, size - 1);
    memcpy(out, s.ptr, len);
    out[len] = '\0';
}

/* Warnings of the envelope go out at once; the issue's memory is taken back afterwards. */
static ErrCode warn_file(Reader *r, ClaimRule rule, int line, Str detail) {
    ClaimBuild *b = &r->b;
    ClaimBuild one = {.arena = b->arena, .file = b->file};
    claim_issue_add(&one, rule, (ClaimAt){.line = line}, detail);
    r->sum->n_warnings += one.n_warnings;
    if (r->o->on_issue == NULL || one.n_issues == 0) {
        return ERR_OK;
    }
    return stop(r, r->o->on_issue(r->o->ctx, &one.issues[0]));
}

/* MA_CSKCB of XML1 or XML0, where the envelope has no MACSKCB. */
static Str summary_facility(const Reader *r) {
    for (int i = 0; i < r->n_parts; i++) {
        const ClaimPart *p = &r->parts[i];
        if (p->n_records > 0 && p->table->number <= 1) {
            bool check_in = p->table->number == 0;
            return p->records[0].values[check_in ? (int)XML0_MA_CSKCB : (int)XML1_MA_CSKCB];
        }
    }
    return STR_EMPTY;
}

/* MA_LK as it stands in what was decoded: of a claim whose tables cannot be read the sender wants
 * to know which one it is. Empty when there is none that could be one. */
static Str written_key(const Reader *r) {
    Str text = r->decoded.err == ERR_OK ? buf_str(&r->decoded) : STR_EMPTY;
    size_t at = str_find(text, STR("<MA_LK>"));
    Str rest = at == SIZE_MAX ? STR_EMPTY : str_sub(text, at + 7, text.len);
    Str key = str_trim(str_sub(rest, 0, MIN(str_find_char(rest, '<', 0), rest.len)));
    bool good =
        key.len < CLAIM_KEY_MAX && utf8_valid(key) && str_find_char(key, '&', 0) == SIZE_MAX;
    return good ? key : STR_EMPTY;
}

static ClaimMore more_of(const ClaimBuild *b) {
    ClaimMore more = {.errors = b->n_errors, .warnings = b->n_warnings};
    for (int i = 0; i < b->n_issues; i++) {
        more.errors -= b->issues[i].severity == CLAIM_ERROR;
        more.warnings -= b->issues[i].severity == CLAIM_WARNING;
    }
    return more;
}

/* Hands the built claim out: to on_refused when it has an error. */
static ErrCode hand_out(Reader *r, Str bytes, int line) {
    ClaimBuild *b = &r->b;
    b->ma_lk = b->ma_lk.len == 0 && b->n_errors > 0 ? written_key(r) : b->ma_lk;
    Str facility = facility_of(r).len > 0 ? facility_of(r) : summary_facility(r);
    for (int i = 0; i < b->n_issues; i++) {
        b->issues[i].ma_lk = b->ma_lk;
    }
    r->sum->n_errors += b->n_errors;
    r->sum->n_warnings += b->n_warnings;
    if (b->n_errors > 0) {
        ClaimRefused refused = {.facility = facility,
                                .made = str_from(r->made),
                                .ma_lk = b->ma_lk,
                                .bytes = bytes,
                                .issues = b->issues,
                                .n_issues = b->n_issues,
                                .more = more_of(b),
                                .hoso = b->hoso,
                                .line = line};
        r->sum->n_refused++;
        return r->o->on_refused == NULL ? ERR_OK : stop(r, r->o->on_refused(r->o->ctx, &refused));
    }
    Claim claim = {.facility = facility,
                   .made = str_from(r->made),
                   .ma_lk = b->ma_lk,
                   .bytes = bytes,
                   .parts = r->parts,
                   .n_parts = r->n_parts,
                   .issues = b->issues,
                   .n_issues = b->n_issues,
                   .more = more_of(b),
                   .hoso = b->hoso,
                   .line = line};
    r->sum->n_claims++;
    return stop(r, r->o->on_claim(r->o->ctx, &claim));
}

/* End of the start tag that begins at `from`. */
static size_t tag_end(Str s, size_t from) {
    char quote = '\0';
    for (size_t i = from; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return i + 1;
        }
    }
    return s.len;
}

/* End of the element that begins at `from` and is being closed. */
static size_t element_end(const Reader *r, size_t from) {
    size_t open_end = tag_end(r->bytes, from);
    bool is_empty = open_end >= 2 && r->bytes.ptr[open_end - 2] == '/';
    return is_empty ? open_end : tag_end(r->bytes, offset_of(r));
}

/* The memory of one claim is used up: what was read of it goes, but for its key. */
static void give_up_large(Reader *r) {
    char key[CLAIM_KEY_MAX];
    bool fits = r->b.ma_lk.len > 0 && r->b.ma_lk.len < sizeof(key);
    put_fixed(key, sizeof(key), fits ? r->b.ma_lk : STR_EMPTY);
    reset_build(r, r->b.hoso);
    r->b.ma_lk = arena_str(r->b.arena, str_from(key));
    claim_issue_add(&r->b, CLAIM_RULE_CLAIM_LARGE, (ClaimAt){0}, STR("512 MiB"));
}

/* Reads and checks the tables of the HOSO that ends here; false when it takes too much memory. */
static bool read_parts(Reader *r, Str bytes) {
    bool record_only = r->path[1] == AT_CHECK_IN;
    if (r->decoded.err != ERR_OK) {
        return false;
    }
    for (int i = 0; i < r->n_parts; i++) {
        r->parts[i].xml.ptr = record_only ? bytes.ptr : buf_str(&r->decoded).ptr + r->part_at[i];
        ErrCode err = claim_table_read(&r->b, &r->parts[i], record_only);
        if (err != ERR_OK || arena_failed(r->b.arena)) {
            return false;
        }
    }
    claim_check_parts(&r->b, r->parts, r->n_parts, facility_of(r));
    return true;
}

static ErrCode end_hoso(Reader *r) {
    Str bytes = str_sub(r->bytes, r->start, element_end(r, r->start) - r->start);
    if (!read_parts(r, bytes)) {
        give_up_large(r);
    }
    r->in_hoso = false;
    r->after = r->start + bytes.len;
    r->after_line = line_of(r);
    return hand_out(r, bytes, r->start_line);
}

static void begin_hoso(Reader *r) {
    r->sum->n_hoso++;
    reset_build(r, r->sum->n_hoso);
    r->in_hoso = true;
    r->start = offset_of(r);
    r->start_line = line_of(r);
}

/* Decodes a NOIDUNGFILE; which table it is may be said before or behind it. */
static void take_content(Reader *r, Str text) {
    ClaimAt at = {.table = r->kind, .line = r->file_line};
    r->has_content = true;
    r->content_at = r->decoded.len;
    ErrCode err = base64_decode(&r->decoded, text);
    if (err == ERR_NOMEM || err == ERR_LIMIT) {
        r->decoded.err = err;
    } else if (err != ERR_OK) {
        r->decoded.len = r->content_at;
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_BASE64, at, STR_EMPTY);
    } else {
        r->has_part = true;
    }
}

static void add_part(Reader *r) {
    if (r->n_parts == LIMIT_CLAIM_PARTS) {
        claim_issue_add(&r->b, CLAIM_RULE_CLAIM_LARGE, (ClaimAt){.line = r->file_line},
                        STR("64 FILEHOSO"));
        return;
    }
    r->parts[r->n_parts] =
        (ClaimPart){.table = r->kind, .xml = {NULL, r->decoded.len - r->content_at}};
    r->part_at[r->n_parts++] = r->content_at;
}

static ErrCode refuse_root(Reader *r, Str name) {
    const ClaimTable *inner = claim_table_by_root(name);
    r->refused_file = true;
    ClaimRule rule = inner == NULL ? CLAIM_RULE_FILE_ROOT : CLAIM_RULE_FILE_INNER;
    claim_issue_add(&r->b, rule, (ClaimAt){.line = line_of(r)}, inner == NULL ? name : inner->name);
    return ERR_INVALID;
}

/* A file of millions of empty HOSO would become millions of rejects: the rest is one. */
static ErrCode refuse_more(Reader *r) {
    char n[32];
    (void)snprintf(n, sizeof(n), "%d", r->sum->n_refused);
    reset_build(r, 0);
    r->refused_file = true;
    claim_issue_add(&r->b, CLAIM_RULE_FILE_REFUSED, (ClaimAt){.line = line_of(r)}, str_from(n));
    return ERR_LIMIT;
}

static ErrCode skip(Reader *r, Str name) {
    r->skip_depth = r->place.depth;
    if (r->path[r->place.depth - 1] == AT_CONTENT) { /* XML where base64 is due */
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_BASE64,
                        (ClaimAt){.table = r->kind, .line = line_of(r)}, STR_EMPTY);
        r->has_content = true;
        return ERR_OK;
    }
    if (r->in_hoso) {
        claim_issue_add(&r->b, CLAIM_RULE_FILE_ELEMENT, (ClaimAt){.line = line_of(r)}, name);
        return ERR_OK;
    }
    return warn_file(r, CLAIM_RULE_FILE_ELEMENT, line_of(r), name);
}

static void enter(Reader *r, State to) {
    switch (to) {
    case AT_HOSO:
    case AT_CHECK_IN_ONE:
        begin_hoso(r);
        break;
    case AT_FILE:
        r->kind = NULL;
        r->has_content = false;
        r->has_part = false;
        r->file_line = line_of(r);
        break;
    case AT_SIGNATURE:
        r->signature_start = offset_of(r);
        break;
    case AT_START:
    case AT_ENVELOPE:
    case AT_UNIT:
    case AT_FACILITY:
    case AT_INFO:
    case AT_MADE:
    case AT_COUNT:
    case AT_LIST:
    case AT_KIND:
    case AT_CONTENT:
    case AT_CHECK_IN:
    case AT_CHECK_IN_LIST:
    default:
        break;
    }
}

static ErrCode on_open(void *ctx, Str name) {
    Reader *r = ctx;
    unsigned depth = r->place.depth;
    if (r->skip_depth > 0) {
        return ERR_OK;
    }
    State from = depth == 1 ? AT_START : r->path[depth - 1];
    if (from == AT_SIGNATURE || from == AT_CHECK_IN_ONE) { /* taken as a slice when it ends */
        r->skip_depth = depth;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].from == from && str_eq(steps[i].name, name)) {
            bool is_claim = steps[i].to == AT_HOSO || steps[i].to == AT_CHECK_IN_ONE;
            if (is_claim && r->sum->n_refused >= LIMIT_CLAIM_REFUSED) {
                return refuse_more(r);
            }
            r->path[depth] = steps[i].to;
            enter(r, steps[i].to);
            return ERR_OK;
        }
    }
    return depth == 1 ? refuse_root(r, name) : skip(r, name);
}

static void take_kind(Reader *r, Str text) {
    Str name = str_trim(text);
    ClaimAt at = {.line = line_of(r)};
    r->kind = claim_table_by_name(name);
    if (r->kind == NULL) {
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_UNKNOWN, at, name);
    } else if (r->kind->number == 0) {
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_ALONE, at, STR_EMPTY);
        r->kind = NULL;
    }
}

static ErrCode on_text(void *ctx, Str text) {
    Reader *r = ctx;
    if (r->skip_depth > 0) {
        return ERR_OK;
    }
    Str value = str_trim(text);
    State at = r->path[r->place.depth];
    if (at == AT_FACILITY) {
        put_fixed(r->sum->facility, sizeof(r->sum->facility), value);
    } else if (at == AT_MADE) {
        put_fixed(r->made, sizeof(r->made), value);
    } else if (at == AT_COUNT) {
        r->has_count = str_to_u64(value, &r->said_count) == ERR_OK;
    } else if (at == AT_KIND) {
        take_kind(r, value);
    } else if (at == AT_CONTENT && value.len > 0) {
        if (r->has_content) { /* nobody can tell which one counts */
            claim_issue_add(&r->b, CLAIM_RULE_TABLE_TWICE,
                            (ClaimAt){.table = r->kind, .line = line_of(r)}, STR("NOIDUNGFILE"));
        } else {
            take_content(r, value);
        }
    }
    return ERR_OK;
}

/* A table of more than the ceiling refuses its HOSO; what else is as long nobody needs. */
static ErrCode on_long_text(void *ctx) {
    Reader *r = ctx;
    if (r->skip_depth == 0 && r->path[r->place.depth] == AT_CONTENT) {
        r->has_content = true;
        claim_issue_say(&r->b, CLAIM_RULE_CLAIM_LARGE,
                        (ClaimAt){.table = r->kind, .line = r->file_line},
                        (ClaimDetail){STR("64 MiB of base64 in one NOIDUNGFILE"),
                                      STR("64 MiB base64 trong một NOIDUNGFILE")});
    }
    return ERR_OK;
}

static void end_file(Reader *r) {
    ClaimAt at = {.table = r->kind, .line = r->file_line};
    if (r->kind != NULL && r->has_part) {
        add_part(r);
    } else if (r->kind != NULL && !r->has_content) {
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_EMPTY, at, STR_EMPTY);
    } else if (r->kind == NULL && r->b.n_errors == 0) {
        claim_issue_add(&r->b, CLAIM_RULE_TABLE_UNKNOWN, at, STR_EMPTY);
    }
}

static ErrCode check_made(Reader *r) {
    Str made = str_from(r->made);
    uint64_t digits = 0;
    bool good = made.len == 0 || (made.len == 8 && str_to_u64(made, &digits) == ERR_OK);
    return good ? ERR_OK : warn_file(r, CLAIM_RULE_FILE_DATE, line_of(r), made);
}

static ErrCode end_check_in(Reader *r) {
    size_t len = element_end(r, r->start) - r->start;
    r->parts[0] = (ClaimPart){.table = claim_table(0), .xml = {r->bytes.ptr + r->start, len}};
    r->n_parts = 1;
    return end_hoso(r);
}

static ErrCode on_close(void *ctx, Str name) {
    Reader *r = ctx;
    (void)name;
    unsigned depth = r->place.depth;
    if (r->skip_depth > 0) {
        r->skip_depth = depth == r->skip_depth ? 0 : r->skip_depth;
        return ERR_OK;
    }
    State at = r->path[depth];
    if (at == AT_HOSO) {
        return end_hoso(r);
    }
    if (at == AT_CHECK_IN_ONE) {
        return end_check_in(r);
    }
    if (at == AT_FILE) {
        end_file(r);
    } else if (at == AT_MADE) {
        return check_made(r);
    } else if (at == AT_SIGNATURE) {
        r->sum->signature = str_sub(r->bytes, r->signature_start,
                                    element_end(r, r->signature_start) - r->signature_start);
    } else if (at == AT_UNIT && r->sum->facility[0] == '\0') {
        return warn_file(r, CLAIM_RULE_FILE_FACILITY, line_of(r), STR_EMPTY);
    }
    return ERR_OK;
}

static const ClaimDetail NO_DETAIL = {{"", 0}, {"", 0}};

/* The rest of the file, from the HOSO that was open or from behind the last whole one, as one
 * refused piece. */
static ErrCode refuse_rest(Reader *r, ClaimRule rule, int line, ClaimDetail detail) {
    size_t from = r->in_hoso ? r->start : r->after;
    int from_line = r->in_hoso ? r->start_line : r->after_line;
    r->b.hoso = r->in_hoso ? r->b.hoso : 0;
    if (rule != CLAIM_RULE_COUNT) {
        claim_issue_say(&r->b, rule, (ClaimAt){.line = line}, detail);
    }
    assert(r->b.n_errors > 0);
    return hand_out(r, str_sub(r->bytes, MIN(from, r->bytes.len), r->bytes.len), from_line);
}

static ErrCode refuse_broken(Reader *r, const ErrInfo *info) {
    int line = claim_text_line(&r->text, info->offset);
    if (!r->in_hoso && !r->refused_file) {
        reset_build(r, 0);
    }
    if (r->refused_file) {
        return refuse_rest(r, CLAIM_RULE_COUNT, line, NO_DETAIL);
    }
    if (strstr(info->rule, "doctype") != NULL) {
        return refuse_rest(r, CLAIM_RULE_FILE_DOCTYPE, line, NO_DETAIL);
    }
    if (!utf8_valid(r->bytes)) {
        return refuse_rest(r, CLAIM_RULE_FILE_ENCODING, line,
                           claim_text_place(r->b.arena, &r->text, info));
    }
    return refuse_rest(r, CLAIM_RULE_FILE_XML, line, claim_text_fault(r->b.arena, &r->text, info));
}

static ErrCode finish(Reader *r) {
    if (r->sum->n_hoso == 0) {
        TRY(warn_file(r, CLAIM_RULE_FILE_NO_CLAIM, 0, STR_EMPTY));
    }
    if (r->has_count && r->said_count != (uint64_t)r->sum->n_hoso) {
        char detail[64];
        (void)snprintf(detail, sizeof(detail), "%llu / %d", (unsigned long long)r->said_count,
                       r->sum->n_hoso);
        TRY(warn_file(r, CLAIM_RULE_FILE_COUNT, 0, str_from(detail)));
    }
    return ERR_OK;
}

static ErrCode read_all(Reader *r) {
    reset_build(r, 0);
    if (r->bytes.len == 0) {
        return refuse_rest(r, CLAIM_RULE_FILE_EMPTY, 0, NO_DETAIL);
    }
    if (claim_text(r->bytes, &r->text) != ERR_OK) {
        return refuse_rest(r, CLAIM_RULE_FILE_ENCODING, 1,
                           (ClaimDetail){STR("UTF-16"), STR("UTF-16")});
    }
    r->after_line = 1;
    XmlHandler handler = {.ctx = r,
                          .open = on_open,
                          .text = on_text,
                          .close = on_close,
                          .long_text = on_long_text,
                          .place = &r->place,
                          .offset_only = true};
    ErrInfo info = {0};
    ErrCode err = xml_parse(r->text.xml, &handler, &info);
    if (r->stopped != ERR_OK || err == ERR_NOMEM) {
        return r->stopped != ERR_OK ? r->stopped : err;
    }
    return err == ERR_OK ? finish(r) : refuse_broken(r, &info);
}

ErrCode claim_read(Str bytes, const ClaimReadOptions *options, ClaimReadSummary *ret_summary) {
    assert(options->on_claim != NULL);
    ClaimReadSummary summary = {0};
    Reader *r = calloc(1, sizeof(*r));
    Arena *arena = arena_new(LIMIT_CLAIM_ARENA_BYTES);
    ErrCode err = ERR_NOMEM;
    if (r != NULL && arena != NULL) {
        r->o = options;
        r->sum = &summary;
        r->bytes = bytes;
        r->b.arena = arena;
        buf_init(&r->decoded, LIMIT_CLAIM_ARENA_BYTES);
        err = read_all(r);
        buf_release(&r->decoded);
    }
    arena_free(arena);
    free(r);
    if (ret_summary != NULL) {
        *ret_summary = summary;
    }
    return err;
}

const ClaimPart *claim_part(const Claim *claim, int table_number) {
    for (int i = 0; i < claim->n_parts; i++) {
        if (claim->parts[i].table->number == table_number) {
            return &claim->parts[i];
        }
    }
    return NULL;
}

Str claim_value(const Claim *claim, int table_number, int field) {
    const ClaimPart *p = claim_part(claim, table_number);
    bool has = p != NULL && p->n_records > 0 && field >= 0 && field < p->table->n_fields;
    return has ? p->records[0].values[field] : STR_EMPTY;
}
