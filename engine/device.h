/* device.h -- what the engine can run on here: the processor, always, and what a backend of this
 * build finds besides. */
#ifndef ENGINE_DEVICE_H
#define ENGINE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum { ENGINE_DEVICES_MAX = 64 };

struct engine_device {
    char name[16];        /* as --device takes it: "cpu", "cuda:0" */
    char kind[8];         /* "cpu", "cuda" */
    char description[96]; /* the maker's name */
    int64_t memory_bytes; /* its own, -1 = not known */
    char uuid[48];        /* "GPU-...", "MIG-...", "" */
};

/* The processor first; returns how many. A device that is there but that no backend of this build can
 * use is not among them. May take a second with a GPU. */
int engine_devices(struct engine_device out[ENGINE_DEVICES_MAX]);

/* Is there a `name` among these? */
bool device_is_listed(const struct engine_device *list, int n, const char *name);

#endif
