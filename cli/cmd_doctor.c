/* cmd_doctor.c -- what the census finds, for a person or as JSON. Works without Redis, and beside
 * a run: what a scheduler at work has not finished yet is then no finding. */
#include <inttypes.h>

#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/open_spool.h"
#include "common/file.h"
#include "queue/census.h"

enum {
    LINES_MAX = 20, /* of one kind; the rest is counted */
    RUN_JSON_MAX = 1 << 20,
};

struct doctor {
    int holder; /* pid of the scheduler at work, 0 = none */
    bool wants_no_reports;
    bool is_json;
    struct census census;
    int64_t printed[CENSUS_FINDINGS];
    json_t *list;
};

/* With a scheduler at work these are simply what it is working on; a run may want no reports. */
static bool is_expected(const struct doctor *d, enum census_finding f)
{
    if (f == CENSUS_NO_REPORT && d->wants_no_reports)
        return true;
    return d->holder && (f == CENSUS_UNFINISHED || f == CENSUS_NO_REPORT);
}

static void on_finding(void *ctx, enum census_finding f, const char *where)
{
    struct doctor *d = ctx;

    if (is_expected(d, f))
        return;
    if (d->is_json)
        json_array_append_new(d->list, json_pack("{s:s, s:s, s:s}", "finding", census_word(f),
                                                 "where", where, "advice", census_advice(f)));
    else if (d->printed[f]++ < LINES_MAX)
        printf("%s: %s. To do: %s.\n", where, census_text(f), census_advice(f));
}

static int64_t count_findings(const struct doctor *d)
{
    int64_t n = 0;

    for (int i = 0; i < CENSUS_FINDINGS; i++)
        if (!is_expected(d, (enum census_finding)i))
            n += d->census.findings[i];
    return n;
}

static void print_text(const struct doctor *d)
{
    const struct census *c = &d->census;
    int64_t findings = count_findings(d);

    for (int i = 0; i < CENSUS_FINDINGS; i++)
        if (d->printed[i] > LINES_MAX)
            printf("... and %" PRId64 " more: %s\n", d->printed[i] - LINES_MAX,
                   census_text((enum census_finding)i));
    printf("%" PRId64 " received = %" PRId64 " done + %" PRId64 " set aside + %" PRId64
           " cancelled%s\n",
           c->received, c->done, c->set_aside, c->cancelled,
           census_is_whole(c) ? ""
           : d->holder        ? "  (going on)"
                              : "  -- NOT ALL FINISHED");
    printf("uploads %" PRId64 ", studies %" PRId64 ", reports %" PRId64 ", other files %" PRId64
           "\n",
           c->uploads, c->studies, c->reports, c->others);
    if (d->holder)
        printf("a scheduler is at work (process %d); what it has not finished is no finding\n",
               d->holder);
    if (findings)
        printf("findings: %" PRId64 "\n", findings);
    else
        printf("nothing is missing\n");
}

static int print_json(const struct doctor *d, struct err *err)
{
    const struct census *c = &d->census;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:i, s:I, s:O}", "received",
        (json_int_t)c->received, "done", (json_int_t)c->done, "set_aside", (json_int_t)c->set_aside,
        "cancelled", (json_int_t)c->cancelled, "is_whole", census_is_whole(c), "uploads",
        (json_int_t)c->uploads, "studies", (json_int_t)c->studies, "reports",
        (json_int_t)c->reports, "others", (json_int_t)c->others, "scheduler_pid", d->holder,
        "n_findings", (json_int_t)count_findings(d), "findings", d->list);
    char *line = object ? json_line(object) : NULL;

    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "doctor: out of memory");
    puts(line);
    free(line);
    return 0;
}

/* What the run was started with; without a run.json, reports are expected. */
static bool is_without_reports(const char *out)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    json_t *run = NULL;

    if (!path_format(path, sizeof(path), &ignored, "%s/.lentigo/run.json", out))
        run = json_read(path, RUN_JSON_MAX, &ignored);
    bool is_without = run && !strcmp(json_text_or(run, "reports", ""), "none");
    json_decref(run);
    return is_without;
}

static int examine(struct doctor *d, const struct settings *s, const char *out, struct err *err)
{
    struct spool *spool = NULL;

    if (open_spool(&spool, s, out, err))
        return -1;
    d->holder = spool_holder(spool);
    int ret = spool_examine(spool, &d->census, on_finding, d, err);
    spool_close(spool);
    return ret;
}

int cmd_doctor(const struct settings *s, int argc, char **argv)
{
    struct doctor d = {.is_json = s->json, .list = json_array()};

    d.wants_no_reports = argc ? is_without_reports(argv[0]) : !strcmp(s->reports, "none");
    struct err err = {0};
    int ret = -1;

    if (argc > 1)
        err_set(&err, ERR_INPUT, "doctor: lentigo doctor [OUT] (see lentigo doctor --help)");
    else if (!examine(&d, s, argc ? argv[0] : NULL, &err)) {
        ret = d.is_json ? print_json(&d, &err) : 0;
        if (!d.is_json)
            print_text(&d);
    }
    json_decref(d.list);
    if (ret)
        return command_fail(&err);
    return count_findings(&d) ? STATUS_UNFINISHED : STATUS_OK;
}
