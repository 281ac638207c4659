#include "sign/sign_int.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_BASE_S = 5, CPU_BYTES_A_S = 16 << 20, MEMORY_A_BYTE = 8, EXIT_TROUBLE = 3 };
#define MEMORY_BASE (64 * LIMIT_MIB)

static bool read_all(void *out, size_t len) {
    char *p = out;
    while (len > 0) {
        ssize_t n = read(SIGN_WORKER_FD, p, len);
        if (n <= 0) {
            if (n < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* One document, in the process that is made for it: the header is ours, what follows is not. */
static int serve_one(void) {
    SignAsk ask;
    SignReply reply;
    if (!read_all(&ask, sizeof(ask)) || ask.magic != SIGN_ASK_MAGIC || ask.len > SIGN_FILE_BYTES) {
        return EXIT_TROUBLE;
    }
    SignLimits limits = {.memory_bytes = MEMORY_BASE + MEMORY_A_BYTE * ask.len,
                         .cpu_s = CPU_BASE_S + (unsigned)(ask.len / CPU_BYTES_A_S)};
    if (sign_sandbox(&limits) != ERR_OK) {
        return EXIT_TROUBLE;
    }
    char *bytes = malloc(ask.len + 1);
    if (bytes == NULL || !read_all(bytes, ask.len)) {
        return EXIT_TROUBLE;
    }
    bytes[ask.len] = '\0';
    sign_verify((Str){bytes, ask.len}, (SignScope)ask.scope, &reply);
    return write(SIGN_WORKER_FD, &reply, sizeof(reply)) == (ssize_t)sizeof(reply) ? 0
                                                                                  : EXIT_TROUBLE;
}

/* True when the next document has begun to come, false when nobody will send one. */
static bool wait_for_one(void) {
    struct pollfd p = {.fd = SIGN_WORKER_FD, .events = POLLIN};
    int n = 0;
    do {
        n = poll(&p, 1, -1);
    } while (n < 0 && errno == EINTR);
    return n == 1 && (p.revents & POLLIN) != 0;
}

/* The child; it ends with its parent. */
static void run_child(pid_t parent) {
    bool tied = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
    _exit(tied ? serve_one() : EXIT_TROUBLE);
}

/* This process reads no document: it only makes the one that does. */
int sign_worker_main(void) {
    if (sign_library() != ERR_OK) {
        return EXIT_TROUBLE;
    }
    pid_t self = getpid();
    while (wait_for_one()) {
        pid_t child = fork();
        int status = 0;
        if (child == 0) {
            run_child(self);
        }
        if (child < 0) {
            return EXIT_TROUBLE;
        }
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            return EXIT_TROUBLE; /* the rest of the document is still in the socket */
        }
    }
    return 0;
}
