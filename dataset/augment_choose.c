#include <math.h>

#include "dataset/augment.h"

/* Luma of Rec. 601, as Pillow's saturation and contrast have it (specification 5.6). */
static const float luma[3] = {0.299F, 0.587F, 0.114F};

static const float identity[3][4] = {
    {1, 0, 0, 0},
    {0, 1, 0, 0},
    {0, 0, 1, 0}
};

/* Even around 0. */
static float swing(struct random *r, float most)
{
    return random_between(r, -most, most);
}

/* map = about the middles of target and picture: turn by `angle`, `step` source px a target px. */
static void set_map(struct augment_plan *plan, const struct augment_picture *picture,
                    const int to[2], double angle, double step)
{
    double c = cos(angle) * step, s = sin(angle) * step;
    double middle[2] = {0.5 * to[0], 0.5 * to[1]};
    const double turn[2][2] = {
        {c, -s},
        {s, c }
    };

    for (int k = 0; k < 2; k++) {
        plan->map[k][0] = turn[k][0];
        plan->map[k][1] = turn[k][1];
        plan->map[k][2] =
            0.5 * (k ? picture->h : picture->w) - turn[k][0] * middle[0] - turn[k][1] * middle[1];
    }
}

/* Source px of a target px at scale 1. */
static double plain_step(const struct augment_picture *picture, int w, int h)
{
    return fmax((double)picture->w / w, (double)picture->h / h);
}

void augment_plain(struct augment_plan *plan, const struct augment_picture *picture, int w, int h)
{
    const int to[2] = {w, h};

    *plan = (struct augment_plan){.coarse = 1};
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 4; j++)
            plan->matrix[k][j] = identity[k][j];
    set_map(plan, picture, to, 0, plain_step(picture, w, h));
}

static void choose_geometry(struct augment_plan *plan, const struct augment_config *c,
                            const struct augment_picture *picture, const int to[2],
                            struct random *r)
{
    double angle = (double)swing(r, c->rotate) * (3.14159265358979323846 / 180);
    double scale = exp((double)random_between(r, logf(c->scale_min), logf(c->scale_max)));
    double side = to[0] > to[1] ? to[0] : to[1];
    double dx = (double)swing(r, c->shift) * side, dy = (double)swing(r, c->shift) * side;

    set_map(plan, picture, to, angle, plain_step(picture, to[0], to[1]) / scale);
    for (int k = 0; k < 2; k++)
        plan->map[k][2] -= plan->map[k][0] * dx + plan->map[k][1] * dy;
    if (random_chance(r, c->flip))
        for (int k = 0; k < 2; k++) {
            plan->map[k][2] += plan->map[k][0] * to[0];
            plan->map[k][0] = -plan->map[k][0];
        }
    plan->is_grey = random_chance(r, c->grey);
}

/* out = left . right, of the three by three that act on colours. */
static void then(float out[3][3], const float left[3][3], const float right[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] =
                left[i][0] * right[0][j] + left[i][1] * right[1][j] + left[i][2] * right[2][j];
}

/* Around the grey axis (1, 1, 1), by Rodrigues' formula. */
static void turn_hue(float out[3][3], float angle)
{
    float c = cosf(angle), s = sinf(angle) * 0.57735027F, third = (1 - c) / 3;

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[i][j] = third + (i == j ? c : (j - i + 3) % 3 == 1 ? -s : s);
}

static void choose_colour(struct augment_plan *plan, const struct augment_config *c,
                          struct random *r)
{
    float saturation = 1 + swing(r, c->saturation), brightness = swing(r, c->brightness);
    float blend[3][3], hue[3][3], both[3][3];

    plan->gamma = exp2f(swing(r, c->gamma));
    plan->contrast = swing(r, c->contrast);
    turn_hue(hue, swing(r, c->hue) * (3.1415927F / 180));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            blend[i][j] = (1 - saturation) * luma[j] + (i == j ? saturation : 0);
    then(both, blend, hue);
    for (int j = 0; j < 3; j++) {
        float gain = 1 + swing(r, c->balance);
        for (int i = 0; i < 3; i++)
            plan->matrix[i][j] = both[i][j] * gain;
    }
    for (int i = 0; i < 3; i++)
        plan->matrix[i][3] = brightness;
}

static void choose_resolution(struct augment_plan *plan, const struct augment_config *c, int side,
                              struct random *r)
{
    float coarse = random_between(r, c->coarse_min, 1);
    float sigma = random_between(r, 0, c->blur_sigma) * (float)side / 256;

    plan->coarse = random_chance(r, c->coarse) ? coarse : 1;
    plan->sigma = random_chance(r, c->blur) ? sigma : 0;
}

static void choose_strokes(struct augment_plan *plan, const struct augment_config *c,
                           struct random *r)
{
    const float shares[AUGMENT_STROKES] = {c->hair, c->ruler, c->ink, c->bubbles, c->vignette};

    for (int k = 0; k < AUGMENT_STROKES; k++) {
        float strength = random_between(r, 0.1F, 1) * c->strength;
        plan->strokes[k] = random_chance(r, shares[k]) ? strength : 0;
    }
}

void augment_choose(struct augment_plan *plan, const struct augment_config *config,
                    const struct augment_place *place, const struct augment_picture *picture,
                    const struct augment_target *target)
{
    const int to[2] = {target->w, target->h};
    struct random r;

    augment_plain(plan, picture, target->w, target->h);
    plan->place = *place;
    random_begin(&r, place->seed, place->epoch, place->index, RANDOM_GEOMETRY);
    choose_geometry(plan, config, picture, to, &r);
    random_begin(&r, place->seed, place->epoch, place->index, RANDOM_COLOUR);
    choose_colour(plan, config, &r);
    random_begin(&r, place->seed, place->epoch, place->index, RANDOM_RESOLUTION);
    choose_resolution(plan, config, target->w > target->h ? target->w : target->h, &r);
    choose_strokes(plan, config, &r);
}
