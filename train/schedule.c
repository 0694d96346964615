#include "train/schedule.h"

#include <math.h>

double schedule_rate(const struct schedule *s, long t)
{
    if (t < s->warm)
        return s->warm_from + (s->base - s->warm_from) * (double)t / (double)s->warm;
    double gone = (double)(t - s->warm) / (double)(s->total - s->warm);
    switch (s->kind) {
    case SCHEDULE_POLY: return s->base * pow(1 - gone, s->power);
    case SCHEDULE_COSINE: return s->base * (1 + cos(M_PI * gone)) / 2;
    case SCHEDULE_CONSTANT: break;
    }
    return s->base;
}
