#include "engine/import.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/json.h"
#include "engine/network.h"
#include "engine/pdiparams.h"
#include "engine/pdparams.h"
#include "engine/safetensors.h"

enum { PATH_SIZE = 4096, SIZE_DEFAULT = 512 };
enum { PICKLE_PROTO = 0x80 }; /* first byte of a pickle; a .pdiparams begins with version 0 */

static int is_pickle(const char *path, struct err *err)
{
    unsigned char first = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, &first, 1);

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return err_set(err, ERR_INPUT, "%s: cannot be read", path);
    return first == PICKLE_PROTO;
}

static int read_source(struct tensor_set *set, const struct import *in, struct err *err)
{
    int pickle = is_pickle(in->source, err);

    if (pickle < 0)
        return -1;
    if (pickle && in->graph)
        return err_set(err, ERR_INPUT, "%s: a .pdparams file needs no graph", in->source);
    return pickle ? pdparams_read(set, in->source, err)
                  : pdiparams_read(set, in->source, in->graph, err);
}

static const float one = 1;

/* The tensor of `p` in the source, checked; a missing _scale is 1.0. */
static int pick(struct tensor *out, const struct tensor_set *set, const struct param *p,
                struct import_facts *facts, struct err *err)
{
    const struct tensor *t = tensor_find(set, p->name);
    char want[64], have[64];

    if (!t && p->role != ROLE_SCALE)
        return err_set(err, ERR_INPUT, "tensor %s is missing", p->name);
    if (t && !tensor_has_shape(t, p->shape, p->rank))
        return err_set(err, ERR_INPUT, "tensor %s has shape %s, not %s", p->name,
                       shape_text(have, sizeof(have), t->shape, t->rank),
                       shape_text(want, sizeof(want), p->shape, p->rank));
    *out = (struct tensor){.name = p->name, .dtype = DTYPE_F32, .rank = p->rank, .count = 1};
    memcpy(out->shape, p->shape, sizeof(p->shape));
    out->data = (const unsigned char *)&one;
    facts->scales_defaulted += !t;
    if (t) {
        out->dtype = t->dtype;
        out->data = t->data;
        out->count = t->count;
    }
    return 0;
}

/* 1 when every value is exactly a bf16 number, 0 when not, -1 when one is no number. */
static int fits_bf16(const struct tensor *t, struct err *err)
{
    float *values = malloc(t->count * sizeof(*values) + 1);
    int ret = 1;

    if (!values)
        return err_set(err, ERR_NOMEM, "tensor %s: out of memory", t->name);
    if (tensor_read(t, values, err))
        ret = -1;
    for (size_t i = 0; i < t->count && ret == 1; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        ret = !(bits & 0xffff);
    }
    free(values);
    return ret;
}

static int choose_dtype(const struct tensor *items, int count, enum dtype *out, struct err *err)
{
    *out = DTYPE_BF16;
    for (int i = 0; i < count; i++) {
        int fits = fits_bf16(&items[i], err);
        if (fits < 0)
            return -1;
        if (!fits)
            *out = DTYPE_F32;
    }
    return 0;
}

static int write_card(const struct import *in, const struct import_facts *facts, struct err *err)
{
    char path[PATH_SIZE];
    char name[PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/card.json", in->folder) ||
        path_format(name, sizeof(name), err, "%s", in->folder))
        return -1;
    if (!access(path, F_OK))
        return 0;
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = 0;
    const char *slash = strrchr(name, '/');
    json_t *list = json_array();
    for (int i = 0; i < CLASS_COUNT; i++)
        json_add(&list, json_string(class_word(i)));
    json_t *card =
        json_pack("{s:o, s:s, s:i, s:o, s:s, s:s, s:[s,s], s:i, s:s, s:{}}", "name",
                  json_text(slash ? slash + 1 : name), "version", "1", "size",
                  in->size ? in->size : SIZE_DEFAULT, "classes", list, "licence", "unknown", "data",
                  "unknown", "precisions", "f32", "bf16", "tensors", facts->tensors, "tensors_note",
                  "the inference network; training heads 1 and 2 are not kept", "figures");
    if (!card)
        return err_set(err, ERR_NOMEM, "%s: out of memory", path);
    int ret = json_write(path, card, err);
    json_decref(card);
    return ret;
}

static int write_folder(const struct import *in, const struct tensor *items,
                        struct import_facts *facts, struct err *err)
{
    char path[PATH_SIZE];

    if (choose_dtype(items, facts->tensors, &facts->dtype, err))
        return err_wrap(err, "%s", in->source);
    if (dir_make(in->folder, err) ||
        path_format(path, sizeof(path), err, "%s/weights.safetensors", in->folder) ||
        safetensors_write(path, items, (size_t)facts->tensors, facts->dtype, err))
        return -1;
    return write_card(in, facts, err);
}

int import_run(const struct import *in, struct import_facts *facts, struct err *err)
{
    struct param params[PARAM_COUNT];
    struct tensor items[PARAM_COUNT_INFERENCE];
    struct tensor_set set = {0};
    int ret = 0;

    *facts = (struct import_facts){.tensors = PARAM_COUNT_INFERENCE};
    if (read_source(&set, in, err))
        return -1;
    network_params(params);
    for (int i = 0; i < PARAM_COUNT_INFERENCE && !ret; i++)
        ret = pick(&items[i], &set, &params[i], facts, err);
    facts->ignored = (int)set.count - (facts->tensors - facts->scales_defaulted);
    ret = ret ? err_wrap(err, "%s", in->source) : write_folder(in, items, facts, err);
    tensor_set_release(&set);
    return ret;
}
