/* Leases -> workers, and their answers -> index and Redis.
 *
 * What is leased is a flight: held here, or sent to one worker. Leases are asked for as far as the
 * workers have credit. A worker that isolates gets a few suspects beside its other work; else a suspect
 * waits until a worker has nothing else in hand. */
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "scheduler/scheduler_priv.h"

enum {
    LEASE_AGAIN_MS = 100, /* after an empty answer */
    RENEWALS_PER_LEASE = 4,
    ABSENT_MS = 500,      /* ten ticks */
    SUSPECTS_MAX = 4,     /* in a worker at once: they must not fill its slots */
    SUSPECTS_HELD = 1024, /* that wait here and take no room from others */
    URGENT_SHARE = 16,    /* of the credit one in so many is for interactive images alone */
};

void dispatch_hold(struct scheduler *s, struct flight *flight, int64_t pause_ms)
{
    flights_hold(&s->flights, &s->index, flight);
    flight->not_before_ms = scheduler_now_ms() + pause_ms;
    if (!flight->lease.entry[0] || !broker_is_ready(s->broker))
        return;
    broker_again(s->broker, &flight->lease, flight->image);
    flights_ask(&s->flights, flight);
    flight->lease.attempt++; /* as the answer will say; a finish may be asked for before it comes */
}

void dispatch_give_back(struct scheduler *s, struct flight *flight)
{
    if (!flight->lease.entry[0] || !broker_is_ready(s->broker)) {
        dispatch_hold(s, flight, 0); /* Redis knows nothing of it: keep it in mind here */
        return;
    }
    broker_release(s->broker, &flight->lease);
    s->has_urgent = s->has_urgent || !flight->lease.class;
    flights_remove(&s->flights, &s->index, flight);
    s->lease_at_ms = 0;
}

void dispatch_discard(struct scheduler *s, struct flight *flight)
{
    struct broker_job job = scheduler_job(s, flight->image);

    if (flight->lease.entry[0] && broker_is_ready(s->broker))
        broker_discard(s->broker, &flight->lease, &job);
    flights_remove(&s->flights, &s->index, flight);
}

/* Call `act` for each flight that is held. It may end or send that one; when it stops the scheduler, which
 * gives all back, the line is gone. */
static void each_held(struct scheduler *s, void (*act)(struct scheduler *s, struct flight *flight))
{
    uint32_t image = flights_next_held(&s->flights, &s->index, INDEX_NONE);
    struct flight *flight;

    while (image != INDEX_NONE && (flight = flights_of(&s->flights, &s->index, image))) {
        image = flights_next_held(&s->flights, &s->index, image);
        act(s, flight);
    }
}

static void give_back_leased(struct scheduler *s, struct flight *flight)
{
    if (flight->lease.entry[0])
        dispatch_give_back(s, flight);
}

void dispatch_give_back_all(struct scheduler *s)
{
    each_held(s, give_back_leased);
}

static void finish_lease(struct scheduler *s, struct flight *flight, enum result_status status)
{
    uint32_t study = index_study_of_image(&s->index, flight->image);
    struct broker_job job = scheduler_job(s, flight->image);

    if (flight->lease.entry[0])
        broker_finish(s->broker, &flight->lease, &job, (int)s->index.studies[study].n_images,
                      result_status_word(status), flight->image);
    flight->lease.entry[0] = 0;
}

static void settle(struct scheduler *s, uint32_t image, enum result_status status)
{
    uint32_t study = index_study_of_image(&s->index, image);

    if (index_settle(&s->index, image, status) && !s->index.studies[study].remaining)
        reporting_ready(s, study);
}

void dispatch_settled(struct scheduler *s, struct flight *flight, enum result_status status)
{
    uint32_t image = flight->image;

    finish_lease(s, flight, status);
    flights_remove(&s->flights, &s->index, flight);
    settle(s, image, status);
}

void dispatch_cancelled(struct scheduler *s, uint32_t image)
{
    struct flight *flight = flights_of(&s->flights, &s->index, image);

    if (flight)
        finish_lease(s, flight, RESULT_CANCELLED);
    if (flight && !flight->worker) /* else it stays until the worker's late answer */
        flights_remove(&s->flights, &s->index, flight);
    settle(s, image, RESULT_CANCELLED);
}

/* The pictures of a result that came too late vouch for nothing. */
static void remove_pictures(struct scheduler *s, uint32_t image)
{
    static const char *const kinds[] = {"mask.png", "display.jpg", "overlay.jpg"};
    uint32_t study = index_study_of_image(&s->index, image);
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct err ignored = {0}; /* a picture that stays does no harm */

    if (spool_study_dir(s->spool, index_upload_of(&s->index, study), s->index.studies[study].key,
                        dir, &ignored))
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!path_format(path, sizeof(path), &ignored, "%s/results/%d.%s", dir,
                         (int)s->index.images[image].n, kinds[i]))
            (void)unlink(path);
}

bool dispatch_drop_cancelled(struct scheduler *s, struct flight *flight)
{
    enum result_status status = (enum result_status)s->index.images[flight->image].status;
    char id[WIRE_ID_SIZE];

    if (status != RESULT_CANCELLED)
        return false;
    index_format_image(&s->index, flight->image, id);
    log_event(LOG_INFO, "answer.dropped", "image=%s", id);
    remove_pictures(s, flight->image);
    finish_lease(s, flight, status); /* Redis may have been filled again meanwhile */
    flights_remove(&s->flights, &s->index, flight);
    return true;
}

/* ---- from Redis ---- */

static void take_lease(struct scheduler *s, const struct broker_leased *leased)
{
    const struct broker_job *job = &leased->job;
    uint32_t image = index_find_image(&s->index, job->upload, job->study, job->n);

    if (image == INDEX_NONE) {
        log_event(LOG_WARN, "job.unknown", "entry=%s", leased->lease.entry);
        broker_discard(s->broker, &leased->lease, job);
        intake_start(s); /* should the spool have it after all, the walk puts it in */
        return;
    }
    struct flight *flight = flights_of(&s->flights, &s->index, image);
    if (flight) { /* Redis was empty meanwhile, or our lease ran out */
        flights_lease(&s->flights, flight, &leased->lease);
        return;
    }
    flight = flights_add(&s->flights, &s->index, image, &leased->lease, scheduler_now_ms());
    if (!flight)
        broker_release(s->broker, &leased->lease);
    else if (s->index.images[image].status != RESULT_NONE)
        dispatch_settled(s, flight, (enum result_status)s->index.images[image].status);
}

void dispatch_leased(void *ctx, const struct broker_leased *jobs, int n)
{
    struct scheduler *s = ctx;

    int of_class[BROKER_CLASSES] = {0};

    s->is_leasing = false;
    flights_begin_turn(&s->flights);
    for (int i = 0; i < n; i++) {
        of_class[jobs[i].lease.class]++;
        take_lease(s, &jobs[i]);
    }
    shares_note(&s->shares, of_class);
    s->has_urgent = s->has_urgent && of_class[0];
    if (!n && !s->is_leasing_urgent)
        s->lease_at_ms = scheduler_now_ms() + LEASE_AGAIN_MS;
    if (s->state == SCHEDULER_RUNNING)
        dispatch_pump(s);
    else
        dispatch_give_back_all(s);
}

/* ---- to the workers ---- */

/* Put the job into the worker's line, which flush_jobs sends. */
static void give_job(struct scheduler *s, struct flight *flight, struct child *worker)
{
    struct wire_message *m = &s->outgoing[worker - s->workers];
    const struct index_image *image = &s->index.images[flight->image];
    int64_t now = scheduler_now_ms();
    char id[WIRE_ID_SIZE];

    index_format_image(&s->index, flight->image, id);
    struct wire_item *job = wire_add(m, id);
    job->attempt = flight->attempt = flight->lease.attempt;
    job->is_alone = flight->is_alone = image->is_suspect;
    job->is_urgent = flight->lease.class == 0;
    job->is_careful = worker->isolates && s->careful_left;
    pace_begin(&s->figures.pace, now);
    flights_send(&s->flights, &s->index, flight, worker);
    flight->is_careful = job->is_careful;
    worker->suspects += job->is_alone;
    flight->has_moved = false;
    flight->progress_ms = now;
    if (!worker->in_flight++)
        worker->progress_ms = now;
}

static void return_credit(struct child *worker, const struct flight *flight)
{
    worker->in_flight--;
    worker->suspects -= flight->is_alone;
}

/* No memory for the line, or the worker is about to end: they wait here as before. */
static void take_back(struct scheduler *s, struct child *worker, const struct wire_message *m)
{
    for (int i = 0; i < m->n_items; i++) {
        struct flight *flight =
            flights_of(&s->flights, &s->index, index_image_of_id(&s->index, m->items[i].id));
        return_credit(worker, flight);
        flights_hold(&s->flights, &s->index, flight);
    }
}

static void flush_jobs(struct scheduler *s)
{
    for (int i = 0; i < s->n_workers; i++) {
        struct wire_message *m = &s->outgoing[i];
        if (m->n_items && !child_send(&s->workers[i], m))
            take_back(s, &s->workers[i], m);
        m->n_items = 0;
    }
}

/* Up, and not short of something. */
static bool is_ready(const struct child *worker)
{
    return child_is_up(worker) &&
           (!worker->rests_until_ms || scheduler_now_ms() >= worker->rests_until_ms);
}

static bool can_take(const struct child *worker)
{
    return is_ready(worker) && !worker->is_reserved && worker->in_flight < worker->credit;
}

static struct child *freest_worker(struct scheduler *s)
{
    struct child *best = NULL;

    for (int i = 0; i < s->n_workers; i++) {
        struct child *w = &s->workers[i];
        if (can_take(w) && (!best || w->credit - w->in_flight > best->credit - best->in_flight))
            best = w;
    }
    return best;
}

/* The worker that is kept free for suspects: the reserved one, else the least busy one is reserved
 * now. NULL while none is up, or while it still works on something. */
static struct child *lone_worker(struct scheduler *s)
{
    struct child *best = NULL;

    for (int i = 0; i < s->n_workers; i++) {
        struct child *w = &s->workers[i];
        if (!child_is_up(w))
            continue;
        if (w->is_reserved)
            return w->in_flight || !is_ready(w) ? NULL : w;
        if (!is_ready(w))
            continue;
        if (!best || w->in_flight < best->in_flight)
            best = w;
    }
    if (best)
        best->is_reserved = true;
    return best && !best->in_flight ? best : NULL;
}

/* One that works on a suspect apart, beside its other work. */
static struct child *isolating_worker(struct scheduler *s)
{
    struct child *best = NULL;

    for (int i = 0; i < s->n_workers; i++) {
        struct child *w = &s->workers[i];
        if (can_take(w) && w->isolates && w->suspects < SUSPECTS_MAX &&
            (!best || w->suspects < best->suspects))
            best = w;
    }
    return best;
}

static bool is_any_isolating(const struct scheduler *s)
{
    for (int i = 0; i < s->n_workers; i++)
        if (child_is_up(&s->workers[i]) && s->workers[i].isolates)
            return true;
    return false;
}

/* Does it need a worker for itself? */
static bool is_lone(const struct scheduler *s, const struct index_image *image)
{
    return image->is_suspect && (image->is_lone || !is_any_isolating(s));
}

static struct child *worker_for(struct scheduler *s, const struct index_image *image)
{
    if (is_lone(s, image))
        return lone_worker(s);
    return image->is_suspect ? isolating_worker(s) : freest_worker(s);
}

/* One that still works keeps its state: what it works on may need it for itself. */
static void release_reserved(struct scheduler *s)
{
    for (int i = 0; i < s->n_workers; i++)
        s->workers[i].is_reserved = s->workers[i].is_reserved && s->workers[i].in_flight;
}

static bool is_suspect(const struct scheduler *s, const struct flight *flight)
{
    return s->index.images[flight->image].is_suspect;
}

static bool is_due(const struct flight *flight)
{
    return scheduler_now_ms() >= flight->not_before_ms;
}

static void set_aside_judged(struct scheduler *s, struct flight *flight)
{
    if (is_suspect(s, flight) && is_due(flight))
        casualty_set_aside(s, flight);
}

static bool is_of_paused(const struct scheduler *s, uint32_t image)
{
    uint32_t study = index_study_of_image(&s->index, image);

    return s->orders.pauses[s->index.studies[study].class].is_paused;
}

/* What waits here for a worker goes back, or it would take the room of another class. */
static void give_back_paused(struct scheduler *s, struct flight *flight)
{
    if (flight->lease.entry[0] && is_of_paused(s, flight->image) && broker_is_ready(s->broker))
        dispatch_give_back(s, flight);
}

static bool can_go(const struct scheduler *s, const struct flight *flight)
{
    return is_due(flight) && !is_of_paused(s, flight->image);
}

static void send_due(struct scheduler *s, struct flight *flight)
{
    struct child *worker;

    if (can_go(s, flight) && (worker = worker_for(s, &s->index.images[flight->image])))
        give_job(s, flight, worker);
}

/* Does one wait for a worker for itself? */
static bool is_lone_waiting(const struct scheduler *s)
{
    uint32_t image = INDEX_NONE;

    while ((image = flights_next_held(&s->flights, &s->index, image)) != INDEX_NONE)
        if (is_lone(s, &s->index.images[image]) &&
            can_go(s, flights_of(&s->flights, &s->index, image)))
            return true;
    return false;
}

/* Those that take room from others: of suspects that wait their turn only what are too many. */
static int count_held(const struct scheduler *s)
{
    uint32_t image = INDEX_NONE;
    int suspects = 0;

    while ((image = flights_next_held(&s->flights, &s->index, image)) != INDEX_NONE)
        suspects += s->index.images[image].is_suspect;
    return s->flights.n_held - (suspects > SUSPECTS_HELD ? 0 : suspects);
}

/* How many may be leased now, and how many of them only if they are interactive. */
struct room {
    int credit; /* of all workers */
    int all, urgent;
};

static struct room look_for_room(const struct scheduler *s)
{
    struct room room = {0};
    int taken = count_held(s);

    for (int i = 0; i < s->n_workers; i++) {
        const struct child *w = &s->workers[i];
        if (is_ready(w) && !w->is_reserved) {
            room.credit += w->credit;
            taken += w->in_flight;
        }
    }
    room.all = room.credit - taken;
    room.urgent = room.credit / URGENT_SHARE - s->flights.n_urgent;
    if (room.urgent < 0)
        room.urgent = 0;
    return room;
}

static void lease(struct scheduler *s, int max, const int least[BROKER_CLASSES], bool is_urgent)
{
    s->is_leasing = true;
    s->is_leasing_urgent = is_urgent;
    broker_lease(s->broker, max, least);
}

/* A round trip for many jobs rather than for each: ask when a quarter of the credit is free. Interactive
 * images do not wait for that. */
static void ask_for_leases(struct scheduler *s, int64_t now)
{
    static const int urgent_only[BROKER_CLASSES] = {0, -1, -1};

    if (s->is_leasing || now < s->lease_at_ms || !broker_is_ready(s->broker))
        return;
    struct room room = look_for_room(s);
    int free = room.all - room.urgent, urgent = room.urgent < room.all ? room.urgent : room.all;
    if (free > 0 && free * 4 >= room.credit) {
        bool is_paused[BROKER_CLASSES];
        int least[BROKER_CLASSES];
        for (int i = 0; i < BROKER_CLASSES; i++)
            is_paused[i] = s->orders.pauses[i].is_paused;
        shares_ask(&s->shares, free, is_paused, least);
        lease(s, free, least, false);
    } else if (urgent > 0 && s->has_urgent && !s->orders.pauses[0].is_paused) {
        lease(s, urgent, urgent_only, true);
    }
}

void dispatch_pump(struct scheduler *s)
{
    int64_t now = scheduler_now_ms();

    if (!scheduler_takes_work(s))
        return;
    each_held(s, give_back_paused);
    each_held(s, set_aside_judged);
    each_held(s, send_due);
    flush_jobs(s);
    if (!is_lone_waiting(s))
        release_reserved(s);
    ask_for_leases(s, now);
}

/* ---- from the workers ---- */

/* The flight that the worker speaks of; NULL when it is no longer the worker's. */
static struct flight *flight_of_answer(struct scheduler *s, const struct child *worker,
                                       const char *id, int attempt)
{
    uint32_t image = index_image_of_id(&s->index, id);
    struct flight *flight = image == INDEX_NONE ? NULL : flights_of(&s->flights, &s->index, image);

    if (flight && flight->worker == worker && flight->attempt == attempt)
        return flight;
    log_event(LOG_WARN, "answer.late", "pid=%d", worker->pid);
    return NULL;
}

static void on_done(struct scheduler *s, struct child *worker, const struct wire_item *item)
{
    struct flight *flight = flight_of_answer(s, worker, item->id, item->attempt);

    if (!flight)
        return;
    return_credit(worker, flight);
    worker->items++;
    worker->n_moved_back = 0;
    worker->rests_until_ms = 0;
    s->n_done++;
    s->careful_left -= s->careful_left > 0;
    if (dispatch_drop_cancelled(s, flight))
        return;
    if (item->status == RESULT_SET_ASIDE)
        log_event(LOG_WARN, "image.set_aside", "image=%s reason=%s attempt=%d", item->id,
                  reason_word(item->reason), item->attempt);
    figures_note(&s->figures, &s->index, flight->image,
                 &(struct figures_image){.status = item->status,
                                         .reason = item->reason,
                                         .risk = item->risk,
                                         .malignant_probability = item->malignant_probability});
    dispatch_settled(s, flight, item->status);
}

static void on_failed(struct scheduler *s, struct child *worker, const struct wire_message *m)
{
    struct flight *flight = flight_of_answer(s, worker, m->id, m->attempt);

    if (!flight)
        return;
    return_credit(worker, flight);
    casualty_failed(s, flight, m);
}

static void on_alive(struct scheduler *s, const struct child *worker, const struct wire_item *item)
{
    uint32_t image = index_image_of_id(&s->index, item->id);
    struct flight *flight = image == INDEX_NONE ? NULL : flights_of(&s->flights, &s->index, image);

    if (!flight || flight->worker != worker)
        return;
    flight->progress_ms = scheduler_now_ms();
    flight->has_moved = true;
}

void dispatch_message(struct scheduler *s, struct child *worker, const struct wire_message *m)
{
    if (m->kind != WIRE_DONE && m->kind != WIRE_FAILED && m->kind != WIRE_ALIVE) {
        log_event(LOG_WARN, "worker.odd_message", "kind=%d", (int)m->kind);
        return;
    }
    worker->progress_ms = scheduler_now_ms();
    if (m->kind == WIRE_FAILED)
        on_failed(s, worker, m);
    for (int i = 0; i < m->n_items; i++)
        if (m->kind == WIRE_DONE)
            on_done(s, worker, &m->items[i]);
        else
            on_alive(s, worker, &m->items[i]);
    dispatch_pump(s);
}

/* ---- now and then ---- */

/* An image that was in an ALIVE has its own clock; one that still waits in the worker shares the
 * worker's. */
static bool is_stuck(const struct scheduler *s, const struct flight *flight, int64_t now)
{
    int64_t since = flight->progress_ms;

    if (!flight->has_moved && flight->worker->progress_ms > since)
        since = flight->worker->progress_ms;
    return now - since > s->settings->lease_ms;
}

/* Renew what is held here and what moved since the last renewal. */
static void renew(struct scheduler *s, int64_t now)
{
    struct broker_lease leases[BROKER_LEASE_MAX];
    int n = 0;

    if (!broker_is_ready(s->broker))
        return;
    for (int i = 0; i < s->flights.n && n < BROKER_LEASE_MAX; i++) {
        struct flight *flight = &s->flights.rows[i];
        bool is_due = now - flight->renewed_ms >= s->settings->lease_ms / RENEWALS_PER_LEASE;
        bool is_fit = !flight->worker || flight->progress_ms > flight->renewed_ms ||
                      (!flight->has_moved && flight->worker->progress_ms > flight->renewed_ms);
        if (!is_due || !is_fit || !flight->lease.entry[0])
            continue;
        flight->renewed_ms = now;
        flights_ask(&s->flights, flight);
        leases[n++] = flight->lease;
    }
    broker_renew(s->broker, leases, n);
}

static void forgive(int64_t *progress_ms, int64_t away, int64_t now)
{
    *progress_ms = *progress_ms + away < now ? *progress_ms + away : now;
}

/* While we did not run ourselves (stopped, or the machine slept) nobody could tell us anything: that
 * time counts against no worker. */
static void forgive_own_absence(struct scheduler *s, int64_t now)
{
    int64_t away = s->looked_ms ? now - s->looked_ms : 0;

    s->looked_ms = now;
    if (away < ABSENT_MS)
        return;
    log_event(LOG_WARN, "scheduler.absent", "for_ms=%lld", (long long)away);
    for (int i = 0; i < s->flights.n; i++)
        forgive(&s->flights.rows[i].progress_ms, away, now);
    for (int i = 0; i < s->n_workers; i++)
        forgive(&s->workers[i].progress_ms, away, now);
}

void dispatch_tick(struct scheduler *s, int64_t now_ms)
{
    forgive_own_absence(s, now_ms);
    for (int i = 0; i < s->flights.n; i++) {
        struct flight *flight = &s->flights.rows[i];
        if (!flight->worker || flight->worker->by_us || !is_stuck(s, flight, now_ms))
            continue;
        log_event(LOG_ERROR, "worker.stuck", "pid=%d in_flight=%d", flight->worker->pid,
                  flight->worker->in_flight);
        flight->worker->by_us = true;
        child_kill(flight->worker, SIGKILL);
    }
    renew(s, now_ms);
    dispatch_pump(s);
}
