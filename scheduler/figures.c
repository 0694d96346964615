#include "scheduler/figures.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "lesion/policy.h"
#include "scheduler/load.h"
#include "scheduler/scheduler_priv.h"

enum {
    RATE_SECONDS = 10,
    ETA_SECONDS = 30,
    MEMORY_EVERY_MS = 2000,
    GPUS_EVERY_MS = 1000,
    PROGRESS_MAX = 1024,
    STATS_FILE_MAX = 4 << 20
};

void figures_open(struct figures *f, const char *node)
{
    struct stats *st = &f->stats;

    *f = (struct figures){0};
    snprintf(st->node, sizeof(st->node), "%s", node);
    st->started_ms = clock_wall_ms();
    st->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    st->cpu = st->gpu = st->gpu_memory = st->eta_s = (double)NAN;
    for (int i = 0; i < BROKER_CLASSES; i++) {
        snprintf(st->classes[i].name, sizeof(st->classes[i].name), "%s", broker_class_word(i));
        st->classes[i].oldest_ms = -1;
    }
    machine_open(&f->machine);
}

void figures_close(struct figures *f)
{
    machine_close(&f->machine);
}

/* ---- cases ---- */

/* Our own short id: enough to find it, and nothing of the patient. */
static void name_case(struct stats_case *out, const struct index *x, uint32_t image)
{
    uint32_t study = index_study_of_image(x, image);

    snprintf(out->id, sizeof(out->id), "%.6s/%.31s/%d", index_upload_of(x, study),
             x->studies[study].key, (int)x->images[image].n);
    out->at_ms = clock_wall_ms();
}

static bool is_worse(const struct stats_case *a, const struct stats_case *b)
{
    enum risk ra = risk_of(a->risk), rb = risk_of(b->risk);

    if (ra != rb)
        return ra < rb;
    return a->malignant_probability > b->malignant_probability;
}

/* Worst first; when the list is full the least bad one falls off its end. */
static void add_flagged(struct stats *st, const struct stats_case *row)
{
    int at = st->n_flagged;

    while (at > 0 && is_worse(row, &st->flagged[at - 1]))
        at--;
    if (at == STATS_CASES_MAX)
        return;
    int last = st->n_flagged < STATS_CASES_MAX ? st->n_flagged : STATS_CASES_MAX - 1;
    memmove(&st->flagged[at + 1], &st->flagged[at], (size_t)(last - at) * sizeof(*row));
    st->flagged[at] = *row;
    st->n_flagged = last + 1;
}

/* Newest first. */
static void add_aside(struct stats *st, const struct stats_case *row)
{
    int last = st->n_aside < STATS_CASES_MAX ? st->n_aside : STATS_CASES_MAX - 1;

    memmove(&st->aside[1], &st->aside[0], (size_t)last * sizeof(*row));
    st->aside[0] = *row;
    st->n_aside = last + 1;
}

void figures_note(struct figures *f, const struct index *x, uint32_t image,
                  const struct figures_image *what)
{
    struct stats *st = &f->stats;
    struct stats_case row = {.malignant_probability = what->malignant_probability};

    if (!what->is_old)
        pace_end(&f->pace, scheduler_now_ms());
    name_case(&row, x, image);
    if (what->status == RESULT_SET_ASIDE) {
        row.malignant_probability = (double)NAN;
        snprintf(row.reason, sizeof(row.reason), "%s", reason_word(what->reason));
        add_aside(st, &row);
    }
    if (what->status != RESULT_DONE)
        return;
    snprintf(row.risk, sizeof(row.risk), "%s", what->risk);
    switch (risk_of(what->risk)) {
    case RISK_URGENT: st->urgent++; break;
    case RISK_REVIEW: st->review++; break;
    case RISK_ROUTINE: st->routine++; return;
    case RISK_RETAKE: st->retake++; return;
    }
    add_flagged(st, &row);
}

void figures_forget(struct figures *f, const struct index *x, uint32_t image)
{
    struct stats *st = &f->stats;
    struct stats_case row;
    int kept = 0;

    name_case(&row, x, image);
    for (int i = 0; i < st->n_aside; i++)
        if (strcmp(st->aside[i].id, row.id) != 0)
            st->aside[kept++] = st->aside[i];
    st->n_aside = kept;
}

void figures_note_queue(struct figures *f, const struct broker_look *look)
{
    int64_t now = clock_wall_ms();

    for (int i = 0; i < BROKER_CLASSES; i++) {
        struct stats_class *c = &f->stats.classes[i];
        int64_t oldest = look->classes[i].oldest_ms;
        c->ready = look->classes[i].ready;
        c->leased = look->classes[i].leased;
        c->oldest_ms = oldest < 0 ? -1 : now > oldest ? now - oldest : 0;
    }
}

/* ---- throughput ---- */

/* Over the last seconds. A run whose images are slow, or all ended, has one over its whole time. */
static double speed(const struct scheduler *s, int64_t now_ms)
{
    const struct pace *p = &s->figures.pace;
    bool is_over = s->is_run && !index_images_left(&s->index);
    double recent = is_over ? 0 : pace_recent(p, &s->figures.stats, RATE_SECONDS, now_ms);

    return s->is_run && !(recent > 0) ? pace_mean(p, is_over ? p->ended_ms : now_ms) : recent;
}

/* ---- children ---- */

static void gather_child(struct stats_worker *out, const struct child *c, int64_t now_ms)
{
    *out = (struct stats_worker){.pid = c->pid,
                                 .in_flight = c->in_flight,
                                 .restarts = c->starts ? c->starts - 1 : 0,
                                 .items = c->items,
                                 .memory_kb = c->memory_kb};
    snprintf(out->role, sizeof(out->role), "%s", c->role == CHILD_WORKER ? "worker" : "reporter");
    snprintf(out->state, sizeof(out->state), "%s", child_state_word(c, now_ms));
    bool is_open = c->seat && c->state != CHILD_UP && c->state != CHILD_DRAINING;
    snprintf(out->device, sizeof(out->device), "%s",
             is_open           ? c->seat
             : *c->device.name ? c->device.name
                               : c->facts.device);
}

static void gather_children(struct scheduler *s, int64_t now_ms)
{
    struct stats *st = &s->figures.stats;
    const struct load *loads[2 * CHILDREN_MAX];

    st->n_workers = 0;
    for (int i = 0; i < s->n_children; i++) {
        loads[i] = &s->children[i].load;
        if (st->n_workers < STATS_WORKERS_MAX)
            gather_child(&st->workers[st->n_workers++], &s->children[i], now_ms);
    }
    load_sum(loads, s->n_children, st->stages);
    st->stages[STAGE_REPORT].waiting =
        (int)(s->reporting.n - s->reporting.head) + s->reporting.n_jobs;
}

/* Seconds until the last image or the last report, whichever comes later; NAN when unknown. */
static double time_left(const struct scheduler *s, int64_t now_ms)
{
    const struct reporting *r = &s->reporting;
    double images = (double)(index_images_left(&s->index) - s->figures.stats.scheduled_images);
    double studies = index_studies_left(&s->index);
    double pace = pace_recent(&s->figures.pace, &s->figures.stats, ETA_SECONDS, now_ms);
    double left = images > 0 ? (pace > 0 ? images / pace : (double)NAN) : 0;

    if (isnan(left) || !s->want_reports || !r->made || now_ms <= r->first_ms)
        return left;
    return fmax(left, studies * (double)(now_ms - r->first_ms) / 1000 / (double)r->made);
}

/* Of those that tell it; NAN when none does. */
static double mean_of(const double *values, int n)
{
    double sum = 0;
    int known = 0;

    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            known++;
        }
    return known ? sum / known : (double)NAN;
}

static void gather_gpus(struct figures *f)
{
    struct stats *st = &f->stats;
    double load[STATS_GPUS_MAX], memory[STATS_GPUS_MAX];

    st->n_gpus = machine_gpus(&f->machine, st->gpus);
    for (int i = 0; i < st->n_gpus; i++) {
        load[i] = st->gpus[i].load;
        memory[i] = st->gpus[i].memory;
    }
    st->gpu = mean_of(load, st->n_gpus);
    st->gpu_memory = mean_of(memory, st->n_gpus);
}

static void gather_pauses(struct stats *st, const struct orders *o)
{
    for (int i = 0; i < BROKER_CLASSES; i++) {
        snprintf(st->classes[i].paused_at, sizeof(st->classes[i].paused_at), "%s", o->pauses[i].at);
        snprintf(st->classes[i].paused_by, sizeof(st->classes[i].paused_by), "%s", o->pauses[i].by);
        snprintf(st->classes[i].paused_why, sizeof(st->classes[i].paused_why), "%s",
                 o->pauses[i].why);
    }
}

void figures_gather(struct scheduler *s, int64_t now_ms, const char *state)
{
    struct figures *f = &s->figures;
    struct stats *st = &f->stats;
    const struct index *x = &s->index;
    char sentence[160];

    pace_advance(&f->pace, st, now_ms);
    snprintf(st->state, sizeof(st->state), "%s", state);
    st->at_ms = clock_wall_ms();
    st->received = x->n_images;
    st->done = x->by_status[RESULT_DONE];
    st->set_aside = x->by_status[RESULT_SET_ASIDE];
    st->cancelled = x->by_status[RESULT_CANCELLED];
    st->studies = x->n_studies;
    st->reports = s->want_reports ? x->finished : 0;
    st->images_per_s = speed(s, now_ms);
    st->eta_s = time_left(s, now_ms);
    st->cpu = machine_cpu(&f->machine);
    if (now_ms >= f->gpus_at_ms) {
        f->gpus_at_ms = now_ms + GPUS_EVERY_MS;
        gather_gpus(f);
    }
    if (now_ms >= f->memory_at_ms && s->state == SCHEDULER_RUNNING) { /* the last one stays */
        f->memory_at_ms = now_ms + MEMORY_EVERY_MS;
        st->memory_kb = memory_tree_kb((int)getpid());
    }
    gather_children(s, now_ms);
    gather_pauses(st, &s->orders);
    schedule_gather(s);
    enum wire_stage tight = stats_bottleneck(st, sentence);
    if (tight < STAGE_COUNT)
        f->tightest[tight]++;
    if (!index_images_left(x) && s->is_run) /* what Redis still holds is acknowledged already */
        for (int i = 0; i < BROKER_CLASSES; i++)
            st->classes[i].ready = st->classes[i].leased = 0;
}

/* ---- out ---- */

static int print_progress(const struct stats *st)
{
    json_t *line = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:s}", "received",
                             (json_int_t)st->received, "done", (json_int_t)st->done, "set_aside",
                             (json_int_t)st->set_aside, "cancelled", (json_int_t)st->cancelled,
                             "reports", (json_int_t)st->reports, "studies", (json_int_t)st->studies,
                             "urgent", (json_int_t)st->urgent, "review", (json_int_t)st->review,
                             "images_per_s", json_rounded(st->images_per_s, 3), "eta_s",
                             json_rounded(st->eta_s, 0), "state", st->state);
    char *text = line ? json_line(line) : NULL, with_end[PROGRESS_MAX];
    int n = text ? snprintf(with_end, sizeof(with_end), "%s\n", text) : 0;
    int ret = n > 0 && write(STDOUT_FILENO, with_end, (size_t)n) < 0 && errno == EPIPE ? -1 : 0;

    free(text);
    json_decref(line);
    return ret;
}

int figures_publish(struct scheduler *s)
{
    json_t *object = stats_to_json(&s->figures.stats);
    char *text = object ? json_line(object) : NULL;

    if (text)
        broker_publish(s->broker, text);
    free(text);
    json_decref(object);
    return s->is_run && s->has_walked ? print_progress(&s->figures.stats) : 0;
}

/* A run may take several starts, so what each worked is added up: the seconds, and the images that
 * ended in them. A start that was killed wrote neither; one that found nothing to do adds none. */
static void put_work(json_t **to, const struct figures *f, const char *path)
{
    struct err ignored = {0}; /* the first start finds no file */
    json_t *last = json_read(path, STATS_FILE_MAX, &ignored);
    double wall_s = json_number_or(last, "wall_s", 0);
    double images = json_number_or(last, "run_images", 0) + (double)f->pace.finished;

    if (f->pace.finished)
        wall_s += (double)(f->stats.at_ms - f->stats.started_ms) / 1000;
    json_put(to, "wall_s", json_rounded(wall_s, 3));
    json_put(to, "run_images", json_integer((json_int_t)images));
    json_put(to, "run_images_per_s", json_rounded(wall_s > 0 ? images / wall_s : (double)NAN, 3));
    json_decref(last);
}

static void put_tightest(json_t **to, const struct figures *f)
{
    double share;
    enum wire_stage stage = load_tightest(f->tightest, &share);

    json_put(to, "binds", stage < STAGE_COUNT ? json_string(wire_stage_word(stage)) : json_null());
    json_put(to, "binds_share", json_rounded(share, 3));
}

int figures_write(struct scheduler *s, const char *path, struct err *err)
{
    json_t *object = stats_to_json(&s->figures.stats);

    put_work(&object, &s->figures, path);
    put_tightest(&object, &s->figures);
    int ret = object ? json_write(path, object, err) : err_set(err, ERR_NOMEM, "%s", path);

    json_decref(object);
    return ret;
}
