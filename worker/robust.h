/* robust.h -- what a model loses when pictures are less clean: the same images with something in the way.
 *
 * Each is changed after decoding and before the network's input is made: on the measuring image, which of a
 * picture of up to 1024 px is every pixel of it (preprocess/refine.h then makes the input, byte for byte as
 * the decoder would). Loss by JPEG is written and read again, through the sandbox like every file.
 *
 *                   light     medium    strong
 *     hair, ruler, ink, bubbles, vignette: dataset/artefact.h at strength 0.25, 0.5, 1
 *     blur          0.3 %     0.6 %     1.2 %      standard deviation, of the shorter side
 *     jpeg          60        30        10         quality
 *     dark          0.85      0.7       0.5        factor on the sRGB values
 *     bright        1.15      1.3       1.5        the same; what is over 255 stays 255
 *     rotated       10        25        45         degrees about the middle, what comes in is mirrored
 *     turned        90        180       270        degrees, whole pixels
 *
 * What is drawn depends on seed, image number and kind alone. The true mask turns with the picture. */
#ifndef WORKER_ROBUST_H
#define WORKER_ROBUST_H

#include "dataset/artefact.h"
#include "dataset/augment.h"
#include "preprocess/decode.h"
#include "worker/compare.h"

enum robust_kind {
    ROBUST_ARTEFACT, /* + enum artefact, blur among them */
    ROBUST_JPEG = ROBUST_ARTEFACT + ARTEFACT_COUNT,
    ROBUST_DARK,
    ROBUST_BRIGHT,
    ROBUST_ROTATED,
    ROBUST_TURNED,
    ROBUST_KINDS
};
enum { ROBUST_LEVELS = 3, ROBUST_ROWS = ROBUST_KINDS * ROBUST_LEVELS };

const char *robust_word(int kind);        /* "hair" ... "turned" */
const char *robust_level_word(int level); /* "light", "medium", "strong" */

struct robust_mask {
    const uint8_t *is_lesion; /* h,w: 0 or 1; borrowed */
    int w, h;
};

/* What a changed picture and its mask lie in; zeroed at first, kept for the next. */
struct robust_room {
    uint8_t *rgb, *mask, *scratch;
    size_t rgb_capacity, mask_capacity, scratch_capacity;
    struct augment_room augment;
};
void robust_release(struct robust_room *r);

struct robust_change {
    int kind, level;
    uint64_t seed;
    uint32_t index; /* of the image */
};

/* `image` (with its measuring image) and `mask` changed: `*out` is like `*image` with another
 * measuring image, `*out_mask` likewise, both in `room`. For ROBUST_JPEG, which has to go through a file,
 * `out` is what goes into it. */
int robust_apply(const struct robust_change *change, const struct decoded *image,
                 const struct robust_mask *mask, struct robust_room *room, struct decoded *out,
                 struct robust_mask *out_mask, struct err *err);

/* The JPEG quality of a level. */
int robust_quality(int level);

/* One kind at one level, with what it costs: `cost` is clean - changed, paired over lesions. */
struct robust_row {
    int kind, level;
    struct metrics metrics;
    struct comparison cost; /* mean_jaccard, failure_rate, auc_malignant */
};

/* {"hair": {"light": {"mean_jaccard", "fall", "fall_ci", "failure_rate", "auc_malignant", "auc_fall"}}};
 * the caller's, NULL when memory is gone. */
json_t *robust_to_json(const struct robust_row *rows, int n);

#endif
