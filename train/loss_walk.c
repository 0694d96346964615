#include "train/loss_walk.h"

#include <stdlib.h>
#include <string.h>

#include "engine/network.h"

void walk_release(struct walk *k)
{
    free(k->lo);
    free(k->hi);
    free(k->f);
    for (int i = 0; i < 2; i++) {
        free(k->value[i]);
        free(k->gradient[i]);
    }
    *k = (struct walk){0};
}

static int reserve(struct walk *k, int w, struct err *err)
{
    size_t n = (size_t)w, planes = n * ROW_CLASSES;

    if (w <= k->capacity)
        return 0;
    walk_release(k);
    k->lo = calloc(n, sizeof(*k->lo));
    k->hi = calloc(n, sizeof(*k->hi));
    k->f = calloc(n, sizeof(*k->f));
    int ok = k->lo && k->hi && k->f;
    for (int i = 0; i < 2; i++) {
        k->value[i] = calloc(planes, sizeof(float));
        k->gradient[i] = calloc(planes, sizeof(float));
        ok = ok && k->value[i] && k->gradient[i];
    }
    if (!ok)
        return err_set(err, ERR_NOMEM, "loss: rows of %d pixels", w);
    k->capacity = w;
    return 0;
}

int walk_resize(struct walk *k, int w, int h, int from_w, int from_h, struct err *err)
{
    if (reserve(k, w, err))
        return -1;
    k->w = w;
    k->h = h;
    k->from_w = from_w;
    k->from_h = from_h;
    for (int x = 0; x < w; x++)
        k->f[x] = (float)resize_tap(from_w, w, x, &k->lo[x], &k->hi[x]);
    return 0;
}

void walk_begin(struct walk *k, const float *logits, float *out)
{
    k->logits = logits;
    k->out = out;
    k->held[0] = k->held[1] = -1;
    if (out)
        memset(out, 0, (size_t)k->from_h * (size_t)k->from_w * ROW_CLASSES * sizeof(*out));
}

/* A gradient in planes, w wide, back to the head's row. */
static void flush(struct walk *k, int slot)
{
    const float *g = k->gradient[slot];

    if (!k->out || k->held[slot] < 0)
        return;
    float *row = k->out + (ptrdiff_t)k->held[slot] * k->from_w * ROW_CLASSES;
    for (int x = 0; x < k->w; x++) {
        float *lo = row + (ptrdiff_t)k->lo[x] * ROW_CLASSES;
        float *hi = row + (ptrdiff_t)k->hi[x] * ROW_CLASSES;
        float f = k->f[x];
        for (ptrdiff_t c = 0; c < ROW_CLASSES; c++) {
            lo[c] += g[c * k->w + x] * (1 - f);
            hi[c] += g[c * k->w + x] * f;
        }
    }
}

/* The head's row `r` in its slot, resized along x. */
static int hold(struct walk *k, int r)
{
    int slot = r % 2;
    const float *row = k->logits + (ptrdiff_t)r * k->from_w * ROW_CLASSES;
    float *v = k->value[slot];

    if (k->held[slot] == r)
        return slot;
    flush(k, slot);
    k->held[slot] = r;
    if (k->out)
        memset(k->gradient[slot], 0, (size_t)k->w * ROW_CLASSES * sizeof(float));
    for (int x = 0; x < k->w; x++) {
        const float *lo = row + (ptrdiff_t)k->lo[x] * ROW_CLASSES;
        const float *hi = row + (ptrdiff_t)k->hi[x] * ROW_CLASSES;
        for (ptrdiff_t c = 0; c < ROW_CLASSES; c++)
            v[c * k->w + x] = lo[c] * (1 - k->f[x]) + hi[c] * k->f[x];
    }
    return slot;
}

void walk_row(struct walk *k, int y, float *z)
{
    int lo, hi;
    float f = (float)resize_tap(k->from_h, k->h, y, &lo, &hi);
    int upper = hold(k, lo), lower = hold(k, hi);

    if (lo == hi)
        memcpy(z, k->value[upper], (size_t)k->w * ROW_CLASSES * sizeof(*z));
    else
        row_between(z, k->value[upper], k->value[lower], f, k->w);
}

void walk_back(struct walk *k, int y, const float *g)
{
    int lo, hi;
    float f = (float)resize_tap(k->from_h, k->h, y, &lo, &hi);

    if (lo == hi)
        row_add(k->gradient[lo % 2], g, k->w);
    else
        row_spread(k->gradient[lo % 2], k->gradient[hi % 2], g, f, k->w);
}

void walk_end(struct walk *k)
{
    flush(k, 0);
    flush(k, 1);
}
