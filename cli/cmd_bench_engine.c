/* cmd_bench_engine.c -- `lentigo bench engine`: images a second of the network alone.
 *
 * One thread per stream, all at once, as a worker runs them. A round is at least ROUND_MS long on
 * every stream; its figure is wall time over all images of all streams. The median of the rounds is
 * reported with the best and the worst. The pictures are drawn, the class maps are looked at by
 * nobody. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_engine.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/place.h"
#include "engine/engine_debug.h"

enum { ROUND_MS = 1000, WARM_RUNS = 2, LAYER_RUNS = 20 };

struct bench {
    const struct settings *settings;
    struct model *model;
    struct engine *engine;
    int size, streams;
    uint8_t *rgb;
    pthread_mutex_t gate;      /* held until all threads are there, or one could not be made */
    bool cancelled;            /* the latter; written behind the gate */
    pthread_barrier_t barrier; /* before and after each round */
    double *round_ms;          /* ms per image of all streams together; by thread 0 */
};

struct lane {
    struct bench *bench;
    int index;
    pthread_t thread;
    struct engine_stream *stream;
    struct engine_image *images;
    uint8_t *maps; /* of all images */
    long done;     /* images of this round */
    double layer_ms[LAYER_COUNT + 1];
    struct lane *all;
    struct err err;
};

static uint8_t *draw(int size)
{
    uint8_t *rgb = malloc((size_t)size * (size_t)size * 3);

    for (int i = 0; rgb && i < size * size; i++) {
        int x = i % size - size / 2, y = i / size - size / 2;
        int lesion = x * x + y * y < size * size / 12;
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)((lesion ? 110 : 210) - 20 * c + (x * 7 + y * 13) % 11);
    }
    return rgb;
}

static int run_once(struct lane *l)
{
    const struct bench *b = l->bench;

    return engine_run(l->stream, b->size, b->size, l->images, (int)b->settings->batch, &l->err);
}

/* As a worker does it; without it a GPU's figures contain copies. */
static void pin(const struct bench *b, const uint8_t *bytes, size_t n)
{
    struct err unpinned = {0};

    (void)engine_pin(b->engine, bytes, n, &unpinned);
}

static int lane_open(struct lane *l)
{
    const struct bench *b = l->bench;
    size_t batch = (size_t)b->settings->batch, pixels = (size_t)b->size * (size_t)b->size;

    l->images = calloc(batch, sizeof(*l->images));
    l->maps = malloc(batch * pixels);
    if (!l->images || !l->maps)
        return err_set(&l->err, ERR_NOMEM, "out of memory for %zu images", batch);
    for (size_t i = 0; i < batch; i++)
        l->images[i] = (struct engine_image){.rgb = b->rgb,
                                             .content_w = b->size,
                                             .content_h = b->size,
                                             .class_map = l->maps + i * pixels};
    pin(b, l->maps, batch * pixels);
    if (engine_stream_open(&l->stream, b->engine, &l->err))
        return -1;
    for (int i = 0; i < WARM_RUNS; i++)
        if (run_once(l))
            return -1;
    return 0;
}

static void lane_close(struct lane *l)
{
    engine_stream_close(l->stream);
    engine_unpin(l->bench->engine, l->maps);
    free(l->maps);
    free(l->images);
}

static void run_round(struct lane *l)
{
    int64_t start = clock_mono_us();

    l->done = 0;
    do {
        if (l->err.code || run_once(l))
            return;
        l->done += l->bench->settings->batch;
    } while (clock_mono_us() - start < INT64_C(1000) * ROUND_MS);
}

/* The fastest of several runs for each layer. */
static void time_layers(struct lane *l)
{
    for (int run = 0; run < LAYER_RUNS && !l->err.code && !run_once(l); run++) {
        const double *ms = engine_debug_ms(l->stream);
        for (int i = 0; i <= LAYER_COUNT; i++)
            if (!run || ms[i] < l->layer_ms[i])
                l->layer_ms[i] = ms[i];
    }
}

static void *lane_main(void *argument)
{
    struct lane *l = argument;
    struct bench *b = l->bench;

    pthread_mutex_lock(&b->gate);
    bool cancelled = b->cancelled;
    pthread_mutex_unlock(&b->gate);
    if (cancelled)
        return NULL;
    lane_open(l); /* a failure is in l->err; the barriers are kept all the same */
    for (long round = 0; round < b->settings->rounds; round++) {
        pthread_barrier_wait(&b->barrier);
        int64_t start = clock_mono_us();
        run_round(l);
        pthread_barrier_wait(&b->barrier);
        if (l->index)
            continue;
        long done = 0;
        for (int i = 0; i < b->streams; i++)
            done += l->all[i].done;
        b->round_ms[round] = done ? (double)(clock_mono_us() - start) / 1e3 / (double)done : 0;
    }
    if (!l->index && b->settings->layers)
        time_layers(l);
    lane_close(l);
    return NULL;
}

static void print_result(const struct bench *b)
{
    const struct engine_facts *facts = engine_facts(b->engine);
    const struct settings *s = b->settings;
    long rounds = s->rounds;

    double median = bench_median(b->round_ms, (int)rounds);
    bench_print(json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i}", "what",
                          "engine", "size", b->size, "batch", (int)s->batch, "precision",
                          facts->precision, "device", facts->device, "backend", facts->backend,
                          "ms_per_image", json_rounded(median, 3), "images_per_s",
                          json_rounded(1000 / median, 1), "best", json_rounded(b->round_ms[0], 3),
                          "worst", json_rounded(b->round_ms[rounds - 1], 3), "streams", b->streams,
                          "threads", (int)(s->threads ? s->threads : 1)),
                s->json);
}

/* A line for each step: its time beside what oneDNN's own convolution takes alone. */
static int print_layers(const struct bench *b, const struct lane *l, struct err *err)
{
    const char *precision = engine_facts(b->engine)->precision;
    struct engine_limit limit[LAYER_COUNT] = {0};
    bool known = !strcmp(engine_facts(b->engine)->backend, "onednn");

    if (known &&
        engine_debug_limit(precision, b->size, b->size, (int)b->settings->rounds, limit, err))
        return -1;
    for (int i = 0; i <= LAYER_COUNT; i++) {
        double ms = l->layer_ms[i] / (double)b->settings->batch;
        struct layer_work work = bench_layer_work(i, b->size, precision);
        if (!(ms > 0))
            continue;
        json_t *line =
            json_pack("{s:s, s:s, s:o, s:o, s:o}", "what", "layer", "layer",
                      i < LAYER_COUNT ? network[i].name : "resize and classes", "ms",
                      json_rounded(ms, 4), "gflops", json_rounded(work.gflop / (ms / 1e3), 1), "mb",
                      json_rounded(work.bytes / 1e6, 3));
        if (i < LAYER_COUNT && limit[i].ms > 0) {
            json_put(&line, "limit_ms", json_rounded(limit[i].ms, 4));
            json_put(&line, "share_of_limit", json_rounded(limit[i].ms / ms, 3));
        }
        bench_print(line, b->settings->json);
    }
    return 0;
}

static int start_lanes(struct bench *b, struct lane *lanes, struct err *err)
{
    int started = 0;

    pthread_mutex_lock(&b->gate);
    for (; started < b->streams && !b->cancelled; started++) {
        lanes[started] = (struct lane){.bench = b, .index = started, .all = lanes};
        b->cancelled =
            pthread_create(&lanes[started].thread, NULL, lane_main, &lanes[started]) != 0;
    }
    if (b->cancelled)
        err_set(err, ERR_AGAIN, "thread %d of %d cannot be started", started--, b->streams);
    pthread_mutex_unlock(&b->gate);
    return started;
}

static int run_lanes(struct bench *b, struct err *err)
{
    struct lane *lanes = calloc((size_t)b->streams, sizeof(*lanes));

    if (!lanes)
        return err_set(err, ERR_NOMEM, "out of memory for %d threads", b->streams);
    pthread_mutex_init(&b->gate, NULL);
    pthread_barrier_init(&b->barrier, NULL, (unsigned)b->streams);
    int started = start_lanes(b, lanes, err);
    for (int i = 0; i < started; i++) {
        pthread_join(lanes[i].thread, NULL);
        if (lanes[i].err.code && !err->code)
            *err = lanes[i].err;
    }
    if (!err->code) {
        print_result(b);
        if (b->settings->layers)
            (void)print_layers(b, &lanes[0], err); /* a failure is in err */
    }
    pthread_barrier_destroy(&b->barrier);
    pthread_mutex_destroy(&b->gate);
    free(lanes);
    return err->code ? -1 : 0;
}

static int run_bench(struct bench *b, struct err *err)
{
    const struct settings *s = b->settings;
    char folder[SETTINGS_PATH_SIZE];
    struct engine_config config = {.backend = s->backend,
                                   .precision = s->precision,
                                   .device = s->device,
                                   .threads = (int)s->threads};

    if (s->size == SETTINGS_AUTO)
        return err_set(err, ERR_CONFIG, "bench engine measures one --size, not auto");
    if (place_model(folder, s->model, err) || model_open(&b->model, folder, err) ||
        engine_open(&b->engine, b->model, &config, err))
        return -1;
    b->size = s->size ? (int)s->size : model_card(b->model)->size;
    b->streams = (int)(s->jobs ? s->jobs : sysconf(_SC_NPROCESSORS_ONLN));
    b->rgb = draw(b->size);
    b->round_ms = calloc((size_t)s->rounds, sizeof(*b->round_ms));
    if (!b->rgb || !b->round_ms)
        return err_set(err, ERR_NOMEM, "out of memory for pictures of %d px", b->size);
    pin(b, b->rgb, (size_t)b->size * (size_t)b->size * 3);
    return run_lanes(b, err);
}

int cmd_bench_engine(const struct settings *s, int argc, char **argv)
{
    struct bench b = {.settings = s};
    struct err err = {0};

    (void)argv;
    if (argc > 0) {
        fprintf(stderr, "lentigo: usage: lentigo bench engine [--size N] [--batch N] [--jobs N]\n");
        return STATUS_USAGE;
    }
    int ret = run_bench(&b, &err);
    engine_close(b.engine); /* which has the pictures pinned */
    free(b.round_ms);
    free(b.rgb);
    model_close(b.model);
    if (!ret)
        return STATUS_OK;
    fprintf(stderr, "lentigo: %s\n", err.msg);
    return err.code == ERR_CONFIG ? STATUS_CONFIG : STATUS_UNFINISHED;
}
