/* fake_stats.h -- figures made up for the tests of the dashboard: `fill` 0 = the least, 1 = a usual
 * run, 2 = every field at its widest. */
#ifndef TESTS_TUI_FAKE_STATS_H
#define TESTS_TUI_FAKE_STATS_H

#include "queue/stats.h"

enum fake_fill { FAKE_EMPTY, FAKE_USUAL, FAKE_WIDEST };

/* `tick` moves the figures on, half a second each. */
void fake_stats(struct stats *s, enum fake_fill fill, int tick);

#endif
