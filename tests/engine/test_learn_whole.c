/* The gradient of the whole network in f32 against the oracle's, on a batch as it comes.
 *
 * A ReLU and a maximum decide, and beside a corner f32 decides another way than double: one such
 * unit more or less in a sum outweighs all rounding, whoever's arithmetic it is (PyTorch's own f32 is
 * as far from its f64: docs/figures.md). So the oracle is asked twice. Left alone, it has to agree as
 * far as those units allow; with the decisions that were made in f32, and double for all else, to 1e-8. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/learn_debug.h"
#include "tests/engine/cross_entropy.h"
#include "tests/engine/learn_support.h"
#include "tests/engine/support.h"

#define LIMIT       1e-8
#define LIMIT_ALONE 1e-4 /* what a handful of units is worth */
enum { UNITS_A_FLIP = 100000 };

struct whole {
    struct learn_tensors params, mine, oracle; /* gradients */
    struct learn_batch batch;
    const uint8_t *labels;
    struct shape shapes[LAYER_COUNT];
    struct learner *learner;
    struct learn_net *net;
    float *values; /* of a layer */
    long units, flipped;
};

static void whole_open(struct whole *w)
{
    const struct learner_config config = {
        .backend = "onednn", .precision = "f32", .device = "cpu", .threads = 2};
    struct err err = {0};
    size_t most = 0;

    learn_tensors_init(&w->mine);
    learn_tensors_init(&w->oracle);
    network_shapes(w->shapes, w->batch.h, w->batch.w);
    for (int i = 0; i < LAYER_COUNT; i++) {
        size_t count = (size_t)w->shapes[i].h * (size_t)w->shapes[i].w * (size_t)w->shapes[i].c;
        most = count > most ? count : most;
    }
    w->values = malloc((size_t)w->batch.n * most * sizeof(*w->values));
    assert_non_null(w->values);
    assert_int_equal(learn_net_open(&w->net, &err), 0);
    if (learner_open(&w->learner, &config, &err))
        fail_msg("%s", err.msg);
}

static void whole_close(struct whole *w)
{
    learn_tensors_release(&w->params);
    learn_tensors_release(&w->mine);
    learn_tensors_release(&w->oracle);
    learner_close(w->learner);
    learn_net_close(w->net);
    free(w->values);
}

/* ---- decisions --------------------------------------------------------------------------- */

/* A unit on the other side of its corner goes just over it. */
static void settle_relu(struct whole *w, double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_open = w->values[i] > 0;
        w->units++;
        if (is_open == (value[i] > 0))
            continue;
        w->flipped++;
        value[i] = is_open ? (double)w->values[i] : 0;
    }
}

/* The channel that won in f32 wins by nothing. */
static void settle_maximum(struct whole *w, double *value, size_t pixels, int c)
{
    for (size_t p = 0; p < pixels; p++, value += c) {
        const float *f32 = w->values + p * (size_t)c;
        int top = 0, top32 = 0;
        for (int k = 1; k < c; k++) {
            top = value[k] > value[top] ? k : top;
            top32 = f32[k] > f32[top32] ? k : top32;
        }
        w->units++;
        if (top == top32)
            continue;
        w->flipped++;
        value[top32] = nextafter(value[top], INFINITY);
    }
}

static bool has_maximum(int layer)
{
    for (int i = 0; i < LAYER_COUNT; i++)
        if (network[i].op == LAYER_STATS &&
            (network[i].in[0] == layer || network[i].in[1] == layer))
            return true;
    return false;
}

/* The attention's few planes, which the learner does not keep as maps, are left as they are. */
static void settle(void *context, int layer, double *value)
{
    struct whole *w = context;
    struct err err = {0};
    size_t pixels = (size_t)w->batch.n * (size_t)w->shapes[layer].h * (size_t)w->shapes[layer].w;
    bool is_relu = network[layer].relu, is_maximum = has_maximum(layer);

    if ((!is_relu && !is_maximum) || network[layer].channels == 2)
        return;
    if (learner_debug_values(w->learner, layer, w->values, &err))
        fail_msg("%s", err.msg);
    if (is_relu)
        settle_relu(w, value, pixels * (size_t)network[layer].channels);
    if (is_maximum)
        settle_maximum(w, value, pixels, network[layer].channels);
}

/* ---- gradients --------------------------------------------------------------------------- */

static struct cross_entropy entropy_of(const struct whole *w, int head_h, int head_w)
{
    return (struct cross_entropy){.n = w->batch.n,
                                  .h = w->batch.h,
                                  .w = w->batch.w,
                                  .labels = w->labels,
                                  .head_h = head_h,
                                  .head_w = head_w};
}

/* The gradients by the logits are the oracle's. */
static void run_oracle(struct whole *w, struct learn_net_head heads[LEARN_HEADS])
{
    struct learn_tensors params;
    struct err err = {0};

    learn_tensors_init(&params); /* the running statistics change */
    learn_tensors_copy(&params, &w->params);
    if (learn_net_forward(w->net, &params.at, &w->batch, heads, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < LEARN_HEADS; i++) {
        struct cross_entropy c = entropy_of(w, heads[i].h, heads[i].w);
        cross_entropy(&c, heads[i].logits, heads[i].gradient);
    }
    memset(w->oracle.f64, 0, w->oracle.count * sizeof(double));
    learn_net_backward(w->net, &params.at, &w->oracle.at);
    learn_tensors_release(&params);
}

static void forward_mine(struct whole *w, struct learn_head heads[LEARN_HEADS])
{
    struct learn_tensors params;
    struct err err = {0};

    learn_tensors_init(&params);
    learn_tensors_copy(&params, &w->params);
    if (learner_forward(w->learner, &params.at32, &w->batch, heads, &err))
        fail_msg("%s", err.msg);
    learn_tensors_release(&params);
}

/* With the loss of its own logits. */
static void back_mine(struct whole *w, struct learn_head heads[LEARN_HEADS])
{
    struct err err = {0};

    for (int i = 0; i < LEARN_HEADS; i++) {
        struct cross_entropy c = entropy_of(w, heads[i].h, heads[i].w);
        size_t count = (size_t)w->batch.n * (size_t)heads[i].h * (size_t)heads[i].w * 8;
        double *logits = malloc(2 * count * sizeof(*logits)), *gradient = logits + count;
        assert_non_null(logits);
        for (size_t k = 0; k < count; k++)
            logits[k] = (double)heads[i].logits[k];
        cross_entropy(&c, logits, gradient);
        for (size_t k = 0; k < count; k++)
            heads[i].gradient[k] = (float)gradient[k];
        free(logits);
    }
    if (learner_backward(w->learner, &w->params.at32, &w->mine.at32, &err))
        fail_msg("%s", err.msg);
    learn_tensors_to_f64(&w->mine);
}

/* Biases in front of a norm have the gradient 0, and are left out. */
static void add_tensor(const struct whole *w, int i, double *off, double *all)
{
    if (!param_is_trained(&w->mine.table[i]) || w->mine.table[i].role == ROLE_BIAS)
        return;
    for (size_t k = 0; k < param_count(&w->mine.table[i]); k++) {
        double d = w->mine.at.at[i][k] - w->oracle.at.at[i][k];
        *off += d * d;
        *all += w->oracle.at.at[i][k] * w->oracle.at.at[i][k];
    }
}

/* Of the tensors of each layer, and of all together. */
static void compare(const struct whole *w, const char *what, double limit)
{
    double off[LAYER_COUNT] = {0}, all[LAYER_COUNT] = {0}, off_sum = 0, sum = 0, worst = 0;
    int at = 0;

    for (int i = 0; i < PARAM_COUNT; i++) {
        int layer = w->mine.table[i].layer;
        add_tensor(w, i, &off[layer], &all[layer]);
    }
    for (int i = 0; i < LAYER_COUNT; i++) {
        off_sum += off[i];
        sum += all[i];
        if (all[i] > 0 && !(off[i] / all[i] <= worst)) {
            worst = off[i] / all[i];
            at = i;
        }
    }
    print_message("  %s: nmse %.1e, worst layer %.1e (%s)\n", what, off_sum / sum, worst,
                  network[at].name);
    if (!(worst <= limit && off_sum <= limit * sum))
        fail_msg("%s: %s nmse %g", what, network[at].name, worst);
}

static void check(struct whole *w)
{
    const struct learn_net_settle hook = {settle, w};
    struct learn_head heads[LEARN_HEADS];
    struct learn_net_head theirs[LEARN_HEADS];
    struct learn_tensors alone;

    learn_tensors_init(&alone);
    forward_mine(w, heads);
    run_oracle(w, theirs);
    learn_tensors_copy(&alone, &w->oracle);
    learn_net_settle(w->net, &hook);
    run_oracle(w, theirs);
    learn_net_settle(w->net, NULL);
    back_mine(w, heads);
    print_message("%d of %dx%d: %ld of %ld units decide another way in f32\n", w->batch.n,
                  w->batch.w, w->batch.h, w->flipped, w->units);
    assert_true(w->flipped * UNITS_A_FLIP <= w->units);
    compare(w, "with the decisions of f32", LIMIT);
    learn_tensors_copy(&w->oracle, &alone);
    compare(w, "with its own", LIMIT_ALONE);
    learn_tensors_release(&alone);
}

/* ---- cases ------------------------------------------------------------------------------- */

static void drawn_pictures(void **state)
{
    enum { N = 6, H = 112, W = 144, PIXELS = H * W };
    struct whole w = {0};
    uint8_t *rgb = malloc((size_t)N * PIXELS * 4), *labels = rgb + (size_t)N * PIXELS * 3;
    uint64_t seed = 5;

    (void)state;
    assert_non_null(rgb);
    for (int i = 0; i < N; i++)
        draw_picture(rgb + (size_t)i * PIXELS * 3, W, H, (uint64_t)i + 3);
    for (int i = 0; i < N * PIXELS; i++)
        labels[i] = draw_next(&seed) % 9 ? (uint8_t)(i / 7 % 8) : LABEL_IGNORED;
    w.batch = (struct learn_batch){rgb, N, H, W};
    w.labels = labels;
    learn_tensors_init(&w.params);
    learn_tensors_random(&w.params, 11);
    whole_open(&w);
    check(&w);
    whole_close(&w);
    free(rgb);
}

/* The starter's weights and the pictures and labels of the recorded run. */
static void recorded_batch(void **state)
{
    struct recorded recorded;
    struct whole w = {0};

    (void)state;
    learn_tensors_init(&w.params);
    if (recorded_open(&recorded) || learn_tensors_starter(&w.params)) {
        learn_tensors_release(&w.params);
        skip();
    }
    w.batch = recorded.batch;
    w.labels = recorded.labels.data;
    whole_open(&w);
    check(&w);
    whole_close(&w);
    recorded_close(&recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_batch),
        cmocka_unit_test(drawn_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
