/* A libnvidia-ml.so.1 of as many GPUs as the environment asks for, each with known figures:
 *
 *   FAKE_GPUS=N       how many
 *   FAKE_MIG=I        GPU I is divided into instances 0 and 2
 *   FAKE_LOST=I       GPU I has fallen off the bus
 *   FAKE_SILENT=I     GPU I supports no figure at all */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, GPU_IS_LOST = 15, INSTANCE = 1000 };

struct use {
    unsigned gpu, memory;
};

struct memory {
    unsigned long long total, free, used;
};

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **out);
int nvmlDeviceGetName(void *d, char *out, unsigned size);
int nvmlDeviceGetUUID(void *d, char *out, unsigned size);
int nvmlDeviceGetUtilizationRates(void *d, struct use *out);
int nvmlDeviceGetMemoryInfo(void *d, struct memory *out);
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *out);
int nvmlDeviceGetPowerUsage(void *d, unsigned *out);
int nvmlDeviceGetEnforcedPowerLimit(void *d, unsigned *out);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *out);
int nvmlDeviceGetTotalEccErrors(void *d, int type, int counter, unsigned long long *out);
int nvmlDeviceGetMigMode(void *d, unsigned *now, unsigned *pending);
int nvmlDeviceGetMigDeviceHandleByIndex(void *d, unsigned i, void **out);

static long setting(const char *name, long otherwise)
{
    const char *value = getenv(name);

    return value ? strtol(value, NULL, 10) : otherwise;
}

/* A handle is the GPU's number + 1, an instance's INSTANCE * that + its own. */
static long number_of(const void *d)
{
    return (long)(intptr_t)d - 1;
}

static int status_of(const void *d)
{
    long gpu = number_of(d);

    return gpu == setting("FAKE_LOST", -1)     ? GPU_IS_LOST
           : gpu == setting("FAKE_SILENT", -1) ? NOT_SUPPORTED
                                               : 0;
}

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = (unsigned)setting("FAKE_GPUS", 0);
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **out)
{
    *out = (void *)(intptr_t)(i + 1);
    return (long)i == setting("FAKE_LOST", -1) ? GPU_IS_LOST : 0;
}

int nvmlDeviceGetName(void *d, char *out, unsigned size)
{
    snprintf(out, size, "Fake GPU of the year");
    return status_of(d);
}

int nvmlDeviceGetUUID(void *d, char *out, unsigned size)
{
    long n = number_of(d) + 1;

    if (n >= INSTANCE)
        snprintf(out, size, "MIG-%ld%ld-aaaa", n / INSTANCE - 1, n % INSTANCE);
    else
        snprintf(out, size, "GPU-%ld-bbbb", n - 1);
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *d, struct use *out)
{
    *out = (struct use){.gpu = 50 + (unsigned)number_of(d), .memory = 1};
    return status_of(d);
}

int nvmlDeviceGetMemoryInfo(void *d, struct memory *out)
{
    *out = (struct memory){.total = 8ULL << 30, .used = 2ULL << 30, .free = 6ULL << 30};
    return status_of(d);
}

int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *out)
{
    *out = 71;
    return sensor ? NOT_SUPPORTED : status_of(d);
}

int nvmlDeviceGetPowerUsage(void *d, unsigned *out)
{
    *out = 412500;
    return status_of(d);
}

int nvmlDeviceGetEnforcedPowerLimit(void *d, unsigned *out)
{
    *out = 700000;
    return status_of(d);
}

/* Idle, which is no trouble, the power cap, and the two kinds of heat. */
int nvmlDeviceGetCurrentClocksThrottleReasons(void *d, unsigned long long *out)
{
    *out = number_of(d) == 0 ? 0x1 : 0x1 | 0x4 | 0x20 | 0x40;
    return status_of(d);
}

int nvmlDeviceGetTotalEccErrors(void *d, int type, int counter, unsigned long long *out)
{
    *out = type == 1 && counter == 0 ? 3 : 99;
    return status_of(d);
}

int nvmlDeviceGetMigMode(void *d, unsigned *now, unsigned *pending)
{
    *now = number_of(d) == setting("FAKE_MIG", -1);
    *pending = 0;
    return status_of(d);
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *d, unsigned i, void **out)
{
    *out = (void *)(intptr_t)((number_of(d) + 1) * INSTANCE + i);
    return i == 0 || i == 2 ? 0 : NOT_FOUND;
}
