#include "remote/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/spool.h"

/* ---- out ---- */

static void forget_patient(struct study *study)
{
    study->patient_id[0] = study->patient_name[0] = study->birth_date[0] = study->sex[0] = 0;
    study->study_id[0] = study->publish[0] = study->site[0] = 0;
    for (int i = 0; i < study->n_images; i++) {
        struct study_image *image = &study->images[i];
        image->notes[0] = image->acquired_at[0] = 0;
        json_decref(image->extra);
        image->extra = NULL;
    }
}

int store_study(const char *root, const char *study, struct buf *out, struct err *err)
{
    char upload[64], key[32], dir[SPOOL_PATH_SIZE];
    struct study record;
    int n;

    if (spool_cut_id(study, upload, key, &n) || n != -1)
        return err_set(err, ERR_INPUT, "no study is called so");
    if (path_format(dir, sizeof(dir), err, "%s/uploads/%s/studies/%s", root, upload, key) ||
        spool_study_read(dir, &record, err))
        return -1;
    forget_patient(&record);
    json_t *object = study_to_json(&record);
    study_release(&record);
    char *line = object ? json_line(object) : NULL;
    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "study.json");
    buf_add_text(out, line);
    free(line);
    return buf_check(out, "study.json", err);
}

int store_original(const char *root, const char *id, int *fd, uint64_t *size, struct err *err)
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct stat st;
    int n;

    if (spool_image_of_id(root, id, dir, &n, err) ||
        path_format(path, sizeof(path), err, "%s/originals/%d", dir, n))
        return -1;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return err_set(err, err_code_of_errno(errno), "originals/%d: %s", n, strerror(errno));
    if (fstat(*fd, &st) || !S_ISREG(st.st_mode)) {
        close(*fd);
        return err_set(err, ERR_INPUT, "originals/%d is no regular file", n);
    }
    *size = (uint64_t)st.st_size;
    return 0;
}

/* ---- in ---- */

int store_picture(const char *root, const char *id, enum protocol_file file, const void *bytes,
                  size_t n, struct err *err)
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    int number;

    if (spool_image_of_id(root, id, dir, &number, err) ||
        path_format(path, sizeof(path), err, "%s/results", dir) || dir_make(path, err) ||
        path_format(path, sizeof(path), err, "%s/results/%d.%s", dir, number,
                    protocol_file_name(file)))
        return -1;
    return file_write(path, bytes, n, err);
}

enum result_status store_status_of(const json_t *result)
{
    const char *word = json_text_or(result, "status", "");

    if (!json_is_object(json_object_get(result, "entry")))
        return RESULT_NONE;
    if (!strcmp(word, result_status_word(RESULT_DONE)) &&
        json_is_object(json_object_get(result, "model")))
        return RESULT_DONE;
    return strcmp(word, result_status_word(RESULT_SET_ASIDE)) ? RESULT_NONE : RESULT_SET_ASIDE;
}

static int draft(const char *root, const struct store_result *r, struct err *err)
{
    const json_t *model = json_object_get(r->result, "model");
    char dir[SPOOL_PATH_SIZE], results[SPOOL_PATH_SIZE];
    int n;

    if (spool_image_of_id(root, r->id, dir, &n, err) ||
        path_format(results, sizeof(results), err, "%s/results", dir) || dir_make(results, err))
        return -1;
    return result_draft(dir, n, store_status_of(r->result), json_object_get(r->result, "entry"),
                        json_is_object(model) ? model : NULL, err);
}

static int adopt(const char *root, const struct store_result *r, struct err *err)
{
    char dir[SPOOL_PATH_SIZE];
    int n;

    return spool_image_of_id(root, r->id, dir, &n, err) || result_adopt(dir, n, err) ? -1 : 0;
}

static void discard(const char *root, const struct store_result *r)
{
    char dir[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    int n;

    if (!spool_image_of_id(root, r->id, dir, &n, &ignored))
        result_discard(dir, n);
}

/* All drafts and pictures first, so that no result is in its place before they are on the disk. */
static int write_all(const char *root, const struct store_result *results, int n, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (draft(root, &results[i], err))
            return -1;
    if (file_sync_fs(root, err))
        return -1;
    for (int i = 0; i < n; i++)
        if (adopt(root, &results[i], err))
            return -1;
    return file_sync_fs(root, err);
}

int store_commit(const char *root, const struct store_result *results, int n, struct err *err)
{
    int ret = write_all(root, results, n, err);

    for (int i = 0; ret && i < n; i++)
        discard(root, &results[i]);
    return ret;
}
