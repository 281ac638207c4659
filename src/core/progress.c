#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum {
    BAR_CELLS = 20,
    LINE_BYTES_MAX = 512,
    TERMINAL_EVERY_MS = 100,
    PLAIN_EVERY_MS = 5000,
    RATE_EVERY_MS = 1000,
};
#define NS_PER_MS INT64_C(1000000)

static unsigned terminal_width(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void progress_begin(Progress *p, const ProgressOptions *options) {
    *p = (Progress){.o = *options};
    p->o.clock = p->o.clock == NULL ? clock_real() : p->o.clock;
    p->o.fd = p->o.fd == 0 ? STDERR_FILENO : p->o.fd;
    p->terminal = !p->o.quiet && isatty(p->o.fd) == 1;
    p->width = p->terminal ? terminal_width(p->o.fd) : 0;
    p->started_ns = p->drawn_ns = p->rate_ns = clock_monotonic_ns(p->o.clock);
    atomic_init(&p->total, options->total);
    mutex_init(&p->lock);
}

void progress_done(Progress *p, uint64_t more) {
    atomic_fetch_add_explicit(&p->done, more, memory_order_relaxed);
    progress_tick(p);
}

void progress_add(Progress *p, unsigned counter, uint64_t more) {
    assert(counter < PROGRESS_COUNTERS_MAX);
    atomic_fetch_add_explicit(&p->counts[counter], more, memory_order_relaxed);
}

void progress_set_total(Progress *p, uint64_t total) {
    atomic_store(&p->total, total);
}

/* 1234567 as 1,234,567 (English) or 1.234.567 (Vietnamese). */
static void put_count(Buf *out, uint64_t n, bool vietnamese) {
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            buf_put_char(out, vietnamese ? '.' : ',');
        }
        buf_put_char(out, digits[i]);
    }
}

/* 48 s as 0:48, 75 min as 1:15:00. */
static void put_duration(Buf *out, int64_t seconds) {
    if (seconds >= 3600) {
        buf_printf(out, "%lld:%02lld:%02lld", (long long)(seconds / 3600),
                   (long long)(seconds / 60 % 60), (long long)(seconds % 60));
    } else {
        buf_printf(out, "%lld:%02lld", (long long)(seconds / 60), (long long)(seconds % 60));
    }
}

static void put_bar(Buf *out, uint64_t done, uint64_t total) {
    uint64_t full = MIN(done, total);
    double part = (double)full / (double)total;
    unsigned cells = (unsigned)(part * BAR_CELLS);
    buf_put_char(out, '[');
    for (unsigned i = 0; i < BAR_CELLS; i++) {
        buf_put_char(out, i < cells ? '#' : '-');
    }
    buf_printf(out, "] %u %%  ", (unsigned)(part * 100));
}

static uint64_t per_second(uint64_t n, int64_t ns) {
    return ns <= 0 ? 0 : (uint64_t)((double)n * 1e9 / (double)ns);
}

static void put_counters(const Progress *p, Buf *out, int64_t elapsed_ns) {
    for (unsigned i = 0; i < PROGRESS_COUNTERS_MAX && p->o.counters[i] != NULL; i++) {
        uint64_t n = atomic_load_explicit(&p->counts[i], memory_order_relaxed);
        buf_printf(out, "  %s ", p->o.counters[i]);
        put_count(out, n, p->o.vietnamese);
        if (n > 0) {
            buf_put_lit(out, " (");
            put_count(out, per_second(n, elapsed_ns), p->o.vietnamese);
            buf_put_lit(out, "/s)");
        }
    }
}

/* The rate of the last seconds, smoothed: time left follows a change of pace within some 10 s. */
static void update_rate(Progress *p, int64_t now, uint64_t done) {
    int64_t ns = now - p->rate_ns;
    if (ns < RATE_EVERY_MS * NS_PER_MS) {
        return;
    }
    double fresh = (double)(done - p->rate_done) * 1e9 / (double)ns;
    p->rate = p->rate <= 0 ? fresh : p->rate + 0.2 * (fresh - p->rate);
    p->rate_ns = now;
    p->rate_done = done;
}

static void put_line(Progress *p, Buf *out, bool last) {
    int64_t now = clock_monotonic_ns(p->o.clock);
    int64_t elapsed = now - p->started_ns;
    uint64_t done = atomic_load_explicit(&p->done, memory_order_relaxed);
    uint64_t total = atomic_load_explicit(&p->total, memory_order_relaxed);
    update_rate(p, now, done);
    buf_printf(out, "%s ", p->o.title);
    if (total > 0) {
        put_bar(out, done, total);
    }
    put_count(out, done, p->o.vietnamese);
    if (total > 0) {
        buf_put_char(out, '/');
        put_count(out, total, p->o.vietnamese);
    }
    buf_printf(out, " %s", p->o.unit == NULL ? "" : p->o.unit);
    put_counters(p, out, elapsed);
    if (last) {
        buf_put_str(out, p->o.vietnamese ? STR("  trong ") : STR("  in "));
        put_duration(out, elapsed / (1000 * NS_PER_MS));
    } else if (total > done && p->rate > 0) {
        buf_put_str(out, p->o.vietnamese ? STR("  còn ") : STR("  left "));
        put_duration(out, (int64_t)((double)(total - done) / p->rate + 0.5));
    }
}

void progress_line(Progress *p, Buf *out) {
    MUTEX_GUARD(&p->lock);
    put_line(p, out, false);
}

/* Cuts to `columns` characters (UTF-8 lead bytes), so that a redrawn line never wraps. */
static Str cut_columns(Str s, size_t columns) {
    size_t seen = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (((unsigned char)s.ptr[i] & 0xC0) != 0x80 && seen++ == columns) {
            return str_sub(s, 0, i);
        }
    }
    return s;
}

/* Under the lock: one write(2) a drawing. */
static void draw(Progress *p, bool last) {
    CLEANUP_BUF Buf line;
    CLEANUP_BUF Buf text;
    buf_init(&line, LINE_BYTES_MAX);
    buf_init(&text, 2 * LINE_BYTES_MAX);
    put_line(p, &line, last);
    if (p->terminal) {
        buf_put_lit(&text, "\r\033[K");
        buf_put_str(&text, cut_columns(buf_str(&line), p->width - 1));
        if (last) {
            buf_put_char(&text, '\n');
        }
    } else {
        buf_put_str(&text, buf_str(&line));
        buf_put_char(&text, '\n');
    }
    ssize_t n = write(p->o.fd, text.ptr, text.len);
    (void)n; /* a display that cannot be written is lost */
}

void progress_tick(Progress *p) {
    if (p->o.quiet || !mutex_try_lock(&p->lock)) {
        return;
    }
    int64_t now = clock_monotonic_ns(p->o.clock);
    int64_t every = (p->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS) * NS_PER_MS;
    if (now - p->drawn_ns >= every) {
        p->drawn_ns = now;
        draw(p, false);
    }
    mutex_unlock(&p->lock);
}

void progress_end(Progress *p) {
    mutex_lock(&p->lock);
    if (!p->o.quiet) {
        draw(p, true);
    }
    mutex_unlock(&p->lock);
    mutex_release(&p->lock);
}
