#include "queue/mend.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/contents.h"
#include "queue/intake.h"
#include "queue/order.h"

enum { NAMES_MAX = 1000 };

static int fail_errno(struct err *err, const char *path, const char *verb)
{
    return err_set(err, ERR_AGAIN, "%s: %s: %s", path, verb, strerror(errno));
}

/* Where the file of a finding lies: "<upload>", "<upload>/<key>" or "<upload>/<key>/<rest>" below
 * uploads/, where the rest is a path within the study. */
static int path_of(const struct spool *s, const char *where, char out[SPOOL_PATH_SIZE],
                   struct err *err)
{
    const char *key = strchr(where, '/');
    const char *rest = key ? strchr(key + 1, '/') : NULL;

    if (!rest) /* a file of the upload: upload.json and studies are all that belongs there */
        return path_format(out, SPOOL_PATH_SIZE, err, "%s/uploads/%s", spool_root(s), where);
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/uploads/%.*s/studies/%.*s/%s", spool_root(s),
                       (int)(key - where), where, (int)(rest - key - 1), key + 1, rest + 1);
}

/* A free name in mended/ that tells where the file was. */
static int free_name(const struct spool *s, const char *where, char out[SPOOL_PATH_SIZE],
                     struct err *err)
{
    char flat[1024];

    snprintf(flat, sizeof(flat), "%.200s", where);
    for (char *c = flat; *c; c++)
        if (*c == '/')
            *c = '-';
    for (int k = 0; k < NAMES_MAX; k++) {
        if (path_format(out, SPOOL_PATH_SIZE, err, "%s/mended/%s.%d", spool_root(s), flat, k))
            return -1;
        if (access(out, F_OK))
            return 0;
    }
    return err_set(err, ERR_AGAIN, "%s/mended: %d files of the name %s", spool_root(s), NAMES_MAX,
                   flat);
}

static int move_away(const struct spool *s, const char *path, const char *where,
                     char did[MEND_DID_SIZE], struct err *err)
{
    char to[SPOOL_PATH_SIZE];

    if (path_format(to, sizeof(to), err, "%s/mended", spool_root(s)) || dir_make(to, err) ||
        free_name(s, where, to, err))
        return -1;
    if (rename(path, to))
        return errno == ENOENT ? 0 : fail_errno(err, path, "rename");
    snprintf(did, MEND_DID_SIZE, "moved to mended/%.200s", strrchr(to, '/') + 1);
    return 1;
}

static int mend_file(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                     struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (!strchr(where, '/')) /* beside uploads/: whose it is, only a person can tell */
        return 0;
    return path_of(s, where, path, err) ? -1 : move_away(s, path, where, did, err);
}

static int mend_result(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                       struct err *err)
{
    const char *n = strrchr(where, '/');
    char file[1024];

    snprintf(file, sizeof(file), "%.*s/results/%s.json", (int)(n ? n - where : 0), where,
             n ? n + 1 : "");
    return mend_file(s, file, did, err);
}

static int mend_report(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                       struct err *err)
{
    char study[WIRE_ID_SIZE + 2], dir[SPOOL_PATH_SIZE];

    if (path_format(study, sizeof(study), err, "%s/.", where) || path_of(s, study, dir, err) ||
        order_retire_report(dir, err))
        return -1;
    snprintf(did, MEND_DID_SIZE, "moved to the study's history; the scheduler makes a new one");
    return 1;
}

static int mend_draft(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                      struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (strchr(where, '/') ? path_of(s, where, path, err)
                           : path_format(path, sizeof(path), err, "%s/%s", spool_root(s), where))
        return -1;
    if (unlink(path) && errno != ENOENT)
        return fail_errno(err, path, "unlink");
    snprintf(did, MEND_DID_SIZE, "removed");
    return 1;
}

static int mend_leftover(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                         struct err *err)
{
    int removed;

    (void)where;
    if (intake_sweep(s, &removed, err))
        return -1;
    snprintf(did, MEND_DID_SIZE, "removed; hand the upload in again");
    return removed > 0;
}

static int mend_contents(const struct spool *s, const char *where, char did[MEND_DID_SIZE],
                         struct err *err)
{
    char dir[SPOOL_PATH_SIZE];
    struct contents contents = {0};
    int ret = contents_gather(&contents, s, where, err) || spool_upload_dir(s, where, dir, err) ||
              contents_write(&contents, dir, err);

    contents_release(&contents);
    snprintf(did, MEND_DID_SIZE, "written anew from the studies");
    return ret ? -1 : 1;
}

static int (*const menders[CENSUS_FINDINGS])(const struct spool *s, const char *where,
                                             char did[MEND_DID_SIZE], struct err *err) = {
    [CENSUS_DAMAGED_RESULT] = mend_result, [CENSUS_EARLY_REPORT] = mend_report,
    [CENSUS_STALE_REPORT] = mend_report,   [CENSUS_STRAY_RESULT] = mend_file,
    [CENSUS_ORPHAN] = mend_file,           [CENSUS_DRAFT] = mend_draft,
    [CENSUS_LEFTOVER] = mend_leftover,     [CENSUS_OTHER_CONTENTS] = mend_contents,
};

static int note(struct spool *s, enum census_finding f, const char *where, const char *did,
                struct err *err)
{
    char by[ORDER_BY_SIZE], at[CLOCK_ISO_SIZE];

    order_by(by);
    json_t *event = json_pack("{s:s,s:s,s:o,s:o,s:o,s:s}", "event", "mended", "finding",
                              census_word(f), "where", json_text(where), "did", json_text(did),
                              "by", json_text(by), "at", clock_iso(at, clock_wall_ms()));
    int ret = event ? spool_log_append(s, event, err) : err_set(err, ERR_NOMEM, "log of mending");
    json_decref(event);
    return ret;
}

int spool_mend(struct spool *s, enum census_finding f, const char *where, char did[MEND_DID_SIZE],
               struct err *err)
{
    int ret = menders[f] ? menders[f](s, where, did, err) : 0;

    if (ret > 0 && note(s, f, where, did, err))
        return -1;
    if (ret < 0)
        err->code = ERR_AGAIN;
    return ret;
}
