#include "reports/summary.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"

enum { STATS_SIZE_MAX = 1 << 20 };

struct gathering {
    struct summary *summary;
    const char *out;
    int cap_rows, cap_asides;
    json_t *model; /* of the first study that has one */
};

/* Room for one more in an array of `size`-byte things; NULL when memory is gone. */
static void *grow(void *things, int n, int *cap, size_t size)
{
    if (n < *cap)
        return things;
    int more = *cap ? 2 * *cap : 64;
    void *grown = realloc(things, (size_t)more * size);
    if (grown)
        *cap = more;
    return grown;
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for the summary");
}

static int add_aside(struct gathering *g, const struct study *study, const char *file,
                     enum reason reason, struct err *err)
{
    struct summary *s = g->summary;
    struct summary_aside *grown = grow(s->asides, s->n_asides, &g->cap_asides, sizeof(*s->asides));

    if (!grown)
        return no_memory(err);
    s->asides = grown;
    struct summary_aside *a = &s->asides[s->n_asides++];
    *a = (struct summary_aside){.file = strdup(file), .reason = reason};
    a->patient_id = strdup(study ? study->patient_id : "");
    a->study_id = strdup(study ? study->study_id : "");
    a->site = strdup(study ? study->site : "");
    return a->file && a->patient_id && a->study_id && a->site ? 0 : no_memory(err);
}

static int add_set_asides(struct gathering *g, const struct dossier *d, struct err *err)
{
    for (int i = 0; i < d->study.n_images; i++) {
        const struct finding *f = &d->findings[i];
        const struct study_image *image = &d->study.images[f->index];
        if (f->status == RESULT_SET_ASIDE && add_aside(g, &d->study, image->file, f->reason, err))
            return -1;
    }
    return 0;
}

static bool is_there(const char *out, const char *folder, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0}; /* a path that is too long holds nothing */

    return !path_format(path, sizeof(path), &ignored, "%s/%s/%s", out, folder, name) &&
           !access(path, F_OK);
}

/* Why the worst picture has its risk, as words a program can read. */
static const char *reason_words(const struct dossier *d)
{
    if (!d->study.n_images)
        return "";
    switch (d->findings[0].status) {
    case RESULT_SET_ASIDE: return reason_word(d->findings[0].reason);
    case RESULT_CANCELLED: return "cancelled";
    default: return d->findings[0].why;
    }
}

static int fill_row(struct gathering *g, struct summary_row *row, const struct dossier *d,
                    struct err *err)
{
    const struct study *s = &d->study;
    char overlay[STUDY_NAME_SIZE + 16] = "";

    row->risk = d->risk;
    row->malignant = s->n_images ? d->findings[0].malignant : NAN;
    row->n_images = s->n_images;
    for (int i = 0; i < s->n_images; i++) {
        row->n_retake += d->findings[i].risk == RISK_RETAKE;
        g->summary->flagged += d->findings[i].risk <= RISK_REVIEW;
    }
    row->has_page = is_there(g->out, s->publish, "report.html");
    if (s->n_images)
        snprintf(overlay, sizeof(overlay), "%s.overlay.jpg", s->images[d->findings[0].index].stem);
    row->overlay = is_there(g->out, s->publish, overlay) && overlay[0] ? strdup(overlay) : NULL;
    row->patient_id = strdup(s->patient_id);
    row->study_id = strdup(s->study_id);
    row->site = strdup(s->site);
    row->folder = strdup(s->publish);
    row->reason = strdup(reason_words(d));
    return row->patient_id && row->study_id && row->site && row->folder && row->reason
               ? 0
               : no_memory(err);
}

static int add_row(struct gathering *g, const struct dossier *d, struct err *err)
{
    struct summary *s = g->summary;
    struct summary_row *grown = grow(s->rows, s->n_rows, &g->cap_rows, sizeof(*s->rows));

    if (!grown)
        return no_memory(err);
    s->rows = grown;
    struct summary_row *row = &s->rows[s->n_rows++];
    memset(row, 0, sizeof(*row));
    s->done += d->n_done;
    s->set_aside += d->n_set_aside;
    s->cancelled += d->n_cancelled;
    if (!g->model && d->model)
        g->model = json_incref(d->model);
    return fill_row(g, row, d, err) ? -1 : add_set_asides(g, d, err);
}

static int visit_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct gathering *g = ctx;
    struct err why = {0};
    struct dossier d;

    g->summary->received += study->n_images;
    if (dossier_open(&d, study_dir, NULL, &why)) {
        if (why.code != ERR_AGAIN)
            return err_set(err, why.code, "study %s/%s: %s", study->upload, study->key, why.msg);
        g->summary->unfinished += study->n_images;
        return 0;
    }
    int ret = add_row(g, &d, err);
    dossier_close(&d);
    return ret;
}

static int add_others(struct gathering *g, const json_t *upload, struct err *err)
{
    size_t i;
    json_t *other;

    json_array_foreach(json_object_get(upload, "others"), i, other)
    {
        if (add_aside(g, NULL, json_text_or(other, "file", ""),
                      reason_of(json_text_or(other, "reason", "")), err))
            return -1;
        g->summary->n_others++;
    }
    return 0;
}

struct spool_gathering {
    struct gathering *gathering;
    const struct spool *spool;
};

static int visit_upload(void *ctx, const char *upload, struct err *err)
{
    struct spool_gathering *v = ctx;
    json_t *object = NULL;

    if (spool_upload_read(v->spool, upload, &object, err))
        return -1;
    int ret = add_others(v->gathering, object, err);
    json_decref(object);
    return ret;
}

static int by_severity(const void *a, const void *b)
{
    const struct summary_row *ra = a, *rb = b;
    double pa = isnan(ra->malignant) ? -1 : ra->malignant,
           pb = isnan(rb->malignant) ? -1 : rb->malignant;

    if (ra->risk != rb->risk)
        return ra->risk < rb->risk ? -1 : 1;
    if (pa != pb)
        return pa > pb ? -1 : 1;
    int order = strcmp(ra->patient_id, rb->patient_id);
    return order ? order : strcmp(ra->study_id, rb->study_id);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int count_patients(struct summary *s, struct err *err)
{
    const char **ids = calloc((size_t)s->n_rows + 1, sizeof(*ids));

    if (!ids)
        return no_memory(err);
    for (int i = 0; i < s->n_rows; i++)
        ids[i] = s->rows[i].patient_id;
    qsort(ids, (size_t)s->n_rows, sizeof(*ids), by_text);
    for (int i = 0; i < s->n_rows; i++)
        s->patients += i == 0 || strcmp(ids[i], ids[i - 1]) != 0;
    free(ids);
    return 0;
}

/* stats.json is the scheduler's last word (queue/stats.h); its "wall_s" and "run_images_per_s" are
 * over all starts of the run (scheduler/figures.h), the rest is of the last one. */
static void read_figures(struct summary *s, const char *out, const json_t *model)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0}; /* without the file the figures are unknown */
    json_t *stats = NULL;

    if (!path_format(path, sizeof(path), &ignored, "%s/.lentigo/stats.json", out))
        stats = json_read(path, STATS_SIZE_MAX, &ignored);
    double span_ms = json_number_or(stats, "at_ms", NAN) - json_number_or(stats, "started_ms", NAN);
    double terminal = (double)(s->done + s->set_aside + s->cancelled);
    s->wall_s = json_number_or(stats, "wall_s", span_ms / 1000);
    s->images_per_s =
        json_number_or(stats, "run_images_per_s", s->wall_s > 0 ? terminal / s->wall_s : NAN);
    snprintf(s->model, sizeof(s->model), "%s",
             json_text_or(model, "name", json_text_or(stats, "model", "")));
    snprintf(s->precision, sizeof(s->precision), "%s",
             json_text_or(model, "precision", json_text_or(stats, "precision", "")));
    snprintf(s->device, sizeof(s->device), "%s", json_text_or(stats, "device", ""));
    json_decref(stats);
}

int summary_gather(struct summary *s, const char *out, struct err *err)
{
    struct gathering g = {.summary = s, .out = out};
    struct spool *spool = NULL;
    int ret = -1;

    memset(s, 0, sizeof(*s));
    if (dossier_open_spool(&spool, out, err))
        return -1;
    struct spool_gathering uploads = {&g, spool};
    if (spool_each_study(spool, visit_study, &g, err) ||
        spool_each_upload(spool, visit_upload, &uploads, err) || count_patients(s, err))
        goto done;
    if (s->n_rows)
        qsort(s->rows, (size_t)s->n_rows, sizeof(*s->rows), by_severity);
    read_figures(s, out, g.model);
    ret = 0;
done:
    json_decref(g.model);
    spool_close(spool);
    if (ret)
        summary_release(s);
    return ret;
}

void summary_release(struct summary *s)
{
    for (int i = 0; i < s->n_rows; i++) {
        struct summary_row *row = &s->rows[i];
        free(row->patient_id);
        free(row->study_id);
        free(row->site);
        free(row->folder);
        free(row->overlay);
        free(row->reason);
    }
    for (int i = 0; i < s->n_asides; i++) {
        struct summary_aside *a = &s->asides[i];
        free(a->file);
        free(a->patient_id);
        free(a->study_id);
        free(a->site);
    }
    free(s->rows);
    free(s->asides);
    memset(s, 0, sizeof(*s));
}
