#include "tui/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static char *unknown(char out[FORMAT_SIZE])
{
    snprintf(out, FORMAT_SIZE, FORMAT_UNKNOWN);
    return out;
}

/* Digits with a comma in front of each group of three; returns the length. */
static int grouped(char out[FORMAT_SIZE], int64_t n)
{
    char digits[FORMAT_SIZE];
    int length = snprintf(digits, sizeof(digits), "%lld", (long long)n), k = 0;

    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = digits[i];
    }
    out[k] = 0;
    return k;
}

/* Three digits and a letter: "1.15M". The value is cut, so it never carries into four digits. */
static void abbreviated(char out[FORMAT_SIZE], int64_t n)
{
    static const char letters[] = "kMGTPE";
    const char *letter = letters;
    int64_t unit = 1000;

    while (n / unit >= 1000 && letter[1]) {
        unit *= 1000;
        letter++;
    }
    int whole = (int)(n / unit), thousandths = (int)(n % unit / (unit / 1000));
    if (whole >= 100)
        snprintf(out, FORMAT_SIZE, "%d%c", whole, *letter);
    else if (whole >= 10)
        snprintf(out, FORMAT_SIZE, "%d.%d%c", whole, thousandths / 100, *letter);
    else
        snprintf(out, FORMAT_SIZE, "%d.%02d%c", whole, thousandths / 10, *letter);
}

char *format_count(char out[FORMAT_SIZE], int64_t n, int width)
{
    if (n < 0)
        return unknown(out);
    if (grouped(out, n) <= width)
        return out;
    if (snprintf(out, FORMAT_SIZE, "%lld", (long long)n) <= width)
        return out;
    abbreviated(out, n);
    /* "9.99k" in four columns is "9k" */
    char *dot = strchr(out, '.');
    if ((int)strlen(out) > width && dot)
        memmove(dot, &out[strlen(out) - 1], 2);
    return out;
}

char *format_number(char out[FORMAT_SIZE], double value)
{
    if (!isfinite(value) || value < 0)
        return unknown(out);
    if (value >= 1000)
        return format_count(out, value < 1e15 ? (int64_t)value : (int64_t)1e15, 5);
    int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    double scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    snprintf(out, FORMAT_SIZE, "%.*f", decimals, floor(value * scale + 1e-9) / scale);
    return out;
}

char *format_share(char out[FORMAT_SIZE], double share)
{
    if (isnan(share))
        return unknown(out);
    share = fmin(fmax(share, 0), 1);
    snprintf(out, FORMAT_SIZE, "%d %%", (int)lround(share * 100));
    return out;
}

char *format_memory(char out[FORMAT_SIZE], int64_t kib)
{
    double mib = (double)kib / 1024;

    if (kib < 0)
        return unknown(out);
    if (kib < 1024)
        snprintf(out, FORMAT_SIZE, "%d kB", (int)kib);
    else if (mib < 1024)
        snprintf(out, FORMAT_SIZE, "%d MB", (int)mib);
    else if (mib < 10 * 1024)
        snprintf(out, FORMAT_SIZE, "%.2f GB", floor(mib / 1024 * 100) / 100);
    else if (mib < 100 * 1024)
        snprintf(out, FORMAT_SIZE, "%.1f GB", floor(mib / 1024 * 10) / 10);
    else
        snprintf(out, FORMAT_SIZE, "%d GB", (int)fmin(mib / 1024, 9999));
    return out;
}

char *format_age(char out[FORMAT_SIZE], int64_t ms)
{
    long long s = ms / 1000;

    if (ms < 0)
        return unknown(out);
    if (s < 60)
        snprintf(out, FORMAT_SIZE, "%llds", s);
    else if (s < 3600)
        snprintf(out, FORMAT_SIZE, "%lldm%02llds", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, FORMAT_SIZE, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else if (s < 100LL * 86400)
        snprintf(out, FORMAT_SIZE, "%lldd%02lldh", s / 86400, s / 3600 % 24);
    else
        snprintf(out, FORMAT_SIZE, ">99d");
    return out;
}

char *format_duration(char out[FORMAT_SIZE], double seconds)
{
    if (!isfinite(seconds) || seconds < 0)
        return unknown(out);
    long long s = (long long)fmin(seconds, 999 * 86400.0);
    if (s < 100LL * 3600)
        snprintf(out, FORMAT_SIZE, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, FORMAT_SIZE, "%lldd %02lldh", s / 86400, s / 3600 % 24);
    return out;
}

char *format_clock(char out[FORMAT_SIZE], int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (!localtime_r(&t, &tm))
        return unknown(out);
    snprintf(out, FORMAT_SIZE, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}
