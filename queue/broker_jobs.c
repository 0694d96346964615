/* The broker's calls: what is asked of Redis, and what its answers mean. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "queue/broker_priv.h"

enum { STATS_EXPIRY_MS = 10000 };

static void add_stream(struct broker_args *a, const struct broker *b, int class)
{
    broker_args_key(a, b, "jobs:%s", broker_class_word(class));
}

static void add_streams(struct broker_args *a, const struct broker *b)
{
    for (int i = 0; i < BROKER_CLASSES; i++)
        add_stream(a, b, i);
}

static void add_study(struct broker_args *a, const struct broker *b, const char *upload,
                      const char *study)
{
    broker_args_key(a, b, "study:%s/%s", upload, study);
}

static void add_job_id(struct broker_args *a, const struct broker_job *job)
{
    char id[BROKER_KEY_SIZE];

    snprintf(id, sizeof(id), "%s/%s/%d", job->upload, job->study, job->n);
    broker_args_text(a, id);
}

static void add_owner(struct broker_args *a, const struct broker *b)
{
    broker_args_text(a, BROKER_GROUP);
    broker_args_text(a, b->consumer);
}

static void add_lease(struct broker_args *a, const struct broker *b,
                      const struct broker_lease *lease)
{
    add_owner(a, b);
    broker_args_text(a, lease->entry);
    broker_args_number(a, lease->attempt);
}

static void on_put(struct broker *b, uint32_t tag, const redisReply *reply)
{
    (void)tag;
    b->on.put(b->on.ctx, (int)reply->integer);
}

void broker_put(struct broker *b, int class, const struct broker_job *jobs, int n)
{
    struct broker_args a;

    if (!broker_is_ready(b) || n <= 0)
        return;
    broker_args_init(&a, 5 + n);
    broker_args_script(&a, b, SCRIPT_PUT, 2);
    add_stream(&a, b, class);
    broker_args_key(&a, b, "queued");
    for (int i = 0; i < n; i++)
        add_job_id(&a, &jobs[i]);
    broker_send(b, &a, on_put, 0);
}

void broker_reopen(struct broker *b, int class, const struct broker_job *job, const char *status)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 12);
    broker_args_script(&a, b, SCRIPT_REOPEN, 4);
    add_stream(&a, b, class);
    broker_args_key(&a, b, "queued");
    broker_args_key(&a, b, "counters");
    add_study(&a, b, job->upload, job->study);
    add_job_id(&a, job);
    broker_args_text(&a, job->upload);
    broker_args_text(&a, job->study);
    broker_args_number(&a, job->n);
    broker_args_text(&a, status);
    broker_send(b, &a, NULL, 0);
}

void broker_seed(struct broker *b, const char *upload, const char *study, const int *numbers, int n)
{
    struct broker_args a;

    if (!broker_is_ready(b) || n <= 0)
        return;
    broker_args_init(&a, 2 + n);
    broker_args_text(&a, "SADD");
    add_study(&a, b, upload, study);
    for (int i = 0; i < n; i++)
        broker_args_number(&a, numbers[i]);
    broker_send(b, &a, NULL, 0);
}

void broker_set_epoch(struct broker *b, const char *spool_id)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 3);
    broker_args_text(&a, "SET");
    broker_args_key(&a, b, "epoch");
    broker_args_text(&a, spool_id);
    broker_send(b, &a, NULL, 0);
}

void broker_recover(struct broker *b)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 8);
    broker_args_script(&a, b, SCRIPT_RECOVER, BROKER_CLASSES);
    add_streams(&a, b);
    add_owner(&a, b);
    broker_send(b, &a, NULL, 0);
}

static int whole_number(const char *text)
{
    char *end;

    errno = 0;
    long n = strtol(text, &end, 10);
    return errno || end == text || *end || n < 0 || n > INT_MAX ? -1 : (int)n;
}

static bool is_class(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 &&
           reply->integer < BROKER_CLASSES;
}

enum { LEASED_WORDS = 6 };

/* Of SCRIPT_LEASE's answer: class, entry, attempt, upload, study, n. */
static int read_leased(struct broker_leased *out, redisReply *const *words)
{
    if (!is_class(words[0]) || words[2]->type != REDIS_REPLY_INTEGER)
        return -1;
    for (int i = 1; i < LEASED_WORDS; i++)
        if (i != 2 && words[i]->type != REDIS_REPLY_STRING)
            return -1;
    out->lease.class = (int)words[0]->integer;
    out->lease.attempt = (int)words[2]->integer;
    snprintf(out->lease.entry, sizeof(out->lease.entry), "%s", words[1]->str);
    out->job = (struct broker_job){words[3]->str, words[4]->str, whole_number(words[5]->str)};
    return 0;
}

static void on_leased(struct broker *b, uint32_t tag, const redisReply *reply)
{
    struct broker_leased *jobs = calloc(reply->elements / LEASED_WORDS + 1, sizeof(*jobs));
    int n = 0;

    (void)tag;
    if (!jobs)
        return broker_drop(b, "out of memory"); /* they are leased once more when it is up again */
    for (size_t i = 0; i + LEASED_WORDS <= reply->elements; i += LEASED_WORDS)
        if (!read_leased(&jobs[n], reply->element + i))
            n++;
    b->on.leased(b->on.ctx, jobs, n);
    free(jobs);
}

void broker_lease(struct broker *b, int max, const int least[BROKER_CLASSES])
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 12 + BROKER_CLASSES);
    broker_args_script(&a, b, SCRIPT_LEASE, BROKER_CLASSES);
    add_streams(&a, b);
    add_owner(&a, b);
    broker_args_number(&a, max < BROKER_LEASE_MAX ? max : BROKER_LEASE_MAX);
    broker_args_number(&a, b->lease_ms);
    for (int i = 0; i < BROKER_CLASSES; i++)
        broker_args_number(&a, least[i]);
    broker_send(b, &a, on_leased, 0);
}

static void on_renewed(struct broker *b, uint32_t tag, const redisReply *reply)
{
    (void)tag;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        struct broker_lease lease = {0};
        if (!is_class(reply->element[i]) || reply->element[i + 1]->type != REDIS_REPLY_STRING)
            continue;
        lease.class = (int)reply->element[i]->integer;
        snprintf(lease.entry, sizeof(lease.entry), "%s", reply->element[i + 1]->str);
        b->on.lost(b->on.ctx, &lease);
    }
}

void broker_renew(struct broker *b, const struct broker_lease *leases, int n)
{
    struct broker_args a;

    if (!broker_is_ready(b) || n <= 0)
        return;
    broker_args_init(&a, 8 + 3 * n);
    broker_args_script(&a, b, SCRIPT_RENEW, BROKER_CLASSES);
    add_streams(&a, b);
    add_owner(&a, b);
    for (int i = 0; i < n; i++) {
        broker_args_number(&a, leases[i].class);
        broker_args_text(&a, leases[i].entry);
        broker_args_number(&a, leases[i].attempt);
    }
    broker_send(b, &a, on_renewed, 0);
}

static void on_finished(struct broker *b, uint32_t tag, const redisReply *reply)
{
    (void)tag;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        b->on.finished(b->on.ctx, (uint32_t)reply->element[i]->integer,
                       (int)reply->element[i + 1]->integer);
}

void broker_clear_gathered(struct broker *b)
{
    b->gathered.n = 0;
    broker_args_clear(&b->gathered.studies);
    broker_args_clear(&b->gathered.rows);
    broker_args_clear(&b->gathered.forgotten);
}

static void add_finishes(struct broker_args *a, const struct broker *b,
                         const struct broker_gathered *g)
{
    broker_args_init(a, 3 + BROKER_CLASSES + 2 + g->studies.n + 2 + g->rows.n);
    broker_args_script(a, b, SCRIPT_FINISH, BROKER_CLASSES + 2 + g->studies.n);
    add_streams(a, b);
    broker_args_key(a, b, "queued");
    broker_args_key(a, b, "counters");
    broker_args_append(a, &g->studies);
    add_owner(a, b);
    broker_args_append(a, &g->rows);
}

void broker_send_gathered(struct broker *b)
{
    struct broker_gathered *g = &b->gathered;
    bool has_finished = g->n, has_forgotten = g->forgotten.n;
    struct broker_args finish, forget;

    if (has_finished)
        add_finishes(&finish, b, g);
    if (has_forgotten) {
        broker_args_init(&forget, 1 + g->forgotten.n);
        broker_args_text(&forget, "DEL");
        broker_args_append(&forget, &g->forgotten);
    }
    broker_clear_gathered(b); /* before broker_send, which sends what is gathered first */
    if (has_finished)
        broker_send(b, &finish, on_finished, 0);
    if (has_forgotten)
        broker_send(b, &forget, NULL, 0);
}

static void send_when_writable(struct broker *b)
{
    const struct broker_gathered *g = &b->gathered;

    if (g->n == BROKER_GATHER_MAX || g->forgotten.n == BROKER_GATHER_MAX)
        broker_send_gathered(b);
    else if (g->n + g->forgotten.n == 1) /* the first: it is asked for once */
        broker_ask_to_write(b);
}

/* Images of one study come one after the other and share its set. */
static void add_study_once(struct broker_args *studies, const struct broker *b,
                           const struct broker_job *job)
{
    size_t before = studies->bytes.len;
    size_t last = studies->n ? before - studies->lengths[studies->n - 1] - 1 : before;

    add_study(studies, b, job->upload, job->study);
    if (last < before && !studies->bytes.failed &&
        !strcmp(studies->bytes.data + last, studies->bytes.data + before)) {
        studies->bytes.len = before;
        studies->n--;
    }
}

void broker_finish(struct broker *b, const struct broker_lease *lease, const struct broker_job *job,
                   int total, const char *status, uint32_t tag)
{
    struct broker_gathered *g = &b->gathered;

    if (!broker_is_ready(b))
        return;
    add_study_once(&g->studies, b, job);
    broker_args_number(&g->rows, lease->class);
    broker_args_text(&g->rows, lease->entry);
    broker_args_number(&g->rows, lease->attempt);
    add_job_id(&g->rows, job);
    broker_args_number(&g->rows, BROKER_CLASSES + 2 + g->studies.n);
    broker_args_number(&g->rows, job->n);
    broker_args_number(&g->rows, total);
    broker_args_text(&g->rows, status);
    broker_args_number(&g->rows, tag);
    g->n++;
    send_when_writable(b);
}

void broker_discard(struct broker *b, const struct broker_lease *lease,
                    const struct broker_job *job)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 10);
    broker_args_script(&a, b, SCRIPT_DISCARD, 2);
    add_stream(&a, b, lease->class);
    broker_args_key(&a, b, "queued");
    add_lease(&a, b, lease);
    add_job_id(&a, job);
    broker_send(b, &a, NULL, 0);
}

void broker_release(struct broker *b, const struct broker_lease *lease)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 8);
    broker_args_script(&a, b, SCRIPT_RELEASE, 1);
    add_stream(&a, b, lease->class);
    add_lease(&a, b, lease);
    broker_send(b, &a, NULL, 0);
}

static void on_again(struct broker *b, uint32_t tag, const redisReply *reply)
{
    b->on.again(b->on.ctx, tag, (int)reply->integer);
}

void broker_again(struct broker *b, const struct broker_lease *lease, uint32_t tag)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 8);
    broker_args_script(&a, b, SCRIPT_AGAIN, 1);
    add_stream(&a, b, lease->class);
    add_lease(&a, b, lease);
    broker_send(b, &a, on_again, tag);
}

void broker_forget_shard(struct broker *b)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 5 + BROKER_CLASSES);
    broker_args_text(&a, "UNLINK");
    add_streams(&a, b);
    broker_args_key(&a, b, "queued");
    broker_args_key(&a, b, "counters");
    broker_args_key(&a, b, "epoch");
    broker_args_key(&a, b, "control");
    broker_send(b, &a, NULL, 0);
}

void broker_forget_study(struct broker *b, const char *upload, const char *study)
{
    if (!broker_is_ready(b))
        return;
    add_study(&b->gathered.forgotten, b, upload, study);
    send_when_writable(b);
}

enum { LOOK_HEAD = 1 + 3 * BROKER_CLASSES };

static int64_t oldest_of(const redisReply *id)
{
    return id->type == REDIS_REPLY_STRING && id->len ? strtoll(id->str, NULL, 10) : -1;
}

static void on_look(struct broker *b, uint32_t tag, const redisReply *reply)
{
    struct broker_look look = {0};

    (void)tag;
    if (reply->elements < LOOK_HEAD)
        return;
    look.has_epoch = reply->element[0]->integer == 1;
    for (int i = 0; i < BROKER_CLASSES; i++) {
        redisReply *const *row = reply->element + 1 + 3 * (size_t)i;
        look.classes[i].leased = row[1]->integer;
        look.classes[i].ready = row[0]->integer - row[1]->integer;
        look.classes[i].oldest_ms = oldest_of(row[2]);
    }
    for (size_t i = LOOK_HEAD; i + 1 < reply->elements && look.n_words < BROKER_WORDS_MAX; i += 2) {
        if (reply->element[i]->type != REDIS_REPLY_STRING ||
            reply->element[i + 1]->type != REDIS_REPLY_STRING)
            continue;
        snprintf(b->control_id, sizeof(b->control_id), "%s", reply->element[i]->str);
        snprintf(look.words[look.n_words++], sizeof(look.words[0]), "%s",
                 reply->element[i + 1]->str);
    }
    b->on.look(b->on.ctx, &look);
}

void broker_look(struct broker *b)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 12);
    broker_args_script(&a, b, SCRIPT_LOOK, BROKER_CLASSES + 2);
    add_streams(&a, b);
    broker_args_key(&a, b, "epoch");
    broker_args_key(&a, b, "control");
    broker_args_text(&a, BROKER_GROUP);
    broker_args_text(&a, b->control_id);
    broker_args_number(&a, BROKER_WORDS_MAX);
    broker_send(b, &a, on_look, 0);
}

void broker_publish(struct broker *b, const char *stats_json)
{
    struct broker_args a;

    if (!broker_is_ready(b))
        return;
    broker_args_init(&a, 5);
    broker_args_text(&a, "SET");
    broker_args_key(&a, b, "node:%s", b->node);
    broker_args_text(&a, stats_json);
    broker_args_text(&a, "PX");
    broker_args_number(&a, STATS_EXPIRY_MS);
    broker_send(b, &a, NULL, 0);
}
