/* nearest.h -- which pixel of the class map a pixel of the original takes.
 *
 * The rule is that of cv2.resize(..., INTER_NEAREST), which the shared metrics use: source index =
 * floor(position * (1 / (to / from))), worked out in doubles in that order, so that mask.png, its
 * area and the metrics agree to the pixel. */
#ifndef LESION_NEAREST_H
#define LESION_NEAREST_H

static inline double nearest_step(int from, int to)
{
    return 1.0 / ((double)to / from);
}

/* Below `from` for every position below `to`: the quotient is short of it by 1 part in `to`, far more
 * than the rounding of a double. */
static inline int nearest_index(int position, double step)
{
    return (int)(position * step);
}

/* starts[k] = first position of the `to` ones that takes source k or a later one; k = 0..from, so
 * source k covers starts[k] .. starts[k + 1] - 1, which is empty when the picture gets smaller. */
void nearest_starts(int *starts /* from + 1 */, int from, int to);

#endif
