/* weights.h -- weights.csv beside a labelled set: how often each picture is drawn in training.
 *
 * Columns id and weight, a row for each picture that trains, in any order; `lentigo dataset balance`
 * writes it and a person may change it. */
#ifndef TRAIN_WEIGHTS_H
#define TRAIN_WEIGHTS_H

#include "train/cache.h"

/* The weights of `n` rows of the cache, from <data>/weights.csv. ERR_CONFIG names file and line: no such
 * file, no number from 0 up, or a picture without a weight. */
int weights_read(float *weights, const struct cache *c, const int *rows, int n, const char *data,
                 struct err *err);

#endif
