#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "cli/commands_engine.h"
#include "cli/run.h"

static int bench_reports(const struct settings *s, int argc, char **argv)
{
    char rounds[32];
    struct err err = {0};
    const char *const words[] = {"lentigo-reports", "bench", "--rounds", rounds, argv[0], NULL};

    if (argc != 1) {
        err_set(&err, ERR_INPUT, "bench reports OUT: the folder of a finished run");
        return command_fail(&err);
    }
    snprintf(rounds, sizeof(rounds), "%ld", s->rounds);
    int status = run_program("lentigo-reports", words, -1, &err);
    return status < 0 ? command_fail(&err) : status;
}

static const struct {
    const char *name;
    int (*run)(const struct settings *s, int argc, char **argv);
} benches[] = {
    {"decode",   cmd_bench_decode  },
    {"engine",   cmd_bench_engine  },
    {"limit",    cmd_bench_limit   },
    {"pipeline", cmd_bench_pipeline},
    {"queue",    cmd_bench_queue   },
    {"reports",  bench_reports     },
    {"train",    cmd_bench_train   },
};

int cmd_bench(const struct settings *s, int argc, char **argv)
{
    struct err err = {0};

    for (size_t i = 0; argc > 0 && i < sizeof(benches) / sizeof(*benches); i++)
        if (!strcmp(argv[0], benches[i].name))
            return benches[i].run(s, argc - 1, argv + 1);
    err_set(&err, ERR_INPUT,
            "bench: decode, engine, limit, pipeline, queue, reports or train (see lentigo bench "
            "--help)");
    return command_fail(&err);
}
