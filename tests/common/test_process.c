/* What state a process is in: of one that each state was made for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
