#include "tui/view.h"

#include <string.h>

#include "tui/rows.h"

static int clamped(int v, int min, int max)
{
    return v > max ? (max < min ? min : max) : v < min ? min : v;
}

void view_clamp(struct view *v, const struct view_extent *e)
{
    for (int i = 0; i < LIST_COUNT; i++)
        v->top[i] = clamped(v->top[i], 0, e->rows[i] - e->page[i]);
    v->help_top = clamped(v->help_top, 0, e->help_rows - e->help_page);
    v->node = clamped(v->node, 0, e->n_nodes > 1 ? e->n_nodes : 0);
}

static void edit_filter(struct view *v, int key)
{
    size_t n = strlen(v->filter);

    if (key == VIEW_KEY_ESCAPE) {
        v->filter[0] = 0;
        v->is_filtering = false;
    } else if (key == VIEW_KEY_ENTER) {
        v->is_filtering = false;
    } else if (key == VIEW_KEY_BACKSPACE && n) {
        v->filter[n - 1] = 0;
    } else if (key >= ' ' && key < 127 && n + 1 < sizeof(v->filter)) {
        v->filter[n] = (char)key;
        v->filter[n + 1] = 0;
    }
}

/* Returns false when the key moves nothing. */
static bool scroll(int *top, int key, int rows, int page)
{
    switch (key) {
    case VIEW_KEY_UP: --*top; break;
    case VIEW_KEY_DOWN: ++*top; break;
    case VIEW_KEY_PAGE_UP: *top -= page; break;
    case VIEW_KEY_PAGE_DOWN: *top += page; break;
    case VIEW_KEY_HOME: *top = 0; break;
    case VIEW_KEY_END: *top = rows; break;
    default: return false;
    }
    return true;
}

static void escape(struct view *v)
{
    if (v->is_help)
        v->is_help = false;
    else
        v->filter[0] = 0;
}

static void turn_node(struct view *v, int step, int n_nodes)
{
    int tabs = n_nodes > 1 ? n_nodes + 1 : 1;

    v->node = (v->node + step + tabs) % tabs;
}

static enum view_answer command(struct view *v, int key, const struct view_extent *e)
{
    switch (key) {
    case 'q':
    case 'Q': return VIEW_QUIT;
    case 'h':
    case '?': v->is_help = !v->is_help; break;
    case 'p': v->is_paused = !v->is_paused; break;
    case '/': v->is_filtering = true; break;
    case 's':
        v->sort[v->focus] = (v->sort[v->focus] + 1) % rows_orders(v->focus);
        v->top[v->focus] = 0;
        break;
    case VIEW_KEY_TAB: v->focus = (v->focus + 1) % LIST_COUNT; break;
    case VIEW_KEY_BACK_TAB: v->focus = (v->focus + LIST_COUNT - 1) % LIST_COUNT; break;
    case VIEW_KEY_LEFT: turn_node(v, -1, e->n_nodes); break;
    case VIEW_KEY_RIGHT: turn_node(v, 1, e->n_nodes); break;
    case VIEW_KEY_ESCAPE: escape(v); break;
    default:
        if (!scroll(&v->top[v->focus], key, e->rows[v->focus], e->page[v->focus]))
            return VIEW_NOTHING;
    }
    return VIEW_CHANGED;
}

/* With the help page open, the keys that do not leave it move it; any other letter closes it. */
static enum view_answer help_command(struct view *v, int key, const struct view_extent *e)
{
    if (key == 'q' || key == 'Q')
        return VIEW_QUIT;
    if (!scroll(&v->help_top, key, e->help_rows, e->help_page)) {
        v->is_help = false;
        v->help_top = 0;
    }
    return VIEW_CHANGED;
}

enum view_answer view_key(struct view *v, int key, const struct view_extent *e)
{
    enum view_answer answer = VIEW_CHANGED;

    if (v->is_help)
        answer = help_command(v, key, e);
    else if (v->is_filtering &&
             !scroll(&v->top[v->focus], key, e->rows[v->focus], e->page[v->focus]))
        edit_filter(v, key);
    else if (!v->is_filtering)
        answer = command(v, key, e);
    view_clamp(v, e);
    return answer;
}
