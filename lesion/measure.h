/* measure.h -- from class map and measuring image to what a report says of a lesion. */
#ifndef LESION_MEASURE_H
#define LESION_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { LESION_CLASSES = 8, LESION_CONTOUR_MAX = 4096 };

/* From this border_share on the lesion counts as cut off: a measure of the whole is missing. */
#define LESION_CUT_OFF 0.2

/* What is known of one image. All pointers are borrowed. */
struct lesion_input {
    const uint8_t *class_map; /* map_h,map_w; only content_h,content_w of it is picture */
    int map_w, map_h, content_w, content_h;
    const uint8_t *rgb; /* measure_h,measure_w,3: sRGB, the same field of view as the content */
    int measure_w, measure_h;
    int width, height;  /* px of the original as displayed */
    double mm_per_px;   /* of the original; NAN when unknown */
    uint32_t lesion_px; /* sums of softmax values, as engine_scores has them */
    double all_sum[LESION_CLASSES], lesion_sum[LESION_CLASSES], lesion_top_sum;
    uint32_t content_px;
    bool is_degraded; /* decoding met harmless damage */
};

enum quality_verdict { QUALITY_OK, QUALITY_DEGRADED, QUALITY_UNUSABLE };

struct lesion_quality {
    enum quality_verdict verdict;
    char why
        [80]; /* "", or words joined by '+': "small", "blur", "dark", "bright", "hair", "cut_off",
                              "vignette", "not_dermoscopy", "file_damage" */
    double blur;          /* definition in quality.h; higher is sharper */
    double exposure;      /* mean L* of the field, 0..100 */
    double hair_fraction; /* share of the field covered by hair-like structures, 0..1 */
    double vignette;      /* share of the frame that is dark corner, 0..1 */
    double dermoscopy;    /* 0..1, how much it looks like a dermoscopy picture */
};

struct contour_point {
    float x, y; /* px of the original, pixel centres at .5 */
};

struct lesion_measures {
    bool is_found;
    double area_px;       /* in pixels of the original */
    double area_fraction; /* of the original, 0..1 */
    double area_mm2;      /* NAN when the scale is unknown */
    int bbox[4];          /* x, y, w, h, px of the original */
    int components;       /* of at least 1 % of the largest one's area */
    bool touches_border;  /* any counted pixel lies on the picture's frame */
    double border_share;  /* of the largest component's contour that lies on the frame, 0..1 */
    int n_contour;        /* points of the largest component's outer contour; the last one joins
                             the first, which is not repeated; clockwise on a screen */
    struct contour_point contour[LESION_CONTOUR_MAX];
    double asymmetry;               /* 0, 1, 2 */
    double border;                  /* 0..8 */
    double colour;                  /* 1..6 */
    unsigned colours;               /* bit k: colour k of lesion/colour.h is there */
    double classes[LESION_CLASSES]; /* [1..7] sum to 1; [0] unused */
    double malignant_probability;   /* MEL + BCC + AKIEC */
    double confidence; /* mean of the highest lesion class's softmax value over the lesion */
    struct lesion_quality quality;
};

/* Scratch for one thread; grows to the largest picture seen, so that no image allocates. */
struct lesion_scratch;
int lesion_scratch_new(struct lesion_scratch **out, struct err *err);
void lesion_scratch_free(struct lesion_scratch *s);

/* ERR_NOMEM, or ERR_BUG when sizes disagree. No lesion is no error: is_found is false and the
 * scores are those of the whole picture. */
int lesion_measure(struct lesion_scratch *s, const struct lesion_input *in,
                   struct lesion_measures *out, struct err *err);

/* Softmax means over the lesion, or over the picture when there is none, divided by their sum over
 * the seven classes; [0] is 0. NAN without any score. */
void lesion_scores(const struct lesion_input *in, double classes[LESION_CLASSES]);

/* The class map at the original's resolution (nearest, as shared metrics do), the pixels that
 * mask.png has: `out` is height * width bytes of the caller. */
void lesion_full_map(const struct lesion_input *in, uint8_t *out);

/* Draw the closed contour into an RGB picture of any size with the same field of view: a light
 * line on a dark one, readable on every skin. Nothing is filled. */
void lesion_draw_contour(const struct lesion_measures *m, int original_w, int original_h,
                         uint8_t *rgb, int w, int h);

#endif
