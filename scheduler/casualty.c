/* What died, and what becomes of the images it held. The rule is verdict.c's; here it is acted on:
 * the death is written down, the image waits, runs alone, or is set aside. */
#include "common/file.h"
#include "common/log.h"
#include "scheduler/pause.h"
#include "scheduler/scheduler_priv.h"

enum {
    REST_AFTER = 8, /* images in a row that came back before their worker gets none for a while */
    DISK_PAUSE_MS = 1000,
    POISONED_MAX = 5, /* images set aside for deaths before any was done */
    CAREFUL = 512,    /* images done after a death before all run together again */
    LOOK_AFTER = 2,   /* tries before it is asked whether a start could read the study at all */
};

/* The study.json is damaged, and no further try mends that: the study is given up until the next start, and
 * all others go on. */
static bool give_up_study(struct scheduler *s, struct flight *flight)
{
    uint32_t study = index_study_of_image(&s->index, flight->image);
    const struct study_image *record;
    char dir[SPOOL_PATH_SIZE], id[WIRE_ID_SIZE], quoted[512];
    struct err err = {0};

    if (!intake_look_up(s, flight->image, &record, dir, &err) || err.code != ERR_INPUT)
        return false;
    index_format_study(&s->index, study, id);
    if (s->index.studies[study].report != REPORT_FAILED)
        log_event(LOG_ERROR, "study.damaged", "study=%s why=%s", id,
                  log_quote(quoted, sizeof(quoted), err.msg));
    index_set_report(&s->index, study, REPORT_FAILED);
    dispatch_discard(s, flight);
    return true;
}

/* The worker's machine is short of something: this image later, and after several in a row nothing more
 * for this worker; one of another machine goes on. */
static void put_off(struct scheduler *s, struct flight *flight)
{
    struct child *worker = flight->worker;

    if (flight->tries >= LOOK_AFTER && give_up_study(s, flight))
        return;
    dispatch_hold(s, flight, pause_after_ms(flight->tries++));
    if (++worker->n_moved_back < REST_AFTER)
        return;
    int64_t pause = pause_after_ms(worker->n_moved_back / REST_AFTER);
    worker->rests_until_ms = scheduler_now_ms() + pause;
    log_event(LOG_ERROR, "worker.rests", "worker=%d pid=%d for_ms=%lld returned=%d",
              (int)(worker - s->workers), worker->pid, (long long)pause, worker->n_moved_back);
}

static void count_death(struct scheduler *s, const struct flight *flight, enum verdict verdict,
                        int signal, enum wire_stage stage)
{
    const struct suspect death = {.image = flight->image, .signal = signal, .stage = stage};
    struct err err = {0};
    char id[WIRE_ID_SIZE], quoted[512];

    index_format_image(&s->index, flight->image, id);
    if (suspects_count(&s->suspects, &s->index, s->spool, verdict, &death, &err))
        log_event(LOG_ERROR, "spool.log", "image=%s why=%s", id,
                  log_quote(quoted, sizeof(quoted), err.msg)); /* not counted; it runs again */
    else
        log_event(LOG_WARN, "image.death", "image=%s kind=%s signal=%d stage=%s", id,
                  verdict == VERDICT_CRASH ? "crash" : "unexplained", signal,
                  wire_stage_word(stage));
}

static void apply(struct scheduler *s, struct flight *flight, enum verdict verdict, int signal,
                  enum wire_stage stage)
{
    if (dispatch_drop_cancelled(s, flight))
        return;
    switch (verdict) {
    case VERDICT_STOP: /* the caller stops */
    case VERDICT_GIVE_BACK: dispatch_give_back(s, flight); return;
    case VERDICT_LATER: put_off(s, flight); return;
    case VERDICT_CRASH:
    case VERDICT_UNEXPLAINED: count_death(s, flight, verdict, signal, stage); break;
    case VERDICT_SUSPECT: break;
    }
    s->index.images[flight->image].is_suspect = true;
    /* What ends processes without a reason may be over after a while: ten deaths must take some. */
    bool is_to_wait = verdict == VERDICT_UNEXPLAINED && flight->worker->isolates;
    dispatch_hold(s, flight, is_to_wait ? pause_after_ms(flight->tries++) : 0);
}

static bool may_blame(enum verdict verdict)
{
    return verdict == VERDICT_SUSPECT || verdict == VERDICT_CRASH || verdict == VERDICT_UNEXPLAINED;
}

void casualty_failed(struct scheduler *s, struct flight *flight, const struct wire_message *m)
{
    bool was_alone = flight->is_alone || m->stage == STAGE_DECODE; /* a process for each image */
    enum verdict verdict = verdict_of_failure(m->code, m->signal, was_alone);
    char quoted[512];

    log_event(verdict == VERDICT_GIVE_BACK ? LOG_INFO : LOG_WARN, "image.failed",
              "image=%s code=%s signal=%d stage=%s alone=%d why=%s", m->id, err_name(m->code),
              m->signal, wire_stage_word(m->stage), flight->is_alone,
              log_quote(quoted, sizeof(quoted), m->text));
    if (may_blame(verdict) && m->stage != STAGE_DECODE)
        s->careful_left = CAREFUL;
    apply(s, flight, verdict, m->signal, m->stage);
    if (verdict == VERDICT_STOP)
        scheduler_stop(s, STATUS_CONFIG, "worker.config", m->text);
}

/* A worker that isolates held several, and no process apart was to take the blow: whichever it was, it
 * will die in such a process next, and the others pass. Nobody is a suspect yet. Should the worker
 * itself die of an image that it works on apart, only a worker for each will show which. */
static void scatter(struct scheduler *s, struct flight *flight, bool is_in_doubt)
{
    char id[WIRE_ID_SIZE];

    if (dispatch_drop_cancelled(s, flight))
        return;
    if (is_in_doubt && (flight->is_careful || flight->is_alone)) {
        s->index.images[flight->image].is_suspect = true;
        s->index.images[flight->image].is_lone = true;
        index_format_image(&s->index, flight->image, id);
        log_event(LOG_WARN, "image.lone", "image=%s", id);
    }
    dispatch_hold(s, flight, 0);
}

/* Did it compute any image itself, beside those in processes apart? Such a one is to blame before any of those. */
static bool held_its_own(const struct scheduler *s, const struct child *worker)
{
    for (int i = 0; i < s->flights.n; i++) {
        const struct flight *flight = &s->flights.rows[i];
        if (flight->worker == worker && !flight->is_alone && !flight->is_careful)
            return true;
    }
    return false;
}

void casualty_worker_ended(struct scheduler *s, struct child *worker, int status, int signal)
{
    const struct death death = {status, signal, worker->in_flight, worker->by_us};
    enum verdict verdict = verdict_of_death(&death);

    if (s->state != SCHEDULER_RUNNING)
        verdict = VERDICT_GIVE_BACK; /* we are the ones who end it */
    if (verdict == VERDICT_CRASH)
        child_excuse(worker);
    if (verdict != VERDICT_GIVE_BACK && worker->in_flight)
        s->careful_left = CAREFUL;
    bool is_in_doubt = !held_its_own(s, worker) &&
                       verdict_is_in_doubt(&death, worker->items > worker->items_at_start);
    for (int i = s->flights.n; i-- > 0;) { /* from behind: removal moves the last one */
        struct flight *flight = &s->flights.rows[i];
        if (flight->worker == worker && verdict == VERDICT_SUSPECT && worker->isolates)
            scatter(s, flight, is_in_doubt);
        else if (flight->worker == worker)
            apply(s, flight, verdict, signal, last_stage_read(worker->last_stage));
    }
}

void casualty_set_aside(struct scheduler *s, struct flight *flight)
{
    const struct study_image *image;
    char dir[SPOOL_PATH_SIZE];
    char detail[240], id[WIRE_ID_SIZE], quoted[512];
    struct err err = {0};
    enum reason reason = suspects_judge(&s->suspects, flight->image, detail);

    if (reason == REASON_NONE)
        return;
    index_format_image(&s->index, flight->image, id);
    if (intake_look_up(s, flight->image, &image, dir, &err) ||
        walk_write_aside(dir, image, reason, detail, &err) || file_sync_fs(dir, &err)) {
        log_event(LOG_ERROR, "image.not_set_aside", "image=%s why=%s", id,
                  log_quote(quoted, sizeof(quoted), err.msg));
        flight->not_before_ms = scheduler_now_ms() + DISK_PAUSE_MS;
        return;
    }
    log_event(LOG_WARN, "image.set_aside", "image=%s reason=%s", id, reason_word(reason));
    figures_note(
        &s->figures, &s->index, flight->image,
        &(struct figures_image){.status = RESULT_SET_ASIDE, .reason = reason, .risk = "retake"});
    dispatch_settled(s, flight, RESULT_SET_ASIDE);
    if (!s->n_done && ++s->n_poisoned == POISONED_MAX)
        scheduler_stop(s, STATUS_UNFINISHED, "worker.dies",
                       "it dies on every image: the fault is hardly theirs");
}
