#include "common/log.h"

#include <assert.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/clock.h"

static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

/* Written once by log_init before any thread starts, read-only after. */
static const char *program_name = "lentigo";
static enum log_level level_max = LOG_INFO;

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    level_max = level;
}

int log_level_of(const char *name)
{
    for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[1024], iso[CLOCK_ISO_SIZE];
    va_list ap;

    if (level > level_max)
        return;
    int n =
        snprintf(line, sizeof(line), "ts=%s level=%s program=%s pid=%d event=%s ",
                 clock_iso(iso, clock_wall_ms()), names[level], program_name, (int)getpid(), event);
    va_start(ap, fmt);
    int more = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (size_t)(more > 0 ? more : 0);
    if (len > sizeof(line) - 1)
        len = sizeof(line) - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = '?'; /* a file name in an error's text may hold a line end */
    line[len] = '\n';
    if (write(STDERR_FILENO, line, len + 1) < 0)
        return; /* nobody left to tell */
}

char *log_quote(char *out, unsigned size, const char *text)
{
    unsigned n = 0;

    assert(size >= 3);
    out[n++] = '"';
    for (; *text && n + 6 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == '"' || c == '\\' || c == 0x7f)
            n += (unsigned)snprintf(out + n, size - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    out[n++] = '"';
    out[n] = 0;
    return out;
}
