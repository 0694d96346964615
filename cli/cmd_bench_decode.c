/* cmd_bench_decode.c -- `lentigo bench decode FOLDER`: images a second of the sandboxed decoders
 * alone. A round decodes the whole folder; what no decoder accepts is counted, never hidden. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "common/clock.h"
#include "engine/wish.h"
#include "preprocess/decode.h"
#include "queue/tree.h"

enum {
    SIZE = 512,
    WAIT_MS = 1000,
    NVJPEG_SLOTS = 128, /* a batch at work and one in line; a child has a slot of its own */
};

struct decode_bench {
    const struct settings *settings;
    struct tree tree;
    struct decoder *decoder;
    int children, slots, size, next; /* item of the tree */
    bool want_display, wants_nvjpeg;
    bool busy[DECODE_SLOTS_MAX];
    int in_flight;
    int64_t decoded, refused, by_nvjpeg, cpu_us; /* over all rounds */
};

/* Waits for one result at least. */
static int collect(struct decode_bench *b, struct err *err)
{
    struct pollfd ready = {.fd = decoder_fd(b->decoder), .events = POLLIN};
    struct decoded d;
    int got;

    (void)poll(&ready, 1, WAIT_MS);
    while ((got = decoder_next(b->decoder, &d, err)) > 0) {
        b->busy[d.slot] = false;
        b->in_flight--;
        b->decoded += d.reason == REASON_NONE;
        b->refused += d.reason != REASON_NONE;
        b->by_nvjpeg += d.is_by_nvjpeg;
        b->cpu_us += d.cpu_us;
    }
    return got;
}

static int submit_next(struct decode_bench *b, int slot, struct err *err)
{
    const struct tree_item *item = &b->tree.items[b->next++];

    if (item->kind != TREE_FILE)
        return 0;
    struct decode_request request = {
        .slot = slot,
        .fd = tree_fd(&b->tree, item->path),
        .size = b->size,
        .want_display = b->want_display,
    };
    if (request.fd < 0)
        return err_set(err, ERR_INPUT, "%s: %s", item->path, strerror(errno));
    int ret = decoder_submit(b->decoder, &request, err);
    close(request.fd);
    if (ret && err->code == ERR_AGAIN && b->in_flight) { /* the zygote is behind */
        *err = (struct err){0};
        b->next--;
        return collect(b, err);
    }
    b->busy[slot] = !ret;
    b->in_flight += !ret;
    return ret;
}

static int run_round(struct decode_bench *b, struct err *err)
{
    b->next = 0;
    while (b->next < b->tree.n || b->in_flight) {
        for (int slot = 0; slot < b->slots; slot++)
            while (b->next < b->tree.n && !b->busy[slot])
                if (submit_next(b, slot, err))
                    return -1;
        if (b->in_flight && collect(b, err))
            return -1;
    }
    return 0;
}

static void print_result(const struct decode_bench *b, double *seconds, long rounds)
{
    double images = (double)(b->decoded + b->refused) / (double)rounds;
    double median = bench_median(seconds, (int)rounds);

    bench_print(json_pack("{s:s, s:i, s:b, s:i, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:o}", "what",
                          "decode", "size", b->size, "display", b->want_display, "decoders",
                          b->children, "decoded", (json_int_t)(b->decoded / rounds), "refused",
                          (json_int_t)(b->refused / rounds), "by_nvjpeg",
                          (json_int_t)(b->by_nvjpeg / rounds), "rounds", (int)rounds,
                          "images_per_s", json_rounded(images / median, 1), "best",
                          json_rounded(images / seconds[0], 1), "worst",
                          json_rounded(images / seconds[rounds - 1], 1), "cpu_ms_per_image",
                          json_rounded((double)b->cpu_us / 1e3 / images / (double)rounds, 3)),
                b->settings->json);
}

static int measure(struct decode_bench *b, struct err *err)
{
    long rounds = b->settings->rounds;
    double *seconds = calloc((size_t)rounds, sizeof(*seconds));
    int ret = seconds ? 0 : err_set(err, ERR_NOMEM, "%ld rounds", rounds);

    for (long i = 0; i < rounds && !ret; i++) {
        int64_t start = clock_mono_us();

        ret = run_round(b, err);
        seconds[i] = (double)(clock_mono_us() - start) / 1e6;
    }
    if (!ret && !(b->decoded + b->refused))
        ret = err_set(err, ERR_CONFIG, "no file in the folder");
    if (!ret)
        print_result(b, seconds, rounds);
    free(seconds);
    return ret;
}

static int open_and_measure(struct decode_bench *b, const char *folder, struct err *err)
{
    const struct settings *s = b->settings;
    const struct tree_request request = {.root = folder};
    struct decoder_config config = {
        .slots = b->slots,
        .children = b->children,
        .size_max = b->size,
        .seconds = (int)s->decode_seconds,
        .memory_mb = (int)s->decode_mb,
        .megapixels_max = (int)s->pixels_max,
        .wants_nvjpeg = b->wants_nvjpeg,
        .nvjpeg_device = wish_gpu(s->device),
    };

    if (tree_read(&b->tree, &request, err))
        return -1;
    int ret = decoder_open(&b->decoder, &config, err);
    if (!ret) {
        ret = measure(b, err);
        decoder_close(b->decoder);
    }
    tree_release(&b->tree);
    return ret;
}

int cmd_bench_decode(const struct settings *s, int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), children = s->decoders ? s->decoders : cores;
    struct decode_bench b = {
        .settings = s,
        .children = (int)(children < DECODE_CHILDREN_MAX ? children : DECODE_CHILDREN_MAX),
        .size = s->size > 0 ? (int)s->size : SIZE,
        .want_display = strstr(s->reports, "html") != NULL,
    };
    struct err err = {0};

    b.wants_nvjpeg = !strcmp(s->decode, "nvjpeg") && wish_gpu(s->device) >= 0;
    b.slots = b.children + b.wants_nvjpeg * NVJPEG_SLOTS;
    if (argc != 1)
        err_set(&err, ERR_INPUT, "bench decode FOLDER: a folder of images");
    else if (!open_and_measure(&b, argv[0], &err))
        return STATUS_OK;
    return command_fail(&err);
}
