/* quality.h -- can this picture be judged?
 *
 *   blur       view.h's sharpness: root mean square spatial frequency of L*, radians per field
 *              pixel (the longest side is 256 of them whatever the original's size), so the smaller
 *              the blurrier. Low: degraded; hopeless: unusable.
 *   exposure   mean L* outside the dark corners. Dark or bright beyond the usual: degraded; black
 *              or white: unusable.
 *   hair       hair.h.
 *   vignette   share of pixels in dark (L* < FIELD_DARK_L) connected parts that hold a corner.
 *   cut_off    at least LESION_CUT_OFF of the lesion's outer contour lies on the picture's frame.
 *   dermoscopy view.h's score; below 0.5 it is no dermoscopy picture.
 *   small      the shorter side of the original: too few pixels to show a pattern.
 *   file_damage the decoder met harmless damage.
 *
 * Unusable means retake. How the thresholds came about stands beside them in quality.c. */
#ifndef LESION_QUALITY_H
#define LESION_QUALITY_H

#include "lesion/components.h"
#include "lesion/field.h"
#include "lesion/hair.h"
#include "lesion/measure.h"

struct quality_scratch {
    struct hair_scratch hair;
    uint8_t dark[FIELD_PX], outside[FIELD_PX]; /* h,w */
};

/* `border_share` as in lesion_measures; of `in` the size and the damage. `parts` lends its runs. */
void quality_measure(struct lesion_quality *out, struct quality_scratch *s,
                     struct components *parts, const struct field *f, const struct lesion_input *in,
                     double border_share);

#endif
