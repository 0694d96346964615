/* picture_class.h -- one class for a cached picture, also where the mask is a class map. Pure. */
#ifndef TRAIN_PICTURE_CLASS_H
#define TRAIN_PICTURE_CLASS_H

#include "train/cache.h"

/* 1..7: the diagnosis of labels.csv, else the class of most of the lesion's pixels, the first of equal
 * ones; 0: no lesion. */
int picture_class(const struct cache *c, int row);

#endif
