#include "scheduler/pause.h"

enum { PAUSE_MIN_MS = 200, PAUSE_MAX_MS = 10000, DOUBLINGS_MAX = 6 };

int64_t pause_after_ms(int tries)
{
    int64_t pause = (int64_t)PAUSE_MIN_MS << (tries < DOUBLINGS_MAX ? tries : DOUBLINGS_MAX);

    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}
