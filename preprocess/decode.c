#include "preprocess/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preprocess/frame.h"
#include "preprocess/slot.h"
#include "preprocess/sniff.h"
#include "preprocess/wire.h"
#include "preprocess/zygote.h"

enum {
    SIZE_MAX_PX = 8192,
    START_MS = 30000,            /* a cold disk has 100 libraries to load */
    SLOT_KEEP = 4 * 1024 * 1024, /* bytes; a slot that held more gives its pages back */
};

struct slot {
    int fd;
    const uint8_t *map; /* read-only here */
    bool is_busy, is_postponed;
    uint64_t kept; /* bytes from the begin that never give their pages back */
    uint64_t job, tag, used;
    bool want_measure, want_display;
};

struct decoder {
    struct slot_layout layout;
    struct slot *slots;
    int slot_count, sock;
    pid_t zygote;
    uint64_t jobs;
    int postponed;
    bool is_gone, has_moved;
};

/* ---- open and close ---- */

/* Sealed, so that no child can shrink it under the parent's feet. */
static int slot_open(struct slot *s, uint64_t size, struct err *err)
{
    s->fd = memfd_create("lentigo-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->fd < 0 || ftruncate(s->fd, (off_t)size) ||
        fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return err_set(err, ERR_CONFIG, "no shared memory for a decode slot: %s", strerror(errno));
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_CONFIG, "cannot map a decode slot: %s", strerror(errno));
    s->map = map;
    (void)madvise(map, size, MADV_DONTFORK); /* each child of the zygote would carry it along */
    return 0;
}

static int slots_open(struct decoder *d, int count, struct err *err)
{
    d->slots = calloc((size_t)count, sizeof(*d->slots));
    if (!d->slots)
        return err_set(err, ERR_NOMEM, "no memory for %d decode slots", count);
    d->slot_count = count;
    for (int i = 0; i < count; i++)
        d->slots[i].fd = -1;
    for (int i = 0; i < count; i++)
        if (slot_open(&d->slots[i], d->layout.size, err))
            return -1;
    return 0;
}

static int zygote_start(struct decoder *d, const struct decoder_config *config, struct err *err)
{
    int pair[2], *fds = calloc((size_t)d->slot_count, sizeof(*fds));
    pid_t self = getpid();

    if (!fds)
        return err_set(err, ERR_NOMEM, "no memory for %d decode slots", d->slot_count);
    for (int i = 0; i < d->slot_count; i++)
        fds[i] = d->slots[i].fd;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        free(fds);
        return err_set(err, ERR_CONFIG, "no socket for decoding: %s", strerror(errno));
    }
    d->zygote = fork();
    if (d->zygote == 0)
        zygote_main(&(struct zygote_config){.decoder = config,
                                            .layout = d->layout,
                                            .slot_fds = fds,
                                            .sock = pair[1],
                                            .parent_pid = self});
    free(fds);
    close(pair[1]);
    d->sock = pair[0];
    if (d->zygote < 0)
        return err_set(err, ERR_AGAIN, "cannot fork for decoding: %s", strerror(errno));
    return 0;
}

static int zygote_greet(const struct decoder *d, struct err *err)
{
    struct pollfd p = {.fd = d->sock, .events = POLLIN};
    struct wire_outcome hello = {0};
    int ready;

    do
        ready = poll(&p, 1, START_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0 || wire_receive(d->sock, &hello, sizeof(hello), NULL, MSG_DONTWAIT) <= 0)
        return err_set(err, ERR_CONFIG, "decoding: the zygote does not start");
    hello.text[sizeof(hello.text) - 1] = 0;
    if (hello.end != WIRE_EXITED)
        return err_set(err, ERR_CONFIG, "decoding: %s", hello.text);
    return 0;
}

static int config_check(const struct decoder_config *c, struct err *err)
{
    const struct {
        const char *name;
        int value, min, max;
    } fields[] = {
        {"slots",          c->slots,          1,  DECODE_SLOTS_MAX   },
        {"children",       c->children,       1,  DECODE_CHILDREN_MAX},
        {"size",           c->size_max,       32, SIZE_MAX_PX        },
        {"decode-seconds", c->seconds,        1,  86400              },
        {"decode-mb",      c->memory_mb,      64, 1 << 20            },
        {"pixels-max",     c->megapixels_max, 1,  4000               },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        if (fields[i].value < fields[i].min || fields[i].value > fields[i].max)
            return err_set(err, ERR_CONFIG, "%s = %d, must be %d to %d", fields[i].name,
                           fields[i].value, fields[i].min, fields[i].max);
    return 0;
}

int decoder_open(struct decoder **out, const struct decoder_config *config, struct err *err)
{
    if (config_check(config, err))
        return -1;
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(err, ERR_NOMEM, "no memory for the decoder");
    d->layout = slot_layout(config->size_max);
    d->sock = -1;
    if (slots_open(d, config->slots, err) || zygote_start(d, config, err) || zygote_greet(d, err)) {
        decoder_close(d);
        return -1;
    }
    for (int i = 0; i < d->slot_count;
         i++) /* forks of ours may read pixels, the zygote is forked */
        (void)madvise((void *)(uintptr_t)d->slots[i].map, d->layout.size, MADV_DOFORK);
    *out = d;
    return 0;
}

void decoder_close(struct decoder *d)
{
    if (!d)
        return;
    if (d->zygote > 0) {
        kill(d->zygote, SIGKILL); /* its children die with it */
        while (waitpid(d->zygote, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (d->sock >= 0)
        close(d->sock);
    for (int i = 0; i < d->slot_count; i++) {
        if (d->slots[i].map)
            munmap((void *)(uintptr_t)d->slots[i].map, d->layout.size);
        if (d->slots[i].fd >= 0)
            close(d->slots[i].fd);
    }
    free(d->slots);
    free(d);
}

int decoder_fd(const struct decoder *d)
{
    return d->sock;
}

int decoder_pid(const struct decoder *d)
{
    return (int)d->zygote;
}

struct slot_inputs decoder_keep_inputs(struct decoder *d, int slot, int size)
{
    struct slot *s = &d->slots[slot];
    struct slot_layout needed = slot_layout(size);

    s->kept = needed.field;
    return (struct slot_inputs){s->map + needed.network, needed.field - needed.network};
}

/* ---- submit ---- */

static int gone(struct decoder *d, struct err *err)
{
    d->is_gone = true;
    return err_set(err, ERR_DEVICE, "the decoder's zygote (pid %d) is gone", (int)d->zygote);
}

int decoder_submit(struct decoder *d, const struct decode_request *request, struct err *err)
{
    if (request->slot < 0 || request->slot >= d->slot_count)
        return err_set(err, ERR_BUG, "decode slot %d of %d", request->slot, d->slot_count);
    if (request->size < 32 || request->size > d->layout.network_max)
        return err_set(err, ERR_BUG, "network size %d, at most %d", request->size,
                       d->layout.network_max);
    struct slot *s = &d->slots[request->slot];
    if (s->is_busy)
        return err_set(err, ERR_BUG, "decode slot %d is busy", request->slot);
    if (d->is_gone)
        return gone(d, err);

    struct wire_job job = {.number = ++d->jobs,
                           .tag = request->tag,
                           .slot = request->slot,
                           .size = request->size,
                           .want_measure = request->want_measure,
                           .want_display = request->want_display,
                           .is_mask = request->is_mask};

    if (s->used > SLOT_KEEP)
        (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->kept,
                        (off_t)(d->layout.size - s->kept)); /* else the pages just stay */
    if (wire_send(d->sock, &job, sizeof(job), &request->fd, 1, MSG_DONTWAIT)) {
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
            return err_set(err, ERR_AGAIN, "the decoder is behind: %s", strerror(errno));
        if (errno == EBADF)
            return err_set(err, ERR_BUG, "descriptor %d of an original", request->fd);
        return gone(d, err);
    }
    s->is_busy = true;
    s->job = job.number;
    s->tag = request->tag;
    s->want_measure = request->want_measure;
    s->want_display = request->want_display;
    s->used = d->layout.size; /* until known better */
    return 0;
}

/* ---- results ---- */

static enum err_code code_of(enum reason r)
{
    switch (r) {
    case REASON_TOO_LARGE:
    case REASON_TOO_SMALL:
    case REASON_TOO_MANY_PAGES:
    case REASON_DECODE_TIMEOUT:
    case REASON_DECODE_MEMORY: return ERR_LIMIT;
    default: return ERR_INPUT;
    }
}

static void set_aside(struct decoded *out, enum reason reason, const char *text)
{
    out->reason = reason;
    out->err = (struct err){0};
    err_set(&out->err, code_of(reason), "%s", text);
}

/* Messages of the libraries may quote bytes of the file. */
static void copy_text(char *to, const char *from, size_t size)
{
    size_t n = strnlen(from, size - 1);

    for (size_t i = 0; i < n; i++)
        to[i] = (char)(from[i] >= ' ' && from[i] <= '~' ? from[i] : '?');
    to[n] = 0;
}

static bool is_within(struct slot_size s, int longest)
{
    return s.w >= 1 && s.h >= 1 && s.w <= longest && s.h <= longest;
}

static bool is_as_wanted(struct slot_size s, bool is_wanted, int longest)
{
    return is_wanted ? is_within(s, longest) : !s.w && !s.h;
}

/* The child may have been taken over: every size must fit its place in the slot. */
static bool is_sound(const struct decoder *d, const struct slot *s, const struct slot_head *h)
{
    return *kind_name(h->kind) && h->orientation >= 1 && h->orientation <= 8 &&
           is_within(h->original, 65535) && is_within(h->network, d->layout.network_max) &&
           h->network.w % FRAME_STEP == 0 && h->network.h % FRAME_STEP == 0 &&
           is_within(h->content, d->layout.network_max) && h->content.w <= h->network.w &&
           h->content.h <= h->network.h && is_within(h->field, DECODE_FIELD_MAX) &&
           is_as_wanted(h->measure, s->want_measure, DECODE_MEASURE_MAX) &&
           is_as_wanted(h->display, s->want_display, DECODE_DISPLAY_MAX);
}

static struct picture picture_at(const struct slot *s, uint64_t at, struct slot_size size)
{
    return (struct picture){.rgb = s->map + at, .w = size.w, .h = size.h};
}

static void take_pictures(const struct decoder *d, struct slot *s, const struct slot_head *h,
                          struct decoded *out)
{
    const struct slot_size sizes[] = {h->network, h->field, h->measure, h->display};
    uint64_t pixels = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        pixels += (uint64_t)sizes[i].w * (uint64_t)sizes[i].h;
    out->network = picture_at(s, d->layout.network, h->network);
    out->content_w = h->content.w;
    out->content_h = h->content.h;
    out->field = picture_at(s, d->layout.field, h->field);
    if (s->want_measure)
        out->measure = picture_at(s, d->layout.measure, h->measure);
    if (s->want_display)
        out->display = picture_at(s, d->layout.display, h->display);
    s->used = pixels * 3;
}

static bool is_for_child(int32_t reason)
{
    return (reason >= REASON_NONE && reason <= REASON_TOO_MANY_PAGES) ||
           reason == REASON_DECODE_MEMORY;
}

static void take_head(const struct decoder *d, struct slot *s, struct decoded *out)
{
    struct slot_head h;
    char text[sizeof(h.text)];

    memcpy(&h, s->map, sizeof(h));
    if (h.job != s->job || !is_for_child(h.reason) || (!h.reason && !is_sound(d, s, &h))) {
        set_aside(out, REASON_DECODE_CRASH, "the decoding process left no sound result");
        return;
    }
    copy_text(out->format, kind_name(h.kind), sizeof(out->format));
    copy_text(out->note, h.note, sizeof(out->note));
    if (h.reason != REASON_NONE) {
        copy_text(text, h.text, sizeof(text));
        set_aside(out, (enum reason)h.reason, text);
        s->used = 0;
        return;
    }
    out->is_degraded = h.is_degraded;
    out->is_grey = h.is_grey;
    out->orientation = h.orientation;
    out->width = h.original.w;
    out->height = h.original.h;
    take_pictures(d, s, &h, out);
}

static void take_outcome(const struct decoder *d, struct slot *s, const struct wire_outcome *o,
                         struct decoded *out)
{
    char text[80];

    *out = (struct decoded){.tag = s->tag,
                            .slot = o->slot,
                            .signal = o->signal,
                            .is_by_nvjpeg = o->is_by_nvjpeg,
                            .cpu_us = o->cpu_us,
                            .wall_us = o->wall_us};
    s->is_busy = false;
    switch ((enum wire_end)o->end) {
    case WIRE_EXITED: take_head(d, s, out); break;
    case WIRE_TIMEOUT:
        out->signal = 0;
        set_aside(out, REASON_DECODE_TIMEOUT, "decoding took longer than allowed");
        break;
    case WIRE_MEMORY: set_aside(out, REASON_DECODE_MEMORY, "decoding took too much memory"); break;
    case WIRE_MOVES: /* these two: taken by decoder_next */
    case WIRE_SLOW:
    case WIRE_NOT_PLAIN:
    case WIRE_NO_ROOM:
        out->reason = REASON_INTERNAL;
        err_set(&out->err, ERR_AGAIN, "the decoder has too many files open");
        break;
    case WIRE_NOT_REGULAR: set_aside(out, REASON_SPECIAL_FILE, "not a regular file"); break;
    case WIRE_DIED:
        if (o->signal)
            snprintf(text, sizeof(text), "the decoding process died of signal %d", o->signal);
        else
            snprintf(text, sizeof(text), "the decoding process ended without a result");
        set_aside(out, REASON_DECODE_CRASH, text);
        break;
    }
}

bool decoder_has_moved(struct decoder *d)
{
    bool has_moved = d->has_moved;

    d->has_moved = false;
    return has_moved;
}

int decoder_postponed(const struct decoder *d)
{
    return d->postponed;
}

/* The slot that works on it, or NULL. */
static struct slot *slot_of(struct decoder *d, const struct wire_outcome *o)
{
    bool is_one = o->slot >= 0 && o->slot < d->slot_count && d->slots[o->slot].is_busy &&
                  d->slots[o->slot].job == o->number;

    return is_one ? &d->slots[o->slot] : NULL;
}

/* False: it is the end of an image. */
static bool take_word(struct decoder *d, const struct wire_outcome *o)
{
    struct slot *s = o->end == WIRE_SLOW ? slot_of(d, o) : NULL;

    d->has_moved = d->has_moved || o->end == WIRE_MOVES;
    if (s && !s->is_postponed) {
        s->is_postponed = true;
        d->postponed++;
    }
    return o->end == WIRE_MOVES || o->end == WIRE_SLOW;
}

int decoder_next(struct decoder *d, struct decoded *out, struct err *err)
{
    struct wire_outcome o;
    ssize_t n;

    if (d->is_gone)
        return gone(d, err);
    do
        n = wire_receive(d->sock, &o, sizeof(o), NULL, MSG_DONTWAIT);
    while ((n < 0 && errno == EINTR) || (n > 0 && take_word(d, &o)));
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return gone(d, err);
    struct slot *s = slot_of(d, &o);
    if (!s)
        return err_set(err, ERR_BUG, "a result for decode slot %d, which has no such job", o.slot);
    d->postponed -= s->is_postponed;
    s->is_postponed = false;
    take_outcome(d, s, &o, out);
    return 1;
}

int decoder_wait(struct decoder *d, const struct decode_request *request, struct decoded *out,
                 struct err *err)
{
    int got;

    if (decoder_submit(d, request, err))
        return -1;
    while ((got = decoder_next(d, out, err)) == 0) {
        struct pollfd p = {.fd = d->sock, .events = POLLIN};

        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return err_set(err, ERR_BUG, "poll: %s", strerror(errno));
    }
    return got < 0 ? -1 : 0;
}
