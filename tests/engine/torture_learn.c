/* A learner whose memory runs out: at the start, in the first forward, and in one of a larger batch. */
#include <string.h>

#include "engine/learn.h"
#include "tests/torture/torture.h"

enum { N = 2, SIDE = 40, VALUES_MAX = 9000000 };

/* Not from malloc: the case's own memory does not run out. */
static float values[VALUES_MAX], sums[VALUES_MAX];
static struct learn_params params, gradients;
static uint8_t rgb[N * SIDE * SIDE * 3];

static void prepare(void)
{
    static struct param table[PARAM_COUNT];
    size_t at = 0;

    network_params(table);
    for (int i = 0; i < PARAM_COUNT; i++) {
        params.at[i] = values + at;
        gradients.at[i] = sums + at;
        at += param_count(&table[i]);
    }
    torture_expect(at <= VALUES_MAX, "the network has grown: raise VALUES_MAX");
    for (size_t i = 0; i < at; i++)
        values[i] = (float)(i % 17) / 64 - 0.1F;
    for (size_t i = 0; i < sizeof(rgb); i++)
        rgb[i] = (uint8_t)(i * i / 7);
    memset(sums, 0, sizeof(sums));
}

static int forward(struct learner *l, int n, int side, struct err *err)
{
    struct learn_head heads[LEARN_HEADS];
    struct learn_batch batch = {rgb, n, side, side};
    struct err bug = {0};

    if (learner_forward(l, &params, &batch, heads, err)) {
        torture_expect(learner_backward(l, &params, &gradients, &bug) && bug.code == ERR_BUG,
                       "gradients of a forward that failed");
        return -1;
    }
    for (int h = 0; h < LEARN_HEADS; h++)
        for (int i = 0; i < n * heads[h].h * heads[h].w * 8; i++)
            heads[h].gradient[i] = 1;
    return 0;
}

static int run(const char *dir, struct buf *made, struct err *err)
{
    const struct learner_config config = {"ref", "f32", "cpu", 1};
    struct learner *l = NULL;
    int ret = -1;

    (void)dir;
    prepare();
    if (!learner_open(&l, &config, err) && !forward(l, 1, SIDE / 2, err) &&
        !forward(l, N, SIDE, err))
        ret = learner_backward(l, &params, &gradients, err);
    learner_close(l);
    for (int i = 0; i < PARAM_COUNT; i++)
        buf_printf(made, "%a %a\n", (double)*params.at[i], (double)*gradients.at[i]);
    return ret ? -1 : buf_check(made, "gradients", err);
}

int main(void)
{
    static const struct torture learner = {
        .name = "learner",
        .run = run,
        .kinds = 1U << FAULTS_DISK | 1U << FAULTS_DISK_FULL,
    };

    torture_run(&learner);
    return 0;
}
