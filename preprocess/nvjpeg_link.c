#include "preprocess/nvjpeg_link.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "preprocess/batcher.h"

enum { DEATHS_MAX = 3 };

int nvjpeg_link_init(struct nvjpeg_link *n, const struct nvjpeg_link_owner *owner)
{
    *n = (struct nvjpeg_link){.owner = *owner, .sock = -1};
    n->given = calloc((size_t)owner->decoder->slots, sizeof(*n->given));
    return n->given ? 0 : -1;
}

/* Its images go to children. */
static void lose(struct nvjpeg_link *n, const char *why, bool for_good)
{
    n->is_off = for_good || ++n->deaths >= DEATHS_MAX;
    log_event(LOG_WARN, "decode.nvjpeg", "error=\"%.200s\" images=%d is_off=%d", why, n->out,
              n->is_off);
    kill(n->pid, SIGKILL);
    close(n->sock);
    n->sock = -1;
    n->out = 0;
    for (int i = 0; i < n->owner.decoder->slots; i++) {
        if (!n->given[i])
            continue;
        n->given[i] = 0;
        n->owner.given_back(n->owner.ctx, i, 0);
    }
}

static void start(struct nvjpeg_link *n)
{
    const struct decoder_config *c = n->owner.decoder;
    const struct batcher_config config = {.layout = n->owner.layout,
                                          .device = c->nvjpeg_device,
                                          .threads = c->children,
                                          .megapixels_max = c->megapixels_max,
                                          .zygote_pid = getpid()};
    int pair[2];

    n->is_up = false;
    n->is_off = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0;
    if (n->is_off)
        return;
    n->pid = fork();
    if (n->pid == 0)
        batcher_main(pair[1], &config);
    close(pair[1]);
    if (n->pid > 0) {
        n->sock = pair[0];
        return;
    }
    close(pair[0]);
    n->is_off = true;
}

bool nvjpeg_link_is_there(struct nvjpeg_link *n)
{
    if (n->sock < 0 && !n->is_off)
        start(n);
    return !n->is_off;
}

bool nvjpeg_link_give(struct nvjpeg_link *n, const struct wire_job *job, int fd)
{
    const int fds[] = {fd, n->owner.slot_fds[job->slot]};

    if (n->out >= BATCHER_AHEAD || wire_send(n->sock, job, sizeof(*job), fds, 2, MSG_DONTWAIT))
        return false; /* one that died is found so by nvjpeg_link_receive */
    if (n->out++ == 0)
        n->since_us = clock_mono_us();
    n->given[job->slot] = job->number;
    return true;
}

static void answer(struct nvjpeg_link *n, const struct wire_outcome *o)
{
    const struct wire_outcome out = {.number = o->number,
                                     .slot = o->slot,
                                     .end = WIRE_EXITED,
                                     .is_by_nvjpeg = 1,
                                     .cpu_us = o->cpu_us,
                                     .wall_us = o->wall_us};

    n->out--;
    n->since_us = clock_mono_us();
    n->given[o->slot] = 0;
    if (o->end == WIRE_EXITED)
        n->owner.decoded(n->owner.ctx, &out);
    else
        n->owner.given_back(n->owner.ctx, o->slot, o->cpu_us);
}

static bool is_sound(const struct nvjpeg_link *n, const struct wire_outcome *o)
{
    return o->slot >= 0 && o->slot < n->owner.decoder->slots && n->given[o->slot] == o->number &&
           (o->end == WIRE_EXITED || o->end == WIRE_NOT_PLAIN) && o->cpu_us >= 0 && o->wall_us >= 0;
}

void nvjpeg_link_receive(struct nvjpeg_link *n)
{
    struct wire_outcome o;
    ssize_t got;

    while ((got = wire_receive(n->sock, &o, sizeof(o), NULL, MSG_DONTWAIT)) > 0) {
        o.text[sizeof(o.text) - 1] = 0;
        if (!o.number && o.end == WIRE_EXITED) {
            n->is_up = true;
            log_event(LOG_INFO, "decode.nvjpeg", "device=%d backend=%.10s",
                      n->owner.decoder->nvjpeg_device, o.text);
        } else if (!o.number || !is_sound(n, &o)) {
            lose(n, o.number ? "an answer to what nobody asked" : o.text, true);
            return;
        } else {
            answer(n, &o);
        }
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        lose(n, "it died", false);
}

void nvjpeg_link_watch(struct nvjpeg_link *n)
{
    int seconds = n->owner.decoder->seconds + (n->is_up ? 0 : BATCHER_START_S);

    if (n->out && clock_mono_us() - n->since_us > seconds * INT64_C(1000000))
        lose(n, "no answer in time", false);
}
