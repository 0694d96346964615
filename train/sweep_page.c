#include "train/sweep_page.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

enum { PAGE_MAX = 1 << 24 };

static const char style[] =
    "<style>\n"
    "body{font:14px/1.45 sans-serif;color:#222;max-width:72rem;margin:1.2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.3rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.4rem 0 .4rem}\n"
    "table{border-collapse:collapse}td,th{padding:.15rem .8rem .15rem 0;text-align:left;"
    "vertical-align:top;white-space:nowrap}th{font-weight:600;border-bottom:1px solid #bbb}\n"
    ".n{text-align:right}tr.best td{background:#ffe8d6}tr.grey td,.grey{color:#777}\n"
    "td.why{white-space:normal;min-width:14rem}.wide{overflow-x:auto}\n"
    "pre{background:#f3f3f3;padding:.6rem;white-space:pre-wrap}progress{width:100%;height:.8rem}\n"
    "svg{max-width:100%;height:auto}\n"
    "</style>\n";

/* Figures of the table, in its order; the page has the first ON_PAGE. */
static const struct {
    const char *key, *title;
    size_t offset;
} figures[] = {
    {"score",             "score",             offsetof(struct sweep_result, score)            },
    {"mean_jaccard",      "mean Jaccard",      offsetof(struct sweep_result, mean_jaccard)     },
    {"auc_malignant",     "AUC malignant",     offsetof(struct sweep_result, auc_malignant)    },
    {"failure_rate",      "failure rate",      offsetof(struct sweep_result, failure_rate)     },
    {"balanced_accuracy", "balanced accuracy", offsetof(struct sweep_result, balanced_accuracy)},
};
enum { FIGURES = sizeof(figures) / sizeof(*figures), ON_PAGE = 4 };

static double figure_of(const struct sweep_result *r, int i)
{
    return r ? *(const double *)(const void *)((const char *)r + figures[i].offset) : (double)NAN;
}

/* The last round that a trial has a result of, from 1; 0: none. */
static int round_of(const struct sweep *w, int trial)
{
    for (int r = w->board.rungs; r > 0; r--)
        if (sweep_board_at(&w->board, r - 1, trial)->status != SWEEP_OPEN)
            return r;
    return 0;
}

static const char *status_of(const struct sweep_result *r)
{
    return sweep_status_word(r ? r->status : SWEEP_OPEN);
}

/* ---- table.csv ---- */

static void add_field(struct buf *out, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        buf_add_text(out, text);
        return;
    }
    buf_add_text(out, "\"");
    for (const char *c = text; *c; c++)
        buf_add(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    buf_add_text(out, "\"");
}

static void make_table(struct buf *out, const struct sweep *w, const int *order)
{
    buf_add_text(out, "rank,trial,status,round,iteration,best_iteration");
    for (int i = 0; i < FIGURES; i++)
        buf_printf(out, ",%s", figures[i].key);
    for (int i = 0; i < w->spec.n_axes; i++)
        buf_printf(out, ",%s", w->spec.axes[i].key);
    buf_add_text(out, ",reason\n");
    for (int k = 0; k < w->board.n; k++) {
        const struct sweep_result *r = sweep_board_latest(&w->board, order[k]);
        buf_printf(out, "%d,%d,%s,%d,%lld,%lld", k + 1, order[k] + 1, status_of(r),
                   round_of(w, order[k]), r ? (long long)r->iteration : 0LL,
                   r ? (long long)r->best_iteration : 0LL);
        for (int i = 0; i < FIGURES; i++)
            if (isfinite(figure_of(r, i)))
                buf_printf(out, ",%.6g", figure_of(r, i));
            else
                buf_add_text(out, ",");
        for (int i = 0; i < w->spec.n_axes; i++) {
            buf_add_text(out, ",");
            add_field(out, sweep_value(w, order[k], i));
        }
        buf_add_text(out, ",");
        add_field(out, r ? r->reason : "");
        buf_add_text(out, "\n");
    }
}

/* ---- ranking.json ---- */

static json_t *describe_trial(const struct sweep *w, int trial, int rank)
{
    const struct sweep_result *r = sweep_board_latest(&w->board, trial);
    json_t *row = json_object(), *settings = json_object();

    for (int i = 0; i < w->spec.n_axes; i++)
        json_put(&settings, w->spec.axes[i].key, json_text(sweep_value(w, trial, i)));
    json_put(&row, "rank", json_integer(rank));
    json_put(&row, "trial", json_integer(trial + 1));
    json_put(&row, "status", json_text(status_of(r)));
    json_put(&row, "round", json_integer(round_of(w, trial)));
    json_put(&row, "iteration", json_integer(r ? r->iteration : 0));
    json_put(&row, "best_iteration", json_integer(r ? r->best_iteration : 0));
    for (int i = 0; i < FIGURES; i++)
        json_put(&row, figures[i].key, json_rounded(figure_of(r, i), 6));
    json_put(&row, "settings", settings);
    json_put(&row, "reason", r && r->reason[0] ? json_text(r->reason) : json_null());
    return row;
}

static json_t *make_ranking(const struct sweep *w, const int *order, const char *command)
{
    json_t *object = json_object(), *rows = json_array();

    for (int k = 0; k < w->board.n; k++)
        json_add(&rows, describe_trial(w, order[k], k + 1));
    json_put(&object, "sweep", json_text(w->id));
    json_put(&object, "trials", rows);
    json_put(&object, "command", *command ? json_text(command) : json_null());
    return object;
}

/* ---- index.html ---- */

struct page {
    const struct sweep *w;
    const int *order;
    int done;
    const char *note, *command;
};

static void add_head(struct buf *out, const struct page *p)
{
    const struct sweep *w = p->w;
    bool in[SWEEP_TRIALS_MAX];
    int rung = sweep_board_rung(&w->board, in), n = 0, ended = 0;
    bool is_over = rung == w->board.rungs;

    for (int i = 0; i < w->board.n && !is_over; i++) {
        n += in[i];
        ended += in[i] && sweep_board_at(&w->board, rung, i)->status != SWEEP_OPEN;
    }
    buf_add_text(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    if (!is_over)
        buf_add_text(out, "<meta http-equiv=\"refresh\" content=\"10\">\n");
    buf_add_text(out, "<title>search: ");
    text_add_html(out, w->dir);
    buf_printf(out, "</title>\n%s</head><body>\n<h1>", style);
    text_add_html(out, w->dir);
    buf_printf(out, "</h1>\n<p>%d trials of %d settings", w->board.n, w->spec.n_axes);
    if (w->board.rungs > 1)
        buf_printf(out, " in %d rounds, the best 1/%d of each go on", w->board.rungs,
                   w->board.keep);
    if (is_over)
        buf_printf(out, ": done, %d with a score</p>\n", p->done);
    else
        buf_printf(out, ": round %d, %d of %d ended%s", rung + 1, ended, n, p->note[0] ? "; " : "");
    if (is_over)
        return;
    text_add_html(out, p->note);
    buf_printf(out, "</p>\n<progress max=\"%d\" value=\"%d\"></progress>\n", n, ended);
}

static void add_best(struct buf *out, const struct page *p)
{
    char words[400];

    if (!p->done)
        return;
    const struct sweep_result *r = sweep_board_latest(&p->w->board, p->order[0]);
    buf_printf(out, "<h2>Best: trial %d</h2>\n<p>", p->order[0] + 1);
    text_add_html(out, sweep_describe(words, sizeof(words), p->w, p->order[0]));
    buf_printf(out,
               "; score %.4f at iteration %lld. Its model: trials/%04d/best. The same again:</p>\n"
               "<pre>",
               r->score, (long long)r->best_iteration, p->order[0] + 1);
    text_add_html(out, p->command);
    buf_add_text(out, "</pre>\n");
}

static void add_figure(struct buf *out, const struct sweep_result *r, int i)
{
    if (isfinite(figure_of(r, i)))
        buf_printf(out, "<td class=\"n\">%.4f</td>", figure_of(r, i));
    else
        buf_add_text(out, "<td class=\"n\">&ndash;</td>");
}

static void add_row(struct buf *out, const struct page *p, int k)
{
    const struct sweep *w = p->w;
    int trial = p->order[k];
    const struct sweep_result *r = sweep_board_latest(&w->board, trial);
    bool is_done = r && r->status == SWEEP_DONE;

    buf_printf(out, "<tr%s><td class=\"n\">",
               !is_done ? " class=\"grey\""
               : k      ? ""
                        : " class=\"best\"");
    if (is_done)
        buf_printf(out, "%d", k + 1);
    buf_printf(out, "</td><td class=\"n\"><a href=\"trials/%04d/index.html\">%d</a></td>",
               trial + 1, trial + 1);
    add_figure(out, r, 0);
    for (int i = 0; i < w->spec.n_axes; i++) {
        buf_add_text(out, "<td>");
        text_add_html(out, sweep_value(w, trial, i));
        buf_add_text(out, "</td>");
    }
    for (int i = 1; i < ON_PAGE; i++)
        add_figure(out, r, i);
    if (r)
        buf_printf(out, "<td class=\"n\">%lld</td>", (long long)r->iteration);
    else
        buf_add_text(out, "<td class=\"n\">&ndash;</td>");
    buf_add_text(out, "<td class=\"why\">");
    if (r && r->status == SWEEP_SET_ASIDE)
        buf_add_text(out, "set aside: ");
    if (r && !is_done)
        text_add_html(out, r->reason);
    buf_add_text(out, "</td></tr>\n");
}

static void add_table(struct buf *out, const struct page *p)
{
    buf_add_text(out, "<h2>Ranking</h2>\n<div class=\"wide\"><table><tr><th class=\"n\"></th>"
                      "<th class=\"n\">trial</th><th class=\"n\">score</th>");
    for (int i = 0; i < p->w->spec.n_axes; i++) {
        buf_add_text(out, "<th>");
        text_add_html(out, p->w->spec.axes[i].key);
        buf_add_text(out, "</th>");
    }
    for (int i = 1; i < ON_PAGE; i++)
        buf_printf(out, "<th class=\"n\">%s</th>", figures[i].title);
    buf_add_text(out, "<th class=\"n\">iterations</th><th></th></tr>\n");
    for (int k = 0; k < p->w->board.n; k++)
        add_row(out, p, k);
    buf_add_text(out,
                 "</table></div>\n<p class=\"grey\">score = mean Jaccard + AUC malignant on the "
                 "validation split, the best of the trial so far. Differences as small as "
                 "another seed makes say nothing: search over seed too, or repeat the best "
                 "few.</p>\n");
}

static void add_settings(struct buf *out, const struct sweep *w)
{
    buf_add_text(out, "<h2>What all trials share</h2>\n<table>\n");
    for (void *at = json_object_iter(w->settings); at;
         at = json_object_iter_next(w->settings, at)) {
        buf_add_text(out, "<tr><td>");
        text_add_html(out, json_object_iter_key(at));
        buf_add_text(out, "</td><td>");
        text_add_html(out, json_string_value(json_object_iter_value(at)));
        buf_add_text(out, "</td></tr>\n");
    }
    buf_add_text(out, "</table>\n");
}

static void make_page(struct buf *out, const struct page *p)
{
    add_head(out, p);
    add_best(out, p);
    buf_add_text(out, "<h2>Where they went through</h2>\n");
    sweep_picture_draw(out, p->w);
    add_table(out, p);
    add_settings(out, p->w);
    buf_add_text(out, "</body></html>\n");
}

static int write_text(const struct sweep *w, const char *name, const struct buf *text,
                      struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    return buf_check(text, name, err) ||
                   path_format(path, sizeof(path), err, "%s/%s", w->dir, name) ||
                   file_write(path, text->data ? text->data : "", text->len, err)
               ? -1
               : 0;
}

static int write_ranking(const struct sweep *w, const int *order, const char *command,
                         struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *ranking = make_ranking(w, order, command);
    int ret = path_format(path, sizeof(path), err, "%s/ranking.json", w->dir) ||
              json_write(path, ranking, err);

    json_decref(ranking);
    return ret ? -1 : 0;
}

void sweep_page_write(const struct sweep *w, const char *note)
{
    int order[SWEEP_TRIALS_MAX];
    struct page p = {.w = w, .order = order, .note = note};
    struct buf text, command;
    struct err err = {0};

    p.done = sweep_board_rank(&w->board, order);
    buf_init(&text, PAGE_MAX);
    buf_init(&command, PAGE_MAX);
    int ret = p.done ? sweep_command(&command, w, order[0], &err) : 0;
    p.command = command.data ? command.data : "";
    make_table(&text, w, order);
    ret =
        ret || write_text(w, "table.csv", &text, &err) || write_ranking(w, order, p.command, &err);
    buf_clear(&text);
    make_page(&text, &p);
    ret = ret || write_text(w, "index.html", &text, &err);
    if (ret)
        log_event(LOG_WARN, "sweep.page_unwritten", "why=\"%s\"", err.msg);
    buf_release(&text);
    buf_release(&command);
}
