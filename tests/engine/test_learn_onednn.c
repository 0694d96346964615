/* Training on a CPU against the oracle: logits, every gradient and the running statistics, on even and
 * odd sizes; the recorded run; the same bits again; what cannot be had. In f32; with the argument `bf16`
 * what a machine with bf16 can show, which is a test of its own (engine.learn_bf16). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/cross_entropy.h"
#include "tests/engine/learn_support.h"
#include "tests/engine/support.h"

#ifdef LENTIGO_SANITIZED
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

static const int heads_at[LEARN_HEADS] = {L_LOGITS, L_LOGITS1, L_LOGITS2};

/* One backend's step beside the oracle's. */
struct pair {
    struct learn_tensors params, mine, oracle; /* gradients */
    struct learn_tensors after;                /* parameters with mine's running statistics */
    struct learn_batch batch;
    uint8_t *rgb;
    struct learn_head heads[LEARN_HEADS];
    struct learn_net *net;
    struct learner *learner;
};

static struct learner *open_learner(const char *precision, int threads)
{
    const struct learner_config config = {
        .backend = "onednn", .precision = precision, .device = "cpu", .threads = threads};
    struct learner *l = NULL;
    struct err err = {0};

    if (learner_open(&l, &config, &err)) {
        assert_int_equal(err.code, ERR_CONFIG);
        return NULL;
    }
    return l;
}

static bool has(const char *precision)
{
    struct learner *l = open_learner(precision, 1);

    learner_close(l);
    return l;
}

static void pair_open(struct pair *p, const char *precision, int threads)
{
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    learn_tensors_init(&p->params);
    learn_tensors_init(&p->after);
    learn_tensors_init(&p->mine);
    learn_tensors_init(&p->oracle);
    learn_tensors_random(&p->params, 1);
    learn_tensors_keep_off_corners(&p->params);
    assert_int_equal(learn_net_open(&p->net, &err), 0);
    p->learner = open_learner(precision, threads);
    assert_non_null(p->learner);
}

static void pair_close(struct pair *p)
{
    learn_tensors_release(&p->params);
    learn_tensors_release(&p->after);
    learn_tensors_release(&p->mine);
    learn_tensors_release(&p->oracle);
    learn_net_close(p->net);
    learner_close(p->learner);
    free(p->rgb);
}

static void draw_batch(struct pair *p, int n, int h, int w)
{
    size_t image = (size_t)h * (size_t)w * 3;

    free(p->rgb);
    p->rgb = malloc((size_t)n * image);
    assert_non_null(p->rgb);
    for (int i = 0; i < n; i++)
        draw_picture(p->rgb + (size_t)i * image, w, h, 7 + (uint64_t)i);
    for (size_t i = 0; i < (size_t)n * image; i++) /* as unlike each other as real ones */
        p->rgb[i] = (uint8_t)(p->rgb[i] >> (i / image % 2));
    p->batch = (struct learn_batch){.rgb = p->rgb, .n = n, .h = h, .w = w};
}

static size_t head_count(const struct pair *p, int head)
{
    return (size_t)p->batch.n * (size_t)p->heads[head].h * (size_t)p->heads[head].w * 8;
}

static void run_mine(struct pair *p)
{
    struct err err = {0};
    uint64_t seed = 99;

    learn_tensors_copy(&p->after, &p->params);
    if (learner_forward(p->learner, &p->after.at32, &p->batch, p->heads, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < LEARN_HEADS; i++)
        for (size_t k = 0; k < head_count(p, i); k++)
            p->heads[i].gradient[k] = random_normal(&seed) / (float)head_count(p, i);
    memset(p->mine.f32, 0, p->mine.count * sizeof(float));
    if (learner_backward(p->learner, &p->after.at32, &p->mine.at32, &err))
        fail_msg("%s", err.msg);
    learn_tensors_to_f64(&p->mine);
    learn_tensors_to_f64(&p->after);
}

/* Also compares the logits. */
static void run_oracle(struct pair *p, double limit)
{
    struct learn_net_head heads[LEARN_HEADS];
    struct err err = {0};
    uint64_t seed = 99;

    assert_int_equal(learn_net_forward(p->net, &p->params.at, &p->batch, heads, &err), 0);
    for (int i = 0; i < LEARN_HEADS; i++) {
        double off = 0, all = 0;
        for (size_t k = 0; k < head_count(p, i); k++) {
            double d = (double)p->heads[i].logits[k] - heads[i].logits[k];
            off += d * d;
            all += heads[i].logits[k] * heads[i].logits[k];
            heads[i].gradient[k] = (double)(random_normal(&seed) / (float)head_count(p, i));
        }
        print_message("  head %d: nmse %.1e\n", i, off / all);
        if (!(off <= limit * all))
            fail_msg("%s: nmse %g", network[heads_at[i]].name, off / all);
    }
    memset(p->oracle.f64, 0, p->oracle.count * sizeof(double));
    learn_net_backward(p->net, &p->params.at, &p->oracle.at);
}

struct difference {
    double off, all, product, own; /* sums of (a-b)^2, b^2, a*b, a^2 */
};

static struct difference difference_of(const double *a, const double *b, size_t n)
{
    struct difference d = {0};

    for (size_t i = 0; i < n; i++) {
        d.off += (a[i] - b[i]) * (a[i] - b[i]);
        d.all += b[i] * b[i];
        d.product += a[i] * b[i];
        d.own += a[i] * a[i];
    }
    return d;
}

/* What only shifts the input of a norm has the gradient 0: squares of what double and f32 make of it,
 * where others have 1e-8 and more. */
#define NOTHING     1e-28
#define NOTHING_F32 1e-16

static void check_tensors(const struct learn_tensors *mine, const struct learn_tensors *oracle,
                          double limit)
{
    double worst = 0;
    int at = 0;

    for (int i = 0; i < PARAM_COUNT; i++) {
        struct difference d =
            difference_of(mine->at.at[i], oracle->at.at[i], param_count(&mine->table[i]));
        if (d.all < NOTHING && d.own < NOTHING_F32)
            continue;
        if (!(d.off / d.all <= worst)) {
            worst = d.off / d.all;
            at = i;
        }
    }
    print_message("  worst: %s nmse %.1e\n", mine->table[at].name, worst);
    if (!(worst <= limit))
        fail_msg("%s: nmse %g", mine->table[at].name, worst);
}

static const struct {
    int n, h, w;
} shapes[] = {
    {2, 64, 96 },
    {1, 64, 64 },
    {3, 57, 75 },
    {2, 33, 130},
    {4, 96, 96 },
};

static void gradients_of(const char *precision, double limit)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct pair p;
        pair_open(&p, precision, 2);
        print_message("%d of %dx%d\n", shapes[i].n, shapes[i].h, shapes[i].w);
        draw_batch(&p, shapes[i].n, shapes[i].h, shapes[i].w);
        run_mine(&p);
        run_oracle(&p, limit);
        check_tensors(&p.mine, &p.oracle, limit);
        check_tensors(&p.after, &p.params, limit);
        pair_close(&p);
    }
}

/* Forty layers make 1e-8 of single layers more; what is wrong is wrong by far more. */
static void f32_agrees_with_the_oracle(void **state)
{
    (void)state;
    gradients_of("f32", 1e-5);
}

/* ---- the recorded run -------------------------------------------------------------------- */

/* Mean cross-entropy of all heads, and its gradients by their logits. */
static double loss_of(const struct recorded *r, struct learn_head heads[LEARN_HEADS])
{
    double loss = 0;

    for (int i = 0; i < LEARN_HEADS; i++) {
        size_t count = (size_t)r->batch.n * (size_t)heads[i].h * (size_t)heads[i].w * 8;
        double *logits = malloc(2 * count * sizeof(*logits)), *gradient = logits + count;
        struct cross_entropy c = {.n = r->batch.n,
                                  .h = r->batch.h,
                                  .w = r->batch.w,
                                  .labels = r->labels.data,
                                  .head_h = heads[i].h,
                                  .head_w = heads[i].w};
        assert_non_null(logits);
        for (size_t k = 0; k < count; k++)
            logits[k] = (double)heads[i].logits[k];
        loss += cross_entropy(&c, logits, gradient);
        for (size_t k = 0; k < count; k++)
            heads[i].gradient[k] = (float)gradient[k];
        free(logits);
    }
    return loss;
}

static void recorded_steps_of(const char *precision, double loss_limit, double gradient_limit)
{
    const struct sgd sgd = {.rate = 0.01, .momentum = 0.9, .decay = 5e-4};
    struct learn_tensors velocity;
    struct recorded recorded;
    struct err err = {0};
    struct pair p;

    if (recorded_open(&recorded))
        skip();
    pair_open(&p, precision, 2);
    if (learn_tensors_starter(&p.params)) {
        pair_close(&p);
        recorded_close(&recorded);
        skip();
    }
    learn_tensors_init(&velocity);
    for (int i = 0; i < 6; i++) {
        if (learner_forward(p.learner, &p.params.at32, &recorded.batch, p.heads, &err))
            fail_msg("%s", err.msg);
        double loss = loss_of(&recorded, p.heads), want = recorded_loss(&recorded, i);
        memset(p.mine.f32, 0, p.mine.count * sizeof(float));
        if (learner_backward(p.learner, &p.params.at32, &p.mine.at32, &err))
            fail_msg("%s", err.msg);
        print_message("step %d: loss %.9g, recorded %.9g\n", i, loss, want);
        if (fabs(loss - want) > loss_limit * want)
            fail_msg("step %d: loss %.9g, recorded %.9g", i, loss, want);
        learn_tensors_to_f64(&p.mine);
        learn_tensors_to_f64(&p.params);
        if (i == 0 && gradient_limit > 0)
            recorded_check_gradients(&recorded, &p.mine, gradient_limit);
        sgd_step(&sgd, &p.params, &p.mine, &velocity);
        learn_tensors_to_f32(&p.params);
    }
    learn_tensors_release(&velocity);
    recorded_close(&recorded);
    pair_close(&p);
}

/* PyTorch's own f32 is off by 5e-4 at the sixth step. */
static void f32_repeats_the_recorded_steps(void **state)
{
    (void)state;
    recorded_steps_of("f32", 1e-3, 1e-3);
}

/* PyTorch's own bf16 is off by 7e-2 at the second step, and by more in the norms of single gradients,
 * which test_learn_steps looks at layer by layer. */
static void bf16_stays_near_the_recorded_steps(void **state)
{
    (void)state;
    recorded_steps_of("bf16", 0.15, 0);
}

/* ---- the same again ---------------------------------------------------------------------- */

static void same_bits_of(const char *precision)
{
    struct learn_tensors first;
    struct pair p;

    for (int threads = 1; threads <= 2; threads++) {
        pair_open(&p, precision, threads);
        learn_tensors_init(&first);
        draw_batch(&p, 3, 57, 75);
        run_mine(&p);
        memcpy(first.f32, p.mine.f32, first.count * sizeof(float));
        draw_batch(&p, 2, 96, 64); /* other sizes in between, larger and smaller */
        run_mine(&p);
        draw_batch(&p, 1, 33, 20);
        run_mine(&p);
        draw_batch(&p, 3, 57, 75);
        run_mine(&p);
        assert_memory_equal(first.f32, p.mine.f32, first.count * sizeof(float));
        learn_tensors_release(&first);
        pair_close(&p);
    }
}

static void f32_gives_the_same_bits_again(void **state)
{
    (void)state;
    same_bits_of("f32");
}

static void bf16_gives_the_same_bits_again(void **state)
{
    (void)state;
    same_bits_of("bf16");
}

/* A picture through the engine with `threads` threads, by the calling thread. */
static void screen_one(const char *model, int threads)
{
    enum { SIDE = 64 };
    const struct engine_config config = {
        .backend = "onednn", .precision = "f32", .device = "cpu", .threads = threads};
    static uint8_t rgb[SIDE * SIDE * 3], map[SIDE * SIDE];
    struct engine_image image = {
        .rgb = rgb, .content_w = SIDE, .content_h = SIDE, .class_map = map};
    struct err err = {0};
    struct rig r;

    rig_open_with(&r, model, &config);
    if (engine_run(r.stream, SIDE, SIDE, &image, 1, &err))
        fail_msg("%s", err.msg);
    rig_close(&r);
}

/* A run's validation uses the engine in the learner's thread, with another number of threads; sizes
 * that are first met after it give the bits that they would have given before. */
static void an_engine_in_between_changes_nothing(void **state)
{
    char model[TEST_PATH];
    struct learn_tensors first;
    struct pair p;

    (void)state;
    random_model(model, "beside_a_learner", 4);
    learn_tensors_init(&first);
    for (int threads = 0; threads <= 3; threads++) { /* 0: no engine */
        pair_open(&p, "f32", 2);
        if (threads)
            screen_one(model, threads);
        draw_batch(&p, 3, 57, 75);
        run_mine(&p);
        if (threads)
            assert_memory_equal(first.f32, p.mine.f32, first.count * sizeof(float));
        memcpy(first.f32, p.mine.f32, first.count * sizeof(float));
        pair_close(&p);
    }
    learn_tensors_release(&first);
}

/* Gradients are added to what is there. */
static void gradients_add_up(void **state)
{
    struct learn_tensors twice;
    struct err err = {0};
    struct pair p;

    (void)state;
    pair_open(&p, "f32", 2);
    learn_tensors_init(&twice);
    draw_batch(&p, 2, 64, 64);
    run_mine(&p);
    memcpy(twice.f32, p.mine.f32, twice.count * sizeof(float));
    learn_tensors_copy(&p.after, &p.params);
    assert_int_equal(learner_forward(p.learner, &p.after.at32, &p.batch, p.heads, &err), 0);
    uint64_t seed = 99;
    for (int i = 0; i < LEARN_HEADS; i++)
        for (size_t k = 0; k < head_count(&p, i); k++)
            p.heads[i].gradient[k] = random_normal(&seed) / (float)head_count(&p, i);
    assert_int_equal(learner_backward(p.learner, &p.after.at32, &twice.at32, &err), 0);
    for (size_t i = 0; i < twice.count; i++)
        assert_true(fabsf(twice.f32[i] - 2 * p.mine.f32[i]) <=
                    1e-4F * fabsf(p.mine.f32[i]) + 1e-7F);
    learn_tensors_release(&twice);
    pair_close(&p);
}

/* ---- what cannot be had ------------------------------------------------------------------ */

static void one_way_back_for_one_forward(void **state)
{
    struct err err = {0};
    struct pair p;

    (void)state;
    pair_open(&p, "f32", 1);
    draw_batch(&p, 1, 32, 32);
    run_mine(&p);
    assert_int_equal(learner_backward(p.learner, &p.params.at32, &p.mine.at32, &err), -1);
    assert_int_equal(err.code, ERR_BUG);
    pair_close(&p);
}

/* More than there is of address space, which oneDNN may refuse before malloc does; the learner goes on
 * with what fits. A sanitizer's malloc ends the process instead. */
static void too_large_a_batch(void **state)
{
    struct err err = {0};
    struct pair p;

    (void)state;
    if (IS_SANITIZED)
        skip();
    pair_open(&p, "f32", 1);
    draw_batch(&p, 1, 32, 32);
    p.batch.n = 1024;
    p.batch.h = p.batch.w = 16384;
    assert_int_equal(learner_forward(p.learner, &p.params.at32, &p.batch, p.heads, &err), -1);
    assert_true(err.code == ERR_NOMEM || err.code == ERR_DEVICE);
    draw_batch(&p, 1, 32, 32);
    run_mine(&p);
    pair_close(&p);
}

static void unknown_precision_is_refused(void **state)
{
    (void)state;
    assert_null(open_learner("int8", 1));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest in_bf16[] = {
        cmocka_unit_test(bf16_stays_near_the_recorded_steps),
        cmocka_unit_test(bf16_gives_the_same_bits_again),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_agrees_with_the_oracle),
        cmocka_unit_test(f32_repeats_the_recorded_steps),
        cmocka_unit_test(f32_gives_the_same_bits_again),
        cmocka_unit_test(an_engine_in_between_changes_nothing),
        cmocka_unit_test(gradients_add_up),
        cmocka_unit_test(one_way_back_for_one_forward),
        cmocka_unit_test(too_large_a_batch),
        cmocka_unit_test(unknown_precision_is_refused),
    };

    if (argc < 2 || strcmp(argv[1], "bf16") != 0)
        return cmocka_run_group_tests(tests, NULL, NULL);
    if (has("bf16"))
        return cmocka_run_group_tests(in_bf16, NULL, NULL);
    puts("this processor, or its oneDNN, trains in no bf16");
    return TEST_SKIP;
}
