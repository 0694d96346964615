#include "tests/engine/maps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/support.h"

void put(char *to, size_t elem_size, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    if (elem_size == 2)
        memcpy(to, (uint16_t[1]){(uint16_t)(bits >> 16)}, 2);
    else
        memcpy(to, &v, 4);
}

struct map map_new(const struct kernels *k, int h, int w, int c)
{
    struct map m = {
        .shape = {h, w, c},
          .count = (size_t)h * (size_t)w * (size_t)c
    };

    m.elems = aligned_alloc(64, (m.count * k->elem_size + MARK_BYTES + 63) / 64 * 64);
    m.exact = malloc(m.count * sizeof(double));
    m.wide = malloc(m.count * sizeof(float));
    memset(m.elems, MARK, (m.count * k->elem_size + MARK_BYTES + 63) / 64 * 64);
    return m;
}

struct map map_random(const struct kernels *k, int h, int w, int c, uint64_t *seed)
{
    struct map m = map_new(k, h, w, c);

    for (size_t i = 0; i < m.count; i++) {
        float v = (float)(int)(draw_next(seed) % 255) / 64 - 2;
        put(m.elems + i * k->elem_size, k->elem_size, v);
        m.exact[i] = v;
    }
    return m;
}

void map_free(struct map *m)
{
    free(m->elems);
    free(m->exact);
    free(m->wide);
}

struct ref_map ref_of(const struct map *m)
{
    return (struct ref_map){m->shape, m->exact};
}

void exact_conv(enum layer_id layer, double *weight, double *bias, struct ref_map in,
                struct ref_map out)
{
    const struct layer *l = &network[layer];
    struct ref_conv conv = {.weight = weight, .bias = bias};
    double *scratch = malloc((ref_conv_scratch(l, in.shape, out.shape) + 1) * sizeof(*scratch));

    ref_conv(l, &conv, in, out, scratch);
    if (l->relu)
        ref_relu(out);
    free(scratch);
}

void fill_taps(struct tap *taps, int from, int to)
{
    for (int i = 0; i < to; i++)
        taps[i].f = (float)resize_tap(from, to, i, &taps[i].lo, &taps[i].hi);
}

void summands_make(struct summands *s, const struct kernels *k, struct sum_job *job, uint64_t *seed)
{
    for (int i = 0; i < SUMMANDS; i++) {
        int side = 1 << i;
        s->in[i] = map_random(k, side, side, job->c, seed);
        s->big[i] = map_new(k, job->h, job->w, job->c);
        s->parts[i] = ref_of(&s->big[i]);
        ref_resize(ref_of(&s->in[i]), s->parts[i]);
        fill_taps(s->rows[i], side, job->h);
        fill_taps(s->columns[i], side, job->w);
        job->in[i] = s->in[i].elems;
        job->in_side[i] = side;
        job->rows[i] = s->rows[i];
        job->columns[i] = s->columns[i];
    }
}

void summands_free(struct summands *s)
{
    for (int i = 0; i < SUMMANDS; i++) {
        map_free(&s->in[i]);
        map_free(&s->big[i]);
    }
}

void map_check(const struct kernels *k, struct map *m, double limit, const char *what)
{
    k->widen(m->wide, m->elems, m->count);
    for (size_t i = 0; i < m->count; i++)
        if (!(fabs(m->wide[i] - m->exact[i]) <= limit * (1 + fabs(m->exact[i]))))
            fail_msg("%s, %s: value %zu is %g, not %g", k->isa, what, i, m->wide[i], m->exact[i]);
    for (size_t i = m->count * k->elem_size; i < m->count * k->elem_size + MARK_BYTES; i++)
        if (m->elems[i] != MARK)
            fail_msg("%s, %s: byte %zu behind the end was written", k->isa, what, i);
}
