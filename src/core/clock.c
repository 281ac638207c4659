#include "core/clock.h"

#include <errno.h>
#include <time.h>

static int64_t read_ns(clockid_t id) {
    struct timespec t;
    int failed = clock_gettime(id, &t);
    assert(failed == 0);
    (void)failed;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static TimeMs real_now_ms(const Clock *self) {
    (void)self;
    return read_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t real_monotonic_ns(const Clock *self) {
    (void)self;
    return read_ns(CLOCK_MONOTONIC);
}

static void real_sleep_ms(const Clock *self, int64_t ms) {
    (void)self;
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

const Clock *clock_real(void) {
    static const Clock real = {real_now_ms, real_monotonic_ns, real_sleep_ms};
    return &real;
}

static ClockFake *fake(const Clock *self) {
    return (ClockFake *)(uintptr_t)self; /* the first member of a ClockFake that was not const */
}

static TimeMs fake_now_ms(const Clock *self) {
    return atomic_load(&fake(self)->now_ms);
}

static int64_t fake_monotonic_ns(const Clock *self) {
    return atomic_load(&fake(self)->monotonic_ns);
}

static void fake_sleep_ms(const Clock *self, int64_t ms) {
    clock_fake_advance(fake(self), MAX(ms, 0));
}

void clock_fake_init(ClockFake *c, TimeMs now) {
    c->clock = (Clock){fake_now_ms, fake_monotonic_ns, fake_sleep_ms};
    atomic_init(&c->now_ms, now);
    atomic_init(&c->monotonic_ns, 1000000000);
}

void clock_fake_advance(ClockFake *c, int64_t ms) {
    assert(ms >= 0);
    atomic_fetch_add(&c->now_ms, ms);
    atomic_fetch_add(&c->monotonic_ns, ms * 1000000);
}

void clock_fake_set(ClockFake *c, TimeMs now) {
    atomic_store(&c->now_ms, now);
}
