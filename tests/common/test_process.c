/* What state a process is in: of one that each state was made for; and how far one can stand back. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/process.h"

enum deed { WORKS, WAITS, ENDS };

static pid_t begin(enum deed deed)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "odd) Z (name");
    while (deed == WORKS)
        (void)getpid();
    while (deed == WAITS)
        pause();
    _exit(0);
}

/* Comes to be in `state`; a test that waits in vain is ended by its time limit. */
static void assert_becomes(pid_t pid, char state)
{
    while (process_state(pid) != state)
        usleep(1000);
}

static void bury(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void each_state_is_seen(void **state)
{
    pid_t works = begin(WORKS), waits = begin(WAITS), ends = begin(ENDS);

    (void)state;
    assert_becomes(works, 'R');
    assert_becomes(waits, 'S');
    assert_becomes(ends, 'Z');
    kill(works, SIGSTOP);
    assert_becomes(works, 'T');
    kill(works, SIGCONT);
    assert_becomes(works, 'R');
    bury(works);
    bury(waits);
    bury(ends);
    assert_int_equal(process_state(ends), 0);
}

static bool is_idle_refused;

/* In place of libc's, as where a service manager's filter refuses it. */
int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
    if (!is_idle_refused)
        return (int)syscall(SYS_sched_setscheduler, pid, policy, param);
    errno = EPERM;
    return -1;
}

/* In a process of its own: there is no way back. */
static int status_of_standing_back(bool is_refused)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        is_idle_refused = is_refused;
        process_stand_back(0);
        _exit(is_refused ? getpriority(PRIO_PROCESS, 0) != 19
                         : sched_getscheduler(0) != SCHED_IDLE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void it_stands_back_as_far_as_it_may(void **state)
{
    (void)state;
    assert_int_equal(status_of_standing_back(false), 0);
    assert_int_equal(status_of_standing_back(true), 0);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void only_what_is_kept_stays_open(void **state)
{
    int status = 0;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        static const int kept[] = {40, 21};
        for (int fd = 20; fd <= 41; fd++)
            dup2(STDIN_FILENO, fd);
        process_close_others(30, kept, 2);
        for (int fd = 3; fd < 64; fd++)
            if (is_open(fd) != (fd == 21 || fd == 30 || fd == 40))
                _exit(1);
        _exit(!is_open(STDERR_FILENO));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void only_cores_that_it_may_use_count(void **state)
{
    cpu_set_t before, one;
    int all = process_cores(), first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(all, CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(process_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_cores_that_it_may_use_count),
        cmocka_unit_test(each_state_is_seen),
        cmocka_unit_test(it_stands_back_as_far_as_it_may),
        cmocka_unit_test(only_what_is_kept_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
