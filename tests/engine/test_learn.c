/* The contract of learn.h, on each backend and precision of this build that the machine does. */
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

enum { N = 3, H = 37, W = 54, THREADS = 2 };

static const struct kind {
    const char *backend, *precision, *device;
    double
        close; /* NMSE of all gradients against the oracle's in double; norms over maps of 2x2 are
                     steep: how exact a backend is, its own tests tell */
} kinds[] = {
    {"ref",    "f32",  "cpu",    1e-12},
    {"onednn", "f32",  "cpu",    1e-6 },
    {"cudnn",  "f32",  "cuda:0", 1e-6 },
    {"cudnn",  "bf16", "cuda:0", 1e-5 },
    {"cudnn",  "fp16", "cuda:0", 1e-6 },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static const char *only; /* this backend; set in main: cmocka's tests take no arguments */

struct net_rig {
    struct learner *learner;
    struct learn_tensors params, gradients;
    struct learn_head heads[LEARN_HEADS];
    uint8_t *rgb;
};

static bool rig_init(struct net_rig *r, const struct kind *k)
{
    struct learner_config config = {k->backend, k->precision, k->device, THREADS};
    struct err err = {0};

    *r = (struct net_rig){0};
    if (only && strcmp(only, k->backend) != 0)
        return false;
    if (learner_open(&r->learner, &config, &err)) {
        assert_int_equal(err.code, ERR_CONFIG);
        assert_false(only);
        print_message("%s %s: not here\n", k->backend, k->precision);
        return false;
    }
    /* gradients here are of sums, not of means: large ones */
    learner_set_scaling(r->learner, &(struct learn_scaling){.scale = 1});
    learn_tensors_init(&r->params);
    learn_tensors_init(&r->gradients);
    learn_tensors_random(&r->params, 21);
    learn_tensors_keep_off_corners(&r->params);
    r->rgb = malloc((size_t)N * H * W * 3);
    for (int i = 0; i < N; i++)
        draw_picture(r->rgb + (size_t)i * H * W * 3, W, H, (uint64_t)i + 8);
    return true;
}

static void rig_release(struct net_rig *r)
{
    learner_close(r->learner);
    learn_tensors_release(&r->params);
    learn_tensors_release(&r->gradients);
    free(r->rgb);
}

static size_t head_count(const struct learn_head *h, int n)
{
    return (size_t)n * (size_t)h->h * (size_t)h->w * 8;
}

/* A gradient for the heads that is easy to make again: a multiple of the logits. */
static void pull(struct net_rig *r, int n)
{
    for (int i = 0; i < LEARN_HEADS; i++)
        for (size_t k = 0; k < head_count(&r->heads[i], n); k++)
            r->heads[i].gradient[k] = r->heads[i].logits[k] / 64;
}

static void forward(struct net_rig *r, int n, int h, int w)
{
    struct learn_batch batch = {r->rgb, n, h, w};
    struct err err = {0};

    if (learner_forward(r->learner, &r->params.at32, &batch, r->heads, &err))
        fail_msg("%s", err.msg);
}

static void backward(struct net_rig *r)
{
    struct err err = {0};

    if (learner_backward(r->learner, &r->params.at32, &r->gradients.at32, &err))
        fail_msg("%s", err.msg);
}

/* Logits of all heads, then gradients, then parameters; free it. */
static float *everything(const struct net_rig *r, int n, size_t *count)
{
    size_t at = 0;
    float *all;

    *count = 2 * r->params.count;
    for (int i = 0; i < LEARN_HEADS; i++)
        *count += head_count(&r->heads[i], n);
    all = malloc(*count * sizeof(*all));
    for (int i = 0; i < LEARN_HEADS; at += head_count(&r->heads[i++], n))
        memcpy(all + at, r->heads[i].logits, head_count(&r->heads[i], n) * sizeof(*all));
    memcpy(all + at, r->gradients.f32, r->params.count * sizeof(*all));
    memcpy(all + at + r->params.count, r->params.f32, r->params.count * sizeof(*all));
    return all;
}

static void sizes_of_the_heads(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct net_rig r;
        if (!rig_init(&r, &kinds[k]))
            continue;
        forward(&r, 2, H, W);
        for (int i = 0; i < LEARN_HEADS; i++) {
            int by = 8 << i;
            assert_int_equal(r.heads[i].h, (H + by - 1) / by);
            assert_int_equal(r.heads[i].w, (W + by - 1) / by);
        }
        rig_release(&r);
    }
}

/* The oracle in double from the same parameters, pictures and gradients of the heads. */
static void oracle(const struct net_rig *r, struct learn_tensors *params,
                   struct learn_tensors *gradients)
{
    struct learn_net_head heads[LEARN_HEADS];
    struct learn_batch batch = {r->rgb, N, H, W};
    struct learn_net *net;
    struct err err = {0};

    assert_int_equal(learn_net_open(&net, &err), 0);
    assert_int_equal(learn_net_forward(net, &params->at, &batch, heads, &err), 0);
    for (int i = 0; i < LEARN_HEADS; i++)
        for (size_t k = 0; k < head_count(&r->heads[i], N); k++)
            heads[i].gradient[k] = r->heads[i].gradient[k];
    learn_net_backward(net, &params->at, &gradients->at);
    learn_net_close(net);
}

static void gradients_and_statistics_are_the_oracles(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct learn_tensors params, gradients;
        struct net_rig r;
        if (!rig_init(&r, &kinds[k]))
            continue;
        learn_tensors_init(&params);
        learn_tensors_init(&gradients);
        learn_tensors_copy(&params, &r.params);
        forward(&r, N, H, W);
        pull(&r, N);
        backward(&r);
        oracle(&r, &params, &gradients);
        double by_params = nmse(r.params.f32, params.f64, params.count);
        double by_gradients = nmse(r.gradients.f32, gradients.f64, gradients.count);
        print_message("%s %s: NMSE of gradients %.1e, of parameters %.1e\n", kinds[k].backend,
                      kinds[k].precision, by_gradients, by_params);
        assert_true(by_gradients <= kinds[k].close && by_params <= kinds[k].close);
        learn_tensors_release(&params);
        learn_tensors_release(&gradients);
        rig_release(&r);
    }
}

/* Only running statistics change, and only they have no gradient written. */
static void what_is_not_trained_is_left_alone(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct learn_tensors before;
        struct net_rig r;
        if (!rig_init(&r, &kinds[k]))
            continue;
        learn_tensors_init(&before);
        learn_tensors_copy(&before, &r.params);
        for (size_t i = 0; i < r.gradients.count; i++)
            r.gradients.f32[i] = 0.5F;
        forward(&r, 2, H, W);
        pull(&r, 2);
        backward(&r);
        for (int i = 0; i < PARAM_COUNT; i++) {
            enum role role = r.params.table[i].role;
            size_t bytes = param_count(&r.params.table[i]) * sizeof(float);
            bool kept = !memcmp(before.at32.at[i], r.params.at32.at[i], bytes);
            if (kept != (role != ROLE_MEAN && role != ROLE_VARIANCE))
                fail_msg("%s: %s", r.params.table[i].name, kept ? "kept" : "changed");
            for (size_t j = 0;
                 j < param_count(&r.params.table[i]) && !param_is_trained(&r.params.table[i]); j++)
                assert_true(r.gradients.at32.at[i][j] == 0.5F);
        }
        learn_tensors_release(&before);
        rig_release(&r);
    }
}

static void gradients_are_added(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct net_rig r;
        if (!rig_init(&r, &kinds[k]))
            continue;
        forward(&r, 2, H, W);
        pull(&r, 2);
        backward(&r);
        double *twice = malloc(r.gradients.count * sizeof(*twice));
        for (size_t i = 0; i < r.gradients.count; i++)
            twice[i] = 2 * (double)r.gradients.f32[i];
        forward(&r, 2, H, W);
        pull(&r, 2);
        backward(&r);
        assert_true(nmse(r.gradients.f32, twice, r.gradients.count) <=
                    1e-12); /* of the same sums */
        free(twice);
        rig_release(&r);
    }
}

/* The same bits from another learner, and from one that had a larger batch before. */
static void the_same_bits_again(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        float *all[2] = {NULL, NULL};
        size_t count[2] = {0, 0};
        for (int i = 0; i < 2; i++) {
            struct net_rig r;
            if (!rig_init(&r, &kinds[k]))
                break;
            if (i == 1) {
                struct learn_tensors kept;
                learn_tensors_init(&kept);
                learn_tensors_copy(&kept, &r.params);
                forward(&r, N, H, W);
                learn_tensors_copy(&r.params, &kept);
                learn_tensors_release(&kept);
            }
            forward(&r, 2, W, H);
            pull(&r, 2);
            backward(&r);
            all[i] = everything(&r, 2, &count[i]);
            rig_release(&r);
        }
        assert_int_equal(count[0], count[1]);
        if (!count[0])
            continue;
        assert_memory_equal(all[0], all[1], count[0] * sizeof(float));
        free(all[0]);
        free(all[1]);
    }
}

/* A picture of one pixel and a batch of many tiny ones: every size is legal. */
static void tiny_batches(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        struct net_rig r;
        if (!rig_init(&r, &kinds[k]))
            continue;
        forward(&r, 1, 1, 1);
        pull(&r, 1);
        backward(&r);
        forward(&r, 7, 9, 2);
        pull(&r, 7);
        backward(&r);
        for (size_t i = 0; i < r.params.count; i++)
            assert_true(isfinite(r.params.f32[i]) && isfinite(r.gradients.f32[i]));
        rig_release(&r);
    }
}

static void expect(int ret, const struct err *err, enum err_code code, const char *text)
{
    assert_int_equal(ret, -1);
    if (err->code != code || !strstr(err->msg, text))
        fail_msg("%s: %s", err_name(err->code), err->msg);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct learner_config bad[] = {
        {"abacus", "auto", "auto", 1},
        {"ref",    "bf16", "auto", 1},
        {"ref",    "int8", "auto", 1},
        {"ref",    "f32",  "tpu",  1},
    };
    struct learner *none = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        int ret = learner_open(&none, &bad[i], &err);
        expect(ret, &err, ERR_CONFIG, "no backend of this build trains with backend=");
        assert_null(none);
    }
    for (int k = 0; k < KINDS; k++) {
        struct net_rig r;
        struct err err = {0}, early = {0};
        if (!rig_init(&r, &kinds[k]))
            continue;
        expect(learner_backward(r.learner, &r.params.at32, &r.gradients.at32, &early), &early,
               ERR_BUG, "without a forward");
        forward(&r, 1, H, W);
        pull(&r, 1);
        backward(&r);
        early = (struct err){0};
        expect(learner_backward(r.learner, &r.params.at32, &r.gradients.at32, &early), &early,
               ERR_BUG, "without a forward");
        struct learn_batch batch = {r.rgb, 0, H, W};
        expect(learner_forward(r.learner, &r.params.at32, &batch, r.heads, &err), &err, ERR_LIMIT,
               "a batch of 0 images");
        rig_release(&r);
    }
    learner_close(NULL);
}

static bool trains_in(const char *precision)
{
    const struct learner_config config = {.precision = precision, .device = "cpu", .threads = 1};
    struct learner *l = NULL;
    struct err err = {0};
    int ret = learner_open(&l, &config, &err);

    learner_close(l);
    return !ret;
}

static void words_of_the_default(void **state)
{
    struct learner_config any = {.threads = 0};
    struct learner *l = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(learner_open(&l, &any, &err), 0);
    print_message("auto: %s %s on %s\n", learner_facts(l)->backend, learner_facts(l)->precision,
                  learner_facts(l)->device);
    const char *chosen = learner_facts(l)->precision;
    assert_string_equal(chosen, trains_in("bf16") ? "bf16" : "f32");
    learner_close(l);
    any.backend = "ref";
    assert_int_equal(learner_open(&l, &any, &err), 0);
    assert_string_equal(learner_facts(l)->backend, "ref");
    assert_string_equal(learner_facts(l)->precision, "f32");
    assert_string_equal(learner_facts(l)->device, "cpu");
    learner_close(l);
}

/* Argument: a backend that has to be here. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_the_heads),
        cmocka_unit_test(gradients_and_statistics_are_the_oracles),
        cmocka_unit_test(what_is_not_trained_is_left_alone),
        cmocka_unit_test(gradients_are_added),
        cmocka_unit_test(the_same_bits_again),
        cmocka_unit_test(tiny_batches),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(words_of_the_default),
    };

    only = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
