/* contour.c -- crack following, then a sleeve that is pushed along the points (after Zhao and
 * Saalfeld, "Linear-time sleeve-fitting polyline simplification algorithms", AutoCarto 13, 1997):
 * linear in time whatever the shape, where Douglas-Peucker is quadratic on a spiral. */
#include "lesion/contour.h"

#include <math.h>
#include <stdbool.h>

#define TOLERANCE_PX 0.4

size_t contour_edges_max(int w, int h)
{
    return ((size_t)w + 1) * (size_t)h + ((size_t)h + 1) * (size_t)w;
}

int contour_walk(const uint8_t *shape, int w, int h, int x, int y, struct edge_middle *edges)
{
    /* Heading east, south, west, north: the step, and the pixels ahead on the left and right hand
     * of a corner (x, y), whose four pixels are (x - 1 .. x, y - 1 .. y). */
    static const struct {
        int dx, dy, left_x, left_y, right_x, right_y;
    } headings[] = {
        {1,  0,  0,  -1, 0,  0 },
        {0,  1,  0,  0,  -1, 0 },
        {-1, 0,  -1, 0,  -1, -1},
        {0,  -1, -1, -1, 0,  -1},
    };
    size_t stride = (size_t)w + 2, n_max = contour_edges_max(w, h);
    int start_x = x, start_y = y, heading = 0;
    size_t n = 0;

    do {
        edges[n].x2 = 2 * x + headings[heading].dx;
        edges[n].y2 = 2 * y + headings[heading].dy;
        n++;
        x += headings[heading].dx;
        y += headings[heading].dy;
        const uint8_t *corner = shape + (size_t)(y + 1) * stride + (size_t)(x + 1);
        ptrdiff_t row = (ptrdiff_t)stride;
        if (corner[headings[heading].left_y * row + headings[heading].left_x])
            heading = (heading + 3) % 4;
        else if (!corner[headings[heading].right_y * row + headings[heading].right_x])
            heading = (heading + 1) % 4;
    } while (n < n_max && (x != start_x || y != start_y || heading != 0));
    return (int)n;
}

struct spot {
    double x, y; /* px */
};

static struct spot smoothed(const struct edge_middle *edges, int n, int i)
{
    const struct edge_middle *p = edges + (i ? i - 1 : n - 1), *q = edges + i;
    const struct edge_middle *r = edges + (i + 1 < n ? i + 1 : 0);

    return (struct spot){(p->x2 + 2 * q->x2 + r->x2) / 8.0, (p->y2 + 2 * q->y2 + r->y2) / 8.0};
}

/* The directions from an anchor in which a line passes all points so far within the tolerance. */
struct sleeve {
    struct spot anchor, left, right; /* unit vectors; the cone runs from right to left */
    bool is_open;                    /* no point has narrowed it yet */
    double reach;                    /* px to the farthest point so far */
};

static double cross(struct spot a, struct spot b)
{
    return a.x * b.y - a.y * b.x;
}

/* Does a line from the anchor to `p` stay inside? Then narrow the cone by p's own disc. */
static bool sleeve_takes(struct sleeve *s, struct spot p, double tolerance)
{
    struct spot d = {p.x - s->anchor.x, p.y - s->anchor.y};
    double length = hypot(d.x, d.y);

    if (length < s->reach - tolerance) /* the way back along a spike: its tip must stay */
        return false;
    s->reach = fmax(s->reach, length);
    if (length <= tolerance)
        return true;
    d.x /= length;
    d.y /= length;
    if (!s->is_open && (cross(s->right, d) < 0 || cross(d, s->left) < 0 ||
                        d.x * (s->left.x + s->right.x) + d.y * (s->left.y + s->right.y) <= 0))
        return false;
    double sine = tolerance / length, cosine = sqrt(1 - sine * sine);
    struct spot left = {d.x * cosine - d.y * sine, d.y * cosine + d.x * sine};
    struct spot right = {d.x * cosine + d.y * sine, d.y * cosine - d.x * sine};
    if (s->is_open || cross(left, s->left) > 0)
        s->left = left;
    if (s->is_open || cross(s->right, right) > 0)
        s->right = right;
    s->is_open = false;
    return true;
}

/* Number of points, or -1 when they would be more than fit. */
static int simplify_within(const struct edge_middle *edges, int n, double tolerance,
                           struct contour_point *out)
{
    struct spot last = smoothed(edges, n, 0);
    struct sleeve sleeve = {.anchor = last, .is_open = true};
    int n_out = 0;

    out[n_out++] = (struct contour_point){(float)last.x, (float)last.y};
    for (int i = 1; i <= n; i++) {
        struct spot p = smoothed(edges, n, i % n);
        if (!sleeve_takes(&sleeve, p, tolerance)) {
            if (n_out == LESION_CONTOUR_MAX)
                return -1;
            out[n_out++] = (struct contour_point){(float)last.x, (float)last.y};
            sleeve = (struct sleeve){.anchor = last, .is_open = true};
            (void)sleeve_takes(&sleeve, p, tolerance);
        }
        last = p;
    }
    return n_out;
}

int contour_simplify(const struct edge_middle *edges, int n, double scale_x, double scale_y,
                     struct contour_point *out)
{
    double tolerance = fmin(TOLERANCE_PX, n / 64.0); /* a shape of one pixel keeps its corners */
    int n_out = simplify_within(edges, n, tolerance, out);

    while (n_out < 0) {
        tolerance *= 2;
        n_out = simplify_within(edges, n, tolerance, out);
    }
    for (int i = 0; i < n_out; i++) {
        out[i].x = (float)(out[i].x * scale_x);
        out[i].y = (float)(out[i].y * scale_y);
    }
    return n_out;
}
