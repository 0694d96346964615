#include "cli/commands_status.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/watch.h"
#include "common/file.h"
#include "common/when.h"
#include "queue/client.h"

enum { NODES_MAX = 64, FILE_MAX = 4 << 20, TIMEOUT_MS = 2000, CASES_SHOWN = 10 };

/* A number, or a dash where it is unknown. */
static const char *number(char out[32], double value, const char *unit)
{
    if (isfinite(value))
        snprintf(out, 32, "%.1f%s", value, unit);
    else
        snprintf(out, 32, "-");
    return out;
}

static const char *duration(char out[32], double seconds)
{
    if (!isfinite(seconds))
        snprintf(out, 32, "-");
    else if (seconds < 3600)
        snprintf(out, 32, "%d:%02d min", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(out, 32, "%d:%02d h", (int)(seconds / 3600), (int)(seconds / 60) % 60);
    return out;
}

static void print_queue(const struct stats *st)
{
    char age[32];

    printf("queue      %-12s %9s %9s  %s\n", "class", "ready", "leased", "oldest");
    for (int i = 0; i < STATS_CLASSES; i++) {
        const struct stats_class *c = &st->classes[i];
        if (c->ready || c->leased)
            printf("           %-12s %9lld %9lld  %s\n", c->name, (long long)c->ready,
                   (long long)c->leased,
                   duration(age, c->oldest_ms < 0 ? (double)NAN : (double)c->oldest_ms / 1000));
    }
}

static void print_pauses(const struct stats *st)
{
    for (int i = 0; i < STATS_CLASSES; i++) {
        const struct stats_class *c = &st->classes[i];
        if (c->paused_at[0])
            printf("paused     %-12s since %s by %s: %s\n", c->name, c->paused_at, c->paused_by,
                   c->paused_why);
    }
}

static void print_scheduled(const struct stats *st)
{
    char when[WHEN_TEXT_SIZE];

    for (int i = 0; i < st->n_scheduled; i++)
        printf("scheduled  %s  %lld images, not before %s\n", st->scheduled[i].upload,
               (long long)st->scheduled[i].images, when_text(when, st->scheduled[i].not_before_ms));
}

static void print_stages(const struct stats *st)
{
    char busy[32], ms[32];

    printf("stages     %-12s %9s %9s %9s\n", "", "busy", "ms/item", "waiting");
    for (int i = 0; i < STAGE_COUNT; i++)
        printf("           %-12s %9s %9s %9d\n", wire_stage_word((enum wire_stage)i),
               number(busy, 100 * st->stages[i].busy, " %"),
               number(ms, st->stages[i].ms_per_item, ""), st->stages[i].waiting);
}

static void print_workers(const struct stats *st)
{
    for (int i = 0; i < st->n_workers; i++) {
        const struct stats_worker *w = &st->workers[i];
        printf("%-10s %-12s pid %-8d %lld items, %d in hand, %d restarts, %lld MB%s%s\n", w->role,
               w->state, w->pid, (long long)w->items, w->in_flight, w->restarts,
               (long long)(w->memory_kb / 1024), *w->device ? ", " : "", w->device);
    }
}

static void print_cases(const struct stats *st)
{
    char p[32];

    for (int i = 0; i < st->n_flagged && i < CASES_SHOWN; i++)
        printf("flagged    %-8s %s  malignant %s\n", st->flagged[i].risk, st->flagged[i].id,
               number(p, 100 * st->flagged[i].malignant_probability, " %"));
    if (st->n_flagged > CASES_SHOWN)
        printf("           and %lld more\n", (long long)(st->urgent + st->review) - CASES_SHOWN);
    for (int i = 0; i < st->n_aside && i < CASES_SHOWN; i++)
        printf("set aside  %s  %s\n", st->aside[i].id, st->aside[i].reason);
}

static void print_gpus(const struct stats *st)
{
    char load[32], memory[32], celsius[32], watts[32];

    for (int i = 0; i < st->n_gpus; i++) {
        const struct stats_gpu *g = &st->gpus[i];
        printf("GPU %-6d %s: %s load, %s memory, %s, %s%s%s", g->number, g->state,
               number(load, 100 * g->load, " %"), number(memory, 100 * g->memory, " %"),
               number(celsius, g->temperature_c, " C"), number(watts, g->power_w, " W"),
               g->throttle[0] ? ", held back by " : "", g->throttle);
        if (g->ecc_errors > 0)
            printf(", %lld ECC errors", (long long)g->ecc_errors);
        puts("");
    }
}

static void print_node(const struct stats *st)
{
    char speed[32], eta[32], cpu[32], sentence[160];

    printf("%s: %s\n", st->node, st->state);
    print_pauses(st);
    printf("images     %lld received = %lld done + %lld set aside + %lld cancelled + %lld left\n",
           (long long)st->received, (long long)st->done, (long long)st->set_aside,
           (long long)st->cancelled,
           (long long)(st->received - st->done - st->set_aside - st->cancelled));
    printf("results    %lld urgent, %lld review, %lld routine, %lld retake\n",
           (long long)st->urgent, (long long)st->review, (long long)st->routine,
           (long long)st->retake);
    printf("reports    %lld of %lld studies\n", (long long)st->reports, (long long)st->studies);
    printf("speed      %s, time left %s\n", number(speed, st->images_per_s, " images/s"),
           duration(eta, st->eta_s));
    printf("machine    %s of %d cores, %lld MB\n", number(cpu, 100 * st->cpu, " %"), st->cores,
           (long long)(st->memory_kb / 1024));
    print_gpus(st);
    if (st->model[0])
        printf("model      %s, %s, %d px, %s\n", st->model, st->precision, st->size, st->device);
    print_queue(st);
    print_scheduled(st);
    print_stages(st);
    stats_bottleneck(st, sentence);
    printf("           %s\n", sentence);
    print_workers(st);
    print_cases(st);
}

/* ---- watched folders ---- */

static void print_upload(const json_t *row)
{
    const char *retry = json_text_or(row, "retry_at", "");
    char when[WHEN_TEXT_SIZE];
    int64_t at;

    printf("           %-15s %s (%.0f files): %s", json_text_or(row, "state", ""),
           json_text_or(row, "name", ""), json_number_or(row, "files", 0),
           json_text_or(row, "why", ""));
    if (retry[0] && !clock_read_iso(retry, &at))
        printf("; again at %s", when_text(when, at));
    puts("");
}

static int print_watch(void *ctx, json_t *told, int pid)
{
    const bool *as_json = ctx;
    const json_t *row;
    size_t i;

    if (*as_json) {
        bool is_whole = !json_object_set_new(told, "at_work", json_boolean(pid > 0));
        char *line = is_whole ? json_line(told) : NULL;
        if (line)
            puts(line);
        free(line);
        return 0;
    }
    printf("watch      %s: %s, %.0f waiting, %.0f taken%s%s\n", json_text_or(told, "watch", ""),
           pid ? "at work" : "NOT AT WORK", json_number_or(told, "waiting", 0),
           json_number_or(told, "taken", 0), json_text_or(told, "trouble", "")[0] ? ": " : "",
           json_text_or(told, "trouble", ""));
    if (json_number_or(told, "loose_files", 0) > 0)
        printf("           %.0f files lie there outside of any folder, and are not taken\n",
               json_number_or(told, "loose_files", 0));
    json_array_foreach(json_object_get(told, "uploads"), i, row)
    {
        print_upload(row);
    }
    return 0;
}

static int read_nodes(const char *address, struct stats *nodes, int *n, struct err *err)
{
    struct queue_client *client;

    if (queue_client_open(&client, address, TIMEOUT_MS, err))
        return -1;
    int ret = queue_client_stats(client, nodes, NODES_MAX, n, err);
    queue_client_close(client);
    return ret;
}

static int read_file(const char *path, struct stats *node, struct err *err)
{
    json_t *object = json_read(path, FILE_MAX, err);
    int ret = object ? stats_from_json(node, object, err) : -1;

    json_decref(object);
    return ret;
}

/* Of the run that writes `out`: the Redis named in its run.json, else what it left at its end. */
static int read_run(const char *out, struct stats *nodes, int *n, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct err ignored = {0};

    if (path_format(path, sizeof(path), err, "%s/.lentigo/run.json", out))
        return -1;
    json_t *run = json_read(path, FILE_MAX, err);
    if (!run)
        return err_wrap(err, "%s is no folder of a run", out);
    const char *address = json_text_or(run, "redis", "");
    int ret = address[0] ? read_nodes(address, nodes, n, &ignored)
                         : err_set(err, ERR_AGAIN,
                                   "%s: the upload is being taken in, or was not "
                                   "taken in whole",
                                   out);
    json_decref(run);
    if (err->code != ERR_OK)
        return -1;
    if (!ret && *n)
        return 0;
    *n = 1;
    if (path_format(path, sizeof(path), err, "%s/.lentigo/stats.json", out))
        return -1;
    if (access(path, F_OK))
        return err_set(err, ERR_AGAIN, "no run is writing %s now, and none has ended there", out);
    return read_file(path, &nodes[0], err);
}

/* ---- searches for settings ---- */

/* How many trials have a result, and the one that ranks first among them; -1 none. */
static int rank_first(const json_t *trials, size_t *ended)
{
    const json_t *row;
    int first = -1;
    size_t i;

    *ended = 0;
    json_array_foreach(trials, i, row)
    {
        bool is_done = !strcmp(json_text_or(row, "status", ""), "done");
        *ended += strcmp(json_text_or(row, "status", "open"), "open") != 0;
        if (is_done && first < 0)
            first = (int)i;
    }
    return first;
}

/* A search (lentigo train sweep) has a queue of its own and no node; its takers keep this file. */
static int print_sweep(const char *dir, const char *ranking, bool as_json, struct err *err)
{
    json_t *object = json_read(ranking, FILE_MAX, err);
    const json_t *trials = json_object_get(object, "trials");
    size_t ended;

    if (!object)
        return -1;
    if (as_json) {
        char *line = json_line(object);
        if (line)
            puts(line);
        free(line);
        json_decref(object);
        return 0;
    }
    int first = rank_first(trials, &ended);
    printf("sweep      %s: %zu of %zu trials with a result", dir, ended, json_array_size(trials));
    if (first >= 0) {
        const json_t *best = json_array_get(trials, (size_t)first), *value;
        const char *key;
        printf(", best %.4f: trial %.0f", json_number_or(best, "score", 0),
               json_number_or(best, "trial", 0));
        json_object_foreach(json_object_get(best, "settings"), key, value)
            printf(", %s %s", key, json_string_value(value));
    }
    puts("");
    json_decref(object);
    return 0;
}

static void print_json(const struct stats *nodes, int n)
{
    for (int i = 0; i < n; i++) {
        json_t *object = stats_to_json(&nodes[i]);
        char *line = object ? json_line(object) : NULL;
        if (line)
            printf("%s\n", line);
        free(line);
        json_decref(object);
    }
}

/* On a machine that does not have the spool there are none. */
static void print_watches(const struct settings *s)
{
    struct err ignored = {0};
    bool as_json = s->json;

    (void)watch_each(s->spool, print_watch, &as_json, &ignored);
}

int cmd_status(const struct settings *s, int argc, char **argv)
{
    struct stats *nodes = calloc(NODES_MAX, sizeof(*nodes));
    char ranking[SETTINGS_PATH_SIZE];
    struct err err = {0};
    int n = 0, ret = -1;

    if (argc == 1 && !path_format(ranking, sizeof(ranking), &err, "%s/ranking.json", argv[0]) &&
        !access(ranking, F_OK)) {
        free(nodes);
        return print_sweep(argv[0], ranking, s->json, &err) ? command_fail(&err) : STATUS_OK;
    }
    if (!nodes)
        err_set(&err, ERR_NOMEM, "status: out of memory");
    else if (argc > 1)
        err_set(&err, ERR_INPUT, "status: lentigo status [OUT] (see lentigo status --help)");
    else
        ret =
            argc == 1 ? read_run(argv[0], nodes, &n, &err) : read_nodes(s->redis, nodes, &n, &err);
    if (!argc)
        print_watches(s);
    if (!ret && !n)
        ret = err_set(&err, ERR_AGAIN, "no scheduler is running at %s", s->redis);
    if (!ret && s->json)
        print_json(nodes, n);
    for (int i = 0; !ret && !s->json && i < n; i++)
        print_node(&nodes[i]);
    free(nodes);
    return ret ? command_fail(&err) : STATUS_OK;
}
