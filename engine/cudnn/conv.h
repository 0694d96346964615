/* conv.h -- one convolution, with the bias and ReLU behind it, as a cuDNN graph.
 *
 * Maps are n,h,w,c and filters k,kernel,kernel,c (of a group), all of one type; the bias is of that
 * type too, because the precompiled kernels take no other. Everything between them is f32 and stays
 * inside the graph. Maps are dense: over a slice of channels the fast kernels copy (steps.h). Channels
 * are multiples of 8, the unit of the tensor cores' 16-byte loads. */
#ifndef ENGINE_CUDNN_CONV_H
#define ENGINE_CUDNN_CONV_H

#include "engine/cudnn/graph.h"
#include "engine/network.h"

/* Plain data. */
struct conv {
    enum graph_pass pass;
    int n, h, w;          /* images; size of the input */
    int c, k;             /* channels of input and output */
    int kernel, stride;   /* zero padding kernel/2 */
    int groups;           /* 1, or c: depthwise */
    bool bias, relu;      /* forward only */
    cudnnDataType_t type; /* CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16 or CUDNN_DATA_FLOAT */
};

/* The dense convolution of a layer over `n` maps of `in`: forward, nothing behind it. */
void conv_of_layer(struct conv *out, const struct layer *layer, int n, struct shape in,
                   cudnnDataType_t type);

/* The uids of a graph's tensors; there is no CONV_B without bias. */
enum { CONV_X = 1, CONV_W, CONV_B, CONV_Y };

enum { CONV_TEXT_SIZE = 128 };

/* The caller owns the graph, which is finished. */
int conv_graph(struct graph **out, const struct conv *c, struct err *err);

/* What makes two of them the same graph, "fprop f16 64x64x64 128 64 3x3/1 g1 bias relu"; a
 * key of the plan cache. Returns `out`. */
char *conv_text(char out[CONV_TEXT_SIZE], const struct conv *c);

/* Values of the filter. */
size_t conv_filter_count(const struct conv *c);

/* Weights of out,in/groups,kernel,kernel (weights.h) in the order of the filter. Where `c` has more
 * channels than `from_c` or `from_k`, the rest is zeros. */
void conv_filter(float *to, const struct conv *c, const double *from, int from_c, int from_k);

#endif
