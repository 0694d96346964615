/* bench_line.h -- what the benches of the engine share: how a figure is printed, and how much work
 * there is in a layer. */
#ifndef CLI_BENCH_LINE_H
#define CLI_BENCH_LINE_H

#include <stdbool.h>

#include "common/json.h"

/* Sorts the `n` (at least 1) values, smallest first, and returns the middle one or the mean of both. */
double bench_median(double *values, int n);

/* One line to stdout: JSON, or key=value pairs. Takes `line`, which may be NULL. */
void bench_print(json_t *line, bool as_json);

struct layer_work {
    double gflop; /* of a convolution, each multiplication and addition counted; else 0 */
    double bytes; /* inputs, weights and output of this row of the network, each once */
};

/* One image of size x size. `layer` LAYER_COUNT is the last resize with the classes: logits in, u8
 * classes out. Padding and what a backend copies beside this are not counted. */
struct layer_work bench_layer_work(int layer, int size, const char *precision);

#endif
