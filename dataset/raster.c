#include "dataset/raster.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct vertex {
    int x, y;
};

struct crossing {
    int y;
    double x;
};

struct outline {
    struct vertex *vertices;
    int n, top, bottom; /* rows of the highest and the lowest vertex */
    struct crossing *crossings;
    int64_t n_crossings;
};

static int check_point(const struct raster_point *p, struct err *err)
{
    if (!(fabs(p->x) <= RASTER_COORDINATE_MAX) || !(fabs(p->y) <= RASTER_COORDINATE_MAX))
        return err_set(err, ERR_INPUT, "a point at %g, %g", p->x, p->y);
    return 0;
}

/* Columns `from` to `to`, both inside. */
static void fill(const struct raster *r, int y, int from, int to, uint8_t value)
{
    if (y < 0 || y >= r->h)
        return;
    from = from < 0 ? 0 : from;
    to = to >= r->w ? r->w - 1 : to;
    if (from <= to)
        memset(r->pixels + (size_t)y * (size_t)r->w + (size_t)from, value,
               (size_t)to - (size_t)from + 1);
}

/* ---- polygons ---- */

/* Halves away from the middle of a span that begins, towards it where it ends: a span of half a pixel
 * on either side is no wider than one between whole ones. */
static int nearest_begin(double x)
{
    return (int)round(x);
}

static int nearest_end(double x)
{
    return (int)(x >= 0 ? ceil(x - 0.5) : -ceil(-x - 0.5));
}

/* Where an edge crosses row y: from its first point on and in single precision, as Pillow computes it,
 * so that halves are rounded to the same side. */
static double crossing_of(struct vertex from, struct vertex to, int y)
{
    float slope = (float)(to.x - from.x) / (float)(to.y - from.y);

    return (float)(y - from.y) * slope + (float)from.x;
}

/* Where the edge from vertex i on crosses the row of that vertex. A tip flatter than one pixel a row
 * ends far from where the row beside it ends; so one of its two edges begins next to that place, and
 * what lies between is filled. Only where a shape begins and in its last row, as Pillow does it. */
static double tip_crossing(const struct outline *o, int i)
{
    struct vertex before = o->vertices[(i + o->n - 1) % o->n], v = o->vertices[i],
                  after = o->vertices[(i + 1) % o->n];
    bool is_top = before.y > v.y && after.y > v.y;
    bool is_bottom = before.y < v.y && after.y < v.y && v.y == o->bottom;
    int step = is_top ? 1 : -1;

    if (!is_top && !is_bottom)
        return v.x;
    double one = crossing_of(before, v, v.y + step), other = crossing_of(v, after, v.y + step);
    if (v.x > one + 1 && v.x > other + 1)
        return round(fmax(one, other)) + 1;
    if (v.x < one - 1 && v.x < other - 1)
        return round(fmin(one, other)) - 1;
    return v.x;
}

/* An edge counts from its upper end to above its lower one, so that two which follow each other cross
 * a row once; in the last row, below which nothing is, both ends of a tip count. */
static void cross_rows(struct outline *o, int i, int rows)
{
    struct vertex from = o->vertices[i], to = o->vertices[(i + 1) % o->n];
    int top = from.y < to.y ? from.y : to.y, bottom = from.y < to.y ? to.y : from.y;
    int first = top < 0 ? 0 : top, last = bottom == o->bottom ? bottom : bottom - 1;

    for (int y = first; y <= last && y < rows; y++)
        o->crossings[o->n_crossings++] =
            (struct crossing){y, y == from.y ? tip_crossing(o, i) : crossing_of(from, to, y)};
}

static int compare_crossings(const void *a, const void *b)
{
    const struct crossing *x = a, *y = b;

    if (x->y != y->y)
        return x->y < y->y ? -1 : 1;
    return (x->x > y->x) - (x->x < y->x);
}

static int count_crossings(const struct outline *o, int rows, struct err *err)
{
    int64_t n = 0;

    for (int i = 0; i < o->n; i++) {
        int a = o->vertices[i].y, b = o->vertices[(i + 1) % o->n].y;
        int top = a < b ? a : b, bottom = a < b ? b : a;
        top = top < 0 ? 0 : top;
        bottom = bottom >= rows ? rows - 1 : bottom;
        n += bottom >= top ? bottom - top + 1 : 0;
    }
    if (n > RASTER_CROSSINGS_MAX)
        return err_set(err, ERR_LIMIT, "an outline that crosses rows %lld times", (long long)n);
    return (int)n;
}

static void fill_outline(const struct raster *r, const struct outline *o, uint8_t value)
{
    for (int64_t i = 0; i + 1 < o->n_crossings; i += 2)
        fill(r, o->crossings[i].y, nearest_begin(o->crossings[i].x),
             nearest_end(o->crossings[i + 1].x), value);
    for (int i = 0; i < o->n; i++) {
        struct vertex a = o->vertices[i], b = o->vertices[(i + 1) % o->n];
        fill(r, a.y, a.x, a.x, value);
        if (a.y == b.y)
            fill(r, a.y, a.x < b.x ? a.x : b.x, a.x < b.x ? b.x : a.x, value);
    }
}

static int trace_outline(const struct raster *r, struct outline *o, struct err *err)
{
    int n = count_crossings(o, r->h, err);

    if (n < 0)
        return -1;
    o->crossings = calloc((size_t)n + 1, sizeof(*o->crossings));
    if (!o->crossings)
        return err_set(err, ERR_NOMEM, "%d crossings of an outline", n);
    for (int i = 0; i < o->n; i++)
        if (o->vertices[i].y != o->vertices[(i + 1) % o->n].y)
            cross_rows(o, i, r->h);
    qsort(o->crossings, (size_t)o->n_crossings, sizeof(*o->crossings), compare_crossings);
    return 0;
}

int raster_polygon(const struct raster *r, const struct raster_point *points, int n, uint8_t value,
                   struct err *err)
{
    if (n < 3)
        return err_set(err, ERR_INPUT, "a polygon of %d points", n);
    struct outline o = {.n = n, .bottom = -RASTER_COORDINATE_MAX};
    int ret = -1;
    o.vertices = calloc((size_t)n, sizeof(*o.vertices));
    if (!o.vertices)
        return err_set(err, ERR_NOMEM, "a polygon of %d points", n);
    for (int i = 0; i < n; i++) {
        if (check_point(&points[i], err))
            goto done;
        o.vertices[i] = (struct vertex){(int)points[i].x, (int)points[i].y};
        o.bottom = o.vertices[i].y > o.bottom ? o.vertices[i].y : o.bottom;
    }
    ret = trace_outline(r, &o, err);
    if (!ret)
        fill_outline(r, &o, value);
done:
    free(o.vertices);
    free(o.crossings);
    return ret;
}

/* ---- rectangles and circles ---- */

int raster_rectangle(const struct raster *r, const struct raster_point corners[2], uint8_t value,
                     struct err *err)
{
    if (check_point(&corners[0], err) || check_point(&corners[1], err))
        return -1;
    int left = (int)fmin(corners[0].x, corners[1].x), right = (int)fmax(corners[0].x, corners[1].x);
    int top = (int)fmin(corners[0].y, corners[1].y), bottom = (int)fmax(corners[0].y, corners[1].y);
    for (int y = top; y <= bottom && y < r->h; y++)
        fill(r, y, left, right, value);
    return 0;
}

/* A quarter of an ellipse of diameters a, b about 0, in half pixels, walked from its right end up
 * to its top: of the three next places the one that lies nearest to the curve (Bresenham's way). */
struct walk {
    int64_t a, b, x, y;
};

static int64_t deviation(const struct walk *w, int64_t x, int64_t y)
{
    return llabs(w->a * w->a * y * y + w->b * w->b * x * x - w->a * w->a * w->b * w->b);
}

static void walk_on(struct walk *w)
{
    int64_t x = w->x, y = w->y + 2, best = deviation(w, x, y);

    if (w->x > 1) {
        int64_t both = deviation(w, w->x - 2, w->y + 2), left = deviation(w, w->x - 2, w->y);
        if (best > both) {
            x = w->x - 2;
            best = both;
        }
        if (best > left) {
            x = w->x - 2;
            y = w->y;
        }
    }
    w->x = x;
    w->y = y;
}

int raster_circle(const struct raster *r, const struct raster_point points[2], uint8_t value,
                  struct err *err)
{
    double radius = hypot(points[0].x - points[1].x, points[0].y - points[1].y);

    if (check_point(&points[0], err) || check_point(&points[1], err))
        return -1;
    if (radius > RASTER_DIAMETER_MAX / 2.0 - 1)
        return err_set(err, ERR_INPUT, "a circle of radius %g", radius);
    int left = (int)(points[0].x - radius), right = (int)(points[0].x + radius);
    int top = (int)(points[0].y - radius), bottom = (int)(points[0].y + radius);
    struct walk w = {
        .a = right - left, .b = bottom - top, .x = right - left, .y = (bottom - top) % 2};
    for (int64_t row = -1; w.y <= w.b && w.x >= 0; walk_on(&w)) {
        if (w.y == row) /* the first place in a row is its widest */
            continue;
        row = w.y;
        int from = (int)((left + right - w.x) / 2), to = (int)((left + right + w.x) / 2);
        fill(r, (int)((top + bottom - w.y) / 2), from, to, value);
        fill(r, (int)((top + bottom + w.y) / 2), from, to, value);
        if (w.y == w.b)
            break;
    }
    return 0;
}
