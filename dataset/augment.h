/* augment.h -- a labelled picture as training sees it: turned, scaled, shifted, in other light, with
 * other sharpness and with what dermoscopy puts in front of the skin.
 *
 *      picture ──► one affine map ──► artefacts ──► blur ──► back up ──► colours ──► grey padding
 *                  (down to a coarser size, in some)
 *      label   ──► the same map, nearest pixel ───────────────────────────────────► 255 there
 *
 * All steps of geometry are one map, so a picture is resampled once: bilinear, and averaged over whole
 * pixels first where it shrinks by 1.5 or more. All steps of colour are one pass: gamma, white balance,
 * saturation, hue, contrast and brightness become three tables whose entries are added up.
 *
 * Scale 1 is the network's own geometry: the longest side of the picture fills the target, as it does
 * when a model screens (design section 4). What a turned or shifted picture leaves empty is its mirror
 * image with the mirrored label (as in the PyTorch run that we compare with), or, in a share of the
 * samples, grey 128 that is no colour of the picture any more, with label 255 = ignored (as in
 * PaddleSeg's recipes, specification 5.6). Mirroring is the rule, since a picture turned by any angle
 * would otherwise teach nothing on a fifth of its pixels, and the edge of the grey would be the strongest
 * in it; grey is there so that the network has seen the padding that it meets when it screens.
 *
 * What happens to a sample is a function of (seed, epoch, index) and the configuration. Pure functions,
 * any thread; scratch memory belongs to the caller. */
#ifndef DATASET_AUGMENT_H
#define DATASET_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "dataset/artefact.h"

enum {
    AUGMENT_SIDE_MAX = 8192,         /* px, of pictures and targets */
    AUGMENT_STROKES = ARTEFACT_BLUR, /* kinds of artefact that are strokes */
    AUGMENT_IGNORED = 255,           /* label of padding */
    AUGMENT_GREY = 128,              /* padding, as when a model screens */
};

/* Shares are of the samples, 0..1; what is drawn lies evenly in the range given. Zeroed, but for
 * scale_min = scale_max = 1: nothing happens. The names that settings use are those of the fields with
 * '-' for '_' (augment.c has the one table of names, ranges and presets). */
struct augment_config {
    float flip;                 /* share mirrored left to right */
    float rotate;               /* degrees, up to +-180 */
    float scale_min, scale_max; /* log-even; 0.25..4 */
    float shift;                /* of the target's side, +- on each axis */
    float grey;                 /* share padded with grey instead of the mirror image */
    float brightness;           /* of white, +- */
    float contrast;             /* around the picture's mean: factor 1 +- */
    float saturation;           /* factor 1 +- */
    float hue;                  /* degrees around the grey axis, +- */
    float balance;              /* factor of each channel 1 +- */
    float gamma;                /* exponent 2 to the power of +- */
    float coarse,
        coarse_min;         /* share taken down to this share of the size at least, and up again */
    float blur, blur_sigma; /* share blurred; standard deviation at most, px at 256 */
    float hair, ruler, ink, bubbles, vignette; /* share with each, in the order of enum artefact */
    float strength;                            /* of those, at most (artefact.h) */
};

/* "off", "light", "medium" or "strong", then any number of ",name=value": "medium,rotate=20,hair=0.3".
 * ERR_CONFIG names what is wrong and lists what there is. */
int augment_parse(struct augment_config *out, const char *text, struct err *err);

/* Every field as "name=value,name=value...", which augment_parse takes behind "off,". */
void augment_format(const struct augment_config *c, struct buf *out);

/* Which sample: the random numbers that it gets. */
struct augment_place {
    uint64_t seed;
    uint32_t epoch, index;
};

struct augment_picture {
    const uint8_t *rgb;   /* h,w,3; borrowed */
    const uint8_t *label; /* h,w: 0..7, 255 = ignored; NULL: none */
    int w, h;             /* px */
};

struct augment_target {
    uint8_t *rgb;   /* h,w,3; borrowed */
    uint8_t *label; /* h,w; NULL when the picture has none */
    int w, h;       /* px */
};

/* What is done to one sample. Zeroed but for `map`, `coarse` = 1 and an identity `matrix`: nothing. */
struct augment_plan {
    /* Source px of target px: x = map[0][0] * i + map[0][1] * j + map[0][2], y likewise. Both count
     * from the corner, so the middle of the first pixel is at 0.5. */
    double map[2][3];
    bool is_grey;
    float coarse;       /* share of the target's size that the picture is taken down to; 1: none */
    float sigma;        /* px of the target, of the blur; 0: none */
    float gamma;        /* exponent of the curve before the matrix, 0: none (that is, 1) */
    float matrix[3][4]; /* new channel = row . (r, g, b, 255) */
    float contrast;     /* added to factor 1, around the mean that the matrix gives */
    float strokes[AUGMENT_STROKES]; /* strength of each kind of artefact; 0: none */
    struct augment_place place;     /* where the artefacts' random numbers come from */
};

/* Nothing but scale 1: the picture's longest side fills a target of w,h. */
void augment_plain(struct augment_plan *plan, const struct augment_picture *picture, int w, int h);

void augment_choose(struct augment_plan *plan, const struct augment_config *config,
                    const struct augment_place *place, const struct augment_picture *picture,
                    const struct augment_target *target);

/* Scratch memory that grows to what is needed and is used again; zeroed at first, one a thread. */
struct augment_room {
    uint8_t *bytes;
    size_t capacity;
};
void augment_room_release(struct augment_room *room);

/* ERR_LIMIT: a side over AUGMENT_SIDE_MAX, or a map that reaches over 15,000 px away; ERR_NOMEM. */
int augment_apply(const struct augment_plan *plan, const struct augment_picture *picture,
                  const struct augment_target *target, struct augment_room *room, struct err *err);

#endif
