#include "tui/source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "queue/client.h"

enum { TIMEOUT_MS = 1000, FILE_SIZE_MAX = 4 << 20 };

const char *source_name(const struct source *source)
{
    return source->out[0] ? source->out : source->address;
}

void source_close(struct source *source)
{
    queue_client_close(source->client);
    source->client = NULL;
}

/* The private Redis of a run stands in its run.json; a run that is taken up again has a new one. */
static int find_address(struct source *source, struct err *err)
{
    char path[PATH_MAX];
    const char *address;
    json_t *run = NULL;
    int ret = -1;

    if (!source->out[0])
        return 0;
    if (path_format(path, sizeof(path), err, "%s/.lentigo/run.json", source->out))
        return -1;
    run = json_read(path, FILE_SIZE_MAX, err);
    address = json_text_or(run, "redis", "");
    if (run && !address[0])
        err_set(err, ERR_AGAIN, "the upload is being taken in, or was not taken in whole");
    else if (run)
        ret = path_format(source->address, sizeof(source->address), err, "%s", address);
    json_decref(run);
    return ret;
}

static int connect_and_read(struct source *source, struct stats *nodes, int *n, struct err *err)
{
    if (!source->client && find_address(source, err))
        return -1;
    if (!source->client && queue_client_open(&source->client, source->address, TIMEOUT_MS, err))
        return -1;
    if (!queue_client_stats(source->client, nodes, READING_NODES_MAX, n, err))
        return 0;
    source_close(source);
    return -1;
}

/* The figures that a run leaves at its end. A run that was broken off is not "done". */
static int read_last(const struct source *source, struct stats *out, struct err *err)
{
    char path[PATH_MAX];
    json_t *object = NULL;
    int ret = -1;

    if (path_format(path, sizeof(path), err, "%s/.lentigo/stats.json", source->out))
        return -1;
    object = json_read(path, FILE_SIZE_MAX, err);
    if (object && !stats_from_json(out, object, err)) {
        bool is_whole =
            reading_add(reading_add(out->done, out->set_aside), out->cancelled) >= out->received;
        snprintf(out->state, sizeof(out->state), is_whole ? "done" : "stopped");
        ret = 0;
    }
    json_decref(object);
    return ret;
}

/* Keep what is on the screen and remember since when it has been old. */
static void set_stale(struct reading *r, enum reading_link link)
{
    if (r->link != READING_LOST && r->link != READING_SILENT)
        r->since_ms = clock_wall_ms();
    r->link = link;
}

static bool is_of_now(const struct reading *r)
{
    return r->n > 0 && r->link != READING_OVER;
}

static void take_live(struct reading *r, const struct stats *nodes, int n)
{
    if (n > 0) {
        memcpy(r->nodes, nodes, (size_t)n * sizeof(*nodes));
        r->n = n;
        r->link = READING_LIVE;
    } else if (r->n > 0) {
        set_stale(r, READING_SILENT);
    } else {
        r->link = READING_WAITING;
    }
}

int source_read(struct source *source, struct reading *r, struct err *err)
{
    struct err ignored = {0};
    struct stats *nodes = calloc(READING_NODES_MAX, sizeof(*nodes));
    int n = 0, ret = 0;

    if (!nodes)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    if (!connect_and_read(source, nodes, &n, err)) {
        take_live(r, nodes, n < READING_NODES_MAX ? n : READING_NODES_MAX);
    } else if (source->out[0] && !read_last(source, nodes, &ignored) &&
               (!is_of_now(r) || nodes->at_ms >= r->nodes->at_ms)) {
        r->nodes[0] = *nodes;
        r->n = 1;
        r->link = READING_OVER;
        *err = ignored; /* that its Redis is gone is how a run ends */
    } else {
        set_stale(r, READING_LOST);
        ret = -1;
    }
    free(nodes);
    return ret;
}

static int find_run(struct source *source, const char *out, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;

    if (path_format(source->out, sizeof(source->out), err, "%s", out) ||
        path_format(path, sizeof(path), err, "%s/.lentigo", out))
        return -1;
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_INPUT, "%s is not the output folder of a run", out);
    return 0;
}

/* `lentigo run` leaves a link to its folder, or a file that holds its path. */
static int find_last_run(struct source *source, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char path[PATH_MAX], target[PATH_MAX];
    struct buf text;
    int ret = -1;

    bool has_state = state && state[0];
    if (!has_state && !home)
        return err_set(err, ERR_CONFIG, "neither XDG_STATE_HOME nor HOME is set");
    if (path_format(path, sizeof(path), err, "%s%s/lentigo/last-run", has_state ? state : home,
                    has_state ? "" : "/.local/state"))
        return -1;
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n > 0) {
        target[n] = 0;
        return find_run(source, target, err);
    }
    buf_init(&text, PATH_MAX);
    if (!file_read(path, &text, err) && text.len) {
        text.data[strcspn(text.data, "\n")] = 0;
        ret = find_run(source, text.data, err);
    }
    buf_release(&text);
    return ret;
}

int source_find(struct source *source, const struct settings *s, const char *out, struct err *err)
{
    struct err ignored = {0};
    struct reading *r;

    *source = (struct source){0};
    if (out)
        return find_run(source, out, err);
    if (path_format(source->address, sizeof(source->address), err, "%s", s->redis))
        return -1;
    if (!settings_is_default(s, "redis"))
        return 0;
    r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    (void)source_read(source, r, &ignored);
    ignored = (struct err){0};
    if (r->n == 0 && find_last_run(source, &ignored))
        source->out[0] = 0;
    if (source->out[0])
        source_close(source);
    free(r);
    return 0;
}
