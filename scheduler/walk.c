#include "scheduler/walk.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "lesion/entry.h"
#include "queue/broker.h"
#include "queue/contents.h"
#include "queue/names.h"

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

/* ---- a study ---- */

static int add_images(struct walk *w, int n, struct err *err)
{
    for (int i = 0; i < n; i++) {
        void *rows = grown(w->images, &w->cap_images, w->n_images, sizeof(*w->images), err);
        if (!rows)
            return -1;
        w->images = rows;
        w->images[w->n_images++] =
            (struct walk_image){.n = i, .malignant_probability = (double)NAN};
    }
    return 0;
}

/* The number in "<n>.json", -1 = another name. */
static int number_of_result(const char *name)
{
    const char *rest;
    int n = names_number(name, STUDY_IMAGES_MAX, &rest);

    return n >= 0 && !strcmp(rest, ".json") ? n : -1;
}

static int read_result(const char *study_dir, struct walk_image *out, struct err *err)
{
    json_t *result = NULL;

    if (result_read(study_dir, out->n, &out->status, &result, err))
        return -1;
    const json_t *entry = json_object_get(result, "entry");
    snprintf(out->risk, sizeof(out->risk), "%s", json_text_or(entry, "risk", ""));
    out->reason = reason_of(json_text_or(entry, "reason", reason_word(REASON_NONE)));
    out->malignant_probability = json_number_or(entry, "malignant_probability", (double)NAN);
    json_decref(result);
    return 0;
}

/* What lies in results/ is read, no more: most images of a backlog have nothing there. */
static int read_results(const char *study_dir, struct walk_image *images, int n_images,
                        struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct names names;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/results", study_dir) ||
        names_read(&names, path, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++) {
        int n = number_of_result(names.at[i]);
        if (n >= 0 && n < n_images)
            ret = read_result(study_dir, &images[n], err);
    }
    names_release(&names);
    return ret;
}

static int count_open(const struct walk_image *images, int n)
{
    int open = 0;

    for (int i = 0; i < n; i++)
        open += images[i].status == RESULT_NONE;
    return open;
}

static int set_aside(struct walk *w, const char *study_dir, const struct study_image *image,
                     struct walk_image *out, struct err *err)
{
    if (walk_write_aside(study_dir, image, image->set_aside, image->detail, err))
        return -1;
    w->has_written = true;
    out->status = RESULT_SET_ASIDE;
    out->reason = image->set_aside;
    snprintf(out->risk, sizeof(out->risk), "%s", risk_word(RISK_RETAKE));
    return 0;
}

/* What intake had set aside gets its result. */
static int write_results(struct walk *w, const char *study_dir, struct walk_image *images,
                         int n_images, bool *is_stale, struct err *err)
{
    struct study study;
    int ret = 0;

    if (spool_study_read(study_dir, &study, err))
        return -1;
    *is_stale = study.n_images != n_images;
    for (int i = 0; i < n_images && !*is_stale && !ret; i++)
        if (images[i].status == RESULT_NONE && study.images[i].set_aside != REASON_NONE)
            ret = set_aside(w, study_dir, &study.images[i], &images[i], err);
    study_release(&study);
    return ret;
}

static bool has_file(const char *study_dir, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    return !path_format(path, sizeof(path), &ignored, "%s/%s", study_dir, name) &&
           !access(path, F_OK);
}

/* `*is_stale`: the contents tell of a study that is not there, or not so. */
static int fill_study(struct walk *w, const char *study_dir, const struct contents_study *told,
                      struct walk_study *out, bool *is_stale, struct err *err)
{
    *is_stale = !has_file(study_dir, "study.json");
    if (*is_stale)
        return 0;
    if (add_images(w, told->n_images, err))
        return -1;
    struct walk_image *images = &w->images[out->first];
    if (read_results(study_dir, images, told->n_images, err))
        return -1;
    int open = count_open(images, told->n_images);
    if (open && told->n_set_aside &&
        write_results(w, study_dir, images, told->n_images, is_stale, err))
        return -1;
    out->has_report = !open && has_file(study_dir, "report.json");
    return 0;
}

static int add_study(struct walk *w, const struct contents_study *told, bool *is_stale,
                     struct err *err)
{
    char dir[SPOOL_PATH_SIZE];

    if (atomic_load(&w->is_cancelled))
        return err_set(err, ERR_CANCELLED, "walk");
    void *rows = grown(w->studies, &w->cap_studies, w->n_studies, sizeof(*w->studies), err);
    if (!rows)
        return -1;
    w->studies = rows;
    struct walk_study *out = &w->studies[w->n_studies];
    *out = (struct walk_study){.class = w->terms.class,
                               .not_before_ms = w->terms.not_before_ms,
                               .n_images = told->n_images,
                               .first = w->n_images};
    snprintf(out->upload, sizeof(out->upload), "%s", w->terms.upload);
    snprintf(out->key, sizeof(out->key), "%s", told->key);
    if (spool_study_dir(w->spool, out->upload, out->key, dir, err) ||
        fill_study(w, dir, told, out, is_stale, err))
        return -1;
    w->n_studies++;
    return 0;
}

/* ---- an upload ---- */

/* What was added is taken back when the contents turn out to be stale. */
static int add_studies(struct walk *w, const struct contents *contents, bool *is_stale,
                       struct err *err)
{
    size_t n_studies = w->n_studies, n_images = w->n_images;

    *is_stale = false;
    for (int i = 0; i < contents->n && !*is_stale; i++)
        if (add_study(w, &contents->studies[i], is_stale, err))
            return -1;
    if (*is_stale) {
        w->n_studies = n_studies;
        w->n_images = n_images;
    }
    return 0;
}

/* The next start finds it; one that cannot be written is no harm. */
static void renew_contents(const struct contents *contents, const char *upload_dir)
{
    char quoted[512];
    struct err err = {0};

    if (contents_write(contents, upload_dir, &err))
        log_event(LOG_WARN, "contents.write", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
}

static int read_studies(struct walk *w, const char *upload, const char *dir, struct err *err)
{
    struct contents contents = {0};
    bool is_stale = false;

    if (contents_gather(&contents, w->spool, upload, err))
        return -1;
    int ret = add_studies(w, &contents, &is_stale, err);
    if (!ret && is_stale)
        ret =
            err_set(err, ERR_AGAIN, "upload %s: its studies changed while they were read", upload);
    if (!ret)
        renew_contents(&contents, dir);
    contents_release(&contents);
    return ret;
}

static int add_upload(void *ctx, const char *upload, struct err *err)
{
    struct walk *w = ctx;
    char dir[SPOOL_PATH_SIZE];
    struct contents contents = {0};
    bool is_there, is_stale = false;

    if (index_has_upload(w->index, upload))
        return 0;
    if (terms_read(&w->terms, w->spool, upload, err) ||
        spool_upload_dir(w->spool, upload, dir, err) ||
        contents_read(&contents, dir, &is_there, err))
        return -1;
    int ret = is_there ? add_studies(w, &contents, &is_stale, err) : 0;
    contents_release(&contents);
    if (is_stale)
        log_event(LOG_WARN, "contents.stale", "upload=%s", upload);
    return ret || (is_there && !is_stale) ? ret : read_studies(w, upload, dir, err);
}

void walk_run(struct walk *w)
{
    if (!spool_each_upload(w->spool, add_upload, w, &w->err) && w->has_written)
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
