/* hair.h -- how much of the picture hairs cover.
 *
 * After DullRazor (Lee et al., Comput Biol Med 1997;27:533-43): the lightness is closed with lines
 * of 9 field pixels in four directions; where the largest of the four closings is more than 9 units
 * lighter than the picture, something thin and dark is there. It is hair when its connected part is
 * long (bounding box of at least 24 pixels across) and thin or sparse: at most 4 pixels of area for
 * each of its length, or less than a fifth of its box. That leaves out dots and most of a pigment
 * network; a ruler's marks count as hair. */
#ifndef LESION_HAIR_H
#define LESION_HAIR_H

#include "lesion/components.h"
#include "lesion/field.h"

enum { HAIR_PAD = 16, HAIR_BYTES = (FIELD_SIDE + 2 * HAIR_PAD) * (FIELD_SIDE + 2 * HAIR_PAD) };

struct hair_scratch {
    uint8_t light[HAIR_BYTES], closed[HAIR_BYTES]; /* the padded picture, its largest closing */
    uint8_t spare[3][HAIR_BYTES];
    uint8_t mask[FIELD_PX]; /* h,w: what is thin and dark */
};

/* Share of the field's pixels, 0..1. `parts` lends its runs. `is_outside` (h,w; not 0 = dark corner)
 * takes its pixels out. */
double hair_measure(struct hair_scratch *s, struct components *parts, const struct field *f,
                    const uint8_t *is_outside);

#endif
