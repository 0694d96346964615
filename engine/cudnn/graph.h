/* graph.h -- cuDNN's backend descriptors: operation graphs over NHWC tensors, and plans for them.
 *
 * A graph is built tensor by tensor and operation by operation, finished, and then offered to a
 * target: a GPU at hand, or one that is only described, so that plans can be made where there is no
 * GPU (cuDNN 9.8 and later). A graph owns every descriptor it made. Nothing here touches device
 * memory but graph_plan_run. No object is shared by threads.
 *
 * Reference: NVIDIA cuDNN backend API, cudnn_graph.h of cuDNN 9. */
#ifndef ENGINE_CUDNN_GRAPH_H
#define ENGINE_CUDNN_GRAPH_H

#include <stdbool.h>

#include <cudnn.h>

#include "common/buf.h"
#include "common/err.h"

/* ---- targets ----------------------------------------------------------------------------- */

/* What plans are made for. */
struct graph_target;

/* From cuDNN's own description of a GPU, `size` bytes of JSON; what it does not take is ERR_CONFIG. */
int graph_target_described(struct graph_target **out, const char *json, size_t size,
                           struct err *err);
/* The GPU with this CUDA ordinal in this process. */
int graph_target_device(struct graph_target **out, int device, struct err *err);
/* Append the description. */
int graph_target_save(const struct graph_target *t, struct buf *json, struct err *err);
void graph_target_free(struct graph_target *t); /* after its choices; NULL is fine */

/* ---- graphs ------------------------------------------------------------------------------ */

struct graph;

struct graph_tensor {
    int64_t uid; /* the caller's name for it, over 0, once per graph */
    cudnnDataType_t type;
    /* Dense NHWC. A filter: output channels, input channels of a group, kernel, kernel. */
    int n, c, h, w;
    bool is_virtual; /* made and used inside the graph, never stored */
};

struct graph_conv {
    int kernel, stride; /* zero padding kernel/2 on all sides */
    cudnnDataType_t accumulate;
};

enum graph_pass { GRAPH_FORWARD, GRAPH_DATA_GRADIENT, GRAPH_WEIGHT_GRADIENT };

int graph_new(struct graph **out, struct err *err);
void graph_free(struct graph *g); /* NULL is fine */

/* A handle for the tensor in this graph: 0, 1, ...; -1 with err. At most GRAPH_TENSORS_MAX. */
int graph_tensor(struct graph *g, const struct graph_tensor *t, struct err *err);

/* Forward: y from x and w. Data gradient: x from y and w. Weight gradient: w from x and y. The
 * number of groups follows from the channels of x and w. */
int graph_conv(struct graph *g, enum graph_pass pass, const struct graph_conv *conv,
               const int xwy[3], struct err *err);

/* y = f(x) or f(x, b), in f32; b is -1 for functions of one value. A b of one pixel is repeated. */
int graph_pointwise(struct graph *g, cudnnPointwiseMode_t f, int x, int b, int y, struct err *err);

int graph_finish(struct graph *g, struct err *err);

enum { GRAPH_TENSORS_MAX = 12, GRAPH_OPERATIONS_MAX = 8 };

/* ---- plans ------------------------------------------------------------------------------- */

/* Engine configurations that cuDNN's heuristics propose for a finished graph, the best first. */
struct graph_choices;

/* The graph must outlive the choices; the plans outlive both. No configuration at all is
 * ERR_CONFIG. Modes: A the trained heuristic, FALLBACK what always works. */
int graph_choices_new(struct graph_choices **out, const struct graph *g,
                      const struct graph_target *t, cudnnBackendHeurMode_t mode, struct err *err);
void graph_choices_free(struct graph_choices *c); /* NULL is fine */
int graph_choices_count(const struct graph_choices *c);

/* A configuration made ready to run; milliseconds, seconds when it compiles code. */
struct graph_plan;

/* ERR_CONFIG when the configuration does not work for this target after all: try the next. */
int graph_plan_new(struct graph_plan **out, const struct graph_choices *c, int choice,
                   struct err *err);
/* What graph_plan_save wrote, on the same kind of GPU with the same cuDNN; else an error. */
int graph_plan_load(struct graph_plan **out, const struct graph_target *t, const char *json,
                    size_t size, struct err *err);
int graph_plan_save(const struct graph_plan *p, struct buf *json, struct err *err);
void graph_plan_free(struct graph_plan *p); /* NULL is fine */

size_t graph_plan_workspace(const struct graph_plan *p);   /* bytes of device memory */
const char *graph_plan_engine(const struct graph_plan *p); /* "eng41"; the plan's */
bool graph_plan_has_tensor_cores(const struct graph_plan *p);
bool graph_plan_is_deterministic(const struct graph_plan *p); /* the same bits at each run */

/* From now on the plan runs over these: `count` tensors (not the virtual ones) named by uid, and
 * graph_plan_workspace bytes, 256-byte aligned; all device memory, borrowed. */
int graph_plan_bind(struct graph_plan *p, const int64_t *uids, void *const *tensors, int count,
                    void *workspace, struct err *err);

/* Starts it on the handle's stream; may be captured into a CUDA graph. */
int graph_plan_run(const struct graph_plan *p, cudnnHandle_t handle, struct err *err);

#endif
