#include "worker/nothing.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/status.h"
#include "queue/spool.h"
#include "queue/wire.h"
#include "worker/tools.h"

enum { OUT_MAX = 4 << 20, CHUNK = 256 << 10 };

struct nothing {
    struct buf in, out;
    struct wire_message jobs, answer; /* 90 kB each */
    int batch;                        /* answers in a line */
    bool is_draining;
};

static int answer(struct nothing *w, struct err *err)
{
    for (int i = 0; i < w->jobs.n_items;) {
        wire_begin(&w->answer, WIRE_DONE);
        for (int k = 0; k < w->batch && i < w->jobs.n_items; k++, i++) {
            struct wire_item *row = wire_add(&w->answer, w->jobs.items[i].id);
            row->attempt = w->jobs.items[i].attempt;
            row->status = RESULT_DONE;
            snprintf(row->risk, sizeof(row->risk), "routine");
        }
        if (wire_format(&w->answer, &w->out, err))
            return -1;
    }
    return 0;
}

static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
    struct nothing *w = ctx;

    if (wire_parse(&w->jobs, line, n, err))
        return -1;
    w->is_draining = w->is_draining || w->jobs.kind == WIRE_DRAIN;
    return w->jobs.kind == WIRE_JOBS ? answer(w, err) : 0;
}

/* All the answers to what one read brought go in one write. */
static int send_all(struct nothing *w, struct err *err)
{
    for (size_t at = 0; at < w->out.len;) {
        ssize_t n = send(WIRE_FD, w->out.data + at, w->out.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return err_set(err, ERR_CANCELLED, "the scheduler is gone");
        at += n > 0 ? (size_t)n : 0;
    }
    buf_clear(&w->out);
    return 0;
}

static int serve(struct nothing *w, struct err *err)
{
    struct wire_message *m = &w->answer;
    char *chunk = malloc(CHUNK);
    ssize_t n = 0;

    wire_begin(m, WIRE_HELLO);
    m->version = WIRE_VERSION;
    m->credit = WIRE_ITEMS_MAX;
    m->pid = (int)getpid();
    m->size = 1;
    snprintf(m->role, sizeof(m->role), "worker");
    snprintf(m->model, sizeof(m->model), "nothing");
    int ret = chunk ? wire_format(m, &w->out, err) : err_set(err, ERR_NOMEM, "worker");
    while (!ret && !(ret = send_all(w, err)) && !w->is_draining) {
        n = recv(WIRE_FD, chunk, CHUNK, 0);
        if (!n || (n < 0 && errno != EINTR)) /* the scheduler is gone: errno is an older one's */
            break;
        ret = n > 0 ? wire_feed(&w->in, chunk, (size_t)n, on_line, w, err) : 0;
    }
    free(chunk);
    return ret;
}

int nothing_run(const struct settings *settings)
{
    static struct nothing worker; /* one a process */
    struct err err = {0};

    if (!spool_is_bench(settings->spool)) {
        err_set(&err, ERR_CONFIG,
                "work=nothing answers jobs and makes no results, and %s is no spool that lentigo "
                "bench queue made: leave the setting work out",
                settings->spool);
        return tool_fail(&err);
    }
    worker.batch = (int)settings->batch;
    buf_init(&worker.in, WIRE_LINE_MAX + CHUNK);
    buf_init(&worker.out, OUT_MAX);
    int ret = serve(&worker, &err);
    buf_release(&worker.in);
    buf_release(&worker.out);
    return !ret || err.code == ERR_CANCELLED ? STATUS_OK : STATUS_BROKEN;
}
