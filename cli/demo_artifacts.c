#include <math.h>
#include <string.h>

#include "cli/demo_scene.h"

/* Drawing happens in a layer of cover values, so that strokes which cross do not add up, and is
 * then laid over the picture in one colour. */

static float unit_px(const struct demo_picture *p)
{
    return (float)p->h / 450;
}

static void clear_layer(struct demo_picture *p)
{
    memset(p->layer, 0, (size_t)p->w * (size_t)p->h);
}

/* A disc at (x, y) px with a soft rim of one pixel. */
static void dab(struct demo_picture *p, float x, float y, float radius)
{
    int left = (int)floorf(x - radius - 1), right = (int)ceilf(x + radius + 1);
    int top = (int)floorf(y - radius - 1), bottom = (int)ceilf(y + radius + 1);

    for (int j = top < 0 ? 0 : top; j <= bottom && j < p->h; j++)
        for (int i = left < 0 ? 0 : left; i <= right && i < p->w; i++) {
            float d = hypotf((float)i + 0.5F - x, (float)j + 0.5F - y);
            float cover = radius + 0.5F - d;
            uint8_t *at = &p->layer[(size_t)j * (size_t)p->w + (size_t)i];
            cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
            /* A line thinner than a pixel is fainter, not thinner. */
            cover *= radius < 0.5F ? 2 * radius : 1;
            if (cover * 255 > (float)*at)
                *at = (uint8_t)(cover * 255);
        }
}

/* A line in units; `thin` is its half width at both ends, `thick` in the middle. */
static void line(struct demo_picture *p, const float from[2], const float to[2], float thin,
                 float thick)
{
    float u = unit_px(p), length = hypotf(to[0] - from[0], to[1] - from[1]) * u;
    int steps = 2 + (int)(length / 0.6F);

    for (int i = 0; i <= steps; i++) {
        float t = (float)i / (float)steps, wide = 4 * t * (1 - t);
        dab(p, (from[0] + (to[0] - from[0]) * t) * u, (from[1] + (to[1] - from[1]) * t) * u,
            (thin + (thick - thin) * wide) * u);
    }
}

/* Lay the layer over the picture. With `is_ink` the colour filters what is below it. */
static void lay(struct demo_picture *p, const float rgb[3], float strength, bool is_ink)
{
    size_t n = (size_t)p->w * (size_t)p->h;

    for (size_t i = 0; i < n; i++) {
        float a = strength * (float)p->layer[i] / 255;
        if (a <= 0)
            continue;
        for (int c = 0; c < 3; c++) {
            uint8_t *at = &p->rgb[3 * i + (size_t)c];
            float below = is_ink ? (float)*at : 255;
            *at = (uint8_t)((float)*at * (1 - a) + rgb[c] * below * a);
        }
    }
}

/* A bent hair: a quadratic Bézier curve, tapered. */
static void hair(struct demo_picture *p, float lean, struct demo_random *r)
{
    float u = unit_px(p), wide = (float)p->w / u;
    float length = demo_between(r, 130, 420), at = lean + demo_between(r, -0.5F, 0.5F);
    float x = demo_between(r, -40, wide + 40), y = demo_between(r, -40, 490);
    float bend = demo_between(r, -0.35F, 0.35F) * length, half = demo_between(r, 0.55F, 1.25F);
    float cx = x + 0.5F * length * cosf(at) - bend * sinf(at);
    float cy = y + 0.5F * length * sinf(at) + bend * cosf(at);
    float ex = x + length * cosf(at), ey = y + length * sinf(at);
    int steps = (int)(length * u / 0.6F);

    for (int i = 0; i <= steps; i++) {
        float t = (float)i / (float)steps, k = 1 - t;
        float taper = demo_step(0, 0.08F, t) * demo_step(1, 0.55F, t);
        dab(p, (k * k * x + 2 * k * t * cx + t * t * ex) * u,
            (k * k * y + 2 * k * t * cy + t * t * ey) * u, half * (0.35F + 0.65F * taper) * u);
    }
}

static void draw_hairs(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float dark[3] = {0.13F, 0.09F, 0.07F}, fair[3] = {0.62F, 0.45F, 0.25F};
    float lean = demo_between(r, 0, 3.1F);

    clear_layer(p);
    for (int i = 0; i < s->hairs; i++)
        hair(p, lean, r);
    for (size_t i = 0; i < (size_t)p->w * (size_t)p->h; i++)
        p->hair_px += p->layer[i] > 127;
    lay(p, s->is_hair_fair ? fair : dark, s->is_hair_fair ? 0.75F : 0.9F, false);
}

/* "mm" in strokes on a baseline through `at` along (ux, uy). */
static void draw_mm(struct demo_picture *p, const float at[2], float ux, float uy)
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
        line(p, from, to, 0.5F, 0.5F);
    }
}

/* Ten millimetres with a mark each, true to the scene's scale. */
static void draw_ruler(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float black[3] = {0.12F, 0.11F, 0.12F};
    float wide = (float)p->w / unit_px(p), mm = 1 / s->mm_per_unit;
    float lean = demo_between(r, -0.35F, 0.35F), ux = cosf(lean), uy = sinf(lean);
    float x = wide * 0.5F - 5 * mm * ux, y = demo_between(r, 400, 418) - 5 * mm * uy;
    float end[2] = {x + 10 * mm * ux, y + 10 * mm * uy}, start[2] = {x, y};
    float label[2] = {x - 2 * ux - 14 * uy, y - 2 * uy + 14 * ux};

    clear_layer(p);
    line(p, start, end, 0.6F, 0.6F);
    for (int i = 0; i <= 10; i++) {
        float high = i % 5 ? 6 : 11, along = (float)i * mm;
        float foot[2] = {x + along * ux, y + along * uy};
        float head[2] = {foot[0] + high * uy, foot[1] - high * ux};
        line(p, foot, head, 0.55F, 0.55F);
    }
    draw_mm(p, label, ux, uy);
    lay(p, black, 0.85F, false);
}

/* Pen marks around the lesion: small hatched crosses. */
static void draw_ink(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float violet[3] = {0.36F, 0.22F, 0.62F};
    const struct demo_lesion *l = &s->lesion;
    int marks = 3 + demo_below(r, 4);

    clear_layer(p);
    for (int i = 0; i < marks; i++) {
        float at = 6.2831853F * ((float)i + demo_between(r, -0.2F, 0.2F)) / (float)marks;
        float out = l->radius * 1.55F + demo_between(r, 12, 30);
        float x = l->x + out * cosf(at), y = l->y + out * sinf(at);
        for (int k = 0; k < 9; k++) {
            float from[2] = {x + demo_between(r, -13, 13), y + demo_between(r, -13, 13)};
            float to[2] = {x + demo_between(r, -13, 13), y + demo_between(r, -13, 13)};
            line(p, from, to, 0.5F, 0.8F);
        }
    }
    lay(p, violet, 0.85F, true);
}

/* One bubble in the gel: a bright rim towards the lamp, a dark one away from it. */
static void bubble(struct demo_picture *p, float x, float y, float radius)
{
    int reach = (int)ceilf(radius + 1);

    for (int j = -reach; j <= reach; j++)
        for (int i = -reach; i <= reach; i++) {
            int px = (int)x + i, py = (int)y + j;
            float d = hypotf((float)i, (float)j) / radius;
            if (px < 0 || py < 0 || px >= p->w || py >= p->h || d > 1.05F)
                continue;
            float rim = demo_step(0.62F, 0.9F, d) * demo_step(1.05F, 0.95F, d);
            float side = -(float)(i + j) / (radius * 1.4142F);
            float glint =
                demo_step(0.3F, 0.1F, hypotf((float)i / radius + 0.4F, (float)j / radius + 0.4F));
            float add = 70 * rim * side + 8 + 120 * glint;
            uint8_t *at = &p->rgb[3 * ((size_t)py * (size_t)p->w + (size_t)px)];
            for (int c = 0; c < 3; c++) {
                float v = (float)at[c] + add;
                at[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
}

static void draw_bubbles(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    float u = unit_px(p), x = 0, y = 0;

    for (int i = 0; i < s->bubbles; i++) {
        bool starts_cluster = i % 4 == 0;
        x = starts_cluster ? demo_between(r, 0, (float)p->w) : x + demo_between(r, -25, 25) * u;
        y = starts_cluster ? demo_between(r, 0, (float)p->h) : y + demo_between(r, -25, 25) * u;
        bubble(p, x, y, demo_between(r, 2, 7.5F) * u);
    }
}

/* A coloured calibration disc that reaches into the field from below. */
static void draw_sticker(struct demo_picture *p, struct demo_random *r)
{
    static const float colours[3][3] = {
        {0.16F, 0.56F, 0.72F},
        {0.30F, 0.66F, 0.47F},
        {0.93F, 0.72F, 0.20F}
    };
    float u = unit_px(p), radius = demo_between(r, 95, 130) * u;
    float x = demo_between(r, 0.2F, 0.8F) * (float)p->w, y = (float)p->h + radius * 0.55F;

    clear_layer(p);
    dab(p, x, y, radius);
    lay(p, colours[demo_below(r, 3)], 0.93F, false);
}

/* The round field of a dermoscope whose edge shows in the corners. */
static void draw_vignette(struct demo_picture *p, struct demo_random *r)
{
    float u = unit_px(p), half = hypotf((float)p->w, (float)p->h) / 2;
    float x = (float)p->w / 2 + demo_between(r, -12, 12) * u;
    float y = (float)p->h / 2 + demo_between(r, -12, 12) * u;
    float inner = half * demo_between(r, 0.80F, 0.88F), outer = inner + demo_between(r, 8, 30) * u;

    for (int j = 0; j < p->h; j++)
        for (int i = 0; i < p->w; i++) {
            float d = hypotf((float)i - x, (float)j - y), k = demo_step(outer, inner, d);
            uint8_t *at = &p->rgb[3 * ((size_t)j * (size_t)p->w + (size_t)i)];
            for (int c = 0; k < 1 && c < 3; c++)
                at[c] = (uint8_t)(9 + (float)at[c] * k * (246.0F / 255));
        }
}

/* One pass of a running mean over `n` samples that lie `step` bytes apart, in place. */
static void mean_line(uint8_t *at, int n, size_t step, int radius, uint8_t *scratch)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        scratch[i] = at[(size_t)i * step];
    for (int i = -radius; i <= radius; i++)
        sum += scratch[i < 0 ? 0 : i < n ? i : n - 1];
    for (int i = 0; i < n; i++) {
        int leaves = i - radius, comes = i + radius + 1;
        at[(size_t)i * step] = (uint8_t)(sum / (2 * radius + 1));
        sum += scratch[comes < n ? comes : n - 1] - scratch[leaves < 0 ? 0 : leaves];
    }
}

/* Three running means are close to a Gaussian: a lens far out of focus. */
static void blur(struct demo_picture *p)
{
    int radius = (int)(9 * unit_px(p));
    size_t row = 3 * (size_t)p->w;

    for (int pass = 0; pass < 3; pass++) {
        for (int j = 0; j < p->h; j++)
            for (size_t c = 0; c < 3; c++)
                mean_line(p->rgb + (size_t)j * row + c, p->w, 3, radius, p->layer);
        for (size_t i = 0; i < row; i++)
            mean_line(p->rgb + i, p->h, row, radius, p->layer);
    }
}

void demo_artifacts_draw(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    if (s->has_ink)
        draw_ink(p, s, r);
    if (s->hairs)
        draw_hairs(p, s, r);
    if (s->bubbles)
        draw_bubbles(p, s, r);
    if (s->has_ruler)
        draw_ruler(p, s, r);
    if (s->has_sticker)
        draw_sticker(p, r);
    if (s->is_blurred)
        blur(p);
    if (s->has_vignette)
        draw_vignette(p, r);
}
