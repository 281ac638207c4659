#include "core/log.h"

#include "core/clock.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, VALUE_MAX_BYTES = 128 };

static atomic_int threshold = LOG_INFO;
static atomic_int log_to = STDERR_FILENO;
static _Atomic(const Clock *) time_source;

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

void log_set_level(LogLevel level) {
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

LogLevel log_level(void) {
    return (LogLevel)atomic_load_explicit(&threshold, memory_order_relaxed);
}

ErrCode log_level_parse(Str s, LogLevel *ret_level) {
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq(s, str_from(level_names[i]))) {
            *ret_level = (LogLevel)i;
            return ERR_OK;
        }
    }
    return ERR_PARAM;
}

void log_set_fd(int fd) {
    atomic_store(&log_to, fd);
}

void log_set_clock(const struct Clock *clock) {
    atomic_store(&time_source, clock);
}

/* One line on the stack: appends while there is room, keeping some for the end. */
typedef struct Line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
} Line;

static void put(Line *l, Str s) {
    size_t room = sizeof(l->bytes) - 8 - l->len;
    if (s.len <= room && s.len > 0) {
        memcpy(l->bytes + l->len, s.ptr, s.len);
        l->len += s.len;
    }
}

/* A text value: cut, and reduced to printable ASCII without what JSON would have to escape. */
static void put_text(Line *l, Str s) {
    char text[VALUE_MAX_BYTES];
    size_t n = MIN(s.len, sizeof(text));
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[i];
        text[i] = (char)(c < 0x20 || c > 0x7E || c == '"' || c == '\\' ? '?' : c);
    }
    put(l, STR("\""));
    put(l, (Str){text, n});
    put(l, STR("\""));
}

static void put_number(Line *l, const LogField *f) {
    char text[40];
    int n = 0;
    if (f->kind == LOG_KIND_I64) {
        n = snprintf(text, sizeof(text), "%lld", (long long)f->v.i);
    } else if (f->kind == LOG_KIND_U64) {
        n = snprintf(text, sizeof(text), "%llu", (unsigned long long)f->v.u);
    } else {
        /* JSON has no infinities */
        n = isfinite(f->v.d) ? snprintf(text, sizeof(text), "%.6g", f->v.d)
                             : snprintf(text, sizeof(text), "null");
    }
    put(l, (Str){text, (size_t)MAX(n, 0)});
}

static void put_field(Line *l, const LogField *f) {
    put(l, STR(","));
    put_text(l, str_from(f->key));
    put(l, STR(":"));
    switch (f->kind) {
    case LOG_KIND_STR:
        put_text(l, f->v.s);
        break;
    case LOG_KIND_BOOL:
        put(l, f->v.b ? STR("true") : STR("false"));
        break;
    case LOG_KIND_I64:
    case LOG_KIND_U64:
    case LOG_KIND_DOUBLE:
        put_number(l, f);
        break;
    }
}

static void put_time(Line *l) {
    const Clock *clock = atomic_load(&time_source);
    Civil c = time_civil(clock_now_ms(clock == NULL ? clock_real() : clock), 0);
    char text[40];
    int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month,
                     c.day, c.hour, c.minute, c.second, c.ms);
    put(l, (Str){text, MIN((size_t)MAX(n, 0), sizeof(text) - 1)});
}

/* One call for a whole line keeps lines of several threads and processes apart. */
static void send(const Line *l) {
    int saved = errno;
    ssize_t n = 0;
    do {
        n = write(atomic_load(&log_to), l->bytes, l->len);
    } while (n < 0 && errno == EINTR);
    errno = saved;
}

void log_write(LogLevel level, const char *event, const LogField *fields, size_t n_fields) {
    if (level >= LOG_OFF || level < log_level()) {
        return;
    }
    Line l;
    l.len = 0;
    put(&l, STR("{\"time\":\""));
    put_time(&l);
    put(&l, STR("\",\"level\":"));
    put_text(&l, str_from(level_names[level]));
    put(&l, STR(",\"event\":"));
    put_text(&l, str_from(event));
    for (size_t i = 0; i < n_fields; i++) {
        put_field(&l, &fields[i]);
    }
    put(&l, STR("}\n"));
    assert(l.len < sizeof(l.bytes) && l.bytes[l.len - 1] == '\n');
    send(&l);
}
