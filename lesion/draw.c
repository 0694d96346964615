/* draw.c -- the contour over a display copy: a dark line with a light one on it, so that it stands
 * out on pale skin, on dark skin and on black pigment alike. */
#include <math.h>

#include "lesion/measure.h"

enum { PIECE_PX = 16 }; /* long segments are drawn in pieces, so that their boxes stay small */

struct canvas {
    uint8_t *rgb; /* h,w,3; drawn into */
    int w, h;
};

struct pen {
    double half_width; /* px */
    uint8_t rgb[3];
};

static int clamp(double v, int max)
{
    return v < 0 ? 0 : v > max ? max : (int)v;
}

static void blend(uint8_t *pixel, const struct pen *pen, double alpha)
{
    for (int k = 0; k < 3; k++)
        pixel[k] = (uint8_t)lround(pixel[k] + alpha * (pen->rgb[k] - pixel[k]));
}

/* A short line from (x0, y0) to (x1, y1) with round ends. */
static void draw_piece(const struct canvas *c, const struct pen *pen, double x0, double y0,
                       double x1, double y1)
{
    double reach = pen->half_width + 1, dx = x1 - x0, dy = y1 - y0;
    double length2 = fmax(dx * dx + dy * dy, 1e-9);
    int right = clamp(fmax(x0, x1) + reach, c->w - 1), low = clamp(fmax(y0, y1) + reach, c->h - 1);

    for (int y = clamp(fmin(y0, y1) - reach, c->h - 1); y <= low; y++)
        for (int x = clamp(fmin(x0, x1) - reach, c->w - 1); x <= right; x++) {
            double px = x + 0.5 - x0, py = y + 0.5 - y0;
            double t = fmin(fmax((px * dx + py * dy) / length2, 0), 1);
            double cover = pen->half_width + 0.5 - hypot(px - t * dx, py - t * dy);
            if (cover > 0)
                blend(c->rgb + 3 * ((size_t)y * (size_t)c->w + (size_t)x), pen, fmin(cover, 1));
        }
}

void lesion_draw_contour(const struct lesion_measures *m, int original_w, int original_h,
                         uint8_t *rgb, int w, int h)
{
    struct canvas canvas = {rgb, w, h};
    double sx = (double)w / original_w, sy = (double)h / original_h;
    double unit = fmax(1, (w > h ? w : h) / 640.0); /* the line keeps its weight at any size */
    const struct pen pens[] = {
        {2.0 * unit, {20, 20, 20}   },
        {0.7 * unit, {250, 240, 120}},
    };

    for (int k = 0; k < 2; k++)
        for (int i = 0; i < m->n_contour; i++) {
            const struct contour_point *p = m->contour + i;
            const struct contour_point *q = m->contour + (i + 1) % m->n_contour;
            double x = p->x * sx, y = p->y * sy, dx = q->x * sx - x, dy = q->y * sy - y;
            int pieces = (int)(hypot(dx, dy) / PIECE_PX) + 1;
            for (int j = 0; j < pieces; j++)
                draw_piece(&canvas, pens + k, x + dx * j / pieces, y + dy * j / pieces,
                           x + dx * (j + 1) / pieces, y + dy * (j + 1) / pieces);
        }
}
