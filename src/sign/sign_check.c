#include "sign/sign_int.h"

#include "core/log.h"
#include "core/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 15000, TIMEOUT_BYTES_A_MS = 4096, WORKERS_MAX = 64 };
#define NS_A_MS INT64_C(1000000)

typedef struct Worker {
    pid_t pid; /* 0: not started */
    int fd;
} Worker;

struct Sign {
    SignOptions o;
    const Clock *clock;
    Mutex lock; /* idle, n_idle */
    Cond freed;
    Worker workers[WORKERS_MAX];
    Worker *idle[WORKERS_MAX]; /* last in, first out: the warm one is taken */
    unsigned n_idle;
};

ErrCode sign_new(const SignOptions *options, Sign **ret_sign) {
    Sign *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->o = *options;
    s->clock = options->clock == NULL ? clock_real() : options->clock;
    unsigned n = options->workers == 0 ? thread_cores() : options->workers;
    s->n_idle = MIN(n, (unsigned)WORKERS_MAX);
    for (unsigned i = 0; i < s->n_idle; i++) {
        s->idle[i] = &s->workers[s->n_idle - 1 - i];
    }
    mutex_init(&s->lock);
    cond_init(&s->freed);
    *ret_sign = s;
    return ERR_OK;
}

/* It and its child, whatever they do. Unreaped, its number is nobody else's. */
static void end_worker(Worker *w) {
    if (w->pid > 0) {
        (void)kill(-w->pid, SIGKILL);
        (void)close(w->fd);
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    *w = (Worker){0};
}

/* One that ended while nobody asked it is no reason to leave a file unchecked. */
static void forget_dead(Worker *w) {
    if (w->pid > 0 && waitpid(w->pid, NULL, WNOHANG) != 0) {
        (void)close(w->fd);
        *w = (Worker){0};
    }
}

void sign_free(Sign *s) {
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(s->workers); i++) {
        end_worker(&s->workers[i]);
    }
    cond_release(&s->freed);
    mutex_release(&s->lock);
    free(s);
}

static Worker *take_worker(Sign *s) {
    MUTEX_GUARD(&s->lock);
    while (s->n_idle == 0) {
        cond_wait(&s->freed, &s->lock);
    }
    return s->idle[--s->n_idle];
}

static void give_worker(Sign *s, Worker *w) {
    MUTEX_GUARD(&s->lock);
    s->idle[s->n_idle++] = w;
    cond_signal(&s->freed);
}

/* The worker has its end of the socket as SIGN_WORKER_FD, nothing else of ours: no other file, no
 * environment, signals as they are by default, a process group of its own. */
static int spawn(const char *const *argv, int fd, pid_t *ret_pid) {
    char *const no_environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attr) != 0) {
        (void)posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int err = 0;
    for (int i = 0; i < SIGN_WORKER_FD && err == 0; i++) {
        err = posix_spawn_file_actions_addopen(&files, i, "/dev/null", O_RDWR, 0);
    }
    err = err != 0 ? err : posix_spawn_file_actions_adddup2(&files, fd, SIGN_WORKER_FD);
    err = err != 0 ? err : posix_spawn_file_actions_addclosefrom_np(&files, SIGN_WORKER_FD + 1);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    err = err != 0
              ? err
              : posix_spawn(ret_pid, argv[0], &files, &attr, (char *const *)argv, no_environment);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return err;
}

static bool start_worker(const Sign *s, Worker *w) {
    static const char *const self[] = {"/proc/self/exe", SIGN_WORKER_MODE, NULL};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    int theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, SIGN_WORKER_FD + 1); /* dup2 onto itself does */
    int err = theirs < 0 ? errno : spawn(s->o.argv == NULL ? self : s->o.argv, theirs, &w->pid);
    (void)close(ends[1]);
    if (theirs >= 0) {
        (void)close(theirs);
    }
    if (err != 0) {
        (void)close(ends[0]);
        *w = (Worker){0};
        log_error("sign-worker", "errno", strerrorname_np(err));
        return false;
    }
    w->fd = ends[0];
    return true;
}

/* ---- question and answer, until the time is over ---- */

static bool wait_fd(int fd, short events, int64_t until_ns) {
    for (;;) {
        int64_t left_ns = until_ns - clock_monotonic_ns(clock_real());
        struct pollfd p = {.fd = fd, .events = events};
        if (left_ns <= 0) {
            return false;
        }
        int n = poll(&p, 1, (int)(left_ns / NS_A_MS) + 1);
        if (n == 1) {
            return (p.revents & events) != 0;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
    }
}

static bool send_all(int fd, Str bytes, int64_t until_ns) {
    while (bytes.len > 0) {
        if (!wait_fd(fd, POLLOUT, until_ns)) {
            return false;
        }
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return false;
        }
        bytes = n > 0 ? str_sub(bytes, (size_t)n, bytes.len) : bytes;
    }
    return true;
}

static bool receive(int fd, char *out, size_t len, int64_t until_ns) {
    while (len > 0) {
        if (!wait_fd(fd, POLLIN, until_ns)) {
            return false;
        }
        ssize_t n = recv(fd, out, len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
            return false;
        }
        out += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool sign_reply_read(Str bytes, SignReply *ret) {
    SignReply r;
    if (bytes.len != sizeof(r)) {
        return false;
    }
    memcpy(&r, bytes.ptr, sizeof(r));
    const char *end = memchr(r.facility, '\0', sizeof(r.facility));
    for (const char *p = r.facility; end != NULL && p < end; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~') {
            r.facility[0] = '\0'; /* no code: known to nobody */
            break;
        }
    }
    if (r.magic != SIGN_REPLY_MAGIC || r.found >= SIGN_FOUND_COUNT || r.form >= SIGN_FORMS ||
        r.has_time > 1 || end == NULL) {
        return false;
    }
    *ret = r;
    return true;
}

static bool ask_worker(const Sign *s, Worker *w, Str xml, SignReply *ret) {
    SignAsk ask = {.magic = SIGN_ASK_MAGIC, .scope = s->o.scope, .len = xml.len};
    unsigned base_ms = s->o.timeout_ms == 0 ? TIMEOUT_MS : s->o.timeout_ms;
    int64_t until_ns = clock_monotonic_ns(clock_real()) +
                       (base_ms + (int64_t)(xml.len / TIMEOUT_BYTES_A_MS)) * NS_A_MS;
    char bytes[sizeof(SignReply)];
    forget_dead(w);
    return (w->pid > 0 || start_worker(s, w)) &&
           send_all(w->fd, (Str){(const char *)&ask, sizeof(ask)}, until_ns) &&
           send_all(w->fd, xml, until_ns) && receive(w->fd, bytes, sizeof(bytes), until_ns) &&
           sign_reply_read((Str){bytes, sizeof(bytes)}, ret);
}

/* ---- the verdict ---- */

static SignVerdict judge_sound(const Sign *s, const SignReply *r, TimeMs at) {
    SignPinAsk ask = {
        .facility = str_from(r->facility), .certificate = r->certificate, .key = r->key, .at = at};
    switch (sign_pins_ask(s->o.pins, &ask)) {
    case SIGN_PIN_OK:
        return at >= r->valid_from && at <= r->valid_until ? SIGN_VALID : SIGN_EXPIRED;
    case SIGN_PIN_TIME:
        return SIGN_EXPIRED;
    case SIGN_PIN_OTHER:
        return SIGN_WRONG_KEY;
    case SIGN_PIN_UNKNOWN:
    default:
        return SIGN_UNKNOWN;
    }
}

SignResult sign_judge(const Sign *s, const SignReply *reply) {
    static const SignVerdict verdicts[SIGN_FOUND_COUNT] = {
        [SIGN_FOUND_SOUND] = SIGN_UNKNOWN,    [SIGN_FOUND_NONE] = SIGN_UNSIGNED,
        [SIGN_FOUND_ALTERED] = SIGN_ALTERED,  [SIGN_FOUND_FORM] = SIGN_FORM,
        [SIGN_FOUND_BROKEN] = SIGN_UNCHECKED,
    };
    TimeMs now = clock_now_ms(s->clock);
    /* Nobody has signed tomorrow; a day is for clocks that go wrong. */
    bool dated = reply->has_time != 0 && reply->signed_at <= now + TIME_DAY_MS;
    SignResult result = {.verdict = verdicts[reply->found],
                         .form = (SignForm)reply->form,
                         .certificate = reply->certificate,
                         .signed_at = dated ? reply->signed_at : now};
    memcpy(result.facility, reply->facility, sizeof(result.facility));
    if (reply->found == SIGN_FOUND_SOUND) {
        result.verdict = judge_sound(s, reply, result.signed_at);
    }
    return result;
}

/* Most files of old have none: that is seen without a worker. */
static bool may_be_signed(Str xml) {
    return str_find(xml, STR("CHUKYDONVI")) != SIZE_MAX;
}

SignResult sign_check(Sign *s, Str xml) {
    SignReply reply = {.found = may_be_signed(xml) ? SIGN_FOUND_BROKEN : SIGN_FOUND_NONE};
    if (reply.found == SIGN_FOUND_NONE || xml.len > SIGN_FILE_BYTES) {
        return sign_judge(s, &reply);
    }
    Worker *w = take_worker(s);
    bool answered = ask_worker(s, w, xml, &reply);
    if (!answered) {
        end_worker(w);
        log_warn("sign-worker-ended", "bytes", xml.len);
    }
    give_worker(s, w);
    return answered ? sign_judge(s, &reply)
                    : (SignResult){.verdict = SIGN_UNCHECKED, .signed_at = clock_now_ms(s->clock)};
}
