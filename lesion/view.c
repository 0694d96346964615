/* view.c -- see view.h. Two passes: pixels into blocks, blocks into properties. */
#include "lesion/view.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/wide.h"

enum {
    SIDE = 16,
    ROW = FIELD_SIDE / SIDE,
    BLOCKS = ROW * ROW,
    BINS = 256, /* of gradients, BIN_WIDTH each; the last takes all that is beyond */
    SPLIT =
        2, /* neighbours are counted apart: most share a bin, and one would wait for the other */
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
    int edges[SPLIT][BINS], colour_edges[SPLIT][BINS];
};

/* What the pixels of one row add to their blocks. At the picture's own edge nothing: a pixel there
 * lacks a neighbour. */
struct row {
    float texture[FIELD_SIDE], laplace2[FIELD_SIDE], slope2[FIELD_SIDE];
    uint8_t edge[FIELD_SIDE], colour_edge[FIELD_SIDE]; /* bins */
};

static inline uint8_t bin_of(float size2)
{
    float bin = sqrtf(size2) / BIN_WIDTH;

    return (uint8_t)(bin < BINS - 1 ? bin : BINS - 1);
}

/* `l` and `s` (smoothed) are three rows of lightness, the wanted one in the middle. */
WIDE static void row_texture(struct row *row, const float *restrict l, const float *restrict s,
                             ptrdiff_t w)
{
    for (ptrdiff_t x = 1; x < w - 1; x++) {
        float laplace = 4 * l[x] - l[x - 1] - l[x + 1] - l[x - w] - l[x + w];
        float smooth_laplace = 4 * s[x] - s[x - 1] - s[x + 1] - s[x - w] - s[x + w];
        float sx = (s[x + 1] - s[x - 1]) / 2, sy = (s[x + w] - s[x - w]) / 2;
        row->texture[x] = fabsf(laplace);
        row->laplace2[x] = smooth_laplace * smooth_laplace;
        row->slope2[x] = sx * sx + sy * sy;
    }
}

WIDE static void row_edges(struct row *row, const float *restrict l, const float *restrict a,
                           const float *restrict b, ptrdiff_t w)
{
    for (ptrdiff_t x = 1; x < w - 1; x++) {
        float dx = (l[x + 1] - l[x - 1]) / 2, dy = (l[x + w] - l[x - w]) / 2;
        float da = (a[x + 1] - a[x - 1]) / 2, db = (b[x + 1] - b[x - 1]) / 2;
        row->edge[x] = bin_of(dx * dx + dy * dy);
        row->colour_edge[x] = bin_of(da * da + db * db);
    }
}

/* In the order of the pixels, so that a block's sum does not depend on the machine. */
static void block_add_row(struct block *block, struct blocks *all, const struct row *row, int x0,
                          int w)
{
    int from = x0 ? x0 : 1, to = x0 + SIDE < w ? x0 + SIDE : w - 1;

    for (int x = x0; x < x0 + SIDE; x++) {
        block->texture += row->texture[x];
        block->laplace2 += row->laplace2[x];
        block->slope2 += row->slope2[x];
    }
    for (int x = from; x < to; x++) {
        all->edges[x % SPLIT][row->edge[x]]++;
        all->colour_edges[x % SPLIT][row->colour_edge[x]]++;
    }
}

/* Texture of the used blocks. Blocks with dark parts lend it no edges: those of a round view, and
 * those between skin and a black lesion, say nothing of the scene. */
static void blocks_add_texture(struct blocks *all, const struct field *f)
{
    struct row row = {0};
    int rows = all->h * SIDE < f->h - 1 ? all->h * SIDE : f->h - 1;

    for (int y = 1; y < rows; y++) {
        size_t at = field_at(f, 0, y);
        struct block *block = all->at + (size_t)(y / SIDE) * (size_t)all->w;
        row_texture(&row, f->l + at, f->smooth + at, f->w);
        row_edges(&row, f->l + at, f->a + at, f->b + at, f->w);
        for (int bx = 0; bx < all->w; bx++)
            // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): blocks_fill set all w x h
            if (block[bx].is_used)
                block_add_row(block + bx, all, &row, bx * SIDE, f->w);
    }
    for (int i = 0; i < all->w * all->h; i++) {
        all->at[i].texture /= SIDE * SIDE;
        all->at[i].laplace2 /= SIDE * SIDE;
        all->at[i].slope2 /= SIDE * SIDE;
    }
}

static void block_fill(struct block *block, const struct field *f, int x0, int y0)
{
    int lit = 0;

    memset(block, 0, sizeof(*block));
    for (int y = y0; y < y0 + SIDE; y++) {
        size_t at = field_at(f, x0, y);
        for (int i = 0; i < SIDE; i++) {
            block->l += f->l[at + (size_t)i];
            block->a += f->a[at + (size_t)i];
            block->b += f->b[at + (size_t)i];
        }
        for (int i = 0; i < SIDE; i++)
            lit += f->l[at + (size_t)i] > FIELD_DARK_L;
    }
    block->l /= SIDE * SIDE;
    block->a /= SIDE * SIDE;
    block->b /= SIDE * SIDE;
    block->lit = (float)lit / (SIDE * SIDE);
}

static void blocks_fill(struct blocks *all, const struct field *f)
{
    all->w = f->w / SIDE;
    all->h = f->h / SIDE;
    all->n_used = 0;
    memset(all->edges, 0, sizeof(all->edges));
    memset(all->colour_edges, 0, sizeof(all->colour_edges));
    for (int i = 0; i < all->w * all->h; i++) {
        block_fill(all->at + i, f, i % all->w * SIDE, i / all->w * SIDE);
        all->at[i].is_used = all->at[i].lit > 0.9f;
        all->n_used += all->at[i].is_used;
    }
    bool is_dark = all->n_used < VIEW_BLOCKS_MIN; /* then all there is must do */
    for (int i = 0; i < all->w * all->h; i++) {
        all->n_used += is_dark && !all->at[i].is_used;
        all->at[i].is_used |= is_dark;
    }
    blocks_add_texture(all, f);
}

static float percentile_of_bins(const int bins[SPLIT][BINS], double share)
{
    int64_t total = 0, below = 0;

    for (int i = 0; i < BINS; i++)
        total += bins[0][i] + bins[1][i];
    for (int i = 0; i < BINS; i++) {
        below += bins[0][i] + bins[1][i];
        if ((double)below >= share * (double)total)
            return ((float)i + 0.5f) * BIN_WIDTH;
    }
    return 0;
}

/* The value that `share` of the others are below; reorders them (Hoare's FIND). 0 of none. */
static double percentile(float *values, int n, double share)
{
    int k = (int)(share * n), low = 0, high = n - 1;

    if (!n)
        return 0;
    while (low < high) {
        float pivot = values[k];
        int i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i > j)
                break;
            float swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        low = j < k ? i : low;
        high = k < i ? j : high;
    }
    return values[k];
}

WIDE static void count_pixels(double value[VIEW_COUNT], const struct field *f)
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
