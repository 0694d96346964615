#include "engine/ranges.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

enum { PATH_SIZE = 4096, FILE_SIZE_MAX = 1 << 20, VERSION = 1 };

enum ranges_kind ranges_kind(int layer)
{
    const struct layer *l = &network[layer];

    switch (l->op) {
    case LAYER_AVERAGE:
    case LAYER_CONCAT:
    case LAYER_SUM:
    case LAYER_BLEND: return RANGES_U8;
    case LAYER_CONV: break;
    default: return RANGES_NONE;
    }
    if (l->groups > 1)
        return RANGES_S8; /* the depthwise ones have no ReLU */
    bool of_planes = network[l->in[0]].op == LAYER_STATS || l->channels == 1;
    bool of_bins = network[l->in[0]].op == LAYER_BINS;
    return l->relu && !of_planes && !of_bins ? RANGES_U8 : RANGES_NONE;
}

int ranges_owner(int layer)
{
    if (ranges_kind(layer) == RANGES_NONE)
        return L_NONE;
    for (int concat = layer; concat < LAYER_COUNT_INFERENCE; concat++)
        for (int k = 0; network[concat].op == LAYER_CONCAT && k < LAYER_INPUTS_MAX; k++)
            if (network[concat].in[k] == layer)
                return concat;
    return layer;
}

static int read_ranges(struct ranges *out, const json_t *file, struct err *err)
{
    const json_t *values = json_object_get(file, "ranges");
    const char *digest;
    int64_t version;

    if (json_get_int(file, "version", VERSION, VERSION, &version, err) ||
        json_get_text(file, "weights_sha256", &digest, err))
        return -1;
    if (strlen(digest) != SHA256_HEX_SIZE - 1)
        return err_set(err, ERR_INPUT, "key \"weights_sha256\" is no digest");
    memcpy(out->weights_sha256, digest, SHA256_HEX_SIZE);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        double value;
        if (ranges_owner(i) != i)
            continue;
        if (json_get_number(values, network[i].name, &value, err))
            return err_wrap(err, "ranges");
        if (!(value > 0) || !isfinite((float)value))
            return err_set(err, ERR_INPUT, "range of %s is %g", network[i].name, value);
        out->of[i] = (float)value;
    }
    return 0;
}

int ranges_read(struct ranges *out, const char *dir, struct err *err)
{
    char path[PATH_SIZE];
    struct buf bytes;
    json_t *file = NULL;

    *out = (struct ranges){0};
    if (path_format(path, sizeof(path), err, "%s/int8.json", dir))
        return -1;
    if (access(path, F_OK))
        return 0;
    buf_init(&bytes, FILE_SIZE_MAX);
    if (!file_read(path, &bytes, err))
        file = json_parse(bytes.data ? bytes.data : "", bytes.len, path, err);
    sha256_hex(out->sha256, bytes.data, bytes.len);
    buf_release(&bytes);
    if (!file)
        return -1;
    int ret = read_ranges(out, file, err);
    json_decref(file);
    return ret ? err_wrap(err, "%s", path) : 1;
}

int ranges_write(const struct ranges *r, const json_t *about, const char *dir, struct err *err)
{
    char path[PATH_SIZE];
    json_t *values = json_object(), *file = json_deep_copy(about);

    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        if (ranges_owner(i) == i)
            json_put(&values, network[i].name, json_real((double)r->of[i]));
    json_put(&file, "version", json_integer(VERSION));
    json_put(&file, "weights_sha256", json_string(r->weights_sha256));
    json_put(&file, "ranges", values);
    int ret =
        path_format(path, sizeof(path), err, "%s/int8.json", dir) || json_write(path, file, err);
    json_decref(file);
    return ret ? -1 : 0;
}
