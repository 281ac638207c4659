#include "flow/flow_file.h"

#include "core/io.h"
#include "core/limits.h"
#include "core/thread.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

enum {
    PACK_BYTES = 256 * 1024, /* lines of one output that are packed together */
    PACK_LEVEL = 1,
    RAW_DEFLATE = -15,
    PACK_MEMORY = 8,
    NAME_MAX_BYTES = 128,
};
#define LINE_ROOM (2 * LIMIT_RESOURCE_BYTES)

typedef struct Output {
    Mutex lock;
    int fd; /* -1: none is open */
    unsigned number;
    uint64_t lines, bytes, whole;
    uLong crc;
} Output;

struct FlowFiles {
    const char *dir;
    const FlowForm *forms;
    Output *outputs;
    unsigned n_outputs;
    Mutex lock; /* the list */
    FlowFile *list;
    size_t n_list, capacity;
};

struct FlowWriter {
    FlowFiles *files;
    struct WriterBuf {
        Buf lines;
        uint64_t n;
        size_t counted; /* bytes of it in held */
    } * bufs;
    size_t held; /* bytes in all of them */
    z_stream z;
    bool has_z;
    Buf packed;
};

/* ---- one file ---- */

static ErrCode file_path(const FlowFiles *files, unsigned output, char *ret_name, Buf *path) {
    const FlowForm *form = &files->forms[output];
    int n = snprintf(ret_name, NAME_MAX_BYTES, "%s.%u.%s.gz", form->name,
                     files->outputs[output].number, form->ending);
    if (n < 0 || n >= NAME_MAX_BYTES) {
        return ERR_LIMIT;
    }
    buf_printf(path, "%s/%s", files->dir, ret_name);
    (void)buf_cstr(path);
    return buf_ok(path);
}

static ErrCode append(Output *o, Str packed) {
    TRY(io_write_all(o->fd, packed));
    o->bytes += packed.len;
    return ERR_OK;
}

/* Head and foot as stored blocks (RFC 1951, 3.2.4), so that they need no packer. */
static ErrCode append_stored(Output *o, Str text) {
    while (text.len > 0) {
        Str piece = str_sub(text, 0, MIN(text.len, (size_t)UINT16_MAX));
        uint16_t len = (uint16_t)piece.len;
        uint8_t head[5] = {0, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)~len,
                           (uint8_t)((uint16_t)~len >> 8)};
        TRY(append(o, (Str){(const char *)head, sizeof(head)}));
        TRY(append(o, piece));
        o->crc = crc32(o->crc, (const Bytef *)piece.ptr, (uInt)piece.len);
        o->whole += piece.len;
        text = str_sub(text, piece.len, text.len);
    }
    return ERR_OK;
}

static ErrCode open_file(FlowFiles *files, unsigned output) {
    static const char GZIP_HEAD[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    Output *o = &files->outputs[output];
    char name[NAME_MAX_BYTES];
    CLEANUP_BUF Buf path;
    buf_init(&path, LIMIT_MIB);
    o->number++;
    TRY(file_path(files, output, name, &path));
    o->fd = open(path.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (o->fd < 0) {
        return ERR_IO;
    }
    o->lines = o->bytes = o->whole = 0;
    o->crc = crc32(0, NULL, 0);
    TRY(append(o, (Str){GZIP_HEAD, sizeof(GZIP_HEAD)}));
    return append_stored(o, files->forms[output].head);
}

static ErrCode list_file(FlowFiles *files, unsigned output, const char *name) {
    const Output *o = &files->outputs[output];
    MUTEX_GUARD(&files->lock);
    if (files->n_list == files->capacity) {
        size_t capacity = files->capacity * 2 + 16;
        FlowFile *list = realloc(files->list, capacity * sizeof(*list));
        if (list == NULL) {
            return ERR_NOMEM;
        }
        files->list = list;
        files->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    files->list[files->n_list++] = (FlowFile){.output = output,
                                              .name = str_from(copy),
                                              .lines = o->lines,
                                              .bytes = o->bytes,
                                              .whole = o->whole};
    return ERR_OK;
}

/* The stream's last block (empty, fixed codes), checksum and length. */
static ErrCode end_file(FlowFiles *files, unsigned output) {
    Output *o = &files->outputs[output];
    char name[NAME_MAX_BYTES];
    CLEANUP_BUF Buf path;
    buf_init(&path, LIMIT_MIB);
    TRY(append_stored(o, files->forms[output].foot));
    uint8_t tail[10] = {3, 0};
    for (unsigned i = 0; i < 4; i++) {
        tail[2 + i] = (uint8_t)(o->crc >> (8 * i));
        tail[6 + i] = (uint8_t)(o->whole >> (8 * i));
    }
    TRY(append(o, (Str){(const char *)tail, sizeof(tail)}));
    TRY(file_path(files, output, name, &path));
    int fd = o->fd;
    o->fd = -1;
    bool synced = io_ops()->fsync(fd) == 0;
    bool closed = close(fd) == 0;
    return synced && closed ? list_file(files, output, name) : ERR_IO;
}

typedef struct Packed { /* lines, deflated */
    Str bytes;
    uLong crc;
    uint64_t lines, whole;
} Packed;

static ErrCode put_packed(FlowFiles *files, unsigned output, const Packed *p) {
    Output *o = &files->outputs[output];
    TRY(append(o, p->bytes));
    o->crc = crc32_combine(o->crc, p->crc, (z_off_t)p->whole);
    o->lines += p->lines;
    o->whole += p->whole;
    bool full = o->lines >= FLOW_FILE_LINES && !files->forms[output].one_file;
    return full ? end_file(files, output) : ERR_OK;
}

/* ---- all files ---- */

ErrCode flow_files_new(const char *dir, const FlowForm *forms, unsigned n_outputs,
                       FlowFiles **ret_files) {
    FlowFiles *files = calloc(1, sizeof(*files));
    Output *outputs = calloc(n_outputs, sizeof(*outputs));
    if (files == NULL || outputs == NULL) {
        free(files);
        free(outputs);
        return ERR_NOMEM;
    }
    *files = (FlowFiles){.dir = dir, .forms = forms, .outputs = outputs, .n_outputs = n_outputs};
    mutex_init(&files->lock);
    for (unsigned i = 0; i < n_outputs; i++) {
        mutex_init(&outputs[i].lock);
        outputs[i].fd = -1;
    }
    *ret_files = files;
    return ERR_OK;
}

void flow_files_free(FlowFiles *files) {
    if (files == NULL) {
        return;
    }
    for (unsigned i = 0; i < files->n_outputs; i++) {
        io_close_cleanup(&files->outputs[i].fd);
        mutex_release(&files->outputs[i].lock);
    }
    for (size_t i = 0; i < files->n_list; i++) {
        free((void *)(uintptr_t)files->list[i].name.ptr);
    }
    free(files->list);
    free(files->outputs);
    mutex_release(&files->lock);
    free(files);
}

ErrCode flow_files_end(FlowFiles *files, const FlowFile **ret_list, size_t *ret_n) {
    for (unsigned i = 0; i < files->n_outputs; i++) {
        if (files->outputs[i].number == 0 && files->forms[i].always) {
            TRY(open_file(files, i));
        }
        if (files->outputs[i].fd >= 0) {
            TRY(end_file(files, i));
        }
    }
    *ret_list = files->list;
    *ret_n = files->n_list;
    return ERR_OK;
}

/* ---- writers ---- */

ErrCode flow_writer_new(FlowFiles *files, FlowWriter **ret_writer) {
    FlowWriter *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->files = files;
    w->bufs = calloc(files->n_outputs, sizeof(*w->bufs));
    buf_init(&w->packed, LINE_ROOM);
    w->has_z = deflateInit2(&w->z, PACK_LEVEL, Z_DEFLATED, RAW_DEFLATE, PACK_MEMORY,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    if (w->bufs == NULL || !w->has_z) {
        flow_writer_free(w);
        return ERR_NOMEM;
    }
    for (unsigned i = 0; i < files->n_outputs; i++) {
        buf_init(&w->bufs[i].lines, LINE_ROOM);
    }
    *ret_writer = w;
    return ERR_OK;
}

void flow_writer_free(FlowWriter *w) {
    if (w == NULL) {
        return;
    }
    for (unsigned i = 0; w->bufs != NULL && i < w->files->n_outputs; i++) {
        buf_release(&w->bufs[i].lines);
    }
    free(w->bufs);
    buf_release(&w->packed);
    if (w->has_z) {
        (void)deflateEnd(&w->z);
    }
    free(w);
}

Buf *flow_buf(FlowWriter *w, unsigned output) {
    return &w->bufs[output].lines;
}

/* Deflates text into w->packed, ending on a byte border. */
static ErrCode pack(FlowWriter *w, Str text) {
    z_stream *z = &w->z;
    buf_clear(&w->packed);
    size_t room = deflateBound(z, (uLong)text.len) + 16;
    if (deflateReset(z) != Z_OK || !buf_reserve(&w->packed, room)) {
        return ERR_NOMEM;
    }
    z->next_in = (Bytef *)(uintptr_t)text.ptr;
    z->avail_in = (uInt)text.len;
    z->next_out = (Bytef *)w->packed.ptr;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in != 0 || z->avail_out == 0) {
        return ERR_INTERNAL;
    }
    w->packed.len = room - z->avail_out;
    return ERR_OK;
}

static ErrCode pack_lines(FlowWriter *w, Str text, uint64_t lines, Packed *ret) {
    TRY(pack(w, text));
    *ret = (Packed){.bytes = buf_str(&w->packed),
                    .crc = crc32(0, (const Bytef *)text.ptr, (uInt)text.len),
                    .lines = lines,
                    .whole = text.len};
    return ERR_OK;
}

/* The output's lock is held. */
static ErrCode put_lines(FlowWriter *w, unsigned output, Packed *p) {
    FlowFiles *files = w->files;
    if (files->outputs[output].fd < 0) {
        TRY(open_file(files, output));
        if (files->forms[output].drops_first) {
            TRY(pack_lines(w, str_sub(buf_str(&w->bufs[output].lines), 1, SIZE_MAX), p->lines, p));
        }
    }
    return put_packed(files, output, p);
}

static ErrCode flush_output(FlowWriter *w, unsigned output) {
    struct WriterBuf *b = &w->bufs[output];
    Packed packed;
    TRY(buf_ok(&b->lines));
    if (b->lines.len == 0) {
        return ERR_OK;
    }
    TRY(pack_lines(w, buf_str(&b->lines), b->n, &packed));
    Output *o = &w->files->outputs[output];
    mutex_lock(&o->lock);
    ErrCode err = put_lines(w, output, &packed);
    mutex_unlock(&o->lock);
    w->held -= b->counted;
    b->counted = 0;
    b->n = 0;
    if (b->lines.capacity > 4 * PACK_BYTES) {
        buf_release(&b->lines);
        buf_init(&b->lines, LINE_ROOM);
    }
    buf_clear(&b->lines);
    return err;
}

ErrCode flow_writer_flush(FlowWriter *w) {
    for (unsigned i = 0; i < w->files->n_outputs; i++) {
        TRY(flush_output(w, i));
    }
    return ERR_OK;
}

ErrCode flow_wrote(FlowWriter *w, unsigned output, uint64_t lines) {
    struct WriterBuf *b = &w->bufs[output];
    b->n += lines;
    w->held += b->lines.len - b->counted;
    b->counted = b->lines.len;
    if (b->lines.len >= PACK_BYTES || buf_ok(&b->lines) != ERR_OK) {
        return flush_output(w, output);
    }
    return w->held >= FLOW_BUFFER_BYTES ? flow_writer_flush(w) : ERR_OK;
}
