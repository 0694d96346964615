#include "train/lovasz.h"

#include <math.h>
#include <stdlib.h>

enum { DIGIT = 11, DIGITS = 3, BINS = 1 << DIGIT }; /* of an error's 32 bits */

void lovasz_release(struct lovasz *s)
{
    free(s->keys);
    free(s->swap);
    *s = (struct lovasz){0};
}

int lovasz_reserve(struct lovasz *s, int pixels, struct err *err)
{
    if (pixels <= s->capacity)
        return 0;
    lovasz_release(s);
    s->keys = calloc((size_t)pixels, sizeof(*s->keys));
    s->swap = calloc((size_t)pixels, sizeof(*s->swap));
    if (!s->keys || !s->swap)
        return err_set(err, ERR_NOMEM, "loss: %d pixels to sort", pixels);
    s->capacity = pixels;
    return 0;
}

/* Of a value of at least 0: rising bits for falling values. A NaN comes first or last, as it may. */
static uint32_t falling_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } u = {value};

    return ~(u.bits & 0x7fffffffU);
}

/* Sorted by the upper 32 bits, stable; the result is in s->keys. */
static void sort(struct lovasz *s, int n)
{
    for (int digit = 0; digit < DIGITS; digit++) {
        int at[BINS + 1] = {0}, shift = 32 + digit * DIGIT;
        for (int i = 0; i < n; i++)
            at[(s->keys[i] >> shift) % BINS + 1]++;
        for (int b = 0; b < BINS; b++)
            at[b + 1] += at[b];
        for (int i = 0; i < n; i++)
            s->swap[at[(s->keys[i] >> shift) % BINS]++] = s->keys[i];
        uint64_t *sorted = s->swap;
        s->swap = s->keys;
        s->keys = sorted;
    }
}

double lovasz_run(struct lovasz *s, float *p, const uint8_t *labels, int n, uint8_t class)
{
    double loss = 0, before = 0;
    int valid = 0, all = 0, hits = 0;

    for (int i = 0; i < n; i++) {
        if (labels[i] > 7)
            continue;
        all += labels[i] == class;
        float error = labels[i] == class ? 1 - p[i] : p[i];
        s->keys[valid++] = (uint64_t)falling_bits(error) << 32 | (uint32_t)i;
    }
    sort(s, valid);
    for (int i = 0; i < n; i++)
        if (labels[i] > 7)
            p[i] = 0;
    for (int k = 0; k < valid; k++) {
        uint32_t i = (uint32_t)s->keys[k];
        int is = labels[i] == class;
        double error = is ? 1 - (double)p[i] : (double)p[i];
        hits += is;
        /* Jaccard loss when the k + 1 worst pixels are wrong */
        double jaccard = 1 - (double)(all - hits) / (double)(all + k + 1 - hits);
        loss += error * (jaccard - before);
        p[i] = (float)(is ? before - jaccard : jaccard - before);
        before = jaccard;
    }
    return loss;
}
