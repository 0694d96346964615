#include "train/page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "preprocess/encode.h"
#include "train/curves.h"

enum { PATH_SIZE = 4096, PAGE_MAX = 1 << 24, QUALITY = 88, COLUMNS = 6, SKETCHES = 16 };

static const char head[] =
    "<style>\n"
    "body{font:14px/1.45 sans-serif;color:#222;max-width:60rem;margin:1.2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.3rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.4rem 0 .4rem}\n"
    "table{border-collapse:collapse}td,th{padding:.15rem .7rem .15rem 0;text-align:left;"
    "vertical-align:top}th{font-weight:600}td.n,th.n{text-align:right}\n"
    "tr.best td{background:#fff3c4}progress{width:100%;height:.8rem}\n"
    ".pictures td{padding:.2rem}.pictures img{width:130px;display:block}\n"
    "svg{max-width:100%;height:auto}.grey{color:#777}\n"
    "</style>\n";

static void add_duration(struct buf *out, double s)
{
    if (!isfinite(s))
        buf_add_text(out, "&ndash;");
    else if (s < 3600)
        buf_printf(out, "%d min %02d s", (int)s / 60, (int)s % 60);
    else
        buf_printf(out, "%d h %02d min", (int)(s / 3600), (int)fmod(s, 3600) / 60);
}

static void add_head(struct buf *out, const struct page *p)
{
    const struct history *h = p->history;
    const struct history_step *last = h->n_steps ? &h->steps[h->n_steps - 1] : NULL;

    buf_add_text(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    if (p->is_live)
        buf_add_text(out, "<meta http-equiv=\"refresh\" content=\"10\">\n");
    buf_add_text(out, "<title>training: ");
    text_add_html(out, p->dir);
    buf_printf(out, "</title>\n%s</head><body>\n<h1>", head);
    text_add_html(out, p->dir);
    buf_add_text(out, "</h1>\n<p>");
    text_add_html(out, p->state);
    buf_printf(out, ", iteration %" PRId64 " of %" PRId64, p->iteration, p->total);
    if (last)
        buf_printf(out, ", loss %.4f, learning rate %.4g, %.1f images a second", last->loss,
                   last->rate, last->images_per_s);
    if (p->is_live) {
        buf_add_text(out, ", to go ");
        add_duration(out, p->eta_s);
    }
    buf_printf(out, "</p>\n<progress max=\"%" PRId64 "\" value=\"%" PRId64 "\"></progress>\n",
               p->total, p->iteration);
}

static void add_figure(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "<td class=\"n\">%.4f</td>", value);
    else
        buf_add_text(out, "<td class=\"n\">&ndash;</td>");
}

/* All validations, the latest first. */
static void add_looks(struct buf *out, const struct page *p)
{
    buf_add_text(out, "<h2>Validation</h2>\n");
    if (!p->history->n_looks) {
        buf_add_text(out, "<p class=\"grey\">none so far</p>\n");
        return;
    }
    buf_add_text(out, "<table><tr><th class=\"n\">iteration</th><th class=\"n\">score</th>"
                      "<th class=\"n\">mean Jaccard</th><th class=\"n\">failure rate</th>"
                      "<th class=\"n\">AUC malignant</th><th class=\"n\">balanced accuracy</th>"
                      "</tr>\n");
    for (int i = p->history->n_looks - 1; i >= 0; i--) {
        const struct history_look *l = &p->history->looks[i];
        buf_printf(out, "<tr%s><td class=\"n\">%" PRId64 "%s</td>",
                   l->iteration == p->best_iteration ? " class=\"best\"" : "", l->iteration,
                   l->iteration == p->best_iteration ? " (best)" : "");
        add_figure(out, l->score);
        add_figure(out, l->mean_jaccard);
        add_figure(out, l->failure_rate);
        add_figure(out, l->auc_malignant);
        add_figure(out, l->balanced_accuracy);
        buf_add_text(out, "</tr>\n");
    }
    buf_add_text(out, "</table>\n<p class=\"grey\">score = mean Jaccard + AUC malignant; the "
                      "highest is in best/</p>\n");
}

/* Validations spread over the run, the latest among them. */
static int64_t column_iteration(const struct history *h, int columns, int k)
{
    return h->looks[columns < 2 ? h->n_looks - 1 : k * (h->n_looks - 1) / (columns - 1)].iteration;
}

static bool has_picture(const struct page *p, int64_t iteration, int k)
{
    char path[PATH_SIZE];
    struct err none = {0};

    return !path_format(path, sizeof(path), &none, "%s/pictures/%" PRId64 "/%d.jpg", p->dir,
                        iteration, k) &&
           !access(path, R_OK);
}

static void add_pictures(struct buf *out, const struct page *p)
{
    const struct history *h = p->history;
    int columns = h->n_looks < COLUMNS ? h->n_looks : COLUMNS;

    if (!columns)
        return;
    buf_add_text(out, "<h2>Outlines</h2>\n<p class=\"grey\">white: the mask; yellow: the model, at "
                      "the iteration above</p>\n<table class=\"pictures\"><tr>");
    for (int c = 0; c < columns; c++)
        buf_printf(out, "<th>%" PRId64 "</th>", column_iteration(h, columns, c));
    buf_add_text(out, "</tr>\n");
    for (int k = 0; k < SKETCHES; k++) {
        if (!has_picture(p, column_iteration(h, columns, columns - 1), k))
            break;
        buf_add_text(out, "<tr>");
        for (int c = 0; c < columns; c++) {
            int64_t iteration = column_iteration(h, columns, c);
            buf_add_text(out, "<td>");
            if (has_picture(p, iteration, k))
                buf_printf(out,
                           "<img src=\"pictures/%" PRId64 "/%d.jpg\" alt=\"picture %d at "
                           "iteration %" PRId64 "\">",
                           iteration, k, k + 1, iteration);
            buf_add_text(out, "</td>");
        }
        buf_add_text(out, "</tr>\n");
    }
    buf_add_text(out, "</table>\n");
}

static void add_object(struct buf *out, const json_t *object)
{
    union {
        const json_t *in;
        json_t *out;
    } o = {object}; /* the macro takes no const; it changes nothing */
    const char *key;
    json_t *value;

    json_object_foreach(o.out, key, value)
    {
        if (json_is_object(value))
            continue;
        char *text = json_is_string(value) ? NULL : json_line(value);
        buf_add_text(out, "<tr><th>");
        text_add_html(out, key);
        buf_add_text(out, "</th><td>");
        text_add_html(out, text ? text : json_string_value(value) ? json_string_value(value) : "");
        buf_add_text(out, "</td></tr>\n");
        free(text);
    }
}

static int write_page(const struct page *p, const struct buf *curves, struct err *err)
{
    char path[PATH_SIZE];
    struct buf out;
    int ret = -1;

    buf_init(&out, PAGE_MAX);
    add_head(&out, p);
    buf_add_text(&out, "<h2>Curves</h2>\n");
    buf_add(&out, curves->data, curves->len);
    add_looks(&out, p);
    add_pictures(&out, p);
    buf_add_text(&out, "<h2>Settings</h2>\n<table>\n");
    add_object(&out, p->config);
    add_object(&out, json_object_get(p->config, "settings"));
    buf_add_text(&out, "</table>\n</body></html>\n");
    if (!buf_check(&out, "index.html", err) &&
        !path_format(path, sizeof(path), err, "%s/index.html", p->dir))
        ret = file_write(path, out.data, out.len, err);
    buf_release(&out);
    return ret;
}

int page_write(const struct page *p, struct err *err)
{
    char path[PATH_SIZE];
    struct buf curves;
    int ret = -1;

    buf_init(&curves, PAGE_MAX);
    curves_draw(&curves, p->history, p->total);
    if (!buf_check(&curves, "curves.svg", err) &&
        !path_format(path, sizeof(path), err, "%s/curves.svg", p->dir) &&
        !file_write(path, curves.data, curves.len, err))
        ret = write_page(p, &curves, err);
    buf_release(&curves);
    return ret;
}

static int keep_one(const char *folder, int k, const struct sketch *s, struct err *err)
{
    char path[PATH_SIZE];
    struct buf jpeg;
    int ret = -1;

    buf_init(&jpeg, PAGE_MAX);
    if (!encode_jpeg(s->rgb, s->w, s->h, QUALITY, &jpeg, err) &&
        !path_format(path, sizeof(path), err, "%s/%d.jpg", folder, k))
        ret = file_write(path, jpeg.data, jpeg.len, err);
    buf_release(&jpeg);
    return ret;
}

int page_keep(const char *dir, int64_t iteration, const struct validation *v, struct err *err)
{
    char folder[PATH_SIZE];

    if (path_format(folder, sizeof(folder), err, "%s/pictures/%" PRId64, dir, iteration) ||
        dir_make(folder, err))
        return -1;
    for (int k = 0; k < v->n_sketches && k < SKETCHES; k++)
        if (v->sketches[k].rgb && keep_one(folder, k, &v->sketches[k], err))
            return -1;
    return 0;
}
