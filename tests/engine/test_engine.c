/* The engine with random weights, no data from outside: the fast backend against the oracle on odd
 * shapes, batches, padding, several threads at once, and what cannot be had. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine_debug.h"
#include "tests/engine/support.h"

static char model_path[TEST_PATH];

enum { MARK = 0xa5, MARK_BYTES = 256 };

static bool can(const char *backend, const char *precision)
{
    struct model *m;
    struct engine *e = NULL;
    struct err err = {0};
    struct engine_config c = {.backend = backend, .precision = precision};

    assert_int_equal(model_open(&m, model_path, &err), 0);
    bool ok = !engine_open(&e, m, &c, &err);
    engine_close(e);
    model_close(m);
    return ok;
}

struct picture {
    int w, h;
    uint8_t *rgb, *map; /* both marked behind */
    struct engine_image image;
};

static struct picture picture_new(int w, int h, uint64_t seed)
{
    size_t pixels = (size_t)w * (size_t)h;
    struct picture p = {w, h, malloc(3 * pixels), malloc(pixels + MARK_BYTES), {0}};

    draw_picture(p.rgb, w, h, seed);
    memset(p.map, MARK, pixels + MARK_BYTES);
    p.image =
        (struct engine_image){.rgb = p.rgb, .content_w = w, .content_h = h, .class_map = p.map};
    return p;
}

static void picture_free(struct picture *p)
{
    for (int i = 0; i < MARK_BYTES; i++)
        assert_int_equal(p->map[(size_t)p->w * (size_t)p->h + (size_t)i], MARK);
    free(p->rgb);
    free(p->map);
}

static void run(struct rig *r, int w, int h, struct engine_image *images, int n)
{
    struct err err = {0};

    if (engine_run(r->stream, w, h, images, n, &err))
        fail_msg("%dx%d: %s", w, h, err.msg);
}

static float *read_layer(struct rig *r, int layer, int image, size_t count)
{
    struct err err = {0};
    float *out = malloc(count * sizeof(*out));

    if (engine_debug_layer(r->stream, layer, image, out, &err)) {
        free(out);
        return NULL;
    }
    return out;
}

/* Every stored layer of both streams' last runs. */
static void compare_layers(struct rig *fast, struct rig *ref, int w, int h, double limit)
{
    struct shape shapes[LAYER_COUNT];
    int compared = 0;

    network_shapes(shapes, h, w);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        size_t count = (size_t)shapes[i].h * (size_t)shapes[i].w * (size_t)shapes[i].c;
        float *a = read_layer(fast, i, 0, count), *b = read_layer(ref, i, 0, count);
        double *exact = malloc(count * sizeof(*exact));
        for (size_t k = 0; k < count; k++) /* the fast one keeps its input as value - 127.5 */
            exact[k] = i == L_IN ? b[k] * 127.5 : b[k];
        double off = a ? nmse(a, exact, count) : 0;
        if (!(off <= limit))
            fail_msg("%dx%d: %s: NMSE %g", w, h, network[i].name, off);
        compared += a != NULL;
        free(a);
        free(b);
        free(exact);
    }
    assert_true(compared > 60);
}

static const int odd_sizes[][2] = {
    {64,  32 },
    {33,  65 },
    {1,   1  },
    {7,   100},
    {97,  31 },
    {160, 96 }
};

static void odd_shapes_agree_with_the_oracle(void **state)
{
    static const struct {
        const char *precision;
        double layers;
        double
            labels; /* share that may differ: random weights give near ties, over whole corners */
    } runs[] = {
        {"f32",  1e-10, 0.005},
        {"bf16", 0.05,  0.08 }
    };

    (void)state;
    for (size_t k = 0; k < sizeof(runs) / sizeof(*runs); k++) {
        struct rig fast, ref;
        if (!can("onednn", runs[k].precision))
            continue;
        rig_open(&fast, model_path, "onednn", runs[k].precision);
        rig_open(&ref, model_path, "ref", "f32");
        engine_debug_keep(fast.stream);
        engine_debug_keep(ref.stream);
        for (size_t i = 0; i < sizeof(odd_sizes) / sizeof(*odd_sizes); i++) {
            int w = odd_sizes[i][0], h = odd_sizes[i][1], differ = 0;
            struct picture a = picture_new(w, h, i), b = picture_new(w, h, i);
            a.image.content_w = b.image.content_w = (w + 1) / 2;
            run(&fast, w, h, &a.image, 1);
            run(&ref, w, h, &b.image, 1);
            compare_layers(&fast, &ref, w, h, runs[k].layers);
            for (int p = 0; p < w * h; p++)
                differ += a.map[p] != b.map[p];
            if (differ > runs[k].labels * w * h + 1)
                fail_msg("%s, %dx%d: %d labels differ", runs[k].precision, w, h, differ);
            assert_int_equal(a.image.scores.content_px, (w + 1) / 2 * h);
            for (int c = 0; c < ENGINE_CLASSES; c++)
                assert_float_equal(a.image.scores.all_sum[c] / (w * h),
                                   b.image.scores.all_sum[c] / (w * h), k ? 0.05 : 1e-5);
            picture_free(&a);
            picture_free(&b);
        }
        rig_close(&fast);
        rig_close(&ref);
    }
}

/* `n` pictures in one batch, then the second alone in fresh memory: the same to the last bit. */
static void check_batch(struct rig *r, const char *precision, int w, int h)
{
    enum { N = 3 };
    const char *backend = engine_facts(r->engine)->backend;
    struct picture p[N], alone = picture_new(w, h, 1);
    struct engine_image images[N];
    struct rig fresh;

    for (int k = 0; k < N; k++) {
        p[k] = picture_new(w, h, (uint64_t)k);
        images[k] = p[k].image;
    }
    run(r, w, h, images, N);
    rig_open(&fresh, model_path, backend, precision);
    engine_debug_keep(fresh.stream);
    run(&fresh, w, h, &alone.image, 1);
    assert_memory_equal(p[1].map, alone.map, (size_t)w * (size_t)h);
    assert_memory_equal(&images[1].scores, &alone.image.scores, sizeof(images[1].scores));
    rig_close(&fresh);
    for (int k = 0; k < N; k++)
        picture_free(&p[k]);
    picture_free(&alone);
}

/* Memory shared between layers, a batch, parts that run image by image, and shapes taken in turn:
 * each picture gets what it gets alone. */
static void batches_and_turns_change_nothing(void **state)
{
    static const char *const precisions[] = {"f32", "bf16"};
    static const int sizes[][2] = {
        {64,  32 },
        {33,  65 },
        {1,   1  },
        {256, 192},
        {384, 513}
    };

    (void)state;
    for (size_t k = 0; k < sizeof(precisions) / sizeof(*precisions); k++) {
        struct rig r;
        if (!can("auto", precisions[k]))
            continue;
        rig_open(&r, model_path, "auto", precisions[k]);
        for (int round = 0; round < 2; round++)
            for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                check_batch(&r, precisions[k], sizes[i][0], sizes[i][1]);
        rig_close(&r);
    }
}

/* Several threads on one image, and one: the same to the last bit. */
static void threads_of_a_stream_change_nothing(void **state)
{
    static const char *const precisions[] = {"f32", "bf16"};
    enum { W = 352, H = 256 };

    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it does not see libgomp's barriers, so every access is a race to it */
#endif
    for (size_t i = 0; i < sizeof(precisions) / sizeof(*precisions); i++) {
        struct rig r;
        if (!can("auto", precisions[i]))
            continue;
        struct picture one = picture_new(W, H, 4), more = picture_new(W, H, 4);
        rig_open(&r, model_path, "auto", precisions[i]);
        run(&r, W, H, &one.image, 1);
        rig_close(&r);
        rig_open_with(&r, model_path,
                      &(struct engine_config){.precision = precisions[i], .threads = 3});
        run(&r, W, H, &more.image, 1);
        rig_close(&r);
        assert_memory_equal(one.map, more.map, W * H);
        assert_memory_equal(&one.image.scores, &more.image.scores, sizeof(one.image.scores));
        picture_free(&one);
        picture_free(&more);
    }
}

/* A plan made before the memory moved runs again after it. */
static void memory_grows_under_a_plan(void **state)
{
    struct picture first = picture_new(32, 32, 1), again = picture_new(32, 32, 1);
    struct picture large = picture_new(384, 256, 1);
    struct rig r;

    (void)state;
    rig_open(&r, model_path, "auto", "auto");
    run(&r, 32, 32, &first.image, 1);
    void *held = malloc(4 << 20); /* so that the new memory cannot lie where the old one was */
    run(&r, 384, 256, &large.image, 1);
    run(&r, 32, 32, &again.image, 1);
    assert_memory_equal(first.map, again.map, 32 * 32);
    free(held);
    rig_close(&r);
    picture_free(&first);
    picture_free(&again);
    picture_free(&large);
}

/* More shapes than a stream keeps plans for. */
static void many_shapes_come_and_go(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, model_path, "auto", "auto");
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < 60; i++) {
            struct picture p = picture_new(8 + i, 16, 1);
            run(&r, p.w, p.h, &p.image, 1);
            picture_free(&p);
        }
    rig_close(&r);
}

struct runner {
    struct engine *engine;
    pthread_t thread;
    uint8_t maps[2][96 * 64];
    int failed;
};

static void *runner_main(void *argument)
{
    struct runner *t = argument;
    struct engine_stream *s = NULL;
    struct err err = {0};
    uint8_t *rgb = malloc(96 * 64 * 3);

    draw_picture(rgb, 96, 64, 3);
    t->failed = engine_stream_open(&s, t->engine, &err);
    for (int i = 0; i < 40 && !t->failed; i++) {
        struct engine_image a = {
            .rgb = rgb, .content_w = 96, .content_h = 64, .class_map = t->maps[0]};
        struct engine_image b = {
            .rgb = rgb, .content_w = 64, .content_h = 96, .class_map = t->maps[1]};
        t->failed = engine_run(s, 96, 64, &a, 1, &err) || engine_run(s, 64, 96, &b, 1, &err);
    }
    engine_stream_close(s);
    free(rgb);
    return NULL;
}

static void threads_share_an_engine(void **state)
{
    enum { THREADS = 4 };
    static struct runner t[THREADS];
    struct rig r;

    (void)state;
    rig_open(&r, model_path, "auto", "auto");
    for (int i = 0; i < THREADS; i++) {
        t[i].engine = r.engine;
        assert_int_equal(pthread_create(&t[i].thread, NULL, runner_main, &t[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        assert_int_equal(t[i].failed, 0);
        assert_memory_equal(t[i].maps, t[0].maps, sizeof(t[0].maps));
    }
    rig_close(&r);
}

static void what_cannot_be_had_is_configuration(void **state)
{
    static const struct engine_config wrong[] = {
        {.backend = "cudnn" },
        {.precision = "int8"},
        {.precision = "fp16"},
        {.device = "cuda:0" },
        {.backend = "ref",    .precision = "bf16"},
        {.backend = "nonsense"                  },
    };
    struct model *m;
    struct engine *e = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(model_open(&m, model_path, &err), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct err why = {0};
        assert_int_equal(engine_open(&e, m, &wrong[i], &why), -1);
        assert_int_equal(why.code, ERR_CONFIG);
    }
    assert_int_equal(engine_open(&e, m, &(struct engine_config){.backend = "ref"}, &err), 0);
    assert_string_equal(engine_facts(e)->backend, "ref");
    assert_string_equal(engine_facts(e)->precision, "f32");
    assert_string_equal(engine_facts(e)->device, "cpu");
    engine_close(e);
    model_close(m);
}

static void sizes_are_limited(void **state)
{
    struct rig r;
    struct engine_image image = {.content_w = 1, .content_h = 1};

    (void)state;
    rig_open(&r, model_path, "ref", "auto");
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        int n = i == 0 ? 0 : 1, w = i == 1 ? 0 : 8, h = i == 2 ? 1 << 20 : 8;
        assert_int_equal(engine_run(r.stream, w, h, &image, n, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_shapes_agree_with_the_oracle),
        cmocka_unit_test(batches_and_turns_change_nothing),
        cmocka_unit_test(threads_of_a_stream_change_nothing),
        cmocka_unit_test(memory_grows_under_a_plan),
        cmocka_unit_test(many_shapes_come_and_go),
        cmocka_unit_test(threads_share_an_engine),
        cmocka_unit_test(what_cannot_be_had_is_configuration),
        cmocka_unit_test(sizes_are_limited),
    };
    random_model(model_path, "engine", 9);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
