/* A labelled set out of items: pictures linked, masks drawn or linked, labels.csv. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "dataset/mask.h"
#include "dataset/table.h"
#include "preprocess/encode.h"
#include "preprocess/mask_png.h"
#include "train/convert.h"
#include "train/gallery.h"

enum { MASK_SIZE_MAX = 256 << 20, LABELS_SIZE_MAX = 256 << 20, ID_KEPT = 50 /* bytes */ };

struct writer {
    struct convert *c;
    char draft[SETTINGS_PATH_SIZE];
};

/* ---- ids ---- */

/* Path without ending, '/' as '-'; what is long is cut and ends in digits of the whole one's digest. */
static int make_id(struct convert_item *item, struct err *err)
{
    char path[TREE_PATH_SIZE], digest[SHA256_HEX_SIZE];
    struct buf id;

    if (path_format(path, sizeof(path), err, "%s", item->name))
        return -1;
    char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (dot)
        *dot = 0;
    for (char *at = path; *at; at++)
        if (*at == '/')
            *at = '-';
    buf_init(&id, sizeof(path));
    text_add_path_name(&id, path);
    int ret = buf_check(&id, item->name, err);
    if (!ret && id.len < sizeof(item->id)) {
        memcpy(item->id, id.data, id.len + 1);
    } else if (!ret) {
        int kept = ID_KEPT;
        while (kept && ((unsigned char)id.data[kept] & 0xC0) == 0x80) /* amid a character */
            kept--;
        sha256_hex(digest, item->name, strlen(item->name));
        snprintf(item->id, sizeof(item->id), "%.*s~%.8s", kept, id.data, digest);
    }
    buf_release(&id);
    return ret;
}

static int compare_ids(const void *a, const void *b)
{
    const struct convert_item *const *x = a, *const *y = b;

    return strcmp((*x)->id, (*y)->id);
}

/* One picture under two annotations, or a.jpg beside a.png. */
static int check_ids(struct convert *c, struct err *err)
{
    const struct convert_item **sorted = calloc((size_t)c->n + 1, sizeof(*sorted));

    if (!sorted)
        return err_set(err, ERR_NOMEM, "%d ids", c->n);
    for (int i = 0; i < c->n; i++)
        sorted[i] = &c->items[i];
    qsort(sorted, (size_t)c->n, sizeof(*sorted), compare_ids);
    for (int i = 1; i < c->n; i++)
        if (!strcmp(sorted[i]->id, sorted[i - 1]->id)) {
            struct err twice = {0};
            err_set(&twice, ERR_INPUT, "would get the same id as %.100s", sorted[i - 1]->name);
            convert_refuse(c, sorted[i]->name, &twice);
        }
    free(sorted);
    return 0;
}

/* ---- masks ---- */

/* Over which picture the points stand: 1 when over the one that is displayed, else how it has to be
 * turned. LabelMe shows pictures upright; a tool that does not leaves points over the stored one. */
static int choose_turn(const struct convert *c, const struct convert_item *item,
                       const struct decoded *d, struct err *err)
{
    const struct annotation *a = &item->drawn;
    const char *points = c->settings->points;
    bool is_turned = d->orientation > 4;
    int stored_w = is_turned ? d->height : d->width, stored_h = is_turned ? d->width : d->height;
    bool fits_displayed = !a->width || (a->width == d->width && a->height == d->height);
    bool fits_stored = !a->width || (a->width == stored_w && a->height == stored_h);

    if (fits_displayed && strcmp(points, "stored") != 0)
        return 1;
    if (fits_stored && strcmp(points, "displayed") != 0)
        return d->orientation;
    return err_set(
        err, ERR_INPUT,
        "drawn over a picture of %d x %d, and this one is %d x %d (stored as %d x %d, EXIF "
        "orientation %d)",
        a->width, a->height, d->width, d->height, stored_w, stored_h, d->orientation);
}

static int draw(const struct convert *c, struct convert_item *item, const struct decoded *d,
                uint8_t *classes, struct err *err)
{
    int turn = choose_turn(c, item, d, err);
    int w = turn > 4 ? d->height : d->width, h = turn > 4 ? d->width : d->height;

    if (turn < 0)
        return -1;
    if (turn == 1)
        return annotation_draw(&item->drawn, classes, w, h, item->class, err);
    uint8_t *stored = malloc((size_t)w * (size_t)h);
    if (!stored)
        return err_set(err, ERR_NOMEM, "a mask of %d x %d", w, h);
    int ret = annotation_draw(&item->drawn, stored, w, h, item->class, err);
    if (!ret)
        annotation_turn(classes, stored, w, h, turn);
    free(stored);
    return ret;
}

/* How many pixels are lesion; `*class` becomes the one class of all of them, 0 when there are more. */
static size_t survey(const uint8_t *classes, size_t n, int *class)
{
    size_t lesion = 0;

    *class = mask_main_class(classes, n);
    for (size_t i = 0, only = (size_t) * class; i < n; i++) {
        lesion += classes[i] != 0;
        if (classes[i] && classes[i] != only)
            *class = 0;
    }
    return lesion;
}

static int encode(const uint8_t *classes, int w, int h, int class, struct buf *out, struct err *err)
{
    const struct mask_png map = {.classes = classes, .stride = w, .map_w = w, .map_h = h};
    size_t n = (size_t)w * (size_t)h;

    if (!class)
        return mask_png_encode(&map, out, err);
    uint8_t *grey = malloc(n);
    if (!grey)
        return err_set(err, ERR_NOMEM, "a mask of %d x %d", w, h);
    for (size_t i = 0; i < n; i++)
        grey[i] = classes[i] ? 255 : 0;
    int ret = encode_grey_png(grey, w, h, out, err);
    free(grey);
    return ret;
}

static int write_mask(struct writer *w, struct convert_item *item, const uint8_t *classes,
                      struct err *err)
{
    char path[SETTINGS_PATH_SIZE + CONVERT_ID_SIZE + 16];
    size_t n = (size_t)item->width * (size_t)item->height, lesion;
    struct buf png;

    lesion = survey(classes, n, &item->class);
    if (!lesion)
        return err_set(err, ERR_INPUT, "its shapes enclose no pixel of the picture");
    item->fraction = (double)lesion / (double)n;
    buf_init(&png, MASK_SIZE_MAX);
    int ret = encode(classes, item->width, item->height, item->class, &png, err) ||
              path_format(path, sizeof(path), err, "%s/masks/%s.png", w->draft, item->id) ||
              file_write(path, png.data, png.len, err);
    buf_release(&png);
    return ret ? -1 : 0;
}

static int link_picture(struct writer *w, struct convert_item *item, const char *format,
                        struct err *err)
{
    static const struct {
        const char *format, *ending;
    } endings[] = {
        {"jpeg", "jpg" },
        {"png",  "png" },
        {"tiff", "tif" },
        {"webp", "webp"},
        {"heic", "heic"},
    };
    char path[SETTINGS_PATH_SIZE + CONVERT_ID_SIZE + 16];
    size_t i = 0;

    while (i + 1 < sizeof(endings) / sizeof(*endings) && strcmp(endings[i].format, format) != 0)
        i++;
    return path_format(path, sizeof(path), err, "%s/images/%s.%s", w->draft, item->id,
                       endings[i].ending) ||
                   file_link_or_copy(item->picture, path, err)
               ? -1
               : 0;
}

static int write_picture(struct writer *w, struct convert_item *item, const struct decoded *d,
                         struct err *err)
{
    if (d->reason != REASON_NONE)
        return err_set(err, ERR_INPUT, "%s: %.180s", reason_word(d->reason), d->err.msg);
    item->width = d->width;
    item->height = d->height;
    if (!item->mask) {
        uint8_t *classes = malloc((size_t)d->width * (size_t)d->height);
        if (!classes)
            return err_set(err, ERR_NOMEM, "a mask of %d x %d", d->width, d->height);
        int ret = draw(w->c, item, d, classes, err) || write_mask(w, item, classes, err);
        free(classes);
        if (ret)
            return -1;
    }
    if (link_picture(w, item, d->format, err))
        return -1;
    item->is_written = true;
    return 0;
}

/* Only what is wrong with the item itself is no end. */
static int judge(struct convert *c, struct convert_item *item, int ret, const struct err *one,
                 struct err *err)
{
    if (!ret)
        return 0;
    item->is_written = false;
    if (one->code != ERR_INPUT && one->code != ERR_LIMIT)
        return err_set(err, one->code, "%s", one->msg);
    convert_refuse(c, item->name, one);
    return 0;
}

static const char *picture_path(void *ctx, int i)
{
    return ((struct writer *)ctx)->c->items[i].picture;
}

static int take_picture(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct writer *w = ctx;
    struct convert_item *item = &w->c->items[i];
    struct err one = {0};

    return judge(w->c, item, write_picture(w, item, d, &one), &one, err);
}

/* ---- masks that are there already ---- */

static const char *mask_path(void *ctx, int i)
{
    const struct convert_item *item = &((struct writer *)ctx)->c->items[i];

    return item->is_written ? item->mask : NULL;
}

static int link_mask(struct writer *w, struct convert_item *item, const struct decoded *d,
                     struct err *err)
{
    char path[SETTINGS_PATH_SIZE + CONVERT_ID_SIZE + 16];
    const struct picture *p = &d->display;
    size_t n = (size_t)p->w * (size_t)p->h, lesion = 0;

    if (d->reason != REASON_NONE)
        return err_set(err, ERR_INPUT, "its mask: %s: %.160s", reason_word(d->reason), d->err.msg);
    if (d->width != item->width || d->height != item->height)
        return err_set(err, ERR_INPUT, "its mask is %d x %d, the picture %d x %d", d->width,
                       d->height, item->width, item->height);
    uint8_t *classes = malloc(n);
    if (!classes)
        return err_set(err, ERR_NOMEM, "a mask of %d x %d", p->w, p->h);
    int ret = mask_read(classes, p->rgb, p->w, p->h, item->class, err);
    for (size_t i = 0; i < n && !ret; i++)
        lesion += classes[i] != 0;
    free(classes);
    if (ret)
        return err_wrap(err, "its mask");
    if (!lesion)
        return err_set(err, ERR_INPUT, "its mask is empty");
    item->fraction = (double)lesion / (double)n;
    return path_format(path, sizeof(path), err, "%s/masks/%s.png", w->draft, item->id) ||
                   file_link_or_copy(item->mask, path, err)
               ? -1
               : 0;
}

static int take_mask(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct writer *w = ctx;
    struct convert_item *item = &w->c->items[i];
    struct err one = {0};

    return judge(w->c, item, link_mask(w, item, d, &one), &one, err);
}

/* ---- the whole ---- */

static void add_row(struct buf *out, const struct convert_item *item)
{
    const char *const fields[] = {item->id,
                                  item->class ? class_word(item->class) : "",
                                  "",
                                  item->patient_id,
                                  item->lesion_id,
                                  item->name};

    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        struct buf name;
        buf_init(&name, (size_t)TREE_PATH_SIZE * 3);
        text_add_name(&name, fields[i]);
        table_add_field(out, name.data ? name.data : "");
        buf_add_text(out, ",");
        buf_release(&name);
    }
    buf_printf(out, "%d,%d,%.4f\n", item->width, item->height, item->fraction);
}

static int write_labels(struct writer *w, struct err *err)
{
    char path[SETTINGS_PATH_SIZE + 16];
    struct buf text;

    buf_init(&text, LABELS_SIZE_MAX);
    buf_add_text(&text, "id,dx,split,patient_id,lesion_id,file,width,height,mask_fraction\n");
    for (int i = 0; i < w->c->n; i++)
        if (w->c->items[i].is_written)
            add_row(&text, &w->c->items[i]);
    int ret = buf_check(&text, "labels.csv", err) ||
              path_format(path, sizeof(path), err, "%s/labels.csv", w->draft) ||
              file_write(path, text.data, text.len, err);
    buf_release(&text);
    return ret ? -1 : 0;
}

static int write_files(struct writer *w, struct gallery *p, struct err *err)
{
    static const char *const folders[] = {"images", "masks"};
    char path[SETTINGS_PATH_SIZE + 16];
    struct gallery_job job = {
        .n = w->c->n, .path = picture_path, .take = take_picture, .ctx = w, .what = "pictures"};

    for (int i = 0; i < 2; i++)
        if (path_format(path, sizeof(path), err, "%s/%s", w->draft, folders[i]) ||
            dir_make(path, err))
            return -1;
    if (gallery_run(p, &job, err))
        return -1;
    job.path = mask_path;
    job.take = take_mask;
    job.are_masks = true;
    job.what = "masks";
    if (gallery_run(p, &job, err))
        return -1;
    return write_labels(w, err);
}

int convert_write_set(struct convert *c, const char *output, struct err *err)
{
    struct writer w = {.c = c};
    struct gallery p = {0};

    for (int i = 0; i < c->n; i++)
        if (make_id(&c->items[i], err))
            return -1;
    if (check_ids(c, err) || (c->bad && !c->settings->skip_bad))
        return c->bad ? 0 : -1;
    if (convert_draft_begin(w.draft, output, err))
        return -1;
    int ret = gallery_open(&p, c->settings, err) || write_files(&w, &p, err);
    gallery_close(&p);
    bool is_good = !ret && (!c->bad || c->settings->skip_bad);
    if (convert_draft_end(w.draft, output, is_good, err) && (ret || is_good))
        return -1;
    return 0;
}
