#include "scheduler/pace.h"

#include <math.h>

void pace_begin(struct pace *p, int64_t now_ms)
{
    if (!p->begun_ms)
        p->begun_ms = now_ms;
}

void pace_end(struct pace *p, int64_t now_ms)
{
    p->finished++;
    p->ended_ms = now_ms;
}

void pace_advance(struct pace *p, struct stats *st, int64_t now_ms)
{
    if (!p->second_ms)
        p->second_ms = now_ms + 1000;
    for (; now_ms >= p->second_ms; p->second_ms += 1000) {
        if (st->n_history == STATS_HISTORY)
            memmove(st->history, st->history + 1, (size_t)(--st->n_history) * sizeof(*st->history));
        st->history[st->n_history++] = (float)(p->finished - p->told);
        p->told = p->finished;
    }
}

/* Two messages may fall into one millisecond. */
static double rate(double images, int64_t from_ms, int64_t to_ms)
{
    return images * 1000 / fmax((double)(to_ms - from_ms), 1);
}

double pace_recent(const struct pace *p, const struct stats *st, int seconds, int64_t now_ms)
{
    int n = st->n_history < seconds - 1 ? st->n_history : seconds - 1;
    double images = (double)(p->finished - p->told); /* in the second that is not over */
    int64_t from_ms = p->second_ms - INT64_C(1000) * (n + 1);

    for (int i = 0; i < n; i++)
        images += (double)st->history[st->n_history - 1 - i];
    return rate(images, from_ms > p->begun_ms ? from_ms : p->begun_ms, now_ms);
}

double pace_mean(const struct pace *p, int64_t until_ms)
{
    return p->finished ? rate((double)p->finished, p->begun_ms, until_ms) : (double)NAN;
}
