/* The four files of a run's end, written. */
#include <math.h>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "reports/summary.h"

enum { PAGE_SIZE_MAX = 1 << 30 };

json_t *summary_json(const struct summary *s)
{
    json_t *o = json_object();
    int bad = !o || json_object_set_new(o, "received", json_integer(s->received)) ||
              json_object_set_new(o, "done", json_integer(s->done)) ||
              json_object_set_new(o, "set_aside", json_integer(s->set_aside)) ||
              json_object_set_new(o, "cancelled", json_integer(s->cancelled)) ||
              json_object_set_new(o, "unfinished", json_integer(s->unfinished)) ||
              json_object_set_new(o, "patients", json_integer(s->patients)) ||
              json_object_set_new(o, "reports", json_integer(s->n_rows)) ||
              json_object_set_new(o, "flagged", json_integer(s->flagged)) ||
              json_object_set_new(o, "wall_s", json_rounded(s->wall_s, 2)) ||
              json_object_set_new(o, "images_per_s", json_rounded(s->images_per_s, 2)) ||
              json_object_set_new(o, "model", json_text(s->model)) ||
              json_object_set_new(o, "precision", json_text(s->precision)) ||
              json_object_set_new(o, "device", json_text(s->device));

    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}

static int write_page(const struct summary *s, const struct settings *settings, const char *name,
                      int (*make)(const struct summary *, enum language, struct buf *,
                                  struct err *),
                      struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct buf page;

    buf_init(&page, PAGE_SIZE_MAX);
    int ret = make(s, language_of(settings->language), &page, err) ||
              path_format(path, sizeof(path), err, "%s/%s", settings->output, name) ||
              file_write(path, page.data, page.len, err);
    buf_release(&page);
    return ret ? -1 : 0;
}

static int write_json(const struct summary *s, const struct settings *settings, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *object = summary_json(s);

    if (!object)
        return err_set(err, ERR_NOMEM, "no memory for summary.json");
    int ret = path_format(path, sizeof(path), err, "%s/summary.json", settings->output) ||
              json_write(path, object, err);
    json_decref(object);
    return ret ? -1 : 0;
}

static int write_all(const struct summary *s, const struct settings *settings, struct err *err)
{
    static const char *const ours[] = {"worklist.csv", "set-aside.csv", "summary.html",
                                       "summary.json"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        file_sweep_drafts_of(settings->output, ours[i]);
    if (write_page(s, settings, "worklist.csv", summary_worklist, err) ||
        write_page(s, settings, "set-aside.csv", summary_set_aside, err) ||
        write_page(s, settings, "summary.html", summary_html, err) || write_json(s, settings, err))
        return -1;
    return file_sync_fs(settings->output, err);
}

int summary_run(const struct settings *settings)
{
    struct summary s;
    struct err err = {0};
    char text[300];

    if (!settings->output[0]) {
        fprintf(stderr, "lentigo-reports: summary needs --output\n");
        return STATUS_USAGE;
    }
    if (!summary_gather(&s, settings->output, &err)) {
        int64_t unfinished = s.unfinished;
        int ret = write_all(&s, settings, &err);
        summary_release(&s);
        if (!ret)
            return unfinished ? STATUS_UNFINISHED : STATUS_OK;
    }
    log_event(LOG_ERROR, "summary.failed", "code=%s text=%s", err_name(err.code),
              log_quote(text, sizeof(text), err.msg));
    return err.code == ERR_CONFIG ? STATUS_CONFIG : STATUS_AGAIN;
}
