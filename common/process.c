#include "common/process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LAST_NICE = 19, FIRST_FD = 3 };

char process_state(pid_t pid)
{
    char path[40], text[512];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *name_end = strrchr(text, ')'); /* "pid (name) state ..." */
    if (!name_end || !name_end[1])
        return 0;
    return name_end[2];
}

void process_stand_back(pid_t pid)
{
    if (sched_setscheduler(pid, SCHED_IDLE, &(struct sched_param){0}))
        (void)setpriority(PRIO_PROCESS, (id_t)pid, LAST_NICE);
}

int process_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

void process_close_others(int also, const int *kept, int n)
{
    unsigned next = FIRST_FD;

    for (;;) {
        unsigned least = (unsigned)also >= next ? (unsigned)also : ~0U;

        for (int i = 0; i < n; i++)
            least =
                (unsigned)kept[i] >= next && (unsigned)kept[i] < least ? (unsigned)kept[i] : least;
        if (least > next)
            close_range(next, least == ~0U ? ~0U : least - 1, 0);
        if (least == ~0U)
            return;
        next = least + 1;
    }
}
