#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/replay.h"
#include "cli/run.h"
#include "common/file.h"
#include "common/place.h"
#include "common/status.h"
#include "queue/result.h"

void replay_clean(struct replay *r)
{
    if (r->scratch[0]) /* what cannot be removed stays in the temporary folder */
        dir_remove(r->scratch);
    r->scratch[0] = 0;
}

static int make_scratch(struct replay *r, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/lentigo-replay-XXXXXX",
                    tmp && tmp[0] ? tmp : "/tmp"))
        return -1;
    if (!mkdtemp(path))
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    memcpy(r->scratch, path, sizeof(path));
    return 0;
}

/* The same name below both studies; what is not there is left out. */
static int take(const struct replay *r, const char *name, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];

    if (path_format(from, sizeof(from), err, "%s/%s", r->dir, name) ||
        path_format(to, sizeof(to), err, "%s/%s", r->scratch_study, name))
        return -1;
    return access(from, F_OK) ? 0 : file_link_or_copy(from, to, err);
}

/* A cancel is no work that could be done again: it is taken over. */
static int take_image(const struct replay *r, const struct study_image *image, struct err *err)
{
    enum result_status status;
    char name[64];

    snprintf(name, sizeof(name), "originals/%d", image->n);
    if ((image->set_aside == REASON_NONE && take(r, name, err)) ||
        result_peek(r->dir, image->n, &status, NULL, err))
        return -1;
    snprintf(name, sizeof(name), "results/%d.json", image->n);
    return status == RESULT_CANCELLED ? take(r, name, err) : 0;
}

static int write_upload(const struct replay *r, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *record = json_deep_copy(r->upload);
    int ret = -1;

    json_put(&record, "images", json_integer(r->study.n_images));
    json_put(&record, "studies", json_integer(1));
    json_put(&record, "others", json_array());
    if (!path_format(path, sizeof(path), err, "%s/.lentigo/spool/uploads/%s/upload.json",
                     r->scratch, r->study.upload))
        ret = json_write(path, record, err);
    json_decref(record);
    return ret;
}

static int make_study(struct replay *r, struct err *err)
{
    static const char *const parts[] = {"originals", "results"};
    char root[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct spool *spool = NULL;
    int ret = path_format(root, sizeof(root), err, "%s/.lentigo/spool", r->scratch);

    ret = ret || dir_make(root, err) || spool_open(&spool, root, err) ||
          spool_study_dir(spool, r->study.upload, r->study.key, r->scratch_study, err);
    spool_close(spool);
    for (size_t i = 0; !ret && i < sizeof(parts) / sizeof(*parts); i++)
        ret = path_format(path, sizeof(path), err, "%s/%s", r->scratch_study, parts[i]) ||
              dir_make(path, err);
    ret =
        ret || take(r, "study.json", err) || write_upload(r, err) ||
        path_format(r->published, sizeof(r->published), err, "%s/%s", r->scratch, r->study.publish);
    for (int i = 0; !ret && i < r->study.n_images; i++)
        ret = take_image(r, &r->study.images[i], err);
    return ret ? -1 : 0;
}

/* Its words go to a log: a person asked for the outcome. */
static int run_it(struct replay *r, struct err *err)
{
    char input[SPOOL_PATH_SIZE], log[SPOOL_PATH_SIZE];
    const char *argv[] = {"lentigo", "run", input, NULL};

    if (path_format(input, sizeof(input), err, "%s/replayed", r->scratch) ||
        path_format(log, sizeof(log), err, "%s/.lentigo/replay.log", r->scratch) ||
        path_format(r->settings.output, sizeof(r->settings.output), err, "%s", r->scratch) ||
        settings_export(&r->settings, err))
        return -1;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", log, strerror(errno));
    int status = run_program_logged("lentigo", argv, fd, err);
    close(fd);
    if (status < 0)
        return -1;
    return status == STATUS_OK ? 0
                               : err_set(err, status == STATUS_AGAIN ? ERR_AGAIN : ERR_BUG,
                                         "the replay ended with status %d; see %s", status, log);
}

int replay_again(struct replay *r, struct err *err)
{
    if (make_scratch(r, err) || make_study(r, err))
        return -1;
    int ret = run_it(r, err);
    if (ret && err->code == ERR_BUG)
        r->scratch[0] = 0; /* kept, for its log */
    return ret;
}
