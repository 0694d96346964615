#include "train/gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIZE_LEAST = 32, PROGRESS_STEP = 100 };

struct flow {
    struct gallery *p;
    const struct gallery_job *job;
    int next, in_flight, done;
    bool is_busy[DECODE_SLOTS_MAX];
};

int gallery_open(struct gallery *p, const struct settings *s, struct err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), wanted = s->decoders ? s->decoders : cores;
    int children = (int)(wanted < 1 ? 1 : wanted > 64 ? 64 : wanted);
    const struct decoder_config config = {
        .slots = 2 * children,
        .children = children,
        .size_max = SIZE_LEAST,
        .seconds = (int)s->decode_seconds,
        .memory_mb = (int)s->decode_mb,
        .megapixels_max = (int)s->pixels_max,
    };

    *p = (struct gallery){.slots = config.slots};
    return decoder_open(&p->decoder, &config, err);
}

void gallery_close(struct gallery *p)
{
    decoder_close(p->decoder);
    *p = (struct gallery){0};
}

static void show(struct flow *f)
{
    f->done++;
    if (isatty(STDERR_FILENO) && (f->done % PROGRESS_STEP == 0 || f->done == f->job->n))
        fprintf(stderr, "\r%s: %d of %d%s", f->job->what, f->done, f->job->n,
                f->done == f->job->n ? "\n" : "");
}

static int refuse(struct flow *f, int i, const char *path, struct err *err)
{
    struct decoded none = {.reason = errno == ENOENT ? REASON_MISSING_FILE : REASON_UNREADABLE};

    err_set(&none.err, ERR_INPUT, "%s: %s", path, strerror(errno));
    int ret = f->job->take(f->job->ctx, i, &none, err);
    show(f);
    return ret;
}

static int free_slot(const struct flow *f)
{
    int slot = 0;

    while (f->is_busy[slot])
        slot++;
    return slot;
}

/* 1: the zygote is behind, ask again later. */
static int submit(struct flow *f, int i, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct err full = {0};

    if (fd < 0)
        return refuse(f, i, path, err);
    const struct decode_request request = {
        .slot = free_slot(f),
        .fd = fd,
        .size = SIZE_LEAST,
        .want_display = f->job->are_masks,
        .is_mask = f->job->are_masks,
        .tag = (uint64_t)i,
    };
    int ret = decoder_submit(f->p->decoder, &request, &full);
    close(fd);
    if (!ret) {
        f->is_busy[request.slot] = true;
        f->in_flight++;
        return 0;
    }
    return full.code == ERR_AGAIN && f->in_flight ? 1 : err_set(err, full.code, "%s", full.msg);
}

static int feed(struct flow *f, struct err *err)
{
    while (f->next < f->job->n && f->in_flight < f->p->slots) {
        const char *path = f->job->path(f->job->ctx, f->next);
        int ret = 0;
        if (path)
            ret = submit(f, f->next, path, err);
        else
            show(f);
        if (ret)
            return ret < 0 ? -1 : 0;
        f->next++;
    }
    return 0;
}

static int drain(struct flow *f, struct err *err)
{
    struct pollfd ready = {.fd = decoder_fd(f->p->decoder), .events = POLLIN};
    struct decoded d;
    int got;

    if (f->in_flight && poll(&ready, 1, -1) < 0 && errno != EINTR)
        return err_set(err, ERR_AGAIN, "poll: %s", strerror(errno));
    while (f->in_flight && (got = decoder_next(f->p->decoder, &d, err)) != 0) {
        if (got < 0)
            return -1;
        f->in_flight--;
        f->is_busy[d.slot] = false;
        if (d.err.code == ERR_AGAIN)
            return err_set(err, ERR_AGAIN, "%s", d.err.msg);
        if (f->job->take(f->job->ctx, (int)d.tag, &d, err))
            return -1;
        show(f);
    }
    return 0;
}

int gallery_run(struct gallery *p, const struct gallery_job *job, struct err *err)
{
    struct flow f = {.p = p, .job = job};

    while (f.next < job->n || f.in_flight)
        if (feed(&f, err) || drain(&f, err))
            return -1;
    return 0;
}
