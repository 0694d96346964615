/* lentigo: one command for everything. Rows below say what each does itself or which program it
 * becomes; help and flags come from the table of settings. */
#include <errno.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "cli/commands_demo.h"
#include "cli/commands_engine.h"
#include "cli/commands_operate.h"
#include "cli/commands_queue.h"
#include "cli/commands_status.h"
#include "common/file.h"
#include "common/log.h"
#include "common/place.h"
#include "common/version.h"

struct command {
    const char *name;
    enum settings_command id;
    int (*run)(const struct settings *s, int argc, char **argv); /* NULL: becomes `program` */
    const char *program, *word; /* that program and the word that it gets first, or NULL */
    const char *second; /* the row is for `name` followed by this word only; NULL: by anything */
    const char *operands, *help, *example;
};

/* clang-format off */
static const struct command commands[] = {
    {"run",       COMMAND_RUN,     cmd_run,       NULL, NULL, NULL, "INPUT -o OUT", "screen a folder of images on this machine", "lentigo run /data/friday -o /data/friday-out"},
    {"submit",    COMMAND_SUBMIT,  cmd_submit,    NULL, NULL, NULL, "INPUT",        "hand an upload to a running installation", "lentigo submit /data/friday --class bulk"},
    {"watch",     COMMAND_WATCH,   cmd_watch,     NULL, NULL, NULL, "DIR",          "hand in what arrives in a folder, when it is complete", "lentigo watch /srv/inbox/north --site north"},
    {"status",    COMMAND_STATUS,  cmd_status,    NULL, NULL, NULL, "[OUT]",        "queue, throughput and flagged cases in one page", "lentigo status /data/friday-out --json"},
    {"cancel",    COMMAND_CANCEL,  cmd_cancel,    NULL, NULL, NULL, "ID [OUT]",     "leave an image, a study or an upload undone", "lentigo cancel 1f2e3d/s12 --why \"handed in twice\""},
    {"set-aside", COMMAND_ASIDE,   cmd_set_aside, NULL, NULL, NULL, "[OUT]",        "list what was set aside, why, and in which stage", "lentigo set-aside --reason decode_timeout"},
    {"retry",     COMMAND_RETRY,   cmd_retry,     NULL, NULL, NULL, "ID | --reason R [OUT]", "put what was set aside back into the queue", "lentigo retry 1f2e3d/s12/3"},
    {"pause",     COMMAND_PAUSE,   cmd_pause,     NULL, NULL, NULL, "[CLASS]",      "begin no new work, of one class or of all; resume goes on", "lentigo pause bulk --why \"moving the disks\""},
    {"resume",    COMMAND_PAUSE,   cmd_resume,    NULL, NULL, NULL, "[CLASS | UPLOAD]", "go on after a pause, or begin a scheduled upload now", "lentigo resume bulk"},
    {"top",       COMMAND_TOP,     NULL, "lentigo-top", NULL, NULL, "[OUT]",        "dashboard", "lentigo top /data/friday-out"},
    {"predict",   COMMAND_PREDICT, NULL, "lentigo-worker", "predict", NULL, "IMAGE...", "one JSON line per image, no queue", "lentigo predict lesion.jpg --mask masks/"},
    {"eval",      COMMAND_EVAL,    NULL, "lentigo-worker", "eval", NULL, "--data DIR", "figures of a model on a labelled set", "lentigo eval --data lesions --split test"},
    {"model",     COMMAND_QUANTIZE, NULL, "lentigo-worker", "quantize", "quantize", "quantize --calibrate DIR", "make a model ready for int8", "lentigo model quantize --calibrate lesions -o models/mine8"},
    {"model",     COMMAND_CALIBRATE, NULL, "lentigo-worker", "calibrate", "calibrate", "calibrate --data DIR -m MODEL", "choose temperature and thresholds of a model, write its policy and card", "lentigo model calibrate --data lesions -m models/mine"},
    {"model",     COMMAND_MODEL,   cmd_model,     NULL, NULL, NULL, "import|quantize|show ...", "bring weights in, make them int8, look at a model", "lentigo model import model.pdparams -o models/mine"},
    {"bench",     COMMAND_BENCH,   cmd_bench,     NULL, NULL, NULL, "decode|engine|limit|pipeline|queue|reports ...", "measured figures as JSON lines", "lentigo bench engine --size 512 --precision bf16"},
    {"train",     COMMAND_SWEEP,   cmd_sweep,     NULL, NULL, "sweep", "sweep SPEC.json -o DIR", "try many settings of train, on one machine or several, and rank them", "lentigo train sweep rates.json -o searches/rates"},
    {"train",     COMMAND_TRAIN,   NULL, "lentigo-train", "train", NULL, "--data DIR -o RUN", "labelled pictures to a model", "lentigo train --data lesions -o runs/first --iters 10000 --batch 16"},
    {"demo-data", COMMAND_DEMO,    cmd_demo_data, NULL, NULL, NULL, "DIR",          "a synthetic clinic upload with known truth", "lentigo demo-data /tmp/demo --patients 12 --seed 1"},
    {"dataset",   COMMAND_DATASET, NULL, "lentigo-train", "dataset", NULL, "convert|check|split|show|balance", "labelled pictures, before a model learns from them", "lentigo dataset split mine --percent 70,15,15 --seed 1"},
    {"doctor",    COMMAND_DOCTOR,  cmd_doctor,    NULL, NULL, NULL, "[OUT]",        "check that nothing was lost", "lentigo doctor /data/friday-out"},
    {"statement", COMMAND_STATEMENT, cmd_statement, NULL, NULL, NULL, "[OUT]",      "what came in and what became of it, day by day", "lentigo statement --verify"},
    {"replay",    COMMAND_REPLAY,  cmd_replay,    NULL, NULL, NULL, "REPORT.json",  "do a study once more and compare every byte", "lentigo replay /data/friday-out/patients/p7/report.json"},
    {"recover",   COMMAND_RECOVER, cmd_recover,   NULL, NULL, NULL, "[OUT]",        "put the spool in order and fill Redis from it, now", "lentigo recover --spool /var/spool/lentigo"},
    {"join",      COMMAND_JOIN,    NULL, "lentigo-join", NULL, NULL, "URL",         "lend this machine to another's work", "lentigo join https://intake:8700 --token /etc/lentigo/token"},
};
/* clang-format on */

enum { COMMANDS = sizeof(commands) / sizeof(*commands), ARGUMENTS_MAX = 65536 };

int command_fail(const struct err *err)
{
    fprintf(stderr, "lentigo: %s\n", err->msg);
    return status_of_err(err);
}

static int help(FILE *out)
{
    fprintf(out, "lentigo " LENTIGO_VERSION
                 ": screens dermoscopy images (COMMAND --help shows its flags)\n"
                 "  lentigo run /data/friday -o /data/friday-out\ncommands\n");
    for (int i = 0; i < COMMANDS; i++) {
        bool has_row_above = i && commands[i].id == commands[i - 1].id; /* resume: see pause */
        if (commands[i].second || has_row_above)
            continue;
        fprintf(out, "  %-10s %-28s %s\n", commands[i].name, commands[i].operands,
                commands[i].help);
    }
    return STATUS_OK;
}

static int help_command(const struct command *c)
{
    printf("  %s\n\nusage: lentigo %s %s [flags]\n%s\n\nflags\n", c->example, c->name, c->operands,
           c->help);
    settings_help(c->id, stdout);
    return STATUS_OK;
}

/* The program reads the same flags from the same table, so they are passed on as they stand. */
static int become(const struct command *c, int argc, char **argv)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};

    if (place_program(path, c->program, &err))
        return command_fail(&err);
    char **passed = calloc((size_t)argc + 2, sizeof(*passed));
    if (!passed)
        return STATUS_AGAIN;
    int n = 0;
    passed[n++] = path;
    union {
        const char *in;
        char *out;
    } word = {c->word}; /* execv takes no const */
    if (c->word)
        passed[n++] = word.out;
    for (int i = 1; i < argc; i++)
        passed[n++] = argv[i];
    execv(path, passed);
    err_set(&err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    free(passed);
    return command_fail(&err);
}

static int run_command(const struct command *c, int argc, char **argv)
{
    static struct settings settings; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int first;

    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return help_command(c);
    if (!c->run)
        return become(c, argc, argv);
    if (settings_load(&settings, c->id, argc, argv, &first, &err))
        return command_fail(&err);
    if (settings.dump_config)
        return settings_dump(&settings, stdout, &err) ? command_fail(&err) : STATUS_OK;
    log_init("lentigo", (enum log_level)log_level_of(settings.log_level));
    return c->run(&settings, argc - first, argv + first);
}

int main(int argc, char **argv)
{
    file_hold_standard();
    if (argc == 3 && !strcmp(argv[1], "help") && !strcmp(argv[2], "settings")) {
        settings_document(stdout);
        return STATUS_OK;
    }
    if (argc < 2 || !strcmp(argv[1], "help") || !strcmp(argv[1], "--help") ||
        !strcmp(argv[1], "-h"))
        return help(stdout);
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("lentigo " LENTIGO_VERSION "\n");
        return STATUS_OK;
    }
    for (int i = 0; i < COMMANDS; i++) {
        const char *second = commands[i].second;
        int words = second ? 2 : 1;
        if (!strcmp(argv[1], commands[i].name) &&
            (!second || (argc > 2 && !strcmp(argv[2], second))))
            return run_command(&commands[i], argc - words, argv + words);
    }
    fprintf(stderr, "lentigo: no command \"%.40s\"; lentigo --help lists them\n", argv[1]);
    return STATUS_USAGE;
}
