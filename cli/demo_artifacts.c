#include <math.h>

#include "cli/demo_scene.h"
#include "dataset/artefact_stroke.h"

/* What lies where, chosen by chance; the strokes themselves are dataset/artefact_stroke.h. */

static struct stroke_canvas canvas_of(struct demo_picture *p)
{
    struct stroke_canvas c = {
        .rgb = p->rgb, .layer = p->layer, .w = p->w, .h = p->h, .unit = (float)p->h / 450};

    stroke_begin(&c);
    return c;
}

static void draw_hair(struct stroke_canvas *c, float lean, struct demo_random *r)
{
    float wide = (float)c->w / c->unit;
    struct stroke_hair hair;

    hair.length = demo_between(r, 130, 420);
    hair.at = lean + demo_between(r, -0.5F, 0.5F);
    hair.x = demo_between(r, -40, wide + 40);
    hair.y = demo_between(r, -40, 490);
    hair.bend = demo_between(r, -0.35F, 0.35F) * hair.length;
    hair.half = demo_between(r, 0.55F, 1.25F);
    stroke_draw_hair(c, &hair);
}

static void draw_hairs(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float dark[3] = {0.13F, 0.09F, 0.07F}, fair[3] = {0.62F, 0.45F, 0.25F};
    struct stroke_canvas c = canvas_of(p);
    float lean = demo_between(r, 0, 3.1F);

    for (int i = 0; i < s->hairs; i++)
        draw_hair(&c, lean, r);
    for (size_t i = 0; i < (size_t)p->w * (size_t)p->h; i++)
        p->hair_px += p->layer[i] > 127;
    stroke_lay(&c, s->is_hair_fair ? fair : dark, s->is_hair_fair ? 0.75F : 0.9F, false);
}

/* Ten millimetres with a mark each, true to the scene's scale. */
static void draw_ruler(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float black[3] = {0.12F, 0.11F, 0.12F};
    struct stroke_canvas c = canvas_of(p);
    struct stroke_ruler ruler = {.mm = 1 / s->mm_per_unit, .thick = 1};
    float wide = (float)p->w / c.unit;

    ruler.lean = demo_between(r, -0.35F, 0.35F);
    ruler.x = wide * 0.5F - 5 * ruler.mm * cosf(ruler.lean);
    ruler.y = demo_between(r, 400, 418) - 5 * ruler.mm * sinf(ruler.lean);
    stroke_draw_ruler(&c, &ruler);
    stroke_lay(&c, black, 0.85F, false);
}

/* Pen marks around the lesion: small hatched crosses. */
static void draw_ink(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    static const float violet[3] = {0.36F, 0.22F, 0.62F};
    struct stroke_canvas c = canvas_of(p);
    const struct demo_lesion *l = &s->lesion;
    int marks = 3 + demo_below(r, 4);

    for (int i = 0; i < marks; i++) {
        float at = 6.2831853F * ((float)i + demo_between(r, -0.2F, 0.2F)) / (float)marks;
        float out = l->radius * 1.55F + demo_between(r, 12, 30);
        float x = l->x + out * cosf(at), y = l->y + out * sinf(at);
        for (int k = 0; k < 9; k++) {
            float from[2] = {x + demo_between(r, -13, 13), y + demo_between(r, -13, 13)};
            float to[2] = {x + demo_between(r, -13, 13), y + demo_between(r, -13, 13)};
            stroke_line(&c, from, to, 0.5F, 0.8F);
        }
    }
    stroke_lay(&c, violet, 0.85F, true);
}

static void draw_bubbles(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r)
{
    struct stroke_canvas c = canvas_of(p);
    float u = c.unit, x = 0, y = 0;

    for (int i = 0; i < s->bubbles; i++) {
        bool starts_cluster = i % 4 == 0;
        x = starts_cluster ? demo_between(r, 0, (float)p->w) : x + demo_between(r, -25, 25) * u;
        y = starts_cluster ? demo_between(r, 0, (float)p->h) : y + demo_between(r, -25, 25) * u;
        stroke_bubble(&c, x, y, demo_between(r, 2, 7.5F) * u, 1);
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
    struct stroke_canvas c = canvas_of(p);
    float u = c.unit, radius = demo_between(r, 95, 130) * u;
    float x = demo_between(r, 0.2F, 0.8F) * (float)p->w, y = (float)p->h + radius * 0.55F;

    stroke_dab(&c, x, y, radius);
    stroke_lay(&c, colours[demo_below(r, 3)], 0.93F, false);
}

/* The round field of a dermoscope whose edge shows in the corners. */
static void draw_vignette(struct demo_picture *p, struct demo_random *r)
{
    struct stroke_canvas c = canvas_of(p);
    float u = c.unit, half = hypotf((float)p->w, (float)p->h) / 2;
    float x = (float)p->w / 2 + demo_between(r, -12, 12) * u;
    float y = (float)p->h / 2 + demo_between(r, -12, 12) * u;
    float inner = half * demo_between(r, 0.80F, 0.88F), outer = inner + demo_between(r, 8, 30) * u;

    stroke_vignette(&c, x, y, inner, outer);
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
    int radius = (int)(9 * ((float)p->h / 450));
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
