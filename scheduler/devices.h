/* devices.h -- which GPUs the workers of this machine get, one worker process (or --workers of them)
 * for each.
 *
 * Number N of "cuda:N" counts what CUDA_VISIBLE_DEVICES allows, the GPUs in the order of their PCI bus,
 * one that is divided (MIG) standing for its instances. Where cards differ CUDA itself counts so only
 * with CUDA_DEVICE_ORDER=PCI_BUS_ID; UUIDs name the same card everywhere. A worker sees nothing but its
 * own device: its CUDA_VISIBLE_DEVICES holds that one's UUID. */
#ifndef SCHEDULER_DEVICES_H
#define SCHEDULER_DEVICES_H

#include "common/err.h"
#include "scheduler/nvml.h"

enum { DEVICES_MAX = STATS_GPUS_MAX * NVML_MIG_MAX };

struct device {
    char name[16];             /* "cuda:3" */
    char uuid[NVML_UUID_SIZE]; /* "" = not known: the worker finds it by its name */
    int gpu;                   /* as nvml.h counts; -1 when not known */
};

/* What `visible` (a CUDA_VISIBLE_DEVICES, NULL = not set) leaves of the GPUs; returns how many. As in
 * CUDA, a list ends before its first entry that names nothing. */
int devices_visible(const struct nvml *nvml, const char *visible, struct device out[DEVICES_MAX]);

/* The devices out of the `n_visible` that the setting `wish` means: "cpu", "auto", "cuda:N" or several
 * of those with commas. 0 devices: the processor. "auto" takes every visible one if `can_gpu` (asked
 * only then) says that the workers can use GPUs. Without NVML "cuda:N" is believed. ERR_CONFIG: no
 * such device, or no such word. */
int devices_choose(const char *wish, const struct device *visible, int n_visible,
                   bool (*can_gpu)(void), struct device out[DEVICES_MAX], int *n, struct err *err);

/* Asks the program lentigo-worker. */
bool devices_worker_can_gpu(void);

#endif
