#include "dataset/artefact_stroke.h"

#include <math.h>
#include <string.h>

#include "common/wide.h"

void stroke_begin(struct stroke_canvas *c)
{
    memset(c->layer, 0, (size_t)c->w * (size_t)c->h);
    c->left = c->w;
    c->top = c->h;
    c->right = c->bottom = 0;
}

static int within(int x, int most)
{
    return x < 0 ? 0 : x < most ? x : most;
}

static void widen(struct stroke_canvas *c, int left, int top, int right, int bottom)
{
    c->left = left < c->left ? left : c->left;
    c->top = top < c->top ? top : c->top;
    c->right = right > c->right ? right : c->right;
    c->bottom = bottom > c->bottom ? bottom : c->bottom;
}

void stroke_dab(struct stroke_canvas *c, float x, float y, float radius)
{
    int left = within((int)floorf(x - radius - 1), c->w);
    int right = within((int)ceilf(x + radius + 1) + 1, c->w);
    int top = within((int)floorf(y - radius - 1), c->h);
    int bottom = within((int)ceilf(y + radius + 1) + 1, c->h);
    /* A line thinner than a pixel is fainter, not thinner. */
    float faint = radius < 0.5F ? 2 * radius : 1;
    double reach = (double)(radius + 0.5F);

    if (left >= right || top >= bottom)
        return;
    widen(c, left, top, right, bottom);
    for (int j = top; j < bottom; j++)
        for (int i = left; i < right; i++) {
            double dx = (double)((float)i + 0.5F - x), dy = (double)((float)j + 0.5F - y);
            double squared = dx * dx + dy * dy;
            if (squared >= reach * reach)
                continue;
            float cover = radius + 0.5F - (float)sqrt(squared);
            uint8_t *at = &c->layer[(size_t)j * (size_t)c->w + (size_t)i];
            cover = (cover > 1 ? 1 : cover) * faint * 255;
            if (cover > (float)*at)
                *at = (uint8_t)cover;
        }
}

enum { STEPS_MAX = 1 << 16 };

/* Dabs this far apart look like a line. */
static int steps_for(float length_px)
{
    float steps = length_px / 0.6F;

    return steps < STEPS_MAX ? (int)steps : STEPS_MAX;
}

void stroke_line(struct stroke_canvas *c, const float from[2], const float to[2], float thin,
                 float thick)
{
    float u = c->unit, length = hypotf(to[0] - from[0], to[1] - from[1]) * u;
    int steps = 2 + steps_for(length);

    for (int i = 0; i <= steps; i++) {
        float t = (float)i / (float)steps, wide = 4 * t * (1 - t);
        stroke_dab(c, (from[0] + (to[0] - from[0]) * t) * u, (from[1] + (to[1] - from[1]) * t) * u,
                   (thin + (thick - thin) * wide) * u);
    }
}

void stroke_draw_hair(struct stroke_canvas *c, const struct stroke_hair *hair)
{
    float u = c->unit, x = hair->x, y = hair->y, length = hair->length;
    float along = cosf(hair->at), across = sinf(hair->at);
    float cx = x + 0.5F * length * along - hair->bend * across;
    float cy = y + 0.5F * length * across + hair->bend * along;
    float ex = x + length * along, ey = y + length * across;
    int steps = steps_for(length * u);

    for (int i = 0; i <= steps; i++) {
        float t = steps ? (float)i / (float)steps : 0, k = 1 - t;
        float taper = stroke_step(0, 0.08F, t) * stroke_step(1, 0.55F, t);
        stroke_dab(c, (k * k * x + 2 * k * t * cx + t * t * ex) * u,
                   (k * k * y + 2 * k * t * cy + t * t * ey) * u,
                   hair->half * (0.35F + 0.65F * taper) * u);
    }
}

/* "mm" in strokes on a baseline through `at` along (ux, uy). */
static void draw_mm(struct stroke_canvas *c, const float at[2], float ux, float uy, float half)
{
    static const float strokes[][4] = {
        {0,  0, 0,  7},
        {0,  6, 3,  7},
        {3,  7, 4,  5},
        {4,  5, 4,  0},
        {4,  6, 7,  7},
        {7,  7, 8,  5},
        {8,  5, 8,  0},
        {12, 0, 12, 7},
        {12, 6, 15, 7},
        {15, 7, 16, 5},
        {16, 5, 16, 0},
        {16, 6, 19, 7},
        {19, 7, 20, 5},
        {20, 5, 20, 0},
    };

    for (size_t i = 0; i < sizeof(strokes) / sizeof(*strokes); i++) {
        const float *k = strokes[i];
        float from[2] = {at[0] + k[0] * ux + k[1] * uy, at[1] + k[0] * uy - k[1] * ux};
        float to[2] = {at[0] + k[2] * ux + k[3] * uy, at[1] + k[2] * uy - k[3] * ux};
        stroke_line(c, from, to, half, half);
    }
}

void stroke_draw_ruler(struct stroke_canvas *c, const struct stroke_ruler *ruler)
{
    float ux = cosf(ruler->lean), uy = sinf(ruler->lean), x = ruler->x, y = ruler->y;
    float mm = ruler->mm, start[2] = {x, y}, end[2] = {x + 10 * mm * ux, y + 10 * mm * uy};
    float label[2] = {x - 2 * ux - 14 * uy, y - 2 * uy + 14 * ux};

    stroke_line(c, start, end, 0.6F * ruler->thick, 0.6F * ruler->thick);
    for (int i = 0; i <= 10; i++) {
        float high = i % 5 ? 6 : 11, along = (float)i * mm;
        float foot[2] = {x + along * ux, y + along * uy};
        float head[2] = {foot[0] + high * uy, foot[1] - high * ux};
        stroke_line(c, foot, head, 0.55F * ruler->thick, 0.55F * ruler->thick);
    }
    draw_mm(c, label, ux, uy, 0.5F * ruler->thick);
}

WIDE static void lay_row(uint8_t *restrict rgb, const uint8_t *restrict layer, int n,
                         const float *restrict colour, float strength, float ink)
{
    for (int i = 0; i < n; i++) {
        float a = strength * (float)layer[i] / 255;
        for (int k = 0; k < 3; k++) {
            float here = (float)rgb[3 * i + k];
            float laid = colour[k] * (ink > 0 ? here : 255);
            rgb[3 * i + k] = (uint8_t)(here * (1 - a) + laid * a);
        }
    }
}

void stroke_lay(struct stroke_canvas *c, const float colour[3], float strength, bool is_ink)
{
    for (int j = c->top; j < c->bottom; j++) {
        size_t at = (size_t)j * (size_t)c->w + (size_t)c->left;
        size_t n = (size_t)(c->right - c->left);
        lay_row(c->rgb + 3 * at, c->layer + at, (int)n, colour, strength, is_ink ? 1 : 0);
        memset(c->layer + at, 0, n);
    }
    c->left = c->w;
    c->top = c->h;
    c->right = c->bottom = 0;
}

static void add_to(uint8_t *rgb, float add)
{
    for (int k = 0; k < 3; k++) {
        float v = (float)rgb[k] + add;
        rgb[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

void stroke_bubble(struct stroke_canvas *c, float x, float y, float radius, float strength)
{
    int reach = (int)ceilf(radius + 1);

    for (int j = -reach; j <= reach; j++)
        for (int i = -reach; i <= reach; i++) {
            int px = (int)x + i, py = (int)y + j;
            float d = hypotf((float)i, (float)j) / radius;
            if (px < 0 || py < 0 || px >= c->w || py >= c->h || d > 1.05F)
                continue;
            float rim = stroke_step(0.62F, 0.9F, d) * stroke_step(1.05F, 0.95F, d);
            float side = -(float)(i + j) / (radius * 1.4142F);
            float glint =
                stroke_step(0.3F, 0.1F, hypotf((float)i / radius + 0.4F, (float)j / radius + 0.4F));
            float add = 70 * rim * side + 8 + 120 * glint;
            add_to(&c->rgb[3 * ((size_t)py * (size_t)c->w + (size_t)px)], strength * add);
        }
}

void stroke_vignette(struct stroke_canvas *c, float x, float y, float inner, float outer)
{
    for (int j = 0; j < c->h; j++)
        for (int i = 0; i < c->w; i++) {
            float d = hypotf((float)i - x, (float)j - y), k = stroke_step(outer, inner, d);
            uint8_t *at = &c->rgb[3 * ((size_t)j * (size_t)c->w + (size_t)i)];
            for (int n = 0; k < 1 && n < 3; n++)
                at[n] = (uint8_t)(9 + (float)at[n] * k * (246.0F / 255));
        }
}

float stroke_step(float low, float high, float x)
{
    float t = (x - low) / (high - low);

    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}
