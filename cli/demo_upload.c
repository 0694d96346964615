#include "cli/demo_upload.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "preprocess/mask_png.h"

enum { PATH_SIZE = 4096, TRUTH_MAX = 1 << 28, TEXT_MAX = 1 << 26, FILE_MAX = 1 << 28 };

/* The files of one block. */
static const struct row {
    int patient;
    enum demo_kind kind;
    enum demo_format format;
    int study, lesion, w, h;
    const char *name;
} rows[] = {
    {0,  DEMO_PICTURE,   DEMO_JPEG,   1, 1, 600,  450,  "IMG_0001.jpg"       },
    {0,  DEMO_PICTURE,   DEMO_JPEG,   1, 2, 600,  450,  "IMG_0002.jpg"       },
    {0,  DEMO_PICTURE,   DEMO_JPEG,   1, 3, 600,  450,  "IMG_0003.jpg"       },
    {1,  DEMO_PICTURE,   DEMO_JPEG,   1, 1, 600,  450,  "2026-05 Rücken.jpg"},
    {1,  DEMO_PICTURE,   DEMO_JPEG,   2, 1, 600,  450,  "2026-11 Rücken.jpg"},
    {2,  DEMO_PICTURE,   DEMO_PNG,    1, 1, 600,  450,  "左前臂 1.png"    },
    {2,  DEMO_PICTURE,   DEMO_JPEG,   1, 2, 600,  450,  "左前臂 2.jpg"    },
    {3,  DEMO_REPEAT,    DEMO_JPEG,   1, 1, 600,  450,  "DSC00017.JPG"       },
    {3,  DEMO_PICTURE,   DEMO_JPEG,   1, 2, 600,  450,  "DSC00018.JPG"       },
    {4,  DEMO_PICTURE,   DEMO_JPEG,   1, 1, 1024, 768,  "lesion.jpg"         },
    {4,  DEMO_TRUNCATED, DEMO_JPEG,   1, 2, 600,  450,  "lesion (copy).jpg"  },
    {5,  DEMO_EMPTY,     DEMO_JPEG,   1, 1, 0,    0,    "scan1.jpg"          },
    {5,  DEMO_PICTURE,   DEMO_JPEG,   1, 2, 1024, 768,  "scan2.jpg"          },
    {6,  DEMO_TEXT,      DEMO_JPEG,   1, 1, 0,    0,    "photo.jpg"          },
    {7,  DEMO_PICTURE,   DEMO_JPEG,   1, 1, 3000, 2000, "P1000042.jpg"       },
    {8,  DEMO_GIF,       DEMO_JPEG,   1, 1, 0,    0,    "皮损.jpg"         },
    {8,  DEMO_PICTURE,   DEMO_TIFF,   1, 2, 600,  450,  "皮损 2.tif"       },
    {8,  DEMO_BLURRED,   DEMO_JPEG,   1, 3, 600,  450,  "皮损 3.jpg"       },
    {9,  DEMO_BOMB,      DEMO_PNG,    1, 1, 0,    0,    "big.png"            },
    {9,  DEMO_PICTURE,   DEMO_JPEG,   1, 2, 600,  450,  "small.jpg"          },
    {9,  DEMO_DAMAGED,   DEMO_PNG,    1, 3, 600,  450,  "usb stick.png"      },
    {10, DEMO_MISSING,   DEMO_JPEG,   1, 1, 0,    0,    "never sent.jpg"     },
    {10, DEMO_PICTURE,   DEMO_TIFF16, 1, 2, 600,  450,  "sent, 16 bit.tiff"  },
    {11, DEMO_PICTURE,   DEMO_JPEG,   1, 1, 1024, 768,  "near.jpg"           },
    {11, DEMO_PICTURE,   DEMO_PNG,    1, 1, 600,  450,  "near.png"           },
};

struct upload {
    const char *dir;
    int64_t seed;
    int n_items, n_pictures;
    struct buf manifest, repeat; /* repeat: bytes of the picture that DEMO_REPEAT sends again */
    struct demo_item repeated;   /* its record; the picture's pixels are gone */
    json_t *truth;               /* array */
};

/* Each picture is another case: asymmetry in turn, border and colours by chance. */
static void choose_scene(struct upload *u, struct demo_item *item, const struct row *row)
{
    struct demo_random r;
    struct demo_wish wish = {
        .w = row->w, .h = row->h, .skin_type = demo_patient_skin(item->patient)};

    demo_random_seed(&r, (uint64_t)u->seed, (uint64_t)item->number);
    wish.asymmetry = u->n_pictures++ % 3;
    wish.border = demo_below(&r, DEMO_OCTANTS + 1);
    wish.colours = 1 + wish.asymmetry + demo_below(&r, 2);
    if (wish.asymmetry == 2 && demo_chance(&r, 0.2F))
        wish.colours = DEMO_COLOURS;
    demo_scene_choose(&item->scene, &wish, &r);
    item->scene.is_blurred = item->kind == DEMO_BLURRED;
}

static int write_mask(const struct upload *u, const struct demo_item *item, struct err *err)
{
    const struct demo_picture *p = &item->picture;
    const struct mask_png mask = {p->mask, p->w, p->w, p->h, NULL, NULL};
    char path[PATH_SIZE];
    struct buf bytes;
    int ret = -1;

    buf_init(&bytes, FILE_MAX);
    if (!path_format(path, sizeof(path), err, "%s/truth/masks/%04d.png", u->dir, item->number) &&
        !mask_png_encode(&mask, &bytes, err))
        ret = file_write(path, bytes.data, bytes.len, err);
    buf_release(&bytes);
    return ret;
}

/* The file's bytes into `out`; draws the picture where there is one to draw. */
static int make_bytes(struct upload *u, struct demo_item *item, const struct row *row,
                      struct buf *out, struct err *err)
{
    if (item->kind == DEMO_REPEAT) {
        item->scene = u->repeated.scene;
        item->picture = u->repeated.picture;
        buf_add(out, u->repeat.data, u->repeat.len);
        return buf_check(out, item->file, err);
    }
    if (row->w) {
        choose_scene(u, item, row);
        if (demo_picture_draw(&item->picture, &item->scene, err))
            return -1;
    }
    if (demo_kind_reason(item->kind))
        return demo_file_broken(&item->picture, item->kind, out, err);
    if (demo_file_good(&item->picture, item->format, out, err))
        return -1;
    return write_mask(u, item, err);
}

/* Keep the latest good JPEG for a DEMO_REPEAT to come. */
static int keep_for_repeat(struct upload *u, const struct demo_item *item, const struct buf *bytes,
                           struct err *err)
{
    if (item->kind != DEMO_PICTURE || item->format != DEMO_JPEG)
        return 0;
    u->repeated = *item;
    u->repeated.picture.rgb = u->repeated.picture.mask = u->repeated.picture.layer = NULL;
    buf_clear(&u->repeat);
    buf_add(&u->repeat, bytes->data, bytes->len);
    return buf_check(&u->repeat, item->file, err);
}

static int record(struct upload *u, const struct demo_item *item, struct err *err)
{
    struct demo_item as_sent = *item;

    if (item->kind == DEMO_REPEAT)
        as_sent.number = u->repeated.number; /* its mask is there already */
    if (json_array_append_new(u->truth, demo_truth(&as_sent, u->repeated.file)))
        return err_set(err, ERR_NOMEM, "no memory for the truth");
    demo_manifest_row(&u->manifest, item);
    return buf_check(&u->manifest, "manifest.csv", err);
}

static int write_item(struct upload *u, int patient, const struct row *row, struct err *err)
{
    struct demo_item item = {.kind = row->kind,
                             .format = row->format,
                             .patient = patient,
                             .study = row->study,
                             .lesion = row->lesion,
                             .number = ++u->n_items};
    char path[PATH_SIZE], id[64];
    struct buf folder, bytes;
    int ret = -1;

    buf_init(&folder, 256);
    buf_init(&bytes, FILE_MAX);
    demo_patient_id(id, sizeof(id), patient);
    text_add_path_name(&folder, id);
    if (buf_check(&folder, id, err) ||
        path_format(item.file, sizeof(item.file), err, "%s/%s", folder.data, row->name) ||
        path_format(path, sizeof(path), err, "%s/upload/%s", u->dir, folder.data) ||
        dir_make(path, err) ||
        path_format(path, sizeof(path), err, "%s/upload/%s", u->dir, item.file) ||
        make_bytes(u, &item, row, &bytes, err) || keep_for_repeat(u, &item, &bytes, err) ||
        record(u, &item, err))
        goto done;
    ret = item.kind == DEMO_MISSING
              ? 0
              : file_write(path, bytes.data ? bytes.data : "", bytes.len, err);
done:
    if (item.kind != DEMO_REPEAT)
        demo_picture_release(&item.picture);
    buf_release(&folder);
    buf_release(&bytes);
    return ret;
}

static int write_all(struct upload *u, int64_t patients, struct err *err)
{
    for (int i = 0; i < (int)patients; i++)
        for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++)
            if (rows[k].patient == i % DEMO_BLOCK && write_item(u, i, &rows[k], err))
                return -1;
    return 0;
}

static int write_records(struct upload *u, int64_t patients, struct err *err)
{
    char path[PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/upload/manifest.csv", u->dir) ||
        file_write(path, u->manifest.data, u->manifest.len, err) ||
        path_format(path, sizeof(path), err, "%s/truth/truth.json", u->dir))
        return -1;
    json_t *o = json_pack("{s:I,s:I,s:O}", "patients", (json_int_t)patients, "seed",
                          (json_int_t)u->seed, "images", u->truth);
    int ret = o ? json_write(path, o, err) : err_set(err, ERR_NOMEM, "no memory for the truth");
    json_decref(o);
    return ret;
}

/* A folder that holds another upload would end as a mixture of both. */
static int check_free(const char *dir, int64_t patients, int64_t seed, struct err *err)
{
    char upload[PATH_SIZE], truth[PATH_SIZE];
    int64_t old_seed = -1, old_patients = -1;
    struct err none = {0};

    if (path_format(upload, sizeof(upload), err, "%s/upload", dir) ||
        path_format(truth, sizeof(truth), err, "%s/truth/truth.json", dir))
        return -1;
    if (access(upload, F_OK) && errno == ENOENT)
        return 0;
    json_t *old = json_read(truth, TRUTH_MAX, &none);
    bool is_same = old && !json_get_int(old, "seed", 0, INT64_MAX, &old_seed, &none) &&
                   !json_get_int(old, "patients", 0, INT64_MAX, &old_patients, &none) &&
                   old_seed == seed && old_patients == patients;
    json_decref(old);
    if (!is_same)
        return err_set(err, ERR_INPUT, "%s holds another upload: take a new folder", upload);
    return 0;
}

int demo_upload_write(const char *dir, int64_t patients, int64_t seed, int *n_files,
                      struct err *err)
{
    struct upload u = {.dir = dir, .seed = seed};
    char path[PATH_SIZE];
    int ret = -1;

    if (check_free(dir, patients, seed, err))
        return -1;
    u.truth = json_array();

    buf_init(&u.manifest, TEXT_MAX);
    buf_init(&u.repeat, FILE_MAX);
    demo_manifest_head(&u.manifest);
    if (!path_format(path, sizeof(path), err, "%s/truth/masks", dir) && !dir_make(path, err) &&
        !write_all(&u, patients, err) && !write_records(&u, patients, err)) {
        *n_files = u.n_items;
        ret = 0;
    }
    json_decref(u.truth);
    buf_release(&u.manifest);
    buf_release(&u.repeat);
    return ret;
}
