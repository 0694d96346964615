#include "worker/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/process.h"
#include "common/status.h"
#include "preprocess/wire.h"

enum {
    LOOK_MS = 250,       /* how often a silent process is looked at */
    STILL_MS = 10000,    /* without using a processor: it waits for something that never comes */
    MEMORY_MB = 256,     /* beyond what the fork begins with; measured: 24 at most, with 108 Mpx */
    ENTRY_MAX = 1 << 20, /* bytes of an entry as JSON; a real one has some 3 kB */
    OUT_OF_MEMORY_SCORE = 1000, /* of all our processes, the kernel ends this one first */
    /* What is well takes 16 ms at 256 px, 0.2 more a megapixel and 3 a megabyte (its hash), on one core of
     * a Zen 5; these are 20 times as much on a processor a fifth as fast, or more. */
    HANGS_TIMES = 20,
    HANGS_MS = 200,
    HANGS_MS_A_MPX = 20,
    HANGS_MS_A_MB = 300,
};

/* What the process is sent with the descriptor of the original; the pointers in it hold there too. */
struct order {
    struct item item;
    int64_t cpu_ms;
};

/* What it says of one image; its entry's text follows. */
struct answer {
    int32_t outcome, status, reason, code, stage;
    uint32_t entry_bytes;
    int64_t cpu_us;
    double malignant_probability;
    char risk[sizeof(((struct item *)0)->risk)];
    char text[sizeof(((struct err *)0)->msg)];
};

/* ---- in the process ---- */

#ifdef LENTIGO_SANITIZED
static void limit_memory(void)
{
} /* sanitizers reserve terabytes */
#else
/* Pages of data that this process has or has asked for. */
static int64_t data_pages(void)
{
    char text[160], *at = text, *end = NULL;
    long long pages = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    for (int i = 0; i < 6; i++, at = end) { /* size, resident, shared, code, library, data */
        pages = strtoll(at, &end, 10);
        if (end == at)
            return -1;
    }
    return pages;
}

static void limit_memory(void)
{
    struct rlimit limit;
    int64_t pages = data_pages();

    if (pages < 0 || getrlimit(RLIMIT_DATA, &limit))
        return;
    rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)MEMORY_MB << 20);
    limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
    (void)setrlimit(RLIMIT_DATA, &limit); /* else the kernel's killer is the limit */
}
#endif

/* There was no memory: for this process, or on the whole machine? */
static bool was_own_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit))
        return false;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_DATA, &limit))
        return false;
    void *more = mmap(NULL, (size_t)MEMORY_MB << 20, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return more != MAP_FAILED;
}

static void offer_to_the_killer(void)
{
    char score[8];
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    snprintf(score, sizeof(score), "%d", OUT_OF_MEMORY_SCORE);
    if (fd >= 0 && write(fd, score, strlen(score)) < 0)
        errno = 0; /* it may be the last to be chosen, then */
    if (fd >= 0)
        close(fd);
}

static void enter(const struct apart *a, pid_t parent, int images, int answers)
{
    const struct rlimit no_core = {0};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    prctl(PR_SET_NAME, a->is_trial ? "lentigo-trial" : "lentigo-apart");
    process_close_others(images, &answers,
                         1); /* an original that stays open here is never closed */
    (void)signal(SIGXCPU, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (a->is_behind)
        process_stand_back(0);
    offer_to_the_killer();
    limit_memory();
}

static void write_whole(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(0); /* nobody is there to hear it */
        at += done;
        n -= (size_t)done;
    }
}

static void say(int fd, struct item *item, int64_t cpu_us)
{
    char *entry = item->outcome == WIRE_DONE ? json_line(item->entry) : NULL;
    struct err err = {0};

    if (item->outcome == WIRE_DONE && !entry) {
        err_set(&err, ERR_NOMEM, "image entry as text");
        item_give_back(item, STAGE_MEASURE, &err);
    }
    if (item->outcome == WIRE_FAILED && item->err.code == ERR_NOMEM && was_own_limit()) {
        err_set(&err, ERR_LIMIT, "more than %d MiB for one image: %s", MEMORY_MB, item->err.msg);
        item->err = err;
    }
    struct answer answer = {.outcome = item->outcome,
                            .status = (int32_t)item->status,
                            .reason = (int32_t)item->reason,
                            .code = (int32_t)item->err.code,
                            .stage = (int32_t)item->stage,
                            .entry_bytes = entry ? (uint32_t)strlen(entry) : 0,
                            .cpu_us = cpu_us,
                            .malignant_probability = item->malignant_probability};

    memcpy(answer.risk, item->risk, sizeof(answer.risk));
    memcpy(answer.text, item->err.msg, sizeof(answer.text));
    write_whole(fd, &answer, sizeof(answer));
    write_whole(fd, entry, answer.entry_bytes);
    free(entry);
}

static void set_timer(timer_t timer, int64_t ms)
{
    const struct itimerspec t = {
        .it_value = {ms / 1000, ms % 1000 * 1000000}
    };

    if (timer_settime(timer, 0, &t, NULL))
        _exit(STATUS_AGAIN);
}

static _Noreturn void work(const struct apart *a, int images, int answers)
{
    struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU};
    struct order order;
    timer_t timer;
    int fds[WIRE_FDS_MAX];

    if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &by_signal, &timer))
        _exit(STATUS_AGAIN);
    while (wire_receive(images, &order, sizeof(order), fds, 0) > 0) {
        struct item *item = &order.item;
        int64_t begin = clock_cpu_us();

        item->fd = fds[0];
        set_timer(timer, order.cpu_ms);
        a->compute(a->ctx, item);
        set_timer(timer, 0);
        say(answers, item, clock_cpu_us() - begin);
        json_decref(item->entry);
        if (item->fd >= 0)
            close(item->fd);
    }
    _exit(0);
}

/* ---- here ---- */

static void close_pair(const int *ends)
{
    close(ends[0]);
    close(ends[1]);
}

/* 0, or -1 with errno. */
static int begin(struct apart *a)
{
    int images[2], answers[2];
    pid_t self = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, images))
        return -1;
    if (pipe2(answers, O_CLOEXEC)) {
        close_pair(images);
        return -1;
    }
    a->pid = fork();
    if (a->pid == 0) {
        enter(a, self, images[1], answers[1]);
        work(a, images[1], answers[1]);
    }
    if (a->pid < 0) {
        close_pair(images);
        close_pair(answers);
        a->pid = 0;
        return -1;
    }
    close(images[1]);
    close(answers[1]);
    a->images = images[0];
    a->answers = answers[0];
    a->cpu_us = 0;
    return 0;
}

/* As waitpid says; 0 when there was none. */
static int end(struct apart *a)
{
    int status = 0;

    if (!a->pid)
        return 0;
    close(a->images);
    close(a->answers);
    while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
        ;
    a->pid = 0;
    return status;
}

/* Nothing came for a while: it works, or it is ended. */
static void look(struct apart *a)
{
    int64_t now = clock_mono_us() / 1000;
    int64_t cpu_us = clock_cpu_us_of(a->pid);

    if (cpu_us < 0)
        return;
    /* One that stands back may have no processor for long. */
    bool has_moved = cpu_us > a->cpu_us || process_state(a->pid) == 'R';
    a->still_since_ms = has_moved ? now : a->still_since_ms;
    a->cpu_us = cpu_us;
    if (!a->goes_on(a->ctx, has_moved) || now - a->still_since_ms > STILL_MS)
        kill(a->pid, SIGKILL);
}

/* False: the process says no more. */
static bool read_whole(struct apart *a, void *bytes, size_t n)
{
    struct pollfd readable = {.fd = a->answers, .events = POLLIN};
    char *at = bytes;

    while (n) {
        int ready = poll(&readable, 1, LOOK_MS);
        if (ready == 0)
            look(a);
        if (ready <= 0)
            continue;
        ssize_t done = read(a->answers, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool is_sound(const struct answer *a)
{
    bool is_done = a->outcome == WIRE_DONE &&
                   (a->status == RESULT_DONE || a->status == RESULT_SET_ASIDE) && a->reason >= 0 &&
                   a->reason < REASON_COUNT && a->entry_bytes && a->entry_bytes <= ENTRY_MAX;
    bool is_failed = a->outcome == WIRE_FAILED && a->code > ERR_OK && a->code <= ERR_BUG &&
                     a->stage >= 0 && a->stage < STAGE_COUNT && !a->entry_bytes;

    return is_done || is_failed;
}

static json_t *read_entry(struct apart *a, size_t n)
{
    char *text = malloc(n);
    struct err ignored = {0};
    json_t *entry = NULL;

    if (text && read_whole(a, text, n))
        entry = json_parse(text, n, "image entry", &ignored);
    free(text);
    return entry;
}

/* False: nothing sound came. */
static bool take_answer(struct apart *a, struct item *item, int64_t *cpu_us)
{
    struct answer said;

    if (!read_whole(a, &said, sizeof(said)) || !is_sound(&said))
        return false;
    said.risk[sizeof(said.risk) - 1] = said.text[sizeof(said.text) - 1] = 0;
    item->entry = said.entry_bytes ? read_entry(a, said.entry_bytes) : NULL;
    if (said.outcome == WIRE_DONE && !item->entry)
        return false;
    item->outcome = (enum wire_kind)said.outcome;
    item->status = (enum result_status)said.status;
    item->reason = (enum reason)said.reason;
    item->malignant_probability = said.malignant_probability;
    item->err.code = (enum err_code)said.code;
    item->stage = (enum wire_stage)said.stage;
    memcpy(item->risk, said.risk, sizeof(item->risk));
    memcpy(item->err.msg, said.text, sizeof(item->err.msg));
    *cpu_us = said.outcome == WIRE_DONE ? said.cpu_us : 0;
    return true;
}

static void blame(const struct apart *a, struct item *item, int status)
{
    enum wire_stage stage = last_stage_read(a->stage);
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    bool was_short = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_AGAIN;
    struct err err = {0};

    if (was_short)
        err_set(&err, ERR_AGAIN, "a process apart could not begin");
    else
        err_set(&err, ERR_BUG, "its process ended in stage %s, signal %d", wire_stage_word(stage),
                signal);
    item_give_back(item, stage < STAGE_COUNT ? stage : STAGE_NETWORK, &err);
    item->signal = signal;
}

static bool send_item(struct apart *a, const struct item *item, int64_t cpu_ms)
{
    const struct order order = {.item = *item, .cpu_ms = cpu_ms};

    return !wire_send(a->images, &order, sizeof(order), &item->fd, item->fd >= 0, 0);
}

/* False: no process takes it. One that died with nothing to do is replaced. */
static bool hand_in(struct apart *a, const struct item *item, int64_t cpu_ms)
{
    last_stage_note(a->stage, STAGE_NETWORK);
    a->still_since_ms = clock_mono_us() / 1000;
    if (a->pid && send_item(a, item, cpu_ms))
        return true;
    apart_end(a);
    return !begin(a) && send_item(a, item, cpu_ms);
}

int64_t apart_patience_ms(const struct item *item, int64_t longest_us)
{
    const struct decoded *d = &item->decoded;
    int64_t of_size = HANGS_MS + ((int64_t)d->width * d->height * HANGS_MS_A_MPX >> 20) +
                      (item->image.size_bytes * HANGS_MS_A_MB >> 20);
    int64_t of_others = HANGS_TIMES * longest_us / 1000;

    return of_size > of_others ? of_size : of_others;
}

int64_t apart_run(struct apart *a, struct item *item, int64_t cpu_ms)
{
    struct err err = {0};
    int64_t cpu_us = 0;

    if (!hand_in(a, item, cpu_ms)) {
        err_set(&err, ERR_AGAIN, "no process apart: %s", strerror(errno));
        item_give_back(item, STAGE_NETWORK, &err);
    } else if (!take_answer(a, item, &cpu_us)) {
        kill(a->pid, SIGKILL); /* it said something odd, or is dead */
        blame(a, item, end(a));
    } else if (item->err.code == ERR_LIMIT) {
        apart_end(a); /* it has taken its limit of memory off, or has much */
    }
    return cpu_us;
}

void apart_end(struct apart *a)
{
    if (a->pid)
        kill(a->pid, SIGKILL);
    (void)end(a);
}
