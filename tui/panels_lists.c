#include <stdio.h>

#include "tui/format.h"
#include "tui/panels.h"
#include "tui/rows.h"

/* One line for the title, one for the columns' heads; a list of two lines goes without heads. */
enum { HEADED_ROWS = 3, COLUMN_GAP = 1 };

int panel_list_page(int rows)
{
    int page = rows - (rows > HEADED_ROWS ? 2 : 1);

    return page < 0 ? 0 : page;
}

/* The columns that an area of `cols` shows; returns how many, and which one is the last. */
static int last_column(const struct rows_column *columns, int n, int cols)
{
    int last = 0;

    for (int i = 0; i < n; i++)
        if (columns[i].from_cols <= cols)
            last = i;
    return last;
}

/* One line of a list: its heads when `s` is NULL. */
static void draw_line(struct pen *p, enum list list, const struct stats *s, int row)
{
    int n;
    const struct rows_column *columns = rows_columns(list, &n);
    int last = last_column(columns, n, p->at.cols);
    char text[ROWS_CELL_SIZE];

    for (int i = 0; i <= last; i++) {
        const struct rows_column *c = &columns[i];
        enum style style = STYLE_DIM;
        if (c->from_cols > p->at.cols)
            continue;
        if (s)
            style = c->cell(text, s, row);
        else
            snprintf(text, sizeof(text), "%s", c->head);
        int width = i == last && !c->is_number ? pen_left(p) : c->width;
        if (c->is_number)
            pen_number(p, style, width, text);
        else
            pen_field(p, style, width, text);
        if (i < last)
            pen_skip(p, COLUMN_GAP + c->is_number);
    }
}

/* How many there are in all: the figures carry no more than the first few hundred as rows. */
static int64_t count_all(const struct stats *s, enum list list)
{
    int64_t rows = rows_total(s, list), counted = 0;

    if (list == LIST_FLAGGED)
        counted = reading_add(s->urgent, s->review);
    else if (list == LIST_ASIDE)
        counted = s->set_aside;
    return counted > rows ? counted : rows;
}

/* " Flagged 214 " or, when not all are in the list, " Flagged 3 of 214 ". */
static void list_title(struct pen *p, const struct scene *scene, enum list list, int passed)
{
    bool is_focus = scene->view->focus == list && !scene->is_still;
    enum style style = is_focus ? STYLE_MARK : STYLE_TITLE;
    const char *mark = is_focus ? "▸" : scene->is_still ? "" : " ";
    int64_t all = count_all(scene->shown, list);
    char some[FORMAT_SIZE] = "", total[FORMAT_SIZE];

    if (passed < all)
        snprintf(some, sizeof(some), "%d of ", passed);
    pen_printf(p, style, "%s%s %s%s ", mark, rows_title(list), some, format_count(total, all, 9));
}

static void rule_with_place(struct pen *p, const struct scene *scene, enum list list, int n)
{
    const struct view *v = scene->view;
    int page = panel_list_page(p->at.rows), top = v->top[list];
    int end = top + page < n ? top + page : n;
    char text[64];

    pen_text(p, STYLE_DIM, " ");
    snprintf(text, sizeof(text), "%s, %d–%d of %d",
             rows_order_name(list, v->sort[list] % rows_orders(list)), top + 1, end, n);
    int width = n > 0 && pen_width(text) + 4 < pen_left(p) ? pen_width(text) : 0;
    panel_rule(p, width);
    if (width)
        pen_text(p, STYLE_DIM, text);
}

static void draw_rows(struct pen *p, const struct scene *scene, enum list list, const int *rows,
                      int n)
{
    static const char *const empty[LIST_COUNT] = {"no case is flagged", "nothing is set aside",
                                                  "no worker is running"};
    int line = 1, page = panel_list_page(p->at.rows), top = scene->view->top[list];

    if (p->at.rows > HEADED_ROWS) {
        pen_move(p, line++, 0);
        draw_line(p, list, NULL, 0);
    }
    for (int i = 0; i < page && top + i < n; i++) {
        pen_move(p, line + i, 0);
        draw_line(p, list, scene->shown, rows[top + i]);
    }
    if (n == 0 && page > 0) {
        pen_move(p, line, 0);
        pen_field(p, STYLE_DIM, p->at.cols,
                  rows_total(scene->shown, list) ? "nothing passes the filter" : empty[list]);
    }
}

void panel_list(struct frame *f, struct area at, const struct scene *scene, enum list list)
{
    struct pen p = pen_on(f, at);
    int rows[VIEW_ROWS_MAX], n = rows_select(scene->shown, list, scene->view, rows);

    list_title(&p, scene, list, n);
    rule_with_place(&p, scene, list, n);
    draw_rows(&p, scene, list, rows, n);
}

void panel_tabbed_list(struct frame *f, struct area at, const struct scene *scene)
{
    struct pen p = pen_on(f, at);
    int rows[VIEW_ROWS_MAX], n = 0;

    for (int i = 0; i < LIST_COUNT; i++) {
        n = rows_select(scene->shown, i, scene->view, rows);
        list_title(&p, scene, i, n);
    }
    n = rows_select(scene->shown, scene->view->focus, scene->view, rows);
    rule_with_place(&p, scene, scene->view->focus, n);
    draw_rows(&p, scene, scene->view->focus, rows, n);
}
