/* Precision int8 on a model of random weights: against the oracle, the same masks whatever the batch
 * and the stream, and where it is refused. Skipped without VNNI but for the refusals. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"
#include "engine/engine_debug.h"
#include "engine/histogram.h"
#include "tests/engine/support.h"

static char bare[TEST_PATH], ready[TEST_PATH];

static int open_int8(const char *folder, const char *precision, struct engine_facts *facts,
                     struct err *err)
{
    const struct engine_config config = {.precision = precision};
    struct model *m = NULL;
    int ret = model_open(&m, folder, err) || engine_choose(&config, m, facts, err);

    model_close(m);
    return ret;
}

/* A capped instruction set counts from the first use of oneDNN on, so this runs first and in a
 * process of its own. */
static void without_vnni_it_is_refused(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (!child) {
        struct engine_facts facts;
        struct err err = {0};
        setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", 1);
        int refused = open_int8(ready, "int8", &facts, &err) && err.code == ERR_CONFIG;
        struct err none = {0};
        int falls_back =
            !open_int8(ready, "auto", &facts, &none) && !strcmp(facts.precision, "f32");
        _exit(refused && falls_back ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void without_ranges_it_is_refused(void **state)
{
    struct engine_facts facts;
    struct err err = {0};

    (void)state;
    assert_int_not_equal(open_int8(bare, "int8", &facts, &err), 0);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "lentigo model quantize"));
}

static bool has_int8(void)
{
    struct engine_facts facts;
    struct err err = {0};

    return !open_int8(ready, "int8", &facts, &err);
}

static void write_precisions(const char *folder, json_t *list)
{
    char path[TEST_PATH + 16];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/card.json", folder);
    json_t *card = json_read(path, 1 << 20, &err);
    json_object_set_new(card, "precisions", list);
    assert_int_equal(json_write(path, card, &err), 0);
    json_decref(card);
}

static void auto_goes_by_the_card(void **state)
{
    struct engine_facts facts;
    struct err err = {0};

    (void)state;
    write_precisions(ready, json_pack("[s,s]", "f32", "int8"));
    assert_int_equal(open_int8(ready, "auto", &facts, &err), 0);
    assert_string_equal(facts.precision, has_int8() ? "int8" : "f32");
    write_precisions(ready, json_pack("[s]", "f32"));
    assert_int_equal(open_int8(ready, "auto", &facts, &err), 0);
    assert_string_equal(facts.precision, "f32");
    write_precisions(ready, json_pack("[s,s]", "of a later version", "int8"));
    assert_int_equal(open_int8(ready, "f32", &facts, &err), 0);
}

struct picture {
    int w, h;
    uint8_t *rgb, *map;
};

static struct picture picture_new(int w, int h, uint64_t seed)
{
    size_t pixels = (size_t)w * (size_t)h;
    struct picture p = {w, h, malloc(3 * pixels), malloc(pixels)};

    draw_picture(p.rgb, w, h, seed);
    return p;
}

static void picture_free(struct picture *p)
{
    free(p->rgb);
    free(p->map);
}

static struct engine_image image_of(struct picture *p)
{
    return (struct engine_image){
        .rgb = p->rgb, .content_w = p->w, .content_h = p->h, .class_map = p->map};
}

static void run_one(struct rig *r, struct picture *p)
{
    struct engine_image image = image_of(p);
    struct err err = {0};

    if (engine_run(r->stream, p->w, p->h, &image, 1, &err))
        fail_msg("%dx%d: %s", p->w, p->h, err.msg);
}

static float *read_layer(struct rig *r, const struct picture *p, int layer, size_t *count)
{
    struct shape shapes[LAYER_COUNT];
    struct err err = {0};

    network_shapes(shapes, p->h, p->w);
    *count = (size_t)shapes[layer].h * (size_t)shapes[layer].w * (size_t)shapes[layer].c;
    float *out = malloc(*count * sizeof(*out));
    if (engine_debug_layer(r->stream, layer, 0, out, &err)) {
        free(out);
        return NULL;
    }
    return out;
}

static const int sizes[][2] = {
    {128, 128},
    {96,  160},
    {33,  65 },
    {256, 192}
};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

/* Ranges of `folder` as its f32 network has them on the pictures of it_agrees_with_the_oracle. */
static void calibrate_on_drawings(const char *folder)
{
    struct histogram *h = calloc(LAYER_COUNT_INFERENCE, sizeof(*h));
    struct ranges ranges = {0};
    struct rig r;
    struct err err = {0};
    json_t *about = json_object();

    rig_open(&r, folder, "auto", "f32");
    engine_debug_keep(r.stream);
    memcpy(ranges.weights_sha256, model_card(r.model)->sha256, SHA256_HEX_SIZE);
    for (size_t k = 0; k < SIZES; k++) {
        struct picture p = picture_new(sizes[k][0], sizes[k][1], k);
        run_one(&r, &p);
        for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
            size_t count;
            float *values = ranges_owner(i) == i ? read_layer(&r, &p, i, &count) : NULL;
            if (values)
                histogram_add(&h[i], values, count);
            free(values);
        }
        picture_free(&p);
    }
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        if (ranges_owner(i) == i)
            ranges.of[i] = (float)histogram_range(&h[i], RANGE_MAX, 255);
    rig_close(&r);
    assert_int_equal(ranges_write(&ranges, about, folder, &err), 0);
    json_decref(about);
    free(h);
}

/* A map of bytes has at best the noise of its steps: a range of 8 deviations in 255 steps is an NMSE
 * of 1e-4 for one map, and random weights add up 20 layers of it. A broken scale, a wrong sign or a
 * lost bias is 0.1 and more. */
static void it_agrees_with_the_oracle(void **state)
{
    struct rig fast, ref;
    double worst = 0;

    (void)state;
    if (!has_int8())
        skip();
    rig_open(&fast, ready, "onednn", "int8");
    rig_open(&ref, ready, "ref", "f32");
    engine_debug_keep(fast.stream);
    engine_debug_keep(ref.stream);
    for (size_t i = 0; i < SIZES; i++) {
        struct picture p = picture_new(sizes[i][0], sizes[i][1], i);
        run_one(&fast, &p);
        run_one(&ref, &p);
        for (int layer = L_F0; layer < LAYER_COUNT_INFERENCE; layer++) {
            size_t count;
            if (network[layer].channels <= 2)
                continue; /* one or two planes that a ReLU may leave all but empty */
            float *a = read_layer(&fast, &p, layer, &count);
            float *b = read_layer(&ref, &p, layer, &count);
            double *exact = malloc(count * sizeof(*exact));
            for (size_t k = 0; k < count; k++)
                exact[k] = b[k];
            double off = a ? nmse(a, exact, count) : 0;
            worst = fmax(worst, off);
            if (!(off <= 0.02))
                fail_msg("%dx%d: %s: NMSE %g", p.w, p.h, network[layer].name, off);
            free(a);
            free(b);
            free(exact);
        }
        picture_free(&p);
    }
    print_message("worst NMSE of a layer %.1e\n", worst);
    rig_close(&fast);
    rig_close(&ref);
}

enum { PICTURES = 3, W = 160, H = 128 };

static void batches_change_nothing(void **state)
{
    struct picture alone[PICTURES], together[PICTURES];
    struct engine_image images[PICTURES];
    struct rig r;
    struct err err = {0};

    (void)state;
    if (!has_int8())
        skip();
    rig_open(&r, ready, "onednn", "int8");
    for (int i = 0; i < PICTURES; i++) {
        alone[i] = picture_new(W, H, (uint64_t)i);
        together[i] = picture_new(W, H, (uint64_t)i);
        images[i] = image_of(&together[i]);
        run_one(&r, &alone[i]);
    }
    assert_int_equal(engine_run(r.stream, W, H, images, PICTURES, &err), 0);
    for (int i = 0; i < PICTURES; i++) {
        assert_memory_equal(alone[i].map, together[i].map, W * H);
        picture_free(&alone[i]);
        picture_free(&together[i]);
    }
    rig_close(&r);
}

struct runner {
    struct engine *engine;
    pthread_t thread;
    struct picture picture;
    int failed;
};

static void *runner_main(void *argument)
{
    struct runner *t = argument;
    struct engine_stream *s = NULL;
    struct err err = {0};

    t->failed = engine_stream_open(&s, t->engine, &err);
    for (int i = 0; i < 20 && !t->failed; i++) {
        struct engine_image image = image_of(&t->picture);
        t->failed = engine_run(s, W, H, &image, 1, &err);
    }
    engine_stream_close(s);
    return NULL;
}

static void streams_change_nothing(void **state)
{
    enum { THREADS = 4 };
    struct runner t[THREADS];
    struct rig r;

    (void)state;
    if (!has_int8())
        skip();
    rig_open(&r, ready, "onednn", "int8");
    for (int i = 0; i < THREADS; i++) {
        t[i] = (struct runner){.engine = r.engine, .picture = picture_new(W, H, 2)};
        assert_int_equal(pthread_create(&t[i].thread, NULL, runner_main, &t[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        assert_int_equal(t[i].failed, 0);
        assert_memory_equal(t[i].picture.map, t[0].picture.map, W * H);
    }
    for (int i = 0; i < THREADS; i++)
        picture_free(&t[i].picture);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_vnni_it_is_refused),
        cmocka_unit_test(without_ranges_it_is_refused),
        cmocka_unit_test(auto_goes_by_the_card),
        cmocka_unit_test(it_agrees_with_the_oracle),
        cmocka_unit_test(batches_change_nothing),
        cmocka_unit_test(streams_change_nothing),
    };
    char path[TEST_PATH + 16];
    int status = 0;

    random_model(bare, "int8-bare", 12);
    snprintf(path, sizeof(path), "%s/int8.json", bare);
    unlink(path);
    random_model(ready, "int8-ready", 12);
    snprintf(path, sizeof(path), "%s/int8.json", ready);
    unlink(path);
    /* in a child, so that oneDNN was not used here before the first test */
    pid_t child = fork();
    if (!child) {
        calibrate_on_drawings(ready);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
