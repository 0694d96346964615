#include "reports/dossier.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

/* For an image that was not assessed: what the study knows of it. */
static void entry_of_study(struct image_entry *out, const struct study_image *image)
{
    memset(out, 0, sizeof(*out));
    copy_text(out->file, sizeof(out->file), image->file);
    copy_text(out->stem, sizeof(out->stem), image->stem);
    copy_text(out->sha256, sizeof(out->sha256), image->sha256);
    copy_text(out->detail, sizeof(out->detail), image->detail);
    /* Any reason makes it an entry without measures; that of a cancelled one is taken out again. */
    out->reason = image->set_aside == REASON_NONE ? REASON_INTERNAL : image->set_aside;
    out->decision.risk = RISK_RETAKE;
}

static json_t *entry_json_of_study(const struct study_image *image)
{
    struct image_entry *entry = calloc(1, sizeof(*entry));
    json_t *made = NULL;

    if (entry) {
        entry_of_study(entry, image);
        made = entry_to_json(entry);
    }
    free(entry);
    return made;
}

/* Read results/<n>.json. What intake set aside has no original and may have no result. */
static int read_result(const char *dir, const struct study_image *image, enum result_status *status,
                       json_t **out, struct err *err)
{
    if (result_read(dir, image->n, status, out, err))
        return -1;
    if (*status != RESULT_NONE)
        return 0;
    if (image->set_aside == REASON_NONE)
        return err_set(err, ERR_AGAIN, "image %d has no result yet", image->n);
    *status = RESULT_SET_ASIDE;
    return 0;
}

static void fill_finding(struct finding *f, const struct study_image *image, const json_t *entry)
{
    f->malignant = NAN;
    f->risk = RISK_RETAKE;
    if (f->status == RESULT_DONE) {
        f->risk = risk_of(json_text_or(entry, "risk", ""));
        if (f->risk != RISK_RETAKE) /* what an unusable picture scored is shown to nobody */
            f->malignant = json_number_or(entry, "malignant_probability", NAN);
        copy_text(f->why, sizeof(f->why), json_text_or(entry, "risk_reason", ""));
    } else if (f->status == RESULT_SET_ASIDE) {
        const char *word = json_text_or(entry, "reason", NULL);
        f->reason = word ? reason_of(word) : image->set_aside;
    }
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_text(text) : json_null();
}

/* What the manifest said of the image stands beside what was found. */
static int add_manifest_fields(json_t *entry, const struct study_image *image)
{
    int bad = json_object_set_new(entry, "lesion_id", text_or_null(image->lesion_id)) ||
              json_object_set_new(entry, "body_site", text_or_null(image->body_site)) ||
              json_object_set_new(entry, "acquired_at", text_or_null(image->acquired_at)) ||
              json_object_set_new(entry, "notes", text_or_null(image->notes)) ||
              json_object_set_new(entry, "mm_per_px", json_rounded(image->mm_per_px, 6)) ||
              json_object_set_new(entry, "is_duplicate", json_boolean(image->is_duplicate));

    return bad || json_object_set(entry, "columns", image->extra ? image->extra : json_null());
}

static int add_entry_line(struct buf *out, json_t *entry, const struct study_image *image,
                          enum result_status status, struct err *err)
{
    char *line = NULL;
    int bad = add_manifest_fields(entry, image) ||
              json_object_set_new(entry, "status", json_string(result_status_word(status)));

    if (status == RESULT_CANCELLED)
        bad |= json_object_set_new(entry, "reason", json_null());
    if (!bad)
        line = json_line(entry);
    if (!line)
        return err_set(err, ERR_NOMEM, "image %d: entry could not be written out", image->n);
    if (out->len)
        buf_add_text(out, ",\n");
    buf_add_text(out, line);
    free(line);
    return buf_check(out, "report.json", err);
}

static int read_image(struct dossier *d, int index, struct buf *entries, struct err *err)
{
    struct finding *f = &d->findings[index];
    const struct study_image *image = &d->study.images[index];
    json_t *result = NULL, *made = NULL;
    int ret = -1;

    f->index = index;
    if (read_result(d->dir, image, &f->status, &result, err))
        return -1;
    json_t *entry = json_object_get(result, "entry");
    if (!json_is_object(entry) || f->status == RESULT_CANCELLED)
        entry = made = entry_json_of_study(image);
    if (!entry) {
        err_set(err, ERR_NOMEM, "image %d: no memory for its entry", image->n);
        goto done;
    }
    fill_finding(f, image, entry);
    if (!d->model && json_is_object(json_object_get(result, "model")))
        d->model = json_incref(json_object_get(result, "model"));
    d->n_done += f->status == RESULT_DONE;
    d->n_set_aside += f->status == RESULT_SET_ASIDE;
    d->n_cancelled += f->status == RESULT_CANCELLED;
    ret = entries ? add_entry_line(entries, entry, image, f->status, err) : 0;
done:
    json_decref(made);
    json_decref(result);
    return ret;
}

/* Worse first: risk, then malignant probability; equal ones in the order of the upload. */
static int compare_severity(const struct finding *a, const struct finding *b)
{
    double pa = isnan(a->malignant) ? -1 : a->malignant,
           pb = isnan(b->malignant) ? -1 : b->malignant;

    if (a->risk != b->risk)
        return a->risk < b->risk ? -1 : 1;
    if (pa != pb)
        return pa > pb ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int by_severity(const void *a, const void *b)
{
    return compare_severity(a, b);
}

static int by_lesion(const void *a, const void *b)
{
    const struct finding *fa = a, *fb = b;

    if (fa->lesion != fb->lesion)
        return fa->lesion < fb->lesion ? -1 : 1;
    return compare_severity(fa, fb);
}

/* One row of the table that finds equal texts by sorting. */
struct keyed {
    const char *key;
    int at; /* in findings */
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *ka = a, *kb = b;
    int order = strcmp(ka->key, kb->key);

    return order ? order : (ka->at > kb->at) - (ka->at < kb->at);
}

/* findings are sorted by severity: a lesion's first one is its worst and gives it its place. */
static void number_lesions(struct dossier *d, struct keyed *table)
{
    int n = d->study.n_images;

    for (int i = 0; i < n; i++)
        table[i] = (struct keyed){d->study.images[d->findings[i].index].lesion_id, i};
    qsort(table, (size_t)n, sizeof(*table), by_key);
    for (int i = 0, first = 0; i < n; i++) {
        if (!table[i].key[0] || strcmp(table[i].key, table[first].key) != 0)
            first = i;
        d->findings[table[i].at].lesion = table[first].at;
    }
    /* From the place of the worst picture to 1, 2, 3 ... */
    for (int i = 0; i < n; i++) {
        int head = d->findings[i].lesion;
        d->findings[i].lesion = head == i ? ++d->n_lesions : d->findings[head].lesion;
    }
    qsort(d->findings, (size_t)n, sizeof(*d->findings), by_lesion);
}

static void mark_twice(struct dossier *d, struct keyed *table)
{
    int n = d->study.n_images;

    for (int i = 0; i < n; i++)
        table[i] = (struct keyed){d->study.images[d->findings[i].index].sha256, i};
    qsort(table, (size_t)n, sizeof(*table), by_key);
    for (int i = 1; i < n; i++)
        if (table[i].key[0] && !strcmp(table[i].key, table[i - 1].key))
            d->findings[table[i].at].is_twice = d->findings[table[i - 1].at].is_twice = true;
}

static int sort_findings(struct dossier *d, struct err *err)
{
    int n = d->study.n_images;
    struct keyed *table = calloc((size_t)n + 1, sizeof(*table));

    if (!table)
        return err_set(err, ERR_NOMEM, "no memory for %d images", n);
    qsort(d->findings, (size_t)n, sizeof(*d->findings), by_severity);
    number_lesions(d, table);
    mark_twice(d, table);
    free(table);
    d->risk = n ? d->findings[0].risk : RISK_RETAKE;
    return 0;
}

int dossier_open(struct dossier *out, const char *study_dir, struct buf *entries, struct err *err)
{
    struct dossier *d = out;

    memset(d, 0, sizeof(*d));
    if (path_format(d->dir, sizeof(d->dir), err, "%s", study_dir) ||
        spool_study_read(study_dir, &d->study, err))
        goto fail;
    d->findings = calloc((size_t)d->study.n_images + 1, sizeof(*d->findings));
    if (!d->findings) {
        err_set(err, ERR_NOMEM, "no memory for %d images", d->study.n_images);
        goto fail;
    }
    for (int i = 0; i < d->study.n_images; i++)
        if (read_image(d, i, entries, err))
            goto fail;
    if (!sort_findings(d, err))
        return 0;
fail:
    dossier_close(d);
    return -1;
}

void dossier_close(struct dossier *d)
{
    study_release(&d->study);
    free(d->findings);
    json_decref(d->model);
    memset(d, 0, sizeof(*d));
}

int dossier_entry(const struct dossier *d, const struct finding *f, struct image_entry *out,
                  struct err *err)
{
    const struct study_image *image = &d->study.images[f->index];
    enum result_status status;
    json_t *result = NULL;
    int ret = 0;

    if (read_result(d->dir, image, &status, &result, err))
        return -1;
    const json_t *entry = json_object_get(result, "entry");
    if (json_is_object(entry) && status != RESULT_CANCELLED)
        ret = entry_from_json(out, entry, err);
    else
        entry_of_study(out, image);
    json_decref(result);
    return ret;
}

int dossier_open_spool(struct spool **spool, const char *out, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/.lentigo/spool/version", out))
        return -1;
    if (access(path, R_OK))
        return err_set(err, ERR_CONFIG, "%s: no spool of a run there", out);
    return path_format(path, sizeof(path), err, "%s/.lentigo/spool", out) ||
                   spool_open(spool, path, err)
               ? -1
               : 0;
}
