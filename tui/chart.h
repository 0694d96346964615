/* chart.h -- the throughput history as levels of dots. */
#ifndef TUI_CHART_H
#define TUI_CHART_H

#include "queue/stats.h"

enum { CHART_MEAN_SECONDS = 5 };

/* Images per second, each value the mean of the five seconds that end there, so that a slow machine
 * draws a line and no comb, and a value once drawn does not change. `out` holds STATS_HISTORY;
 * returns how many. */
int chart_means(const struct stats *s, double out[STATS_HISTORY]);

/* The least of 1, 2, 3, 4, 5, 6, 8 times a power of ten that is not below `max`; 1 when there is
 * nothing. */
double chart_scale(double max);

/* The braille character with `left` and `right` dots (0..4), counted from the bottom; a blank
 * without any. */
uint32_t chart_braille(int left, int right);

#endif
