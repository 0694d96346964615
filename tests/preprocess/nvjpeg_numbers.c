/* preprocess/nvjpeg.c writes NVIDIA's numbers out so that it builds without their headers; where nvjpeg.h
 * is found, this does not compile unless they are the same. */
#include "preprocess/nvjpeg.c"

#include <nvjpeg.h>

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)

SAME(NVJPEG_BACKEND_CORES, NVJPEG_BACKEND_GPU_HYBRID);
SAME(NVJPEG_BACKEND_ENGINE, NVJPEG_BACKEND_HARDWARE);
SAME(NVJPEG_RGB_INTERLEAVED, NVJPEG_OUTPUT_RGBI);
SAME(NVJPEG_STRICT, NVJPEG_FLAGS_BITSTREAM_STRICT);
#ifdef NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION
SAME(NVJPEG_INTERPOLATES, NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION);
#endif
SAME(NVJPEG_CHANNELS, NVJPEG_MAX_COMPONENT);
SAME(CUDA_STREAM_NON_BLOCKING, cudaStreamNonBlocking);
SAME(sizeof(struct nvjpeg_image), sizeof(nvjpegImage_t));
SAME(offsetof(struct nvjpeg_image, pitch), offsetof(nvjpegImage_t, pitch));
