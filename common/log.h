/* log.h -- key=value lines on stderr.
 *
 * Levels are defined by who reads them: ERROR somebody must act; WARN an item was set aside;
 * INFO state changes; DEBUG per batch; TRACE per item. No pixel data and no field of a patient at
 * any level: our own ids only. One write(2) a line, so lines of several threads and processes do
 * not mix. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* Once, before the first thread. `program` is borrowed for the life of the process. */
void log_init(const char *program, enum log_level level);

/* `event` is one dotted word; `fmt` holds the pairs, "job=%s attempt=%d". A text value that may
 * hold spaces goes through log_quote. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* `text` in double quotes, control bytes and quotes as \xNN, cut to `size`
 * (at least 3); returns `out`. */
char *log_quote(char *out, unsigned size, const char *text);

/* -1 when `name` is none of error, warn, info, debug, trace. */
int log_level_of(const char *name);

#endif
