#include "train/loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "dataset/sampling.h"

/* A batch in the making, or made. Its pixels are written without the lock: each picture by the thread
 * that took it. */
struct slot {
    uint8_t *rgb, *label;
    int *rows;
    int side;       /* px */
    int done;       /* pictures */
    struct err err; /* of the first picture that failed */
};

struct loader {
    struct loader_config config;
    int *rows;
    float *weights; /* NULL: even */
    int side_max;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t made;  /* a batch is complete, or a thread has nothing at hand any more */
    pthread_cond_t room;  /* a batch was taken, or it is time to stop or to go on */
    /* Batches from `first` on are in slots[i % n_slots]; that of first - 1 is lent out. */
    struct slot *slots;
    int n_slots;
    int64_t first, next; /* iterations: loader_next's, and that of the next picture to take */
    int next_picture;    /* of it */
    int *order;          /* of `epoch` */
    int64_t epoch;       /* -1: none yet */
    int busy;            /* threads with a picture at hand */
    bool is_paused, is_ending;
    pthread_t *threads;
    int n_threads;
};

struct task {
    struct slot *slot;
    int picture; /* of the slot */
    int row;     /* of the cache */
    struct augment_place place;
};

static int side_of(const struct loader *l, int64_t iteration)
{
    struct random r;

    random_begin(&r, l->config.seed, (uint32_t)(iteration >> 32), (uint32_t)iteration, RANDOM_SIZE);
    return l->config.sizes[random_below(&r, l->config.n_sizes)];
}

/* Weights were tried in loader_open, so that no order fails. */
static void want_epoch(struct loader *l, int64_t epoch)
{
    struct err none = {0};

    if (l->epoch != epoch)
        (void)sampling_order(l->order, l->weights, l->config.n, l->config.seed, (uint32_t)epoch,
                             &none);
    l->epoch = epoch;
}

/* Locked. */
static void take(struct loader *l, struct task *t)
{
    int64_t place = l->next * l->config.batch + l->next_picture;
    int64_t epoch = place / l->config.n, index = place % l->config.n;
    struct slot *slot = &l->slots[l->next % l->n_slots];

    if (l->next_picture == 0) {
        slot->side = side_of(l, l->next);
        slot->done = 0;
        slot->err = (struct err){0};
    }
    want_epoch(l, epoch);
    *t = (struct task){
        .slot = slot,
        .picture = l->next_picture,
        .row = l->rows[l->order[index]],
        .place = {.seed = l->config.seed, .epoch = (uint32_t)epoch, .index = (uint32_t)index},
    };
    slot->rows[t->picture] = t->row;
    if (++l->next_picture == l->config.batch) {
        l->next_picture = 0;
        l->next++;
    }
}

static int make_picture(const struct loader *l, const struct task *t, struct augment_room *room,
                        struct err *err)
{
    const struct cache_picture from = cache_picture(l->config.cache, t->row);
    const struct augment_picture picture = {from.rgb, from.label, from.w, from.h};
    size_t pixels = (size_t)t->slot->side * (size_t)t->slot->side, at = (size_t)t->picture * pixels;
    const struct augment_target target = {t->slot->rgb + 3 * at, t->slot->label + at, t->slot->side,
                                          t->slot->side};
    struct augment_plan plan;

    augment_choose(&plan, &l->config.augment, &t->place, &picture, &target);
    if (augment_apply(&plan, &picture, &target, room, err))
        return err_wrap(err, "picture %s", cache_label(l->config.cache, t->row)->id);
    return 0;
}

/* Locked, as when it returns. */
static void work(struct loader *l, struct augment_room *room)
{
    struct task t;
    struct err err = {0};

    take(l, &t);
    l->busy++;
    (void)pthread_mutex_unlock(&l->lock);
    int ret = make_picture(l, &t, room, &err);
    (void)pthread_mutex_lock(&l->lock);
    l->busy--;
    if (ret && t.slot->err.code == ERR_OK)
        t.slot->err = err;
    if (++t.slot->done == l->config.batch || l->is_paused)
        (void)pthread_cond_broadcast(&l->made);
}

static void *thread_main(void *argument)
{
    struct loader *l = argument;
    struct augment_room room = {0};

    (void)pthread_mutex_lock(&l->lock);
    while (!l->is_ending)
        if (l->is_paused || l->next >= l->first + l->config.ahead)
            (void)pthread_cond_wait(&l->room, &l->lock);
        else
            work(l, &room);
    (void)pthread_mutex_unlock(&l->lock);
    augment_room_release(&room);
    return NULL;
}

static bool is_within(int64_t x, int64_t least, int64_t most)
{
    return x >= least && x <= most;
}

static int check(const struct loader_config *c, struct err *err)
{
    if (c->n < 1)
        return err_set(err, ERR_CONFIG, "no pictures to train on");
    if (!is_within(c->batch, 1, LOADER_BATCH_MAX) ||
        !is_within(c->threads, 1, LOADER_THREADS_MAX) ||
        !is_within(c->ahead, 1, LOADER_AHEAD_MAX) || !is_within(c->n_sizes, 1, LOADER_SIZES_MAX))
        return err_set(
            err, ERR_CONFIG,
            "batches of %d, %d threads, %d batches ahead, %d sizes: at least 1, at most %d, "
            "%d, %d, %d",
            c->batch, c->threads, c->ahead, c->n_sizes, LOADER_BATCH_MAX, LOADER_THREADS_MAX,
            LOADER_AHEAD_MAX, LOADER_SIZES_MAX);
    for (int i = 0; i < c->n_sizes; i++)
        if (!is_within(c->sizes[i], 32, AUGMENT_SIDE_MAX))
            return err_set(err, ERR_CONFIG, "size %d: 32 to %d px", c->sizes[i], AUGMENT_SIDE_MAX);
    return 0;
}

static int make_slots(struct loader *l, struct err *err)
{
    size_t batch = (size_t)l->config.batch;
    size_t pixels = batch * (size_t)l->side_max * (size_t)l->side_max;

    l->n_slots = l->config.ahead + 1;
    l->slots = calloc((size_t)l->n_slots, sizeof(*l->slots));
    for (int i = 0; l->slots && i < l->n_slots; i++) {
        struct slot *s = &l->slots[i];
        s->rgb = malloc(4 * pixels); /* the labels behind */
        s->label = s->rgb ? s->rgb + 3 * pixels : NULL;
        s->rows = malloc(batch * sizeof(*s->rows));
        if (!s->rgb || !s->rows)
            return err_set(err, ERR_NOMEM, "no memory for %d batches of %d pictures of %d px",
                           l->n_slots, l->config.batch, l->side_max);
    }
    return l->slots ? 0 : err_set(err, ERR_NOMEM, "no memory for %d batches", l->n_slots);
}

static int copy_config(struct loader *l, struct err *err)
{
    const struct loader_config *c = &l->config;
    size_t n = (size_t)c->n;

    for (int i = 0; i < c->n_sizes; i++)
        l->side_max = c->sizes[i] > l->side_max ? c->sizes[i] : l->side_max;
    l->rows = malloc(n * sizeof(*l->rows));
    l->order = malloc(n * sizeof(*l->order));
    l->weights = c->weights ? malloc(n * sizeof(*l->weights)) : NULL;
    l->threads = malloc((size_t)c->threads * sizeof(*l->threads));
    if (!l->rows || !l->order || !l->threads || (c->weights && !l->weights))
        return err_set(err, ERR_NOMEM, "no memory for the order of %d pictures", c->n);
    memcpy(l->rows, c->rows, n * sizeof(*l->rows));
    if (c->weights)
        memcpy(l->weights, c->weights, n * sizeof(*l->weights));
    l->config.rows = l->rows;
    l->config.weights = l->weights;
    l->epoch = 0;
    return sampling_order(l->order, l->weights, c->n, c->seed, 0, err);
}

/* Signals are for the thread that opened the loader. */
static int start_threads(struct loader *l, struct err *err)
{
    sigset_t all, before;
    int failed = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!failed && l->n_threads < l->config.threads) {
        failed = pthread_create(&l->threads[l->n_threads], NULL, thread_main, l);
        l->n_threads += !failed;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? err_set(err, ERR_AGAIN, "loader thread %d of %d: %s", l->n_threads + 1,
                            l->config.threads, strerror(failed))
                  : 0;
}

int loader_open(struct loader **out, const struct loader_config *config, struct err *err)
{
    if (check(config, err))
        return -1;
    struct loader *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(err, ERR_NOMEM, "no memory for a loader");
    l->config = *config;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->made, NULL);
    (void)pthread_cond_init(&l->room, NULL);
    if (copy_config(l, err) || make_slots(l, err) || start_threads(l, err)) {
        loader_close(l);
        return -1;
    }
    *out = l;
    return 0;
}

void loader_close(struct loader *l)
{
    if (!l)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->is_ending = true;
    (void)pthread_cond_broadcast(&l->room);
    (void)pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++)
        (void)pthread_join(l->threads[i], NULL);
    for (int i = 0; l->slots && i < l->n_slots; i++) {
        free(l->slots[i].rgb);
        free(l->slots[i].rows);
    }
    (void)pthread_cond_destroy(&l->room);
    (void)pthread_cond_destroy(&l->made);
    (void)pthread_mutex_destroy(&l->lock);
    free(l->slots);
    free(l->rows);
    free(l->order);
    free(l->weights);
    free(l->threads);
    free(l);
}

/* Locked. */
static bool is_made(const struct loader *l)
{
    return l->next > l->first && l->slots[l->first % l->n_slots].done == l->config.batch;
}

int loader_next(struct loader *l, struct batch *out, struct err *err)
{
    (void)pthread_mutex_lock(&l->lock);
    while (!is_made(l))
        (void)pthread_cond_wait(&l->made, &l->lock);
    const struct slot *s = &l->slots[l->first % l->n_slots];
    bool is_failed = s->err.code != ERR_OK;
    if (!is_failed) {
        *out = (struct batch){
            .iteration = l->first,
            .n = l->config.batch,
            .w = s->side,
            .h = s->side,
            .rgb = s->rgb,
            .label = s->label,
            .rows = s->rows,
        };
        l->first++;
        (void)pthread_cond_broadcast(&l->room);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return is_failed ? err_set(err, s->err.code, "%s", s->err.msg) : 0;
}

const void *loader_memory(const struct loader *l, int i, size_t *bytes)
{
    *bytes = 4 * (size_t)l->config.batch * (size_t)l->side_max * (size_t)l->side_max;
    return i < l->n_slots ? l->slots[i].rgb : NULL;
}

void loader_seek(struct loader *l, int64_t iteration)
{
    (void)pthread_mutex_lock(&l->lock);
    l->is_paused = true;
    while (l->busy)
        (void)pthread_cond_wait(&l->made, &l->lock);
    l->first = l->next = iteration;
    l->next_picture = 0;
    l->is_paused = false;
    (void)pthread_cond_broadcast(&l->room);
    (void)pthread_mutex_unlock(&l->lock);
}
