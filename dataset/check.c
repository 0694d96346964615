#include "dataset/check.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "dataset/labels.h"
#include "dataset/table.h"

enum { PATH_SIZE = 4096, MANIFEST_MAX = 1 << 30, RESULT_MAX = 64 << 20 };

/* One line of the manifest: "-" stands for a file that cannot be opened. */
static int add_file(struct buf *out, const char *path, struct err *err)
{
    char digest[SHA256_HEX_SIZE] = "-";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0) {
        int ret = sha256_hex_fd(digest, fd, NULL, err);
        close(fd);
        if (ret)
            return err_wrap(err, "%s", path);
    }
    buf_printf(out, "%s\n", digest);
    return 0;
}

static int add_picture(struct buf *out, const char *dir, const char *id, struct err *err)
{
    char path[PATH_SIZE];
    struct err missing = {0};

    if (labels_image_path(path, sizeof(path), dir, id, &missing))
        buf_add_text(out, "-\n");
    else if (add_file(out, path, err))
        return -1;
    return path_format(path, sizeof(path), err, "%s/masks/%s.png", dir, id) ||
                   add_file(out, path, err)
               ? -1
               : 0;
}

static int add_all(struct buf *out, const char *dir, struct err *err)
{
    char path[PATH_SIZE];
    struct table t;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/labels.csv", dir) || add_file(out, path, err) ||
        table_read(&t, path, err))
        return -1;
    int id = table_column(&t, "id");
    if (id < 0)
        ret = err_set(err, ERR_CONFIG, "%s: no column id", path);
    for (int i = 0; i < t.n_rows && !ret; i++)
        if (!strchr(table_cell(&t, i, id), '/'))
            ret = add_picture(out, dir, table_cell(&t, i, id), err);
    table_release(&t);
    return ret;
}

int check_manifest(char out[SHA256_HEX_SIZE], const char *dir, struct err *err)
{
    struct buf lines;

    buf_init(&lines, MANIFEST_MAX);
    int ret = add_all(&lines, dir, err) || buf_check(&lines, "manifest", err) ? -1 : 0;
    if (!ret)
        sha256_hex(out, lines.data, lines.len);
    buf_release(&lines);
    return ret;
}

int dataset_check_passed(const char *dir, char manifest[SHA256_HEX_SIZE], struct err *err)
{
    char path[PATH_SIZE], now[SHA256_HEX_SIZE];
    struct err why = {0};

    if (path_format(path, sizeof(path), err, "%s/check.json", dir))
        return -1;
    json_t *result = json_read(path, RESULT_MAX, &why);
    if (!result)
        return err_set(err, why.code == ERR_INPUT ? ERR_CONFIG : why.code,
                       "%s: this set has not been checked: lentigo dataset check %s", dir, dir);
    bool has_passed = json_is_true(json_object_get(result, "passed"));
    int ret = check_manifest(now, dir, err);
    if (!ret && !has_passed)
        ret = err_set(err, ERR_CONFIG, "%s: this set did not pass its check: see %s/check.html",
                      dir, dir);
    if (!ret && strcmp(now, json_text_or(result, "manifest_sha256", "")) != 0)
        ret = err_set(err, ERR_CONFIG,
                      "%s: this set has changed since it was checked: lentigo dataset check %s",
                      dir, dir);
    if (!ret && manifest)
        memcpy(manifest, now, sizeof(now));
    json_decref(result);
    return ret;
}
