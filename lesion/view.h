/* view.h -- does this look like a dermoscopy picture at all? And how sharp is it?
 *
 * A dermoscopy picture is a near look at skin: few hues, of one family; a texture everywhere, fine
 * but not harsh; hardly any hard edge; a rim that is everywhere the same skin. Each of these is
 * one number (the properties below), taken from the field in blocks of 16 x 16 pixels that are not
 * dark. For each there is a usual range, which 98 % of the training pictures keep, and a limit,
 * which one in 2000 passes at either end. What goes beyond the usual range counts in proportion,
 * 1 at the limit, at most 2; the sum over all properties is the strangeness. One thing very odd, or
 * several things somewhat odd, make a picture strange; text, drawings, empty pictures and scenes
 * differ in many at once. score = 1 - strangeness / (2 * VIEW_STRANGE), so that 0.5 is the line.
 *
 * No picture that is not dermoscopy was used to set a limit (view.c), only to choose properties. */
#ifndef LESION_VIEW_H
#define LESION_VIEW_H

#include "lesion/field.h"

enum view_property {
    VIEW_LIT,         /* share of pixels that are not dark */
    VIEW_GREEN,       /* share of lit pixels with a* < -6: plants, cloth, ink */
    VIEW_VIVID,       /* share of lit pixels with chroma > 62 */
    VIEW_CHROMA,      /* median chroma of the blocks: 0 for grey pictures */
    VIEW_HUES,        /* spread of the blocks' (a*, b*) across their main direction */
    VIEW_PAINT,       /* spread of (a*, b*) that does not go with L* */
    VIEW_STEP,        /* median difference in (a*, b*) between neighbouring blocks */
    VIEW_TEXTURE,     /* median over blocks of the mean |Laplacian of L*| */
    VIEW_SHARPNESS,   /* see below */
    VIEW_EDGE,        /* 99th percentile of the gradient of L*, per pixel */
    VIEW_COLOUR_EDGE, /* the same of (a*, b*), horizontal only */
    VIEW_RIM_LIGHT,   /* largest difference in mean L* between the four sides of the rim */
    VIEW_RIM_COLOUR,  /* spread of (a*, b*) over the blocks of the rim, which is two blocks wide */
    VIEW_COUNT
};

struct view {
    double value[VIEW_COUNT];
    int blocks;   /* that entered; below VIEW_BLOCKS_MIN the picture is too small to tell */
    double score; /* 0..1; NAN when too small to tell */
};

enum { VIEW_BLOCKS_MIN = 12 };
#define VIEW_STRANGE 2.0

/* Sharpness of a block is the square root of mean Laplacian^2 over mean gradient^2 of the smoothed
 * L*: the root mean square spatial frequency of the lightness, in radians per field pixel. That of a
 * picture is the 90th percentile over its blocks that have any gradient: if a tenth of a picture is
 * sharp it was in focus, and what is soft elsewhere is the skin's own. It does not depend on
 * contrast, and as the field has one size for all pictures, not on the original's resolution; the
 * smoothing keeps the noise that blurred pictures are left with from counting as detail. (Pooled
 * over the whole picture it called every high-contrast lesion on smooth skin blurred.) */
void view_measure(struct view *out, const struct field *f);

#endif
