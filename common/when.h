/* when.h -- a time as a person says it, on the clock on the wall. */
#ifndef COMMON_WHEN_H
#define COMMON_WHEN_H

#include <stdint.h>

#include "common/err.h"

enum { WHEN_TEXT_SIZE = 32 };

/* "22:00" (the next time that it is), "2026-11-26 22:00" (local time; with seconds or a T, and with a
 * Z in UTC), "+90s", "+30m", "+2h", "+1d". `now_ms` and `*out_ms`: ms since 1970, UTC. A time that is
 * past is fine. ERR_INPUT: none of these, or more than a year ahead, which is a slip of the pen. */
int when_parse(const char *text, int64_t now_ms, int64_t *out_ms, struct err *err);

/* "2026-11-26 22:00:00 CET", local time; returns `out`. */
char *when_text(char out[WHEN_TEXT_SIZE], int64_t wall_ms);

#endif
