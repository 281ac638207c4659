#include "sign/sign_int.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "sign_sandbox: name the audit architecture of this machine"
#endif

/* Sanitizers map terabytes of address space and look at their own process. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, member))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (unsigned)(what))
#define IF_CALL(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(nr), 0, 1)
#define ALLOW(nr) IF_CALL(nr), RETURN(SECCOMP_RET_ALLOW)
/* Allowed when the third argument does not ask for executable memory. */
#define ALLOW_NOT_EXECUTABLE(nr)                                                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(nr), 0, 4), LOAD(args[2]),                      \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), RETURN(SECCOMP_RET_KILL_PROCESS),   \
        RETURN(SECCOMP_RET_ALLOW)

/* Only arguments' low halves are looked at where they are looked at: prot is an int. */
static const struct sock_filter filter[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
    ALLOW(SYS_read),
    ALLOW(SYS_write),
    ALLOW(SYS_brk),
    ALLOW_NOT_EXECUTABLE(SYS_mmap),
    ALLOW_NOT_EXECUTABLE(SYS_mprotect),
    ALLOW(SYS_munmap),
    ALLOW(SYS_mremap),
    ALLOW(SYS_madvise),
    ALLOW(SYS_futex),
    ALLOW(SYS_getrandom),
    ALLOW(SYS_clock_gettime),
    ALLOW(SYS_gettimeofday),
    ALLOW(SYS_rt_sigreturn),
    ALLOW(SYS_restart_syscall),
    ALLOW(SYS_exit),
    ALLOW(SYS_exit_group),
#ifdef SANITIZED
    ALLOW(SYS_sched_yield),
    ALLOW(SYS_getpid),
    ALLOW(SYS_gettid),
    ALLOW(SYS_sigaltstack),
    ALLOW(SYS_rt_sigprocmask),
    ALLOW(SYS_rt_sigaction),
#endif
    RETURN(SECCOMP_RET_KILL_PROCESS),
};

/* Address space that is taken already. */
static size_t address_space(void) {
    CLEANUP_FILE FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    return f != NULL && fscanf(f, "%lu", &pages) == 1 ? pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static bool limit(int what, rlim_t value) {
    return setrlimit((__rlimit_resource_t)what,
                     &(struct rlimit){.rlim_cur = value, .rlim_max = value}) == 0;
}

ErrCode sign_sandbox(const SignLimits *limits) {
    size_t taken = address_space();
    bool limited = taken > 0 && limit(RLIMIT_CPU, limits->cpu_s) && limit(RLIMIT_CORE, 0) &&
                   limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 0);
#ifndef SANITIZED
    limited = limited && limit(RLIMIT_AS, taken + limits->memory_bytes);
#endif
    struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = (struct sock_filter *)filter};
    if (!limited || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
        return ERR_UNSUPPORTED;
    }
    return ERR_OK;
}
