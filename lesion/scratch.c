/* scratch.c -- see scratch.h. */
#include "lesion/scratch.h"

#include "common/shrink.h"

static int larger(int a, int b)
{
    return a > b ? a : b;
}

int lesion_scratch_new(struct lesion_scratch **out, struct err *err)
{
    struct lesion_scratch *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "no memory to measure in");
    lab_table_init(&s->lab);
    if (lesion_scratch_reserve(s, FIELD_SIDE, FIELD_SIDE, FIELD_SIDE, err)) {
        lesion_scratch_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void lesion_scratch_free(struct lesion_scratch *s)
{
    if (!s)
        return;
    free(s->parts.runs);
    free(s->shape);
    free(s->edges);
    free(s->columns);
    free(s->rows);
    free(s->sums);
    free(s);
}

/* Replace `*p` by a new block of n * size bytes; its old content is not needed. */
static int renew(void *p, size_t n, size_t size)
{
    void **block = p, *made = calloc(n, size);

    if (!made)
        return -1;
    free(*block);
    *block = made;
    return 0;
}

int lesion_scratch_reserve(struct lesion_scratch *s, int map_w, int map_h, int measure_w,
                           struct err *err)
{
    int w = larger(map_w, s->map_w), h = larger(map_h, s->map_h);
    int sums = larger(measure_w, s->measure_w);

    if ((w > s->map_w || h > s->map_h) &&
        (renew(&s->parts.runs, components_runs_max(w, h), sizeof(*s->parts.runs)) ||
         renew(&s->shape, ((size_t)w + 2) * ((size_t)h + 2), 1) ||
         renew(&s->edges, contour_edges_max(w, h), sizeof(*s->edges)) ||
         renew(&s->columns, (size_t)w + 1, sizeof(int)) ||
         renew(&s->rows, (size_t)h + 1, sizeof(int))))
        return err_set(err, ERR_NOMEM, "no memory to measure a map of %dx%d", w, h);
    s->map_w = w;
    s->map_h = h;
    if (sums > s->measure_w && renew(&s->sums, shrink_sums(sums), sizeof(*s->sums)))
        return err_set(err, ERR_NOMEM, "no memory to measure rows of %d pixels", sums);
    s->measure_w = sums;
    return 0;
}
