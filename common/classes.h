/* classes.h -- the classes of the network's output, in the order of ISIC 2018 task 3. */
#ifndef COMMON_CLASSES_H
#define COMMON_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

enum { CLASS_COUNT = 8 }; /* 0 background, 1 MEL, 2 NV, 3 BCC, 4 AKIEC, 5 BKL, 6 DF, 7 VASC */

/* "background" for 0, "MEL" for 1 ... "VASC" for 7. */
const char *class_word(int class);

/* The lesion's class of a diagnosis, 1..7; -1 for any other word, also for "background". */
int class_of(const char *word);

/* Red, green and blue of a class in masks and pictures for people: the palette of Okabe and Ito (2008),
 * which colour-blind people can tell apart, on black. */
const uint8_t *class_colour(int class);

/* MEL, BCC and AKIEC: malignant or about to become so (design section 4). */
bool class_is_malignant(int class);

#endif
