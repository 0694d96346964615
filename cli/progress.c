#include <unistd.h>

#include "cli/run.h"
#include "common/clock.h"

enum { PLAIN_EVERY_US = 5000000 };

void progress_open(struct progress *p)
{
    const char *term = getenv("TERM");

    *p = (struct progress){
        .is_terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
    };
}

static long long whole(const json_t *line, const char *key)
{
    return (long long)json_number_or(line, key, 0);
}

static void format_eta(char out[32], double seconds)
{
    if (!(seconds >= 0))
        snprintf(out, 32, "--:--");
    else if (seconds < 3600)
        snprintf(out, 32, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(out, 32, "%dh%02d", (int)(seconds / 3600), (int)seconds / 60 % 60);
}

/* Why nothing moves, and what to do. */
static const char *hint(const json_t *line)
{
    const char *state = json_text_or(line, "state", "");

    if (!strcmp(state, "no space"))
        return "  PAUSED: the disk is full; it goes on once there is room";
    return !strcmp(state, "paused") ? "  paused: the machine is short of something, see the log"
                                    : "";
}

/* Never 0.0 where images ended. */
static void format_rate(char out[32], double rate)
{
    snprintf(out, 32, rate >= 1 ? "%.1f" : rate >= 0 ? "%.2g" : "--", rate);
}

static void format_line(char *out, size_t size, const json_t *line)
{
    long long received = whole(line, "received");
    long long ended = whole(line, "done") + whole(line, "set_aside") + whole(line, "cancelled");
    char eta[32], rate[32];

    format_rate(rate, json_number_or(line, "images_per_s", -1));
    format_eta(eta, json_number_or(line, "eta_s", -1));
    snprintf(out, size,
             "%lld of %lld images  %s/s  ETA %s  urgent %lld  review %lld  set aside %lld  "
             "reports %lld of %lld%s",
             ended, received, rate, eta, whole(line, "urgent"), whole(line, "review"),
             whole(line, "set_aside"), whole(line, "reports"), whole(line, "studies"), hint(line));
}

void progress_show(struct progress *p, const json_t *line)
{
    char text[320];
    int64_t now = clock_mono_us();
    bool has_hint = hint(line)[0] != 0, is_due = now >= p->next_plain_us;

    if (whole(line, "received") == 0)
        return; /* the spool is still being read */
    format_line(text, sizeof(text), line);
    if (p->is_terminal) {
        fprintf(stderr, "\r\033[K%s", text);
        p->is_drawn = true;
    } else if (is_due || has_hint != p->has_hint) {
        fprintf(stderr, "%s\n", text);
        p->next_plain_us = now + PLAIN_EVERY_US;
    }
    p->has_hint = has_hint;
}

void progress_close(struct progress *p)
{
    if (p->is_drawn)
        fprintf(stderr, "\n");
    p->is_drawn = false;
}
