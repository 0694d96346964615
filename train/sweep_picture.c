/* Parallel coordinates: where the good trials go through. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "train/sweep_page.h"

/* px */
enum {
    WIDTH = 980,
    HEIGHT = 430,
    LEFT = 40,
    RIGHT = 80,
    TOP = 46,
    BOTTOM = 28,
    LABEL = 18,
    TICKS = 8
};
#define LOG_FROM 20.0 /* a list whose ends are so many times apart is drawn by its logarithm */

struct scale {
    bool is_numbers, is_log;
    double low, high;
    int n; /* different values, at most TICKS + 1 are kept */
    const char *value[TICKS + 1];
};

/* A number that is nothing else; NAN. */
static double number_of(const char *text)
{
    char *end;
    double x = strtod(text, &end);

    return end == text || *end ? (double)NAN : x;
}

static int index_of(const struct scale *s, const char *value)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->value[i], value))
            return i;
    return -1;
}

/* Words are counted from the axis's own list: there are as many as it has. */
static void find_scale(struct scale *s, const struct sweep *w, int axis)
{
    const struct sweep_axis *a = &w->spec.axes[axis];

    *s = (struct scale){.is_numbers = true, .low = INFINITY, .high = -INFINITY};
    for (int t = 0; t < w->board.n; t++) {
        const char *value = sweep_value(w, t, axis);
        double x = number_of(value);
        s->is_numbers = s->is_numbers && !isnan(x);
        s->low = fmin(s->low, x);
        s->high = fmax(s->high, x);
        if (index_of(s, value) < 0 && s->n <= TICKS)
            s->value[s->n++] = value;
    }
    s->is_log =
        s->is_numbers && s->low > 0 && (a->is_range ? a->is_log : s->high / s->low >= LOG_FROM);
}

static int word_index(const struct sweep *w, int axis, const char *value)
{
    const struct sweep_axis *a = &w->spec.axes[axis];

    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->points[i].text, value))
            return i;
    return 0;
}

static double height_of(double share)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
}

static double y_of(const struct scale *s, const struct sweep *w, int axis, const char *value)
{
    double x = number_of(value), share = 0.5;

    if (!s->is_numbers)
        share = w->spec.axes[axis].n > 1
                    ? 1 - (double)word_index(w, axis, value) / (w->spec.axes[axis].n - 1)
                    : 0.5;
    else if (s->high > s->low)
        share =
            s->is_log ? log(x / s->low) / log(s->high / s->low) : (x - s->low) / (s->high - s->low);
    return height_of(share);
}

static double x_of(const struct sweep *w, int axis)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (double)axis / w->spec.n_axes;
}

static void add_label(struct buf *out, double x, double y, const char *text)
{
    char cut[LABEL + 4];

    snprintf(cut, sizeof(cut), "%.*s%s", LABEL, text, strlen(text) > LABEL ? "..." : "");
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\">", x + 7, y + 4);
    text_add_html(out, cut);
    buf_add_text(out, "</text>\n");
}

static void draw_axis(struct buf *out, const struct sweep *w, int axis, const struct scale *s)
{
    double x = x_of(w, axis);
    char text[32];

    buf_printf(out,
               "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" class=\"axis\"/>\n<text "
               "x=\"%.1f\" y=\"%d\" class=\"name\">",
               x, x, TOP, HEIGHT - BOTTOM, x, TOP - 22);
    text_add_html(out, w->spec.axes[axis].key);
    buf_add_text(out, "</text>\n");
    if (s->n <= TICKS || !s->is_numbers) {
        for (int i = 0; i < s->n; i++)
            add_label(out, x, y_of(s, w, axis, s->value[i]), s->value[i]);
        return;
    }
    for (int i = 0; i < 5; i++) {
        double share = i / 4.0;
        snprintf(text, sizeof(text), "%.3g",
                 s->is_log ? s->low * pow(s->high / s->low, share)
                           : s->low + (s->high - s->low) * share);
        add_label(out, x, height_of(share), text);
    }
}

struct scores {
    double low, high;
};

static struct scores find_scores(const struct sweep *w)
{
    struct scores s = {INFINITY, -INFINITY};

    for (int t = 0; t < w->board.n; t++) {
        const struct sweep_result *r = sweep_board_latest(&w->board, t);
        if (r && r->status == SWEEP_DONE) {
            s.low = fmin(s.low, r->score);
            s.high = fmax(s.high, r->score);
        }
    }
    return s;
}

static double score_height(const struct scores *s, double score)
{
    return height_of(s->high > s->low ? (score - s->low) / (s->high - s->low) : 1);
}

static void draw_scores(struct buf *out, const struct sweep *w, const struct scores *s)
{
    double x = x_of(w, w->spec.n_axes);
    char text[32];

    buf_printf(out,
               "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" class=\"axis\"/>\n<text "
               "x=\"%.1f\" y=\"%d\" class=\"name\">score</text>\n",
               x, x, TOP, HEIGHT - BOTTOM, x, TOP - 22);
    for (int i = 0; i < 5 && s->high > s->low; i++) {
        snprintf(text, sizeof(text), "%.4f", s->low + (s->high - s->low) * i / 4);
        add_label(out, x, height_of(i / 4.0), text);
    }
}

/* Trials with the same value lie beside each other rather than on each other. */
static double aside_of(int trial, bool is_crowded)
{
    return is_crowded ? (trial * 5 % 9 - 4) * 1.4 : 0;
}

/* Colour from pale (0) to dark (1). */
static void colour_of(char out[16], double share)
{
    snprintf(out, 16, "#%02x%02x%02x", (int)(200 - 180 * share), (int)(214 - 146 * share),
             (int)(230 - 90 * share));
}

struct picture {
    struct buf *out;
    const struct sweep *w;
    const struct scale *scales;
    struct scores scores;
    int best;
};

static void draw_trial(const struct picture *p, int trial)
{
    const struct sweep *w = p->w;
    const struct sweep_result *r = sweep_board_latest(&w->board, trial);
    bool is_done = r && r->status == SWEEP_DONE;
    char colour[16] = "#c9a0a0", words[240];
    double before = 0;

    if (is_done)
        colour_of(colour, p->scores.high > p->scores.low
                              ? (r->score - p->scores.low) / (p->scores.high - p->scores.low)
                              : 1);
    buf_printf(p->out, "<path stroke=\"%s\"%s d=\"", trial == p->best ? "#d9480f" : colour,
               trial == p->best ? " class=\"best\""
               : is_done        ? ""
                                : " class=\"none\"");
    for (int i = 0; i < w->spec.n_axes + is_done; i++) {
        bool is_score = i == w->spec.n_axes;
        double x = x_of(w, i), half = (x - (i ? x_of(w, i - 1) : x)) / 2;
        double y =
            is_score ? score_height(&p->scores, r->score)
                     : y_of(&p->scales[i], w, i, sweep_value(w, trial, i)) +
                           aside_of(trial, p->scales[i].n < w->board.n && p->scales[i].n <= TICKS);
        if (i)
            buf_printf(p->out, " C%.1f,%.1f %.1f,%.1f %.1f,%.1f", x - half, before, x - half, y, x,
                       y);
        else
            buf_printf(p->out, "M%.1f,%.1f", x, y);
        before = y;
    }
    buf_printf(p->out, "\"><title>trial %d: ", trial + 1);
    text_add_html(p->out, sweep_describe(words, sizeof(words), w, trial));
    if (is_done)
        buf_printf(p->out, ": %.4f", r->score);
    buf_add_text(p->out, "</title></path>\n");
}

void sweep_picture_draw(struct buf *out, const struct sweep *w)
{
    struct scale scales[SWEEP_AXES_MAX];
    int order[SWEEP_TRIALS_MAX], done = sweep_board_rank(&w->board, order);
    struct picture p = {out, w, scales, find_scores(w), done ? order[0] : -1};

    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">\n"
               "<style>text{font:12px sans-serif;fill:#333;paint-order:stroke;stroke:#fff;"
               "stroke-width:3px}.name{font-weight:bold;text-anchor:middle}.axis{stroke:#888}"
               "path{fill:none;stroke-width:1.4;stroke-opacity:.8}path:hover{stroke-width:4;"
               "stroke-opacity:1}.best{stroke-width:3;stroke-opacity:1}.none{stroke-dasharray:4 "
               "4}</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
               WIDTH, HEIGHT, WIDTH);
    for (int i = 0; i < w->spec.n_axes; i++)
        find_scale(&scales[i], w, i);
    for (int i = w->board.n - 1; i >= 0; i--) { /* the best on top; of those at work nothing yet */
        const struct sweep_result *r = sweep_board_latest(&w->board, order[i]);
        if (r)
            draw_trial(&p, order[i]);
    }
    for (int i = 0; i < w->spec.n_axes; i++)
        draw_axis(out, w, i, &scales[i]);
    draw_scores(out, w, &p.scores);
    buf_add_text(out, "</svg>\n");
}
