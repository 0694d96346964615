/* lentigo-seat: where a worker of another machine joins this one's scheduler, which starts it. */
#include <signal.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "remote/seat.h"

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first;

    file_hold_standard();
    if (settings_load(&settings, COMMAND_SEAT, argc, argv, &first, &err)) {
        fprintf(stderr, "lentigo-seat: %s\n", err.msg);
        return err.code == ERR_INPUT ? STATUS_USAGE : STATUS_CONFIG;
    }
    if (settings.help) {
        printf("usage: lentigo-seat --listen ADDR --token FILE [flags]\n"
               "the scheduler starts it for each of its --seats\n");
        settings_help(COMMAND_SEAT, stdout);
        return STATUS_OK;
    }
    log_init("seat", (enum log_level)log_level_of(settings.log_level));
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; the scheduler decides */
    return seat_run(&settings);
}
