/* scheduler_priv.h -- the scheduler's state and its parts among themselves.
 *
 *   scheduler.c   life: open, signals, ticks, drain, end
 *   intake.c      spool -> index (walk.c in libuv's pool, taken in here)
 *   link.c        broker on libuv; index -> Redis
 *   dispatch.c    leases -> workers; their answers -> index and Redis
 *   orders.c      what operators asked for
 *   schedule.c    uploads whose time is still to come
 *   casualty.c    what died, and what becomes of what it held (verdict.c, suspects.c)
 *   reporting.c   studies -> reporters
 *   stating.c     the day's statement, in libuv's pool
 *   figures.c     struct stats, published; progress lines
 * Everything on the loop's thread but walk_run and the making of a statement. */
#ifndef SCHEDULER_SCHEDULER_PRIV_H
#define SCHEDULER_SCHEDULER_PRIV_H

#include "common/status.h"
#include "queue/broker.h"
#include "queue/stats.h"
#include "queue/studies.h"
#include "scheduler/child.h"
#include "scheduler/figures.h"
#include "scheduler/flights.h"
#include "scheduler/index.h"
#include "scheduler/orders.h"
#include "scheduler/reporting.h"
#include "scheduler/schedule.h"
#include "scheduler/scheduler.h"
#include "scheduler/seats.h"
#include "scheduler/shares.h"
#include "scheduler/stating.h"
#include "scheduler/suspects.h"
#include "scheduler/walk.h"

enum { CHILDREN_MAX = 64 };

enum scheduler_state { SCHEDULER_RUNNING, SCHEDULER_DRAINING, SCHEDULER_STOPPED };

struct scheduler {
    const struct settings *settings;
    char node[SETTINGS_WORD_SIZE];
    bool is_run; /* `output` is set: end when everything is finished */
    bool want_reports, want_display;
    enum scheduler_state state;
    int exit_status;
    int64_t drain_until_ms;

    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t signals[3]; /* TERM, INT, HUP */
    uv_fs_event_t arrivals; /* the spool's uploads/ */

    struct spool *spool;
    struct index index;
    struct flights flights;
    struct suspects suspects;
    struct orders orders;
    struct studies studies; /* of images that are cancelled, retried or set aside here */

    struct schedule schedule;
    struct walk walk;
    uv_work_t walk_work;
    bool is_walking, has_walked, wants_walk;
    bool awaits_upload; /* a run's upload is still being taken in */
    int64_t walk_at_ms;

    struct broker *broker;
    uv_poll_t *poll; /* NULL while there is no socket; freed when closed */
    int64_t connect_at_ms, connect_pause_ms;
    bool is_putting, is_epoch_set; /* a put is unanswered; all was put since the epoch was gone */
    bool has_put_again;            /* over this connection, whether it was answered or not */
    struct put {
        uint32_t study, image; /* the next one of its class: a study, and an image within it */
    } put[BROKER_CLASSES];

    struct shares shares;
    bool has_urgent;        /* Redis may have interactive images that nobody leased */
    bool is_leasing;        /* broker_lease is unanswered */
    bool is_leasing_urgent; /* and asked for interactive images only */
    int64_t lease_at_ms;
    int64_t looked_ms; /* when the workers were last looked at, 0 = never */
    int careful_left;  /* images that are sent to run apart: something died lately (casualty.c) */
    int64_t n_done, n_poisoned; /* since the start: by workers; set aside for deaths */
    bool is_disk_full;
    int64_t disk_at_ms, publish_at_ms;

    struct child_events child_events;
    struct child *children;            /* workers first */
    struct child *workers, *reporters; /* within children */
    struct wire_message *outgoing;     /* of each worker: JOBS that go out together */
    struct seats seats;
    int n_children, n_workers, n_reporters; /* the last `seats.n` workers are of other machines */
    struct child_facts facts;               /* of the first worker: the others must agree */
    bool is_made_with;       /* they are what the spool is made with; no work before */
    int64_t made_with_at_ms; /* when to look (again) */
    struct reporting reporting;
    struct stating stating;
    struct figures figures;
};

int64_t scheduler_now_ms(void);

/* The image as Redis knows it; its texts are the index's. */
struct broker_job scheduler_job(const struct scheduler *s, uint32_t image);

/* Stop before the end with `status`; the reason is logged. Children are killed. */
void scheduler_stop(struct scheduler *s, int status, const char *event, const char *why);
void scheduler_wake(struct scheduler *s, int in_ms);  /* tick then, and from then on as usual */
void scheduler_publish(struct scheduler *s);          /* figures and progress, now */
bool scheduler_takes_work(const struct scheduler *s); /* running, and with room */

/* intake.c */
void intake_start(struct scheduler *s); /* walk now, or once more after the walk under way */
void intake_tick(struct scheduler *s, int64_t now_ms);
void intake_watch(struct scheduler *s); /* walk whenever an upload was accepted; once */

/* What study.json says of an image, valid until the next call, and the study's folder. */
int intake_look_up(struct scheduler *s, uint32_t image, const struct study_image **out,
                   char dir[SPOOL_PATH_SIZE], struct err *err);

/* link.c */
int link_open(struct scheduler *s, struct err *err);
void link_close(struct scheduler *s);
void link_tick(struct scheduler *s, int64_t now_ms);
void link_put(struct scheduler *s); /* put what is in the index and was not put yet */
/* The same from `study` on, once more: what Redis has already does no harm. */
void link_put_from(struct scheduler *s, uint32_t study);
/* An image that `was` terminal is in the index again as open. */
void link_put_again(struct scheduler *s, uint32_t image, enum result_status was);

/* dispatch.c */
void dispatch_leased(void *ctx, const struct broker_leased *jobs, int n);
void dispatch_pump(struct scheduler *s);
void dispatch_message(struct scheduler *s, struct child *worker, const struct wire_message *m);
void dispatch_tick(struct scheduler *s, int64_t now_ms);
void dispatch_settled(struct scheduler *s, struct flight *flight, enum result_status status);
void dispatch_cancelled(struct scheduler *s, uint32_t image); /* its result is durable */
/* An answer, or a death, of a worker that held an image which was cancelled meanwhile: the flight
 * ends and nothing else comes of it. False: the image is not cancelled. */
bool dispatch_drop_cancelled(struct scheduler *s, struct flight *flight);
void dispatch_hold(struct scheduler *s, struct flight *flight, int64_t pause_ms);
void dispatch_give_back(struct scheduler *s, struct flight *flight);
void dispatch_discard(struct scheduler *s, struct flight *flight); /* out of Redis, and not done */
void dispatch_give_back_all(struct scheduler *s);                  /* what is held here */

/* casualty.c */
void casualty_failed(struct scheduler *s, struct flight *flight, const struct wire_message *m);
void casualty_worker_ended(struct scheduler *s, struct child *worker, int status, int signal);
/* Set the held image aside when enough died on it. A full disk: it waits and is asked again. */
void casualty_set_aside(struct scheduler *s, struct flight *flight);

#endif
