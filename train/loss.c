#include "train/loss.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "train/loss_walk.h"
#include "train/lovasz.h"
#include "train/spread.h"

/* What one thread needs for rows of one image. */
struct scratch {
    struct walk walk;
    float *rows;                    /* ROWS_SIZE floats a pixel of width */
    float *maps;                    /* classes,h,w: probabilities of one image, for Lovasz */
    size_t capacity, maps_capacity; /* floats */
    struct lovasz lovasz;
};

/* Where the rows lie, in units of a width. */
enum {
    AT_P = 0,
    AT_IS = AT_P + ROW_CLASSES,
    AT_G = AT_IS + ROW_CLASSES,
    AT_DP = AT_G + ROW_CLASSES,
    AT_WEIGHT = AT_DP + ROW_CLASSES,
    AT_LOSS,
    AT_SPARE, /* two */
    ROWS_SIZE = AT_SPARE + 2
};

/* Sums over one image. */
struct image_sums {
    int64_t pixels[LOSS_CLASSES];
    double entropy, ohem, lovasz;
    double ohem_weight; /* of the pixels that OHEM kept */
    double p[LOSS_CLASSES], hit[LOSS_CLASSES];
};

struct loss {
    struct loss_config config;
    struct scratch *scratch; /* one a thread */
    struct image_sums *images;
    float *truth; /* n,h,w: the true class's probability, for OHEM; 2 where ignored */
    size_t truth_capacity;
    int images_capacity;
    /* the run at work */
    struct loss_batch batch;
    struct learn_head head;
    struct image_sums sum; /* over the batch; `pixels` before anything else */
    double weight;         /* sum of the pixels' weights */
    double scale;          /* of the gradient, with the head's coefficient */
    float ohem_below;      /* OHEM keeps true probabilities below it */
    double ohem_weight;
    float dice_is[LOSS_CLASSES],
        dice_all[LOSS_CLASSES]; /* gradient by p_c: where true, everywhere */
};

int loss_open(struct loss **out, const struct loss_config *config, struct err *err)
{
    struct loss *l = calloc(1, sizeof(*l));

    assert(config->threads >= 1 && config->threads <= SPREAD_THREADS_MAX);
    if (l)
        l->scratch = calloc((size_t)config->threads, sizeof(*l->scratch));
    if (!l || !l->scratch) {
        free(l);
        return err_set(err, ERR_NOMEM, "loss: out of memory");
    }
    l->config = *config;
    *out = l;
    return 0;
}

void loss_close(struct loss *l)
{
    if (!l)
        return;
    for (int i = 0; i < l->config.threads; i++) {
        walk_release(&l->scratch[i].walk);
        lovasz_release(&l->scratch[i].lovasz);
        free(l->scratch[i].rows);
        free(l->scratch[i].maps);
    }
    free(l->scratch);
    free(l->images);
    free(l->truth);
    free(l);
}

/* An array of at least `count` values; what was in it is lost. */
static int grow(float **at, size_t *capacity, size_t count, struct err *err)
{
    if (count <= *capacity)
        return 0;
    free(*at);
    *capacity = 0;
    *at = malloc(count * sizeof(**at));
    if (!*at)
        return err_set(err, ERR_NOMEM, "loss: %zu values", count);
    *capacity = count;
    return 0;
}

static int reserve(struct loss *l, const struct loss_batch *b, struct err *err)
{
    size_t pixels = (size_t)b->h * (size_t)b->w;

    if (b->n > l->images_capacity) {
        free(l->images);
        l->images_capacity = 0;
        l->images = calloc((size_t)b->n, sizeof(*l->images));
        if (!l->images)
            return err_set(err, ERR_NOMEM, "loss: %d images", b->n);
        l->images_capacity = b->n;
    }
    if (l->config.part[LOSS_OHEM] > 0 &&
        grow(&l->truth, &l->truth_capacity, pixels * (size_t)b->n, err))
        return -1;
    for (int i = 0; i < l->config.threads; i++) {
        struct scratch *s = &l->scratch[i];
        if (grow(&s->rows, &s->capacity, (size_t)b->w * ROWS_SIZE, err))
            return -1;
        if (l->config.part[LOSS_LOVASZ] > 0 &&
            (grow(&s->maps, &s->maps_capacity, pixels * LOSS_CLASSES, err) ||
             lovasz_reserve(&s->lovasz, (int)pixels, err)))
            return -1;
    }
    return 0;
}

static const uint8_t *labels_of(const struct loss *l, int image)
{
    return l->batch.labels + (ptrdiff_t)image * l->batch.h * l->batch.w;
}

static const float *logits_of(const struct loss *l, int image)
{
    return l->head.logits + (ptrdiff_t)image * l->head.h * l->head.w * ROW_CLASSES;
}

static void count_labels(void *arg, int thread, int image)
{
    struct loss *l = arg;
    const uint8_t *labels = labels_of(l, image);
    int64_t count[256] = {0};

    (void)thread;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)l->batch.h * l->batch.w; i++)
        count[labels[i]]++;
    l->images[image] = (struct image_sums){0};
    for (int c = 0; c < LOSS_CLASSES; c++)
        l->images[image].pixels[c] = count[c];
}

/* Row y of an image: probabilities, labels, weights and losses into the scratch's rows. */
static void read_row(struct loss *l, struct scratch *s, int image, int y)
{
    int w = l->batch.w;
    float *rows = s->rows;

    row_labels(rows + (ptrdiff_t)AT_IS * w, rows + (ptrdiff_t)AT_WEIGHT * w,
               labels_of(l, image) + (ptrdiff_t)y * w, l->config.class_weight, w);
    walk_row(&s->walk, y, rows + (ptrdiff_t)AT_P * w);
    row_softmax(rows + (ptrdiff_t)AT_P * w, rows + (ptrdiff_t)AT_LOSS * w,
                rows + (ptrdiff_t)AT_IS * w, rows + (ptrdiff_t)AT_SPARE * w, w);
}

/* What of a row is summed over the batch before any gradient: Dice's sums, OHEM's probabilities. */
static void measure_row(struct loss *l, struct scratch *s, int image, int y)
{
    ptrdiff_t w = l->batch.w;
    const float *p = s->rows + AT_P * w, *is = s->rows + AT_IS * w;
    float *any = s->rows + AT_SPARE * w, *truth = any + w;
    struct image_sums *sums = &l->images[image];

    for (ptrdiff_t x = 0; x < w; x++) {
        any[x] = truth[x] = 0;
        for (int c = 0; c < LOSS_CLASSES; c++) {
            any[x] += is[c * w + x];
            truth[x] += is[c * w + x] * p[c * w + x];
        }
    }
    for (int c = 0; c < LOSS_CLASSES && l->config.part[LOSS_DICE] > 0; c++) {
        sums->p[c] += row_dot(p + c * w, any, (int)w);
        sums->hit[c] += row_dot(p + c * w, is + c * w, (int)w);
    }
    if (l->config.part[LOSS_OHEM] <= 0)
        return;
    float *keep = l->truth + ((ptrdiff_t)image * l->batch.h + y) * w;
    for (ptrdiff_t x = 0; x < w; x++)
        keep[x] = any[x] > 0 ? truth[x] : 2;
}

static void measure_image(void *arg, int thread, int image)
{
    struct loss *l = arg;
    struct scratch *s = &l->scratch[thread];

    walk_begin(&s->walk, logits_of(l, image), NULL);
    for (int y = 0; y < l->batch.h; y++) {
        read_row(l, s, image, y);
        measure_row(l, s, image, y);
    }
}

/* The kept-th smallest of `n` values of at least 0 (1 is the smallest), by the halves of their bits. */
static float kth_smallest(const float *values, size_t n, size_t kth, size_t *count)
{
    uint32_t high = 0, bits;

    for (int half = 0; half < 2; half++) {
        size_t before = 0;
        uint32_t bin = 0;
        memset(count, 0, sizeof(*count) << 16);
        for (size_t i = 0; i < n; i++) {
            memcpy(&bits, &values[i], sizeof(bits));
            if (half == 0)
                count[bits >> 16]++;
            else if (bits >> 16 == high)
                count[bits & 0xffff]++;
        }
        while (bin < 0xffff && before + count[bin] < kth)
            before += count[bin++];
        kth -= before;
        high = half == 0 ? bin : high << 16 | bin;
    }
    float value;
    memcpy(&value, &high, sizeof(value));
    return value;
}

static int choose_hard(struct loss *l, struct err *err)
{
    size_t pixels = (size_t)l->batch.n * (size_t)l->batch.h * (size_t)l->batch.w;
    size_t kept = (size_t)llround(l->config.ohem_kept * (double)pixels);
    int64_t valid = 0;

    for (int c = 0; c < LOSS_CLASSES; c++)
        valid += l->sum.pixels[c];
    l->ohem_below = 2; /* all that are valid */
    if (valid > (int64_t)kept) {
        size_t *count = calloc(1 << 16, sizeof(*count));
        if (!count)
            return err_set(err, ERR_NOMEM, "loss: out of memory for OHEM");
        float least = kept ? kth_smallest(l->truth, pixels, kept, count) : 0;
        l->ohem_below = fmaxf((float)l->config.ohem_threshold, least);
        free(count);
    }
    l->ohem_weight = 0;
    for (int i = 0; i < l->batch.n; i++) {
        const uint8_t *labels = labels_of(l, i);
        const float *truth = l->truth + (ptrdiff_t)i * l->batch.h * l->batch.w;
        double weight = 0;
        for (ptrdiff_t x = 0; x < (ptrdiff_t)l->batch.h * l->batch.w; x++)
            if (truth[x] < l->ohem_below)
                weight += (double)l->config.class_weight[labels[x]];
        l->ohem_weight += weight;
    }
    return 0;
}

/* Dice's gradients by the probabilities, from the batch's sums; its value. */
static double prepare_dice(struct loss *l)
{
    double value = 0;
    int classes = 0;

    memset(l->dice_is, 0, sizeof(l->dice_is));
    memset(l->dice_all, 0, sizeof(l->dice_all));
    for (int c = 0; c < LOSS_CLASSES; c++)
        classes += l->sum.pixels[c] > 0;
    for (int c = 0; c < LOSS_CLASSES; c++) {
        if (!l->sum.pixels[c])
            continue;
        double up = 2 * l->sum.hit[c] + 1, down = l->sum.p[c] + (double)l->sum.pixels[c] + 1;
        double k = l->scale * l->config.part[LOSS_DICE] / classes;
        value += (1 - up / down) / classes;
        l->dice_is[c] = (float)(-2 * k / down);
        l->dice_all[c] = (float)(k * up / (down * down));
    }
    return value;
}

/* Weights of the row's pixels in the gradient of cross-entropy and OHEM, in place; sums of both. */
static void weigh_row(struct loss *l, struct scratch *s, int image, int y)
{
    ptrdiff_t w = l->batch.w;
    double pixels = (double)l->batch.n * l->batch.h * (double)w;
    float *weight = s->rows + AT_WEIGHT * w, *hard = s->rows + AT_SPARE * w;
    const float *loss = s->rows + AT_LOSS * w;
    float by_entropy =
        (float)(l->scale * l->config.part[LOSS_ENTROPY] / (l->weight + 1e-8 * pixels));
    float by_ohem =
        (float)(l->scale * l->config.part[LOSS_OHEM] / (l->ohem_weight + 1e-5 * pixels));

    l->images[image].entropy += row_dot(weight, loss, (int)w);
    if (l->config.part[LOSS_OHEM] <= 0) {
        for (ptrdiff_t x = 0; x < w; x++)
            weight[x] *= by_entropy;
        return;
    }
    const float *truth = l->truth + ((ptrdiff_t)image * l->batch.h + y) * w;
    for (ptrdiff_t x = 0; x < w; x++) {
        hard[x] = truth[x] < l->ohem_below ? weight[x] : 0;
        weight[x] = weight[x] * by_entropy + hard[x] * by_ohem;
    }
    l->images[image].ohem += row_dot(hard, loss, (int)w);
}

/* The gradient by the probabilities of Dice and Lovasz, into the row's planes. */
static void slope_row(struct loss *l, struct scratch *s, int image, int y)
{
    ptrdiff_t w = l->batch.w, pixels = w * l->batch.h;
    const float *is = s->rows + AT_IS * w;
    const uint8_t *labels = labels_of(l, image) + y * w;
    float *dp = s->rows + AT_DP * w;
    bool has_maps = l->config.part[LOSS_LOVASZ] > 0;

    for (int c = 0; c < LOSS_CLASSES; c++) {
        const float *map =
            has_maps && l->images[image].pixels[c] ? s->maps + c * pixels + y * w : NULL;
        for (ptrdiff_t x = 0; x < w; x++) {
            float is_valid = labels[x] < LOSS_CLASSES ? 1.0F : 0.0F;
            dp[c * w + x] = l->dice_is[c] * is[c * w + x] + l->dice_all[c] * is_valid;
            if (map)
                dp[c * w + x] += map[x];
        }
    }
}

/* Probabilities of the whole image into the maps, and Lovasz's gradients in their place. */
static void prepare_lovasz(struct loss *l, struct scratch *s, int image)
{
    ptrdiff_t w = l->batch.w, pixels = w * l->batch.h;
    struct image_sums *sums = &l->images[image];
    int classes = 0;

    walk_begin(&s->walk, logits_of(l, image), NULL);
    for (int y = 0; y < l->batch.h; y++) {
        read_row(l, s, image, y);
        for (int c = 0; c < LOSS_CLASSES; c++)
            memcpy(s->maps + c * pixels + y * w, s->rows + (AT_P + c) * w,
                   (size_t)w * sizeof(*s->maps));
    }
    for (int c = 0; c < LOSS_CLASSES; c++)
        classes += sums->pixels[c] > 0;
    for (int c = 0; c < LOSS_CLASSES; c++) {
        if (!sums->pixels[c])
            continue;
        float *map = s->maps + c * pixels;
        double k = 1.0 / classes / l->batch.n;
        sums->lovasz +=
            k * lovasz_run(&s->lovasz, map, labels_of(l, image), (int)pixels, (uint8_t)c);
        k *= l->scale * l->config.part[LOSS_LOVASZ];
        for (ptrdiff_t x = 0; x < pixels; x++)
            map[x] *= (float)k;
    }
}

static void run_image(void *arg, int thread, int image)
{
    struct loss *l = arg;
    struct scratch *s = &l->scratch[thread];
    ptrdiff_t w = l->batch.w;
    float *p = s->rows + AT_P * w, *g = s->rows + AT_G * w;
    bool has_slope = l->config.part[LOSS_DICE] > 0 || l->config.part[LOSS_LOVASZ] > 0;

    if (l->config.part[LOSS_LOVASZ] > 0)
        prepare_lovasz(l, s, image);
    walk_begin(&s->walk, logits_of(l, image),
               l->head.gradient + (ptrdiff_t)image * l->head.h * l->head.w * ROW_CLASSES);
    for (int y = 0; y < l->batch.h; y++) {
        read_row(l, s, image, y);
        weigh_row(l, s, image, y);
        row_entropy(g, p, s->rows + AT_IS * w, s->rows + AT_WEIGHT * w, (int)w);
        if (has_slope) {
            slope_row(l, s, image, y);
            row_chain(g, p, s->rows + AT_DP * w, s->rows + AT_SPARE * w, (int)w);
        }
        walk_back(&s->walk, y, g);
    }
    walk_end(&s->walk);
}

/* The batch's sums from the images', in their order whatever thread made them. */
static void add_up(struct loss *l)
{
    struct image_sums *sum = &l->sum;

    *sum = (struct image_sums){0};
    l->weight = 0;
    for (int i = 0; i < l->batch.n; i++) {
        const struct image_sums *one = &l->images[i];
        sum->entropy += one->entropy;
        sum->ohem += one->ohem;
        sum->lovasz += one->lovasz;
        for (int c = 0; c < LOSS_CLASSES; c++) {
            sum->pixels[c] += one->pixels[c];
            sum->p[c] += one->p[c];
            sum->hit[c] += one->hit[c];
        }
    }
    for (int c = 0; c < LOSS_CLASSES; c++)
        l->weight += (double)sum->pixels[c] * (double)l->config.class_weight[c];
}

static int run_head(struct loss *l, double *value, struct err *err)
{
    const struct loss_config *k = &l->config;
    const struct loss_batch *b = &l->batch;
    double pixels = (double)b->n * b->h * b->w, dice = 0;

    for (int i = 0; i < k->threads; i++)
        if (walk_resize(&l->scratch[i].walk, b->w, b->h, l->head.w, l->head.h, err))
            return -1;
    spread(k->threads, b->n, count_labels, l);
    if (k->part[LOSS_OHEM] > 0 || k->part[LOSS_DICE] > 0)
        spread(k->threads, b->n, measure_image, l);
    add_up(l);
    memset(l->dice_is, 0, sizeof(l->dice_is));
    memset(l->dice_all, 0, sizeof(l->dice_all));
    l->ohem_weight = 0;
    if (k->part[LOSS_DICE] > 0)
        dice = prepare_dice(l);
    if (k->part[LOSS_OHEM] > 0 && choose_hard(l, err))
        return -1;
    spread(k->threads, b->n, run_image, l);
    add_up(l);
    *value = k->part[LOSS_ENTROPY] * l->sum.entropy / (l->weight + 1e-8 * pixels) +
             k->part[LOSS_OHEM] * l->sum.ohem / (l->ohem_weight + 1e-5 * pixels) +
             k->part[LOSS_DICE] * dice + k->part[LOSS_LOVASZ] * l->sum.lovasz;
    return 0;
}

int loss_run(struct loss *l, const struct loss_batch *batch, double scale,
             const struct learn_head heads[LEARN_HEADS], struct loss_result *out, struct err *err)
{
    struct loss_result result = {0};

    l->batch = *batch;
    if (reserve(l, batch, err))
        return -1;
    for (int h = 0; h < LEARN_HEADS; h++) {
        l->head = heads[h];
        l->scale = scale * l->config.head[h];
        if (run_head(l, &result.head[h], err))
            return -1;
        result.total += l->config.head[h] * result.head[h];
    }
    *out = result;
    return 0;
}
