#include <math.h>

#include "cli/demo_scene.h"
#include "dataset/artefact_stroke.h"

/* Skin under a dermoscope by Fitzpatrick type, chosen by eye beside clinical pictures: the camera
 * exposes dark skin longer, so the range is narrower than in daylight. */
static const float tones[6][3] = {
    {0.93F, 0.80F, 0.77F},
    {0.90F, 0.75F, 0.68F},
    {0.84F, 0.67F, 0.56F},
    {0.77F, 0.58F, 0.46F},
    {0.66F, 0.48F, 0.37F},
    {0.53F, 0.37F, 0.29F},
};

/* How much a unit of pigment takes from red, green and blue: melanin and blood in log scale. */
static const float melanin[3] = {0.45F, 0.85F, 1.30F}, blood[3] = {0.10F, 0.70F, 0.55F};

/* The fine diamond pattern of skin lines: two sets of bent ridges. */
static float furrows(const struct demo_scene *s, float x, float y)
{
    float bend = 9 * demo_noise(s->noise + 11, x / 60, y / 60);
    float a = demo_noise(s->noise + 12, (x + y * 0.6F + bend) / 9, (y - x * 0.6F) / 34);
    float b = demo_noise(s->noise + 13, (x - y * 0.7F - bend) / 9, (y + x * 0.7F) / 34);

    return stroke_step(0.10F, 0, fabsf(a - 0.5F)) + 0.8F * stroke_step(0.10F, 0, fabsf(b - 0.5F));
}

static float freckle(const struct demo_scene *s, float x, float y)
{
    float n = demo_fractal(s->noise + 14, x / 24, y / 24, 4);

    return s->freckles * stroke_step(0.56F, 0.85F, n);
}

void demo_skin_colour(const struct demo_scene *s, float x, float y, float rgb[3])
{
    const float *tone = tones[s->skin_type - 1];
    float light = 1 + 0.16F * (demo_fractal(s->noise + 1, x / 420, y / 420, 2) - 0.5F);
    float mottle = demo_fractal(s->noise + 2, x / 90, y / 90, 4) - 0.5F;
    float flush = demo_fractal(s->noise + 3, x / 130, y / 130, 3) - 0.5F;
    float grain = demo_noise(s->noise + 4, x / 2.2F, y / 2.2F) - 0.5F;
    float pore = stroke_step(0.16F, 0.02F, demo_cells(s->noise + 5, x / 15, y / 15).first);
    float lines = furrows(s, x, y);
    float pigment = 0.16F * mottle + 0.05F * grain + 0.04F * lines;
    float red = 0.30F * flush + 0.02F * lines;

    if (s->freckles > 0)
        pigment += 0.30F * freckle(s, x, y);
    for (int c = 0; c < 3; c++)
        rgb[c] = tone[c] * s->tint[c] * light * expf(-pigment * melanin[c] - red * blood[c]) +
                 0.025F * pore;
}
