#include "engine/cudnn/graph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"

enum {
    ALIGN = 16,
    CHOICES_MAX = 128
}; /* bytes of every tensor's address; configurations asked for */

struct graph_target {
    cudnnBackendDescriptor_t desc;
};

struct tensor_slot {
    cudnnBackendDescriptor_t desc;
    struct graph_tensor shape;
};

struct graph {
    struct tensor_slot tensors[GRAPH_TENSORS_MAX];
    cudnnBackendDescriptor_t operations[GRAPH_OPERATIONS_MAX];
    cudnnBackendDescriptor_t parts[GRAPH_OPERATIONS_MAX]; /* what each operation refers to */
    cudnnBackendDescriptor_t desc;
    int tensor_count, operation_count;
};

struct graph_choices {
    const struct graph_target *target;
    cudnnBackendDescriptor_t heuristics;
    cudnnBackendDescriptor_t configs[CHOICES_MAX];
    int64_t count;
};

struct graph_plan {
    cudnnBackendDescriptor_t desc, pack;
    size_t workspace;
    char engine[32];
    bool has_tensor_cores, is_deterministic;
};

/* ---- descriptors ------------------------------------------------------------------------- */

static int make(cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type, struct err *err)
{
    *out = NULL;
    return CUDNN_FAILED(err, cudnnBackendCreateDescriptor(type, out));
}

static void destroy(cudnnBackendDescriptor_t desc)
{
    if (desc)
        cudnnBackendDestroyDescriptor(desc);
}

/* One attribute of a descriptor, for tables of them. */
struct attribute {
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t count;
    const void *values;
};

static int set_all(cudnnBackendDescriptor_t desc, const struct attribute *list, size_t count,
                   struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct attribute *a = &list[i];
        if (CUDNN_FAILED(err,
                         cudnnBackendSetAttribute(desc, a->name, a->type, a->count, a->values)))
            return err_wrap(err, "attribute %d", (int)a->name);
    }
    return CUDNN_FAILED(err, cudnnBackendFinalize(desc));
}

#define SET_ALL(desc, list, err) set_all(desc, list, sizeof(list) / sizeof(*(list)), err)

/* Append an attribute of characters. */
static int get_text(cudnnBackendDescriptor_t desc, cudnnBackendAttributeName_t name,
                    struct buf *out, struct err *err)
{
    int64_t size = 0;
    char *bytes;
    int ret = -1;

    if (CUDNN_FAILED(err, cudnnBackendGetAttribute(desc, name, CUDNN_TYPE_CHAR, 0, &size, NULL)))
        return -1;
    bytes = malloc((size_t)size);
    if (!bytes)
        return err_set(err, ERR_NOMEM, "out of memory for a text of cuDNN's");
    if (!CUDNN_FAILED(err,
                      cudnnBackendGetAttribute(desc, name, CUDNN_TYPE_CHAR, size, &size, bytes))) {
        buf_add(out, bytes, strnlen(bytes, (size_t)size));
        ret = buf_check(out, "a text of cuDNN's", err);
    }
    free(bytes);
    return ret;
}

/* ---- targets ----------------------------------------------------------------------------- */

static int make_target(struct graph_target **out, const struct attribute *from, struct err *err)
{
    struct graph_target *t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory for a GPU's description");
    if (make(&t->desc, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, err) ||
        set_all(t->desc, from, 1, err)) {
        graph_target_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

int graph_target_described(struct graph_target **out, const char *json, size_t size,
                           struct err *err)
{
    struct err why = {0};

    if (make_target(out,
                    &(struct attribute){CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                        (int64_t)size, json},
                    &why))
        return err_set(err, ERR_CONFIG, "description of a GPU: %s", why.msg);
    return 0;
}

int graph_target_device(struct graph_target **out, int device, struct err *err)
{
    int32_t id = device;

    return make_target(
        out, &(struct attribute){CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &id}, err);
}

int graph_target_save(const struct graph_target *t, struct buf *json, struct err *err)
{
    return get_text(t->desc, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json, err);
}

void graph_target_free(struct graph_target *t)
{
    if (!t)
        return;
    destroy(t->desc);
    free(t);
}

/* ---- graphs ------------------------------------------------------------------------------ */

int graph_new(struct graph **out, struct err *err)
{
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : err_set(err, ERR_NOMEM, "out of memory for a graph");
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    destroy(g->desc);
    for (int i = 0; i < g->operation_count; i++) {
        destroy(g->operations[i]);
        destroy(g->parts[i]);
    }
    for (int i = 0; i < g->tensor_count; i++)
        destroy(g->tensors[i].desc);
    free(g);
}

int graph_tensor(struct graph *g, const struct graph_tensor *t, struct err *err)
{
    const int64_t dims[] = {t->n, t->c, t->h, t->w}, align = ALIGN;
    const int64_t row = (int64_t)t->w * t->c;
    const int64_t strides[] = {t->h * row, 1, row, t->c};
    const struct attribute list[] = {
        {CUDNN_ATTR_TENSOR_DATA_TYPE,      CUDNN_TYPE_DATA_TYPE, 1, &t->type      },
        {CUDNN_ATTR_TENSOR_DIMENSIONS,     CUDNN_TYPE_INT64,     4, dims          },
        {CUDNN_ATTR_TENSOR_STRIDES,        CUDNN_TYPE_INT64,     4, strides       },
        {CUDNN_ATTR_TENSOR_UNIQUE_ID,      CUDNN_TYPE_INT64,     1, &t->uid       },
        {CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64,     1, &align        },
        {CUDNN_ATTR_TENSOR_IS_VIRTUAL,     CUDNN_TYPE_BOOLEAN,   1, &t->is_virtual},
    };
    int at = g->tensor_count;

    assert(at < GRAPH_TENSORS_MAX);
    if (make(&g->tensors[at].desc, CUDNN_BACKEND_TENSOR_DESCRIPTOR, err))
        return -1;
    g->tensor_count++;
    g->tensors[at].shape = *t;
    return SET_ALL(g->tensors[at].desc, list, err) ? -1 : at;
}

/* Room for one more operation and what it refers to, both in the graph from now on. */
static int add_operation(struct graph *g, cudnnBackendDescriptorType_t operation,
                         cudnnBackendDescriptorType_t part, struct err *err)
{
    int at = g->operation_count;

    assert(at < GRAPH_OPERATIONS_MAX);
    g->operation_count++;
    return make(&g->parts[at], part, err) || make(&g->operations[at], operation, err) ? -1 : at;
}

static int describe_conv(cudnnBackendDescriptor_t desc, const struct graph_conv *c, struct err *err)
{
    const int64_t spatial = 2, pad[] = {c->kernel / 2, c->kernel / 2};
    const int64_t strides[] = {c->stride, c->stride}, dilations[] = {1, 1};
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const struct attribute list[] = {
        {CUDNN_ATTR_CONVOLUTION_COMP_TYPE,      CUDNN_TYPE_DATA_TYPE,        1, &c->accumulate},
        {CUDNN_ATTR_CONVOLUTION_CONV_MODE,      CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode         },
        {CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS,   CUDNN_TYPE_INT64,            1, &spatial      },
        {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,   CUDNN_TYPE_INT64,            2, pad           },
        {CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,  CUDNN_TYPE_INT64,            2, pad           },
        {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64,            2, strides       },
        {CUDNN_ATTR_CONVOLUTION_DILATIONS,      CUDNN_TYPE_INT64,            2, dilations     },
    };

    return SET_ALL(desc, list, err);
}

/* What cuDNN calls the parts of a convolution in each direction. */
static const struct {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t conv, x, w, y, alpha, beta;
} passes[] = {
    [GRAPH_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA   },
    [GRAPH_DATA_GRADIENT] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA  },
    [GRAPH_WEIGHT_GRADIENT] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

int graph_conv(struct graph *g, enum graph_pass pass, const struct graph_conv *conv,
               const int xwy[3], struct err *err)
{
    const float one = 1, zero = 0;
    int at = add_operation(g, passes[pass].operation, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, err);

    if (at < 0 || describe_conv(g->parts[at], conv, err))
        return -1;
    const struct attribute list[] = {
        {passes[pass].conv,  CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->parts[at]           },
        {passes[pass].x,     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->tensors[xwy[0]].desc},
        {passes[pass].w,     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->tensors[xwy[1]].desc},
        {passes[pass].y,     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->tensors[xwy[2]].desc},
        {passes[pass].alpha, CUDNN_TYPE_FLOAT,              1, &one                    },
        {passes[pass].beta,  CUDNN_TYPE_FLOAT,              1, &zero                   },
    };
    return SET_ALL(g->operations[at], list, err);
}

int graph_pointwise(struct graph *g, cudnnPointwiseMode_t f, int x, int b, int y, struct err *err)
{
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    const struct attribute what[] = {
        {CUDNN_ATTR_POINTWISE_MODE,      CUDNN_TYPE_POINTWISE_MODE, 1, &f   },
        {CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE,      1, &math},
    };
    int at = add_operation(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
                           CUDNN_BACKEND_POINTWISE_DESCRIPTOR, err);

    if (at < 0 || SET_ALL(g->parts[at], what, err))
        return -1;
    const struct attribute list[] = {
        {CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         &g->parts[at]                     },
        {CUDNN_ATTR_OPERATION_POINTWISE_XDESC,         CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         &g->tensors[x].desc               },
        {CUDNN_ATTR_OPERATION_POINTWISE_YDESC,         CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         &g->tensors[y].desc               },
        {CUDNN_ATTR_OPERATION_POINTWISE_BDESC,         CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         b < 0 ? NULL : &g->tensors[b].desc},
    };
    return set_all(g->operations[at], list, b < 0 ? 3 : 4, err);
}

int graph_finish(struct graph *g, struct err *err)
{
    const struct attribute list[] = {
        {CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, g->operation_count,
         g->operations},
    };

    return make(&g->desc, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, err)
               ? -1
               : SET_ALL(g->desc, list, err);
}

/* ---- choices ----------------------------------------------------------------------------- */

static int ask(struct graph_choices *c, const struct graph *g, cudnnBackendHeurMode_t mode,
               struct err *err)
{
    const struct attribute list[] = {
        {CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->desc        },
        {CUDNN_ATTR_ENGINEHEUR_MODE,            CUDNN_TYPE_HEUR_MODE,          1, &mode           },
        {CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,      CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &c->target->desc},
    };
    int64_t wanted = 0;

    if (make(&c->heuristics, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, err) ||
        SET_ALL(c->heuristics, list, err) ||
        CUDNN_FAILED(err,
                     cudnnBackendGetAttribute(c->heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                              CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &wanted, NULL)))
        return -1;
    wanted = wanted < CHOICES_MAX ? wanted : CHOICES_MAX;
    for (int64_t i = 0; i < wanted; i++)
        if (make(&c->configs[i], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, err))
            return -1;
    if (CUDNN_FAILED(err, cudnnBackendGetAttribute(c->heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                   CUDNN_TYPE_BACKEND_DESCRIPTOR, wanted, &c->count,
                                                   c->configs)))
        return -1;
    return c->count ? 0 : err_set(err, ERR_CONFIG, "cuDNN: no engine for this graph");
}

int graph_choices_new(struct graph_choices **out, const struct graph *g,
                      const struct graph_target *t, cudnnBackendHeurMode_t mode, struct err *err)
{
    struct graph_choices *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory for plans");
    c->target = t;
    if (ask(c, g, mode, err)) {
        graph_choices_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void graph_choices_free(struct graph_choices *c)
{
    if (!c)
        return;
    for (int i = 0; i < CHOICES_MAX; i++)
        destroy(c->configs[i]);
    destroy(c->heuristics);
    free(c);
}

int graph_choices_count(const struct graph_choices *c)
{
    return (int)c->count;
}

/* ---- plans ------------------------------------------------------------------------------- */

/* What the plan says of itself; `config` is the configuration that it is made of. */
static int describe(struct graph_plan *p, cudnnBackendDescriptor_t config, struct err *err)
{
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendDescriptor_t engine;
    int64_t index = 0, got = 0;
    int ret = -1;

    if (make(&engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR, err))
        return -1;
    if (!CUDNN_FAILED(err,
                      cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &got, &engine)) &&
        !CUDNN_FAILED(err, cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                                    CUDNN_TYPE_INT64, 1, &got, &index)) &&
        !CUDNN_FAILED(err, cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                    CUDNN_TYPE_NUMERICAL_NOTE,
                                                    CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &got, notes)))
        ret = 0;
    p->is_deterministic = true;
    for (int i = 0; !ret && i < got; i++) {
        p->has_tensor_cores |= notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
        p->is_deterministic &= notes[i] != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    }
    snprintf(p->engine, sizeof(p->engine), "eng%d", (int)index);
    destroy(engine);
    return ret;
}

/* A plan out of `list`; on failure nothing is left. */
static int make_plan(struct graph_plan **out, const struct attribute *list, size_t count,
                     struct err *err)
{
    struct graph_plan *p = calloc(1, sizeof(*p));
    int64_t bytes = 0, got = 0;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a plan");
    if (make(&p->desc, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, err) ||
        set_all(p->desc, list, count, err) ||
        CUDNN_FAILED(err,
                     cudnnBackendGetAttribute(p->desc, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                              CUDNN_TYPE_INT64, 1, &got, &bytes))) {
        graph_plan_free(p);
        return -1;
    }
    p->workspace = (size_t)bytes;
    *out = p;
    return 0;
}

int graph_plan_new(struct graph_plan **out, const struct graph_choices *c, int choice,
                   struct err *err)
{
    const struct attribute list[] = {
        {CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         &c->configs[choice]                                                                        },
        {CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &c->target->desc},
    };
    struct graph_plan *p;

    if (make_plan(&p, list, 2, err))
        return -1;
    if (describe(p, c->configs[choice], err)) {
        graph_plan_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

int graph_plan_load(struct graph_plan **out, const struct graph_target *t, const char *json,
                    size_t size, struct err *err)
{
    const struct attribute list[] = {
        {CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,               (int64_t)size, json    },
        {CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,          CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,             &t->desc},
    };
    cudnnBackendDescriptor_t config = NULL;
    struct graph_plan *p;
    int64_t got = 0;
    int ret = -1;

    if (make_plan(&p, list, 2, err))
        return -1;
    if (!make(&config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, err) &&
        !CUDNN_FAILED(err,
                      cudnnBackendGetAttribute(p->desc, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &got, &config)) &&
        !describe(p, config, err))
        ret = 0;
    destroy(config);
    if (ret)
        graph_plan_free(p);
    else
        *out = p;
    return ret;
}

int graph_plan_save(const struct graph_plan *p, struct buf *json, struct err *err)
{
    return get_text(p->desc, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json, err);
}

void graph_plan_free(struct graph_plan *p)
{
    if (!p)
        return;
    destroy(p->pack);
    destroy(p->desc);
    free(p);
}

size_t graph_plan_workspace(const struct graph_plan *p)
{
    return p->workspace;
}

const char *graph_plan_engine(const struct graph_plan *p)
{
    return p->engine;
}

bool graph_plan_has_tensor_cores(const struct graph_plan *p)
{
    return p->has_tensor_cores;
}

bool graph_plan_is_deterministic(const struct graph_plan *p)
{
    return p->is_deterministic;
}

int graph_plan_bind(struct graph_plan *p, const int64_t *uids, void *const *tensors, int count,
                    void *workspace, struct err *err)
{
    const struct attribute list[] = {
        {CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,    CUDNN_TYPE_INT64,    count, uids      },
        {CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, tensors   },
        {CUDNN_ATTR_VARIANT_PACK_WORKSPACE,     CUDNN_TYPE_VOID_PTR, 1,     &workspace},
    };

    destroy(p->pack);
    return make(&p->pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, err) ? -1
                                                                      : SET_ALL(p->pack, list, err);
}

int graph_plan_run(const struct graph_plan *p, cudnnHandle_t handle, struct err *err)
{
    return CUDNN_FAILED(err, cudnnBackendExecute(handle, p->desc, p->pack));
}
