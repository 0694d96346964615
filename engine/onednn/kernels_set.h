/* kernels_set.h -- the members of one set of kernels, named after it. KERNEL_SET comes from the
 * build: avx512_bf16, avx512, avx2 or plain. Private to the kernels. */
#ifndef ENGINE_ONEDNN_KERNELS_SET_H
#define ENGINE_ONEDNN_KERNELS_SET_H

#include "engine/onednn/kernels.h"

#define KERNEL_JOIN(name, set) name##_##set
#define KERNEL_NAME(name, set) KERNEL_JOIN(name, set)
#define KERNEL(name)           KERNEL_NAME(name, KERNEL_SET)
#define KERNEL_TEXT(set)       #set
#define KERNEL_TEXT_OF(set)    KERNEL_TEXT(set)

#ifndef KERNEL_SET /* the header read alone */
#define KERNEL_SET plain
#endif

void KERNEL(stem_pack)(void *to, const float *from);
void KERNEL(stem)(const struct stem_job *job);
void KERNEL(halve)(const struct halve_job *job);
void KERNEL(halve_bytes)(const struct halve_job *job);
void KERNEL(copy)(void *to, size_t step, const void *from, size_t run, size_t pixels);
void KERNEL(bins)(const struct bins_job *job);
void KERNEL(sum)(const struct sum_job *job);
void KERNEL(attend)(const struct attend_job *job);
void KERNEL(classes)(const struct classes_job *job);
void KERNEL(winograd_pack)(void *to, const float *from, int c, int k);
void KERNEL(winograd_pack_some)(void *to, const float *from, int c, int k, int i);
void KERNEL(winograd_in)(const struct winograd_job *job, int first, int n);
void KERNEL(winograd_multiply)(const struct winograd_job *job, int point, int n);
void KERNEL(winograd_out)(const struct winograd_job *job, int first, int n);
void KERNEL(widen)(float *out, const void *in, size_t count);

extern const struct kernels KERNEL(kernels);

#endif
