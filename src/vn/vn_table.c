#include "vn/vn_int.h"

#include <pthread.h>

#include "core/embed.h"

EMBED(vn_chapters_tsv, "data/vn/chapters.tsv")
EMBED(vn_icd10_tsv, "data/vn/icd10-vn.tsv")
EMBED(vn_wards_tsv, "data/vn/wards-hue-40.tsv")
EMBED(vn_tiles_tsv, "data/vn/wards-hue-tiles.tsv")
EMBED(vn_provinces_tsv, "data/vn/provinces-34.tsv")
EMBED(vn_visit_type_tsv, "data/vn/ma-loai-kcb.tsv")
EMBED(vn_visit_object_tsv, "data/vn/ma-doituong-kcb.tsv")
EMBED(vn_cost_group_tsv, "data/vn/ma-nhom-chi-phi.tsv")
EMBED(vn_department_tsv, "data/vn/ma-khoa.tsv")
EMBED(vn_ethnic_tsv, "data/vn/ma-dantoc.tsv")
EMBED(vn_notifiable_tsv, "data/vn/notifiable-diseases.tsv")

static VnTables tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* Splits a line at its tabs; false unless there are exactly n fields. */
static bool split(Str line, Str *fields, size_t n) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t tab = str_find_char(line, '\t', at);
        bool last = i + 1 == n;
        if ((tab == SIZE_MAX) != last) {
            return false;
        }
        fields[i] = str_sub(line, at, (last ? line.len : tab) - at);
        at = last ? line.len : tab + 1;
    }
    return true;
}

ErrCode vn_table_read(const VnSpec *spec, void **ret_rows, size_t *ret_count) {
    assert(spec->n_fields <= VN_FIELDS_MAX);
    size_t lines = 0;
    for (size_t i = 0; i < spec->text.len; i++) {
        lines += spec->text.ptr[i] == '\n';
    }
    if (lines < 2) {
        return ERR_CORRUPT;
    }
    CLEANUP_FREE void *rows = calloc(lines - 1, spec->row_size);
    if (rows == NULL) {
        return ERR_NOMEM;
    }
    Str rest = spec->text;
    Str line;
    Str fields[VN_FIELDS_MAX];
    (void)str_cut(&rest, '\n', &line); /* the header */
    for (size_t i = 0; i < lines - 1; i++) {
        (void)str_cut(&rest, '\n', &line);
        if (!split(line, fields, spec->n_fields)) {
            return ERR_CORRUPT;
        }
        TRY(spec->row(rows, i, fields));
    }
    *ret_rows = TAKE(rows);
    *ret_count = lines - 1;
    return ERR_OK;
}

static ErrCode chapter_row(void *table, size_t at, const Str *f) {
    ((VnChapter *)table)[at] = (VnChapter){f[0], f[1], f[2], f[3]};
    return f[0].len == 7 ? ERR_OK : ERR_CORRUPT;
}

static ErrCode icd10_row(void *table, size_t at, const Str *f) {
    ((VnIcd10 *)table)[at] = (VnIcd10){.code = f[0],
                                       .mark = f[1],
                                       .block = f[3],
                                       .rules = f[4],
                                       .flags = f[5],
                                       .name_vi = f[6],
                                       .name_en = f[7]};
    return f[0].len >= 3 ? ERR_OK : ERR_CORRUPT;
}

static ErrCode ward_row(void *table, size_t at, const Str *f) {
    ((VnWard *)table)[at] = (VnWard){.code = f[0],
                                     .unit = f[1],
                                     .name = f[2],
                                     .full_name = f[3],
                                     .name_ascii = f[4],
                                     .merged_from = f[5]};
    return ERR_OK;
}

/* "107.3662" as a double; the tables carry plain decimals only. */
static double degrees(Str s) {
    double value = 0;
    double unit = 1;
    bool fraction = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.') {
            fraction = true;
        } else {
            value = value * 10 + (s.ptr[i] - '0');
            unit *= fraction ? 10 : 1;
        }
    }
    return value / unit;
}

typedef struct Tile {
    Str code;
    int col, row;
    double lon, lat;
} Tile;

static ErrCode tile_row(void *table, size_t at, const Str *f) {
    uint64_t col;
    uint64_t row;
    TRY(str_to_u64(f[1], &col));
    TRY(str_to_u64(f[2], &row));
    if (col > 99 || row > 99) {
        return ERR_CORRUPT;
    }
    ((Tile *)table)[at] = (Tile){f[0], (int)col, (int)row, degrees(f[3]), degrees(f[4])};
    return ERR_OK;
}

static ErrCode province_row(void *table, size_t at, const Str *f) {
    ((VnProvince *)table)[at] = (VnProvince){f[0], f[1], f[2], f[3], f[4]};
    return ERR_OK;
}

static ErrCode code_row(void *table, size_t at, const Str *f) {
    ((VnCode *)table)[at] = (VnCode){f[0], f[1], f[2]};
    return ERR_OK;
}

static ErrCode notifiable_row(void *table, size_t at, const Str *f) {
    ((VnNotifiable *)table)[at] = (VnNotifiable){f[0], f[1], f[2], f[3], str_eq(f[4], STR("1"))};
    return ERR_OK;
}

/* Both ward tables are sorted by code and hold the same communes. */
static ErrCode fill_wards(VnTables *t) {
    VnSpec names = {embed_vn_wards_tsv(), 6, sizeof(VnWard), ward_row};
    VnSpec places = {embed_vn_tiles_tsv(), 5, sizeof(Tile), tile_row};
    CLEANUP_FREE void *tiles = NULL;
    void *wards = NULL;
    size_t n_tiles;
    TRY(vn_table_read(&places, &tiles, &n_tiles));
    TRY(vn_table_read(&names, &wards, &t->n_wards));
    t->wards = wards;
    if (n_tiles != t->n_wards) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < n_tiles; i++) {
        const Tile *tile = (const Tile *)tiles + i;
        VnWard *ward = &t->wards[i];
        if (!str_eq(tile->code, ward->code)) {
            return ERR_CORRUPT;
        }
        ward->col = tile->col;
        ward->row = tile->row;
        ward->lon = tile->lon;
        ward->lat = tile->lat;
    }
    return ERR_OK;
}

/* Chapters and entries are sorted alike: one walk gives every entry its chapter. */
static ErrCode fill_icd10(VnTables *t) {
    VnSpec chapters = {embed_vn_chapters_tsv(), 4, sizeof(VnChapter), chapter_row};
    VnSpec entries = {embed_vn_icd10_tsv(), 8, sizeof(VnIcd10), icd10_row};
    void *rows;
    TRY(vn_table_read(&chapters, &rows, &t->n_chapters));
    t->chapters = rows;
    TRY(vn_table_read(&entries, &rows, &t->n_icd10));
    t->icd10 = rows;
    size_t c = 0;
    for (size_t i = 0; i < t->n_icd10; i++) {
        Str key = str_sub(t->icd10[i].code, 0, 3);
        while (c < t->n_chapters && str_cmp(str_sub(t->chapters[c].range, 4, 3), key) < 0) {
            c++;
        }
        if (c == t->n_chapters) {
            return ERR_CORRUPT;
        }
        t->icd10[i].chapter = &t->chapters[c];
    }
    return ERR_OK;
}

/* The keys in an array of their own: a look-up then touches few cache lines. */
static ErrCode fill_keys(VnTables *t) {
    t->icd10_keys = calloc(t->n_icd10, sizeof *t->icd10_keys);
    if (t->icd10_keys == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_icd10; i++) {
        bool good = vn_icd10_key(t->icd10[i].code, &t->icd10_keys[i]);
        if (!good || (i > 0 && t->icd10_keys[i - 1] >= t->icd10_keys[i])) {
            return ERR_CORRUPT;
        }
    }
    return ERR_OK;
}

/* "A90|A91|A97" and "B50-B54" as ranges of keys. */
static ErrCode fill_patterns(VnTables *t) {
    for (size_t i = 0; i < t->n_notifiables; i++) {
        Str rest = t->notifiables[i].by_code ? t->notifiables[i].patterns : STR_EMPTY;
        Str text;
        while (rest.len > 0 && str_cut(&rest, '|', &text)) {
            if (t->n_patterns == VN_PATTERNS_MAX) {
                return ERR_LIMIT;
            }
            VnPattern *p = &t->patterns[t->n_patterns++];
            Str lo;
            (void)str_cut(&text, '-', &lo);
            Str hi = text.len > 0 ? text : lo;
            if (!vn_icd10_key(lo, &p->lo) || !vn_icd10_key(hi, &p->hi)) {
                return ERR_CORRUPT;
            }
            p->len = lo.len - (str_find_char(lo, '.', 0) != SIZE_MAX);
            p->disease = &t->notifiables[i];
        }
    }
    return ERR_OK;
}

static ErrCode fill_codes(VnTables *t) {
    const Str texts[VN_LIST_COUNT] = {
        [VN_VISIT_TYPE] = embed_vn_visit_type_tsv(),
        [VN_VISIT_OBJECT] = embed_vn_visit_object_tsv(),
        [VN_COST_GROUP] = embed_vn_cost_group_tsv(),
        [VN_DEPARTMENT] = embed_vn_department_tsv(),
        [VN_ETHNIC] = embed_vn_ethnic_tsv(),
    };
    for (size_t i = 0; i < VN_LIST_COUNT; i++) {
        VnSpec spec = {texts[i], 3, sizeof(VnCode), code_row};
        void *rows;
        TRY(vn_table_read(&spec, &rows, &t->n_codes[i]));
        t->codes[i] = rows;
    }
    return ERR_OK;
}

static ErrCode fill(VnTables *t) {
    TRY(fill_icd10(t));
    TRY(fill_wards(t));
    TRY(fill_codes(t));
    void *rows;
    VnSpec provinces = {embed_vn_provinces_tsv(), 5, sizeof(VnProvince), province_row};
    TRY(vn_table_read(&provinces, &rows, &t->n_provinces));
    t->provinces = rows;
    VnSpec notifiable = {embed_vn_notifiable_tsv(), 5, sizeof(VnNotifiable), notifiable_row};
    TRY(vn_table_read(&notifiable, &rows, &t->n_notifiables));
    t->notifiables = rows;
    TRY(fill_keys(t));
    return fill_patterns(t);
}

static void fill_once(void) {
    tables.err = fill(&tables);
}

const VnTables *vn_tables(void) {
    (void)pthread_once(&tables_once, fill_once);
    return &tables;
}

ErrCode vn_init(void) {
    return vn_tables()->err;
}
