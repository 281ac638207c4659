/* clock.h — the time as an interface, so that tests set it. Code that asks for the time takes a
 * const Clock * and never calls the system itself.
 * Ownership: clock_real lives for ever; a ClockFake is its maker's. Threads: safe from all. */
#ifndef NHIP_CORE_CLOCK_H
#define NHIP_CORE_CLOCK_H

#include "core/time.h"

#include <stdatomic.h>

typedef struct Clock {
    TimeMs (*now_ms)(const struct Clock *self);
    int64_t (*monotonic_ns)(const struct Clock *self); /* never goes back; any origin */
    void (*sleep_ms)(const struct Clock *self, int64_t ms);
} Clock;

const Clock *clock_real(void);

static inline TimeMs clock_now_ms(const Clock *c) {
    return c->now_ms(c);
}
static inline int64_t clock_monotonic_ns(const Clock *c) {
    return c->monotonic_ns(c);
}
static inline void clock_sleep_ms(const Clock *c, int64_t ms) {
    c->sleep_ms(c, ms);
}

/* Stands still until it is moved; sleeping moves it. Hand on &fake.clock. */
typedef struct ClockFake {
    Clock clock;
    _Atomic int64_t now_ms, monotonic_ns;
} ClockFake;
void clock_fake_init(ClockFake *c, TimeMs now);
void clock_fake_advance(ClockFake *c, int64_t ms);
void clock_fake_set(ClockFake *c, TimeMs now); /* the wall clock alone, also backwards */

#endif
