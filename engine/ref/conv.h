/* conv.h -- the oracle's convolutions and their gradients: one image, double precision.
 *
 * A depthwise one is plain loops. Any other is a product of matrices: the windows of all output
 * pixels, unfolded into rows of kernel,kernel,in values, times the weight. Each sum has one order,
 * that of kernel,kernel,in, however the product is cut into blocks. */
#ifndef ENGINE_REF_CONV_H
#define ENGINE_REF_CONV_H

#include "engine/network.h"

struct ref_map {
    struct shape shape;
    double *at; /* h,w,c */
};

struct ref_conv {
    double *weight;     /* kernel,kernel,in/groups,out */
    double *transposed; /* out,kernel,kernel,in/groups: for ref_conv_back alone, else NULL */
    double *bias;       /* out, or NULL for none */
};

/* Values of `scratch` that the three functions below need for maps of these sizes; may be 0. Of `l`
 * they read kernel, stride, groups (1, or the number of channels) and channels only. */
size_t ref_conv_scratch(const struct layer *l, struct shape in, struct shape out);

/* The most that any row of network[] needs. */
size_t ref_conv_scratch_most(const struct shape shapes[LAYER_COUNT]);

/* Without norm and relu. */
void ref_conv(const struct layer *l, const struct ref_conv *w, struct ref_map in,
              struct ref_map out, double *scratch);

/* Adds the gradient by the input to `in`; `out` is the gradient by the output. */
void ref_conv_back(const struct layer *l, const struct ref_conv *w, struct ref_map out,
                   struct ref_map in, double *scratch);

/* Adds the gradients by weight and bias to those of `w`. `in` is the input, `out` the gradient by
 * the output. */
void ref_conv_learn(const struct layer *l, struct ref_map in, struct ref_map out,
                    const struct ref_conv *w, double *scratch);

/* The weight as the state dict has it (out,in/groups,kernel,kernel) into ref_conv's order; `inputs` is
 * in/groups. */
void ref_conv_load(const struct layer *l, int inputs, const double *from, const struct ref_conv *w);
void ref_conv_transpose(const struct layer *l, int inputs, const struct ref_conv *w);

/* Adds ref_conv's weight to one in the state dict's order. */
void ref_conv_unload(const struct layer *l, int inputs, const struct ref_conv *w, double *to);

#endif
