#include "queue/sites.h"

#include <unistd.h>

#include "common/file.h"
#include "queue/names.h"

enum { DAY_LENGTH = 10 }; /* "2026-11-26" */

static void add(json_t **sites, const char *site, int64_t images)
{
    const json_t *before = json_object_get(*sites, site);

    json_put(sites, site, json_integer(json_integer_value(before) + images));
}

json_t *sites_of(const struct upload *u)
{
    char site[STUDY_FIELD_SIZE];
    json_t *sites = json_object();

    for (int k = 0; k < u->n_studies; k++) {
        upload_site(u, k, site);
        add(&sites, site, u->studies[k].n);
    }
    return sites;
}

struct count {
    const struct spool *spool;
    const char *day;
    json_t *sites;
};

static void add_upload(struct count *c, const json_t *upload)
{
    const char *site;
    json_t *images;

    if (strncmp(json_text_or(upload, "accepted_at", ""), c->day, DAY_LENGTH) != 0)
        return;
    json_object_foreach(json_object_get(upload, "sites"), site, images)
    {
        add(&c->sites, site, json_integer_value(images));
    }
}

/* One that is damaged is the doctor's to name, and holds up nobody. */
static int count_accepted(void *ctx, const char *upload, struct err *err)
{
    struct count *c = ctx;
    struct err why = {0};
    json_t *record;

    if (!spool_upload_read(c->spool, upload, &record, &why)) {
        add_upload(c, record);
        json_decref(record);
    } else if (why.code == ERR_AGAIN || why.code == ERR_NOMEM) {
        return err_set(err, why.code, "%s", why.msg);
    }
    return 0;
}

/* What lies in incoming/ and has no builder any more was swept by whoever asks here. */
static int count_incoming(struct count *c, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct names names;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/incoming", spool_root(c->spool)) ||
        names_read(&names, path, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++) {
        struct err ignored = {0}; /* gone by now: it is among the accepted ones, or was given up */
        ret = path_format(path, sizeof(path), err, "%s/incoming/%s/upload.json",
                          spool_root(c->spool), names.at[i]);
        json_t *record = ret ? NULL : json_read(path, SPOOL_JSON_MAX, &ignored);
        add_upload(c, record);
        json_decref(record);
    }
    names_release(&names);
    return ret;
}

int sites_of_day(const struct spool *s, const char *at, json_t **out, struct err *err)
{
    struct count c = {s, at, json_object()};

    /* In this order: what is accepted in between counts twice rather than not at all. */
    int ret = count_incoming(&c, err) || spool_each_upload(s, count_accepted, &c, err) ? -1 : 0;
    if (!ret && !c.sites)
        ret = err_set(err, ERR_NOMEM, "count of the sites' images");
    if (ret) {
        json_decref(c.sites);
        return -1;
    }
    *out = c.sites;
    return 0;
}
