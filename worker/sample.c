#include "worker/sample.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "dataset/labels.h"
#include "queue/tree.h"

enum { PATH_SIZE = 4096 };

/* The slot's pixels are gone with the next picture. */
static int keep(struct sample *s, const struct decoded *d, struct err *err)
{
    size_t bytes = (size_t)d->network.w * (size_t)d->network.h * 3;
    uint8_t *rgb = malloc(bytes);

    if (!rgb)
        return err_set(err, ERR_NOMEM, "out of memory for picture %d of the sample", s->n);
    memcpy(rgb, d->network.rgb, bytes);
    s->pictures[s->n++] = (struct sample_picture){
        .rgb = rgb,
        .w = d->network.w,
        .h = d->network.h,
        .content_w = d->content_w,
        .content_h = d->content_h,
    };
    return 0;
}

static int take_file(struct sample *s, const struct sample_request *request, const char *path,
                     struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct decode_request decode = {.fd = fd, .size = request->size};
    struct decoded decoded;

    if (fd < 0)
        return 0;
    int ret = decoder_wait(request->decoder, &decode, &decoded, err);
    close(fd);
    if (ret || decoded.reason != REASON_NONE)
        return ret;
    return keep(s, &decoded, err);
}

/* Which of `count` rows the k-th of `wanted` is. */
static int spread(int k, int wanted, int count)
{
    return (int)((int64_t)k * count / wanted);
}

static int take_labelled(struct sample *s, const struct sample_request *request, struct err *err)
{
    struct labels labels;
    char path[PATH_SIZE];
    int ret = labels_read(&labels, request->dir, "train", 0, err);

    if (!ret && !labels.n)
        ret = labels_read(&labels, request->dir, "all", 0, err);
    if (ret)
        return -1;
    int wanted = labels.n < request->count ? labels.n : request->count;
    for (int k = 0; k < wanted && !ret; k++)
        ret = labels_image_path(path, sizeof(path), request->dir,
                                labels.rows[spread(k, wanted, labels.n)].id, err) ||
              take_file(s, request, path, err);
    labels_release(&labels);
    return ret ? -1 : 0;
}

static int take_any(struct sample *s, const struct sample_request *request, struct err *err)
{
    const struct tree_request where = {.root = request->dir};
    struct tree tree;
    char path[PATH_SIZE];
    int ret = 0;

    if (tree_read(&tree, &where, err))
        return -1;
    int wanted = tree.n < request->count ? tree.n : request->count;
    for (int k = 0; k < wanted && !ret; k++) {
        const struct tree_item *item = &tree.items[spread(k, wanted, tree.n)];
        if (item->kind == TREE_FILE)
            ret = path_format(path, sizeof(path), err, "%s/%s", request->dir, item->path) ||
                  take_file(s, request, path, err);
    }
    tree_release(&tree);
    return ret ? -1 : 0;
}

int sample_take(struct sample *out, const struct sample_request *request, struct err *err)
{
    char path[PATH_SIZE];

    *out = (struct sample){0};
    if (path_format(path, sizeof(path), err, "%s/labels.csv", request->dir))
        return -1;
    out->pictures = calloc((size_t)request->count, sizeof(*out->pictures));
    if (!out->pictures)
        return err_set(err, ERR_NOMEM, "out of memory for %d pictures", request->count);
    out->is_labelled = !access(path, F_OK);
    int ret = out->is_labelled ? take_labelled(out, request, err) : take_any(out, request, err);
    if (!ret && !out->n)
        ret = err_set(err, ERR_CONFIG, "%s: no picture that can be decoded", request->dir);
    if (ret)
        sample_release(out);
    return ret ? -1 : 0;
}

void sample_release(struct sample *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->pictures[i].rgb);
    free(s->pictures);
    *s = (struct sample){0};
}
