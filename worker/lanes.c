#include "worker/lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/status.h"
#include "preprocess/refine.h"
#include "queue/last_stage.h"
#include "worker/apart.h"
#include "worker/committer.h"
#include "worker/record.h"

enum {
    TRIALS_MAX = 2, /* lanes for suspects */
    WARM_MAX = 16,  /* shapes whose plans are there */
    /* Images apart at the beginning: where one in twenty is bad, the first of them is met by then, and the
     * worker need not die of it. */
    FIRST_APART = 64,
    /* Processor time of one image apart among others, as a multiple of the longest that was well and at
     * least so much, ms: what is slow is tried again as a suspect. */
    SLOW_TIMES = 2,
    SLOW_MS = 20,
    FRESH_MS = 15, /* more for the first in a process, which copies what it writes to */
    /* The same of a batch in this process, which then hangs, by the ticks of lanes_are_stuck. */
    STUCK_TIMES = 20,
    STUCK_TICKS = 4,
};

/* A line of items before lanes of a kind. */
struct line {
    struct item_list items;
    pthread_cond_t added; /* or is_fit or is_closing changed */
};

struct lane {
    pthread_t thread;
    struct lanes *owner;
    struct line *line;
    struct analyst analyst;
    struct record_scratch scratch;
    struct image_entry entry; /* of the image at work */
    struct apart apart;       /* its stage is NULL where there can be no process apart */
    struct warm_shape {
        int w, h;
    } warm[WARM_MAX];
    int n_warm;            /* ever; the last WARM_MAX of them are in `warm` */
    _Atomic unsigned turn; /* odd while a batch is computed in this process */
    unsigned turn_seen;    /* these two: lanes_are_stuck's own */
    int ticks_seen;
};

struct lanes {
    struct lanes_config config;
    pthread_mutex_t lock; /* guards ready, suspects, freed, n_freed, is_fit, is_closing */
    struct line ready, suspects;
    int freed[DECODE_SLOTS_MAX], n_freed; /* slots whose pixels are done with */
    bool is_fit;                          /* the device answered the probe rightly */
    bool is_closing;
    _Atomic int64_t check_at_us; /* when it is to be asked again */
    _Atomic int64_t network_us, measure_us, batches, computed;
    _Atomic int64_t longest_us;       /* processor time of an image apart that was well */
    _Atomic bool is_timed;            /* longest_us is of whole images, not of plans alone */
    _Atomic bool has_failed;          /* an image apart, and it may be to blame */
    _Atomic int64_t longest_batch_us; /* in this process */
    _Atomic int64_t moved;            /* signs of life of processes apart */
    _Atomic int64_t apart_left;       /* images to compute apart though nobody asked for it */
    _Atomic int64_t pixels_max;       /* of the inputs of a batch together: what was found to fit */
    struct committer *committer;
    int n_lanes, n_started; /* those for suspects last */
    struct lane lane[];
};

static int64_t pixels_of(const struct item *item)
{
    return (int64_t)item->input_w * item->input_h;
}

static int batch_max(struct lanes *l, const struct item *item)
{
    int64_t fits = l->pixels_max / pixels_of(item);

    return fits < 1 ? 1 : fits < l->config.batch ? (int)fits : l->config.batch;
}

static bool is_for_trials(const struct lane *lane)
{
    return lane->line == &lane->owner->suspects;
}

/* The item that is ready longest and as many like it as fit. Blocks; 0 when closing. */
static int take_batch(struct lane *lane, struct item **batch)
{
    struct lanes *l = lane->owner;
    struct item_list *items = &lane->line->items;
    struct item *next;
    int n = 0;

    pthread_mutex_lock(&l->lock);
    while ((!items->head || !l->is_fit) && !l->is_closing)
        pthread_cond_wait(&lane->line->added, &l->lock);
    if (!l->is_closing)
        batch[n++] = item_list_pop(items);
    int max = !n ? 0 : is_for_trials(lane) ? 1 : batch_max(l, batch[0]);
    while (n < max && (next = item_list_take_like(items, batch[0])))
        batch[n++] = next;
    pthread_mutex_unlock(&l->lock);
    return n;
}

static void push(struct lanes *l, struct line *line, struct item *item)
{
    pthread_mutex_lock(&l->lock);
    item_list_push(&line->items, item);
    pthread_cond_signal(&line->added);
    pthread_mutex_unlock(&l->lock);
}

/* The pixels were all used: the slot is free while the item is being committed. */
static void hand_over(struct lanes *l, struct item *item)
{
    pthread_mutex_lock(&l->lock);
    l->freed[l->n_freed++] = item->decoded.slot;
    pthread_mutex_unlock(&l->lock);
    l->config.on_finished(l->config.ctx);
    committer_push(l->committer, item);
}

/* ---- the device ---- */

static void set_fit(struct lanes *l, bool is_fit)
{
    l->check_at_us = clock_mono_us() + (int64_t)l->config.check_seconds * 1000000;
    pthread_mutex_lock(&l->lock);
    l->is_fit = is_fit;
    pthread_cond_broadcast(&l->ready.added);
    pthread_cond_broadcast(&l->suspects.added);
    pthread_mutex_unlock(&l->lock);
}

/* No lane begins another batch, and the process is told to end. */
static void break_off(struct lanes *l, int exit_status)
{
    set_fit(l, false);
    l->config.on_broken(l->config.ctx, exit_status);
}

/* ---- a batch ---- */

/* The bytes that were decoded must be the bytes that were handed in: a hard-linked original can
 * be written to by its owner. */
static int check_unchanged(const struct item *item, struct err *err)
{
    char hex[SHA256_HEX_SIZE];

    if (sha256_hex_fd_at_start(hex, item->fd, err))
        return -1;
    if (strcmp(hex, item->image.sha256) != 0)
        return err_set(err, ERR_INPUT, "not the bytes that were handed in");
    return 0;
}

static int finish_entry(struct lane *lane, struct item *item, struct err *err)
{
    struct image_entry *entry = &lane->entry;

    entry->width = item->decoded.width;
    entry->height = item->decoded.height;
    item->entry = entry_to_json(entry);
    if (!item->entry)
        return err_set(err, ERR_NOMEM, "image entry as JSON");
    item->status = RESULT_DONE;
    item->malignant_probability = entry->measures.malignant_probability;
    snprintf(item->risk, sizeof(item->risk), "%s", risk_word(entry->decision.risk));
    return 0;
}

static int measure_item(struct lane *lane, int i, struct item *item, struct err *err)
{
    struct image_entry *entry = &lane->entry;
    struct lesion_input in;

    entry_begin(entry, item->image.file, item->image.stem, item->image.sha256);
    entry->network_size = lane->analyst.size;
    analyst_lesion_input(&lane->analyst, i, &item->decoded, item->image.mm_per_px, &in);
    if (check_unchanged(item, err) ||
        analyst_judge(&lane->analyst, &in, item->image.is_duplicate, &entry->measures,
                      &entry->decision, err) ||
        record_pictures(&lane->scratch, item, &in, &entry->measures, err))
        return -1;
    return finish_entry(lane, item, err);
}

/* An error while measuring: the original changed under us (the item is set aside), or trouble of
 * this machine (it goes back to the scheduler). */
static void settle_failure(struct item *item, const struct err *err)
{
    if (err->code == ERR_INPUT)
        item_set_aside(item, REASON_CHANGED, err->msg);
    else
        item_give_back(item, STAGE_MEASURE, err);
}

static int run_network(struct lane *lane, struct item **items, int n, struct err *err)
{
    const struct decoded *pictures[ANALYST_BATCH_MAX];

    for (int i = 0; i < n; i++)
        pictures[i] = &items[i]->decoded;
    return items[0]->is_fine ? analyst_refine(&lane->analyst, pictures, n,
                                              lane->owner->config.subject->plan->fine, err)
                             : analyst_segment(&lane->analyst, pictures, n, err);
}

/* Back to the end of the line, so that fine passes gather into batches as well. */
static void ask_for_fine_pass(struct lanes *l, struct item *item)
{
    struct frame frame = refine_frame(&item->decoded, l->config.subject->plan->fine);

    item->is_fine = true;
    item->input_w = frame.padded.w;
    item->input_h = frame.padded.h;
    push(l, &l->ready, item);
}

/* What follows a pass of the network over picture `i`. */
static void conclude(struct lane *lane, int i, struct item *item)
{
    struct err err = {0};

    if (!item->is_fine && analyst_is_doubtful(&lane->analyst, i, &item->decoded)) {
        ask_for_fine_pass(lane->owner, item);
        return;
    }
    item->outcome = WIRE_DONE;
    if (measure_item(lane, i, item, &err))
        settle_failure(item, &err);
    lane->owner->computed++;
    hand_over(lane->owner, item);
}

static void give_back(struct lanes *l, struct item *item, const struct err *err)
{
    item_give_back(item, STAGE_NETWORK, err);
    hand_over(l, item);
}

static void give_back_all(struct lanes *l, struct item **items, int n, const struct err *err)
{
    for (int i = 0; i < n; i++)
        give_back(l, items[i], err);
}

/* Another lane may have found less to fit meanwhile. */
static void remember_fit(struct lanes *l, const struct item *item, int n, const struct err *err)
{
    int64_t fits = n * pixels_of(item), max = l->pixels_max;
    char text[300];

    while (fits < max)
        if (atomic_compare_exchange_weak(&l->pixels_max, &max, fits)) {
            log_event(LOG_WARN, "batch.halved", "batch=%d width=%d height=%d why=%s", n,
                      item->input_w, item->input_h, log_quote(text, sizeof(text), err->msg));
            return;
        }
}

static void raise_to(_Atomic int64_t *top, int64_t to)
{
    int64_t was = *top;

    while (to > was && !atomic_compare_exchange_weak(top, &was, to))
        ;
}

static void run_batch(struct lane *lane, struct item **items, int n)
{
    struct lanes *l = lane->owner;
    struct err err = {0};

    int64_t start = clock_mono_us();
    last_stage_note(l->config.last_stage, STAGE_NETWORK);
    int failed = run_network(lane, items, n, &err);
    int64_t middle = clock_mono_us();
    l->network_us += middle - start;
    if (failed && err.code == ERR_NOMEM && n > 1) {
        remember_fit(l, items[0], n / 2, &err);
        run_batch(lane, items, n / 2);
        run_batch(lane, items + n / 2, n - n / 2);
        return;
    }
    if (failed)
        give_back_all(l, items, n, &err);
    last_stage_note(l->config.last_stage, STAGE_MEASURE);
    for (int i = 0; !failed && i < n; i++)
        conclude(lane, i, items[i]);
    int64_t now = clock_mono_us();
    l->measure_us += now - middle;
    raise_to(&l->longest_batch_us, now - start);
    l->batches++;
    if (failed && err.code == ERR_DEVICE)
        break_off(l, STATUS_DEVICE);
}

/* ---- a batch in processes apart ---- */

/* Both passes at once: what waits in line would be lost with the process. */
static void compute_apart(void *ctx, struct item *item)
{
    struct lane *lane = ctx;
    const struct decoded *picture = &item->decoded;
    const struct size_plan *plan = lane->owner->config.subject->plan;
    struct err err = {0};

    last_stage_note(lane->apart.stage, STAGE_NETWORK);
    if (analyst_segment(&lane->analyst, &picture, 1, &err) ||
        (analyst_is_doubtful(&lane->analyst, 0, picture) &&
         analyst_refine(&lane->analyst, &picture, 1, plan->fine, &err))) {
        item_give_back(item, STAGE_NETWORK, &err);
        return;
    }
    last_stage_note(lane->apart.stage, STAGE_MEASURE);
    item->outcome = WIRE_DONE;
    if (measure_item(lane, 0, item, &err))
        settle_failure(item, &err);
}

static bool goes_on(void *ctx, bool has_moved)
{
    struct lanes *l = ((struct lane *)ctx)->owner;

    l->moved += has_moved;
    pthread_mutex_lock(&l->lock);
    bool is_closing = l->is_closing;
    pthread_mutex_unlock(&l->lock);
    return !is_closing;
}

/* The plan for a shape outlives the processes apart only when it was made here, and only a new one has it;
 * made, it also tells how long an image takes. What fails here fails there again, and is told of then. */
static void warm_up_shape(struct lane *lane, int w, int h)
{
    struct err ignored = {0};

    for (int i = 0; i < lane->n_warm && i < WARM_MAX; i++)
        if (lane->warm[i].w == w && lane->warm[i].h == h)
            return;
    lane->warm[lane->n_warm++ % WARM_MAX] = (struct warm_shape){w, h};
    apart_end(&lane->apart);
    if (analyst_warm_up(&lane->analyst, w, h, &ignored))
        return;
    int64_t start = clock_cpu_us();
    if (!analyst_warm_up(&lane->analyst, w, h, &ignored))
        raise_to(&lane->owner->longest_us, clock_cpu_us() - start);
}

static void warm_up(struct lane *lane, const struct item *item)
{
    const struct size_plan *plan = lane->owner->config.subject->plan;

    warm_up_shape(lane, item->decoded.network.w, item->decoded.network.h);
    if (plan) {
        struct frame fine = refine_frame(&item->decoded, plan->fine);
        warm_up_shape(lane, fine.padded.w, fine.padded.h);
    }
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Processor time that it may take apart, ms. As long as nothing was to blame nobody is hurried. */
static int64_t bound_ms(const struct lane *lane, const struct item *item)
{
    const struct lanes *l = lane->owner;
    int64_t longest_us = l->longest_us;
    bool is_hurried = l->is_timed && (item->is_careful || l->has_failed);

    if (is_for_trials(lane) || !is_hurried)
        return apart_patience_ms(item, longest_us);
    return most(SLOW_MS, SLOW_TIMES * longest_us / 1000) + (lane->apart.pid ? 0 : FRESH_MS);
}

/* What the scheduler sends from now on it wants done carefully; what is here already it cannot mark. */
static void count_apart(struct lanes *l, const struct item *item)
{
    bool is_blow =
        item->outcome == WIRE_FAILED && (item->err.code == ERR_BUG || item->err.code == ERR_LIMIT);

    if (is_blow) {
        l->has_failed = true;
        raise_to(&l->apart_left, *l->config.held);
    } else if (l->apart_left > 0) {
        l->apart_left--;
    }
}

static void run_apart(struct lane *lane, struct item *item)
{
    struct lanes *l = lane->owner;
    bool is_trial = is_for_trials(lane);
    int64_t start = clock_mono_us();

    warm_up(lane, item);
    bool is_fresh = !lane->apart.pid;
    lane->apart.is_behind = is_trial && *l->config.sound;
    int64_t cpu_us = apart_run(&lane->apart, item, bound_ms(lane, item));
    if (cpu_us && (is_trial || !is_fresh)) {
        raise_to(&l->longest_us, cpu_us);
        l->is_timed = true;
    }
    if (is_trial)
        apart_end(&lane->apart); /* what is tried alone inherits nothing */
    else
        count_apart(l, item);
    l->network_us += clock_mono_us() - start;
    l->computed += item->outcome == WIRE_DONE;
    bool is_lost = !is_trial && item->outcome == WIRE_FAILED && item->err.code == ERR_DEVICE;
    hand_over(l, item);
    if (is_lost)
        break_off(l, STATUS_DEVICE);
}

static bool is_apart(const struct lane *lane, struct item *const *items, int n)
{
    bool is_asked = lane->owner->apart_left > 0;

    for (int i = 0; i < n; i++)
        is_asked = is_asked || items[i]->is_alone || items[i]->is_careful;
    return is_asked && lane->apart.stage;
}

static void run(struct lane *lane, struct item **items, int n)
{
    if (is_apart(lane, items, n)) {
        for (int i = 0; i < n; i++)
            run_apart(lane, items[i]);
        lane->owner->batches++;
        return;
    }
    apart_end(&lane->apart);
    lane->turn++;
    run_batch(lane, items, n);
    lane->turn++;
}

/* -1: the process is told to end, and what this lane holds should go back. */
static int check_device(struct lane *lane, struct err *err)
{
    struct lanes *l = lane->owner;
    const struct engine_facts *facts = engine_facts(l->config.subject->engine);
    struct probe_gap gap = {0};
    char text[300];

    int failed =
        probe_run(l->config.subject->probe, lane->analyst.stream, facts->precision, &gap, err);
    if (!failed && gap.is_right) {
        set_fit(l, true);
        return 0;
    }
    if (!failed)
        err_set(
            err, ERR_DEVICE,
            "%s computes wrongly in %s: %.2f %% of a known picture's classes differ from f32; if "
            "the model is new, try --precision f32",
            facts->device, facts->precision, 100 * gap.map);
    log_event(LOG_ERROR, "device.check", "device=%s precision=%s map=%.4f scores=%.4f why=%s",
              facts->device, facts->precision, gap.map, gap.scores,
              log_quote(text, sizeof(text), err->msg));
    break_off(l, failed ? STATUS_DEVICE : STATUS_UNFIT);
    return -1;
}

/* One lane asks, for the device that all share. */
static bool is_check_due(struct lanes *l)
{
    int64_t at = l->check_at_us;

    return clock_mono_us() >= at && atomic_compare_exchange_strong(&l->check_at_us, &at, INT64_MAX);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    struct lanes *l = lane->owner;
    struct item *batch[ANALYST_BATCH_MAX];
    struct err err = {0};
    int n;

    if (analyst_open(&lane->analyst, l->config.subject, &err)) {
        char text[300];
        log_event(LOG_ERROR, "lane.open", "text=%s", log_quote(text, sizeof(text), err.msg));
        l->config.on_broken(l->config.ctx, status_of_broken(&err));
        return NULL;
    }
    if (lane == &l->lane[0])
        check_device(lane, &err);
    while ((n = take_batch(lane, batch)))
        if (is_check_due(l) && check_device(lane, &err))
            give_back_all(l, batch, n, &err);
        else
            run(lane, batch, n);
    apart_end(&lane->apart);
    analyst_close(&lane->analyst);
    return NULL;
}

static int open_stage(struct lane *lane, struct err *err)
{
    int fd;

    if (last_stage_new(&lane->apart.stage, &fd, err))
        return -1;
    close(fd); /* a fork has the page */
    return 0;
}

static int start_threads(struct lanes *l, struct err *err)
{
    for (int i = 0; i < l->n_lanes; i++, l->n_started++) {
        struct lane *lane = &l->lane[i];
        lane->owner = l;
        lane->line = i < l->config.lanes ? &l->ready : &l->suspects;
        lane->apart = (struct apart){.is_trial = i >= l->config.lanes,
                                     .ctx = lane,
                                     .compute = compute_apart,
                                     .goes_on = goes_on};
        if (record_scratch_init(&lane->scratch, err) ||
            (l->config.isolates && open_stage(lane, err)))
            return -1;
        if (pthread_create(&lane->thread, NULL, lane_main, lane))
            return err_set(err, ERR_AGAIN, "lane %d: no thread", i);
    }
    return 0;
}

int lanes_open(struct lanes **out, const struct lanes_config *config, struct err *err)
{
    int trials = !config->isolates ? 0 : config->lanes < TRIALS_MAX ? config->lanes : TRIALS_MAX;
    int n_lanes = config->lanes + trials;
    struct lanes *l = calloc(1, sizeof(*l) + (size_t)n_lanes * sizeof(l->lane[0]));

    if (!l)
        return err_set(err, ERR_NOMEM, "lanes");
    l->config = *config;
    l->n_lanes = n_lanes;
    l->apart_left = FIRST_APART;
    l->pixels_max = l->check_at_us = INT64_MAX; /* the first check is lane 0's, at once */
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->ready.added, NULL);
    pthread_cond_init(&l->suspects.added, NULL);
    const struct committer_config commit = {
        .model = config->model,
        .held = config->held,
        .on_finished = config->on_finished,
        .ctx = config->ctx,
    };
    if (committer_open(&l->committer, &commit, err) || start_threads(l, err)) {
        lanes_close(l);
        return -1;
    }
    *out = l;
    return 0;
}

void lanes_close(struct lanes *l)
{
    struct item *item;

    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->is_closing = true;
    pthread_cond_broadcast(&l->ready.added);
    pthread_cond_broadcast(&l->suspects.added);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_started; i++)
        pthread_join(l->lane[i].thread, NULL);
    committer_close(l->committer);
    for (int i = 0; i < l->n_lanes; i++) {
        record_scratch_release(&l->lane[i].scratch);
        last_stage_free(l->lane[i].apart.stage);
    }
    while ((item = item_list_pop(&l->ready.items)) || (item = item_list_pop(&l->suspects.items)))
        item_free(item);
    pthread_cond_destroy(&l->ready.added);
    pthread_cond_destroy(&l->suspects.added);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void lanes_submit(struct lanes *l, struct item *item)
{
    item->state = ITEM_READY;
    item->input_w = item->decoded.network.w;
    item->input_h = item->decoded.network.h;
    push(l, item->is_alone && l->config.isolates ? &l->suspects : &l->ready, item);
}

void lanes_commit(struct lanes *l, struct item *item)
{
    item->state = ITEM_COMMITTING;
    committer_push(l->committer, item);
}

struct item *lanes_finished(struct lanes *l)
{
    return committer_finished(l->committer);
}

bool lanes_are_settled(struct lanes *l)
{
    return committer_is_empty(l->committer);
}

bool lanes_are_fit(struct lanes *l)
{
    pthread_mutex_lock(&l->lock);
    bool is_fit = l->is_fit;
    pthread_mutex_unlock(&l->lock);
    return is_fit;
}

static bool is_stuck(struct lane *lane, int ticks_max)
{
    unsigned turn = lane->turn;

    lane->ticks_seen = turn % 2 && turn == lane->turn_seen ? lane->ticks_seen + 1 : 0;
    lane->turn_seen = turn;
    return lane->ticks_seen > ticks_max;
}

bool lanes_are_stuck(struct lanes *l, int tick_ms)
{
    int64_t longest_us = most(l->config.batch * l->longest_us, l->longest_batch_us);
    int64_t ticks = most(STUCK_TICKS, STUCK_TIMES * longest_us / 1000 / tick_ms);
    bool is_any = false;

    /* Before the first image nobody knows how long one takes, nor when a GPU makes plans. */
    for (int i = 0; longest_us && l->config.isolates && i < l->config.lanes; i++)
        is_any = is_stuck(&l->lane[i], (int)ticks) || is_any;
    return is_any;
}

bool lanes_have_moved(struct lanes *l)
{
    return atomic_exchange(&l->moved, 0) > 0;
}

int lanes_freed_slot(struct lanes *l)
{
    pthread_mutex_lock(&l->lock);
    int slot = l->n_freed ? l->freed[--l->n_freed] : -1;
    pthread_mutex_unlock(&l->lock);
    return slot;
}

void lanes_stats(struct lanes *l, struct wire_stage_stats stages[STAGE_COUNT])
{
    pthread_mutex_lock(&l->lock);
    int ready = l->ready.items.length + l->suspects.items.length;
    pthread_mutex_unlock(&l->lock);
    stages[STAGE_BATCH] = (struct wire_stage_stats){.items = l->batches, .lanes = l->config.lanes};
    stages[STAGE_NETWORK] = (struct wire_stage_stats){
        .items = l->computed, .busy_us = l->network_us, .lanes = l->config.lanes, .waiting = ready};
    stages[STAGE_MEASURE] = (struct wire_stage_stats){
        .items = l->computed, .busy_us = l->measure_us, .lanes = l->config.lanes};
}
