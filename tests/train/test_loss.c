/* The losses against a slow oracle in f64 that follows loss.h's definitions word by word, and their
 * gradients against the oracle's central differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/loss.h"

enum { N = 2, H = 20, W = 25, PIXELS = H * W, C = LOSS_CLASSES };

struct oracle {
    struct loss_config config;
    uint8_t labels[N * PIXELS];
    int h[LEARN_HEADS], w[LEARN_HEADS];
    double *logits[LEARN_HEADS];
    double p[N * PIXELS][C];
};

static double chance(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (*state >> 8) / 16777216.0;
}

static void softmax_of_head(struct oracle *o, int head)
{
    int from_h = o->h[head], from_w = o->w[head];

    for (int i = 0; i < N * PIXELS; i++) {
        int n = i / PIXELS, y = i % PIXELS / W, x = i % W, y0, y1, x0, x1;
        double fy = resize_tap(from_h, H, y, &y0, &y1), fx = resize_tap(from_w, W, x, &x0, &x1);
        const double *map = o->logits[head] + (ptrdiff_t)n * from_h * from_w * C;
        double z[C], sum = 0;
        for (int c = 0; c < C; c++) {
            double upper =
                map[(y0 * from_w + x0) * C + c] * (1 - fx) + map[(y0 * from_w + x1) * C + c] * fx;
            double lower =
                map[(y1 * from_w + x0) * C + c] * (1 - fx) + map[(y1 * from_w + x1) * C + c] * fx;
            z[c] = upper * (1 - fy) + lower * fy;
            sum += exp(z[c]);
        }
        for (int c = 0; c < C; c++)
            o->p[i][c] = exp(z[c]) / sum;
    }
}

static double entropy_below(const struct oracle *o, double below, double epsilon)
{
    double sum = 0, weight = 0;

    for (int i = 0; i < N * PIXELS; i++) {
        if (o->labels[i] >= C || o->p[i][o->labels[i]] >= below)
            continue;
        double w = (double)o->config.class_weight[o->labels[i]];
        sum -= w * log(o->p[i][o->labels[i]]);
        weight += w;
    }
    return sum / (N * PIXELS) / (weight / (N * PIXELS) + epsilon);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double ohem(const struct oracle *o)
{
    double p[N * PIXELS];
    int kept = (int)lround(o->config.ohem_kept * N * PIXELS), valid = 0;

    for (int i = 0; i < N * PIXELS; i++) {
        p[i] = o->labels[i] < C ? o->p[i][o->labels[i]] : 2;
        valid += o->labels[i] < C;
    }
    qsort(p, N * PIXELS, sizeof(*p), rising);
    double below = valid <= kept ? 2 : fmax(o->config.ohem_threshold, kept ? p[kept - 1] : 0);
    return entropy_below(o, below, 1e-5);
}

static double dice(const struct oracle *o)
{
    double sum = 0;
    int classes = 0;

    for (int c = 0; c < C; c++) {
        double hit = 0, p = 0, is = 0;
        for (int i = 0; i < N * PIXELS; i++) {
            if (o->labels[i] >= C)
                continue;
            p += o->p[i][c];
            is += o->labels[i] == c;
            hit += o->labels[i] == c ? o->p[i][c] : 0;
        }
        if (is > 0) {
            sum += (2 * hit + 1) / (p + is + 1);
            classes++;
        }
    }
    return 1 - sum / classes;
}

struct pixel {
    double error;
    int is;
};

static int falling(const void *a, const void *b)
{
    double x = ((const struct pixel *)a)->error, y = ((const struct pixel *)b)->error;

    return (x < y) - (x > y);
}

static double lovasz_class(const struct oracle *o, int image, int c, int *has)
{
    struct pixel pixels[PIXELS];
    double loss = 0, before = 0;
    int n = 0, all = 0, hits = 0;

    for (int i = image * PIXELS; i < (image + 1) * PIXELS; i++)
        if (o->labels[i] < C) {
            int is = o->labels[i] == c;
            pixels[n++] = (struct pixel){fabs(is - o->p[i][c]), is};
            all += is;
        }
    *has = all > 0;
    qsort(pixels, (size_t)n, sizeof(*pixels), falling);
    for (int k = 0; k < n && all; k++) {
        hits += pixels[k].is;
        double jaccard = 1 - (double)(all - hits) / (all + k + 1 - hits);
        loss += pixels[k].error * (jaccard - before);
        before = jaccard;
    }
    return loss;
}

static double lovasz(const struct oracle *o)
{
    double sum = 0;

    for (int n = 0; n < N; n++) {
        double image = 0;
        int classes = 0, has;
        for (int c = 0; c < C; c++) {
            image += lovasz_class(o, n, c, &has);
            classes += has;
        }
        sum += image / classes / N;
    }
    return sum;
}

static double total(struct oracle *o)
{
    const double *part = o->config.part;
    double sum = 0;

    for (int h = 0; h < LEARN_HEADS; h++) {
        softmax_of_head(o, h);
        sum += o->config.head[h] *
               (part[LOSS_ENTROPY] * entropy_below(o, INFINITY, 1e-8) + part[LOSS_OHEM] * ohem(o) +
                part[LOSS_DICE] * dice(o) + part[LOSS_LOVASZ] * lovasz(o));
    }
    return sum;
}

static struct oracle *oracle_new(void)
{
    struct oracle *o = calloc(1, sizeof(*o));
    uint32_t state = 7;

    assert_non_null(o);
    for (int i = 0; i < N * PIXELS; i++) { /* blobs, a class each, with an ignored strip */
        int y = i % PIXELS / W, x = i % W, n = i / PIXELS;
        int is_lesion = (y - 9) * (y - 9) + (x - 11) * (x - 11) < 40 + 20 * n;
        o->labels[i] = (uint8_t)(x > W - 4 ? 255 : is_lesion ? 1 + 4 * n : 0);
    }
    o->labels[5] = 8; /* no class either */
    for (int h = 0; h < LEARN_HEADS; h++) {
        int by = 8 << h;
        o->h[h] = (H + by - 1) / by;
        o->w[h] = (W + by - 1) / by;
        int count = N * o->h[h] * o->w[h] * C;
        o->logits[h] = calloc((size_t)count, sizeof(double));
        assert_non_null(o->logits[h]);
        for (int i = 0; i < count; i++)
            o->logits[h][i] = (double)(float)(6 * chance(&state) - 3);
    }
    return o;
}

static void oracle_free(struct oracle *o)
{
    for (int h = 0; h < LEARN_HEADS; h++)
        free(o->logits[h]);
    free(o);
}

struct heads {
    struct learn_head at[LEARN_HEADS];
    float *logits[LEARN_HEADS];
    size_t count[LEARN_HEADS];
};

static void heads_init(struct heads *k, const struct oracle *o)
{
    for (int h = 0; h < LEARN_HEADS; h++) {
        k->count[h] = (size_t)N * (size_t)o->h[h] * (size_t)o->w[h] * C;
        k->logits[h] = calloc(k->count[h], sizeof(float));
        float *gradient = malloc(k->count[h] * sizeof(float));
        assert_true(k->logits[h] && gradient);
        for (size_t i = 0; i < k->count[h]; i++) {
            k->logits[h][i] = (float)o->logits[h][i];
            gradient[i] = 1e9F; /* must be overwritten */
        }
        k->at[h] = (struct learn_head){o->h[h], o->w[h], k->logits[h], gradient};
    }
}

static void heads_release(struct heads *k)
{
    for (int h = 0; h < LEARN_HEADS; h++) {
        free(k->logits[h]);
        free(k->at[h].gradient);
    }
}

static const struct loss_config plain = {
    .head = {1,     0.5, 0.25},
    .class_weight = { 1, 2, 1, 1, 1, 0.5F, 1, 1},
    .ohem_threshold = 0.3,
    .threads = 2,
};

static double run(struct oracle *o, const struct heads *k, double scale)
{
    struct loss_result result;
    struct err err = {0};
    struct loss *l;

    assert_int_equal(loss_open(&l, &o->config, &err), 0);
    assert_int_equal(
        loss_run(l, &(struct loss_batch){o->labels, N, H, W}, scale, k->at, &result, &err), 0);
    loss_close(l);
    return result.total;
}

/* |ours - theirs| / |theirs| over all logits of all heads. */
static double distance(struct oracle *o, const struct heads *k, double scale)
{
    double off = 0, size = 0;
    const double step = 1e-5;

    for (int h = 0; h < LEARN_HEADS; h++)
        for (size_t i = 0; i < k->count[h]; i++) {
            double old = o->logits[h][i];
            o->logits[h][i] = old + step;
            double up = total(o);
            o->logits[h][i] = old - step;
            double down = total(o);
            o->logits[h][i] = old;
            double slope = scale * (up - down) / (2 * step);
            double d = (double)k->at[h].gradient[i] - slope;
            off += d * d;
            size += slope * slope;
        }
    return sqrt(off / size);
}

static const char *const recipes[] = {
    "ce", "ohem", "dice", "lovasz", "ce:0.8+ohem+dice:0.5+lovasz:0.7",
};
enum { RECIPES = sizeof(recipes) / sizeof(*recipes) };

static void values_and_gradients(void **state)
{
    struct oracle *o = oracle_new();
    struct err err = {0};

    (void)state;
    for (int r = 0; r < RECIPES; r++) {
        struct heads k;
        o->config = plain;
        assert_int_equal(loss_parse(o->config.part, recipes[r], &err), 0);
        heads_init(&k, o);
        double ours = run(o, &k, 3), theirs = total(o), off = distance(o, &k, 3);
        if (!(fabs(ours - theirs) <= 1e-6 * theirs))
            fail_msg("%s: %.9g, the oracle has %.9g", recipes[r], ours, theirs);
        if (!(off <= 2e-6))
            fail_msg("%s: gradients are %.3g off", recipes[r], off);
        heads_release(&k);
    }
    oracle_free(o);
}

/* A share of the pixels decides. Those beyond the outer taps are ignored and only the finest head
 * counts: elsewhere many pixels are equal but for rounding, and which of them is kept is chance. */
static void ohem_keeps_a_share(void **state)
{
    struct oracle *o = oracle_new();
    struct heads k;

    (void)state;
    for (int i = 0; i < N * PIXELS; i++) {
        int y = i % PIXELS / W, x = i % W;
        if (x < 4 || y < 4 || x >= W - 4 || y >= H - 4)
            o->labels[i] = LOSS_IGNORED;
    }
    heads_init(&k, o);
    o->config = plain;
    o->config.part[LOSS_OHEM] = 1;
    o->config.head[1] = o->config.head[2] = 0;
    o->config.ohem_threshold = 0.001;
    for (o->config.ohem_kept = 0.1; o->config.ohem_kept < 0.5; o->config.ohem_kept += 0.11) {
        double ours = run(o, &k, 1), theirs = total(o);
        assert_true(fabs(ours - theirs) <= 1e-6 * theirs);
    }
    assert_true(distance(o, &k, 1) < 2e-6);
    heads_release(&k);
    oracle_free(o);
}

/* With the kept share over all valid pixels OHEM is the cross-entropy, but for the epsilon. */
static void ohem_keeps_all_when_few_are_valid(void **state)
{
    struct oracle *o = oracle_new();
    struct heads k;

    (void)state;
    heads_init(&k, o);
    o->config = plain;
    o->config.ohem_kept = 1;
    o->config.part[LOSS_OHEM] = 1;
    double hard = run(o, &k, 1);
    o->config.part[LOSS_OHEM] = 0;
    o->config.part[LOSS_ENTROPY] = 1;
    assert_true(fabs(hard / run(o, &k, 1) - 1) < 1e-4);
    heads_release(&k);
    oracle_free(o);
}

static void all_ignored_is_no_loss(void **state)
{
    struct oracle *o = oracle_new();
    struct heads k;
    struct err err = {0};

    (void)state;
    memset(o->labels, LOSS_IGNORED, sizeof(o->labels));
    o->config = plain;
    assert_int_equal(loss_parse(o->config.part, recipes[RECIPES - 1], &err), 0);
    heads_init(&k, o);
    assert_true(run(o, &k, 1) == 0);
    for (int h = 0; h < LEARN_HEADS; h++)
        for (size_t i = 0; i < k.count[h]; i++)
            assert_true(k.at[h].gradient[i] == 0);
    heads_release(&k);
    oracle_free(o);
}

static void nan_and_infinity_are_seen(void **state)
{
    struct oracle *o = oracle_new();
    struct heads k;

    (void)state;
    heads_init(&k, o);
    o->config = plain;
    o->config.part[LOSS_ENTROPY] = 1;
    for (int i = 0; i < 2; i++) {
        k.logits[1][3] = i ? INFINITY : NAN;
        double loss = run(o, &k, 1);
        assert_true(isnan(loss) || isinf(loss));
    }
    heads_release(&k);
    oracle_free(o);
}

/* Far-away logits: the loss is about their difference, not infinite. */
static void large_logits(void **state)
{
    struct oracle *o = oracle_new();
    struct heads k;

    (void)state;
    for (int h = 0; h < LEARN_HEADS; h++)
        for (int i = 0; i < N * o->h[h] * o->w[h] * C; i++)
            o->logits[h][i] = i % C == 7 ? 500 : 0;
    heads_init(&k, o);
    o->config = plain;
    o->config.part[LOSS_ENTROPY] = 1;
    double loss = run(o, &k, 1);
    assert_true(fabs(loss / 875 - 1) < 1e-5);
    heads_release(&k);
    oracle_free(o);
}

static void threads_do_not_change_a_bit(void **state)
{
    struct oracle *o = oracle_new();
    struct heads one, many;
    struct err err = {0};

    (void)state;
    o->config = plain;
    assert_int_equal(loss_parse(o->config.part, recipes[RECIPES - 1], &err), 0);
    heads_init(&one, o);
    heads_init(&many, o);
    o->config.threads = 1;
    double a = run(o, &one, 1);
    o->config.threads = 5;
    assert_true(a == run(o, &many, 1));
    for (int h = 0; h < LEARN_HEADS; h++)
        assert_memory_equal(one.at[h].gradient, many.at[h].gradient, one.count[h] * sizeof(float));
    heads_release(&one);
    heads_release(&many);
    oracle_free(o);
}

static void recipes_are_read(void **state)
{
    static const char *const bad[] = {"",      "ce+",  "mse",     "ce:-1",    "ce:x",
                                      "ce+ce", "ce:0", "ce dice", "ce:1e999", "+ce"};
    double part[LOSS_KINDS] = {9}, list[3];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        if (!loss_parse(part, bad[i], &err) || err.code != ERR_CONFIG)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(part[0] == 9);
    }
    struct err err = {0};
    assert_int_equal(loss_parse(part, "dice:0.25+ce", &err), 0);
    assert_true(part[LOSS_DICE] == 0.25 && part[LOSS_ENTROPY] == 1 && part[LOSS_OHEM] == 0);
    assert_int_equal(loss_parse_list(list, 3, "1,0.4,0", "heads", &err), 0);
    assert_true(list[1] == 0.4);
    assert_int_equal(loss_parse_list(list, 3, "1,2", "heads", &err), -1);
    err = (struct err){0};
    assert_int_equal(loss_parse_list(list, 3, "1,2,3,4", "heads", &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_gradients),
        cmocka_unit_test(ohem_keeps_a_share),
        cmocka_unit_test(ohem_keeps_all_when_few_are_valid),
        cmocka_unit_test(all_ignored_is_no_loss),
        cmocka_unit_test(nan_and_infinity_are_seen),
        cmocka_unit_test(large_logits),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(recipes_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
