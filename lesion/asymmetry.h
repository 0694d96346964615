/* asymmetry.h -- A of the ABCD rule: along how many of two axes is the lesion asymmetric?
 *
 * Source: Stolz et al., "ABCD rule of dermatoscopy", Eur J Dermatol 1994;4:521-7, and Nachbar et
 * al., J Am Acad Dermatol 1994;30:551-9: two perpendicular axes are laid through the lesion so that
 * the asymmetry becomes the lowest possible; each axis counts 1 when contour or colours differ on
 * its two sides (structures are left to the doctor here).
 *
 * Definition here: the axes go through the centroid. The pairs tried are the principal axes of the
 * lesion's second moments and these turned by 15, 30, .. 75 degrees; the pair with the lowest score
 * counts, among equals the one with the least sum of both measures over their thresholds.
 *   shape:  the share of lesion pixels whose mirror image is no lesion, 0..1 (half the overlap
 *           error of Stoecker et al., Comput Med Imaging Graph 1992;16:191-7).
 *   colour: the mean CIELAB difference (1976) between a cell and its mirror image. Cells are
 *           squares, 16 along the lesion's longer side, so that the pigment network's own grain,
 *           which every lesion has, does not count.
 * An axis is asymmetric when shape > ASYMMETRY_SHAPE or colour > ASYMMETRY_COLOUR. No publication
 * gives thresholds for these two definitions; ours are noted in asymmetry.c with what they do on
 * the training split. */
#ifndef LESION_ASYMMETRY_H
#define LESION_ASYMMETRY_H

#include "lesion/field.h"

struct asymmetry {
    int score;                  /* 0, 1, 2 */
    double shape[2], colour[2]; /* along the two chosen axes */
};

/* The field must hold at least one lesion pixel. */
void asymmetry_measure(struct asymmetry *out, const struct field *f);

#endif
