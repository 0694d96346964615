#include "train/pictures.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/settings.h"
#include "dataset/mask.h"
#include "preprocess/decode.h"

/* Requests 2 * row (the picture) and 2 * row + 1 (its mask) go to the decoder in order, at most as many
 * ahead as there are slots. */
struct feed {
    const struct pictures_request *request;
    struct decoder *decoder;
    int slots;
    int asked; /* requests that the decoder was given so far */
    struct decoded *answers;
    bool *is_there;   /* slots: of answers */
    uint8_t *classes; /* of the mask at its own size */
    uint8_t *pixels;  /* rgb, then label */
};

enum { SLOTS_A_CHILD = 4 };

static int open_decoder(struct feed *f, struct err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const struct settings *s = f->request->settings;
    int children = s->decoders ? (int)s->decoders : (int)(cores > 0 ? cores : 1);

    children = children < DECODE_CHILDREN_MAX ? children : DECODE_CHILDREN_MAX;
    f->slots = SLOTS_A_CHILD * children;
    const struct decoder_config config = {
        .slots = f->slots,
        .children = children,
        .size_max = f->request->bound,
        .seconds = (int)s->decode_seconds,
        .memory_mb = (int)s->decode_mb,
        .megapixels_max = (int)s->pixels_max,
    };
    f->answers = calloc((size_t)f->slots, sizeof(*f->answers));
    f->is_there = calloc((size_t)f->slots, sizeof(*f->is_there));
    if (!f->answers || !f->is_there)
        return err_set(err, ERR_NOMEM, "no memory for %d decoded pictures", f->slots);
    return decoder_open(&f->decoder, &config, err);
}

static int path_of(char path[SETTINGS_PATH_SIZE], const struct feed *f, int k, struct err *err)
{
    const char *data = f->request->data, *id = f->request->rows[k / 2].id;

    if (k % 2)
        return path_format(path, SETTINGS_PATH_SIZE, err, "%s/masks/%s.png", data, id);
    return labels_image_path(path, SETTINGS_PATH_SIZE, data, id, err);
}

/* 1: it was taken; 0: the decoder wants no more now. */
static int ask(struct feed *f, int k, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_of(path, f, k, err))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    const struct decode_request request = {
        .slot = k % f->slots,
        .fd = fd,
        .size = f->request->bound,
        .want_display = true,
        .is_mask = k % 2,
        .tag = (uint64_t)k,
    };
    struct err refused = {0};
    int ret = decoder_submit(f->decoder, &request, &refused);
    close(fd);
    if (ret && refused.code == ERR_AGAIN)
        return 0;
    return ret ? err_set(err, refused.code, "%s", refused.msg) : 1;
}

static int ask_ahead(struct feed *f, int row, struct err *err)
{
    int ret = 1, last = 2 * row + f->slots;

    last = last < 2 * f->request->n ? last : 2 * f->request->n;
    while (f->asked < last && (ret = ask(f, f->asked, err)) == 1)
        f->asked++;
    return ret < 0 ? -1 : 0;
}

static int wait_for_one(struct feed *f, struct err *err)
{
    struct pollfd ready = {.fd = decoder_fd(f->decoder), .events = POLLIN};
    struct decoded answer;
    int got;

    (void)poll(&ready, 1, 1000); /* in vain: looked at again */
    while ((got = decoder_next(f->decoder, &answer, err)) == 1) {
        f->answers[answer.slot] = answer;
        f->is_there[answer.slot] = true;
    }
    return got < 0 ? -1 : 0;
}

static int fail(const struct feed *f, int k, struct err *err, const char *why)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_of(path, f, k, err))
        return -1;
    return err_set(err, ERR_CONFIG, "%s: %s", path, why);
}

static int check(const struct feed *f, int row, const struct decoded *picture,
                 const struct decoded *mask, struct err *err)
{
    const struct decoded *answers[2] = {picture, mask};
    char why[128];

    for (int k = 0; k < 2; k++) {
        if (answers[k]->err.code == ERR_AGAIN) /* the machine's trouble, and not the picture's */
            return err_set(err, ERR_AGAIN, "%s", answers[k]->err.msg);
        if (answers[k]->reason == REASON_NONE)
            continue;
        snprintf(why, sizeof(why), "%s: %s", reason_word(answers[k]->reason), answers[k]->err.msg);
        return fail(f, 2 * row + k, err, why);
    }
    if (picture->width == mask->width && picture->height == mask->height)
        return 0;
    snprintf(why, sizeof(why), "a mask of %d x %d px for a picture of %d x %d", mask->width,
             mask->height, picture->width, picture->height);
    return fail(f, 2 * row + 1, err, why);
}

/* What is over the bound comes as the network would see it, all else as it is. */
static void copy_picture(struct cache_picture *out, uint8_t *rgb, const struct decoded *d,
                         int bound)
{
    bool is_over = d->width > bound || d->height > bound;
    const struct picture *from = is_over ? &d->network : &d->display;

    out->w = is_over ? d->content_w : from->w;
    out->h = is_over ? d->content_h : from->h;
    for (int j = 0; j < out->h; j++)
        memcpy(rgb + 3 * (size_t)j * (size_t)out->w, from->rgb + 3 * (size_t)j * (size_t)from->w,
               3 * (size_t)out->w);
    out->rgb = rgb;
}

/* The class of the mask's pixel under the middle of each of the picture's. */
static void copy_label(struct cache_picture *out, uint8_t *label, const uint8_t *classes, int w,
                       int h)
{
    for (int j = 0; j < out->h; j++) {
        const uint8_t *row = classes + (size_t)((2 * j + 1) * h / (2 * out->h)) * (size_t)w;
        for (int i = 0; i < out->w; i++)
            label[(size_t)j * (size_t)out->w + (size_t)i] = row[(2 * i + 1) * w / (2 * out->w)];
    }
    out->label = label;
}

static int hand_over(struct feed *f, int row, struct err *err)
{
    const struct decoded *picture = &f->answers[2 * row % f->slots];
    const struct decoded *mask = &f->answers[(2 * row + 1) % f->slots];
    struct cache_picture out = {.class = f->request->rows[row].class};
    struct err what = {0};

    if (check(f, row, picture, mask, err))
        return -1;
    if (mask_read(f->classes, mask->display.rgb, mask->display.w, mask->display.h, out.class,
                  &what))
        return fail(f, 2 * row + 1, err, what.msg);
    copy_picture(&out, f->pixels, picture, f->request->bound);
    size_t n = (size_t)out.w * (size_t)out.h;
    copy_label(&out, f->pixels + 3 * n, f->classes, mask->display.w, mask->display.h);
    if (!out.class)
        out.class = mask_main_class(out.label, n);
    return f->request->take(f->request->context, row, &out, err);
}

static int decode_row(struct feed *f, int row, struct err *err)
{
    int first = 2 * row % f->slots, second = (2 * row + 1) % f->slots;

    while (!f->is_there[first] || !f->is_there[second])
        if (ask_ahead(f, row, err) || wait_for_one(f, err))
            return -1;
    if (hand_over(f, row, err))
        return -1;
    f->is_there[first] = f->is_there[second] = false;
    return 0;
}

int pictures_decode(const struct pictures_request *request, struct err *err)
{
    enum { SIDE = DECODE_DISPLAY_MAX };
    struct feed f = {.request = request};
    int ret = -1;

    assert(request->bound >= PICTURES_BOUND_MIN && request->bound <= PICTURES_BOUND_MAX);
    f.classes = malloc((size_t)SIDE * SIDE);
    f.pixels = malloc(4 * (size_t)SIDE * SIDE);
    if (!f.classes || !f.pixels)
        err_set(err, ERR_NOMEM, "no memory for a decoded picture");
    else
        ret = open_decoder(&f, err);
    for (int row = 0; row < request->n && !ret; row++)
        ret = decode_row(&f, row, err);
    decoder_close(f.decoder);
    free(f.answers);
    free(f.is_there);
    free(f.classes);
    free(f.pixels);
    return ret;
}
