/* lentigo-join: this machine helps another, which has a seat for it (join.h). */
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "remote/join.h"

static int fail(const struct err *err)
{
    fprintf(stderr, "lentigo-join: %s\n", err->msg);
    return err->code == ERR_INPUT ? STATUS_USAGE : STATUS_CONFIG;
}

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first;

    file_hold_standard();
    if (settings_load(&settings, COMMAND_JOIN, argc, argv, &first, &err))
        return fail(&err);
    if (settings.help) {
        printf("  lentigo-join https://intake:8700 --token /etc/lentigo/token\n\n"
               "usage: lentigo-join URL [flags]\n\nflags\n");
        settings_help(COMMAND_JOIN, stdout);
        return 0;
    }
    if (settings.dump_config)
        return settings_dump(&settings, stdout, &err) ? fail(&err) : STATUS_OK;
    if (first + 1 != argc) {
        err_set(&err, ERR_INPUT, "name the URL of one seat, such as https://intake:8700");
        return fail(&err);
    }
    /* The worker is to have our flags too. */
    if (settings_export(&settings, &err))
        return fail(&err);
    log_init("join", (enum log_level)log_level_of(settings.log_level));
    return join_run(&settings, argv[first]);
}
