#include "dataset/trace.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct tracer {
    const uint8_t *classes;
    int w, h;
    int32_t *area;  /* h,w: number of the area, 0 not yet visited */
    int32_t *stack; /* h,w: pixels still to visit */
    struct raster_point *points;
    int n, capacity;
};

static int64_t at(const struct tracer *t, int x, int y)
{
    return (int64_t)y * t->w + x;
}

static bool is_inside(const struct tracer *t, int x, int y, int32_t number)
{
    return x >= 0 && y >= 0 && x < t->w && y < t->h && t->area[at(t, x, y)] == number;
}

static void push(struct tracer *t, int *depth, int x, int y, int class, int32_t number)
{
    if (x < 0 || y < 0 || x >= t->w || y >= t->h || t->area[at(t, x, y)] ||
        t->classes[at(t, x, y)] != class)
        return;
    t->area[at(t, x, y)] = number;
    t->stack[(*depth)++] = (int32_t)at(t, x, y);
}

/* Give the area of a pixel its number; true when it touches a border of the picture. */
static bool flood(struct tracer *t, int x, int y, int32_t number)
{
    int class = t->classes[at(t, x, y)], depth = 0;
    bool touches = false;

    push(t, &depth, x, y, class, number);
    while (depth) {
        int px = t->stack[--depth] % t->w, py = t->stack[depth] / t->w;
        touches |= !px || !py || px == t->w - 1 || py == t->h - 1;
        push(t, &depth, px - 1, py, class, number);
        push(t, &depth, px + 1, py, class, number);
        push(t, &depth, px, py - 1, class, number);
        push(t, &depth, px, py + 1, class, number);
    }
    return touches;
}

static int add_point(struct tracer *t, int x, int y, struct err *err)
{
    if (t->n == t->capacity) {
        int more = t->capacity ? 2 * t->capacity : 256;
        struct raster_point *grown = realloc(t->points, (size_t)more * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "an outline of %d points", more);
        t->points = grown;
        t->capacity = more;
    }
    t->points[t->n++] = (struct raster_point){x, y};
    return 0;
}

/* Around the area with it on the right hand, from its first pixel in reading order: at each pixel look
 * for the next one clockwise, beginning behind the way that we came (Moore's neighbours). The walk ends
 * where it would leave the first pixel the way it left it at first. */
static int follow(struct tracer *t, int x0, int y0, int32_t number, struct err *err)
{
    static const int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1}, dy[8] = {0, 1, 1, 1, 0, -1, -1, -1};
    int x = x0, y = y0, way = 0, first = -1, last = -1;

    t->n = 0;
    for (;;) {
        int turn = 0, next = (way + 6) % 8; /* a quarter to the left of the way we came */
        while (turn < 8 && !is_inside(t, x + dx[next], y + dy[next], number)) {
            next = (next + 1) % 8;
            turn++;
        }
        if (turn == 8)
            return add_point(t, x, y, err); /* a single pixel */
        if (x == x0 && y == y0 && next == first)
            return 0;
        if (first < 0)
            first = next;
        if (next != last && add_point(t, x, y, err))
            return -1;
        last = way = next;
        x += dx[next];
        y += dy[next];
    }
}

static int trace(struct tracer *t,
                 int (*take)(void *ctx, const struct trace_area *area, struct err *err), void *ctx,
                 struct err *err)
{
    int32_t number = 0;

    for (int y = 0; y < t->h; y++)
        for (int x = 0; x < t->w; x++) {
            if (t->area[at(t, x, y)])
                continue;
            bool touches = flood(t, x, y, ++number);
            struct trace_area area = {.class = t->classes[at(t, x, y)]};
            if (!area.class && touches)
                continue;
            if (follow(t, x, y, number, err))
                return -1;
            area.points = t->points;
            area.n = t->n;
            if (take(ctx, &area, err))
                return -1;
        }
    return 0;
}

int trace_areas(const uint8_t *classes, int w, int h,
                int (*take)(void *ctx, const struct trace_area *area, struct err *err), void *ctx,
                struct err *err)
{
    struct tracer t = {.classes = classes, .w = w, .h = h};
    size_t n = (size_t)w * (size_t)h;
    int ret = -1;

    t.area = calloc(n, sizeof(*t.area));
    t.stack = malloc(n * sizeof(*t.stack));
    if (t.area && t.stack)
        ret = trace(&t, take, ctx, err);
    else
        err_set(err, ERR_NOMEM, "the areas of %d x %d pixels", w, h);
    free(t.area);
    free(t.stack);
    free(t.points);
    return ret;
}
