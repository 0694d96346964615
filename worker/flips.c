#include "worker/flips.h"

#include <string.h>

/* Where pixel (x, y) of the picture stands in a mirror image. */
static size_t place_of(const struct engine_image *image, int w, int flip, int x, int y)
{
    int fx = flip & 1 ? image->content_w - 1 - x : x;
    int fy = flip & 2 ? image->content_h - 1 - y : y;

    return (size_t)fy * (size_t)w + (size_t)fx;
}

void flip_picture(const struct engine_image *image, int w, int h, int flip, uint8_t *out)
{
    memcpy(out, image->rgb, (size_t)w * (size_t)h * 3);
    for (int y = 0; y < image->content_h; y++)
        for (int x = 0; x < image->content_w; x++)
            memcpy(out + 3 * place_of(image, w, flip, x, y),
                   image->rgb + 3 * ((size_t)y * (size_t)w + (size_t)x), 3);
}

static uint8_t vote(const uint8_t said[FLIPS])
{
    int count[ENGINE_CLASSES] = {0}, best = 0;

    for (int flip = 0; flip < FLIPS; flip++)
        count[said[flip]]++;
    if (count[0] > FLIPS / 2 || (count[0] == FLIPS / 2 && !said[0]))
        return 0;
    for (int k = 1; k < ENGINE_CLASSES; k++)
        if (count[k] > count[best] || !best || (count[k] == count[best] && k == said[0]))
            best = k;
    return (uint8_t)best;
}

/* Sums per pixel of their own lesion, averaged over those that see one, for a lesion of `px` pixels. */
static void merge_scores(struct engine_image images[FLIPS], uint32_t px)
{
    struct engine_scores mean = {.content_px = images[0].scores.content_px, .lesion_px = px};
    int seeing = 0;

    for (int flip = 0; flip < FLIPS; flip++)
        seeing += images[flip].scores.lesion_px > 0;
    for (int flip = 0; flip < FLIPS; flip++) {
        const struct engine_scores *s = &images[flip].scores;
        double weight = s->lesion_px ? (double)px / s->lesion_px / seeing : 0;
        for (int k = 0; k < ENGINE_CLASSES; k++) {
            mean.all_sum[k] += s->all_sum[k] / FLIPS;
            mean.lesion_sum[k] += s->lesion_sum[k] * weight;
        }
        mean.lesion_top_sum += s->lesion_top_sum * weight;
    }
    images[0].scores = mean;
}

void flips_merge(struct engine_image images[FLIPS], int w)
{
    uint32_t px = 0;

    for (int y = 0; y < images[0].content_h; y++)
        for (int x = 0; x < images[0].content_w; x++) {
            uint8_t said[FLIPS];
            for (int flip = 0; flip < FLIPS; flip++)
                said[flip] = images[flip].class_map[place_of(images, w, flip, x, y)];
            uint8_t class = vote(said);
            images[0].class_map[(size_t)y * (size_t)w + (size_t)x] = class;
            px += class != 0;
        }
    merge_scores(images, px);
}
