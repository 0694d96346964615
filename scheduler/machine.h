/* machine.h -- load of the machine: processors from /proc/stat, GPUs through NVML when it is there. */
#ifndef SCHEDULER_MACHINE_H
#define SCHEDULER_MACHINE_H

#include <stdint.h>

#include "scheduler/devices.h"

struct machine {
    int64_t busy, total;                /* clock ticks of all cores at the last look */
    struct nvml *nvml;                  /* NULL: no GPU */
    struct device devices[DEVICES_MAX]; /* what CUDA_VISIBLE_DEVICES allows */
    int n_devices;
};

void machine_open(struct machine *m);
void machine_close(struct machine *m);

/* Share of all cores' time at work since the last call, 0..1; NAN at the first. */
double machine_cpu(struct machine *m);

/* Those that hold a visible device; returns how many. Milliseconds each. */
int machine_gpus(const struct machine *m, struct stats_gpu out[STATS_GPUS_MAX]);

#endif
