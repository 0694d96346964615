#include "cli/demo_scene.h"

#include <math.h>
#include <stdlib.h>

void demo_scene_choose(struct demo_scene *s, const struct demo_wish *wish, struct demo_random *r)
{
    static const float lamps[][3] = {
        {1.02F, 1,     0.98F},
        {1,     0.97F, 1.03F},
        {0.97F, 1,     1.04F},
        {1.04F, 0.97F, 0.97F}
    };
    const float *lamp = lamps[demo_below(r, 4)];

    *s = (struct demo_scene){
        .w = wish->w,
        .h = wish->h,
        .noise = demo_random_next(r),
        .skin_type = wish->skin_type,
        .tint = {lamp[0], lamp[1], lamp[2]},
        .density = demo_between(r, 0.8F, 1.2F),
        .freckles = demo_chance(r, 0.3F) ? demo_between(r, 0.2F, 0.7F) : 0,
        .hairs = demo_chance(r, 0.5F) ? 1 + demo_below(r, 22) : 0,
        .is_hair_fair = wish->skin_type <= 2 && demo_chance(r, 0.35F),
        .bubbles = demo_chance(r, 0.35F) ? 4 + demo_below(r, 24) : 0,
        .has_ruler = demo_chance(r, 0.35F),
        .has_ink = demo_chance(r, 0.15F),
        .has_sticker = demo_chance(r, 0.12F),
        .has_vignette = demo_chance(r, 0.35F),
        .mm_per_unit = demo_between(r, 0.028F, 0.040F),
    };
    demo_lesion_choose(&s->lesion, wish, r);
}

static int make_room(struct demo_picture *p, const struct demo_scene *s, struct err *err)
{
    size_t n = (size_t)s->w * (size_t)s->h;

    *p = (struct demo_picture){.w = s->w, .h = s->h};
    p->rgb = malloc(3 * n);
    p->mask = malloc(n);
    p->layer = malloc(n);
    if (!p->rgb || !p->mask || !p->layer)
        return err_set(err, ERR_NOMEM, "no memory for a picture of %d x %d", s->w, s->h);
    return 0;
}

void demo_picture_release(struct demo_picture *p)
{
    free(p->rgb);
    free(p->mask);
    free(p->layer);
    *p = (struct demo_picture){0};
}

static void draw_row(struct demo_picture *p, const struct demo_scene *s, int row)
{
    float u = 450 / (float)p->h;

    for (int i = 0; i < p->w; i++) {
        size_t at = (size_t)row * (size_t)p->w + (size_t)i;
        float x = ((float)i + 0.5F) * u, y = ((float)row + 0.5F) * u, rgb[3];
        demo_skin_colour(s, x, y, rgb);
        p->mask[at] = demo_lesion_lay(s, x, y, rgb) > 0.5F;
        p->lesion_px += p->mask[at];
        if (p->mask[at] && (i == 0 || row == 0 || i == p->w - 1 || row == p->h - 1))
            p->touches_border = true;
        /* The camera's own noise, finer than anything on the skin. */
        float grain = 5 * (demo_noise(s->noise + 90, (float)i * 1.7F, (float)row * 1.7F) - 0.5F);
        for (int c = 0; c < 3; c++) {
            float v = rgb[c] * 255 + grain;
            p->rgb[3 * at + (size_t)c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

int demo_picture_draw(struct demo_picture *p, const struct demo_scene *s, struct err *err)
{
    struct demo_random r;

    if (make_room(p, s, err))
        return -1;
    for (int row = 0; row < p->h; row++)
        draw_row(p, s, row);
    demo_random_seed(&r, s->noise, 7);
    demo_artifacts_draw(p, s, &r);
    return 0;
}
