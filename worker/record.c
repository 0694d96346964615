#include "worker/record.h"

#include "common/file.h"
#include "lesion/nearest.h"
#include "preprocess/encode.h"
#include "preprocess/mask_png.h"

enum {
    FILE_SIZE_MAX = 512 << 20,
    DISPLAY_QUALITY = 88, /* no block edges visible at arm's length on a 1600 px copy */
};

json_t *record_model(const struct subject *subject)
{
    const struct model_card *card = model_card(subject->model);
    const struct engine_facts *facts = engine_facts(subject->engine);
    const struct size_plan *plan = subject->plan;

    json_t *made =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "name", card->name, "version",
                  card->version, "sha256", card->sha256, "size", plan ? plan->fine : subject->size,
                  "precision", facts->precision, "backend", facts->backend, "policy_sha256",
                  policy_sha256(subject->policy));
    if (made && plan)
        json_put(&made, "coarse_size", json_integer(plan->coarse));
    return made;
}

int record_scratch_init(struct record_scratch *s, struct err *err)
{
    *s = (struct record_scratch){0};
    buf_init(&s->file, FILE_SIZE_MAX);
    buf_add(&s->file, "", 0);
    return buf_check(&s->file, "scratch", err);
}

void record_scratch_release(struct record_scratch *s)
{
    free(s->pixels);
    free(s->starts);
    buf_release(&s->file);
    *s = (struct record_scratch){0};
}

static int reserve_pixels(struct record_scratch *s, size_t size, struct err *err)
{
    if (size <= s->capacity)
        return 0;
    uint8_t *grown = realloc(s->pixels, size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "%zu bytes for a picture", size);
    s->pixels = grown;
    s->capacity = size;
    return 0;
}

static int reserve_starts(struct record_scratch *s, size_t n, struct err *err)
{
    if (n <= s->n_starts)
        return 0;
    int *grown = realloc(s->starts, n * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "%zu places of a mask", n);
    s->starts = grown;
    s->n_starts = n;
    return 0;
}

int record_mask(struct record_scratch *s, const char *path, const struct lesion_input *in,
                struct err *err)
{
    size_t n_columns = (size_t)in->content_w + 1, n_rows = (size_t)in->content_h + 1;

    if (reserve_starts(s, n_columns + n_rows, err))
        return -1;
    nearest_starts(s->starts, in->content_w, in->width);
    nearest_starts(s->starts + n_columns, in->content_h, in->height);
    const struct mask_png mask = {.classes = in->class_map,
                                  .stride = in->map_w,
                                  .map_w = in->content_w,
                                  .map_h = in->content_h,
                                  .columns = s->starts,
                                  .rows = s->starts + n_columns};
    buf_clear(&s->file);
    if (mask_png_encode(&mask, &s->file, err))
        return -1;
    return file_write(path, s->file.data, s->file.len, err);
}

static int write_jpeg(struct record_scratch *s, const char *path, const uint8_t *rgb, int w, int h,
                      struct err *err)
{
    buf_clear(&s->file);
    if (encode_jpeg(rgb, w, h, DISPLAY_QUALITY, &s->file, err))
        return -1;
    return file_write(path, s->file.data, s->file.len, err);
}

static int record_display(struct record_scratch *s, const struct item *item,
                          const struct lesion_measures *measures, struct err *err)
{
    const struct picture *display = &item->decoded.display;
    size_t size = (size_t)display->w * (size_t)display->h * 3;
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/results/%d.display.jpg", item->study_dir,
                    item->image.n) ||
        write_jpeg(s, path, display->rgb, display->w, display->h, err))
        return -1;
    if (reserve_pixels(s, size, err))
        return -1;
    memcpy(s->pixels, display->rgb, size);
    /* An outline on an unusable picture would be a guess shown with confidence. */
    if (measures->quality.verdict != QUALITY_UNUSABLE)
        lesion_draw_contour(measures, item->decoded.width, item->decoded.height, s->pixels,
                            display->w, display->h);
    if (path_format(path, sizeof(path), err, "%s/results/%d.overlay.jpg", item->study_dir,
                    item->image.n))
        return -1;
    return write_jpeg(s, path, s->pixels, display->w, display->h, err);
}

int record_pictures(struct record_scratch *s, const struct item *item,
                    const struct lesion_input *in, const struct lesion_measures *measures,
                    struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/results/%d.mask.png", item->study_dir,
                    item->image.n) ||
        record_mask(s, path, in, err))
        return -1;
    return item->want_display ? record_display(s, item, measures, err) : 0;
}
