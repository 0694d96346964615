#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/panels.h"
#include "tui/rows.h"

enum { RULE = 0x2500, GAP = 2, SPACIOUS_COLS = 72, TOTAL_COLS_MAX = 24 };

void panel_title(struct pen *p, enum style style, const char *title)
{
    pen_text(p, style, title);
    pen_text(p, STYLE_DIM, " ");
}

void panel_rule(struct pen *p, int width)
{
    int n = pen_left(p) - width - (width > 0);

    pen_repeat(p, STYLE_DIM, n, RULE);
    if (width > 0)
        pen_text(p, STYLE_DIM, " ");
}

static enum style state_style(const char *state)
{
    if (!strcmp(state, "running"))
        return STYLE_GOOD;
    return !strcmp(state, "done") ? STYLE_STRONG : STYLE_WARN;
}

/* The model and what it runs on, or why the figures are not of now. */
static enum style describe(char *out, size_t size, const struct scene *scene)
{
    const struct stats *s = scene->shown;
    const struct reading *r = scene->reading;
    char clock[FORMAT_SIZE], pixels[FORMAT_SIZE] = "";

    format_clock(clock, r->since_ms);
    if (r->link == READING_LOST || r->link == READING_SILENT) {
        snprintf(out, size, "no %s since %s", r->link == READING_LOST ? "connection" : "figures",
                 clock);
        return STYLE_BAD;
    }
    if (s->size > 0)
        snprintf(pixels, sizeof(pixels), " %d px", s->size);
    snprintf(out, size, "%s%s %s %s", s->model, pixels, s->precision, s->device);
    return STYLE_TEXT;
}

void panel_header(struct frame *f, struct area at, const struct scene *scene)
{
    const struct stats *s = scene->shown;
    struct pen p = pen_on(f, at);
    char text[240], run[FORMAT_SIZE];
    double elapsed = s->started_ms > 0 ? (double)(s->at_ms - s->started_ms) / 1000 : NAN;
    bool is_spacious = at.cols >= SPACIOUS_COLS;
    int right = (scene->view->is_paused ? 8 + GAP : 0) + (is_spacious ? 13 : 0);
    enum style style = describe(text, sizeof(text), scene);
    int node = pen_width(s->node), node_max = is_spacious ? 24 : 12;
    bool is_stale = style == STYLE_BAD;

    if (is_spacious)
        pen_text(&p, STYLE_TITLE, "lentigo  ");
    if (is_spacious || !is_stale) { /* what is wrong comes first where room is short */
        pen_field(&p, STYLE_STRONG, node < node_max ? node : node_max, s->node);
        pen_skip(&p, GAP);
    }
    if (scene->reading->n && !is_stale) {
        pen_field(&p, state_style(s->state), 8, s->state);
        pen_skip(&p, GAP);
    }
    if (pen_left(&p) > right)
        pen_field(&p, style, pen_left(&p) - right, text);
    if (scene->view->is_paused) {
        pen_skip(&p, GAP);
        pen_text(&p, STYLE_MARK, " PAUSED ");
    }
    if (is_spacious) {
        pen_text(&p, STYLE_DIM, " run");
        pen_number(&p, STYLE_TEXT, 9, format_duration(run, elapsed));
    }
}

void panel_nodes(struct frame *f, struct area at, const struct scene *scene)
{
    struct pen p = pen_on(f, at);

    for (int i = 0; i <= scene->reading->n; i++) {
        const char *name = i ? scene->reading->nodes[i - 1].node : "all machines";
        bool is_chosen = i == scene->view->node;
        if (pen_left(&p) < 6)
            break;
        int width = pen_width(name) > 20 ? 20 : pen_width(name);
        width = width > pen_left(&p) - 3 ? pen_left(&p) - 3 : width;
        pen_text(&p, STYLE_DIM, is_chosen ? "[" : " ");
        pen_field(&p, is_chosen ? STYLE_STRONG : STYLE_DIM, width, name);
        pen_text(&p, STYLE_DIM, is_chosen ? "] " : "  ");
    }
}

static int64_t ended_count(const struct stats *s)
{
    return reading_add(reading_add(s->done, s->set_aside), s->cancelled);
}

static void progress_line(struct pen *p, const struct stats *s)
{
    int64_t ended = ended_count(s);
    double share = s->received > 0 ? (double)ended / (double)s->received : NAN;
    bool is_spacious = p->at.cols >= SPACIOUS_COLS;
    char text[FORMAT_SIZE];

    share = floor(share * 100 + 1e-9) / 100; /* 100 % only at the end */
    pen_bar(p, STYLE_BAR, p->at.cols - (is_spacious ? 41 : 29), share);
    pen_number(p, STYLE_STRONG, 6, format_share(text, share));
    pen_number(p, STYLE_STRONG, is_spacious ? 8 : 7, format_number(text, s->images_per_s));
    pen_text(p, STYLE_DIM, is_spacious ? " images/s" : "/s");
    pen_text(p, STYLE_DIM, is_spacious ? "      ETA" : "  ETA");
    pen_number(p, STYLE_TEXT, 9, format_duration(text, s->eta_s));
}

struct total {
    const char *label;
    int64_t n;
    enum style style;
};

static void total_cells(struct pen *p, const struct total *cells, int n)
{
    int cols = p->at.cols < n * TOTAL_COLS_MAX ? p->at.cols : n * TOTAL_COLS_MAX;

    for (int i = 0; i < n; i++) {
        int start = i * cols / n, width = (i + 1) * cols / n - start;
        int number = width - pen_width(cells[i].label) - 1 - (i + 1 < n ? 3 : 0);
        char text[FORMAT_SIZE];
        p->col = start;
        pen_text(p, STYLE_DIM, cells[i].label);
        pen_skip(p, 1);
        pen_number(p, cells[i].n > 0 ? cells[i].style : STYLE_TEXT, number,
                   format_count(text, cells[i].n, number));
    }
}

static int64_t still_open(const struct stats *s)
{
    int64_t n = reading_add(s->received, 0) - ended_count(s);

    return n < 0 ? 0 : n;
}

void panel_totals(struct frame *f, struct area at, const struct stats *s)
{
    struct pen p = pen_on(f, at);
    const struct total narrow[2][2] = {
        {{"received", s->received, STYLE_TEXT},   {"done", s->done, STYLE_TEXT}},
        {{"set aside", s->set_aside, STYLE_WARN},
         {"flagged", reading_add(s->urgent, s->review), STYLE_WARN}            },
    };
    const struct total wide[2][6] = {
        {{"received", s->received, STYLE_TEXT},
         {"done", s->done, STYLE_TEXT},
         {"set aside", s->set_aside, STYLE_WARN},
         {"open", still_open(s), STYLE_TEXT},
         {"cancelled", s->cancelled, STYLE_TEXT},
         {"studies", s->studies, STYLE_TEXT}},
        {{"flagged", reading_add(s->urgent, s->review), STYLE_STRONG},
         {"urgent", s->urgent, STYLE_BAD},
         {"review", s->review, STYLE_WARN},
         {"retake", s->retake, STYLE_TEXT},
         {"routine", s->routine, STYLE_TEXT},
         {"reports", s->reports, STYLE_TEXT}},
    };
    int cells = at.cols >= 114 ? 6 : 4;

    progress_line(&p, s);
    for (int row = 0; row < 2; row++) {
        pen_move(&p, row + 1, 0);
        if (at.cols < SPACIOUS_COLS)
            total_cells(&p, narrow[row], 2);
        else
            total_cells(&p, wide[row], cells);
    }
}

/* The first class that an operator paused, and how many are; NULL when none is. */
static const struct stats_class *paused_class(const struct stats *s, int *n)
{
    const struct stats_class *first = NULL;

    *n = 0;
    for (int i = STATS_CLASSES; i-- > 0;)
        if (s->classes[i].paused_at[0]) {
            first = &s->classes[i];
            ++*n;
        }
    return first;
}

void panel_sentence(struct frame *f, struct area at, const struct scene *scene)
{
    struct pen p = pen_on(f, at);
    char sentence[160], pause[480];
    int n_paused;
    const struct stats_class *paused = paused_class(scene->shown, &n_paused);

    if (paused) { /* it explains more than any bottleneck */
        snprintf(pause, sizeof(pause), "%s paused by %s: %s",
                 n_paused == STATS_CLASSES ? "All classes" : paused->name, paused->paused_by,
                 paused->paused_why);
        pen_field(&p, STYLE_WARN, at.cols, pause);
        return;
    }
    enum wire_stage stage = stats_bottleneck(scene->shown, sentence);

    pen_field(&p, stage == STAGE_COUNT ? STYLE_DIM : STYLE_STRONG, at.cols, sentence);
}

void panel_footer(struct frame *f, struct area at, const struct scene *scene)
{
    static const struct {
        const char *key, *what;
    } hints[] = {
        {"h",      "help"   },
        {"q",      "quit"   },
        {"Tab",    "list"   },
        {"/",      "filter" },
        {"s",      "sort"   },
        {"p",      "pause"  },
        {"↑↓", "scroll" },
        {"←→", "machine"},
    };
    const struct view *v = scene->view;
    struct pen p = pen_on(f, at);

    if (v->is_filtering || v->filter[0]) {
        pen_text(&p, STYLE_MARK, v->is_filtering ? " filter: " : " filtered: ");
        pen_printf(&p, STYLE_STRONG, " %s%s", v->filter, v->is_filtering ? "_" : "");
        pen_text(&p, STYLE_DIM, v->is_filtering ? "   Enter keeps, Esc clears" : "   Esc clears");
        return;
    }
    for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
        const char *what = hints[i].what;
        if (!strcmp(what, "machine") && scene->reading->n < 2)
            continue;
        if (!strcmp(what, "pause") && v->is_paused)
            what = "go on";
        if (pen_left(&p) < pen_width(hints[i].key) + 1 + pen_width(what))
            break;
        pen_text(&p, STYLE_STRONG, hints[i].key);
        pen_printf(&p, STYLE_DIM, " %s  ", what);
    }
}
