#include "reports/plate.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "reports/words.h"

/* Markers as in ITU-T T.81 table B.1: SOF0..SOF15 without DHT, JPG and DAC; those without a
 * length are SOI, RSTn and TEM. */
static bool is_frame_header(unsigned marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool is_bare(unsigned marker)
{
    return marker == 0xd8 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

int jpeg_frame_size(const unsigned char *bytes, size_t n, int *w, int *h)
{
    size_t at = 0;

    if (n < 4 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return -1;
    while (at + 4 <= n && bytes[at] == 0xff) {
        unsigned marker = bytes[at + 1];
        if (marker == 0xff || is_bare(marker)) {
            at += marker == 0xff ? 1 : 2;
            continue;
        }
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (is_frame_header(marker)) {
            if (length < 8 || at + 9 > n)
                return -1;
            *h = bytes[at + 5] << 8 | bytes[at + 6];
            *w = bytes[at + 7] << 8 | bytes[at + 8];
            return *w && *h ? 0 : -1;
        }
        at += 2 + length;
    }
    return -1;
}

static char *outside_copy(const char *text)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    words_outside(&b, text);
    return buf_take(&b);
}

static int add_fact(struct plate *v, const char *label, const char *value, struct err *err)
{
    if (!value[0])
        return 0;
    struct fact *grown = realloc(v->facts, (size_t)(v->n_facts + 1) * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "no memory for the facts of image %d", v->image->n);
    v->facts = grown;
    grown[v->n_facts] = (struct fact){outside_copy(label), outside_copy(value)};
    v->n_facts++;
    if (!grown[v->n_facts - 1].label || !grown[v->n_facts - 1].value)
        return err_set(err, ERR_NOMEM, "no memory for the facts of image %d", v->image->n);
    return 0;
}

/* A value of an unknown column as text; the manifest knows only text, others are written as JSON. */
static int add_column(struct plate *v, const char *name, const json_t *value, struct err *err)
{
    if (json_is_string(value))
        return add_fact(v, name, json_string_value(value), err);
    char *text = json_line(value);
    int ret = text ? add_fact(v, name, text, err) : 0;
    free(text);
    return ret;
}

static int gather_facts(struct plate *v, enum language l, struct err *err)
{
    const struct study_image *image = v->image;
    char scale[32] = "";
    const char *key;
    json_t *value;

    if (!isnan(image->mm_per_px))
        snprintf(scale, sizeof(scale), "%.6g", image->mm_per_px);
    if (add_fact(v, string_of(l, S_FILE), image->file, err) ||
        add_fact(v, string_of(l, S_LESION_ID), image->lesion_id, err) ||
        add_fact(v, string_of(l, S_BODY_SITE), image->body_site, err) ||
        add_fact(v, string_of(l, S_ACQUIRED_AT), image->acquired_at, err) ||
        add_fact(v, string_of(l, S_MM_PER_PX), scale, err) ||
        add_fact(v, string_of(l, S_NOTES), image->notes, err))
        return -1;
    json_object_foreach(image->extra, key, value) if (add_column(v, key, value, err)) return -1;
    return 0;
}

static void read_display(struct plate *v, const char *dir)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0}; /* the page shows that there is no picture */

    buf_init(&v->jpeg, DISPLAY_SIZE_MAX);
    if (path_format(path, sizeof(path), &ignored, "%s/results/%d.display.jpg", dir, v->image->n))
        return;
    if (file_read(path, &v->jpeg, &ignored) ||
        jpeg_frame_size((const unsigned char *)v->jpeg.data, v->jpeg.len, &v->jpeg_w, &v->jpeg_h)) {
        buf_release(&v->jpeg);
        v->jpeg_w = v->jpeg_h = 0;
    }
}

int plate_new(struct plate **out, const struct dossier *d, const struct finding *f, enum language l,
              struct err *err)
{
    struct plate *v = calloc(1, sizeof(*v));

    if (!v)
        return err_set(err, ERR_NOMEM, "no memory for a plate");
    v->finding = f;
    v->image = &d->study.images[f->index];
    if (dossier_entry(d, f, &v->entry, err) || gather_facts(v, l, err)) {
        plate_free(v);
        return -1;
    }
    if (f->status == RESULT_DONE)
        read_display(v, d->dir);
    *out = v;
    return 0;
}

void plate_free(struct plate *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->n_facts; i++) {
        free(v->facts[i].label);
        free(v->facts[i].value);
    }
    free(v->facts);
    buf_release(&v->jpeg);
    free(v);
}

struct contour_point plate_contour(const struct plate *v, int i)
{
    struct contour_point p = v->entry.measures.contour[i];

    if (v->entry.width > 0 && v->entry.height > 0) {
        p.x *= (float)v->jpeg_w / (float)v->entry.width;
        p.y *= (float)v->jpeg_h / (float)v->entry.height;
    }
    return p;
}

void plate_classes_sorted(const struct plate *v, int out[LESION_CLASSES - 1])
{
    const double *score = v->entry.measures.classes;

    for (int k = 1; k < LESION_CLASSES; k++) {
        int at = k - 1;
        for (; at > 0 && score[out[at - 1]] < score[k]; at--)
            out[at] = out[at - 1];
        out[at] = k;
    }
}

bool plate_is_assessed(const struct plate *v)
{
    return v->finding->status == RESULT_DONE &&
           v->entry.measures.quality.verdict != QUALITY_UNUSABLE;
}

bool plate_has_outline(const struct plate *v)
{
    return plate_is_assessed(v) && v->entry.measures.is_found && v->entry.measures.n_contour > 2;
}

enum string plate_outline_caption(const struct plate *v)
{
    if (plate_has_outline(v))
        return S_PICTURE_OUTLINE;
    return plate_is_assessed(v) ? S_PICTURE_NO_OUTLINE : S_PICTURE_WITHHELD;
}
