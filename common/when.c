#include "common/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_MS INT64_C(1000)
#define DAY_MS    (86400 * SECOND_MS)
#define AHEAD_MS  (366 * DAY_MS)

static const struct {
    char word;
    int64_t ms;
} units[] = {
    {'s', SECOND_MS       },
    {'m', 60 * SECOND_MS  },
    {'h', 3600 * SECOND_MS},
    {'d', DAY_MS          },
};

static bool parse_span(const char *text, int64_t *ms)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || n > AHEAD_MS) /* more of them than there are ms to a year */
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (end[0] == units[i].word && !end[1]) {
            *ms = n * units[i].ms;
            return true;
        }
    return false;
}

static int64_t local_ms(struct tm tm)
{
    tm.tm_isdst = -1; /* whether summer time holds then, not now */
    return (int64_t)mktime(&tm) * SECOND_MS;
}

/* The next time that the clock on the wall says so, tomorrow when it was so today. */
static int64_t next_ms(const struct tm *clock, int64_t now_ms)
{
    time_t now = (time_t)(now_ms / SECOND_MS);
    struct tm tm;

    localtime_r(&now, &tm);
    tm.tm_hour = clock->tm_hour;
    tm.tm_min = clock->tm_min;
    tm.tm_sec = 0;
    int64_t today = local_ms(tm);
    tm.tm_mday++;
    return today > now_ms ? today : local_ms(tm);
}

static bool parse_date(const char *text, int64_t *ms)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%dT%H:%M"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        bool is_utc = end && !strcmp(end, "Z");
        if (!end || (*end && !is_utc))
            continue;
        *ms = is_utc ? (int64_t)timegm(&tm) * SECOND_MS : local_ms(tm);
        return true;
    }
    return false;
}

int when_parse(const char *text, int64_t now_ms, int64_t *out_ms, struct err *err)
{
    struct tm tm = {0};
    int64_t ms;
    const char *end = strptime(text, "%H:%M", &tm);

    if (text[0] == '+' && parse_span(text + 1, &ms))
        ms += now_ms;
    else if (end && !*end)
        ms = next_ms(&tm, now_ms);
    else if (!parse_date(text, &ms))
        return err_set(err, ERR_INPUT,
                       "\"%.40s\" is no time: say 22:00, \"2026-11-26 22:00\", +2h or +30m", text);
    if (ms > now_ms + AHEAD_MS)
        return err_set(err, ERR_INPUT, "\"%.40s\" is more than a year ahead", text);
    *out_ms = ms;
    return 0;
}

char *when_text(char out[WHEN_TEXT_SIZE], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / SECOND_MS);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || !strftime(out, WHEN_TEXT_SIZE, "%Y-%m-%d %H:%M:%S %Z", &tm))
        out[0] = 0;
    return out;
}
