#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/chart.h"
#include "tui/format.h"
#include "tui/panels.h"

enum { SCALE_COLS = 6, DOTS = 4 };

/* Dots of `value` in a chart of `rows` lines; what is over 0 shows at least one. */
static int level(double value, double scale, int rows)
{
    int n = (int)lround(value / scale * rows * DOTS);

    return n == 0 && value > 0 ? 1 : n;
}

/* Newest second at the right edge, two seconds a column. */
static void draw_curve(struct pen *p, const double *means, int n, double scale)
{
    int cols = p->at.cols - SCALE_COLS, rows = p->at.rows - 1;

    for (int c = 0; c < cols; c++) {
        int i = n - 2 * (cols - c), dots[2] = {0, 0};
        for (int k = 0; k < 2; k++)
            if (i + k >= 0)
                dots[k] = level(means[i + k], scale, rows);
        for (int r = 0; r < rows; r++) {
            int below = (rows - 1 - r) * DOTS;
            pen_move(p, r + 1, SCALE_COLS + c);
            pen_repeat(p, STYLE_BAR, 1, chart_braille(dots[0] - below, dots[1] - below));
        }
    }
}

void panel_chart(struct frame *f, struct area at, const struct stats *s)
{
    struct pen p = pen_on(f, at);
    double means[STATS_HISTORY], max = 0;
    int n = chart_means(s, means), seen = 2 * (at.cols - SCALE_COLS);
    char text[FORMAT_SIZE];

    if (seen > STATS_HISTORY)
        seen = STATS_HISTORY;
    for (int i = n > seen ? n - seen : 0; i < n; i++)
        max = fmax(max, means[i]);
    double scale = chart_scale(max);
    panel_title(&p, STYLE_TITLE, "Throughput");
    snprintf(text, sizeof(text), "images/s, last %d s", seen);
    int width = pen_width(text) + 4 < pen_left(&p) ? pen_width(text) : 0;
    panel_rule(&p, width);
    if (width)
        pen_text(&p, STYLE_DIM, text);
    if (at.rows < 2)
        return;
    pen_move(&p, 1, 0);
    snprintf(text, sizeof(text), "%g", scale);
    pen_number(&p, STYLE_DIM, SCALE_COLS - 1, text);
    if (at.rows > 2) {
        pen_move(&p, at.rows - 1, 0);
        pen_number(&p, STYLE_DIM, SCALE_COLS - 1, "0");
    }
    draw_curve(&p, means, n, scale);
}

static void load_line(struct pen *p, const char *label, double share)
{
    char text[FORMAT_SIZE];

    pen_field(p, STYLE_TEXT, 11, label);
    pen_bar(p, STYLE_BAR, pen_left(p) - 6, share);
    pen_number(p, STYLE_TEXT, 6, format_share(text, share));
}

static char *whole(char out[FORMAT_SIZE], double value)
{
    return format_count(out, isfinite(value) ? (int64_t)fmin(value, 1e9) : -1, 5);
}

/* What holds it back stands first: the line may be cut short. */
static void gpu_detail(struct pen *p, const struct stats_gpu *g)
{
    char celsius[FORMAT_SIZE], watts[FORMAT_SIZE], share[FORMAT_SIZE], errors[FORMAT_SIZE];

    pen_skip(p, 1);
    if (g->ecc_errors > 0)
        pen_printf(p, STYLE_BAD, "ECC %s  ", format_count(errors, g->ecc_errors, 5));
    if (g->throttle[0])
        pen_printf(p, STYLE_WARN, "%s  ", g->throttle);
    pen_printf(p, STYLE_DIM, "%s °C  %s W  memory %s", whole(celsius, g->temperature_c),
               whole(watts, g->power_w), format_share(share, g->memory));
}

/* Returns the next free row. */
static int gpu_lines(struct pen *p, int row, const struct stats_gpu *g, bool with_detail)
{
    char label[FORMAT_SIZE];

    snprintf(label, sizeof(label), "GPU %d", g->number);
    pen_move(p, row++, 0);
    if (!strcmp(g->state, "lost")) {
        pen_field(p, STYLE_TEXT, 11, label);
        pen_text(p, STYLE_BAD, "lost");
        return row;
    }
    load_line(p, label, g->load);
    if (!with_detail)
        return row;
    pen_move(p, row++, 0);
    gpu_detail(p, g);
    return row;
}

/* Each GPU by itself, with its details where all of them fit; of several machines only the mean. */
static int gpu_section(struct pen *p, int row, const struct stats *s)
{
    bool with_detail = 2 * s->n_gpus <= p->at.rows - row;

    if (!s->n_gpus && isfinite(s->gpu)) {
        pen_move(p, row++, 0);
        load_line(p, "GPUs", s->gpu);
    }
    for (int i = 0; i < s->n_gpus && row < p->at.rows; i++)
        row = gpu_lines(p, row, &s->gpus[i], with_detail);
    return row;
}

void panel_machine(struct frame *f, struct area at, const struct scene *scene)
{
    const struct stats *s = scene->shown;
    const struct reading *r = scene->reading;
    struct pen p = pen_on(f, at);
    char text[FORMAT_SIZE];

    panel_title(&p, STYLE_TITLE, "Machine");
    snprintf(text, sizeof(text), "%d core%s", s->cores, s->cores == 1 ? "" : "s");
    panel_rule(&p, s->cores > 0 ? pen_width(text) : 0);
    if (s->cores > 0)
        pen_text(&p, STYLE_DIM, text);
    pen_move(&p, 1, 0);
    load_line(&p, "CPU", s->cpu);
    int row = gpu_section(&p, 2, s);
    if (row < at.rows) {
        pen_move(&p, row++, 0);
        pen_field(&p, STYLE_TEXT, 11, "memory");
        pen_number(&p, STYLE_TEXT, pen_left(&p), format_memory(text, s->memory_kb));
    }
    for (int i = 0; scene->view->node == 0 && r->n > 1 && i < r->n && row < at.rows; i++) {
        pen_move(&p, row++, 0);
        load_line(&p, r->nodes[i].node, r->nodes[i].cpu);
    }
}

enum { STAGE_NAME = 12, STAGE_BUSY = 6, STAGE_MS = 8, STAGE_WAITING = 8, STAGE_LANES = 6 };

static void stage_heads(struct pen *p, bool with_lanes)
{
    panel_title(p, STYLE_TITLE, "Stages");
    panel_rule(p, STAGE_BUSY + STAGE_MS + STAGE_WAITING + (with_lanes ? STAGE_LANES : 0) - 2);
    pen_number(p, STYLE_DIM, STAGE_BUSY - 2, "busy");
    pen_number(p, STYLE_DIM, STAGE_MS, "ms/item");
    pen_number(p, STYLE_DIM, STAGE_WAITING, "waiting");
    if (with_lanes)
        pen_number(p, STYLE_DIM, STAGE_LANES, "lanes");
}

void panel_stages(struct frame *f, struct area at, const struct stats *s)
{
    static const char *const names[STAGE_COUNT] = {"decode", "batch fill", "network", "measure",
                                                   "report"};
    struct pen p = pen_on(f, at);
    bool with_lanes = at.cols >= 46;
    int numbers = STAGE_BUSY + STAGE_MS + STAGE_WAITING + (with_lanes ? STAGE_LANES : 0);
    char text[FORMAT_SIZE], sentence[160];
    enum wire_stage tight = stats_bottleneck(s, sentence);

    stage_heads(&p, with_lanes);
    for (int i = 0; i < STAGE_COUNT; i++) {
        const struct stats_stage *stage = &s->stages[i];
        enum style style = i == (int)tight ? STYLE_STRONG : STYLE_TEXT;
        pen_move(&p, i + 1, 0);
        pen_field(&p, style, STAGE_NAME - 2, names[i]);
        pen_field(&p, STYLE_WARN, 2, i == (int)tight ? "▸" : "");
        pen_bar(&p, i == (int)tight ? STYLE_WARN : STYLE_BAR, at.cols - STAGE_NAME - numbers,
                stage->busy);
        pen_number(&p, style, STAGE_BUSY, format_share(text, stage->busy));
        pen_number(&p, style, STAGE_MS, format_number(text, stage->ms_per_item));
        pen_number(&p, style, STAGE_WAITING, format_count(text, stage->waiting, 6));
        if (with_lanes)
            pen_number(&p, style, STAGE_LANES, format_count(text, stage->lanes, 5));
    }
}

void panel_queue(struct frame *f, struct area at, const struct stats *s)
{
    enum { READY = 6, LEASED = 7, OLDEST = 7, NUMBERS = READY + LEASED + OLDEST, TABLE = 44 };
    struct pen rest = pen_on(f, at);
    char text[FORMAT_SIZE];

    /* The eye loses the line between a name and numbers far from it. */
    at.cols = at.cols < TABLE ? at.cols : TABLE;
    struct pen p = pen_on(f, at);
    panel_title(&p, STYLE_TITLE, "Queue");
    panel_rule(&p, NUMBERS - 1);
    pen_number(&p, STYLE_DIM, READY - 1, "ready");
    pen_number(&p, STYLE_DIM, LEASED, "leased");
    pen_number(&p, STYLE_DIM, OLDEST, "oldest");
    pen_move(&rest, 0, at.cols + 1);
    panel_rule(&rest, 0);
    for (int i = 0; i < STATS_CLASSES; i++) {
        const struct stats_class *c = &s->classes[i];
        enum style style = c->ready > 0 || c->leased > 0 ? STYLE_TEXT : STYLE_DIM;
        pen_move(&p, i + 1, 0);
        pen_field(&p, style, at.cols - NUMBERS, c->name);
        pen_number(&p, style, READY, format_count(text, c->ready, READY - 1));
        pen_number(&p, style, LEASED, format_count(text, c->leased, LEASED - 1));
        pen_number(&p, style, OLDEST, format_age(text, c->oldest_ms));
    }
}
