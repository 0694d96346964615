#include "dataset/annotation.h"

#include <stdlib.h>
#include <string.h>

struct drawing {
    const struct annotation *a;
    struct raster all, group; /* group.pixels: NULL until a group has a hole */
    int class;
};

void annotation_release(struct annotation *a)
{
    for (int i = 0; i < a->n_shapes; i++) {
        free(a->shapes[i].points);
        free(a->shapes[i].runs);
    }
    free(a->shapes);
    free(a->image);
    *a = (struct annotation){0};
}

struct shape *annotation_add(struct annotation *a, struct err *err)
{
    if (a->n_shapes == ANNOTATION_SHAPES_MAX) {
        err_set(err, ERR_LIMIT, "more than %d shapes on one picture", ANNOTATION_SHAPES_MAX);
        return NULL;
    }
    if (a->n_shapes == a->capacity) {
        int more = a->capacity ? 2 * a->capacity : 8;
        struct shape *grown = realloc(a->shapes, (size_t)more * sizeof(*grown));
        if (!grown) {
            err_set(err, ERR_NOMEM, "%d shapes", more);
            return NULL;
        }
        a->shapes = grown;
        a->capacity = more;
    }
    a->shapes[a->n_shapes] = (struct shape){.group = GROUP_NONE};
    return &a->shapes[a->n_shapes++];
}

/* Column by column, as COCO counts. */
static int draw_runs(const struct raster *r, const struct shape *s, uint8_t value, struct err *err)
{
    uint64_t at = 0, all = (uint64_t)r->w * (uint64_t)r->h;

    for (int i = 0; i < s->n_runs; i++) {
        if (s->runs[i] > all - at)
            return err_set(err, ERR_INPUT, "a mask of more than %d x %d pixels", r->w, r->h);
        for (uint64_t k = at; i % 2 && k < at + s->runs[i]; k++)
            r->pixels[k % (uint64_t)r->h * (uint64_t)r->w + k / (uint64_t)r->h] = value;
        at += s->runs[i];
    }
    return at == all ? 0
                     : err_set(err, ERR_INPUT, "a mask of %llu pixels, not %d x %d",
                               (unsigned long long)at, r->w, r->h);
}

static int draw_shape(const struct raster *r, const struct shape *s, uint8_t value, struct err *err)
{
    switch (s->kind) {
    case SHAPE_POLYGON: return raster_polygon(r, s->points, s->n_points, value, err);
    case SHAPE_RECTANGLE: return raster_rectangle(r, s->points, value, err);
    case SHAPE_CIRCLE: return raster_circle(r, s->points, value, err);
    case SHAPE_RUNS: return draw_runs(r, s, value, err);
    }
    return err_set(err, ERR_BUG, "a shape of kind %d", (int)s->kind);
}

static int draw_onto(const struct drawing *d, const struct raster *r, int i, struct err *err)
{
    const struct shape *s = &d->a->shapes[i];
    int class = s->class ? s->class : d->class;

    if (!class && !s->is_hole)
        return err_set(err, ERR_INPUT,
                       "shape %d: its label means the picture's diagnosis, and there is none",
                       s->number);
    if (draw_shape(r, s, s->is_hole ? 0 : (uint8_t) class, err))
        return err_wrap(err, "shape %d", s->number);
    return 0;
}

static bool has_hole(const struct annotation *a, int64_t group)
{
    for (int i = 0; i < a->n_shapes; i++)
        if (a->shapes[i].group == group && a->shapes[i].is_hole)
            return true;
    return false;
}

static bool is_first(const struct annotation *a, int i)
{
    for (int k = 0; k < i; k++)
        if (a->shapes[k].group == a->shapes[i].group)
            return false;
    return true;
}

/* Pieces first, then the holes, on a sheet of its own; what is left goes onto the picture. */
static int draw_group(struct drawing *d, int64_t group, struct err *err)
{
    size_t n = (size_t)d->all.w * (size_t)d->all.h;

    if (!d->group.pixels) {
        d->group = d->all;
        d->group.pixels = malloc(n);
        if (!d->group.pixels)
            return err_set(err, ERR_NOMEM, "a sheet of %zu pixels", n);
    }
    memset(d->group.pixels, 0, n);
    for (int holes = 0; holes < 2; holes++)
        for (int i = 0; i < d->a->n_shapes; i++)
            if (d->a->shapes[i].group == group && d->a->shapes[i].is_hole == holes &&
                draw_onto(d, &d->group, i, err))
                return -1;
    for (size_t i = 0; i < n; i++)
        if (d->group.pixels[i])
            d->all.pixels[i] = d->group.pixels[i];
    return 0;
}

int annotation_draw(const struct annotation *a, uint8_t *classes, int w, int h, int class,
                    struct err *err)
{
    struct drawing d = {
        .a = a, .all = {classes, w, h},
             .class = class
    };
    int ret = 0;

    memset(classes, 0, (size_t)w * (size_t)h);
    for (int i = 0; i < a->n_shapes && !ret; i++) {
        int64_t group = a->shapes[i].group;
        if (group == GROUP_NONE || !has_hole(a, group))
            ret = draw_onto(&d, &d.all, i, err);
        else if (is_first(a, i))
            ret = draw_group(&d, group, err);
    }
    free(d.group.pixels);
    return ret;
}

void annotation_turn(uint8_t *out, const uint8_t *classes, int w, int h, int orientation)
{
    bool is_turned = orientation > 4;
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    int to_w = is_turned ? h : w, to_h = is_turned ? w : h;

    for (int y = 0; y < to_h; y++)
        for (int x = 0; x < to_w; x++) {
            int sx = is_turned ? y : x, sy = is_turned ? x : y;
            sx = flip_x ? w - 1 - sx : sx;
            sy = flip_y ? h - 1 - sy : sy;
            out[(size_t)y * (size_t)to_w + (size_t)x] =
                classes[(size_t)sy * (size_t)w + (size_t)sx];
        }
}
