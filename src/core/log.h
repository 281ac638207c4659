/* log.h — structured log: one JSON line an event to stderr, in a single write(2).
 *   log_info("commit", "records", n, "ms", took);
 *   {"time":"2026-11-21T23:09:28.123Z","level":"info","event":"commit","records":64,"ms":3}
 * Never content: events and keys are literals; values are numbers, booleans, ids and codes — never
 * a name, a number of a person or clinical text. Text values are cut at 128 bytes and every byte
 * but printable ASCII becomes '?', so that a slip cannot carry a Vietnamese name out. Up to 8
 * pairs. Errors: none are reported; a log that cannot be written is lost. Threads: safe from all;
 * lines never mix. Cost: about 1 µs and one system call a line that is written, one load and
 * compare for a line that is not. */
#ifndef NHIP_CORE_LOG_H
#define NHIP_CORE_LOG_H

#include "core/str.h"

typedef enum LogLevel { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF } LogLevel;

void log_set_level(LogLevel level);
LogLevel log_level(void);
/* "debug", "info", "warn", "error", "off". */
MUST_USE ErrCode log_level_parse(Str s, LogLevel *ret_level);
void log_set_fd(int fd); /* default 2; the caller keeps it open */
/* Where lines take their time from; NULL: the real clock. See core/clock.h. */
struct Clock;
void log_set_clock(const struct Clock *clock);

/* log_info("event") or log_info("event", "key", value, …); values: any integer or enum, bool,
 * double, const char * (ids and codes), Str. A bare `true` or a comparison is an int in C. */
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

/* What the macros are made of. */
typedef struct LogField {
    enum { LOG_KIND_I64, LOG_KIND_U64, LOG_KIND_DOUBLE, LOG_KIND_BOOL, LOG_KIND_STR } kind;
    const char *key;
    union {
        int64_t i;
        uint64_t u;
        double d;
        bool b;
        Str s;
    } v;
} LogField;
void log_write(LogLevel level, const char *event, const LogField *fields, size_t n_fields);

static inline LogField log_field_i64(const char *key, int64_t v) {
    return (LogField){.kind = LOG_KIND_I64, .key = key, .v.i = v};
}
static inline LogField log_field_u64(const char *key, uint64_t v) {
    return (LogField){.kind = LOG_KIND_U64, .key = key, .v.u = v};
}
static inline LogField log_field_double(const char *key, double v) {
    return (LogField){.kind = LOG_KIND_DOUBLE, .key = key, .v.d = v};
}
static inline LogField log_field_bool(const char *key, bool v) {
    return (LogField){.kind = LOG_KIND_BOOL, .key = key, .v.b = v};
}
static inline LogField log_field_cstr(const char *key, const char *v) {
    return (LogField){.kind = LOG_KIND_STR, .key = key, .v.s = str_from(v)};
}
static inline LogField log_field_str(const char *key, Str v) {
    return (LogField){.kind = LOG_KIND_STR, .key = key, .v.s = v};
}

#define LOG_F(k, value)                                                                            \
    _Generic((value),                                                                              \
        bool: log_field_bool,                                                                      \
        unsigned long: log_field_u64,                                                              \
        unsigned long long: log_field_u64,                                                         \
        float: log_field_double,                                                                   \
        double: log_field_double,                                                                  \
        char *: log_field_cstr,                                                                    \
        const char *: log_field_cstr,                                                              \
        Str: log_field_str,                                                                        \
        default: log_field_i64)((k), (value))
#define LOG_P1(k, v) LOG_F(k, v)
#define LOG_P2(k, v, ...) LOG_F(k, v), LOG_P1(__VA_ARGS__)
#define LOG_P3(k, v, ...) LOG_F(k, v), LOG_P2(__VA_ARGS__)
#define LOG_P4(k, v, ...) LOG_F(k, v), LOG_P3(__VA_ARGS__)
#define LOG_P5(k, v, ...) LOG_F(k, v), LOG_P4(__VA_ARGS__)
#define LOG_P6(k, v, ...) LOG_F(k, v), LOG_P5(__VA_ARGS__)
#define LOG_P7(k, v, ...) LOG_F(k, v), LOG_P6(__VA_ARGS__)
#define LOG_P8(k, v, ...) LOG_F(k, v), LOG_P7(__VA_ARGS__)
#define LOG_E0(level, event) log_write((level), (event), NULL, 0)
#define LOG_FIELDS(level, event, ...)                                                              \
    log_write((level), (event), (const LogField[]){__VA_ARGS__},                                   \
              sizeof((const LogField[]){__VA_ARGS__}) / sizeof(LogField))
#define LOG_E1(l, e, ...) LOG_FIELDS(l, e, LOG_P1(__VA_ARGS__))
#define LOG_E2(l, e, ...) LOG_FIELDS(l, e, LOG_P2(__VA_ARGS__))
#define LOG_E3(l, e, ...) LOG_FIELDS(l, e, LOG_P3(__VA_ARGS__))
#define LOG_E4(l, e, ...) LOG_FIELDS(l, e, LOG_P4(__VA_ARGS__))
#define LOG_E5(l, e, ...) LOG_FIELDS(l, e, LOG_P5(__VA_ARGS__))
#define LOG_E6(l, e, ...) LOG_FIELDS(l, e, LOG_P6(__VA_ARGS__))
#define LOG_E7(l, e, ...) LOG_FIELDS(l, e, LOG_P7(__VA_ARGS__))
#define LOG_E8(l, e, ...) LOG_FIELDS(l, e, LOG_P8(__VA_ARGS__))
/* The form for the number of arguments (event + 2 a pair). */
#define LOG_PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, n,    \
                 ...)                                                                              \
    LOG_E##n
#define LOG_CHOOSE(...) LOG_PICK(__VA_ARGS__, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0)
#define LOG_AT(level, ...)                                                                         \
    do {                                                                                           \
        if (log_level() <= (level)) {                                                              \
            LOG_CHOOSE(__VA_ARGS__)((level), __VA_ARGS__);                                         \
        }                                                                                          \
    } while (0)

#endif
