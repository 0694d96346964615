#include <signal.h>

#include "cli/commands.h"
#include "cli/run.h"
#include "common/clock.h"
#include "common/file.h"
#include "queue/census.h"
#include "queue/statement.h"

enum { TAIL_SIZE = 2048 };

static void on_progress(void *ctx, const json_t *line)
{
    progress_show(ctx, line);
}

static const char reports[] = "lentigo-reports";

/* worklist.csv, set-aside.csv, summary.json and summary.html, in a process of its own. */
static pid_t start_summary(const struct run *r, struct err *err)
{
    char config[SETTINGS_PATH_SIZE];
    const char *argv[] = {reports, "summary", "--config", config, NULL};

    if (path_format(config, sizeof(config), err, "%s/lentigo.conf", r->state))
        return -1;
    return run_program_start(reports, argv, -1, err);
}

static int end_summary(pid_t pid, struct err *err)
{
    int status = run_program_wait(pid, reports, err);

    if (status > 0)
        return err_set(err, status == STATUS_AGAIN ? ERR_AGAIN : ERR_BUG,
                       "the summary could not be written (status %d)", status);
    return status;
}

/* What this run adds to the chain of statements. The work is done without it too. */
static void state(struct spool *spool)
{
    struct statement made;
    struct err why = {0};
    char today[CLOCK_ISO_SIZE];

    clock_iso(today, clock_wall_ms());
    if (statement_make(spool, today, false, NULL, &made, &why))
        fprintf(stderr, "lentigo: no statement was made: %s\n", why.msg);
    else if (made.file[0])
        fprintf(stderr, "statement %s, sha256 %s\n", made.file, made.sha256);
}

static int count(const struct run *r, struct census *census, struct err *err)
{
    struct spool *spool = NULL;

    if (spool_open(&spool, r->settings.spool, err))
        return -1;
    int ret = spool_census(spool, census, err);
    if (!ret)
        state(spool);
    spool_close(spool);
    return ret;
}

/* The statement that nothing was lost: received = done + set aside + cancelled. */
static void print_balance(const struct census *census)
{
    fprintf(stderr, "%lld received = %lld done + %lld set aside + %lld cancelled%s\n",
            (long long)census->received, (long long)census->done, (long long)census->set_aside,
            (long long)census->cancelled, census_is_whole(census) ? "" : "  -- NOT ALL FINISHED");
}

static int watch(struct run *r, struct run_children *c, struct err *err)
{
    struct progress progress;

    progress_open(&progress);
    int ret = run_children_watch(r, c, on_progress, &progress, err);
    progress_close(&progress);
    return ret;
}

/* The last errors of the log as they stand, so that nobody has to look for them. */
static void show_errors(const struct run *r)
{
    char path[SETTINGS_PATH_SIZE], tail[TAIL_SIZE];
    struct err ignored = {0};

    if (path_format(path, sizeof(path), &ignored, "%s/lentigo.log", r->state))
        return;
    file_tail(path, tail, sizeof(tail));
    char *rest = tail;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strstr(line, " level=error "))
            fprintf(stderr, "  %s\n", line);
}

/* The count goes on beside the summary: both read the whole spool, and there is a core for each. */
static int sum_up(const struct run *r, int scheduler_status, struct census *census, struct err *err)
{
    pid_t summary = 0;

    if (scheduler_status == STATUS_OK && (summary = start_summary(r, err)) < 0)
        return -1;
    int ret = count(r, census, err);
    if (summary && end_summary(summary, err))
        ret = -1;
    return ret;
}

static int finish(const struct run *r, int scheduler_status, struct err *err)
{
    struct census census = {0};

    if (scheduler_status == STATUS_CONFIG || scheduler_status == STATUS_UNFINISHED)
        show_errors(r);
    if (scheduler_status == STATUS_CONFIG)
        return err_set(err, ERR_CONFIG, "the scheduler stopped; see %s/lentigo.log", r->state);
    if (sum_up(r, scheduler_status, &census, err))
        return -1;
    print_balance(&census);
    if (census_is_whole(&census) && scheduler_status == STATUS_OK) {
        printf("%s/summary.html\n", r->settings.output);
        return STATUS_OK;
    }
    fprintf(stderr, "lentigo: not finished; the same command goes on (log: %s/lentigo.log)\n",
            r->state);
    return scheduler_status == STATUS_AGAIN ? STATUS_AGAIN : STATUS_UNFINISHED;
}

/* Redis and scheduler start first: the workers are ready when the upload is. */
static int work(struct run *r, struct run_children *c, struct err *err)
{
    int ret = run_children_start(r, c, err) || run_folder_take_in(r, err) || watch(r, c, err);

    run_children_end(c);
    return ret ? -1 : 0;
}

static int run(struct run *r, struct err *err)
{
    struct run_children children;

    if (run_folder_open(r, err) || run_folder_note(r, err) || settings_export(&r->settings, err) ||
        work(r, &children, err))
        return -1;
    return finish(
        r, children.stops && children.exit_status == 0 ? STATUS_AGAIN : children.exit_status, err);
}

int cmd_run(const struct settings *s, int argc, char **argv)
{
    static struct run r; /* several paths of 4 kB; one a process */
    struct err err = {0};

    /* Who stops reading the progress (`| head`) does not stop the work. */
    (void)signal(SIGPIPE, SIG_IGN);
    r.settings = *s;
    r.lock = -1;
    if (argc != 1 || !s->output[0])
        err_set(&err, ERR_INPUT, "run: lentigo run INPUT -o OUT (see lentigo run --help)");
    else if (!path_format(r.input, sizeof(r.input), &err, "%s", argv[0])) {
        int status = run(&r, &err);
        run_folder_close(&r);
        if (status >= 0)
            return status;
    }
    return command_fail(&err);
}
