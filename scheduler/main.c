/* lentigo-scheduler: leases images to workers and studies to reporters (scheduler.h). */
#include <signal.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "scheduler/scheduler.h"

static int fail(const struct err *err)
{
    fprintf(stderr, "lentigo-scheduler: %s\n", err->msg);
    return err->code == ERR_INPUT ? STATUS_USAGE : STATUS_CONFIG;
}

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first;

    file_hold_standard();
    if (settings_load(&settings, COMMAND_SCHEDULER, argc, argv, &first, &err))
        return fail(&err);
    if (settings.help) {
        printf("  lentigo-scheduler --config /etc/lentigo/lentigo.conf\n\n"
               "usage: lentigo-scheduler [flags]\n\nflags\n");
        settings_help(COMMAND_SCHEDULER, stdout);
        return 0;
    }
    if (settings.dump_config)
        return settings_dump(&settings, stdout, &err) ? fail(&err) : STATUS_OK;
    if (first < argc) {
        err_set(&err, ERR_INPUT, "\"%.80s\": no operands are taken", argv[first]);
        return fail(&err);
    }
    /* Workers and reporters are to have our flags too. */
    if (settings_export(&settings, &err))
        return fail(&err);
    log_init("scheduler", (enum log_level)log_level_of(settings.log_level));
    (void)signal(SIGPIPE, SIG_IGN); /* hiredis writes with write(2) */
    return scheduler_run(&settings);
}
