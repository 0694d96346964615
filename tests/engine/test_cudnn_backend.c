/* The GPU backend on the host (fake_cuda.h): that results are the oracle's whatever the batch, that
 * moving and computing overlap without getting mixed up, what happens when memory ends or the device
 * breaks, and that nothing is left behind. Says nothing of speed, and nothing of CUDA itself. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/cudnn/stream.h"
#include "engine/device.h"
#include "engine/engine_debug.h"
#include "tests/engine/fake_cuda.h"
#include "tests/engine/support.h"

#define CACHE BINARY_DIR "/tests/fake-cache"

static char model_path[TEST_PATH];

/* ---- pictures ---------------------------------------------------------------------------- */

enum { BATCH_MAX = 128, MARK = 0xa5 };

struct batch {
    int n, w, h;
    uint8_t *rgb, *maps; /* of all, in one piece each */
    struct engine_image images[BATCH_MAX];
};

static struct batch batch_new(int n, int w, int h)
{
    size_t pixels = (size_t)w * (size_t)h;
    struct batch b = {.n = n, .w = w, .h = h};

    b.rgb = malloc((size_t)n * pixels * 3);
    b.maps = malloc((size_t)n * pixels);
    memset(b.maps, MARK, (size_t)n * pixels);
    for (int i = 0; i < n; i++) {
        uint8_t *rgb = b.rgb + (size_t)i * pixels * 3;
        draw_picture(rgb, w, h, (uint64_t)i);
        b.images[i] = (struct engine_image){.rgb = rgb,
                                            .content_w = w - i % 3 * w / 4,
                                            .content_h = h - i % 2 * h / 3,
                                            .class_map = b.maps + (size_t)i * pixels};
    }
    return b;
}

static void batch_free(struct batch *b)
{
    free(b->rgb);
    free(b->maps);
}

static void run(struct rig *r, struct batch *b)
{
    struct err err = {0};

    if (engine_run(r->stream, b->w, b->h, b->images, b->n, &err))
        fail_msg("%d of %dx%d: %s", b->n, b->w, b->h, err.msg);
}

static void open_rig(struct rig *r, const char *precision)
{
    rig_open_with(r, model_path,
                  &(struct engine_config){.device = "cuda:0", .precision = precision});
}

static void close_rig(struct rig *r)
{
    rig_close(r);
    assert_int_equal(fake_cuda_alive(), 0);
    assert_int_equal(fake_cuda_last_error(), cudaSuccess);
}

/* ---- results ----------------------------------------------------------------------------- */

static const struct {
    const char *precision;
    double layers, labels, scores; /* NMSE; shares of pixels */
} bounds[] = {
    {"f32",  1e-11, 0.005, 1e-5},
    {"fp16", 1e-3,  0.01,  2e-3},
    {"bf16", 2e-2,  0.08,  2e-2},
};

static float *layer_of(struct rig *r, int layer, int image, size_t count)
{
    float *values = malloc(count * sizeof(*values));
    struct err err = {0};

    if (engine_debug_layer(r->stream, layer, image, values, &err)) {
        assert_int_equal(err.code, ERR_INPUT);
        free(values);
        return NULL;
    }
    return values;
}

static void compare_layers(struct rig *gpu, struct rig *ref, struct batch *b, double limit)
{
    struct shape shapes[LAYER_COUNT];
    int compared = 0;

    network_shapes(shapes, b->h, b->w);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        size_t count = (size_t)shapes[i].h * (size_t)shapes[i].w * (size_t)shapes[i].c;
        int image = i % b->n;
        float *have = layer_of(gpu, i, image, count), *want = layer_of(ref, i, image, count);
        double *exact = malloc(count * sizeof(*exact));
        for (size_t k = 0; k < count; k++)
            exact[k] = (double)want[k];
        if (have && !(nmse(have, exact, count) <= limit))
            fail_msg("%s of %d, %dx%d: NMSE %g", network[i].name, image, b->w, b->h,
                     nmse(have, exact, count));
        compared += have != NULL;
        free(have);
        free(want);
        free(exact);
    }
    assert_true(compared > 50);
}

static void compare_results(const struct batch *a, const struct batch *b, size_t at)
{
    size_t pixels = (size_t)a->w * (size_t)a->h, differ = 0;

    for (size_t i = 0; i < pixels * (size_t)a->n; i++)
        differ += a->maps[i] != b->maps[i];
    if ((double)differ > bounds[at].labels * (double)pixels * a->n + 1)
        fail_msg("%s, %d of %dx%d: %zu labels differ", bounds[at].precision, a->n, a->w, a->h,
                 differ);
    for (int i = 0; i < a->n; i++) {
        const struct engine_scores *s = &a->images[i].scores, *t = &b->images[i].scores;
        assert_int_equal(s->content_px, t->content_px);
        for (int c = 0; c < ENGINE_CLASSES; c++) {
            assert_float_equal(s->all_sum[c] / (double)pixels, t->all_sum[c] / (double)pixels,
                               bounds[at].scores);
            assert_float_equal(s->lesion_sum[c] / (double)pixels, t->lesion_sum[c] / (double)pixels,
                               bounds[at].scores + bounds[at].labels);
        }
    }
}

/* One pass with layers kept, filled up to a power of two. */
static void all_precisions_agree_with_the_oracle(void **state)
{
    static const int cases[][3] = {
        {1, 160, 96},
        {3, 33,  65},
        {2, 1,   1 },
        {5, 97,  31},
    };

    (void)state;
    for (size_t k = 0; k < sizeof(bounds) / sizeof(*bounds); k++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            struct batch a = batch_new(cases[i][0], cases[i][1], cases[i][2]);
            struct batch b = batch_new(cases[i][0], cases[i][1], cases[i][2]);
            struct rig gpu, ref;
            open_rig(&gpu, bounds[k].precision);
            rig_open(&ref, model_path, "ref", "f32");
            engine_debug_keep(gpu.stream);
            engine_debug_keep(ref.stream);
            run(&gpu, &a);
            run(&ref, &b);
            compare_layers(&gpu, &ref, &a, bounds[k].layers);
            compare_results(&a, &b, k);
            close_rig(&gpu);
            rig_close(&ref);
            batch_free(&a);
            batch_free(&b);
        }
}

/* Each picture of a batch against the same picture alone: to the last bit. */
static void check_against_singles(struct rig *r, struct batch *b)
{
    size_t pixels = (size_t)b->w * (size_t)b->h;
    uint8_t *map = malloc(pixels);
    struct err err = {0};

    run(r, b);
    for (int i = 0; i < b->n; i++) {
        struct engine_image one = b->images[i];
        one.class_map = map;
        memset(map, MARK, pixels);
        assert_int_equal(engine_run(r->stream, b->w, b->h, &one, 1, &err), 0);
        if (memcmp(map, b->images[i].class_map, pixels) != 0 ||
            memcmp(&one.scores, &b->images[i].scores, sizeof(one.scores)) != 0)
            fail_msg("picture %d of %d, %dx%d: not what it is alone", i, b->n, b->w, b->h);
    }
    free(map);
}

/* Chunks in turn in both berths, remainders, filled-up passes and shapes in turn. */
static void batches_and_turns_change_nothing(void **state)
{
    static const int cases[][3] = {
        {8,   32, 32},
        {3,   40, 24},
        {101, 8,  8 },
        {71,  16, 9 },
        {6,   32, 32},
        {128, 8,  8 },
    };
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct batch b = batch_new(cases[i][0], cases[i][1], cases[i][2]);
        check_against_singles(&r, &b);
        batch_free(&b);
    }
    close_rig(&r);
}

static void a_batch_is_cut_into_powers_of_two(void **state)
{
    static const int sizes[][2] = {
        {1,  1 },
        {2,  2 },
        {3,  4 },
        {4,  4 },
        {5,  4 },
        {6,  8 },
        {7,  8 },
        {11, 8 },
        {12, 16},
        {23, 16},
        {24, 32},
        {33, 32},
        {64, 32},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        assert_int_equal(chunk_size(sizes[i][0]), sizes[i][1]);
}

struct runner {
    struct engine *engine;
    pthread_t thread;
    struct batch batch;
    struct err err;
};

static void *runner_main(void *argument)
{
    struct runner *t = argument;
    struct engine_stream *s = NULL;

    if (!engine_stream_open(&s, t->engine, &t->err))
        for (int i = 0; i < 3 && !t->err.code; i++)
            (void)engine_run(s, t->batch.w, t->batch.h, t->batch.images, t->batch.n, &t->err);
    engine_stream_close(s);
    return NULL;
}

static void streams_share_an_engine(void **state)
{
    enum { THREADS = 2 };
    struct runner t[THREADS];
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct runner){.engine = r.engine, .batch = batch_new(37, 16, 16)};
        assert_int_equal(pthread_create(&t[i].thread, NULL, runner_main, &t[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        if (t[i].err.code)
            fail_msg("%s", t[i].err.msg);
        assert_memory_equal(t[i].batch.maps, t[0].batch.maps, 37 * 16 * 16);
    }
    for (int i = 0; i < THREADS; i++)
        batch_free(&t[i].batch);
    close_rig(&r);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void nothing_is_made_once_the_shape_is_known(void **state)
{
    struct batch b = batch_new(45, 24, 16), small = batch_new(1, 8, 8);
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    run(&r, &b);
    run(&r, &small); /* fits into the memory that is there */
    long made = fake_cuda_made();
    for (int i = 0; i < 3; i++) {
        run(&r, &b);
        run(&r, &small);
    }
    assert_int_equal(fake_cuda_made(), made);
    close_rig(&r);
    batch_free(&b);
    batch_free(&small);
}

/* A pass bound before the memory moved runs again after it, and another shape's is what it was. */
static void memory_grows_under_a_pass(void **state)
{
    struct batch first = batch_new(2, 16, 16), again = batch_new(2, 16, 16);
    struct batch large = batch_new(8, 64, 48);
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    run(&r, &first);
    run(&r, &large);
    run(&r, &again);
    assert_memory_equal(first.maps, again.maps, 2 * 16 * 16);
    close_rig(&r);
    batch_free(&first);
    batch_free(&again);
    batch_free(&large);
}

static void more_shapes_than_are_kept(void **state)
{
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < PASSES_MAX + 4; i++) {
            struct batch b = batch_new(1, 8 + i, 8);
            run(&r, &b);
            batch_free(&b);
        }
    close_rig(&r);
}

/* Model, engine, stream and one batch, with the first failure of any of them. */
static int try_all(struct model *model, struct batch *b, struct err *err)
{
    const struct engine_config config = {.device = "cuda:0", .precision = "fp16"};
    struct engine *engine = NULL;
    struct engine_stream *stream = NULL;
    int ret = engine_open(&engine, model, &config, err) ||
              engine_stream_open(&stream, engine, err) ||
              engine_run(stream, b->w, b->h, b->images, b->n, err);

    engine_stream_close(stream);
    engine_close(engine);
    return ret;
}

/* First with plans to be timed, which is the same for each of 37 convolutions, then with plans out of
 * the file; one of those that cannot be loaded is made anew. */
static void every_failed_allocation_is_survived(void **state)
{
    enum { ONE_BY_ONE = 60, STEP = 16 };
    struct batch b = batch_new(40, 8, 8);
    struct model *model;
    struct err err = {0};

    (void)state;
    assert_int_equal(model_open(&model, model_path, &err), 0);
    for (int is_cached = 0; is_cached < 2; is_cached++) {
        long n = 0;
        setenv("LENTIGO_CACHEDIR", is_cached ? CACHE : "", 1);
        do {
            err = (struct err){0};
            n += !is_cached && n > ONE_BY_ONE ? STEP : 1;
            fake_cuda_fail_at(n);
            int failed = try_all(model, &b, &err);
            if (failed && err.code != ERR_NOMEM)
                fail_msg("allocation %ld: %s: %s", n, err_name(err.code), err.msg);
            if (failed && !fake_cuda_has_failed())
                fail_msg("%s", err.msg);
            assert_int_equal(fake_cuda_alive(), 0);
            assert_int_equal(fake_cuda_last_error(), cudaSuccess);
        } while (fake_cuda_has_failed());
        assert_true(n > ONE_BY_ONE);
    }
    model_close(model);
    batch_free(&b);
}

/* The same stream goes on with half of what did not fit. */
static void half_a_batch_fits(void **state)
{
    struct batch b = batch_new(16, 96, 96), twin = batch_new(16, 96, 96);
    struct err err = {0};
    struct rig r;

    (void)state;
    fake_cuda_reset();
    open_rig(&r, "fp16");
    size_t weights = fake_cuda_used();
    run(&r, &b);
    close_rig(&r);
    size_t need = fake_cuda_peak() - weights;

    open_rig(&r, "fp16");
    fake_cuda_memory(weights + need * 3 / 4);
    assert_int_equal(engine_run(r.stream, 96, 96, twin.images, 16, &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
    assert_non_null(strstr(err.msg, "cuda:0, 16 of 96x96"));
    assert_int_equal(fake_cuda_last_error(), cudaSuccess);
    for (int i = 0; i < 16; i += 8) {
        err = (struct err){0};
        if (engine_run(r.stream, 96, 96, twin.images + i, 8, &err))
            fail_msg("%s", err.msg);
    }
    assert_memory_equal(b.maps, twin.maps, 16 * 96 * 96);
    close_rig(&r);
    fake_cuda_reset();
    batch_free(&b);
    batch_free(&twin);
}

/* ---- a device that breaks ---------------------------------------------------------------- */

static void a_broken_device_is_said_and_left_clean(void **state)
{
    struct batch b = batch_new(70, 8, 8);
    struct model *model;
    struct err err = {0};
    int failed = 1;

    (void)state;
    assert_int_equal(model_open(&model, model_path, &err), 0);
    for (long n = 1; failed; n += n < 40 ? 1 : 97) {
        err = (struct err){0};
        fake_cuda_break_at(n);
        failed = try_all(model, &b, &err);
        if (failed && err.code != ERR_DEVICE)
            fail_msg("work %ld: %s: %s", n, err_name(err.code), err.msg);
        assert_int_equal(fake_cuda_alive(), 0);
        fake_cuda_reset();
    }
    model_close(model);
    batch_free(&b);
}

/* ---- pinned memory ----------------------------------------------------------------------- */

static void pinned_memory_is_used_where_it_lies(void **state)
{
    struct batch b = batch_new(5, 32, 16), twin = batch_new(5, 32, 16);
    size_t pixels = 32 * 16, rest = 8 * (sizeof(struct gpu_content) + sizeof(struct gpu_scores));
    struct err err = {0};
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    run(&r, &twin);
    assert_true(fake_cuda_staged() >= 5 * 4 * pixels);

    /* the first three pictures in two ranges, the maps in one */
    assert_int_equal(engine_pin(r.engine, b.rgb + 3 * pixels, 6 * pixels, &err), 0);
    assert_int_equal(engine_pin(r.engine, b.rgb, 3 * pixels, &err), 0);
    assert_int_equal(engine_pin(r.engine, b.maps, 5 * pixels, &err), 0);
    size_t before = fake_cuda_staged();
    run(&r, &b);
    assert_in_range(fake_cuda_staged() - before, 2 * 3 * pixels, 2 * 3 * pixels + rest);
    assert_memory_equal(b.maps, twin.maps, 5 * pixels);

    engine_unpin(r.engine, b.maps);
    engine_unpin(r.engine, b.maps);
    before = fake_cuda_staged();
    run(&r, &b);
    assert_in_range(fake_cuda_staged() - before, 11 * pixels, 11 * pixels + rest);
    close_rig(&r); /* the engine gives back the rest */
    batch_free(&b);
    batch_free(&twin);
}

static void memory_that_cannot_be_pinned_is_copied(void **state)
{
    struct batch b = batch_new(2, 16, 16), twin = batch_new(2, 16, 16);
    struct err err = {0};
    struct rig r;

    (void)state;
    open_rig(&r, "fp16");
    fake_cuda_no_pinning(true);
    assert_int_equal(engine_pin(r.engine, b.rgb, 2 * 16 * 16 * 3, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    run(&r, &b);
    run(&r, &twin);
    assert_memory_equal(b.maps, twin.maps, 2 * 16 * 16);
    close_rig(&r);
    fake_cuda_reset();
    batch_free(&b);
    batch_free(&twin);
}

/* ---- plans ------------------------------------------------------------------------------- */

static void plans_are_timed_once_and_kept(void **state)
{
    struct batch b = batch_new(1, 24, 40);
    struct rig r;

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        int before = fake_cuda_plans_made();
        setenv("LENTIGO_CACHEDIR", CACHE, 1);
        open_rig(&r, "fp16");
        run(&r, &b);
        close_rig(&r);
        int made = fake_cuda_plans_made() - before;
        assert_int_equal(made, turn ? 0 : made > 37 ? made : -1);
    }
    /* A folder that cannot be made: the same, without a memory. */
    setenv("LENTIGO_CACHEDIR", "/proc/nowhere", 1);
    open_rig(&r, "fp16");
    run(&r, &b);
    close_rig(&r);
    batch_free(&b);
}

static void each_step_has_its_time(void **state)
{
    struct batch b = batch_new(2, 16, 16), twin = batch_new(2, 16, 16);
    struct rig r;
    int timed = 0;

    (void)state;
    open_rig(&r, "fp16");
    run(&r, &b);
    const double *ms = engine_debug_ms(r.stream);
    for (int i = 0; i <= LAYER_COUNT; i++)
        timed += ms[i] > 0;
    assert_int_equal(timed, 37 + 1 + 3 + 6 + 2 + 3 + 1); /* steps.h */
    assert_true(ms[LAYER_COUNT] > 0);
    run(&r, &twin);
    assert_memory_equal(b.maps, twin.maps, 2 * 16 * 16);
    close_rig(&r);
    batch_free(&b);
    batch_free(&twin);
}

/* ---- which device ------------------------------------------------------------------------ */

static int choose(const char *device, const char *precision, struct engine_facts *facts,
                  struct err *err)
{
    *err = (struct err){0};
    return engine_choose(&(struct engine_config){.device = device, .precision = precision}, NULL,
                         facts, err);
}

static void the_device_is_chosen_by_its_name(void **state)
{
    static const struct {
        const char *device, *precision, *backend, *got;
    } cases[] = {
        {"auto",   "auto", "cudnn", "fp16"},
        {"cuda:0", "auto", "cudnn", "fp16"},
        {"cuda:1", "auto", "cudnn", "fp16"},
        {"cuda:0", "bf16", "cudnn", "bf16"},
        {"auto",   "f32",  "cudnn", "f32" },
    };
    struct engine_facts facts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (choose(cases[i].device, cases[i].precision, &facts, &err))
            fail_msg("%s %s: %s", cases[i].device, cases[i].precision, err.msg);
        assert_string_equal(facts.backend, cases[i].backend);
        assert_string_equal(facts.precision, cases[i].got);
        assert_string_equal(facts.device,
                            strcmp(cases[i].device, "auto") ? cases[i].device : "cuda:0");
    }
    assert_int_equal(choose("cpu", "f32", &facts, &err), 0);
    assert_string_equal(facts.device, "cpu");
}

static void what_the_gpu_cannot_do_is_said(void **state)
{
    static const struct {
        const char *device, *precision, *reason;
    } cases[] = {
        {"cuda:2",  "auto", "there is no cuda:2 that lentigo can use; the last is cuda:1"},
        {"cuda:1",  "bf16", "cuda:1 cannot do that"                                      },
        {"cuda:0",  "int8", "cuda:0 cannot do that"                                      },
        {"cuda:",   "auto", "there is no cuda:"                                          },
        {"cuda:0x", "auto", "there is no cuda:0x"                                        },
        {"cuda:99", "auto", "there is no cuda:99"                                        },
    };
    struct engine_facts facts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(choose(cases[i].device, cases[i].precision, &facts, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.msg, cases[i].reason))
            fail_msg("%s %s: %s", cases[i].device, cases[i].precision, err.msg);
    }
}

static void without_a_gpu_the_reason_is_said(void **state)
{
    static const struct {
        cudaError_t why;
        const char *reason;
    } cases[] = {
        {cudaErrorInsufficientDriver, "no driver for NVIDIA GPUs"},
        {cudaErrorNoDevice,           "there is no NVIDIA GPU"   },
        {cudaErrorUnknown,            "CUDA does not start"      },
    };
    struct engine_device list[ENGINE_DEVICES_MAX];
    struct engine_facts facts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        fake_cuda_devices(0, cases[i].why);
        assert_int_equal(choose("cuda:0", "auto", &facts, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.msg, cases[i].reason))
            fail_msg("%s", err.msg);
        assert_int_equal(engine_devices(list), 1);
        assert_int_equal(choose("auto", "f32", &facts, &err), 0);
        assert_string_equal(facts.device, "cpu");
    }
    fake_cuda_reset();
}

static void devices_are_listed(void **state)
{
    struct engine_device list[ENGINE_DEVICES_MAX];

    (void)state;
    assert_int_equal(engine_devices(list), 3);
    assert_string_equal(list[1].name, "cuda:0");
    assert_string_equal(list[1].kind, "cuda");
    assert_string_equal(list[1].description, "Fake H200");
    assert_string_equal(list[1].uuid, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f");
    assert_true(list[1].memory_bytes == (int64_t)16 << 30);
    assert_string_equal(list[2].name, "cuda:1");
    assert_string_equal(list[2].uuid, "MIG-10111213-1415-1617-1819-1a1b1c1d1e1f");
}

static int fresh(void **state)
{
    (void)state;
    fake_cuda_reset();
    setenv("LENTIGO_CACHEDIR", "", 1); /* no file of plans */
    return 0;
}

/* What an earlier run of this test left. */
static void forget_plans(void)
{
    DIR *dir = opendir(CACHE "/plans");
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        TEST(all_precisions_agree_with_the_oracle),
        TEST(batches_and_turns_change_nothing),
        TEST(a_batch_is_cut_into_powers_of_two),
        TEST(streams_share_an_engine),
        TEST(nothing_is_made_once_the_shape_is_known),
        TEST(memory_grows_under_a_pass),
        TEST(more_shapes_than_are_kept),
        TEST(every_failed_allocation_is_survived),
        TEST(half_a_batch_fits),
        TEST(a_broken_device_is_said_and_left_clean),
        TEST(pinned_memory_is_used_where_it_lies),
        TEST(memory_that_cannot_be_pinned_is_copied),
        TEST(plans_are_timed_once_and_kept),
        TEST(each_step_has_its_time),
        TEST(the_device_is_chosen_by_its_name),
        TEST(what_the_gpu_cannot_do_is_said),
        TEST(without_a_gpu_the_reason_is_said),
        TEST(devices_are_listed),
    };
    forget_plans();
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    random_model(model_path, "cudnn-backend", 9);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
