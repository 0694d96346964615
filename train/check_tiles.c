/* Pictures of the page: small, with the outline of their mask, as JPEG in the page itself. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "dataset/labels.h"
#include "dataset/mask.h"
#include "preprocess/encode.h"
#include "train/check_set.h"

enum { QUALITY = 82, JPEG_MAX = 1 << 20, SLOT_IMAGE = 0, SLOT_MASK = 1 };

struct tile {
    uint8_t *rgb, *classes, *mask; /* of the field; of the mask's display copy */
    int w, h;
};

static int decode(struct check_set *c, int slot, struct decoded *out, struct err *err)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const struct decode_request request = {.slot = slot,
                                           .fd = fd,
                                           .size = 32,
                                           .want_display = slot == SLOT_MASK,
                                           .is_mask = slot == SLOT_MASK};

    if (fd < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", c->path, strerror(errno));
    int ret = decoder_wait(c->gallery.decoder, &request, out, err);
    close(fd);
    if (!ret && out->reason != REASON_NONE)
        ret = err_set(err, ERR_AGAIN, "%s: %s", c->path, out->err.msg);
    return ret;
}

static int decode_both(struct check_set *c, const struct check_row *row, struct decoded *image,
                       struct decoded *mask, struct err *err)
{
    if (labels_image_path(c->path, sizeof(c->path), c->dir, row->id, err) ||
        decode(c, SLOT_IMAGE, image, err) ||
        path_format(c->path, sizeof(c->path), err, "%s/masks/%s.png", c->dir, row->id))
        return -1;
    return decode(c, SLOT_MASK, mask, err);
}

/* The class at a place of the tile; beyond its border: background. */
static int class_at(const struct tile *t, int x, int y)
{
    return x < 0 || y < 0 || x >= t->w || y >= t->h
               ? 0
               : t->classes[(size_t)y * (size_t)t->w + (size_t)x];
}

/* Just outside of the lesion black, its outermost pixels in the colour of the class: seen on any skin. */
static void draw_outline(struct tile *t)
{
    static const uint8_t black[3] = {0};

    for (int y = 0; y < t->h; y++)
        for (int x = 0; x < t->w; x++) {
            int own = class_at(t, x, y);
            const int beside[] = {class_at(t, x - 1, y), class_at(t, x + 1, y),
                                  class_at(t, x, y - 1), class_at(t, x, y + 1)};
            bool is_border = false;
            for (int k = 0; k < 4; k++)
                is_border |= beside[k] != own;
            if (is_border)
                memcpy(t->rgb + 3 * ((size_t)y * (size_t)t->w + (size_t)x),
                       own ? class_colour(own) : black, 3);
        }
}

static int fill_tile(struct tile *t, const struct check_row *row, const struct decoded *image,
                     const struct decoded *mask, struct err *err)
{
    const struct picture *field = &image->field, *full = &mask->display;
    size_t n = (size_t)field->w * (size_t)field->h;

    t->w = field->w;
    t->h = field->h;
    t->rgb = malloc(n * 3);
    t->classes = malloc(n);
    t->mask = malloc((size_t)full->w * (size_t)full->h);
    if (!t->rgb || !t->classes || !t->mask)
        return err_set(err, ERR_NOMEM, "a tile");
    memcpy(t->rgb, field->rgb, n * 3);
    if (mask_read(t->mask, full->rgb, full->w, full->h, row->class, err))
        return -1;
    for (int y = 0; y < t->h; y++)
        for (int x = 0; x < t->w; x++)
            t->classes[(size_t)y * (size_t)t->w + (size_t)x] =
                t->mask[(size_t)((2 * y + 1) * full->h / (2 * t->h)) * (size_t)full->w +
                        (size_t)((2 * x + 1) * full->w / (2 * t->w))];
    draw_outline(t);
    return 0;
}

static void add_caption(struct buf *out, const struct check_row *row, bool is_strange)
{
    double z = row->feature[row->strangest];

    buf_add_text(out, "<figcaption>");
    text_add_html(out, row->id);
    buf_printf(out, "<span>%s · %d×%d · lesion&nbsp;%.1f&nbsp;%%",
               row->class > 0 ? class_word(row->class) : "map", row->w, row->h,
               row->fraction * 100);
    if (is_strange)
        buf_printf(out, "<br>%s %s: %.1f σ", z < 0 ? "little" : "much",
                   check_feature_word(row->strangest), fabs(z));
    buf_add_text(out, "</span></figcaption></figure>\n");
}

static int add_tile(struct check_set *c, struct buf *out, const struct check_row *row,
                    bool is_strange, struct err *err)
{
    struct decoded image, mask;
    struct tile t = {0};
    struct buf jpeg;

    buf_init(&jpeg, JPEG_MAX);
    int ret = decode_both(c, row, &image, &mask, err) || fill_tile(&t, row, &image, &mask, err) ||
                      encode_jpeg(t.rgb, t.w, t.h, QUALITY, &jpeg, err)
                  ? -1
                  : 0;
    if (!ret) {
        buf_printf(out,
                   "<figure><img width=\"%d\" height=\"%d\" alt=\"\" src=\"data:image/jpeg;base64,",
                   t.w, t.h);
        text_add_base64(out, jpeg.data, jpeg.len);
        buf_add_text(out, "\">");
        add_caption(out, row, is_strange);
    }
    buf_release(&jpeg);
    free(t.rgb);
    free(t.classes);
    free(t.mask);
    return ret;
}

int check_add_tiles(struct check_set *c, struct buf *out, const int *rows, int n, bool is_strange,
                    struct err *err)
{
    buf_add_text(out, "<div class=\"tiles\">\n");
    for (int i = 0; i < n; i++)
        if (add_tile(c, out, &c->rows[rows[i]], is_strange, err))
            return -1;
    buf_add_text(out, "</div>\n");
    return 0;
}
