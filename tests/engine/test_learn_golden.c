/* A training run as recorded from PyTorch in float64 (../shared/golden/train-96): losses, the first
 * step's gradients, all tensors after the sixth. */
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

static int steps = 6; /* fewer on demand: a sanitized build takes a minute for each */

struct run {
    struct recorded recorded;
    struct learn_tensors params, gradients, velocity;
    struct learn_net *net;
};

static void run_open(struct run *r)
{
    struct err err = {0};

    learn_tensors_init(&r->params);
    learn_tensors_init(&r->gradients);
    learn_tensors_init(&r->velocity);
    if (recorded_open(&r->recorded) || learn_tensors_starter(&r->params))
        skip();
    assert_int_equal(learn_net_open(&r->net, &err), 0);
}

static void run_close(struct run *r)
{
    learn_tensors_release(&r->params);
    learn_tensors_release(&r->gradients);
    learn_tensors_release(&r->velocity);
    recorded_close(&r->recorded);
    learn_net_close(r->net);
}

/* Loss of the batch, summed over the heads; its gradients in r->gradients. */
static double step(struct run *r)
{
    struct learn_net_head heads[LEARN_HEADS];
    const struct learn_batch *batch = &r->recorded.batch;
    struct err err = {0};
    double loss = 0;

    if (learn_net_forward(r->net, &r->params.at, batch, heads, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < LEARN_HEADS; i++) {
        struct cross_entropy c = {.n = batch->n,
                                  .h = batch->h,
                                  .w = batch->w,
                                  .labels = r->recorded.labels.data,
                                  .head_h = heads[i].h,
                                  .head_w = heads[i].w};
        loss += cross_entropy(&c, heads[i].logits, heads[i].gradient);
    }
    memset(r->gradients.f64, 0, r->gradients.count * sizeof(double));
    learn_net_backward(r->net, &r->params.at, &r->gradients.at);
    return loss;
}

static void six_steps_of_the_oracle(void **state)
{
    const struct sgd sgd = {.rate = 0.01, .momentum = 0.9, .decay = 5e-4};
    struct run r;

    (void)state;
    run_open(&r);
    for (int i = 0; i < steps; i++) {
        double loss = step(&r), want = recorded_loss(&r.recorded, i);
        print_message("step %d: loss %.15g, recorded %.15g\n", i, loss, want);
        if (fabs(loss - want) > 1e-9 * want)
            fail_msg("step %d: loss %.15g, recorded %.15g", i, loss, want);
        if (i == 0)
            recorded_check_gradients(&r.recorded, &r.gradients, 1e-9);
        sgd_step(&sgd, &r.params, &r.gradients, &r.velocity);
    }
    if (steps == 6)
        recorded_check_after(&r.recorded, &r.params, 1e-9);
    run_close(&r);
}

/* Argument: how many steps. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_steps_of_the_oracle),
    };

    if (argc > 1)
        steps = (int)strtol(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
