/* view.c -- see view.h. Two passes: pixels into blocks, blocks into properties. */
#include "lesion/view.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    SIDE = 16,
    ROW = FIELD_SIDE / SIDE,
    BLOCKS = ROW * ROW,
    BINS = 256, /* of gradients, BIN_WIDTH each; the last takes all that is beyond */
};

#define BIN_WIDTH  0.25f
#define SLOPE2_MIN 0.1f /* below it a block shows nothing but noise to judge sharpness by */

struct block {
    float l, a, b;          /* means */
    float lit;              /* share of pixels */
    float texture;          /* mean |Laplacian| */
    float laplace2, slope2; /* mean squares, of the smoothed lightness */
    bool is_used;
};

struct blocks {
    int w, h, n_used;
    struct block at[BLOCKS]; /* h,w */
    int edges[BINS], colour_edges[BINS];
};

static int bin_of(float size2)
{
    float bin = sqrtf(size2) / BIN_WIDTH;

    return bin < BINS - 1 ? (int)bin : BINS - 1;
}

/* One pixel's share of its block; it has neighbours on all four sides. */
static void add_texture(struct block *block, struct blocks *all, const struct field *f, int i)
{
    const float *l = f->l + i, *a = f->a + i, *b = f->b + i;
    const float *s = f->smooth + i;
    float laplace = 4 * l[0] - l[-1] - l[1] - l[-f->w] - l[f->w];
    float smooth_laplace = 4 * s[0] - s[-1] - s[1] - s[-f->w] - s[f->w];
    float sx = (s[1] - s[-1]) / 2, sy = (s[f->w] - s[-f->w]) / 2;
    float dx = (l[1] - l[-1]) / 2, dy = (l[f->w] - l[-f->w]) / 2;
    float da = (a[1] - a[-1]) / 2, db = (b[1] - b[-1]) / 2;

    block->texture += fabsf(laplace);
    block->laplace2 += smooth_laplace * smooth_laplace;
    block->slope2 += sx * sx + sy * sy;
    all->edges[bin_of(dx * dx + dy * dy)]++;
    all->colour_edges[bin_of(da * da + db * db)]++;
}

static void block_fill(struct blocks *all, const struct field *f, int bx, int by)
{
    struct block *block = all->at + (size_t)by * (size_t)all->w + bx;
    int lit = 0;

    memset(block, 0, sizeof(*block));
    for (int y = by * SIDE; y < (by + 1) * SIDE; y++)
        for (int i = y * f->w + bx * SIDE; i < y * f->w + (bx + 1) * SIDE; i++) {
            block->l += f->l[i];
            block->a += f->a[i];
            block->b += f->b[i];
            lit += f->l[i] > FIELD_DARK_L;
        }
    block->l /= SIDE * SIDE;
    block->a /= SIDE * SIDE;
    block->b /= SIDE * SIDE;
    block->lit = (float)lit / (SIDE * SIDE);
}

/* Texture of a used block. Blocks with dark parts lend it no edges: those of a round view, and
 * those between skin and a black lesion, say nothing of the scene. */
static void block_fill_texture(struct blocks *all, const struct field *f, int bx, int by)
{
    struct block *block = all->at + (size_t)by * (size_t)all->w + bx;
    int x0 = bx ? bx * SIDE : 1, x1 = (bx + 1) * SIDE < f->w ? (bx + 1) * SIDE : f->w - 1;
    int y0 = by ? by * SIDE : 1, y1 = (by + 1) * SIDE < f->h ? (by + 1) * SIDE : f->h - 1;

    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            add_texture(block, all, f, y * f->w + x);
    block->texture /= SIDE * SIDE;
    block->laplace2 /= SIDE * SIDE;
    block->slope2 /= SIDE * SIDE;
}

static void blocks_fill(struct blocks *all, const struct field *f)
{
    all->w = f->w / SIDE;
    all->h = f->h / SIDE;
    all->n_used = 0;
    memset(all->edges, 0, sizeof(all->edges));
    memset(all->colour_edges, 0, sizeof(all->colour_edges));
    for (int i = 0; i < all->w * all->h; i++) {
        block_fill(all, f, i % all->w, i / all->w);
        all->at[i].is_used = all->at[i].lit > 0.9f;
        all->n_used += all->at[i].is_used;
    }
    bool is_dark = all->n_used < VIEW_BLOCKS_MIN; /* then all there is must do */
    for (int i = 0; i < all->w * all->h; i++) {
        all->n_used += is_dark && !all->at[i].is_used;
        all->at[i].is_used |= is_dark;
        if (all->at[i].is_used)
            block_fill_texture(all, f, i % all->w, i / all->w);
    }
}

static float percentile_of_bins(const int *bins, double share)
{
    int64_t total = 0, below = 0;

    for (int i = 0; i < BINS; i++)
        total += bins[i];
    for (int i = 0; i < BINS; i++) {
        below += bins[i];
        if ((double)below >= share * (double)total)
            return ((float)i + 0.5f) * BIN_WIDTH;
    }
    return 0;
}

static int by_size(const void *p, const void *q)
{
    const float *a = p, *b = q;

    return (*a > *b) - (*a < *b);
}

/* The value that `share` of the others are below; sorts them. 0 of none. */
static double percentile(float *values, int n, double share)
{
    if (!n)
        return 0;
    qsort(values, (size_t)n, sizeof(*values), by_size);
    return values[(int)(share * n)];
}

static void count_pixels(double value[VIEW_COUNT], const struct field *f)
{
    int n = f->w * f->h, lit = 0, green = 0, vivid = 0;

    for (int i = 0; i < n; i++) {
        int is_lit = f->l[i] > FIELD_DARK_L;
        float chroma2 = f->a[i] * f->a[i] + f->b[i] * f->b[i];
        lit += is_lit;
        green += is_lit & (f->a[i] < -6);
        vivid += is_lit & (chroma2 > 62 * 62);
    }
    value[VIEW_LIT] = (double)lit / n;
    value[VIEW_GREEN] = lit ? (double)green / lit : 0;
    value[VIEW_VIVID] = lit ? (double)vivid / lit : 0;
}

/* Second moments of the used blocks' colours. */
static void measure_hues(double value[VIEW_COUNT], const struct blocks *all)
{
    double l = 0, a = 0, b = 0, ll = 0, aa = 0, bb = 0, la = 0, lb = 0, ab = 0;
    double n = all->n_used;

    for (int i = 0; i < all->w * all->h; i++) {
        const struct block *p = all->at + i;
        l += p->is_used ? p->l / n : 0;
        a += p->is_used ? p->a / n : 0;
        b += p->is_used ? p->b / n : 0;
    }
    for (int i = 0; i < all->w * all->h; i++) {
        const struct block *p = all->at + i;
        if (!p->is_used)
            continue;
        ll += (p->l - l) * (p->l - l) / n;
        aa += (p->a - a) * (p->a - a) / n;
        bb += (p->b - b) * (p->b - b) / n;
        la += (p->l - l) * (p->a - a) / n;
        lb += (p->l - l) * (p->b - b) / n;
        ab += (p->a - a) * (p->b - b) / n;
    }
    double minor = (aa + bb) / 2 - hypot((aa - bb) / 2, ab); /* smaller eigenvalue */
    double left = aa + bb - (la * la + lb * lb) / (ll + 1e-6);
    value[VIEW_HUES] = sqrt(fmax(minor, 0));
    value[VIEW_PAINT] = sqrt(fmax(left, 0));
}

static void measure_blocks(double value[VIEW_COUNT], const struct blocks *all)
{
    float chroma[BLOCKS], texture[BLOCKS], sharpness[BLOCKS], step[2 * BLOCKS];
    int n = 0, n_sharp = 0, n_steps = 0;

    for (int i = 0; i < all->w * all->h; i++) {
        const struct block *p = all->at + i, *right = p + 1, *below = p + all->w;
        if (!p->is_used)
            continue;
        chroma[n] = hypotf(p->a, p->b);
        texture[n++] = p->texture;
        if (p->slope2 >= SLOPE2_MIN)
            sharpness[n_sharp++] = sqrtf(p->laplace2 / p->slope2);
        if (i % all->w + 1 < all->w && right->is_used)
            step[n_steps++] = hypotf(right->a - p->a, right->b - p->b);
        if (i / all->w + 1 < all->h && below->is_used)
            step[n_steps++] = hypotf(below->a - p->a, below->b - p->b);
    }
    value[VIEW_CHROMA] = percentile(chroma, n, 0.5);
    value[VIEW_TEXTURE] = percentile(texture, n, 0.5);
    value[VIEW_STEP] = percentile(step, n_steps, 0.5);
    value[VIEW_SHARPNESS] = percentile(sharpness, n_sharp, 0.9);
    value[VIEW_EDGE] = percentile_of_bins(all->edges, 0.99);
    value[VIEW_COLOUR_EDGE] = percentile_of_bins(all->colour_edges, 0.99);
}

/* Sides of the rim that a block lies on, as bits: top, bottom, left, right. */
static int sides_of(const struct blocks *all, int i)
{
    int x = i % all->w, y = i / all->w;

    return (y < 2) | (y >= all->h - 2) << 1 | (x < 2) << 2 | (x >= all->w - 2) << 3;
}

static void measure_rim(double value[VIEW_COUNT], const struct blocks *all)
{
    double a = 0, b = 0, a2 = 0, b2 = 0, light[4] = {0}, low = INFINITY, high = -INFINITY;
    int n = 0, count[4] = {0};

    for (int i = 0; i < all->w * all->h; i++) {
        const struct block *p = all->at + i;
        int sides = p->is_used ? sides_of(all, i) : 0;
        for (int k = 0; k < 4; k++) {
            light[k] += sides >> k & 1 ? p->l : 0;
            count[k] += sides >> k & 1;
        }
        n += sides != 0;
        a += sides ? p->a : 0;
        b += sides ? p->b : 0;
        a2 += sides ? p->a * p->a : 0;
        b2 += sides ? p->b * p->b : 0;
    }
    for (int k = 0; k < 4; k++)
        if (count[k] > 3) {
            low = fmin(low, light[k] / count[k]);
            high = fmax(high, light[k] / count[k]);
        }
    double spread = n ? (a2 + b2) / n - (a * a + b * b) / n / n : 0;
    value[VIEW_RIM_LIGHT] = high > low ? high - low : 0;
    value[VIEW_RIM_COLOUR] = sqrt(fmax(spread, 0));
}

/* Usual range and limits. Quantiles 0.05, 1, 99 and 99.95 % of a random 4,000 pictures of the train
 * split; an end that means nothing (too few edges, too little green) is left open. The low end of
 * sharpness is quality.c's two thresholds of blur instead: blur alone is no reason to call a picture
 * something else. */
#define OPEN INFINITY
/* clang-format off */
static const struct {
    double low_limit, low_usual, high_usual, high_limit;
} ranges[VIEW_COUNT] = {
    [VIEW_LIT] =         {0.619, 0.847, OPEN,   OPEN },
    [VIEW_GREEN] =       {-OPEN, -OPEN, 0.011,  0.183},
    [VIEW_VIVID] =       {-OPEN, -OPEN, 0.0183, 0.179},
    [VIEW_CHROMA] =      {1.67,  4.55,  OPEN,   OPEN },
    [VIEW_HUES] =        {0.484, 0.736, 4.8,    7.88 },
    [VIEW_PAINT] =       {1.08,  1.4,   9.85,   17.5 },
    [VIEW_STEP] =        {0.555, 0.814, 4.75,   7.04 },
    [VIEW_TEXTURE] =     {0.48,  0.643, 5.24,   14.7 },
    [VIEW_SHARPNESS] =   {0.45,  0.85,  1.49,   1.78 },
    [VIEW_EDGE] =        {-OPEN, -OPEN, 17.4,   27.6 },
    [VIEW_COLOUR_EDGE] = {-OPEN, -OPEN, 5.38,   8.63 },
    [VIEW_RIM_LIGHT] =   {-OPEN, -OPEN, 22.1,   31.4 },
    [VIEW_RIM_COLOUR] =  {-OPEN, -OPEN, 13.6,   23.2 },
};
/* clang-format on */

static double beyond(double value, double usual, double limit)
{
    double over = isfinite(usual) ? (value - usual) / (limit - usual) : 0;

    return fmin(fmax(over, 0), 2);
}

void view_measure(struct view *out, const struct field *f)
{
    struct blocks all;
    double strangeness = 0;

    blocks_fill(&all, f);
    out->blocks = all.n_used;
    out->score = NAN;
    memset(out->value, 0, sizeof(out->value));
    count_pixels(out->value, f);
    if (all.w * all.h < VIEW_BLOCKS_MIN)
        return;
    measure_hues(out->value, &all);
    measure_blocks(out->value, &all);
    measure_rim(out->value, &all);
    for (int k = 0; k < VIEW_COUNT; k++) {
        strangeness += beyond(out->value[k], ranges[k].high_usual, ranges[k].high_limit);
        strangeness += beyond(-out->value[k], -ranges[k].low_usual, -ranges[k].low_limit);
    }
    out->score = fmax(0, 1 - strangeness / (2 * VIEW_STRANGE));
}
