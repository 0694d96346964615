/* colour.h -- C of the ABCD rule: which of the six dermoscopic colours are there?
 *
 * Source: Stolz et al. 1994 and Nachbar et al. 1994 (asymmetry.h): white, red, light brown, dark
 * brown, blue-grey, black; each that is present counts 1, so 1..6; white only where it is lighter
 * than the skin around.
 *
 * Definition here, in three steps:
 * 1. The skin around (pixels outside every lesion, lighter than FIELD_DARK_L) is brought towards a
 *    reference skin by von Kries adaptation, which in CIELAB is one factor on each cube root, held
 *    within 10 % of 1: instruments differ in white balance far more than lesions in hue (Barata et
 *    al., IEEE JBHI 2015;19:1146-52). Without 2 % of skin in view nothing is adapted.
 * 2. Each lesion pixel that is not within two pixels of the margin (all of them, when that leaves
 *    less than a quarter) belongs to the nearest prototype in CIELAB (1976): the six colours and skin.
 * 3. A colour is present when at least 2 % of these pixels belong to it; when none reaches
 *    that, the most frequent one is. White needs a lightness 3 above the skin's.
 *
 * The prototypes are ours (colour.c): published ones (Kasmi and Mokrani, IET Image Processing
 * 2016;10:448-55) are of one instrument and without adaptation. */
#ifndef LESION_COLOUR_H
#define LESION_COLOUR_H

#include "lesion/field.h"

enum colour {
    COLOUR_WHITE,
    COLOUR_RED,
    COLOUR_LIGHT_BROWN,
    COLOUR_DARK_BROWN,
    COLOUR_BLUE_GREY,
    COLOUR_BLACK,
    COLOUR_COUNT
};

/* Returns the set: bit k is colour k; never empty. `shares` (of the lesion's pixels; they leave out
 * what looks like skin) may be NULL. The field must hold at least one lesion pixel. */
unsigned colour_measure(const struct field *f, double shares[COLOUR_COUNT]);

const char *colour_word(enum colour c); /* "white", "light_brown", ... */

#endif
