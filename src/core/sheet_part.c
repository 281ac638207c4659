#include "core/limits.h"
#include "core/sheet_int.h"
#include "core/xml.h"

#include <zip.h>

enum {
    PIECE_BYTES = 32 * 1024,
    SILENT_BYTES = 1024 * 1024, /* of one tag, comment or text: more is refused */
};

struct SheetZip {
    zip_t *zip;
    size_t packed, unpacked;
};

struct SheetPart {
    SheetZip *zip;
    zip_file_t *file;
    XmlReader *xml;
    SheetPartHandler handler;
    size_t silent; /* bytes fed since the last event */
    bool pending;  /* the tag is whole once something else comes */
    SheetTag tag;
    Buf tag_text; /* its texts, which are made into Strs when it is handed over */
    size_t tag_at[1 + 2 * SHEET_ATTRS], tag_len[1 + 2 * SHEET_ATTRS];
};

/* ---- the archive ---- */

static ErrCode fail_zip(ErrInfo *info) {
    return err_set(info, ERR_SYNTAX, "sheet-zip",
                   "the XLSX file is damaged or cut off; save it again and send it again",
                   "tệp XLSX hỏng hoặc bị cắt; hãy lưu lại rồi gửi lại");
}

static ErrCode fail_password(ErrInfo *info) {
    return err_set(info, ERR_UNSUPPORTED, "sheet-password",
                   "the file has a password; save it without one",
                   "tệp có mật khẩu; hãy lưu lại không mật khẩu");
}

static ErrCode fail_bomb(ErrInfo *info) {
    return err_set(info, ERR_LIMIT, "sheet-unpacked",
                   "the file unpacks to more than %zu MiB or to more than %d times its size",
                   "tệp giải nén ra hơn %zu MiB hoặc hơn %d lần kích thước của nó",
                   LIMIT_SHEET_BYTES / LIMIT_MIB, LIMIT_UNPACK_RATIO);
}

/* Refuses before any work what says itself that it is too large. */
static ErrCode check_directory(SheetZip *z, ErrInfo *info) {
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    uint64_t sum = 0;
    for (zip_int64_t i = 0; i < n; i++) {
        zip_stat_t st;
        if (zip_stat_index(z->zip, (zip_uint64_t)i, 0, &st) == 0 && (st.valid & ZIP_STAT_SIZE)) {
            sum += MIN(st.size, (zip_uint64_t)LIMIT_SHEET_BYTES + 1);
        }
        if (sum > LIMIT_MIB && (sum > LIMIT_SHEET_BYTES || sum / LIMIT_UNPACK_RATIO > z->packed)) {
            return fail_bomb(info);
        }
    }
    return ERR_OK;
}

ErrCode sheet_zip_open(Str bytes, SheetZip **ret, ErrInfo *info) {
    SheetZip *z = calloc(1, sizeof(*z));
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source =
        z == NULL ? NULL : zip_source_buffer_create(bytes.ptr, bytes.len, 0, &why);
    zip_t *zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &why);
    bool no_memory = z == NULL || zip_error_code_zip(&why) == ZIP_ER_MEMORY;
    zip_error_fini(&why);
    if (zip == NULL) {
        zip_source_free(source);
        free(z);
        return no_memory ? ERR_NOMEM : fail_zip(info);
    }
    z->zip = zip;
    z->packed = bytes.len;
    ErrCode err = check_directory(z, info);
    if (err != ERR_OK) {
        sheet_zip_close(z);
        return err;
    }
    *ret = z;
    return ERR_OK;
}

void sheet_zip_close(SheetZip *z) {
    if (z != NULL) {
        zip_discard(z->zip);
        free(z);
    }
}

static bool count(SheetZip *z, size_t more) {
    z->unpacked += more;
    return z->unpacked <= LIMIT_SHEET_BYTES &&
           (z->unpacked <= LIMIT_MIB || z->unpacked / LIMIT_UNPACK_RATIO <= z->packed);
}

/* ---- tags whole ---- */

static Str local(Str name) {
    size_t colon = str_find_char(name, ':', 0);
    return colon == SIZE_MAX ? name : str_sub(name, colon + 1, name.len);
}

static void keep(SheetPart *p, size_t i, Str s) {
    p->tag_at[i] = p->tag_text.len;
    p->tag_len[i] = s.len;
    buf_put_str(&p->tag_text, s);
}

static Str kept(const SheetPart *p, size_t i) {
    return (Str){buf_str(&p->tag_text).ptr + p->tag_at[i], p->tag_len[i]};
}

/* Hands the open tag over. */
static ErrCode settle(SheetPart *p) {
    p->silent = 0;
    if (!p->pending) {
        return ERR_OK;
    }
    p->pending = false;
    TRY(buf_ok(&p->tag_text));
    SheetTag *t = &p->tag;
    t->name = kept(p, 0);
    for (size_t i = 0; i < t->n_attrs; i++) {
        t->names[i] = kept(p, 1 + 2 * i);
        t->values[i] = kept(p, 2 + 2 * i);
    }
    return p->handler.open == NULL ? ERR_OK : p->handler.open(p->handler.ctx, t);
}

static ErrCode on_open(void *ctx, Str name) {
    SheetPart *p = ctx;
    TRY(settle(p));
    buf_clear(&p->tag_text);
    p->pending = true;
    p->tag.n_attrs = 0;
    keep(p, 0, local(name));
    return ERR_OK;
}

static ErrCode on_attr(void *ctx, Str name, Str value) {
    SheetPart *p = ctx;
    if (p->tag.n_attrs < SHEET_ATTRS) {
        size_t i = p->tag.n_attrs++;
        keep(p, 1 + 2 * i, local(name));
        keep(p, 2 + 2 * i, value);
    }
    return ERR_OK;
}

static ErrCode on_text(void *ctx, Str text) {
    SheetPart *p = ctx;
    TRY(settle(p));
    return p->handler.text == NULL ? ERR_OK : p->handler.text(p->handler.ctx, text);
}

static ErrCode on_close(void *ctx, Str name) {
    SheetPart *p = ctx;
    TRY(settle(p));
    return p->handler.close == NULL ? ERR_OK : p->handler.close(p->handler.ctx, local(name));
}

Str sheet_attr(const SheetTag *tag, const char *name) {
    for (size_t i = 0; i < tag->n_attrs; i++) {
        if (str_eq(tag->names[i], str_from(name))) {
            return tag->values[i];
        }
    }
    return STR_EMPTY;
}

size_t sheet_to_size(Str digits) {
    uint64_t value;
    return str_to_u64(digits, &value) == ERR_OK && value < SIZE_MAX ? (size_t)value : SIZE_MAX;
}

/* ---- parts ---- */

static ErrCode open_file(SheetPart *p, Str name, ErrInfo *info) {
    char path[512];
    if (name.len >= sizeof(path)) {
        return ERR_NOT_FOUND;
    }
    memcpy(path, name.ptr, name.len);
    path[name.len] = '\0';
    p->file = zip_fopen(p->zip->zip, path, 0);
    if (p->file != NULL) {
        return ERR_OK;
    }
    switch (zip_error_code_zip(zip_get_error(p->zip->zip))) {
    case ZIP_ER_NOENT:
        return ERR_NOT_FOUND;
    case ZIP_ER_MEMORY:
        return ERR_NOMEM;
    case ZIP_ER_NOPASSWD:
    case ZIP_ER_WRONGPASSWD:
        return fail_password(info);
    default:
        return fail_zip(info);
    }
}

ErrCode sheet_part_open(SheetZip *z, Str name, const SheetPartHandler *handler, SheetPart **ret,
                        ErrInfo *info) {
    SheetPart *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ERR_NOMEM;
    }
    p->zip = z;
    p->handler = *handler;
    buf_init(&p->tag_text, 2 * SILENT_BYTES);
    XmlHandler h = {.ctx = p,
                    .open = on_open,
                    .attr = on_attr,
                    .text = on_text,
                    .close = on_close,
                    .text_max_bytes = SILENT_BYTES};
    p->xml = xml_new(&h);
    ErrCode err = p->xml == NULL ? ERR_NOMEM : open_file(p, name, info);
    if (err != ERR_OK) {
        sheet_part_close(p);
        return err;
    }
    *ret = p;
    return ERR_OK;
}

void sheet_part_close(SheetPart *p) {
    if (p != NULL) {
        if (p->file != NULL) {
            (void)zip_fclose(p->file);
        }
        xml_free(p->xml);
        buf_release(&p->tag_text);
        free(p);
    }
}

ErrCode sheet_part_feed(SheetPart *p, bool *ret_more, ErrInfo *info) {
    char piece[PIECE_BYTES];
    zip_int64_t got = zip_fread(p->file, piece, sizeof(piece));
    if (got < 0) {
        return fail_zip(info);
    }
    if (got == 0) {
        *ret_more = false;
        return xml_finish(p->xml, info);
    }
    p->silent += (size_t)got;
    if (!count(p->zip, (size_t)got)) {
        return fail_bomb(info);
    }
    TRY(xml_feed(p->xml, (Str){piece, (size_t)got}, info));
    if (p->silent > SILENT_BYTES) {
        return err_set(info, ERR_LIMIT, "sheet-silent", "a cell or tag is longer than %d KiB",
                       "một ô hoặc thẻ dài hơn %d KiB", SILENT_BYTES / 1024);
    }
    *ret_more = true;
    return ERR_OK;
}

ErrCode sheet_part_read(SheetZip *z, Str name, const SheetPartHandler *handler, ErrInfo *info) {
    SheetPart *p = NULL;
    TRY(sheet_part_open(z, name, handler, &p, info));
    bool more = true;
    ErrCode err = ERR_OK;
    while (more && err == ERR_OK) {
        err = sheet_part_feed(p, &more, info);
    }
    sheet_part_close(p);
    return err;
}
