#include "scheduler/walk.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "lesion/entry.h"
#include "queue/broker.h"

static int write_result(const char *study_dir, int n, enum result_status status,
                        const json_t *entry, struct err *err)
{
    char dir[SPOOL_PATH_SIZE];

    if (!entry)
        return err_set(err, ERR_NOMEM, "image entry");
    if (path_format(dir, sizeof(dir), err, "%s/results", study_dir) || dir_make(dir, err))
        return -1;
    return result_write(study_dir, n, status, entry, NULL, err);
}

int walk_write_aside(const char *study_dir, const struct study_image *image, enum reason reason,
                     const char *detail, struct err *err)
{
    struct image_entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return err_set(err, ERR_NOMEM, "image entry");
    entry_begin(entry, image->file, image->stem, image->sha256);
    entry_set_aside(entry, reason, detail);
    json_t *object = entry_to_json(entry);
    int ret = write_result(study_dir, image->n, RESULT_SET_ASIDE, object, err);
    json_decref(object);
    free(entry);
    return ret;
}

int walk_write_cancelled(const char *study_dir, const struct study_image *image,
                         const struct order *order, struct err *err)
{
    json_t *entry =
        json_pack("{s:o,s:o,s:s,s:{s:s,s:o,s:o,s:s}}", "file", json_text(image->file), "stem",
                  json_text(image->stem), "sha256", image->sha256, "cancelled", "order", order->id,
                  "by", json_text(order->by), "why", json_text(order->why), "at", order->at);
    int ret = write_result(study_dir, image->n, RESULT_CANCELLED, entry, err);

    json_decref(entry);
    return ret;
}

static void *grown(void *rows, size_t *cap, size_t n, size_t size, struct err *err)
{
    if (n < *cap)
        return rows;
    size_t want = *cap ? 2 * *cap : 256;
    void *more = realloc(rows, want * size);
    if (more)
        *cap = want;
    else
        err_set(err, ERR_NOMEM, "walk");
    return more;
}

static int read_image(struct walk *w, const char *study_dir, const struct study_image *image,
                      struct walk_image *out, struct err *err)
{
    json_t *result = NULL;

    *out = (struct walk_image){.n = image->n, .malignant_probability = (double)NAN};
    if (result_read(study_dir, image->n, &out->status, &result, err))
        return -1;
    const json_t *entry = json_object_get(result, "entry");
    snprintf(out->risk, sizeof(out->risk), "%s", json_text_or(entry, "risk", ""));
    out->reason = reason_of(json_text_or(entry, "reason", reason_word(REASON_NONE)));
    out->malignant_probability = json_number_or(entry, "malignant_probability", (double)NAN);
    json_decref(result);
    if (out->status != RESULT_NONE || image->set_aside == REASON_NONE)
        return 0;
    if (walk_write_aside(study_dir, image, image->set_aside, image->detail, err))
        return -1;
    w->has_written = true;
    out->status = RESULT_SET_ASIDE;
    out->reason = image->set_aside;
    snprintf(out->risk, sizeof(out->risk), "%s", risk_word(RISK_RETAKE));
    return 0;
}

static int add_image(struct walk *w, const char *study_dir, const struct study_image *image,
                     struct err *err)
{
    void *rows = grown(w->images, &w->cap_images, w->n_images, sizeof(*w->images), err);

    if (!rows)
        return -1;
    w->images = rows;
    if (read_image(w, study_dir, image, &w->images[w->n_images], err))
        return -1;
    w->n_images++;
    return 0;
}

static int add_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct walk *w = ctx;
    char report[SPOOL_PATH_SIZE];

    if (atomic_load(&w->is_cancelled))
        return err_set(err, ERR_CANCELLED, "walk");
    if (index_has_upload(w->index, study->upload))
        return 0;
    void *rows = grown(w->studies, &w->cap_studies, w->n_studies, sizeof(*w->studies), err);
    if (!rows)
        return -1;
    w->studies = rows;
    if (terms_read(&w->terms, w->spool, study->upload, err) ||
        path_format(report, sizeof(report), err, "%s/report.json", study_dir))
        return -1;
    struct walk_study *out = &w->studies[w->n_studies];
    *out = (struct walk_study){.class = w->terms.class,
                               .not_before_ms = w->terms.not_before_ms,
                               .n_images = study->n_images,
                               .first = w->n_images,
                               .has_report = !access(report, F_OK)};
    snprintf(out->upload, sizeof(out->upload), "%s", study->upload);
    snprintf(out->key, sizeof(out->key), "%s", study->key);
    for (int i = 0; i < study->n_images; i++)
        if (add_image(w, study_dir, &study->images[i], err))
            return -1;
    w->n_studies++;
    return 0;
}

void walk_run(struct walk *w)
{
    if (!spool_each_study(w->spool, add_study, w, &w->err) && w->has_written)
        file_sync_fs(spool_root(w->spool), &w->err);
}

void walk_release(struct walk *w)
{
    free(w->studies);
    free(w->images);
    w->studies = NULL;
    w->images = NULL;
    w->n_studies = w->n_images = w->cap_studies = w->cap_images = 0;
    w->terms = (struct terms){0};
    w->has_written = false;
    w->err = (struct err){0};
}
