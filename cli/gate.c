#include "cli/gate.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "common/file.h"
#include "common/text.h"
#include "queue/client.h"
#include "queue/sites.h"

enum {
    NODES_MAX = 64,
    TIMEOUT_MS = 2000,
    FILE_MAX = 1 << 20,
    RETRY_MIN_S = 10,
    DAY_S = 24 * 3600,
    QUOTA_MAX = 1000000000,
};

static const char others[] = "*"; /* sites that have no line of their own */

/* ---- quotas ---- */

/* "north = 2000", "* = 500", "south = none" */
static int read_line(json_t *quotas, char *line, struct err *err)
{
    char *end, *equals = strrchr(line, '=');

    if (!equals)
        return err_set(err, ERR_CONFIG, "no '=' in \"%.60s\"", line);
    *equals = 0;
    const char *site = text_trim(line), *value = text_trim(equals + 1);
    errno = 0;
    long n = strtol(value, &end, 10);
    bool is_number = !errno && end != value && !*end && n > 0 && n <= QUOTA_MAX;
    if (!is_number && strcmp(value, "none") != 0)
        return err_set(err, ERR_CONFIG, "\"%.40s\" is neither 1 to %d nor none", value, QUOTA_MAX);
    if (json_object_get(quotas, site))
        return err_set(err, ERR_CONFIG, "\"%.60s\" has a line already", site);
    return json_object_set_new(quotas, site, is_number ? json_integer(n) : json_null())
               ? err_set(err, ERR_CONFIG, "\"%.60s\" is no UTF-8", site)
               : 0;
}

static int read_lines(json_t *quotas, const char *path, char *text, struct err *err)
{
    char *rest = text, *line;

    for (int number = 1; (line = strsep(&rest, "\n")); number++) {
        line = text_trim(line);
        if (*line && *line != '#' && read_line(quotas, line, err))
            return err_wrap(err, "%s:%d", path, number);
    }
    return 0;
}

static int read_quotas(struct gate *g, struct err *err)
{
    const char *path = g->settings->quotas;
    struct buf text;

    if (!path[0])
        return 0;
    buf_init(&text, FILE_MAX);
    g->quotas = json_object();
    int ret = file_read(path, &text, err);
    if (!ret && g->quotas && text.data)
        ret = read_lines(g->quotas, path, text.data, err);
    buf_release(&text);
    if (ret && err->code == ERR_INPUT)
        err->code = ERR_CONFIG; /* the file, not what is handed in */
    return ret;
}

/* Images a day; 0 = any number. */
static int64_t quota_of(const struct gate *g, const char *site)
{
    const json_t *own = json_object_get(g->quotas, site);

    return json_integer_value(own ? own : json_object_get(g->quotas, others));
}

/* The day's end after `at` ("2026-11-26T22:00:00.000Z"). */
static int64_t until_midnight_s(const char *at)
{
    int64_t ms;

    return clock_read_iso(at, &ms) ? DAY_S : DAY_S - ms / 1000 % DAY_S;
}

static int check_site(struct gate *g, const struct intake_offer *offer, const char *site,
                      const json_t *today, struct err *err)
{
    int64_t quota = quota_of(g, site),
            more = json_integer_value(json_object_get(offer->sites, site));
    int64_t used = json_integer_value(json_object_get(today, site));

    if (!quota || !used ||
        used + more <= quota) /* nothing used: a larger one has the day for itself */
        return 0;
    g->retry_s = until_midnight_s(offer->at);
    return err_set(err, ERR_AGAIN,
                   "site \"%.60s\": %" PRId64 " images came in today; with %" PRId64
                   " more they would be over its %" PRId64 " a day",
                   site, used, more, quota);
}

static int check_quotas(struct gate *g, const struct intake_offer *offer, struct err *err)
{
    json_t *today, *images;
    const char *site;
    int ret = 0;

    if (!g->quotas)
        return 0;
    if (sites_of_day(g->spool, offer->at, &today, err))
        return -1;
    json_object_foreach(offer->sites, site, images)
    {
        ret = ret ? ret : check_site(g, offer, site, today, err);
    }
    json_decref(today);
    return ret;
}

/* ---- what waits ---- */

static int check_backlog(struct gate *g, const struct intake_offer *offer, struct err *err)
{
    int64_t max = g->settings->backlog_max, over = g->left + offer->images - max;

    if (!max || !g->left || over <= 0)
        return 0;
    double s = (double)(over < g->left ? over : g->left) / g->images_per_s;
    g->retry_s = isfinite(s) ? (int64_t)fmin(fmax(ceil(s), RETRY_MIN_S), DAY_S) : GATE_RETRY_S;
    return err_set(err, ERR_AGAIN,
                   "%" PRId64 " images wait; with %d more there would be over %" PRId64, g->left,
                   offer->images, max);
}

int gate_admit(struct gate *g, const struct intake_offer *offer, struct err *err)
{
    return check_backlog(g, offer, err) || check_quotas(g, offer, err) ? -1 : 0;
}

/* No figures (Redis or the scheduler is down) is no reason to turn anybody away. */
static void read_figures(struct gate *g)
{
    struct stats *nodes = calloc(NODES_MAX, sizeof(*nodes));
    struct queue_client *client = NULL;
    struct err ignored = {0};
    int n = 0;

    g->images_per_s = 0;
    if (nodes && !queue_client_open(&client, g->settings->redis, TIMEOUT_MS, &ignored))
        (void)queue_client_stats(client, nodes, NODES_MAX, &n, &ignored);
    for (int i = 0; i < n; i++) {
        const struct stats *st = &nodes[i];
        g->left += st->received - st->done - st->set_aside - st->cancelled;
        g->images_per_s += isfinite(st->images_per_s) ? st->images_per_s : 0;
    }
    queue_client_close(client);
    free(nodes);
}

int gate_open(struct gate *g, const struct settings *settings, const struct spool *spool,
              struct err *err)
{
    *g = (struct gate){.settings = settings, .spool = spool};
    if (read_quotas(g, err)) {
        gate_close(g);
        return -1;
    }
    read_figures(g);
    return 0;
}

void gate_close(struct gate *g)
{
    json_decref(g->quotas);
    *g = (struct gate){0};
}
