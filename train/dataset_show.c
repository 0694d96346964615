/* lentigo dataset show: a sheet of pictures as training sees them. A row is a picture: as it is, then
 * augmented, its lesion outlined. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/status.h"
#include "dataset/augment.h"
#include "dataset/sampling.h"
#include "preprocess/encode.h"
#include "train/pictures.h"
#include "train/tools.h"

enum {
    COLUMNS = 8,
    GAP = 4, /* px */
    ROWS_PLAIN = 6,
    ROWS_MAX = 100,
    SIDE_PLAIN = 256,
    SIDE_MIN = 32,
    SIDE_MAX = 800,
    FILE_MAX = 1 << 30,
};

struct sheet {
    const struct settings *settings;
    struct augment_config augment;
    uint64_t seed;
    int side, rows; /* px of a sample; pictures */
    int w, h;       /* px of the sheet */
    uint8_t *rgb, *sample, *label;
    struct augment_room room;
};

/* A pixel whose right or lower neighbour is of another class. */
static bool is_outline(const struct sheet *s, int x, int y)
{
    const uint8_t *at = s->label + (size_t)y * (size_t)s->side + (size_t)x;

    return (x + 1 < s->side && at[0] != at[1]) || (y + 1 < s->side && at[0] != at[s->side]);
}

static void lay_sample(struct sheet *s, int column, int row)
{
    static const uint8_t green[3] = {0, 230, 80};
    size_t side = (size_t)s->side;

    for (int y = 0; y < s->side; y++) {
        int left = GAP + column * (s->side + GAP), top = GAP + row * (s->side + GAP) + y;
        uint8_t *to = s->rgb + 3 * ((size_t)top * (size_t)s->w + (size_t)left);
        memcpy(to, s->sample + 3 * (size_t)y * side, 3 * side);
        for (int x = 0; x < s->side; x++)
            if (is_outline(s, x, y))
                memcpy(to + 3 * (size_t)x, green, 3);
    }
}

static int draw_row(void *context, int row, const struct cache_picture *p, struct err *err)
{
    struct sheet *s = context;
    const struct augment_picture picture = {p->rgb, p->label, p->w, p->h};
    const struct augment_target target = {s->sample, s->label, s->side, s->side};
    struct augment_plan plan;

    for (int column = 0; column < COLUMNS; column++) {
        const struct augment_place place = {s->seed, 0, (uint32_t)(row * COLUMNS + column)};
        if (column == 0)
            augment_plain(&plan, &picture, s->side, s->side);
        else
            augment_choose(&plan, &s->augment, &place, &picture, &target);
        if (augment_apply(&plan, &picture, &target, &s->room, err))
            return -1;
        lay_sample(s, column, row);
    }
    return 0;
}

static int make_sheet(struct sheet *s, struct err *err)
{
    size_t side = (size_t)s->side;

    s->w = GAP + COLUMNS * (s->side + GAP);
    s->h = GAP + s->rows * (s->side + GAP);
    s->rgb = malloc(3 * (size_t)s->w * (size_t)s->h);
    s->sample = malloc(3 * side * side);
    s->label = malloc(side * side);
    if (!s->rgb || !s->sample || !s->label)
        return err_set(err, ERR_NOMEM, "no memory for a sheet of %d x %d px", s->w, s->h);
    memset(s->rgb, 255, 3 * (size_t)s->w * (size_t)s->h);
    return 0;
}

/* Pictures that train (all when none does) in the order of a first epoch, rare classes more often. */
static int choose_rows(struct labels *l, struct sheet *s, const char *dir, struct err *err)
{
    if (labels_read(l, dir, "train", 0, err))
        return -1;
    if (!l->n && (labels_read(l, dir, "all", 0, err) || !l->n))
        return err_set(err, ERR_CONFIG, "%s/labels.csv: no pictures", dir);
    size_t n = (size_t)l->n;
    int *order = malloc(n * sizeof(*order)), *classes = malloc(n * sizeof(*classes));
    float *weights = malloc(n * sizeof(*weights));
    struct label *rows = malloc(n * sizeof(*rows));
    int ret = -1;

    if (!order || !classes || !weights || !rows) {
        err_set(err, ERR_NOMEM, "no memory for %d labels", l->n);
    } else {
        for (int i = 0; i < l->n; i++)
            classes[i] = l->rows[i].class;
        sampling_weights(weights, SAMPLING_EVEN, classes, l->n);
        ret = sampling_order(order, weights, l->n, s->seed, 0, err);
    }
    s->rows = s->rows < l->n ? s->rows : l->n;
    for (int i = 0; !ret && i < s->rows; i++)
        rows[i] = l->rows[order[i]];
    if (!ret)
        memcpy(l->rows, rows, (size_t)s->rows * sizeof(*rows));
    free(order);
    free(classes);
    free(weights);
    free(rows);
    return ret;
}

static int write_sheet(const struct sheet *s, const char *path, struct err *err)
{
    struct buf file;

    buf_init(&file, FILE_MAX);
    int ret =
        encode_png(s->rgb, s->w, s->h, &file, err) || file_write(path, file.data, file.len, err);
    buf_release(&file);
    return ret ? -1 : 0;
}

static int show(struct sheet *s, struct labels *labels, const char *dir, const char *path,
                struct err *err)
{
    struct pictures_request request = {
        .data = dir,
        .bound = 2 * s->side < PICTURES_BOUND_MAX ? 2 * s->side : PICTURES_BOUND_MAX,
        .take = draw_row,
        .context = s,
        .settings = s->settings,
    };

    if (choose_rows(labels, s, dir, err) || make_sheet(s, err))
        return -1;
    request.rows = labels->rows;
    request.n = s->rows;
    if (pictures_decode(&request, err) || write_sheet(s, path, err))
        return -1;
    printf("%d pictures, each as it is and %d times augmented, in %s\n", s->rows, COLUMNS - 1,
           path);
    return 0;
}

int dataset_show(const struct settings *settings, int n, char **operands)
{
    struct sheet s = {
        .settings = settings,
        .seed = (uint64_t)settings->seed,
        .side = settings->size > 0 ? (int)settings->size : SIDE_PLAIN,
        .rows = settings->limit > 0 ? (int)settings->limit : ROWS_PLAIN,
    };
    struct labels labels = {0};
    struct err err = {0};

    if (n != 1 || !*settings->output)
        err_set(&err, ERR_INPUT,
                "dataset show: name one labelled set, and the sheet with -o FILE.png");
    else if (s.side < SIDE_MIN || s.side > SIDE_MAX || s.rows > ROWS_MAX)
        err_set(&err, ERR_INPUT, "dataset show: --size %d to %d, --limit at most %d", SIDE_MIN,
                SIDE_MAX, ROWS_MAX);
    else if (!augment_parse(&s.augment, settings->augment, &err))
        show(&s, &labels, operands[0], settings->output, &err);
    labels_release(&labels);
    augment_room_release(&s.room);
    free(s.rgb);
    free(s.sample);
    free(s.label);
    return err.code ? tool_fail(&err) : STATUS_OK;
}
