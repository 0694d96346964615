/* nvml.h -- what NVIDIA's management library tells of the machine's GPUs; the only file that knows it.
 *
 * libnvidia-ml.so.1 comes with the driver, so it is looked for at run time: a machine without it has
 * no GPUs. Neither its header nor CUDA is needed to build this. A figure that a GPU does not tell is
 * NAN or -1; one that was told stays nowhere: each call asks anew. */
#ifndef SCHEDULER_NVML_H
#define SCHEDULER_NVML_H

#include "queue/stats.h"

enum { NVML_MIG_MAX = 8, NVML_UUID_SIZE = 96 };

struct nvml;

/* What one GPU is for CUDA: itself, or the instances that it is divided into (MIG). */
struct nvml_parts {
    char uuid[NVML_UUID_SIZE];
    bool is_divided;
    int n; /* instances */
    char instances[NVML_MIG_MAX][NVML_UUID_SIZE];
};

struct nvml *nvml_open(void);    /* NULL without a driver or a GPU */
void nvml_close(struct nvml *n); /* NULL is fine */

/* GPUs in the order of their PCI bus, as nvidia-smi numbers them; at most STATS_GPUS_MAX. */
int nvml_count(const struct nvml *n);

void nvml_parts(const struct nvml *n, int gpu, struct nvml_parts *out);
void nvml_look(const struct nvml *n, int gpu, struct stats_gpu *out);

#endif
