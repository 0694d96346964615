/* lentigo-train: what happens to labelled pictures before a model screens anybody. `lentigo dataset`
 * and `lentigo train` become this program; a row below is one of their commands. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "train/tools.h"

struct tool {
    const char *word, *verb; /* what the user types behind lentigo; verb NULL: whatever follows */
    enum settings_command command;
    int (*run)(const struct settings *s, int n, char **operands);
};

static const struct tool tools[] = {
    {"dataset", "convert", COMMAND_DATASET, dataset_convert},
    {"dataset", "check",   COMMAND_DATASET, dataset_check  },
    {"dataset", "split",   COMMAND_DATASET, dataset_split  },
    {"dataset", "show",    COMMAND_DATASET, dataset_show   },
    {"dataset", "balance", COMMAND_DATASET, dataset_balance},
    {"train",   "sweep",   COMMAND_SWEEP,   train_sweep    },
    {"train",   NULL,      COMMAND_TRAIN,   train_model    },
};
enum { TOOLS = sizeof(tools) / sizeof(*tools) };

static int usage(const char *word, const char *verb)
{
    fprintf(stderr, "lentigo: %s%s%.40s is no command; there is", word ? word : "",
            word ? " " : "nothing", verb ? verb : "");
    for (int i = 0; i < TOOLS; i++)
        fprintf(stderr, "%s lentigo %s%s%s", i ? "," : "", tools[i].word, tools[i].verb ? " " : "",
                tools[i].verb ? tools[i].verb : "");
    fputc('\n', stderr);
    return STATUS_USAGE;
}

static int run(const struct tool *tool, int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first;

    if (settings_load(&settings, tool->command, argc, argv, &first, &err))
        return tool_fail(&err);
    if (settings.help) {
        printf("usage: lentigo-train %s %s [flags]\n", tool->word, tool->verb ? tool->verb : "");
        settings_help(tool->command, stdout);
        return STATUS_OK;
    }
    log_init("train", (enum log_level)log_level_of(settings.log_level));
    (void)signal(SIGPIPE, SIG_IGN);
    return tool->run(&settings, argc - first, argv + first);
}

/* OpenMP's threads wait for each other hundreds of times an iteration, by default spinning for
 * milliseconds. Where other programs want the cores too, that takes them from the one who is waited for:
 * 0.5 images a second instead of 6 at a load of 17 on two cores. libgomp reads its environment when it
 * is loaded, so this program starts once more. */
static void wait_briefly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (!setenv("GOMP_SPINCOUNT", "10000", 1))
        execv("/proc/self/exe", argv); /* if that fails, it only trains slower */
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL, *verb = argc > 2 ? argv[2] : NULL;

    file_hold_standard();
    prctl(PR_SET_NAME, "lentigo-train"); /* started again it would be "exe" to ps, top and pkill */
    for (int i = 0; word && i < TOOLS; i++) {
        int words = tools[i].verb ? 2 : 1;
        if (!strcmp(word, tools[i].word) &&
            (!tools[i].verb || (verb && !strcmp(verb, tools[i].verb)))) {
            if (tools[i].command == COMMAND_TRAIN)
                wait_briefly(argv);
            return run(&tools[i], argc - words, argv + words);
        }
    }
    return usage(word, verb);
}
