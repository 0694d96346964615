#include "tui/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tui/dashboard.h"
#include "tui/feed.h"
#include "tui/screen.h"

enum { PLAIN_ROWS = 60 };

/* All that one sitting at the terminal holds. */
struct sitting {
    struct source *source;
    struct screen *screen;
    struct feed *feed;
    int signals; /* signalfd of those that end it */
    sigset_t while_waiting;
    struct view view;
    struct reading reading;
    struct stats shown;
};

static struct scene scene_of(struct sitting *t)
{
    reading_select(&t->shown, &t->reading, t->view.node);
    return (struct scene){.reading = &t->reading,
                          .shown = &t->shown,
                          .view = &t->view,
                          .source = source_name(t->source)};
}

static void redraw(struct sitting *t)
{
    struct scene scene = scene_of(t);
    struct frame frame;
    int rows, cols;

    screen_size(t->screen, &rows, &cols);
    struct view_extent extent = dashboard_extent(rows, cols, &scene);
    view_clamp(&t->view, &extent);
    scene = scene_of(t); /* the tab may be another one now */
    frame_init(&frame, rows, cols, screen_is_ascii());
    dashboard_draw(&frame, &scene);
    screen_show(t->screen, &frame);
    frame_release(&frame);
}

/* Take all keys that are waiting. Returns false to end. */
static bool take_keys(struct sitting *t, bool *is_changed)
{
    int key, rows, cols;

    while ((key = screen_key(t->screen)) != SCREEN_KEY_NONE) {
        struct scene scene = scene_of(t);
        if (key == SCREEN_KEY_GONE)
            return false;
        *is_changed |= key == SCREEN_KEY_RESIZED;
        screen_size(t->screen, &rows, &cols);
        struct view_extent extent = dashboard_extent(rows, cols, &scene);
        enum view_answer answer = key > 0 ? view_key(&t->view, key, &extent) : VIEW_NOTHING;
        if (answer == VIEW_QUIT)
            return false;
        *is_changed |= answer == VIEW_CHANGED;
    }
    return true;
}

/* SIGWINCH interrupts the waiting and nothing else, so that none is missed. */
static bool wait_and_act(struct sitting *t)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO,                              .events = POLLIN},
        {.fd = t->signals,                                .events = POLLIN},
 /* a paused picture leaves the news where it is */
        {.fd = t->view.is_paused ? -1 : feed_fd(t->feed), .events = POLLIN}
    };
    bool is_changed = false;

    if (ppoll(fds, 3, NULL, &t->while_waiting) < 0 && errno != EINTR)
        return false;
    if (fds[1].revents || (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
        return false;
    if (!take_keys(t, &is_changed))
        return false;
    if (fds[2].revents) {
        feed_take(t->feed, &t->reading);
        is_changed = true;
    }
    if (is_changed)
        redraw(t);
    return true;
}

/* Those that end the dashboard arrive through a descriptor; SIGWINCH only while it waits. */
static int catch_signals(struct sitting *t, struct err *err)
{
    sigset_t ending, blocked;

    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigaddset(&ending, SIGQUIT);
    blocked = ending;
    sigaddset(&blocked, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &blocked, &t->while_waiting);
    sigorset(&t->while_waiting, &t->while_waiting, &ending);
    sigdelset(&t->while_waiting, SIGWINCH);
    t->signals = signalfd(-1, &ending, SFD_CLOEXEC);
    if (t->signals < 0)
        return err_set(err, ERR_AGAIN, "signalfd: %s", strerror(errno));
    return 0;
}

int top_watch(struct source *source, struct err *err)
{
    struct sitting *t = calloc(1, sizeof(*t));
    int ret = -1;

    if (!t)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    t->source = source;
    t->signals = -1;
    if (catch_signals(t, err) || feed_start(&t->feed, source, err) || screen_open(&t->screen, err))
        goto done;
    redraw(t);
    while (wait_and_act(t))
        ;
    ret = 0;
done:
    screen_close(t->screen); /* first: the person gets the terminal back at once */
    feed_stop(t->feed);
    if (t->signals >= 0)
        close(t->signals);
    free(t);
    return ret;
}

static int read_once(struct source *source, struct reading *r, struct err *err)
{
    if (source_read(source, r, err))
        return source->out[0] ? err_wrap(err, "%s", source->out) : -1;
    if (r->n > 0)
        return 0;
    return err_set(err, ERR_AGAIN, "%s: no machine is at work", source_name(source));
}

int top_plain(struct source *source, int cols, struct buf *out, struct err *err)
{
    struct sitting *t = calloc(1, sizeof(*t));
    struct frame frame;
    int ret = -1;

    if (!t)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    t->source = source;
    if (!read_once(source, &t->reading, err)) {
        struct scene scene = scene_of(t);
        scene.is_still = true;
        frame_init(&frame, PLAIN_ROWS, cols, screen_is_ascii());
        dashboard_draw(&frame, &scene);
        frame_add_text(&frame, out);
        frame_release(&frame);
        ret = buf_check(out, "frame", err);
    }
    free(t);
    return ret;
}

/* The figures of all machines; of each one too when there are several. */
static json_t *snapshot_of(const struct reading *r, struct stats *sum)
{
    reading_select(sum, r, 0);
    json_t *object = stats_to_json(sum), *nodes = json_array();

    for (int i = 0; r->n > 1 && i < r->n; i++)
        json_add(&nodes, stats_to_json(&r->nodes[i]));
    if (r->n > 1)
        json_put(&object, "nodes", nodes);
    else
        json_decref(nodes);
    return object;
}

int top_snapshot(struct source *source, struct buf *out, struct err *err)
{
    struct sitting *t = calloc(1, sizeof(*t));
    int ret = -1;

    if (!t)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    t->source = source;
    if (!read_once(source, &t->reading, err)) {
        json_t *object = snapshot_of(&t->reading, &t->shown);
        char *line = object ? json_line(object) : NULL;
        if (line) {
            buf_add_text(out, line);
            buf_add_text(out, "\n");
        } else {
            err_set(err, ERR_NOMEM, "no memory for the figures");
        }
        ret = line ? buf_check(out, "figures", err) : -1;
        free(line);
        json_decref(object);
    }
    free(t);
    return ret;
}
