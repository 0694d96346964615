/* The broker on libuv: its socket watched, its connection made again, the index put into it.
 *
 * A Redis without our epoch is empty: everything that is not terminal is put in (again). Putting
 * goes in batches, the next one when the last was answered, so that leases come in between. */
#include "common/log.h"
#include "scheduler/scheduler_priv.h"

enum { PAUSE_MIN_MS = 50, PAUSE_MAX_MS = 1000, SEEDS_MAX = 512 };

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct scheduler *s = poll->data;

    if (status < 0) {
        broker_drop(s->broker, uv_strerror(status));
        return;
    }
    if (events & UV_READABLE)
        broker_on_readable(s->broker);
    if ((events & UV_WRITABLE) && s->poll == poll)
        broker_on_writable(s->broker);
}

static void on_watch(void *ctx, int fd, bool read, bool write)
{
    struct scheduler *s = ctx;

    if (!s->poll) {
        s->poll = calloc(1, sizeof(*s->poll));
        if (!s->poll || uv_poll_init(&s->loop, s->poll, fd)) {
            free(s->poll);
            s->poll = NULL;
            return; /* no event comes: broker_tick's time-out ends it */
        }
        s->poll->data = s;
    }
    if (read || write)
        uv_poll_start(s->poll, (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0), on_poll);
    else
        uv_poll_stop(s->poll);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void on_unwatch(void *ctx, int fd)
{
    struct scheduler *s = ctx;

    (void)fd;
    if (s->poll)
        uv_close((uv_handle_t *)s->poll, free_handle);
    s->poll = NULL;
}

static void put_from_the_beginning(struct scheduler *s)
{
    memset(s->put, 0, sizeof(s->put));
}

static void forget_redis(struct scheduler *s)
{
    put_from_the_beginning(s);
    s->is_epoch_set = false;
    for (int i = 0; i < s->flights.n; i++)
        s->flights.rows[i].lease.entry[0] = 0;
}

/* One that was restarted, or a replica that was put in its place, has perhaps not the last that we put:
 * it is put again from the beginning, which does no harm. */
static void on_ready(void *ctx, bool has_epoch, bool is_same)
{
    struct scheduler *s = ctx;

    s->connect_pause_ms = PAUSE_MIN_MS;
    s->has_urgent = true;
    log_event(LOG_INFO, "redis.up", "empty=%d same=%d", !has_epoch, is_same);
    if (!is_same)
        put_from_the_beginning(s);
    broker_recover(s->broker); /* on what was leased in an answer that was lost nobody works */
    if (!has_epoch)
        forget_redis(s);
    if (s->has_walked && !s->is_run)
        intake_start(s); /* the word that an upload came in may be among what was lost */
    link_put(s);
}

/* The consumer group goes with all else. That there is an epoch says nothing then: it is set when the last
 * image was put in, and Redis may have been emptied just before. */
static bool has_lost_all(const char *why)
{
    return strstr(why, "NOGROUP") != NULL;
}

static void on_down(void *ctx, const char *why)
{
    struct scheduler *s = ctx;
    char quoted[256];

    /* Said once, not at each try of a long outage. */
    log_event(s->connect_pause_ms == PAUSE_MIN_MS ? LOG_WARN : LOG_DEBUG, "redis.down", "why=%s",
              log_quote(quoted, sizeof(quoted), why));
    if (has_lost_all(why))
        forget_redis(s);
    else if (s->is_putting || !s->is_epoch_set ||
             s->has_put_again) /* how far it came is unknown; a repeat does no harm */
        put_from_the_beginning(s);
    s->is_putting = s->is_leasing = s->has_put_again = false;
    s->connect_at_ms = scheduler_now_ms() + s->connect_pause_ms;
    s->connect_pause_ms =
        s->connect_pause_ms * 2 < PAUSE_MAX_MS ? s->connect_pause_ms * 2 : PAUSE_MAX_MS;
}

/* Tell Redis which images of the study had a result before, for its set. */
static void seed_study(struct scheduler *s, const struct index_study *study)
{
    int numbers[SEEDS_MAX], n = 0;
    const char *upload = s->index.uploads[study->upload];

    if (!study->remaining || study->remaining == study->n_images)
        return;
    for (uint32_t i = 0; i < study->n_images; i++) {
        const struct index_image *image = &s->index.images[study->first + i];
        if (image->status != RESULT_NONE)
            numbers[n++] = image->n;
        if (n == SEEDS_MAX || i + 1 == study->n_images) {
            broker_seed(s->broker, upload, study->key, numbers, n);
            n = 0;
        }
    }
}

/* Fill `jobs` with images of one class from where putting stands. */
static int next_of_class(struct scheduler *s, struct broker_job jobs[BROKER_PUT_MAX], int class)
{
    struct put *at = &s->put[class];
    int n = 0;

    for (; at->study < s->index.n_studies; at->study++, at->image = 0) {
        const struct index_study *study = &s->index.studies[at->study];
        if (study->is_scheduled || study->class != class)
            continue;
        if (!at->image)
            seed_study(s, study);
        for (; at->image < study->n_images; at->image++) {
            const struct index_image *image = &s->index.images[study->first + at->image];
            if (image->status != RESULT_NONE)
                continue;
            if (n == BROKER_PUT_MAX)
                return n;
            jobs[n++] = (struct broker_job){s->index.uploads[study->upload], study->key, image->n};
        }
    }
    return n;
}

/* Interactive ones first: a million others may have to be put in. */
static int next_batch(struct scheduler *s, struct broker_job jobs[BROKER_PUT_MAX], int *class)
{
    int n = 0;

    for (*class = 0; *class < BROKER_CLASSES; ++*class)
        if ((n = next_of_class(s, jobs, *class)))
            break;
    return n;
}

void link_put(struct scheduler *s)
{
    struct broker_job jobs[BROKER_PUT_MAX];
    int class = 0;

    if (s->is_putting || !s->has_walked || !broker_is_ready(s->broker))
        return;
    int n = next_batch(s, jobs, &class);
    if (n) {
        s->is_putting = true;
        broker_put(s->broker, class, jobs, n);
    } else if (!s->is_epoch_set) {
        s->is_epoch_set = true;
        broker_set_epoch(s->broker, spool_id(s->spool));
    }
}

void link_put_from(struct scheduler *s, uint32_t study)
{
    for (int i = 0; i < BROKER_CLASSES; i++)
        if (study < s->put[i].study)
            s->put[i] = (struct put){.study = study};
    link_put(s);
}

void link_put_again(struct scheduler *s, uint32_t image, enum result_status was)
{
    const struct index_study *study = &s->index.studies[index_study_of_image(&s->index, image)];
    struct broker_job job = scheduler_job(s, image);

    s->lease_at_ms = 0;
    s->has_urgent = s->has_urgent || !study->class;
    if (broker_is_ready(s->broker)) {
        s->has_put_again = true;
        seed_study(s, study);
        broker_reopen(s->broker, study->class, &job, result_status_word(was));
    } else {
        put_from_the_beginning(s); /* when it is; a repeat does no harm */
    }
}

static void on_put(void *ctx, int added)
{
    struct scheduler *s = ctx;

    log_event(LOG_DEBUG, "redis.put", "added=%d", added);
    s->is_putting = false;
    s->lease_at_ms = 0;
    s->has_urgent = s->has_urgent || added;
    link_put(s);
    dispatch_pump(s);
}

static void on_lost(void *ctx, const struct broker_lease *lease)
{
    struct scheduler *s = ctx;
    struct flight *flight = flights_of_entry(&s->flights, lease);

    /* The work goes on: its result is the same, whoever finishes first. */
    if (flight)
        flights_lose(flight);
}

static void on_finished(void *ctx, uint32_t tag, int remaining)
{
    struct scheduler *s = ctx;
    char id[WIRE_ID_SIZE];

    if (remaining >= 0 || tag >= s->index.n_images)
        return;
    index_format_image(&s->index, tag, id);
    log_event(LOG_DEBUG, "lease.lost", "image=%s", id);
}

static void on_again(void *ctx, uint32_t tag, int attempt)
{
    struct scheduler *s = ctx;
    struct flight *flight = flights_of(&s->flights, &s->index, tag);

    if (flight && attempt < 0)
        flights_lose(flight);
    else if (flight)
        flight->lease.attempt = attempt;
}

static void obey(struct scheduler *s, const char *word)
{
    char quoted[80];

    log_event(LOG_INFO, "control", "word=%s", log_quote(quoted, sizeof(quoted), word));
    if (!strcmp(word, "rescan"))
        intake_start(s);
}

static void on_look(void *ctx, const struct broker_look *look)
{
    struct scheduler *s = ctx;

    figures_note_queue(&s->figures, look);
    s->has_urgent = s->has_urgent || look->classes[0].ready;
    scheduler_publish(s);
    for (int i = 0; i < look->n_words; i++)
        obey(s, look->words[i]);
    if (!look->has_epoch && s->is_epoch_set && s->state == SCHEDULER_RUNNING)
        broker_drop(s->broker, "the epoch is gone"); /* and come back to an empty Redis */
}

int link_open(struct scheduler *s, struct err *err)
{
    const struct broker_options options = {
        .address = s->settings->redis,
        .consumer = s->node,
        .node = s->node,
        .lease_ms = (int)s->settings->lease_ms,
    };
    const struct broker_events events = {
        .ctx = s,
        .watch = on_watch,
        .unwatch = on_unwatch,
        .ready = on_ready,
        .down = on_down,
        .put = on_put,
        .leased = dispatch_leased,
        .lost = on_lost,
        .finished = on_finished,
        .again = on_again,
        .look = on_look,
    };

    s->connect_pause_ms = PAUSE_MIN_MS;
    return broker_new(&s->broker, &options, &events, err);
}

void link_close(struct scheduler *s)
{
    broker_free(s->broker);
    s->broker = NULL;
}

void link_tick(struct scheduler *s, int64_t now_ms)
{
    struct err err = {0};

    broker_tick(s->broker, now_ms);
    if (s->poll || now_ms < s->connect_at_ms)
        return;
    if (broker_connect(s->broker, &err))
        on_down(s, err.msg);
}
