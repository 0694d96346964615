#include "tui/dashboard.h"

#include <stdio.h>

#include "tui/panels.h"
#include "tui/rows.h"

static void draw_too_small(struct frame *f, struct area whole)
{
    struct pen p = pen_on(f, whole);

    pen_printf(&p, STYLE_WARN, "terminal too small: %dx%d, needs %dx%d", f->cols, f->rows,
               LAYOUT_COLS_MIN, LAYOUT_ROWS_MIN);
}

static void draw_centred(struct pen *p, int row, enum style style, const char *text)
{
    int n = pen_width(text), width = n < p->at.cols ? n : p->at.cols;

    pen_move(p, row, (p->at.cols - width) / 2);
    pen_field(p, style, width, text);
}

/* No machine has told anything yet. */
static void draw_waiting(struct frame *f, struct area at, const struct scene *scene)
{
    bool is_lost = scene->reading->link == READING_LOST;
    struct pen p = pen_on(f, at);
    char watched[256];
    int row = at.rows / 3;

    snprintf(watched, sizeof(watched), "Watching %s", scene->source);
    draw_centred(&p, row, STYLE_STRONG,
                 is_lost ? "No connection yet; trying again." : "No figures yet.");
    draw_centred(&p, row + 1, STYLE_TEXT, watched);
    draw_centred(&p, row + 2, STYLE_DIM, "The picture fills as soon as a machine is at work.");
}

static void draw_lists(struct frame *f, const struct layout *l, const struct scene *scene)
{
    if (l->is_tabbed) {
        panel_tabbed_list(f, l->lists[0], scene);
        return;
    }
    for (int i = 0; i < LIST_COUNT; i++)
        panel_list(f, l->lists[i], scene, i);
}

static void draw_panels(struct frame *f, const struct layout *l, const struct scene *scene)
{
    panel_totals(f, l->totals, scene->shown);
    panel_sentence(f, l->sentence, scene);
    if (l->nodes.rows)
        panel_nodes(f, l->nodes, scene);
    if (l->chart.rows)
        panel_chart(f, l->chart, scene->shown);
    if (l->machine.rows)
        panel_machine(f, l->machine, scene);
    if (l->stages.rows)
        panel_stages(f, l->stages, scene->shown);
    if (l->queue.rows)
        panel_queue(f, l->queue, scene->shown);
    draw_lists(f, l, scene);
}

void dashboard_draw(struct frame *f, const struct scene *scene)
{
    struct area whole = {0, 0, f->rows, f->cols};
    struct layout l = layout_make(f->rows, f->cols, scene->reading->n);
    struct area body = {1, 0, f->rows - 2, f->cols};
    enum reading_link link = scene->reading->link;

    if (l.is_too_small) {
        draw_too_small(f, whole);
        return;
    }
    panel_header(f, l.header, scene);
    if (scene->reading->n)
        draw_panels(f, &l, scene);
    else
        draw_waiting(f, body, scene);
    if (link == READING_LOST || link == READING_SILENT)
        frame_fade(f, body);
    if (scene->view->is_help)
        panel_help(f, body, scene->view);
    if (!scene->is_still)
        panel_footer(f, l.footer, scene);
}

struct view_extent dashboard_extent(int rows, int cols, const struct scene *scene)
{
    struct layout l = layout_make(rows, cols, scene->reading->n);
    struct view_extent e = {
        .n_nodes = scene->reading->n, .help_rows = panel_help_rows(), .help_page = rows - 3};
    int selected[VIEW_ROWS_MAX];

    for (int i = 0; i < LIST_COUNT; i++) {
        e.rows[i] = rows_select(scene->shown, i, scene->view, selected);
        e.page[i] = panel_list_page(l.lists[i].rows);
    }
    return e;
}
