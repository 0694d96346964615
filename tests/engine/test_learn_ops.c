/* The gradient of every operation against central differences, element by element, on small odd
 * shapes in double.
 *
 * The loss is the sum of the outputs times fixed random numbers, so that these numbers are the
 * gradient by the output. Where an operation has kinks (relu, maximum), every value is checked to be
 * farther from one than the steps go. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/ref/learn_ops.h"
#include "tests/engine/support.h"

#define STEP  1e-4
#define LIMIT 1e-6 /* relative to the larger value, or to 1 */

struct op_case {
    const char *name;
    struct layer layer;
    struct shape in[LAYER_INPUTS_MAX];
    struct shape out;
};

#define CONV .op = LAYER_CONV, .in = {0, L_NONE, L_NONE, L_NONE}
#define ONE                       \
    {                             \
        0, L_NONE, L_NONE, L_NONE \
    }
#define THREE           \
    {                   \
        0, 0, 0, L_NONE \
    }
#define FOUR       \
    {              \
        0, 0, 0, 0 \
    }

/* clang-format off */
static const struct op_case cases[] = {
    {"1x1",             {CONV, .channels = 5, .kernel = 1, .stride = 1, .groups = 1}, {{3, 4, 7}}, {3, 4, 5}},
    {"1x1 bias",        {CONV, .channels = 9, .kernel = 1, .stride = 1, .groups = 1, .bias = true}, {{5, 3, 2}}, {5, 3, 9}},
    {"1x1 stride 2",    {CONV, .channels = 8, .kernel = 1, .stride = 2, .groups = 1}, {{5, 4, 3}}, {3, 2, 8}},
    {"3x3",             {CONV, .channels = 12, .kernel = 3, .stride = 1, .groups = 1, .bias = true}, {{4, 5, 3}}, {4, 5, 12}},
    {"3x3 of a pixel",  {CONV, .channels = 16, .kernel = 3, .stride = 1, .groups = 1}, {{1, 1, 8}}, {1, 1, 16}},
    {"3x3 stride 2",    {CONV, .channels = 3, .kernel = 3, .stride = 2, .groups = 1}, {{7, 5, 4}}, {4, 3, 3}},
    {"even, stride 2",  {CONV, .channels = 10, .kernel = 3, .stride = 2, .groups = 1}, {{6, 4, 2}}, {3, 2, 10}},
    {"depthwise",       {CONV, .channels = 6, .kernel = 3, .stride = 2, .groups = 6}, {{5, 7, 6}}, {3, 4, 6}},
    {"depthwise, bias", {CONV, .channels = 5, .kernel = 3, .stride = 1, .groups = 5, .bias = true}, {{3, 4, 5}}, {3, 4, 5}},
    {"norm",            {CONV, .channels = 4, .kernel = 1, .stride = 1, .groups = 1, .norm = true}, {{3, 5, 3}}, {3, 5, 4}},
    {"norm, relu",      {CONV, .channels = 6, .kernel = 3, .stride = 2, .groups = 1, .norm = true, .relu = true}, {{7, 6, 3}}, {4, 3, 6}},
    {"norm of two",     {CONV, .channels = 3, .kernel = 1, .stride = 1, .groups = 1, .bias = true, .norm = true}, {{2, 1, 4}}, {2, 1, 3}},
    {"norm of one",     {CONV, .channels = 3, .kernel = 1, .stride = 1, .groups = 1, .bias = true, .norm = true, .relu = true}, {{1, 1, 4}}, {1, 1, 3}},
    {"average",         {.op = LAYER_AVERAGE, .in = ONE, .groups = 1}, {{7, 5, 3}}, {4, 3, 3}},
    {"average, even",   {.op = LAYER_AVERAGE, .in = ONE, .groups = 1}, {{6, 2, 2}}, {3, 1, 2}},
    {"bin 1",           {.op = LAYER_BINS, .in = ONE, .groups = 1}, {{5, 3, 2}}, {1, 1, 2}},
    {"bins 2",          {.op = LAYER_BINS, .in = ONE, .groups = 1}, {{5, 3, 2}}, {2, 2, 2}},
    {"bins 4 of 3",     {.op = LAYER_BINS, .in = ONE, .groups = 1}, {{3, 7, 2}}, {4, 4, 2}},
    {"resize up",       {.op = LAYER_RESIZE, .in = ONE, .groups = 1}, {{2, 3, 3}}, {5, 7, 3}},
    {"resize of one",   {.op = LAYER_RESIZE, .in = ONE, .groups = 1}, {{1, 1, 3}}, {3, 2, 3}},
    {"resize same",     {.op = LAYER_RESIZE, .in = ONE, .groups = 1}, {{3, 2, 3}}, {3, 2, 3}},
    {"resize down",     {.op = LAYER_RESIZE, .in = ONE, .groups = 1}, {{7, 5, 2}}, {3, 4, 2}},
    {"concat",          {.op = LAYER_CONCAT, .in = FOUR, .groups = 1}, {{2, 3, 4}, {2, 3, 2}, {2, 3, 1}, {2, 3, 1}}, {2, 3, 8}},
    {"sum",             {.op = LAYER_SUM, .in = THREE, .groups = 1}, {{3, 2, 5}, {3, 2, 5}, {3, 2, 5}}, {3, 2, 5}},
    {"stats",           {.op = LAYER_STATS, .in = {0, 0, L_NONE, L_NONE}, .groups = 1}, {{3, 5, 7}, {3, 5, 7}}, {3, 5, 4}},
    {"blend",           {.op = LAYER_BLEND, .in = THREE, .groups = 1}, {{3, 4, 5}, {3, 4, 5}, {3, 4, 1}}, {3, 4, 5}},
};
/* clang-format on */

/* Values that the loss depends on, with the gradient by them. */
struct variable {
    const char *what;
    size_t count;
    double *value, *gradient;
};

enum { WEIGHT = LAYER_INPUTS_MAX, BIAS, GAMMA, BETA, VARIABLES };

struct rig_op {
    const struct op_case *c;
    struct variable of[VARIABLES];
    double *inner, *out, *pull; /* before the norm; the output; the gradient by it */
    double *scratch, *transposed;
    double mean[16], variance[16];
};

static const double scale = 1.25; /* of the blend */

static size_t count_of(struct shape s)
{
    return (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

static double *random_doubles(size_t count, uint64_t *seed)
{
    double *out = malloc((count + 1) * sizeof(*out));

    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        out[i] = draw_next(seed) / 2147483648.0 - 1;
    return out;
}

static void add_variable(struct rig_op *r, int i, const char *what, size_t count, uint64_t *seed)
{
    r->of[i] = (struct variable){what, count, random_doubles(count, seed),
                                 calloc(count + 1, sizeof(double))};
}

static void rig_op_open(struct rig_op *r, const struct op_case *c)
{
    static const char *const names[] = {"in 0", "in 1", "in 2", "in 3"};
    const struct layer *l = &c->layer;
    size_t inputs = (size_t)(c->in[0].c / l->groups), channels = (size_t)c->out.c;
    size_t weights = channels * inputs * (size_t)(l->kernel * l->kernel);
    uint64_t seed = 77;

    *r = (struct rig_op){.c = c};
    for (int i = 0; i < layer_inputs(l); i++)
        add_variable(r, i, names[i], count_of(c->in[i]), &seed);
    if (l->op == LAYER_CONV)
        add_variable(r, WEIGHT, "weight", weights, &seed);
    if (l->bias)
        add_variable(r, BIAS, "bias", channels, &seed);
    if (l->norm) {
        add_variable(r, GAMMA, "gamma", channels, &seed);
        add_variable(r, BETA, "beta", channels, &seed);
    }
    r->inner = random_doubles(count_of(c->out), &seed);
    r->out = random_doubles(count_of(c->out), &seed);
    r->pull = random_doubles(count_of(c->out), &seed);
    r->scratch = random_doubles(ref_conv_scratch(l, c->in[0], c->out), &seed);
    r->transposed = random_doubles(weights, &seed);
}

static void rig_op_close(struct rig_op *r)
{
    for (int i = 0; i < VARIABLES; i++) {
        free(r->of[i].value);
        free(r->of[i].gradient);
    }
    free(r->inner);
    free(r->out);
    free(r->pull);
    free(r->scratch);
    free(r->transposed);
}

static void gather(const struct rig_op *r, struct ref_map value[LAYER_INPUTS_MAX],
                   struct ref_map gradient[LAYER_INPUTS_MAX])
{
    for (int i = 0; i < LAYER_INPUTS_MAX; i++) {
        value[i] = (struct ref_map){r->c->in[i], r->of[i].value};
        gradient[i] = (struct ref_map){r->c->in[i], r->of[i].gradient};
    }
}

/* With norm and relu as the layer has them. */
static void conv_forward(struct rig_op *r, struct ref_map in, struct ref_map out)
{
    const struct layer *l = &r->c->layer;
    struct ref_conv w = {.weight = r->of[WEIGHT].value, .bias = r->of[BIAS].value};
    struct ref_map inner = {out.shape, l->norm ? r->inner : out.at};
    struct ref_norm norm = {r->of[GAMMA].value, r->of[BETA].value, r->mean, r->variance};

    ref_conv(l, &w, in, inner, r->scratch);
    if (l->norm)
        ref_norm(&norm, inner, out);
    if (l->relu)
        ref_relu(out);
}

static void conv_back(struct rig_op *r, struct ref_map value, struct ref_map in)
{
    const struct layer *l = &r->c->layer;
    struct ref_map out = {r->c->out, r->out}, gradient = {r->c->out, r->pull};
    struct ref_norm norm = {r->of[GAMMA].value, r->of[BETA].value, r->mean, r->variance};
    struct ref_conv w = {r->of[WEIGHT].value, r->transposed, NULL};
    struct ref_conv learned = {r->of[WEIGHT].gradient, NULL, r->of[BIAS].gradient};

    if (l->relu)
        ref_relu_back(out, gradient);
    if (l->norm)
        ref_norm_back(&norm, (struct ref_map){r->c->out, r->inner}, gradient, r->of[GAMMA].gradient,
                      r->of[BETA].gradient);
    if (l->groups == 1)
        ref_conv_transpose(l, value.shape.c, &w);
    ref_conv_learn(l, value, gradient, &learned, r->scratch);
    ref_conv_back(l, &w, gradient, in, r->scratch);
}

static double loss(struct rig_op *r)
{
    const struct layer *l = &r->c->layer;
    struct ref_map in[LAYER_INPUTS_MAX], unused[LAYER_INPUTS_MAX], out = {r->c->out, r->out};
    double sum = 0;

    gather(r, in, unused);
    switch (l->op) {
    case LAYER_CONV: conv_forward(r, in[0], out); break;
    case LAYER_AVERAGE: ref_average(in[0], out); break;
    case LAYER_CONCAT: ref_concat(in, layer_inputs(l), out); break;
    case LAYER_BINS: ref_bins(in[0], out); break;
    case LAYER_RESIZE: ref_resize(in[0], out); break;
    case LAYER_SUM: ref_sum(in, layer_inputs(l), out); break;
    case LAYER_STATS: ref_stats(in, out); break;
    case LAYER_BLEND: ref_blend(in, scale, out); break;
    case LAYER_INPUT: break;
    }
    for (size_t i = 0; i < count_of(out.shape); i++)
        sum += out.at[i] * r->pull[i];
    return sum;
}

/* All gradients; spoils `pull`. */
static void back(struct rig_op *r)
{
    const struct layer *l = &r->c->layer;
    struct ref_map value[LAYER_INPUTS_MAX], in[LAYER_INPUTS_MAX], out = {r->c->out, r->pull};

    gather(r, value, in);
    switch (l->op) {
    case LAYER_CONV: conv_back(r, value[0], in[0]); break;
    case LAYER_AVERAGE: ref_average_back(out, in[0]); break;
    case LAYER_CONCAT: ref_concat_back(out, in, layer_inputs(l)); break;
    case LAYER_BINS: ref_bins_back(out, in[0]); break;
    case LAYER_RESIZE: ref_resize_back(out, in[0]); break;
    case LAYER_SUM: ref_sum_back(out, in, layer_inputs(l)); break;
    case LAYER_STATS: ref_stats_back(value, out, in); break;
    case LAYER_BLEND: ref_blend_back(value, scale, out, in); break;
    case LAYER_INPUT: break;
    }
}

/* The distance from the nearest kink, in units of what a step changes at most: outputs of a norm
 * change by a few steps, inputs of a maximum by one. */
static double kink_distance(const struct rig_op *r)
{
    double nearest = INFINITY;

    for (size_t i = 0; i < count_of(r->c->out) && r->c->layer.relu; i++)
        if (r->c->layer.norm && count_of(r->c->out) > (size_t)r->c->out.c) {
            size_t c = i % (size_t)r->c->out.c;
            double by = 1 / sqrt(r->variance[c] + BATCH_NORM_EPSILON);
            double y =
                (r->inner[i] - r->mean[c]) * by * r->of[GAMMA].value[c] + r->of[BETA].value[c];
            nearest = fmin(nearest, fabs(y));
        } else {
            nearest = fmin(nearest, fabs(r->inner[i]));
        }
    for (int k = 0; k < 2 && r->c->layer.op == LAYER_STATS; k++) {
        const double *at = r->of[k].value;
        for (size_t p = 0; p < r->of[k].count; p += (size_t)r->c->in[k].c)
            for (int a = 0; a < r->c->in[k].c; a++)
                for (int b = 0; b < a; b++)
                    nearest = fmin(nearest, fabs(at[p + (size_t)a] - at[p + (size_t)b]));
    }
    return nearest / STEP;
}

static void check_variable(struct rig_op *r, const struct variable *v)
{
    for (size_t i = 0; i < v->count; i++) {
        double at = v->value[i];
        v->value[i] = at + STEP;
        double above = loss(r);
        v->value[i] = at - STEP;
        double below = loss(r);
        v->value[i] = at;
        double want = (above - below) / (2 * STEP), have = v->gradient[i];
        if (!(fabs(have - want) <= LIMIT * fmax(1, fmax(fabs(have), fabs(want)))))
            fail_msg("%s: gradient by %s[%zu] is %.12g, by central differences %.12g", r->c->name,
                     v->what, i, have, want);
    }
}

static void gradients_are_central_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rig_op r;
        rig_op_open(&r, &cases[i]);
        double *pull = malloc(count_of(cases[i].out) * sizeof(*pull));
        memcpy(pull, r.pull, count_of(cases[i].out) * sizeof(*pull));
        loss(&r);
        if (kink_distance(&r) < 5)
            fail_msg("%s: a value is only %.1f steps from a kink; take another seed", cases[i].name,
                     kink_distance(&r));
        back(&r);
        memcpy(r.pull, pull, count_of(cases[i].out) * sizeof(*pull));
        for (int k = 0; k < VARIABLES; k++)
            check_variable(&r, &r.of[k]);
        free(pull);
        rig_op_close(&r);
    }
}

/* A second run through the gradients adds the same again. */
static void gradients_are_added(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rig_op r;
        double *once[VARIABLES];
        size_t bytes = count_of(cases[i].out) * sizeof(double);
        rig_op_open(&r, &cases[i]);
        double *pull = malloc(bytes);
        memcpy(pull, r.pull, bytes);
        loss(&r);
        back(&r);
        for (int k = 0; k < VARIABLES; k++) {
            once[k] = malloc((r.of[k].count + 1) * sizeof(double));
            for (size_t j = 0; j < r.of[k].count; j++)
                once[k][j] = r.of[k].gradient[j];
        }
        memcpy(r.pull, pull, bytes);
        back(&r);
        for (int k = 0; k < VARIABLES; k++) {
            for (size_t j = 0; j < r.of[k].count; j++)
                if (fabs(r.of[k].gradient[j] - 2 * once[k][j]) > 1e-12)
                    fail_msg("%s: gradient by %s[%zu] is %g, not twice %g", cases[i].name,
                             r.of[k].what, j, r.of[k].gradient[j], once[k][j]);
            free(once[k]);
        }
        free(pull);
        rig_op_close(&r);
    }
}

/* Specification 1.4: of equal maxima the first gets the gradient. */
static void first_maximum_wins(void **state)
{
    double x[] = {1, 3, 3, 2}, out[] = {0, 7, 0, 5}, gx[4] = {0}, gy[4] = {0};
    struct shape s = {1, 1, 4};
    struct ref_map value[] =
        {
            {s, x},
            {s, x}
    },
                   in[] = {{s, gx}, {s, gy}};

    (void)state;
    ref_stats_back(value, (struct ref_map){s, out}, in);
    for (int i = 0; i < 4; i++) {
        assert_true(gx[i] == (i == 1 ? 7 : 0));
        assert_true(gy[i] == (i == 1 ? 5 : 0));
    }
}

static void relu_has_no_gradient_at_zero(void **state)
{
    double out[] = {0, 2}, gradient[] = {3, 4};
    struct shape s = {1, 1, 2};

    (void)state;
    ref_relu_back((struct ref_map){s, out}, (struct ref_map){s, gradient});
    assert_true(gradient[0] == 0 && gradient[1] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_central_differences),
        cmocka_unit_test(gradients_are_added),
        cmocka_unit_test(first_maximum_wins),
        cmocka_unit_test(relu_has_no_gradient_at_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
