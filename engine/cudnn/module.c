/* The module's table (cudnn_module.h). */
#include "engine/cudnn_module.h"

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "engine/cudnn/gpus.h"

static void versions(struct cudnn_versions *out)
{
    *out = (struct cudnn_versions){.cudnn = (int)cudnnGetVersion()};
    /* Neither fails for want of a driver, and 0 says what there is to say. */
    cudaRuntimeGetVersion(&out->runtime);
    cudaDriverGetVersion(&out->driver);
}

__attribute__((visibility("default"))) const struct cudnn_module lentigo_cudnn_module = {
    .versions = versions,
    .gpus = gpus_list,
    .backend = &backend_cudnn,
    .learner = &learn_backend_cudnn,
};
