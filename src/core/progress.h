/* progress.h — how far a long piece of work is: a bar that redraws itself on a terminal, a plain
 * line every 5 seconds elsewhere; counters with their rate a second; time left. Import [######----]
 * 61 %  3,120/5,200 files  visits 812,004 (43,100/s)  left 0:48 Ownership: the caller's struct;
 * names are borrowed. Errors: none. Threads: progress_add from any thread; begin, tick and end from
 * the owner (a tick from several threads is harmless: one draws). */
#ifndef NHIP_CORE_PROGRESS_H
#define NHIP_CORE_PROGRESS_H

#include "core/clock.h"
#include "core/thread.h"

enum { PROGRESS_COUNTERS_MAX = 8 };

typedef struct ProgressOptions {
    const char *title;
    const char *unit;                            /* what total counts: "files", "visits" */
    uint64_t total;                              /* 0: unknown, no bar and no time left */
    const char *counters[PROGRESS_COUNTERS_MAX]; /* names of further counters, NULL ends them */
    const Clock *clock;                          /* NULL: the real one */
    int fd;                                      /* 0: stderr */
    bool vietnamese;
    bool quiet; /* counts, prints nothing */
} ProgressOptions;

typedef struct Progress {
    ProgressOptions o;
    bool terminal;
    unsigned width; /* columns of the terminal */
    int64_t started_ns, drawn_ns, rate_ns;
    _Atomic uint64_t done, total;
    _Atomic uint64_t counts[PROGRESS_COUNTERS_MAX];
    uint64_t rate_done; /* done at rate_ns, for the rate of the last seconds */
    double rate;        /* smoothed, units a second */
    Mutex lock;
} Progress;

void progress_begin(Progress *p, const ProgressOptions *options);
/* More of the total's unit is done; draws when it is time to. */
void progress_done(Progress *p, uint64_t more);
/* Counter number i of the options. */
void progress_add(Progress *p, unsigned counter, uint64_t more);
void progress_set_total(Progress *p, uint64_t total);
/* Draws when it is time to (10 times a second on a terminal, every 5 s elsewhere). */
void progress_tick(Progress *p);
/* The final line: counts, time taken, rates over the whole. */
void progress_end(Progress *p);
/* The line as it would be drawn now: for tests and for the web. */
void progress_line(Progress *p, Buf *out);

#endif
