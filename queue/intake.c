/* intake.c -- gather, arrange, then build incoming/<id>-<pid> and rename it into uploads/<id>.
 *
 * Everything before the rename can be thrown away; the rename is the acceptance. The folder under
 * construction is locked by its builder: who gets the lock of one knows that its builder is gone,
 * and sweeps it. The lock of incoming/ itself is held between making such a folder and locking it,
 * so that nobody sweeps it in between. */
#include "queue/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/crew.h"
#include "queue/gather.h"
#include "queue/names.h"
#include "queue/sites.h"
#include "queue/terms.h"
#include "queue/upload.h"

enum {
    VERSION = 1,
    BYTES_PER_IMAGE = 500000, /* result, mask, display copy and overlay (design section 3) */
};

struct intake {
    struct spool *spool;
    const struct intake_request *request;
    struct gather gather;
    struct upload upload;
    char accepted_at[CLOCK_ISO_SIZE];
    char incoming[SPOOL_PATH_SIZE]; /* the folder of folders */
    char draft[SPOOL_PATH_SIZE];    /* ours in it */
    char final[SPOOL_PATH_SIZE];
    int draft_fd; /* holds the lock; -1 = none */
};

static int fail_errno(struct err *err, const char *path, const char *verb)
{
    return err_set(err, ERR_AGAIN, "%s: %s: %s", path, verb, strerror(errno));
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Under the lock of incoming/: remove what no living process builds. */
static int sweep(const char *incoming, int *removed, struct err *err)
{
    struct names names;
    char path[SPOOL_PATH_SIZE];
    int ret = 0;

    if (names_read(&names, incoming, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++) {
        ret = path_format(path, sizeof(path), err, "%s/%s", incoming, names.at[i]);
        int fd = ret ? -1 : open_folder(path);
        if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
            dir_remove(path);
            ++*removed;
        }
        if (fd >= 0)
            close(fd);
    }
    names_release(&names);
    return ret;
}

static int make_draft(struct intake *in, struct err *err)
{
    if (path_format(in->draft, sizeof(in->draft), err, "%s/%s-%d", in->incoming, in->upload.id,
                    (int)getpid()))
        return -1;
    if (mkdir(in->draft, 0700))
        return fail_errno(err, in->draft, "mkdir");
    in->draft_fd = open_folder(in->draft);
    if (in->draft_fd < 0 || flock(in->draft_fd, LOCK_EX | LOCK_NB))
        return fail_errno(err, in->draft, "lock");
    return 0;
}

static json_t *others_to_json(const struct gather *g)
{
    json_t *list = json_array();

    for (int i = 0; i < g->n_others; i++) {
        json_t *other = json_object();
        json_put(&other, "file", json_text(g->others[i].path));
        json_put(&other, "reason", json_string(reason_word(g->others[i].reason)));
        json_put(&other, "detail", json_text(g->others[i].detail));
        json_add(&list, other);
    }
    return list;
}

static int write_upload(const struct intake *in, json_t *sites, struct err *err)
{
    char path[SPOOL_PATH_SIZE], not_before[CLOCK_ISO_SIZE];
    json_t *object = json_object();
    int ret = -1;

    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "upload", json_string(in->upload.id));
    json_put(&object, "accepted_at", json_string(in->accepted_at));
    json_put(&object, "input", json_text(in->request->input));
    json_put(&object, "class",
             json_string(in->request->job_class ? in->request->job_class : "bulk"));
    if (in->request->not_before_ms)
        json_put(&object, "not_before",
                 json_string(clock_iso(not_before, in->request->not_before_ms)));
    json_put(&object, "images", json_integer(in->upload.n_images));
    json_put(&object, "studies", json_integer(in->upload.n_studies));
    json_put(&object, "sites", json_incref(sites));
    json_put(&object, "others", others_to_json(&in->gather));
    if (!path_format(path, sizeof(path), err, "%s/upload.json", in->draft))
        ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int ask(const struct intake *in, json_t *sites, struct err *err)
{
    const struct intake_offer offer = {in->upload.n_images, sites, in->accepted_at};

    return in->request->admit ? in->request->admit(in->request->admit_ctx, &offer, err) : 0;
}

/* A draft has its upload.json from its first moment, so that the next one who asks counts it. */
static int make_admitted_draft(struct intake *in, struct err *err)
{
    json_t *sites = sites_of(&in->upload);

    int ret = !sites ? err_set(err, ERR_NOMEM, "upload: out of memory")
              : ask(in, sites, err) || make_draft(in, err) ? -1
                                                           : write_upload(in, sites, err);
    json_decref(sites);
    return ret;
}

static int begin_draft(struct intake *in, struct err *err)
{
    int fd = open_folder(in->incoming), ret, removed = 0;

    if (fd < 0)
        return fail_errno(err, in->incoming, "open");
    if (flock(fd, LOCK_EX))
        ret = fail_errno(err, in->incoming, "lock");
    else
        ret = sweep(in->incoming, &removed, err) ? -1 : make_admitted_draft(in, err);
    close(fd);
    return ret;
}

static int make_parts(const char *dir, struct err *err)
{
    static const char *const parts[] = {"", "/originals", "/results"};
    char path[SPOOL_PATH_SIZE];

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (path_format(path, sizeof(path), err, "%s%s", dir, parts[i]) || dir_make(path, err))
            return -1;
    return 0;
}

/* Link or copy one original. It must still be what was hashed: looked at afterwards, so that a
 * change while it was being copied is seen too. */
static int take_original(const struct intake *in, const struct gather_image *image, const char *to,
                         struct err *err)
{
    struct stat st;
    int fd = tree_fd(&in->gather.tree, image->path), ret;

    if (fd < 0)
        return fail_errno(err, image->path, "open");
    ret = in->request->is_foreign ? file_copy_fd(fd, to, err) : file_link_or_copy_fd(fd, to, err);
    if (!ret && fstat(fd, &st))
        ret = fail_errno(err, image->path, "stat");
    else if (!ret && !tree_is_same(image->file, &st))
        ret = err_set(err, ERR_AGAIN, "%s: changed while it was taken in", image->path);
    close(fd);
    return ret;
}

static int take_originals(const struct intake *in, int k, const char *dir, struct err *err)
{
    const struct upload_study *study = &in->upload.studies[k];
    char to[SPOOL_PATH_SIZE];

    for (int i = 0; i < study->n; i++) {
        const struct gather_image *image = in->upload.images[study->first + i].from;
        if (image->set_aside)
            continue;
        if (path_format(to, sizeof(to), err, "%s/originals/%d", dir, i) ||
            take_original(in, image, to, err))
            return -1;
    }
    return 0;
}

static int build_study(const struct intake *in, int k, const struct study *study, struct err *err)
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];

    if (path_format(dir, sizeof(dir), err, "%s/studies/%s", in->draft, study->key) ||
        path_format(path, sizeof(path), err, "%s/study.json", dir) || make_parts(dir, err) ||
        take_originals(in, k, dir, err))
        return -1;
    json_t *object = study_to_json(study);
    int ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int write_study(void *ctx, int k, struct err *err)
{
    const struct intake *in = ctx;
    struct study study;

    if (upload_study_record(&in->upload, k, in->accepted_at, &study, err))
        return -1;
    int ret = build_study(in, k, &study, err);
    free(study.images);
    return ret;
}

/* Do files of INPUT take a second name in the spool? Tried with the first one that has bytes. */
static bool can_link(const struct intake *in)
{
    char probe[SPOOL_PATH_SIZE + 8], self[64];
    const struct gather_image *image = in->gather.images;

    for (int i = 1; image->set_aside && i < in->gather.n_images; i++)
        image++;
    int fd = image->set_aside ? -1 : tree_fd(&in->gather.tree, image->path);
    if (fd < 0)
        return true; /* nothing to copy */
    snprintf(probe, sizeof(probe), "%s/probe", in->draft);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    bool can = !linkat(AT_FDCWD, self, AT_FDCWD, probe, AT_SYMLINK_FOLLOW);
    if (can)
        unlink(probe);
    close(fd);
    return can;
}

static int check_disk(const struct intake *in, struct err *err)
{
    struct statvfs disk;
    int64_t need = 0, copies = 0;

    for (int i = 0; i < in->gather.n_images; i++) {
        const struct gather_image *image = &in->gather.images[i];
        need += image->set_aside ? 0 : BYTES_PER_IMAGE;
        copies += image->set_aside ? 0 : image->size;
    }
    if (in->request->is_foreign || !can_link(in))
        need += copies;
    need += in->request->waiting * BYTES_PER_IMAGE;
    if (statvfs(in->draft, &disk))
        return fail_errno(err, in->draft, "statvfs");
    int64_t have = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    if (have < need)
        return err_set(err, ERR_AGAIN,
                       "disk of %s: %" PRId64 " MB are needed for %d images%s, %" PRId64
                       " MB are free",
                       spool_root(in->spool), need / 1000000, in->gather.n_images,
                       in->request->waiting ? " and those that wait" : "", have / 1000000);
    return 0;
}

static int sync_folder(const char *path, struct err *err)
{
    int fd = open_folder(path), ret = 0;

    if (fd < 0 || fsync(fd))
        ret = fail_errno(err, path, "fsync");
    if (fd >= 0)
        close(fd);
    return ret;
}

/* The acceptance. Somebody else's rename of the same upload is as good as ours. */
static int put_in_place(const struct intake *in, bool *was_there, struct err *err)
{
    char uploads[SPOOL_PATH_SIZE];

    if (path_format(uploads, sizeof(uploads), err, "%s/uploads", spool_root(in->spool)) ||
        file_sync_fs(in->draft, err))
        return -1;
    *was_there = false;
    if (rename(in->draft, in->final)) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            return fail_errno(err, in->final, "rename");
        *was_there = true;
        dir_remove(in->draft);
    }
    return sync_folder(uploads, err) || sync_folder(in->incoming, err) ? -1 : 0;
}

static int write_contents(const struct intake *in, struct err *err)
{
    struct contents contents = {0};
    int ret =
        upload_contents(&in->upload, &contents, err) || contents_write(&contents, in->draft, err);

    contents_release(&contents);
    return ret ? -1 : 0;
}

static int build(struct intake *in, bool *was_there, struct err *err)
{
    if (begin_draft(in, err) || check_disk(in, err) ||
        crew_run(in->request->threads, in->upload.n_studies, write_study, in, err) ||
        write_contents(in, err))
        return -1;
    return put_in_place(in, was_there, err);
}

/* Files that came or went beside the images since the upload was accepted are listed anew. */
static int refresh_others(const struct intake *in, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *record, *others;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/upload.json", in->final) ||
        spool_upload_read(in->spool, in->upload.id, &record, err))
        return -1;
    others = others_to_json(&in->gather);
    if (!json_equal(json_object_get(record, "others"), others)) {
        json_put(&record, "others", json_incref(others));
        ret = json_write(path, record, err);
    }
    json_decref(others);
    json_decref(record);
    return ret;
}

static int accept(struct intake *in, struct intake_result *out, struct err *err)
{
    clock_iso(in->accepted_at, in->request->accepted_ms);
    if (gather_read(&in->gather, in->request, spool_root(in->spool), err) ||
        upload_arrange(&in->upload, &in->gather, in->request->threads, err) ||
        path_format(in->incoming, sizeof(in->incoming), err, "%s/incoming",
                    spool_root(in->spool)) ||
        path_format(in->final, sizeof(in->final), err, "%s/uploads/%s", spool_root(in->spool),
                    in->upload.id))
        return -1;
    *out = (struct intake_result){.images = in->upload.n_images,
                                  .studies = in->upload.n_studies,
                                  .others = in->gather.n_others,
                                  .was_there = !access(in->final, F_OK)};
    snprintf(out->upload, sizeof(out->upload), "%s", in->upload.id);
    for (int i = 0; i < in->gather.n_images; i++)
        out->set_aside += in->gather.images[i].set_aside != REASON_NONE;
    if (out->was_there ? refresh_others(in, err) : build(in, &out->was_there, err))
        return -1;
    struct terms terms = {0};
    if (terms_read(&terms, in->spool, out->upload, err))
        return -1;
    out->not_before_ms = terms.not_before_ms;
    return 0;
}

/* Nothing was taken, whatever the code of the step that failed: the caller asks again, or mends
 * his input or configuration first. */
static int fail_upload(struct err *err)
{
    if (err->code == ERR_INPUT || err->code == ERR_LIMIT)
        err->code = ERR_CONFIG;
    return -1;
}

int intake_accept(struct spool *s, const struct intake_request *request, struct intake_result *out,
                  struct err *err)
{
    struct intake *in = calloc(1, sizeof(*in)); /* several paths of 4 kB */
    struct intake_result made;

    if (!in)
        return err_set(err, ERR_NOMEM, "%s: out of memory", request->input);
    *in = (struct intake){.spool = s, .request = request, .draft_fd = -1};
    in->gather.tree.root_fd = -1;
    int ret = accept(in, &made, err);
    if (!ret)
        *out = made;
    else if (in->draft_fd >= 0)
        dir_remove(in->draft);
    if (in->draft_fd >= 0)
        close(in->draft_fd);
    upload_release(&in->upload);
    gather_release(&in->gather);
    free(in);
    return ret ? fail_upload(err) : 0;
}

int intake_sweep(const struct spool *s, int *removed, struct err *err)
{
    char incoming[SPOOL_PATH_SIZE];

    *removed = 0;
    if (path_format(incoming, sizeof(incoming), err, "%s/incoming", spool_root(s)))
        return -1;
    int fd = open_folder(incoming);
    if (fd < 0)
        return fail_errno(err, incoming, "open");
    int ret =
        flock(fd, LOCK_EX) ? fail_errno(err, incoming, "lock") : sweep(incoming, removed, err);
    close(fd);
    return ret;
}
