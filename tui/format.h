/* format.h -- figures as short texts of bounded width.
 *
 * Each returns `out`. What is unknown (negative counts, NAN) is "–" and never 0. Values that lose
 * digits are cut, not rounded up; only a share is rounded, as stats_bottleneck does. */
#ifndef TUI_FORMAT_H
#define TUI_FORMAT_H

#include <stdint.h>

#define FORMAT_UNKNOWN "–"

enum { FORMAT_SIZE = 32 };

/* "11,533"; in less room "11533", "11.5k", "1.15M". Never wider than `width` (at least 4). */
char *format_count(char out[FORMAT_SIZE], int64_t n, int width);
/* Three significant digits for rates and milliseconds: "0.42", "9.31", "58.3", "412", "12.3k". */
char *format_number(char out[FORMAT_SIZE], double value);
/* 0..1 as "63 %"; at most 5 columns; outside of the range it is cut to it. */
char *format_share(char out[FORMAT_SIZE], double share);
/* KiB as "812 kB", "61 MB", "1.21 GB" (powers of 1024); at most 7 columns. */
char *format_memory(char out[FORMAT_SIZE], int64_t kib);
/* "7s", "12m04s", "3h07m", "2d04h", ">99d"; at most 6 columns. */
char *format_age(char out[FORMAT_SIZE], int64_t ms);
/* "0:07:31", "27:00:00", "9d 04h"; at most 8 columns. */
char *format_duration(char out[FORMAT_SIZE], double seconds);
/* Local time of day, "14:22:07". */
char *format_clock(char out[FORMAT_SIZE], int64_t wall_ms);

#endif
