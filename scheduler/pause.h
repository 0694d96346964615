/* pause.h -- how long to wait before something that failed is tried again: 0.2 s, doubling, up to
 * 10 s. Items, studies and children wait by the same rule. */
#ifndef SCHEDULER_PAUSE_H
#define SCHEDULER_PAUSE_H

#include <stdint.h>

/* After `tries` failures before this one, from 0. */
int64_t pause_after_ms(int tries);

#endif
