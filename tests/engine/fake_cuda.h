/* fake_cuda.h -- CUDA's runtime, cuDNN's graphs and our kernels played on the host, for tests of the
 * backend's wiring where there is no GPU. It takes the place of cudart, libcudnn, graph.c and
 * kernels.cu; the rest of engine/cudnn is the real code.
 *
 * What it proves: that everything lies where it should and happens in the right order, what is done
 * after a failure, that nothing is left behind, and the arithmetic (kernels by grids.h, convolutions
 * by plain loops over the bound tensors). What it cannot prove: that CUDA and cuDNN behave like this,
 * any time, and that cuDNN has a plan (test_cudnn_plans.c asks that).
 *
 * It is as unkind as CUDA may be: work on a stream is put off until somebody waits for it, and then
 * only what he waits for is done, so that a forgotten event shows in the results. Asynchronous copies
 * from or to memory that is not locked, and addresses outside a block, end the test. Errors are
 * remembered as CUDA does it, and cuDNN's launches fail while one is. */
#ifndef TESTS_ENGINE_FAKE_CUDA_H
#define TESTS_ENGINE_FAKE_CUDA_H

#include <stdbool.h>
#include <stddef.h>

#include <cuda_runtime_api.h>

/* ---- for tests --------------------------------------------------------------------------- */

/* Everything as at the start; what is alive stays. */
void fake_cuda_reset(void);

/* Blocks, streams, events, graphs, handles, plans and so on that were made and not given back. */
int fake_cuda_alive(void);
long fake_cuda_made(void); /* how many ever */

/* The n-th thing that is made from now on (and it alone) fails for want of memory; 0: none does. */
void fake_cuda_fail_at(long n);
bool fake_cuda_has_failed(void); /* it did */

/* The n-th piece of work on the device from now on breaks it for good; 0: none does. */
void fake_cuda_break_at(long n);

/* Bytes of device memory that there are in all; in use; the most that were since the reset. */
void fake_cuda_memory(size_t bytes);
size_t fake_cuda_used(void);
size_t fake_cuda_peak(void);

void fake_cuda_no_pinning(bool none);   /* cudaHostRegister fails */
cudaError_t fake_cuda_last_error(void); /* which cuDNN would see */
size_t fake_cuda_staged(void);          /* bytes copied from and to the backend's own memory */
void fake_cuda_devices(int n, cudaError_t why); /* 0 devices: cudaGetDeviceCount says `why` */
int fake_cuda_plans_made(void);                 /* by heuristics, not loaded */

/* ---- for the other half (fake_graph.c) --------------------------------------------------- */

/* Something is being made: false when it is to fail. Then, or when it is given back. */
bool fake_make(void);
void fake_unmake(void);

/* Puts work into a stream, or into the graph that it captures; `job` of `size` bytes is copied. */
cudaError_t fake_enqueue(cudaStream_t stream, void (*work)(const void *job), const void *job,
                         size_t size);

/* The block of device memory that holds all of the range; ends the test when there is none. */
const void *fake_block(const void *at, size_t size, const char *what);

void fake_lock(void); /* one thread at a time; may be nested */
void fake_unlock(void);
bool fake_is_broken(void);
cudaStream_t fake_stream_of(void *cudnn_handle);

#endif
