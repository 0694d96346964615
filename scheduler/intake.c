/* Spool -> index: a walk in libuv's pool, then its finds are taken in on the loop's thread. */
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "scheduler/scheduler_priv.h"

enum {
    RETRY_MS = 1000,
    AWAIT_MS = 5, /* between looks for a run's upload */
};

int intake_look_up(struct scheduler *s, uint32_t image, const struct study_image **out,
                   char dir[SPOOL_PATH_SIZE], struct err *err)
{
    uint32_t study = index_study_of_image(&s->index, image);

    return spool_study_dir(s->spool, index_upload_of(&s->index, study), s->index.studies[study].key,
                           dir, err) ||
                   studies_image(&s->studies, dir, (int)s->index.images[image].n, out, err)
               ? -1
               : 0;
}

static void on_walk(uv_work_t *work)
{
    walk_run(&((struct scheduler *)work->data)->walk);
}

static void take_images(struct scheduler *s, const struct walk_study *found, uint32_t study)
{
    const struct index_study *row = &s->index.studies[study];

    for (uint32_t i = 0; i < row->n_images; i++) {
        const struct walk_image *image = &s->walk.images[found->first + i];
        if (image->status == RESULT_NONE)
            continue;
        index_settle(&s->index, row->first + i, image->status);
        figures_note(&s->figures, &s->index, row->first + i,
                     &(struct figures_image){.status = image->status,
                                             .reason = image->reason,
                                             .risk = image->risk,
                                             .malignant_probability = image->malignant_probability,
                                             .is_old = true});
    }
}

static int take_study(struct scheduler *s, const struct walk_study *found, struct err *err)
{
    int *numbers = calloc((size_t)found->n_images + 1, sizeof(*numbers));
    uint32_t study;

    if (!numbers)
        return err_set(err, ERR_NOMEM, "study of %d images", found->n_images);
    for (int i = 0; i < found->n_images; i++)
        numbers[i] = s->walk.images[found->first + (size_t)i].n;
    int ret = index_add_study(&s->index, found->upload, found->key, numbers, found->n_images,
                              &study, err);
    free(numbers);
    if (ret)
        return -1;
    s->index.studies[study].class = (uint8_t)found->class;
    if (found->not_before_ms > clock_wall_ms() && schedule_add(s, study, found->not_before_ms, err))
        return -1;
    take_images(s, found, study);
    if (s->index.studies[study].remaining)
        return 0;
    if (found->has_report && s->want_reports)
        index_set_report(&s->index, study, REPORT_FINISHED);
    else
        reporting_ready(s, study);
    return 0;
}

/* What the spool's log says: deaths, and what operators asked for. */
static int load_log(struct scheduler *s, struct err *err)
{
    return suspects_load(&s->suspects, &s->index, s->spool, err) || orders_read(s, err) ? -1 : 0;
}

static int take_in(struct scheduler *s, struct err *err)
{
    for (size_t i = 0; i < s->walk.n_studies; i++)
        if (take_study(s, &s->walk.studies[i], err))
            return -1;
    return s->has_walked ? 0 : load_log(s, err);
}

/* A disk or memory that is short passes; a spool that cannot be read needs a person. */
static void settle_failure(struct scheduler *s, const struct err *err)
{
    char quoted[512];

    log_quote(quoted, sizeof(quoted), err->msg);
    if (err->code == ERR_AGAIN || err->code == ERR_NOMEM) {
        log_event(LOG_ERROR, "spool.walk", "code=%s why=%s", err_name(err->code), quoted);
        s->wants_walk = true;
        s->walk_at_ms = scheduler_now_ms() + RETRY_MS;
    } else if (err->code != ERR_CANCELLED) {
        scheduler_stop(s, err->code == ERR_CONFIG ? STATUS_CONFIG : STATUS_UNFINISHED, "spool.walk",
                       err->msg);
    }
}

static void on_walked(uv_work_t *work, int status)
{
    struct scheduler *s = work->data;
    struct err err = s->walk.err;

    (void)status;
    s->is_walking = false;
    if (err.code) {
        settle_failure(s, &err);
    } else if (take_in(s, &err)) { /* half an upload is in the index: only a new start is whole */
        scheduler_stop(s, STATUS_UNFINISHED, "spool.index", err.msg);
    } else {
        log_event(LOG_INFO, "spool.walked", "studies=%zu images=%zu left=%u", s->walk.n_studies,
                  s->walk.n_images, index_images_left(&s->index));
        s->has_walked = true;
        link_put(s);
        scheduler_wake(s, 0); /* to start what there is work for, or to end */
    }
    walk_release(&s->walk);
}

void intake_start(struct scheduler *s)
{
    s->wants_walk = true;
    s->walk_at_ms = 0;
}

static void on_arrival(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct scheduler *s = handle->data;

    (void)name;
    (void)events;
    if (status || s->state != SCHEDULER_RUNNING)
        return;
    intake_start(s);
    scheduler_wake(s, 0);
}

/* Faster than the word of who hands in, which is still what tells on a file system of other machines. */
void intake_watch(struct scheduler *s)
{
    char path[SPOOL_PATH_SIZE], quoted[512];
    struct err err = {0};

    uv_fs_event_init(&s->loop, &s->arrivals);
    s->arrivals.data = s;
    if (path_format(path, sizeof(path), &err, "%s/uploads", spool_root(s->spool)))
        return;
    int e = uv_fs_event_start(&s->arrivals, on_arrival, path, 0);
    if (e)
        log_event(LOG_WARN, "spool.unwatched", "why=%s",
                  log_quote(quoted, sizeof(quoted), uv_strerror(e)));
}

static int note_upload(void *ctx, const char *upload, struct err *err)
{
    (void)upload;
    (void)err;
    *(bool *)ctx = true;
    return 0;
}

/* A run has one upload, and starts us while it takes it in, so that we are ready by then. */
static bool is_to_come(const struct scheduler *s)
{
    struct err ignored = {0}; /* the walk will tell */
    bool is_there = false;

    return s->is_run && !s->has_walked &&
           !spool_each_upload(s->spool, note_upload, &is_there, &ignored) && !is_there;
}

void intake_tick(struct scheduler *s, int64_t now_ms)
{
    if (!s->wants_walk || s->is_walking || now_ms < s->walk_at_ms || s->state != SCHEDULER_RUNNING)
        return;
    s->awaits_upload = is_to_come(s);
    if (s->awaits_upload) {
        scheduler_wake(s, AWAIT_MS);
        return;
    }
    s->wants_walk = false;
    s->walk.spool = s->spool;
    s->walk.index = &s->index;
    s->walk_work.data = s;
    s->is_walking = !uv_queue_work(&s->loop, &s->walk_work, on_walk, on_walked);
}
