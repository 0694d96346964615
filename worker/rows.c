#include "worker/rows.h"

#include <math.h>

#include "common/classes.h"
#include "common/csv.h"
#include "common/file.h"

enum { TABLE_MAX = 256 << 20 };

static void add_field(struct buf *out, const char *text)
{
    buf_add_text(out, ",\"");
    for (; *text; text++)
        buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    buf_add_text(out, "\"");
}

static void add_row(struct buf *out, const struct metrics_image *image, const struct label *label)
{
    uint64_t predicted = 0, lesion = image->pixels[1][0];
    uint64_t hit = 0;

    for (int k = 1; k < METRICS_CLASSES; k++) {
        hit += image->pixels[1][k];
        predicted += image->pixels[0][k] + image->pixels[1][k];
    }
    lesion += hit;
    buf_add_text(out, label->id);
    add_field(out, label->source);
    buf_printf(out, ",%s", class_word(label->class));
    add_field(out, label->lesion_id);
    buf_printf(out, ",%.17g,%.17g,%llu,%llu,%llu", image->jaccard, image->dice,
               (unsigned long long)hit, (unsigned long long)predicted, (unsigned long long)lesion);
    for (int k = 1; k < METRICS_CLASSES; k++)
        buf_printf(out, ",%.17g", image->scores[k]);
    buf_add_text(out, "\n");
}

int rows_write(const struct judgement *j, const char *path, struct err *err)
{
    struct buf text;

    buf_init(&text, TABLE_MAX);
    buf_add_text(&text, "id,source,dx,lesion_id,jaccard,dice,hit_px,predicted_px,lesion_px");
    for (int k = 1; k < METRICS_CLASSES; k++)
        buf_printf(&text, ",%s", class_word(k));
    buf_add_text(&text, "\n");
    for (int i = 0; i < j->metrics.n; i++)
        add_row(&text, &j->metrics.images[i], j->labels[i]);
    int ret = buf_check(&text, path, err) || file_write(path, text.data, text.len, err) ? -1 : 0;
    buf_release(&text);
    return ret;
}

/* ---- reading ---- */

enum column { ID, JACCARD, DICE, HIT, PREDICTED, LESION, SCORES, COLUMNS = SCORES + 7 };

#define PIXELS_MAX 4e9

/* Columns that stand together, and which figures they allow. */
static const struct {
    enum column first, last;
    uint32_t figures;
    double max; /* of its numbers */
} kinds[] = {
    {JACCARD, JACCARD,     1 << METRIC_MEAN_JACCARD | 1 << METRIC_THRESHOLDED | 1 << METRIC_FAILURE, 1         },
    {DICE,    DICE,        1 << METRIC_DICE,                                                         1         },
    {HIT,     LESION,      1 << METRIC_LESION_IOU,                                                   PIXELS_MAX},
    {SCORES,  COLUMNS - 1,
     1 << METRIC_AUC_MALIGNANT | 1 << METRIC_AUC_MEL | 1 << METRIC_AUC_NV | 1 << METRIC_AUC_BCC |
         1 << METRIC_AUC_AKIEC | 1 << METRIC_AUC_BKL | 1 << METRIC_AUC_DF | 1 << METRIC_AUC_VASC |
         1 << METRIC_SPECIFICITY | 1 << METRIC_BALANCED | 1 << METRIC_BRIER | 1 << METRIC_NLL |
         1 << METRIC_ECE,
     1                                                                                                         },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static const char *column_name(enum column k)
{
    static const char *const names[SCORES] = {"id",     "jaccard",      "dice",
                                              "hit_px", "predicted_px", "lesion_px"};

    return k < SCORES ? names[k] : class_word((int)(k - SCORES) + 1);
}

struct table {
    const char *path;
    int at[COLUMNS]; /* -1: not there */
    int n;           /* fields of a row */
    uint32_t known;
};

static int find_columns(struct table *t, const struct csv_row *header, struct err *err)
{
    t->n = header->n;
    for (int k = 0; k < COLUMNS; k++) {
        t->at[k] = -1;
        for (int i = 0; i < t->n; i++)
            if (!strcmp(header->field[i], column_name((enum column)k)))
                t->at[k] = i;
    }
    for (int q = 0; q < KINDS; q++) {
        int there = 0, all = (int)kinds[q].last - (int)kinds[q].first + 1;
        for (int k = (int)kinds[q].first; k <= (int)kinds[q].last; k++)
            there += t->at[k] >= 0;
        if (there && there < all)
            return err_set(err, ERR_CONFIG, "%s:%d: of the columns %s to %s all or none", t->path,
                           header->line, column_name(kinds[q].first), column_name(kinds[q].last));
        t->known |= there ? kinds[q].figures : 0;
    }
    if (t->at[ID] < 0 || t->at[JACCARD] < 0)
        return err_set(err, ERR_CONFIG, "%s:%d: columns id and jaccard are needed", t->path,
                       header->line);
    return 0;
}

static int read_numbers(double numbers[COLUMNS], const struct table *t, const struct csv_row *row,
                        struct err *err)
{
    for (int q = 0; q < KINDS; q++)
        for (int k = (int)kinds[q].first; k <= (int)kinds[q].last; k++) {
            const char *text = t->at[k] < 0 ? "0" : row->field[t->at[k]];
            char *end;
            numbers[k] = strtod(text, &end);
            if (!*text || *end || !(numbers[k] >= 0 && numbers[k] <= kinds[q].max))
                return err_set(err, ERR_CONFIG, "%s:%d: %s \"%.20s\" is no number 0..%g", t->path,
                               row->line, column_name((enum column)k), text, kinds[q].max);
        }
    return 0;
}

static int fill_image(struct metrics_image *image, const double numbers[COLUMNS],
                      const struct table *t, int line, struct err *err)
{
    double sum = 0, hit = numbers[HIT];

    if (hit > numbers[PREDICTED] || hit > numbers[LESION])
        return err_set(err, ERR_CONFIG, "%s:%d: more hit_px than pixels", t->path, line);
    for (int k = 1; k < METRICS_CLASSES; k++)
        sum += numbers[SCORES + k - 1];
    if (t->at[SCORES] >= 0 && !(sum > 0))
        return err_set(err, ERR_CONFIG, "%s:%d: all scores are 0", t->path, line);
    if (fabs(sum - 1) < 1e-6)
        sum = 1; /* ours come back to the bit */
    for (int k = 1; k < METRICS_CLASSES; k++)
        image->scores[k] = sum > 0 ? numbers[SCORES + k - 1] / sum : 0;
    image->jaccard = numbers[JACCARD];
    image->dice = numbers[DICE];
    image->pixels[1][1] = (uint32_t)hit;
    image->pixels[0][1] = (uint32_t)(numbers[PREDICTED] - hit);
    image->pixels[1][0] = (uint32_t)(numbers[LESION] - hit);
    return 0;
}

struct place {
    const char *id;
    int row;
    bool is_filled;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->id, ((const struct place *)b)->id);
}

static int take_row(struct metrics *out, struct place *places, const struct table *t,
                    const struct csv_row *row, struct err *err)
{
    double numbers[COLUMNS];

    if (row->n != t->n)
        return err_set(err, ERR_CONFIG, "%s:%d: %d fields, not %d", t->path, row->line, row->n,
                       t->n);
    const struct place key = {.id = row->field[t->at[ID]]};
    struct place *place = bsearch(&key, places, (size_t)out->n, sizeof(*places), by_id);
    if (!place)
        return 0; /* not of this split */
    if (place->is_filled)
        return err_set(err, ERR_CONFIG, "%s:%d: %.60s stands there twice", t->path, row->line,
                       key.id);
    place->is_filled = true;
    return read_numbers(numbers, t, row, err) ||
                   fill_image(&out->images[place->row], numbers, t, row->line, err)
               ? -1
               : 0;
}

static int take_rows(struct metrics *out, struct place *places, struct table *t, char *text,
                     struct err *err)
{
    struct csv csv;
    struct csv_row row;

    csv_begin(&csv, text, t->path);
    int got = csv_next(&csv, &row, err);
    if (got == 0)
        return err_set(err, ERR_CONFIG, "%s: empty", t->path);
    if (got < 0 || find_columns(t, &row, err))
        return -1;
    while ((got = csv_next(&csv, &row, err)) == 1)
        if (take_row(out, places, t, &row, err))
            return -1;
    for (int i = 0; i < out->n && !got; i++)
        if (!places[i].is_filled)
            return err_set(err, ERR_CONFIG, "%s: no row for image %s", t->path, places[i].id);
    return got;
}

static int reserve_rows(struct metrics *out, struct place **places, const struct judgement *j,
                        struct err *err)
{
    size_t room = (size_t)j->metrics.n + 1;

    *places = calloc(room, sizeof(**places));
    *out = (struct metrics){.images = calloc(room, sizeof(*out->images)), .n = j->metrics.n};
    if (!*places || !out->images)
        return err_set(err, ERR_NOMEM, "rows of %d images", j->metrics.n);
    out->capacity = out->n;
    for (int i = 0; i < out->n; i++) {
        out->images[i].truth = j->metrics.images[i].truth;
        (*places)[i] = (struct place){j->labels[i]->id, i, false};
    }
    qsort(*places, (size_t)out->n, sizeof(**places), by_id);
    return 0;
}

int rows_read(struct metrics *out, uint32_t *known, const struct judgement *j, const char *path,
              struct err *err)
{
    struct table t = {.path = path};
    struct place *places = NULL;
    struct buf text;
    int ret = -1;

    buf_init(&text, TABLE_MAX);
    if (!reserve_rows(out, &places, j, err) && !file_read(path, &text, err)) {
        buf_add(&text, "", 0); /* an empty file leaves no text */
        if (!buf_check(&text, path, err))
            ret = take_rows(out, places, &t, text.data, err);
    } else {
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code;
    }
    *known = t.known;
    if (ret)
        metrics_release(out);
    free(places);
    buf_release(&text);
    return ret;
}
