#include "queue/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/broker.h"
#include "queue/client_priv.h"
#include "queue/marks.h"
#include "queue/terms.h"

enum { ROWS = 1000, ID_SIZE = 256 };
#define ROWS_TEXT "1000"

static const char group[] = "lentigo", given_back[] = "given-back";

struct auditor {
    struct queue_client *c;
    struct audit *out;
    void (*found)(void *ctx, enum census_finding f, const char *where);
    void *ctx;
    struct marks open, closed, jobs; /* of the spool, of the spool, in the streams */
};

static void find(struct auditor *a, enum census_finding f, const char *where)
{
    a->out->findings[f]++;
    if (a->found)
        a->found(a->ctx, f, where);
}

static bool has_result(const char *study_dir, int n)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    return !path_format(path, sizeof(path), &ignored, "%s/results/%d.json", study_dir, n) &&
           !access(path, F_OK);
}

static int note_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct auditor *a = ctx;
    char id[ID_SIZE];

    for (int i = 0; i < study->n_images; i++) {
        const struct study_image *image = &study->images[i];
        bool is_closed = image->set_aside != REASON_NONE || has_result(study_dir, image->n);
        snprintf(id, sizeof(id), "%s/%s/%d", study->upload, study->key, image->n);
        if (marks_add(is_closed ? &a->closed : &a->open, id, err))
            return -1;
    }
    return 0;
}

/* Whom the entry is for, as an id; "" when it is malformed. */
static void id_of_entry(const redisReply *entry, char id[ID_SIZE])
{
    const char *parts[3] = {"", "", ""};
    static const char *const names[3] = {"upload", "study", "n"};
    const redisReply *fields =
        entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 ? entry->element[1] : NULL;

    for (size_t i = 0; fields && i + 1 < fields->elements; i += 2)
        for (int k = 0; k < 3; k++)
            if (fields->element[i]->str && fields->element[i + 1]->str &&
                !strcmp(fields->element[i]->str, names[k]))
                parts[k] = fields->element[i + 1]->str;
    snprintf(id, ID_SIZE, "%.80s/%.80s/%.20s", parts[0], parts[1], parts[2]);
}

static int note_entry(struct auditor *a, const redisReply *entry, struct err *err)
{
    char id[ID_SIZE];

    id_of_entry(entry, id);
    a->out->jobs++;
    if (marks_add(&a->jobs, id, err))
        return -1;
    if (marks_have(&a->closed, id))
        find(a, CENSUS_UNACKNOWLEDGED, id);
    else if (!marks_have(&a->open, id))
        find(a, CENSUS_UNKNOWN_JOB, id);
    return 0;
}

static void stream_key(char key[ID_SIZE], int class)
{
    snprintf(key, ID_SIZE, REDIS_KEY "jobs:%s", broker_class_word(class));
}

/* The id behind `*from` in a stream, exclusive from then on; false when the answer is odd. */
static bool step(char from[ID_SIZE], const redisReply *row)
{
    if (row->type != REDIS_REPLY_ARRAY || !row->elements || !row->element[0]->str)
        return false;
    snprintf(from, ID_SIZE, "(%s", row->element[0]->str);
    return true;
}

static int read_stream(struct auditor *a, int class, struct err *err)
{
    char key[ID_SIZE], from[ID_SIZE] = "-";
    size_t n = ROWS;

    stream_key(key, class);
    while (n == ROWS) {
        const char *range[] = {"XRANGE", key, from, "+", "COUNT", ROWS_TEXT};
        redisReply *reply = client_ask(a->c, REDIS_REPLY_ARRAY, 6, range, err);
        if (!reply)
            return -1;
        n = reply->elements;
        int ret = 0;
        for (size_t i = 0; i < n && !ret; i++)
            ret = note_entry(a, reply->element[i], err);
        if (n && !step(from, reply->element[n - 1]))
            n = 0;
        freeReplyObject(reply);
        if (ret)
            return -1;
    }
    return 0;
}

/* ---- leases ---- */

/* Does a scheduler of this name publish its figures? Its key expires when it is gone. */
static int is_there(struct auditor *a, const char *consumer, bool *out, struct err *err)
{
    char key[ID_SIZE];
    const char *exists[] = {"EXISTS", key};

    snprintf(key, sizeof(key), REDIS_KEY "node:%.150s", consumer);
    redisReply *reply = client_ask(a->c, REDIS_REPLY_INTEGER, 2, exists, err);
    if (!reply)
        return -1;
    *out = reply->integer == 1;
    freeReplyObject(reply);
    return 0;
}

static int find_ownerless(struct auditor *a, const char *key, const char *entry, struct err *err)
{
    const char *range[] = {"XRANGE", key, entry, entry};
    redisReply *reply = client_ask(a->c, REDIS_REPLY_ARRAY, 4, range, err);
    char id[ID_SIZE] = "";

    if (!reply)
        return -1;
    if (reply->elements)
        id_of_entry(reply->element[0], id);
    freeReplyObject(reply);
    if (id[0])
        find(a, CENSUS_OWNERLESS_LEASE, id);
    return 0;
}

/* Rows of XPENDING: entry, consumer, idle, deliveries. */
static int note_leases(struct auditor *a, const char *key, const redisReply *rows, struct err *err)
{
    char last[ID_SIZE] = "";
    bool is_owned = true;

    for (size_t i = 0; i < rows->elements; i++) {
        const redisReply *row = rows->element[i];
        if (row->type != REDIS_REPLY_ARRAY || row->elements < 2 || !row->element[0]->str ||
            !row->element[1]->str || !strcmp(row->element[1]->str, given_back))
            continue;
        const char *consumer = row->element[1]->str;
        a->out->leases++;
        if (strcmp(last, consumer) != 0 && is_there(a, consumer, &is_owned, err))
            return -1;
        snprintf(last, sizeof(last), "%s", consumer);
        if (!is_owned && find_ownerless(a, key, row->element[0]->str, err))
            return -1;
    }
    return 0;
}

/* A stream without our group has no leases: XPENDING's error is that of a stream not opened yet. */
static int read_leases(struct auditor *a, int class, struct err *err)
{
    char key[ID_SIZE], from[ID_SIZE] = "-";
    size_t n = ROWS;

    stream_key(key, class);
    while (n == ROWS) {
        const char *pending[] = {"XPENDING", key, group, from, "+", ROWS_TEXT};
        struct err why = {0};
        redisReply *reply = client_ask(a->c, REDIS_REPLY_ARRAY, 6, pending, &why);
        if (!reply && strstr(why.msg, "NOGROUP"))
            return 0;
        if (!reply)
            return err_set(err, why.code, "%s", why.msg);
        n = reply->elements;
        int ret = note_leases(a, key, reply, err);
        if (n && !step(from, reply->element[n - 1]))
            n = 0;
        freeReplyObject(reply);
        if (ret)
            return -1;
    }
    return 0;
}

/* ---- what is queued, what was counted ---- */

static int read_queued(struct auditor *a, struct marks *queued, struct err *err)
{
    char cursor[32] = "0";

    do {
        const char *scan[] = {"SSCAN", REDIS_KEY "queued", cursor, "COUNT", ROWS_TEXT};
        redisReply *reply = client_ask(a->c, REDIS_REPLY_ARRAY, 5, scan, err);
        if (!reply)
            return -1;
        const redisReply *list = reply->elements == 2 ? reply->element[1] : NULL;
        int ret = 0;
        snprintf(cursor, sizeof(cursor), "%s",
                 list && reply->element[0]->str ? reply->element[0]->str : "0");
        for (size_t i = 0; list && i < list->elements && !ret; i++) {
            const char *id = list->element[i]->str;
            if (!id)
                continue;
            ret = marks_add(queued, id, err);
            if (!marks_have(&a->jobs, id))
                find(a, CENSUS_STUCK_JOB, id);
        }
        freeReplyObject(reply);
        if (ret)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    marks_sort(queued);
    return 0;
}

static int check_counters(struct auditor *a, struct err *err)
{
    const char *get[] = {"HVALS", REDIS_KEY "counters"};
    redisReply *reply = client_ask(a->c, REDIS_REPLY_ARRAY, 2, get, err);
    int64_t counted = 0;
    char where[ID_SIZE];

    if (!reply)
        return -1;
    for (size_t i = 0; i < reply->elements; i++)
        counted += reply->element[i]->str ? strtoll(reply->element[i]->str, NULL, 10) : 0;
    freeReplyObject(reply);
    snprintf(where, sizeof(where), "%" PRId64 " counted, %zu there", counted, a->closed.n);
    if (counted > (int64_t)a->closed.n)
        find(a, CENSUS_STALE_COUNTER, where);
    return 0;
}

struct unqueued {
    struct auditor *a;
    const struct spool *spool;
    const struct marks *queued;
    struct terms terms;
    int64_t now_ms;
};

static int check_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct unqueued *u = ctx;
    char id[ID_SIZE];

    if (terms_read(&u->terms, u->spool, study->upload, err))
        return -1;
    if (u->terms.not_before_ms > u->now_ms)
        return 0;
    for (int i = 0; i < study->n_images; i++) {
        const struct study_image *image = &study->images[i];
        snprintf(id, sizeof(id), "%s/%s/%d", study->upload, study->key, image->n);
        if (marks_have(&u->a->open, id) && !marks_have(u->queued, id) &&
            !marks_have(&u->a->jobs, id) && !has_result(study_dir, image->n))
            find(u->a, CENSUS_UNQUEUED, id);
    }
    return 0;
}

static int is_filled(struct queue_client *c, bool *out, struct err *err)
{
    const char *exists[] = {"EXISTS", REDIS_KEY "epoch"};
    redisReply *reply = client_ask(c, REDIS_REPLY_INTEGER, 2, exists, err);

    if (!reply)
        return -1;
    *out = reply->integer == 1;
    freeReplyObject(reply);
    return 0;
}

static int look(struct auditor *a, const struct spool *s, struct err *err)
{
    struct marks queued = {0};
    struct unqueued u = {.a = a, .spool = s, .queued = &queued, .now_ms = clock_wall_ms()};
    int ret = -1;

    if (spool_each_study(s, note_study, a, err))
        return -1;
    marks_sort(&a->open);
    marks_sort(&a->closed);
    a->out->open = (int64_t)a->open.n;
    for (int class = 0; class < BROKER_CLASSES; class ++)
        if (read_stream(a, class, err) || read_leases(a, class, err))
            goto done;
    marks_sort(&a->jobs);
    if (read_queued(a, &queued, err) || check_counters(a, err))
        goto done;
    ret = spool_each_study(s, check_study, &u, err);
done:
    marks_release(&queued);
    return ret;
}

int queue_audit(struct queue_client *c, const struct spool *s, struct audit *out,
                void (*found)(void *ctx, enum census_finding f, const char *where), void *ctx,
                struct err *err)
{
    struct audit made = {0};
    struct auditor a = {.c = c, .out = &made, .found = found, .ctx = ctx};

    int ret = is_filled(c, &made.is_filled, err);
    if (!ret && made.is_filled)
        ret = look(&a, s, err);
    marks_release(&a.open);
    marks_release(&a.closed);
    marks_release(&a.jobs);
    if (ret) {
        err->code = ERR_AGAIN;
        return -1;
    }
    *out = made;
    return 0;
}
