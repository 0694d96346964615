/* The whole network's gradient against central differences in double: along a direction in the tensors
 * of each layer; with the argument "tensors" (label slow) in each tensor alone, and by single values.
 *
 * The direction is half the gradient's own (so that the derivative is large beside rounding) and half
 * random (so that what is wrong across the gradient shows). Relu and maximum have kinks, and among
 * 200,000 units some are always near one: the step is made smaller until no unit switches between the
 * two points of a difference; then the loss is smooth between them. The loss is the sum of three mean
 * cross-entropies as in training. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/cross_entropy.h"
#include "tests/engine/learn_support.h"
#include "tests/engine/support.h"

#define LIMIT 1e-6 /* relative to the derivative */
#define FLOOR 1e-3 /* or to this; a loss is about 6, so rounding makes 1e-15/step */
/* Of steps along a direction of length 1. The smallest leave 1e-15/1e-11 of rounding, which is within
 * the limit where a loss is so steep that they are needed. */
#define STEP_MAX 1e-4
#define STEP_MIN 1e-11
enum { ELEMENTS = 3 };

static bool each_tensor;

struct net_rig {
    struct learn_net *net;
    struct learn_tensors params, gradients, direction;
    struct learn_batch batch;
    uint8_t *rgb, *labels;
    double step; /* the last that was free of kinks */
};

/* Which side of their kinks all units are on. */
struct point {
    double loss;
    uint64_t sides;
};

static void rig_init(struct net_rig *r, int n, int h, int w)
{
    uint64_t seed = 5;
    struct err err = {0};

    *r = (struct net_rig){.step = STEP_MAX};
    assert_int_equal(learn_net_open(&r->net, &err), 0);
    learn_tensors_init(&r->params);
    learn_tensors_init(&r->gradients);
    learn_tensors_init(&r->direction);
    learn_tensors_random(&r->params, 11);
    for (int i = 0; i < PARAM_COUNT; i++) /* another scale than 1 shows where it belongs */
        if (r->params.table[i].role == ROLE_SCALE)
            *r->params.at.at[i] = 1.125;
    r->rgb = malloc((size_t)(n * h * w) * 3);
    r->labels = malloc((size_t)(n * h * w));
    for (int i = 0; i < n; i++)
        draw_picture(r->rgb + (size_t)(i * h * w) * 3, w, h, (uint64_t)i + 3);
    for (int i = 0; i < h * w * 3;
         i++) /* unlike the others: norms of two values are steep where both
                                           are nearly the same */
        r->rgb[i] = (uint8_t)(255 - r->rgb[i]);
    for (int i = 0; i < n * h * w; i++)
        r->labels[i] = draw_next(&seed) % 9 ? (uint8_t)(i / 7 % 8) : LABEL_IGNORED;
    r->batch = (struct learn_batch){r->rgb, n, h, w};
}

static void rig_release(struct net_rig *r)
{
    learn_net_close(r->net);
    learn_tensors_release(&r->params);
    learn_tensors_release(&r->gradients);
    learn_tensors_release(&r->direction);
    free(r->rgb);
    free(r->labels);
}

static uint64_t mix(uint64_t sum, uint64_t x)
{
    return (sum ^ x) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

static int top_of(const double *at, int n)
{
    int top = 0;

    for (int i = 1; i < n; i++)
        top = at[i] > at[top] ? i : top;
    return top;
}

static uint64_t sides_of(const struct net_rig *r)
{
    struct shape shapes[LAYER_COUNT];
    uint64_t sum = 1;

    network_shapes(shapes, r->batch.h, r->batch.w);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        const struct layer *l = &network[layer];
        size_t pixels = (size_t)(r->batch.n * shapes[layer].h * shapes[layer].w);
        const double *out = learn_net_value(r->net, layer);
        for (size_t i = 0; i < pixels * (size_t)l->channels && l->relu; i++)
            sum = mix(sum, out[i] > 0);
        for (int k = 0; k < 2 && l->op == LAYER_STATS; k++) {
            int c = network[l->in[k]].channels;
            const double *in = learn_net_value(r->net, l->in[k]);
            for (size_t p = 0; p < pixels; p++)
                sum = mix(sum, (uint64_t)top_of(in + p * (size_t)c, c));
        }
    }
    return sum;
}

static struct point forward(struct net_rig *r)
{
    struct learn_net_head heads[LEARN_HEADS];
    struct err err = {0};
    struct point p = {0};

    if (learn_net_forward(r->net, &r->params.at, &r->batch, heads, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < LEARN_HEADS; i++) {
        struct cross_entropy c = {.n = r->batch.n,
                                  .h = r->batch.h,
                                  .w = r->batch.w,
                                  .labels = r->labels,
                                  .head_h = heads[i].h,
                                  .head_w = heads[i].w};
        p.loss += cross_entropy(&c, heads[i].logits, heads[i].gradient);
    }
    p.sides = sides_of(r);
    return p;
}

/* Tensors [first, end) of the table; their values lie one behind the other. */
struct range {
    int first, end;
};

static size_t count_of(const struct net_rig *r, struct range range)
{
    size_t count = 0;

    for (int i = range.first; i < range.end; i++)
        count += param_count(&r->params.table[i]);
    return count;
}

/* The parameters at `base` + step*direction. */
static struct point forward_at(struct net_rig *r, struct range range, const double *base,
                               double step)
{
    for (size_t k = 0; k < count_of(r, range); k++)
        r->params.at.at[range.first][k] = base[k] + step * r->direction.at.at[range.first][k];
    return forward(r);
}

/* Of fourth order, from the difference over the whole smooth stretch and that over half of it. */
static double refine(struct net_rig *r, struct range range, const double *base, double whole)
{
    double step = r->step / 2;
    double above = forward_at(r, range, base, step).loss;
    double below = forward_at(r, range, base, -step).loss;

    return (4 * (above - below) / (2 * step) - whole) / 3;
}

/* The derivative along the direction; fails the test when no step is free of kinks. */
static double central_difference(struct net_rig *r, struct range range)
{
    size_t bytes = count_of(r, range) * sizeof(double);
    double *base = malloc(bytes), out = NAN;

    memcpy(base, r->params.at.at[range.first], bytes);
    for (r->step = fmin(STEP_MAX, r->step * 16); isnan(out) && r->step > STEP_MIN; r->step /= 4) {
        struct point above = forward_at(r, range, base, r->step);
        struct point below = forward_at(r, range, base, -r->step);
        if (above.sides == below.sides)
            out = refine(r, range, base, (above.loss - below.loss) / (2 * r->step));
    }
    memcpy(r->params.at.at[range.first], base, bytes);
    free(base);
    if (isnan(out))
        fail_msg("%s: units switch at every step", r->params.table[range.first].name);
    return out;
}

static double check(struct net_rig *r, struct range range, const char *what)
{
    double have = 0, want = central_difference(r, range);

    for (size_t k = 0; k < count_of(r, range); k++)
        have += r->gradients.at.at[range.first][k] * r->direction.at.at[range.first][k];
    double off = fabs(have - want) / fmax(FLOOR, fabs(want));
    if (!(off <= LIMIT))
        fail_msg("%s, %s: derivative %.12g, by central differences %.12g, off by %.1e",
                 r->params.table[range.first].name, what, have, want, off);
    return off;
}

/* Length 1 in each tensor that is trained, 0 in the others. */
static void aim(struct net_rig *r, int i, uint64_t *seed)
{
    size_t count = param_count(&r->params.table[i]);
    double *d = r->direction.at.at[i], size = 0, norm = tensor_norm(&r->gradients, i);

    for (size_t k = 0; k < count; k++) {
        d[k] = param_is_trained(&r->params.table[i]) ? random_normal(seed) : 0;
        size += d[k] * d[k];
    }
    for (size_t k = 0; k < count && size > 0; k++)
        d[k] = d[k] / sqrt(2 * size) + r->gradients.at.at[i][k] / fmax(norm, FLOOR) / sqrt(2);
}

static double check_layer(struct net_rig *r, struct range range, uint64_t *seed)
{
    for (int i = range.first; i < range.end; i++)
        aim(r, i, seed);
    return check(r, range, "its layer");
}

static double check_tensor(struct net_rig *r, int i, uint64_t *seed)
{
    struct range alone = {i, i + 1};
    size_t count = param_count(&r->params.table[i]);

    aim(r, i, seed);
    double worst = check(r, alone, "along a direction");
    for (int e = 0; e < ELEMENTS; e++) {
        memset(r->direction.at.at[i], 0, count * sizeof(double));
        r->direction.at.at[i][draw_next(seed) % count] = 1;
        r->step = STEP_MAX; /* steep directions before it must not make this one's too small */
        worst = fmax(worst, check(r, alone, "by one value"));
    }
    return worst;
}

/* Of the layers from `first` to `last`. */
static void check_layers(int n, int h, int w, int first, int last)
{
    struct net_rig r;
    struct range range = {0};
    double worst = 0;
    uint64_t seed = 9;

    rig_init(&r, n, h, w);
    forward(&r);
    learn_net_backward(r.net, &r.params.at, &r.gradients.at);
    for (; range.first < PARAM_COUNT; range.first = range.end) {
        const struct param *p = &r.params.table[range.first];
        for (range.end = range.first; range.end < PARAM_COUNT; range.end++)
            if (r.params.table[range.end].layer != p->layer)
                break;
        if (p->layer < first || p->layer > last || p->role == ROLE_SCALE)
            continue;
        worst = fmax(worst, check_layer(&r, range, &seed));
        for (int i = range.first; i < range.end && each_tensor; i++)
            if (param_is_trained(&r.params.table[i]))
                worst = fmax(worst, check_tensor(&r, i, &seed));
    }
    print_message("%d of %dx%d: derivatives off by at most %.1e\n", n, w, h, worst);
    rig_release(&r);
}

static void by_every_layer(void **state)
{
    (void)state;
    check_layers(2, 33, 47, L_IN, LAYER_COUNT);
}

/* One picture: the norm behind the bin of one pixel is left out. */
static void without_the_norm_of_one_value(void **state)
{
    (void)state;
    check_layers(1, 41, 35, L_CM1, L_CM1);
    check_layers(1, 20, 31, L_F7B, L_CM);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_every_layer),
        cmocka_unit_test(without_the_norm_of_one_value),
    };

    each_tensor = argc > 1 && !strcmp(argv[1], "tensors");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
