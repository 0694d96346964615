/* schedule.h -- the learning rate of each iteration. Pure. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

enum schedule_kind { SCHEDULE_POLY, SCHEDULE_COSINE, SCHEDULE_CONSTANT };

struct schedule {
    enum schedule_kind kind;
    double base;      /* the rate after the warm-up */
    double power;     /* of poly */
    double warm_from; /* the rate at iteration 0 when there is a warm-up */
    long warm;        /* iterations of warm-up, less than `total`, or 0 */
    long total;       /* iterations, at least 1 */
};

/* Iteration t = 0 .. total - 1, W = warm, T = total (specification 5.3):
 *   t < W     warm_from + (base - warm_from) * t / W
 *   poly      base * (1 - (t - W)/(T - W))^power
 *   cosine    base * (1 + cos(pi (t - W)/(T - W))) / 2
 *   constant  base */
double schedule_rate(const struct schedule *s, long t);

#endif
