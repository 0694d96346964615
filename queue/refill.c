/* The index made anew from the truth: what a scheduler's start does, for a tool. */
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/audit.h"
#include "queue/broker_priv.h"
#include "queue/client_priv.h"
#include "queue/terms.h"

enum {
    ID_SIZE = 256,
    NUMBER_SIZE = 24,
    JOB_SIZE = 128, /* upload/study/n */
    HEAD = 5,
    NODES_MAX = 64,
    PUBLISHED_US = 1500000, /* a scheduler at work publishes twice a second */
};

struct refill {
    struct queue_client *c;
    const struct spool *spool;
    struct terms terms;
    int64_t now_ms;
    int64_t jobs;
    int class, n; /* of those that are gathered */
    char ids[BROKER_PUT_MAX][JOB_SIZE];
};

static int tell(struct queue_client *c, int type, int argc, const char **argv, struct err *err)
{
    redisReply *reply = client_ask(c, type, argc, argv, err);

    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

static int forget_studies(struct queue_client *c, struct err *err)
{
    char cursor[32] = "0";

    do {
        const char *scan[] = {"SCAN", cursor, "MATCH", REDIS_KEY "study:*", "COUNT", "1000"};
        redisReply *reply = client_ask(c, REDIS_REPLY_ARRAY, 6, scan, err);
        if (!reply)
            return -1;
        const redisReply *list = reply->elements == 2 ? reply->element[1] : NULL;
        int ret = 0;
        snprintf(cursor, sizeof(cursor), "%s",
                 list && reply->element[0]->str ? reply->element[0]->str : "0");
        for (size_t i = 0; list && i < list->elements && !ret; i++) {
            const char *unlink[] = {"UNLINK", list->element[i]->str};
            ret = unlink[1] ? tell(c, REDIS_REPLY_INTEGER, 2, unlink, err) : 0;
        }
        freeReplyObject(reply);
        if (ret)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

/* The epoch goes first: killed in between, the next scheduler fills what is empty. */
static int forget(struct queue_client *c, struct err *err)
{
    const char *epoch[] = {"DEL", REDIS_KEY "epoch"};
    const char *rest[] = {"UNLINK",
                          REDIS_KEY "jobs:interactive",
                          REDIS_KEY "jobs:bulk",
                          REDIS_KEY "jobs:training",
                          REDIS_KEY "queued",
                          REDIS_KEY "counters"};

    return tell(c, REDIS_REPLY_INTEGER, 2, epoch, err) ||
                   tell(c, REDIS_REPLY_INTEGER, 6, rest, err) || forget_studies(c, err)
               ? -1
               : 0;
}

static bool is_closed(const char *study_dir, const struct study_image *image)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    return image->set_aside != REASON_NONE ||
           (!path_format(path, sizeof(path), &ignored, "%s/results/%d.json", study_dir, image->n) &&
            !access(path, F_OK));
}

static int put_jobs(struct refill *r, struct err *err)
{
    const char *argv[HEAD + BROKER_PUT_MAX];
    char stream[ID_SIZE];
    const char *head[HEAD] = {"EVAL", broker_script_text[SCRIPT_PUT], "2", stream,
                              REDIS_KEY "queued"};
    int argc = HEAD, n = r->n;

    snprintf(stream, sizeof(stream), REDIS_KEY "jobs:%s", broker_class_word(r->class));
    memcpy(argv, head, sizeof(head));
    for (int i = 0; i < n; i++)
        argv[argc++] = r->ids[i];
    r->n = 0;
    r->jobs += n;
    return n ? tell(r->c, REDIS_REPLY_INTEGER, argc, argv, err) : 0;
}

/* One job more; they go in many at a time, of one class. */
static int add_job(struct refill *r, const struct study *study, int n, struct err *err)
{
    if ((r->n == BROKER_PUT_MAX || r->class != r->terms.class) && put_jobs(r, err))
        return -1;
    r->class = r->terms.class;
    snprintf(r->ids[r->n++], sizeof(r->ids[0]), "%s/%s/%d", study->upload, study->key, n);
    return 0;
}

/* What is finished of a study that is not, into its set. */
static int tick_off(struct refill *r, const struct study *study, char (*numbers)[NUMBER_SIZE],
                    int n, struct err *err)
{
    const char *argv[2 + BROKER_PUT_MAX];
    char set[ID_SIZE];
    int argc = 0;

    snprintf(set, sizeof(set), REDIS_KEY "study:%s/%s", study->upload, study->key);
    argv[argc++] = "SADD";
    argv[argc++] = set;
    for (int i = 0; i < n; i++)
        argv[argc++] = numbers[i];
    return n ? tell(r->c, REDIS_REPLY_INTEGER, argc, argv, err) : 0;
}

static int tick_off_closed(struct refill *r, const char *study_dir, const struct study *study,
                           struct err *err)
{
    char numbers[BROKER_PUT_MAX][NUMBER_SIZE];
    int n = 0;

    for (int i = 0; i < study->n_images; i++) {
        if (!is_closed(study_dir, &study->images[i]))
            continue;
        snprintf(numbers[n++], NUMBER_SIZE, "%d", study->images[i].n);
        if (n < BROKER_PUT_MAX)
            continue;
        if (tick_off(r, study, numbers, n, err))
            return -1;
        n = 0;
    }
    return tick_off(r, study, numbers, n, err);
}

static int put_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct refill *r = ctx;
    int n_open = 0;

    if (terms_read(&r->terms, r->spool, study->upload, err))
        return -1;
    if (r->terms.not_before_ms > r->now_ms) /* the scheduler puts it in when its time has come */
        return 0;
    for (int i = 0; i < study->n_images; i++) {
        if (is_closed(study_dir, &study->images[i]))
            continue;
        n_open++;
        if (add_job(r, study, study->images[i].n, err))
            return -1;
    }
    return n_open && n_open < study->n_images ? tick_off_closed(r, study_dir, study, err) : 0;
}

/* Wall clock of the newest figures that a node has published, 0 = none; `node` says whose. */
static int newest_figures(struct queue_client *c, struct stats *rows, int64_t *at_ms, char node[64],
                          struct err *err)
{
    int n = 0;

    *at_ms = 0;
    if (queue_client_stats(c, rows, NODES_MAX, &n, err))
        return -1;
    for (int i = 0; i < n; i++)
        if (rows[i].at_ms > *at_ms) {
            *at_ms = rows[i].at_ms;
            snprintf(node, 64, "%s", rows[i].node);
        }
    return 0;
}

/* A scheduler that publishes may have jobs in there that this spool knows nothing of. The figures of
 * one that is gone stay some seconds, so new ones are waited for. */
static int check_alone(struct queue_client *c, struct err *err)
{
    struct stats *rows = calloc(NODES_MAX, sizeof(*rows));
    int64_t before = 0, after = 0;
    char node[64] = "";

    if (!rows)
        return err_set(err, ERR_NOMEM, "figures of the nodes");
    int ret = newest_figures(c, rows, &before, node, err);
    if (!ret && before) {
        usleep(PUBLISHED_US);
        ret = newest_figures(c, rows, &after, node, err);
    }
    free(rows);
    if (!ret && after > before)
        ret = err_set(err, ERR_AGAIN, "redis: the scheduler of node %s is at work on it; stop it",
                      node);
    return ret;
}

int queue_refill(struct queue_client *c, const struct spool *s, int64_t *jobs, struct err *err)
{
    struct refill r = {.c = c, .spool = s, .now_ms = clock_wall_ms()};
    const char *set[] = {"SET", REDIS_KEY "epoch", spool_id(s)};

    if (check_alone(c, err) || forget(c, err) || spool_each_study(s, put_study, &r, err) ||
        put_jobs(&r, err) || tell(c, REDIS_REPLY_STATUS, 3, set, err)) {
        err->code = ERR_AGAIN;
        return -1;
    }
    *jobs = r.jobs;
    return 0;
}
