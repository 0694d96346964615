#include "reports/publish.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/place.h"
#include "reports/fonts.h"

enum { PAGE_SIZE_MAX = 1 << 30 };

/* A model without a policy is no error: the reports then show no thresholds. */
static int open_policy(struct policy **out, const struct settings *s, struct err *err)
{
    bool is_auto = s->size == SETTINGS_AUTO;
    char model[SETTINGS_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct err why = {0};

    if (place_model(model, s->model, &why)) /* none named, and none came along */
        return s->model[0] ? err_set(err, why.code, "%s", why.msg) : 0;
    if (path_format(path, sizeof(path), err, "%s/%s", model, policy_file_name(is_auto)))
        return -1;
    return access(path, F_OK) ? 0 : policy_open_in(out, model, is_auto, err);
}

int publisher_init(struct publisher *out, const struct settings *settings, struct err *err)
{
    memset(out, 0, sizeof(*out));
    out->settings = settings;
    out->language = language_of(settings->language);
    out->wants_pages = strstr(settings->reports, "html") != NULL;
    if (open_policy(&out->policy, settings, err))
        return -1;
    return out->wants_pages ? fonts_open(&out->fonts, err) : 0;
}

void publisher_release(struct publisher *p)
{
    fonts_close(p->fonts);
    policy_close(p->policy);
    memset(p, 0, sizeof(*p));
}

/* The error of a call whose text names a path below OUT, told without the path. */
static int fail_unnamed(struct err *err, const struct err *why, const char *what)
{
    return err_set(err, why->code, "%s could not be put into the output folder (%s)", what,
                   err_name(why->code));
}

static int write_into(const char *dir, const char *name, const struct buf *bytes, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct err why = {0};

    if (path_format(path, sizeof(path), &why, "%s/%s", dir, name) ||
        file_write(path, bytes->data, bytes->len, &why))
        return fail_unnamed(err, &why, name);
    return 0;
}

/* A new second name beside the old one, then renamed over it: a reader sees one or the other.
 * Where both are one file already rename does nothing, so the draft is removed in any case. */
static int link_over(const char *from, const char *to, struct err *err)
{
    char draft[SPOOL_PATH_SIZE];
    int ret = 0;

    if (path_format(draft, sizeof(draft), err, "%s.%d.tmp", to, (int)getpid()))
        return -1;
    (void)unlink(draft); /* of a process that died with our number */
    if (file_link_or_copy(from, draft, err))
        return -1;
    if (rename(draft, to)) {
        int e = errno;
        ret = err_set(err, err_code_of_errno(e), "rename: %s", strerror(e));
    }
    (void)unlink(draft);
    return ret;
}

/* results/<n>.<kind> as OUT/<publish>/<stem>.<kind>, when there is one. */
static int link_result(const struct dossier *d, const struct study_image *image, const char *dir,
                       const char *kind, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE], what[64];
    struct err why = {0};

    if (path_format(from, sizeof(from), err, "%s/results/%d.%s", d->dir, image->n, kind))
        return -1;
    if (access(from, F_OK))
        return 0;
    snprintf(what, sizeof(what), "results/%d.%s", image->n, kind);
    if (path_format(to, sizeof(to), &why, "%s/%s.%s", dir, image->stem, kind) ||
        link_over(from, to, &why))
        return fail_unnamed(err, &why, what);
    return 0;
}

static int link_results(const struct publisher *p, const struct dossier *d, const char *dir,
                        struct err *err)
{
    for (int i = 0; i < d->study.n_images; i++) {
        const struct finding *f = &d->findings[i];
        const struct study_image *image = &d->study.images[f->index];
        if (f->status != RESULT_DONE)
            continue;
        if (link_result(d, image, dir, "mask.png", err) ||
            (p->wants_pages && link_result(d, image, dir, "overlay.jpg", err)))
            return -1;
    }
    return 0;
}

static int write_pages(struct publisher *p, const struct dossier *d, const char *dir,
                       struct err *err)
{
    struct report report;
    struct buf page;
    int ret = -1;

    if (report_prepare(&report, d, p->policy, p->language, err))
        return -1;
    buf_init(&page, PAGE_SIZE_MAX);
    if (report_html(&report, &page, err) || write_into(dir, "report.html", &page, err))
        goto done;
    buf_clear(&page);
    if (report_pdf(&report, p->fonts, &page, err) || write_into(dir, "report.pdf", &page, err))
        goto done;
    ret = 0;
done:
    buf_release(&page);
    report_release(&report);
    return ret;
}

/* Where the reports go: OUT/<publish> in a run, the study's own folder in an installation. */
static int target_dir(const struct publisher *p, const struct dossier *d, char dir[SPOOL_PATH_SIZE],
                      struct err *err)
{
    struct err why = {0};

    if (!p->settings->output[0])
        return path_format(dir, SPOOL_PATH_SIZE, err, "%s", d->dir);
    if (path_format(dir, SPOOL_PATH_SIZE, &why, "%s/%s", p->settings->output, d->study.publish) ||
        dir_make(dir, &why))
        return fail_unnamed(err, &why, "the patient's folder");
    return 0;
}

/* Those of an image that is not done (a worker died on it, or came too late for a cancel) vouch for
 * nothing. One that cannot be removed does no harm. */
static void sweep_pictures(const struct dossier *d)
{
    static const char *const kinds[] = {"mask.png", "display.jpg", "overlay.jpg"};
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    for (int i = 0; i < d->study.n_images; i++) {
        const struct finding *f = &d->findings[i];
        int n = d->study.images[f->index].n;
        for (size_t k = 0; f->status != RESULT_DONE && k < sizeof(kinds) / sizeof(*kinds); k++)
            if (!path_format(path, sizeof(path), &ignored, "%s/results/%d.%s", d->dir, n, kinds[k]))
                (void)unlink(path);
    }
}

/* OUT is the user's: only what a killed process of ours began there. */
static void sweep_output(const struct dossier *d, const char *dir)
{
    static const char *const ours[] = {"report.html", "report.pdf", "report.json"};
    static const char *const kinds[] = {"mask.png", "overlay.jpg"};
    char name[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    for (size_t k = 0; k < sizeof(ours) / sizeof(*ours); k++)
        file_sweep_drafts_of(dir, ours[k]);
    for (int i = 0; i < d->study.n_images; i++)
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
            if (!path_format(name, sizeof(name), &ignored, "%s.%s", d->study.images[i].stem,
                             kinds[k]))
                file_sweep_drafts_of(dir, name);
}

static int write_all(struct publisher *p, const struct dossier *d, const struct buf *json,
                     struct err *err)
{
    char dir[SPOOL_PATH_SIZE];
    bool is_run = p->settings->output[0], wants_any = strcmp(p->settings->reports, "none") != 0;

    if (wants_any) {
        if (target_dir(p, d, dir, err) || (is_run && link_results(p, d, dir, err)) ||
            (p->wants_pages && write_pages(p, d, dir, err)) ||
            (is_run && write_into(dir, "report.json", json, err)))
            return -1;
        if (is_run)
            sweep_output(d, dir);
    }
    return write_into(d->dir, "report.json.draft", json, err);
}

int publish_make(struct publisher *p, const char *study_dir, struct publish_outcome *out,
                 struct err *err)
{
    struct dossier d;
    struct buf entries, json;
    int ret = -1;

    buf_init(&entries, SPOOL_JSON_MAX);
    buf_init(&json, SPOOL_JSON_MAX);
    if (dossier_open(&d, study_dir, &entries, err))
        goto done;
    sweep_pictures(&d);
    if (!report_json(&d, &entries, &json, err))
        ret = write_all(p, &d, &json, err);
    out->risk = d.risk;
    out->malignant = d.study.n_images ? d.findings[0].malignant : NAN;
    dossier_close(&d);
done:
    buf_release(&json);
    buf_release(&entries);
    return ret;
}

int publish_sync(const struct publisher *p, const char *study_dir, struct err *err)
{
    struct stat spool, output;

    if (file_sync_fs(study_dir, err))
        return -1;
    if (!p->settings->output[0] || stat(study_dir, &spool) || stat(p->settings->output, &output) ||
        spool.st_dev == output.st_dev)
        return 0;
    return file_sync_fs(p->settings->output, err);
}

/* All its images are terminal: what a killed process left half-written there becomes nothing more. */
static void sweep_study(const char *study_dir)
{
    char results[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    file_sweep_drafts(study_dir);
    if (!path_format(results, sizeof(results), &ignored, "%s/results", study_dir))
        file_sweep_drafts(results);
}

static int report_paths(const char *study_dir, char draft[SPOOL_PATH_SIZE],
                        char path[SPOOL_PATH_SIZE], struct err *err)
{
    return path_format(draft, SPOOL_PATH_SIZE, err, "%s/report.json.draft", study_dir) ||
                   path_format(path, SPOOL_PATH_SIZE, err, "%s/report.json", study_dir)
               ? -1
               : 0;
}

void publish_abandon(const char *study_dir)
{
    char draft[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    if (!report_paths(study_dir, draft, path, &ignored) && !access(path, F_OK))
        (void)unlink(draft);
}

int publish_finish(const char *study_dir, struct err *err)
{
    char draft[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];

    if (report_paths(study_dir, draft, path, err))
        return -1;
    if (rename(draft, path)) {
        int e = errno;
        /* Another reporter was first; the bytes are the same. */
        if (e == ENOENT && !access(path, F_OK))
            return 0;
        return err_set(err, err_code_of_errno(e), "%s: rename: %s", path, strerror(e));
    }
    sweep_study(study_dir);
    return 0;
}
