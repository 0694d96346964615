/* mixed.c -- gpu_mixed MODEL DEVICE PRECISION SECONDS STREAMS: shapes and batches in any order.
 *
 * Each stream first runs every case of the table WARM_PASSES times: what is made for a shape is made
 * then, and the class map of the first image is kept. When all have, {"what":"warm"} is printed and cases
 * follow at random until SECONDS after the start are over; each answer must be the kept one but for
 * LIMIT_PIXELS (another batch may mean another plan). Then {"what":"mixed", ...} is printed and a
 * line, or the end, of stdin waited for, so that who measures memory from outside can do so.
 * Status 1 after an error or a wrong answer. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "engine/engine.h"
#include "tests/gpu/line.h"

enum { BATCH_MAX = 16, STREAMS_MAX = 16, SIDE_MAX = 512, WARM_PASSES = 3 };
static const double LIMIT_PIXELS = 0.01;

static const struct mixed_case {
    int w, h, batch;
} cases[] = {
    {512, 512, BATCH_MAX},
    {512, 384, 8        },
    {384, 512, 3        },
    {512, 512, 1        },
    {256, 256, BATCH_MAX},
    {256, 192, 5        },
    {224, 256, 1        },
    {512, 352, 2        },
};
enum { CASES = sizeof(cases) / sizeof(*cases) };

struct mixed {
    struct engine *engine;
    const uint8_t *rgb; /* one picture, of which each shape takes as much as it needs */
    int64_t end_us;
    pthread_barrier_t warm;
};

struct lane {
    struct mixed *all;
    pthread_t thread;
    unsigned seed;
    struct engine_stream *stream;
    struct engine_image images[BATCH_MAX];
    uint8_t *first[CASES];
    long runs, images_done, wrong;
    struct err err;
};

static uint8_t *draw(void)
{
    uint8_t *rgb = malloc((size_t)3 * SIDE_MAX * SIDE_MAX);

    for (int i = 0; rgb && i < SIDE_MAX * SIDE_MAX; i++) {
        int x = i % SIDE_MAX - 180, y = i / SIDE_MAX - 160;
        int inside = x * x + y * y * 3 / 2 < 100 * 100;
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)((inside ? 112 : 214) - 30 * c + ((x * 7 + y * 13) & 15));
    }
    return rgb;
}

static int run_case(struct lane *l, const struct mixed_case *c)
{
    for (int i = 0; i < c->batch; i++) {
        l->images[i].rgb = l->all->rgb;
        l->images[i].content_w = c->w;
        l->images[i].content_h = c->h;
    }
    l->runs++;
    l->images_done += c->batch;
    return engine_run(l->stream, c->w, c->h, l->images, c->batch, &l->err);
}

static bool is_as_first(const struct lane *l, int k, int image)
{
    size_t pixels = (size_t)cases[k].w * (size_t)cases[k].h, differ = 0;

    for (size_t i = 0; i < pixels; i++)
        differ += l->first[k][i] != l->images[image].class_map[i];
    return (double)differ <= LIMIT_PIXELS * (double)pixels;
}

static int lane_open(struct lane *l)
{
    for (int i = 0; i < BATCH_MAX; i++) {
        l->images[i].class_map = malloc((size_t)SIDE_MAX * SIDE_MAX);
        if (!l->images[i].class_map)
            return err_set(&l->err, ERR_NOMEM, "out of memory for class maps");
    }
    return engine_stream_open(&l->stream, l->all->engine, &l->err);
}

static int lane_warm(struct lane *l)
{
    for (int k = 0; k < CASES; k++) {
        size_t pixels = (size_t)cases[k].w * (size_t)cases[k].h;
        l->first[k] = malloc(pixels);
        if (!l->first[k])
            return err_set(&l->err, ERR_NOMEM, "out of memory for a class map");
        for (int pass = 0; pass < WARM_PASSES; pass++)
            if (run_case(l, &cases[k]))
                return err_wrap(&l->err, "%dx%d, batch %d", cases[k].w, cases[k].h, cases[k].batch);
        memcpy(l->first[k], l->images[0].class_map, pixels);
        l->wrong += !is_as_first(l, k, cases[k].batch - 1);
    }
    return 0;
}

static void *lane_main(void *argument)
{
    struct lane *l = argument;

    if (!lane_open(l))
        (void)lane_warm(l); /* a failure is in l->err; the barrier is kept all the same */
    if (pthread_barrier_wait(&l->all->warm) == PTHREAD_BARRIER_SERIAL_THREAD) {
        printf("{\"what\": \"warm\", \"memory_kb\": %lld}\n", (long long)memory_tree_kb(getpid()));
        fflush(stdout);
    }
    while (!l->err.code && clock_mono_us() < l->all->end_us) {
        int k = rand_r(&l->seed) % CASES;
        if (!run_case(l, &cases[k]))
            l->wrong += !is_as_first(l, k, rand_r(&l->seed) % cases[k].batch);
    }
    return NULL;
}

static void lane_close(struct lane *l)
{
    engine_stream_close(l->stream);
    for (int i = 0; i < BATCH_MAX; i++)
        free(l->images[i].class_map);
    for (int k = 0; k < CASES; k++)
        free(l->first[k]);
}

/* Whether no lane failed or saw a wrong answer. */
static bool report(const struct lane *lanes, int streams, double seconds)
{
    long runs = 0, images = 0, wrong = 0;
    const char *error = NULL;

    for (int i = 0; i < streams; i++) {
        runs += lanes[i].runs;
        images += lanes[i].images_done;
        wrong += lanes[i].wrong;
        if (lanes[i].err.code && !error)
            error = lanes[i].err.msg;
    }
    print_line(json_pack(
        "{s:s, s:i, s:i, s:I, s:I, s:I, s:o, s:I, s:o}", "what", "mixed", "cases", (int)CASES,
        "streams", streams, "runs", (json_int_t)runs, "images", (json_int_t)images, "wrong",
        (json_int_t)wrong, "seconds", json_rounded(seconds, 1), "memory_kb",
        (json_int_t)memory_tree_kb(getpid()), "error", error ? json_text(error) : json_null()));
    return !error && !wrong;
}

static int run_lanes(struct mixed *m, struct lane *lanes, int streams)
{
    int64_t start = clock_mono_us();

    pthread_barrier_init(&m->warm, NULL, (unsigned)streams);
    for (int i = 0; i < streams; i++) {
        lanes[i] = (struct lane){.all = m, .seed = (unsigned)i + 1};
        if (pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i])) {
            fprintf(stderr, "gpu_mixed: thread %d cannot be started\n", i);
            _exit(1); /* those before it wait for it */
        }
    }
    for (int i = 0; i < streams; i++)
        pthread_join(lanes[i].thread, NULL);
    bool ok = report(lanes, streams, (double)(clock_mono_us() - start) / 1e6);
    (void)getchar();
    for (int i = 0; i < streams; i++)
        lane_close(&lanes[i]);
    pthread_barrier_destroy(&m->warm);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct lane lanes[STREAMS_MAX];
    struct mixed m = {0};
    struct model *model = NULL;
    struct err err = {0};
    int ret = 1;

    if (argc != 6) {
        fprintf(stderr, "usage: gpu_mixed MODEL DEVICE PRECISION SECONDS STREAMS\n");
        return 64;
    }
    struct engine_config config = {.backend = "auto", .precision = argv[3], .device = argv[2]};
    long seconds = strtol(argv[4], NULL, 10), streams = strtol(argv[5], NULL, 10);
    uint8_t *rgb = draw();
    m.rgb = rgb;
    m.end_us = clock_mono_us() + seconds * 1000000;
    if (streams < 1 || streams > STREAMS_MAX || seconds < 0 || seconds > 86400)
        fprintf(stderr, "gpu_mixed: 1 to %d streams, 0 to 86400 s\n", STREAMS_MAX);
    else if (!rgb || model_open(&model, argv[1], &err) ||
             engine_open(&m.engine, model, &config, &err))
        fprintf(stderr, "gpu_mixed: %s\n", rgb ? err.msg : "out of memory");
    else
        ret = run_lanes(&m, lanes, (int)streams);
    engine_close(m.engine);
    model_close(model);
    free(rgb);
    return ret;
}
