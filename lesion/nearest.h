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

static inline int nearest_index(int position, double step, int from)
{
    int i = (int)(position * step);

    return i < from ? i : from - 1;
}

/* starts[k] = first position of the `to` ones that takes source k or a later one; k = 0..from, so
 * source k covers starts[k] .. starts[k + 1] - 1, which is empty when the picture gets smaller. */
void nearest_starts(int *starts /* from + 1 */, int from, int to);

#endif
