#include "preprocess/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sandbox {
    struct sock_filter *code;
    unsigned short length;
};

enum { CODE_MAX = 4096 }; /* instructions; the kernel's own limit (BPF_MAXINSNS) */

/* What glibc's malloc, threads and clocks need, and reading what came over the control socket. */
static const int allowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
};

/* Refused without harm: libraries ask and go on without. clone3 hides its flags from a filter, so
 * it must look missing; glibc then uses clone. */
static const struct {
    int call, answer;
} refused[] = {
    {SCMP_SYS(clone3),     ENOSYS},
    {SCMP_SYS(open),       ENOENT},
    {SCMP_SYS(openat),     ENOENT},
    {SCMP_SYS(openat2),    ENOENT},
    {SCMP_SYS(access),     ENOENT},
    {SCMP_SYS(faccessat),  ENOENT},
    {SCMP_SYS(faccessat2), ENOENT},
    {SCMP_SYS(stat),       ENOENT},
    {SCMP_SYS(lstat),      ENOENT},
    {SCMP_SYS(newfstatat), ENOENT},
    {SCMP_SYS(statx),      ENOENT},
    {SCMP_SYS(readlink),   ENOENT},
    {SCMP_SYS(readlinkat), ENOENT},
    {SCMP_SYS(getcwd),     ENOENT},
    {SCMP_SYS(writev),     EPERM },
    {SCMP_SYS(ioctl),      ENOTTY},
};

static int add_memory_rules(scmp_filter_ctx c)
{
    const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);

    return seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code) ||
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code) ||
           seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, code) ||
           seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mprotect), 1, code);
}

static int add_process_rules(scmp_filter_ctx c)
{
    /* Threads yes, processes no. glibc asks for exactly these (pthread_create). */
    const uint64_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

    return seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread)) ||
           /* To itself only: a filter of its own per child, see sandbox_enter. */
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0) ||
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                            SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)) ||
           /* Asking for a limit, not setting one. */
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, SCMP_A0(SCMP_CMP_EQ, 0),
                            SCMP_A2(SCMP_CMP_EQ, 0)) ||
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(recvmsg), 1,
                            SCMP_A0(SCMP_CMP_EQ, SANDBOX_CONTROL_FD));
}

static int add_write_rules(scmp_filter_ctx c)
{
#ifdef LENTIGO_SANITIZED
    return seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO)) ||
           seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(write), 1,
                            SCMP_A0(SCMP_CMP_NE, STDERR_FILENO)) ||
           seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(getppid), 0);
#else
    return seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(write), 0);
#endif
}

static int add_rules(scmp_filter_ctx c)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
        if (seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0))
            return -1;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        if (seccomp_rule_add(c, SCMP_ACT_ERRNO((uint32_t)refused[i].answer), refused[i].call, 0))
            return -1;
    return add_memory_rules(c) || add_process_rules(c) || add_write_rules(c) ? -1 : 0;
}

/* libseccomp 2.5 gives the compiled filter to a descriptor only. */
static int export_code(scmp_filter_ctx c, struct sandbox *s)
{
    int fd = memfd_create("lentigo-filter", MFD_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = seccomp_export_bpf(c, fd) ? -1 : lseek(fd, 0, SEEK_END);
    if (n > 0 && n <= (ssize_t)(CODE_MAX * sizeof(*s->code))) {
        s->code = calloc(1, (size_t)n);
        s->length = (unsigned short)((size_t)n / sizeof(*s->code));
        if (!s->code || pread(fd, s->code, (size_t)n, 0) != n)
            n = -1;
    }
    close(fd);
    return n > 0 ? 0 : -1;
}

int sandbox_new(struct sandbox **out, struct err *err)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
    struct sandbox *s = calloc(1, sizeof(*s));
    /* A tree and no list: the kernel walks the filter once for each call there is whenever it loads
     * one, and a child loads it. Without it the filter works as well. */
    int ret = !c || !s || (seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2), add_rules(c)) ||
              export_code(c, s);

    if (c)
        seccomp_release(c);
    if (ret) {
        sandbox_free(s);
        return err_set(err, ERR_CONFIG, "cannot make the seccomp filter: %s", strerror(errno));
    }
    *out = s;
    return 0;
}

void sandbox_free(struct sandbox *s)
{
    if (s)
        free(s->code);
    free(s);
}

static int filter_load(struct sock_filter *code, unsigned short length)
{
    struct sock_fprog program = {.len = length, .filter = code};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Signals go to the process itself or nowhere. The number is known in the child only, so this part
 * is written by hand; the kernel takes the stricter answer of the two filters. */
static int filter_load_own_signals(int pid)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)pid, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };

    return filter_load(code, sizeof(code) / sizeof(*code));
}

static int limit_set(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit limit = {value, value};

    return setrlimit(what, &limit);
}

/* The zygote watches wall time and memory in use and kills with a reason; these limits stand behind
 * it. RLIMIT_DATA is twice the memory allowed because it also counts what was never touched. */
static int limits_set(int seconds, int memory_mb)
{
    (void)memory_mb;
#ifndef LENTIGO_SANITIZED
    if (limit_set(RLIMIT_DATA, (rlim_t)memory_mb * 2 << 20))
        return -1;
#endif
    return limit_set(RLIMIT_CPU, (rlim_t)seconds * 2 + 1) || limit_set(RLIMIT_FSIZE, 0) ||
                   limit_set(RLIMIT_CORE, 0)
               ? -1
               : 0;
}

int sandbox_enter(const struct sandbox *s, int parent_pid, int seconds, int memory_mb)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent_pid)
        return -1;
    if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        limits_set(seconds, memory_mb))
        return -1;
    if (filter_load_own_signals(getpid()) || filter_load(s->code, s->length))
        return -1;
    return 0;
}

/* ---- the fence ---------------------------------------------------------------------------- */

/* Ask and go on without: a driver that wants one of these says what it is missing, and its pictures go
 * to other processes. */
static const struct {
    int call, answer;
} fenced[] = {
    {SCMP_SYS(clone3),            ENOSYS},
    {SCMP_SYS(open),              EACCES},
    {SCMP_SYS(openat),            EACCES},
    {SCMP_SYS(openat2),           EACCES},
    {SCMP_SYS(creat),             EACCES},
    {SCMP_SYS(name_to_handle_at), EACCES},
    {SCMP_SYS(open_by_handle_at), EACCES},
    {SCMP_SYS(socket),            EACCES},
    {SCMP_SYS(socketpair),        EACCES},
    {SCMP_SYS(memfd_create),      EACCES},
};

static const int forbidden[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(truncate),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(setxattr),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup), /* calls of a filter's blind side */
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
};

static int add_fence(scmp_filter_ctx c)
{
    for (size_t i = 0; i < sizeof(fenced) / sizeof(*fenced); i++)
        if (seccomp_rule_add(c, SCMP_ACT_ERRNO((uint32_t)fenced[i].answer), fenced[i].call, 0))
            return -1;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        if (seccomp_rule_add(c, SCMP_ACT_KILL_PROCESS, forbidden[i], 0))
            return -1;
    /* Threads yes, processes no; messages to the zygote only. */
    return seccomp_rule_add(c, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) ||
           seccomp_rule_add(c, SCMP_ACT_KILL_PROCESS, SCMP_SYS(sendmsg), 1,
                            SCMP_A0(SCMP_CMP_NE, SANDBOX_CONTROL_FD));
}

int sandbox_fence(int parent_pid, struct err *err)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    bool is_up = c && !add_fence(c) && getppid() == parent_pid && !prctl(PR_SET_DUMPABLE, 0) &&
                 !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !limit_set(RLIMIT_CORE, 0) &&
                 !limit_set(RLIMIT_FSIZE, 0) && !filter_load_own_signals(getpid()) &&
                 !seccomp_load(c);

    if (c)
        seccomp_release(c);
    return is_up ? 0 : err_set(err, ERR_CONFIG, "the fence around nvJPEG does not stand");
}
