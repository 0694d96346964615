/* clock.h -- the two clocks: one for durations, one for dates. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

#define CLOCK_ISO_SIZE 25 /* "2026-11-23T05:12:27.123Z" and its 0 */

int64_t clock_mono_us(void);        /* never jumps; only for differences */
int64_t clock_cpu_us(void);         /* CPU time of the calling thread */
int64_t clock_cpu_us_of(pid_t pid); /* of a process so far; -1 when it is gone */
int64_t clock_wall_ms(void);        /* since 1970, UTC */

/* Writes `wall_ms` as ISO 8601 in UTC and returns `out`. What is before 1970 or after 9999 is drawn
 * to that limit. */
char *clock_iso(char out[CLOCK_ISO_SIZE], int64_t wall_ms);

/* Reads what clock_iso has written; -1: that is something else, and `*wall_ms` is left alone. */
int clock_read_iso(const char *text, int64_t *wall_ms);

#endif
