#include <math.h>

#include "cli/demo_scene.h"
#include "dataset/artefact_stroke.h"

#define TURN 6.2831853F

/* The colours as they look in polarised dermoscopy, and the words of truth.json. */
static const struct {
    const char *word;
    float rgb[3];
} palette[DEMO_COLOURS] = {
    [DEMO_WHITE] = {"white",       {0.90F, 0.83F, 0.80F}},
    [DEMO_RED] = {"red",         {0.70F, 0.31F, 0.30F}},
    [DEMO_LIGHT_BROWN] = {"light_brown", {0.69F, 0.50F, 0.35F}},
    [DEMO_DARK_BROWN] = {"dark_brown",  {0.41F, 0.26F, 0.18F}},
    [DEMO_BLUE_GREY] = {"blue_grey",   {0.41F, 0.44F, 0.48F}},
    [DEMO_BLACK] = {"black",       {0.15F, 0.12F, 0.11F}},
};

const char *demo_colour_word(enum demo_colour c)
{
    return palette[c].word;
}

unsigned demo_lesion_colours(const struct demo_lesion *l)
{
    unsigned bits = 0;

    for (int i = 0; i < l->zones; i++)
        bits |= 1U << l->zone[i].colour;
    return bits;
}

static float outline(const struct demo_lesion *l, float at)
{
    float r = 1;

    for (int k = 2; k < DEMO_HARMONICS; k++)
        r += l->cosine[k] * cosf((float)k * at) + l->sine[k] * sinf((float)k * at);
    return r;
}

/* Distance from centre to border in direction `at` of the flattened outline, in radii. */
static float reach(const struct demo_lesion *l, float at)
{
    float u = cosf(at), v = sinf(at) / l->flatness;

    return outline(l, atan2f(v, u)) / hypotf(u, v);
}

/* The part of the area that has no counterpart behind the best of 36 mirror axes. */
static float mirror_gap(const struct demo_lesion *l)
{
    enum { RAYS = 72 };
    float square[RAYS], all = 0, best = 1;

    for (int i = 0; i < RAYS; i++) {
        float r = reach(l, TURN * (float)i / RAYS);
        square[i] = r * r;
        all += square[i];
    }
    for (int axis = 0; axis < RAYS; axis++) { /* at axis / 2, between two rays or on one */
        float gap = 0;
        for (int i = 0; i < RAYS; i++)
            gap += fabsf(square[i] - square[(axis + RAYS - i) % RAYS]);
        best = fminf(best, gap / 2 / all);
    }
    return best;
}

/* An outline with two mirror axes has even cosines alone, with one axis cosines alone. */
static void draw_outline(struct demo_lesion *l, struct demo_random *r)
{
    int step = l->asymmetry == 0 ? 2 : 1;

    for (int k = 2; k < DEMO_HARMONICS; k += step)
        l->cosine[k] = demo_between(r, -0.05F, 0.05F) * 2 / (float)k;
    if (l->asymmetry == 1)
        l->cosine[3] += demo_between(r, 0.12F, 0.17F);
    for (int k = 2; l->asymmetry == 2 && k < DEMO_HARMONICS; k++) {
        float most = 0.24F / (float)(k - 1); /* fewer and rounder lobes than chance alone gives */
        l->cosine[k] += demo_between(r, -most, most);
        l->sine[k] = demo_between(r, -most, most);
    }
}

/* Chance alone comes close to a mirror axis now and then, so it is asked again. */
static void choose_outline(struct demo_lesion *l, struct demo_random *r)
{
    enum { TRIES = 200 };

    for (int i = 0; i < TRIES; i++) {
        draw_outline(l, r);
        if (l->asymmetry < 2 || mirror_gap(l) > 0.085F)
            return;
    }
}

/* The sharp octants stand side by side, as one flank of a lesion does. */
static void choose_border(struct demo_lesion *l, struct demo_random *r)
{
    int first = demo_below(r, DEMO_OCTANTS);

    for (int i = 0; i < DEMO_OCTANTS; i++)
        l->fade[(first + i) % DEMO_OCTANTS] =
            i < l->border ? demo_between(r, 0.09F, 0.12F) : demo_between(r, 0.42F, 0.55F);
}

/* Colours in the order in which lesions mostly show them; dark skin has no lighter ones. */
static void choose_colours(struct demo_lesion *l, const struct demo_wish *wish,
                           struct demo_random *r)
{
    static const enum demo_colour light[] = {DEMO_LIGHT_BROWN, DEMO_DARK_BROWN, DEMO_BLACK,
                                             DEMO_BLUE_GREY,   DEMO_RED,        DEMO_WHITE};
    static const enum demo_colour dark[] = {DEMO_DARK_BROWN, DEMO_BLACK, DEMO_BLUE_GREY, DEMO_RED};
    const enum demo_colour *order = wish->skin_type >= 5 ? dark : light;
    int most = wish->skin_type >= 5 ? 4 : DEMO_ZONES;

    l->zones = wish->colours < most ? wish->colours : most;
    for (int i = 0; i < l->zones; i++)
        l->zone[i].colour = order[i];
    if (l->zones == 1 && demo_chance(r, 0.5F))
        l->zone[0].colour = DEMO_DARK_BROWN;
}

/* Where the patches lie: in the middle, along the main axis, or around off both axes. */
static void choose_places(struct demo_lesion *l, struct demo_random *r)
{
    float turn = demo_between(r, 0.5F, 1.0F);
    int n = l->zones - 1;

    for (int i = 1; i <= n; i++) {
        struct demo_zone *z = &l->zone[i];
        float out = 0.5F, at = turn + TURN * (float)i / (float)(n < 3 ? 3 : n);
        if (l->asymmetry == 0)
            *z = (struct demo_zone){z->colour, 0, 0, 0.68F / (float)i};
        else if (l->asymmetry == 1)
            *z = (struct demo_zone){z->colour, 0.55F - 0.5F * (float)(i - 1), 0, 0.36F};
        else
            *z = (struct demo_zone){z->colour, out * cosf(at), out * sinf(at),
                                    n < 3 ? 0.42F : 0.34F};
    }
}

void demo_lesion_choose(struct demo_lesion *l, const struct demo_wish *wish, struct demo_random *r)
{
    float wide = 450 * (float)wish->w / (float)wish->h;

    *l = (struct demo_lesion){
        .x = wide * demo_between(r, 0.42F, 0.58F),
        .y = 450 * demo_between(r, 0.42F, 0.58F),
        .radius = demo_between(r, 85, 145),
        .angle = demo_between(r, 0, TURN),
        .flatness = demo_between(r, 0.68F, 0.92F),
        .structure = (enum demo_structure)demo_below(r, 4),
        .asymmetry = wish->asymmetry,
        .border = wish->border,
    };
    choose_outline(l, r);
    choose_border(l, r);
    choose_colours(l, wish, r);
    choose_places(l, r);
}

/* Width of the border at image angle `at`; neighbours blend over a tenth of an octant. */
static float fade_at(const struct demo_lesion *l, float at)
{
    float place = (at < 0 ? at + TURN : at) / TURN * DEMO_OCTANTS;
    int here = (int)place % DEMO_OCTANTS, next = (here + 1) % DEMO_OCTANTS;
    float along = stroke_step(0.9F, 1, place - floorf(place));

    return l->fade[here] * (1 - along) + l->fade[next] * along;
}

/* Darkness that a structure adds at (x, y) units, `depth` inside the border, `at` round it; 0..1. */
static float structure_at(const struct demo_scene *s, float x, float y, float depth, float at)
{
    float scale = 8.5F * s->density;
    float warp = 3 * demo_noise(s->noise + 30, x / 12, y / 12);
    float patchy = stroke_step(0.30F, 0.60F, demo_noise(s->noise + 33, x / 45, y / 45));
    struct demo_cell cell;

    switch (s->lesion.structure) {
    case DEMO_NETWORK:
        cell = demo_cells(s->noise + 31, (x + warp) / scale, (y - warp) / scale);
        return stroke_step(0.45F, 0.05F, cell.second - cell.first) * (0.3F + 0.7F * patchy);
    case DEMO_GLOBULES:
        cell = demo_cells(s->noise + 32, (x + warp) / scale, (y - warp) / scale);
        return stroke_step(0.48F, 0.20F, cell.first) * patchy;
    case DEMO_STREAKS:
        return stroke_step(0.40F, 0.70F, demo_fractal(s->noise + 34, at * 9, depth * 2, 3)) *
               stroke_step(0.55F, 0.10F, depth);
    case DEMO_PLAIN: break;
    }
    return 0;
}

/* The patches' colours at (u, v) of the lesion's disc, mixed. */
static void mix_zones(const struct demo_scene *s, float u, float v, float rgb[3])
{
    const struct demo_lesion *l = &s->lesion;
    float wave = 0.55F * (demo_fractal(s->noise + 41, u * 3.5F, v * 3.5F, 5) - 0.5F);
    /* On dark skin everything lies under more pigment. */
    static const float veils[6] = {1, 1, 1, 0.90F, 0.80F, 0.64F};
    float veil = veils[s->skin_type - 1];

    for (int c = 0; c < 3; c++)
        rgb[c] = palette[l->zone[0].colour].rgb[c] * veil;
    for (int i = 1; i < l->zones; i++) {
        const struct demo_zone *z = &l->zone[i];

        float d = hypotf(u - z->x, v - z->y) - z->radius + wave;
        float thin = 0.25F * demo_fractal(s->noise + 42 + (uint32_t)i, u * 9, v * 9, 3);
        float part = stroke_step(0.14F, -0.14F, d) * (1 - thin);
        for (int c = 0; c < 3; c++)
            rgb[c] += part * (palette[z->colour].rgb[c] * veil - rgb[c]);
    }
}

float demo_lesion_lay(const struct demo_scene *s, float x, float y, float rgb[3])
{
    const struct demo_lesion *l = &s->lesion;
    float dx = (x - l->x) / l->radius, dy = (y - l->y) / l->radius;
    float u, v, own[3];

    if (l->zones == 0 || dx * dx + dy * dy > 6)
        return 0;
    u = dx * cosf(l->angle) + dy * sinf(l->angle);
    v = (dy * cosf(l->angle) - dx * sinf(l->angle)) / l->flatness;
    float far = hypotf(u, v), at = atan2f(v, u), edge = outline(l, at);
    float fade = fade_at(l, atan2f(dy, dx));
    float ragged = demo_fractal(s->noise + 21, x / 14, y / 14, 5) - 0.5F;
    float depth = edge - far + ragged * (0.10F + 0.30F * fade); /* in radii, inside > 0 */
    float cover = stroke_step(-fade / 2, fade / 2, depth);
    if (cover <= 0)
        return 0;
    mix_zones(s, u / edge, v / edge, own);
    float texture = 0.50F * (demo_fractal(s->noise + 22, x / 26, y / 26, 5) - 0.5F) +
                    0.14F * (demo_noise(s->noise + 23, x / 2.5F, y / 2.5F) - 0.5F);
    float dark = texture + 0.22F * structure_at(s, x, y, depth, at) +
                 0.12F * stroke_step(0.1F, 0.9F, depth) - 0.10F;
    /* Pigment weakens light by a factor, so skin and lesion mix by powers. */
    for (int c = 0; c < 3; c++)
        rgb[c] = powf(rgb[c], 1 - cover) * powf(own[c] * s->tint[c] * expf(-dark), cover);
    return cover;
}
