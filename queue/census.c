#include "queue/census.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/census_priv.h"
#include "queue/contents.h"
#include "queue/names.h"
#include "queue/result.h"

static const struct {
    const char *word, *text, *advice;
} findings[] = {
#define X(name, word, text, advice) {word, text, advice},
    CENSUS_MAP(X)
#undef X
};

const char *census_word(enum census_finding f)
{
    return findings[f].word;
}

const char *census_text(enum census_finding f)
{
    return findings[f].text;
}

const char *census_advice(enum census_finding f)
{
    return findings[f].advice;
}

void census_find(const struct examination *e, enum census_finding f, const char *upload,
                 const char *key, const char *rest)
{
    char where[CENSUS_WHERE_SIZE];

    e->census->findings[f]++;
    if (!e->found)
        return;
    snprintf(where, sizeof(where), "%s%s%s%s%s", upload, key[0] ? "/" : "", key,
             rest[0] && upload[0] ? "/" : "", rest);
    e->found(e->ctx, f, where);
}

static void find_image(const struct examination *e, enum census_finding f,
                       const struct patient_study *p, int n)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", n);
    census_find(e, f, p->upload, p->key, number);
}

static void count_result(struct examination *e, struct patient_study *p, enum result_status status)
{
    e->census->done += status == RESULT_DONE;
    e->census->set_aside += status == RESULT_SET_ASIDE;
    e->census->cancelled += status == RESULT_CANCELLED;
    p->n_terminal++;
}

/* An original may go once its image is finished. */
static int examine_original(struct examination *e, const struct patient_study *p,
                            const struct study_image *image, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;

    if (image->set_aside)
        return 0;
    if (path_format(path, sizeof(path), err, "%s/originals/%d", p->dir, image->n))
        return -1;
    if (stat(path, &st))
        find_image(e, CENSUS_LOST_ORIGINAL, p, image->n);
    else if (st.st_size != image->size_bytes)
        find_image(e, CENSUS_CHANGED_ORIGINAL, p, image->n);
    return 0;
}

static int examine_image(struct examination *e, struct patient_study *p,
                         const struct study_image *image, struct err *err)
{
    enum result_status status;
    struct err why = {0};

    if (result_peek(p->dir, image->n, &status, NULL, &why)) {
        if (why.code != ERR_INPUT && why.code != ERR_LIMIT)
            return err_set(err, why.code, "%s", why.msg);
        find_image(e, CENSUS_DAMAGED_RESULT, p, image->n);
        return 0;
    }
    if (status != RESULT_NONE) {
        count_result(e, p, status);
        return 0;
    }
    find_image(e, CENSUS_UNFINISHED, p, image->n);
    return examine_original(e, p, image, err);
}

static int examine_report(struct examination *e, const struct patient_study *p, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    bool is_whole = p->n_terminal == p->study.n_images;

    if (path_format(path, sizeof(path), err, "%s/report.json", p->dir))
        return -1;
    bool has_report = !access(path, F_OK);
    e->census->reports += has_report;
    if (has_report && !is_whole)
        census_find(e, CENSUS_EARLY_REPORT, p->upload, p->key, "");
    if (!has_report && is_whole)
        census_find(e, CENSUS_NO_REPORT, p->upload, p->key, "");
    return e->found && has_report && is_whole ? census_report(e, p, path, err) : 0;
}

/* One that is not there is made at the next start of a scheduler. */
static int examine_contents(const struct examination *e, const char *upload,
                            const struct contents *seen, struct err *err)
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct contents told = {0};
    bool is_whole;

    if (spool_upload_dir(e->spool, upload, dir, err) ||
        path_format(path, sizeof(path), err, "%s/" CONTENTS_FILE, dir) ||
        contents_read(&told, dir, &is_whole, err))
        return -1;
    if (!access(path, F_OK) && !(is_whole && contents_equal(&told, seen)))
        census_find(e, CENSUS_OTHER_CONTENTS, upload, "", "");
    contents_release(&told);
    return 0;
}

/* Adds the study to what was `seen`. */
static int examine_study(struct examination *e, const char *upload, const char *key,
                         struct contents *seen, struct err *err)
{
    struct patient_study p = {.upload = upload, .key = key};
    struct err why = {0};
    int ret = 0;

    if (spool_study_dir(e->spool, upload, key, p.dir, &why) ||
        spool_study_read(p.dir, &p.study, &why)) {
        if (why.code == ERR_AGAIN || why.code == ERR_NOMEM)
            return err_set(err, why.code, "%s", why.msg);
        census_find(e, CENSUS_DAMAGED_STUDY, upload, key, "");
        return 0;
    }
    e->census->studies++;
    ret = contents_add_study(seen, &p.study, err);
    for (int i = 0; i < p.study.n_images && !ret; i++)
        ret = examine_image(e, &p, &p.study.images[i], err);
    if (!ret)
        ret = census_study_files(e, &p, err) || examine_report(e, &p, err) ? -1 : 0;
    study_release(&p.study);
    return ret;
}

/* How many images were accepted; -1 = nobody knows. */
static int read_accepted(struct examination *e, const char *upload, int64_t *images,
                         struct err *err)
{
    struct err why = {0};
    json_t *record = NULL;

    *images = -1;
    if (!spool_upload_read(e->spool, upload, &record, &why) &&
        !json_get_int(record, "images", 0, INT64_MAX, images, &why))
        e->census->others += (int64_t)json_array_size(json_object_get(record, "others"));
    json_decref(record);
    if (why.code == ERR_AGAIN || why.code == ERR_NOMEM)
        return err_set(err, why.code, "%s", why.msg);
    if (why.code)
        census_find(e, CENSUS_DAMAGED_UPLOAD, upload, "", "");
    return 0;
}

/* Keys of the upload's studies; what is no folder has none. */
static int read_keys(struct examination *e, const char *upload, struct names *keys, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct err why = {0};

    *keys = (struct names){0};
    if (path_format(path, sizeof(path), err, "%s/uploads/%s/studies", spool_root(e->spool), upload))
        return -1;
    if (names_read(keys, path, &why) && why.code != ERR_INPUT)
        return err_set(err, why.code, "%s", why.msg);
    return 0;
}

static int examine_upload(void *ctx, const char *upload, struct err *err)
{
    struct examination *e = ctx;
    struct contents seen = {0};
    struct names keys;
    int64_t accepted, images = 0;
    int ret = 0;

    if (read_accepted(e, upload, &accepted, err) || read_keys(e, upload, &keys, err))
        return -1;
    for (int i = 0; i < keys.n && !ret; i++)
        ret = examine_study(e, upload, keys.at[i], &seen, err);
    names_release(&keys);
    for (int i = 0; i < seen.n; i++)
        images += seen.studies[i].n_images;
    e->census->uploads++;
    e->census->received += accepted > images ? accepted : images;
    if (accepted > images)
        census_find(e, CENSUS_LOST_STUDIES, upload, "", "");
    else if (e->found && !ret) /* of what is lost the list tells rightly */
        ret = examine_contents(e, upload, &seen, err);
    contents_release(&seen);
    return ret ? ret : census_upload_files(e, upload, err);
}

static int examine_draft(struct examination *e, const char *name, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/incoming/%s", spool_root(e->spool), name))
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB))
        census_find(e, CENSUS_LEFTOVER, "incoming", name, "");
    if (fd >= 0)
        close(fd);
    return 0;
}

/* A folder under construction is locked by its builder, who holds the lock of incoming/ while he
 * makes it (intake.c); whoever finds that one taken comes back another time. */
static int examine_incoming(struct examination *e, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct names names = {0};
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/incoming", spool_root(e->spool)))
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB))
        ret = names_read(&names, path, err);
    for (int i = 0; i < names.n && !ret; i++)
        ret = examine_draft(e, names.at[i], err);
    names_release(&names);
    if (fd >= 0)
        close(fd);
    return ret;
}

int spool_examine(const struct spool *s, struct census *out,
                  void (*found)(void *ctx, enum census_finding f, const char *where), void *ctx,
                  struct err *err)
{
    struct census made = {0};
    struct examination e = {s, &made, found, ctx};

    if (spool_each_upload(s, examine_upload, &e, err) || examine_incoming(&e, err) ||
        census_root_files(&e, err))
        return -1;
    *out = made;
    return 0;
}

int spool_census(const struct spool *s, struct census *out, struct err *err)
{
    return spool_examine(s, out, NULL, NULL, err);
}

bool census_is_whole(const struct census *c)
{
    return c->received == c->done + c->set_aside + c->cancelled;
}
