/* lentigo-worker: decodes, outlines and measures. Without a word it serves a scheduler on
 * descriptor 3; the other words are the commands of lentigo that need the same parts. */
#include <signal.h>

#include "common/file.h"
#include "common/log.h"
#include "worker/nothing.h"
#include "worker/service.h"
#include "worker/tools.h"

static const struct {
    const char *word;
    enum settings_command command;
} modes[] = {
    {"serve",     COMMAND_WORKER   },
    {"predict",   COMMAND_PREDICT  },
    {"eval",      COMMAND_EVAL     },
    {"quantize",  COMMAND_QUANTIZE },
    {"calibrate", COMMAND_CALIBRATE},
};

static int run(enum settings_command command, const struct settings *s, int n, char **operands)
{
    switch (command) {
    case COMMAND_PREDICT: return tool_predict(s, n, operands);
    case COMMAND_EVAL: return tool_eval(s);
    case COMMAND_QUANTIZE: return tool_quantize(s);
    case COMMAND_CALIBRATE: return tool_calibrate(s);
    default: return strcmp(s->work, "nothing") ? service_run(s) : nothing_run(s);
    }
}

int main(int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    enum settings_command command = COMMAND_WORKER;
    struct err err = {0};
    int first, skip = 0;

    file_hold_standard();
    if (argc == 2 && !strcmp(argv[1], "devices"))
        return tool_devices();
    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++)
        if (!strcmp(argv[1], modes[i].word)) {
            command = modes[i].command;
            skip = 1;
        }
    if (settings_load(&settings, command, argc - skip, argv + skip, &first, &err))
        return tool_fail(&err);
    if (settings.help) {
        printf("usage: lentigo-worker [serve|predict|eval|quantize|calibrate|devices] [flags]\n");
        settings_help(command, stdout);
        return 0;
    }
    log_init("worker", (enum log_level)log_level_of(settings.log_level));
    (void)signal(SIGPIPE, SIG_IGN);
    /* Ctrl-C reaches the whole terminal group; the scheduler decides when workers end. */
    if (command == COMMAND_WORKER)
        (void)signal(SIGINT, SIG_IGN);
    return run(command, &settings, argc - skip - first, argv + skip + first);
}
